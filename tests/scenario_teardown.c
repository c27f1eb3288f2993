/* SPDX-License-Identifier: ISC */
/* What begins a teardown, how it goes, and the exit status it leaves. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define INFO LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info")
#define ERROR "^[^ ]+Z dinit: error: "
#define WARNING "^[^ ]+Z dinit: warning: "

/* Says that it was told to stop, and does. */
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING

/* Ignores TERM, and ends when the test lets it go. */
#define STUBBORN "trap '' TERM; echo up; read go <\"$SCENE/go\"; echo ended by itself"

static void add_polite(struct scene *scene, const char *name)
{
	scene_service(scene, name, POLITE);
}

/* A service that ends like this as soon as the test lets it go. */
static void add_trigger(struct scene *scene, const char *how)
{
	scene_fifo(scene, "trigger");
	scene_service(scene, "trigger",
		      scene_format(scene, "read go <\"$SCENE/trigger\"; %s", how));
}

/* ---- causes; the exit status; the message ---- */

static void test_service_ending_stops_the_others_with_its_status(struct scene *scene)
{
	static const struct {
		const char *how, *message;
		int status;
	} cases[] = {
		{ "exit 0", WARNING "trigger/run: PID [0-9]+ exited with status 0", 0 },
		{ "exit 1", ERROR "trigger/run: PID [0-9]+ exited with status 1,", 3 },
		{ "exit 3", ERROR "trigger/run: PID [0-9]+ exited with status 3,", 3 },
		{ "exit 114", ERROR "trigger/run: PID [0-9]+ exited with status 114,", 3 },
		{ "exit 116", ERROR "trigger/run: PID [0-9]+ exited with status 116,", 3 },
		{ "exit 255", ERROR "trigger/run: PID [0-9]+ exited with status 255,", 3 },
		{ "kill -KILL $$", ERROR "trigger/run: PID [0-9]+ was killed by signal 9 ", 3 },
		{ "kill -TERM $$", ERROR "trigger/run: PID [0-9]+ was killed by signal 15 ", 3 },
		{ "ulimit -c 0; kill -SEGV $$",
		  ERROR "trigger/run: PID [0-9]+ was killed by signal 11 ", 3 },
	};

	add_polite(scene, "other");
	add_trigger(scene, "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		scene_service(scene, "trigger",
			      scene_format(scene, "read go <\"$SCENE/trigger\"; %s", cases[i].how));
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_wait_line(run, RUN_STDOUT, " other/run: up$");
		scene_let_go(scene, "trigger");
		run_expect_exit(run, cases[i].status);
		run_expect_line(run, RUN_STDERR, cases[i].message);
		run_expect_line(run, RUN_STDOUT, " other/run: told$");
		/* The message, and after a failure the last line. */
		assert_int_equal(run_count_lines(run, RUN_STDERR, ""),
				 cases[i].status != 0 ? 2 : 1);
	}
}

static void test_logging_program_ending_under_service_stops_container(struct scene *scene)
{
	static const struct {
		const char *how, *message;
		int status;
	} cases[] = {
		{ "exit 0", WARNING "web/log: PID [0-9]+ exited with status 0", 0 },
		{ "exit 5", ERROR "web/log: PID [0-9]+ exited with status 5", 3 },
		{ "kill -KILL $$", ERROR "web/log: PID [0-9]+ was killed by signal 9", 3 },
	};

	add_polite(scene, "web");
	add_polite(scene, "other");
	scene_fifo(scene, "go");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		scene_script(scene, "services/web/log/run",
			     scene_format(scene,
					  "read line; echo \"$line\"; read go <\"$SCENE/go\"; %s",
					  cases[i].how));
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
		scene_let_go(scene, "go");
		run_expect_exit(run, cases[i].status);
		run_expect_line(run, RUN_STDERR, cases[i].message);
		run_expect_line(run, RUN_STDOUT, " other/run: told$");
		run_expect_line(run, RUN_STDOUT, " web/run: told$");
	}
}

/* "By more than 10 ms": dinit is stopped while first the logging program ends, then its service,
 * so that it sees both at the same time, and the service is the cause. */
