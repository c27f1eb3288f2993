/* SPDX-License-Identifier: ISC */
/* dinit --wait: until services are ready, or have ended. */
#ifndef DINIT_CLIENT_WAIT_H
#define DINIT_CLIENT_WAIT_H

#include "client/view.h"

#include <sys/types.h>

/* What is waited for. */
enum wait_goal {
	/* That it is ready or done. */
	WAIT_READY,
	/* That its run has ended. */
	WAIT_ENDED,
};

enum wait_verdict {
	/* It is so. */
	WAIT_REACHED,
	/* It is not so yet. */
	WAIT_PENDING,
	/* It cannot come about any more. */
	WAIT_HOPELESS,
};

/* Judges a service of the snapshot. Where the goal is not reached, why says in what state it is, or
 * why it cannot be reached. */
enum wait_verdict wait_judge(const struct snapshot *snapshot, const struct view_service *service,
			     enum wait_goal goal, char why[VIEW_WHY_SIZE]);

/* Waits for services of the dinit with that PID (0: as view_open chooses), and executes a command
 * then, if there is one. arguments are those behind --wait. Returns the exit status, or -1 where
 * the arguments are not what it takes; does not return where the command was executed. */
int wait_run(char *const *arguments, pid_t pid);

#endif
