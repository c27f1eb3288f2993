/* SPDX-License-Identifier: ISC */
/* Owns the copy of a stream's last line; not the stream, nor when it is read. Invariant: the text
 * is the beginning of the last line that is not empty, of those that were noted, or there is no
 * text. */
#include "lastline.h"

#include "bytes.h"
#include "printable.h"

#include <stdlib.h>
#include <string.h>

/* So much is kept: with one byte too many the line is shown as cut. */
#define KEPT_MAX (LASTLINE_MAX + 1)
/* What is kept of an unfinished line that is so long does not change any more, whatever comes: not
 * even if that is a newline, and '\r' stands before it. */
#define LONG_LEN (2 * LASTLINE_MAX)
/* Memory is taken in steps of so many bytes: most streams have lines of much the same length. */
#define SIZE_STEP 16

void lastline_clear(struct lastline *last)
{
	free(last->text);
	*last = (struct lastline){ 0 };
}

/* Returns whether there is memory for len bytes. */
static bool make_room(struct lastline *last, size_t len)
{
	size_t size = (len + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;
	char *larger;

	if (size <= last->size)
		return true;
	larger = realloc(last->text, size);
	if (!larger)
		return false;
	last->text = larger;
	last->size = (uint8_t)size;
	return true;
}

/* Keeps the beginning of a line that lies in two pieces. */
static void keep(struct lastline *last, const char *begun, size_t begun_len, const char *rest,
		 size_t rest_len)
{
	if (begun_len > KEPT_MAX)
		begun_len = KEPT_MAX;
	if (rest_len > KEPT_MAX - begun_len)
		rest_len = KEPT_MAX - begun_len;
	if (!make_room(last, begun_len + rest_len)) {
		lastline_clear(last);
		return;
	}
	if (begun_len > 0)
		memcpy(last->text, begun, begun_len);
	if (rest_len > 0)
		memcpy(last->text + begun_len, rest, rest_len);
	last->len = (uint8_t)(begun_len + rest_len);
}

/* Returns how many of the bytes come before the white space at their end: lines of nothing else say
 * nothing. */
static size_t without_blanks(const char *bytes, size_t len)
{
	while (len > 0 && memchr(" \t\r\n", bytes[len - 1], 4))
		len--;
	return len;
}

/* Keeps the last whole line of the bytes, which end in a newline; blank lines are skipped. */
static void keep_whole(struct lastline *last, const char *begun, size_t begun_len,
		       const char *bytes, size_t len)
{
	size_t end = without_blanks(bytes, len), begin = bytes_last_line(bytes, end);

	/* The line that was begun is the last: it may have been kept when it became long. */
	if (begin == 0 && !last->unfinished) {
		if (end == 0)
			begun_len = without_blanks(begun, begun_len);
		if (begun_len + end > 0)
			keep(last, begun, begun_len, bytes, end);
	} else if (begin > 0) {
		keep(last, "", 0, bytes + begin, end - begin);
	}
	last->unfinished = false;
}

void lastline_note(struct lastline *last, const char *begun, size_t begun_len, const char *bytes,
		   size_t len)
{
	size_t begin = bytes_last_line(bytes, len);

	if (begin > 0 && len - begin >= LONG_LEN) {
		keep(last, "", 0, bytes + begin, len - begin);
		last->unfinished = last->text != NULL;
	} else if (begin > 0) {
		keep_whole(last, begun, begun_len, bytes, begin);
	} else if (!last->unfinished && begun_len + len >= LONG_LEN) {
		keep(last, begun, begun_len, bytes, len);
		last->unfinished = last->text != NULL;
	}
}

void lastline_end(struct lastline *last, const char *begun, size_t begun_len)
{
	begun_len = without_blanks(begun, begun_len);
	if (!last->unfinished && begun_len > 0)
		keep(last, begun, begun_len, "", 0);
}

bool lastline_show(const struct lastline *last, char out[LASTLINE_MAX + 1])
{
	return printable_copy(out, LASTLINE_MAX + 1, PRINTABLE_MARKED, last->text, last->len) > 0;
}
