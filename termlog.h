/* SPDX-License-Identifier: ISC */
/* The file that gets the cause of the end (DINIT_TERMINATION_LOG), which Kubernetes makes in every
 * container, and shows. It is written by a child, for the file may be on a dead server. */
#ifndef DINIT_TERMLOG_H
#define DINIT_TERMLOG_H

#include "loop.h"
#include "reaper.h"

#include <stdbool.h>

/* How long the child is waited for where nothing else is. */
#define TERMLOG_WAIT_MS 1000

/* Must stay where it is while the loop runs. */
struct termlog {
	struct loop *loop;
	struct reaper *reaper;
	const char *path;
	/* Nothing is to be written, or it has been. */
	bool done;
	/* The child, while it lives. */
	struct reaper_watch watch;
	struct loop_timer timer;
	/* It is not waited for any longer. */
	bool abandoned;
};

/* Looks once whether the file exists, so that a container without one needs no child. Where it does
 * not, a message at level info says so, but not for the default path, which exists in Kubernetes
 * only. The path must outlive it. To be called before anything is started: a file server that hangs
 * is waited for. */
void termlog_open(struct termlog *termlog, struct loop *loop, struct reaper *reaper,
		  const char *path);

/* Writes the cause to the file, in a child: to an existing regular file that is empty, not by way
 * of a symbolic link. What fails is said at info, and changes nothing. Only the first call
 * writes. */
void termlog_write(struct termlog *termlog, const char *cause);

/* Returns whether the child is still to be waited for. To be called when nothing else is left: from
 * the first call on the child has TERMLOG_WAIT_MS, and then it is killed. */
bool termlog_is_busy(struct termlog *termlog);

#endif
