/* SPDX-License-Identifier: ISC */
/* What began the teardown, and with which status dinit exits for it: the first cause decides both.
 * Says nothing. */
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

/* Each of these is a cause of the teardown, unless there is one already: a signal that stops the
 * container, something else for which dinit exits with that status, the end of a program or of an
 * adopted process with that status as of wait(2). */
void verdict_note_stop(struct verdict *verdict);
void verdict_note_failure(struct verdict *verdict, int status);
void verdict_note_end(struct verdict *verdict, int wait_status);

/* In the same way, the end of the command: its status is dinit's own, also where a signal had begun
 * the teardown. */
void verdict_note_command_end(struct verdict *verdict, int wait_status);

#endif
