/* SPDX-License-Identifier: ISC */
/* listing.c with a real board, of which the test looks at the page, and a logmux that only notes
 * which tallies it is told to forget. Memory fails when the test says so (--wrap). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listing.h"

#define SERVICES 2
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static bool memory_fails;
static const struct tally *forgotten;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_logmux_forget_tallies(struct logmux *mux, const struct tally from[LOGMUX_STREAMS]);

void *__wrap_calloc(size_t count, size_t size)
{
	if (memory_fails) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_calloc(count, size);
}

void __wrap_logmux_forget_tallies(struct logmux *mux, const struct tally from[LOGMUX_STREAMS])
{
	(void)mux;
	forgotten = from;
}

struct rig {
	struct board board;
	struct listing listing;
	struct listed *listed[BOARD_ADOPTED_MAX];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	memory_fails = false;
	forgotten = NULL;
	assert_int_equal(board_open(&rig->board, SERVICES, 20), 0);
	listing_init(&rig->listing, &rig->board, NULL);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < BOARD_ADOPTED_MAX; i++)
		free(rig->listed[i]);
	board_close(&rig->board);
	free(rig);
	return 0;
}

static const struct board_entry *entry_at(const struct rig *rig, size_t place)
{
	return (const struct board_entry *)(rig->board.header + 1) + SERVICES + place;
}

static const char *name_at(const struct rig *rig, size_t place)
{
	return (const char *)rig->board.header + entry_at(rig, place)->name_at;
}

static void fill(struct rig *rig)
{
	for (size_t i = 0; i < BOARD_ADOPTED_MAX; i++) {
		rig->listed[i] = listing_add(&rig->listing, "sshd", 100 + (pid_t)i);
		assert_non_null(rig->listed[i]);
	}
}

static void test_listing_add_shows_a_process_that_is_ready(void **state)
{
	struct rig *rig = *state;
	const struct board_entry *entry = entry_at(rig, 0);

	rig->listed[0] = listing_add(&rig->listing, "redis-server", 4711);
	assert_non_null(rig->listed[0]);
	assert_string_equal(name_at(rig, 0), "redis-server/4711");
	assert_int_equal(entry->state, BOARD_READY);
	assert_int_equal(entry->flags, BOARD_FLAG_USED);
	assert_int_equal(entry->pid, 4711);
	assert_int_equal(entry->exit_status, -1);
	assert_int_equal(entry->reason_len, 0);
	assert_true(entry->since.monotonic_ms > 0);
	assert_true(entry->started.realtime_ms > 0);
	assert_int_equal(rig->board.header->sequence % 2, 0);
	assert_true(rig->board.changed);
	tally_add(&rig->listed[0]->tallies[LOGMUX_STDERR], 1, 20);
	assert_int_equal(entry->streams[LOGMUX_STDERR].lines, 1);
	assert_int_equal(entry->streams[LOGMUX_STDOUT].lines, 0);
}

static void test_listing_add_name_of_any_length_ends_in_the_page(void **state)
{
	struct rig *rig = *state;
	char program[2 * BOARD_ADOPTED_NAME_SIZE];

	memset(program, 'p', sizeof program - 1);
	program[sizeof program - 1] = '\0';
	rig->listed[0] = listing_add(&rig->listing, program, 4711);
	assert_int_equal(entry_at(rig, 0)->name_len, BOARD_ADOPTED_NAME_SIZE - 1);
	assert_int_equal(strlen(name_at(rig, 0)), BOARD_ADOPTED_NAME_SIZE - 1);
}

static void test_listing_add_beyond_the_last_place_is_counted_only(void **state)
{
	struct rig *rig = *state;

	fill(rig);
	assert_string_equal(name_at(rig, 63), "sshd/163");
	assert_int_equal(rig->listing.unlisted, 0);
	assert_null(listing_add(&rig->listing, "cron", 7));
	assert_null(listing_add(&rig->listing, "cron", 8));
	assert_int_equal(rig->listing.unlisted, 2);
	listing_remove(&rig->listing, NULL);
	assert_int_equal(rig->listing.unlisted, 1);
	assert_null(forgotten);
}

/* It gets a new name, and counts from 0. */
static void test_listing_remove_place_is_free_for_the_next(void **state)
{
	struct rig *rig = *state;
	struct tally *tallies;

	fill(rig);
	tallies = rig->listed[5]->tallies;
	tally_add(&tallies[LOGMUX_STDOUT], 3, 30);
	assert_int_equal(entry_at(rig, 5)->streams[LOGMUX_STDOUT].lines, 3);
	listing_remove(&rig->listing, rig->listed[5]);
	assert_ptr_equal(forgotten, tallies);
	assert_int_equal(entry_at(rig, 5)->flags, 0);
	assert_int_equal(entry_at(rig, 4)->flags, BOARD_FLAG_USED);
	assert_int_equal(rig->board.header->sequence % 2, 0);
	rig->listed[5] = listing_add(&rig->listing, "cron", 7);
	assert_non_null(rig->listed[5]);
	assert_string_equal(name_at(rig, 5), "cron/7");
	assert_int_equal(entry_at(rig, 5)->streams[LOGMUX_STDOUT].lines, 0);
	assert_int_equal(entry_at(rig, 5)->streams[LOGMUX_STDOUT].bytes, 0);
	assert_int_equal(rig->listing.unlisted, 0);
}

static void test_listing_add_without_memory_is_counted_and_takes_no_place(void **state)
{
	struct rig *rig = *state;

	memory_fails = true;
	assert_null(listing_add(&rig->listing, "cron", 7));
	assert_int_equal(rig->listing.unlisted, 1);
	assert_int_equal(entry_at(rig, 0)->flags, 0);
	listing_remove(&rig->listing, NULL);
	assert_int_equal(rig->listing.unlisted, 0);
	memory_fails = false;
	rig->listed[0] = listing_add(&rig->listing, "cron", 7);
	assert_string_equal(name_at(rig, 0), "cron/7");
}

static void test_listing_without_a_page_goes_on(void **state)
{
	struct rig *rig = *state;

	board_close(&rig->board);
	fill(rig);
	assert_null(listing_add(&rig->listing, "cron", 7));
	tally_add(&rig->listed[63]->tallies[LOGMUX_STDOUT], 1, 1);
	for (size_t i = 0; i < BOARD_ADOPTED_MAX; i++) {
		listing_remove(&rig->listing, rig->listed[i]);
		rig->listed[i] = NULL;
	}
	assert_int_equal(rig->listing.taken, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_listing_add_shows_a_process_that_is_ready),
		CASE(test_listing_add_name_of_any_length_ends_in_the_page),
		CASE(test_listing_add_beyond_the_last_place_is_counted_only),
		CASE(test_listing_remove_place_is_free_for_the_next),
		CASE(test_listing_add_without_memory_is_counted_and_takes_no_place),
		CASE(test_listing_without_a_page_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
