/* SPDX-License-Identifier: ISC */
/* Owns how many are many, and how much is a little; not the waiting. */
#include "busy.h"

#include <limits.h>

/* Where a program writes line by line, as fast as it can, it costs most to be woken for each line,
 * and that costs the program as well: the kernel runs the wake-up in each write to a pipe that is
 * watched (pipe_write() of Linux). So many reads within a millisecond, none of which gave more than
 * a little, make a source busy. It is that until a read gives nothing, or so much that the pipe,
 * which holds twice as much, could be full before the next. */
#define MANY_READS 8
#define A_LITTLE PIPE_BUF
#define MUCH (32 * 1024)

static bool gets_busy(struct busy *busy, uint64_t now_ms, size_t len)
{
	if (len > A_LITTLE || now_ms != busy->little_ms)
		busy->little_reads = 0;
	busy->little_ms = now_ms;
	return len <= A_LITTLE && ++busy->little_reads == MANY_READS;
}

bool busy_note(struct busy *busy, uint64_t now_ms, size_t len)
{
	busy->now = len > 0 && (busy->now ? len < MUCH : gets_busy(busy, now_ms, len));
	return busy->now;
}
