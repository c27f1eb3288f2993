/* SPDX-License-Identifier: ISC */
/* What other programs do for services, as the examples in test-services show it: runsv restarts
 * one, cron and a loop run jobs, chpst gives one its secrets, chpst and setpriv set a user and
 * limits. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* what "at once" means for a stop, in milliseconds */
#define AT_ONCE_MS 3000
#define TEXT "DINIT_JSON_STDOUT=0"

/* With one or two variables of its own, and whatever must be done before. */
static struct run *start_with(struct scene *scene, const char *first, const char *second,
			      void (*prepare)(void *ctx))
{
	if (!scene->runs)
		scene_add_dinit(scene);
	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST(TEXT, "DINIT_LOG_LEVEL=info",
						     scene_format(scene, "SCRATCH=%s", scene->dir),
						     first, second),
				 .prepare = prepare,
				 .prepare_ctx = scene });
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* Fails where that is not done at once. */
static void stop_at_once(struct run *run)
{
	uint64_t began_ms = scene_now_ms(), took_ms;

	stop(run);
	took_ms = scene_now_ms() - began_ms;
	if (took_ms > scene_deadline_ms(AT_ONCE_MS))
		scene_fail("the stop took %lu ms", (unsigned long)took_ms);
}

static void expect_no_warning(struct run *run)
{
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

/* ---- one service that is restarted ---- */

static struct run *start_runsv(struct scene *scene, const char *first, const char *second)
{
	struct run *run = start_with(scene, first, second, NULL);

	run_wait_line(run, RUN_STDERR, "info: all services are ready ");
	run_wait_line(run, RUN_STDOUT, " worker/run: started$");
	return run;
}

static void put_runsv(struct scene *scene)
{
	scene_need_program("runsv");
	scene_example(scene, "runsv");
}

/* Its own exit status and the signal that ended it, which finish knows, and nothing of dinit's. */
static void test_runsv_restarts_what_has_crashed(struct scene *scene)
{
	struct run *run;

	put_runsv(scene);
	run = start_runsv(scene, "DINIT_CHECK_INTERVAL=1", "DINIT_CHECK_FAILURES=0");
	scene_file(scene, "crash", 0666, "");
	run_wait_lines(run, RUN_STDOUT, " worker/run: started$", 2);
	run_expect_line(run, RUN_STDOUT, " worker/run: crashed$");
	run_wait_line(run, RUN_STDERR, " worker/run: worker ended with status 1, signal 0$");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " worker/run: told to stop$");
	run_expect_line(run, RUN_STDOUT, " worker/run: stopped$");
	run_expect_line(run, RUN_STDERR, " worker/run: worker ended with status 0, signal 0$");
	run_expect_line(run, RUN_STDERR, "info: worker/run: PID [0-9]+ exited with status 0$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " worker/run: started$"), 2);
	run_expect_no_line(run, RUN_STDERR, "lost its parent|dinit: error");
}

/* The other service stands for what is not restarted. */
static void test_runsv_stops_with_the_service_that_ends_the_container(struct scene *scene)
{
	struct run *run;

	put_runsv(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; exit 7");
	run = start_runsv(scene, NULL, NULL);
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: web/run: PID [0-9]+ exited with status 7");
	run_expect_line(run, RUN_STDOUT, " worker/run: stopped$");
	run_expect_no_line(run, RUN_STDERR, "lost its parent");
}

/* Where restarts do not help, dinit ends the container: see worker/check. */
static void test_runsv_restarting_for_ever_ends_the_container(struct scene *scene)
{
	struct run *run;

	put_runsv(scene);
	scene_script(scene, "services/worker/restarted/run",
		     "echo started; until [ -e \"$SCENE/bad\" ]; do sleep 0.02; done; exit 1");
	run = start_runsv(scene, "DINIT_CHECK_INTERVAL=1", "DINIT_CHECK_FAILURES=3");
	scene_file(scene, "bad", 0666, "");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: worker/check: .*(down|finish): .*want up");
	run_expect_no_line(run, RUN_STDERR, "lost its parent");
}

/* Nobody is left who would restart it, and it is not left behind. */
static void test_runsv_killed_ends_the_container(struct scene *scene)
{
	struct run *run;

	put_runsv(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "read go <\"$SCENE/go\"; dinit --signal worker KILL; exec sleep 1000");
	run = start_runsv(scene, NULL, NULL);
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: worker/run: PID [0-9]+ was killed by signal 9");
	run_expect_line(run, RUN_STDERR, "warning: sh/[0-9]+: lost its parent, .* \\./run");
	run_expect_line(run, RUN_STDOUT, " worker/run: stopped$");
}

static void test_runsv_without_writable_place_ends_the_container(struct scene *scene)
{
	struct run *run;

	put_runsv(scene);
	run = start_with(scene, "SCRATCH=/proc/nowhere", NULL, NULL);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			"error: worker/run: PID [0-9]+ exited with status 1, .*; "
			"its last line was: mkdir: .*/proc/nowhere");
}

/* ---- a job again and again: a loop ---- */

static void put_sweep(struct scene *scene)
{
	scene_example(scene, "periodic");
	scene_mkdir(scene, "uploads");
}

static struct run *start_sweep(struct scene *scene, const char *pause)
{
	return start_with(scene, "DINIT_SKIP=cron", scene_format(scene, "SWEEP_PAUSE=%s", pause),
			  NULL);
}

static void test_sweep_comes_again_and_stops_in_its_pause(struct scene *scene)
{
	struct run *run;

	put_sweep(scene);
	scene_file(scene, "uploads/old", 0666, "");
	scene_file(scene, "uploads/new", 0666, "");
	assert_int_equal(system(scene_format(scene, "touch -d '2 hours ago' %s/uploads/old",
					     scene->dir)),
			 0);
	run = start_sweep(scene, "0.1");
	run_wait_lines(run, RUN_STDOUT, " sweep/run: sweep is done$", 3);
	stop_at_once(run);
	assert_int_not_equal(access(scene_path(scene, "uploads/old"), F_OK), 0);
	assert_int_equal(access(scene_path(scene, "uploads/new"), F_OK), 0);

	scene_service(scene, "observer",
		      "until grep -qszx '600[0]' /proc/[0-9]*/cmdline; do sleep 0.02; done\n"
		      "echo paused; exec sleep 1000");
	run = start_sweep(scene, "6000");
	run_wait_line(run, RUN_STDOUT, " observer/run: paused$");
	stop_at_once(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " sweep/run: sweep begins$"), 1);
	expect_no_warning(run);
}

