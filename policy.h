/* SPDX-License-Identifier: ISC */
/* Orphans: processes that lost their parent and became children of dinit. This module finds the
 * living ones, which no signal announces, and ignores, terminates or adopts them; the dead ones
 * are reaped by the reaper whatever the policy is, and only logged here. Children that dinit has
 * had from the start (an entrypoint's `exec > >(tee log); exec dinit`) have not lost their
 * parent: they are left alone, and nothing waits for them. */
#ifndef DINIT_POLICY_H
#define DINIT_POLICY_H

#include "config.h"
#include "logmux.h"
#include "loop.h"
#include "procfs.h"
#include "reaper.h"
#include "signaller.h"

#include <stdbool.h>
#include <stdint.h>

/* How often dinit looks for orphans where nothing has happened. */
#define POLICY_LOOK_MS 1000
#define POLICY_LOOK_TEARDOWN_MS 100
/* The shortest time between two looks, whatever happens: a look costs time for each child. */
#define POLICY_LOOK_APART_MS 10
/* How long after an orphan was found a program may end and still be the one that left it behind:
 * a script that starts a daemon often waits a little before it ends. */
#define POLICY_LEFT_MS 2000
/* How long an orphan is left alone at first, so that a daemon's double fork is over. */
#define POLICY_MATURE_MS 10

struct orphan;

/* A queue of orphans, the one for which something falls due first in front, and its timer. */
struct policy_queue {
	struct orphan *first, *last;
	struct loop_timer timer;
};

/* What a program left behind. */
struct policy_left {
	/* As the label of the orphan has it. */
	char name[PROCFS_NAME_SIZE];
	pid_t pid;
};

struct policy {
	struct loop *loop;
	struct reaper *reaper;
	const struct procfs *proc;
	struct logmux *mux;
	struct signaller *signaller;
	enum config_reparenting reparenting;
	uint64_t kill_timeout_ms;
	bool teardown;
	/* Every orphan is killed as soon as it is found. */
	bool at_sight;
	/* There is no /proc, or a foreign one: living orphans cannot be found. */
	bool blind;
	/* The orphans whose policy is not due yet. */
	struct policy_queue young;
	/* The orphans that were sent TERM and will be sent KILL. */
	struct policy_queue terminated;
	/* The orphans for which nothing falls due. */
	struct policy_queue rest;
	struct loop_timer look_timer;
	/* The time of the last look. */
	uint64_t looked_ms;
	/* How many children were there before dinit, and still are. */
	size_t inherited;
	/* How many children the current look has found. */
	size_t seen;
	/* The last look found more children than the inherited ones. */
	bool others_seen;
	/* The last orphan that was terminated or adopted; the program in whose session it was, 0
	 * where it was in that of none; and when. */
	struct policy_left last;
	pid_t last_session;
	uint64_t last_ms;
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
};

/* Opens the policy; to be called before anything is started, as the children found now are taken
 * for the inherited ones. on_adopted_end is called when an adopted process has ended outside a
 * teardown. Warns, once, where there is no usable /proc. */
void policy_open(struct policy *policy, const struct config *config,
		 const struct policy_means *means,
		 void (*on_adopted_end)(void *ctx, const struct reaper_end *end), void *ctx);

/* Forgets the orphans that are left: the inherited ones, and those that could not be killed. */
void policy_close(struct policy *policy);

/* Logs the end of an orphan that nobody watched: it was dead before a look could find it, or
 * orphans are not looked for. This is the reaper's on_orphan callback, and ctx the struct
 * policy. */
void policy_on_unwatched_end(void *ctx, pid_t pid, int status);

/* Looks for new orphans, as something has ended: now, or soon if it has just looked. */
void policy_children_changed(struct policy *policy);

/* Looks for a process that a program of dinit's, which has been reaped, left behind, as a daemon
 * does that goes into the background: one in the session that the program (ended) led, or one in
 * the session of no program, if it is a new orphan, or if it was terminated or adopted within
 * POLICY_LEFT_MS and no other service runs. Returns whether there is one, and fills *left; false as
 * well where /proc does not tell, or where with `ignore` only the session could. */
bool policy_find_left(struct policy *policy, pid_t ended, struct policy_left *left);

/* Returns whether every living orphan comes to light sooner or later, so that a teardown can wait
 * for them all: not under `ignore`, and not without /proc. */
bool policy_finds_orphans(const struct policy *policy);

/* Returns whether orphans may be left: the last look found children other than inherited ones
 * (it counts what dinit has started as well), or orphans are not looked for at all. */
bool policy_may_have_orphans(const struct policy *policy);

/* Begins the teardown: from now on adopt terminates, too, and looks are more frequent. */
void policy_begin_teardown(struct policy *policy);

/* Kills the orphans that are left in a teardown, and from now on every other one at sight, each
 * with a warning. Returns whether any was known to be left. */
bool policy_kill(struct policy *policy);

#endif
