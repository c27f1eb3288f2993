/* SPDX-License-Identifier: ISC */
/* dinit --watch: every change, as a line of JSON. */
#ifndef DINIT_CLIENT_WATCH_H
#define DINIT_CLIENT_WATCH_H

#include "client/view.h"

#include <stdio.h>
#include <sys/types.h>

/* Prints what is shown of the dinit with that PID (0: as view_open chooses), and then each change,
 * until it ends. arguments are those behind --watch: there may be none. Returns the exit status, or
 * -1 where there are some. */
int watch_run(char *const *arguments, pid_t pid);

/* Prints a line for each service, and for the whole, that is not in the snapshot `now` as it was in
 * `before`. With NULL for that, prints them all. */
void watch_print(FILE *to, const struct snapshot *before, const struct snapshot *now);

#endif
