/* SPDX-License-Identifier: ISC */
/* check.c with real programs (shell scripts of a directory made for each test) and everything below
 * it. Failing calls are scripted by the linker's --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "check.h"
#include "log.h"
#include "rig.h"
#include "spawn.h"
#include "tree.h"

#define DEADLINE_MS 60000
/* Of a check that is to have all the time it wants, and of one that is to take too long. */
#define LONG_MS 1000000
#define SHORT_MS 100
#define NOBODY 65534

/* ---- what is taken ---- */

/* What the next calls fail with; 0: they do not. */
static int pipe_error, calloc_error, watch_error, spawn_error;

/* The next so many reads fail with this. */
static int read_error;
static unsigned failing_reads;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
int __real_pipe2(int pair[2], int flags);
int __wrap_pipe2(int pair[2], int flags);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event);
pid_t __real_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure);
pid_t __wrap_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure);

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	/* A read that does not fail may leave that in errno, whatever it is. */
	errno = EAGAIN;
	if (failing_reads == 0)
		return __real_read(fd, buffer, size);
	failing_reads--;
	errno = read_error;
	return -1;
}

int __wrap_pipe2(int pair[2], int flags)
{
	errno = pipe_error;
	return pipe_error ? -1 : __real_pipe2(pair, flags);
}

void *__wrap_calloc(size_t count, size_t size)
{
	errno = calloc_error;
	return calloc_error ? NULL : __real_calloc(count, size);
}

int __wrap_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event)
{
	errno = watch_error;
	return watch_error ? -1 : __real_epoll_ctl(epoll_fd, what, fd, event);
}

pid_t __wrap_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure)
{
	if (spawn_error == 0)
		return __real_spawn_program_unwaited(spec, report_fd, failure);
	*failure = (struct spawn_failure){ .stage = SPAWN_FORK, .error = spawn_error };
	return -1;
}

/* ---- the rig ---- */

struct rig {
	char dir[64], path[80];
	struct svdir_entry entry;
	struct loop loop;
	struct reaper reaper;
	struct procfs proc;
	struct signaller signaller;
	struct programs programs;
	struct check check;
	struct loop_timer deadline;
	sigset_t signals, old_signals;
	bool child, late;
	bool (*until)(struct rig *rig);
	int null_fd, fds;
	/* What was told, and how often. */
	unsigned results;
	bool succeeded;
	char reason[CHECK_REASON_SIZE], said[2000];
};

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct rig *rig = ctx;

	rig->child |= info->ssi_signo == SIGCHLD;
}

static void on_orphan(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	(void)pid;
	(void)status;
}

static void on_late(void *ctx)
{
	struct rig *rig = ctx;

	rig->late = true;
}

static void on_result(void *ctx, bool succeeded, const char *reason)
{
	struct rig *rig = ctx;

	assert_true(strlen(reason) < sizeof rig->reason);
	rig->results++;
	rig->succeeded = succeeded;
	strcpy(rig->reason, reason);
}

static void keep(void *ctx, const char *line, size_t len)
{
	struct rig *rig = ctx;
	size_t so_far = strlen(rig->said);

	assert_true(so_far + len < sizeof rig->said);
	memcpy(rig->said + so_far, line, len);
}

