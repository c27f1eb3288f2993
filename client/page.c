/* SPDX-License-Identifier: ISC */
/* Owns the page for people. */
#include "client/page.h"

void page_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages)
{
	(void)snapshot;
	(void)usages;
	fputs("<!DOCTYPE html>\n", to);
}
