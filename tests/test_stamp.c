/* SPDX-License-Identifier: ISC */
/* stamp.c: dates that people know, the bounds, and the same calendar as libc's over many random
 * times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"
#include "stamp.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_stamp(const struct stamp *stamp, const char *expected)
{
	char text[STAMP_LEN + 1];

	memcpy(text, stamp->text, STAMP_LEN);
	text[STAMP_LEN] = '\0';
	assert_string_equal(text, expected);
}

static const struct {
	int64_t second;
	int32_t millisecond;
	const char *text;
} known[] = {
	{ 0, 0, "1970-01-01T00:00:00.000Z" },
	{ 1, 1, "1970-01-01T00:00:01.001Z" },
	{ 59, 999, "1970-01-01T00:00:59.999Z" },
	{ 86399, 0, "1970-01-01T23:59:59.000Z" },
	{ 86400, 0, "1970-01-02T00:00:00.000Z" },
	{ 951782399, 0, "2000-02-28T23:59:59.000Z" },
	{ 951782400, 0, "2000-02-29T00:00:00.000Z" },
	{ 951868800, 0, "2000-03-01T00:00:00.000Z" },
	{ 978307199, 0, "2000-12-31T23:59:59.000Z" },
	{ 1078012800, 0, "2004-02-29T00:00:00.000Z" },
	{ 1795327420, 642, "2026-11-22T06:03:40.642Z" },
	{ 2147483647, 0, "2038-01-19T03:14:07.000Z" },
	{ 2147483648, 0, "2038-01-19T03:14:08.000Z" },
	{ 4107542399, 0, "2100-02-28T23:59:59.000Z" },
	{ 4107542400, 0, "2100-03-01T00:00:00.000Z" },
	{ 253402300799, 999, "9999-12-31T23:59:59.999Z" },
	{ -1, 0, "1969-12-31T23:59:59.000Z" },
	{ -86400, 5, "1969-12-31T00:00:00.005Z" },
	{ -86401, 0, "1969-12-30T23:59:59.000Z" },
	{ -2203891200, 0, "1900-03-01T00:00:00.000Z" },
	{ -2203891201, 0, "1900-02-28T23:59:59.000Z" },
	{ -62135596800, 0, "0001-01-01T00:00:00.000Z" },
	{ -62162035201, 0, "0000-02-29T23:59:59.000Z" },
	{ -62167219200, 0, "0000-01-01T00:00:00.000Z" },
};

static void test_stamp_set_known_times_reads_as_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct stamp stamp = { .valid = 0 };

		stamp_set(&stamp, known[i].second, known[i].millisecond);
		assert_stamp(&stamp, known[i].text);
	}
}

static void test_stamp_set_one_after_the_other_leaves_nothing_behind(void **state)
{
	struct stamp stamp = { .valid = 0 };

	(void)state;
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(known); i++) {
			stamp_set(&stamp, known[i * 7 % COUNT(known)].second,
				  known[i * 7 % COUNT(known)].millisecond);
			assert_stamp(&stamp, known[i * 7 % COUNT(known)].text);
		}
	}
}

static void test_stamp_set_out_of_range_is_held_at_the_bound(void **state)
{
	static const int64_t above[] = { 253402300800, INT64_MAX },
			     below[] = { -62167219201, INT64_MIN };
	struct stamp stamp = { .valid = 0 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		stamp_set(&stamp, above[i], 7);
		assert_stamp(&stamp, "9999-12-31T23:59:59.007Z");
		stamp_set(&stamp, below[i], 8);
		assert_stamp(&stamp, "0000-01-01T00:00:00.008Z");
	}
}

static void test_stamp_set_same_time_touches_nothing(void **state)
{
	struct stamp stamp = { .valid = 0 };

	(void)state;
	stamp_set(&stamp, 1795327420, 642);
	memset(stamp.text, '#', STAMP_LEN);
	stamp_set(&stamp, 1795327420, 642);
	assert_stamp(&stamp, "########################");
}

static void test_stamp_set_same_second_only_changes_the_milliseconds(void **state)
{
	struct stamp stamp = { .valid = 0 };

	(void)state;
	stamp_set(&stamp, 1795327420, 642);
	memset(stamp.text, '#', 20);
	stamp_set(&stamp, 1795327420, 7);
	assert_stamp(&stamp, "####################007Z");
	stamp_set(&stamp, 1795327421, 7);
	assert_stamp(&stamp, "2026-11-22T06:03:41.007Z");
}

/* The first time ever may look like the zeroed memory. */
static void test_stamp_set_zeroed_stamp_is_not_taken_for_1970(void **state)
{
	struct stamp stamp = { .valid = 0 };

	(void)state;
	stamp_set(&stamp, 0, 0);
	assert_stamp(&stamp, "1970-01-01T00:00:00.000Z");
}

