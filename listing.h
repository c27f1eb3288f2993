/* SPDX-License-Identifier: ISC */
/* The places that the board has for adopted processes: which of them is whose, and what is shown
 * there. */
#ifndef DINIT_LISTING_H
#define DINIT_LISTING_H

#include "board.h"
#include "logmux.h"
#include "tally.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Static_assert(BOARD_ADOPTED_MAX == 64, "the places are the bits of struct listing.taken");

struct listing {
	struct board *board;
	struct logmux *mux;
	/* A bit for each place. */
	uint64_t taken;
	/* So many adopted processes run and have no place. */
	uint64_t unlisted;
};

/* An adopted process that has a place. */
struct listed {
	size_t place;
	struct tally tallies[LOGMUX_STREAMS];
};

/* Prepares the places, which are all free. */
void listing_init(struct listing *listing, struct board *board, struct logmux *mux);

/* Shows an adopted process. Returns its place, or NULL where there is none left, or no memory: it
 * is only counted then. */
struct listed *listing_add(struct listing *listing, const char *program, pid_t pid);

/* Frees the place of a process that has ended; its sources may live on. NULL: it had no place. */
void listing_remove(struct listing *listing, struct listed *listed);

#endif
