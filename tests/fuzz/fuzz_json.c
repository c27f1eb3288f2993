/* SPDX-License-Identifier: ISC */
/* Owns: the comparison of json.c with the judge (judge.h) on any input, and with a table of what
 * UTF-8 is (Unicode 15, table 3-7). Does not: share a line with json.c.
 *
 * Invariant: json.c only ever sees buffers of exactly the length it is told; a difference ends
 * in abort().
 *
 * make fuzz builds it; -DJSON_PORTABLE in FUZZ_CFLAGS: for the path without vectors. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "judge.h"

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

/* The length of the character at p, or 0; *subpart is how many bytes from p on begin some
 * character. */
static size_t ref_char(const uint8_t *p, size_t len, size_t *subpart)
{
	*subpart = 0;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		size_t n = 0;

		while (n < forms[i].len && n < len && p[n] >= forms[i].bytes[n].from &&
		       p[n] <= forms[i].bytes[n].to)
			n++;
		if (n == forms[i].len)
			return n;
		if (n > *subpart)
			*subpart = n;
	}
	return 0;
}

/* The text with one U+FFFD for each ill-formed part; out has room for it. */
static size_t ref_tidy(char *out, const uint8_t *text, size_t len)
{
	char *start = out;

	for (size_t at = 0, used; at < len; at += used) {
		size_t subpart;

		used = ref_char(text + at, len - at, &subpart);
		out = used ? mempcpy(out, text + at, used) : mempcpy(out, "\xef\xbf\xbd", 3);
		if (used == 0)
			used = subpart > 0 ? subpart : 1;
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

static bool is_white(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool ref_find_object(const uint8_t *text, size_t len, struct json_object *object)
{
	json_t *root = judge_object((const char *)text, len);

	if (!root)
		return false;
	for (object->open = 0; is_white(text[object->open]);)
		object->open++;
	for (object->close = len - 1; is_white(text[object->close]);)
		object->close--;
	object->empty = json_object_size(root) == 0;
	json_decref(root);
	return true;
}

/* Both on the text, which json.c gets at an address that is shift bytes off. */
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

/* Each line of the text, taken in its turn and by itself. */
static void compare_lines(const uint8_t *text, size_t len)
{
	char *lines = malloc(len + 1), *end = lines + len + 1;
	struct json_text taken;

	insist(lines != NULL, "out of memory");
	if (len > 0)
		memcpy(lines, text, len);
	lines[len] = '\n';
	json_begin_lines(&taken, lines, len + 1);
	for (char *line = lines, *newline; line < end; line = newline + 1) {
		struct json_object object = { .open = 1, .close = 2, .empty = true };
		struct json_object expected = object;
		const char *found = json_take_object_line(&taken, line, &object);
		bool accepted;

		newline = memchr(line, '\n', (size_t)(end - line));
		accepted = json_find_object(line, (size_t)(newline - line), &expected);
		insist(found == (accepted ? newline : NULL), "a line is taken for what it is not");
		insist(object.open == expected.open && object.close == expected.close &&
			       object.empty == expected.empty,
		       "the object in a line differs");
	}
	free(lines);
}

static void compare_chars(const uint8_t *text, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		size_t subpart;

		insist(json_utf8_char((const char *)text + at, len - at) ==
			       ref_char(text + at, len - at, &subpart),
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

/* What is quoted is a string to the judge, and says what the text says. */
static void compare_quote(const uint8_t *text, size_t len)
{
	char *quoted = malloc(JSON_QUOTE_MAX(len) + 8), *expected = malloc(3 * len + 1);
	char *exactly = malloc(JSON_QUOTE_MAX(len));
	size_t n, expected_len;
	json_t *root, *value;

	insist(quoted && expected && (exactly || len == 0), "out of memory");
	n = json_quote(exactly, (const char *)text, len);
	insist(n <= JSON_QUOTE_MAX(len), "quoted beyond the bound");
	memcpy(quoted, "{\"m\":\"", 6);
	if (n > 0)
		memcpy(quoted + 6, exactly, n);
	memcpy(quoted + 6 + n, "\"}", 2);
	root = judge_plain_object(quoted, n + 8);
	value = json_object_get(root, "m");
	insist(json_is_string(value), "quoted to what is no string");
	expected_len = ref_tidy(expected, text, len);
	insist(json_string_length(value) == expected_len, "quoted to another length");
	insist(memcmp(json_string_value(value), expected, expected_len) == 0, "quoted differently");
	insist(!memchr(quoted, '\n', n + 8), "quoted to more than a line");
	json_decref(root);
	free(exactly);
	free(expected);
	free(quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *text = calloc(size, 1);

	insist(text != NULL || size == 0, "out of memory");
	if (size > 0)
		memcpy(text, data, size);
	if (!judge_is_too_deep((const char *)data, size)) {
		compare_find(text, size, 0);
		compare_find(text, size, size > 0 ? data[size / 2] % 32 : 0);
		compare_string(text, size);
	}
	compare_lines(text, size);
	compare_chars(text, size);
	compare_quote(text, size);
	free(text);
	return 0;
}
