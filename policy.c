/* SPDX-License-Identifier: ISC */
/* Owns the records of the living orphans and their timers; not their deaths (reaper), nor how
 * one is redirected (adopt). Invariant: every orphan is watched, and in exactly one queue, in
 * the order in which that queue falls due. */
#include "policy.h"

#include "adopt/adopt.h"
#include "adopt/tracee.h"
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* a program, a slash, a PID */
#define NAME_SIZE (PROCFS_NAME_SIZE + 12)
/* How often one is given POLICY_MATURE_MS more that is in an uninterruptible wait, where its
 * command line cannot be read: a tenth of a second, in which a disk has mostly answered. */
#define DELAYS_MAX 10

struct orphan {
	struct policy *policy;
	struct policy_queue *queue;
	struct orphan *prev, *next;
	struct reaper_watch watch;
	pid_t pid;
	uint64_t due_ms;
	/* for an uninterruptible wait */
	unsigned delays;
	/* its end ends the container */
	bool adopted;
	/* it was there before dinit */
	bool inherited;
	/* and reaped; the record lives on until adopt is done with it */
	bool ended;
	/* its output is being redirected */
	struct adopt *adopt;
	/* its name, with which an adopted one's lines are labelled; NULL: not read yet */
	char *program;
};

/* ---- queues ---- */

static void arm(struct policy *policy, struct policy_queue *queue)
{
	uint64_t now = loop_now_ms(policy->loop);

	if (!queue->first || queue == &policy->rest)
		loop_timer_stop(policy->loop, &queue->timer);
	else
		loop_timer_start(policy->loop, &queue->timer,
				 queue->first->due_ms > now ? queue->first->due_ms - now : 0);
}

static void leave(struct orphan *orphan)
{
	struct policy_queue *queue = orphan->queue;

	if (orphan->prev)
		orphan->prev->next = orphan->next;
	else
		queue->first = orphan->next;
	if (orphan->next)
		orphan->next->prev = orphan->prev;
	else
		queue->last = orphan->prev;
	if (!orphan->prev)
		arm(orphan->policy, queue);
}

static void enter(struct orphan *orphan, struct policy_queue *queue, uint64_t delay_ms)
{
	orphan->queue = queue;
	orphan->due_ms = loop_now_ms(orphan->policy->loop) + delay_ms;
	orphan->next = NULL;
	orphan->prev = queue->last;
	if (queue->last)
		queue->last->next = orphan;
	else
		queue->first = orphan;
	queue->last = orphan;
	if (!orphan->prev)
		arm(orphan->policy, queue);
}

static void move(struct orphan *orphan, struct policy_queue *queue, uint64_t delay_ms)
{
	leave(orphan);
	enter(orphan, queue, delay_ms);
}

/* ---- what becomes of an orphan ---- */

/* What it is called from now on, whatever it becomes: also when it has ended. */
static void read_name(struct orphan *orphan, struct procfs_command *command, char name[NAME_SIZE])
{
	procfs_read_command(orphan->policy->proc, orphan->pid, command);
	free(orphan->program);
	orphan->program = strdup(command->program);
	snprintf(name, NAME_SIZE, "%s/%d", command->program, orphan->pid);
}

static void send(struct orphan *orphan, int signal, const char *name)
{
	signaller_send(orphan->policy->signaller, orphan->pid, signal, name);
}

static void kill_orphan(struct orphan *orphan)
{
	/* It may have ended while dinit was stopped or late. */
	if (!reaper_is_zombie(orphan->pid)) {
		struct procfs_command command;
		char name[NAME_SIZE];

		read_name(orphan, &command, name);
		log_warn("%s: is still running: killing it", name);
		send(orphan, SIGKILL, name);
	}
	move(orphan, &orphan->policy->rest, 0);
	orphan->adopted = false;
}

static void terminate_orphan(struct orphan *orphan)
{
	struct procfs_command command;
	char name[NAME_SIZE];

	read_name(orphan, &command, name);
	if (!orphan->adopted)
		log_warn("%s: has lost its parent: terminating it: %s", name, command.line);
	orphan->adopted = false;
	if (orphan->adopt)
		adopt_cancel(orphan->adopt);
	send(orphan, SIGTERM, name);
	move(orphan, &orphan->policy->told, orphan->policy->kill_timeout_ms);
}

