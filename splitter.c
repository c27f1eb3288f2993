/* SPDX-License-Identifier: ISC */
/* Owns the way of the bytes of one source into lines, and their waiting for room; not when they
 * are read, nor when the waiting ends. Invariant: the bytes go out in the order in which they
 * came, and as whole lines. */
#include "splitter.h"

#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The longest line where memory is lacking: sink_room promises room for it, even wrapped. */
#define SHORT_LINE (16 * 1024)
#define TAIL_SIZE_MIN 256
#define SPARE_MAX (64 * 1024)

/* How far the lines of some bytes got. */
enum progress {
	/* All that is a line went out. */
	PROGRESS_DONE,
	/* There is no room at waits_at. */
	PROGRESS_WAITING,
	/* A line needs more memory than there is. */
	PROGRESS_NO_MEMORY,
};

/* ---- lines into sinks ---- */

/* Puts one line, or a piece of one, where it belongs. */
static enum progress emit(struct splitter *splitter, const char *text, size_t len, bool whole)
{
	struct splitter_means *means = splitter->means;
	struct line line = line_make(splitter->rule, text, len, whole);
	size_t output = splitter->output;
	struct sink *sink;
	char *room;

	if (line.form == LINE_FORM_STRAY) {
		output = outputs_stderr(means->outputs);
		line.stray_form = outputs_own_form(means->outputs);
	}
	sink = outputs_sink(means->outputs, output);
	if (!sink_is_open(sink)) {
		outputs_drop(means->outputs, output, len);
		splitter->lines += !splitter->in_pieces;
		return PROGRESS_DONE;
	}
	room = sink_room(sink, line_put_max(&line, &splitter->label));
	if (!room && errno == ENOMEM)
		return PROGRESS_NO_MEMORY;
	if (!room) {
		splitter->waits_at = output;
		return PROGRESS_WAITING;
	}
	sink_commit(sink, line_put(room, &line, &means->stamp, &splitter->label));
	splitter->lines += !splitter->in_pieces;
	return PROGRESS_DONE;
}

/* Puts the lines at the beginning of the bytes that belong into one sink and fit into the room it
 * has. Returns how many bytes they were; *searched: so many behind them hold no newline. */
static size_t emit_in_a_row(struct splitter *splitter, const char *bytes, size_t len, size_t max,
			    size_t *searched)
{
	struct sink *sink = outputs_sink(splitter->means->outputs, splitter->output);
	struct line_job job = {
		.rule = splitter->rule,
		.max = max,
		.stamp = &splitter->means->stamp,
		.label = &splitter->label,
	};
	struct line_taken taken;
	size_t room, put;
	char *out;

	*searched = 0;
	if (!sink_is_open(sink) || splitter->in_pieces)
		return 0;
	out = sink_rest(sink, &room);
	put = line_put_lines(out, room, &job, bytes, len, &taken);
	if (put > 0)
		sink_commit(sink, put);
	splitter->lines += taken.lines;
	*searched = taken.searched;
	return taken.used;
}

/* Tells whether a piece of a line becomes a string of JSON, which half of a character cannot be
 * in. */
static bool quotes_pieces(const struct splitter *splitter)
{
	switch (splitter->rule) {
	case LINE_RULE_TEXT:
	case LINE_RULE_COLOURED: return false;
	case LINE_RULE_OBJECTS:
		return outputs_own_form(splitter->means->outputs) == LINE_MESSAGE_LEVELLED;
	case LINE_RULE_WRAP: return true;
	}
	return false;
}

/* Lets the lines at the beginning of the bytes go out; *used says how many bytes did. */
static enum progress emit_lines(struct splitter *splitter, const char *bytes, size_t len,
				size_t max, size_t *used)
{
	size_t searched = splitter->searched;
	struct line_cut cut;
	enum line_found found;

	*used = searched == 0 ? emit_in_a_row(splitter, bytes, len, max, &searched) : 0;
	while ((found = line_find(bytes + *used, len - *used, searched, max, splitter->ended,
				  &cut)) != LINE_NONE) {
		bool whole = found == LINE_WHOLE && !splitter->in_pieces;

		if (found == LINE_PIECE && quotes_pieces(splitter))
			cut.used = cut.len = line_whole_characters(bytes + *used, cut.len);
		if (cut.len > 0) {
			enum progress progress = emit(splitter, bytes + *used, cut.len, whole);

			if (progress != PROGRESS_DONE)
				return progress;
		}
		splitter->in_pieces = found == LINE_PIECE;
		*used += cut.used;
		*used += emit_in_a_row(splitter, bytes + *used, len - *used, max, &searched);
	}
	return PROGRESS_DONE;
}

/* Lets all of the bytes go out, in short lines; what is no line yet goes out as a piece. */
static enum progress emit_short(struct splitter *splitter, const char *bytes, size_t len,
				size_t *used)
{
	size_t max_line = splitter->means->max_line;
	size_t max = max_line < SHORT_LINE ? max_line : SHORT_LINE;
	enum progress progress;

	splitter->searched = 0;
	progress = emit_lines(splitter, bytes, len, max, used);
	if (progress == PROGRESS_DONE && *used < len) {
		progress = emit(splitter, bytes + *used, len - *used, false);
		if (progress == PROGRESS_DONE) {
			splitter->in_pieces = true;
			*used = len;
		}
	}
	return progress;
}

