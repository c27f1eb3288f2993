/* SPDX-License-Identifier: ISC */
/* sink.c in front of every kind of descriptor: what is written where, when it waits, what it
 * leaves as it was. A failing open, epoll_ctl, malloc, realloc or write is scripted by the
 * linker's --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "sink.h"

#define DEADLINE_MS 10000

/* ---- what the kernel and libc are made to say ---- */

static int open_failures, epoll_error, memory_failures, write_error;
/* Of the last write. */
static size_t write_len;
/* Pipes do not become larger. */
static bool size_refused;
/* What a write that is not to block fails with, and how many there were. */
static int no_wait_error, no_waits;
/* Where somebody else writes, as much as it takes, whenever it was found to be writable. */
static int rival_fd;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

int __wrap_open(const char *path, int flags, ...)
{
	if (open_failures > 0) {
		open_failures--;
		errno = EACCES;
		return -1;
	}
	return __real_open(path, flags, 0);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_ADD && epoll_error) {
		errno = epoll_error;
		epoll_error = 0;
		return -1;
	}
	return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

static bool memory_fails(void)
{
	if (memory_failures == 0)
		return false;
	memory_failures--;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return memory_fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return memory_fails() ? NULL : __real_realloc(old, size);
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list rest;
	long argument;

	va_start(rest, command);
	argument = va_arg(rest, long);
	va_end(rest);
	if (command == F_SETPIPE_SZ && size_refused) {
		errno = EPERM;
		return -1;
	}
	return __real_fcntl(fd, command, argument);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
	write_len = len;
	if (write_error) {
		errno = write_error;
		write_error = 0;
		return -1;
	}
	return __real_write(fd, bytes, len);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int ready = __real_poll(fds, count, timeout_ms);

	if (rival_fd >= 0)
		while (__real_write(rival_fd, "a rival\n", 8) > 0)
			;
	return ready;
}

long __wrap_syscall(long number, ...)
{
	long args[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < sizeof args / sizeof *args; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_pwritev2) {
		no_waits++;
		errno = no_wait_error;
		if (no_wait_error)
			return -1;
	}
	return __real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* ---- the rig: one sink, and what its descriptor leads to ---- */

struct rig {
	struct loop loop;
	struct loop_timer deadline;
	struct sink sink;
	bool open, late;
	int given_fd, reader_fd;
	/* Those of given_fd, before it was a sink. */
	int flags, fd_flags;
};

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static void on_late(void *ctx)
{
	struct rig *rig = ctx;

	rig->late = true;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	sigset_t none;

	open_failures = epoll_error = memory_failures = write_error = 0;
	size_refused = false;
	no_wait_error = no_waits = 0;
	rival_fd = -1;
	rig->given_fd = rig->reader_fd = -1;
	rig->deadline = (struct loop_timer){ .on_due = on_late, .ctx = rig };
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	*state = rig;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	if (rig->open) {
		assert_int_equal(fcntl(rig->given_fd, F_GETFL), rig->flags);
		assert_int_equal(fcntl(rig->given_fd, F_GETFD), rig->fd_flags);
		sink_close(&rig->sink);
		assert_int_equal(fcntl(rig->given_fd, F_GETFL), rig->flags);
	}
	loop_close(&rig->loop);
	close_fd(&rig->given_fd);
	close_fd(&rig->reader_fd);
	free(rig);
	return 0;
}

static void set_nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static void open_on(struct rig *rig, int given_fd, int reader_fd)
{
	assert_true(given_fd >= 0);
	rig->given_fd = given_fd;
	rig->reader_fd = reader_fd;
	if (reader_fd >= 0)
		set_nonblocking(reader_fd);
	rig->flags = fcntl(given_fd, F_GETFL);
	rig->fd_flags = fcntl(given_fd, F_GETFD);
	assert_int_equal(sink_open(&rig->sink, &rig->loop, given_fd), 0);
	rig->open = true;
}

static int make_file(void)
{
	char path[] = "/tmp/test_sink.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static void open_on_pipe(struct rig *rig)
{
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	open_on(rig, pair[1], pair[0]);
}

static void open_on_socket(struct rig *rig)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	open_on(rig, pair[1], pair[0]);
}

static void open_on_tty(struct rig *rig)
{
	struct termios raw;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	open_on(rig, slave, master);
}

static void put(struct rig *rig, const char *line, size_t len)
{
	char *room = sink_room(&rig->sink, len);

	assert_non_null(room);
	memcpy(room, line, len);
	sink_commit(&rig->sink, len);
}

/* A byte stream that tells every place from every other one nearby; no newline, which ends what
 * is put at once. */
static char byte_at(size_t at)
{
	char byte = (char)(at * 31 + (at >> 8) * 7 + (at >> 16));

	return byte == '\n' ? ' ' : byte;
}

static void put_stream(struct rig *rig, size_t *at, size_t len)
{
	char *room = sink_room(&rig->sink, len);

	assert_non_null(room);
	for (size_t i = 0; i < len; i++)
		room[i] = byte_at((*at)++);
	room[len - 1] = '\n';
	sink_commit(&rig->sink, len);
}

/* Reads at most len bytes, whatever is there; checks that they go on where the last ended. */
static size_t take_stream(struct rig *rig, size_t *at, size_t len)
{
	char bytes[65536];
	ssize_t n = read(rig->reader_fd, bytes, len < sizeof bytes ? len : sizeof bytes);

	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	for (ssize_t i = 0; i < n; i++, (*at)++)
		if (bytes[i] != byte_at(*at) && bytes[i] != '\n')
			fail_msg("byte %zu is wrong", *at);
	return n > 0 ? (size_t)n : 0;
}

static enum loop_verdict stop_unblocked(void *ctx)
{
	struct rig *rig = ctx;

	return rig->late || !rig->sink.blocked ? LOOP_STOP : LOOP_SLEEP;
}

/* Waits for the loop to tell the sink that it can go on. */
static void wait_until_unblocked(struct rig *rig)
{
	loop_timer_start(&rig->loop, &rig->deadline, DEADLINE_MS);
	assert_int_equal(loop_run(&rig->loop, stop_unblocked, rig), 0);
	loop_timer_stop(&rig->loop, &rig->deadline);
	assert_false(rig->late);
}

/* Writes until the other side takes no more. */
static size_t fill(struct rig *rig)
{
	size_t at = 0;

	while (!rig->sink.blocked) {
		put_stream(rig, &at, 4096);
		while (sink_can_flush(&rig->sink))
			assert_int_equal(sink_flush(&rig->sink), 0);
		assert_true(at < 64 << 20);
	}
	return at;
}

/* A reader that stops and goes on: nothing is missing, nothing is written twice. */
static void assert_stalls_and_resumes(struct rig *rig)
{
	size_t put_at = fill(rig), taken = 0;

	assert_true(sink_len(&rig->sink) > 0);
	assert_false(sink_can_flush(&rig->sink));
	assert_int_equal(sink_flush(&rig->sink), 0);
	while (taken < put_at) {
		while (take_stream(rig, &taken, 65536) > 0)
			;
		if (taken == put_at)
			break;
		wait_until_unblocked(rig);
		while (sink_can_flush(&rig->sink))
			assert_int_equal(sink_flush(&rig->sink), 0);
	}
	assert_int_equal(sink_len(&rig->sink), 0);
}

/* ---- kinds ---- */

static void test_sink_open_pipe_is_opened_anew(void **state)
{
	struct rig *rig = *state;

	open_on_pipe(rig);
	assert_int_equal(rig->sink.kind, SINK_KIND_PRIVATE);
	assert_int_not_equal(rig->sink.fd, rig->given_fd);
	assert_true(fcntl(rig->sink.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(rig->sink.fd, F_GETFD) & FD_CLOEXEC);
}

static void set_pipe_size(int fd, int size)
{
	rig_need(sysconf(_SC_PAGESIZE) == 4096, "the sizes are for pages of 4096 bytes");
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, size), size);
}