static void test_logging_program_ending_just_before_service_is_no_cause(struct scene *scene)
{
	struct run *run;
	pid_t service, log;

	scene_fifo(scene, "log");
	scene_fifo(scene, "run");
	scene_service(scene, "web", "echo \"service $$\" >&2; read go <\"$SCENE/run\"; exit 0");
	scene_script(scene, "services/web/log/run",
		     "echo \"logger $$\" >&2; read go <\"$SCENE/log\"; exit 9");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDERR, "/run: service");
	run_wait_line(run, RUN_STDERR, "logger");
	service = atoi(run_match(run, RUN_STDERR, "/run: service ([0-9]+)", 1));
	log = atoi(run_match(run, RUN_STDERR, "logger ([0-9]+)", 1));
	run_signal(run, SIGSTOP);
	scene_let_go(scene, "log");
	scene_wait_process(log);
	scene_let_go(scene, "run");
	scene_wait_process(service);
	run_signal(run, SIGCONT);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "web/run: PID [0-9]+ exited with status 0");
	run_expect_line(run, RUN_STDERR, "dinit: info: web/log: PID [0-9]+ exited with status 9$");
}

/* The first cause decides, not how the others end once they were told. */
static void test_exit_status_is_that_of_the_first_cause(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "other", "trap 'exit 9' TERM; echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, ".");
	add_trigger(scene, "exit 0");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	run_expect_exit(run, 0);
	scene_service(scene, "other", "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "trigger", "read go <\"$SCENE/trigger\"; exit 1");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	run_expect_exit(run, 3);
}

static void link_run(struct scene *scene, const char *name, const char *program)
{
	scene_mkdir(scene, scene_format(scene, "services/%s", name));
	assert_int_equal(symlink(program, scene_path(scene, "services/%s/run", name)), 0);
}

static void test_service_ending_at_once_is_a_cause_like_any_other(struct scene *scene)
{
	struct run *run;

	link_run(scene, "quick", "/bin/true");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "quick/run: PID [0-9]+ exited with status 0");
	assert_int_equal(unlink(scene_path(scene, "services/quick/run")), 0);
	assert_int_equal(symlink("/bin/false", scene_path(scene, "services/quick/run")), 0);
	scene_script(scene, "services/quick/log/run", "exec cat");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, ERROR "quick/run: PID [0-9]+ exited with status 1");
}

/* Beside service 0 others, which take longer to start than it takes to do something. more: a
 * variable, or NULL. */
static struct run *start_with_others(struct scene *scene, int count, const char *more)
{
	for (int i = 0; i < count; i++)
		scene_service(scene, scene_format(scene, "s%d", i), "exec sleep 1000");
	return run_start(scene,
			 &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								 "DINIT_LOG_LEVEL=info", more) });
}

/* All start at once; what ends meanwhile is acted on after that. */
static void test_service_ending_during_start_keeps_none_from_starting(struct scene *scene)
{
	enum {
		OTHERS = 40
	};
	struct run *run;

	link_run(scene, "0", "/bin/false");
	run = start_with_others(scene, OTHERS, NULL);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, ERROR "0/run: PID [0-9]+ exited with status 1");
	assert_int_equal(run_count_lines(run, RUN_STDERR, " s[0-9]+/run: running"), OTHERS);
	assert_int_equal(run_count_lines(run, RUN_STDERR, " s[0-9]+/run: sending TERM"), OTHERS);
}

/* Over at once, but not before all have been told. Service stay is one that is waited for. */
static void test_stop_timeout_begins_after_the_start(struct scene *scene)
{
	struct run *run;

	link_run(scene, "0", "/bin/false");
	scene_service(scene, "stay", "exec sleep 1000");
	scene_script(scene, "services/stay/terminate", "exit 0");
	run = start_with_others(scene, 40, "DINIT_STOP_TIMEOUT=0.001");
	run_expect_exit(run, 3);
	assert_true(run_stamp_ms(run, " stay/run: running") <=
		    run_stamp_ms(run, "DINIT_STOP_TIMEOUT allows"));
}

