/* SPDX-License-Identifier: ISC */
/* procfs.c, over a /proc made of ordinary files (for what a kernel rarely shows: odd names,
 * missing lists, processes that vanish) and over the real one (for whether the kernel's format
 * is what we think). Owns no processes but those that it forks, reaps every one, and removes the
 * directory it made. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "procfs.h"
#include "rig.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct procfs real = { .root = "/proc" };

/* What read(2) gives in place of the truth, in order; 0 at the end. */
static const int *scripted_errors;
/* The most that it reads at once; 0: no limit. */
static size_t longest_read;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (scripted_errors && *scripted_errors) {
		errno = *scripted_errors++;
		return -1;
	}
	return __real_read(fd, buffer, longest_read && size > longest_read ? longest_read : size);
}

/* One fake /proc for each test. */
struct fake {
	char root[64];
	struct procfs proc;
};

static int setup(void **state)
{
	struct fake *fake = calloc(1, sizeof *fake);

	assert_non_null(fake);
	strcpy(fake->root, "/tmp/test_procfs.XXXXXX");
	assert_non_null(mkdtemp(fake->root));
	fake->proc.root = fake->root;
	*state = fake;
	return 0;
}

static int teardown(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(tree_remove(fake->root), 0);
	free(fake);
	return 0;
}

/* Makes the directories above the file too. */
static void put_bytes(const struct fake *fake, const char *name, const void *bytes, size_t len)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", fake->root, name);
	for (char *slash = path + strlen(fake->root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void put(const struct fake *fake, const char *name, const char *text)
{
	put_bytes(fake, name, text, strlen(text));
}

static void put_stat_of(const struct fake *fake, int pid, const char *comm, char state, int parent,
			unsigned threads)
{
	char name[64], text[512];

	snprintf(name, sizeof name, "%d/stat", pid);
	snprintf(text, sizeof text,
		 "%d (%s) %c %d 5 6 7 -1 9 10 11 12 13 14 15 16 17 18 19 %u 21 %u 23 24\n", pid,
		 comm, state, parent, threads, 1000U + (unsigned)pid);
	put(fake, name, text);
}

static void put_stat(const struct fake *fake, int pid, const char *comm, char state, int parent)
{
	put_stat_of(fake, pid, comm, state, parent, 1);
}

/* That of one thread of a process, the only one of them that is looked at for it. */
static void put_thread(const struct fake *fake, int pid, int tid, char state)
{
	char name[64], text[128];

	snprintf(name, sizeof name, "%d/task/%d/stat", pid, tid);
	snprintf(text, sizeof text,
		 "%d (x) %c 1 5 6 7 -1 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24\n", tid,
		 state);
	put(fake, name, text);
}

static void read_program(const struct procfs *proc, pid_t pid, char name[PROCFS_NAME_SIZE])
{
	struct procfs_command command;

	procfs_read_command(proc, pid, &command);
	strcpy(name, command.program);
}

static void read_line(const struct procfs *proc, pid_t pid, char line[PROCFS_CMDLINE_SIZE])
{
	struct procfs_command command;

	procfs_read_command(proc, pid, &command);
	strcpy(line, command.line);
}

struct seen {
	pid_t pids[4096];
	size_t len;
};

static void on_child(void *ctx, pid_t pid)
{
	struct seen *seen = ctx;

	assert_true(seen->len < COUNT(seen->pids));
	seen->pids[seen->len++] = pid;
}

static bool has_seen(const struct seen *seen, pid_t pid)
{
	size_t times = 0;

	for (size_t i = 0; i < seen->len; i++)
		times += seen->pids[i] == pid;
	assert_true(times <= 1);
	return times == 1;
}

static void make_self(const struct fake *fake, const char *target)
{
	char path[128];

	snprintf(path, sizeof path, "%s/self", fake->root);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void test_parse_number_takes_digits_alone(void **state)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "2147483647", INT_MAX },
		{ "2147483648", -1 },
		{ "", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ " 1", -1 },
		{ "1 ", -1 },
		{ "1x", -1 },
		{ ".", -1 },
		{ "self", -1 },
		{ "18446744073709551617", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(procfs_parse_number(cases[i].text), cases[i].number);
}

static void test_find_field_only_at_the_beginning_of_a_line(void **state)
{
	static const char text[] = "Name:\tUid:\t5\nUid:\t7\nGid:\t9";

	(void)state;
	assert_string_equal(procfs_find_field(text, "Uid:\t"), "7\nGid:\t9");
	assert_string_equal(procfs_find_field(text, "Gid:\t"), "9");
	assert_ptr_equal(procfs_find_field(text, "Name:\t"), text + strlen("Name:\t"));
	assert_null(procfs_find_field(text, "Pid:\t"));
	assert_null(procfs_find_field(text, "id:\t"));
	assert_null(procfs_find_field("", "Uid:\t"));
	assert_null(procfs_find_field("a\n", "Uid:\t"));
}

static void test_usable_real_proc_is(void **state)
{
	(void)state;
	assert_true(procfs_usable(&real));
}

static void test_usable_self_must_be_this_process(void **state)
{
	const struct fake *fake = *state;
	char target[32];

	assert_false(procfs_usable(&fake->proc));
	make_self(fake, "1234567");
	assert_false(procfs_usable(&fake->proc));
	make_self(fake, "nonsense");
	assert_false(procfs_usable(&fake->proc));
	snprintf(target, sizeof target, "%dx", (int)getpid());
	make_self(fake, target);
	assert_false(procfs_usable(&fake->proc));
	make_self(fake, "12345678901234567890");
	assert_false(procfs_usable(&fake->proc));
	snprintf(target, sizeof target, "%d", (int)getpid());
	make_self(fake, target);
	assert_true(procfs_usable(&fake->proc));
}

static void test_usable_root_too_long_is_not(void **state)
{
	char root[2000];
	struct procfs proc = { .root = root };
	struct procfs_stat stat;
	struct seen seen = { .len = 0 };

	(void)state;
	/* It exists: only its length is wrong. */
	memset(root, '/', sizeof root - 1);
	root[sizeof root - 1] = '\0';
	assert_false(procfs_usable(&proc));
	assert_int_equal(procfs_each_child(&proc, 1, on_child, &seen), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(procfs_find_thread(&proc, 1), 0);
	assert_int_equal(procfs_read_stat(&proc, 1, &stat), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

/* A name that is cut could be that of something else. */
static void test_usable_cut_path_is_never_used(void **state)
{
	const struct fake *fake = *state;
	char root[600], path[80], target[32];
	struct procfs proc = { .root = root };
	size_t own = strlen(fake->root);

	snprintf(target, sizeof target, "%d", (int)getpid());
	/* Roots with which "/self" fits in 511 bytes but for one to three of its own. */
	for (int cut = 1; cut <= 3; cut++) {
		size_t len = 506 + (size_t)cut;

		memset(root, '/', len);
		memcpy(root + len - own, fake->root, own);
		root[len] = '\0';
		snprintf(path, sizeof path, "%s/%.*s", fake->root, 4 - cut, "self");
		assert_int_equal(symlink(target, path), 0);
		assert_false(procfs_usable(&proc));
	}
}

static void test_format_path_up_to_its_size_is_whole(void **state)
{
	struct {
		char path[PROCFS_PATH_SIZE], behind[PROCFS_PATH_SIZE];
	} is = { .behind = "" }, was = is;
	char root[PROCFS_PATH_SIZE + 20], whole[PROCFS_PATH_SIZE + 40];
	struct procfs proc = { .root = root };

	(void)state;
	for (size_t len = 1; len < sizeof root; len++) {
		int whole_len;

		memset(root, 'r', len - 1);
		root[len - 1] = '\0';
		whole_len = snprintf(whole, sizeof whole, "%s/7/file", root);
		errno = 0;
		if (whole_len < PROCFS_PATH_SIZE) {
			assert_int_equal(procfs_format_path(&proc, 7, is.path, "%s", "file"), 0);
			assert_string_equal(is.path, whole);
		} else {
			assert_int_equal(procfs_format_path(&proc, 7, is.path, "%s", "file"), -1);
			assert_int_equal(errno, ENAMETOOLONG);
		}
		assert_memory_equal(is.behind, was.behind, sizeof is.behind);
	}
	strcpy(root, "r");
	memset(whole, 'x', sizeof whole - 1);
	whole[sizeof whole - 1] = '\0';
	assert_int_equal(procfs_format_path(&proc, 7, is.path, "%s", whole), -1);
	assert_memory_equal(is.behind, was.behind, sizeof is.behind);
}

static void test_each_child_listed_children_are_reported(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put(fake, "7/task/7/children", "10 2147483647 12 ");
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 3);
	assert_true(has_seen(&seen, 10) && has_seen(&seen, 12) && has_seen(&seen, 2147483647));
}

static void test_each_child_no_children_reports_none(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put(fake, "7/task/7/children", "");
	/* Were the list not believed, this one would be found. */
	put_stat(fake, 7, "parent", 'S', 1);
	put_stat(fake, 8, "child", 'S', 7);
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 0);
}

static void test_each_child_last_number_without_space_is_reported(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put(fake, "7/task/7/children", "10 11");
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 2);
	assert_true(has_seen(&seen, 11));
}

static void test_each_child_numbers_no_pid_are_never_reported(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	/* A caller would signal 0 (its own group) or -1 (everybody). */
	put(fake, "7/task/7/children",
	    "0 2147483648 4294967295 4294967297 18446744073709551617 9 00 ");
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 1);
	assert_int_equal(seen.pids[0], 9);
}

static void test_each_child_children_of_every_thread_are_reported(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put(fake, "7/task/7/children", "10 ");
	put(fake, "7/task/8/children", "11 ");
	put(fake, "7/task/9/comm", "a thread that ends as we look\n");
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 2);
	assert_true(has_seen(&seen, 10) && has_seen(&seen, 11));
}

