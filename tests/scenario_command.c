/* SPDX-License-Identifier: ISC */
/* A command beside the services, or alone, where no terminal is: what it gets, what becomes of its
 * output and its signals, and what its end does. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* SIGRTMIN+3 and +4, as the kernel counts */
#define SYSTEMD_HALT 37
#define SYSTEMD_POWEROFF 38
/* what cat passes on in the test of its volume */
#define VOLUME (256UL << 20)
#define CHUNK 65536UL
/* in which some of it passes */
#define PASSAGE_MS 20000

/* What most of these runs have in their environment. */
#define TEXT "DINIT_JSON_STDOUT=0"
#define INFO "DINIT_LOG_LEVEL=info"

/* A service that ends when it is told to, and says so. */
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING
/* A line of the label of a command that is a shell. */
#define LABEL "^[0-9T:.Z-]+ sh/run: "

#define SHELL(...) LIST("sh", "-c", __VA_ARGS__)

/* Starts a shell as the command. */
static struct run *start_shell(struct scene *scene, const char *body,
			       const char *const *environment)
{
	return run_start(scene, &(struct run_spec){ .arguments = SHELL(body),
						    .environment = environment });
}

/* A shell that waits, and says when it does; traps may stand before. */
static struct run *start_waiting(struct scene *scene, const char *traps,
				 const char *const *environment)
{
	struct run *run =
		start_shell(scene, scene_format(scene, "%s; echo waiting; " SCENE_TRAPPING, traps),
			    environment);

	run_wait_line(run, RUN_STDOUT, "waiting$");
	return run;
}

/* Fails unless the run wrote exactly that. */
static void expect_bytes(struct run *run, enum run_stream stream, const char *expected, size_t len)
{
	const struct run_output *output = &run->outputs[stream];

	if (output->len != len || (len > 0 && memcmp(output->bytes, expected, len) != 0))
		scene_fail("expected %zu other bytes: %s", len, expected);
}

static void expect_text(struct run *run, enum run_stream stream, const char *expected)
{
	expect_bytes(run, stream, expected, strlen(expected));
}

/* Fails unless the first line that matches `before` stands before the first that matches the
 * other. */
static void expect_order(struct run *run, enum run_stream stream, const char *before,
			 const char *after)
{
	const char *bytes = run->outputs[stream].bytes;
	const char *first = strstr(bytes, run_expect_line(run, stream, before)),
		   *second = strstr(bytes, run_expect_line(run, stream, after));

	if (first >= second)
		scene_fail("\"%s\" does not come before \"%s\"", before, after);
}

/* Fails unless dinit said so many errors and warnings. */
static void expect_complaints(struct run *run, size_t count)
{
	if (run_count_lines(run, RUN_STDERR, " dinit: (error|warning): ") != count)
		scene_fail("there are not %zu errors and warnings", count);
}

static void forbid_cores(void *ctx)
{
	const struct rlimit none = { 0, 0 };

	(void)ctx;
	setrlimit(RLIMIT_CORE, &none);
}

/* ---- how it ends ---- */

static void test_each_exit_status_is_dinits(struct scene *scene)
{
	for (int status = 0; status < 256; status++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){
					  .arguments = SHELL("exit $1", "sh",
							     scene_format(scene, "%d", status)) });

		run_expect_exit(run, status);
		expect_text(run, RUN_STDOUT, "");
		expect_text(run, RUN_STDERR, "");
	}
}

static void test_death_by_signal_is_128_and_the_signal(struct scene *scene)
{
	static const int deadly[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,
				      SIGBUS,  SIGFPE,  SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2,
				      SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM,
				      SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  34,      64 };

	for (size_t i = 0; i < COUNT(deadly); i++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){
					  .arguments = SHELL("kill -$1 $$", "sh",
							     scene_format(scene, "%d", deadly[i])),
					  .prepare = forbid_cores });

		run_expect_exit(run, 128 + deadly[i]);
		/* What nobody else can have said: all but Ctrl-C, Ctrl-\ and a closed pipe. */
		if (deadly[i] == SIGINT || deadly[i] == SIGQUIT || deadly[i] == SIGPIPE) {
			expect_text(run, RUN_STDERR, "");
			continue;
		}
		run_expect_line(
			run, RUN_STDERR,
			scene_format(scene, "error: sh/run: PID [0-9]+ was killed by signal %d \\(",
				     deadly[i]));
	}
}

static void test_status_115_ends_the_container_with_115(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start_shell(scene, "exit 115", LIST(TEXT));
	run_expect_exit(run, 115);
	run_expect_line(run, RUN_STDERR, "error: sh/run: PID [0-9]+ exited with status 115");
	run_expect_no_line(run, RUN_STDERR, "disabled");
}

static void test_exit_status_is_the_commands_whatever_the_setting(struct scene *scene)
{
	run_expect_exit(start_shell(scene, "exit 7", LIST("DINIT_EXIT_STATUS=dinit")), 7);
	run_expect_exit(start_shell(scene, "exit 7", LIST("DINIT_EXIT_STATUS=service")), 7);
}

static void test_usual_end_alone_is_silent_and_told_at_info(struct scene *scene)
{
	struct run *run = start_shell(scene, "echo out; echo err >&2; exit 1", NULL);

	run_expect_exit(run, 1);
	expect_text(run, RUN_STDOUT, "out\n");
	expect_text(run, RUN_STDERR, "err\n");
	run = start_shell(scene, "exit 1", LIST(INFO));
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			"info: sh/run: PID [0-9]+ exited with status 1, stopping the container$");
	run_expect_line(run, RUN_STDERR, "info: stopped after .* with status 1: sh/run: PID ");
	expect_complaints(run, 0);
}

static void test_failure_with_lines_tells_the_last_words(struct scene *scene)
{
	struct run *run = start_shell(scene, "echo out; echo no such table >&2; exit 4",
				      LIST(TEXT, "DINIT_COMMAND_OUTPUT=lines"));

	run_expect_exit(run, 4);
	run_expect_line(run, RUN_STDERR,
			"error: sh/run: PID [0-9]+ exited with status 4, stopping the container; "
			"its last line was: no such table$");
	run_expect_line(run, RUN_STDERR, "error: stopped after .* with status 4: sh/run: ");
}

static void test_success_beside_services_is_told_at_info(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start_shell(scene, "true", LIST(TEXT));
	run_expect_exit(run, 0);
	expect_complaints(run, 0);
}

static void test_process_left_in_background_is_a_warning(struct scene *scene)
{
	struct run *run = start_shell(scene, "sleep 1000 & exit 0", NULL);

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			"warning: sh/run: PID [0-9]+ exited with status 0; it left (sleep|sh) "
			"\\(PID [0-9]+\\) in the background");
}

static void test_cause_goes_to_termination_log(struct scene *scene)
{
	const char *log = scene_format(scene, "DINIT_TERMINATION_LOG=%s", scene_path(scene, "log"));
	struct run *run;

	scene_file(scene, "log", 0666, "");
	run = start_shell(scene, "exit 6", LIST(log));
	run_expect_exit(run, 6);
	assert_non_null(strstr(scene_read(scene, "log"), "exited with status 6"));
	assert_memory_equal(scene_read(scene, "log"), "sh/run: PID ", 12);
}

