/* SPDX-License-Identifier: ISC */
/* wait.c beside a dinit that the test plays. */
#include "moments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/wait.h"
#include "procfs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WAIT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, moments_tear_down)

/* With what execvp fails, and what it was given. */
static int exec_error;
static char executed[80];

#define OWN_PID 205

/* The session and the parent of this process, and the parent of that (and so on, up to 0), where
 * /proc can be read. */
static pid_t session, parent;
static const pid_t *ancestors;

int __wrap_execvp(const char *file, char *const *arguments);
pid_t __wrap_getsid(pid_t pid);
pid_t __wrap_getppid(void);
pid_t __wrap_getpid(void);
bool __wrap_procfs_usable(const struct procfs *proc);
int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);

pid_t __wrap_getsid(pid_t pid)
{
	assert_int_equal(pid, 0);
	return session;
}

pid_t __wrap_getpid(void)
{
	return OWN_PID;
}

pid_t __wrap_getppid(void)
{
	return parent;
}

bool __wrap_procfs_usable(const struct procfs *proc)
{
	assert_string_equal(proc->root, "/proc");
	return ancestors != NULL;
}

int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat)
{
	const pid_t *at = ancestors;

	assert_string_equal(proc->root, "/proc");
	if (pid == OWN_PID) {
		stat->parent = parent;
		return 0;
	}
	if (pid == parent) {
		stat->parent = at[0];
		return 0;
	}
	while (*at != pid) {
		/* Nobody asks for another one. */
		assert_int_not_equal(*at, 0);
		at++;
	}
	stat->parent = at[1];
	return at[1] < 0 ? -1 : 0;
}

static int set_up(void **state)
{
	session = parent = 0;
	ancestors = NULL;
	unsetenv("DINIT_PID");
	return moments_set_up(state);
}

int __wrap_execvp(const char *file, char *const *arguments)
{
	assert_string_equal(file, arguments[0]);
	*executed = '\0';
	for (; *arguments; arguments++)
		snprintf(executed + strlen(executed), sizeof executed - strlen(executed), "[%s]",
			 *arguments);
	errno = exec_error;
	return -1;
}

static int run(const char *line)
{
	return moments_run(wait_run, line);
}

/* Expects what was printed on stderr to be that line, or nothing. */
static void expect_said(const char *line)
{
	assert_string_equal(moments_out, "");
	assert_string_equal(moments_err, line);
}

/* ---- one service ---- */

/* Expects the verdict on a service of that state and flags. */
static void expect_verdict(enum board_state state, unsigned flags, enum wait_goal goal,
			   enum wait_verdict verdict)
{
	struct view_service *service;
	char why[VIEW_WHY_SIZE];

	moments_set_up(NULL);
	moments_add();
	service = moments_add_service("web", state, 0);
	service->entry.flags = flags;
	assert_int_equal(wait_judge(&moments.list[0], service, goal, why), verdict);
}

static void test_judge_ready_follows_the_state(void **state)
{
	(void)state;
	expect_verdict(BOARD_STARTING, 0, WAIT_READY, WAIT_PENDING);
	expect_verdict(BOARD_READY, 0, WAIT_READY, WAIT_REACHED);
	expect_verdict(BOARD_UNREADY, 0, WAIT_READY, WAIT_PENDING);
	expect_verdict(BOARD_STOPPING, 0, WAIT_READY, WAIT_HOPELESS);
	expect_verdict(BOARD_FINISHING, 0, WAIT_READY, WAIT_HOPELESS);
	expect_verdict(BOARD_DISABLED, 0, WAIT_READY, WAIT_REACHED);
	expect_verdict(BOARD_ENDED, 0, WAIT_READY, WAIT_HOPELESS);
	expect_verdict(BOARD_DOWN, 0, WAIT_READY, WAIT_HOPELESS);
	expect_verdict(BOARD_SKIPPED, 0, WAIT_READY, WAIT_HOPELESS);
}

static void test_judge_ready_optional_that_ends_is_done(void **state)
{
	(void)state;
	expect_verdict(BOARD_FINISHING, BOARD_FLAG_OPTIONAL | BOARD_FLAG_DONE, WAIT_READY,
		       WAIT_PENDING);
	expect_verdict(BOARD_ENDED, BOARD_FLAG_OPTIONAL | BOARD_FLAG_DONE, WAIT_READY,
		       WAIT_REACHED);
}

