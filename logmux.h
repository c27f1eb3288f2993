/* SPDX-License-Identifier: ISC */
/* Streams: many sources (pipes that programs write to), two sinks (dinit's stdout and stderr).
 * Cuts what the sources hold into lines, decorates them, and queues them at the sinks. A sink
 * that takes no more stops the reading of the sources that feed it, and nothing else
 * (back-pressure).
 *
 * Memory: beside the sinks' queues one buffer for all reads; a source has a buffer only while it
 * holds an unfinished line, or lines that its sink cannot take yet. */
#ifndef DINIT_LOGMUX_H
#define DINIT_LOGMUX_H

#include "config.h"
#include "loop.h"
#include "sink.h"
#include "stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* one read: what a pipe holds; bounds one source's share of a turn */
#define LOGMUX_READ_SIZE (64 * 1024)
/* SPEC 5: well within the grace period of any container engine */
#define LOGMUX_GIVE_UP_MS 5000

enum logmux_stream {
	LOGMUX_STDOUT,
	LOGMUX_STDERR,
};

struct logmux_source;

/* Sources that wait for room at a sink, the next in turn first. */
struct logmux_parking {
	struct logmux_source *first, *last;
};

/* What there is to say about a sink, on the other one. */
struct logmux_news {
	/* that made it SINK_GONE; 0: none, or said */
	int error;
	bool given_up_said, dropped_said;
};

struct logmux {
	struct loop *loop;
	enum config_stdout mode;
	size_t max_line;
	struct stamp stamp;
	struct sink sinks[2];
	/* of each sink */
	struct logmux_news news[2];
	struct logmux_parking parkings[2];
	/* which sink is stdout's, stderr's: the same one where both are the same open file */
	size_t out, err;
	/* all of them, newest first */
	struct logmux_source *sources;
	struct logmux_source
		/* its bytes are still in read_buffer, for lack of memory: nothing else is read */
		*stranded;
	size_t stranded_at, stranded_len;
	bool draining;
	struct loop_timer give_up_timer, retry_timer;
	/* when the teardown began */
	uint64_t teardown_ms;
	/* messages of dinit's own that found no room */
	uint64_t own_dropped;
	/* a tail's memory for the next one, or NULL */
	char *spare;
	size_t spare_size;
	/* LOGMUX_READ_SIZE */
	char *read_buffer;
};

/* Takes descriptors 1 and 2 as the sinks. closed[1], closed[2]: that descriptor was not open
 * when dinit was started. Returns 0, or -1 with errno (memory) and nothing left allocated. */
int logmux_open(struct logmux *mux, struct loop *loop, const struct config *config,
		const bool closed[3]);

/* Frees what logmux_open allocated. There must be no source left. */
void logmux_close(struct logmux *mux);

/* Adds the read end fd of a pipe, which is made non-blocking when it is first read; it is the
 * source's from here on (but on failure the caller's still). service and stage label its lines.
 * held: it is not read before logmux_release. *handle (handle may be NULL), which must stay
 * where it is, points to the source until that closes itself, at the end of the pipe; then it
 * becomes NULL. Returns 0, or -1 with errno. */
int logmux_add(struct logmux *mux, int fd, const char *service, const char *stage,
	       enum logmux_stream stream, bool held, struct logmux_source **handle);

/* Starts to read a held source, as soon as `after` (may be NULL) has given all that it holds
 * now. Nothing where it is not held any more: the drain has begun. */
void logmux_release(struct logmux_source *source, struct logmux_source *after);

/* One whole line of dinit's own (newline included) for stderr. Never fails, never blocks: where
 * there is no room it is dropped, and it is said later how many were. A log_writer; ctx is the
 * struct logmux. */
void logmux_write_own(void *ctx, const char *line, size_t len);

/* From now on a sink whose reader takes nothing for LOGMUX_GIVE_UP_MS is given up. */
void logmux_begin_teardown(struct logmux *mux);

/* No process is left that dinit waits for: from now on a source that has nothing to give is
 * closed. */
void logmux_begin_drain(struct logmux *mux);

/* After logmux_begin_drain: whether all is read and written out, as far as it can be. */
bool logmux_is_drained(const struct logmux *mux);

/* To be called at the end of each turn: writes each sink, reads the sources that waited for it,
 * says what befell a sink. Returns whether there is more to do at once. */
bool logmux_turn(struct logmux *mux);

#endif
