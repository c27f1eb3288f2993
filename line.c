/* SPDX-License-Identifier: ISC */
/* Owns the form of every line that goes out; not the bytes, nor where they come from or go to.
 * Invariant: a function writes no more than line_put_max said. */
#include "line.h"

#include "bytes.h"

#include <stdint.h>
#include <string.h>

#define STRAY_AFTER "not a JSON object: "
#define LEVEL_BEFORE "{\"level\":\""
#define WRAP_BEFORE "{\"message\":\""
#define LITERAL_LEN(s) (sizeof(s) - 1)
#define BLOCK 16

/* Escape sequences of a terminal (ECMA-48, SGR). Those that begin a colour have the same length. */
#define COLOUR(code) "\033[" #code "m"
#define COLOUR_LEN 5
#define COLOUR_RED COLOUR(31)
#define COLOUR_YELLOW COLOUR(33)
#define COLOUR_END "\033[0m"

/* Copies the bytes and returns the place behind them. Copies of a constant size are single
 * instructions; where the length is no multiple of it, the last two of them overlap. */
static inline char *put(char *at, const char *bytes, size_t len)
{
	char *end = at + len;

	if (len >= BLOCK) {
		const char *last = bytes + len - BLOCK;

		for (; end - at > BLOCK; at += BLOCK, bytes += BLOCK)
			memcpy(at, bytes, BLOCK);
		memcpy(end - BLOCK, last, BLOCK);
	} else if (len >= 8) {
		memcpy(at, bytes, 8);
		memcpy(end - 8, bytes + len - 8, 8);
	} else {
		while (at < end)
			*at++ = *bytes++;
	}
	return end;
}

static inline size_t without_return(const char *bytes, size_t len)
{
	return len > 0 && bytes[len - 1] == '\r' ? len - 1 : len;
}

enum line_found line_find(const char *bytes, size_t len, size_t searched, size_t max, bool at_end,
			  struct line_cut *cut)
{
	/* The longest line, '\r' and newline. */
	size_t window = len < max + 2 ? len : max + 2;
	const char *newline = NULL;

	if (searched < window)
		newline = bytes_find_newline(bytes + searched, window - searched);
	if (newline) {
		cut->len = without_return(bytes, (size_t)(newline - bytes));
		cut->used = (size_t)(newline - bytes) + 1;
		if (cut->len <= max)
			return LINE_WHOLE;
	} else if (len <= max || (len == max + 1 && bytes[max] == '\r')) {
		if (!at_end || len == 0)
			return LINE_NONE;
		cut->len = without_return(bytes, len);
		cut->used = len;
		return LINE_WHOLE;
	}
	cut->len = max;
	cut->used = max;
	return LINE_PIECE;
}

size_t line_whole_characters(const char *bytes, size_t len)
{
	size_t back = len < 3 ? len : 3;

	for (size_t n = 1; n <= back; n++) {
		unsigned char byte = (unsigned char)bytes[len - n];

		if (byte < 0x80)
			return len;
		if (byte >= 0xc0) {
			size_t needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;

			return needed > n && len > n ? len - n : len;
		}
	}
	return len;
}

#define PUT_LITERAL(at, s) put(at, s, LITERAL_LEN(s))

/* Of a function that no line of a service goes through: it is optimized for size. */
#define COLD __attribute__((cold))

/* Returns the colour of a service, which depends on its name alone (FNV-1a). None of them is one of
 * those that dinit's own messages have. */
static const char *choose_colour(const char *service)
{
	static const char colours[][COLOUR_LEN + 1] = { COLOUR(36), COLOUR(32), COLOUR(35),
							COLOUR(94), COLOUR(96), COLOUR(95) };
	uint32_t hash = 2166136261;

	for (; *service; service++)
		hash = (hash ^ (unsigned char)*service) * 16777619;
	return colours[hash % (sizeof colours / sizeof *colours)];
}

size_t line_label_size(const char *service, const char *stage)
{
	return strlen(service) + strlen(stage) + LITERAL_LEN(" /: ") +
	       JSON_QUOTE_MAX(strlen(service) + strlen(stage)) +
	       LITERAL_LEN(",\"service\":\"\",\"stage\":\"\",\"logged\":\"");
}

