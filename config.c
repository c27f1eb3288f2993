/* SPDX-License-Identifier: ISC */
/* Owns what dinit's environment variables are called, what they take, and what counts where they
 * are absent; not the environment (its strings are pointed into, never copied or changed), nor
 * what the settings do. Invariant: the struct is valid whatever the environment holds, because the
 * default counts in place of an invalid value; and every text that is reported is one printable
 * line. */
#include "config.h"

#include "nearest.h"
#include "printable.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "DINIT_"
#define PREFIX_LEN (sizeof PREFIX - 1)

/* 31 years; far from where it would overflow when added to a clock */
#define TIMEOUT_MAX_MS UINT64_C(1000000000000)

#define COUNT_MAX 1000000000

#define MAX_LINE_MIN (4 * 1024)
#define MAX_LINE_MAX (64 * 1024 * 1024)

/* Room for as much of a name or value as a message shows. */
#define SHOWN_SIZE 68
/* Room for what a variable takes. */
#define TAKES_SIZE 96
/* Room for a message: two of these, and the words around them. */
#define TEXT_SIZE 512
/* Room for a name without prefix and underscores; a longer one is close to none of ours. */
#define SUFFIX_SIZE 24

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What a variable takes, and what its member of struct config is. */
enum kind {
	/* const char *: any text. */
	KIND_TEXT,
	/* An enum: the place of the value among the words. */
	KIND_WORD,
	/* uint64_t: milliseconds. */
	KIND_SECONDS,
	/* uint64_t: milliseconds, more than 0. */
	KIND_INTERVAL,
	/* uint64_t: how many. */
	KIND_COUNT,
	/* size_t: bytes. */
	KIND_LINE_SIZE,
	/* dinit --http reads it; struct config has no member for it. */
	KIND_FOREIGN,
};

/* The lists of words. */
enum list {
	LIST_NONE,
	LIST_STDOUT,
	LIST_STDERR,
	LIST_LEVEL,
	LIST_REPARENTING,
	LIST_EXIT_STATUS,
	LIST_COMMAND_OUTPUT,
};

/* The most words that a list has, and the size of the longest one. */
#define WORDS_MAX 5
#define WORD_SIZE 10

/* Each list is ended by "". */
static const char lists[][WORDS_MAX + 1][WORD_SIZE] = {
	[LIST_STDOUT] = { [CONFIG_STDOUT_TEXT] = "0",
			  [CONFIG_STDOUT_JSON] = "1",
			  [CONFIG_STDOUT_WRAP] = "wrap" },
	[LIST_STDERR] = { [CONFIG_STDERR_TEXT] = "0", [CONFIG_STDERR_WRAP] = "wrap" },
	[LIST_LEVEL] = { [CONFIG_LOG_NONE] = "none",
			 [CONFIG_LOG_ERROR] = "error",
			 [CONFIG_LOG_WARN] = "warn",
			 [CONFIG_LOG_INFO] = "info",
			 [CONFIG_LOG_DEBUG] = "debug" },
	[LIST_REPARENTING] = { [CONFIG_REPARENTING_ADOPT] = "adopt",
			       [CONFIG_REPARENTING_TERMINATE] = "terminate",
			       [CONFIG_REPARENTING_IGNORE] = "ignore" },
	[LIST_EXIT_STATUS] = { [CONFIG_EXIT_STATUS_DINIT] = "dinit",
			       [CONFIG_EXIT_STATUS_SERVICE] = "service" },
	[LIST_COMMAND_OUTPUT] = { [CONFIG_COMMAND_OUTPUT_AUTO] = "auto",
				  [CONFIG_COMMAND_OUTPUT_LINES] = "lines",
				  [CONFIG_COMMAND_OUTPUT_RAW] = "raw" },
};

/* The one place where a variable stands: from here it is read, explained and suggested. (Its texts
 * are in it rather than pointed to, as the pointers would have to be relocated at every start.) */
