/* SPDX-License-Identifier: ISC */
/* Whether a name that does not exist was probably meant for one that does. */
#ifndef DINIT_NEAREST_H
#define DINIT_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* A name that is longer, in bytes, is close to none. */
#define NEAREST_LEN_MAX 64

/* Returns whether the wrong name is close to the right one: at most three letters are wrong, and no
 * more than half of the right ones; or one is the beginning, the end or a shorter form of the
 * other. Sets *errors to how many letters are wrong, by which the closest of several is chosen. */
bool nearest_is_close(const char *wrong, size_t wrong_len, const char *right, size_t right_len,
		      unsigned *errors);

#endif
