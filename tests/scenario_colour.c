/* SPDX-License-Identifier: ISC */
/* Colours: on a terminal that may have them, and nowhere else. */
#include "harness.h"

#include <signal.h>
#include <string.h>

#define TERM "TERM=xterm-256color"
#define STAMP "[-0-9]{10}T[0-9:.]{12}Z"
#define ESCAPE "\033\\["
#define END ESCAPE "0m"
/* A line of a service, and one of dinit's, in that colour; text is a regular expression. */
#define LINE(colour, label, text) "^" ESCAPE colour "m" STAMP " " label ": " END text "$"
#define OWN(colour, text) "^" ESCAPE colour "m" STAMP " dinit: " text END "$"
#define PLAIN(text) "^" STAMP " " text "$"

/* A service that writes to both streams, with a logging program, and one more that fails as soon as
 * it may. */
static void make_services(struct scene *scene)
{
	scene_fifo(scene, "go");
	scene_service(scene, "web", "echo err >&2; echo out; exec sleep 1000");
	scene_service(scene, "api",
		      "echo err >&2; echo '{}'; read line <\"$SCENE/go\"; echo bye >&2; exit 7");
	scene_script(scene, "services/api/log/run", "echo log >&2; exec cat");
}

static struct run *start(struct scene *scene, enum run_fd out, enum run_fd err, const char *mode,
			 const char *const *more)
{
	return run_start(scene, &(struct run_spec){
					.out = out,
					.err = err,
					.environment = LIST(mode, "DINIT_LOG_LEVEL=info", more[0],
							    more[1]),
				});
}

static void finish(struct scene *scene, struct run *run)
{
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
}

static void expect_no_escapes(struct run *run, enum run_stream stream)
{
	run_expect_no_line(run, stream, "\033");
}

/* ---- what is coloured ---- */

static void test_terminal_on_stderr_has_coloured_prefixes(struct scene *scene)
{
	make_services(scene);
	/* The colours are the same each time. */
	for (int i = 0; i < 2; i++) {
		struct run *run = start(scene, RUN_FD_PIPE, RUN_FD_TTY, "DINIT_JSON_STDOUT=1",
					LIST(TERM, NULL));

		run_wait_line(run, RUN_STDERR, LINE("32", "web/run", "err"));
		run_wait_line(run, RUN_STDERR, LINE("95", "api/run", "err"));
		run_wait_line(run, RUN_STDERR, LINE("95", "api/log", "log"));
		run_wait_line(run, RUN_STDERR,
			      OWN("33", "warning: web/run: not a JSON object: out"));
		finish(scene, run);
		run_expect_line(run, RUN_STDERR, LINE("95", "api/run", "bye"));
		run_expect_line(run, RUN_STDERR, OWN("31", "error: api/run: .* status 7.*"));
		run_expect_line(run, RUN_STDERR, PLAIN("dinit: info: [^\033]*"));
		run_expect_no_line(run, RUN_STDERR, "info: .*\033|\033.*info: ");
		expect_no_escapes(run, RUN_STDOUT);
	}
}

static void test_terminal_on_stdout_has_coloured_text_but_plain_json(struct scene *scene)
{
	struct run *run;

	make_services(scene);
	run = start(scene, RUN_FD_TTY, RUN_FD_PIPE, "DINIT_JSON_STDOUT=0", LIST(TERM, NULL));
	run_wait_line(run, RUN_STDOUT, LINE("32", "web/run", "out"));
	run_wait_line(run, RUN_STDOUT, LINE("95", "api/run", "\\{\\}"));
	finish(scene, run);
	expect_no_escapes(run, RUN_STDERR);
	run = start(scene, RUN_FD_TTY, RUN_FD_PIPE, "DINIT_JSON_STDOUT=wrap", LIST(TERM, NULL));
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"out\",");
	finish(scene, run);
	expect_no_escapes(run, RUN_STDOUT);
	expect_no_escapes(run, RUN_STDERR);
}

static void test_one_terminal_for_both_has_coloured_text_among_plain_json(struct scene *scene)
{
	struct run *run;

	make_services(scene);
	run = start(scene, RUN_FD_TTY, RUN_FD_STDOUT, "DINIT_JSON_STDOUT=1", LIST(TERM, NULL));
	run_wait_line(run, RUN_STDOUT, LINE("32", "web/run", "err"));
	run_wait_line(run, RUN_STDOUT, "^\\{\"service\":\"api\",\"stage\":\"run\",");
	run_wait_line(run, RUN_STDOUT, OWN("33", "warning: web/run: not a JSON object: out"));
	finish(scene, run);
	run_expect_no_line(run, RUN_STDOUT, "\033.*\\{\"|\\{\".*\033");
	run_expect_line(run, RUN_STDOUT, OWN("31", "error: api/run: .* status 7.*"));
}