static void test_sink_open_pipe_of_the_usual_size_becomes_larger(void **state)
{
	struct rig *rig = *state;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	set_pipe_size(pair[1], 64 * 1024);
	open_on(rig, pair[1], pair[0]);
	assert_int_equal(rig->sink.pipe_size, 128 * 1024);
	assert_int_equal(fcntl(pair[0], F_GETPIPE_SZ), 128 * 1024);
}

static void test_sink_open_pipe_of_the_usual_size_stays_so_where_that_is_refused(void **state)
{
	struct rig *rig = *state;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	set_pipe_size(pair[1], 64 * 1024);
	size_refused = true;
	open_on(rig, pair[1], pair[0]);
	assert_int_equal(rig->sink.pipe_size, 64 * 1024);
}

/* Somebody wanted that. */
static void check_pipe_size_stays(struct rig *rig, int size)
{
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	set_pipe_size(pair[1], size);
	open_on(rig, pair[1], pair[0]);
	assert_int_equal(rig->sink.pipe_size, size);
	assert_int_equal(fcntl(pair[0], F_GETPIPE_SZ), size);
}

static void test_sink_open_smaller_pipe_stays_so(void **state)
{
	check_pipe_size_stays(*state, 32 * 1024);
}

static void test_sink_open_larger_pipe_stays_so(void **state)
{
	check_pipe_size_stays(*state, 256 * 1024);
}

static void test_sink_open_socket_is_sent_to(void **state)
{
	struct rig *rig = *state;

	open_on_socket(rig);
	assert_int_equal(rig->sink.kind, SINK_KIND_SOCKET);
	assert_int_equal(rig->sink.fd, rig->given_fd);
}

static void test_sink_open_terminal_is_opened_anew_and_not_taken(void **state)
{
	struct rig *rig = *state;

	open_on_tty(rig);
	assert_int_equal(rig->sink.kind, SINK_KIND_PRIVATE);
	assert_int_not_equal(tcgetsid(rig->sink.fd), getsid(0));
}

static void test_sink_open_file_and_devices_never_block(void **state)
{
	static const char *const paths[] = { "/dev/null", "/dev/full", "/dev/zero" };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		open_on(rig, __real_open(paths[i], O_WRONLY), -1);
		assert_int_equal(rig->sink.kind, SINK_KIND_FILE);
		sink_close(&rig->sink);
		rig->open = false;
		close_fd(&rig->given_fd);
	}
	open_on(rig, make_file(), -1);
	assert_int_equal(rig->sink.kind, SINK_KIND_FILE);
}

static void test_sink_open_pipe_that_cannot_be_opened_anew_is_asked_first(void **state)
{
	struct rig *rig = *state;

	open_failures = 1;
	open_on_pipe(rig);
	assert_int_equal(rig->sink.kind, SINK_KIND_POLLED_PIPE);
	assert_int_equal(rig->sink.fd, rig->given_fd);
}

/* Returns what a process of a session of its own, with that controlling terminal (-1: none),
 * makes of given_fd if that cannot be opened by its descriptor (another user's, or no /proc). */
static enum sink_kind open_in_session(struct rig *rig, int terminal)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		enum sink_kind kind;

		setsid();
		if (terminal >= 0 && ioctl(terminal, TIOCSCTTY, 0) < 0)
			_exit(99);
		open_failures = 1;
		if (sink_open(&rig->sink, &rig->loop, rig->given_fd) < 0)
			_exit(99);
		kind = rig->sink.kind;
		/* The epoll instance is shared with the parent. */
		sink_close(&rig->sink);
		_exit((int)kind);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (enum sink_kind)WEXITSTATUS(status);
}

/* Only what is a terminal may be replaced by the controlling one. */
static void test_sink_open_pipe_beside_a_controlling_terminal_stays_a_pipe(void **state)
{
	struct rig *rig = *state;
	int terminal, master, pair[2];

	assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(pair), 0);
	rig->given_fd = pair[1];
	rig->reader_fd = pair[0];
	assert_int_equal(open_in_session(rig, terminal), SINK_KIND_POLLED_PIPE);
	close(terminal);
	close(master);
}

static void test_sink_open_terminal_of_another_user_is_the_controlling_one_or_asked_first(
	void **state)
{
	struct rig *rig = *state;

	open_on_tty(rig);
	sink_close(&rig->sink);
	rig->open = false;
	assert_int_equal(open_in_session(rig, -1), SINK_KIND_POLLED_TTY);
	assert_int_equal(open_in_session(rig, rig->given_fd), SINK_KIND_PRIVATE);
}

static void test_sink_open_closed_descriptor_is_a_file_that_fails(void **state)
{
	struct rig *rig = *state;
	int fd = dup(2);

	close(fd);
	assert_int_equal(sink_open(&rig->sink, &rig->loop, fd), 0);
	put(rig, "lost\n", 5);
	assert_int_equal(sink_flush(&rig->sink), EBADF);
	assert_false(sink_is_open(&rig->sink));
	sink_close(&rig->sink);
}

