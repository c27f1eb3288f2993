/* SPDX-License-Identifier: ISC */
/* fdtable.c over our own descriptors, and over a /proc made of ordinary files for what no kernel
 * shows. A kernel that lacks statx(2), or refuses it, is scripted by the linker's --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdtable.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* 0: it works */
static int statx_error;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long args[5];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < COUNT(args); i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_statx && statx_error) {
		errno = statx_error;
		return -1;
	}
	return __real_syscall(number, args[0], args[1], args[2], args[3], args[4]);
}

/* ---- the rig: descriptors of ours, and a directory that stands for /proc ---- */

struct rig {
	struct procfs real, fake;
	char root[40];
	int pipe[2], null_fd, file_fd;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	statx_error = 0;
	strcpy(rig->root, "/tmp/test_fdtable.XXXXXX");
	assert_non_null(mkdtemp(rig->root));
	rig->real.root = "/proc";
	rig->fake.root = rig->root;
	assert_int_equal(pipe2(rig->pipe, O_CLOEXEC), 0);
	rig->null_fd = open("/dev/null", O_RDWR);
	rig->file_fd = open(rig->root, O_RDWR | O_TMPFILE | O_APPEND | O_CLOEXEC, 0640);
	assert_true(rig->null_fd >= 0 && rig->file_fd >= 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	close(rig->pipe[0]);
	close(rig->pipe[1]);
	close(rig->null_fd);
	close(rig->file_fd);
	tree_remove(rig->root);
	free(rig);
	return 0;
}

static void put_info(const struct rig *rig, const char *text)
{
	char path[80];
	FILE *file;

	snprintf(path, sizeof path, "%s/7", rig->root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/7/fdinfo", rig->root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/7/fdinfo/5", rig->root);
	if (!text) {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct fdtable_file identify(const struct rig *rig, int fd)
{
	struct fdtable_file file;

	assert_int_equal(fdtable_identify(&rig->real, getpid(), fd, &file), 0);
	return file;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* ---- which file it is ---- */

static void test_fdtable_identify_tells_the_same_file_from_others(void **state)
{
	struct rig *rig = *state;
	int fds[] = { rig->pipe[0], rig->null_fd, rig->file_fd };

	for (size_t i = 0; i < COUNT(fds); i++) {
		struct fdtable_file file = identify(rig, fds[i]), own;

		assert_int_equal(fdtable_identify_own(fds[i], &own), 0);
		assert_true(fdtable_same_file(&file, &own));
		assert_int_equal(fdtable_is_void(&file), fds[i] == rig->null_fd);
		for (size_t j = 0; j < COUNT(fds); j++) {
			struct fdtable_file other = identify(rig, fds[j]);

			assert_int_equal(fdtable_same_file(&file, &other), i == j);
		}
	}
}

static void test_fdtable_identify_both_ends_of_a_pipe_are_the_same(void **state)
{
	struct rig *rig = *state;
	struct fdtable_file ends[2] = { identify(rig, rig->pipe[0]), identify(rig, rig->pipe[1]) };

	assert_true(fdtable_same_file(&ends[0], &ends[1]));
}

static void test_fdtable_same_file_is_so_in_all_its_numbers(void **state)
{
	/* The inode, and the two numbers of each device. */
	static const struct fdtable_file file = { 1, 2, 3, 4, 5, S_IFREG };
	static const struct fdtable_file others[] = {
		{ 9, 2, 3, 4, 5, S_IFREG }, { 1, 9, 3, 4, 5, S_IFREG }, { 1, 2, 9, 4, 5, S_IFREG },
		{ 1, 2, 3, 9, 5, S_IFREG }, { 1, 2, 3, 4, 9, S_IFREG },
	};
	const struct fdtable_file copy = file;

	(void)state;
	assert_true(fdtable_same_file(&file, &copy));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(fdtable_same_file(&file, &others[i]));
}

static void test_fdtable_is_void_only_a_memory_device(void **state)
{
	(void)state;
	assert_true(fdtable_is_void(&(struct fdtable_file){ .mode = S_IFCHR, .rdev_major = 1 }));
	assert_false(fdtable_is_void(&(struct fdtable_file){ .mode = S_IFBLK, .rdev_major = 1 }));
	assert_false(fdtable_is_void(&(struct fdtable_file){ .mode = S_IFCHR, .rdev_major = 4 }));
}

static void test_fdtable_identify_without_statx_finds_the_same(void **state)
{
	static const int errors[] = { ENOSYS, EPERM };
	struct rig *rig = *state;
	int fds[] = { rig->pipe[0], rig->null_fd, rig->file_fd };

	for (size_t i = 0; i < COUNT(fds) * COUNT(errors); i++) {
		int fd = fds[i / COUNT(errors)];
		struct fdtable_file with, without, own;

		statx_error = 0;
		with = identify(rig, fd);
		statx_error = errors[i % COUNT(errors)];
		without = identify(rig, fd);
		assert_int_equal(fdtable_identify_own(fd, &own), 0);
		assert_true(fdtable_same_file(&with, &without));
		assert_true(fdtable_same_file(&with, &own));
		assert_int_equal(with.mode, without.mode);
		assert_int_equal(fdtable_is_void(&without), fdtable_is_void(&with));
	}
}

static void test_fdtable_identify_what_is_not_open_fails(void **state)
{
	static const int errors[] = { 0, ENOSYS };
	struct rig *rig = *state;
	struct fdtable_file file;

	for (size_t i = 0; i < COUNT(errors); i++) {
		statx_error = errors[i];
		assert_int_equal(fdtable_identify(&rig->real, getpid(), 9999, &file), -1);
		assert_int_equal(errno, ENOENT);
		assert_int_equal(fdtable_identify_own(9999, &file), -1);
		assert_int_equal(errno, EBADF);
	}
}

/* Nor is anybody else asked, who may never answer. */
static void test_fdtable_identify_other_refusals_are_final(void **state)
{
	struct rig *rig = *state;
	struct fdtable_file file;

	statx_error = EACCES;
	assert_int_equal(fdtable_identify(&rig->real, getpid(), rig->null_fd, &file), -1);
	assert_int_equal(errno, EACCES);
}

/* ---- all of them ---- */

struct seen {
	int count, enough;
	bool fds[64];
};

static bool on_fd(void *ctx, int fd, const struct fdtable_file *file)
{
	struct seen *seen = ctx;

	(void)file;
	if (fd < 64)
		seen->fds[fd] = true;
	return ++seen->count != seen->enough;
}

static void test_fdtable_each_calls_for_every_descriptor(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { .count = 0 };

	assert_int_equal(fdtable_each(&rig->real, getpid(), on_fd, &seen), 0);
	for (int fd = 0; fd < 64; fd++)
		/* But for the one that it lists them with. */
		if (fcntl(fd, F_GETFD) >= 0)
			assert_true(seen.fds[fd]);
}

static void test_fdtable_each_ends_when_it_is_told_to(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { .enough = 2 };

	assert_int_equal(fdtable_each(&rig->real, getpid(), on_fd, &seen), 0);
	assert_int_equal(seen.count, 2);
}

static bool on_odd_fd(void *ctx, int fd, const struct fdtable_file *file)
{
	(void)file;
	assert_true(fd == 12 || fd == INT_MAX);
	++*(int *)ctx;
	return true;
}

static void test_fdtable_each_takes_only_numbers_for_descriptors(void **state)
{
	static const char *const names[] = {
		"12", "2147483647", "5x", "x", "-1", "-3", "2147483648", "4294967301", " ",
	};
	struct rig *rig = *state;
	int count = 0;
	char path[120];

	snprintf(path, sizeof path, "%s/7", rig->root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/7/fd", rig->root);
	assert_int_equal(mkdir(path, 0755), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/7/fd/%s", rig->root, names[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(fdtable_each(&rig->fake, 7, on_odd_fd, &count), 0);
	assert_int_equal(count, 2);
}

static void test_fdtable_each_of_what_may_not_be_looked_at_fails(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { .count = 0 };

	statx_error = EACCES;
	assert_int_equal(fdtable_each(&rig->real, getpid(), on_fd, &seen), -1);
	assert_int_equal(errno, EACCES);
	/* One that is closed meanwhile is none. */
	statx_error = ENOENT;
	assert_int_equal(fdtable_each(&rig->real, getpid(), on_fd, &seen), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(fdtable_each(&rig->fake, 7, on_fd, &seen), -1);
	assert_int_equal(errno, ENOENT);
}

/* ---- how it is open ---- */

static void test_fdtable_read_flags_are_those_of_open(void **state)
{
	struct rig *rig = *state;
	int flags;

	assert_int_equal(fdtable_read_flags(&rig->real, getpid(), rig->pipe[0], &flags), 0);
	assert_int_equal(flags & (O_ACCMODE | O_CLOEXEC), O_RDONLY | O_CLOEXEC);
	assert_int_equal(fdtable_read_flags(&rig->real, getpid(), rig->pipe[1], &flags), 0);
	assert_int_equal(flags & (O_ACCMODE | O_CLOEXEC), O_WRONLY | O_CLOEXEC);
	assert_int_equal(fdtable_read_flags(&rig->real, getpid(), rig->null_fd, &flags), 0);
	assert_int_equal(flags & (O_ACCMODE | O_CLOEXEC), O_RDWR);
	assert_int_equal(fdtable_read_flags(&rig->real, getpid(), rig->file_fd, &flags), 0);
	assert_int_equal(flags & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
}

static void test_fdtable_read_flags_failing_says_why(void **state)
{
	struct rig *rig = *state;
	int flags;

	assert_int_equal(fdtable_read_flags(&rig->real, getpid(), 9999, &flags), -1);
	assert_int_equal(errno, ENOENT);
	put_info(rig, "pos:\t0\nmnt_id:\t12\n");
	assert_int_equal(fdtable_read_flags(&rig->fake, 7, 5, &flags), -1);
	assert_int_equal(errno, EPROTO);
}

static void test_fdtable_read_flags_unreadable_says_why(void **state)
{
	struct rig *rig = *state;
	int flags;

	put_info(rig, NULL);
	assert_int_equal(fdtable_read_flags(&rig->fake, 7, 5, &flags), -1);
	assert_int_equal(errno, EISDIR);
}

static void test_fdtable_read_flags_of_an_empty_file_says_why(void **state)
{
	struct rig *rig = *state;
	int flags;

	put_info(rig, "");
	errno = 0;
	assert_int_equal(fdtable_read_flags(&rig->fake, 7, 5, &flags), -1);
	assert_int_equal(errno, EPROTO);
}

static void test_fdtable_is_writable_follows_the_access_mode(void **state)
{
	(void)state;
	assert_false(fdtable_is_writable(O_RDONLY | O_NONBLOCK));
	assert_true(fdtable_is_writable(O_WRONLY));
	assert_true(fdtable_is_writable(O_RDWR | O_APPEND));
	assert_false(fdtable_is_writable(O_RDWR | O_PATH));
}

/* ---- another description of it ---- */

static void test_fdtable_open_pipe_is_one_of_our_own(void **state)
{
	struct rig *rig = *state;
	int lowest = lowest_free_fd(), fd = fdtable_open_pipe(&rig->real, getpid(), rig->pipe[0]);
	char byte;

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	assert_false(fcntl(rig->pipe[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(write(rig->pipe[1], "x", 1), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	/* Nothing else was left open. */
	assert_int_equal(lowest_free_fd(), lowest);
}

static void assert_refused(const struct rig *rig, int fd, int error)
{
	int lowest = lowest_free_fd();

	errno = 0;
	assert_int_equal(fdtable_open_pipe(&rig->real, getpid(), fd), -1);
	assert_int_equal(errno, error);
	assert_int_equal(lowest_free_fd(), lowest);
}

/* Whatever stands there instead. */
static void test_fdtable_open_pipe_of_another_file_is_refused(void **state)
{
	struct rig *rig = *state;
	char path[80];
	int fds[5], dir_fd;

	dir_fd = open(rig->root, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_int_equal(mkfifoat(dir_fd, "fifo", 0600), 0);
	/* A name like what the kernel says of a pipe. */
	snprintf(path, sizeof path, "%s/pipe:[1]", rig->root);
	fds[0] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	fds[1] = openat(dir_fd, "pipe:[1]", O_PATH | O_CLOEXEC);
	fds[2] = openat(dir_fd, "fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fds[3] = openat(dir_fd, "fifo", O_PATH | O_CLOEXEC);
	fds[4] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < COUNT(fds); i++) {
		assert_true(fds[i] >= 0);
		assert_refused(rig, fds[i], EBADF);
		close(fds[i]);
	}
	assert_refused(rig, rig->null_fd, EBADF);
	assert_refused(rig, rig->file_fd, EBADF);
	assert_refused(rig, dir_fd, EBADF);
	close(dir_fd);
}

static void test_fdtable_open_pipe_of_what_is_not_open_is_enoent(void **state)
{
	struct rig *rig = *state;

	assert_refused(rig, 9999, ENOENT);
	assert_refused(rig, -1, ENOENT);
}

/* Another dinit's /proc shows our own descriptors nowhere. */
static void test_fdtable_open_pipe_that_is_not_among_our_own_fails(void **state)
{
	struct rig *rig = *state;
	char path[80], target[80];
	int lowest = lowest_free_fd();

	snprintf(path, sizeof path, "%s/7", rig->root);
	snprintf(target, sizeof target, "/proc/%d", (int)getpid());
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(fdtable_open_pipe(&rig->fake, 7, rig->pipe[0]), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(lowest_free_fd(), lowest);
}

/* That of the other process's has one digit, ours two, which is too long. */
static void test_fdtable_open_pipe_without_room_for_its_own_path_fails(void **state)
{
	const struct rig *rig = *state;
	char root[600];
	const struct procfs proc = { .root = root };
	int own_stdin = dup(STDIN_FILENO), held[10], count = 0;
	size_t len;

	assert_true(own_stdin >= 0);
	dup2(rig->pipe[0], STDIN_FILENO);
	while (lowest_free_fd() < 10)
		held[count++] = dup(STDIN_FILENO);
	len = PROCFS_PATH_SIZE - 1 - (size_t)snprintf(NULL, 0, "/%d/fd/0", (int)getpid());
	memset(root, '/', len);
	memcpy(root + len - strlen("proc"), "proc", sizeof "proc");
	assert_int_equal(fdtable_open_pipe(&proc, getpid(), STDIN_FILENO), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_true(lowest_free_fd() >= 10);
	dup2(own_stdin, STDIN_FILENO);
	close(own_stdin);
	while (count > 0)
		close(held[--count]);
}

/* It exists: only its length is wrong. */
static void test_fdtable_root_too_long_fails(void **state)
{
	char root[600];
	const struct procfs proc = { .root = root };
	struct fdtable_file file;
	int flags;

	(void)state;
	memset(root, '/', sizeof root);
	memcpy(root + sizeof root - sizeof "proc", "proc", sizeof "proc");
	errno = 0;
	assert_int_equal(fdtable_identify(&proc, getpid(), 0, &file), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	errno = 0;
	assert_int_equal(fdtable_each(&proc, getpid(), on_fd, NULL), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	errno = 0;
	assert_int_equal(fdtable_read_flags(&proc, getpid(), 0, &flags), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	errno = 0;
	assert_int_equal(fdtable_open_pipe(&proc, getpid(), 0), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fdtable_identify_tells_the_same_file_from_others),
		TEST(test_fdtable_identify_both_ends_of_a_pipe_are_the_same),
		TEST(test_fdtable_identify_without_statx_finds_the_same),
		TEST(test_fdtable_identify_what_is_not_open_fails),
		TEST(test_fdtable_identify_other_refusals_are_final),
		TEST(test_fdtable_each_calls_for_every_descriptor),
		TEST(test_fdtable_each_ends_when_it_is_told_to),
		TEST(test_fdtable_each_of_what_may_not_be_looked_at_fails),
		TEST(test_fdtable_read_flags_are_those_of_open),
		TEST(test_fdtable_read_flags_failing_says_why),
		TEST(test_fdtable_read_flags_unreadable_says_why),
		TEST(test_fdtable_same_file_is_so_in_all_its_numbers),
		TEST(test_fdtable_is_void_only_a_memory_device),
		TEST(test_fdtable_each_takes_only_numbers_for_descriptors),
		TEST(test_fdtable_read_flags_of_an_empty_file_says_why),
		TEST(test_fdtable_is_writable_follows_the_access_mode),
		TEST(test_fdtable_open_pipe_is_one_of_our_own),
		TEST(test_fdtable_open_pipe_of_another_file_is_refused),
		TEST(test_fdtable_open_pipe_of_what_is_not_open_is_enoent),
		TEST(test_fdtable_open_pipe_that_is_not_among_our_own_fails),
		TEST(test_fdtable_open_pipe_without_room_for_its_own_path_fails),
		TEST(test_fdtable_root_too_long_fails),
	};

	return cmocka_run_group_tests_name("fdtable", tests, NULL, NULL);
}
