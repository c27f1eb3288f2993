/* SPDX-License-Identifier: ISC */
/* Owns what becomes of the living orphans, and when it looks for them; not their records (orphan),
 * nor their deaths (reaper), nor how the output of one is redirected (adopt). Invariant: the state
 * of an orphan alone says what falls due, and what its end means. */
#include "policy.h"

#include "adopt/adopt.h"
#include "filter.h"
#include "log.h"
#include "names.h"
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Room for a program's name, a slash and a PID. */
#define LABEL_SIZE (PROCFS_NAME_SIZE + 12)
/* Room for a PID in digits. */
#define PID_SIZE (3 * sizeof(pid_t) + 1)
/* An orphan that is not at rest (filter_rest) is looked at again: after POLICY_MATURE_MS each of
 * the first times, for most are soon, then after UNSETTLED_MS. A second is enough for a shell on a
 * busy machine to set up its filter, and for a disk to answer, mostly. */
#define UNSETTLED_MS 100
#define DELAYS_SHORT 3
#define DELAYS_MAX 12
/* How long after an orphan was found it is decided about, at the latest. */
#define DECIDED_MS \
	((DELAYS_SHORT + 1) * POLICY_MATURE_MS + (DELAYS_MAX - DELAYS_SHORT) * UNSETTLED_MS)
/* How long filters have in a teardown after the end of their input, and with ignore after that of
 * the last program: well within the time that container engines give a container to stop. */
#define FILTERS_MS 5000
/* How often a teardown looks whether inputs of filters have ended. */
#define REVIEW_MS 1000

/* ---- what becomes of an orphan ---- */

static struct policy *policy_of(const struct orphan *orphan)
{
	return orphan->all->owner;
}

/* Reads what the orphan is called from now on, whatever becomes of it, and formats its label. */
static void read_orphan_name(struct orphan *orphan, struct procfs_command *command,
			     char label[LABEL_SIZE])
{
	orphan_read_command(orphan, policy_of(orphan)->proc, command);
	orphan_set_program(orphan, command->program);
	snprintf(label, LABEL_SIZE, "%s/%d", command->program, orphan->pid);
}

/* Kills an orphan, if it has not ended meanwhile (dinit may have been stopped, or late). The
 * message is a warning, unless the warning that the orphan is terminated was withheld. */
static void kill_orphan(struct orphan *orphan)
{
	if (!reaper_is_zombie(orphan->pid)) {
		struct procfs_command command;
		char label[LABEL_SIZE];

		read_orphan_name(orphan, &command, label);
		(orphan->unsaid ? log_info : log_warn)("%s: orphan is still running: killing it",
						       label);
		signaller_send(policy_of(orphan)->signaller, orphan->pid, SIGKILL, label);
		policy_of(orphan)->counts.killed++;
	}
	orphan_set_state(orphan, ORPHAN_DYING);
}

static void terminate_orphan(struct orphan *orphan, const char *label)
{
	if (orphan->adopt)
		adopt_cancel(orphan->adopt);
	signaller_stop(policy_of(orphan)->signaller, orphan->pid, SIGTERM, label);
	policy_of(orphan)->counts.terminated++;
	orphan_set_state(orphan, ORPHAN_TERMINATED);
}

/* Terminates, in a teardown, an orphan that needs no warning: it was told of when it came to its
 * state. */
static void terminate_known(struct orphan *orphan)
{
	struct procfs_command command;
	char label[LABEL_SIZE];

	read_orphan_name(orphan, &command, label);
	terminate_orphan(orphan, label);
}

/* ---- adoption ---- */

static int on_adopt_pipe(void *ctx, int stream, int read_fd)
{
	struct orphan *orphan = ctx;
	char stage[PID_SIZE];
	struct logmux_source_spec spec = {
		.fd = read_fd,
		.service = orphan_program(orphan),
		.stage = stage,
		.stream = stream == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR,
	};

	snprintf(stage, sizeof stage, "%d", orphan->pid);
	/* Its descendants may be redirected after its end: nobody reads their last lines. */
	if (orphan->state == ORPHAN_ADOPTED) {
		spec.last = &orphan->last[spec.stream];
		if (orphan->listed)
			spec.tally = &orphan->listed->tallies[spec.stream];
	}
	return logmux_add(policy_of(orphan)->mux, &spec);
}

