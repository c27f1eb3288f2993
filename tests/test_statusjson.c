/* SPDX-License-Identifier: ISC */
/* statusjson.c over snapshots that the test makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/statusjson.h"
#include "json.h"

uint64_t __wrap_view_age_ms(const struct board_time *time);

/* The moments of this test are how long ago they were. */
uint64_t __wrap_view_age_ms(const struct board_time *time)
{
	return time->monotonic_ms;
}

/* 2026-11-22T06:03:40.642Z */
#define MOMENT_MS UINT64_C(1795327420642)

/* ---- the rig ---- */

struct rig {
	struct view_service list[2];
	struct snapshot snapshot;
	struct usage usages[2];
	/* What was printed. */
	char *out;
	size_t len;
};

static int setup(void **state)
{
	struct rig *rig = test_calloc(1, sizeof *rig);

	rig->list[0] = (struct view_service){
		.name = "web",
		.reason = "",
		.entry = { .state = BOARD_READY,
			   .pid = 7,
			   .log_pid = 6,
			   .exit_status = -1,
			   .check_failures_total = 3,
			   .since = { 5, MOMENT_MS },
			   .streams = { { 4, 400 }, { 1, 10 } } },
	};
	rig->list[1] = (struct view_service){
		.name = "cron/99",
		.reason = "killed by signal 9",
		.adopted = true,
		.entry = { .state = BOARD_ENDED, .flags = BOARD_FLAG_COMMAND, .exit_status = 137 },
	};
	rig->usages[0] = (struct usage){
		.known = true, .cpu_ms = 1002, .memory_bytes = 4096, .processes = 2
	};
	rig->snapshot = (struct snapshot){
		.header = { .pid = 1,
			    .dinit_version = "0.2.0",
			    .state = BOARD_WHOLE_RUNNING,
			    .ready = true,
			    .started = { 192345, MOMENT_MS },
			    .since = { 5, MOMENT_MS },
			    .counts = { .outputs = { { 1, 2, 3004 }, { 5, 6, 7 } },
					.orphans = { .terminated = 8,
						     .adopted = 9,
						     .killed = 10,
						     .zombies = 11 },
					.adopted_unlisted = 12 } },
		.list = rig->list,
		.services = 1,
		.len = 2,
	};
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	free(rig->out);
	test_free(rig);
	return 0;
}

/* Prints, and expects one object in one line. */
static void print(struct rig *rig, const struct usage *usages)
{
	struct json_object object;
	FILE *to;

	free(rig->out);
	to = open_memstream(&rig->out, &rig->len);
	statusjson_print(to, &rig->snapshot, usages);
	fclose(to);
	assert_true(json_find_object(rig->out, rig->len, &object));
	assert_ptr_equal(strchr(rig->out, '\n'), rig->out + rig->len - 1);
}

/* ---- the tests ---- */

static void test_print_says_all_there_is(void **state)
{
	struct rig *rig = *state;

	print(rig, rig->usages);
	assert_string_equal(
		rig->out,
		"{\"version\":\"0.2.0\",\"pid\":1,\"state\":\"running\",\"ready\":true,"
		"\"since\":\"2026-11-22T06:03:40.642Z\",\"uptime\":192.345,\"cause\":null,"
		"\"services\":[{\"name\":\"web\",\"state\":\"ready\",\"pid\":7,\"log_pid\":6,"
		"\"since\":\"2026-11-22T06:03:40.642Z\",\"ready\":true,\"command\":false,"
		"\"reason\":null,"
		"\"exit_status\":null,\"cpu_seconds\":1.002,\"memory_bytes\":4096,"
		"\"processes\":2,\"check_failures\":0,\"check_failures_total\":3,"
		"\"stdout\":{\"lines\":4,\"bytes\":400},\"stderr\":{\"lines\":1,\"bytes\":10}}],"
		"\"adopted\":[{\"name\":\"cron/99\",\"state\":\"ended\",\"pid\":null,"
		"\"log_pid\":null,\"since\":null,\"ready\":false,\"command\":true,"
		"\"reason\":\"killed by signal 9\",\"exit_status\":137,\"cpu_seconds\":null,"
		"\"memory_bytes\":null,\"processes\":null,\"check_failures\":0,"
		"\"check_failures_total\":0,\"stdout\":{\"lines\":0,\"bytes\":0},"
		"\"stderr\":{\"lines\":0,\"bytes\":0}}],\"adopted_unlisted\":12,"
		"\"streams\":{\"stdout\":{\"bytes\":1,\"dropped_bytes\":2,"
		"\"stalled_seconds\":3.004},\"stderr\":{\"bytes\":5,\"dropped_bytes\":6,"
		"\"stalled_seconds\":0.007}},\"orphans\":{\"terminated\":8,\"adopted\":9,"
		"\"killed\":10},\"zombies\":11}\n");
}

