/* SPDX-License-Identifier: ISC */
/* The open descriptors of another process (/proc/PID/fd): which file each one is, and whether it
 * can be written to. Nothing is kept between two calls, and nothing here waits for a file system: a
 * file of a dead NFS server is known by what the kernel remembers. */
#ifndef DINIT_FDTABLE_H
#define DINIT_FDTABLE_H

#include "procfs.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What identifies a file that is open. */
struct fdtable_file {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	/* The device that a device file stands for, else 0. */
	uint32_t rdev_major, rdev_minor;
	/* The type and the permissions. */
	mode_t mode;
};

/* Returns whether both are the same file. */
bool fdtable_same_file(const struct fdtable_file *a, const struct fdtable_file *b);

/* Returns whether the file is /dev/null or its like (a character device of the memory driver): two
 * processes that have the same one open still share nothing. */
bool fdtable_is_void(const struct fdtable_file *file);

/* Identifies the file behind descriptor fd of process pid. Returns 0, or -1 with errno (ENOENT: not
 * open, or no such process). */
int fdtable_identify(const struct procfs *proc, pid_t pid, int fd, struct fdtable_file *file);

/* Identifies the file behind one of our own descriptors. Returns 0, or -1 with errno. */
int fdtable_identify_own(int fd, struct fdtable_file *file);

/* Calls on_fd for each descriptor of the process, as long as it returns true. Returns 0, or -1
 * with errno (EACCES: we may not trace it, and so not look). */
int fdtable_each(const struct procfs *proc, pid_t pid,
		 bool (*on_fd)(void *ctx, int fd, const struct fdtable_file *file), void *ctx);

/* Reads the flags of fd as of open(2), with O_CLOEXEC where it is close-on-exec. Returns 0, or -1
 * with errno. */
int fdtable_read_flags(const struct procfs *proc, pid_t pid, int fd, int *flags);

/* Returns whether a descriptor with these flags can be written to. */
bool fdtable_is_writable(int flags);

/* Opens the pipe that fd of process pid refers to, for reading and non-blocking, with a file
 * description of our own. Returns the descriptor (O_CLOEXEC), or -1 with errno (EBADF: it is no
 * pipe, or one that has a name). No other file is opened, whatever the process does meanwhile. */
int fdtable_open_pipe(const struct procfs *proc, pid_t pid, int fd);

#endif
