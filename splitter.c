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

/* Some bytes of a source. */
struct text {
	const char *bytes;
	size_t len;
	/* So many at their beginning are whole lines, behind which there is no newline. */
	size_t whole;
};

static struct text text_of(const char *bytes, size_t len)
{
	return (struct text){ bytes, len, bytes_last_line(bytes, len) };
}

/* Takes the first of them away. */
static void advance(struct text *text, size_t used)
{
	text->bytes += used;
	text->len -= used;
	text->whole = text->whole > used ? text->whole - used : 0;
}

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

/* Puts the whole lines that belong into one sink, and fit into the room it has. */
static void emit_in_a_row(struct splitter *splitter, struct text *text, size_t max)
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

	if (text->whole == 0 || !sink_is_open(sink) || splitter->in_pieces)
		return;
	out = sink_rest(sink, &room);
	put = line_put_lines(out, room, &job, text->bytes, text->whole, &taken);
	if (put > 0)
		sink_commit(sink, put);
	splitter->lines += taken.lines;
	advance(text, taken.used);
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

/* Lets what line_find has found at the beginning of the text go out. */
static enum progress emit_found(struct splitter *splitter, enum line_found found,
				struct line_cut cut, struct text *text)
{
	bool whole = found == LINE_WHOLE && !splitter->in_pieces;

	if (found == LINE_PIECE && quotes_pieces(splitter))
		cut.used = cut.len = line_whole_characters(text->bytes, cut.len);
	if (cut.len > 0) {
		enum progress progress = emit(splitter, text->bytes, cut.len, whole);

		if (progress != PROGRESS_DONE)
			return progress;
	}
	splitter->in_pieces = found == LINE_PIECE;
	advance(text, cut.used);
	return PROGRESS_DONE;
}

/* Lets the lines of the text go out. What did is taken away from it, as in those below. */
static enum progress emit_lines(struct splitter *splitter, struct text *text, size_t max)
{
	enum progress progress;

	do {
		struct line_cut cut;
		enum line_found found;
		size_t searched;

		emit_in_a_row(splitter, text, max);
		searched = text->whole > 0 ? 0 : text->len;
		found = line_find(text->bytes, text->len, searched, max, splitter->ended, &cut);
		if (found == LINE_NONE)
			return PROGRESS_DONE;
		progress = emit_found(splitter, found, cut, text);
	} while (progress == PROGRESS_DONE);
	return progress;
}

/* Lets all of the text go out, in short lines; what is no line yet goes out as a piece. */
static enum progress emit_short(struct splitter *splitter, struct text *text)
{
	size_t max_line = splitter->means->max_line;
	size_t max = max_line < SHORT_LINE ? max_line : SHORT_LINE;
	enum progress progress = emit_lines(splitter, text, max);

	if (progress == PROGRESS_DONE && text->len > 0) {
		progress = emit(splitter, text->bytes, text->len, false);
		if (progress == PROGRESS_DONE) {
			splitter->in_pieces = true;
			advance(text, text->len);
		}
	}
	return progress;
}

/* Lets lines go out as they are, or short where there is no memory (in_need: that is known).
 * Returns true if what is left, if anything, is no line yet; false if a line waits. */
static bool put_lines(struct splitter *splitter, struct text *text, bool in_need)
{
	enum progress progress = PROGRESS_NO_MEMORY;

	if (!in_need)
		progress = emit_lines(splitter, text, splitter->means->max_line);
	if (progress == PROGRESS_NO_MEMORY)
		progress = emit_short(splitter, text);
	if (progress == PROGRESS_NO_MEMORY)
		splitter->waits_at = splitter->output;
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

/* The tail is what is left of it. */
static void keep_rest(struct splitter *splitter, const struct text *rest)
{
	if (rest->len == splitter->tail_len)
		return;
	splitter->tail_len = rest->len;
	splitter->tail_whole = rest->whole;
	if (rest->len > 0) {
		memmove(splitter->tail, rest->bytes, rest->len);
		return;
	}
	keep_spare(splitter->means, splitter->tail, splitter->tail_size);
	splitter->tail = NULL;
	splitter->tail_size = 0;
}

static bool append_to_tail(struct splitter *splitter, const struct text *text)
{
	size_t needed = splitter->tail_len + text->len;

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
	memcpy(splitter->tail + splitter->tail_len, text->bytes, text->len);
	if (text->whole > 0)
		splitter->tail_whole = splitter->tail_len + text->whole;
	splitter->tail_len = needed;
	return true;
}

static void restore_time(const struct splitter *splitter)
{
	stamp_set(&splitter->means->stamp, splitter->read_second, splitter->read_millisecond);
}

bool splitter_put_tail(struct splitter *splitter, bool in_need)
{
	struct text tail = { splitter->tail, splitter->tail_len, splitter->tail_whole };
	bool done;

	if (tail.len == 0)
		return true;
	restore_time(splitter);
	done = put_lines(splitter, &tail, in_need);
	keep_rest(splitter, &tail);
	return done;
}

bool splitter_put_rest(struct splitter *splitter, const char *bytes, size_t len, size_t *used)
{
	struct text rest = text_of(bytes, len);
	bool done;

	restore_time(splitter);
	done = put_lines(splitter, &rest, true);
	*used = len - rest.len;
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
	size_t line = newline ? (size_t)(newline - bytes) + 1 : 0;
	struct text first = { bytes, newline ? line : len, line };

	if (!append_to_tail(splitter, &first))
		return false;
	*taken = first.len;
	*done = splitter_put_tail(splitter, false);
	return true;
}

bool splitter_take(struct splitter *splitter, const char *bytes, size_t len, size_t *taken)
{
	struct text rest;
	bool done = true;

	*taken = 0;
	splitter->waits_at = splitter->output;
	if (splitter->tail_len > 0 && !complete_tail(splitter, bytes, len, taken, &done))
		return false;
	rest = text_of(bytes + *taken, len - *taken);
	if (done)
		done = put_lines(splitter, &rest, false);
	*taken = len - rest.len;
	if (rest.len > 0 && !append_to_tail(splitter, &rest))
		return false;
	*taken = len;
	return done;
}
