/* SPDX-License-Identifier: ISC */
/* Traces of many lines, as a JVM and Python print them: what dinit makes of them, and what the
 * example traces does about it. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT "DINIT_JSON_STDOUT=0"
#define WRAP "DINIT_JSON_STDOUT=wrap"
#define JSON "DINIT_JSON_STDOUT=1"
#define DAY "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#define LABEL(service) "\"service\":\"" service "\",\"stage\":\"run\","

/* Without the joiner, the lines come as the service has written them. */
static void put_example(struct scene *scene, const char *service, bool with_joiner)
{
	scene_need(access("/usr/bin/python3", X_OK) == 0, "no python3 here: install python3");
	scene_need(access("/usr/bin/perl", X_OK) == 0, "no perl here: install perl-base");
	scene_example(scene, "traces");
	if (with_joiner)
		return;
	assert_int_equal(unlink(scene_path(scene, "services/%s/log/run", service)), 0);
	assert_int_equal(rmdir(scene_path(scene, "services/%s/log", service)), 0);
}

/* Only the service that is not among those to skip. */
static struct run *start(struct scene *scene, const char *mode, const char *skip, const char *jobs)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST(mode, scene_format(scene, "DINIT_SKIP=%s", skip),
					      scene_format(scene, "JOBS=%s", jobs),
					      "PATH=/usr/sbin:/usr/bin:/sbin:/bin") });
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* Each of these begins after the one before it, in one line or in several. */
#define expect_in_order(run, stream, ...) \
	expect_in_order_at((run)->outputs[stream].bytes, LIST(__VA_ARGS__), SCENE_HERE)
static void expect_in_order_at(const char *bytes, const char *const *texts, const char *where)
{
	for (; *texts; texts++) {
		bytes = strstr(bytes, *texts);
		if (!bytes)
			scene_fail_at(where, "%s is not there, or not in its place", *texts);
		bytes += strlen(*texts);
	}
}

/* ---- as they are: each line has its own label ---- */