/* As under a security module; for root only a directory cannot be read. */
static void test_each_child_list_that_cannot_be_read_is_made_from_stat(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put(fake, "7/task/7/children/unreadable", "");
	put_stat(fake, 7, "parent", 'S', 1);
	put_stat(fake, 10, "child", 'S', 7);
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 1);
	assert_true(has_seen(&seen, 10));
}

/* As in the namespace of dinit itself, where it is a child and a thread of nobody but in a test. */
static void test_each_child_smallest_and_largest_pid_are_reported(void **state)
{
	const struct fake *fake = *state;
	static const char *const lists[] = { "1 2147483647 ", "2147483647 1", "1 2147483647" };

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct seen seen = { .len = 0 };

		put(fake, "7/task/1/children", lists[i]);
		assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
		assert_int_equal(seen.len, 2);
		assert_true(has_seen(&seen, 1) && has_seen(&seen, 2147483647));
	}
}

static void test_each_child_smallest_and_largest_pid_are_scanned(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put_stat(fake, 7, "parent", 'S', 1);
	put_stat(fake, 1, "child", 'S', 7);
	put_stat(fake, 2147483647, "child", 'S', 7);
	put(fake, "meminfo", "");
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 2);
	assert_true(has_seen(&seen, 1) && has_seen(&seen, 2147483647));
}

static void test_each_child_list_read_byte_by_byte_is_complete(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	put(fake, "7/task/7/children", "10 112 3");
	longest_read = 1;
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	longest_read = 0;
	assert_int_equal(seen.len, 3);
	assert_true(has_seen(&seen, 10) && has_seen(&seen, 112) && has_seen(&seen, 3));
}

