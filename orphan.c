/* SPDX-License-Identifier: ISC */
/* Owns the records of orphans and the queue of each state; not what a state means for a process,
 * nor the redirection of its output. Invariant: a record is in the queue of its state, and the
 * timer of a queue runs while something in it is to fall due. */
#include "orphan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct orphan_queue *queue_of(const struct orphan *orphan)
{
	return &orphan->all->queues[orphan->state];
}

static void arm_queue(struct orphans *orphans, struct orphan_queue *queue)
{
	uint64_t now = loop_now_ms(orphans->loop);

	if (!queue->first || !queue->on_due)
		loop_timer_stop(orphans->loop, &queue->timer);
	else
		loop_timer_start(orphans->loop, &queue->timer,
				 queue->first->due_ms > now ? queue->first->due_ms - now : 0);
}

static void leave_queue(struct orphan *orphan)
{
	struct orphan_queue *queue = queue_of(orphan);

	if (orphan->prev)
		orphan->prev->next = orphan->next;
	else
		queue->first = orphan->next;
	if (orphan->next)
		orphan->next->prev = orphan->prev;
	else
		queue->last = orphan->prev;
	if (!orphan->prev)
		arm_queue(orphan->all, queue);
}

static void enter_queue(struct orphan *orphan, enum orphan_state state)
{
	struct orphan_queue *queue = &orphan->all->queues[state];

	orphan->state = state;
	orphan->due_ms = loop_now_ms(orphan->all->loop) + queue->delay_ms;
	orphan->next = NULL;
	orphan->prev = queue->last;
	if (queue->last)
		queue->last->next = orphan;
	else
		queue->first = orphan;
	queue->last = orphan;
	if (!orphan->prev)
		arm_queue(orphan->all, queue);
}

struct orphan *orphan_add(struct orphans *orphans, pid_t pid, enum orphan_state state)
{
	struct orphan *orphan = calloc(1, sizeof *orphan);

	if (!orphan)
		return NULL;
	orphan->all = orphans;
	orphan->pid = pid;
	orphan->watch.on_exit = orphans->on_exit;
	orphan->watch.ctx = orphan;
	reaper_watch(orphans->reaper, &orphan->watch, pid);
	enter_queue(orphan, state);
	return orphan;
}

const struct orphan *orphan_find(const struct orphans *orphans, pid_t pid)
{
	const struct reaper_watch *watch = reaper_find(orphans->reaper, pid);

	return watch && watch->on_exit == orphans->on_exit ? watch->ctx : NULL;
}

void orphan_set_state(struct orphan *orphan, enum orphan_state state)
{
	leave_queue(orphan);
	enter_queue(orphan, state);
}

void orphan_set_program(struct orphan *orphan, const char *program)
{
	free(orphan->program);
	orphan->program = strdup(program);
}

const char *orphan_program(const struct orphan *orphan)
{
	return orphan->program ? orphan->program : "?";
}

void orphan_read_command(const struct orphan *orphan, const struct procfs *proc,
			 struct procfs_command *command)
{
	if (procfs_usable(proc)) {
		procfs_read_command(proc, orphan->pid, command);
		return;
	}
	snprintf(command->program, sizeof command->program, "%s", orphan_program(orphan));
	snprintf(command->line, sizeof command->line, "[%s]", command->program);
}

static void free_orphan(struct orphan *orphan)
{
	reaper_unwatch(orphan->all->reaper, &orphan->watch);
	free(orphan->program);
	for (size_t i = 0; i < LOGMUX_STREAMS; i++)
		lastline_clear(&orphan->last[i]);
	free(orphan->listed);
	free(orphan);
}

void orphan_remove(struct orphan *orphan)
{
	leave_queue(orphan);
	free_orphan(orphan);
}

static void on_queue_due(void *ctx)
{
	struct orphan_queue *queue = ctx;

	while (queue->first && queue->first->due_ms <= loop_now_ms(queue->first->all->loop))
		queue->on_due(queue->first);
}

void orphans_init(struct orphans *orphans, struct loop *loop, struct reaper *reaper, void *owner,
		  void (*on_exit)(void *ctx, pid_t pid, int status))
{
	*orphans = (struct orphans){
		.loop = loop, .reaper = reaper, .owner = owner, .on_exit = on_exit
	};
	for (size_t state = 0; state < ORPHAN_STATES; state++)
		orphans->queues[state].timer =
			(struct loop_timer){ .on_due = on_queue_due,
					     .ctx = &orphans->queues[state] };
}

void orphans_set_delay(struct orphans *orphans, enum orphan_state state, uint64_t delay_ms,
		       void (*on_due)(struct orphan *orphan))
{
	orphans->queues[state].delay_ms = delay_ms;
	orphans->queues[state].on_due = on_due;
}

bool orphans_move_all(struct orphans *orphans, enum orphan_state state,
		      void (*act)(struct orphan *orphan))
{
	struct orphan_queue *queue = &orphans->queues[state];
	bool any = queue->first != NULL;

	while (queue->first)
		act(queue->first);
	return any;
}

struct orphan *orphans_first(const struct orphans *orphans, enum orphan_state state)
{
	return orphans->queues[state].first;
}

bool orphans_any_to_end(const struct orphans *orphans)
{
	for (enum orphan_state state = ORPHAN_YOUNG; state < ORPHAN_REAPED; state++)
		if (state != ORPHAN_IGNORED && orphans->queues[state].first)
			return true;
	return false;
}

static void forget_queue(struct orphans *orphans, struct orphan_queue *queue)
{
	struct orphan *next;

	for (struct orphan *orphan = queue->first; orphan; orphan = next) {
		next = orphan->next;
		free_orphan(orphan);
	}
	queue->first = queue->last = NULL;
	loop_timer_stop(orphans->loop, &queue->timer);
}

void orphans_forget(struct orphans *orphans)
{
	for (size_t state = 0; state < ORPHAN_STATES; state++)
		forget_queue(orphans, &orphans->queues[state]);
}
