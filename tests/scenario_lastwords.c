/* SPDX-License-Identifier: ISC */
/* What a program that failed said last, in the message about the cause; and dinit's own last
 * line. */
#include "rig.h"
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT "DINIT_JSON_STDOUT=0"
#define LAST "; its last line was: "
#define CAUSE(label, how) " dinit: error: " label ": PID [0-9]+ " how ", stopping the container"
#define FAILED CAUSE("web/run", "exited with status 2")

/* How often a race is run. */
#define RACES 100
/* lines: far more than all queues on the way hold */
#define FLOOD 300000
/* lines: 10 MB */
#define LONG_FLOOD 1400000

#define start(scene, ...) run_start(scene, &(struct run_spec){ .environment = LIST(__VA_ARGS__) })

/* Runs the service web to its end. */
static struct run *run_web(struct scene *scene, const char *body, const char *stdout_mode)
{
	struct run *run;

	scene_service(scene, "web", body);
	run = start(scene, stdout_mode);
	run_expect_exit(run, 3);
	return run;
}

/* The message about the cause ends with these last words; last NULL: there are none. */
static void expect_last(struct run *run, const char *cause, const char *last)
{
	const char *line = run_expect_line(run, RUN_STDERR, cause), *words = strstr(line, LAST);

	if (!last && words)
		scene_fail("it cites: %s", words);
	if (last && (!words || strcmp(words + strlen(LAST), last) != 0))
		scene_fail("it does not cite \"%s\": %s", last, line);
}

/* ---- the last line ---- */

static void test_last_line_is_that_of_stderr_or_else_of_stdout(struct scene *scene)
{
	static const struct {
		const char *body, *last;
	} cases[] = {
		{ "echo why >&2; echo out; exit 2", "why" },
		{ "echo starting; exit 2", "starting" },
		{ "exit 2", NULL },
		{ "echo one >&2; printf 'no newline' >&2; exit 2", "no newline" },
		{ "printf 'why\\r\\n\\n\\r\\n\\n' >&2; exit 2", "why" },
		{ "exec 2>&1; echo why >&2; exit 2", "why" },
		{ "echo '  why: {} 100% %s \\  ' >&2; exit 2", "  why: {} 100% %s \\" },
		{ "echo why >&2; printf '\\n\\n' >&2; echo out; exit 2", "why" },
		{ "sh -c 'echo of a child >&2'; exit 2", "of a child" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		expect_last(run_web(scene, cases[i].body, TEXT), FAILED, cases[i].last);
}

static void test_last_line_of_a_program_that_was_killed_is_cited(struct scene *scene)
{
	expect_last(run_web(scene, "echo one; echo two >&2; kill -KILL $$", TEXT),
		    CAUSE("web/run", "was killed by signal 9 \\([^()]*\\)"), "two");
}

static void test_last_line_that_is_rubbish_is_made_printable(struct scene *scene)
{
	expect_last(run_web(scene, "printf 'a\\0b\\377\\033[1m\\303\\244\\tz\\n' >&2; exit 2",
			    TEXT),
		    FAILED, "a?b??[1m\xc3\xa4?z");
	expect_last(run_web(scene, "head -c 100000 /dev/zero >&2; exit 2", TEXT), FAILED,
		    scene_format(scene, "%.197s...",
				 "????????????????????????????????????????????????????????????"
				 "????????????????????????????????????????????????????????????"
				 "????????????????????????????????????????????????????????????"
				 "????????????????????????????????????????????????????????????"));
}

static void test_last_line_that_is_long_is_cut(struct scene *scene)
{
	struct run *run = run_web(scene,
				  "echo one >&2\n"
				  "{ echo begin; head -c 3000000 /dev/zero | tr '\\0' x; } |\n"
				  "\ttr '\\n' ' ' >&2; exit 2",
				  TEXT);
	const char *line = run_expect_line(run, RUN_STDERR, FAILED LAST "begin xxx.*xxx\\.\\.\\.$");

	assert_int_equal(strlen(strstr(line, LAST) + strlen(LAST)), 200);
}

static void test_last_line_in_json_mode_is_as_it_was_written(struct scene *scene)
{
	expect_last(run_web(scene, "echo '{\"fatal\":\"no\"}'; exit 2", "DINIT_JSON_STDOUT=1"),
		    FAILED, "{\"fatal\":\"no\"}");
	expect_last(run_web(scene, "echo 'no object'; exit 2", "DINIT_JSON_STDOUT=1"), FAILED,
		    "no object");
	expect_last(run_web(scene, "echo 'no object'; exit 2", "DINIT_JSON_STDOUT=wrap"), FAILED,
		    "no object");
}

static void test_last_line_of_a_success_is_not_cited(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo done >&2; exit 0");
	run = start(scene, TEXT);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "exited with status 0, stopping the container$");
}

static void test_last_line_after_a_stop_from_outside_is_not_cited(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "trap 'echo terminated >&2; exit 2' TERM; echo up >&2; " SCENE_TRAPPING);
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=info");
	run_wait_line(run, RUN_STDERR, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, " web/run: terminated$");
	run_expect_no_line(run, RUN_STDERR, LAST);
}

