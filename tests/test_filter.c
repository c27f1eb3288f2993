/* SPDX-License-Identifier: ISC */
/* filter.c over a real child; what the logmux reads is in the test's hand. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter.h"
#include "rig.h"

static const struct procfs proc = { .root = "/proc" };
static const struct logmux *const mux = (const struct logmux *)(const void *)&proc;

/* Two pipes, of which dinit reads the second. */
static int input[2], output[2], void_fd;
/* What a child does not inherit, if it is not -1. */
static int own_fd = -1;

bool __wrap_logmux_reads(const struct logmux *of, dev_t device, ino_t inode);

bool __wrap_logmux_reads(const struct logmux *of, dev_t device, ino_t inode)
{
	struct stat status;

	assert_ptr_equal(of, mux);
	assert_int_equal(fstat(output[0], &status), 0);
	return status.st_dev == device && status.st_ino == inode;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	void_fd = open("/dev/null", O_RDWR);
	assert_true(void_fd >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(input[0]);
	close(input[1]);
	close(output[0]);
	close(output[1]);
	close(void_fd);
	return 0;
}

/* Starts a child with these descriptors, of which -1 is closed, as the given user. */
static pid_t start_child(int stdin_fd, int stdout_fd, int stderr_fd, uid_t uid)
{
	const int fds[] = { stdin_fd, stdout_fd, stderr_fd };
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (own_fd >= 0)
			close(own_fd);
		for (int fd = 0; fd < 3; fd++) {
			if (fds[fd] < 0)
				close(fd);
			else
				dup2(fds[fd], fd);
		}
		if (setresuid(uid, uid, uid) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Returns what filter_is says of such a child. */
static bool is_filter(int stdin_fd, int stdout_fd, int stderr_fd, uid_t uid)
{
	pid_t pid = start_child(stdin_fd, stdout_fd, stderr_fd, uid);
	bool result = filter_is(&proc, mux, pid);

	end_child(pid);
	return result;
}

static void test_filter_is_pipe_into_ours_is_one(void **state)
{
	(void)state;
	assert_true(is_filter(input[0], output[1], output[1], getuid()));
	assert_true(is_filter(input[0], output[1], void_fd, getuid()));
	assert_true(is_filter(input[0], void_fd, output[1], getuid()));
	assert_true(is_filter(input[0], -1, output[1], getuid()));
}

static void test_filter_is_named_pipe_into_ours_is_one(void **state)
{
	char path[] = "/tmp/test_filter.XXXXXX";
	int fd, held_fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	assert_int_equal(chdir(path), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(is_filter(fd, output[1], void_fd, getuid()));
	held_fd = open("fifo", O_RDWR | O_CLOEXEC);
	assert_false(is_filter(held_fd, output[1], void_fd, getuid()));
	close(held_fd);
	close(fd);
	assert_int_equal(unlink("fifo"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(path), 0);
}

static void test_filter_is_other_input_is_none(void **state)
{
	(void)state;
	assert_false(is_filter(void_fd, output[1], output[1], getuid()));
	assert_false(is_filter(-1, output[1], output[1], getuid()));
}

static void test_filter_is_other_output_is_none(void **state)
{
	(void)state;
	assert_false(is_filter(input[0], void_fd, void_fd, getuid()));
	assert_false(is_filter(input[0], input[1], input[1], getuid()));
	assert_false(is_filter(input[0], -1, -1, getuid()));
}

static void test_filter_is_process_that_has_ended_is_none(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(filter_is(&proc, mux, pid));
	waitpid(pid, NULL, 0);
	assert_false(filter_is(&proc, mux, pid));
}

static void test_filter_is_of_another_user_is_seen_with_the_right_to(void **state)
{
	(void)state;
	rig_need(rig_can_take_user(), RIG_WHY_USER);
	rig_need(rig_can_trace_others(), RIG_WHY_TRACED);
	assert_true(is_filter(input[0], output[1], output[1], 65534));
}

static void test_filter_is_without_the_right_to_look_is_none(void **state)
{
	pid_t filter, looker;
	int status;

	(void)state;
	rig_need(rig_can_take_user(), RIG_WHY_USER);
	filter = start_child(input[0], output[1], output[1], getuid());
	looker = fork();
	if (looker == 0)
		_exit(setresuid(65534, 65534, 65534) < 0 || filter_is(&proc, mux, filter));
	assert_int_equal(waitpid(looker, &status, 0), looker);
	assert_int_equal(status, 0);
	assert_true(filter_is(&proc, mux, filter));
	end_child(filter);
}

/* A command has dinit's stdin, and so has what it leaves behind. */
static void test_filter_is_with_our_own_stdin_is_none(void **state)
{
	int own_stdin = dup(STDIN_FILENO);

	(void)state;
	dup2(input[0], STDIN_FILENO);
	assert_false(is_filter(input[0], output[1], output[1], getuid()));
	dup2(own_stdin, STDIN_FILENO);
	close(own_stdin);
	assert_true(is_filter(input[0], output[1], output[1], getuid()));
}

/* ---- filter_measure_end ---- */

static struct filter_inputs inputs;

static uint64_t measure(pid_t pid, uint64_t now_ms)
{
	return filter_measure_end(&inputs, &proc, pid, now_ms);
}

/* Starts a child that has the pipe for stdin, and only that end of it. */
static pid_t start_reader(const int ends[2])
{
	pid_t pid;

	own_fd = ends[1];
	pid = start_child(ends[0], output[1], output[1], getuid());
	own_fd = -1;
	return pid;
}

static void test_filter_measure_end_begins_when_input_has_ended_and_is_empty(void **state)
{
	int ends[2];
	char byte;
	pid_t pid;

	(void)state;
	memset(&inputs, 0, sizeof inputs);
	assert_int_equal(pipe(ends), 0);
	pid = start_reader(ends);
	assert_int_equal(measure(pid, 1000), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(measure(pid, 2000), 0);
	close(ends[1]);
	assert_int_equal(measure(pid, 3000), 0);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(measure(pid, 4000), 0);
	assert_int_equal(measure(pid, 4001), 1);
	close(ends[0]);
	assert_int_equal(measure(pid, 9000), 5000);
	end_child(pid);
	assert_int_equal(measure(pid, 10000), 0);
}

static void test_filter_measure_end_is_that_of_the_pipe(void **state)
{
	int ends[2], others[2];
	pid_t one, other, third;

	(void)state;
	memset(&inputs, 0, sizeof inputs);
	assert_int_equal(pipe(ends), 0);
	one = start_reader(ends);
	close(ends[1]);
	assert_int_equal(measure(one, 1000), 0);
	end_child(one);
	other = start_child(ends[0], output[1], output[1], getuid());
	assert_int_equal(measure(other, 3000), 2000);
	assert_int_equal(pipe(others), 0);
	third = start_reader(others);
	close(others[1]);
	assert_int_equal(measure(third, 3000), 0);
	assert_int_equal(measure(other, 4000), 3000);
	assert_int_equal(measure(third, 4000), 1000);
	end_child(other);
	end_child(third);
	close(ends[0]);
	close(others[0]);
}

/* The oldest is forgotten first. */
static void test_filter_measure_end_remembers_so_many(void **state)
{
	pid_t pids[FILTER_INPUTS + 1];

	(void)state;
	memset(&inputs, 0, sizeof inputs);
	for (uint64_t i = 0; i <= FILTER_INPUTS; i++) {
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		pids[i] = start_reader(ends);
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(measure(pids[i], 1000 + i), 0);
		if (i == FILTER_INPUTS - 1)
			assert_int_equal(measure(pids[0], 2000), 1000);
	}
	assert_int_equal(measure(pids[1], 3001), 2000);
	assert_int_equal(measure(pids[FILTER_INPUTS], 3000 + FILTER_INPUTS), 2000);
	assert_int_equal(measure(pids[0], 4000), 0);
	for (size_t i = 0; i <= FILTER_INPUTS; i++)
		end_child(pids[i]);
}

static void test_filter_measure_end_is_0_where_it_cannot_be_seen(void **state)
{
	int ends[2], status;
	pid_t pid, looker;

	(void)state;
	rig_need(rig_can_take_user(), RIG_WHY_USER);
	memset(&inputs, 0, sizeof inputs);
	assert_int_equal(pipe(ends), 0);
	pid = start_reader(ends);
	close(ends[1]);
	assert_int_equal(measure(pid, 1000), 0);
	looker = fork();
	if (looker == 0)
		_exit(setresuid(65534, 65534, 65534) < 0 || measure(pid, 2000) != 0);
	assert_int_equal(waitpid(looker, &status, 0), looker);
	assert_int_equal(status, 0);
	assert_int_equal(measure(pid, 2000), 1000);
	close(ends[0]);
	end_child(pid);
}

/* Of a file, poll(2) and open(2) say other things. */
static void test_filter_measure_end_looks_at_pipes_only(void **state)
{
	pid_t pid = start_child(void_fd, output[1], output[1], getuid());

	(void)state;
	memset(&inputs, 0, sizeof inputs);
	assert_int_equal(measure(pid, 1000), 0);
	assert_int_equal(measure(pid, 2000), 0);
	end_child(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_is_pipe_into_ours_is_one),
		cmocka_unit_test(test_filter_is_named_pipe_into_ours_is_one),
		cmocka_unit_test(test_filter_is_other_input_is_none),
		cmocka_unit_test(test_filter_is_other_output_is_none),
		cmocka_unit_test(test_filter_is_process_that_has_ended_is_none),
		cmocka_unit_test(test_filter_is_of_another_user_is_seen_with_the_right_to),
		cmocka_unit_test(test_filter_is_without_the_right_to_look_is_none),
		cmocka_unit_test(test_filter_is_with_our_own_stdin_is_none),
		cmocka_unit_test(test_filter_measure_end_begins_when_input_has_ended_and_is_empty),
		cmocka_unit_test(test_filter_measure_end_is_that_of_the_pipe),
		cmocka_unit_test(test_filter_measure_end_remembers_so_many),
		cmocka_unit_test(test_filter_measure_end_is_0_where_it_cannot_be_seen),
		cmocka_unit_test(test_filter_measure_end_looks_at_pipes_only),
	};

	return cmocka_run_group_tests_name("filter", tests, setup, teardown);
}
