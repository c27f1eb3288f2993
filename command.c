/* SPDX-License-Identifier: ISC */
/* Owns how the command is found and started; not its name (svdir.h), nor its life. Invariant: what
 * is executed is the first executable file of that name in PATH, or the path that was given. */
#include "command.h"

#include "printable.h"
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where commands are where PATH does not say it: as container engines have it. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Room for as much of a name, or of PATH, as a message shows. */
#define SHOWN_SIZE 180

void command_init(struct command *command, char *const *argv, enum config_command_output output,
		  bool alone, const int output_fds[3])
{
	bool stdin_is_terminal = isatty(STDIN_FILENO) == 1;

	*command = (struct command){ .argv = argv, .on_terminal = stdin_is_terminal };
	/* One that was closed is /dev/null by now (process.h). */
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		command->output_fds[fd - 1] = output_fds[fd] < 0 ? fd : output_fds[fd];
	switch (output) {
	case CONFIG_COMMAND_OUTPUT_AUTO:
		command->raw = alone || stdin_is_terminal || isatty(command->output_fds[0]) == 1;
		break;
	case CONFIG_COMMAND_OUTPUT_LINES: break;
	case CONFIG_COMMAND_OUTPUT_RAW: command->raw = true; break;
	}
}

/* ---- where it is ---- */

static const char *find_search_path(char *const *environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "PATH=", strlen("PATH=")) == 0)
			return *environment + strlen("PATH=");
	return DEFAULT_PATH;
}

enum found {
	FOUND,
	/* There is something of that name, which is no executable file. */
	FOUND_OTHER,
	FOUND_NOTHING,
};

static enum found look_at(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR ? FOUND_NOTHING : FOUND_OTHER;
	return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? FOUND : FOUND_OTHER;
}

/* Writes "directory/name" to path; an empty directory is the current one. */
static void join_name(char *path, const char *directory, size_t len, const char *name)
{
	memcpy(path, directory, len);
	path[len] = '/';
	strcpy(path + len + (len > 0), name);
}

/* Looks for the name in the directories, and writes the path to where it is, or else the first at
 * which there is something that cannot be executed. path has room for both. Returns what was
 * found. */
static enum found search_directories(const char *directories, const char *name, char *path)
{
	const char *other = NULL;

	for (const char *at = directories;; at++) {
		size_t len = strcspn(at, ":");

		join_name(path, at, len, name);
		switch (look_at(path)) {
		case FOUND: return FOUND;
		case FOUND_OTHER: other = other ? other : at; break;
		case FOUND_NOTHING: break;
		}
		at += len;
		if (*at == '\0')
			break;
	}
	if (!other)
		return FOUND_NOTHING;
	join_name(path, other, strcspn(other, ":"), name);
	return FOUND_OTHER;
}

static void explain_absence(const char *name, const char *directories,
			    char reason[PROGRAM_REASON_SIZE])
{
	char shown_name[SHOWN_SIZE], shown_path[SHOWN_SIZE];

	printable_copy(shown_name, sizeof shown_name, PRINTABLE_ESCAPED, name, strlen(name));
	printable_copy(shown_path, sizeof shown_path, PRINTABLE_ESCAPED, directories,
		       strlen(directories));
	snprintf(reason, PROGRAM_REASON_SIZE, "there is no \"%s\" in PATH (%s)", shown_name,
		 shown_path);
}

/* Fills command->path. Returns 0, or -1 with the reason and the exit status. */
static int locate(struct command *command, char *const *environment,
		  char reason[PROGRAM_REASON_SIZE], int *status)
{
	const char *name = command->argv[0], *directories = find_search_path(environment);

	free(command->path);
	command->path = malloc(strlen(directories) + strlen(name) + 2);
	if (!command->path) {
		snprintf(reason, PROGRAM_REASON_SIZE, "%s", strerror(ENOMEM));
		*status = PROCESS_STATUS_UNABLE;
		return -1;
	}
	if (strchr(name, '/')) {
		strcpy(command->path, name);
	} else if (*name == '\0' ||
		   search_directories(directories, name, command->path) == FOUND_NOTHING) {
		explain_absence(name, directories, reason);
		*status = COMMAND_STATUS_NOT_FOUND;
		return -1;
	}
	return 0;
}

/* ---- its start and its end ---- */

static int choose_status(int exec_error)
{
	switch (exec_error) {
	case 0: return PROCESS_STATUS_UNABLE;
	case ENOENT:
	case ENOTDIR: return COMMAND_STATUS_NOT_FOUND;
	default: return COMMAND_STATUS_NOT_EXECUTABLE;
	}
}

int command_start(struct command *command, struct program *program,
		  char reason[PROGRAM_REASON_SIZE], int *status)
{
	struct program_spec spec = {
		.argv = command->argv,
		.own_stdin = true,
		.on_terminal = command->on_terminal,
		.out_stage = program->stage,
		.keeps_last = !command->raw,
	};

	if (locate(command, program->all->means.environment, reason, status) < 0)
		return -1;
	spec.path = command->path;
	if (command->raw) {
		spec.stdout_fd = command->output_fds[0];
		spec.stderr_fd = command->output_fds[1];
	}
	command->in_foreground = command->on_terminal && process_has_foreground();
	if (program_start(program, &spec, reason) == 0)
		return 0;
	command_take_terminal(command);
	*status = choose_status(program->exec_error);
	return -1;
}

void command_take_terminal(const struct command *command)
{
	if (command->in_foreground)
		process_take_foreground();
}

void command_close(struct command *command)
{
	free(command->path);
	command->path = NULL;
}
