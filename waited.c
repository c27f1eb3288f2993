/* SPDX-License-Identifier: ISC */
/* Owns the words for what a teardown waits for; not the waiting. Invariant: the text is as long as
 * the first WAITED_NAMED_MAX names, however many there are. */
#include "waited.h"

#include <stdio.h>
#include <string.h>

/* Room for " and ... more". */
#define MORE_SIZE 32

/* The names, as they are collected. */
struct names {
	char *text;
	size_t len;
	const struct services *services;
	/* How many there are, those included that are not named. */
	unsigned count;
};

/* Adds a name as "<what><name><stage> (PID 7)"; what ("the filter ") and stage ("/run") may be
 * empty. */
static void add_name(struct names *names, const char *what, const char *name, const char *stage,
		     pid_t pid)
{
	size_t room = WAITED_TEXT_SIZE - MORE_SIZE - names->len;
	int len;

	if (names->count++ >= WAITED_NAMED_MAX)
		return;
	len = snprintf(names->text + names->len, room, "%s%s%s%s (PID %d)",
		       names->count > 1 ? ", " : "", what, name, stage, pid);
	if (len > 0)
		names->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* Returns whether the program is what is waited for in this phase of the teardown: a prestop, the
 * command, or any. */
static bool is_waited_for(const struct services *services, const struct program *program)
{
	switch (services->phase) {
	case SERVICES_UP:
	case SERVICES_DELAYED: return strcmp(program->stage, "prestop") == 0;
	case SERVICES_COMMAND_STOPPED: return program == services_find_command(services);
	case SERVICES_STOPPED:
	case SERVICES_KILLED: break;
	}
	return true;
}

static void on_program(void *ctx, const struct program *program)
{
	const struct names *names = ctx;
	char stage[32];

	if (!is_waited_for(names->services, program))
		return;
	snprintf(stage, sizeof stage, "/%s", program->stage);
	add_name(ctx, "", program->service, stage, program->watch.pid);
}

static void add_orphan(struct names *names, const struct policy *policy,
		       const struct orphan *orphan)
{
	struct procfs_command command = { .program = "" };

	if (names->count < WAITED_NAMED_MAX)
		orphan_read_command(orphan, policy->proc, &command);
	add_name(names, orphan->state == ORPHAN_FILTER ? "the filter " : "the orphan ",
		 command.program, "", orphan->pid);
}

/* Adds the orphans that are waited for: with ignore only filters, which are DYING once they were
 * killed. */
static void add_orphans(struct names *names, const struct policy *policy)
{
	static const enum orphan_state states[] = { ORPHAN_FILTER, ORPHAN_DYING, ORPHAN_TERMINATED,
						    ORPHAN_YOUNG, ORPHAN_UNSETTLED };
	size_t len = policy->reparenting == CONFIG_REPARENTING_IGNORE
			     ? 2
			     : sizeof states / sizeof *states;

	for (size_t i = 0; i < len; i++)
		for (const struct orphan *orphan = orphans_first(&policy->orphans, states[i]);
		     orphan; orphan = orphan->next)
			add_orphan(names, policy, orphan);
}

/* Returns whether it waits for orphans because a look could not find out whether there are any. */
static bool waits_for_unseen(const struct policy *policy)
{
	return policy->reparenting != CONFIG_REPARENTING_IGNORE && !policy->look_pending &&
	       policy_has_to_wait(policy);
}

bool waited_describe(const struct services *services, const struct policy *policy,
		     char text[WAITED_TEXT_SIZE])
{
	struct names names = { .text = text, .services = services };

	text[0] = '\0';
	services_list_running(services, on_program, &names);
	if (services->phase >= SERVICES_STOPPED)
		add_orphans(&names, policy);
	if (names.count == 0 && services->phase >= SERVICES_STOPPED && waits_for_unseen(policy)) {
		snprintf(text, WAITED_TEXT_SIZE, "processes that %s does not show",
			 policy->proc->root);
		return true;
	}
	if (names.count > WAITED_NAMED_MAX)
		snprintf(text + names.len, WAITED_TEXT_SIZE - names.len, " and %u more",
			 names.count - WAITED_NAMED_MAX);
	return names.count > 0;
}
