/* SPDX-License-Identifier: ISC */
/* Owns the records of the living orphans and their timers; not their deaths (reaper), nor how the
 * output of one is redirected (adopt). Invariant: the state of an orphan alone says what falls
 * due and what its end means; its queue follows from it, and the order of the queue is that in
 * which its orphans fall due. */
#include "policy.h"

#include "adopt/adopt.h"
#include "log.h"
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room for a program's name, a slash and a PID. */
#define LABEL_SIZE (PROCFS_NAME_SIZE + 12)
/* Room for a PID in digits. */
#define PID_SIZE (3 * sizeof(pid_t) + 1)
/* How often an orphan in an uninterruptible wait, where its command line cannot be read, is given
 * POLICY_MATURE_MS more: a tenth of a second in all, in which a disk has mostly answered. */
#define DELAYS_MAX 10

enum orphan_state {
	/* It was there before dinit, and is left alone. */
	ORPHAN_INHERITED,
	/* It was found a moment ago: its policy is still to be applied. */
	ORPHAN_YOUNG,
	/* Its end ends the container. */
	ORPHAN_ADOPTED,
	/* It was sent TERM, and will be sent KILL. */
	ORPHAN_TERMINATED,
	/* It was sent KILL, or had ended when something fell due: it is only to be reaped. */
	ORPHAN_DYING,
	/* It is reaped: the record lives on until adopt has let go of it. */
	ORPHAN_REAPED,
};

struct orphan {
	struct policy *policy;
	enum orphan_state state;
	struct orphan *prev, *next;
	struct reaper_watch watch;
	pid_t pid;
	uint64_t due_ms;
	/* How often its policy was put off for an uninterruptible wait. */
	unsigned delays;
	/* The redirection of its output; NULL where none is under way. */
	struct adopt *adopt;
	/* The name that its lines and messages are labelled with; NULL where it is not known. */
	char *program;
};

/* ---- states and queues ---- */

static struct policy_queue *queue_of(struct policy *policy, enum orphan_state state)
{
	switch (state) {
	case ORPHAN_YOUNG: return &policy->young;
	case ORPHAN_TERMINATED: return &policy->terminated;
	case ORPHAN_INHERITED:
	case ORPHAN_ADOPTED:
	case ORPHAN_DYING:
	case ORPHAN_REAPED: break;
	}
	return &policy->rest;
}

/* Returns how long an orphan stays in a state before something falls due. */
static uint64_t delay_of(const struct policy *policy, enum orphan_state state)
{
	switch (state) {
	case ORPHAN_YOUNG: return policy->at_sight ? 0 : POLICY_MATURE_MS;
	case ORPHAN_TERMINATED: return policy->kill_timeout_ms;
	case ORPHAN_INHERITED:
	case ORPHAN_ADOPTED:
	case ORPHAN_DYING:
	case ORPHAN_REAPED: break;
	}
	return 0;
}

static void arm_queue(struct policy *policy, struct policy_queue *queue)
{
	uint64_t now = loop_now_ms(policy->loop);

	if (!queue->first || queue == &policy->rest)
		loop_timer_stop(policy->loop, &queue->timer);
	else
		loop_timer_start(policy->loop, &queue->timer,
				 queue->first->due_ms > now ? queue->first->due_ms - now : 0);
}

static void leave_queue(struct orphan *orphan)
{
	struct policy_queue *queue = queue_of(orphan->policy, orphan->state);

	if (orphan->prev)
		orphan->prev->next = orphan->next;
	else
		queue->first = orphan->next;
	if (orphan->next)
		orphan->next->prev = orphan->prev;
	else
		queue->last = orphan->prev;
	if (!orphan->prev)
		arm_queue(orphan->policy, queue);
}

static void enter_queue(struct orphan *orphan, enum orphan_state state)
{
	struct policy *policy = orphan->policy;
	struct policy_queue *queue = queue_of(policy, state);

	orphan->state = state;
	orphan->due_ms = loop_now_ms(policy->loop) + delay_of(policy, state);
	orphan->next = NULL;
	orphan->prev = queue->last;
	if (queue->last)
		queue->last->next = orphan;
	else
		queue->first = orphan;
	queue->last = orphan;
	if (!orphan->prev)
		arm_queue(policy, queue);
}

