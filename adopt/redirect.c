/* SPDX-License-Identifier: ISC */
/* Owns the borrowed thread of one process and the order of the calls it makes; not which
 * descriptors are moved. Invariant: whatever the process was made to map or open for this, it
 * unmaps and closes again before it is let go, but for the descriptors that were moved. */
#include "redirect.h"

#include "obstacle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How much memory is mapped in the process; the kernel rounds it up to its page. */
#define SCRATCH_SIZE 4096

/* How long a thread may take to stop before a warning. Mostly it stops within microseconds, and
 * reads from a disk are over in a moment; one that needs longer is frozen, or waits for a dead
 * server or for its vfork child, which may last. */
#define STALL_MS 2000
/* How often, PAUSE_MIN_MS apart, the kernel may refuse before that is taken for final: a process
 * within execve is refused as a forbidden one is, but not for so long. */
#define REFUSALS_MAX 50
/* How often it may refuse at least, however final it looks: it refuses a process that is about to
 * end as well. */
#define REFUSALS_MIN 5
/* How often in a row it is tried to seize a thread. */
#define SEIZE_TRIES 3
/* The pauses between two looks at a thread that no stop announces: each is twice as long as the one
 * before. */
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 2000

static void set_redirect_timer(struct redirect *redirect, uint64_t delay_ms)
{
	redirect->pause_ms = delay_ms;
	loop_timer_start(redirect->group->loop, &redirect->timer, delay_ms);
}

static __attribute__((format(printf, 2, 3))) void tell_trouble(struct redirect *redirect,
							       const char *format, ...)
{
	char text[OBSTACLE_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!redirect->cancelled)
		redirect->group->on_trouble(redirect->group->ctx, redirect, text);
}

/* Marks the redirection as failed, and tells why if it has not failed before: later failures follow
 * from the first. */
#define FAIL(redirect, ...) \
	do { \
		if (!(redirect)->failed) \
			tell_trouble(redirect, __VA_ARGS__); \
		(redirect)->failed = true; \
	} while (0)

static void unwatch_threads(struct redirect *redirect)
{
	reaper_unwatch(redirect->group->reaper, &redirect->thread_watch);
	reaper_unwatch(redirect->group->reaper, &redirect->process_watch);
}

/* Ends the redirection: on_end is called from the loop. */
static void end_redirect(struct redirect *redirect)
{
	unwatch_threads(redirect);
	redirect->state = REDIRECT_ENDED;
	set_redirect_timer(redirect, 0);
}

/* Tries again later, as the thread is not traced any more and the work is not done. */
static void retry_later(struct redirect *redirect)
{
	unwatch_threads(redirect);
	if (redirect->cancelled) {
		end_redirect(redirect);
		return;
	}
	redirect->state = REDIRECT_WAITING;
	set_redirect_timer(redirect, PAUSE_MIN_MS);
}

/* Returns whether the pid is still that of the process that was to be redirected: the pid of a
 * process that is not our child may have been given to another one, which started later. */
static bool is_same_process(const struct redirect *redirect)
{
	struct procfs_stat stat;

	return procfs_read_stat(redirect->group->proc, redirect->pid, &stat) == 0 &&
	       stat.start_time == redirect->start_time;
}

static void watch_thread(struct redirect *redirect, pid_t tid)
{
	struct reaper *reaper = redirect->group->reaper;

	if (tid != redirect->group->watched_pid)
		reaper_watch(reaper, &redirect->thread_watch, tid);
	/* A thread that calls execve becomes its process's first. */
	if (tid != redirect->pid && redirect->pid != redirect->group->watched_pid)
		reaper_watch(reaper, &redirect->process_watch, redirect->pid);
}

static void fail_for_good(struct redirect *redirect, const char *why)
{
	FAIL(redirect, "%s", why);
	end_redirect(redirect);
}

/* Takes note of a refusal. Returns whether it may be for a moment only: EPERM is said of a process
 * within execve as well, and of one that is about to end, which cannot be looked at either. */
