/* SPDX-License-Identifier: ISC */
/* Owns a queue and the way to write it out; not what stands in it, nor the descriptor it was
 * given. Invariant: the queue begins where the last write ended, and ends with a whole line.
 * What a pipe has taken ends with one as well, unless that is longer than PIPE_BUF or others
 * fill the same pipe: its reader may stay away for ever. */
#include "sink.h"

#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

/* What a pipe holds if nobody has said otherwise (pipe(7)), and what it holds then here. */
#define USUAL_PIPE_SIZE (64 * 1024)
#define LARGER_PIPE_SIZE (128 * 1024)
/* The kernel's RWF_NOWAIT. */
#define NO_WAIT 8

bool sink_same_file(int a, int b)
{
	struct stat of_a, of_b;

	return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

/* Opens what fd leads to once more, so that not blocking is our business alone: O_NONBLOCK
 * belongs to the open file description (open(2)), which fd shares with others. Where there is no
 * /proc, or the file belongs to another user, a terminal may still be had as the controlling one
 * (tty(4)), which is all that tcgetsid knows. */
static int open_anew(int fd)
{
	static const int flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
	int own_fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	own_fd = open(path, flags);
	return own_fd < 0 && tcgetsid(fd) >= 0 ? open("/dev/tty", flags) : own_fd;
}

/* Returns how much a pipe holds. One as small as most are becomes larger, if we may: what is read
 * at once then goes out at once, for which its reader is woken once. */
static size_t choose_pipe_size(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	if (size == USUAL_PIPE_SIZE) {
		int larger = fcntl(fd, F_SETPIPE_SZ, LARGER_PIPE_SIZE);

		if (larger > 0)
			size = larger;
	}
	return size > 0 ? (size_t)size : PIPE_BUF;
}

/* Returns how many bytes the kernel holds for the reader, or 0 where it does not tell. It has one
 * number for that question about a socket (SIOCOUTQ) or a terminal, another for a pipe. */
static size_t count_unread(const struct sink *sink)
{
	int unread = 0;

	ioctl(sink->fd, sink->pipe_size > 0 ? FIONREAD : TIOCOUTQ, &unread);
	return unread > 0 ? (size_t)unread : 0;
}

static void classify(struct sink *sink, int fd)
{
	/* What fstat cannot tell of is taken for a file. */
	struct stat status = { 0 };
	int own_fd;

	sink->fd = fd;
	sink->kind = SINK_KIND_FILE;
	fstat(fd, &status);
	if (S_ISFIFO(status.st_mode))
		sink->pipe_size = choose_pipe_size(fd);
	if (S_ISSOCK(status.st_mode)) {
		sink->kind = SINK_KIND_SOCKET;
	} else if (S_ISFIFO(status.st_mode) || isatty(fd)) {
		own_fd = open_anew(fd);
		if (own_fd >= 0) {
			sink->kind = SINK_KIND_PRIVATE;
			sink->fd = own_fd;
		} else {
			sink->kind = S_ISFIFO(status.st_mode) ? SINK_KIND_POLLED_PIPE
							      : SINK_KIND_POLLED_TTY;
		}
	}
}

static void on_ready(void *ctx)
{
	struct sink *sink = ctx;

	sink->stalled_ms = sink_total_stall_ms(sink);
	sink->blocked = false;
}

int sink_open(struct sink *sink, struct loop *loop, int fd)
{
	int saved;

	*sink = (struct sink){ .loop = loop };
	sink->queue = malloc(SINK_QUEUE_SIZE);
	if (!sink->queue)
		return -1;
	sink->size = SINK_QUEUE_SIZE;
	sink->io = (struct loop_io){ .on_ready = on_ready, .ctx = sink };
	classify(sink, fd);
	sink->expected = count_unread(sink);
	/* By edge, once and for all: it costs nothing while the sink takes what it gets. */
	if (sink->kind == SINK_KIND_FILE ||
	    loop_watch(loop, sink->fd, EPOLLOUT | EPOLLET, &sink->io) == 0)
		return 0;
	saved = errno;
	if (sink->kind == SINK_KIND_PRIVATE)
		close(sink->fd);
	free(sink->queue);
	errno = saved;
	return -1;
}

void sink_close(struct sink *sink)
{
	if (sink->kind != SINK_KIND_FILE)
		loop_unwatch(sink->loop, sink->fd, &sink->io);
	if (sink->kind == SINK_KIND_PRIVATE)
		close(sink->fd);
	free(sink->queue);
	sink->queue = NULL;
}

bool sink_is_open(const struct sink *sink)
{
	return !sink->shut;
}

size_t sink_len(const struct sink *sink)
{
	return sink->end - sink->start;
}

bool sink_takes_more(const struct sink *sink)
{
	return sink->shut || sink_len(sink) < SINK_HIGH_WATER;
}

/* Makes room at the end of the queue, by moving it to the front or by making it larger. */
static char *make_room(struct sink *sink, size_t max)
{
	size_t used = sink_len(sink);
	char *larger;

	if (sink->size - sink->end >= max)
		return sink->queue + sink->end;
	memmove(sink->queue, sink->queue + sink->start, used);
	sink->start = 0;
	sink->end = used;
	if (sink->size - used >= max)
		return sink->queue + used;
	larger = realloc(sink->queue, used + max);
	if (!larger) {
		errno = ENOMEM;
		return NULL;
	}
	sink->queue = larger;
	sink->size = used + max;
	return larger + used;
}

char *sink_room(struct sink *sink, size_t max)
{
	size_t used = sink_len(sink);

	if (used >= SINK_HIGH_WATER && used + max > SINK_LINE_WATER) {
		errno = EAGAIN;
		return NULL;
	}
	/* Behind a line that makes the queue larger there is room for messages of dinit's own,
	 * as there always is. */
	return make_room(sink, used + max > SINK_LINE_WATER
				       ? max + SINK_QUEUE_SIZE - SINK_LINE_WATER
				       : max);
}

char *sink_rest(const struct sink *sink, size_t *max)
{
	size_t used = sink_len(sink), left = sink->size - sink->end;

	*max = used < SINK_LINE_WATER ? SINK_LINE_WATER - used : 0;
	if (*max > left)
		*max = left;
	return sink->queue + sink->end;
}

char *sink_room_own(struct sink *sink, size_t max)
{
	if (sink_len(sink) + max > sink->size) {
		errno = EAGAIN;
		return NULL;
	}
	return make_room(sink, max);
}

void sink_commit(struct sink *sink, size_t len)
{
	if (sink_len(sink) == 0)
		sink->moved_ms = loop_now_ms(sink->loop);
	sink->end += len;
}

/* Empties the queue, and gives back the memory that a large line took. */
static void reset_queue(struct sink *sink)
{
	char *smaller;

	sink->start = sink->end = 0;
	if (sink->size == SINK_QUEUE_SIZE)
		return;
	smaller = realloc(sink->queue, SINK_QUEUE_SIZE);
	if (smaller) {
		sink->queue = smaller;
		sink->size = SINK_QUEUE_SIZE;
	}
}

/* Returns of how many writes the unread bytes are, at most, if all are ours: as many as there are
 * bytes, where the writes of known length were less. */
static size_t count_unread_writes(const struct sink *sink, size_t unread)
{
	size_t writes = 0, len = 0;

	while (len < unread && writes < SINK_RECENT)
		len += sink->recent[(sink->writes - ++writes) % SINK_RECENT];
	return len < unread ? unread : writes;
}

/* Returns on how many pages of a pipe the unread bytes lie at most. A page may hold as little as
 * one byte, but what fits is added to the last page: so two neighbours together hold more than one
 * page, and n bytes lie on at most n / (page / 2) pages, and two for the ends. Of the pages that a
 * write adds only the last one may not be full: so n bytes of w writes lie on at most n / page + w
 * pages, and one for the first, which may be read in part. */
static size_t count_used_pages(const struct sink *sink, size_t unread, size_t page)
{
	size_t used = unread / (page / 2) + 2, of_ours;

	if (unread == 0)
		return 0;
	of_ours = unread / page + count_unread_writes(sink, unread) + 1;
	return of_ours < used && !sink->shared ? of_ours : used;
}

/* Returns how many bytes a pipe takes at once for certain: at least PIPE_BUF, all or nothing
 * (pipe(7)), and more where enough of its pages are free. */
static size_t room_for_certain(struct sink *sink)
{
	size_t page = (size_t)getpagesize(), unread, used;

	if (sink->kind == SINK_KIND_POLLED_PIPE)
		return PIPE_BUF;
	unread = count_unread(sink);
	sink->shared |= unread > sink->expected;
	sink->expected = unread;
	used = count_used_pages(sink, unread, page) * page;
	return used + PIPE_BUF < sink->pipe_size ? sink->pipe_size - used : PIPE_BUF;
}

/* Returns how much of the queue goes out at once: as many whole lines as there is room for, or
 * one that needs more. */
static size_t choose_len(struct sink *sink)
{
	const char *at = sink->queue + sink->start;
	size_t len = sink_len(sink), room, whole;

	if (sink->pipe_size == 0 || len <= PIPE_BUF)
		return len;
	room = room_for_certain(sink);
	if (len <= room)
		return len;
	whole = bytes_last_line(at, room);
	if (whole > 0)
		return whole;
	return (size_t)(bytes_find_newline(at + room, len - room) - at) + 1;
}

/* Writes at most max bytes, which the descriptor takes without blocking if it polls writable, as
 * long as nobody else writes to it in between; of pipes, the kernel (since 6.4) can be told not to
 * block (pwritev2(2), which musl before 1.2.5 does not have). */
static ssize_t write_polled(const struct sink *sink, size_t len, size_t max)
{
	struct pollfd writable = { .fd = sink->fd, .events = POLLOUT };
	struct iovec some = { sink->queue + sink->start, len < max ? len : max };
	ssize_t n;

	if (poll(&writable, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	n = syscall(SYS_pwritev2, sink->fd, &some, 1UL, -1L, -1L, NO_WAIT);
	/* (What refuses a call, as a seccomp filter does, chooses the error.) */
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE)
		n = write(sink->fd, some.iov_base, some.iov_len);
	return n;
}

/* Writes the first len bytes of the queue, or less. */
static ssize_t write_some(const struct sink *sink, size_t len)
{
	const char *at = sink->queue + sink->start;

	switch (sink->kind) {
	case SINK_KIND_FILE:
	case SINK_KIND_PRIVATE: return write(sink->fd, at, len);
	case SINK_KIND_SOCKET: return send(sink->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* It takes PIPE_BUF bytes (pipe(7)). */
	case SINK_KIND_POLLED_PIPE: return write_polled(sink, len, PIPE_BUF);
	/* A terminal promises room for one byte, no more (the kernel's n_tty_poll). Slow, but
	 * rare: one that does not control dinit's session, and is another user's or out of reach
	 * without /proc. */
	case SINK_KIND_POLLED_TTY: return write_polled(sink, len, 1);
	}
	return 0;
}

void sink_look(struct sink *sink)
{
	size_t unread;

	if (!sink->blocked)
		return;
	unread = count_unread(sink);
	if (unread < sink->unread)
		sink->moved_ms = loop_now_ms(sink->loop);
	sink->unread = unread;
}

uint64_t sink_stalled_ms(struct sink *sink, uint64_t since_ms)
{
	if (sink->shut || !sink->blocked)
		return 0;
	sink_look(sink);
	return loop_now_ms(sink->loop) - (sink->moved_ms > since_ms ? sink->moved_ms : since_ms);
}

uint64_t sink_total_stall_ms(const struct sink *sink)
{
	if (!sink->blocked || sink->shut)
		return sink->stalled_ms;
	return sink->stalled_ms + loop_now_ms(sink->loop) - sink->blocked_ms;
}

/* Notes that so much was written of the first len bytes of the queue. Into a pipe several lines are
 * tried only where they fit for certain. */
static void note_written(struct sink *sink, size_t len, size_t written)
{
	sink->recent[sink->writes++ % SINK_RECENT] = (unsigned)written;
	if (written < len && bytes_find_newline(sink->queue + sink->start, len - 1))
		sink->shared = true;
	sink->expected += written;
	sink->start += written;
	sink->written += written;
	sink->moved_ms = loop_now_ms(sink->loop);
	if (sink_len(sink) == 0)
		reset_queue(sink);
}

int sink_flush(struct sink *sink)
{
	size_t len;
	ssize_t n;

	if (!sink_can_flush(sink))
		return 0;
	len = choose_len(sink);
	n = write_some(sink, len);
	if (n > 0) {
		note_written(sink, len, (size_t)n);
	} else if (n < 0 && errno == EAGAIN) {
		sink->blocked = true;
		sink->blocked_ms = loop_now_ms(sink->loop);
		sink->unread = count_unread(sink);
	} else if (n < 0 && errno != EINTR) {
		int error = errno;

		sink_shut(sink);
		return error;
	}
	return 0;
}

bool sink_can_flush(const struct sink *sink)
{
	return !sink->shut && !sink->blocked && sink_len(sink) > 0;
}

void sink_shut(struct sink *sink)
{
	sink->stalled_ms = sink_total_stall_ms(sink);
	sink->shut = true;
	reset_queue(sink);
}