static int setup(void **state)
{
	static char name[] = "web", path[] = "PATH=/usr/bin:/bin", socket[] = "NOTIFY_SOCKET=/x";
	static char *const environment[] = { path, socket, NULL };
	struct rig *rig = __real_calloc(1, sizeof *rig);
	struct program_means means = { .environment = environment };

	pipe_error = calloc_error = watch_error = spawn_error = 0;
	failing_reads = 0;
	strcpy(rig->dir, "/tmp/test_check.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(chmod(rig->dir, 0755), 0);
	snprintf(rig->path, sizeof rig->path, "%s/check", rig->dir);
	rig->entry = (struct svdir_entry){ .name = name, .dir = rig->dir, .check = rig->path };
	rig->fds = rig_count_fds();
	sigemptyset(&rig->signals);
	sigaddset(&rig->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &rig->signals, &rig->old_signals);
	assert_int_equal(loop_open(&rig->loop, &rig->signals, on_signal, rig), 0);
	rig->deadline = (struct loop_timer){ .on_due = on_late, .ctx = rig };
	reaper_init(&rig->reaper, on_orphan, rig);
	rig->proc.root = "/proc";
	rig->signaller = (struct signaller){ .reaper = &rig->reaper, .proc = &rig->proc };
	rig->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	means.reaper = &rig->reaper;
	means.signaller = &rig->signaller;
	means.null_fd = rig->null_fd;
	getrlimit(RLIMIT_NOFILE, &means.nofile);
	assert_int_equal(programs_open(&rig->programs, &means), 0);
	check_init(&rig->check, &rig->loop, &rig->programs, &rig->entry, on_result, rig);
	log_set_level(CONFIG_LOG_INFO);
	log_set_writer(keep, rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	check_close(&rig->check);
	programs_close(&rig->programs);
	loop_close(&rig->loop);
	close(rig->null_fd);
	log_set_writer(NULL, NULL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	sigprocmask(SIG_SETMASK, &rig->old_signals, NULL);
	tree_remove(rig->dir);
	free(rig);
	return 0;
}

static void put_check(struct rig *rig, const char *body)
{
	rig_write_script(rig->path, body);
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct rig *rig = ctx;

	if (rig->child) {
		rig->child = false;
		reaper_drain(&rig->reaper);
	}
	return rig->late || rig->until(rig) ? LOOP_STOP : LOOP_SLEEP;
}

static void wait_until(struct rig *rig, bool (*until)(struct rig *rig))
{
	rig->until = until;
	loop_timer_start(&rig->loop, &rig->deadline, DEADLINE_MS);
	assert_int_equal(loop_run(&rig->loop, on_turn_end, rig), 0);
	assert_false(rig->late);
	loop_timer_stop(&rig->loop, &rig->deadline);
}

static bool has_result(struct rig *rig)
{
	return rig->results > 0;
}

static bool is_over(struct rig *rig)
{
	return !check_is_running(&rig->check);
}

/* One turn has been made. */
static bool at_once(struct rig *rig)
{
	(void)rig;
	return true;
}

/* Runs the check to its end; the result was told once, and nothing is left open. */
static void run(struct rig *rig, const char *body, uint64_t timeout_ms)
{
	int fds = rig_count_fds();

	put_check(rig, body);
	rig->results = 0;
	check_start(&rig->check, 4711, timeout_ms);
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 1);
	assert_int_equal(rig_count_fds(), fds);
}

/* Waits until the process has ended, and does not reap it. */
static void wait_for_end(const struct rig *rig)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)rig->check.program.watch.pid, &info,
				WEXITED | WNOWAIT),
			 0);
}

static void expect(struct rig *rig, const char *body, bool succeeded, const char *reason)
{
	run(rig, body, LONG_MS);
	assert_string_equal(rig->reason, reason);
	assert_int_equal(rig->succeeded, succeeded);
}

/* ---- what it finds ---- */

static void test_check_runs_in_the_services_directory(void **state)
{
	struct rig *rig = *state;
	char body[400];

	expect(rig, "read line; echo \"$? <$line> $DINIT_PID ${NOTIFY_SOCKET-none}\"", true,
	       "1 <> 4711 none");
	run(rig, "pwd -P; echo $0 $#", LONG_MS);
	snprintf(body, sizeof body, "%s 0", rig->path);
	assert_string_equal(rig->reason, body);
	run(rig, "pwd -P", LONG_MS);
	assert_string_equal(rig->reason, rig->dir);
	assert_string_equal(rig->said, "");
}

static void test_check_streams_are_one_pipe(void **state)
{
	expect(*state, "test -p /proc/$$/fd/1 && test /proc/$$/fd/1 -ef /proc/$$/fd/2", true, "");
}

/* A check that has dropped root opens its streams by name, as a service does. */
static void test_check_of_another_user_can_open_its_streams(void **state)
{
	struct rig *rig = *state;

	rig_need(rig_can_take_user(), RIG_WHY_USER);
	expect(rig,
	       "exec setpriv --reuid=65534 --regid=65534 --clear-groups "
	       "sh -c 'echo \"$(id -u) says\" >/dev/stderr'",
	       true, "65534 says");
}

/* ---- results ---- */

