/* SPDX-License-Identifier: ISC */
/* ending.c with the clock in the test's hand. What the policy finds, and whether a logging program
 * has read the output, is what the test says (--wrap). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ending.h"
#include "log.h"

/* ---- what is below, as the tests want it ---- */

static uint64_t clock_ms;
static bool has_left, was_logged;
static const char *left_name;
static int searches;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
bool __wrap_left_find(struct policy *policy, pid_t ended, struct left *left);
bool __wrap_service_was_logged(const struct service *service, const struct reaper_end *end);

struct rig {
	struct loop loop;
	struct policy policy;
	struct service service;
	struct ending ending;
	char said[4096];
};

static struct rig *current;

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

bool __wrap_left_find(struct policy *policy, pid_t ended, struct left *left)
{
	assert_ptr_equal(policy, &current->policy);
	assert_int_equal(ended, 7);
	searches++;
	left->pid = 9;
	snprintf(left->name, sizeof left->name, "%s", left_name);
	return has_left;
}

bool __wrap_service_was_logged(const struct service *service, const struct reaper_end *end)
{
	assert_ptr_equal(service, &current->service);
	assert_int_equal(end->pid, 7);
	return was_logged;
}

/* ---- the rig ---- */

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static void keep(void *ctx, const char *line, size_t len)
{
	struct rig *rig = ctx;
	size_t said = strlen(rig->said);

	assert_true(said + len < sizeof rig->said);
	memcpy(rig->said + said, line, len);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	sigset_t none;

	current = rig;
	clock_ms = 1000000;
	has_left = was_logged = false;
	left_name = "nginx";
	searches = 0;
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	log_set_writer(keep, rig);
	log_set_level(CONFIG_LOG_WARN);
	ending_init(&rig->ending, &rig->loop, &rig->policy);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	log_set_writer(NULL, NULL);
	loop_close(&rig->loop);
	free(rig);
	return 0;
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

/* A turn that begins so much later. */
static void pass(struct rig *rig, uint64_t ms)
{
	clock_ms += ms;
	assert_int_equal(loop_run(&rig->loop, stop, NULL), 0);
}

static void tell(struct rig *rig, bool of_service, int status)
{
	const struct reaper_end end = { .name = "web", .stage = "run", .pid = 7, .status = status };

	ending_tell(&rig->ending, of_service ? &rig->service : NULL, &end);
}

static void assert_said(const struct rig *rig, const char *text)
{
	const char *from = strstr(rig->said, " dinit: ");

	assert_true(ending_is_told(&rig->ending));
	assert_non_null(from);
	assert_string_equal(from, text);
}

/* ---- the message ---- */

static void test_ending_tell_failure_is_an_error_at_once(void **state)
{
	struct rig *rig = *state;

	has_left = true;
	tell(rig, true, 2 << 8);
	assert_said(rig,
		    " dinit: error: web/run: PID 7 exited with status 2, stopping the container\n");
	assert_int_equal(searches, 0);
}

static void test_ending_tell_signal_is_an_error(void **state)
{
	struct rig *rig = *state;

	was_logged = true;
	tell(rig, true, SIGKILL);
	assert_said(rig,
		    " dinit: error: web/run: PID 7 was killed by signal 9 (Killed) (its output "
		    "went to web/log), stopping the container\n");
}

static void test_ending_tell_success_that_left_nothing_is_a_warning_at_once(void **state)
{
	struct rig *rig = *state;

	tell(rig, true, 0);
	assert_said(rig, " dinit: warning: web/run: PID 7 exited with status 0, stopping the "
			 "container\n");
	pass(rig, 1000);
	assert_int_equal(searches, 1);
}

static void test_ending_tell_adopted_orphan_left_nothing(void **state)
{
	struct rig *rig = *state;

	has_left = was_logged = true;
	tell(rig, false, 0);
	assert_said(rig, " dinit: warning: web/run: PID 7 exited with status 0, stopping the "
			 "container\n");
	assert_int_equal(searches, 0);
}

static void test_ending_tell_left_process_is_named_after_a_moment(void **state)
{
	struct rig *rig = *state;

	has_left = was_logged = true;
	left_name = "sh";
	assert_true(ending_is_told(&rig->ending));
	tell(rig, true, 0);
	assert_false(ending_is_told(&rig->ending));
	/* the logging program ends with its input */
	was_logged = false;
	left_name = "nginx";
	pass(rig, 8);
	assert_false(ending_is_told(&rig->ending));
	assert_string_equal(rig->said, "");
	pass(rig, 1);
	assert_said(rig,
		    " dinit: warning: web/run: PID 7 exited with status 0; it left nginx (PID 9) "
		    "in the background: keep it in the foreground (its output went to "
		    "web/log); stopping the container\n");
}

static void test_ending_tell_process_that_ends_in_that_moment_was_not_left(void **state)
{
	struct rig *rig = *state;

	has_left = true;
	tell(rig, true, 0);
	has_left = false;
	pass(rig, 9);
	assert_said(rig, " dinit: warning: web/run: PID 7 exited with status 0, stopping the "
			 "container\n");
}

static void test_ending_tell_long_names_fit(void **state)
{
	struct rig *rig = *state;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	has_left = was_logged = true;
	left_name = name;
	ending_tell(&rig->ending, &rig->service,
		    &(struct reaper_end){ .name = name, .stage = "run", .pid = 7 });
	pass(rig, 9);
	assert_true(ending_is_told(&rig->ending));
	assert_non_null(strstr(rig->said, "n (PID 9) in the background: keep it in the foreground "
					  "(its output went to nnn"));
	assert_non_null(strstr(rig->said, "nnn/log); stopping the container\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_ending_tell_failure_is_an_error_at_once),
	TEST(test_ending_tell_signal_is_an_error),
	TEST(test_ending_tell_success_that_left_nothing_is_a_warning_at_once),
	TEST(test_ending_tell_adopted_orphan_left_nothing),
	TEST(test_ending_tell_left_process_is_named_after_a_moment),
	TEST(test_ending_tell_process_that_ends_in_that_moment_was_not_left),
	TEST(test_ending_tell_long_names_fit),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
