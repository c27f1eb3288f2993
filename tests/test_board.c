/* SPDX-License-Identifier: ISC */
/* board.c: the page as others find it by the kernel's list, with the calls that make it in the
 * test's hand. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "board.h"

#define NO_SEGMENT (-1)

static struct board board;
/* The segment that was made last, and what its calls fail with; 0: they do not. */
static int segment, shmget_error, shmat_error, set_error, remove_error, stat_error;
/* How often it was asked for memory, and waiters were woken. */
static int asked, woken;

int __real_shmget(key_t key, size_t size, int flags);
int __wrap_shmget(key_t key, size_t size, int flags);
void *__real_shmat(int id, const void *address, int flags);
void *__wrap_shmat(int id, const void *address, int flags);
int __real_shmctl(int id, int command, struct shmid_ds *about);
int __wrap_shmctl(int id, int command, struct shmid_ds *about);
int __real_stat(const char *path, struct stat *status);
int __wrap_stat(const char *path, struct stat *status);
long __wrap_syscall(long number, ...);

int __wrap_shmget(key_t key, size_t size, int flags)
{
	asked++;
	if (shmget_error) {
		errno = shmget_error;
		return -1;
	}
	segment = __real_shmget(key, size, flags);
	return segment;
}

void *__wrap_shmat(int id, const void *address, int flags)
{
	if (shmat_error) {
		errno = shmat_error;
		return (void *)-1;
	}
	return __real_shmat(id, address, flags);
}

int __wrap_shmctl(int id, int command, struct shmid_ds *about)
{
	if (remove_error && command == IPC_RMID) {
		errno = remove_error;
		return -1;
	}
	if (set_error && command == IPC_SET) {
		errno = set_error;
		return -1;
	}
	return __real_shmctl(id, command, about);
}

int __wrap_stat(const char *path, struct stat *status)
{
	if (stat_error) {
		errno = stat_error;
		return -1;
	}
	return __real_stat(path, status);
}

long __wrap_syscall(long number, ...)
{
	if (number == SYS_futex)
		woken++;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&board, 0, sizeof board);
	shmget_error = shmat_error = set_error = remove_error = stat_error = 0;
	asked = woken = 0;
	segment = NO_SEGMENT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (board.header)
		board_close(&board);
	return 0;
}

/* Tells whether the segment that was made last is still there. */
static bool segment_exists(void)
{
	struct shmid_ds about;

	return segment != NO_SEGMENT && __real_shmctl(segment, IPC_STAT, &about) == 0;
}

/* The page as a reader has it: at another address, read-only. */
static const struct board_header *attach(void)
{
	const void *page = __real_shmat(segment, NULL, SHM_RDONLY);

	assert_true(page != (void *)-1);
	return page;
}

static const struct board_entry *entry_of(const struct board_header *page, size_t place)
{
	const char *bytes = (const char *)page;

	return (const void *)(bytes + page->header_size + place * page->entry_size);
}

/* Tells whether that many bytes at `at`, and the NUL behind, are the text. */
static bool says(const struct board_header *page, uint32_t at, uint32_t len, const char *text)
{
	const char *bytes = (const char *)page;

	return len == strlen(text) && (size_t)at + len < page->size &&
	       memcmp(bytes + at, text, len + 1) == 0;
}

static void assert_no_page(int error)
{
	errno = 0;
	assert_int_equal(board_open(&board, 3, 30), -1);
	assert_int_equal(errno, error);
	assert_null(board.header);
	assert_false(segment_exists());
}

/* ---- making it ---- */

static void test_board_open_page_is_found_and_says_its_sizes(void **state)
{
	const struct board_header *page;
	struct stat namespace;

	(void)state;
	assert_int_equal(board_open(&board, 3, 30), 0);
	page = attach();
	assert_int_equal(page->version, BOARD_VERSION);
	assert_int_equal(page->header_size, sizeof(struct board_header));
	assert_int_equal(page->entry_size, sizeof(struct board_entry));
	assert_int_equal(page->services, 3);
	assert_int_equal(page->adopted, BOARD_ADOPTED_MAX);
	assert_int_equal(page->pid, getpid());
	assert_int_equal(page->size, sizeof(struct board_header) +
					     (3 + BOARD_ADOPTED_MAX) * (sizeof(struct board_entry) +
									BOARD_REASON_SIZE) +
					     30 + BOARD_ADOPTED_MAX * BOARD_ADOPTED_NAME_SIZE);
	assert_int_equal(page->sequence, 0);
	assert_int_equal(__real_stat("/proc/self/ns/mnt", &namespace), 0);
	assert_int_equal(page->namespace_device, namespace.st_dev);
	assert_int_equal(page->namespace_inode, namespace.st_ino);
	assert_true(page->started.monotonic_ms > 0 && page->started.realtime_ms > 0);
	assert_string_equal(page->dinit_version, DINIT_VERSION);
	assert_string_equal(page->cause, "");
	shmdt(page);
}

