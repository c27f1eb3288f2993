/* SPDX-License-Identifier: ISC */
/* printable.c: a pure module, tested by cases and, around its bounds, by every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "printable.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* What printable_copy must not touch. */
#define GUARD '\xaa'

static void check(enum printable_form form, const char *text, size_t len, const char *expected)
{
	char out[100];

	memset(out, GUARD, sizeof out);
	assert_int_equal(printable_copy(out, sizeof out, form, text, len), strlen(expected));
	assert_string_equal(out, expected);
	assert_int_equal(out[strlen(expected) + 1], GUARD);
}

static void test_printable_copy_cases_become_one_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *marked, *escaped;
	} cases[] = {
		{ "", 0, "", "" },
		{ "plain text ~!", 13, "plain text ~!", "plain text ~!" },
		{ "a\nb\r\t\x1b[m\x7f", 9, "a?b???[m?", "a\\x0ab\\x0d\\x09\\x1b[m\\x7f" },
		{ "a\0b", 3, "a?b", "a\\x00b" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xc2\x80\xc2\x9b"
		  "31m",
		  7, "????31m", "\\xc2\\x80\\xc2\\x9b31m" },
		{ "\xc2\x9f\xc2\xa0\xc3\x9b", 6, "??\xc2\xa0\xc3\x9b",
		  "\\xc2\\x9f\xc2\xa0\xc3\x9b" },
		{ "caf\xe9", 4, "caf?", "caf\\xe9" },
		{ "\xc0\xaf", 2, "??", "\\xc0\\xaf" },
		{ "\xed\xa0\x80", 3, "???", "\\xed\\xa0\\x80" },
		{ "cut\xe2\x82", 5, "cut??", "cut\\xe2\\x82" },
		{ "\xe2\x82\xac", 2, "??", "\\xe2\\x82" },
		{ "cut\xc3\xa4", 4, "cut?", "cut\\xc3" },
		{ "back\\slash", 10, "back\\slash", "back\\x5cslash" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		check(PRINTABLE_MARKED, cases[i].text, cases[i].len, cases[i].marked);
		check(PRINTABLE_ESCAPED, cases[i].text, cases[i].len, cases[i].escaped);
	}
}

/* A result of the longest length fits whole; a longer one is cut between two characters, as late as
 * the ellipsis allows. */
static void check_bounds(enum printable_form form, const char *unit, const char *shown)
{
	enum {
		SIZE = 41
	};
	size_t unit_len = strlen(unit), shown_len = strlen(shown);

	for (size_t count = 1; count < 2 * SIZE; count++) {
		char text[8 * SIZE], out[SIZE + 1];
		size_t len = 0;

		for (size_t i = 0; i < count; i++, len += unit_len)
			memcpy(text + len, unit, unit_len);
		out[SIZE] = GUARD;
		len = printable_copy(out, SIZE, form, text, len);
		assert_int_equal(len, strlen(out));
		assert_int_equal(out[SIZE], GUARD);
		if (count * shown_len < SIZE) {
			assert_int_equal(len, count * shown_len);
			continue;
		}
		assert_string_equal(out + len - 3, "...");
		assert_int_equal((len - 3) % shown_len, 0);
		assert_in_range(len, SIZE - shown_len, SIZE - 1);
	}
}

static void test_printable_copy_too_long_is_cut_between_characters(void **state)
{
	static const char *const units[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		check_bounds(PRINTABLE_MARKED, units[i], units[i]);
		check_bounds(PRINTABLE_ESCAPED, units[i], units[i]);
	}
	check_bounds(PRINTABLE_MARKED, "\n", "?");
	check_bounds(PRINTABLE_ESCAPED, "\n", "\\x0a");
}

static void test_printable_copy_smallest_room_holds_the_ellipsis(void **state)
{
	char out[5] = { 0, 0, 0, 0, GUARD };

	(void)state;
	assert_int_equal(printable_copy(out, 4, PRINTABLE_ESCAPED, "\n", 1), 3);
	assert_string_equal(out, "...");
	assert_int_equal(printable_copy(out, 4, PRINTABLE_MARKED, "abc", 3), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(out[4], GUARD);
}

static void test_printable_copy_marked_in_place_is_the_same(void **state)
{
	char text[] = "a\n\xc3\xa4\xff~", expected[sizeof text];
	size_t len;

	(void)state;
	len = printable_copy(expected, sizeof expected, PRINTABLE_MARKED, text, sizeof text - 1);
	assert_int_equal(len, sizeof text - 1);
	assert_int_equal(printable_copy(text, sizeof text, PRINTABLE_MARKED, text, sizeof text - 1),
			 len);
	assert_string_equal(text, expected);
}

/* Every pair of bytes, in both forms: valid UTF-8, no control character. */
static void test_printable_copy_any_bytes_are_harmless(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		const char text[] = { (char)(pair >> 8), (char)pair };
		char out[16];

		for (int form = PRINTABLE_MARKED; form <= PRINTABLE_ESCAPED; form++) {
			size_t len = printable_copy(out, sizeof out, (enum printable_form)form,
						    text, sizeof text);

			for (size_t i = 0, char_len; i < len; i += char_len) {
				char_len = json_utf8_char(out + i, len - i);
				assert_true(char_len > 0);
				assert_false(printable_is_control(out[i]));
			}
		}
	}
}

static void test_printable_copy_path_too_long_keeps_its_end(void **state)
{
	char out[11] = "";

	(void)state;
	out[10] = GUARD;
	assert_string_equal(printable_copy_path(out, 10, "/b\n/c"), "/b\\x0a/c");
	assert_string_equal(printable_copy_path(out, 10, "123456789"), "123456789");
	assert_string_equal(printable_copy_path(out, 10, "1234567890"), "...567890");
	assert_string_equal(printable_copy_path(out, 10,
						"1234\xe2\x82\xac"
						"7890"),
			    "...7890");
	/* Bytes that need four each. */
	assert_string_equal(printable_copy_path(out, 10, "\xff\xff\xff"), "...\\xff");
	assert_string_equal(printable_copy_path(out, 10, "a\\\xff"), "a\\x5c\\xff");
	assert_string_equal(printable_copy_path(out, 4, "\xff\xff"), "...");
	assert_int_equal(out[10], GUARD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printable_copy_cases_become_one_line),
		cmocka_unit_test(test_printable_copy_too_long_is_cut_between_characters),
		cmocka_unit_test(test_printable_copy_smallest_room_holds_the_ellipsis),
		cmocka_unit_test(test_printable_copy_marked_in_place_is_the_same),
		cmocka_unit_test(test_printable_copy_any_bytes_are_harmless),
		cmocka_unit_test(test_printable_copy_path_too_long_keeps_its_end),
	};

	return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
