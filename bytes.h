/* SPDX-License-Identifier: ISC */
/* The loops through which every byte of every line goes. libc's would do, but the static binary
 * has musl's, which are made to be small. Pure functions. */
#ifndef DINIT_BYTES_H
#define DINIT_BYTES_H

#include <stddef.h>

/* Returns where the first newline of the len bytes is, or NULL. */
const char *bytes_find_newline(const char *bytes, size_t len);

/* Returns where the last line of the len bytes begins: behind their last newline, which may be at
 * their end, or at 0 where there is none. */
size_t bytes_last_line(const char *bytes, size_t len);

/* Copies the len bytes to out, up to the first newline, and returns where that is, or NULL where
 * there is none. What it writes to out behind the copy, up to len bytes in all, means nothing. */
const char *bytes_copy_line(char *out, const char *bytes, size_t len);

#endif
