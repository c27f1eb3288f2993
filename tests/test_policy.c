/* SPDX-License-Identifier: ISC */
/* policy.c over real children of this process (whom nobody watches: that makes them orphans),
 * with the clock in the test's hand. What it would do to them is recorded instead: signals,
 * redirections, looks (--wrap, and adopt's functions below). */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "adopt/adopt.h"
#include "log.h"
#include "policy.h"
#include "rig.h"

#define KILL_TIMEOUT_MS 30000
/* How long a filter has in a teardown whose input has ended, and how often that is looked at. */
#define ENDED_MS 5000
#define REVIEW_MS 1000
#define CHILDREN_MAX 60

/* ---- what is below, as the tests want it ---- */

static uint64_t clock_ms;
static int looks;
/* How much older the children look than they are. */
static long later_s;
static bool memory_fails, strdup_fails, adopt_fails;
/* Whoever runs is said to be about to end. */
static bool ends_slowly;
/* The children that a test makes before it opens the policy: were they there before dinit, too?
 * The first look says. */
static bool inherits, nobody_yet;
/* A child that a look misses, as it may where others end while the list is read; and each child is
 * in the list twice. */
static pid_t missed;
static bool listed_twice;
static struct rig *current;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_sysinfo(struct sysinfo *info);
int __wrap_sysinfo(struct sysinfo *info);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void __wrap_signaller_send(struct signaller *signaller, pid_t pid, int signal, const char *name);
void __wrap_signaller_stop(struct signaller *signaller, pid_t pid, int signal, const char *name);
int __wrap_logmux_add(struct logmux *mux, const struct logmux_source_spec *spec);
void __wrap_logmux_forget_tallies(struct logmux *mux, const struct tally *from);
bool __wrap_logmux_reads(const struct logmux *mux, dev_t device, ino_t inode);
void __wrap_logmux_move_last(struct logmux *mux, struct lastline *from, struct lastline *to);
int __real_procfs_each_child(const struct procfs *proc, pid_t parent,
			     void (*on_child)(void *ctx, pid_t pid), void *ctx);
int __wrap_procfs_each_child(const struct procfs *proc, pid_t parent,
			     void (*on_child)(void *ctx, pid_t pid), void *ctx);

int __real_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);
int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);

/* A redirection that waits for the test. */
struct adopt {
	pid_t pid;
	const struct adopt_hooks *hooks;
	void *ctx;
	bool cancelled, exited;
	int stops;
};

struct rig {
	struct loop loop;
	struct reaper reaper;
	struct board board;
	struct procfs proc;
	struct signaller signaller;
	struct logmux *mux;
	struct config config;
	struct policy policy;
	bool open;
	pid_t children[CHILDREN_MAX];
	size_t children_len;
	struct sent {
		pid_t pid;
		int signal;
		char name[64];
	} sent[3 * CHILDREN_MAX];
	size_t sent_len;
	struct adopt adopt;
	size_t adoptions, ends, added;
	char end_name[64], end_stage[32], added_name[64], added_stage[32];
	enum logmux_stream added_stream;
	/* Where that source notes its last line, and what was taken away from all sources. */
	struct lastline *added_last;
	const struct lastline *taken_away;
	/* The same of its counts. */
	struct tally *added_tally;
	const struct tally *forgotten;
	int takings_away;
	const struct lastline *end_last;
	int end_status;
	pid_t end_pid;
	/* The pipe that the logmux reads. */
	struct stat ours;
	/* It reads every pipe. */
	bool all_ours;
	/* In memory that is shared with a child: it shall go on. */
	bool *go;
	/* what its children are called */
	char program[PROCFS_NAME_SIZE];
	char said[20000];
};

int __wrap_sysinfo(struct sysinfo *info)
{
	int result = __real_sysinfo(info);

	info->uptime += later_s;
	return result;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ (time_t)(clock_ms / 1000), (long)(clock_ms % 1000) * 1000000 };
	return 0;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
	(void)timeout_ms;
	return __real_epoll_wait(epoll_fd, events, max, 0);
}

void *__wrap_calloc(size_t count, size_t size)
{
	errno = ENOMEM;
	return memory_fails ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
	errno = ENOMEM;
	return strdup_fails ? NULL : __real_strdup(text);
}

static void note_signal(struct signaller *signaller, pid_t pid, int signal, const char *name)
{
	struct sent *sent = &current->sent[current->sent_len++];

	assert_ptr_equal(signaller, &current->signaller);
	assert_true(current->sent_len < 3 * CHILDREN_MAX);
	sent->pid = pid;
	sent->signal = signal;
	snprintf(sent->name, sizeof sent->name, "%s", name);
}

void __wrap_signaller_send(struct signaller *signaller, pid_t pid, int signal, const char *name)
{
	assert_int_equal(signal, SIGKILL);
	note_signal(signaller, pid, signal, name);
}

void __wrap_signaller_stop(struct signaller *signaller, pid_t pid, int signal, const char *name)
{
	assert_int_equal(signal, SIGTERM);
	note_signal(signaller, pid, signal, name);
}

int __wrap_logmux_add(struct logmux *mux, const struct logmux_source_spec *spec)
{
	assert_ptr_equal(mux, current->mux);
	assert_int_equal(spec->fd, 1234);
	assert_false(spec->held);
	assert_null(spec->handle);
	current->added++;
	current->added_stream = spec->stream;
	current->added_last = spec->last;
	current->added_tally = spec->tally;
	snprintf(current->added_name, sizeof current->added_name, "%s", spec->service);
	snprintf(current->added_stage, sizeof current->added_stage, "%s", spec->stage);
	return 0;
}

void __wrap_logmux_move_last(struct logmux *mux, struct lastline *from, struct lastline *to)
{
	assert_ptr_equal(mux, current->mux);
	assert_null(to);
	current->taken_away = from;
	current->takings_away++;
}

void __wrap_logmux_forget_tallies(struct logmux *mux, const struct tally *from)
{
	assert_ptr_equal(mux, current->mux);
	current->forgotten = from;
}

bool __wrap_logmux_reads(const struct logmux *mux, dev_t device, ino_t inode)
{
	assert_ptr_equal(mux, current->mux);
	return current->all_ours ||
	       (device == current->ours.st_dev && inode == current->ours.st_ino);
}

struct listing_of_children {
	void (*on_child)(void *ctx, pid_t pid);
	void *ctx;
};

static void list_child(void *ctx, pid_t pid)
{
	const struct listing_of_children *children = ctx;

	if (pid == missed)
		return;
	children->on_child(children->ctx, pid);
	if (listed_twice)
		children->on_child(children->ctx, pid);
}

/* Another one in the list; 0: none. */
static pid_t no_child;

int __wrap_procfs_each_child(const struct procfs *proc, pid_t parent,
			     void (*on_child)(void *ctx, pid_t pid), void *ctx)
{
	struct listing_of_children children = { .on_child = on_child, .ctx = ctx };

	assert_int_equal(parent, getpid());
	if (nobody_yet) {
		nobody_yet = false;
		return 0;
	}
	looks++;
	if (no_child > 0)
		on_child(ctx, no_child);
	return __real_procfs_each_child(proc, parent, list_child, &children);
}

int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat)
{
	int result = __real_procfs_read_stat(proc, pid, stat);

	stat->ending |= ends_slowly && stat->state == 'R';
	return result;
}

struct adopt *adopt_begin(struct loop *loop, struct reaper *reaper, const struct procfs *proc,
			  pid_t pid, const struct adopt_hooks *hooks, void *ctx)
{
	(void)loop;
	(void)reaper;
	(void)proc;
	errno = ENOMEM;
	if (adopt_fails)
		return NULL;
	current->adoptions++;
	current->adopt = (struct adopt){ .pid = pid, .hooks = hooks, .ctx = ctx };
	return &current->adopt;
}

void adopt_on_stop(struct adopt *adopt, int status)
{
	(void)status;
	adopt->stops++;
}

void adopt_on_exit(struct adopt *adopt)
{
	assert_false(adopt->exited);
	adopt->exited = true;
}

void adopt_cancel(struct adopt *adopt)
{
	assert_false(adopt->cancelled);
	adopt->cancelled = true;
}

/* ---- the rig ---- */

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static void on_unwatched(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	(void)pid;
	(void)status;
}

static void on_adopted_end(void *ctx, const struct reaper_end *end)
{
	struct rig *rig = ctx;

	rig->ends++;
	rig->end_pid = end->pid;
	rig->end_status = end->status;
	snprintf(rig->end_name, sizeof rig->end_name, "%s", end->name);
	snprintf(rig->end_stage, sizeof rig->end_stage, "%s", end->stage);
	/* The last lines are still there when the owner is told of the end. */
	rig->end_last = end->last;
	assert_int_equal(rig->takings_away, 0);
}