static void on_adopt_trouble(void *ctx, pid_t pid, const char *why)
{
	struct orphan *orphan = ctx;

	if (pid == orphan->pid)
		log_warn("%s/%d: its output cannot be redirected: %s", orphan_program(orphan),
			 orphan->pid, why);
	else
		log_warn("%s/%d: the output of its descendant %d cannot be redirected: %s",
			 orphan_program(orphan), orphan->pid, pid, why);
}

static void on_adopt_end(void *ctx)
{
	struct orphan *orphan = ctx;

	orphan->adopt = NULL;
	orphan->watch.on_stop = NULL;
	if (orphan->state == ORPHAN_REAPED)
		orphan_remove(orphan);
}

static void on_orphan_stop(void *ctx, pid_t pid, int status)
{
	struct orphan *orphan = ctx;

	(void)pid;
	adopt_on_stop(orphan->adopt, status);
}

static void adopt_orphan(struct orphan *orphan)
{
	static const struct adopt_hooks hooks = {
		.on_pipe = on_adopt_pipe,
		.on_trouble = on_adopt_trouble,
		.on_end = on_adopt_end,
	};
	struct policy *policy = policy_of(orphan);

	orphan_set_state(orphan, ORPHAN_ADOPTED);
	policy->counts.adopted++;
	orphan->adopted = true;
	orphan->listed = listing_add(&policy->listing, orphan_program(orphan), orphan->pid);
	orphan->adopt = adopt_begin(policy->loop, policy->reaper, policy->proc, orphan->pid, &hooks,
				    orphan);
	if (orphan->adopt)
		orphan->watch.on_stop = on_orphan_stop;
	else
		on_adopt_trouble(orphan, orphan->pid, strerror(errno));
}

/* ---- what falls due ---- */

/* Returns whether an orphan is a filter, and to be waited for. In a teardown, one whose input has
 * long ended is taken to be at work on something else: cron, say, gives an empty pipe to each job.
 * What that has started, which has the same input, has had its time as well. With ignore, and where
 * all else is killed, other limits hold. */
static bool is_filter(struct policy *policy, pid_t pid)
{
	if (!filter_is(policy->proc, policy->mux, pid))
		return false;
	return !policy->teardown || policy->reparenting == CONFIG_REPARENTING_IGNORE ||
	       policy->force != POLICY_FORCE_NONE ||
	       filter_measure_end(&policy->inputs, policy->proc, pid, loop_now_ms(policy->loop)) <
		       FILTERS_MS;
}

static void deal_with_filter(struct orphan *orphan)
{
	if (policy_of(orphan)->force == POLICY_FORCE_ALL) {
		kill_orphan(orphan);
		return;
	}
	log_info("%s/%d: lost its parent and is a filter: waiting until its input ends",
		 orphan_program(orphan), orphan->pid);
	orphan_set_state(orphan, ORPHAN_FILTER);
}

/* Returns whether new orphans are killed, for lack of time. */
static bool is_forced(const struct policy *policy)
{
	return policy->force > POLICY_FORCE_NONE &&
	       policy->reparenting != CONFIG_REPARENTING_IGNORE;
}

static void put_off(struct orphan *orphan)
{
	orphan->delays++;
	orphan_set_state(orphan, orphan->delays <= DELAYS_SHORT ? ORPHAN_YOUNG : ORPHAN_UNSETTLED);
}

/* Notes an orphan that is about to be terminated or adopted. Where the leader of its session has
 * gone, that was a program of dinit's which has ended, or half of a daemon that has forked once
 * more after setsid. */
static void note_last(struct policy *policy, const struct orphan *orphan)
{
	struct procfs_stat stat;

	if (procfs_read_stat(policy->proc, orphan->pid, &stat) < 0)
		return;
	policy->last.pid = orphan->pid;
	policy->last.session = stat.session;
	if (stat.session == orphan->pid ||
	    (!policy->program_ended && !program_find(policy->reaper, stat.session)))
		policy->last.session = 0;
	policy->last.ms = loop_now_ms(policy->loop);
	snprintf(policy->last.name, sizeof policy->last.name, "%s", orphan_program(orphan));
}

