/* SPDX-License-Identifier: ISC */
/* Owns the sources: where each is, when it is read, when it ends; not what becomes of its bytes,
 * nor the processes that write them. Invariant: a source is in exactly one place (enum place),
 * and is read only while the sink it feeds takes more. */
#include "logmux.h"

#include "busy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How soon it is tried again where epoll refuses to watch a source (memory, max_user_watches):
 * often enough for a log, rare enough to cost nothing. */
#define WATCH_RETRY_MS 50

/* Every user may open a source's pipe again, so that a program which has dropped root still has
 * /dev/stdout and /dev/stderr, and a logging program /dev/stdin. */
#define PIPE_MODE 0666

enum place {
	/* In its turn, or new; where it cannot be watched, until that is tried again. */
	PLACE_NONE,
	/* Not read before logmux_release. */
	PLACE_HELD,
	/* Not read before another one, which it follows, has given what it holds. */
	PLACE_FOLLOWING,
	/* In the loop, until there is something to read. */
	PLACE_WATCHED,
	/* In line at a sink, until that has room, or among the busy ones. */
	PLACE_PARKED,
};

struct logmux_source {
	struct logmux *mux;
	struct logmux_source *prev, *next;
	struct logmux_source *next_parked;
	/* The one that is PLACE_FOLLOWING until this one has given what it holds. */
	struct logmux_source *follower;
	struct logmux_source **handle;
	/* Where its last line is noted, or NULL. */
	struct lastline *last;
	/* Where it is counted what is read of it, or NULL. */
	struct tally *tally;
	struct loop_io io;
	int fd;
	/* They identify its pipe, whoever has that open: as of stat(2). */
	dev_t device;
	ino_t inode;
	enum place place;
	/* The output where it is parked, or LOGMUX_BUSY. */
	size_t parked_at;
	struct busy busy;
	/* The drain has counted what is in its pipe, and how much of that is still to be read. */
	bool counted;
	int unread;
	struct splitter splitter;
	char label_memory[];
};

/* ---- where a source is ---- */

/* Takes a source out of the loop, if it is there. */
static void unwatch_source(struct logmux_source *source)
{
	if (source->place != PLACE_WATCHED)
		return;
	loop_unwatch(source->mux->loop, source->fd, &source->io);
	source->place = PLACE_NONE;
}

static void park_source_at(struct logmux_source *source, size_t parked_at)
{
	struct logmux_parking *parking = &source->mux->parkings[parked_at];

	unwatch_source(source);
	source->place = PLACE_PARKED;
	source->parked_at = parked_at;
	source->next_parked = NULL;
	if (parking->last)
		parking->last->next_parked = source;
	else
		parking->first = source;
	parking->last = source;
}

static void park_source(struct logmux_source *source)
{
	park_source_at(source, source->splitter.output);
}

static struct logmux_source *unpark_first(struct logmux_parking *parking)
{
	struct logmux_source *source = parking->first;

	parking->first = source->next_parked;
	if (!parking->first)
		parking->last = NULL;
	source->place = PLACE_NONE;
	return source;
}

static void watch_source(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	if (source->place == PLACE_WATCHED)
		return;
	if (loop_watch(mux->loop, source->fd, EPOLLIN, &source->io) == 0)
		source->place = PLACE_WATCHED;
	else
		loop_timer_start(mux->loop, &mux->retry_timer, WATCH_RETRY_MS);
}

/* Gives a turn to each source that could not be watched, after which it is watched again. */
static void on_retry_due(void *ctx)
{
	struct logmux *mux = ctx;

	for (struct logmux_source *source = mux->sources; source; source = source->next)
		if (source->place == PLACE_NONE)
			park_source(source);
}

/* Begins to read a source. */
static void start_source(struct logmux_source *source)
{
	source->place = PLACE_NONE;
	if (source->mux->draining)
		park_source(source);
	else
		watch_source(source);
}

/* Begins to read a source that was held. Only now is it made non-blocking: until here its file
 * description may have been a logging program's stdin as well. */
static void start_held_source(struct logmux_source *source)
{
	fcntl(source->fd, F_SETFL, O_NONBLOCK);
	start_source(source);
}

static void release_follower(struct logmux_source *source)
{
	struct logmux_source *follower = source->follower;

	source->follower = NULL;
	if (follower)
		start_held_source(follower);
}

