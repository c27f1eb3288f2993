/* SPDX-License-Identifier: ISC */
/* Owns how a server begins: its socket, and the rights that it gives up; not what is read from a
 * client. Invariant: a process that has passed listener_drop_root is not root, and cannot become it
 * again. */
#include "client/listener.h"

#include "user.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How many new connections may wait for accept, where the system allows it (listen(2)). (musl's
 * SOMAXCONN is so small that in a burst the last ones would wait for a second.) */
#define BACKLOG 4096

/* How much the kernel keeps for each connection and direction, in bytes (it doubles that). By
 * itself it would keep megabytes for a client that goes on to ask and reads no answer. */
#define KERNEL_BUFFER 32768

/* For capset(2), which libc does not declare: three sets of 64 bits each. */
#define CAPABILITY_VERSION 0x20080522

/* Returns the socket, or -1 with errno. */
static int listen_on(const struct target_address *address)
{
	int family = address->socket.any.sa_family, on = 1, off = 0, size = KERNEL_BUFFER, error;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Connections that the last server on this port has closed may still be in TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0 &&
	    (family == AF_INET ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) &&
	    bind(fd, &address->socket.any, address->len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int listener_open(const struct target *target, char why[LISTENER_WHY_SIZE])
{
	int fd = -1;

	for (size_t i = 0; i < target->addresses_len && fd < 0; i++)
		fd = listen_on(&target->addresses[i]);
	if (fd < 0)
		snprintf(why, LISTENER_WHY_SIZE, "%s%s", strerror(errno),
			 errno == EACCES ? " (choose a port from 1024 on)" : "");
	return fd;
}

int listener_drop_root(char why[LISTENER_WHY_SIZE])
{
	uint32_t header[] = { CAPABILITY_VERSION, 0 };
	static const uint32_t none[6];

	if ((geteuid() == 0 || getuid() == 0) &&
	    (user_leave_groups() < 0 ||
	     user_set_group(LISTENER_USER, LISTENER_USER, LISTENER_USER) < 0 ||
	     user_set(LISTENER_USER, LISTENER_USER, LISTENER_USER) < 0)) {
		snprintf(why, LISTENER_WHY_SIZE,
			 "does not answer as root, and cannot become user %d: %s "
			 "(start it as another user)",
			 LISTENER_USER, strerror(errno));
		return -1;
	}
	/* Capabilities outlive setresuid(2) where securebits say so, and any user can have some. */
	syscall(SYS_capset, &header, none);
	/* Nor can a program that it might be made to execute give it any rights (prctl(2)). */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}
