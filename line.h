/* SPDX-License-Identifier: ISC */
/* Lines as bytes: where one ends, and how it is decorated. Pure functions: no I/O, no
 * allocation, no state. */
#ifndef DINIT_LINE_H
#define DINIT_LINE_H

#include "json.h"
#include "stamp.h"

#include <stdbool.h>
#include <stddef.h>

/* What line_find found at the beginning of the bytes. */
enum line_found {
	/* no line yet: more bytes are needed */
	LINE_NONE,
	/* a line, or the rest of one whose beginning was cut off as pieces */
	LINE_WHOLE,
	/* a line that is longer than max: its first max bytes */
	LINE_PIECE,
};

struct line_cut {
	/* of the line or piece, without newline and without a '\r' before it */
	size_t len;
	/* bytes to skip to what comes after it */
	size_t used;
};

/* Looks for the first line in the len bytes. The first `searched` of them are known to hold no
 * newline. max is the longest line kept whole. at_end: nothing will follow, so that what has no
 * newline is a line as well. */
enum line_found line_find(const char *bytes, size_t len, size_t searched, size_t max, bool at_end,
			  struct line_cut *cut);

/* len, or less where the bytes end in the middle of a UTF-8 character: the length without that
 * beginning of one. Never 0 for len > 3. */
size_t line_whole_characters(const char *bytes, size_t len);

/* How the lines of one stream are decorated, worked out once. The strings are not terminated;
 * text may hold any byte but control characters. */
struct line_label {
	/* " web/run: " */
	const char *prefix;
	size_t prefix_len;
	/* ,"service":"web","stage":"run","logged":" */
	const char *fields;
	size_t fields_len;
};

/* Room that line_label_make needs for these names. */
size_t line_label_size(const char *service, const char *stage);

/* Fills the label; its strings are written to memory, which must have line_label_size bytes and
 * live as long. */
void line_label_make(struct line_label *label, char *memory, const char *service,
		     const char *stage);

/* The most bytes that any of the functions below writes for a line of len bytes. */
size_t line_put_max(const struct line_label *label, size_t len);
size_t line_put_wrapped_max(const struct line_label *label, size_t len);

/* Each writes one line, newline included, to out, and returns its length. */

/* <stamp> web/run: <line> */
size_t line_put_text(char *out, const struct stamp *stamp, const struct line_label *label,
		     const char *line, size_t len);

/* The object with the fields service, stage, logged added at its end. */
size_t line_put_json(char *out, const struct stamp *stamp, const struct line_label *label,
		     const char *line, const struct json_object *object);

/* The line as the member "message" of an object, with the same fields. */
size_t line_put_wrapped(char *out, const struct stamp *stamp, const struct line_label *label,
			const char *line, size_t len);

enum line_form {
	/* line_put_text */
	LINE_FORM_TEXT,
	/* line_put_json */
	LINE_FORM_OBJECTS,
	/* line_put_json, and line_put_wrapped for what is no object */
	LINE_FORM_WRAPPED,
};

/* The common case in one go: decorates the whole lines at the beginning of the len bytes, as
 * many as fit into room, up to one that is longer than max or (LINE_FORM_OBJECTS) no object.
 * Returns what it wrote; *used: the bytes of those lines. */
size_t line_put_lines(char *out, size_t room, enum line_form form, const struct stamp *stamp,
		      const struct line_label *label, const char *bytes, size_t len, size_t max,
		      size_t *used);

/* dinit's warning about a line that is no JSON object: it holds the line. */
size_t line_put_stray(char *out, const struct stamp *stamp, const struct line_label *label,
		      const char *line, size_t len);

#endif
