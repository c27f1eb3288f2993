/* SPDX-License-Identifier: ISC */
/* process.c: what it does to a process is done to a child, which looks at itself and exits with
 * 0 if all is well, else with the line that found something. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "process.h"

/* In a child. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			_exit(__LINE__ % 255 + 1); \
	} while (0)

/* What the module has said. */
static char said[1000];

static void on_line(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	assert_true(strlen(said) + len < sizeof said);
	strncat(said, line, len);
}

static void run_in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_null(int fd)
{
	struct stat null, status;

	return stat("/dev/null", &null) == 0 && fstat(fd, &status) == 0 &&
	       status.st_rdev == null.st_rdev;
}

static void fill_two(void)
{
	bool closed[3] = { false };
	struct stat before, after;

	CHECK(fstat(1, &before) == 0);
	close(0);
	close(2);
	CHECK(process_fill_standard_fds(closed) == 0);
	CHECK(closed[0] && !closed[1] && closed[2]);
	CHECK(is_null(0) && is_null(2));
	CHECK(fstat(1, &after) == 0 && before.st_ino == after.st_ino);
}

static void test_process_fill_standard_fds_closed_ones_become_null(void **state)
{
	(void)state;
	run_in_child(fill_two);
}

static void fill_without_descriptors(void)
{
	const struct rlimit none = { 0, 0 };
	bool closed[3] = { false };

	close(0);
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(process_fill_standard_fds(closed) == -1 && errno == EMFILE);
}

static void test_process_fill_standard_fds_that_cannot_be_opened_fails(void **state)
{
	(void)state;
	run_in_child(fill_without_descriptors);
}

/* ---- our own descriptors ---- */

/* How often dup2 fails from here on. */
static int dup2_failures;

int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);

int __wrap_dup2(int from, int to)
{
	if (dup2_failures > 0) {
		dup2_failures--;
		errno = EMFILE;
		return -1;
	}
	return __real_dup2(from, to);
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

static void copy_pipe(void)
{
	int copy_fd;

	become_pipe(STDOUT_FILENO);
	copy_fd = process_copy_standard_fd(STDOUT_FILENO);
	CHECK(copy_fd >= 10 && are_same_file(copy_fd, STDOUT_FILENO));
	CHECK(fcntl(copy_fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(STDOUT_FILENO, F_GETFD) == 0);
}

static void test_process_copy_standard_fd_is_above_9_and_not_inherited(void **state)
{
	(void)state;
	run_in_child(copy_pipe);
}

static void copy_terminal(void)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fds;

	CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	CHECK(dup2(open(ptsname(terminal), O_RDWR | O_NOCTTY), STDERR_FILENO) == STDERR_FILENO);
	fds = count_fds();
	CHECK(process_copy_standard_fd(STDERR_FILENO) == STDERR_FILENO);
	CHECK(count_fds() == fds);
}

static void test_process_copy_standard_fd_of_a_terminal_is_itself(void **state)
{
	(void)state;
	run_in_child(copy_terminal);
}

static void copy_without_descriptors(void)
{
	const struct rlimit few = { 10, 10 };

	become_pipe(STDOUT_FILENO);
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	log_set_level(CONFIG_LOG_INFO);
	log_set_writer(on_line, NULL);
	CHECK(process_copy_standard_fd(STDOUT_FILENO) == STDOUT_FILENO);
	CHECK(strstr(said, " dinit: info: descriptor 1 cannot be copied, "));
}

static void test_process_copy_standard_fd_without_descriptors_is_itself(void **state)
{
	(void)state;
	run_in_child(copy_without_descriptors);
}

static void replace_and_restore(void)
{
	int given_fd = become_pipe(STDOUT_FILENO), other_fd = become_pipe(STDERR_FILENO),
	    copy_fd = process_copy_standard_fd(STDOUT_FILENO), fds = count_fds(), read_fd;

	read_fd = process_replace_standard_fd(STDOUT_FILENO);
	CHECK(read_fd > STDERR_FILENO && count_fds() == fds + 1);
	CHECK(fcntl(read_fd, F_GETFD) == FD_CLOEXEC);
	CHECK(write(STDOUT_FILENO, "by others", 9) == 9 && holds(read_fd, "by others"));
	CHECK(write(copy_fd, "ours", 4) == 4 && holds(given_fd, "ours"));
	process_restore_standard_fd(STDOUT_FILENO, copy_fd);
	CHECK(count_fds() == fds + 1 && holds(read_fd, ""));
	CHECK(write(STDOUT_FILENO, "at the end", 10) == 10 && holds(given_fd, "at the end"));
	CHECK(write(STDERR_FILENO, "other", 5) == 5 && holds(other_fd, "other"));
}

static void test_process_replace_standard_fd_is_read_until_it_is_restored(void **state)
{
	(void)state;
	run_in_child(replace_and_restore);
}

static void replace_without_descriptors(void)
{
	const struct rlimit none = { 3, 3 };
	int given_fd = become_pipe(STDOUT_FILENO), fds = count_fds();

	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(process_replace_standard_fd(STDOUT_FILENO) == -1 && errno == EMFILE);
	CHECK(count_fds() == fds);
	CHECK(write(STDOUT_FILENO, "as it was", 9) == 9 && holds(given_fd, "as it was"));
}

static void test_process_replace_standard_fd_without_descriptors_changes_nothing(void **state)
{
	(void)state;
	run_in_child(replace_without_descriptors);
}

static void test_process_replace_standard_fd_that_cannot_be_placed_changes_nothing(void **state)
{
	int same_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), fds = count_fds();

	(void)state;
	dup2_failures = 1;
	assert_int_equal(process_replace_standard_fd(STDOUT_FILENO), -1);
	assert_int_equal(errno, EMFILE);
	assert_int_equal(dup2_failures, 0);
	assert_int_equal(count_fds(), fds);
	assert_true(are_same_file(same_fd, STDOUT_FILENO));
	close(same_fd);
}