static void test_show_directory_is_told_by_device_and_inode(void **state)
{
	const struct board_header *page;
	struct stat directory;

	(void)state;
	assert_int_equal(board_open(&board, 1, 10), 0);
	page = attach();
	board_show_directory(&board, "/nowhere/at/all");
	assert_int_equal(page->dir_inode, 0);
	board_show_directory(&board, "/tmp");
	assert_int_equal(__real_stat("/tmp", &directory), 0);
	assert_int_equal(page->dir_device, directory.st_dev);
	assert_int_equal(page->dir_inode, directory.st_ino);
	shmdt(page);
}

static void test_board_open_segment_is_private_removed_and_readable_by_all(void **state)
{
	struct shmid_ds about;

	(void)state;
	assert_int_equal(board_open(&board, 1, 5), 0);
	assert_int_equal(__real_shmctl(segment, IPC_STAT, &about), 0);
	assert_int_equal(about.shm_perm.__key, IPC_PRIVATE);
	assert_int_equal(about.shm_perm.mode & 0777, 0444);
	assert_true(about.shm_perm.mode & SHM_DEST);
	assert_int_equal(about.shm_perm.uid, geteuid());
	assert_int_equal(about.shm_cpid, getpid());
	board_close(&board);
	assert_false(segment_exists());
}

static void test_board_open_not_yet_published_has_no_magic(void **state)
{
	const struct board_header *page;

	(void)state;
	assert_int_equal(board_open(&board, 0, 0), 0);
	page = attach();
	assert_string_equal(page->magic, "");
	board_publish(&board);
	assert_string_equal(page->magic, BOARD_MAGIC);
	assert_int_equal(page->sequence, 2);
	shmdt(page);
}

static void test_board_open_no_namespace_is_shown_as_unknown(void **state)
{
	const struct board_header *page;

	(void)state;
	stat_error = ENOENT;
	assert_int_equal(board_open(&board, 1, 5), 0);
	page = attach();
	assert_int_equal(page->namespace_device, 0);
	assert_int_equal(page->namespace_inode, 0);
	shmdt(page);
}

/* ---- where there is no such memory ---- */

static void test_board_open_shmget_fails_there_is_no_page(void **state)
{
	static const int errors[] = { ENOSYS, EPERM, ENOSPC, ENOMEM, EINVAL };

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		shmget_error = errors[i];
		assert_no_page(errors[i]);
	}
}

static void test_board_open_shmat_fails_no_segment_is_left(void **state)
{
	static const int errors[] = { EACCES, ENOMEM, EINVAL, EPERM };

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		shmat_error = errors[i];
		assert_no_page(errors[i]);
		assert_int_not_equal(segment, NO_SEGMENT);
	}
}

/* What cannot be attached cannot be given to all either: the first error is what counts. */
static void test_board_open_shmat_and_set_fail_the_first_error_counts(void **state)
{
	(void)state;
	shmat_error = ENOMEM;
	set_error = EPERM;
	assert_no_page(ENOMEM);
}

static void test_board_open_set_fails_page_is_there_and_removed(void **state)
{
	struct shmid_ds about;

	(void)state;
	set_error = EPERM;
	assert_int_equal(board_open(&board, 1, 5), 0);
	assert_int_equal(__real_shmctl(segment, IPC_STAT, &about), 0);
	assert_int_equal(about.shm_perm.mode & 0777, 0600);
	assert_true(about.shm_perm.mode & SHM_DEST);
	board_close(&board);
	assert_false(segment_exists());
}

/* It would outlive dinit, so it is not used. */
static void test_board_open_remove_fails_there_is_no_page(void **state)
{
	struct shmid_ds about;

	(void)state;
	remove_error = EPERM;
	assert_int_equal(board_open(&board, 1, 5), -1);
	assert_int_equal(errno, EPERM);
	assert_null(board.header);
	assert_int_equal(__real_shmctl(segment, IPC_STAT, &about), 0);
	assert_int_equal(about.shm_nattch, 0);
	assert_int_equal(about.shm_perm.mode & 0777, 0600);
	__real_shmctl(segment, IPC_RMID, NULL);
}

