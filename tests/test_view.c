/* SPDX-License-Identifier: ISC */
/* view.c over real pages: those of board.c, in this process and in children, and ones that were
 * made up byte by byte. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/view.h"
#include "rig.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what is taken ---- */

/* What happens when view.c sleeps, and when it allocates: what dinit would do meanwhile. */
static void (*on_sleep)(void), (*on_malloc)(void);
/* The next calls fail: so many are left until then; 0: never. */
static unsigned calloc_fails, malloc_fails;
/* What the futex call fails with after 100 ms; WOKEN: it does not fail; 0: it waits as long as it
 * is to. */
static int futex_error;
#define WOKEN (-1)
/* How often somebody slept on the futex. */
static unsigned sleeps;
/* What is added to the clock. */
static uint64_t ahead_ms;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
long __wrap_syscall(long number, uint32_t *word, int operation, uint32_t value,
		    const struct timespec *time);

void *__wrap_malloc(size_t size)
{
	if (on_malloc)
		on_malloc();
	if (malloc_fails > 0 && --malloc_fails == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (calloc_fails > 0 && --calloc_fails == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_calloc(count, size);
}

/* Does not sleep: the time is over at once. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	ahead_ms += (uint64_t)time->tv_sec * 1000 + (uint64_t)time->tv_nsec / 1000000;
	if (on_sleep)
		on_sleep();
	return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = __real_clock_gettime(clock, now);

	now->tv_sec += (time_t)(ahead_ms / 1000);
	now->tv_nsec += (long)(ahead_ms % 1000) * 1000000;
	if (now->tv_nsec >= 1000000000) {
		now->tv_sec++;
		now->tv_nsec -= 1000000000;
	}
	return result;
}

/* FUTEX_WAIT (0) and FUTEX_WAKE (1): a wait is over at once, or at the end of its time. */
long __wrap_syscall(long number, uint32_t *word, int operation, uint32_t value,
		    const struct timespec *time)
{
	assert_int_equal(number, SYS_futex);
	if (operation == 1)
		return 0;
	assert_int_equal(operation, 0);
	sleeps++;
	if (futex_error) {
		ahead_ms += 100;
		if (on_sleep)
			on_sleep();
		errno = futex_error;
		return futex_error == WOKEN ? 0 : -1;
	}
	errno = *word != value ? EAGAIN : ETIMEDOUT;
	if (*word == value)
		__wrap_nanosleep(time, NULL);
	return -1;
}

/* ---- the rig ---- */

struct rig {
	struct board board;
	struct view view;
	struct snapshot snapshot;
	char why[VIEW_WHY_SIZE];
};

/* What on_sleep and on_malloc change. */
static struct rig *played;

static void show(struct board *board, size_t place, enum board_state state, const char *name,
		 const char *reason)
{
	struct board_entry *entry = board_begin_entry(board, place);

	entry->state = state;
	entry->pid = (int32_t)(100 + place);
	if (place >= board->services)
		entry->flags = BOARD_FLAG_USED;
	board_write_name(board, place, name);
	board_write_reason(board, place, reason);
	board_end(board);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	assert_non_null(rig);
	*state = played = rig;
	on_sleep = on_malloc = NULL;
	calloc_fails = malloc_fails = 0;
	futex_error = 0;
	sleeps = 0;
	ahead_ms = 0;
	assert_int_equal(board_open(&rig->board, 3, sizeof "db" + sizeof "log" + sizeof "web"), 0);
	show(&rig->board, 0, BOARD_READY, "db", "");
	show(&rig->board, 1, BOARD_DOWN, "log", "");
	show(&rig->board, 2, BOARD_UNREADY, "web", "exited with status 1: refused");
	board_publish(&rig->board);
	assert_int_equal(view_open(&rig->view, getpid(), rig->why), 0);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	snapshot_free(&rig->snapshot);
	view_close(&rig->view);
	board_close(&rig->board);
	free(rig);
	return 0;
}

static void take(struct rig *rig)
{
	snapshot_free(&rig->snapshot);
	assert_int_equal(view_take(&rig->view, &rig->snapshot, rig->why), 0);
}

static void expect_no_snapshot(struct rig *rig, const struct view *view, const char *why)
{
	struct snapshot snapshot;

	assert_int_equal(view_take(view, &snapshot, rig->why), -1);
	assert_non_null(strstr(rig->why, why));
}

static void expect_refusal(struct rig *rig, const char *why)
{
	expect_no_snapshot(rig, &rig->view, why);
}

/* Opens as a process beside the test would, or below it. */
static void expect_open_fails(struct rig *rig, pid_t pid, const char *why)
{
	struct view view;

	assert_int_equal(view_open(&view, pid, rig->why), -1);
	assert_non_null(strstr(rig->why, why));
}

/* Runs the function in a child. It is the function's result whether all was as it should be. */
static void expect_in_child(struct rig *rig, bool (*function)(struct rig *rig))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function(rig) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- view_open ---- */

static void test_open_pid_of_a_dinit_finds_its_page(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig->view.pid, getpid());
	take(rig);
	assert_int_equal(rig->snapshot.header.pid, getpid());
}

static void test_open_pid_of_no_dinit_says_so(void **state)
{
	expect_open_fails(*state, getppid(), "no dinit with PID ");
}

static bool finds_parent(struct rig *rig)
{
	struct view view;

	return view_open(&view, 0, rig->why) == 0 && view.pid == getppid();
}

static void test_open_child_finds_its_parent(void **state)
{
	expect_in_child(*state, finds_parent);
}

/* A dinit below the dinit that the test is, with a process below it. */
static bool nests(struct rig *rig)
{
	struct board board;
	int status = 1;
	pid_t pid;

	if (board_open(&board, 1, 2) < 0)
		return false;
	board_publish(&board);
	pid = fork();
	if (pid == 0)
		_exit(finds_parent(rig) ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_open_child_of_two_finds_the_nearest(void **state)
{
	expect_in_child(*state, nests);
}

static bool finds_grandparent(struct rig *rig)
{
	int status = 1;
	pid_t expected = getppid(), pid = fork();

	if (pid == 0) {
		struct view view;

		_exit(view_open(&view, 0, rig->why) == 0 && view.pid == expected ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* Starts a dinit of which nobody descends. Returns its PID once its page is there, or -1. */
static pid_t start_other(void)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct board board;

		/* A test that fails leaves it behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (board_open(&board, 1, 2) < 0)
			_exit(1);
		board_publish(&board);
		_exit(write(ready[1], "x", 1) != 1 || pause() < 0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

static void stop_other(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* (The other one could be taken for the one that is meant.) */
static void test_open_grandchild_finds_its_ancestor(void **state)
{
	pid_t other = start_other();

	expect_in_child(*state, finds_grandparent);
	stop_other(other);
}

/* Where nobody else's dinits are to be seen. */
static bool chooses_among_others(struct rig *rig)
{
	struct view view;
	char pids[64];
	pid_t one, other;
	bool good;

	if (unshare(CLONE_NEWIPC) < 0 || view_open(&view, 0, rig->why) == 0)
		return false;
	good = strcmp(rig->why, "no dinit runs here (or it is in another container, or has no "
				"System V shared memory)") == 0;
	one = start_other();
	good = good && view_open(&view, 0, rig->why) == 0 && view.pid == one;
	view_close(&view);
	other = start_other();
	good = good && view_open(&view, 0, rig->why) < 0;
	snprintf(pids, sizeof pids, "by --pid (%d, %d)", (int)one, (int)other);
	good = good && strstr(rig->why, pids) && view_open(&view, other, rig->why) == 0 &&
	       view.pid == other;
	stop_other(one);
	stop_other(other);
	return good;
}

static void test_open_several_that_are_no_ancestors_names_them(void **state)
{
	rig_need(rig_can_mount(), RIG_WHY_NAMESPACES);
	expect_in_child(*state, chooses_among_others);
}

/* As PID 1 of a container, beside another dinit, and looked at by a process of which neither is an
 * ancestor, as with docker exec. */
static bool prefers_the_first_process(struct rig *rig)
{
	int status = 1;
	pid_t first, other, pid;

	if (unshare(CLONE_NEWIPC | CLONE_NEWPID) < 0)
		return false;
	first = start_other();
	other = start_other();
	pid = fork();
	if (pid == 0) {
		struct view view;

		_exit(view_open(&view, 0, rig->why) == 0 && view.pid == 1 ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid)
		status = 1;
	stop_other(other);
	stop_other(first);
	return status == 0;
}

static void test_open_without_an_ancestor_finds_the_first_process(void **state)
{
	rig_need(rig_can_mount(), RIG_WHY_NAMESPACES);
	expect_in_child(*state, prefers_the_first_process);
}

/* Copies the page to a segment of shared memory of that size that is there to stay, and looks for
 * that in its place. Returns whether it was found. */
static bool finds_copy(struct rig *rig, size_t size, bool removed)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	char *copy = shmat(id, NULL, 0);
	struct view view;
	bool found;

	assert_true(id >= 0 && copy != (void *)-1);
	if (removed)
		shmctl(id, IPC_RMID, NULL);
	memcpy(copy, rig->board.header, size);
	rig->board.header->magic[0] = 'x';
	found = view_open(&view, getpid(), rig->why) == 0;
	if (found)
		view_close(&view);
	rig->board.header->magic[0] = copy[0];
	shmctl(id, IPC_RMID, NULL);
	shmdt(copy);
	return found;
}

static void test_open_memory_that_is_no_page_is_not_taken(void **state)
{
	struct rig *rig = *state;
	size_t least = offsetof(struct board_header, counts);

	assert_true(finds_copy(rig, rig->view.size, true));
	/* It would outlive its dinit. */
	assert_false(finds_copy(rig, rig->view.size, false));
	assert_true(finds_copy(rig, least, true));
	assert_false(finds_copy(rig, least - 1, true));
}

static void test_open_other_mount_namespace_is_not_taken(void **state)
{
	struct rig *rig = *state;

	rig->board.header->namespace_inode++;
	expect_open_fails(rig, getpid(), "no dinit with PID ");
	rig->board.header->namespace_inode--;
	rig->board.header->namespace_device++;
	expect_open_fails(rig, getpid(), "no dinit with PID ");
}

static void test_open_unknown_mount_namespace_is_taken(void **state)
{
	struct rig *rig = *state;
	struct view view;

	rig->board.header->namespace_inode = 0;
	assert_int_equal(view_open(&view, getpid(), rig->why), 0);
	view_close(&view);
}

static void test_open_other_pid_namespace_is_not_taken(void **state)
{
	struct rig *rig = *state;

	rig->board.header->pid = 1;
	expect_open_fails(rig, getpid(), "no dinit with PID ");
}

static void test_open_other_magic_is_not_taken(void **state)
{
	struct rig *rig = *state;

	rig->board.header->magic[7] = 'x';
	expect_open_fails(rig, getpid(), "no dinit with PID ");
}

static void test_open_other_version_says_which(void **state)
{
	struct rig *rig = *state;

	rig->board.header->version = 77;
	expect_open_fails(rig, getpid(), "form 77");
}

/* ---- a dinit that has ended ---- */

static void open_other(struct rig *rig, pid_t pid)
{
	view_close(&rig->view);
	assert_int_equal(view_open(&rig->view, pid, rig->why), 0);
}

static void test_ended_dinit_is_gone_for_those_who_look(void **state)
{
	struct rig *rig = *state;
	pid_t pid = start_other();
	struct view view;
	siginfo_t info;

	open_other(rig, pid);
	take(rig);
	assert_false(view_is_gone(&rig->view));
	kill(pid, SIGKILL);
	/* A zombie. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_GONE);
	assert_true(view_is_gone(&rig->view));
	expect_refusal(rig, "has ended");
	assert_int_equal(view_open(&view, pid, rig->why), -1);
	/* And less. */
	stop_other(pid);
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_GONE);
	assert_true(view_is_gone(&rig->view));
	expect_refusal(rig, "has ended");
	assert_int_equal(view_open(&view, pid, rig->why), -1);
}

static pid_t victim;

static void kill_victim(void)
{
	stop_other(victim);
	on_sleep = NULL;
}

static void test_ending_dinit_wakes_nobody_and_is_noticed(void **state)
{
	struct rig *rig = *state;

	victim = start_other();
	open_other(rig, victim);
	take(rig);
	on_sleep = kill_victim;
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_GONE);
	assert_null(on_sleep);
}

static void test_closed_page_is_that_of_one_that_has_ended(void **state)
{
	struct rig *rig = *state;
	struct board_header *header;

	take(rig);
	assert_false(view_is_gone(&rig->view));
	header = board_begin(&rig->board);
	header->state = BOARD_WHOLE_GONE;
	board_end(&rig->board);
	assert_true(view_is_gone(&rig->view));
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_GONE);
	expect_refusal(rig, "has ended");
	/* What it has left can be looked at. */
	snapshot_free(&rig->snapshot);
	assert_int_equal(view_take_last(&rig->view, &rig->snapshot), 0);
	assert_int_equal(rig->snapshot.header.state, BOARD_WHOLE_GONE);
	assert_string_equal(rig->snapshot.list[0].name, "db");
	/* Not where it was killed in the middle of a change, or makes no sense. */
	board_begin(&rig->board);
	assert_int_equal(view_take_last(&rig->view, &(struct snapshot){ 0 }), -1);
	board_end(&rig->board);
	rig->board.header->header_size = 0;
	assert_int_equal(view_take_last(&rig->view, &(struct snapshot){ 0 }), -1);
}

/* ---- view_take ---- */

static void test_take_services_are_as_they_were_shown(void **state)
{
	struct rig *rig = *state;

	show(&rig->board, 4, BOARD_READY, "cron/77", "");
	take(rig);
	assert_int_equal(rig->snapshot.services, 3);
	assert_int_equal(rig->snapshot.len, 4);
	assert_string_equal(rig->snapshot.list[0].name, "db");
	assert_string_equal(rig->snapshot.list[0].reason, "");
	assert_int_equal(rig->snapshot.list[0].entry.state, BOARD_READY);
	assert_int_equal(rig->snapshot.list[0].entry.pid, 100);
	assert_false(rig->snapshot.list[0].adopted);
	assert_string_equal(rig->snapshot.list[2].name, "web");
	assert_string_equal(rig->snapshot.list[2].reason, "exited with status 1: refused");
	assert_string_equal(rig->snapshot.list[3].name, "cron/77");
	assert_true(rig->snapshot.list[3].adopted);
	assert_string_equal(rig->snapshot.header.dinit_version, DINIT_VERSION);
	assert_string_equal(rig->snapshot.header.cause, "");
}

/* A page of which every byte is the test's. */
static struct view make_page(char *page, size_t size, uint32_t header_size, uint32_t entry_size)
{
	struct board_header header = {
		.magic = BOARD_MAGIC,
		.version = BOARD_VERSION,
		.size = (uint32_t)size,
		.header_size = header_size,
		.entry_size = entry_size,
		.services = 2,
		.pid = getpid(),
	};

	memset(page, 0xff, size);
	memcpy(page, &header, header_size < sizeof header ? header_size : sizeof header);
	for (size_t i = 0; i < 2; i++) {
		struct board_entry entry = {
			.name_at = (uint32_t)(size - 8 * (i + 1)),
			.name_len = 3,
			.state = BOARD_STARTING,
			.pid = (int32_t)i,
			.streams = { { .lines = 5 } },
		};

		memcpy(page + header_size + i * entry_size, &entry,
		       entry_size < sizeof entry ? entry_size : sizeof entry);
		snprintf(page + entry.name_at, 8, "s%02zu", i);
	}
	return (struct view){ .page = page, .size = size, .pid = getpid() };
}

#define PAGE_SIZE 8192

/* Takes a snapshot of such a page, for an older or newer dinit. */
static void take_made(struct rig *rig, uint32_t header_size, uint32_t entry_size)
{
	static _Alignas(8) char page[PAGE_SIZE];
	struct view view = make_page(page, sizeof page, header_size, entry_size);

	snapshot_free(&rig->snapshot);
	assert_int_equal(view_take(&view, &rig->snapshot, rig->why), 0);
	assert_int_equal(rig->snapshot.len, 2);
	assert_string_equal(rig->snapshot.list[0].name, "s00");
	assert_string_equal(rig->snapshot.list[1].name, "s01");
	assert_int_equal(rig->snapshot.list[1].entry.pid, 1);
}

static void test_take_newer_page_is_read_as_far_as_known(void **state)
{
	take_made(*state, sizeof(struct board_header) + 24, sizeof(struct board_entry) + 8);
}

static void test_take_older_page_has_zeros_for_the_rest(void **state)
{
	struct rig *rig = *state;

	take_made(rig, offsetof(struct board_header, counts),
		  offsetof(struct board_entry, streams));
	assert_int_equal(rig->snapshot.header.counts.orphans.zombies, 0);
	assert_int_equal(rig->snapshot.list[1].entry.streams[0].lines, 0);
}

static void test_take_counts_that_lie_are_refused(void **state)
{
	static _Alignas(8) char page[PAGE_SIZE];
	struct rig *rig = *state;
	static const struct {
		size_t at;
		uint32_t value;
	} lies[] = {
		{ offsetof(struct board_header, version), 2 },
		{ offsetof(struct board_header, header_size), 0 },
		{ offsetof(struct board_header, header_size), 100 },
		{ offsetof(struct board_header, header_size), 65536 },
		{ offsetof(struct board_header, header_size), 65537 },
		{ offsetof(struct board_header, header_size), UINT32_MAX },
		{ offsetof(struct board_header, header_size), PAGE_SIZE - 8 },
		{ offsetof(struct board_header, entry_size), 0 },
		{ offsetof(struct board_header, entry_size), 8 },
		{ offsetof(struct board_header, entry_size), 1025 },
		{ offsetof(struct board_header, entry_size), UINT32_MAX },
		{ offsetof(struct board_header, services), 1000 },
		{ offsetof(struct board_header, services), UINT32_MAX },
		{ offsetof(struct board_header, adopted), 65536 },
		{ offsetof(struct board_header, adopted), UINT32_MAX },
		{ offsetof(struct board_header, state), BOARD_WHOLES },
		{ offsetof(struct board_header, state), UINT32_MAX },
		{ sizeof(struct board_header) + offsetof(struct board_entry, state), BOARD_STATES },
	};

	for (size_t i = 0; i < COUNT(lies); i++) {
		struct view view = make_page(page, sizeof page, sizeof(struct board_header),
					     sizeof(struct board_entry));

		memcpy(page + lies[i].at, &lies[i].value, sizeof lies[i].value);
		expect_no_snapshot(rig, &view, "makes no sense");
	}
}

/* Sizes at their limits. */
static void test_take_largest_page_is_taken(void **state)
{
	enum {
		LARGEST = 65536 + 1024 * 2 + 16
	};
	struct rig *rig = *state;
	char *page = malloc(LARGEST);
	struct board_entry *entry;
	struct view view;

	assert_non_null(page);
	view = make_page(page, LARGEST, 65536, 1024);
	entry = (struct board_entry *)(void *)(page + 65536);
	assert_int_equal(view_take(&view, &rig->snapshot, rig->why), 0);
	assert_string_equal(rig->snapshot.list[1].name, "s01");
	/* The entries end where the page does. */
	view.size = 65536 + 1024 * 2;
	entry->name_len = 0;
	snapshot_free(&rig->snapshot);
	assert_int_equal(view_take(&view, &rig->snapshot, rig->why), 0);
	view.size--;
	expect_no_snapshot(rig, &view, "makes no sense");
	/* The longest text, at the end. */
	view.size = LARGEST;
	entry->name_len = entry->reason_len = VIEW_TEXT_SIZE - 1;
	entry->name_at = entry->reason_at = LARGEST - (VIEW_TEXT_SIZE - 1);
	snapshot_free(&rig->snapshot);
	assert_int_equal(view_take(&view, &rig->snapshot, rig->why), 0);
	assert_int_equal(strlen(rig->snapshot.list[0].name), VIEW_TEXT_SIZE - 1);
	assert_int_equal(strlen(rig->snapshot.list[0].reason), VIEW_TEXT_SIZE - 1);
	free(page);
}

/* A list of texts that are all of the page would be far larger than it. */
static void test_take_texts_that_are_more_than_the_page_are_refused(void **state)
{
	static _Alignas(8) char page[PAGE_SIZE];
	struct rig *rig = *state;
	struct view view = make_page(page, sizeof page, sizeof(struct board_header),
				     sizeof(struct board_entry));
	struct board_header *header = (struct board_header *)(void *)page;
	size_t entries = (sizeof page - sizeof *header) / sizeof(struct board_entry);

	header->services = (uint32_t)entries;
	for (size_t i = 0; i < entries; i++) {
		struct board_entry *entry = (struct board_entry *)(header + 1) + i;

		*entry = (struct board_entry){ .name_len = VIEW_TEXT_SIZE - 1,
					       .reason_len = VIEW_TEXT_SIZE - 1 };
	}
	expect_no_snapshot(rig, &view, "makes no sense");
}

static void test_take_texts_out_of_bounds_are_empty(void **state)
{
	static const struct {
		uint32_t at, len;
	} texts[] = {
		{ 0, VIEW_TEXT_SIZE },      { 0, UINT32_MAX }, { PAGE_SIZE, 1 },
		{ PAGE_SIZE - 2, 3 },       { UINT32_MAX, 3 }, { UINT32_MAX - 1, 1 },
		{ UINT32_MAX, UINT32_MAX },
	};
	static _Alignas(8) char page[PAGE_SIZE];
	struct rig *rig = *state;
	struct view view = make_page(page, sizeof page, sizeof(struct board_header),
				     sizeof(struct board_entry));
	struct board_entry *entry =
		(struct board_entry *)(void *)(page + sizeof(struct board_header));

	for (size_t i = 0; i < COUNT(texts); i++) {
		entry->name_at = entry->reason_at = texts[i].at;
		entry->name_len = entry->reason_len = texts[i].len;
		snapshot_free(&rig->snapshot);
		assert_int_equal(view_take(&view, &rig->snapshot, rig->why), 0);
		assert_string_equal(rig->snapshot.list[0].name, "");
		assert_string_equal(rig->snapshot.list[0].reason, "");
		assert_string_equal(rig->snapshot.list[1].name, "s01");
	}
	/* The last bytes of the page are within it. */
	entry->name_at = PAGE_SIZE - 8;
	entry->name_len = 8;
	memcpy(page + PAGE_SIZE - 8, "12345678", 8);
	snapshot_free(&rig->snapshot);
	assert_int_equal(view_take(&view, &rig->snapshot, rig->why), 0);
	assert_string_equal(rig->snapshot.list[0].name, "12345678");
}

static void test_take_texts_become_printable(void **state)
{
	struct rig *rig = *state;
	struct board_header *header;

	show(&rig->board, 2, BOARD_UNREADY, "", "a\033[31mb\nc\xff\xc3\xa9");
	header = board_begin(&rig->board);
	memset(header->cause, 'x', sizeof header->cause);
	memset(header->dinit_version, '\n', sizeof header->dinit_version);
	board_end(&rig->board);
	take(rig);
	assert_string_equal(rig->snapshot.list[2].reason, "a?[31mb?c?\xc3\xa9");
	assert_int_equal(strlen(rig->snapshot.header.cause), BOARD_CAUSE_SIZE - 1);
	assert_string_equal(rig->snapshot.header.dinit_version, "???????????????????????????????");
}

static void test_take_texts_of_every_length_are_whole(void **state)
{
	static const char text[] = "0123456789";
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof text; i++) {
		show(&rig->board, 3, BOARD_READY, text + i, text + i);
		take(rig);
		assert_string_equal(rig->snapshot.list[3].name, text + i);
		assert_string_equal(rig->snapshot.list[3].reason, text + i);
	}
}

/* Whoever sends a signal to a PID of a page must not send it to all processes. */
static void test_take_negative_pids_are_none(void **state)
{
	struct rig *rig = *state;
	struct board_entry *entry = board_begin_entry(&rig->board, 0);

	entry->pid = -1;
	entry->log_pid = INT32_MIN;
	entry->finish_pid = -7;
	board_end(&rig->board);
	take(rig);
	assert_int_equal(rig->snapshot.list[0].entry.pid, 0);
	assert_int_equal(rig->snapshot.list[0].entry.log_pid, 0);
	assert_int_equal(rig->snapshot.list[0].entry.finish_pid, 0);
}

static void end_change(void)
{
	board_end(&played->board);
	on_sleep = NULL;
}

static void test_sequence_changes_with_each_change(void **state)
{
	struct rig *rig = *state;
	uint32_t before = view_sequence(&rig->view);

	take(rig);
	assert_int_equal(rig->snapshot.header.sequence, before);
	assert_int_equal(view_sequence(&rig->view), before);
	board_begin_entry(&rig->board, 0);
	assert_int_not_equal(view_sequence(&rig->view), before);
	board_end(&rig->board);
	assert_int_not_equal(view_sequence(&rig->view), before);
	take(rig);
	assert_int_equal(rig->snapshot.header.sequence, view_sequence(&rig->view));
}

static void test_take_in_a_change_waits_for_its_end(void **state)
{
	struct rig *rig = *state;
	struct board_entry *entry;

	entry = board_begin_entry(&rig->board, 0);
	entry->pid = 3;
	on_sleep = end_change;
	take(rig);
	assert_int_equal(rig->snapshot.list[0].entry.pid, 3);
	assert_null(on_sleep);
}

static void change_once(void)
{
	struct board_entry *entry;

	on_sleep = on_malloc = NULL;
	entry = board_begin_entry(&played->board, 0);
	entry->pid = 55;
	entry->log_pid = 56;
	board_end(&played->board);
}

static void test_take_change_meanwhile_is_seen_whole(void **state)
{
	struct rig *rig = *state;

	on_malloc = change_once;
	take(rig);
	assert_null(on_malloc);
	assert_int_equal(rig->snapshot.list[0].entry.pid, 55);
	assert_int_equal(rig->snapshot.list[0].entry.log_pid, 56);
}

static void change_again(void)
{
	board_begin_entry(&played->board, 0);
	board_end(&played->board);
}

static void test_take_endless_change_is_given_up(void **state)
{
	struct rig *rig = *state;

	/* Stopped in the middle of one. */
	board_begin(&rig->board);
	expect_refusal(rig, "does not finish a change");
	board_end(&rig->board);
	/* (A slow machine has spent a part of the second itself.) */
	assert_in_range(ahead_ms, 1, 1100);
	/* Or there is always another. */
	on_malloc = change_again;
	expect_refusal(rig, "does not finish a change");
	on_malloc = NULL;
	take(rig);
}

static void test_take_without_memory_says_so(void **state)
{
	struct rig *rig = *state;

	calloc_fails = 1;
	expect_refusal(rig, "no memory");
	malloc_fails = 1;
	expect_refusal(rig, "no memory");
	take(rig);
}

static void test_look_opens_and_closes(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(view_look(getpid(), &rig->snapshot, rig->why), 0);
	assert_int_equal(rig->snapshot.services, 3);
	assert_int_equal(view_look(getppid(), &(struct snapshot){ 0 }, rig->why), -1);
	rig->board.header->header_size = 0;
	assert_int_equal(view_look(getpid(), &(struct snapshot){ 0 }, rig->why), -1);
}

/* ---- view_wait ---- */

static void test_wait_change_before_it_is_seen_at_once(void **state)
{
	struct rig *rig = *state;

	take(rig);
	change_again();
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_CHANGE);
	assert_int_equal(ahead_ms, 0);
}

static void test_wait_change_meanwhile_is_seen(void **state)
{
	struct rig *rig = *state;

	take(rig);
	on_sleep = change_once;
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_CHANGE);
	assert_null(on_sleep);
}