static void test_check_result_is_how_it_ended_and_what_it_said_last(void **state)
{
	struct rig *rig = *state;

	expect(rig, "exit 0", true, "");
	expect(rig, "echo fine", true, "fine");
	assert_int_equal(rig->check.said_at, 0);
	expect(rig, "echo first; echo second >&2; exit 0", true, "second");
	expect(rig, "exit 1", false, "exited with status 1");
	assert_int_equal(rig->check.said_at, 0);
	expect(rig, "echo refused >&2; exit 1", false, "exited with status 1: refused");
	assert_string_equal(rig->reason + rig->check.said_at, "refused");
	assert_false(rig->check.unstarted);
	expect(rig, "exit 115", false, "exited with status 115");
	expect(rig, "kill -TERM $$", false, "was killed by signal 15 (Terminated)");
	expect(rig, "echo dying; kill -KILL $$", false, "was killed by signal 9 (Killed): dying");
	/* Nothing is left of the run before. */
	expect(rig, "exit 0", true, "");
}

static void test_check_reason_is_the_last_line_that_is_not_blank(void **state)
{
	struct rig *rig = *state;

	expect(rig, "echo one; printf '\\n  \\n\\t\\n'", true, "one");
	expect(rig, "printf 'one\\ntwo'", true, "two");
	expect(rig, "printf 'one\\r\\n'", true, "one");
	expect(rig, "printf '\\033[31mred\\007\\n'", true, "?[31mred?");
}

static void test_check_reason_has_200_bytes(void **state)
{
	char longest[LASTLINE_MAX + 1];
	struct rig *rig = *state;

	memset(longest, 'x', LASTLINE_MAX);
	longest[LASTLINE_MAX] = '\0';
	run(rig, "printf '%0200d\\n' 0 | tr 0 x", LONG_MS);
	assert_string_equal(rig->reason, longest);
	run(rig, "printf '%0201d\\n' 0 | tr 0 x", LONG_MS);
	assert_int_equal(strlen(rig->reason), LASTLINE_MAX);
	assert_string_not_equal(rig->reason, longest);
	/* With how it ended before it. */
	run(rig, "printf '%0200d\\n' 0 | tr 0 x; kill -9 $$", LONG_MS);
	assert_memory_equal(rig->reason, "was killed by signal 9 (", 24);
	assert_string_equal(rig->reason + strlen(rig->reason) - LASTLINE_MAX, longest);
}

/* Written in pieces, with pauses that let each be read alone: each is only counted when it was
 * taken. */
static void test_check_line_in_pieces_is_one_line(void **state)
{
	struct rig *rig = *state;

	expect(rig,
	       "printf old; sleep 0.05; printf 'er\\n'; sleep 0.05; printf conn; sleep 0.05; "
	       "printf ection; sleep 0.05; printf ' refused'; sleep 0.05; printf '\\n'; exit 1",
	       false, "exited with status 1: connection refused");
}

/* More than a pipe holds, more than is kept of a line, and no newline at all. */
static void test_check_flood_is_taken(void **state)
{
	struct rig *rig = *state;

	expect(rig, "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo last; exit 3", false,
	       "exited with status 3: last");
	expect(rig, "i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done", true,
	       "line 29999");
	run(rig, "head -c 3000000 /dev/zero | tr '\\0' 'x'", LONG_MS);
	assert_true(rig->succeeded);
	assert_int_equal(strlen(rig->reason), LASTLINE_MAX);
	expect(rig, "head -c 100000 /dev/zero", true, rig->reason);
}

/* Its output has come, whether it has ended or not. */
static bool has_said(struct rig *rig)
{
	return rig->check.line && rig->check.last.len > 0;
}

/* All that the pipe holds is read, however soon the check ends. */
static void test_check_that_has_ended_is_read_out(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "head -c 60000 /dev/zero | tr '\\0' '\\n'; echo last");
	check_start(&rig->check, 4711, LONG_MS);
	wait_for_end(rig);
	wait_until(rig, is_over);
	assert_string_equal(rig->reason, "last");
}

static void test_check_byte_that_comes_alone_is_a_reason(void **state)
{
	struct rig *rig = *state;

	expect(rig, "printf x", true, "x");
	expect(rig, "printf 'on'; sleep 0.05; printf e", true, "one");
}

static bool has_closed(struct rig *rig)
{
	return rig->check.fd < 0;
}

/* A check that closes its streams and runs on: there is nothing to be read any more. */
static void test_check_that_closes_its_streams_keeps_nobody_busy(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "echo closing; exec sleep 1000 >/dev/null 2>&1");
	check_start(&rig->check, 4711, LONG_MS);
	wait_until(rig, has_closed);
	assert_true(check_is_running(&rig->check));
	assert_int_equal(rig->results, 0);
	loop_timer_start(&rig->loop, &rig->check.timer, 0);
	wait_until(rig, is_over);
	assert_string_equal(rig->reason, "took longer than 1000 s: closing");
}

