/* SPDX-License-Identifier: ISC */
/* Lists of names separated by commas, as DINIT_SKIP and DINIT_KEEP hold them. Spaces belong to the
 * names, and empty names count for nothing. */
#ifndef DINIT_NAMES_H
#define DINIT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Finds the next name of a list, from *at on, and moves *at behind it. Returns its length and sets
 * *name to its beginning, or returns 0 where there is none. */
size_t names_next(const char **at, const char **name);

/* Returns whether the list has exactly that name. */
bool names_have(const char *list, const char *name);

/* Returns whether a name of the list, taken as a pattern, matches that name: * stands for any
 * characters, ? for one. */
bool names_match(const char *list, const char *name);

#endif
