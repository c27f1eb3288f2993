/* SPDX-License-Identifier: ISC */
/* announce.c: the datagram, as sockets of every kind of name get it, and with the clock in the
 * test's hand, how often it is tried. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "announce.h"
#include "log.h"

#define NAME_MAX_LEN sizeof((struct sockaddr_un *)NULL)->sun_path

static uint64_t clock_ms;
static char said[1000];
static struct loop loop;
static struct announce announce;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ (time_t)(clock_ms / 1000), (long)(clock_ms % 1000) * 1000000 };
	return 0;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
	(void)timeout_ms;
	return __real_epoll_wait(epoll_fd, events, max, 0);
}

static void keep(void *ctx, const char *line, size_t len)
{
	size_t so_far = strlen(said);

	(void)ctx;
	assert_true(so_far + len < sizeof said);
	memcpy(said + so_far, line, len);
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

/* A turn that begins so much later. */
static void pass(uint64_t ms)
{
	clock_ms += ms;
	assert_int_equal(loop_run(&loop, stop, NULL), 0);
}

static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A socket with that name; '@' first is an abstract one. */
static int listen_at(const char *name, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && len < sizeof address.sun_path);
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	len += offsetof(struct sockaddr_un, sun_path) + (name[0] != '@');
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)len), 0);
	return fd;
}

