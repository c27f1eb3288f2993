/* SPDX-License-Identifier: ISC */
/* Splitter: what one source has written, cut into lines, each decorated and put into the sink
 * where it belongs. It keeps what cannot go out yet, the tail: an unfinished line, or lines that
 * wait for room. */
#ifndef DINIT_SPLITTER_H
#define DINIT_SPLITTER_H

#include "line.h"
#include "outputs.h"
#include "stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all splitters share. Zeroed but for outputs and max_line before first use. */
struct splitter_means {
	struct outputs *outputs;
	/* The longest line kept whole, in bytes. */
	size_t max_line;
	struct stamp stamp;
	/* The memory of a tail that is gone, for the next one, or NULL. */
	char *spare;
	size_t spare_size;
};

/* Zeroed but for means, rule, output and label before first use. */
struct splitter {
	struct splitter_means *means;
	enum line_rule rule;
	/* The output for lines that are what the rule asks for, by its number in outputs->list. */
	size_t output;
	/* The output that the next line waits for, where it has to wait. */
	size_t waits_at;
	struct line_label label;
	/* So many lines went out, or began to, since the caller set it to 0; empty ones, which do
	 * not go out, are not counted, and those are that were dropped. */
	size_t lines;
	/* The beginning of the current line went out already. */
	bool in_pieces;
	/* Nothing comes after the tail: what stands last in it is a line even without a newline. */
	bool ended;
	char *tail;
	size_t tail_len, tail_size;
	/* So many bytes at the beginning of the tail are whole lines, which wait for room; behind
	 * them there is no newline. */
	size_t tail_whole;
	/* When the last of the tail was read. */
	int64_t read_second;
	int32_t read_millisecond;
};

/* Frees the tail. */
void splitter_free(struct splitter *splitter);

/* Notes the present time: every line that ends in the bytes taken next is stamped with it. */
void splitter_note_time(struct splitter *splitter);

/* Takes len new bytes; the tail must have gone out but for an unfinished line. *taken: how many
 * of them went out or are kept, which is all unless memory is lacking. Returns whether all whole
 * lines went out; where not, splitter_put_tail is to be called as soon as waits_at has room. */
bool splitter_take(struct splitter *splitter, const char *bytes, size_t len, size_t *taken);

/* Lets the lines of the tail go out. in_need: memory is lacking, so that everything goes out,
 * cut short rather than kept. Returns whether all whole lines went out, as splitter_take does. */
bool splitter_put_tail(struct splitter *splitter, bool in_need);

/* Lets bytes that splitter_take did not take go out, cut short rather than kept; the tail must be
 * empty. *used: how many did. Returns whether all did. */
bool splitter_put_rest(struct splitter *splitter, const char *bytes, size_t len, size_t *used);

/* Frees the memory that the next tail would have had. */
void splitter_drop_spare(struct splitter_means *means);

#endif
