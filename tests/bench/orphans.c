/* SPDX-License-Identifier: ISC */
/* A service whose grandchildren lose their parent, all at once: BENCH_ZOMBIES of them that have
 * ended already, or BENCH_LIVE that wait to be ended. Their PIDs and the moment go to the file
 * BENCH_ORPHANS. */
#include "orphans.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned number(const char *name)
{
	const char *value = getenv(name);
	unsigned long n = value ? strtoul(value, NULL, 10) : 0;

	return (unsigned)(n < ORPHANS_MAX ? n : ORPHANS_MAX);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Blocked, not ignored: a TERM that comes before a child had its first turn still ends it. */
static void set_term(int how)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(how, &term, NULL);
}

static void make_children(struct orphans *orphans, unsigned count, int zombies)
{
	for (unsigned i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(3);
		if (pid == 0) {
			set_term(SIG_UNBLOCK);
			while (!zombies)
				pause();
			_exit(0);
		}
		orphans->pids[i] = pid;
	}
}

/* Ends when every child is what it should be. */
static void lose(struct orphans *orphans)
{
	unsigned zombies = number("BENCH_ZOMBIES"), live = number("BENCH_LIVE");
	siginfo_t info;

	make_children(orphans, zombies ? zombies : live, zombies > 0);
	for (unsigned i = 0; i < zombies; i++)
		waitid(P_PID, (id_t)orphans->pids[i], &info, WEXITED | WNOWAIT);
	atomic_store(&orphans->begun_ns, now_ns());
	_exit(0);
}

/* The parent to be is an orphan itself, so that its end, a child's, is told to dinit by SIGCHLD. */
static void become_orphan(void)
{
	pid_t before = getpid();
	pid_t pid = fork();

	if (pid < 0)
		_exit(3);
	if (pid > 0)
		_exit(0);
	while (getppid() == before)
		sched_yield();
}

int main(void)
{
	const char *path = getenv("BENCH_ORPHANS");
	struct orphans *orphans;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	pid_t pid;

	if (fd < 0)
		return 2;
	orphans = mmap(NULL, sizeof *orphans, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (orphans == MAP_FAILED)
		return 2;
	pid = fork();
	if (pid < 0)
		return 3;
	if (pid == 0) {
		set_term(SIG_BLOCK);
		become_orphan();
		lose(orphans);
	}
	waitpid(pid, NULL, 0);
	for (;;)
		pause();
}
