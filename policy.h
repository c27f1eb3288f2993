/* SPDX-License-Identifier: ISC */
/* Orphans: processes that lost their parent and became children of dinit. Finds the living ones,
 * for no signal tells of them, and ignores, terminates or adopts them. The dead ones are the
 * reaper's: it reaps them under every policy. Children that dinit has had from the start (an
 * entrypoint's `exec > >(tee log); exec dinit`) have lost nobody: they are left alone, and
 * nothing waits for them. */
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

/* SPEC 6: how often it looks for orphans unasked */
#define POLICY_LOOK_MS 1000
#define POLICY_LOOK_TEARDOWN_MS 100
/* and not more often than this, whatever happens: a look costs time for each child */
#define POLICY_LOOK_APART_MS 10
/* SPEC 6: so that a daemon's double fork is over */
#define POLICY_MATURE_MS 10

struct orphan;

/* A queue in the order in which its orphans fall due, and its timer. */
struct policy_queue {
	struct orphan *first, *last;
	struct loop_timer timer;
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
	/* kills at once whatever it finds */
	bool at_sight;
	/* no /proc, or a foreign one: living orphans cannot be found */
	bool blind;
	/* not yet mature */
	struct policy_queue young;
	/* sent TERM, to be killed */
	struct policy_queue told;
	/* adopted, killed or inherited: nothing falls due */
	struct policy_queue rest;
	struct loop_timer look_timer;
	/* when it last looked */
	uint64_t looked_ms;
	/* children that were there before dinit, and still are */
	size_t inherited;
	/* children found in this look */
	size_t seen;
	/* the last look found more than the inherited ones */
	bool others;
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

/* Before anything is started: the children found now are the inherited ones. on_adopted_end is
 * called when an adopted process has ended outside a teardown. Without a usable /proc it warns,
 * once. */
void policy_open(struct policy *policy, const struct config *config,
		 const struct policy_means *means,
		 void (*on_adopted_end)(void *ctx, const struct reaper_end *end), void *ctx);

/* Forgets the orphans that are left: the inherited ones, and what could not be killed. */
void policy_close(struct policy *policy);

/* Something ended: there may be new orphans. Looks now, or soon if it has just looked. */
void policy_children_changed(struct policy *policy);

/* Whether every living orphan comes to light sooner or later, so that a teardown can wait for
 * them all: not under `ignore`, and not without /proc. */
bool policy_finds_orphans(const struct policy *policy);

/* Whether the last look found no child but inherited ones; false where no look finds every
 * child. */
bool policy_sees_nobody(const struct policy *policy);

/* From now on adopt terminates, too, and looks are more frequent. */
void policy_begin_teardown(struct policy *policy);

/* In a teardown: says which orphans are left, and kills them, and from now on every other at
 * sight. Returns whether any was known to be left. */
bool policy_kill(struct policy *policy);

#endif
