/* SPDX-License-Identifier: ISC */
/* Owns what is said of a name that no service has; not where the names come from. */
#include "client/pick.h"

#include "nearest.h"
#include "printable.h"

#include <stdio.h>
#include <string.h>

/* So much of a name is shown, with the terminating NUL. */
#define SHOWN_SIZE 80

static const char *find_nearest(const struct snapshot *snapshot, const char *name)
{
	const char *nearest = NULL;
	unsigned least = 0;

	for (size_t i = 0; i < snapshot->len; i++) {
		const char *right = snapshot->list[i].name;
		unsigned errors;

		if (nearest_is_close(name, strlen(name), right, strlen(right), &errors) &&
		    (!nearest || errors < least)) {
			nearest = right;
			least = errors;
		}
	}
	return nearest;
}

/* Returns whether that may be one of the adopted processes for which the page has no place: only
 * they have a slash in their names. */
static bool may_be_unlisted(const struct snapshot *snapshot, const char *name)
{
	return snapshot->header.counts.adopted_unlisted > 0 && strchr(name, '/');
}

const struct view_service *pick_find(const struct snapshot *snapshot, const char *name,
				     char why[VIEW_WHY_SIZE])
{
	const struct view_service *service = snapshot_find(snapshot, name);
	const char *nearest;
	char shown[SHOWN_SIZE];

	if (service)
		return service;
	nearest = find_nearest(snapshot, name);
	printable_copy(shown, sizeof shown, PRINTABLE_MARKED, name, strlen(name));
	snprintf(why, VIEW_WHY_SIZE, "there is no service %s%s%s%s%s", shown,
		 may_be_unlisted(snapshot, name) ? ", or it is not listed" : "",
		 nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	return NULL;
}

const struct view_service *pick_service(const struct snapshot *snapshot, const char *name)
{
	char why[VIEW_WHY_SIZE];
	const struct view_service *service = pick_find(snapshot, name, why);

	if (!service)
		fprintf(stderr, "dinit: %s\n", why);
	return service;
}