/* Interrupted, or woken for nothing: it is read again. Another error is the end of the output. */
static void test_check_read_that_fails_for_now_is_repeated(void **state)
{
	static const int errors[] = { EINTR, EAGAIN };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		put_check(rig, "echo line; exec sleep 1000");
		rig->results = 0;
		read_error = errors[i];
		failing_reads = 1;
		check_start(&rig->check, 4711, LONG_MS);
		wait_until(rig, has_said);
		assert_int_equal(failing_reads, 0);
		loop_timer_start(&rig->loop, &rig->check.timer, 0);
		wait_until(rig, is_over);
		assert_string_equal(rig->reason, "took longer than 1000 s: line");
	}
	read_error = EIO;
	failing_reads = 1;
	check_start(&rig->check, 4711, LONG_MS);
	wait_until(rig, has_closed);
	loop_timer_start(&rig->loop, &rig->check.timer, 0);
	wait_until(rig, is_over);
	assert_string_equal(rig->reason, "took longer than 1000 s");
}

static void test_check_that_cannot_be_executed_has_failed(void **state)
{
	struct rig *rig = *state;
	int fds = rig_count_fds();
	char nowhere[] = "/nonexistent";

	put_check(rig, "exit 0");
	assert_int_equal(chmod(rig->path, 0644), 0);
	check_start(&rig->check, 4711, LONG_MS);
	assert_true(check_is_running(&rig->check));
	assert_int_equal(rig->results, 0);
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 1);
	assert_false(rig->succeeded);
	assert_memory_equal(rig->reason, "cannot be started: ", 19);
	assert_true(rig->check.unstarted);
	assert_int_equal(rig_count_fds(), fds);
	/* Its directory has gone. */
	rig->entry.dir = nowhere;
	run(rig, "exit 0", LONG_MS);
	assert_memory_equal(rig->reason, "cannot be started: /nonexistent cannot be", 41);
}

/* The result is told before check_start returns, and all works again afterwards. */
static void test_check_without_means_has_failed(void **state)
{
	static const struct {
		int *error, value;
		const char *reason;
	} cases[] = {
		{ &pipe_error, EMFILE, "cannot be started: no pipe can be made (" },
		{ &calloc_error, ENOMEM, "cannot be started: no pipe can be made (" },
		{ &watch_error, ENOSPC, "cannot be started: no pipe can be made (" },
		{ &spawn_error, EAGAIN, "cannot be started: no process can be made (" },
	};
	struct rig *rig = *state;

	put_check(rig, "exit 0");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fds = rig_count_fds();

		rig->results = 0;
		*cases[i].error = cases[i].value;
		check_start(&rig->check, 4711, LONG_MS);
		*cases[i].error = 0;
		assert_int_equal(rig->results, 1);
		assert_false(rig->succeeded);
		assert_memory_equal(rig->reason, cases[i].reason, strlen(cases[i].reason));
		assert_true(rig->check.unstarted);
		assert_non_null(strstr(rig->reason, strerror(cases[i].value)));
		assert_false(check_is_running(&rig->check));
		assert_int_equal(rig_count_fds(), fds);
		/* No timer is left. */
		assert_null(rig->loop.first);
	}
	expect(rig, "echo fine", true, "fine");
}

/* ---- time ---- */

static void test_check_that_takes_too_long_is_killed(void **state)
{
	struct rig *rig = *state;

	run(rig, "trap '' TERM INT HUP; echo waiting; while :; do sleep 1000; done", 500);
	assert_false(rig->succeeded);
	/* On a machine that is slow it has not said so yet. */
	assert_memory_equal(rig->reason, "took longer than 0.5 s", 22);
	if (rig->reason[22])
		assert_string_equal(rig->reason + 22, ": waiting");
	assert_string_equal(rig->said, "");
}

static void test_check_that_takes_too_long_says_what_it_said_last(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "echo asking; exec sleep 1000");
	check_start(&rig->check, 4711, LONG_MS);
	wait_until(rig, has_said);
	loop_timer_start(&rig->loop, &rig->check.timer, 0);
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 1);
	assert_string_equal(rig->reason, "took longer than 1000 s: asking");
	/* That its time was over is shown, too. */
	assert_int_equal(rig->check.said_at, 0);
}

