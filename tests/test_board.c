/* SPDX-License-Identifier: ISC */
/* board.c, as who reads the page sees it: the test attaches the same memory once more, by its id.
 * Calls for the memory fail when the test says so, and wakes are counted (--wrap). */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "board.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* The errno that a call fails with; 0: it does not. */
static int get_error, attach_error, set_error, remove_error;
/* The memory that was made last; -1: none. */
static int made_id;
static int gets, wakes;
/* Where the wakes were. */
static const void *woken;

int __real_shmget(key_t key, size_t size, int flags);
int __wrap_shmget(key_t key, size_t size, int flags);
void *__real_shmat(int id, const void *address, int flags);
void *__wrap_shmat(int id, const void *address, int flags);
int __real_shmctl(int id, int command, struct shmid_ds *about);
int __wrap_shmctl(int id, int command, struct shmid_ds *about);
long __wrap_syscall(long number, ...);

static int refuse(int error)
{
	errno = error;
	return -1;
}

int __wrap_shmget(key_t key, size_t size, int flags)
{
	gets++;
	if (get_error)
		return refuse(get_error);
	made_id = __real_shmget(key, size, flags);
	return made_id;
}

void *__wrap_shmat(int id, const void *address, int flags)
{
	if (attach_error) {
		refuse(attach_error);
		return (void *)-1;
	}
	return __real_shmat(id, address, flags);
}

int __wrap_shmctl(int id, int command, struct shmid_ds *about)
{
	if (command == IPC_SET && set_error)
		return refuse(set_error);
	if (command == IPC_RMID && remove_error)
		return refuse(remove_error);
	return __real_shmctl(id, command, about);
}

long __wrap_syscall(long number, ...)
{
	va_list list;

	assert_int_equal(number, SYS_futex);
	va_start(list, number);
	woken = va_arg(list, const void *);
	va_end(list);
	wakes++;
	return 0;
}

struct rig {
	struct board board;
	/* The page as others see it. */
	const char *page;
	const struct board_header *header;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct rig));
	get_error = attach_error = set_error = remove_error = 0;
	gets = wakes = 0;
	made_id = -1;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	if (rig->page)
		shmdt(rig->page);
	free(rig);
	return 0;
}

static void open_board(struct rig *rig, size_t services, size_t names_size)
{
	assert_int_equal(board_open(&rig->board, services, names_size), 0);
	rig->page = __real_shmat(made_id, NULL, SHM_RDONLY);
	assert_ptr_not_equal(rig->page, (void *)-1);
	rig->header = (const struct board_header *)rig->page;
}

static const struct board_entry *entry_at(const struct rig *rig, size_t place)
{
	return (const struct board_entry *)(rig->page + rig->header->header_size +
					    place * rig->header->entry_size);
}

static const char *name_at(const struct rig *rig, size_t place)
{
	return rig->page + entry_at(rig, place)->name_at;
}

static bool memory_exists(int id)
{
	struct shmid_ds about;

	return __real_shmctl(id, IPC_STAT, &about) == 0;
}

static void write_name(struct rig *rig, size_t place, const char *name)
{
	board_begin_entry(&rig->board, place);
	board_write_name(&rig->board, place, name);
	board_end(&rig->board);
}

static void write_reason(struct rig *rig, size_t place, const char *reason)
{
	board_begin_entry(&rig->board, place);
	board_write_reason(&rig->board, place, reason);
	board_end(&rig->board);
}

/* ---- the memory ---- */

static void test_board_open_memory_may_be_read_by_all_and_is_marked_for_removal(void **state)
{
	struct rig *rig = *state;
	struct shmid_ds about;

	open_board(rig, 3, 30);
	assert_int_equal(__real_shmctl(made_id, IPC_STAT, &about), 0);
	assert_int_equal(about.shm_perm.mode & 0777, 0444);
	assert_true(about.shm_perm.mode & SHM_DEST);
	assert_int_equal(about.shm_cpid, getpid());
	assert_int_equal(about.shm_segsz, rig->header->size);
	board_close(&rig->board);
	assert_int_equal(shmdt(rig->page), 0);
	rig->page = NULL;
	assert_false(memory_exists(made_id));
}

static void use_all(struct rig *rig)
{
	board_begin(&rig->board)->state = BOARD_WHOLE_RUNNING;
	board_end(&rig->board);
	for (size_t place = 0; place < 3 + BOARD_ADOPTED_MAX + 2; place++) {
		board_begin_entry(&rig->board, place)->state = BOARD_READY;
		board_write_name(&rig->board, place, "name");
		board_write_reason(&rig->board, place, "reason");
		board_end(&rig->board);
		board_find_streams(&rig->board, place)[1].lines = 7;
	}
	board_find_counts(&rig->board)->zombies = 7;
	board_publish(&rig->board);
	board_wake(&rig->board);
	board_close(&rig->board);
	board_close(&rig->board);
}

