/* SPDX-License-Identifier: ISC */
/* How programs are started, and what becomes of those that cannot be. And the plain
 * forms of what they print. */
#include "harness.h"
#include "rig.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define STAMP "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

/* All programs that a service can have beside its run and log/run, and the stage of each. */
static const struct {
	const char *path, *stage;
} others[] = {
	{ "control/h", "control" },
	{ "prestop", "prestop" },
	{ "terminate", "term" },
	{ "finish", "finish" },
};

/* A service with all of them, which all run the same lines of shell, which say something on stderr.
 * The service ends when it is told to. */
static void add_programs(struct scene *scene, const char *lines)
{
	scene_fifo(scene, "go");
	scene_service(scene, "web", scene_format(scene, "%s\nread go <\"$SCENE/go\"", lines));
	scene_script(scene, "services/web/log/run", scene_format(scene, "%s\nexec cat", lines));
	for (size_t i = 0; i < COUNT(others); i++)
		scene_script(scene, scene_format(scene, "services/web/%s", others[i].path), lines);
	scene_script(scene, "services/web/terminate",
		     scene_format(scene, "%s\necho now >\"$SCENE/go\"", lines));
}

/* Runs the programs, and stops dinit when each that runs before a stop has written its line. */
static struct run *play_programs(struct scene *scene, const struct run_spec *spec,
				 const char *regex)
{
	struct run *run = run_start(scene, spec);

	run_wait_line(run, RUN_STDERR, scene_format(scene, " web/run: %s", regex));
	run_wait_line(run, RUN_STDERR, scene_format(scene, " web/log: %s", regex));
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDERR, scene_format(scene, " web/control: %s", regex));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	return run;
}

/* Fails unless each of the programs has written that text. */
static void expect_of_all(struct scene *scene, struct run *run, const char *regex)
{
	run_expect_line(run, RUN_STDERR, scene_format(scene, " web/run: %s$", regex));
	run_expect_line(run, RUN_STDERR, scene_format(scene, " web/log: %s$", regex));
	for (size_t i = 0; i < COUNT(others); i++)
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, " web/%s: %s$", others[i].stage, regex));
}

/* ---- what a program finds ---- */

static void test_program_started_has_absolute_path_and_own_directory(struct scene *scene)
{
	struct run *run;

	add_programs(scene, "echo \"argv0 $0 args $# cwd $(pwd -P)\" >&2");
	run = play_programs(scene, &(struct run_spec){ .environment = TEXT }, "argv0");
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, " web/run: argv0 %s/web/run args 0 cwd %s/web$",
				     scene->services, scene->services));
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, " web/log: argv0 %s/web/log/run args 0 cwd %s/web/log$",
				     scene->services, scene->services));
	for (size_t i = 0; i < COUNT(others); i++)
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, " web/%s: argv0 %s/web/%s args %d cwd %s/web$",
					     others[i].stage, scene->services, others[i].path,
					     strcmp(others[i].path, "finish") == 0 ? 2 : 0,
					     scene->services));
}

/* finish is told how run ended, and the programs that run beside it are told its PID. */
static void test_program_started_is_told_about_run(struct scene *scene)
{
	static const char *const told[] = { "control", "prestop", "term" };
	const char *pid;
	struct run *run;

	add_programs(scene, "echo \"I am $$, about ${DINIT_PID-nobody}, arguments: $*\" >&2");
	run = play_programs(scene, &(struct run_spec){ .environment = TEXT }, "I am");
	pid = run_match(run, RUN_STDERR, " web/run: I am ([0-9]+), about nobody, arguments: $", 1);
	run_expect_line(run, RUN_STDERR, " web/log: I am [0-9]+, about nobody, arguments: $");
	for (size_t i = 0; i < COUNT(told); i++)
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, " web/%s: I am [0-9]+, about %s, arguments: $",
					     told[i], pid));
	run_expect_line(run, RUN_STDERR, " web/finish: I am [0-9]+, about nobody, arguments: 0 0$");
}

/* An engine may give dinit a terminal, or what its user types. */
static void take_other_stdin(void *unused)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)unused;
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		_exit(126);
}

