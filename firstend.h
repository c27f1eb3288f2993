/* SPDX-License-Identifier: ISC */
/* Which of two runs that end at nearly the same time has ended first. A service that fails takes
 * others with it, which see the end of a pipe or of a connection: the kernel closes the files of a
 * process before it tells its parent, and on a busy machine another one can be through with an
 * orderly exit by then. */
#ifndef DINIT_FIRSTEND_H
#define DINIT_FIRSTEND_H

#include "services.h"

/* How long an end is held at most, in milliseconds: a process with much memory needs that long and
 * longer to end. */
#define FIRSTEND_HELD_MS 100

struct firstend {
	struct services *services;
	const struct procfs *proc;
	struct loop *loop;
	void (*on_end)(void *ctx, const struct service *service, const struct reaper_end *end);
	void *ctx;
	/* The end that is held, and whose: NULL where there is none. */
	const struct service *held;
	struct reaper_end end;
	struct loop_timer timer;
};

/* Prepares it; nothing is held. All that is given must outlive it. on_end is called for each end
 * that was noted, once. */
void firstend_init(struct firstend *firstend, struct services *services, const struct procfs *proc,
		   struct loop *loop,
		   void (*on_end)(void *ctx, const struct service *service,
				  const struct reaper_end *end),
		   void *ctx);

/* Notes an end as of struct service_owner, and passes it on at once. But one with status 0 is held
 * while another run is about to end: what fails in that time, and the command's end, is passed on
 * before it. */
void firstend_note(struct firstend *firstend, const struct service *service,
		   const struct reaper_end *end);

/* Passes on what is held, unless it is to be held longer. To be called in each turn after
 * reaper_drain. */
void firstend_review(struct firstend *firstend);

#endif
