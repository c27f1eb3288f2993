/* SPDX-License-Identifier: ISC */
/* What runs, as metrics in the text format of Prometheus (version 0.0.4). */
#ifndef DINIT_CLIENT_METRICS_H
#define DINIT_CLIENT_METRICS_H

#include "client/usage.h"
#include "client/view.h"

#include <stdio.h>
#include <sys/types.h>

/* Prints the metrics of the dinit with that PID (0: as view_open chooses). arguments are those
 * behind --metrics: there may be none. Returns the exit status. */
int metrics_run(char *const *arguments, pid_t pid);

/* Prints the metrics of the snapshot. usages are those of snapshot->list; NULL: they are all
 * unknown, and left out. */
void metrics_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages);

#endif
