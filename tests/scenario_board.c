/* SPDX-License-Identifier: ISC */
/* What dinit shows of itself where somebody is in the way: readers and dinits that are killed,
 * noise all over the page, more than one dinit, a /proc that hides. */
#include "harness.h"
#include "launch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING

/* ---- readers beside a dinit that is no PID 1 ---- */

/* Starts a client of the dinit with that PID, whose output goes to $SCENE/client. */
static pid_t start_client(struct scene *scene, const struct run *run, const char *const *arguments)
{
	const char *pid_text = scene_format(scene, "%d", (int)run->pid),
		   *output = scene_path(scene, "client");
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	if (freopen(output, "w", stdout) && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0)
		execl(launch_binary_name(), "dinit", arguments[0], "--pid", pid_text, arguments[1],
		      arguments[2], arguments[3], (char *)NULL);
	_exit(127);
}

/* Waits until it has ended. Returns its exit status, or minus the signal that killed it. */
static int wait_client(pid_t pid)
{
	int status;

	scene_wait_process(pid);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run_client(struct scene *scene, const struct run *run, const char *const *arguments)
{
	return wait_client(start_client(scene, run, arguments));
}

static const char *const clients[][4] = {
	{ "--status" }, { "--status", "--json" },       { "--metrics" },
	{ "--watch" },  { "--wait", "-t", "30", "db" },
};

static struct run *start_pair(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "echo not yet; exit 1");
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								"DINIT_CHECK_INTERVAL=0.05") });
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	/* A check that is killed by the teardown is not waited for. */
	scene_may_leave(scene);
	return run;
}

/* dinit goes on as if nothing had been. */
static void expect_undisturbed(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

/* Changes of the page go on meanwhile. */
static void test_readers_killed_at_random_disturb_nobody(struct scene *scene)
{
	struct run *run = start_pair(scene);
	unsigned noise = 1;

	for (unsigned i = 0; i < 100; i++) {
		pid_t pid = start_client(scene, run, clients[i % COUNT(clients)]);

		noise = noise * 1664525 + 1013904223;
		poll(NULL, 0, (int)(noise >> 30));
		kill(pid, SIGKILL);
		wait_client(pid);
	}
	assert_int_equal(run_client(scene, run, clients[0]), 1);
	assert_non_null(strstr(scene_read(scene, "client"), "\nweb   ready "));
	assert_non_null(strstr(scene_read(scene, "client"), "\ndb    starting "));
	expect_undisturbed(run);
}

/* The program of the tests that stands beside this one. */
static const char *find_page(struct scene *scene)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	assert_true(len > 0);
	path[len] = '\0';
	*strrchr(path, '/') = '\0';
	return scene_format(scene, "%s/page", path);
}

static void test_noise_in_the_page_disturbs_only_readers(struct scene *scene)
{
	struct run *run = start_pair(scene);
	const char *pid_text = scene_format(scene, "%d", (int)run->pid), *page = find_page(scene);
	pid_t writer = fork();
	size_t tries = 0;
	int status;

	assert_true(writer >= 0);
	if (writer == 0) {
		execl(page, "page", "garble", pid_text, "1000", (char *)NULL);
		_exit(127);
	}
	while (waitpid(writer, &status, WNOHANG) == 0) {
		const char *const *arguments = clients[tries++ % COUNT(clients)];

		if (strcmp(arguments[0], "--wait") == 0 || strcmp(arguments[0], "--watch") == 0)
			continue;
		status = run_client(scene, run, arguments);
		if (status != 0 && status != 1)
			scene_fail("%s: status %d: %s", arguments[0], status,
				   scene_read(scene, "client"));
	}
	assert_int_equal(status, 0);
	/* Who waits then may wait in vain, but ends with dinit. */
	writer = start_client(scene, run, clients[3]);
	expect_undisturbed(run);
	assert_in_range(wait_client(writer), 0, 1);
}

static void test_dinit_killed_ends_who_waits(struct scene *scene)
{
	struct run *run = start_pair(scene);
	pid_t waiter, watcher;

	assert_int_equal(run_client(scene, run, clients[0]), 1);
	watcher = start_client(scene, run, clients[3]);
	waiter = start_client(scene, run, clients[4]);
	run_kill(run);
	assert_int_equal(wait_client(waiter), 1);
	assert_in_range(wait_client(watcher), 0, 1);
}

