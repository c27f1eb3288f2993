/* SPDX-License-Identifier: ISC */
/* DINIT_JSON_STDERR=wrap: whatever happens, not one line of stderr is anything but a JSON object,
 * from the moment on that the variables are read. That is what jq says, at the end of each test. */
#include "streams.h"

#include <signal.h>
#include <string.h>

#define WRAP "DINIT_JSON_STDERR=wrap"
#define STAMP "[-0-9]{10}T[0-9:.]{12}Z"
#define FIELDS(service, stage) \
	"\"service\":\"" service "\",\"stage\":\"" stage "\",\"logged\":\"" STAMP "\"\\}$"
/* A message of dinit's; text is a regular expression. */
#define OWN(level, text) \
	"^\\{\"level\":\"" level "\",\"message\":\"" text "\"," FIELDS("dinit", level)

static struct run *start(struct scene *scene, const char *level, const char *mode,
			 const struct run_spec *spec)
{
	struct run_spec own = spec ? *spec : (struct run_spec){ 0 };

	own.environment = LIST(STREAMS(scene), WRAP, level, mode);
	return run_start(scene, &own);
}

/* Every line of stderr is an object, and every one with a level is dinit's own, with that level as
 * its stage. */
static void expect_json(struct run *run)
{
	const struct bytes *odd;

	streams_expect_objects_on(run, RUN_STDERR);
	odd = streams_jq_on(run, RUN_STDERR, "-c",
			    "select((.service == \"dinit\") != (.level == .stage) or "
			    "(.logged | length) != 24)");
	if (odd->len > 0)
		scene_fail("not what it should be: %s", odd->at);
}

static void expect_end(struct run *run, int status)
{
	run_expect_exit(run, status);
	expect_json(run);
}

/* ---- lines of services ---- */

#define LINES \
	"printf '%s\\n' '{\"a\":1}' 'plain \"text\"' ' {} ' '{\"a\":1' '[1]' '' '\"x\"'\n" \
	"printf 'bad \\377 \\303\\n{\"a\":\"\\377\"}\\ntab\\there\\r\\nNUL \\000!\\nno end'"

static void add_wrapped(struct bytes *bytes, const char *before, const char *after)
{
	static const char *const messages[] = {
		"plain \\\"text\\\"",
		NULL,
		"{\\\"a\\\":1",
		"[1]",
		"\\\"x\\\"",
		"bad \xef\xbf\xbd \xef\xbf\xbd",
		"{\\\"a\\\":\\\"\xef\xbf\xbd\\\"}",
		"tab\\there",
		"NUL \\u0000!",
		"no end",
	};

	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		if (messages[i]) {
			bytes_add_text(bytes, before);
			bytes_add_text(bytes, messages[i]);
			bytes_add_text(bytes, after);
		} else if (strstr(after, "\"web\"")) {
			bytes_add_text(bytes, "{\"service\":\"web\",\"stage\":\"run\","
					      "\"logged\":\"TIME\"}\n");
		}
	}
}

static void test_lines_of_stderr_get_fields_or_become_objects(struct scene *scene)
{
	struct bytes expected = { 0 };
	struct run *run;

	bytes_add_text(&expected, "{\"a\":1,\"service\":\"web\",\"stage\":\"run\","
				  "\"logged\":\"TIME\"}\n");
	add_wrapped(&expected, "{\"message\":\"",
		    "\",\"service\":\"web\",\"stage\":\"run\",\"logged\":\"TIME\"}\n");
	scene_service(scene, "web", "exec >&2\n" LINES);
	run = start(scene, "DINIT_LOG_LEVEL=none", "DINIT_JSON_STDOUT=0", NULL);
	run_expect_exit(run, 0);
	streams_expect(run, RUN_STDERR, &expected);
	expect_json(run);
	bytes_free(&expected);
}