static void test_judge_ended_follows_the_state(void **state)
{
	(void)state;
	expect_verdict(BOARD_STARTING, 0, WAIT_ENDED, WAIT_PENDING);
	expect_verdict(BOARD_READY, 0, WAIT_ENDED, WAIT_PENDING);
	expect_verdict(BOARD_UNREADY, 0, WAIT_ENDED, WAIT_PENDING);
	expect_verdict(BOARD_STOPPING, 0, WAIT_ENDED, WAIT_PENDING);
	expect_verdict(BOARD_FINISHING, 0, WAIT_ENDED, WAIT_REACHED);
	expect_verdict(BOARD_DISABLED, 0, WAIT_ENDED, WAIT_REACHED);
	expect_verdict(BOARD_ENDED, 0, WAIT_ENDED, WAIT_REACHED);
	expect_verdict(BOARD_DOWN, 0, WAIT_ENDED, WAIT_REACHED);
	expect_verdict(BOARD_SKIPPED, 0, WAIT_ENDED, WAIT_REACHED);
}

/* With 115 it has done its work, which is known when its finish has ended. */
static void test_judge_ready_disabled_is_waited_for_until_its_finish_ends(void **state)
{
	struct view_service *service;

	(void)state;
	moments_add();
	service = moments_add_service("web", BOARD_FINISHING, 0);
	service->entry.exit_status = 115;
	service->entry.flags = BOARD_FLAG_DONE;
	assert_int_equal(run("-t 0 web"), 1);
	expect_said("dinit: web has not become ready within 0 s: its finish runs\n");
	expect_verdict(BOARD_DISABLED, BOARD_FLAG_DONE, WAIT_READY, WAIT_REACHED);
}

/* ---- waiting ---- */

static void test_wait_ready_already_returns_at_once(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	assert_int_equal(run("db"), 0);
	assert_int_equal(moments.waits, 0);
	assert_int_equal(moments.pid, 7);
	expect_said("");
}

static void test_wait_returns_when_it_becomes_ready(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		moments_add();
		moments_add_service("db", i < 2 ? BOARD_STARTING : BOARD_READY, 5);
		moments_add_service("web", BOARD_STARTING, 6);
	}
	assert_int_equal(run("db"), 0);
	assert_int_equal(moments.waits, 2);
	assert_int_equal(moments.timeout_ms, -1);
	expect_said("");
}

static void test_wait_several_waits_for_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		moments_add();
		moments_add_service("db", i < 1 ? BOARD_STARTING : BOARD_READY, 5);
		moments_add_service("web", i < 2 ? BOARD_STARTING : BOARD_READY, 6);
	}
	assert_int_equal(run("web db"), 0);
	assert_int_equal(moments.waits, 2);
}

static void test_wait_too_long_says_what_is_missing(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5)->reason = "connection refused";
	assert_int_equal(run("-t 2.5 db"), 1);
	expect_said("dinit: db has not become ready within 2.5 s: starting (connection refused)\n");
	assert_in_range(moments.now_ms, MOMENTS_BEGIN_MS + 2500, MOMENTS_BEGIN_MS + 2502);
}

static void test_wait_time_stands_behind_the_names_too(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	assert_int_equal(run("db -t 0 -d"), 1);
	expect_said("dinit: db has not ended within 0 s: ready, PID 5\n");
	assert_int_equal(moments.waits, 0);
}

static void test_wait_that_cannot_come_about_ends_at_once(void **state)
{
	static const struct {
		enum board_state state;
		const char *said;
	} cases[] = {
		{ BOARD_DOWN, "dinit: db: it is down, by a file of that name\n" },
		{ BOARD_SKIPPED, "dinit: db: it is skipped (DINIT_SKIP)\n" },
		{ BOARD_STOPPING, "dinit: db: it is being stopped\n" },
		{ BOARD_ENDED, "dinit: db: it has ended: exited with status 2\n" },
		{ BOARD_FINISHING, "dinit: db: it has ended: exited with status 2\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		moments_set_up(NULL);
		moments_add();
		/* The first one that never will is named, not the first that is not. */
		moments_add_service("app", BOARD_STARTING, 4);
		moments_add_service("db", cases[i].state, 0)->reason = "exited with status 2";
		assert_int_equal(run("app db"), 1);
		expect_said(cases[i].said);
		assert_int_equal(moments.waits, 0);
	}
}

static void test_wait_in_a_teardown_gives_up(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5);
	moments_add()->state = BOARD_WHOLE_DELAYING;
	moments_add_service("db", BOARD_STARTING, 5);
	assert_int_equal(run("db"), 1);
	expect_said("dinit: db: the container is being stopped\n");
}

