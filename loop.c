/* SPDX-License-Identifier: ISC */
/* Owns the epoll instance, the signalfd and the order of things within a turn; not the
 * descriptors it watches. Invariant: a callback runs only for an io that is watched, and for a
 * timer that is running, at that moment. */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS_AT_A_TIME 16

static void read_clock(struct loop *loop)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	loop->now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void read_signals(void *ctx)
{
	struct loop *loop = ctx;
	struct signalfd_siginfo infos[SIGNALS_AT_A_TIME];
	ssize_t n;

	/* Once a turn: real-time signals queue, and may come faster than they are read. */
	n = read(loop->signal_fd, infos, sizeof infos);
	for (ssize_t i = 0; i < n / (ssize_t)sizeof *infos; i++)
		loop->on_signal(loop->signal_ctx, &infos[i]);
}

int loop_open(struct loop *loop, const sigset_t *signals,
	      void (*on_signal)(void *ctx, const struct signalfd_siginfo *info), void *ctx)
{
	memset(loop, 0, sizeof *loop);
	loop->on_signal = on_signal;
	loop->signal_ctx = ctx;
	loop->signal_io = (struct loop_io){ .on_ready = read_signals, .ctx = loop };
	read_clock(loop);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -1;
	loop->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signal_fd < 0)
		goto close_epoll;
	if (loop_watch(loop, loop->signal_fd, EPOLLIN, &loop->signal_io) < 0)
		goto close_signals;
	return 0;

close_signals:
	close(loop->signal_fd);
close_epoll:
	close(loop->epoll_fd);
	return -1;
}

void loop_close(struct loop *loop)
{
	close(loop->signal_fd);
	close(loop->epoll_fd);
}

int loop_watch(struct loop *loop, int fd, uint32_t events, struct loop_io *io)
{
	struct epoll_event event = { .events = events, .data.ptr = io };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void loop_unwatch(struct loop *loop, int fd, const struct loop_io *io)
{
	/* Kernels before 2.6.9 want an event here (epoll_ctl(2)). */
	struct epoll_event unused = { 0 };

	/* A child between fork and execve may keep the file open for longer than we do: an entry
	 * that stayed would tell of it, and must then mean nobody. */
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, &unused) < 0)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &unused);
	for (int i = loop->batch_at; i < loop->batch_len; i++)
		if (loop->batch[i].data.ptr == io)
			loop->batch[i].data.ptr = NULL;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
	struct loop_timer *before;

	loop_timer_stop(loop, timer);
	timer->due_ms = delay_ms > UINT64_MAX - loop->now_ms ? UINT64_MAX : loop->now_ms + delay_ms;
	for (before = loop->last; before && before->due_ms > timer->due_ms; before = before->prev)
		;
	timer->prev = before;
	timer->next = before ? before->next : loop->first;
	if (timer->next)
		timer->next->prev = timer;
	else
		loop->last = timer;
	if (before)
		before->next = timer;
	else
		loop->first = timer;
	timer->running = true;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->running)
		return;
	if (timer->prev)
		timer->prev->next = timer->next;
	else
		loop->first = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	else
		loop->last = timer->prev;
	timer->running = false;
}

static void fire_timers(struct loop *loop)
{
	struct loop_timer *timer;

	while ((timer = loop->first) && timer->due_ms <= loop->now_ms) {
		loop_timer_stop(loop, timer);
		timer->on_due(timer->ctx);
	}
}

static int sleep_ms(const struct loop *loop)
{
	uint64_t left;

	if (!loop->first)
		return -1;
	if (loop->first->due_ms <= loop->now_ms)
		return 0;
	left = loop->first->due_ms - loop->now_ms;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits for a moment, or until something is ready: an epoll instance can be polled itself
 * (epoll(7)), and ppoll waits for less than the millisecond of epoll_wait. */
static void wait_a_moment(const struct loop *loop)
{
	static const struct timespec moment = { .tv_nsec = LOOP_MOMENT_NS };
	struct pollfd ready = { .fd = loop->epoll_fd, .events = POLLIN };

	ppoll(&ready, 1, &moment, NULL);
}

static int wait_and_dispatch(struct loop *loop, int timeout_ms)
{
	loop->batch_at = 0;
	/* Being stopped or frozen interrupts the wait, and timers may be due after that: what is
	 * ready still comes first. */
	while ((loop->batch_len = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, timeout_ms)) <
	       0) {
		if (errno != EINTR) {
			loop->batch_len = 0;
			return -1;
		}
		timeout_ms = 0;
	}
	read_clock(loop);
	while (loop->batch_at < loop->batch_len) {
		struct epoll_event *event = &loop->batch[loop->batch_at++];
		struct loop_io *io = event->data.ptr;

		if (io)
			io->on_ready(io->ctx);
	}
	return 0;
}

int loop_run(struct loop *loop, enum loop_verdict (*on_turn_end)(void *ctx), void *ctx)
{
	enum loop_verdict verdict = LOOP_AGAIN;

	while (verdict != LOOP_STOP) {
		if (verdict == LOOP_SOON)
			wait_a_moment(loop);
		if (wait_and_dispatch(loop, verdict == LOOP_SLEEP ? sleep_ms(loop) : 0) < 0)
			return -1;
		if (loop->on_dispatched)
			loop->on_dispatched(ctx);
		fire_timers(loop);
		verdict = on_turn_end(ctx);
	}
	return 0;
}
