/* SPDX-License-Identifier: ISC */
/* The programs in the control directory of a service, which are run for a signal that dinit gets,
 * so that one signal to the container reaches the services that want it. */
#ifndef DINIT_CONTROL_H
#define DINIT_CONTROL_H

#include "program.h"
#include "svdir.h"

#include <stdbool.h>
#include <stddef.h>

/* One of these programs; it stays where it is. A service's are a list, and NULL is an empty one. */
struct control {
	struct program program;
	struct control *next;
	enum svdir_control which;
	const struct svdir_entry *entry;
	/* The run of its service. */
	const struct program *run;
	/* It was asked for while it was running: it is run once more when it has ended. */
	bool again;
};

/* Returns how many such programs the service has. */
size_t control_count(const struct svdir_entry *entry);

/* Prepares them in the memory at controls, which has room for control_count of them. The entry and
 * run, which is that of the service, must outlive them. Returns the list. */
struct control *control_init(struct control *controls, const struct svdir_entry *entry,
			     struct programs *programs, const struct program *run);

/* Runs that program, and returns whether it is in the list; if it is running, once more when it has
 * ended (however often this is called until then). The service's run must be running. */
bool control_ask(struct control *list, enum svdir_control which);

/* Cancels each further run of a program of the list that was asked for while it was running. */
void control_forget(struct control *list);

/* Calls on_program for each program of the list that is running. */
void control_list_running(const struct control *list,
			  void (*on_program)(void *ctx, const struct program *program), void *ctx);

#endif
