/* SPDX-License-Identifier: ISC */
/* Owns: a second implementation of what json.h promises, slow and obvious, and the comparison of the two on any input.
 * Does not: look for speed, or share a line with json.c.
 *
 * Invariant: json.c only ever sees buffers of exactly the length it is told; a difference ends in abort().
 *
 * clang -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_json.c json.c
 * builds it; run it on tests/fuzz/corpus/json, and once more with -DJSON_PORTABLE for the path without vectors. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unicode 15, table 3-7: what each byte of a character may be. */
static const struct form {
	size_t len;
	struct {
		uint8_t from, to;
	} bytes[4];
} forms[] = {
	{ 1, { { 0x00, 0x7f } } },
	{ 2, { { 0xc2, 0xdf }, { 0x80, 0xbf } } },
	{ 3, { { 0xe0, 0xe0 }, { 0xa0, 0xbf }, { 0x80, 0xbf } } },
	{ 3, { { 0xe1, 0xec }, { 0x80, 0xbf }, { 0x80, 0xbf } } },
	{ 3, { { 0xed, 0xed }, { 0x80, 0x9f }, { 0x80, 0xbf } } },
	{ 3, { { 0xee, 0xef }, { 0x80, 0xbf }, { 0x80, 0xbf } } },
	{ 4, { { 0xf0, 0xf0 }, { 0x90, 0xbf }, { 0x80, 0xbf }, { 0x80, 0xbf } } },
	{ 4, { { 0xf1, 0xf3 }, { 0x80, 0xbf }, { 0x80, 0xbf }, { 0x80, 0xbf } } },
	{ 4, { { 0xf4, 0xf4 }, { 0x80, 0x8f }, { 0x80, 0xbf }, { 0x80, 0xbf } } },
};

/* The length of the character at p, or 0; *subpart is how many bytes from p on begin some character. */
static size_t ref_char(const uint8_t *p, size_t len, size_t *subpart)
{
	*subpart = 0;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		size_t n = 0;

		while (n < forms[i].len && n < len && p[n] >= forms[i].bytes[n].from && p[n] <= forms[i].bytes[n].to)
			n++;
		if (n == forms[i].len)
			return n;
		if (n > *subpart)
			*subpart = n;
	}
	return 0;
}

/* A text and how far it has been read; past its end there are only -1s. */
struct ref {
	const uint8_t *text;
	size_t len;
	size_t at;
	size_t depth;
};

static int peek(const struct ref *r)
{
	return r->at < r->len ? r->text[r->at] : -1;
}

static bool take(struct ref *r, int byte)
{
	if (peek(r) != byte)
		return false;
	r->at++;
	return true;
}

static bool take_any(struct ref *r, const char *bytes)
{
	int byte = peek(r);

	return byte > 0 && strchr(bytes, byte) != NULL && take(r, byte);
}

static void take_white(struct ref *r)
{
	while (take_any(r, " \t\n\r"))
		;
}

static bool take_digits(struct ref *r)
{
	if (!take_any(r, "0123456789"))
		return false;
	while (take_any(r, "0123456789"))
		;
	return true;
}

static bool take_number(struct ref *r)
{
	take(r, '-');
	if (!take(r, '0') && !take_digits(r))
		return false;
	if (take(r, '.') && !take_digits(r))
		return false;
	if (!take_any(r, "eE"))
		return true;
	take_any(r, "+-");
	return take_digits(r);
}

static bool take_string(struct ref *r)
{
	if (!take(r, '"'))
		return false;
	while (!take(r, '"')) {
		if (take(r, '\\')) {
			if (take_any(r, "\"\\/bfnrt"))
				continue;
			if (!take(r, 'u'))
				return false;
			for (int i = 0; i < 4; i++)
				if (!take_any(r, "0123456789abcdefABCDEF"))
					return false;
		} else {
			size_t subpart;
			size_t len = ref_char(r->text + r->at, r->len - r->at, &subpart);

			if (len == 0 || peek(r) < ' ')
				return false;
			r->at += len;
		}
	}
	return true;
}

static bool take_word(struct ref *r, const char *word)
{
	while (*word != '\0')
		if (!take(r, *word++))
			return false;
	return true;
}

static bool take_value(struct ref *r);

static bool take_member(struct ref *r)
{
	take_white(r);
	if (!take_string(r))
		return false;
	take_white(r);
	return take(r, ':') && take_value(r);
}

static bool take_container(struct ref *r, bool (*take_item)(struct ref *r), int close)
{
	if (++r->depth > JSON_DEPTH_MAX)
		return false;
	r->at++;
	take_white(r);
	if (!take(r, close)) {
		do {
			if (!take_item(r))
				return false;
		} while (take(r, ','));
		if (!take(r, close))
			return false;
	}
	r->depth--;
	return true;
}

