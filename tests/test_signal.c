/* SPDX-License-Identifier: ISC */
/* signal.c beside a dinit that the test plays, with system calls in its hand. */
#include "moments.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/signal.h"
#include "procfs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SIGNAL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, moments_tear_down)

/* With what pidfd_open and pidfd_send_signal fail; 0: they do not. */
static int open_error, send_error;
/* What was sent, by which way, and to whom. */
static int sent, killed;
static pid_t opened;
/* After pidfd_open, the next moment is shown. */
static bool changes;
/* Whether /proc is of no use, whether it does not show the process, and the parent in it. */
static bool proc_unusable, hidden;
static pid_t parent;

long __wrap_syscall(long number, long a, long b, long c, long d);
int __wrap_kill(pid_t pid, int signal);
bool __wrap_procfs_usable(const struct procfs *proc);
int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);

bool __wrap_procfs_usable(const struct procfs *proc)
{
	assert_string_equal(proc->root, "/proc");
	return !proc_unusable;
}

/* What is read before the process is held may be another's when it gets the signal. */
int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat)
{
	assert_string_equal(proc->root, "/proc");
	assert_int_equal(pid, opened);
	stat->parent = parent;
	return hidden ? -1 : 0;
}

/* (What a caller does not pass is not looked at.) */
long __wrap_syscall(long number, long a, long b, long c, long d)
{
	if (number == SYS_pidfd_open) {
		assert_int_equal(b, 0);
		moments.shown += changes;
		opened = (pid_t)a;
		errno = open_error;
		return open_error ? -1 : dup(STDIN_FILENO);
	}
	assert_int_equal(number, SYS_pidfd_send_signal);
	assert_true(a > 2 && c == 0 && d == 0);
	sent = (int)b;
	errno = send_error;
	return send_error ? -1 : 0;
}

int __wrap_kill(pid_t pid, int signal)
{
	assert_int_equal(pid, opened);
	killed = signal;
	return 0;
}

static int set_up(void **state)
{
	moments_set_up(state);
	open_error = send_error = sent = killed = 0;
	opened = 0;
	changes = proc_unusable = hidden = false;
	parent = 1;
	moments_add();
	moments_add_service("web", BOARD_READY, 5);
	moments_add_service("off", BOARD_DOWN, 0);
	moments_add_adopted("cron/9", 9);
	return 0;
}

static void expect_failure(const char *line, const char *said)
{
	assert_int_equal(moments_run(signal_run, line), 1);
	assert_string_equal(moments_err, said);
	assert_int_equal(killed, 0);
}

static void test_signal_is_sent_by_pidfd(void **state)
{
	(void)state;
	assert_int_equal(moments_run(signal_run, "web USR1"), 0);
	assert_int_equal(opened, 5);
	assert_int_equal(sent, SIGUSR1);
	assert_int_equal(moments_run(signal_run, "cron/9 sigterm"), 0);
	assert_int_equal(opened, 9);
	assert_int_equal(sent, SIGTERM);
	assert_int_equal(moments_run(signal_run, "web 10"), 0);
	assert_int_equal(sent, 10);
	assert_string_equal(moments_err, "");
	assert_int_equal(moments.pid, 7);
}

static void test_signal_without_pidfds_is_sent_by_number(void **state)
{
	static const int errors[] = { ENOSYS, EPERM };

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		open_error = errors[i];
		killed = 0;
		assert_int_equal(moments_run(signal_run, "web HUP"), 0);
		assert_int_equal(killed, SIGHUP);
	}
}

/* Its PID may be that of another process by then. */
static void test_signal_service_that_ends_meanwhile_gets_none(void **state)
{
	(void)state;
	changes = true;
	moments_add();
	moments_add_service("web", BOARD_ENDED, 0);
	moments_add();
	expect_failure("web TERM", "dinit: web does not run (ended)\n");
	assert_int_equal(sent, 0);
	assert_int_equal(opened, 5);

	moments.shown = 0;
	moments.services[1][0].entry.pid = 77;
	expect_failure("web TERM", "dinit: web has ended meanwhile\n");
	assert_int_equal(sent, 0);
}

static void test_signal_process_that_is_gone_gets_none(void **state)
{
	(void)state;
	open_error = ESRCH;
	expect_failure("web TERM", "dinit: web (PID 5): No such process\n");
	assert_int_equal(sent, 0);
}

static void expect_no_child(void)
{
	expect_failure("web TERM", "dinit: web: no signal was sent, as /proc does not show PID 5 "
				   "as a child of dinit's\n");
	assert_int_equal(sent, 0);
}

/* Somebody wrote the PID of another process into the page. */
static void test_signal_process_that_is_no_child_of_dinit_gets_none(void **state)
{
	(void)state;
	parent = 2;
	expect_no_child();
	open_error = ENOSYS;
	expect_no_child();
}

static void test_signal_without_proc_none_is_sent(void **state)
{
	(void)state;
	hidden = true;
	expect_no_child();
	hidden = false;
	proc_unusable = true;
	expect_no_child();
}

static void test_signal_that_may_not_be_sent_says_why(void **state)
{
	(void)state;
	send_error = EPERM;
	expect_failure("web TERM", "dinit: web (PID 5): Operation not permitted\n");
}

static void test_signal_service_that_does_not_run_is_refused(void **state)
{
	(void)state;
	expect_failure("off TERM", "dinit: off does not run (down)\n");
	expect_failure("wbe TERM", "dinit: there is no service wbe; did you mean web?\n");
	assert_int_equal(opened, 0);
}

static void test_signal_that_is_none_is_refused(void **state)
{
	static const char *const lines[] = { "web TREM", "web 0", "web 65", "web -9" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(moments_run(signal_run, lines[i]), 1);
		assert_non_null(strstr(moments_err, "the name of a signal"));
	}
	assert_int_equal(opened, 0);
}

static void test_signal_without_dinit_says_why(void **state)
{
	(void)state;
	moments.nothing_runs = true;
	expect_failure("web TERM", "dinit: no dinit runs here\n");
	moments.nothing_runs = false;
	moments.ends_when_taken = true;
	expect_failure("web TERM", "dinit: the dinit with PID 1 has ended\n");
}

static void test_signal_arguments_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(moments_run(signal_run, ""), -1);
	assert_int_equal(moments_run(signal_run, "web"), -1);
	assert_int_equal(moments_run(signal_run, "web TERM db"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIGNAL_TEST(test_signal_is_sent_by_pidfd),
		SIGNAL_TEST(test_signal_without_pidfds_is_sent_by_number),
		SIGNAL_TEST(test_signal_service_that_ends_meanwhile_gets_none),
		SIGNAL_TEST(test_signal_process_that_is_gone_gets_none),
		SIGNAL_TEST(test_signal_process_that_is_no_child_of_dinit_gets_none),
		SIGNAL_TEST(test_signal_without_proc_none_is_sent),
		SIGNAL_TEST(test_signal_that_may_not_be_sent_says_why),
		SIGNAL_TEST(test_signal_service_that_does_not_run_is_refused),
		SIGNAL_TEST(test_signal_that_is_none_is_refused),
		SIGNAL_TEST(test_signal_without_dinit_says_why),
		SIGNAL_TEST(test_signal_arguments_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
