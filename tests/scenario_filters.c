/* SPDX-License-Identifier: ISC */
/* Filters: what a run puts between a program and dinit ("exec > >(sed ...)", "program | sed"), and
 * what becomes of the lines in it when the program has ended. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/capability.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LINES 100
#define MANY 300

/* Lines of shell that a filter which takes its time consists of: it has most of its input before it
 * when the program ends. A busy machine may take long for each sleep, so there are few. */
#define SLOW_FILTER \
	"while read -r line; do " \
	"case $line in *1) sleep 0.02; esac; echo \"filtered $line\"; done"
/* A program that writes LINES lines at once. */
#define WRITE_LINES "i=0; while [ $i -lt 100 ]; do i=$((i + 1)); echo \"line $i\"; done"

static const char *const policies[] = { "terminate", "adopt", "ignore" };

static struct run *start(struct scene *scene, const char *policy, const char *more)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
					      scene_format(scene, "DINIT_REPARENTING_POLICY=%s",
							   policy),
					      more ? more : "X=") });
}

/* All lines came out, in order, and nobody was warned of the filter. */
static void expect_filtered(struct run *run, enum run_stream stream)
{
	const char *at = run->outputs[stream].bytes;
	char line[64];

	for (int i = 1; i <= LINES; i++) {
		snprintf(line, sizeof line, "Z web/run: filtered line %d\n", i);
		at = strstr(at, line);
		if (!at)
			scene_fail("line %d did not come, or not in order", i);
	}
	run_expect_no_line(run, RUN_STDERR, "lost its parent, (terminating|adopting)");
	run_expect_no_line(run, RUN_STDERR, "killing it");
}

/* Plays that service under each policy; it ends by itself, with status 3. */
static void check(struct scene *scene, const char *interpreter, const char *body,
		  enum run_stream stream)
{
	scene_file(scene, "services/web/run", 0755,
		   scene_format(scene, "#!%s\n%s\n", interpreter, body));
	for (size_t i = 0; i < COUNT(policies); i++) {
		struct run *run = start(scene, policies[i], NULL);

		run_expect_exit(run, 3);
		expect_filtered(run, stream);
		run_expect_line(run, RUN_STDERR, ": filter exited with status 0$");
	}
}

static void test_filter_of_exec_passes_on_the_last_words(struct scene *scene)
{
	check(scene, "/bin/bash",
	      "exec > >(" SLOW_FILTER ")\n"
	      "exec sh -c '" WRITE_LINES "; exit 1'",
	      RUN_STDOUT);
}

static void test_filter_of_stderr_passes_on_the_last_words(struct scene *scene)
{
	check(scene, "/bin/bash",
	      "exec 2> >(" SLOW_FILTER " >&2)\n"
	      "exec sh -c '{ " WRITE_LINES "; } >&2; exit 1'",
	      RUN_STDERR);
}

/* The shell in front of the pipe is killed: program and filter are both orphans. */
static void test_filter_of_pipeline_passes_on_the_last_words(struct scene *scene)
{
	scene_fifo(scene, "up");
	check(scene, "/bin/sh",
	      "{ read -r up < \"$SCENE/up\"; " WRITE_LINES "; kill -9 $$; } |\n"
	      "{ echo up > \"$SCENE/up\"; " SLOW_FILTER "; }",
	      RUN_STDOUT);
}

static void test_filter_of_both_streams_passes_on_the_last_words(struct scene *scene)
{
	scene_fifo(scene, "up");
	check(scene, "/bin/sh",
	      "{ read -r up < \"$SCENE/up\"; { " WRITE_LINES "; } >&2; kill -9 $$; } 2>&1 |\n"
	      "{ echo up > \"$SCENE/up\"; " SLOW_FILTER "; }",
	      RUN_STDOUT);
}

/* A shell without >( ) does it with a named pipe. */
static void test_filter_of_named_pipe_passes_on_the_last_words(struct scene *scene)
{
	check(scene, "/bin/sh",
	      "rm -f \"$SCENE/fifo\"; mkfifo \"$SCENE/fifo\"\n"
	      "{ " SLOW_FILTER "; } < \"$SCENE/fifo\" &\n"
	      "exec > \"$SCENE/fifo\"\n" WRITE_LINES "\nexit 7",
	      RUN_STDOUT);
}

/* The end of the first filter makes an orphan of the second, which it had started. */
static void test_filter_of_filter_passes_on_the_last_words(struct scene *scene)
{
	check(scene, "/bin/bash",
	      "exec > >(exec > >(while read -r line; do echo \"$line\"; done)\n" SLOW_FILTER ")\n"
	      "exec sh -c '" WRITE_LINES "; exit 1'",
	      RUN_STDOUT);
}