static void keep(void *ctx, const char *line, size_t len)
{
	struct rig *rig = ctx;
	size_t said = strlen(rig->said);

	if (said + len < sizeof rig->said)
		memcpy(rig->said + said, line, len);
}

static int setup(void **state)
{
	struct rig *rig = __real_calloc(1, sizeof *rig);
	sigset_t none;

	current = rig;
	clock_ms = 1000000;
	looks = 0;
	memory_fails = strdup_fails = adopt_fails = inherits = ends_slowly = false;
	listed_twice = false;
	missed = no_child = 0;
	log_set_writer(keep, rig);
	log_set_level(CONFIG_LOG_WARN);
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	reaper_init(&rig->reaper, on_unwatched, NULL);
	rig->proc.root = "/proc";
	rig->go = mmap(NULL, sizeof *rig->go, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_ptr_not_equal(rig->go, MAP_FAILED);
	assert_int_equal(board_open(&rig->board, 0, 0), 0);
	/* only handed on */
	rig->mux = (struct logmux *)(void *)rig;
	rig->config = (struct config){ .keep = "",
				       .reparenting = CONFIG_REPARENTING_TERMINATE,
				       .kill_timeout_ms = KILL_TIMEOUT_MS };
	*state = rig;
	return 0;
}

static void open_policy(struct rig *rig, enum config_reparenting reparenting)
{
	const struct policy_means means = {
		.loop = &rig->loop,
		.reaper = &rig->reaper,
		.proc = &rig->proc,
		.mux = rig->mux,
		.signaller = &rig->signaller,
		.board = &rig->board,
	};

	rig->config.reparenting = reparenting;
	nobody_yet = procfs_usable(&rig->proc) && !inherits;
	policy_open(&rig->policy, &rig->config, &means, on_adopted_end, rig);
	rig->open = true;
}

/* Makes a child with that stdin and stdout, which are -1 where it has ours. */
/* The next child leads a session. */
static bool child_leads;

static pid_t make_child_with(struct rig *rig, int stdin_fd, int stdout_fd)
{
	const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat = { .state = 'R' };
	struct procfs_command command;
	int pair[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (child_leads && setsid() < 0)
			_exit(1);
		if ((stdin_fd >= 0 && dup2(stdin_fd, STDIN_FILENO) < 0) ||
		    (stdout_fd >= 0 && dup2(stdout_fd, STDOUT_FILENO) < 0))
			_exit(1);
		if (write(pair[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	close(pair[1]);
	/* One that runs is given more time. */
	while (stat.state == 'R')
		assert_int_equal(procfs_read_stat(&proc, pid, &stat), 0);
	assert_true(rig->children_len < CHILDREN_MAX);
	rig->children[rig->children_len++] = pid;
	procfs_read_command(&(struct procfs){ .root = "/proc" }, pid, &command);
	strcpy(rig->program, command.program);
	return pid;
}

static pid_t make_child(struct rig *rig)
{
	return make_child_with(rig, -1, -1);
}

/* What is in the stdin of a filter. */
enum input {
	/* Nothing yet. */
	INPUT_OPEN,
	/* Nothing any more. */
	INPUT_ENDED,
	/* Something that is unread; then it ends. */
	INPUT_UNREAD,
};

/* Makes a pipe that the logmux reads, and a child whose stdout is that one and whose stdin is
 * another. */
static pid_t make_filter_with(struct rig *rig, int input_fd)
{
	int output[2];
	pid_t pid;

	assert_int_equal(pipe(output), 0);
	assert_int_equal(fstat(output[0], &rig->ours), 0);
	pid = make_child_with(rig, input_fd, output[1]);
	close(output[0]);
	close(output[1]);
	return pid;
}

static pid_t make_filter_of(struct rig *rig, enum input kind)
{
	int input[2];
	pid_t pid;

	assert_int_equal(pipe(input), 0);
	if (kind == INPUT_UNREAD)
		assert_int_equal(write(input[1], "x", 1), 1);
	/* Else the child has it as well. */
	if (kind != INPUT_OPEN)
		close(input[1]);
	pid = make_filter_with(rig, input[0]);
	if (kind == INPUT_OPEN)
		close(input[1]);
	close(input[0]);
	return pid;
}

static pid_t make_filter(struct rig *rig)
{
	return make_filter_of(rig, INPUT_OPEN);
}

/* A child that waits for its own vfork child (*tail), whatever signal comes: state D. valgrind
 * makes a fork of it. */
static pid_t make_uninterruptible_child(struct rig *rig, pid_t *tail)
{
	const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat = { .state = 'R' };
	int pair[2];
	pid_t pid;

	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (pid == 0) {
		if (vfork() == 0) {
			pid_t self = (pid_t)syscall(SYS_getpid);

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (write(pair[1], &self, sizeof self) != sizeof self)
				_exit(1);
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	assert_int_equal(read(pair[0], tail, sizeof *tail), sizeof *tail);
	close(pair[0]);
	close(pair[1]);
	rig->children[rig->children_len++] = pid;
	while (stat.state == 'R')
		assert_int_equal(procfs_read_stat(&proc, pid, &stat), 0);
	rig_need(stat.state == 'D', "valgrind makes a fork of vfork");
	return pid;
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

/* A turn that begins so much later. */
static void pass(struct rig *rig, uint64_t ms)
{
	clock_ms += ms;
	assert_int_equal(loop_run(&rig->loop, stop, NULL), 0);
}

/* The child ends and is a zombie; nobody has reaped it. */
static void end(pid_t pid, int signal)
{
	siginfo_t info;

	assert_int_equal(kill(pid, signal), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void end_and_reap(struct rig *rig, pid_t pid, int signal)
{
	end(pid, signal);
	reaper_drain(&rig->reaper);
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < rig->children_len; i++)
		kill(rig->children[i], SIGKILL);
	for (;;) {
		siginfo_t info;

		if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) < 0)
			break;
		reaper_drain(&rig->reaper);
	}
	if (rig->open)
		ration_close(&rig->policy.ration);
	board_close(&rig->board);
	loop_close(&rig->loop);
	log_set_writer(NULL, NULL);
	munmap(rig->go, sizeof *rig->go);
	free(rig);
	return 0;
}

static void assert_sent(const struct rig *rig, size_t index, pid_t pid, int signal)
{
	assert_true(index < rig->sent_len);
	assert_int_equal(rig->sent[index].pid, pid);
	assert_int_equal(rig->sent[index].signal, signal);
}

static size_t count(const struct rig *rig, const char *part)
{
	size_t n = 0;

	for (const char *at = rig->said; (at = strstr(at, part)); at++)
		n++;
	return n;
}

static void *pause_thread(void *argument)
{
	for (;;)
		pause();
	return argument;
}

/* ---- terminate ---- */

static void test_policy_terminate_orphan_is_told_when_mature_and_killed_when_late(void **state)
{
	struct rig *rig = *state;
	char name[64], warning[128];
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	assert_non_null(reaper_find(&rig->reaper, pid));
	pass(rig, POLICY_MATURE_MS - 1);
	assert_int_equal(rig->sent_len, 0);
	pass(rig, 1);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
	snprintf(name, sizeof name, "%.40s/%d", rig->program, pid);
	assert_string_equal(rig->sent[0].name, name);
	snprintf(warning, sizeof warning,
		 " dinit: warning: %s: lost its parent, terminating it: ", name);
	assert_int_equal(count(rig, warning), 1);
	pass(rig, KILL_TIMEOUT_MS - 1);
	assert_int_equal(rig->sent_len, 1);
	pass(rig, 1);
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 1, pid, SIGKILL);
	assert_int_equal(count(rig, "is still running: killing it"), 1);
	pass(rig, 10 * KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 2);
	end_and_reap(rig, pid, SIGKILL);
	assert_null(reaper_find(&rig->reaper, pid));
	assert_int_equal(rig->ends, 0);
}

static void test_policy_terminate_orphan_that_obeys_is_not_killed(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	end_and_reap(rig, pid, SIGTERM);
	pass(rig, 2 * KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 1);
}

static void test_policy_orphan_that_ends_young_is_not_spoken_of(void **state)
{
	struct rig *rig = *state;
	pid_t reaped = make_child(rig), zombie = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	end_and_reap(rig, reaped, SIGKILL);
	pass(rig, POLICY_MATURE_MS - 1);
	end(zombie, SIGKILL);
	pass(rig, 1);
	reaper_drain(&rig->reaper);
	assert_int_equal(rig->sent_len, 0);
	assert_int_equal(rig->adoptions, 0);
	assert_int_equal(rig->ends, 0);
	assert_string_equal(rig->said, "");
}

static void nothing(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	(void)pid;
	(void)status;
}

static void test_policy_children_from_before_are_left_alone(void **state)
{
	struct rig *rig = *state;
	pid_t elder = make_child(rig), orphan;

	inherits = true;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	/* Nothing has been looked for since something may have been started. */
	assert_true(policy_may_have_orphans(&rig->policy));
	pass(rig, POLICY_MATURE_MS);
	policy_children_changed(&rig->policy, false);
	assert_false(policy_may_have_orphans(&rig->policy));
	orphan = make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	assert_true(policy_may_have_orphans(&rig->policy));
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	policy_kill(&rig->policy, false);
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 0, orphan, SIGTERM);
	assert_sent(rig, 1, orphan, SIGKILL);
	assert_int_equal(count(rig, "inherited"), 0);
	log_set_level(CONFIG_LOG_INFO);
	end_and_reap(rig, elder, SIGKILL);
	assert_int_equal(count(rig, ": inherited child was killed by signal 9 (Killed)\n"), 1);
	assert_int_equal(rig->ends, 0);
	end_and_reap(rig, orphan, SIGKILL);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_false(policy_may_have_orphans(&rig->policy));
}

static void test_policy_child_from_before_that_ended_counts_no_more(void **state)
{
	struct rig *rig = *state;
	pid_t elder = make_child(rig), orphan;

	inherits = true;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	end_and_reap(rig, elder, SIGKILL);
	orphan = make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	assert_true(policy_may_have_orphans(&rig->policy));
	end_and_reap(rig, orphan, SIGKILL);
	pass(rig, POLICY_LOOK_MS);
	assert_false(policy_may_have_orphans(&rig->policy));
}

/* An orphan is one, whoever else was seen. */
static void test_policy_child_from_before_that_a_look_misses_hides_no_orphan(void **state)
{
	struct rig *rig = *state;

	inherits = true;
	make_child(rig);
	make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	missed = rig->children[0];
	make_child(rig);
	policy_begin_teardown(&rig->policy);
	assert_true(policy_has_to_wait(&rig->policy));
	missed = rig->children[2];
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_false(policy_has_to_wait(&rig->policy));
}

static void test_policy_children_from_before_have_one_record_each(void **state)
{
	struct reaper_watch watch = { .on_exit = nothing };
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	reaper_watch(&rig->reaper, &watch, make_child(rig));
	inherits = listed_twice = true;
	log_set_level(CONFIG_LOG_INFO);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	assert_int_equal(count(rig, ": was there before dinit, leaving it alone\n"), 1);
	assert_ptr_equal(reaper_find(&rig->reaper, rig->children[1]), &watch);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(count(rig, ": inherited child was killed by signal 9 (Killed)\n"), 1);
	end_and_reap(rig, rig->children[1], SIGKILL);
}

static void test_policy_watched_children_are_no_orphans(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = { .on_exit = nothing };
	pid_t pid = make_child(rig);

	reaper_watch(&rig->reaper, &watch, pid);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	end_and_reap(rig, pid, SIGKILL);
}

/* Such a child may write a file on a dead server, and never end. */
static void test_policy_watched_child_that_is_not_waited_for_counts_for_nothing(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch watch = { .on_exit = nothing, .unwaited = true };
	pid_t pid = make_child(rig);

	reaper_watch(&rig->reaper, &watch, pid);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_begin_teardown(&rig->policy);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_false(policy_has_to_wait(&rig->policy));
	watch.unwaited = false;
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_true(policy_has_to_wait(&rig->policy));
	assert_int_equal(rig->sent_len, 0);
	end_and_reap(rig, pid, SIGKILL);
}

static void test_policy_many_orphans_each_have_their_own_time(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	for (int i = 0; i < 30; i++) {
		make_child(rig);
		pass(rig, POLICY_LOOK_APART_MS);
		policy_children_changed(&rig->policy, false);
	}
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 30);
	/* some obey: from the front, the middle and the end of the queue */
	end_and_reap(rig, rig->children[0], SIGTERM);
	end_and_reap(rig, rig->children[15], SIGTERM);
	end_and_reap(rig, rig->children[29], SIGTERM);
	pass(rig, KILL_TIMEOUT_MS - 10 * POLICY_MATURE_MS);
	assert_true(rig->sent_len > 30 && rig->sent_len < 57);
	pass(rig, 10 * POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 57);
	for (size_t i = 0; i < 27; i++)
		assert_sent(rig, 30 + i, rig->children[1 + i + (i >= 14)], SIGKILL);
}

/* In an uninterruptible wait its arguments cannot be read without waiting for it. */
static void test_policy_uninterruptible_orphan_is_given_a_moment(void **state)
{
	struct rig *rig = *state;
	pid_t tail, pid = make_uninterruptible_child(rig, &tail);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	for (int i = 0; i < 93; i++)
		pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(count(rig, ": lost its parent, terminating it: [test_policy] (DINIT_KEEP"),
			 1);
}

static void test_policy_uninterruptible_orphan_that_goes_on_is_told_with_its_arguments(void **state)
{
	struct rig *rig = *state;
	const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat = { .state = 'D' };
	pid_t tail, pid = make_uninterruptible_child(rig, &tail);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	kill(tail, SIGKILL);
	while (stat.state != 'S')
		assert_int_equal(procfs_read_stat(&proc, pid, &stat), 0);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(count(rig, ": lost its parent, terminating it: ["), 0);
}

static void test_policy_without_memory_for_an_orphan_finds_it_later(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	memory_fails = true;
	log_set_level(CONFIG_LOG_INFO);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	memory_fails = false;
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
}

/* Nothing remembers that it was there before. */
static void test_policy_without_memory_for_a_child_from_before_takes_it_for_an_orphan(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	memory_fails = inherits = true;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	memory_fails = false;
	pass(rig, POLICY_LOOK_MS);
	assert_true(policy_may_have_orphans(&rig->policy));
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
}

/* ---- orphans that were dead before a look ---- */

static void test_policy_on_unwatched_end_tells_the_name_of_the_zombie(void **state)
{
	struct rig *rig = *state;
	char name[PROCFS_NAME_SIZE], message[400];
	pid_t pid;

	log_set_level(CONFIG_LOG_INFO);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	reaper_init(&rig->reaper, policy_on_unwatched_end, &rig->policy);
	/* It ends before a look has found it. */
	pid = make_child(rig);
	/* Its name is ours, which is valgrind's there. */
	procfs_read_comm(&(struct procfs){ .root = "/proc" }, getpid(), name);
	end_and_reap(rig, pid, SIGKILL);
	snprintf(message, sizeof message,
		 " dinit: info: %s/%d: orphan was killed by signal 9 (Killed)\n", name, pid);
	assert_int_equal(count(rig, message), 1);
}

static void test_policy_on_unwatched_end_without_proc_knows_no_name(void **state)
{
	struct rig *rig = *state;
	char message[128];

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	log_set_level(CONFIG_LOG_INFO);
	rig->proc.root = "/nonexistent";
	policy_on_unwatched_end(&rig->policy, getpid(), 3 << 8);
	snprintf(message, sizeof message, " ?/%d: orphan exited with status 3\n", getpid());
	assert_int_equal(count(rig, message), 1);
}

static void test_policy_on_unwatched_end_says_nothing_above_info(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	policy_on_unwatched_end(&rig->policy, getpid(), 0);
	assert_string_equal(rig->said, "");
}

/* ---- looks ---- */

static void test_policy_looks_once_a_second_unasked(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	assert_int_equal(looks, 1);
	for (int i = 1; i <= 5; i++) {
		pass(rig, POLICY_LOOK_MS - 1);
		assert_int_equal(looks, i);
		pass(rig, 1);
		assert_int_equal(looks, i + 1);
	}
}

static void test_policy_children_changed_looks_at_once_but_not_too_often(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_LOOK_APART_MS);
	policy_children_changed(&rig->policy, false);
	assert_int_equal(looks, 2);
	for (uint64_t i = 0; i < POLICY_LOOK_APART_MS; i++) {
		policy_children_changed(&rig->policy, false);
		assert_int_equal(looks, 2);
		pass(rig, 1);
	}
	assert_int_equal(looks, 3);
	pass(rig, POLICY_LOOK_MS - 1);
	assert_int_equal(looks, 3);
}

/* What may have changed since the last look is not known before the next. */
static void test_policy_children_changed_between_two_looks_sees_somebody_until_then(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_LOOK_APART_MS);
	policy_children_changed(&rig->policy, false);
	assert_false(policy_may_have_orphans(&rig->policy));
	policy_children_changed(&rig->policy, false);
	assert_true(policy_may_have_orphans(&rig->policy));
	pass(rig, POLICY_LOOK_APART_MS);
	assert_false(policy_may_have_orphans(&rig->policy));
}

static void test_policy_teardown_looks_ten_times_a_second(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_begin_teardown(&rig->policy);
	looks = 0;
	for (int i = 0; i < 10; i++)
		pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_int_equal(looks, 10);
}

static void test_policy_ignore_never_signals_and_never_waits(void **state)
{
	struct rig *rig = *state;

	make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	assert_true(policy_may_have_orphans(&rig->policy));
	policy_children_changed(&rig->policy, false);
	pass(rig, 10 * POLICY_LOOK_MS);
	assert_true(policy_may_have_orphans(&rig->policy));
	policy_begin_teardown(&rig->policy);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_false(policy_has_to_wait(&rig->policy));
	assert_false(policy_kill(&rig->policy, false));
	assert_false(policy_kill(&rig->policy, true));
	pass(rig, 10 * POLICY_LOOK_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_string_equal(rig->said, "");
}

static void test_policy_without_proc_says_so_once_and_does_nothing(void **state)
{
	struct rig *rig = *state;

	make_child(rig);
	rig->proc.root = "/nonexistent";
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	assert_true(policy_may_have_orphans(&rig->policy));
	policy_children_changed(&rig->policy, true);
	assert_false(policy_has_to_wait(&rig->policy));
	pass(rig, 10 * POLICY_LOOK_MS);
	policy_begin_teardown(&rig->policy);
	assert_false(policy_kill(&rig->policy, false));
	assert_int_equal(looks, 0);
	assert_int_equal(rig->sent_len, 0);
	assert_int_equal(count(rig, "\n"), 1);
	assert_int_equal(count(rig, "/nonexistent does not show this PID namespace's processes"),
			 1);
}

static void test_policy_without_proc_under_ignore_says_nothing(void **state)
{
	struct rig *rig = *state;

	rig->proc.root = "/nonexistent";
	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	assert_string_equal(rig->said, "");
}

/* ---- a /proc that changes ---- */

static void cover_proc(struct rig *rig)
{
	rig->proc.root = "/nonexistent";
}

static void test_policy_orphan_that_proc_hides_when_it_is_due_is_found_again(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	cover_proc(rig);
	pass(rig, POLICY_MATURE_MS);
	pass(rig, POLICY_LOOK_MS);
	assert_int_equal(count(rig, "/nonexistent does not show this PID namespace's processes"),
			 1);
	assert_int_equal(rig->sent_len, 0);
	assert_false(policy_has_to_wait(&rig->policy));
	rig->proc.root = "/proc";
	pass(rig, POLICY_LOOK_MS);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
}

static void test_policy_orphan_that_was_told_is_waited_for_without_proc(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	cover_proc(rig);
	policy_begin_teardown(&rig->policy);
	assert_true(policy_has_to_wait(&rig->policy));
	assert_true(policy_kill(&rig->policy, false));
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 1, pid, SIGKILL);
	assert_string_equal(rig->sent[1].name, rig->sent[0].name);
	end_and_reap(rig, pid, SIGKILL);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_false(policy_has_to_wait(&rig->policy));
}

static void test_policy_kill_kills_new_orphans_without_proc(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	cover_proc(rig);
	policy_begin_teardown(&rig->policy);
	assert_true(policy_kill(&rig->policy, false));
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGKILL);
}

/* As from the list of another PID namespace. */
static void test_policy_process_that_is_no_child_is_no_orphan(void **state)
{
	struct rig *rig = *state;

	no_child = getppid();
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_begin_teardown(&rig->policy);
	assert_false(policy_has_to_wait(&rig->policy));
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_string_equal(rig->said, "");
}

/* ---- filters ---- */

static void test_policy_filter_is_left_alone_until_its_time_is_over(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_filter(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, KILL_TIMEOUT_MS - 1);
	assert_int_equal(rig->sent_len, 0);
	assert_string_equal(rig->said, "");
	pass(rig, 1);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(count(rig, ": lost its parent, terminating it: "), 1);
	pass(rig, KILL_TIMEOUT_MS);
	assert_sent(rig, 1, pid, SIGKILL);
}

static void test_policy_filter_that_ends_ends_nothing(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_filter(rig);

	log_set_level(CONFIG_LOG_INFO);
	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(count(rig, ": lost its parent and is a filter: waiting "), 1);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(count(rig, ": filter was killed by signal 9 (Killed)\n"), 1);
	assert_int_equal(count(rig, ": orphan was killed"), 0);
	assert_int_equal(rig->ends, 0);
	assert_int_equal(rig->adoptions, 0);
	pass(rig, POLICY_LOOK_MS);
	assert_false(policy_has_to_wait(&rig->policy));
}

/* Looks come every 100 ms in a teardown. */
static void pass_looks(struct rig *rig, uint64_t ms)
{
	for (; ms > 0; ms -= POLICY_LOOK_TEARDOWN_MS)
		pass(rig, POLICY_LOOK_TEARDOWN_MS);
}

static void test_policy_filter_whose_input_has_ended_is_terminated_in_the_teardown(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_filter_of(rig, INPUT_ENDED);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	pass(rig, KILL_TIMEOUT_MS / 2);
	assert_int_equal(rig->sent_len, 0);
	policy_begin_teardown(&rig->policy);
	pass_looks(rig, ENDED_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_string_equal(rig->said, "");
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(count(rig, ": lost its parent, terminating it: "), 1);
}

/* The others are what has the same input and what has another one. */
static void test_policy_filter_that_comes_later_has_the_time_of_its_input(void **state)
{
	struct rig *rig = *state;
	pid_t first, second, third;
	int input[2];

	rig->all_ours = true;
	assert_int_equal(pipe(input), 0);
	close(input[1]);
	first = make_filter_with(rig, input[0]);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	pass_looks(rig, ENDED_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, first, SIGTERM);
	second = make_filter_with(rig, input[0]);
	close(input[0]);
	third = make_filter_of(rig, INPUT_ENDED);
	end_and_reap(rig, first, SIGKILL);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 1, second, SIGTERM);
	pass_looks(rig, ENDED_MS - POLICY_LOOK_TEARDOWN_MS);
	assert_int_equal(rig->sent_len, 2);
	pass_looks(rig, 2 * REVIEW_MS);
	assert_int_equal(rig->sent_len, 3);
	assert_sent(rig, 2, third, SIGTERM);
}

static void test_policy_filter_with_input_is_waited_for(void **state)
{
	struct rig *rig = *state;

	rig->all_ours = true;
	make_filter_of(rig, INPUT_OPEN);
	make_filter_of(rig, INPUT_UNREAD);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	pass_looks(rig, 3 * ENDED_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_string_equal(rig->said, "");
}

static void test_policy_ignore_filter_whose_input_has_ended_is_waited_for(void **state)
{
	struct rig *rig = *state;

	make_filter_of(rig, INPUT_ENDED);
	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	for (int i = 0; i < 4; i++) {
		policy_children_changed(&rig->policy, true);
		pass_looks(rig, ENDED_MS / 2);
		assert_true(policy_has_to_wait(&rig->policy));
	}
}

static void test_policy_kill_spares_filters_whose_input_has_ended_as_others(void **state)
{
	struct rig *rig = *state;

	make_filter_of(rig, INPUT_ENDED);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	policy_kill(&rig->policy, false);
	pass_looks(rig, ENDED_MS + 2 * REVIEW_MS);
	assert_int_equal(rig->sent_len, 0);
	policy_kill(&rig->policy, true);
	assert_int_equal(rig->sent_len, 1);
}

static void test_policy_filter_whose_time_is_over_is_adopted_with_adopt(void **state)
{
	struct rig *rig = *state;

	make_filter(rig);
	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->adoptions, 0);
	pass(rig, KILL_TIMEOUT_MS);
	assert_int_equal(rig->adoptions, 1);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
}

static void test_policy_filter_without_a_pipe_for_stdin_is_none(void **state)
{
	struct rig *rig = *state;
	int output[2];
	pid_t pid;

	assert_int_equal(pipe(output), 0);
	assert_int_equal(fstat(output[0], &rig->ours), 0);
	pid = make_child_with(rig, -1, output[1]);
	close(output[0]);
	close(output[1]);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

static void test_policy_filter_into_somebody_elses_pipe_is_none(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_filter(rig);

	rig->ours.st_ino++;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

static void test_policy_ignore_waits_for_a_filter_only(void **state)
{
	struct rig *rig = *state;
	pid_t filter;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	make_child(rig);
	filter = make_filter(rig);
	pass(rig, POLICY_LOOK_MS);
	policy_begin_teardown(&rig->policy);
	pass(rig, POLICY_MATURE_MS);
	assert_true(policy_has_to_wait(&rig->policy));
	end_and_reap(rig, filter, SIGKILL);
	policy_children_changed(&rig->policy, false);
	assert_false(policy_has_to_wait(&rig->policy));
	assert_int_equal(rig->sent_len, 0);
}

/* What a program left behind when it ended may be a filter, as long as it is not looked at. */
static void test_policy_ignore_waits_for_what_a_program_left_behind(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	pass(rig, POLICY_LOOK_APART_MS);
	policy_begin_teardown(&rig->policy);
	assert_false(policy_has_to_wait(&rig->policy));
	make_child(rig);
	/* Too soon after the last look: it is still to come. */
	policy_children_changed(&rig->policy, true);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, POLICY_LOOK_APART_MS);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, POLICY_MATURE_MS - 1);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, 1);
	assert_false(policy_has_to_wait(&rig->policy));
}