static void test_term_during_start_keeps_the_rest_from_starting(struct scene *scene)
{
	enum {
		OTHERS = 400
	};
	struct run *run;

	scene_service(scene, "0", "kill $PPID; exec sleep 1000");
	run = start_with_others(scene, OTHERS, NULL);
	run_expect_exit(run, 0);
	assert_true(run_count_lines(run, RUN_STDERR, " s[0-9]+/run: starting") < OTHERS);
	assert_int_equal(run_count_lines(run, RUN_STDERR, " s[0-9]+/run: running"),
			 run_count_lines(run, RUN_STDERR, " s[0-9]+/run: sending TERM"));
}

static void term_is_pending(void *unused)
{
	sigset_t term;

	(void)unused;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	kill(getpid(), SIGTERM);
}

static void test_term_before_the_first_service_ends_with_0(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo started; exec sleep 1000");
	run = run_start(scene,
			&(struct run_spec){ .environment = TEXT, .prepare = term_is_pending });
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDOUT, "started");
}

static void test_second_term_is_only_noted(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", STUBBORN);
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "dinit: info: signal 15 .*: stopping");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "dinit: info: signal 15 .*already");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "ended by itself");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "web/run: sending TERM"), 1);
}

/* ---- a service that has disabled itself ---- */

static void test_service_exiting_115_disables_itself_only(struct scene *scene)
{
	struct run *run;

	add_polite(scene, "web");
	scene_service(scene, "off", "echo 'not needed'; exit 115");
	scene_service(scene, "off-logged", "echo 'not needed'; exit 115");
	scene_fifo(scene, "end");
	scene_script(scene, "services/off-logged/log/run", "cat; read go <\"$SCENE/end\"; exit 7");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDERR, "info: off/run: PID [0-9]+ .*115");
	run_wait_line(run, RUN_STDERR, "info: off-logged/run: PID [0-9]+ .*115");
	scene_let_go(scene, "end");
	run_wait_line(run, RUN_STDERR, "info: off-logged/log: PID [0-9]+ .*7");
	run_wait_line(run, RUN_STDOUT, "web/run: up");
	run_expect_no_line(run, RUN_STDOUT, "told");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "warning|error");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "not needed"), 2);
}

static void test_services_all_exiting_115_end_container_with_warning(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "one", "exit 115");
	scene_service(scene, "two", "echo last; exit 115");
	scene_script(scene, "services/two/log/run", "exec cat");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "all services have disabled themselves");
	run_expect_line(run, RUN_STDOUT, " two/run: last$");
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
}

/* "And nothing else runs": an orphan that the policy leaves alone does. */
static void test_services_all_exiting_115_wait_for_what_still_runs(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "one", "(read go <\"$SCENE/go\"; echo orphan done) & exit 115");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						    "DINIT_REPARENTING_POLICY=ignore") });
	run_wait_line(run, RUN_STDERR, "one/run: PID [0-9]+ .*115");
	run_expect_no_line(run, RUN_STDERR, "all services");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "orphan done");
	run_expect_line(run, RUN_STDERR, WARNING "all services have disabled themselves");
}

static void test_service_exiting_115_when_told_ends_container(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap 'exit 115' TERM; echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* A logging program that disables itself, its service's lines come out directly. */
static void test_logging_program_exiting_115_leaves_service_alone(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "echo first; read go <\"$SCENE/go\"; echo second; exec sleep 1000");
	scene_script(scene, "services/web/log/run", "exit 115");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDERR, "info: web/log: PID [0-9]+ .*115");
	run_wait_line(run, RUN_STDOUT, " web/run: first$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: second$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "warning|error");
}

/* ---- how a service is told to stop ---- */

