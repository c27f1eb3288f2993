/* SPDX-License-Identifier: ISC */
/* What people run beside a running dinit, or before there is one: dinit with arguments, or called
 * by another name. */
#ifndef DINIT_CLIENT_CLI_H
#define DINIT_CLIENT_CLI_H

#include <stdbool.h>

/* Returns whether argv (as main has it, with a name at least) asks for anything but running
 * the services: its first argument is an option, or the name is sv; or a script has a #! line that
 * names dinit without an option, which is a mistake. If not, *command is the command that it asks
 * to run beside them, with its arguments; NULL: there is none. */
bool cli_is_asked(char *const *argv, char *const **command);

/* Does what argv says, which is as main has it, and is changed: one of the options, or what sv
 * does. Explains on stderr what it does not understand. Returns the exit status. */
int cli_run(char **argv);

#endif
