/* SPDX-License-Identifier: ISC */
/* Every line that dinit writes, held against what the services wrote. */
#ifndef SOAK_CHECK_H
#define SOAK_CHECK_H

#include "script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECK_DAEMONS_MAX 256

/* What a service of the soak writes by a script. */
struct check_service {
	const char *name;
	enum script out, err;
	/* its logging program makes {"line":"..."} of each line */
	bool converted;
};

/* Where the lines of one script arrive, and how far they got. */
struct check_cursor {
	const struct check_service *service;
	bool on_stderr;
	/* only those lines of its stdout that are no objects */
	bool stray;
	enum script script;
	/* the number of the last line that has arrived, plus 1 */
	uint64_t after;
	/* the number of the line that must come next, if it is known */
	uint64_t next;
	/* so much of that line has arrived, in pieces */
	size_t at;
	/* `line` holds it */
	bool known;
	/* the lines that say the end, so far; and how many there must be */
	unsigned marks;
	unsigned marks_due;
	struct script_line line;
};

/* Lines of one stream of an adopted process: before it was adopted, under the name of its
 * service; and after. */
struct check_daemon {
	uint64_t before, first_after, after;
	bool ended;
};

struct check_stream {
	/* the beginning of a line */
	char *bytes;
	size_t len, size;
	uint64_t total, lines;
};

struct check {
	/* stdout is JSON made of text, too */
	bool wrap;
	/* stdout, stderr */
	struct check_stream streams[2];
	struct check_cursor *cursors;
	size_t count, guess;
	struct check_daemon daemons[CHECK_DAEMONS_MAX][2];
	uint64_t beats[2];
	unsigned beat_marks;
	uint64_t last_words, last_words_sum, orphan_rounds, orphans_each, zombies;
	/* dinit's messages */
	uint64_t terminating, killing, adopting;
	unsigned long invalid, misplaced, complaints;
	void (*on_beat)(void *ctx, bool on_stderr, uint64_t written_ns);
	void *ctx;
};

/* Expects what the services write; with adopted daemons or not. */
void check_begin(struct check *check, bool wrap,
		 void (*on_beat)(void *ctx, bool on_stderr, uint64_t written_ns), void *ctx);

/* Takes what was read. The first of the lines that should not be are printed. */
void check_bytes(struct check *check, bool on_stderr, const char *bytes, size_t len);

/* The end of both streams: counts what has not arrived. daemons: so many were adopted. */
void check_end(struct check *check, unsigned daemons);

void check_free(struct check *check);

#endif