static void test_sink_open_without_memory_fails(void **state)
{
	struct rig *rig = *state;

	memory_failures = 1;
	assert_int_equal(sink_open(&rig->sink, &rig->loop, 1), -1);
	assert_int_equal(errno, ENOMEM);
}

static int count_fds(void)
{
	int fds = 0;

	for (int fd = 0; fd < 100; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	return fds;
}

/* What is not watched would wait for ever after its first EAGAIN. A pipe is opened anew, a socket
 * is not: what is not the sink's stays open. */
static void test_sink_open_unwatchable_fails_and_closes_what_it_opened(void **state)
{
	struct rig *rig = *state;
	int pipes[2], sockets[2], before;

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	before = count_fds();
	epoll_error = ENOSPC;
	assert_int_equal(sink_open(&rig->sink, &rig->loop, pipes[1]), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(count_fds(), before);
	epoll_error = ENOSPC;
	assert_int_equal(sink_open(&rig->sink, &rig->loop, sockets[1]), -1);
	assert_int_equal(count_fds(), before);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(sockets[i]);
	}
}

/* Another process writes to the same open file and counts on its being as it was. */
static void test_sink_flags_of_a_shared_description_stay(void **state)
{
	struct rig *rig = *state;
	int shared;

	open_on_pipe(rig);
	shared = dup(rig->given_fd);
	fill(rig);
	assert_int_equal(fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
	close(shared);
}

static void test_sink_flags_nonblocking_given_stays_nonblocking(void **state)
{
	struct rig *rig = *state;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	set_nonblocking(pair[1]);
	open_on(rig, pair[1], pair[0]);
	assert_stalls_and_resumes(rig);
}

/* ---- writing ---- */

static void test_sink_flush_pipe_stalls_and_resumes(void **state)
{
	open_on_pipe(*state);
	assert_stalls_and_resumes(*state);
}

static void test_sink_flush_socket_stalls_and_resumes(void **state)
{
	open_on_socket(*state);
	assert_stalls_and_resumes(*state);
}

static void test_sink_flush_terminal_stalls_and_resumes(void **state)
{
	open_on_tty(*state);
	assert_stalls_and_resumes(*state);
}

static void test_sink_flush_polled_pipe_stalls_and_resumes(void **state)
{
	open_failures = 1;
	open_on_pipe(*state);
	assert_stalls_and_resumes(*state);
}

static void test_sink_flush_polled_terminal_stalls_and_resumes(void **state)
{
	open_failures = 1;
	open_on_tty(*state);
	assert_stalls_and_resumes(*state);
	assert_int_equal(write_len, 1);
}

/* Lines of many lengths, and a reader that takes as much as it pleases: should it take no more,
 * it has had no half line. */
static void assert_takes_whole_lines(struct rig *rig)
{
	static size_t ends[20000];
	size_t put_at = 0, taken = 0, lines = 0, line = 0;
	unsigned random = 1, stalls = 0;

	open_on_pipe(rig);
	for (int i = 0; i < 20000; i++) {
		random = random * 1103515245 + 12345;
		if (sink_takes_more(&rig->sink)) {
			put_stream(rig, &put_at, 1 + (random >> 16) % (i % 3 ? 200 : PIPE_BUF));
			ends[lines++] = put_at;
		}
		if (i % 5 == 0)
			assert_int_equal(sink_flush(&rig->sink), 0);
		if (rig->sink.blocked) {
			while (ends[line] < put_at - sink_len(&rig->sink))
				line++;
			assert_int_equal(ends[line], put_at - sink_len(&rig->sink));
			stalls++;
			take_stream(rig, &taken, 1 + (random >> 16) % 65536);
			rig->sink.blocked = false;
		}
	}
	assert_true(stalls > 100);
	assert_false(rig->sink.shared);
}

static void test_sink_flush_pipe_takes_whole_lines(void **state)
{
	assert_takes_whole_lines(*state);
}

static void test_sink_flush_polled_pipe_takes_whole_lines(void **state)
{
	open_failures = 1;
	assert_takes_whole_lines(*state);
}

/* One that is longer than PIPE_BUF is not, but takes no part of the next along. */
static void test_sink_flush_pipe_takes_a_long_line_alone(void **state)
{
	struct rig *rig = *state;
	size_t put_at = 0, taken = 0, len;

	open_on_pipe(rig);
	len = rig->sink.pipe_size + 5000;
	put_stream(rig, &put_at, len);
	put_stream(rig, &put_at, 100);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(write_len, len);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(write_len, 5000);
	assert_true(rig->sink.blocked);
	assert_int_equal(take_stream(rig, &taken, 65536), 65536);
}

static void test_sink_flush_small_pipe_writes_what_fits(void **state)
{
	struct rig *rig = *state;
	size_t put_at = 0, taken = 0;

	open_on_pipe(rig);
	assert_true(fcntl(rig->given_fd, F_SETPIPE_SZ, 4096) >= 4096);
	put_stream(rig, &put_at, 10000);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(sink_len(&rig->sink), 10000 - 4096);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_true(rig->sink.blocked);
	assert_int_equal(take_stream(rig, &taken, 65536), 4096);
}

static void test_sink_flush_polled_pipe_writes_no_more_than_is_sure_to_fit(void **state)
{
	struct rig *rig = *state;
	size_t put_at = 0, taken = 0;

	open_failures = 1;
	open_on_pipe(rig);
	put_stream(rig, &put_at, 3 * PIPE_BUF);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(take_stream(rig, &taken, 65536), PIPE_BUF);
}

/* Kernels before 6.4, and valgrind, cannot be told so. */
static bool can_write_without_waiting(void)
{
	struct iovec byte = { (char[]){ "x" }, 1 };
	int pair[2];
	bool can;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	/* RWF_NOWAIT */
	can = __real_syscall(SYS_pwritev2, pair[1], &byte, 1UL, -1L, -1L, 8) == 1;
	close(pair[0]);
	close(pair[1]);
	return can;
}

static void open_rival(const struct rig *rig)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", rig->given_fd);
	rival_fd = __real_open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
	assert_true(rival_fd >= 0);
}

static void test_sink_flush_polled_pipe_that_others_fill_meanwhile_stalls(void **state)
{
	struct rig *rig = *state;
	char bytes[65536];

	rig_need(can_write_without_waiting(), "pipes cannot be written to without waiting here");
	open_failures = 1;
	open_on_pipe(rig);
	open_rival(rig);
	put(rig, "own\n", 4);
	/* Where it waits it does so for ever. */
	alarm(DEADLINE_MS / 1000);
	assert_int_equal(sink_flush(&rig->sink), 0);
	alarm(0);
	assert_true(rig->sink.blocked);
	assert_int_equal(sink_len(&rig->sink), 4);
	close_fd(&rival_fd);
	while (read(rig->reader_fd, bytes, sizeof bytes) > 0)
		;
	wait_until_unblocked(rig);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(read(rig->reader_fd, bytes, sizeof bytes), 4);
	assert_memory_equal(bytes, "own\n", 4);
}

static void test_sink_flush_polled_pipe_of_an_older_kernel_is_written_to(void **state)
{
	static const int errors[] = { EOPNOTSUPP, ENOSYS, EPERM, EACCES, EINVAL };
	struct rig *rig = *state;
	char bytes[100];

	open_failures = 1;
	open_on_pipe(rig);
	for (int i = 0; i < 5; i++) {
		no_wait_error = errors[i];
		write_len = 0;
		put(rig, "line\n", 5);
		assert_int_equal(sink_flush(&rig->sink), 0);
		assert_int_equal(no_waits, i + 1);
		assert_int_equal(write_len, 5);
		assert_int_equal(sink_len(&rig->sink), 0);
		assert_int_equal(read(rig->reader_fd, bytes, sizeof bytes), 5);
	}
}

static void test_sink_flush_polled_pipe_that_fails_is_told(void **state)
{
	struct rig *rig = *state;

	open_failures = 1;
	open_on_pipe(rig);
	no_wait_error = EPIPE;
	write_len = 0;
	put(rig, "line\n", 5);
	assert_int_equal(sink_flush(&rig->sink), EPIPE);
	assert_int_equal(write_len, 0);
	assert_true(rig->sink.shut);
}

static void test_sink_flush_empty_pipe_is_filled_by_one_write(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	while (at < rig->sink.pipe_size)
		put_stream(rig, &at, 1024);
	assert_int_equal(at, rig->sink.pipe_size);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(sink_len(&rig->sink), 0);
}

/* Puts one line, and writes it at once. */
static void write_line(struct rig *rig, size_t *at, size_t len)
{
	put_stream(rig, at, len);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(sink_len(&rig->sink), 0);
}

/* Takes all that is in the queue and in the pipe. */
static void take_all(struct rig *rig, size_t *taken)
{
	while (sink_len(&rig->sink) > 0) {
		take_stream(rig, taken, 65536);
		rig->sink.blocked = false;
		assert_int_equal(sink_flush(&rig->sink), 0);
	}
	while (take_stream(rig, taken, 65536) > 0)
		;
}

/* So many pages are taken for free: what is tried is that much of more than the pipe holds. */
static void assert_tried(struct rig *rig, size_t *at, size_t pages)
{
	for (int line = 0; line < 320; line++)
		put_stream(rig, at, 512);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(write_len, pages * 4096);
}

/* So many are sure to be free. One page is tried in any case: all of it fits, or nothing does. */
static void assert_sure(struct rig *rig, size_t *at, size_t pages)
{
	assert_tried(rig, at, pages);
	if (pages > 1)
		assert_int_equal(sink_len(&rig->sink), 320 * 512 - pages * 4096);
}

static void open_on_pages_of_4096(struct rig *rig)
{
	rig_need(sysconf(_SC_PAGESIZE) == 4096, "the numbers are for pages of 4096 bytes");
	open_on_pipe(rig);
	assert_int_equal(rig->sink.pipe_size, 32 * 4096);
}

/* Of a pipe of 32 pages: n unread bytes of one write lie on n / 4096 pages and two more. */
static void test_sink_flush_pipe_writes_what_is_sure_to_fit_behind_one_write(void **state)
{
	static const struct {
		size_t unread, sure;
	} cases[] = {
		{ 1, 30 },     { 4095, 30 },  { 4096, 29 },  { 20000, 26 }, { 61439, 16 },
		{ 61440, 15 }, { 114688, 2 }, { 118783, 2 }, { 118784, 1 }, { 120000, 1 },
	};
	struct rig *rig = *state;

	open_on_pages_of_4096(rig);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t at = 0, taken = 0;

		write_line(rig, &at, cases[i].unread);
		assert_sure(rig, &at, cases[i].sure);
		take_all(rig, &taken);
	}
}

