/* SPDX-License-Identifier: ISC */
/* Owns the processes, descriptors and files of a scenario test, and the waiting; not what a test
 * asserts. Invariant: every wait has a deadline, and whatever was started or made is gone when
 * the scene has ended. */
#include "harness.h"
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LINE_DEADLINE_MS 20000
#define EXIT_DEADLINE_MS 30000
#define READ_SIZE 65536
#define PATH_SIZE 4096
#define ENVIRONMENT_MAX 64
/* where the kernel has no close_range (before 5.11) */
#define INHERITED_MAX 1024

struct scene_string {
	struct scene_string *next;
	char text[];
};

struct scene_fifo {
	struct scene_fifo *next;
	int fd;
	char path[];
};

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

/* ---- failing ---- */

void scene_fail_at(const char *where, const char *format, ...)
{
	va_list args;
	char text[1024];

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	print_error("%s: %s\n", where, text);
	fail();
	/* fail() has left already; the compiler cannot know */
	abort();
}

#define CHECK(condition, what) \
	do { \
		if (!(condition)) \
			scene_fail_at(SCENE_HERE, "%s: %s", what, strerror(errno)); \
	} while (0)

/* ---- time ---- */

uint64_t scene_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t scene_deadline_ms(uint64_t ms)
{
	const char *factor = getenv("TEST_DEADLINE_FACTOR");
	double times = factor ? strtod(factor, NULL) : 1;

	return (uint64_t)((double)ms * (times > 0 ? times : 1));
}

static int left_ms(uint64_t until_ms)
{
	uint64_t now = scene_now_ms();

	return now >= until_ms ? 0 : (int)(until_ms - now);
}

/* ---- strings and files ---- */

static const char *keep(struct scene *scene, const char *text, size_t len)
{
	struct scene_string *string = malloc(sizeof *string + len + 1);

	CHECK(string, "malloc");
	memcpy(string->text, text, len);
	string->text[len] = '\0';
	string->next = scene->strings;
	scene->strings = string;
	return string->text;
}

static const char *keep_format(struct scene *scene, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static const char *keep_format(struct scene *scene, const char *format, va_list args)
{
	const char *kept;
	char *text;
	int len = vasprintf(&text, format, args);

	CHECK(len >= 0, "vasprintf");
	kept = keep(scene, text, (size_t)len);
	free(text);
	return kept;
}

const char *scene_format(struct scene *scene, const char *format, ...)
{
	const char *text;
	va_list args;

	va_start(args, format);
	text = keep_format(scene, format, args);
	va_end(args);
	return text;
}

const char *scene_path(struct scene *scene, const char *name, ...)
{
	const char *text;
	va_list args;

	va_start(args, name);
	text = keep_format(scene, name, args);
	va_end(args);
	return scene_format(scene, "%s/%s", scene->dir, text);
}

/* The directories on the way to path, which is absolute; with_last: and path itself. */
static void make_directories(const char *path, bool with_last)
{
	char prefix[PATH_SIZE];
	size_t len = strlen(path);

	CHECK(len < sizeof prefix, path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && (path[i] != '\0' || !with_last))
			continue;
		memcpy(prefix, path, i);
		prefix[i] = '\0';
		CHECK(mkdir(prefix, 0755) == 0 || errno == EEXIST, prefix);
	}
}

void scene_mkdir(struct scene *scene, const char *path)
{
	make_directories(scene_path(scene, "%s", path), true);
}

void scene_file(struct scene *scene, const char *path, mode_t mode, const char *content)
{
	const char *whole = scene_path(scene, "%s", path);
	size_t len = strlen(content);
	int fd;

	make_directories(whole, false);
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0, whole);
	CHECK(write(fd, content, len) == (ssize_t)len, whole);
	CHECK(fchmod(fd, mode) == 0, whole);
	close(fd);
}

void scene_script(struct scene *scene, const char *path, const char *body)
{
	scene_file(scene, path, 0755, scene_format(scene, "#!/bin/sh\n%s\n", body));
}