/* A line on stdout that is no object is output: it goes out at every level. */
static void test_strays_of_stdout_are_warnings(struct scene *scene)
{
	struct bytes expected = { 0 };
	struct run *run;

	add_wrapped(&expected, "{\"level\":\"warning\",\"message\":\"web/run: not a JSON object: ",
		    "\",\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"TIME\"}\n");
	scene_service(scene, "web", LINES);
	run = start(scene, "DINIT_LOG_LEVEL=none", "DINIT_JSON_STDOUT=1", NULL);
	run_expect_exit(run, 0);
	streams_expect(run, RUN_STDERR, &expected);
	streams_expect_objects(run);
	expect_json(run);
	bytes_free(&expected);
}

/* The same lines, of which each byte comes alone. */
static void test_lines_that_come_in_parts_are_the_same(struct scene *scene)
{
	struct bytes lines = { 0 };
	struct run *run;

	bytes_add_text(&lines, "{\"n\":1}\nplain\n\xe2\x82\xac\n");
	streams_file(scene, "lines", lines.at, lines.len);
	bytes_free(&lines);
	scene_service(scene, "web", "exec \"$ACTOR\" drip \"$SCENE/lines\" >&2");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 0);
	run_expect_line(run, RUN_STDERR, "^\\{\"n\":1," FIELDS("web", "run"));
	run_expect_line(run, RUN_STDERR, "^\\{\"message\":\"plain\"," FIELDS("web", "run"));
	run_expect_line(run, RUN_STDERR, "^\\{\"message\":\"\xe2\x82\xac\"," FIELDS("web", "run"));
}

static void test_names_with_odd_bytes_are_escaped(struct scene *scene)
{
	static const char name[] = "a\"b\\c \xc3\xa9%s\x1b";
	struct run *run;

	/* What has a control character is an error of the scan. */
	scene_service(scene, "a\"b\\c \xc3\xa9%s", "echo out; echo err >&2");
	run = start(scene, "DINIT_LOG_LEVEL=debug", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 0);
	run_expect_line(run, RUN_STDERR,
			OWN("warning", "a\\\\\"b\\\\\\\\c \xc3\xa9%s/run: not a JSON object: out"));
	run_expect_line(run, RUN_STDERR,
			"^\\{\"message\":\"err\"," FIELDS("a\\\\\"b\\\\\\\\c \xc3\xa9%s", "run"));
	scene_service(scene, name, "exit 0");
	scene_service(scene, "bad\xff", "exit 0");
	run = start(scene, "DINIT_LOG_LEVEL=debug", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 1);
	if (run_count_lines(run, RUN_STDERR, OWN("error", ".*")) != 2)
		scene_fail("two names are wrong");
}

/* The lines of each program of a service, and what others write to dinit's own descriptor. */
static void test_lines_of_every_program_become_objects(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "echo run >&2\n"
		      "sh -c \"echo own >/proc/$PPID/fd/2\"\n"
		      "echo '{}'\n"
		      "exec sleep 1000");
	scene_script(scene, "services/web/log/run", "read line; echo log >&2; exec cat");
	scene_script(scene, "services/web/terminate", "echo term >&2; kill $DINIT_PID");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_JSON_STDOUT=1", NULL);
	run_wait_line(run, RUN_STDERR, "^\\{\"message\":\"run\"," FIELDS("web", "run"));
	run_wait_line(run, RUN_STDERR, "^\\{\"message\":\"own\"," FIELDS("container", "2"));
	run_wait_line(run, RUN_STDERR, "^\\{\"message\":\"log\"," FIELDS("web", "log"));
	run_signal(run, SIGTERM);
	expect_end(run, 0);
	run_expect_line(run, RUN_STDERR, "^\\{\"message\":\"term\"," FIELDS("web", "term"));
}

/* ---- long lines ---- */

#define QUOTES 500000
#define LETTERS (1024 * 1024)
#define EUROS 500000

/* Many quotation marks, each of which needs an escape; letters, as many as a line may have; and
 * characters of three bytes, more than a line may have. */
