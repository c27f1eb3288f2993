/* SPDX-License-Identifier: ISC */
/* An independent judge of JSON for the fuzzers: jansson, which is strict (RFC 8259, UTF-8), and
 * whose few limits are bridged here. */
#ifndef FUZZ_JUDGE_H
#define FUZZ_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether the text may be nested deeper than the judge can look: then nothing may be asked about
 * it. */
bool judge_is_too_deep(const char *text, size_t len);

/* The text as an object, for the caller to free with json_decref, or NULL where it is none.
 * Numbers without meaning for a double, and escapes that are no characters, count as others do;
 * in the object they are replaced. */
json_t *judge_object(const char *text, size_t len);

/* Whether it is one. */
bool judge_is_object(const char *text, size_t len);

/* The same as judge_object for text that holds none of these (but \u0000 in a value), nor a
 * member twice. */
json_t *judge_plain_object(const char *text, size_t len);

#endif
