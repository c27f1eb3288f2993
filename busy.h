/* SPDX-License-Identifier: ISC */
/* Whether what a program writes comes in so many small pieces that it is not worth while to be
 * woken for each. Pure functions: no I/O, no allocation. */
#ifndef DINIT_BUSY_H
#define DINIT_BUSY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a source. When it is zeroed it is not busy. All of it is busy.c's. */
struct busy {
	/* It is busy, as of the last read. */
	bool now;
	/* How many reads have given a little within one millisecond, and which that is. */
	unsigned little_reads;
	uint64_t little_ms;
};

/* Takes note of a read that gave len bytes, at now_ms of any clock; 0: there was nothing to read.
 * Returns whether the source is busy: then it should be read again in a moment
 * (LOOP_MOMENT_NS in loop.h), and not be watched until then. */
bool busy_note(struct busy *busy, uint64_t now_ms, size_t len);

#endif