/* ---- what it is given ---- */

#define PRINT_EACH "printf", "[%s]\n"

static void test_arguments_pass_as_they_are(struct scene *scene)
{
	static const char expected[] = "[]\n[a  b]\n[x\ny\n]\n[-v]\n[--]\n[--check]\n[]\n";
	struct run *run =
		run_start(scene,
			  &(struct run_spec){ .arguments = LIST(PRINT_EACH, "", "a  b", "x\ny\n",
								"-v", "--", "--check", "") });

	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, expected);
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--", PRINT_EACH, "", "a  b",
								     "x\ny\n", "-v", "--",
								     "--check", "") });
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, expected);
}

static void test_command_with_dash_follows_dashes(struct scene *scene)
{
	struct run *run;

	scene_script(scene, "bin/-odd", "echo $# $0");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--", "-odd", "1") });
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, scene_format(scene, "1 %s\n", scene_path(scene, "bin/-odd")));
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("-odd") });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "^usage: dinit");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("--") });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "no command follows --");
}

static void test_command_is_found_by_path(struct scene *scene)
{
	const char *path = scene_format(scene, "PATH=/nowhere:%s:%s:/usr/bin:/bin",
					scene_path(scene, "first"), scene_path(scene, "second"));
	struct run *run;

	scene_file(scene, "first/tool", 0644, "#!/bin/sh\necho first\n");
	scene_script(scene, "second/tool", "echo second");
	run = run_start(scene,
			&(struct run_spec){ .arguments = LIST("tool"), .environment = LIST(path) });
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "second\n");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("sh", "-c", "echo found"),
						   .environment = LIST("PATH") });
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "found\n");
}

static void enter_directory(void *ctx)
{
	if (chdir(ctx) < 0)
		_exit(126);
}

static void test_working_directory_is_dinits(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = LIST("pwd"),
							       .prepare = enter_directory,
							       .prepare_ctx = scene->services });

	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, scene_format(scene, "%s\n", scene->services));
	scene_script(scene, "services/../services.sh", "echo here");
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("../services.sh"),
						   .prepare = enter_directory,
						   .prepare_ctx = scene->services });
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "here\n");
}

/* The environment is compared with what env(1) has where dinit is not. */
static void test_environment_is_dinits_without_notify_socket(struct scene *scene)
{
	struct run *bare = run_start(scene,
				     &(struct run_spec){ .program = "/usr/bin/env",
							 .environment = LIST("A=b c\nd", INFO) }),
		   *run;

	run_expect_exit(bare, 0);
	run = run_start(scene,
			&(struct run_spec){
				.arguments = LIST("env"),
				.environment = LIST("A=b c\nd", "NOTIFY_SOCKET=/none", INFO) });
	run_expect_exit(run, 0);
	expect_bytes(run, RUN_STDOUT, bare->outputs[RUN_STDOUT].bytes,
		     bare->outputs[RUN_STDOUT].len);
}

static void test_stdin_passes_byte_for_byte(struct scene *scene)
{
	static const char bytes[] = "a\0b\n\n\377\376\r\n{\"a\":1}\nno newline";
	struct run *run =
		run_start(scene, &(struct run_spec){ .arguments = LIST("cat"), .in = RUN_FD_PIPE });

	run_write(run, bytes, sizeof bytes - 1);
	run_end_input(run);
	run_expect_exit(run, 0);
	expect_bytes(run, RUN_STDOUT, bytes, sizeof bytes - 1);
	expect_text(run, RUN_STDERR, "");
}

/* What is not read by the command is there for who comes after dinit: a shell that reads on. */
static void test_stdin_that_is_not_read_is_left_alone(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "readlink /proc/self/fd/0; exec sleep 1000");
	scene_file(scene, "input", 0644, "first\nsecond\n");
	run = run_start(scene, &(struct run_spec){
				       .arguments = SHELL("read line; cat /proc/$PPID/fdinfo/0; "
							  "echo \"$line\"; read go <\"$SCENE/go\""),
				       .environment = LIST(TEXT),
				       .in = RUN_FD_FILE,
				       .in_path = "input" });
	run_wait_line(run, RUN_STDOUT, " web/run: /dev/null$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, LABEL "pos:[^0-9]*6$");
	run_expect_line(run, RUN_STDOUT, LABEL "first$");
}

/* Pseudo random bytes, the same for the same place. */
static void fill(uint64_t *state, unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof *state) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		memcpy(bytes + i, state, sizeof *state);
	}
}

/* One direction of the volume: how many bytes have passed, of which those of the chunk are
 * the next. */
struct passage {
	uint64_t state;
	size_t total, at;
	unsigned char chunk[CHUNK];
};

/* Gets the next chunk ready, if this one has passed; returns how many bytes of it are left. */
static size_t have_chunk(struct passage *passage)
{
	if (passage->total % CHUNK == 0 && passage->at != passage->total / CHUNK + 1) {
		fill(&passage->state, passage->chunk, CHUNK);
		passage->at = passage->total / CHUNK + 1;
	}
	return CHUNK - passage->total % CHUNK;
}

static void pass_in(struct run *run, struct passage *in)
{
	size_t left = have_chunk(in);
	ssize_t len = write(run->in_fd, in->chunk + in->total % CHUNK, left);

	if (len < 0)
		scene_fail("stdin: %s", strerror(errno));
	in->total += (size_t)len;
	if (in->total == VOLUME)
		run_end_input(run);
}

/* Returns false at the end. */
static bool pass_out(struct run *run, struct passage *out)
{
	unsigned char got[CHUNK];
	ssize_t len = read(run->outputs[RUN_STDOUT].fd, got, have_chunk(out));

	if (len < 0)
		scene_fail("stdout: %s", strerror(errno));
	if (memcmp(got, out->chunk + out->total % CHUNK, (size_t)len) != 0)
		scene_fail("the bytes from %zu on are others", out->total);
	out->total += (size_t)len;
	return len > 0;
}

static void test_large_volume_passes_untouched(struct scene *scene)
{
	static struct passage in, out;
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(PASSAGE_MS);
	struct run *run;
	bool more = true;

	in = out = (struct passage){ .state = 88172645463325252 };
	run = run_start(scene, &(struct run_spec){ .arguments = LIST("cat"), .in = RUN_FD_PIPE });
	fcntl(run->in_fd, F_SETFL, O_NONBLOCK);
	while (more && scene_now_ms() < until_ms) {
		struct pollfd polled[] = { { .fd = run->in_fd, .events = POLLOUT },
					   { .fd = run->outputs[RUN_STDOUT].fd,
					     .events = POLLIN } };

		poll(polled, COUNT(polled), 1000);
		if (polled[0].revents & POLLERR)
			scene_fail("nobody reads stdin");
		if (polled[0].revents)
			pass_in(run, &in);
		if (polled[1].revents) {
			more = pass_out(run, &out);
			until_ms = scene_now_ms() + scene_deadline_ms(PASSAGE_MS);
		}
	}
	assert_int_equal(out.total, VOLUME);
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDERR, "");
}

