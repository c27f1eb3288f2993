/* SPDX-License-Identifier: ISC */
/* What runs before the services are told to stop: their prestop. */
#include "harness.h"

#include <signal.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define INFO LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info")
#define ERROR "^[^ ]+Z dinit: error: "
#define WARNING "^[^ ]+Z dinit: warning: "

/* Says that it was told to stop, and does. */
#define POLITE "trap 'echo told; exit 0' TERM; echo \"up $$\"; " SCENE_TRAPPING

/* A prestop that says which process it is about, and ends when the test lets it go. */
#define HELD "echo \"begun $# $DINIT_PID\"; read go <\"$SCENE/prestop\"; echo over"

static void add_held(struct scene *scene, const char *name)
{
	scene_service(scene, name, POLITE);
	scene_script(scene, scene_format(scene, "services/%s/prestop", name), HELD);
}

/* Whether the line came before the other; both must have come. */
static bool is_before(struct run *run, const char *line, const char *other)
{
	const char *bytes = run->outputs[RUN_STDOUT].bytes;

	run_expect_line(run, RUN_STDOUT, line);
	run_expect_line(run, RUN_STDOUT, other);
	return strstr(bytes, line) < strstr(bytes, other);
}

static void test_prestop_runs_before_any_service_is_told_to_stop(struct scene *scene)
{
	struct run *run;
	const char *pid;

	scene_fifo(scene, "prestop");
	scene_service(scene, "a", POLITE);
	add_held(scene, "web");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " a/run: up ");
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	pid = run_match(run, RUN_STDOUT, " web/run: up ([0-9]+)$", 1);
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/prestop: begun 0 ");
	assert_string_equal(run_match(run, RUN_STDOUT, "begun 0 ([0-9]+)$", 1), pid);
	run_expect_no_line(run, RUN_STDOUT, "told$");
	scene_let_go(scene, "prestop");
	run_expect_exit(run, 0);
	assert_true(is_before(run, "web/prestop: over", "web/run: told"));
	assert_true(is_before(run, "web/prestop: over", "a/run: told"));
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* All at the same time: each has begun before any is let go. The services work on meanwhile. */
static void test_prestop_of_all_services_run_beside_each_other(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "prestop");
	scene_fifo(scene, "go");
	scene_service(scene, "db",
		      "trap 'exit 0' TERM; echo up; read go <\"$SCENE/go\"\n"
		      "echo still works; " SCENE_TRAPPING);
	scene_script(scene, "services/db/prestop", HELD);
	add_held(scene, "web");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " db/prestop: begun ");
	run_wait_line(run, RUN_STDOUT, " web/prestop: begun ");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " db/run: still works$");
	scene_let_go(scene, "prestop");
	scene_let_go(scene, "prestop");
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "/prestop: over$"), 2);
}

/* After a second signal prestop is not waited for any longer, but it is left to end. */
static void test_prestop_is_not_waited_for_after_a_second_signal(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "prestop");
	add_held(scene, "web");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/prestop: begun ");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDOUT, " web/prestop: over$");
	scene_let_go(scene, "prestop");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/prestop: over$");
}

/* The end of a service begins the teardown: of those that still run, prestop is run. */
static void test_prestop_runs_of_what_still_runs(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "disabled", "exit 115");
	scene_script(scene, "services/disabled/prestop", "echo never");
	scene_service(scene, "trigger", "read go <\"$SCENE/go\"; exit 5");
	scene_script(scene, "services/trigger/prestop", "echo never");
	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/prestop", "echo over");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	run_wait_line(run, RUN_STDERR, " disabled/run: .*it has disabled itself");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	assert_true(is_before(run, "web/prestop: over", "web/run: told"));
	run_expect_no_line(run, RUN_STDOUT, "never");
	run_expect_line(run, RUN_STDERR, ERROR "trigger/run: PID [0-9]+ exited with status 5");
}

static void test_prestop_that_fails_is_a_warning_and_nothing_else(struct scene *scene)
{
	static const struct {
		const char *body, *warning;
	} cases[] = {
		{ "exit 1", "web/prestop: PID [0-9]+ exited with status 1$" },
		{ "kill -KILL $$", "web/prestop: PID [0-9]+ was killed by signal 9 \\(Killed\\)$" },
		{ NULL, "web/prestop: cannot be started: .*/nonexistent" },
	};

	scene_service(scene, "web", POLITE);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		if (cases[i].body)
			scene_script(scene, "services/web/prestop", cases[i].body);
		else
			scene_file(scene, "services/web/prestop", 0755, "#!/nonexistent\n");
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_wait_line(run, RUN_STDOUT, " web/run: up ");
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, WARNING "%s", cases[i].warning));
		run_expect_line(run, RUN_STDOUT, " web/run: told$");
		assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
	}
}

/* The limit counts from the beginning of the teardown. The services are told to stop all the same;
 * what does not is killed. */
/* docker stop sends one signal, whatever had begun the teardown. */
static void test_prestop_in_own_teardown_is_not_waited_for_after_a_signal(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "prestop");
	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/web/prestop",
		     "echo begun; read go <\"$SCENE/prestop\"; echo over");
	scene_service(scene, "trigger", "read go <\"$SCENE/go\"; exit 5");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_STOP_TIMEOUT=0") });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/prestop: begun$");
	run_expect_no_line(run, RUN_STDOUT, " web/run: told$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/run: told$");
	scene_let_go(scene, "prestop");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " web/prestop: over$");
}

static void test_prestop_that_hangs_is_killed_after_the_limit(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "never");
	scene_fifo(scene, "prestop");
	add_held(scene, "web");
	scene_service(scene, "deaf", "trap '' TERM; echo up; read go <\"$SCENE/never\"");
	scene_service(scene, "trigger", "read go <\"$SCENE/go\"; exit 5");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=info",
								       "DINIT_STOP_TIMEOUT=0.5") });
	run_wait_line(run, RUN_STDOUT, " deaf/run: up$");
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			WARNING "web/prestop: PID [0-9]+ is still running: killing it$");
	run_expect_line(run, RUN_STDERR,
			WARNING "deaf/run: PID [0-9]+ is still running: killing it$");
	run_expect_line(run, RUN_STDOUT, " web/run: told");
	run_expect_no_line(run, RUN_STDERR, "web/run: PID [0-9]+ is still running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_prestop_runs_before_any_service_is_told_to_stop),
		SCENE(test_prestop_of_all_services_run_beside_each_other),
		SCENE(test_prestop_is_not_waited_for_after_a_second_signal),
		SCENE(test_prestop_runs_of_what_still_runs),
		SCENE(test_prestop_that_fails_is_a_warning_and_nothing_else),
		SCENE(test_prestop_in_own_teardown_is_not_waited_for_after_a_signal),
		SCENE(test_prestop_that_hangs_is_killed_after_the_limit),
	};

	return scene_run_side_by_side("prestop", tests, COUNT(tests));
}
