/* SPDX-License-Identifier: ISC */
/* oom.c over made-up control groups and a made-up /proc. That they are of the kernel is what the
 * test says in place of statfs(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "oom.h"
#include "tree.h"

#define PATH_SIZE 4096
#define MIB (UINT64_C(1024) * 1024)

static char top[] = "/tmp/test_oom.XXXXXX", cgroups[PATH_SIZE], proc_root[PATH_SIZE];
static struct procfs proc = { .root = proc_root };
static struct oom oom;
/* What every file system is. */
static long magic;
/* How many reads are interrupted, and how many bytes a read returns at most. */
static unsigned interruptions;
static size_t read_max;

pid_t __wrap_getpid(void);
int __real_statfs(const char *path, struct statfs *fs);
int __wrap_statfs(const char *path, struct statfs *fs);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

/* The PID of the process: a number of several digits, wherever the test runs. */
pid_t __wrap_getpid(void)
{
	return 4713;
}

int __wrap_statfs(const char *path, struct statfs *fs)
{
	int result = __real_statfs(path, fs);

	fs->f_type = magic;
	return result;
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	return __real_read(fd, buffer, size < read_max ? size : read_max);
}

/* ---- the rig ---- */

/* Makes the directories above a path below the top. */
static void make_above(const char *path)
{
	char above[PATH_SIZE];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(above, sizeof above, "%s/%.*s", top, (int)(slash - path), path);
		if (mkdir(above, 0755) < 0)
			assert_int_equal(errno, EEXIST);
	}
}

/* Writes a file below the top. */
static void put(const char *path, const char *content)
{
	char whole[PATH_SIZE];
	size_t len = strlen(content);
	int fd;

	make_above(path);
	snprintf(whole, sizeof whole, "%s/%s", top, path);
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	close(fd);
}

static void drop(const char *path)
{
	char whole[PATH_SIZE];

	snprintf(whole, sizeof whole, "%s/%s", top, path);
	assert_int_equal(unlink(whole), 0);
}

/* Writes what /proc says of our control groups. */
static void put_groups(const char *content)
{
	char path[64];

	snprintf(path, sizeof path, "proc/%d/cgroup", (int)getpid());
	put(path, content);
}

/* Makes a control group that we are in. */
static void join(const char *dir)
{
	char path[PATH_SIZE], pids[64];

	snprintf(path, sizeof path, "%s/cgroup.procs", dir);
	snprintf(pids, sizeof pids, "1\n%d\n99999999\n", (int)getpid());
	put(path, pids);
}

/* Says how often the control group was over its limit, and how many processes were killed. */
static void put_events(const char *dir, unsigned exceeded, unsigned kills)
{
	char path[PATH_SIZE], text[256];

	snprintf(path, sizeof path, "%s/memory.events", dir);
	snprintf(text, sizeof text,
		 "low 0\nhigh 7\nmax 9\noom %u\noom_kill %u\noom_group_kill 77\n", exceeded, kills);
	put(path, text);
}

static void put_control(const char *dir, unsigned kills)
{
	char path[PATH_SIZE], text[256];

	snprintf(path, sizeof path, "%s/memory.oom_control", dir);
	snprintf(text, sizeof text, "oom_kill_disable 0\nunder_oom 0\noom_kill %u\n", kills);
	put(path, text);
}

static void put_limit(const char *path, uint64_t bytes)
{
	char text[64];

	snprintf(text, sizeof text, "%llu\n", (unsigned long long)bytes);
	put(path, text);
}

static int lowest_free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void begin(void)
{
	int free_fd = lowest_free_fd();

	memset(&oom, 0xff, sizeof oom);
	oom_open(&oom, &proc, cgroups);
	assert_int_equal(lowest_free_fd(), free_fd);
}

#define expect_killed(limit) \
	do { \
		uint64_t limit_bytes = 4711; \
		assert_true(oom_has_killed(&oom, &limit_bytes)); \
		assert_int_equal(limit_bytes, limit); \
	} while (0)

#define expect_nothing() \
	do { \
		uint64_t limit_bytes; \
		int free_fd = lowest_free_fd(); \
		assert_false(oom_has_killed(&oom, &limit_bytes)); \
		assert_int_equal(lowest_free_fd(), free_fd); \
	} while (0)

