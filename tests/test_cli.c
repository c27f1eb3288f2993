/* SPDX-License-Identifier: ISC */
/* cli.c: which option is given which arguments, and what is said of arguments that are none. What
 * the options do is not done here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cli.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ARGUMENTS_MAX 16
#define CLI_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* What was called, as "name pid [argument]...", and what that returns. */
static char called[200];
static int answer;
static bool calloc_fails;
static char *out, *err;
/* What the kernel was to execute. */
static const char *executed;

int __wrap_status_run(char *const *arguments, pid_t pid);
int __wrap_metrics_run(char *const *arguments, pid_t pid);
int __wrap_wait_run(char *const *arguments, pid_t pid);
int __wrap_watch_run(char *const *arguments, pid_t pid);
int __wrap_signal_run(char *const *arguments, pid_t pid);
int __wrap_probe_run(char *const *arguments);
int __wrap_http_run(char *const *arguments, pid_t pid);
int __wrap_sv_run(char *const *argv);
unsigned long __wrap_getauxval(unsigned long type);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(count, size);
}

unsigned long __wrap_getauxval(unsigned long type)
{
	assert_int_equal(type, AT_EXECFN);
	return (unsigned long)executed;
}

static int note_call(const char *name, char *const *arguments, pid_t pid)
{
	snprintf(called, sizeof called, "%s %d", name, (int)pid);
	for (; *arguments; arguments++)
		snprintf(called + strlen(called), sizeof called - strlen(called), " [%s]",
			 *arguments);
	return answer;
}

int __wrap_status_run(char *const *arguments, pid_t pid)
{
	return note_call("status", arguments, pid);
}

int __wrap_metrics_run(char *const *arguments, pid_t pid)
{
	return note_call("metrics", arguments, pid);
}

int __wrap_wait_run(char *const *arguments, pid_t pid)
{
	return note_call("wait", arguments, pid);
}

int __wrap_watch_run(char *const *arguments, pid_t pid)
{
	return note_call("watch", arguments, pid);
}

int __wrap_signal_run(char *const *arguments, pid_t pid)
{
	return note_call("signal", arguments, pid);
}

int __wrap_probe_run(char *const *arguments)
{
	return note_call("probe", arguments, -1);
}

int __wrap_http_run(char *const *arguments, pid_t pid)
{
	return note_call("http", arguments, pid);
}

int __wrap_sv_run(char *const *argv)
{
	return note_call("sv", argv, -1);
}

static int set_up(void **state)
{
	(void)state;
	answer = 0;
	calloc_fails = false;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(out);
	free(err);
	out = err = NULL;
	return 0;
}

/* Calls dinit with these arguments (the name included), separated by "|". Returns its status. */
static int run(const char *line)
{
	FILE *old_out = stdout, *old_err = stderr;
	char copy[200], *argv[ARGUMENTS_MAX] = { NULL }, *rest = copy;
	size_t out_len, err_len, len = 0;
	int status;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strsep(&rest, "|"); word; word = strsep(&rest, "|"))
		argv[len++] = word;
	*called = '\0';
	tear_down(NULL);
	stdout = open_memstream(&out, &out_len);
	stderr = open_memstream(&err, &err_len);
	status = cli_run(argv);
	fclose(stdout);
	fclose(stderr);
	stdout = old_out;
	stderr = old_err;
	return status;
}

static void expect_call(const char *line, const char *expected)
{
	assert_int_equal(run(line), answer);
	assert_string_equal(called, expected);
	assert_string_equal(err, "");
}

/* Expects nothing to be called, and that on stderr. */
static void expect_refusal(const char *line, const char *said)
{
	assert_int_equal(run(line), 1);
	assert_string_equal(called, "");
	assert_string_equal(out, "");
	assert_non_null(strstr(err, said));
}

/* ---- options ---- */

