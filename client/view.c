/* SPDX-License-Identifier: ISC */
/* Owns the search for the page of a running dinit, and the making of snapshots of it; not what is
 * told of them. Invariant: the page is only read, every size and offset in it is checked against
 * the size that the kernel tells before it is used, and only view_wait waits without a limit. */
#include "client/view.h"

#include "printable.h"
#include "process.h"
#include "procfs.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of futex(2), which has a header in some C libraries only. */
#define FUTEX_WAIT 0

/* What the sizes in a header are held to. A page of version 1 has at least what stands before the
 * counts, and a later one has more at the end; no dinit has as many services. */
#define HEADER_SIZE_MIN offsetof(struct board_header, counts)
#define HEADER_SIZE_MAX 65536
#define ENTRY_SIZE_MIN offsetof(struct board_entry, streams)
#define ENTRY_SIZE_MAX 1024
#define ENTRIES_MAX 65536
/* What printable_copy wants at least. */
#define TEXT_ROOM_MIN 4

/* How long dinit may take for a change of some hundred bytes, and how often we look meanwhile. */
#define CHANGE_MS 1000
#define CHANGE_PAUSE_MS 1
/* How often a sleeper looks whether dinit was killed, which wakes nobody. */
#define ALIVE_MS 1000
/* How often it looks at the page where there is no futex. */
#define LOOK_MS 20

/* 32-bit processors have another call for a struct timespec with 64 bits of seconds. */
#ifdef SYS_futex_time64
#define FUTEX_CALL (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX_CALL SYS_futex
#endif

static const struct procfs proc = { .root = "/proc" };

static uint64_t now_ms(void)
{
	return board_now().monotonic_ms;
}

