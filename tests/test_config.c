/* SPDX-License-Identifier: ISC */
/* config.c: every variable with what it takes and what it does not. Owns the environments it
 * makes up; the real one is never looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "log.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct problems {
	size_t len, errors;
	char texts[8][600];
};

static void on_problem(void *ctx, enum config_problem problem, const char *text)
{
	struct problems *problems = ctx;

	assert_true(problems->len < COUNT(problems->texts));
	assert_true(strlen(text) < sizeof problems->texts[0]);
	/* One line, whatever the environment holds. */
	for (const char *byte = text; *byte; byte++)
		assert_true((unsigned char)*byte >= 0x20 && *byte != 0x7f);
	problems->errors += problem == CONFIG_PROBLEM_ERROR;
	strcpy(problems->texts[problems->len++], text);
}

/* Up to three strings; NULL ends them. */
static void read_strings(struct config *config, struct problems *problems, const char *a,
			 const char *b, const char *c)
{
	char *strings[] = { a ? strdup(a) : NULL, b ? strdup(b) : NULL, c ? strdup(c) : NULL,
			    NULL };
	unsigned errors;

	problems->len = problems->errors = 0;
	errors = config_read(config, strings, on_problem, problems);
	assert_int_equal(errors, problems->errors);
	/* They may point into the environment, which is about to go. */
	config->dir = config->skip = config->keep = config->notify_socket = NULL;
	for (size_t i = 0; i < COUNT(strings); i++)
		free(strings[i]);
}

static void assert_defaults(const struct config *config)
{
	assert_int_equal(config->stdout_mode, CONFIG_STDOUT_JSON);
	assert_int_equal(config->log_level, CONFIG_LOG_WARN);
	assert_int_equal(config->reparenting, CONFIG_REPARENTING_TERMINATE);
	assert_int_equal(config->kill_timeout_ms, 30000);
	assert_int_equal(config->stop_timeout_ms, 60000);
	assert_int_equal(config->stop_delay_ms, 0);
	assert_int_equal(config->grace_period_ms, 0);
	assert_int_equal(config->stderr_mode, CONFIG_STDERR_TEXT);
	assert_int_equal(config->exit_status, CONFIG_EXIT_STATUS_DINIT);
	assert_int_equal(config->command_output, CONFIG_COMMAND_OUTPUT_AUTO);
	assert_int_equal(config->check_interval_ms, 10000);
	assert_int_equal(config->check_failures, 0);
	assert_int_equal(config->ready_timeout_ms, 0);
	assert_int_equal(config->max_line, 1024 * 1024);
}

static void test_config_read_nothing_set_gives_defaults(void **state)
{
	char *const others[] = { (char[]){ "PATH=/bin" },
				 (char[]){ "DINITX=1" },
				 (char[]){ "XDINIT_DIR=/x" },
				 (char[]){ "dinit_dir=/x" },
				 (char[]){ "" },
				 (char[]){ "DINIT_DIR" },
				 (char[]){ "=DINIT_DIR=x" },
				 NULL };
	char *const nothing[] = { NULL };
	struct problems problems = { .len = 0 };
	struct config config;

	(void)state;
	memset(&config, 0xff, sizeof config);
	assert_int_equal(config_read(&config, nothing, on_problem, &problems), 0);
	assert_defaults(&config);
	assert_string_equal(config.dir, "/etc/service");
	assert_string_equal(config.skip, "");
	assert_string_equal(config.keep, "");
	assert_string_equal(config.termination_log, "/dev/termination-log");
	assert_string_equal(config.notify_socket, "");
	memset(&config, 0xff, sizeof config);
	assert_int_equal(config_read(&config, others, on_problem, &problems), 0);
	assert_defaults(&config);
	assert_string_equal(config.dir, "/etc/service");
	assert_int_equal(problems.len, 0);
}