static void test_run_option_gets_what_stands_behind_it(void **state)
{
	(void)state;
	expect_call("dinit|--status", "status 0");
	expect_call("dinit|--status|--json|web", "status 0 [--json] [web]");
	expect_call("dinit|--metrics", "metrics 0");
	expect_call("dinit|--wait|-t|5|db|--|a|b c", "wait 0 [-t] [5] [db] [--] [a] [b c]");
	expect_call("dinit|--watch", "watch 0");
	expect_call("dinit|--signal|web|HUP", "signal 0 [web] [HUP]");
	expect_call("dinit|--probe|tcp://127.0.0.1:1", "probe -1 [tcp://127.0.0.1:1]");
	expect_call("dinit|--http|127.0.0.1:9100", "http 0 [127.0.0.1:9100]");
}

static void test_run_returns_what_the_option_returns(void **state)
{
	(void)state;
	answer = 127;
	expect_call("dinit|--wait|--|nosuch", "wait 0 [--] [nosuch]");
}

static void test_run_pid_is_taken_out(void **state)
{
	(void)state;
	expect_call("dinit|--status|--pid|12|web", "status 12 [web]");
	expect_call("dinit|--status|web|--pid|12", "status 12 [web]");
	expect_call("dinit|--watch|--pid|1", "watch 1");
	expect_call("dinit|--http|9100|--pid|1", "http 1 [9100]");
	expect_call("dinit|--signal|web|--pid|2147483647|HUP", "signal 2147483647 [web] [HUP]");
	/* What follows is a command's. */
	expect_call("dinit|--wait|--|a|--pid|12", "wait 0 [--] [a] [--pid] [12]");
	/* There is no dinit that it could mean. */
	expect_call("dinit|--probe|--pid|12", "probe -1 [--pid] [12]");
}

static void test_run_pid_that_is_none_is_refused(void **state)
{
	static const char *const lines[] = { "--pid",        "--pid|",   "--pid|x",
					     "--pid|0",      "--pid|-1", "--pid|+1",
					     "--pid|1x",     "--pid| 1", "--pid|2147483648",
					     "web|--pid|1.5" };
	char line[80];

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		snprintf(line, sizeof line, "dinit|--status|%s", lines[i]);
		expect_refusal(line, "dinit: --pid takes the PID of a running dinit, ");
	}
}

static void test_run_pid_before_the_option_is_refused_in_one_line(void **state)
{
	static const char *const lines[] = { "dinit|--pid", "dinit|--pid|12",
					     "dinit|--pid|12|--status" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		expect_refusal(lines[i], " comes behind the option: dinit --status --pid 1\n");
		assert_int_equal(strcspn(err, "\n"), strlen(err) - 1);
	}
}

static void test_run_arguments_that_an_option_refuses_are_explained(void **state)
{
	(void)state;
	answer = -1;
	assert_int_equal(run("dinit|--signal|web"), 1);
	assert_string_equal(called, "signal 0 [web]");
	assert_non_null(strstr(err, "dinit --signal NAME SIGNAL "));
	assert_null(strstr(err, "--watch"));
	assert_int_equal(run("dinit|--http"), 1);
	assert_string_equal(called, "http 0");
	assert_non_null(strstr(err, "dinit --http [ADDRESS:]PORT "));
	expect_refusal("dinit|--version|x", "dinit --version\n");
	expect_refusal("dinit|--help|x", "dinit --help\n");
	expect_refusal("dinit|--check|a|b", "dinit --check [DIR]");
	expect_refusal("dinit|--check|-x", "dinit --check [DIR]");
}

/* The last line may be all that is cited of it. */
static void test_run_arguments_that_an_option_refuses_are_named_in_the_last_line(void **state)
{
	static const struct {
		char line[40], last[96];
	} cases[] = {
		{ "dinit|--http", "--http takes [ADDRESS:]PORT, but was given nothing" },
		{ "dinit|--http|localhost:9100",
		  "--http takes [ADDRESS:]PORT, but was given: localhost:9100" },
		{ "dinit|--http|--pid|7|99999",
		  "--http takes [ADDRESS:]PORT, but was given: 99999" },
		{ "dinit|--signal|web", "--signal takes NAME SIGNAL, but was given: web" },
		{ "dinit|--wait|web|--",
		  "--wait takes [-d] [-t SECONDS] [NAME...] [-- COMMAND...], "
		  "but was given: web --" },
		{ "dinit|--watch|web|db", "--watch takes nothing, but was given: web db" },
		{ "dinit|--version|x", "--version takes nothing, but was given: x" },
	};
	char last[128];

	(void)state;
	answer = -1;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(run(cases[i].line), 1);
		snprintf(last, sizeof last, "\ndinit: %s\n", cases[i].last);
		assert_string_equal(err + strlen(err) - strlen(last), last);
	}
}

