/* SPDX-License-Identifier: ISC */
/* Owns a run of a check: its process, its output, its time; not when it is run, nor what follows
 * from the result (health.h). Invariant: the result of a run is told once, also where its process
 * cannot be killed. */
#include "check.h"

#include "signaller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One read; a turn of the loop takes no more of a check's output. */
#define READ_SIZE 4096
/* At the end of a check its pipe is read out: so many reads take what a pipe holds. */
#define READS_MAX 17
#define PIPE_MODE 0666
/* As lastline.h wants to have it. */
#define BEGUN_SIZE (2 * (size_t)LASTLINE_MAX)

struct check_line {
	char begun[BEGUN_SIZE];
	size_t len;
};

/* ---- its output ---- */

/* Keeps the beginning of the line that the bytes end with. */
static void keep_begun(struct check_line *line, const char *bytes, size_t len)
{
	const char *newline = memrchr(bytes, '\n', len);
	size_t room;

	if (newline) {
		line->len = 0;
		len -= (size_t)(newline + 1 - bytes);
		bytes = newline + 1;
	}
	room = sizeof line->begun - line->len;
	if (len > room)
		len = room;
	memcpy(line->begun + line->len, bytes, len);
	line->len += len;
}

static void close_output(struct check *check)
{
	if (check->fd < 0)
		return;
	loop_unwatch(check->loop, check->fd, &check->io);
	close(check->fd);
	check->fd = -1;
}

/* Reads once. Returns whether there may be more at once. */
static bool read_output(struct check *check)
{
	char bytes[READ_SIZE];
	ssize_t n = read(check->fd, bytes, sizeof bytes);

	if (n > 0) {
		lastline_note(&check->last, check->line->begun, check->line->len, bytes, (size_t)n);
		keep_begun(check->line, bytes, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_output(check);
	return false;
}

static void on_readable(void *ctx)
{
	read_output(ctx);
}

/* Makes the pipe for its output. Returns the write end, or -1 with errno and nothing left open. */
static int open_output(struct check *check)
{
	int pair[2], error;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	check->fd = pair[0];
	/* A check that has become another user may open /dev/stderr, as a service may. */
	fchmod(pair[0], PIPE_MODE);
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 &&
	    loop_watch(check->loop, pair[0], EPOLLIN, &check->io) == 0)
		return pair[1];
	error = errno;
	check->fd = -1;
	close(pair[0]);
	close(pair[1]);
	errno = error;
	return -1;
}

/* ---- its result ---- */

/* Tells the result: how it ended ("" where it succeeded), and what it said last. The process is
 * gone then, unless its time was over. */
static void tell(struct check *check, bool succeeded, const char *how)
{
	char reason[CHECK_REASON_SIZE], last[LASTLINE_MAX + 1] = "";
	bool both;

	if (check->line)
		lastline_end(&check->last, check->line->begun, check->line->len);
	lastline_show(&check->last, last);
	both = *how && *last;
	snprintf(reason, sizeof reason, "%s%s%s", how, both ? ": " : "", last);
	/* That its time was over says more than what it said until then. */
	if (both && !check_is_running(check))
		check->said_at = strnlen(how, sizeof reason - sizeof ": ") + strlen(": ");
	check->pending = false;
	loop_timer_stop(check->loop, &check->timer);
	check->on_result(check->ctx, succeeded, reason);
}

static void kill_process(const struct check *check)
{
	pid_t pid = check->program.watch.pid;

	if (kill(pid, SIGKILL) < 0) {
		char name[CHECK_REASON_SIZE];

		snprintf(name, sizeof name, "%s/check", check->entry->name);
		signaller_send(check->program.all->means.signaller, pid, SIGKILL, name);
	}
	/* It leads a group of its own: what it has started goes with it. */
	kill(-pid, SIGKILL);
}

static void on_timeout(void *ctx)
{
	struct check *check = ctx;
	char how[64];

	/* It has ended in time, which dinit is about to see. */
	if (reaper_is_zombie(check->program.watch.pid))
		return;
	if (!check->extended && loop_now_ms(check->loop) - check->timer.due_ms >= CHECK_LATE_MS) {
		check->extended = true;
		loop_timer_start(check->loop, &check->timer, check->timeout_ms);
		return;
	}
	kill_process(check);
	snprintf(how, sizeof how, "took longer than %g s", (double)check->timeout_ms / 1000);
	tell(check, false, how);
}

static void on_end(void *ctx, const struct reaper_end *end, const char *failure)
{
	struct check *check = ctx;
	char how[PROGRAM_REASON_SIZE + sizeof "cannot be started: "] = "";

	for (unsigned i = 0; check->fd >= 0 && i < READS_MAX && read_output(check); i++)
		;
	close_output(check);
	check->unstarted = failure != NULL;
	if (failure)
		snprintf(how, sizeof how, "cannot be started: %s", failure);
	else if (end->status != 0)
		reaper_describe_status(end->status, how);
	if (check->pending)
		tell(check, !failure && end->status == 0, how);
	free(check->line);
	check->line = NULL;
}

/* ---- what is asked of it ---- */

void check_init(struct check *check, struct loop *loop, struct programs *programs,
		const struct svdir_entry *entry,
		void (*on_result)(void *ctx, bool succeeded, const char *reason), void *ctx)
{
	*check = (struct check){
		.loop = loop,
		.entry = entry,
		.fd = -1,
		.io = { .on_ready = on_readable, .ctx = check },
		.timer = { .on_due = on_timeout, .ctx = check },
		.on_result = on_result,
		.ctx = ctx,
	};
	program_init(&check->program, programs, entry->name, "check", on_end, check);
}

/* Starts the process with its output. Returns 0, or -1 with the reason. */
static int start_process(struct check *check, pid_t run_pid, char reason[PROGRAM_REASON_SIZE])
{
	struct program_spec spec = {
		.path = check->entry->check,
		.dir = check->entry->dir,
		.about_pid = run_pid,
		.unwaited = true,
		.aside = true,
	};
	int fd, result;

	check->line = calloc(1, sizeof *check->line);
	fd = check->line ? open_output(check) : -1;
	if (fd < 0) {
		program_explain_pipe(errno, reason);
		return -1;
	}
	spec.stdout_fd = spec.stderr_fd = fd;
	result = program_start(&check->program, &spec, reason);
	close(fd);
	return result;
}

void check_start(struct check *check, pid_t run_pid, uint64_t timeout_ms)
{
	char reason[PROGRAM_REASON_SIZE], how[PROGRAM_REASON_SIZE + sizeof "cannot be started: "];

	lastline_clear(&check->last);
	check->pending = true;
	check->extended = check->unstarted = false;
	check->said_at = 0;
	check->timeout_ms = timeout_ms;
	if (start_process(check, run_pid, reason) == 0) {
		loop_timer_start(check->loop, &check->timer, timeout_ms);
		return;
	}
	close_output(check);
	free(check->line);
	check->line = NULL;
	check->unstarted = true;
	snprintf(how, sizeof how, "cannot be started: %s", reason);
	tell(check, false, how);
}

bool check_is_running(const struct check *check)
{
	return check->program.state != PROGRAM_IDLE;
}

void check_stop(struct check *check)
{
	loop_timer_stop(check->loop, &check->timer);
	if (check->pending && program_is_running(&check->program))
		kill_process(check);
	check->pending = false;
}

void check_close(struct check *check)
{
	check_stop(check);
	program_abandon(&check->program);
	close_output(check);
	free(check->line);
	check->line = NULL;
	lastline_clear(&check->last);
}
