/* SPDX-License-Identifier: ISC */
/* The command that dinit was given: where its file is, and how it is started with dinit's own
 * stdin, and perhaps its stdout and stderr and its terminal. What its life is, is for the service
 * that it is (service.h). */
#ifndef DINIT_COMMAND_H
#define DINIT_COMMAND_H

#include "config.h"
#include "program.h"

#include <stdbool.h>

/* With what dinit exits where the command cannot be executed (as sh(1) does): there is no such
 * file, or another reason. */
#define COMMAND_STATUS_NOT_FOUND 127
#define COMMAND_STATUS_NOT_EXECUTABLE 126

struct command {
	/* As main has them, from the command on. */
	char *const *argv;
	/* It has dinit's own stdout and stderr, which are these; else pipes. */
	bool raw;
	int output_fds[2];
	/* stdin is a terminal; and, when the command was started, dinit's process group was in the
	 * foreground there. */
	bool on_terminal, in_foreground;
	/* What it was found as; NULL before. */
	char *path;
};

/* Prepares the command. alone: nothing else is to be run. output_fds are dinit's own stdout and
 * stderr, at 1 and 2 (-1: it has none), which stay the caller's. */
void command_init(struct command *command, char *const *argv, enum config_command_output output,
		  bool alone, const int output_fds[3]);

/* Finds the command (a name without a slash is looked for in the directories of PATH, as execvp(3)
 * does it), and starts it as that idle program. Returns 0, or -1 with the reason, and what dinit is
 * to exit with. */
int command_start(struct command *command, struct program *program,
		  char reason[PROGRAM_REASON_SIZE], int *status);

/* Takes back, when the command has ended, the foreground of the terminal that it had. */
void command_take_terminal(const struct command *command);

/* Frees what command_start allocated. The command may not be running. */
void command_close(struct command *command);

#endif