static void test_terminate_runs_with_pid_of_run_and_directory(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "trap 'echo told' TERM; echo \"pid $$\"; read go <\"$SCENE/go\"; echo ended "
		      "by itself");
	scene_script(scene, "services/web/terminate",
		     "echo \"pid $DINIT_PID in $(pwd -P) x $X\"; echo now >\"$SCENE/go\"");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0", "X=y",
								       "DINIT_PID=1") });
	run_wait_line(run, RUN_STDOUT, " web/run: pid");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_string_equal(run_match(run, RUN_STDOUT, " web/run: pid ([0-9]+)", 1),
			    run_match(run, RUN_STDOUT, " web/term: pid ([0-9]+) ", 1));
	run_expect_line(run, RUN_STDOUT,
			scene_format(scene, " web/term: pid .* in %s/web x y$", scene->services));
	run_expect_line(run, RUN_STDOUT, "ended by itself");
	run_expect_no_line(run, RUN_STDOUT, "told");
}

static void test_terminate_failing_is_warned_about_and_term_sent(struct scene *scene)
{
	static const struct {
		const char *how, *reason;
	} cases[] = {
		{ "exit 4", "exited with status 4" },
		{ "kill -KILL $$", "killed by signal 9" },
	};

	add_polite(scene, "web");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		scene_script(scene, "services/web/terminate",
			     scene_format(scene, "echo trying; %s", cases[i].how));
		run = run_start(scene, &(struct run_spec){ .environment = TEXT });
		run_wait_line(run, RUN_STDOUT, "up$");
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDOUT, " web/term: trying$");
		run_expect_line(run, RUN_STDOUT, " web/run: told$");
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, WARNING "web/term: PID [0-9]+ .*%s",
					     cases[i].reason));
	}
}

static void test_terminate_that_cannot_run_is_warned_about_and_term_sent(struct scene *scene)
{
	struct run *run;

	add_polite(scene, "web");
	scene_file(scene, "services/web/terminate", 0755, "#!/no/such/interpreter\n");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "web/term: .*/no/such/interpreter");
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	scene_script(scene, "services/web/terminate", "");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "up$");
	assert_int_equal(unlink(scene_path(scene, "services/web/terminate")), 0);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "web/term: .*terminate.*(does not exist|No such file)");
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
}

/* "One that succeeds without effect: dinit waits." */
static void test_terminate_without_effect_is_waited_for(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(
		scene, "web",
		"trap 'echo told' TERM; echo up; read go <\"$SCENE/go\"; echo ended by itself");
	scene_script(scene, "services/web/terminate", "exit 0");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: web/term: PID [0-9]+ exited with status 0");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "ended by itself");
	run_expect_no_line(run, RUN_STDOUT, "told");
}

/* A terminate that outlives its service is a child like any other, and its failure then is
 * nobody's. */
static void check_terminate_outliving(struct scene *scene, const char *policy)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(scene, "web", "echo up; read go <\"$SCENE/go\"");
	scene_script(scene, "services/web/terminate",
		     "echo now >\"$SCENE/go\"; read go <\"$SCENE/end\"; echo cleaned up; exit 1");
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								"DINIT_LOG_LEVEL=info", policy) });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: web/run: PID [0-9]+ exited with status 0");
	scene_let_go(scene, "end");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/term: cleaned up$");
	run_expect_no_line(run, RUN_STDERR, "warning|sending TERM");
}

static void test_terminate_outliving_its_service_is_waited_for(struct scene *scene)
{
	check_terminate_outliving(scene, "DINIT_REPARENTING_POLICY=terminate");
}

/* "Under `ignore`: when no service, logging program or `terminate` is left." */
static void test_terminate_outliving_its_service_under_ignore_is_waited_for(struct scene *scene)
{
	check_terminate_outliving(scene, "DINIT_REPARENTING_POLICY=ignore");
}

static void test_logging_program_outliving_its_service_under_ignore_is_waited_for(
	struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "end");
	add_polite(scene, "web");
	scene_script(scene, "services/web/log/run",
		     "cat; read go <\"$SCENE/end\"; echo logger ends");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						    "DINIT_REPARENTING_POLICY=ignore") });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: web/run: PID [0-9]+ exited with status 0");
	scene_let_go(scene, "end");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: logger ends$");
}

