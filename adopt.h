/* SPDX-License-Identifier: ISC */
/* Redirection of a running process: its stdout and stderr (descriptors 1 and 2), and every copy of those two open files
 * that it or its descendants hold for writing, are replaced by the write ends of two new pipes whose read ends come to
 * dinit, by ptrace(2). A state machine driven by the loop and the reaper: nothing here waits for a tracee. */
#ifndef DINIT_ADOPT_H
#define DINIT_ADOPT_H

#include "loop.h"
#include "procfs.h"
#include "reaper.h"

#include <stddef.h>
#include <sys/types.h>

#define ADOPT_REASON_SIZE 256

struct adopt;

/* How a redirection ended. */
struct adopt_result {
	/* The read ends, non-blocking and close-on-exec, owned by whom on_done tells; -1 where there is none. Either both are
	 * there or, where descriptor 1 and 2 were redirected only in part, the one that was. */
	int stdout_fd;
	int stderr_fd;
	/* "" when all went well; else why (part of) it could not be done and what would help, for a warning. */
	char reason[ADOPT_REASON_SIZE];
};

/* Begins to redirect the process pid, an unreaped child of this process. The caller watches pid itself with the reaper and
 * passes on what it hears with the two functions below; adopt watches every other process and thread that it traces.
 * on_done is called exactly once, later, from the
 * loop (never from within adopt_begin), and the object is freed after it returned; descriptors not taken out of the
 * result (set to -1) are closed. Returns NULL with errno where memory is lacking; on_done is not called then. */
struct adopt *adopt_begin(struct loop *loop, struct reaper *reaper, const struct procfs *proc, pid_t pid,
			  void (*on_done)(void *ctx, struct adopt_result *result), void *ctx);

/* A stop of pid, as the reaper's on_stop tells it. */
void adopt_on_stop(struct adopt *adopt, int status);

/* pid has ended and is reaped. What was redirected until then is kept: on_done is still called. */
void adopt_on_exit(struct adopt *adopt);

/* Gives up: lets go of every tracee as soon as that can be done, does not call on_done, frees the object when the last
 * tracee is released. */
void adopt_cancel(struct adopt *adopt);

#endif