static void test_config_read_empty_value_is_default(void **state)
{
	char *const empty[] = { (char[]){ "DINIT_DIR=" },
				(char[]){ "DINIT_JSON_STDOUT=" },
				(char[]){ "DINIT_LOG_LEVEL=" },
				(char[]){ "DINIT_REPARENTING_POLICY=" },
				(char[]){ "DINIT_KILL_TIMEOUT=" },
				(char[]){ "DINIT_STOP_TIMEOUT=" },
				(char[]){ "DINIT_STOP_DELAY=" },
				(char[]){ "DINIT_GRACE_PERIOD=" },
				(char[]){ "DINIT_JSON_STDERR=" },
				(char[]){ "DINIT_EXIT_STATUS=" },
				(char[]){ "DINIT_COMMAND_OUTPUT=" },
				(char[]){ "DINIT_CHECK_INTERVAL=" },
				(char[]){ "DINIT_CHECK_FAILURES=" },
				(char[]){ "DINIT_READY_TIMEOUT=" },
				(char[]){ "NOTIFY_SOCKET=" },
				(char[]){ "DINIT_TERMINATION_LOG=" },
				(char[]){ "DINIT_KEEP=" },
				(char[]){ "DINIT_SKIP=" },
				(char[]){ "DINIT_MAX_LINE=" },
				(char[]){ "DINIT_HTTP_TOKEN=" },
				NULL };
	struct problems problems = { .len = 0 };
	struct config config;

	(void)state;
	assert_int_equal(config_read(&config, empty, on_problem, &problems), 0);
	assert_defaults(&config);
	assert_string_equal(config.dir, "/etc/service");
	assert_string_equal(config.skip, "");
	assert_string_equal(config.keep, "");
	assert_string_equal(config.termination_log, "/dev/termination-log");
	assert_int_equal(problems.len, 0);
}

static void test_config_read_paths_point_into_environment(void **state)
{
	char *const strings[] = { (char[]){ "DINIT_SKIP=a,b=c,," },
				  (char[]){ "DINIT_DIR=./my services=1" },
				  (char[]){ "DINIT_KEEP=epmd,chrome_*" }, NULL };
	struct problems problems = { .len = 0 };
	struct config config;

	(void)state;
	assert_int_equal(config_read(&config, strings, on_problem, &problems), 0);
	assert_int_equal(problems.len, 0);
	assert_ptr_equal(config.dir, strings[1] + strlen("DINIT_DIR="));
	assert_ptr_equal(config.skip, strings[0] + strlen("DINIT_SKIP="));
	assert_ptr_equal(config.keep, strings[2] + strlen("DINIT_KEEP="));
}

static const struct {
	const char *string;
	size_t offset;
	/* -1: an error */
	int value;
} words[] = {
	{ "DINIT_JSON_STDOUT=0", offsetof(struct config, stdout_mode), CONFIG_STDOUT_TEXT },
	{ "DINIT_JSON_STDOUT=1", offsetof(struct config, stdout_mode), CONFIG_STDOUT_JSON },
	{ "DINIT_JSON_STDOUT=wrap", offsetof(struct config, stdout_mode), CONFIG_STDOUT_WRAP },
	{ "DINIT_JSON_STDOUT=2", 0, -1 },
	{ "DINIT_JSON_STDOUT=00", 0, -1 },
	{ "DINIT_JSON_STDOUT=Wrap", 0, -1 },
	{ "DINIT_JSON_STDOUT=true", 0, -1 },
	{ "DINIT_JSON_STDOUT=1 ", 0, -1 },
	{ "DINIT_JSON_STDERR=0", offsetof(struct config, stderr_mode), CONFIG_STDERR_TEXT },
	{ "DINIT_JSON_STDERR=wrap", offsetof(struct config, stderr_mode), CONFIG_STDERR_WRAP },
	{ "DINIT_JSON_STDERR=1", 0, -1 },
	{ "DINIT_JSON_STDERR=WRAP", 0, -1 },
	{ "DINIT_EXIT_STATUS=dinit", offsetof(struct config, exit_status),
	  CONFIG_EXIT_STATUS_DINIT },
	{ "DINIT_EXIT_STATUS=service", offsetof(struct config, exit_status),
	  CONFIG_EXIT_STATUS_SERVICE },
	{ "DINIT_EXIT_STATUS=services", 0, -1 },
	{ "DINIT_EXIT_STATUS=1", 0, -1 },
	{ "DINIT_COMMAND_OUTPUT=auto", offsetof(struct config, command_output),
	  CONFIG_COMMAND_OUTPUT_AUTO },
	{ "DINIT_COMMAND_OUTPUT=lines", offsetof(struct config, command_output),
	  CONFIG_COMMAND_OUTPUT_LINES },
	{ "DINIT_COMMAND_OUTPUT=raw", offsetof(struct config, command_output),
	  CONFIG_COMMAND_OUTPUT_RAW },
	{ "DINIT_COMMAND_OUTPUT=line", 0, -1 },
	{ "DINIT_COMMAND_OUTPUT=RAW", 0, -1 },
	{ "DINIT_COMMAND_OUTPUT=1", 0, -1 },
	{ "DINIT_LOG_LEVEL=none", offsetof(struct config, log_level), CONFIG_LOG_NONE },
	{ "DINIT_LOG_LEVEL=error", offsetof(struct config, log_level), CONFIG_LOG_ERROR },
	{ "DINIT_LOG_LEVEL=warn", offsetof(struct config, log_level), CONFIG_LOG_WARN },
	{ "DINIT_LOG_LEVEL=info", offsetof(struct config, log_level), CONFIG_LOG_INFO },
	{ "DINIT_LOG_LEVEL=debug", offsetof(struct config, log_level), CONFIG_LOG_DEBUG },
	{ "DINIT_LOG_LEVEL=warning", 0, -1 },
	{ "DINIT_LOG_LEVEL=INFO", 0, -1 },
	{ "DINIT_LOG_LEVEL= info", 0, -1 },
	{ "DINIT_LOG_LEVEL=inf", 0, -1 },
	{ "DINIT_LOG_LEVEL=3", 0, -1 },
	{ "DINIT_REPARENTING_POLICY=adopt", offsetof(struct config, reparenting),
	  CONFIG_REPARENTING_ADOPT },
	{ "DINIT_REPARENTING_POLICY=terminate", offsetof(struct config, reparenting),
	  CONFIG_REPARENTING_TERMINATE },
	{ "DINIT_REPARENTING_POLICY=ignore", offsetof(struct config, reparenting),
	  CONFIG_REPARENTING_IGNORE },
	{ "DINIT_REPARENTING_POLICY=Adopt", 0, -1 },
	{ "DINIT_REPARENTING_POLICY=kill", 0, -1 },
};

