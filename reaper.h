/* SPDX-License-Identifier: ISC */
/* Every wait call of the program. The reaper knows which processes somebody watches, reaps
 * whatever has ended, and tells the watcher. A child that has ended and that nobody watches is an
 * orphan: a process that lost its parent and ended as a child of dinit.
 *
 * A pid stays valid, and cannot be reused, until the reaper has reaped its process (wait(2)),
 * which is when on_exit is called: a watched pid may always be signalled. */
#ifndef DINIT_REAPER_H
#define DINIT_REAPER_H

#include <stdbool.h>
#include <sys/types.h>

struct lastline;

/* The size of the table of pids: 8 kB, and chains of one or two at 1000 services. */
#define REAPER_BUCKETS 1024
/* So many ends and stops are taken in one go at most: more than services have at once, and some
 * ten milliseconds' worth. Orphans may end faster than they can be reaped. */
#define REAPER_AT_A_TIME 2048

/* The interest in one process or (traced) thread; a pid has one watch at most. The caller owns it,
 * and it is linked in the table while it watches. */
struct reaper_watch {
	/* 0 while it watches nothing. */
	pid_t pid;
	struct reaper_watch *next;
	/* Called when the process has ended and is reaped, status as of wait(2): the pid is void
	 * from here on, and the watch is out of the table already. */
	void (*on_exit)(void *ctx, pid_t pid, int status);
	/* Called when a tracee has stopped (ptrace(2)), status as of wait(2). NULL while nobody
	 * expects a stop: the reaper then lets the tracee go by itself. */
	void (*on_stop)(void *ctx, pid_t pid, int status);
	void *ctx;
	/* It is a child whose end a teardown does not wait for. */
	bool unwaited;
};

/* How a process ended, and what it is labelled with. The strings belong to the caller. */
struct reaper_end {
	/* "web", or the name of a program. */
	const char *name;
	/* "run", "log", or a PID. */
	const char *stage;
	pid_t pid;
	/* As of wait(2). */
	int status;
	/* The last line of its stdout and of its stderr (by enum logmux_stream), as far as they
	 * were read; NULL: they were not kept. */
	struct lastline *last;
};

struct reaper {
	struct reaper_watch *buckets[REAPER_BUCKETS];
	/* Of the children that have ended since the last drain, the first; 0: not known. */
	pid_t first;
	/* The last drain has taken its most, and there may be more. */
	bool more;
	/* Called when an orphan that nobody watches has ended: still a zombie, so that
	 * /proc/PID/comm tells its name, and reaped right after. */
	void (*on_orphan)(void *ctx, pid_t pid, int status);
	void *ctx;
};

/* Makes the table, which watches nothing yet. */
void reaper_init(struct reaper *reaper, void (*on_orphan)(void *ctx, pid_t pid, int status),
		 void *ctx);

/* Watches pid with the watch's callbacks, which the caller has set. */
void reaper_watch(struct reaper *reaper, struct reaper_watch *watch, pid_t pid);

/* Ends the watch; does nothing where it watches nothing. */
void reaper_unwatch(struct reaper *reaper, struct reaper_watch *watch);

/* Returns the watch of pid, or NULL where nobody watches it. */
struct reaper_watch *reaper_find(const struct reaper *reaper, pid_t pid);

/* Notes that SIGCHLD has told of a child. The first one that it tells of was the first to end: what
 * comes while a signal is pending adds nothing to it (signal(7)). */
void reaper_note_signal(struct reaper *reaper, pid_t pid);

/* Reaps everything that has ended, the first to end first, the others in the order in which they
 * were started (wait(2) shows no other); and passes on the stops of tracees, until there is no more
 * news, or REAPER_AT_A_TIME of it was taken (sets more: to be called again); never blocks. Returns
 * whether dinit has any child left (living, or not yet reaped). */
bool reaper_drain(struct reaper *reaper);

/* Detaches a tracee that has stopped, status as of wait(2), where nothing is expected of it: it
 * runs on with its registers as they are, and with the signal that it was about to get, if that
 * is what stopped it (ptrace(2), "Signal-delivery-stop"). */
void reaper_let_go(pid_t tid, int status);

/* Returns whether pid is a child of dinit's, living or not yet reaped. */
bool reaper_is_child(pid_t pid);

/* Returns whether pid, an unreaped child, has ended and only waits to be reaped. */
bool reaper_is_zombie(pid_t pid);

/* Room for a status in words, '\0' included. */
#define REAPER_STATUS_SIZE 80

/* Puts a status of wait(2) into words: "exited with status 1" or "was killed by signal 9
 * (Killed)". */
void reaper_describe_status(int status, char text[REAPER_STATUS_SIZE]);

/* Returns a status of wait(2) as a shell counts it: 128+N for signal N. */
int reaper_count_status(int status);

/* Logs, at level info, how the process ended. */
void reaper_say_end(const struct reaper_end *end);

#endif
