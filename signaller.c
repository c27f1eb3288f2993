/* SPDX-License-Identifier: ISC */
/* Owns the way a signal takes to a child, and the helper children it needs for that; not the
 * decision to send one. Invariant: only pids that have not been reaped are signalled, one at a
 * time, never a group and never -1. */
#include "signaller.h"

#include "log.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that sends a signal in our place. */
struct errand {
	struct reaper_watch watch;
	pid_t target;
	int signal;
	char name[];
};

static void warn_refused(const char *name, pid_t pid, int signal, int error)
{
	log_warn("%s: cannot send %s to PID %d: %s; it runs as another user: give dinit CAP_KILL, "
		 "or run it as the "
		 "same user",
		 name, signal == SIGKILL ? "KILL" : "TERM", pid, strerror(error));
}

static void on_errand_done(void *ctx, pid_t pid, int status)
{
	struct errand *errand = ctx;
	int error = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;

	(void)pid;
	if (error != 0 && error != ESRCH)
		warn_refused(errand->name, errand->target, errand->signal, error);
	free(errand);
}

/* Starts a child that takes on the target's user and sends the signal. The target cannot be reaped,
 * nor its pid reused, before the pidfd is opened, because this is the thread that would reap it. */
static int send_by_errand(struct signaller *signaller, pid_t target, int signal, const char *name)
{
	struct errand *errand;
	int saved;
	uid_t uid;
	pid_t pid;
	int pidfd;

	if (procfs_read_uid(signaller->proc, target, &uid) < 0)
		return -1;
	errand = malloc(sizeof *errand + strlen(name) + 1);
	if (!errand)
		return -1;
	pidfd = spawn_open_pidfd(target);
	if (pidfd < 0)
		goto free_errand;
	pid = spawn_kill_as(uid, pidfd, signal, signal == SIGTERM ? SIGCONT : 0);
	saved = errno;
	close(pidfd);
	errno = saved;
	if (pid < 0)
		goto free_errand;
	*errand = (struct errand){ .target = target, .signal = signal };
	strcpy(errand->name, name);
	errand->watch.on_exit = on_errand_done;
	errand->watch.ctx = errand;
	reaper_watch(signaller->reaper, &errand->watch, pid);
	return 0;

free_errand:
	free(errand);
	return -1;
}

void signaller_send(struct signaller *signaller, pid_t pid, int signal, const char *name)
{
	log_info("%s: sending %s to PID %d", name, signal == SIGKILL ? "KILL" : "TERM", pid);
	if (kill(pid, signal) == 0) {
		if (signal == SIGTERM)
			kill(pid, SIGCONT);
		return;
	}
	if (errno != EPERM)
		return;
	if (send_by_errand(signaller, pid, signal, name) < 0)
		warn_refused(name, pid, signal, EPERM);
}
