/* SPDX-License-Identifier: ISC */
/* The message about the end of a process that begins the teardown: how it ended, what it left
 * behind, and where its output went. */
#ifndef DINIT_ENDING_H
#define DINIT_ENDING_H

#include "left.h"
#include "loop.h"
#include "policy.h"
#include "reaper.h"
#include "service.h"

#include <stdbool.h>

/* How long dinit waits before it names what a program seems to have left behind: a process has its
 * parent's name until it executes its own program, and one that is about to end was not left
 * behind. After this time a new orphan is still as it was: the policy is applied later. */
#define ENDING_WAIT_MS (POLICY_MATURE_MS - 1)

struct ending {
	struct loop *loop;
	struct policy *policy;
	/* The end that is told. */
	struct reaper_end end;
	/* It is the end of a service's program; a logging program has read what that wrote. */
	bool of_service, logged;
	struct loop_timer timer;
};

/* Prepares the message. Loop and policy must outlive it. */
void ending_init(struct ending *ending, struct loop *loop, struct policy *policy);

/* Tells that the end begins the teardown: at once, or, where the program seems to have left a
 * process behind, after ENDING_WAIT_MS. Until then the strings of end must live (those of a
 * service's programs do). service is NULL for the end of an adopted orphan, which is told at
 * once. To be called once. */
void ending_tell(struct ending *ending, const struct service *service,
		 const struct reaper_end *end);

/* Returns whether there is nothing left to be told. The teardown begins after that. */
bool ending_is_told(const struct ending *ending);

#endif
