/* SPDX-License-Identifier: ISC */
/* Moves descriptors of one running process to new pipes whose read ends come to us. The process
 * makes the pipes itself (mmap for a place where pipe2 can put its answer, pipe2, dup3, close,
 * munmap, by tracee.h), and we open their read ends through /proc: so nothing has to be passed,
 * and no file of its is touched. One thread of it is borrowed for that; the others, which share
 * its descriptors, run on.
 *
 * It waits for the process as long as that takes, but for nothing else: one that is frozen, or
 * in an uninterruptible call, is dealt with when it can be. Driven by the loop's timers and the
 * reaper's stops. */
#ifndef DINIT_REDIRECT_H
#define DINIT_REDIRECT_H

#include "fdtable.h"
#include "loop.h"
#include "procfs.h"
#include "reaper.h"
#include "tracee.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* descriptors of one process that are moved: copies of two files; nobody needs more */
#define REDIRECT_MOVES_MAX 64

struct redirect;

/* What a set of redirections has in common. */
struct redirect_group {
	struct loop *loop;
	struct reaper *reaper;
	const struct procfs *proc;
	/* the process whose stops and end the caller hands on itself */
	pid_t watched_pid;
	/* The process stands still: redirect_add_move for each descriptor that is to be moved. */
	void (*on_plan)(void *ctx, struct redirect *redirect);
	/* A pipe for the stream STDOUT_FILENO or STDERR_FILENO is about to get its writers;
	 * read_fd (O_NONBLOCK, O_CLOEXEC) belongs to the callee if it returns 0. -1: the pipe is
	 * not used after all. */
	int (*on_pipe)(void *ctx, struct redirect *redirect, int stream, int read_fd);
	/* What stands in the way: once for what makes an end of it, and before that once for
	 * what only delays it. */
	void (*on_trouble)(void *ctx, struct redirect *redirect, const char *text);
	/* It is over; never called from within redirect_begin. The caller frees the object. */
	void (*on_end)(void *ctx, struct redirect *redirect);
	void *ctx;
};

struct redirect_move {
	int fd;
	int stream;
	/* as of fdtable_read_flags */
	int flags;
	struct fdtable_file file;
};

enum redirect_state {
	/* not traced: tried (again) when the timer is due */
	REDIRECT_WAITING,
	/* its stops drive it on */
	REDIRECT_TRACED,
	/* out of our hands: wait tells its end, or /proc that it is not ours any more */
	REDIRECT_LOST,
	/* on_end is called when the timer is due, or was */
	REDIRECT_ENDED,
};

/* The system call that is being made. */
enum redirect_step {
	REDIRECT_MAP,
	REDIRECT_PIPE,
	REDIRECT_DUP,
	REDIRECT_CLOSE_WRITE,
	REDIRECT_CLOSE_READ,
	REDIRECT_UNMAP,
};

/* Owned by the caller, who may read pid, failed and tracee.tid. */
struct redirect {
	/* the caller's */
	struct redirect *next;
	const struct redirect_group *group;
	pid_t pid;
	enum redirect_state state;
	/* something could not be done and will not be possible later */
	bool failed;
	bool cancelled;
	bool delay_told;
	/* how often the kernel did not let us trace it */
	unsigned refusals;
	/* as of procfs_read_stat */
	uint64_t start_time;
	/* when it last stopped, or was begun */
	uint64_t heard_ms;
	/* how long the timer was set for */
	uint64_t pause_ms;
	struct loop_timer timer;
	struct reaper_watch thread_watch, process_watch;
	struct tracee tracee;
	enum redirect_step step;
	/* a page in its memory */
	uint64_t scratch;
	/* being worked on */
	int stream;
	/* being worked on */
	size_t move;
	/* its descriptors of the pipe */
	int pipe[2];
	size_t move_count;
	struct redirect_move moves[REDIRECT_MOVES_MAX];
};

/* Begins to redirect process pid, with everything else in group. */
void redirect_begin(struct redirect *redirect, const struct redirect_group *group, pid_t pid);

/* Whether on_end was called, or is just being called. */
bool redirect_is_over(const struct redirect *redirect);

/* Within on_plan. */
void redirect_add_move(struct redirect *redirect, const struct redirect_move *move);

/* For the group's watched_pid: a stop, and its end. */
void redirect_on_stop(struct redirect *redirect, pid_t tid, int status);
void redirect_on_exit(struct redirect *redirect);

/* Lets go as soon as that can be done: what has been begun is finished, nothing more is. on_end
 * comes. */
void redirect_cancel(struct redirect *redirect);

#endif
