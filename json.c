/* SPDX-License-Identifier: ISC */
/* Owns: what counts as a JSON object and as UTF-8, and how bytes become the inside of a JSON
 * string. Does not: know of lines, streams or fields, allocate, or recurse.
 *
 * Invariant of the validator: the last byte of a text is a newline where lines are taken from it,
 * and else the '}' with which the object should end. Only the end of an object consumes a '}',
 * after which the end of the text is checked, and nothing consumes such a newline. So all else
 * stops at that last byte by itself, and needs no bounds, but where it looks at whole blocks. */
#include "json.h"

#include <endian.h>
#include <string.h>
#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#include <emmintrin.h>
#endif

/* How many bytes are a window: a bit for each. */
#define WINDOW 64

/* A condition of which the compiler should know that it is seldom met. */
#define SELDOM(condition) __builtin_expect(condition, 0)

/* White space, and what of it is in a line: bit n is the byte n. */
#define WHITE_IN_LINE (UINT64_C(1) << ' ' | 1 << '\t' | 1 << '\r')
#define WHITE (WHITE_IN_LINE | 1 << '\n')

/* Most bytes of a log line are inside strings, where only a few bytes matter ("stops"): the
 * quotation mark, the backslash, control characters, and whatever is not ASCII. They are searched
 * for in many windows at once, ahead of the parser, and taken one after the other. The parser reads
 * what stands between two strings byte by byte, and so never waits for a search. */
