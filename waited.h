/* SPDX-License-Identifier: ISC */
/* What a teardown still waits for, in words. */
#ifndef DINIT_WAITED_H
#define DINIT_WAITED_H

#include "log.h"
#include "policy.h"
#include "services.h"

#include <stdbool.h>

/* How many programs and orphans are named. */
#define WAITED_NAMED_MAX 20
/* Room for the words, '\0' included: they fit into a message with a few more. */
#define WAITED_TEXT_SIZE (LOG_TEXT_MAX - 128)

/* Names each program of a service and each orphan that the teardown waits for: "web/run (PID 7),
 * the orphan sleep (PID 12) and 3 more". Before the services were told to stop, it waits for each
 * prestop only, and then for the command only. Returns whether there is any. */
bool waited_describe(const struct services *services, const struct policy *policy,
		     char text[WAITED_TEXT_SIZE]);

#endif
