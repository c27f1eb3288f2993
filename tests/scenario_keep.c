/* SPDX-License-Identifier: ISC */
/* Orphans that are there on purpose (DINIT_KEEP), and programs that leave very many of them. */
#include "harness.h"

#include <signal.h>

#define WARNING " dinit: warning: "
#define KEPT " dinit: info: epmd/[0-9]+: lost its parent, leaving it alone: .*/epmd 1000$"

static struct run *start(struct scene *scene, const char *keep, const char *more)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						     scene_format(scene, "DINIT_KEEP=%s", keep),
						     more ? more : "X=") });
}

/* A service that leaves a helper behind, which does what sleep does under the name of epmd, and
 * then does what the body says. */
static void make_helper(struct scene *scene, const char *body)
{
	scene_service(scene, "web",
		      scene_format(scene,
				   "ln -sf \"$(command -v sleep)\" \"$SCENE/epmd\"\n"
				   "(exec > /dev/null 2>&1; \"$SCENE/epmd\" 1000 & \n"
				   "echo $! > \"$SCENE/pid\")\n%s",
				   body));
}

/* Waits until the helper is left alone, and stops the container, which ends the helper. */
static void expect_kept(struct run *run)
{
	run_wait_line(run, RUN_STDERR, KEPT);
	run_expect_no_line(run, RUN_STDERR, WARNING);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, " epmd/[0-9]+: orphan was killed by signal 15 ");
	run_expect_no_line(run, RUN_STDERR, WARNING);
}

static void test_kept_under_terminate_is_left_alone_until_the_stop(struct scene *scene)
{
	make_helper(scene, "exec sleep 1000");
	expect_kept(start(scene, "epmd", NULL));
}

static void test_kept_under_adopt_is_left_alone_until_the_stop(struct scene *scene)
{
	make_helper(scene, "exec sleep 1000");
	expect_kept(start(scene, "epmd", "DINIT_REPARENTING_POLICY=adopt"));
}

static void test_kept_by_pattern_is_left_alone_until_the_stop(struct scene *scene)
{
	make_helper(scene, "exec sleep 1000");
	expect_kept(start(scene, "screen,containerd-shim*,e?m*", NULL));
	expect_kept(start(scene, "*", NULL));
}

/* The run script goes on for longer than a look takes to come, and uses its helper. */
static void test_kept_helper_still_serves_its_service(struct scene *scene)
{
	struct run *run;

	make_helper(scene, "sleep 1.2; kill -0 \"$(cat \"$SCENE/pid\")\" && echo served\n"
			   "exec sleep 1000");
	run = start(scene, "epmd", NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: served$");
	expect_kept(run);
}

static void check_end(struct scene *scene, const char *policy)
{
	struct run *run;

	make_helper(scene, "read go < \"$SCENE/go\"; kill -SEGV \"$(cat \"$SCENE/pid\")\"\n"
			   "exec sleep 1000");
	run = start(scene, "epmd", policy);
	run_wait_line(run, RUN_STDERR, KEPT);
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, " epmd/[0-9]+: orphan was killed by signal 11 ");
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

static void test_kept_that_crashes_ends_nothing(struct scene *scene)
{
	scene_fifo(scene, "go");
	check_end(scene, "DINIT_REPARENTING_POLICY=terminate");
	check_end(scene, "DINIT_REPARENTING_POLICY=adopt");
}

static void test_kept_that_is_deaf_is_killed_in_the_teardown(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "ln -sf \"$(command -v sleep)\" \"$SCENE/epmd\"\n"
		      "(trap '' TERM; exec > /dev/null 2>&1; \"$SCENE/epmd\" 1000 &)\n"
		      "exec sleep 1000");
	run = start(scene, "epmd", "DINIT_KILL_TIMEOUT=0.3");
	run_wait_line(run, RUN_STDERR, KEPT);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "epmd/[0-9]+: orphan is still running: killing it$");
}

/* A container whose last service has disabled itself lives on with its helper. */
static void test_kept_keeps_a_container_without_services_alive(struct scene *scene)
{
	struct run *run;

	make_helper(scene, "exit 115");
	run = start(scene, "epmd", NULL);
	expect_kept(run);
	run_expect_no_line(run, RUN_STDERR, "have disabled themselves");
}