/* "Single PIDs, never a group": a service's child is in the group of all. */
static void test_service_is_signalled_alone(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "(trap 'echo child was told' TERM; echo child up\n"
		      "while [ ! -e \"$SCENE/ended\" ]; do sleep 0.02; done) &\n"
		      "trap 'echo told; : >\"$SCENE/ended\"; wait; exit 0' TERM; echo "
		      "up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "child up$");
	run_wait_line(run, RUN_STDOUT, ": up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDOUT, "child was told");
}

/* TERM is followed by CONT, so that one who is stopped can act on it. */
static void test_service_stopped_by_signal_ends_on_term(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "trap 'echo told; exit 0' TERM\n"
		      "(while ! grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; echo "
		      "stopped) &\n"
		      "kill -STOP $$; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "stopped$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "told$");
}

/* What is said on the way out arrives, also through a logging program, which is not signalled. */
static void test_lines_of_teardown_all_arrive(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "trap 'seq -f \"word %g\" 1 2000; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "api",
		      "trap 'seq -f \"word %g\" 1 2000; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(
		scene, "services/api/log/run",
		"trap 'echo logger was told' TERM; while read -r line; do echo \"$line\"; done;"
		" echo logger ends");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: word [0-9]+$"), 2000);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " api/run: word [0-9]+$"), 2000);
	run_expect_line(run, RUN_STDOUT, " api/run: logger ends$");
	run_expect_no_line(run, RUN_STDOUT, "logger was told");
}

/* ---- limits of time ---- */

#define SHORT_LIMIT "DINIT_STOP_TIMEOUT=0.4"
#define SHORT_LIMIT_MS 400

/* It says what is left, kills it, and exits with the status of the cause. */
static void test_service_ignoring_term_is_killed_after_stop_timeout(struct scene *scene)
{
	uint64_t begin;
	struct run *run;

	scene_fifo(scene, "go");
	add_trigger(scene, "exit 6");
	scene_service(scene, "web", STUBBORN);
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST("DINIT_JSON_STDOUT=0", SHORT_LIMIT) });
	run_wait_line(run, RUN_STDOUT, "up$");
	begin = scene_now_ms();
	scene_let_go(scene, "trigger");
	run_expect_exit(run, 3);
	assert_in_range(scene_now_ms() - begin, SHORT_LIMIT_MS,
			SHORT_LIMIT_MS + scene_deadline_ms(5000));
	run_expect_line(run, RUN_STDERR,
			WARNING ".*DINIT_STOP_TIMEOUT allows \\(0.4 s\\): killing");
	run_expect_line(run, RUN_STDERR, WARNING "web/run: PID [0-9]+ .*still running");
	run_expect_line(run, RUN_STDERR, ERROR "trigger/run: PID [0-9]+ exited with status 6");
}

/* What its logging program had read, and says last, is kept. */
static void test_logged_service_ignoring_term_is_killed_and_its_lines_kept(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add_trigger(scene, "exit 6");
	scene_service(scene, "web", STUBBORN);
	scene_script(scene, "services/web/log/run",
		     "trap '' TERM; while read -r line; do echo \"$line\"; done; echo last line");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST("DINIT_JSON_STDOUT=0", SHORT_LIMIT) });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " web/run: last line$");
	run_expect_line(run, RUN_STDERR, WARNING "web/run: PID [0-9]+ .*still running");
	run_expect_no_line(run, RUN_STDERR, "web/log: PID [0-9]+ .*still running");
}

/* Nothing but a logging program is left: it is told, and killed, at once. */
static void test_logging_program_left_alone_is_killed_after_stop_timeout(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exit 6");
	scene_script(scene, "services/web/log/run", "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST("DINIT_JSON_STDOUT=0", SHORT_LIMIT) });
	run_expect_exit(run, 3);
	assert_true(run_stamp_ms(run, WARNING "web/log: PID [0-9]+ .*still running") -
			    run_stamp_ms(run, WARNING ".*DINIT_STOP_TIMEOUT") <
		    1000);
}

/* A limit that leaves time for what is to happen before it is over. */
static const char *long_limit(struct scene *scene)
{
	return scene_seconds(scene, "DINIT_STOP_TIMEOUT", 2000);
}

static void test_terminate_hanging_is_killed_after_stop_timeout(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add_trigger(scene, "exit 0");
	scene_service(scene, "web", "echo up; exec sleep 1000");
	scene_script(scene, "services/web/terminate",
		     "trap '' TERM; echo hanging; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       long_limit(scene)) });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/term: hanging$");
	run_expect_line(run, RUN_STDERR, WARNING "web/run: PID [0-9]+ .*still running");
	run_expect_line(run, RUN_STDERR, WARNING "web/term: PID [0-9]+ .*still running");
}

static void test_signal_during_own_teardown_keeps_the_limit(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add_trigger(scene, "exit 6");
	scene_service(scene, "web", STUBBORN);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=info",
								       long_limit(scene)) });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "trigger");
	run_wait_line(run, RUN_STDERR, "web/run: sending TERM");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "signal 15 .*already");
	run_expect_line(run, RUN_STDERR, WARNING "web/run: PID [0-9]+ .*still running");
}

