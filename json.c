/* SPDX-License-Identifier: ISC */
/* Owns: what counts as a JSON object and as UTF-8, and how bytes become the inside of a JSON
 * string. Does not: know of lines, streams or fields, allocate, or recurse.
 *
 * Invariant of the validator: the text between the white space ends in '}', and only two things
 * consume a '}': a string, which looks at its bounds, and the end of an object, after which the
 * end of the text is checked. Everything else stops at that last byte by itself, and so needs no
 * bounds, but where it looks at whole blocks. */
#include "json.h"

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#include <emmintrin.h>
#endif

/* How far one look ahead reaches: a bit for each byte. */
#define WINDOW 64

/* A text under examination. Most bytes of a log line are inside strings, where only a few bytes
 * matter ("stops"): the quotation mark, the backslash, control characters, and whatever is not
 * ASCII. They are searched for in whole windows, ahead of the parser, so that the end of a
 * string is found with a shift and a count instead of a loop. */
struct text {
	const unsigned char *end;
	/* Where the last look ahead began. */
	const unsigned char *window;
	/* Bit n: window[n] is a stop. */
	uint64_t stops;
};

/* Which containers are open: a bit each, 1 for an object, the innermost lowest. Words are saved
 * when they are full. */
struct nesting {
	size_t depth;
	uint64_t kinds;
	uint64_t saved[JSON_DEPTH_MAX / 64];
};

_Static_assert(JSON_DEPTH_MAX % 64 == 0, "full words of nesting");

#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#define BLOCK 16

/* Returns the stops among the BLOCK bytes at p, the first in the lowest bit. As a signed number
 * a byte beyond ASCII is negative, and less a space (saturated) so is a control character:
 * movemask looks at the signs only. */
static inline uint64_t block_stops(const unsigned char *p)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i others = _mm_subs_epi8(bytes, _mm_set1_epi8(' '));

	return (uint64_t)(unsigned)_mm_movemask_epi8(
		_mm_or_si128(_mm_or_si128(quotes, backslashes), others));
}

/* Returns which of the BLOCK bytes at p are no digits, the first in the lowest bit. */
static inline uint64_t block_no_digits(const unsigned char *p)
{
	__m128i values =
		_mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
	__m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);

	return (uint64_t)(unsigned)_mm_movemask_epi8(digits) ^ 0xffff;
}
#else
#define BLOCK 8
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Returns the bytes at p, the first of them as the lowest. */
static inline uint64_t load_block(const unsigned char *p)
{
	uint64_t bytes;

	memcpy(&bytes, p, sizeof bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bytes = __builtin_bswap64(bytes);
#endif
	return bytes;
}

/* Gathers the top bits of the eight bytes, the first in the lowest bit. */
static inline uint64_t top_bits(uint64_t bytes)
{
	return ((bytes >> 7 & EACH(1)) * UINT64_C(0x0102040810204080)) >> 56;
}

/* Returns the stops among the BLOCK bytes at p, the first in the lowest bit. No sum carries from
 * one byte into the next: the top bit of each says that its byte is no stop. */
static inline uint64_t block_stops(const unsigned char *p)
{
	uint64_t bytes = load_block(p), low = bytes & EACH(0x7f), clear;

	clear = (low ^ EACH('"')) + EACH(0x7f);
	clear &= (low ^ EACH('\\')) + EACH(0x7f);
	clear &= (low + EACH(0x80 - ' ')) & ~bytes;
	return top_bits(~clear);
}

/* Returns which of the BLOCK bytes at p are no digits, the first in the lowest bit, in the same
 * way. */
static inline uint64_t block_no_digits(const unsigned char *p)
{
	uint64_t values = load_block(p) ^ EACH('0');

	return top_bits(((values & EACH(0x7f)) + EACH(0x7f - 9)) | values);
}
#endif

/* Returns the stops from p on, as far as a window reaches. At the end of the text the last block
 * is read once more, shifted, as nothing behind it may be read: the text has at least BLOCK
 * bytes. */
static uint64_t look_ahead(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);
	uint64_t stops = 0;
	size_t i;

	if (left >= WINDOW) {
#pragma GCC unroll 8
		for (i = 0; i < WINDOW; i += BLOCK)
			stops |= block_stops(p + i) << i;
		return stops;
	}
	for (i = 0; i + BLOCK <= left; i += BLOCK)
		stops |= block_stops(p + i) << i;
	if (i < left)
		stops |= block_stops(end - BLOCK) >> (i + BLOCK - left) << i;
	return stops;
}