static void make_long_lines(struct scene *scene, const char *redirection)
{
	struct bytes lines = { 0 };

	bytes_fill(&lines, '"', QUOTES);
	bytes_add_text(&lines, "\n");
	bytes_fill(&lines, 'x', LETTERS);
	bytes_add_text(&lines, "\n");
	for (int i = 0; i < EUROS; i++)
		bytes_add_text(&lines, "\xe2\x82\xac");
	streams_file(scene, "lines", lines.at, lines.len);
	bytes_free(&lines);
	scene_service(scene, "web",
		      scene_format(scene, "exec cat \"$SCENE/lines\" %s", redirection));
}

static void check_long_lines(struct scene *scene, const char *redirection)
{
	const struct bytes *lens;
	struct run *run;

	make_long_lines(scene, redirection);
	run = start(scene, "DINIT_LOG_LEVEL=none", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 0);
	/* The characters of the last line stay whole: 349525 of them are a byte less than 1M. */
	lens = streams_jq_on(run, RUN_STDERR, "",
			     ".message | ltrimstr(\"web/run: not a JSON object: \") | length");
	if (strcmp(lens->at, "500000\n1048576\n349525\n150475\n") != 0)
		scene_fail("the lengths of the messages are %s", lens->at);
}

static void test_long_lines_of_stderr_go_out_in_pieces(struct scene *scene)
{
	check_long_lines(scene, ">&2");
}

static void test_long_strays_go_out_in_pieces(struct scene *scene)
{
	check_long_lines(scene, "");
}

/* A name of a service that is as long as can be, in a message that is cut. */
static void test_long_messages_are_cut_and_parse(struct scene *scene)
{
	struct bytes name = { 0 }, body = { 0 };
	struct run *run;

	bytes_fill(&name, '"', 255);
	bytes_add_text(&body, "sh -c 'sleep 1000 & :' >/dev/null 2>&1\nexec sh -c '");
	bytes_fill(&body, '#', 10000);
	bytes_add_text(&body, "\nsleep 1000 & exec sleep 1000' '\"");
	bytes_fill(&body, '"', 10000);
	bytes_add_text(&body, "'");
	scene_service(scene, name.at, body.at);
	run = start(scene, "DINIT_LOG_LEVEL=debug", "DINIT_JSON_STDOUT=1", NULL);
	run_wait_line(run, RUN_STDERR, OWN("warning", "sleep/[0-9]+: lost its parent.*"));
	run_signal(run, SIGTERM);
	expect_end(run, 0);
	bytes_free(&name);
	bytes_free(&body);
}

/* ---- what befalls the streams ---- */

static void test_one_file_for_both_is_all_json(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo out; echo err >&2; exit 7");
	run = start(scene, "DINIT_LOG_LEVEL=debug", "DINIT_JSON_STDOUT=wrap",
		    &(struct run_spec){ .err = RUN_FD_STDOUT });
	run_expect_exit(run, 3);
	streams_expect_objects(run);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"out\"," FIELDS("web", "run"));
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"err\"," FIELDS("web", "run"));
	run_expect_line(run, RUN_STDOUT,
			OWN("error", "web/run: PID [0-9]+ exited with status 7, stopping the "
				     "container.*"));
}

/* stderr is JSON also where it is the same file as a stdout that is text. */
static void test_one_file_for_both_with_text_has_json_of_stderr(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo out; echo err >&2; exit 7");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_JSON_STDOUT=0",
		    &(struct run_spec){ .err = RUN_FD_STDOUT });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, "^" STAMP " web/run: out$");
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"err\"," FIELDS("web", "run"));
	run_expect_line(run, RUN_STDOUT, OWN("error", "web/run: PID [0-9]+ exited.*"));
	if (run_count_lines(run, RUN_STDOUT, "^[^{]") != 1)
		scene_fail("there is text of dinit's");
}

static void check_stdout_lost(struct scene *scene, enum run_fd kind, bool gone)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "read line <\"$SCENE/go\"; echo '{}'; echo '{}'; exec sleep 1000");
	run = start(scene, "DINIT_LOG_LEVEL=info", "DINIT_JSON_STDOUT=1",
		    &(struct run_spec){ .out = kind });
	if (gone)
		run_close(run, RUN_STDOUT);
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR,
		      OWN("warning", "stdout cannot be written to, its lines are dropped from now "
				     "on: .*"));
	run_signal(run, SIGTERM);
	expect_end(run, 0);
}

