/* SPDX-License-Identifier: ISC */
/* The file that gets the cause of the end, DINIT_TERMINATION_LOG. Invariant: it holds what the last
 * line says, or what it held before; and dinit ends as it would without it. */
#include "harness.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_VARIABLE(scene) \
	scene_format(scene, "DINIT_TERMINATION_LOG=%s", scene_path(scene, "log"))
#define WITH(...) LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info", __VA_ARGS__)
#define NOT_WRITTEN " dinit: info: .*/log: the cause of the end is not written there: "
#define FAIL "echo 'no such database' >&2; exit 7"
#define CAUSE \
	"web/run: PID [0-9]+ exited with status 7; its last line was: no such " \
	"database"

/* Runs dinit to its end. */
static struct run *run_with(struct scene *scene, const struct run_spec *spec, int status)
{
	struct run *run = run_start(scene, spec);

	run_expect_exit(run, status);
	return run;
}

static struct run *run_failing(struct scene *scene)
{
	scene_service(scene, "web", FAIL);
	return run_with(scene, &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)) }, 3);
}

/* The file holds, without a newline, what the last line says. */
static void expect_written(struct run *run)
{
	const char *cause =
		run_match(run, RUN_STDERR, " stopped after .* with status [0-9]: (.*)$", 1);

	assert_string_equal(scene_read(run->scene, "log"), cause);
}

static void expect_refused(struct run *run, const char *why)
{
	run_expect_line(run, RUN_STDERR, scene_format(run->scene, NOT_WRITTEN "%s$", why));
	run_expect_line(run, RUN_STDERR, " stopped after .* with status 3: " CAUSE "$");
}

/* ---- what is written ---- */

static void test_cause_of_a_failure_is_written(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0666, "");
	run = run_failing(scene);
	run_expect_line(run, RUN_STDERR, " stopped after .* with status 3: " CAUSE "$");
	expect_written(run);
}

static void test_cause_is_written_while_a_service_takes_its_time(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0666, "");
	scene_service(scene, "slow",
		      "trap 'while ! [ -s \"$SCENE/log\" ]; do sleep 0.02; done; exit' TERM\n"
		      "echo up >\"$SCENE/up\"\n" SCENE_TRAPPING);
	scene_service(scene, "web", "while ! [ -e \"$SCENE/up\" ]; do sleep 0.02; done\n" FAIL);
	run = run_with(scene, &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)) }, 3);
	expect_written(run);
}

static void test_cause_of_a_signal_is_written(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", "trap exit TERM; echo up\n" SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)) });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_non_null(strstr(scene_read(scene, "log"), "signal 15 ("));
	expect_written(run);
}

static void test_cause_of_a_failed_start_is_written(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0666, "");
	scene_service(scene, "db", "exec sleep 1000");
	scene_file(scene, "services/web/run", 0755, "#!/absent\n");
	run = run_with(scene, &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)) }, 1);
	assert_non_null(strstr(scene_read(scene, "log"), "web/run: cannot be started: "));
	expect_written(run);
}

static void test_cause_of_idleness_is_written(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", "exit 115");
	run = run_with(scene, &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)) }, 0);
	assert_non_null(strstr(scene_read(scene, "log"), "all services have disabled themselves"));
	expect_written(run);
}

static void test_cause_is_written_by_an_ordinary_user(struct scene *scene)
{
	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", FAIL);
	expect_written(run_with(scene,
				&(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)),
						    .user = scene_user() },
				3));
}

/* As Kubernetes has it: the root is read-only, and the file is a mount of its own. */
static void mount_file(void *ctx)
{
	if (mount(ctx, ctx, NULL, MS_BIND, NULL) < 0 ||
	    mount("none", "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		_exit(99);
}

static void test_cause_is_written_to_a_mount_in_a_read_only_root(struct scene *scene)
{
	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", FAIL);
	expect_written(
		run_with(scene,
			 &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)),
					     .prepare = mount_file,
					     .prepare_ctx =
						     (void *)(uintptr_t)scene_path(scene, "log") },
			 3));
}

static void test_cause_is_written_without_proc(struct scene *scene)
{
	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", FAIL);
	expect_written(run_with(scene,
				&(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)),
						    .no_proc = true },
				3));
}

/* ---- what is not ---- */

static void test_absent_file_is_not_made(struct scene *scene)
{
	struct run *run = run_failing(scene);

	expect_refused(run, "No such file or directory");
	assert_int_equal(access(scene_path(scene, "log"), F_OK), -1);
}

static void test_usual_file_absent_is_not_mentioned(struct scene *scene)
{
	struct run *run;

	scene_need(access("/dev/termination-log", F_OK) < 0,
		   "there is a /dev/termination-log: delete it");
	scene_service(scene, "web", FAIL);
	run = run_with(scene, &(struct run_spec){ .environment = WITH(NULL) }, 3);
	run_expect_no_line(run, RUN_STDERR, "cause of the end");
}

