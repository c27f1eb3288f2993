/* SPDX-License-Identifier: ISC */
/* loop.c: the order of timers, what a callback may do to others of the same turn, signals, the
 * end-of-turn hook. The monotonic clock is the test's (--wrap=clock_gettime), and so is what
 * epoll_wait says where a test wants it so. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint64_t clock_ms;
/* what the next epoll_wait fails with */
static int wait_error;
/* how long the last one was to wait */
static int waited_ms;
/* it moves the clock instead */
static bool wait_never;
/* how many moments were waited for, and how many of them something ended that was ready */
static int moments, moments_ended;
static int create_failures, signalfd_failures, ctl_failures;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_signalfd(int fd, const sigset_t *signals, int flags);
int __wrap_signalfd(int fd, const sigset_t *signals, int flags);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	/* At the beginning of its millisecond, or at the end of it. */
	*now = (struct timespec){ (time_t)(clock_ms / 1000),
				  (long)(clock_ms % 1000) * 1000000 + (clock_ms % 2 ? 999999 : 0) };
	return 0;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
	waited_ms = timeout_ms;
	if (wait_error) {
		errno = wait_error;
		wait_error = 0;
		return -1;
	}
	if (wait_never && timeout_ms > 0) {
		clock_ms += (uint64_t)timeout_ms;
		timeout_ms = 0;
	}
	return __real_epoll_wait(epoll_fd, events, max, timeout_ms);
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	static const struct timespec now = { 0 };
	int ready = __real_ppoll(fds, count, &now, mask);

	assert_int_equal(timeout->tv_sec, 0);
	assert_int_equal(timeout->tv_nsec, LOOP_MOMENT_NS);
	moments++;
	moments_ended += ready > 0;
	return ready;
}

int __wrap_epoll_create1(int flags)
{
	errno = EMFILE;
	return create_failures-- > 0 ? -1 : __real_epoll_create1(flags);
}

int __wrap_signalfd(int fd, const sigset_t *signals, int flags)
{
	errno = ENFILE;
	return signalfd_failures-- > 0 ? -1 : __real_signalfd(fd, signals, flags);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	errno = ENOSPC;
	return ctl_failures-- > 0 ? -1 : __real_epoll_ctl(epoll_fd, operation, fd, event);
}

/* ---- the rig: a loop, and what happened in it, as a string ---- */

#define PIPES 80

struct rig {
	struct loop loop;
	char log[1000];
	int turns, turns_wanted;
	enum loop_verdict verdict;
	sigset_t signals, old_signals;
	struct loop_timer timers[10];
	struct named {
		struct rig *rig;
		char name;
		int index;
		int fd, write_fd;
		struct loop_io io;
		void (*also)(struct rig *rig, int index);
	} named[PIPES];
};

static void note(struct rig *rig, char what)
{
	size_t len = strlen(rig->log);

	assert_true(len + 1 < sizeof rig->log);
	rig->log[len] = what;
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	note(ctx, info->ssi_signo == SIGUSR1 ? 'U' : info->ssi_signo == SIGUSR2 ? 'V' : 'r');
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct rig *rig = ctx;

	note(rig, '.');
	return ++rig->turns >= rig->turns_wanted ? LOOP_STOP : rig->verdict;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	clock_ms = 1000000;
	wait_error = 0;
	wait_never = true;
	moments = moments_ended = 0;
	create_failures = signalfd_failures = ctl_failures = 0;
	rig->verdict = LOOP_AGAIN;
	sigemptyset(&rig->signals);
	sigaddset(&rig->signals, SIGUSR1);
	sigaddset(&rig->signals, SIGUSR2);
	for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
		sigaddset(&rig->signals, signal);
	assert_int_equal(sigprocmask(SIG_BLOCK, &rig->signals, &rig->old_signals), 0);
	assert_int_equal(loop_open(&rig->loop, &rig->signals, on_signal, rig), 0);
	for (int i = 0; i < PIPES; i++) {
		rig->named[i] =
			(struct named){ .rig = rig, .name = (char)('a' + i % 26), .index = i };
		rig->named[i].fd = rig->named[i].write_fd = -1;
		if (i < (int)COUNT(rig->timers))
			rig->timers[i].ctx = &rig->named[i];
	}
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	loop_close(&rig->loop);
	for (int i = 0; i < PIPES; i++) {
		if (rig->named[i].fd >= 0)
			close(rig->named[i].fd);
		if (rig->named[i].write_fd >= 0)
			close(rig->named[i].write_fd);
	}
	sigprocmask(SIG_SETMASK, &rig->old_signals, NULL);
	free(rig);
	return 0;
}