static void test_closed_descriptors_are_no_obstacle(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = SHELL("cat; exit 9"),
							       .in = RUN_FD_CLOSED });

	run_expect_exit(run, 9);
	expect_text(run, RUN_STDERR, "");
	run = run_start(scene, &(struct run_spec){ .arguments = SHELL("echo a; echo b >&2; exit 9"),
						   .out = RUN_FD_CLOSED });
	run_expect_exit(run, 9);
	run_expect_line(run, RUN_STDERR, "^b$");
	run = run_start(scene, &(struct run_spec){ .arguments = SHELL("echo a; echo b >&2; exit 9"),
						   .err = RUN_FD_CLOSED });
	run_expect_exit(run, 9);
	run_expect_line(run, RUN_STDOUT, "^a$");
	run = run_start(scene,
			&(struct run_spec){ .arguments = SHELL("cat; echo a; echo b >&2; exit 9"),
					    .in = RUN_FD_CLOSED,
					    .out = RUN_FD_CLOSED,
					    .err = RUN_FD_CLOSED });
	run_expect_exit(run, 9);
}

/* ---- its output ---- */

static void expect_raw(struct scene *scene, const char *const *environment)
{
	struct run *run =
		start_shell(scene, "printf 'a\\0\\n\\nb'; printf '{}\\nc' >&2", environment);

	run_expect_exit(run, 0);
	expect_bytes(run, RUN_STDOUT, "a\0\n\nb", 5);
	expect_text(run, RUN_STDERR, "{}\nc");
}

static void test_output_alone_is_raw(struct scene *scene)
{
	expect_raw(scene, NULL);
	expect_raw(scene, LIST("DINIT_COMMAND_OUTPUT=auto", "DINIT_JSON_STDERR=wrap"));
	expect_raw(scene, LIST("DINIT_DIR=/nowhere/at/all", "DINIT_LOG_LEVEL=error"));
}

static void test_output_beside_what_is_skipped_is_raw(struct scene *scene)
{
	scene_service(scene, "web", POLITE);
	expect_raw(scene, LIST("DINIT_SKIP=*"));
	expect_raw(scene, LIST("DINIT_SKIP=other,*,web", "DINIT_LOG_LEVEL=none"));
	expect_raw(scene, LIST("DINIT_SKIP=web"));
	scene_file(scene, "services/web/down", 0644, "");
	expect_raw(scene, NULL);
}

static void test_output_beside_a_service_is_lines(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start_shell(scene, "printf 'a\\n\\nb'; printf 'c' >&2", LIST(TEXT));
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, LABEL "a$");
	run_expect_line(run, RUN_STDOUT, LABEL "b$");
	run_expect_line(run, RUN_STDERR, LABEL "c$");
}

static void test_output_lines_alone_is_lines(struct scene *scene)
{
	struct run *run =
		start_shell(scene, "echo a; echo b >&2", LIST(TEXT, "DINIT_COMMAND_OUTPUT=lines"));

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, LABEL "a$");
	run_expect_line(run, RUN_STDERR, LABEL "b$");
}

static void test_output_json_is_labelled(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exec sleep 1000");
	run = start_shell(scene, "echo '{\"a\":1}'; echo plain", NULL);
	run_expect_exit(run, 0);
	run_expect_line(
		run, RUN_STDOUT,
		"^\\{\"a\":1,\"service\":\"sh\",\"stage\":\"run\",\"logged\":\"[^\"]+\"\\}$");
	run_expect_line(run, RUN_STDERR, "warning: sh/run: .*plain");
}

/* The service's lines are as ever. */
static void test_output_raw_beside_a_service(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_fifo(scene, "heard");
	scene_service(
		scene, "web",
		"echo up; read line <\"$SCENE/go\"; echo on; echo >\"$SCENE/heard\"; " POLITE);
	run = start_shell(scene,
			  "echo raw; echo bad >&2; echo >\"$SCENE/go\"; "
			  "read line <\"$SCENE/heard\"; exit 1",
			  LIST(TEXT, "DINIT_COMMAND_OUTPUT=raw"));
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDOUT, "^raw$");
	run_expect_line(run, RUN_STDERR, "^bad$");
	run_expect_line(run, RUN_STDOUT, "^[0-9T:.Z-]+ web/run: up$");
	run_expect_line(run, RUN_STDOUT, "^[0-9T:.Z-]+ web/run: on$");
	expect_complaints(run, 0);
}

static void test_output_on_terminal_is_raw_beside_a_service(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .arguments = SHELL("echo raw; tty"),
						   .environment = LIST(TEXT),
						   .out = RUN_FD_TTY });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDOUT, "^raw$");
	run_expect_line(run, RUN_STDOUT, "^not a tty$");
}

/* What dinit writes to a pipe that does not block is for nobody else to notice. */
static void test_raw_output_still_blocks(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo up; exec sleep 1000");
	run = start_shell(scene, "grep flags /proc/self/fdinfo/1 /proc/self/fdinfo/2 >&2",
			  LIST(TEXT, "DINIT_COMMAND_OUTPUT=raw"));
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "fdinfo/[12]:flags:[^0-9]+0*1$"), 2);
}

/* As with docker exec and a raw command. */
static void test_raw_output_leaves_dinits_own_descriptors(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exec sleep 1000");
	run = start_shell(scene, "echo own >/proc/$PPID/fd/1",
			  LIST(TEXT, "DINIT_COMMAND_OUTPUT=raw"));
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "own\n");
}

static void test_full_pipe_of_raw_output_holds_up_nothing(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo up >&2; exec sleep 1000");
	scene_script(scene, "services/web/control/h", "echo heard >&2");
	run = run_start(scene, &(struct run_spec){
				       .arguments = LIST("yes"),
				       .environment = LIST(TEXT, "DINIT_COMMAND_OUTPUT=raw") });
	run_wait_line(run, RUN_STDOUT, "^y$");
	run_pause(run, RUN_STDOUT);
	run_wait_line(run, RUN_STDERR, "web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 143);
}

/* ---- its name ---- */

static void expect_name(struct scene *scene, const char *command, const char *name)
{
	struct run *run =
		run_start(scene, &(struct run_spec){
					 .arguments = LIST(command, "-c", "echo named"),
					 .environment = LIST(TEXT, "DINIT_COMMAND_OUTPUT=lines") });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, scene_format(scene, "Z %s/run: named$", name));
}

static void test_name_is_the_base_name_or_command(struct scene *scene)
{
	expect_name(scene, "/bin/sh", "sh");
	scene_service(scene, "sh", "exec sleep 1000");
	expect_name(scene, "sh", "command");
	scene_service(scene, "command", "exec sleep 1000");
	expect_name(scene, "/bin/sh", "command2");
}

static void test_skip_of_its_name_does_not_skip_it(struct scene *scene)
{
	struct run *run = start_shell(scene, "exit 6", LIST("DINIT_SKIP=sh"));

	run_expect_exit(run, 6);
	run_expect_line(run, RUN_STDERR, "warning: DINIT_SKIP names \"sh\", but there is no such");
}

