/* SPDX-License-Identifier: ISC */
/* The time between what begins a teardown and the end: DINIT_STOP_DELAY, DINIT_GRACE_PERIOD, what
 * is said of a teardown that takes long, and DINIT_EXIT_STATUS. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WARNING "^[^ ]+Z dinit: warning: "
#define GOES_ON "dinit: info: the services go on for "
#define STOPPING ": stopping the container$"

/* Longer than any test takes. */
#define LONG_DELAY "DINIT_STOP_DELAY=100000"

/* Says that it was told to stop, and does. Until then it says, when the test lets it go, that it
 * still works. */
#define POLITE \
	"trap 'echo told; exit 0' TERM; echo up\n" \
	"read go <\"$SCENE/go\"; echo still works\n" SCENE_TRAPPING

/* Ignores TERM. */
#define DEAF "trap '' TERM; echo up; while :; do sleep 1000; done"

static struct run *start(struct scene *scene, const char *setting, const char *setting2)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						     setting, setting2 ? setting2 : "SCENE_X=1") });
}

/* ---- DINIT_STOP_DELAY ---- */

/* Starts a polite service, stops the container, and sees that the service goes on. */
static struct run *start_delayed(struct scene *scene, const char *delay)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", POLITE);
	run = start(scene, delay, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, GOES_ON);
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: still works$");
	return run;
}

static void test_stop_delay_services_stop_when_it_is_over(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", POLITE);
	run = start(scene, "DINIT_STOP_DELAY=2", NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, GOES_ON "2 s \\(DINIT_STOP_DELAY\\)$");
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	/* The delay counts from the beginning of the turn, the message is a little later. */
	assert_true(run_stamp_ms(run, "web/run: sending TERM") >=
		    run_stamp_ms(run, "signal 15 .*" STOPPING) + 1000);
}

static void test_stop_delay_is_ended_by_second_signal(struct scene *scene)
{
	struct run *run = start_delayed(scene, LONG_DELAY);

	run_signal(run, SIGINT);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDERR, "info: signal 2 .*: telling the services to stop now$");
}

/* A signal that stops nothing is no second one. */
static void test_stop_delay_is_not_ended_by_other_signal(struct scene *scene)
{
	struct run *run = start_delayed(scene, LONG_DELAY);

	run_signal(run, SIGALRM);
	run_wait_line(run, RUN_STDERR, "signal 14 .*ignored");
	run_expect_no_line(run, RUN_STDERR, "sending TERM");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* The status stays that of the first cause. */
static void test_stop_delay_is_ended_by_end_of_service(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "trigger");
	scene_service(scene, "trigger", "read go <\"$SCENE/trigger\"; exit 7");
	run = start_delayed(scene, LONG_DELAY);
	scene_let_go(scene, "trigger");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDERR, "info: trigger/run: PID [0-9]+ exited with status 7$");
}

/* One that disables itself does not end it, the last one does: nothing is left to go on. */
static void test_stop_delay_is_ended_when_nothing_is_left(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "last");
	scene_service(scene, "a", "echo up; read go <\"$SCENE/go\"; exit 115");
	scene_service(scene, "b", "echo up; read go <\"$SCENE/last\"; exit 115");
	run = start(scene, LONG_DELAY, NULL);
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, GOES_ON);
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, "a/run: .*disabled itself");
	scene_let_go(scene, "last");
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "all services have disabled");
}

static void test_stop_delay_is_none_for_own_cause(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "trigger");
	scene_service(scene, "web", POLITE);
	scene_service(scene, "trigger", "read go <\"$SCENE/trigger\"; exit 7");
	run = start(scene, LONG_DELAY, NULL);
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDERR, GOES_ON);
}

/* What the services start meanwhile is dealt with as ever: they still run. */
static void test_stop_delay_orphans_are_dealt_with_as_ever(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(scene, "web",
		      "echo up; read go <\"$SCENE/go\"\n"
		      "(sleep 1000 >/dev/null 2>&1 &)\n"
		      "trap 'echo told; exit 0' TERM; read end <\"$SCENE/end\"; " SCENE_TRAPPING);
	run = start(scene, LONG_DELAY, "DINIT_REPARENTING_POLICY=adopt");
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, GOES_ON);
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, WARNING "sleep/[0-9]+: lost its parent, adopting it");
	run_signal(run, SIGTERM);
	scene_let_go(scene, "end");
	run_expect_exit(run, 0);
}

