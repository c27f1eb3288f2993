/* SPDX-License-Identifier: ISC */
/* The file down-signal: which signal stops a service, when terminate goes before it, and that it
 * arrives whatever the service is doing. */
#include "harness.h"
#include "rig.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT "DINIT_JSON_STDOUT=0"
#define INFO "DINIT_LOG_LEVEL=info"
#define BOTH LIST(TEXT, INFO)

/* A service that says which signal it gets, and ends by it. */
#define SAYS_SIGNALS \
	"for s in HUP INT QUIT TERM USR1 USR2 WINCH; do trap \"echo got $s; exit 0\" $s; done\n" \
	"echo up\n" SCENE_TRAPPING

static void put_service(struct scene *scene, const char *name, const char *signal)
{
	scene_service(scene, name, SAYS_SIGNALS);
	scene_file(scene, scene_format(scene, "services/%s/down-signal", name), 0644, signal);
}

static struct run *start(struct scene *scene, size_t services)
{
	struct run *run = run_start(scene, &(struct run_spec){ .environment = BOTH });

	run_wait_lines(run, RUN_STDOUT, "/run: up$", services);
	return run;
}

static void test_down_signal_takes_the_place_of_term(struct scene *scene)
{
	static const struct {
		const char *name, *text, *signal;
	} cases[] = {
		{ "a", "QUIT\n", "QUIT" },    { "b", "SIGINT", "INT" },
		{ "c", "10\r\n", "USR1" },    { "d", "  winch\n", "WINCH" },
		{ "e", "SIGTERM\n", "TERM" }, { "f", "1", "HUP" },
	};
	struct run *run;

	for (size_t i = 0; i < COUNT(cases); i++)
		put_service(scene, cases[i].name, cases[i].text);
	scene_service(scene, "plain", SAYS_SIGNALS);
	run = start(scene, COUNT(cases) + 1);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		run_expect_line(run, RUN_STDOUT,
				scene_format(scene, " %s/run: got %s$", cases[i].name,
					     cases[i].signal));
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, "info: %s/run: sending %s to PID [0-9]+$",
					     cases[i].name, cases[i].signal));
	}
	run_expect_line(run, RUN_STDOUT, " plain/run: got TERM$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ": got "), COUNT(cases) + 1);
}

/* The down-signal is sent whatever begins the teardown. */
static void test_down_signal_is_sent_when_another_service_ends(struct scene *scene)
{
	struct run *run;

	put_service(scene, "a", "QUIT\n");
	scene_fifo(scene, "go");
	scene_service(scene, "b", "read go <\"$SCENE/go\"; exit 4");
	run = start(scene, 1);
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " a/run: got QUIT$");
	run_expect_no_line(run, RUN_STDOUT, "got TERM");
}

/* The status of a service that dies of it says nothing. */
static void test_down_signal_kills_what_does_not_handle_it(struct scene *scene)
{
	static const struct {
		const char *text;
		int signal;
	} cases[] = { { "QUIT\n", 3 }, { "RTMIN+3\n", 37 }, { "KILL\n", 9 }, { "USR2\n", 12 } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run;

		scene_service(scene, "a", "ulimit -c 0; echo up; exec sleep 1000");
		scene_file(scene, "services/a/down-signal", 0644, cases[i].text);
		run = start(scene, 1);
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDERR,
				scene_format(scene,
					     "info: a/run: PID [0-9]+ was killed by signal %d ",
					     cases[i].signal));
		run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
	}
}

/* ---- with terminate ---- */

static void test_terminate_goes_before_down_signal(struct scene *scene)
{
	static const char *const files[] = { "terminate", "control/t" };
	struct run *run;

	put_service(scene, "a", "QUIT\n");
	for (size_t i = 0; i < COUNT(files); i++) {
		const char *path = scene_format(scene, "services/a/%s", files[i]);

		scene_script(scene, path, "echo asking; kill -USR1 $DINIT_PID");
		run = start(scene, 1);
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDOUT, " a/term: asking$");
		run_expect_line(run, RUN_STDOUT, " a/run: got USR1$");
		assert_int_equal(run_count_lines(run, RUN_STDOUT, ": got "), 1);
		run_expect_no_line(run, RUN_STDERR, "sending|dinit: (warning|error)");
		assert_int_equal(unlink(scene_path(scene, "%s", path)), 0);
	}
}

