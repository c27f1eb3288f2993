/* SPDX-License-Identifier: ISC */
/* How many warnings about the orphans of one program are written: a program that leaves orphans all
 * the time shall not flood the log. After RATION_WARNINGS of them within a minute, one line a
 * minute says how many more there were, until a minute has passed without any. */
#ifndef DINIT_RATION_H
#define DINIT_RATION_H

#include "loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATION_WARNINGS 10
#define RATION_MINUTE_MS 60000
/* Of so many programs the warnings are counted; of a further one the count begins anew, in place of
 * that for which it began first. */
#define RATION_PROGRAMS 32

struct ration_entry {
	/* NULL where it counts for no program yet. */
	char *program;
	/* When its minute began. */
	uint64_t began_ms;
	/* In this minute. */
	unsigned written, withheld;
	/* Nothing is written in this minute, because some was withheld in the one before. */
	bool exhausted;
};

struct ration {
	struct loop *loop;
	struct ration_entry entries[RATION_PROGRAMS];
	struct loop_timer timer;
};

/* Prepares the counts. */
void ration_init(struct ration *ration, struct loop *loop);

/* Returns whether one more warning about an orphan of that program, which is terminated, is to be
 * written; else it is counted. Sets *first to whether it is the first one (false where memory is
 * lacking: then it is not counted). */
bool ration_take(struct ration *ration, const char *program, bool *first);

/* Says now how many were not written, if any, and stops the timer. */
void ration_say_rest(struct ration *ration);

/* Frees what ration_take allocated. */
void ration_close(struct ration *ration);

#endif
