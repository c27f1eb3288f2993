/* SPDX-License-Identifier: ISC */
/* Sends a signal to a child of ours, also where the kernel refuses it to dinit itself. */
#ifndef DINIT_SIGNALLER_H
#define DINIT_SIGNALLER_H

#include "procfs.h"
#include "reaper.h"

#include <sys/types.h>

struct signaller {
	struct reaper *reaper;
	const struct procfs *proc;
};

/* Sends the signal to pid, an unreaped child. name ("web/run") stands for the process in messages.
 * Where the kernel says EPERM (the process runs as another user and dinit lacks CAP_KILL, see
 * capabilities(7)), a child takes on that user and sends it; where that is not allowed either, a
 * warning says so. */
void signaller_send(struct signaller *signaller, pid_t pid, int signal, const char *name);

/* Sends a signal that is to end the process gently (TERM, a down-signal) in the same way, and CONT
 * after it, so that a process that is stopped can act on it. */
void signaller_stop(struct signaller *signaller, pid_t pid, int signal, const char *name);

#endif
