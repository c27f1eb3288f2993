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

/* How long a teardown takes before it is said what it still waits for: half of the time that
 * docker stop gives a container. */
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

/* Prepares it; loop, services and policy must outlive it. */
void overtime_init(struct overtime *overtime, struct loop *loop, struct services *services,
		   struct policy *policy);

/* From now on the teardown has so many milliseconds (0: no limit), by the value of that variable;
 * less where it has an earlier limit already. */
void overtime_limit(struct overtime *overtime, const char *variable, uint64_t limit_ms);

/* Says what the teardown waits for if it still does so in OVERTIME_WORD_MS, or as long after an
 * earlier call. */
void overtime_expect(struct overtime *overtime);

/* Does the same, but counts from now on. */
void overtime_expect_anew(struct overtime *overtime);

/* Returns whether the limit is over. */
bool overtime_is_over(const struct overtime *overtime);

/* Returns whether what is left cannot be killed, so that there is no point in waiting for it. */
bool overtime_is_hopeless(const struct overtime *overtime);

/* Ends it: no process is left that the teardown waits for. */
void overtime_end(struct overtime *overtime);

#endif
