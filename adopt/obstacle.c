/* SPDX-License-Identifier: ISC */
/* Owns the judgement whether a process can be traced, and the words for why not; not the tracing
 * (tracee.h), nor how long it is tried (redirect.h). Invariant: it is judged by what the kernel
 * shows of a process without any lock of the process's. */
#include "obstacle.h"

#include "fdtable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Returns whether a process has forbidden itself what dinit has not: that must not be done in its
 * name either. */
static bool is_more_confined(const struct procfs_guard *guard, const struct procfs_guard *own)
{
	if (guard->seccomp_filters < 0)
		return guard->seccomp_mode != 0 && guard->seccomp_mode != own->seccomp_mode;
	return guard->seccomp_filters > own->seccomp_filters || guard->seccomp_mode == 1;
}

static enum obstacle examine_guards(const struct procfs *proc, pid_t tid,
				    char why[OBSTACLE_TEXT_SIZE])
{
	struct procfs_guard guard, own;

	/* What cannot be read is no obstacle: the attempt to trace it tells. */
	if (procfs_read_guard(proc, tid, &guard) < 0 || procfs_read_guard(proc, getpid(), &own) < 0)
		return OBSTACLE_NONE;
	if (guard.tracer != 0 && guard.tracer != getpid()) {
		snprintf(why, OBSTACLE_TEXT_SIZE, "process %d traces it already",
			 (int)guard.tracer);
		return OBSTACLE_LASTING;
	}
	if (is_more_confined(&guard, &own)) {
		snprintf(why, OBSTACLE_TEXT_SIZE,
			 "it has seccomp filters that dinit does not have");
		return OBSTACLE_LASTING;
	}
	return OBSTACLE_NONE;
}

enum obstacle obstacle_find(const struct procfs *proc, pid_t pid, pid_t *tid,
			    char why[OBSTACLE_TEXT_SIZE])
{
	struct procfs_stat stat;

	*tid = procfs_find_thread(proc, pid);
	if (procfs_read_stat(proc, pid, &stat) < 0) {
		if (errno == ENOENT)
			return OBSTACLE_GONE;
		/* It is dinit that lacks something, such as a descriptor. */
		snprintf(why, OBSTACLE_TEXT_SIZE, "it cannot be looked at (%s)", strerror(errno));
		return OBSTACLE_LASTING;
	}
	if (*tid == 0)
		return OBSTACLE_CHANGING;
	if (procfs_is_uninterruptible(proc, pid) || procfs_is_executing(proc, pid))
		return OBSTACLE_BUSY;
	return examine_guards(proc, *tid, why);
}

static bool stop_at_first_fd(void *ctx, int fd, const struct fdtable_file *file)
{
	(void)ctx;
	(void)fd;
	(void)file;
	return false;
}

bool obstacle_is_forbidden(const struct procfs *proc, pid_t tid)
{
	return fdtable_each(proc, tid, stop_at_first_fd, NULL) < 0 && errno == EACCES;
}

static void describe_forbidden(const struct procfs *proc, pid_t pid, char why[OBSTACLE_TEXT_SIZE])
{
	uid_t uid;

	if (procfs_read_uid(proc, pid, &uid) == 0 && uid != geteuid())
		snprintf(why, OBSTACLE_TEXT_SIZE,
			 "it runs as user %u, whose processes dinit may not trace (CAP_SYS_PTRACE "
			 "would permit it)",
			 (unsigned)uid);
	else
		snprintf(why, OBSTACLE_TEXT_SIZE,
			 "tracing it is not permitted (it has privileges that dinit does not have, "
			 "or is not dumpable, or Yama or a seccomp profile forbids it; "
			 "CAP_SYS_PTRACE may help)");
}

void obstacle_describe_error(const struct procfs *proc, pid_t pid, int error,
			     char why[OBSTACLE_TEXT_SIZE])
{
	if (error == ENOTSUP)
		snprintf(why, OBSTACLE_TEXT_SIZE, "dinit cannot trace on this kind of CPU");
	else if (error == EPERM)
		describe_forbidden(proc, pid, why);
	else
		snprintf(why, OBSTACLE_TEXT_SIZE, "tracing it fails (%s)", strerror(error));
}