/* What goes straight to descriptor 2, because nothing was started. */
static void test_early_errors_are_red_once_the_variables_are_read(struct scene *scene)
{
	struct run *run;

	scene_mkdir(scene, "services/norun");
	run = start(scene, RUN_FD_PIPE, RUN_FD_TTY, "DINIT_ODD=1", LIST(TERM, NULL));
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, OWN("33", "warning: unknown variable DINIT_ODD .*"));
	run_expect_line(run, RUN_STDERR, OWN("31", "error: .*norun.*"));
	run = start(scene, RUN_FD_PIPE, RUN_FD_TTY, "DINIT_MAX_LINE=1", LIST(TERM, NULL));
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, PLAIN("dinit: error: DINIT_MAX_LINE is .*"));
	run = start(scene, RUN_FD_PIPE, RUN_FD_PIPE, "DINIT_ODD=1", LIST(TERM, NULL));
	run_expect_exit(run, 1);
	expect_no_escapes(run, RUN_STDERR);
}

/* ---- what is not ---- */

static void check_plain(struct scene *scene, enum run_fd out, enum run_fd err,
			const char *const *more)
{
	struct run *run = start(scene, out, err, "DINIT_JSON_STDOUT=0", more);

	run_wait_line(run, RUN_STDOUT, PLAIN("web/run: out"));
	run_wait_line(run, RUN_STDERR, PLAIN("web/run: err"));
	run_wait_line(run, RUN_STDERR, PLAIN("api/run: err"));
	finish(scene, run);
	run_expect_line(run, RUN_STDERR, PLAIN("dinit: error: api/run: .* status 7.*"));
	expect_no_escapes(run, RUN_STDOUT);
	expect_no_escapes(run, RUN_STDERR);
}

static void test_terminal_that_may_have_no_colours_has_none(struct scene *scene)
{
	make_services(scene);
	check_plain(scene, RUN_FD_TTY, RUN_FD_TTY, LIST(TERM, "NO_COLOR=1"));
	check_plain(scene, RUN_FD_TTY, RUN_FD_TTY, LIST(TERM, "NO_COLOR=0"));
	check_plain(scene, RUN_FD_TTY, RUN_FD_TTY, LIST("TERM=dumb", NULL));
	check_plain(scene, RUN_FD_TTY, RUN_FD_TTY, LIST("TERM=", NULL));
	check_plain(scene, RUN_FD_TTY, RUN_FD_TTY, LIST("TERM", NULL));
}

static void test_no_color_that_is_empty_is_unset(struct scene *scene)
{
	struct run *run;

	make_services(scene);
	run = start(scene, RUN_FD_PIPE, RUN_FD_TTY, "DINIT_JSON_STDOUT=1", LIST(TERM, "NO_COLOR="));
	run_wait_line(run, RUN_STDERR, LINE("32", "web/run", "err"));
	finish(scene, run);
}

static void test_what_is_no_terminal_has_no_colours(struct scene *scene)
{
	make_services(scene);
	check_plain(scene, RUN_FD_PIPE, RUN_FD_PIPE, LIST(TERM, NULL));
	check_plain(scene, RUN_FD_FILE, RUN_FD_FILE, LIST(TERM, NULL));
	check_plain(scene, RUN_FD_SOCKET, RUN_FD_SOCKET, LIST(TERM, NULL));
}

static void test_json_on_a_terminal_has_no_colours(struct scene *scene)
{
	struct run *run;

	make_services(scene);
	run = start(scene, RUN_FD_TTY, RUN_FD_TTY, "DINIT_JSON_STDERR=wrap", LIST(TERM, NULL));
	run_wait_line(run, RUN_STDERR, "^\\{\"message\":\"err\",\"service\":\"web\",");
	run_wait_line(run, RUN_STDERR,
		      "^\\{\"level\":\"warning\",\"message\":\"web/run: not a JSON");
	finish(scene, run);
	expect_no_escapes(run, RUN_STDOUT);
	expect_no_escapes(run, RUN_STDERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_terminal_on_stderr_has_coloured_prefixes),
		SCENE(test_terminal_on_stdout_has_coloured_text_but_plain_json),
		SCENE(test_one_terminal_for_both_has_coloured_text_among_plain_json),
		SCENE(test_early_errors_are_red_once_the_variables_are_read),
		SCENE(test_terminal_that_may_have_no_colours_has_none),
		SCENE(test_no_color_that_is_empty_is_unset),
		SCENE(test_what_is_no_terminal_has_no_colours),
		SCENE(test_json_on_a_terminal_has_no_colours),
	};

	return scene_run_all("colour", tests, sizeof tests / sizeof *tests);
}