static int setup(void **state)
{
	(void)state;
	strcpy(top + strlen(top) - 6, "XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(cgroups, sizeof cgroups, "%s/cg", top);
	snprintf(proc_root, sizeof proc_root, "%s/proc", top);
	magic = CGROUP2_SUPER_MAGIC;
	interruptions = 0;
	read_max = SIZE_MAX;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(top);
}

/* A container as most are: version 2, a namespace of its own, a limit of 128 MiB. */
static void make_container(void)
{
	put_groups("0::/\n");
	join("cg");
	put_events("cg", 2, 5);
	put_limit("cg/memory.max", 128 * MIB);
}

/* ---- the count ---- */

static void test_oom_has_killed_count_as_before_claims_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	expect_nothing();
}

static void test_oom_has_killed_count_has_grown_names_the_limit(void **state)
{
	(void)state;
	make_container();
	begin();
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
}

static void test_oom_has_killed_told_before_claims_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
	expect_nothing();
	put_events("cg", 4, 7);
	expect_killed(128 * MIB);
}

/* The count of a kill is forgotten with the second look after it. */
static void test_oom_forget_what_was_counted_long_ago_claims_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	oom_forget(&oom, 50000);
	put_events("cg", 3, 6);
	oom_forget(&oom, 50000 + OOM_SAMPLE_MS);
	expect_killed(128 * MIB);
	put_events("cg", 4, 7);
	oom_forget(&oom, 50000 + 2 * OOM_SAMPLE_MS);
	oom_forget(&oom, 50000 + 3 * OOM_SAMPLE_MS - 1);
	expect_killed(128 * MIB);
	put_events("cg", 5, 8);
	oom_forget(&oom, 50000 + 3 * OOM_SAMPLE_MS);
	oom_forget(&oom, 50000 + 4 * OOM_SAMPLE_MS);
	expect_nothing();
}

/* What cannot be read leaves everything as it was. */
static void test_oom_forget_count_has_vanished_changes_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	drop("cg/memory.events");
	oom_forget(&oom, 50000);
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
}

static void test_oom_has_killed_count_has_shrunk_claims_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	put_events("cg", 3, 4);
	expect_nothing();
	/* It counts from there on. */
	put_events("cg", 4, 5);
	expect_killed(128 * MIB);
}

static void test_oom_has_killed_count_has_vanished_claims_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	drop("cg/memory.events");
	expect_nothing();
	put_events("cg", 2, 5);
	expect_nothing();
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
}

static void test_oom_has_killed_only_over_the_limit_claims_nothing(void **state)
{
	(void)state;
	make_container();
	begin();
	put_events("cg", 3, 5);
	expect_nothing();
}

static void test_oom_has_killed_malformed_count_claims_nothing(void **state)
{
	static const char *const contents[] = {
		"",
		"\n",
		"oom",
		"oom 3\n",
		"oom_kill 6\n",
		"oom 3\noom_kill\n",
		"oom 3\noom_kill \n",
		"oom 3\noom_kill 6",
		"oom 3\noom_kill  6\n",
		"oom 3\noom_kill -6\n",
		"oom 3\noom_kill x6\n",
		"oom 3\noom_kill 6x\n",
		"oom 3\noom_kill 6 7\n",
		"oom 3\noom_kills 6\n",
		"oom 3\nxoom_kill 6\n",
		"oom 3\noom_group_kill 6\n",
		"oom 3\noom_kill 18446744073709551616\n",
		"oom 3\noom_kill 99999999999999999999\n",
		"oom \noom_kill 6\n",
		"oom x\noom_kill 6\n",
		"\xff\xfe\n\noom_kill 6\n",
	};

	(void)state;
	make_container();
	begin();
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		uint64_t limit;

		put("cg/memory.events", contents[i]);
		if (oom_has_killed(&oom, &limit))
			fail_msg("claimed: %s", contents[i]);
	}
	/* The largest number, empty lines, any order. */
	put("cg/memory.events", "\n\noom_kill 18446744073709551615\n\noom 3\n");
	expect_killed(128 * MIB);
}

/* There is room for 1023 bytes; of a longer one the end of the last line is not seen. */
static void test_oom_has_killed_longer_file_than_there_is_room_for_claims_nothing(void **state)
{
	static const char end[] = "\noom 3\noom_kill 6\n";
	char text[4096];

	(void)state;
	make_container();
	begin();
	for (size_t len = 1024; len <= 2048; len = len < 1028 ? len + 1 : len * 2) {
		memset(text, 'x', sizeof text);
		strcpy(text + len - strlen(end), end);
		put("cg/memory.events", text);
		expect_nothing();
		read_max = 700;
		expect_nothing();
		read_max = SIZE_MAX;
	}
	strcpy(text + 1023 - strlen(end), end);
	put("cg/memory.events", text);
	expect_killed(128 * MIB);
}

