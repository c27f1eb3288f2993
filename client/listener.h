/* SPDX-License-Identifier: ISC */
/* The socket on which clients arrive, and the user that a server has afterwards. */
#ifndef DINIT_CLIENT_LISTENER_H
#define DINIT_CLIENT_LISTENER_H

#include <stddef.h>

/* Who has no rights and owns no file ("nobody"): what a server becomes that was started as root. */
#define LISTENER_USER 65534

/* Opens a socket that listens on [ADDRESS:]PORT, which does not block, and is closed by execve.
 * Without ADDRESS: on all, of IPv6 and IPv4. Returns it, which the caller closes, or -1, and why
 * not. */
int listener_open(const char *address, char *why, size_t why_size);

/* Becomes LISTENER_USER for good, with no other group, if this process is root. Returns 0, or -1,
 * and why not. */
int listener_drop_root(char *why, size_t why_size);

#endif
