/* SPDX-License-Identifier: ISC */
/* Streams: many sources (pipes that programs write to), whose lines go to dinit's outputs. Decides
 * when which source is read: a sink that takes no more stops the reading of the sources that feed
 * it, and nothing else (back-pressure).
 *
 * Memory: beside the sinks' queues one buffer for all reads; a source has a buffer only while it
 * holds an unfinished line, or lines that its sink cannot take yet. */
#ifndef DINIT_LOGMUX_H
#define DINIT_LOGMUX_H

#include "config.h"
#include "lastline.h"
#include "loop.h"
#include "outputs.h"
#include "splitter.h"
#include "tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One read: what a pipe holds. It bounds one source's share of a turn. */
#define LOGMUX_READ_SIZE (64 * 1024)

enum logmux_stream {
	LOGMUX_STDOUT,
	LOGMUX_STDERR,
	LOGMUX_STREAMS,
};

/* What may still come of the sources of a last line. */
enum logmux_rest {
	/* Nothing: they have ended. */
	LOGMUX_REST_NONE,
	/* Their pipes are empty, but another process can write to them: a child, or a filter. */
	LOGMUX_REST_OTHERS,
	/* What is in a pipe. */
	LOGMUX_REST_UNREAD,
};

struct logmux_source;

/* Sources that wait for their turn, the next one first. */
struct logmux_parking {
	struct logmux_source *first, *last;
};

/* The place of the busy ones. */
#define LOGMUX_BUSY OUTPUTS_MAX

struct logmux {
	struct loop *loop;
	struct outputs *outputs;
	struct splitter_means means;
	/* What the lines of a program's stdout and stderr should be, by enum logmux_stream. */
	enum line_rule rules[2];
	/* One for each output, where room is waited for, and one for those that are busy. */
	struct logmux_parking parkings[OUTPUTS_MAX + 1];
	/* The last of those when the turn before ended; NULL: none was busy. */
	struct logmux_source *last_busy;
	/* All of them, newest first. */
	struct logmux_source *sources;
	/* The source whose bytes are still in read_buffer, for lack of memory: nothing else is
	 * read. NULL: there is none. */
	struct logmux_source *stranded;
	size_t stranded_at, stranded_len;
	bool draining;
	struct loop_timer retry_timer;
	/* LOGMUX_READ_SIZE bytes. */
	char *read_buffer;
};

/* What a source is. */
struct logmux_source_spec {
	/* The read end of a pipe, which every user may open from here on, and which is made
	 * non-blocking when it is first read. It is the source's from here on, but on failure the
	 * caller's still. */
	int fd;
	/* Both label its lines. */
	const char *service, *stage;
	enum logmux_stream stream;
	/* It is not read before logmux_release. */
	bool held;
	/* Must stay where it is (or be NULL): points to the source until that closes itself, at the
	 * end of the pipe; then it becomes NULL. */
	struct logmux_source **handle;
	/* Where its last line is noted, perhaps with those of other sources; NULL: nowhere. It must
	 * outlive the source, unless logmux_move_last takes it away. */
	struct lastline *last;
	/* Where it is counted what is read of it, perhaps with other sources; NULL: nowhere. It
	 * must outlive the source, unless logmux_forget_tallies takes it away. */
	struct tally *tally;
};

/* Prepares the logmux, which has no source yet. Returns 0, or -1 with errno (memory) and nothing
 * left allocated. */
int logmux_open(struct logmux *mux, struct loop *loop, struct outputs *outputs,
		const struct config *config);

/* Frees what logmux_open allocated. There must be no source left. */
void logmux_close(struct logmux *mux);

/* Adds a source. Returns 0, or -1 with errno. */
int logmux_add(struct logmux *mux, const struct logmux_source_spec *spec);

/* Starts to read a held source, as soon as `after` (may be NULL) has given all that it holds
 * now. Does nothing where it is not held any more, because the drain has begun. */
void logmux_release(struct logmux_source *source, struct logmux_source *after);

/* Returns whether the file of that device and inode (as of stat(2)) is the pipe of a source, or
 * what an output writes to: a command may have that itself. */
bool logmux_reads(const struct logmux *mux, dev_t device, ino_t inode);

/* Takes what the sources of that last line hold of an unfinished line for their last one: whoever
 * wrote it has ended. Returns what may still come of them; what a logging program is to read
 * (logmux_source_spec.held) does not count. */
enum logmux_rest logmux_end_last(const struct logmux *mux, const struct lastline *last);

/* Moves the last lines of a process's streams, so that its sources note them there. to NULL: they
 * are forgotten, and noted no more. */
void logmux_move_last(struct logmux *mux, struct lastline from[LOGMUX_STREAMS],
		      struct lastline to[LOGMUX_STREAMS]);

/* Counts no more in the tallies of a process's streams: its sources may live on. */
void logmux_forget_tallies(struct logmux *mux, const struct tally from[LOGMUX_STREAMS]);

/* Begins the drain: no process is left that dinit waits for, and from now on a source that has
 * nothing to give is closed. */
void logmux_begin_drain(struct logmux *mux);

/* Tells after logmux_begin_drain whether all is read and written out, as far as it can be. */
bool logmux_is_drained(const struct logmux *mux);

/* Gives a turn to each source that was busy when the turn before ended. To be called in each turn,
 * before the ends of processes are looked into: what a process wrote comes before its end. */
void logmux_read_busy(struct logmux *mux);

/* Writes each sink, reads the sources that waited for it, says what befell a sink. To be called at
 * the end of each turn. Returns what is left to do: LOOP_AGAIN, LOOP_SOON or LOOP_SLEEP. */
enum loop_verdict logmux_turn(struct logmux *mux);

#endif
