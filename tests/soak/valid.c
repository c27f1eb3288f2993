/* SPDX-License-Identifier: ISC */
/* Owns the grammar, by recursive descent; not what the objects mean. */
#include "valid.h"

#include <string.h>

#define DEPTH_MAX 64

struct reader {
	const unsigned char *at, *end;
	unsigned depth;
	/* where a string is decoded to; NULL: nowhere */
	char *out;
};

static int peek(const struct reader *reader)
{
	return reader->at < reader->end ? *reader->at : -1;
}

static bool take(struct reader *reader, char byte)
{
	if (peek(reader) != byte)
		return false;
	reader->at++;
	return true;
}

static void put(struct reader *reader, unsigned byte)
{
	if (reader->out)
		*reader->out++ = (char)byte;
}

static void skip_space(struct reader *reader)
{
	while (peek(reader) == ' ' || peek(reader) == '\t' || peek(reader) == '\r' ||
	       peek(reader) == '\n')
		reader->at++;
}

static bool take_digits(struct reader *reader)
{
	const unsigned char *from = reader->at;

	while (peek(reader) >= '0' && peek(reader) <= '9')
		reader->at++;
	return reader->at > from;
}

static bool take_number(struct reader *reader)
{
	take(reader, '-');
	if (!take(reader, '0') && !take_digits(reader))
		return false;
	if (take(reader, '.') && !take_digits(reader))
		return false;
	if (!take(reader, 'e') && !take(reader, 'E'))
		return true;
	if (!take(reader, '+'))
		take(reader, '-');
	return take_digits(reader);
}

static bool take_word(struct reader *reader, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
		return false;
	reader->at += len;
	return true;
}

/* A character of more than one byte (RFC 3629, section 4). */
static bool take_utf8(struct reader *reader)
{
	unsigned char first = *reader->at, low = 0x80, high = 0xbf;
	size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;

	if (first < 0xc2 || first > 0xf4 || (size_t)(reader->end - reader->at) <= more)
		return false;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	put(reader, *reader->at++);
	for (; more > 0; more--, low = 0x80, high = 0xbf) {
		if (*reader->at < low || *reader->at > high)
			return false;
		put(reader, *reader->at++);
	}
	return true;
}

/* What an escape with four digits stands for is of interest only where it is ASCII: dinit
 * escapes nothing else. */
static bool take_hex(struct reader *reader)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		int byte = peek(reader);
		unsigned lower = (unsigned)byte | 0x20;

		if (byte >= '0' && byte <= '9')
			value = value * 16 + (unsigned)(byte - '0');
		else if (byte > 0 && lower >= 'a' && lower <= 'f')
			value = value * 16 + lower - 'a' + 10;
		else
			return false;
		reader->at++;
	}
	put(reader, value < 0x80 ? value : '?');
	return true;
}

static bool take_escape(struct reader *reader)
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (take(reader, 'u'))
		return take_hex(reader);
	found = peek(reader) > 0 ? strchr(escapes, peek(reader)) : NULL;
	if (!found)
		return false;
	put(reader, (unsigned char)meanings[found - escapes]);
	reader->at++;
	return true;
}

/* Behind its opening quote. */
static bool take_string_rest(struct reader *reader)
{
	for (;;) {
		if (take(reader, '"'))
			return true;
		if (take(reader, '\\')) {
			if (!take_escape(reader))
				return false;
		} else if (peek(reader) < ' ') {
			return false;
		} else if (peek(reader) < 0x80) {
			put(reader, *reader->at++);
		} else if (!take_utf8(reader)) {
			return false;
		}
	}
}

static bool take_value(struct reader *reader);

/* Members of an object, or elements of an array, behind the bracket that opens it. */
static bool take_members(struct reader *reader, char close, bool named)
{
	skip_space(reader);
	if (take(reader, close))
		return true;
	do {
		skip_space(reader);
		if (named && !(take(reader, '"') && take_string_rest(reader)))
			return false;
		skip_space(reader);
		if (named && !take(reader, ':'))
			return false;
		if (!take_value(reader))
			return false;
		skip_space(reader);
	} while (take(reader, ','));
	return take(reader, close);
}

static bool take_nested(struct reader *reader, char close, bool named)
{
	bool good = ++reader->depth < DEPTH_MAX && take_members(reader, close, named);

	reader->depth--;
	return good;
}

static bool take_value(struct reader *reader)
{
	skip_space(reader);
	if (take(reader, '"'))
		return take_string_rest(reader);
	if (take(reader, '{'))
		return take_nested(reader, '}', true);
	if (take(reader, '['))
		return take_nested(reader, ']', false);
	return take_word(reader, "null") || take_word(reader, "true") ||
	       take_word(reader, "false") || take_number(reader);
}

static struct reader read_from(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;

	return (struct reader){ .at = at, .end = at + len };
}

bool valid_object(const char *bytes, size_t len)
{
	struct reader reader = read_from(bytes, len);

	skip_space(&reader);
	if (peek(&reader) != '{' || !take_value(&reader))
		return false;
	skip_space(&reader);
	return reader.at == reader.end;
}

size_t valid_decode(const char *bytes, size_t len, char *out, size_t *out_len)
{
	struct reader reader = read_from(bytes, len);

	reader.out = out;
	if (!take_string_rest(&reader))
		return 0;
	*out_len = (size_t)(reader.out - out);
	return (size_t)((const char *)reader.at - bytes);
}
