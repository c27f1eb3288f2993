/* SPDX-License-Identifier: ISC */
/* dinit --wait, as services call it: to begin after others, and to stop after others. */
#include "harness.h"
#include "launch.h"

#include <signal.h>
#include <unistd.h>

#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING

/* Puts the program under test where services find it: $SCENE/dinit. */
static void add_dinit(struct scene *scene)
{
	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
}

/* Adds a service that is ready when the test lets it go. */
static void add_database(struct scene *scene)
{
	scene_fifo(scene, "go");
	scene_service(
		scene, "db",
		"trap 'exit 0' TERM; echo up; read go <\"$SCENE/go\"; echo >\"$SCENE/ready\"\n"
		"echo works; " SCENE_TRAPPING);
	scene_script(scene, "services/db/check", "test -e \"$SCENE/ready\"");
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- beginning after others ---- */

static void test_wait_command_is_executed_when_the_other_is_ready(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	add_database(scene);
	scene_file(
		scene, "app", 0755,
		"#!/bin/sh\n"
		"trap 'exit 0' TERM; test -e \"$SCENE/ready\" && echo \"up $$ $*\"\n" SCENE_TRAPPING
		"\n");
	scene_service(
		scene, "app",
		"echo \"before $$\"; exec \"$SCENE/dinit\" --wait db -- \"$SCENE/app\" a 'b c'");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " app/run: before ");
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT,
		      scene_format(scene, " app/run: up %s a b c$",
				   run_match(run, RUN_STDOUT, "before ([0-9]+)$", 1)));
	stop(run);
}

/* The kernel gives a script's line as one argument. */
static void test_wait_as_interpreter_needs_no_shell(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	add_database(scene);
	scene_file(scene, "app", 0755, "#!/bin/sh\necho \"up $#\"; exec sleep 1000\n");
	scene_mkdir(scene, "services/app");
	scene_file(scene, "services/app/run", 0755,
		   scene_format(scene, "#!%s --wait db -- %s\n", scene_path(scene, "dinit"),
				scene_path(scene, "app")));
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " app/run: up 0$");
	stop(run);
}

/* One that does its work once has ended when the work is done, and not before. */
static void test_wait_for_the_end_of_a_migration(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "migrate",
		      "read go <\"$SCENE/go\"; echo >\"$SCENE/migrated\"; exit 115");
	scene_service(scene, "app",
		      "echo before; \"$SCENE/dinit\" --wait -d migrate || exit 1\n"
		      "test -e \"$SCENE/migrated\" && echo after; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " app/run: before$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " app/run: after$");
	stop(run);
}

/* What finish does belongs to the work. (It goes on until both have looked.) */
static void test_wait_lasts_until_finish_has_ended(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	assert_int_equal(symlink("dinit", scene_path(scene, "sv")), 0);
	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(scene, "migrate", "exit 115");
	scene_script(scene, "services/migrate/finish",
		     "echo up; read end <\"$SCENE/end\"; echo >\"$SCENE/cleaned\"");
	scene_service(scene, "app",
		      "read go <\"$SCENE/go\"; \"$SCENE/dinit\" --wait -t 0 migrate\n"
		      "\"$SCENE/sv\" -w 0 check migrate; echo \"looked $?\"\n"
		      "\"$SCENE/dinit\" --wait migrate || exit 1\n"
		      "test -e \"$SCENE/cleaned\" && echo after; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " migrate/finish: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " app/run: looked 1$");
	run_expect_line(run, RUN_STDOUT, " app/run: timeout: finish: migrate: ");
	scene_let_go(scene, "end");
	run_wait_line(run, RUN_STDOUT, " app/run: after$");
	stop(run);
	run_expect_line(run, RUN_STDERR,
			" dinit: migrate has not become ready within 0 s: its finish runs$");
}

/* An optional service is done in the same way, however it has ended. */
static void test_wait_lasts_until_finish_of_an_optional_service_has_ended(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(scene, "warmup", "exit 3");
	scene_file(scene, "services/warmup/optional", 0644, "");
	scene_script(scene, "services/warmup/finish", "echo up; read end <\"$SCENE/end\"");
	scene_service(scene, "app",
		      "read go <\"$SCENE/go\"; \"$SCENE/dinit\" --wait -t 0; echo \"looked $?\"\n"
		      "\"$SCENE/dinit\" --wait && echo after; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " warmup/finish: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " app/run: looked 1$");
	scene_let_go(scene, "end");
	run_wait_line(run, RUN_STDOUT, " app/run: after$");
	stop(run);
}

/* A service that waits for all others does not wait for itself. */
static void test_wait_for_all_leaves_out_the_own_service(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	add_database(scene);
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	scene_service(scene, "migrate", "exit 115");
	scene_service(
		scene, "app",
		"echo before; (\"$SCENE/dinit\" --wait && test -e \"$SCENE/ready\" && echo all)\n"
		"exec sleep 1000");
	scene_script(scene, "services/app/check", "exit 1");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " app/run: before$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " app/run: all$");
	stop(run);
}

