/* SPDX-License-Identifier: ISC */
/* Redirection of a running process: its stdout and stderr (descriptors 1 and 2), and every copy of
 * those two open files that it or its descendants hold for writing, are replaced by new pipes whose
 * read ends come to dinit, by means of ptrace(2). It is a state machine driven by the loop and the
 * reaper: nothing here waits for a tracee. This header is the only one of adopt/ that others use.
 *
 * A copy is any descriptor but 0 that is open for writing on the same pipe, terminal or
 * file; on /dev/null and its like only a descendant's descriptors 1 and 2. Where 1 and 2 are the
 * same open file, 1 and the other copies go to the stdout pipe and 2 to the stderr pipe. A
 * descriptor that is closed, not open for writing, or no output (a socket, an event descriptor,
 * a file that is open for reading as well) is left so. Each process gets pipes of its own. A
 * process that replaces 1 or 2 within ADOPT_SETTLE_MS is redirected again. */
#ifndef DINIT_ADOPT_H
#define DINIT_ADOPT_H

#include "loop.h"
#include "procfs.h"
#include "reaper.h"

#include <sys/types.h>

/* How long a process is looked at again after its first redirection: a daemon's start is over by
 * then. */
#define ADOPT_SETTLE_MS 1000

struct adopt;

/* What the caller hears of a redirection. None is called from within adopt_begin, adopt_cancel or
 * adopt_on_exit. */
struct adopt_hooks {
	/* Called with the read end (non-blocking, close-on-exec) of a new pipe for the stream
	 * STDOUT_FILENO or STDERR_FILENO: two for each process, and two more each time it is
	 * redirected again. Returns 0, and the read end is the callee's, or -1 with errno: the
	 * process's descriptors stay as they are. */
	int (*on_pipe)(void *ctx, int stream, int read_fd);
	/* Called, at most a few times, with why the output of process pid (the adopted one or a
	 * descendant) cannot be redirected, or not in full, or not yet, and what would help: half a
	 * sentence for a warning, valid during the call. */
	void (*on_trouble)(void *ctx, pid_t pid, const char *why);
	/* Called exactly once, last, when the redirection is over, whatever came of it; the object
	 * is freed after this. */
	void (*on_end)(void *ctx);
};

/* Begins to redirect the process pid, an unreaped child of this process. The caller watches pid
 * itself with the reaper, and until on_end passes on what it hears with the two functions below;
 * adopt watches every other process and thread that it traces. hooks must stay where it is.
 * Returns NULL with errno where memory is lacking; nothing is called then. */
struct adopt *adopt_begin(struct loop *loop, struct reaper *reaper, const struct procfs *proc,
			  pid_t pid, const struct adopt_hooks *hooks, void *ctx);

/* Takes a stop of pid, as the reaper's on_stop reports it. */
void adopt_on_stop(struct adopt *adopt, int status);

/* Takes the end of pid, which is reaped. What was redirected until then is kept. */
void adopt_on_exit(struct adopt *adopt);

/* Gives up: nothing new is begun, and every tracee is let go as soon as that can be done. on_end is
 * called after that. */
void adopt_cancel(struct adopt *adopt);

#endif
