/* SPDX-License-Identifier: ISC */
/* Owns the sources and the way of each line from a source to a sink; not the processes that
 * write, nor what their ends mean. Invariant: the bytes of a source go out in order and as whole
 * lines. A source is in exactly one of these places: held, watched by the loop, or parked at the
 * sink it waits for. */
#include "logmux.h"

#include "line.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The longest line where memory is lacking: sink_room promises room for it, even wrapped. */
#define SHORT_LINE (16 * 1024)
#define TAIL_SIZE_MIN 256
#define SPARE_MAX (64 * 1024)
/* epoll refused (memory, max_user_watches): often enough for a log, rare enough to cost nothing. */
#define WATCH_RETRY_MS 50
#define STREAM_WARNING_SIZE 160

struct logmux_source {
	struct logmux *mux;
	struct logmux_source *prev, *next;
	struct logmux_source *next_parked;
	/* held until this one has given what it holds */
	struct logmux_source *follower;
	struct logmux_source **handle;
	struct loop_io io;
	int fd;
	/* where its lines go, as long as they are what they should be */
	size_t sink;
	/* the sink where it is parked */
	size_t parked_at;
	/* its lines should be JSON objects */
	bool json;
	/* where it is; none of them: watching failed, and is tried again soon */
	bool held, following, watched, parked;
	/* the end of the pipe was read: only the tail is left */
	bool ended;
	/* the beginning of the current line went out already */
	bool in_pieces;
	/* draining has begun for it: unread says how much of what is in the pipe it still reads */
	bool counted;
	int unread;
	/* what was read and could not go out yet */
	char *tail;
	size_t tail_len, tail_size;
	/* so much of the tail holds no newline */
	size_t searched;
	/* when the last of the tail was read */
	int64_t read_second;
	int32_t read_millisecond;
	struct line_label label;
	char label_memory[];
};

/* How far the lines of some bytes got. */
enum progress {
	/* all that is a line went out */
	DONE,
	/* the source is parked at a sink */
	WAITING,
	/* a line needs more memory than there is */
	NO_MEMORY,
};

/* ---- news of a sink, said on the other one as soon as there is room ---- */

/* Returns whether that is done with: it is said, or there is nowhere to say it. */
static bool say_beside(struct logmux *mux, size_t sink, const char *text)
{
	static const char before[] = " dinit: warning: ";
	size_t other = sink == mux->out ? mux->err : mux->out;
	struct sink *to = &mux->sinks[other];
	struct line_label label;
	char memory[128];
	char *room;

	if (other == sink || to->state != SINK_OPEN || !log_enabled(CONFIG_LOG_WARN))
		return true;
	line_label_make(&label, memory, "dinit", "warning");
	room = sink_room_own(to, line_put_wrapped_max(&label, strlen(text)));
	if (!room)
		return false;
	stamp_now(&mux->stamp);
	if (other == mux->out && mux->mode != CONFIG_STDOUT_TEXT) {
		sink_commit(to, line_put_wrapped(room, &mux->stamp, &label, text, strlen(text)));
	} else {
		label.prefix = before;
		label.prefix_len = sizeof before - 1;
		sink_commit(to, line_put_text(room, &mux->stamp, &label, text, strlen(text)));
	}
	return true;
}

static bool say_lost(struct logmux *mux, size_t sink)
{
	char text[STREAM_WARNING_SIZE];

	snprintf(text, sizeof text,
		 "%s cannot be written to: %s; what belongs there is dropped from now on",
		 mux->sinks[sink].name, strerror(mux->news[sink].error));
	return say_beside(mux, sink, text);
}

static bool say_given_up(struct logmux *mux, size_t sink)
{
	char text[STREAM_WARNING_SIZE];

	snprintf(text, sizeof text,
		 "%s: its reader took nothing for %d s during the teardown; what belongs there is "
		 "dropped from now on",
		 mux->sinks[sink].name, LOGMUX_GIVE_UP_MS / 1000);
	return say_beside(mux, sink, text);
}

static bool say_dropped(struct logmux *mux, size_t sink)
{
	char text[STREAM_WARNING_SIZE];

	snprintf(text, sizeof text, "%s: %llu bytes were dropped because its reader took nothing",
		 mux->sinks[sink].name, (unsigned long long)mux->sinks[sink].dropped);
	return say_beside(mux, sink, text);
}