static void run_turns(struct rig *rig, int turns)
{
	rig->turns = 0;
	rig->turns_wanted = turns;
	assert_int_equal(loop_run(&rig->loop, on_turn_end, rig), 0);
}

static void on_due(void *ctx)
{
	struct named *named = ctx;

	note(named->rig, named->name);
	if (named->also)
		named->also(named->rig, named->index);
}

static void start(struct rig *rig, int index, uint64_t delay_ms)
{
	rig->timers[index].on_due = on_due;
	loop_timer_start(&rig->loop, &rig->timers[index], delay_ms);
}

/* ---- timers ---- */

static void test_loop_timers_fire_in_the_order_they_fall_due(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 30);
	start(rig, 1, 10);
	start(rig, 2, 20);
	start(rig, 3, 40);
	start(rig, 4, 10);
	clock_ms += 30;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "beca.");
	clock_ms += 10;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "beca.d.");
	assert_null(rig->loop.first);
	assert_null(rig->loop.last);
}

static void on_dispatched(void *ctx)
{
	note(ctx, '!');
}

static void test_loop_what_has_happened_comes_before_what_falls_due(void **state)
{
	struct rig *rig = *state;

	rig->loop.on_dispatched = on_dispatched;
	start(rig, 0, 10);
	clock_ms += 10;
	run_turns(rig, 2);
	assert_string_equal(rig->log, "!a.!.");
}

static void test_loop_timer_is_not_early_and_fires_once(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 10);
	clock_ms += 9;
	run_turns(rig, 1);
	assert_string_equal(rig->log, ".");
	assert_true(rig->timers[0].running);
	clock_ms += 1;
	run_turns(rig, 3);
	assert_string_equal(rig->log, ".a...");
	assert_false(rig->timers[0].running);
}

static void test_loop_timer_start_running_starts_anew(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 10);
	start(rig, 1, 15);
	start(rig, 0, 20);
	clock_ms += 15;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "b.");
	clock_ms += 5;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "b.a.");
}

static void test_loop_timer_stop_at_every_place_of_the_list(void **state)
{
	struct rig *rig = *state;

	for (int stopped = 0; stopped < 4; stopped++) {
		memset(rig->log, 0, sizeof rig->log);
		for (int i = 0; i < 4; i++)
			start(rig, i, (uint64_t)(i + 1) * 10);
		loop_timer_stop(&rig->loop, &rig->timers[stopped]);
		loop_timer_stop(&rig->loop, &rig->timers[stopped]);
		clock_ms += 40;
		run_turns(rig, 1);
		assert_int_equal(strlen(rig->log), 4);
		assert_null(strchr(rig->log, 'a' + stopped));
	}
}

static void test_loop_timer_without_a_delay_fires_in_this_turn_or_the_next(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 0);
	run_turns(rig, 1);
	assert_string_equal(rig->log, "a.");
}

static void test_loop_timer_with_a_delay_longer_than_the_clock_has_run_fires(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 2000000);
	clock_ms += 1999999;
	run_turns(rig, 1);
	assert_string_equal(rig->log, ".");
	clock_ms++;
	run_turns(rig, 1);
	assert_string_equal(rig->log, ".a.");
}

static void test_loop_timer_with_an_endless_delay_never_fires(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, UINT64_MAX);
	start(rig, 1, 5);
	rig->verdict = LOOP_SLEEP;
	run_turns(rig, 3);
	assert_int_equal(waited_ms, INT_MAX);
	assert_null(strchr(rig->log, 'a'));
	loop_timer_stop(&rig->loop, &rig->timers[0]);
}

