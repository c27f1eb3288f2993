/* SPDX-License-Identifier: ISC */
/* Owns which place of the board is whose; not the processes, nor their lines. Invariant: a place is
 * shown as used exactly as long as it is taken. */
#include "listing.h"

#include <stdio.h>
#include <stdlib.h>

void listing_init(struct listing *listing, struct board *board, struct logmux *mux)
{
	*listing = (struct listing){ .board = board, .mux = mux };
}

static size_t find_free(const struct listing *listing)
{
	size_t place = 0;

	while (place < BOARD_ADOPTED_MAX && (listing->taken >> place & 1))
		place++;
	return place;
}

static void show(const struct listing *listing, size_t place, const char *program, pid_t pid)
{
	struct board_entry *shown = board_begin_entry(listing->board, place);
	char name[BOARD_ADOPTED_NAME_SIZE];

	snprintf(name, sizeof name, "%s/%d", program, pid);
	*shown = (struct board_entry){
		.state = BOARD_READY,
		.flags = BOARD_FLAG_USED,
		.pid = pid,
		.exit_status = -1,
		.since = board_now(),
		.started = board_now(),
	};
	board_write_name(listing->board, place, name);
	board_end(listing->board);
}

struct listed *listing_add(struct listing *listing, const char *program, pid_t pid)
{
	size_t place = find_free(listing), shown_place = listing->board->services + place;
	struct listed *listed = place < BOARD_ADOPTED_MAX ? calloc(1, sizeof *listed) : NULL;
	struct board_stream *shown = board_find_streams(listing->board, shown_place);

	if (!listed) {
		listing->unlisted++;
		return NULL;
	}
	listed->place = place;
	listing->taken |= UINT64_C(1) << place;
	show(listing, shown_place, program, pid);
	for (size_t i = 0; i < LOGMUX_STREAMS; i++)
		tally_show(&listed->tallies[i], &shown[i]);
	return listed;
}

void listing_remove(struct listing *listing, struct listed *listed)
{
	if (!listed) {
		listing->unlisted--;
		return;
	}
	logmux_forget_tallies(listing->mux, listed->tallies);
	board_begin_entry(listing->board, listing->board->services + listed->place)->flags = 0;
	board_end(listing->board);
	listing->taken &= ~(UINT64_C(1) << listed->place);
	free(listed);
}