static void test_sweep_that_runs_is_finished_at_a_stop(struct scene *scene)
{
	struct run *run;

	put_sweep(scene);
	scene_fifo(scene, "go");
	scene_script(scene, "services/sweep/sweep",
		     "echo begins; read go <\"$SCENE/go\"; echo done");
	run = start_sweep(scene, "0.01");
	run_wait_line(run, RUN_STDOUT, " sweep/run: begins$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: sweep/run: sending TERM to PID ");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " sweep/run: done$");
	run_expect_line(run, RUN_STDERR, "info: sweep/run: PID [0-9]+ exited with status 0$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " sweep/run: begins$"), 1);
	expect_no_warning(run);
}

static void test_sweep_that_fails_is_told_and_comes_again(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "periodic");
	run = start_sweep(scene, "0.1");
	run_wait_line(run, RUN_STDERR, " sweep/run: find: .*uploads");
	run_wait_line(run, RUN_STDERR, " sweep/run: the sweep failed with status 1$");
	scene_mkdir(scene, "uploads");
	run_wait_line(run, RUN_STDOUT, " sweep/run: sweep is done$");
	stop_at_once(run);
}

/* ---- the same by cron ---- */

/* Puts empty directories where cron looks for jobs and keeps its own files, so that it has no other
 * job than that of the example; all this is in the run's own mount namespace. */
static void hide_jobs(void *ctx)
{
	static const char *const places[] = { "/etc/cron.d", "/var/spool/cron/crontabs", "/run" };

	(void)ctx;
	for (size_t i = 0; i < COUNT(places); i++)
		if (mount("none", places[i], "tmpfs", 0, "mode=755") < 0)
			_exit(125);
	if (mount("/dev/null", "/etc/crontab", NULL, MS_BIND, NULL) < 0)
		_exit(125);
}

static struct run *start_cron(struct scene *scene, const char *patience)
{
	struct run *run;

	scene_need(geteuid() == 0, "cron needs root");
	scene_need(rig_can_mount(), RIG_WHY_NAMESPACES);
	scene_need_program("cron");
	scene_example(scene, "periodic");
	assert_int_equal(rename(scene_path(scene, "services/sweep"),
				scene_path(scene, "services/.sweep")),
			 0);
	run = start_with(scene, "BACKUP_AT=@reboot",
			 scene_format(scene, "BACKUP_PATIENCE=%s", patience), hide_jobs);
	run_wait_line(run, RUN_STDOUT, " container/1: backup begins$");
	return run;
}

static void test_job_of_cron_is_finished_at_a_stop(struct scene *scene)
{
	struct run *run = start_cron(scene, "10");

	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: cron/term: running with PID ");
	scene_file(scene, "backup-is-done", 0666, "");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " container/1: backup is made$");
	expect_no_warning(run);
}

static void test_job_of_cron_that_takes_too_long_is_told(struct scene *scene)
{
	struct run *run = start_cron(scene, "0.1");

	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			"warning: cron/term: PID [0-9]+ exited with status 1: sending TERM");
	run_expect_line(run, RUN_STDERR, "warning: sh/[0-9]+: lost its parent, .*cron/backup");
	run_expect_line(run, RUN_STDOUT, " container/1: backup given up$");
}