/* Does what DINIT_KEEP and the policy say. */
static void deal_with(struct orphan *orphan)
{
	struct policy *policy = policy_of(orphan);
	struct procfs_command command;
	char label[LABEL_SIZE];

	if (policy->reparenting == CONFIG_REPARENTING_IGNORE) {
		orphan_set_state(orphan, ORPHAN_IGNORED);
		return;
	}
	read_orphan_name(orphan, &command, label);
	if (!policy->teardown && names_match(policy->keep, command.program)) {
		log_info("%s: lost its parent, leaving it alone: %s", label, command.line);
		orphan_set_state(orphan, ORPHAN_KEPT);
		return;
	}
	if (!policy->teardown && orphan->state != ORPHAN_FILTER)
		note_last(policy, orphan);
	if (!policy->teardown && policy->reparenting == CONFIG_REPARENTING_ADOPT) {
		log_warn("%s: lost its parent, adopting it: %s", label, command.line);
		adopt_orphan(orphan);
	} else {
		orphan->unsaid = !ration_warn(&policy->ration, command.program, label, command.line,
					      !policy->has_cause);
		terminate_orphan(orphan, label);
	}
}

/* Decides what becomes of a new orphan, or of a filter that has had its time, which /proc shows. It
 * may have ended since the last reaping: then it is a zombie like any other, and not to be adopted.
 * As that can happen at any moment, and a process that ends closes its descriptors first, it is
 * asked last. */
static void decide_seen(struct orphan *orphan)
{
	struct policy *policy = policy_of(orphan);
	bool undecided = orphan->state != ORPHAN_FILTER, early;
	enum filter_rest rest;

	if (undecided && is_filter(policy, orphan->pid)) {
		deal_with_filter(orphan);
		return;
	}
	rest = filter_rest(policy->proc, orphan->pid);
	early = undecided && rest != FILTER_AT_REST && orphan->delays < DELAYS_MAX;
	if ((rest == FILTER_ENDING && !early) || reaper_is_zombie(orphan->pid))
		orphan_set_state(orphan, ORPHAN_DYING);
	else if (is_forced(policy))
		kill_orphan(orphan);
	else if (early)
		put_off(orphan);
	else
		deal_with(orphan);
}

/* Decides the same; what /proc does not show any more is to be found again. */
static void decide(struct orphan *orphan)
{
	const struct policy *policy = policy_of(orphan);

	if (procfs_usable(policy->proc))
		decide_seen(orphan);
	else if (is_forced(policy))
		kill_orphan(orphan);
	else
		orphan_remove(orphan);
}

/* ---- the end of an orphan ---- */

static void tell_adopted_end(struct orphan *orphan, int status)
{
	const struct policy *policy = policy_of(orphan);
	char stage[PID_SIZE];
	struct reaper_end end = {
		.name = orphan_program(orphan),
		.stage = stage,
		.pid = orphan->pid,
		.status = status,
		.last = orphan->last,
	};

	snprintf(stage, sizeof stage, "%d", orphan->pid);
	policy->on_adopted_end(policy->ctx, &end);
}

static void log_end(const char *program, pid_t pid, const char *what, int status)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(status, how);
	log_info("%s/%d: %s %s", program, pid, what, how);
}

/* Notes that a program or a filter has ended, and may have left filters behind: with ignore, a
 * teardown waits until something is decided about what is found soon. */
static void expect_filters(struct policy *policy)
{
	policy->quiet_at_ms = loop_now_ms(policy->loop) + POLICY_LOOK_APART_MS + DECIDED_MS;
}

/* Limits, with ignore, how long a teardown waits for filters from now on: what feeds them may be an
 * orphan that is ignored, and goes on for ever. */
static void limit_wait(struct policy *policy)
{
	uint64_t kill_timeout_ms = policy->orphans.queues[ORPHAN_FILTER].delay_ms;

	policy->wait_until_ms = loop_now_ms(policy->loop) + POLICY_LOOK_APART_MS + DECIDED_MS +
				(kill_timeout_ms < FILTERS_MS ? kill_timeout_ms : FILTERS_MS);
}

/* Says how an orphan has ended, and does what follows from that. */
static void note_orphan_end(struct orphan *orphan, int status)
{
	struct policy *policy = policy_of(orphan);
	const char *what = orphan->state == ORPHAN_INHERITED ? "inherited child" : "orphan";

	if (orphan->state == ORPHAN_ADOPTED) {
		tell_adopted_end(orphan, status);
		return;
	}
	if (orphan->state == ORPHAN_FILTER) {
		what = "filter";
		expect_filters(policy);
	}
	log_end(orphan_program(orphan), orphan->pid, what, status);
}

static void on_orphan_exit(void *ctx, pid_t pid, int status)
{
	struct orphan *orphan = ctx;

	(void)pid;
	note_orphan_end(orphan, status);
	if (orphan->adopted) {
		logmux_move_last(policy_of(orphan)->mux, orphan->last, NULL);
		listing_remove(&policy_of(orphan)->listing, orphan->listed);
		orphan->listed = NULL;
	}
	orphan_set_state(orphan, ORPHAN_REAPED);
	if (orphan->adopt)
		adopt_on_exit(orphan->adopt);
	else
		orphan_remove(orphan);
}

