/* SPDX-License-Identifier: ISC */
/* JSON (RFC 8259), read by other means than dinit's own. */
#ifndef SOAK_VALID_H
#define SOAK_VALID_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are one object, in valid UTF-8. */
bool valid_object(const char *bytes, size_t len);

/* Decodes the string whose opening quote stands before `bytes`, up to its closing one. Writes no
 * more than len bytes to out, their number to *out_len. Returns the bytes used, the closing
 * quote included; 0: no valid string. */
size_t valid_decode(const char *bytes, size_t len, char *out, size_t *out_len);

#endif
