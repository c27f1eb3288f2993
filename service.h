/* SPDX-License-Identifier: ISC */
/* The life of the services: starts run, log/run and terminate, connects their streams to the logmux, classifies how
 * they end, and tells its owner what began a teardown. Decides nothing about the container as a whole. */
#ifndef DINIT_SERVICE_H
#define DINIT_SERVICE_H

#include "config.h"
#include "logmux.h"
#include "loop.h"
#include "reaper.h"
#include "signaller.h"
#include "svdir.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define SERVICE_EXIT_DISABLED 115 /* a program that ends with this has disabled itself (tozd/dinit) */
#define SERVICE_LOG_GRACE_MS 10   /* SPEC 7: how long a service may outlive its logging program */

struct services;

struct service {
	struct services *all;
	const struct svdir_entry *entry;
	struct reaper_watch run, log, term; /* pid 0: not running */
	struct reaper_watch failed;         /* the process that could not become run or log/run */
	struct logmux_source *unlogged;     /* the service's stdout, held by us while a logging program reads it */
	struct logmux_source *logged;       /* the logging program's stdout */
	int term_report_fd;                 /* why terminate could not be started, where term.pid is not 0 */
	struct loop_timer log_grace;
	pid_t log_pid; /* how the logging program ended */
	int log_status;
	bool disabled; /* run ended with SERVICE_EXIT_DISABLED */
};

/* How a process ended whose end ends the container. */
struct service_end {
	const char *name;  /* "web", or a program's name */
	const char *stage; /* "run", "log", or a PID */
	pid_t pid;
	int status; /* as of wait(2) */
};

/* What services tell their owner. */
struct service_owner {
	/* A service, or a logging program under a running service, has ended. */
	void (*on_end)(void *ctx, const struct service_end *end);
	/* A program could not be started; it has been said. */
	void (*on_start_failure)(void *ctx);
	void *ctx;
};

/* What services need from below; filled by the caller of services_open. */
struct service_means {
	struct loop *loop;
	struct reaper *reaper;
	struct logmux *mux;
	struct signaller *signaller;
	int null_fd;          /* /dev/null, for stdin */
	struct rlimit nofile; /* the limit that dinit was started with */
	char *const *environment;
};

struct services {
	struct service_means means;
	struct service_owner owner;
	struct service *list;
	size_t len;     /* services to be started: neither down nor skipped */
	size_t started; /* so many have been started, in order */
	size_t living;  /* processes: runs, logging programs, terminates, and who could not become one */
	size_t disabled;
	bool stopping;
	char **term_environment; /* of terminate: DINIT_PID, then the rest */
	char dinit_pid[sizeof "DINIT_PID=" + 3 * sizeof(pid_t)];
};

/* Warns about each of the names in skip (as DINIT_SKIP has them, separated by commas) that is not in svdir. */
void services_check_skip(const struct svdir *svdir, const char *skip);

/* Prepares the services of svdir (which must outlive this) that are not down and not in skip, of which
 * services_check_skip warns. Starts nothing. Returns 0, or -1 with errno and nothing allocated. */
int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  const struct service_means *means, const struct service_owner *owner);

/* Frees what services_open allocated. Nothing of it may be running. */
void services_close(struct services *services);

/* Starts the next service. Returns false if there is none left. */
bool services_start_next(struct services *services);

/* Tells every running service to stop, once. No further one may be started. */
void services_stop(struct services *services);

/* Says what is still running, and kills it: services and terminates, and with them the logging programs if
 * with_logs. Returns whether there was any. */
bool services_kill(struct services *services, bool with_logs);

#endif
