/* SPDX-License-Identifier: ISC */
/* request.c: every signal from everywhere. Which PID this process has is in the test's hand
 * (--wrap), and so is who sent the signal, which sender.c finds out. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "request.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SYSTEMD_HALT 37
#define SYSTEMD_POWEROFF 38
#define LAST_SIGNAL 64

/* ---- what is taken ---- */

static pid_t own_pid;
/* NULL: from outside. */
static const char *sender;

pid_t __wrap_getpid(void);
bool __wrap_sender_describe(const struct procfs *proc, const struct reaper *reaper,
			    const struct signalfd_siginfo *info, char text[SENDER_SIZE]);

pid_t __wrap_getpid(void)
{
	return own_pid;
}

bool __wrap_sender_describe(const struct procfs *proc, const struct reaper *reaper,
			    const struct signalfd_siginfo *info, char text[SENDER_SIZE])
{
	(void)proc;
	(void)reaper;
	assert_int_not_equal(info->ssi_signo, 0);
	if (sender)
		snprintf(text, SENDER_SIZE, "%s", sender);
	return sender != NULL;
}

/* ---- the rig ---- */

struct rig {
	struct requests requests;
	/* The last message, and how many there were of each level. */
	char message[512];
	unsigned warnings, infos;
};

static void on_line(void *ctx, const char *line, size_t len)
{
	struct rig *rig = ctx;
	const char *text = memchr(line, ' ', len);

	assert_non_null(text);
	snprintf(rig->message, sizeof rig->message, "%.*s", (int)(len - (size_t)(text - line)) - 2,
		 text + 1);
	if (strncmp(rig->message, "dinit: warning: ", 16) == 0)
		rig->warnings++;
	else if (strncmp(rig->message, "dinit: info: ", 13) == 0)
		rig->infos++;
	else
		fail_msg("%s", rig->message);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	own_pid = 1;
	sender = NULL;
	log_set_level(CONFIG_LOG_INFO);
	log_set_writer(on_line, rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	log_set_writer(NULL, NULL);
	free(*state);
	return 0;
}

/* ---- where signals come from ---- */

static const struct origin {
	const char *name;
	int code;
	uint32_t pid;
} outside = { "kill outside", SI_USER, 0 }, inside = { "kill inside", SI_USER, 9 },
  terminal = { "terminal", SI_KERNEL, 0 }, queued = { "sigqueue outside", SI_QUEUE, 0 };

static enum request read_signal(struct rig *rig, int signal, const struct origin *origin)
{
	struct signalfd_siginfo info = {
		.ssi_signo = (uint32_t)signal,
		.ssi_code = origin->code,
		.ssi_pid = origin->pid,
	};
	enum svdir_control control;

	rig->message[0] = '\0';
	rig->warnings = rig->infos = 0;
	return request_read(&rig->requests, &info, &control);
}

static void expect_ignored(struct rig *rig, int signal, const struct origin *origin, bool warned)
{
	char start[80];

	if (read_signal(rig, signal, origin) != REQUEST_NOTHING || rig->warnings != warned ||
	    rig->infos != !warned)
		fail_msg("signal %d, %s: %s", signal, origin->name, rig->message);
	snprintf(start, sizeof start, "dinit: %s: signal %d (", warned ? "warning" : "info",
		 signal);
	assert_memory_equal(rig->message, start, strlen(start));
	assert_non_null(strstr(rig->message, "ignored"));
	assert_int_equal(strstr(rig->message, "STOPSIGNAL SIGTERM") != NULL, warned);
}

static void expect_request(struct rig *rig, int signal, const struct origin *origin,
			   enum request request)
{
	if (read_signal(rig, signal, origin) != request || rig->message[0] != '\0')
		fail_msg("signal %d, %s: %s", signal, origin->name, rig->message);
}

static bool is_stop(int signal)
{
	return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGPWR ||
	       signal == SYSTEMD_HALT || signal == SYSTEMD_POWEROFF;
}

/* ---- the tests ---- */

static void test_request_read_stop_signals_stop_from_everywhere(void **state)
{
	static const struct origin *const origins[] = { &outside, &inside, &terminal, &queued };
	struct rig *rig = *state;

	for (own_pid = 1; own_pid <= 7; own_pid += 6)
		for (int signal = 1; signal <= LAST_SIGNAL; signal++)
			for (size_t i = 0; is_stop(signal) && i < COUNT(origins); i++)
				expect_request(rig, signal, origins[i], REQUEST_STOP);
}

static void test_request_read_child_is_no_message(void **state)
{
	expect_request(*state, SIGCHLD, &outside, REQUEST_CHILDREN);
	expect_request(*state, SIGCHLD, &terminal, REQUEST_CHILDREN);
}

static void test_request_read_hup_stops_subreaper_only(void **state)
{
	struct rig *rig = *state;

	expect_ignored(rig, SIGHUP, &inside, false);
	expect_ignored(rig, SIGHUP, &terminal, false);
	expect_ignored(rig, SIGHUP, &outside, true);
	own_pid = 7;
	expect_request(rig, SIGHUP, &inside, REQUEST_STOP);
	expect_request(rig, SIGHUP, &outside, REQUEST_STOP);
}

static void test_request_read_inherited_stop_signals_stop_from_outside_only(void **state)
{
	static const int signals[] = { SIGWINCH, SIGUSR1 };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT(signals); i++) {
		own_pid = 1;
		expect_request(rig, signals[i], &outside, REQUEST_STOP);
		expect_ignored(rig, signals[i], &inside, false);
		expect_ignored(rig, signals[i], &terminal, false);
		expect_ignored(rig, signals[i], &queued, false);
		/* A subreaper cannot tell who is outside. */
		own_pid = 7;
		expect_ignored(rig, signals[i], &outside, false);
	}
}

