/* SPDX-License-Identifier: ISC */
/* ending.c with the clock in the test's hand. What the policy finds, whether a logging program has
 * read the output, what is read of it, and whether memory was short, is what the test says
 * (--wrap). */
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

#include "command.h"
#include "ending.h"
#include "log.h"

/* ---- what is below, as the tests want it ---- */

static uint64_t clock_ms;
static bool has_left, was_logged;
static const char *left_name;
static int searches;
static enum logmux_rest rest[LOGMUX_STREAMS];
static bool has_filter;
static bool memory_was_short;
static uint64_t memory_limit;
static int memory_questions;
static char logged_cause[ENDING_CAUSE_SIZE];
static int causes_logged;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
bool __wrap_left_find(struct policy *policy, pid_t ended, struct left *left);
bool __wrap_left_has_filter(const struct policy *policy);
bool __wrap_service_was_logged(const struct service *service, const struct reaper_end *end);
enum logmux_rest __wrap_logmux_end_last(const struct logmux *mux, const struct lastline *last);
bool __wrap_oom_has_killed(struct oom *oom, uint64_t *limit_bytes);
void __wrap_termlog_write(struct termlog *termlog, const char *cause);

struct rig {
	struct loop loop;
	struct policy policy;
	struct logmux mux;
	struct oom oom;
	struct termlog termlog;
	struct service service;
	struct lastline last[LOGMUX_STREAMS];
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
	/* The second search knows what the first has found. */
	assert_int_equal(left->pid, searches == 0 ? 0 : 9);
	searches++;
	left->pid = 9;
	snprintf(left->name, sizeof left->name, "%s", left_name);
	return has_left;
}

bool __wrap_left_has_filter(const struct policy *policy)
{
	assert_ptr_equal(policy, &current->policy);
	return has_filter;
}

bool __wrap_service_was_logged(const struct service *service, const struct reaper_end *end)
{
	assert_ptr_equal(service, &current->service);
	assert_int_equal(end->pid, 7);
	return was_logged;
}

enum logmux_rest __wrap_logmux_end_last(const struct logmux *mux, const struct lastline *last)
{
	const struct ending *ending = &current->ending;
	size_t stream = (size_t)(last - ending->last);

	assert_ptr_equal(mux, &current->mux);
	assert_in_range(stream, 0, LOGMUX_STREAMS - 1);
	return rest[stream];
}

bool __wrap_oom_has_killed(struct oom *oom, uint64_t *limit_bytes)
{
	assert_ptr_equal(oom, &current->oom);
	memory_questions++;
	*limit_bytes = memory_limit;
	return memory_was_short;
}

void __wrap_termlog_write(struct termlog *termlog, const char *cause)
{
	assert_ptr_equal(termlog, &current->termlog);
	snprintf(logged_cause, sizeof logged_cause, "%s", cause);
	causes_logged++;
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
	searches = memory_questions = causes_logged = 0;
	memset(rest, 0, sizeof rest);
	has_filter = false;
	memory_was_short = false;
	memory_limit = 0;
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	log_set_writer(keep, rig);
	log_set_level(CONFIG_LOG_WARN);
	ending_init(&rig->ending, &(struct ending_means){ .loop = &rig->loop,
							  .policy = &rig->policy,
							  .mux = &rig->mux,
							  .oom = &rig->oom,
							  .termlog = &rig->termlog });
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	log_set_writer(NULL, NULL);
	loop_close(&rig->loop);
	for (size_t i = 0; i < LOGMUX_STREAMS; i++)
		lastline_clear(&rig->last[i]);
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
	const struct reaper_end end = {
		.name = "web", .stage = "run", .pid = 7, .status = status, .last = rig->last
	};

	ending_tell(&rig->ending, of_service ? &rig->service : NULL, &end);
}

static void write_line(struct rig *rig, enum logmux_stream stream, const char *line)
{
	lastline_note(&rig->last[stream], NULL, 0, line, strlen(line));
}

static void assert_said(struct rig *rig, const char *text)
{
	const char *from;

	assert_true(ending_is_told(&rig->ending));
	from = strstr(rig->said, " dinit: ");
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

/* ---- what was said last ---- */

#define FAILED " dinit: error: web/run: PID 7 exited with status 2, stopping the container"
#define LAST "; its last line was: "

static void test_ending_tell_failure_cites_the_last_line_of_stderr(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDERR, "usage\nbind: Address already in use\n");
	write_line(rig, LOGMUX_STDOUT, "starting\n");
	tell(rig, true, 2 << 8);
	assert_said(rig, FAILED LAST "bind: Address already in use\n");
	assert_string_equal(ending_cause(&rig->ending), "web/run: PID 7 exited with status 2" LAST
							"bind: Address already in use");
}