/* ---- more than one dinit ---- */

static void test_two_dinits_are_told_apart_by_pid(struct scene *scene)
{
	struct run *one, *two;
	int status;

	scene_service(scene, "web", POLITE);
	one = run_start(scene, &(struct run_spec){ .environment = TEXT });
	two = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(one, RUN_STDOUT, " web/run: up$");
	run_wait_line(two, RUN_STDOUT, " web/run: up$");
	assert_int_equal(run_client(scene, one, clients[1]), 0);
	assert_non_null(strstr(scene_read(scene, "client"),
			       scene_format(scene, "\"pid\":%d,", (int)one->pid)));
	assert_int_equal(run_client(scene, two, clients[1]), 0);
	assert_non_null(strstr(scene_read(scene, "client"),
			       scene_format(scene, "\"pid\":%d,", (int)two->pid)));
	status = system(scene_format(scene, "exec '%s' --status >'%s/client' 2>&1",
				     launch_binary_name(), scene->dir));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(scene_read(scene, "client"), "choose one by --pid ("));
	expect_undisturbed(one);
	expect_undisturbed(two);
}

/* Each asks, and is told of the one that it is below. */
#define ASKING \
	"trap 'exit 0' TERM; \"$SCENE/dinit\" --wait -t 30 web\n" \
	"echo \"asked $(\"$SCENE/dinit\" --status | head -n 1)\"; " SCENE_TRAPPING

static void test_dinit_in_dinit_answers_those_below_it(struct scene *scene)
{
	struct run *run;
	const char *outer, *inner;

	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
	scene_service(scene, "web", POLITE);
	scene_service(scene, "asking", ASKING);
	scene_script(scene, "inner/web/run", POLITE);
	scene_script(scene, "inner/asking/run", ASKING);
	scene_service(scene, "nested", "DINIT_DIR=$SCENE/inner exec \"$SCENE/dinit\"");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	outer = run_wait_line(run, RUN_STDOUT,
			      "^[^ ]+Z asking/run: asked dinit [^ ]+ \\(PID [0-9]+\\)");
	inner = run_wait_line(run, RUN_STDOUT,
			      " nested/run: .*Z asking/run: asked dinit [^ ]+ \\(PID [0-9]+\\)");
	assert_non_null(strstr(outer, scene_format(scene, "(PID %d)",
						   scene->mode == RUN_AS_INIT ? 1 : run->pid)));
	assert_string_not_equal(strstr(outer, "(PID"), strstr(inner, "(PID"));
	expect_undisturbed(run);
}

/* ---- a /proc that hides ---- */

static void hide_processes(void *ctx)
{
	(void)ctx;
	if (system("mount -o remount,hidepid=2 /proc") != 0)
		_exit(127);
}

/* It is of another user, who sees its own processes only. */
static void test_hidden_processes_have_no_numbers(struct scene *scene)
{
	struct run *run;

	scene_need(geteuid() == 0, "only root may remount /proc");
	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
	scene_service(scene, "web", POLITE);
	scene_service(
		scene, "client",
		"trap 'exit 0' TERM; \"$SCENE/dinit\" --wait -t 30 web\n"
		"setpriv --reuid 65534 --regid 65534 --clear-groups \"$SCENE/dinit\" --status "
		"web\n"
		"echo \"status $?\"; " SCENE_TRAPPING);
	run = run_start(scene,
			&(struct run_spec){ .environment = TEXT, .prepare = hide_processes });
	run_wait_line(run, RUN_STDOUT, " client/run: status 0$");
	run_expect_line(run, RUN_STDOUT, " client/run: web +ready +[0-9]+ +[0-9]+s +- +- +");
	expect_undisturbed(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_SUBREAPER(test_readers_killed_at_random_disturb_nobody),
		SCENE_AS_SUBREAPER(test_noise_in_the_page_disturbs_only_readers),
		SCENE_AS_SUBREAPER(test_dinit_killed_ends_who_waits),
		SCENE_AS_SUBREAPER(test_two_dinits_are_told_apart_by_pid),
		SCENE(test_dinit_in_dinit_answers_those_below_it),
		SCENE_AS_INIT(test_hidden_processes_have_no_numbers),
	};

	return scene_run_all("board", tests, COUNT(tests));
}
