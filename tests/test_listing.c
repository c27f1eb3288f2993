/* SPDX-License-Identifier: ISC */
/* listing.c: the places of adopted processes on a real page, as a reader would see them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listing.h"

#define SERVICES 2

static struct board board;
static struct logmux mux;
static struct listing listing;
static bool calloc_fails;
/* What logmux_forget_tallies was given last. */
static const struct tally *forgotten;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_logmux_forget_tallies(struct logmux *of, const struct tally from[LOGMUX_STREAMS]);

void *__wrap_calloc(size_t count, size_t size)
{
	if (calloc_fails) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_calloc(count, size);
}

void __wrap_logmux_forget_tallies(struct logmux *of, const struct tally from[LOGMUX_STREAMS])
{
	assert_ptr_equal(of, &mux);
	forgotten = from;
}

static int setup(void **state)
{
	(void)state;
	calloc_fails = false;
	forgotten = NULL;
	if (board_open(&board, SERVICES, 20) < 0)
		return -1;
	listing_init(&listing, &board, &mux);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	board_close(&board);
	return 0;
}

static const struct board_entry *entry_at(size_t place)
{
	return (const struct board_entry *)(board.header + 1) + SERVICES + place;
}

static const char *name_at(size_t place)
{
	return (const char *)board.header + entry_at(place)->name_at;
}

static bool is_used(size_t place)
{
	uint32_t flags = entry_at(place)->flags;

	assert_true(flags == 0 || flags == BOARD_FLAG_USED);
	return flags == BOARD_FLAG_USED;
}

static void test_listing_add_process_is_shown_in_the_first_place(void **state)
{
	struct listed *listed = listing_add(&listing, "sh", 4711);

	(void)state;
	assert_non_null(listed);
	assert_true(is_used(0));
	assert_false(is_used(1));
	assert_string_equal(name_at(0), "sh/4711");
	assert_int_equal(entry_at(0)->name_len, strlen("sh/4711"));
	assert_int_equal(entry_at(0)->pid, 4711);
	assert_int_equal(entry_at(0)->state, BOARD_READY);
	assert_int_equal(entry_at(0)->exit_status, -1);
	assert_int_equal(entry_at(0)->reason_len, 0);
	assert_true(entry_at(0)->since.realtime_ms > 0);
	assert_true(entry_at(0)->started.monotonic_ms > 0);
	assert_int_equal(board.header->sequence, 2);
	listing_remove(&listing, listed);
}

static void test_listing_add_its_lines_are_counted_in_its_place(void **state)
{
	struct listed *first = listing_add(&listing, "a", 10);
	struct listed *second = listing_add(&listing, "b", 11);

	(void)state;
	tally_add(&second->tallies[0], 3, 40);
	tally_add(&second->tallies[1], 1, 5);
	assert_int_equal(entry_at(1)->streams[0].lines, 3);
	assert_int_equal(entry_at(1)->streams[0].bytes, 40);
	assert_int_equal(entry_at(1)->streams[1].lines, 1);
	assert_int_equal(entry_at(0)->streams[0].lines, 0);
	listing_remove(&listing, first);
	listing_remove(&listing, second);
}

static void test_listing_remove_sources_forget_it_and_its_place_is_free(void **state)
{
	struct listed *first = listing_add(&listing, "a", 10);
	struct listed *second = listing_add(&listing, "b", 11);
	const struct tally *tallies = first->tallies;

	(void)state;
	tally_add(&first->tallies[0], 3, 40);
	listing_remove(&listing, first);
	assert_ptr_equal(forgotten, tallies);
	assert_false(is_used(0));
	assert_true(is_used(1));
	assert_int_equal(board.header->sequence % 2, 0);
	first = listing_add(&listing, "c", 12);
	assert_string_equal(name_at(0), "c/12");
	assert_int_equal(entry_at(0)->streams[0].lines, 0);
	assert_string_equal(name_at(1), "b/11");
	listing_remove(&listing, first);
	listing_remove(&listing, second);
}

