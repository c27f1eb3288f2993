/* SPDX-License-Identifier: ISC */
/* The directory of service directories: a read-only scan and validation. Starts nothing, changes
 * nothing. */
#ifndef DINIT_SVDIR_H
#define DINIT_SVDIR_H

#include <stdbool.h>
#include <stddef.h>

/* One service directory. All strings are owned by the struct svdir. */
struct svdir_entry {
	char *name;
	/* absolute path of the service directory */
	char *dir;
	/* absolute path of its run */
	char *run;
	/* absolute path of its terminate, else of its control/t, else NULL */
	char *terminate;
	/* absolute path of its log directory; NULL: no logging program */
	char *log_dir;
	/* absolute path of its log/run; NULL: no logging program */
	char *log_run;
	/* it has a file named down: examined, not to be started */
	bool down;
};

struct svdir {
	/* in byte order of their names */
	struct svdir_entry *entries;
	size_t len;
};

/* Scans dir (made absolute with the current directory where it is relative; symbolic links are
 * not resolved). Every problem is reported to on_problem with one sentence that says what is
 * wrong with what, why, and what to do (valid during the call). Returns the number of problems;
 * entries that have one are left out. Where dir cannot be read or memory is lacking that is a
 * problem too. Free the result with svdir_free in every case. */
unsigned svdir_scan(struct svdir *svdir, const char *dir,
		    void (*on_problem)(void *ctx, const char *text), void *ctx);

void svdir_free(struct svdir *svdir);

/* Whether the entry is among the names in skip, which are separated by commas (DINIT_SKIP). */
bool svdir_is_skipped(const struct svdir_entry *entry, const char *skip);

/* Warns of each name in skip that no entry has. */
void svdir_warn_of_skip(const struct svdir *svdir, const char *skip);

#endif
