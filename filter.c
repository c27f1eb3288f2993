/* SPDX-License-Identifier: ISC */
/* Owns what makes a process a filter; not what becomes of one. */
#include "filter.h"

#include "fdtable.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Returns whether stdin is a pipe that ends when others have closed it. */
static bool has_input(const struct procfs *proc, pid_t pid)
{
	struct fdtable_file file;
	int flags;

	return fdtable_identify(proc, pid, STDIN_FILENO, &file) == 0 && S_ISFIFO(file.mode) &&
	       fdtable_read_flags(proc, pid, STDIN_FILENO, &flags) == 0 &&
	       !fdtable_is_writable(flags);
}

static bool is_ours(const struct procfs *proc, const struct logmux *mux, pid_t pid, int fd)
{
	struct fdtable_file file;

	return fdtable_identify(proc, pid, fd, &file) == 0 &&
	       logmux_reads(mux, makedev(file.dev_major, file.dev_minor), file.inode);
}

bool filter_is(const struct procfs *proc, const struct logmux *mux, pid_t pid)
{
	return (is_ours(proc, mux, pid, STDOUT_FILENO) || is_ours(proc, mux, pid, STDERR_FILENO)) &&
	       has_input(proc, pid);
}
