/* SPDX-License-Identifier: ISC */
/* Filters: orphans that pass lines on to dinit, such as the sed of "exec > >(sed ...)" or of
 * "program | sed ..." in a run that has ended. A service's last words may still
 * be in their stdin. */
#ifndef DINIT_FILTER_H
#define DINIT_FILTER_H

#include "logmux.h"
#include "procfs.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Returns whether process pid, an orphan, is a filter: its stdin is a pipe that it can only read
 * (one opened for writing as well, as by "read line <>pipe", never ends) and that is not dinit's
 * own stdin, and its stdout or its stderr is one that the logmux reads, or dinit's own, which a
 * command may have. False where /proc does not show its descriptors, as for a process of another
 * user without CAP_SYS_PTRACE. */
bool filter_is(const struct procfs *proc, const struct logmux *mux, pid_t pid);

/* How many inputs are remembered: where there are more, none is known to have ended long ago. */
#define FILTER_INPUTS 64

/* The pipes that filters have for stdin and that were seen to have ended, in a ring. All 0: there
 * is none. */
struct filter_inputs {
	struct filter_input {
		ino_t inode;
		/* When that was seen first. */
		uint64_t ms;
	} ring[FILTER_INPUTS];
	unsigned next;
};

/* Returns for how many ms it has been known that the stdin of process pid, a filter, has ended and
 * is empty, whichever process was looked at first that has that pipe; what the process has read it
 * may be at work on still. Returns 0 where that is seen for the first time now, or not at all, as
 * with a named pipe. now_ms: of any clock that does not go back. */
uint64_t filter_measure_end(struct filter_inputs *inputs, const struct procfs *proc, pid_t pid,
			    uint64_t now_ms);

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