static void test_stdout_gone_is_a_message(struct scene *scene)
{
	check_stdout_lost(scene, RUN_FD_PIPE, true);
}

static void test_stdout_closed_is_a_message(struct scene *scene)
{
	check_stdout_lost(scene, RUN_FD_CLOSED, false);
}

/* What is said about stderr stands on stdout, as ever. */
static void check_stderr_lost(struct scene *scene, const char *mode, const char *expected)
{
	struct run *run;

	scene_service(scene, "web", "echo '{}'; echo x >&2; exec sleep 1000");
	run = start(scene, "DINIT_LOG_LEVEL=warn", mode,
		    &(struct run_spec){ .err = RUN_FD_CLOSED });
	run_wait_line(run, RUN_STDOUT, expected);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

static void test_stderr_closed_is_said_on_stdout_in_its_form(struct scene *scene)
{
	check_stderr_lost(scene, "DINIT_JSON_STDOUT=1",
			  "^\\{\"message\":\"stderr cannot be written to, .*\"," FIELDS("dinit",
											"warning"));
	check_stderr_lost(scene, "DINIT_JSON_STDOUT=0",
			  "^" STAMP " dinit: warning: stderr cannot be written to, ");
}

/* A reader of stdout that takes nothing in a teardown is given up. */
static void test_stdout_given_up_is_a_message(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap '' TERM; exec \"$ACTOR\" stall 1 json 20000 web");
	run = start(scene, "DINIT_LOG_LEVEL=info", "DINIT_JSON_STDOUT=1", NULL);
	run_pause(run, RUN_STDOUT);
	streams_wait_report(scene, "stalled web");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, OWN("warning", "stdout is given up, .*"));
	run_resume(run, RUN_STDOUT);
	expect_end(run, 0);
	run_expect_line(run, RUN_STDERR, OWN("warning", "stdout: [0-9]+ bytes were dropped .*"));
}

/* ---- what dinit says ---- */

static void test_failed_service_is_an_error(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo 'no \"such\" thing' >&2; exit 7");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 3);
	run_expect_line(run, RUN_STDERR,
			OWN("error", "web/run: PID [0-9]+ exited with status 7, stopping the "
				     "container.*"));
}

static void test_every_level_has_its_word(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "sh -c 'sleep 1000 &'; exec sleep 1000");
	scene_script(scene, "services/web/terminate", "kill $DINIT_PID; exit 9");
	scene_service(scene, "off", "exit 115");
	scene_service(scene, "cannot", "");
	scene_file(scene, "services/cannot/run", 0755, "no program");
	run = start(scene, "DINIT_LOG_LEVEL=debug", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 1);
	run_expect_line(run, RUN_STDERR, OWN("error", "cannot/run: .*"));
	run_expect_line(run, RUN_STDERR, OWN("info", "dinit .* runs 3 of 3 services .*"));
	run_expect_line(run, RUN_STDERR, OWN("debug", ".*"));
}

/* A service that ignores TERM is killed; an orphan's command line may hold any byte. */
static void test_teardown_with_culprits_is_all_json(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "stubborn", "trap '' TERM; echo up >&2; while :; do sleep 0.1; done");
	scene_service(
		scene, "web",
		"sh -c 'trap \"\" TERM; exec sh -c \"while :; do sleep 0.1; done\" \"a\\\"b\\\\\" "
		"\"$(printf '\\377\\303\\n\\033')\" &'\n"
		"until [ -e \"$SCENE/found\" ]; do sleep 0.02; done; exit 7");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene), WRAP,
								       "DINIT_STOP_TIMEOUT=0.5",
								       "DINIT_KILL_TIMEOUT=0.3",
								       "DINIT_LOG_LEVEL=info") });
	run_wait_line(run, RUN_STDERR, OWN("warning", "sh/[0-9]+: lost its parent.*"));
	run_wait_line(run, RUN_STDERR, "^\\{\"message\":\"up\"," FIELDS("stubborn", "run"));
	scene_file(scene, "found", 0644, "");
	expect_end(run, 3);
	run_expect_line(run, RUN_STDERR, OWN("warning", ".*killing what is left.*"));
	run_expect_line(run, RUN_STDERR, OWN("info", "stubborn/run: .*killed by signal 9.*"));
}

