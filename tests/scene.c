/* SPDX-License-Identifier: ISC */
/* Owns what a scenario test has beside its runs: its directory, its strings and FIFOs, the
 * processes that were left behind; not how dinit is started (launch.c) or looked at (harness.c).
 * Invariant: whatever was started or made is gone when the scene has ended. */
#include "launch.h"
#include "rig.h"
#include "tree.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536
#define PROC_TEXT_SIZE 1024
/* How many processes are shown where a test has failed. */
#define SHOWN_MAX 40

struct scene_string {
	struct scene_string *next;
	char text[];
};

struct scene_fifo {
	struct scene_fifo *next;
	int fd;
	char path[];
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

const char *scene_seconds(struct scene *scene, const char *name, uint64_t ms)
{
	return scene_format(scene, "%s=%g", name, (double)scene_deadline_ms(ms) / 1000);
}

int scene_left_ms(uint64_t until_ms)
{
	uint64_t now = scene_now_ms();

	return now >= until_ms ? 0 : (int)(until_ms - now);
}

void scene_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- strings and files ---- */

const char *scene_keep(struct scene *scene, const char *text, size_t len)
{
	struct scene_string *string = malloc(sizeof *string + len + 1);

	SCENE_CHECK(string, "malloc");
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

	SCENE_CHECK(len >= 0, "vasprintf");
	kept = scene_keep(scene, text, (size_t)len);
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
	char prefix[SCENE_PATH_SIZE];
	size_t len = strlen(path);

	SCENE_CHECK(len < sizeof prefix, path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && (path[i] != '\0' || !with_last))
			continue;
		memcpy(prefix, path, i);
		prefix[i] = '\0';
		SCENE_CHECK(mkdir(prefix, 0755) == 0 || errno == EEXIST, prefix);
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
	SCENE_CHECK(fd >= 0, whole);
	SCENE_CHECK(write(fd, content, len) == (ssize_t)len, whole);
	SCENE_CHECK(fchmod(fd, mode) == 0, whole);
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

void scene_await_trap(struct scene *scene, const char *path)
{
	SCENE_CHECK(rename(scene_path(scene, "%s", path), scene_path(scene, "%s.program", path)) ==
			    0,
		    path);
	scene_script(scene, path,
		     "until grep -Eq '^SigCgt:.*[4-7c-f][0-9a-f]{3}$' /proc/$PPID/status; do "
		     "sleep 0.02; done; exec \"$0.program\"");
}

void scene_copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	struct stat status;

	SCENE_CHECK(in >= 0 && fstat(in, &status) == 0, from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	SCENE_CHECK(out >= 0 && fchmod(out, status.st_mode & 07777) == 0, to);
	SCENE_CHECK(sendfile(out, in, NULL, (size_t)status.st_size) == status.st_size, to);
	close(in);
	close(out);
}

static void copy_directory(struct scene *scene, const char *from, const char *to)
{
	const struct dirent *entry;
	struct stat status;
	DIR *dir = opendir(from);

	SCENE_CHECK(dir, from);
	make_directories(to, true);
	while ((entry = readdir(dir))) {
		const char *inner_from = scene_format(scene, "%s/%s", from, entry->d_name);
		const char *inner_to = scene_format(scene, "%s/%s", to, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		SCENE_CHECK(stat(inner_from, &status) == 0, inner_from);
		if (S_ISDIR(status.st_mode))
			copy_directory(scene, inner_from, inner_to);
		else
			scene_copy_file(inner_from, inner_to);
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

	SCENE_CHECK(fifo, "malloc");
	make_directories(whole, false);
	SCENE_CHECK(mkfifo(whole, 0600) == 0 && chmod(whole, 0666) == 0, whole);
	fifo->fd = open(whole, O_RDWR | O_CLOEXEC);
	strcpy(fifo->path, path);
	fifo->next = scene->fifos;
	scene->fifos = fifo;
	SCENE_CHECK(fifo->fd >= 0, whole);
}

int scene_reserve_port(struct scene *scene)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	SCENE_CHECK(fd >= 0 && scene->reserved_len < SCENE_PORTS, "a socket");
	scene->reserved[scene->reserved_len++] = fd;
	SCENE_CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
			    bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
			    getsockname(fd, (struct sockaddr *)&address, &len) == 0,
		    "a port");
	return ntohs(address.sin_port);
}

void scene_let_go(struct scene *scene, const char *path)
{
	for (struct scene_fifo *fifo = scene->fifos; fifo; fifo = fifo->next) {
		if (strcmp(fifo->path, path) != 0)
			continue;
		SCENE_CHECK(write(fifo->fd, "go\n", 3) == 3, path);
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
	return scene_keep(scene, bytes, len > 0 ? (size_t)len : 0);
}

/* ---- what sanitizers report ---- */

#define REPORT_PREFIX "sanitizer"

const char *scene_sanitizer_options(struct scene *scene, const char *name)
{
	const char *own = getenv(name);

	return scene_format(scene, "%s=%s:log_path=%s/" REPORT_PREFIX, name, own ? own : "",
			    scene->dir);
}

/* Counts the reports, and shows them where they are to be shown. */
static size_t count_reports(struct scene *scene, bool show)
{
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(scene->dir);

	SCENE_CHECK(dir, scene->dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, REPORT_PREFIX ".", sizeof REPORT_PREFIX) != 0)
			continue;
		count++;
		if (show)
			fprintf(stderr, "---- %s ----\n%s", entry->d_name,
				scene_read(scene, entry->d_name));
	}
	closedir(dir);
	return count;
}

void scene_expect_no_report(struct scene *scene, const char *where)
{
	if (count_reports(scene, false) > 0)
		scene_fail_at(where, "a sanitizer of dinit has reported something");
}

/* ---- what the machine allows ---- */

uid_t scene_user(void)
{
	struct stat namespace;

	/* Each PID namespace has the same PIDs. */
	SCENE_CHECK(stat("/proc/self/ns/pid", &namespace) == 0, "/proc/self/ns/pid");
	return 200000 + (uid_t)(namespace.st_ino % 4096) * 100000 + (uid_t)getpid() % 100000;
}

bool scene_is_sanitized(void)
{
	return getenv("TEST_SANITIZED") != NULL;
}

void scene_need(bool condition, const char *why)
{
	rig_need(condition, why);
}

void scene_need_program(const char *name)
{
	static const char *const directories[] = { "/usr/sbin",      "/usr/bin", "/usr/local/sbin",
						   "/usr/local/bin", "/sbin",    "/bin" };
	char text[256];

	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		snprintf(text, sizeof text, "%s/%s", directories[i], name);
		if (access(text, X_OK) == 0)
			return;
	}
	snprintf(text, sizeof text, "no %s here: install it", name);
	rig_need(false, text);
}