/* ---- the directory of services ---- */

static void test_missing_and_empty_directories_are_no_error(struct scene *scene)
{
	struct run *run = start_shell(scene, "echo on; exit 5", LIST("DINIT_DIR=/nowhere"));

	/* Whoever has named it may have misspelled it. */
	run_expect_exit(run, 5);
	run_expect_line(run, RUN_STDERR,
			"warning: DINIT_DIR: /nowhere does not exist: the command "
			"runs without services$");
	run = start_shell(scene, "echo on; exit 5", NULL);
	run_expect_exit(run, 5);
	expect_text(run, RUN_STDERR, "");
}

static void hide_etc(void *ctx)
{
	(void)ctx;
	if (mount("none", "/etc", "tmpfs", 0, NULL) < 0)
		_exit(99);
}

static void test_missing_directory_that_nobody_named_is_passed_over(struct scene *scene)
{
	struct run *run =
		run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_DIR"),
						     .arguments = LIST("sh", "-c", "exit 5"),
						     .prepare = hide_etc });

	run_expect_exit(run, 5);
	expect_text(run, RUN_STDERR, "");
}

static void test_bad_directories_are_errors(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "file", 0644, "");
	run = start_shell(scene, "echo on",
			  LIST(scene_format(scene, "DINIT_DIR=%s", scene_path(scene, "file"))));
	run_expect_exit(run, 1);
	expect_text(run, RUN_STDOUT, "");
	scene_mkdir(scene, "services/web");
	run = start_shell(scene, "echo on", NULL);
	run_expect_exit(run, 1);
	expect_text(run, RUN_STDOUT, "");
	run_expect_line(run, RUN_STDERR, "error: .*web/run");
}

#define SECOND ": dinit runs these services already, as PID 1: "

/* What somebody types who means dinit --status would start each service once more. */
static void test_command_of_exec_does_not_start_the_services_again(struct scene *scene)
{
	const char *dinit = scene_add_dinit(scene), *said = scene_path(scene, "said");
	struct run *run;
	int status;

	scene_need(geteuid() == 0, "nsenter needs root");
	scene_need_program("nsenter");
	scene_service(scene, "app", "echo up; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(TEXT) });
	run_wait_line(run, RUN_STDOUT, " app/run: up$");
	status = system(
		scene_format(scene,
			     "DINIT_DIR=%s nsenter -t %d -p -m %s status >%s 2>&1 </dev/null",
			     scene->services, (int)run->pid, dinit, said));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(scene_read(scene, "said"), SECOND));
	/* In a shell, whatever the path and the name. */
	status = system(scene_format(
		scene,
		"ln %s %s-2 && DINIT_DIR=%s/. nsenter -t %d -p -m sh -c '%s-2; exit $?' >%s 2>&1",
		dinit, dinit, scene->services, (int)run->pid, dinit, said));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(scene_read(scene, "said"), SECOND));
	/* Where no service would be started it is a command like any other. */
	status = system(scene_format(
		scene, "DINIT_DIR=%s DINIT_SKIP='*' nsenter -t %d -p -m %s sh -c 'exit 9' >%s 2>&1",
		scene->services, (int)run->pid, dinit, said));
	assert_int_equal(WEXITSTATUS(status), 9);
	/* In another container that shares the PIDs it is not PID 1 either, and runs its own. */
	scene_script(scene, "others/db/run", "exit 115");
	status = system(scene_format(
		scene,
		"DINIT_DIR=%s nsenter -t %d -p unshare -m sh -c 'mount -t proc proc /proc && "
		"exec %s sh -c \"exit 8\"' >%s 2>&1",
		scene_path(scene, "others"), (int)run->pid, dinit, said));
	assert_int_equal(WEXITSTATUS(status), 8);
	/* So does one that has another directory. */
	status = system(scene_format(scene,
				     "DINIT_DIR=%s nsenter -t %d -p -m %s sh -c 'exit 7' >%s 2>&1",
				     scene_path(scene, "others"), (int)run->pid, dinit, said));
	assert_int_equal(WEXITSTATUS(status), 7);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " app/run: up$"), 1);
}

/* An image whose entry point is dinit, and whose CMD is, too. */
static void test_command_that_is_dinit_does_not_start_the_services_again(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "app", "echo up; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(TEXT),
						   .arguments = LIST(scene_add_dinit(scene)) });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			": dinit runs these services already, as PID [0-9]*: this one would ");
	/* (It may be told to stop before it prints that.) */
	assert_true(run_count_lines(run, RUN_STDOUT, " app/run: up$") <= 1);
}

/* ---- among the services ---- */

static void test_command_is_started_last(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", "exec sleep 1000");
	scene_service(scene, "z", "exec sleep 1000");
	run = start_shell(scene, "exit 0", LIST(TEXT, INFO));
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "info: dinit .* runs a command, and 2 of 2 services in ");
	expect_order(run, RUN_STDERR, "info: a/run: running with PID ",
		     "info: z/run: running with PID ");
	expect_order(run, RUN_STDERR, "info: z/run: running with PID ", "info: sh/run: starting$");
}

/* The service's terminate sees what is left of the command: a file, while it runs. */
static void test_command_is_stopped_first(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "db", "exec sleep 1000");
	scene_script(scene, "services/db/terminate",
		     "test -e \"$SCENE/here\" && echo early; echo told; kill $DINIT_PID");
	run = start_waiting(scene,
			    "trap 'sleep 0.1; rm \"$SCENE/here\"; exit 5' TERM; "
			    ">\"$SCENE/here\"",
			    LIST(TEXT, INFO));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 5);
	run_expect_line(run, RUN_STDOUT, " db/term: told$");
	run_expect_no_line(run, RUN_STDOUT, "early");
	expect_order(run, RUN_STDERR, "info: sh/run: sending TERM to PID ",
		     "info: sh/run: PID [0-9]+ exited with status 5");
	expect_order(run, RUN_STDERR, "info: sh/run: PID [0-9]+ exited with status 5",
		     "info: db/run: .*terminate|info: db/term: ");
	expect_complaints(run, 0);
}

static void test_orphans_are_told_when_the_command_has_ended(struct scene *scene)
{
	struct run *run = start_waiting(scene,
					"trap 'sleep 0.1; exit 0' TERM; "
					"sh -c '(trap \"\" HUP; exec sleep 1000) &'",
					LIST(TEXT, INFO, "DINIT_KEEP=sleep"));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_order(run, RUN_STDERR, "info: sh/run: PID [0-9]+ exited with status 0",
		     "info: sleep/[0-9]+: sending TERM to PID ");
}

static void expect_service_first(struct scene *scene, const char *body, int status,
				 const char *const *environment)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "db", scene_format(scene, "read line <\"$SCENE/go\"; %s", body));
	scene_service(scene, "web", "exec sleep 1000");
	run = start_waiting(scene, "trap 'echo told; exit 9' TERM", environment);
	scene_let_go(scene, "go");
	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDOUT, LABEL "told$");
	expect_order(run, RUN_STDERR, "db/run: PID [0-9]+ exited",
		     "info: sh/run: sending TERM to PID ");
	expect_order(run, RUN_STDERR, "info: sh/run: PID [0-9]+ exited with status 9",
		     "info: web/run: sending TERM to PID ");
}