static bool may_be_passing(struct redirect *redirect, pid_t tid)
{
	redirect->refusals++;
	if (redirect->refusals < REFUSALS_MIN)
		return true;
	return redirect->refusals < REFUSALS_MAX &&
	       !obstacle_is_forbidden(redirect->group->proc, tid);
}

static void on_seize_refused(struct redirect *redirect, pid_t tid, int error)
{
	const struct procfs *proc = redirect->group->proc;
	char why[OBSTACLE_TEXT_SIZE];

	if (error == ESRCH || (error == EPERM && may_be_passing(redirect, tid))) {
		retry_later(redirect);
		return;
	}
	obstacle_describe_error(proc, redirect->pid, error, why);
	fail_for_good(redirect, why);
}

/* Seizes the thread. Within an execve the kernel makes us wait for its end, only to refuse a thread
 * that is no more: then is the best time to ask again. Returns 0, or -1 with errno. */
static int seize_thread(struct redirect *redirect, pid_t tid)
{
	int result = -1;

	for (int i = 0; i < SEIZE_TRIES && result < 0 && (i == 0 || errno == EPERM); i++)
		result = tracee_seize(&redirect->tracee, redirect->group->proc, tid);
	return result;
}

static void wait_longer(struct redirect *redirect)
{
	uint64_t pause_ms =
		redirect->pause_ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : redirect->pause_ms * 2;

	if (!redirect->delay_told &&
	    loop_now_ms(redirect->group->loop) - redirect->heard_ms >= STALL_MS) {
		redirect->delay_told = true;
		tell_trouble(
			redirect,
			"it does not stop yet (see the states in /proc/%d/task/*/stat); it will be "
			"redirected when it does",
			(int)redirect->pid);
	}
	set_redirect_timer(redirect, pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms);
}

/* Returns whether another redirection works on that process or thread already. */
static bool is_taken(const struct redirect *redirect, pid_t pid)
{
	return pid != redirect->group->watched_pid && reaper_find(redirect->group->reaper, pid);
}

static void trace_thread(struct redirect *redirect, pid_t tid)
{
	if (procfs_forbids_tracing(redirect->group->proc, tid)) {
		on_seize_refused(redirect, tid, EPERM);
		return;
	}
	if (seize_thread(redirect, tid) < 0) {
		on_seize_refused(redirect, tid, errno);
		return;
	}
	watch_thread(redirect, tid);
	/* From here on the thread cannot be replaced by another of its number: we would have to
	 * reap it first. */
	if (!is_same_process(redirect))
		tracee_release(&redirect->tracee);
	redirect->state = REDIRECT_TRACED;
	set_redirect_timer(redirect, PAUSE_MIN_MS);
}

static void try_to_trace(struct redirect *redirect)
{
	char why[OBSTACLE_TEXT_SIZE];
	pid_t tid;
	enum obstacle obstacle = obstacle_find(redirect->group->proc, redirect->pid, &tid, why);

	switch (obstacle) {
	case OBSTACLE_GONE: end_redirect(redirect); break;
	case OBSTACLE_CHANGING:
		if (++redirect->refusals < REFUSALS_MAX)
			retry_later(redirect);
		else
			end_redirect(redirect);
		break;
	case OBSTACLE_BUSY: wait_longer(redirect); break;
	case OBSTACLE_LASTING:
	case OBSTACLE_NONE:
		if (is_taken(redirect, tid) || is_taken(redirect, redirect->pid))
			end_redirect(redirect);
		else if (obstacle == OBSTACLE_LASTING)
			fail_for_good(redirect, why);
		else
			trace_thread(redirect, tid);
		break;
	}
}

/* Returns whether the traced thread has gone, of which nothing may tell: an execve by another
 * thread takes it away, and the end of a first thread is not reported until the others of its
 * process end too. A thread that cannot be looked at for lack of descriptors is still there. */
