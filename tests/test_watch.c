/* SPDX-License-Identifier: ISC */
/* watch.c beside a dinit that the test plays. */
#include "moments.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/watch.h"

#define WATCH_TEST(test) cmocka_unit_test_setup_teardown(test, moments_set_up, moments_tear_down)

/* When the moments of the test began, and its clock. */
#define SINCE "{\"time\":\"1970-01-01T00:00:02.000Z\","
#define WHOLE_SINCE "{\"time\":\"1970-01-01T00:00:01.000Z\","
#define NOW "{\"time\":\"1970-01-01T00:16:40."
#define WHOLE_LINE WHOLE_SINCE "\"state\":\"running\",\"ready\":false,\"cause\":null}\n"

/* Watches until the dinit that the test plays ends. */
static void expect_lines(const char *lines)
{
	moments.ends = true;
	assert_int_equal(moments_run(watch_run, ""), 0);
	assert_string_equal(moments_err, "");
	assert_string_equal(moments_out, lines);
}

static void test_watch_begins_with_all_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		moments_add();
		moments_add_service("db", BOARD_READY, 5);
		moments_add_service("w\"eb", BOARD_UNREADY, 6)->reason = "no\\";
		moments_add_service("off", BOARD_DOWN, 0);
		moments_add_adopted("cron/9", 9);
	}
	expect_lines(
		SINCE
		"\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":null}\n" SINCE
		"\"service\":\"w\\\"eb\",\"state\":\"unready\",\"pid\":6,\"reason\":\"no\\\\\"}"
		"\n" SINCE
		"\"service\":\"off\",\"state\":\"down\",\"pid\":null,\"reason\":null}\n" SINCE
		"\"service\":\"cron/9\",\"state\":\"ready\",\"pid\":9,\"reason\":null}"
		"\n" WHOLE_LINE);
}

static void test_watch_shows_only_what_has_changed(void **state)
{
	struct view_service *db;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		moments_add()->ready = i >= 2;
		db = moments_add_service("db", i == 0 ? BOARD_STARTING : BOARD_READY, 5);
		db->reason = i >= 3 ? "slow" : "";
		/* This is not shown. */
		db->entry.check_failures = (uint32_t)i;
		moments_add_service("web", BOARD_READY, 6);
	}
	expect_lines(SINCE "\"service\":\"db\",\"state\":\"starting\",\"pid\":5,\"reason\":null}"
			   "\n" SINCE
			   "\"service\":\"web\",\"state\":\"ready\",\"pid\":6,\"reason\":"
			   "null}\n" WHOLE_LINE SINCE
			   "\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":null}\n" NOW
			   "002Z\",\"state\":\"running\",\"ready\":true,\"cause\":null}\n" NOW
			   "003Z\",\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":"
			   "\"slow\"}\n");
}

static void test_watch_adopted_processes_come_and_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		moments_add();
		moments_add_service("db", BOARD_READY, 5);
		if (i == 1)
			moments_add_adopted("a/8", 8);
		if (i == 1 || i == 2) {
			moments_add_adopted("b/9", 9);
			moments_add_adopted("c/1", 10);
		}
	}
#define GONE "\"state\":\"ended\",\"pid\":null,\"reason\":null}\n"
	expect_lines(
		SINCE
		"\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":null}\n" WHOLE_LINE
			SINCE
		"\"service\":\"a/8\",\"state\":\"ready\",\"pid\":8,\"reason\":null}\n" SINCE
		"\"service\":\"b/9\",\"state\":\"ready\",\"pid\":9,\"reason\":null}\n" SINCE
		"\"service\":\"c/1\",\"state\":\"ready\",\"pid\":10,\"reason\":null}\n" NOW
		"002Z\",\"service\":\"a/8\"," GONE NOW "003Z\",\"service\":\"b/9\"," GONE NOW
		"003Z\",\"service\":\"c/1\"," GONE);
}

static void test_watch_pid_of_a_finish_is_that_of_the_service(void **state)
{
	static const int32_t pids[] = { 8, 8, 9, 9 };

	(void)state;
	for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
		moments_add();
		moments_add_service("db", BOARD_FINISHING, 0)->entry.finish_pid = pids[i];
	}
#define FINISHING "\"service\":\"db\",\"state\":\"finishing\",\"pid\":"
	expect_lines(SINCE FINISHING "8,\"reason\":null}\n" WHOLE_LINE NOW "002Z\"," FINISHING
				     "9,\"reason\":null}\n");
}

