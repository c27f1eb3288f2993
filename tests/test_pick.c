/* SPDX-License-Identifier: ISC */
/* pick.c over a list of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/pick.h"

/* The last one is not in the snapshot. */
static struct view_service services[] = { { .name = "database" },
					  { .name = "web" },
					  { .name = "webhook" },
					  { .name = "cron/9", .adopted = true },
					  { .name = "nginxx" } };
static const struct snapshot snapshot = { .list = services, .services = 3, .len = 4 };

static void expect_why(const char *name, const char *expected)
{
	char why[VIEW_WHY_SIZE];

	assert_null(pick_find(&snapshot, name, why));
	assert_string_equal(why, expected);
}

static void test_find_name_that_there_is_returns_it(void **state)
{
	char why[VIEW_WHY_SIZE];

	(void)state;
	assert_ptr_equal(pick_find(&snapshot, "web", why), &services[1]);
	assert_ptr_equal(pick_find(&snapshot, "cron/9", why), &services[3]);
	assert_ptr_equal(pick_service(&snapshot, "database"), &services[0]);
}

static void test_find_name_that_is_close_names_the_nearest(void **state)
{
	(void)state;
	expect_why("wbe", "there is no service wbe; did you mean web?");
	expect_why("webhok", "there is no service webhok; did you mean webhook?");
	expect_why("data", "there is no service data; did you mean database?");
}

static void test_find_name_that_is_like_none_names_none(void **state)
{
	(void)state;
	expect_why("nginx", "there is no service nginx");
	expect_why("", "there is no service ");
}

/* The page has no place for all adopted processes. */
static void test_find_name_of_an_adopted_process_may_be_unlisted(void **state)
{
	struct snapshot full = snapshot;
	char why[VIEW_WHY_SIZE];

	(void)state;
	full.header.counts.adopted_unlisted = 1;
	assert_null(pick_find(&full, "sleep/305", why));
	assert_string_equal(why, "there is no service sleep/305, or it is not listed");
	assert_null(pick_find(&full, "cron/8", why));
	assert_string_equal(why, "there is no service cron/8, or it is not listed; did you mean "
				 "cron/9?");
	assert_null(pick_find(&full, "wbe", why));
	assert_string_equal(why, "there is no service wbe; did you mean web?");
	expect_why("sleep/305", "there is no service sleep/305");
}

/* Somebody else may have chosen it. */
static void test_find_name_is_shown_printable_and_short(void **state)
{
	char name[2000], why[VIEW_WHY_SIZE];

	(void)state;
	expect_why("\033[2J\n", "there is no service ?[2J?");
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_null(pick_find(&snapshot, name, why));
	assert_in_range(strlen(why), 40, 120);
	assert_non_null(strstr(why, "xxx..."));
}

static void test_find_name_that_is_as_close_to_two_names_the_first(void **state)
{
	struct view_service two[] = { { .name = "car" }, { .name = "cat" } };
	struct snapshot both = { .list = two, .services = 2, .len = 2 };
	char why[VIEW_WHY_SIZE];

	(void)state;
	assert_null(pick_find(&both, "caw", why));
	assert_string_equal(why, "there is no service caw; did you mean car?");
}

static void test_service_says_on_stderr_why_there_is_none(void **state)
{
	FILE *old = stderr;
	char *said = NULL;
	size_t len;

	(void)state;
	stderr = open_memstream(&said, &len);
	assert_non_null(pick_service(&snapshot, "web"));
	fflush(stderr);
	assert_int_equal(len, 0);
	assert_null(pick_service(&snapshot, "wbe"));
	fclose(stderr);
	stderr = old;
	assert_string_equal(said, "dinit: there is no service wbe; did you mean web?\n");
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_name_that_there_is_returns_it),
		cmocka_unit_test(test_find_name_that_is_close_names_the_nearest),
		cmocka_unit_test(test_find_name_that_is_like_none_names_none),
		cmocka_unit_test(test_find_name_of_an_adopted_process_may_be_unlisted),
		cmocka_unit_test(test_find_name_is_shown_printable_and_short),
		cmocka_unit_test(test_find_name_that_is_as_close_to_two_names_the_first),
		cmocka_unit_test(test_service_says_on_stderr_why_there_is_none),
	};

	return cmocka_run_group_tests_name("pick", tests, NULL, NULL);
}
