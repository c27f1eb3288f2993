/* SPDX-License-Identifier: ISC */
/* metrics.c over snapshots that the test makes. (scenario_status shows them to promtool.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/metrics.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the rig ---- */

static struct view_service list[3];
static struct snapshot shown;
static struct usage usages[3];
static bool nothing_runs;
/* What was printed. */
static char *out, *err;

int __wrap_view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);
struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot);

int __wrap_view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	assert_int_equal(pid, 0);
	strcpy(why, "nothing here");
	*snapshot = shown;
	snapshot->list = calloc(3, sizeof *list);
	assert_non_null(snapshot->list);
	memcpy(snapshot->list, list, sizeof list);
	if (nothing_runs)
		snapshot_free(snapshot);
	return nothing_runs ? -1 : 0;
}

struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot)
{
	(void)proc;
	(void)snapshot;
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	list[0] = (struct view_service){
		.name = "a\"b\\c",
		.reason = "",
		.entry = { .state = BOARD_READY,
			   .pid = 7,
			   .check_failures_total = 3,
			   .started = { 1, 1795327420642 },
			   .streams = { { 4, 400 }, { 1, 10 } } },
	};
	list[1] = (struct view_service){ .name = "one",
					 .reason = "",
					 .entry = { .state = BOARD_READY, .pid = 1 } };
	list[2] = (struct view_service){
		.name = "cron/99", .reason = "", .adopted = true, .entry = { .pid = 99 }
	};
	shown = (struct snapshot){
		.header = { .pid = 1,
			    .dinit_version = "0.2.0",
			    .state = BOARD_WHOLE_RUNNING,
			    .ready = true,
			    .started = { 1, 1795327420000 },
			    .counts = { .outputs = { { 1, 2, 3004 }, { 5, 6, 7 } },
					.orphans = { .terminated = 8,
						     .adopted = 9,
						     .killed = 10,
						     .zombies = 11 } } },
		.list = list,
		.services = 2,
		.len = 3,
	};
	usages[0] = usages[1] = (struct usage){
		.known = true, .cpu_ms = 1002, .memory_bytes = 4096, .processes = 2
	};
	nothing_runs = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(out);
	free(err);
	out = err = NULL;
	return 0;
}

static void print(const struct usage *measured)
{
	size_t len;
	FILE *to;

	free(out);
	to = open_memstream(&out, &len);
	metrics_print(to, &shown, measured);
	fclose(to);
}

static void expect_line(const char *line)
{
	char with_ends[200];

	snprintf(with_ends, sizeof with_ends, "\n%s\n", line);
	if (!strstr(out, with_ends))
		print_error("missing: %s\n", line);
	assert_non_null(strstr(out, with_ends));
}

/* ---- the tests ---- */

static void test_print_every_metric_is_there(void **state)
{
	static const char *const lines[] = {
		"dinit_info{version=\"0.2.0\"} 1",
		"dinit_start_time_seconds 1795327420.000",
		"dinit_ready 1",
		"dinit_stopping 0",
		"dinit_service_up{service=\"a\\\"b\\\\c\"} 1",
		"dinit_service_up{service=\"one\"} 1",
		"dinit_service_lines_total{service=\"one\",stream=\"stderr\"} 0",
		"dinit_service_ready{service=\"a\\\"b\\\\c\"} 1",
		"dinit_service_start_time_seconds{service=\"a\\\"b\\\\c\"} 1795327420.642",
		"dinit_service_check_failures_total{service=\"a\\\"b\\\\c\"} 3",
		"dinit_service_cpu_seconds_total{service=\"a\\\"b\\\\c\"} 1.002",
		"dinit_service_resident_memory_bytes{service=\"a\\\"b\\\\c\"} 4096",
		"dinit_service_processes{service=\"a\\\"b\\\\c\"} 2",
		"dinit_service_lines_total{service=\"a\\\"b\\\\c\",stream=\"stdout\"} 4",
		"dinit_service_lines_total{service=\"a\\\"b\\\\c\",stream=\"stderr\"} 1",
		"dinit_service_bytes_total{service=\"a\\\"b\\\\c\",stream=\"stdout\"} 400",
		"dinit_service_bytes_total{service=\"a\\\"b\\\\c\",stream=\"stderr\"} 10",
		"dinit_stream_bytes_total{stream=\"stdout\"} 1",
		"dinit_stream_dropped_bytes_total{stream=\"stdout\"} 2",
		"dinit_stream_stalled_seconds_total{stream=\"stdout\"} 3.004",
		"dinit_stream_bytes_total{stream=\"stderr\"} 5",
		"dinit_stream_dropped_bytes_total{stream=\"stderr\"} 6",
		"dinit_stream_stalled_seconds_total{stream=\"stderr\"} 0.007",
		"dinit_orphans_total{action=\"terminated\"} 8",
		"dinit_orphans_total{action=\"adopted\"} 9",
		"dinit_orphans_total{action=\"killed\"} 10",
		"dinit_zombies_total 11",
	};

	(void)state;
	print(usages);
	for (size_t i = 0; i < COUNT(lines); i++)
		expect_line(lines[i]);
	/* Adopted processes come and go. */
	assert_null(strstr(out, "cron"));
}