static void test_print_several_are_separated(void **state)
{
	struct rig *rig = *state;

	rig->list[1].adopted = false;
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "},{\"name\":\"cron/99\""));
	assert_non_null(strstr(rig->out, "\"adopted\":[]"));
	rig->list[0].adopted = rig->list[1].adopted = true;
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "\"services\":[],\"adopted\":[{"));
	assert_non_null(strstr(rig->out, "},{\"name\":\"cron/99\""));
}

static void test_print_cause_and_state_of_a_teardown(void **state)
{
	struct rig *rig = *state;

	rig->snapshot.header.state = BOARD_WHOLE_STOPPING;
	rig->snapshot.header.ready = false;
	strcpy(rig->snapshot.header.cause, "web/run: \"x\"");
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "\"state\":\"stopping\",\"ready\":false,"));
	assert_non_null(strstr(rig->out, "\"cause\":\"web/run: \\\"x\\\"\""));
}

/* It is the one that runs, as in the table. */
static void test_print_pid_of_a_finish_is_that_of_the_service(void **state)
{
	struct rig *rig = *state;

	rig->list[0].entry.finish_pid = 8;
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "\"state\":\"ready\",\"pid\":7,"));
	rig->list[0].entry.state = BOARD_FINISHING;
	rig->list[0].entry.pid = 0;
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "\"state\":\"finishing\",\"pid\":8,\"log_pid\":6,"));
}

static void test_print_without_usage_has_nulls(void **state)
{
	struct rig *rig = *state;

	print(rig, NULL);
	assert_null(strstr(rig->out, "\"cpu_seconds\":1"));
	assert_non_null(strstr(rig->out, "\"cpu_seconds\":null,\"memory_bytes\":null,"
					 "\"processes\":null"));
}

static void test_print_longest_texts_fit(void **state)
{
	struct rig *rig = *state;
	char text[VIEW_TEXT_SIZE];

	memset(text, '\\', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	rig->list[0].name = rig->list[1].reason = text;
	memset(rig->snapshot.header.cause, '"', sizeof rig->snapshot.header.cause - 1);
	print(rig, rig->usages);
	assert_in_range(rig->len, 3 * 2 * (VIEW_TEXT_SIZE - 1), 4 * 2 * VIEW_TEXT_SIZE);
}

static void test_print_numbers_are_exact(void **state)
{
	struct rig *rig = *state;

	rig->snapshot.header.started.monotonic_ms = 5002345;
	/* In the first second. */
	rig->snapshot.header.since.realtime_ms = 500;
	rig->list[0].entry.exit_status = 0;
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "\"uptime\":5002.345,"));
	assert_non_null(strstr(rig->out, "\"since\":\"1970-01-01T00:00:00.500Z\",\"uptime\""));
	assert_non_null(strstr(rig->out, "\"exit_status\":0,"));
}

static void test_print_largest_numbers_are_numbers(void **state)
{
	struct rig *rig = *state;

	memset(&rig->list[0].entry, 0xff, sizeof rig->list[0].entry);
	rig->list[0].entry.state = BOARD_DOWN;
	memset(&rig->snapshot.header.counts, 0xff, sizeof rig->snapshot.header.counts);
	memset(&rig->usages[0], 0xff, sizeof rig->usages[0]);
	rig->usages[0].known = true;
	print(rig, rig->usages);
	assert_non_null(strstr(rig->out, "\"zombies\":18446744073709551615}"));
	assert_non_null(strstr(rig->out, "\"since\":\"9999-12-31T"));
}

#define JSON_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JSON_TEST(test_print_says_all_there_is),
		JSON_TEST(test_print_several_are_separated),
		JSON_TEST(test_print_cause_and_state_of_a_teardown),
		JSON_TEST(test_print_pid_of_a_finish_is_that_of_the_service),
		JSON_TEST(test_print_without_usage_has_nulls),
		JSON_TEST(test_print_longest_texts_fit),
		JSON_TEST(test_print_numbers_are_exact),
		JSON_TEST(test_print_largest_numbers_are_numbers),
	};

	return cmocka_run_group_tests_name("statusjson", tests, NULL, NULL);
}
