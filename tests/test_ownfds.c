/* SPDX-License-Identifier: ISC */
/* ownfds.c: what it does to a process is done to a child, which looks at itself and exits with
 * 0 if all is well, else with the line that found something. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "ownfds.h"

/* In a child. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			_exit(__LINE__ % 255 + 1); \
	} while (0)

/* What the module has said. */
static char said[1000];
/* How often dup2 fails from here on. */
static int dup2_failures;
/* The sources that the mux was given; it takes none where it fails. */
static struct logmux_source_spec added[2];
static size_t added_len;
static bool mux_fails;

static const bool none_closed[3];

int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);
int __wrap_logmux_add(struct logmux *mux, const struct logmux_source_spec *spec);

int __wrap_dup2(int from, int to)
{
	if (dup2_failures > 0) {
		dup2_failures--;
		errno = EMFILE;
		return -1;
	}
	return __real_dup2(from, to);
}

int __wrap_logmux_add(struct logmux *mux, const struct logmux_source_spec *spec)
{
	CHECK(!mux && added_len < 2);
	if (mux_fails) {
		errno = ENOMEM;
		return -1;
	}
	added[added_len++] = *spec;
	return 0;
}

static void on_line(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	CHECK(strlen(said) + len < sizeof said);
	strncat(said, line, len);
}