/* Each write more may begin one page more. Where the writes are small, two neighbouring pages are
 * still sure to hold more than one page does. */
static void test_sink_flush_pipe_counts_the_writes_that_are_unread(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pages_of_4096(rig);
	/* Their count wraps. */
	rig->sink.writes = UINT_MAX;
	for (int i = 0; i < 3; i++)
		write_line(rig, &at, 16000);
	assert_sure(rig, &at, 32 - 11 - 3 - 1);
	take_all(rig, &taken);
	for (int i = 0; i < 3; i++)
		write_line(rig, &at, 16000);
	assert_int_equal(take_stream(rig, &taken, 20000), 20000);
	assert_sure(rig, &at, 32 - 6 - 2 - 1);
	take_all(rig, &taken);
	for (int i = 0; i < 10; i++)
		write_line(rig, &at, 1000);
	assert_sure(rig, &at, 32 - 4 - 2);
}

static void test_sink_flush_pipe_knows_no_more_than_its_last_writes(void **state)
{
	static const struct {
		int writes;
		size_t sure;
	} cases[] = { { 32, 128 - 62 - 32 - 1 }, { 33, 1 } };
	struct rig *rig = *state;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	set_pipe_size(pair[1], 128 * 4096);
	open_on(rig, pair[1], pair[0]);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t at = 0, taken = 0;

		for (int n = 0; n < cases[i].writes; n++)
			write_line(rig, &at, 8000);
		assert_sure(rig, &at, cases[i].sure);
		take_all(rig, &taken);
	}
}

/* What was there before dinit may lie on any pages: n bytes on n / 2048 pages and two more. */
static void test_sink_flush_pipe_that_held_something_takes_what_is_sure_to_fit(void **state)
{
	static const struct {
		size_t unread, sure;
	} cases[] = { { 2047, 30 }, { 2048, 29 }, { 20000, 21 }, { 59391, 2 }, { 59392, 1 } };
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pages_of_4096(rig);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		write_line(rig, &at, cases[i].unread);
		/* As if somebody else had written that. */
		memset(rig->sink.recent, 0, sizeof rig->sink.recent);
		assert_sure(rig, &at, cases[i].sure);
		take_all(rig, &taken);
	}
	assert_false(rig->sink.shared);
}

