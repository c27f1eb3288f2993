/* SPDX-License-Identifier: ISC */
/* The environment, the command line and the examination of the directory. A
 * service that is started in these tests prints "started", so that its absence means something. */
#include "harness.h"
#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ERROR "^[^ ]+Z dinit: error: "
#define WARNING "^[^ ]+Z dinit: warning: "

static void add_service(struct scene *scene)
{
	scene_service(scene, "web", "echo started; touch \"$SCENE/started\"");
}

static void expect_nothing_started(struct scene *scene, struct run *run)
{
	run_expect_no_line(run, RUN_STDOUT, "started");
	run_expect_no_line(run, RUN_STDERR, "started");
	assert_int_equal(access(scene_path(scene, "started"), F_OK), -1);
}

/* ---- variables ---- */

static struct run *run_with(struct scene *scene, const char *variable)
{
	return run_start(scene, &(struct run_spec){ .environment = LIST(variable) });
}

static void test_variable_valid_starts_services(struct scene *scene)
{
	static const char *const valid[] = {
		"DINIT_JSON_STDOUT=0",
		"DINIT_JSON_STDOUT=1",
		"DINIT_JSON_STDOUT=wrap",
		"DINIT_LOG_LEVEL=none",
		"DINIT_LOG_LEVEL=error",
		"DINIT_LOG_LEVEL=warn",
		"DINIT_LOG_LEVEL=info",
		"DINIT_LOG_LEVEL=debug",
		"DINIT_REPARENTING_POLICY=adopt",
		"DINIT_REPARENTING_POLICY=terminate",
		"DINIT_REPARENTING_POLICY=ignore",
		"DINIT_KILL_TIMEOUT=0",
		"DINIT_KILL_TIMEOUT=7",
		"DINIT_KILL_TIMEOUT=0.5",
		"DINIT_KILL_TIMEOUT=.5",
		"DINIT_STOP_TIMEOUT=0",
		"DINIT_STOP_TIMEOUT=1.5",
		"DINIT_SKIP=",
		"DINIT_MAX_LINE=4096",
		"DINIT_MAX_LINE=4k",
		"DINIT_MAX_LINE=64M",
		"DINIT_MAX_LINE=67108864",
		"DINIT_PID=17",
	};

	add_service(scene);
	for (size_t i = 0; i < COUNT(valid); i++) {
		struct run *run = run_with(scene, valid[i]);

		run_expect_exit(run, 0);
		run_expect_no_line(run, RUN_STDERR, "dinit: error|unknown variable");
		assert_int_equal(unlink(scene_path(scene, "started")), 0);
	}
}

static void test_log_level_debug_says_the_configuration_in_its_own_words(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=debug",
								"DINIT_JSON_STDOUT=wrap",
								"DINIT_REPARENTING_POLICY=adopt",
								"DINIT_MAX_LINE=8k") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			" debug: stdout mode wrap, stderr mode 0, reparenting policy adopt, .* "
			"longest line 8192 ");
}

/* One message that names the variable, the value and what it takes; exit 1; nothing started. */
static void test_variable_invalid_is_error_and_starts_nothing(struct scene *scene)
{
	static const struct {
		const char *name, *value, *takes;
	} invalid[] = {
		{ "DINIT_JSON_STDOUT", "2", "wrap" },
		{ "DINIT_JSON_STDOUT", "WRAP", "wrap" },
		{ "DINIT_JSON_STDOUT", "true", "wrap" },
		{ "DINIT_LOG_LEVEL", "warning", "warn" },
		{ "DINIT_LOG_LEVEL", "Warn", "warn" },
		{ "DINIT_REPARENTING_POLICY", "kill", "adopt" },
		{ "DINIT_KILL_TIMEOUT", "-1", "seconds" },
		{ "DINIT_KILL_TIMEOUT", "1e3", "seconds" },
		{ "DINIT_KILL_TIMEOUT", "5s", "seconds" },
		{ "DINIT_KILL_TIMEOUT", " 5", "seconds" },
		{ "DINIT_KILL_TIMEOUT", "1.2.3", "seconds" },
		{ "DINIT_KILL_TIMEOUT", ".", "seconds" },
		{ "DINIT_STOP_TIMEOUT", "never", "seconds" },
		{ "DINIT_STOP_TIMEOUT", "0x10", "seconds" },
		{ "DINIT_MAX_LINE", "4095", "4k" },
		{ "DINIT_MAX_LINE", "65M", "64M" },
		{ "DINIT_MAX_LINE", "1K", "k" },
		{ "DINIT_MAX_LINE", "1G", "64M" },
		{ "DINIT_MAX_LINE", "99999999999999999999", "64M" },
	};

	add_service(scene);
	for (size_t i = 0; i < COUNT(invalid); i++) {
		struct run *run = run_with(scene, scene_format(scene, "%s=%s", invalid[i].name,
							       invalid[i].value));

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, ERROR "%s.*%s.*%s", invalid[i].name,
					     invalid[i].value, invalid[i].takes));
		assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
		expect_nothing_started(scene, run);
	}
}

