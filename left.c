/* SPDX-License-Identifier: ISC */
/* Owns the guess which processes a program left behind; not what becomes of that process.
 * Invariant: it only looks, and never names a process in the session of another program. */
#include "left.h"

#include "filter.h"
#include "names.h"
#include "program.h"

#include <string.h>
#include <unistd.h>

struct left_search {
	const struct policy *policy;
	pid_t ended;
	struct left *left;
	bool found;
	/* The process that was found is in the session of the program. */
	bool certain;
	/* Other services run, and an earlier orphan may be theirs. */
	bool others;
};

/* Returns whether the process may have been left behind just now: no look has found it yet, or what
 * becomes of it is still to be decided. An ignored one counts for ever: it goes on as it was. */
static bool is_new(const struct policy *policy, pid_t pid)
{
	const struct orphan *orphan = orphan_find(&policy->orphans, pid);

	if (!orphan)
		return !reaper_find(policy->reaper, pid);
	return orphan->state == ORPHAN_YOUNG || orphan->state == ORPHAN_UNSETTLED ||
	       orphan->state == ORPHAN_IGNORED;
}

/* Takes a process for the one that was left behind, unless it is there on purpose. */
static void take(struct left_search *search, pid_t pid, bool certain)
{
	const struct policy *policy = search->policy;
	struct procfs_command command;

	if (filter_is(policy->proc, policy->mux, pid))
		return;
	procfs_read_command(policy->proc, pid, &command);
	if (names_match(policy->keep, command.program))
		return;
	strcpy(search->left->name, command.program);
	search->left->pid = pid;
	search->found = true;
	search->certain = certain;
}

static void on_left_child(void *ctx, pid_t pid)
{
	struct left_search *search = ctx;
	const struct policy *policy = search->policy;
	const struct program *program = program_find(policy->reaper, pid);
	struct procfs_stat stat;
	bool certain;

	if (program)
		search->others |= strcmp(program->stage, "run") == 0;
	if (search->certain || !is_new(policy, pid) ||
	    procfs_read_stat(policy->proc, pid, &stat) < 0 || reaper_is_zombie(pid))
		return;
	certain = stat.session == search->ended;
	if (certain || (!search->found && policy->reparenting != CONFIG_REPARENTING_IGNORE &&
			!program_find(policy->reaper, stat.session)))
		take(search, pid, certain);
}

/* Returns whether the orphan that was terminated or adopted last was left behind by the program.
 * found: what an earlier search has found, or 0. */
static bool is_last(const struct left_search *search, pid_t found)
{
	const struct policy_last *last = &search->policy->last;

	return last->pid != 0 && loop_now_ms(search->policy->loop) - last->ms <= LEFT_MS &&
	       (last->pid == found || last->session == search->ended ||
		(last->session == 0 && !search->others));
}

bool left_find(const struct policy *policy, pid_t ended, struct left *left)
{
	struct left_search search = { .policy = policy, .ended = ended, .left = left };
	pid_t found = left->pid;

	if (policy->blind)
		return false;
	procfs_each_child(policy->proc, getpid(), on_left_child, &search);
	if (search.found)
		return true;
	if (!is_last(&search, found))
		return false;
	strcpy(left->name, policy->last.name);
	left->pid = policy->last.pid;
	return true;
}

static void on_possible_filter(void *ctx, pid_t pid)
{
	struct left_search *search = ctx;
	const struct policy *policy = search->policy;

	search->found = search->found || (!program_find(policy->reaper, pid) &&
					  filter_is(policy->proc, policy->mux, pid));
}

bool left_has_filter(const struct policy *policy)
{
	struct left_search search = { .policy = policy };

	if (!policy->blind)
		procfs_each_child(policy->proc, getpid(), on_possible_filter, &search);
	return search.found;
}