/* Counts what was read, and the lines that have gone out. */
static void count(struct logmux_source *source, size_t bytes)
{
	if (source->tally && (bytes > 0 || source->splitter.lines > 0))
		tally_add(source->tally, source->splitter.lines, bytes);
	source->splitter.lines = 0;
}

/* ---- what could neither go out nor be kept, for lack of memory ---- */

/* Leaves the last len bytes of what was read in the read buffer, and nothing is read until they
 * are gone. */
static void strand_rest(struct logmux_source *source, size_t at, size_t len)
{
	struct logmux *mux = source->mux;

	mux->stranded = source;
	mux->stranded_at = at;
	mux->stranded_len = len;
	/* Where its lines begin and end is not known any more. */
	if (source->last)
		lastline_clear(source->last);
}

/* Lets what the source has stranded, if anything, go out. Returns whether all of it did. */
static bool put_stranded(struct logmux_source *source)
{
	struct logmux *mux = source->mux;
	size_t used;
	bool done;

	if (mux->stranded != source)
		return true;
	done = splitter_put_rest(&source->splitter, mux->read_buffer + mux->stranded_at,
				 mux->stranded_len, &used);
	mux->stranded_at += used;
	mux->stranded_len -= used;
	if (done)
		mux->stranded = NULL;
	return done;
}

/* Lets go out what the source still holds. Returns whether all lines of it did; where not, the
 * source is parked where it waits. */
static bool put_kept(struct logmux_source *source)
{
	bool in_need = source->mux->stranded == source;
	bool done = splitter_put_tail(&source->splitter, in_need) && put_stranded(source);

	count(source, 0);
	if (done)
		return true;
	park_source_at(source, source->splitter.waits_at);
	return false;
}

/* ---- last lines ---- */

/* Takes the unfinished line that the source holds, if any, for its last one. Lines may stand before
 * that in the tail, where they wait for room. */
static void end_last_line(struct logmux_source *source)
{
	const struct splitter *splitter = &source->splitter;
	const char *tail = splitter->tail_len > 0 ? splitter->tail : "";

	if (source->last)
		lastline_end(source->last, tail + splitter->tail_whole,
			     splitter->tail_len - splitter->tail_whole);
}

/* Returns whether the pipe is empty. */
static bool is_read_out(const struct logmux_source *source)
{
	int unread = 0;

	return source->mux->stranded != source && ioctl(source->fd, FIONREAD, &unread) == 0 &&
	       unread == 0;
}

enum logmux_rest logmux_end_last(const struct logmux *mux, const struct lastline *last)
{
	enum logmux_rest rest = LOGMUX_REST_NONE;

	for (struct logmux_source *source = mux->sources; source; source = source->next) {
		if (source->last != last || source->place == PLACE_HELD || source->splitter.ended)
			continue;
		if (!is_read_out(source))
			return LOGMUX_REST_UNREAD;
		end_last_line(source);
		rest = LOGMUX_REST_OTHERS;
	}
	return rest;
}

/* Returns what has become of the place where a last line is noted. */
static struct lastline *moved(struct lastline *last, struct lastline *from, struct lastline *to)
{
	for (size_t i = 0; i < LOGMUX_STREAMS; i++)
		if (last == &from[i])
			return to ? &to[i] : NULL;
	return last;
}

void logmux_move_last(struct logmux *mux, struct lastline from[LOGMUX_STREAMS],
		      struct lastline to[LOGMUX_STREAMS])
{
	for (struct logmux_source *source = mux->sources; source; source = source->next)
		source->last = moved(source->last, from, to);
	for (size_t i = 0; i < LOGMUX_STREAMS; i++) {
		if (to)
			to[i] = from[i];
		else
			lastline_clear(&from[i]);
		from[i] = (struct lastline){ 0 };
	}
}

/* ---- counts ---- */

void logmux_forget_tallies(struct logmux *mux, const struct tally from[LOGMUX_STREAMS])
{
	for (struct logmux_source *source = mux->sources; source; source = source->next)
		for (size_t i = 0; i < LOGMUX_STREAMS; i++)
			if (source->tally == &from[i])
				source->tally = NULL;
}

/* ---- reading ---- */

static void close_source(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	unwatch_source(source);
	close(source->fd);
	release_follower(source);
	if (source->handle)
		*source->handle = NULL;
	if (source->prev)
		source->prev->next = source->next;
	else
		mux->sources = source->next;
	if (source->next)
		source->next->prev = source->prev;
	splitter_free(&source->splitter);
	free(source);
}

static void end_source(struct logmux_source *source)
{
	end_last_line(source);
	source->splitter.ended = true;
	if (put_kept(source))
		close_source(source);
}

