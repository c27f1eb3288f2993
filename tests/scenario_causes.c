/* SPDX-License-Identifier: ISC */
/* Which service is the cause of a teardown, and what the message about it adds: the process that it
 * left in the background, and the logging program that has its output. */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define WITH(variable) LIST("DINIT_JSON_STDOUT=0", variable)

/* What a script has started is called what the script was until it is executed. */
#define SLEEP "(sh|run|setsid|sleep)"

/* The cause, as an extended regular expression. */
#define CAUSE(level, label, how) " dinit: " level ": " label ": PID [0-9]+ " how
#define LEFT(name) \
	"; it left " name " \\(PID ([0-9]+)\\) in the background: keep it in " \
	"the foreground"
#define STOPPING "[,;] stopping the container$"
#define LOGGED(label) " \\(its output went to " label "\\)"

static struct run *run_to_the_end(struct scene *scene, const char *const *environment, int status)
{
	struct run *run = run_start(scene, &(struct run_spec){ .environment = environment });

	run_expect_exit(run, status);
	assert_int_equal(run_count_lines(run, RUN_STDERR, STOPPING), 1);
	return run;
}

/* ---- what was left in the background ---- */

/* The service ends with 0, and has left a process of that name. (policies: but ignore) */
static void expect_left(struct scene *scene, const char *body, const char *name)
{
	struct run *run;

	scene_service(scene, "web", body);
	run = run_to_the_end(scene, TEXT, 0);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene,
				     CAUSE("warning", "web/run", "exited with status 0") LEFT("%s")
					     STOPPING,
				     name));
}

static void test_left_helper_in_the_background_is_named(struct scene *scene)
{
	expect_left(scene, "sleep 1000 & exit 0", SLEEP);
}

static void test_left_daemon_with_its_own_session_is_named(struct scene *scene)
{
	expect_left(scene, "setsid sleep 1000 </dev/null >/dev/null 2>&1 & exit 0", SLEEP);
}

static void test_left_daemon_of_two_forks_without_a_session_is_named(struct scene *scene)
{
	expect_left(scene,
		    "(sleep 1000 & echo $! >\"$SCENE/pid\"); "
		    "kill -0 $(cat \"$SCENE/pid\"); exit 0",
		    SLEEP);
}

static void test_left_daemon_of_two_forks_and_a_session_is_named(struct scene *scene)
{
	expect_left(scene, "(setsid sh -c 'sleep 1000 >/dev/null 2>&1 &'); exit 0", SLEEP);
}

/* Runs the services to the end, which comes when the one that reads "go" is let go: once the orphan
 * has been found. */
static struct run *run_past_the_orphan(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .environment = TEXT });

	run_wait_line(run, RUN_STDERR, " " SLEEP "/[0-9]+: lost its parent, terminating it");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	return run;
}

/* The script goes on for as long as an init script does, and the daemon is found before its end. */
static void test_left_daemon_found_before_the_end_is_named(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "(setsid sleep 1000 >/dev/null 2>&1 &); read go <\"$SCENE/go\"; exit 0");
	run = run_past_the_orphan(scene);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") LEFT(SLEEP) STOPPING);
}

/* What was found before has been left by another one. (On a machine that takes two seconds from
 * the line to the end it would not be named anyway.) */
static void test_left_helper_of_a_service_that_ended_before_is_not_named(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "init", "sleep 1000 & exit 115");
	scene_service(scene, "job", "read go <\"$SCENE/go\"; exit 0");
	run = run_past_the_orphan(scene);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "; it left "), 0);
}

static void test_left_daemon_under_adopt_is_named(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "setsid sleep 1000 >/dev/null 2>&1 & exit 0");
	run = run_to_the_end(scene, WITH("DINIT_REPARENTING_POLICY=adopt"), 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") LEFT(SLEEP) STOPPING);
}