static const struct variable {
	char name[26];
	/* As a user would write it: it is parsed like any other value. */
	char by_default[22];
	/* For the usage. */
	char meaning[60];
	enum kind kind : 8;
	/* Of KIND_WORD. */
	enum list words : 8;
	/* Of its member in struct config. */
	unsigned short offset;
} variables[] = {
	{ "DINIT_DIR", "/etc/service", "where the service directories are", KIND_TEXT, LIST_NONE,
	  offsetof(struct config, dir) },
	{ "DINIT_JSON_STDOUT", "1", "1 JSON lines, 0 text, wrap: text becomes JSON", KIND_WORD,
	  LIST_STDOUT, offsetof(struct config, stdout_mode) },
	{ "DINIT_JSON_STDERR", "0", "0 text, wrap: every line becomes JSON", KIND_WORD, LIST_STDERR,
	  offsetof(struct config, stderr_mode) },
	{ "DINIT_LOG_LEVEL", "warn", "none, error, warn, info, debug", KIND_WORD, LIST_LEVEL,
	  offsetof(struct config, log_level) },
	{ "DINIT_REPARENTING_POLICY", "terminate", "adopt, terminate, ignore", KIND_WORD,
	  LIST_REPARENTING, offsetof(struct config, reparenting) },
	{ "DINIT_KILL_TIMEOUT", "30", "seconds from TERM to KILL for orphans", KIND_SECONDS,
	  LIST_NONE, offsetof(struct config, kill_timeout_ms) },
	{ "DINIT_STOP_TIMEOUT", "60", "seconds for a stop that no signal began, 0 no limit",
	  KIND_SECONDS, LIST_NONE, offsetof(struct config, stop_timeout_ms) },
	{ "DINIT_STOP_DELAY", "0", "seconds that services go on after a stop signal", KIND_SECONDS,
	  LIST_NONE, offsetof(struct config, stop_delay_ms) },
	{ "DINIT_GRACE_PERIOD", "0", "seconds for a stop that a signal began, 0 no limit",
	  KIND_SECONDS, LIST_NONE, offsetof(struct config, grace_period_ms) },
	{ "DINIT_CHECK_INTERVAL", "10", "seconds between two runs of a check, and the longest one",
	  KIND_INTERVAL, LIST_NONE, offsetof(struct config, check_interval_ms) },
	{ "DINIT_CHECK_FAILURES", "0", "failed checks in a row that end the container, 0 none do",
	  KIND_COUNT, LIST_NONE, offsetof(struct config, check_failures) },
	{ "DINIT_READY_TIMEOUT", "0", "seconds until every service must be ready, 0 no limit",
	  KIND_SECONDS, LIST_NONE, offsetof(struct config, ready_timeout_ms) },
	{ "DINIT_EXIT_STATUS", "dinit", "dinit: 0, 1 or 3; service: that of the program that ended",
	  KIND_WORD, LIST_EXIT_STATUS, offsetof(struct config, exit_status) },
	{ "DINIT_COMMAND_OUTPUT", "auto", "auto, lines, raw: what becomes of a command's output",
	  KIND_WORD, LIST_COMMAND_OUTPUT, offsetof(struct config, command_output) },
	{ "DINIT_TERMINATION_LOG", "/dev/termination-log",
	  "existing file that gets the cause of the end", KIND_TEXT, LIST_NONE,
	  offsetof(struct config, termination_log) },
	{ "DINIT_KEEP", "", "orphans that are left alone, by name: epmd,chrome_*", KIND_TEXT,
	  LIST_NONE, offsetof(struct config, keep) },
	{ "DINIT_SKIP", "", "names of services not to start, by commas; * all", KIND_TEXT,
	  LIST_NONE, offsetof(struct config, skip) },
	{ "DINIT_MAX_LINE", "1M", "longest line kept whole, in bytes, k or M", KIND_LINE_SIZE,
	  LIST_NONE, offsetof(struct config, max_line) },
	{ "DINIT_HTTP_TOKEN", "", "token for --http; probes need none", KIND_FOREIGN, LIST_NONE,
	  0 },
};

_Static_assert(sizeof(enum config_stdout) == sizeof(int) &&
		       sizeof(enum config_log_level) == sizeof(int) &&
		       sizeof(enum config_reparenting) == sizeof(int) &&
		       sizeof(enum config_stderr) == sizeof(int) &&
		       sizeof(enum config_exit_status) == sizeof(int) &&
		       sizeof(enum config_command_output) == sizeof(int),
	       "KIND_WORD is stored as an int");

/* ---- values ---- */

