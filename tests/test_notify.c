/* SPDX-License-Identifier: ISC */
/* notify.c: what services write on a notification-fd, in a real loop with real pipes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify.h"

/* ---- what is taken ---- */

/* What the next calls fail with; 0: they do not. */
static int malloc_error, watch_error, read_error;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __real_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

void *__wrap_malloc(size_t size)
{
	if (malloc_error == 0)
		return __real_malloc(size);
	errno = malloc_error;
	return NULL;
}

int __wrap_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event)
{
	if (watch_error == 0)
		return __real_epoll_ctl(epoll_fd, what, fd, event);
	errno = watch_error;
	return -1;
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (read_error == 0)
		return __real_read(fd, buffer, size);
	errno = read_error;
	read_error = 0;
	return -1;
}

/* ---- the rig ---- */

struct rig {
	struct loop loop;
	struct notify *notify;
	/* The service's end. */
	int fd;
	unsigned newlines, ends;
};

static void on_said(void *ctx, bool ready)
{
	struct rig *rig = ctx;

	++*(ready ? &rig->newlines : &rig->ends);
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	sigset_t none;

	malloc_error = watch_error = read_error = 0;
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	rig->notify = notify_open(&rig->loop, on_said, rig, &rig->fd);
	assert_non_null(rig->notify);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	notify_close(rig->notify);
	/* Nobody else's descriptor was closed. */
	assert_true(fcntl(0, F_GETFD) >= 0);
	if (rig->fd >= 0)
		close(rig->fd);
	loop_close(&rig->loop);
	free(rig);
	return 0;
}

static enum loop_verdict on_turn_end(void *ctx)
{
	unsigned *turns = ctx;

	return --*turns == 0 ? LOOP_STOP : LOOP_AGAIN;
}

static void turn(struct rig *rig, unsigned turns)
{
	assert_int_equal(loop_run(&rig->loop, on_turn_end, &turns), 0);
}

static void say(struct rig *rig, const char *text)
{
	assert_int_equal(write(rig->fd, text, strlen(text)), strlen(text));
	turn(rig, 2);
}

static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* ---- what is said ---- */

static void test_notify_newline_is_told_once(void **state)
{
	struct rig *rig = *state;

	turn(rig, 2);
	assert_int_equal(rig->newlines, 0);
	say(rig, "\n");
	assert_int_equal(rig->newlines, 1);
	say(rig, "\n\n");
	say(rig, "more\n");
	assert_int_equal(rig->newlines, 1);
}

static void test_notify_newline_comes_after_other_bytes(void **state)
{
	struct rig *rig = *state;

	say(rig, "listening on 0.0.0.0");
	say(rig, "\r");
	assert_int_equal(rig->newlines, 0);
	say(rig, ":80\nand more");
	assert_int_equal(rig->newlines, 1);
}

static void test_notify_newline_far_behind_is_found(void **state)
{
	struct rig *rig = *state;
	char bytes[4096];

	memset(bytes, 0, sizeof bytes);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(rig->fd, bytes, sizeof bytes), sizeof bytes);
		turn(rig, 2);
	}
	assert_int_equal(rig->newlines, 0);
	bytes[sizeof bytes - 1] = '\n';
	assert_int_equal(write(rig->fd, bytes, sizeof bytes), sizeof bytes);
	turn(rig, 2);
	assert_int_equal(rig->newlines, 1);
}

/* What the service wrote before it closed its end, or ended, counts. */
static void test_notify_newline_right_before_the_end_counts(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(write(rig->fd, "\n", 1), 1);
	close(rig->fd);
	rig->fd = -1;
	turn(rig, 3);
	assert_int_equal(rig->newlines, 1);
	assert_int_equal(rig->ends, 0);
}

static void test_notify_end_without_a_newline_is_told_once(void **state)
{
	struct rig *rig = *state;
	int fd;

	assert_int_equal(write(rig->fd, "bye", 3), 3);
	close(rig->fd);
	fd = rig->fd;
	rig->fd = -1;
	turn(rig, 3);
	assert_int_equal(rig->newlines, 0);
	assert_int_equal(rig->ends, 1);
	/* Our end has gone as well, and the loop is not kept busy by it: the read end was made
	 * before the write end. */
	assert_true(next_fd() < fd);
}

/* A reader that is not interested any more must not stop who writes, nor kill it. */
static void test_notify_writer_is_never_held_up(void **state)
{
	struct rig *rig = *state;
	char bytes[4096];

	memset(bytes, '\n', sizeof bytes);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(write(rig->fd, bytes, sizeof bytes), sizeof bytes);
		turn(rig, 2);
	}
	assert_int_equal(rig->newlines, 1);
}

static void test_notify_read_interrupted_is_repeated(void **state)
{
	static const int errors[] = { EINTR, EAGAIN };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		read_error = errors[i];
		turn(rig, 1);
		assert_int_equal(rig->newlines, 0);
		read_error = errors[i];
		say(rig, i == 0 ? "a" : "\n");
		assert_int_equal(read_error, 0);
	}
	assert_int_equal(rig->newlines, 1);
}

static void test_notify_read_error_is_the_end(void **state)
{
	struct rig *rig = *state;

	read_error = EIO;
	say(rig, "\n");
	say(rig, "");
	assert_int_equal(rig->newlines, 0);
	assert_int_equal(rig->ends, 1);
}

/* ---- the pipe ---- */

static void test_notify_open_makes_a_pipe_that_blocks_only_there(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(fcntl(rig->fd, F_GETFD), FD_CLOEXEC);
	/* As s6's services expect it. */
	assert_int_equal(fcntl(rig->fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(rig->fd, F_GETFL) & O_ACCMODE, O_WRONLY);
}

static void test_notify_open_without_means_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct rlimit old, none;
	int before = next_fd(), fd;

	malloc_error = ENOMEM;
	assert_null(notify_open(&rig->loop, on_said, rig, &fd));
	assert_int_equal(errno, ENOMEM);
	malloc_error = 0;
	watch_error = ENOSPC;
	assert_null(notify_open(&rig->loop, on_said, rig, &fd));
	assert_int_equal(errno, ENOSPC);
	watch_error = 0;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)before + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(notify_open(&rig->loop, on_said, rig, &fd));
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(next_fd(), before);
	assert_int_equal(fcntl(before + 1, F_GETFD), -1);
}

static void test_notify_close_forgets_what_was_said(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(write(rig->fd, "\n", 1), 1);
	notify_close(rig->notify);
	rig->notify = NULL;
	turn(rig, 2);
	assert_int_equal(rig->newlines, 0);
	/* NULL is nothing. */
	notify_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_notify_newline_is_told_once),
		TEST(test_notify_newline_comes_after_other_bytes),
		TEST(test_notify_newline_far_behind_is_found),
		TEST(test_notify_newline_right_before_the_end_counts),
		TEST(test_notify_end_without_a_newline_is_told_once),
		TEST(test_notify_writer_is_never_held_up),
		TEST(test_notify_read_interrupted_is_repeated),
		TEST(test_notify_read_error_is_the_end),
		TEST(test_notify_open_makes_a_pipe_that_blocks_only_there),
		TEST(test_notify_open_without_means_leaves_nothing),
		TEST(test_notify_close_forgets_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
