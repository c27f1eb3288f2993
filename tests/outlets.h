/* SPDX-License-Identifier: ISC */
/* For unit tests of what writes to descriptors 1 and 2: readers behind them, which read when and
 * as much as the test says, and what they have got. Allocates nothing by malloc, realloc or free,
 * and reads by readv(2), because these tests script malloc and read(2). */
#ifndef DINIT_TESTS_OUTLETS_H
#define DINIT_TESTS_OUTLETS_H

#include <stdbool.h>
#include <stddef.h>

/* Whatever dinit's stdout or stderr leads to. Zeroed before first use. */
struct reader {
	/* -1: it is gone. */
	int fd;
	bool stalls;
	/* How many bytes it takes a turn; 0: all there is. */
	size_t at_most;
	/* What it has got, terminated; NULL: nothing yet. */
	char *text;
	size_t len, size;
};

/* Fails the test with this text. Neither this nor an assertion of cmocka's says it at once, which
 * would be on descriptor 2. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes a pipe with the reader at its end; its write end becomes descriptor fd. */
void reader_open(struct reader *reader, int fd);

/* Makes a terminal in raw mode instead of a pipe. */
void reader_open_tty(struct reader *reader, int fd);

/* Closes the read end: whoever writes gets EPIPE. */
void reader_leave(struct reader *reader);

/* Leaves, and frees what it has got. */
void reader_close(struct reader *reader);

/* Takes what its turn allows. Returns whether that was anything. */
bool reader_take(struct reader *reader);

void reader_forget(struct reader *reader);

/* Returns how often part stands in what it has got. */
size_t reader_count(const struct reader *reader, const char *part);

void assert_text(const struct reader *reader, const char *expected);
void assert_has(const struct reader *reader, const char *part);

/* Asserts that behind each mark there is the next number, from 0 to count - 1. */
void assert_numbered(const struct reader *reader, size_t count, const char *mark);

/* Returns the next line at *at, which is moved behind it, and its length without newline; NULL at
 * the end. */
const char *next_line(const char **at, size_t *len);

/* Returns count lines "<format><number>", to be freed: with '}' at the end if format begins one. */
char *numbered(size_t count, const char *format);

/* Returns a line of len bytes of c with that end, to be freed. */
char *long_line(size_t len, char c, const char *end);

#endif