/* ---- with a logging program ---- */

static void test_last_line_that_a_logging_program_has_is_not_known(struct scene *scene)
{
	struct run *run;

	scene_script(scene, "services/web/log/run", "exec cat >\"$SCENE/web.log\"");
	run = run_web(scene, "echo for the log; exit 2", TEXT);
	expect_last(run, CAUSE("web/run", "exited with status 2 \\(its output went to web/log\\)"),
		    NULL);
	run = run_web(scene, "echo for the log; echo why >&2; exit 2", TEXT);
	expect_last(run, CAUSE("web/run", "exited with status 2 \\(its output went to web/log\\)"),
		    "why");
}

static void test_last_line_after_a_logging_program_disabled_itself_is_cited(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; echo why; exit 2");
	scene_script(scene, "services/web/log/run", "exit 115");
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=info");
	run_wait_line(run, RUN_STDERR, " web/log: .*it has disabled itself");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	expect_last(run, FAILED, "why");
}

static void test_last_line_of_a_logging_program_is_cited(struct scene *scene)
{
	scene_script(scene, "services/web/log/run", "echo passed on; echo 'disk full' >&2; exit 5");
	expect_last(run_web(scene, "exec sleep 1000", TEXT),
		    CAUSE("web/log", "exited with status 5"), "disk full");
}

/* ---- what is not read yet when the program ends ---- */

/* Never the line before the last: dinit learns of the lines and of the death at once, or of the
 * death first. */
static void test_last_line_that_comes_with_the_death_is_never_the_one_before(struct scene *scene)
{
	static const char *const bodies[] = {
		"echo before >&2; echo last >&2; exit 2",
		"echo before >&2; printf la >&2; printf 'st\\n' >&2; exit 2",
		"echo before >&2; printf la >&2; printf st >&2; exit 2",
		"echo before; echo last; exit 2",
	};

	for (size_t i = 0; i < RACES; i++)
		expect_last(run_web(scene, bodies[i % COUNT(bodies)], TEXT), FAILED, "last");
}

/* A child of the program holds the pipe, which therefore does not end. */
static void test_last_line_in_a_pipe_that_a_child_holds_is_cited(struct scene *scene)
{
	expect_last(run_web(scene, "sleep 1000 & echo one >&2; echo why >&2; exit 2", TEXT), FAILED,
		    "why");
	expect_last(run_web(scene, "sleep 1000 & echo one >&2; printf why >&2; exit 2", TEXT),
		    FAILED, "why");
}

/* What the filter wrote before is not the last either. */
static void test_last_line_in_a_filter_is_that_of_the_filter_or_none(struct scene *scene)
{
	for (size_t i = 0; i < RACES / 10; i++) {
		struct run *run = run_web(scene,
					  "rm -f \"$SCENE/fifo\"; mkfifo \"$SCENE/fifo\"\n"
					  "sed -u 's/^/x: /' <\"$SCENE/fifo\" >&2 &\n"
					  "exec 2>\"$SCENE/fifo\"\n"
					  "echo before >&2; echo last >&2; exit 2",
					  TEXT);

		if (strstr(run_expect_line(run, RUN_STDERR, FAILED), LAST))
			expect_last(run, FAILED, "x: last");
	}
}