void policy_on_unwatched_end(void *ctx, pid_t pid, int status)
{
	struct policy *policy = ctx;
	char name[PROCFS_NAME_SIZE] = "?";

	policy->counts.zombies++;
	if (!log_enabled(CONFIG_LOG_INFO))
		return;
	/* Another PID namespace's /proc has somebody else under that number. */
	if (procfs_usable(policy->proc))
		procfs_read_comm(policy->proc, pid, name);
	log_end(name, pid, "orphan", status);
}

/* ---- looking for orphans ---- */

static struct orphan *add_orphan(struct policy *policy, pid_t pid, enum orphan_state state)
{
	struct orphan *orphan = orphan_add(&policy->orphans, pid, state);

	if (orphan && log_enabled(CONFIG_LOG_INFO)) {
		char name[PROCFS_NAME_SIZE];

		procfs_read_comm(policy->proc, pid, name);
		orphan_set_program(orphan, name);
	}
	return orphan;
}

/* Takes a living child that nobody watches for an orphan. Where memory is lacking the next look
 * finds it again. (The kernel is asked: what is mounted on /proc may have changed.) */
static void on_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	const struct reaper_watch *watch = reaper_find(policy->reaper, pid);

	if (!watch && !reaper_is_child(pid))
		return;
	if (!watch || !watch->unwaited)
		policy->others_seen = true;
	if (!watch && !reaper_is_zombie(pid))
		add_orphan(policy, pid, ORPHAN_YOUNG);
}

static void on_inherited_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	/* Who loses its parent while the list is read may be in it twice. */
	struct orphan *orphan =
		reaper_find(policy->reaper, pid) ? NULL : add_orphan(policy, pid, ORPHAN_INHERITED);

	if (!orphan)
		return;
	orphan->watch.unwaited = true;
	log_info("%s/%d: was there before dinit, leaving it alone", orphan_program(orphan), pid);
}

/* Looks again at what was taken for a filter. (A shell that waited in "read line < pipe" has
 * another stdin now, too: nothing is to wait for that.) */
static void review_filters(struct policy *policy)
{
	struct orphan *orphan = orphans_first(&policy->orphans, ORPHAN_FILTER), *next;

	policy->review_ms = loop_now_ms(policy->loop) + REVIEW_MS;
	for (; orphan; orphan = next) {
		next = orphan->next;
		if (!is_filter(policy, orphan->pid))
			orphan_set_state(orphan, ORPHAN_YOUNG);
	}
}

/* Finds out whether /proc is there and shows our own processes: a program may mount on it. */
static void look_at_proc(struct policy *policy)
{
	bool was_blind = policy->blind;

	policy->blind = !procfs_usable(policy->proc);
	if (policy->blind && !was_blind && policy->reparenting != CONFIG_REPARENTING_IGNORE)
		log_warn("%s does not show this PID namespace's processes: running orphans "
			 "cannot be found (mount proc there)",
			 policy->proc->root);
}

static void look_for_orphans(struct policy *policy)
{
	policy->looked_ms = loop_now_ms(policy->loop);
	policy->look_pending = false;
	policy->others_seen = false;
	look_at_proc(policy);
	if (!policy->blind && !policy->knows_inherited) {
		policy->knows_inherited = true;
		procfs_each_child(policy->proc, getpid(), on_inherited_child, policy);
	}
	if (!policy->blind && policy->teardown && policy->looked_ms >= policy->review_ms)
		review_filters(policy);
	if (policy->blind)
		policy->others_seen = orphans_any_to_end(&policy->orphans);
	else if (procfs_each_child(policy->proc, getpid(), on_child, policy) < 0)
		policy->others_seen = true;
	loop_timer_start(policy->loop, &policy->look_timer,
			 policy->teardown ? POLICY_LOOK_TEARDOWN_MS : POLICY_LOOK_MS);
}

static void on_look_due(void *ctx)
{
	look_for_orphans(ctx);
}

void policy_children_changed(struct policy *policy, bool program_ended)
{
	uint64_t since = loop_now_ms(policy->loop) - policy->looked_ms;

	policy->program_ended |= program_ended;
	if (program_ended) {
		expect_filters(policy);
		limit_wait(policy);
	}
	if (policy->blind)
		return;
	if (since >= POLICY_LOOK_APART_MS) {
		look_for_orphans(policy);
	} else {
		/* Since the last look others may have come. */
		policy->others_seen = policy->look_pending = true;
		loop_timer_start(policy->loop, &policy->look_timer, POLICY_LOOK_APART_MS - since);
	}
}