/* ---- adoption ---- */

static void free_orphan(struct orphan *orphan)
{
	free(orphan->program);
	free(orphan);
}

static const char *program_of(const struct orphan *orphan)
{
	return orphan->program ? orphan->program : "?";
}

static int on_adopt_pipe(void *ctx, int stream, int read_fd)
{
	struct orphan *orphan = ctx;
	char stage[3 * sizeof(pid_t) + 1];
	struct logmux_source_spec spec = {
		.fd = read_fd,
		.service = program_of(orphan),
		.stage = stage,
		.stream = stream == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR,
	};

	snprintf(stage, sizeof stage, "%d", orphan->pid);
	return logmux_add(orphan->policy->mux, &spec);
}

static void on_adopt_trouble(void *ctx, const char *text)
{
	struct orphan *orphan = ctx;

	log_warn("%s/%d: its output cannot be redirected: %s", program_of(orphan), orphan->pid,
		 text);
}

static void on_adopt_end(void *ctx)
{
	struct orphan *orphan = ctx;

	orphan->adopt = NULL;
	if (orphan->ended)
		free_orphan(orphan);
}

static void on_orphan_stop(void *ctx, pid_t pid, int status)
{
	struct orphan *orphan = ctx;

	if (orphan->adopt)
		adopt_on_stop(orphan->adopt, status);
	else
		tracee_discard(pid, status);
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
	char name[NAME_SIZE];

	read_name(orphan, &command, name);
	log_warn("%s: has lost its parent: adopting it: %s", name, command.line);
	orphan->adopted = true;
	move(orphan, &policy->rest, 0);
	orphan->adopt = adopt_begin(policy->loop, policy->reaper, policy->proc, orphan->pid, &hooks,
				    orphan);
	if (!orphan->adopt)
		on_adopt_trouble(orphan, strerror(errno));
}

/* ---- what falls due ---- */

static void delay(struct orphan *orphan)
{
	orphan->delays++;
	move(orphan, &orphan->policy->young, POLICY_MATURE_MS);
}

static void decide(struct orphan *orphan)
{
	struct policy *policy = orphan->policy;

	/* It may have ended since the last reaping: then it is a zombie like any other, and not
	 * to be adopted. */
	if (reaper_is_zombie(orphan->pid))
		move(orphan, &policy->rest, 0);
	else if (policy->at_sight)
		kill_orphan(orphan);
	else if (orphan->delays < DELAYS_MAX &&
		 procfs_is_uninterruptible(policy->proc, orphan->pid))
		delay(orphan);
	else if (policy->reparenting == CONFIG_REPARENTING_ADOPT && !policy->teardown)
		adopt_orphan(orphan);
	else
		terminate_orphan(orphan);
}

static void on_young_due(void *ctx)
{
	struct policy *policy = ctx;
	uint64_t now = loop_now_ms(policy->loop);

	while (policy->young.first && policy->young.first->due_ms <= now)
		decide(policy->young.first);
	arm(policy, &policy->young);
}

static void on_told_due(void *ctx)
{
	struct policy *policy = ctx;
	uint64_t now = loop_now_ms(policy->loop);

	while (policy->told.first && policy->told.first->due_ms <= now)
		kill_orphan(policy->told.first);
	arm(policy, &policy->told);
}

static void tell_adopted_end(const struct orphan *orphan, int status)
{
	char stage[3 * sizeof(pid_t) + 1];
	struct reaper_end end = {
		.name = program_of(orphan),
		.stage = stage,
		.pid = orphan->pid,
		.status = status,
	};

	snprintf(stage, sizeof stage, "%d", orphan->pid);
	orphan->policy->on_adopted_end(orphan->policy->ctx, &end);
}

static void tell_end(const struct orphan *orphan, int status)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(status, how);
	log_info("%s/%d: reparented process %s", program_of(orphan), orphan->pid, how);
}

static void on_orphan_exit(void *ctx, pid_t pid, int status)
{
	struct orphan *orphan = ctx;

	(void)pid;
	leave(orphan);
	orphan->ended = true;
	if (orphan->inherited)
		orphan->policy->inherited--;
	if (orphan->adopted)
		tell_adopted_end(orphan, status);
	else
		tell_end(orphan, status);
	if (orphan->adopt)
		adopt_on_exit(orphan->adopt);
	else
		free_orphan(orphan);
}