/* Every alignment of numbers against the read buffer's end: the list begins with 0 to 9 spaces. */
static void test_each_child_long_list_is_split_nowhere(void **state)
{
	const struct fake *fake = *state;

	for (size_t shift = 0; shift < 10; shift++) {
		static char text[64 * 1024];
		static struct seen seen;
		size_t len = shift;

		memset(text, ' ', shift);
		for (int i = 0; i < 3000; i++)
			len += (size_t)sprintf(text + len, "%d ", 100 + i * i);
		put_bytes(fake, "7/task/7/children", text, len);
		seen.len = 0;
		assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
		assert_int_equal(seen.len, 3000);
		for (int i = 0; i < 3000; i++)
			assert_int_equal(seen.pids[i], 100 + i * i);
	}
}

static void make_family(const struct fake *fake)
{
	put_stat(fake, 7, "parent", 'S', 1);
	put_stat(fake, 10, "child", 'S', 7);
	put_stat(fake, 11, "zombie", 'Z', 7);
	put_stat(fake, 12, "other", 'S', 70);
	put_stat(fake, 13, ") S 7 (", 'S', 1);
	put_stat(fake, 14, "grandchild", 'S', 10);
	put(fake, "15/comm", "vanished\n");
	put(fake, "16/stat", "");
	put(fake, "17", "no directory\n");
	put(fake, "meminfo", "");
	/* As a 32-bit number it would be 10. */
	put(fake, "4294967306/stat",
	    "10 (x) S 7 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n");
	put(fake, "18x/stat", "18 (x) S 7 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n");
}

static void test_each_child_no_list_scans_every_process(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	make_family(fake);
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 2);
	assert_true(has_seen(&seen, 10) && has_seen(&seen, 11));
}

static void test_each_child_task_without_list_scans_every_process(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	make_family(fake);
	put(fake, "7/task/7/stat", "");
	assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 2);
	assert_true(has_seen(&seen, 10) && has_seen(&seen, 11));
}

/* The root is so long that there is room for 7/task, but not for the names of its lists. */
static void test_each_child_list_with_a_path_too_long_scans_every_process(void **state)
{
	const struct fake *fake = *state;
	char root[600];
	struct procfs proc = { .root = root };
	struct seen seen = { .len = 0 };
	size_t len = 500, own = strlen(fake->root);

	memset(root, '/', len);
	memcpy(root + len - own, fake->root, own);
	root[len] = '\0';
	make_family(fake);
	put(fake, "7/task/7/children", "99 ");
	assert_int_equal(procfs_each_child(&proc, 7, on_child, &seen), 0);
	assert_int_equal(seen.len, 2);
	assert_true(has_seen(&seen, 10) && has_seen(&seen, 11));
}

static void test_each_child_no_such_process_is_enoent(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };

	make_family(fake);
	assert_int_equal(procfs_each_child(&fake->proc, 99, on_child, &seen), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(procfs_each_child(&(struct procfs){ .root = "/nonexistent" }, 7, on_child,
					   &seen),
			 -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(seen.len, 0);
}

static void test_each_child_no_descriptors_left_is_an_error(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };
	struct rlimit limit, none;

	make_family(fake);
	put(fake, "8/task/8/children", "10 ");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	/* From no descriptor left to several: each place where one is opened fails once. */
	for (rlim_t left = 0; left < 2; left++) {
		int lowest = dup(0);

		assert_true(lowest >= 0);
		close(lowest);
		none = (struct rlimit){ .rlim_cur = (rlim_t)lowest + left,
					.rlim_max = limit.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		errno = 0;
		assert_int_equal(procfs_each_child(&fake->proc, left == 0 ? 7 : 8, on_child, &seen),
				 -1);
		assert_int_equal(errno, EMFILE);
		assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), -1);
		assert_int_equal(errno, EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(dup(0), lowest);
		close(lowest);
	}
	assert_int_equal(seen.len, 0);
}

/* It would fail for every process that a scan looks at. */
static void test_each_child_error_of_the_system_ends_it(void **state)
{
	const struct fake *fake = *state;
	static const int errors[] = { ENOMEM, ENFILE, EMFILE };
	struct seen seen = { .len = 0 };

	make_family(fake);
	put(fake, "7/task/7/children", "10 ");
	for (size_t i = 0; i < COUNT(errors); i++) {
		scripted_errors = (const int[]){ errors[i], 0 };
		assert_int_equal(procfs_each_child(&fake->proc, 7, on_child, &seen), -1);
		assert_int_equal(errno, errors[i]);
		assert_int_equal(seen.len, 0);
	}
	scripted_errors = NULL;
}