bool policy_may_have_orphans(const struct policy *policy)
{
	return policy->others_seen || policy->blind;
}

/* Tells, with ignore, whether a filter is left (if only to be reaped), or may be among what a
 * program or another filter left behind when it ended. What becomes an orphan later need not be
 * waited for. */
static bool may_have_filters(const struct policy *policy)
{
	uint64_t now = loop_now_ms(policy->loop);
	bool undecided = orphans_first(&policy->orphans, ORPHAN_YOUNG) ||
			 orphans_first(&policy->orphans, ORPHAN_UNSETTLED);

	return now < policy->wait_until_ms &&
	       (orphans_first(&policy->orphans, ORPHAN_FILTER) ||
		orphans_first(&policy->orphans, ORPHAN_DYING) ||
		(now < policy->quiet_at_ms && (policy->look_pending || undecided)));
}

bool policy_has_to_wait(const struct policy *policy)
{
	return policy->reparenting == CONFIG_REPARENTING_IGNORE ? may_have_filters(policy)
								: policy->others_seen;
}

/* ---- the whole ---- */

void policy_open(struct policy *policy, const struct config *config,
		 const struct policy_means *means,
		 void (*on_adopted_end)(void *ctx, const struct reaper_end *end), void *ctx)
{
	struct orphans *orphans = &policy->orphans;

	memset(policy, 0, sizeof *policy);
	policy->loop = means->loop;
	policy->reaper = means->reaper;
	policy->proc = means->proc;
	policy->mux = means->mux;
	policy->signaller = means->signaller;
	policy->reparenting = config->reparenting;
	policy->keep = config->keep;
	policy->on_adopted_end = on_adopted_end;
	policy->ctx = ctx;
	policy->look_timer = (struct loop_timer){ .on_due = on_look_due, .ctx = policy };
	orphans_init(orphans, means->loop, means->reaper, policy, on_orphan_exit);
	orphans_set_delay(orphans, ORPHAN_YOUNG, POLICY_MATURE_MS, decide);
	orphans_set_delay(orphans, ORPHAN_UNSETTLED, UNSETTLED_MS, decide);
	orphans_set_delay(orphans, ORPHAN_FILTER, config->kill_timeout_ms, decide);
	orphans_set_delay(orphans, ORPHAN_TERMINATED, config->kill_timeout_ms, kill_orphan);
	ration_init(&policy->ration, means->loop);
	listing_init(&policy->listing, means->board, means->mux);
	look_for_orphans(policy);
	/* What is started from here on may leave orphans before the next look. */
	policy->others_seen = !policy->blind;
}

void policy_close(struct policy *policy)
{
	ration_close(&policy->ration);
	orphans_forget(&policy->orphans);
	loop_timer_stop(policy->loop, &policy->look_timer);
}

/* ---- teardown ---- */

void policy_note_cause(struct policy *policy)
{
	policy->has_cause = true;
}

void policy_begin_teardown(struct policy *policy)
{
	policy->teardown = true;
	orphans_move_all(&policy->orphans, ORPHAN_ADOPTED, terminate_known);
	orphans_move_all(&policy->orphans, ORPHAN_KEPT, terminate_known);
	expect_filters(policy);
	limit_wait(policy);
	look_for_orphans(policy);
}

void policy_end_teardown(struct policy *policy)
{
	ration_say_rest(&policy->ration);
}

bool policy_kill(struct policy *policy, bool with_filters)
{
	struct orphans *orphans = &policy->orphans;
	bool any = false;

	policy->force = with_filters ? POLICY_FORCE_ALL : POLICY_FORCE_ORPHANS;
	/* With ignore, a new orphan still gets the time that shows whether it is a filter. */
	if (policy->reparenting != CONFIG_REPARENTING_IGNORE) {
		orphans_set_delay(orphans, ORPHAN_YOUNG, 0, decide);
		any |= orphans_move_all(orphans, ORPHAN_TERMINATED, kill_orphan);
		any |= orphans_move_all(orphans, ORPHAN_UNSETTLED, decide);
		any |= orphans_move_all(orphans, ORPHAN_YOUNG, decide);
	}
	if (with_filters)
		any |= orphans_move_all(orphans, ORPHAN_FILTER, kill_orphan);
	look_for_orphans(policy);
	return any;
}
