/* SPDX-License-Identifier: ISC */
/* The last line of a stream that is not blank, at most LASTLINE_MAX bytes of its beginning: what a
 * program said last before it failed. A read costs one search for a newline from its end, and one
 * copy of at most that many bytes, however many lines it brings. Memory is used only where a line
 * was written. */
#ifndef DINIT_LASTLINE_H
#define DINIT_LASTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest that lastline_show makes, in bytes. */
#define LASTLINE_MAX 200

/* Zeroed before first use: there was no line yet. */
struct lastline {
	/* One byte more than LASTLINE_MAX at most, which shows that the line was longer. */
	char *text;
	uint8_t len, size;
	/* The text is the beginning of a line that has not ended yet. */
	bool unfinished;
};

/* Notes len new bytes of the stream. begun is the line that earlier bytes have begun, as far as it
 * is still at hand: without a newline, and all of it where it is shorter than two times
 * LASTLINE_MAX. Where memory is lacking there is no last line. */
void lastline_note(struct lastline *last, const char *begun, size_t begun_len, const char *bytes,
		   size_t len);

/* Notes that the stream has ended, or that its last line counts as it is, for now: begun as above.
 * To be called as often as needed; the stream may go on. */
void lastline_end(struct lastline *last, const char *begun, size_t begun_len);

/* Writes the line as printable text (printable.h). Returns whether there is one. */
bool lastline_show(const struct lastline *last, char out[LASTLINE_MAX + 1]);

/* Forgets the line and frees its memory. Lines that come later are noted again. */
void lastline_clear(struct lastline *last);

#endif
