/* SPDX-License-Identifier: ISC */
/* Logging programs, and what becomes of what they have not read. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of the actor: less than a pipe holds */
#define LINES 5000
/* more than any buffers on the way */
#define MANY 200000

static const char *const web[] = { "web" };

static struct run *start(struct scene *scene, const char *mode, const char *more)
{
	return run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
									"DINIT_LOG_LEVEL=error",
									mode, more) });
}

static struct run *start_text(struct scene *scene)
{
	return start(scene, "DINIT_JSON_STDOUT=0", NULL);
}

static void make_service(struct scene *scene, const char *run, const char *log)
{
	scene_service(scene, "web", run);
	scene_script(scene, "services/web/log/run", log);
}

/* Lines 1 to `taken` stand behind "took", and all the others do not; they are in order, and so
 * there are none between. */
static void expect_taken(struct run *run, unsigned long taken, unsigned long all)
{
	streams_expect_numbers(run, RUN_STDOUT, web, 1, all);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: took [0-9]+$"), taken);
	if (taken > 0)
		run_expect_line(run, RUN_STDOUT,
				scene_format(run->scene, " web/run: took %lu$", taken));
	if (taken < all)
		run_expect_line(run, RUN_STDOUT,
				scene_format(run->scene, " web/run: %lu$", taken + 1));
}

/* ---- the service's stdout is its stdin, its stdout goes out as stage run, its
 * stderr as stage log ---- */

static void test_logging_program_streams_have_their_stages(struct scene *scene)
{
	struct bytes out = { 0 };
	struct run *run;

	make_service(scene, "echo to stdout; echo to stderr >&2",
		     "read line; echo \"got $line in ${PWD#\"$SCENE\"/services/}\"; echo noise "
		     ">&2; exec cat");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=none") });
	run_expect_exit(run, 0);
	bytes_add_text(&out, "TIME web/run: got to stdout in web/log\n");
	streams_expect(run, RUN_STDOUT, &out);
	run_expect_line(run, RUN_STDERR, " web/run: to stderr$");
	run_expect_line(run, RUN_STDERR, " web/log: noise$");
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 2);
	bytes_free(&out);
}

/* What a logging program prints is subject to the mode, as what a service prints is. */
static void test_logging_program_json_mode_is_held_to_it(struct scene *scene)
{
	struct run *run;

	make_service(scene, "echo '{\"n\":1}'; echo words", "exec cat");
	run = start(scene, "DINIT_JSON_STDOUT=1", NULL);
	run_expect_exit(run, 0);
	run_expect_line(
		run, RUN_STDOUT,
		"^\\{\"n\":1,\"service\":\"web\",\"stage\":\"run\",\"logged\":\"[-0-9T:.]*Z\"\\}$");
	run_expect_line(run, RUN_STDERR,
			"^[^ ]* dinit: warning: web/run: not a JSON object: words$");
	streams_expect_objects(run);
	run = start(scene, "DINIT_JSON_STDOUT=wrap", NULL);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT,
			"^\\{\"message\":\"words\",\"service\":\"web\",\"stage\":\"run\",");
	streams_expect_objects(run);
}

/* dinit holds its stdin as well, and does not make that one that never blocks. */
static void test_logging_program_stdin_blocks(struct scene *scene)
{
	struct run *run;
	unsigned long flags;

	scene_fifo(scene, "go");
	make_service(scene, "read go <\"$SCENE/go\"", "\"$ACTOR\" flags 0 log; exec cat");
	run = start_text(scene);
	flags = strtoul(streams_wait_report(scene, "flags log"), NULL, 8);
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	assert_int_equal(flags & O_NONBLOCK, 0);
}

/* It reads on until its input ends, with everything that the service wrote. */
static void test_logging_program_reading_on_gets_every_line(struct scene *scene)
{
	struct run *run;

	make_service(scene, scene_format(scene, "exec \"$ACTOR\" count 1 text %d unfinished", MANY),
		     "exec cat");
	run = start_text(scene);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, web, 1, MANY);
}

/* ---- one that dies; what it left unread is written out, and the service does not die
 * of SIGPIPE ---- */

/* The service has written when the logging program begins to read, and lives on when that has
 * died. */
