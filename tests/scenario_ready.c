/* SPDX-License-Identifier: ISC */
/* When all services are ready, and what follows where they are not in time: DINIT_READY_TIMEOUT,
 * and who is no obstacle. */
#include "harness.h"

#include <signal.h>
#include <stdio.h>

#define WARNING "^[^ ]+Z dinit: warning: "
#define ERROR "^[^ ]+Z dinit: error: "
#define INFO "^[^ ]+Z dinit: info: "
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING
#define NEVER "DINIT_CHECK_INTERVAL=100000"
/* A time that was measured, and a limit as it was set, as messages have them. */
#define TIME "[0-9.]+ (s|min [0-9]+ s)"
#define LIMIT "[0-9.]+ s"

/* In which a shell has done its work on this machine. */
static const char *short_timeout(struct scene *scene)
{
	return scene_seconds(scene, "DINIT_READY_TIMEOUT", 2000);
}

static struct run *start(struct scene *scene, const char *setting, const char *setting2)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						     NEVER, setting ? setting : "SCENE_X=1",
						     setting2 ? setting2 : "SCENE_Y=1") });
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* Adds a service that is never ready, for this reason. */
static void add_unready(struct scene *scene, const char *name, const char *reason)
{
	scene_service(scene, name, POLITE);
	scene_script(scene, scene_format(scene, "services/%s/check", name),
		     scene_format(scene, "echo %s; exit 1", reason));
}

/* ---- DINIT_READY_TIMEOUT ---- */

static void test_ready_timeout_ends_the_container(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "other", POLITE);
	add_unready(scene, "db", "starting up");
	add_unready(scene, "extra", "no matter");
	scene_file(scene, "services/extra/optional", 0644, "");
	add_unready(scene, "web", "refused");
	run = start(scene, short_timeout(scene), "DINIT_EXIT_STATUS=service");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			ERROR "db: not ready after " LIMIT ", stopping the container: exited with "
			      "status 1: starting up$");
	run_expect_line(run, RUN_STDERR,
			ERROR "web: not ready after " LIMIT ": exited "
			      "with status 1: refused$");
	/* The container does not go on without it any more. */
	run_expect_line(run, RUN_STDERR,
			WARNING "extra: not ready after " LIMIT ": exited with status 1: no "
				"matter$");
	/* The first one is the cause. */
	run_expect_line(run, RUN_STDERR,
			ERROR "stopped after " TIME " with status 3: db: not ready after " LIMIT
			      ": exited with status 1: starting up$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "/run: told$"), 4);
	run_expect_no_line(run, RUN_STDERR, "all services are ready");
}

static void test_ready_timeout_is_over_when_all_were_ready(struct scene *scene)
{
	struct run *run;
	long ready, end;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", "exit 0");
	scene_fifo(scene, "go");
	scene_service(scene, "clock",
		      scene_format(scene, "read go <\"$SCENE/go\"; sleep %g; echo later; " POLITE,
				   (double)scene_deadline_ms(2000) / 1000));
	run = start(scene, short_timeout(scene), NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready");
	scene_let_go(scene, "go");
	/* It lives longer than the limit. */
	run_wait_line(run, RUN_STDOUT, " clock/run: later$");
	ready = run_stamp_ms(run, "all services are ready");
	stop(run);
	end = run_stamp_ms(run, "stopping the container");
	assert_true(end - ready >= (long)scene_deadline_ms(2000));
	run_expect_no_line(run, RUN_STDERR, "not ready");
}

static void test_ready_timeout_of_an_optional_service_is_a_warning(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "other", POLITE);
	add_unready(scene, "extra", "refused");
	scene_file(scene, "services/extra/optional", 0644, "");
	run = start(scene, short_timeout(scene), NULL);
	run_wait_line(run, RUN_STDERR,
		      WARNING "extra: not ready after " LIMIT "; the service is optional, the "
			      "container goes on: exited with status 1: refused$");
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "/run: told$"), 2);
	run_expect_no_line(run, RUN_STDERR, ERROR);
}

