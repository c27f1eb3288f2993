/* SPDX-License-Identifier: ISC */
/* Why the container ends, in words: the message about the process whose end begins the teardown
 * (how it ended, what it said last, what it left behind, where its output went), and the last
 * message of all, which repeats that. */
#ifndef DINIT_ENDING_H
#define DINIT_ENDING_H

#include "lastline.h"
#include "left.h"
#include "loop.h"
#include "oom.h"
#include "policy.h"
#include "reaper.h"
#include "service.h"
#include "termlog.h"

#include <stdbool.h>
#include <stdint.h>

/* How long dinit waits before it names what a program seems to have left behind: a process has its
 * parent's name until it executes its own program, and one that is about to end was not left
 * behind. After this time a new orphan is still as it was: the policy is applied later. */
#define ENDING_WAIT_MS (POLICY_MATURE_MS - 1)
/* How long dinit tries to read all that a program that failed has written, whose last line it then
 * cites: the reader of dinit's own output may be slow, or a filter may have the lines. */
#define ENDING_LAST_LINE_MS 100

/* Room for the cause: names in it have at most 255 bytes. */
#define ENDING_CAUSE_SIZE 2048

/* The modules that the message needs. All must outlive the struct ending. */
struct ending_means {
	struct loop *loop;
	struct policy *policy;
	struct logmux *mux;
	struct oom *oom;
	struct termlog *termlog;
};

struct ending {
	struct ending_means means;
	/* When the container was started, as of loop_now_ms(). */
	uint64_t started_ms;
	/* The cause, as far as it is known; "": there is none yet. */
	char cause[ENDING_CAUSE_SIZE];
	/* The cause goes so far without what the process said last. */
	size_t bare_len;
	/* The process whose end is told failed: status other than 0, or killed by a signal. */
	bool failed;
	/* Nobody is to be alarmed by it: it is said at level info. */
	bool quiet;
	/* Where the output of that process went, in words, or "". */
	char logged[300];
	/* The PID that it had; 0 where it was no program of a service. */
	pid_t pid;
	/* What a search has found that it left behind; its PID is 0 as long as none has. */
	struct left left;
	/* Its last lines, by enum logmux_stream, or NULL. */
	struct lastline *last;
	/* ENDING_WAIT_MS are over. */
	bool waited;
	/* Its streams are not waited for where no more than this may still come of them. */
	enum logmux_rest ignored_rest;
	/* The last lines of an adopted orphan, whose own record is freed when it has ended. */
	struct lastline own_last[LOGMUX_STREAMS];
	/* Runs while something is still to be found out. */
	struct loop_timer timer;
};

/* Prepares the message. The container counts as started at this moment. */
void ending_init(struct ending *ending, const struct ending_means *means);

/* Tells that the end of a process begins the teardown: at once, or, where the program seems to have
 * left a process behind, after ENDING_WAIT_MS, or, where it failed, when all that it wrote has been
 * read, but after ENDING_LAST_LINE_MS at the latest. service is NULL for the end of an adopted
 * orphan. To be called once. */
void ending_tell(struct ending *ending, const struct service *service,
		 const struct reaper_end *end);

/* Does the same for the end of the command (dinit(8), COMMAND): one that is nobody's concern but
 * that of whoever sees its status and its own words is told at level info. */
void ending_tell_command(struct ending *ending, const struct service *service,
			 const struct reaper_end *end);

/* Notes the cause of a teardown that no process has begun; a message has said so already. To be
 * called once, in place of ending_tell. */
void ending_note(struct ending *ending, const char *cause);

/* Notes in the same way that somebody has asked for the end. */
void ending_note_stop(struct ending *ending, const char *cause);

/* Tells what can be told by now, and returns whether there is nothing left to be told. To be called
 * at the end of each turn after ending_tell; the teardown begins after that. */
bool ending_is_told(struct ending *ending);

/* Returns the cause, which is "" before it is told. The string belongs to the ending. */
const char *ending_cause(const struct ending *ending);

/* Writes the cause without what the process said last, or "", to text, as far as it fits. */
void ending_copy_bare_cause(const struct ending *ending, char *text, size_t size);

/* Writes the last message of all: how long the container ran, with which status dinit exits, and
 * the cause. */
void ending_say_last(const struct ending *ending, int status);

#endif
