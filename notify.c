/* SPDX-License-Identifier: ISC */
/* Owns dinit's end of a notification-fd; not what follows from a notification. Invariant: whoever
 * has the other end can write to it as long as the service runs, and never waits for long or gets
 * SIGPIPE. */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A turn of the loop reads so much at most. */
#define READ_SIZE 4096

struct notify {
	struct loop *loop;
	struct loop_io io;
	/* -1 when the other end is closed everywhere. */
	int fd;
	bool said;
	void (*on_said)(void *ctx, bool ready);
	void *ctx;
};

static void close_read_end(struct notify *notify)
{
	if (notify->fd < 0)
		return;
	loop_unwatch(notify->loop, notify->fd, &notify->io);
	close(notify->fd);
	notify->fd = -1;
}

static void on_readable(void *ctx)
{
	struct notify *notify = ctx;
	char bytes[READ_SIZE];
	ssize_t n = read(notify->fd, bytes, sizeof bytes);
	bool ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	bool ready = n > 0 && memchr(bytes, '\n', (size_t)n);

	if (ended)
		close_read_end(notify);
	if (notify->said || !(ready || ended))
		return;
	notify->said = true;
	notify->on_said(notify->ctx, ready);
}

struct notify *notify_open(struct loop *loop, void (*on_said)(void *ctx, bool ready), void *ctx,
			   int *write_fd)
{
	struct notify *notify = malloc(sizeof *notify);
	int pair[2], error;

	if (!notify)
		return NULL;
	if (pipe2(pair, O_CLOEXEC) < 0)
		goto free_notify;
	*notify = (struct notify){
		.loop = loop,
		.io = { .on_ready = on_readable, .ctx = notify },
		.fd = pair[0],
		.on_said = on_said,
		.ctx = ctx,
	};
	/* The other end blocks, as run may expect it. */
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 &&
	    loop_watch(loop, pair[0], EPOLLIN, &notify->io) == 0) {
		*write_fd = pair[1];
		return notify;
	}
	error = errno;
	close(pair[0]);
	close(pair[1]);
	errno = error;
free_notify:
	error = errno;
	free(notify);
	errno = error;
	return NULL;
}

void notify_close(struct notify *notify)
{
	if (notify)
		close_read_end(notify);
	free(notify);
}