/* In the delay it is still there for others. */
static void test_wait_in_a_teardown_takes_what_is_ready(void **state)
{
	(void)state;
	moments_add()->state = BOARD_WHOLE_DELAYING;
	moments_add_service("db", BOARD_READY, 5);
	assert_int_equal(run("db"), 0);
}

static void test_wait_for_the_end_sees_it(void **state)
{
	(void)state;
	moments_add()->state = BOARD_WHOLE_STOPPING;
	moments_add_service("web", BOARD_STOPPING, 5);
	moments_add()->state = BOARD_WHOLE_STOPPING;
	moments_add_service("web", BOARD_FINISHING, 0);
	assert_int_equal(run("-d web"), 0);
	assert_int_equal(moments.waits, 1);
}

static void test_wait_unknown_name_is_refused_with_the_nearest(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("web", BOARD_READY, 5);
	assert_int_equal(run("wbe"), 1);
	expect_said("dinit: there is no service wbe; did you mean web?\n");
	assert_int_equal(run("web postgresql"), 1);
	expect_said("dinit: there is no service postgresql\n");
}

/* Expects that nothing runs to be said after so many milliseconds, or one pause more. */
static void expect_no_dinit(const char *line, uint64_t ms)
{
	moments.now_ms = MOMENTS_BEGIN_MS;
	moments.nothing_runs = true;
	assert_int_equal(run(line), 1);
	expect_said("dinit: no dinit runs here\n");
	assert_in_range(moments.now_ms, MOMENTS_BEGIN_MS + ms, MOMENTS_BEGIN_MS + ms + 19);
}

static void test_wait_without_dinit_looks_for_a_second_and_says_why(void **state)
{
	(void)state;
	expect_no_dinit("web", 1000);
	expect_no_dinit("-t 5", 1000);
	expect_no_dinit("-t 0.3 web", 300);
	expect_no_dinit("-t 0", 0);
	/* What does not run has ended. */
	expect_no_dinit("-d web", 0);
}

/* The container has only just been started. */
static void test_wait_dinit_that_begins_to_run_is_found(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments.begins_ms = MOMENTS_BEGIN_MS + 400;
	assert_int_equal(run("db"), 0);
	expect_said("");
	assert_in_range(moments.now_ms, MOMENTS_BEGIN_MS + 400, MOMENTS_BEGIN_MS + 419);
}

static void test_wait_time_counts_from_before_dinit_runs(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5);
	moments.begins_ms = MOMENTS_BEGIN_MS + 400;
	assert_int_equal(run("-t 1 db"), 1);
	expect_said("dinit: db has not become ready within 1 s: starting\n");
	assert_int_equal(moments.timeout_ms, 600);
}

/* ---- without names ---- */

static void test_wait_for_all_leaves_out_what_does_not_count(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add_service("migrate", BOARD_DISABLED, 0);
	moments_add_service("off", BOARD_DOWN, 0);
	moments_add_service("later", BOARD_SKIPPED, 0);
	assert_int_equal(run(""), 0);
	assert_int_equal(moments.waits, 0);
}

static void test_wait_for_all_waits_for_each(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("a", BOARD_READY, 5);
	moments_add_service("b", BOARD_STARTING, 6);
	moments_add_service("c", BOARD_STARTING, 7);
	assert_int_equal(run("-t 0"), 1);
	expect_said("dinit: b has not become ready within 0 s: starting\n");
}

/* Expects a process with that PID to be the caller's own, or not. */
static void expect_own(int32_t pid, bool own)
{
	struct board_entry *entry = &moments.services[0][1].entry;

	*entry = (struct board_entry){ .state = BOARD_STARTING, .pid = pid };
	assert_int_equal(run("-t 0"), !own);
	*entry = (struct board_entry){ .state = BOARD_STARTING, .log_pid = pid };
	assert_int_equal(run("-t 0"), !own);
	*entry = (struct board_entry){ .state = BOARD_STARTING, .finish_pid = pid };
	assert_int_equal(run("-t 0"), !own);
}

