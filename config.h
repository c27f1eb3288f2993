/* SPDX-License-Identifier: ISC */
/* The environment, as a struct. Prints nothing, and reads nothing but the strings it is given. */
#ifndef DINIT_CONFIG_H
#define DINIT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_stdout {
	CONFIG_STDOUT_TEXT,
	CONFIG_STDOUT_JSON,
	CONFIG_STDOUT_WRAP,
};

/* How much dinit itself says: the messages of this level and of those before it. */
enum config_log_level {
	CONFIG_LOG_NONE,
	CONFIG_LOG_ERROR,
	CONFIG_LOG_WARN,
	CONFIG_LOG_INFO,
	CONFIG_LOG_DEBUG,
};

enum config_reparenting {
	CONFIG_REPARENTING_ADOPT,
	CONFIG_REPARENTING_TERMINATE,
	CONFIG_REPARENTING_IGNORE,
};

/* What dinit exits with where the end of a program began the teardown. */
enum config_exit_status {
	/* Its own statuses (enum process_status). */
	CONFIG_EXIT_STATUS_DINIT,
	/* The status of that program, as a shell counts it. */
	CONFIG_EXIT_STATUS_SERVICE,
};

/* What the lines on stderr are. */
enum config_stderr {
	/* Text with a prefix. */
	CONFIG_STDERR_TEXT,
	/* JSON objects, made of text where necessary. */
	CONFIG_STDERR_WRAP,
};

/* What becomes of the output of the command that dinit was given. */
enum config_command_output {
	/* Raw where it is on a terminal or nothing else runs, else lines. */
	CONFIG_COMMAND_OUTPUT_AUTO,
	/* It is that of a service: lines with a label. */
	CONFIG_COMMAND_OUTPUT_LINES,
	/* It has dinit's own stdout and stderr. */
	CONFIG_COMMAND_OUTPUT_RAW,
};

enum config_problem {
	/* A value is invalid: dinit must not start. */
	CONFIG_PROBLEM_ERROR,
	/* A variable that begins with DINIT_ is unknown, or two of them do not go together. */
	CONFIG_PROBLEM_WARNING,
};

/* The strings point into the environment that was read, or to a default. */
struct config {
	const char *dir;
	/* Names separated by commas; "" if there are none. */
	const char *skip;
	/* Patterns of program names separated by commas; "" if there are none. */
	const char *keep;
	enum config_stdout stdout_mode;
	enum config_stderr stderr_mode;
	/* Text that goes to a terminal may have colours: NO_COLOR is unset or empty, and TERM names
	 * a terminal that is not "dumb". */
	bool colour;
	enum config_log_level log_level;
	enum config_reparenting reparenting;
	uint64_t kill_timeout_ms;
	/* For a stop that no signal began. 0: no limit. */
	uint64_t stop_timeout_ms;
	/* For a stop that a signal began. 0: no limit. */
	uint64_t grace_period_ms;
	/* 0: services are told to stop at once. */
	uint64_t stop_delay_ms;
	enum config_exit_status exit_status;
	enum config_command_output command_output;
	/* Between two runs of a check; one that takes as long has failed. More than 0. */
	uint64_t check_interval_ms;
	/* So many failed checks in a row of a service that was ready end the container. 0: none
	 * do. */
	uint64_t check_failures;
	/* From the start until every service must be ready. 0: no limit. */
	uint64_t ready_timeout_ms;
	/* The socket that is told when all services are ready (NOTIFY_SOCKET); "" if there is
	 * none. */
	const char *notify_socket;
	/* The path of the file that gets the cause of the end. */
	const char *termination_log;
	/* In bytes, without label and newline. */
	size_t max_line;
};

/* Fills *config from the strings NAME=VALUE of environment (as environ(7)). Every problem is
 * reported to on_problem with one sentence that names the variable, the value and what it takes
 * (valid during the call); the default counts then. Returns the number of errors. */
unsigned config_read(struct config *config, char *const *environment,
		     void (*on_problem)(void *ctx, enum config_problem problem, const char *text),
		     void *ctx);

/* What config_parse_seconds takes, for messages. */
#define CONFIG_SECONDS_TAKE "seconds, as digits with at most one point, up to 1000000000"

/* Fills *ms with a number of seconds, rounded up to whole milliseconds. Returns whether the text is
 * one. */
bool config_parse_seconds(const char *text, uint64_t *ms);

/* Calls on_variable for each variable with its name, its default as a user would write it (""
 * where there is none), and what it means in a few words. */
void config_describe(void (*on_variable)(void *ctx, const char *name, const char *by_default,
					 const char *meaning),
		     void *ctx);

/* Return the words that stand for the values in the environment. */
const char *config_stdout_word(enum config_stdout mode);
const char *config_stderr_word(enum config_stderr mode);
const char *config_reparenting_word(enum config_reparenting policy);

#endif
