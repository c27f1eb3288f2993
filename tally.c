/* SPDX-License-Identifier: ISC */
/* Owns the counts of a stream; not the reading, nor the page where they are shown. Invariant: what
 * is shown is what was counted, whatever others write there. */
#include "tally.h"

#include "board.h"

static void write_out(const struct tally *tally)
{
	if (!tally->shown)
		return;
	tally->shown->lines = tally->lines;
	tally->shown->bytes = tally->bytes;
}

void tally_show(struct tally *tally, struct board_stream *shown)
{
	tally->shown = shown;
	write_out(tally);
}

void tally_add(struct tally *tally, size_t lines, size_t bytes)
{
	tally->lines += lines;
	tally->bytes += bytes;
	write_out(tally);
}
