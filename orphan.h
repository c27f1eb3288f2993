/* SPDX-License-Identifier: ISC */
/* The records of the living orphans: what became of each one so far, and when something falls due
 * for it. What is done to an orphan is for the caller to decide (policy.h). */
#ifndef DINIT_ORPHAN_H
#define DINIT_ORPHAN_H

#include "logmux.h"
#include "loop.h"
#include "procfs.h"
#include "reaper.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct adopt;
struct listed;
struct orphans;

enum orphan_state {
	/* It was there before dinit, and is left alone. */
	ORPHAN_INHERITED,
	/* It was found a moment ago: what becomes of it is still to be decided. */
	ORPHAN_YOUNG,
	/* When that was due, it could not be seen what it is: it is looked at again. */
	ORPHAN_UNSETTLED,
	/* It is a filter (filter.h), and ends when its input does. */
	ORPHAN_FILTER,
	/* It is left alone while the container runs (DINIT_KEEP). */
	ORPHAN_KEPT,
	/* It is left alone, in a teardown as well (the policy ignore). */
	ORPHAN_IGNORED,
	/* Its end ends the container. */
	ORPHAN_ADOPTED,
	/* It was sent TERM, and will be sent KILL. */
	ORPHAN_TERMINATED,
	/* It was sent KILL, or had ended when something fell due: it is only to be reaped. */
	ORPHAN_DYING,
	/* It is reaped: the record lives on until adopt has let go of it. */
	ORPHAN_REAPED,
	ORPHAN_STATES,
};

struct orphan {
	struct orphans *all;
	enum orphan_state state;
	struct orphan *prev, *next;
	struct reaper_watch watch;
	pid_t pid;
	/* When something falls due, as of loop_now_ms(). */
	uint64_t due_ms;
	/* How often the decision was put off. */
	unsigned delays;
	/* The warning that it is terminated was withheld (ration.h). */
	bool unsaid;
	/* The redirection of its output; NULL where none is under way. */
	struct adopt *adopt;
	/* The name that its lines and messages are labelled with; NULL where it is not known. */
	char *program;
	/* It was adopted, and where that is shown: NULL where it is not. */
	bool adopted;
	struct listed *listed;
	/* What it wrote last, if it is adopted and was redirected. */
	struct lastline last[LOGMUX_STREAMS];
};

/* The orphans of one state, in the order in which they came to it, which is the order in which
 * they fall due. */
struct orphan_queue {
	struct orphan *first, *last;
	/* How long an orphan stays in the state before something falls due, and what does: NULL
	 * where nothing ever does. */
	uint64_t delay_ms;
	void (*on_due)(struct orphan *orphan);
	struct loop_timer timer;
};

struct orphans {
	struct loop *loop;
	struct reaper *reaper;
	/* Whoever decides about the orphans: for the callbacks of a record. */
	void *owner;
	/* Called when an orphan has ended (struct reaper_watch); ctx is its record. */
	void (*on_exit)(void *ctx, pid_t pid, int status);
	struct orphan_queue queues[ORPHAN_STATES];
};

/* Prepares the records; there is none yet, and nothing falls due in any state. on_exit is called
 * when an orphan has ended, ctx is its record: no other watch has that function. */
void orphans_init(struct orphans *orphans, struct loop *loop, struct reaper *reaper, void *owner,
		  void (*on_exit)(void *ctx, pid_t pid, int status));

/* From now on calls on_due for each orphan that has been in that state for delay_ms; on_due then
 * moves it to another one, or to the end of the queue of the same. */
void orphans_set_delay(struct orphans *orphans, enum orphan_state state, uint64_t delay_ms,
		       void (*on_due)(struct orphan *orphan));

/* Calls act for each orphan of that state, which moves it to another one. Returns whether there was
 * any. */
bool orphans_move_all(struct orphans *orphans, enum orphan_state state,
		      void (*act)(struct orphan *orphan));

/* Returns the first orphan of that state, or NULL. */
struct orphan *orphans_first(const struct orphans *orphans, enum orphan_state state);

/* Returns whether there is one that is to end, or may have to: neither inherited nor ignored. */
bool orphans_any_to_end(const struct orphans *orphans);

/* Forgets them all, at the very end: what is under way is not awaited. */
void orphans_forget(struct orphans *orphans);

/* Adds an orphan, which the reaper watches from here on. Returns its record, or NULL where memory
 * is lacking. */
struct orphan *orphan_add(struct orphans *orphans, pid_t pid, enum orphan_state state);

/* Returns the record of the orphan whose pid that is and that has not been reaped, or NULL. */
const struct orphan *orphan_find(const struct orphans *orphans, pid_t pid);

/* Changes the state of an orphan; the time of the new one begins now. */
void orphan_set_state(struct orphan *orphan, enum orphan_state state);

/* Notes what the orphan is called. Where memory is lacking it has no name. */
void orphan_set_program(struct orphan *orphan, const char *program);

/* Returns what the orphan is called, or "?". */
const char *orphan_program(const struct orphan *orphan);

/* Reads what the orphan is called, and its command line, as /proc shows it; where that is not ours
 * any more it is what it was called before. */
void orphan_read_command(const struct orphan *orphan, const struct procfs *proc,
			 struct procfs_command *command);

/* Removes the record. */
void orphan_remove(struct orphan *orphan);

#endif
