/* SPDX-License-Identifier: ISC */
/* Starts what a service consists of while it runs: its run, and before it the logging program, with
 * the pipe between them. */
#ifndef DINIT_START_H
#define DINIT_START_H

#include "logmux.h"
#include "program.h"
#include "svdir.h"

struct start {
	const struct svdir_entry *entry;
	/* Both idle. log is NULL where there is no logging program. */
	struct program *run, *log;
	/* Where the source of the logging program's stdout is noted, and that of the service's,
	 * which is held: dinit has a read end of the pipe as well, so that the service never gets
	 * SIGPIPE, and what the logging program left unread is not lost. */
	struct logmux_source **logged, **unlogged;
	/* What run gets as its notification-fd; 0: nothing. */
	int notify_fd;
};

/* Starts the logging program, and then run: if the logging program cannot start, there is no
 * service to be stopped again. Returns 0, or -1 with the reason, and with that one of the two in
 * *failed that did not start. */
int start_service(const struct start *start, const struct program **failed,
		  char reason[PROGRAM_REASON_SIZE]);

#endif