/* A pipe that holds something when it is opened. */
static void open_on_used_pipe(struct rig *rig, size_t unread)
{
	static char bytes[65536];
	int pair[2];

	rig_need(sysconf(_SC_PAGESIZE) == 4096, "the numbers are for pages of 4096 bytes");
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(__real_write(pair[1], bytes, unread), unread);
	open_on(rig, pair[1], pair[0]);
}

/* Reads what others wrote. */
static void take_others(struct rig *rig, size_t len)
{
	static char bytes[65536];

	while (len > 0) {
		ssize_t n = read(rig->reader_fd, bytes, len < sizeof bytes ? len : sizeof bytes);

		assert_true(n > 0);
		len -= (size_t)n;
	}
}

static void test_sink_flush_pipe_used_before_is_not_shared(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_used_pipe(rig, 20000);
	assert_sure(rig, &at, 32 - 9 - 2);
	take_others(rig, 20000);
	take_all(rig, &taken);
	write_line(rig, &at, 20000);
	assert_sure(rig, &at, 32 - 4 - 1 - 1);
}

static void test_sink_flush_pipe_that_holds_more_than_was_written_is_shared(void **state)
{
	static char bytes[65536];
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pages_of_4096(rig);
	write_line(rig, &at, 100000);
	take_all(rig, &taken);
	write_line(rig, &at, 5000);
	take_all(rig, &taken);
	assert_int_equal(__real_write(rig->given_fd, bytes, 20000), 20000);
	assert_sure(rig, &at, 32 - 9 - 2);
	take_others(rig, 20000);
	take_all(rig, &taken);
	write_line(rig, &at, 20000);
	assert_sure(rig, &at, 32 - 9 - 2);
}

/* Others leave pages half full, in the place of what was read of one write of ours: that is noticed
 * when several lines do not fit. A long line that does not fit says nothing. */
static void test_sink_flush_pipe_that_others_fill_is_shared(void **state)
{
	static char bytes[65536];
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pages_of_4096(rig);
	put_stream(rig, &at, rig->sink.pipe_size + 5000);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(sink_len(&rig->sink), 5000);
	take_all(rig, &taken);
	write_line(rig, &at, 100000);
	while (take_stream(rig, &taken, 65536) > 0)
		;
	for (int i = 0; i < 20; i++)
		assert_int_equal(__real_write(rig->given_fd, bytes, 3000), 3000);
	assert_tried(rig, &at, 32 - 14 - 1 - 1);
	assert_int_equal(sink_len(&rig->sink), 320 * 512 - 12 * 4096);
	take_others(rig, 60000);
	take_all(rig, &taken);
	write_line(rig, &at, 20000);
	assert_sure(rig, &at, 32 - 9 - 2);
}

static void test_sink_close_leaves_the_descriptor_unwatched(void **state)
{
	struct rig *rig = *state;
	struct loop_io io = { .on_ready = NULL };

	open_on_socket(rig);
	sink_close(&rig->sink);
	rig->open = false;
	assert_int_equal(loop_watch(&rig->loop, rig->given_fd, EPOLLOUT, &io), 0);
	loop_unwatch(&rig->loop, rig->given_fd, &io);
}

static void test_sink_flush_file_writes_all_of_it(void **state)
{
	struct rig *rig = *state;
	size_t put_at = 0, taken = 0;
	int fd = make_file();

	open_on(rig, fd, -1);
	put_stream(rig, &put_at, 50000);
	put_stream(rig, &put_at, 50000);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(write_len, 100000);
	assert_int_equal(sink_len(&rig->sink), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	rig->reader_fd = dup(fd);
	while (take_stream(rig, &taken, 65536) > 0)
		;
	assert_int_equal(taken, put_at);
}

static void test_sink_flush_empty_queue_does_nothing(void **state)
{
	struct rig *rig = *state;

	open_on_pipe(rig);
	write_error = EIO;
	assert_false(sink_can_flush(&rig->sink));
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_true(sink_is_open(&rig->sink));
	assert_int_equal(write_error, EIO);
}

static void test_sink_flush_interrupted_keeps_the_bytes(void **state)
{
	struct rig *rig = *state;
	size_t put_at = 0, taken = 0;

	open_on_pipe(rig);
	put_stream(rig, &put_at, 100);
	write_error = EINTR;
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_true(sink_can_flush(&rig->sink));
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(take_stream(rig, &taken, 65536), 100);
}

static void assert_lost(struct rig *rig, int error)
{
	put(rig, "line\n", 5);
	assert_int_equal(sink_flush(&rig->sink), error);
	assert_false(sink_is_open(&rig->sink));
	assert_int_equal(sink_len(&rig->sink), 0);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_true(sink_takes_more(&rig->sink));
	assert_false(sink_can_flush(&rig->sink));
}

static void test_sink_flush_reader_gone_is_told_once(void **state)
{
	void (*const ways[])(struct rig * rig) = { open_on_pipe, open_on_socket };
	struct rig *rig = *state;

	for (size_t i = 0; i < 2; i++) {
		ways[i](rig);
		close_fd(&rig->reader_fd);
		assert_lost(rig, EPIPE);
		sink_close(&rig->sink);
		rig->open = false;
		close_fd(&rig->given_fd);
	}
}

static void test_sink_flush_polled_reader_gone_is_told(void **state)
{
	struct rig *rig = *state;

	open_failures = 1;
	open_on_pipe(rig);
	close_fd(&rig->reader_fd);
	assert_lost(rig, EPIPE);
}

static void test_sink_flush_terminal_hung_up_is_told(void **state)
{
	struct rig *rig = *state;

	open_on_tty(rig);
	close_fd(&rig->reader_fd);
	assert_lost(rig, EIO);
	/* A terminal that was hung up answers fcntl otherwise: there is nothing to compare. */
	sink_close(&rig->sink);
	rig->open = false;
}

static void test_sink_flush_full_disk_is_told(void **state)
{
	struct rig *rig = *state;

	open_on(rig, __real_open("/dev/full", O_WRONLY), -1);
	assert_lost(rig, ENOSPC);
}

/* The reader goes while the queue waits: the loop must say so. */
static void test_sink_flush_blocked_when_the_reader_goes_is_woken_and_told(void **state)
{
	void (*const ways[])(struct rig * rig) = { open_on_pipe, open_on_socket };
	struct rig *rig = *state;

	for (size_t i = 0; i < 2; i++) {
		ways[i](rig);
		fill(rig);
		close_fd(&rig->reader_fd);
		wait_until_unblocked(rig);
		assert_int_equal(sink_flush(&rig->sink), EPIPE);
		sink_close(&rig->sink);
		rig->open = false;
		close_fd(&rig->given_fd);
	}
}

/* ---- room ---- */

static void test_sink_room_below_high_water_takes_any_line(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, SINK_HIGH_WATER - 1);
	assert_true(sink_takes_more(&rig->sink));
	put_stream(rig, &at, 1000000);
	assert_false(sink_takes_more(&rig->sink));
	assert_int_equal(sink_len(&rig->sink), SINK_HIGH_WATER - 1 + 1000000);
	while (taken < at) {
		while (sink_can_flush(&rig->sink))
			sink_flush(&rig->sink);
		while (take_stream(rig, &taken, 65536) > 0)
			;
		if (taken < at)
			wait_until_unblocked(rig);
	}
	assert_int_equal(rig->sink.size, SINK_QUEUE_SIZE);
}

