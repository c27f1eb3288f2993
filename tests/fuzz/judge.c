/* SPDX-License-Identifier: ISC */
/* Owns what jansson and RFC 8259 disagree about; does not know json.c. Invariant: what is
 * replaced is of the same kind, so that the replacement is valid where the text was, and only
 * there. */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

/* jansson's JSON_PARSER_MAX_DEPTH */
#define DEPTH_MAX 2048

bool judge_is_too_deep(const char *text, size_t len)
{
	size_t opened = 0;

	for (size_t i = 0; i < len; i++)
		opened += text[i] == '{' || text[i] == '[';
	return opened >= DEPTH_MAX;
}

/* An escape that jansson refuses everywhere (half of a surrogate pair, as far as it can be told
 * from the escape alone) or in a name (NUL). */
static bool is_odd_escape(const char *hex)
{
	for (int i = 0; i < 4; i++)
		if (!memchr("0123456789abcdefABCDEF", hex[i], 22))
			return false;
	return memcmp(hex, "0000", 4) == 0 ||
	       ((hex[0] | 0x20) == 'd' && memchr("89abcdefABCDEF", hex[1], 14));
}

static void replace_odd_escapes(char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] != '\\')
			continue;
		i++;
		if (text[i] == 'u' && len - i > 4 && is_odd_escape(text + i + 1))
			memcpy(text + i + 1, "0041", 4);
	}
}

static size_t digits_before(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9')
		at--;
	return at;
}

/* Where the digits begin of the number that ends at end. The sign before them stays out: what
 * comes before it may be another number, as in 1-2, and only the sign keeps the two apart. */
static size_t number_before(const char *text, size_t end)
{
	size_t start = digits_before(text, end);
	size_t letter = start > 0 && memchr("+-", text[start - 1], 2) ? start - 1 : start;

	if (letter > 0 && (text[letter - 1] | 0x20) == 'e')
		start = digits_before(text, letter - 1);
	if (start > 0 && text[start - 1] == '.')
		start = digits_before(text, start - 1);
	return start;
}

/* A number that ends at end, too large for a double. It gets an exponent, lest what follows be
 * taken for one. */
static void replace_number(char *text, size_t end)
{
	size_t start = number_before(text, end);

	memset(text + start, '0', end - start);
	text[start] = '1';
	text[start + 1] = 'e';
}

json_t *judge_object(const char *text, size_t len)
{
	/* An integer is held as a double as well, lest it be too large for a long. */
	const size_t flags = JSON_DECODE_INT_AS_REAL;
	char *copy = malloc(len ? len : 1);
	json_error_t error;
	json_t *root;

	if (!copy)
		abort();
	memcpy(copy, text, len);
	replace_odd_escapes(copy, len);
	/* jansson steps over a NUL behind a number or a word. */
	if (memchr(copy, '\0', len)) {
		free(copy);
		return NULL;
	}
	while (!(root = json_loadb(copy, len, flags, &error)) &&
	       json_error_code(&error) == json_error_numeric_overflow)
		replace_number(copy, (size_t)error.position);
	free(copy);
	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

bool judge_is_object(const char *text, size_t len)
{
	json_t *root = judge_object(text, len);

	json_decref(root);
	return root != NULL;
}

json_t *judge_plain_object(const char *text, size_t len)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}
