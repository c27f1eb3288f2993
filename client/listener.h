/* SPDX-License-Identifier: ISC */
/* The socket on which clients arrive, and the user that a server is afterwards. */
#ifndef DINIT_CLIENT_LISTENER_H
#define DINIT_CLIENT_LISTENER_H

#include "client/target.h"

/* Room for one line that says why something cannot be done. */
#define LISTENER_WHY_SIZE 160

/* Who has no rights and owns no file ("nobody"): what a server becomes that was started as root. */
#define LISTENER_USER 65534

/* Opens a socket that listens on the first address of the target on which that is possible; one for
 * all of IPv6 takes IPv4, too. It does not block. Returns it, which the caller closes, or -1 and
 * why not. */
int listener_open(const struct target *target, char why[LISTENER_WHY_SIZE]);

/* Becomes LISTENER_USER for good, and leaves all groups, if this process is root. Whoever it is, it
 * has no capabilities afterwards. Returns 0, or -1 and why not. */
int listener_drop_root(char why[LISTENER_WHY_SIZE]);

#endif
