/* SPDX-License-Identifier: ISC */
/* Runs the real dinit on a directory of services and looks at it from outside: what it prints,
 * how it ends, what it leaves behind. For the scenario tests (tests/scenario_*.c).
 *
 * A scenario test is a function test_<what>_<condition>_<outcome>(struct scene *scene):
 *
 * 	static void test_service_failing_ends_container(struct scene *scene)
 * 	{
 * 		struct run *run;
 *
 * 		scene_service(scene, "web", "echo up; exit 7");
 * 		run = run_start(scene,
 * 				&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
 * 		run_wait_line(run, RUN_STDOUT, " web/run: up$");
 * 		run_expect_exit(run, 3);
 * 		run_expect_line(run, RUN_STDERR, "error: web/run: PID [0-9]+ exited with status 7");
 * 	}
 *
 * 	int main(void)
 * 	{
 * 		const struct CMUnitTest tests[] = { SCENE(test_service_failing_ends_container) };
 *
 * 		return scene_run_all("failures", tests, sizeof tests / sizeof *tests);
 * 	}
 *
 * SCENE runs it twice: with dinit as PID 1 of a new PID namespace that has its own /proc, and
 * with dinit as a child subreaper in the test's namespace. A mode that this machine does not
 * allow is skipped, and says so.
 *
 * Rules of the house. Nothing here sleeps, and no test may: wait for a line, for the end, or for
 * a FIFO that a service writes to; everything has a deadline (see TEST_DEADLINE_FACTOR below).
 * Whoever fails prints what the run wrote so far. When a test ends every run must have ended
 * (run_expect_exit, run_wait_exit) or be given up (run_kill); and dinit must have left no
 * process and no zombie behind, which is found out as a subreaper (as PID 1 the kernel leaves
 * none).
 *
 * The environment of the test programs:
 * 	DINIT_BINARY		the program under test (./dinit)
 * 	TEST_DEADLINE_FACTOR	makes every deadline so many times longer (1), for valgrind and slow
 * 				machines
 * 	TEST_ONLY		runs only the tests whose name contains this
 * 	TEST_ONCE		plays those of SCENE as PID 1 only
 * 	TEST_SERVICES		where the examples are (test-services)
 * 	TEST_COUNTED		set where dinit counts its lines, for which it writes files when it
 * 				ends (make coverage)
 * 	TEST_SANITIZED		set where dinit has the address sanitizer (make check-asan)
 * 	TMPDIR			where the scenes keep their files (/tmp) */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* ---- scenes: one test, its directory, its runs ---- */

enum run_mode {
	/* PID 1 of a PID namespace */
	RUN_AS_INIT,
	RUN_AS_SUBREAPER,
};

#define SCENE_PORTS 4

struct scene {
	enum run_mode mode;
	/* a directory of its own, writable by everyone, removed at the end; services find it as
	 * $SCENE */
	char *dir;
	/* $SCENE/services, where scene_service puts them: DINIT_DIR of the runs */
	char *services;
	void (*test)(struct scene *scene);
	struct run *runs;
	struct scene_fifo *fifos;
	/* what the functions below returned */
	struct scene_string *strings;
	bool passed, may_leave;
	/* sockets that keep the ports of scene_reserve_port */
	int reserved[SCENE_PORTS];
	size_t reserved_len;
};

struct scene_case {
	void (*test)(struct scene *scene);
	enum run_mode mode;
};

/* Entries of the table for scene_run_all (inside a function): both modes, or only one. */
#define SCENE_AS_INIT(test) SCENE_CASE(test, RUN_AS_INIT, " [PID 1]")
#define SCENE_AS_SUBREAPER(test) SCENE_CASE(test, RUN_AS_SUBREAPER, " [subreaper]")
#define SCENE(test) SCENE_AS_INIT(test), SCENE_AS_SUBREAPER(test)
#define SCENE_CASE(test, mode, suffix) \
	{ \
#test suffix, scene_play, scene_set_up, scene_tear_down, &(struct scene_case) \
		{ \
			test, mode \
		} \
	}

/* Runs the tests of the table and returns how many failed: what main returns. */
int scene_run_all(const char *name, const struct CMUnitTest *tests, size_t count);

/* The same for tests that mostly wait, for a time that is not theirs to shorten: plays them in the
 * table's order, four at a time, in four processes (so the longest should stand first). Not for
 * tests that find a dinit from outside: each would find the others, too. */
int scene_run_side_by_side(const char *name, const struct CMUnitTest *tests, size_t count);

/* For the macros above. */
void scene_play(void **state);
int scene_set_up(void **state);
int scene_tear_down(void **state);

/* "$SCENE/<name>"; name is printf's format. The string lives as long as the scene, as do all
 * that this file returns. */
const char *scene_path(struct scene *scene, const char *name, ...)
	__attribute__((format(printf, 2, 3)));