COLD void line_label_make(struct line_label *label, char *memory, const char *service,
			  const char *stage)
{
	char *at = memory;

	label->colour = choose_colour(service);
	label->prefix = at;
	at = PUT_LITERAL(at, " ");
	at = put(at, service, strlen(service));
	at = PUT_LITERAL(at, "/");
	at = put(at, stage, strlen(stage));
	at = PUT_LITERAL(at, ": ");
	label->prefix_len = (size_t)(at - label->prefix);
	label->fields = at;
	at = PUT_LITERAL(at, ",\"service\":\"");
	at += json_quote(at, service, strlen(service));
	at = PUT_LITERAL(at, "\",\"stage\":\"");
	at += json_quote(at, stage, strlen(stage));
	at = PUT_LITERAL(at, "\",\"logged\":\"");
	label->fields_len = (size_t)(at - label->fields);
}

/* Returns the most bytes that stand around a line in any form but wrapped and stray: around an
 * object, because a prefix is shorter than the fields, coloured or not. */
static size_t around_max(const struct line_label *label)
{
	return label->fields_len + STAMP_LEN + LITERAL_LEN("\"}\n");
}

static size_t around_wrapped(const struct line_label *label)
{
	return LITERAL_LEN(WRAP_BEFORE "\"") + label->fields_len + STAMP_LEN + LITERAL_LEN("\"}\n");
}

static struct line_message make_stray(const struct line *line, const struct line_label *label)
{
	return (struct line_message){
		.level = CONFIG_LOG_WARN,
		.stray_of = label,
		.text = line->text,
		.len = line->len,
	};
}

size_t line_put_max(const struct line *line, const struct line_label *label)
{
	struct line_message stray;

	switch (line->form) {
	case LINE_FORM_TEXT:
	case LINE_FORM_COLOURED:
	case LINE_FORM_OBJECT: break;
	case LINE_FORM_WRAPPED: return around_wrapped(label) + JSON_QUOTE_MAX(line->len);
	case LINE_FORM_STRAY:
		stray = make_stray(line, label);
		return line_message_max(line->stray_form, &stray);
	}
	return around_max(label) + line->len;
}

static inline char *put_text_head(char *at, const struct stamp *stamp,
				  const struct line_label *label)
{
	return put(put(at, stamp->text, STAMP_LEN), label->prefix, label->prefix_len);
}

static char *put_text(char *at, const struct stamp *stamp, const struct line_label *label,
		      const char *text, size_t len)
{
	at = put(put_text_head(at, stamp, label), text, len);
	*at++ = '\n';
	return at;
}

static char *put_coloured(char *at, const struct stamp *stamp, const struct line_label *label,
			  const char *text, size_t len)
{
	at = put_text_head(put(at, label->colour, COLOUR_LEN), stamp, label);
	at = put(PUT_LITERAL(at, COLOUR_END), text, len);
	*at++ = '\n';
	return at;
}

static inline char *put_fields(char *at, const struct stamp *stamp, const struct line_label *label,
			       bool after_member)
{
	size_t comma = after_member ? 0 : 1;

	at = put(at, label->fields + comma, label->fields_len - comma);
	at = put(at, stamp->text, STAMP_LEN);
	return PUT_LITERAL(at, "\"}\n");
}

static inline char *put_object(char *at, const struct stamp *stamp, const struct line_label *label,
			       const char *text, const struct json_object *object)
{
	at = put(at, text + object->open, object->close - object->open);
	return put_fields(at, stamp, label, !object->empty);
}

/* Writes a line as the message of an object. It is not inline: beside json_quote the call costs
 * nothing. */
static char *put_wrapped(char *at, const struct stamp *stamp, const struct line_label *label,
			 const char *text, size_t len)
{
	at = PUT_LITERAL(at, WRAP_BEFORE);
	at += json_quote(at, text, len);
	*at++ = '"';
	return put_fields(at, stamp, label, true);
}

/* Chooses the form of a line. */
static enum line_form choose_form(enum line_rule rule, const char *text, size_t len, bool whole,
				  struct json_object *object)
{
	if (rule == LINE_RULE_TEXT)
		return LINE_FORM_TEXT;
	if (rule == LINE_RULE_COLOURED)
		return LINE_FORM_COLOURED;
	if (whole && json_find_object(text, len, object))
		return LINE_FORM_OBJECT;
	return rule == LINE_RULE_WRAP ? LINE_FORM_WRAPPED : LINE_FORM_STRAY;
}

struct line line_make(enum line_rule rule, const char *text, size_t len, bool whole)
{
	struct line line = { .text = text, .len = len };

	line.form = choose_form(rule, text, len, whole, &line.object);
	return line;
}