static void test_run_anything_else_gets_the_usage(void **state)
{
	(void)state;
	expect_refusal("dinit|--stat", "\n\ndinit: unexpected arguments: --stat\n");
	assert_ptr_equal(strstr(err, "usage: dinit "), err);
	assert_string_equal(strstr(err, "dinit: unexpected"),
			    "dinit: unexpected arguments: --stat\n");
	expect_refusal("dinit|--web|x", "dinit: unexpected arguments: --web x\n");
	expect_refusal("dinit|--", "\n\ndinit: no command follows --\n");
	assert_ptr_equal(strstr(err, "usage: dinit "), err);
	assert_string_equal(strstr(err, "dinit: no command"), "dinit: no command follows --\n");
}

#define COLUMN "                                   "
#define USAGE \
	"usage: dinit [--] [COMMAND...]     run the services of DINIT_DIR, and COMMAND\n" \
	"       dinit --check [DIR]         report every problem of DIR (or DINIT_DIR)"
#define SIGNAL_USAGE "       dinit --signal NAME SIGNAL  send a signal"
#define WAIT_USAGE \
	"       dinit --wait [-d] [-t SECONDS] [NAME...] [-- COMMAND...]\n" COLUMN "wait until"

static void test_run_help_and_version_go_to_stdout(void **state)
{
	(void)state;
	assert_int_equal(run("dinit|--version"), 0);
	assert_string_equal(out, "dinit " DINIT_VERSION "\n");
	assert_int_equal(run("dinit|--help"), 0);
	/* A short one, one of the longest that fit, and one that does not. */
	assert_memory_equal(out, USAGE, strlen(USAGE));
	assert_non_null(strstr(out, SIGNAL_USAGE));
	assert_non_null(strstr(out, WAIT_USAGE));
	assert_non_null(strstr(out, "       dinit --version\n       dinit --help\n\n"));
	assert_non_null(strstr(out, "DINIT_CHECK_INTERVAL"));
	assert_string_equal(err, "");
}

static void test_run_output_that_cannot_be_written_is_a_failure(void **state)
{
	char name[] = "dinit", option[] = "--version", *argv[] = { name, option, NULL };
	FILE *old = stdout;
	int status;

	(void)state;
	stdout = fopen("/dev/full", "w");
	assert_non_null(stdout);
	status = cli_run(argv);
	fclose(stdout);
	stdout = old;
	assert_int_equal(status, 1);
}

/* ---- --check ---- */

/* Makes the directory of a service whose run is that. */
static void add_service(const char *dir, const char *name, const char *run_text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/%s/run", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(run_text, file);
	assert_int_equal(fchmod(fileno(file), 0755), 0);
	fclose(file);
}

static void expect_checked(const char *dir, int status, const char *printed)
{
	char line[100], expected[150];

	snprintf(line, sizeof line, "dinit|--check|%s", dir);
	snprintf(expected, sizeof expected, "%s%s", *printed ? dir : "", printed);
	assert_int_equal(run(line), status);
	assert_string_equal(out, expected);
}

static void test_check_counts_services_and_fails_with_a_problem(void **state)
{
	char dir[] = "/tmp/test_cli_XXXXXX", command[60];

	(void)state;
	assert_non_null(mkdtemp(dir));
	expect_checked(dir, 0, ": 0 services, no error found\n");
	add_service(dir, "web", "#!/bin/sh\n");
	expect_checked(dir, 0, ": 1 service, no error found\n");
	setenv("DINIT_DIR", dir, 1);
	assert_int_equal(run("dinit|--check"), 0);
	unsetenv("DINIT_DIR");
	assert_non_null(strstr(out, ": 1 service, "));
	setenv("DINIT_KILL_TIMEOUT", "soon", 1);
	expect_checked(dir, 1, "");
	unsetenv("DINIT_KILL_TIMEOUT");
	add_service(dir, "db", "#!/nowhere/sh\n");
	expect_checked(dir, 1, "");
	snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	expect_checked(dir, 1, "");
}

