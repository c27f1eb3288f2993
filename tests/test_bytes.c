/* SPDX-License-Identifier: ISC */
/* bytes.c: a pure module, compared with the obvious way for every length up to some chunks. The
 * bytes touch memory that must not be read or written, on one side and on the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"

/* More than two chunks of 64 bytes and all that can remain. */
#define LEN_MAX 200
/* What bytes_copy_line must not touch. */
#define GUARD '\xaa'

/* A page that may be used, between two that may not. */
struct pages {
	char *begin, *end;
};

static int make_pages(void **state)
{
	static struct pages pages;
	size_t page = (size_t)getpagesize();
	char *all = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED || mprotect(all + page, page, PROT_READ | PROT_WRITE) < 0)
		return -1;
	pages = (struct pages){ all + page, all + 2 * page };
	*state = &pages;
	return 0;
}

static int drop_pages(void **state)
{
	struct pages *pages = *state;
	size_t page = (size_t)(pages->end - pages->begin);

	return munmap(pages->begin - page, 3 * page);
}

/* Bytes of every value but newline; those that differ from it in one bit among them. */
static void fill(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bytes[i] = (char)(i % 4 == 0 ? '\n' ^ (1 << i / 4 % 8) : (int)(i * 37 + 11));
		if (bytes[i] == '\n')
			bytes[i] = '\x0b';
	}
}

/* Calls look for bytes of every length, before the one page and behind the other. */
static void for_each_len(const struct pages *pages, void (*look)(char *bytes, size_t len))
{
	for (size_t len = 0; len <= LEN_MAX; len++) {
		fill(pages->begin, len);
		look(pages->begin, len);
		fill(pages->end - len, len);
		look(pages->end - len, len);
	}
}

/* ---- searching ---- */

static void look_for_each_newline(char *bytes, size_t len)
{
	assert_null(bytes_find_newline(bytes, len));
	assert_int_equal(bytes_last_line(bytes, len), 0);
	for (size_t at = 0; at < len; at++) {
		char before = bytes[at];

		bytes[at] = '\n';
		assert_ptr_equal(bytes_find_newline(bytes, len), bytes + at);
		assert_int_equal(bytes_last_line(bytes, len), at + 1);
		bytes[at] = before;
	}
}

static void test_bytes_find_newline_and_last_line_find_one_anywhere(void **state)
{
	for_each_len(*state, look_for_each_newline);
}

static void look_for_both_newlines(char *bytes, size_t len)
{
	for (size_t first = 0; first < len; first += 3) {
		char before = bytes[first];

		bytes[first] = '\n';
		for (size_t last = first + 1; last < len; last += 5) {
			char before_last = bytes[last];

			bytes[last] = '\n';
			assert_ptr_equal(bytes_find_newline(bytes, len), bytes + first);
			assert_int_equal(bytes_last_line(bytes, len), last + 1);
			bytes[last] = before_last;
		}
		bytes[first] = before;
	}
}

static void test_bytes_of_two_newlines_the_first_or_the_last_is_found(void **state)
{
	for_each_len(*state, look_for_both_newlines);
}

static void test_bytes_every_other_value_is_no_newline(void **state)
{
	char bytes[96];

	(void)state;
	for (int value = 0; value < 256; value++) {
		memset(bytes, value, sizeof bytes);
		if (value == '\n')
			continue;
		assert_null(bytes_find_newline(bytes, sizeof bytes));
		assert_int_equal(bytes_last_line(bytes, sizeof bytes), 0);
	}
}

/* ---- copying ---- */

/* Copies into room for len bytes; behind them stands what must stay. */
static void check_copy(const char *bytes, size_t len, const char *newline)
{
	char out[LEN_MAX + 64];
	size_t copied = newline ? (size_t)(newline - bytes) : len;

	memset(out, GUARD, sizeof out);
	assert_ptr_equal(bytes_copy_line(out, bytes, len), newline);
	assert_memory_equal(out, bytes, copied);
	for (size_t i = len; i < sizeof out; i++)
		assert_int_equal(out[i], GUARD);
}

static void copy_each_line(char *bytes, size_t len)
{
	check_copy(bytes, len, NULL);
	for (size_t at = 0; at < len; at += 1 + at / 70) {
		char before = bytes[at];

		bytes[at] = '\n';
		check_copy(bytes, len, bytes + at);
		bytes[at] = before;
	}
}

static void test_bytes_copy_line_copies_up_to_the_newline_and_nothing_behind_len(void **state)
{
	for_each_len(*state, copy_each_line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_find_newline_and_last_line_find_one_anywhere),
		cmocka_unit_test(test_bytes_of_two_newlines_the_first_or_the_last_is_found),
		cmocka_unit_test(test_bytes_every_other_value_is_no_newline),
		cmocka_unit_test(
			test_bytes_copy_line_copies_up_to_the_newline_and_nothing_behind_len),
	};

	return cmocka_run_group_tests_name("bytes", tests, make_pages, drop_pages);
}
