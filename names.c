/* SPDX-License-Identifier: ISC */
/* Owns where a name in a list begins and ends, and what a pattern matches; not what is so called.
 * Invariant: a list is only read, and never beyond its NUL. */
#include "names.h"

#include <string.h>

size_t names_next(const char **at, const char **name)
{
	size_t len;

	while (**at == ',')
		(*at)++;
	*name = *at;
	len = strcspn(*at, ",");
	*at += len;
	return len;
}

bool names_have(const char *list, const char *name)
{
	const char *one;
	size_t len;

	while ((len = names_next(&list, &one)) > 0)
		if (strlen(name) == len && memcmp(one, name, len) == 0)
			return true;
	return false;
}

/* Returns the end of the UTF-8 character that text begins with; it is not empty. */
static const char *skip_char(const char *text)
{
	do
		text++;
	while ((*text & 0xc0) == 0x80);
	return text;
}

/* Matches from the left. Where that fails, the last * so far takes one character more; giving more
 * to an earlier * instead would find no other match. At end is a comma or the end of the list. */
static bool match_pattern(const char *pattern, const char *end, const char *name)
{
	const char *star = NULL, *resume = name;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (*pattern == '?') {
			pattern++;
			name = skip_char(name);
		} else if (pattern < end && *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			resume = skip_char(resume);
			name = resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return pattern == end;
}

bool names_match(const char *list, const char *name)
{
	const char *one;
	size_t len;

	while ((len = names_next(&list, &one)) > 0)
		if (match_pattern(one, one + len, name))
			return true;
	return false;
}
