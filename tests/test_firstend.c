/* SPDX-License-Identifier: ISC */
/* firstend.c with the clock in the test's hand. Which ends it passes on, and in which order, is
 * only noted; whether a run is about to end, the test says. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <cmocka.h>

#include "command.h"
#include "firstend.h"

#define EXITED(status) ((status) << 8)

static uint64_t clock_ms;
static bool another_is_ending;
/* The names of the services whose ends were passed on: each is a letter. */
static char told[16];

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
bool __wrap_services_have_ending(const struct services *services, const struct procfs *proc);

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

bool __wrap_services_have_ending(const struct services *services, const struct procfs *proc)
{
	assert_non_null(services);
	assert_non_null(proc);
	return another_is_ending;
}

/* ---- the rig ---- */

static const struct procfs proc = { "/proc" };
static struct loop loop;
static struct services services;
static struct firstend firstend;
static struct command command;
static struct svdir_entry entries[3] = {
	{ .name = (char[]){ "a" } },
	{ .name = (char[]){ "b" } },
	{ .name = (char[]){ "c" }, .command = &command },
};
static struct service list[3] = {
	{ .entry = &entries[0] },
	{ .entry = &entries[1] },
	{ .entry = &entries[2] },
};

static void on_end(void *ctx, const struct service *service, const struct reaper_end *end)
{
	assert_ptr_equal(ctx, &firstend);
	assert_string_equal(end->name, service->entry->name);
	assert_true(strlen(told) + 1 < sizeof told);
	strcat(told, service->entry->name);
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
	another_is_ending = true;
	memset(told, 0, sizeof told);
	memset(&services, 0, sizeof services);
	sigemptyset(&none);
	assert_int_equal(loop_open(&loop, &none, on_signal, NULL), 0);
	firstend_init(&firstend, &services, &proc, &loop, on_end, &firstend);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_close(&loop);
	return 0;
}

/* Which services end, how. */
static void note(size_t which, int status)
{
	const struct reaper_end end = { .name = entries[which].name, .status = status };

	firstend_note(&firstend, &list[which], &end);
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

/* A turn that begins so much later, after which these ends were told. */
static void expect_told(uint64_t ms, const char *names)
{
	clock_ms += ms;
	assert_int_equal(loop_run(&loop, stop, NULL), 0);
	firstend_review(&firstend);
	assert_string_equal(told, names);
}

/* ---- the tests ---- */

static void test_firstend_orderly_end_alone_is_told_at_once(void **state)
{
	(void)state;
	another_is_ending = false;
	note(0, 0);
	assert_string_equal(told, "a");
	expect_told(FIRSTEND_HELD_MS, "a");
}

static void test_firstend_orderly_end_comes_after_the_failure_beside_it(void **state)
{
	(void)state;
	note(0, 0);
	expect_told(FIRSTEND_HELD_MS - 1, "");
	note(1, EXITED(5));
	another_is_ending = false;
	expect_told(0, "ba");
	expect_told(FIRSTEND_HELD_MS, "ba");
}

static void test_firstend_orderly_end_is_held_no_longer_than_a_moment(void **state)
{
	(void)state;
	note(0, 0);
	expect_told(FIRSTEND_HELD_MS - 1, "");
	expect_told(1, "a");
	note(1, EXITED(5));
	expect_told(FIRSTEND_HELD_MS, "ab");
}

/* The one that was about to end was optional, or has disabled itself: its end is not noted. */
static void test_firstend_orderly_end_is_told_when_nobody_is_ending_any_more(void **state)
{
	(void)state;
	note(0, 0);
	expect_told(1, "");
	another_is_ending = false;
	expect_told(0, "a");
	expect_told(FIRSTEND_HELD_MS, "a");
}

static void test_firstend_two_orderly_ends_keep_their_order(void **state)
{
	(void)state;
	note(0, 0);
	note(1, 0);
	assert_string_equal(told, "a");
	expect_told(FIRSTEND_HELD_MS, "ab");
}

static void test_firstend_failure_is_told_at_once(void **state)
{
	(void)state;
	note(0, EXITED(1));
	note(1, SIGKILL);
	assert_string_equal(told, "ab");
}

static void test_firstend_end_of_the_command_is_told_at_once_and_first(void **state)
{
	(void)state;
	note(0, 0);
	note(2, 0);
	assert_string_equal(told, "c");
	expect_told(FIRSTEND_HELD_MS, "ca");
}

/* A signal, say: nothing is to be decided any more. */
static void test_firstend_with_a_cause_nothing_is_held(void **state)
{
	(void)state;
	note(0, 0);
	services.has_cause = true;
	expect_told(0, "a");
	note(1, 0);
	assert_string_equal(told, "ab");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_firstend_orderly_end_alone_is_told_at_once),
		TEST(test_firstend_orderly_end_comes_after_the_failure_beside_it),
		TEST(test_firstend_orderly_end_is_held_no_longer_than_a_moment),
		TEST(test_firstend_orderly_end_is_told_when_nobody_is_ending_any_more),
		TEST(test_firstend_two_orderly_ends_keep_their_order),
		TEST(test_firstend_failure_is_told_at_once),
		TEST(test_firstend_end_of_the_command_is_told_at_once_and_first),
		TEST(test_firstend_with_a_cause_nothing_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
