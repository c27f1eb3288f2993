/* SPDX-License-Identifier: ISC */
/* The recipes of dinit.8, for what dinit leaves to others: each as it stands in test-services, and
 * what goes wrong without it. */
#include "harness.h"
#include "httpclient.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* after how long su kills, in milliseconds */
#define SU_PATIENCE_MS 2000
#define TEXT "DINIT_JSON_STDOUT=0"

static struct run *start_recipe(struct scene *scene)
{
	return run_start(scene,
			 &(struct run_spec){ .environment = LIST(TEXT, "DINIT_LOG_LEVEL=info",
								 scene_format(scene, "SCRATCH=%s",
									      scene->dir)) });
}

/* What "at once" means for a stop, in milliseconds: less than recipes wait (8 s), unless this
 * machine is very slow. */
static uint64_t at_once_ms(void)
{
	return scene_deadline_ms(3500) > 7000 ? scene_deadline_ms(3500) : 7000;
}

/* Stops dinit, and returns how many milliseconds that took. */
static uint64_t stop(struct run *run)
{
	uint64_t began_ms = scene_now_ms();

	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	return scene_now_ms() - began_ms;
}

static void stop_at_once(struct run *run)
{
	uint64_t took_ms = stop(run);

	if (took_ms > at_once_ms())
		scene_fail("the stop took %lu ms", (unsigned long)took_ms);
}

static void expect_no_warning(struct run *run)
{
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

/* ---- progress bars ---- */

static void test_progress_bar_of_running_program_comes_line_by_line(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "progress");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " download/run: 10 %$");
	run_wait_line(run, RUN_STDOUT, " download/run: 20 %$");
	run_wait_line(run, RUN_STDOUT, " download/run: 30 %$");
	stop(run);
	expect_no_warning(run);
}

/* Without the logging program all of it is one line, which has no end. */
static void test_progress_bar_without_recipe_is_one_line(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "progress");
	scene_service(scene, "download", "exec 2>&1; printf '10 %%\\r20 %%\\r30 %%\\n'; exit 115");
	assert_int_equal(unlink(scene_path(scene, "services/download/log/run")), 0);
	assert_int_equal(rmdir(scene_path(scene, "services/download/log")), 0);
	run = start_recipe(scene);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " download/run: 10 %\r20 %\r30 %$");
}

/* ---- as another user ---- */

static struct run *start_as_other_user(struct scene *scene, const char *body)
{
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_example(scene, "other-user");
	if (body)
		scene_service(scene, "app", body);
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " app/run: I am 65534$");
	return run;
}

static void expect_time_to_stop(struct run *run)
{
	assert_true(stop(run) > SU_PATIENCE_MS);
	run_expect_line(run, RUN_STDOUT, " app/run: finishing$");
	run_expect_line(run, RUN_STDOUT, " app/run: finished$");
	expect_no_warning(run);
}

static void test_setpriv_leaves_its_program_time_to_stop(struct scene *scene)
{
	expect_time_to_stop(start_as_other_user(scene, NULL));
}

static void test_chpst_leaves_its_program_time_to_stop(struct scene *scene)
{
	scene_need_program("chpst");
	expect_time_to_stop(start_as_other_user(scene, "exec chpst -u :65534:65534 ./server"));
}

/* What the recipe is good for: su of util-linux. */
static void test_su_kills_its_program_while_it_stops(struct scene *scene)
{
	struct run *run;

	scene_need_program("su");
	run = start_as_other_user(scene, "exec su -s /bin/sh nobody -c 'exec ./server'");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " app/run: finishing$");
	run_expect_no_line(run, RUN_STDOUT, " app/run: finished$");
	run_expect_line(run, RUN_STDERR, "Session terminated");
}

/* Where su's shell has not executed the program in its place, su leaves the program behind. */
static void test_su_with_shell_in_between_makes_an_orphan(struct scene *scene)
{
	struct run *run;

	scene_need_program("su");
	run = start_as_other_user(scene, "exec su -s /bin/sh nobody -c './server; exit'");
	stop(run);
	run_expect_line(run, RUN_STDERR, "warning: sh/[0-9]+: lost its parent, terminating it: ");
}