/* Whoever asked from outside will kill: dinit does not. The service slow shows that the limit
 * has passed. */
static void expect_no_limit(struct scene *scene, const char *limit, bool from_outside, int status)
{
	struct run *run;

	scene_fifo(scene, "go");
	add_trigger(scene, "exit 6");
	scene_service(scene, "slow",
		      "trap 'sleep 0.8; echo time has passed; exit 0' TERM; echo up; while :; do "
		      "sleep 0.1; done");
	scene_service(scene, "web", STUBBORN);
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0", limit) });
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	if (from_outside)
		run_signal(run, SIGTERM);
	else
		scene_let_go(scene, "trigger");
	run_wait_line(run, RUN_STDOUT, "time has passed");
	scene_let_go(scene, "go");
	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDOUT, " web/run: ended by itself$");
	run_expect_no_line(run, RUN_STDERR, "warning");
}

static void test_teardown_from_outside_has_no_limit(struct scene *scene)
{
	expect_no_limit(scene, SHORT_LIMIT, true, 0);
}

static void test_stop_timeout_of_0_means_no_limit(struct scene *scene)
{
	expect_no_limit(scene, "DINIT_STOP_TIMEOUT=0", false, 3);
}

/* Orphans get TERM, then KILL after DINIT_KILL_TIMEOUT, in a teardown from outside, too. */
static void test_orphan_ignoring_term_is_killed_after_kill_timeout(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "(trap '' TERM; echo up; exec sleep 1000) & exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_KILL_TIMEOUT=0.3") });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "(sh|sleep)/[0-9]+: .*lost its parent");
	run_expect_line(run, RUN_STDERR, WARNING "(sh|sleep)/[0-9]+: .*killing it");
}

static void test_orphan_under_ignore_is_not_waited_for(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	scene_service(scene, "web", "(trap '' TERM; echo up; exec sleep 1000) & exec sleep 1000");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST("DINIT_JSON_STDOUT=0",
							   "DINIT_REPARENTING_POLICY=ignore") });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_without_proc_everything_else_works_with_one_warning(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	add_polite(scene, "web");
	scene_script(scene, "services/web/log/run", "exec cat");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT, .no_proc = true });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDERR, WARNING "/proc");
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
}

/* ---- levels ---- */

static void test_log_level_decides_what_is_said(struct scene *scene)
{
	static const struct {
		const char *level;
		bool error, warning, info;
	} cases[] = {
		{ "DINIT_LOG_LEVEL=none", false, false, false },
		{ "DINIT_LOG_LEVEL=error", true, false, false },
		{ "DINIT_LOG_LEVEL=warn", true, true, false },
		{ "DINIT_LOG_LEVEL=info", true, true, true },
		{ "DINIT_LOG_LEVEL=debug", true, true, true },
	};

	scene_service(scene, "web", "exit 2");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
									  "DINIT_SKIP=nobody",
									  cases[i].level) });

		run_expect_exit(run, 3);
		assert_int_equal(run_count_lines(run, RUN_STDERR, ERROR "web/run") > 0,
				 cases[i].error);
		assert_int_equal(run_count_lines(run, RUN_STDERR, WARNING ".*nobody") > 0,
				 cases[i].warning);
		assert_int_equal(run_count_lines(run, RUN_STDERR, "dinit: info: ") > 0,
				 cases[i].info);
		if (!cases[i].error)
			assert_int_equal(run->outputs[RUN_STDERR].len, 0);
	}
}