/* A command that may need the service that has failed is not begun. The end of that one is known
 * before the many behind it have been started. */
static void test_service_failing_during_the_start_leaves_the_command_out(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "a", "exit 7");
	for (int i = 0; i < 200; i++)
		scene_service(scene, scene_format(scene, "s%03d", i), "exec sleep 1000");
	run = start_shell(scene, "echo on", LIST(TEXT, INFO));
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: a/run: PID [0-9]+ exited with status 7");
	run_expect_no_line(run, RUN_STDERR, "sh/run: ");
	run_expect_line(run, RUN_STDERR, "info: s199/run: running with PID ");
}

static void test_service_failing_first_decides(struct scene *scene)
{
	expect_service_first(scene, "exit 7", 3, LIST(TEXT, INFO));
}

static void test_service_ending_first_decides(struct scene *scene)
{
	expect_service_first(scene, "exit 0", 0, LIST(TEXT, INFO));
}

static void test_service_failing_first_decides_with_its_status(struct scene *scene)
{
	expect_service_first(scene, "exit 7", 7, LIST(TEXT, INFO, "DINIT_EXIT_STATUS=service"));
}

static void test_service_never_ready_decides(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "db", "exec sleep 1000");
	scene_script(scene, "services/db/check", "exit 1");
	run = start_waiting(scene, "trap 'echo told; exit 9' TERM",
			    LIST(TEXT, INFO, scene_seconds(scene, "DINIT_READY_TIMEOUT", 3000)));
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, LABEL "told$");
	expect_order(run, RUN_STDERR, "info: sh/run: PID [0-9]+ exited with status 9",
		     "info: db/run: sending TERM to PID ");
}

static void test_optional_service_that_ends_changes_nothing(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "db", "exit 4");
	scene_file(scene, "services/db/optional", 0644, "");
	run = start_waiting(scene, "trap 'exit 6' TERM", LIST(TEXT, INFO));
	run_wait_line(run, RUN_STDERR, "warning: db/run: PID [0-9]+ exited with status 4");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 6);
}

static void test_service_that_disables_itself_changes_nothing(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "db", "exit 115");
	run = start_waiting(scene, "trap 'exit 6' TERM", LIST(TEXT, INFO));
	run_wait_line(run, RUN_STDERR, "db/run: PID [0-9]+ exited with status 115");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 6);
}

/* ---- signals ---- */

static void expect_passed(struct scene *scene, int sent, int got)
{
	struct run *run =
		start_waiting(scene,
			      "for s in 1 2 3 15 30 37; do trap \"echo got $s; exit $s\" $s; done",
			      LIST(INFO));

	run_signal(run, sent);
	run_expect_exit(run, got);
	run_expect_line(run, RUN_STDOUT, scene_format(scene, "^got %d$", got));
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, "info: signal %d .*: stopping the container$", sent));
	expect_complaints(run, 0);
}

static void test_stop_signals_pass(struct scene *scene)
{
	expect_passed(scene, SIGTERM, SIGTERM);
	expect_passed(scene, SIGINT, SIGINT);
	expect_passed(scene, SIGQUIT, SIGQUIT);
	expect_passed(scene, SIGPWR, SIGTERM);
	expect_passed(scene, SYSTEMD_HALT, SIGTERM);
	expect_passed(scene, SYSTEMD_POWEROFF, SIGTERM);
}

/* Without a trap: the command is killed by them. */
static void test_stop_signals_kill(struct scene *scene)
{
	static const struct {
		int sent, got;
	} cases[] = {
		{ SIGTERM, SIGTERM }, { SIGINT, SIGINT },        { SIGQUIT, SIGQUIT },
		{ SIGPWR, SIGTERM },  { SYSTEMD_HALT, SIGTERM }, { SYSTEMD_POWEROFF, SIGTERM }
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run *run =
			run_start(scene, &(struct run_spec){
						 .arguments = SHELL("echo up; exec sleep 1000"),
						 .prepare = forbid_cores });

		run_wait_line(run, RUN_STDOUT, "up");
		run_signal(run, cases[i].sent);
		run_expect_exit(run, 128 + cases[i].got);
		expect_text(run, RUN_STDERR, "");
	}
}

/* All that is no stop, KILL, or STOP. The first and second signal of libc's own (32, 33) are not
 * for a shell. */
static void test_other_signals_are_forwarded(struct scene *scene)
{
	static const int others[] = { SIGHUP,  SIGUSR1, SIGUSR2,   SIGALRM, SIGWINCH, SIGXCPU,
				      SIGXFSZ, SIGURG,  SIGVTALRM, SIGPROF, SIGIO,    SIGSTKFLT,
				      SIGCONT, SIGTSTP, SIGTTIN,   SIGTTOU, 34,       35,
				      36,      39,      50,        63,      64 };
	struct run *run = start_waiting(scene,
					"for s in 1 10 12 14 15 16 18 20 21 22 23 24 25 26 27 28 "
					"29 34 35 36 39 50 63 64; do "
					"trap \"echo got $s.\" $s; done; trap 'exit 0' TERM",
					NULL);

	for (size_t i = 0; i < COUNT(others); i++) {
		run_signal(run, others[i]);
		run_wait_line(run, RUN_STDOUT, scene_format(scene, "^got %d[.]$", others[i]));
	}
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDERR, "");
}

static void test_hup_reaches_control_and_command(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "db", "exec sleep 1000");
	scene_script(scene, "services/db/control/h",
		     "echo began; read line <\"$SCENE/go\"; echo over");
	run = start_waiting(scene,
			    "trap 'echo heard' HUP; trap 'echo one' USR1; trap 'exit 0' TERM",
			    LIST(TEXT));
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDOUT, " db/control: began$");
	run_wait_line(run, RUN_STDOUT, " sh/run: heard$");
	run_signal(run, SIGUSR1);
	run_wait_line(run, RUN_STDOUT, " sh/run: one$");
	run_signal(run, SIGHUP);
	run_wait_lines(run, RUN_STDOUT, " sh/run: heard$", 2);
	scene_let_go(scene, "go");
	run_wait_lines(run, RUN_STDOUT, " db/control: began$", 2);
	scene_let_go(scene, "go");
	run_wait_lines(run, RUN_STDOUT, " db/control: over$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_complaints(run, 0);
}

static void test_second_stop_signal_is_passed_on(struct scene *scene)
{
	struct run *run = start_waiting(scene,
					"trap 'echo term' TERM; trap 'echo int; n=$((n+1)); "
					"[ $n -lt 2 ] || exit 7' INT",
					LIST(INFO));

	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, "^term$");
	run_signal(run, SIGINT);
	run_wait_line(run, RUN_STDOUT, "^int$");
	run_signal(run, SIGINT);
	run_expect_exit(run, 7);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "^int$"), 2);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "^term$"), 1);
}

