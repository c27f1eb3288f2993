/* SPDX-License-Identifier: ISC */
/* What --status and --metrics tell of a dinit that runs: they are run by a service of it, as by
 * anybody else in the container. */
#include "harness.h"
#include "launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING

/* Adds a service that waits until the test lets it go, runs the commands, and says "over". In them
 * dinit is the program under test. */
static void add_client(struct scene *scene, const char *commands)
{
	if (access(scene_path(scene, "dinit"), X_OK) < 0)
		scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
	scene_fifo(scene, "go");
	scene_service(scene, "client",
		      scene_format(scene,
				   "trap 'exit 0' TERM; PATH=$SCENE:$PATH; echo waiting\n"
				   "read go <\"$SCENE/go\"\n"
				   "%s\n"
				   "echo over; " SCENE_TRAPPING,
				   commands));
}

/* Starts dinit, and lets the client go once all services are up, which are so many beside it. */
static struct run *start(struct scene *scene, const struct run_spec *spec, size_t others)
{
	struct run *run = run_start(scene, spec);

	run_wait_line(run, RUN_STDOUT, " client/run: waiting$");
	run_wait_lines(run, RUN_STDOUT, "/run: up$", others);
	scene_let_go(scene, "go");
	return run;
}

static void stop(struct run *run)
{
	run_wait_line(run, RUN_STDOUT, " client/run: over$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- the table ---- */

static void test_status_shows_what_each_service_does(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "(exec sleep 1000) & " POLITE);
	scene_script(scene, "services/web/log/run", "exec cat");
	scene_service(scene, "migrate", "exit 115");
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	scene_service(scene, "later", "exit 1");
	/* It goes on when migrate has ended. */
	add_client(scene, "until dinit --status --json migrate | jq -e '.services[0].pid == null' "
			  ">/dev/null; do sleep 0.02; done; dinit --status; echo \"status $?\"");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_SKIP=later") });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	stop(run);
#define LINE " client/run: "
#define AGE " +[0-9]+m?[0-9]*s"
	run_expect_line(run, RUN_STDOUT,
			LINE "dinit [0-9.]+ \\(PID [0-9]+\\), running for [0-9ms]+: all "
			     "services are ready$");
	run_expect_line(run, RUN_STDOUT,
			LINE "NAME     STATE     +PID +FOR +CPU +MEMORY  LINES  REASON$");
	run_expect_line(run, RUN_STDOUT,
			LINE "web      ready     +[0-9]+" AGE " +[0-9.]+s +[0-9.]+[kM] +[0-9]+$");
	run_expect_line(run, RUN_STDOUT,
			LINE "migrate  disabled +-" AGE " +- +- +0  exited with status 115$");
	run_expect_line(run, RUN_STDOUT, LINE "off      down     +-" AGE " +- +- +0$");
	run_expect_line(run, RUN_STDOUT, LINE "later    skipped  +-" AGE " +- +- +0$");
	run_expect_line(run, RUN_STDOUT, LINE "client   ready ");
	run_expect_line(run, RUN_STDOUT, LINE "status 0$");
}

static void test_status_names_are_judged_alone(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	add_client(scene, "dinit --status web >/dev/null; echo \"web $?\"\n"
			  "dinit --status web off >/dev/null; echo \"off $?\"\n"
			  "dinit --status wbe; echo \"wbe $?\"\n"
			  "dinit --status > /dev/full; echo \"full $?\"");
	run = start(scene, &(struct run_spec){ .environment = TEXT }, 1);
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: web 0$");
	run_expect_line(run, RUN_STDOUT, " client/run: off 1$");
	run_expect_line(run, RUN_STDERR, " client/run: dinit: .*wbe.*web");
	run_expect_line(run, RUN_STDOUT, " client/run: wbe 1$");
	run_expect_line(run, RUN_STDOUT, " client/run: full 1$");
}

/* A check that fails, succeeds, and fails again. (On a slow machine a shell takes its time.) */
static void test_status_check_decides(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check",
		     "test -e $SCENE/good || { echo refused; exit 1; }");
	add_client(scene, "until dinit --status web | grep -q refused; do sleep 0.02; done\n"
			  "dinit --status web | sed 1d\n"
			  "dinit --status >/dev/null; echo \"whole $?\"; touch $SCENE/good\n"
			  "until dinit --status web >/dev/null; do sleep 0.02; done\n"
			  "dinit --status >/dev/null; echo \"whole $?\"; rm $SCENE/good\n"
			  "while dinit --status web >/dev/null; do sleep 0.02; done\n"
			  "dinit --status web | sed 1d\n"
			  "dinit --status --json web | jq -c '.services[0] | [.check_failures > 0, "
			  ".check_failures_total > .check_failures]'\n"
			  "dinit --status >/dev/null; echo \"whole $?\"");
	run = start(scene,
		    &(struct run_spec){
			    .environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_CHECK_INTERVAL=3") },
		    1);
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: web +starting .*  refused$");
	run_expect_line(run, RUN_STDOUT, " client/run: web +unready .*  refused$");
	run_expect_line(run, RUN_STDOUT, " client/run: \\[true,true\\]$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " client/run: whole 1$"), 2);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " client/run: whole 0$"), 1);
}

static void test_status_lines_are_counted(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo one; echo two; echo err >&2; " POLITE);
	add_client(scene, "dinit --status web | sed 1d\n"
			  "dinit --status --json web | jq -c '.services[0] | [.stdout, .stderr]'\n"
			  "dinit --metrics | grep 'web.*stderr'");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " client/run: waiting$");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDERR, " web/run: err$");
	scene_let_go(scene, "go");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: web +ready .* 4$");
	run_expect_line(run, RUN_STDOUT,
			"\\[\\{\"lines\":3,\"bytes\":11\\},\\{\"lines\":1,\"bytes\":4\\}\\]$");
	run_expect_line(run, RUN_STDOUT,
			" dinit_service_lines_total\\{service=\"web\",stream=\"stderr\"\\} 1$");
}

