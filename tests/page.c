/* SPDX-License-Identifier: ISC */
/* Looks at what dinit shows of itself (board.h) in the ways that dinit's own clients do not.
 *
 * 	page list		for each page: "page of PID, user UID, mode MODE, REMOVED", where
 * 				PID is that of its creator (0: of another PID namespace) and REMOVED
 * 				"to be removed" or "stays"
 * 	page write		for each page: "writable" or "refused" if somebody asks to write
 * 				to it
 * 	page garble PID MS	allows itself to write to the page that PID made, as its owner may,
 * 				and fills it with noise for so long
 * 	page forge		makes a page of its own that says it is a dinit's, says "forged
 * 				PID", and waits
 *
 * Only pages that can be read are found. Exits with 1 where there was none. */
#include "../board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

struct page {
	int id;
	struct shmid_ds about;
	const struct board_header *header;
};

/* Looks at the segment at that place of the kernel's list. Returns whether it is a page, which is
 * attached then. */
static bool open_page(int place, struct page *page)
{
	void *address;

	page->id = shmctl(place, SHM_STAT, &page->about);
	if (page->id < 0 || page->about.shm_segsz < sizeof *page->header)
		return false;
	address = shmat(page->id, NULL, SHM_RDONLY);
	if (address == (void *)-1)
		return false;
	page->header = address;
	if (memcmp(page->header->magic, BOARD_MAGIC, sizeof page->header->magic) == 0)
		return true;
	shmdt(address);
	return false;
}

static void list(const struct page *page, char **arguments)
{
	(void)arguments;
	printf("page of %d, user %u, mode %o, %s\n", (int)page->about.shm_cpid,
	       (unsigned)page->about.shm_perm.uid, (unsigned)page->about.shm_perm.mode & 0777,
	       page->about.shm_perm.mode & SHM_DEST ? "to be removed" : "stays");
}

static void ask_to_write(const struct page *page, char **arguments)
{
	void *address = shmat(page->id, NULL, 0);

	(void)arguments;
	if (address != (void *)-1)
		puts("writable");
	else
		puts(errno == EACCES ? "refused" : strerror(errno));
}

static void garble(const struct page *page, char **arguments)
{
	uint64_t until_ms = board_now().monotonic_ms + strtoul(arguments[1], NULL, 10);
	struct shmid_ds about = page->about;
	unsigned char *bytes;

	if (about.shm_cpid != atoi(arguments[0]))
		return;
	about.shm_perm.mode = 0644;
	if (shmctl(page->id, IPC_SET, &about) < 0) {
		perror("page: IPC_SET");
		exit(1);
	}
	bytes = shmat(page->id, NULL, 0);
	if (bytes == (void *)-1) {
		perror("page: shmat");
		exit(1);
	}
	for (unsigned noise = 1; board_now().monotonic_ms < until_ms;)
		for (size_t i = 0; i < about.shm_segsz; i++)
			bytes[i] = (unsigned char)((noise = noise * 1664525 + 1013904223) >> 24);
	puts("garbled");
}

static int forge(void)
{
	static struct board board;
	struct board_entry *entry;

	if (board_open(&board, 1, 8) < 0) {
		perror("page: board_open");
		return 1;
	}
	board_publish(&board);
	entry = board_begin_entry(&board, 0);
	board_write_name(&board, 0, "forged");
	entry->state = BOARD_READY;
	board_end(&board);
	board_begin(&board)->ready = true;
	board_end(&board);
	printf("forged %d\n", (int)getpid());
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "list";
	void (*act)(const struct page *, char **) = list;
	struct shm_info info;
	struct page page;
	int found = 0, last;

	if (strcmp(what, "forge") == 0)
		return forge();
	if (strcmp(what, "write") == 0)
		act = ask_to_write;
	else if (strcmp(what, "garble") == 0 && argc == 4)
		act = garble;
	last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
	for (int place = 0; place <= last; place++) {
		if (!open_page(place, &page))
			continue;
		found++;
		act(&page, argv + 2);
		shmdt(page.header);
	}
	return found > 0 ? 0 : 1;
}
