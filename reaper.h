/* SPDX-License-Identifier: ISC */
/* Every wait call of the program. The reaper knows which processes somebody watches, reaps
 * whatever has ended, and tells the watcher; what nobody watches is an orphan: a process that
 * lost its parent and died as our child.
 *
 * A pid stays valid, and cannot be reused, until the reaper has reaped it (wait(2)): that is,
 * until on_exit was called. So a watched pid may always be signalled. */
#ifndef DINIT_REAPER_H
#define DINIT_REAPER_H

#include <stdbool.h>
#include <sys/types.h>

/* of the pid table: 8 kB, chains of one or two at 1000 services */
#define REAPER_BUCKETS 1024

/* The interest in one process or (traced) thread: at most one watch a pid. Owned by the caller,
 * linked in the table while it watches. */
struct reaper_watch {
	/* 0: not watched */
	pid_t pid;
	struct reaper_watch *next;
	/* It has ended and is reaped: the pid is void from here on, and the watch is already
	 * taken out of the table. status as of wait(2). */
	void (*on_exit)(void *ctx, pid_t pid, int status);
	/* A tracee's stop (ptrace(2)), status as of wait(2). NULL while nobody expects one: the
	 * reaper then lets the tracee go by itself. */
	void (*on_stop)(void *ctx, pid_t pid, int status);
	void *ctx;
};

/* How a process of ours ended, in the words of its label. The strings are the caller's. */
struct reaper_end {
	/* "web", or a program's name */
	const char *name;
	/* "run", "log", or a PID */
	const char *stage;
	pid_t pid;
	/* as of wait(2) */
	int status;
};

struct reaper {
	struct reaper_watch *buckets[REAPER_BUCKETS];
	/* A process that nobody watches has ended. It is still a zombie when this is called, so
	 * /proc/PID/comm still tells its name, and it is reaped right after. */
	void (*on_orphan)(void *ctx, pid_t pid, int status);
	void *ctx;
};

void reaper_init(struct reaper *reaper, void (*on_orphan)(void *ctx, pid_t pid, int status),
		 void *ctx);

/* Watches pid with the watch's callbacks, which the caller has set. */
void reaper_watch(struct reaper *reaper, struct reaper_watch *watch, pid_t pid);

/* Ends the watch; nothing where it watches nothing. */
void reaper_unwatch(struct reaper *reaper, struct reaper_watch *watch);

/* Whether anybody watches pid. */
bool reaper_knows(const struct reaper *reaper, pid_t pid);

/* Reaps everything that has ended, and passes on the stops of tracees, until there is no more
 * news; never blocks. Returns whether dinit has any child left (living, or not yet reaped). */
bool reaper_drain(struct reaper *reaper);

/* Detaches a tracee that has stopped, status as of wait(2), where nothing is expected of it: it
 * runs on with its registers as they are, and with the signal that it was about to get, if that
 * is what stopped it (ptrace(2), "Signal-delivery-stop"). */
void reaper_let_go(pid_t tid, int status);

/* Whether pid, an unreaped child, has ended, and only waits to be reaped. */
bool reaper_is_zombie(pid_t pid);

#define REAPER_STATUS_SIZE 80

/* A status of wait(2) in words: "exited with status 1", "was killed by signal 9 (Killed)". */
void reaper_describe_status(int status, char text[REAPER_STATUS_SIZE]);

#endif
