/* SPDX-License-Identifier: ISC */
/* pace.c: when a check is due, at the limits and with many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

#define CHECKS 1000

static void test_pace_retry_comes_a_second_after_the_last_began(void **state)
{
	(void)state;
	assert_int_equal(pace_retry(10000, 0), PACE_RETRY_MS);
	assert_int_equal(pace_retry(10000, 1), PACE_RETRY_MS - 1);
	assert_int_equal(pace_retry(10000, PACE_RETRY_MS - 1), 1);
	assert_int_equal(pace_retry(PACE_RETRY_MS + 1, 0), PACE_RETRY_MS);
	assert_int_equal(pace_retry(PACE_RETRY_MS, 0), PACE_RETRY_MS);
}

static void test_pace_retry_is_due_at_once_where_the_last_took_longer(void **state)
{
	(void)state;
	assert_int_equal(pace_retry(10000, PACE_RETRY_MS), 0);
	assert_int_equal(pace_retry(10000, PACE_RETRY_MS + 1), 0);
	assert_int_equal(pace_retry(10000, 10000), 0);
	assert_int_equal(pace_retry(10000, UINT64_MAX), 0);
}

static void test_pace_retry_of_a_shorter_interval_is_that_interval(void **state)
{
	(void)state;
	assert_int_equal(pace_retry(PACE_RETRY_MS - 1, 0), PACE_RETRY_MS - 1);
	assert_int_equal(pace_retry(300, 100), 200);
	assert_int_equal(pace_retry(300, 300), 0);
	assert_int_equal(pace_retry(1, 0), 1);
	assert_int_equal(pace_retry(1, 1), 0);
}

/* Its moments are the beginnings of the intervals. */
static void test_pace_next_of_one_alone_is_at_each_beginning(void **state)
{
	(void)state;
	assert_int_equal(pace_next(10000, 0, 1, 1, 1), 9999);
	assert_int_equal(pace_next(10000, 0, 1, 1200, 200), 8800);
	assert_int_equal(pace_next(10000, 0, 1, 9999, 200), 1);
	assert_int_equal(pace_next(10000, 0, 1, 10001, 1), 9999);
	/* After a month, too. */
	assert_int_equal(pace_next(10000, 0, 1, UINT64_C(2592000000) + 2500, 2500), 7500);
}

static void test_pace_next_others_have_moments_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(pace_next(10000, 1, 2, 1, 1), 4999);
	assert_int_equal(pace_next(10000, 1, 4, 0, 1), 2500);
	assert_int_equal(pace_next(10000, 3, 4, 0, 1), 7500);
	/* It has passed in this interval. */
	assert_int_equal(pace_next(10000, 1, 4, 2501, 1), 9999);
	assert_int_equal(pace_next(10000, 1, 4, 9999, 1), 2501);
	/* A part of a millisecond is dropped. */
	assert_int_equal(pace_next(100, 2, 3, 0, 1), 66);
}

/* At the moment itself: one that began before is over, and the next one due; one that began now is
 * the one of this moment. */
static void test_pace_next_right_at_the_moment(void **state)
{
	(void)state;
	assert_int_equal(pace_next(10000, 0, 1, 20000, 1), 0);
	assert_int_equal(pace_next(10000, 0, 1, 20000, 9999), 0);
	assert_int_equal(pace_next(10000, 0, 1, 20000, 0), 10000);
	assert_int_equal(pace_next(10000, 1, 2, 25000, 1), 0);
	assert_int_equal(pace_next(10000, 1, 2, 25000, 0), 10000);
	/* Elsewhere it is no matter that it took no time. */
	assert_int_equal(pace_next(10000, 1, 2, 24999, 0), 1);
	assert_int_equal(pace_next(10000, 1, 2, 25001, 0), 9999);
}

static void test_pace_next_of_one_that_took_its_whole_time_is_due_at_once(void **state)
{
	(void)state;
	assert_int_equal(pace_next(10000, 0, 1, 23456, 9999), 6544);
	assert_int_equal(pace_next(10000, 0, 1, 23456, 10000), 0);
	assert_int_equal(pace_next(10000, 0, 1, 23456, 10001), 0);
	assert_int_equal(pace_next(10000, 7, 9, 23456, UINT64_MAX), 0);
}

static void test_pace_next_of_the_shortest_intervals(void **state)
{
	(void)state;
	/* One millisecond has no moments to choose from. */
	assert_int_equal(pace_next(1, 0, 1, 5, 0), 1);
	assert_int_equal(pace_next(1, 999, CHECKS, 5, 0), 1);
	assert_int_equal(pace_next(1, 999, CHECKS, 5, 1), 0);
	assert_int_equal(pace_next(2, 1, 2, 4, 0), 1);
	assert_int_equal(pace_next(2, 1, 2, 5, 0), 2);
	assert_int_equal(pace_next(500, 1, 2, 600, 20), 150);
}

/* Plays that many checks, from the moment on at which all were over, and fails where a second of
 * the intervals that follow has more runs than its share. (The first one's moment is the beginning
 * of a second, and so each second may have one more.) */
static void expect_shares(uint64_t interval_ms, size_t count, uint64_t from_ms, uint64_t run_ms)
{
	static unsigned begun[61];
	size_t seconds = (size_t)(interval_ms / 1000);

	for (size_t i = 0; i < sizeof begun / sizeof *begun; i++)
		begun[i] = 0;
	assert_true(seconds < sizeof begun / sizeof *begun);
	for (size_t number = 0; number < count; number++) {
		uint64_t at = from_ms + pace_next(interval_ms, number, count, from_ms, 1);

		assert_in_range(at, from_ms, from_ms + interval_ms - 1);
		begun[(at - from_ms) / 1000]++;
		/* The one after it comes an interval later, however long it takes. */
		assert_int_equal(pace_next(interval_ms, number, count, at + run_ms, run_ms),
				 interval_ms - run_ms);
	}
	for (size_t second = 0; second < seconds; second++)
		assert_in_range(begun[second], count / seconds - 1, count / seconds + 1);
}

static void test_pace_next_no_second_has_more_than_its_share(void **state)
{
	(void)state;
	expect_shares(10000, CHECKS, 1001, 30);
	expect_shares(10000, CHECKS, 0, 1);
	expect_shares(10000, CHECKS, 123456789, 9999);
	expect_shares(60000, CHECKS, 7, 250);
	expect_shares(3000, CHECKS, 2999, 0);
	expect_shares(10000, 10, 4321, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace_retry_comes_a_second_after_the_last_began),
		cmocka_unit_test(test_pace_retry_is_due_at_once_where_the_last_took_longer),
		cmocka_unit_test(test_pace_retry_of_a_shorter_interval_is_that_interval),
		cmocka_unit_test(test_pace_next_of_one_alone_is_at_each_beginning),
		cmocka_unit_test(test_pace_next_others_have_moments_of_their_own),
		cmocka_unit_test(test_pace_next_right_at_the_moment),
		cmocka_unit_test(test_pace_next_of_one_that_took_its_whole_time_is_due_at_once),
		cmocka_unit_test(test_pace_next_of_the_shortest_intervals),
		cmocka_unit_test(test_pace_next_no_second_has_more_than_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