static void stop_next(struct rig *rig, int index)
{
	loop_timer_stop(&rig->loop, &rig->timers[index + 1]);
}

static void test_loop_timer_stopped_by_another_due_one_does_not_fire(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++)
		start(rig, i, 10);
	rig->named[0].also = stop_next;
	clock_ms += 10;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "ac.");
}

static void start_again(struct rig *rig, int index)
{
	start(rig, index, 5);
}

static void test_loop_timer_that_starts_itself_again_fires_in_a_later_turn(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 5);
	rig->named[0].also = start_again;
	rig->verdict = LOOP_SLEEP;
	run_turns(rig, 4);
	assert_string_equal(rig->log, ".a.a.a.");
	loop_timer_stop(&rig->loop, &rig->timers[0]);
}

static void free_all(struct rig *rig, int index)
{
	(void)index;
	for (size_t i = 0; i < COUNT(rig->timers); i++)
		loop_timer_stop(&rig->loop, &rig->timers[i]);
	memset(rig->timers, 0xff, sizeof rig->timers);
}

/* Its owner may free it, and all others, in the callback. */
static void test_loop_timer_memory_is_not_touched_once_it_was_called(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++)
		start(rig, i, 10);
	rig->named[0].also = free_all;
	clock_ms += 10;
	run_turns(rig, 2);
	assert_string_equal(rig->log, "a..");
}

static void test_loop_sleeps_until_the_first_timer(void **state)
{
	struct rig *rig = *state;

	rig->verdict = LOOP_SLEEP;
	start(rig, 0, 250);
	start(rig, 1, 70);
	run_turns(rig, 1);
	assert_int_equal(waited_ms, 0);
	run_turns(rig, 2);
	assert_int_equal(waited_ms, 70);
	assert_string_equal(rig->log, "..b.");
	assert_int_equal(loop_now_ms(&rig->loop), 1000070);
}

static enum loop_verdict start_once(void *ctx)
{
	struct rig *rig = ctx;

	if (++rig->turns > 1)
		return LOOP_STOP;
	start(rig, 0, 0);
	return LOOP_SLEEP;
}

static void test_loop_does_not_sleep_while_a_timer_is_due(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(loop_run(&rig->loop, start_once, rig), 0);
	assert_int_equal(waited_ms, 0);
	assert_string_equal(rig->log, "a");
}

static void test_loop_again_does_not_sleep(void **state)
{
	struct rig *rig = *state;

	start(rig, 0, 250);
	run_turns(rig, 5);
	assert_int_equal(waited_ms, 0);
	assert_string_equal(rig->log, ".....");
	loop_timer_stop(&rig->loop, &rig->timers[0]);
}

static void test_loop_soon_waits_for_a_moment_only(void **state)
{
	struct rig *rig = *state;

	rig->verdict = LOOP_SOON;
	run_turns(rig, 5);
	assert_int_equal(moments, 4);
	assert_int_equal(moments_ended, 0);
	assert_int_equal(waited_ms, 0);
	assert_string_equal(rig->log, ".....");
}

static void test_loop_soon_fires_timers_that_are_due(void **state)
{
	struct rig *rig = *state;

	rig->verdict = LOOP_SOON;
	start(rig, 0, 10);
	run_turns(rig, 2);
	clock_ms += 10;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "..a.");
}

/* A thousand random starts and stops: what fires is what a sorted list says. */
static void test_loop_timers_at_random_fire_in_order(void **state)
{
	struct rig *rig = *state;
	uint32_t random = 1;

	for (int round = 0; round < 1000; round++) {
		uint64_t before = 0;

		for (size_t i = 0; i < COUNT(rig->timers); i++) {
			random = random * 1664525 + 1013904223;
			if (random >> 30)
				start(rig, (int)i, random >> 16 & 63);
			else
				loop_timer_stop(&rig->loop, &rig->timers[i]);
		}
		for (struct loop_timer *timer = rig->loop.first; timer; timer = timer->next) {
			assert_true(timer->due_ms >= before && timer->running);
			assert_ptr_equal(timer->next ? timer->next->prev : rig->loop.last, timer);
			before = timer->due_ms;
		}
		memset(rig->log, 0, sizeof rig->log);
		clock_ms += random >> 8 & 63;
		run_turns(rig, 1);
		assert_true(!rig->loop.first || rig->loop.first->due_ms > clock_ms);
	}
	for (size_t i = 0; i < COUNT(rig->timers); i++)
		loop_timer_stop(&rig->loop, &rig->timers[i]);
}

