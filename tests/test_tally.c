/* SPDX-License-Identifier: ISC */
/* tally.c: counts that others see, and may have written to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board.h"
#include "tally.h"

static void test_tally_add_nobody_sees_it_is_counted(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	tally_add(&tally, 2, 30);
	tally_add(&tally, 0, 5);
	assert_int_equal(tally.lines, 2);
	assert_int_equal(tally.bytes, 35);
}

static void test_tally_show_what_was_counted_before_is_seen(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown = { 77, 88 };

	(void)state;
	tally_add(&tally, 2, 30);
	tally_show(&tally, &shown);
	assert_int_equal(shown.lines, 2);
	assert_int_equal(shown.bytes, 30);
}

static void test_tally_show_nothing_was_counted_overwrites_what_was_there(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown = { 77, 88 };

	(void)state;
	tally_show(&tally, &shown);
	assert_int_equal(shown.lines, 0);
	assert_int_equal(shown.bytes, 0);
}

static void test_tally_add_garbage_that_others_wrote_is_gone(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown;

	(void)state;
	tally_show(&tally, &shown);
	tally_add(&tally, 1, 10);
	shown = (struct board_stream){ UINT64_MAX, UINT64_MAX };
	tally_add(&tally, 1, 10);
	assert_int_equal(shown.lines, 2);
	assert_int_equal(shown.bytes, 20);
}

static void test_tally_add_more_than_32_bits_grows_on(void **state)
{
	struct tally tally = { 0 };
	struct board_stream shown;

	(void)state;
	tally_show(&tally, &shown);
	tally_add(&tally, UINT32_MAX, UINT32_MAX);
	tally_add(&tally, 2, 3);
	assert_true(shown.lines == UINT64_C(0x100000001));
	assert_true(shown.bytes == UINT64_C(0x100000002));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tally_add_nobody_sees_it_is_counted),
		cmocka_unit_test(test_tally_show_what_was_counted_before_is_seen),
		cmocka_unit_test(test_tally_show_nothing_was_counted_overwrites_what_was_there),
		cmocka_unit_test(test_tally_add_garbage_that_others_wrote_is_gone),
		cmocka_unit_test(test_tally_add_more_than_32_bits_grows_on),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