static bool take_value(struct ref *r)
{
	bool taken;

	take_white(r);
	switch (peek(r)) {
	case '{': taken = take_container(r, take_member, '}'); break;
	case '[': taken = take_container(r, take_value, ']'); break;
	case '"': taken = take_string(r); break;
	case 't': taken = take_word(r, "true"); break;
	case 'f': taken = take_word(r, "false"); break;
	case 'n': taken = take_word(r, "null"); break;
	default: taken = take_number(r); break;
	}
	take_white(r);
	return taken;
}

static bool ref_find_object(const uint8_t *text, size_t len, struct json_object *object)
{
	struct ref r = { .text = text, .len = len };
	struct ref inside;

	take_white(&r);
	object->open = r.at;
	if (peek(&r) != '{' || !take_value(&r) || r.at != len)
		return false;
	inside = r;
	inside.at = object->open + 1;
	take_white(&inside);
	object->empty = peek(&inside) == '}';
	for (object->close = len - 1; text[object->close] != '}';)
		object->close--;
	return true;
}

/* Writes the quoted text to out, which has room for it; returns its length. */
static size_t ref_quote(char *out, const uint8_t *text, size_t len)
{
	char *start = out;

	for (size_t at = 0, used; at < len; at += used) {
		size_t subpart;
		const char *named = text[at] != '\0' ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", text[at]) : NULL;

		used = ref_char(text + at, len - at, &subpart);
		if (used == 0) {
			out += sprintf(out, "\xef\xbf\xbd");
			used = subpart > 0 ? subpart : 1;
		} else if (text[at] == '"' || text[at] == '\\' || (text[at] < ' ' && named != NULL)) {
			out += sprintf(out, "\\%c", named[1]);
		} else if (text[at] < ' ') {
			out += sprintf(out, "\\u%04x", text[at]);
		} else {
			out = mempcpy(out, text + at, used);
		}
	}
	return (size_t)(out - start);
}

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_json: %s\n", what);
	abort();
}

/* Both implementations on the text, at an address that is shift bytes off. */
static void compare_find(const uint8_t *text, size_t len, size_t shift)
{
	struct json_object found = { .open = 1, .close = 2, .empty = true };
	struct json_object expected;
	uint8_t *buffer = malloc(shift + len);
	bool accepted;

	insist(buffer != NULL || shift + len == 0, "out of memory");
	if (shift + len > 0)
		memset(buffer, '"', shift + len);
	if (len > 0)
		memcpy(buffer + shift, text, len);
	accepted = json_find_object((char *)buffer + shift, len, &found);
	insist(accepted == ref_find_object(text, len, &expected), "the validators disagree");
	if (!accepted)
		expected = (struct json_object){ .open = 1, .close = 2, .empty = true };
	insist(found.open == expected.open && found.close == expected.close, "the offsets differ");
	insist(found.empty == expected.empty, "only one of them is empty");
	free(buffer);
}

static void compare_chars(const uint8_t *text, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		size_t subpart;

		insist(json_utf8_char((const char *)text + at, len - at) == ref_char(text + at, len - at, &subpart),
		       "the lengths of a character differ");
	}
}

/* The text as the inside of a string, as it is. */
static void compare_string(const uint8_t *text, size_t len)
{
	char *object = malloc(len + 8);

	insist(object != NULL, "out of memory");
	memcpy(object, "{\"m\":\"", 6);
	if (len > 0)
		memcpy(object + 6, text, len);
	memcpy(object + 6 + len, "\"}", 2);
	compare_find((uint8_t *)object, len + 8, 0);
	free(object);
}

static void compare_quote(const uint8_t *text, size_t len)
{
	char *out = malloc(JSON_QUOTE_MAX(len));
	char *expected = malloc(JSON_QUOTE_MAX(len) + 1);
	struct json_object object;
	char *whole;
	size_t n;

	insist((out != NULL || len == 0) && expected != NULL, "out of memory");
	n = json_quote(out, (const char *)text, len);
	insist(n <= JSON_QUOTE_MAX(len), "quoted beyond the bound");
	insist(n == ref_quote(expected, text, len), "quoted to another length");
	insist(n == 0 || memcmp(out, expected, n) == 0, "quoted differently");
	whole = malloc(n + 8);
	insist(whole != NULL, "out of memory");
	memcpy(whole, "{\"m\":\"", 6);
	memcpy(whole + 6, expected, n);
	memcpy(whole + 6 + n, "\"}", 2);
	insist(json_find_object(whole, n + 8, &object), "quoted to what is no string");
	free(whole);
	free(expected);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *text = calloc(size, 1);

	insist(text != NULL || size == 0, "out of memory");
	if (size > 0)
		memcpy(text, data, size);
	compare_find(text, size, 0);
	compare_find(text, size, size > 0 ? data[size / 2] % 32 : 0);
	compare_string(text, size);
	compare_chars(text, size);
	compare_quote(text, size);
	free(text);
	return 0;
}