static void test_job_of_cron_is_never_two_at_a_time(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "second",
		      "read go <\"$SCENE/go\"\n"
		      "\"$SCENE/services/cron/backup\"; echo \"status $?\"; exec sleep 1000");
	run = start_cron(scene, "10");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " second/run: status 1$");
	run_wait_line(run, RUN_STDERR, " second/run: the last backup still runs");
	scene_file(scene, "backup-is-done", 0666, "");
	run_wait_line(run, RUN_STDOUT, " container/1: backup is made$");
	stop_at_once(run);
}

/* ---- a setup step ---- */

/* Beside web, which waits for migrate by its name: one that does so as well, one that waits for
 * that one, too, and one that says when they all have had time to be wrong. */
static struct run *start_setup(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "setup");
	scene_await_trap(scene, "services/migrate/migrate");
	scene_service(scene, "mail",
		      "dinit --wait migrate || exit 1; echo 'mail is open'; exec sleep 1000");
	scene_service(scene, "cache",
		      "dinit --wait migrate mail || exit 1; echo 'cache is open'; exec sleep 1000");
	scene_service(scene, "observer",
		      "dinit --wait -t 0.3 migrate || echo 'not yet'; exec sleep 1000");
	run = start_with(scene, NULL, NULL, NULL);
	run_wait_line(run, RUN_STDOUT, " migrate/run: waiting for the dump$");
	run_wait_line(run, RUN_STDOUT, " observer/run: not yet$");
	return run;
}

static void test_setup_keeps_all_waiting_until_it_is_done(struct scene *scene)
{
	struct run *run = start_setup(scene);

	run_expect_no_line(run, RUN_STDOUT, "open");
	scene_file(scene, "dump", 0666, "");
	run_wait_line(run, RUN_STDOUT, " web/run: open for requests$");
	run_wait_line(run, RUN_STDOUT, " mail/run: mail is open$");
	run_wait_line(run, RUN_STDOUT, " cache/run: cache is open$");
	run_wait_line(run, RUN_STDOUT, " migrate/run: loaded$");
	stop_at_once(run);
	expect_no_warning(run);
}

static void test_setup_failing_lets_none_of_them_begin(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "operator",
		      "read go <\"$SCENE/go\"; dinit --signal migrate TERM; exec sleep 1000");
	run = start_setup(scene);
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: migrate/run: PID [0-9]+ exited with status 1");
	run_expect_line(run, RUN_STDOUT, " migrate/run: rolled back$");
	run_expect_no_line(run, RUN_STDOUT, "open");
}

/* ---- secrets ---- */

#define PASSWORD "correct horse"

/* The way that Kubernetes mounts them: the files are links into a directory, which is replaced as a
 * whole by way of another link. */
static void put_secrets(struct scene *scene)
{
	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_need_program("chpst");
	scene_example(scene, "secrets");
	scene_file(scene, "secrets/..2026_11_29/DB_PASSWORD", 0400, PASSWORD "\n");
	scene_file(scene, "secrets/..2026_11_29/tls.key", 0400, "first line\nsecond line\n");
	assert_int_equal(symlink("..2026_11_29", scene_path(scene, "secrets/..data")), 0);
	assert_int_equal(symlink("..data/DB_PASSWORD", scene_path(scene, "secrets/DB_PASSWORD")),
			 0);
	assert_int_equal(symlink("..data/tls.key", scene_path(scene, "secrets/tls.key")), 0);
}

static struct run *start_secrets(struct scene *scene)
{
	return start_with(scene, scene_format(scene, "SECRETS=%s/secrets", scene->dir), NULL, NULL);
}

/* The inspector finds it where it has to be, so that it would find it elsewhere as well. */
static void test_secret_is_known_to_its_service_alone(struct scene *scene)
{
	struct run *run;

	put_secrets(scene);
	scene_service(
		scene, "inspector",
		"dinit --wait app web; read go <\"$SCENE/go\"\n"
		"grep -l '" PASSWORD "' /proc/[0-9]*/environ\n"
		"echo \"status: $(dinit --status app; dinit --status --json; dinit --metrics; "
		"cat /proc/[0-9]*/cmdline | tr '\\0' ' ')\"; echo inspected; exec sleep 1000");
	scene_fifo(scene, "go");
	run = start_secrets(scene);
	run_wait_line(run, RUN_STDOUT, " app/run: the password has 13 characters$");
	run_wait_line(run, RUN_STDOUT, " web/run: the password has 0 characters here$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " inspector/run: inspected$");
	stop_at_once(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " inspector/run: /proc/"), 1);
	run_expect_line(run, RUN_STDOUT,
			scene_format(scene, " inspector/run: /proc/%s/environ$",
				     run_match(run, RUN_STDERR,
					       "info: app/run: running with PID ([0-9]+)", 1)));
	run_expect_line(run, RUN_STDOUT, " inspector/run: status: ");
	run_expect_no_line(run, RUN_STDOUT, PASSWORD);
	run_expect_no_line(run, RUN_STDERR, PASSWORD);
	expect_no_warning(run);
}

