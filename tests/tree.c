/* SPDX-License-Identifier: ISC */
/* Owns nothing. Apart from rig.c, as programs without cmocka use it, too. */
#include "tree.h"

#include <ftw.h>
#include <stdio.h>

/* as many directories are open at a time */
#define DEPTH 16

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

int tree_remove(const char *path)
{
	return nftw(path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS);
}
