/* SPDX-License-Identifier: ISC */
/* What stands in a script. Looks at the text only: runs nothing, and knows no language. */
#ifndef DINIT_SCRIPT_H
#define DINIT_SCRIPT_H

#include <stdbool.h>

/* Both look at the first 64 kilobytes, without what stands behind a # that begins a comment. They
 * find nothing where path cannot be read or is no script (it does not begin with #!). */

/* Returns the number of the first line that names the directory `name`: as a part of a path that
 * goes on (name/file, "$PWD/name/file"), or in quotes ("name"). Returns 0 where there is none. */
unsigned script_find_directory(const char *path, const char *name);

/* Returns whether the script has the word, even as a part of another. */
bool script_has_word(const char *path, const char *word);

#endif
