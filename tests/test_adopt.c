/* SPDX-License-Identifier: ISC */
/* adopt.c, redirect.c, adopt/tracee.c and fdtable.c against real processes (victim.c) that check
 * themselves. Each test is a small dinit: a loop, a reaper, one child. Waits for events, with a
 * deadline that only a broken build reaches. Needs the permission to trace, and what only root
 * can make is skipped for others.
 *
 * With TEST_QUICK in the environment (tests/mutants) all the tests run, in a few seconds: the clock
 * of the loop is faster than the machine's, so that what the code waits for is over sooner, and
 * what is left to chance is tried less often. With TEST_SLOW (tests/boot) only the latter, as an
 * emulated machine needs all the time that the code gives it; deadlines, and what is slept
 * meanwhile, are longer. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "adopt/adopt.h"
#include "adopt/obstacle.h"
#include "adopt/redirect.h"
#include "adopt/tracee.h"
#include "log.h"
#include "rig.h"
#include "tests/victim.h"
#include "tree.h"

#define BUFFER_SIZE (4 << 20)
#define PIPES_MAX 8192
/* Where a thread does not stop for so long, that is told. */
#define DELAY_MS 2000
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What came out of one pipe of the victim's, or of one of its streams. */
struct output {
	size_t len;
	char *text;
};

struct reading {
	struct test *test;
	int fd;
	struct loop_io io;
	struct output *into;
};

struct test {
	struct loop loop;
	struct reaper reaper;
	struct procfs proc;
	struct reaper_watch watch;
	struct loop_timer deadline;
	struct adopt *adopt;
	pid_t pid;
	int ready_fd, control_fd;
	int old_fds[2];
	/* of the victim */
	const char *path;
	/* of a /proc that is made up */
	char root[32];
	bool ready, exited, ended, late, refuse_pipes, stalled;
	/* Looks are made as soon as nothing else is to be done. */
	bool looks_soon;
	/* of interest: that it takes long */
	bool delays;
	int status;
	int ends, pipes, troubles, orphans;
	pid_t troubled_pid;
	char trouble[1024];
	struct output old[2], new[2];
	struct reading readings[PIPES_MAX];
	int reading_count;
	bool (*until)(const struct test *test);
};

static const char *victim_path, *victim32_path;

/* ---- how long all takes ---- */

static struct {
	/* How many times as fast the loop's clock is. */
	unsigned speed;
	/* By the loop's clock. */
	uint64_t deadline_ms;
	/* How far that clock was put forward. */
	uint64_t passed_ms;
	/* What is tried again and again is tried this part as often. */
	int fraction;
	/* How long a victim sleeps, by the machine's clock. */
	int sleep_ms;
} pace = { .speed = 1, .deadline_ms = 60000, .fraction = 1, .sleep_ms = 600 };

static void hurry(void)
{
	pace.speed = 40;
	pace.deadline_ms = 400000;
	pace.fraction = 10;
	pace.sleep_ms = 60;
}

static void be_patient(void)
{
	pace.deadline_ms = 600000;
	pace.fraction = 10;
	pace.sleep_ms = 900;
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = __real_clock_gettime(clock, now);
	uint64_t now_ns = (uint64_t)now->tv_sec * 1000000000 + (uint64_t)now->tv_nsec;

	if (clock == CLOCK_MONOTONIC) {
		now_ns = now_ns * pace.speed + pace.passed_ms * 1000000;
		now->tv_sec = (time_t)(now_ns / 1000000000);
		now->tv_nsec = (long)(now_ns % 1000000000);
	}
	return result;
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	fd_set ready;
	int64_t limit_ns = (int64_t)timeout_ms * 1000000 / (int64_t)pace.speed;
	struct timespec limit = { .tv_sec = limit_ns / 1000000000,
				  .tv_nsec = limit_ns % 1000000000 };

	if (pace.speed == 1 || timeout_ms <= 0)
		return __real_epoll_wait(fd, events, max, timeout_ms);
	FD_ZERO(&ready);
	FD_SET(fd, &ready);
	/* (Not ppoll(2), which refuses to look at more descriptors than the limit allows: 0.) */
	if (pselect(fd + 1, &ready, NULL, NULL, &limit, NULL) < 0)
		return -1;
	return __real_epoll_wait(fd, events, max, 0);
}

/* a request of ptrace(2) that not every libc has */
#define GET_RSEQ_CONFIGURATION 0x420f
/* i386: user_regs_struct */
#define REGISTERS_32_SIZE ((size_t)(17 * 4))

/* ---- what happens just before or after a ptrace(2) ---- */

static struct {
	/* of the calls so far, and of those that seize */
	int count, seizes;
	/* the victim is killed before this one */
	int kill_at;
	void (*before_seize)(pid_t tid);
	void (*after_seize)(pid_t tid);
	/* it stands still, and is about to be made to do something */
	void (*before_first_call)(pid_t tid);
	void (*on_pipe)(void);
	/* the last */
	pid_t seized;
	/* to interrupt all but the one that is spared */
	bool forgets;
	/* registers look like a 32-bit process's */
	bool narrow;
	/* unless 0: where the next instruction seems to be */
	uint64_t pc;
	/* unless 0: where the area for restartable sequences seems to be */
	uint64_t sequences;
	/* the request that fails so many times, with that error, but for the thread that is
	 * spared */
	int refused;
	int refusals, error;
	pid_t spared;
} script;

/* So many calls succeed, then one fails; -1: none does. */
static int mallocs_until_failure;
static bool calloc_fails;

long __real_ptrace(int request, ...);
long __wrap_ptrace(int request, ...);
int __real_tracee_call(struct tracee *tracee, long number, const uint64_t args[6]);
int __wrap_tracee_call(struct tracee *tracee, long number, const uint64_t args[6]);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
	errno = ENOMEM;
	return mallocs_until_failure-- == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	errno = ENOMEM;
	return calloc_fails ? NULL : __real_calloc(count, size);
}

long __wrap_ptrace(int request, ...)
{
	va_list args;
	pid_t tid;
	void *address, *data;
	long result;

	va_start(args, request);
	tid = va_arg(args, pid_t);
	address = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (++script.count == script.kill_at)
		kill(tid, SIGKILL);
	if (request == PTRACE_SEIZE)
		script.seizes++;
	if (request == PTRACE_SEIZE && script.before_seize)
		script.before_seize(tid);
	if (request == script.refused && tid != script.spared && script.refusals > 0) {
		script.refusals--;
		errno = script.error;
		return -1;
	}
	if (request == PTRACE_INTERRUPT && script.forgets && tid != script.spared)
		return 0;
	result = __real_ptrace(request, tid, address, data);
	if (request == PTRACE_GETREGSET && address == (void *)NT_PRSTATUS && script.narrow)
		((struct iovec *)data)->iov_len = REGISTERS_32_SIZE;
	if (request == PTRACE_GETREGSET && address == (void *)NT_PRSTATUS && script.pc)
		arch_set_call(((struct iovec *)data)->iov_base, script.pc, 0, (uint64_t[6]){ 0 });
	if (request == GET_RSEQ_CONFIGURATION && script.sequences)
		memcpy(data, &script.sequences, sizeof script.sequences);
	if (request != PTRACE_SEIZE || result < 0)
		return result;
	script.seized = tid;
	if (script.after_seize)
		script.after_seize(tid);
	return result;
}

int __wrap_tracee_call(struct tracee *tracee, long number, const uint64_t args[6])
{
	if (script.before_first_call)
		script.before_first_call(tracee->tid);
	script.before_first_call = NULL;
	return __real_tracee_call(tracee, number, args);
}

static char thread_state(pid_t tid)
{
	static const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat;

	return procfs_read_stat(&proc, tid, &stat) < 0 ? '?' : stat.state;
}

/* ---- a small dinit ---- */

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct test *test = ctx;

	if (info->ssi_signo == SIGCHLD)
		reaper_drain(&test->reaper);
}

static void on_orphan(void *ctx, pid_t pid, int status)
{
	struct test *test = ctx;

	(void)pid;
	(void)status;
	test->orphans++;
}

static void on_readable(void *ctx)
{
	struct reading *reading = ctx;
	struct output *into = reading->into;
	ssize_t n;

	while ((n = read(reading->fd, into->text + into->len, BUFFER_SIZE - 1 - into->len)) > 0)
		into->len += (size_t)n;
	into->text[into->len] = '\0';
	assert_true(n == 0 || errno == EAGAIN);
	if (n == 0) {
		loop_unwatch(&reading->test->loop, reading->fd, &reading->io);
		close(reading->fd);
		reading->fd = -1;
	}
}

static void read_from(struct test *test, int fd, struct output *into)
{
	struct reading *reading = &test->readings[test->reading_count++];

	assert_in_range(test->reading_count, 1, PIPES_MAX);
	*reading = (struct reading){ .test = test, .fd = fd, .into = into };
	reading->io = (struct loop_io){ .on_ready = on_readable, .ctx = reading };
	assert_int_equal(loop_watch(&test->loop, fd, EPOLLIN, &reading->io), 0);
}

static void on_ready_said(void *ctx)
{
	struct test *test = ctx;

	char byte;

	/* No byte: it has ended. */
	test->ready = read(test->ready_fd, &byte, 1) == 1;
}

static void on_victim_exit(void *ctx, pid_t pid, int status)
{
	struct test *test = ctx;

	assert_int_equal(pid, test->pid);
	test->exited = true;
	test->status = status;
	if (test->adopt)
		adopt_on_exit(test->adopt);
}

static void on_victim_stop(void *ctx, pid_t pid, int status)
{
	struct test *test = ctx;

	if (test->adopt)
		adopt_on_stop(test->adopt, status);
	else
		reaper_let_go(pid, status);
}

static int on_pipe(void *ctx, int stream, int read_fd)
{
	struct test *test = ctx;

	if (script.on_pipe)
		script.on_pipe();
	if (test->refuse_pipes) {
		errno = ENOMEM;
		return -1;
	}
	assert_true(stream == STDOUT_FILENO || stream == STDERR_FILENO);
	assert_int_equal(fcntl(read_fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(read_fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	read_from(test, read_fd, &test->new[stream - 1]);
	test->pipes++;
	return 0;
}

static void on_trouble(void *ctx, pid_t pid, const char *why)
{
	struct test *test = ctx;

	/* A slow machine is none of ours. */
	if (!test->delays && strstr(why, "it will be redirected when it does"))
		return;
	test->troubles++;
	test->troubled_pid = pid;
	snprintf(test->trouble, sizeof test->trouble, "%s", why);
}

static void on_end(void *ctx)
{
	struct test *test = ctx;

	test->adopt = NULL;
	test->ended = true;
	test->ends++;
}

static const struct adopt_hooks hooks = { .on_pipe = on_pipe,
					  .on_trouble = on_trouble,
					  .on_end = on_end };

static void on_late(void *ctx)
{
	struct test *test = ctx;

	test->late = true;
}

/* Returns whether all that adopt waits for is the time of its next look. */
static bool only_waits_to_look(const struct test *test)
{
	const struct loop_timer *timer = test->loop.first;

	if (!test->adopt || timer->ctx != test->adopt)
		return false;
	while (timer && (timer == &test->deadline || timer->ctx == test->adopt))
		timer = timer->next;
	return !timer;
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct test *test = ctx;

	if (test->late || test->until(test))
		return LOOP_STOP;
	if (test->looks_soon && only_waits_to_look(test))
		loop_timer_start(&test->loop, test->loop.first, 0);
	return LOOP_SLEEP;
}

/* Turns the loop until the condition holds; whether it did before the time was over. */
static bool turn(struct test *test, bool (*until)(const struct test *test), uint64_t limit_ms)
{
	test->until = until;
	test->late = false;
	/* The clock is as old as the last turn. */
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	test->loop.now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	loop_timer_start(&test->loop, &test->deadline, limit_ms);
	assert_int_equal(loop_run(&test->loop, on_turn_end, test), 0);
	loop_timer_stop(&test->loop, &test->deadline);
	return !test->late || until(test);
}

static void turn_until(struct test *test, bool (*until)(const struct test *test))
{
	if (!turn(test, until, pace.deadline_ms))
		fail_msg("deadline: pipes %d, trouble '%s', ready %d, exited %d, ended %d",
			 test->pipes, test->trouble, test->ready, test->exited, test->ended);
}

static bool is_never(const struct test *test)
{
	(void)test;
	return false;
}

static bool is_ready_or_exited(const struct test *test)
{
	return test->ready || test->exited;
}

static bool is_exited(const struct test *test)
{
	return test->exited;
}

static bool is_ended(const struct test *test)
{
	return test->ended;
}

static bool is_redirected(const struct test *test)
{
	return test->pipes >= 2 || test->ended || test->exited;
}

static bool has_printed(const struct test *test)
{
	return test->old[0].len > 0 && test->old[1].len > 0;
}

static bool is_troubled(const struct test *test)
{
	return test->troubles > 0;
}

static char state_of(const struct test *test)
{
	return thread_state(test->pid);
}

static bool is_stopped(const struct test *test)
{
	return state_of(test) == 'T';
}

static bool is_orphan_reaped(const struct test *test)
{
	return test->orphans >= 0;
}

static bool is_everything_read(const struct test *test)
{
	for (int i = 0; i < test->reading_count; i++)
		if (test->readings[i].fd >= 0)
			return false;
	return test->exited;
}

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof *test);
	sigset_t signals;

	assert_non_null(test);
	for (int i = 0; i < 2; i++) {
		test->old[i].text = calloc(1, BUFFER_SIZE);
		test->new[i].text = calloc(1, BUFFER_SIZE);
	}
	memset(&script, 0, sizeof script);
	mallocs_until_failure = -1;
	test->proc.root = "/proc";
	test->path = victim_path;
	test->deadline = (struct loop_timer){ .on_due = on_late, .ctx = test };
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_open(&test->loop, &signals, on_signal, test), 0);
	reaper_init(&test->reaper, on_orphan, test);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;

	/* Whatever a failed test left behind, the victim's descendants included. */
	if (test->pid > 0)
		kill(-test->pid, SIGKILL);
	for (int i = 0; i < test->reading_count; i++)
		if (test->readings[i].fd >= 0)
			close(test->readings[i].fd);
	if (test->control_fd > 0)
		close(test->control_fd);
	if (test->ready_fd > 0)
		close(test->ready_fd);
	loop_close(&test->loop);
	for (int i = 0; i < 2; i++) {
		free(test->old[i].text);
		free(test->new[i].text);
	}
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	free(test);
	return 0;
}