static pid_t fork_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void kill_and_reap(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static pid_t fork_zombie(void)
{
	siginfo_t info;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

static void test_each_child_real_children_and_zombies_are_reported(void **state)
{
	struct seen seen = { .len = 0 };
	pid_t sleeper = fork_sleeper(), zombie = fork_zombie();

	(void)state;
	assert_int_equal(procfs_each_child(&real, getpid(), on_child, &seen), 0);
	assert_true(has_seen(&seen, sleeper) && has_seen(&seen, zombie));
	assert_int_equal(seen.len, 2);
	kill_and_reap(sleeper);
	kill_and_reap(zombie);
	seen.len = 0;
	assert_int_equal(procfs_each_child(&real, getpid(), on_child, &seen), 0);
	assert_int_equal(seen.len, 0);
	assert_int_equal(procfs_each_child(&real, zombie, on_child, &seen), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_each_child_real_long_list_is_complete(void **state)
{
	static struct seen seen;
	static pid_t zombies[1200];
	/* (Each fork copies valgrind.) */
	const size_t count = rig_is_brief() ? 100 : COUNT(zombies);

	(void)state;
	/* More than a page of numbers, whatever their length. */
	for (size_t i = 0; i < count; i++)
		zombies[i] = fork_zombie();
	seen.len = 0;
	assert_int_equal(procfs_each_child(&real, getpid(), on_child, &seen), 0);
	assert_int_equal(seen.len, count);
	for (size_t i = 0; i < count; i++) {
		assert_true(has_seen(&seen, zombies[i]));
		kill_and_reap(zombies[i]);
	}
}

struct forker {
	pid_t child;
	int done_fd;
	int leave_fd;
};

/* Its child belongs to this thread in the kernel's lists as long as the thread lives. */
static void *fork_in_thread(void *arg)
{
	struct forker *forker = arg;
	char byte = 0;

	forker->child = fork();
	if (forker->child == 0)
		for (;;)
			pause();
	if (write(forker->done_fd, &byte, 1) != 1 || read(forker->leave_fd, &byte, 1) != 0)
		abort();
	return NULL;
}

static void test_each_child_real_child_of_another_thread_is_reported(void **state)
{
	struct seen seen = { .len = 0 };
	struct forker forker;
	int done[2], leave[2];
	pthread_t thread;
	char byte;

	(void)state;
	assert_int_equal(pipe2(done, O_CLOEXEC) | pipe2(leave, O_CLOEXEC), 0);
	forker = (struct forker){ .done_fd = done[1], .leave_fd = leave[0] };
	assert_int_equal(pthread_create(&thread, NULL, fork_in_thread, &forker), 0);
	assert_int_equal(read(done[0], &byte, 1), 1);
	assert_int_equal(procfs_each_child(&real, getpid(), on_child, &seen), 0);
	assert_int_equal(seen.len, 1);
	assert_int_equal(seen.pids[0], forker.child);
	/* The child has a copy of the write end: end it first. */
	kill_and_reap(forker.child);
	close(leave[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(leave[0]);
	close(done[0]);
	close(done[1]);
}

static void test_read_stat_odd_names_do_not_confuse(void **state)
{
	const struct fake *fake = *state;
	static const char *const names[] = {
		"plain",       "",           " ",       "a b",      "(a)",   ")", "a) S 99 (b",
		") Z 1 1 1 1", "two\nlines", ") R 1\n", "\xff\xfe", "-1 -1",
	};
	struct procfs_stat stat;

	for (size_t i = 0; i < COUNT(names); i++) {
		put_stat(fake, 20, names[i], 'T', 345);
		memset(&stat, 0, sizeof stat);
		assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
		assert_int_equal(stat.state, 'T');
		assert_int_equal(stat.parent, 345);
		assert_int_equal(stat.session, 6);
		assert_int_equal(stat.start_time, 1020);
	}
}

static void test_read_stat_largest_numbers_are_kept(void **state)
{
	const struct fake *fake = *state;
	struct procfs_stat stat;
	char text[1200];
	int len = sprintf(text, "2147483647 (123456789012345) D 2147483647");

	for (int field = 5; field <= 52; field++)
		len += sprintf(text + len, " %llu", field == 8 ? 0ULL : ~0ULL);
	put(fake, "20/stat", text);
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	assert_int_equal(stat.parent, 2147483647);
	assert_int_equal(stat.session, 0);
	assert_true(stat.start_time == UINT64_MAX);
}

static void test_read_stat_session_too_large_for_a_pid_is_none(void **state)
{
	const struct fake *fake = *state;
	struct procfs_stat stat;

	put(fake, "20/stat",
	    "20 (x) S 1 5 2147483647 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n");
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	assert_int_equal(stat.session, 2147483647);
	put(fake, "20/stat",
	    "20 (x) S 1 5 2147483648 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n");
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	assert_int_equal(stat.session, 0);
}

/* The kernel's PF_EXITING among the flags, and not that it has no memory. */
static void test_read_stat_exiting_is_ending(void **state)
{
	const struct fake *fake = *state;
	struct procfs_stat stat;

	put(fake, "20/stat",
	    "20 (x) R 1 5 6 7 -1 4194308 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24\n");
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	assert_true(stat.ending);
	put(fake, "20/stat", "20 (x) S 4 4 4 4 4 4194560 4 4 4 4 4 4 4 4 4 4 4 4 4 0 0\n");
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	assert_false(stat.ending);
}

static void test_read_stat_number_below_the_largest_is_exact(void **state)
{
	const struct fake *fake = *state;
	struct procfs_stat stat;

	put(fake, "20/stat",
	    "20 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 18446744073709551610 23\n");
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	assert_true(stat.start_time == UINT64_MAX - 5);
}

static void test_read_stat_in_pieces_is_whole(void **state)
{
	const struct fake *fake = *state;
	static const size_t pieces[] = { 1, 7, 1000 };
	struct procfs_stat stat;
	char text[3000];
	int len;

	memset(text, '1', sizeof text);
	len = sprintf(text, "20 (a name) S 345");
	for (int field = 5; field <= 23; field++)
		len += sprintf(text + len, " %d", 1000 + field);
	text[len] = ' ';
	put_bytes(fake, "20/stat", text, sizeof text);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		longest_read = pieces[i];
		assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
		longest_read = 0;
		assert_int_equal(stat.parent, 345);
		assert_int_equal(stat.start_time, 1022);
	}
}

static void test_read_stat_malformed_is_eproto(void **state)
{
	const struct fake *fake = *state;
	static const char *const texts[] = {
		"",
		"\n",
		"20",
		"20 (x",
		"20 (x)",
		"20 (x) ",
		"20 (x) S",
		"20 (x)S 1",
		"20 (x) S x 5",
		"20 (x) S 1\n",
		"20 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n",
		"20 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 \n",
		"20 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 -\n",
		"20 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22",
		"20 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
		"20 (x)S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25\n",
		"20 (x) S 99999999999 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n",
	};
	struct procfs_stat stat;
	/* As much as is looked at, with the parenthesis at its very end. */
	char text[1023];

	for (size_t i = 0; i < COUNT(texts); i++) {
		/* What it leaves in memory must not pass for the end of a shorter one. */
		put_stat(fake, 20, "x", 'S', 12345);
		assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
		put(fake, "20/stat", texts[i]);
		errno = 0;
		assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), -1);
		assert_int_equal(errno, EPROTO);
	}
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = ')';
	put_bytes(fake, "20/stat", text, sizeof text);
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(procfs_read_stat(&fake->proc, 21, &stat), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_read_failing_read_is_reported(void **state)
{
	const struct fake *fake = *state;
	struct seen seen = { .len = 0 };
	struct procfs_stat stat;
	char name[PROCFS_NAME_SIZE];

	put_stat(fake, 20, "x", 'S', 1);
	put(fake, "20/comm", "name\n");
	put(fake, "20/cmdline", "x");
	put(fake, "20/task/20/children", "21 ");
	scripted_errors = (const int[]){ EINTR, EINTR, 0 };
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), 0);
	/* Gone between open and read: the same as gone before. */
	scripted_errors = (const int[]){ ESRCH, 0 };
	assert_int_equal(procfs_read_stat(&fake->proc, 20, &stat), -1);
	assert_int_equal(errno, ENOENT);
	/* The list, and then the stat that would say whose children there are. */
	scripted_errors = (const int[]){ EINTR, EIO, EIO, 0 };
	assert_int_equal(procfs_each_child(&fake->proc, 20, on_child, &seen), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(seen.len, 0);
	scripted_errors = (const int[]){ EIO, 0 };
	procfs_read_comm(&fake->proc, 20, name);
	assert_string_equal(name, "?");
	/* Of its state, which it is asked for first, and of its arguments. */
	scripted_errors = (const int[]){ EIO, EIO, 0 };
	read_program(&fake->proc, 20, name);
	assert_string_equal(name, "name");
	scripted_errors = NULL;
}

static void test_read_stat_real_processes_are_told_apart(void **state)
{
	struct procfs_stat self, sleeping, dead;
	pid_t sleeper = fork_sleeper(), zombie = fork_zombie();

	(void)state;
	assert_int_equal(procfs_read_stat(&real, getpid(), &self), 0);
	assert_int_equal(self.state, 'R');
	assert_int_equal(self.parent, getppid());
	assert_int_equal(self.session, getsid(0));
	assert_int_equal(procfs_read_stat(&real, sleeper, &sleeping), 0);
	assert_int_equal(sleeping.parent, getpid());
	assert_true(sleeping.state == 'S' || sleeping.state == 'R');
	assert_true(sleeping.start_time >= self.start_time);
	assert_false(self.ending);
	assert_false(sleeping.ending);
	assert_int_equal(procfs_read_stat(&real, zombie, &dead), 0);
	assert_int_equal(dead.state, 'Z');
	assert_int_equal(dead.parent, getpid());
	kill_and_reap(sleeper);
	kill_and_reap(zombie);
	assert_int_equal(procfs_read_stat(&real, zombie, &dead), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_find_thread_alive_is_the_first_one(void **state)
{
	const struct fake *fake = *state;

	put_thread(fake, 7, 7, 'S');
	put_thread(fake, 7, 8, 'S');
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 7);
	assert_int_equal(procfs_find_thread(&real, getpid()), getpid());
}

static void test_find_thread_first_one_ended_is_another(void **state)
{
	const struct fake *fake = *state;

	put_thread(fake, 7, 7, 'Z');
	put_thread(fake, 7, 8, 'X');
	put_thread(fake, 7, 9, 'R');
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 9);
	put_thread(fake, 7, 9, 'X');
	put_thread(fake, 7, 1, 'S');
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 1);
}

static void test_find_thread_all_ended_or_gone_is_none(void **state)
{
	const struct fake *fake = *state;

	assert_int_equal(procfs_find_thread(&fake->proc, 7), 0);
	put_thread(fake, 7, 7, 'Z');
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 0);
	put(fake, "7/task/8/comm", "x");
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 0);
}

/* The file of a whole process adds up the numbers of all its threads, and costs as much. */
static void test_find_thread_looks_at_single_threads_only(void **state)
{
	const struct fake *fake = *state;

	put_stat(fake, 7, "x", 'S', 1);
	put_stat(fake, 8, "x", 'S', 1);
	put_thread(fake, 7, 7, 'Z');
	put_thread(fake, 7, 8, 'Z');
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 0);
}