static void test_other_signals_are_forwarded_during_the_stop(struct scene *scene)
{
	struct run *run =
		start_waiting(scene, "trap 'echo term' TERM; trap 'echo one; exit 4' USR1", NULL);

	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, "^term$");
	run_signal(run, SIGUSR1);
	run_expect_exit(run, 4);
	run_expect_line(run, RUN_STDOUT, "^one$");
}

static void test_stopped_command_is_continued_for_its_end(struct scene *scene)
{
	struct run *run = start_waiting(scene, "trap 'exit 3' TERM", LIST(INFO));

	run_signal(run, SIGTSTP);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 3);
}

static void block_and_raise(void *ctx)
{
	sigset_t set;

	(void)ctx;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGTERM);
}

/* The signal waits for dinit before dinit does anything. */
static void test_stop_during_the_start_leaves_the_command_out(struct scene *scene)
{
	struct run *run;

	for (int i = 0; i < 20; i++)
		scene_service(scene, scene_format(scene, "s%02d", i), "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .arguments = SHELL("echo on"),
						   .environment = LIST(TEXT, INFO),
						   .prepare = block_and_raise });
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "");
	run_expect_no_line(run, RUN_STDERR, "sh/run: ");
}

/* ---- limits of time ---- */

#define IGNORING "trap '' TERM"

/* The service is told although the command has not ended. */
static void test_grace_period_ends_a_command_that_ignores(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start_waiting(scene, IGNORING, LIST(TEXT, INFO, "DINIT_GRACE_PERIOD=0.3"));
	run_wait_line(run, RUN_STDOUT, "web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 137);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDERR,
			"DINIT_GRACE_PERIOD allows .*telling the services to stop now$");
	run_expect_line(run, RUN_STDERR, "sh/run: PID [0-9]+ was killed by signal 9");
}

/* Where no service is to be told, the command is killed at once: the engine's own limit is near. */
static void test_grace_period_kills_a_command_that_is_alone(struct scene *scene)
{
	struct run *run =
		start_waiting(scene, IGNORING, LIST(TEXT, INFO, "DINIT_GRACE_PERIOD=0.3"));

	run_signal(run, SIGTERM);
	run_expect_exit(run, 137);
	run_expect_line(run, RUN_STDERR, "DINIT_GRACE_PERIOD allows .*: killing what is left$");
	run_expect_line(run, RUN_STDERR, "sh/run: PID [0-9]+ was killed by signal 9");
	run_expect_no_line(run, RUN_STDERR, "telling the services");
}

static void test_stop_timeout_ends_a_command_that_ignores(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "db", "read line <\"$SCENE/go\"; exit 7");
	scene_service(scene, "web", POLITE);
	run = start_waiting(scene, IGNORING, LIST(TEXT, INFO, "DINIT_STOP_TIMEOUT=0.3"));
	run_wait_line(run, RUN_STDOUT, "web/run: up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDERR,
			"DINIT_STOP_TIMEOUT allows .*telling the services to stop now$");
}

/* No service holds up the end of a command for ever. */
static void test_stop_timeout_ends_a_service_after_the_command(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "trap '' TERM; echo >\"$SCENE/go\"; " SCENE_TRAPPING);
	run = start_shell(scene, "read line <\"$SCENE/go\"; exit 6",
			  LIST(TEXT, INFO, "DINIT_STOP_TIMEOUT=0.3"));
	run_expect_exit(run, 6);
	run_expect_line(run, RUN_STDERR, "DINIT_STOP_TIMEOUT allows .*: killing what is left$");
}

static void test_command_is_told_after_delay_and_prestop(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/prestop", "echo before");
	run = start_waiting(scene, "trap 'exit 8' TERM", LIST(TEXT, INFO, "DINIT_STOP_DELAY=0.3"));
	run_wait_line(run, RUN_STDOUT, "web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 8);
	run_expect_line(run, RUN_STDOUT, " web/prestop: before$");
	expect_order(run, RUN_STDERR, "info: web/prestop: PID [0-9]+ exited with status 0",
		     "info: sh/run: sending TERM to PID ");
	assert_true(run_stamp_ms(run, "info: sh/run: sending TERM") -
			    run_stamp_ms(run, "signal 15 .*: stopping") >=
		    290);
	expect_order(run, RUN_STDERR, "info: sh/run: PID [0-9]+ exited with status 8",
		     "info: web/run: sending TERM to PID ");
}

static void test_command_ending_in_the_delay_ends_the_delay(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start_waiting(scene, "trap 'exit 8' USR1", LIST(TEXT, INFO, "DINIT_STOP_DELAY=1000"));
	run_wait_line(run, RUN_STDOUT, "web/run: up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, "info: the services go on for 1000 s");
	run_signal(run, SIGUSR1);
	run_expect_exit(run, 8);
}

/* ---- what cannot be executed ---- */

/* A service runs before; it is stopped in order, and nothing is left (scene_play looks). */
static void expect_no_start(struct scene *scene, const char *command, int status, const char *why)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = LIST(command, "x"),
							       .environment = LIST(TEXT) });

	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDOUT, " web/term: told$");
	run_expect_line(run, RUN_STDERR,
			scene_format(scene,
				     "error: [^ ]+/run: cannot be started, stopping the "
				     "container: .*%s",
				     why));
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, "error: stopped after .* with status %d: ", status));
	expect_complaints(run, 2);
}

static void expect_no_start_alone(struct scene *scene, const char *command, int status)
{
	struct run *run =
		run_start(scene,
			  &(struct run_spec){ .arguments = LIST(command),
					      .environment = LIST("DINIT_DIR=/nowhere",
								  "DINIT_LOG_LEVEL=error") });

	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDERR, "error: [^ ]+/run: cannot be started");
	expect_complaints(run, 1);
	expect_text(run, RUN_STDOUT, "");
}

static void add_service_that_is_told(struct scene *scene)
{
	scene_service(scene, "web", "exec sleep 1000");
	scene_script(scene, "services/web/terminate", "echo told; kill $DINIT_PID");
}

static void test_command_not_found_is_127(struct scene *scene)
{
	add_service_that_is_told(scene);
	expect_no_start(scene, "no-such-command", 127,
			"there is no \"no-such-command\" in PATH \\(");
	expect_no_start(scene, "/no/such", 127, "/no/such does not exist");
	expect_no_start(scene, "/bin/sh/x", 127, "/bin/sh/x cannot be executed \\(Not a directory");
	scene_file(scene, "lost", 0755, "#!/no/such/interpreter\n");
	expect_no_start(scene, scene_path(scene, "lost"), 127, "/no/such/interpreter");
	expect_no_start_alone(scene, "no-such-command", 127);
	expect_no_start_alone(scene, "", 127);
}