static void test_wait_news_of_the_futex_need_no_other_sleep(void **state)
{
	static const int news[] = { WOKEN, EAGAIN, EINTR, ETIMEDOUT };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT(news); i++) {
		take(rig);
		ahead_ms = 0;
		futex_error = news[i];
		on_sleep = change_once;
		assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_CHANGE);
		assert_int_equal(ahead_ms, 100);
	}
	/* It was woken for nothing. */
	take(rig);
	futex_error = WOKEN;
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, 450), VIEW_NEWS_NONE);
	assert_in_range(ahead_ms, 200, 600);
}

static void test_wait_without_a_change_ends_with_the_time(void **state)
{
	struct rig *rig = *state;

	take(rig);
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, 0), VIEW_NEWS_NONE);
	assert_int_equal(ahead_ms, 0);
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, 2500), VIEW_NEWS_NONE);
	assert_in_range(ahead_ms, 2400, 2600);
	/* Whether dinit lives was looked at now and then. */
	assert_int_equal(sleeps, 3);
}

/* With PID 1 all processes end. */
static void test_wait_for_the_first_process_sleeps_once(void **state)
{
	struct rig *rig = *state;
	struct view view = rig->view;

	take(rig);
	view.pid = 1;
	assert_int_equal(view_wait(&view, &rig->snapshot, 2500), VIEW_NEWS_NONE);
	assert_int_equal(sleeps, 1);
	assert_in_range(ahead_ms, 2400, 2600);
}

