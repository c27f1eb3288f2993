/* SPDX-License-Identifier: ISC */
/* signaller.c with real children: what arrives, and what is said where it cannot. The refusals
 * of the kernel are scripted by the linker's --wrap. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "rig.h"
#include "signaller.h"
#include "user.h"

/* What every kill(2) fails with, and how many there were. */
static int kill_error, kills;
/* What taking on another user fails with. */
static int user_error;
static uid_t target_uid;
static bool memory_fails, fork_fails, pidfd_fails, helper_dies;

int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_user_set(uid_t real, uid_t effective, uid_t saved);
int __wrap_user_set(uid_t real, uid_t effective, uid_t saved);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

int __wrap_kill(pid_t pid, int signal)
{
	assert_true(pid > 1);
	kills++;
	/* What an earlier call left there says nothing. */
	errno = EPERM;
	if (!kill_error)
		return __real_kill(pid, signal);
	errno = kill_error;
	return -1;
}

void *__wrap_malloc(size_t size)
{
	errno = ENOMEM;
	return memory_fails ? NULL : __real_malloc(size);
}

pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return fork_fails ? -1 : __real_fork();
}

/* In the helper. It must take on the target's user and nobody else, and stay out of that user's
 * reach. */
int __wrap_user_set(uid_t real, uid_t effective, uid_t saved)
{
	const uid_t own = getuid();
	uid_t now[3];

	if (helper_dies)
		raise(SIGKILL);
	errno = user_error ? user_error : EDOM;
	if (user_error || effective != target_uid)
		return -1;
	if (__real_user_set(real, effective, saved) < 0 || getresuid(&now[0], &now[1], &now[2]) < 0)
		return -1;
	errno = EDOM;
	return now[0] == own && now[1] == target_uid && now[2] == own ? 0 : -1;
}

long __wrap_syscall(long number, ...)
{
	long args[4];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < sizeof args / sizeof *args; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	errno = ENOSYS;
	return number == SYS_pidfd_open && pidfd_fails
		       ? -1
		       : __real_syscall(number, args[0], args[1], args[2], args[3]);
}

/* ---- the rig ---- */

struct rig {
	struct reaper reaper;
	struct procfs proc;
	struct signaller signaller;
	struct reaper_watch watch;
	pid_t target;
	int ends, status, orphans;
	/* the lowest, before and after */
	int free_fd;
	char said[2000];
};

static void on_orphan(void *ctx, pid_t pid, int status)
{
	struct rig *rig = ctx;

	(void)pid;
	(void)status;
	rig->orphans++;
}

static void on_end(void *ctx, pid_t pid, int status)
{
	struct rig *rig = ctx;

	(void)pid;
	rig->ends++;
	rig->status = status;
}

static void keep(void *ctx, const char *line, size_t len)
{
	struct rig *rig = ctx;
	size_t said = strlen(rig->said);

	assert_true(said + len < sizeof rig->said);
	memcpy(rig->said + said, line, len);
}