static void test_last_line_behind_a_flood_is_the_last_or_none(struct scene *scene)
{
	struct run *run;
	const char *line;

	scene_service(scene, "web",
		      scene_format(scene, "\"$ACTOR\" count 2 text %d; exit 2", LONG_FLOOD));
	run = start(scene, STREAMS(scene), TEXT);
	run_expect_exit(run, 3);
	line = run_expect_line(run, RUN_STDERR, FAILED);
	if (strstr(line, LAST))
		expect_last(run, FAILED, scene_format(scene, "%d", LONG_FLOOD));
	streams_expect_numbers(run, RUN_STDERR, LIST("web"), 1, LONG_FLOOD);
}

/* The flood waits for its reader when the service has ended: the cause comes all the same, and does
 * not cite what was read last. */
static void test_last_line_behind_a_stalled_reader_is_not_cited(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      scene_format(scene,
				   "{ \"$ACTOR\" stall 1 text %d web; } & read go <\"$SCENE/go\"; "
				   "exit 2",
				   FLOOD));
	run = start(scene, STREAMS(scene), TEXT);
	run_pause(run, RUN_STDOUT);
	streams_wait_report(scene, "stalled web");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, FAILED "$");
	run_resume(run, RUN_STDOUT);
	run_expect_exit(run, 3);
}

/* stderr takes nothing more: nobody waits for the message. */
static void test_last_line_for_a_blocked_stderr_holds_up_no_teardown(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "flood", "exec \"$ACTOR\" handle 1 text 1 flood");
	scene_service(scene, "web",
		      scene_format(scene,
				   "{ \"$ACTOR\" stall 2 text %d web; } & read go <\"$SCENE/go\"; "
				   "exit 2",
				   FLOOD));
	run = start(scene, STREAMS(scene), TEXT);
	run_pause(run, RUN_STDERR);
	streams_wait_report(scene, "ready flood");
	streams_wait_report(scene, "stalled web");
	scene_let_go(scene, "go");
	streams_wait_report(scene, "term flood");
	run_resume(run, RUN_STDERR);
	run_expect_exit(run, 3);
	expect_last(run, FAILED, NULL);
}

/* ---- an adopted process ---- */

static void test_last_line_of_an_adopted_process_is_cited(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_trace_others(), RIG_WHY_TRACED);
	scene_service(scene, "web",
		      "\"$ACTOR\" orphaned adopted sh 'echo one >&2; echo why >&2; exit 7'; "
		      "exec sleep 1000");
	run = start(scene, STREAMS(scene), TEXT, "DINIT_REPARENTING_POLICY=adopt");
	run_expect_exit(run, 3);
	expect_last(run, CAUSE("[a-z]+/[0-9]+", "exited with status 7"), "why");
}

/* ---- dinit's own last line ---- */

/* The very last line of stderr is that one; regex NULL: it is no such line. */
static void expect_end(struct run *run, const char *regex)
{
	const struct run_output *output = &run->outputs[RUN_STDERR];
	const char *line = output->bytes + output->len;

	if (!regex) {
		run_expect_no_line(run, RUN_STDERR, " stopped after ");
		return;
	}
	regex = run_expect_line(run, RUN_STDERR, regex);
	assert_int_equal(run_count_lines(run, RUN_STDERR, " dinit: [a-z]+: stopped after "), 1);
	assert_true(output->len > strlen(regex));
	line -= strlen(regex) + 1;
	if (strncmp(line, regex, strlen(regex)) != 0)
		scene_fail("it is not the last line: %s", regex);
}

#define STOPPED(level, status) " dinit: " level ": stopped after [0-9.]+ s with status " status ": "

static void test_end_of_a_failure_is_an_error_with_the_cause(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo why >&2; exit 2");
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=error");
	run_expect_exit(run, 3);
	expect_end(run,
		   STOPPED("error", "3") "web/run: PID [0-9]+ exited with status 2" LAST "why$");
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=none");
	run_expect_exit(run, 3);
	expect_end(run, NULL);
}

static void test_end_of_a_success_is_only_said_at_info(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exit 0");
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=info");
	run_expect_exit(run, 0);
	expect_end(run, STOPPED("info", "0") "web/run: PID [0-9]+ exited with status 0$");
	run = start(scene, TEXT);
	run_expect_exit(run, 0);
	expect_end(run, NULL);
}