static void test_secret_that_is_missing_ends_the_container(struct scene *scene)
{
	struct run *run;

	put_secrets(scene);
	assert_int_equal(unlink(scene_path(scene, "secrets/..data")), 0);
	run = start_secrets(scene);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: app/run: .*its last line was: .*DB_PASSWORD");

	run = start_with(scene, "SECRETS=/nowhere", NULL, NULL);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: app/run: .*its last line was: chpst: .*/nowhere");
}

/* ---- a user and limits ---- */

static void put_limits(struct scene *scene)
{
	scene_need_program("chpst");
	scene_example(scene, "limits");
}

static void test_limits_hold_and_the_stop_is_in_order(struct scene *scene)
{
	static const char *const names[] = { "chpst", "setpriv" };
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	put_limits(scene);
	run = start_with(scene, NULL, NULL, NULL);
	run_wait_line(run, RUN_STDOUT,
		      " chpst/run: user 65534, 256 files, at most [0-9]{4,}, nice value 5$");
	run_wait_line(run, RUN_STDOUT,
		      " setpriv/run: user 65534, 256 files, at most 256, nice value 5$");
	stop_at_once(run);
	for (size_t i = 0; i < COUNT(names); i++) {
		run_expect_line(run, RUN_STDOUT,
				scene_format(scene, " %s/run: finished$", names[i]));
		run_expect_line(run, RUN_STDERR,
				scene_format(scene,
					     "info: %s/run: PID [0-9]+ exited with status 0$",
					     names[i]));
	}
	expect_no_warning(run);
}

/* Fails to start that service alone, with that cause. */
static void expect_refusal(struct scene *scene, const char *name, const char *user, uid_t as,
			   const char *cause)
{
	struct run *run =
		run_start(scene,
			  &(struct run_spec){
				  .environment =
					  LIST(TEXT, scene_format(scene, "APP_USER=%s", user),
					       scene_format(scene, "DINIT_SKIP=%s",
							    *name == 'c' ? "setpriv" : "chpst")),
				  .user = as });

	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, "error: %s/run: .*its last line was: .*%s", name,
				     cause));
	run_expect_no_line(run, RUN_STDOUT, "user");
}

static void test_limits_for_a_user_that_cannot_be_end_the_container(struct scene *scene)
{
	scene_need(rig_can_take_user(), RIG_WHY_USER);
	put_limits(scene);
	expect_refusal(scene, "chpst", "nosuch", 0, "chpst: fatal: unknown user/group");
	expect_refusal(scene, "setpriv", "nosuch", 0, "nosuch");
	expect_refusal(scene, "chpst", "nobody", scene_user(), "chpst: fatal: unable to set");
	expect_refusal(scene, "setpriv", "nobody", scene_user(), "setpriv: .*not permitted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_runsv_restarts_what_has_crashed),
		SCENE_AS_INIT(test_runsv_stops_with_the_service_that_ends_the_container),
		SCENE_AS_INIT(test_runsv_restarting_for_ever_ends_the_container),
		SCENE_AS_INIT(test_runsv_killed_ends_the_container),
		SCENE_AS_INIT(test_runsv_without_writable_place_ends_the_container),
		SCENE_AS_INIT(test_sweep_comes_again_and_stops_in_its_pause),
		SCENE_AS_INIT(test_sweep_that_runs_is_finished_at_a_stop),
		SCENE_AS_INIT(test_sweep_that_fails_is_told_and_comes_again),
		SCENE_AS_INIT(test_job_of_cron_is_finished_at_a_stop),
		SCENE_AS_INIT(test_job_of_cron_that_takes_too_long_is_told),
		SCENE_AS_INIT(test_job_of_cron_is_never_two_at_a_time),
		SCENE_AS_INIT(test_setup_keeps_all_waiting_until_it_is_done),
		SCENE_AS_INIT(test_setup_failing_lets_none_of_them_begin),
		SCENE_AS_INIT(test_secret_is_known_to_its_service_alone),
		SCENE_AS_INIT(test_secret_that_is_missing_ends_the_container),
		SCENE_AS_INIT(test_limits_hold_and_the_stop_is_in_order),
		SCENE_AS_INIT(test_limits_for_a_user_that_cannot_be_end_the_container),
	};

	return scene_run_side_by_side("world_recipes", tests, COUNT(tests));
}