static void test_filter_in_teardown_passes_on_the_last_words(struct scene *scene)
{
	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\n"
		   "exec > >(" SLOW_FILTER ")\n"
		   "trap '" WRITE_LINES "; exit' TERM\n"
		   "echo up\n" SCENE_TRAPPING "\n");
	for (size_t i = 0; i < COUNT(policies); i++) {
		struct run *run = start(scene, policies[i], NULL);

		run_wait_line(run, RUN_STDOUT, " web/run: filtered up$");
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		expect_filtered(run, RUN_STDOUT);
	}
}

/* A service that has disabled itself leaves its filter to end in peace, and the container goes
 * on. */
static void test_filter_of_disabled_service_ends_nothing(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "other", "exec sleep 1000");
	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\nexec > >(" SLOW_FILTER ")\n" WRITE_LINES "\nexit 115\n");
	run = start(scene, "terminate", NULL);
	run_wait_line(run, RUN_STDERR, ": filter exited with status 0$");
	run_wait_line(run, RUN_STDOUT, " web/run: filtered line 100$");
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_filtered(run, RUN_STDOUT);
}

/* Somebody holds its input open who is not going to write to it. */
static void test_filter_whose_input_never_ends_has_the_kill_timeout(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "up");
	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\n"
		   "exec > >(exec cat)\n"
		   "(trap '' TERM; echo up > \"$SCENE/up\"; exec sleep 1000 2> /dev/null) &\n"
		   "read -r up < \"$SCENE/up\"\n"
		   "exit 1\n");
	run = start(scene, "terminate", "DINIT_KILL_TIMEOUT=1");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, " [a-z]+/[0-9]+: orphan is still running: killing it$");
	run_expect_line(run, RUN_STDERR,
			": filter exited with status 0$|"
			" cat/[0-9]+: lost its parent, terminating it: ");
}

/* With DINIT_KILL_TIMEOUT over, the policy applies. */
static void test_filter_that_goes_on_is_terminated_after_the_kill_timeout(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\nexec > >(exec sleep 1000)\nexec sh -c 'exit 5'\n");
	run = start(scene, "terminate", "DINIT_KILL_TIMEOUT=1");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			" [a-z]+/[0-9]+: lost its parent and is a filter: waiting until its input "
			"ends$");
	run_expect_line(run, RUN_STDERR,
			" sleep/[0-9]+: lost its parent, terminating it: sleep 1000$");
}

/* They are at work on something else, as the jobs of cron are, and have the same input. */
static void test_filters_whose_input_has_ended_do_not_hold_up_a_stop(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "up");
	scene_service(scene, "web",
		      "echo secret | sh -c 'read -r secret; sh -c \"echo up > $SCENE/up; sleep "
		      "1001; :\"; "
		      ":' &\n"
		      "read -r up < \"$SCENE/up\"\n"
		      "echo ready\nexec sleep 1000");
	run = start(scene, "terminate", "DINIT_KILL_TIMEOUT=100");
	run_wait_line(run, RUN_STDOUT, " web/run: ready$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			"the teardown still waits for the filter sh \\(PID [0-9]+\\)$");
	run_expect_line(run, RUN_STDERR,
			" sh/[0-9]+: lost its parent, terminating it: sh -c read ");
	run_expect_line(run, RUN_STDERR,
			" sh/[0-9]+: lost its parent, terminating it: sh -c echo ");
	run_expect_line(run, RUN_STDERR,
			" sleep/[0-9]+: lost its parent, terminating it: sleep 1001$");
	run_expect_no_line(run, RUN_STDERR, "still waits for .*sleep");
}

/* What feeds it is no child of dinit's, and ends late: its last words need a moment. */
static void test_filter_that_is_fed_late_passes_on_the_last_words(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\n"
		   "trap 'sleep 7; kill $feeder; wait $feeder; sleep 2; exit 0' TERM\n"
		   "bash -c 'exec > >(while read -r line; do sleep 0.6; echo \"filtered $line\"; "
		   "done)\n"
		   "trap \"echo last words; exit\" TERM\n"
		   "echo up\nwhile :; do sleep 1000 >&2 & wait; done' &\n"
		   "feeder=$!\nwait\n");
	run = start(scene, "terminate", NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: filtered up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: filtered last words$");
}