static void test_config_read_words_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct problems problems;
		struct config config;
		int value;

		memset(&config, 0xff, sizeof config);
		read_strings(&config, &problems, words[i].string, NULL, NULL);
		assert_int_equal(problems.len, words[i].value < 0);
		assert_int_equal(problems.errors, words[i].value < 0);
		if (words[i].value < 0) {
			assert_defaults(&config);
			continue;
		}
		memcpy(&value, (const char *)&config + words[i].offset, sizeof value);
		assert_int_equal(value, words[i].value);
	}
}

static const struct {
	const char *value;
	uint64_t ms;
} good_timeouts[] = {
	{ "0", 0 },
	{ "0.0", 0 },
	{ ".0", 0 },
	{ "0.", 0 },
	{ "0.00000000000000000000", 0 },
	{ "1", 1000 },
	{ "007", 7000 },
	{ "30", 30000 },
	{ "1.", 1000 },
	{ ".5", 500 },
	{ "0.25", 250 },
	{ "2.125", 2125 },
	{ "0.001", 1 },
	{ "0.0001", 1 },
	{ "0.0011", 2 },
	{ "1.9999", 2000 },
	{ "0.00000000000000000001", 1 },
	{ "0.001000000000000", 1 },
	{ "0.0010000000001", 2 },
	{ "0.010", 10 },
	{ "999999999.9999", 1000000000000 },
	{ "1000000000", 1000000000000 },
	{ "1000000000.000", 1000000000000 },
	{ "000000000000000000000000000000001", 1000 },
};

static const char *const bad_timeouts[] = {
	".",
	"..",
	"1.2.3",
	"1..",
	"-1",
	"+1",
	"-0",
	" 1",
	"1 ",
	"1e3",
	"0x10",
	"1,5",
	"1s",
	"inf",
	"nan",
	"ten",
	"\t1",
	"1\n",
	"1000000001",
	"1000000000.001",
	"1000000000.0000000000001",
	"18446744073709551616",
	"99999999999999999999999999999999",
	"1/2",
	"1:0",
	"\xd9\xa1",
};

/* The variables that take seconds, with their members and what these are by default. */
static const struct {
	const char *name;
	size_t offset;
	uint64_t by_default;
} timeouts[] = {
	{ "DINIT_KILL_TIMEOUT", offsetof(struct config, kill_timeout_ms), 30000 },
	{ "DINIT_STOP_TIMEOUT", offsetof(struct config, stop_timeout_ms), 60000 },
	{ "DINIT_STOP_DELAY", offsetof(struct config, stop_delay_ms), 0 },
	{ "DINIT_GRACE_PERIOD", offsetof(struct config, grace_period_ms), 0 },
	{ "DINIT_READY_TIMEOUT", offsetof(struct config, ready_timeout_ms), 0 },
	{ "DINIT_CHECK_INTERVAL", offsetof(struct config, check_interval_ms), 10000 },
};
/* The last one takes no 0. */
#define INTERVAL (COUNT(timeouts) - 1)