static void test_check_directory_of_a_strange_name_is_shown_in_one_line(void **state)
{
	char dir[] = "/tmp/test_cli\n\x1b_XXXXXX", line[100], expected[150];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(line, sizeof line, "dinit|--check|%s", dir);
	snprintf(expected, sizeof expected,
		 "/tmp/test_cli\\x0a\\x1b%s: 0 services, no error found\n", strrchr(dir, '_'));
	assert_int_equal(run(line), 0);
	assert_string_equal(out, expected);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- the line of a script ---- */

static void test_run_line_of_a_script_is_taken_apart(void **state)
{
	(void)state;
	expect_call("/sbin/dinit|--probe tcp://127.0.0.1:5432|/etc/service/db/check",
		    "probe -1 [tcp://127.0.0.1:5432]");
	expect_call("/sbin/dinit|--wait db  -t 5\t-- /srv/app -x|/etc/service/app/run",
		    "wait 0 [db] [-t] [5] [--] [/srv/app] [-x]");
	expect_call("/sbin/dinit|--wait --pid 9 db|./run|more|again", "wait 9 [db] [more] [again]");
	expect_call("/sbin/dinit|--status --json|./run", "status 0 [--json]");
	expect_call("/sbin/dinit|--http 9100|/etc/service/http/run", "http 0 [9100]");
}

static void test_run_argument_with_a_space_is_none_of_a_script_without_a_path(void **state)
{
	(void)state;
	expect_refusal("dinit|--wait db", "unexpected arguments: --wait db\n");
	expect_call("dinit|--probe|file:///a b", "probe -1 [file:///a b]");
}

static void test_run_line_of_a_script_without_memory_says_so(void **state)
{
	(void)state;
	calloc_fails = true;
	expect_refusal("dinit|--wait db|./run", "dinit: there is no memory\n");
}

/* ---- other names ---- */

static void test_run_by_the_name_sv_is_sv(void **state)
{
	(void)state;
	expect_call("sv|check|db", "sv -1 [sv] [check] [db]");
	expect_call("/usr/bin/sv|--status", "sv -1 [/usr/bin/sv] [--status]");
	answer = 100;
	expect_call("./sv", "sv -1 [./sv]");
	answer = 0;
	expect_call("/sv/dinit|--status", "status 0");
}

/* Asks of a name and arguments, separated by "|". Returns the index of the command in them, 0 where
 * they ask to run the services only, or -1 where they ask for something else. */
static int ask(const char *line)
{
	char copy[200], *argv[ARGUMENTS_MAX] = { NULL }, *rest = copy;
	char *const *command = argv + 1;
	bool asked;

	snprintf(copy, sizeof copy, "%s", line);
	for (size_t len = 0; rest; len++) {
		assert_true(len + 1 < COUNT(argv));
		argv[len] = strsep(&rest, "|");
	}
	asked = cli_is_asked(argv, &command);
	if (!asked)
		return command ? (int)(command - argv) : 0;
	assert_null(command);
	return -1;
}

static void test_is_asked_without_arguments_is_only_sv(void **state)
{
	(void)state;
	assert_int_equal(ask("/sbin/dinit"), 0);
	assert_int_equal(ask(""), 0);
	assert_int_equal(ask("svx"), 0);
	assert_int_equal(ask("/bin/sv"), -1);
	assert_int_equal(ask("sv"), -1);
}

static void test_is_asked_command_begins_where_the_options_end(void **state)
{
	static const struct {
		const char *line;
		int command;
	} cases[] = {
		{ "dinit|sh", 1 },
		{ "dinit|sh|-c|exit 3", 1 },
		{ "dinit|--|sh|-c|--", 2 },
		/* as the kernel calls it for a script that has an option in its #! line, and for
		 * one that has none */
		{ "dinit|--wait db|/run/script", -1 },
		{ "dinit|/run/script|--", 1 },
		/* a name that looks like an option, and that of sv, is a command all the same */
		{ "dinit|--|-x", 2 },
		{ "dinit|--|--status", 2 },
		{ "dinit|--|--", 2 },
		{ "dinit|sv|check|db", 1 },
		{ "dinit|a-b", 1 },
		/* so is no name at all, which is not found */
		{ "dinit|", 1 },
		{ "dinit||-x", 1 },
		{ "dinit|--|", 2 },
		/* options, be there such ones or not */
		{ "dinit|-x", -1 },
		{ "dinit|-", -1 },
		{ "dinit|---|sh", -1 },
		{ "dinit|--status", -1 },
		{ "dinit|--status|--|sh", -1 },
		{ "dinit|-x|sh", -1 },
		{ "dinit|--", -1 },
		/* sv takes no command */
		{ "/usr/bin/sv|--|sh", -1 },
		{ "sv|sh", -1 },
		{ "sv/dinit|sh", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (ask(cases[i].line) != cases[i].command)
			fail_msg("%s: %d", cases[i].line, ask(cases[i].line));
}

/* What the kernel executes is the script, and the interpreter's name comes first. */
static void test_is_asked_by_a_script_of_dinit_is_refused(void **state)
{
	(void)state;
	executed = "/run/script";
	assert_int_equal(ask("/sbin/dinit|/run/script|a"), -1);
	assert_int_equal(ask("/sbin/dinit|--|/run/script"), -1);
	expect_refusal("/sbin/dinit|/run/script|a",
		       "dinit: the #! line of /run/script needs an option behind dinit\n");
	assert_int_equal(ask("/sbin/dinit|/run/other"), 1);
	assert_int_equal(ask("/sbin/dinit|sh|/run/script"), 1);
	executed = "/sbin/dinit";
	assert_int_equal(ask("/sbin/dinit|/run/script"), 1);
	/* A program that is there is none: this is how an engine calls ENTRYPOINT ["dinit"] with
	 * dinit's own path as the command. */
	executed = "/proc/self/exe";
	assert_int_equal(ask("dinit|/proc/self/exe|--version"), 1);
	assert_int_equal(ask("/sbin/dinit|/sbin/dinit"), 1);
	executed = NULL;
	assert_int_equal(ask("/sbin/dinit|/run/script"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI_TEST(test_run_option_gets_what_stands_behind_it),
		CLI_TEST(test_run_returns_what_the_option_returns),
		CLI_TEST(test_run_pid_is_taken_out),
		CLI_TEST(test_run_pid_that_is_none_is_refused),
		CLI_TEST(test_run_pid_before_the_option_is_refused_in_one_line),
		CLI_TEST(test_run_arguments_that_an_option_refuses_are_explained),
		CLI_TEST(test_run_arguments_that_an_option_refuses_are_named_in_the_last_line),
		CLI_TEST(test_run_anything_else_gets_the_usage),
		CLI_TEST(test_run_help_and_version_go_to_stdout),
		CLI_TEST(test_run_output_that_cannot_be_written_is_a_failure),
		CLI_TEST(test_check_counts_services_and_fails_with_a_problem),
		CLI_TEST(test_check_directory_of_a_strange_name_is_shown_in_one_line),
		CLI_TEST(test_run_line_of_a_script_is_taken_apart),
		CLI_TEST(test_run_argument_with_a_space_is_none_of_a_script_without_a_path),
		CLI_TEST(test_run_line_of_a_script_without_memory_says_so),
		CLI_TEST(test_run_by_the_name_sv_is_sv),
		CLI_TEST(test_is_asked_without_arguments_is_only_sv),
		CLI_TEST(test_is_asked_command_begins_where_the_options_end),
		CLI_TEST(test_is_asked_by_a_script_of_dinit_is_refused),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