/* In the child. */
static void become_victim(const char *path, int fds[4][2], const char *mode, int number)
{
	char text[16];
	sigset_t none;
	int null_fd = open("/dev/null", O_RDONLY);
	int complaint_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 50);
	int source[6] = { null_fd, fds[0][1], fds[1][1], complaint_fd, fds[2][1], fds[3][0] };

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 6; i++)
		source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, 60);
	for (int i = 0; i < 6; i++)
		dup2(source[i], i);
	snprintf(text, sizeof text, "%d", number);
	execl(path, path, mode, text, (char *)NULL);
	_exit(99);
}

/* The first two of fds are the victim's 1 and 2, with the test's end of each before it. */
static void start_on(struct test *test, const char *mode, int number, int fds[4][2])
{
	struct loop_io *ready = calloc(1, sizeof *ready);

	for (int i = 2; i < 4; i++)
		assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
	test->pid = fork();
	if (test->pid == 0)
		become_victim(test->path, fds, mode, number);
	setpgid(test->pid, test->pid);
	test->watch = (struct reaper_watch){ .on_exit = on_victim_exit,
					     .on_stop = on_victim_stop,
					     .ctx = test };
	reaper_watch(&test->reaper, &test->watch, test->pid);
	for (int i = 0; i < 2; i++) {
		close(fds[i][1]);
		fcntl(fds[i][0], F_SETFL, O_NONBLOCK);
		test->old_fds[i] = fds[i][0];
		if (!test->stalled)
			read_from(test, fds[i][0], &test->old[i]);
	}
	close(fds[2][1]);
	close(fds[3][0]);
	test->ready_fd = fds[2][0];
	test->control_fd = fds[3][1];
	*ready = (struct loop_io){ .on_ready = on_ready_said, .ctx = test };
	assert_int_equal(loop_watch(&test->loop, test->ready_fd, EPOLLIN, ready), 0);
	turn_until(test, is_ready_or_exited);
	loop_unwatch(&test->loop, test->ready_fd, ready);
	free(ready);
}

/* shared: 1 and 2 are the same pipe. */
static void start_with(struct test *test, const char *mode, int number, bool shared)
{
	int fds[4][2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
	if (shared)
		assert_int_equal(dup3(fds[0][1], fds[1][1], O_CLOEXEC), fds[1][1]);
	start_on(test, mode, number, fds);
}

static void start(struct test *test, const char *mode)
{
	start_with(test, mode, VICTIM_EXECS, false);
}

static void begin(struct test *test)
{
	test->ended = false;
	test->pipes = 0;
	test->adopt = adopt_begin(&test->loop, &test->reaper, &test->proc, test->pid, &hooks, test);
	assert_non_null(test->adopt);
}

/* Waits for the end of the adoption, but not for the time between two looks at a process that does
 * nothing meanwhile. (test_adopt_stream_replaced_later_is_moved_again waits for that as well.) */
static void settle(struct test *test)
{
	test->looks_soon = true;
	turn_until(test, is_ended);
	test->looks_soon = false;
}

/* Puts the clock forward until it is told that the process does not stop yet; whether it was. The
 * time counts from its last stop: more than once, as it may stop before it is held up. */
static bool tells_of_delay(struct test *test)
{
	const uint64_t step_ms = 50 * pace.speed;
	bool told = false;

	test->delays = true;
	for (uint64_t ms = 0; !told && ms < pace.deadline_ms; ms += step_ms) {
		told = turn(test, is_troubled, step_ms);
		pace.passed_ms += DELAY_MS;
	}
	return told;
}

static void adopt(struct test *test)
{
	begin(test);
	settle(test);
}

/* Once more, without waiting whether the process changes its streams. */
static void adopt_briefly(struct test *test)
{
	begin(test);
	turn_until(test, is_redirected);
	if (test->adopt)
		adopt_cancel(test->adopt);
	turn_until(test, is_ended);
}

static void tell(struct test *test)
{
	close(test->control_fd);
	test->control_fd = -1;
}

static void finish(struct test *test)
{
	turn_until(test, is_everything_read);
	assert_int_equal(test->status, 0);
	assert_int_equal(test->orphans, 0);
}

static void assert_last_words_in(const struct output outputs[2])
{
	assert_string_equal(outputs[0].text, "out 1\n");
	assert_string_equal(outputs[1].text, "err 1\n");
}

static pid_t tracer_of(const struct test *test, pid_t pid)
{
	struct procfs_guard guard;

	assert_int_equal(procfs_read_guard(&test->proc, pid, &guard), 0);
	return guard.tracer;
}

/* ---- the streams ---- */

static void test_adopt_waiting_process_moves_both_streams(void **state)
{
	struct test *test = *state;

	start(test, "told");
	adopt(test);
	assert_int_equal(test->pipes, 2);
	assert_int_equal(tracer_of(test, test->pid), 0);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
	assert_string_equal(test->old[0].text, "");
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->ends, 1);
}

static void test_adopt_shared_stream_becomes_two(void **state)
{
	struct test *test = *state;

	start_with(test, "told", 0, true);
	adopt(test);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* Numbers of both files together, in the order in which they were printed, without a gap. */
static void assert_contiguous(const struct output *old, const struct output *new, const char *word)
{
	char *all = malloc(old->len + new->len + 1), *line, *rest;
	char expected[64];
	unsigned long number = 0;

	assert_non_null(all);
	memcpy(all, old->text, old->len);
	memcpy(all + old->len, new->text, new->len + 1);
	for (line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "total", 5) == 0)
			break;
		snprintf(expected, sizeof expected, "%s %lu", word, number++);
		assert_string_equal(line, expected);
	}
	snprintf(expected, sizeof expected, "total %lu", number);
	assert_non_null(line);
	assert_string_equal(line, expected);
	free(all);
}

static void test_adopt_writing_process_loses_and_doubles_no_line(void **state)
{
	struct test *test = *state;

	start(test, "count");
	turn_until(test, has_printed);
	begin(test);
	turn_until(test, is_redirected);
	turn(test, is_never, 50);
	tell(test);
	turn_until(test, is_ended);
	finish(test);
	assert_true(test->old[0].len > 0 && test->new[0].len > 0 && test->new[1].len > 0);
	assert_contiguous(&test->old[0], &test->new[0], "out");
	assert_contiguous(&test->old[1], &test->new[1], "err");
}

/* It waits in write(2) for a reader that does not come; the line it wants to write goes to the
 * new pipe, once. */
static void test_adopt_blocked_writer_loses_and_doubles_no_line(void **state)
{
	struct test *test = *state;

	test->stalled = true;
	start(test, "count");
	while (state_of(test) != 'S')
		turn(test, is_never, 1);
	begin(test);
	turn_until(test, is_redirected);
	turn(test, is_never, 50);
	tell(test);
	turn_until(test, is_ended);
	read_from(test, test->old_fds[0], &test->old[0]);
	read_from(test, test->old_fds[1], &test->old[1]);
	finish(test);
	assert_true(test->new[0].len > 0 && test->new[1].len > 0);
	assert_contiguous(&test->old[0], &test->new[0], "out");
	assert_contiguous(&test->old[1], &test->new[1], "err");
}

/* Of the mode "children". */
static void assert_copies_moved(struct test *test)
{
	const char *text;

	adopt(test);
	/* Two each for three processes whose 1 and 2, 7 and 8 are copies, and two for the last,
	 * which has only those. */
	assert_int_equal(test->pipes, 8);
	tell(test);
	finish(test);
	text = test->new[0].text;
	for (int i = 0; i < 3; i++) {
		char line[32];

		snprintf(line, sizeof line, "seven %d\n", i);
		assert_non_null(strstr(text, line));
		snprintf(line, sizeof line, "out %d\n", i);
		assert_non_null(strstr(text, line));
		snprintf(line, sizeof line, "eight %d\n", i);
		assert_non_null(strstr(test->new[1].text, line));
	}
	assert_non_null(strstr(text, "seven 9\n"));
	assert_non_null(strstr(test->new[1].text, "eight 9\n"));
}

static void test_adopt_descendants_moves_copies_under_other_numbers(void **state)
{
	struct test *test = *state;

	start(test, "children");
	assert_copies_moved(test);
	assert_string_equal(test->old[0].text, "");
	assert_string_equal(test->old[1].text, "");
}

