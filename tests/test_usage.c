/* SPDX-License-Identifier: ISC */
/* usage.c over a /proc made of ordinary files, and over the real one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/usage.h"
#include "tree.h"

/* The next allocations fail: so many are left until then; 0: never. */
static unsigned malloc_fails, calloc_fails, realloc_fails, open_fails;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
	return malloc_fails > 0 && --malloc_fails == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return calloc_fails > 0 && --calloc_fails == 0 ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return realloc_fails > 0 && --realloc_fails == 0 ? NULL : __real_realloc(memory, size);
}

int __wrap_open(const char *path, int flags, ...)
{
	if (open_fails > 0 && --open_fails == 0) {
		errno = EMFILE;
		return -1;
	}
	return __real_open(path, flags);
}

/* ---- the rig ---- */

#define SERVICES_MAX 8

struct rig {
	char root[64];
	struct procfs proc;
	struct view_service list[SERVICES_MAX];
	struct snapshot snapshot;
	struct usage *usages;
};

static int setup(void **state)
{
	struct rig *rig = test_calloc(1, sizeof *rig);
	char path[80], target[16];

	strcpy(rig->root, "/tmp/test_usage.XXXXXX");
	assert_non_null(mkdtemp(rig->root));
	rig->proc.root = rig->root;
	rig->snapshot.list = rig->list;
	snprintf(path, sizeof path, "%s/self", rig->root);
	snprintf(target, sizeof target, "%d", (int)getpid());
	assert_int_equal(symlink(target, path), 0);
	malloc_fails = calloc_fails = realloc_fails = open_fails = 0;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	free(rig->usages);
	assert_int_equal(tree_remove(rig->root), 0);
	test_free(rig);
	return 0;
}

/* A process that has used a tick more than its PID says, in each of the four ways, and has as many
 * pages as its PID says. */
static void put_process(const struct rig *rig, pid_t pid, pid_t parent)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%d", rig->root, (int)pid);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/stat");
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%d (x) S %d 5 6 7 8 9 10 11 12 13 %d 1 1 1 18 19 20 21 22 23 %d 25\n",
		(int)pid, (int)parent, (int)pid + 1, (int)pid);
	assert_int_equal(fclose(file), 0);
}

static void add_service(struct rig *rig, pid_t pid, pid_t log_pid, pid_t finish_pid)
{
	rig->list[rig->snapshot.len++] = (struct view_service){
		.entry = { .pid = pid, .log_pid = log_pid, .finish_pid = finish_pid },
	};
}

static void measure(struct rig *rig)
{
	free(rig->usages);
	/* Behind the last one there is nothing to be looked at. */
	rig->list[rig->snapshot.len].entry.pid = 10;
	rig->usages = usage_measure(&rig->proc, &rig->snapshot);
	assert_non_null(rig->usages);
}

/* Expects the sum of so many processes whose PIDs add up to that. */
static void expect_usage(const struct usage *usage, uint64_t processes, uint64_t sum)
{
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);

	assert_true(usage->known);
	assert_int_equal(usage->processes, processes);
	assert_int_equal(usage->cpu_ms, (sum + 4 * processes) * 1000 / ticks);
	assert_int_equal(usage->memory_bytes, sum * (uint64_t)sysconf(_SC_PAGESIZE));
}

/* ---- the tests ---- */

static void test_measure_tree_counts_for_its_service(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 1, 0);
	put_process(rig, 10, 1);
	put_process(rig, 11, 10);
	put_process(rig, 12, 11);
	/* A child may have a smaller PID than its parent. */
	put_process(rig, 5, 12);
	put_process(rig, 20, 1);
	/* Nobody's. */
	put_process(rig, 30, 1);
	put_process(rig, 31, 30);
	put_process(rig, 40, 0);
	put_process(rig, 41, 40);
	add_service(rig, 10, 0, 0);
	add_service(rig, 20, 0, 0);
	measure(rig);
	expect_usage(&rig->usages[0], 4, 10 + 11 + 12 + 5);
	expect_usage(&rig->usages[1], 1, 20);
	/* The first process of all, and all below it. */
	rig->snapshot.len = 0;
	add_service(rig, 1, 0, 0);
	add_service(rig, 2, 0, 0);
	measure(rig);
	expect_usage(&rig->usages[0], 8, 1 + 10 + 11 + 12 + 5 + 20 + 30 + 31);
	assert_false(rig->usages[1].known);
}

static void test_measure_all_programs_of_a_service_count(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 10, 1);
	put_process(rig, 11, 1);
	put_process(rig, 12, 1);
	put_process(rig, 13, 12);
	add_service(rig, 10, 11, 12);
	measure(rig);
	expect_usage(&rig->usages[0], 4, 10 + 11 + 12 + 13);
}

