/* SPDX-License-Identifier: ISC */
/* The check of a service, as a real program: when it is run, what follows from what it says, and
 * that nothing it does keeps dinit from anything. */
#include "harness.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARNING "^[^ ]+Z dinit: warning: "
#define ERROR "^[^ ]+Z dinit: error: "
#define INFO "^[^ ]+Z dinit: info: "
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING
/* Longer than any test takes. */
#define NEVER "DINIT_CHECK_INTERVAL=100000"

/* An interval of so many milliseconds, or of more where this machine is slow. */
static const char *interval(struct scene *scene, uint64_t ms)
{
	return scene_seconds(scene, "DINIT_CHECK_INTERVAL", ms);
}

/* One in which a shell has done its work. */
static const char *short_interval(struct scene *scene)
{
	return interval(scene, 2000);
}

static struct run *start(struct scene *scene, const char *setting2, const char *setting)
{
	return run_start(scene, &(struct run_spec){
					.environment = LIST("DINIT_JSON_STDOUT=0",
							    setting ? setting : "SCENE_X=1",
							    "DINIT_LOG_LEVEL=info", setting2) });
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- ready or not ---- */

static void test_check_is_run_each_second_until_it_succeeds(struct scene *scene)
{
	struct run *run;
	long first, ready;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check",
		     "echo x >>$SCENE/runs; test $(wc -l <$SCENE/runs) -ge 3");
	run = start(scene, NEVER, NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after ");
	run_expect_line(run, RUN_STDERR, INFO "web: ready after [2-9]");
	first = run_stamp_ms(run, "web/run: running with PID");
	ready = run_stamp_ms(run, "web: ready after");
	assert_true(ready - first >= 1900);
	stop(run);
	assert_string_equal(scene_read(scene, "runs"), "x\nx\nx\n");
	/* Nothing else is said of it. */
	run_expect_no_line(run, RUN_STDERR, "web/check");
}

static void test_check_loss_and_return_are_warnings(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check",
		     "test ! -e $SCENE/bad || { echo connection refused; exit 1; }");
	run = start(scene, short_interval(scene), NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready");
	scene_file(scene, "bad", 0644, "");
	run_wait_line(run, RUN_STDERR,
		      WARNING "web/check: not ready any more: exited with status 1: connection "
			      "refused$");
	unlink(scene_path(scene, "bad"));
	run_wait_line(run, RUN_STDERR, WARNING "web/check: ready again after [0-9.]+ (s|min .*)$");
	stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "not ready any more"), 1);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "all services are ready"), 1);
}

/* What it prints goes nowhere but to the reason. */
static void test_check_output_is_not_logged(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check",
		     "echo secret; echo secret >&2; echo \"$PWD $DINIT_PID\" >$SCENE/found\n"
		     "read line; echo \"$line|\" >>$SCENE/found\n"
		     "test -e /proc/$DINIT_PID && echo alive >>$SCENE/found; exit 0");
	run = start(scene, NEVER, NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready");
	stop(run);
	run_expect_no_line(run, RUN_STDOUT, "secret");
	run_expect_no_line(run, RUN_STDERR, "secret");
	assert_string_equal(scene_read(scene, "found"),
			    scene_format(scene, "%s/web %s\n|\nalive\n", scene->services,
					 run_match(run, RUN_STDERR,
						   "web/run: running with PID ([0-9]+)", 1)));
}

/* ---- DINIT_CHECK_FAILURES ---- */

/* The container ends with this status, and these words; not for what failed before it was ready. */
static void expect_to_end(struct scene *scene, const char *setting)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_service(scene, "other", POLITE);
	scene_script(scene, "services/web/check",
		     "echo x >>$SCENE/runs; echo refused; test $(wc -l <$SCENE/runs) -eq 3");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST("DINIT_JSON_STDOUT=0", short_interval(scene),
						    "DINIT_CHECK_FAILURES=2", setting) });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			ERROR "web/check: failed 2 times in a row, stopping the container: "
			      "exited with status 1: refused$");
	run_expect_line(run, RUN_STDERR,
			ERROR "stopped after .* with status 3: web/check: failed 2 times in a "
			      "row: exited with status 1: refused$");
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDOUT, " other/run: told$");
	assert_string_equal(scene_read(scene, "runs"), "x\nx\nx\nx\nx\n");
}

static void test_check_failures_in_a_row_end_the_container(struct scene *scene)
{
	expect_to_end(scene, "DINIT_EXIT_STATUS=dinit");
}

static void test_check_failures_have_that_status_in_either_setting(struct scene *scene)
{
	expect_to_end(scene, "DINIT_EXIT_STATUS=service");
}

static void test_check_failures_of_an_optional_service_are_a_warning(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_file(scene, "services/web/optional", 0644, "");
	scene_service(scene, "other", POLITE);
	scene_script(scene, "services/web/check",
		     "echo x >>$SCENE/runs; test $(wc -l <$SCENE/runs) -eq 1");
	run = start(scene, short_interval(scene), "DINIT_CHECK_FAILURES=1");
	run_wait_line(run, RUN_STDERR,
		      WARNING "web/check: failed 1 time in a row; the service is optional, the "
			      "container goes on: exited with status 1$");
	run_wait_line(run, RUN_STDOUT, " other/run: up$");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " other/run: told$");
}