/* How much was dropped is known, and said, when the last source is gone. */
static void say_news(struct logmux *mux, size_t sink)
{
	struct logmux_news *news = &mux->news[sink];
	bool given_up = mux->sinks[sink].state == SINK_GIVEN_UP;

	if (news->error && say_lost(mux, sink))
		news->error = 0;
	if (given_up && !news->given_up_said)
		news->given_up_said = say_given_up(mux, sink);
	if (given_up && !news->dropped_said && mux->draining && !mux->sources)
		news->dropped_said = say_dropped(mux, sink);
}

/* ---- where a source is ---- */

static void unwatch(struct logmux_source *source)
{
	if (source->watched)
		loop_unwatch(source->mux->loop, source->fd, &source->io);
	source->watched = false;
}

static void park(struct logmux_source *source, size_t sink)
{
	struct logmux_parking *parking = &source->mux->parkings[sink];

	unwatch(source);
	source->parked = true;
	source->parked_at = sink;
	source->next_parked = NULL;
	if (parking->last)
		parking->last->next_parked = source;
	else
		parking->first = source;
	parking->last = source;
}

static struct logmux_source *unpark_first(struct logmux_parking *parking)
{
	struct logmux_source *source = parking->first;

	parking->first = source->next_parked;
	if (!parking->first)
		parking->last = NULL;
	source->parked = false;
	return source;
}

static void watch(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	if (source->watched)
		return;
	if (loop_watch(mux->loop, source->fd, EPOLLIN, &source->io) == 0)
		source->watched = true;
	else
		loop_timer_start(mux->loop, &mux->retry_timer, WATCH_RETRY_MS);
}

static void on_retry_due(void *ctx)
{
	struct logmux *mux = ctx;

	for (struct logmux_source *source = mux->sources; source; source = source->next)
		if (!source->held && !source->following && !source->watched && !source->parked)
			park(source, source->sink);
}

static void start(struct logmux_source *source)
{
	/* Not before: until here its file description may have been a logging program's stdin as
	 * well. */
	if (source->held || source->following)
		fcntl(source->fd, F_SETFL, O_NONBLOCK);
	source->held = source->following = false;
	if (source->mux->draining)
		park(source, source->sink);
	else
		watch(source);
}

static void release_follower(struct logmux_source *source)
{
	struct logmux_source *follower = source->follower;

	source->follower = NULL;
	if (follower)
		start(follower);
}

/* ---- lines into sinks ---- */

static size_t room_needed(const struct logmux_source *source, bool wrapped, size_t len)
{
	return wrapped ? line_put_wrapped_max(&source->label, len)
		       : line_put_max(&source->label, len);
}

/* One line or piece. Returns WAITING or NO_MEMORY where it did not go out. */
static enum progress emit(struct logmux_source *source, const char *line, size_t len, bool whole)
{
	struct logmux *mux = source->mux;
	struct json_object object;
	bool is_object = source->json && whole && json_find_object(line, len, &object);
	bool wrapped = source->json && !is_object && mux->mode == CONFIG_STDOUT_WRAP;
	bool stray = source->json && !is_object && !wrapped;
	size_t to = stray ? mux->err : source->sink;
	struct sink *sink = &mux->sinks[to];
	char *room;

	if (sink->state != SINK_OPEN) {
		sink_drop(sink, len);
		return DONE;
	}
	room = sink_room(sink, room_needed(source, wrapped, len));
	if (!room && errno == ENOMEM)
		return NO_MEMORY;
	if (!room) {
		park(source, to);
		return WAITING;
	}
	if (stray)
		sink_commit(sink, line_put_stray(room, &mux->stamp, &source->label, line, len));
	else if (wrapped)
		sink_commit(sink, line_put_wrapped(room, &mux->stamp, &source->label, line, len));
	else if (is_object)
		sink_commit(sink, line_put_json(room, &mux->stamp, &source->label, line, &object));
	else
		sink_commit(sink, line_put_text(room, &mux->stamp, &source->label, line, len));
	return DONE;
}

/* The lines at the beginning of the bytes that need no decision of their own, nor more memory.
 * Returns their bytes. */