/* The services go on, and so does back-pressure: a reader that comes back has all lines. */
static void test_stop_delay_slow_reader_is_not_given_up(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "trap 'exit 0' TERM; echo up; read go <\"$SCENE/go\"\n"
		      "seq -f 'word %g' 1 40000; echo all >&2; " SCENE_TRAPPING);
	scene_service(scene, "clock",
		      "trap 'exit 0' TERM; read go <\"$SCENE/go\"; sleep 6\n"
		      "echo time has passed >&2; " SCENE_TRAPPING);
	run = start(scene, LONG_DELAY, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, GOES_ON);
	run_pause(run, RUN_STDOUT);
	scene_let_go(scene, "go");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, " clock/run: time has passed$");
	run_resume(run, RUN_STDOUT);
	run_wait_line(run, RUN_STDERR, " web/run: all$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: word [0-9.e+]+$"), 40000);
	run_expect_no_line(run, RUN_STDERR, "given up|dropped");
}

/* ---- DINIT_GRACE_PERIOD ---- */

static void test_grace_period_culprit_is_named_and_killed(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "deaf", DEAF);
	scene_service(scene, "web",
		      "trap 'seq -f \"word %g\" 1 4000; echo told; exit 0' TERM; echo "
		      "up; " SCENE_TRAPPING);
	run = start(scene, scene_seconds(scene, "DINIT_GRACE_PERIOD", 5000), NULL);
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "the teardown takes longer than DINIT_GRACE_PERIOD allows "
				"\\([0-9.]+ s\\): killing what is left$");
	run_expect_line(run, RUN_STDERR,
			WARNING "deaf/run: PID [0-9]+ is still running: killing it$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: word [0-9]+$"), 4000);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDERR, "web/run: PID [0-9]+ is still");
}

static void test_grace_period_is_enough_where_all_stop(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	run = start(scene, "DINIT_GRACE_PERIOD=1000", NULL);
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "DINIT_GRACE_PERIOD|killing");
}

/* Starts a teardown that a service's end begins, and that a deaf one keeps from ending. */
static struct run *start_own_teardown(struct scene *scene, const char *setting,
				      const char *setting2)
{
	struct run *run;

	scene_fifo(scene, "trigger");
	scene_service(scene, "trigger", "read go <\"$SCENE/trigger\"; exit 7");
	scene_service(scene, "deaf", DEAF);
	run = start(scene, setting, setting2);
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	run_wait_line(run, RUN_STDERR, "deaf/run: sending TERM");
	return run;
}

/* The grace period counts from the signal, whatever began the teardown before. */
static void test_grace_period_counts_from_signal_in_own_teardown(struct scene *scene)
{
	struct run *run =
		start_own_teardown(scene, "DINIT_STOP_TIMEOUT=0", "DINIT_GRACE_PERIOD=0.2");

	run_expect_no_line(run, RUN_STDERR, "DINIT_GRACE_PERIOD");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "DINIT_GRACE_PERIOD allows");
	run_expect_line(run, RUN_STDERR, "deaf/run: PID [0-9]+ is still running: killing it$");
}

/* Where both limits are set, the one that is over first counts. */
static void test_grace_period_does_not_prolong_stop_timeout(struct scene *scene)
{
	struct run *run =
		start_own_teardown(scene, "DINIT_STOP_TIMEOUT=1", "DINIT_GRACE_PERIOD=100000");

	run_signal(run, SIGTERM);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "DINIT_STOP_TIMEOUT allows");
}

/* Whatever delayed the stop is killed, and the services stop in order: they have done nothing
 * wrong. */
static void test_grace_period_ends_prestop_that_hangs(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "app", "echo up; exec sleep 1000");
	scene_script(scene, "services/app/prestop", "trap '' TERM; while :; do sleep 1000; done");
	scene_script(scene, "services/app/terminate", "echo terminating; kill \"$DINIT_PID\"");
	run = start(scene, "DINIT_GRACE_PERIOD=0.2", NULL);
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "the teardown takes longer than DINIT_GRACE_PERIOD allows "
				"\\(0.2 s\\): telling the services to stop now$");
	run_expect_line(run, RUN_STDERR, WARNING "app/prestop: PID [0-9]+ is still running");
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDOUT, " app/term: terminating$");
	run_expect_no_line(run, RUN_STDERR, "(web|app)/run: PID [0-9]+ is still running");
}