static void test_adopt_file_and_terminal_are_moved_with_their_copies(void **state)
{
	struct test *test = *state;
	int fds[4][2] = { { open("/tmp", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600), -1 },
			  { posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), -1 } };
	struct stat status;
	char byte;

	fds[0][1] = fcntl(fds[0][0], F_DUPFD_CLOEXEC, 0);
	assert_int_equal(unlockpt(fds[1][0]), 0);
	fds[1][1] = open(ptsname(fds[1][0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fds[0][1] >= 0 && fds[1][1] >= 0);
	test->stalled = true;
	start_on(test, "children", 0, fds);
	assert_copies_moved(test);
	assert_int_equal(fstat(test->old_fds[0], &status), 0);
	assert_int_equal(status.st_size, 0);
	assert_int_equal(read(test->old_fds[1], &byte, 1), -1);
	close(test->old_fds[0]);
	close(test->old_fds[1]);
}

static bool has_ten_pipes(const struct test *test)
{
	return test->pipes >= 10;
}

static void test_adopt_forking_process_moves_every_child(void **state)
{
	struct test *test = *state;

	start(test, "forks");
	begin(test);
	turn_until(test, has_ten_pipes);
	turn_until(test, is_ended);
	tell(test);
	finish(test);
	assert_string_equal(test->old[0].text, "");
	assert_string_equal(test->old[1].text, "");
}

static void test_adopt_stream_replaced_later_is_moved_again(void **state)
{
	struct test *test = *state;

	start(test, "replace");
	begin(test);
	turn_until(test, is_redirected);
	turn(test, is_never, 300);
	assert_int_equal(write(test->control_fd, "r", 1), 1);
	turn_until(test, is_ended);
	assert_int_equal(test->pipes, 4);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* Its streams are other files by the time it stands still than when it was looked at. */
static int replacing_control_fd;

static void replace_now(pid_t tid)
{
	static const struct procfs proc = { .root = "/proc" };
	struct fdtable_file file;

	script.before_seize = NULL;
	assert_int_equal(write(replacing_control_fd, "r", 1), 1);
	do
		assert_int_equal(fdtable_identify(&proc, tid, STDERR_FILENO, &file), 0);
	while (!fdtable_is_void(&file));
}

static void test_adopt_stream_replaced_before_it_is_seized_is_moved_at_once(void **state)
{
	struct test *test = *state;

	start(test, "replace");
	replacing_control_fd = test->control_fd;
	script.before_seize = replace_now;
	adopt(test);
	assert_int_equal(script.seizes, 1);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* /dev/null is what its parent prints to: it prints to it as well, and has it open elsewhere. */
static void test_adopt_null_device_of_descendant_is_moved_as_a_stream_only(void **state)
{
	struct test *test = *state;

	start(test, "nullparent");
	adopt(test);
	assert_int_equal(test->pipes, 3);
	tell(test);
	finish(test);
	assert_string_equal(test->new[0].text, "err 1\nout 1\n");
	assert_string_equal(test->new[1].text, "err 1\n");
}

static void test_adopt_one_stream_alone_is_moved(void **state)
{
	struct test *test = *state;

	start(test, "mute");
	adopt(test);
	assert_int_equal(test->pipes, 1);
	tell(test);
	finish(test);
	assert_string_equal(test->new[1].text, "err 1\n");
	assert_string_equal(test->trouble, "");
}

static void assert_streams_stay(struct test *test, const char *mode)
{
	start(test, mode);
	adopt(test);
	assert_int_equal(test->pipes, 0);
	assert_string_equal(test->trouble, "");
	tell(test);
	finish(test);
}

static void test_adopt_closed_and_readonly_streams_stay(void **state)
{
	assert_streams_stay(*state, "readonly");
}

static void test_adopt_data_and_socket_under_the_streams_numbers_stay(void **state)
{
	assert_streams_stay(*state, "atwork");
}

static void test_adopt_file_only_written_is_moved_and_its_reader_stays(void **state)
{
	struct test *test = *state;

	start(test, "reader");
	adopt(test);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static void test_adopt_leaves_memory_descriptors_and_signals_alone(void **state)
{
	struct test *test = *state;

	start(test, "belongings");
	adopt(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
	assert_string_equal(test->old[0].text, "in 1\n");
}

/* ---- what it is doing meanwhile ---- */

/* Again and again, so many times or, for times 0, until the victim has slept its time: one that
 * begins to sleep anew whenever it is interrupted never has. */
static void storm(struct test *test, const char *mode, int times)
{
	int moved = 0, i;

	times = (times + pace.fraction - 1) / pace.fraction;
	start_with(test, mode, pace.sleep_ms, false);
	/* (Several times as long as a victim sleeps.) */
	for (i = 0; !test->exited && i < (times ? times : 400); i++) {
		adopt_briefly(test);
		moved += test->pipes;
		turn(test, is_exited, 5);
	}
	assert_true(times || test->exited);
	assert_string_equal(test->trouble, "");
	/* An emulated processor, beside others, may take as long for one as the victim sleeps. */
	rig_need(times || moved >= 4, "this machine is too slow");
	assert_true(moved >= times);
}

#define STORM_TEST(mode, times) \
	static void test_adopt_##mode##_does_not_notice(void **state) \
	{ \
		storm(*state, #mode, times); \
		tell(*state); \
		finish(*state); \
	}

STORM_TEST(sequence, 60)
STORM_TEST(spin, 60)
STORM_TEST(nanosleep, 0)
STORM_TEST(poll, 0)
STORM_TEST(select, 0)
STORM_TEST(futex, 0)
STORM_TEST(epoll, 3)
STORM_TEST(accept, 60)
STORM_TEST(wait, 60)
STORM_TEST(threads, 60)
STORM_TEST(told, 100)

static void test_adopt_read_does_not_notice(void **state)
{
	struct test *test = *state;

	storm(test, "read", 60);
	assert_int_equal(write(test->control_fd, "x", 1), 1);
	finish(test);
	assert_last_words_in(test->new);
}

static void test_adopt_sigsuspend_takes_its_signal_once(void **state)
{
	struct test *test = *state;

	storm(test, "sigsuspend", 40);
	kill(test->pid, SIGUSR1);
	finish(test);
	assert_last_words_in(test->new);
}

static void test_adopt_ppoll_takes_its_signal_once(void **state)
{
	struct test *test = *state;

	storm(test, "ppoll", 40);
	kill(test->pid, SIGUSR1);
	finish(test);
	assert_last_words_in(test->new);
}

/* The signal comes while the thread is in our hands. */
static void test_adopt_signal_meanwhile_interrupts_as_ever(void **state)
{
	struct test *test = *state;

	for (int i = 0; i < 100 / pace.fraction; i++) {
		start(test, i % 2 ? "ppoll" : "sigsuspend");
		begin(test);
		turn_until(test, is_redirected);
		kill(test->pid, SIGUSR1);
		turn_until(test, is_ended);
		finish(test);
		test->ready = test->exited = false;
		test->reading_count = 0;
		close(test->ready_fd);
		close(test->control_fd);
	}
}

static void test_adopt_under_signals_loses_none(void **state)
{
	struct test *test = *state;
	char expected[32];
	int sent = 0;

	start(test, "signals");
	for (int i = 0; i < 60 / pace.fraction; i++) {
		begin(test);
		for (int burst = 0; burst < 5; burst++)
			assert_int_equal(sigqueue(test->pid, SIGRTMIN,
						  (union sigval){ .sival_int = sent++ }),
					 0);
		turn_until(test, is_redirected);
		assert_int_equal(sigqueue(test->pid, SIGRTMIN,
					  (union sigval){ .sival_int = sent++ }),
				 0);
		if (test->adopt)
			adopt_cancel(test->adopt);
		turn_until(test, is_ended);
		turn(test, is_exited, 2);
	}
	tell(test);
	finish(test);
	snprintf(expected, sizeof expected, "queued %d\nout 1\n", sent);
	assert_string_equal(test->new[0].text, expected);
}

static void test_adopt_stopped_process_stays_stopped(void **state)
{
	struct test *test = *state;

	start(test, "stopped");
	while (!is_stopped(test))
		turn(test, is_stopped, 1);
	adopt(test);
	assert_int_equal(test->pipes, 2);
	/* It takes itself a moment to stop again after it was let go. */
	while (!is_stopped(test))
		turn(test, is_stopped, 1);
	turn(test, is_exited, 50);
	assert_int_equal(state_of(test), 'T');
	kill(test->pid, SIGCONT);
	finish(test);
	assert_last_words_in(test->new);
}

/* STOP and CONT at any moment. */
static void test_adopt_stopped_and_continued_meanwhile_survives(void **state)
{
	struct test *test = *state;

	start(test, "told");
	for (int i = 0; i < 200 / pace.fraction; i++) {
		begin(test);
		turn(test, is_redirected, (uint64_t)(i % 3));
		kill(test->pid, i % 2 ? SIGSTOP : SIGCONT);
		turn(test, is_redirected, (uint64_t)(i % 2));
		kill(test->pid, i % 2 ? SIGCONT : SIGSTOP);
		turn_until(test, is_redirected);
		if (test->adopt)
			adopt_cancel(test->adopt);
		turn_until(test, is_ended);
		assert_string_equal(test->trouble, "");
	}
	kill(test->pid, SIGCONT);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static void test_adopt_vfork_parent_is_moved_when_it_goes_on(void **state)
{
	struct test *test = *state;

	start(test, "vfork");
	while (state_of(test) != 'D')
		turn(test, is_never, 1);
	begin(test);
	turn_until(test, is_redirected);
	assert_true(tells_of_delay(test));
	assert_non_null(strstr(test->trouble, "it does not stop yet"));
	/* The child's, whose copies they are as well. */
	assert_int_equal(test->pipes, 2);
	tell(test);
	turn_until(test, is_exited);
	turn_until(test, is_ended);
	finish(test);
	assert_int_equal(test->old[0].len + test->new[0].len, strlen("out 1\n"));
}

static void test_adopt_process_whose_first_thread_has_ended_is_moved(void **state)
{
	struct test *test = *state;

	start(test, "headless");
	assert_int_equal(state_of(test), 'Z');
	adopt(test);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* Its own and its child's, each with pipes of its own. */
static void test_adopt_descendant_whose_first_thread_has_ended_is_moved(void **state)
{
	struct test *test = *state;

	start(test, "headlesschild");
	adopt(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 4);
	tell(test);
	finish(test);
	assert_string_equal(test->new[0].text, "out 1\nout 1\n");
	assert_string_equal(test->old[0].text, "");
}

/* ---- execve and the end in the middle ---- */

static void redo(struct test *test)
{
	for (int i = 0; i < test->reading_count; i++)
		assert_int_equal(test->readings[i].fd, -1);
	for (int i = 0; i < 2; i++) {
		test->old[i].len = test->new[i].len = 0;
		test->old[i].text[0] = test->new[i].text[0] = '\0';
	}
	test->reading_count = 0;
	test->ready = test->exited = false;
	if (test->control_fd > 0)
		close(test->control_fd);
	close(test->ready_fd);
}

static void adopt_while_it_execs(struct test *test, const char *mode)
{
	int moved = 0, times = pace.fraction > 1 ? 4 : 20;

	for (int i = 0; i < times; i++) {
		start(test, mode);
		turn(test, is_never, (uint64_t)(i % 4));
		begin(test);
		turn_until(test, is_redirected);
		moved += test->pipes;
		turn(test, is_never, 3);
		if (i % 4 && test->adopt)
			adopt_cancel(test->adopt);
		settle(test);
		tell(test);
		finish(test);
		if (i % 4 == 0)
			assert_last_words_in(test->new);
		redo(test);
	}
	assert_true(moved >= times);
}

static void test_adopt_execing_process_is_moved(void **state)
{
	adopt_while_it_execs(*state, "exec");
}

static void test_adopt_process_execing_in_a_thread_is_moved(void **state)
{
	adopt_while_it_execs(*state, "threadexec");
}

/* The victim comes to its own end now. */
static struct test *at_its_end;

static void end_process(pid_t pid)
{
	if (at_its_end->control_fd >= 0)
		tell(at_its_end);
	while (thread_state(pid) != 'Z')
		;
}

static void adopt_while_it_exits(struct test *test, void (**moment)(pid_t pid))
{
	at_its_end = test;
	*moment = end_process;
	start(test, "told");
	begin(test);
	turn_until(test, is_ended);
	finish(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 0);
	assert_last_words_in(test->old);
}

static void test_adopt_process_exiting_before_it_is_seized_ends_adoption(void **state)
{
	adopt_while_it_exits(*state, &script.before_seize);
}

static void test_adopt_process_exiting_before_it_is_stopped_ends_adoption(void **state)
{
	adopt_while_it_exits(*state, &script.after_seize);
}

/* Its life homes in on the moment at which it would end in the middle, wherever the machine has
 * that. */
static void test_adopt_exiting_process_ends_adoption(void **state)
{
	struct test *test = *state;
	int begun = 0, life = 800000;

	for (int i = 0; i < 400 / pace.fraction; i++) {
		start_with(test, "exit", life, false);
		if (test->exited) {
			life += life / 8 + 1;
		} else {
			begin(test);
			turn_until(test, is_exited);
			turn_until(test, is_ended);
			begun++;
			if (test->pipes == 2)
				life -= life / 8;
		}
		finish(test);
		redo(test);
	}
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->ends, begun);
	assert_true(begun > 0);
}

/* Killed before each of the ptrace(2)s in turn, until there are no more. */
static void test_adopt_killed_at_every_step_ends_adoption(void **state)
{
	struct test *test = *state;
	bool survived = false;

	for (int i = 1; !survived; i++) {
		start(test, i % 2 ? "told" : "spin");
		script.count = 0;
		script.kill_at = i;
		begin(test);
		turn_until(test, is_ended);
		survived = !test->exited;
		if (survived)
			kill(test->pid, SIGKILL);
		turn_until(test, is_everything_read);
		assert_int_equal(test->status, SIGKILL);
		redo(test);
		assert_in_range(i, 1, 200);
	}
	assert_true(script.kill_at > 40);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->ends, script.kill_at);
}

/* It is about to take a signal when it is to be stopped, and takes it. */
static void send_and_wait(pid_t tid)
{
	kill(tid, SIGUSR1);
	while (thread_state(tid) != 't')
		;
}

static void test_adopt_signal_first_is_delivered(void **state)
{
	struct test *test = *state;

	script.after_seize = send_and_wait;
	start(test, "sigsuspend");
	adopt(test);
	finish(test);
	assert_string_equal(test->trouble, "");
}

/* The thread that was chosen ends, its process goes on. */
static int thread_control_fd;

static void end_thread(pid_t tid)
{
	assert_int_equal(write(thread_control_fd, "e", 1), 1);
	script.after_seize = NULL;
	while (thread_state(tid) != 'Z')
		;
}

static void test_adopt_thread_that_ends_is_replaced_by_another(void **state)
{
	struct test *test = *state;

	start(test, "headless");
	thread_control_fd = test->control_fd;
	script.after_seize = end_thread;
	adopt(test);
	assert_null(script.after_seize);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* So does the first, of whose end nothing tells as long as there are others. */
static void test_adopt_first_thread_that_ends_is_replaced_by_another(void **state)
{
	struct test *test = *state;

	start(test, "beheaded");
	thread_control_fd = test->control_fd;
	script.after_seize = end_thread;
	adopt(test);
	assert_null(script.after_seize);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* ---- a PID that has become another process's ---- */

static struct {
	pid_t victim, pid;
	int fds[2];
} reuse;

/* The victim's child ends, and its PID goes to a process that has the same files open, but is
 * none of its. */
static void put_impostor(pid_t tid)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size;
	} args = { .exit_signal = SIGCHLD,
		   .set_tid = (uint64_t)(uintptr_t)&tid,
		   .set_tid_size = 1 };

	if (tid == reuse.victim)
		return;
	script.before_seize = NULL;
	kill(tid, SIGKILL);
	while (kill(tid, 0) == 0)
		;
	do
		reuse.pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	/* not yet free */
	while (reuse.pid < 0 && errno == EEXIST);
	if (reuse.pid != 0)
		return;
	setpgid(0, reuse.victim);
	dup2(reuse.fds[0], STDOUT_FILENO);
	dup2(reuse.fds[1], STDERR_FILENO);
	for (;;)
		pause();
}

static void test_adopt_pid_of_child_reused_is_left_alone(void **state)
{
	struct test *test = *state;
	char path[64];

	rig_need(rig_can_take_user(), RIG_WHY_USER);
	start(test, "unwaited");
	/* Later than the child by what is the measure of start times. */
	turn(test, is_never, 20 * pace.speed);
	reuse.victim = test->pid;
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)test->pid, i + 1);
		reuse.fds[i] = open(path, O_WRONLY | O_CLOEXEC);
		assert_true(reuse.fds[i] >= 0);
	}
	script.before_seize = put_impostor;
	/* the impostor */
	test->orphans = -1;
	adopt(test);
	assert_null(script.before_seize);
	for (int i = 0; i < 2; i++)
		close(reuse.fds[i]);
	rig_need(reuse.pid >= 0,
		 "no new process can choose its PID here: run as root with CAP_SYS_ADMIN");
	assert_int_equal(test->pipes, 2);
	assert_int_equal(tracer_of(test, reuse.pid), 0);
	kill(reuse.pid, SIGKILL);
	turn_until(test, is_orphan_reaped);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static bool has_seized(const struct test *test)
{
	(void)test;
	return script.seized != 0;
}

/* The thread ends, and nobody wants another in its place any more. */
static void test_adopt_cancelled_while_its_thread_ends_lets_go(void **state)
{
	struct test *test = *state;

	start(test, "headless");
	thread_control_fd = test->control_fd;
	script.after_seize = end_thread;
	begin(test);
	turn_until(test, has_seized);
	adopt_cancel(test->adopt);
	turn_until(test, is_ended);
	assert_int_equal(script.seizes, 1);
	assert_int_equal(test->pipes, 0);
	assert_string_equal(test->trouble, "");
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

/* Another PID namespace's has others' processes under those numbers. */
static void test_adopt_looks_at_nothing_where_proc_is_not_ours(void **state)
{
	struct test *test = *state;

	start(test, "told");
	test->proc.root = "/nonexistent";
	begin(test);
	turn_until(test, is_ended);
	test->proc.root = "/proc";
	assert_int_equal(script.seizes, 0);
	assert_int_equal(test->pipes, 0);
	assert_string_equal(test->trouble, "");
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

static pid_t killed_not;

static void kill_other(pid_t tid)
{
	if (tid != killed_not)
		kill(tid, SIGKILL);
}

static void test_adopt_descendant_killed_while_traced_is_forgotten(void **state)
{
	struct test *test = *state;

	start(test, "parent");
	killed_not = test->pid;
	script.after_seize = kill_other;
	adopt(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 2);
	/* On a slow machine it is seen to be a zombie first, and then reaped as nobody's. */
	test->orphans = 0;
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static bool is_child_seized(const struct test *test)
{
	return script.seized != 0 && script.seized != test->pid;
}

/* It is the reaper that lets it go, whenever it stops; meanwhile it is an orphan like any other. */
static void test_adopt_orphan_that_does_not_stop_is_not_waited_for(void **state)
{
	struct test *test = *state;
	pid_t child;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start(test, "parent");
	script.forgets = true;
	script.spared = test->pid;
	begin(test);
	turn_until(test, is_child_seized);
	child = script.seized;
	kill(test->pid, SIGKILL);
	turn_until(test, is_ended);
	assert_int_equal(tracer_of(test, child), getpid());
	assert_null(reaper_find(&test->reaper, child));
	assert_int_equal(__real_ptrace(PTRACE_INTERRUPT, child, NULL, NULL), 0);
	while (thread_state(child) != 't')
		;
	assert_true(reaper_drain(&test->reaper));
	assert_int_equal(tracer_of(test, child), 0);
	tell(test);
	turn_until(test, is_everything_read);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	assert_string_equal(test->trouble, "");
}

static void test_adopt_cancelled_at_any_moment_lets_go(void **state)
{
	struct test *test = *state;

	start(test, "told");
	for (int i = 0; i < 300 / pace.fraction; i++) {
		begin(test);
		for (int turns = 0; turns < i % 20; turns++)
			turn(test, is_never, 0);
		if (test->adopt)
			adopt_cancel(test->adopt);
		turn_until(test, is_ended);
		assert_int_equal(tracer_of(test, test->pid), 0);
	}
	tell(test);
	finish(test);
	assert_int_equal(test->old[0].len + test->new[0].len, strlen("out 1\n"));
}

/* ---- who cannot be redirected ---- */

static void assert_left_alone(struct test *test, const char *why)
{
	adopt(test);
	assert_int_equal(test->troubles, 1);
	if (!strstr(test->trouble, why))
		fail_msg("'%s' does not say '%s'", test->trouble, why);
	assert_int_equal(test->pipes, 0);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

static void test_adopt_process_with_seccomp_filter_is_left_alone(void **state)
{
	start(*state, "seccomp");
	assert_left_alone(*state, "seccomp");
}

static void test_adopt_process_in_strict_seccomp_mode_is_left_alone(void **state)
{
	start(*state, "strict");
	assert_left_alone(*state, "seccomp");
}

static void test_adopt_on_another_kind_of_processor_is_left_alone(void **state)
{
	start(*state, "told");
	assert_left_alone(*state, "this kind of CPU");
}

static bool is_linux_6_4(void)
{
	struct utsname kernel;
	int major, minor;

	return uname(&kernel) == 0 && sscanf(kernel.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 4));
}

static void test_adopt_process_that_dispatches_its_calls_is_left_alone(void **state)
{
	struct test *test = *state;

	/* Where there is no such thing, or (before Linux 6.4) nobody can see whether it is used. */
	start(test, "dispatch");
	rig_need(!test->exited && is_linux_6_4(),
		 "before Linux 6.4 nobody sees who intercepts its own system calls");
	assert_left_alone(test, "intercepts its own system calls");
}

static void test_adopt_32_bit_process_is_left_alone(void **state)
{
	struct test *test = *state;

	rig_need(access(victim32_path, X_OK) == 0, "32-bit programs cannot be made here");
	test->path = victim32_path;
	start(test, "");
	rig_need(!test->exited, "32-bit programs do not run on this machine");
	assert_left_alone(test, "another architecture");
}

/* The same where the machine runs no such program: what the kernel would say of one. */
static void test_adopt_process_with_registers_of_32_bits_is_left_alone(void **state)
{
	script.narrow = true;
	start(*state, "told");
	assert_left_alone(*state, "another architecture");
}

static void test_adopt_pipe_refused_leaves_process_alone(void **state)
{
	struct test *test = *state;

	test->refuse_pipes = true;
	start(test, "told");
	assert_left_alone(test, "Cannot allocate memory");
}

static void test_adopt_traced_process_is_left_alone(void **state)
{
	struct test *test = *state;
	pid_t tracer;
	int go[2];
	char byte;

	start(test, "told");
	assert_int_equal(pipe(go), 0);
	tracer = fork();
	if (tracer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, test->pid, NULL, NULL) < 0 || write(go[1], "g", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(go[0], &byte, 1), 1);
	/* the tracer */
	test->orphans = -1;
	adopt(test);
	assert_non_null(strstr(test->trouble, "traces it already"));
	assert_int_equal(test->pipes, 0);
	kill(tracer, SIGKILL);
	turn_until(test, is_orphan_reaped);
	tell(test);
	finish(test);
	close(go[0]);
	close(go[1]);
}

/* Runs the rest in a child that may not trace other users' processes. */
static void test_adopt_other_users_process_without_capability_is_left_alone(void **state)
{
	struct {
		uint32_t version;
		int pid;
	} header = { 0x20080522, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} sets[2];
	struct test *test = *state;
	/* CAP_SYS_PTRACE */
	const uint32_t trace = 1u << 19;

	rig_need(rig_can_trace_others(), RIG_WHY_TRACED);
	start(test, "otheruser");
	assert_int_equal(syscall(SYS_capget, &header, sets), 0);
	sets[0].effective &= ~trace;
	assert_int_equal(syscall(SYS_capset, &header, sets), 0);
	adopt(test);
	assert_true(obstacle_is_forbidden(&test->proc, test->pid));
	/* It would wait for the end of an execve first, which may hang. */
	assert_int_equal(script.seizes, 0);
	sets[0].effective |= trace;
	assert_int_equal(syscall(SYS_capset, &header, sets), 0);
	assert_non_null(strstr(test->trouble, "runs as user 65534"));
	assert_non_null(strstr(test->trouble, "CAP_SYS_PTRACE"));
	assert_int_equal(test->pipes, 0);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

static void test_adopt_other_users_process_with_capability_is_moved(void **state)
{
	struct test *test = *state;

	rig_need(rig_can_trace_others(), RIG_WHY_TRACED);
	start(test, "otheruser");
	adopt(test);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* ---- calls that fail ---- */

static void refuse(int request, int error, int times)
{
	script.refused = request;
	script.error = error;
	script.refusals = times;
}

static void limit(const struct test *test, __rlimit_resource_t resource, rlim_t soft)
{
	struct rlimit limit;

	assert_int_equal(prlimit(test->pid, resource, NULL, &limit), 0);
	limit.rlim_cur = soft;
	assert_int_equal(prlimit(test->pid, resource, &limit, NULL), 0);
}

static void test_adopt_process_that_may_not_map_memory_is_left_alone(void **state)
{
	start(*state, "told");
	limit(*state, RLIMIT_AS, 0);
	assert_left_alone(*state, "it cannot map memory (Cannot allocate memory)");
}

/* What was mapped for it is gone again. */
static void test_adopt_process_that_may_not_make_pipes_is_left_alone(void **state)
{
	struct test *test = *state;

	start(test, "belongings");
	limit(test, RLIMIT_NOFILE, 0);
	adopt(test);
	assert_int_equal(test->troubles, 1);
	assert_string_equal(test->trouble, "it cannot make a pipe (Too many open files)");
	assert_int_equal(test->pipes, 0);
	limit(test, RLIMIT_NOFILE, 64);
	tell(test);
	finish(test);
	assert_string_equal(test->old[0].text, "in 1\nout 1\n");
	assert_string_equal(test->old[1].text, "err 1\n");
}

static void test_adopt_copy_that_may_not_be_replaced_stays(void **state)
{
	struct test *test = *state;

	start_with(test, "copies", 1, false);
	limit(test, RLIMIT_NOFILE, VICTIM_COPIES_FD);
	adopt(test);
	assert_int_equal(test->troubles, 1);
	assert_string_equal(test->trouble,
			    "its descriptor 40 cannot be replaced (Bad file descriptor)");
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_string_equal(test->old[0].text, "copy 0\n");
	assert_last_words_in(test->new);
}

static int count_lines(const struct output *output, const char *word)
{
	int count = 0;

	for (const char *at = output->text; (at = strstr(at, word)); at++)
		count++;
	return count;
}

static void test_adopt_copies_beyond_the_limit_stay(void **state)
{
	struct test *test = *state;

	start_with(test, "copies", 100, false);
	adopt(test);
	assert_int_equal(test->troubles, 1);
	assert_string_equal(test->trouble,
			    "it has more than 64 copies of its stdout and stderr open");
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_int_equal(count_lines(&test->new[0], "copy"), 62);
	assert_int_equal(count_lines(&test->old[0], "copy"), 38);
	assert_int_equal(count_lines(&test->new[0], "out") + count_lines(&test->new[1], "err"), 2);
}

static void test_adopt_process_without_a_system_call_instruction_is_left_alone(void **state)
{
	start(*state, "computing");
	assert_left_alone(*state, "no system call instruction was found in it");
}

static void unmap_meanwhile(pid_t tid)
{
	char path[64], maps[16384];
	ssize_t len;
	int fd;

	assert_int_equal(write(thread_control_fd, "u", 1), 1);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)tid);
	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = read(fd, maps, sizeof maps - 1);
		assert_in_range(len, 1, sizeof maps - 1);
		maps[len] = '\0';
		close(fd);
	} while (strstr(maps, "[vdso]"));
}

/* The fault that comes of it is ours. */
static void test_adopt_process_whose_instruction_vanishes_is_left_alone(void **state)
{
	struct test *test = *state;

	start(test, "unmapping");
	thread_control_fd = test->control_fd;
	script.before_first_call = unmap_meanwhile;
	assert_left_alone(test, "it cannot map memory (Bad address)");
}

/* The one that it is just using serves as well. */
static void test_adopt_process_that_covers_the_kernels_library_is_moved(void **state)
{
	struct test *test = *state;

	start(test, "covered");
	/* (It has said that it is ready, and is on its way to the call that it waits in.) */
	while (state_of(test) != 'S')
		turn(test, is_never, 1);
	adopt(test);
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static void test_adopt_tracing_that_fails_is_said(void **state)
{
	refuse(PTRACE_SEIZE, EIO, INT_MAX);
	start(*state, "told");
	assert_left_alone(*state, "tracing it fails (Input/output error)");
}

/* It may be about to end, or within an execve: that is over in a moment, or it is no such thing. */
static void test_adopt_tracing_refused_for_long_is_said(void **state)
{
	refuse(PTRACE_SEIZE, EPERM, INT_MAX);
	start(*state, "told");
	assert_left_alone(*state, "tracing it is not permitted");
	/* Three times at each of fifty looks. */
	assert_int_equal(script.seizes, 3 * 50);
}

static void test_adopt_tracing_refused_for_a_moment_is_tried_again(void **state)
{
	static const int errors[] = { EPERM, ESRCH };

	for (int i = 0; i < 2; i++) {
		struct test *test = *state;

		refuse(PTRACE_SEIZE, errors[i], 10);
		start(test, "told");
		adopt(test);
		assert_int_equal(script.refusals, 0);
		assert_int_equal(script.seizes, 10 + 1);
		script.seizes = 0;
		assert_string_equal(test->trouble, "");
		assert_int_equal(test->pipes, 2);
		tell(test);
		finish(test);
		assert_last_words_in(test->new);
		redo(test);
	}
}

/* Nothing was done to it yet. */
static void test_adopt_thread_that_cannot_be_examined_is_left_alone(void **state)
{
	static const int requests[] = { PTRACE_GETREGSET, PTRACE_GETSIGMASK, PTRACE_SETOPTIONS,
					PTRACE_SETSIGMASK };

	for (int i = 0; i < 4; i++) {
		struct test *test = *state;

		test->troubles = 0;
		refuse(requests[i], EIO, 1);
		start(test, "told");
		assert_left_alone(test, "its registers cannot be read (Input/output error)");
		redo(test);
	}
}

/* One speaks for all. */
static void test_adopt_descendants_that_cannot_be_traced_are_said_once(void **state)
{
	struct test *test = *state;

	start(test, "children");
	refuse(PTRACE_SEIZE, EIO, INT_MAX);
	script.spared = test->pid;
	adopt(test);
	assert_int_equal(test->troubles, 1);
	assert_true(test->troubled_pid != test->pid);
	assert_string_equal(test->trouble, "tracing it fails (Input/output error)");
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_string_equal(test->new[0].text, "out 0\nseven 0\n");
	assert_int_equal(count_lines(&test->old[0], "seven"), 3);
}

static void test_adopt_begin_without_memory_fails(void **state)
{
	struct test *test = *state;

	start(test, "told");
	calloc_fails = true;
	errno = 0;
	test->adopt = adopt_begin(&test->loop, &test->reaper, &test->proc, test->pid, &hooks, test);
	calloc_fails = false;
	assert_null(test->adopt);
	assert_int_equal(errno, ENOMEM);
	assert_null(test->loop.first);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
	assert_int_equal(test->ends, 0);
}

/* The next look makes up for it. */
static void test_adopt_look_without_memory_is_said_and_made_up_for(void **state)
{
	for (int calls = 0; calls < 2; calls++) {
		struct test *test = *state;

		test->troubles = 0;
		start(test, "told");
		mallocs_until_failure = calls;
		adopt(test);
		assert_int_equal(test->troubles, 1);
		assert_string_equal(test->trouble, "Cannot allocate memory");
		assert_int_equal(test->pipes, 2);
		tell(test);
		finish(test);
		assert_last_words_in(test->new);
		redo(test);
	}
}

static struct rlimit own_limit;

static void take_descriptors(void)
{
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &own_limit), 0);
	none = own_limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void give_descriptors(void)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &own_limit), 0);
}

/* A tracee that cannot be looked at for that long is not taken for gone. */
static void test_adopt_without_descriptors_for_a_while_goes_on(void **state)
{
	struct test *test = *state;

	start(test, "told");
	script.forgets = true;
	begin(test);
	turn_until(test, has_seized);
	take_descriptors();
	turn(test, is_ended, 100);
	give_descriptors();
	assert_false(test->ended);
	script.forgets = false;
	assert_int_equal(__real_ptrace(PTRACE_INTERRUPT, test->pid, NULL, NULL), 0);
	settle(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static void take_descriptors_before(pid_t tid)
{
	(void)tid;
	take_descriptors();
}

/* What has been begun in it is finished all the same. */
static void test_adopt_pipe_that_cannot_be_opened_is_closed_again(void **state)
{
	struct test *test = *state;

	start(test, "belongings");
	script.before_first_call = take_descriptors_before;
	begin(test);
	turn_until(test, is_troubled);
	give_descriptors();
	settle(test);
	assert_string_equal(test->trouble,
			    "the pipe made in it cannot be opened (Too many open files)");
	tell(test);
	finish(test);
}

/* No descriptor is left to look with. */
static void test_adopt_look_without_descriptors_is_said(void **state)
{
	struct test *test = *state;

	start(test, "told");
	take_descriptors();
	adopt(test);
	give_descriptors();
	assert_int_equal(test->troubles, 1);
	assert_string_equal(test->trouble, "it cannot be looked at (Too many open files)");
	assert_int_equal(test->pipes, 0);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

/* ---- more than can be looked at ---- */

static void link_to(const char *dir, const char *name, const char *target_dir)
{
	char link[300], target[600];

	snprintf(link, sizeof link, "%s/%s", dir, name);
	snprintf(target, sizeof target, "%s/%s", target_dir, name);
	assert_int_equal(symlink(target, link), 0);
}

/* It is the /proc of our own PID namespace. */
static void make_root(struct test *test)
{
	char number[16], self[64];

	strcpy(test->root, "/tmp/test_adopt.XXXXXX");
	assert_non_null(mkdtemp(test->root));
	test->proc.root = test->root;
	snprintf(number, sizeof number, "%d", (int)getpid());
	snprintf(self, sizeof self, "%s/self", test->root);
	assert_int_equal(symlink(number, self), 0);
}

/* Shows the victim as /proc does, but for these files, which are left out or to be made. */
static void show_victim(struct test *test, const char *const *but)
{
	char real[64], dir[128];
	const struct dirent *entry;
	DIR *files;

	make_root(test);
	snprintf(real, sizeof real, "/proc/%d", (int)test->pid);
	snprintf(dir, sizeof dir, "%s/%d", test->root, (int)test->pid);
	assert_int_equal(mkdir(dir, 0755), 0);
	files = opendir(real);
	assert_non_null(files);
	while ((entry = readdir(files))) {
		bool shown = entry->d_name[0] != '.';

		for (size_t i = 0; but[i]; i++)
			shown = shown && strcmp(entry->d_name, but[i]) != 0;
		if (shown)
			link_to(dir, entry->d_name, real);
	}
	closedir(files);
}

static void show_ourselves(const struct test *test)
{
	char number[16];

	snprintf(number, sizeof number, "%d", (int)getpid());
	link_to(test->root, number, "/proc");
}

/* Nothing but these. */
static void show_own_descriptors(const struct test *test)
{
	char dir[64], real[64];

	snprintf(dir, sizeof dir, "%s/%d", test->root, (int)getpid());
	snprintf(real, sizeof real, "/proc/%d", (int)getpid());
	assert_true(mkdir(dir, 0755) == 0 || errno == EEXIST);
	link_to(dir, "fd", real);
}

/* A file of the victim's, or of another process's; the directories above it are made as well. */
static void put_file(const struct test *test, pid_t pid, const char *name, const char *text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/%d/%s", test->root, (int)pid, name);
	for (char *slash = path + strlen(test->root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The victim, of one thread, is the parent of so many that are not there. */
static void show_crowd(struct test *test, int count)
{
	char name[64], dir[128], real[64], *list = malloc((size_t)count * 12 + 1);
	size_t len = 0;

	assert_non_null(list);
	for (int i = 0; i < count; i++)
		len += (size_t)sprintf(list + len, "%d ", INT_MAX - i);
	snprintf(name, sizeof name, "task/%d/children", (int)test->pid);
	put_file(test, test->pid, name, list);
	free(list);
	snprintf(dir, sizeof dir, "%s/%d/task/%d", test->root, (int)test->pid, (int)test->pid);
	snprintf(real, sizeof real, "/proc/%d/task/%d", (int)test->pid, (int)test->pid);
	link_to(dir, "stat", real);
	link_to(dir, "syscall", real);
}

/* Lets the children of show_crowd have the victim's descriptors. */
static void show_crowds_descriptors(const struct test *test, int count)
{
	char dir[64], target[64];

	snprintf(target, sizeof target, "/proc/%d", (int)test->pid);
	for (int i = 0; i < count; i++) {
		snprintf(dir, sizeof dir, "%s/%d", test->root, INT_MAX - i);
		assert_int_equal(mkdir(dir, 0755), 0);
		link_to(dir, "fd", target);
		link_to(dir, "fdinfo", target);
	}
}

static void show_truth(struct test *test)
{
	test->proc.root = "/proc";
	tree_remove(test->root);
}

static char said[4000];

static void keep_said(void *ctx, const char *line, size_t len)
{
	size_t before = strlen(said);

	(void)ctx;
	assert_true(before + len < sizeof said);
	memcpy(said + before, line, len);
}

static void test_adopt_more_descendants_than_are_looked_at_is_said(void **state)
{
	/* (So many that an emulated processor takes a minute.) */
	rig_need(!getenv("TEST_SLOW"), "this machine is too slow");
	for (int more = 0; more < 2; more++) {
		struct test *test = *state;

		memset(said, 0, sizeof said);
		start(test, "told");
		show_victim(test, LIST("task"));
		show_ourselves(test);
		show_crowd(test, 4095 + more);
		log_set_level(CONFIG_LOG_INFO);
		log_set_writer(keep_said, NULL);
		adopt(test);
		log_set_writer(NULL, NULL);
		log_set_level(CONFIG_LOG_WARN);
		assert_int_equal(strstr(said, "only 4096 of its descendants, and") != NULL, more);
		assert_string_equal(test->trouble, "");
		assert_int_equal(test->pipes, 2);
		show_truth(test);
		tell(test);
		finish(test);
		redo(test);
	}
}

/* The number of a victim's 1024th descriptor in the mode crowded: it has 0 to 3, the one that it
 * reads from, and all from that of the copies on. */
#define LAST_LOOKED_AT (VICTIM_COPIES_FD + 1024 - 5 - 1)

static void start_crowded(struct test *test)
{
	char byte;

	start_with(test, "crowded", LAST_LOOKED_AT + 1, false);
	rig_need(test->ready, "no process may have so many descriptors here");
	/* It closes the one that it has said so with. */
	assert_int_equal(read(test->ready_fd, &byte, 1), 0);
}

static void test_adopt_descriptors_beyond_a_thousand_are_not_looked_at(void **state)
{
	struct test *test = *state;

	start_crowded(test);
	adopt(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 2);
	tell(test);
	finish(test);
	assert_string_equal(test->new[0].text, "copy 1\nout 1\n");
	assert_string_equal(test->new[1].text, "err 1\n");
	assert_string_equal(test->old[0].text, "copy 2\n");
}

/* Nor are those of a tree beyond 16384, of which each process here has 1024: that is said. */
static void test_adopt_more_descriptors_than_are_looked_at_is_said(void **state)
{
	rig_need(!getenv("TEST_SLOW"), "this machine is too slow");
	for (int more = 0; more < 2; more++) {
		struct test *test = *state;

		memset(said, 0, sizeof said);
		start_crowded(test);
		show_victim(test, LIST("task"));
		show_ourselves(test);
		show_crowd(test, 14 + more);
		show_crowds_descriptors(test, 14 + more);
		log_set_level(CONFIG_LOG_INFO);
		log_set_writer(keep_said, NULL);
		adopt(test);
		log_set_writer(NULL, NULL);
		log_set_level(CONFIG_LOG_WARN);
		assert_int_equal(strstr(said, "and 16384 of their descriptors, are looked at") !=
					 NULL,
				 more);
		assert_string_equal(test->trouble, "");
		assert_int_equal(test->pipes, 2);
		show_truth(test);
		tell(test);
		finish(test);
		redo(test);
	}
}

/* ---- what only another /proc shows ---- */

/* A traced thread that did not say so for long would be taken for lost. */
static void put_status(const struct test *test, pid_t pid, pid_t tracer, int seccomp_mode)
{
	char text[100];

	snprintf(text, sizeof text, "Name:\tx\nTracerPid:\t%d\nSeccomp:\t%d\n", (int)tracer,
		 seccomp_mode);
	put_file(test, pid, "status", text);
}

/* Before Linux 5.9 filters are not counted: then it is their being there that counts. */
static void test_adopt_kernel_that_counts_no_filters_is_believed_the_mode(void **state)
{
	static const struct {
		int theirs, ours;
		bool moved;
	} cases[] = { { 2, 0, false }, { 2, 2, true }, { 0, 2, true } };

	for (size_t i = 0; i < 3; i++) {
		struct test *test = *state;

		test->troubles = 0;
		start(test, "told");
		show_victim(test, LIST("status"));
		put_status(test, test->pid, getpid(), cases[i].theirs);
		put_status(test, getpid(), 0, cases[i].ours);
		show_own_descriptors(test);
		if (cases[i].moved) {
			adopt(test);
			assert_string_equal(test->trouble, "");
			assert_int_equal(test->pipes, 2);
			show_truth(test);
			tell(test);
			finish(test);
		} else {
			assert_left_alone(test, "it has seccomp filters that dinit does not have");
			show_truth(test);
			test->trouble[0] = '\0';
		}
		redo(test);
	}
}

static void test_obstacle_find_ended_process_is_changing_until_it_is_reaped(void **state)
{
	struct test *test = *state;
	char why[OBSTACLE_TEXT_SIZE];
	siginfo_t info;
	pid_t tid, child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(obstacle_find(&test->proc, child, &tid, why), OBSTACLE_CHANGING);
	assert_int_equal(tid, 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(obstacle_find(&test->proc, child, &tid, why), OBSTACLE_GONE);
	assert_false(obstacle_is_forbidden(&test->proc, child));
}

/* Nor is its own list of what the kernel has told it. */
static void test_adopt_without_own_status_and_list_of_auxiliaries_goes_on(void **state)
{
	struct test *test = *state;

	start(test, "told");
	show_victim(test, LIST("auxv"));
	show_own_descriptors(test);
	adopt(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 2);
	show_truth(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

static struct test *shown;

/* When it was started; it is the time of another process whenever it is looked at once more. */
static void become_another(pid_t tid)
{
	static int start_time;
	char text[100];

	(void)tid;
	snprintf(text, sizeof text,
		 "1 (x) S 1 5 6 7 -1 9 10 11 12 13 14 15 16 17 18 19 20 21 %d 23 24\n",
		 ++start_time);
	put_file(shown, shown->pid, "stat", text);
}

/* The number was another process's when it was chosen. */
static void test_adopt_number_given_to_another_is_let_go(void **state)
{
	struct test *test = *state;

	start(test, "told");
	show_victim(test, LIST("stat"));
	show_ourselves(test);
	shown = test;
	become_another(0);
	script.after_seize = become_another;
	adopt(test);
	assert_int_not_equal(script.seized, 0);
	assert_int_equal(tracer_of(test, test->pid), 0);
	assert_int_equal(test->pipes, 0);
	assert_string_equal(test->trouble, "");
	show_truth(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

/* So are those that have nothing any more that could be moved. */
static void hide_descriptors(pid_t tid)
{
	char path[128];

	(void)tid;
	snprintf(path, sizeof path, "%s/%d/fd", shown->root, (int)shown->pid);
	assert_true(unlink(path) == 0 || errno == EISDIR);
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static void test_adopt_nothing_left_to_move_is_let_go(void **state)
{
	struct test *test = *state;

	start(test, "told");
	show_victim(test, LIST(NULL));
	show_ourselves(test);
	shown = test;
	script.after_seize = hide_descriptors;
	script.before_first_call = hide_descriptors;
	adopt(test);
	/* (None is made.) */
	assert_non_null(script.before_first_call);
	assert_int_equal(test->pipes, 0);
	assert_string_equal(test->trouble, "");
	show_truth(test);
	assert_int_equal(tracer_of(test, test->pid), 0);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

/* Shows another file there, where the victim has one open. */
static void show_file(int fd, const char *path)
{
	char link[160];

	snprintf(link, sizeof link, "%s/%d/fd/%d", shown->root, (int)shown->pid, fd);
	assert_true(unlink(link) == 0 || errno == ENOENT);
	assert_int_equal(symlink(path, link), 0);
}

/* Shows those that the victim may have, one by one. */
static void show_descriptors(void)
{
	char path[64];

	hide_descriptors(0);
	for (int fd = 0; fd < 20; fd++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)shown->pid, fd);
		show_file(fd, path);
	}
}

/* Another thread has replaced it since. */
static void replace_stdout(void)
{
	script.on_pipe = NULL;
	show_descriptors();
	show_file(STDOUT_FILENO, "/dev/zero");
}

static void test_adopt_stream_replaced_meanwhile_stays(void **state)
{
	struct test *test = *state;

	start(test, "told");
	show_victim(test, LIST(NULL));
	show_ourselves(test);
	shown = test;
	script.on_pipe = replace_stdout;
	begin(test);
	turn_until(test, is_redirected);
	adopt_cancel(test->adopt);
	turn_until(test, is_ended);
	assert_string_equal(test->trouble, "");
	show_truth(test);
	tell(test);
	finish(test);
	assert_string_equal(test->old[0].text, "out 1\n");
	assert_string_equal(test->new[1].text, "err 1\n");
}

/* Both are pipes that have not been there before. */
static void replace_both(void)
{
	static int count;
	char path[64];

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		snprintf(path, sizeof path, "%s/pipe%d", shown->root, count++);
		assert_int_equal(mkfifo(path, 0600), 0);
		show_file(fd, path);
	}
}

static void replace_both_before(pid_t tid)
{
	(void)tid;
	replace_both();
}

/* What the kernel tells of an epoll(7) is long, where it watches much. */
static void test_adopt_flags_of_what_is_no_output_are_not_read(void **state)
{
	struct test *test = *state;
	int watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), epoll_fd;
	struct inotify_event event;
	char path[128];

	start(test, "told");
	show_victim(test, LIST("fdinfo"));
	show_ourselves(test);
	shown = test;
	hide_descriptors(0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), epoll_fd);
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		show_file(fd, path);
	put_file(test, test->pid, "fdinfo/1", "pos:\t0\nflags:\t02\n");
	put_file(test, test->pid, "fdinfo/2", "pos:\t0\nflags:\t02\n");
	snprintf(path, sizeof path, "%s/%d/fdinfo", test->root, (int)test->pid);
	assert_true(inotify_add_watch(watch_fd, path, IN_OPEN) >= 0);
	adopt(test);
	assert_int_equal(read(watch_fd, &event, sizeof event), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(test->pipes, 0);
	close(epoll_fd);
	close(watch_fd);
	show_truth(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

/* Another thread puts a file into the place of each pipe that is made. */
static void replace_pipes(pid_t tid)
{
	char path[64];

	(void)tid;
	show_descriptors();
	snprintf(path, sizeof path, "%s/file", shown->root);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (int fd = 0; fd < 20; fd++) {
		char real_path[64];

		snprintf(real_path, sizeof real_path, "/proc/%d/fd/%d", (int)shown->pid, fd);
		if (access(real_path, F_OK) < 0)
			show_file(fd, path);
	}
}

static void test_adopt_file_in_place_of_the_pipe_is_not_opened(void **state)
{
	struct test *test = *state;

	start(test, "belongings");
	show_victim(test, LIST(NULL));
	show_ourselves(test);
	shown = test;
	script.before_first_call = replace_pipes;
	adopt(test);
	assert_null(script.before_first_call);
	assert_int_equal(test->pipes, 0);
	assert_string_equal(test->trouble,
			    "the pipe made in it cannot be opened (Bad file descriptor)");
	assert_int_equal(tracer_of(test, test->pid), 0);
	show_truth(test);
	tell(test);
	finish(test);
}

/* Passes the time until the timer is due. Returns how long that was. */
static uint64_t pass_time(struct test *test)
{
	struct loop_timer *timer = test->loop.first;
	uint64_t before = test->loop.now_ms;

	assert_non_null(timer);
	loop_timer_stop(&test->loop, timer);
	test->loop.now_ms = timer->due_ms;
	timer->on_due(timer->ctx);
	return test->loop.now_ms - before;
}

/* Whatever /proc is made up. */
static bool is_traced(const struct test *test)
{
	static const struct procfs proc = { .root = "/proc" };
	struct procfs_guard guard;

	assert_int_equal(procfs_read_guard(&proc, test->pid, &guard), 0);
	return guard.tracer != 0;
}

static void step(struct test *test)
{
	int status;

	assert_int_equal(waitpid(test->pid, &status, __WALL), test->pid);
	assert_true(WIFSTOPPED(status));
	adopt_on_stop(test->adopt, status);
}

/* At each look and whenever it was stopped: fourteen files are remembered, with which it was
 * redirected three times. */
static void test_adopt_streams_replaced_too_often_stay(void **state)
{
	struct test *test = *state;

	start(test, "told");
	show_victim(test, LIST(NULL));
	show_ourselves(test);
	shown = test;
	show_descriptors();
	replace_both();
	script.before_seize = replace_both_before;
	script.on_pipe = replace_both;
	/* No time passes while it is redirected. */
	begin(test);
	while (!test->ended) {
		pass_time(test);
		while (test->adopt && is_traced(test))
			step(test);
	}
	assert_int_equal(script.seizes, 4);
	assert_int_equal(test->pipes, 3 * 2);
	assert_string_equal(test->trouble, "");
	show_truth(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->old);
}

/* It was given up as one that had gone; its stop is none of ours, and it is tried again. */
static void test_adopt_stop_that_nobody_expects_is_let_go(void **state)
{
	struct test *test = *state;

	start(test, "told");
	show_victim(test, LIST("status"));
	show_own_descriptors(test);
	put_status(test, test->pid, 0, 0);
	script.forgets = true;
	begin(test);
	turn_until(test, has_seized);
	turn(test, is_ended, 100);
	assert_false(test->ended);
	put_status(test, test->pid, getpid(), 0);
	script.forgets = false;
	assert_int_equal(__real_ptrace(PTRACE_INTERRUPT, test->pid, NULL, NULL), 0);
	settle(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 2);
	show_truth(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* It has dinit, its parent, trace it (PTRACE_TRACEME), when nothing is redirected any more. */
static void test_adopt_stop_while_nothing_is_redirected_is_let_go(void **state)
{
	struct test *test = *state;

	start(test, "traceme");
	begin(test);
	turn_until(test, is_redirected);
	turn_until(test, only_waits_to_look);
	tell(test);
	finish(test);
	assert_string_equal(test->trouble, "");
	assert_last_words_in(test->new);
}

/* Of a process, and of its first thread. */
static void put_stat(const struct test *test, pid_t pid, char process_state)
{
	char stat[128], name[64];

	snprintf(stat, sizeof stat,
		 "1 (x) %c 1 5 6 7 -1 9 10 11 12 13 14 15 16 17 18 19 20 21 77 23 24\n",
		 process_state);
	put_file(test, pid, "stat", stat);
	snprintf(name, sizeof name, "task/%d/stat", (int)pid);
	put_file(test, pid, name, stat);
}

/* Shows a child of the victim's that has the same descriptors, and is in that state; '\0': it has
 * gone since. */
static void show_descendant(struct test *test, char process_state)
{
	char dir[64], target[64];

	show_victim(test, LIST("task"));
	show_ourselves(test);
	show_crowd(test, 1);
	snprintf(dir, sizeof dir, "%s/%d", test->root, INT_MAX);
	assert_int_equal(mkdir(dir, 0755), 0);
	snprintf(target, sizeof target, "/proc/%d", (int)test->pid);
	link_to(dir, "fd", target);
	link_to(dir, "fdinfo", target);
	if (process_state)
		put_stat(test, INT_MAX, process_state);
}

static void assert_moved_without_trouble(struct test *test)
{
	adopt(test);
	assert_string_equal(test->trouble, "");
	assert_int_equal(test->pipes, 2);
	show_truth(test);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
}

/* It is not reaped for long, and something could have been moved of it a moment ago. */
static void test_adopt_descendant_that_stays_a_zombie_is_given_up(void **state)
{
	start(*state, "told");
	show_descendant(*state, 'Z');
	assert_moved_without_trouble(*state);
}

static void test_adopt_descendant_that_has_gone_is_given_up(void **state)
{
	start(*state, "told");
	show_descendant(*state, '\0');
	assert_moved_without_trouble(*state);
}

static void on_other_end(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	(void)pid;
	(void)status;
}

/* Another redirection sees to it, or dinit has started it. */
static void test_adopt_descendant_that_somebody_watches_is_left_alone(void **state)
{
	struct test *test = *state;
	struct reaper_watch watch = { .on_exit = on_other_end };

	start(test, "told");
	show_descendant(test, 'S');
	reaper_watch(&test->reaper, &watch, INT_MAX);
	assert_moved_without_trouble(test);
	reaper_unwatch(&test->reaper, &watch);
}

/* ---- one redirection, in a time of its own ---- */

static struct {
	struct redirect redirect;
	struct redirect_group group;
	int troubles, pipes, ends;
	/* whoever gets the pipe wants no more */
	bool cancels;
	char trouble[OBSTACLE_TEXT_SIZE];
} lone;

/* Its stdout is to be moved. */
static void on_lone_plan(void *ctx, struct redirect *redirect)
{
	struct redirect_move move = { .fd = STDOUT_FILENO, .stream = STDOUT_FILENO };

	(void)ctx;
	assert_int_equal(fdtable_identify_own(STDOUT_FILENO, &move.file), 0);
	redirect_add_move(redirect, &move);
}

static int on_lone_pipe(void *ctx, struct redirect *redirect, int stream, int read_fd)
{
	(void)ctx;
	assert_int_equal(stream, STDOUT_FILENO);
	lone.pipes++;
	close(read_fd);
	if (lone.cancels)
		redirect_cancel(redirect);
	return 0;
}

static void on_lone_trouble(void *ctx, struct redirect *redirect, const char *text)
{
	(void)ctx;
	(void)redirect;
	lone.troubles++;
	snprintf(lone.trouble, sizeof lone.trouble, "%s", text);
}

static void on_lone_end(void *ctx, struct redirect *redirect)
{
	(void)ctx;
	assert_true(redirect_is_over(redirect));
	lone.ends++;
}

/* A child that has this program's memory, and waits for ever. */
/* Waits until the copy is within its call of pause. */
static void wait_for_pause(struct test *test)
{
	while (state_of(test) != 'S')
		turn(test, is_never, 1);
}

static void start_copy(struct test *test)
{
	test->pid = fork();
	if (test->pid == 0)
		for (;;)
			pause();
	setpgid(test->pid, test->pid);
	wait_for_pause(test);
}

static void end_copy(struct test *test)
{
	memset(&script, 0, sizeof script);
	kill(test->pid, SIGKILL);
	assert_int_equal(waitpid(test->pid, NULL, 0), test->pid);
	test->pid = 0;
}

static void kill_and_wait(pid_t tid)
{
	kill(tid, SIGKILL);
	while (thread_state(tid) != 'Z')
		;
}

/* It is not the redirection of the process whose end the caller hears of itself. */
static void begin_lone(struct test *test, pid_t pid)
{
	memset(&lone, 0, sizeof lone);
	lone.group = (struct redirect_group){ .loop = &test->loop,
					      .reaper = &test->reaper,
					      .proc = &test->proc,
					      .watched_pid = getpid(),
					      .on_plan = on_lone_plan,
					      .on_pipe = on_lone_pipe,
					      .on_trouble = on_lone_trouble,
					      .on_end = on_lone_end };
	redirect_begin(&lone.redirect, &lone.group, pid);
}

/* A process that has nothing open. */
static void show_nothing(struct test *test)
{
	make_root(test);
	put_stat(test, test->pid, 'S');
}

/* Ever more rarely, until the time is over in which daemons redirect themselves. */
static void test_adopt_process_with_nothing_to_move_is_looked_at_in_time(void **state)
{
	static const uint64_t pauses_ms[] = { 0, 20, 60, 120, 200, ADOPT_SETTLE_MS - 380, 0 };
	struct test *test = *state;

	test->pid = INT_MAX;
	show_nothing(test);
	begin(test);
	for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
		assert_false(test->ended);
		assert_int_equal(pass_time(test), pauses_ms[i]);
	}
	assert_true(test->ended);
	assert_null(test->loop.first);
	begin(test);
	adopt_cancel(test->adopt);
	assert_int_equal(pass_time(test), 0);
	assert_true(test->ended);
	test->pid = 0;
	show_truth(test);
}

/* The time in which it is looked at begins when it was redirected, not when that was begun. */
static void test_adopt_process_that_does_not_stop_is_not_looked_at(void **state)
{
	static const uint64_t pauses_ms[] = { 0, 0, 10, 20, 40, 80, 160, 320, 640, 1280 };
	static const uint64_t looks_ms[] = { 0, 20, 60, 120, 200, ADOPT_SETTLE_MS - 380, 0 };
	struct test *test = *state;

	start_copy(test);
	script.forgets = true;
	begin(test);
	for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++)
		assert_int_equal(pass_time(test), pauses_ms[i]);
	show_nothing(test);
	script.forgets = false;
	assert_int_equal(__real_ptrace(PTRACE_INTERRUPT, test->pid, NULL, NULL), 0);
	/* (Several times on aarch64, where it is to skip a call of its own first.) */
	while (is_traced(test))
		step(test);
	for (size_t i = 0; i < sizeof looks_ms / sizeof *looks_ms; i++)
		assert_int_equal(pass_time(test), looks_ms[i]);
	assert_true(test->ended);
	show_truth(test);
}

/* It is looked at ever more rarely, and said once that it takes so long. */
static void test_redirect_process_that_does_not_stop_is_waited_for(void **state)
{
	static const uint64_t pauses_ms[] = { 0, 10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000 };
	struct test *test = *state;

	make_root(test);
	put_stat(test, INT_MAX, 'D');
	begin_lone(test, INT_MAX);
	for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
		assert_int_equal(pass_time(test), pauses_ms[i]);
		assert_int_equal(lone.troubles, i >= 8);
	}
	assert_non_null(strstr(lone.trouble, "it does not stop yet"));
	redirect_cancel(&lone.redirect);
	assert_int_equal(lone.ends, 0);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
	assert_int_equal(script.count, 0);
	show_truth(test);
}

/* It is about to end, or to change: for so long and not for ever. */
static void test_redirect_process_without_a_living_thread_is_given_up(void **state)
{
	struct test *test = *state;

	make_root(test);
	put_stat(test, INT_MAX, 'Z');
	begin_lone(test, INT_MAX);
	for (int i = 0; i < 50; i++)
		assert_int_equal(pass_time(test), i == 0 ? 0 : 10);
	assert_int_equal(lone.ends, 0);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
	assert_int_equal(lone.troubles, 0);
	show_truth(test);
}

static void test_redirect_process_that_is_not_there_is_over_at_once(void **state)
{
	struct test *test = *state;

	make_root(test);
	begin_lone(test, INT_MAX);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
	assert_int_equal(lone.troubles, 0);
	show_truth(test);
}

/* Another redirection sees to the process, or to its only living thread. */
static void test_redirect_process_that_another_works_on_is_left_alone(void **state)
{
	static const pid_t pids[] = { INT_MAX, INT_MAX - 1 };
	struct test *test = *state;

	make_root(test);
	put_stat(test, INT_MAX, 'Z');
	put_file(test, INT_MAX, "task/2147483646/stat",
		 "1 (x) S 1 5 6 7 -1 9 10 11 12 13 14 15 16 17 18 19 20 21 77 23 24\n");
	for (int i = 0; i < 2; i++) {
		struct reaper_watch watch = { .on_exit = on_other_end };

		reaper_watch(&test->reaper, &watch, pids[i]);
		begin_lone(test, INT_MAX);
		assert_int_equal(pass_time(test), 0);
		assert_int_equal(pass_time(test), 0);
		assert_int_equal(lone.ends, 1);
		assert_int_equal(script.count, 0);
		reaper_unwatch(&test->reaper, &watch);
	}
	show_truth(test);
}

/* Nothing tells of its end, but what can be seen of it. */
static void test_redirect_tracee_that_has_gone_is_tried_again_soon(void **state)
{
	struct test *test = *state;

	start_copy(test);
	script.after_seize = kill_and_wait;
	begin_lone(test, test->pid);
	assert_int_equal(pass_time(test), 0);
	assert_non_null(reaper_find(&test->reaper, test->pid));
	assert_int_equal(pass_time(test), 10);
	assert_null(reaper_find(&test->reaper, test->pid));
	assert_int_equal(pass_time(test), 10);
	assert_int_equal(lone.ends + lone.troubles, 0);
	redirect_cancel(&lone.redirect);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
}

/* An orphan by now, which the reaper will let go whenever it stops. */
static void test_redirect_cancelled_orphan_that_does_not_stop_is_given_up(void **state)
{
	struct test *test = *state;

	start_copy(test);
	script.forgets = true;
	begin_lone(test, test->pid);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(pass_time(test), 10);
	redirect_cancel(&lone.redirect);
	assert_int_equal(pass_time(test), 20);
	assert_int_equal(lone.ends, 0);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
}

static void test_redirect_cancelled_process_that_does_not_stop_is_waited_for(void **state)
{
	struct test *test = *state;
	int status;

	start_copy(test);
	script.forgets = true;
	begin_lone(test, test->pid);
	lone.group.watched_pid = test->pid;
	assert_int_equal(pass_time(test), 0);
	redirect_cancel(&lone.redirect);
	assert_int_equal(pass_time(test), 10);
	assert_int_equal(pass_time(test), 20);
	assert_int_equal(__real_ptrace(PTRACE_INTERRUPT, test->pid, NULL, NULL), 0);
	assert_int_equal(waitpid(test->pid, &status, __WALL), test->pid);
	redirect_on_stop(&lone.redirect, test->pid, status);
	assert_int_equal(tracer_of(test, test->pid), 0);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
}

/* The next stop of the process. */
static void step_lone(struct test *test)
{
	int status;

	assert_int_equal(waitpid(test->pid, &status, __WALL), test->pid);
	assert_true(WIFSTOPPED(status));
	redirect_on_stop(&lone.redirect, test->pid, status);
}

static void test_redirect_pipe_whose_numbers_cannot_be_read_is_not_used(void **state)
{
	struct test *test = *state;

	start_copy(test);
	begin_lone(test, test->pid);
	assert_int_equal(pass_time(test), 0);
	while (lone.redirect.step != REDIRECT_PIPE)
		step_lone(test);
	refuse(PTRACE_PEEKDATA, ESRCH, 1);
	while (script.refusals > 0)
		step_lone(test);
	assert_int_equal(lone.redirect.state, REDIRECT_LOST);
	/* Nothing is called any more. */
	assert_int_equal(lone.redirect.tracee.state, TRACEE_STATE_STANDING);
	assert_int_equal(lone.pipes + lone.troubles + lone.ends, 0);
}

static void test_redirect_exit_ends_it_once(void **state)
{
	struct test *test = *state;

	start_copy(test);
	begin_lone(test, test->pid);
	assert_int_equal(pass_time(test), 0);
	end_copy(test);
	redirect_on_exit(&lone.redirect);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
	redirect_on_exit(&lone.redirect);
	assert_true(redirect_is_over(&lone.redirect));
	assert_null(test->loop.first);
}

static void test_redirect_end_that_the_reaper_tells_of_ends_it(void **state)
{
	struct test *test = *state;

	start_copy(test);
	script.after_seize = kill_and_wait;
	begin_lone(test, test->pid);
	assert_int_equal(pass_time(test), 0);
	assert_false(reaper_drain(&test->reaper));
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
	assert_int_equal(test->orphans, 0);
	test->pid = 0;
}

/* Not that of the process. */
static void test_redirect_end_of_a_thread_lets_another_be_tried(void **state)
{
	struct test *test = *state;

	start(test, "headless");
	thread_control_fd = test->control_fd;
	script.after_seize = end_thread;
	reaper_unwatch(&test->reaper, &test->watch);
	begin_lone(test, test->pid);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(script.seizes, 1);
	while (reaper_find(&test->reaper, script.seized))
		reaper_drain(&test->reaper);
	assert_int_equal(pass_time(test), 10);
	assert_int_equal(script.seizes, 2);
	assert_int_equal(lone.ends, 0);
}

static void test_redirect_cancelled_when_it_gets_its_pipe_finishes_the_stream(void **state)
{
	struct fdtable_file before, after;
	struct test *test = *state;

	start_copy(test);
	assert_int_equal(fdtable_identify_own(STDOUT_FILENO, &before), 0);
	begin_lone(test, test->pid);
	lone.cancels = true;
	assert_int_equal(pass_time(test), 0);
	while (tracer_of(test, test->pid) != 0)
		step_lone(test);
	assert_int_equal(fdtable_identify(&test->proc, test->pid, STDOUT_FILENO, &after), 0);
	assert_false(fdtable_same_file(&before, &after));
	assert_int_equal(lone.pipes, 1);
	assert_int_equal(pass_time(test), 0);
	assert_int_equal(lone.ends, 1);
}

/* The process of another thread as well, whose place that takes in an execve; but never the one of
 * which the caller hears itself. */
static void test_redirect_watches_thread_and_process_that_nobody_else_does(void **state)
{
	struct test *test = *state;

	start(test, "headless");
	reaper_unwatch(&test->reaper, &test->watch);
	for (int own = 0; own < 2; own++) {
		script.forgets = true;
		script.seized = 0;
		begin_lone(test, test->pid);
		lone.group.watched_pid = own ? test->pid : getpid();
		assert_int_equal(pass_time(test), 0);
		assert_int_not_equal(script.seized, 0);
		assert_non_null(reaper_find(&test->reaper, script.seized));
		assert_int_equal(reaper_find(&test->reaper, test->pid) != NULL, !own);
		redirect_cancel(&lone.redirect);
		assert_int_equal(__real_ptrace(PTRACE_INTERRUPT, script.seized, NULL, NULL), 0);
		while (lone.redirect.tracee.state != TRACEE_STATE_LOOSE)
			reaper_drain(&test->reaper);
		assert_int_equal(pass_time(test), 0);
		assert_int_equal(lone.ends, 1);
	}
}

/* ---- one thread, without all that drives it ---- */

static const char insn[] = ARCH_CALL_INSN;
/* How far behind a system call instruction a thread stands that is within the call. */
#define WITHIN_CALL (ARCH_HIDES_RESTART ? 0 : ARCH_CALL_INSN_LEN)

static enum tracee_news next_news(struct tracee *tracee)
{
	int status;

	assert_int_equal(waitpid(tracee->tid, &status, __WALL), tracee->tid);
	assert_true(WIFSTOPPED(status));
	return tracee_on_stop(tracee, status);
}

static enum tracee_news hold(struct test *test, struct tracee *tracee)
{
	enum tracee_news news;

	memset(tracee, 0, sizeof *tracee);
	assert_int_equal(tracee_seize(tracee, &test->proc, test->pid), 0);
	news = next_news(tracee);
	/* (As it is on aarch64, where it is to skip a call of its own first.) */
	for (int i = 0; i < 2 && news == TRACEE_NEWS_PENDING; i++)
		news = next_news(tracee);
	return news;
}

static void release(struct tracee *tracee)
{
	enum tracee_news news = tracee_release(tracee);

	if (news == TRACEE_NEWS_PENDING)
		news = next_news(tracee);
	assert_int_equal(news, TRACEE_NEWS_RELEASED);
	assert_int_equal(tracee->state, TRACEE_STATE_LOOSE);
}

static void test_tracee_peek_reads_every_word_there_is(void **state)
{
	static const uint64_t words[] = { 0, 1, UINT64_MAX, 0x123456789abcdef0 };
	struct test *test = *state;
	struct tracee tracee;
	uint64_t word;

	start_copy(test);
	assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(tracee_peek(&tracee, (uint64_t)(uintptr_t)&words[i], &word), 0);
		assert_int_equal(word, words[i]);
	}
	assert_int_equal(tracee_peek(&tracee, 8, &word), -1);
	assert_int_equal(errno, EIO);
	release(&tracee);
	assert_int_equal(tracer_of(test, test->pid), 0);
}

/* A call comes back with what the kernel says to it, and the thread is where it was. */
static void test_tracee_call_returns_result_and_release_restores(void **state)
{
	struct test *test = *state;
	struct tracee tracee;

	start_copy(test);
	assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
	assert_int_equal(tracee_call(&tracee, SYS_getpid, (uint64_t[6]){ 0 }), 0);
	assert_int_equal(next_news(&tracee), TRACEE_NEWS_PENDING);
	assert_int_equal(next_news(&tracee), TRACEE_NEWS_RETURNED);
	assert_int_equal(tracee.result, test->pid);
	release(&tracee);
	assert_int_equal(tracer_of(test, test->pid), 0);
	while (state_of(test) != 'S')
		turn(test, is_never, 1);
}

static void test_tracee_call_with_registers_that_cannot_be_set_is_lost(void **state)
{
	struct test *test = *state;
	struct tracee tracee;

	start_copy(test);
	assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
	refuse(PTRACE_SETREGSET, EIO, 1);
	assert_int_equal(tracee_call(&tracee, SYS_getpid, (uint64_t[6]){ 0 }), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(tracee.state, TRACEE_STATE_LOOSE);
}

/* It shows what is to be restarted there, where that is not hidden: nothing has to be entered. */
static void test_tracee_held_before_a_call_is_held_at_once(void **state)
{
	struct test *test = *state;
	struct tracee tracee;

	if (ARCH_HIDES_RESTART)
		return;
	start_copy(test);
	script.pc = (uint64_t)(uintptr_t)insn;
	assert_int_equal(tracee_seize(&tracee, &test->proc, test->pid), 0);
	assert_int_equal(next_news(&tracee), TRACEE_NEWS_HELD);
	assert_int_equal(tracee.state, TRACEE_STATE_STANDING);
	release(&tracee);
}

/* ---- where a system call instruction is found ---- */

#define PAGE 4096
/* of the made-up library, in the made-up memory */
#define BASE 0x10000

static void put_bytes(const struct test *test, const char *name, off_t at, const void *bytes,
		      size_t len)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/%d/%s", test->root, (int)test->pid, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static void put_vector(const struct test *test, const Elf64_auxv_t *pairs, size_t count)
{
	put_bytes(test, "auxv", 0, pairs, count * sizeof *pairs);
}

static uint64_t place_in_call(const struct tracee *tracee)
{
	return arch_pc(&tracee->regs) - WITHIN_CALL;
}

/* The library has that many bytes, and the instruction at that place; or nothing is found in it,
 * and the instruction is the one of the call that the thread is within. */
static void assert_found_in(struct test *test, const char *magic, off_t len, off_t at, bool found)
{
	char path[200];
	struct tracee tracee;

	snprintf(path, sizeof path, "%s/%d/mem", test->root, (int)test->pid);
	unlink(path);
	put_bytes(test, "mem", BASE, magic, strlen(magic));
	put_bytes(test, "mem", BASE + at, insn, ARCH_CALL_INSN_LEN);
	assert_int_equal(truncate(path, BASE + len), 0);
	/* It was released a moment ago. */
	wait_for_pause(test);
	assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
	assert_int_equal(tracee.insn, found ? BASE + (uint64_t)at : place_in_call(&tracee));
	release(&tracee);
}

static void test_tracee_finds_instruction_anywhere_in_the_kernels_library(void **state)
{
	static const Elf64_auxv_t vector = { .a_type = AT_SYSINFO_EHDR, .a_un.a_val = BASE };
	struct test *test = *state;

	start_copy(test);
	show_victim(test, LIST("auxv", "mem"));
	put_vector(test, &vector, 1);
	assert_found_in(test, ELFMAG, 10 * PAGE, 64, true);
	assert_found_in(test, ELFMAG, 10 * PAGE, PAGE - ARCH_CALL_INSN_LEN, true);
	assert_found_in(test, ELFMAG, 10 * PAGE, PAGE, true);
	assert_found_in(test, ELFMAG, 10 * PAGE, 8 * PAGE - ARCH_CALL_INSN_LEN, true);
	assert_found_in(test, ELFMAG, 10 * PAGE, 8 * PAGE, false);
	assert_found_in(test, ELFMAG, PAGE + PAGE / 2, PAGE, false);
	assert_found_in(test, "none", 10 * PAGE, 64, false);
	assert_found_in(test, "none", 10 * PAGE, PAGE, false);
	show_truth(test);
}

/* Wherever in the list it is said where the library is, or not at all. */
static void test_tracee_finds_the_kernels_library_in_every_list(void **state)
{
	/* (The page size has a value that is the other one's number.) */
	static const struct {
		Elf64_auxv_t pairs[2];
		bool found;
	} lists[] = {
		{ { { AT_SYSINFO_EHDR, { BASE } }, { AT_PAGESZ, { AT_SYSINFO_EHDR } } }, true },
		{ { { AT_PAGESZ, { AT_SYSINFO_EHDR } }, { AT_SYSINFO_EHDR, { BASE } } }, true },
		{ { { AT_PAGESZ, { AT_SYSINFO_EHDR } }, { AT_PAGESZ, { AT_SYSINFO_EHDR } } },
		  false },
	};
	struct test *test = *state;

	start_copy(test);
	show_victim(test, LIST("auxv", "mem"));
	for (size_t i = 0; i < 3; i++) {
		put_vector(test, lists[i].pairs, 2);
		assert_found_in(test, ELFMAG, PAGE, 64, lists[i].found);
	}
	/* (Where there is none, none is closed.) */
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	show_truth(test);
}

static void test_tracee_with_a_path_too_long_uses_the_call_it_is_in(void **state)
{
	char root[600];
	struct test *test = *state;
	struct tracee tracee;

	start_copy(test);
	memset(root, 'x', sizeof root - 1);
	root[sizeof root - 1] = '\0';
	test->proc.root = root;
	assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
	assert_int_equal(tracee.insn, place_in_call(&tracee));
	release(&tracee);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	test->proc.root = "/proc";
}

/* A thread that seems to stand there, and has no library. */
static void assert_behind(struct test *test, const char *place, bool found)
{
	struct tracee tracee;

	start_copy(test);
	show_victim(test, LIST("auxv"));
	script.pc = (uint64_t)(uintptr_t)place + WITHIN_CALL;
	if (found) {
		assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
		assert_int_equal(tracee.insn, (uintptr_t)place);
		/* It is not let go: it would run on there, where it has been put on aarch64. */
		tracee_forget(&tracee);
	} else {
		assert_int_equal(hold(test, &tracee), TRACEE_NEWS_REFUSED);
		assert_int_equal(errno, ENOSYS);
		assert_int_equal(tracee.state, TRACEE_STATE_LOOSE);
	}
	show_truth(test);
	end_copy(test);
}

/* Wherever in a word it is, and at the end of what is mapped; nothing else is taken for one. */
static void test_tracee_uses_the_instruction_behind_which_it_stands(void **state)
{
	static const size_t places[] = { 64, 64 + 4, 64 + 8 - ARCH_CALL_INSN_LEN,
					 64 + 8 - ARCH_CALL_INSN_ALIGN, PAGE - ARCH_CALL_INSN_LEN };
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	assert_int_equal(munmap(pages + PAGE, PAGE), 0);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		memset(pages, 0, PAGE);
		memcpy(pages + places[i], insn, ARCH_CALL_INSN_LEN);
		assert_behind(*state, pages + places[i], true);
		assert_behind(*state, pages + places[i] - ARCH_CALL_INSN_ALIGN, false);
	}
	munmap(pages, PAGE);
}

/* ---- restartable sequences ---- */

static struct {
	uint32_t version, flags;
	uint64_t start, len, abort;
} sequence = { .start = 0x5000, .len = 0x20 };
static uint64_t sequence_area[3];

static void assert_sequence_at(struct test *test, uint64_t pc, uint64_t description, bool within)
{
	struct tracee tracee;

	sequence_area[1] = description;
	start_copy(test);
	script.pc = pc;
	script.sequences = (uint64_t)(uintptr_t)sequence_area;
	if (within) {
		assert_int_equal(hold(test, &tracee), TRACEE_NEWS_REFUSED);
		assert_int_equal(errno, EAGAIN);
	} else {
		assert_int_equal(hold(test, &tracee), TRACEE_NEWS_HELD);
		release(&tracee);
	}
	end_copy(test);
}

/* From its first instruction to its last, and where there is one. */
static void test_tracee_within_a_sequence_is_refused_for_now(void **state)
{
	uint64_t description = (uint64_t)(uintptr_t)&sequence;

	assert_sequence_at(*state, sequence.start, description, true);
	assert_sequence_at(*state, sequence.start + sequence.len - 1, description, true);
	assert_sequence_at(*state, sequence.start + sequence.len, description, false);
	assert_sequence_at(*state, sequence.start - 1, description, false);
	assert_sequence_at(*state, sequence.start, 0, false);
	/* What cannot be read is none. */
	assert_sequence_at(*state, sequence.start, 16, false);
}

/* ---- frozen ---- */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

static bool has_text(const char *path, const char *text)
{
	char found[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, found, sizeof found - 1) : -1;

	assert_true(len >= 0);
	close(fd);
	found[len] = '\0';
	return strstr(found, text) != NULL;
}

/* How the two kinds of groups are frozen, and where they say so. */
struct freezer {
	const char *knob, *freeze, *thaw, *sign, *frozen;
};

static const struct freezer freezer = { "cgroup.freeze", "1", "0", "cgroup.events", "frozen 1" };
static const struct freezer old_freezer = { "freezer.state", "FROZEN", "THAWED", "freezer.state",
					    "FROZEN" };

static void freeze(struct test *test, const char *group, const struct freezer *how)
{
	char path[256], pid[16];

	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	snprintf(pid, sizeof pid, "%d", (int)test->pid);
	assert_true(write_file(path, pid));
	snprintf(path, sizeof path, "%s/%s", group, how->knob);
	assert_true(write_file(path, how->freeze));
	snprintf(path, sizeof path, "%s/%s", group, how->sign);
	while (!has_text(path, how->frozen))
		turn(test, is_never, 1);
}

/* parent: the control group in which one of our own is made, beside those of other tests. */
static void adopt_frozen(struct test *test, const char *mode, const char *parent,
			 const struct freezer *how)
{
	char group[128], path[256];
	bool was_troubled;

	snprintf(group, sizeof group, "%s/dinit-test-adopt-XXXXXX", parent);
	rig_need(mkdtemp(group) != NULL,
		 "no control group can be made here: run as root, for example in "
		 "docker run --privileged");
	start(test, mode);
	while (strcmp(mode, "stopped") == 0 && !is_stopped(test))
		turn(test, is_stopped, 1);
	freeze(test, group, how);
	begin(test);
	was_troubled = tells_of_delay(test);
	snprintf(path, sizeof path, "%s/%s", group, how->knob);
	assert_true(write_file(path, how->thaw));
	assert_true(was_troubled);
	assert_non_null(strstr(test->trouble, "it will be redirected when it does"));
	settle(test);
	assert_int_equal(test->pipes, 2);
	kill(test->pid, SIGCONT);
	tell(test);
	finish(test);
	assert_last_words_in(test->new);
	rmdir(group);
}

static void test_adopt_frozen_process_is_moved_when_it_thaws(void **state)
{
	/* not beside the old groups */
	bool alone = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;

	adopt_frozen(*state, "told", alone ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified", &freezer);
}

static void test_adopt_frozen_by_old_freezer_is_moved_when_it_thaws(void **state)
{
	adopt_frozen(*state, "told", "/sys/fs/cgroup/freezer", &old_freezer);
}

/* To trace one of these at once would stop us with it. */
static void test_adopt_stopped_and_frozen_is_moved_when_it_thaws(void **state)
{
	adopt_frozen(*state, "stopped", "/sys/fs/cgroup/freezer", &old_freezer);
}

/* The victims are built next to this program. */
static void find_victims(void)
{
	static char paths[2][512];

	for (int i = 0; i < 2; i++) {
		ssize_t len =
			readlink("/proc/self/exe", paths[i], sizeof paths[i] - sizeof "/victim32");

		if (len < 0)
			abort();
		paths[i][len] = '\0';
		strcpy(strrchr(paths[i], '/'), i ? "/victim32" : "/victim");
	}
	victim_path = paths[0];
	victim32_path = paths[1];
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_adopt_waiting_process_moves_both_streams),
	TEST(test_adopt_shared_stream_becomes_two),
	TEST(test_adopt_writing_process_loses_and_doubles_no_line),
	TEST(test_adopt_blocked_writer_loses_and_doubles_no_line),
	TEST(test_adopt_descendants_moves_copies_under_other_numbers),
	TEST(test_adopt_file_and_terminal_are_moved_with_their_copies),
	TEST(test_adopt_forking_process_moves_every_child),
	TEST(test_adopt_stream_replaced_later_is_moved_again),
	TEST(test_adopt_stream_replaced_before_it_is_seized_is_moved_at_once),
	TEST(test_adopt_null_device_of_descendant_is_moved_as_a_stream_only),
	TEST(test_adopt_one_stream_alone_is_moved),
	TEST(test_adopt_closed_and_readonly_streams_stay),
	TEST(test_adopt_data_and_socket_under_the_streams_numbers_stay),
	TEST(test_adopt_file_only_written_is_moved_and_its_reader_stays),
	TEST(test_adopt_leaves_memory_descriptors_and_signals_alone),
	TEST(test_adopt_sequence_does_not_notice),
	TEST(test_adopt_spin_does_not_notice),
	TEST(test_adopt_nanosleep_does_not_notice),
	TEST(test_adopt_poll_does_not_notice),
	TEST(test_adopt_select_does_not_notice),
	TEST(test_adopt_futex_does_not_notice),
	TEST(test_adopt_epoll_does_not_notice),
	TEST(test_adopt_accept_does_not_notice),
	TEST(test_adopt_wait_does_not_notice),
	TEST(test_adopt_threads_does_not_notice),
	TEST(test_adopt_told_does_not_notice),
	TEST(test_adopt_read_does_not_notice),
	TEST(test_adopt_sigsuspend_takes_its_signal_once),
	TEST(test_adopt_ppoll_takes_its_signal_once),
	TEST(test_adopt_signal_meanwhile_interrupts_as_ever),
	TEST(test_adopt_under_signals_loses_none),
	TEST(test_adopt_stopped_process_stays_stopped),
	TEST(test_adopt_stopped_and_continued_meanwhile_survives),
	TEST(test_adopt_vfork_parent_is_moved_when_it_goes_on),
	TEST(test_adopt_process_whose_first_thread_has_ended_is_moved),
	TEST(test_adopt_descendant_whose_first_thread_has_ended_is_moved),
	TEST(test_adopt_execing_process_is_moved),
	TEST(test_adopt_process_execing_in_a_thread_is_moved),
	TEST(test_adopt_process_exiting_before_it_is_seized_ends_adoption),
	TEST(test_adopt_process_exiting_before_it_is_stopped_ends_adoption),
	TEST(test_adopt_exiting_process_ends_adoption),
	TEST(test_adopt_killed_at_every_step_ends_adoption),
	TEST(test_adopt_signal_first_is_delivered),
	TEST(test_adopt_thread_that_ends_is_replaced_by_another),
	TEST(test_adopt_first_thread_that_ends_is_replaced_by_another),
	TEST(test_adopt_pid_of_child_reused_is_left_alone),
	TEST(test_adopt_looks_at_nothing_where_proc_is_not_ours),
	TEST(test_adopt_cancelled_while_its_thread_ends_lets_go),
	TEST(test_adopt_descendant_killed_while_traced_is_forgotten),
	TEST(test_adopt_orphan_that_does_not_stop_is_not_waited_for),
	TEST(test_adopt_cancelled_at_any_moment_lets_go),
	TEST(test_adopt_process_with_seccomp_filter_is_left_alone),
	TEST(test_adopt_process_in_strict_seccomp_mode_is_left_alone),
	TEST(test_adopt_process_that_dispatches_its_calls_is_left_alone),
	TEST(test_adopt_32_bit_process_is_left_alone),
	TEST(test_adopt_process_with_registers_of_32_bits_is_left_alone),
	TEST(test_adopt_pipe_refused_leaves_process_alone),
	TEST(test_adopt_traced_process_is_left_alone),
	TEST(test_adopt_other_users_process_without_capability_is_left_alone),
	TEST(test_adopt_other_users_process_with_capability_is_moved),
	TEST(test_adopt_process_that_may_not_map_memory_is_left_alone),
	TEST(test_adopt_process_that_may_not_make_pipes_is_left_alone),
	TEST(test_adopt_copy_that_may_not_be_replaced_stays),
	TEST(test_adopt_copies_beyond_the_limit_stay),
	TEST(test_adopt_process_without_a_system_call_instruction_is_left_alone),
	TEST(test_adopt_process_whose_instruction_vanishes_is_left_alone),
	TEST(test_adopt_process_that_covers_the_kernels_library_is_moved),
	TEST(test_adopt_tracing_that_fails_is_said),
	TEST(test_adopt_tracing_refused_for_long_is_said),
	TEST(test_adopt_tracing_refused_for_a_moment_is_tried_again),
	TEST(test_adopt_thread_that_cannot_be_examined_is_left_alone),
	TEST(test_adopt_descendants_that_cannot_be_traced_are_said_once),
	TEST(test_adopt_begin_without_memory_fails),
	TEST(test_adopt_look_without_memory_is_said_and_made_up_for),
	TEST(test_adopt_without_descriptors_for_a_while_goes_on),
	TEST(test_adopt_pipe_that_cannot_be_opened_is_closed_again),
	TEST(test_adopt_look_without_descriptors_is_said),
	TEST(test_adopt_more_descendants_than_are_looked_at_is_said),
	TEST(test_adopt_descriptors_beyond_a_thousand_are_not_looked_at),
	TEST(test_adopt_more_descriptors_than_are_looked_at_is_said),
	TEST(test_adopt_kernel_that_counts_no_filters_is_believed_the_mode),
	TEST(test_obstacle_find_ended_process_is_changing_until_it_is_reaped),
	TEST(test_adopt_without_own_status_and_list_of_auxiliaries_goes_on),
	TEST(test_adopt_number_given_to_another_is_let_go),
	TEST(test_adopt_nothing_left_to_move_is_let_go),
	TEST(test_adopt_stream_replaced_meanwhile_stays),
	TEST(test_adopt_flags_of_what_is_no_output_are_not_read),
	TEST(test_adopt_file_in_place_of_the_pipe_is_not_opened),
	TEST(test_adopt_streams_replaced_too_often_stay),
	TEST(test_adopt_stop_that_nobody_expects_is_let_go),
	TEST(test_adopt_stop_while_nothing_is_redirected_is_let_go),
	TEST(test_adopt_descendant_that_stays_a_zombie_is_given_up),
	TEST(test_adopt_descendant_that_has_gone_is_given_up),
	TEST(test_adopt_descendant_that_somebody_watches_is_left_alone),
	TEST(test_adopt_process_with_nothing_to_move_is_looked_at_in_time),
	TEST(test_adopt_process_that_does_not_stop_is_not_looked_at),
	TEST(test_redirect_process_that_does_not_stop_is_waited_for),
	TEST(test_redirect_process_without_a_living_thread_is_given_up),
	TEST(test_redirect_process_that_is_not_there_is_over_at_once),
	TEST(test_redirect_process_that_another_works_on_is_left_alone),
	TEST(test_redirect_tracee_that_has_gone_is_tried_again_soon),
	TEST(test_redirect_cancelled_orphan_that_does_not_stop_is_given_up),
	TEST(test_redirect_cancelled_process_that_does_not_stop_is_waited_for),
	TEST(test_redirect_pipe_whose_numbers_cannot_be_read_is_not_used),
	TEST(test_redirect_exit_ends_it_once),
	TEST(test_redirect_end_that_the_reaper_tells_of_ends_it),
	TEST(test_redirect_end_of_a_thread_lets_another_be_tried),
	TEST(test_redirect_cancelled_when_it_gets_its_pipe_finishes_the_stream),
	TEST(test_redirect_watches_thread_and_process_that_nobody_else_does),
	TEST(test_tracee_peek_reads_every_word_there_is),
	TEST(test_tracee_call_returns_result_and_release_restores),
	TEST(test_tracee_call_with_registers_that_cannot_be_set_is_lost),
	TEST(test_tracee_held_before_a_call_is_held_at_once),
	TEST(test_tracee_finds_instruction_anywhere_in_the_kernels_library),
	TEST(test_tracee_finds_the_kernels_library_in_every_list),
	TEST(test_tracee_with_a_path_too_long_uses_the_call_it_is_in),
	TEST(test_tracee_uses_the_instruction_behind_which_it_stands),
	TEST(test_tracee_within_a_sequence_is_refused_for_now),
	TEST(test_adopt_frozen_process_is_moved_when_it_thaws),
	TEST(test_adopt_frozen_by_old_freezer_is_moved_when_it_thaws),
	TEST(test_adopt_stopped_and_frozen_is_moved_when_it_thaws),
};

static const struct CMUnitTest tests_without_tracing[] = {
	TEST(test_adopt_on_another_kind_of_processor_is_left_alone),
};

int main(int argc, char **argv)
{
	find_victims();
	if (getenv("TEST_SLOW"))
		be_patient();
	if (getenv("TEST_QUICK"))
		hurry();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!ARCH_TRACES)
		return cmocka_run_group_tests_name("adopt", tests_without_tracing, NULL, NULL);
	return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