static void set_orphan_state(struct orphan *orphan, enum orphan_state state)
{
	leave_queue(orphan);
	enter_queue(orphan, state);
}

static void free_orphan(struct orphan *orphan)
{
	reaper_unwatch(orphan->policy->reaper, &orphan->watch);
	free(orphan->program);
	free(orphan);
}

static void remove_orphan(struct orphan *orphan)
{
	leave_queue(orphan);
	free_orphan(orphan);
}

/* ---- what becomes of an orphan ---- */

/* Reads what the orphan is called from now on, whatever becomes of it, and formats its label. */
static void read_orphan_name(struct orphan *orphan, struct procfs_command *command,
			     char label[LABEL_SIZE])
{
	procfs_read_command(orphan->policy->proc, orphan->pid, command);
	free(orphan->program);
	orphan->program = strdup(command->program);
	snprintf(label, LABEL_SIZE, "%s/%d", command->program, orphan->pid);
}

static void signal_orphan(struct orphan *orphan, int signal, const char *label)
{
	signaller_send(orphan->policy->signaller, orphan->pid, signal, label);
}

static void kill_orphan(struct orphan *orphan)
{
	/* It may have ended while dinit was stopped or late. */
	if (!reaper_is_zombie(orphan->pid)) {
		struct procfs_command command;
		char label[LABEL_SIZE];

		read_orphan_name(orphan, &command, label);
		log_warn("%s: orphan is still running: killing it", label);
		signal_orphan(orphan, SIGKILL, label);
	}
	set_orphan_state(orphan, ORPHAN_DYING);
}

static void terminate_orphan(struct orphan *orphan)
{
	struct procfs_command command;
	char label[LABEL_SIZE];

	read_orphan_name(orphan, &command, label);
	/* What becomes of an adopted one in a teardown needs no warning. */
	if (orphan->state != ORPHAN_ADOPTED)
		log_warn("%s: lost its parent, terminating it: %s", label, command.line);
	if (orphan->adopt)
		adopt_cancel(orphan->adopt);
	signal_orphan(orphan, SIGTERM, label);
	set_orphan_state(orphan, ORPHAN_TERMINATED);
}

/* ---- adoption ---- */

static const char *program_of(const struct orphan *orphan)
{
	return orphan->program ? orphan->program : "?";
}

static int on_adopt_pipe(void *ctx, int stream, int read_fd)
{
	struct orphan *orphan = ctx;
	char stage[PID_SIZE];
	struct logmux_source_spec spec = {
		.fd = read_fd,
		.service = program_of(orphan),
		.stage = stage,
		.stream = stream == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR,
	};

	snprintf(stage, sizeof stage, "%d", orphan->pid);
	return logmux_add(orphan->policy->mux, &spec);
}

static void on_adopt_trouble(void *ctx, pid_t pid, const char *why)
{
	struct orphan *orphan = ctx;

	if (pid == orphan->pid)
		log_warn("%s/%d: its output cannot be redirected: %s", program_of(orphan),
			 orphan->pid, why);
	else
		log_warn("%s/%d: the output of its descendant %d cannot be redirected: %s",
			 program_of(orphan), orphan->pid, pid, why);
}

static void on_adopt_end(void *ctx)
{
	struct orphan *orphan = ctx;

	orphan->adopt = NULL;
	orphan->watch.on_stop = NULL;
	if (orphan->state == ORPHAN_REAPED)
		remove_orphan(orphan);
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
	struct policy *policy = orphan->policy;
	struct procfs_command command;
	char label[LABEL_SIZE];

	read_orphan_name(orphan, &command, label);
	log_warn("%s: lost its parent, adopting it: %s", label, command.line);
	set_orphan_state(orphan, ORPHAN_ADOPTED);
	orphan->adopt = adopt_begin(policy->loop, policy->reaper, policy->proc, orphan->pid, &hooks,
				    orphan);
	if (orphan->adopt)
		orphan->watch.on_stop = on_orphan_stop;
	else
		on_adopt_trouble(orphan, orphan->pid, strerror(errno));
}

