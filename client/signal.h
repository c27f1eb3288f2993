/* SPDX-License-Identifier: ISC */
/* dinit --signal: a signal to the run of a service. */
#ifndef DINIT_CLIENT_SIGNAL_H
#define DINIT_CLIENT_SIGNAL_H

#include "client/view.h"

#include <sys/types.h>

/* Sends the signal to the run of that service, or to the adopted process of that name, as this
 * process may, if /proc shows that as a child of dinit's. Returns 0, or -1 and why not. */
int signal_send(const struct view *view, const char *name, int signal, char why[VIEW_WHY_SIZE]);

/* Sends a signal to a service of the dinit with that PID (0: as view_open chooses). arguments are
 * those behind --signal: NAME SIGNAL. Returns the exit status, or -1 where they are not. */
int signal_run(char *const *arguments, pid_t pid);

#endif
