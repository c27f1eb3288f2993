/* SPDX-License-Identifier: ISC */
/* Processes that hang on a file system whose server is dead: dinit never blocks on one
 * that has lost its parent, whatever state it is in; every service is told to stop, also
 * beside one whose terminate hangs. Invariant: the mount is in the namespace of one scene, and
 * its server (deadfs.c) is gone before the scene is, and some seconds after it began in any
 * case: meanwhile every look at the arguments of such a process hangs as it does. */
#include "streams.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOST " dinit: warning: [a-z]+/[0-9]+: lost its parent, "
#define WAIT "exec \"$ACTOR\" wait"
/* of the server: far more than a test takes, and less than the harness waits for a line */
#define LIFE_MS 10000
/* how a shell says that KILL ended a program */
#define KILLED 137

/* Three services: the mount with its server, which a line to $SCENE/kill kills; one that says
 * what it is told, and one that writes a line for each to $SCENE/go. A line to $SCENE/answer
 * makes the server answer. */
static void make_services(struct scene *scene, const char *held, const char *content)
{
	scene_mkdir(scene, "mnt");
	scene_file(scene, "content", 0644, content);
	scene_fifo(scene, "answer");
	scene_fifo(scene, "kill");
	scene_fifo(scene, "go");
	scene_fifo(scene, "mounted");
	scene_service(
		scene, "fs",
		scene_format(
			scene,
			"trap '' TERM\n"
			"\"${ACTOR%%/*}/deadfs\" \"$SCENE/mnt\" %s %u \"$(cat "
			"\"$SCENE/content\")\" "
			"<\"$SCENE/answer\" &\n"
			"read go <\"$SCENE/kill\"; kill -KILL $!; wait $!; echo \"server: $?\"",
			held, (unsigned)(scene_deadline_ms(LIFE_MS) / 1000)));
	scene_service(scene, "web", "trap 'echo told; exit' TERM; echo up\n" SCENE_TRAPPING);
	scene_service(scene, "flow", "while read go <\"$SCENE/go\"; do echo went; done");
}

/* Starts all that, and lets the service "mother" go, once the file system is mounted. */
static struct run *start(struct scene *scene, const char *policy)
{
	struct run *run = run_start(
		scene,
		&(struct run_spec){
			.environment =
				LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info", "DINIT_JSON_STDOUT=0",
				     scene_format(scene, "DINIT_REPARENTING_POLICY=%s", policy)) });
	const char *how = streams_wait_report(scene, "fs");

	scene_need(strcmp(how, "mounted") == 0, how);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "mounted");
	return run;
}

/* By then dinit has done to the orphan all that it does. */
static void expect_flow(struct scene *scene, struct run *run)
{
	for (size_t i = 1; i <= 3; i++) {
		scene_let_go(scene, "go");
		run_wait_lines(run, RUN_STDOUT, " flow/run: went$", i);
	}
}

/* The server was there until it was killed from here: nothing of the above had to wait for its
 * end. */
static void kill_server(struct scene *scene, struct run *run)
{
	scene_let_go(scene, "kill");
	run_wait_line(run, RUN_STDOUT, scene_format(scene, " fs/run: server: %d$", KILLED));
}

/* dinit is told to stop, and tells everyone; but what hangs ends only with the server. */
static void expect_stop(struct scene *scene, struct run *run)
{
	expect_flow(scene, run);
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDERR, " orphan ");
	kill_server(scene, run);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, " orphan ");
	run_expect_no_line(run, RUN_STDERR, "killing it");
}

/* ---- whose arguments cannot be read: the lock of its memory is taken ---- */

static void check_stuck(struct scene *scene, const char *policy, const char *verdict)
{
	struct run *run;

	make_services(scene, "write", "content");
	scene_service(scene, "mother",
		      "read go <\"$SCENE/mounted\"; \"$ACTOR\" stuck \"$SCENE/mnt/file\"; " WAIT);
	run = start(scene, policy);
	streams_wait_report(scene, "held");
	run_wait_line(run, RUN_STDERR, scene_format(scene, LOST "%s: \\[actor\\]", verdict));
	expect_stop(scene, run);
}

static void test_orphan_stuck_under_terminate_delays_nothing(struct scene *scene)
{
	check_stuck(scene, "terminate", "terminating it");
}

static void test_orphan_stuck_under_adopt_delays_nothing(struct scene *scene)
{
	check_stuck(scene, "adopt", "adopting it");
}

/* ---- who cannot be traced: it is within execve ---- */

/* It loses its parent once its execve waits for the server. */
static struct run *start_executing(struct scene *scene, const char *content)
{
	struct run *run;

	make_services(scene, "read", content);
	scene_fifo(scene, "leave");
	scene_service(scene, "mother",
		      "read go <\"$SCENE/mounted\"\n"
		      "(\"$SCENE/mnt/file\" & read go <\"$SCENE/leave\")\n" WAIT);
	run = start(scene, "adopt");
	streams_wait_report(scene, "held");
	scene_let_go(scene, "leave");
	run_wait_line(run, RUN_STDERR, LOST "adopting it: /bin/sh ");
	return run;
}

static void test_orphan_executing_under_adopt_delays_nothing(struct scene *scene)
{
	expect_stop(scene, start_executing(scene, "content"));
}

