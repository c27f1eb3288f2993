/* SPDX-License-Identifier: ISC */
/* Owns how alike two names are; not where the names come from, nor what they stand for. Invariant:
 * nothing is allocated, and the time is bounded by NEAREST_LEN_MAX. */
#include "nearest.h"

#include <limits.h>
#include <string.h>

/* With more typing errors than that, names would be close that have nothing to do with each
 * other. */
#define TYPING_ERRORS_MAX 3
/* The shortest part of a name, "LOG", that is taken for it. */
#define PART_MIN 3

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Counts the letters that must be inserted, left out, replaced or swapped with their neighbour
 * to make one name of the other (Damerau and Levenshtein, in the form that changes no letter
 * twice). */
static unsigned count_typing_errors(const char *a, size_t a_len, const char *b, size_t b_len)
{
	/* errors[i][j] is between the first i letters of a and the first j of b. */
	unsigned errors[NEAREST_LEN_MAX + 1][NEAREST_LEN_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		errors[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		errors[i][0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned replaced = errors[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			unsigned fewest =
				least(replaced, least(errors[i - 1][j], errors[i][j - 1]) + 1);

			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				fewest = least(fewest, errors[i - 2][j - 2] + 1);
			errors[i][j] = fewest;
		}
	}
	return errors[a_len][b_len];
}

static bool is_at(const char *part, size_t part_len, const char *name, size_t at)
{
	return memcmp(part, name + at, part_len) == 0;
}

/* Returns whether part and name begin with the same letter, and the letters of part stand in name
 * in the same order and are at least half of its letters. */
static bool is_shortened(const char *part, size_t part_len, const char *name, size_t len)
{
	size_t found = 0;

	for (size_t i = 0; i < len && found < part_len; i++)
		found += name[i] == part[found];
	return part[0] == name[0] && found == part_len && 2 * part_len >= len;
}

/* Returns whether part is the beginning, the end or a shorter form of the name. */
static bool is_part(const char *part, size_t part_len, const char *name, size_t len)
{
	return part_len >= PART_MIN && part_len <= len &&
	       (is_at(part, part_len, name, 0) || is_at(part, part_len, name, len - part_len) ||
		is_shortened(part, part_len, name, len));
}

bool nearest_is_close(const char *wrong, size_t wrong_len, const char *right, size_t right_len,
		      unsigned *errors)
{
	*errors = UINT_MAX;
	if (wrong_len > NEAREST_LEN_MAX || right_len > NEAREST_LEN_MAX)
		return false;
	*errors = count_typing_errors(wrong, wrong_len, right, right_len);
	return (*errors <= TYPING_ERRORS_MAX && 2 * *errors <= right_len) ||
	       is_part(wrong, wrong_len, right, right_len) ||
	       is_part(right, right_len, wrong, wrong_len);
}
