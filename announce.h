/* SPDX-License-Identifier: ISC */
/* Tells whoever has started dinit that all services are ready, as sd_notify(3) does: podman
 * --sdnotify=container, systemd-nspawn --notify-ready=yes. */
#ifndef DINIT_ANNOUNCE_H
#define DINIT_ANNOUNCE_H

/* Sends READY=1 in one datagram to the socket: a path, or @ and an abstract name (unix(7)). Returns
 * 0, or -1 with errno. Does not wait for the receiver. */
int announce_ready(const char *socket_name);

#endif
