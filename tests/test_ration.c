/* SPDX-License-Identifier: ISC */
/* ration.c with the clock in the test's hand. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <cmocka.h>

#include "log.h"
#include "ration.h"

static uint64_t clock_ms;
static bool strdup_fails, hinted;
static char said[20000];
static struct loop loop;
static struct ration ration;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ (time_t)(clock_ms / 1000), (long)(clock_ms % 1000) * 1000000 };
	return 0;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
	(void)timeout_ms;
	return __real_epoll_wait(epoll_fd, events, max, 0);
}

char *__wrap_strdup(const char *text)
{
	errno = ENOMEM;
	return strdup_fails ? NULL : __real_strdup(text);
}

static void keep(void *ctx, const char *line, size_t len)
{
	size_t so_far = strlen(said);

	(void)ctx;
	if (so_far + len < sizeof said)
		memcpy(said + so_far, line, len);
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static int setup(void **state)
{
	sigset_t none;

	(void)state;
	clock_ms = 1000000;
	strdup_fails = false;
	memset(said, 0, sizeof said);
	log_set_writer(keep, NULL);
	sigemptyset(&none);
	assert_int_equal(loop_open(&loop, &none, on_signal, NULL), 0);
	ration_init(&ration, &loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ration_close(&ration);
	loop_close(&loop);
	log_set_writer(NULL, NULL);
	return 0;
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

/* A turn that begins so much later. */
static void pass(uint64_t ms)
{
	clock_ms += ms;
	assert_int_equal(loop_run(&loop, stop, NULL), 0);
}