static void test_log_level_info_tells_the_life_of_each_process(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(scene, "api", "echo up; exec sleep 1000");
	scene_service(scene, "web", "echo up; read go <\"$SCENE/go\"");
	scene_script(scene, "services/web/log/run", "cat; read go <\"$SCENE/end\"");
	scene_script(scene, "services/web/terminate", "echo now >\"$SCENE/go\"");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: web/run: PID [0-9]+ exited");
	scene_let_go(scene, "end");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "dinit: info: signal 15 ");
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "api/run", "web/run", "web/log", "web/term" };
		const char *pid;

		run_expect_line(run, RUN_STDERR,
				scene_format(scene, "dinit: info: %s: starting", names[i]));
		pid = run_match(run, RUN_STDERR,
				scene_format(scene, "dinit: info: %s: running with PID ([0-9]+)",
					     names[i]),
				1);
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, "dinit: info: %s: PID %s (exited|was killed)",
					     names[i], pid));
	}
	run_expect_line(run, RUN_STDERR, "dinit: info: api/run: sending TERM to PID [0-9]+");
	run_expect_line(run, RUN_STDERR,
			"dinit: info: api/run: PID [0-9]+ was killed by signal 15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_service_ending_stops_the_others_with_its_status),
		SCENE(test_logging_program_ending_under_service_stops_container),
		SCENE_AS_SUBREAPER(test_logging_program_ending_just_before_service_is_no_cause),
		SCENE(test_exit_status_is_that_of_the_first_cause),
		SCENE(test_service_ending_at_once_is_a_cause_like_any_other),
		SCENE(test_service_ending_during_start_keeps_none_from_starting),
		SCENE(test_stop_timeout_begins_after_the_start),
		SCENE(test_term_during_start_keeps_the_rest_from_starting),
		SCENE(test_term_before_the_first_service_ends_with_0),
		SCENE(test_second_term_is_only_noted),
		SCENE(test_service_exiting_115_disables_itself_only),
		SCENE(test_services_all_exiting_115_end_container_with_warning),
		SCENE(test_services_all_exiting_115_wait_for_what_still_runs),
		SCENE(test_service_exiting_115_when_told_ends_container),
		SCENE(test_logging_program_exiting_115_leaves_service_alone),
		SCENE(test_terminate_runs_with_pid_of_run_and_directory),
		SCENE(test_terminate_failing_is_warned_about_and_term_sent),
		SCENE(test_terminate_that_cannot_run_is_warned_about_and_term_sent),
		SCENE(test_terminate_without_effect_is_waited_for),
		SCENE(test_terminate_outliving_its_service_is_waited_for),
		SCENE(test_terminate_outliving_its_service_under_ignore_is_waited_for),
		SCENE(test_logging_program_outliving_its_service_under_ignore_is_waited_for),
		SCENE(test_service_is_signalled_alone),
		SCENE(test_service_stopped_by_signal_ends_on_term),
		SCENE(test_lines_of_teardown_all_arrive),
		SCENE(test_service_ignoring_term_is_killed_after_stop_timeout),
		SCENE(test_logged_service_ignoring_term_is_killed_and_its_lines_kept),
		SCENE(test_logging_program_left_alone_is_killed_after_stop_timeout),
		SCENE(test_terminate_hanging_is_killed_after_stop_timeout),
		SCENE(test_signal_during_own_teardown_keeps_the_limit),
		SCENE(test_teardown_from_outside_has_no_limit),
		SCENE(test_stop_timeout_of_0_means_no_limit),
		SCENE(test_orphan_ignoring_term_is_killed_after_kill_timeout),
		SCENE(test_orphan_under_ignore_is_not_waited_for),
		SCENE_AS_INIT(test_without_proc_everything_else_works_with_one_warning),
		SCENE(test_log_level_decides_what_is_said),
		SCENE(test_log_level_info_tells_the_life_of_each_process),
	};

	return scene_run_all("teardown", tests, COUNT(tests));
}