static void test_variable_invalid_ends_with_1_at_every_log_level(struct scene *scene)
{
	static const char *const levels[] = { "none", "error", "warn", "info", "debug" };

	add_service(scene);
	for (size_t i = 0; i < COUNT(levels); i++) {
		const char *level = scene_format(scene, "DINIT_LOG_LEVEL=%s", levels[i]);
		struct run *run =
			run_start(scene,
				  &(struct run_spec){
					  .environment = LIST(level, "DINIT_KILL_TIMEOUT=soon") });

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR, ERROR "DINIT_KILL_TIMEOUT.*soon");
		expect_nothing_started(scene, run);
	}
}

static void test_variables_several_invalid_are_reported_at_once(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_KILL_TIMEOUT=soon",
								"DINIT_JSON_STDOUT=yes",
								"DINIT_LOG_LEVEL=loud",
								"DINIT_STOP_TIMEOUT=late",
								"DINIT_REPARENTING_POLICY=love",
								"DINIT_MAX_LINE=huge") });
	run_expect_exit(run, 1);
	assert_int_equal(run_count_lines(run, RUN_STDERR, ERROR "DINIT_"), 6);
	expect_nothing_started(scene, run);
}

static void test_variables_empty_mean_the_default(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo '{\"a\":1}'; exit 3");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST("DINIT_JSON_STDOUT=", "DINIT_LOG_LEVEL=",
						    "DINIT_REPARENTING_POLICY=",
						    "DINIT_KILL_TIMEOUT=", "DINIT_STOP_TIMEOUT=",
						    "DINIT_SKIP=", "DINIT_MAX_LINE=") });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, "^\\{\"a\":1,\"service\":\"web\",");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "dinit: error: web/run"), 1);
	run_expect_no_line(run, RUN_STDERR, "dinit: info");
}

static void test_variable_unknown_is_warned_about_with_nearest_name(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_LOGLEVEL=info",
								       "DINIT_ZEBRA=1") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "unknown variable DINIT_LOGLEVEL .*DINIT_LOG_LEVEL");
	run_expect_line(run, RUN_STDERR, WARNING "unknown variable DINIT_ZEBRA is ignored$");
	run_expect_no_line(run, RUN_STDERR, "DINIT_ZEBRA.*DINIT_(DIR|SKIP)");
	run_expect_line(run, RUN_STDERR, "not a JSON object: started");
}

/* Bytes in hexadecimal: those of the entries but of the one that begins so, each with its NUL. */
static const char *make_hex(struct scene *scene, const char *const *entries, const char *but)
{
	char hex[4096] = "";
	size_t len = 0;

	for (; *entries; entries++)
		for (const char *byte = *entries; !but || strncmp(*entries, but, strlen(but)) != 0;
		     byte++) {
			len += (size_t)snprintf(hex + len, sizeof hex - len, "%02x",
						(unsigned char)*byte);
			if (*byte == '\0')
				break;
		}
	return scene_format(scene, "%s", hex);
}

/* A script that shows the environment that it was started with. */
static const char *make_show(struct scene *scene, const char *name, const char *more)
{
	return scene_format(
		scene,
		"echo \"%s $(od -An -v -tx1 <\"/proc/$$/environ\" | tr -d ' \\n') $$\" >&2; %s",
		name, more);
}

/* Everything passes, in order and byte for byte, dinit's own variables included; nothing is
 * added, but for DINIT_PID, which terminate gets. */
static void test_environment_passes_to_programs_unchanged(struct scene *scene)
{
	const char *end = scene_format(scene, "SCENE=%s", scene->dir), *pid;
	struct run *run;
	/* The first two are not there, which run_start would set. */
	const char *environment[] = { "ASAN_OPTIONS",
				      "UBSAN_OPTIONS",
				      "B=2",
				      "A=with space\tand\nnewline",
				      "DINIT_JSON_STDOUT=0",
				      "DINIT_PID=5",
				      "EMPTY=",
				      "HOST=\xff",
				      "=odd",
				      "PATH=/usr/bin:/bin",
				      scene_format(scene, "DINIT_DIR=%s", scene->services),
				      end,
				      NULL };
	const char *const *entries = environment + 2;

	scene_fifo(scene, "go");
	scene_service(scene, "web", make_show(scene, "run", "read go <\"$SCENE/go\""));
	scene_script(scene, "services/web/log/run", make_show(scene, "log", "exec cat"));
	scene_script(scene, "services/web/terminate",
		     make_show(scene, "term", "echo now >\"$SCENE/go\""));
	run = run_start(scene, &(struct run_spec){ .environment = environment });
	run_wait_line(run, RUN_STDERR, " web/run: run ");
	run_wait_line(run, RUN_STDERR, " web/log: log ");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_string_equal(run_match(run, RUN_STDERR, " web/run: run ([0-9a-f]+)", 1),
			    make_hex(scene, entries, NULL));
	assert_string_equal(run_match(run, RUN_STDERR, " web/log: log ([0-9a-f]+)", 1),
			    make_hex(scene, entries, NULL));
	pid = scene_format(scene, "DINIT_PID=%s",
			   run_match(run, RUN_STDERR, " web/run: run [0-9a-f]+ ([0-9]+)", 1));
	assert_string_equal(run_match(run, RUN_STDERR, " web/term: term ([0-9a-f]+)", 1),
			    scene_format(scene, "%s%s", make_hex(scene, LIST(pid), NULL),
					 make_hex(scene, entries, "DINIT_PID=")));
}