/* A child of the user target_uid that does nothing until a signal ends it. */
static pid_t make_target(void)
{
	int pair[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(pair), 0);
	pid = __real_fork();
	if (pid == 0) {
		if (target_uid != getuid() && setresuid(target_uid, target_uid, target_uid) < 0)
			_exit(1);
		/* A change of user takes it away. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(pair[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	close(pair[1]);
	return pid;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static int setup_for(void **state, uid_t uid)
{
	struct rig *rig = calloc(1, sizeof *rig);

	kill_error = user_error = kills = 0;
	memory_fails = fork_fails = pidfd_fails = helper_dies = false;
	log_set_writer(keep, rig);
	log_set_level(CONFIG_LOG_WARN);
	reaper_init(&rig->reaper, on_orphan, rig);
	rig->proc.root = "/proc";
	rig->signaller = (struct signaller){ .reaper = &rig->reaper, .proc = &rig->proc };
	target_uid = uid;
	rig->target = make_target();
	rig->free_fd = lowest_free_fd();
	rig->watch = (struct reaper_watch){ .on_exit = on_end, .ctx = rig };
	reaper_watch(&rig->reaper, &rig->watch, rig->target);
	*state = rig;
	return 0;
}

static int setup(void **state)
{
	return setup_for(state, getuid());
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	if (rig->ends == 0)
		__real_kill(rig->target, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(lowest_free_fd(), rig->free_fd);
	log_set_writer(NULL, NULL);
	free(rig);
	return 0;
}

/* Until all children have ended. */
static void reap(struct rig *rig)
{
	siginfo_t info;

	while (reaper_drain(&rig->reaper))
		assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
}

static void assert_killed_by(const struct rig *rig, int signal)
{
	assert_int_equal(rig->ends, 1);
	assert_true(WIFSIGNALED(rig->status));
	assert_int_equal(WTERMSIG(rig->status), signal);
}

static void assert_said(const struct rig *rig, const char *what)
{
	if (!strstr(rig->said, what))
		fail_msg("\"%s\" is not in \"%s\"", what, rig->said);
}

/* ---- the short way ---- */

static void test_signaller_send_term_arrives(void **state)
{
	struct rig *rig = *state;

	/* No helper is asked for. */
	fork_fails = true;
	signaller_send(&rig->signaller, rig->target, SIGTERM, "web/run");
	reap(rig);
	assert_killed_by(rig, SIGTERM);
	assert_string_equal(rig->said, "");
}

static void test_signaller_send_arrives_alone(void **state)
{
	static const int signals[] = { SIGTERM, SIGKILL, SIGHUP };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct rig *rig = *state;

		signaller_send(&rig->signaller, rig->target, signals[i], "web/run");
		reap(rig);
		assert_killed_by(rig, signals[i]);
		assert_int_equal(kills, 1);
		teardown(state);
		setup(state);
	}
}

static void stop_target(const struct rig *rig)
{
	siginfo_t info;

	assert_int_equal(__real_kill(rig->target, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)rig->target, &info, WSTOPPED), 0);
}

/* TERM and what a down-signal may be. */
static void test_signaller_stop_any_signal_ends_a_stopped_process(void **state)
{
	static const int signals[] = { SIGTERM, SIGQUIT, SIGINT, SIGUSR1, 37 };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct rig *rig = *state;

		stop_target(rig);
		signaller_stop(&rig->signaller, rig->target, signals[i], "web/run");
		reap(rig);
		assert_killed_by(rig, signals[i]);
		assert_int_equal(kills, 2);
		assert_string_equal(rig->said, "");
		teardown(state);
		setup(state);
	}
}

static void test_signaller_stop_one_that_is_gone_is_not_continued(void **state)
{
	struct rig *rig = *state;

	kill_error = ESRCH;
	signaller_stop(&rig->signaller, rig->target, SIGQUIT, "web/run");
	assert_int_equal(kills, 1);
	assert_string_equal(rig->said, "");
}

static void test_signaller_send_is_told_at_level_info(void **state)
{
	struct rig *rig = *state;
	char expected[100];

	log_set_level(CONFIG_LOG_INFO);
	signaller_send(&rig->signaller, rig->target, SIGTERM, "web/run");
	snprintf(expected, sizeof expected, " dinit: info: web/run: sending TERM to PID %d\n",
		 rig->target);
	assert_said(rig, expected);
	signaller_send(&rig->signaller, rig->target, SIGKILL, "web/run");
	assert_said(rig, "sending KILL to PID");
	reap(rig);
}