static void test_measure_service_below_another_counts_for_itself(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 10, 1);
	put_process(rig, 11, 10);
	put_process(rig, 12, 11);
	add_service(rig, 10, 0, 0);
	add_service(rig, 11, 0, 0);
	measure(rig);
	expect_usage(&rig->usages[0], 1, 10);
	expect_usage(&rig->usages[1], 2, 11 + 12);
}

static void test_measure_service_without_a_program_uses_nothing(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 1, 0);
	add_service(rig, 0, 0, 0);
	measure(rig);
	expect_usage(&rig->usages[0], 0, 0);
}

static void test_measure_hidden_program_is_unknown(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 10, 1);
	add_service(rig, 10, 0, 0);
	add_service(rig, 10, 11, 0);
	add_service(rig, 12, 0, 0);
	add_service(rig, 0, 0, 13);
	measure(rig);
	assert_false(rig->usages[1].known);
	assert_false(rig->usages[2].known);
	assert_false(rig->usages[3].known);
}

static void test_measure_circle_of_parents_ends(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 10, 11);
	put_process(rig, 11, 12);
	put_process(rig, 12, 10);
	put_process(rig, 13, 13);
	put_process(rig, 14, 1);
	add_service(rig, 14, 0, 0);
	measure(rig);
	expect_usage(&rig->usages[0], 1, 14);
}

static void test_measure_many_processes_are_all_counted(void **state)
{
	struct rig *rig = *state;
	uint64_t sum = 0;

	/* One below the other. */
	for (pid_t pid = 100; pid < 400; pid++) {
		put_process(rig, pid, pid + 1);
		sum += (uint64_t)pid;
	}
	add_service(rig, 399, 0, 0);
	measure(rig);
	expect_usage(&rig->usages[0], 300, sum);
}

static void test_measure_without_proc_is_unknown(void **state)
{
	struct rig *rig = *state;
	char path[80];

	put_process(rig, 10, 1);
	add_service(rig, 10, 0, 0);
	add_service(rig, 0, 0, 0);
	rig->proc.root = "/nowhere";
	measure(rig);
	assert_false(rig->usages[0].known);
	assert_true(rig->usages[1].known);
	/* That of another PID namespace. */
	rig->proc.root = rig->root;
	snprintf(path, sizeof path, "%s/self", rig->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("1", path), 0);
	measure(rig);
	assert_false(rig->usages[0].known);
}

static void test_measure_without_memory_is_nothing(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 10, 1);
	put_process(rig, 11, 1);
	add_service(rig, 10, 0, 0);
	malloc_fails = 1;
	assert_null(usage_measure(&rig->proc, &rig->snapshot));
	malloc_fails = 0;
	calloc_fails = 1;
	assert_null(usage_measure(&rig->proc, &rig->snapshot));
	/* A part of the processes says nothing, whichever it is. */
	add_service(rig, 11, 0, 0);
	realloc_fails = 1;
	measure(rig);
	assert_false(rig->usages[0].known);
	assert_false(rig->usages[1].known);
}

/* So that some files of /proc are opened, and others not. */
static void test_measure_without_descriptors_is_unknown(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 10, 1);
	put_process(rig, 11, 1);
	add_service(rig, 10, 0, 0);
	add_service(rig, 11, 0, 0);
	open_fails = 2;
	measure(rig);
	assert_int_equal(open_fails, 0);
	assert_false(rig->usages[0].known);
	assert_false(rig->usages[1].known);
}

static void test_measure_real_process_has_memory(void **state)
{
	static const struct procfs real = { .root = "/proc" };
	struct rig *rig = *state;

	add_service(rig, getpid(), 0, 0);
	rig->usages = usage_measure(&real, &rig->snapshot);
	assert_non_null(rig->usages);
	assert_true(rig->usages[0].known);
	assert_int_equal(rig->usages[0].processes, 1);
	assert_in_range(rig->usages[0].memory_bytes, 100000, UINT64_C(1) << 40);
	/* (Emulated, it is no small number.) */
	assert_in_range(rig->usages[0].cpu_ms, 0, 600000);
}

#define USAGE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USAGE_TEST(test_measure_tree_counts_for_its_service),
		USAGE_TEST(test_measure_all_programs_of_a_service_count),
		USAGE_TEST(test_measure_service_below_another_counts_for_itself),
		USAGE_TEST(test_measure_service_without_a_program_uses_nothing),
		USAGE_TEST(test_measure_hidden_program_is_unknown),
		USAGE_TEST(test_measure_circle_of_parents_ends),
		USAGE_TEST(test_measure_many_processes_are_all_counted),
		USAGE_TEST(test_measure_without_proc_is_unknown),
		USAGE_TEST(test_measure_without_memory_is_nothing),
		USAGE_TEST(test_measure_without_descriptors_is_unknown),
		USAGE_TEST(test_measure_real_process_has_memory),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
