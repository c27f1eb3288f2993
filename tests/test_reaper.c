/* SPDX-License-Identifier: ISC */
/* reaper.c with real children. Children wait on a pipe for their end, and the test waits for
 * SIGCHLD, so that nothing depends on who is faster. Failing waits are scripted by the linker's
 * --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "reaper.h"
#include "rig.h"

/* more: it spins */
#define CALLS_MAX 1000000

/* waitpid fails so often, with this */
static int wait_failures, wait_error;
/* whoever it is for, just before */
static bool wait_kills;
/* waitid */
static int peek_failures, peek_error;
/* whoever was killed has left a core */
static bool peek_dumps;
static int calls;

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

static void await_zombie(pid_t pid);

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	assert_true(++calls < CALLS_MAX);
	assert_true(options & WNOHANG);
	if (wait_failures > 0) {
		wait_failures--;
		errno = wait_error;
		return -1;
	}
	if (wait_kills) {
		assert_int_equal(kill(pid, SIGKILL), 0);
		await_zombie(pid);
	}
	return __real_waitpid(pid, status, options);
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	assert_true(++calls < CALLS_MAX);
	assert_true(options & WNOHANG);
	if (peek_failures > 0) {
		peek_failures--;
		errno = peek_error;
		return -1;
	}
	if (__real_waitid(type, id, info, options) < 0)
		return -1;
	if (peek_dumps && info->si_code == CLD_KILLED)
		info->si_code = CLD_DUMPED;
	return 0;
}

/* ---- the rig: a reaper, and whom it told what ---- */

#define EXITS_MAX 4000

struct rig {
	/* the last drain of make_forgotten_tracee left no child */
	bool drained_all;
	struct reaper reaper;
	/* children end when its write end is closed */
	int gate[2];
	size_t exits, stops, orphans;
	struct seen {
		pid_t pid;
		int status;
		/* in /proc, when it was told: Z, or 0 where there was nothing any more */
		char state;
	} exit[EXITS_MAX], stop[10], orphan[EXITS_MAX];
	struct reaper_watch *also_watch, *also_unwatch;
	pid_t also_pid;
	sigset_t child, old;
};

static char state_in_proc(pid_t pid)
{
	char path[64], text[256], state = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(text, sizeof text, file) && strrchr(text, ')'))
		state = strrchr(text, ')')[2];
	fclose(file);
	return state;
}

static void see(struct seen *seen, size_t *count, pid_t pid, int status)
{
	assert_true(*count < EXITS_MAX);
	seen[(*count)++] =
		(struct seen){ .pid = pid, .status = status, .state = state_in_proc(pid) };
}

static void on_orphan(void *ctx, pid_t pid, int status)
{
	struct rig *rig = ctx;

	see(rig->orphan, &rig->orphans, pid, status);
}

static void on_exit_(void *ctx, pid_t pid, int status)
{
	struct rig *rig = ctx;

	assert_null(reaper_find(&rig->reaper, pid));
	see(rig->exit, &rig->exits, pid, status);
	if (rig->also_watch)
		reaper_watch(&rig->reaper, rig->also_watch, rig->also_pid);
	if (rig->also_unwatch)
		reaper_unwatch(&rig->reaper, rig->also_unwatch);
	rig->also_watch = rig->also_unwatch = NULL;
}

static void on_stop(void *ctx, pid_t pid, int status)
{
	struct rig *rig = ctx;

	assert_true(rig->stops < 10);
	see(rig->stop, &rig->stops, pid, status);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	wait_failures = peek_failures = calls = 0;
	peek_dumps = false;
	sigemptyset(&rig->child);
	sigaddset(&rig->child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &rig->child, &rig->old);
	assert_int_equal(pipe2(rig->gate, O_CLOEXEC), 0);
	reaper_init(&rig->reaper, on_orphan, rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 2; i++)
		if (rig->gate[i] >= 0)
			close(rig->gate[i]);
	while (__real_waitpid(-1, NULL, __WALL) > 0)
		;
	sigprocmask(SIG_SETMASK, &rig->old, NULL);
	free(rig);
	return 0;
}

static struct reaper_watch watch_of(struct rig *rig)
{
	return (struct reaper_watch){ .on_exit = on_exit_, .on_stop = on_stop, .ctx = rig };
}

/* A child that waits at the gate, then ends with the status, or by the signal. */
static pid_t make_child(struct rig *rig, int status, int signal_)
{
	pid_t pid = fork();
	char byte;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	close(rig->gate[1]);
	while (read(rig->gate[0], &byte, 1) < 0)
		;
	if (signal_) {
		sigset_t none;

		signal(signal_, SIG_DFL);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		raise(signal_);
	}
	_exit(status);
}

