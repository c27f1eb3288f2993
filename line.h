/* SPDX-License-Identifier: ISC */
/* Lines as bytes: where one ends, and how it is decorated. Pure functions: no I/O, no
 * allocation, no state. */
#ifndef DINIT_LINE_H
#define DINIT_LINE_H

#include "config.h"
#include "json.h"
#include "stamp.h"

#include <stdbool.h>
#include <stddef.h>

/* What line_find found at the beginning of the bytes. */
enum line_found {
	/* No line yet: more bytes are needed. */
	LINE_NONE,
	/* A line, or the rest of one whose beginning was cut off as pieces. */
	LINE_WHOLE,
	/* A line that is longer than max: its first max bytes. */
	LINE_PIECE,
};

struct line_cut {
	/* The length of the line or piece, without newline and without a '\r' before it. */
	size_t len;
	/* How many bytes to skip to what comes after it. */
	size_t used;
};

/* Looks for the first line in the len bytes. The first `searched` of them are known to hold no
 * newline. max is the longest line kept whole. at_end: nothing will follow, so that what has no
 * newline is a line as well. */
enum line_found line_find(const char *bytes, size_t len, size_t searched, size_t max, bool at_end,
			  struct line_cut *cut);

/* Returns len, or less where the bytes end in the middle of a UTF-8 character: the length without
 * that beginning of one. Never 0 for len > 3. */
size_t line_whole_characters(const char *bytes, size_t len);

/* What says whose line it is, worked out once for each stream. The strings are not terminated;
 * they may hold any byte but control characters. */
struct line_label {
	/* The escape sequence of its colour on a terminal, which is that of the service. */
	const char *colour;
	/* " web/run: " */
	const char *prefix;
	size_t prefix_len;
	/* ,"service":"web","stage":"run","logged":" */
	const char *fields;
	size_t fields_len;
};

/* Returns how much memory line_label_make needs for these names. */
size_t line_label_size(const char *service, const char *stage);

/* Fills the label; its strings are written to memory, which must have line_label_size bytes and
 * live as long. */
void line_label_make(struct line_label *label, char *memory, const char *service,
		     const char *stage);

/* What the lines of a stream should be. */
enum line_rule {
	LINE_RULE_TEXT,
	/* Text for a terminal, which tells services apart by colours. */
	LINE_RULE_COLOURED,
	/* JSON objects; what is none goes out as a warning about it. */
	LINE_RULE_OBJECTS,
	/* JSON objects; what is none becomes the message of one. */
	LINE_RULE_WRAP,
};

/* What a line becomes. */
enum line_form {
	/* <stamp> web/run: <line> */
	LINE_FORM_TEXT,
	/* The same, <stamp> web/run: in the colour of the service. */
	LINE_FORM_COLOURED,
	/* The object that it is, with the fields service, stage, logged added at its end. */
	LINE_FORM_OBJECT,
	/* An object with the line as its member "message", and the same fields. */
	LINE_FORM_WRAPPED,
	/* A message of dinit's about a line that is no JSON object. */
	LINE_FORM_STRAY,
};

/* What a message of dinit's own becomes. */
enum line_message_form {
	/* <stamp> dinit: warning: <text> */
	LINE_MESSAGE_TEXT,
	/* The same: an error in red, a warning in yellow. */
	LINE_MESSAGE_COLOURED,
	/* An object: message, and the fields of a service "dinit", its level as the stage. */
	LINE_MESSAGE_OBJECT,
	/* The same with the member "level" in front. */
	LINE_MESSAGE_LEVELLED,
};

struct line_message {
	enum config_log_level level;
	/* Set where the text is a line of that stream, which is no JSON object: the message then is
	 * web/run: not a JSON object: <text>. */
	const struct line_label *stray_of;
	/* Any bytes but newline. */
	const char *text;
	size_t len;
};

/* Returns the word for a level in a message: error, warning, info, debug. */
const char *line_level_word(enum config_log_level level);

/* Returns the most bytes that line_put_message writes for that message in that form. */
size_t line_message_max(enum line_message_form form, const struct line_message *message);

/* Writes the message in that form, newline included, to out; returns how many bytes that took. */
size_t line_put_message(char *out, enum line_message_form form, const struct line_message *message,
			const struct stamp *stamp);

/* One line or piece of one, without a newline. */
struct line {
	const char *text;
	size_t len;
	enum line_form form;
	/* Where the object is in the text: set for LINE_FORM_OBJECT only. */
	struct json_object object;
	/* Of LINE_FORM_STRAY only. line_make sets it to LINE_MESSAGE_TEXT. */
	enum line_message_form stray_form;
};

/* Chooses the form of the len bytes at text by the rule of their stream. whole: they are a line,
 * not a piece of one, which is never an object. */
struct line line_make(enum line_rule rule, const char *text, size_t len, bool whole);

/* Returns the most bytes that line_put writes for that line. */
size_t line_put_max(const struct line *line, const struct line_label *label);

/* Writes the line in its form, newline included, to out; returns how many bytes that took. */
size_t line_put(char *out, const struct line *line, const struct stamp *stamp,
		const struct line_label *label);

/* What line_put_lines has to know of all lines that it writes. */
struct line_job {
	enum line_rule rule;
	/* The longest line that is taken. */
	size_t max;
	const struct stamp *stamp;
	const struct line_label *label;
};

/* What line_put_lines has taken. */
struct line_taken {
	/* How many bytes, and how many lines of them were not empty. */
	size_t used, lines;
};

/* Does all of the above at once, for the common case: writes the lines of the len bytes, which are
 * whole lines, to out, as many as fit into room, up to one that is longer than job->max or a stray;
 * none where they are for a terminal (LINE_RULE_COLOURED), which is slow anyway. Returns how much
 * it wrote; what it may have written into the room behind that means nothing. */
size_t line_put_lines(char *out, size_t room, const struct line_job *job, const char *bytes,
		      size_t len, struct line_taken *taken);

#endif