/* The own service waits for all others, and would wait for itself. */
static void test_wait_for_all_leaves_out_the_own_service(void **state)
{
	static const pid_t three[] = { 203, 202, 201, 0 }, hidden[] = { 203, -1 };

	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add_service("app", BOARD_STARTING, 6);
	session = 301;
	parent = 204;
	expect_own(OWN_PID, true);
	expect_own(204, true);
	expect_own(301, true);
	/* Without /proc nothing more is known. */
	expect_own(203, false);
	ancestors = three;
	expect_own(203, true);
	expect_own(201, true);
	expect_own(200, false);
	ancestors = hidden;
	expect_own(203, true);
	expect_own(202, false);
}

/* A session or a parent in another PID namespace has the number 0, and so has what does not run. */
static void test_wait_for_all_process_from_outside_has_no_own_service(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add_service("app", BOARD_STARTING, 0);
	expect_own(0, false);
}

/* There is room for so many ancestors. */
static void test_wait_for_all_long_line_of_ancestors_is_cut(void **state)
{
	pid_t many[200];

	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add_service("app", BOARD_STARTING, 6);
	parent = 1000000;
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = 1000001 + (pid_t)i;
	many[COUNT(many) - 1] = 0;
	ancestors = many;
	expect_own(many[50], true);
	expect_own(many[100], false);
}

/* What stops a service is no child of its run. */
static void test_wait_for_all_leaves_out_the_service_of_a_terminate(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("app", BOARD_STOPPING, 123456);
	moments_add_service("db", BOARD_ENDED, 0);
	setenv("DINIT_PID", "123456", 1);
	assert_int_equal(run("-d"), 0);
	setenv("DINIT_PID", "123457", 1);
	assert_int_equal(run("-d -t 1"), 1);
}

static void test_wait_for_all_does_not_count_adopted_processes(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_ENDED, 0);
	moments_add_adopted("cron/9", 9);
	assert_int_equal(run("-d"), 0);
	assert_int_equal(run("-d -t 1 cron/9"), 1);
}

/* ---- what goes away ---- */

static void test_wait_adopted_process_that_ends_has_ended(void **state)
{
	(void)state;
	moments_add();
	moments_add_adopted("cron/9", 9);
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5);
	assert_int_equal(run("-d cron/9"), 0);
	assert_int_equal(moments.waits, 1);
}

static void test_wait_adopted_process_that_ends_does_not_get_ready(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		moments_add();
		moments_add_service("db", BOARD_STARTING, 5);
		if (i == 0)
			moments_add_adopted("cron/9", 9);
	}
	assert_int_equal(run("db cron/9"), 1);
	expect_said("dinit: cron/9: it has ended\n");
}

static void test_wait_dinit_that_ends_is_said(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5);
	moments_add()->state = BOARD_WHOLE_GONE;
	moments_add_service("db", BOARD_ENDED, 0);
	moments.ends = true;
	assert_int_equal(run("db"), 1);
	expect_said("dinit: db: dinit has ended\n");
}

/* The last service and dinit end at the same time, for those who look. */
static void test_wait_for_the_end_counts_what_dinit_has_left(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STOPPING, 5);
	moments_add()->state = BOARD_WHOLE_GONE;
	moments_add_service("db", BOARD_ENDED, 0);
	moments.ends = true;
	assert_int_equal(run("-d db"), 0);
	moments.shown = 0;
	moments.ends = false;
	moments.ends_when_taken = true;
	assert_int_equal(run("-d db"), 0);
}

static void test_wait_for_the_end_dinit_that_was_killed_is_none(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STOPPING, 5);
	moments_add();
	moments_add_service("db", BOARD_STOPPING, 5);
	moments.ends = true;
	assert_int_equal(run("-d db"), 1);
	expect_said("dinit: db: dinit has ended\n");
}

/* ---- a command ---- */

static void test_wait_executes_the_command_when_it_is_so(void **state)
{
	(void)state;
	exec_error = ENOENT;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	assert_int_equal(run("db -- app -t 5 -- x"), 127);
	assert_string_equal(executed, "[app][-t][5][--][x]");
	exec_error = EACCES;
	assert_int_equal(run("-- app"), 126);
	assert_string_equal(executed, "[app]");
}