/* ---- checks that do not behave ---- */

/* A check that takes too long is killed, deaf or not, and nothing of it is left. */
static void expect_too_long(struct scene *scene, const char *check, const char *said)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", check);
	run = start(scene, "DINIT_CHECK_INTERVAL=0.5", "DINIT_LOG_LEVEL=debug");
	run_wait_lines(run, RUN_STDERR,
		       scene_format(scene, "debug: web/check: failed: took longer than 0\\.5 s%s$",
				    said),
		       2);
	run_expect_no_line(run, RUN_STDERR, "ready after");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
}

static void test_check_that_is_deaf_is_killed(struct scene *scene)
{
	expect_too_long(scene,
			"trap '' TERM INT HUP; test -e $SCENE/second || { touch $SCENE/second; "
			"exit 1; }; echo waiting; while :; do sleep 1000; done",
			": waiting");
}

static void test_check_whose_output_never_ends_is_killed(struct scene *scene)
{
	expect_too_long(scene, "exec yes", "(: y)?");
}

static void test_check_that_stops_itself_is_killed(struct scene *scene)
{
	expect_too_long(scene, "kill -STOP $$", "");
}

/* What it has started does not outlive it, and is no orphan that anybody is told of. */
static void test_check_that_takes_too_long_goes_with_its_children(struct scene *scene)
{
	expect_too_long(scene, "(trap '' TERM; while :; do sleep 1000; done) & wait", "");
}

/* It is over when its process is, whoever holds its pipe; that is an orphan like any other. */
static void test_check_that_leaves_a_child_is_over(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", "sleep 1000 & exit 0");
	run = start(scene, NEVER, NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready");
	run_wait_line(run, RUN_STDERR, WARNING "sleep/[0-9]+: .*sleep 1000");
	stop(run);
}

/* ---- no process can be made ---- */

static void limit_processes(void *ctx)
{
	const rlim_t *limit = ctx;

	if (setrlimit(RLIMIT_NPROC, &(struct rlimit){ *limit, 1000 }) < 0)
		_exit(98);
}

/* As the user that dinit runs as, who may. */
static void set_process_limit(const struct run *run, rlim_t limit)
{
	const struct rlimit now = { limit, 1000 };
	uid_t user = scene_user();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0 ||
		      prlimit(run->pid, RLIMIT_NPROC, &now, NULL) < 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		scene_fail("the limit of processes cannot be changed");
}

/* dinit and the service are all that its user may have, until the limit is raised. */
static void test_check_without_a_process_has_failed(struct scene *scene)
{
	rlim_t limit = 2;
	struct run *run;

	scene_service(scene, "web", "exec sleep 1000");
	scene_script(scene, "services/web/check", "exit 0");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=debug",
								       short_interval(scene)),
						   .user = scene_user(),
						   .prepare = limit_processes,
						   .prepare_ctx = &limit });
#define NO_PROCESS \
	"cannot be started: no process can be made \\(.*; raise the limit of processes, pids " \
	"limit or ulimit -u\\)$"
	run_wait_lines(run, RUN_STDERR, "debug: web/check: failed: " NO_PROCESS, 2);
	set_process_limit(run, 1000);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready");
	set_process_limit(run, 2);
	run_wait_line(run, RUN_STDERR, WARNING "web/check: not ready any more: " NO_PROCESS);
	set_process_limit(run, 1000);
	run_wait_line(run, RUN_STDERR, WARNING "web/check: ready again after");
	stop(run);
}

static void test_check_that_cannot_be_executed_has_failed(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_file(scene, "services/web/check", 0755, "#!/nonexistent/sh\n");
	run = start(scene, NEVER, "DINIT_LOG_LEVEL=debug");
	run_wait_lines(run, RUN_STDERR,
		       "debug: web/check: failed: cannot be started: .*/nonexistent/sh", 2);
	stop(run);
	/* That is a mistake in the image, which the default level tells, too. */
	assert_int_equal(run_count_lines(run, RUN_STDERR,
					 WARNING "web/check: cannot be started: .*/nonexistent/sh"),
			 1);
}

/* ---- the end of its service, and of the container ---- */

/* Nobody waits for one that runs then, and it is not left behind. */
static void test_check_that_runs_is_killed_in_a_teardown(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "begun");
	scene_service(scene, "web",
		      "trap 'exit 0' TERM; read line <$SCENE/begun; echo $line; " SCENE_TRAPPING);
	scene_script(scene, "services/web/check",
		     "trap '' TERM; echo check has begun >$SCENE/begun\n"
		     "while :; do sleep 1000; done");
	run = start(scene, NEVER, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: check has begun$");
	stop(run);
	run_expect_no_line(run, RUN_STDERR, "web/check");
	run_expect_no_line(run, RUN_STDERR, "still waits");
}

