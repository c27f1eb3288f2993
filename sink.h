/* SPDX-License-Identifier: ISC */
/* One output: a queue of whole lines in front of a descriptor that dinit shares with others,
 * written without ever blocking and without ever changing the descriptor's flags. */
#ifndef DINIT_SINK_H
#define DINIT_SINK_H

#include "loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of the queue, which is allocated once. It grows only for a line for which there is no
 * room, and shrinks when it is empty. */
#define SINK_QUEUE_SIZE (256 * 1024)
/* A queue this long stops the reading of what feeds it: with what one more read adds it is as much
 * as a pipe takes at once. */
#define SINK_HIGH_WATER (64 * 1024)
/* A queue this long takes no more lines of what was read already: the rest of the room is for
 * dinit's own messages. */
#define SINK_LINE_WATER (192 * 1024)

/* The lengths of so many of the last writes are known: a power of two, so that their count may
 * wrap. A pipe of as many pages needs no more of them. */
#define SINK_RECENT 32

enum sink_kind {
	/* A regular file, /dev/null: never blocks. */
	SINK_KIND_FILE,
	/* A pipe or terminal, opened anew without blocking. */
	SINK_KIND_PRIVATE,
	/* Sent to with MSG_DONTWAIT. */
	SINK_KIND_SOCKET,
	/* A pipe or terminal that could not be opened anew: asked before each small write. */
	SINK_KIND_POLLED_PIPE,
	SINK_KIND_POLLED_TTY,
};

struct sink {
	struct loop *loop;
	enum sink_kind kind;
	int fd;
	/* Nothing is written any more, and everything for it is dropped. */
	bool shut;
	/* The last write said EAGAIN: the sink waits for EPOLLOUT. */
	bool blocked;
	struct loop_io io;
	/* How many bytes fit into the pipe, where it is one, else 0. */
	size_t pipe_size;
	/* The bytes from start to end are to be written. */
	char *queue;
	size_t start, end, size;
	/* When its reader last took something, as far as is known, or had nothing to take. */
	uint64_t moved_ms;
	/* How many bytes the kernel held for the reader at the last look. */
	size_t unread;
	/* How many bytes were written, for how long it was blocked in all, and since when it is. */
	uint64_t written, stalled_ms, blocked_ms;
	/* How much of a pipe can be unread at most, if nobody else writes to it; and whether
	 * somebody does: there was more, or several lines that should have fitted did not. */
	size_t expected;
	bool shared;
	/* How long each of the last writes was, and how many there were in all: the newest is
	 * recent[(writes - 1) % SINK_RECENT]. */
	unsigned writes, recent[SINK_RECENT];
};

/* Takes descriptor fd (which stays the caller's) as a sink. A pipe of the usual size is made
 * larger, if the kernel allows it, for all who use it. Returns 0, or -1 with errno: memory, or the
 * loop cannot watch it, without which it would wait for ever. */
int sink_open(struct sink *sink, struct loop *loop, int fd);

/* Frees the queue and closes what sink_open opened. */
void sink_close(struct sink *sink);

/* Tells whether lines for it go out: no write has failed, and it was not shut. */
bool sink_is_open(const struct sink *sink);

/* Returns how many bytes are in the queue. */
size_t sink_len(const struct sink *sink);

/* Tells whether what feeds it may be read: there is room, or everything is dropped. */
bool sink_takes_more(const struct sink *sink);

/* Returns room for one line of at most max bytes, or NULL with errno: the line must wait until
 * more is written (EAGAIN), or memory is lacking (ENOMEM). Lines of at most SINK_LINE_WATER -
 * SINK_HIGH_WATER bytes never need memory. Only for an open sink. */
char *sink_room(struct sink *sink, size_t max);

/* Returns the room at the end of the queue that lines may use as it is: *max bytes, which may be
 * too few for any line. Only for an open sink. */
char *sink_rest(const struct sink *sink, size_t *max);

/* Does what sink_room does, for a message of dinit's own, which may use what sink_room leaves
 * free. NULL: there is no room for now. */
char *sink_room_own(struct sink *sink, size_t max);

/* Adds the first len bytes of that room, which are whole lines now, to the queue. */
void sink_commit(struct sink *sink, size_t len);

/* Writes once: to a pipe whole lines, as long as they are no longer than PIPE_BUF. Returns 0, or
 * the errno of a write that failed, which shuts the sink and so is told only once. */
int sink_flush(struct sink *sink);

/* Tells whether flushing again at once can do anything. */
bool sink_can_flush(const struct sink *sink);

/* Notes whether the reader of a blocked sink has taken something since the last look: a slow
 * reader takes many bytes before the kernel says that there is room again. */
void sink_look(struct sink *sink);

/* Looks, and returns for how many milliseconds the reader of a blocked sink has taken nothing,
 * counted from since_ms (loop_now_ms) at the earliest; 0 where the sink is not blocked or not
 * open. */
uint64_t sink_stalled_ms(struct sink *sink, uint64_t since_ms);

/* Returns for how many milliseconds the sink could not be written to, in all. */
uint64_t sink_total_stall_ms(const struct sink *sink);

/* Drops the queue; from now on the sink takes nothing. */
void sink_shut(struct sink *sink);

/* Tells whether both descriptors are the same open file, as far as fstat(2) can tell. */
bool sink_same_file(int a, int b);

#endif