static void test_ending_tell_failure_without_stderr_cites_stdout(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDOUT, "starting\n");
	tell(rig, true, 2 << 8);
	assert_said(rig, FAILED LAST "starting\n");
}

static void test_ending_tell_failure_of_a_logged_service_says_both(void **state)
{
	struct rig *rig = *state;

	was_logged = true;
	write_line(rig, LOGMUX_STDERR, "no\n");
	tell(rig, true, 2 << 8);
	assert_said(rig, " dinit: error: web/run: PID 7 exited with status 2 (its output went to "
			 "web/log), stopping the container" LAST "no\n");
}

static void test_ending_tell_success_cites_nothing(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDERR, "done\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_UNREAD;
	tell(rig, true, 0);
	assert_said(rig, " dinit: warning: web/run: PID 7 exited with status 0, stopping the "
			 "container\n");
}

static void test_ending_tell_process_whose_lines_are_not_kept_is_told_at_once(void **state)
{
	struct rig *rig = *state;

	ending_tell(&rig->ending, NULL,
		    &(struct reaper_end){ .name = "web", .stage = "run", .pid = 7, .status = 512 });
	assert_said(rig, FAILED "\n");
}

/* The line before the last is never cited. */
static void test_ending_tell_failure_waits_until_stderr_is_read(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDERR, "before\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_UNREAD;
	tell(rig, true, 2 << 8);
	assert_false(ending_is_told(&rig->ending));
	pass(rig, 1);
	assert_false(ending_is_told(&rig->ending));
	assert_string_equal(rig->said, "");
	assert_string_equal(ending_cause(&rig->ending), "");
	assert_int_equal(causes_logged, 0);
	write_line(rig, LOGMUX_STDERR, "the last\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_NONE;
	assert_said(rig, FAILED LAST "the last\n");
	pass(rig, 1000);
	assert_said(rig, FAILED LAST "the last\n");
	assert_int_equal(causes_logged, 1);
}

static void test_ending_tell_failure_with_a_line_on_stderr_waits_for_no_stdout(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDERR, "why\n");
	rest[LOGMUX_STDOUT] = LOGMUX_REST_UNREAD;
	tell(rig, true, 2 << 8);
	assert_said(rig, FAILED LAST "why\n");
}

static void test_ending_tell_failure_without_stderr_waits_for_stdout(void **state)
{
	struct rig *rig = *state;

	rest[LOGMUX_STDOUT] = LOGMUX_REST_UNREAD;
	tell(rig, true, 2 << 8);
	assert_false(ending_is_told(&rig->ending));
	rest[LOGMUX_STDOUT] = LOGMUX_REST_NONE;
	assert_said(rig, FAILED "\n");
}

static void tell_stream_not_read_in_time(struct rig *rig, enum logmux_stream stream)
{
	write_line(rig, stream, "before\n");
	rest[stream] = LOGMUX_REST_UNREAD;
	tell(rig, true, 2 << 8);
	pass(rig, ENDING_WAIT_MS);
	pass(rig, ENDING_LAST_LINE_MS - ENDING_WAIT_MS - 1);
	assert_false(ending_is_told(&rig->ending));
	pass(rig, 1);
	assert_said(rig, FAILED "\n");
}

static void test_ending_tell_stderr_that_is_not_read_in_time_is_not_cited(void **state)
{
	tell_stream_not_read_in_time(*state, LOGMUX_STDERR);
}

static void test_ending_tell_stdout_that_is_not_read_in_time_is_not_cited(void **state)
{
	tell_stream_not_read_in_time(*state, LOGMUX_STDOUT);
}

/* A child of the process holds the stream. */
static void test_ending_tell_stream_that_others_hold_is_cited_after_a_moment(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDERR, "before\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_OTHERS;
	tell(rig, true, 2 << 8);
	assert_false(ending_is_told(&rig->ending));
	pass(rig, ENDING_WAIT_MS - 1);
	assert_false(ending_is_told(&rig->ending));
	pass(rig, 1);
	assert_said(rig, FAILED LAST "before\n");
}

