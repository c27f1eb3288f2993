/* SPDX-License-Identifier: ISC */
/* Owns every wait call and the table from pid to watch; not what the end of a process means.
 * Invariant: a pid in the table belongs to a process or tracee that has not been reaped. */
#include "reaper.h"

#include "log.h"
#include "signame.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static struct reaper_watch **bucket_of(struct reaper *reaper, pid_t pid)
{
	return &reaper->buckets[(unsigned)pid % REAPER_BUCKETS];
}

void reaper_init(struct reaper *reaper, void (*on_orphan)(void *ctx, pid_t pid, int status),
		 void *ctx)
{
	memset(reaper, 0, sizeof *reaper);
	reaper->on_orphan = on_orphan;
	reaper->ctx = ctx;
}

void reaper_watch(struct reaper *reaper, struct reaper_watch *watch, pid_t pid)
{
	struct reaper_watch **bucket = bucket_of(reaper, pid);

	watch->pid = pid;
	watch->next = *bucket;
	*bucket = watch;
}

void reaper_unwatch(struct reaper *reaper, struct reaper_watch *watch)
{
	if (watch->pid == 0)
		return;
	for (struct reaper_watch **at = bucket_of(reaper, watch->pid); *at; at = &(*at)->next) {
		if (*at == watch) {
			*at = watch->next;
			break;
		}
	}
	watch->pid = 0;
	watch->next = NULL;
}

struct reaper_watch *reaper_find(const struct reaper *reaper, pid_t pid)
{
	struct reaper_watch *watch = reaper->buckets[(unsigned)pid % REAPER_BUCKETS];

	while (watch && watch->pid != pid)
		watch = watch->next;
	return watch;
}

/* Returns the status that waitpid(2) would give, from what waitid(2) gave: the encoding is the
 * kernel's, and the same on every Linux. */
static int status_of(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return info->si_code == CLD_DUMPED ? info->si_status | 0x80 : info->si_status;
}

static bool has_ended(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED || info->si_code == CLD_KILLED ||
	       info->si_code == CLD_DUMPED;
}

/* Takes the status of a pid of which waitid has shown news. Returns whether the wait call took
 * it. */
static bool take_status(pid_t pid, int *status)
{
	pid_t taken;

	do
		taken = waitpid(pid, status, WNOHANG | __WALL);
	while (taken < 0 && errno == EINTR);
	return taken == pid;
}

/* Tells the watcher that the process has ended, or on_orphan where nobody watches (watch is
 * NULL). */
static void pass_on_end(struct reaper *reaper, struct reaper_watch *watch, pid_t pid, int status)
{
	if (!watch) {
		reaper->on_orphan(reaper->ctx, pid, status);
		return;
	}
	reaper_unwatch(reaper, watch);
	watch->on_exit(watch->ctx, pid, status);
}

void reaper_let_go(pid_t tid, int status)
{
	/* Neither an event of ptrace(2) nor the entry or return of a system call, as
	 * PTRACE_O_TRACESYSGOOD marks them. */
	bool by_signal = status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80);

	ptrace(PTRACE_DETACH, tid, NULL, by_signal ? (void *)(intptr_t)WSTOPSIG(status) : NULL);
}

/* Takes a stop that waitid has shown and passes it on. Returns whether the wait call took it: if it
 * did not, looking for more would never end. */
static bool take_stop(struct reaper *reaper, pid_t pid)
{
	struct reaper_watch *watch = reaper_find(reaper, pid);
	int status;

	if (!take_status(pid, &status))
		return false;
	if (!WIFSTOPPED(status))
		/* It was killed after waitid had looked. */
		pass_on_end(reaper, watch, pid, status);
	else if (watch && watch->on_stop)
		watch->on_stop(watch->ctx, pid, status);
	else
		reaper_let_go(pid, status);
	return true;
}

/* Takes an end that waitid has shown and passes it on. Returns whether the wait call took it. */
static bool take_end(struct reaper *reaper, const siginfo_t *info)
{
	struct reaper_watch *watch = reaper_find(reaper, info->si_pid);
	int status = status_of(info);

	if (!watch)
		pass_on_end(reaper, NULL, info->si_pid, status);
	if (!take_status(info->si_pid, &status))
		return false;
	if (watch)
		pass_on_end(reaper, watch, info->si_pid, status);
	return true;
}

void reaper_note_signal(struct reaper *reaper, pid_t pid)
{
	if (reaper->first == 0)
		reaper->first = pid;
}

/* Looks whether the child has ended, and leaves it to be reaped. */
static bool peek_end(pid_t pid, siginfo_t *info)
{
	*info = (siginfo_t){ 0 };
	return waitid(P_PID, (id_t)pid, info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
	       info->si_pid == pid && has_ended(info);
}

static void take_first(struct reaper *reaper)
{
	pid_t first = reaper->first;
	siginfo_t info;

	reaper->first = 0;
	if (first > 0 && peek_end(first, &info))
		take_end(reaper, &info);
}

bool reaper_drain(struct reaper *reaper)
{
	siginfo_t info;

	reaper->more = false;
	take_first(reaper);
	for (unsigned i = 0; i < REAPER_AT_A_TIME; i++) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return errno != ECHILD;
		}
		if (info.si_pid == 0)
			return true;
		if (!(has_ended(&info) ? take_end(reaper, &info) : take_stop(reaper, info.si_pid)))
			return true;
	}
	reaper->more = true;
	return true;
}

bool reaper_is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

bool reaper_is_zombie(pid_t pid)
{
	siginfo_t info;

	return peek_end(pid, &info);
}

void reaper_describe_status(int status, char text[REAPER_STATUS_SIZE])
{
	if (WIFEXITED(status)) {
		snprintf(text, REAPER_STATUS_SIZE, "exited with status %d", WEXITSTATUS(status));
	} else {
		char signal[SIGNAME_TEXT_SIZE];

		signame_describe(WTERMSIG(status), signal);
		snprintf(text, REAPER_STATUS_SIZE, "was killed by %s", signal);
	}
}

int reaper_count_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void reaper_say_end(const struct reaper_end *end)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(end->status, how);
	log_info("%s/%s: PID %d %s", end->name, end->stage, end->pid, how);
}