static void sleep_ms(int64_t ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* ---- finding the page ---- */

/* What is known while the pages that there are are looked through. */
struct search {
	/* 0: any. */
	pid_t pid;
	/* Of our own mount namespace; 0 where that is unknown. */
	uint64_t device, inode;
	/* The best page so far, and the generations between it and us, or one of the two below. */
	struct view best;
	unsigned rank;
	/* So many pages of dinits were found, and their PIDs as text. */
	unsigned found;
	char pids[VIEW_WHY_SIZE / 2];
	/* The version of a page that we do not know; 0 where there was none. */
	uint32_t other_version;
};

/* The rank of the page of PID 1, and of any other that is no ancestor's. */
#define RANK_FIRST 1000
#define RANK_OTHER 1001

/* Returns how many generations the process is before the one whose parent that is, or RANK_OTHER
 * where it is no ancestor. */
static unsigned count_generations(pid_t pid, pid_t parent)
{
	struct procfs_stat stat = { .parent = parent };

	for (unsigned generation = 0; generation < RANK_FIRST && stat.parent > 0; generation++) {
		if (stat.parent == pid)
			return generation;
		if (!procfs_usable(&proc) || procfs_read_stat(&proc, stat.parent, &stat) < 0)
			break;
	}
	return RANK_OTHER;
}

/* Returns how many generations the process is before this one, or RANK_FIRST or RANK_OTHER. */
static unsigned rank(pid_t pid)
{
	unsigned generations = count_generations(pid, getppid());

	return generations == RANK_OTHER && pid == 1 ? RANK_FIRST : generations;
}

static bool is_below(pid_t pid, pid_t ancestor)
{
	struct procfs_stat stat;

	return pid != ancestor && procfs_usable(&proc) &&
	       procfs_read_stat(&proc, pid, &stat) == 0 &&
	       count_generations(ancestor, stat.parent) != RANK_OTHER;
}

/* Returns whether the process has ended: it may be a zombie still, or about to become one. */
static bool has_ended(pid_t pid)
{
	struct procfs_stat stat;

	if (kill(pid, 0) < 0)
		return errno == ESRCH;
	return procfs_usable(&proc) && procfs_read_stat(&proc, pid, &stat) == 0 &&
	       (stat.ending || stat.state == 'Z');
}

/* Copies the header of the page, as far as we know it. */
static void copy_header(const struct view *view, struct board_header *header)
{
	size_t size = view->size < sizeof *header ? view->size : sizeof *header;

	memset(header, 0, sizeof *header);
	memcpy(header, view->page, size);
	if (header->header_size < size)
		memset((char *)header + header->header_size, 0, size - header->header_size);
}

/* Returns whether that is the page of a dinit whose processes we see as it does: of the same PID
 * namespace and, as far as is known, mount namespace. */
static bool is_ours(struct search *search, const struct view *view)
{
	struct board_header header;

	copy_header(view, &header);
	if (memcmp(header.magic, BOARD_MAGIC, sizeof header.magic) != 0)
		return false;
	if (header.version != BOARD_VERSION) {
		search->other_version = header.version;
		return false;
	}
	if (header.pid != view->pid || has_ended(view->pid))
		return false;
	return header.namespace_inode == 0 || search->inode == 0 ||
	       (header.namespace_inode == search->inode &&
		header.namespace_device == search->device);
}

static void add_pid(struct search *search, pid_t pid)
{
	size_t len = strlen(search->pids);

	snprintf(search->pids + len, sizeof search->pids - len, "%s%d", len > 0 ? ", " : "",
		 (int)pid);
}

/* Returns whether the page of that process, of that rank, is better than the best so far. Of two
 * that are no ancestors of this process, the outer one is. */
static bool is_better(const struct search *search, pid_t pid, unsigned its_rank)
{
	if (its_rank == RANK_OTHER && search->rank == RANK_OTHER)
		return is_below(search->best.pid, pid);
	return its_rank < search->rank;
}

/* Keeps the page if it is the best so far, else detaches it. */
static void consider(struct search *search, struct view *view)
{
	unsigned its_rank;

	if (!is_ours(search, view)) {
		view_close(view);
		return;
	}
	its_rank = rank(view->pid);
	/* What is below another is one of its services, or of what they have started: perhaps a
	 * dinit, perhaps somebody who would like to be taken for one. */
	if (!is_below(view->pid, search->best.page ? search->best.pid : view->pid)) {
		search->found++;
		add_pid(search, view->pid);
	}
	if (search->best.page && !is_better(search, view->pid, its_rank)) {
		view_close(view);
		return;
	}
	view_close(&search->best);
	search->best = *view;
	search->best.above = its_rank != RANK_OTHER;
	search->rank = its_rank;
}

/* Looks at the segment of shared memory that the kernel has at that place of its list. */
static void look_at(struct search *search, int place)
{
	struct shmid_ds about;
	int id = shmctl(place, SHM_STAT, &about);
	struct view view;
	void *page;

	if (id < 0 || !(about.shm_perm.mode & SHM_DEST) || about.shm_segsz < HEADER_SIZE_MIN ||
	    about.shm_cpid <= 0 || (search->pid != 0 && about.shm_cpid != search->pid))
		return;
	page = shmat(id, NULL, SHM_RDONLY);
	if (page == (void *)-1)
		return;
	view = (struct view){ .page = page, .size = about.shm_segsz, .pid = about.shm_cpid };
	consider(search, &view);
}

/* Writes why no page was chosen. */
static void explain(const struct search *search, char why[VIEW_WHY_SIZE])
{
	if (search->found > 0)
		snprintf(why, VIEW_WHY_SIZE,
			 "more than one dinit runs here: choose one by --pid (%s)", search->pids);
	else if (search->other_version != 0)
		snprintf(why, VIEW_WHY_SIZE,
			 "the dinit that runs here is of another version, which shows itself in "
			 "form %u: this one knows form %u",
			 (unsigned)search->other_version, (unsigned)BOARD_VERSION);
	else if (search->pid != 0)
		snprintf(why, VIEW_WHY_SIZE, "no dinit with PID %d runs here", (int)search->pid);
	else
		snprintf(why, VIEW_WHY_SIZE,
			 "no dinit runs here (or it is in another container, or has no System V "
			 "shared memory)");
}

int view_open(struct view *view, pid_t pid, char why[VIEW_WHY_SIZE])
{
	struct search search = { .pid = pid };
	struct shm_info info;
	struct stat namespace;
	int last;

	if (stat("/proc/self/ns/mnt", &namespace) == 0) {
		search.device = namespace.st_dev;
		search.inode = namespace.st_ino;
	}
	/* (It takes another struct than the prototype has.) */
	last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
	for (int place = 0; place <= last; place++)
		look_at(&search, place);
	/* Again, if it matters: now it is known which ones are below the best. */
	if (search.best.page && search.rank == RANK_OTHER && search.found > 1) {
		search.found = 0;
		search.pids[0] = '\0';
		for (int place = 0; place <= last; place++)
			look_at(&search, place);
	}
	if (search.best.page && (search.found == 1 || search.rank != RANK_OTHER)) {
		*view = search.best;
		return 0;
	}
	view_close(&search.best);
	explain(&search, why);
	return -1;
}

void view_close(struct view *view)
{
	if (view->page)
		shmdt(view->page);
	view->page = NULL;
}

/* ---- snapshots ---- */

/* Why there is no snapshot. */
enum trouble {
	TROUBLE_NONE,
	/* What was read makes no sense, perhaps because it was being changed. */
	TROUBLE_NONSENSE,
	TROUBLE_MEMORY,
};

uint32_t view_sequence(const struct view *view)
{
	const struct board_header *header = (const struct board_header *)(const void *)view->page;

	return __atomic_load_n(&header->sequence, __ATOMIC_ACQUIRE);
}

static bool is_sound(const struct view *view, const struct board_header *header)
{
	uint64_t entries = (uint64_t)header->services + header->adopted;

	return header->version == BOARD_VERSION && header->header_size >= HEADER_SIZE_MIN &&
	       header->header_size <= HEADER_SIZE_MAX && header->entry_size >= ENTRY_SIZE_MIN &&
	       header->entry_size <= ENTRY_SIZE_MAX && entries <= ENTRIES_MAX &&
	       header->header_size + entries * header->entry_size <= view->size &&
	       header->state < BOARD_WHOLES;
}

/* Sets to 0 the parts of an entry that are out of bounds, and what nobody should take for a PID. */
static void bound_entry(const struct view *view, struct board_entry *entry)
{
	if (entry->name_len > VIEW_TEXT_SIZE - 1 || entry->name_at > view->size - entry->name_len)
		entry->name_len = 0;
	if (entry->reason_len > VIEW_TEXT_SIZE - 1 ||
	    entry->reason_at > view->size - entry->reason_len)
		entry->reason_len = 0;
	if (entry->pid < 0)
		entry->pid = 0;
	if (entry->log_pid < 0)
		entry->log_pid = 0;
	if (entry->finish_pid < 0)
		entry->finish_pid = 0;
}

/* Copies the entry at that place. Returns whether something is in it. */
static bool copy_entry(const struct view *view, const struct board_header *header, size_t place,
		       struct view_service *service)
{
	size_t size = header->entry_size;

	*service = (struct view_service){ .adopted = place >= header->services };
	memcpy(&service->entry, view->page + header->header_size + place * size,
	       size < sizeof service->entry ? size : sizeof service->entry);
	bound_entry(view, &service->entry);
	return !service->adopted || service->entry.flags & BOARD_FLAG_USED;
}

static size_t text_room(size_t len)
{
	return len + 1 > TEXT_ROOM_MIN ? len + 1 : TEXT_ROOM_MIN;
}

/* Copies len bytes of the page to *at, which moves on. Returns where they are. */
static const char *copy_text(const struct view *view, char **at, size_t from, size_t len)
{
	char *text = *at;

	memcpy(text, view->page + from, len);
	printable_copy(text, text_room(len), PRINTABLE_MARKED, text, len);
	*at += text_room(len);
	return text;
}

static enum trouble copy_texts(const struct view *view, struct snapshot *snapshot)
{
	size_t size = 0;
	char *at;

	for (size_t i = 0; i < snapshot->len; i++)
		size += text_room(snapshot->list[i].entry.name_len) +
			text_room(snapshot->list[i].entry.reason_len);
	/* They are all in the page, each once. */
	if (size > view->size)
		return TROUBLE_NONSENSE;
	at = snapshot->texts = malloc(size + 1);
	if (!at)
		return TROUBLE_MEMORY;
	for (size_t i = 0; i < snapshot->len; i++) {
		struct view_service *service = &snapshot->list[i];
		const struct board_entry *entry = &service->entry;

		service->name = copy_text(view, &at, entry->name_at, entry->name_len);
		service->reason = copy_text(view, &at, entry->reason_at, entry->reason_len);
	}
	return TROUBLE_NONE;
}

static void copy_own_text(char *text, size_t size)
{
	printable_copy(text, size, PRINTABLE_MARKED, text, strnlen(text, size - 1));
}

/* Copies the page, whole or not. */
static enum trouble copy_page(const struct view *view, struct snapshot *snapshot)
{
	struct board_header *header = &snapshot->header;
	size_t entries;

	copy_header(view, header);
	if (!is_sound(view, header))
		return TROUBLE_NONSENSE;
	copy_own_text(header->dinit_version, sizeof header->dinit_version);
	copy_own_text(header->cause, sizeof header->cause);
	entries = (size_t)header->services + header->adopted;
	snapshot->services = header->services;
	snapshot->list = calloc(entries + 1, sizeof *snapshot->list);
	if (!snapshot->list)
		return TROUBLE_MEMORY;
	for (size_t i = 0; i < entries; i++) {
		struct view_service *service = &snapshot->list[snapshot->len];

		if (!copy_entry(view, header, i, service))
			continue;
		if (service->entry.state >= BOARD_STATES)
			return TROUBLE_NONSENSE;
		snapshot->len++;
	}
	return copy_texts(view, snapshot);
}

/* Takes a snapshot if dinit changes nothing meanwhile. Returns whether it is whole; *trouble says
 * what is wrong with it then. Where it is not, or is no good, nothing is left allocated. */
static bool try_to_take(const struct view *view, struct snapshot *snapshot, enum trouble *trouble)
{
	uint32_t sequence = view_sequence(view);
	bool whole;

	*snapshot = (struct snapshot){ .len = 0 };
	if (sequence % 2 != 0)
		return false;
	*trouble = copy_page(view, snapshot);
	/* What was read above was read before the sequence is read again. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	whole = view_sequence(view) == sequence;
	snapshot->header.sequence = sequence;
	snapshot->header.pid = view->pid;
	if (!whole || *trouble != TROUBLE_NONE)
		snapshot_free(snapshot);
	return whole || *trouble == TROUBLE_MEMORY;
}

static int say_why(char why[VIEW_WHY_SIZE], pid_t pid, const char *what)
{
	snprintf(why, VIEW_WHY_SIZE, "the dinit with PID %d %s", (int)pid, what);
	return -1;
}

int view_take(const struct view *view, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	uint64_t until_ms = now_ms() + CHANGE_MS;
	enum trouble trouble = TROUBLE_NONE;

	if (has_ended(view->pid))
		return say_why(why, view->pid, "has ended");
	while (!try_to_take(view, snapshot, &trouble)) {
		if (has_ended(view->pid))
			return say_why(why, view->pid, "has ended");
		if (now_ms() >= until_ms)
			return say_why(
				why, view->pid,
				"does not finish a change of what it shows (is it stopped?)");
		sleep_ms(CHANGE_PAUSE_MS);
	}
	switch (trouble) {
	case TROUBLE_NONE: break;
	case TROUBLE_NONSENSE:
		return say_why(why, view->pid, "shows what makes no sense: somebody wrote over it");
	case TROUBLE_MEMORY:
		return say_why(why, view->pid, "cannot be looked at: there is no memory");
	}
	if (snapshot->header.state != BOARD_WHOLE_GONE)
		return 0;
	snapshot_free(snapshot);
	return say_why(why, view->pid, "has ended");
}

int view_take_last(const struct view *view, struct snapshot *snapshot)
{
	enum trouble trouble = TROUBLE_NONE;

	return try_to_take(view, snapshot, &trouble) && trouble == TROUBLE_NONE ? 0 : -1;
}

int view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	struct view view;
	int result;

	if (view_open(&view, pid, why) < 0)
		return -1;
	result = view_take(&view, snapshot, why);
	view_close(&view);
	return result;
}

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->list);
	free(snapshot->texts);
	snapshot->list = NULL;
	snapshot->texts = NULL;
	snapshot->len = 0;
}

/* ---- waiting ---- */

/* Sleeps until the sequence is, or becomes, another one; or for that long, or less. */
static void sleep_on(const struct view *view, uint32_t sequence, int64_t ms)
{
	const struct board_header *header = (const struct board_header *)(const void *)view->page;
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (syscall(FUTEX_CALL, &header->sequence, FUTEX_WAIT, sequence, &time, NULL, 0) == 0 ||
	    errno == EAGAIN || errno == ETIMEDOUT || errno == EINTR)
		return;
	sleep_ms(ms < LOOK_MS ? ms : LOOK_MS);
}

bool view_is_gone(const struct view *view)
{
	struct board_header header;

	copy_header(view, &header);
	return header.state == BOARD_WHOLE_GONE || has_ended(view->pid);
}

enum view_news view_wait(const struct view *view, const struct snapshot *snapshot,
			 int64_t timeout_ms)
{
	uint64_t begin_ms = now_ms();
	uint32_t sequence = snapshot->header.sequence;
	/* Where PID 1 is killed, so are all others. */
	int64_t most_ms = view->pid == 1 ? INT_MAX : ALIVE_MS;

	while (view_sequence(view) == sequence) {
		int64_t left_ms = timeout_ms - (int64_t)(now_ms() - begin_ms);

		if (has_ended(view->pid))
			return VIEW_NEWS_GONE;
		if (timeout_ms >= 0 && left_ms <= 0)
			return VIEW_NEWS_NONE;
		sleep_on(view, sequence, timeout_ms < 0 || left_ms > most_ms ? most_ms : left_ms);
	}
	return view_is_gone(view) ? VIEW_NEWS_GONE : VIEW_NEWS_CHANGE;
}

int view_fail(const char *why)
{
	fprintf(stderr, "dinit: %s\n", why);
	return PROCESS_STATUS_UNABLE;
}

/* ---- what is in it ---- */

const struct view_service *snapshot_find(const struct snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->len; i++)
		if (strcmp(snapshot->list[i].name, name) == 0)
			return &snapshot->list[i];
	return NULL;
}

bool view_is_missing(const struct view_service *service)
{
	if (service->adopted || service->entry.flags & BOARD_FLAG_DONE)
		return false;
	switch ((enum board_state)service->entry.state) {
	case BOARD_STARTING:
	case BOARD_UNREADY:
	case BOARD_STOPPING:
	case BOARD_FINISHING:
	case BOARD_ENDED: return true;
	case BOARD_READY:
	case BOARD_DISABLED:
	case BOARD_DOWN:
	case BOARD_SKIPPED:
	case BOARD_STATES: break;
	}
	return false;
}

uint64_t view_age_ms(const struct board_time *time)
{
	uint64_t now = now_ms();

	return now > time->monotonic_ms ? now - time->monotonic_ms : 0;
}

const char *view_state_word(enum board_state state)
{
	static const char words[BOARD_STATES][10] = {
		[BOARD_STARTING] = "starting",   [BOARD_READY] = "ready",
		[BOARD_UNREADY] = "unready",     [BOARD_STOPPING] = "stopping",
		[BOARD_FINISHING] = "finishing", [BOARD_DISABLED] = "disabled",
		[BOARD_ENDED] = "ended",         [BOARD_DOWN] = "down",
		[BOARD_SKIPPED] = "skipped",
	};

	return words[state];
}

const char *view_whole_word(enum board_whole whole)
{
	static const char words[BOARD_WHOLES][10] = {
		[BOARD_WHOLE_STARTING] = "starting", [BOARD_WHOLE_RUNNING] = "running",
		[BOARD_WHOLE_DELAYING] = "delaying", [BOARD_WHOLE_STOPPING] = "stopping",
		[BOARD_WHOLE_GONE] = "gone",
	};

	return words[whole];
}