/* With ignore nobody knows whose an orphan is, unless its session says so. */
static void test_left_under_ignore_is_named_by_its_session_alone(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	scene_service(scene, "web", "sleep 1000 >/dev/null 2>&1 & exit 0");
	run = run_to_the_end(scene, WITH("DINIT_REPARENTING_POLICY=ignore"), 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") LEFT(SLEEP) STOPPING);
	scene_service(scene, "web",
		      "(setsid sh -c 'touch \"$SCENE/there\"; exec sleep 1000' >/dev/null 2>&1 &)\n"
		      "until [ -e \"$SCENE/there\" ]; do :; done; exit 0");
	run = run_to_the_end(scene, WITH("DINIT_REPARENTING_POLICY=ignore"), 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") STOPPING);
}

/* nginx as distributions have it: without "daemon off;" it goes into the background. (It can sleep
 * through a TERM that comes while it starts.) */
static void test_left_nginx_is_named(struct scene *scene)
{
	struct run *run;

	scene_need_program("nginx");
	scene_need(geteuid() == 0 || scene->mode == RUN_AS_SUBREAPER,
		   "nginx needs a second user where it is root: run as root");
	scene_file(
		scene, "nginx.conf", 0644,
		scene_format(scene,
			     "pid %s/nginx.pid; error_log %s/error.log;\n"
			     "events { }\n"
			     "http { access_log off; server { listen unix:%s/nginx.socket; } }\n",
			     scene->dir, scene->dir, scene->dir));
	scene_service(scene, "web",
		      "exec /usr/sbin/nginx -e \"$SCENE/error.log\" -c \"$SCENE/nginx.conf\"");
	run = run_to_the_end(scene, WITH("DINIT_KILL_TIMEOUT=1"), 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") LEFT("nginx") STOPPING);
}

static void test_left_redis_is_named(struct scene *scene)
{
	struct run *run;

	scene_need_program("redis-server");
	scene_service(scene, "cache",
		      "exec redis-server --daemonize yes --port 0 --save '' --dir \"$SCENE\" "
		      "--unixsocket \"$SCENE/redis.socket\" --pidfile \"$SCENE/redis.pid\" "
		      "--logfile /dev/null");
	run = run_to_the_end(scene, TEXT, 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "cache/run", "exited with status 0") LEFT("redis-server")
				STOPPING);
}

/* ---- what was not ---- */

static void test_left_nothing_is_said_of(struct scene *scene)
{
	static const char *const bodies[] = {
		"exit 0",
		"sleep 0.01 & wait; exit 0",
		"(true & echo $! >\"$SCENE/pid\"); "
		"while kill -0 $(cat \"$SCENE/pid\") 2>/dev/null; do :; done; exit 0",
		"echo line | cat; exit 0",
	};

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct run *run;

		scene_service(scene, "web", bodies[i]);
		run = run_to_the_end(scene, TEXT, 0);
		run_expect_line(run, RUN_STDERR,
				CAUSE("warning", "web/run", "exited with status 0") STOPPING);
	}
}

/* A failure has another reason. */
static void test_left_by_a_service_that_failed_is_not_said_of(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "sleep 1000 & exit 4");
	run = run_to_the_end(scene, TEXT, 3);
	run_expect_line(run, RUN_STDERR,
			CAUSE("error", "web/run", "exited with status 4") STOPPING);
}

/* The helper is in the session of another service, which left it a moment ago or goes on. */
static void test_left_by_another_service_is_not_blamed(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "forker",
		      "(sleep 1000 & echo $! >\"$SCENE/pid\"); echo left; exec sleep 1000");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; exit 0");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " forker/run: left$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") STOPPING);
}

/* It became an orphan long enough ago to be found, and another service may have left it. */
static void test_left_by_nobody_known_is_not_blamed_on_one_of_two(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "forker", "(setsid sleep 1000 >/dev/null 2>&1 &); exec sleep 1000");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; exit 0");
	run = run_past_the_orphan(scene);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") STOPPING);
}

/* Children from before dinit are nobody's. */
static void leave_children(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			if (i > 0)
				setsid();
			execlp("sleep", "sleep", "1000", (char *)NULL);
			_exit(126);
		}
}

static void test_left_from_before_dinit_is_not_blamed(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	scene_service(scene, "web", "exit 0");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT,
						   .in = RUN_FD_DEFAULT,
						   .out = RUN_FD_FILE,
						   .err = RUN_FD_FILE,
						   .prepare = leave_children });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") STOPPING);
}

static void test_left_without_proc_is_not_known(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_service(scene, "web", "sleep 1000 & exit 0");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT, .no_proc = true });
	run_wait_line(run, RUN_STDERR,
		      CAUSE("warning", "web/run", "exited with status 0") STOPPING);
	run_expect_exit(run, 0);
}

/* ---- where the output went ---- */

static void test_output_that_svlogd_has_is_said(struct scene *scene)
{
	struct run *run;

	scene_need_program("svlogd");
	scene_mkdir(scene, "log");
	scene_service(scene, "web", "echo 'cannot bind: address in use'; exit 2");
	scene_script(scene, "services/web/log/run", "exec svlogd \"$SCENE/log\"");
	run = run_to_the_end(scene, TEXT, 3);
	run_expect_line(run, RUN_STDERR,
			CAUSE("error", "web/run", "exited with status 2") LOGGED("web/log")
				STOPPING);
	assert_string_equal(scene_read(scene, "log/current"), "cannot bind: address in use\n");
}