/* ---- arguments ---- */

static void test_argument_help_prints_usage_on_stdout(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = LIST("--help") });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "usage: dinit");
	assert_int_equal(run->outputs[RUN_STDERR].len, 0);
}

static void test_argument_version_prints_one_line(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = LIST("--version") });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "^dinit [0-9]+\\.[0-9]+");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "."), 1);
	assert_int_equal(run->outputs[RUN_STDERR].len, 0);
}

static void test_argument_other_prints_usage_on_stderr_and_fails(struct scene *scene)
{
	const char *const *const lists[] = {
		LIST("--verbose"),         LIST("-h"),
		LIST("--check", "a", "b"), LIST("--help", "more"),
		LIST("--check", "--help"),
	};

	add_service(scene);
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct run *run = run_start(scene, &(struct run_spec){ .arguments = lists[i] });

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, "^dinit: %s%s",
					     lists[i][1] ? "" : "unexpected arguments: ",
					     lists[i][0]));
		run_expect_line(run, RUN_STDERR, "^usage:");
		assert_int_equal(run->outputs[RUN_STDOUT].len, 0);
		expect_nothing_started(scene, run);
	}
}

static void test_argument_check_of_good_directory_starts_nothing(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check") });
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "error|warning");
	expect_nothing_started(scene, run);
}

/* No problem, but worth a warning: no service at all, a variable that has no effect, a name of
 * no service. */
static void test_argument_check_of_what_is_odd_warns_and_succeeds(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check") });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, WARNING "%s: .*no service", scene->services));
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
	add_service(scene);
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check"),
						   .environment = LIST("DINIT_LOGLEVEL=info") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "unknown variable DINIT_LOGLEVEL");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check"),
						   .environment = LIST("DINIT_SKIP=ewb") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "DINIT_SKIP.*\"ewb\"");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
	expect_nothing_started(scene, run);
}

/* The argument wins over DINIT_DIR; every problem is said, at every log level. */
static void test_argument_check_of_bad_directory_reports_all(struct scene *scene)
{
	static const char *const levels[] = { "DINIT_LOG_LEVEL=none", "DINIT_LOG_LEVEL=debug" };

	add_service(scene);
	scene_mkdir(scene, "other/empty");
	scene_file(scene, "other/plain/run", 0644, "#!/bin/sh\n");
	for (size_t i = 0; i < COUNT(levels); i++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){
					  .arguments = LIST("--check", scene_path(scene, "other")),
					  .environment = LIST(levels[i]) });

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR, ERROR ".*other/empty/run");
		run_expect_line(run, RUN_STDERR, ERROR ".*other/plain/run");
		assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 2);
		expect_nothing_started(scene, run);
	}
}