static void open_gate(struct rig *rig)
{
	close(rig->gate[1]);
	rig->gate[1] = -1;
}

/* Waits until the process is a zombie, without reaping it. */
static void await_zombie(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(__real_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* ---- ends ---- */

static void test_reaper_drain_without_children_says_so(void **state)
{
	struct rig *rig = *state;

	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits + rig->orphans, 0);
}

static void test_reaper_drain_with_a_living_child_says_so_and_does_not_block(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);

	reaper_watch(&rig->reaper, &watch, make_child(rig, 0, 0));
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 0);
	assert_non_null(reaper_find(&rig->reaper, watch.pid));
}

static void assert_end(struct rig *rig, int exit_status, int signal_)
{
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_child(rig, exit_status, signal_);
	int expected;

	reaper_watch(&rig->reaper, &watch, pid);
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 1);
	assert_int_equal(rig->exit[0].pid, pid);
	assert_int_equal(rig->exit[0].state, 0);
	assert_int_equal(watch.pid, 0);
	assert_null(reaper_find(&rig->reaper, pid));
	expected = signal_ ? signal_ : exit_status << 8;
	assert_int_equal(rig->exit[0].status, expected);
	assert_int_equal(rig->orphans, 0);
}

static void test_reaper_drain_exit_status_is_told(void **state)
{
	static const int statuses[] = { 0, 1, 115, 127, 128, 255 };

	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		assert_end(*state, statuses[i], 0);
		teardown(state);
		setup(state);
	}
}

static void test_reaper_drain_signal_is_told(void **state)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGUSR1, SIGPIPE };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		assert_end(*state, 0, signals[i]);
		teardown(state);
		setup(state);
	}
}

static void test_reaper_drain_core_dump_is_told_as_waitpid_does(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig, 0, SIGKILL);

	peek_dumps = true;
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphans, 1);
	assert_true(WIFSIGNALED(rig->orphan[0].status) && WCOREDUMP(rig->orphan[0].status));
	assert_int_equal(WTERMSIG(rig->orphan[0].status), SIGKILL);
}

static void test_reaper_drain_orphan_is_still_a_zombie_when_told_and_gone_after(void **state)
{
	struct rig *rig = *state;
	pid_t exited = make_child(rig, 7, 0), killed = make_child(rig, 0, SIGKILL);

	open_gate(rig);
	await_zombie(exited);
	await_zombie(killed);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphans, 2);
	for (size_t i = 0; i < 2; i++) {
		struct seen *seen = &rig->orphan[i];

		assert_int_equal(seen->state, 'Z');
		assert_int_equal(seen->status, seen->pid == exited ? 7 << 8 : SIGKILL);
		assert_int_equal(state_in_proc(seen->pid), 0);
	}
}

/* wait(2) shows children in the order in which they were started. */
static void test_reaper_drain_the_first_that_sigchld_told_of_comes_first(void **state)
{
	struct rig *rig = *state;
	pid_t pids[3];

	for (int i = 0; i < 3; i++)
		pids[i] = make_child(rig, i, 0);
	open_gate(rig);
	for (int i = 0; i < 3; i++)
		await_zombie(pids[i]);
	reaper_note_signal(&rig->reaper, pids[1]);
	reaper_note_signal(&rig->reaper, pids[2]);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphans, 3);
	assert_int_equal(rig->orphan[0].pid, pids[1]);
	assert_int_equal(rig->orphan[1].pid, pids[0]);
	assert_int_equal(rig->orphan[2].pid, pids[2]);
}

/* Then that child has been reaped, or was a tracee that has stopped. */
static void test_reaper_drain_sigchld_of_one_that_has_not_ended_changes_nothing(void **state)
{
	struct rig *rig = *state;
	pid_t ended = make_child(rig, 3, 0), living;

	open_gate(rig);
	await_zombie(ended);
	assert_int_equal(pipe2(rig->gate, O_CLOEXEC), 0);
	living = make_child(rig, 0, 0);
	reaper_note_signal(&rig->reaper, living);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphans, 1);
	assert_int_equal(rig->orphan[0].pid, ended);
	/* It was noted for that drain only. */
	ended = make_child(rig, 4, 0);
	reaper_note_signal(&rig->reaper, ended);
	open_gate(rig);
	await_zombie(living);
	await_zombie(ended);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphans, 3);
	assert_int_equal(rig->orphan[1].pid, ended);
}