/* ---- looking for orphans ---- */

/* NULL where memory is lacking: the next look finds it again. */
static struct orphan *add_orphan(struct policy *policy, pid_t pid)
{
	struct orphan *orphan = calloc(1, sizeof *orphan);

	if (!orphan)
		return NULL;
	orphan->policy = policy;
	orphan->pid = pid;
	if (log_enabled(LOG_LEVEL_INFO)) {
		char name[PROCFS_NAME_SIZE];

		procfs_read_comm(policy->proc, pid, name);
		orphan->program = strdup(name);
	}
	orphan->watch.on_exit = on_orphan_exit;
	orphan->watch.on_stop = on_orphan_stop;
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
		enter(orphan, &policy->young, policy->at_sight ? 0 : POLICY_MATURE_MS);
}

static void on_inherited_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	struct orphan *orphan = add_orphan(policy, pid);

	if (!orphan)
		return;
	log_info("%s/%d: was there before dinit: leaving it alone", program_of(orphan), pid);
	orphan->inherited = true;
	policy->inherited++;
	enter(orphan, &policy->rest, 0);
}

static void look(struct policy *policy)
{
	policy->looked_ms = loop_now_ms(policy->loop);
	policy->seen = 0;
	policy->others = procfs_each_child(policy->proc, getpid(), on_child, policy) < 0 ||
			 policy->seen > policy->inherited;
	loop_timer_start(policy->loop, &policy->look_timer,
			 policy->teardown ? POLICY_LOOK_TEARDOWN_MS : POLICY_LOOK_MS);
}

static void on_look_due(void *ctx)
{
	look(ctx);
}

bool policy_finds_orphans(const struct policy *policy)
{
	return policy->reparenting != CONFIG_REPARENTING_IGNORE && !policy->blind;
}

bool policy_sees_nobody(const struct policy *policy)
{
	return policy_finds_orphans(policy) && !policy->others;
}

void policy_children_changed(struct policy *policy)
{
	uint64_t since = loop_now_ms(policy->loop) - policy->looked_ms;

	if (!policy_finds_orphans(policy))
		return;
	if (since >= POLICY_LOOK_APART_MS) {
		look(policy);
	} else {
		/* What the last look saw is no more than a guess now. */
		policy->others = true;
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
	policy->told.timer = (struct loop_timer){ .on_due = on_told_due, .ctx = policy };
	policy->look_timer = (struct loop_timer){ .on_due = on_look_due, .ctx = policy };
	policy->blind = !procfs_usable(policy->proc);
	if (policy_finds_orphans(policy)) {
		procfs_each_child(policy->proc, getpid(), on_inherited_child, policy);
		look(policy);
		/* Until a look shows otherwise: what is started from here on leaves orphans. */
		policy->others = true;
	} else if (policy->blind && policy->reparenting != CONFIG_REPARENTING_IGNORE) {
		log_warn("%s does not show this PID namespace's processes: running processes that "
			 "lose their parent "
			 "cannot be found; "
			 "mount proc there",
			 policy->proc->root);
	}
}

static void forget_all(struct policy *policy, struct policy_queue *queue)
{
	struct orphan *next;

	for (struct orphan *orphan = queue->first; orphan; orphan = next) {
		next = orphan->next;
		reaper_unwatch(policy->reaper, &orphan->watch);
		free_orphan(orphan);
	}
	queue->first = queue->last = NULL;
	loop_timer_stop(policy->loop, &queue->timer);
}

void policy_close(struct policy *policy)
{
	forget_all(policy, &policy->young);
	forget_all(policy, &policy->told);
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
		if (orphan->adopted)
			terminate_orphan(orphan);
	}
	look(policy);
}

bool policy_kill(struct policy *policy)
{
	bool any = policy->told.first || policy->young.first;

	if (!policy_finds_orphans(policy))
		return false;
	policy->at_sight = true;
	while (policy->told.first)
		kill_orphan(policy->told.first);
	while (policy->young.first)
		kill_orphan(policy->young.first);
	look(policy);
	return any;
}