/* ---- a restart loop ---- */

/* The example as another shell runs it, with that pause. */
static struct run *start_loop(struct scene *scene, const char *shell, const char *pause)
{
	struct run *run;

	scene_need_program(shell);
	scene_example(scene, "restart");
	assert_int_equal(rename(scene_path(scene, "services/worker/run"),
				scene_path(scene, "services/worker/loop")),
			 0);
	scene_service(scene, "worker",
		      scene_format(scene, "sed -i 's/run sleep 1$/%s/' loop; exec %s ./loop", pause,
				   shell));
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " worker/run: started$");
	return run;
}

static void crash(struct scene *scene)
{
	scene_file(scene, "crash", 0666, "");
}

static void expect_restart_and_clean_stop(struct scene *scene, const char *shell)
{
	struct run *run = start_loop(scene, shell, "run sleep 1");

	crash(scene);
	run_wait_lines(run, RUN_STDOUT, " worker/run: started$", 2);
	crash(scene);
	run_wait_lines(run, RUN_STDOUT, " worker/run: started$", 3);
	stop_at_once(run);
	run_expect_line(run, RUN_STDOUT, " worker/run: told to stop$");
	run_expect_line(run, RUN_STDOUT, " worker/run: stopped$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " worker/run: crashed$"), 2);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " worker/run: started$"), 3);
	expect_no_warning(run);
}

static void test_restart_loop_in_dash_restarts_and_stops(struct scene *scene)
{
	expect_restart_and_clean_stop(scene, "dash");
}

static void test_restart_loop_in_bash_restarts_and_stops(struct scene *scene)
{
	expect_restart_and_clean_stop(scene, "bash");
}

/* TERM comes when the program has just ended: in the pause, or right before it. (That is so long
 * that there is no second start.) */
static void expect_stop_between_two_starts(struct scene *scene, const char *shell)
{
	struct run *run = start_loop(scene, shell, "run sleep 1000");

	crash(scene);
	run_wait_line(run, RUN_STDOUT, " worker/run: crashed$");
	stop_at_once(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " worker/run: started$"), 1);
}

static void test_restart_loop_in_dash_stops_between_two_starts(struct scene *scene)
{
	expect_stop_between_two_starts(scene, "dash");
}

static void test_restart_loop_in_bash_stops_between_two_starts(struct scene *scene)
{
	expect_stop_between_two_starts(scene, "bash");
}

/* Twelve loops that never pause: some of them are just starting something when TERM comes. What
 * they start right before that would go on, had it not heard the TERM, until dinit kills it, which
 * it says. */
static void expect_stop_in_the_midst_of_starts(struct scene *scene, const char *shell)
{
	const char *body = scene_format(scene,
					"sed 's/run sleep 1/run true/' ../.worker/run >loop; "
					"exec %s ./loop 2>/dev/null",
					shell);
	struct run *run;

	scene_example(scene, "restart");
	assert_int_equal(rename(scene_path(scene, "services/worker"),
				scene_path(scene, "services/.worker")),
			 0);
	for (int i = 0; i < 12; i++) {
		scene_service(scene, scene_format(scene, "fast%d", i), body);
		scene_script(scene, scene_format(scene, "services/fast%d/worker", i),
			     "[ ! -e \"$SCENE/stopping\" ] || exec sleep 1000\n"
			     "[ -e ready ] || { : >ready; echo ready; }");
	}
	run = start_recipe(scene);
	run_wait_lines(run, RUN_STDOUT, " fast[0-9]+/run: ready$", 12);
	scene_file(scene, "stopping", 0666, "");
	stop(run);
	expect_no_warning(run);
}

static void test_restart_loop_in_dash_stops_in_the_midst_of_starts(struct scene *scene)
{
	expect_stop_in_the_midst_of_starts(scene, "dash");
}

static void test_restart_loop_in_bash_stops_in_the_midst_of_starts(struct scene *scene)
{
	expect_stop_in_the_midst_of_starts(scene, "bash");
}

/* ---- set-up ---- */