static void test_policy_ignore_does_not_wait_for_what_comes_later(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	policy_begin_teardown(&rig->policy);
	pass(rig, POLICY_LOOK_APART_MS);
	policy_children_changed(&rig->policy, true);
	for (int i = 0; i < 40; i++) {
		pass(rig, 3 * POLICY_MATURE_MS);
		make_child(rig);
		policy_children_changed(&rig->policy, false);
	}
	assert_false(policy_has_to_wait(&rig->policy));
}

/* Of "exec > >(exec > >(last); exec first)", first ends before anything is decided about it. */
static void test_policy_ignore_waits_for_what_a_young_one_left_behind(void **state)
{
	struct rig *rig = *state;
	pid_t first;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	policy_begin_teardown(&rig->policy);
	first = make_filter(rig);
	pass(rig, POLICY_LOOK_APART_MS);
	policy_children_changed(&rig->policy, true);
	make_filter(rig);
	pass(rig, POLICY_MATURE_MS - 1);
	end_and_reap(rig, first, SIGKILL);
	policy_children_changed(&rig->policy, false);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, 1 + POLICY_MATURE_MS);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, 100 * POLICY_MATURE_MS);
	assert_true(policy_has_to_wait(&rig->policy));
}

/* What is ignored makes filters for ever. */
static void test_policy_ignore_does_not_wait_for_filters_without_end(void **state)
{
	struct rig *rig = *state;
	uint64_t began_ms;
	pid_t filter;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	policy_begin_teardown(&rig->policy);
	pass(rig, POLICY_LOOK_APART_MS);
	filter = make_filter(rig);
	policy_children_changed(&rig->policy, true);
	began_ms = clock_ms;
	for (int i = 0; i < 40 && policy_has_to_wait(&rig->policy); i++) {
		pid_t next = make_filter(rig);

		pass(rig, POLICY_LOOK_TEARDOWN_MS);
		end_and_reap(rig, filter, SIGKILL);
		policy_children_changed(&rig->policy, false);
		filter = next;
		pass(rig, 900);
	}
	assert_false(policy_has_to_wait(&rig->policy));
	assert_in_range(clock_ms - began_ms, 5000, 7000);
	assert_int_equal(rig->sent_len, 0);
}