static void test_filter_that_goes_on_is_left_behind_with_ignore(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\nexec > >(exec sleep 1000)\nexec sh -c 'exit 5'\n");
	run = start(scene, "ignore", "DINIT_KILL_TIMEOUT=0.3");
	run_expect_exit(run, 3);
	run_expect_no_line(run, RUN_STDERR, "lost its parent, (terminating|adopting)");
}

/* A teardown that takes too long spares filters at first, as it does logging programs. */
static void test_filter_in_overtime_is_killed_last(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\nexec > >(exec sleep 1000)\nexec sh -c 'exit 5'\n");
	run = start(scene, "ignore", "DINIT_STOP_TIMEOUT=1");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "longer than DINIT_STOP_TIMEOUT allows");
	run_expect_line(run, RUN_STDERR, " sleep/[0-9]+: orphan is still running: killing it$");
}

/* ---- the filters of another user ---- */

static struct run *start_other_user(struct scene *scene, void (*prepare)(void *ctx))
{
	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_file(scene, "services/web/run", 0755,
		   scene_format(scene,
				"#!/bin/bash\n"
				"exec setpriv --reuid=%u --regid=%u --clear-groups bash -c '\n"
				"exec > >(" SLOW_FILTER ")\n" WRITE_LINES "\nexit 1'\n",
				(unsigned)scene_user(), (unsigned)scene_user()));
	return run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
									"DINIT_LOG_LEVEL=info"),
						    .prepare = prepare });
}

static void test_filter_of_other_user_passes_on_the_last_words(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_trace_others(), RIG_WHY_TRACED);
	run = start_other_user(scene, NULL);
	run_expect_exit(run, 3);
	expect_filtered(run, RUN_STDOUT);
}

static void forbid_looking(void *ctx)
{
	(void)ctx;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE) < 0)
		_exit(126);
}

/* Its descriptors cannot be seen: it is an orphan like any other. */
static void test_filter_that_cannot_be_looked_at_is_none(struct scene *scene)
{
	struct run *run = start_other_user(scene, forbid_looking);

	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, ": lost its parent, terminating it: ");
	run_expect_no_line(run, RUN_STDERR, "is a filter");
}

/* ---- many ---- */

/* Each holds the input of those before it: they end one after the other, the last one first. */
static void test_filters_in_great_number_pass_on_each_line(struct scene *scene)
{
	struct rlimit limit;
	struct run *run;

	scene_need(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > MANY + 50,
		   "a process may not have 350 open files: raise ulimit -Hn");
	scene_fifo(scene, "up");
	scene_file(scene, "services/web/run", 0755,
		   "#!/bin/bash\n"
		   "ulimit -Sn \"$(ulimit -Hn)\"\n"
		   "exec 3<> \"$SCENE/up\"\n"
		   "i=0\n"
		   "while [ $((i += 1)) -le 300 ]; do\n"
		   "	exec {fd}> >(echo up >&3; exec cat 3>&-)\n"
		   "	echo \"line $i\" >&$fd\n"
		   "done\n"
		   "while [ $((i -= 1)) -gt 0 ]; do read -r up <&3; done\n"
		   "exit 1\n");
	run = start(scene, "terminate", NULL);
	run_expect_exit(run, 3);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: line [0-9]+$"), MANY);
	run_expect_no_line(run, RUN_STDERR, "lost its parent, terminating");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_filter_of_exec_passes_on_the_last_words),
		SCENE(test_filter_of_stderr_passes_on_the_last_words),
		SCENE(test_filter_of_pipeline_passes_on_the_last_words),
		SCENE(test_filter_of_both_streams_passes_on_the_last_words),
		SCENE(test_filter_of_named_pipe_passes_on_the_last_words),
		SCENE(test_filter_of_filter_passes_on_the_last_words),
		SCENE(test_filter_in_teardown_passes_on_the_last_words),
		SCENE(test_filter_of_disabled_service_ends_nothing),
		SCENE(test_filter_whose_input_never_ends_has_the_kill_timeout),
		SCENE(test_filter_that_goes_on_is_terminated_after_the_kill_timeout),
		SCENE_AS_INIT(test_filters_whose_input_has_ended_do_not_hold_up_a_stop),
		SCENE_AS_INIT(test_filter_that_is_fed_late_passes_on_the_last_words),
		SCENE(test_filter_that_goes_on_is_left_behind_with_ignore),
		SCENE(test_filter_in_overtime_is_killed_last),
		SCENE(test_filter_of_other_user_passes_on_the_last_words),
		SCENE(test_filter_that_cannot_be_looked_at_is_none),
		SCENE_AS_INIT(test_filters_in_great_number_pass_on_each_line),
	};

	return scene_run_all("filters", tests, COUNT(tests));
}
