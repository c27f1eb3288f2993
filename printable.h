/* SPDX-License-Identifier: ISC */
/* Bytes that somebody else chose (a name, a value, a command line) as one line of valid UTF-8 that
 * is safe to print. Pure functions: no I/O, no allocation, no state. */
#ifndef DINIT_PRINTABLE_H
#define DINIT_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* What becomes of a byte that cannot be printed: of a control character (U+0000 to U+001F and
 * U+007F to U+009F), and of a byte that belongs to no well-formed UTF-8 character (RFC 3629). */
enum printable_form {
	/* "?" */
	PRINTABLE_MARKED,
	/* "\xHH"; a backslash becomes that too, so that every byte can be told from the result. */
	PRINTABLE_ESCAPED,
};

/* Returns whether the byte is an ASCII control character. */
bool printable_is_control(char byte);

/* Writes the len bytes at text to out, which has room for size bytes (at least 4), and ends them
 * with a NUL. Where they do not fit, they are cut between two characters and end in "...".
 * Returns the length of the result. With PRINTABLE_MARKED out may be text itself: the result is
 * never longer than the original. */
size_t printable_copy(char *out, size_t size, enum printable_form form, const char *text,
		      size_t len);

/* Does the same with PRINTABLE_ESCAPED for a path, whose end says more than its beginning: where it
 * does not fit, "..." stands in front of what is kept. Returns out. */
const char *printable_copy_path(char *out, size_t size, const char *path);

#endif