/* (What is left after so many is for the next turn: meanwhile signals and lines are read.) */
static void test_reaper_drain_takes_a_burst_in_bounded_steps(void **state)
{
	struct rig *rig = *state;
	static struct reaper_watch watches[1500];
	static pid_t pids[REAPER_AT_A_TIME + 12];
	const int count = rig_is_brief() ? 200 : REAPER_AT_A_TIME + 12;

	for (int i = 0; i < count; i++) {
		pids[i] = make_child(rig, i % 200, 0);
		if (i % 2) {
			watches[i / 2] = watch_of(rig);
			reaper_watch(&rig->reaper, &watches[i / 2], pids[i]);
		}
	}
	open_gate(rig);
	for (int i = 0; i < count; i++)
		await_zombie(pids[i]);
	if (count > REAPER_AT_A_TIME) {
		assert_true(reaper_drain(&rig->reaper));
		assert_true(rig->reaper.more);
		assert_int_equal(rig->exits + rig->orphans, REAPER_AT_A_TIME);
	}
	assert_false(reaper_drain(&rig->reaper));
	assert_false(rig->reaper.more);
	assert_int_equal(rig->exits, count / 2);
	assert_int_equal(rig->orphans, count / 2);
	for (size_t i = 0; i < REAPER_BUCKETS; i++)
		assert_null(rig->reaper.buckets[i]);
}

/* ---- the table ---- */

static void test_reaper_unwatch_makes_a_orphan_of_it(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_child(rig, 0, 0);

	reaper_watch(&rig->reaper, &watch, pid);
	reaper_unwatch(&rig->reaper, &watch);
	assert_int_equal(watch.pid, 0);
	assert_null(reaper_find(&rig->reaper, pid));
	reaper_unwatch(&rig->reaper, &watch);
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 0);
	assert_int_equal(rig->orphans, 1);
}

/* PIDs of the same bucket, taken out from every place of the chain. */
static void test_reaper_unwatch_in_a_chain_leaves_the_others(void **state)
{
	struct rig *rig = *state;

	for (int out = 0; out < 4; out++) {
		struct reaper_watch watches[4];

		for (int i = 0; i < 4; i++) {
			watches[i] = watch_of(rig);
			reaper_watch(&rig->reaper, &watches[i], 5 + i * REAPER_BUCKETS);
		}
		reaper_unwatch(&rig->reaper, &watches[out]);
		for (int i = 0; i < 4; i++)
			assert_ptr_equal(reaper_find(&rig->reaper, 5 + i * REAPER_BUCKETS),
					 i != out ? &watches[i] : NULL);
		for (int i = 0; i < 4; i++)
			reaper_unwatch(&rig->reaper, &watches[i]);
		assert_null(rig->reaper.buckets[5]);
	}
}

static void test_reaper_find_finds_only_the_very_pid(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);

	reaper_watch(&rig->reaper, &watch, 5);
	assert_ptr_equal(reaper_find(&rig->reaper, 5), &watch);
	assert_null(reaper_find(&rig->reaper, 5 + REAPER_BUCKETS));
	reaper_unwatch(&rig->reaper, &watch);
}

static void test_reaper_on_exit_may_watch_and_unwatch_others(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch first = watch_of(rig), second = watch_of(rig), third = watch_of(rig);
	pid_t pid = make_child(rig, 0, 0), later;

	reaper_watch(&rig->reaper, &first, pid);
	reaper_watch(&rig->reaper, &second, pid + REAPER_BUCKETS);
	rig->also_unwatch = &second;
	rig->also_watch = &third;
	rig->also_pid = pid + 2 * REAPER_BUCKETS;
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 1);
	assert_null(reaper_find(&rig->reaper, pid + REAPER_BUCKETS));
	assert_non_null(reaper_find(&rig->reaper, pid + 2 * REAPER_BUCKETS));
	reaper_unwatch(&rig->reaper, &third);
	/* the watch of one that has ended can be used again at once */
	assert_int_equal(pipe2(rig->gate, O_CLOEXEC), 0);
	later = make_child(rig, 3, 0);
	reaper_watch(&rig->reaper, &first, later);
	open_gate(rig);
	await_zombie(later);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exit[1].pid, later);
}

static void test_reaper_is_zombie_tells_the_ended_from_the_living(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig, 0, 0);

	assert_false(reaper_is_zombie(pid));
	open_gate(rig);
	await_zombie(pid);
	assert_true(reaper_is_zombie(pid));
	assert_true(reaper_is_zombie(pid));
	assert_false(reaper_drain(&rig->reaper));
	assert_false(reaper_is_zombie(pid));
	assert_false(reaper_is_zombie(getpid()));
}