/* ---- what a program left behind ---- */

/* The search for what a program left behind. */
struct left_search {
	struct policy *policy;
	pid_t ended;
	/* The best one so far; 0: there is none. */
	pid_t found;
	/* It is in the session of the program. */
	bool certain;
	/* Other services run, and the orphan may be theirs. */
	bool others;
};

/* Notes an orphan to which the policy is applied, for programs that end after it. */
static void note_last(struct orphan *orphan)
{
	struct policy *policy = orphan->policy;
	struct procfs_stat stat;

	if (procfs_read_stat(policy->proc, orphan->pid, &stat) < 0)
		return;
	policy->last.pid = orphan->pid;
	snprintf(policy->last.name, sizeof policy->last.name, "%s", program_of(orphan));
	policy->last_session = program_find(policy->reaper, stat.session) ? stat.session : 0;
	policy->last_ms = loop_now_ms(policy->loop);
}

/* Returns whether it may have lost its parent just now: nobody has looked at it yet, or it is an
 * orphan whose policy is not due. */
static bool is_new(const struct policy *policy, pid_t pid)
{
	const struct orphan *orphan = policy->young.first;

	while (orphan && orphan->pid != pid)
		orphan = orphan->next;
	return orphan || !reaper_knows(policy->reaper, pid);
}

/* Looks at one child, for the search. */
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
	    procfs_read_stat(policy->proc, pid, &stat) < 0 || stat.state == 'Z' ||
	    stat.state == 'X')
		return;
	certain = stat.session == search->ended;
	if (!certain && (search->found || !policy_finds_orphans(policy) ||
			 program_find(policy->reaper, stat.session)))
		return;
	search->found = pid;
	search->certain = certain;
}

/* Returns whether the orphan that was noted last was left behind by the program. */
static bool is_last_left(const struct left_search *search)
{
	const struct policy *policy = search->policy;

	return policy->last.pid > 0 &&
	       loop_now_ms(policy->loop) - policy->last_ms <= POLICY_LEFT_MS &&
	       (policy->last_session == search->ended ||
		(policy->last_session == 0 && !search->others));
}

bool policy_find_left(struct policy *policy, pid_t ended, struct policy_left *left)
{
	struct left_search search = { .policy = policy, .ended = ended };
	struct procfs_command command;

	if (policy->blind)
		return false;
	procfs_each_child(policy->proc, getpid(), on_left_child, &search);
	if (search.found == 0) {
		*left = policy->last;
		return is_last_left(&search);
	}
	procfs_read_command(policy->proc, search.found, &command);
	left->pid = search.found;
	strcpy(left->name, command.program);
	return true;
}

/* ---- what falls due ---- */

static void put_off(struct orphan *orphan)
{
	orphan->delays++;
	set_orphan_state(orphan, ORPHAN_YOUNG);
}

static void treat_orphan(struct orphan *orphan)
{
	struct policy *policy = orphan->policy;

	if (policy->reparenting == CONFIG_REPARENTING_ADOPT && !policy->teardown)
		adopt_orphan(orphan);
	else
		terminate_orphan(orphan);
	note_last(orphan);
}

static void apply_policy(struct orphan *orphan)
{
	struct policy *policy = orphan->policy;

	/* It may have ended since the last reaping: then it is a zombie like any other, and not
	 * to be adopted. */
	if (reaper_is_zombie(orphan->pid))
		set_orphan_state(orphan, ORPHAN_DYING);
	else if (policy->at_sight)
		kill_orphan(orphan);
	else if (orphan->delays < DELAYS_MAX &&
		 procfs_is_uninterruptible(policy->proc, orphan->pid))
		put_off(orphan);
	else
		treat_orphan(orphan);
}