/* A shell that has begun to set up its filter, on a busy machine: it runs, and its stdin is not in
 * place yet. */
static void test_policy_orphan_that_runs_may_become_a_filter(void **state)
{
	struct rig *rig = *state;
	const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat = { .state = 'R' };
	int input[2], output[2];
	pid_t pid;

	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	assert_int_equal(fstat(output[0], &rig->ours), 0);
	close(input[1]);
	pid = fork();
	if (pid == 0) {
		volatile bool *go = rig->go;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(output[1], STDOUT_FILENO);
		while (!*go)
			;
		dup2(input[0], STDIN_FILENO);
		for (;;)
			pause();
	}
	rig->children[rig->children_len++] = pid;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	for (int i = 0; i < 10; i++)
		pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	*rig->go = true;
	while (stat.state == 'R')
		assert_int_equal(procfs_read_stat(&proc, pid, &stat), 0);
	pass(rig, 10 * POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	pass(rig, KILL_TIMEOUT_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

static pid_t make_running_child(struct rig *rig)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			;
	}
	rig->children[rig->children_len++] = pid;
	return pid;
}

/* On a busy machine, or with much memory to give back: there is nothing to terminate. */
static void test_policy_orphan_that_takes_long_to_end_is_not_spoken_of(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_running_child(rig);

	ends_slowly = true;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	for (int i = 0; i < 200; i++)
		pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_string_equal(rig->said, "");
	end_and_reap(rig, pid, SIGKILL);
	assert_null(reaper_find(&rig->reaper, pid));
}

static void test_policy_orphan_that_runs_on_is_terminated(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_running_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	for (int i = 0; i < 93; i++)
		pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

/* A worker that computes sets up no filter any more. */
static void test_policy_orphan_that_has_run_for_long_is_terminated_at_once(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_running_child(rig);

	later_s = 4;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	later_s = 0;
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
}

/* Its stdin was a pipe for a while. */
static void test_policy_filter_that_is_none_any_more_is_terminated_in_the_teardown(void **state)
{
	struct rig *rig = *state;
	pid_t filter, none;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	none = make_filter(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	/* The logmux reads another pipe from here on. */
	filter = make_filter(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	assert_int_equal(rig->sent_len, 0);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, none, SIGTERM);
	end_and_reap(rig, none, SIGTERM);
	assert_non_null(reaper_find(&rig->reaper, filter));
}

static void test_policy_ignore_filter_whose_time_is_over_is_not_waited_for(void **state)
{
	struct rig *rig = *state;

	make_filter(rig);
	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, KILL_TIMEOUT_MS);
	assert_false(policy_has_to_wait(&rig->policy));
	assert_int_equal(rig->sent_len, 0);
}

static void test_policy_kill_spares_filters_until_it_is_told_otherwise(void **state)
{
	struct rig *rig = *state;
	pid_t filter, later;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	filter = make_filter(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	assert_false(policy_kill(&rig->policy, false));
	later = make_filter(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, 0);
	assert_int_equal(rig->sent_len, 0);
	assert_true(policy_kill(&rig->policy, true));
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 0, filter, SIGKILL);
	assert_sent(rig, 1, later, SIGKILL);
	later = make_filter(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, 0);
	assert_sent(rig, 2, later, SIGKILL);
	pass(rig, KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 3);
}

static void test_policy_kill_with_ignore_kills_filters(void **state)
{
	struct rig *rig = *state;
	pid_t filter;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	make_child(rig);
	filter = make_filter(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	assert_false(policy_kill(&rig->policy, false));
	assert_true(policy_kill(&rig->policy, true));
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, filter, SIGKILL);
	assert_true(policy_has_to_wait(&rig->policy));
	end_and_reap(rig, filter, SIGKILL);
	assert_false(policy_has_to_wait(&rig->policy));
}

/* Until something is decided about the last orphan that can come of the end of a program. */
static void test_policy_ignore_waits_as_long_as_nothing_is_decided(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	policy_begin_teardown(&rig->policy);
	make_running_child(rig);
	policy_children_changed(&rig->policy, true);
	pass(rig, POLICY_LOOK_APART_MS);
	pass(rig, 939);
	/* One that comes later is not waited for. */
	make_running_child(rig);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, 1);
	assert_false(policy_has_to_wait(&rig->policy));
}

static void test_policy_ignore_waits_for_a_filter_for_five_seconds_at_most(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	policy_begin_teardown(&rig->policy);
	make_filter(rig);
	policy_children_changed(&rig->policy, true);
	pass(rig, POLICY_LOOK_APART_MS);
	pass(rig, 940 + 4999);
	assert_true(policy_has_to_wait(&rig->policy));
	pass(rig, 1);
	assert_false(policy_has_to_wait(&rig->policy));
}

/* ---- what was terminated or adopted last (left.h) ---- */

static void test_policy_last_one_that_was_terminated_is_noted(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	assert_int_equal(rig->policy.last.pid, 0);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->policy.last.pid, pid);
	assert_int_equal(rig->policy.last.ms, clock_ms);
	assert_string_equal(rig->policy.last.name, rig->program);
}