static void test_ending_tell_filter_that_holds_a_stream_is_waited_for(void **state)
{
	struct rig *rig = *state;

	has_filter = true;
	write_line(rig, LOGMUX_STDERR, "before\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_OTHERS;
	tell(rig, true, 2 << 8);
	pass(rig, ENDING_WAIT_MS);
	assert_false(ending_is_told(&rig->ending));
	pass(rig, ENDING_LAST_LINE_MS - ENDING_WAIT_MS - 1);
	assert_false(ending_is_told(&rig->ending));
	write_line(rig, LOGMUX_STDERR, "of the filter\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_NONE;
	assert_said(rig, FAILED LAST "of the filter\n");
}

/* A filter still has the last lines, so they are not known. */
static void test_ending_tell_filter_that_goes_on_leaves_nothing_to_cite(void **state)
{
	struct rig *rig = *state;

	has_filter = true;
	write_line(rig, LOGMUX_STDERR, "before\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_OTHERS;
	tell(rig, true, 2 << 8);
	pass(rig, ENDING_WAIT_MS);
	/* it is gone, and what it wrote last may have been written by somebody else */
	has_filter = false;
	pass(rig, ENDING_LAST_LINE_MS - ENDING_WAIT_MS);
	assert_said(rig, FAILED "\n");
}

static void test_ending_tell_stream_that_others_hold_is_cited_as_soon_as_it_ends(void **state)
{
	struct rig *rig = *state;

	rest[LOGMUX_STDOUT] = LOGMUX_REST_OTHERS;
	tell(rig, true, 2 << 8);
	assert_false(ending_is_told(&rig->ending));
	write_line(rig, LOGMUX_STDOUT, "of the filter\n");
	rest[LOGMUX_STDOUT] = LOGMUX_REST_NONE;
	assert_said(rig, FAILED LAST "of the filter\n");
}

static void test_ending_tell_stream_that_is_read_late_and_held_is_cited_at_once(void **state)
{
	struct rig *rig = *state;

	rest[LOGMUX_STDERR] = LOGMUX_REST_UNREAD;
	tell(rig, true, 2 << 8);
	pass(rig, ENDING_WAIT_MS);
	assert_false(ending_is_told(&rig->ending));
	write_line(rig, LOGMUX_STDERR, "late\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_OTHERS;
	assert_said(rig, FAILED LAST "late\n");
}

/* The orphan's record, which holds its lines, is freed before they have been read. */
static void test_ending_tell_adopted_orphan_has_its_lines_taken_over(void **state)
{
	struct rig *rig = *state;
	char name[] = "daemon", stage[] = "9";
	struct reaper_end end = { name, stage, 9, SIGSEGV, rig->last };

	write_line(rig, LOGMUX_STDERR, "assertion failed\n");
	rest[LOGMUX_STDERR] = LOGMUX_REST_UNREAD;
	ending_tell(&rig->ending, NULL, &end);
	assert_null(rig->last[LOGMUX_STDERR].text);
	name[0] = stage[0] = '?';
	pass(rig, 1);
	rest[LOGMUX_STDERR] = LOGMUX_REST_NONE;
	assert_true(ending_is_told(&rig->ending));
	assert_non_null(
		strstr(rig->said, " dinit: error: daemon/9: PID 9 was killed by signal 11 "));
	assert_non_null(strstr(rig->said, ", stopping the container" LAST "assertion failed\n"));
	assert_null(rig->ending.own_last[LOGMUX_STDERR].text);
}

static void test_ending_tell_longest_parts_fit(void **state)
{
	struct rig *rig = *state;
	char name[256], line[300];
	struct reaper_end end = { name, "run", 7, SIGKILL, rig->last };

	memset(name, 'n', 255);
	name[255] = '\0';
	memset(line, 'l', sizeof line);
	line[298] = '\n';
	line[299] = '\0';
	was_logged = memory_was_short = true;
	memory_limit = UINT64_MAX;
	write_line(rig, LOGMUX_STDERR, line);
	ending_tell(&rig->ending, &rig->service, &end);
	assert_true(ending_is_told(&rig->ending));
	assert_non_null(strstr(rig->said, "(its output went to nnn"));
	assert_non_null(strstr(rig->said, "nnn/log), stopping the container" LAST "lll"));
	assert_string_equal(rig->said + strlen(rig->said) - 5, "l...\n");
	ending_say_last(&rig->ending, 3);
	assert_string_equal(rig->said + strlen(rig->said) - 5, "l...\n");
}

/* ---- out of memory ---- */

static void test_ending_tell_killed_without_memory_says_so(void **state)
{
	static const struct {
		uint64_t limit;
		const char *words;
	} cases[] = {
		{ 0, "" },
		{ 128 << 20, " (the container's limit is 128 MiB)" },
		{ UINT64_C(2) << 30, " (the container's limit is 2 GiB)" },
		{ UINT64_C(1536) << 20, " (the container's limit is 1536 MiB)" },
		{ (10 << 20) + 4096, " (the container's limit is 10 MiB)" },
		{ 512 << 10, " (the container's limit is 512 KiB)" },
	};
	struct rig *rig = *state;

	memory_was_short = true;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char expected[256];

		memset(rig->said, 0, sizeof rig->said);
		memory_limit = cases[i].limit;
		tell(rig, true, SIGKILL);
		snprintf(expected, sizeof expected,
			 " dinit: error: web/run: PID 7 was killed by signal 9 (Killed), out of "
			 "memory%s, stopping the container\n",
			 cases[i].words);
		assert_said(rig, expected);
	}
}

static void test_ending_tell_other_ends_are_not_for_want_of_memory(void **state)
{
	static const int statuses[] = { 0, 9 << 8, SIGTERM, SIGSEGV };
	struct rig *rig = *state;

	memory_was_short = true;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		tell(rig, true, statuses[i]);
		assert_true(ending_is_told(&rig->ending));
	}
	assert_null(strstr(rig->said, "out of memory"));
	assert_int_equal(memory_questions, 0);
}

static void test_ending_tell_killed_with_memory_left_claims_nothing(void **state)
{
	struct rig *rig = *state;

	memory_limit = 128 << 20;
	tell(rig, true, SIGKILL);
	assert_said(rig, " dinit: error: web/run: PID 7 was killed by signal 9 (Killed), stopping "
			 "the container\n");
	assert_int_equal(memory_questions, 1);
}

/* ---- the cause, and the last message ---- */

static void test_ending_cause_is_the_message_without_what_follows_from_it(void **state)
{
	struct rig *rig = *state;

	has_left = was_logged = true;
	tell(rig, true, 0);
	assert_string_equal(ending_cause(&rig->ending), "");
	pass(rig, ENDING_WAIT_MS);
	assert_string_equal(ending_cause(&rig->ending),
			    "web/run: PID 7 exited with status 0; it left nginx (PID 9) in the "
			    "background: keep it in the foreground (its output went to web/log)");
	assert_string_equal(logged_cause, ending_cause(&rig->ending));
	assert_int_equal(causes_logged, 1);
}

static void test_ending_note_keeps_the_cause_and_says_nothing(void **state)
{
	struct rig *rig = *state;

	assert_string_equal(ending_cause(&rig->ending), "");
	ending_note(&rig->ending, "signal 15 (Terminated)");
	assert_true(ending_is_told(&rig->ending));
	assert_string_equal(ending_cause(&rig->ending), "signal 15 (Terminated)");
	assert_string_equal(logged_cause, "signal 15 (Terminated)");
	assert_int_equal(causes_logged, 1);
	assert_string_equal(rig->said, "");
}

static void test_ending_say_last_failure_is_an_error(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_ERROR);
	pass(rig, 192000);
	write_line(rig, LOGMUX_STDERR, "no\n");
	tell(rig, true, 2 << 8);
	assert_true(ending_is_told(&rig->ending));
	memset(rig->said, 0, sizeof rig->said);
	ending_say_last(&rig->ending, 3);
	assert_said(rig, " dinit: error: stopped after 3 min 12 s with status 3: web/run: PID 7 "
			 "exited with status 2" LAST "no\n");
}

static void test_ending_say_last_success_is_only_said_at_info(void **state)
{
	struct rig *rig = *state;

	ending_note(&rig->ending, "signal 15 (Terminated)");
	ending_say_last(&rig->ending, 0);
	assert_string_equal(rig->said, "");
	log_set_level(CONFIG_LOG_INFO);
	pass(rig, 400);
	ending_say_last(&rig->ending, 0);
	assert_said(rig, " dinit: info: stopped after 0.4 s with status 0: signal 15 "
			 "(Terminated)\n");
}

static void test_ending_say_last_without_a_cause_is_short(void **state)
{
	struct rig *rig = *state;

	ending_say_last(&rig->ending, 1);
	assert_said(rig, " dinit: error: stopped after 0.0 s with status 1\n");
}

/* ---- quietly ---- */

#define EXITED(status) ((status) << 8)
#define DUMPED(signal) ((signal) | 0x80)

static void tell_command(struct rig *rig, bool raw, int status)
{
	static struct command command;
	static struct svdir_entry entry = { .command = &command };
	const struct reaper_end end = {
		.name = "web", .stage = "run", .pid = 7, .status = status, .last = rig->last
	};

	command.raw = raw;
	rig->service.entry = &entry;
	ending_tell_command(&rig->ending, &rig->service, &end);
}

/* What is usual is told at level info, and so is the last message, which has the status. */
static void test_ending_tell_command_usual_end_is_quiet(void **state)
{
	static const struct {
		bool raw;
		int status;
		bool quiet;
	} cases[] = {
		{ false, EXITED(0), true },     { false, EXITED(1), false },
		{ false, EXITED(3), false },    { false, EXITED(255), false },
		{ false, SIGINT, false },       { false, SIGPIPE, false },
		{ false, SIGTERM, false },      { false, SIGSEGV, false },
		{ true, EXITED(0), true },      { true, EXITED(1), true },
		{ true, EXITED(127), true },    { true, EXITED(255), true },
		{ true, SIGINT, true },         { true, SIGPIPE, true },
		{ true, SIGTERM, false },       { true, SIGHUP, false },
		{ true, SIGQUIT, true },        { true, SIGKILL, false },
		{ true, SIGSEGV, false },       { true, DUMPED(SIGABRT), false },
		{ true, DUMPED(SIGINT), true },
	};
	struct rig *rig;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *level = cases[i].quiet ? " dinit: info: " : " dinit: error: ";
		char last[200];

		teardown(state);
		setup(state);
		rig = *state;
		log_set_level(CONFIG_LOG_INFO);
		tell_command(rig, cases[i].raw, cases[i].status);
		assert_true(ending_is_told(&rig->ending));
		if (!strstr(rig->said, level) || !strstr(rig->said, ", stopping the container\n"))
			fail_msg("%d %x: %s", cases[i].raw, cases[i].status, rig->said);
		memset(rig->said, 0, sizeof rig->said);
		ending_say_last(&rig->ending, cases[i].status != 0);
		snprintf(last, sizeof last, "%sstopped after 0.0 s with status %d: web/run: PID 7 ",
			 level, cases[i].status != 0);
		if (!strstr(rig->said, last))
			fail_msg("%d %x: %s", cases[i].raw, cases[i].status, rig->said);
	}
}