static void test_setup_service_stopped_during_set_up_ends_at_once(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "setup");
	scene_await_trap(scene, "services/migrate/migrate");
	scene_add_dinit(scene);
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " migrate/run: waiting for the dump$");
	stop_at_once(run);
	run_expect_line(run, RUN_STDOUT, " migrate/run: rolled back$");
	run_expect_no_line(run, RUN_STDOUT, " web/run: open for requests$");
	expect_no_warning(run);
}

static void test_setup_service_done_lets_the_other_go(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "setup");
	scene_add_dinit(scene);
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " migrate/run: waiting for the dump$");
	scene_file(scene, "dump", 0666, "");
	run_wait_line(run, RUN_STDOUT, " web/run: open for requests$");
	run_expect_line(run, RUN_STDOUT, " migrate/run: loaded$");
	stop_at_once(run);
	expect_no_warning(run);
}

static void test_setup_service_failing_ends_container(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "setup");
	scene_add_dinit(scene);
	scene_script(scene, "services/migrate/migrate", "exit 4");
	run = start_recipe(scene);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: migrate/run: PID [0-9]+ exited with status 1");
	run_expect_no_line(run, RUN_STDOUT, " web/run: open for requests$");
}

/* Executes the entry script in dinit's place; the script then executes dinit. */
static void execute_entry(void *ctx)
{
	struct scene *scene = ctx;
	char path[4096], *arguments[] = { path, NULL };

	snprintf(path, sizeof path, "%s/services/entry", scene->dir);
	setenv("SCRATCH", scene->dir, 1);
	setenv("DINIT_DIR", scene->services, 1);
	setenv("DINIT_JSON_STDOUT", "0", 1);
	setenv("DINIT", getenv("DINIT_BINARY"), 1);
	unsetenv("DINIT_BINARY");
	execv(path, arguments);
	_exit(126);
}

static struct run *start_entry(struct scene *scene)
{
	struct run *run;
	const char *binary = getenv("DINIT_BINARY");

	scene_need(binary && *binary == '/', "DINIT_BINARY is no absolute path");
	run = run_start(scene,
			&(struct run_spec){ .prepare = execute_entry, .prepare_ctx = scene });
	run_wait_line(run, RUN_STDOUT, "^preparing$");
	return run;
}

static void test_entry_script_with_trap_stops_during_set_up(struct scene *scene)
{
	uint64_t began_ms;
	struct run *run;

	scene_example(scene, "entry");
	run = start_entry(scene);
	began_ms = scene_now_ms();
	run_signal(run, SIGTERM);
	run_expect_exit(run, 128 + SIGTERM);
	assert_true(scene_now_ms() - began_ms < at_once_ms());
	run_expect_line(run, RUN_STDOUT, "^preparation stopped$");
}

static void test_entry_script_with_trap_executes_dinit(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "entry");
	run = start_entry(scene);
	scene_file(scene, "volume", 0666, "");
	run_wait_line(run, RUN_STDOUT, " web/run: open for requests$");
	stop_at_once(run);
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* What the recipe is good for: as PID 1 a shell without a trap does not hear TERM. */
static void test_entry_script_without_trap_is_deaf(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "entry");
	scene_script(scene, "services/entry", "\"${0%/*}/prepare\"\nexec \"$DINIT\"");
	run = start_entry(scene);
	run_signal(run, SIGTERM);
	scene_file(scene, "volume", 0666, "");
	run_wait_line(run, RUN_STDOUT, " web/run: open for requests$");
	stop_at_once(run);
}

/* ---- the order of a stop ---- */

static struct run *start_ordered(struct scene *scene, const char *variable)
{
	struct run *run;

	scene_add_dinit(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST(TEXT, variable,
								       "DINIT_LOG_LEVEL=info") });
	run_wait_line(run, RUN_STDOUT, " db/run: ready$");
	return run;
}

static void test_stop_order_keeps_database_until_web_has_ended(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "stop-order");
	run = start_ordered(scene, "DINIT_SKIP=");
	run_wait_line(run, RUN_STDOUT, " web/run: open$");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " web/run: closed$");
	assert_true(run_stamp_ms(run, "info: web/run: PID [0-9]+ exited with status 0") <=
		    run_stamp_ms(run, "info: db/run: PID [0-9]+ exited with status 0"));
	expect_no_warning(run);
}