void scene_may_leave(struct scene *scene)
{
	scene->may_leave = true;
}

/* ---- scenes ---- */

static void print_output(const struct run *run, enum run_stream stream)
{
	const struct run_output *output = &run->outputs[stream];

	/* Not print_error, which cuts at 1024 bytes. */
	fprintf(stderr, "---- %s of dinit (PID %d), %zu bytes ----\n", run_stream_name(stream),
		(int)run->pid, output->len);
	if (output->len > 0)
		fwrite(output->bytes, 1, output->len, stderr);
	fputs(output->len > 0 && output->bytes[output->len - 1] != '\n' ? "\n" : "", stderr);
}

/* Returns the beginning of a process's file in /proc: "" where it is gone. */
static const char *read_of_process(pid_t pid, const char *file, char text[PROC_TEXT_SIZE])
{
	char path[64];
	ssize_t len = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, PROC_TEXT_SIZE - 1);
		close(fd);
	}
	text[len > 0 ? len : 0] = '\0';
	for (ssize_t i = 0; i < len - 1; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return text;
}

static bool is_child(pid_t pid)
{
	char stat[PROC_TEXT_SIZE];
	const char *after;
	int parent = 0;

	if (pid <= 0)
		return false;
	after = strrchr(read_of_process(pid, "stat", stat), ')');
	return after && sscanf(after + 1, " %*c %d", &parent) == 1 && parent == getpid();
}

/* Prints the state of the process and of those below it (a zombie's line ends with how it ended),
 * and the system call that each is in; left: how many may still be shown. Returns how many may
 * after that. */
static unsigned print_processes(pid_t pid, unsigned left)
{
	char text[PROC_TEXT_SIZE], file[64], *at = text, *end;
	pid_t child;

	if (left == 0 || !*read_of_process(pid, "stat", text))
		return left;
	fprintf(stderr, "%s", text);
	fprintf(stderr, "  in the system call %s",
		*read_of_process(pid, "syscall", text) ? text : "?\n");
	left--;
	snprintf(file, sizeof file, "task/%d/children", (int)pid);
	read_of_process(pid, file, text);
	while ((child = (pid_t)strtol(at, &end, 10)) > 0 && *end == ' ') {
		left = print_processes(child, left);
		at = end;
	}
	return left;
}

static size_t kill_children(bool say)
{
	const struct dirent *entry;
	char command[PROC_TEXT_SIZE];
	size_t count = 0;
	DIR *proc = opendir("/proc");

	SCENE_CHECK(proc, "/proc");
	while ((entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (!is_child(pid))
			continue;
		count++;
		if (say)
			print_error("a process was left behind: PID %d: %s\n", (int)pid,
				    read_of_process(pid, "cmdline", command));
		kill(pid, SIGKILL);
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
	scene_expect_no_report(scene, SCENE_HERE);
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
	char dir[SCENE_PATH_SIZE], real[SCENE_PATH_SIZE];

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
			run_end_output(&run->outputs[i]);
			free(run->outputs[i].bytes);
		}
		run_end_input(run);
		scene_close_fd(run->pid_fd);
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
		scene_close_fd(fifo->fd);
		free(fifo);
	}
	while (scene->reserved_len > 0)
		close(scene->reserved[--scene->reserved_len]);
}

int scene_tear_down(void **state)
{
	struct scene *scene = *state;

	for (struct run *run = scene->runs; run; run = run->next) {
		if (run->pid <= 0 || run->ended)
			continue;
		if (!scene->passed)
			print_processes(run->pid, SHOWN_MAX);
		run_kill(run);
	}
	clear_leftovers(false);
	if (!scene->passed)
		count_reports(scene, true);
	free_runs(scene);
	free_strings(scene);
	tree_remove(scene->dir);
	free(scene->dir);
	free(scene->services);
	free(scene);
	return 0;
}