/* Of every sample the metric's type has been told before, once. */
static void test_print_samples_follow_their_type(void **state)
{
	char type[100] = "";
	size_t types = 0, samples = 0;

	(void)state;
	print(usages);
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "# TYPE %99s", type) == 1)
			types++;
		if (*line == '#')
			continue;
		samples++;
		assert_int_equal(strncmp(line, type, strlen(type)), 0);
	}
	assert_int_equal(types, 18);
	/* (Of one service it is not known when it was started.) */
	assert_int_equal(samples, 4 + 2 * 7 - 1 + 2 * 2 * 2 + 3 * 2 + 3 + 1);
}

static void test_print_unknown_has_no_sample(void **state)
{
	(void)state;
	list[0].entry.started.realtime_ms = 0;
	print(NULL);
	assert_null(strstr(out, "start_time_seconds{"));
	assert_null(strstr(out, "cpu_seconds_total{"));
	assert_null(strstr(out, "memory_bytes{"));
	assert_null(strstr(out, "processes{"));
	usages[0].known = usages[1].known = false;
	print(usages);
	assert_null(strstr(out, "processes{"));
}

static void test_print_teardown_and_ended_service(void **state)
{
	(void)state;
	list[0].entry.pid = 0;
	list[0].entry.state = BOARD_ENDED;
	shown.header.ready = false;
	shown.header.state = BOARD_WHOLE_DELAYING;
	print(usages);
	expect_line("dinit_service_up{service=\"a\\\"b\\\\c\"} 0");
	expect_line("dinit_service_ready{service=\"a\\\"b\\\\c\"} 0");
	expect_line("dinit_ready 0");
	expect_line("dinit_stopping 1");
}

/* Runs --metrics with standard streams that are memory. Returns the exit status. */
static int run(char *argument)
{
	FILE *old_out = stdout, *old_err = stderr;
	char *arguments[] = { argument, NULL };
	size_t len;
	int status;

	free(out);
	free(err);
	stdout = open_memstream(&out, &len);
	stderr = open_memstream(&err, &len);
	status = metrics_run(arguments, 0);
	fclose(stdout);
	fclose(stderr);
	stdout = old_out;
	stderr = old_err;
	return status;
}

static void test_run_prints_or_says_why_not(void **state)
{
	char argument[] = "web";

	(void)state;
	assert_int_equal(run(NULL), 0);
	expect_line("dinit_ready 1");
	assert_int_equal(run(argument), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "dinit: --metrics takes no argument: web\n");
	nothing_runs = true;
	assert_int_equal(run(NULL), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "dinit: nothing here\n");
}

#define METRICS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		METRICS_TEST(test_print_every_metric_is_there),
		METRICS_TEST(test_print_samples_follow_their_type),
		METRICS_TEST(test_print_unknown_has_no_sample),
		METRICS_TEST(test_print_teardown_and_ended_service),
		METRICS_TEST(test_run_prints_or_says_why_not),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
