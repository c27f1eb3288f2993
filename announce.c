/* SPDX-License-Identifier: ISC */
/* Owns the datagram that says READY=1, and how often it is tried; not when all are ready.
 * Invariant: nothing stays open. */
#include "announce.h"

#include "log.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Sets the address and its length. Returns 0, or -1 with errno. */
static int make_address(const char *name, struct sockaddr_un *address, socklen_t *address_len)
{
	size_t len = strlen(name);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len < 2 || (name[0] != '/' && name[0] != '@')) {
		errno = EINVAL;
		return -1;
	}
	if (len >= sizeof address->sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address->sun_path, name, len);
	*address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	else
		++*address_len;
	return 0;
}

int announce_ready(const char *socket_name)
{
	static const char text[] = "READY=1";
	struct sockaddr_un address;
	socklen_t address_len;
	int fd, error;
	ssize_t n;

	if (make_address(socket_name, &address, &address_len) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	n = sendto(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, address_len);
	error = errno;
	close(fd);
	errno = error;
	return n < 0 ? -1 : 0;
}

static void try_sending(void *ctx)
{
	struct announce *announce = ctx;

	if (announce_ready(announce->socket_name) == 0)
		return;
	if (errno == EAGAIN && ++announce->tries < ANNOUNCE_TRIES)
		loop_timer_start(announce->loop, &announce->timer, ANNOUNCE_AGAIN_MS);
	else
		log_info("READY=1 cannot be sent to NOTIFY_SOCKET: %s", strerror(errno));
}

void announce_begin(struct announce *announce, struct loop *loop, const char *socket_name)
{
	*announce = (struct announce){
		.loop = loop,
		.socket_name = socket_name,
		.timer = { .on_due = try_sending, .ctx = announce },
	};
	if (*socket_name)
		try_sending(announce);
}

void announce_stop(struct announce *announce)
{
	loop_timer_stop(announce->loop, &announce->timer);
}
