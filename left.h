/* SPDX-License-Identifier: ISC */
/* What a program left behind when it ended: a daemon that has gone into the background, which is
 * why its service seems to have ended. */
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

/* Looks for a process that a program of dinit's, which has ended and been reaped, left behind: an
 * orphan in the session that the program (its PID was ended) led, else one in the session of no
 * program, if it is new, or if it was terminated or adopted within LEFT_MS and no other service
 * runs. With ignore, only the session counts. Filters, and what DINIT_KEEP names, are never meant.
 * Returns whether there is one, and fills *left; false as well where /proc does not tell. */
bool left_find(const struct policy *policy, pid_t ended, struct left *left);

#endif