struct ahead {
	const unsigned char *window;
	/* Bit n: window[n] is a stop that the parser has not passed. */
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
	return le64toh(bytes);
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

/* Returns the stops of the window at p. */
static inline uint64_t look_at_window(const unsigned char *p)
{
	uint64_t stops = 0;

#pragma GCC unroll 8
	for (size_t i = 0; i < WINDOW; i += BLOCK)
		stops |= block_stops(p + i) << i;
	return stops;
}

/* Looks at the windows from p on, as many as are kept. The last of all may be short. */
static __attribute__((noinline)) void look_ahead(struct json_text *text, const unsigned char *p)
{
	size_t len = (size_t)(text->end - p), n;

	text->first = p;
	for (n = 0; n < JSON_WINDOWS && (n + 1) * WINDOW <= len; n++)
		text->stops[n] = look_at_window(p + n * WINDOW);
	if (n < JSON_WINDOWS && n * WINDOW < len) {
		unsigned char last[WINDOW];

		memset(last, ' ', sizeof last);
		memcpy(last, p + n * WINDOW, len - n * WINDOW);
		text->stops[n++] = look_at_window(last);
	}
	text->windows = n;
	/* What ends a search. */
	text->stops[n] = 1;
}

/* Returns the first window with a stop, beginning with number n of those that are kept. Where there
 * are no stops any more the last byte is taken for one, each time. */
static inline struct ahead find_window(struct json_text *text, size_t n)
{
	for (;;) {
		while (text->stops[n] == 0)
			n++;
		if (n < text->windows)
			return (struct ahead){ text->first + n * WINDOW, text->stops[n] };
		if ((size_t)(text->end - text->first) <= n * WINDOW)
			return (struct ahead){ text->end - 1, 1 };
		look_ahead(text, text->first + n * WINDOW);
		n = 0;
	}
}

/* Returns the next stop, which is in the window. */
static inline const unsigned char *first_stop(const struct ahead *ahead)
{
	return ahead->window + (unsigned)__builtin_ctzll(ahead->stops);
}

static inline void pass_first_stop(struct ahead *ahead)
{
	ahead->stops &= ahead->stops - 1;
}

/* Returns the next stop. */
static inline const unsigned char *next_stop(struct json_text *text, struct ahead *ahead)
{
	if (SELDOM(ahead->stops == 0))
		*ahead = find_window(text, (size_t)(ahead->window - text->first) / WINDOW + 1);
	return first_stop(ahead);
}

/* Passes all stops before p. Where there are none for long the window is far ahead of p already,
 * and is not searched for again. */
static __attribute__((noinline)) struct ahead pass_stops(struct json_text *text, struct ahead ahead,
							 const unsigned char *p)
{
	size_t from = (size_t)(p - text->first), n = from / WINDOW;

	if (p <= ahead.window)
		return ahead;
	if (n >= text->windows) {
		look_ahead(text, p);
		return find_window(text, 0);
	}
	ahead.window = text->first + n * WINDOW;
	ahead.stops = text->stops[n] >> from % WINDOW << from % WINDOW;
	return ahead;
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

static inline bool is_white(uint64_t white, unsigned char byte)
{
	return byte <= ' ' && (white >> byte & 1) != 0;
}

static const unsigned char *skip_white(uint64_t white, const unsigned char *p)
{
	while (is_white(white, *p))
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

/* Goes to the end of a string with more than plain ASCII in it; or to what should not be in it. */
static __attribute__((noinline)) struct ahead find_odd_end(struct json_text *text,
							   struct ahead ahead)
{
	for (;;) {
		const unsigned char *p = next_stop(text, &ahead);

		p = *p == '\\' ? skip_escape(p) : *p >= 0x80 ? skip_foreign(p) : NULL;
		if (p == NULL)
			return ahead;
		ahead = pass_stops(text, ahead, p);
	}
}

/* Skips a string. It begins with the next stop: there is none between two strings, but for white
 * space (skip_space). */
static inline __attribute__((always_inline)) const unsigned char *skip_string(
	struct json_text *text, struct ahead *ahead)
{
	bool ends_in_window = (ahead->stops & (ahead->stops - 1)) != 0;
	const unsigned char *p;

	if (SELDOM(!ends_in_window))
		next_stop(text, ahead);
	pass_first_stop(ahead);
	if (SELDOM(!ends_in_window))
		next_stop(text, ahead);
	p = first_stop(ahead);
	if (SELDOM(*p != '"')) {
		*ahead = find_odd_end(text, *ahead);
		p = first_stop(ahead);
		if (*p != '"')
			return NULL;
	}
	pass_first_stop(ahead);
	return p + 1;
}

/* Skips white space, most often none or one space. */
static inline const unsigned char *skip_space(struct json_text *text, struct ahead *ahead,
					      const unsigned char *p)
{
	if (SELDOM(*p <= ' ')) {
		if (*p == ' ' && p[1] > ' ')
			return p + 1;
		p = skip_white(text->white, p);
		*ahead = pass_stops(text, *ahead, p);
	}
	return p;
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

static inline const unsigned char *skip_literal(const unsigned char *p, const unsigned char *end)
{
	return *p == 't'   ? skip_word(p, end, "true", 4)
	       : *p == 'f' ? skip_word(p, end, "false", 5)
	       : *p == 'n' ? skip_word(p, end, "null", 4)
			   : NULL;
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

/* Skips an object, and passes its stops. */
static const unsigned char *skip_object(struct json_text *text, const unsigned char *p)
{
	struct ahead ahead = pass_stops(text, (struct ahead){ text->window, text->left }, p);
	const unsigned char *end = text->end;
	struct nesting nesting;

	nesting.depth = 0;
	nesting.kinds = 0;
	for (;;) {
		/* Here a value begins, in an object with its name. One may begin with another. */
		if (nesting.kinds & 1) {
			if (*p != '"' && *skip_space(text, &ahead, p) != '"')
				return NULL;
			p = skip_string(text, &ahead);
			if (p == NULL || (*p != ':' && *(p = skip_space(text, &ahead, p)) != ':'))
				return NULL;
			p++;
		}
		if (*p == '"' || *(p = skip_space(text, &ahead, p)) == '"') {
			if ((p = skip_string(text, &ahead)) == NULL)
				return NULL;
		} else if (*p < 'A') {
			if ((p = skip_number(p, end)) == NULL)
				return NULL;
		} else if (*p == '{' || *p == '[') {
			bool object = *p == '{';

			if (!open_container(&nesting, object))
				return NULL;
			p = skip_space(text, &ahead, p + 1);
			if (*p != (object ? '}' : ']'))
				continue;
		} else if ((p = skip_literal(p, end)) == NULL) {
			return NULL;
		}

		/* Here a value has ended, and with it perhaps containers. */
		while (*p != ',' && *(p = skip_space(text, &ahead, p)) != ',') {
			if (*p != (nesting.kinds & 1 ? '}' : ']'))
				return NULL;
			p++;
			close_container(&nesting);
			if (nesting.depth == 0 || p == end) {
				text->window = ahead.window;
				text->left = ahead.stops;
				return nesting.depth == 0 ? p : NULL;
			}
		}
		p++;
	}
}

/* Tells where an object is: it begins at p, and behind is the place behind it. */
static void tell_object(struct json_object *object, const struct json_text *text, const char *bytes,
			const unsigned char *p, const unsigned char *behind)
{
	object->open = (size_t)((const char *)p - bytes);
	object->close = (size_t)((const char *)behind - 1 - bytes);
	object->empty = *skip_white(text->white, p + 1) == '}';
}

void json_begin_lines(struct json_text *text, const char *bytes, size_t len)
{
	text->window = (const unsigned char *)bytes;
	text->end = text->window + len;
	text->white = WHITE_IN_LINE;
	look_ahead(text, text->window);
	text->left = text->stops[0];
}

const char *json_take_object_line(struct json_text *text, const char *line,
				  struct json_object *object)
{
	const unsigned char *p = skip_white(text->white, (const unsigned char *)line);
	const unsigned char *behind = *p == '{' ? skip_object(text, p) : NULL, *newline;

	if (behind == NULL)
		return NULL;
	newline = skip_white(text->white, behind);
	if (*newline != '\n')
		return NULL;
	tell_object(object, text, line, p, behind);
	return (const char *)newline;
}

bool json_find_object(const char *text, size_t len, struct json_object *object)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	struct json_text whole;

	while (p < end && is_white(WHITE, *p))
		p++;
	while (end > p && is_white(WHITE, end[-1]))
		end--;
	if (p == end || *p != '{' || end[-1] != '}')
		return false;
	json_begin_lines(&whole, (const char *)p, (size_t)(end - p));
	whole.white = WHITE;
	if (skip_object(&whole, p) != end)
		return false;
	tell_object(object, &whole, text, p, end);
	return true;
}

size_t json_utf8_char(const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned char copy[4] = { 0 };

	if (len == 0)
		return 0;
	if (len < sizeof copy) {
		/* A NUL continues no character: what is cut short is found out there. */
		memcpy(copy, bytes, len);
		bytes = copy;
	}
	return char_len(bytes);
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
		} else if (*p != '"' && *p != '\\' && *p >= ' ' && *p < 0x80) {
			*out++ = (char)*p++;
			continue;
		}
		p += quote_stop(&out, p, (size_t)(end - p));
	}
	return (size_t)(out - start);
}
