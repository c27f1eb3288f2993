/* SPDX-License-Identifier: ISC */
/* What runit's sv(8) does, beside dinit: for scripts that call it. */
#ifndef DINIT_CLIENT_SV_H
#define DINIT_CLIENT_SV_H

/* Does what argv says, which is as main has it, ended by NULL. Returns the exit status of sv(8): 0,
 * the number of services that gave trouble, or 100 where the command is none, or not dinit's. */
int sv_run(char *const *argv);

#endif
