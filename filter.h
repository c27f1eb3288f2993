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
 * (one opened for writing as well, as by "read line <>pipe", never ends), and its stdout or its
 * stderr is one that the logmux reads. False where /proc does not show its descriptors, as for a
 * process of another user without CAP_SYS_PTRACE. */
bool filter_is(const struct procfs *proc, const struct logmux *mux, pid_t pid);

#endif
