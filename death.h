/* SPDX-License-Identifier: ISC */
/* How a process ended, in words, where memory may have been short. */
#ifndef DINIT_DEATH_H
#define DINIT_DEATH_H

#include "oom.h"
#include "reaper.h"

/* Room for the words, '\0' included. */
#define DEATH_SIZE (REAPER_STATUS_SIZE + 80)

/* Puts into words how a process ended that dinit has not killed, status as of wait(2): as
 * reaper_describe_status does, and if the kernel killed it because memory ran out, "was killed by
 * signal 9 (Killed), out of memory (the container's limit is 128 MiB)". To be called once for each
 * such end: a kill that oom_has_killed has reported explains no other one. */
void death_describe(struct oom *oom, int status, char text[DEATH_SIZE]);

#endif
