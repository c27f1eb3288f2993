/* SPDX-License-Identifier: ISC */
/* Tells whoever has started dinit that all services are ready, as sd_notify(3) does: podman
 * --sdnotify=container, systemd-nspawn --notify-ready=yes. */
#ifndef DINIT_ANNOUNCE_H
#define DINIT_ANNOUNCE_H

#include "loop.h"

/* Where the receiver's queue is full, as that of a service manager can be at boot, it is tried
 * again after so many milliseconds, and so often in all. */
#define ANNOUNCE_AGAIN_MS 100
#define ANNOUNCE_TRIES 100

/* Owned by the caller; when it is zeroed nothing is announced. */
struct announce {
	struct loop *loop;
	const char *socket_name;
	struct loop_timer timer;
	unsigned tries;
};

/* Announces to the socket that all are ready ("": to nobody). The name must stay where it is until
 * announce_stop. That it cannot be done is said at info. */
void announce_begin(struct announce *announce, struct loop *loop, const char *socket_name);

/* Does not try any more. */
void announce_stop(struct announce *announce);

/* Sends READY=1 in one datagram to the socket: a path, or @ and an abstract name (unix(7)). Returns
 * 0, or -1 with errno (EAGAIN: the receiver's queue is full). Does not wait for the receiver. */
int announce_ready(const char *socket_name);

#endif
