/* SPDX-License-Identifier: ISC */
/* Owns our own descriptors 1 and 2 and the copies of what they were; not the pipes, once the logmux
 * has them. Invariant: each of the two is either a pipe, with a copy of what it was, or as it was
 * at the start. */
#include "ownfds.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The lowest number of a copy of a standard descriptor: whoever lists ours sees at once which these
 * are. (Shells keep theirs there as well, and leave 3 to 9 to scripts.) */
#define COPY_MIN 10

/* Returns a copy of descriptor fd which the programs that we start do not inherit; or fd itself
 * where it is a terminal, which is to stay, and where no copy can be made, which is said. */
static int copy_own_fd(int fd)
{
	int copy_fd;

	if (isatty(fd))
		return fd;
	copy_fd = fcntl(fd, F_DUPFD_CLOEXEC, COPY_MIN);
	if (copy_fd >= 0)
		return copy_fd;
	log_info("descriptor %d cannot be copied, what other processes write to it is not "
		 "labelled: %s",
		 fd, strerror(errno));
	return fd;
}

/* Puts a pipe in place of fd. Returns the read end, or -1 with errno, and fd is what it was. */
static int put_pipe(int fd)
{
	int ends[2], result;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	result = dup2(ends[1], fd);
	close(ends[1]);
	if (result >= 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

/* Returns whether there is a copy of our own descriptor fd. */
static bool is_copied(const struct ownfds *ownfds, int fd)
{
	return ownfds->output_fds[fd] > STDERR_FILENO;
}

void ownfds_copy(struct ownfds *ownfds, const bool closed[3])
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		ownfds->output_fds[fd] = closed[fd] ? -1 : copy_own_fd(fd);
}

void ownfds_close(const struct ownfds *ownfds)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (is_copied(ownfds, fd))
			close(ownfds->output_fds[fd]);
}

static void read_own_fd(const struct ownfds *ownfds, struct logmux *mux, int fd)
{
	struct logmux_source_spec spec = {
		.service = "container",
		.stage = fd == STDOUT_FILENO ? "1" : "2",
		.stream = fd == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR,
	};

	if (!is_copied(ownfds, fd))
		return;
	spec.fd = put_pipe(fd);
	if (spec.fd >= 0 && logmux_add(mux, &spec) == 0)
		return;
	log_info("descriptor %d stays as it is, what other processes write to it is not labelled: "
		 "%s",
		 fd, strerror(errno));
	if (spec.fd >= 0) {
		dup2(ownfds->output_fds[fd], fd);
		close(spec.fd);
	}
}

void ownfds_read(const struct ownfds *ownfds, struct logmux *mux)
{
	read_own_fd(ownfds, mux, STDOUT_FILENO);
	read_own_fd(ownfds, mux, STDERR_FILENO);
}

void ownfds_restore(const struct ownfds *ownfds)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (is_copied(ownfds, fd))
			dup2(ownfds->output_fds[fd], fd);
}