static void test_file_with_something_in_it_stays_as_it_is(struct scene *scene)
{
	scene_file(scene, "log", 0666, "x");
	expect_refused(run_failing(scene), "it is not empty");
	assert_string_equal(scene_read(scene, "log"), "x");
}

/* What a service has written to the file itself is not changed. */
static void test_what_a_service_has_written_stays(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", "printf mine >\"$SCENE/log\"; " FAIL);
	run = run_with(scene, &(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)) }, 3);
	expect_refused(run, "it is not empty");
	assert_string_equal(scene_read(scene, "log"), "mine");
}

static void test_fifo_is_left_alone(struct scene *scene)
{
	assert_int_equal(mkfifo(scene_path(scene, "log"), 0666), 0);
	expect_refused(run_failing(scene), "it is no regular file");
}

static void test_directory_is_left_alone(struct scene *scene)
{
	scene_mkdir(scene, "log");
	expect_refused(run_failing(scene), "it is no regular file");
}

static void test_symbolic_link_is_not_followed(struct scene *scene)
{
	scene_file(scene, "other", 0666, "");
	assert_int_equal(symlink("other", scene_path(scene, "log")), 0);
	expect_refused(run_failing(scene), "it is no regular file");
	assert_string_equal(scene_read(scene, "other"), "");
}

static void test_device_is_left_alone(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", FAIL);
	run = run_with(scene,
		       &(struct run_spec){ .environment = WITH("DINIT_TERMINATION_LOG=/dev/full") },
		       3);
	run_expect_line(run, RUN_STDERR,
			" dinit: info: /dev/full: the cause of the end is not written there: "
			"it is no regular file$");
}

static void test_file_without_permission_changes_nothing(struct scene *scene)
{
	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_file(scene, "log", 0644, "");
	scene_service(scene, "web", FAIL);
	expect_refused(run_with(scene,
				&(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)),
						    .user = scene_user() },
				3),
		       "Permission denied");
	assert_string_equal(scene_read(scene, "log"), "");
}

static void test_file_in_a_read_only_root_changes_nothing(struct scene *scene)
{
	scene_file(scene, "log", 0666, "");
	scene_service(scene, "web", FAIL);
	expect_refused(run_with(scene,
				&(struct run_spec){ .environment = WITH(FILE_VARIABLE(scene)),
						    .read_only = true },
				3),
		       "Read-only file system");
}

/* Mounts a file system of one page, which is full, and has the file. */
static void mount_full(void *ctx)
{
	char page[4096] = "";
	int fd;

	if (mount("none", ctx, "tmpfs", 0, "size=4k,mode=0755") < 0 || chdir(ctx) < 0)
		_exit(99);
	fd = open("full", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, page, sizeof page) != sizeof page || close(fd) < 0)
		_exit(99);
	fd = open("log", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || close(fd) < 0 || chdir("/") < 0)
		_exit(99);
}

static void test_file_on_a_full_disk_changes_nothing(struct scene *scene)
{
	struct run *run;

	scene_mkdir(scene, "disk");
	scene_service(scene, "web", FAIL);
	run = run_with(scene,
		       &(struct run_spec){
			       .environment = WITH(scene_format(scene, "DINIT_TERMINATION_LOG=%s",
								scene_path(scene, "disk/log"))),
			       .prepare = mount_full,
			       .prepare_ctx = (void *)(uintptr_t)scene_path(scene, "disk") },
		       3);
	expect_refused(run, "No space left on device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_cause_of_a_failure_is_written),
		SCENE(test_cause_is_written_while_a_service_takes_its_time),
		SCENE(test_cause_of_a_signal_is_written),
		SCENE(test_cause_of_a_failed_start_is_written),
		SCENE(test_cause_of_idleness_is_written),
		SCENE(test_cause_is_written_by_an_ordinary_user),
		SCENE_AS_INIT(test_cause_is_written_to_a_mount_in_a_read_only_root),
		SCENE_AS_INIT(test_cause_is_written_without_proc),
		SCENE(test_absent_file_is_not_made),
		SCENE(test_usual_file_absent_is_not_mentioned),
		SCENE(test_file_with_something_in_it_stays_as_it_is),
		SCENE(test_what_a_service_has_written_stays),
		SCENE(test_fifo_is_left_alone),
		SCENE(test_directory_is_left_alone),
		SCENE(test_symbolic_link_is_not_followed),
		SCENE(test_device_is_left_alone),
		SCENE(test_file_without_permission_changes_nothing),
		SCENE_AS_INIT(test_file_in_a_read_only_root_changes_nothing),
		SCENE_AS_INIT(test_file_on_a_full_disk_changes_nothing),
	};

	return scene_run_all("termlog", tests, sizeof tests / sizeof *tests);
}
