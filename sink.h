/* SPDX-License-Identifier: ISC */
/* One output: a queue of whole lines in front of a descriptor that dinit shares with others,
 * written without ever blocking and without ever changing the descriptor's flags. */
#ifndef DINIT_SINK_H
#define DINIT_SINK_H

#include "loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* allocated once; it grows only while it holds a single line that is larger */
#define SINK_QUEUE_SIZE (256 * 1024)
/* a queue this long stops the reading of what feeds it: one write fills a pipe */
#define SINK_HIGH_WATER (64 * 1024)
/* and this long stops the lines of what was read already; the rest is dinit's own */
#define SINK_LINE_WATER (192 * 1024)

enum sink_state {
	SINK_OPEN,
	/* a write failed: everything for it is dropped */
	SINK_GONE,
	/* its reader took nothing for too long in a teardown: the same */
	SINK_GIVEN_UP,
};

enum sink_kind {
	/* never blocks: regular files, /dev/null */
	SINK_KIND_FILE,
	/* a pipe or terminal, opened anew without blocking */
	SINK_KIND_PRIVATE,
	/* MSG_DONTWAIT */
	SINK_KIND_SOCKET,
	/* A pipe or terminal that could not be opened anew: asked before each small write. */
	SINK_KIND_POLLED_PIPE,
	SINK_KIND_POLLED_TTY,
};

struct sink {
	struct loop *loop;
	/* "stdout", "stderr" */
	const char *name;
	enum sink_state state;
	enum sink_kind kind;
	int fd;
	/* what it holds, where it is a pipe, else 0 */
	size_t pipe_size;
	/* it said EAGAIN: waits for EPOLLOUT */
	bool blocked;
	struct loop_io io;
	/* bytes from start to end are to be written */
	char *queue;
	size_t start, end, size;
	/* when its reader last took something, as far as is known, or had nothing to take */
	uint64_t moved_ms;
	/* bytes that the kernel held for the reader at the last look, while it was blocked */
	size_t unread;
	/* bytes lost since it was given up */
	uint64_t dropped;
};

/* Takes descriptor fd (which stays the caller's) as a sink. Returns 0, or -1 with errno: memory,
 * or the loop cannot watch it, without which it would wait for ever. */
int sink_open(struct sink *sink, struct loop *loop, int fd, const char *name);

void sink_close(struct sink *sink);

/* Bytes in the queue. */
size_t sink_len(const struct sink *sink);

/* Whether what feeds it may be read: there is room, or everything is dropped. */
bool sink_takes_more(const struct sink *sink);

/* Room for one line of at most max bytes. NULL: it must wait until more is written (errno
 * EAGAIN), or memory is lacking (ENOMEM). Lines of at most SINK_LINE_WATER - SINK_HIGH_WATER
 * bytes never need memory. Only for an open sink. */
char *sink_room(struct sink *sink, size_t max);

/* The room at the end of the queue that lines may use as it is, *max bytes, which may be too few
 * for any. Only for an open sink. */
char *sink_rest(const struct sink *sink, size_t *max);

/* The same for a message of dinit's own, which may use what sink_room leaves free. */
char *sink_room_own(struct sink *sink, size_t max);

/* The next len bytes of that room are a line now. */
void sink_commit(struct sink *sink, size_t len);

/* Writes once: to a pipe whole lines, as long as they are no longer than PIPE_BUF. Returns 0, or
 * the errno that made the sink SINK_GONE, told only once. */
int sink_flush(struct sink *sink);

/* For a sink that is blocked: a slow reader takes many bytes before the kernel says that there
 * is room. Moves moved_ms to now where the reader has taken some since the last look, or since
 * it was blocked. */
void sink_look(struct sink *sink);

/* Drops the queue and becomes SINK_GIVEN_UP. */
void sink_give_up(struct sink *sink);

/* Becomes SINK_GONE. */
void sink_lose(struct sink *sink);

/* Takes note of a line that is dropped; only for a sink that is not open. */
void sink_drop(struct sink *sink, size_t len);

/* Whether flushing again at once can do anything. */
bool sink_can_flush(const struct sink *sink);

/* Whether both descriptors are the same open file, as far as fstat(2) can tell. */
bool sink_same_file(int a, int b);

#endif
