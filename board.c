/* SPDX-License-Identifier: ISC */
/* Owns the shared page: how it is made, laid out, changed and given up; not what it says.
 * Invariant: nothing is read from the page, as whoever runs as our user could write to it; so all
 * that dinit needs to know is kept beside it. */
#include "board.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of futex(2), which has a header in some C libraries only. */
#define FUTEX_WAKE 1

/* ---- the layout ---- */

static size_t count_entries(const struct board *board)
{
	return board->services + BOARD_ADOPTED_MAX;
}

/* Computes where the texts are. Returns the size of the page. Reasons come last, as most are never
 * written: memory is used only for what was. */
static size_t lay_out(struct board *board, size_t services, size_t names_size)
{
	board->services = services;
	board->names_at =
		sizeof(struct board_header) + count_entries(board) * sizeof(struct board_entry);
	board->names_end = board->names_at + names_size;
	board->adopted_names_at = board->names_end;
	board->reasons_at =
		board->adopted_names_at + (size_t)BOARD_ADOPTED_MAX * BOARD_ADOPTED_NAME_SIZE;
	return board->reasons_at + count_entries(board) * BOARD_REASON_SIZE;
}

static struct board_entry *find_entry(struct board *board, size_t place)
{
	if (!board->header || place >= count_entries(board))
		return &board->no_entry;
	return (struct board_entry *)(board->header + 1) + place;
}

/* ---- making and giving up ---- */

/* Lets every user of the container read it, and nobody write to it. Where that is refused it is of
 * no use, but no harm either. */
static void open_to_all(int id)
{
	struct shmid_ds about;

	memset(&about, 0, sizeof about);
	about.shm_perm.uid = geteuid();
	about.shm_perm.gid = getegid();
	about.shm_perm.mode = 0444;
	shmctl(id, IPC_SET, &about);
}

/* Makes the memory and attaches it, so that it goes with this process. Returns the address, or NULL
 * with errno. */
static void *make_memory(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600), error;
	void *address;
	bool attached;

	if (id < 0)
		return NULL;
	address = shmat(id, NULL, 0);
	attached = address != (void *)-1;
	error = errno;
	/* At once: a dinit that is killed before this leaves it behind. */
	if (shmctl(id, IPC_RMID, NULL) < 0 && attached) {
		error = errno;
		shmdt(address);
		attached = false;
	}
	if (attached)
		open_to_all(id);
	errno = error;
	return attached ? address : NULL;
}

static void fill_header(struct board *board, size_t size)
{
	struct board_header *header = board->header;
	struct board_time now = board_now();
	struct stat namespace;

	*header = (struct board_header){
		.version = BOARD_VERSION,
		.size = (uint32_t)size,
		.header_size = sizeof *header,
		.entry_size = sizeof(struct board_entry),
		.services = (uint32_t)board->services,
		.adopted = BOARD_ADOPTED_MAX,
		.pid = getpid(),
		.started = now,
		.since = now,
		.dinit_version = DINIT_VERSION,
	};
	if (stat("/proc/self/ns/mnt", &namespace) < 0)
		return;
	header->namespace_device = namespace.st_dev;
	header->namespace_inode = namespace.st_ino;
}

int board_open(struct board *board, size_t services, size_t names_size)
{
	size_t size;

	memset(board, 0, sizeof *board);
	size = lay_out(board, services, names_size);
	if (size > INT_MAX) {
		errno = ENOMEM;
		return -1;
	}
	board->header = make_memory(size);
	if (!board->header)
		return -1;
	fill_header(board, size);
	return 0;
}

void board_show_directory(struct board *board, const char *dir)
{
	struct board_header *header;
	struct stat status;

	if (stat(dir, &status) < 0)
		return;
	header = board_begin(board);
	header->dir_device = status.st_dev;
	header->dir_inode = status.st_ino;
	board_end(board);
}

void board_publish(struct board *board)
{
	static const char magic[sizeof board->header->magic] = BOARD_MAGIC;

	memcpy(board_begin(board)->magic, magic, sizeof magic);
	board_end(board);
}

void board_close(struct board *board)
{
	struct board_header *header = board_begin(board);

	header->state = BOARD_WHOLE_GONE;
	header->ready = false;
	board_end(board);
	board_wake(board);
	if (board->header)
		shmdt(board->header);
	board->header = NULL;
}

/* ---- changes ---- */

/* A sequence lock (as the kernel's, Documentation/locking/seqlock.rst): the fences keep the bytes
 * that change between the odd number and the even one, also for a reader on another processor. */
static void begin(struct board *board)
{
	struct board_header *header = board->header ? board->header : &board->no_header;

	__atomic_store_n(&header->sequence, ++board->sequence, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

struct board_header *board_begin(struct board *board)
{
	begin(board);
	return board->header ? board->header : &board->no_header;
}

struct board_entry *board_begin_entry(struct board *board, size_t place)
{
	begin(board);
	return find_entry(board, place);
}

void board_end(struct board *board)
{
	struct board_header *header = board->header ? board->header : &board->no_header;

	__atomic_store_n(&header->sequence, ++board->sequence, __ATOMIC_RELEASE);
	board->changed = true;
}

void board_wake(struct board *board)
{
	if (!board->changed)
		return;
	board->changed = false;
	if (board->header)
		syscall(SYS_futex, &board->header->sequence, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- texts ---- */

/* Copies as much of the text as fits, with a NUL. Returns its length. */
static uint32_t write_text(struct board *board, size_t at, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (size == 0)
		return 0;
	if (len >= size)
		len = size - 1;
	memcpy((char *)board->header + at, text, len);
	((char *)board->header)[at + len] = '\0';
	return (uint32_t)len;
}

void board_write_name(struct board *board, size_t place, const char *name)
{
	struct board_entry *entry = find_entry(board, place);
	size_t at = board->names_at, size = board->names_end - board->names_at;
	uint32_t len;

	if (entry == &board->no_entry)
		return;
	if (place >= board->services) {
		at = board->adopted_names_at + (place - board->services) * BOARD_ADOPTED_NAME_SIZE;
		size = BOARD_ADOPTED_NAME_SIZE;
	}
	len = write_text(board, at, size, name);
	if (place < board->services)
		board->names_at += len + 1;
	entry->name_at = (uint32_t)at;
	entry->name_len = len;
}

void board_write_reason(struct board *board, size_t place, const char *reason)
{
	struct board_entry *entry = find_entry(board, place);
	size_t at = board->reasons_at + place * BOARD_REASON_SIZE;

	if (entry == &board->no_entry)
		return;
	entry->reason_at = (uint32_t)at;
	entry->reason_len = *reason ? write_text(board, at, BOARD_REASON_SIZE, reason) : 0;
}

/* ---- counts and time ---- */

struct board_stream *board_find_streams(struct board *board, size_t place)
{
	return find_entry(board, place)->streams;
}

struct board_counts *board_find_counts(struct board *board)
{
	return board->header ? &board->header->counts : &board->no_header.counts;
}

static uint64_t read_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct board_time board_now(void)
{
	return (struct board_time){ .monotonic_ms = read_ms(CLOCK_MONOTONIC),
				    .realtime_ms = read_ms(CLOCK_REALTIME) };
}
