/* SPDX-License-Identifier: ISC */
/* Who sent a signal to dinit, in words for a message. */
#ifndef DINIT_SENDER_H
#define DINIT_SENDER_H

#include "procfs.h"
#include "reaper.h"

#include <stdbool.h>
#include <sys/signalfd.h>

/* Room for the words, '\0' included: two names, two PIDs' digits, and what stands between. */
#define SENDER_SIZE 640

/* Returns whether a process inside the container sent the signal, and if so, describes it: "PID 9
 * (watchdog/run)" is a program of dinit's, "PID 12 (kill, of watchdog/run)" another process in the
 * session, or among the descendants, of one, "PID 12 (sh)" any other, and "PID 12, which has
 * ended" one of which no more can be told.
 *
 * Where dinit is PID 1, whoever has a PID here is inside. Elsewhere dinit's programs, what is in
 * their sessions, and dinit's descendants are; a process that has been reaped counts as outside,
 * because nobody can tell. Without a usable /proc only
 * the programs themselves have names. */
bool sender_describe(const struct procfs *proc, const struct reaper *reaper,
		     const struct signalfd_siginfo *info, char text[SENDER_SIZE]);

#endif