static void assert_timeout(const struct config *config, size_t which, uint64_t ms)
{
	uint64_t value;

	memcpy(&value, (const char *)config + timeouts[which].offset, sizeof value);
	if (value != ms)
		fail_msg("%s is %llu", timeouts[which].name, (unsigned long long)value);
}

static void test_config_read_timeouts_are_milliseconds_rounded_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_timeouts) * COUNT(timeouts); i++) {
		size_t which = i % COUNT(timeouts), good = i / COUNT(timeouts);
		struct problems problems;
		struct config config;
		char string[64];

		snprintf(string, sizeof string, "%s=%s", timeouts[which].name,
			 good_timeouts[good].value);
		read_strings(&config, &problems, string, NULL, NULL);
		if (which == INTERVAL && good_timeouts[good].ms == 0) {
			assert_int_equal(problems.errors, 1);
			assert_non_null(strstr(problems.texts[0], "it takes seconds, more than 0"));
			assert_defaults(&config);
			continue;
		}
		assert_int_equal(problems.len, 0);
		for (size_t k = 0; k < COUNT(timeouts); k++)
			assert_timeout(&config, k,
				       k == which ? good_timeouts[good].ms
						  : timeouts[k].by_default);
	}
}

static void test_config_read_bad_timeouts_are_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_timeouts) * COUNT(timeouts); i++) {
		size_t which = i % COUNT(timeouts);
		struct problems problems;
		struct config config;
		char string[80], start[40];

		snprintf(string, sizeof string, "%s=%s", timeouts[which].name,
			 bad_timeouts[i / COUNT(timeouts)]);
		read_strings(&config, &problems, string, NULL, NULL);
		assert_int_equal(problems.len, 1);
		assert_int_equal(problems.errors, 1);
		snprintf(start, sizeof start, "%s is ", timeouts[which].name);
		assert_memory_equal(problems.texts[0], start, strlen(start));
		assert_non_null(strstr(problems.texts[0], "1000000000"));
		assert_defaults(&config);
	}
}

static void test_config_parse_seconds_takes_what_the_variables_take(void **state)
{
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(good_timeouts); i++) {
		assert_true(config_parse_seconds(good_timeouts[i].value, &ms));
		assert_int_equal(ms, good_timeouts[i].ms);
	}
	for (size_t i = 0; i < COUNT(bad_timeouts); i++)
		assert_false(config_parse_seconds(bad_timeouts[i], &ms));
	assert_false(config_parse_seconds("", &ms));
}

