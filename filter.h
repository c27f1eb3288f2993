/* SPDX-License-Identifier: ISC */
/* Filters: orphans that pass lines on to dinit, such as the sed of "exec > >(sed ...)" or of
 * "program | sed ..." in a run that has ended. What they still hold in their stdin are a service's
 * last words. */
#ifndef DINIT_FILTER_H
#define DINIT_FILTER_H

#include "logmux.h"
#include "procfs.h"

#include <stdbool.h>
#include <sys/types.h>

/* Returns whether process pid is a filter: its stdin is a pipe, whose other end it does not hold
 * itself, and its stdout or its stderr one that the logmux reads. False where /proc does not show
 * its descriptors, as for a process of another user without CAP_SYS_PTRACE. */
bool filter_is(const struct procfs *proc, const struct logmux *mux, pid_t pid);

/* Returns whether process pid may become a filter: it has just begun, and runs, or waits for a
 * processor, so that its descriptors may still have to be put in place. */
bool filter_may_become(const struct procfs *proc, pid_t pid);

#endif