/* Does the slow half of find_stop: what is left of the window has no stop, or p is beyond it. */
static const unsigned char *find_stop_ahead(struct text *text, const unsigned char *p)
{
	uint64_t stops;

	if (p - text->window < WINDOW) {
		if (text->end - text->window <= WINDOW)
			return text->end - 1;
		p = text->window + WINDOW;
	}
	while ((stops = look_ahead(p, text->end)) == 0) {
		if (text->end - p <= WINDOW)
			return text->end - 1;
		p += WINDOW;
	}
	text->window = p;
	text->stops = stops;
	return p + __builtin_ctzll(stops);
}

/* Returns the first stop at or after p, or the last byte of the text where there is none. */
static inline const unsigned char *find_stop(struct text *text, const unsigned char *p)
{
	size_t at = (size_t)(p - text->window);
	uint64_t stops = at < WINDOW ? text->stops >> at : 0;

	return stops != 0 ? p + __builtin_ctzll(stops) : find_stop_ahead(text, p);
}

static inline bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Returns whether second may follow lead, a byte that begins a character of three or four bytes:
 * some leads leave out what would be overlong, a surrogate, or above U+10FFFF. */
static inline bool is_second(unsigned char lead, unsigned char second)
{
	switch (lead) {
	case 0xe0: return second >= 0xa0 && second <= 0xbf;
	case 0xed: return second >= 0x80 && second <= 0x9f;
	case 0xf0: return second >= 0x90 && second <= 0xbf;
	case 0xf4: return second >= 0x80 && second <= 0x8f;
	default: return is_continuation(second);
	}
}

/* Does what json_utf8_char does, without bounds: reads no byte behind the first that does not
 * fit. */
static inline size_t char_len(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2)
		return 0;
	if (p[0] < 0xe0)
		return is_continuation(p[1]) ? 2 : 0;
	if (p[0] < 0xf0)
		return is_second(p[0], p[1]) && is_continuation(p[2]) ? 3 : 0;
	if (p[0] < 0xf5)
		return is_second(p[0], p[1]) && is_continuation(p[2]) && is_continuation(p[3]) ? 4
											       : 0;
	return 0;
}

static inline bool is_digit(unsigned char byte)
{
	return byte >= '0' && byte <= '9';
}

