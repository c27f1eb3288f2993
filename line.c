/* SPDX-License-Identifier: ISC */
/* Owns the form of every line that goes out; not the bytes, nor where they come from or go to.
 * Invariant: a function writes no more than line_put_max (line_put_wrapped_max) said. */
#include "line.h"

#include <string.h>

#define STRAY_BEFORE " dinit: warning:"
#define STRAY_AFTER "not a JSON object: "
#define WRAP_BEFORE "{\"message\":\""
#define LITERAL_LEN(s) (sizeof(s) - 1)

static size_t without_return(const char *bytes, size_t len)
{
	return len > 0 && bytes[len - 1] == '\r' ? len - 1 : len;
}

enum line_found line_find(const char *bytes, size_t len, size_t searched, size_t max, bool at_end, struct line_cut *cut)
{
	size_t window = len < max + 2 ? len : max + 2;	/* the longest line, '\r' and newline */
	const char *newline = NULL;

	if (searched < window)
		newline = memchr(bytes + searched, '\n', window - searched);
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

static char *put(char *at, const char *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
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
	return LITERAL_LEN(WRAP_BEFORE "\"") + JSON_QUOTE_MAX(len) + label->fields_len + STAMP_LEN + LITERAL_LEN("\"}\n");
}

size_t line_put_text(char *out, const struct stamp *stamp, const struct line_label *label, const char *line, size_t len)
{
	char *at = put(out, stamp->text, STAMP_LEN);

	at = put(at, label->prefix, label->prefix_len);
	at = put(at, line, len);
	*at++ = '\n';
	return (size_t)(at - out);
}

static char *put_fields(char *at, const struct stamp *stamp, const struct line_label *label, bool after_member)
{
	size_t comma = after_member ? 0 : 1;

	at = put(at, label->fields + comma, label->fields_len - comma);
	at = put(at, stamp->text, STAMP_LEN);
	return PUT_LITERAL(at, "\"}\n");
}

size_t line_put_json(char *out, const struct stamp *stamp, const struct line_label *label, const char *line,
		     const struct json_object *object)
{
	char *at = put(out, line + object->open, object->close - object->open);

	return (size_t)(put_fields(at, stamp, label, !object->empty) - out);
}

size_t line_put_wrapped(char *out, const struct stamp *stamp, const struct line_label *label, const char *line,
			size_t len)
{
	char *at = PUT_LITERAL(out, WRAP_BEFORE);

	at += json_quote(at, line, len);
	*at++ = '"';
	return (size_t)(put_fields(at, stamp, label, true) - out);
}

size_t line_put_stray(char *out, const struct stamp *stamp, const struct line_label *label, const char *line, size_t len)
{
	char *at = put(out, stamp->text, STAMP_LEN);

	at = PUT_LITERAL(at, STRAY_BEFORE);
	at = put(at, label->prefix, label->prefix_len);
	at = PUT_LITERAL(at, STRAY_AFTER);
	at = put(at, line, len);
	*at++ = '\n';
	return (size_t)(at - out);
}
