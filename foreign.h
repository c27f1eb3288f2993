/* SPDX-License-Identifier: ISC */
/* Recognizes service directories that were written for another supervisor. */
#ifndef DINIT_FOREIGN_H
#define DINIT_FOREIGN_H

/* Returns what to say about a service directory that has no run. Some that were written for s6-rc
 * have none: its oneshots have up, its bundles contents.d (older ones contents), and all have
 * type. */
const char *foreign_explain_missing_run(const char *directory);

#endif