static void test_sink_room_above_high_water_takes_lines_up_to_line_water(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, SINK_HIGH_WATER);
	assert_false(sink_takes_more(&rig->sink));
	assert_null(sink_room(&rig->sink, SINK_LINE_WATER - SINK_HIGH_WATER + 1));
	assert_int_equal(errno, EAGAIN);
	put_stream(rig, &at, SINK_LINE_WATER - SINK_HIGH_WATER);
	assert_null(sink_room(&rig->sink, 1));
	assert_int_equal(errno, EAGAIN);
}

static void test_sink_room_own_may_use_the_rest_and_no_more(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, SINK_HIGH_WATER);
	put_stream(rig, &at, SINK_LINE_WATER - SINK_HIGH_WATER);
	assert_null(sink_room_own(&rig->sink, SINK_QUEUE_SIZE - SINK_LINE_WATER + 1));
	assert_int_equal(errno, EAGAIN);
	assert_non_null(sink_room_own(&rig->sink, SINK_QUEUE_SIZE - SINK_LINE_WATER));
	sink_commit(&rig->sink, SINK_QUEUE_SIZE - SINK_LINE_WATER);
	assert_null(sink_room_own(&rig->sink, 1));
}

/* However long the line is, and without memory. */
static void test_sink_room_own_is_there_behind_a_large_line(void **state)
{
	static const size_t lens[] = { SINK_LINE_WATER + 1, SINK_QUEUE_SIZE - 1, SINK_QUEUE_SIZE,
				       3000000, 3000001 };
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		put_stream(rig, &at, lens[i]);
		memory_failures = 1000;
		assert_non_null(sink_room_own(&rig->sink, SINK_QUEUE_SIZE - SINK_LINE_WATER));
		memory_failures = 0;
		rig->sink.start = rig->sink.end;
	}
}

/* A pipe has no room before a whole page is taken; a socket not before a good part of its
 * buffer. */
static void check_slow_reader(struct rig *rig)
{
	size_t at = 0, taken = 0;
	uint64_t now = 1000;

	while (!rig->sink.blocked) {
		put_stream(rig, &at, 50000);
		sink_flush(&rig->sink);
	}
	rig->loop.now_ms = now;
	sink_look(&rig->sink);
	assert_int_not_equal(rig->sink.moved_ms, now);
	/* Until something that the kernel counts has gone. */
	do {
		assert_int_equal(take_stream(rig, &taken, 1000), 1000);
		rig->loop.now_ms = now += 1000;
	} while (sink_stalled_ms(&rig->sink, 0) > 0);
	assert_true(rig->sink.blocked);
	rig->loop.now_ms += 1000;
	assert_int_equal(sink_stalled_ms(&rig->sink, 0), 1000);
}

static void test_sink_look_sees_a_pipe_read_slowly(void **state)
{
	open_on_pipe(*state);
	check_slow_reader(*state);
}

static void test_sink_look_sees_a_socket_read_slowly(void **state)
{
	open_on_socket(*state);
	check_slow_reader(*state);
}

static void test_sink_look_is_harmless_where_the_kernel_does_not_tell(void **state)
{
	struct rig *rig = *state;

	open_on(rig, make_file(), -1);
	put(rig, "line\n", 5);
	write_error = EAGAIN;
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_true(rig->sink.blocked);
	rig->loop.now_ms += 1000;
	assert_int_equal(sink_stalled_ms(&rig->sink, 0), 1000);
}

static void test_sink_room_line_larger_than_what_is_left_has_all_of_it(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;
	char *room;

	open_on_pipe(rig);
	put_stream(rig, &at, SINK_HIGH_WATER - 1);
	room = sink_room(&rig->sink, 200 * 1024);
	assert_non_null(room);
	assert_true(room + 200 * 1024 <= rig->sink.queue + rig->sink.size);
}

static void test_sink_room_own_what_was_written_makes_room_without_memory(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, 1024);
	put_stream(rig, &at, SINK_LINE_WATER - 1024);
	assert_int_equal(sink_flush(&rig->sink), 0);
	memory_failures = 1;
	assert_non_null(sink_room_own(&rig->sink, rig->sink.size - sink_len(&rig->sink)));
}

static void test_sink_room_promised_lines_need_no_memory(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pipe(rig);
	for (int i = 0; i < 50; i++) {
		put_stream(rig, &at, SINK_HIGH_WATER - 1);
		memory_failures = 1000;
		assert_non_null(sink_room(&rig->sink, SINK_LINE_WATER - SINK_HIGH_WATER));
		put_stream(rig, &at, SINK_LINE_WATER - SINK_HIGH_WATER);
		memory_failures = 0;
		while (sink_len(&rig->sink) > 0) {
			rig->sink.blocked = false;
			sink_flush(&rig->sink);
			take_stream(rig, &taken, 7777);
		}
	}
}

static void test_sink_room_without_memory_says_so_and_keeps_the_queue(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, 1000);
	memory_failures = 1;
	assert_null(sink_room(&rig->sink, 300000));
	assert_int_equal(errno, ENOMEM);
	put_stream(rig, &at, 300000);
	while (taken < at) {
		rig->sink.blocked = false;
		sink_flush(&rig->sink);
		take_stream(rig, &taken, 65536);
	}
}

