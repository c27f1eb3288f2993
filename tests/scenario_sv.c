/* SPDX-License-Identifier: ISC */
/* dinit by the name sv, as service directories that were made for runit call it. */
#include "harness.h"
#include "launch.h"

#include <signal.h>
#include <unistd.h>

#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING
#define CLIENT " client/run: "

/* Puts a link to the program under test where services find it: $SCENE/bin/sv. */
static void add_sv(struct scene *scene)
{
	scene_mkdir(scene, "bin");
	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
	assert_int_equal(symlink("../dinit", scene_path(scene, "bin/sv")), 0);
}

/* Adds a service that runs the commands when the test lets it go, and says "over". */
static void add_client(struct scene *scene, const char *commands)
{
	add_sv(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "client",
		      scene_format(scene,
				   "trap 'exit 0' TERM; PATH=$SCENE/bin:$PATH\n"
				   "call() { sv \"$@\"; echo \"$*: status $?\"; }\n"
				   "read go <\"$SCENE/go\"\n"
				   "%s\n"
				   "echo over; " SCENE_TRAPPING,
				   commands));
}

/* Lets the client go, waits until it is done, and stops. */
static void play(struct scene *scene, struct run *run)
{
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, CLIENT "over$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* As in many a run script of Void Linux: runit would start it again after a second. */
static void test_sv_check_in_run_waits_for_the_other(struct scene *scene)
{
	struct run *run;

	add_sv(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "db",
		      "trap 'exit 0' TERM; echo up; read go <\"$SCENE/go\"; echo "
		      ">\"$SCENE/ready\"\n" SCENE_TRAPPING);
	scene_script(scene, "services/db/check", "test -e \"$SCENE/ready\"");
	scene_service(scene, "web",
		      "exec 2>&1; trap 'exit 0' TERM; PATH=$SCENE/bin:$PATH; echo before\n"
		      "SVWAIT=1000 sv check db >/dev/null || exit 1\n"
		      "test -e \"$SCENE/ready\" && echo after; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDOUT, " web/run: before$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: after$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

static void test_sv_status_prints_what_runit_prints(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/log/run", "exec cat");
	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "exit 0");
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	add_client(scene, "call check db\n"
			  "call status web db off \"$DINIT_DIR/web\"\n"
			  "cd \"$DINIT_DIR/web\"; call s . nosuch");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	play(scene, run);
#define RUNS ": \\(pid [0-9]+\\) [0-9]+s"
	run_expect_line(run, RUN_STDOUT, CLIENT "ok: run: db" RUNS ", ready$");
	run_expect_line(run, RUN_STDOUT, CLIENT "run: web" RUNS "; run: log" RUNS "$");
	run_expect_line(run, RUN_STDOUT, CLIENT "run: db" RUNS ", ready$");
	run_expect_line(run, RUN_STDOUT, CLIENT "down: off: [0-9]+s$");
	run_expect_line(run, RUN_STDOUT, CLIENT "run: /.*/services/web" RUNS "; run: log" RUNS "$");
	run_expect_line(run, RUN_STDOUT, CLIENT "status web db off .*: status 0$");
	run_expect_line(run, RUN_STDOUT, CLIENT "run: \\." RUNS "; run: log" RUNS "$");
	run_expect_line(run, RUN_STDOUT, CLIENT "fail: nosuch: there is no service nosuch$");
	run_expect_line(run, RUN_STDOUT, CLIENT "s \\. nosuch: status 1$");
}

static void test_sv_signals_reach_the_service(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "trap 'echo got 1' USR1; trap 'echo got 2' USR2; trap 'echo got hup' HUP\n"
		      "trap 'echo got alarm' ALRM; " POLITE);
	add_client(scene, "call 1 web; call 2 web/; call hup web; call alarm \"$DINIT_DIR/web\"\n"
			  "call pause web; call cont web; call -v cont web");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: got 1$");
	run_wait_line(run, RUN_STDOUT, " web/run: got 2$");
	run_wait_line(run, RUN_STDOUT, " web/run: got hup$");
	run_wait_line(run, RUN_STDOUT, " web/run: got alarm$");
	run_wait_line(run, RUN_STDOUT, CLIENT "over$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, CLIENT ".*: status 0$"), 7);
	run_expect_line(run, RUN_STDOUT, CLIENT "ok: run: web" RUNS "$");
}

static void test_sv_what_dinit_does_not_do_is_refused(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	add_client(scene,
		   "for word in restart down stop exit force-restart; do call $word web; done\n"
		   "call; call bogus web; call status");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	play(scene, run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, CLIENT ".*: status 100$"), 8);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "dinit keeps no service down"), 5);
	assert_int_equal(run_count_lines(run, RUN_STDERR, CLIENT "usage: sv "), 3);
}

static void test_sv_check_of_what_never_gets_ready_is_a_timeout(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", "exit 1");
	add_client(scene, "call -w 0 check web; call up web; call -w 0 start web");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	play(scene, run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT,
					 CLIENT "timeout: run: web" RUNS ", not ready$"),
			 2);
	run_expect_line(run, RUN_STDOUT, CLIENT "-w 0 check web: status 1$");
	run_expect_line(run, RUN_STDOUT, CLIENT "up web: status 0$");
	run_expect_line(run, RUN_STDOUT, CLIENT "-w 0 start web: status 1$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_sv_check_in_run_waits_for_the_other),
		SCENE(test_sv_status_prints_what_runit_prints),
		SCENE(test_sv_signals_reach_the_service),
		SCENE(test_sv_what_dinit_does_not_do_is_refused),
		SCENE(test_sv_check_of_what_never_gets_ready_is_a_timeout),
	};

	return scene_run_all("sv", tests, sizeof tests / sizeof *tests);
}
