/* SPDX-License-Identifier: ISC */
/* sv.c beside a dinit that the test plays: the lines and statuses are those that runit's sv has. */
#include "moments.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/signal.h"
#include "client/sv.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SV_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, moments_tear_down)

/* What was sent, to whom. */
static char sent[80];

int __wrap_signal_send(const struct view *view, const char *name, int signal,
		       char why[VIEW_WHY_SIZE]);

int __wrap_signal_send(const struct view *view, const char *name, int signal,
		       char why[VIEW_WHY_SIZE])
{
	assert_int_equal(view->pid, 1);
	snprintf(sent + strlen(sent), sizeof sent - strlen(sent), "%d %s;", signal, name);
	snprintf(why, VIEW_WHY_SIZE, "off does not run (down)");
	return strcmp(name, "off") == 0 ? -1 : 0;
}

static int set_up(void **state)
{
	moments_set_up(state);
	unsetenv("SVWAIT");
	*sent = '\0';
	return 0;
}

static int call(char *const *arguments, pid_t pid)
{
	(void)pid;
	return sv_run(arguments);
}

/* Calls sv with these arguments, and expects its status and what it prints on stdout. */
static void expect_answer(const char *line, int status, const char *printed)
{
	char whole[120];

	snprintf(whole, sizeof whole, "/usr/bin/sv %s", line);
	assert_int_equal(moments_run(call, whole), status);
	assert_string_equal(moments_out, printed);
	assert_string_equal(moments_err, "");
}

/* ---- status ---- */

static void test_status_prints_the_lines_of_runit(void **state)
{
	struct view_service *service;

	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	service = moments_add_service("web", BOARD_READY, 7);
	service->entry.log_pid = 6;
	service->entry.log_started.monotonic_ms = MOMENTS_BEGIN_MS - 15000;
	moments_add_service("ended", BOARD_ENDED, 0);
	moments_add_service("off", BOARD_DOWN, 0);
	service = moments_add_service("fin", BOARD_FINISHING, 0);
	service->entry.finish_pid = 8;
	moments_add_service("told", BOARD_STOPPING, 9);
	moments_add_service("soon", BOARD_STARTING, 0);
	moments_add_adopted("x/9", 9);
	expect_answer("status db web ended off fin told soon x/9", 0,
		      "run: db: (pid 5) 12s\n"
		      "run: web: (pid 7) 12s; run: log: (pid 6) 15s\n"
		      "down: ended: 12s, normally up\n"
		      "down: off: 12s\n"
		      "finish: fin: (pid 8) 12s\n"
		      "run: told: (pid 9) 12s, got TERM\n"
		      "down: soon: 12s, normally up\n"
		      "run: x/9: (pid 9) 12s\n");
	expect_answer("s db", 0, "run: db: (pid 5) 12s\n");
	assert_int_equal(moments.pid, 0);
}

/* Moments that have not come, or that nobody has noted. */
static void test_status_without_a_time_is_0s(void **state)
{
	struct view_service *service;

	(void)state;
	moments_add();
	service = moments_add_service("a", BOARD_READY, 5);
	service->entry.log_pid = 4;
	moments_add_service("b", BOARD_READY, 6)->entry.started.monotonic_ms = 0;
	expect_answer("status a b", 0,
		      "run: a: (pid 5) 12s; run: log: (pid 4) 12s\n"
		      "run: b: (pid 6) 0s\n");
}

static void test_status_with_a_check_says_whether_it_is_ready(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("a", BOARD_READY, 5)->entry.flags = BOARD_FLAG_CHECK;
	moments_add_service("b", BOARD_STARTING, 6)->entry.flags = BOARD_FLAG_NOTIFY;
	moments_add_service("c", BOARD_UNREADY, 7)->entry.flags = BOARD_FLAG_CHECK;
	moments.services[0][2].entry.log_pid = 8;
	moments_add_service("d", BOARD_ENDED, 0)->entry.flags = BOARD_FLAG_CHECK;
	expect_answer("status a b c d", 0,
		      "run: a: (pid 5) 12s, ready\n"
		      "run: b: (pid 6) 12s, not ready\n"
		      "run: c: (pid 7) 12s; run: log: (pid 8) 12s, not ready\n"
		      "down: d: 12s, normally up\n");
}

static void test_status_takes_paths_of_service_directories(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("web", BOARD_READY, 7);
	moments_add_service("tmp", BOARD_READY, 8);
	moments_add_service("w", BOARD_READY, 9);
	expect_answer("status w/", 0, "run: w/: (pid 9) 12s\n");
	expect_answer("status /etc/service/web", 0, "run: /etc/service/web: (pid 7) 12s\n");
	expect_answer("status ./web/", 0, "run: ./web/: (pid 7) 12s\n");
	expect_answer("status web/", 0, "run: web/: (pid 7) 12s\n");
	expect_answer("status ../web///", 0, "run: ../web///: (pid 7) 12s\n");
	assert_int_equal(chdir("/tmp"), 0);
	expect_answer("status .", 0, "run: .: (pid 8) 12s\n");
}

