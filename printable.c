/* SPDX-License-Identifier: ISC */
/* Owns what foreign bytes look like in a message; not the messages.
 * Invariant: the result is valid UTF-8 without control characters, fits, and ends with a NUL. */
#include "printable.h"

#include "json.h"

#include <string.h>

#define ELLIPSIS "..."

bool printable_is_control(char byte)
{
	return (unsigned char)byte < 0x20 || byte == 0x7f;
}

/* Returns the length of the printable character at the start of text, or 0. Those from U+0080 to
 * U+009F are control characters of ISO 6429, which some terminals obey. */
static size_t printable_len(const char *text, size_t len)
{
	size_t char_len = printable_is_control(*text) ? 0 : json_utf8_char(text, len);

	return char_len == 2 && text[0] == '\xc2' && (unsigned char)text[1] < 0xa0 ? 0 : char_len;
}

/* Writes what becomes of the character or byte at the start of text to unit. Returns how many bytes
 * that took; *taken is how many of text it stands for. */
static size_t convert(char unit[4], enum printable_form form, const char *text, size_t len,
		      size_t *taken)
{
	static const char hex[] = "0123456789abcdef";
	size_t char_len = printable_len(text, len);
	unsigned char byte = (unsigned char)*text;

	*taken = char_len > 0 ? char_len : 1;
	if (char_len > 0 && (form == PRINTABLE_MARKED || byte != '\\')) {
		memcpy(unit, text, char_len);
		return char_len;
	}
	if (form == PRINTABLE_MARKED) {
		unit[0] = '?';
		return 1;
	}
	unit[0] = '\\';
	unit[1] = 'x';
	unit[2] = hex[byte >> 4];
	unit[3] = hex[byte & 15];
	return 4;
}

size_t printable_copy(char *out, size_t size, enum printable_form form, const char *text,
		      size_t len)
{
	/* The last place where the ellipsis still fits. */
	size_t cut = 0, out_len = 0, taken;

	for (size_t i = 0; i < len; i += taken) {
		char unit[4];
		size_t unit_len = convert(unit, form, text + i, len - i, &taken);

		if (out_len + sizeof ELLIPSIS <= size)
			cut = out_len;
		if (out_len + unit_len >= size) {
			memcpy(out + cut, ELLIPSIS, sizeof ELLIPSIS);
			return cut + sizeof ELLIPSIS - 1;
		}
		memcpy(out + out_len, unit, unit_len);
		out_len += unit_len;
	}
	out[out_len] = '\0';
	return out_len;
}

static size_t escaped_len(const char *text, size_t len)
{
	size_t escaped = 0, taken;

	for (size_t i = 0; i < len; i += taken) {
		char unit[4];

		escaped += convert(unit, PRINTABLE_ESCAPED, text + i, len - i, &taken);
	}
	return escaped;
}

static bool continues_character(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

const char *printable_copy_path(char *out, size_t size, const char *path)
{
	size_t len = strlen(path), dots = 0;

	if (escaped_len(path, len) >= size) {
		dots = sizeof ELLIPSIS - 1;
		while (len > 0 &&
		       (escaped_len(path, len) >= size - dots || continues_character(*path))) {
			path++;
			len--;
		}
		memcpy(out, ELLIPSIS, dots);
	}
	printable_copy(out + dots, size - dots, PRINTABLE_ESCAPED, path, len);
	return out;
}
