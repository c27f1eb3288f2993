/* SPDX-License-Identifier: ISC */
/* dinit --watch and --signal beside a dinit that runs. */
#include "harness.h"
#include "launch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING
#define TIME "\\{\"time\":\"[-0-9]+T[0-9:.]+Z\","

/* Puts the program under test where services find it: $SCENE/dinit. */
static void add_dinit(struct scene *scene)
{
	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
}

/* ---- --watch ---- */

static void test_watch_shows_each_change_from_the_beginning_to_the_stop(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(scene, "migrate", "echo up; read go <\"$SCENE/go\"; exit 115");
	scene_service(scene, "web", POLITE);
	/* It is to see how the others are stopped. */
	scene_service(scene, "watch", "exec \"$SCENE/dinit\" --watch");
	scene_script(scene, "services/watch/terminate",
		     "read end <\"$SCENE/end\"; kill $DINIT_PID");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(
		run, RUN_STDOUT,
		" watch/run: " TIME
		"\"service\":\"migrate\",\"state\":\"ready\",\"pid\":[0-9]+,\"reason\":null\\}$");
	run_wait_line(
		run, RUN_STDOUT,
		" watch/run: " TIME
		"\"service\":\"watch\",\"state\":\"ready\",\"pid\":[0-9]+,\"reason\":null\\}$");
	run_wait_line(run, RUN_STDOUT,
		      " watch/run: " TIME
		      "\"state\":\"running\",\"ready\":true,\"cause\":null\\}$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT,
		      " watch/run: " TIME
		      "\"service\":\"migrate\",\"state\":\"disabled\",\"pid\":null,\"reason\":"
		      "\"exited with status 115\"\\}$");
	/* It has its trap now. */
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT,
		      " watch/run: " TIME
		      "\"state\":\"stopping\",\"ready\":false,\"cause\":\"signal 15 [^\"]+\"\\}$");
	run_wait_line(run, RUN_STDOUT,
		      " watch/run: " TIME
		      "\"service\":\"web\",\"state\":\"ended\",\"pid\":null,\"reason\":"
		      "\"exited with status 0\"\\}$");
	scene_let_go(scene, "end");
	run_expect_exit(run, 0);
	/* Nothing is shown twice. */
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "\"migrate\",\"state\":\"disabled\""), 1);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "\"web\",\"state\":\"ended\""), 1);
}

/* Reads all that somebody prints who was started by popen(3), and expects it to succeed. */
static const char *read_to_end(struct scene *scene, FILE *from)
{
	char bytes[8192];
	size_t len = fread(bytes, 1, sizeof bytes, from);

	assert_int_equal(pclose(from), 0);
	return scene_keep(scene, bytes, len);
}

/* One that is no process of this dinit's sees its end, and ends. */
static void test_watch_ends_with_dinit_and_has_seen_everything(struct scene *scene)
{
	const char *printed;
	struct run *run;
	char first[256];
	FILE *watch;

	scene_service(scene, "web", "trap 'exit 3' TERM; echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	watch = popen(scene_format(scene, "exec '%s' --watch --pid %d", launch_binary_name(),
				   (int)run->pid),
		      "r");
	assert_non_null(watch);
	assert_non_null(fgets(first, sizeof first, watch));
	assert_non_null(strstr(first, "\"service\":\"web\",\"state\":\"ready\""));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	printed = read_to_end(scene, watch);
	assert_non_null(strstr(printed, "\"web\",\"state\":\"ended\",\"pid\":null,\"reason\":"
					"\"exited with status 3\"}\n"));
	assert_non_null(
		strstr(printed, "\"state\":\"stopping\",\"ready\":false,\"cause\":\"signal 15"));
}

static void test_watch_output_that_nobody_takes_is_a_failure(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_service(scene, "web", POLITE);
	scene_service(scene, "client",
		      "trap 'exit 0' TERM; \"$SCENE/dinit\" --watch >/dev/full; echo \"full "
		      "$?\"\n" SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " client/run: full 1$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, " client/run: .*stdout cannot be written to");
}

/* All is ready when it begins, so that nothing changes meanwhile. */
static void test_watch_ends_when_its_reader_has_gone(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_service(scene, "web", POLITE);
	scene_service(scene, "client",
		      "PATH=$SCENE:$PATH; trap 'exit 0' TERM\n"
		      "until dinit --status >/dev/null; do sleep 0.02; done\n"
		      "{ dinit --watch; echo $? >&2; } | { read line; exec <&-; echo \"$line\"; }\n"
		      "echo over; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " client/run: " TIME);
	run_wait_line(run, RUN_STDOUT, " client/run: over$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, " client/run: 141$");
}

/* ---- --signal ---- */

static void test_signal_reaches_run_of_the_service(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_service(scene, "web", "trap 'echo got usr1' USR1; " POLITE);
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	scene_fifo(scene, "go");
	scene_service(scene, "client",
		      "trap 'exit 0' TERM; echo up; read go <\"$SCENE/go\"; PATH=$SCENE:$PATH\n"
		      "dinit --signal web USR1; echo \"web $?\"\n"
		      "dinit --signal off USR1; echo \"off $?\"\n"
		      "dinit --signal wbe USR1; echo \"wbe $?\"\n"
		      "dinit --signal web SURU; echo \"SURU $?\"\n"
		      "dinit --signal web; echo \"none $?\"\n" SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDOUT, " client/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: got usr1$");
	run_wait_line(run, RUN_STDOUT, " client/run: none 1$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " client/run: web 0$");
	run_expect_line(run, RUN_STDOUT, " client/run: off 1$");
	run_expect_line(run, RUN_STDERR, " dinit: off does not run \\(down\\)$");
	run_expect_line(run, RUN_STDOUT, " client/run: wbe 1$");
	run_expect_line(run, RUN_STDERR, " dinit: there is no service wbe; did you mean web\\?$");
	run_expect_line(run, RUN_STDOUT, " client/run: SURU 1$");
	run_expect_line(run, RUN_STDERR, " dinit: --signal takes, ");
	run_expect_line(run, RUN_STDERR, " dinit --signal NAME SIGNAL ");
}

/* The end of a service by such a signal ends the container as any other. */
static void test_signal_that_kills_ends_the_container(struct scene *scene)
{
	struct run *run;

	add_dinit(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "web", POLITE);
	scene_service(
		scene, "client",
		"read go <\"$SCENE/go\"; \"$SCENE/dinit\" --signal web KILL; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: web/run: PID [0-9]+ was killed by signal 9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_watch_shows_each_change_from_the_beginning_to_the_stop),
		SCENE_AS_SUBREAPER(test_watch_ends_with_dinit_and_has_seen_everything),
		SCENE(test_watch_output_that_nobody_takes_is_a_failure),
		SCENE(test_watch_ends_when_its_reader_has_gone),
		SCENE(test_signal_reaches_run_of_the_service),
		SCENE(test_signal_that_kills_ends_the_container),
	};

	return scene_run_all("watch", tests, sizeof tests / sizeof *tests);
}
