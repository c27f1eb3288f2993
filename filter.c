/* SPDX-License-Identifier: ISC */
/* Owns what makes a process a filter; not what becomes of one. */
#include "filter.h"

#include "fdtable.h"

#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* After how many seconds a process has long put its descriptors in place. */
#define OLD_S 2

/* The stdin of a process. */
struct input {
	const struct procfs *proc;
	pid_t pid;
	struct fdtable_file file;
	/* The process can write to it as well. */
	bool held;
};

static bool on_fd(void *ctx, int fd, const struct fdtable_file *file)
{
	struct input *input = ctx;
	int flags;

	input->held = fdtable_same_file(file, &input->file) &&
		      fdtable_read_flags(input->proc, input->pid, fd, &flags) == 0 &&
		      fdtable_is_writable(flags);
	return !input->held;
}

/* Returns whether stdin is a pipe, and one that ends when others have closed it: a process that
 * holds the other end itself ("read line <>fifo") waits for ever. */
static bool has_input(const struct procfs *proc, pid_t pid)
{
	struct input input = { .proc = proc, .pid = pid };

	if (fdtable_identify(proc, pid, STDIN_FILENO, &input.file) < 0 ||
	    !S_ISFIFO(input.file.mode))
		return false;
	fdtable_each(proc, pid, on_fd, &input);
	return !input.held;
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

bool filter_may_become(const struct procfs *proc, pid_t pid)
{
	struct procfs_stat stat;
	struct sysinfo info;

	if (procfs_read_stat(proc, pid, &stat) < 0 || stat.state != 'R' || sysinfo(&info) < 0)
		return false;
	return (uint64_t)info.uptime <= stat.start_time / (uint64_t)sysconf(_SC_CLK_TCK) + OLD_S;
}