static void test_config_read_max_line_has_suffix_and_limits(void **state)
{
	static const struct {
		const char *value;
		/* 0: an error */
		size_t bytes;
	} cases[] = {
		{ "4096", 4096 },
		{ "4k", 4096 },
		{ "64M", 67108864 },
		{ "65536k", 67108864 },
		{ "67108864", 67108864 },
		{ "1M", 1048576 },
		{ "1.5M", 1572864 },
		{ ".5M", 524288 },
		{ "5000.5", 5001 },
		{ "0004.0k", 4096 },
		{ "4095", 0 },
		{ "3k", 0 },
		{ "3.99k", 0 },
		{ "0", 0 },
		{ "0M", 0 },
		{ "65M", 0 },
		{ "64.1M", 0 },
		{ "67108865", 0 },
		{ "65537k", 0 },
		{ "k", 0 },
		{ "M", 0 },
		{ ".M", 0 },
		{ "1m", 0 },
		{ "8K", 0 },
		{ "1G", 0 },
		{ "8kk", 0 },
		{ "8kB", 0 },
		{ "8 k", 0 },
		{ "-8k", 0 },
		{ "18446744073709555712", 0 },
		{ "8k ", 0 },
		{ "17592186044416M", 0 },
		{ "99999999999999999999999999999999999999k", 0 },
		{ "Mk", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problems problems;
		struct config config;
		char text[64];

		snprintf(text, sizeof text, "DINIT_MAX_LINE=%s", cases[i].value);
		read_strings(&config, &problems, text, NULL, NULL);
		assert_int_equal(problems.errors, cases[i].bytes == 0);
		assert_int_equal(config.max_line, cases[i].bytes ? cases[i].bytes : 1048576);
	}
}

static void test_config_read_count_is_digits(void **state)
{
	static const struct {
		const char *value;
		/* -1: an error */
		int64_t count;
	} cases[] = {
		{ "0", 0 },           { "1", 1 },
		{ "007", 7 },         { "1000000000", 1000000000 },
		{ "1000000001", -1 }, { "18446744073709551617", -1 },
		{ "3.", -1 },         { "3.0", -1 },
		{ ".", -1 },          { ".3", -1 },
		{ "-1", -1 },         { "+1", -1 },
		{ " 1", -1 },         { "1 ", -1 },
		{ "0x3", -1 },        { "1k", -1 },
		{ "three", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problems problems;
		struct config config;
		char text[64];

		snprintf(text, sizeof text, "DINIT_CHECK_FAILURES=%s", cases[i].value);
		read_strings(&config, &problems, text, NULL, NULL);
		if (problems.errors != (cases[i].count < 0))
			fail_msg("%s", text);
		if (cases[i].count >= 0) {
			assert_int_equal(config.check_failures, cases[i].count);
			continue;
		}
		assert_defaults(&config);
		snprintf(text, sizeof text, "DINIT_CHECK_FAILURES is \"%s\": it takes a number, ",
			 cases[i].value);
		assert_memory_equal(problems.texts[0], text, strlen(text));
	}
}

/* It is not dinit's own variable: there is no value that is wrong. */
static void test_config_read_notify_socket_points_into_environment(void **state)
{
	char *const strings[] = { (char[]){ "XNOTIFY_SOCKET=/x" }, (char[]){ "NOTIFY_SOCKET" },
				  (char[]){ "NOTIFY_SOCKET=@/run/my notify=1" },
				  (char[]){ "NOTIFY_SOCKET=/second" }, NULL };
	struct problems problems = { .len = 0 };
	struct config config;

	(void)state;
	assert_int_equal(config_read(&config, strings, on_problem, &problems), 0);
	assert_int_equal(problems.len, 0);
	assert_ptr_equal(config.notify_socket, strings[2] + strlen("NOTIFY_SOCKET="));
}

static void test_config_read_first_of_duplicates_counts(void **state)
{
	struct problems problems;
	struct config config;

	(void)state;
	read_strings(&config, &problems, "DINIT_LOG_LEVEL=info", "DINIT_LOG_LEVEL=loud",
		     "DINIT_LOG_LEVEL=debug");
	assert_int_equal(problems.len, 0);
	assert_int_equal(config.log_level, CONFIG_LOG_INFO);
	read_strings(&config, &problems, "DINIT_LOG_LEVEL=", "DINIT_LOG_LEVEL=debug", NULL);
	assert_int_equal(problems.len, 0);
	assert_int_equal(config.log_level, CONFIG_LOG_WARN);
	read_strings(&config, &problems, "DINIT_LOG_LEVEL", "DINIT_LOG_LEVEL=debug", NULL);
	assert_int_equal(config.log_level, CONFIG_LOG_DEBUG);
}

static void test_config_read_every_error_is_reported(void **state)
{
	struct problems problems;
	struct config config;

	(void)state;
	read_strings(&config, &problems, "DINIT_MAX_LINE=1", "DINIT_LOG_LEVEL=loud",
		     "DINIT_JSON_STDOUT=maybe");
	assert_int_equal(problems.len, 3);
	assert_int_equal(problems.errors, 3);
	assert_string_equal(problems.texts[0],
			    "DINIT_JSON_STDOUT is \"maybe\": it takes 0, 1 or wrap");
	assert_string_equal(
		problems.texts[1],
		"DINIT_LOG_LEVEL is \"loud\": it takes none, error, warn, info or debug");
	assert_string_equal(problems.texts[2], "DINIT_MAX_LINE is \"1\": it takes a number of "
					       "bytes from 4k to 64M (k: 1024, M: 1024 k)");
}

static void test_config_read_hostile_values_are_shown_harmless(void **state)
{
	struct problems problems;
	struct config config;
	char text[5000];

	(void)state;
	read_strings(&config, &problems, "DINIT_LOG_LEVEL=a\nb\x1b[m\x7f\t%s%n", "DINIT_X\n\x01=1",
		     NULL);
	assert_int_equal(problems.len, 2);
	assert_non_null(strstr(problems.texts[0], "is \"a?b?[m??%s%n\": "));
	assert_non_null(strstr(problems.texts[1], "DINIT_X?? is "));
	/* What is longer than a message shows is cut. */
	for (size_t len = 60; len < 80; len++) {
		char shown[100];

		memset(text, 'v', sizeof text);
		memcpy(text, "DINIT_LOG_LEVEL=", 16);
		memcpy(text + 16 + len - 3, "\xe2\x82\xac", 4);
		read_strings(&config, &problems, text, NULL, NULL);
		assert_int_equal(problems.errors, 1);
		memset(shown, 'v', sizeof shown);
		if (len <= 67)
			memcpy(shown + len - 3, "\xe2\x82\xac\"", 5);
		else
			strcpy(shown + 64, "...\"");
		assert_memory_equal(strchr(problems.texts[0], '"') + 1, shown, strlen(shown));
	}
	memset(text, 'v', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "DINIT_LOG_LEVEL=", 16);
	read_strings(&config, &problems, text, NULL, NULL);
	memcpy(text + sizeof text - 3, "=1", 3);
	text[15] = 'L';
	read_strings(&config, &problems, text, NULL, NULL);
	assert_int_equal(problems.len, 1);
	assert_int_equal(problems.errors, 0);
	assert_true(strlen(problems.texts[0]) < 150);
	/* Nothing but bytes that continue a character. */
	memset(text, 0x80, sizeof text - 1);
	memcpy(text, "DINIT_LOG_LEVEL=", 16);
	read_strings(&config, &problems, text, NULL, NULL);
	assert_non_null(strstr(problems.texts[0], "????...\""));
}

static const struct {
	const char *name;
	/* NULL: nothing close */
	const char *meant;
} unknown_names[] = {
	{ "DINIT_LOGLEVEL", "DINIT_LOG_LEVEL" },
	{ "DINIT_log_level", "DINIT_LOG_LEVEL" },
	{ "DINIT_LOG_LEVLE", "DINIT_LOG_LEVEL" },
	{ "DINIT_LOG_LVL", "DINIT_LOG_LEVEL" },
	{ "DINIT__LOG__LEVEL_", "DINIT_LOG_LEVEL" },
	{ "DINIT_Dir", "DINIT_DIR" },
	{ "DINIT_DIRS", "DINIT_DIR" },
	{ "DINIT_DRI", "DINIT_DIR" },
	{ "DINIT_SKIPS", "DINIT_SKIP" },
	{ "DINIT_SIKP", "DINIT_SKIP" },
	{ "DINIT_KIL_TIMEOUT", "DINIT_KILL_TIMEOUT" },
	{ "DINIT_SOTP_TIMEOUT", "DINIT_STOP_TIMEOUT" },
	{ "DINIT_MAXLINES", "DINIT_MAX_LINE" },
	{ "DINIT_JSON_STDUOT", "DINIT_JSON_STDOUT" },
	{ "DINIT_JSON_STDER", "DINIT_JSON_STDERR" },
	{ "DINIT_JSON_STERR", "DINIT_JSON_STDERR" },
	{ "DINIT_GRACE", "DINIT_GRACE_PERIOD" },
	{ "DINIT_STOP", "DINIT_STOP_TIMEOUT" },
	{ "DINIT_STOP_TIME", "DINIT_STOP_TIMEOUT" },
	{ "DINIT_STOP_DEL", "DINIT_STOP_DELAY" },
	{ "DINIT_KILL", "DINIT_KILL_TIMEOUT" },
	{ "DINIT_EXIT", "DINIT_EXIT_STATUS" },
	{ "DINIT_SKI", "DINIT_SKIP" },
	{ "DINIT_DELAY", "DINIT_STOP_DELAY" },
	{ "DINIT_EXIT_STATE", "DINIT_EXIT_STATUS" },
	{ "DINIT_TERMINATIONLOG", "DINIT_TERMINATION_LOG" },
	{ "DINIT_REPARENTING_POLICIE", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_REPARENTING_POLICY_X", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_MY_LOG_LEVEL", "DINIT_LOG_LEVEL" },
	{ "DINIT_MAIN_LOG_LEVEL", "DINIT_LOG_LEVEL" },
	{ "DINIT_REPARENT", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_Log", "DINIT_LOG_LEVEL" },
	{ "DINIT_LO", NULL },
	{ "DINIT_UID", NULL },
	{ "DINIT_D", NULL },
	{ "DINIT_", NULL },
	{ "DINIT___", NULL },
	{ "DINIT_VERSION", NULL },
	{ "DINIT_PID_", NULL },
	{ "DINIT_SERVICE_PORT_8080_TCP_PROTO", NULL },
	{ "DINIT_REPARENTING_POLICYXXXX", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_REPARENTING_POLICYXXX_X", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_REPARENT_POLICY", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_TIMEOUT", "DINIT_KILL_TIMEOUT" },
	{ "DINIT_STDOUT", "DINIT_JSON_STDOUT" },
	{ "DINIT_DIRECTORY", "DINIT_DIR" },
	{ "DINIT_SKIPPED_SERVICES", "DINIT_SKIP" },
	{ "DINIT_HTTP_TOKN", "DINIT_HTTP_TOKEN" },
	{ "DINIT_TOKEN", "DINIT_HTTP_TOKEN" },
	{ "DINIT_HTTP", "DINIT_HTTP_TOKEN" },
	{ "DINIT_MAX_LINE_LENGTH", "DINIT_MAX_LINE" },
	{ "DINIT_RPTG_POLICY", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_LEVEL_LOG", NULL },
	{ "DINIT_OG_LVL", "DINIT_LOG_LEVEL" },
	{ "DINIT_G_LVL", NULL },
	/* The first two letters swapped; two wrong ones of three; one wrong, one left out. */
	{ "DINIT_IDR", "DINIT_DIR" },
	{ "DINIT_ADR", NULL },
	{ "DINIT_DDI", NULL },
	{ "DINIT_DRK", NULL },
	{ "DINIT_SAH", NULL },
	{ "DINIT_KEEPS", "DINIT_KEEP" },
	{ "DINIT_CHECK_INTERVALL", "DINIT_CHECK_INTERVAL" },
	{ "DINIT_CHECK_FAILS", "DINIT_CHECK_FAILURES" },
	{ "DINIT_FAILURES", "DINIT_CHECK_FAILURES" },
	{ "DINIT_READY", "DINIT_READY_TIMEOUT" },
	{ "DINIT_KI", "DINIT_SKIP" },
	/* Less than half of the letters, and half of them. */
	{ "DINIT_LGV", NULL },
	{ "DINIT_LGVL", "DINIT_LOG_LEVEL" },
	{ "DINIT_MaiN", "DINIT_MAX_LINE" },
	{ "DINIT_REPARENTING_POLICY_OF_MINE", "DINIT_REPARENTING_POLICY" },
	{ "DINIT_REPARENTING_POLICY_OF_MY_OWN_SERVICE", NULL },
};

static void test_config_read_delay_that_leaves_no_time_is_warned_of(void **state)
{
	static const struct {
		const char *delay, *grace;
		size_t warnings;
	} cases[] = {
		{ "DINIT_STOP_DELAY=10", "DINIT_GRACE_PERIOD=8", 1 },
		{ "DINIT_STOP_DELAY=8", "DINIT_GRACE_PERIOD=8", 1 },
		{ "DINIT_STOP_DELAY=7.999", "DINIT_GRACE_PERIOD=8", 0 },
		{ "DINIT_STOP_DELAY=10", "DINIT_GRACE_PERIOD=0", 0 },
		{ "DINIT_STOP_DELAY=0", "DINIT_GRACE_PERIOD=0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problems problems;
		struct config config;

		read_strings(&config, &problems, cases[i].delay, cases[i].grace, NULL);
		assert_int_equal(problems.len, cases[i].warnings);
		assert_int_equal(problems.errors, 0);
		if (problems.len > 0)
			assert_non_null(strstr(problems.texts[0],
					       "DINIT_STOP_DELAY is not "
					       "shorter than DINIT_GRACE_PERIOD"));
	}
}

static void test_config_read_unknown_variable_is_warned_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unknown_names); i++) {
		struct problems problems;
		struct config config;
		char string[80], start[80];
		const char *meant;

		snprintf(string, sizeof string, "%s=ignored", unknown_names[i].name);
		snprintf(start, sizeof start, "unknown variable %s is ignored",
			 unknown_names[i].name);
		read_strings(&config, &problems, string, NULL, NULL);
		assert_int_equal(problems.len, 1);
		assert_int_equal(problems.errors, 0);
		assert_memory_equal(problems.texts[0], start, strlen(start));
		assert_defaults(&config);
		meant = strstr(problems.texts[0], "did you mean ");
		if (!unknown_names[i].meant) {
			if (meant)
				fail_msg("%s", problems.texts[0]);
			continue;
		}
		if (!meant)
			fail_msg("%s", unknown_names[i].name);
		meant += strlen("did you mean ");
		assert_memory_equal(meant, unknown_names[i].meant, strlen(unknown_names[i].meant));
		assert_string_equal(meant + strlen(unknown_names[i].meant), "?");
	}
}

static void test_config_read_pid_variable_is_no_unknown(void **state)
{
	struct problems problems;
	struct config config;

	(void)state;
	read_strings(&config, &problems, "DINIT_PID=17", NULL, NULL);
	assert_int_equal(problems.len, 0);
}

/* Another program reads it: any value is good here, and changes nothing. */
static void test_config_read_foreign_variable_is_known_and_not_read(void **state)
{
	static const char *const strings[] = { "DINIT_HTTP_TOKEN=secret",
					       "DINIT_HTTP_TOKEN=", "DINIT_HTTP_TOKEN=\n \xff%n" };

	(void)state;
	for (size_t i = 0; i < COUNT(strings); i++) {
		struct problems problems;
		struct config config;

		memset(&config, 0xff, sizeof config);
		read_strings(&config, &problems, strings[i], NULL, NULL);
		assert_int_equal(problems.len, 0);
		assert_defaults(&config);
		assert_false(config.colour);
	}
}

struct described {
	size_t count;
	char *environment[32];
};

/* Makes NAME=DEFAULT of each variable. */
static void on_variable(void *ctx, const char *name, const char *by_default, const char *meaning)
{
	struct described *described = ctx;
	size_t size = strlen(name) + strlen(by_default) + 2;
	char *string = malloc(size);

	assert_non_null(string);
	assert_true(described->count + 1 < COUNT(described->environment));
	assert_true(*meaning != '\0');
	snprintf(string, size, "%s=%s", name, by_default);
	described->environment[described->count++] = string;
}

/* What it says of the defaults is what counts where nothing is set, and no name is unknown. */
static void test_config_describe_defaults_are_those_that_count(void **state)
{
	struct described described = { 0 };
	struct problems problems = { 0 };
	struct config config;

	(void)state;
	config_describe(on_variable, &described);
	assert_int_equal(described.count, 19);
	assert_int_equal(config_read(&config, described.environment, on_problem, &problems), 0);
	assert_int_equal(problems.len, 0);
	assert_defaults(&config);
	for (size_t i = 0; i < described.count; i++)
		free(described.environment[i]);
}

static void test_config_read_colour_by_no_color_and_term(void **state)
{
	static const struct {
		const char *first, *second;
		bool colour;
	} cases[] = {
		{ NULL, NULL, false },
		{ "TERM=xterm", NULL, true },
		{ "TERM=", NULL, false },
		{ "TERM=dumb", NULL, false },
		{ "TERM=dumber", NULL, true },
		{ "TERM=xterm", "NO_COLOR=", true },
		{ "TERM=xterm", "NO_COLOR=1", false },
		{ "TERM=xterm", "NO_COLOR=0", false },
		{ "TERM=xterm", "NO_COLORS=1", true },
		{ "NO_COLOR=", NULL, false },
	};
	struct problems problems;
	struct config config;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		read_strings(&config, &problems, cases[i].first, cases[i].second, NULL);
		assert_int_equal(config.colour, cases[i].colour);
		assert_int_equal(problems.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_read_nothing_set_gives_defaults),
		cmocka_unit_test(test_config_read_empty_value_is_default),
		cmocka_unit_test(test_config_read_paths_point_into_environment),
		cmocka_unit_test(test_config_read_words_are_exact),
		cmocka_unit_test(test_config_read_timeouts_are_milliseconds_rounded_up),
		cmocka_unit_test(test_config_read_bad_timeouts_are_errors),
		cmocka_unit_test(test_config_parse_seconds_takes_what_the_variables_take),
		cmocka_unit_test(test_config_read_max_line_has_suffix_and_limits),
		cmocka_unit_test(test_config_read_count_is_digits),
		cmocka_unit_test(test_config_read_notify_socket_points_into_environment),
		cmocka_unit_test(test_config_read_first_of_duplicates_counts),
		cmocka_unit_test(test_config_read_every_error_is_reported),
		cmocka_unit_test(test_config_read_hostile_values_are_shown_harmless),
		cmocka_unit_test(test_config_read_delay_that_leaves_no_time_is_warned_of),
		cmocka_unit_test(test_config_read_unknown_variable_is_warned_of),
		cmocka_unit_test(test_config_read_pid_variable_is_no_unknown),
		cmocka_unit_test(test_config_read_foreign_variable_is_known_and_not_read),
		cmocka_unit_test(test_config_describe_defaults_are_those_that_count),
		cmocka_unit_test(test_config_read_colour_by_no_color_and_term),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
