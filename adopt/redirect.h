/* SPDX-License-Identifier: ISC */
/* Moves descriptors of one running process to new pipes whose read ends come to dinit. The process
 * makes the pipes itself (mmap for a place where pipe2 can put its answer, pipe2, dup3, close,
 * munmap, by tracee.h), and dinit opens their read ends through /proc: so nothing has to be passed,
 * and no file that the process has open is touched. One thread of the process is borrowed for that;
 * the others, which share its descriptors, run on.
 *
 * A redirection is driven by timers of the loop and stops that the reaper reports. It lasts as long
 * as the process takes: one that is frozen, or in an uninterruptible call, is dealt with when it
 * goes on. */
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

/* How many descriptors of one process are moved: all are copies of two files, nobody needs more. */
#define REDIRECT_MOVES_MAX 64

struct redirect;

/* What a set of redirections has in common. */
struct redirect_group {
	struct loop *loop;
	struct reaper *reaper;
	const struct procfs *proc;
	/* The process whose stops and end the caller passes on itself. */
	pid_t watched_pid;
	/* Called when the process stands still, to call redirect_add_move for each descriptor that
	 * is to be moved. */
	void (*on_plan)(void *ctx, struct redirect *redirect);
	/* Called when a pipe for the stream STDOUT_FILENO or STDERR_FILENO is about to get its
	 * writers. Returns 0, and read_fd (O_NONBLOCK, O_CLOEXEC) is the callee's, or -1 with
	 * errno: the pipe is not used. */
	int (*on_pipe)(void *ctx, struct redirect *redirect, int stream, int read_fd);
	/* Called with what stands in the way: at most once for what fails (the rest may still be
	 * moved), and at most once for what delays it. */
	void (*on_trouble)(void *ctx, struct redirect *redirect, const char *text);
	/* Called when the redirection is over, never from within redirect_begin: the callee may
	 * free it. */
	void (*on_end)(void *ctx, struct redirect *redirect);
	void *ctx;
};

struct redirect_move {
	int fd;
	int stream;
	/* As of fdtable_read_flags. */
	int flags;
	struct fdtable_file file;
};

enum redirect_state {
	/* Not traced: it is tried (again) when the timer is due. */
	REDIRECT_WAITING,
	/* Traced: stops drive it on. */
	REDIRECT_TRACED,
	/* Out of our hands, until its end is reported, or /proc shows that it is not traced any
	 * more. */
	REDIRECT_LOST,
	/* Over: on_end was called, or is called when the timer is due. */
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

/* One redirection. The caller owns it, and may read pid, failed and tracee.tid. */
struct redirect {
	/* For the caller's list. */
	struct redirect *next;
	const struct redirect_group *group;
	pid_t pid;
	enum redirect_state state;
	/* Something could not be done and will not be possible later. */
	bool failed;
	bool cancelled;
	bool delay_told;
	/* How often the kernel has not let us trace it. */
	unsigned refusals;
	/* As of procfs_read_stat. */
	uint64_t start_time;
	/* When it last stopped, or was begun. */
	uint64_t heard_ms;
	/* How long the timer was set for. */
	uint64_t pause_ms;
	struct loop_timer timer;
	struct reaper_watch thread_watch, process_watch;
	struct tracee tracee;
	enum redirect_step step;
	/* The address of the memory that was mapped in the process. */
	uint64_t scratch;
	/* The stream whose pipe is being worked on. */
	int stream;
	/* The index of the next move to look at. */
	size_t move;
	/* The process's descriptors of the pipe's read end and write end. */
	int pipe[2];
	size_t move_count;
	struct redirect_move moves[REDIRECT_MOVES_MAX];
};

/* Begins to redirect process pid. group must outlive the redirection. */
void redirect_begin(struct redirect *redirect, const struct redirect_group *group, pid_t pid);

/* Returns whether on_end was called, or is just being called. */
bool redirect_is_over(const struct redirect *redirect);

/* Adds a descriptor that is to be moved; only within on_plan. */
void redirect_add_move(struct redirect *redirect, const struct redirect_move *move);

/* Take a stop, status as of wait(2), and the end of the group's watched_pid. */
void redirect_on_stop(struct redirect *redirect, pid_t tid, int status);
void redirect_on_exit(struct redirect *redirect);

/* Lets go of the process as soon as that can be done: the stream that is being moved is finished,
 * no other is begun. on_end is called as usual. */
void redirect_cancel(struct redirect *redirect);

#endif