/* ---- readiness ---- */

static void on_ready(void *ctx)
{
	struct named *named = ctx;
	char byte;

	if (read(named->fd, &byte, 1) == 0)
		note(named->rig, '0');
	note(named->rig, named->name);
	if (named->also)
		named->also(named->rig, named->index);
}

static void watch_pipe(struct rig *rig, int index)
{
	struct named *named = &rig->named[index];
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	named->fd = pair[0];
	named->write_fd = pair[1];
	named->io = (struct loop_io){ .on_ready = on_ready, .ctx = named };
	assert_int_equal(loop_watch(&rig->loop, named->fd, EPOLLIN, &named->io), 0);
}

static void make_ready(struct rig *rig, int index)
{
	assert_int_equal(write(rig->named[index].write_fd, "x", 1), 1);
}

static void test_loop_soon_what_is_ready_ends_the_moment(void **state)
{
	struct rig *rig = *state;

	rig->verdict = LOOP_SOON;
	watch_pipe(rig, 0);
	make_ready(rig, 0);
	make_ready(rig, 0);
	run_turns(rig, 2);
	assert_int_equal(moments_ended, 1);
	assert_string_equal(rig->log, "a.a.");
}

static void test_loop_watch_ready_calls_back_by_level(void **state)
{
	struct rig *rig = *state;

	watch_pipe(rig, 0);
	make_ready(rig, 0);
	make_ready(rig, 0);
	run_turns(rig, 3);
	assert_string_equal(rig->log, "a.a..");
}

static void test_loop_without_a_timer_sleeps_without_a_limit(void **state)
{
	struct rig *rig = *state;

	rig->verdict = LOOP_SLEEP;
	watch_pipe(rig, 0);
	make_ready(rig, 0);
	make_ready(rig, 0);
	run_turns(rig, 2);
	assert_int_equal(waited_ms, -1);
	assert_string_equal(rig->log, "a.a.");
}

static void test_loop_watch_ready_already_is_told(void **state)
{
	struct rig *rig = *state;

	watch_pipe(rig, 0);
	loop_unwatch(&rig->loop, rig->named[0].fd, &rig->named[0].io);
	make_ready(rig, 0);
	run_turns(rig, 1);
	assert_string_equal(rig->log, ".");
	assert_int_equal(loop_watch(&rig->loop, rig->named[0].fd, EPOLLIN, &rig->named[0].io), 0);
	run_turns(rig, 1);
	assert_string_equal(rig->log, ".a.");
}

static void test_loop_watch_hung_up_is_told(void **state)
{
	struct rig *rig = *state;

	watch_pipe(rig, 0);
	close(rig->named[0].write_fd);
	rig->named[0].write_fd = -1;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "0a.");
}

static void test_loop_watch_regular_file_says_eperm(void **state)
{
	struct rig *rig = *state;
	char path[] = "/tmp/test_loop.XXXXXX";
	struct loop_io io = { .on_ready = on_ready, .ctx = rig };
	int fd = mkstemp(path);

	unlink(path);
	assert_int_equal(loop_watch(&rig->loop, fd, EPOLLIN, &io), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
}

/* All of a batch are ready; the first that is called unwatches and frees all others. */
static void unwatch_others(struct rig *rig, int index)
{
	for (int i = 0; i < 10; i++) {
		if (i == index || rig->named[i].fd < 0)
			continue;
		loop_unwatch(&rig->loop, rig->named[i].fd, &rig->named[i].io);
		memset(&rig->named[i].io, 0xff, sizeof rig->named[i].io);
		close(rig->named[i].fd);
		rig->named[i].fd = -1;
	}
}

static void test_loop_unwatch_of_others_in_the_same_batch_silences_them(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 10; i++) {
		watch_pipe(rig, i);
		make_ready(rig, i);
		rig->named[i].also = unwatch_others;
	}
	run_turns(rig, 2);
	assert_int_equal(strlen(rig->log), 3);
}

