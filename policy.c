/* SPDX-License-Identifier: ISC */
/* Owns the records of the living strangers and their timers; not their deaths (reaper), nor how one is redirected
 * (adopt). Invariant: every stranger is watched, and in exactly one queue, in the order in which that queue falls
 * due. */
#include "policy.h"

#include "adopt.h"
#include "log.h"
#include "ptrace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE (PROCFS_NAME_SIZE + 12) /* a program, a slash, a PID */
/* How often one is given POLICY_MATURE_MS more that is in an uninterruptible wait, where its command line cannot be
 * read: a tenth of a second, in which a disk has mostly answered. */
#define DELAYS_MAX 10

struct stranger {
	struct policy *policy;
	struct policy_queue *queue;
	struct stranger *prev, *next;
	struct reaper_watch watch;
	pid_t pid;
	uint64_t due_ms;
	unsigned delays;     /* for an uninterruptible wait */
	bool adopted;        /* its end ends the container */
	bool inherited;      /* it was there before dinit */
	bool ended;          /* and reaped; the record lives on until adopt is done with it */
	struct adopt *adopt; /* its output is being redirected */
	char *program;       /* its name, with which an adopted one's lines are labelled; NULL: not read yet */
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

static void leave(struct stranger *stranger)
{
	struct policy_queue *queue = stranger->queue;

	if (stranger->prev)
		stranger->prev->next = stranger->next;
	else
		queue->first = stranger->next;
	if (stranger->next)
		stranger->next->prev = stranger->prev;
	else
		queue->last = stranger->prev;
	if (!stranger->prev)
		arm(stranger->policy, queue);
}

static void enter(struct stranger *stranger, struct policy_queue *queue, uint64_t delay_ms)
{
	stranger->queue = queue;
	stranger->due_ms = loop_now_ms(stranger->policy->loop) + delay_ms;
	stranger->next = NULL;
	stranger->prev = queue->last;
	if (queue->last)
		queue->last->next = stranger;
	else
		queue->first = stranger;
	queue->last = stranger;
	if (!stranger->prev)
		arm(stranger->policy, queue);
}

static void move(struct stranger *stranger, struct policy_queue *queue, uint64_t delay_ms)
{
	leave(stranger);
	enter(stranger, queue, delay_ms);
}

/* ---- what becomes of a stranger ---- */

/* What it is called from now on, whatever it becomes: also when it has ended. */
static void read_name(struct stranger *stranger, struct procfs_command *command, char name[NAME_SIZE])
{
	procfs_read_command(stranger->policy->proc, stranger->pid, command);
	free(stranger->program);
	stranger->program = strdup(command->program);
	snprintf(name, NAME_SIZE, "%s/%d", command->program, stranger->pid);
}

static void send(struct stranger *stranger, int signal, const char *name)
{
	signaller_send(stranger->policy->signaller, stranger->pid, signal, name);
}

static void kill_stranger(struct stranger *stranger)
{
	/* It may have ended while dinit was stopped or late. */
	if (!reaper_is_zombie(stranger->pid)) {
		struct procfs_command command;
		char name[NAME_SIZE];

		read_name(stranger, &command, name);
		log_warn("%s: is still running: killing it", name);
		send(stranger, SIGKILL, name);
	}
	move(stranger, &stranger->policy->rest, 0);
	stranger->adopted = false;
}

static void terminate_stranger(struct stranger *stranger)
{
	struct procfs_command command;
	char name[NAME_SIZE];

	read_name(stranger, &command, name);
	if (!stranger->adopted)
		log_warn("%s: has lost its parent: terminating it: %s", name, command.line);
	stranger->adopted = false;
	if (stranger->adopt)
		adopt_cancel(stranger->adopt);
	send(stranger, SIGTERM, name);
	move(stranger, &stranger->policy->told, stranger->policy->kill_timeout_ms);
}

/* ---- adoption ---- */

static void free_stranger(struct stranger *stranger)
{
	free(stranger->program);
	free(stranger);
}

static const char *program_of(const struct stranger *stranger)
{
	return stranger->program ? stranger->program : "?";
}

static int on_adopt_pipe(void *ctx, int stream, int read_fd)
{
	struct stranger *stranger = ctx;
	char stage[3 * sizeof(pid_t) + 1];

	snprintf(stage, sizeof stage, "%d", stranger->pid);
	return logmux_add(stranger->policy->mux, read_fd, program_of(stranger), stage,
			  stream == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR, false, NULL);
}

static void on_adopt_trouble(void *ctx, const char *text)
{
	struct stranger *stranger = ctx;

	log_warn("%s/%d: its output cannot be redirected: %s", program_of(stranger), stranger->pid, text);
}

static void on_adopt_end(void *ctx)
{
	struct stranger *stranger = ctx;

	stranger->adopt = NULL;
	if (stranger->ended)
		free_stranger(stranger);
}

static void on_stranger_stop(void *ctx, pid_t pid, int status)
{
	struct stranger *stranger = ctx;

	if (stranger->adopt)
		adopt_on_stop(stranger->adopt, status);
	else
		ptrace_discard(pid, status);
}

static void adopt_stranger(struct stranger *stranger)
{
	static const struct adopt_hooks hooks = {
		.on_pipe = on_adopt_pipe,
		.on_trouble = on_adopt_trouble,
		.on_end = on_adopt_end,
	};
	struct policy *policy = stranger->policy;
	struct procfs_command command;
	char name[NAME_SIZE];

	read_name(stranger, &command, name);
	log_warn("%s: has lost its parent: adopting it: %s", name, command.line);
	stranger->adopted = true;
	move(stranger, &policy->rest, 0);
	stranger->adopt = adopt_begin(policy->loop, policy->reaper, policy->proc, stranger->pid, &hooks, stranger);
	if (!stranger->adopt)
		on_adopt_trouble(stranger, strerror(errno));
}

/* ---- what falls due ---- */

static void delay(struct stranger *stranger)
{
	stranger->delays++;
	move(stranger, &stranger->policy->young, POLICY_MATURE_MS);
}

static void decide(struct stranger *stranger)
{
	struct policy *policy = stranger->policy;

	/* It may have ended since the last reaping: then it is a zombie like any other, and not to be adopted. */
	if (reaper_is_zombie(stranger->pid))
		move(stranger, &policy->rest, 0);
	else if (policy->at_sight)
		kill_stranger(stranger);
	else if (stranger->delays < DELAYS_MAX && procfs_is_uninterruptible(policy->proc, stranger->pid))
		delay(stranger);
	else if (policy->reparenting == CONFIG_REPARENTING_ADOPT && !policy->teardown)
		adopt_stranger(stranger);
	else
		terminate_stranger(stranger);
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
		kill_stranger(policy->told.first);
	arm(policy, &policy->told);
}

static void tell_adopted_end(const struct stranger *stranger, int status)
{
	char stage[3 * sizeof(pid_t) + 1];
	struct service_end end = {
		.name = program_of(stranger),
		.stage = stage,
		.pid = stranger->pid,
		.status = status,
	};

	snprintf(stage, sizeof stage, "%d", stranger->pid);
	stranger->policy->on_adopted_end(stranger->policy->ctx, &end);
}

static void tell_end(const struct stranger *stranger, int status)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(status, how);
	log_info("%s/%d: reparented process %s", program_of(stranger), stranger->pid, how);
}

