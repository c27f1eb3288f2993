/* SPDX-License-Identifier: ISC */
/* Owns nothing beyond a call. Invariant: no function returns where it has failed. */
#include "play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void play_die(const char *what)
{
	perror(what);
	exit(99);
}

unsigned long play_number(const char *text)
{
	return strtoul(text, NULL, 10);
}

uint64_t play_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void play_write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			play_die("write");
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

/* Returns the PID of a child that runs orphan(n). */
static pid_t start_orphan(unsigned n, void (*orphan)(unsigned n))
{
	pid_t pid = fork();

	if (pid < 0)
		play_die("fork");
	if (pid == 0) {
		orphan(n);
		_exit(0);
	}
	return pid;
}

void play_leave_behind(unsigned first, unsigned last, void (*orphan)(unsigned n), bool dead,
		       pid_t *pids)
{
	pid_t parent = fork();
	unsigned count = last - first + 1;
	siginfo_t info;
	int status;

	if (parent < 0)
		play_die("fork");
	if (parent > 0) {
		if (waitpid(parent, &status, 0) != parent)
			play_die("waitpid");
		if (status != 0)
			exit(99);
		return;
	}
	if (!pids)
		pids = calloc(count, sizeof *pids);
	if (!pids)
		play_die("calloc");
	for (unsigned i = 0; i < count; i++)
		pids[i] = start_orphan(first + i, orphan);
	/* Not one after the other, as on a busy processor each would wait for two turns of it. */
	for (unsigned i = 0; dead && i < count; i++)
		if (waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT) < 0)
			play_die("waitid");
	_exit(0);
}

void play_end_at_once(unsigned n)
{
	(void)n;
}