/* ---- signals and limits ---- */

/* The set of signals in a line of /proc/self/status, the first signal lowest. */
static uint64_t read_set_of_self(const char *name)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	uint64_t set = ~UINT64_C(0);

	CHECK(status);
	while (fgets(line, sizeof line, status))
		if (strncmp(line, name, strlen(name)) == 0)
			set = strtoull(line + strlen(name), NULL, 16);
	fclose(status);
	return set;
}

static bool has_signal(uint64_t set, int signal)
{
	return set >> (signal - 1) & 1;
}

static void block(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	/* 32 to 34 are those that libc keeps for itself. */
	static const int blocked[] = { SIGTERM, SIGHUP, SIGCHLD, SIGPIPE, SIGUSR1, 32, 33, 34, 64 };
	sigset_t read_set;
	uint64_t set;

	CHECK(process_block_signals(&read_set) == 0);
	set = read_set_of_self("SigBlk:");
	for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
		CHECK(has_signal(set, blocked[i]));
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		CHECK(!has_signal(set, faults[i]) && sigismember(&read_set, faults[i]) == 0);
	CHECK(sigismember(&read_set, SIGPIPE) == 0);
	CHECK(sigismember(&read_set, SIGTERM) == 1 && sigismember(&read_set, SIGCHLD) == 1);
}

static void test_process_block_signals_blocks_all_but_faults(void **state)
{
	(void)state;
	run_in_child(block);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void reset(void)
{
	CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR && signal(SIGRTMAX, on_signal) != SIG_ERR);
	process_reset_dispositions();
	CHECK(read_set_of_self("SigIgn:") == 0);
	CHECK(read_set_of_self("SigCgt:") == 0);
}

static void test_process_reset_dispositions_ignores_and_catches_none(void **state)
{
	(void)state;
	run_in_child(reset);
}

static void raise_limit(void)
{
	const struct rlimit low = { 50, 60 };
	struct rlimit original = { 0, 0 }, now;

	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	process_raise_nofile(&original);
	CHECK(original.rlim_cur == 50 && original.rlim_max == 60);
	CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
	CHECK(now.rlim_cur == 60 && now.rlim_max == 60);
}

static void test_process_raise_nofile_raises_and_remembers(void **state)
{
	(void)state;
	run_in_child(raise_limit);
}

/* ---- the environment ---- */

/* Up to two strings. */
static int read_strings(struct config *config, const char *first, const char *second)
{
	char strings[2][100];
	char *const environment[] = { strings[0], second ? strings[1] : NULL, NULL };
	int result;

	snprintf(strings[0], sizeof strings[0], "%s", first);
	snprintf(strings[1], sizeof strings[1], "%s", second ? second : "");
	said[0] = '\0';
	log_set_level(CONFIG_LOG_NONE);
	log_set_form(LINE_MESSAGE_TEXT);
	log_set_writer(on_line, NULL);
	result = process_read_environment(config, environment);
	log_set_writer(NULL, NULL);
	return result;
}

