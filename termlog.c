/* SPDX-License-Identifier: ISC */
/* Owns the child that writes the cause of the end to a file, and the rules which file that may be;
 * not the cause. Invariant: dinit itself never opens the file, which is never made, cut, or added
 * to, and the child opens no file that it finds not to be regular. */
#include "termlog.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the file is in Kubernetes unless a container says otherwise (terminationMessagePath). */
#define USUAL_PATH "/dev/termination-log"

/* What the child exits with: 0, an errno (all are smaller), or one of these. */
enum outcome {
	OUTCOME_NOT_REGULAR = 200,
	OUTCOME_NOT_EMPTY,
};

/* ---- in the child ---- */

/* Returns 0 where the file may be written, else what the child exits with. */
static int examine(const struct stat *stat)
{
	if (!S_ISREG(stat->st_mode))
		return OUTCOME_NOT_REGULAR;
	return stat->st_size > 0 ? OUTCOME_NOT_EMPTY : 0;
}

/* Writes all of the text. Returns 0, or what the child exits with. */
static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t written = write(fd, text, len);

		if (written >= 0) {
			text += written;
			len -= (size_t)written;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

/* Writes the cause to the file, in the child. Looks at the file before it opens it, because opening
 * a device can start it, and once more afterwards, because it may be another file by then. Does not
 * return. */
static void write_file(const char *path, const char *cause)
{
	struct stat stat;
	int fd, outcome;

	/* A child that hangs must not hold anything of dinit's open. (Linux 5.9 or later.) */
	syscall(SYS_close_range, 0, ~0U, 0);
	if (lstat(path, &stat) < 0)
		_exit(errno);
	outcome = examine(&stat);
	if (outcome != 0)
		_exit(outcome);
	fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0)
		_exit(errno);
	outcome = examine(&stat);
	_exit(outcome != 0 ? outcome : write_all(fd, cause));
}

/* ---- in dinit ---- */

#define NOT_WRITTEN "%s: the cause of the end is not written there: "

static void say_unwritten(const char *path, const char *why)
{
	log_info(NOT_WRITTEN "%s", path, why);
}

static void say_outcome(const char *path, int outcome)
{
	switch (outcome) {
	case 0: log_info("%s: the cause of the end is written there", path); break;
	case OUTCOME_NOT_REGULAR: say_unwritten(path, "it is no regular file"); break;
	case OUTCOME_NOT_EMPTY: say_unwritten(path, "it is not empty"); break;
	default: say_unwritten(path, strerror(outcome)); break;
	}
}

static void on_child_ended(void *ctx, pid_t pid, int status)
{
	struct termlog *termlog = ctx;
	char how[REAPER_STATUS_SIZE];

	(void)pid;
	loop_timer_stop(termlog->loop, &termlog->timer);
	if (termlog->abandoned)
		return;
	if (WIFEXITED(status)) {
		say_outcome(termlog->path, WEXITSTATUS(status));
		return;
	}
	reaper_describe_status(status, how);
	log_info(NOT_WRITTEN "the process that writes it %s", termlog->path, how);
}

static void on_wait_over(void *ctx)
{
	struct termlog *termlog = ctx;

	termlog->abandoned = true;
	say_unwritten(termlog->path, "it takes too long, and dinit does not wait for it");
	kill(termlog->watch.pid, SIGKILL);
}

void termlog_open(struct termlog *termlog, struct loop *loop, struct reaper *reaper,
		  const char *path)
{
	struct stat stat;

	*termlog = (struct termlog){
		.loop = loop,
		.reaper = reaper,
		.path = path,
		.watch = { .on_exit = on_child_ended, .ctx = termlog, .unwaited = true },
		.timer = { .on_due = on_wait_over, .ctx = termlog },
	};
	if (lstat(path, &stat) == 0)
		return;
	if (errno != ENOENT || strcmp(path, USUAL_PATH) != 0)
		say_unwritten(path, strerror(errno));
	termlog->done = true;
}

void termlog_write(struct termlog *termlog, const char *cause)
{
	pid_t pid;

	if (termlog->done)
		return;
	termlog->done = true;
	pid = fork();
	if (pid == 0)
		write_file(termlog->path, cause);
	if (pid < 0)
		say_unwritten(termlog->path, strerror(errno));
	else
		reaper_watch(termlog->reaper, &termlog->watch, pid);
}

bool termlog_is_busy(struct termlog *termlog)
{
	if (termlog->watch.pid == 0 || termlog->abandoned)
		return false;
	if (!termlog->timer.running)
		loop_timer_start(termlog->loop, &termlog->timer, TERMLOG_WAIT_MS);
	return true;
}
