/* SPDX-License-Identifier: ISC */
/* Our own process: its exit status, standard descriptors, signal mask and dispositions, limits, its
 * environment, and the console that it may have been started on. */
#ifndef DINIT_PROCESS_H
#define DINIT_PROCESS_H

#include "config.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

/* With what dinit exits (dinit(8), EXIT STATUS). */
enum process_status {
	/* It was stopped by a signal, a service exited with 0, or there was nothing to run. */
	PROCESS_STATUS_STOPPED = 0,
	/* It could not do its work. */
	PROCESS_STATUS_UNABLE = 1,
	/* A service, a logging program or an adopted process failed. */
	PROCESS_STATUS_FAILED = 3,
};

/* Opens /dev/null in place of each of the descriptors 0 to 2 that is closed, so that nothing else
 * lands there, and sets closed[] for it. Returns 0, or -1 with errno. */
int process_fill_standard_fds(bool closed[3]);

/* Returns whether our process group is in the foreground of the terminal on stdin; false where
 * stdin is no terminal, or not that of our session. */
bool process_has_foreground(void);

/* Makes our process group the one in the foreground of that terminal. Does nothing where that
 * cannot be done: the terminal may be gone. TTOU must be blocked. */
void process_take_foreground(void);

/* Blocks every signal except faults (SEGV, BUS, ...), including those that libc reserves for
 * itself. Fills *read_set with those that a signalfd(2) shall read: the blocked ones but PIPE, of
 * which EPIPE tells. Returns 0, or -1 with errno. */
int process_block_signals(sigset_t *read_set);

/* Gives every signal its default disposition, so that the programs we start have it. */
void process_reset_dispositions(void);

/* Raises our limit of open files (RLIMIT_NOFILE) as far as it goes. Fills *original with the limit
 * as it was, for the programs we start. */
void process_raise_nofile(struct rlimit *original);

/* Reads our environment into *config and sets the log level, and then the form of messages. Says
 * each problem: an invalid value at every level, as text, and an unknown variable as a warning.
 * Returns 0, or -1 where a value is invalid. */
int process_read_environment(struct config *config, char *const *environment);

/* Gives back the memory of our code from that address to the end of all code, which is read anew
 * where it is needed after all. (The kernel maps what stands beside the code that runs, and what
 * is mapped counts as ours.) */
void process_forget_code(uintptr_t begin);

/* Waits, as PID 1, until a serial line under stdout or stderr has sent what it took, for at most
 * five seconds each: the end of a machine's first process is the end of that machine. */
void process_wait_for_console(void);

#endif
