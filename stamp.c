/* SPDX-License-Identifier: ISC */
/* Owns the arithmetic from seconds to a calendar date, and to days, hours and minutes; asks no
 * libc for a date (gmtime reads time zone files in some). Invariant: while valid, text is the form
 * of second and millisecond. */
#include "stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE 60
#define HOUR 3600
#define DAY 86400
/* Less than so many seconds are shown with tenths. */
#define FEW_SECONDS 10
/* 9999-12-31T23:59:59 */
#define SECOND_MAX INT64_C(253402300799)
/* 0000-01-01T00:00:00 */
#define SECOND_MIN INT64_C(-62167219200)

static void put_digits(char *at, int count, int64_t value)
{
	while (count-- > 0) {
		at[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Writes the civil date of a day number, counted in eras of 400 years that begin on a 1 March,
 * so that the leap day comes last (the proleptic Gregorian calendar of RFC 3339). */
static void put_date(char *at, int64_t day)
{
	/* Days from 0000-03-01 to 1970-01-01. */
	int64_t shifted = day + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	/* 0 is March. */
	int64_t month = (5 * of_year + 2) / 153;
	int64_t day_of_month = of_year - (153 * month + 2) / 5 + 1;
	int64_t year = year_of_era + era * 400 + (month >= 10);

	put_digits(at, 4, year);
	put_digits(at + 5, 2, month < 10 ? month + 3 : month - 9);
	put_digits(at + 8, 2, day_of_month);
}

void stamp_set(struct stamp *stamp, int64_t second, int32_t millisecond)
{
	if (second > SECOND_MAX)
		second = SECOND_MAX;
	if (second < SECOND_MIN)
		second = SECOND_MIN;
	if (!stamp->valid || second != stamp->second) {
		int64_t day = (second - SECOND_MIN) / DAY + SECOND_MIN / DAY;
		int64_t of_day = second - day * DAY;

		memcpy(stamp->text, "0000-00-00T00:00:00.000Z", STAMP_LEN);
		put_date(stamp->text, day);
		put_digits(stamp->text + 11, 2, of_day / 3600);
		put_digits(stamp->text + 14, 2, of_day / 60 % 60);
		put_digits(stamp->text + 17, 2, of_day % 60);
		stamp->second = second;
	} else if (millisecond == stamp->millisecond) {
		return;
	}
	put_digits(stamp->text + 20, 3, millisecond);
	stamp->millisecond = millisecond;
	stamp->valid = 1;
}

void stamp_now(struct stamp *stamp)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	stamp_set(stamp, now.tv_sec, (int32_t)(now.tv_nsec / 1000000));
}

/* Writes a number of a unit, and after it a number of a smaller unit, unless that number is 0. */
static void put_units(char text[STAMP_DURATION_SIZE], uint64_t much, const char *unit,
		      uint64_t little, const char *small_unit)
{
	if (little > 0)
		snprintf(text, STAMP_DURATION_SIZE, "%" PRIu64 " %s %" PRIu64 " %s", much, unit,
			 little, small_unit);
	else
		snprintf(text, STAMP_DURATION_SIZE, "%" PRIu64 " %s", much, unit);
}

void stamp_duration(uint64_t ms, char text[STAMP_DURATION_SIZE])
{
	uint64_t seconds = ms / 1000;

	if (seconds < FEW_SECONDS)
		snprintf(text, STAMP_DURATION_SIZE, "%" PRIu64 ".%" PRIu64 " s", seconds,
			 ms / 100 % 10);
	else if (seconds < MINUTE)
		put_units(text, seconds, "s", 0, "");
	else if (seconds < HOUR)
		put_units(text, seconds / MINUTE, "min", seconds % MINUTE, "s");
	else if (seconds < DAY)
		put_units(text, seconds / HOUR, "h", seconds % HOUR / MINUTE, "min");
	else
		put_units(text, seconds / DAY, "d", seconds % DAY / HOUR, "h");
}
