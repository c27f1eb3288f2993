/* SPDX-License-Identifier: ISC */
/* Owns the order in which the tests of a program are played: one after the other, or some of them
 * side by side; not what a test is (scene.c). Invariant: no process of a lane outlives its
 * parent. */
#include "launch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What waits takes little of a processor: two suites of four are well below one of them. */
#define LANES 4
/* The most tests in a table. */
#define TESTS_MAX 300

/* Takes in what the environment says of all tests. Returns whether there is a dinit to test. */
static bool prepare_tests(void)
{
	const char *only = getenv("TEST_ONLY");

	if (access(launch_binary_name(), X_OK) < 0) {
		print_error("DINIT_BINARY is %s: %s\n", launch_binary_name(), strerror(errno));
		return false;
	}
	if (only && *only) {
		/* cmocka keeps no copy */
		static char filter[256];

		snprintf(filter, sizeof filter, "*%s*", only);
		cmocka_set_test_filter(filter);
	}
	return true;
}

/* Returns whether it is the second of the two that SCENE makes of a test. */
static bool is_repeated(const struct CMUnitTest *tests, size_t i)
{
	const struct scene_case *one = tests[i].initial_state, *before;

	if (i == 0 || one->mode != RUN_AS_SUBREAPER)
		return false;
	before = tests[i - 1].initial_state;
	return before->test == one->test;
}

/* Copies the tests that are to be played. Returns how many these are; 0 where there is no room for
 * the table. */
static size_t choose_tests(const struct CMUnitTest *tests, size_t count,
			   struct CMUnitTest chosen[TESTS_MAX])
{
	bool once = getenv("TEST_ONCE") != NULL;
	size_t len = 0;

	if (count > TESTS_MAX) {
		print_error("%zu tests are more than TESTS_MAX\n", count);
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (!once || !is_repeated(tests, i))
			chosen[len++] = tests[i];
	return len;
}

int scene_run_all(const char *name, const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest chosen[TESTS_MAX];

	count = choose_tests(tests, count, chosen);
	if (count == 0 || !prepare_tests())
		return 1;
	return _cmocka_run_group_tests(name, chosen, count, NULL, NULL);
}

/* Plays one test after the other of those that no lane has begun with, each as a group of its own;
 * writes to that descriptor what there is to say. Returns how many failed. */
static int play_lane(int fd, atomic_size_t *begun, const char *name, const struct CMUnitTest *tests,
		     size_t count)
{
	int failed = 0;
	size_t i;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		return 1;
	while ((i = atomic_fetch_add(begun, 1)) < count)
		failed += _cmocka_run_group_tests(name, tests + i, 1, NULL, NULL);
	return failed;
}

/* Returns whether all went well in that process, and shows what it has written. */
static bool end_lane(pid_t pid, FILE *output)
{
	int status = 1, byte;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	rewind(output);
	while ((byte = getc(output)) != EOF)
		putchar(byte);
	fclose(output);
	if (WIFSIGNALED(status))
		print_error("the process of these tests was killed by signal %d\n",
			    WTERMSIG(status));
	return status == 0;
}

int scene_run_side_by_side(const char *name, const struct CMUnitTest *tests, size_t count)
{
	atomic_size_t *begun = mmap(NULL, sizeof *begun, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct CMUnitTest chosen[TESTS_MAX];
	FILE *outputs[LANES];
	pid_t pids[LANES];
	int failed = 0;

	count = choose_tests(tests, count, chosen);
	if (count == 0 || !prepare_tests())
		return 1;
	/* Else each lane would write once more what has been said before. */
	fflush(stdout);
	for (int i = 0; i < LANES; i++) {
		outputs[i] = tmpfile();
		pids[i] = outputs[i] && begun != MAP_FAILED ? fork() : -1;
		if (pids[i] == 0)
			exit(play_lane(fileno(outputs[i]), begun, name, chosen, count) > 0);
		if (pids[i] < 0) {
			print_error("the tests cannot be played: %s\n", strerror(errno));
			return 1;
		}
	}
	for (int i = 0; i < LANES; i++)
		failed += !end_lane(pids[i], outputs[i]);
	munmap(begun, sizeof *begun);
	return failed;
}