static void check_dying(struct scene *scene, const char *how, int status)
{
	static const char form[] = "exec \"$ACTOR\" until TERM '\"$ACTOR\" count 1 text %d; echo "
				   "go >\"$SCENE/written\"' "
				   "'echo lived >&2'";
	struct run *run;

	scene_fifo(scene, "written");
	make_service(scene, scene_format(scene, form, LINES),
		     scene_format(scene, "read go <\"$SCENE/written\"; \"$ACTOR\" take 10 0; %s",
				  how));
	run = start_text(scene);
	run_expect_exit(run, status);
	expect_taken(run, 10, LINES);
	run_expect_line(run, RUN_STDERR, " web/run: lived$");
}

static void test_logging_program_failing_leaves_nothing_unread(struct scene *scene)
{
	check_dying(scene, "exit 7", 3);
}

static void test_logging_program_ending_leaves_nothing_unread(struct scene *scene)
{
	check_dying(scene, "exit 0", 0);
}

static void test_logging_program_killed_leaves_nothing_unread(struct scene *scene)
{
	check_dying(scene, "kill -KILL $$", 3);
}

/* A service that writes all the time does not notice, and nothing is lost between the
 * two. */
static void check_dying_amid_flood(struct scene *scene, const char *service, int log_status,
				   int status)
{
	struct run *run;

	make_service(scene, service,
		     scene_format(scene, "exec \"$ACTOR\" take 1000 %d", log_status));
	run = start_text(scene);
	run_expect_exit(run, status);
	assert_string_equal(streams_wait_report(scene, "ended"), "0");
	expect_taken(run, 1000, MANY);
}

static void test_logging_program_failing_amid_flood_loses_nothing(struct scene *scene)
{
	static const char form[] = "exec \"$ACTOR\" until TERM '\"$ACTOR\" count 1 text %d; "
				   "\"$ACTOR\" report ended $?' 'exit 0'";

	check_dying_amid_flood(scene, scene_format(scene, form, MANY), 1, 3);
}

/* 115 disables it, and nothing is torn down for it: the service's end is the cause
 * here. */
static void test_logging_program_disabled_amid_flood_loses_nothing(struct scene *scene)
{
	static const char form[] = "\"$ACTOR\" count 1 text %d; exec \"$ACTOR\" report ended $?";

	check_dying_amid_flood(scene, scene_format(scene, form, MANY), 115, 0);
}

/* ---- one that never reads ---- */

/* It is killed when the teardown has taken long enough. */
static void test_logging_program_never_reading_loses_nothing(struct scene *scene)
{
	struct run *run;

	make_service(scene, scene_format(scene, "exec \"$ACTOR\" count 1 text %d", LINES),
		     "exec \"$ACTOR\" wait");
	run = start(scene, "DINIT_JSON_STDOUT=0", "DINIT_STOP_TIMEOUT=0.2");
	run_expect_exit(run, 0);
	expect_taken(run, 0, LINES);
}

/* Its service stands still, as it would without dinit, and nobody else does. */
static void test_logging_program_never_reading_stops_its_service_only(struct scene *scene)
{
	static const char *const other[] = { "other" };
	struct run *run;
	pid_t log;

	make_service(scene,
		     scene_format(scene, "trap '' TERM; exec \"$ACTOR\" stall 1 text %d web", MANY),
		     "\"$ACTOR\" report pid $$; exec \"$ACTOR\" wait");
	scene_fifo(scene, "go");
	scene_service(scene, "other",
		      "trap '' TERM; read go <\"$SCENE/go\"; exec \"$ACTOR\" count 1 text 50000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_JSON_STDOUT=0") });
	log = (pid_t)atoi(streams_wait_report(scene, "pid"));
	streams_wait_report(scene, "stalled web");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " other/run: 50000$");
	run_wait_line(run, RUN_STDERR, " other/run: PID [0-9]+ exited with status 0, stopping");
	assert_int_equal(kill(log, SIGKILL), 0);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, other, 1, 50000);
	expect_taken(run, 0, MANY);
}

/* ---- 115: the service's stdout is read directly, after the last of the logging
 * program's own output ---- */

