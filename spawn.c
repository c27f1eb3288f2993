/* SPDX-License-Identifier: ISC */
/* Owns what happens between fork and exec; not the descriptors it is given, nor the child once
 * it runs. Invariant: before the child executes the program it changes nothing but its own
 * stack, descriptors, signals, session or group, limit, working directory, and the foreground
 * of its terminal. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

/* The status that shells use; the failure itself comes through the pipe. */
#define EXIT_CANNOT_EXEC 127

/* Gives the open file of one descriptor the number of another one, across execve(2). */
static int place_fd(int from, int to)
{
	return from == to ? fcntl(to, F_SETFD, 0) : dup2(from, to);
}

/* Moves the three descriptors into place. Those that have the place of another one are moved out of
 * the way first, so that none is overwritten before its turn. */
static int place_fds(const int fds[3])
{
	int from[3];

	for (int i = 0; i < 3; i++) {
		from[i] = fds[i];
		if (from[i] < 3 && from[i] != i) {
			from[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
			if (from[i] < 0)
				return -1;
		}
	}
	for (int i = 0; i < 3; i++)
		if (place_fd(from[i], i) < 0)
			return -1;
	return 0;
}

/* Moves the extra descriptor into place, when the others are. The one for the failure makes way if
 * it has that number. */
static int place_extra(const struct spawn_spec *spec, int *report_fd)
{
	int number = spec->extra_number;

	if (number == 0)
		return 0;
	if (*report_fd == number) {
		int moved = fcntl(number, F_DUPFD_CLOEXEC, 3);

		if (moved < 0)
			return -1;
		*report_fd = moved;
	}
	return place_fd(spec->extra_fd, number);
}

/* Makes a session of its own for the process, or a process group. What was sent to dinit's group
 * before the process had left it (Ctrl-C in that moment) is pending, as all signals are blocked,
 * and is thrown away: it would end the process as soon as they are unblocked. Returns 0, or -1 with
 * errno. */
static int leave_group(bool on_terminal)
{
	const struct timespec now = { 0 };
	sigset_t all;

	if (on_terminal ? setpgid(0, 0) < 0 : setsid() < 0)
		return -1;
	sigfillset(&all);
	while (sigtimedwait(&all, NULL, &now) > 0 || errno == EINTR)
		;
	return 0;
}

/* Takes the foreground of the terminal from dinit's group (TTOU is blocked, so that this does not
 * stop the process). Where that group does not have it, or the terminal is not that of our session,
 * there is nothing to be taken, and job control is not to be had. */
static void take_foreground(pid_t dinit_group)
{
	if (tcgetpgrp(STDIN_FILENO) == dinit_group)
		tcsetpgrp(STDIN_FILENO, getpgrp());
}

static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Becomes the program. Returns only where that failed, with the stage. The limit is lowered
 * after the descriptors are in place, because it would refuse them (by prlimit: musl's setrlimit
 * brings what reaches all threads, and there is one). */
static enum spawn_stage become_program(const struct spawn_spec *spec, int *report_fd)
{
	/* execve never writes to argv (POSIX, execve, "Rationale"). */
	char *const alone[] = { (char *)(ptrdiff_t)spec->path, NULL };
	pid_t dinit_group = getpgrp();

	if (leave_group(spec->on_terminal) < 0)
		return SPAWN_SESSION;
	if (place_fds(spec->fds) < 0 || place_extra(spec, report_fd) < 0 ||
	    prlimit(0, RLIMIT_NOFILE, spec->nofile, NULL) < 0)
		return SPAWN_SETUP;
	if (spec->dir && chdir(spec->dir) < 0)
		return SPAWN_CHDIR;
	if (spec->on_terminal)
		take_foreground(dinit_group);
	unblock_signals();
	execve(spec->path, spec->argv ? spec->argv : alone, spec->environment);
	return SPAWN_EXEC;
}

/* Is the new process: becomes the program, or says through report_fd what kept it from that. */
static _Noreturn void run_child(const struct spawn_spec *spec, int report_fd)
{
	struct spawn_failure failure = { .stage = become_program(spec, &report_fd) };

	failure.error = errno;
	while (write(report_fd, &failure, sizeof failure) < 0 && errno == EINTR)
		;
	_exit(EXIT_CANNOT_EXEC);
}

/* Makes the process. With vfork it borrows our memory, and we do not run until it has executed
 * the program: no page table is copied, and the spawn costs the same however large dinit is. The
 * failure comes through a pipe all the same, because some tools (valgrind, user-mode emulators)
 * make an ordinary fork of it. */
static pid_t fork_program(const struct spawn_spec *spec, int report_fd, bool waited)
{
	pid_t pid = waited ? vfork() : fork();

	if (pid == 0)
		run_child(spec, report_fd);
	return pid;
}

/* Makes the process and the pipe for its failure. Only that process has the write end, and loses it
 * with execve. */
static pid_t start_program(const struct spawn_spec *spec, bool waited, int *report_fd,
			   struct spawn_failure *failure)
{
	int report[2];
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0) {
		*failure = (struct spawn_failure){ .stage = SPAWN_PIPE, .error = errno, .pid = -1 };
		return -1;
	}
	pid = fork_program(spec, report[1], waited);
	if (pid < 0) {
		*failure = (struct spawn_failure){ .stage = SPAWN_FORK, .error = errno, .pid = -1 };
		close(report[0]);
	}
	close(report[1]);
	*report_fd = report[0];
	return pid;
}

bool spawn_read_failure(int report_fd, struct spawn_failure *failure)
{
	ssize_t n;

	do
		n = read(report_fd, failure, sizeof *failure);
	while (n < 0 && errno == EINTR);
	close(report_fd);
	return n == (ssize_t)sizeof *failure;
}

pid_t spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure)
{
	int report_fd;
	pid_t pid = start_program(spec, true, &report_fd, failure);

	if (pid < 0 || !spawn_read_failure(report_fd, failure))
		return pid;
	failure->pid = pid;
	return -1;
}

pid_t spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
			     struct spawn_failure *failure)
{
	return start_program(spec, false, report_fd, failure);
}
