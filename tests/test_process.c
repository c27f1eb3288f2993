/* SPDX-License-Identifier: ISC */
/* process.c: what it does to a process is done to a child, which looks at itself and exits with
 * 0 if all is well, else with the line that found something. */
#include <errno.h>
#include <fcntl.h>
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
#include <sys/mman.h>
#include <sys/prctl.h>
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

/* ---- the foreground ---- */

/* Makes a terminal under stdin, and this process the leader of its session. Returns the other
 * end. */
static int lead_terminal(void)
{
	int other_fd, fd;

	CHECK(openpty(&other_fd, &fd, NULL, NULL, NULL) == 0);
	CHECK(setsid() > 0 && ioctl(fd, TIOCSCTTY, 0) == 0);
	CHECK(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	return other_fd;
}

/* Does as dinit does with a command. */
static void give_and_take_foreground(void)
{
	sigset_t ignored;
	pid_t pid;

	lead_terminal();
	CHECK(process_block_signals(&ignored) == 0);
	CHECK(process_has_foreground());
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	CHECK(pid > 0 && setpgid(pid, pid) == 0 && tcsetpgrp(STDIN_FILENO, pid) == 0);
	CHECK(!process_has_foreground());
	process_take_foreground();
	CHECK(process_has_foreground() && tcgetpgrp(STDIN_FILENO) == getpgrp());
	/* also from a group that is no more */
	CHECK(tcsetpgrp(STDIN_FILENO, pid) == 0);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(!process_has_foreground());
	process_take_foreground();
	CHECK(process_has_foreground());
}

static void test_process_take_foreground_takes_it_back(void **state)
{
	(void)state;
	run_in_child(give_and_take_foreground);
}

/* Makes fd a pipe, and returns its read end. */
static int become_pipe(int fd)
{
	int ends[2];

	CHECK(pipe2(ends, O_CLOEXEC) == 0 && dup2(ends[1], fd) == fd && close(ends[1]) == 0);
	return ends[0];
}

static void ask_without_terminal(void)
{
	int fd = become_pipe(STDERR_FILENO), other_fd, terminal_fd;

	CHECK(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	CHECK(!process_has_foreground());
	process_take_foreground();
	/* nor is it taken of one that is not our session's */
	CHECK(openpty(&other_fd, &terminal_fd, NULL, NULL, NULL) == 0);
	CHECK(dup2(terminal_fd, STDIN_FILENO) == STDIN_FILENO);
	CHECK(!process_has_foreground());
	process_take_foreground();
	CHECK(!process_has_foreground());
}

static void test_process_has_foreground_of_its_own_terminal_only(void **state)
{
	(void)state;
	run_in_child(ask_without_terminal);
}

/* The user has closed the window. */
static void ask_after_hangup(void)
{
	sigset_t ignored;

	CHECK(process_block_signals(&ignored) == 0);
	CHECK(close(lead_terminal()) == 0);
	CHECK(!process_has_foreground());
	process_take_foreground();
	CHECK(!process_has_foreground());
}

static void test_process_has_foreground_of_a_lost_terminal_is_false(void **state)
{
	(void)state;
	run_in_child(ask_after_hangup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_forget_code_gives_back_whole_pages_behind),
		cmocka_unit_test(test_process_fill_standard_fds_closed_ones_become_null),
		cmocka_unit_test(test_process_fill_standard_fds_that_cannot_be_opened_fails),
		cmocka_unit_test(test_process_block_signals_blocks_all_but_faults),
		cmocka_unit_test(test_process_reset_dispositions_ignores_and_catches_none),
		cmocka_unit_test(test_process_raise_nofile_raises_and_remembers),
		cmocka_unit_test(test_process_read_environment_sets_the_form_of_what_follows),
		cmocka_unit_test(test_process_read_environment_sets_the_level),
		cmocka_unit_test(
			test_process_read_environment_invalid_value_is_said_at_every_level),
		cmocka_unit_test(test_process_read_environment_unknown_variable_is_a_warning),
		cmocka_unit_test(test_process_take_foreground_takes_it_back),
		cmocka_unit_test(test_process_has_foreground_of_its_own_terminal_only),
		cmocka_unit_test(test_process_has_foreground_of_a_lost_terminal_is_false),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
