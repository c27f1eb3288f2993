/* SPDX-License-Identifier: ISC */
/* Owns the reading of other processes' descriptor tables; not what is done to them. Invariant: no
 * file that another process has open is touched; the kernel is only asked for what it has in
 * memory of it. */
#include "fdtable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Room for the first two lines of fdinfo, which are the position and the flags. */
#define INFO_SIZE 256
/* The driver of /dev/null, zero, full and random. */
#define MEMORY_MAJOR 1
/* What the kernel has a link for a pipe without a name begin with, where those for all that has a
 * name begin with a slash. */
#define PIPE_LINK "pipe:["
/* The kernel's AT_STATX_DONT_SYNC. */
#define DONT_SYNC 0x4000
/* The kernel's STATX_BASIC_STATS. */
#define BASIC_STATS 0x7ff

/* The kernel's struct statx (statx(2)): musl had none before 1.2.5. */
struct kernel_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, unused;
	uint64_t inode, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec;
		int32_t unused;
	} times[4];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};

bool fdtable_same_file(const struct fdtable_file *a, const struct fdtable_file *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major &&
	       a->dev_minor == b->dev_minor && a->rdev_major == b->rdev_major &&
	       a->rdev_minor == b->rdev_minor;
}

bool fdtable_is_void(const struct fdtable_file *file)
{
	return S_ISCHR(file->mode) && file->rdev_major == MEMORY_MAJOR;
}

/* Identifies a file by statx(2), which can be told not to ask the server of a network file system,
 * who may never answer. A kernel (before 4.11) or a system call filter without statx leaves
 * stat(2). Returns 0, or -1 with errno. */
static int identify_at(int dir_fd, const char *name, int at_flags, struct fdtable_file *file)
{
	struct kernel_statx found;
	struct stat old;

	if (syscall(SYS_statx, dir_fd, name, at_flags | DONT_SYNC, BASIC_STATS, &found) == 0) {
		*file = (struct fdtable_file){ .inode = found.inode,
					       .mode = found.mode,
					       .dev_major = found.dev_major,
					       .dev_minor = found.dev_minor,
					       .rdev_major = found.rdev_major,
					       .rdev_minor = found.rdev_minor };
		return 0;
	}
	if (errno != ENOSYS && errno != EPERM)
		return -1;
	if (fstatat(dir_fd, name, &old, at_flags) < 0)
		return -1;
	*file = (struct fdtable_file){ .inode = old.st_ino,
				       .mode = old.st_mode,
				       .dev_major = major(old.st_dev),
				       .dev_minor = minor(old.st_dev),
				       .rdev_major = major(old.st_rdev),
				       .rdev_minor = minor(old.st_rdev) };
	return 0;
}

int fdtable_identify(const struct procfs *proc, pid_t pid, int fd, struct fdtable_file *file)
{
	char path[PROCFS_PATH_SIZE];

	if (procfs_format_path(proc, pid, path, "fd/%d", fd) < 0)
		return -1;
	return identify_at(AT_FDCWD, path, 0, file);
}

int fdtable_identify_own(int fd, struct fdtable_file *file)
{
	return identify_at(fd, "", AT_EMPTY_PATH, file);
}

int fdtable_each(const struct procfs *proc, pid_t pid,
		 bool (*on_fd)(void *ctx, int fd, const struct fdtable_file *file), void *ctx)
{
	char path[PROCFS_PATH_SIZE];
	const struct dirent *entry;
	bool wanted = true;
	DIR *table;
	int error;

	if (procfs_format_path(proc, pid, path, "fd") < 0)
		return -1;
	table = opendir(path);
	if (!table)
		return -1;
	while (wanted && (errno = 0, entry = readdir(table))) {
		struct fdtable_file file;
		/* (There are "." and ".." too.) */
		int fd = procfs_parse_number(entry->d_name);

		if (fd < 0)
			continue;
		if (identify_at(dirfd(table), entry->d_name, 0, &file) == 0)
			wanted = on_fd(ctx, fd, &file);
		else if (errno == EACCES)
			break;
	}
	error = wanted ? errno : 0;
	closedir(table);
	errno = error;
	return error ? -1 : 0;
}

int fdtable_read_flags(const struct procfs *proc, pid_t pid, int fd, int *flags)
{
	char path[PROCFS_PATH_SIZE], info[INFO_SIZE];
	const char *at;
	ssize_t len;
	int info_fd, error;
	unsigned octal = 0;

	if (procfs_format_path(proc, pid, path, "fdinfo/%d", fd) < 0)
		return -1;
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (info_fd < 0)
		return -1;
	len = read(info_fd, info, sizeof info - 1);
	error = errno;
	close(info_fd);
	errno = error;
	if (len < 0)
		return -1;
	info[len] = '\0';
	at = procfs_find_field(info, "flags:\t");
	if (!at) {
		errno = EPROTO;
		return -1;
	}
	for (; *at >= '0' && *at <= '7'; at++)
		octal = octal * 8 + (unsigned)(*at - '0');
	*flags = (int)octal;
	return 0;
}

bool fdtable_is_writable(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
}

/* Returns whether a link in /proc leads to a pipe without a name. (fstatfs(2) would ask the file
 * system, whose server may never answer.) */
static bool leads_to_pipe(const char *path)
{
	char target[sizeof PIPE_LINK - 1];

	return readlink(path, target, sizeof target) == (ssize_t)sizeof target &&
	       memcmp(target, PIPE_LINK, sizeof target) == 0;
}

int fdtable_open_pipe(const struct procfs *proc, pid_t pid, int fd)
{
	char path[PROCFS_PATH_SIZE];
	int held_fd, own_fd = -1, error;

	if (procfs_format_path(proc, pid, path, "fd/%d", fd) < 0)
		return -1;
	/* From here on it is the same file, which the process cannot replace. */
	held_fd = open(path, O_PATH | O_CLOEXEC);
	if (held_fd < 0)
		return -1;
	errno = EBADF;
	if (procfs_format_path(proc, getpid(), path, "fd/%d", held_fd) == 0 && leads_to_pipe(path))
		own_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	error = errno;
	close(held_fd);
	errno = error;
	return own_fd;
}