/* What only a start would show: an interpreter that is missing, \r behind it, another machine. */
static void test_argument_check_looks_into_programs(struct scene *scene)
{
	/* The head of a 64-bit ELF program for s390. */
	static const char other[] = "\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\26";
	struct run *run;
	FILE *program;

	scene_file(scene, "services/a/run", 0755, "#!/no/such/interpreter\n");
	scene_service(scene, "b", "echo never");
	scene_file(scene, "services/b/terminate", 0755, "#!/bin/sh\r\necho never\r\n");
	scene_file(scene, "services/b/log/run", 0755, "echo never\n");
	scene_service(scene, "c", "echo never");
	scene_file(scene, "services/c/control/t", 0755, "");
	scene_file(scene, "services/d/run", 0755, "");
	program = fopen(scene_path(scene, "services/d/run"), "we");
	assert_non_null(program);
	assert_int_equal(fwrite(other, sizeof other - 1, 1, program), 1);
	assert_int_equal(ftruncate(fileno(program), 4096), 0);
	fclose(program);
	scene_service(scene, "e", "echo never");
	scene_file(scene, "services/e/finish", 0755, "#!/command/execlineb -P\n");
	scene_file(scene, "services/e/prestop", 0755, "echo never\n");
	scene_file(scene, "services/e/control/h", 0755, "#!/usr/bin/env bash\r\n");
	scene_file(scene, "services/f/run", 0755, "#!bin/sh\n");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check") });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			ERROR ".*/a/run needs the interpreter /no/such/interpreter, which does not "
			      "exist \\(install it, or correct the #! line\\)$");
	run_expect_line(run, RUN_STDERR, ERROR ".*/b/terminate ends in a carriage return");
	run_expect_line(run, RUN_STDERR, ERROR ".*/b/log/run starts with no #! line");
	run_expect_line(run, RUN_STDERR, ERROR ".*/c/control/t is empty");
	run_expect_line(run, RUN_STDERR, ERROR ".*/d/run is a 64-bit program for s390");
	run_expect_line(run, RUN_STDERR,
			ERROR ".*/f/run needs the interpreter bin/sh, which is no");
	run_expect_line(run, RUN_STDERR, ERROR ".*/e/finish needs the interpreter /command/execl");
	run_expect_line(run, RUN_STDERR, ERROR ".*/e/prestop starts with no #! line");
	run_expect_line(run, RUN_STDERR, ERROR ".*/e/control/h ends in a carriage return");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 9);
	expect_nothing_started(scene, run);
}

static int stdout_number = STDOUT_FILENO, stderr_number = STDERR_FILENO;

/* ctx: the number of the descriptor that leads there. */
static void take_full_disk(void *ctx)
{
	int fd = open("/dev/full", O_WRONLY);

	if (fd < 0 || dup2(fd, *(int *)ctx) < 0)
		_exit(126);
}

/* Who reads the status of a build step must not take silence for an answer. */
static void test_arguments_with_a_full_disk_fail(struct scene *scene)
{
	static const char *const arguments[] = { "--check", "--help", "--version" };

	add_service(scene);
	for (size_t i = 0; i < COUNT(arguments); i++) {
		struct run *run =
			run_start(scene, &(struct run_spec){ .arguments = LIST(arguments[i]),
							     .prepare = take_full_disk,
							     .prepare_ctx = &stdout_number });

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR,
				ERROR "stdout cannot be written to: No space left on device$");
	}
}

/* A warning that nobody can have read. */
static void test_argument_check_with_a_full_disk_for_warnings_fails(struct scene *scene)
{
	static const struct {
		const char *level;
		int status;
	} levels[] = { { "DINIT_LOG_LEVEL=warn", 1 }, { "DINIT_LOG_LEVEL=error", 0 } };

	add_service(scene);
	scene_script(scene, "services/web/terminate", "cat supervise/pid");
	for (size_t i = 0; i < COUNT(levels); i++) {
		struct run *run =
			run_start(scene, &(struct run_spec){ .arguments = LIST("--check"),
							     .environment = LIST(levels[i].level),
							     .prepare = take_full_disk,
							     .prepare_ctx = &stderr_number });

		run_expect_exit(run, levels[i].status);
	}
}

/* What a runit service has to stop it by, and dinit has not: nothing is wrong with the directory,
 * and the container would hang when it is to stop. */
static void test_argument_check_warns_of_what_only_runit_has(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", "echo never");
	scene_script(scene, "services/a/control/t", "kill -QUIT $(cat supervise/pid)");
	scene_service(scene, "b", "echo never; cat supervise/pid");
	scene_file(scene, "services/b/terminate", 0755,
		   "#!/usr/bin/env python3\nimport os\n"
		   "os.kill(int(open(os.getcwd() + '/supervise/pid').read()), 15)\n");
	scene_service(scene, "c", "echo never");
	scene_script(scene, "services/c/terminate", "echo -n d >\"$PWD/supervise/control\"");
	scene_service(scene, "d", "echo never");
	scene_script(scene, "services/d/terminate", "# not supervise/pid\nkill $DINIT_PID");
	scene_service(scene, "e", "echo never");
	scene_script(scene, "services/e/control/h", "kill -HUP $(cat supervise/pid)");
	scene_script(scene, "services/e/finish", "\n[ $1 = 0 ] || echo d >supervise/control");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING ".*/a/control/t names supervise/, .*use DINIT_PID.* line 2$");
	run_expect_line(run, RUN_STDERR, WARNING ".*/b/terminate names supervise/, .* line 3$");
	run_expect_line(run, RUN_STDERR, WARNING ".*/c/terminate names supervise/, .* line 2$");
	run_expect_line(run, RUN_STDERR, WARNING ".*/e/control/h names supervise/, .* line 2$");
	run_expect_line(run, RUN_STDERR,
			WARNING ".*/e/finish names supervise/, .*: do without it in line 3$");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 5);
	run_expect_line(run, RUN_STDOUT, ": 5 services, no error found$");
	expect_nothing_started(scene, run);
}

