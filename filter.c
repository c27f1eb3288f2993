/* SPDX-License-Identifier: ISC */
/* Owns what makes a process a filter, and since when its input has ended; not what becomes of
 * one. */
#include "filter.h"

#include "fdtable.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* After how many seconds a process has long set up its descriptors. */
#define OLD_S 2

/* Returns whether the file is our own stdin, which a command has: it ends when a user closes it,
 * who may not know that anybody still reads it. */
static bool is_own_stdin(const struct fdtable_file *file)
{
	struct stat own;

	return fstat(STDIN_FILENO, &own) == 0 && own.st_ino == file->inode &&
	       own.st_dev == makedev(file->dev_major, file->dev_minor);
}

/* Returns whether stdin is a pipe that ends when others have closed it. */
static bool has_input(const struct procfs *proc, pid_t pid)
{
	struct fdtable_file file;
	int flags;

	return fdtable_identify(proc, pid, STDIN_FILENO, &file) == 0 && S_ISFIFO(file.mode) &&
	       !is_own_stdin(&file) && fdtable_read_flags(proc, pid, STDIN_FILENO, &flags) == 0 &&
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

/* Returns the inode of the pipe that a process has for stdin, if that has ended and is empty; else,
 * and where the pipe has a name, 0. */
static ino_t find_ended_input(const struct procfs *proc, pid_t pid)
{
	struct pollfd look = { .fd = fdtable_open_pipe(proc, pid, STDIN_FILENO), .events = POLLIN };
	struct stat status = { 0 };

	if (look.fd < 0)
		return 0;
	if (poll(&look, 1, 0) == 1 && look.revents == POLLHUP)
		fstat(look.fd, &status);
	close(look.fd);
	return status.st_ino;
}

uint64_t filter_measure_end(struct filter_inputs *inputs, const struct procfs *proc, pid_t pid,
			    uint64_t now_ms)
{
	struct filter_input *oldest = &inputs->ring[inputs->next % FILTER_INPUTS];
	ino_t inode = find_ended_input(proc, pid);

	if (inode == 0)
		return 0;
	for (size_t i = 0; i < FILTER_INPUTS; i++)
		if (inputs->ring[i].inode == inode)
			return now_ms - inputs->ring[i].ms;
	*oldest = (struct filter_input){ .inode = inode, .ms = now_ms };
	inputs->next++;
	return 0;
}

/* Returns whether a process began so long ago that its descriptors are in place. */
static bool is_old(const struct procfs_stat *stat)
{
	uint64_t ticks_per_second = getauxval(AT_CLKTCK);
	struct sysinfo info;

	return sysinfo(&info) == 0 && (uint64_t)info.uptime * ticks_per_second >
					      stat->start_time + OLD_S * ticks_per_second;
}

enum filter_rest filter_rest(const struct procfs *proc, pid_t pid)
{
	struct procfs_stat stat;

	if (procfs_is_uninterruptible(proc, pid))
		return FILTER_UNSETTLED;
	if (procfs_read_stat(proc, pid, &stat) < 0)
		return FILTER_AT_REST;
	/* Where only its first thread has ended, that is a zombie. */
	if (stat.ending && stat.state != 'Z')
		return FILTER_ENDING;
	return stat.state == 'R' && !is_old(&stat) ? FILTER_UNSETTLED : FILTER_AT_REST;
}