static void test_wait_without_a_futex_looks_now_and_then(void **state)
{
	struct rig *rig = *state;

	take(rig);
	futex_error = ENOSYS;
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, 2500), VIEW_NEWS_NONE);
	assert_in_range(ahead_ms, 2400, 2600);
	on_sleep = change_once;
	assert_int_equal(view_wait(&rig->view, &rig->snapshot, -1), VIEW_NEWS_CHANGE);
}

/* ---- what is in it ---- */

static void test_find_name_is_found_or_not(void **state)
{
	struct rig *rig = *state;

	take(rig);
	assert_ptr_equal(snapshot_find(&rig->snapshot, "web"), &rig->snapshot.list[2]);
	assert_ptr_equal(snapshot_find(&rig->snapshot, "db"), &rig->snapshot.list[0]);
	assert_null(snapshot_find(&rig->snapshot, "we"));
	assert_null(snapshot_find(&rig->snapshot, ""));
}

static void test_is_missing_depends_on_state_and_flags(void **state)
{
	static const struct {
		uint32_t state, flags;
		bool adopted, missing;
	} cases[] = {
		{ BOARD_STARTING, 0, false, true },
		{ BOARD_STARTING, BOARD_FLAG_OPTIONAL, false, true },
		{ BOARD_READY, BOARD_FLAG_CHECK, false, false },
		{ BOARD_UNREADY, 0, false, true },
		{ BOARD_STOPPING, 0, false, true },
		{ BOARD_FINISHING, 0, false, true },
		{ BOARD_FINISHING, BOARD_FLAG_DONE, false, false },
		{ BOARD_FINISHING, BOARD_FLAG_OPTIONAL | BOARD_FLAG_DONE, false, false },
		{ BOARD_DISABLED, BOARD_FLAG_DONE, false, false },
		{ BOARD_ENDED, 0, false, true },
		{ BOARD_ENDED, BOARD_FLAG_OPTIONAL | BOARD_FLAG_DONE, false, false },
		{ BOARD_DOWN, 0, false, false },
		{ BOARD_SKIPPED, 0, false, false },
		{ BOARD_STOPPING, BOARD_FLAG_USED, true, false },
		{ BOARD_STATES, 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct view_service service = {
			.name = "x",
			.reason = "",
			.adopted = cases[i].adopted,
			.entry = { .state = cases[i].state, .flags = cases[i].flags },
		};

		assert_int_equal(view_is_missing(&service), cases[i].missing);
	}
}

static void test_age_of_what_is_to_come_is_nothing(void **state)
{
	struct board_time time = board_now();

	(void)state;
	ahead_ms = 5000;
	assert_in_range(view_age_ms(&time), 5000, 100000);
	time.monotonic_ms += 1000000;
	assert_int_equal(view_age_ms(&time), 0);
	ahead_ms = 0;
}

static void test_words_are_there_for_every_state(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BOARD_STATES; i++)
		assert_true(strlen(view_state_word((enum board_state)i)) >= 4);
	for (unsigned i = 0; i < BOARD_WHOLES; i++)
		assert_true(strlen(view_whole_word((enum board_whole)i)) >= 4);
	assert_string_equal(view_state_word(BOARD_UNREADY), "unready");
	assert_string_equal(view_whole_word(BOARD_WHOLE_DELAYING), "delaying");
}

