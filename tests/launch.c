/* SPDX-License-Identifier: ISC */
/* Owns the start of one dinit: namespaces, descriptors, environment, execve(2). Invariant: what
 * cannot be made in the new process is reported through a pipe, and fails the test. */
#include "launch.h"
#include "rig.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ENVIRONMENT_MAX 64
/* where the kernel has no close_range (before 5.11) */
#define INHERITED_MAX 1024

/* What the new process needs; it is in a copy of our memory. */
struct launch {
	const struct scene *scene;
	const struct run_spec *spec;
	const char *binary;
	char **arguments, **environment;
	/* -1: to be closed */
	int fds[3];
	/* the end of this pipe says that the user namespace is mapped */
	int go[2];
	int report_fd;
};

/* ---- what the machine allows ---- */

static int namespace_flags(const struct run_spec *spec)
{
	return CLONE_NEWPID | CLONE_NEWNS |
	       (spec->user_namespace || geteuid() != 0 ? CLONE_NEWUSER : 0);
}

static int mount_own_proc(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static bool can_make_namespaces(const struct run_spec *spec)
{
	/* 1: yes, 2: no */
	static int known[2];
	int flags = namespace_flags(spec), *answer = &known[(flags & CLONE_NEWUSER) != 0],
	    status = 1;
	pid_t pid;

	if (*answer == 0) {
		pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
		if (pid == 0)
			_exit(mount_own_proc() < 0);
		if (pid > 0)
			waitpid(pid, &status, 0);
		*answer = status == 0 ? 1 : 2;
	}
	return *answer == 1;
}

/* ---- in the new process: everything that can fail is reported, and fails the test ---- */

static void report(const struct launch *launch, const char *what)
{
	dprintf(launch->report_fd, "%s: %s", what, strerror(errno));
	_exit(127);
}

/* What the test itself was started with is not for dinit. */
static void keep_fds_from_dinit(void)
{
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = 3; fd < INHERITED_MAX; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void place_fds(const struct launch *launch)
{
	for (int i = 0; i < 3; i++) {
		if (launch->fds[i] < 0)
			close(i);
		else if (dup2(launch->fds[i], i) < 0)
			report(launch, "dup2");
	}
}

static void enter_mounts(const struct launch *launch)
{
	char byte;

	close(launch->go[1]);
	while (read(launch->go[0], &byte, 1) < 0 && errno == EINTR)
		;
	if (!launch->spec->foreign_proc && mount_own_proc() < 0)
		report(launch, "cannot mount /proc");
	if (launch->spec->no_proc && mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		report(launch, "cannot hide /proc");
	if (launch->spec->read_only &&
	    mount("none", "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		report(launch, "cannot make / read-only");
}

static void take_user(const struct launch *launch)
{
	uid_t user = launch->spec->user;

	if (user != 0 && (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
			  setresuid(user, user, user) < 0))
		report(launch, "cannot become another user");
}

static void become_dinit(const struct launch *launch)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	umask(022);
	if (launch->scene->mode == RUN_AS_INIT)
		enter_mounts(launch);
	place_fds(launch);
	keep_fds_from_dinit();
	take_user(launch);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (launch->spec->prepare)
		launch->spec->prepare(launch->spec->prepare_ctx);
	execve(launch->binary, launch->arguments, launch->environment);
	report(launch, launch->binary);
}

/* ---- preparing a launch ---- */

static bool has_variable(char *const *environment, size_t count, const char *entry)
{
	size_t name_len = strcspn(entry, "=");

	for (size_t i = 0; i < count; i++)
		if (strncmp(environment[i], entry, name_len) == 0 &&
		    (environment[i][name_len] == '=' || environment[i][name_len] == '\0'))
			return true;
	return false;
}

static char *copy(struct scene *scene, const char *text)
{
	return (char *)(uintptr_t)scene_keep(scene, text, strlen(text));
}

/* The spec's own variables first, then the usual ones whose names are not among them; then the
 * names alone go. */
static void make_environment(struct scene *scene, const struct run_spec *spec, char **environment)
{
	static const char *const passed[] = { "LSAN_OPTIONS", "LLVM_PROFILE_FILE" };
	static const char *const logged[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS" };
	size_t count = 0, kept = 0;

	for (const char *const *entry = spec->environment;
	     entry && *entry && count < ENVIRONMENT_MAX - 10; entry++)
		environment[count++] = copy(scene, *entry);
	if (!has_variable(environment, count, "PATH"))
		environment[count++] =
			copy(scene,
			     scene_format(scene,
					  "PATH=%s/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:"
					  "/usr/bin:/sbin:/bin",
					  scene->dir));
	if (!has_variable(environment, count, "DINIT_DIR"))
		environment[count++] =
			copy(scene, scene_format(scene, "DINIT_DIR=%s", scene->services));
	if (!has_variable(environment, count, "SCENE"))
		environment[count++] = copy(scene, scene_format(scene, "SCENE=%s", scene->dir));
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
		if (getenv(passed[i]) && !has_variable(environment, count, passed[i]))
			environment[count++] = copy(scene, scene_format(scene, "%s=%s", passed[i],
									getenv(passed[i])));
	for (size_t i = 0; i < sizeof logged / sizeof *logged; i++)
		if (!has_variable(environment, count, logged[i]))
			environment[count++] =
				copy(scene, scene_sanitizer_options(scene, logged[i]));
	for (size_t i = 0; i < count; i++)
		if (strchr(environment[i], '='))
			environment[kept++] = environment[i];
	environment[kept] = NULL;
}

static void make_arguments(struct scene *scene, const struct run_spec *spec, char **arguments)
{
	const char *slash = spec->program ? strrchr(spec->program, '/') : NULL;
	size_t count = 0;

	arguments[count++] = copy(scene, slash ? slash + 1 : "dinit");
	for (const char *const *argument = spec->arguments;
	     argument && *argument && count < ENVIRONMENT_MAX - 1; argument++)
		arguments[count++] = copy(scene, *argument);
	arguments[count] = NULL;
}

const char *launch_binary_name(void)
{
	const char *name = getenv("DINIT_BINARY");

	return name && *name ? name : "./dinit";
}

const char *scene_add_dinit(struct scene *scene)
{
	const char *added = scene_path(scene, "bin/dinit");

	scene_mkdir(scene, "bin");
	scene_copy_file(launch_binary_name(), added);
	return added;
}

/* Another user may not be able to reach the directory it was built in: it gets a copy. */
static const char *find_binary(struct scene *scene, const struct run_spec *spec)
{
	const char *name = launch_binary_name(), *copied = scene_path(scene, "dinit");
	char path[SCENE_PATH_SIZE];

	if (spec->program)
		return spec->program;
	SCENE_CHECK(realpath(name, path), name);
	if (spec->user == 0 &&
	    !(namespace_flags(spec) & CLONE_NEWUSER && scene->mode == RUN_AS_INIT))
		return scene_keep(scene, path, strlen(path));
	if (access(copied, X_OK) == 0)
		return copied;
	scene_copy_file(path, copied);
	return copied;
}

static void make_pair(int pair[2], bool socket)
{
	SCENE_CHECK(socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0
			   : pipe2(pair, O_CLOEXEC) == 0,
		    "a pair");
}

static void make_tty(int pair[2])
{
	struct termios raw;
	char name[64];

	pair[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	SCENE_CHECK(pair[0] >= 0 && grantpt(pair[0]) == 0 && unlockpt(pair[0]) == 0,
		    "a pseudo terminal");
	SCENE_CHECK(ptsname_r(pair[0], name, sizeof name) == 0, "a pseudo terminal's name");
	pair[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	SCENE_CHECK(pair[1] >= 0 && tcgetattr(pair[1], &raw) == 0, name);
	cfmakeraw(&raw);
	SCENE_CHECK(tcsetattr(pair[1], TCSANOW, &raw) == 0, name);
}

static void make_file(struct scene *scene, struct run_output *output, int pair[2])
{
	static const char *const names[] = { "stdout", "stderr" };
	const char *path = scene_path(scene, "output.%s", names[output - scene->runs->outputs]);

	pair[1] = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	pair[0] = open(path, O_RDONLY | O_CLOEXEC);
	SCENE_CHECK(pair[0] >= 0 && pair[1] >= 0, path);
	output->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	SCENE_CHECK(output->notify_fd >= 0 &&
			    inotify_add_watch(output->notify_fd, path, IN_MODIFY) >= 0,
		    path);
}

/* Returns dinit's end, or -1 where it is to be closed; ours is in the output. */
static int make_output(struct scene *scene, struct run_output *output, enum run_fd kind,
		       int stdout_fd)
{
	int pair[2] = { -1, -1 };

	switch (kind) {
	case RUN_FD_DEFAULT:
	case RUN_FD_PIPE:
	case RUN_FD_SOCKET: make_pair(pair, kind == RUN_FD_SOCKET); break;
	case RUN_FD_TTY: make_tty(pair); break;
	case RUN_FD_FILE: make_file(scene, output, pair); break;
	case RUN_FD_NULL:
		pair[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
		SCENE_CHECK(pair[1] >= 0, "/dev/null");
		break;
	case RUN_FD_STDOUT:
		pair[1] = fcntl(stdout_fd, F_DUPFD_CLOEXEC, 3);
		SCENE_CHECK(pair[1] >= 0, "stdout");
		break;
	case RUN_FD_CLOSED: break;
	}
	output->fd = pair[0];
	if (pair[0] >= 0)
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return pair[1];
}

/* The same for stdin; our end is *in_fd. */
static int make_input(struct scene *scene, const struct run_spec *spec, int *in_fd)
{
	const char *path = "/dev/null";
	int pair[2];

	if (spec->in == RUN_FD_CLOSED)
		return -1;
	if (spec->in == RUN_FD_PIPE) {
		make_pair(pair, false);
		*in_fd = pair[1];
		return pair[0];
	}
	if (spec->in == RUN_FD_FILE)
		path = scene_path(scene, "%s", spec->in_path);
	pair[0] = open(path, O_RDONLY | O_CLOEXEC);
	SCENE_CHECK(pair[0] >= 0, path);
	return pair[0];
}

/* ---- starting ---- */

static void write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	SCENE_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void map_user(struct scene *scene, pid_t pid)
{
	bool root = geteuid() == 0;

	write_proc(pid, "setgroups", "deny");
	write_proc(pid, "uid_map", scene_format(scene, "0 %u 1", root ? scene_user() : geteuid()));
	write_proc(pid, "gid_map",
		   scene_format(scene, "0 %u 1", root ? (gid_t)scene_user() : getegid()));
}

static pid_t launch_process(struct launch *launch)
{
	bool as_init = launch->scene->mode == RUN_AS_INIT;
	int flags = as_init ? namespace_flags(launch->spec) : 0;
	pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		become_dinit(launch);
	return pid;
}

static void expect_no_report(int fd, const char *where)
{
	char text[512];
	ssize_t len = read(fd, text, sizeof text - 1);

	close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	scene_fail_at(where, "dinit could not be started: %s", text);
}

struct run *run_start_at(struct scene *scene, const struct run_spec *spec, const char *where)
{
	struct run *run;
	char *arguments[ENVIRONMENT_MAX], *environment[ENVIRONMENT_MAX];
	struct launch launch = {
		.scene = scene, .spec = spec, .arguments = arguments, .environment = environment
	};
	int told[2];

	scene_need(spec->user == 0 || rig_can_take_user(), RIG_WHY_USER);
	scene_need(scene->mode != RUN_AS_INIT || can_make_namespaces(spec), RIG_WHY_NAMESPACES);
	run = calloc(1, sizeof *run);
	SCENE_CHECK(run, "calloc");
	*run = (struct run){ .scene = scene,
			     .next = scene->runs,
			     .pid_fd = -1,
			     .in_fd = -1,
			     .outputs = { { .fd = -1, .notify_fd = -1 },
					  { .fd = -1, .notify_fd = -1 } } };
	scene->runs = run;
	launch.binary = find_binary(scene, spec);
	make_arguments(scene, spec, arguments);
	make_environment(scene, spec, environment);
	launch.fds[0] = make_input(scene, spec, &run->in_fd);
	launch.fds[1] = make_output(scene, &run->outputs[RUN_STDOUT], spec->out, -1);
	launch.fds[2] = make_output(scene, &run->outputs[RUN_STDERR], spec->err, launch.fds[1]);
	make_pair(launch.go, false);
	make_pair(told, false);
	launch.report_fd = told[1];
	run->pid = launch_process(&launch);
	SCENE_CHECK(run->pid > 0, "clone");
	if (scene->mode == RUN_AS_INIT && namespace_flags(spec) & CLONE_NEWUSER)
		map_user(scene, run->pid);
	run->pid_fd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	for (int i = 0; i < 3; i++)
		scene_close_fd(launch.fds[i]);
	close(launch.go[0]);
	close(launch.go[1]);
	close(told[1]);
	SCENE_CHECK(run->pid_fd >= 0, "pidfd_open");
	expect_no_report(told[0], where);
	return run;
}
