/* SPDX-License-Identifier: ISC */
/* What the services of the soak write: the player writes it, and the checker knows by it what
 * must arrive. */
#ifndef SOAK_SCRIPT_H
#define SOAK_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DINIT_MAX_LINE */
#define SOAK_MAX_LINE 65536
#define SOAK_MAX_LINE_TEXT "64k"

enum script {
	SCRIPT_NONE,
	/* one JSON object a line */
	SCRIPT_OBJECTS,
	/* printable text without quotes and backslashes, never an object */
	SCRIPT_TEXT,
	/* objects and what looks like one, CRLF, NUL, ill-formed UTF-8, nothing at all */
	SCRIPT_BROKEN,
	/* objects and text, as long as SOAK_MAX_LINE, a byte more or less, several times as long */
	SCRIPT_LONG,
	SCRIPT_COUNT,
};

struct script_line {
	/* as it is written; grows from call to call */
	char *bytes;
	size_t size;
	/* with what ends it */
	size_t len;
	/* without */
	size_t text_len;
	/* an object, which stands from `from` to `to`; it may be too long to be taken for one */
	bool object;
	size_t from, to;
};

/* The script of that name; SCRIPT_COUNT: none. */
enum script script_find(const char *name);

/* Makes line number n (from 0) of the script: always the same bytes. Ends the program where
 * memory is lacking. */
void script_line(enum script script, uint64_t n, struct script_line *line);

/* A number that looks random, the same for the same seed. */
uint64_t script_random(uint64_t seed);

#endif