static bool has_gone(const struct redirect *redirect, struct procfs_stat *stat)
{
	const struct procfs *proc = redirect->group->proc;
	struct procfs_guard guard;

	*stat = (struct procfs_stat){ .state = '?' };
	if (procfs_read_guard(proc, redirect->tracee.tid, &guard) < 0 ||
	    procfs_read_stat(proc, redirect->tracee.tid, stat) < 0)
		return errno == ENOENT;
	return guard.tracer != getpid() || stat->state == 'Z' || stat->state == 'X';
}

/* Looks at the thread, as nothing was heard of it for a while. */
static void check_traced(struct redirect *redirect)
{
	struct procfs_stat stat;

	if (has_gone(redirect, &stat)) {
		tracee_forget(&redirect->tracee);
		retry_later(redirect);
		return;
	}
	/* A descendant that became an orphan, and whose stop is still to come: as long as it is
	 * watched here, policy takes it for a process that is no orphan. The reaper lets go of a
	 * tracee that nobody watches. */
	if (redirect->cancelled && redirect->tracee.state == TRACEE_STATE_STOPPING &&
	    stat.parent == getpid() && redirect->pid != redirect->group->watched_pid) {
		end_redirect(redirect);
		return;
	}
	wait_longer(redirect);
}

static void on_redirect_due(void *ctx)
{
	struct redirect *redirect = ctx;

	switch (redirect->state) {
	case REDIRECT_WAITING: try_to_trace(redirect); break;
	case REDIRECT_TRACED:
	case REDIRECT_LOST: check_traced(redirect); break;
	case REDIRECT_ENDED: redirect->group->on_end(redirect->group->ctx, redirect); break;
	}
}

static void lose_tracee(struct redirect *redirect)
{
	redirect->state = REDIRECT_LOST;
	set_redirect_timer(redirect, PAUSE_MIN_MS);
}

static void release_tracee(struct redirect *redirect)
{
	switch (tracee_release(&redirect->tracee)) {
	case TRACEE_NEWS_RELEASED: end_redirect(redirect); break;
	case TRACEE_NEWS_LOST: lose_tracee(redirect); break;
	case TRACEE_NEWS_PENDING:
	case TRACEE_NEWS_HELD:
	case TRACEE_NEWS_RETURNED:
	case TRACEE_NEWS_REFUSED: break;
	}
}

static void start_call(struct redirect *redirect, enum redirect_step step, long number,
		       const uint64_t args[6])
{
	redirect->step = step;
	if (tracee_call(&redirect->tracee, number, args) < 0)
		lose_tracee(redirect);
}

static void call_close(struct redirect *redirect, enum redirect_step step, int fd)
{
	start_call(redirect, step, SYS_close, (uint64_t[6]){ (uint64_t)fd });
}

static void call_map(struct redirect *redirect)
{
	start_call(redirect, REDIRECT_MAP, SYS_mmap,
		   (uint64_t[6]){ 0, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0 });
}

static void call_unmap(struct redirect *redirect)
{
	start_call(redirect, REDIRECT_UNMAP, SYS_munmap,
		   (uint64_t[6]){ redirect->scratch, SCRATCH_SIZE });
}

/* Returns the next of the stream's moves from here on, or move_count where there is none. */
static size_t next_move(const struct redirect *redirect, size_t move)
{
	while (move < redirect->move_count && redirect->moves[move].stream != redirect->stream)
		move++;
	return move;
}

/* Has a pipe made for the next stream that something is to be moved to; where there is none, has
 * the memory unmapped. */
static void begin_stream(struct redirect *redirect)
{
	while (++redirect->stream <= STDERR_FILENO && !redirect->cancelled) {
		size_t first = next_move(redirect, 0);

		if (first == redirect->move_count)
			continue;
		redirect->move = first;
		/* Non-blocking where the old file was: a program expects EAGAIN of it, or never
		 * to see it. */
		start_call(redirect, REDIRECT_PIPE, SYS_pipe2,
			   (uint64_t[6]){ redirect->scratch,
					  (uint64_t)(O_CLOEXEC | (redirect->moves[first].flags &
								  O_NONBLOCK)) });
		return;
	}
	call_unmap(redirect);
}

/* Returns whether the descriptor still refers to the file that it was chosen for: other threads run
 * on, and may have put another file in its place. */