static void on_nothing_to_read(struct logmux_source *source)
{
	if (source->mux->draining) {
		end_source(source);
		return;
	}
	release_follower(source);
	busy_note(&source->busy, loop_now_ms(source->mux->loop), 0);
	watch_source(source);
}

/* Returns how much one read may take. In a drain that is no more than the pipe held when the
 * source's turn came: a process that dinit does not wait for may write faster than dinit reads,
 * for ever. */
static size_t readable(struct logmux_source *source)
{
	if (!source->mux->draining)
		return LOGMUX_READ_SIZE;
	/* Where that fails, it is what one of dinit's own pipes holds at most. */
	if (!source->counted && ioctl(source->fd, FIONREAD, &source->unread) < 0)
		source->unread = LOGMUX_READ_SIZE;
	source->counted = true;
	return source->unread < LOGMUX_READ_SIZE ? (size_t)source->unread : LOGMUX_READ_SIZE;
}

/* Hands on what was read, and puts the source where it has to wait now. A full buffer means that
 * there is more to read: then it gets in line for its next turn. */
static void pass_on_read(struct logmux_source *source, size_t len)
{
	struct logmux *mux = source->mux;
	bool busy = busy_note(&source->busy, loop_now_ms(mux->loop), len), done;
	size_t taken;

	splitter_note_time(&source->splitter);
	if (source->last)
		lastline_note(source->last, source->splitter.tail, source->splitter.tail_len,
			      mux->read_buffer, len);
	done = splitter_take(&source->splitter, mux->read_buffer, len, &taken);
	count(source, len);
	if (taken < len)
		strand_rest(source, taken, len - taken);
	if (!done)
		park_source_at(source, source->splitter.waits_at);
	else if (len == LOGMUX_READ_SIZE || source->follower || mux->draining)
		park_source(source);
	else if (busy)
		park_source_at(source, LOGMUX_BUSY);
	else
		watch_source(source);
}

/* Reads once. */
static void read_source(struct logmux_source *source)
{
	ssize_t n = read(source->fd, source->mux->read_buffer, readable(source));

	if (n > 0) {
		if (source->counted)
			source->unread -= (int)n;
		pass_on_read(source, (size_t)n);
	} else if (n < 0 && errno == EAGAIN) {
		on_nothing_to_read(source);
	} else if (n < 0 && errno == EINTR) {
		park_source(source);
	} else {
		splitter_note_time(&source->splitter);
		end_source(source);
	}
}

/* Gives a source its turn: first what it still has, then one read. */
static void run_source(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	if (!put_kept(source))
		return;
	if (source->splitter.ended)
		close_source(source);
	else if (mux->stranded)
		park_source_at(source, mux->stranded->parked_at);
	else if (!sink_takes_more(outputs_sink(mux->outputs, source->splitter.output)))
		park_source(source);
	else
		read_source(source);
}

static void on_source_ready(void *ctx)
{
	run_source(ctx);
}

/* ---- beginning and end of a source ---- */

static struct splitter make_splitter(struct logmux *mux, enum logmux_stream stream)
{
	return (struct splitter){
		.means = &mux->means,
		.rule = mux->rules[stream],
		.output = stream == LOGMUX_STDOUT ? OUTPUTS_STDOUT : outputs_stderr(mux->outputs),
	};
}

int logmux_add(struct logmux *mux, const struct logmux_source_spec *spec)
{
	struct logmux_source *source;
	struct stat status;

	if (fstat(spec->fd, &status) < 0)
		return -1;
	if (!spec->held && fcntl(spec->fd, F_SETFL, O_NONBLOCK) < 0)
		return -1;
	source = malloc(sizeof *source + line_label_size(spec->service, spec->stage));
	if (!source)
		return -1;
	/* fchmod is refused where the pipe is another user's, that of an adopted process: then
	 * only that user can open it again. */
	fchmod(spec->fd, PIPE_MODE);
	*source = (struct logmux_source){
		.mux = mux,
		.fd = spec->fd,
		.device = status.st_dev,
		.inode = status.st_ino,
		.handle = spec->handle,
		.last = spec->last,
		.tally = spec->tally,
		.next = mux->sources,
		.io = { .on_ready = on_source_ready, .ctx = source },
		.splitter = make_splitter(mux, spec->stream),
	};
	line_label_make(&source->splitter.label, source->label_memory, spec->service, spec->stage);
	if (mux->sources)
		mux->sources->prev = source;
	mux->sources = source;
	if (spec->handle)
		*spec->handle = source;
	if (spec->held)
		source->place = PLACE_HELD;
	else
		start_source(source);
	return 0;
}