static void test_command_not_executable_is_126(struct scene *scene)
{
	add_service_that_is_told(scene);
	scene_file(scene, "bin/plain", 0644, "#!/bin/sh\n");
	expect_no_start(scene, "plain", 126, "not executable|Permission denied");
	expect_no_start(scene, scene_path(scene, "bin/plain"), 126,
			"not executable|Permission denied");
	expect_no_start(scene, scene->services, 126, "no regular file");
	scene_file(scene, "text", 0755, "echo on\n");
	expect_no_start(scene, scene_path(scene, "text"), 126, "#!");
	expect_no_start_alone(scene, scene_path(scene, "text"), 126);
}

static void forbid_processes(void *ctx)
{
	const struct rlimit none = { 0, 0 };

	(void)ctx;
	setrlimit(RLIMIT_NPROC, &none);
}

static void test_no_process_is_1(struct scene *scene)
{
	struct run *run =
		run_start(scene,
			  &(struct run_spec){ .arguments = LIST("true"),
					      .environment = LIST("LSAN_OPTIONS=detect_leaks=0"),
					      .user = scene_user(),
					      .prepare = forbid_processes });

	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "error: true/run: cannot be started");
}

/* ---- dinit as the interpreter of a script ---- */

static void test_dinit_as_interpreter_is_refused(struct scene *scene)
{
	const char *dinit = scene_add_dinit(scene);
	static const struct {
		const char *end, *said;
	} lines[] = {
		{ "", "^dinit: the #! line of [^ ]+/script needs an option behind dinit$" },
		{ " ", "^dinit: the #! line of [^ ]+/script needs an option behind dinit$" },
		{ " --", "^dinit: unexpected arguments: -- [^ ]+/script$" },
		{ " -- ", "^dinit: unexpected arguments: -- [^ ]+/script$" },
	};
	struct run *run;

	for (size_t i = 0; i < COUNT(lines); i++) {
		scene_file(scene, "script", 0755,
			   scene_format(scene, "#!%s%s\n", dinit, lines[i].end));
		run = run_start(scene,
				&(struct run_spec){ .program = scene_path(scene, "script") });
		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR, lines[i].said);
	}
}

/* As PID 1 the PIDs show how many processes there were. */
static void test_service_with_dinit_as_interpreter_ends_container(struct scene *scene)
{
	const char *dinit = scene_add_dinit(scene);
	struct run *run;

	scene_file(scene, "services/web/run", 0755, scene_format(scene, "#!%s\n", dinit));
	run = run_start(scene, &(struct run_spec){ .environment = LIST(TEXT) });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, "error: web/run: PID [0-9]+ exited with status 1");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "^[^ ]+ web/run: dinit: the #! line "),
			 1);
	if (scene->mode == RUN_AS_INIT)
		run_expect_line(run, RUN_STDERR, "error: web/run: PID [23] exited with status 1");
}

/* A script that gets to dinit by way of another program. */
static void test_script_that_leads_to_dinit_is_refused(struct scene *scene)
{
	const char *script = scene_path(scene, "script"), *dinit = scene_add_dinit(scene);
	struct run *run;

	scene_file(scene, "script", 0755, scene_format(scene, "#!/usr/bin/env %s\n", dinit));
	run = run_start(scene, &(struct run_spec){ .arguments = LIST(script) });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "error: the #! line of the command leads to dinit");
}

/* ---- orphans ---- */

/* Waits until dinit has no child but the command, which a zombie would be. */
static void test_zombies_are_reaped(struct scene *scene)
{
	struct run *run = start_shell(
		scene,
		"i=0; while [ $i -lt 50 ]; do sh -c 'sh -c : & exit 0'; i=$((i+1)); done; "
		"while [ $(cat /proc/[0-9]*/status 2>/dev/null | grep -c \"^PPid:.$PPID$\") -gt 1 "
		"]; "
		"do sleep 0.02; done; echo alone",
		NULL);

	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "alone\n");
}

#define LEAVE_SLEEP "sh -c 'sleep 1000 & exit 0'"

static void test_orphan_is_terminated(struct scene *scene)
{
	struct run *run = start_waiting(scene, "trap 'exit 6' TERM; " LEAVE_SLEEP, LIST(INFO));

	run_wait_line(run, RUN_STDERR, "warning: sleep/[0-9]+: lost its parent, terminating it: ");
	run_wait_line(run, RUN_STDERR, "info: sleep/[0-9]+: orphan was killed by signal 15");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 6);
}

static void test_orphan_is_kept(struct scene *scene)
{
	struct run *run = start_waiting(scene, "trap 'exit 6' TERM; " LEAVE_SLEEP,
					LIST(INFO, "DINIT_KEEP=*"));

	run_wait_line(run, RUN_STDERR, "sleep/[0-9]+: lost its parent");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 6);
	expect_order(run, RUN_STDERR, "sh/run: PID [0-9]+ exited with status 6",
		     "sleep/[0-9]+: sending TERM to PID ");
}

/* An adopted process that ends tears down, and the command is told. */
static void test_orphan_is_adopted(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_script(scene, "bin/daemon", "echo adopted; head -n 1 \"$SCENE/go\"; exit 5");
	run = start_waiting(scene, "trap 'echo told; exit 6' TERM; sh -c 'daemon & exit 0'",
			    LIST(TEXT, INFO, "DINIT_REPARENTING_POLICY=adopt"));
	run_wait_line(run, RUN_STDERR, "warning: sh/[0-9]+: lost its parent, adopting it");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, "^told$");
	run_expect_line(run, RUN_STDERR, "error: sh/[0-9]+: PID [0-9]+ exited with status 5");
}

static void test_orphan_is_ignored(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	run = start_waiting(scene,
			    "trap 'exit 6' TERM; sh -c 'sleep 1000 >/dev/null 2>&1 & exit 0'",
			    LIST(INFO, "DINIT_REPARENTING_POLICY=ignore"));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 6);
	run_expect_no_line(run, RUN_STDERR, "sleep/");
}

/* The filter is there when the command goes on, and its input ends when the command has ended. */
static struct run *start_with_filter(struct scene *scene, const char *output)
{
	const char *body = "exec > >(echo up >\"$SCENE/go\"; "
			   "exec sed -u 's/^/x/; s/last/&, slowly/'); "
			   "read -r line <\"$SCENE/go\"; echo first; echo last";

	return run_start(scene, &(struct run_spec){ .arguments = LIST("bash", "-c", body),
						    .environment = LIST(TEXT, output) });
}

static void test_filter_keeps_its_last_words(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	run = start_with_filter(scene, "DINIT_COMMAND_OUTPUT=lines");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " bash/run: xfirst$");
	run_expect_line(run, RUN_STDOUT, " bash/run: xlast, slowly$");
	expect_complaints(run, 0);
	run = start_with_filter(scene, "DINIT_COMMAND_OUTPUT=raw");
	run_expect_exit(run, 0);
	expect_text(run, RUN_STDOUT, "xfirst\nxlast, slowly\n");
	expect_text(run, RUN_STDERR, "");
}

/* ---- clients beside it ---- */

