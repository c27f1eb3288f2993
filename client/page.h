/* SPDX-License-Identifier: ISC */
/* What runs, as a page of HTML for people. */
#ifndef DINIT_CLIENT_PAGE_H
#define DINIT_CLIENT_PAGE_H

#include "client/usage.h"
#include "client/view.h"

#include <stdio.h>

/* What a browser may use for the page (Content-Security-Policy): nothing but what is in it. */
#define PAGE_POLICY "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

/* Prints the snapshot as a whole document, which refers to no other one. usages are those of
 * snapshot->list; NULL: they are all unknown. */
void page_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages);

#endif