static void test_wait_that_is_in_vain_says_why(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "echo no such table; exit 1");
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	scene_service(scene, "later", "exit 1");
	scene_service(scene, "client",
		      "PATH=$SCENE:$PATH; trap 'exit 0' TERM\n"
		      "for line in '-t 0.3 db' 'off' 'later' 'lter' '-x'; do\n"
		      "	dinit --wait $line -- echo executed; echo \"$line: $?\"\n"
		      "done\n"
		      "dinit --wait off -d && echo is down\n"
		      "dinit --wait client -- nosuch; echo \"nosuch: $?\"\n"
		      "dinit --wait client -- ''; echo \"empty: $?\"\n"
		      "dinit --wait client -- /etc/passwd; echo \"passwd: $?\"\n"
		      "echo over; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_SKIP=later") });
	run_wait_line(run, RUN_STDOUT, " client/run: over$");
	stop(run);
	run_expect_line(run, RUN_STDERR,
			" dinit: db has not become ready within 0.3 s: starting( "
			"\\(no such table\\))?$");
	run_expect_line(run, RUN_STDERR, " dinit: off: it is down, ");
	run_expect_line(run, RUN_STDERR, " dinit: later: it is skipped \\(DINIT_SKIP\\)$");
	run_expect_line(run, RUN_STDERR,
			" dinit: there is no service lter; did you mean later\\?$");
	run_expect_line(run, RUN_STDERR, "dinit --wait \\[-d\\]");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " client/run: .*: 1$"), 5);
	run_expect_no_line(run, RUN_STDOUT, "executed");
	run_expect_line(run, RUN_STDOUT, " client/run: is down$");
	run_expect_line(run, RUN_STDOUT, " client/run: nosuch: 127$");
	run_expect_line(run, RUN_STDERR,
			" dinit: \"nosuch\" cannot be executed from PATH \\(/.*\\): No such file");
	run_expect_line(run, RUN_STDOUT, " client/run: empty: 127$");
	run_expect_line(run, RUN_STDERR, " dinit: \"\" cannot be executed from PATH ");
	run_expect_line(run, RUN_STDOUT, " client/run: passwd: 126$");
	run_expect_line(run, RUN_STDERR, " dinit: /etc/passwd .*not executable");
}

/* ---- stopping after others ---- */

static void test_wait_in_terminate_stops_in_order(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/terminate",
		     "echo asked; \"$SCENE/dinit\" --wait -d web; echo \"waited $?\"\n"
		     "test -e \"$SCENE/gone\" && echo in order; kill $DINIT_PID");
	scene_service(scene, "web",
		      "trap 'read go <\"$SCENE/go\"; echo >\"$SCENE/gone\"; exit 0' TERM; echo "
		      "up\n" SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " db/term: asked$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " db/term: waited 0$");
	run_expect_line(run, RUN_STDOUT, " db/term: in order$");
}

/* Whoever waits for what will not come is not in the way of the stop. (db goes on until that is
 * seen.) */
static void test_wait_ends_when_a_teardown_begins(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "exit 1");
	scene_script(scene, "services/db/terminate", "read go <\"$SCENE/go\"; kill $DINIT_PID");
	scene_service(scene, "app",
		      "trap '' TERM; echo up; \"$SCENE/dinit\" --wait db; echo \"waited $?\"");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDOUT, " app/run: up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " app/run: waited 1$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(
		run, RUN_STDERR,
		" app/run: dinit: db: (it is being stopped|the container is being stopped)$");
}

/* ---- at what cost ---- */

/* Whoever waits sleeps: it is found asleep for half a second, in which it was not woken once. */
static void test_wait_wakes_nobody_while_nothing_changes(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_service(scene, "db", POLITE);
	scene_service(scene, "app", "echo $$ >\"$SCENE/pid\"; exec \"$SCENE/dinit\" --wait -d db");
	scene_service(scene, "meter",
		      "trap 'exit 0' TERM; until test -s \"$SCENE/pid\"; do sleep 0.02; done\n"
		      "read pid <\"$SCENE/pid\"; before=none\n"
		      "count() { grep ctxt_switches /proc/$pid/status; cut -d' ' -f14,15 "
		      "/proc/$pid/stat; }\n"
		      "until grep -q dinit /proc/$pid/comm && test \"$(count)\" = \"$before\"; do\n"
		      "	before=$(count); sleep 0.5\n"
		      "done\n"
		      "echo asleep; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " meter/run: asleep$");
	run_signal(run, SIGTERM);
	run_wait_exit(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_wait_command_is_executed_when_the_other_is_ready),
		SCENE(test_wait_as_interpreter_needs_no_shell),
		SCENE(test_wait_for_the_end_of_a_migration),
		SCENE(test_wait_lasts_until_finish_has_ended),
		SCENE(test_wait_lasts_until_finish_of_an_optional_service_has_ended),
		SCENE(test_wait_for_all_leaves_out_the_own_service),
		SCENE(test_wait_that_is_in_vain_says_why),
		SCENE(test_wait_in_terminate_stops_in_order),
		SCENE(test_wait_ends_when_a_teardown_begins),
		SCENE_AS_INIT(test_wait_wakes_nobody_while_nothing_changes),
	};

	return scene_run_all("wait", tests, sizeof tests / sizeof *tests);
}
