/* SPDX-License-Identifier: ISC */
/* Owns the form of every line that goes out; not the bytes, nor where they come from or go to.
 * Invariant: a function writes no more than line_put_max (line_put_wrapped_max) said. */
#include "line.h"

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(LINE_PORTABLE)
#include <emmintrin.h>
#endif

#define STRAY_BEFORE " dinit: warning:"
#define STRAY_AFTER "not a JSON object: "
#define WRAP_BEFORE "{\"message\":\""
#define LITERAL_LEN(s) (sizeof(s) - 1)
#define BLOCK 16

/* The two loops through which every byte of every line goes. libc's would do, but the static
 * binary has musl's, which are made to be small: they cost it twice the time. */

#if defined(__SSE2__) && !defined(LINE_PORTABLE)
static inline const char *find_newline_in_blocks(const char **at, const char *end)
{
	const __m128i newlines = _mm_set1_epi8('\n');

	for (; end - *at >= BLOCK; *at += BLOCK) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)*at);
		unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, newlines));

		if (found)
			return *at + __builtin_ctz(found);
	}
	return NULL;
}
#else
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Stops at the first eight bytes that hold one; which of them it is, is for the caller to see. */
static inline const char *find_newline_in_blocks(const char **at, const char *end)
{
	for (; end - *at >= 8; *at += 8) {
		uint64_t bytes;

		memcpy(&bytes, *at, sizeof bytes);
		bytes ^= EACH('\n');
		if ((bytes - EACH(1)) & ~bytes & EACH(0x80))
			break;
	}
	return NULL;
}
#endif

static inline const char *find_newline(const char *at, size_t len)
{
	const char *end = at + len;
	const char *found = find_newline_in_blocks(&at, end);

	if (found)
		return found;
	while (at < end && *at != '\n')
		at++;
	return at < end ? at : NULL;
}

/* Copies of a constant size are single instructions; what is no multiple of it is copied so that
 * both ends overlap. */
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
	/* the longest line, '\r' and newline */
	size_t window = len < max + 2 ? len : max + 2;
	const char *newline = NULL;

	if (searched < window)
		newline = find_newline(bytes + searched, window - searched);
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

size_t line_label_size(const char *service, const char *stage)
{
	return strlen(service) + strlen(stage) + LITERAL_LEN(" /: ") +
	       JSON_QUOTE_MAX(strlen(service) + strlen(stage)) +
	       LITERAL_LEN(",\"service\":\"\",\"stage\":\"\",\"logged\":\"");
}

void line_label_make(struct line_label *label, char *memory, const char *service, const char *stage)
{
	char *at = memory;

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

size_t line_put_max(const struct line_label *label, size_t len)
{
	size_t text = LITERAL_LEN(STRAY_BEFORE STRAY_AFTER) + label->prefix_len;
	size_t json = label->fields_len + LITERAL_LEN("\"}");

	return STAMP_LEN + (text > json ? text : json) + len + LITERAL_LEN("\n");
}

size_t line_put_wrapped_max(const struct line_label *label, size_t len)
{
	return LITERAL_LEN(WRAP_BEFORE "\"") + JSON_QUOTE_MAX(len) + label->fields_len + STAMP_LEN +
	       LITERAL_LEN("\"}\n");
}

size_t line_put_text(char *out, const struct stamp *stamp, const struct line_label *label,
		     const char *line, size_t len)
{
	char *at = put(out, stamp->text, STAMP_LEN);

	at = put(at, label->prefix, label->prefix_len);
	at = put(at, line, len);
	*at++ = '\n';
	return (size_t)(at - out);
}

static inline char *put_fields(char *at, const struct stamp *stamp, const struct line_label *label,
			       bool after_member)
{
	size_t comma = after_member ? 0 : 1;

	at = put(at, label->fields + comma, label->fields_len - comma);
	at = put(at, stamp->text, STAMP_LEN);
	return PUT_LITERAL(at, "\"}\n");
}

size_t line_put_json(char *out, const struct stamp *stamp, const struct line_label *label,
		     const char *line, const struct json_object *object)
{
	char *at = put(out, line + object->open, object->close - object->open);

	return (size_t)(put_fields(at, stamp, label, !object->empty) - out);
}

size_t line_put_wrapped(char *out, const struct stamp *stamp, const struct line_label *label,
			const char *line, size_t len)
{
	char *at = PUT_LITERAL(out, WRAP_BEFORE);

	at += json_quote(at, line, len);
	*at++ = '"';
	return (size_t)(put_fields(at, stamp, label, true) - out);
}

size_t line_put_stray(char *out, const struct stamp *stamp, const struct line_label *label,
		      const char *line, size_t len)
{
	char *at = put(out, stamp->text, STAMP_LEN);

	at = PUT_LITERAL(at, STRAY_BEFORE);
	at = put(at, label->prefix, label->prefix_len);
	at = PUT_LITERAL(at, STRAY_AFTER);
	at = put(at, line, len);
	*at++ = '\n';
	return (size_t)(at - out);
}

/* One line in the form asked for. Returns the place behind it, or NULL where it does not take
 * that form. */
static inline char *put_in_form(char *at, enum line_form form, const struct stamp *stamp,
				const struct line_label *label, const char *line, size_t len)
{
	struct json_object object;

	switch (form) {
	case LINE_FORM_TEXT:
		at = put(put(put(at, stamp->text, STAMP_LEN), label->prefix, label->prefix_len),
			 line, len);
		*at++ = '\n';
		return at;
	case LINE_FORM_OBJECTS:
	case LINE_FORM_WRAPPED:
		if (json_find_object(line, len, &object)) {
			at = put(at, line + object.open, object.close - object.open);
			return put_fields(at, stamp, label, !object.empty);
		}
		return form == LINE_FORM_WRAPPED
			       ? at + line_put_wrapped(at, stamp, label, line, len)
			       : NULL;
	}
	return NULL;
}

size_t line_put_lines(char *out, size_t room, enum line_form form, const struct stamp *stamp,
		      const struct line_label *label, const char *bytes, size_t len, size_t max,
		      size_t *used)
{
	size_t around =
		form == LINE_FORM_WRAPPED ? line_put_wrapped_max(label, 0) : line_put_max(label, 0);
	size_t times = form == LINE_FORM_WRAPPED ? JSON_QUOTE_MAX(1) : 1;
	const char *at = bytes, *end = bytes + len, *newline;
	char *to = out, *to_end = out + room;

	while ((newline = find_newline(at, (size_t)(end - at)))) {
		size_t line_len = without_return(at, (size_t)(newline - at));
		char *behind = to;

		if (line_len > max || (size_t)(to_end - to) < around + times * line_len)
			break;
		if (line_len > 0)
			behind = put_in_form(to, form, stamp, label, at, line_len);
		if (!behind)
			break;
		to = behind;
		at = newline + 1;
	}
	*used = (size_t)(at - bytes);
	return (size_t)(to - out);
}
