/* SPDX-License-Identifier: ISC */
/* What stands in the way of tracing a process: nothing, something that passes, or something that
 * lasts, which is then put into words. Stateless; everything is asked of /proc, and nothing here
 * waits for the process. */
#ifndef DINIT_OBSTACLE_H
#define DINIT_OBSTACLE_H

#include "procfs.h"

#include <stdbool.h>
#include <sys/types.h>

/* Room for a reason, '\0' included. */
#define OBSTACLE_TEXT_SIZE 256

enum obstacle {
	/* Nothing is known: the thread may be seized. */
	OBSTACLE_NONE,
	/* There is no such process (any more). */
	OBSTACLE_GONE,
	/* No thread of the process is alive: it is about to end, or an execve is about to put one
	 * thread in the place of another. */
	OBSTACLE_CHANGING,
	/* Whoever traces the process now waits with it: ptrace(2) takes the lock that an execve
	 * holds, reading its memory takes the lock that may be held in an uninterruptible call,
	 * and a thread that waits for its vfork child stops only when that is gone. */
	OBSTACLE_BUSY,
	/* The process cannot be traced, now or later. */
	OBSTACLE_LASTING,
};

/* Finds what stands in the way of tracing process pid. Sets *tid to the thread that is best
 * traced, or to 0 where there is none, and writes to why the reason of OBSTACLE_LASTING: half a
 * sentence for a warning. */
enum obstacle obstacle_find(const struct procfs *proc, pid_t pid, pid_t *tid,
			    char why[OBSTACLE_TEXT_SIZE]);

/* Returns whether the kernel will not ever let us trace thread tid, of which it has just said
 * EPERM: it says that of a thread that is about to end, too, but lets us look at the descriptors
 * of such a one. (Not if we run as an ordinary user: then the answer is wrong for as long as such a
 * thread lasts.) */
bool obstacle_is_forbidden(const struct procfs *proc, pid_t tid);

/* Writes to why in what way the error, an errno of tracee_seize, stands in the way of tracing
 * process pid: half a sentence for a warning. */
void obstacle_describe_error(const struct procfs *proc, pid_t pid, int error,
			     char why[OBSTACLE_TEXT_SIZE]);

#endif