/* Warnings are said beside the problems; like all warnings, not at level error. */
static void test_argument_check_with_problems_warns_as_well(struct scene *scene)
{
	static const struct {
		const char *level;
		size_t warnings;
	} levels[] = { { "DINIT_LOG_LEVEL=warn", 1 }, { "DINIT_LOG_LEVEL=error", 0 } };

	scene_mkdir(scene, "services/empty");
	scene_service(scene, "web", "echo never");
	scene_script(scene, "services/web/terminate", "cat supervise/pid");
	for (size_t i = 0; i < COUNT(levels); i++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){ .arguments = LIST("--check"),
						      .environment = LIST(levels[i].level) });

		run_expect_exit(run, 1);
		assert_int_equal(run_count_lines(run, RUN_STDERR, ERROR ".*/empty/run is missing"),
				 1);
		assert_int_equal(run_count_lines(run, RUN_STDERR, WARNING ".*/web/terminate names"),
				 levels[i].warnings);
		assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1 + levels[i].warnings);
	}
}

/* The start does not look into programs. */
static void test_start_says_nothing_of_what_only_runit_has(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	scene_script(scene, "services/web/terminate", "cat supervise/pid");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: started$");
	run_expect_no_line(run, RUN_STDERR, "supervise");
}

static void test_argument_check_of_bad_configuration_fails(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check"),
						   .environment = LIST("DINIT_MAX_LINE=long") });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, ERROR "DINIT_MAX_LINE.*long");
}

/* ---- the directory ---- */

static void make_link(struct scene *scene, const char *target, const char *path)
{
	assert_int_equal(symlink(target, scene_path(scene, "%s", path)), 0);
}

static void make_bad_services(struct scene *scene)
{
	static const char script[] = "#!/bin/sh\n";

	scene_mkdir(scene, "services/norun");
	scene_file(scene, "services/plainrun/run", 0644, script);
	scene_mkdir(scene, "services/dirrun/run");
	scene_mkdir(scene, "services/linkrun");
	make_link(scene, "nowhere", "services/linkrun/run");
	make_link(scene, "nowhere", "services/linkentry");
	scene_service(scene, "plainlog", ":");
	scene_file(scene, "services/plainlog/log/run", 0644, script);
	scene_service(scene, "linklog", ":");
	make_link(scene, "nowhere", "services/linklog/log");
	scene_service(scene, "plainterm", ":");
	scene_file(scene, "services/plainterm/terminate", 0644, script);
	scene_service(scene, "linkterm", ":");
	make_link(scene, "nowhere", "services/linkterm/terminate");
	scene_service(scene, "plaincontrol", ":");
	scene_file(scene, "services/plaincontrol/control/t", 0644, script);
	scene_service(scene, "linkdown", ":");
	make_link(scene, "nowhere", "services/linkdown/down");
	scene_service(scene, "plainfinish", ":");
	scene_file(scene, "services/plainfinish/finish", 0644, script);
	scene_service(scene, "dirprestop", ":");
	scene_mkdir(scene, "services/dirprestop/prestop");
	scene_service(scene, "plainhup", ":");
	scene_file(scene, "services/plainhup/control/h", 0644, script);
	scene_service(scene, "linkusr1", ":");
	scene_mkdir(scene, "services/linkusr1/control");
	make_link(scene, "nowhere", "services/linkusr1/control/1");
	scene_service(scene, "plainusr2", ":");
	scene_file(scene, "services/plainusr2/control/2", 0644, script);
	scene_service(scene, "linkoptional", ":");
	make_link(scene, "nowhere", "services/linkoptional/optional");
	scene_service(scene, "nosignal", ":");
	scene_file(scene, "services/nosignal/down-signal", 0644, "SIGSTOPP\n");
	scene_service(scene, "bad\x01name", ":");
	scene_service(scene, "bad\xc3", ":");
	scene_service(scene, "deldel\x7f", ":");
}

static void test_run_without_a_directory_gets_a_warning_and_others_run(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo up");
	scene_script(scene, "services/run", "echo astray");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "dinit: warning: .*/services/run is not started: it ");
	run_expect_line(run, RUN_STDOUT, " web/run: up$");
	run_expect_no_line(run, RUN_STDOUT, "astray");
}