/* So many are looked at, the first one included; one more is taken to be alive, and to be in a
 * system call that cannot be interrupted. */
static void test_find_thread_of_more_than_4096_is_one_not_looked_at(void **state)
{
	const struct fake *fake = *state;

	put_stat_of(fake, 7, "x", 'S', 1, 4097);
	for (int tid = 7; tid < 7 + 4096; tid++)
		put_thread(fake, 7, tid, 'Z');
	assert_int_equal(procfs_find_thread(&fake->proc, 7), 0);
	assert_false(procfs_is_uninterruptible(&fake->proc, 7));
	assert_false(procfs_is_executing(&fake->proc, 7));
	put_thread(fake, 7, 7 + 4096, 'Z');
	assert_int_not_equal(procfs_find_thread(&fake->proc, 7), 0);
	assert_true(procfs_is_uninterruptible(&fake->proc, 7));
	assert_true(procfs_is_executing(&fake->proc, 7));
}

static void test_read_guard_finds_tracer_and_filters(void **state)
{
	const struct fake *fake = *state;
	struct procfs_guard guard;

	put(fake, "7/status", "Name:\tx\nTracerPid:\t12\nSeccomp:\t2\nSeccomp_filters:\t3\n");
	assert_int_equal(procfs_read_guard(&fake->proc, 7, &guard), 0);
	assert_int_equal(guard.tracer, 12);
	assert_int_equal(guard.seccomp_mode, 2);
	assert_int_equal(guard.seccomp_filters, 3);
	put(fake, "7/status",
	    "Name:\tx\nTracerPid:\t99999999999\nSeccomp:\t0\nSeccomp_filters:\t0\n");
	assert_int_equal(procfs_read_guard(&fake->proc, 7, &guard), 0);
	assert_int_equal(guard.tracer, 2147483647);
	assert_int_equal(guard.seccomp_filters, 0);
	put(fake, "7/status", "Name:\tx\nTracerPid:\t1\n");
	assert_int_equal(procfs_read_guard(&fake->proc, 7, &guard), 0);
	assert_int_equal(guard.tracer, 1);
}