static void test_logging_program_disabled_own_output_comes_first(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "written");
	make_service(
		scene,
		scene_format(scene,
			     "exec \"$ACTOR\" until TERM '\"$ACTOR\" count 1 text %d; echo go "
			     ">\"$SCENE/written\"' true",
			     LINES),
		"read go <\"$SCENE/written\"; \"$ACTOR\" take 100 0; yes filler | head -n 20000\n"
		"echo last; exit 115");
	run = start_text(scene);
	run_wait_line(run, RUN_STDOUT, scene_format(scene, " web/run: %d$", LINES));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: filler$"), 20000);
	expect_taken(run, 100, LINES);
	run_expect_line(run, RUN_STDOUT, " web/run: last$");
	assert_true(strstr(run->outputs[RUN_STDOUT].bytes, "web/run: last\n") <
		    strstr(run->outputs[RUN_STDOUT].bytes, "web/run: 101\n"));
	assert_true(strstr(run->outputs[RUN_STDOUT].bytes, "web/run: took 100\n") <
		    strstr(run->outputs[RUN_STDOUT].bytes, "web/run: last\n"));
}

/* What the service writes later goes out at once, decorated like any service's, while everything
 * runs on. */
static void test_logging_program_disabled_service_is_read_directly(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	make_service(scene,
		     "while read go <\"$SCENE/go\"; do echo '{\"later\":1}'; echo words; done",
		     "exec \"$ACTOR\" take 0 115");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_LOG_LEVEL=info") });
	run_wait_line(run, RUN_STDERR, " web/log: .*115");
	for (size_t i = 1; i <= 3; i++) {
		scene_let_go(scene, "go");
		run_wait_lines(run, RUN_STDOUT,
			       "^\\{\"later\":1,\"service\":\"web\",\"stage\":\"run\",", i);
		run_wait_lines(run, RUN_STDERR,
			       " dinit: warning: web/run: not a JSON object: words$", i);
	}
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* What a child of the logging program still prints comes before as well, as long as it
 * is there already. */
static void test_logging_program_disabled_with_child_loses_nothing(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "written");
	make_service(scene,
		     scene_format(scene,
				  "\"$ACTOR\" count 1 text %d; echo go >\"$SCENE/written\"; exit 0",
				  LINES),
		     scene_format(scene,
				  "read go <\"$SCENE/written\"; \"$ACTOR\" take 10 0\n"
				  "\"$ACTOR\" count 2 text %d & exit 115",
				  MANY));
	run = start_text(scene);
	run_expect_exit(run, 0);
	expect_taken(run, 10, LINES);
}

/* ---- one that cannot start ---- */

static void test_logging_program_without_interpreter_ends_container(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exec \"$ACTOR\" wait");
	scene_file(scene, "services/web/log/run", 0755, "#!/no/such/interpreter\n");
	scene_service(scene, "other", "exec \"$ACTOR\" wait");
	run = start_text(scene);
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, " dinit: error: web/log: .*/no/such/interpreter");
}

/* ---- teardown: they are not signalled, they end when their input does ---- */

/* Whatever ends the service and however, its last words pass through the logging program. */
static void check_teardown(struct scene *scene, const char *run_body, bool signalled, int status)
{
	struct run *run;

	make_service(scene, run_body,
		     scene_format(scene, "trap 'echo signalled' TERM; exec \"$ACTOR\" take %d 0",
				  2 * LINES));
	run = start_text(scene);
	if (signalled) {
		streams_wait_report(scene, "ready web");
		run_signal(run, SIGTERM);
	}
	run_expect_exit(run, status);
	expect_taken(run, LINES, LINES);
}

static void test_teardown_by_signal_last_lines_are_logged(struct scene *scene)
{
	check_teardown(scene, scene_format(scene, "exec \"$ACTOR\" handle 1 text %d web", LINES),
		       true, 0);
}

static void test_teardown_by_service_ending_last_lines_are_logged(struct scene *scene)
{
	check_teardown(scene, scene_format(scene, "exec \"$ACTOR\" count 1 text %d", LINES), false,
		       0);
}

static void test_teardown_by_service_failing_last_lines_are_logged(struct scene *scene)
{
	check_teardown(scene,
		       scene_format(scene, "\"$ACTOR\" count 1 text %d unfinished; exit 5", LINES),
		       false, 3);
}