static void test_status_shows_the_command(struct scene *scene)
{
	struct run *run;

	scene_add_dinit(scene);
	scene_service(scene, "web", "exec sleep 1000");
	run = start_shell(scene, "dinit --wait sh web; dinit --status; dinit --status sh && exit 6",
			  LIST("DINIT_COMMAND_OUTPUT=raw"));
	run_expect_exit(run, 6);
	run_expect_line(run, RUN_STDOUT, "^sh +ready +[0-9]+ ");
	run_expect_line(run, RUN_STDOUT, "^web +ready +[0-9]+ ");
	run = start_shell(scene, "dinit --wait web sh; dinit --status --json",
			  LIST("DINIT_COMMAND_OUTPUT=raw"));
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT,
			"\"name\":\"sh\",\"state\":\"ready\",\"pid\":[0-9]+,.*\"command\":true,");
}

static void test_wait_waits_for_the_command(struct scene *scene)
{
	struct run *run;

	scene_add_dinit(scene);
	scene_service(scene, "web", "dinit --wait sh && echo waited; exec sleep 1000");
	run = start_waiting(scene, "trap 'exit 0' TERM", LIST(TEXT));
	run_wait_line(run, RUN_STDOUT, " web/run: waited$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* The command line of a CMD that needs a service. */
static void test_command_that_waits_for_a_service(struct scene *scene)
{
	struct run *run;

	scene_add_dinit(scene);
	scene_script(scene, "bin/app", "cat \"$SCENE/ready\"; echo \"$@\"; exit 6");
	scene_service(scene, "db", "exec sleep 1000");
	scene_script(scene, "services/db/check", "sleep 0.05; echo prepared >\"$SCENE/ready\"");
	run = run_start(scene, &(struct run_spec){
				       .arguments = LIST("dinit", "--wait", "db", "--", "app", "-x",
							 "a b"),
				       .environment = LIST(TEXT, "DINIT_COMMAND_OUTPUT=raw") });
	run_expect_exit(run, 6);
	expect_text(run, RUN_STDOUT, "prepared\n-x a b\n");
}

/* ---- without what others take for granted ---- */

static void test_command_without_proc(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	run = run_start(scene, &(struct run_spec){ .arguments = SHELL("echo on; exit 6"),
						   .no_proc = true });
	run_expect_exit(run, 6);
	run_expect_line(run, RUN_STDOUT, "^on$");
}

static void test_command_on_a_read_only_root(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .arguments = SHELL("exit 6"),
							       .read_only = true });

	run_expect_exit(run, 6);
}

/* What it is given, and what becomes of its output. */
static int run_streams(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_each_exit_status_is_dinits),
		SCENE(test_death_by_signal_is_128_and_the_signal),
		SCENE(test_status_115_ends_the_container_with_115),
		SCENE(test_exit_status_is_the_commands_whatever_the_setting),
		SCENE(test_usual_end_alone_is_silent_and_told_at_info),
		SCENE(test_failure_with_lines_tells_the_last_words),
		SCENE(test_success_beside_services_is_told_at_info),
		SCENE(test_process_left_in_background_is_a_warning),
		SCENE(test_cause_goes_to_termination_log),
		SCENE(test_arguments_pass_as_they_are),
		SCENE(test_command_with_dash_follows_dashes),
		SCENE(test_command_is_found_by_path),
		SCENE(test_working_directory_is_dinits),
		SCENE(test_environment_is_dinits_without_notify_socket),
		SCENE(test_stdin_passes_byte_for_byte),
		SCENE(test_stdin_that_is_not_read_is_left_alone),
		SCENE_AS_INIT(test_large_volume_passes_untouched),
		SCENE(test_closed_descriptors_are_no_obstacle),
		SCENE(test_output_alone_is_raw),
		SCENE(test_output_beside_what_is_skipped_is_raw),
		SCENE(test_output_beside_a_service_is_lines),
		SCENE(test_output_lines_alone_is_lines),
		SCENE(test_output_json_is_labelled),
		SCENE(test_output_raw_beside_a_service),
		SCENE(test_output_on_terminal_is_raw_beside_a_service),
		SCENE(test_raw_output_still_blocks),
		SCENE(test_raw_output_leaves_dinits_own_descriptors),
		SCENE(test_full_pipe_of_raw_output_holds_up_nothing),
		SCENE(test_name_is_the_base_name_or_command),
		SCENE(test_skip_of_its_name_does_not_skip_it),
		SCENE(test_missing_and_empty_directories_are_no_error),
		SCENE_AS_INIT(test_missing_directory_that_nobody_named_is_passed_over),
		SCENE(test_bad_directories_are_errors),
	};

	return scene_run_side_by_side("command", tests, COUNT(tests));
}

/* Its life. */
static int run_life(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_command_of_exec_does_not_start_the_services_again),
		SCENE(test_command_that_is_dinit_does_not_start_the_services_again),
		SCENE(test_command_is_started_last),
		SCENE(test_command_is_stopped_first),
		SCENE(test_orphans_are_told_when_the_command_has_ended),
		SCENE(test_service_failing_during_the_start_leaves_the_command_out),
		SCENE(test_service_failing_first_decides),
		SCENE(test_service_ending_first_decides),
		SCENE(test_service_failing_first_decides_with_its_status),
		SCENE(test_service_never_ready_decides),
		SCENE(test_optional_service_that_ends_changes_nothing),
		SCENE(test_service_that_disables_itself_changes_nothing),
		SCENE(test_stop_signals_pass),
		SCENE(test_stop_signals_kill),
		SCENE(test_other_signals_are_forwarded),
		SCENE(test_hup_reaches_control_and_command),
		SCENE(test_second_stop_signal_is_passed_on),
		SCENE(test_other_signals_are_forwarded_during_the_stop),
		SCENE(test_stopped_command_is_continued_for_its_end),
		SCENE(test_stop_during_the_start_leaves_the_command_out),
		SCENE(test_grace_period_ends_a_command_that_ignores),
		SCENE(test_grace_period_kills_a_command_that_is_alone),
		SCENE(test_stop_timeout_ends_a_command_that_ignores),
		SCENE(test_stop_timeout_ends_a_service_after_the_command),
		SCENE(test_command_is_told_after_delay_and_prestop),
		SCENE(test_command_ending_in_the_delay_ends_the_delay),
		SCENE(test_command_not_found_is_127),
		SCENE(test_command_not_executable_is_126),
		SCENE(test_no_process_is_1),
		SCENE(test_dinit_as_interpreter_is_refused),
		SCENE(test_service_with_dinit_as_interpreter_ends_container),
		SCENE(test_script_that_leads_to_dinit_is_refused),
		SCENE(test_zombies_are_reaped),
		SCENE(test_orphan_is_terminated),
		SCENE(test_orphan_is_kept),
		SCENE(test_orphan_is_adopted),
		SCENE(test_orphan_is_ignored),
		SCENE(test_filter_keeps_its_last_words),
		SCENE(test_status_shows_the_command),
		SCENE(test_wait_waits_for_the_command),
		SCENE(test_command_that_waits_for_a_service),
		SCENE_AS_INIT(test_command_without_proc),
		SCENE_AS_INIT(test_command_on_a_read_only_root),
	};

	return scene_run_side_by_side("command", tests, COUNT(tests));
}

int main(void)
{
	int failed = run_streams();

	return failed + run_life();
}