/* Once a program has ended it may have left what is in a session without a leader. */
static void test_policy_last_one_in_no_session_of_a_program_has_0(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	for (int i = 0; i < 4; i++) {
		bool program_ended = i / 2;
		pid_t pid;

		child_leads = i % 2;
		pid = make_child(rig);
		policy_children_changed(&rig->policy, program_ended);
		pass(rig, POLICY_LOOK_MS);
		pass(rig, POLICY_MATURE_MS);
		assert_int_equal(rig->policy.last.pid, pid);
		assert_int_equal(rig->policy.last.session,
				 child_leads || !program_ended ? 0 : getsid(0));
	}
	child_leads = false;
}

static void test_policy_last_one_is_no_filter(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_filter(rig);

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	pass(rig, KILL_TIMEOUT_MS);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(rig->policy.last.pid, 0);
}

static void test_policy_last_one_is_none_of_the_teardown(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_begin_teardown(&rig->policy);
	pid = make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(rig->policy.last.pid, 0);
}

/* Its first thread has ended, and is a zombie in /proc: the process lives. */
static void test_policy_orphan_without_first_thread_is_terminated_at_once(void **state)
{
	struct rig *rig = *state;
	const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat = { .state = 'R' };
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_create(&thread, NULL, pause_thread, NULL);
		syscall(SYS_exit, 0);
	}
	rig->children[rig->children_len++] = pid;
	while (stat.state != 'Z')
		assert_int_equal(procfs_read_stat(&proc, pid, &stat), 0);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