/* Returns which of the words the value is, or -1. */
static int find_word(const char (*words)[WORD_SIZE], const char *value)
{
	for (int i = 0; *words[i]; i++)
		if (strcmp(value, words[i]) == 0)
			return i;
	return -1;
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Parses digits with at most one point among them: fills *units with the number times unit, rounded
 * up, so that what is not 0 does not become 0. unit is a million or so at most. Returns false where
 * the text is anything else, or the result is more than max. */
static bool parse_decimal(const char *text, size_t len, uint64_t unit, uint64_t max,
			  uint64_t *units)
{
	uint64_t whole = 0, fraction = 0, scale = 1;
	bool digits = false, point = false, rest = false;

	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (text[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!is_digit(text[i]))
			return false;
		digits = true;
		if (!point) {
			whole = whole * 10 + digit;
			if (whole > max)
				return false;
		} else if (scale < 1000000000) {
			fraction = fraction * 10 + digit;
			scale *= 10;
		} else {
			rest |= digit > 0;
		}
	}
	if (!digits)
		return false;
	*units = whole * unit + fraction * unit / scale + (rest || fraction * unit % scale > 0);
	return *units <= max;
}

bool config_parse_seconds(const char *text, uint64_t *ms)
{
	return parse_decimal(text, strlen(text), 1000, TIMEOUT_MAX_MS, ms);
}

/* Fills *bytes with the size of a line: a number, and k or M behind it. */
static bool parse_line_size(const char *value, uint64_t *bytes)
{
	size_t len = strlen(value);
	uint64_t unit = 1;

	if (len > 0 && value[len - 1] == 'k')
		unit = 1024;
	else if (len > 0 && value[len - 1] == 'M')
		unit = 1024 * 1024;
	if (unit > 1)
		len--;
	return parse_decimal(value, len, unit, MAX_LINE_MAX, bytes) && *bytes >= MAX_LINE_MIN;
}

/* Sets the variable's member. Returns false where the value is invalid; *config is unchanged
 * then. */
static bool set_value(struct config *config, const struct variable *variable, const char *value)
{
	char *member = (char *)config + variable->offset;
	uint64_t number;
	size_t size;
	int word;

	switch (variable->kind) {
	case KIND_TEXT: memcpy(member, &value, sizeof value); return true;
	case KIND_WORD:
		word = find_word(lists[variable->words], value);
		if (word < 0)
			return false;
		memcpy(member, &word, sizeof word);
		return true;
	case KIND_SECONDS:
	case KIND_INTERVAL:
		if (!config_parse_seconds(value, &number) ||
		    (variable->kind == KIND_INTERVAL && number == 0))
			return false;
		memcpy(member, &number, sizeof number);
		return true;
	case KIND_COUNT:
		if (strchr(value, '.') ||
		    !parse_decimal(value, strlen(value), 1, COUNT_MAX, &number))
			return false;
		memcpy(member, &number, sizeof number);
		return true;
	case KIND_LINE_SIZE:
		if (!parse_line_size(value, &number))
			return false;
		size = (size_t)number;
		memcpy(member, &size, sizeof size);
		return true;
	case KIND_FOREIGN: return true;
	}
	return false;
}

/* Writes "0, 1 or wrap". */
static void join_words(char *text, size_t size, const char (*words)[WORD_SIZE])
{
	size_t len = 0;

	for (int i = 0; *words[i]; i++) {
		const char *before = i == 0 ? "" : *words[i + 1] ? ", " : " or ";

		len += (size_t)snprintf(text + len, size - len, "%s%s", before, words[i]);
	}
}

/* Writes what a value of the variable must be, for the message about one that is not. */
static void explain_kind(const struct variable *variable, char *text, size_t size)
{
	switch (variable->kind) {
	/* There is no invalid text. */
	case KIND_TEXT:
	case KIND_FOREIGN: return;
	case KIND_WORD: join_words(text, size, lists[variable->words]); return;
	case KIND_SECONDS: snprintf(text, size, "%s", CONFIG_SECONDS_TAKE); return;
	case KIND_INTERVAL:
		snprintf(text, size,
			 "seconds, more than 0, as digits with at most one point, up to "
			 "1000000000");
		return;
	case KIND_COUNT: snprintf(text, size, "a number, as digits, up to %d", COUNT_MAX); return;
	case KIND_LINE_SIZE:
		snprintf(text, size, "a number of bytes from 4k to 64M (k: 1024, M: 1024 k)");
		return;
	}
}

/* Returns the value of the first NAME=VALUE of that name, as getenv(3) would find it, or NULL. */
static const char *find_value(char *const *environment, const char *name)
{
	size_t len = strlen(name);

	for (; *environment; environment++)
		if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
			return *environment + len + 1;
	return NULL;
}

/* Tells whether text on a terminal may have colours, by the variables that say so to many
 * programs (https://no-color.org). */
static bool allows_colour(char *const *environment)
{
	const char *no_color = find_value(environment, "NO_COLOR");
	const char *term = find_value(environment, "TERM");

	return (!no_color || !*no_color) && term && *term && strcmp(term, "dumb") != 0;
}

/* ---- names ---- */

/* Reduces a name to what is remembered of it roughly: upper case, no prefix, no underscores.
 * Returns its length, or 0 where it does not fit: then it is as far from all of ours as can be. */
static size_t fold_name(char folded[SUFFIX_SIZE], const char *name, size_t len)
{
	size_t folded_len = 0;

	for (size_t i = PREFIX_LEN; i < len; i++) {
		if (name[i] == '_')
			continue;
		if (folded_len == SUFFIX_SIZE)
			return 0;
		folded[folded_len++] =
			name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
	}
	return folded_len;
}

/* Returns the variable that the name was probably meant for, or NULL. */
static const struct variable *find_meant(const char *name, size_t len)
{
	const struct variable *closest = NULL;
	unsigned fewest = SUFFIX_SIZE;
	char wrong[SUFFIX_SIZE], right[SUFFIX_SIZE];
	size_t wrong_len = fold_name(wrong, name, len);

	for (size_t i = 0; i < COUNT(variables); i++) {
		size_t right_len = fold_name(right, variables[i].name, strlen(variables[i].name));
		unsigned errors;

		if (!nearest_is_close(wrong, wrong_len, right, right_len, &errors))
			continue;
		/* A beginning says more than letters that happen to be alike: STOP is not SKIP. */
		if (wrong_len < right_len && memcmp(wrong, right, wrong_len) == 0)
			errors = 0;
		if (errors < fewest) {
			fewest = errors;
			closest = &variables[i];
		}
	}
	return closest;
}

static bool is_name(const char *known, const char *name, size_t len)
{
	return strncmp(known, name, len) == 0 && known[len] == '\0';
}

static bool is_known_name(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(variables); i++)
		if (is_name(variables[i].name, name, len))
			return true;
	/* It is no setting: a terminate program gets it. */
	return is_name("DINIT_PID", name, len);
}