static bool is_still_there(const struct redirect *redirect, const struct redirect_move *move)
{
	struct fdtable_file file;

	return fdtable_identify(redirect->group->proc, redirect->tracee.tid, move->fd, &file) ==
		       0 &&
	       fdtable_same_file(&file, &move->file);
}

static void move_next_fd(struct redirect *redirect)
{
	while ((redirect->move = next_move(redirect, redirect->move)) < redirect->move_count) {
		const struct redirect_move *move = &redirect->moves[redirect->move++];

		if (!is_still_there(redirect, move))
			continue;
		start_call(redirect, REDIRECT_DUP, SYS_dup3,
			   (uint64_t[6]){ (uint64_t)redirect->pipe[1], (uint64_t)move->fd,
					  (uint64_t)(move->flags & O_CLOEXEC) });
		return;
	}
	call_close(redirect, REDIRECT_CLOSE_WRITE, redirect->pipe[1]);
}

/* Opens the read end of the pipe that was made and hands it on. It has a file description of its
 * own, which is non-blocking for us only, and outlives that of the process. Other threads run on,
 * and may have put another file in its place, or another number into the memory: any pipe will do,
 * and nothing else. Returns 0, or -1 with errno. */
static int take_read_end(struct redirect *redirect)
{
	int fd = fdtable_open_pipe(redirect->group->proc, redirect->tracee.tid, redirect->pipe[0]);

	if (fd < 0)
		return -1;
	if (redirect->group->on_pipe(redirect->group->ctx, redirect, redirect->stream, fd) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return 0;
}

static void on_pipe_made(struct redirect *redirect)
{
	uint64_t both;

	/* The memory was mapped a moment ago: only the death of the process can be in the way. */
	if (tracee_peek(&redirect->tracee, redirect->scratch, &both) < 0) {
		lose_tracee(redirect);
		return;
	}
	memcpy(redirect->pipe, &both, sizeof redirect->pipe);
	if (take_read_end(redirect) < 0) {
		/* Where the process has gone there is nothing to tell. */
		if (errno != ENOENT)
			FAIL(redirect, "the pipe made in it cannot be opened (%s)",
			     strerror(errno));
		call_close(redirect, REDIRECT_CLOSE_WRITE, redirect->pipe[1]);
		return;
	}
	move_next_fd(redirect);
}

static void on_call_returned(struct redirect *redirect)
{
	long result = redirect->tracee.result;
	int error = result < 0 && result >= -4095 ? (int)-result : 0;

	switch (redirect->step) {
	case REDIRECT_MAP:
		if (error) {
			FAIL(redirect, "it cannot map memory (%s)", strerror(error));
			release_tracee(redirect);
			break;
		}
		redirect->scratch = (uint64_t)result;
		begin_stream(redirect);
		break;
	case REDIRECT_PIPE:
		if (error) {
			FAIL(redirect, "it cannot make a pipe (%s)", strerror(error));
			call_unmap(redirect);
			break;
		}
		on_pipe_made(redirect);
		break;
	case REDIRECT_DUP:
		if (error)
			FAIL(redirect, "its descriptor %d cannot be replaced (%s)",
			     redirect->moves[redirect->move - 1].fd, strerror(error));
		move_next_fd(redirect);
		break;
	case REDIRECT_CLOSE_WRITE:
		call_close(redirect, REDIRECT_CLOSE_READ, redirect->pipe[0]);
		break;
	case REDIRECT_CLOSE_READ: begin_stream(redirect); break;
	case REDIRECT_UNMAP: release_tracee(redirect); break;
	}
}

static void on_tracee_held(struct redirect *redirect)
{
	redirect->move_count = 0;
	redirect->stream = 0;
	if (!redirect->cancelled)
		redirect->group->on_plan(redirect->group->ctx, redirect);
	if (redirect->move_count > 0)
		call_map(redirect);
	else
		release_tracee(redirect);
}

static void on_tracee_refused(struct redirect *redirect)
{
	if (errno == EAGAIN) {
		retry_later(redirect);
		return;
	}
	if (errno == ENOEXEC)
		FAIL(redirect, "it is a program of another architecture than dinit");
	else if (errno == ENOSYS)
		FAIL(redirect, "no system call instruction was found in it");
	else if (errno == EPERM)
		FAIL(redirect, "it intercepts its own system calls (PR_SET_SYSCALL_USER_DISPATCH)");
	else
		FAIL(redirect, "its registers cannot be read (%s)", strerror(errno));
	end_redirect(redirect);
}

void redirect_on_exit(struct redirect *redirect)
{
	if (redirect->state == REDIRECT_ENDED)
		return;
	tracee_forget(&redirect->tracee);
	end_redirect(redirect);
}

static void on_thread_exit(void *ctx, pid_t tid, int status)
{
	struct redirect *redirect = ctx;

	(void)status;
	if (tid == redirect->pid) {
		redirect_on_exit(redirect);
	} else if (redirect->state != REDIRECT_ENDED) {
		/* Another thread of the process will do. */
		tracee_forget(&redirect->tracee);
		retry_later(redirect);
	}
}

void redirect_on_stop(struct redirect *redirect, pid_t tid, int status)
{
	if (redirect->state != REDIRECT_TRACED) {
		reaper_let_go(tid, status);
		return;
	}
	redirect->tracee.tid = tid;
	redirect->heard_ms = loop_now_ms(redirect->group->loop);
	switch (tracee_on_stop(&redirect->tracee, status)) {
	case TRACEE_NEWS_PENDING: break;
	case TRACEE_NEWS_HELD: on_tracee_held(redirect); break;
	case TRACEE_NEWS_RETURNED: on_call_returned(redirect); break;
	case TRACEE_NEWS_RELEASED: end_redirect(redirect); break;
	case TRACEE_NEWS_REFUSED: on_tracee_refused(redirect); break;
	case TRACEE_NEWS_LOST: lose_tracee(redirect); break;
	}
}

static void on_thread_stop(void *ctx, pid_t tid, int status)
{
	redirect_on_stop(ctx, tid, status);
}

void redirect_begin(struct redirect *redirect, const struct redirect_group *group, pid_t pid)
{
	struct procfs_stat stat = { 0 };
	struct reaper_watch unused = { .on_exit = on_thread_exit,
				       .on_stop = on_thread_stop,
				       .ctx = redirect };

	memset(redirect, 0, sizeof *redirect);
	redirect->group = group;
	redirect->pid = pid;
	redirect->thread_watch = unused;
	redirect->process_watch = unused;
	redirect->timer = (struct loop_timer){ .on_due = on_redirect_due, .ctx = redirect };
	/* Where this fails the process has gone, which the first attempt finds. */
	procfs_read_stat(group->proc, pid, &stat);
	redirect->start_time = stat.start_time;
	redirect->heard_ms = loop_now_ms(group->loop);
	redirect->state = REDIRECT_WAITING;
	set_redirect_timer(redirect, 0);
}

bool redirect_is_over(const struct redirect *redirect)
{
	return redirect->state == REDIRECT_ENDED && !redirect->timer.running;
}

void redirect_add_move(struct redirect *redirect, const struct redirect_move *move)
{
	if (redirect->move_count < REDIRECT_MOVES_MAX)
		redirect->moves[redirect->move_count++] = *move;
	else
		FAIL(redirect, "it has more than %d copies of its stdout and stderr open",
		     REDIRECT_MOVES_MAX);
}

void redirect_cancel(struct redirect *redirect)
{
	redirect->cancelled = true;
	switch (redirect->state) {
	case REDIRECT_WAITING: end_redirect(redirect); break;
	case REDIRECT_TRACED:
		/* Before its first stop nothing has been done to the thread; later it stands still
		 * only within a callback, and so runs its calls to the end. */
		if (redirect->tracee.state == TRACEE_STATE_STOPPING)
			release_tracee(redirect);
		break;
	case REDIRECT_LOST:
	case REDIRECT_ENDED: break;
	}
}
