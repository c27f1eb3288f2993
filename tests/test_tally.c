/* SPDX-License-Identifier: ISC */
/* tally.c: what is counted, and what of it is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board.h"
#include "tally.h"

static void test_tally_add_what_nobody_sees_is_counted_and_shown_later(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown = { 0 };

	(void)state;
	tally_add(&tally, 2, 30);
	tally_add(&tally, 0, 5);
	tally_show(&tally, &shown);
	assert_int_equal(shown.lines, 2);
	assert_int_equal(shown.bytes, 35);
	tally_add(&tally, 1, 0);
	assert_int_equal(shown.lines, 3);
	assert_int_equal(shown.bytes, 35);
}

/* What is shown is never read. */
static void test_tally_add_garbage_where_it_is_shown_is_overwritten(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown = { 0 };

	(void)state;
	tally_show(&tally, &shown);
	tally_add(&tally, 1, 10);
	shown = (struct board_stream){ .lines = UINT64_MAX, .bytes = UINT64_MAX };
	tally_add(&tally, 1, 10);
	assert_int_equal(shown.lines, 2);
	assert_int_equal(shown.bytes, 20);
}

static void test_tally_hide_counts_on_and_leaves_alone_what_was_shown(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown = { 0 }, again = { 0 };

	(void)state;
	tally_show(&tally, &shown);
	tally_add(&tally, 1, 10);
	tally_hide(&tally);
	tally_add(&tally, 1, 10);
	assert_int_equal(shown.lines, 1);
	assert_int_equal(shown.bytes, 10);
	tally_show(&tally, &again);
	assert_int_equal(again.lines, 2);
	assert_int_equal(again.bytes, 20);
}

static void test_tally_add_counts_beyond_32_bits(void **state)
{
	struct tally tally = { .lines = UINT32_MAX, .bytes = UINT32_MAX };
	struct board_stream shown = { 0 };

	(void)state;
	tally_show(&tally, &shown);
	tally_add(&tally, 1, 2);
	assert_true(shown.lines == UINT64_C(1) << 32);
	assert_true(shown.bytes == (UINT64_C(1) << 32) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tally_add_what_nobody_sees_is_counted_and_shown_later),
		cmocka_unit_test(test_tally_add_garbage_where_it_is_shown_is_overwritten),
		cmocka_unit_test(test_tally_hide_counts_on_and_leaves_alone_what_was_shown),
		cmocka_unit_test(test_tally_add_counts_beyond_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