static void test_terminate_failing_is_followed_by_down_signal(struct scene *scene)
{
	struct run *run;

	put_service(scene, "a", "QUIT\n");
	scene_script(scene, "services/a/terminate", "exit 7");
	put_service(scene, "b", "37\n");
	scene_script(scene, "services/b/terminate", "kill -KILL $$");
	scene_service(scene, "b", "echo up; exec sleep 1000");
	run = start(scene, 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			"warning: a/term: PID [0-9]+ exited with status 7: sending QUIT to the "
			"service instead$");
	run_expect_line(run, RUN_STDERR,
			"warning: b/term: PID [0-9]+ was killed by signal 9 \\(Killed\\): sending "
			"RTMIN\\+3 to the service instead$");
	run_expect_line(run, RUN_STDOUT, " a/run: got QUIT$");
	run_expect_line(run, RUN_STDERR,
			"info: b/run: PID [0-9]+ was killed by signal 37 "
			"\\(RTMIN\\+3\\)$");
}

static void test_terminate_that_cannot_run_is_followed_by_down_signal(struct scene *scene)
{
	struct run *run;

	put_service(scene, "a", "INT\n");
	scene_file(scene, "services/a/terminate", 0755, "#!/no/such/interpreter\n");
	run = start(scene, 1);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			"warning: a/term: cannot be started, sending INT to the service instead: ");
	run_expect_line(run, RUN_STDOUT, " a/run: got INT$");
}

/* ---- a stopped service ---- */

/* Says that it is stopped, and what it gets then. */
#define IS_STOPPED \
	"trap 'echo got QUIT; exit 0' QUIT\n" \
	"(while ! grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; echo up) &\n" \
	"kill -STOP $$; " SCENE_TRAPPING

static void test_down_signal_wakes_a_stopped_service(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", IS_STOPPED);
	scene_file(scene, "services/a/down-signal", 0644, "QUIT\n");
	run = start(scene, 1);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " a/run: got QUIT$");
}

/* A stopped service is continued after a terminate that failed, too. */
static void test_down_signal_after_terminate_wakes_a_stopped_service(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", IS_STOPPED);
	scene_file(scene, "services/a/down-signal", 0644, "QUIT\n");
	scene_script(scene, "services/a/terminate", "exit 1");
	run = start(scene, 1);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " a/run: got QUIT$");
}

static void drop_cap_kill(void *ctx)
{
	(void)ctx;
	if (prctl(PR_CAPBSET_DROP, CAP_KILL) < 0)
		_exit(126);
}

/* The service is another user's, and dinit may not signal it itself. */
static void test_down_signal_refused_is_sent_as_that_user(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_script(scene, "program", IS_STOPPED);
	scene_service(scene, "a",
		      "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$SCENE/program\"");
	scene_file(scene, "services/a/down-signal", 0644, "SIGQUIT");
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST(TEXT), .prepare = drop_cap_kill });
	run_wait_line(run, RUN_STDOUT, " a/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " a/run: got QUIT$");
	run_expect_no_line(run, RUN_STDERR, ".");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_down_signal_takes_the_place_of_term),
		SCENE(test_down_signal_is_sent_when_another_service_ends),
		SCENE(test_down_signal_kills_what_does_not_handle_it),
		SCENE(test_terminate_goes_before_down_signal),
		SCENE(test_terminate_failing_is_followed_by_down_signal),
		SCENE(test_terminate_that_cannot_run_is_followed_by_down_signal),
		SCENE(test_down_signal_wakes_a_stopped_service),
		SCENE(test_down_signal_after_terminate_wakes_a_stopped_service),
		SCENE(test_down_signal_refused_is_sent_as_that_user),
	};

	return scene_run_all("downsignal", tests, COUNT(tests));
}