/* What the recipe is good for: web still closes while the database has ended. */
static void test_without_stop_order_database_ends_first(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "stop-order");
	assert_int_equal(unlink(scene_path(scene, "services/db/terminate")), 0);
	scene_fifo(scene, "go");
	scene_script(scene, "services/web/server",
		     "trap 'read go <\"$SCENE/go\"; echo closed; exit 0' TERM; echo "
		     "open; " SCENE_TRAPPING);
	run = start_ordered(scene, "DINIT_SKIP=");
	run_wait_line(run, RUN_STDOUT, " web/run: open$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: db/run: PID [0-9]+ exited with status 0");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: closed$");
}

static void test_stop_order_without_web_stops_at_once(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "stop-order");
	run = start_ordered(scene, "DINIT_SKIP=web");
	stop_at_once(run);
	run_expect_line(run, RUN_STDOUT, " db/run: stopped$");
	expect_no_warning(run);
}

static void test_stop_order_after_web_has_crashed_stops_at_once(struct scene *scene)
{
	uint64_t began_ms;
	struct run *run;

	scene_example(scene, "stop-order");
	scene_fifo(scene, "go");
	scene_script(scene, "services/web/server", "read go <\"$SCENE/go\"; kill -KILL $$");
	run = start_ordered(scene, "DINIT_SKIP=");
	began_ms = scene_now_ms();
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	assert_true(scene_now_ms() - began_ms < at_once_ms());
	run_expect_line(run, RUN_STDERR, "error: web/run: PID [0-9]+ was killed by signal 9");
	run_expect_line(run, RUN_STDOUT, " db/run: stopped$");
}

/* ---- what may stand beside run ---- */

/* The job is there again, although run was killed while it had it. */
static void test_finish_cleans_up_after_a_killed_run(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "finish");
	scene_fifo(scene, "go");
	scene_service(scene, "killer",
		      "read go <\"$SCENE/go\"\n"
		      "kill -KILL \"$(cat \"$SCENE/pid\")\"; exec sleep 1000");
	assert_int_equal(rename(scene_path(scene, "services/worker/run"),
				scene_path(scene, "services/worker/worker")),
			 0);
	scene_service(scene, "worker", "echo $$ >\"$SCENE/pid\"; exec ./worker");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " worker/run: .*waiting for a job");
	scene_file(scene, "job", 0666, "the job");
	run_wait_line(run, RUN_STDOUT, " worker/run: .*working");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT,
			" worker/finish: \\{\"message\":\"the job is there again\",\"status\":-1,"
			"\"signal\":9\\}$");
	assert_string_equal(scene_read(scene, "job"), "the job");
}

static struct run *take_job(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "finish");
	scene_file(scene, "job", 0666, "the job");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " worker/run: .*working");
	return run;
}

static void test_finish_cleans_up_after_a_stop(struct scene *scene)
{
	struct run *run = take_job(scene);

	stop_at_once(run);
	run_expect_line(run, RUN_STDOUT, " worker/finish: .*\"status\":0,\"signal\":0\\}$");
	assert_string_equal(scene_read(scene, "job"), "the job");
	expect_no_warning(run);
}

static void test_finish_has_nothing_to_do_after_a_good_run(struct scene *scene)
{
	struct run *run = take_job(scene);

	scene_file(scene, "result", 0666, "");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "info: worker/finish: PID [0-9]+ exited with status");
	run_expect_no_line(run, RUN_STDOUT, " worker/finish: ");
	assert_int_equal(access(scene_path(scene, "job"), F_OK), -1);
}

/* The request is in progress while it drains, and the database is there for it. */
static void test_prestop_drains_while_all_services_work(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "prestop");
	scene_file(scene, "request", 0666, "");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " db/run: .*ready");
	run_wait_line(run, RUN_STDOUT, " web/run: .*open for requests");
	assert_int_equal(access(scene_path(scene, "healthy"), F_OK), 0);
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/prestop: .*draining");
	assert_int_equal(access(scene_path(scene, "healthy"), F_OK), -1);
	assert_int_equal(unlink(scene_path(scene, "request")), 0);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " db/run: .*stopped after the last request");
	expect_no_warning(run);
}