/* In the teardown nothing is as it should be, and the cause is told, without last words. */
static void test_status_in_a_teardown_is_stopping(struct scene *scene)
{
	struct run *run;

	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
	scene_service(scene, "bad", "echo oh no >&2; read go <\"$SCENE/go\"; exit 7");
	scene_fifo(scene, "go");
	scene_service(scene, "web", "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/web/terminate",
		     "$SCENE/dinit --status; echo \"status $?\"\n"
		     "$SCENE/dinit --status --json | jq -c '[.state, .ready, .cause]'\n"
		     "kill $DINIT_PID");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT,
			"/term: dinit .*, stopping for [0-9]+s: bad/run: PID [0-9]+ ");
	run_expect_line(run, RUN_STDOUT, "/term: bad +ended +- .* exited with status 7$");
	run_expect_line(run, RUN_STDOUT, "/term: web +stopping +[0-9]+ ");
	run_expect_line(run, RUN_STDOUT, "/term: status 1$");
	run_expect_line(run, RUN_STDOUT,
			"\\[\"stopping\",false,\"bad/run: PID [0-9]+ exited with status 7\"\\]$");
}

/* Waits until a service has written to the FIFO. */
static void wait_for(struct scene *scene, const char *fifo)
{
	struct pollfd poller = { .fd = open(scene_path(scene, "%s", fifo), O_RDONLY | O_CLOEXEC),
				 .events = POLLIN };

	if (poll(&poller, 1, (int)scene_deadline_ms(20000)) != 1)
		scene_fail("nobody writes to %s", fifo);
	close(poller.fd);
}

static void test_status_dinit_that_is_stopped_is_seen(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_fifo(scene, "done");
	add_client(scene, "dinit --status >$SCENE/status; echo done >$SCENE/done; exit 115");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " client/run: waiting$");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGSTOP);
	scene_let_go(scene, "go");
	wait_for(scene, "done");
	run_signal(run, SIGCONT);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_non_null(strstr(scene_read(scene, "status"), "\nweb     ready "));
}

/* ---- for programs ---- */