/* Where nothing is said of it by default, it is known all the same. */
static void test_ending_tell_command_quiet_end_is_a_cause(void **state)
{
	struct rig *rig = *state;

	tell_command(rig, true, EXITED(2));
	assert_true(ending_is_told(&rig->ending));
	ending_say_last(&rig->ending, 2);
	assert_string_equal(rig->said, "");
	assert_string_equal(ending_cause(&rig->ending), "web/run: PID 7 exited with status 2");
	assert_string_equal(logged_cause, "web/run: PID 7 exited with status 2");
}

static void test_ending_tell_command_failure_of_lines_cites_the_last(void **state)
{
	struct rig *rig = *state;

	write_line(rig, LOGMUX_STDERR, "no\n");
	tell_command(rig, false, EXITED(2));
	assert_said(rig, FAILED LAST "no\n");
}

/* A raw command's lines are not read, so there is nothing to be waited for. */
static void test_ending_tell_command_killed_with_raw_output_is_told_at_once(void **state)
{
	struct rig *rig = *state;

	tell_command(rig, true, SIGTERM);
	assert_said(rig, " dinit: error: web/run: PID 7 was killed by signal 15 (Terminated), "
			 "stopping the container\n");
}

static void test_ending_tell_command_that_left_a_process_is_a_warning(void **state)
{
	struct rig *rig;

	for (int raw = 0; raw <= 1; raw++) {
		teardown(state);
		setup(state);
		rig = *state;
		has_left = true;
		tell_command(rig, raw, EXITED(0));
		assert_false(ending_is_told(&rig->ending));
		pass(rig, ENDING_WAIT_MS);
		assert_said(rig, " dinit: warning: web/run: PID 7 exited with status 0; it left "
				 "nginx (PID 9) in the background: keep it in the foreground; "
				 "stopping the container\n");
	}
}

