/* SPDX-License-Identifier: ISC */
/* The environment, as a struct. Prints nothing, and reads nothing but the strings it is given. */
#ifndef DINIT_CONFIG_H
#define DINIT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_DIR_DEFAULT "/etc/service"

enum config_stdout {
	CONFIG_STDOUT_TEXT,
	CONFIG_STDOUT_JSON,
	CONFIG_STDOUT_WRAP,
};

enum config_reparenting {
	CONFIG_REPARENTING_ADOPT,
	CONFIG_REPARENTING_TERMINATE,
	CONFIG_REPARENTING_IGNORE,
};

enum config_problem {
	/* a value that does not parse: dinit must not start */
	CONFIG_PROBLEM_ERROR,
	/* a DINIT_ variable that is none of ours */
	CONFIG_PROBLEM_WARNING,
};

struct config {
	/* DINIT_DIR; points into the environment, or to the default */
	const char *dir;
	/* DINIT_SKIP: names separated by commas; "" if there are none; points into the
	 * environment */
	const char *skip;
	enum config_stdout stdout_mode;
	/* enum log_level */
	int log_level;
	enum config_reparenting reparenting;
	uint64_t kill_timeout_ms;
	/* 0: no limit */
	uint64_t stop_timeout_ms;
	/* bytes */
	size_t max_line;
};

/* Fills *config from the strings NAME=VALUE of environment (as environ(7)). Every problem is
 * reported to on_problem with one sentence naming the variable, the value and what it takes
 * (valid during the call); the variable then keeps its default. Returns the number of errors. */
unsigned config_read(struct config *config, char *const *environment,
		     void (*on_problem)(void *ctx, enum config_problem problem, const char *text),
		     void *ctx);

/* The words that stand for them in the environment; never NULL. */
const char *config_stdout_word(enum config_stdout mode);
const char *config_reparenting_word(enum config_reparenting policy);

#endif