static void on_young_due(void *ctx)
{
	struct policy *policy = ctx;
	uint64_t now = loop_now_ms(policy->loop);

	while (policy->young.first && policy->young.first->due_ms <= now)
		apply_policy(policy->young.first);
	arm_queue(policy, &policy->young);
}

static void on_terminated_due(void *ctx)
{
	struct policy *policy = ctx;
	uint64_t now = loop_now_ms(policy->loop);

	while (policy->terminated.first && policy->terminated.first->due_ms <= now)
		kill_orphan(policy->terminated.first);
	arm_queue(policy, &policy->terminated);
}

static void tell_adopted_end(const struct orphan *orphan, int status)
{
	char stage[PID_SIZE];
	struct reaper_end end = {
		.name = program_of(orphan),
		.stage = stage,
		.pid = orphan->pid,
		.status = status,
	};

	snprintf(stage, sizeof stage, "%d", orphan->pid);
	orphan->policy->on_adopted_end(orphan->policy->ctx, &end);
}

static void log_end(const struct orphan *orphan, const char *what, int status)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(status, how);
	log_info("%s/%d: %s %s", program_of(orphan), orphan->pid, what, how);
}

static void tell_orphan_end(const struct orphan *orphan, int status)
{
	switch (orphan->state) {
	case ORPHAN_INHERITED:
		orphan->policy->inherited--;
		log_end(orphan, "inherited child", status);
		break;
	case ORPHAN_ADOPTED: tell_adopted_end(orphan, status); break;
	case ORPHAN_YOUNG:
	case ORPHAN_TERMINATED:
	case ORPHAN_DYING: log_end(orphan, "orphan", status); break;
	case ORPHAN_REAPED: break;
	}
}

static void on_orphan_exit(void *ctx, pid_t pid, int status)
{
	struct orphan *orphan = ctx;

	(void)pid;
	tell_orphan_end(orphan, status);
	set_orphan_state(orphan, ORPHAN_REAPED);
	if (orphan->adopt)
		adopt_on_exit(orphan->adopt);
	else
		remove_orphan(orphan);
}

void policy_on_unwatched_end(void *ctx, pid_t pid, int status)
{
	const struct policy *policy = ctx;
	char name[PROCFS_NAME_SIZE] = "?", how[REAPER_STATUS_SIZE];

	if (!log_enabled(CONFIG_LOG_INFO))
		return;
	/* Another PID namespace's /proc has somebody else under that number. */
	if (!policy->blind)
		procfs_read_comm(policy->proc, pid, name);
	reaper_describe_status(status, how);
	log_info("%s/%d: orphan %s", name, pid, how);
}

/* ---- looking for orphans ---- */

/* Returns the record of a new orphan, which the reaper watches from here on and which is still to
 * enter a queue, or NULL where memory is lacking: the next look finds it again. */
static struct orphan *add_orphan(struct policy *policy, pid_t pid)
{
	struct orphan *orphan = calloc(1, sizeof *orphan);

	if (!orphan)
		return NULL;
	orphan->policy = policy;
	orphan->pid = pid;
	if (log_enabled(CONFIG_LOG_INFO)) {
		char name[PROCFS_NAME_SIZE];

		procfs_read_comm(policy->proc, pid, name);
		orphan->program = strdup(name);
	}
	orphan->watch.on_exit = on_orphan_exit;
	orphan->watch.ctx = orphan;
	reaper_watch(policy->reaper, &orphan->watch, pid);
	return orphan;
}

static void on_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	struct orphan *orphan;

	policy->seen++;
	if (reaper_knows(policy->reaper, pid))
		return;
	orphan = add_orphan(policy, pid);
	if (orphan)
		enter_queue(orphan, ORPHAN_YOUNG);
}

static void on_inherited_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	struct orphan *orphan = add_orphan(policy, pid);

	if (!orphan)
		return;
	log_info("%s/%d: was there before dinit, leaving it alone", program_of(orphan), pid);
	policy->inherited++;
	enter_queue(orphan, ORPHAN_INHERITED);
}

