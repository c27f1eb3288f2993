/* SPDX-License-Identifier: ISC */
/* What the rest of dinit stands on while it supervises: its settings, what it has found in the
 * service directory, the event loop, the outputs and sources, and what every program is started
 * with. */
#ifndef DINIT_BASE_H
#define DINIT_BASE_H

#include "command.h"
#include "config.h"
#include "logmux.h"
#include "loop.h"
#include "outputs.h"
#include "ownfds.h"
#include "procfs.h"
#include "program.h"
#include "reaper.h"
#include "signaller.h"
#include "svdir.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

struct base {
	struct config config;
	struct svdir svdir;
	/* What dinit was given to run beside the services; its argv is NULL where that is
	 * nothing. */
	struct command command;
	struct loop loop;
	struct reaper reaper;
	struct procfs proc;
	struct outputs outputs;
	struct logmux mux;
	struct signaller signaller;
	struct programs programs;
	/* Which of the descriptors 0 to 2 were not open at the start. */
	bool closed[3];
	struct ownfds ownfds;
	/* The limit of open files as it was at the start. */
	struct rlimit nofile;
	int null_fd;
};

/* Whom the base tells what happens. */
struct base_callbacks {
	/* A signal has come to dinit (loop.h). */
	void (*on_signal)(void *ctx, const struct signalfd_siginfo *info);
	void *signal_ctx;
	/* An orphan that nobody watches has ended (reaper.h). */
	void (*on_orphan)(void *ctx, pid_t pid, int status);
	void *orphan_ctx;
};

/* Blocks the signals, reads the environment and the service directory, and opens all of *base,
 * which the caller has zeroed. command is what main was given to run beside the services (NULL:
 * nothing), and must outlive *base; with it the directory need not be there. oom is what the
 * programs ask whether memory ran out; it is not opened here. Returns 0, or -1 where that is
 * impossible or something in it is wrong (reported), and nothing is left open. */
int base_open(struct base *base, char *const *command, char *const *environment, struct oom *oom,
	      const struct base_callbacks *callbacks);

/* Closes what base_open opened. No program may be running. */
void base_close(struct base *base);

/* Returns whether there is a service of that name, and it is to be started. */
bool base_would_start(const struct base *base, const char *name);

/* Says at the start what is going to run: so many of the entries of the directory, the command
 * included. */
void base_say_start(const struct base *base, size_t len);

/* Warns that there is nothing to run. */
void base_warn_of_idleness(const struct base *base);

/* Logs an error with what could not be done and errno in words. Returns -1. */
int base_fail(const char *what);

#endif