void scene_service(struct scene *scene, const char *name, const char *body)
{
	scene_script(scene, scene_format(scene, "services/%s/run", name), body);
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	struct stat status;

	CHECK(in >= 0 && fstat(in, &status) == 0, from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(out >= 0 && fchmod(out, status.st_mode & 07777) == 0, to);
	CHECK(sendfile(out, in, NULL, (size_t)status.st_size) == status.st_size, to);
	close(in);
	close(out);
}

static void copy_directory(struct scene *scene, const char *from, const char *to)
{
	const struct dirent *entry;
	struct stat status;
	DIR *dir = opendir(from);

	CHECK(dir, from);
	make_directories(to, true);
	while ((entry = readdir(dir))) {
		const char *inner_from = scene_format(scene, "%s/%s", from, entry->d_name);
		const char *inner_to = scene_format(scene, "%s/%s", to, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		CHECK(stat(inner_from, &status) == 0, inner_from);
		if (S_ISDIR(status.st_mode))
			copy_directory(scene, inner_from, inner_to);
		else
			copy_file(inner_from, inner_to);
	}
	closedir(dir);
}

void scene_example(struct scene *scene, const char *name)
{
	const char *examples = getenv("TEST_SERVICES");

	copy_directory(scene,
		       scene_format(scene, "%s/%s",
				    examples && *examples ? examples : "test-services", name),
		       scene->services);
}

void scene_fifo(struct scene *scene, const char *path)
{
	const char *whole = scene_path(scene, "%s", path);
	struct scene_fifo *fifo = malloc(sizeof *fifo + strlen(path) + 1);

	CHECK(fifo, "malloc");
	make_directories(whole, false);
	CHECK(mkfifo(whole, 0600) == 0 && chmod(whole, 0666) == 0, whole);
	fifo->fd = open(whole, O_RDWR | O_CLOEXEC);
	strcpy(fifo->path, path);
	fifo->next = scene->fifos;
	scene->fifos = fifo;
	CHECK(fifo->fd >= 0, whole);
}

void scene_let_go(struct scene *scene, const char *path)
{
	for (struct scene_fifo *fifo = scene->fifos; fifo; fifo = fifo->next) {
		if (strcmp(fifo->path, path) != 0)
			continue;
		CHECK(write(fifo->fd, "go\n", 3) == 3, path);
		return;
	}
	scene_fail_at(SCENE_HERE, "%s is no FIFO of this scene", path);
}

const char *scene_read(struct scene *scene, const char *path)
{
	char bytes[READ_SIZE];
	ssize_t len = 0;
	int fd = open(scene_path(scene, "%s", path), O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		len = read(fd, bytes, sizeof bytes);
		close(fd);
	}
	return keep(scene, bytes, len > 0 ? (size_t)len : 0);
}

/* ---- what the machine allows ---- */

uid_t scene_user(void)
{
	return 200000 + (uid_t)getpid();
}

void scene_need(bool condition, const char *why)
{
	rig_need(condition, why);
}

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
	return (char *)(uintptr_t)keep(scene, text, strlen(text));
}

/* The spec's own variables first, then the usual ones whose names are not among them; then the
 * names alone go. */
static void make_environment(struct scene *scene, const struct run_spec *spec, char **environment)
{
	static const char *const passed[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
					      "LLVM_PROFILE_FILE" };
	size_t count = 0, kept = 0;

	for (const char *const *entry = spec->environment;
	     entry && *entry && count < ENVIRONMENT_MAX - 10; entry++)
		environment[count++] = copy(scene, *entry);
	if (!has_variable(environment, count, "PATH"))
		environment[count++] =
			copy(scene,
			     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (!has_variable(environment, count, "DINIT_DIR"))
		environment[count++] =
			copy(scene, scene_format(scene, "DINIT_DIR=%s", scene->services));
	if (!has_variable(environment, count, "SCENE"))
		environment[count++] = copy(scene, scene_format(scene, "SCENE=%s", scene->dir));
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
		if (getenv(passed[i]) && !has_variable(environment, count, passed[i]))
			environment[count++] = copy(scene, scene_format(scene, "%s=%s", passed[i],
									getenv(passed[i])));
	for (size_t i = 0; i < count; i++)
		if (strchr(environment[i], '='))
			environment[kept++] = environment[i];
	environment[kept] = NULL;
}

static void make_arguments(struct scene *scene, const struct run_spec *spec, char **arguments)
{
	size_t count = 0;

	arguments[count++] = copy(scene, "dinit");
	for (const char *const *argument = spec->arguments;
	     argument && *argument && count < ENVIRONMENT_MAX - 1; argument++)
		arguments[count++] = copy(scene, *argument);
	arguments[count] = NULL;
}

static const char *binary_name(void)
{
	const char *name = getenv("DINIT_BINARY");

	return name && *name ? name : "./dinit";
}

/* Another user may not be able to reach the directory it was built in: it gets a copy. */
static const char *find_binary(struct scene *scene, const struct run_spec *spec)
{
	const char *name = binary_name(), *copied = scene_path(scene, "dinit");
	char path[PATH_SIZE];

	CHECK(realpath(name, path), name);
	if (spec->user == 0 &&
	    !(namespace_flags(spec) & CLONE_NEWUSER && scene->mode == RUN_AS_INIT))
		return keep(scene, path, strlen(path));
	if (access(copied, X_OK) == 0)
		return copied;
	copy_file(path, copied);
	return copied;
}

static void make_pair(int pair[2], bool socket)
{
	CHECK(socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0
		     : pipe2(pair, O_CLOEXEC) == 0,
	      "a pair");
}

static void make_tty(int pair[2])
{
	struct termios raw;
	char name[64];

	pair[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(pair[0] >= 0 && grantpt(pair[0]) == 0 && unlockpt(pair[0]) == 0, "a pseudo terminal");
	CHECK(ptsname_r(pair[0], name, sizeof name) == 0, "a pseudo terminal's name");
	pair[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(pair[1] >= 0 && tcgetattr(pair[1], &raw) == 0, name);
	cfmakeraw(&raw);
	CHECK(tcsetattr(pair[1], TCSANOW, &raw) == 0, name);
}

static void make_file(struct scene *scene, struct run_output *output, int pair[2])
{
	static const char *const names[] = { "stdout", "stderr" };
	const char *path = scene_path(scene, "output.%s", names[output - scene->runs->outputs]);

	pair[1] = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	pair[0] = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(pair[0] >= 0 && pair[1] >= 0, path);
	output->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	CHECK(output->notify_fd >= 0 && inotify_add_watch(output->notify_fd, path, IN_MODIFY) >= 0,
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
		CHECK(pair[1] >= 0, "/dev/null");
		break;
	case RUN_FD_STDOUT:
		pair[1] = fcntl(stdout_fd, F_DUPFD_CLOEXEC, 3);
		CHECK(pair[1] >= 0, "stdout");
		break;
	case RUN_FD_CLOSED: break;
	}
	output->fd = pair[0];
	if (pair[0] >= 0)
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return pair[1];
}

static int make_input(enum run_fd kind)
{
	int fd;

	if (kind == RUN_FD_CLOSED)
		return -1;
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0, "/dev/null");
	return fd;
}

/* ---- starting ---- */

static void write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
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

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
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
	CHECK(run, "calloc");
	*run = (struct run){ .scene = scene,
			     .next = scene->runs,
			     .pid_fd = -1,
			     .outputs = { { .fd = -1, .notify_fd = -1 },
					  { .fd = -1, .notify_fd = -1 } } };
	scene->runs = run;
	launch.binary = find_binary(scene, spec);
	make_arguments(scene, spec, arguments);
	make_environment(scene, spec, environment);
	launch.fds[0] = make_input(spec->in);
	launch.fds[1] = make_output(scene, &run->outputs[RUN_STDOUT], spec->out, -1);
	launch.fds[2] = make_output(scene, &run->outputs[RUN_STDERR], spec->err, launch.fds[1]);
	make_pair(launch.go, false);
	make_pair(told, false);
	launch.report_fd = told[1];
	run->pid = launch_process(&launch);
	CHECK(run->pid > 0, "clone");
	if (scene->mode == RUN_AS_INIT && namespace_flags(spec) & CLONE_NEWUSER)
		map_user(scene, run->pid);
	run->pid_fd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	for (int i = 0; i < 3; i++)
		close_fd(launch.fds[i]);
	close(launch.go[0]);
	close(launch.go[1]);
	close(told[1]);
	CHECK(run->pid_fd >= 0, "pidfd_open");
	expect_no_report(told[0], where);
	return run;
}

/* ---- collecting what a run writes ---- */

static void append(struct run_output *output, const char *bytes, size_t len)
{
	if (output->len + len + 1 > output->size) {
		output->size = (output->len + len + 1) * 2;
		output->bytes = realloc(output->bytes, output->size);
		CHECK(output->bytes, "realloc");
	}
	memcpy(output->bytes + output->len, bytes, len);
	output->len += len;
	output->bytes[output->len] = '\0';
}

static void end_output(struct run_output *output)
{
	close_fd(output->fd);
	close_fd(output->notify_fd);
	output->fd = output->notify_fd = -1;
}

/* Reads what is there. A file's end is only its end for now; a terminal's is EIO. */
static void collect(struct run_output *output)
{
	char bytes[READ_SIZE];
	ssize_t len;

	if (output->fd < 0 || output->paused)
		return;
	if (output->notify_fd >= 0)
		while (read(output->notify_fd, bytes, sizeof bytes) > 0)
			;
	while ((len = read(output->fd, bytes, sizeof bytes)) > 0)
		append(output, bytes, (size_t)len);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (output->notify_fd < 0)
		end_output(output);
}

static void note_end(struct run *run)
{
	if (!run->ended && waitpid(run->pid, &run->status, WNOHANG) == run->pid) {
		run->ended = true;
		for (int i = 0; i < 2; i++) {
			collect(&run->outputs[i]);
			if (run->outputs[i].notify_fd >= 0)
				end_output(&run->outputs[i]);
		}
	}
}

static bool has_ended(const struct run_output *output)
{
	return output->fd < 0 || output->paused;
}

/* Waits until something happens, and takes it in. Returns false where the time is over, or
 * nothing more can happen. */
static bool wait_for_news(struct run *run, uint64_t until_ms)
{
	struct pollfd polled[3] = { { .fd = run->ended ? -1 : run->pid_fd, .events = POLLIN } };
	int timeout = left_ms(until_ms);

	for (int i = 0; i < 2; i++) {
		const struct run_output *output = &run->outputs[i];

		polled[i + 1].fd = output->paused           ? -1
				   : output->notify_fd >= 0 ? output->notify_fd
							    : output->fd;
		polled[i + 1].events = POLLIN;
	}
	if (timeout == 0 ||
	    (run->ended && has_ended(&run->outputs[0]) && has_ended(&run->outputs[1])))
		return false;
	if (poll(polled, 3, timeout) < 0)
		return errno == EINTR;
	for (int i = 0; i < 2; i++)
		if (polled[i + 1].revents)
			collect(&run->outputs[i]);
	if (polled[0].revents)
		note_end(run);
	return true;
}

void run_pause(struct run *run, enum run_stream stream)
{
	run->outputs[stream].paused = true;
}

void run_resume(struct run *run, enum run_stream stream)
{
	run->outputs[stream].paused = false;
}

void run_close(struct run *run, enum run_stream stream)
{
	end_output(&run->outputs[stream]);
}

void run_signal(struct run *run, int signal)
{
	CHECK(kill(run->pid, signal) == 0, "kill");
}

void scene_wait_process_at(pid_t pid, const char *where)
{
	struct pollfd polled = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(LINE_DEADLINE_MS);
	int ready = 0;

	if (polled.fd < 0)
		return;
	do
		ready = poll(&polled, 1, left_ms(until_ms));
	while (ready < 0 && errno == EINTR);
	close(polled.fd);
	if (ready <= 0)
		scene_fail_at(where, "process %d has not ended in time", (int)pid);
}

void run_kill(struct run *run)
{
	run->scene->may_leave = true;
	if (!run->ended && kill(run->pid, SIGKILL) == 0 &&
	    waitpid(run->pid, &run->status, 0) == run->pid)
		run->ended = true;
	for (int i = 0; i < 2; i++)
		collect(&run->outputs[i]);
}

/* ---- lines ---- */

static const char *name_of(enum run_stream stream)
{
	return stream == RUN_STDOUT ? "stdout" : "stderr";
}

static void compile(regex_t *compiled, const char *regex, const char *where)
{
	if (regcomp(compiled, regex, REG_EXTENDED) != 0)
		scene_fail_at(where, "bad regular expression: %s", regex);
}

/* The next whole line at *at, terminated, in a buffer that the next call reuses; NULL where
 * there is none. */
static const char *next_line(const struct run_output *output, size_t *at)
{
	static char *line;
	static size_t size;
	const char *begin = output->bytes + *at, *newline;
	size_t len;

	if (*at >= output->len || !(newline = memchr(begin, '\n', output->len - *at)))
		return NULL;
	len = (size_t)(newline - begin);
	if (len + 1 > size) {
		size = 2 * (len + 1);
		line = realloc(line, size);
		CHECK(line, "realloc");
	}
	memcpy(line, begin, len);
	line[len] = '\0';
	*at += len + 1;
	return line;
}

/* The first match at or after *at, which is moved behind it. NULL: none among the whole lines so
 * far. */
static const char *find_match(struct run *run, enum run_stream stream, const regex_t *compiled,
			      size_t group, size_t *at)
{
	regmatch_t matches[10];
	const char *line;

	while ((line = next_line(&run->outputs[stream], at)))
		if (regexec(compiled, line, 10, matches, 0) == 0) {
			if (group == SIZE_MAX)
				return keep(run->scene, line, strlen(line));
			return keep(run->scene, line + matches[group].rm_so,
				    (size_t)(matches[group].rm_eo - matches[group].rm_so));
		}
	return NULL;
}

static const char *wait_for_matches(struct run *run, enum run_stream stream, const char *regex,
				    size_t count, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(LINE_DEADLINE_MS);
	const char *line = NULL;
	size_t found = 0, at = 0;
	bool more = true;
	regex_t compiled;

	compile(&compiled, regex, where);
	while (found < count) {
		line = find_match(run, stream, &compiled, SIZE_MAX, &at);
		if (line)
			found++;
		else if (!more)
			break;
		else
			more = wait_for_news(run, until_ms);
	}
	regfree(&compiled);
	if (found < count)
		scene_fail_at(where, "%zu of %zu lines on %s match \"%s\" %s", found, count,
			      name_of(stream), regex,
			      left_ms(until_ms) ? "and no more can come" : "in time");
	return line;
}

const char *run_wait_line_at(struct run *run, enum run_stream stream, const char *regex,
			     const char *where)
{
	return wait_for_matches(run, stream, regex, 1, where);
}

void run_wait_lines_at(struct run *run, enum run_stream stream, const char *regex, size_t count,
		       const char *where)
{
	wait_for_matches(run, stream, regex, count, where);
}

size_t run_count_lines(struct run *run, enum run_stream stream, const char *regex)
{
	size_t count = 0, at = 0;
	regmatch_t match;
	regex_t compiled;
	const char *line;

	compile(&compiled, regex, SCENE_HERE);
	while ((line = next_line(&run->outputs[stream], &at)))
		count += regexec(&compiled, line, 1, &match, 0) == 0;
	regfree(&compiled);
	return count;
}

const char *run_match_at(struct run *run, enum run_stream stream, const char *regex, size_t group,
			 const char *where)
{
	const char *text;
	regex_t compiled;
	size_t at = 0;

	compile(&compiled, regex, where);
	text = find_match(run, stream, &compiled, group, &at);
	regfree(&compiled);
	if (!text)
		scene_fail_at(where, "no line on %s matches \"%s\"", name_of(stream), regex);
	return text;
}

const char *run_expect_line_at(struct run *run, enum run_stream stream, const char *regex,
			       const char *where)
{
	return run_match_at(run, stream, regex, SIZE_MAX, where);
}

long run_stamp_ms(struct run *run, const char *regex)
{
	unsigned hours, minutes, seconds, ms;
	const char *line = run_expect_line(run, RUN_STDERR, regex);

	assert_int_equal(sscanf(line, "%*[-0-9]T%2u:%2u:%2u.%3uZ", &hours, &minutes, &seconds, &ms),
			 4);
	return (long)((hours * 60 + minutes) * 60 + seconds) * 1000 + (long)ms;
}

void run_expect_no_line_at(struct run *run, enum run_stream stream, const char *regex,
			   const char *where)
{
	const char *text;
	regex_t compiled;
	size_t at = 0;

	compile(&compiled, regex, where);
	text = find_match(run, stream, &compiled, SIZE_MAX, &at);
	regfree(&compiled);
	if (text)
		scene_fail_at(where, "a line on %s matches \"%s\": %s", name_of(stream), regex,
			      text);
}

/* ---- the end ---- */

int run_wait_exit_at(struct run *run, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(EXIT_DEADLINE_MS);

	while (wait_for_news(run, until_ms))
		;
	if (!run->ended)
		scene_fail_at(where, "dinit has not ended in time");
	for (int i = 0; i < 2; i++)
		if (!has_ended(&run->outputs[i]))
			scene_fail_at(where, "dinit has ended, but somebody still holds its %s",
				      name_of((enum run_stream)i));
	run_expect_no_line_at(run, RUN_STDERR,
			      "(Address|Leak|Thread)Sanitizer|: runtime error: ", where);
	return WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -WTERMSIG(run->status);
}

void run_expect_exit_at(struct run *run, int status, const char *where)
{
	int got = run_wait_exit_at(run, where);

	if (got != status)
		scene_fail_at(where, "dinit's exit status is %d, not %d", got, status);
}

void scene_may_leave(struct scene *scene)
{
	scene->may_leave = true;
}

/* ---- scenes ---- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void print_output(const struct run *run, enum run_stream stream)
{
	const struct run_output *output = &run->outputs[stream];

	/* Not print_error, which cuts at 1024 bytes. */
	fprintf(stderr, "---- %s of dinit (PID %d), %zu bytes ----\n", name_of(stream),
		(int)run->pid, output->len);
	if (output->len > 0)
		fwrite(output->bytes, 1, output->len, stderr);
	fputs(output->len > 0 && output->bytes[output->len - 1] != '\n' ? "\n" : "", stderr);
}

/* Says what a process is, for the message about one that was left behind. */
static void read_command(pid_t pid, char command[256])
{
	char path[64];
	ssize_t len = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, command, 255);
		close(fd);
	}
	for (ssize_t i = 0; i < len; i++)
		if (command[i] == '\0')
			command[i] = ' ';
	command[len > 0 ? len : 0] = '\0';
}