/* ---- tracees ---- */

static void test_reaper_drain_stop_of_a_tracee_goes_to_its_watch(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_child(rig, 4, 0);
	siginfo_t info;

	reaper_watch(&rig->reaper, &watch, pid);
	rig_need(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0,
		 RIG_WHY_TRACED);
	assert_int_equal(__real_waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	assert_false(reaper_is_zombie(pid));
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->stops, 1);
	assert_int_equal(rig->stop[0].pid, pid);
	assert_true(WIFSTOPPED(rig->stop[0].status));
	assert_int_equal(rig->exits, 0);
	assert_non_null(reaper_find(&rig->reaper, pid));
	assert_int_equal(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 1);
	assert_int_equal(rig->exit[0].status, 4 << 8);
}

/* A child that stands still for us, if this machine lets us trace. */
static pid_t make_stopped(struct rig *rig, struct reaper_watch *watch)
{
	pid_t pid = make_child(rig, 4, 0);
	siginfo_t info;

	reaper_watch(&rig->reaper, watch, pid);
	rig_need(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0,
		 RIG_WHY_TRACED);
	assert_int_equal(__real_waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	return pid;
}

static void test_reaper_drain_tracee_killed_meanwhile_is_an_end(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_stopped(rig, &watch);

	wait_kills = true;
	assert_false(reaper_drain(&rig->reaper));
	wait_kills = false;
	assert_int_equal(rig->stops, 0);
	assert_int_equal(rig->exits, 1);
	assert_int_equal(rig->exit[0].pid, pid);
	assert_int_equal(rig->exit[0].status, SIGKILL);
	assert_null(reaper_find(&rig->reaper, pid));
}

static void test_reaper_drain_stop_refused_does_not_spin_and_comes_back(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_stopped(rig, &watch);

	wait_failures = 1;
	wait_error = EINVAL;
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->stops, 0);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->stops, 1);
	assert_int_equal(rig->stop[0].pid, pid);
	assert_int_equal(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
}

/* A tracee in a stop that nobody wants to hear of, if this machine lets us trace. */
static bool make_forgotten_tracee(struct rig *rig, pid_t pid, int signal_)
{
	siginfo_t info;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		return false;
	if (signal_)
		assert_int_equal(kill(pid, signal_), 0);
	else
		assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
	assert_int_equal(__real_waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	/* The signal that it goes with may end it before the drain is over. */
	rig->drained_all = !reaper_drain(&rig->reaper);
	return true;
}

static void test_reaper_drain_stop_that_nobody_hears_of_lets_the_tracee_go(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch deaf = { .on_exit = on_exit_, .ctx = rig };
	pid_t unwatched = make_child(rig, 4, 0), watched = make_child(rig, 5, 0);

	reaper_watch(&rig->reaper, &deaf, watched);
	rig_need(make_forgotten_tracee(rig, unwatched, 0) && make_forgotten_tracee(rig, watched, 0),
		 RIG_WHY_TRACED);
	open_gate(rig);
	await_zombie(unwatched);
	await_zombie(watched);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphans, 1);
	assert_int_equal(rig->orphan[0].status, 4 << 8);
	assert_int_equal(rig->exit[0].status, 5 << 8);
}

static void test_reaper_drain_forgotten_tracee_in_a_system_call_is_let_go(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig, 4, 0);
	siginfo_t info;
	int status;

	rig_need(ptrace(PTRACE_SEIZE, pid, 0, (void *)PTRACE_O_TRACESYSGOOD) == 0, RIG_WHY_TRACED);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
	assert_int_equal(__real_waitpid(pid, &status, __WALL), pid);
	/* It goes on with the call that it was interrupted in. */
	assert_int_equal(ptrace(PTRACE_SYSCALL, pid, 0, 0), 0);
	assert_int_equal(__real_waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	assert_int_equal(info.si_status, SIGTRAP | 0x80);
	assert_true(reaper_drain(&rig->reaper));
	open_gate(rig);
	await_zombie(pid);
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->orphan[0].status, 4 << 8);
}

static void test_reaper_drain_signal_that_stopped_a_forgotten_tracee_arrives(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig, 0, 0);

	rig_need(make_forgotten_tracee(rig, pid, SIGTERM), RIG_WHY_TRACED);
	if (!rig->drained_all) {
		await_zombie(pid);
		assert_false(reaper_drain(&rig->reaper));
	}
	assert_int_equal(rig->orphan[0].status, SIGTERM);
}