static void test_board_open_too_large_asks_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(board_open(&board, 1, (size_t)INT_MAX), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(board_open(&board, INT_MAX / sizeof(struct board_entry), 0), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(asked, 0);
}

static void test_board_no_page_everything_written_is_lost(void **state)
{
	(void)state;
	shmget_error = ENOSYS;
	assert_no_page(ENOSYS);
	board_publish(&board);
	board_begin(&board)->state = BOARD_WHOLE_RUNNING;
	board_end(&board);
	for (size_t place = 0; place < 3 + BOARD_ADOPTED_MAX + 2; place++) {
		board_begin_entry(&board, place)->pid = 7;
		board_write_name(&board, place, "web");
		board_write_reason(&board, place, "why");
		board_end(&board);
		board_find_streams(&board, place)[1].lines = 7;
	}
	board_find_counts(&board)->orphans.zombies = 7;
	board_wake(&board);
	assert_int_equal(woken, 0);
	board_close(&board);
	assert_null(board.header);
}

/* ---- changes ---- */

static void test_board_begin_sequence_is_odd_until_the_end(void **state)
{
	const struct board_header *page;

	(void)state;
	assert_int_equal(board_open(&board, 2, 10), 0);
	page = attach();
	board_begin(&board)->state = BOARD_WHOLE_RUNNING;
	assert_int_equal(page->sequence, 1);
	board_end(&board);
	assert_int_equal(page->sequence, 2);
	board_begin_entry(&board, 1)->pid = 42;
	assert_int_equal(page->sequence, 3);
	board_end(&board);
	assert_int_equal(page->sequence, 4);
	assert_int_equal(page->state, BOARD_WHOLE_RUNNING);
	assert_int_equal(entry_of(page, 0)->pid, 0);
	assert_int_equal(entry_of(page, 1)->pid, 42);
	shmdt(page);
}

static void test_board_begin_entry_every_place_has_its_own(void **state)
{
	const struct board_header *page;
	size_t places = 2 + BOARD_ADOPTED_MAX;

	(void)state;
	assert_int_equal(board_open(&board, 2, 10), 0);
	page = attach();
	for (size_t place = 0; place < places; place++) {
		board_begin_entry(&board, place)->pid = (int32_t)place + 1;
		board_end(&board);
	}
	for (size_t place = 0; place < places; place++)
		assert_int_equal(entry_of(page, place)->pid, place + 1);
	shmdt(page);
}

static void test_board_begin_entry_behind_the_last_writes_nowhere(void **state)
{
	static const size_t places[] = { 2 + BOARD_ADOPTED_MAX, 1000, SIZE_MAX };
	const struct board_header *page;
	static char before[100000];

	(void)state;
	assert_int_equal(board_open(&board, 2, 10), 0);
	page = attach();
	assert_true(page->size < sizeof before);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		uint32_t sequence = page->sequence;

		memcpy(before, page, page->size);
		board_begin_entry(&board, places[i])->pid = 42;
		board_write_name(&board, places[i], "web");
		board_write_reason(&board, places[i], "why");
		board_find_streams(&board, places[i])[0].lines = 1;
		board_end(&board);
		((struct board_header *)(void *)before)->sequence = sequence + 2;
		assert_memory_equal(page, before, page->size);
	}
	shmdt(page);
}

static void test_board_wake_only_after_a_change(void **state)
{
	(void)state;
	assert_int_equal(board_open(&board, 1, 5), 0);
	board_wake(&board);
	assert_int_equal(woken, 0);
	for (int i = 0; i < 3; i++) {
		board_begin(&board);
		board_end(&board);
	}
	board_wake(&board);
	board_wake(&board);
	assert_int_equal(woken, 1);
	board_find_counts(&board)->orphans.zombies++;
	board_find_streams(&board, 0)->lines++;
	board_wake(&board);
	assert_int_equal(woken, 1);
}

static void test_board_close_reader_sees_it_gone_and_is_woken(void **state)
{
	const struct board_header *page;

	(void)state;
	assert_int_equal(board_open(&board, 1, 5), 0);
	page = attach();
	board_begin(&board)->ready = true;
	board_end(&board);
	board_close(&board);
	assert_int_equal(woken, 1);
	assert_int_equal(page->state, BOARD_WHOLE_GONE);
	assert_int_equal(page->ready, false);
	assert_int_equal(page->sequence, 4);
	shmdt(page);
	assert_false(segment_exists());
	board_close(&board);
}

/* ---- texts ---- */

