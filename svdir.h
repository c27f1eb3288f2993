/* SPDX-License-Identifier: ISC */
/* The directory of service directories: a read-only scan and validation. Starts nothing, changes
 * nothing. */
#ifndef DINIT_SVDIR_H
#define DINIT_SVDIR_H

#include <stdbool.h>
#include <stddef.h>

struct command;

/* The programs in control/ that are run for a signal to dinit. */
enum svdir_control {
	SVDIR_CONTROL_HUP,
	SVDIR_CONTROL_USR1,
	SVDIR_CONTROL_USR2,
	SVDIR_CONTROLS,
};

/* What each of them is called there. */
#define SVDIR_CONTROL_NAMES "h12"

/* One service directory, or the command that dinit was given. All strings are owned by the struct
 * svdir. */
struct svdir_entry {
	char *name;
	/* The paths are absolute. This one is the service directory itself. */
	char *dir;
	char *run;
	/* Its terminate, else its control/t, else NULL. */
	char *terminate;
	/* Its log directory and log/run. Both are NULL where there is no logging program. */
	char *log_dir;
	char *log_run;
	/* Its finish, prestop and check, or NULL. */
	char *finish;
	char *prestop;
	char *check;
	/* Its programs in control/ for HUP, USR1 and USR2, or NULL. */
	char *control[SVDIR_CONTROLS];
	/* The number of its notification-fd, on which run says that it is ready; 0: it has none. */
	int notification_fd;
	/* The signal of its down-signal; TERM where it has none. */
	int down_signal;
	/* It has a file named optional: the container goes on without it. */
	bool optional;
	/* It has a file named down: it is examined, but not to be started. */
	bool down;
	/* It is the command, which stays the caller's: it has a name, and none of the files above.
	 * NULL: it is a service directory. */
	struct command *command;
};

struct svdir {
	/* In byte order of their names; the command, if there is one, is the last. */
	struct svdir_entry *entries;
	size_t len;
};

/* How closely the programs of the services are looked at. */
enum svdir_depth {
	/* Whether there is an executable file. */
	SVDIR_FILES,
	/* Also whether the kernel can be expected to execute it (execfail.h), and whether it names
	 * files that are not there under dinit (script.h). */
	SVDIR_CONTENTS,
};

/* What is found in the directory. */
enum svdir_finding {
	/* Nothing is to be started before this is mended. */
	SVDIR_PROBLEM,
	/* A program would start, but not do what is meant (with SVDIR_CONTENTS), or a run is where
	 * none is started (with SVDIR_FILES; with SVDIR_CONTENTS that is a problem). */
	SVDIR_WARNING,
};

/* Scans dir (made absolute with the current directory where it is relative; symbolic links are
 * not resolved). Every finding is reported to on_finding with one sentence that says what is
 * wrong with what, why, and what to do (valid during the call). Returns the number of problems;
 * entries that have one are left out. Where dir cannot be read or memory is lacking that is a
 * problem too. Free the result with svdir_free in every case. */
unsigned svdir_scan(struct svdir *svdir, const char *dir, enum svdir_depth depth,
		    void (*on_finding)(void *ctx, enum svdir_finding finding, const char *text),
		    void *ctx);

/* Adds the command as one more entry, with the base name of that path as its name, or "command"
 * where that is empty, or "dinit", with which our own messages are labelled, or a service has it
 * already ("command2", and so on, where one has that). Bytes that cannot be printed become "?".
 * Returns 0, or -1 with errno (memory). */
int svdir_add_command(struct svdir *svdir, const char *path, struct command *command);

/* Frees what the scan allocated. */
void svdir_free(struct svdir *svdir);

/* Returns whether the entry is a service among the names in skip, which are separated by commas
 * (DINIT_SKIP); "*" stands for all. */
bool svdir_is_skipped(const struct svdir_entry *entry, const char *skip);

/* Warns of each name in skip that no entry has. */
void svdir_warn_of_skip(const struct svdir *svdir, const char *skip);

#endif