static void test_teardown_by_service_killed_last_lines_are_logged(struct scene *scene)
{
	check_teardown(scene,
		       scene_format(scene, "\"$ACTOR\" count 1 text %d; kill -KILL $$", LINES),
		       false, 3);
}

static void test_teardown_by_terminate_last_lines_are_logged(struct scene *scene)
{
	static const char form[] = "exec \"$ACTOR\" until USR1 '\"$ACTOR\" report ready web' "
				   "'\"$ACTOR\" count 1 text %d'";

	scene_script(scene, "services/web/terminate",
		     "echo terminating; kill -USR1 \"$DINIT_PID\"");
	check_teardown(scene, scene_format(scene, form, LINES), true, 0);
	run_expect_line(scene->runs, RUN_STDOUT, " web/term: terminating$");
}

/* The end of a service by 115 is no cause, and the logging program's end after it is
 * expected. */
static void test_service_disabled_logging_program_ends_with_it(struct scene *scene)
{
	struct run *run;

	make_service(scene, scene_format(scene, "\"$ACTOR\" count 1 text %d; exit 115", LINES),
		     scene_format(scene, "\"$ACTOR\" take %d 0; exit 9", 2 * LINES));
	scene_service(scene, "other", "exec \"$ACTOR\" handle 1 text 0 other");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=info") });
	streams_wait_report(scene, "ready other");
	run_wait_line(run, RUN_STDERR, " web/log: PID [0-9]+ exited with status 9$");
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_taken(run, LINES, LINES);
}

/* All services have disabled themselves, and with them their logging programs: nothing
 * is left. */
static void test_service_disabled_alone_with_logging_program_ends_container(struct scene *scene)
{
	struct run *run;

	make_service(scene, scene_format(scene, "\"$ACTOR\" count 1 text %d; exit 115", LINES),
		     scene_format(scene, "exec \"$ACTOR\" take %d 0", 2 * LINES));
	run = start_text(scene);
	run_expect_exit(run, 0);
	expect_taken(run, LINES, LINES);
}

/* A logging program that ends a moment after its service is not the cause: status 0, not
 * 3. */
static void test_logging_program_failing_after_its_service_is_no_cause(struct scene *scene)
{
	struct run *run;

	make_service(scene, "echo one", "while read line; do echo \"took $line\"; done; exit 9");
	run = start_text(scene);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: took one$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_logging_program_streams_have_their_stages),
		SCENE(test_logging_program_json_mode_is_held_to_it),
		SCENE(test_logging_program_stdin_blocks),
		SCENE(test_logging_program_reading_on_gets_every_line),
		SCENE(test_logging_program_failing_leaves_nothing_unread),
		SCENE(test_logging_program_ending_leaves_nothing_unread),
		SCENE(test_logging_program_killed_leaves_nothing_unread),
		SCENE(test_logging_program_failing_amid_flood_loses_nothing),
		SCENE(test_logging_program_disabled_amid_flood_loses_nothing),
		SCENE(test_logging_program_never_reading_loses_nothing),
		SCENE_AS_SUBREAPER(test_logging_program_never_reading_stops_its_service_only),
		SCENE(test_logging_program_disabled_own_output_comes_first),
		SCENE(test_logging_program_disabled_service_is_read_directly),
		SCENE(test_logging_program_disabled_with_child_loses_nothing),
		SCENE(test_logging_program_without_interpreter_ends_container),
		SCENE(test_teardown_by_signal_last_lines_are_logged),
		SCENE(test_teardown_by_service_ending_last_lines_are_logged),
		SCENE(test_teardown_by_service_failing_last_lines_are_logged),
		SCENE(test_teardown_by_service_killed_last_lines_are_logged),
		SCENE(test_teardown_by_terminate_last_lines_are_logged),
		SCENE(test_service_disabled_logging_program_ends_with_it),
		SCENE(test_service_disabled_alone_with_logging_program_ends_container),
		SCENE(test_logging_program_failing_after_its_service_is_no_cause),
	};

	return scene_run_all("logging", tests, sizeof tests / sizeof *tests);
}