static void test_status_trouble_is_counted(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("web", BOARD_READY, 7);
	expect_answer("status wbe / web nginx", 3,
		      "fail: wbe: there is no service wbe; did you mean web?\n"
		      "fail: /: there is no service \n"
		      "run: web: (pid 7) 12s\n"
		      "fail: nginx: there is no service nginx\n");
}

static void test_status_without_dinit_fails_for_each(void **state)
{
	(void)state;
	moments.nothing_runs = true;
	expect_answer("status a b", 2,
		      "fail: a: no dinit runs here\n"
		      "fail: b: no dinit runs here\n");
	moments.nothing_runs = false;
	moments_add();
	moments.ends_when_taken = true;
	expect_answer("status a", 1, "fail: a: the dinit with PID 1 has ended\n");
}

static int call_with_200(char *const *arguments, pid_t pid)
{
	char *many[203] = { arguments[0], arguments[1] };

	(void)pid;
	for (size_t i = 2; i < 202; i++)
		many[i] = arguments[2];
	return sv_run(many);
}

static void test_status_more_troubles_than_there_are_statuses_are_99(void **state)
{
	(void)state;
	moments.nothing_runs = true;
	assert_int_equal(moments_run(call_with_200, "sv status web"), 99);
}

/* ---- check, start, up ---- */

static void test_check_waits_until_it_is_ready(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		moments_add();
		moments_add_service("db", i < 2 ? BOARD_STARTING : BOARD_READY, 5)->entry.log_pid =
			4;
	}
	expect_answer("check db", 0, "ok: run: db: (pid 5) 12s\n");
	assert_int_equal(moments.waits, 2);
	moments.shown = 0;
	expect_answer("start db", 0, "ok: run: db: (pid 5) 12s\n");
	moments.shown = 0;
	expect_answer("-v up db", 0, "ok: run: db: (pid 5) 12s\n");
}

/* Waits for a service that never gets ready, with that line, for so long. */
static void expect_timeout(const char *line, uint64_t ms, const char *printed)
{
	uint64_t begin_ms = moments.now_ms;

	expect_answer(line, 1, printed);
	assert_in_range(moments.now_ms, begin_ms + ms, begin_ms + ms + 3);
}

static void test_check_gives_up_after_seven_seconds(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_UNREADY, 5)->entry.flags = BOARD_FLAG_CHECK;
	moments_add_service("web", BOARD_READY, 6);
	expect_timeout("check db web", 7000,
		       "timeout: run: db: (pid 5) 19s, not ready\nok: run: web: (pid 6) 19s\n");
}

static void test_check_time_can_be_set(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5);
	expect_timeout("-w 0 check db", 0, "timeout: run: db: (pid 5) 12s\n");
	assert_int_equal(moments.waits, 0);
	expect_answer("check nosuch", 1, "fail: nosuch: there is no service nosuch\n");
	expect_timeout("-w 3 check db", 3000, "timeout: run: db: (pid 5) 15s\n");
	expect_timeout("-w2 up db", 2000, "timeout: run: db: (pid 5) 17s\n");
	setenv("SVWAIT", "20", 1);
	expect_timeout("start db", 20000, "timeout: run: db: (pid 5) 37s\n");
	expect_timeout("-w 1 -v start db", 1000, "timeout: run: db: (pid 5) 38s\n");
	setenv("SVWAIT", "soon", 1);
	expect_timeout("check db", 7000, "timeout: run: db: (pid 5) 45s\n");
}

static void test_check_that_is_done_or_not_meant_to_run_is_ok(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("migrate", BOARD_DISABLED, 0);
	moments_add_service("off", BOARD_DOWN, 0);
	moments_add_service("later", BOARD_SKIPPED, 0);
	expect_answer("check migrate off later", 0,
		      "ok: down: migrate: 12s, normally up\n"
		      "ok: down: off: 12s\n"
		      "ok: down: later: 12s, normally up\n");
}

static void test_start_what_does_not_run_fails_at_once(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("off", BOARD_DOWN, 0);
	moments_add_service("db", BOARD_ENDED, 0)->reason = "exited with status 1";
	expect_answer("start off db", 2,
		      "fail: off: it is down, by a file of that name\n"
		      "fail: db: it has ended: exited with status 1\n");
	expect_answer("up off", 1, "fail: off: it is down, by a file of that name\n");
	expect_answer("check db", 1, "fail: db: it has ended: exited with status 1\n");
	assert_int_equal(moments.waits, 0);
}

