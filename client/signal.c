/* SPDX-License-Identifier: ISC */
/* Owns the way of a signal to a service. Invariant: it reaches no process but the one that dinit
 * has shown as that service's, also where that has ended meanwhile and its PID is another's; and
 * none that is no child of dinit's, whatever somebody wrote over what is shown. */
#include "client/signal.h"

#include "client/pick.h"
#include "process.h"
#include "procfs.h"
#include "signame.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns the PID that the page shows for that service now, or 0 and why there is none. */
static pid_t look_up(const struct view *view, const char *name, char why[VIEW_WHY_SIZE])
{
	struct snapshot snapshot;
	const struct view_service *service;
	pid_t pid = 0;

	if (view_take(view, &snapshot, why) < 0)
		return 0;
	service = pick_find(&snapshot, name, why);
	if (service && service->entry.pid > 0)
		pid = service->entry.pid;
	else if (service)
		snprintf(why, VIEW_WHY_SIZE, "%.80s does not run (%s)", service->name,
			 view_state_word(service->entry.state));
	snapshot_free(&snapshot);
	return pid;
}

/* Returns whether the process of which we have taken hold is the service's and a child of dinit's;
 * else why it gets no signal. Whoever is of dinit's user can write any PID into the page, and would
 * have root signal it. */
static bool is_its_own(const struct view *view, const char *name, pid_t pid,
		       char why[VIEW_WHY_SIZE])
{
	static const struct procfs proc = { .root = "/proc" };
	pid_t again = look_up(view, name, why);
	struct procfs_stat stat;

	if (again == 0)
		return false;
	if (again != pid) {
		snprintf(why, VIEW_WHY_SIZE, "%.80s has ended meanwhile", name);
		return false;
	}
	if (procfs_usable(&proc) && procfs_read_stat(&proc, pid, &stat) == 0 &&
	    stat.parent == view->pid)
		return true;
	snprintf(why, VIEW_WHY_SIZE,
		 "%.80s: no signal was sent, as /proc does not show PID %d as a child of dinit's",
		 name, (int)pid);
	return false;
}

/* Sends it to the process; by its number where no pidfd can be had, for which pidfd_error says why.
 * Returns 0, or -1 with errno. */
static int send_to(pid_t pid, int pid_fd, int pidfd_error, int signal)
{
	if (pid_fd >= 0)
		return (int)syscall(SYS_pidfd_send_signal, pid_fd, signal, NULL, 0);
	/* The kernel is older than 5.3, or the container does not allow the call. */
	if (pidfd_error == ENOSYS || pidfd_error == EPERM)
		return kill(pid, signal);
	errno = pidfd_error;
	return -1;
}

int signal_send(const struct view *view, const char *name, int signal, char why[VIEW_WHY_SIZE])
{
	pid_t pid = look_up(view, name, why);
	int pid_fd, error, result = -1;

	if (pid == 0)
		return -1;
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	error = errno;
	if (is_its_own(view, name, pid, why)) {
		result = send_to(pid, pid_fd, error, signal);
		if (result < 0)
			snprintf(why, VIEW_WHY_SIZE, "%.80s (PID %d): %s", name, (int)pid,
				 strerror(errno));
	}
	if (pid_fd >= 0)
		close(pid_fd);
	return result;
}

int signal_run(char *const *arguments, pid_t pid)
{
	struct view view;
	char why[VIEW_WHY_SIZE];
	int signal, result;

	if (!arguments[0] || !arguments[1] || arguments[2])
		return -1;
	signal = signame_parse(arguments[1], strlen(arguments[1]));
	if (signal == 0)
		return view_fail("--signal takes, behind the name of a service, " SIGNAME_TAKES);
	if (view_open(&view, pid, why) < 0)
		return view_fail(why);
	result = signal_send(&view, arguments[0], signal, why);
	view_close(&view);
	return result == 0 ? PROCESS_STATUS_STOPPED : view_fail(why);
}
