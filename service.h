/* SPDX-License-Identifier: ISC */
/* The life of the services: starts run, log/run and terminate, connects their streams to the
 * logmux, classifies how they end, and tells its owner what began a teardown. Decides nothing
 * about the container as a whole. */
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

/* a program that ends with this has disabled itself (tozd/dinit) */
#define SERVICE_EXIT_DISABLED 115
/* SPEC 7: how long a service may outlive its logging program */
#define SERVICE_LOG_GRACE_MS 10

struct services;

struct service {
	struct services *all;
	const struct svdir_entry *entry;
	/* pid 0: not running */
	struct reaper_watch run, log, term;
	/* the process that could not become run or log/run */
	struct reaper_watch failed;
	/* the service's stdout, held by us while a logging program reads it */
	struct logmux_source *unlogged;
	/* the logging program's stdout */
	struct logmux_source *logged;
	/* why terminate could not be started, where term.pid is not 0 */
	int term_report_fd;
	struct loop_timer log_grace;
	/* how the logging program ended */
	pid_t log_pid;
	int log_status;
	/* run ended with SERVICE_EXIT_DISABLED */
	bool disabled;
};

/* What services tell their owner. */
struct service_owner {
	/* A service, or a logging program under a running service, has ended. */
	void (*on_end)(void *ctx, const struct reaper_end *end);
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
	/* /dev/null, for stdin */
	int null_fd;
	/* the limit that dinit was started with */
	struct rlimit nofile;
	char *const *environment;
};

struct services {
	struct service_means means;
	struct service_owner owner;
	struct service *list;
	/* services to be started: neither down nor skipped */
	size_t len;
	/* so many have been started, in order */
	size_t started;
	/* processes: runs, logging programs, terminates, and who could not become one */
	size_t living;
	size_t disabled;
	bool stopping;
	/* of terminate: DINIT_PID, then the rest */
	char **term_environment;
	char dinit_pid[sizeof "DINIT_PID=" + 3 * sizeof(pid_t)];
};

/* Warns about each of the names in skip (as DINIT_SKIP has them, separated by commas) that is
 * not in svdir. */
void services_check_skip(const struct svdir *svdir, const char *skip);

/* Prepares the services of svdir (which must outlive this) that are not down and not in skip, of
 * which services_check_skip warns. Starts nothing. Returns 0, or -1 with errno and nothing
 * allocated. */
int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  const struct service_means *means, const struct service_owner *owner);

/* Frees what services_open allocated. Nothing of it may be running. */
void services_close(struct services *services);

/* Starts the next service. Returns false if there is none left. */
bool services_start_next(struct services *services);

/* Tells every running service to stop, once. No further one may be started. */
void services_stop(struct services *services);

/* Says what is still running, and kills it: services and terminates, and with them the logging
 * programs if with_logs. Returns whether there was any. */
bool services_kill(struct services *services, bool with_logs);

#endif