static void test_status_json_is_understood(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "(exec sleep 1000) & " POLITE);
	scene_script(scene, "services/web/log/run", "while read line; do echo \"$line\"; done");
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	add_client(scene,
		   "until dinit --status --json web | jq -e '.services[0].processes >= 3' "
		   ">/dev/null; do "
		   "sleep 0.02; done\n"
		   "dinit --status --json >$SCENE/json; echo \"lines $(wc -l <$SCENE/json)\"\n"
		   "jq -c '[.version, .pid, .state, .ready, .cause, .zombies]' $SCENE/json\n"
		   "jq -c '.services[] | [.name, .state, .ready, .reason, .exit_status, "
		   ".check_failures]' $SCENE/json\n"
		   "jq -c '.services[] | select(.name == \"web\") | [.pid > 0, .log_pid > 0, "
		   ".memory_bytes > 100000, .cpu_seconds >= 0]' $SCENE/json\n"
		   "jq -c '[(.uptime > 0), (.since | length), (.streams | keys), (.orphans | "
		   "keys_unsorted)]' $SCENE/json\n"
		   "echo \"me $PPID\"");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: lines 1$");
	run_expect_line(run, RUN_STDOUT,
			scene_format(scene, "\\[\"[0-9.]+\",%s,\"running\",true,null,[0-9]+\\]$",
				     run_match(run, RUN_STDOUT, " me ([0-9]+)$", 1)));
	run_expect_line(run, RUN_STDOUT, "\\[\"off\",\"down\",false,null,null,0\\]$");
	run_expect_line(run, RUN_STDOUT, "\\[\"web\",\"ready\",true,null,null,0\\]$");
	run_expect_line(run, RUN_STDOUT, "\\[true,true,true,true\\]$");
	run_expect_line(run, RUN_STDOUT,
			"\\[true,24,\\[\"stderr\",\"stdout\"\\],\\[\"terminated\",\"adopted\","
			"\"killed\"\\]\\]$");
}

static void test_metrics_promtool_finds_nothing_wrong(struct scene *scene)
{
	struct run *run;

	scene_need(system("command -v promtool >/dev/null") == 0,
		   "there is no promtool: install Debian's prometheus");
	scene_service(scene, "web", POLITE);
	add_client(scene, "dinit --metrics >$SCENE/metrics; echo \"status $?\"\n"
			  "promtool check metrics <$SCENE/metrics; echo \"promtool $?\"\n"
			  "grep web $SCENE/metrics\n"
			  "dinit --metrics web >/dev/null 2>&1; echo \"operand $?\"");
	run = start(scene, &(struct run_spec){ .environment = TEXT }, 1);
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: status 0$");
	run_expect_line(run, RUN_STDOUT, " client/run: promtool 0$");
	run_expect_no_line(run, RUN_STDERR, " client/run: ");
	run_expect_line(run, RUN_STDOUT, " dinit_service_up\\{service=\"web\"\\} 1$");
	run_expect_line(run, RUN_STDOUT, " dinit_service_ready\\{service=\"web\"\\} 1$");
	run_expect_line(run, RUN_STDOUT, " dinit_service_processes\\{service=\"web\"\\} [12]$");
	run_expect_line(run, RUN_STDOUT, " client/run: operand 1$");
}

/* ---- where little is to be seen ---- */

static void test_status_without_proc_shows_the_rest(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_service(scene, "web", POLITE);
	add_client(scene, "dinit --status; echo \"status $?\"\n"
			  "dinit --status --json web | jq -c '.services[0] | [.state, .processes, "
			  ".memory_bytes, .cpu_seconds]'\n"
			  "dinit --metrics | grep -c resident_memory_bytes{; echo over");
	run = start(scene, &(struct run_spec){ .environment = TEXT, .no_proc = true }, 1);
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: web +ready +[0-9]+ +[0-9]+s +- +- +[0-9]+$");
	run_expect_line(run, RUN_STDOUT, " client/run: status 0$");
	run_expect_line(run, RUN_STDOUT, "\\[\"ready\",null,null,null\\]$");
	run_expect_line(run, RUN_STDOUT, " client/run: 0$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_status_shows_what_each_service_does),
		SCENE(test_status_names_are_judged_alone),
		SCENE(test_status_check_decides),
		SCENE(test_status_lines_are_counted),
		SCENE(test_status_in_a_teardown_is_stopping),
		SCENE_AS_SUBREAPER(test_status_dinit_that_is_stopped_is_seen),
		SCENE(test_status_json_is_understood),
		SCENE(test_metrics_promtool_finds_nothing_wrong),
		SCENE_AS_INIT(test_status_without_proc_shows_the_rest),
	};

	return scene_run_all("status", tests, sizeof tests / sizeof *tests);
}