/* A deaf service beside it is killed all the same. */
static void test_grace_period_kills_after_prestop_that_hangs(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "deaf", DEAF);
	scene_script(scene, "services/deaf/prestop", "exec sleep 1000");
	run = start(scene, "DINIT_GRACE_PERIOD=0.2", NULL);
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "deaf/prestop: PID [0-9]+ is still running");
	run_expect_line(run, RUN_STDERR, WARNING "deaf/run: PID [0-9]+ is still running");
}

/* No process is left, and only lines are written out: there is nothing to be limited. That the
 * reader is given up shows that the limit would have been over. */
static void test_grace_period_does_not_begin_when_lines_are_left(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "trigger");
	scene_service(scene, "web",
		      "read go <\"$SCENE/trigger\"; seq -f 'a line that is long enough %g' 1 3000");
	run = start(scene, "DINIT_GRACE_PERIOD=1", NULL);
	run_wait_line(run, RUN_STDERR, "web/run: running with PID");
	run_pause(run, RUN_STDOUT);
	scene_let_go(scene, "trigger");
	run_wait_line(run, RUN_STDERR, "web/run: PID [0-9]+ exited with status 0");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "signal 15 .*already");
	run_wait_line(run, RUN_STDERR, WARNING "stdout is given up");
	run_resume(run, RUN_STDOUT);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "DINIT_GRACE_PERIOD|killing|left behind");
}

/* Where it is over before the delay is, nothing goes on. */
static void test_grace_period_ends_stop_delay(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo up; exec sleep 1000");
	run = start(scene, LONG_DELAY, "DINIT_GRACE_PERIOD=0.2");
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "DINIT_GRACE_PERIOD allows");
}

/* ---- a teardown that takes long ---- */

/* Each kind of what is waited for is named with its PID. */
static void test_long_teardown_names_what_is_waited_for(struct scene *scene)
{
	static const char *const names[] = { "deaf/run", "logged/log", "slow/term",
					     "the orphan sleep" };
	struct run *run;
	const char *line;

	scene_fifo(scene, "go");
	scene_service(scene, "deaf", "trap '' TERM; echo up; read go <\"$SCENE/go\"");
	scene_service(scene, "logged", "echo up >&2; exec sleep 1000");
	scene_script(scene, "services/logged/log/run", "read go <\"$SCENE/go\"");
	scene_service(scene, "slow", "echo up; exec sleep 1000");
	scene_script(scene, "services/slow/terminate",
		     "read go <\"$SCENE/go\"; kill \"$DINIT_PID\"");
	scene_service(scene, "parent",
		      "(trap '' TERM; exec sleep 1000) & echo up; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_KILL_TIMEOUT=7") });
	run_wait_lines(run, RUN_STDOUT, "up$", 3);
	run_wait_line(run, RUN_STDERR, " logged/run: up$");
	run_signal(run, SIGTERM);
	line = run_wait_line(run, RUN_STDERR, WARNING "the teardown still waits for ");
	for (size_t i = 0; i < COUNT(names); i++)
		if (!strstr(line, scene_format(scene, "%s (PID ", names[i])))
			scene_fail("no %s in: %s", names[i], line);
	for (size_t i = 0; i < COUNT(names) - 1; i++)
		scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "still waits for"), 1);
}

static void test_long_teardown_names_twenty_and_counts_the_rest(struct scene *scene)
{
	struct run *run;
	const char *line;
	size_t named = 0;

	for (int i = 0; i < 23; i++)
		scene_service(scene, scene_format(scene, "deaf-%d", i), DEAF);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_GRACE_PERIOD=5.3") });
	run_wait_lines(run, RUN_STDOUT, "up$", 23);
	run_signal(run, SIGTERM);
	line = run_wait_line(run, RUN_STDERR,
			     WARNING "the teardown still waits for .* and 3 more$");
	for (const char *at = line; (at = strstr(at, " (PID ")); at++)
		named++;
	assert_int_equal(named, 20);
	run_expect_exit(run, 0);
}