/* One datagram came, and that is all of it. */
static void expect_ready(int fd)
{
	char bytes[64];

	assert_int_equal(recv(fd, bytes, sizeof bytes, 0), strlen("READY=1"));
	assert_memory_equal(bytes, "READY=1", strlen("READY=1"));
	assert_int_equal(recv(fd, bytes, sizeof bytes, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Nothing stays open. */
static void expect_failure(const char *name, int error)
{
	int before = next_fd();

	assert_int_equal(announce_ready(name), -1);
	assert_int_equal(errno, error);
	assert_int_equal(next_fd(), before);
}

/* A directory of its own. */
static int setup(void **state)
{
	static char dir[32];
	sigset_t none;

	strcpy(dir, "/tmp/test_announce.XXXXXX");
	assert_non_null(mkdtemp(dir));
	*state = dir;
	clock_ms = 1000000;
	memset(said, 0, sizeof said);
	memset(&announce, 0, sizeof announce);
	log_set_level(CONFIG_LOG_INFO);
	log_set_writer(keep, NULL);
	sigemptyset(&none);
	return loop_open(&loop, &none, on_signal, NULL);
}

static int teardown(void **state)
{
	char path[200];

	loop_close(&loop);
	log_set_writer(NULL, NULL);
	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	unlink(path);
	return rmdir(*state);
}

static void test_announce_ready_comes_to_a_path(void **state)
{
	char path[200];
	int fd, before = next_fd();

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	assert_int_equal(announce_ready(path), 0);
	expect_ready(fd);
	close(fd);
	assert_int_equal(next_fd(), before);
	/* Who has gone leaves the file. */
	expect_failure(path, ECONNREFUSED);
	unlink(path);
	expect_failure(path, ENOENT);
}

static void test_announce_ready_comes_to_an_abstract_name(void **state)
{
	char name[200];
	int fd;

	(void)state;
	snprintf(name, sizeof name, "@test_announce %d", getpid());
	fd = listen_at(name, SOCK_DGRAM);
	assert_int_equal(announce_ready(name), 0);
	expect_ready(fd);
	close(fd);
	expect_failure(name, ECONNREFUSED);
}

/* A path's NUL fits, an abstract name has none. */
static void test_announce_ready_longest_names_fit(void **state)
{
	char name[NAME_MAX_LEN + 1];
	int len, fd;

	len = snprintf(name, sizeof name, "%s/", (const char *)*state);
	memset(name + len, '.', sizeof name - (size_t)len);
	memcpy(name + NAME_MAX_LEN - 7, "socket", 7);
	/* "dir/////socket" is the same file. */
	for (size_t i = (size_t)len; i < NAME_MAX_LEN - 7; i++)
		name[i] = '/';
	fd = listen_at(name, SOCK_DGRAM);
	assert_int_equal(announce_ready(name), 0);
	expect_ready(fd);
	close(fd);
	memset(name, 'x', sizeof name);
	name[0] = '/';
	name[NAME_MAX_LEN] = '\0';
	expect_failure(name, ENAMETOOLONG);
	name[0] = '@';
	expect_failure(name, ENAMETOOLONG);
	name[NAME_MAX_LEN - 1] = '\0';
	snprintf(name + 1, 20, "%d", getpid());
	name[strlen(name)] = 'y';
	fd = listen_at(name, SOCK_DGRAM);
	assert_int_equal(announce_ready(name), 0);
	expect_ready(fd);
	close(fd);
}

/* What systemd knows beside them (vsock:2:1234), and nonsense. */
static void test_announce_ready_other_names_are_invalid(void **state)
{
	static const char *const names[] = { "", "/", "@", "relative", "vsock:2:1234", " /x" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		expect_failure(names[i], EINVAL);
}

static void test_announce_ready_other_sockets_and_files_are_told(void **state)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_STREAM);
	expect_failure(path, EPROTOTYPE);
	close(fd);
	expect_failure("/dev/null", ECONNREFUSED);
	/* The shortest path. */
	expect_failure("/\x01", ENOENT);
	expect_failure("/dev/null/socket", ENOTDIR);
}

/* Fills the queue of a receiver that takes nothing. Returns how much it holds. */
static int fill(const char *path)
{
	int sent = 0;

	alarm(60);
	while (announce_ready(path) == 0)
		assert_true(++sent < 1000000);
	assert_int_equal(errno, EAGAIN);
	alarm(0);
	return sent;
}

/* Takes all that is in the queue. Returns how much that was. */
static int empty(int fd)
{
	char bytes[64];
	int received = 0;

	while (recv(fd, bytes, sizeof bytes, 0) > 0)
		received++;
	return received;
}

/* Nobody waits. */
static void test_announce_ready_full_queue_is_not_waited_for(void **state)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	assert_true(fill(path) > 0);
	close(fd);
}

static void test_announce_ready_without_a_descriptor_says_so(void **state)
{
	struct rlimit old, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)next_fd();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(announce_ready("/tmp/x"), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* ---- how often it is tried ---- */

static void test_announce_begin_sends_at_once_and_once(void **state)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	announce_begin(&announce, &loop, path);
	expect_ready(fd);
	pass(ANNOUNCE_AGAIN_MS);
	assert_int_equal(empty(fd), 0);
	assert_null(loop.first);
	assert_string_equal(said, "");
	close(fd);
}

static void test_announce_begin_to_nobody_is_nothing(void **state)
{
	(void)state;
	announce_begin(&announce, &loop, "");
	assert_null(loop.first);
	assert_string_equal(said, "");
	announce_stop(&announce);
}

static void test_announce_begin_tries_again_until_there_is_room(void **state)
{
	char path[200];
	int fd, full;

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	full = fill(path);
	announce_begin(&announce, &loop, path);
	for (unsigned i = 0; i < 3; i++)
		pass(ANNOUNCE_AGAIN_MS);
	assert_int_equal(empty(fd), full);
	pass(ANNOUNCE_AGAIN_MS - 1);
	assert_int_equal(empty(fd), 0);
	pass(1);
	expect_ready(fd);
	assert_null(loop.first);
	assert_string_equal(said, "");
	close(fd);
}

static void test_announce_begin_gives_up_and_says_so(void **state)
{
	char path[200], text[200];
	int fd, full;

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	full = fill(path);
	announce_begin(&announce, &loop, path);
	for (unsigned i = 1; i < ANNOUNCE_TRIES; i++) {
		assert_string_equal(said, "");
		assert_non_null(loop.first);
		pass(ANNOUNCE_AGAIN_MS);
	}
	snprintf(text, sizeof text, "info: READY=1 cannot be sent to NOTIFY_SOCKET: %s\n",
		 strerror(EAGAIN));
	assert_non_null(strstr(said, text));
	assert_null(loop.first);
	assert_int_equal(empty(fd), full);
	close(fd);
}

/* Only a queue gets room in time. */
static void test_announce_begin_other_failures_are_said_at_once(void **state)
{
	char text[200];

	(void)state;
	announce_begin(&announce, &loop, "/dev/null/socket");
	snprintf(text, sizeof text, "info: READY=1 cannot be sent to NOTIFY_SOCKET: %s\n",
		 strerror(ENOTDIR));
	assert_non_null(strstr(said, text));
	assert_null(loop.first);
}

static void test_announce_stop_tries_no_more(void **state)
{
	char path[200];
	int fd, full;

	/* One that has not begun. */
	announce_stop(&announce);
	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	full = fill(path);
	announce_begin(&announce, &loop, path);
	announce_stop(&announce);
	assert_null(loop.first);
	assert_int_equal(empty(fd), full);
	pass(ANNOUNCE_AGAIN_MS);
	assert_int_equal(empty(fd), 0);
	assert_string_equal(said, "");
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_announce_ready_comes_to_a_path),
		TEST(test_announce_ready_comes_to_an_abstract_name),
		TEST(test_announce_ready_longest_names_fit),
		TEST(test_announce_ready_other_names_are_invalid),
		TEST(test_announce_ready_other_sockets_and_files_are_told),
		TEST(test_announce_ready_full_queue_is_not_waited_for),
		TEST(test_announce_ready_without_a_descriptor_says_so),
		TEST(test_announce_begin_sends_at_once_and_once),
		TEST(test_announce_begin_to_nobody_is_nothing),
		TEST(test_announce_begin_tries_again_until_there_is_room),
		TEST(test_announce_begin_gives_up_and_says_so),
		TEST(test_announce_begin_other_failures_are_said_at_once),
		TEST(test_announce_stop_tries_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