/* ---- waits that fail ---- */

static void test_reaper_drain_wait_refused_does_not_spin_and_comes_back(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_child(rig, 0, 0);

	reaper_watch(&rig->reaper, &watch, pid);
	open_gate(rig);
	await_zombie(pid);
	wait_failures = 1;
	wait_error = ECHILD;
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 0);
	assert_non_null(reaper_find(&rig->reaper, pid));
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 1);
}

static void test_reaper_drain_interrupted_waits_are_made_again(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = watch_of(rig);
	pid_t pid = make_child(rig, 0, 0);

	reaper_watch(&rig->reaper, &watch, pid);
	open_gate(rig);
	await_zombie(pid);
	wait_failures = peek_failures = 3;
	wait_error = peek_error = EINTR;
	assert_false(reaper_drain(&rig->reaper));
	assert_int_equal(rig->exits, 1);
}

static void test_reaper_drain_peek_refused_takes_children_for_there(void **state)
{
	struct rig *rig = *state;

	peek_failures = 1;
	peek_error = EINVAL;
	assert_true(reaper_drain(&rig->reaper));
}

/* ---- words ---- */

static void test_reaper_count_status_as_a_shell(void **state)
{
	(void)state;
	assert_int_equal(reaper_count_status(0), 0);
	assert_int_equal(reaper_count_status(255 << 8), 255);
	assert_int_equal(reaper_count_status(SIGKILL), 137);
	assert_int_equal(reaper_count_status(SIGSEGV | 0x80), 139);
}

static void test_reaper_describe_status_in_words(void **state)
{
	char text[REAPER_STATUS_SIZE];

	(void)state;
	reaper_describe_status(0, text);
	assert_string_equal(text, "exited with status 0");
	reaper_describe_status(255 << 8, text);
	assert_string_equal(text, "exited with status 255");
	reaper_describe_status(SIGKILL, text);
	assert_string_equal(text, "was killed by signal 9 (Killed)");
	reaper_describe_status(SIGSEGV | 0x80, text);
	assert_string_equal(text, "was killed by signal 11 (Segmentation fault)");
	reaper_describe_status(36, text);
	assert_string_equal(text, "was killed by signal 36 (RTMIN+2)");
	for (int number = 1; number <= 64; number++) {
		reaper_describe_status(number, text);
		assert_true(strlen(text) > strlen("was killed by signal "));
		assert_int_equal(text[strlen(text) - 1], ')');
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_reaper_drain_without_children_says_so),
	TEST(test_reaper_drain_with_a_living_child_says_so_and_does_not_block),
	TEST(test_reaper_drain_exit_status_is_told),
	TEST(test_reaper_drain_signal_is_told),
	TEST(test_reaper_drain_core_dump_is_told_as_waitpid_does),
	TEST(test_reaper_drain_orphan_is_still_a_zombie_when_told_and_gone_after),
	TEST(test_reaper_drain_the_first_that_sigchld_told_of_comes_first),
	TEST(test_reaper_drain_sigchld_of_one_that_has_not_ended_changes_nothing),
	TEST(test_reaper_drain_takes_a_burst_in_bounded_steps),
	TEST(test_reaper_unwatch_makes_a_orphan_of_it),
	TEST(test_reaper_unwatch_in_a_chain_leaves_the_others),
	TEST(test_reaper_find_finds_only_the_very_pid),
	TEST(test_reaper_on_exit_may_watch_and_unwatch_others),
	TEST(test_reaper_is_zombie_tells_the_ended_from_the_living),
	TEST(test_reaper_drain_stop_of_a_tracee_goes_to_its_watch),
	TEST(test_reaper_drain_tracee_killed_meanwhile_is_an_end),
	TEST(test_reaper_drain_stop_refused_does_not_spin_and_comes_back),
	TEST(test_reaper_drain_stop_that_nobody_hears_of_lets_the_tracee_go),
	TEST(test_reaper_drain_forgotten_tracee_in_a_system_call_is_let_go),
	TEST(test_reaper_drain_signal_that_stopped_a_forgotten_tracee_arrives),
	TEST(test_reaper_drain_wait_refused_does_not_spin_and_comes_back),
	TEST(test_reaper_drain_interrupted_waits_are_made_again),
	TEST(test_reaper_drain_peek_refused_takes_children_for_there),
	TEST(test_reaper_describe_status_in_words),
	TEST(test_reaper_count_status_as_a_shell),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