/* Lets lines go out as they are, or short where there is no memory (in_need: that is known).
 * Returns true if what is left, if anything, is no line yet; false if a line waits. */
static bool put_lines(struct splitter *splitter, const char *bytes, size_t len, bool in_need,
		      size_t *used)
{
	enum progress progress = PROGRESS_NO_MEMORY;

	*used = 0;
	if (!in_need)
		progress = emit_lines(splitter, bytes, len, splitter->means->max_line, used);
	if (progress == PROGRESS_NO_MEMORY) {
		size_t more;

		progress = emit_short(splitter, bytes + *used, len - *used, &more);
		*used += more;
	}
	if (progress == PROGRESS_NO_MEMORY)
		splitter->waits_at = splitter->output;
	splitter->searched = progress == PROGRESS_DONE ? len - *used : 0;
	return progress == PROGRESS_DONE;
}

/* ---- the tail ---- */

/* Keeps the memory for the next tail: a flood of long lines leaves a tail at every read. */
static void keep_spare(struct splitter_means *means, char *memory, size_t size)
{
	if (size > SPARE_MAX || means->spare) {
		free(memory);
		return;
	}
	means->spare = memory;
	means->spare_size = size;
}

static void take_spare(struct splitter *splitter)
{
	struct splitter_means *means = splitter->means;

	if (splitter->tail || !means->spare)
		return;
	splitter->tail = means->spare;
	splitter->tail_size = means->spare_size;
	means->spare = NULL;
}

void splitter_drop_spare(struct splitter_means *means)
{
	free(means->spare);
	means->spare = NULL;
}

void splitter_free(struct splitter *splitter)
{
	free(splitter->tail);
}

static void drop_from_tail(struct splitter *splitter, size_t used)
{
	if (used == 0)
		return;
	splitter->tail_len -= used;
	if (splitter->tail_len > 0) {
		memmove(splitter->tail, splitter->tail + used, splitter->tail_len);
		return;
	}
	keep_spare(splitter->means, splitter->tail, splitter->tail_size);
	splitter->tail = NULL;
	splitter->tail_size = 0;
	splitter->searched = 0;
}

static bool append_to_tail(struct splitter *splitter, const char *bytes, size_t len)
{
	size_t needed = splitter->tail_len + len;

	take_spare(splitter);
	if (needed > splitter->tail_size) {
		size_t size = splitter->tail_size * 2;
		char *larger;

		if (size < TAIL_SIZE_MIN)
			size = TAIL_SIZE_MIN;
		if (size < needed)
			size = needed;
		larger = realloc(splitter->tail, size);
		if (!larger)
			return false;
		splitter->tail = larger;
		splitter->tail_size = size;
	}
	memcpy(splitter->tail + splitter->tail_len, bytes, len);
	splitter->tail_len = needed;
	return true;
}

static void restore_time(const struct splitter *splitter)
{
	stamp_set(&splitter->means->stamp, splitter->read_second, splitter->read_millisecond);
}

bool splitter_put_tail(struct splitter *splitter, bool in_need)
{
	size_t used;
	bool done;

	if (splitter->tail_len == 0)
		return true;
	restore_time(splitter);
	done = put_lines(splitter, splitter->tail, splitter->tail_len, in_need, &used);
	drop_from_tail(splitter, used);
	return done;
}

bool splitter_put_rest(struct splitter *splitter, const char *bytes, size_t len, size_t *used)
{
	bool done;

	restore_time(splitter);
	done = put_lines(splitter, bytes, len, true, used);
	splitter->searched = 0;
	return done;
}

/* ---- new bytes ---- */

void splitter_note_time(struct splitter *splitter)
{
	struct stamp *stamp = &splitter->means->stamp;

	stamp_now(stamp);
	splitter->read_second = stamp->second;
	splitter->read_millisecond = stamp->millisecond;
}

/* Adds the bytes to the tail, up to the first newline if there is one, and lets its lines go out.
 * Returns false where there is no memory to add them. *done: as splitter_take returns. */
static bool complete_tail(struct splitter *splitter, const char *bytes, size_t len, size_t *taken,
			  bool *done)
{
	const char *newline = bytes_find_newline(bytes, len);
	size_t first = newline ? (size_t)(newline - bytes) + 1 : len;

	if (!append_to_tail(splitter, bytes, first))
		return false;
	splitter->searched = splitter->tail_len - (newline ? 1 : 0);
	*taken = first;
	*done = splitter_put_tail(splitter, false);
	return true;
}

bool splitter_take(struct splitter *splitter, const char *bytes, size_t len, size_t *taken)
{
	bool done = true;
	size_t used;

	*taken = 0;
	splitter->waits_at = splitter->output;
	if (splitter->tail_len > 0 && !complete_tail(splitter, bytes, len, taken, &done))
		return false;
	if (done && *taken < len) {
		done = put_lines(splitter, bytes + *taken, len - *taken, false, &used);
		*taken += used;
	}
	if (*taken < len && !append_to_tail(splitter, bytes + *taken, len - *taken))
		return false;
	*taken = len;
	return done;
}