static void test_program_started_has_its_streams(struct scene *scene)
{
	struct run *run;

	add_programs(scene, "echo \"$(readlink /proc/$$/fd/0) $(readlink /proc/$$/fd/1) "
			    "$(readlink /proc/$$/fd/2)\" >&2");
	run = play_programs(scene,
			    &(struct run_spec){ .environment = TEXT, .prepare = take_other_stdin },
			    ".*pipe");
	run_expect_line(run, RUN_STDERR, " web/run: /dev/null pipe:.* pipe:");
	run_expect_line(run, RUN_STDERR, " web/log: pipe:.* pipe:.* pipe:");
	for (size_t i = 0; i < COUNT(others); i++)
		run_expect_line(run, RUN_STDERR,
				scene_format(scene,
					     " web/%s: /dev/null pipe:.* pipe:", others[i].stage));
	assert_string_equal(run_match(run, RUN_STDERR, " web/run: /dev/null (pipe:[^ ]+)", 1),
			    run_match(run, RUN_STDERR, " web/log: (pipe:[^ ]+)", 1));
}

/* All 64, with the kernel's calls: libcs keep some for themselves. */
static void block_and_ignore(void *unused)
{
	struct {
		void (*handler)(int);
		unsigned long flags, restorer[2];
		uint64_t mask;
	} ignore = { .handler = SIG_IGN };
	uint64_t all = ~UINT64_C(0);

	(void)unused;
	for (int signal = 1; signal <= 64; signal++)
		syscall(SYS_rt_sigaction, signal, &ignore, NULL, sizeof all);
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all) < 0)
		_exit(126);
}

/* Whatever dinit was started with: shells start it with INT ignored, some engines with others
 * blocked. */
static void test_program_started_has_no_signal_blocked_or_ignored(struct scene *scene)
{
	struct run *run;

	add_programs(scene, "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status >&2");
	run = play_programs(scene,
			    &(struct run_spec){ .environment = TEXT, .prepare = block_and_ignore },
			    "SigIgn");
	expect_of_all(scene, run, "SigBlk:\t0+");
	expect_of_all(scene, run, "SigIgn:\t0+");
}

static void lower_nofile(void *unused)
{
	(void)unused;
	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 111, 222 }) < 0)
		_exit(126);
}

/* While dinit itself, their parent, takes what it may. */
static void test_program_started_has_original_limit_of_files(struct scene *scene)
{
	struct run *run;

	add_programs(scene, "echo \"files $(ulimit -Sn) $(ulimit -Hn)\" >&2\n"
			    "echo \"dinit's $(grep 'Max open files' /proc/$PPID/limits)\" >&2");
	run = play_programs(scene,
			    &(struct run_spec){ .environment = TEXT, .prepare = lower_nofile },
			    "dinit's");
	expect_of_all(scene, run, "files 111 222");
	expect_of_all(scene, run, "dinit's Max open files +222 +222 +files *");
}

static void open_more(void *unused)
{
	int fd = open("/dev/zero", O_RDONLY);

	(void)unused;
	if (fd < 0 || dup2(fd, 7) < 0 || dup2(fd, 33) < 0 || (fd != 7 && fd != 33 && close(fd) < 0))
		_exit(126);
}

/* What ls opens itself is 3. */
#define SHOW_FDS "fds=$(ls /proc/self/fd | sort -n | tr '\\n' ' '); echo \"fds $fds\" >&2"

static void test_program_started_has_no_descriptor_of_dinit(struct scene *scene)
{
	struct run *run;

	add_programs(scene, SHOW_FDS);
	scene_service(scene, "a", "exec sleep 1000");
	run = play_programs(scene, &(struct run_spec){ .environment = TEXT }, "fds");
	expect_of_all(scene, run, "fds 0 1 2 3 ");
}

static void test_program_started_has_descriptors_given_to_dinit(struct scene *scene)
{
	struct run *run;

	add_programs(scene, SHOW_FDS
		     "; echo \"given $(readlink /proc/$$/fd/7) $(readlink /proc/$$/fd/33)\" >&2");
	run = play_programs(scene, &(struct run_spec){ .environment = TEXT, .prepare = open_more },
			    "given");
	expect_of_all(scene, run, "fds 0 1 2 3 7 33 ");
	expect_of_all(scene, run, "given /dev/zero /dev/zero");
}

