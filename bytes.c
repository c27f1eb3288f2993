/* SPDX-License-Identifier: ISC */
/* Owns how newlines are found and lines copied fast; not what a line is. Invariant: nothing is read
 * but the bytes given, and nothing written but as many. */
#include "bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(BYTES_PORTABLE)
#include <emmintrin.h>
#endif

/* A block is what one instruction looks at. */
#if defined(__SSE2__) && !defined(BYTES_PORTABLE)
#define BLOCK 16

typedef __m128i block;

static inline block load(const char *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline void store(char *at, block bytes)
{
	_mm_storeu_si128((__m128i *)(void *)at, bytes);
}

/* Returns the block with its newlines marked, and all else cleared. */
static inline block mark(block bytes)
{
	return _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
}

static inline block either(block a, block b)
{
	return _mm_or_si128(a, b);
}

static inline bool is_marked(block marked)
{
	return _mm_movemask_epi8(marked) != 0;
}

static inline uint64_t marks(block marked)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(marked);
}

/* Returns which byte of a block is the first that is marked. */
static inline int first_marked(block marked)
{
	return __builtin_ctzll(marks(marked));
}

/* Returns the same for a chunk, without asking block by block: lines differ in length, which no
 * processor can foresee. */
static inline int first_of_chunk(block a, block b, block c, block d)
{
	return __builtin_ctzll(marks(a) | marks(b) << 16 | marks(c) << 32 | marks(d) << 48);
}
#else
#define BLOCK 8
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

typedef uint64_t block;

static inline block load(const char *at)
{
	block bytes;

	memcpy(&bytes, at, sizeof bytes);
	return bytes;
}

static inline void store(char *at, block bytes)
{
	memcpy(at, &bytes, sizeof bytes);
}

/* Returns a block with the highest bit of each byte set where bytes has a newline. No sum carries
 * from one byte into the next. */
static inline block mark(block bytes)
{
	bytes ^= EACH('\n');
	return ~((bytes & EACH(0x7f)) + EACH(0x7f)) & ~bytes & EACH(0x80);
}

static inline block either(block a, block b)
{
	return a | b;
}

static inline bool is_marked(block marked)
{
	return marked != 0;
}

static inline int first_marked(block marked)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	marked = __builtin_bswap64(marked);
#endif
	return __builtin_ctzll(marked) / 8;
}

static inline int first_of_chunk(block a, block b, block c, block d)
{
	if (a)
		return first_marked(a);
	if (b)
		return BLOCK + first_marked(b);
	return c ? 2 * BLOCK + first_marked(c) : 3 * BLOCK + first_marked(d);
}
#endif

#define CHUNK (4 * BLOCK)

/* Looks for a newline in a chunk, of which most have none where lines are long. Returns whether
 * there is one; *at: where. */
static inline bool find_in_chunk(block a, block b, block c, block d, int *at)
{
	a = mark(a);
	b = mark(b);
	c = mark(c);
	d = mark(d);
	if (!is_marked(either(either(a, b), either(c, d))))
		return false;
	*at = first_of_chunk(a, b, c, d);
	return true;
}

const char *bytes_find_newline(const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len;
	int found;

	for (; end - at >= CHUNK; at += CHUNK)
		if (find_in_chunk(load(at), load(at + BLOCK), load(at + 2 * BLOCK),
				  load(at + 3 * BLOCK), &found))
			return at + found;
	for (; end - at >= BLOCK; at += BLOCK) {
		block marked = mark(load(at));

		if (is_marked(marked))
			return at + first_marked(marked);
	}
	while (at < end && *at != '\n')
		at++;
	return at < end ? at : NULL;
}

size_t bytes_last_line(const char *bytes, size_t len)
{
	const char *end = bytes + len;
	int found;

	while (end - bytes >= CHUNK &&
	       !find_in_chunk(load(end - CHUNK), load(end - 3 * BLOCK), load(end - 2 * BLOCK),
			      load(end - BLOCK), &found))
		end -= CHUNK;
	while (end > bytes && end[-1] != '\n')
		end--;
	return (size_t)(end - bytes);
}

const char *bytes_copy_line(char *out, const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len;
	int found;

	for (; end - at >= CHUNK; at += CHUNK, out += CHUNK) {
		block a = load(at), b = load(at + BLOCK), c = load(at + 2 * BLOCK),
		      d = load(at + 3 * BLOCK);

		store(out, a);
		store(out + BLOCK, b);
		store(out + 2 * BLOCK, c);
		store(out + 3 * BLOCK, d);
		if (find_in_chunk(a, b, c, d, &found))
			return at + found;
	}
	for (; end - at >= BLOCK; at += BLOCK, out += BLOCK) {
		block copied = load(at), marked = mark(copied);

		store(out, copied);
		if (is_marked(marked))
			return at + first_marked(marked);
	}
	while (at < end && *at != '\n')
		*out++ = *at++;
	return at < end ? at : NULL;
}
