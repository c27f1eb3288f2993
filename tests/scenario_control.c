/* SPDX-License-Identifier: ISC */
/* What HUP, USR1 and USR2 to the container do: they run the programs in the control directories of
 * the services. */
#include "harness.h"

#include <signal.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define INFO LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info")
#define WARNING "^[^ ]+Z dinit: warning: "

/* Says which signals it gets. */
#define LISTENING \
	"trap 'echo got HUP' HUP; trap 'echo got USR1' USR1; trap 'echo got USR2' USR2\n" \
	"trap 'exit 0' TERM; echo \"up $$\"; " SCENE_TRAPPING

/* A control program that ends when the test lets it go. */
#define HELD "echo begun; read go <\"$SCENE/control\"; echo over"

static const struct {
	int signal;
	const char *file;
} controls[] = { { SIGHUP, "h" }, { SIGUSR1, "1" }, { SIGUSR2, "2" } };

/* Each service that has the program gets it run, with the PID of its run; the others are sent
 * nothing. */
static void test_control_signal_runs_the_program_of_each_service(struct scene *scene)
{
	for (size_t i = 0; i < COUNT(controls); i++) {
		const char *file = controls[i].file, *pid;
		struct run *run;

		scene_service(scene, "db", LISTENING);
		scene_script(scene, scene_format(scene, "services/db/control/%s", file),
			     "echo done");
		scene_service(scene, "web", LISTENING);
		scene_script(scene, scene_format(scene, "services/web/control/%s", file),
			     "echo \"$0 $# $DINIT_PID\"; pwd; echo err >&2");
		scene_service(scene, "z", LISTENING);
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_wait_line(run, RUN_STDOUT, " db/run: up ");
		run_wait_line(run, RUN_STDOUT, " web/run: up ");
		run_wait_line(run, RUN_STDOUT, " z/run: up ");
		pid = run_match(run, RUN_STDOUT, " web/run: up ([0-9]+)$", 1);
		run_signal(run, controls[i].signal);
		run_wait_line(run, RUN_STDOUT, " db/control: done$");
		run_wait_line(run, RUN_STDOUT,
			      scene_format(scene, " web/control: /.*/web/control/%s 0 %s$", file,
					   pid));
		run_wait_line(run, RUN_STDOUT, " web/control: /.*/services/web$");
		run_wait_line(run, RUN_STDERR, " web/control: err$");
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		run_expect_no_line(run, RUN_STDOUT, "got ");
		run_expect_no_line(run, RUN_STDERR, "dinit: ");
	}
}

/* A signal runs the program of its own name only. */
static void test_control_signal_runs_no_program_of_another_signal(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", LISTENING);
	for (size_t i = 0; i < COUNT(controls); i++)
		scene_script(scene,
			     scene_format(scene, "services/web/control/%s", controls[i].file),
			     scene_format(scene, "echo \"program %s\"", controls[i].file));
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	for (size_t i = 0; i < COUNT(controls); i++) {
		run_signal(run, controls[i].signal);
		run_wait_line(run, RUN_STDOUT,
			      scene_format(scene, " web/control: program %s$", controls[i].file));
		assert_int_equal(run_count_lines(run, RUN_STDOUT, "/control: "), i + 1);
	}
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "/control: "), COUNT(controls));
}

static void test_control_signal_during_its_program_runs_it_once_more(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "control");
	scene_service(scene, "web", LISTENING);
	scene_script(scene, "services/web/control/h", HELD);
	scene_script(scene, "services/web/control/1", "echo seen");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDOUT, " web/control: begun$");
	for (size_t i = 1; i <= 3; i++) {
		run_signal(run, SIGHUP);
		/* dinit has seen it when it runs what comes after it */
		run_signal(run, SIGUSR1);
		run_wait_lines(run, RUN_STDOUT, " web/control: seen$", i);
	}
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/control: begun$"), 1);
	scene_let_go(scene, "control");
	run_wait_lines(run, RUN_STDOUT, " web/control: begun$", 2);
	scene_let_go(scene, "control");
	run_wait_lines(run, RUN_STDOUT, " web/control: over$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/control: begun$"), 2);
}

/* In a teardown a program that is running is left to end, and one more run of it, which was asked
 * for, does not begin. */
