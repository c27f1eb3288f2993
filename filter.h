/* SPDX-License-Identifier: ISC */
/* Filters: orphans that pass lines on to dinit, such as the sed of "exec > >(sed ...)" or of
 * "program | sed ..." in a run that has ended. A service's last words may still
 * be in their stdin. */
#ifndef DINIT_FILTER_H
#define DINIT_FILTER_H

#include "logmux.h"
#include "procfs.h"

#include <stdbool.h>
#include <sys/types.h>

/* Returns whether process pid, an orphan, is a filter: its stdin is a pipe that it can only read
 * (one opened for writing as well, as by "read line <>pipe", never ends) and that is not dinit's
 * own stdin, and its stdout or its stderr is one that the logmux reads, or dinit's own, which a
 * command may have. False where /proc does not show its descriptors, as for a process of another
 * user without CAP_SYS_PTRACE. */
bool filter_is(const struct procfs *proc, const struct logmux *mux, pid_t pid);

/* Returns whether process pid, a filter, may still get something from its stdin: false once that
 * has ended and all of it was read. It may be at work on that still. True where it cannot be seen,
 * as with a named pipe. */
bool filter_has_input(const struct procfs *proc, pid_t pid);

/* Whether /proc shows what a process is going to be. */
enum filter_rest {
	FILTER_AT_REST,
	/* It has just begun and runs, or waits for a processor: it may be a filter whose
	 * descriptors are still to be put in place. Or it is in an uninterruptible wait, in which
	 * its command line cannot be read. */
	FILTER_UNSETTLED,
	/* It is about to end, and may have been a filter. */
	FILTER_ENDING,
};

/* Returns that of process pid, an orphan. */
enum filter_rest filter_rest(const struct procfs *proc, pid_t pid);

#endif