/* Told as soon as the time is over; what its process does is another matter. */
static void test_check_that_takes_too_long_is_told_before_it_ends(void **state)
{
	struct rig *rig = *state;
	siginfo_t info;

	put_check(rig, "exec sleep 1000");
	check_start(&rig->check, 4711, SHORT_MS);
	wait_until(rig, has_result);
	assert_string_equal(rig->reason, "took longer than 0.1 s");
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 1);
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* The limit is told as it was set. */
static void test_check_that_takes_too_long_of_a_short_time_is_told_it(void **state)
{
	static const struct {
		uint64_t ms;
		const char *reason;
	} times[] = { { 1, "took longer than 0.001 s" },
		      { 20, "took longer than 0.02 s" },
		      { 99, "took longer than 0.099 s" },
		      { 100, "took longer than 0.1 s" },
		      { 125, "took longer than 0.125 s" } };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		put_check(rig, "exec sleep 1000");
		rig->results = 0;
		check_start(&rig->check, 4711, times[i].ms);
		wait_until(rig, is_over);
		assert_int_equal(rig->results, 1);
		assert_string_equal(rig->reason, times[i].reason);
	}
}

/* Where dinit notices so late that the time is over that it must have been stopped, the check was
 * stopped, too: it gets its time once more, but only once. */
static void test_check_that_was_stopped_with_dinit_gets_its_time_once_more(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "exec sleep 1000");
	check_start(&rig->check, 4711, LONG_MS);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rig->results, 0);
		assert_int_equal(rig->check.timer.due_ms, rig->loop.now_ms + LONG_MS);
		loop_timer_stop(&rig->loop, &rig->check.timer);
		rig->loop.now_ms += LONG_MS + CHECK_LATE_MS;
		rig->check.timer.on_due(rig->check.timer.ctx);
	}
	assert_int_equal(rig->results, 1);
	assert_string_equal(rig->reason, "took longer than 1000 s");
	wait_until(rig, is_over);
}

static void test_check_that_is_not_reaped_yet_when_its_time_is_over_has_its_result(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "echo well");
	check_start(&rig->check, 4711, LONG_MS);
	wait_for_end(rig);
	loop_timer_stop(&rig->loop, &rig->check.timer);
	rig->loop.now_ms = rig->check.timer.due_ms;
	rig->check.timer.on_due(rig->check.timer.ctx);
	assert_int_equal(rig->results, 0);
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 1);
	assert_true(rig->succeeded);
	assert_string_equal(rig->reason, "well");
}

/* Its children do not outlive it. (Somebody else reaps them.) */
static void test_check_that_takes_too_long_is_killed_with_its_children(void **state)
{
	struct rig *rig = *state;
	struct pollfd child = { .events = POLLIN };
	char pid[LASTLINE_MAX + 1];

	child.fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	rig_need(child.fd >= 0, "no pidfd_open here (old kernels, valgrind)");
	close(child.fd);
	put_check(rig, "sleep 1000 & echo $!; wait");
	check_start(&rig->check, 4711, LONG_MS);
	wait_until(rig, has_said);
	assert_true(lastline_show(&rig->check.last, pid));
	child.fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
	assert_true(child.fd >= 0);
	loop_timer_start(&rig->loop, &rig->check.timer, 0);
	assert_int_equal(poll(&child, 1, 0), 0);
	wait_until(rig, is_over);
	assert_int_equal(poll(&child, 1, DEADLINE_MS), 1);
	close(child.fd);
}

/* An output that never ends has its time, and no more; memory does not grow with it. */
static void test_check_whose_output_never_ends_is_killed(void **state)
{
	struct rig *rig = *state;

	run(rig, "exec yes", 200);
	assert_false(rig->succeeded);
	assert_memory_equal(rig->reason, "took longer than 0.2 s", 22);
	run(rig, "exec cat /dev/zero", 200);
	assert_false(rig->succeeded);
}

/* The end of its process is the end of the check, whoever still holds the pipe, and in whatever
 * session that is. */
static void test_check_that_leaves_its_pipe_behind_is_over(void **state)
{
	struct rig *rig = *state;

	expect(rig,
	       "echo started; setsid sh -c 'echo $$ >pid.new; mv pid.new pid; exec sleep 1000' "
	       "& until test -s pid; do sleep 0.02; done",
	       true, "started");
	run(rig, "kill $(cat pid)", LONG_MS);
	assert_true(rig->succeeded);
	/* One that writes on and on is not waited for either. */
	run(rig,
	    "rm -f pid; setsid sh -c 'echo y; echo $$ >pid.new; mv pid.new pid; exec yes' & "
	    "until test -s pid; do sleep 0.02; done",
	    LONG_MS);
	assert_string_equal(rig->reason, "y");
}