static bool is_child(const char *pid)
{
	char path[300], stat[512];
	const char *after;
	int parent = 0, fd;
	ssize_t len;

	if (atoi(pid) <= 0)
		return false;
	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
	close_fd(fd);
	if (len <= 0)
		return false;
	stat[len] = '\0';
	after = strrchr(stat, ')');
	return after && sscanf(after + 1, " %*c %d", &parent) == 1 && parent == getpid();
}

static size_t kill_children(bool say)
{
	const struct dirent *entry;
	char command[256];
	size_t count = 0;
	DIR *proc = opendir("/proc");

	CHECK(proc, "/proc");
	while ((entry = readdir(proc))) {
		if (!is_child(entry->d_name))
			continue;
		count++;
		read_command(atoi(entry->d_name), command);
		if (say)
			print_error("a process was left behind: PID %s: %s\n", entry->d_name,
				    command);
		kill(atoi(entry->d_name), SIGKILL);
	}
	closedir(proc);
	return count;
}

/* The test is a subreaper: whatever dinit leaves behind is its child now. Kills it all, with
 * what that leaves behind in turn, and returns how many there were. */
static size_t clear_leftovers(bool say)
{
	size_t count = 0;
	siginfo_t info;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		count++;
		if (say)
			print_error("a zombie was left behind: PID %d\n", (int)pid);
	}
	while (pid == 0) {
		count += kill_children(say);
		if (waitid(P_ALL, 0, &info, WEXITED) < 0)
			break;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
	}
	return count;
}

