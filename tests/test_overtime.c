/* SPDX-License-Identifier: ISC */
/* overtime.c with the clock in the test's hand. Who is killed is only noted. */
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
#include "overtime.h"
#include "waited.h"

/* ---- what is taken ---- */

static uint64_t clock_ms;
/* What was done, in its order: p prestop programs are killed, k services and orphans, K logging
 * programs and filters as well, w it was asked who is waited for. */
static char done[64];
/* There is something left beside logging programs, and anything at all. */
static bool services_left, waited;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
void __wrap_services_kill_prestops(struct services *services);
bool __wrap_services_kill(struct services *services, bool with_logs);
bool __wrap_policy_kill(struct policy *policy, bool with_filters);
bool __wrap_waited_describe(const struct services *services, const struct policy *policy,
			    char text[WAITED_TEXT_SIZE]);

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

static void note(const char *what)
{
	assert_true(strlen(done) + strlen(what) < sizeof done);
	strcat(done, what);
}

void __wrap_services_kill_prestops(struct services *services)
{
	(void)services;
	note("p");
}

bool __wrap_services_kill(struct services *services, bool with_logs)
{
	(void)services;
	note(with_logs ? "K" : "k");
	return services_left;
}

/* With the services, so that it is seen that both are killed alike. */
bool __wrap_policy_kill(struct policy *policy, bool with_filters)
{
	(void)policy;
	note(with_filters ? "K" : "k");
	return false;
}

bool __wrap_waited_describe(const struct services *services, const struct policy *policy,
			    char text[WAITED_TEXT_SIZE])
{
	(void)services;
	(void)policy;
	note("w");
	snprintf(text, WAITED_TEXT_SIZE, "web/run (PID 7)");
	return waited;
}

/* ---- the rig ---- */

static char said[4096];
static struct loop loop;
static struct services services;
static struct policy policy;
static struct overtime overtime;

static void keep(void *ctx, const char *line, size_t len)
{
	size_t so_far = strlen(said);

	(void)ctx;
	assert_true(so_far + len < sizeof said);
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
	services_left = waited = true;
	memset(said, 0, sizeof said);
	memset(done, 0, sizeof done);
	services.phase = SERVICES_STOPPED;
	log_set_writer(keep, NULL);
	sigemptyset(&none);
	assert_int_equal(loop_open(&loop, &none, on_signal, NULL), 0);
	overtime_init(&overtime, &loop, &services, &policy);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	overtime_end(&overtime);
	loop_close(&loop);
	log_set_writer(NULL, NULL);
	return 0;
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

/* A turn that begins so much later, in which exactly that is done. */
static void expect_done(uint64_t ms, const char *what)
{
	done[0] = '\0';
	clock_ms += ms;
	assert_int_equal(loop_run(&loop, stop, NULL), 0);
	assert_string_equal(done, what);
}

/* That is the end of the last message. */
static void expect_said(const char *text)
{
	size_t len = strlen(text);

	assert_true(strlen(said) > len);
	assert_memory_equal(said + strlen(said) - 1 - len, text, len);
}

/* ---- limits ---- */

static void test_overtime_limit_kills_step_by_step(void **state)
{
	(void)state;
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 8000);
	expect_done(7999, "");
	assert_false(overtime_is_over(&overtime));
	expect_done(1, "kk");
	assert_true(overtime_is_over(&overtime));
	expect_said("warning: the teardown takes longer than DINIT_GRACE_PERIOD allows (8 s): "
		    "killing what is left");
	expect_done(OVERTIME_STEP_MS - 1, "");
	expect_done(1, "KK");
	assert_false(overtime_is_hopeless(&overtime));
	expect_done(OVERTIME_STEP_MS, "");
	assert_true(overtime_is_hopeless(&overtime));
	expect_said("error: what is left cannot be killed: leaving it behind");
	said[0] = '\0';
	expect_done(10 * OVERTIME_STEP_MS, "");
	assert_string_equal(said, "");
}

/* The logging programs have nothing more to wait for. */
static void test_overtime_limit_kills_all_at_once_where_only_logs_are_left(void **state)
{
	(void)state;
	services_left = false;
	overtime_limit(&overtime, "DINIT_STOP_TIMEOUT", 60000);
	expect_done(60000, "kkKK");
	expect_done(OVERTIME_STEP_MS, "");
	assert_true(overtime_is_hopeless(&overtime));
}

/* The services are told to stop, by whoever asks overtime_is_over, and have one step's time; also
 * where it is the command that is waited for. */