/* What it runs then says so until that comes under a label of its own. */
static void test_orphan_executing_under_adopt_is_redirected_once_it_runs(struct scene *scene)
{
	struct run *run =
		start_executing(scene,
				"#!/bin/sh\n"
				"while ! [ -e \"$SCENE/heard\" ]; do echo here; sleep 0.02; done\n"
				"exit 7");

	expect_flow(scene, run);
	scene_let_go(scene, "answer");
	streams_wait_report(scene, "answered");
	run_wait_line(run, RUN_STDOUT, " sh/[0-9]+: here$");
	scene_file(scene, "heard", 0644, "");
	run_wait_line(run, RUN_STDERR,
		      " dinit: error: sh/.* exited with status 7, stopping the container; "
		      "its last line was: here$");
	kill_server(scene, run);
	run_expect_exit(run, 3);
}

/* ---- a terminate that hangs: it is there when dinit looks, and hidden by the mount when it is
 * needed ---- */

static struct run *start_terminating(struct scene *scene)
{
	struct run *run;

	make_services(scene, "read", "#!/bin/sh\nkill $DINIT_PID");
	scene_file(scene, "mnt/file", 0755, "#!/bin/sh\n");
	scene_service(scene, "early", "trap 'echo ended; exit' TERM; echo up\n" SCENE_TRAPPING);
	scene_need(symlink("../../mnt/file", scene_path(scene, "services/early/terminate")) == 0,
		   "cannot make a link");
	run = start(scene, "terminate");
	run_wait_line(run, RUN_STDOUT, " early/run: up$");
	expect_flow(scene, run);
	run_signal(run, SIGTERM);
	streams_wait_report(scene, "held");
	run_wait_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDOUT, " early/run: ended$");
	return run;
}

static void test_terminate_that_hangs_delays_no_other_service(struct scene *scene)
{
	struct run *run = start_terminating(scene);

	scene_let_go(scene, "answer");
	run_wait_line(run, RUN_STDOUT, " early/run: ended$");
	kill_server(scene, run);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "sending TERM to the service instead");
}

static void test_terminate_that_hangs_and_fails_is_replaced_by_a_signal(struct scene *scene)
{
	struct run *run = start_terminating(scene);

	kill_server(scene, run);
	run_wait_line(
		run, RUN_STDERR,
		" warning: early/term: cannot be started, sending TERM to the service instead: "
		".*/services/early/terminate cannot be executed ");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " early/run: ended$");
}

/* ---- the file that gets the cause of the end ---- */

/* Starts the server before dinit, which takes it for a child that was there before. Nobody is on
 * the other end of its stdin but itself: it never answers. */
static void start_server(void *ctx)
{
	struct scene *scene = ctx;
	const char *life = scene_format(scene, "%u", (unsigned)(scene_deadline_ms(LIFE_MS) / 1000));
	char server[4096];
	int fd;

	if (fork() != 0)
		return;
	fd = open(scene_path(scene, "answer"), O_RDWR | O_CLOEXEC);
	snprintf(server, sizeof server, "%s", strchr(streams_actor(scene), '=') + 1);
	strcpy(strrchr(server, '/'), "/deadfs");
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 ||
	    putenv((char *)(uintptr_t)streams_report(scene)))
		_exit(99);
	execl(server, server, scene_path(scene, "mnt"), "write", life, "", (char *)NULL);
	_exit(99);
}

static void test_termination_log_that_hangs_is_waited_for_a_second(struct scene *scene)
{
	struct run *run;
	const char *how;

	/* What dinit sees at its start may be what is below the mount. */
	scene_mkdir(scene, "mnt");
	scene_file(scene, "mnt/log", 0666, "");
	scene_fifo(scene, "answer");
	scene_fifo(scene, "go");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; exit 7");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info",
						    "DINIT_JSON_STDOUT=0",
						    scene_format(scene, "DINIT_TERMINATION_LOG=%s",
								 scene_path(scene, "mnt/log"))),
				.prepare = start_server,
				.prepare_ctx = scene });
	how = streams_wait_report(scene, "fs");
	scene_need(strcmp(how, "mounted") == 0, how);
	scene_let_go(scene, "go");
	streams_wait_report(scene, "held");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			" dinit: info: .*/mnt/log: the cause of the end is not written there: "
			"it takes too long, and dinit does not wait for it$");
	run_expect_line(run, RUN_STDERR, " stopped after .* with status 3: web/run: PID ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_orphan_stuck_under_terminate_delays_nothing),
		SCENE_AS_INIT(test_orphan_stuck_under_adopt_delays_nothing),
		SCENE_AS_INIT(test_orphan_executing_under_adopt_delays_nothing),
		SCENE_AS_INIT(test_orphan_executing_under_adopt_is_redirected_once_it_runs),
		SCENE_AS_INIT(test_terminate_that_hangs_delays_no_other_service),
		SCENE_AS_INIT(test_terminate_that_hangs_and_fails_is_replaced_by_a_signal),
		SCENE_AS_INIT(test_termination_log_that_hangs_is_waited_for_a_second),
	};

	return scene_run_all("deadfs", tests, sizeof tests / sizeof *tests);
}
