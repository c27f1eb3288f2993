/* SPDX-License-Identifier: ISC */
/* Owns the way a signal takes to a child, and the helper children it needs for that; not the
 * decision to send one. Invariant: only pids that have not been reaped are signalled, one at a
 * time, never a group and never -1. */
#include "signaller.h"

#include "log.h"
#include "signame.h"
#include "user.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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
	char signal_name[SIGNAME_SIZE];

	signame_show(signal, signal_name);
	log_warn("%s: cannot send %s to PID %d: %s (it runs as another user; give dinit CAP_KILL, "
		 "or run it as the same user)",
		 name, signal_name, pid, strerror(error));
}

static void warn_helper_ended(const struct errand *errand, int status)
{
	char signal_name[SIGNAME_SIZE], how[REAPER_STATUS_SIZE];

	signame_show(errand->signal, signal_name);
	reaper_describe_status(status, how);
	log_warn("%s: %s may not have reached PID %d: the helper process that sends it %s",
		 errand->name, signal_name, errand->target, how);
}

static void on_errand_done(void *ctx, pid_t pid, int status)
{
	struct errand *errand = ctx;
	int error = WEXITSTATUS(status);

	(void)pid;
	if (!WIFEXITED(status))
		warn_helper_ended(errand, status);
	else if (error != 0 && error != ESRCH)
		warn_refused(errand->name, errand->target, errand->signal, error);
	free(errand);
}

/* Takes on the user, in the helper, and sends the signals. The effective user is enough for that;
 * with dinit's own real and saved users that user cannot signal the helper, and stop it for ever
 * (kill(2)). Does not return: the helper exits with 0, or with the errno of what failed. */
static void send_as(uid_t uid, int pidfd, int signal, bool then_continue)
{
	if (user_set((uid_t)-1, uid, (uid_t)-1) < 0 ||
	    syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0)
		_exit(errno);
	if (then_continue && syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) < 0)
		_exit(errno);
	_exit(0);
}

/* Starts the helper for a signal to the process behind pidfd. It is an ordinary fork: a change
 * of user in memory shared with dinit would take away dinit's access to its own files in /proc.
 * Returns its pid, or -1 with errno. */
static pid_t fork_helper(uid_t uid, int pidfd, int signal, bool then_continue)
{
	pid_t pid = fork();

	if (pid == 0)
		send_as(uid, pidfd, signal, then_continue);
	return pid;
}

/* Starts a helper that takes on the target's user and sends the signal. The target cannot be
 * reaped, nor its pid reused, before the pidfd is opened, because this is the thread that would
 * reap it. Returns 0, or -1 where no helper could be started. */
static int send_by_errand(struct signaller *signaller, pid_t target, int signal, bool then_continue,
			  const char *name)
{
	struct errand *errand;
	int pidfd;
	uid_t uid;
	pid_t pid;

	if (procfs_read_uid(signaller->proc, target, &uid) < 0)
		return -1;
	errand = malloc(sizeof *errand + strlen(name) + 1);
	if (!errand)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, target, 0);
	if (pidfd < 0)
		goto free_errand;
	pid = fork_helper(uid, pidfd, signal, then_continue);
	close(pidfd);
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

static void send_signal(struct signaller *signaller, pid_t pid, int signal, bool then_continue,
			const char *name)
{
	char signal_name[SIGNAME_SIZE];

	signame_show(signal, signal_name);
	/* 0 and less would be groups of processes, and 1 is no child of anybody (kill(2)). */
	if (pid < 2) {
		log_error("%s: not sending %s to PID %d, which is not one child: a fault of dinit",
			  name, signal_name, pid);
		return;
	}
	log_info("%s: sending %s to PID %d", name, signal_name, pid);
	if (kill(pid, signal) == 0) {
		if (then_continue)
			kill(pid, SIGCONT);
		return;
	}
	if (errno == EPERM && send_by_errand(signaller, pid, signal, then_continue, name) < 0)
		warn_refused(name, pid, signal, EPERM);
}

void signaller_send(struct signaller *signaller, pid_t pid, int signal, const char *name)
{
	send_signal(signaller, pid, signal, false, name);
}

void signaller_stop(struct signaller *signaller, pid_t pid, int signal, const char *name)
{
	send_signal(signaller, pid, signal, true, name);
}
