/* SPDX-License-Identifier: ISC */
/* What begins the teardown: the first cause decides, with the exit status (verdict.h) and the words
 * (ending.h) for it. What happens after it is logged only. */
#ifndef DINIT_CAUSE_H
#define DINIT_CAUSE_H

#include "ending.h"
#include "firstend.h"
#include "health.h"
#include "policy.h"
#include "services.h"
#include "verdict.h"

#include <stdbool.h>

struct cause {
	struct verdict verdict;
	struct ending ending;
	struct firstend firstend;
	struct services *services;
	struct health *health;
	struct policy *policy;
	/* A process has ended since there is a cause. */
	bool followed;
};

/* Prepares it: there is no cause yet. The services, the health and all in means must outlive
 * it. */
void cause_init(struct cause *cause, const struct ending_means *means,
		enum config_exit_status exit_status, struct services *services,
		struct health *health, const struct procfs *proc);

/* Returns whether there is a cause. */
bool cause_is_there(const struct cause *cause);

/* Each of the following notes a cause, and says so: from then on nothing is begun any more that is
 * for a container that goes on. Where there is one already, an end is logged, and all else changes
 * nothing. */

/* An end as of struct service_owner. It may be held for a moment (firstend.h). */
void cause_note_end(struct cause *cause, const struct service *service,
		    const struct reaper_end *end);

/* The end of an adopted orphan. */
void cause_note_orphan_end(struct cause *cause, const struct reaper_end *end);

/* A cause that no end of a process is, and that a message of the caller's tells; dinit is to exit
 * with that status. Returns whether it is the first. */
bool cause_note_failure(struct cause *cause, const char *words, int status);

/* A signal that stops the container, of which a message of the caller's tells. */
void cause_note_stop(struct cause *cause, const char *words);

#endif