static void warn_of_unknown(char *const *environment,
			    void (*on_problem)(void *ctx, enum config_problem problem,
					       const char *text),
			    void *ctx)
{
	char shown[SHOWN_SIZE], text[TEXT_SIZE];

	for (; *environment; environment++) {
		const char *name = *environment, *end = strchr(name, '=');
		const struct variable *meant;

		if (!end || strncmp(name, PREFIX, PREFIX_LEN) != 0 ||
		    is_known_name(name, (size_t)(end - name)))
			continue;
		printable_copy(shown, sizeof shown, PRINTABLE_MARKED, name, (size_t)(end - name));
		meant = find_meant(name, (size_t)(end - name));
		if (meant)
			snprintf(text, sizeof text,
				 "unknown variable %s is ignored: did you mean %s?", shown,
				 meant->name);
		else
			snprintf(text, sizeof text, "unknown variable %s is ignored", shown);
		on_problem(ctx, CONFIG_PROBLEM_WARNING, text);
	}
}

/* Returns whether the value is valid; the problem is reported where it is not. */
static bool read_value(struct config *config, const struct variable *variable, const char *value,
		       void (*on_problem)(void *ctx, enum config_problem problem, const char *text),
		       void *ctx)
{
	char shown[SHOWN_SIZE], takes[TAKES_SIZE] = "", text[TEXT_SIZE];

	if (set_value(config, variable, value))
		return true;
	printable_copy(shown, sizeof shown, PRINTABLE_MARKED, value, strlen(value));
	explain_kind(variable, takes, sizeof takes);
	snprintf(text, sizeof text, "%s is \"%s\": it takes %s", variable->name, shown, takes);
	on_problem(ctx, CONFIG_PROBLEM_ERROR, text);
	return false;
}

unsigned config_read(struct config *config, char *const *environment,
		     void (*on_problem)(void *ctx, enum config_problem problem, const char *text),
		     void *ctx)
{
	unsigned errors = 0;

	memset(config, 0, sizeof *config);
	for (size_t i = 0; i < COUNT(variables); i++)
		set_value(config, &variables[i], variables[i].by_default);
	for (size_t i = 0; i < COUNT(variables); i++) {
		const char *value = find_value(environment, variables[i].name);

		if (value && *value && !read_value(config, &variables[i], value, on_problem, ctx))
			errors++;
	}
	config->colour = allows_colour(environment);
	config->notify_socket = find_value(environment, "NOTIFY_SOCKET");
	if (!config->notify_socket)
		config->notify_socket = "";
	if (config->grace_period_ms > 0 && config->stop_delay_ms >= config->grace_period_ms)
		on_problem(ctx, CONFIG_PROBLEM_WARNING,
			   "DINIT_STOP_DELAY is not shorter than DINIT_GRACE_PERIOD: after a "
			   "signal the services have only 2 seconds to stop");
	warn_of_unknown(environment, on_problem, ctx);
	return errors;
}

void config_describe(void (*on_variable)(void *ctx, const char *name, const char *by_default,
					 const char *meaning),
		     void *ctx)
{
	for (size_t i = 0; i < COUNT(variables); i++)
		on_variable(ctx, variables[i].name, variables[i].by_default, variables[i].meaning);
}

const char *config_stdout_word(enum config_stdout mode)
{
	return lists[LIST_STDOUT][mode];
}

const char *config_stderr_word(enum config_stderr mode)
{
	return lists[LIST_STDERR][mode];
}

const char *config_reparenting_word(enum config_reparenting policy)
{
	return lists[LIST_REPARENTING][policy];
}