/* The limit of a teardown that dinit begins itself holds. */
static void test_ready_timeout_teardown_has_its_limit(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap '' TERM; echo up; while :; do sleep 1000; done");
	scene_script(scene, "services/web/check", "exit 1");
	run = start(scene, short_timeout(scene), "DINIT_STOP_TIMEOUT=0.5");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			WARNING "web/run: PID [0-9]+ is still running: killing it");
}

/* With DINIT_STOP_DELAY there is nothing to wait for: nobody outside asked. */
static void test_ready_timeout_is_not_delayed(struct scene *scene)
{
	struct run *run;

	add_unready(scene, "web", "refused");
	run = start(scene, short_timeout(scene), "DINIT_STOP_DELAY=100000");
	run_expect_exit(run, 3);
	run_expect_no_line(run, RUN_STDERR, "the services go on");
}

/* A signal came first: the container is being stopped already. */
static void test_ready_timeout_in_a_teardown_is_nothing(struct scene *scene)
{
	struct run *run;

	add_unready(scene, "web", "refused");
	scene_script(scene, "services/web/prestop",
		     scene_format(scene, "sleep %g", (double)scene_deadline_ms(3000) / 1000));
	run = start(scene, short_timeout(scene), NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "not ready");
}

/* ---- who is no obstacle ---- */

static void test_ready_services_that_are_done_or_down_are_no_obstacle(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", "exit 0");
	/* It never was ready, and will not be. */
	scene_service(scene, "migrate", "echo done; exit 115");
	scene_script(scene, "services/migrate/check", "exit 1");
	scene_service(scene, "extra", "exit 2");
	scene_script(scene, "services/extra/check", "exit 1");
	scene_file(scene, "services/extra/optional", 0644, "");
	add_unready(scene, "off", "refused");
	scene_file(scene, "services/off/down", 0644, "");
	add_unready(scene, "later", "refused");
	run = start(scene, "DINIT_SKIP=later", NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after ");
	stop(run);
	run_expect_no_line(run, RUN_STDERR, "(migrate|extra|off|later): ready");
}

/* One that runs, and is not ready, keeps all from it, be it optional or not. */
static void test_ready_waits_for_each_that_runs(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", "exit 0");
	scene_service(scene, "extra", POLITE);
	scene_file(scene, "services/extra/optional", 0644, "");
	scene_script(scene, "services/extra/check", "test -e $SCENE/good");
	run = start(scene, NULL, NULL);
	run_wait_line(run, RUN_STDERR, INFO "web: ready after");
	run_expect_no_line(run, RUN_STDERR, "all services");
	scene_file(scene, "good", 0644, "");
	run_wait_line(run, RUN_STDERR, INFO "extra: ready after");
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after");
	stop(run);
}

/* Without a check anywhere nobody has asked, and nothing is said: as before there were any. */
static void test_ready_without_checks_is_not_said(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start(scene, "DINIT_READY_TIMEOUT=0.001", "DINIT_CHECK_FAILURES=1");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	stop(run);
	run_expect_no_line(run, RUN_STDERR, "ready");
}

/* A service that ends before it is ready ends the container as it always did. */
static void test_ready_service_that_ends_before_is_that_end(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "checked");
	scene_service(scene, "web", "read line <$SCENE/checked; exit 7");
	scene_script(scene, "services/web/check", "echo x >$SCENE/checked; sleep 1000");
	run = start(scene, "DINIT_READY_TIMEOUT=100000", NULL);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, ERROR "web/run: PID [0-9]+ exited with status 7");
	run_expect_no_line(run, RUN_STDERR, "not ready");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_ready_timeout_ends_the_container),
		SCENE(test_ready_timeout_is_over_when_all_were_ready),
		SCENE(test_ready_timeout_of_an_optional_service_is_a_warning),
		SCENE(test_ready_timeout_teardown_has_its_limit),
		SCENE(test_ready_timeout_is_not_delayed),
		SCENE(test_ready_timeout_in_a_teardown_is_nothing),
		SCENE(test_ready_services_that_are_done_or_down_are_no_obstacle),
		SCENE(test_ready_waits_for_each_that_runs),
		SCENE(test_ready_without_checks_is_not_said),
		SCENE(test_ready_service_that_ends_before_is_that_end),
	};

	return scene_run_side_by_side("ready", tests, sizeof tests / sizeof *tests);
}