static void test_control_signal_begins_nothing_in_a_teardown(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "control");
	scene_fifo(scene, "prestop");
	scene_service(scene, "web", LISTENING);
	scene_script(scene, "services/web/control/h", HELD);
	scene_script(scene, "services/web/control/2", "echo never");
	scene_script(scene, "services/web/prestop",
		     "echo begun; read go <\"$SCENE/prestop\"; echo over");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDOUT, " web/control: begun$");
	run_signal(run, SIGHUP);
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/prestop: begun$");
	run_signal(run, SIGHUP);
	run_signal(run, SIGUSR2);
	scene_let_go(scene, "control");
	run_wait_line(run, RUN_STDERR, " web/control/h: PID [0-9]+ exited with status 0$");
	scene_let_go(scene, "prestop");
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/control: begun$"), 1);
	run_expect_no_line(run, RUN_STDOUT, "never");
}

/* A service that has ended gets no program run. */
static void test_control_program_that_fails_is_a_warning_and_nothing_else(struct scene *scene)
{
	static const struct {
		const char *body, *warning;
	} cases[] = {
		{ "exit 1", "web/control/[h12]: PID [0-9]+ exited with status 1$" },
		{ "kill -KILL $$",
		  "web/control/[h12]: PID [0-9]+ was killed by signal 9 \\(Killed\\)$" },
		{ NULL, "web/control/[h12]: cannot be started: .*/nonexistent" },
	};

	scene_service(scene, "over", "exit 115");
	scene_script(scene, "services/over/control/h", "echo never");
	scene_service(scene, "web", LISTENING);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		if (cases[i].body)
			scene_script(scene, "services/web/control/h", cases[i].body);
		else
			scene_file(scene, "services/web/control/h", 0755, "#!/nonexistent\n");
		run = run_start(scene, &(struct run_spec){ .environment = INFO });
		run_wait_line(run, RUN_STDOUT, " web/run: up ");
		run_wait_line(run, RUN_STDERR, " over/run: .*it has disabled itself");
		run_signal(run, SIGHUP);
		run_wait_line(run, RUN_STDERR, scene_format(scene, WARNING "%s", cases[i].warning));
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		assert_int_equal(run_count_lines(run, RUN_STDERR, WARNING), 1);
		run_expect_no_line(run, RUN_STDOUT, "never");
	}
}

/* dinit reads all signals that have come before it acts on any: a stop among them counts. */
static void test_control_signal_begins_nothing_beside_a_stop(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", LISTENING);
	scene_script(scene, "services/web/control/1", "echo never");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, " web/run: up ");
	run_signal(run, SIGSTOP);
	run_signal(run, SIGUSR1);
	run_signal(run, SIGINT);
	run_signal(run, SIGCONT);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			" info: signal 10 .*: ignored, the container is being stopped already$");
	run_expect_no_line(run, RUN_STDOUT, "never");
	run_expect_no_line(run, RUN_STDERR, " web/control");
}

/* What a signal does is said, and that it does nothing because nobody is left that wants it. */
static void test_control_signal_is_said(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "echo up; read go <\"$SCENE/go\"; exit 115");
	scene_script(scene, "services/web/control/2", "echo done");
	scene_service(scene, "z", LISTENING);
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDOUT, " z/run: up ");
	run_signal(run, SIGUSR2);
	run_wait_line(run, RUN_STDERR, " info: signal 12 .*: running control/2 of 1 service$");
	run_wait_line(run, RUN_STDOUT, " web/control: done$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, " web/run: .*disabled itself$");
	run_signal(run, SIGUSR2);
	run_wait_line(run, RUN_STDERR,
		      " info: signal 12 .*: ignored, no service that has a program "
		      "for it is running$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_control_signal_runs_the_program_of_each_service),
		SCENE(test_control_signal_runs_no_program_of_another_signal),
		SCENE(test_control_signal_during_its_program_runs_it_once_more),
		SCENE(test_control_signal_begins_nothing_in_a_teardown),
		SCENE(test_control_signal_begins_nothing_beside_a_stop),
		SCENE(test_control_signal_is_said),
		SCENE(test_control_program_that_fails_is_a_warning_and_nothing_else),
	};

	return scene_run_all("control", tests, COUNT(tests));
}
