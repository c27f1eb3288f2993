/* SPDX-License-Identifier: ISC */
/* Owns how the streams of run and its logging program hang together; not what happens to the two
 * afterwards. Invariant: the read end that the logging program gets blocks, as the stdin of a
 * program has to, and what is read from the one that is held never does. */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Opens the read end of a pipe once more: O_NONBLOCK belongs to the open file description
 * (open(2)), and the first one is the stdin of a logging program, which must block. Without /proc
 * both share that one. Returns the descriptor, or -1 with errno. */
static int open_read_end(int fd)
{
	char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
	int own_fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	own_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return own_fd >= 0 ? own_fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Gives the logmux a read end of our own, held as long as the logging program reads. Returns 0, or
 * -1 with errno. */
static int hold_stdout(const struct start *start, int fd)
{
	struct logmux_source_spec spec = {
		.fd = open_read_end(fd),
		.service = start->entry->name,
		.stage = "run",
		.stream = LOGMUX_STDOUT,
		.held = true,
		.handle = start->unlogged,
		.last = &start->run->last[LOGMUX_STDOUT],
		.tally = &start->run->tallies[LOGMUX_STDOUT],
	};
	int error;

	if (spec.fd < 0)
		return -1;
	if (logmux_add(start->run->all->means.mux, &spec) == 0)
		return 0;
	error = errno;
	close(spec.fd);
	errno = error;
	return -1;
}

static int start_logging(const struct start *start, int stdin_fd, char reason[PROGRAM_REASON_SIZE])
{
	struct program_spec spec = {
		.path = start->entry->log_run,
		.dir = start->entry->log_dir,
		.stdin_fd = stdin_fd,
		.out_stage = "run",
		.out = start->logged,
		.keeps_last = true,
	};

	return program_start(start->log, &spec, reason);
}

/* Starts run. stdout_fd is 0 where its lines come to the logmux directly. */
static int start_run(const struct start *start, int stdout_fd, char reason[PROGRAM_REASON_SIZE])
{
	struct program_spec spec = {
		.path = start->entry->run,
		.dir = start->entry->dir,
		.stdout_fd = stdout_fd,
		.extra_fd = start->notify_fd,
		.extra_number = start->notify_fd ? start->entry->notification_fd : 0,
		.out_stage = "run",
		.keeps_last = true,
	};

	return program_start(start->run, &spec, reason);
}

static int start_logged(const struct start *start, const struct program **failed,
			char reason[PROGRAM_REASON_SIZE])
{
	int pair[2], result = -1;

	if (pipe2(pair, O_CLOEXEC) < 0) {
		program_explain_pipe(errno, reason);
		return -1;
	}
	if (hold_stdout(start, pair[0]) < 0) {
		program_explain_pipe(errno, reason);
		goto close_pair;
	}
	if (start_logging(start, pair[0], reason) < 0) {
		*failed = start->log;
		goto close_pair;
	}
	result = start_run(start, pair[1], reason);

close_pair:
	close(pair[0]);
	close(pair[1]);
	return result;
}

int start_service(const struct start *start, const struct program **failed,
		  char reason[PROGRAM_REASON_SIZE])
{
	*failed = start->run;
	return start->log ? start_logged(start, failed, reason) : start_run(start, 0, reason);
}