/* Whatever is wrong elsewhere, no group is signalled, and not everybody. */
static void test_signaller_send_to_no_single_child_is_refused_loudly(void **state)
{
	static const pid_t pids[] = { -2, -1, 0, 1 };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
		char expected[100];

		snprintf(expected, sizeof expected,
			 " dinit: error: web/run: not sending TERM to PID %d, ", pids[i]);
		signaller_send(&rig->signaller, pids[i], SIGTERM, "web/run");
		assert_said(rig, expected);
	}
	assert_int_equal(kills, 0);
	/* The first that can be one. */
	kill_error = ESRCH;
	signaller_send(&rig->signaller, 2, SIGTERM, "web/run");
	assert_int_equal(kills, 1);
}

static void test_signaller_send_to_one_that_is_gone_says_nothing(void **state)
{
	struct rig *rig = *state;

	kill_error = ESRCH;
	signaller_send(&rig->signaller, rig->target, SIGTERM, "web/run");
	assert_string_equal(rig->said, "");
	assert_int_equal(rig->orphans, 0);
}

/* ---- the long way ---- */

/* Neither old kernels nor valgrind have it. */
static void need_pidfd(void)
{
	int fd = (int)__real_syscall(SYS_pidfd_open, getpid(), 0, 0, 0);

	rig_need(fd >= 0, "no pidfd_open here (old kernels, valgrind)");
	close(fd);
}

static void test_signaller_send_refused_goes_by_a_child_of_that_user(void **state)
{
	static const int signals[] = { SIGTERM, SIGKILL };

	need_pidfd();
	for (int i = 0; i < 2; i++) {
		struct rig *rig = *state;

		kill_error = EPERM;
		signaller_send(&rig->signaller, rig->target, signals[i], "web/run");
		reap(rig);
		assert_killed_by(rig, signals[i]);
		assert_string_equal(rig->said, "");
		assert_int_equal(rig->orphans, 0);
		for (size_t b = 0; b < REAPER_BUCKETS; b++)
			assert_null(rig->reaper.buckets[b]);
		teardown(state);
		setup(state);
	}
}

static void test_signaller_stop_refused_wakes_a_stopped_process_too(void **state)
{
	static const int signals[] = { SIGTERM, SIGQUIT };

	need_pidfd();
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct rig *rig = *state;

		stop_target(rig);
		kill_error = EPERM;
		signaller_stop(&rig->signaller, rig->target, signals[i], "web/run");
		reap(rig);
		assert_killed_by(rig, signals[i]);
		assert_string_equal(rig->said, "");
		teardown(state);
		setup(state);
	}
}

/* The helper does what dinit would do, and no more. */
static void test_signaller_send_refused_leaves_a_stopped_process_stopped(void **state)
{
	struct rig *rig = *state;
	siginfo_t info;

	need_pidfd();
	stop_target(rig);
	kill_error = EPERM;
	signaller_send(&rig->signaller, rig->target, SIGTERM, "web/run");
	/* The end of the helper. */
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	assert_int_not_equal(info.si_pid, rig->target);
	assert_int_equal(info.si_status, 0);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->ends, 0);
	assert_int_equal(__real_kill(rig->target, SIGCONT), 0);
	reap(rig);
	assert_killed_by(rig, SIGTERM);
}

static void assert_warned(const struct rig *rig, const char *signal)
{
	char expected[200];

	snprintf(expected, sizeof expected,
		 " dinit: warning: web/run: cannot send %s to PID %d: Operation not permitted (it "
		 "runs "
		 "as another user;",
		 signal, rig->target);
	assert_said(rig, expected);
	assert_null(strstr(strstr(rig->said, "cannot send") + 1, "cannot send"));
}

static void test_signaller_send_refused_to_the_child_as_well_is_said(void **state)
{
	struct rig *rig = *state;
	siginfo_t info;

	need_pidfd();
	kill_error = user_error = EPERM;
	signaller_send(&rig->signaller, rig->target, SIGTERM, "web/run");
	assert_string_equal(rig->said, "");
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	assert_int_not_equal(info.si_pid, rig->target);
	assert_true(reaper_drain(&rig->reaper));
	assert_warned(rig, "TERM");
	assert_int_equal(rig->orphans, 0);
	assert_int_equal(rig->ends, 0);
}