/* A new watch at the same place and with the same descriptor is not called for the event of the
 * old one. */
static void replace_next(struct rig *rig, int index)
{
	struct named *next = &rig->named[index ^ 1];

	loop_unwatch(&rig->loop, next->fd, &next->io);
	close(next->fd);
	close(next->write_fd);
	watch_pipe(rig, index ^ 1);
	rig->named[index].also = NULL;
	next->also = NULL;
}

static void test_loop_watch_in_place_of_an_unwatched_one_starts_afresh(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 2; i++) {
		watch_pipe(rig, i);
		make_ready(rig, i);
		rig->named[i].also = replace_next;
	}
	run_turns(rig, 2);
	assert_int_equal(strlen(rig->log), 3);
}

static void unwatch_self(struct rig *rig, int index)
{
	loop_unwatch(&rig->loop, rig->named[index].fd, &rig->named[index].io);
}

static void test_loop_unwatch_in_its_own_callback_ends_it(void **state)
{
	struct rig *rig = *state;

	watch_pipe(rig, 0);
	rig->named[0].also = unwatch_self;
	make_ready(rig, 0);
	make_ready(rig, 0);
	run_turns(rig, 3);
	assert_string_equal(rig->log, "a...");
}

/* More are ready than fit into a batch: each has its turn. */
static void test_loop_more_ready_than_a_batch_all_get_their_turn(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < PIPES; i++) {
		watch_pipe(rig, i);
		make_ready(rig, i);
	}
	run_turns(rig, 3);
	assert_int_equal(strlen(rig->log), PIPES + 3);
	assert_int_equal(strchr(rig->log, '.') - rig->log, LOOP_BATCH);
}

/* ---- signals ---- */

static void test_loop_signals_are_told_each(void **state)
{
	struct rig *rig = *state;

	raise(SIGUSR1);
	raise(SIGUSR2);
	run_turns(rig, 2);
	assert_string_equal(rig->log, "UV..");
}

/* They may come as fast as they are read: everything else has its turn between them. */
static void test_loop_many_signals_at_once_are_told_some_a_turn(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 100; i++)
		assert_int_equal(sigqueue(getpid(), SIGRTMIN + i % 5,
					  (union sigval){ .sival_int = i }),
				 0);
	run_turns(rig, 1);
	assert_int_equal(strcspn(rig->log, "."), 16);
	run_turns(rig, 6);
	assert_int_equal(strlen(rig->log), 100 + 7);
}

/* ---- the end-of-turn hook, failures ---- */

static void test_loop_timers_come_after_what_is_ready_and_before_the_end_of_the_turn(void **state)
{
	struct rig *rig = *state;

	start(rig, 1, 10);
	watch_pipe(rig, 0);
	make_ready(rig, 0);
	clock_ms += 10;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "ab.");
}

/* After a stop or a freeze, say: what has become ready meanwhile is no less first. */
static void test_loop_interrupted_wait_looks_again_before_the_timers(void **state)
{
	struct rig *rig = *state;

	start(rig, 1, 10);
	watch_pipe(rig, 0);
	make_ready(rig, 0);
	wait_error = EINTR;
	clock_ms += 10;
	run_turns(rig, 1);
	assert_string_equal(rig->log, "ab.");
	assert_int_equal(waited_ms, 0);
}

/* The entry stays where it cannot be removed, if a child between fork and execve has the file
 * open, too. */
static void test_loop_unwatch_refused_calls_nobody_back(void **state)
{
	struct rig *rig = *state;
	int kept;

	watch_pipe(rig, 0);
	kept = dup(rig->named[0].fd);
	ctl_failures = 1;
	loop_unwatch(&rig->loop, rig->named[0].fd, &rig->named[0].io);
	make_ready(rig, 0);
	run_turns(rig, 2);
	assert_string_equal(rig->log, "..");
	close(kept);
}

