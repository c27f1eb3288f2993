/* SPDX-License-Identifier: ISC */
/* Time and readiness: one epoll instance, one signalfd, timers on the monotonic clock. One turn
 * is: wait, dispatch what is ready, look what that was (on_dispatched), fire the timers that are
 * due, call the end-of-turn hook.
 * Nothing here blocks but the wait itself.
 *
 * All memory belongs to the callers; the loop only links what it is given. */
#ifndef DINIT_LOOP_H
#define DINIT_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

/* So many events are taken from the kernel at a time, which bounds a turn. */
#define LOOP_BATCH 64
/* A moment, in nanoseconds; the kernel makes it longer by some 50 microseconds (prctl(2),
 * PR_SET_TIMERSLACK). */
#define LOOP_MOMENT_NS 20000

/* A descriptor's place in the loop. The caller owns it, and keeps it where it is from loop_watch to
 * loop_unwatch. */
struct loop_io {
	void (*on_ready)(void *ctx);
	void *ctx;
};

/* A timer. The caller owns it; when it is zeroed it is not running. */
struct loop_timer {
	void (*on_due)(void *ctx);
	void *ctx;
	uint64_t due_ms;
	struct loop_timer *prev, *next;
	bool running;
};

/* What the end-of-turn hook answers. */
enum loop_verdict {
	/* There is nothing to do until something happens. */
	LOOP_SLEEP,
	/* There will be work in a moment: sleep for LOOP_MOMENT_NS at most. */
	LOOP_SOON,
	/* There is work left: do not sleep, but look for events and call again. */
	LOOP_AGAIN,
	/* Leave loop_run. */
	LOOP_STOP,
};

struct loop {
	int epoll_fd;
	int signal_fd;
	uint64_t now_ms;
	/* Running timers, soonest first. */
	struct loop_timer *first, *last;
	struct loop_io signal_io;
	void (*on_signal)(void *ctx, const struct signalfd_siginfo *info);
	void *signal_ctx;
	/* Called in each turn when its events have been dispatched, before the timers: what has
	 * happened counts before what falls due. ctx is that of loop_run. May be NULL. */
	void (*on_dispatched)(void *ctx);
	/* The events that are being dispatched; loop_unwatch strikes entries out of them. */
	struct epoll_event batch[LOOP_BATCH];
	int batch_at, batch_len;
};

/* Sets up the loop; on_signal is called with ctx for each signal of the set, which the caller
 * must have blocked. Returns 0, or -1 with errno and nothing left open. */
int loop_open(struct loop *loop, const sigset_t *signals,
	      void (*on_signal)(void *ctx, const struct signalfd_siginfo *info), void *ctx);

/* Closes what loop_open opened. */
void loop_close(struct loop *loop);

/* Reports events on fd to io->on_ready, from now on and for what is ready already; events as in
 * epoll_ctl(2), by level unless EPOLLET is among them. Returns 0, or -1 with errno (EPERM: a
 * kind of file that never blocks, such as a regular file). */
int loop_watch(struct loop *loop, int fd, uint32_t events, struct loop_io *io);

/* Ends what loop_watch began: the callback of io is not called again, not even for an event already
 * fetched. Call it before close(fd). */
void loop_unwatch(struct loop *loop, int fd, const struct loop_io *io);

/* Returns the milliseconds of CLOCK_MONOTONIC, as read at the beginning of this turn. */
uint64_t loop_now_ms(const struct loop *loop);

/* Starts (or restarts) the timer: on_due is called once, delay_ms from now (0: at the end of
 * this turn or in the next). Cheap where timers are set in the order they fall due. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);

/* Stops the timer if it runs. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Makes turns until on_turn_end says LOOP_STOP. Returns 0, or -1 with errno when the kernel refuses
 * to wait. */
int loop_run(struct loop *loop, enum loop_verdict (*on_turn_end)(void *ctx), void *ctx);

#endif