/* Its name is the pattern in the advice, which ends at a comma. */
static void test_policy_first_warning_for_a_name_with_commas_has_none_in_its_pattern(void **state)
{
	struct rig *rig = *state;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "a,b,c", "-c", "kill -STOP $$; :", (char *)NULL);
		_exit(1);
	}
	rig->children[rig->children_len++] = pid;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(count(rig, " (DINIT_KEEP=a?b?c leaves it alone)\n"), 1);
}

/* ---- DINIT_KEEP ---- */

static void test_policy_kept_orphan_is_left_alone_until_the_teardown(void **state)
{
	static const enum config_reparenting policies[] = { CONFIG_REPARENTING_TERMINATE,
							    CONFIG_REPARENTING_ADOPT };

	for (size_t i = 0; i < 2; i++) {
		struct rig *rig = *state;
		pid_t pid = make_child(rig);

		rig->config.keep = "none,*";
		open_policy(rig, policies[i]);
		rig->sent_len = 0;
		pass(rig, POLICY_MATURE_MS);
		pass(rig, 10 * KILL_TIMEOUT_MS);
		assert_int_equal(rig->sent_len, 0);
		assert_int_equal(rig->adoptions, 0);
		policy_begin_teardown(&rig->policy);
		assert_string_equal(rig->said, "");
		assert_int_equal(rig->sent_len, 1);
		assert_sent(rig, 0, pid, SIGTERM);
		assert_true(policy_has_to_wait(&rig->policy));
		pass(rig, KILL_TIMEOUT_MS);
		assert_sent(rig, 1, pid, SIGKILL);
		end_and_reap(rig, pid, SIGKILL);
		policy_close(&rig->policy);
		rig->open = false;
		rig->said[0] = '\0';
	}
}

static void test_policy_kept_orphan_that_ends_ends_nothing(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	rig->config.keep = rig->program;
	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	pass(rig, POLICY_MATURE_MS);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(rig->ends, 0);
}

static void test_policy_keep_of_another_name_keeps_nothing(void **state)
{
	struct rig *rig = *state;
	char other[PROCFS_NAME_SIZE + 8];
	pid_t pid = make_child(rig);

	snprintf(other, sizeof other, "%s?,x*", rig->program);
	rig->config.keep = other;
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

static void test_policy_keep_has_no_meaning_for_what_is_found_in_a_teardown(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	rig->config.keep = "*";
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_begin_teardown(&rig->policy);
	pid = make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_sent(rig, 0, pid, SIGTERM);
}

/* ---- many warnings ---- */

static void test_policy_first_warning_for_a_program_says_how_to_keep_it(void **state)
{
	struct rig *rig = *state;
	char hint[PROCFS_NAME_SIZE + 64];

	make_child(rig);
	make_child(rig);
	snprintf(hint, sizeof hint, " (DINIT_KEEP=%s leaves it alone)\n", rig->program);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(count(rig, ": lost its parent, terminating it: "), 2);
	assert_int_equal(count(rig, hint), 1);
}

static void test_policy_first_warning_in_a_teardown_does_not_say_how_to_keep_it(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_note_cause(&rig->policy);
	policy_begin_teardown(&rig->policy);
	make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(count(rig, ": lost its parent, terminating it: "), 1);
	assert_int_equal(count(rig, "DINIT_KEEP"), 0);
}

/* It may be that of which the cause speaks: "it left nginx in the background". */
static void test_policy_warning_once_there_is_a_cause_does_not_say_how_to_keep_it(void **state)
{
	struct rig *rig = *state;

	make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_note_cause(&rig->policy);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(count(rig, ": lost its parent, terminating it: "), 1);
	assert_int_equal(count(rig, "DINIT_KEEP"), 0);
}

static void test_policy_many_orphans_of_one_program_get_ten_warnings_and_one_a_minute(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < RATION_WARNINGS + 3; i++)
		make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, RATION_WARNINGS + 3);
	assert_int_equal(count(rig, ": lost its parent, terminating it: "), RATION_WARNINGS);
	pass(rig, KILL_TIMEOUT_MS);
	assert_int_equal(count(rig, ": orphan is still running: killing it"), RATION_WARNINGS);
	pass(rig, RATION_MINUTE_MS - KILL_TIMEOUT_MS);
	assert_int_equal(count(rig, ": 3 more orphans were terminated within a minute\n"), 1);
}

static void test_policy_end_teardown_says_how_many_warnings_were_not_written(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < RATION_WARNINGS + 1; i++)
		make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	pass(rig, POLICY_MATURE_MS);
	policy_begin_teardown(&rig->policy);
	assert_int_equal(count(rig, " more orphan"), 0);
	policy_end_teardown(&rig->policy);
	assert_int_equal(count(rig, ": 1 more orphan was terminated within a minute\n"), 1);
	pass(rig, RATION_MINUTE_MS);
	assert_int_equal(count(rig, " more orphan"), 1);
}

/* ---- adopt ---- */

static pid_t adopt_one(struct rig *rig)
{
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_int_equal(count(rig, ": lost its parent, adopting it: "), 1);
	return pid;
}

static void test_policy_adopt_orphan_is_redirected_and_labelled(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);
	char stage[16];

	assert_int_equal(rig->adoptions, 1);
	assert_int_equal(rig->adopt.pid, pid);
	snprintf(stage, sizeof stage, "%d", pid);
	for (int stream = STDOUT_FILENO; stream <= STDERR_FILENO; stream++) {
		assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, stream, 1234), 0);
		assert_int_equal(rig->added_stream,
				 stream == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR);
		assert_string_equal(rig->added_name, rig->program);
		assert_string_equal(rig->added_stage, stage);
	}
	rig->adopt.hooks->on_trouble(rig->adopt.ctx, pid, "no permission");
	assert_int_equal(count(rig, ": its output cannot be redirected: no permission\n"), 1);
	rig->adopt.hooks->on_trouble(rig->adopt.ctx, 12345, "no permission");
	assert_int_equal(
		count(rig,
		      ": the output of its descendant 12345 cannot be redirected: no permission\n"),
		1);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	pass(rig, 10 * KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 0);
	assert_int_equal(rig->adoptions, 1);
}

static void test_policy_adopted_end_is_told(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);
	char stage[16];

	log_set_level(CONFIG_LOG_INFO);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	end_and_reap(rig, pid, SIGUSR1);
	assert_int_equal(rig->ends, 1);
	assert_int_equal(rig->end_pid, pid);
	assert_int_equal(rig->end_status, SIGUSR1);
	assert_string_equal(rig->end_name, rig->program);
	snprintf(stage, sizeof stage, "%d", pid);
	assert_string_equal(rig->end_stage, stage);
	assert_false(rig->adopt.exited);
	assert_int_equal(count(rig, "filter"), 0);
}

/* The record outlives the process until the redirection is over; the sanitizer sees who is
 * wrong. */
static void test_policy_adopted_end_in_the_middle_of_its_redirection_is_told_to_both(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);

	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(rig->ends, 1);
	assert_true(rig->adopt.exited);
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDOUT_FILENO, 1234), 0);
	assert_int_equal(rig->added, 1);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	pass(rig, POLICY_LOOK_MS);
	policy_begin_teardown(&rig->policy);
	policy_kill(&rig->policy, false);
	assert_int_equal(rig->sent_len, 0);
}

static void test_policy_adopted_end_comes_with_its_last_lines(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);
	const struct lastline *last[LOGMUX_STREAMS];

	for (int stream = STDOUT_FILENO; stream <= STDERR_FILENO; stream++) {
		assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, stream, 1234), 0);
		assert_non_null(rig->added_last);
		last[rig->added_stream] = rig->added_last;
	}
	assert_ptr_equal(last[LOGMUX_STDERR], last[LOGMUX_STDOUT] + 1);
	end_and_reap(rig, pid, SIGUSR1);
	assert_ptr_equal(rig->end_last, last[LOGMUX_STDOUT]);
	assert_ptr_equal(rig->taken_away, last[LOGMUX_STDOUT]);
	assert_int_equal(rig->takings_away, 1);
	/* A descendant's pipe, for which it is too late. */
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDERR_FILENO, 1234), 0);
	assert_null(rig->added_last);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
}