static void test_problems_of_the_scan_are_all_json(struct scene *scene)
{
	struct run *run;

	scene_mkdir(scene, "services/norun");
	scene_mkdir(scene, "services/\"\\");
	scene_service(scene, "web", "exit 0");
	scene_mkdir(scene, "services/web/terminate");
	run = start(scene, "DINIT_LOG_LEVEL=error", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 1);
	if (run_count_lines(run, RUN_STDERR, OWN("error", ".*")) != 3)
		scene_fail("there are three problems");
}

static void test_missing_directory_is_json(struct scene *scene)
{
	struct run *run =
		start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_DIR=/does/not/\"exist\"", NULL);

	expect_end(run, 1);
	run_expect_line(run, RUN_STDERR, OWN("error", "/does/not/\\\\\"exist\\\\\".*"));
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_JSON_STDOUT=1", NULL);
	expect_end(run, 0);
	run_expect_line(run, RUN_STDERR, OWN("warning", ".*there is no service to run"));
}

static void test_without_proc_is_all_json(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_service(scene, "web", "sh -c 'sleep 0.3 &'; echo x >&2; sleep 0.1; exit 2");
	run = start(scene, "DINIT_LOG_LEVEL=debug", "DINIT_JSON_STDOUT=1",
		    &(struct run_spec){ .no_proc = true });
	expect_end(run, 3);
	run_expect_line(run, RUN_STDERR, OWN("warning", ".*/proc.*"));
}

static void test_invalid_values_are_text_and_what_follows_json(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exit 7");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_ODD=1", NULL);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, OWN("warning", "unknown variable DINIT_ODD .*"));
	run_expect_line(run, RUN_STDERR, OWN("error", "web/run: .*"));
	run_expect_no_line(run, RUN_STDERR, "^[^{]");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_MAX_LINE=1", NULL);
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "^" STAMP " dinit: error: DINIT_MAX_LINE is ");
}

static void test_check_of_a_directory_is_json_too(struct scene *scene)
{
	struct run *run;

	scene_mkdir(scene, "services/norun");
	run = start(scene, "DINIT_LOG_LEVEL=warn", "DINIT_JSON_STDOUT=1",
		    &(struct run_spec){ .arguments = LIST("--check") });
	expect_end(run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_lines_of_stderr_get_fields_or_become_objects),
		SCENE(test_strays_of_stdout_are_warnings),
		SCENE_AS_INIT(test_lines_that_come_in_parts_are_the_same),
		SCENE(test_names_with_odd_bytes_are_escaped),
		SCENE(test_lines_of_every_program_become_objects),
		SCENE_AS_INIT(test_long_lines_of_stderr_go_out_in_pieces),
		SCENE_AS_INIT(test_long_strays_go_out_in_pieces),
		SCENE(test_long_messages_are_cut_and_parse),
		SCENE_AS_INIT(test_one_file_for_both_is_all_json),
		SCENE_AS_INIT(test_one_file_for_both_with_text_has_json_of_stderr),
		SCENE(test_stdout_gone_is_a_message),
		SCENE(test_stdout_closed_is_a_message),
		SCENE(test_stderr_closed_is_said_on_stdout_in_its_form),
		SCENE_AS_INIT(test_stdout_given_up_is_a_message),
		SCENE(test_failed_service_is_an_error),
		SCENE(test_every_level_has_its_word),
		SCENE(test_teardown_with_culprits_is_all_json),
		SCENE(test_problems_of_the_scan_are_all_json),
		SCENE(test_missing_directory_is_json),
		SCENE_AS_INIT(test_without_proc_is_all_json),
		SCENE(test_invalid_values_are_text_and_what_follows_json),
		SCENE(test_check_of_a_directory_is_json_too),
	};

	return scene_run_all("jsonstderr", tests, sizeof tests / sizeof *tests);
}
