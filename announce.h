/* SPDX-License-Identifier: ISC */
/* Tells whoever has started dinit that all services are ready, as sd_notify(3) does: podman
 * --sdnotify=container, systemd-nspawn --notify-ready=yes. */
#ifndef DINIT_ANNOUNCE_H
#define DINIT_ANNOUNCE_H

#include "loop.h"

/* Where the receiver's queue is full, as that of a service manager can be at boot, dinit tries
 * again after so many milliseconds, and so many times in all. */
#define ANNOUNCE_AGAIN_MS 100
#define ANNOUNCE_TRIES 100

/* Owned by the caller. A zeroed one has nothing to announce. */
struct announce {
	struct loop *loop;
	const char *socket_name;
	struct loop_timer timer;
	unsigned tries;
};

/* Announces to the socket of that name that all services are ready; where the name is empty, to
 * nobody. The name must stay where it is until announce_stop. A failure is a message at level
 * info. */
void announce_begin(struct announce *announce, struct loop *loop, const char *socket_name);

/* Gives up what is still to be announced. */
void announce_stop(struct announce *announce);

/* Sends READY=1 in one datagram to the socket: a path, or @ and an abstract name (unix(7)). Returns
 * 0, or -1 with errno (EAGAIN: the receiver's queue is full). Does not wait for the receiver. */
int announce_ready(const char *socket_name);

#endif
