/* SPDX-License-Identifier: ISC */
/* The command that dinit was given: where its file is, and how it is started. It has dinit's own
 * stdin, and may have dinit's stdout, stderr and terminal as well. To the rest of dinit it is a
 * service, so its start and end are in service.h. */
#ifndef DINIT_COMMAND_H
#define DINIT_COMMAND_H

#include "config.h"
#include "program.h"

#include <stdbool.h>

/* With these dinit exits, as sh(1) does, where the command cannot be executed: there is no such
 * file, or there is another reason. */
#define COMMAND_STATUS_NOT_FOUND 127
#define COMMAND_STATUS_NOT_EXECUTABLE 126

struct command {
	/* As main has them, from the command on. */
	char *const *argv;
	/* It has dinit's own stdout and stderr, which are output_fds; otherwise it has pipes. */
	bool raw;
	int output_fds[2];
	/* stdin is a terminal; and, when the command was started, dinit's process group was in the
	 * foreground there. */
	bool on_terminal, in_foreground;
	/* The file that it was found as; NULL before it is looked for. */
	char *path;
};

/* Prepares the command. alone: there is no service to run beside it. Elements 1 and 2 of output_fds
 * are dinit's own stdout and stderr (-1: dinit has none); they stay the caller's. */
void command_init(struct command *command, char *const *argv, enum config_command_output output,
		  bool alone, const int output_fds[3]);

/* Finds the command (a name without a slash is looked for in the directories of PATH, as execvp(3)
 * does it), and starts it as that idle program. Returns 0, or -1 with the reason, and what dinit is
 * to exit with. */
int command_start(struct command *command, struct program *program,
		  char reason[PROGRAM_REASON_SIZE], int *status);

/* When the command has ended, takes back the foreground of the terminal, if the command had it. */
void command_take_terminal(const struct command *command);

/* Frees what command_start allocated. The command may not be running. */
void command_close(struct command *command);

#endif