static void test_listing_add_more_than_there_are_places_are_counted(void **state)
{
	struct listed *all[BOARD_ADOPTED_MAX];
	char last[20];

	(void)state;
	for (int i = 0; i < BOARD_ADOPTED_MAX; i++) {
		all[i] = listing_add(&listing, "p", 100 + i);
		assert_non_null(all[i]);
	}
	snprintf(last, sizeof last, "p/%d", 100 + BOARD_ADOPTED_MAX - 1);
	assert_string_equal(name_at(BOARD_ADOPTED_MAX - 1), last);
	assert_int_equal(listing.unlisted, 0);
	assert_null(listing_add(&listing, "q", 1));
	assert_null(listing_add(&listing, "q", 2));
	assert_int_equal(listing.unlisted, 2);
	listing_remove(&listing, NULL);
	assert_int_equal(listing.unlisted, 1);
	assert_null(forgotten);
	/* A place in the middle is free again, and is the one that is taken. */
	listing_remove(&listing, all[31]);
	all[31] = listing_add(&listing, "r", 3);
	assert_string_equal(name_at(31), "r/3");
	assert_int_equal(listing.unlisted, 1);
	for (int i = 0; i < BOARD_ADOPTED_MAX; i++) {
		listing_remove(&listing, all[i]);
		assert_false(is_used((size_t)i));
	}
}

static void test_listing_add_without_memory_is_counted(void **state)
{
	(void)state;
	calloc_fails = true;
	assert_null(listing_add(&listing, "a", 10));
	calloc_fails = false;
	assert_int_equal(listing.unlisted, 1);
	assert_int_equal(listing.taken, 0);
	assert_false(is_used(0));
	assert_int_equal(board.header->sequence, 0);
}

static void test_listing_add_long_name_is_cut_within_its_place(void **state)
{
	char program[2 * BOARD_ADOPTED_NAME_SIZE];
	struct listed *first, *second;

	(void)state;
	memset(program, 'x', sizeof program);
	program[sizeof program - 1] = '\0';
	first = listing_add(&listing, program, 10);
	second = listing_add(&listing, "b", 11);
	assert_int_equal(entry_at(0)->name_len, BOARD_ADOPTED_NAME_SIZE - 1);
	assert_int_equal(strlen(name_at(0)), BOARD_ADOPTED_NAME_SIZE - 1);
	assert_string_equal(name_at(1), "b/11");
	listing_remove(&listing, first);
	listing_remove(&listing, second);
}

/* Whoever runs as our user may write that all places are free, or all taken. */
static void test_listing_add_garbage_on_the_page_changes_no_place(void **state)
{
	struct listed *first = listing_add(&listing, "a", 10), *second;

	(void)state;
	memset((void *)(board.header + 1), 0,
	       (SERVICES + BOARD_ADOPTED_MAX) * sizeof(struct board_entry));
	second = listing_add(&listing, "b", 11);
	assert_string_equal(name_at(1), "b/11");
	memset((void *)(board.header + 1), 0xff,
	       (SERVICES + BOARD_ADOPTED_MAX) * sizeof(struct board_entry));
	listing_remove(&listing, first);
	first = listing_add(&listing, "c", 12);
	assert_string_equal(name_at(0), "c/12");
	assert_int_equal(entry_at(0)->flags, BOARD_FLAG_USED);
	assert_int_equal(entry_at(0)->finish_pid, 0);
	listing_remove(&listing, first);
	listing_remove(&listing, second);
}

static void test_listing_add_without_a_page_lives_without(void **state)
{
	struct listed *listed;

	(void)state;
	board_close(&board);
	listed = listing_add(&listing, "a", 10);
	assert_non_null(listed);
	tally_add(&listed->tallies[0], 3, 40);
	assert_int_equal(listed->tallies[0].lines, 3);
	listing_remove(&listing, listed);
	assert_int_equal(listing.taken, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_listing_add_process_is_shown_in_the_first_place),
		TEST(test_listing_add_its_lines_are_counted_in_its_place),
		TEST(test_listing_remove_sources_forget_it_and_its_place_is_free),
		TEST(test_listing_add_more_than_there_are_places_are_counted),
		TEST(test_listing_add_without_memory_is_counted),
		TEST(test_listing_add_long_name_is_cut_within_its_place),
		TEST(test_listing_add_garbage_on_the_page_changes_no_place),
		TEST(test_listing_add_without_a_page_lives_without),
	};

	return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
