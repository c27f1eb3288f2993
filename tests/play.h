/* SPDX-License-Identifier: ISC */
/* What the programs share that play services: actor.c for the scenarios, soak/player.c for the
 * soak. They end with status 99 where something cannot be done, and say what on stderr. */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

__attribute__((noreturn)) void play_die(const char *what);

unsigned long play_number(const char *text);

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t play_now_ns(void);

/* Writes all of it, however many calls that takes. */
void play_write_all(int fd, const char *bytes, size_t len);

/* Runs orphan(n), for n of first to last, in children of a child that ends. Where they are to be
 * dead it ends after them, without reaping them, so that they come to dinit as zombies. Their PIDs
 * are written to pids, which the processes share (NULL: nobody wants to know). */
void play_leave_behind(unsigned first, unsigned last, void (*orphan)(unsigned n), bool dead,
		       pid_t *pids);

/* Ends at once: an orphan for play_leave_behind. */
void play_end_at_once(unsigned n);

#endif