static void test_request_read_useless_signal_from_outside_is_warned_of_once(void **state)
{
	struct rig *rig = *state;

	for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
		if (is_stop(signal) || signal == SIGCHLD || signal == SIGWINCH ||
		    signal == SIGUSR1 || signal == SIGCONT)
			continue;
		expect_ignored(rig, signal, &inside, false);
		expect_ignored(rig, signal, &outside, true);
		expect_ignored(rig, signal, &outside, false);
	}
}

/* In whichever words: the name is one that --signal and down-signal take. */
static void test_request_real_time_signals_have_the_name_of_kill(void **state)
{
	const struct signalfd_siginfo stop = { .ssi_signo = SYSTEMD_HALT };
	struct rig *rig = *state;
	char text[REQUEST_TEXT_SIZE];

	expect_ignored(rig, 34, &inside, false);
	assert_string_equal(rig->message, "dinit: info: signal 34 (RTMIN) ignored");
	expect_ignored(rig, 36, &outside, true);
	assert_non_null(strstr(rig->message, "warning: signal 36 (RTMIN+2) from outside the "));
	request_describe(&rig->requests, &stop, text);
	assert_string_equal(text, "signal 37 (RTMIN+3) received");
	sender = "PID 9 (halt)";
	request_describe(&rig->requests, &stop, text);
	assert_string_equal(text, "signal 37 (RTMIN+3) from PID 9 (halt)");
}

/* STOP and CONT from outside are a pause. */
static void test_request_read_cont_from_outside_is_no_warning(void **state)
{
	expect_ignored(*state, SIGCONT, &outside, false);
}

static void test_request_read_control_goes_before_all_else(void **state)
{
	static const int signals[] = { SIGHUP, SIGUSR1, SIGUSR2 };
	struct rig *rig = *state;

	for (size_t has = 0; has < COUNT(signals); has++) {
		memset(rig->requests.has_control, 0, sizeof rig->requests.has_control);
		rig->requests.has_control[has] = true;
		for (own_pid = 1; own_pid <= 7; own_pid += 6) {
			struct signalfd_siginfo info = {
				.ssi_signo = (uint32_t)signals[has],
				.ssi_code = SI_USER,
			};
			enum svdir_control control;

			assert_int_equal(request_read(&rig->requests, &info, &control),
					 REQUEST_CONTROL);
			assert_int_equal(control, has);
		}
		own_pid = 1;
		for (size_t i = 0; i < COUNT(signals); i++)
			if (i != has)
				assert_int_not_equal(read_signal(rig, signals[i], &outside),
						     REQUEST_CONTROL);
	}
}

/* ---- with a command ---- */

/* What stops the container stops it with a command as well, and gets as far as that. All else is
 * the command's, and no message says that it is ignored. */
static void test_request_read_command_gets_what_does_not_stop(void **state)
{
	static const struct origin *const origins[] = { &outside, &inside, &terminal, &queued };
	struct rig *rig = *state;

	rig->requests.command_runs = true;
	for (own_pid = 1; own_pid <= 7; own_pid += 6)
		for (int signal = 1; signal <= LAST_SIGNAL; signal++)
			for (size_t i = 0; i < COUNT(origins); i++)
				if (signal != SIGXCPU || origins[i] != &terminal)
					expect_request(rig, signal, origins[i],
						       signal == SIGCHLD ? REQUEST_CHILDREN
						       : is_stop(signal) ? REQUEST_STOP
									 : REQUEST_FORWARD);
}

/* With these the kernel tells dinit of its own limits: who writes too much, or has used up its CPU
 * time, is not the command. */
