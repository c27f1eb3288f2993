/* SPDX-License-Identifier: ISC */
/* What a program left behind when it ended: a daemon that has gone into the background, which is
 * why its service seems to have ended; or a filter that has its last lines. */
#ifndef DINIT_LEFT_H
#define DINIT_LEFT_H

#include "policy.h"

#include <stdbool.h>
#include <sys/types.h>

/* How long after an orphan was terminated or adopted a program may end and still be the one that
 * left it behind: a script that starts a daemon often waits a little before it ends. */
#define LEFT_MS 2000

struct left {
	/* As the label of the orphan has it. */
	char name[PROCFS_NAME_SIZE];
	pid_t pid;
};

/* Looks for a process that a program of dinit's left behind. The program has ended and been reaped,
 * and its PID was `ended`. The process is an orphan that is new or was terminated or adopted within
 * LEFT_MS: one in the session that the program led, else one in the session of no program (in the
 * case of LEFT_MS only where no other service runs, and nobody else may have started it: the leader
 * of its session is the orphan itself, or has gone and no program of dinit's has ended yet). With
 * ignore every orphan is new, and only the session of the program counts. Filters, and what
 * DINIT_KEEP names, are not meant: they are there on purpose. left->pid is 0, or is what an earlier
 * search has found, which may have been terminated or adopted since. Returns whether there is such
 * a process, and fills *left; false as well where /proc does not tell. */
bool left_find(const struct policy *policy, pid_t ended, struct left *left);

/* Returns whether a filter (filter.h) is among the orphans, which may still have the last lines of
 * a program that has ended; false as well where /proc does not tell. */
bool left_has_filter(const struct policy *policy);

#endif