static void test_wait_command_that_cannot_be_executed_is_explained(void **state)
{
	char *path = strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", "/opt/bin:/bin", 1);
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	exec_error = ENOENT;
	run("-- a\033pp");
	expect_said(
		"dinit: \"a\\x1bpp\" cannot be executed from PATH (/opt/bin:/bin): No such file "
		"or directory\n");
	run("-- app");
	expect_said("dinit: \"app\" cannot be executed from PATH (/opt/bin:/bin): No such file or "
		    "directory\n");
	unsetenv("PATH");
	exec_error = EACCES;
	run("-- app");
	expect_said("dinit: \"app\" cannot be executed from PATH (which is not set): Permission "
		    "denied\n");
	/* One with a path is looked at. */
	exec_error = ENOENT;
	assert_int_equal(run("-- /proc/none/app"), 127);
	expect_said("dinit: /proc/none/app does not exist\n");
	exec_error = E2BIG;
	assert_int_equal(run("-- /proc/none/app"), 126);
	expect_said("dinit: /proc/none/app cannot be executed (Argument list too long; the "
		    "environment is too large)\n");
	setenv("PATH", path, 1);
	free(path);
}

static void test_wait_does_not_execute_the_command_otherwise(void **state)
{
	(void)state;
	*executed = '\0';
	moments_add();
	moments_add_service("db", BOARD_DOWN, 0);
	assert_int_equal(run("db -- app"), 1);
	assert_string_equal(executed, "");
}

static void test_wait_arguments_that_make_no_sense_are_refused(void **state)
{
	static const char *const lines[] = { "-x db", "--d", "db --", "--" };

	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_int_equal(run(lines[i]), -1);
}

static void test_wait_time_that_is_none_is_explained(void **state)
{
	static const char *const lines[] = { "-t", "-t x db", "db -t -1", "-t 1.2.3", "-t --" };

	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(run(lines[i]), 1);
		expect_said("dinit: --wait takes behind -t seconds, as digits with at most one "
			    "point, up to 1000000000\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAIT_TEST(test_judge_ready_follows_the_state),
		WAIT_TEST(test_judge_ready_optional_that_ends_is_done),
		WAIT_TEST(test_judge_ended_follows_the_state),
		WAIT_TEST(test_judge_ready_disabled_is_waited_for_until_its_finish_ends),
		WAIT_TEST(test_wait_ready_already_returns_at_once),
		WAIT_TEST(test_wait_returns_when_it_becomes_ready),
		WAIT_TEST(test_wait_several_waits_for_each),
		WAIT_TEST(test_wait_too_long_says_what_is_missing),
		WAIT_TEST(test_wait_time_stands_behind_the_names_too),
		WAIT_TEST(test_wait_that_cannot_come_about_ends_at_once),
		WAIT_TEST(test_wait_in_a_teardown_gives_up),
		WAIT_TEST(test_wait_in_a_teardown_takes_what_is_ready),
		WAIT_TEST(test_wait_for_the_end_sees_it),
		WAIT_TEST(test_wait_unknown_name_is_refused_with_the_nearest),
		WAIT_TEST(test_wait_without_dinit_looks_for_a_second_and_says_why),
		WAIT_TEST(test_wait_dinit_that_begins_to_run_is_found),
		WAIT_TEST(test_wait_time_counts_from_before_dinit_runs),
		WAIT_TEST(test_wait_for_all_leaves_out_what_does_not_count),
		WAIT_TEST(test_wait_for_all_waits_for_each),
		WAIT_TEST(test_wait_for_all_leaves_out_the_own_service),
		WAIT_TEST(test_wait_for_all_process_from_outside_has_no_own_service),
		WAIT_TEST(test_wait_for_all_long_line_of_ancestors_is_cut),
		WAIT_TEST(test_wait_for_all_leaves_out_the_service_of_a_terminate),
		WAIT_TEST(test_wait_for_all_does_not_count_adopted_processes),
		WAIT_TEST(test_wait_adopted_process_that_ends_has_ended),
		WAIT_TEST(test_wait_adopted_process_that_ends_does_not_get_ready),
		WAIT_TEST(test_wait_dinit_that_ends_is_said),
		WAIT_TEST(test_wait_for_the_end_counts_what_dinit_has_left),
		WAIT_TEST(test_wait_for_the_end_dinit_that_was_killed_is_none),
		WAIT_TEST(test_wait_executes_the_command_when_it_is_so),
		WAIT_TEST(test_wait_command_that_cannot_be_executed_is_explained),
		WAIT_TEST(test_wait_does_not_execute_the_command_otherwise),
		WAIT_TEST(test_wait_arguments_that_make_no_sense_are_refused),
		WAIT_TEST(test_wait_time_that_is_none_is_explained),
	};

	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
