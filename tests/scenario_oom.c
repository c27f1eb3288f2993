/* SPDX-License-Identifier: ISC */
/* Services that the kernel kills because memory ran out, in a control group that the test makes:
 * the cause of the end says so, and names the limit. Invariant: whatever else kills a service,
 * nothing is said of memory. */
#include "harness.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define TEXT LIST("DINIT_JSON_STDOUT=0")

/* Takes more and more memory, and no time to speak of. (A line that never ends is kept.) */
#define HOG "exec tail /dev/zero"

#define KILLED " dinit: error: web/run: PID [0-9]+ was killed by signal 9 \\(Killed\\)"
#define OUT_OF_MEMORY KILLED ", out of memory"
/* With the sanitizers dinit itself takes some ten. */
#define LIMIT_MIB 96
#define LIMIT_IS " \\(the container's limit is 96 MiB\\), stopping the container"

/* Where control groups of memory are mounted, and the one of the test that dinit is in, with one
 * around it. */
static char mounted[64], outer[PATH_SIZE + 64], group[PATH_SIZE + 128];
static bool unified;

/* ---- control groups ---- */

/* Writes a file of a control group. Returns whether that was accepted. */
static bool set(const char *dir, const char *name, const char *text)
{
	char path[PATH_SIZE * 2];
	int fd;
	bool good;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return good;
}

/* Finds our own control group: where its directory would be, and which version it is. */
static bool find_own(char dir[PATH_SIZE])
{
	char line[PATH_SIZE], *path, *end;
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (!found && file && fgets(line, sizeof line, file)) {
		unified = strncmp(line, "0::", 3) == 0;
		path = strstr(line, ":memory:");
		if (!path && !unified)
			continue;
		path = unified ? line + 3 : path + strlen(":memory:");
		end = strchr(path, '\n');
		if (!end)
			continue;
		*end = '\0';
		snprintf(mounted, sizeof mounted, "/sys/fs/cgroup%s",
			 !unified                                                 ? "/memory"
			 : access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? ""
										  : "/unified");
		found = snprintf(dir, PATH_SIZE, "%s%s", mounted, path) < PATH_SIZE;
	}
	if (file)
		fclose(file);
	return found;
}

static void limit(const char *dir, unsigned mib)
{
	char text[32];

	snprintf(text, sizeof text, "%u", mib * 1024 * 1024);
	assert_true(set(dir, unified ? "memory.max" : "memory.limit_in_bytes", text));
	/* Were there memory to swap to, it would take longer. */
	set(dir, unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes", unified ? "0" : text);
}

/* Makes the two control groups, without a limit, with the name of the scene's directory, which no
 * other has; skips the test where that cannot be done. */
static void make_groups(struct scene *scene)
{
	char own[PATH_SIZE];
	bool made;

	made = find_own(own) &&
	       snprintf(outer, sizeof outer, "%s/%s", own, strrchr(scene->dir, '/') + 1) > 0 &&
	       (!unified || set(own, "cgroup.subtree_control", "+memory")) &&
	       mkdir(outer, 0755) == 0 &&
	       (!unified || set(outer, "cgroup.subtree_control", "+memory")) &&
	       snprintf(group, sizeof group, "%s/inner", outer) < (int)sizeof group &&
	       mkdir(group, 0755) == 0;
	if (!made)
		rmdir(outer);
	scene_need(made, "no control group with a limit of memory can be made here: run as root, "
			 "with /sys/fs/cgroup writable");
}

/* Removes them, as soon as nobody is in there any more. */
static void remove_groups(struct scene *scene)
{
	uint64_t until = scene_now_ms() + scene_deadline_ms(10000);

	while (rmdir(group) < 0 && errno == EBUSY)
		if (scene_now_ms() > until)
			scene_fail("%s: %s", group, strerror(errno));
	assert_int_equal(rmdir(outer), 0);
	(void)scene;
}

/* ---- in the new process, before it becomes dinit ---- */

static void enter_group(void *ctx)
{
	(void)ctx;
	if (!set(group, "cgroup.procs", "0"))
		_exit(99);
}

/* As an engine shows a container its own control group: at the place where all are mounted. */
static void show_group_alone(void *ctx)
{
	enter_group(ctx);
	if (mount(group, mounted, NULL, MS_BIND, NULL) < 0)
		_exit(99);
}

/* The same with a namespace of control groups, in which the path is short. */
static void show_namespace(void *ctx)
{
	enter_group(ctx);
	if (unshare(CLONE_NEWCGROUP) < 0 || mount(group, mounted, NULL, MS_BIND, NULL) < 0)
		_exit(99);
}

static void hide_groups(void *ctx)
{
	enter_group(ctx);
	if (mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) < 0)
		_exit(99);
}

static void show_others(void *ctx)
{
	enter_group(ctx);
	if (mount(outer, mounted, NULL, MS_BIND, NULL) < 0 || unshare(CLONE_NEWCGROUP) < 0)
		_exit(99);
}