static void test_board_open_without_such_memory_fails_and_all_else_is_harmless(void **state)
{
	static const int errors[] = { ENOSYS, EPERM, ENOSPC, ENOMEM, EACCES };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT(errors); i++) {
		get_error = errors[i];
		errno = 0;
		assert_int_equal(board_open(&rig->board, 3, 30), -1);
		assert_int_equal(errno, errors[i]);
		use_all(rig);
	}
	assert_int_equal(wakes, 0);
}

static void test_board_open_memory_that_cannot_be_attached_is_removed(void **state)
{
	static const int errors[] = { EACCES, ENOMEM, ENOSYS };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT(errors); i++) {
		attach_error = errors[i];
		assert_int_equal(board_open(&rig->board, 3, 30), -1);
		assert_int_equal(errno, errors[i]);
		assert_false(memory_exists(made_id));
		use_all(rig);
	}
}

static void test_board_open_mode_that_cannot_be_set_leaves_nothing_behind(void **state)
{
	struct rig *rig = *state;

	set_error = EPERM;
	open_board(rig, 3, 30);
	assert_memory_equal(rig->header->magic, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(shmdt(rig->page), 0);
	rig->page = NULL;
	use_all(rig);
	assert_false(memory_exists(made_id));
}

/* It would outlive dinit. */
static void test_board_open_memory_that_cannot_be_removed_is_not_used(void **state)
{
	struct rig *rig = *state;
	struct shmid_ds about;

	remove_error = EPERM;
	assert_int_equal(board_open(&rig->board, 3, 30), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(__real_shmctl(made_id, IPC_STAT, &about), 0);
	assert_int_equal(about.shm_nattch, 0);
	assert_int_equal(about.shm_perm.mode & 0777, 0600);
	__real_shmctl(made_id, IPC_RMID, NULL);
	use_all(rig);
}

static void test_board_open_more_than_fits_into_its_numbers_fails(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(board_open(&rig->board, INT_MAX / 100, 0), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(gets, 0);
	use_all(rig);
}

/* ---- what is in it ---- */

static void test_board_open_header_says_sizes_and_whose_it_is(void **state)
{
	struct rig *rig = *state;
	struct board_time before = board_now(), after;
	struct stat namespace;

	open_board(rig, 3, 30);
	after = board_now();
	assert_int_equal(rig->header->version, BOARD_VERSION);
	assert_int_equal(rig->header->header_size, sizeof(struct board_header));
	assert_int_equal(rig->header->entry_size, sizeof(struct board_entry));
	assert_int_equal(rig->header->services, 3);
	assert_int_equal(rig->header->adopted, BOARD_ADOPTED_MAX);
	assert_int_equal(rig->header->pid, getpid());
	assert_in_range(rig->header->started.monotonic_ms, before.monotonic_ms, after.monotonic_ms);
	assert_in_range(rig->header->started.realtime_ms, before.realtime_ms, after.realtime_ms);
	assert_memory_equal(&rig->header->since, &rig->header->started, sizeof before);
	assert_string_equal(rig->header->dinit_version, DINIT_VERSION);
	assert_int_equal(stat("/proc/self/ns/mnt", &namespace), 0);
	assert_int_equal(rig->header->namespace_inode, namespace.st_ino);
	assert_int_equal(rig->header->namespace_device, namespace.st_dev);
	board_close(&rig->board);
}

static void test_board_publish_is_what_makes_it_a_page(void **state)
{
	struct rig *rig = *state;

	open_board(rig, 1, 4);
	write_name(rig, 0, "web");
	assert_string_equal(rig->header->magic, "");
	board_publish(&rig->board);
	assert_memory_equal(rig->header->magic, BOARD_MAGIC, sizeof rig->header->magic);
	board_close(&rig->board);
}

static void test_board_write_name_services_follow_each_other_and_adopted_have_places(void **state)
{
	struct rig *rig = *state;

	open_board(rig, 2, sizeof "db" + sizeof "web");
	write_name(rig, 0, "db");
	write_name(rig, 1, "web");
	write_name(rig, 2, "sshd/7");
	write_name(rig, 3, "cron/8");
	write_name(rig, 2, "at/9");
	assert_string_equal(name_at(rig, 0), "db");
	assert_int_equal(entry_at(rig, 0)->name_len, 2);
	assert_string_equal(name_at(rig, 1), "web");
	assert_int_equal(entry_at(rig, 1)->name_len, 3);
	assert_string_equal(name_at(rig, 2), "at/9");
	assert_int_equal(entry_at(rig, 2)->name_len, 4);
	assert_string_equal(name_at(rig, 3), "cron/8");
	board_close(&rig->board);
}

static void test_board_write_name_longer_than_its_room_is_cut(void **state)
{
	struct rig *rig = *state;
	char name[2 * BOARD_ADOPTED_NAME_SIZE];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	open_board(rig, 2, 4);
	write_name(rig, 0, "webserver");
	write_name(rig, 1, "db");
	write_name(rig, 2, name);
	assert_string_equal(name_at(rig, 0), "web");
	/* There is no room left at all. */
	assert_int_equal(entry_at(rig, 1)->name_len, 0);
	assert_int_equal(entry_at(rig, 2)->name_len, BOARD_ADOPTED_NAME_SIZE - 1);
	assert_int_equal(strlen(name_at(rig, 2)), BOARD_ADOPTED_NAME_SIZE - 1);
	assert_int_equal(entry_at(rig, 3)->name_len, 0);
	board_close(&rig->board);
}

static void test_board_write_reason_replaces_is_cut_and_taken_back(void **state)
{
	struct rig *rig = *state;
	char reason[2 * BOARD_REASON_SIZE];
	size_t last = 1 + BOARD_ADOPTED_MAX;

	memset(reason, 'r', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	open_board(rig, 2, 8);
	for (size_t place = 0; place <= last; place += last) {
		const struct board_entry *entry = entry_at(rig, place);

		write_reason(rig, place, reason);
		assert_int_equal(entry->reason_len, BOARD_REASON_SIZE - 1);
		assert_int_equal(strlen(rig->page + entry->reason_at), BOARD_REASON_SIZE - 1);
		assert_true(entry->reason_at + BOARD_REASON_SIZE <= rig->header->size);
		write_reason(rig, place, "refused");
		assert_string_equal(rig->page + entry->reason_at, "refused");
		assert_int_equal(entry->reason_len, 7);
		write_reason(rig, place, "");
		assert_int_equal(entry->reason_len, 0);
	}
	board_close(&rig->board);
}

/* The last byte of the page is that of the last reason, and nothing of one entry is another's. */
static void test_board_layout_texts_do_not_overlap(void **state)
{
	struct rig *rig = *state;
	uint32_t end;

	open_board(rig, 2, 8);
	write_name(rig, 0, "abc");
	write_name(rig, 1, "def");
	end = entry_at(rig, 1)->name_at + 4;
	assert_true(entry_at(rig, 0)->name_at >=
		    rig->header->header_size + (2 + BOARD_ADOPTED_MAX) * rig->header->entry_size);
	for (size_t place = 2; place < 2 + BOARD_ADOPTED_MAX; place++) {
		write_name(rig, place, "x");
		assert_true(entry_at(rig, place)->name_at >= end);
		end = entry_at(rig, place)->name_at + BOARD_ADOPTED_NAME_SIZE;
	}
	for (size_t place = 0; place < 2 + BOARD_ADOPTED_MAX; place++) {
		write_reason(rig, place, "x");
		assert_true(entry_at(rig, place)->reason_at >= end);
		end = entry_at(rig, place)->reason_at + BOARD_REASON_SIZE;
	}
	assert_int_equal(end, rig->header->size);
	board_close(&rig->board);
}

static void test_board_find_streams_and_counts_are_where_readers_look(void **state)
{
	struct rig *rig = *state;

	open_board(rig, 2, 8);
	board_find_streams(&rig->board, 1)[1].lines = 12;
	board_find_streams(&rig->board, 2 + 63)[0].bytes = 13;
	board_find_streams(&rig->board, 2 + 64)[0].bytes = 14;
	board_find_counts(&rig->board)->outputs[1].dropped_bytes = 15;
	assert_int_equal(entry_at(rig, 1)->streams[1].lines, 12);
	assert_int_equal(entry_at(rig, 2 + 63)->streams[0].bytes, 13);
	assert_int_equal(rig->header->counts.outputs[1].dropped_bytes, 15);
	/* Beyond the last place there is none, and nothing was changed in the sequence. */
	assert_int_equal(rig->header->sequence, 0);
	board_close(&rig->board);
}

/* ---- changes ---- */

static void test_board_change_is_odd_while_it_lasts(void **state)
{
	struct rig *rig = *state;
	uint32_t before;

	open_board(rig, 2, 8);
	before = rig->header->sequence;
	assert_int_equal(before % 2, 0);
	board_begin_entry(&rig->board, 1)->pid = 7;
	assert_int_equal(rig->header->sequence, before + 1);
	board_end(&rig->board);
	assert_int_equal(rig->header->sequence, before + 2);
	assert_int_equal(entry_at(rig, 1)->pid, 7);
	board_begin(&rig->board)->ready = 1;
	assert_int_equal(rig->header->sequence, before + 3);
	board_end(&rig->board);
	assert_int_equal(rig->header->sequence, before + 4);
	board_close(&rig->board);
}

static void test_board_wake_comes_once_for_all_changes_since_the_last(void **state)
{
	struct rig *rig = *state;

	open_board(rig, 2, 8);
	board_wake(&rig->board);
	assert_int_equal(wakes, 0);
	board_begin(&rig->board);
	board_end(&rig->board);
	board_begin_entry(&rig->board, 0);
	board_end(&rig->board);
	assert_int_equal(wakes, 0);
	board_wake(&rig->board);
	assert_int_equal(wakes, 1);
	assert_ptr_equal(woken, &rig->board.header->sequence);
	board_wake(&rig->board);
	assert_int_equal(wakes, 1);
	board_close(&rig->board);
}

static void test_board_close_says_that_it_is_over_and_wakes(void **state)
{
	struct rig *rig = *state;

	open_board(rig, 2, 8);
	board_begin(&rig->board)->ready = 1;
	board_end(&rig->board);
	board_close(&rig->board);
	assert_int_equal(rig->header->state, BOARD_WHOLE_GONE);
	assert_int_equal(rig->header->ready, 0);
	assert_int_equal(rig->header->sequence % 2, 0);
	assert_int_equal(wakes, 1);
	assert_null(rig->board.header);
}

/* Nothing that stands in the page is believed: whatever others write there, what is written after
 * that is right, and in its place. */
static void test_board_garbage_in_the_page_changes_nothing_of_what_is_written(void **state)
{
	static const unsigned char fillings[] = { 0xff, 0x00, 0x7f, 0x80, 0x01 };
	struct rig *rig = *state;
	size_t size;

	open_board(rig, COUNT(fillings), 3 * COUNT(fillings));
	size = rig->header->size;
	for (size_t i = 0; i < COUNT(fillings); i++) {
		const struct board_entry *entry =
			(const struct board_entry *)(rig->page + sizeof(struct board_header)) + i;
		uint32_t sequence = 4 * (uint32_t)i + 2;

		memset(rig->board.header, fillings[i], size);
		board_begin_entry(&rig->board, i)->state = BOARD_UNREADY;
		board_write_name(&rig->board, i, "ab");
		board_write_reason(&rig->board, i, "why");
		board_end(&rig->board);
		board_begin(&rig->board)->state = BOARD_WHOLE_RUNNING;
		board_end(&rig->board);
		assert_int_equal(rig->header->sequence, sequence + 2);
		assert_int_equal(entry->state, BOARD_UNREADY);
		assert_int_equal(entry->name_len, 2);
		assert_true(entry->name_at < size);
		assert_string_equal(rig->page + entry->name_at, "ab");
		assert_string_equal(rig->page + entry->reason_at, "why");
		board_wake(&rig->board);
		assert_int_equal(wakes, i + 1);
	}
	board_close(&rig->board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_board_open_memory_may_be_read_by_all_and_is_marked_for_removal),
		CASE(test_board_open_without_such_memory_fails_and_all_else_is_harmless),
		CASE(test_board_open_memory_that_cannot_be_attached_is_removed),
		CASE(test_board_open_mode_that_cannot_be_set_leaves_nothing_behind),
		CASE(test_board_open_memory_that_cannot_be_removed_is_not_used),
		CASE(test_board_open_more_than_fits_into_its_numbers_fails),
		CASE(test_board_open_header_says_sizes_and_whose_it_is),
		CASE(test_board_publish_is_what_makes_it_a_page),
		CASE(test_board_write_name_services_follow_each_other_and_adopted_have_places),
		CASE(test_board_write_name_longer_than_its_room_is_cut),
		CASE(test_board_write_reason_replaces_is_cut_and_taken_back),
		CASE(test_board_layout_texts_do_not_overlap),
		CASE(test_board_find_streams_and_counts_are_where_readers_look),
		CASE(test_board_change_is_odd_while_it_lasts),
		CASE(test_board_wake_comes_once_for_all_changes_since_the_last),
		CASE(test_board_close_says_that_it_is_over_and_wakes),
		CASE(test_board_garbage_in_the_page_changes_nothing_of_what_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