static void test_sink_rest_tells_what_lines_may_use_as_it_is(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0, max;
	char *rest;

	open_on_pipe(rig);
	assert_ptr_equal(sink_rest(&rig->sink, &max), rig->sink.queue);
	assert_int_equal(max, SINK_LINE_WATER);
	put_stream(rig, &at, SINK_HIGH_WATER);
	rest = sink_rest(&rig->sink, &max);
	assert_int_equal(max, SINK_LINE_WATER - SINK_HIGH_WATER);
	memset(rest, 0, max);
	put_stream(rig, &at, SINK_LINE_WATER - SINK_HIGH_WATER);
	sink_rest(&rig->sink, &max);
	assert_int_equal(max, 0);
	assert_non_null(sink_room_own(&rig->sink, SINK_QUEUE_SIZE - SINK_LINE_WATER));
	sink_flush(&rig->sink);
	while (take_stream(rig, &taken, 65536) > 0)
		;
	/* What was written leaves room at the front, which is not counted as long as nothing is
	 * moved */
	put_stream(rig, &at, SINK_LINE_WATER - sink_len(&rig->sink));
	sink_rest(&rig->sink, &max);
	assert_int_equal(max, 0);
	rig->sink.blocked = false;
	sink_flush(&rig->sink);
	rest = sink_rest(&rig->sink, &max);
	assert_true(rest + max <= rig->sink.queue + rig->sink.size);
	memset(rest, 0, max);
}

/* A queue that cannot be made smaller stays as it is, and of use. */
static void test_sink_room_large_line_without_memory_to_shrink_goes_on(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pipe(rig);
	for (int i = 0; i < 3; i++) {
		put_stream(rig, &at, 400000);
		memory_failures = i < 2;
		while (taken < at) {
			rig->sink.blocked = false;
			sink_flush(&rig->sink);
			take_stream(rig, &taken, 65536);
		}
		assert_int_equal(rig->sink.size == SINK_QUEUE_SIZE, i == 2);
	}
}

/* ---- shut, stalled ---- */

static void test_sink_shut_drops_the_queue_and_takes_nothing(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, 1000);
	assert_true(sink_is_open(&rig->sink));
	sink_shut(&rig->sink);
	assert_false(sink_is_open(&rig->sink));
	assert_int_equal(sink_len(&rig->sink), 0);
	assert_true(sink_takes_more(&rig->sink));
	assert_false(sink_can_flush(&rig->sink));
}

/* Puts lines and flushes until the sink is blocked, at that time. */
static void block_at(struct rig *rig, uint64_t now_ms)
{
	size_t at = 0;

	rig->loop.now_ms = now_ms;
	while (!rig->sink.blocked) {
		put_stream(rig, &at, 50000);
		sink_flush(&rig->sink);
	}
}

static uint64_t stalled_at(struct rig *rig, uint64_t now_ms, uint64_t since_ms)
{
	rig->loop.now_ms = now_ms;
	return sink_stalled_ms(&rig->sink, since_ms);
}

static void test_sink_stalled_ms_counts_from_when_its_reader_last_took_something(void **state)
{
	struct rig *rig = *state;
	size_t taken = 0;

	open_on_pipe(rig);
	block_at(rig, 1000);
	assert_int_equal(stalled_at(rig, 4000, 0), 3000);
	assert_int_equal(take_stream(rig, &taken, 100), 100);
	assert_int_equal(stalled_at(rig, 5000, 0), 0);
	assert_int_equal(stalled_at(rig, 7000, 0), 2000);
	while (take_stream(rig, &taken, 65536) > 0)
		;
	rig->sink.blocked = false;
	block_at(rig, 8000);
	assert_int_equal(stalled_at(rig, 9000, 0), 1000);
}

static void test_sink_stalled_ms_counts_from_since_at_the_earliest(void **state)
{
	struct rig *rig = *state;

	open_on_pipe(rig);
	block_at(rig, 1000);
	assert_int_equal(stalled_at(rig, 4000, 1000), 3000);
	assert_int_equal(stalled_at(rig, 4000, 3500), 500);
	assert_int_equal(stalled_at(rig, 4000, 500), 3000);
}

static void test_sink_stalled_ms_is_0_where_nothing_is_held_up(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, 1000);
	assert_int_equal(stalled_at(rig, loop_now_ms(&rig->loop) + 9000, 0), 0);
	block_at(rig, loop_now_ms(&rig->loop));
	assert_int_not_equal(stalled_at(rig, loop_now_ms(&rig->loop) + 9000, 0), 0);
	sink_shut(&rig->sink);
	assert_int_equal(stalled_at(rig, loop_now_ms(&rig->loop) + 9000, 0), 0);
}

/* Nothing was there to be taken before: the time without anything does not count. */
static void test_sink_stalled_ms_counts_no_time_in_which_the_queue_was_empty(void **state)
{
	struct rig *rig = *state;
	size_t at = 0, taken = 0;

	open_on_pipe(rig);
	rig->loop.now_ms = 1000;
	put_stream(rig, &at, 1000);
	sink_flush(&rig->sink);
	while (take_stream(rig, &taken, 65536) > 0)
		;
	block_at(rig, 8000);
	assert_int_equal(stalled_at(rig, 9000, 0), 1000);
}

/* ---- counts ---- */

static uint64_t total_at(struct rig *rig, uint64_t now_ms)
{
	rig->loop.now_ms = now_ms;
	return sink_total_stall_ms(&rig->sink);
}

static void test_sink_total_stall_ms_is_the_sum_of_the_times_it_was_blocked(void **state)
{
	struct rig *rig = *state;
	size_t taken = 0;

	open_on_pipe(rig);
	assert_int_equal(total_at(rig, 900), 0);
	block_at(rig, 1000);
	assert_int_equal(total_at(rig, 1000), 0);
	assert_int_equal(total_at(rig, 4000), 3000);
	while (take_stream(rig, &taken, 65536) > 0)
		;
	/* What tells the sink is the loop, at the time of that turn. */
	rig->loop.now_ms = 5000;
	rig->sink.io.on_ready(rig->sink.io.ctx);
	assert_int_equal(total_at(rig, 9000), 4000);
	block_at(rig, 10000);
	assert_int_equal(total_at(rig, 10500), 4500);
	/* A flush that is asked for meanwhile changes nothing. */
	sink_flush(&rig->sink);
	assert_int_equal(total_at(rig, 11000), 5000);
}

static void test_sink_total_stall_ms_grows_no_more_once_it_is_shut(void **state)
{
	struct rig *rig = *state;

	open_on_pipe(rig);
	block_at(rig, 1000);
	rig->loop.now_ms = 3000;
	sink_shut(&rig->sink);
	assert_int_equal(total_at(rig, 9000), 2000);
}

static void test_sink_written_counts_what_went_out_and_nothing_else(void **state)
{
	struct rig *rig = *state;
	size_t at = 0;

	open_on_pipe(rig);
	put_stream(rig, &at, 1000);
	assert_int_equal(rig->sink.written, 0);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(rig->sink.written, 1000);
	put_stream(rig, &at, 500);
	write_error = EINTR;
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(rig->sink.written, 1000);
	assert_int_equal(sink_flush(&rig->sink), 0);
	assert_int_equal(rig->sink.written, 1500);
	put_stream(rig, &at, 500);
	sink_shut(&rig->sink);
	assert_int_equal(rig->sink.written, 1500);
}