static void on_stranger_exit(void *ctx, pid_t pid, int status)
{
	struct stranger *stranger = ctx;

	(void)pid;
	leave(stranger);
	stranger->ended = true;
	if (stranger->inherited)
		stranger->policy->inherited--;
	if (stranger->adopted)
		tell_adopted_end(stranger, status);
	else
		tell_end(stranger, status);
	if (stranger->adopt)
		adopt_on_exit(stranger->adopt);
	else
		free_stranger(stranger);
}

/* ---- looking for strangers ---- */

/* NULL where memory is lacking: the next look finds it again. */
static struct stranger *add_stranger(struct policy *policy, pid_t pid)
{
	struct stranger *stranger = calloc(1, sizeof *stranger);

	if (!stranger)
		return NULL;
	stranger->policy = policy;
	stranger->pid = pid;
	if (log_enabled(LOG_LEVEL_INFO)) {
		char name[PROCFS_NAME_SIZE];

		procfs_read_comm(policy->proc, pid, name);
		stranger->program = strdup(name);
	}
	stranger->watch.on_exit = on_stranger_exit;
	stranger->watch.on_stop = on_stranger_stop;
	stranger->watch.ctx = stranger;
	reaper_watch(policy->reaper, &stranger->watch, pid);
	return stranger;
}