/* Without the recipe: the database does not wait for the request. */
static void test_without_prestop_database_stops_at_once(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "prestop");
	assert_int_equal(unlink(scene_path(scene, "services/web/prestop")), 0);
	scene_file(scene, "request", 0666, "");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " db/run: .*ready");
	run_wait_line(run, RUN_STDOUT, " web/run: .*open for requests");
	stop_at_once(run);
	run_expect_no_line(run, RUN_STDOUT, "stopped after the last request");
}

static void test_prestop_without_requests_is_no_delay(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "prestop");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " db/run: .*ready");
	run_wait_line(run, RUN_STDOUT, " web/run: .*open for requests");
	stop_at_once(run);
	run_expect_line(run, RUN_STDOUT, " web/prestop: .*draining");
	run_expect_line(run, RUN_STDOUT, " db/run: .*stopped after the last request");
	expect_no_warning(run);
}

static void test_optional_service_fails_and_container_goes_on(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "optional");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDERR, "warning: metrics/run: PID [0-9]+ exited with status 1");
	run_wait_line(run, RUN_STDOUT, " app/run: .*app is up");
	stop_at_once(run);
	run_expect_line(run, RUN_STDOUT, " metrics/run: .*the collector cannot be reached");
}

/* Without the recipe: the end of metrics stops app as well. */
static void test_service_that_is_not_optional_ends_the_container(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "optional");
	assert_int_equal(unlink(scene_path(scene, "services/metrics/optional")), 0);
	run = start_recipe(scene);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: metrics/run: PID [0-9]+ exited with status 1");
}

static struct run *start_reloadable(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "reload");
	scene_file(scene, "greeting", 0666, "hello");
	run = start_recipe(scene);
	run_wait_line(run, RUN_STDOUT, " app/run: \\{\"greeting\":\"hello\"\\}$");
	return run;
}

static void test_control_h_reloads_on_hup(struct scene *scene)
{
	struct run *run = start_reloadable(scene);

	scene_file(scene, "greeting", 0666, "good morning");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDOUT, " app/run: \\{\"greeting\":\"good morning\"\\}$");
	stop_at_once(run);
	expect_no_warning(run);
}

static void test_control_h_keeps_bad_configuration_from_the_server(struct scene *scene)
{
	struct run *run = start_reloadable(scene);

	scene_file(scene, "greeting", 0666, "");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDERR, " app/control: the configuration is empty: not reloading$");
	run_wait_line(run, RUN_STDERR, "warning: app/control/h: PID [0-9]+ exited with status 1");
	scene_file(scene, "greeting", 0666, "good evening");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDOUT, " app/run: \\{\"greeting\":\"good evening\"\\}$");
	stop_at_once(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "greeting"), 2);
}

/* ---- over HTTP ---- */

static struct run *start_http(struct scene *scene, unsigned port)
{
	/* The only user of a user namespace cannot become another. */
	scene_need(geteuid() == 0 ? rig_can_take_user() : scene->mode == RUN_AS_SUBREAPER,
		   RIG_WHY_USER);
	scene_example(scene, "http");
	scene_add_dinit(scene);
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
					      scene_format(scene, "HTTP_LISTEN=127.0.0.1:%u", port),
					      /* a check may take as long as this */
					      scene_seconds(scene, "DINIT_CHECK_INTERVAL", 3000),
					      "DINIT_LOG_LEVEL=info") });
}

