/* SPDX-License-Identifier: ISC */
/* Owns the choice of the exit status (dinit(8), EXIT STATUS); not the words for the cause.
 * Invariant: the cause is set once, and the status with it; only the command's end changes that,
 * after a signal. */
#include "verdict.h"

#include "process.h"
#include "reaper.h"

void verdict_note_failure(struct verdict *verdict, int status)
{
	if (verdict->cause != VERDICT_NONE)
		return;
	verdict->cause = VERDICT_INSIDE;
	verdict->status = status;
}

void verdict_note_stop(struct verdict *verdict)
{
	if (verdict->cause == VERDICT_NONE)
		verdict->cause = VERDICT_OUTSIDE;
}

void verdict_note_end(struct verdict *verdict, int wait_status)
{
	int status = wait_status != 0 ? PROCESS_STATUS_FAILED : PROCESS_STATUS_STOPPED;

	switch (verdict->exit_status) {
	case CONFIG_EXIT_STATUS_SERVICE: status = reaper_count_status(wait_status); break;
	case CONFIG_EXIT_STATUS_DINIT: break;
	}
	verdict_note_failure(verdict, status);
}

void verdict_note_command_end(struct verdict *verdict, int wait_status)
{
	int status = reaper_count_status(wait_status);

	if (verdict->cause == VERDICT_OUTSIDE)
		verdict->status = status;
	else
		verdict_note_failure(verdict, status);
}
