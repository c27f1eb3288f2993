/* SPDX-License-Identifier: ISC */
/* Service directories that were written for another supervisor, and mean something else there. */
#ifndef DINIT_FOREIGN_H
#define DINIT_FOREIGN_H

/* Returns what to say of a service directory without run. There are such directories among those
 * that are written for s6-rc: its oneshots have up, its bundles contents.d (older ones contents),
 * and all have type. */
const char *foreign_explain_missing_run(const char *directory);

#endif