/* With DINIT_STOP_DELAY the services go on, and are not ready; nobody asks them any more. */
static void test_check_is_not_begun_in_a_teardown(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check",
		     "echo x >>$SCENE/runs; test ! -e $SCENE/stopping || echo y >>$SCENE/late");
	scene_script(scene, "services/web/prestop", "sleep 1.5; cp $SCENE/runs $SCENE/runs.then");
	run = start(scene, interval(scene, 500), "DINIT_STOP_DELAY=2");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDERR, INFO "all services are ready");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: the services go on for 2 s");
	scene_file(scene, "stopping", 0644, "");
	run_expect_exit(run, 0);
	assert_string_equal(scene_read(scene, "late"), "");
	assert_string_equal(scene_read(scene, "runs"), scene_read(scene, "runs.then"));
}

/* A check is about run: when that has ended, none is run, while finish does its work. */
static void test_check_is_not_run_during_finish(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "echo up; read go <\"$SCENE/go\"; exit 115");
	scene_service(scene, "other", POLITE);
	scene_script(scene, "services/web/check",
		     "test ! -e $SCENE/finishing || echo late >>$SCENE/late; exit 0");
	scene_script(scene, "services/web/finish",
		     "touch $SCENE/finishing; sleep 1; echo finished $1");
	run = start(scene, interval(scene, 500), NULL);
	run_wait_line(run, RUN_STDERR, INFO "web: ready after");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/finish: finished 115$");
	stop(run);
	assert_string_equal(scene_read(scene, "late"), "");
	run_expect_no_line(run, RUN_STDERR, "not ready any more: was killed");
}

/* ---- many ---- */

#define MANY 200
#define INTERVAL_MS 10000

/* Counts which tenth of the interval each check came in. */
static void count_tenths(struct scene *scene, struct run *run, unsigned tenths[10])
{
	long tenth_ms = (long)scene_deadline_ms(INTERVAL_MS / 10);

	for (unsigned i = 0; i < MANY; i++) {
		const char *line = scene_format(scene, " counter/run: s%03u$", i);

		tenths[run_stamp_ms(run, line) / tenth_ms % 10]++;
	}
}

static void test_check_of_many_services_is_spread_over_the_interval(struct scene *scene)
{
	unsigned tenths[10] = { 0 }, used = 0;
	struct run *run;

	scene_fifo(scene, "checked");
	scene_service(
		scene, "counter",
		"trap 'exit 0' TERM; while read line; do echo $line >&2; done <$SCENE/checked");
	for (unsigned i = 0; i < MANY; i++) {
		const char *name = scene_format(scene, "s%03u", i);

		scene_service(scene, name, "exec sleep 100000");
		scene_script(scene, scene_format(scene, "services/%s/check", name),
			     scene_format(scene,
					  "test ! -e $SCENE/count || echo %s >$SCENE/checked",
					  name));
	}
	run = start(scene, interval(scene, INTERVAL_MS), NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after ");
	scene_file(scene, "count", 0644, "");
	for (unsigned i = 0; i < MANY; i++)
		run_wait_line(run, RUN_STDERR, scene_format(scene, " counter/run: s%03u$", i));
	stop(run);
	count_tenths(scene, run, tenths);
	/* MANY / 10, were the machine quick and idle; and MANY, were they not spread. */
	for (unsigned i = 0; i < 10; i++) {
		used += tenths[i] > 0;
		if (tenths[i] > MANY / 2)
			scene_fail("%u of %d in one tenth of the interval", tenths[i], MANY);
	}
	if (used < 6)
		scene_fail("they are spread over %u tenths of the interval", used);
	run_expect_no_line(run, RUN_STDERR, "not ready any more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* It takes longest. */
		SCENE_AS_SUBREAPER(test_check_of_many_services_is_spread_over_the_interval),
		SCENE(test_check_is_run_each_second_until_it_succeeds),
		SCENE(test_check_loss_and_return_are_warnings),
		SCENE(test_check_output_is_not_logged),
		SCENE(test_check_failures_in_a_row_end_the_container),
		SCENE_AS_SUBREAPER(test_check_failures_have_that_status_in_either_setting),
		SCENE(test_check_failures_of_an_optional_service_are_a_warning),
		SCENE(test_check_that_is_deaf_is_killed),
		SCENE(test_check_whose_output_never_ends_is_killed),
		SCENE(test_check_that_stops_itself_is_killed),
		SCENE(test_check_that_takes_too_long_goes_with_its_children),
		SCENE(test_check_that_leaves_a_child_is_over),
		SCENE(test_check_without_a_process_has_failed),
		SCENE(test_check_that_cannot_be_executed_has_failed),
		SCENE(test_check_that_runs_is_killed_in_a_teardown),
		SCENE(test_check_is_not_begun_in_a_teardown),
		SCENE(test_check_is_not_run_during_finish),
	};

	return scene_run_side_by_side("check", tests, sizeof tests / sizeof *tests);
}