/* ---- DINIT_EXIT_STATUS ---- */

static void test_exit_status_service_is_that_of_the_cause(struct scene *scene)
{
	static const struct {
		const char *how;
		int status;
	} cases[] = {
		{ "exit 0", 0 },
		{ "exit 1", 1 },
		{ "exit 7", 7 },
		{ "exit 255", 255 },
		{ "kill -KILL $$", 128 + 9 },
		{ "kill -TERM $$", 128 + 15 },
		{ "kill -37 $$", 128 + 37 },
	};

	scene_fifo(scene, "trigger");
	scene_service(scene, "other", "trap 'exit 9' TERM; echo up; " SCENE_TRAPPING);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		scene_service(scene, "trigger",
			      scene_format(scene, "read go <\"$SCENE/trigger\"; %s", cases[i].how));
		run = start(scene, "DINIT_EXIT_STATUS=service", NULL);
		run_wait_line(run, RUN_STDOUT, "up$");
		scene_let_go(scene, "trigger");
		run_expect_exit(run, cases[i].status);
	}
}

static void test_exit_status_service_counts_logging_program(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo up; exec sleep 1000");
	scene_script(scene, "services/web/log/run", "read line; exit 5");
	run = start(scene, "DINIT_EXIT_STATUS=service", NULL);
	run_expect_exit(run, 5);
}

/* Every status of an adopted orphan becomes that of dinit, 115 as well. */
static void test_exit_status_service_counts_adopted_orphan(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "(sh -c 'read go <\"$SCENE/go\"; exit 115' >/dev/null 2>&1 &)\n"
		      "echo up; exec sleep 1000");
	run = start(scene, "DINIT_EXIT_STATUS=service", "DINIT_REPARENTING_POLICY=adopt");
	run_wait_line(run, RUN_STDERR, WARNING "sh/[0-9]+: lost its parent, adopting it");
	scene_let_go(scene, "go");
	run_expect_exit(run, 115);
}

/* Where no program's end was the cause, the statuses are dinit's. */
static void test_exit_status_service_is_dinits_without_an_end(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap 'exit 7' TERM; echo up; " SCENE_TRAPPING);
	run = start(scene, "DINIT_EXIT_STATUS=service", NULL);
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	scene_service(scene, "web", "exit 115");
	run = start(scene, "DINIT_EXIT_STATUS=service", NULL);
	run_expect_exit(run, 0);
	scene_file(scene, "services/web/run", 0755, "#!/no/such/interpreter\n");
	run = start(scene, "DINIT_EXIT_STATUS=service", NULL);
	run_expect_exit(run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_stop_delay_services_stop_when_it_is_over),
		SCENE(test_stop_delay_is_ended_by_second_signal),
		SCENE(test_stop_delay_is_not_ended_by_other_signal),
		SCENE(test_stop_delay_is_ended_by_end_of_service),
		SCENE(test_stop_delay_is_ended_when_nothing_is_left),
		SCENE(test_stop_delay_is_none_for_own_cause),
		SCENE(test_stop_delay_slow_reader_is_not_given_up),
		SCENE(test_stop_delay_orphans_are_dealt_with_as_ever),
		SCENE(test_grace_period_culprit_is_named_and_killed),
		SCENE(test_grace_period_is_enough_where_all_stop),
		SCENE(test_grace_period_counts_from_signal_in_own_teardown),
		SCENE(test_grace_period_does_not_prolong_stop_timeout),
		SCENE(test_grace_period_ends_prestop_that_hangs),
		SCENE(test_grace_period_kills_after_prestop_that_hangs),
		SCENE(test_grace_period_does_not_begin_when_lines_are_left),
		SCENE(test_grace_period_ends_stop_delay),
		SCENE(test_long_teardown_names_what_is_waited_for),
		SCENE(test_long_teardown_names_twenty_and_counts_the_rest),
		SCENE(test_exit_status_service_is_that_of_the_cause),
		SCENE(test_exit_status_service_counts_logging_program),
		SCENE(test_exit_status_service_counts_adopted_orphan),
		SCENE(test_exit_status_service_is_dinits_without_an_end),
	};

	return scene_run_side_by_side("delay", tests, COUNT(tests));
}
