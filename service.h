/* SPDX-License-Identifier: ISC */
/* The life of a service: when each of its programs is started, how their streams hang together, and
 * which end is worth telling the owner, who decides about the container as a whole. */
#ifndef DINIT_SERVICE_H
#define DINIT_SERVICE_H

#include "control.h"
#include "loop.h"
#include "notify.h"
#include "program.h"
#include "reaper.h"
#include "svdir.h"

#include <stdbool.h>
#include <stddef.h>

/* A program that exits with this status has disabled itself (dinit(8), Starting); but the command
 * has not. */
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
	/* Its run has ended, and its finish runs. */
	SERVICE_FINISHING,
	/* It exited with SERVICE_EXIT_DISABLED; or it is optional, and ended or could not be
	 * started. */
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
	/* What was read of the stdout and of the stderr of all its programs. */
	struct tally tallies[LOGMUX_STREAMS];
	/* How run has ended, as of wait(2); -1: it has not. */
	int run_status;
	/* Why it could not be started, while on_change tells so; else NULL. */
	const char *unstarted;
	/* Its notification-fd, while run runs; NULL where it has none. */
	struct notify *notify;
	/* It has said there that it is ready. */
	bool notified;
	/* It has not, and cannot any more: it has closed it. */
	bool never_notified;
	/* The state that follows SERVICE_FINISHING. */
	enum service_state outcome;
	/* Only where the directory has them; else NULL. */
	struct program *log, *terminate, *finish, *prestop;
	/* The programs in its control directory. */
	struct control *controls;
	/* The service's stdout, which is held while a logging program reads it. */
	struct logmux_source *unlogged;
	/* The logging program's stdout. */
	struct logmux_source *logged;
	struct loop_timer log_grace;
	/* How the logging program ended, if that made the service SERVICE_UNLOGGED; else the pid is
	 * 0. */
	struct reaper_end log_end;
};

/* What messages say of an optional service. */
#define SERVICE_GOES_ON "the service is optional, the container goes on"

/* What services tell their owner. */
struct service_owner {
	/* The run of the service has ended (its finish may be running), or its logging program
	 * while run still runs. Never called for an optional service. */
	void (*on_end)(void *ctx, const struct service *service, const struct reaper_end *end);
	/* Something has changed of what others may see of the service: its state, which of its
	 * programs run, or that it has said that it is ready. May be NULL. */
	void (*on_change)(void *ctx, const struct service *service);
	/* A service that is not optional could not be started, for which dinit is to exit with that
	 * status. The cause is "web/run: cannot be started: why" (valid during the call); an error
	 * message says so then. Returns whether the container is stopped for it, and for nothing
	 * before. */
	bool (*on_start_failure)(void *ctx, const char *cause, int status);
	void *ctx;
};

/* How far the teardown has come. */
enum services_phase {
	/* It has not begun. */
	SERVICES_UP,
	/* It has begun: no service is started any more, and no program in a control directory. */
	SERVICES_DELAYED,
	/* The command was told to stop, and the services, which it may need, are to be told when it
	 * has ended. */
	SERVICES_COMMAND_STOPPED,
	/* The services were told to stop. */
	SERVICES_STOPPED,
	/* All was killed: nothing is started any more. */
	SERVICES_KILLED,
};

struct services {
	struct loop *loop;
	struct programs *programs;
	struct service_owner owner;
	/* Those to be started: neither down nor skipped. */
	struct service *list;
	size_t len;
	/* Their programs beside run, and those in their control directories. */
	struct program *others;
	struct control *controls;
	/* The first so many of the list have been started, or could not be. */
	size_t started;
	/* So many are SERVICE_DISABLED. */
	size_t disabled;
	/* So many prestop programs are running. */
	size_t prestopping;
	/* What the command is sent when it is told to stop. */
	int command_signal;
	enum services_phase phase;
	/* There is a cause for a teardown. */
	bool has_cause;
};

/* The next program of each kind that was allocated for the services and is not yet that of one. */
struct service_spares {
	struct program *program;
	struct control *control;
};

/* Prepares one of the services, and takes its programs from the spares: as many as
 * service_count_programs and control_count say. */
void service_init(struct service *service, struct services *all, const struct svdir_entry *entry,
		  struct service_spares *spares);

/* Returns how many programs beside run, and beside those in its control directory, the service
 * has. */
size_t service_count_programs(const struct svdir_entry *entry);

/* Frees what the service has allocated. Nothing of it may be running. */
void service_close(struct service *service);

/* Starts the service, and tells the owner if that fails. */
void service_start(struct service *service);

/* Returns whether the run of the service is running, and was not told to stop. */
bool service_is_up(const struct service *service);

/* Starts the prestop of a running service that has one. Returns whether it was started. */
bool service_prestop(struct service *service);

/* Tells the service to stop, if it runs. */
void service_stop(struct service *service);

/* Returns whether it is the command that dinit was given: a program, started last, whose end ends
 * the container whatever its status. */
bool service_is_command(const struct service *service);

/* Returns whether end is that of the service's run, and a logging program has read what run wrote.
 * To be called by on_end. */
bool service_was_logged(const struct service *service, const struct reaper_end *end);

/* Calls on_program for each program of the service that is running. */
void service_list_running(const struct service *service,
			  void (*on_program)(void *ctx, const struct program *program), void *ctx);

#endif