/* One that ends within that moment was not left, and nobody is to be alarmed. */
static void test_ending_tell_command_whose_children_end_is_quiet(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_INFO);
	has_left = true;
	tell_command(rig, false, EXITED(0));
	has_left = false;
	pass(rig, ENDING_WAIT_MS);
	assert_said(rig,
		    " dinit: info: web/run: PID 7 exited with status 0, stopping the container\n");
}

/* What a service does is told as ever. */
static void test_ending_tell_service_is_not_quiet(void **state)
{
	struct rig *rig = *state;

	tell(rig, true, SIGINT);
	assert_said(rig,
		    " dinit: error: web/run: PID 7 was killed by signal 2 (Interrupt), stopping "
		    "the container\n");
}

static void test_ending_note_stop_is_no_error_whatever_the_status(void **state)
{
	struct rig *rig = *state;

	ending_note_stop(&rig->ending, "signal 15 (Terminated) received");
	assert_true(ending_is_told(&rig->ending));
	assert_string_equal(ending_cause(&rig->ending), "signal 15 (Terminated) received");
	assert_string_equal(logged_cause, "signal 15 (Terminated) received");
	ending_say_last(&rig->ending, 143);
	assert_string_equal(rig->said, "");
	log_set_level(CONFIG_LOG_INFO);
	ending_say_last(&rig->ending, 143);
	assert_said(rig, " dinit: info: stopped after 0.0 s with status 143: signal 15 "
			 "(Terminated) received\n");
}

