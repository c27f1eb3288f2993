/* SPDX-License-Identifier: ISC */
/* Our own descriptors 1 and 2: while services run, pipes that are read like theirs stand in their
 * place, for what other processes write there through /proc/1/fd (cron jobs, docker exec). */
#ifndef DINIT_OWNFDS_H
#define DINIT_OWNFDS_H

#include "logmux.h"

#include <stdbool.h>

struct ownfds {
	/* At 1 and 2, the descriptors that stdout and stderr are written to: -1 where the one that
	 * we were started with was closed; the same number where it is a terminal, which is to
	 * stay, or cannot be copied; else a copy above 9. */
	int output_fds[3];
};

/* Copies descriptors 1 and 2, but for those that closed[] says were not open. */
void ownfds_copy(struct ownfds *ownfds, const bool closed[3]);

/* Closes the copies. Descriptors 1 and 2 stay as they are. */
void ownfds_close(const struct ownfds *ownfds);

/* Puts the pipes in their place, where there are copies, and gives them to the mux. Where that
 * cannot be done a descriptor stays as it is, which a message at level info says. */
void ownfds_read(const struct ownfds *ownfds, struct logmux *mux);

/* Puts our own descriptors back in their place: from here on messages may go straight to
 * descriptor 2 again (log.h). */
void ownfds_restore(const struct ownfds *ownfds);

#endif