/* Kernels that do not count filters, or were built without them. */
static void test_read_guard_lines_that_are_missing_have_their_defaults(void **state)
{
	const struct fake *fake = *state;
	struct procfs_guard guard;

	put(fake, "7/status", "Name:\tx\nTracerPid:\t0\nSeccomp:\t1\n");
	assert_int_equal(procfs_read_guard(&fake->proc, 7, &guard), 0);
	assert_int_equal(guard.tracer, 0);
	assert_int_equal(guard.seccomp_mode, 1);
	assert_int_equal(guard.seccomp_filters, -1);
	for (int empty = 0; empty < 2; empty++) {
		put(fake, "7/status", empty ? "" : "Name:\tx\n");
		assert_int_equal(procfs_read_guard(&fake->proc, 7, &guard), 0);
		assert_int_equal(guard.tracer, 0);
		assert_int_equal(guard.seccomp_mode, 0);
		assert_int_equal(guard.seccomp_filters, -1);
	}
	assert_int_equal(procfs_read_guard(&fake->proc, 8, &guard), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_read_uid_effective_user_is_read(void **state)
{
	uid_t uid = 12345;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(procfs_read_uid(&real, getpid(), &uid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(procfs_read_uid(&(struct procfs){ .root = "/nonexistent" }, 7, &uid), -1);
	assert_int_equal(errno, ENOENT);
	if (geteuid() != 0)
		return;
	/* A process that has dropped root is not dumpable: its files are root's, it is not. */
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setresuid(0, 65534, 0) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(procfs_read_uid(&real, pid, &uid), 0);
	assert_int_equal(uid, 65534);
	kill_and_reap(pid);
	close(ready[0]);
	close(ready[1]);
}

static void test_read_comm_unprintable_bytes_are_replaced(void **state)
{
	const struct fake *fake = *state;
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "sleep\n", "sleep" },
		{ "no newline", "no newline" },
		{ "x\n", "x" },
		{ "a\nb\n", "a?b" },
		{ "\n\n", "?" },
		{ "\n", "?" },
		{ "", "?" },
		{ "(a) b\n", "(a) b" },
		{ "tab\there\x1b[m\x7f\n", "tab?here?[m?" },
		{ "caf\xc3\xa9\n", "caf\xc3\xa9" },
		{ "cut in two\xc3\n", "cut in two?" },
		{ "\xff\xfe\xed\xa0\x80\n", "?????" },
	};
	char name[PROCFS_NAME_SIZE];

	for (size_t i = 0; i < COUNT(cases); i++) {
		put(fake, "20/comm", cases[i].text);
		procfs_read_comm(&fake->proc, 20, name);
		assert_string_equal(name, cases[i].name);
	}
	put_bytes(fake, "20/comm", "a\0b\n", 4);
	procfs_read_comm(&fake->proc, 20, name);
	assert_string_equal(name, "a?b");
	procfs_read_comm(&fake->proc, 21, name);
	assert_string_equal(name, "?");
}

static void test_read_comm_long_name_is_cut(void **state)
{
	const struct fake *fake = *state;
	char text[400], name[PROCFS_NAME_SIZE];

	memset(text, 'x', sizeof text);
	put_bytes(fake, "20/comm", text, sizeof text);
	procfs_read_comm(&fake->proc, 20, name);
	assert_int_equal(strlen(name), PROCFS_NAME_SIZE - 1);
}

/* cmdline's bytes: a literal holds NULs, and its own last one is the last argument's. */
#define ARGS(literal) literal, sizeof literal

static void test_read_command_program_base_name_of_first_argument(void **state)
{
	const struct fake *fake = *state;
	static const struct {
		const char *args;
		size_t len;
		const char *name;
	} cases[] = {
		{ ARGS("sleep\0"
		       "10"),
		  "sleep" },
		{ ARGS("/usr/bin/sleep\0/a/b"), "sleep" },
		{ ARGS("./a/b"), "b" },
		{ ARGS("/bin/a\001b\xff"), "a?b?" },
		{ ARGS("-bash"), "-bash" },
		{ "title-without-NUL", 17, "title-without-NUL" },
		{ ARGS("redis\0a b"), "redis" },
		/* Titles that a program gave itself. */
		{ ARGS("redis *:6379"), "the comm" },
		{ ARGS(" redis"), "the comm" },
		{ ARGS("/bin/a\tb"), "the comm" },
		{ ARGS("/a dir/program"), "the comm" },
		{ "title without NUL", 17, "the comm" },
		{ ARGS("/bin/dir/"), "the comm" },
		{ ARGS("\0x"), "the comm" },
		{ ARGS(""), "the comm" },
		{ "", 0, "the comm" },
	};
	char name[PROCFS_NAME_SIZE];

	put(fake, "20/comm", "the comm\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_bytes(fake, "20/cmdline", cases[i].args, cases[i].len);
		read_program(&fake->proc, 20, name);
		assert_string_equal(name, cases[i].name);
	}
	read_program(&fake->proc, 21, name);
	assert_string_equal(name, "?");
}

static void test_read_command_program_long_path_keeps_base_name(void **state)
{
	const struct fake *fake = *state;
	char text[4000], name[PROCFS_NAME_SIZE];

	memset(text, 'x', sizeof text);
	memcpy(text + sizeof text - 6, "/name", sizeof "/name");
	put_bytes(fake, "20/cmdline", text, sizeof text);
	read_program(&fake->proc, 20, name);
	assert_string_equal(name, "name");
	/* It is cut between two characters. */
	for (size_t i = 0; i < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	put_bytes(fake, "20/cmdline", text, sizeof text);
	read_program(&fake->proc, 20, name);
	assert_int_equal(strlen(name), PROCFS_NAME_SIZE - 1);
	assert_string_equal(name + PROCFS_NAME_SIZE - 6, "\xc3\xa9...");
}

static void test_read_command_is_one_harmless_line(void **state)
{
	const struct fake *fake = *state;
	static const struct {
		const char *args;
		size_t len;
		const char *line;
	} cases[] = {
		{ ARGS("sleep\0"
		       "10"),
		  "sleep 10" },
		{ ARGS("sh\0-c\0a\nb\tc\\d"), "sh -c a\\x0ab\\x09c\\x5cd" },
		{ ARGS("a\0\0b"), "a  b" },
		{ "x", 1, "x" },
		{ ARGS("\0a"), " a" },
		{ ARGS("title\0\0\0"), "title" },
		{ "no NUL", 6, "no NUL" },
		{ ARGS("\x1b[31m\x7f"), "\\x1b[31m\\x7f" },
		{ ARGS("caf\xc3\xa9 \xc3 \xff"), "caf\xc3\xa9 \\xc3 \\xff" },
		{ ARGS("\0\0\0"), "[a name?]" },
		{ "", 0, "[a name?]" },
	};
	char line[PROCFS_CMDLINE_SIZE];

	put(fake, "20/comm", "a name\x1b\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_bytes(fake, "20/cmdline", cases[i].args, cases[i].len);
		read_line(&fake->proc, 20, line);
		assert_string_equal(line, cases[i].line);
	}
	read_line(&fake->proc, 21, line);
	assert_string_equal(line, "[?]");
}

/* Reading what is in its memory would take as long as it waits. */
static void test_read_command_uninterruptible_process_is_its_command_name(void **state)
{
	const struct fake *fake = *state;
	char name[PROCFS_NAME_SIZE], line[PROCFS_CMDLINE_SIZE];

	put(fake, "20/comm", "the comm\n");
	put(fake, "20/cmdline", "program");
	put_stat(fake, 20, "the comm", 'D', 1);
	read_program(&fake->proc, 20, name);
	assert_string_equal(name, "the comm");
	read_line(&fake->proc, 20, line);
	assert_string_equal(line, "[the comm]");
	put_stat(fake, 20, "the comm", 'S', 1);
	read_program(&fake->proc, 20, name);
	assert_string_equal(name, "program");
	read_line(&fake->proc, 20, line);
	assert_string_equal(line, "program");
}

/* A thread that waits for the lock of the memory, or holds it, is as bad as a process that does. */
static void test_read_command_process_with_uninterruptible_thread_is_its_command_name(void **state)
{
	const struct fake *fake = *state;
	char line[PROCFS_CMDLINE_SIZE];

	put(fake, "20/comm", "the comm\n");
	put(fake, "20/cmdline", "program");
	put_stat_of(fake, 20, "the comm", 'S', 1, 2);
	put_thread(fake, 20, 20, 'S');
	put_thread(fake, 20, 21, 'S');
	assert_false(procfs_is_uninterruptible(&fake->proc, 20));
	read_line(&fake->proc, 20, line);
	assert_string_equal(line, "program");
	put_thread(fake, 20, 21, 'D');
	assert_true(procfs_is_uninterruptible(&fake->proc, 20));
	read_line(&fake->proc, 20, line);
	assert_string_equal(line, "[the comm]");
	put_thread(fake, 20, 20, 'D');
	put_thread(fake, 20, 21, 'S');
	assert_true(procfs_is_uninterruptible(&fake->proc, 20));
}

static void test_is_executing_any_thread_within_execve(void **state)
{
	const struct fake *fake = *state;
	char call[64];

	put(fake, "20/task/20/comm", "x\n");
	put(fake, "20/task/21/comm", "x\n");
	assert_false(procfs_is_executing(&fake->proc, 20));
	assert_false(procfs_forbids_tracing(&fake->proc, 20));
	put(fake, "20/syscall", "running\n");
	put(fake, "20/task/20/syscall", "running\n");
	assert_false(procfs_forbids_tracing(&fake->proc, 20));
	snprintf(call, sizeof call, "%d 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffc0 0x7f0\n", (int)SYS_read);
	put(fake, "20/task/21/syscall", call);
	assert_false(procfs_is_executing(&fake->proc, 20));
	snprintf(call, sizeof call, "%d 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffc0 0x7f0\n",
		 (int)SYS_execveat);
	put(fake, "20/task/21/syscall", call);
	assert_true(procfs_is_executing(&fake->proc, 20));
	snprintf(call, sizeof call, "%d 0x1\n", (int)SYS_execve);
	put(fake, "20/task/20/syscall", call);
	put(fake, "20/task/21/syscall", "-1 0x7ffc0 0x7f0\n");
	assert_true(procfs_is_executing(&fake->proc, 20));
	put(fake, "20/task/20/syscall", "");
	assert_false(procfs_is_executing(&fake->proc, 20));
}

/* Around the limit, with characters that take one, two and four bytes of output. */
static void test_read_command_long_line_is_cut_between_characters(void **state)
{
	const struct fake *fake = *state;
	static const char *const units[] = { "x", "\xc3\xa9", "\n" };
	static const char *const shown[] = { "x", "\xc3\xa9", "\\x0a" };
	char args[3000], line[PROCFS_CMDLINE_SIZE];

	for (size_t unit = 0; unit < COUNT(units); unit++) {
		size_t unit_len = strlen(shown[unit]), limit = (PROCFS_CMDLINE_SIZE - 1) / unit_len;

		for (size_t len = limit - 9; len < limit + 9; len++) {
			size_t args_len = 0, line_len, dots;

			for (size_t i = 0; i < len; i++)
				args_len += (size_t)sprintf(args + args_len, "%s", units[unit]);
			put_bytes(fake, "20/cmdline", args, args_len + 1);
			read_line(&fake->proc, 20, line);
			line_len = strlen(line);
			dots = len * unit_len > PROCFS_CMDLINE_SIZE - 1 ? 3 : 0;
			assert_int_equal((line_len - dots) % unit_len, 0);
			assert_memory_equal(line, shown[unit], unit_len);
			assert_string_equal(line + line_len - dots, dots ? "..." : "");
			if (dots)
				assert_true(line_len > PROCFS_CMDLINE_SIZE - 1 - unit_len);
			else
				assert_null(strchr(line, '.'));
		}
	}
}

/* A shell under an odd argv[0] that says one byte on stdout and then waits for its stdin to end. */
static pid_t fork_shell(const int in[2], const int out[2])
{
	char *const argv[] = {
		(char[]){ "/odd:dir/odd(name)" },
		(char[]){ "-c" },
		(char[]){ "echo; read line # a\nb" },
		NULL,
	};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1)
			execv("/bin/sh", argv);
		_exit(1);
	}
	return pid;
}

static void test_read_command_real_process_then_zombie(void **state)
{
	char name[PROCFS_NAME_SIZE], line[PROCFS_CMDLINE_SIZE], byte;
	int in[2], out[2];
	siginfo_t info;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	pid = fork_shell(in, out);
	assert_int_equal(read(out[0], &byte, 1), 1);
	procfs_read_comm(&real, pid, name);
	assert_string_equal(name, "sh");
	read_program(&real, pid, name);
	assert_string_equal(name, "odd(name)");
	read_line(&real, pid, line);
	assert_string_equal(line, "/odd:dir/odd(name) -c echo; read line # a\\x0ab");
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	read_line(&real, pid, line);
	assert_string_equal(line, "[sh]");
	read_program(&real, pid, name);
	assert_string_equal(name, "sh");
	kill_and_reap(pid);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_parse_number_takes_digits_alone),
		TEST(test_find_field_only_at_the_beginning_of_a_line),
		TEST(test_usable_real_proc_is),
		TEST(test_usable_self_must_be_this_process),
		TEST(test_usable_root_too_long_is_not),
		TEST(test_usable_cut_path_is_never_used),
		TEST(test_each_child_listed_children_are_reported),
		TEST(test_each_child_no_children_reports_none),
		TEST(test_each_child_last_number_without_space_is_reported),
		TEST(test_each_child_numbers_no_pid_are_never_reported),
		TEST(test_each_child_children_of_every_thread_are_reported),
		TEST(test_each_child_list_that_cannot_be_read_is_made_from_stat),
		TEST(test_each_child_long_list_is_split_nowhere),
		TEST(test_each_child_no_list_scans_every_process),
		TEST(test_each_child_task_without_list_scans_every_process),
		TEST(test_each_child_no_such_process_is_enoent),
		TEST(test_each_child_no_descriptors_left_is_an_error),
		TEST(test_each_child_real_children_and_zombies_are_reported),
		TEST(test_each_child_real_long_list_is_complete),
		TEST(test_each_child_real_child_of_another_thread_is_reported),
		TEST(test_read_stat_odd_names_do_not_confuse),
		TEST(test_read_stat_largest_numbers_are_kept),
		TEST(test_read_stat_session_too_large_for_a_pid_is_none),
		TEST(test_read_stat_malformed_is_eproto),
		TEST(test_read_failing_read_is_reported),
		TEST(test_read_stat_real_processes_are_told_apart),
		TEST(test_find_thread_alive_is_the_first_one),
		TEST(test_find_thread_first_one_ended_is_another),
		TEST(test_find_thread_all_ended_or_gone_is_none),
		TEST(test_find_thread_looks_at_single_threads_only),
		TEST(test_find_thread_of_more_than_4096_is_one_not_looked_at),
		TEST(test_read_guard_finds_tracer_and_filters),
		TEST(test_read_guard_lines_that_are_missing_have_their_defaults),
		TEST(test_read_uid_effective_user_is_read),
		TEST(test_format_path_up_to_its_size_is_whole),
		TEST(test_each_child_smallest_and_largest_pid_are_reported),
		TEST(test_each_child_smallest_and_largest_pid_are_scanned),
		TEST(test_each_child_list_read_byte_by_byte_is_complete),
		TEST(test_each_child_list_with_a_path_too_long_scans_every_process),
		TEST(test_each_child_error_of_the_system_ends_it),
		TEST(test_read_stat_exiting_is_ending),
		TEST(test_read_stat_number_below_the_largest_is_exact),
		TEST(test_read_stat_in_pieces_is_whole),
		TEST(test_read_comm_unprintable_bytes_are_replaced),
		TEST(test_read_comm_long_name_is_cut),
		TEST(test_read_command_program_base_name_of_first_argument),
		TEST(test_read_command_program_long_path_keeps_base_name),
		TEST(test_read_command_is_one_harmless_line),
		TEST(test_read_command_uninterruptible_process_is_its_command_name),
		TEST(test_read_command_process_with_uninterruptible_thread_is_its_command_name),
		TEST(test_is_executing_any_thread_within_execve),
		TEST(test_read_command_long_line_is_cut_between_characters),
		TEST(test_read_command_real_process_then_zombie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
