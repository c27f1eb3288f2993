/* SPDX-License-Identifier: ISC */
/* Outputs: dinit's stdout and stderr as sinks, which of the two is given up when and what is then
 * said on the other one, and dinit's own messages, which go to stderr. */
#ifndef DINIT_OUTPUTS_H
#define DINIT_OUTPUTS_H

#include "board.h"
#include "config.h"
#include "line.h"
#include "loop.h"
#include "sink.h"
#include "stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* During a teardown: well within the time that container engines give a container to stop. */
#define OUTPUTS_GIVE_UP_MS 5000

#define OUTPUTS_MAX 2

struct output {
	/* "stdout" or "stderr" */
	const char *name;
	struct sink sink;
	/* It is a terminal whose text may have colours. */
	bool coloured;
	/* The form of dinit's own messages in it. */
	enum line_message_form own_form;
	/* How many bytes were dropped because it takes nothing any more. */
	uint64_t dropped;
	/* What is still to be said about it on the other one: that a write failed with this errno
	 * (0: nothing), that it was given up, and how much was dropped then. */
	int error;
	bool given_up_unsaid, dropped_unsaid;
};

struct outputs {
	struct loop *loop;
	/* The first is stdout, the last is stderr; there is only one where both are the same open
	 * file. */
	struct output list[OUTPUTS_MAX];
	size_t len;
	struct loop_timer give_up_timer;
	/* When the teardown began. */
	uint64_t teardown_ms;
	/* How many of dinit's own messages found no room, and this is not said yet. */
	uint64_t own_lost;
	struct stamp stamp;
};

/* Where stdout is in the list. */
#define OUTPUTS_STDOUT 0

/* Takes fds[1] as stdout and fds[2] as stderr, which stay the caller's; -1: it was not open when
 * dinit was started. Returns 0, or -1 with errno and nothing left allocated. */
int outputs_open(struct outputs *outputs, struct loop *loop, const struct config *config,
		 const int fds[3]);

/* Frees what outputs_open allocated. */
void outputs_close(struct outputs *outputs);

/* Returns where stderr is in the list. */
size_t outputs_stderr(const struct outputs *outputs);

/* Return what the lines of a program's stdout or stderr should be. */
enum line_rule outputs_stdout_rule(const struct outputs *outputs, const struct config *config);
enum line_rule outputs_stderr_rule(const struct outputs *outputs, const struct config *config);

/* Returns the sink of that output, to put lines into; flushing it is outputs_flush's. */
struct sink *outputs_sink(struct outputs *outputs, size_t which);

/* Counts a line of len bytes that is dropped because the sink of that output is not open. */
void outputs_drop(struct outputs *outputs, size_t which, size_t len);

/* Writes once to the sink of that output, and takes note where that fails. */
void outputs_flush(struct outputs *outputs, size_t which);

/* Returns the form of dinit's own messages on stderr. */
enum line_message_form outputs_own_form(const struct outputs *outputs);

/* Queues one whole line of dinit's own (newline included) for stderr. Never fails, never blocks:
 * where there is no room the line is lost, and it is said later how many were. A log_writer; ctx
 * is the struct outputs. */
void outputs_write_own(void *ctx, const char *line, size_t len);

/* From now on gives up a sink whose reader takes nothing for OUTPUTS_GIVE_UP_MS. */
void outputs_begin_teardown(struct outputs *outputs);

/* Says on each sink, as far as there is room, what befell the other one. To be called at the end
 * of each turn. ended: no line of any program comes any more, so that what was lost is known. */
void outputs_say_news(struct outputs *outputs, bool ended);

/* Tells whether flushing a sink again at once can do anything. */
bool outputs_can_flush(const struct outputs *outputs);

/* Writes what was written, dropped and waited for so far to shown[], which is only written to: by
 * its place in the list, so that stdout stands for both where there is only one. */
void outputs_show(const struct outputs *outputs, struct board_output shown[OUTPUTS_MAX]);

/* Returns whether an output writes to the file of that device and inode (as of stat(2)); not where
 * that is /dev/null or the like, which others have without having it from us. */
bool outputs_write_to(const struct outputs *outputs, dev_t device, ino_t inode);

/* Tells whether everything is written out, as far as it can be. */
bool outputs_are_empty(const struct outputs *outputs);

#endif