/* One message each, that names the entry; nothing is started; exit 1. */
static void test_directory_with_problems_reports_all_and_starts_nothing(struct scene *scene)
{
	static const char *const named[] = { "norun",
					     "plainrun",
					     "dirrun",
					     "linkrun",
					     "linkentry",
					     "plainlog",
					     "linklog",
					     "plainterm",
					     "linkterm",
					     "plaincontrol",
					     "linkdown",
					     "bad.*name",
					     "bad\\\\xc3",
					     "deldel",
					     "plainfinish/finish",
					     "dirprestop/prestop",
					     "plainhup/control/h",
					     "linkusr1/control/1",
					     "plainusr2/control/2",
					     "linkoptional/optional",
					     "nosignal/down-signal" };
	struct run *run;

	add_service(scene);
	make_bad_services(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 1);
	for (size_t i = 0; i < COUNT(named); i++)
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, ERROR ".*services/%s", named[i]));
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), COUNT(named));
	expect_nothing_started(scene, run);
}

static void test_directory_hidden_entries_and_files_are_skipped(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	scene_mkdir(scene, "services/.hidden");
	scene_file(scene, "services/README", 0644, "about\n");
	scene_file(scene, "services/script", 0755, "#!/bin/sh\necho never\n");
	make_link(scene, "README", "services/link-to-file");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: started$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "."), 1);
	run_expect_no_line(run, RUN_STDERR, "dinit: error");
}

/* A volume with a file system of its own. */
static void test_directory_on_a_volume_lost_and_found_is_skipped(struct scene *scene)
{
	const char *const *const arguments[] = { LIST("--check"), LIST(NULL) };
	struct run *run;

	scene_mkdir(scene, "services/lost+found");
	assert_int_equal(chmod(scene_path(scene, "services/lost+found"), 0700), 0);
	for (size_t i = 0; i < COUNT(arguments); i++) {
		run = run_start(scene, &(struct run_spec){ .arguments = arguments[i] });
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDERR, WARNING ".*/services: there is no service");
		assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
	}
	add_service(scene);
	for (size_t i = 0; i < COUNT(arguments); i++) {
		run = run_start(scene, &(struct run_spec){ .arguments = arguments[i] });
		run_expect_exit(run, 0);
		run_expect_no_line(run, RUN_STDERR, "lost.found|dinit: error");
	}
	assert_int_equal(access(scene_path(scene, "started"), F_OK), 0);
}

/* Kubernetes makes a volume of a ConfigMap so that all of it changes at once. */
static void test_directory_of_a_config_map_is_run(struct scene *scene)
{
	struct run *run;

	scene_mkdir(scene, "services/lost+found");
	scene_script(scene, "services/web/..2026_11_28_12_00_00.1/run", "echo started; exec cat");
	make_link(scene, "..2026_11_28_12_00_00.1", "services/web/..data");
	make_link(scene, "..data/run", "services/web/run");
	scene_mkdir(scene, "services/..2026_11_28_12_00_00.2/not-a-service");
	make_link(scene, "..2026_11_28_12_00_00.2", "services/..data");
	scene_mkdir(scene, "services/.git");
	scene_file(scene, "services/README", 0644, "");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: started$");
	run_expect_no_line(run, RUN_STDERR, "dinit: error");
}

/* The services of an s6-overlay image, put where dinit looks. */
static void test_directory_of_s6_rc_says_which_are_no_services(struct scene *scene)
{
	const char *const *const arguments[] = { LIST("--check"), LIST(NULL) };

	scene_script(scene, "services/svc-web/run", "touch \"$SCENE/started\"");
	scene_file(scene, "services/svc-web/type", 0644, "longrun\n");
	scene_file(scene, "services/svc-web/dependencies.d/init-db", 0644, "");
	scene_file(scene, "services/init-db/type", 0644, "oneshot\n");
	scene_file(scene, "services/init-db/up", 0644, "/etc/s6-overlay/s6-rc.d/init-db/run.sh\n");
	scene_file(scene, "services/user/contents.d/svc-web", 0644, "");
	scene_file(scene, "services/user2/type", 0644, "bundle\n");
	scene_file(scene, "services/user2/contents", 0644, "svc-web\n");
	scene_mkdir(scene, "services/plain");
	for (size_t i = 0; i < COUNT(arguments); i++) {
		struct run *run = run_start(scene, &(struct run_spec){ .arguments = arguments[i] });

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR,
				ERROR ".*/init-db/run is missing: .* s6-rc oneshot,.*exec dinit");
		run_expect_line(run, RUN_STDERR, ERROR ".*/user/run is missing: .* s6-rc bundle,");
		run_expect_line(run, RUN_STDERR, ERROR ".*/user2/run is missing: .* s6-rc source ");
		run_expect_line(run, RUN_STDERR, ERROR ".*/plain/run is missing: every service ");
		assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 4);
		expect_nothing_started(scene, run);
	}
}