static void test_end_of_a_stop_from_outside_names_the_signal(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo up; exec sleep 1000");
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=info");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_end(run, STOPPED("info", "0") "signal 15 \\([A-Za-z]+\\) ");
}

static void test_end_comes_after_all_lines(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exit 2");
	scene_service(scene, "late",
		      scene_format(scene, "\"$ACTOR\" handle 2 text %d late; printf end >&2",
				   FLOOD / 10));
	run = start(scene, STREAMS(scene), TEXT);
	run_expect_exit(run, 3);
	expect_end(run, STOPPED("error", "3") "web/run: PID [0-9]+ exited with status 2$");
}

/* Starts a service that fails while what it has started writes more to stderr than is read. */
static struct run *start_failing_beside_stall(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      scene_format(scene,
				   "{ \"$ACTOR\" stall 2 text %d web; } & read go <\"$SCENE/go\"; "
				   "exit 2",
				   FLOOD));
	run = start(scene, STREAMS(scene), TEXT);
	run_pause(run, RUN_STDERR);
	streams_wait_report(scene, "stalled web");
	scene_let_go(scene, "go");
	return run;
}

/* The reader comes back when everything else waits for it. */
static void test_end_waits_for_a_reader_that_stalls(struct scene *scene)
{
	struct run *run = start_failing_beside_stall(scene);

	run_resume(run, RUN_STDERR);
	run_expect_exit(run, 3);
	expect_end(run, STOPPED("error", "3") "web/run: PID [0-9]+ exited with status 2");
}

/* Nobody reads stderr any more: dinit ends all the same. */
static void test_end_on_a_stderr_that_was_given_up_is_not_waited_for(struct scene *scene)
{
	struct run *run = start_failing_beside_stall(scene);

	run_wait_line(run, RUN_STDOUT, "stderr.*");
	run_resume(run, RUN_STDERR);
	run_expect_exit(run, 3);
}

static void test_end_where_nothing_was_started_is_not_told(struct scene *scene)
{
	struct run *run = start(scene, TEXT, "DINIT_LOG_LEVEL=info");

	run_expect_exit(run, 0);
	expect_end(run, NULL);
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=info", "DINIT_KILL_TIMEOUT=x");
	run_expect_exit(run, 1);
	expect_end(run, NULL);
	scene_mkdir(scene, "services/empty");
	run = start(scene, TEXT, "DINIT_LOG_LEVEL=info");
	run_expect_exit(run, 1);
	expect_end(run, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_last_line_is_that_of_stderr_or_else_of_stdout),
		SCENE(test_last_line_of_a_program_that_was_killed_is_cited),
		SCENE(test_last_line_that_is_rubbish_is_made_printable),
		SCENE(test_last_line_that_is_long_is_cut),
		SCENE(test_last_line_in_json_mode_is_as_it_was_written),
		SCENE(test_last_line_of_a_success_is_not_cited),
		SCENE(test_last_line_after_a_stop_from_outside_is_not_cited),
		SCENE(test_last_line_that_a_logging_program_has_is_not_known),
		SCENE(test_last_line_after_a_logging_program_disabled_itself_is_cited),
		SCENE(test_last_line_of_a_logging_program_is_cited),
		SCENE(test_last_line_that_comes_with_the_death_is_never_the_one_before),
		SCENE(test_last_line_in_a_pipe_that_a_child_holds_is_cited),
		SCENE(test_last_line_in_a_filter_is_that_of_the_filter_or_none),
		SCENE(test_last_line_behind_a_flood_is_the_last_or_none),
		SCENE(test_last_line_behind_a_stalled_reader_is_not_cited),
		SCENE(test_last_line_for_a_blocked_stderr_holds_up_no_teardown),
		SCENE(test_last_line_of_an_adopted_process_is_cited),
		SCENE(test_end_of_a_failure_is_an_error_with_the_cause),
		SCENE(test_end_of_a_success_is_only_said_at_info),
		SCENE(test_end_of_a_stop_from_outside_names_the_signal),
		SCENE(test_end_comes_after_all_lines),
		SCENE(test_end_waits_for_a_reader_that_stalls),
		SCENE(test_end_on_a_stderr_that_was_given_up_is_not_waited_for),
		SCENE(test_end_where_nothing_was_started_is_not_told),
	};

	return scene_run_all("lastwords", tests, COUNT(tests));
}