static inline bool is_white(unsigned char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static inline const unsigned char *skip_white(const unsigned char *p)
{
	while (is_white(*p))
		p++;
	return p;
}

/* The skip functions below take the place where something begins and return the place behind it,
 * or NULL where the bytes are not what they should be. */

static const unsigned char *skip_escape(const unsigned char *p)
{
	int i;

	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': return p + 2;
	case 'u':
		for (i = 2; i < 6; i++)
			if (!is_digit(p[i]) && !((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f'))
				return NULL;
		return p + 6;
	default: return NULL;
	}
}

/* Skips one or more characters beyond ASCII. */
static const unsigned char *skip_foreign(const unsigned char *p)
{
	do {
		size_t len = char_len(p);

		if (len == 0)
			return NULL;
		p += len;
	} while (*p >= 0x80);
	return p;
}

/* Skips the rest of a string with more than plain ASCII in it; p is at its first stop. */
static __attribute__((noinline)) const unsigned char *skip_odd_string(struct text *text,
								      const unsigned char *p)
{
	while (*p != '"') {
		if (*p == '\\')
			p = skip_escape(p);
		else if (*p >= 0x80)
			p = skip_foreign(p);
		else
			return NULL;
		if (p == NULL)
			return NULL;
		p = find_stop(text, p);
	}
	return p + 1;
}

static inline __attribute__((always_inline)) const unsigned char *skip_string(
	struct text *text, const unsigned char *p)
{
	if (*p != '"')
		return NULL;
	p = find_stop(text, p + 1);
	return *p == '"' ? p + 1 : skip_odd_string(text, p);
}

/* Skips digits, by blocks: how many there are differs from number to number, which no processor can
 * foresee. */
static inline const unsigned char *skip_digits(const unsigned char *p, const unsigned char *end)
{
	if (!is_digit(*p))
		return NULL;
	for (; end - p >= BLOCK; p += BLOCK) {
		uint64_t others = block_no_digits(p);

		if (others != 0)
			return p + __builtin_ctzll(others);
	}
	while (is_digit(*p))
		p++;
	return p;
}

static inline const unsigned char *skip_number(const unsigned char *p, const unsigned char *end)
{
	if (*p == '-')
		p++;
	p = *p == '0' ? p + 1 : skip_digits(p, end);
	if (p != NULL && *p == '.')
		p = skip_digits(p + 1, end);
	if (p != NULL && (*p == 'e' || *p == 'E')) {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		p = skip_digits(p, end);
	}
	return p;
}

static inline const unsigned char *skip_word(const unsigned char *p, const unsigned char *end,
					     const char *word, size_t len)
{
	return (size_t)(end - p) > len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static inline const unsigned char *skip_number_or_word(const struct text *text,
						       const unsigned char *p)
{
	switch (*p) {
	case 't': return skip_word(p, text->end, "true", 4);
	case 'f': return skip_word(p, text->end, "false", 5);
	case 'n': return skip_word(p, text->end, "null", 4);
	default: return skip_number(p, text->end);
	}
}

/* Skips a member's name, its colon, and the white space around them. */
static inline __attribute__((always_inline)) const unsigned char *skip_name(struct text *text,
									    const unsigned char *p)
{
	p = skip_string(text, skip_white(p));
	if (p == NULL)
		return NULL;
	p = skip_white(p);
	return *p == ':' ? skip_white(p + 1) : NULL;
}

static inline bool open_container(struct nesting *nesting, bool object)
{
	if (nesting->depth == JSON_DEPTH_MAX)
		return false;
	if (nesting->depth % 64 == 0)
		nesting->saved[nesting->depth / 64] = nesting->kinds;
	nesting->kinds = nesting->kinds << 1 | object;
	nesting->depth++;
	return true;
}

static inline void close_container(struct nesting *nesting)
{
	nesting->depth--;
	nesting->kinds >>= 1;
	if (nesting->depth % 64 == 0)
		nesting->kinds = nesting->saved[nesting->depth / 64];
}

/* Returns whether the text is one object from p to its end. */
static bool is_one_object(struct text *text, const unsigned char *p)
{
	struct nesting nesting;

	nesting.depth = 0;
	nesting.kinds = 0;
	for (;;) {
		/* Here a value begins. A container that is not empty begins with another one. */
		if (*p == '"') {
			if ((p = skip_string(text, p)) == NULL)
				return false;
		} else if (*p == '{' || *p == '[') {
			bool object = *p == '{';

			if (!open_container(&nesting, object))
				return false;
			p = skip_white(p + 1);
			if (*p != (object ? '}' : ']')) {
				if (object && (p = skip_name(text, p)) == NULL)
					return false;
				continue;
			}
		} else if ((p = skip_number_or_word(text, p)) == NULL) {
			return false;
		}

		/* Here a value has ended, and with it perhaps containers. */
		while (*(p = skip_white(p)) != ',') {
			if (*p != (nesting.kinds & 1 ? '}' : ']'))
				return false;
			p++;
			close_container(&nesting);
			if (nesting.depth == 0 || p == text->end)
				return nesting.depth == 0 && p == text->end;
		}
		if (!(nesting.kinds & 1))
			p = skip_white(p + 1);
		else if ((p = skip_name(text, p + 1)) == NULL)
			return false;
	}
}

bool json_find_object(const char *text, size_t len, struct json_object *object)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned char copy[BLOCK];
	const unsigned char *first;
	struct text body;
	size_t open = 0;

	while (open < len && is_white(bytes[open]))
		open++;
	if (open == len || bytes[open] != '{')
		return false;
	while (is_white(bytes[len - 1]))
		len--;
	if (bytes[len - 1] != '}')
		return false;
	first = bytes + open;
	body.end = bytes + len;
	if (len < BLOCK) {
		/* The look ahead needs a whole block before the end. */
		memset(copy, 0, sizeof copy);
		memcpy(copy + BLOCK - len, bytes, len);
		body.end = copy + BLOCK;
		first = body.end - (len - open);
	}
	body.window = first;
	body.stops = look_ahead(first, body.end);
	if (!is_one_object(&body, first))
		return false;
	object->open = open;
	object->close = len - 1;
	object->empty = *skip_white(first + 1) == '}';
	return true;
}

size_t json_utf8_char(const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned char copy[4] = { 0 };

	if (len == 0)
		return 0;
	if (len >= sizeof copy)
		return char_len(bytes);
	/* A NUL continues no character: what is cut short is found out there. */
	memcpy(copy, bytes, len);
	return char_len(copy);
}

/* Returns how many of the bytes at p, which are no character, one U+FFFD stands for: as many as
 * begin some character. */
static size_t ill_formed_len(const unsigned char *p, size_t len)
{
	if (len < 2 || p[0] < 0xe0 || p[0] > 0xf4 || !is_second(p[0], p[1]))
		return 1;
	return p[0] >= 0xf0 && len > 2 && is_continuation(p[2]) ? 3 : 2;
}

/* Writes the escape for an ASCII byte that may not stand for itself; returns the place behind
 * it. */
static char *quote_byte(char *out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char special[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *found = byte != '\0' ? strchr(special, byte) : NULL;

	*out++ = '\\';
	if (found != NULL) {
		*out++ = letters[found - special];
		return out;
	}
	memcpy(out, "u00", 3);
	out[3] = hex[byte >> 4];
	out[4] = hex[byte & 15];
	return out + 5;
}

/* Quotes what stands at p, a stop; moves *out, and returns how many bytes of p that took. */
static size_t quote_stop(char **out, const unsigned char *p, size_t len)
{
	size_t used;

	if (*p < 0x80) {
		*out = quote_byte(*out, *p);
		return 1;
	}
	used = json_utf8_char((const char *)p, len);
	if (used > 0) {
		memcpy(*out, p, used);
		*out += used;
		return used;
	}
	memcpy(*out, "\xef\xbf\xbd", 3);
	*out += 3;
	return ill_formed_len(p, len);
}

static inline bool is_stop(unsigned char byte)
{
	return byte == '"' || byte == '\\' || byte < ' ' || byte >= 0x80;
}

size_t json_quote(char *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + len;
	char *start = out;

	while (p < end) {
		if (end - p >= BLOCK) {
			/* What of the copied block is no use is written over: there is room for
			 * six times as much. */
			uint64_t stops = block_stops(p);
			size_t plain = stops != 0 ? (size_t)__builtin_ctzll(stops) : BLOCK;

			memcpy(out, p, BLOCK);
			out += plain;
			p += plain;
			if (stops == 0)
				continue;
		} else if (!is_stop(*p)) {
			*out++ = (char)*p++;
			continue;
		}
		p += quote_stop(&out, p, (size_t)(end - p));
	}
	return (size_t)(out - start);
}