/* The sources outlive the orphan's record, and must not point to it any more. */
static void test_policy_adopted_end_in_the_teardown_takes_its_last_lines_away(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);
	const struct lastline *last;

	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDOUT_FILENO, 1234), 0);
	last = rig->added_last;
	policy_begin_teardown(&rig->policy);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	end_and_reap(rig, pid, SIGTERM);
	assert_int_equal(rig->ends, 0);
	assert_ptr_equal(rig->taken_away, last);
}

static void test_policy_adopt_that_cannot_begin_is_said_and_adopted_all_the_same(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	adopt_fails = true;
	pid = adopt_one(rig);
	assert_int_equal(count(rig, ": its output cannot be redirected: Cannot allocate memory\n"),
			 1);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(rig->ends, 1);
}

static void test_policy_adopt_without_memory_for_its_name_does_without(void **state)
{
	struct rig *rig = *state;
	char warning[100];
	pid_t pid;

	strdup_fails = true;
	pid = adopt_one(rig);
	assert_int_equal(rig->adoptions, 1);
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDOUT_FILENO, 1234), 0);
	assert_string_equal(rig->added_name, "?");
	rig->adopt.hooks->on_trouble(rig->adopt.ctx, pid, "no permission");
	snprintf(warning, sizeof warning, " ?/%d: its output cannot be redirected: no permission\n",
		 pid);
	assert_int_equal(count(rig, warning), 1);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(rig->ends, 1);
	assert_string_equal(rig->end_name, "?");
}

static void make_stop(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
}

/* Once that is over nobody expects one any more, and the process must not stand still for ever. */
static void test_policy_stop_of_an_adopted_goes_to_its_redirection_or_is_let_go(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);
	struct procfs_guard guard;

	rig_need(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0, RIG_WHY_TRACED);
	make_stop(pid);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->adopt.stops, 1);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	make_stop(pid);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(rig->adopt.stops, 1);
	assert_int_equal(procfs_read_guard(&rig->proc, pid, &guard), 0);
	assert_int_equal(guard.tracer, 0);
	assert_int_equal(rig->ends, 0);
}

static void test_policy_adopted_are_terminated_in_the_teardown(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);

	policy_begin_teardown(&rig->policy);
	assert_true(rig->adopt.cancelled);
	assert_int_equal(rig->sent_len, 1);
	assert_sent(rig, 0, pid, SIGTERM);
	assert_int_equal(count(rig, "lost its parent"), 1);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	pass(rig, KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 1, pid, SIGKILL);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(rig->ends, 0);
}

static void test_policy_adopt_in_the_teardown_terminates_newcomers(void **state)
{
	struct rig *rig = *state;
	pid_t young = make_child(rig), later;

	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	policy_begin_teardown(&rig->policy);
	later = make_child(rig);
	pass(rig, POLICY_MATURE_MS);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->adoptions, 0);
	assert_int_equal(rig->sent_len, 2);
	assert_sent(rig, 0, young, SIGTERM);
	assert_sent(rig, 1, later, SIGTERM);
}

/* ---- kill ---- */

static void test_policy_kill_says_whether_there_was_anybody(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	policy_begin_teardown(&rig->policy);
	assert_false(policy_kill(&rig->policy, false));
}

static void test_policy_kill_of_a_young_one_says_so(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	assert_true(policy_kill(&rig->policy, false));
}

static void test_policy_kill_of_one_that_was_told_says_so(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	assert_true(policy_kill(&rig->policy, false));
}

static void test_policy_kill_reaches_young_told_adopted_and_newcomers(void **state)
{
	struct rig *rig = *state;
	pid_t adopted = adopt_one(rig), told, young, later;

	policy_begin_teardown(&rig->policy);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	told = make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 2);
	young = make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	assert_true(policy_kill(&rig->policy, false));
	assert_int_equal(rig->sent_len, 5);
	assert_sent(rig, 2, adopted, SIGKILL);
	assert_sent(rig, 3, told, SIGKILL);
	assert_sent(rig, 4, young, SIGKILL);
	assert_int_equal(count(rig, "is still running: killing it"), 3);
	later = make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, 0);
	assert_int_equal(rig->sent_len, 6);
	assert_sent(rig, 5, later, SIGKILL);
	assert_false(policy_kill(&rig->policy, false));
	pass(rig, 10 * KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 6);
}

static void test_policy_close_forgets_orphans_in_every_state(void **state)
{
	struct rig *rig = *state;
	pid_t pids[4];

	inherits = true;
	pids[0] = make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	pids[1] = make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->adoptions, 1);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	rig->policy.reparenting = CONFIG_REPARENTING_TERMINATE;
	pids[2] = make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_int_equal(rig->sent_len, 1);
	pids[3] = make_child(rig);
	pass(rig, POLICY_LOOK_MS);
	policy_close(&rig->policy);
	rig->open = false;
	for (size_t i = 0; i < 4; i++)
		assert_null(reaper_find(&rig->reaper, pids[i]));
	pass(rig, 2 * KILL_TIMEOUT_MS);
	assert_int_equal(rig->sent_len, 1);
}

/* ---- counts, and what is shown ---- */

static const struct board_entry *entry_at(const struct rig *rig, size_t place)
{
	return (const struct board_entry *)(rig->board.header + 1) + place;
}

static bool is_used(const struct rig *rig, size_t place)
{
	return entry_at(rig, place)->flags & BOARD_FLAG_USED;
}

static void assert_counts(const struct rig *rig, uint64_t terminated, uint64_t adopted,
			  uint64_t killed)
{
	assert_int_equal(rig->policy.counts.terminated, terminated);
	assert_int_equal(rig->policy.counts.adopted, adopted);
	assert_int_equal(rig->policy.counts.killed, killed);
}

static void test_policy_counts_orphans_that_are_terminated_and_killed(void **state)
{
	struct rig *rig = *state;
	pid_t obedient = make_child(rig);

	make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	assert_counts(rig, 0, 0, 0);
	pass(rig, POLICY_MATURE_MS);
	assert_counts(rig, 2, 0, 0);
	end_and_reap(rig, obedient, SIGTERM);
	pass(rig, KILL_TIMEOUT_MS);
	assert_counts(rig, 2, 0, 1);
	pass(rig, 10 * KILL_TIMEOUT_MS);
	assert_counts(rig, 2, 0, 1);
	assert_int_equal(rig->policy.counts.zombies, 0);
}

static void test_policy_counts_nothing_under_ignore(void **state)
{
	struct rig *rig = *state;

	make_child(rig);
	open_policy(rig, CONFIG_REPARENTING_IGNORE);
	pass(rig, POLICY_MATURE_MS);
	pass(rig, 10 * KILL_TIMEOUT_MS);
	assert_counts(rig, 0, 0, 0);
}

static void test_policy_counts_zombies_whatever_the_log_level(void **state)
{
	struct rig *rig = *state;

	open_policy(rig, CONFIG_REPARENTING_TERMINATE);
	log_set_level(CONFIG_LOG_NONE);
	policy_on_unwatched_end(&rig->policy, 4711, 0);
	log_set_level(CONFIG_LOG_INFO);
	policy_on_unwatched_end(&rig->policy, 4712, 0);
	assert_int_equal(rig->policy.counts.zombies, 2);
}

static void test_policy_adopted_is_shown_until_its_end(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);
	const struct tally *tallies;
	char name[64];

	assert_counts(rig, 0, 1, 0);
	assert_true(is_used(rig, 0));
	assert_int_equal(entry_at(rig, 0)->pid, pid);
	snprintf(name, sizeof name, "%.40s/%d", rig->program, pid);
	assert_string_equal((const char *)rig->board.header + entry_at(rig, 0)->name_at, name);
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDOUT_FILENO, 1234), 0);
	tallies = rig->added_tally;
	assert_non_null(tallies);
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDERR_FILENO, 1234), 0);
	assert_ptr_equal(rig->added_tally, tallies + 1);
	end_and_reap(rig, pid, SIGKILL);
	assert_false(is_used(rig, 0));
	assert_ptr_equal(rig->forgotten, tallies);
	/* A descendant's pipe, for which it is too late. */
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDERR_FILENO, 1234), 0);
	assert_null(rig->added_tally);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
}