void scene_play(void **state)
{
	struct scene *scene = *state;
	size_t leftovers;

	scene->test(scene);
	for (struct run *run = scene->runs; run; run = run->next)
		if (!run->ended)
			scene_fail_at(SCENE_HERE, "the test has not waited for the end of dinit");
	leftovers = clear_leftovers(!scene->may_leave);
	if (leftovers > 0 && !scene->may_leave)
		scene_fail_at(SCENE_HERE, "dinit left %zu processes behind", leftovers);
	scene->passed = true;
}

int scene_set_up(void **state)
{
	const struct scene_case *scene_case = *state;
	struct scene *scene = calloc(1, sizeof *scene);
	const char *tmp = getenv("TMPDIR");
	char dir[PATH_SIZE], real[PATH_SIZE];

	if (!scene || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -1;
	*state = scene;
	umask(022);
	snprintf(dir, sizeof dir, "%s/dinit-scene-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir) || chmod(dir, 01777) < 0 || !realpath(dir, real))
		return -1;
	scene->test = scene_case->test;
	scene->mode = scene_case->mode;
	scene->dir = strdup(real);
	if (!scene->dir || asprintf(&scene->services, "%s/services", real) < 0)
		return -1;
	return mkdir(scene->services, 0755);
}

static void free_runs(struct scene *scene)
{
	struct run *run;

	while ((run = scene->runs)) {
		if (!scene->passed)
			for (int i = 0; i < 2; i++)
				print_output(run, (enum run_stream)i);
		for (int i = 0; i < 2; i++) {
			end_output(&run->outputs[i]);
			free(run->outputs[i].bytes);
		}
		close_fd(run->pid_fd);
		scene->runs = run->next;
		free(run);
	}
}

static void free_strings(struct scene *scene)
{
	struct scene_string *string;
	struct scene_fifo *fifo;

	while ((string = scene->strings)) {
		scene->strings = string->next;
		free(string);
	}
	while ((fifo = scene->fifos)) {
		scene->fifos = fifo->next;
		close_fd(fifo->fd);
		free(fifo);
	}
}

int scene_tear_down(void **state)
{
	struct scene *scene = *state;

	for (struct run *run = scene->runs; run; run = run->next) {
		if (run->pid > 0 && !run->ended)
			run_kill(run);
	}
	clear_leftovers(false);
	free_runs(scene);
	free_strings(scene);
	nftw(scene->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(scene->dir);
	free(scene->services);
	free(scene);
	return 0;
}

int scene_run_all(const char *name, const struct CMUnitTest *tests, size_t count)
{
	const char *only = getenv("TEST_ONLY");
	char filter[256];

	if (access(binary_name(), X_OK) < 0) {
		print_error("DINIT_BINARY is %s: %s\n", binary_name(), strerror(errno));
		return 1;
	}
	if (only && *only) {
		snprintf(filter, sizeof filter, "*%s*", only);
		cmocka_set_test_filter(filter);
	}
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}
