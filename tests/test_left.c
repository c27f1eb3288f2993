/* SPDX-License-Identifier: ISC */
/* left.c over real children. Which of them are programs of dinit's, and what the logmux reads, is
 * in the test's hand. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "left.h"
#include "program.h"

#define CHILDREN_MAX 4
#define NOW_MS 100000

static struct loop loop;
static struct reaper reaper;
static const struct procfs proc = { .root = "/proc" };
static struct policy policy;
static struct left left;
static pid_t children[CHILDREN_MAX];
static size_t children_len;
/* The one process that is a program, and what it is. */
static pid_t program_pid;
static struct program program;
static bool reads_all;

const struct program *__wrap_program_find(const struct reaper *of, pid_t pid);
bool __wrap_logmux_reads(const struct logmux *mux, dev_t device, ino_t inode);

const struct program *__wrap_program_find(const struct reaper *of, pid_t pid)
{
	assert_ptr_equal(of, &reaper);
	return pid == program_pid ? &program : NULL;
}

bool __wrap_logmux_reads(const struct logmux *mux, dev_t device, ino_t inode)
{
	(void)mux;
	(void)device;
	(void)inode;
	return reads_all;
}

static void nothing(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	(void)pid;
	(void)status;
}

static int setup(void **state)
{
	(void)state;
	loop = (struct loop){ .now_ms = NOW_MS };
	reaper_init(&reaper, nothing, NULL);
	policy = (struct policy){ .loop = &loop, .reaper = &reaper, .proc = &proc, .keep = "" };
	orphans_init(&policy.orphans, &loop, &reaper, NULL, nothing);
	children_len = 0;
	program_pid = 0;
	program = (struct program){ .service = "web", .stage = "run" };
	reads_all = false;
	memset(&left, 0, sizeof left);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	orphans_forget(&policy.orphans);
	for (size_t i = 0; i < children_len; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	return 0;
}

/* Makes a child that is called so; in a session of its own, or in ours; whose stdin is a pipe, or
 * what ours is. */
static pid_t make_child(const char *name, bool own_session, bool piped)
{
	int pair[2];
	char byte;
	pid_t pid;

	/* A filter does not hold the other end. */
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((own_session && setsid() < 0) || (piped && dup2(pair[0], STDIN_FILENO) < 0) ||
		    write(pair[1], "r", 1) != 1)
			_exit(1);
		execl("/bin/sh", name, "-c", "kill -STOP $$; :", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	close(pair[1]);
	/* Now it is called so. */
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_true(children_len < CHILDREN_MAX);
	children[children_len++] = pid;
	return pid;
}

/* What the program has left that led our session. */
static bool find(void)
{
	left.pid = 0;
	return left_find(&policy, getsid(0), &left);
}

static void expect(const char *name, pid_t pid)
{
	assert_true(find());
	assert_string_equal(left.name, name);
	assert_int_equal(left.pid, pid);
}

static void test_left_find_no_child_finds_none(void **state)
{
	(void)state;
	assert_false(find());
}

static void test_left_find_child_in_the_session_is_found(void **state)
{
	(void)state;
	expect("nginx", make_child("nginx", false, false));
}

static void test_left_find_child_in_no_known_session_is_found(void **state)
{
	(void)state;
	expect("nginx", make_child("nginx", true, false));
}

static void test_left_find_child_in_the_session_is_preferred(void **state)
{
	pid_t pid;

	(void)state;
	make_child("first", true, false);
	pid = make_child("nginx", false, false);
	make_child("last", true, false);
	expect("nginx", pid);
}

static void test_left_find_child_in_the_session_of_another_program_is_not_found(void **state)
{
	(void)state;
	program_pid = getsid(0);
	make_child("nginx", false, false);
	assert_false(left_find(&policy, program_pid + 1, &left));
}

static void test_left_find_zombie_is_not_found(void **state)
{
	pid_t pid = make_child("nginx", false, false);
	siginfo_t info;

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(find());
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* In /proc it looks like a zombie, and it lives. */
static void test_left_find_process_whose_first_thread_has_ended_is_found(void **state)
{
	struct procfs_stat stat = { .state = 'R' };
	pthread_t thread;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0)
			syscall(SYS_exit, 0);
		_exit(1);
	}
	children[children_len++] = pid;
	while (stat.state != 'Z') {
		assert_int_equal(procfs_read_stat(&proc, pid, &stat), 0);
		sched_yield();
	}
	assert_true(find());
	assert_int_equal(left.pid, pid);
}

static void test_left_find_kept_program_is_not_found(void **state)
{
	(void)state;
	policy.keep = "epm?";
	make_child("epmd", false, false);
	assert_false(find());
	policy.keep = "epmd2";
	assert_true(find());
}

static void test_left_find_filter_is_not_found(void **state)
{
	(void)state;
	reads_all = true;
	make_child("sed", false, true);
	assert_false(find());
	expect("nginx", make_child("nginx", false, false));
}

static void test_left_has_filter_knows_filters_from_others(void **state)
{
	pid_t pid;

	(void)state;
	reads_all = true;
	assert_false(left_has_filter(&policy));
	make_child("nginx", false, false);
	assert_false(left_has_filter(&policy));
	pid = make_child("sed", false, true);
	make_child("nginx", false, false);
	assert_true(left_has_filter(&policy));
	program_pid = pid;
	assert_false(left_has_filter(&policy));
	program_pid = 0;
	policy.blind = true;
	assert_false(left_has_filter(&policy));
}

static void test_left_find_orphan_is_found_until_something_is_decided(void **state)
{
	static const struct {
		enum orphan_state state;
		bool found;
	} cases[] = {
		{ ORPHAN_YOUNG, true },      { ORPHAN_UNSETTLED, true },   { ORPHAN_IGNORED, true },
		{ ORPHAN_INHERITED, false }, { ORPHAN_KEPT, false },       { ORPHAN_FILTER, false },
		{ ORPHAN_ADOPTED, false },   { ORPHAN_TERMINATED, false }, { ORPHAN_DYING, false },
	};
	pid_t pid = make_child("nginx", false, false);
	struct orphan *orphan = orphan_add(&policy.orphans, pid, ORPHAN_YOUNG);

	(void)state;
	assert_non_null(orphan);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		orphan_set_state(orphan, cases[i].state);
		if (find() != cases[i].found)
			fail_msg("state %d", (int)cases[i].state);
	}
}