static void test_java_trace_in_text_has_a_label_for_each_line(struct scene *scene)
{
	struct run *run;

	put_example(scene, "java", false);
	run = start(scene, TEXT, "python,json", "");
	run_wait_line(run, RUN_STDOUT, " java/run: \t[.]{3} 2 more$");
	stop(run);
	expect_in_order(run, RUN_STDOUT, " java/run: 20", " java/run: 20", " - order 4711 failed\n",
			" java/run: java.lang.IllegalStateException: order 4711 \"blue\" was",
			" java/run: \tat com.example.shop.Orders.save(Orders.java:87)\n",
			" java/run: \tat com.example.shop.Orders.take(Orders.java:41)\n",
			" java/run: \tat java.base/java.lang.Thread.run(Thread.java:833)\n",
			" java/run: Caused by: java.net.ConnectException: Connection refused\n",
			" java/run: \tat com.example.shop.Store.open(Store.java:19)\n",
			" java/run: \t... 2 more\n", " java/run: 20", " - stopped\n");
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_java_trace_wrapped_is_an_object_for_each_line(struct scene *scene)
{
	struct run *run;

	put_example(scene, "java", false);
	run = start(scene, WRAP, "python,json", "");
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"\\\\t[.]{3} 2 more\"," LABEL("java"));
	stop(run);
	expect_in_order(
		run, RUN_STDOUT, "- order 4711 failed\"," LABEL("java"),
		"{\"message\":\"java.lang.IllegalStateException: order 4711 \\\"blue\\\" was",
		"{\"message\":\"\\tat com.example.shop.Orders.save(Orders.java:87)\"," LABEL(
			"java"),
		"{\"message\":\"\\tat com.example.shop.Orders.take(Orders.java:41)\",",
		"{\"message\":\"Caused by: java.net.ConnectException: ", "- stopped\",");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 10);
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_python_trace_in_text_has_a_label_for_each_line(struct scene *scene)
{
	struct run *run;

	put_example(scene, "python", false);
	run = start(scene, TEXT, "java,json", "1 0");
	run_wait_line(run, RUN_STDOUT, " python/run: JobError: job 0 cannot be done$");
	stop(run);
	expect_in_order(run, RUN_STDOUT, " INFO job 1: 60\n", " ERROR job 0 failed\n",
			" python/run: Traceback (most recent call last):\n", " python/run:   File ",
			" python/run:     return 60 / job\n",
			" python/run: ZeroDivisionError: division by zero\n",
			" python/run: The above exception was the direct cause",
			" python/run: Traceback (most recent call last):\n", " python/run:   File ",
			" python/run: JobError: job 0 cannot be done\n");
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_python_trace_wrapped_is_an_object_for_each_line(struct scene *scene)
{
	struct run *run;

	put_example(scene, "python", false);
	run = start(scene, WRAP, "java,json", "0");
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\"JobError: job 0 cannot be done\"," LABEL("python"));
	stop(run);
	expect_in_order(run, RUN_STDOUT, " ERROR job 0 failed\"," LABEL("python"),
			"{\"message\":\"Traceback (most recent call last):\"," LABEL("python"),
			"{\"message\":\"  File \\\"", "{\"message\":\"    return 60 / job\",",
			"{\"message\":\"ZeroDivisionError: division by zero\",");
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* What `exec 2>&1` is good for: the joiner sees nothing of what goes to stderr. */
static void test_python_trace_on_stderr_passes_by_the_joiner(struct scene *scene)
{
	struct run *run;

	put_example(scene, "python", true);
	scene_service(scene, "python", "exec python3 -u ../worker");
	run = start(scene, JSON, "java,json", "0 x");
	run_expect_exit(run, 3);
	expect_in_order(run, RUN_STDERR, " ERROR job 0 failed\n",
			" python/run: Traceback (most recent call last):\n",
			" python/run: JobError: job 0 cannot be done\n",
			" python/run: Traceback (most recent call last):\n",
			" python/run: ValueError: invalid literal",
			" dinit: error: python/run: PID ",
			"its last line was: ValueError: invalid literal");
	run_expect_no_line(run, RUN_STDOUT, ".");
}

/* ---- joined: one object for each record ---- */

/* The trace is the last that the service writes for now, and comes all the same. */
static void test_java_trace_joined_is_one_object(struct scene *scene)
{
	struct run *run;

	put_example(scene, "java", true);
	run = start(scene, JSON, "python,json", "");
	run_wait_line(
		run, RUN_STDOUT,
		"^\\{\"message\":\"" DAY " [^\"]* - order 4711 failed\\\\n"
		"java[.]lang[.]IllegalStateException: order 4711 \\\\\"blue\\\\\" was not saved"
		"\\\\n\\\\tat [^\"]*\\\\nCaused by: [^\"]*\\\\n\\\\t[.]{3} 2 more\"," LABEL(
			"java"));
	stop(run);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"" DAY " [^\"]* - started\",");
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"" DAY " [^\"]* - stopped\",");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 3);
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_python_trace_joined_is_one_object(struct scene *scene)
{
	struct run *run;

	put_example(scene, "python", true);
	run = start(scene, JSON, "java,json", "1 0");
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\"" DAY " [^\"]* ERROR job 0 failed\\\\nTraceback .*"
		      "\\\\nZeroDivisionError: division by zero\\\\n\\\\nThe above exception .*"
		      "\\\\nTraceback .*\\\\nJobError: job 0 cannot be done\"," LABEL("python"));
	stop(run);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"" DAY " [^\"]* INFO job 1: 60\",");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 2);
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_python_trace_that_ends_the_service_comes_out(struct scene *scene)
{
	struct run *run;

	put_example(scene, "python", true);
	run = start(scene, JSON, "java,json", "1 x");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT,
			"\\\\nValueError: invalid literal for int[(][)] [^\"]*\"," LABEL("python"));
	run_expect_line(run, RUN_STDERR,
			"error: python/run: PID [0-9]+ exited with status 1 [(]its output went to "
			"python/log[)]");
	run_expect_no_line(run, RUN_STDERR, "not a JSON object");
}

/* Half a trace, and of its last line the half, then the end. */
#define HALF \
	"echo '2026-11-29 10:15:03,207 ERROR [main] shop.Orders - failed'\n" \
	"echo 'java.lang.IllegalStateException: no'\n" \
	"printf '\\tat com.example.shop.Orders.save(Orders.java:87)\\n\\tat com.exam'\n" \
	"kill -KILL $$"