static size_t emit_plain_lines(struct logmux_source *source, const char *bytes, size_t len,
			       size_t max)
{
	static const enum line_form forms[] = {
		[CONFIG_STDOUT_TEXT] = LINE_FORM_TEXT,
		[CONFIG_STDOUT_JSON] = LINE_FORM_OBJECTS,
		[CONFIG_STDOUT_WRAP] = LINE_FORM_WRAPPED,
	};
	struct logmux *mux = source->mux;
	struct sink *sink = &mux->sinks[source->sink];
	enum line_form form = source->json ? forms[mux->mode] : LINE_FORM_TEXT;
	size_t room, used, put;
	char *out;

	if (sink->state != SINK_OPEN || source->in_pieces)
		return 0;
	out = sink_rest(sink, &room);
	put = line_put_lines(out, room, form, &mux->stamp, &source->label, bytes, len, max, &used);
	if (put > 0)
		sink_commit(sink, put);
	return used;
}

/* Lets the lines at the beginning of the bytes go out; *used says how many bytes did. */
static enum progress emit_lines(struct logmux_source *source, const char *bytes, size_t len,
				size_t max, size_t *used)
{
	size_t searched = source->searched;
	struct line_cut cut;
	enum line_found found;

	*used = searched == 0 ? emit_plain_lines(source, bytes, len, max) : 0;
	while ((found = line_find(bytes + *used, len - *used, searched, max, source->ended,
				  &cut)) != LINE_NONE) {
		bool whole = found == LINE_WHOLE && !source->in_pieces;

		if (found == LINE_PIECE && source->json && source->mux->mode == CONFIG_STDOUT_WRAP)
			cut.used = cut.len = line_whole_characters(bytes + *used, cut.len);
		if (cut.len > 0) {
			enum progress progress = emit(source, bytes + *used, cut.len, whole);

			if (progress != DONE)
				return progress;
		}
		source->in_pieces = found == LINE_PIECE;
		*used += cut.used;
		*used += emit_plain_lines(source, bytes + *used, len - *used, max);
		searched = 0;
	}
	return DONE;
}

/* Where memory is lacking, lines are cut short rather than kept, and what is no line yet goes
 * out as a piece, too. */
static enum progress emit_short(struct logmux_source *source, const char *bytes, size_t len,
				size_t *used)
{
	size_t max = source->mux->max_line < SHORT_LINE ? source->mux->max_line : SHORT_LINE;
	enum progress progress;

	source->searched = 0;
	progress = emit_lines(source, bytes, len, max, used);
	if (progress == DONE && *used < len) {
		progress = emit(source, bytes + *used, len - *used, false);
		if (progress == DONE) {
			source->in_pieces = true;
			*used = len;
		}
	}
	return progress;
}

/* Lets lines go out as they are, or short where there is no memory. True if what is left, if
 * anything, is no line yet; false if the source is parked. */
static bool give(struct logmux_source *source, const char *bytes, size_t len, size_t *used)
{
	enum progress progress = NO_MEMORY;

	*used = 0;
	if (source->mux->stranded != source)
		progress = emit_lines(source, bytes, len, source->mux->max_line, used);
	if (progress == NO_MEMORY) {
		size_t more;

		progress = emit_short(source, bytes + *used, len - *used, &more);
		*used += more;
	}
	if (progress == NO_MEMORY)
		park(source, source->sink);
	source->searched = progress == DONE ? len - *used : 0;
	return progress == DONE;
}

/* ---- the tail ---- */

/* A flood of long lines leaves a tail at every read: its memory is passed on from one to the
 * next, until dinit rests. */
static void keep_spare(struct logmux *mux, char *memory, size_t size)
{
	if (size > SPARE_MAX || mux->spare) {
		free(memory);
		return;
	}
	mux->spare = memory;
	mux->spare_size = size;
}

static void take_spare(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	if (source->tail || !mux->spare)
		return;
	source->tail = mux->spare;
	source->tail_size = mux->spare_size;
	mux->spare = NULL;
}

static void drop_spare(struct logmux *mux)
{
	free(mux->spare);
	mux->spare = NULL;
}

static void drop_from_tail(struct logmux_source *source, size_t used)
{
	if (used == 0)
		return;
	source->tail_len -= used;
	if (source->tail_len > 0) {
		memmove(source->tail, source->tail + used, source->tail_len);
		return;
	}
	keep_spare(source->mux, source->tail, source->tail_size);
	source->tail = NULL;
	source->tail_size = 0;
	source->searched = 0;
}

static bool append_to_tail(struct logmux_source *source, const char *bytes, size_t len)
{
	size_t needed = source->tail_len + len;

	take_spare(source);
	if (needed > source->tail_size) {
		size_t size = source->tail_size * 2 > TAIL_SIZE_MIN ? source->tail_size * 2
								    : TAIL_SIZE_MIN;
		char *larger;

		if (size < needed)
			size = needed;
		larger = realloc(source->tail, size);
		if (!larger)
			return false;
		source->tail = larger;
		source->tail_size = size;
	}
	memcpy(source->tail + source->tail_len, bytes, len);
	source->tail_len = needed;
	return true;
}

