/* SPDX-License-Identifier: ISC */
/* Readiness: which services are ready, by their checks and notifications, whether all of them are,
 * and what follows where one is not. All that the board says of the services and of dinit as a
 * whole comes from here. */
#ifndef DINIT_HEALTH_H
#define DINIT_HEALTH_H

#include "board.h"
#include "config.h"
#include "loop.h"
#include "program.h"
#include "service.h"
#include "services.h"
#include "svdir.h"

#include <stdbool.h>
#include <stddef.h>

/* What health needs from below. All must outlive the struct health. */
struct health_means {
	const struct config *config;
	const struct svdir *svdir;
	const struct services *services;
	struct loop *loop;
	struct programs *programs;
	struct board *board;
};

/* What is known of the readiness of one service of the directory. */
struct health_service {
	/* As the board shows it. */
	enum board_state state;
	/* It has been ready. */
	bool was_ready;
};

struct health {
	struct health_means means;
	/* A service is past its limits: an error has been logged, and the cause is for the last
	 * message (valid during the call). */
	void (*on_failure)(void *ctx, const char *cause);
	void *ctx;
	/* One for each entry of the directory. */
	struct health_service *list;
	enum board_whole whole;
	/* All services that count were ready at some time. */
	bool was_ready;
	/* So many services are neither ready, nor done, nor out of the count. */
	size_t missing;
};

/* Prepares health, and shows all services on the board as they are before the start. Returns 0, or
 * -1 with errno (memory) and nothing left allocated. */
int health_open(struct health *health, const struct health_means *means,
		void (*on_failure)(void *ctx, const char *cause), void *ctx);

/* Frees what health_open allocated. */
void health_close(struct health *health);

/* Notes that a service has changed (service_owner.on_change). */
void health_note_service(struct health *health, const struct service *service);

/* Begins to count the time in which every service must be ready: when all have been started. */
void health_begin(struct health *health);

/* Notes how far the teardown has come, and shows why it has begun (without last words); at the
 * first call, checks that run are killed, and none is begun any more. whole is BOARD_WHOLE_DELAYING
 * or BOARD_WHOLE_STOPPING. */
void health_begin_teardown(struct health *health, enum board_whole whole, const char *cause);

#endif
