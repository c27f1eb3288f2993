/* SPDX-License-Identifier: ISC */
/* What people run beside a running dinit, or before there is one: dinit with arguments. */
#ifndef DINIT_CLIENT_CLI_H
#define DINIT_CLIENT_CLI_H

/* Does what the arguments say (those after argv[0], at least one, ended by NULL): --check, --help,
 * --version, or a usage message on stderr. Returns the exit status, an enum process_status. */
int cli_run(char *const *arguments, char *const *environment);

#endif