size_t line_put(char *out, const struct line *line, const struct stamp *stamp,
		const struct line_label *label)
{
	struct line_message stray;
	char *end = out;

	switch (line->form) {
	case LINE_FORM_TEXT: end = put_text(out, stamp, label, line->text, line->len); break;
	case LINE_FORM_COLOURED:
		end = put_coloured(out, stamp, label, line->text, line->len);
		break;
	case LINE_FORM_OBJECT:
		end = put_object(out, stamp, label, line->text, &line->object);
		break;
	case LINE_FORM_WRAPPED: end = put_wrapped(out, stamp, label, line->text, line->len); break;
	case LINE_FORM_STRAY:
		stray = make_stray(line, label);
		return line_put_message(out, line->stray_form, &stray, stamp);
	}
	return (size_t)(end - out);
}

/* ---- messages of dinit's own ---- */

const char *line_level_word(enum config_log_level level)
{
	switch (level) {
	case CONFIG_LOG_ERROR: return "error";
	case CONFIG_LOG_WARN: return "warning";
	case CONFIG_LOG_INFO: return "info";
	case CONFIG_LOG_DEBUG: return "debug";
	case CONFIG_LOG_NONE: break;
	}
	return "none";
}

#define MESSAGE_SERVICE "\",\"service\":\"dinit\",\"stage\":\""
#define MESSAGE_LOGGED "\",\"logged\":\""

COLD size_t line_message_max(enum line_message_form form, const struct line_message *message)
{
	size_t word = strlen(line_level_word(message->level)), text = message->len;

	if (message->stray_of)
		text += message->stray_of->prefix_len + LITERAL_LEN(STRAY_AFTER);
	switch (form) {
	case LINE_MESSAGE_TEXT:
	case LINE_MESSAGE_COLOURED: break;
	case LINE_MESSAGE_OBJECT:
	case LINE_MESSAGE_LEVELLED:
		return LITERAL_LEN(LEVEL_BEFORE "\",\"message\":\"" MESSAGE_SERVICE MESSAGE_LOGGED
						"\"}\n") +
		       2 * word + JSON_QUOTE_MAX(text) + STAMP_LEN;
	}
	return COLOUR_LEN + STAMP_LEN + LITERAL_LEN(" dinit: : ") + word + text +
	       LITERAL_LEN(COLOUR_END "\n");
}

static char *put_word(char *at, enum config_log_level level)
{
	const char *word = line_level_word(level);

	return put(at, word, strlen(word));
}

static COLD char *put_message_text(char *at, const struct line_message *message,
				   const struct stamp *stamp)
{
	const struct line_label *label = message->stray_of;

	at = PUT_LITERAL(put(at, stamp->text, STAMP_LEN), " dinit: ");
	at = PUT_LITERAL(put_word(at, message->level), ":");
	if (label)
		at = PUT_LITERAL(put(at, label->prefix, label->prefix_len), STRAY_AFTER);
	else
		at = PUT_LITERAL(at, " ");
	return put(at, message->text, message->len);
}

/* Writes an error or a warning in its colour; other messages have none. */
static COLD char *put_message_coloured(char *at, const struct line_message *message,
				       const struct stamp *stamp)
{
	switch (message->level) {
	case CONFIG_LOG_ERROR: at = PUT_LITERAL(at, COLOUR_RED); break;
	case CONFIG_LOG_WARN: at = PUT_LITERAL(at, COLOUR_YELLOW); break;
	case CONFIG_LOG_NONE:
	case CONFIG_LOG_INFO:
	case CONFIG_LOG_DEBUG: return put_message_text(at, message, stamp);
	}
	return PUT_LITERAL(put_message_text(at, message, stamp), COLOUR_END);
}

/* Writes a message as an object. */
static COLD char *put_message_object(char *at, const struct line_message *message,
				     const struct stamp *stamp, bool levelled)
{
	const struct line_label *label = message->stray_of;

	if (levelled)
		at = PUT_LITERAL(put_word(PUT_LITERAL(at, LEVEL_BEFORE), message->level),
				 "\",\"message\":\"");
	else
		at = PUT_LITERAL(at, WRAP_BEFORE);
	if (label) {
		/* Without the space that it begins with. */
		at += json_quote(at, label->prefix + 1, label->prefix_len - 1);
		at = PUT_LITERAL(at, STRAY_AFTER);
	}
	at += json_quote(at, message->text, message->len);
	at = put_word(PUT_LITERAL(at, MESSAGE_SERVICE), message->level);
	at = put(PUT_LITERAL(at, MESSAGE_LOGGED), stamp->text, STAMP_LEN);
	return PUT_LITERAL(at, "\"}");
}

