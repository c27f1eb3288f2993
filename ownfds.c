/* SPDX-License-Identifier: ISC */
/* Owns our own descriptors 1 and 2 and the copies of what they were; not the pipes, once the logmux
 * has them. Invariant: each of the two is either a pipe, with a copy of what it was, or as it was
 * at the start. */
#include "ownfds.h"

#include "log.h"
#include "process.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Returns whether there is a copy of our own descriptor fd. */
static bool is_copied(const struct ownfds *ownfds, int fd)
{
	return ownfds->output_fds[fd] > STDERR_FILENO;
}

void ownfds_copy(struct ownfds *ownfds, const bool closed[3])
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		ownfds->output_fds[fd] = closed[fd] ? -1 : process_copy_standard_fd(fd);
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
	spec.fd = process_replace_standard_fd(fd);
	if (spec.fd >= 0 && logmux_add(mux, &spec) == 0)
		return;
	log_info("descriptor %d stays as it is, what other processes write to it is not labelled: "
		 "%s",
		 fd, strerror(errno));
	if (spec.fd >= 0) {
		process_restore_standard_fd(fd, ownfds->output_fds[fd]);
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
			process_restore_standard_fd(fd, ownfds->output_fds[fd]);
}
