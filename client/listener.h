/* SPDX-License-Identifier: ISC */
/* The socket on which a server gets its connections, and the user that the server then becomes. */
#ifndef DINIT_CLIENT_LISTENER_H
#define DINIT_CLIENT_LISTENER_H

#include "client/target.h"

/* Room for one line that says why something cannot be done. */
#define LISTENER_WHY_SIZE 160

/* The user and group that a server becomes that was started as root: "nobody", who has no rights
 * and owns no file. */
#define LISTENER_USER 65534

/* Opens a socket that listens on the first address of the target on which that is possible; one for
 * all of IPv6 takes IPv4, too. It does not block. Returns it, which the caller closes, or -1 and
 * why not. */
int listener_open(const struct target *target, char why[LISTENER_WHY_SIZE]);

/* If this process is root, it becomes LISTENER_USER for good, and leaves all groups. Whoever it is,
 * it has no capabilities afterwards, and cannot become another user. Returns 0, or -1 and why
 * not. */
int listener_drop_root(char why[LISTENER_WHY_SIZE]);

#endif
