/* SPDX-License-Identifier: ISC */
/* What people run beside a running dinit, or before there is one: dinit with arguments, or called by
 * another name. */
#ifndef DINIT_CLIENT_CLI_H
#define DINIT_CLIENT_CLI_H

#include <stdbool.h>

/* Returns whether argv (as main has it; it has a name at least) asks for more than to run the services: there are
 * arguments, or it was called by the name sv. */
bool cli_is_asked(char *const *argv);

/* Does what argv says, which is as main has it, and is changed: one of the options, or what sv does;
 * or a usage message on stderr. Returns the exit status, an enum process_status, or that of sv. */
int cli_run(char **argv);

#endif