/* Also where the service's stdout is a logging program's stdin, which that can open as well. */
static void test_program_without_root_can_open_its_streams(struct scene *scene)
{
	static const char drop[] = "exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '"
				   "echo by stdout >/dev/stdout; echo by stderr >/dev/stderr; echo "
				   "appended >>/dev/stdout'";
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_service(scene, "logged", drop);
	scene_script(scene, "services/logged/log/run",
		     "exec setpriv --reuid 65534 --regid 65534 --clear-groups cat /dev/stdin");
	scene_service(scene, "web", drop);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_SKIP=logged") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: by stdout$");
	run_expect_line(run, RUN_STDERR, " web/run: by stderr$");
	run_expect_line(run, RUN_STDOUT, " web/run: appended$");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_SKIP=web") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " logged/run: by stdout$");
	run_expect_line(run, RUN_STDERR, " logged/run: by stderr$");
	run_expect_line(run, RUN_STDOUT, " logged/run: appended$");
	run_expect_no_line(run, RUN_STDERR, "denied");
}

static void test_services_started_in_byte_order_of_names(struct scene *scene)
{
	static const char *const names[] = { "10",  "9",   "B",   "_",  "a",
					     "a b", "a-b", "a.b", "ab", "\xc3\xa9" };
	struct run *run;
	const char *at;

	for (size_t i = COUNT(names); i-- > 0;)
		scene_service(scene, names[i], "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=info",
								       "LC_ALL=en_US.UTF-8") });
	run_wait_lines(run, RUN_STDERR, "/run: running with PID ", COUNT(names));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	at = run->outputs[RUN_STDERR].bytes;
	for (size_t i = 0; i < COUNT(names); i++) {
		at = strstr(at, scene_format(scene, " %s/run: starting\n", names[i]));
		assert_non_null(at);
	}
}

/* "None waiting for another": each waits here until all are there. */
static void test_services_started_all_at_once(struct scene *scene)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct run *run;

	for (size_t i = 0; i < COUNT(names); i++) {
		scene_service(scene, names[i],
			      "echo up; read go <\"$SCENE/go\"; echo together; exec sleep 1000");
		scene_script(scene, scene_format(scene, "services/%s/log/run", names[i]),
			     "exec cat");
	}
	scene_fifo(scene, "go");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_lines(run, RUN_STDOUT, ": up$", COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++)
		scene_let_go(scene, "go");
	run_wait_lines(run, RUN_STDOUT, ": together$", COUNT(names));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- what cannot be executed ---- */

/* Service a is up, then b cannot be started: it is said, a is told to stop, c is not started,
 * exit 1. */
static void expect_start_failure(struct scene *scene, const struct run_spec *spec,
				 const char *program, const char *reason)
{
	struct run *run;

	scene_service(scene, "a", "exec sleep 1000");
	scene_service(scene, "c", "exec sleep 1000");
	scene_script(scene, "services/c/terminate", "echo told; kill $DINIT_PID");
	run = run_start(scene, spec);
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, STAMP " dinit: error: .*%s.*%s", program, reason));
	run_expect_no_line(run, RUN_STDOUT, "c/term");
	run_expect_no_line(run, RUN_STDERR, "PID -1");
}

static void test_exec_refused_says_why_and_ends_with_1(struct scene *scene)
{
	static const struct {
		const char *content, *reason;
	} cases[] = {
		{ "#!/no/such/interpreter\necho never\n", "interpreter /no/such/interpreter" },
		{ "echo never\n", "#!" },
		{ "", "(#!|empty)" },
		{ "#!/bin/sh\r\necho never\r\n", "carriage return" },
		{ "#!\necho never\n", "interpreter" },
		{ "#! /etc\n", "/etc" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		scene_file(scene, "services/b/run", 0755, cases[i].content);
		expect_start_failure(scene, &(struct run_spec){ .environment = TEXT }, "b/run",
				     cases[i].reason);
	}
}

static void test_exec_refused_to_logging_program_says_why_and_ends_with_1(struct scene *scene)
{
	scene_service(scene, "b", "echo never >\"$SCENE/never\"; exec sleep 1000");
	scene_file(scene, "services/b/log/run", 0755, "#!/no/such/interpreter\n");
	expect_start_failure(scene, &(struct run_spec){ .environment = TEXT }, "b/log",
			     "interpreter /no/such/interpreter");
}

/* An ELF file with the header of a machine that this is not. */
static void test_exec_of_other_architecture_is_named(struct scene *scene)
{
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_AARCH64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof header,
	};
	int fd;

#ifdef __aarch64__
	header.e_machine = EM_X86_64;
#endif
	scene_file(scene, "services/b/run", 0755, "");
	fd = open(scene_path(scene, "services/b/run"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, &header, sizeof header), sizeof header);
	close(fd);
	expect_start_failure(scene, &(struct run_spec){ .environment = TEXT }, "b/run",
			     "(aarch64|x86_64)");
}

