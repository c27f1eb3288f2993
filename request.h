/* SPDX-License-Identifier: ISC */
/* What a signal to dinit asks for, and the words for it. The caller does what is asked for; only
 * that a signal is ignored is said here. */
#ifndef DINIT_REQUEST_H
#define DINIT_REQUEST_H

#include "procfs.h"
#include "reaper.h"
#include "sender.h"
#include "svdir.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

/* Room for the words, '\0' included: the signal's name, and its sender. */
#define REQUEST_TEXT_SIZE (SENDER_SIZE + 80)

enum request {
	/* Nothing. A message has said that the signal is ignored. */
	REQUEST_NOTHING,
	/* Something has happened to a child. */
	REQUEST_CHILDREN,
	/* To run a program in control/ of the services, and to pass the signal on to the command as
	 * well, if one runs. */
	REQUEST_CONTROL,
	/* Nothing of dinit itself: to pass it on to the command. */
	REQUEST_FORWARD,
	/* To stop the container. */
	REQUEST_STOP,
};

struct requests {
	const struct procfs *proc;
	const struct reaper *reaper;
	/* The command that dinit was given is running. */
	bool command_runs;
	/* Which programs in control/ any service has. */
	bool has_control[SVDIR_CONTROLS];
	/* One bit for each signal that a warning was written about. */
	uint64_t warned;
};

/* Returns what the signal asks for. For REQUEST_CONTROL, *control is the program to be run; else it
 * means nothing. */
enum request request_read(struct requests *requests, const struct signalfd_siginfo *info,
			  enum svdir_control *control);

/* Returns the signal that a command gets for one that asks to stop the container: the same for INT
 * and QUIT, which programs know, and TERM for all others. */
int request_choose_command_signal(const struct signalfd_siginfo *info);

/* Describes a signal that asks to stop the container: "signal 15 (Terminated) received". Where a
 * process inside the container has sent it, nobody outside knows of that, and its sender is named:
 * "signal 15 (Terminated) from PID 9 (watchdog/run)". Returns whether it came from inside. */
bool request_describe(const struct requests *requests, const struct signalfd_siginfo *info,
		      char text[REQUEST_TEXT_SIZE]);

#endif
