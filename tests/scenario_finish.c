/* SPDX-License-Identifier: ISC */
/* What runs after the end of a service: its finish. */
#include "harness.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define ERROR "^[^ ]+Z dinit: error: "
#define WARNING "^[^ ]+Z dinit: warning: "

/* Says that it was told to stop, and does. */
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING

/* A finish that says what it got, and ends when the test lets it go. */
#define HELD "echo \"begun $*\"; read go <\"$SCENE/finish\"; echo over"

static void test_finish_gets_how_run_has_ended(struct scene *scene)
{
	static const struct {
		const char *how, *arguments;
		int status;
	} cases[] = {
		{ "exit 0", "0 0", 0 },          { "exit 7", "7 0", 3 },
		{ "exit 115", "115 0", 0 },      { "kill -KILL $$", "-1 9", 3 },
		{ "kill -TERM $$", "-1 15", 3 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		scene_service(scene, "web", cases[i].how);
		scene_script(scene, "services/web/finish",
			     "echo \"got $# $* ${DINIT_PID-none}\"; pwd; echo err >&2");
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_expect_exit(run, cases[i].status);
		run_expect_line(run, RUN_STDOUT,
				scene_format(scene, "Z web/finish: got 2 %s none$",
					     cases[i].arguments));
		run_expect_line(run, RUN_STDOUT, "Z web/finish: /.*/services/web$");
		run_expect_line(run, RUN_STDERR, "Z web/finish: err$");
		run_expect_no_line(run, RUN_STDERR, "dinit: [a-z]*: web/finish");
	}
}

static void test_finish_runs_where_the_container_is_stopped(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "db", "echo up; exec sleep 1000");
	scene_script(scene, "services/db/finish", "echo \"got $*\"");
	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/finish", "echo \"got $*\"");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " db/finish: got -1 15$");
	run_expect_line(run, RUN_STDOUT, " web/finish: got 0 0$");
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* The others are told to stop while it still runs; the end of all is after it. */
static void test_finish_does_not_hold_up_the_teardown(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "finish");
	scene_fifo(scene, "go");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; exit 7");
	scene_script(scene, "services/web/finish", HELD);
	scene_service(scene, "other", POLITE);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " other/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/finish: begun 7 0$");
	run_wait_line(run, RUN_STDOUT, " other/run: told$");
	run_expect_line(run, RUN_STDERR, ERROR "web/run: PID [0-9]+ exited with status 7");
	run_expect_no_line(run, RUN_STDOUT, " web/finish: over$");
	scene_let_go(scene, "finish");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " web/finish: over$");
}

/* A service that has disabled itself is over when its finish is: only then is nothing left. */
static void test_finish_of_the_last_disabled_service_is_waited_for(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "finish");
	scene_service(scene, "web", "exit 115");
	scene_script(scene, "services/web/finish", HELD);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/finish: begun 115 0$");
	run_expect_no_line(run, RUN_STDERR, "all services have disabled themselves");
	scene_let_go(scene, "finish");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/finish: over$");
	run_expect_line(run, RUN_STDERR, WARNING "all services have disabled themselves");
}

static void test_finish_that_fails_is_a_warning_and_nothing_else(struct scene *scene)
{
	static const struct {
		const char *body, *warning;
	} cases[] = {
		{ "exit 1", "web/finish: PID [0-9]+ exited with status 1$" },
		{ "exit 115", "web/finish: PID [0-9]+ exited with status 115$" },
		{ "kill -KILL $$", "web/finish: PID [0-9]+ was killed by signal 9 \\(Killed\\)$" },
		{ NULL, "web/finish: cannot be started: .*/nonexistent" },
	};

	scene_service(scene, "other", POLITE);
	scene_service(scene, "web", "exit 115");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		if (cases[i].body)
			scene_script(scene, "services/web/finish", cases[i].body);
		else
			scene_file(scene, "services/web/finish", 0755, "#!/nonexistent\n");
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_wait_line(run, RUN_STDOUT, " other/run: up$");
		run_wait_line(run, RUN_STDERR, WARNING);
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, WARNING "%s", cases[i].warning));
		run_expect_line(run, RUN_STDOUT, " other/run: told$");
		assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
	}
}

/* With DINIT_STOP_TIMEOUT run is killed, then the finish that follows, and dinit ends. */
static void test_finish_that_hangs_is_killed_after_the_limit(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "never");
	scene_service(scene, "web", "trap '' TERM; echo up; read go <\"$SCENE/never\"");
	scene_script(scene, "services/web/finish", "trap '' TERM; read go <\"$SCENE/never\"");
	scene_fifo(scene, "go");
	scene_service(scene, "trigger", "read go <\"$SCENE/go\"; exit 5");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_STOP_TIMEOUT=0.1") });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			WARNING "web/run: PID [0-9]+ is still running: killing it$");
	run_expect_line(run, RUN_STDERR,
			WARNING "web/finish: PID [0-9]+ is still running: killing it$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_finish_gets_how_run_has_ended),
		SCENE(test_finish_runs_where_the_container_is_stopped),
		SCENE(test_finish_does_not_hold_up_the_teardown),
		SCENE(test_finish_of_the_last_disabled_service_is_waited_for),
		SCENE(test_finish_that_fails_is_a_warning_and_nothing_else),
		SCENE(test_finish_that_hangs_is_killed_after_the_limit),
	};

	return scene_run_all("finish", tests, COUNT(tests));
}