static void test_ending_note_of_a_failure_is_an_error(void **state)
{
	struct rig *rig = *state;

	ending_note(&rig->ending, "command: there is no \"x\" in PATH");
	ending_say_last(&rig->ending, 127);
	assert_said(rig, " dinit: error: stopped after 0.0 s with status 127: command: there is no "
			 "\"x\" in PATH\n");
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
	TEST(test_ending_tell_failure_cites_the_last_line_of_stderr),
	TEST(test_ending_tell_failure_without_stderr_cites_stdout),
	TEST(test_ending_tell_failure_of_a_logged_service_says_both),
	TEST(test_ending_tell_success_cites_nothing),
	TEST(test_ending_tell_process_whose_lines_are_not_kept_is_told_at_once),
	TEST(test_ending_tell_failure_waits_until_stderr_is_read),
	TEST(test_ending_tell_failure_with_a_line_on_stderr_waits_for_no_stdout),
	TEST(test_ending_tell_failure_without_stderr_waits_for_stdout),
	TEST(test_ending_tell_stderr_that_is_not_read_in_time_is_not_cited),
	TEST(test_ending_tell_stdout_that_is_not_read_in_time_is_not_cited),
	TEST(test_ending_tell_stream_that_others_hold_is_cited_after_a_moment),
	TEST(test_ending_tell_filter_that_holds_a_stream_is_waited_for),
	TEST(test_ending_tell_filter_that_goes_on_leaves_nothing_to_cite),
	TEST(test_ending_tell_stream_that_others_hold_is_cited_as_soon_as_it_ends),
	TEST(test_ending_tell_stream_that_is_read_late_and_held_is_cited_at_once),
	TEST(test_ending_tell_adopted_orphan_has_its_lines_taken_over),
	TEST(test_ending_tell_longest_parts_fit),
	TEST(test_ending_tell_killed_without_memory_says_so),
	TEST(test_ending_tell_other_ends_are_not_for_want_of_memory),
	TEST(test_ending_tell_killed_with_memory_left_claims_nothing),
	TEST(test_ending_cause_is_the_message_without_what_follows_from_it),
	TEST(test_ending_note_keeps_the_cause_and_says_nothing),
	TEST(test_ending_say_last_failure_is_an_error),
	TEST(test_ending_say_last_success_is_only_said_at_info),
	TEST(test_ending_say_last_without_a_cause_is_short),
	TEST(test_ending_tell_command_usual_end_is_quiet),
	TEST(test_ending_tell_command_quiet_end_is_a_cause),
	TEST(test_ending_tell_command_failure_of_lines_cites_the_last),
	TEST(test_ending_tell_command_killed_with_raw_output_is_told_at_once),
	TEST(test_ending_tell_command_that_left_a_process_is_a_warning),
	TEST(test_ending_tell_command_whose_children_end_is_quiet),
	TEST(test_ending_tell_service_is_not_quiet),
	TEST(test_ending_note_stop_is_no_error_whatever_the_status),
	TEST(test_ending_note_of_a_failure_is_an_error),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