static void on_other_exit(void *ctx, pid_t pid, int status)
{
	nothing(ctx, pid, status);
}

static void test_left_find_child_that_somebody_else_watches_is_not_found(void **state)
{
	pid_t pid = make_child("nginx", false, false);
	/* Whatever its watch is for, it is not to be taken for a record. */
	struct orphan young = { .state = ORPHAN_YOUNG };
	struct reaper_watch watch = { .on_exit = on_other_exit, .ctx = &young };

	(void)state;
	reaper_watch(&reaper, &watch, pid);
	assert_false(find());
	reaper_unwatch(&reaper, &watch);
	expect("nginx", pid);
}

static void test_left_find_second_young_orphan_is_found(void **state)
{
	pid_t first = make_child("first", true, false), pid = make_child("nginx", false, false);

	(void)state;
	assert_non_null(orphan_add(&policy.orphans, first, ORPHAN_YOUNG));
	assert_non_null(orphan_add(&policy.orphans, pid, ORPHAN_YOUNG));
	expect("nginx", pid);
}

static void test_left_find_with_ignore_only_the_session_counts(void **state)
{
	(void)state;
	policy.reparenting = CONFIG_REPARENTING_IGNORE;
	make_child("other", true, false);
	assert_false(find());
	expect("nginx", make_child("nginx", false, false));
}

static void test_left_find_without_proc_finds_none(void **state)
{
	(void)state;
	make_child("nginx", false, false);
	policy.blind = true;
	assert_false(find());
}

/* ---- what was terminated or adopted a moment ago ---- */

static void note_last(pid_t session, uint64_t ago_ms)
{
	policy.last = (struct policy_last){
		.name = "nginx", .pid = 4711, .session = session, .ms = NOW_MS - ago_ms
	};
}

static void test_left_find_last_of_the_session_is_found(void **state)
{
	(void)state;
	program_pid = make_child("run", true, false);
	note_last(getsid(0), LEFT_MS);
	expect("nginx", 4711);
	note_last(getsid(0), LEFT_MS + 1);
	assert_false(find());
}

static void test_left_find_before_there_was_a_last_one_finds_none(void **state)
{
	(void)state;
	note_last(0, 0);
	policy.last.pid = 0;
	assert_false(find());
}

static void test_left_find_last_of_another_session_is_not_found(void **state)
{
	(void)state;
	note_last(getsid(0) + 1, 0);
	assert_false(find());
}

static void test_left_find_last_of_no_session_is_found_where_no_other_service_runs(void **state)
{
	(void)state;
	note_last(0, 0);
	expect("nginx", 4711);
	program_pid = make_child("run", true, false);
	assert_false(find());
	/* A logging program starts no daemons of a service. */
	program.stage = "log";
	orphan_add(&policy.orphans, program_pid, ORPHAN_DYING);
	expect("nginx", 4711);
}

/* It was new in the search before, and has been terminated since: whose session it was in does not
 * matter any more. */
static void test_left_find_last_that_was_found_before_is_found_again(void **state)
{
	pid_t pid = make_child("sh", true, false);

	(void)state;
	expect("sh", pid);
	orphan_add(&policy.orphans, pid, ORPHAN_TERMINATED);
	assert_false(left_find(&policy, getsid(0), &left));
	policy.last = (struct policy_last){
		.name = "nginx", .pid = pid, .session = getsid(0) + 1, .ms = NOW_MS
	};
	assert_true(left_find(&policy, getsid(0), &left));
	assert_string_equal(left.name, "nginx");
	assert_int_equal(left.pid, pid);
	left.pid++;
	assert_false(left_find(&policy, getsid(0), &left));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_left_find_no_child_finds_none),
		TEST(test_left_find_child_in_the_session_is_found),
		TEST(test_left_find_child_in_no_known_session_is_found),
		TEST(test_left_find_child_in_the_session_is_preferred),
		TEST(test_left_find_child_in_the_session_of_another_program_is_not_found),
		TEST(test_left_find_zombie_is_not_found),
		TEST(test_left_find_process_whose_first_thread_has_ended_is_found),
		TEST(test_left_find_kept_program_is_not_found),
		TEST(test_left_find_filter_is_not_found),
		TEST(test_left_find_orphan_is_found_until_something_is_decided),
		TEST(test_left_find_child_that_somebody_else_watches_is_not_found),
		TEST(test_left_find_second_young_orphan_is_found),
		TEST(test_left_find_with_ignore_only_the_session_counts),
		TEST(test_left_has_filter_knows_filters_from_others),
		TEST(test_left_find_without_proc_finds_none),
		TEST(test_left_find_last_of_the_session_is_found),
		TEST(test_left_find_before_there_was_a_last_one_finds_none),
		TEST(test_left_find_last_of_another_session_is_not_found),
		TEST(test_left_find_last_of_no_session_is_found_where_no_other_service_runs),
		TEST(test_left_find_last_that_was_found_before_is_found_again),
	};

	return cmocka_run_group_tests_name("left", tests, NULL, NULL);
}