static void test_oom_has_killed_interrupted_and_short_reads_find_all(void **state)
{
	(void)state;
	make_container();
	interruptions = 1;
	read_max = 1;
	begin();
	put_events("cg", 3, 6);
	interruptions = 1;
	expect_killed(128 * MIB);
}

/* ---- the limit ---- */

static void test_oom_has_killed_no_number_for_a_limit_names_none(void **state)
{
	static const char *const contents[] = {
		"max\n",
		"",
		"\n",
		"134217728",
		" 134217728\n",
		"-1\n",
		"0x10\n",
		"134217728 \n",
		"18446744073709551616\n",
		"9223372036854771712\n",
		"4611686018427387904\n",
	};
	unsigned kills = 5;

	(void)state;
	make_container();
	begin();
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		put("cg/memory.max", contents[i]);
		kills++;
		put_events("cg", kills, kills);
		expect_killed(0);
	}
	put("cg/memory.max", "4611686018427387903\n");
	put_events("cg", kills + 1, kills + 1);
	expect_killed((UINT64_C(1) << 62) - 1);
	drop("cg/memory.max");
	put_events("cg", kills + 2, kills + 2);
	expect_killed(0);
}

static void test_oom_has_killed_own_limit_not_reached_does_not_name_it(void **state)
{
	(void)state;
	make_container();
	begin();
	put_events("cg", 2, 6);
	expect_killed(0);
}

static void test_oom_has_killed_limit_around_names_the_smallest(void **state)
{
	(void)state;
	put_groups("0::/pod/web/main\n");
	join("cg/pod/web/main");
	put_events("cg/pod/web/main", 0, 0);
	put_limit("cg/pod/web/main/memory.max", 10 * MIB);
	put("cg/pod/web/memory.max", "max\n");
	put_limit("cg/pod/memory.max", 30 * MIB);
	put_limit("cg/memory.max", 40 * MIB);
	begin();
	put_events("cg/pod/web/main", 0, 1);
	expect_killed(30 * MIB);
	put_limit("cg/memory.max", 20 * MIB);
	put_events("cg/pod/web/main", 0, 2);
	expect_killed(20 * MIB);
	put_events("cg/pod/web/main", 1, 3);
	expect_killed(10 * MIB);
}

/* ---- which control group ---- */

static void test_oom_open_memory_not_accounted_for_takes_the_group_around(void **state)
{
	(void)state;
	make_container();
	put_groups("0::/init/deep\n");
	join("cg/init/deep");
	begin();
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
}

static void test_oom_open_memory_accounted_for_nowhere_claims_nothing(void **state)
{
	(void)state;
	put_groups("0::/init\n");
	join("cg/init");
	begin();
	put_events("cg", 0, 1);
	put_events("cg/init", 0, 1);
	expect_nothing();
}

static void test_oom_open_path_of_the_host_finds_what_is_mounted(void **state)
{
	(void)state;
	make_container();
	put_groups("0::/docker/0123456789abcdef\n");
	begin();
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
}

static void test_oom_open_path_of_the_host_finds_what_is_below_the_mount(void **state)
{
	(void)state;
	put_groups("0::/docker/0123456789abcdef/web/main\n");
	join("cg/web/main");
	put_events("cg/web/main", 0, 0);
	put_limit("cg/web/memory.max", 7 * MIB);
	begin();
	put_events("cg/web/main", 0, 1);
	expect_killed(7 * MIB);
}

static void test_oom_open_group_of_others_claims_nothing(void **state)
{
	static const char *const others[] = { "", "1\n", "0\n\n", "x\n", "-1\n" };
	char part[32];

	(void)state;
	make_container();
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		put("cg/cgroup.procs", others[i]);
		put_events("cg", 2, 5);
		begin();
		put_events("cg", 3, 6);
		expect_nothing();
	}
	/* Longer ones, and one without its end. */
	for (size_t i = 0; i < 3; i++) {
		snprintf(part, sizeof part, "%s%d%s", i == 0 ? "1" : "", (int)getpid(),
			 i == 0   ? "\n"
			 : i == 1 ? "0\n"
				  : "");
		put("cg/cgroup.procs", part);
		put_events("cg", 2, 5);
		begin();
		put_events("cg", 3, 6);
		expect_nothing();
	}
	drop("cg/cgroup.procs");
	put_events("cg", 2, 5);
	begin();
	put_events("cg", 3, 6);
	expect_nothing();
}