static void test_overtime_limit_before_the_stop_comes_to_that_first(void **state)
{
	static const enum services_phase phases[] = { SERVICES_UP, SERVICES_DELAYED,
						      SERVICES_COMMAND_STOPPED };

	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
		services.phase = phases[i];
		overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 500);
		expect_done(500, "p");
		assert_true(overtime_is_over(&overtime));
		expect_said("DINIT_GRACE_PERIOD allows (0.5 s): telling the services to stop now");
		services.phase = SERVICES_STOPPED;
		expect_done(OVERTIME_STEP_MS - 1, "");
		expect_done(1, "kk");
		expect_done(OVERTIME_STEP_MS, "KK");
		teardown(state);
		setup(state);
	}
}

static void test_overtime_limit_of_0_is_none(void **state)
{
	(void)state;
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 0);
	expect_done(1000000000, "");
}

static void test_overtime_limit_earlier_one_counts(void **state)
{
	(void)state;
	overtime_limit(&overtime, "DINIT_STOP_TIMEOUT", 60000);
	expect_done(1000, "");
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 59001);
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 0);
	expect_done(58999, "");
	expect_done(1, "kk");
	expect_said("DINIT_STOP_TIMEOUT allows (60 s): killing what is left");
	teardown(state);
	setup(state);
	overtime_limit(&overtime, "DINIT_STOP_TIMEOUT", 60000);
	expect_done(1000, "");
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 8000);
	expect_done(8000, "kk");
	expect_said("DINIT_GRACE_PERIOD allows (8 s): killing what is left");
}

/* A signal that comes when a limit is over, or nobody is waited for any more, changes nothing. */
static void test_overtime_limit_afterwards_changes_nothing(void **state)
{
	(void)state;
	overtime_limit(&overtime, "DINIT_STOP_TIMEOUT", 1000);
	expect_done(1000, "kk");
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 1);
	expect_done(1, "");
	expect_done(OVERTIME_STEP_MS - 1, "KK");
	teardown(state);
	setup(state);
	overtime_end(&overtime);
	overtime_limit(&overtime, "DINIT_GRACE_PERIOD", 1);
	expect_done(1000000, "");
	assert_false(overtime_is_over(&overtime));
}

static void test_overtime_end_stops_the_limit(void **state)
{
	(void)state;
	overtime_limit(&overtime, "DINIT_STOP_TIMEOUT", 1000);
	overtime_expect(&overtime);
	overtime_end(&overtime);
	expect_done(1000000, "");
}

/* ---- words ---- */

static void test_overtime_expect_says_once_what_is_waited_for(void **state)
{
	(void)state;
	overtime_expect(&overtime);
	expect_done(OVERTIME_WORD_MS - 1, "");
	expect_done(1, "w");
	expect_said("warning: the teardown still waits for web/run (PID 7)");
	expect_done(100 * OVERTIME_WORD_MS, "");
}

static void test_overtime_expect_counts_anew(void **state)
{
	(void)state;
	overtime_expect(&overtime);
	expect_done(OVERTIME_WORD_MS - 1, "");
	overtime_expect(&overtime);
	expect_done(OVERTIME_WORD_MS - 1, "");
	expect_done(1, "w");
}

static void test_overtime_expect_nothing_waited_for_is_not_said(void **state)
{
	(void)state;
	waited = false;
	overtime_expect(&overtime);
	expect_done(OVERTIME_WORD_MS, "w");
	assert_string_equal(said, "");
}

/* ---- checks that were killed ---- */

static void test_overtime_awaits_checks_but_not_for_ever(void **state)
{
	struct programs programs = { .aside = 2 };

	(void)state;
	services.programs = &programs;
	assert_true(overtime_awaits_checks(&overtime));
	expect_done(OVERTIME_ASIDE_MS - 1, "");
	assert_true(overtime_awaits_checks(&overtime));
	programs.aside = 0;
	assert_false(overtime_awaits_checks(&overtime));
	programs.aside = 1;
	expect_done(1, "");
	assert_false(overtime_awaits_checks(&overtime));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overtime_limit_kills_step_by_step),
		TEST(test_overtime_limit_kills_all_at_once_where_only_logs_are_left),
		TEST(test_overtime_limit_before_the_stop_comes_to_that_first),
		TEST(test_overtime_limit_of_0_is_none),
		TEST(test_overtime_limit_earlier_one_counts),
		TEST(test_overtime_limit_afterwards_changes_nothing),
		TEST(test_overtime_end_stops_the_limit),
		TEST(test_overtime_expect_says_once_what_is_waited_for),
		TEST(test_overtime_expect_counts_anew),
		TEST(test_overtime_expect_nothing_waited_for_is_not_said),
		TEST(test_overtime_awaits_checks_but_not_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