#define VIEW_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIEW_TEST(test_open_pid_of_a_dinit_finds_its_page),
		VIEW_TEST(test_open_pid_of_no_dinit_says_so),
		VIEW_TEST(test_open_child_finds_its_parent),
		VIEW_TEST(test_open_child_of_two_finds_the_nearest),
		VIEW_TEST(test_open_grandchild_finds_its_ancestor),
		VIEW_TEST(test_open_several_that_are_no_ancestors_names_them),
		VIEW_TEST(test_open_without_an_ancestor_finds_the_first_process),
		VIEW_TEST(test_open_memory_that_is_no_page_is_not_taken),
		VIEW_TEST(test_open_other_mount_namespace_is_not_taken),
		VIEW_TEST(test_open_unknown_mount_namespace_is_taken),
		VIEW_TEST(test_open_other_pid_namespace_is_not_taken),
		VIEW_TEST(test_open_other_magic_is_not_taken),
		VIEW_TEST(test_open_other_version_says_which),
		VIEW_TEST(test_ended_dinit_is_gone_for_those_who_look),
		VIEW_TEST(test_ending_dinit_wakes_nobody_and_is_noticed),
		VIEW_TEST(test_closed_page_is_that_of_one_that_has_ended),
		VIEW_TEST(test_take_services_are_as_they_were_shown),
		VIEW_TEST(test_take_newer_page_is_read_as_far_as_known),
		VIEW_TEST(test_take_older_page_has_zeros_for_the_rest),
		VIEW_TEST(test_take_counts_that_lie_are_refused),
		VIEW_TEST(test_take_largest_page_is_taken),
		VIEW_TEST(test_take_texts_that_are_more_than_the_page_are_refused),
		VIEW_TEST(test_take_texts_out_of_bounds_are_empty),
		VIEW_TEST(test_take_texts_become_printable),
		VIEW_TEST(test_take_texts_of_every_length_are_whole),
		VIEW_TEST(test_take_negative_pids_are_none),
		VIEW_TEST(test_sequence_changes_with_each_change),
		VIEW_TEST(test_take_in_a_change_waits_for_its_end),
		VIEW_TEST(test_take_change_meanwhile_is_seen_whole),
		VIEW_TEST(test_take_endless_change_is_given_up),
		VIEW_TEST(test_take_without_memory_says_so),
		VIEW_TEST(test_look_opens_and_closes),
		VIEW_TEST(test_wait_change_before_it_is_seen_at_once),
		VIEW_TEST(test_wait_change_meanwhile_is_seen),
		VIEW_TEST(test_wait_news_of_the_futex_need_no_other_sleep),
		VIEW_TEST(test_wait_without_a_change_ends_with_the_time),
		VIEW_TEST(test_wait_for_the_first_process_sleeps_once),
		VIEW_TEST(test_wait_without_a_futex_looks_now_and_then),
		VIEW_TEST(test_find_name_is_found_or_not),
		VIEW_TEST(test_is_missing_depends_on_state_and_flags),
		VIEW_TEST(test_age_of_what_is_to_come_is_nothing),
		VIEW_TEST(test_words_are_there_for_every_state),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