/* What was read and neither went out nor fits anywhere stays in the read buffer, and nothing is
 * read until it is gone. */
static void strand(struct logmux_source *source, const char *bytes, size_t len)
{
	struct logmux *mux = source->mux;

	mux->stranded = source;
	mux->stranded_at = (size_t)(bytes - mux->read_buffer);
	mux->stranded_len = len;
	if (!source->parked)
		park(source, source->sink);
}

static bool give_tail(struct logmux_source *source)
{
	size_t used;
	bool done;

	if (source->tail_len == 0)
		return true;
	stamp_set(&source->mux->stamp, source->read_second, source->read_millisecond);
	done = give(source, source->tail, source->tail_len, &used);
	drop_from_tail(source, used);
	return done;
}

static bool give_stranded(struct logmux_source *source)
{
	struct logmux *mux = source->mux;
	size_t used;
	bool done;

	if (mux->stranded != source)
		return true;
	stamp_set(&mux->stamp, source->read_second, source->read_millisecond);
	done = give(source, mux->read_buffer + mux->stranded_at, mux->stranded_len, &used);
	mux->stranded_at += used;
	mux->stranded_len -= used;
	source->searched = 0;
	if (done)
		mux->stranded = NULL;
	return done;
}

/* ---- reading ---- */

/* New bytes: the first line of them completes the tail, the others go out from where they are,
 * the rest is the new tail. */
static void give_new(struct logmux_source *source, const char *bytes, size_t len)
{
	size_t used = 0;

	if (source->tail_len > 0) {
		const char *newline = memchr(bytes, '\n', len);

		used = newline ? (size_t)(newline - bytes) + 1 : len;
		if (!append_to_tail(source, bytes, used)) {
			strand(source, bytes, len);
			return;
		}
		bytes += used;
		len -= used;
		used = 0;
		if (give_tail(source) && len > 0)
			give(source, bytes, len, &used);
	} else {
		give(source, bytes, len, &used);
	}
	if (used < len && !append_to_tail(source, bytes + used, len - used))
		strand(source, bytes + used, len - used);
}

static void close_source(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	unwatch(source);
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
	free(source->tail);
	free(source);
}

static void end_source(struct logmux_source *source)
{
	source->ended = true;
	if (give_tail(source))
		close_source(source);
}

static void note_time(struct logmux_source *source)
{
	struct stamp *stamp = &source->mux->stamp;

	stamp_now(stamp);
	source->read_second = stamp->second;
	source->read_millisecond = stamp->millisecond;
}

static void on_nothing_to_read(struct logmux_source *source)
{
	if (source->mux->draining) {
		end_source(source);
		return;
	}
	release_follower(source);
	watch(source);
}

/* How much one read may take. In a drain no more than the pipe held when the source's turn came:
 * a process that dinit does not wait for may write faster than dinit reads, for ever. */
static size_t readable(struct logmux_source *source)
{
	if (!source->mux->draining)
		return LOGMUX_READ_SIZE;
	if (!source->counted)
		/* where that fails, it stays 0 */
		ioctl(source->fd, FIONREAD, &source->unread);
	source->counted = true;
	return source->unread < LOGMUX_READ_SIZE ? (size_t)source->unread : LOGMUX_READ_SIZE;
}

/* Reads once. A full buffer means that there is more: the source gets in line for its next turn. */
static void read_source(struct logmux_source *source)
{
	struct logmux *mux = source->mux;
	ssize_t n = read(source->fd, mux->read_buffer, readable(source));

	if (n > 0 && source->counted)
		source->unread -= (int)n;
	if (n > 0) {
		note_time(source);
		give_new(source, mux->read_buffer, (size_t)n);
		if (source->parked)
			return;
		if (n == LOGMUX_READ_SIZE || source->follower || mux->draining)
			park(source, source->sink);
		else
			watch(source);
	} else if (n < 0 && errno == EAGAIN) {
		on_nothing_to_read(source);
	} else if (n < 0 && errno == EINTR) {
		park(source, source->sink);
	} else {
		note_time(source);
		end_source(source);
	}
}

