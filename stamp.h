/* SPDX-License-Identifier: ISC */
/* Times as text: the wall clock's (RFC 3339, UTC, milliseconds), and how long something took. */
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

/* Room for a duration, with the terminating NUL. */
#define STAMP_DURATION_SIZE 32

/* Writes a duration in words, in at most two units: "0.4 s" (tenths below 10 s), "12 s",
 * "3 min 12 s", "5 h 3 min", "3 d 5 h". What is left over is dropped. */
void stamp_duration(uint64_t ms, char text[STAMP_DURATION_SIZE]);

#endif
