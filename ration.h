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
/* The warnings of so many programs are counted. One program more takes the place of the one whose
 * minute began first. */
#define RATION_PROGRAMS 32

struct ration_entry {
	/* NULL where it counts for no program yet. */
	char *program;
	/* When its minute began. */
	uint64_t began_ms;
	/* How many warnings in this minute. */
	unsigned written, withheld;
	/* Nothing is written in this minute, because some were withheld in the one before. */
	bool exhausted;
};

struct ration {
	struct loop *loop;
	struct ration_entry entries[RATION_PROGRAMS];
	struct loop_timer timer;
};

/* Prepares the counts. */
void ration_init(struct ration *ration, struct loop *loop);

/* Writes the warning that an orphan of that program is terminated, with its label and its command
 * line; where there were many alike it is only counted as withheld. Returns whether it is written.
 * If the program may be left alone, the first one that is counted for it says how. Where memory is
 * lacking it is written, but neither counted nor the first. */
bool ration_warn(struct ration *ration, const char *program, const char *label, const char *line,
		 bool may_keep);

/* Says now how many warnings were withheld, if any, and stops the timer. */
void ration_say_rest(struct ration *ration);

/* Frees what was allocated for the counts. */
void ration_close(struct ration *ration);

#endif
