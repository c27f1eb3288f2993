/* SPDX-License-Identifier: ISC */
/* announce.c: the datagram, as sockets of every kind of name get it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "announce.h"

#define NAME_MAX_LEN sizeof((struct sockaddr_un *)NULL)->sun_path

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

	strcpy(dir, "/tmp/test_announce.XXXXXX");
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	char path[200];

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

/* A receiver that takes nothing: its queue is full at some time. Nobody waits. */
static void test_announce_ready_full_queue_is_not_waited_for(void **state)
{
	char path[200];
	int fd, sent = 0;

	snprintf(path, sizeof path, "%s/socket", (const char *)*state);
	fd = listen_at(path, SOCK_DGRAM);
	alarm(60);
	while (announce_ready(path) == 0)
		assert_true(++sent < 1000000);
	assert_int_equal(errno, EAGAIN);
	alarm(0);
	assert_true(sent > 0);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
