/* SPDX-License-Identifier: ISC */
/* nearest.c: typing errors that people make, and names that only look alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nearest.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The names are copied to memory that ends where they do, without a NUL: a byte more that is read
 * is seen by the sanitizer. */
static bool is_close(const char *wrong, const char *right, unsigned *errors)
{
	size_t wrong_len = strlen(wrong), right_len = strlen(right);
	char *a = malloc(wrong_len + !wrong_len), *b = malloc(right_len + !right_len);
	bool close;

	assert_non_null(a);
	assert_non_null(b);
	memcpy(a, wrong, wrong_len);
	memcpy(b, right, right_len);
	*errors = 12345;
	close = nearest_is_close(a, wrong_len, b, right_len, errors);
	free(a);
	free(b);
	return close;
}

static void expect(const char *wrong, const char *right, bool close, unsigned errors)
{
	unsigned found;

	if (is_close(wrong, right, &found) != close)
		fail_msg("%s, %s: should%s be close", wrong, right, close ? "" : " not");
	if (found != errors)
		fail_msg("%s, %s: %u errors, not %u", wrong, right, found, errors);
	/* How many errors there are is the same from both sides. */
	is_close(right, wrong, &found);
	assert_int_equal(found, errors);
}

static void test_nearest_is_close_counts_each_typing_error(void **state)
{
	(void)state;
	expect("web", "web", true, 0);
	/* Left out, inserted, replaced, swapped: in the middle and at both ends. */
	expect("LOG_EVEL", "LOG_LEVEL", true, 1);
	expect("OG_LEVEL", "LOG_LEVEL", true, 1);
	expect("LOG_LEVE", "LOG_LEVEL", true, 1);
	expect("LOG_LLEVEL", "LOG_LEVEL", true, 1);
	expect("XLOG_LEVEL", "LOG_LEVEL", true, 1);
	expect("LOG_LEVELS", "LOG_LEVEL", true, 1);
	expect("LOG-LEVEL", "LOG_LEVEL", true, 1);
	expect("LOG_ELVEL", "LOG_LEVEL", true, 1);
	expect("OLG_LEVEL", "LOG_LEVEL", true, 1);
	expect("LOG_LEVLE", "LOG_LEVEL", true, 1);
	expect("LOG_LVELE", "LOG_LEVEL", true, 2);
	/* No letter is changed twice: "ca" is not swapped and then parted. */
	expect("caxyz", "abcxyz", true, 3);
}

static void test_nearest_is_close_three_errors_are_the_most(void **state)
{
	(void)state;
	expect("postgrXYZ", "postgresql", false, 4);
	expect("postgreXYZ", "postgresql", true, 3);
	expect("zebrafinch", "postgresql", false, 10);
}

/* Short names would otherwise all be close to each other. */
static void test_nearest_is_close_half_of_the_letters_are_the_most(void **state)
{
	(void)state;
	expect("wb", "db", true, 1);
	expect("wx", "db", false, 2);
	expect("x", "d", false, 1);
	expect("wxy", "web", false, 2);
	expect("weXY", "webs", true, 2);
	expect("wXYZ", "webs", false, 3);
	/* What counts is the right name's half. */
	expect("abcXYZ", "abcdef", true, 3);
	expect("abXYZ", "abcde", false, 3);
}

static void test_nearest_is_close_parts_are_close(void **state)
{
	(void)state;
	/* The beginning and the end, whichever is longer. */
	expect("KILL", "KILL_TIMEOUT", true, 8);
	expect("TIMEOUT", "KILL_TIMEOUT", true, 5);
	expect("KILL_TIMEOUT_SECONDS", "KILL_TIMEOUT", true, 8);
	expect("MY_KILL_TIMEOUT", "KILL_TIMEOUT", true, 3);
	/* A shorter form: the letters in their order, half of them, from the first on. */
	expect("REPARENT_POLICY", "REPARENTING_POLICY", true, 3);
	expect("REP_POLY", "REPARENTING_POLY", true, 8);
	expect("RE_POLY", "REPARENTING_POLY", false, 9);
	expect("RPRNTNGPLCY", "REPARENTING_POLICY", true, 7);
	expect("RPRNTP", "REPARENTING_POLICY", false, 12);
	expect("EPRNTNGPLCY", "REPARENTING_POLICY", false, 7);
	/* Each letter counts once. */
	expect("aab", "abxyz", false, 4);
	/* Three letters are the fewest. */
	expect("LOG", "LOG_LEVEL", true, 6);
	expect("LO", "LOG_LEVEL", false, 7);
	expect("VEL", "LOG_LEVEL", true, 6);
	/* In the middle is none. */
	expect("LEVE", "LOG_LEVELS", false, 6);
}

static void test_nearest_is_close_empty_name_is_close_to_none(void **state)
{
	(void)state;
	expect("", "web", false, 3);
	expect("web", "", false, 3);
	/* Nothing is wrong with it. */
	expect("", "", true, 0);
}

/* The time is bounded, and so is the memory. */
static void test_nearest_is_close_long_names_are_close_to_none(void **state)
{
	char longest[NEAREST_LEN_MAX + 1], longer[NEAREST_LEN_MAX + 2];
	unsigned errors;

	(void)state;
	memset(longest, 'x', NEAREST_LEN_MAX);
	memset(longer, 'x', NEAREST_LEN_MAX + 1);
	longest[NEAREST_LEN_MAX] = longer[NEAREST_LEN_MAX + 1] = '\0';
	expect(longest, longest, true, 0);
	expect("xxx", longest, true, NEAREST_LEN_MAX - 3);
	assert_false(is_close(longer, longest, &errors));
	assert_true(errors > NEAREST_LEN_MAX);
	assert_false(is_close(longest, longer, &errors));
	assert_true(errors > NEAREST_LEN_MAX);
	assert_false(is_close(longer, longer, &errors));
}

/* A name is bytes: also those that are no letters. */
static void test_nearest_is_close_any_bytes_are_compared(void **state)
{
	unsigned errors;

	(void)state;
	expect("caf\xc3\xa9", "cafe", true, 2);
	expect("\xff\xfe\xfd", "\xff\xfe\xfc", true, 1);
	assert_true(nearest_is_close("we\0b", 4, "web", 3, &errors));
	assert_int_equal(errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest_is_close_counts_each_typing_error),
		cmocka_unit_test(test_nearest_is_close_three_errors_are_the_most),
		cmocka_unit_test(test_nearest_is_close_half_of_the_letters_are_the_most),
		cmocka_unit_test(test_nearest_is_close_parts_are_close),
		cmocka_unit_test(test_nearest_is_close_empty_name_is_close_to_none),
		cmocka_unit_test(test_nearest_is_close_long_names_are_close_to_none),
		cmocka_unit_test(test_nearest_is_close_any_bytes_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