static void test_up_what_runs_is_silent(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_STARTING, 5);
	expect_answer("up db", 0, "");
	expect_answer("once db", 0, "");
	assert_int_equal(moments.waits, 0);
}

/* ---- signals ---- */

static void test_signals_are_those_of_runit(void **state)
{
	static const struct {
		const char *word;
		int signal;
	} cases[] = {
		{ "hup", SIGHUP },   { "h", SIGHUP },      { "term", SIGTERM },
		{ "t", SIGTERM },    { "int", SIGINT },    { "interrupt", SIGINT },
		{ "quit", SIGQUIT }, { "kill", SIGKILL },  { "cont", SIGCONT },
		{ "c", SIGCONT },    { "alarm", SIGALRM }, { "1", SIGUSR1 },
		{ "2", SIGUSR2 },    { "pause", SIGSTOP },
	};
	char line[40], expected[40];

	(void)state;
	moments_add();
	moments_add_service("web", BOARD_READY, 7);
	for (size_t i = 0; i < COUNT(cases); i++) {
		*sent = '\0';
		snprintf(line, sizeof line, "%s /sv/web", cases[i].word);
		snprintf(expected, sizeof expected, "%d web;", cases[i].signal);
		expect_answer(line, 0, "");
		assert_string_equal(sent, expected);
	}
}

static void test_signals_are_reported_with_v_and_by_reload(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("web", BOARD_READY, 7)->entry.log_pid = 6;
	expect_answer("-v term web", 0, "ok: run: web: (pid 7) 12s\n");
	expect_answer("reload web", 0, "ok: run: web: (pid 7) 12s\n");
	assert_string_equal(sent, "15 web;1 web;");
}

static void test_signal_that_cannot_be_sent_is_trouble(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("off", BOARD_DOWN, 0);
	moments_add_service("web", BOARD_READY, 7);
	expect_answer("hup off web", 1, "fail: off: off does not run (down)\n");
	assert_string_equal(sent, "1 off;1 web;");
}

/* ---- what is refused ---- */

static void test_commands_that_restart_or_keep_down_are_refused(void **state)
{
	static const char *const words[] = { "restart", "down",          "d",           "stop",
					     "exit",    "force-stop",    "try-restart", "shutdown",
					     "x",       "force-shutdown" };
	char line[40];

	(void)state;
	moments_add();
	moments_add_service("web", BOARD_READY, 7);
	for (size_t i = 0; i < COUNT(words); i++) {
		snprintf(line, sizeof line, "sv %s web", words[i]);
		assert_int_equal(moments_run(call, line), 100);
		assert_string_equal(moments_out, "");
		assert_non_null(strstr(moments_err, "dinit keeps no service down"));
	}
	assert_string_equal(sent, "");
}

static void test_usage_errors_are_100(void **state)
{
	static const char *const lines[] = {
		"sv",    "sv status", "sv bogus web", "sv -z check w", "sv -w x check web",
		"sv -w", "sv -v",     "sv -w 1 check"
	};

	(void)state;
	moments_add();
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(moments_run(call, lines[i]), 100);
		assert_string_equal(moments_err, "usage: sv [-v] [-w sec] command service ...\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SV_TEST(test_status_prints_the_lines_of_runit),
		SV_TEST(test_status_without_a_time_is_0s),
		SV_TEST(test_status_with_a_check_says_whether_it_is_ready),
		SV_TEST(test_status_takes_paths_of_service_directories),
		SV_TEST(test_status_trouble_is_counted),
		SV_TEST(test_status_without_dinit_fails_for_each),
		SV_TEST(test_status_more_troubles_than_there_are_statuses_are_99),
		SV_TEST(test_check_waits_until_it_is_ready),
		SV_TEST(test_check_gives_up_after_seven_seconds),
		SV_TEST(test_check_time_can_be_set),
		SV_TEST(test_check_that_is_done_or_not_meant_to_run_is_ok),
		SV_TEST(test_start_what_does_not_run_fails_at_once),
		SV_TEST(test_up_what_runs_is_silent),
		SV_TEST(test_signals_are_those_of_runit),
		SV_TEST(test_signals_are_reported_with_v_and_by_reload),
		SV_TEST(test_signal_that_cannot_be_sent_is_trouble),
		SV_TEST(test_commands_that_restart_or_keep_down_are_refused),
		SV_TEST(test_usage_errors_are_100),
	};

	return cmocka_run_group_tests_name("sv", tests, NULL, NULL);
}
