/* SPDX-License-Identifier: ISC */
/* Owns the words about programs whose failure has no consequences; not when they are run.
 * Invariant: each failure is one warning. */
#include "hook.h"

#include "log.h"

bool hook_start(struct program *program, const struct program_spec *spec)
{
	struct program_spec beside = *spec;
	char reason[PROGRAM_REASON_SIZE];

	/* Nothing depends on the program, so dinit need not wait until it runs: its file may be on
	 * a server that is dead. */
	beside.unwaited = true;
	beside.out_stage = program->stage;
	if (program_start(program, &beside, reason) == 0)
		return true;
	log_warn("%s/%s: cannot be started: %s", program->service, program->stage, reason);
	return false;
}

void hook_say_end(const struct reaper_end *end, const char *failure)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(end->status, how);
	if (failure)
		log_warn("%s/%s: cannot be started: %s", end->name, end->stage, failure);
	else if (end->status != 0)
		log_warn("%s/%s: PID %d %s", end->name, end->stage, end->pid, how);
	else
		reaper_say_end(end);
}