static void look_for_orphans(struct policy *policy)
{
	policy->looked_ms = loop_now_ms(policy->loop);
	policy->seen = 0;
	policy->others_seen = procfs_each_child(policy->proc, getpid(), on_child, policy) < 0 ||
			      policy->seen > policy->inherited;
	loop_timer_start(policy->loop, &policy->look_timer,
			 policy->teardown ? POLICY_LOOK_TEARDOWN_MS : POLICY_LOOK_MS);
}

static void on_look_due(void *ctx)
{
	look_for_orphans(ctx);
}

bool policy_finds_orphans(const struct policy *policy)
{
	return policy->reparenting != CONFIG_REPARENTING_IGNORE && !policy->blind;
}

bool policy_may_have_orphans(const struct policy *policy)
{
	return policy->others_seen || !policy_finds_orphans(policy);
}

void policy_children_changed(struct policy *policy)
{
	uint64_t since = loop_now_ms(policy->loop) - policy->looked_ms;

	if (!policy_finds_orphans(policy))
		return;
	if (since >= POLICY_LOOK_APART_MS) {
		look_for_orphans(policy);
	} else {
		/* Since the last look others may have come. */
		policy->others_seen = true;
		loop_timer_start(policy->loop, &policy->look_timer, POLICY_LOOK_APART_MS - since);
	}
}

void policy_open(struct policy *policy, const struct config *config,
		 const struct policy_means *means,
		 void (*on_adopted_end)(void *ctx, const struct reaper_end *end), void *ctx)
{
	memset(policy, 0, sizeof *policy);
	policy->loop = means->loop;
	policy->reaper = means->reaper;
	policy->proc = means->proc;
	policy->mux = means->mux;
	policy->signaller = means->signaller;
	policy->reparenting = config->reparenting;
	policy->kill_timeout_ms = config->kill_timeout_ms;
	policy->on_adopted_end = on_adopted_end;
	policy->ctx = ctx;
	policy->young.timer = (struct loop_timer){ .on_due = on_young_due, .ctx = policy };
	policy->terminated.timer =
		(struct loop_timer){ .on_due = on_terminated_due, .ctx = policy };
	policy->look_timer = (struct loop_timer){ .on_due = on_look_due, .ctx = policy };
	policy->blind = !procfs_usable(policy->proc);
	if (policy_finds_orphans(policy)) {
		procfs_each_child(policy->proc, getpid(), on_inherited_child, policy);
		look_for_orphans(policy);
		/* What is started from here on may leave orphans before the next look. */
		policy->others_seen = true;
	} else if (policy->blind && policy->reparenting != CONFIG_REPARENTING_IGNORE) {
		log_warn("%s does not show this PID namespace's processes: running orphans "
			 "cannot be found (mount proc there)",
			 policy->proc->root);
	}
}

static void forget_all(struct policy *policy, struct policy_queue *queue)
{
	struct orphan *next;

	for (struct orphan *orphan = queue->first; orphan; orphan = next) {
		next = orphan->next;
		free_orphan(orphan);
	}
	queue->first = queue->last = NULL;
	loop_timer_stop(policy->loop, &queue->timer);
}

void policy_close(struct policy *policy)
{
	forget_all(policy, &policy->young);
	forget_all(policy, &policy->terminated);
	forget_all(policy, &policy->rest);
}

/* ---- teardown ---- */

void policy_begin_teardown(struct policy *policy)
{
	struct orphan *next;

	policy->teardown = true;
	if (!policy_finds_orphans(policy))
		return;
	for (struct orphan *orphan = policy->rest.first; orphan; orphan = next) {
		next = orphan->next;
		if (orphan->state == ORPHAN_ADOPTED)
			terminate_orphan(orphan);
	}
	look_for_orphans(policy);
}

bool policy_kill(struct policy *policy)
{
	bool any = policy->terminated.first || policy->young.first;

	if (!policy_finds_orphans(policy))
		return false;
	policy->at_sight = true;
	while (policy->terminated.first)
		kill_orphan(policy->terminated.first);
	while (policy->young.first)
		kill_orphan(policy->young.first);
	look_for_orphans(policy);
	return any;
}
