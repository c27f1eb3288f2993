/* SPDX-License-Identifier: ISC */
/* What began the teardown, and with which status dinit exits for it. The first cause decides both,
 * but the status of a command counts after a signal, too. Writes no message. */
#ifndef DINIT_VERDICT_H
#define DINIT_VERDICT_H

#include "config.h"

#include <stdbool.h>

enum verdict_cause {
	/* No teardown has begun. */
	VERDICT_NONE,
	/* A signal, even if a process inside has sent it. DINIT_STOP_DELAY is for this one. */
	VERDICT_OUTSIDE,
	/* What dinit found out itself. DINIT_STOP_TIMEOUT is for this one. (Any signal, the first
	 * or a later one, starts DINIT_GRACE_PERIOD.) */
	VERDICT_INSIDE,
};

struct verdict {
	/* DINIT_EXIT_STATUS. */
	enum config_exit_status exit_status;
	enum verdict_cause cause;
	/* What dinit exits with. */
	int status;
};

/* Each of these notes a cause of the teardown, and changes nothing where there is one already.
 * _stop: a signal that stops the container. _failure: something else, for which dinit exits with
 * that status. _end: a program of a service or an adopted process has ended, with that status as of
 * wait(2). */
void verdict_note_stop(struct verdict *verdict);
void verdict_note_failure(struct verdict *verdict, int status);
void verdict_note_end(struct verdict *verdict, int wait_status);

/* Notes that the command has ended: it is a cause like those above, and its status becomes dinit's
 * own. That is so as well where a signal had begun the teardown. */
void verdict_note_command_end(struct verdict *verdict, int wait_status);

#endif
