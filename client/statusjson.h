/* SPDX-License-Identifier: ISC */
/* What runs, as JSON for programs. */
#ifndef DINIT_CLIENT_STATUSJSON_H
#define DINIT_CLIENT_STATUSJSON_H

#include "client/usage.h"
#include "client/view.h"

#include <stdio.h>

/* Prints the snapshot as one object in one line. usages are those of snapshot->list; NULL: they are
 * all unknown. */
void statusjson_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages);

/* Prints the text (shorter than VIEW_TEXT_SIZE) as a JSON string; "" becomes null. */
void statusjson_print_text(FILE *to, const char *text);

/* Prints the moment as a JSON string (RFC 3339); one that has not come becomes null. */
void statusjson_print_time(FILE *to, const struct board_time *time);

#endif
