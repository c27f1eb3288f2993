/* SPDX-License-Identifier: ISC */
/* Readiness: which services are ready, by their checks and notifications, whether all of them are,
 * and what follows where one is not. All that the board says of the services and of dinit as a
 * whole comes from here. */
#ifndef DINIT_HEALTH_H
#define DINIT_HEALTH_H

#include "announce.h"
#include "board.h"
#include "check.h"
#include "config.h"
#include "loop.h"
#include "program.h"
#include "service.h"
#include "svdir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What health needs from below. All must outlive the struct health. */
struct health_means {
	const struct config *config;
	const struct svdir *svdir;
	struct loop *loop;
	struct programs *programs;
	struct board *board;
};

struct health;

/* A service that has a check or a notification-fd. */
struct health_watched {
	struct health *health;
	size_t place;
	/* Its run; 0 where it does not run, or was told to stop. */
	pid_t run_pid;
	struct check check;
	/* When the check is run next. */
	struct loop_timer timer;
	/* When the last run of the check began, as of loop_now_ms(). */
	uint64_t began_ms;
	/* Its number among the services with a check, which spreads their checks in time. */
	size_t number;
	/* Checks have begun. */
	bool checking;
	/* A warning has said why it is not ready. */
	bool warned;
	/* Whether it has ever been ready, and whether it is now. */
	bool was_ready, ready;
	/* Since when it is not ready any more. */
	uint64_t lost_ms;
	/* Failed checks, in a row and in all. */
	uint32_t failures, failures_total;
	/* How the last check ended, and from said_at on what it said; or why none begins, or why it
	 * was not ready in time. */
	char reason[CHECK_REASON_SIZE];
	size_t said_at;
};

/* What is known of a service of the directory. */
struct health_service {
	/* As the board shows it. */
	enum board_state state;
	/* It is still to be started. */
	bool waiting;
	/* Nobody waits for it: it has disabled itself, or is optional and has ended. */
	bool done;
	/* NULL where it has neither a check nor a notification-fd. */
	struct health_watched *watched;
};

struct health {
	struct health_means means;
	/* A service is past its limits: an error says so then, and the cause is for the last
	 * message (valid during the call). Returns whether the container is stopped for it, and
	 * for nothing before. */
	bool (*on_failure)(void *ctx, const char *cause);
	void *ctx;
	/* When health was opened, as of loop_now_ms(). */
	uint64_t began_ms;
	/* One for each entry of the directory, and those that are watched. */
	struct health_service *list;
	struct health_watched *watched;
	size_t watched_len;
	/* So many of them have a check. */
	size_t checks;
	enum board_whole whole;
	/* So many services are still to be started: the first checks begin when there is none, as
	 * they need descriptors that the services may need. */
	size_t waiting;
	/* So many services keep dinit from being ready. */
	size_t missing;
	/* As the board shows it. */
	bool ready;
	/* To whoever waits for that, once. */
	struct announce announce;
	/* No check is begun any more. */
	bool stopped;
	/* Runs while DINIT_READY_TIMEOUT does. */
	struct loop_timer timer;
};

/* Prepares health, and shows all services on the board as they are before the start. Returns 0, or
 * -1 with errno (memory) and nothing left allocated. */
int health_open(struct health *health, const struct health_means *means,
		bool (*on_failure)(void *ctx, const char *cause), void *ctx);

/* Frees what health_open allocated, and forgets the checks that run. */
void health_close(struct health *health);

/* Notes that a service has changed (service_owner.on_change). */
void health_note_service(struct health *health, const struct service *service);

/* Notes that there is a cause for a teardown, which begins soon: no check is begun any more, and
 * nobody is told that all services are ready. */
void health_note_cause(struct health *health);

/* Notes how far the teardown has come, and shows why it has begun (without last words); at the
 * first call, checks that run are killed, and none is begun any more. whole is BOARD_WHOLE_DELAYING
 * or BOARD_WHOLE_STOPPING. */
void health_begin_teardown(struct health *health, enum board_whole whole, const char *cause);

#endif