/* The answers follow what the check of app finds. */
static void test_http_tells_outside_whether_app_is_ready(struct scene *scene)
{
	unsigned port = httpclient_reserve_port();
	struct run *run = start_http(scene, port);

	assert_int_equal(httpclient_get_until(scene, port, "/livez", 200).status, 200);
	httpclient_get_until(scene, port, "/readyz", 200);
	assert_int_equal(access(scene_path(scene, "app-is-ready"), F_OK), 0);
	run_wait_line(run, RUN_STDOUT, "\"percent\":100,\"service\":\"app\"");

	assert_int_equal(unlink(scene_path(scene, "app-is-ready")), 0);
	assert_string_equal(httpclient_get_until(scene, port, "/readyz", 503).content, "app\n");
	run_wait_line(run, RUN_STDERR, "warning: app/check: not ready any more: .*still loading$");
	assert_int_equal(httpclient_get(scene, port, "/livez").status, 200);
	assert_non_null(strstr(httpclient_get(scene, port, "/status").content, "still loading"));
	assert_non_null(strstr(httpclient_get(scene, port, "/").content, "still loading"));

	scene_file(scene, "app-is-ready", 0666, "");
	httpclient_get_until(scene, port, "/readyz", 200);
	assert_non_null(strstr(httpclient_get(scene, port, "/metrics").content,
			       "\ndinit_service_ready{service=\"app\"} 1\n"));
	stop_at_once(run);
	run_expect_line(run, RUN_STDERR, "info: http/run: PID [0-9]+ was killed by signal 15");
	assert_true(httpclient_is_refused("127.0.0.1", port));
}

/* ---- jobs of docker exec ---- */

/* Runs the command in the container, as docker exec does; its parent is outside. */
static void execute_inside(struct scene *scene, const struct run *run, const char *command)
{
	scene_need(geteuid() == 0, "nsenter needs root");
	scene_need_program("nsenter");
	assert_int_equal(system(scene_format(scene, "nsenter -t %d -p -m %s", (int)run->pid,
					     command)),
			 0);
}

static struct run *start_with_jobs(struct scene *scene, const char *variable)
{
	struct run *run;