static void test_stamp_set_random_times_agree_with_gmtime(void **state)
{
	struct stamp stamp = { .valid = 0 };
	uint64_t random = 1;
	const int count = rig_is_brief() ? 50000 : 1000000;

	(void)state;
	for (int i = 0; i < count; i++) {
		char expected[64];
		struct tm tm;
		time_t time;
		int32_t millisecond;

		random = random * 6364136223846793005u + 1442695040888963407u;
		time = (time_t)(-62167219200 + (int64_t)((random >> 20) % 315569520000));
		millisecond = (int32_t)(random >> 8 & 511);
		assert_non_null(gmtime_r(&time, &tm));
		snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
			 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, millisecond);
		stamp_set(&stamp, time, millisecond);
		if (memcmp(stamp.text, expected, STAMP_LEN) != 0)
			assert_stamp(&stamp, expected);
	}
}

static void test_stamp_now_is_between_before_and_after(void **state)
{
	struct stamp stamp = { .valid = 0 }, before = stamp, after = stamp;
	struct timespec time;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &time);
	stamp_set(&before, time.tv_sec, (int32_t)(time.tv_nsec / 1000000));
	stamp_now(&stamp);
	clock_gettime(CLOCK_REALTIME, &time);
	stamp_set(&after, time.tv_sec, (int32_t)(time.tv_nsec / 1000000));
	assert_true(memcmp(before.text, stamp.text, STAMP_LEN) <= 0);
	assert_true(memcmp(stamp.text, after.text, STAMP_LEN) <= 0);
}

static void test_stamp_duration_has_two_units_at_most(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0.0 s" },
		{ 99, "0.0 s" },
		{ 100, "0.1 s" },
		{ 449, "0.4 s" },
		{ 1300, "1.3 s" },
		{ 9999, "9.9 s" },
		{ 10000, "10 s" },
		{ 12999, "12 s" },
		{ 59999, "59 s" },
		{ 60000, "1 min" },
		{ 61000, "1 min 1 s" },
		{ 192000, "3 min 12 s" },
		{ 3599999, "59 min 59 s" },
		{ 3600000, "1 h" },
		{ 3659999, "1 h" },
		{ 18180000, "5 h 3 min" },
		{ 86399999, "23 h 59 min" },
		{ 86400000, "1 d" },
		{ 277200000, "3 d 5 h" },
		{ 86400000000, "1000 d" },
		{ UINT64_MAX, "213503982334 d 14 h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[STAMP_DURATION_SIZE];

		stamp_duration(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stamp_set_known_times_reads_as_known),
		cmocka_unit_test(test_stamp_set_one_after_the_other_leaves_nothing_behind),
		cmocka_unit_test(test_stamp_set_out_of_range_is_held_at_the_bound),
		cmocka_unit_test(test_stamp_set_same_time_touches_nothing),
		cmocka_unit_test(test_stamp_set_same_second_only_changes_the_milliseconds),
		cmocka_unit_test(test_stamp_set_zeroed_stamp_is_not_taken_for_1970),
		cmocka_unit_test(test_stamp_set_random_times_agree_with_gmtime),
		cmocka_unit_test(test_stamp_now_is_between_before_and_after),
		cmocka_unit_test(test_stamp_duration_has_two_units_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
