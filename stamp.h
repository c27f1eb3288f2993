/* SPDX-License-Identifier: ISC */
/* Wall clock time as text: RFC 3339, UTC, milliseconds. */
#ifndef DINIT_STAMP_H
#define DINIT_STAMP_H

#include <stdint.h>

/* 2026-11-22T06:03:40.642Z */
#define STAMP_LEN 24

/* The time stamp that was made last, so that the calendar is worked out once a second, and
 * nothing at all within a millisecond. Zero it before its first use. */
struct stamp {
	/* Without a terminating NUL. */
	char text[STAMP_LEN];
	/* The text was made from these, once valid is not 0. */
	int64_t second;
	int32_t millisecond;
	int valid;
};

/* Brings the stamp up to date with CLOCK_REALTIME. */
void stamp_now(struct stamp *stamp);

/* Sets the stamp to a given time: seconds since 1970 (from year 0 to 9999; others are held at that
 * bound) and milliseconds (0 to 999). */
void stamp_set(struct stamp *stamp, int64_t second, int32_t millisecond);

#endif