static void mount_noexec(void *ctx)
{
	const struct scene *scene = ctx;
	char path[4096];

	snprintf(path, sizeof path, "%s/services", scene->dir);
	if (mount(path, path, NULL, MS_BIND, NULL) < 0 ||
	    mount("none", path, NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL) < 0)
		_exit(126);
}

static void test_exec_on_noexec_mount_is_named(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "b", "echo never");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT,
						   .prepare = mount_noexec,
						   .prepare_ctx = scene });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, " dinit: error: .*b/run.*noexec");
}

/* The services that were started before are stopped in order: they may say their last words. */
static void test_exec_refused_after_start_of_others_stops_them(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a",
		      "trap '' TERM; echo up; echo mark >\"$SCENE/up\"; read go <\"$SCENE/go\"; "
		      "echo last words");
	scene_script(scene, "services/a/terminate", "echo now >\"$SCENE/go\"");
	scene_fifo(scene, "go");
	scene_file(scene, "services/b/run", 0755, "#!/no/such\n");
	scene_service(scene, "c", "echo never; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDOUT, " a/run: last words$");
	run_expect_no_line(run, RUN_STDOUT, "never");
}

/* Nobody outside has asked for this teardown either. */
static void test_exec_refused_beside_service_that_stays_has_a_limit(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", "exec sleep 1000");
	scene_script(scene, "services/a/terminate", "exit 0");
	scene_file(scene, "services/b/run", 0755, "#!/no/such\n");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_STOP_TIMEOUT=0.3") });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			" dinit: warning: a/run: PID [0-9]+ is still running: killing it$");
}

/* ---- plain forms ---- */

static void test_line_as_text_has_time_service_and_stage(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo 'to  stdout '; echo '{\"a\":1}'; echo 'to stderr' >&2");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "^" STAMP " web/run: to  stdout $");
	run_expect_line(run, RUN_STDOUT, "^" STAMP " web/run: \\{\"a\":1\\}$");
	run_expect_line(run, RUN_STDERR, "^" STAMP " web/run: to stderr$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 2);
}

static void test_line_as_json_gets_fields_at_its_end(struct scene *scene)
{
	static const char fields[] =
		"\"service\":\"web\",\"stage\":\"run\",\"logged\":\"" STAMP "\"\\}$";
	struct run *run;

	scene_service(
		scene, "web",
		"echo '{\"a\":1}'; echo '{}'; echo ' { } '; echo plain; echo '{\"e\":1}' >&2");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, scene_format(scene, "^\\{\"a\":1,%s", fields));
	run_expect_line(run, RUN_STDOUT, scene_format(scene, "^\\{%s", fields));
	assert_int_equal(run_count_lines(run, RUN_STDOUT, fields), 3);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 3);
	run_expect_line(run, RUN_STDERR, "^" STAMP " dinit: warning: web/run: .*plain$");
	run_expect_line(run, RUN_STDERR, "^" STAMP " web/run: \\{\"e\":1\\}$");
}

/* Both streams of these are of their stage. */
static void test_line_of_other_program_has_stage(struct scene *scene)
{
	struct run *run;

	add_programs(scene, "echo one; echo two >&2");
	run = play_programs(scene, &(struct run_spec){ .environment = TEXT }, "two");
	for (size_t i = 0; i < COUNT(others); i++) {
		const char *stage = others[i].stage;

		run_expect_line(run, RUN_STDOUT,
				scene_format(scene, "^" STAMP " web/%s: one$", stage));
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, "^" STAMP " web/%s: two$", stage));
	}
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

/* A logging program's stdout is the service's, its stderr its own; both streams of terminate are
 * stage term. */
