/* SPDX-License-Identifier: ISC */
/* Owns dinit's process and the reader of its output, which stalls now and then; not what the
 * lines should be (check), nor what is too much (soak). */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define READ_SIZE 65536
#define LOOK_MS 100
/* while daemons are being adopted */
#define FIRST_STALL_S 1
#define STALL_EVERY_S 8
/* before the end */
#define STALL_LAST_S 4
#define END_S 60

static void die(const char *what)
{
	fprintf(stderr, "soak: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* ---- starting ---- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

void run_become_root(void)
{
	uid_t user = geteuid();
	gid_t group = getegid();
	char map[64];

	if (user == 0)
		return;
	if (unshare(CLONE_NEWUSER) < 0)
		die("no user namespace can be made here");
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "0 %u 1", user);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "0 %u 1", group);
	write_file("/proc/self/gid_map", map);
}

_Noreturn static void become_dinit(const struct run *run, const int pipes[2][2],
				   char *const *environment)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (run->as_init &&
	    (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	     mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0))
		die("/proc cannot be mounted");
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(pipes[0][1], STDOUT_FILENO) < 0 ||
	    dup2(pipes[1][1], STDERR_FILENO) < 0)
		die("dup2");
	execle(run->dinit, "dinit", run->player, "write", "objects", "text", "20000", "100", "1000",
	       (char *)NULL, environment);
	die(run->dinit);
	abort();
}

static void start(struct run *run, char *const *environment)
{
	int flags = SIGCHLD | (run->as_init ? CLONE_NEWPID | CLONE_NEWNS : 0), pipes[2][2];

	for (int i = 0; i < 2; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			die("pipe");
	if (!run->as_init && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("prctl");
	fflush(stdout);
	run->pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (run->pid < 0)
		die("no PID namespace can be made here");
	if (run->pid == 0)
		become_dinit(run, (const int(*)[2])pipes, environment);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][1]);
		run->fds[i] = pipes[i][0];
	}
}

/* ---- reading ---- */

static void note_latency(struct run_latencies *latencies, uint64_t ns)
{
	if (latencies->len == latencies->size) {
		latencies->size = 2 * latencies->size + 1024;
		latencies->values =
			realloc(latencies->values, latencies->size * sizeof *latencies->values);
		if (!latencies->values)
			die("memory");
	}
	latencies->values[latencies->len++] = (uint32_t)(ns / 1000);
}

/* What was on its way while nobody read is late, of course. */
static void on_beat(void *ctx, bool on_stderr, uint64_t written_ns)
{
	struct run *run = ctx;
	const struct run_stall *own = &run->stalls[on_stderr], *other = &run->stalls[!on_stderr];
	enum run_way way = on_stderr ? RUN_STDERR : RUN_STDOUT;

	if (written_ns < own->to_ns && run->read_ns > own->from_ns)
		return;
	if (written_ns > other->from_ns && written_ns < other->to_ns)
		way = RUN_BESIDE;
	note_latency(&run->latencies[way], run->read_ns - written_ns);
}

static void read_stream(struct run *run, int stream)
{
	static char bytes[READ_SIZE];
	ssize_t n = read(run->fds[stream], bytes, sizeof bytes);

	if (n < 0 && errno == EINTR)
		return;
	run->read_ns = now_ns();
	if (n > 0) {
		check_bytes(&run->check, stream, bytes, (size_t)n);
	} else {
		close(run->fds[stream]);
		run->fds[stream] = -1;
	}
}

/* Reads what comes until then, from a stream that stalls not. Returns false once both have
 * ended. */
