/* SPDX-License-Identifier: ISC */
/* A teardown that takes long: says what it still waits for, and, where it has a limit, kills what
 * is left when that is over. */
#ifndef DINIT_OVERTIME_H
#define DINIT_OVERTIME_H

#include "loop.h"
#include "policy.h"
#include "services.h"

#include <stdbool.h>
#include <stdint.h>

/* After this time a warning says what a teardown still waits for: half of the time that docker stop
 * gives a container. */
#define OVERTIME_WORD_MS 5000
/* How long each step of the killing takes: time for a logging program to write what it has read,
 * and for the kernel to end what was killed. */
#define OVERTIME_STEP_MS 2000
/* How long dinit waits, when nothing else is left to be done, for checks that it has killed: one
 * may wait in the kernel for something that does not come. */
#define OVERTIME_ASIDE_MS 1000

/* What was done so far because the teardown takes longer than its limit. */
enum overtime_step {
	OVERTIME_NONE,
	/* The services have been told to stop; where that was not done before, they have one step's
	 * time. */
	OVERTIME_TOLD,
	OVERTIME_SERVICES_KILLED,
	OVERTIME_ALL_KILLED,
	/* What is left cannot be killed, and is left behind. */
	OVERTIME_LEAVE,
};

struct overtime {
	struct loop *loop;
	struct services *services;
	struct policy *policy;
	enum overtime_step step;
	/* There is no limit any more. */
	bool ended;
	/* The limit that is over when the timer is due, and the variable that it comes from. */
	uint64_t limit_ms;
	const char *variable;
	struct loop_timer limit_timer, word_timer;
	/* Killed checks are not waited for any more, and how long they are. */
	bool abandoned;
	struct loop_timer aside_timer;
};

/* Prepares the limits of a teardown; none is set yet. loop, services and policy must outlive it. */
void overtime_init(struct overtime *overtime, struct loop *loop, struct services *services,
		   struct policy *policy);

/* Limits the rest of the teardown to so many milliseconds (0: no limit), which is the value of that
 * variable. Changes nothing where an earlier limit is set already. */
void overtime_limit(struct overtime *overtime, const char *variable, uint64_t limit_ms);

/* Starts the time, OVERTIME_WORD_MS, after which a warning says what the teardown still waits for;
 * anew where it is running already. */
void overtime_expect(struct overtime *overtime);

/* Returns whether a limit was set and is over. */
bool overtime_is_over(const struct overtime *overtime);

/* Returns whether what is left cannot be killed, so that there is no point in waiting for it. */
bool overtime_is_hopeless(const struct overtime *overtime);

/* Stops the timers of the teardown, and takes no limit any more. To be called when no process is
 * left that the teardown waits for. */
void overtime_end(struct overtime *overtime);

/* Returns whether a check that was killed is still to be reaped, for OVERTIME_ASIDE_MS after the
 * first call at most. To be called when nothing else is left to be done. */
bool overtime_awaits_checks(struct overtime *overtime);

#endif