static void test_line_of_logging_program_and_terminate_has_stage(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap '' TERM; echo one; echo two >&2; read go <\"$SCENE/go\"");
	scene_script(scene, "services/web/log/run",
		     "echo three >&2; while read -r line; do echo \"logged $line\"; done");
	scene_script(scene, "services/web/terminate",
		     "echo four; echo five >&2; echo now >\"$SCENE/go\"");
	scene_fifo(scene, "go");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, "^" STAMP " web/run: logged one$");
	run_wait_line(run, RUN_STDERR, "^" STAMP " web/run: two$");
	run_wait_line(run, RUN_STDERR, "^" STAMP " web/log: three$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "^" STAMP " web/term: four$");
	run_expect_line(run, RUN_STDERR, "^" STAMP " web/term: five$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 2);
}

static int64_t parse_stamp_ms(const char *stamp)
{
	struct tm tm = { 0 };
	const char *rest = strptime(stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	int milliseconds;

	assert_non_null(rest);
	assert_int_equal(sscanf(rest, ".%3dZ", &milliseconds), 1);
	return (int64_t)timegm(&tm) * 1000 + milliseconds;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define MANY 20

static void allow_few_files(void *ctx)
{
	(void)ctx;
	/* Two for each service, and some more. */
	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 2 * MANY + 40, 2 * MANY + 40 }) < 0)
		_exit(98);
}

/* The descriptors that checks need are not missing when services are started, and checks that find
 * none are run later. */
static void test_services_started_before_checks_take_descriptors(struct scene *scene)
{
	struct run *run;

	for (unsigned i = 0; i < MANY; i++) {
		scene_service(scene, scene_format(scene, "s%u", i), "exec sleep 1000");
		scene_script(scene, scene_format(scene, "services/s%u/check", i), "exec sleep 0.5");
	}
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=info"),
						   .prepare = allow_few_files });
	run_wait_line(run, RUN_STDERR, "info: all services are ready after ");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* UTC whatever the time zone, and when the line was read: of a line that came before the next
 * event, earlier than it. */
static void test_time_of_line_is_utc_and_when_it_was_read(struct scene *scene)
{
	int64_t before, between, after;
	struct run *run;

	scene_service(scene, "web",
		      "echo first; read go <\"$SCENE/go\"; echo '{\"second\":2}' >&2");
	scene_fifo(scene, "go");
	before = now_ms();
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "TZ=Asia/Tokyo") });
	run_wait_line(run, RUN_STDOUT, "first");
	between = now_ms();
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	after = now_ms();
	assert_in_range(parse_stamp_ms(run_match(run, RUN_STDOUT, "^([^ ]+) .*first", 1)), before,
			between);
	assert_in_range(parse_stamp_ms(run_match(run, RUN_STDERR, "^([^ ]+) .*second", 1)), between,
			after);
	assert_in_range(parse_stamp_ms(run_match(run, RUN_STDERR, "^([^ ]+) dinit: warning", 1)),
			between, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_program_started_has_absolute_path_and_own_directory),
		SCENE(test_program_started_is_told_about_run),
		SCENE(test_program_started_has_its_streams),
		SCENE(test_program_started_has_no_signal_blocked_or_ignored),
		SCENE(test_program_started_has_original_limit_of_files),
		SCENE(test_program_started_has_no_descriptor_of_dinit),
		SCENE(test_program_started_has_descriptors_given_to_dinit),
		SCENE(test_program_without_root_can_open_its_streams),
		SCENE(test_services_started_in_byte_order_of_names),
		SCENE(test_services_started_all_at_once),
		SCENE(test_services_started_before_checks_take_descriptors),
		SCENE(test_exec_refused_says_why_and_ends_with_1),
		SCENE(test_exec_refused_to_logging_program_says_why_and_ends_with_1),
		SCENE(test_exec_of_other_architecture_is_named),
		SCENE_AS_INIT(test_exec_on_noexec_mount_is_named),
		SCENE(test_exec_refused_after_start_of_others_stops_them),
		SCENE(test_exec_refused_beside_service_that_stays_has_a_limit),
		SCENE(test_line_as_text_has_time_service_and_stage),
		SCENE(test_line_as_json_gets_fields_at_its_end),
		SCENE(test_line_of_other_program_has_stage),
		SCENE(test_line_of_logging_program_and_terminate_has_stage),
		SCENE(test_time_of_line_is_utc_and_when_it_was_read),
	};

	return scene_run_side_by_side("start", tests, COUNT(tests));
}