static void on_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	struct stranger *stranger;

	policy->seen++;
	if (reaper_knows(policy->reaper, pid))
		return;
	stranger = add_stranger(policy, pid);
	if (stranger)
		enter(stranger, &policy->young, policy->at_sight ? 0 : POLICY_MATURE_MS);
}

static void on_inherited_child(void *ctx, pid_t pid)
{
	struct policy *policy = ctx;
	struct stranger *stranger = add_stranger(policy, pid);

	if (!stranger)
		return;
	log_info("%s/%d: was there before dinit: leaving it alone", program_of(stranger), pid);
	stranger->inherited = true;
	policy->inherited++;
	enter(stranger, &policy->rest, 0);
}

static void look(struct policy *policy)
{
	policy->looked_ms = loop_now_ms(policy->loop);
	policy->seen = 0;
	policy->others =
		procfs_each_child(policy->proc, getpid(), on_child, policy) < 0 || policy->seen > policy->inherited;
	loop_timer_start(policy->loop, &policy->look_timer,
			 policy->teardown ? POLICY_LOOK_TEARDOWN_MS : POLICY_LOOK_MS);
}

static void on_look_due(void *ctx)
{
	look(ctx);
}

bool policy_finds_strangers(const struct policy *policy)
{
	return policy->reparenting != CONFIG_REPARENTING_IGNORE && !policy->blind;
}

bool policy_sees_nobody(const struct policy *policy)
{
	return policy_finds_strangers(policy) && !policy->others;
}

void policy_children_changed(struct policy *policy)
{
	uint64_t since = loop_now_ms(policy->loop) - policy->looked_ms;

	if (!policy_finds_strangers(policy))
		return;
	if (since >= POLICY_LOOK_APART_MS) {
		look(policy);
	} else {
		/* What the last look saw is no more than a guess now. */
		policy->others = true;
		loop_timer_start(policy->loop, &policy->look_timer, POLICY_LOOK_APART_MS - since);
	}
}

void policy_open(struct policy *policy, const struct config *config, const struct policy_means *means,
		 void (*on_adopted_end)(void *ctx, const struct service_end *end), void *ctx)
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
	if (policy_finds_strangers(policy)) {
		procfs_each_child(policy->proc, getpid(), on_inherited_child, policy);
		look(policy);
		/* Until a look shows otherwise: what is started from here on leaves strangers. */
		policy->others = true;
	} else if (policy->blind && policy->reparenting != CONFIG_REPARENTING_IGNORE) {
		log_warn("%s does not show this PID namespace's processes: running processes that lose their parent "
			 "cannot be found; "
			 "mount proc there",
			 policy->proc->root);
	}
}

static void forget_all(struct policy *policy, struct policy_queue *queue)
{
	struct stranger *next;

	for (struct stranger *stranger = queue->first; stranger; stranger = next) {
		next = stranger->next;
		reaper_unwatch(policy->reaper, &stranger->watch);
		free_stranger(stranger);
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
	struct stranger *next;

	policy->teardown = true;
	if (!policy_finds_strangers(policy))
		return;
	for (struct stranger *stranger = policy->rest.first; stranger; stranger = next) {
		next = stranger->next;
		if (stranger->adopted)
			terminate_stranger(stranger);
	}
	look(policy);
}

bool policy_kill(struct policy *policy)
{
	bool any = policy->told.first || policy->young.first;

	if (!policy_finds_strangers(policy))
		return false;
	policy->at_sight = true;
	while (policy->told.first)
		kill_stranger(policy->told.first);
	while (policy->young.first)
		kill_stranger(policy->young.first);
	look(policy);
	return any;
}