static void test_policy_adopted_is_shown_while_it_is_terminated_in_the_teardown(void **state)
{
	struct rig *rig = *state;
	pid_t pid = adopt_one(rig);

	policy_begin_teardown(&rig->policy);
	assert_counts(rig, 1, 1, 0);
	assert_true(is_used(rig, 0));
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	end_and_reap(rig, pid, SIGTERM);
	assert_false(is_used(rig, 0));
	assert_int_equal(rig->policy.listing.unlisted, 0);
}

static void test_policy_adopted_without_memory_to_show_it_is_counted_until_its_end(void **state)
{
	struct rig *rig = *state;
	pid_t pid = make_child(rig);

	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	memory_fails = true;
	pass(rig, POLICY_MATURE_MS);
	memory_fails = false;
	assert_counts(rig, 0, 1, 0);
	assert_int_equal(rig->policy.listing.unlisted, 1);
	assert_int_equal(rig->adopt.hooks->on_pipe(rig->adopt.ctx, STDOUT_FILENO, 1234), 0);
	assert_null(rig->added_tally);
	rig->adopt.hooks->on_end(rig->adopt.ctx);
	end_and_reap(rig, pid, SIGKILL);
	assert_int_equal(rig->policy.listing.unlisted, 0);
}

/* One that is terminated is none that was adopted, and frees no place. */
static void test_policy_newcomer_in_the_teardown_frees_no_place(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	open_policy(rig, CONFIG_REPARENTING_ADOPT);
	policy_begin_teardown(&rig->policy);
	pid = make_child(rig);
	pass(rig, POLICY_LOOK_TEARDOWN_MS);
	pass(rig, POLICY_MATURE_MS);
	assert_counts(rig, 1, 0, 0);
	end_and_reap(rig, pid, SIGTERM);
	assert_int_equal(rig->policy.listing.unlisted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_policy_terminate_orphan_is_told_when_mature_and_killed_when_late),
	TEST(test_policy_terminate_orphan_that_obeys_is_not_killed),
	TEST(test_policy_orphan_that_ends_young_is_not_spoken_of),
	TEST(test_policy_child_from_before_that_ended_counts_no_more),
	TEST(test_policy_child_from_before_that_a_look_misses_hides_no_orphan),
	TEST(test_policy_children_from_before_have_one_record_each),
	TEST(test_policy_children_from_before_are_left_alone),
	TEST(test_policy_watched_children_are_no_orphans),
	TEST(test_policy_watched_child_that_is_not_waited_for_counts_for_nothing),
	TEST(test_policy_many_orphans_each_have_their_own_time),
	TEST(test_policy_uninterruptible_orphan_is_given_a_moment),
	TEST(test_policy_uninterruptible_orphan_that_goes_on_is_told_with_its_arguments),
	TEST(test_policy_without_memory_for_an_orphan_finds_it_later),
	TEST(test_policy_without_memory_for_a_child_from_before_takes_it_for_an_orphan),
	TEST(test_policy_on_unwatched_end_tells_the_name_of_the_zombie),
	TEST(test_policy_on_unwatched_end_without_proc_knows_no_name),
	TEST(test_policy_on_unwatched_end_says_nothing_above_info),
	TEST(test_policy_looks_once_a_second_unasked),
	TEST(test_policy_children_changed_looks_at_once_but_not_too_often),
	TEST(test_policy_children_changed_between_two_looks_sees_somebody_until_then),
	TEST(test_policy_teardown_looks_ten_times_a_second),
	TEST(test_policy_ignore_never_signals_and_never_waits),
	TEST(test_policy_without_proc_says_so_once_and_does_nothing),
	TEST(test_policy_without_proc_under_ignore_says_nothing),
	TEST(test_policy_process_that_is_no_child_is_no_orphan),
	TEST(test_policy_kill_kills_new_orphans_without_proc),
	TEST(test_policy_orphan_that_was_told_is_waited_for_without_proc),
	TEST(test_policy_orphan_that_proc_hides_when_it_is_due_is_found_again),
	TEST(test_policy_filter_is_left_alone_until_its_time_is_over),
	TEST(test_policy_filter_that_ends_ends_nothing),
	TEST(test_policy_filter_whose_input_has_ended_is_terminated_in_the_teardown),
	TEST(test_policy_filter_that_comes_later_has_the_time_of_its_input),
	TEST(test_policy_filter_with_input_is_waited_for),
	TEST(test_policy_ignore_filter_whose_input_has_ended_is_waited_for),
	TEST(test_policy_kill_spares_filters_whose_input_has_ended_as_others),
	TEST(test_policy_filter_whose_time_is_over_is_adopted_with_adopt),
	TEST(test_policy_filter_without_a_pipe_for_stdin_is_none),
	TEST(test_policy_filter_into_somebody_elses_pipe_is_none),
	TEST(test_policy_ignore_waits_for_a_filter_only),
	TEST(test_policy_ignore_waits_for_what_a_program_left_behind),
	TEST(test_policy_ignore_does_not_wait_for_what_comes_later),
	TEST(test_policy_ignore_waits_for_what_a_young_one_left_behind),
	TEST(test_policy_ignore_does_not_wait_for_filters_without_end),
	TEST(test_policy_ignore_filter_whose_time_is_over_is_not_waited_for),
	TEST(test_policy_kill_spares_filters_until_it_is_told_otherwise),
	TEST(test_policy_kill_with_ignore_kills_filters),
	TEST(test_policy_kept_orphan_is_left_alone_until_the_teardown),
	TEST(test_policy_kept_orphan_that_ends_ends_nothing),
	TEST(test_policy_keep_of_another_name_keeps_nothing),
	TEST(test_policy_keep_has_no_meaning_for_what_is_found_in_a_teardown),
	TEST(test_policy_first_warning_for_a_program_says_how_to_keep_it),
	TEST(test_policy_first_warning_in_a_teardown_does_not_say_how_to_keep_it),
	TEST(test_policy_warning_once_there_is_a_cause_does_not_say_how_to_keep_it),
	TEST(test_policy_many_orphans_of_one_program_get_ten_warnings_and_one_a_minute),
	TEST(test_policy_end_teardown_says_how_many_warnings_were_not_written),
	TEST(test_policy_orphan_that_runs_may_become_a_filter),
	TEST(test_policy_orphan_that_takes_long_to_end_is_not_spoken_of),
	TEST(test_policy_orphan_that_runs_on_is_terminated),
	TEST(test_policy_orphan_that_has_run_for_long_is_terminated_at_once),
	TEST(test_policy_filter_that_is_none_any_more_is_terminated_in_the_teardown),
	TEST(test_policy_ignore_waits_as_long_as_nothing_is_decided),
	TEST(test_policy_ignore_waits_for_a_filter_for_five_seconds_at_most),
	TEST(test_policy_last_one_that_was_terminated_is_noted),
	TEST(test_policy_last_one_in_no_session_of_a_program_has_0),
	TEST(test_policy_last_one_is_no_filter),
	TEST(test_policy_last_one_is_none_of_the_teardown),
	TEST(test_policy_orphan_without_first_thread_is_terminated_at_once),
	TEST(test_policy_first_warning_for_a_name_with_commas_has_none_in_its_pattern),
	TEST(test_policy_adopt_orphan_is_redirected_and_labelled),
	TEST(test_policy_adopted_end_is_told),
	TEST(test_policy_adopted_end_in_the_middle_of_its_redirection_is_told_to_both),
	TEST(test_policy_adopted_end_comes_with_its_last_lines),
	TEST(test_policy_adopted_end_in_the_teardown_takes_its_last_lines_away),
	TEST(test_policy_adopt_that_cannot_begin_is_said_and_adopted_all_the_same),
	TEST(test_policy_adopt_without_memory_for_its_name_does_without),
	TEST(test_policy_stop_of_an_adopted_goes_to_its_redirection_or_is_let_go),
	TEST(test_policy_adopted_are_terminated_in_the_teardown),
	TEST(test_policy_adopt_in_the_teardown_terminates_newcomers),
	TEST(test_policy_kill_says_whether_there_was_anybody),
	TEST(test_policy_kill_of_a_young_one_says_so),
	TEST(test_policy_kill_of_one_that_was_told_says_so),
	TEST(test_policy_counts_orphans_that_are_terminated_and_killed),
	TEST(test_policy_counts_nothing_under_ignore),
	TEST(test_policy_counts_zombies_whatever_the_log_level),
	TEST(test_policy_adopted_is_shown_until_its_end),
	TEST(test_policy_adopted_is_shown_while_it_is_terminated_in_the_teardown),
	TEST(test_policy_adopted_without_memory_to_show_it_is_counted_until_its_end),
	TEST(test_policy_newcomer_in_the_teardown_frees_no_place),
	TEST(test_policy_kill_reaches_young_told_adopted_and_newcomers),
	TEST(test_policy_close_forgets_orphans_in_every_state),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