static void test_loop_run_wait_refused_fails(void **state)
{
	struct rig *rig = *state;

	wait_error = EINVAL;
	rig->turns_wanted = 1;
	assert_int_equal(loop_run(&rig->loop, on_turn_end, rig), -1);
	assert_int_equal(errno, EINVAL);
	assert_string_equal(rig->log, "");
}

static void test_loop_open_failing_anywhere_leaves_nothing_open(void **state)
{
	int *const failures[] = { &create_failures, &signalfd_failures, &ctl_failures };
	static const int errors[] = { EMFILE, ENFILE, ENOSPC };
	struct rig *rig = *state;
	struct loop loop;
	int next = dup(0), fds[3];

	close(next);
	for (size_t i = 0; i < COUNT(failures); i++) {
		*failures[i] = 1;
		assert_int_equal(loop_open(&loop, &rig->signals, on_signal, rig), -1);
		assert_int_equal(errno, errors[i]);
	}
	for (int i = 0; i < 3; i++) {
		fds[i] = dup(0);
		assert_int_equal(fds[i], next + i);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void test_loop_open_descriptors_are_not_inherited(void **state)
{
	struct rig *rig = *state;

	assert_true(fcntl(rig->loop.epoll_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(rig->loop.signal_fd, F_GETFD) & FD_CLOEXEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_loop_timers_fire_in_the_order_they_fall_due),
	TEST(test_loop_what_has_happened_comes_before_what_falls_due),
	TEST(test_loop_timer_is_not_early_and_fires_once),
	TEST(test_loop_timer_start_running_starts_anew),
	TEST(test_loop_timer_stop_at_every_place_of_the_list),
	TEST(test_loop_timer_without_a_delay_fires_in_this_turn_or_the_next),
	TEST(test_loop_timer_with_an_endless_delay_never_fires),
	TEST(test_loop_timer_stopped_by_another_due_one_does_not_fire),
	TEST(test_loop_timer_that_starts_itself_again_fires_in_a_later_turn),
	TEST(test_loop_timer_memory_is_not_touched_once_it_was_called),
	TEST(test_loop_sleeps_until_the_first_timer),
	TEST(test_loop_timer_with_a_delay_longer_than_the_clock_has_run_fires),
	TEST(test_loop_without_a_timer_sleeps_without_a_limit),
	TEST(test_loop_does_not_sleep_while_a_timer_is_due),
	TEST(test_loop_again_does_not_sleep),
	TEST(test_loop_soon_waits_for_a_moment_only),
	TEST(test_loop_soon_what_is_ready_ends_the_moment),
	TEST(test_loop_soon_fires_timers_that_are_due),
	TEST(test_loop_timers_at_random_fire_in_order),
	TEST(test_loop_watch_ready_calls_back_by_level),
	TEST(test_loop_watch_ready_already_is_told),
	TEST(test_loop_watch_hung_up_is_told),
	TEST(test_loop_watch_regular_file_says_eperm),
	TEST(test_loop_unwatch_of_others_in_the_same_batch_silences_them),
	TEST(test_loop_watch_in_place_of_an_unwatched_one_starts_afresh),
	TEST(test_loop_unwatch_in_its_own_callback_ends_it),
	TEST(test_loop_more_ready_than_a_batch_all_get_their_turn),
	TEST(test_loop_signals_are_told_each),
	TEST(test_loop_many_signals_at_once_are_told_some_a_turn),
	TEST(test_loop_timers_come_after_what_is_ready_and_before_the_end_of_the_turn),
	TEST(test_loop_interrupted_wait_looks_again_before_the_timers),
	TEST(test_loop_unwatch_refused_calls_nobody_back),
	TEST(test_loop_run_wait_refused_fails),
	TEST(test_loop_open_failing_anywhere_leaves_nothing_open),
	TEST(test_loop_open_descriptors_are_not_inherited),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