/* A string made by printf's format. */
const char *scene_format(struct scene *scene, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes services/<name>/run: a shell script with this body ("#!/bin/sh" and a newline are put
 * before it). Other scripts of the same service: scene_script(scene, "services/web/log/run",
 * ...). Directories on the way are made. */
void scene_service(struct scene *scene, const char *name, const char *body);
void scene_script(struct scene *scene, const char *path, const char *body);

/* How a script waits that has a trap: in short waits, for a shell runs traps only between
 * commands, and one that comes right before a long wait (a read, an exec) would come too early
 * for ever. */
#define SCENE_TRAPPING "while :; do sleep 0.02; done"

/* Makes a program wait, before it begins, until the shell that has started it has its trap for
 * TERM. */
void scene_await_trap(struct scene *scene, const char *path);

/* Writes a file below $SCENE, byte for byte, with these permissions (whatever the umask). */
void scene_file(struct scene *scene, const char *path, mode_t mode, const char *content);

/* Makes a directory below $SCENE, with those on the way. */
void scene_mkdir(struct scene *scene, const char *path);

/* Makes a FIFO below $SCENE that everyone may use. What does `read line <"$SCENE/go"` waits
 * until the test has called scene_let_go on it, once for each reader. (The test holds both ends,
 * so that nobody else waits: cat would never end.) */
void scene_fifo(struct scene *scene, const char *path);

/* Returns a port of 127.0.0.1 that nobody else gets before the scene ends: a socket is bound to it,
 * and does not listen. A server that sets SO_REUSEADDR may use it. Up to SCENE_PORTS of them. */
int scene_reserve_port(struct scene *scene);
void scene_let_go(struct scene *scene, const char *path);

/* Copies the service directories of test-services/<name> (or $TEST_SERVICES/<name>) to
 * $SCENE/services. */
void scene_example(struct scene *scene, const char *name);

/* Puts a copy of dinit into $SCENE/bin, the first directory of the usual PATH, for services that
 * run it as a client (dinit --wait). Returns its path, which can stand behind #!. */
const char *scene_add_dinit(struct scene *scene);

/* The content of a file below $SCENE ("" where there is none). */
const char *scene_read(struct scene *scene, const char *path);

/* A user id that nobody else uses (limits of processes are counted by user): for run_spec.user. */
uid_t scene_user(void);

/* Whether dinit has the address sanitizer, which needs memory, signals and /proc itself. */
bool scene_is_sanitized(void);

/* Ends the test as skipped, saying why, unless the condition holds. */
void scene_need(bool condition, const char *why);
/* The same unless a program of this name is in one of the usual directories. */
void scene_need_program(const char *name);

/* Ends the test as failed. */
#define scene_fail(...) scene_fail_at(SCENE_HERE, __VA_ARGS__)
void scene_fail_at(const char *where, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* A milliseconds' clock that never jumps, and what a deadline of so many milliseconds is on this
 * machine. */
uint64_t scene_now_ms(void);
uint64_t scene_deadline_ms(uint64_t ms);

/* A setting of so many milliseconds, as dinit has it, NAME=SECONDS: longer where deadlines are. */
const char *scene_seconds(struct scene *scene, const char *name, uint64_t ms);

/* ---- runs: one dinit ---- */

/* What a standard descriptor of dinit is. */
enum run_fd {
	/* stdin: /dev/null; stdout and stderr: a pipe each */
	RUN_FD_DEFAULT,
	/* stdin: run_write writes to it */
	RUN_FD_PIPE,
	/* a regular file, opened for appending; stdin: run_spec.in_path, opened for reading */
	RUN_FD_FILE,
	/* a pseudo terminal in raw mode */
	RUN_FD_TTY,
	RUN_FD_SOCKET,
	/* /dev/null */
	RUN_FD_NULL,
	RUN_FD_CLOSED,
	/* stderr only: the same as stdout */
	RUN_FD_STDOUT,
};

enum run_stream {
	RUN_STDOUT,
	RUN_STDERR,
};

/* How to start dinit; what is zero is as usual. */
struct run_spec {
	/* NAME=VALUE each, up to NULL, beside the usual: PATH, SCENE, DINIT_DIR, and the
	 * sanitizers' options, with a file for their reports. NAME=VALUE takes the place of the
	 * usual one, NAME alone removes it. Write LIST("A=1", "B=2"). */
	const char *const *environment;
	/* beside argv[0]; LIST("--check") */
	const char *const *arguments;
	/* the absolute path of what is started in place of dinit: another init */
	const char *program;
	enum run_fd in, out, err;
	/* below $SCENE */
	const char *in_path;
	/* the user (and group) that dinit runs as, 0: the test's own; needs root */
	uid_t user;
	/* Start it in a user namespace as its root, which is an ordinary user outside, as a
	 * rootless container engine does. Only as PID 1; it is always so where the test does not
	 * run as root. */
	bool user_namespace;
	/* the root file system is read-only; only as PID 1 */
	bool read_only;
	/* /proc is empty; only as PID 1 */
	bool no_proc;
	/* /proc is that of the PID namespace around it; only as PID 1 */
	bool foreign_proc;
	/* Called in the new process when everything else is ready, right before execve(2): for
	 * limits, capabilities, signals. */
	void (*prepare)(void *ctx);
	void *prepare_ctx;
};

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct run_output {
	/* -1: none, or its end has come */
	int fd;
	/* a file's changes */
	int notify_fd;
	bool paused;
	/* everything so far, terminated */
	char *bytes;
	size_t len, size;
};

struct run {
	struct scene *scene;
	struct run *next;
	pid_t pid;
	int pid_fd;
	bool ended;
	/* as of wait(2) */
	int status;
	/* our end of its stdin, where that is a pipe and not closed yet; else -1 */
	int in_fd;
	struct run_output outputs[2];
};

/* Starts dinit. */
/* the spec can be a compound literal */
#define run_start(scene, ...) run_start_at(scene, __VA_ARGS__, SCENE_HERE)
struct run *run_start_at(struct scene *scene, const struct run_spec *spec, const char *where);

/* Waits until a whole line of that stream matches the extended regular expression (regex(7));
 * one that came earlier counts. Returns the line. Fails the test when the stream ends without
 * one, or after 20 s (times the factor). */
#define run_wait_line(run, stream, regex) run_wait_line_at(run, stream, regex, SCENE_HERE)
const char *run_wait_line_at(struct run *run, enum run_stream stream, const char *regex,
			     const char *where);

/* The same until there are so many such lines. */
#define run_wait_lines(run, stream, regex, count) \
	run_wait_lines_at(run, stream, regex, count, SCENE_HERE)
void run_wait_lines_at(struct run *run, enum run_stream stream, const char *regex, size_t count,
		       const char *where);

/* Waits until dinit has ended and both streams have. Returns the exit status, or minus the
 * signal that killed it. Fails the test after 30 s (times the factor), and where a sanitizer of
 * dinit had something to say. */
#define run_wait_exit(run) run_wait_exit_at(run, SCENE_HERE)
int run_wait_exit_at(struct run *run, const char *where);

/* The same, and fails the test if that is not the status. */
#define run_expect_exit(run, status) run_expect_exit_at(run, status, SCENE_HERE)
void run_expect_exit_at(struct run *run, int status, const char *where);

/* How many lines match; fail unless one does, or if one does. What was collected so far counts, and
 * for run_expect_line what can be read now as well. dinit's warning of a long teardown is neither
 * counted nor an unexpected line unless the regular expression names it: any stop may take long on
 * a busy machine. */
size_t run_count_lines(struct run *run, enum run_stream stream, const char *regex);
#define run_expect_line(run, stream, regex) run_expect_line_at(run, stream, regex, SCENE_HERE)
const char *run_expect_line_at(struct run *run, enum run_stream stream, const char *regex,
			       const char *where);
#define run_expect_no_line(run, stream, regex) run_expect_no_line_at(run, stream, regex, SCENE_HERE)
void run_expect_no_line_at(struct run *run, enum run_stream stream, const char *regex,
			   const char *where);

/* The text of the first line that matches, from the given group of the regular expression; fails
 * unless there is one. */
#define run_match(run, stream, regex, group) run_match_at(run, stream, regex, group, SCENE_HERE)
const char *run_match_at(struct run *run, enum run_stream stream, const char *regex, size_t group,
			 const char *where);

/* When dinit wrote the first line on stderr that matches, in milliseconds since 1970; fails unless
 * there is one. */
int64_t run_stamp_ms(struct run *run, const char *regex);

void run_signal(struct run *run, int signal);

/* Writes len bytes to stdin (RUN_FD_PIPE), at most what a pipe holds; or ends it. */
void run_write(struct run *run, const char *bytes, size_t len);
void run_end_input(struct run *run);

/* Waits until that process has ended, reaped or not, although it is not the test's child: a
 * service that printed its $$. Only as subreaper: elsewhere the PIDs are others. */
#define scene_wait_process(pid) scene_wait_process_at(pid, SCENE_HERE)
void scene_wait_process_at(pid_t pid, const char *where);

/* Stops reading a stream, as a stalled reader does, and goes on; or closes it, as one that has
 * gone. */
void run_pause(struct run *run, enum run_stream stream);
void run_resume(struct run *run, enum run_stream stream);
void run_close(struct run *run, enum run_stream stream);

/* Kills dinit and allows it to have left processes behind: for tests of what cannot end by
 * itself. */
void run_kill(struct run *run);

/* From here on dinit may leave processes behind (the policy `ignore`); they are killed at the
 * end. */
void scene_may_leave(struct scene *scene);

/* "file.c:123" of the caller. */
#define SCENE_HERE __FILE__ ":" SCENE_STRING(__LINE__)
#define SCENE_STRING(x) SCENE_STRING_OF(x)
#define SCENE_STRING_OF(x) #x

#endif