/* As little as is needed: that user may not signal it (kill(2)), and so not stop it. */
static void test_signaller_send_refused_takes_on_the_targets_user_as_effective(void **state)
{
	struct rig *rig;
	siginfo_t info;

	need_pidfd();
	rig_need(rig_can_take_user(), RIG_WHY_USER);
	teardown(state);
	setup_for(state, 65534);
	rig = *state;
	kill_error = EPERM;
	signaller_send(&rig->signaller, rig->target, SIGHUP, "web/run");
	/* Where the helper fails the target does not end. */
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	reaper_drain(&rig->reaper);
	assert_string_equal(rig->said, "");
	reap(rig);
	assert_killed_by(rig, SIGHUP);
	assert_string_equal(rig->said, "");
	assert_int_equal(geteuid(), 0);
}

/* Nobody would be helped by the advice that goes with a refusal. */
static void test_signaller_send_refused_and_helper_killed_says_that(void **state)
{
	struct rig *rig = *state;
	char expected[200];
	siginfo_t info;

	need_pidfd();
	kill_error = EPERM;
	helper_dies = true;
	signaller_send(&rig->signaller, rig->target, SIGTERM, "web/run");
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	assert_true(reaper_drain(&rig->reaper));
	snprintf(expected, sizeof expected,
		 " dinit: warning: web/run: TERM may not have reached PID %d: the helper process "
		 "that sends it was killed by signal 9 (Killed)\n",
		 rig->target);
	assert_said(rig, expected);
	assert_null(strstr(rig->said, "CAP_KILL"));
}

/* The target ends before the child gets to it: that is what was wanted. */
static void test_signaller_send_refused_to_one_that_ends_meanwhile_says_nothing(void **state)
{
	struct rig *rig = *state;

	need_pidfd();
	kill_error = EPERM;
	user_error = ESRCH;
	signaller_send(&rig->signaller, rig->target, SIGKILL, "web/run");
	__real_kill(rig->target, SIGKILL);
	reap(rig);
	assert_string_equal(rig->said, "");
}

static void test_signaller_send_refused_and_no_child_to_be_had_is_said(void **state)
{
	for (int way = 0; way < 4; way++) {
		struct rig *rig = *state;

		kill_error = EPERM;
		memory_fails = way == 0;
		fork_fails = way == 1;
		pidfd_fails = way == 2;
		if (way == 3)
			rig->proc.root = "/nonexistent";
		signaller_send(&rig->signaller, rig->target, way % 2 ? SIGKILL : SIGTERM,
			       "web/run");
		memory_fails = false;
		assert_warned(rig, way % 2 ? "KILL" : "TERM");
		assert_int_equal(rig->ends, 0);
		teardown(state);
		setup(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_signaller_send_term_arrives),
	TEST(test_signaller_send_arrives_alone),
	TEST(test_signaller_stop_any_signal_ends_a_stopped_process),
	TEST(test_signaller_stop_one_that_is_gone_is_not_continued),
	TEST(test_signaller_send_is_told_at_level_info),
	TEST(test_signaller_send_to_no_single_child_is_refused_loudly),
	TEST(test_signaller_send_to_one_that_is_gone_says_nothing),
	TEST(test_signaller_send_refused_goes_by_a_child_of_that_user),
	TEST(test_signaller_stop_refused_wakes_a_stopped_process_too),
	TEST(test_signaller_send_refused_leaves_a_stopped_process_stopped),
	TEST(test_signaller_send_refused_takes_on_the_targets_user_as_effective),
	TEST(test_signaller_send_refused_to_the_child_as_well_is_said),
	TEST(test_signaller_send_refused_and_helper_killed_says_that),
	TEST(test_signaller_send_refused_to_one_that_ends_meanwhile_says_nothing),
	TEST(test_signaller_send_refused_and_no_child_to_be_had_is_said),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
