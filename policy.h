/* SPDX-License-Identifier: ISC */
/* Orphans: processes that lost their parent and became children of dinit. This module finds the
 * living ones, which no signal announces, and ignores, keeps, terminates or adopts them, or waits
 * for them (filters); the dead ones are reaped by the reaper whatever the policy is, and only
 * logged here. Children that dinit has
 * had from the start (an entrypoint's `exec > >(tee log); exec dinit`) have not lost their
 * parent: they are left alone, and nothing waits for them. */
#ifndef DINIT_POLICY_H
#define DINIT_POLICY_H

#include "board.h"
#include "config.h"
#include "filter.h"
#include "listing.h"
#include "logmux.h"
#include "loop.h"
#include "orphan.h"
#include "procfs.h"
#include "ration.h"
#include "reaper.h"
#include "signaller.h"

#include <stdbool.h>
#include <stdint.h>

/* How often dinit looks for orphans where nothing has happened. */
#define POLICY_LOOK_MS 1000
#define POLICY_LOOK_TEARDOWN_MS 100
/* The shortest time between two looks, whatever happens: a look costs time for each child. */
#define POLICY_LOOK_APART_MS 10
/* How long an orphan is left alone at first, so that a daemon's double fork is over. */
#define POLICY_MATURE_MS 10

/* The orphan that was terminated or adopted last. */
struct policy_last {
	char name[PROCFS_NAME_SIZE];
	/* 0: there was none. */
	pid_t pid;
	/* Its session; 0 where that is no program's, as a daemon's is. */
	pid_t session;
	/* When it was terminated or adopted, as of loop_now_ms(). */
	uint64_t ms;
};

/* What a teardown that takes too long does, in place of the policy, to orphans that it finds. */
enum policy_force {
	POLICY_FORCE_NONE,
	/* It kills them at sight, but for filters. */
	POLICY_FORCE_ORPHANS,
	/* It kills them at sight. */
	POLICY_FORCE_ALL,
};

struct policy {
	struct loop *loop;
	struct reaper *reaper;
	const struct procfs *proc;
	struct logmux *mux;
	struct signaller *signaller;
	enum config_reparenting reparenting;
	/* The patterns of DINIT_KEEP. */
	const char *keep;
	bool teardown;
	/* There is a cause for a teardown. */
	bool has_cause;
	enum policy_force force;
	/* There is no /proc, or a foreign one: living orphans cannot be found. */
	bool blind;
	/* Who was there before dinit is known: whoever was there when /proc was first seen. */
	bool knows_inherited;
	struct orphans orphans;
	/* Says which warnings that an orphan is terminated are written. */
	struct ration ration;
	struct policy_last last;
	/* A program of dinit's has ended: orphans may be in its session. */
	bool program_ended;
	struct board_orphans counts;
	/* Where adopted processes are shown. */
	struct listing listing;
	struct loop_timer look_timer;
	/* The time of the last look. */
	uint64_t looked_ms;
	/* The last look found a child that a teardown may have to wait for. */
	bool others_seen;
	/* Something has ended since the last look, and the next one is due soon. */
	bool look_pending;
	/* With ignore, a teardown waits for orphans that may be filters no longer than until that
	 * time. */
	uint64_t quiet_at_ms;
	/* With ignore, a teardown waits for filters no longer than until that time. */
	uint64_t wait_until_ms;
	/* When a teardown looks at the filters again. */
	uint64_t review_ms;
	struct filter_inputs inputs;
	void (*on_adopted_end)(void *ctx, const struct reaper_end *end);
	void *ctx;
};

/* What a policy needs from below. */
struct policy_means {
	struct loop *loop;
	struct reaper *reaper;
	const struct procfs *proc;
	struct logmux *mux;
	struct signaller *signaller;
	struct board *board;
};

/* Opens the policy; to be called before anything is started, as the children found now are taken
 * for the inherited ones. on_adopted_end is called when an adopted process has ended outside a
 * teardown. Warns, then and whenever that changes, where there is no usable /proc. */
void policy_open(struct policy *policy, const struct config *config,
		 const struct policy_means *means,
		 void (*on_adopted_end)(void *ctx, const struct reaper_end *end), void *ctx);

/* Forgets the orphans that are left: the inherited ones, those that are ignored, and those that
 * could not be killed. */
void policy_close(struct policy *policy);

/* Logs the end of an orphan that nobody watched: it was dead before a look could find it, or
 * there is no /proc to look in. This is the reaper's on_orphan callback, and ctx the struct
 * policy. */
void policy_on_unwatched_end(void *ctx, pid_t pid, int status);

/* Looks for new orphans, as something has ended: now, or soon if it has just looked. program_ended:
 * a program that dinit had started is among what has ended. */
void policy_children_changed(struct policy *policy, bool program_ended);

/* Returns whether orphans may be left: the last look found children other than inherited ones
 * (it counts what dinit has started as well), or it cannot look. */
bool policy_may_have_orphans(const struct policy *policy);

/* Returns whether an orphan may be left that a teardown waits for: any; but with ignore only
 * filters, and without /proc none. */
bool policy_has_to_wait(const struct policy *policy);

/* Notes that there is a cause for a teardown, which begins soon: no warning says any more how an
 * orphan could be left alone. */
void policy_note_cause(struct policy *policy);

/* Begins the teardown: from now on adopt and DINIT_KEEP terminate, too, and looks are more
 * frequent. */
void policy_begin_teardown(struct policy *policy);

/* Says, when no process is left that the teardown waits for, what is still to be said. */
void policy_end_teardown(struct policy *policy);

/* Kills the orphans that are left in a teardown, and from now on every other one at sight, and
 * says so of each; filters only if with_filters. With ignore, only filters are killed. Returns
 * whether any was known to be left. */
bool policy_kill(struct policy *policy, bool with_filters);

#endif