/* Somebody has written over the page. */
static void test_watch_service_that_was_not_there_is_new(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add_service("web", BOARD_STARTING, 0)->entry.since.realtime_ms = 0;
	expect_lines(
		SINCE
		"\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":null}\n" WHOLE_LINE NOW
		"001Z\",\"service\":\"web\",\"state\":\"starting\",\"pid\":null,\"reason\":null}"
		"\n");
}

static void test_watch_what_dinit_has_left_may_be_garbage(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	moments_add();
	moments.leaves_garbage = true;
	expect_lines(
		SINCE
		"\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":null}\n" WHOLE_LINE);
	assert_int_equal(moments.timeout_ms, 1000);
}

/* What happened since the last look is shown also when dinit has ended. */
static void test_watch_shows_what_dinit_has_left(void **state)
{
	struct board_header *header;

	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	header = moments_add();
	header->state = BOARD_WHOLE_GONE;
	strcpy(header->cause, "db/run: PID 5 exited with status 1");
	moments_add_service("db", BOARD_ENDED, 0)->reason = "exited with status 1";
	expect_lines(
		SINCE
		"\"service\":\"db\",\"state\":\"ready\",\"pid\":5,\"reason\":null}\n" WHOLE_LINE
			SINCE
		"\"service\":\"db\",\"state\":\"ended\",\"pid\":null,\"reason\":\"exited with "
		"status 1\"}\n" WHOLE_SINCE
		"\"state\":\"stopping\",\"ready\":false,\"cause\":\"db/run: PID 5 exited with "
		"status 1\"}\n");
}

static void test_watch_dinit_that_ends_before_it_is_looked_at_is_no_failure(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		moments_add();
		moments_add_service("db", i == 0 ? BOARD_READY : BOARD_ENDED, 0);
	}
	moments.ends_when_taken = true;
	assert_int_equal(moments_run(watch_run, ""), 0);
	assert_non_null(strstr(moments_out, "\"ended\""));
	assert_string_equal(moments_err, "");
}

/* Runs --watch with stdout a pipe that nobody reads. Returns the exit status. */
static int watch_unread(void)
{
	int old = dup(STDOUT_FILENO), ends[2], status;
	void (*on_pipe)(int) = signal(SIGPIPE, SIG_IGN);

	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	status = moments_run(watch_run, "");
	dup2(old, STDOUT_FILENO);
	close(old);
	signal(SIGPIPE, on_pipe);
	return status;
}

static void test_watch_ends_when_nobody_reads_it(void **state)
{
	(void)state;
	moments_add();
	moments_add_service("db", BOARD_READY, 5);
	assert_int_equal(watch_unread(), 1);
	assert_int_equal(moments.waits, 0);
	assert_string_equal(moments_err, "dinit: nobody reads what is printed any more\n");
}

static void test_watch_without_dinit_says_why(void **state)
{
	(void)state;
	moments.nothing_runs = true;
	assert_int_equal(moments_run(watch_run, ""), 1);
	assert_string_equal(moments_err, "dinit: no dinit runs here\n");
	assert_int_equal(moments.pid, 7);
	moments.nothing_runs = false;
	moments_add();
	moments.ends_when_taken = true;
	assert_int_equal(moments_run(watch_run, ""), 1);
	assert_string_equal(moments_err, "dinit: the dinit with PID 1 has ended\n");
}

static void test_watch_arguments_are_refused(void **state)
{
	(void)state;
	assert_int_equal(moments_run(watch_run, "web"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(test_watch_begins_with_all_as_it_is),
		WATCH_TEST(test_watch_shows_only_what_has_changed),
		WATCH_TEST(test_watch_adopted_processes_come_and_go),
		WATCH_TEST(test_watch_pid_of_a_finish_is_that_of_the_service),
		WATCH_TEST(test_watch_service_that_was_not_there_is_new),
		WATCH_TEST(test_watch_what_dinit_has_left_may_be_garbage),
		WATCH_TEST(test_watch_shows_what_dinit_has_left),
		WATCH_TEST(test_watch_dinit_that_ends_before_it_is_looked_at_is_no_failure),
		WATCH_TEST(test_watch_ends_when_nobody_reads_it),
		WATCH_TEST(test_watch_without_dinit_says_why),
		WATCH_TEST(test_watch_arguments_are_refused),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