void logmux_release(struct logmux_source *source, struct logmux_source *after)
{
	if (source->place != PLACE_HELD)
		return;
	if (!after) {
		start_held_source(source);
		return;
	}
	source->place = PLACE_FOLLOWING;
	after->follower = source;
	if (after->place != PLACE_PARKED)
		park_source(after);
}

bool logmux_reads(const struct logmux *mux, dev_t device, ino_t inode)
{
	for (const struct logmux_source *source = mux->sources; source; source = source->next)
		if (source->inode == inode && source->device == device)
			return true;
	return outputs_write_to(mux->outputs, device, inode);
}

/* ---- the whole ---- */

int logmux_open(struct logmux *mux, struct loop *loop, struct outputs *outputs,
		const struct config *config)
{
	*mux = (struct logmux){
		.loop = loop,
		.outputs = outputs,
		.means = { .outputs = outputs, .max_line = config->max_line },
		.rules = {
			[LOGMUX_STDOUT] = outputs_stdout_rule(outputs, config),
			[LOGMUX_STDERR] = outputs_stderr_rule(outputs, config),
		},
		.retry_timer = { .on_due = on_retry_due, .ctx = mux },
		.read_buffer = malloc(LOGMUX_READ_SIZE),
	};
	return mux->read_buffer ? 0 : -1;
}

void logmux_close(struct logmux *mux)
{
	splitter_drop_spare(&mux->means);
	loop_timer_stop(mux->loop, &mux->retry_timer);
	free(mux->read_buffer);
}

void logmux_begin_drain(struct logmux *mux)
{
	mux->draining = true;
	for (struct logmux_source *source = mux->sources; source; source = source->next) {
		switch (source->place) {
		case PLACE_HELD: start_held_source(source); break;
		case PLACE_NONE:
		case PLACE_WATCHED: park_source(source); break;
		case PLACE_FOLLOWING:
		case PLACE_PARKED: break;
		}
	}
}

bool logmux_is_drained(const struct logmux *mux)
{
	return !mux->sources && outputs_are_empty(mux->outputs);
}

/* Tells whether a source waits at an output that takes more. */
static bool can_run_parked(const struct logmux *mux, size_t output)
{
	return mux->parkings[output].first && sink_takes_more(outputs_sink(mux->outputs, output));
}

/* Gives every source that waits now one turn, as long as the sink takes more. */
static void run_parked(struct logmux *mux, size_t output)
{
	struct logmux_parking *parking = &mux->parkings[output];
	struct logmux_source *last = parking->last;
	bool more = true;

	while (more && can_run_parked(mux, output)) {
		struct logmux_source *source = unpark_first(parking);

		more = source != last;
		run_source(source);
	}
}

/* Writes an output and gives their turn to the sources that wait for it. Where these can add to it
 * at once, it is written only after that: each write wakes the reader, which costs the same for a
 * little as for much. */
static void serve_output(struct logmux *mux, size_t output)
{
	if (!can_run_parked(mux, output))
		outputs_flush(mux->outputs, output);
	if (mux->parkings[output].first) {
		run_parked(mux, output);
		outputs_flush(mux->outputs, output);
	}
}

void logmux_read_busy(struct logmux *mux)
{
	struct logmux_source *last = mux->last_busy;
	bool more = last != NULL;

	while (more) {
		struct logmux_source *source = unpark_first(&mux->parkings[LOGMUX_BUSY]);

		more = source != last;
		run_source(source);
	}
}

enum loop_verdict logmux_turn(struct logmux *mux)
{
	bool more, any_parked = false;

	for (size_t i = 0; i < mux->outputs->len; i++)
		serve_output(mux, i);
	outputs_say_news(mux->outputs, mux->draining && !mux->sources);
	more = outputs_can_flush(mux->outputs);
	for (size_t i = 0; i < mux->outputs->len; i++) {
		more |= can_run_parked(mux, i);
		any_parked |= mux->parkings[i].first != NULL;
	}
	if (!more && !any_parked)
		splitter_drop_spare(&mux->means);
	mux->last_busy = mux->parkings[LOGMUX_BUSY].last;
	if (more)
		return LOOP_AGAIN;
	return mux->last_busy ? LOOP_SOON : LOOP_SLEEP;
}