static void test_sink_written_in_front_of_a_slow_reader_is_what_the_kernel_took(void **state)
{
	struct rig *rig = *state;
	size_t put_at, taken = 0;

	open_on_pipe(rig);
	put_at = fill(rig);
	assert_true(rig->sink.written < put_at);
	assert_int_equal(rig->sink.written, put_at - sink_len(&rig->sink));
	while (take_stream(rig, &taken, 65536) > 0)
		;
	assert_int_equal(rig->sink.written, taken);
}

static void test_sink_same_file_tells_copies_from_others(void **state)
{
	int pair[2], other[2], copy;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(pipe(other), 0);
	copy = dup(pair[1]);
	assert_true(sink_same_file(pair[1], copy));
	assert_false(sink_same_file(pair[1], other[1]));
	assert_false(sink_same_file(pair[1], -1));
	assert_false(sink_same_file(-1, pair[1]));
	close(copy);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(other[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_sink_open_pipe_is_opened_anew),
	TEST(test_sink_open_pipe_of_the_usual_size_becomes_larger),
	TEST(test_sink_open_pipe_of_the_usual_size_stays_so_where_that_is_refused),
	TEST(test_sink_open_smaller_pipe_stays_so),
	TEST(test_sink_open_larger_pipe_stays_so),
	TEST(test_sink_open_socket_is_sent_to),
	TEST(test_sink_open_terminal_is_opened_anew_and_not_taken),
	TEST(test_sink_open_file_and_devices_never_block),
	TEST(test_sink_open_pipe_that_cannot_be_opened_anew_is_asked_first),
	TEST(test_sink_open_pipe_beside_a_controlling_terminal_stays_a_pipe),
	TEST(test_sink_open_terminal_of_another_user_is_the_controlling_one_or_asked_first),
	TEST(test_sink_open_closed_descriptor_is_a_file_that_fails),
	TEST(test_sink_open_without_memory_fails),
	TEST(test_sink_open_unwatchable_fails_and_closes_what_it_opened),
	TEST(test_sink_flags_of_a_shared_description_stay),
	TEST(test_sink_flags_nonblocking_given_stays_nonblocking),
	TEST(test_sink_flush_pipe_stalls_and_resumes),
	TEST(test_sink_flush_socket_stalls_and_resumes),
	TEST(test_sink_flush_terminal_stalls_and_resumes),
	TEST(test_sink_flush_polled_pipe_stalls_and_resumes),
	TEST(test_sink_flush_polled_terminal_stalls_and_resumes),
	TEST(test_sink_flush_pipe_takes_whole_lines),
	TEST(test_sink_flush_polled_pipe_takes_whole_lines),
	TEST(test_sink_flush_pipe_takes_a_long_line_alone),
	TEST(test_sink_flush_small_pipe_writes_what_fits),
	TEST(test_sink_flush_polled_pipe_writes_no_more_than_is_sure_to_fit),
	TEST(test_sink_flush_polled_pipe_that_others_fill_meanwhile_stalls),
	TEST(test_sink_flush_polled_pipe_of_an_older_kernel_is_written_to),
	TEST(test_sink_flush_polled_pipe_that_fails_is_told),
	TEST(test_sink_flush_empty_pipe_is_filled_by_one_write),
	TEST(test_sink_flush_pipe_writes_what_is_sure_to_fit_behind_one_write),
	TEST(test_sink_flush_pipe_counts_the_writes_that_are_unread),
	TEST(test_sink_flush_pipe_knows_no_more_than_its_last_writes),
	TEST(test_sink_flush_pipe_that_held_something_takes_what_is_sure_to_fit),
	TEST(test_sink_flush_pipe_used_before_is_not_shared),
	TEST(test_sink_flush_pipe_that_holds_more_than_was_written_is_shared),
	TEST(test_sink_flush_pipe_that_others_fill_is_shared),
	TEST(test_sink_close_leaves_the_descriptor_unwatched),
	TEST(test_sink_room_line_larger_than_what_is_left_has_all_of_it),
	TEST(test_sink_room_own_what_was_written_makes_room_without_memory),
	TEST(test_sink_flush_file_writes_all_of_it),
	TEST(test_sink_flush_empty_queue_does_nothing),
	TEST(test_sink_flush_interrupted_keeps_the_bytes),
	TEST(test_sink_flush_reader_gone_is_told_once),
	TEST(test_sink_flush_polled_reader_gone_is_told),
	TEST(test_sink_flush_terminal_hung_up_is_told),
	TEST(test_sink_flush_full_disk_is_told),
	TEST(test_sink_flush_blocked_when_the_reader_goes_is_woken_and_told),
	TEST(test_sink_room_below_high_water_takes_any_line),
	TEST(test_sink_room_above_high_water_takes_lines_up_to_line_water),
	TEST(test_sink_room_own_may_use_the_rest_and_no_more),
	TEST(test_sink_room_own_is_there_behind_a_large_line),
	TEST(test_sink_look_sees_a_pipe_read_slowly),
	TEST(test_sink_look_sees_a_socket_read_slowly),
	TEST(test_sink_look_is_harmless_where_the_kernel_does_not_tell),
	TEST(test_sink_room_promised_lines_need_no_memory),
	TEST(test_sink_room_without_memory_says_so_and_keeps_the_queue),
	TEST(test_sink_rest_tells_what_lines_may_use_as_it_is),
	TEST(test_sink_room_large_line_without_memory_to_shrink_goes_on),
	TEST(test_sink_shut_drops_the_queue_and_takes_nothing),
	TEST(test_sink_stalled_ms_counts_from_when_its_reader_last_took_something),
	TEST(test_sink_stalled_ms_counts_from_since_at_the_earliest),
	TEST(test_sink_stalled_ms_is_0_where_nothing_is_held_up),
	TEST(test_sink_stalled_ms_counts_no_time_in_which_the_queue_was_empty),
	TEST(test_sink_total_stall_ms_is_the_sum_of_the_times_it_was_blocked),
	TEST(test_sink_total_stall_ms_grows_no_more_once_it_is_shut),
	TEST(test_sink_written_counts_what_went_out_and_nothing_else),
	TEST(test_sink_written_in_front_of_a_slow_reader_is_what_the_kernel_took),
	TEST(test_sink_same_file_tells_copies_from_others),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
