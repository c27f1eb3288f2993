/* SPDX-License-Identifier: ISC */
/* The service that somebody has named. */
#ifndef DINIT_CLIENT_PICK_H
#define DINIT_CLIENT_PICK_H

#include "client/view.h"

/* Returns the service or adopted process of that name, or NULL, and why not: with the name that was
 * probably meant. */
const struct view_service *pick_find(const struct snapshot *snapshot, const char *name,
				     char why[VIEW_WHY_SIZE]);

/* Does the same, and says on stderr why not. */
const struct view_service *pick_service(const struct snapshot *snapshot, const char *name);

#endif