static void test_output_that_is_in_a_file_is_said(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo 'last word'; kill -KILL $$");
	scene_script(scene, "services/web/log/run", "exec cat >\"$SCENE/web.log\"");
	run = run_to_the_end(scene, TEXT, 3);
	run_expect_line(run, RUN_STDERR,
			CAUSE("error", "web/run", "was killed by signal 9 \\(Killed\\)")
				LOGGED("web/log") STOPPING);
	assert_string_equal(scene_read(scene, "web.log"), "last word\n");
	run_expect_no_line(run, RUN_STDOUT, "last word");
}

/* Only while a logging program reads: not of one that has disabled itself, nor of its own end. */
static void test_output_that_dinit_has_is_not_said(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; exit 2");
	scene_script(scene, "services/web/log/run", "exit 115");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=info") });
	run_wait_line(run, RUN_STDERR, " web/log: .*it has disabled itself");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			CAUSE("error", "web/run", "exited with status 2") STOPPING);
	scene_service(scene, "web", "exec sleep 1000");
	scene_script(scene, "services/web/log/run", "exit 5");
	run = run_to_the_end(scene, TEXT, 3);
	run_expect_line(run, RUN_STDERR,
			CAUSE("error", "web/log", "exited with status 5") STOPPING);
}

static void test_cause_says_both_what_was_left_and_where_output_went(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo starting; sleep 1000 >/dev/null & exit 0");
	scene_script(scene, "services/web/log/run", "exec cat >\"$SCENE/web.log\"");
	run = run_to_the_end(scene, TEXT, 0);
	run_expect_line(run, RUN_STDERR,
			CAUSE("warning", "web/run", "exited with status 0") LEFT(SLEEP)
				LOGGED("web/log") STOPPING);
}

/* ---- which of two is the cause ---- */

/* app ends in order because db has failed, whose files the kernel closes before it tells dinit: so
 * app is often through first, and it was started first. */
#define ROUNDS 12

/* Returns whether it was. (It need not be where db is not through 100 ms after its files were
 * closed.) */
static bool is_failure_the_cause(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .environment = TEXT });

	run_wait_line(run, RUN_STDOUT, " db/run: connected$");
	scene_let_go(scene, "go");
	assert_int_equal(run_wait_exit(run) & ~3, 0);
	return run_count_lines(run, RUN_STDERR,
			       CAUSE("error", "db/run",
				     "exited with status 5, stopping the container; its last line "
				     "was: disk full$")) == 1;
}

static void test_cause_is_the_service_that_failed_and_not_one_that_it_took_along(
	struct scene *scene)
{
	int known = 0;

	scene_fifo(scene, "go");
	assert_int_equal(mkfifo(scene_path(scene, "link"), 0666), 0);
	scene_service(scene, "app", "read -r line <\"$SCENE/link\"; exit 0");
	scene_service(scene, "db",
		      "exec 3>\"$SCENE/link\"; echo connected; read -r go <\"$SCENE/go\"; "
		      "echo 'disk full' >&2; exit 5");
	for (int round = 0; round < ROUNDS; round++)
		known += is_failure_the_cause(scene);
	assert_true(known >= ROUNDS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_cause_is_the_service_that_failed_and_not_one_that_it_took_along),
		SCENE(test_left_helper_in_the_background_is_named),
		SCENE(test_left_daemon_with_its_own_session_is_named),
		SCENE(test_left_daemon_of_two_forks_without_a_session_is_named),
		SCENE(test_left_daemon_of_two_forks_and_a_session_is_named),
		SCENE(test_left_daemon_found_before_the_end_is_named),
		SCENE(test_left_helper_of_a_service_that_ended_before_is_not_named),
		SCENE(test_left_daemon_under_adopt_is_named),
		SCENE(test_left_under_ignore_is_named_by_its_session_alone),
		SCENE(test_left_nginx_is_named),
		SCENE(test_left_redis_is_named),
		SCENE(test_left_nothing_is_said_of),
		SCENE(test_left_by_a_service_that_failed_is_not_said_of),
		SCENE(test_left_by_another_service_is_not_blamed),
		SCENE(test_left_by_nobody_known_is_not_blamed_on_one_of_two),
		SCENE(test_left_from_before_dinit_is_not_blamed),
		SCENE_AS_INIT(test_left_without_proc_is_not_known),
		SCENE(test_output_that_svlogd_has_is_said),
		SCENE(test_output_that_is_in_a_file_is_said),
		SCENE(test_output_that_dinit_has_is_not_said),
		SCENE(test_cause_says_both_what_was_left_and_where_output_went),
	};

	return scene_run_all("causes", tests, COUNT(tests));
}