/* ---- stop ---- */

static void test_check_stop_kills_and_tells_nothing(void **state)
{
	struct rig *rig = *state;
	int fds = rig_count_fds();

	put_check(rig, "trap '' TERM; while :; do sleep 1000; done");
	check_start(&rig->check, 4711, LONG_MS);
	check_stop(&rig->check);
	assert_null(rig->loop.first);
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 0);
	assert_int_equal(rig_count_fds(), fds);
	/* It can be stopped as often as wanted, and run again. */
	check_stop(&rig->check);
	expect(rig, "echo fine", true, "fine");
}

/* A program that has ended, and is not reaped. */
static void test_check_stop_after_the_end_tells_nothing(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "exit 0");
	check_start(&rig->check, 4711, LONG_MS);
	wait_for_end(rig);
	check_stop(&rig->check);
	wait_until(rig, is_over);
	assert_int_equal(rig->results, 0);
}

/* A process that is killed and does not end is nobody's concern. */
static void test_check_close_forgets_a_running_process(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "exec sleep 1000");
	check_start(&rig->check, 4711, LONG_MS);
	wait_until(rig, at_once);
	check_close(&rig->check);
	assert_false(check_is_running(&rig->check));
	assert_null(rig->loop.first);
	rig->until = at_once;
	while (waitpid(-1, NULL, 0) > 0)
		;
	wait_until(rig, at_once);
	assert_int_equal(rig->results, 0);
}

/* ---- programs aside ---- */

/* Nobody waits for a check, and its life is told at debug only. */
static void test_check_counts_as_no_program(void **state)
{
	struct rig *rig = *state;

	put_check(rig, "exec sleep 1000");
	check_start(&rig->check, 4711, LONG_MS);
	assert_int_equal(rig->programs.living, 0);
	assert_int_equal(rig->programs.aside, 1);
	assert_true(rig->check.program.watch.unwaited);
	check_stop(&rig->check);
	wait_until(rig, is_over);
	assert_int_equal(rig->programs.living, 0);
	assert_int_equal(rig->programs.reaped, 0);
	assert_int_equal(rig->programs.aside, 0);
	assert_string_equal(rig->said, "");
	log_set_level(CONFIG_LOG_DEBUG);
	run(rig, "exit 0", LONG_MS);
	assert_non_null(strstr(rig->said, "debug: web/check: running with PID "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_check_runs_in_the_services_directory),
		TEST(test_check_streams_are_one_pipe),
		TEST(test_check_of_another_user_can_open_its_streams),
		TEST(test_check_result_is_how_it_ended_and_what_it_said_last),
		TEST(test_check_reason_is_the_last_line_that_is_not_blank),
		TEST(test_check_reason_has_200_bytes),
		TEST(test_check_line_in_pieces_is_one_line),
		TEST(test_check_flood_is_taken),
		TEST(test_check_that_has_ended_is_read_out),
		TEST(test_check_byte_that_comes_alone_is_a_reason),
		TEST(test_check_that_closes_its_streams_keeps_nobody_busy),
		TEST(test_check_read_that_fails_for_now_is_repeated),
		TEST(test_check_that_cannot_be_executed_has_failed),
		TEST(test_check_without_means_has_failed),
		TEST(test_check_that_takes_too_long_is_killed),
		TEST(test_check_that_takes_too_long_says_what_it_said_last),
		TEST(test_check_that_takes_too_long_is_told_before_it_ends),
		TEST(test_check_that_takes_too_long_of_a_short_time_is_told_it),
		TEST(test_check_that_was_stopped_with_dinit_gets_its_time_once_more),
		TEST(test_check_that_is_not_reaped_yet_when_its_time_is_over_has_its_result),
		TEST(test_check_that_takes_too_long_is_killed_with_its_children),
		TEST(test_check_whose_output_never_ends_is_killed),
		TEST(test_check_that_leaves_its_pipe_behind_is_over),
		TEST(test_check_stop_kills_and_tells_nothing),
		TEST(test_check_stop_after_the_end_tells_nothing),
		TEST(test_check_close_forgets_a_running_process),
		TEST(test_check_counts_as_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
