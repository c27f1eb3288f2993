/* SPDX-License-Identifier: ISC */
/* What a running dinit shows of itself (board.h), as those who look at it see it: finding its page,
 * whole snapshots of it, and waiting for a change. Trusts nothing that it reads: a page may hold
 * anything. */
#ifndef DINIT_CLIENT_VIEW_H
#define DINIT_CLIENT_VIEW_H

#include "board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for one line that says why something cannot be seen. */
#define VIEW_WHY_SIZE 256

/* Room for the longest text of a snapshot: a name, a reason, the cause. */
#define VIEW_TEXT_SIZE 1024

/* The page of a running dinit, attached for reading. */
struct view {
	const char *page;
	/* In bytes, as the kernel has it. */
	size_t size;
	/* The PID of that dinit, as the kernel has it. */
	pid_t pid;
	/* It is an ancestor of this process, or PID 1. */
	bool above;
};

/* A service or an adopted process. The strings belong to the snapshot, and are printable UTF-8. */
struct view_service {
	const char *name;
	/* "" where there is none. */
	const char *reason;
	bool adopted;
	/* As in the page; state is less than BOARD_STATES. */
	struct board_entry entry;
};

/* The page at one moment, whole and checked. */
struct snapshot {
	/* cause and dinit_version end with NUL, and are printable. */
	struct board_header header;
	/* The services by name, then the adopted processes. */
	struct view_service *list;
	size_t services, len;
	char *texts;
};

enum view_news {
	/* Something has changed since the snapshot. */
	VIEW_NEWS_CHANGE,
	/* The time is over. */
	VIEW_NEWS_NONE,
	/* That dinit has ended. */
	VIEW_NEWS_GONE,
};

/* Attaches the page of the dinit with that PID; 0: of the nearest ancestor of this process, else of
 * PID 1, else the only one there is. Returns 0, or -1 and why not. */
int view_open(struct view *view, pid_t pid, char why[VIEW_WHY_SIZE]);

/* Detaches the page. */
void view_close(struct view *view);

/* Takes a snapshot, which snapshot_free frees. Returns 0, or -1 and why not: that dinit has ended,
 * what is in the page makes no sense, or there is no memory; nothing is to be freed then. */
int view_take(const struct view *view, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);

/* Takes a snapshot of the page of a dinit that has ended, as it left it. Returns 0, or -1 where it
 * makes no sense, as when dinit was killed in the middle of a change, or there is no memory. */
int view_take_last(const struct view *view, struct snapshot *snapshot);

/* Opens the page of the dinit with that PID (0: as view_open chooses), takes one snapshot, and
 * closes it. Returns 0, or -1 and why not. */
int view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);

/* Returns the number of the last change; in a snapshot it is sequence in the header. */
uint32_t view_sequence(const struct view *view);

/* Returns whether that dinit has ended. */
bool view_is_gone(const struct view *view);

/* Frees what view_take allocated. */
void snapshot_free(struct snapshot *snapshot);

/* Sleeps until something has changed since the snapshot, until dinit has ended, or for timeout_ms
 * (negative: without a limit). */
enum view_news view_wait(const struct view *view, const struct snapshot *snapshot,
			 int64_t timeout_ms);

/* Says on stderr why something cannot be done. Returns the exit status. */
int view_fail(const char *why);

/* Returns the service or adopted process of that name, or NULL. */
const struct view_service *snapshot_find(const struct snapshot *snapshot, const char *name);

/* Returns whether the service keeps dinit from being ready: it counts, and is neither ready nor
 * done. */
bool view_is_missing(const struct view_service *service);

/* Returns how long ago that moment was. */
uint64_t view_age_ms(const struct board_time *time);

/* Returns the word for a state. */
const char *view_state_word(enum board_state state);
const char *view_whole_word(enum board_whole whole);

#endif