static void test_oom_open_alone_finds_itself(void **state)
{
	(void)state;
	make_container();
	put("cg/cgroup.procs", "4713\n");
	begin();
	put_events("cg", 3, 6);
	expect_killed(128 * MIB);
}

/* Our number is in each place of the blocks in which the list is read, also across two. */
static void test_oom_open_among_many_processes_finds_its_own(void **state)
{
	char list[4096];

	(void)state;
	make_container();
	for (size_t before = 1000; before < 1040; before++) {
		memset(list, '1', before);
		for (size_t i = 0; i < before; i += 7)
			list[i] = '\n';
		list[before - 1] = '\n';
		snprintf(list + before, sizeof list - before, "%d\n", (int)getpid());
		put("cg/cgroup.procs", list);
		put_events("cg", 2, 5);
		begin();
		put_events("cg", 3, 6);
		expect_killed(128 * MIB);
	}
}

static void test_oom_open_other_file_system_claims_nothing(void **state)
{
	(void)state;
	make_container();
	magic = FUSE_SUPER_MAGIC;
	begin();
	put_events("cg", 3, 6);
	expect_nothing();
}

static void test_oom_open_nothing_known_of_its_groups_claims_nothing(void **state)
{
	static const char *const contents[] = {
		"", "\n", "x\n", "0\n", "0:\n", "0:/\n", "1:cpu:/\n", "1:name=systemd:/\n:\n",
	};

	(void)state;
	make_container();
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		put_groups(contents[i]);
		put_events("cg", 2, 5);
		begin();
		put_events("cg", 3, 6);
		expect_nothing();
	}
}

static void test_oom_open_without_proc_claims_nothing(void **state)
{
	(void)state;
	make_container();
	strcat(proc_root, "/absent");
	begin();
	put_events("cg", 3, 6);
	expect_nothing();
}

static void test_oom_open_path_of_proc_too_long_claims_nothing(void **state)
{
	(void)state;
	make_container();
	memset(proc_root, '/', sizeof proc_root - 1);
	proc_root[sizeof proc_root - 1] = '\0';
	begin();
	expect_nothing();
}

static void test_oom_open_path_outside_of_the_namespace_claims_nothing(void **state)
{
	(void)state;
	make_container();
	put("cg/cgroup.procs", "1\n");
	put_groups("0::/../../other\n");
	begin();
	put_events("cg", 3, 6);
	expect_nothing();
}

static void test_oom_open_path_too_long_is_cut_from_its_beginning(void **state)
{
	char groups[4200] = "0::/";

	(void)state;
	make_container();
	memset(groups + 4, 'x', 4000);
	strcpy(groups + 4004, "/web\n");
	put_groups(groups);
	join("cg/web");
	put_events("cg/web", 0, 0);
	begin();
	put_events("cg/web", 0, 1);
	expect_killed(128 * MIB);
}

static void test_oom_open_version_2_beside_version_1_is_found(void **state)
{
	(void)state;
	put_groups("1:name=systemd:/web\n0::/web\n");
	join("cg/unified/web");
	put_events("cg/unified/web", 0, 0);
	put_limit("cg/unified/web/memory.max", 5 * MIB);
	begin();
	put_events("cg/unified/web", 1, 1);
	expect_killed(5 * MIB);
}

/* ---- version 1 ---- */

static void make_version_1(const char *groups)
{
	magic = CGROUP_SUPER_MAGIC;
	put_groups(groups);
	put_limit("cg/memory/memory.limit_in_bytes", UINT64_C(9223372036854771712));
	join("cg/memory/docker/web");
	put_control("cg/memory/docker/web", 0);
	put_limit("cg/memory/docker/web/memory.limit_in_bytes", 128 * MIB);
	put_limit("cg/memory/docker/memory.limit_in_bytes", UINT64_C(9223372036854771712));
	/* Were it taken for the one that counts. */
	join("cg");
	put_events("cg", 0, 0);
}

static void test_oom_has_killed_version_1_names_the_limit(void **state)
{
	(void)state;
	make_version_1("5:cpu:/\n4:memory:/docker/web\n0::/\n");
	begin();
	expect_nothing();
	put_events("cg", 1, 1);
	expect_nothing();
	put_control("cg/memory/docker/web", 1);
	expect_killed(128 * MIB);
	expect_nothing();
}

static void test_oom_has_killed_version_1_names_the_smallest_limit(void **state)
{
	(void)state;
	make_version_1("4:memory:/docker/web\n");
	put_limit("cg/memory/docker/memory.limit_in_bytes", 64 * MIB);
	begin();
	put_control("cg/memory/docker/web", 1);
	expect_killed(64 * MIB);
}

