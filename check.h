/* SPDX-License-Identifier: ISC */
/* The check of a service: one run of the program after the other, and what each of them says. What
 * it prints is not logged; its last line is the reason that comes with the result. Nothing that a
 * check does keeps dinit from anything: it is not waited for (but at the very end, for a moment,
 * where it was killed), its output is read whether anybody wants it or not, and it is killed when
 * its time is over. */
#ifndef DINIT_CHECK_H
#define DINIT_CHECK_H

#include "lastline.h"
#include "loop.h"
#include "program.h"
#include "svdir.h"

#include <stdbool.h>
#include <stdint.h>

/* Room for a reason, with the terminating NUL. */
#define CHECK_REASON_SIZE 256

/* Where the end of its time is noticed so late, dinit was stopped (a container that is paused), and
 * most likely the check was, too: it gets its time once more. */
#define CHECK_LATE_MS 1000

/* What is kept of the line that has not ended yet. */
struct check_line;

/* Owned by the caller. It must stay where it is from check_init to check_close. */
struct check {
	struct loop *loop;
	const struct svdir_entry *entry;
	struct program program;
	/* The read end of its stdout and stderr, while somebody may write; else -1. */
	int fd;
	struct loop_io io;
	struct lastline last;
	struct check_line *line;
	struct loop_timer timer;
	uint64_t timeout_ms;
	/* Its result is still to be told. */
	bool pending;
	/* The last run could not be started. */
	bool unstarted;
	/* It has been given its time once more (CHECK_LATE_MS). */
	bool extended;
	/* Where in the reason begins what it said itself; 0: that is all of it, or nothing. */
	size_t said_at;
	void (*on_result)(void *ctx, bool succeeded, const char *reason);
	void *ctx;
};

/* Prepares the check of a service that has one. on_result is called once for each run, with the
 * last line that it printed ("" where there was none); where it failed, how stands before that. */
void check_init(struct check *check, struct loop *loop, struct programs *programs,
		const struct svdir_entry *entry,
		void (*on_result)(void *ctx, bool succeeded, const char *reason), void *ctx);

/* Runs the program, with the PID of the service's run as DINIT_PID. It must not be running. The
 * result can be told before this returns, where it cannot be started. */
void check_start(struct check *check, pid_t run_pid, uint64_t timeout_ms);

/* Returns whether its process is still to be reaped, even if its result has been told. */
bool check_is_running(const struct check *check);

/* Kills it, if it is running; no result is told any more. */
void check_stop(struct check *check);

/* Frees what the check has allocated, and forgets its process. */
void check_close(struct check *check);

#endif
