/* SPDX-License-Identifier: ISC */
/* All services together: which there are, and what is asked of them in the course of the
 * container's life. What they have in common is in service.h. */
#ifndef DINIT_SERVICES_H
#define DINIT_SERVICES_H

#include "board.h"
#include "service.h"

#include <stdbool.h>

/* Prepares the services of svdir (which must outlive this) that are not down and not in skip (as
 * DINIT_SKIP), and warns of names in skip that no service has. Starts nothing. Returns 0, or -1
 * with errno and nothing allocated. */
int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  struct loop *loop, struct programs *programs, const struct service_owner *owner);

/* Shows from now on, on the board, how much was read of the streams of each; svdir is the same. */
void services_show_tallies(struct services *services, const struct svdir *svdir,
			   struct board *board);

/* Frees what services_open allocated. Nothing of it may be running. */
void services_close(struct services *services);

/* Starts the next service, and tells the owner if that fails. Returns false if there was none left
 * to be started. */
bool services_start_next(struct services *services);

/* Returns whether any service that is to be started has that program. */
bool services_have_control(const struct services *services, enum svdir_control which);

/* Runs that program of every running service that has it; if it is running, once more when it has
 * ended. Does nothing once a teardown has begun (services_prestop, services_stop). Returns how many
 * services were asked. */
size_t services_control(struct services *services, enum svdir_control which);

/* Notes that there is a cause for a teardown, which begins soon: no program in a control directory
 * is begun any more. */
void services_note_cause(struct services *services);

/* Returns whether a run that was not reaped yet is about to end, or has ended. */
bool services_have_ending(const struct services *services, const struct procfs *proc);

/* Begins the teardown: no further service is started. Starts the prestop of every running service
 * that has one. The services run on as usual; `prestopping` becomes 0 when all these programs have
 * ended. Does nothing where the teardown has begun already. */
void services_prestop(struct services *services);

/* Tells the command, if it is running, to stop, or once more: it is sent that signal. The services
 * run on. No further one is started after that. */
void services_stop_command(struct services *services, int signal);

/* Returns whether services_start_next is going to start the command. */
bool services_is_command_next(const struct services *services);

/* Passes that signal on to the command, if it is running. */
void services_signal_command(const struct services *services, int signal);

/* Returns the command's program while it is running, whether it was told to stop or not; else
 * NULL. */
const struct program *services_find_command(const struct services *services);

/* Returns whether the command was told to stop and is running, and no other program is. */
bool services_is_command_last(const struct services *services);

/* Tells every running service to stop. No further one is started after that. */
void services_stop(struct services *services);

/* Says which prestop programs are still running, and kills them. */
void services_kill_prestops(struct services *services);

/* Says which programs of the services are still running, and kills them; those of the logging
 * programs only if with_logs, and then nothing is started any more. Returns whether there was
 * any. */
bool services_kill(struct services *services, bool with_logs);

/* Calls on_program for each program of a service that is running. */
void services_list_running(const struct services *services,
			   void (*on_program)(void *ctx, const struct program *program), void *ctx);

#endif