static void test_board_write_name_names_follow_each_other(void **state)
{
	const struct board_header *page;

	(void)state;
	/* Room for "db", "" and "web" with their NULs, and not a byte more. */
	assert_int_equal(board_open(&board, 3, 8), 0);
	page = attach();
	board_write_name(&board, 0, "db");
	board_write_name(&board, 1, "");
	board_write_name(&board, 2, "web");
	board_write_name(&board, 3, "httpd/12");
	assert_true(says(page, entry_of(page, 0)->name_at, entry_of(page, 0)->name_len, "db"));
	assert_true(says(page, entry_of(page, 1)->name_at, entry_of(page, 1)->name_len, ""));
	assert_true(says(page, entry_of(page, 2)->name_at, entry_of(page, 2)->name_len, "web"));
	assert_true(
		says(page, entry_of(page, 3)->name_at, entry_of(page, 3)->name_len, "httpd/12"));
	assert_int_equal(entry_of(page, 2)->name_at, entry_of(page, 0)->name_at + 4);
	shmdt(page);
}

static void test_board_write_name_without_room_is_cut(void **state)
{
	const struct board_header *page;
	char name[2 * BOARD_ADOPTED_NAME_SIZE];

	(void)state;
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(board_open(&board, 2, 5), 0);
	page = attach();
	board_write_name(&board, 2, "before");
	board_write_name(&board, 0, "abcdefgh");
	assert_true(says(page, entry_of(page, 0)->name_at, entry_of(page, 0)->name_len, "abcd"));
	board_write_name(&board, 1, "none");
	assert_int_equal(entry_of(page, 1)->name_len, 0);
	assert_true(says(page, entry_of(page, 2)->name_at, entry_of(page, 2)->name_len, "before"));
	/* The last place for an adopted process, whose text ends where the reasons begin. */
	board_write_reason(&board, 0, "why");
	board_write_name(&board, 1 + BOARD_ADOPTED_MAX, name);
	name[BOARD_ADOPTED_NAME_SIZE - 1] = '\0';
	assert_true(says(page, entry_of(page, 1 + BOARD_ADOPTED_MAX)->name_at,
			 entry_of(page, 1 + BOARD_ADOPTED_MAX)->name_len, name));
	assert_true(says(page, entry_of(page, 0)->reason_at, entry_of(page, 0)->reason_len, "why"));
	shmdt(page);
}

static void test_board_write_reason_too_long_is_cut_and_emptied(void **state)
{
	const struct board_header *page;
	size_t last = 1 + BOARD_ADOPTED_MAX;
	char reason[2 * BOARD_REASON_SIZE];

	(void)state;
	memset(reason, 'r', sizeof reason);
	reason[sizeof reason - 1] = '\0';
	assert_int_equal(board_open(&board, 2, 10), 0);
	page = attach();
	board_write_reason(&board, last, reason);
	board_write_reason(&board, 0, reason);
	board_write_reason(&board, 1, "short");
	reason[BOARD_REASON_SIZE - 1] = '\0';
	assert_true(
		says(page, entry_of(page, 0)->reason_at, entry_of(page, 0)->reason_len, reason));
	assert_true(
		says(page, entry_of(page, 1)->reason_at, entry_of(page, 1)->reason_len, "short"));
	assert_true(says(page, entry_of(page, last)->reason_at, entry_of(page, last)->reason_len,
			 reason));
	board_write_reason(&board, 0, "");
	assert_int_equal(entry_of(page, 0)->reason_len, 0);
	shmdt(page);
}

/* ---- garbage from another process of our user ---- */

/* Fills the page with 0xff through the address that the board writes to. */
static void write_garbage(void)
{
	memset(board.header, 0xff,
	       board.reasons_at + (board.services + BOARD_ADOPTED_MAX) * BOARD_REASON_SIZE);
}

static void test_board_page_full_of_garbage_is_written_as_before(void **state)
{
	const struct board_header *page;
	const struct board_entry *entry;

	(void)state;
	assert_int_equal(board_open(&board, 2, 10), 0);
	page = attach();
	entry = (const struct board_entry *)(page + 1);
	board_write_name(&board, 0, "db");
	for (int i = 0; i < 2; i++) {
		write_garbage();
		board_begin_entry(&board, 1)->pid = 42;
		board_write_name(&board, 1, "web");
		board_write_reason(&board, 1, "why");
		board_end(&board);
		assert_int_equal(page->sequence, 2 * i + 2);
		assert_int_equal(entry[1].pid, 42);
		assert_int_equal(entry[1].name_at, sizeof *page +
							   (2 + BOARD_ADOPTED_MAX) * sizeof *entry +
							   3 + 4 * (uint32_t)i);
		assert_string_equal((const char *)page + entry[1].reason_at, "why");
	}
	write_garbage();
	board_close(&board);
	assert_int_equal(page->state, BOARD_WHOLE_GONE);
	assert_int_equal(page->sequence, 6);
	shmdt(page);
	assert_false(segment_exists());
}

