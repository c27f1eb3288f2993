/* SPDX-License-Identifier: ISC */
/* dinit --probe: whether something answers, for images that have neither nc nor curl. */
#ifndef DINIT_CLIENT_PROBE_H
#define DINIT_CLIENT_PROBE_H

/* Looks whether the target that the arguments name (those after --probe, ended by NULL) is there.
 * Where it is not, says why in one line on stderr. Returns the exit status, an enum
 * process_status. */
int probe_run(char *const *arguments);

#endif