COLD size_t line_put_message(char *out, enum line_message_form form,
			     const struct line_message *message, const struct stamp *stamp)
{
	char *end = out;

	switch (form) {
	case LINE_MESSAGE_TEXT: end = put_message_text(out, message, stamp); break;
	case LINE_MESSAGE_COLOURED: end = put_message_coloured(out, message, stamp); break;
	case LINE_MESSAGE_OBJECT: end = put_message_object(out, message, stamp, false); break;
	case LINE_MESSAGE_LEVELLED: end = put_message_object(out, message, stamp, true); break;
	}
	*end++ = '\n';
	return (size_t)(end - out);
}

/* ---- many lines at once ---- */

/* Takes the lines of a job that are text: each is copied while its end is searched for. */
static size_t put_text_lines(char *out, size_t room, const struct line_job *job, const char *bytes,
			     size_t len, struct line_taken *taken)
{
	const struct line_label *label = job->label;
	size_t head_len = STAMP_LEN + label->prefix_len, max = job->max, lines = 0;
	const char *at = bytes, *end = bytes + len;
	char *to = out, *to_end = out + room;

	while (at < end && (size_t)(to_end - to) > head_len) {
		char *copy = put_text_head(to, job->stamp, label);
		size_t left = (size_t)(end - at), copy_room = (size_t)(to_end - copy), line_len;
		const char *newline =
			bytes_copy_line(copy, at, left < copy_room ? left : copy_room);

		if (!newline)
			break;
		line_len = without_return(at, (size_t)(newline - at));
		if (line_len > max)
			break;
		at = newline + 1;
		if (line_len == 0)
			continue;
		copy[line_len] = '\n';
		to = copy + line_len + 1;
		lines++;
	}
	taken->used = (size_t)(at - bytes);
	taken->lines = lines;
	return (size_t)(to - out);
}

/* Takes the lines of a job that are objects, or become that. Where a line ends, and whether it is
 * an object, is found out in one go. */
static size_t put_object_lines(char *out, size_t room, const struct line_job *job,
			       const char *bytes, size_t len, struct line_taken *taken)
{
	/* A copy, which cannot change with what is written to out. */
	const struct line_job own = *job;
	bool wraps = own.rule == LINE_RULE_WRAP;
	size_t around = wraps ? around_wrapped(own.label) : around_max(own.label);
	size_t times = wraps ? JSON_QUOTE_MAX(1) : 1;
	/* No line takes less room than it has bytes: what is behind that is not looked at. */
	size_t within = len <= room ? len : bytes_last_line(bytes, room);
	const char *at = bytes, *end = bytes + within;
	char *to = out, *to_end = out + room;
	struct json_text text;

	json_begin_lines(&text, bytes, within);
	for (const char *newline; at < end; at = newline + 1) {
		struct json_object object;
		bool found = (newline = json_take_object_line(&text, at, &object)) != NULL;
		size_t line_len;

		if (!found)
			newline = bytes_find_newline(at, (size_t)(end - at));
		line_len = without_return(at, (size_t)(newline - at));
		if (line_len > own.max || (size_t)(to_end - to) < around + times * line_len)
			break;
		if (line_len == 0)
			continue;
		if (found)
			to = put_object(to, own.stamp, own.label, at, &object);
		else if (wraps)
			to = put_wrapped(to, own.stamp, own.label, at, line_len);
		else
			break;
		taken->lines++;
	}
	taken->used = (size_t)(at - bytes);
	return (size_t)(to - out);
}

size_t line_put_lines(char *out, size_t room, const struct line_job *job, const char *bytes,
		      size_t len, struct line_taken *taken)
{
	*taken = (struct line_taken){ 0 };
	switch (job->rule) {
	case LINE_RULE_TEXT: return put_text_lines(out, room, job, bytes, len, taken);
	case LINE_RULE_OBJECTS:
		/* A stray is most often seen at its first byte, before anything is searched. */
		if (len > 0 && bytes[0] > ' ' && bytes[0] != '{')
			break;
		return put_object_lines(out, room, job, bytes, len, taken);
	case LINE_RULE_WRAP: return put_object_lines(out, room, job, bytes, len, taken);
	case LINE_RULE_COLOURED: break;
	}
	return 0;
}