/* One turn of a source: first what it still has, then one read. */
static void run(struct logmux_source *source)
{
	struct logmux *mux = source->mux;

	if (!give_tail(source) || !give_stranded(source))
		return;
	if (source->ended)
		close_source(source);
	else if (mux->stranded)
		park(source, mux->stranded->parked_at);
	else if (!sink_takes_more(&mux->sinks[source->sink]))
		park(source, source->sink);
	else
		read_source(source);
}

static void on_source_ready(void *ctx, uint32_t events)
{
	(void)events;
	run(ctx);
}

int logmux_add(struct logmux *mux, int fd, const char *service, const char *stage,
	       enum logmux_stream stream, bool held, struct logmux_source **handle)
{
	struct logmux_source *source;

	if (!held && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -1;
	source = malloc(sizeof *source + line_label_size(service, stage));
	if (!source)
		return -1;
	*source = (struct logmux_source){
		.mux = mux, .fd = fd, .handle = handle, .next = mux->sources
	};
	source->io = (struct loop_io){ .on_ready = on_source_ready, .ctx = source };
	source->sink = stream == LOGMUX_STDOUT ? mux->out : mux->err;
	source->json = stream == LOGMUX_STDOUT && mux->mode != CONFIG_STDOUT_TEXT;
	line_label_make(&source->label, source->label_memory, service, stage);
	if (mux->sources)
		mux->sources->prev = source;
	mux->sources = source;
	if (handle)
		*handle = source;
	if (held)
		source->held = true;
	else
		start(source);
	return 0;
}

void logmux_release(struct logmux_source *source, struct logmux_source *after)
{
	if (!source->held)
		return;
	if (!after) {
		start(source);
		return;
	}
	source->held = false;
	source->following = true;
	after->follower = source;
	if (!after->parked)
		park(after, after->sink);
}

/* ---- the whole ---- */

/* Only a sink that has said EAGAIN since is given up: where dinit itself was stopped for so
 * long, the reader may have taken everything, and the write at the end of this turn shows it. */
static void on_give_up_due(void *ctx)
{
	struct logmux *mux = ctx;
	uint64_t now = loop_now_ms(mux->loop), next = LOGMUX_GIVE_UP_MS;

	for (size_t i = 0; i <= mux->err; i++) {
		struct sink *sink = &mux->sinks[i];
		uint64_t since;

		if (sink->state != SINK_OPEN || !sink->blocked)
			continue;
		sink_look(sink);
		since = sink->moved_ms > mux->teardown_ms ? sink->moved_ms : mux->teardown_ms;
		if (now - since >= LOGMUX_GIVE_UP_MS) {
			sink_give_up(sink);
		} else if (since + LOGMUX_GIVE_UP_MS - now < next) {
			next = since + LOGMUX_GIVE_UP_MS - now;
		}
	}
	loop_timer_start(mux->loop, &mux->give_up_timer, next);
}

static void open_closed(struct logmux *mux, size_t sink, bool closed)
{
	if (!closed)
		return;
	sink_lose(&mux->sinks[sink]);
	mux->news[sink].error = EBADF;
}

int logmux_open(struct logmux *mux, struct loop *loop, const struct config *config,
		const bool closed[3])
{
	memset(mux, 0, sizeof *mux);
	mux->loop = loop;
	mux->mode = config->stdout_mode;
	mux->max_line = config->max_line;
	mux->give_up_timer = (struct loop_timer){ .on_due = on_give_up_due, .ctx = mux };
	mux->retry_timer = (struct loop_timer){ .on_due = on_retry_due, .ctx = mux };
	mux->err = !closed[1] && !closed[2] && sink_same_file(STDOUT_FILENO, STDERR_FILENO) ? 0 : 1;
	mux->read_buffer = malloc(LOGMUX_READ_SIZE);
	if (!mux->read_buffer)
		return -1;
	if (sink_open(&mux->sinks[0], loop, STDOUT_FILENO, "stdout") < 0)
		goto free_buffer;
	if (mux->err == 0)
		return 0;
	if (sink_open(&mux->sinks[1], loop, STDERR_FILENO, "stderr") < 0)
		goto close_sink;
	open_closed(mux, mux->out, closed[1]);
	open_closed(mux, mux->err, closed[2]);
	return 0;

close_sink:
	sink_close(&mux->sinks[0]);
free_buffer:
	free(mux->read_buffer);
	return -1;
}

void logmux_close(struct logmux *mux)
{
	drop_spare(mux);
	for (size_t i = 0; i <= mux->err; i++)
		sink_close(&mux->sinks[i]);
	loop_timer_stop(mux->loop, &mux->give_up_timer);
	loop_timer_stop(mux->loop, &mux->retry_timer);
	free(mux->read_buffer);
}

static void flush(struct logmux *mux, size_t sink)
{
	int error = sink_flush(&mux->sinks[sink]);

	if (error)
		mux->news[sink].error = error;
}

/* Many messages in one turn may need more than the queue: then what the reader takes is written
 * at once. */
static char *find_room_own(struct logmux *mux, size_t max)
{
	struct sink *err = &mux->sinks[mux->err];
	char *room = sink_room_own(err, max);

	while (!room && sink_can_flush(err)) {
		flush(mux, mux->err);
		room = sink_room_own(err, max);
	}
	return err->state == SINK_OPEN ? room : NULL;
}

static void say_own_dropped(struct logmux *mux)
{
	struct sink *err = &mux->sinks[mux->err];
	static const char before[] = " dinit: warning: ";
	struct line_label label = { .prefix = before, .prefix_len = sizeof before - 1 };
	char text[STREAM_WARNING_SIZE];
	char *room;

	if (mux->own_dropped == 0 || err->state != SINK_OPEN)
		return;
	snprintf(text, sizeof text,
		 "%llu messages of dinit's own were dropped here because stderr took no more",
		 (unsigned long long)mux->own_dropped);
	room = find_room_own(mux, line_put_max(&label, strlen(text)));
	if (!room)
		return;
	stamp_now(&mux->stamp);
	sink_commit(err, line_put_text(room, &mux->stamp, &label, text, strlen(text)));
	mux->own_dropped = 0;
}

void logmux_write_own(void *ctx, const char *line, size_t len)
{
	struct logmux *mux = ctx;
	struct sink *err = &mux->sinks[mux->err];
	char *room;

	if (err->state != SINK_OPEN) {
		sink_drop(err, len);
		return;
	}
	say_own_dropped(mux);
	room = mux->own_dropped == 0 ? find_room_own(mux, len) : NULL;
	if (!room) {
		mux->own_dropped++;
		return;
	}
	memcpy(room, line, len);
	sink_commit(err, len);
}

void logmux_begin_teardown(struct logmux *mux)
{
	mux->teardown_ms = loop_now_ms(mux->loop);
	for (size_t i = 0; i <= mux->err; i++)
		if (mux->sinks[i].blocked)
			sink_look(&mux->sinks[i]);
	loop_timer_start(mux->loop, &mux->give_up_timer, LOGMUX_GIVE_UP_MS);
}

void logmux_begin_drain(struct logmux *mux)
{
	mux->draining = true;
	for (struct logmux_source *source = mux->sources; source; source = source->next) {
		if (source->held)
			start(source);
		else if (!source->following && !source->parked)
			park(source, source->sink);
	}
}

bool logmux_is_drained(const struct logmux *mux)
{
	if (mux->sources)
		return false;
	for (size_t i = 0; i <= mux->err; i++)
		if (mux->sinks[i].state == SINK_OPEN && sink_len(&mux->sinks[i]) > 0)
			return false;
	return true;
}

/* Every source that waits now gets one turn, as long as the sink takes more. */
static void run_parked(struct logmux *mux, size_t sink)
{
	struct logmux_parking *parking = &mux->parkings[sink];
	struct logmux_source *last = parking->last;
	bool more = true;

	while (more && parking->first && sink_takes_more(&mux->sinks[sink])) {
		struct logmux_source *source = unpark_first(parking);

		more = source != last;
		run(source);
	}
}

bool logmux_turn(struct logmux *mux)
{
	bool more = false;

	for (size_t i = 0; i <= mux->err; i++) {
		/* What will be added to first is written afterwards: each write wakes the
		 * reader, and costs it as much. */
		if (!mux->parkings[i].first || !sink_takes_more(&mux->sinks[i]))
			flush(mux, i);
		if (mux->parkings[i].first) {
			run_parked(mux, i);
			flush(mux, i);
		}
	}
	for (size_t i = 0; i <= mux->err; i++)
		say_news(mux, i);
	if (mux->draining && !mux->sources)
		say_own_dropped(mux);
	for (size_t i = 0; i <= mux->err; i++) {
		more |= sink_can_flush(&mux->sinks[i]);
		more |= mux->parkings[i].first && sink_takes_more(&mux->sinks[i]);
	}
	if (!more && !mux->parkings[0].first && !mux->parkings[1].first)
		drop_spare(mux);
	return more;
}
