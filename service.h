/* SPDX-License-Identifier: ISC */
/* The life of the services: when run, log/run and terminate are started, how their streams hang
 * together, and which end is worth telling the owner, who decides about the container as a
 * whole. */
#ifndef DINIT_SERVICE_H
#define DINIT_SERVICE_H

#include "loop.h"
#include "program.h"
#include "reaper.h"
#include "svdir.h"

#include <stdbool.h>
#include <stddef.h>

/* A program that exits with this status has disabled itself (dinit(8), Starting). */
#define SERVICE_EXIT_DISABLED 115
/* How long a service may outlive its logging program: when both end together, the service's end is
 * the one to be told (dinit(8), Teardown). */
#define SERVICE_LOG_GRACE_MS 10

struct services;

/* Where a service is in its life: what its run does. */
enum service_state {
	/* It is to be started. */
	SERVICE_WAITING,
	SERVICE_RUNNING,
	/* It runs, its logging program has ended, and SERVICE_LOG_GRACE_MS is not over. */
	SERVICE_UNLOGGED,
	/* It was told to stop by its terminate, which still runs, as run does. */
	SERVICE_TERMINATING,
	/* It was told to stop and still runs. */
	SERVICE_STOPPING,
	/* It exited with SERVICE_EXIT_DISABLED. */
	SERVICE_DISABLED,
	/* It ended in another way. */
	SERVICE_ENDED,
	/* It could not be started. */
	SERVICE_FAILED,
};

struct service {
	struct services *all;
	const struct svdir_entry *entry;
	enum service_state state;
	struct program run;
	/* Only where the directory has them; else NULL. */
	struct program *log, *terminate;
	/* The service's stdout, which is held while a logging program reads it. */
	struct logmux_source *unlogged;
	/* The logging program's stdout. */
	struct logmux_source *logged;
	struct loop_timer log_grace;
	/* How the logging program ended, if that made the service SERVICE_UNLOGGED; else the pid is
	 * 0. */
	struct reaper_end log_end;
};

/* What services tell their owner. */
struct service_owner {
	/* The run of the service has ended, or its logging program while run still runs. */
	void (*on_end)(void *ctx, const struct service *service, const struct reaper_end *end);
	/* A service could not be started; an error message has said so. */
	void (*on_start_failure)(void *ctx);
	void *ctx;
};

struct services {
	struct loop *loop;
	struct programs *programs;
	struct service_owner owner;
	/* Those to be started: neither down nor skipped. */
	struct service *list;
	size_t len;
	/* The logging programs and terminates of them all. */
	struct program *others;
	/* The first so many of the list have been started, or could not be. */
	size_t started;
	/* So many are SERVICE_DISABLED. */
	size_t disabled;
	/* They were told to stop. */
	bool stopping;
};

/* Prepares the services of svdir (which must outlive this) that are not down and not in skip (as
 * DINIT_SKIP), and warns of names in skip that no service has. Starts nothing. Returns 0, or -1
 * with errno and nothing allocated. */
int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  struct loop *loop, struct programs *programs, const struct service_owner *owner);

/* Frees what services_open allocated. Nothing of it may be running. */
void services_close(struct services *services);

/* Starts the next service, and tells the owner if that fails. Returns false if there was none left
 * to be started. */
bool services_start_next(struct services *services);

/* Returns whether end is that of the service's run, and a logging program has read what run wrote.
 * To be called by on_end. */
bool service_was_logged(const struct service *service, const struct reaper_end *end);

/* Tells every running service to stop. No further one is started after that. */
void services_stop(struct services *services);

/* Says what is still running, and kills it: run and terminate, and with them log/run if with_logs.
 * Returns whether there was any. */
bool services_kill(struct services *services, bool with_logs);

#endif