static void test_directory_link_to_directory_is_a_service(struct scene *scene)
{
	struct run *run;

	scene_script(scene, "elsewhere/run", "echo \"argv0 $0\"");
	make_link(scene, "../elsewhere", "services/linked");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT,
			scene_format(scene, " linked/run: argv0 %s/linked/run$", scene->services));
}

/* A service that is down is examined all the same. */
static void test_directory_down_is_examined_and_not_started(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	scene_service(scene, "resting", "touch \"$SCENE/never\"");
	scene_file(scene, "services/resting/down", 0644, "");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_expect_exit(run, 0);
	assert_int_equal(access(scene_path(scene, "never"), F_OK), -1);
	assert_int_equal(unlink(scene_path(scene, "started")), 0);
	scene_file(scene, "services/resting/run", 0644, "");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, ERROR ".*resting/run");
	expect_nothing_started(scene, run);
}

/* What a down-signal may be, and what it must not be: dinit says so, and never waits for a writer
 * of a FIFO. */
static void test_directory_down_signal_is_examined(struct scene *scene)
{
	const char *const *const arguments[] = { LIST("--check"), LIST(NULL) };
	struct run *run;

	add_service(scene);
	scene_file(scene, "services/web/down-signal", 0644, "SIGQUIT\r\n");
	scene_service(scene, "worker", "exec sleep 1000");
	/* Nobody ever opens it. */
	assert_int_equal(mkfifo(scene_path(scene, "services/worker/down-signal"), 0644), 0);
	for (size_t i = 0; i < COUNT(arguments); i++) {
		run = run_start(scene, &(struct run_spec){ .arguments = arguments[i] });
		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR,
				ERROR ".*/worker/down-signal is no regular file: it takes the "
				      "name of a signal .*QUIT.* or its number");
		assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
		expect_nothing_started(scene, run);
	}
	assert_int_equal(unlink(scene_path(scene, "services/worker/down-signal")), 0);
	scene_file(scene, "services/worker/down-signal", 0644, "QUIT\nTERM\n");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--check") });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			ERROR ".*/worker/down-signal holds \"QUIT.x0aTERM\": it takes the name ");
	scene_file(scene, "services/worker/down-signal", 0644, "3\n");
	for (size_t i = 0; i < COUNT(arguments); i++) {
		run = run_start(scene, &(struct run_spec){ .arguments = arguments[i] });
		run_expect_exit(run, 0);
		run_expect_no_line(run, RUN_STDERR, "error|warning.*down-signal");
	}
}

static void test_directory_log_that_is_a_file_means_no_logging_program(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	scene_file(scene, "services/web/log", 0644, "not a directory\n");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: started$");
}

/* runit's control/t, where there is no terminate. */
static void test_directory_control_t_stops_service_without_terminate(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", "trap '' TERM; echo up; read go <\"$SCENE/go\"");
	scene_script(scene, "services/a/control/t", "echo by-control; echo now >\"$SCENE/go\"");
	scene_service(scene, "b", "trap '' TERM; echo up; read go <\"$SCENE/go\"");
	scene_script(scene, "services/b/control/t", "echo never");
	scene_script(scene, "services/b/terminate", "echo by-terminate; echo now >\"$SCENE/go\"");
	scene_fifo(scene, "go");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " a/term: by-control$");
	run_expect_line(run, RUN_STDOUT, " b/term: by-terminate$");
	run_expect_no_line(run, RUN_STDOUT, "never");
}

static void test_skip_keeps_named_services_down(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	scene_service(scene, "api", "echo never");
	scene_service(scene, "worker", "echo never");
	scene_service(scene, "work", "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_SKIP=api,worker") });
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDOUT, "never");
	run_expect_no_line(run, RUN_STDERR, "DINIT_SKIP");
}

static void test_skip_of_unknown_name_is_warned_about(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								"DINIT_SKIP=wep,,we,a\nb") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING ".*DINIT_SKIP.*a.b");
	run_expect_line(run, RUN_STDERR, WARNING ".*DINIT_SKIP.*wep");
	run_expect_line(run, RUN_STDERR, WARNING ".*DINIT_SKIP.*\"?we\"");
	run_expect_line(run, RUN_STDOUT, "started");
}

/* A service that is skipped is examined like any other. */
static void test_skip_of_bad_service_is_an_error(struct scene *scene)
{
	struct run *run;

	add_service(scene);
	scene_mkdir(scene, "services/bad");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_SKIP=bad") });
	run_expect_exit(run, 1);
	expect_nothing_started(scene, run);
}

static void test_directory_without_services_is_a_warning(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ 0 });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, scene_format(scene, WARNING ".*%s", scene->services));
	add_service(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_SKIP=web") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING ".*: the only service is down or skipped$");
	expect_nothing_started(scene, run);
	scene_service(scene, "down", "echo never");
	scene_file(scene, "services/down/down", 0644, "");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_SKIP=web") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING ".*: all 2 services are down or skipped$");
}

