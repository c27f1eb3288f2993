/* SPDX-License-Identifier: ISC */
/* How much was read of a stream: dinit's own count, and where others see it (board.h). */
#ifndef DINIT_TALLY_H
#define DINIT_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct board_stream;

/* Zeroed before first use: nothing was read, and nobody sees it. */
struct tally {
	uint64_t lines, bytes;
	/* Where the same is shown, which is only written to; NULL: nowhere. */
	struct board_stream *shown;
};

/* Shows the counts in *shown, too, from now on; it must stay where it is as long as they grow. */
void tally_show(struct tally *tally, struct board_stream *shown);

/* Adds to the counts; to be called at most once for each read. */
void tally_add(struct tally *tally, size_t lines, size_t bytes);

#endif