static bool read_until(struct run *run, uint64_t until_ns)
{
	while (run->fds[0] >= 0 || run->fds[1] >= 0) {
		uint64_t now = now_ns(), wake_ns = until_ns;
		struct pollfd polled[2];

		if (now >= until_ns)
			return true;
		for (int i = 0; i < 2; i++) {
			bool stalled = now < run->stalls[i].to_ns;

			polled[i] = (struct pollfd){ .fd = stalled ? -1 : run->fds[i],
						     .events = POLLIN };
			if (stalled && run->stalls[i].to_ns < wake_ns)
				wake_ns = run->stalls[i].to_ns;
		}
		if (poll(polled, 2, (int)((wake_ns - now + MS - 1) / MS)) < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (polled[i].fd >= 0 && polled[i].revents)
				read_stream(run, i);
	}
	return false;
}

static void stall_when_due(struct run *run, uint64_t now, uint64_t end_ns)
{
	uint64_t due_ns = run->begin_ns +
			  (FIRST_STALL_S + (uint64_t)run->stalls_len * STALL_EVERY_S) * SECOND;
	struct run_stall *stall = &run->stalls[run->stalls_len % 2];

	if (now < due_ns || due_ns + STALL_LAST_S * SECOND > end_ns)
		return;
	stall->from_ns = now;
	stall->to_ns = now + (1000 + script_random(run->stalls_len) % 1000) * MS;
	run->stalls_len++;
}

static void look(struct run *run, uint64_t now)
{
	uint64_t bytes = run->check.streams[0].total + run->check.streams[1].total;

	watch_look(&run->watch, now / MS, bytes);
	if (run->http.pid == 0)
		watch_begin(&run->http, watch_find_child(&run->watch, "--http"), now / MS);
	if (run->http.pid > 0)
		watch_look(&run->http, now / MS, bytes);
}

/* ---- the end ---- */

static void reap(struct run *run)
{
	uint64_t until_ns = now_ns() + END_S * SECOND;

	while (waitpid(run->pid, &run->status, WNOHANG) == 0) {
		if (now_ns() > until_ns) {
			run->late = true;
			kill(run->pid, SIGKILL);
		}
		poll(NULL, 0, 1);
	}
	run->ended_ns = now_ns();
}

/* As a subreaper we get what it left behind, dead or alive. */
static void collect_left(struct run *run)
{
	char path[64], text[4096];
	pid_t pid;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

		if (n < 0)
			die(path);
		close(fd);
		text[n] = '\0';
		run->left += pid > 0;
		for (char *at = text, *next; (pid = (pid_t)strtol(at, &next, 10)) > 0; at = next)
			kill(pid, SIGKILL);
		poll(NULL, 0, 1);
	}
}

void run_all(struct run *run, char *const *environment)
{
	uint64_t end_ns, now;
	bool more = true;

	start(run, environment);
	now = run->begin_ns = now_ns();
	end_ns = now + run->seconds * SECOND;
	check_begin(&run->check, run->wrap, on_beat, run);
	watch_begin(&run->watch, run->pid, now / MS);
	while (more && now < end_ns) {
		stall_when_due(run, now, end_ns);
		more = read_until(run, now + LOOK_MS * MS < end_ns ? now + LOOK_MS * MS : end_ns);
		now = now_ns();
		look(run, now);
	}
	run->early = !more;
	run->told_ns = now_ns();
	if (more)
		kill(run->pid, SIGTERM);
	if (more && read_until(run, run->told_ns + END_S * SECOND)) {
		run->late = true;
		kill(run->pid, SIGKILL);
	}
	reap(run);
	if (!run->as_init)
		collect_left(run);
	check_end(&run->check, run->daemons);
}

/* ---- what it took ---- */

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

double run_latency_ms(struct run_latencies *latencies, double part)
{
	if (latencies->len == 0)
		return 0;
	qsort(latencies->values, latencies->len, sizeof *latencies->values, compare);
	return latencies->values[(size_t)(part * (double)(latencies->len - 1))] / 1000.0;
}

void run_free(struct run *run)
{
	check_free(&run->check);
	watch_free(&run->watch);
	watch_free(&run->http);
	for (int i = 0; i < RUN_WAYS; i++)
		free(run->latencies[i].values);
}
