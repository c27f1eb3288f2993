/* SPDX-License-Identifier: ISC */
/* Owns the processes that the driver starts, and the reading of /proc about them. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNNING_MAX 16

/* 0: free */
static volatile pid_t running[RUNNING_MAX];

uint64_t proc_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void proc_sleep_ms(unsigned ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

void proc_pipe(int pair[2])
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		bench_fail("pipe");
}

static void replace(pid_t from, pid_t to)
{
	for (size_t i = 0; i < RUNNING_MAX; i++) {
		if (running[i] == from) {
			running[i] = to;
			return;
		}
	}
}

void proc_kill_all(void)
{
	for (size_t i = 0; i < RUNNING_MAX; i++)
		if (running[i] > 0)
			kill(-running[i], SIGKILL);
}

_Noreturn static void become(char *const argv[], const struct proc_fds *fds,
			     const char *const extra[])
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), from[4];

	setpgid(0, 0);
	for (int i = 0; i < 4; i++) {
		if (fds->fd[i] < 0 && i == BENCH_UP_FD)
			from[i] = -1;
		else
			from[i] =
				fcntl(fds->fd[i] >= 0 ? fds->fd[i] : null_fd, F_DUPFD_CLOEXEC, 10);
	}
	for (int i = 0; i < 4; i++)
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			_exit(126);
	for (; *extra; extra++) {
		const char *equals = strchr(*extra, '=');
		char *name = strndup(*extra, (size_t)(equals - *extra));

		if (!name || setenv(name, equals + 1, 1) < 0)
			_exit(126);
	}
	execvp(argv[0], argv);
	_exit(127);
}

pid_t proc_start(char *const argv[], const struct proc_fds *fds, const char *const extra[])
{
	pid_t pid = fork();

	if (pid < 0)
		bench_fail("fork");
	if (pid == 0)
		become(argv, fds, extra);
	setpgid(pid, pid);
	replace(0, pid);
	return pid;
}

void proc_signal(pid_t pid, int signal)
{
	if (kill(pid, signal) < 0)
		bench_fail("kill");
}

uint64_t proc_wait(pid_t pid, int signal, struct proc_use *use)
{
	siginfo_t info;
	uint64_t ended_ns;
	char text[80];
	int status;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
		if (errno != EINTR)
			bench_fail("waitid");
	ended_ns = proc_now_ns();
	/* The zombie still tells its own use; what wait4 tells would include its children's. */
	if (use)
		*use = (struct proc_use){ proc_cpu_s(pid),
					  proc_status(pid, "voluntary_ctxt_switches") +
						  proc_status(pid, "nonvoluntary_ctxt_switches") };
	waitpid(pid, &status, 0);
	replace(pid, 0);
	if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == signal)) {
		snprintf(text, sizeof text, "a program under test ended with wait status %#x",
			 (unsigned)status);
		errno = 0;
		bench_fail(text);
	}
	return ended_ns;
}

static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static double cpu_from_stat(pid_t pid)
{
	unsigned long user, system;
	char text[1024], *at;

	if (!read_proc(pid, "stat", text, sizeof text) || !(at = strrchr(text, ')')) ||
	    sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) !=
		    2)
		bench_fail("/proc/PID/stat");
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* In nanoseconds where the kernel keeps schedstat, else in ticks. */
double proc_cpu_s(pid_t pid)
{
	unsigned long long ns;
	char text[128];

	if (read_proc(pid, "schedstat", text, sizeof text) && sscanf(text, "%llu", &ns) == 1 &&
	    ns > 0)
		return (double)ns / 1e9;
	return cpu_from_stat(pid);
}

static long read_field(pid_t pid, const char *file, const char *field)
{
	char text[8192], *at;

	if (!read_proc(pid, file, text, sizeof text) || !(at = strstr(text, field)))
		bench_fail(field);
	return strtol(at + strlen(field), NULL, 10);
}

long proc_status(pid_t pid, const char *field)
{
	char name[64];

	snprintf(name, sizeof name, "\n%s:", field);
	return read_field(pid, "status", name);
}

long proc_pss_kb(pid_t pid)
{
	return read_field(pid, "smaps_rollup", "\nPss:");
}