static void test_java_killed_in_a_trace_leaves_what_it_wrote_joined(struct scene *scene)
{
	struct run *run;

	put_example(scene, "java", true);
	scene_service(scene, "java", HALF);
	run = start(scene, JSON, "python,json", "");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT,
			" - failed\\\\njava[.]lang[.]IllegalStateException: no\\\\n\\\\tat "
			"com[.]example[.]shop[.]Orders[.]save[(]Orders[.]java:87[)]\\\\n\\\\tat "
			"com[.]exam\"," LABEL("java"));
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 1);
}

static void test_java_killed_in_a_trace_leaves_what_it_wrote(struct scene *scene)
{
	struct run *run;

	put_example(scene, "java", false);
	scene_service(scene, "java", HALF);
	run = start(scene, TEXT, "python,json", "");
	run_expect_exit(run, 3);
	expect_in_order(run, RUN_STDOUT, " - failed\n", " java/run: java.lang.Ille",
			"Orders.java:87)\n", " java/run: \tat com.exam\n");
	run_expect_line(run, RUN_STDERR,
			"was killed by signal 9 .*its last line was: .*com[.]exam");
}

/* Lines that begin no record, more than a record holds: all of them come, in several. */
static void test_joiner_with_wrong_pattern_loses_nothing(struct scene *scene)
{
	const char *at;
	struct run *run;
	long next = 1;
	char text[32];

	put_example(scene, "java", true);
	scene_service(scene, "java", "seq -f 'line %.0f.' 60000");
	run = start(scene, JSON, "python,json", "");
	run_expect_exit(run, 0);
	at = run->outputs[RUN_STDOUT].bytes;
	for (; next <= 60000; next++) {
		snprintf(text, sizeof text, "line %ld.", next);
		at = strstr(at, text);
		if (!at)
			scene_fail("line %ld is not there, or not in its place", next);
	}
	assert_in_range(run_count_lines(run, RUN_STDOUT, ""), 2, 10);
	run_expect_no_line(run, RUN_STDERR, "not a JSON object");
}

/* ---- the better way: the program makes JSON of them ---- */

static void test_python_json_formatter_needs_no_joiner(struct scene *scene)
{
	struct run *run;

	put_example(scene, "python", true);
	run = start(scene, JSON, "java,python", "1 0 x");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT,
			"^\\{\"level\": \"info\", \"message\": \"job 1: 60\"," LABEL("json"));
	run_expect_line(run, RUN_STDOUT,
			"^\\{\"level\": \"error\", \"message\": \"job 0 failed\", \"exception\": "
			"\"Traceback .*\\\\nJobError: job 0 cannot be done\"," LABEL("json"));
	run_expect_line(run, RUN_STDOUT,
			"^\\{\"level\": \"critical\", \"message\": \"not caught\", \"exception\": "
			"\"Traceback .*\\\\nValueError: invalid literal .*\"," LABEL("json"));
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 3);
	run_expect_line(run, RUN_STDERR,
			"error: json/run: PID [0-9]+ exited with status 1.*its last line was: "
			"\\{\"level\": \"critical\"");
	run_expect_no_line(run, RUN_STDERR, "not a JSON object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_java_trace_in_text_has_a_label_for_each_line),
		SCENE_AS_INIT(test_java_trace_wrapped_is_an_object_for_each_line),
		SCENE_AS_INIT(test_python_trace_in_text_has_a_label_for_each_line),
		SCENE_AS_INIT(test_python_trace_wrapped_is_an_object_for_each_line),
		SCENE_AS_INIT(test_python_trace_on_stderr_passes_by_the_joiner),
		SCENE_AS_INIT(test_java_trace_joined_is_one_object),
		SCENE_AS_INIT(test_python_trace_joined_is_one_object),
		SCENE_AS_INIT(test_python_trace_that_ends_the_service_comes_out),
		SCENE_AS_INIT(test_java_killed_in_a_trace_leaves_what_it_wrote_joined),
		SCENE_AS_INIT(test_java_killed_in_a_trace_leaves_what_it_wrote),
		SCENE_AS_INIT(test_joiner_with_wrong_pattern_loses_nothing),
		SCENE_AS_INIT(test_python_json_formatter_needs_no_joiner),
	};

	return scene_run_all("world_traces", tests, COUNT(tests));
}