static void run_in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		log_set_level(CONFIG_LOG_INFO);
		log_set_writer(on_line, NULL);
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool are_same_file(int a, int b)
{
	struct stat of_a, of_b;

	return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

static int count_fds(void)
{
	int fds = 0;

	for (int fd = 0; fd < 100; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	return fds;
}

/* Makes fd a pipe, and returns its read end. */
static int become_pipe(int fd)
{
	int ends[2];

	CHECK(pipe2(ends, O_CLOEXEC) == 0 && dup2(ends[1], fd) == fd && close(ends[1]) == 0);
	return ends[0];
}

static bool holds(int fd, const char *text)
{
	char bytes[64] = "";

	return read(fd, bytes, sizeof bytes - 1) == (ssize_t)strlen(text) &&
	       strcmp(bytes, text) == 0;
}

/* ---- the copies ---- */

static void copy_pipe(void)
{
	struct ownfds ownfds;
	int fds, copy_fd;

	become_pipe(STDOUT_FILENO);
	fds = count_fds();
	ownfds_copy(&ownfds, none_closed);
	copy_fd = ownfds.output_fds[STDOUT_FILENO];
	CHECK(copy_fd >= 10 && are_same_file(copy_fd, STDOUT_FILENO));
	CHECK(fcntl(copy_fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(STDOUT_FILENO, F_GETFD) == 0);
	ownfds_close(&ownfds);
	CHECK(count_fds() == fds);
}

static void test_ownfds_copy_is_above_9_and_not_inherited(void **state)
{
	(void)state;
	run_in_child(copy_pipe);
}

static void copy_terminal(void)
{
	static const bool closed[3] = { [STDOUT_FILENO] = true };
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fds;
	struct ownfds ownfds;

	CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	CHECK(dup2(open(ptsname(terminal), O_RDWR | O_NOCTTY), STDERR_FILENO) == STDERR_FILENO);
	fds = count_fds();
	ownfds_copy(&ownfds, closed);
	CHECK(ownfds.output_fds[STDOUT_FILENO] == -1);
	CHECK(ownfds.output_fds[STDERR_FILENO] == STDERR_FILENO);
	ownfds_read(&ownfds, NULL);
	CHECK(added_len == 0);
	ownfds_restore(&ownfds);
	ownfds_close(&ownfds);
	CHECK(count_fds() == fds && isatty(STDERR_FILENO));
	CHECK(strcmp(said, "") == 0);
}

static void test_ownfds_terminal_and_what_was_closed_stay(void **state)
{
	(void)state;
	run_in_child(copy_terminal);
}

static void copy_without_descriptors(void)
{
	const struct rlimit few = { 10, 10 };
	struct ownfds ownfds;

	become_pipe(STDOUT_FILENO);
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	ownfds_copy(&ownfds, none_closed);
	CHECK(ownfds.output_fds[STDOUT_FILENO] == STDOUT_FILENO);
	CHECK(strstr(said, " dinit: info: descriptor 1 cannot be copied, "));
}

static void test_ownfds_copy_without_descriptors_is_said(void **state)
{
	(void)state;
	run_in_child(copy_without_descriptors);
}

/* ---- the pipes ---- */

static void read_and_restore(void)
{
	int given_fd = become_pipe(STDOUT_FILENO), other_fd = become_pipe(STDERR_FILENO), fds;
	struct ownfds ownfds;

	ownfds_copy(&ownfds, none_closed);
	fds = count_fds();
	ownfds_read(&ownfds, NULL);
	CHECK(added_len == 2 && count_fds() == fds + 2);
	CHECK(strcmp(added[0].service, "container") == 0 && strcmp(added[0].stage, "1") == 0);
	CHECK(added[0].stream == LOGMUX_STDOUT && added[1].stream == LOGMUX_STDERR);
	CHECK(strcmp(added[1].service, "container") == 0 && strcmp(added[1].stage, "2") == 0);
	CHECK(fcntl(added[0].fd, F_GETFD) == FD_CLOEXEC);
	CHECK(write(STDOUT_FILENO, "by others", 9) == 9 && holds(added[0].fd, "by others"));
	CHECK(write(STDERR_FILENO, "and more", 8) == 8 && holds(added[1].fd, "and more"));
	CHECK(write(ownfds.output_fds[1], "ours", 4) == 4 && holds(given_fd, "ours"));
	ownfds_restore(&ownfds);
	CHECK(count_fds() == fds + 2 && holds(added[0].fd, "") && holds(added[1].fd, ""));
	CHECK(write(STDOUT_FILENO, "at the end", 10) == 10 && holds(given_fd, "at the end"));
	CHECK(write(STDERR_FILENO, "other", 5) == 5 && holds(other_fd, "other"));
	CHECK(strcmp(said, "") == 0);
}

static void test_ownfds_pipes_are_read_until_the_own_ones_are_restored(void **state)
{
	(void)state;
	run_in_child(read_and_restore);
}

/* Reads with something that fails, which is the cause that is said. */
static void read_in_vain(void (*begin)(void), const char *cause)
{
	static const bool closed[3] = { [STDERR_FILENO] = true };
	int given_fd = become_pipe(STDOUT_FILENO), fds;
	struct ownfds ownfds;

	ownfds_copy(&ownfds, closed);
	fds = count_fds();
	begin();
	ownfds_read(&ownfds, NULL);
	CHECK(added_len == 0 && dup2_failures == 0 && count_fds() == fds);
	CHECK(write(STDOUT_FILENO, "as it was", 9) == 9 && holds(given_fd, "as it was"));
	CHECK(strstr(said, " dinit: info: descriptor 1 stays as it is, "));
	CHECK(strstr(said, cause));
}

static void allow_no_descriptor(void)
{
	const struct rlimit none = { 3, 3 };

	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

static void read_without_descriptors(void)
{
	read_in_vain(allow_no_descriptor, ": Too many open files\n");
}

static void let_dup2_fail(void)
{
	dup2_failures = 1;
}

static void read_what_cannot_be_placed(void)
{
	read_in_vain(let_dup2_fail, ": Too many open files\n");
}

static void let_mux_fail(void)
{
	mux_fails = true;
}

static void read_without_memory(void)
{
	read_in_vain(let_mux_fail, ": Cannot allocate memory\n");
}

static void test_ownfds_pipe_that_cannot_be_read_changes_nothing(void **state)
{
	(void)state;
	run_in_child(read_without_descriptors);
	run_in_child(read_what_cannot_be_placed);
	run_in_child(read_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ownfds_copy_is_above_9_and_not_inherited),
		cmocka_unit_test(test_ownfds_terminal_and_what_was_closed_stay),
		cmocka_unit_test(test_ownfds_copy_without_descriptors_is_said),
		cmocka_unit_test(test_ownfds_pipes_are_read_until_the_own_ones_are_restored),
		cmocka_unit_test(test_ownfds_pipe_that_cannot_be_read_changes_nothing),
	};

	return cmocka_run_group_tests_name("ownfds", tests, NULL, NULL);
}
