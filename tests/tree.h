/* SPDX-License-Identifier: ISC */
/* Directories that a test has made. */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

/* Removes a file, or a directory with all that is in it; follows no symbolic link. Returns 0, or -1
 * where something could not be removed. */
int tree_remove(const char *path);

#endif