	scene_service(scene, "app", "echo up; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(TEXT, variable) });
	run_wait_line(run, RUN_STDOUT, " app/run: up$");
	return run;
}

/* Leaves a process behind that nothing spares, and waits until it is terminated: what was there
 * before has been seen by then. */
static void wait_for_look(struct scene *scene, struct run *run)
{
	execute_inside(scene, run, "sh -c 'nohup tail -f /dev/null >/dev/null 2>&1 &'");
	run_wait_line(run, RUN_STDERR, "warning: tail/[0-9]+: lost its parent, terminating it: ");
}

static void test_job_of_exec_is_terminated(struct scene *scene)
{
	struct run *run = start_with_jobs(scene, "DINIT_KEEP=");

	execute_inside(scene, run, "sh -c 'nohup sleep 2000 >/dev/null 2>&1 &'");
	run_wait_line(run, RUN_STDERR,
		      "warning: sleep/[0-9]+: lost its parent, terminating it: sleep 2000 "
		      "\\(DINIT_KEEP=sleep leaves it alone\\)$");
	stop_at_once(run);
}

static void test_job_of_exec_kept_by_name_goes_on(struct scene *scene)
{
	struct run *run = start_with_jobs(scene, "DINIT_KEEP=epmd,sle*");

	execute_inside(scene, run, "sh -c 'nohup sleep 2000 >/dev/null 2>&1 &'");
	wait_for_look(scene, run);
	execute_inside(scene, run, "pkill -0 -x -f 'sleep 2000'");
	stop_at_once(run);
	run_expect_no_line(run, RUN_STDERR, " sleep/");
}

/* docker exec -d: the job itself is what the engine started, and so no orphan. */
static void test_job_that_exec_itself_started_goes_on(struct scene *scene)
{
	struct run *run = start_with_jobs(scene, "DINIT_KEEP=");

	scene_may_leave(scene);
	execute_inside(scene, run, "sh -c 'exec sleep 2000' &");
	execute_inside(scene, run,
		       "sh -c 'until pkill -0 -x -f \"sleep 2000\"; do sleep 0.02; done'");
	wait_for_look(scene, run);
	execute_inside(scene, run, "pkill -0 -x -f 'sleep 2000'");
	stop_at_once(run);
	run_expect_no_line(run, RUN_STDERR, " sleep/");
}

/* ---- helpers ---- */

/* A run script that starts its server for a moment, as with pg_ctl -w start, and prepares it. While
 * it prepares, dinit sees another orphan, and so this one. */
static struct run *start_temporary_server(struct scene *scene, const char *variable,
					  const char *awaited)
{
	scene_service(
		scene, "db",
		scene_format(scene,
			     "cp \"$(command -v sleep)\" server\n"
			     "(./server 2000 & echo $! >pid)\n"
			     "(sleep 2000 & echo $! >other)\n"
			     "while kill -0 \"$(cat %s)\"; do sleep 0.02; done 2>/dev/null\n"
			     "kill \"$(cat pid)\" 2>/dev/null && echo prepared || echo refused\n"
			     "exec ./server 3000\n",
			     awaited));
	return run_start(scene, &(struct run_spec){ .environment = LIST(TEXT, variable) });
}

static void test_temporary_server_kept_can_be_prepared(struct scene *scene)
{
	struct run *run = start_temporary_server(scene, "DINIT_KEEP=server", "other");

	run_wait_line(run, RUN_STDOUT, " db/run: (prepared|refused)$");
	run_expect_line(run, RUN_STDOUT, " db/run: prepared$");
	stop_at_once(run);
	run_expect_no_line(run, RUN_STDERR, "warning: server/");
}

static void test_temporary_server_is_terminated(struct scene *scene)
{
	struct run *run = start_temporary_server(scene, "DINIT_KEEP=", "pid");

	run_wait_line(run, RUN_STDERR,
		      "warning: server/[0-9]+: lost its parent, terminating it: ./server 2000 "
		      "\\(DINIT_KEEP=server leaves it alone\\)$");
	run_wait_line(run, RUN_STDOUT, " db/run: refused$");
	stop_at_once(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_progress_bar_of_running_program_comes_line_by_line),
		SCENE(test_progress_bar_without_recipe_is_one_line),
		SCENE(test_setpriv_leaves_its_program_time_to_stop),
		SCENE(test_chpst_leaves_its_program_time_to_stop),
		SCENE(test_su_kills_its_program_while_it_stops),
		SCENE(test_su_with_shell_in_between_makes_an_orphan),
		SCENE(test_restart_loop_in_dash_restarts_and_stops),
		SCENE(test_restart_loop_in_bash_restarts_and_stops),
		SCENE(test_restart_loop_in_dash_stops_between_two_starts),
		SCENE(test_restart_loop_in_bash_stops_between_two_starts),
		SCENE(test_restart_loop_in_dash_stops_in_the_midst_of_starts),
		SCENE(test_restart_loop_in_bash_stops_in_the_midst_of_starts),
		SCENE(test_setup_service_stopped_during_set_up_ends_at_once),
		SCENE(test_setup_service_done_lets_the_other_go),
		SCENE(test_setup_service_failing_ends_container),
		SCENE_AS_INIT(test_entry_script_with_trap_stops_during_set_up),
		SCENE_AS_INIT(test_entry_script_with_trap_executes_dinit),
		SCENE_AS_INIT(test_entry_script_without_trap_is_deaf),
		SCENE(test_stop_order_keeps_database_until_web_has_ended),
		SCENE(test_without_stop_order_database_ends_first),
		SCENE(test_stop_order_without_web_stops_at_once),
		SCENE(test_stop_order_after_web_has_crashed_stops_at_once),
		SCENE(test_finish_cleans_up_after_a_killed_run),
		SCENE(test_finish_cleans_up_after_a_stop),
		SCENE(test_finish_has_nothing_to_do_after_a_good_run),
		SCENE(test_prestop_drains_while_all_services_work),
		SCENE(test_without_prestop_database_stops_at_once),
		SCENE(test_prestop_without_requests_is_no_delay),
		SCENE(test_optional_service_fails_and_container_goes_on),
		SCENE(test_service_that_is_not_optional_ends_the_container),
		SCENE(test_control_h_reloads_on_hup),
		SCENE(test_control_h_keeps_bad_configuration_from_the_server),
		SCENE(test_http_tells_outside_whether_app_is_ready),
		SCENE(test_temporary_server_kept_can_be_prepared),
		SCENE(test_temporary_server_is_terminated),
		SCENE_AS_INIT(test_job_of_exec_is_terminated),
		SCENE_AS_INIT(test_job_of_exec_kept_by_name_goes_on),
		SCENE_AS_INIT(test_job_that_exec_itself_started_goes_on),
	};

	return scene_run_side_by_side("recipes", tests, COUNT(tests));
}