static void test_directory_missing_or_no_directory_is_an_error(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "file", 0644, "");
	run = run_with(scene, scene_format(scene, "DINIT_DIR=%s/nowhere", scene->dir));
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, ERROR ".*nowhere");
	run = run_with(scene, scene_format(scene, "DINIT_DIR=%s/file", scene->dir));
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, ERROR ".*/file");
}

/* "No permission", for a user who is not root: the directory, a service in it, a run. */
static void test_directory_without_permission_is_an_error(struct scene *scene)
{
	struct run_spec spec = { .user = geteuid() == 0 ? scene_user() : 0 };
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	add_service(scene);
	scene_service(scene, "closed", ":");
	scene_service(scene, "mine", ":");
	assert_int_equal(chmod(scene_path(scene, "services/closed"), 0700), 0);
	assert_int_equal(chmod(scene_path(scene, "services/mine/run"), 0700), 0);
	run = run_start(scene, &spec);
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, ERROR ".*services/closed");
	run_expect_line(run, RUN_STDERR, ERROR ".*services/mine/run");
	expect_nothing_started(scene, run);
	assert_int_equal(chmod(scene->services, 0700), 0);
	run = run_start(scene, &spec);
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, scene_format(scene, ERROR ".*%s", scene->services));
}

static void change_directory(void *ctx)
{
	if (chdir(ctx) < 0)
		_exit(126);
}

static void test_directory_relative_is_made_absolute(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo \"argv0 $0\"");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_DIR=services"),
						   .prepare = change_directory,
						   .prepare_ctx = scene->dir });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, scene_format(scene, "argv0 %s/web/run$", scene->services));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_SUBREAPER(test_variable_valid_starts_services),
		SCENE_AS_SUBREAPER(test_variable_invalid_is_error_and_starts_nothing),
		SCENE(test_log_level_debug_says_the_configuration_in_its_own_words),
		SCENE(test_variable_invalid_ends_with_1_at_every_log_level),
		SCENE(test_variables_several_invalid_are_reported_at_once),
		SCENE(test_variables_empty_mean_the_default),
		SCENE(test_variable_unknown_is_warned_about_with_nearest_name),
		SCENE(test_environment_passes_to_programs_unchanged),
		SCENE_AS_SUBREAPER(test_argument_help_prints_usage_on_stdout),
		SCENE_AS_SUBREAPER(test_argument_version_prints_one_line),
		SCENE_AS_SUBREAPER(test_argument_other_prints_usage_on_stderr_and_fails),
		SCENE_AS_SUBREAPER(test_argument_check_of_good_directory_starts_nothing),
		SCENE_AS_SUBREAPER(test_argument_check_of_what_is_odd_warns_and_succeeds),
		SCENE_AS_SUBREAPER(test_argument_check_of_bad_directory_reports_all),
		SCENE_AS_SUBREAPER(test_argument_check_looks_into_programs),
		SCENE(test_argument_check_with_a_full_disk_for_warnings_fails),
		SCENE_AS_SUBREAPER(test_argument_check_warns_of_what_only_runit_has),
		SCENE_AS_SUBREAPER(test_argument_check_with_problems_warns_as_well),
		SCENE_AS_SUBREAPER(test_start_says_nothing_of_what_only_runit_has),
		SCENE_AS_SUBREAPER(test_arguments_with_a_full_disk_fail),
		SCENE_AS_SUBREAPER(test_argument_check_of_bad_configuration_fails),
		SCENE(test_run_without_a_directory_gets_a_warning_and_others_run),
		SCENE(test_directory_with_problems_reports_all_and_starts_nothing),
		SCENE(test_directory_hidden_entries_and_files_are_skipped),
		SCENE(test_directory_on_a_volume_lost_and_found_is_skipped),
		SCENE(test_directory_of_a_config_map_is_run),
		SCENE(test_directory_of_s6_rc_says_which_are_no_services),
		SCENE(test_directory_link_to_directory_is_a_service),
		SCENE(test_directory_down_is_examined_and_not_started),
		SCENE(test_directory_down_signal_is_examined),
		SCENE(test_directory_log_that_is_a_file_means_no_logging_program),
		SCENE(test_directory_control_t_stops_service_without_terminate),
		SCENE(test_skip_keeps_named_services_down),
		SCENE(test_skip_of_unknown_name_is_warned_about),
		SCENE(test_skip_of_bad_service_is_an_error),
		SCENE(test_directory_without_services_is_a_warning),
		SCENE(test_directory_missing_or_no_directory_is_an_error),
		SCENE(test_directory_without_permission_is_an_error),
		SCENE(test_directory_relative_is_made_absolute),
	};

	return scene_run_all("config", tests, COUNT(tests));
}