static void test_oom_has_killed_version_1_without_a_limit_names_none(void **state)
{
	(void)state;
	make_version_1("4:memory:/docker/web\n");
	put_limit("cg/memory/docker/web/memory.limit_in_bytes", UINT64_C(9223372036854771712));
	begin();
	put_control("cg/memory/docker/web", 1);
	expect_killed(0);
}

/* Linux before 4.13 does not count. */
static void test_oom_has_killed_version_1_without_a_count_claims_nothing(void **state)
{
	(void)state;
	make_version_1("4:memory:/docker/web\n");
	put("cg/memory/docker/web/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
	begin();
	put_control("cg/memory/docker/web", 1);
	expect_nothing();
}

static void test_oom_open_version_1_is_found_whatever_is_beside_memory(void **state)
{
	static const char *const groups[] = {
		"4:memory:/docker/web\n",       "4:memory,hugetlb:/docker/web\n",
		"4:cpu,memory:/docker/web\n",   "4:cpu,memory,hugetlb:/docker/web\n",
		"0::/\n4:memory:/docker/web\n", "5:memoryx,xmemory:/\n4:memory:/docker/web\n",
		"4:memory:/host/docker/web\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		make_version_1(groups[i]);
		begin();
		put_control("cg/memory/docker/web", 1);
		expect_killed(128 * MIB);
	}
}

static void test_oom_open_version_1_path_of_the_host_finds_what_is_mounted(void **state)
{
	(void)state;
	make_version_1("4:memory:/docker/0123456789abcdef\n0::/\n");
	join("cg/memory");
	put_control("cg/memory", 0);
	put_limit("cg/memory/memory.limit_in_bytes", 3 * MIB);
	begin();
	put_control("cg/memory", 1);
	expect_killed(3 * MIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_oom_has_killed_count_as_before_claims_nothing),
		TEST(test_oom_has_killed_count_has_grown_names_the_limit),
		TEST(test_oom_has_killed_told_before_claims_nothing),
		TEST(test_oom_forget_what_was_counted_long_ago_claims_nothing),
		TEST(test_oom_forget_count_has_vanished_changes_nothing),
		TEST(test_oom_has_killed_count_has_shrunk_claims_nothing),
		TEST(test_oom_has_killed_count_has_vanished_claims_nothing),
		TEST(test_oom_has_killed_only_over_the_limit_claims_nothing),
		TEST(test_oom_has_killed_malformed_count_claims_nothing),
		TEST(test_oom_has_killed_longer_file_than_there_is_room_for_claims_nothing),
		TEST(test_oom_has_killed_interrupted_and_short_reads_find_all),
		TEST(test_oom_has_killed_no_number_for_a_limit_names_none),
		TEST(test_oom_has_killed_own_limit_not_reached_does_not_name_it),
		TEST(test_oom_has_killed_limit_around_names_the_smallest),
		TEST(test_oom_open_memory_not_accounted_for_takes_the_group_around),
		TEST(test_oom_open_memory_accounted_for_nowhere_claims_nothing),
		TEST(test_oom_open_path_of_the_host_finds_what_is_mounted),
		TEST(test_oom_open_path_of_the_host_finds_what_is_below_the_mount),
		TEST(test_oom_open_group_of_others_claims_nothing),
		TEST(test_oom_open_alone_finds_itself),
		TEST(test_oom_open_among_many_processes_finds_its_own),
		TEST(test_oom_open_other_file_system_claims_nothing),
		TEST(test_oom_open_nothing_known_of_its_groups_claims_nothing),
		TEST(test_oom_open_without_proc_claims_nothing),
		TEST(test_oom_open_path_of_proc_too_long_claims_nothing),
		TEST(test_oom_open_path_outside_of_the_namespace_claims_nothing),
		TEST(test_oom_open_path_too_long_is_cut_from_its_beginning),
		TEST(test_oom_open_version_2_beside_version_1_is_found),
		TEST(test_oom_has_killed_version_1_names_the_limit),
		TEST(test_oom_has_killed_version_1_names_the_smallest_limit),
		TEST(test_oom_has_killed_version_1_without_a_limit_names_none),
		TEST(test_oom_has_killed_version_1_without_a_count_claims_nothing),
		TEST(test_oom_open_version_1_is_found_whatever_is_beside_memory),
		TEST(test_oom_open_version_1_path_of_the_host_finds_what_is_mounted),
	};

	return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