static size_t count(const char *part)
{
	size_t n = 0;

	for (const char *at = said; (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* Warns of one orphan of a program, and takes that line out of what was said. Returns whether it
 * was written, and sets hinted to whether it says how to leave the program alone. */
static bool warn(const char *program)
{
	bool written = ration_warn(&ration, program, "label/7", "its command", true);
	char *line = strstr(said, "label/7: lost its parent, terminating it: its command");

	assert_int_equal(written, line != NULL);
	hinted = line && strstr(line, "DINIT_KEEP=");
	while (line && line > said && line[-1] != '\n')
		line--;
	if (line)
		memset(line, 0, strlen(line));
	return written;
}

/* Warns so many times. Returns how many of the warnings were written. */
static unsigned warn_times(const char *program, unsigned times)
{
	unsigned written = 0;

	for (unsigned i = 0; i < times; i++)
		written += warn(program);
	return written;
}

static void test_ration_warn_first_one_says_once_how_to_keep_it(void **state)
{
	(void)state;
	assert_true(warn("epmd"));
	assert_true(hinted);
	assert_true(warn("epmd"));
	assert_false(hinted);
	assert_true(warn("screen"));
	assert_true(hinted);
	pass(3 * RATION_MINUTE_MS);
	assert_true(warn("epmd"));
	assert_false(hinted);
}

static void test_ration_warn_hint_has_no_comma_of_the_name(void **state)
{
	(void)state;
	assert_true(ration_warn(&ration, "a,b,c", "a,b,c/7", "its command", true));
	assert_int_equal(count("a,b,c/7: lost its parent, terminating it: its command "
			       "(DINIT_KEEP=a?b?c leaves it alone)\n"),
			 1);
}

static void test_ration_warn_of_what_cannot_be_kept_has_no_hint(void **state)
{
	(void)state;
	assert_true(ration_warn(&ration, "epmd", "epmd/7", "its command", false));
	assert_int_equal(count("epmd/7: lost its parent, terminating it: its command\n"), 1);
}

static void test_ration_warn_ten_within_a_minute_are_written_and_the_rest_counted(void **state)
{
	(void)state;
	assert_int_equal(warn_times("chrome", 25), RATION_WARNINGS);
	assert_int_equal(warn_times("sh", 3), 3);
	pass(RATION_MINUTE_MS - 1);
	assert_string_equal(said, "");
	pass(1);
	assert_int_equal(
		count("warning: chrome: 15 more orphans were terminated within a minute\n"), 1);
	assert_int_equal(count("\n"), 1);
}

static void test_ration_warn_while_there_are_many_one_line_a_minute_is_written(void **state)
{
	(void)state;
	assert_int_equal(warn_times("chrome", 11), RATION_WARNINGS);
	pass(RATION_MINUTE_MS);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(warn_times("chrome", 100), 0);
		pass(RATION_MINUTE_MS);
	}
	assert_int_equal(count("chrome: 1 more orphan was terminated within a minute\n"), 1);
	assert_int_equal(count("chrome: 100 more orphans were "), 5);
	assert_int_equal(count("\n"), 6);
	/* One minute without any. */
	pass(RATION_MINUTE_MS);
	assert_int_equal(warn_times("chrome", 11), RATION_WARNINGS);
	assert_int_equal(count("\n"), 6);
}

static void test_ration_warn_few_a_minute_are_all_written(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(warn_times("cron", RATION_WARNINGS), RATION_WARNINGS);
		pass(RATION_MINUTE_MS);
	}
	assert_string_equal(said, "");
}

static void test_ration_warn_two_programs_each_have_a_minute_of_their_own(void **state)
{
	(void)state;
	warn_times("quiet", 3);
	warn_times("a", 12);
	pass(RATION_MINUTE_MS / 2);
	warn_times("b", 13);
	pass(RATION_MINUTE_MS / 2);
	assert_int_equal(count("a: 2 more "), 1);
	assert_int_equal(count("\n"), 1);
	assert_int_equal(warn_times("quiet", RATION_WARNINGS), RATION_WARNINGS);
	pass(RATION_MINUTE_MS / 2);
	assert_int_equal(count("b: 3 more "), 1);
	assert_int_equal(count("\n"), 2);
}

static void test_ration_warn_more_programs_than_it_counts_forgets_the_oldest(void **state)
{
	char name[16];

	(void)state;
	warn_times("oldest", 14);
	for (int i = 0; i < RATION_PROGRAMS; i++) {
		pass(1);
		snprintf(name, sizeof name, "p%d", i);
		assert_true(warn(name));
		assert_true(hinted);
	}
	assert_int_equal(count("oldest: 4 more orphans were terminated within a minute\n"), 1);
	assert_true(warn("p1"));
	assert_false(hinted);
	assert_true(warn("oldest"));
	assert_true(hinted);
	assert_true(warn("p0"));
	assert_true(hinted);
	pass(RATION_MINUTE_MS);
	assert_int_equal(count("\n"), 1);
}

static void test_ration_warn_without_memory_writes_all(void **state)
{
	(void)state;
	strdup_fails = true;
	for (int i = 0; i < 3 * RATION_WARNINGS; i++) {
		assert_true(warn("chrome"));
		assert_false(hinted);
	}
}

static void test_ration_say_rest_says_it_now_and_not_again(void **state)
{
	(void)state;
	warn_times("a", 12);
	warn_times("b", 13);
	warn_times("c", 1);
	ration_say_rest(&ration);
	assert_int_equal(count("a: 2 more "), 1);
	assert_int_equal(count("b: 3 more "), 1);
	pass(RATION_MINUTE_MS);
	ration_say_rest(&ration);
	assert_int_equal(count("\n"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ration_warn_first_one_says_once_how_to_keep_it),
		TEST(test_ration_warn_hint_has_no_comma_of_the_name),
		TEST(test_ration_warn_of_what_cannot_be_kept_has_no_hint),
		TEST(test_ration_warn_ten_within_a_minute_are_written_and_the_rest_counted),
		TEST(test_ration_warn_while_there_are_many_one_line_a_minute_is_written),
		TEST(test_ration_warn_few_a_minute_are_all_written),
		TEST(test_ration_warn_two_programs_each_have_a_minute_of_their_own),
		TEST(test_ration_warn_more_programs_than_it_counts_forgets_the_oldest),
		TEST(test_ration_warn_without_memory_writes_all),
		TEST(test_ration_say_rest_says_it_now_and_not_again),
	};

	return cmocka_run_group_tests_name("ration", tests, NULL, NULL);
}