/* The last byte of the page is that of the last reason, and no text lies in another. */
static void test_board_texts_do_not_overlap(void **state)
{
	const struct board_header *page;
	uint32_t end;

	(void)state;
	assert_int_equal(board_open(&board, 2, 8), 0);
	page = attach();
	board_write_name(&board, 0, "abc");
	board_write_name(&board, 1, "def");
	end = entry_of(page, 1)->name_at + 4;
	assert_int_equal(entry_of(page, 0)->name_at,
			 page->header_size + (2 + BOARD_ADOPTED_MAX) * page->entry_size);
	for (size_t place = 2; place < 2 + BOARD_ADOPTED_MAX; place++) {
		board_write_name(&board, place, "x");
		assert_int_equal(entry_of(page, place)->name_at, end);
		end += BOARD_ADOPTED_NAME_SIZE;
	}
	for (size_t place = 0; place < 2 + BOARD_ADOPTED_MAX; place++) {
		board_write_reason(&board, place, "x");
		assert_int_equal(entry_of(page, place)->reason_at, end);
		end += BOARD_REASON_SIZE;
	}
	assert_int_equal(end, page->size);
	shmdt(page);
}

/* One that would need the room of its NUL. */
static void test_board_write_reason_as_long_as_its_room_is_cut(void **state)
{
	const struct board_header *page;
	char reason[BOARD_REASON_SIZE + 1];

	(void)state;
	memset(reason, 'r', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	assert_int_equal(board_open(&board, 1, 4), 0);
	page = attach();
	board_write_reason(&board, 0, reason);
	assert_int_equal(entry_of(page, 0)->reason_len, BOARD_REASON_SIZE - 1);
	shmdt(page);
}

static uint64_t now_ms(clockid_t clock)
{
	struct timespec now;

	assert_int_equal(clock_gettime(clock, &now), 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

static void test_board_now_is_what_the_clocks_say(void **state)
{
	uint64_t monotonic_ms = now_ms(CLOCK_MONOTONIC), realtime_ms = now_ms(CLOCK_REALTIME);
	struct board_time now = board_now();

	(void)state;
	assert_in_range(now.monotonic_ms, monotonic_ms, now_ms(CLOCK_MONOTONIC));
	assert_in_range(now.realtime_ms, realtime_ms, now_ms(CLOCK_REALTIME));
}

static void test_board_now_both_clocks_run(void **state)
{
	struct board_time first = board_now(), second = board_now();

	(void)state;
	assert_true(first.monotonic_ms > 0);
	assert_true(first.realtime_ms > first.monotonic_ms);
	assert_true(second.monotonic_ms >= first.monotonic_ms);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_board_open_page_is_found_and_says_its_sizes),
		TEST(test_show_directory_is_told_by_device_and_inode),
		TEST(test_board_open_segment_is_private_removed_and_readable_by_all),
		TEST(test_board_open_not_yet_published_has_no_magic),
		TEST(test_board_open_no_namespace_is_shown_as_unknown),
		TEST(test_board_open_shmget_fails_there_is_no_page),
		TEST(test_board_open_shmat_fails_no_segment_is_left),
		TEST(test_board_open_shmat_and_set_fail_the_first_error_counts),
		TEST(test_board_open_set_fails_page_is_there_and_removed),
		TEST(test_board_open_remove_fails_there_is_no_page),
		TEST(test_board_open_too_large_asks_for_nothing),
		TEST(test_board_no_page_everything_written_is_lost),
		TEST(test_board_begin_sequence_is_odd_until_the_end),
		TEST(test_board_begin_entry_every_place_has_its_own),
		TEST(test_board_begin_entry_behind_the_last_writes_nowhere),
		TEST(test_board_wake_only_after_a_change),
		TEST(test_board_close_reader_sees_it_gone_and_is_woken),
		TEST(test_board_write_name_names_follow_each_other),
		TEST(test_board_write_name_without_room_is_cut),
		TEST(test_board_write_reason_too_long_is_cut_and_emptied),
		TEST(test_board_page_full_of_garbage_is_written_as_before),
		TEST(test_board_texts_do_not_overlap),
		TEST(test_board_write_reason_as_long_as_its_room_is_cut),
		TEST(test_board_now_is_what_the_clocks_say),
		TEST(test_board_now_both_clocks_run),
	};

	return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
