/* SPDX-License-Identifier: ISC */
/* death.c: the words for every kind of status, where memory ran out and where not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "death.h"

static struct oom oom;
static bool memory_was_short;
static uint64_t memory_limit;
static int questions;

bool __wrap_oom_has_killed(struct oom *of, uint64_t *limit_bytes);

bool __wrap_oom_has_killed(struct oom *of, uint64_t *limit_bytes)
{
	assert_ptr_equal(of, &oom);
	questions++;
	*limit_bytes = memory_limit;
	return memory_was_short;
}

static int setup(void **state)
{
	(void)state;
	memory_was_short = true;
	memory_limit = 0;
	questions = 0;
	return 0;
}

/* The words are those for a status of wait(2), with these behind them. */
static void expect(int status, const char *words)
{
	char text[DEATH_SIZE], expected[DEATH_SIZE];

	reaper_describe_status(status, expected);
	strcat(expected, words);
	memset(text, 'x', sizeof text);
	death_describe(&oom, status, text);
	assert_string_equal(text, expected);
}

static void test_death_describe_killed_without_memory_says_so(void **state)
{
	static const struct {
		uint64_t limit;
		const char *words;
	} cases[] = {
		{ 0, "" },
		{ 1, " (the container's limit is 1 bytes)" },
		{ 1023, " (the container's limit is 1023 bytes)" },
		{ 1024, " (the container's limit is 1 KiB)" },
		{ 512 << 10, " (the container's limit is 512 KiB)" },
		{ (1 << 20) - 1, " (the container's limit is 1023 KiB)" },
		{ 1 << 20, " (the container's limit is 1 MiB)" },
		{ (10 << 20) + 4096, " (the container's limit is 10 MiB)" },
		{ 128 << 20, " (the container's limit is 128 MiB)" },
		{ UINT64_C(1023) << 20, " (the container's limit is 1023 MiB)" },
		{ UINT64_C(1) << 30, " (the container's limit is 1 GiB)" },
		{ UINT64_C(1536) << 20, " (the container's limit is 1536 MiB)" },
		{ UINT64_C(2) << 30, " (the container's limit is 2 GiB)" },
		{ UINT64_C(4) << 40, " (the container's limit is 4096 GiB)" },
		{ UINT64_MAX, " (the container's limit is 17592186044415 MiB)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char words[256];

		memory_limit = cases[i].limit;
		snprintf(words, sizeof words, ", out of memory%s", cases[i].words);
		expect(SIGKILL, words);
	}
}

static void test_death_describe_other_ends_are_not_asked_about(void **state)
{
	static const int statuses[] = { 0, 7 << 8, SIGKILL << 8, SIGTERM, SIGSEGV };

	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		expect(statuses[i], "");
	assert_int_equal(questions, 0);
}

static void test_death_describe_killed_with_memory_left_claims_nothing(void **state)
{
	(void)state;
	memory_was_short = false;
	memory_limit = 128 << 20;
	expect(SIGKILL, "");
	assert_int_equal(questions, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_death_describe_killed_without_memory_says_so),
		TEST(test_death_describe_other_ends_are_not_asked_about),
		TEST(test_death_describe_killed_with_memory_left_claims_nothing),
	};

	return cmocka_run_group_tests_name("death", tests, NULL, NULL);
}
