/* SPDX-License-Identifier: ISC */
/* What runs, as a table for people, and whether all of it is as it should be. */
#ifndef DINIT_CLIENT_STATUS_H
#define DINIT_CLIENT_STATUS_H

#include <sys/types.h>

/* Prints the state of the dinit with that PID (0: as view_open chooses) and of its services.
 * arguments are those behind --status: --json, and names of services, which are then the only ones
 * that are shown and judged. Returns the exit status: 0 if all that count are ready or done, and
 * nothing stops; or -1 where the arguments are not what it takes. */
int status_run(char *const *arguments, pid_t pid);

#endif