/* ---- the tests ---- */

static struct run *run_in_group(struct scene *scene, void (*prepare)(void *ctx))
{
	struct run *run =
		run_start(scene, &(struct run_spec){ .environment = TEXT, .prepare = prepare });

	run_expect_exit(run, 3);
	remove_groups(scene);
	return run;
}

/* Nobody else can change these directories. */
static void check_hog(struct scene *scene, void (*prepare)(void *ctx), const char *said)
{
	struct run *run;

	make_groups(scene);
	limit(group, LIMIT_MIB);
	scene_service(scene, "web", HOG);
	run = run_in_group(scene, prepare);
	run_expect_line(run, RUN_STDERR, scene_format(scene, "%s%s", KILLED, said));
}

static void test_service_out_of_memory_names_the_limit(struct scene *scene)
{
	check_hog(scene, enter_group, ", out of memory" LIMIT_IS);
}

static void test_service_out_of_memory_of_the_group_around_names_its_limit(struct scene *scene)
{
	struct run *run;

	make_groups(scene);
	limit(outer, LIMIT_MIB);
	scene_service(scene, "web", HOG);
	run = run_in_group(scene, enter_group);
	run_expect_line(run, RUN_STDERR, OUT_OF_MEMORY LIMIT_IS);
}

static void test_service_out_of_memory_in_its_own_mount_names_the_limit(struct scene *scene)
{
	check_hog(scene, show_group_alone, ", out of memory" LIMIT_IS);
}

static void test_service_out_of_memory_in_its_own_namespace_names_the_limit(struct scene *scene)
{
	check_hog(scene, show_namespace, ", out of memory" LIMIT_IS);
}

static void test_service_out_of_memory_unseen_is_only_killed(struct scene *scene)
{
	check_hog(scene, hide_groups, ", stopping the container");
}

static void test_service_out_of_memory_among_groups_of_others_is_only_killed(struct scene *scene)
{
	check_hog(scene, show_others, ", stopping the container");
}

static void test_service_killed_otherwise_says_nothing_of_memory(struct scene *scene)
{
	struct run *run;

	make_groups(scene);
	limit(group, LIMIT_MIB);
	scene_service(scene, "web", "kill -KILL $$");
	run = run_in_group(scene, enter_group);
	run_expect_line(run, RUN_STDERR, KILLED ", stopping the container");
	run_expect_no_line(run, RUN_STDERR, "out of memory");
}

/* What it had started was killed, and it fails by itself. */
static void test_service_whose_child_is_out_of_memory_says_nothing_of_it(struct scene *scene)
{
	struct run *run;

	make_groups(scene);
	limit(group, LIMIT_MIB);
	scene_service(scene, "web", "tail /dev/zero; exit 7");
	run = run_in_group(scene, enter_group);
	run_expect_line(run, RUN_STDERR,
			" dinit: error: web/run: PID [0-9]+ exited with status 7, stopping");
	run_expect_no_line(run, RUN_STDERR, "out of memory");
}

/* Each death has its own cause: at the second one memory had not run out. */
static void test_kill_after_an_optional_service_was_out_of_memory_says_nothing_of_it(
	struct scene *scene)
{
	struct run *run;

	make_groups(scene);
	limit(group, LIMIT_MIB);
	scene_fifo(scene, "go");
	scene_service(scene, "hog", HOG);
	scene_file(scene, "services/hog/optional", 0644, "");
	scene_service(scene, "web", "read go <\"$SCENE/go\"; kill -KILL $$");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT, .prepare = enter_group });
	run_wait_line(
		run, RUN_STDERR,
		" dinit: warning: hog/run: PID [0-9]+ was killed by signal 9 \\(Killed\\), "
		"out of memory \\(the container's limit is 96 MiB\\); the service is optional");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	remove_groups(scene);
	run_expect_line(run, RUN_STDERR, KILLED ", stopping the container");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_service_out_of_memory_names_the_limit),
		SCENE(test_service_out_of_memory_of_the_group_around_names_its_limit),
		SCENE_AS_INIT(test_service_out_of_memory_in_its_own_mount_names_the_limit),
		SCENE_AS_INIT(test_service_out_of_memory_in_its_own_namespace_names_the_limit),
		SCENE_AS_INIT(test_service_out_of_memory_unseen_is_only_killed),
		SCENE_AS_INIT(test_service_out_of_memory_among_groups_of_others_is_only_killed),
		SCENE(test_service_killed_otherwise_says_nothing_of_memory),
		SCENE(test_kill_after_an_optional_service_was_out_of_memory_says_nothing_of_it),
		SCENE(test_service_whose_child_is_out_of_memory_says_nothing_of_it),
	};

	return scene_run_all("oom", tests, sizeof tests / sizeof *tests);
}
