/* SPDX-License-Identifier: ISC */
/* Whether a dinit that is about to start is a second one, for a directory that is run already. */
#ifndef DINIT_CLIENT_BESIDE_H
#define DINIT_CLIENT_BESIDE_H

#include <sys/types.h>

/* Returns the PID of the dinit that --status would show, if it runs the services of that directory;
 * else, and where that cannot be found out, 0. */
pid_t beside_find(const char *dir);

#endif