static void test_not_kept_is_terminated_with_a_hint_the_first_time(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	make_helper(scene, "read go < \"$SCENE/go\"\n"
			   "(exec > /dev/null 2>&1; \"$SCENE/epmd\" 1000 &)\n"
			   "exec sleep 1000");
	run = start(scene, "epm,epmd2", NULL);
	run_wait_line(run, RUN_STDERR,
		      WARNING "epmd/[0-9]+: lost its parent, terminating it: .*/epmd 1000 "
			      "\\(DINIT_KEEP=epmd leaves it alone\\)$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR,
		      WARNING "epmd/[0-9]+: lost its parent, terminating it: .*/epmd 1000$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* A comma in a name would end it in DINIT_KEEP. */
static void test_not_kept_with_a_comma_in_its_name_gets_a_hint_that_works(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "ln -sf \"$(command -v sleep)\" \"$SCENE/a,b\"\n"
		      "(exec > /dev/null 2>&1; \"$SCENE/a,b\" 1000 &)\n"
		      "exec sleep 1000");
	run = start(scene, "a,b", NULL);
	run_wait_line(run, RUN_STDERR,
		      WARNING
		      "a,b/[0-9]+: lost its parent, .* \\(DINIT_KEEP=a\\?b leaves it alone\\)$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run = start(scene, "a?b", NULL);
	run_wait_line(run, RUN_STDERR,
		      " dinit: info: a,b/[0-9]+: lost its parent, leaving it alone: ");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* In a teardown nothing is kept, and nobody is told that it could be. */
static void test_orphan_of_the_teardown_gets_no_hint(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "sleep 1000 & echo up; exec sleep 2000");
	run = start(scene, "", NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "sleep/[0-9]+: lost its parent, terminating it: sleep 1000$");
}

/* ---- programs that leave orphans all the time ---- */

static void test_noisy_program_gets_ten_warnings_and_a_sum(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "i=0; while [ $((i += 1)) -le 25 ]; do (sleep 1000 &); done\n"
		      "(tail -f /dev/null &)\n"
		      "exec sleep 2000");
	run = start(scene, "", NULL);
	run_wait_lines(run, RUN_STDERR, " sleep/[0-9]+: orphan was killed by signal 15 ", 25);
	run_wait_line(run, RUN_STDERR, " tail/[0-9]+: orphan was killed by signal 15 ");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "sleep/[0-9]+: lost its parent"), 10);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "tail/[0-9]+: lost its parent"), 1);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR,
					 WARNING "sleep: 15 more orphans were terminated within a "
						 "minute$"),
			 1);
}

/* Of a warning that was not written, the one that it is killed is not either. */
static void test_noisy_program_that_is_deaf_gets_no_more_warnings(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "trap '' TERM\n"
		      "i=0; while [ $((i += 1)) -le 15 ]; do (sleep 1000 &); done\n"
		      "exit 115");
	run = start(scene, "", "DINIT_KILL_TIMEOUT=0.2");
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "sleep/[0-9]+: orphan was killed by "),
			 15);
	assert_int_equal(run_count_lines(run, RUN_STDERR, WARNING "sleep/.*: killing it$"), 10);
	run_expect_line(run, RUN_STDERR, WARNING "sleep: 5 more orphans were terminated ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_kept_under_terminate_is_left_alone_until_the_stop),
		SCENE(test_kept_under_adopt_is_left_alone_until_the_stop),
		SCENE(test_kept_by_pattern_is_left_alone_until_the_stop),
		SCENE(test_kept_helper_still_serves_its_service),
		SCENE(test_kept_that_crashes_ends_nothing),
		SCENE(test_kept_that_is_deaf_is_killed_in_the_teardown),
		SCENE(test_kept_keeps_a_container_without_services_alive),
		SCENE(test_not_kept_is_terminated_with_a_hint_the_first_time),
		SCENE(test_not_kept_with_a_comma_in_its_name_gets_a_hint_that_works),
		SCENE(test_orphan_of_the_teardown_gets_no_hint),
		SCENE(test_noisy_program_gets_ten_warnings_and_a_sum),
		SCENE(test_noisy_program_that_is_deaf_gets_no_more_warnings),
	};

	return scene_run_all("keep", tests, sizeof tests / sizeof *tests);
}