static void test_request_read_own_limit_is_not_the_commands(void **state)
{
	static const struct origin first = { "itself as PID 1", SI_USER, 1 },
				   later = { "itself as PID 7", SI_USER, 7 };
	struct rig *rig = *state;

	rig->requests.command_runs = true;
	for (own_pid = 1; own_pid <= 7; own_pid += 6) {
		const struct origin *itself = own_pid == 1 ? &first : &later;

		expect_ignored(rig, SIGXFSZ, itself, false);
		expect_ignored(rig, SIGXCPU, &terminal, false);
		expect_request(rig, SIGXFSZ, own_pid == 1 ? &later : &first, REQUEST_FORWARD);
		expect_request(rig, SIGXCPU, itself, REQUEST_FORWARD);
		expect_request(rig, SIGUSR1, itself, REQUEST_FORWARD);
	}
}

/* Before the command has been started, and when it has ended. */
static void test_request_read_command_that_does_not_run_gets_nothing(void **state)
{
	struct rig *rig = *state;

	rig->requests.command_runs = true;
	expect_request(rig, SIGUSR1, &outside, REQUEST_FORWARD);
	expect_request(rig, SIGTTIN, &outside, REQUEST_FORWARD);
	rig->requests.command_runs = false;
	expect_request(rig, SIGUSR1, &outside, REQUEST_STOP);
	/* what was forwarded has not been warned of */
	expect_ignored(rig, SIGTTIN, &outside, true);
}

/* The caller passes them on to the command besides. */
static void test_request_read_control_goes_before_a_command(void **state)
{
	static const int signals[] = { SIGHUP, SIGUSR1, SIGUSR2 };
	struct rig *rig = *state;

	rig->requests.command_runs = true;
	for (size_t i = 0; i < COUNT(signals); i++) {
		rig->requests.has_control[i] = true;
		for (own_pid = 1; own_pid <= 7; own_pid += 6) {
			expect_request(rig, signals[i], &outside, REQUEST_CONTROL);
			expect_request(rig, signals[i], &inside, REQUEST_CONTROL);
		}
		rig->requests.has_control[i] = false;
		expect_request(rig, signals[i], &outside, REQUEST_FORWARD);
	}
}

static void test_request_choose_command_signal_is_one_that_programs_know(void **state)
{
	(void)state;
	for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
		const struct signalfd_siginfo info = { .ssi_signo = (uint32_t)signal };

		assert_int_equal(request_choose_command_signal(&info),
				 signal == SIGINT || signal == SIGQUIT ? signal : SIGTERM);
	}
}

/* ---- the words ---- */

static void test_request_describe_names_sender_inside(void **state)
{
	const struct signalfd_siginfo info = { .ssi_signo = SIGTERM, .ssi_code = SI_USER };
	struct rig *rig = *state;
	char text[REQUEST_TEXT_SIZE];

	assert_false(request_describe(&rig->requests, &info, text));
	assert_string_equal(text, "signal 15 (Terminated) received");
	sender = "PID 9 (watchdog/run)";
	assert_true(request_describe(&rig->requests, &info, text));
	assert_string_equal(text, "signal 15 (Terminated) from PID 9 (watchdog/run)");
}

/* The longest sender fits beside the longest name of a signal. */
static void test_request_describe_longest_sender_fits(void **state)
{
	struct signalfd_siginfo info = { .ssi_code = SI_USER, .ssi_pid = 9 };
	struct rig *rig = *state;
	static char longest[SENDER_SIZE];
	char text[REQUEST_TEXT_SIZE];

	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	sender = longest;
	for (uint32_t signal = 1; signal <= LAST_SIGNAL; signal++) {
		info.ssi_signo = signal;
		request_describe(&rig->requests, &info, text);
		assert_string_equal(text + strlen(text) - strlen(longest), longest);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request_read_stop_signals_stop_from_everywhere),
		TEST(test_request_read_child_is_no_message),
		TEST(test_request_read_hup_stops_subreaper_only),
		TEST(test_request_read_inherited_stop_signals_stop_from_outside_only),
		TEST(test_request_read_useless_signal_from_outside_is_warned_of_once),
		TEST(test_request_real_time_signals_have_the_name_of_kill),
		TEST(test_request_read_cont_from_outside_is_no_warning),
		TEST(test_request_read_control_goes_before_all_else),
		TEST(test_request_read_command_gets_what_does_not_stop),
		TEST(test_request_read_own_limit_is_not_the_commands),
		TEST(test_request_read_command_that_does_not_run_gets_nothing),
		TEST(test_request_read_control_goes_before_a_command),
		TEST(test_request_choose_command_signal_is_one_that_programs_know),
		TEST(test_request_describe_names_sender_inside),
		TEST(test_request_describe_longest_sender_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