/* An unknown variable is found when all others are read. */
static void test_process_read_environment_sets_the_form_of_what_follows(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(read_strings(&config, "DINIT_JSON_STDERR=wrap", "DINIT_ODD=1"), 0);
	assert_ptr_equal(strstr(said, "{\"level\":\"warning\",\"message\":\"unknown"), said);
	said[0] = '\0';
	log_set_writer(on_line, NULL);
	log_warn("x");
	log_set_writer(NULL, NULL);
	assert_memory_equal(said, "{\"level\":\"warning\",\"message\":\"x\",", 33);
	assert_int_equal(read_strings(&config, "DINIT_JSON_STDERR=", NULL), 0);
	log_set_writer(on_line, NULL);
	log_warn("x");
	log_set_writer(NULL, NULL);
	assert_string_equal(said + STAMP_LEN, " dinit: warning: x\n");
}

static void test_process_read_environment_sets_the_level(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(read_strings(&config, "DINIT_LOG_LEVEL=info", NULL), 0);
	assert_true(log_enabled(CONFIG_LOG_INFO));
	assert_int_equal(read_strings(&config, "PATH=/bin", NULL), 0);
	assert_false(log_enabled(CONFIG_LOG_INFO));
	assert_true(log_enabled(CONFIG_LOG_WARN));
	assert_string_equal(said, "");
}

static void test_process_read_environment_invalid_value_is_said_at_every_level(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(read_strings(&config, "DINIT_LOG_LEVEL=none", "DINIT_KILL_TIMEOUT=soon"),
			 -1);
	assert_non_null(strstr(said, " dinit: error: DINIT_KILL_TIMEOUT is \"soon\": it takes "));
}

static void test_process_read_environment_unknown_variable_is_a_warning(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(read_strings(&config, "DINIT_ZEBRA=1", NULL), 0);
	assert_non_null(strstr(said, " dinit: warning: unknown variable DINIT_ZEBRA is ignored\n"));
	assert_int_equal(read_strings(&config, "DINIT_ZEBRA=1", "DINIT_LOG_LEVEL=error"), 0);
	assert_string_equal(said, "");
}

/* ---- code that is not needed ---- */

/* Among the code, whole pages that are none, of whatever size pages are. */
#define BALLAST_SIZE (4 * 65536)
__asm__(".pushsection .text\n"
	"ballast: .skip 262144\n"
	".popsection");
extern __attribute__((visibility("hidden"))) unsigned char ballast[];

/* A change shows whether a page was given back: it is the program's file that is read again. What
 * is needed, as what is behind the ballast, is read again, too. */
static void test_process_forget_code_gives_back_whole_pages_behind(void **state)
{
	uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
	size_t at = (size_t)(-(uintptr_t)ballast & (size - 1));
	volatile unsigned char *first = ballast + at, *second = first + size;

	(void)state;
	assert_true(at + 2 * size <= BALLAST_SIZE);
	assert_int_equal(mprotect(ballast + at, 2 * size, PROT_READ | PROT_WRITE), 0);
	*first = *second = 1;
	process_forget_code((uintptr_t)UINTPTR_MAX / 2);
	assert_int_equal(*first, 1);
	assert_int_equal(*second, 1);
	process_forget_code((uintptr_t)first + 1);
	assert_int_equal(*first, 1);
	assert_int_equal(*second, 0);
	*second = 1;
	process_forget_code((uintptr_t)first);
	assert_int_equal(*first, 0);
	assert_int_equal(*second, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_forget_code_gives_back_whole_pages_behind),
		cmocka_unit_test(test_process_fill_standard_fds_closed_ones_become_null),
		cmocka_unit_test(test_process_fill_standard_fds_that_cannot_be_opened_fails),
		cmocka_unit_test(test_process_copy_standard_fd_is_above_9_and_not_inherited),
		cmocka_unit_test(test_process_copy_standard_fd_of_a_terminal_is_itself),
		cmocka_unit_test(test_process_copy_standard_fd_without_descriptors_is_itself),
		cmocka_unit_test(test_process_replace_standard_fd_is_read_until_it_is_restored),
		cmocka_unit_test(
			test_process_replace_standard_fd_without_descriptors_changes_nothing),
		cmocka_unit_test(
			test_process_replace_standard_fd_that_cannot_be_placed_changes_nothing),
		cmocka_unit_test(test_process_block_signals_blocks_all_but_faults),
		cmocka_unit_test(test_process_reset_dispositions_ignores_and_catches_none),
		cmocka_unit_test(test_process_raise_nofile_raises_and_remembers),
		cmocka_unit_test(test_process_read_environment_sets_the_form_of_what_follows),
		cmocka_unit_test(test_process_read_environment_sets_the_level),
		cmocka_unit_test(
			test_process_read_environment_invalid_value_is_said_at_every_level),
		cmocka_unit_test(test_process_read_environment_unknown_variable_is_a_warning),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
