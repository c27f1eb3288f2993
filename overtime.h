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

/* What was done so far because the teardown takes longer than its limit. */
enum overtime_step {
	OVERTIME_NONE,
	/* The services were not told to stop yet: whatever delayed that was ended, and they have
	 * one step's time. */
	OVERTIME_DELAY_ENDED,
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
};

/* Prepares the limits of a teardown; none is set yet. loop, services and policy must outlive it. */
void overtime_init(struct overtime *overtime, struct loop *loop, struct services *services,
		   struct policy *policy);

/* Limits the rest of the teardown to so many milliseconds (0: no limit), which is the value of that
 * variable. Changes nothing where an earlier limit is set already. */
void overtime_limit(struct overtime *overtime, const char *variable, uint64_t limit_ms);

/* Starts the time after which a warning says what the teardown still waits for, OVERTIME_WORD_MS,
 * unless it is running already. */
void overtime_expect(struct overtime *overtime);

/* Starts that time anew, even if it is running. */
void overtime_expect_anew(struct overtime *overtime);

/* Returns whether a limit was set and is over. */
bool overtime_is_over(const struct overtime *overtime);

/* Returns whether what is left cannot be killed, so that there is no point in waiting for it. */
bool overtime_is_hopeless(const struct overtime *overtime);

/* Stops both timers, and takes no limit any more. To be called when no process is left that the
 * teardown waits for. */
void overtime_end(struct overtime *overtime);

#endif
