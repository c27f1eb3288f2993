/* SPDX-License-Identifier: ISC */
/* dinit --http: probes, metrics and a page over HTTP, from what a running dinit shows. */
#ifndef DINIT_CLIENT_HTTP_H
#define DINIT_CLIENT_HTTP_H

#include <sys/types.h>

/* Answers on [ADDRESS:]PORT until the dinit with that PID (0: as view_open chooses) has ended.
 * arguments are those behind --http. Returns the exit status, or -1 where the arguments are not
 * what it takes. */
int http_run(char *const *arguments, pid_t pid);

#endif
