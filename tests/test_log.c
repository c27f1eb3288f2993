/* SPDX-License-Identifier: ISC */
/* log.c: what goes out at which level, in which shape, and to whom. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "stamp.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HEADER_LEN (STAMP_LEN + sizeof " dinit: warning: " - 1)

/* A file or a terminal may take a part only: so many bytes at a time; 0: all. */
static size_t write_at_most;
static int write_interrupts;

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
	if (write_interrupts > 0) {
		write_interrupts--;
		errno = EINTR;
		return -1;
	}
	return __real_write(fd, bytes, write_at_most && write_at_most < len ? write_at_most : len);
}

/* What a writer was given. */
struct written {
	size_t calls, len;
	char line[3 * LOG_TEXT_MAX];
};

static void keep(void *ctx, const char *line, size_t len)
{
	struct written *written = ctx;

	assert_true(len < sizeof written->line);
	written->calls++;
	written->len = len;
	memcpy(written->line, line, len);
	written->line[len] = '\0';
	errno = EIO;
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct written));
	log_set_writer(keep, *state);
	log_set_level(CONFIG_LOG_WARN);
	log_set_form(LINE_MESSAGE_TEXT);
	return 0;
}

static int teardown(void **state)
{
	log_set_writer(NULL, NULL);
	log_set_form(LINE_MESSAGE_TEXT);
	free(*state);
	return 0;
}

static void assert_message(const struct written *written, const char *expected)
{
	assert_true(written->len > STAMP_LEN);
	assert_int_equal(written->line[STAMP_LEN - 1], 'Z');
	assert_string_equal(written->line + STAMP_LEN, expected);
}

static void test_log_each_level_goes_out_from_its_threshold_on(void **state)
{
	struct written *written = *state;

	for (int level = CONFIG_LOG_NONE; level <= CONFIG_LOG_DEBUG; level++) {
		written->calls = 0;
		log_set_level((enum config_log_level)level);
		log_error("x");
		log_warn("x");
		log_info("x");
		log_debug("x");
		assert_int_equal(written->calls, level);
		for (int asked = CONFIG_LOG_ERROR; asked <= CONFIG_LOG_DEBUG; asked++)
			assert_int_equal(log_enabled((enum config_log_level)asked), asked <= level);
	}
}

static void test_log_each_level_has_its_word(void **state)
{
	struct written *written = *state;

	log_set_level(CONFIG_LOG_DEBUG);
	log_error("web/run: %s %d", "PID", 7);
	assert_message(written, " dinit: error: web/run: PID 7\n");
	log_warn("w");
	assert_message(written, " dinit: warning: w\n");
	log_info("i");
	assert_message(written, " dinit: info: i\n");
	log_debug("d");
	assert_message(written, " dinit: debug: d\n");
}

static void test_log_always_goes_out_at_every_level(void **state)
{
	struct written *written = *state;

	log_set_level(CONFIG_LOG_NONE);
	log_always(CONFIG_LOG_ERROR, "%s", "DINIT_DIR");
	assert_message(written, " dinit: error: DINIT_DIR\n");
	log_always(CONFIG_LOG_WARN, "w");
	assert_message(written, " dinit: warning: w\n");
	assert_int_equal(written->calls, 2);
}

static void test_log_empty_message_is_a_line(void **state)
{
	log_warn("%s", "");
	assert_message(*state, " dinit: warning: \n");
}

/* One byte before, at and behind the size; the newline always stands. */
static void test_log_long_message_is_cut_with_its_newline_kept(void **state)
{
	struct written *written = *state;
	size_t fits = LOG_TEXT_MAX;

	for (size_t len = fits - 2; len < fits + 200; len++) {
		char *text = malloc(len + 1);

		memset(text, 'x', len);
		text[len] = '\0';
		log_warn("%s", text);
		assert_int_equal(written->len, HEADER_LEN + (len < fits ? len : fits) + 1);
		assert_int_equal(written->line[written->len - 1], '\n');
		assert_int_equal(strspn(written->line + HEADER_LEN, "x"), len < fits ? len : fits);
		free(text);
	}
}

/* A variable may hold anything, and what holds a newline is no second line without time and
 * label. */
static void test_log_control_characters_are_shown_harmless(void **state)
{
	log_warn("%s\xc3\xa4", "a\nb\r\t\x1b[1m\x7f~ \x01");
	assert_message(*state, " dinit: warning: a?b???[1m?~ ?\xc3\xa4\n");
}

/* ---- forms ---- */

static void test_log_choose_form_by_the_variables_and_the_terminal(void **state)
{
	static const struct {
		enum config_stderr mode;
		bool colour, terminal;
		enum line_message_form form;
	} choices[] = {
		{ CONFIG_STDERR_TEXT, false, false, LINE_MESSAGE_TEXT },
		{ CONFIG_STDERR_TEXT, false, true, LINE_MESSAGE_TEXT },
		{ CONFIG_STDERR_TEXT, true, false, LINE_MESSAGE_TEXT },
		{ CONFIG_STDERR_TEXT, true, true, LINE_MESSAGE_COLOURED },
		{ CONFIG_STDERR_WRAP, false, false, LINE_MESSAGE_LEVELLED },
		{ CONFIG_STDERR_WRAP, true, true, LINE_MESSAGE_LEVELLED },
	};
	int master_fd, slave_fd, null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(null_fd >= 0);
	assert_int_equal(openpty(&master_fd, &slave_fd, NULL, NULL, NULL), 0);
	for (size_t i = 0; i < COUNT(choices); i++) {
		struct config config = {
			.stderr_mode = choices[i].mode,
			.colour = choices[i].colour,
		};

		assert_int_equal(log_choose_form(&config, choices[i].terminal ? slave_fd : null_fd),
				 choices[i].form);
		assert_int_equal(log_choose_form(&config, -1), choices[i].mode == CONFIG_STDERR_WRAP
								       ? LINE_MESSAGE_LEVELLED
								       : LINE_MESSAGE_TEXT);
	}
	close(master_fd);
	close(slave_fd);
	close(null_fd);
}

static void test_log_set_form_coloured_error_is_red(void **state)
{
	struct written *written = *state;

	log_set_form(LINE_MESSAGE_COLOURED);
	log_error("e");
	assert_memory_equal(written->line, "\033[31m", 5);
	assert_string_equal(written->line + 5 + STAMP_LEN, " dinit: error: e\033[0m\n");
	/* An escape sequence in a name is none in the message. */
	log_warn("%s", "\033[5m");
	assert_memory_equal(written->line, "\033[33m", 5);
	assert_string_equal(written->line + 5 + STAMP_LEN, " dinit: warning: ?[5m\033[0m\n");
}

/* The longest of all: each character of it needs an escape. */
static void test_log_set_form_json_long_message_is_cut_and_whole(void **state)
{
	static const char before[] = "{\"level\":\"warning\",\"message\":\"";
	static const char behind[] = "\",\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"";
	struct written *written = *state;
	char *text = malloc(2 * LOG_TEXT_MAX + 1);

	memset(text, '"', 2 * LOG_TEXT_MAX);
	text[2 * LOG_TEXT_MAX] = '\0';
	log_set_form(LINE_MESSAGE_LEVELLED);
	for (size_t len = LOG_TEXT_MAX - 2; len < LOG_TEXT_MAX + 200; len++) {
		size_t kept = len < LOG_TEXT_MAX ? len : LOG_TEXT_MAX, at = sizeof before - 1;

		log_warn("%.*s", (int)len, text);
		assert_memory_equal(written->line, before, at);
		for (size_t i = 0; i < kept; i++, at += 2)
			assert_memory_equal(written->line + at, "\\\"", 2);
		assert_memory_equal(written->line + at, behind, sizeof behind - 1);
		at += sizeof behind - 1 + STAMP_LEN;
		assert_string_equal(written->line + at, "\"}\n");
		assert_int_equal(written->len, at + 3);
	}
	free(text);
}

/* Cut in the middle of a character, it is valid UTF-8 all the same. */
static void test_log_set_form_json_cut_character_is_marked(void **state)
{
	struct written *written = *state;
	char *text = malloc(LOG_TEXT_MAX + 2);

	memset(text, 'x', LOG_TEXT_MAX);
	memcpy(text + LOG_TEXT_MAX - 1, "\xc3\xa9", 3);
	log_set_form(LINE_MESSAGE_LEVELLED);
	log_warn("%s", text);
	assert_non_null(strstr(written->line, "xx?\","));
	assert_int_equal(strlen(written->line), written->len);
	free(text);
}

static void test_log_errno_is_kept(void **state)
{
	(void)state;
	errno = ENOENT;
	log_warn("x");
	assert_int_equal(errno, ENOENT);
	log_debug("x");
	assert_int_equal(errno, ENOENT);
	log_always(CONFIG_LOG_ERROR, "x");
	assert_int_equal(errno, ENOENT);
}

static int formatted;

static const char *format_this(void)
{
	formatted++;
	return "x";
}

/* log_enabled is what keeps a costly argument from being worked out. */
static void test_log_enabled_spares_what_nobody_reads(void **state)
{
	struct written *written = *state;

	formatted = 0;
	if (log_enabled(CONFIG_LOG_INFO))
		log_info("%s", format_this());
	assert_int_equal(formatted, 0);
	assert_int_equal(written->calls, 0);
}

/* ---- without a writer ---- */

/* (Before all others that lose a message: it stays lost.) */
static void test_log_is_lost_where_stderr_takes_nothing(void **state)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full_fd >= 0);
	log_set_writer(NULL, NULL);
	fflush(stderr);
	assert_false(log_is_lost());
	dup2(full_fd, STDERR_FILENO);
	log_info("below the level");
	assert_false(log_is_lost());
	log_warn("lost");
	dup2(saved, STDERR_FILENO);
	assert_true(log_is_lost());
	log_set_writer(keep, *state);
	log_warn("taken");
	assert_true(log_is_lost());
	close(full_fd);
	close(saved);
}

/* Descriptor 2 leads to a pipe while the message is made. Returns the pipe's read end. */
static int divert_stderr(int *saved, int flags)
{
	int pair[2];

	fflush(stderr);
	assert_int_equal(pipe2(pair, O_CLOEXEC | flags), 0);
	*saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	close(pair[1]);
	return pair[0];
}

static void restore_stderr(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void test_log_set_form_without_a_writer_holds_for_stderr(void **state)
{
	static const char before[] = "{\"level\":\"error\",\"message\":\"direct\",";
	char text[200];
	int saved, fd;

	(void)state;
	log_set_writer(NULL, NULL);
	log_set_form(LINE_MESSAGE_LEVELLED);
	fd = divert_stderr(&saved, 0);
	log_error("direct");
	restore_stderr(saved);
	assert_true(read(fd, text, sizeof text) > (ssize_t)sizeof before);
	assert_memory_equal(text, before, sizeof before - 1);
	close(fd);
}

static void say_directly(size_t at_most, int interrupts)
{
	char text[200];
	int saved, fd;
	ssize_t n;

	log_set_writer(NULL, NULL);
	fd = divert_stderr(&saved, 0);
	write_at_most = at_most;
	write_interrupts = interrupts;
	log_warn("direct");
	write_at_most = 0;
	restore_stderr(saved);
	n = read(fd, text, sizeof text);
	assert_int_equal(n, STAMP_LEN + strlen(" dinit: warning: direct\n"));
	assert_memory_equal(text + STAMP_LEN, " dinit: warning: direct\n", (size_t)n - STAMP_LEN);
	close(fd);
}

static void test_log_without_a_writer_goes_to_stderr(void **state)
{
	(void)state;
	say_directly(0, 0);
}

static void test_log_without_a_writer_written_in_parts_goes_out_whole(void **state)
{
	(void)state;
	say_directly(7, 3);
	assert_int_equal(write_interrupts, 0);
	say_directly(1, 0);
}

static void test_log_without_a_writer_and_without_stderr_is_dropped(void **state)
{
	int saved, fd;

	(void)state;
	log_set_writer(NULL, NULL);
	fd = divert_stderr(&saved, 0);
	close(fd);
	errno = 0;
	log_warn("nobody reads this");
	restore_stderr(saved);
	assert_int_equal(errno, 0);
}

/* A child reads what a full pipe cannot hold: every message arrives whole. */
static void test_log_without_a_writer_waits_for_a_full_nonblocking_stderr(void **state)
{
	int saved, fd, status;
	pid_t pid;

	(void)state;
	log_set_writer(NULL, NULL);
	fd = divert_stderr(&saved, O_NONBLOCK);
	assert_true(fcntl(fd, F_SETPIPE_SZ, 4096) >= 4096);
	pid = fork();
	if (pid == 0) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		size_t lines = 0;
		char byte;

		close(STDERR_FILENO);
		while (poll(&readable, 1, 10000) > 0 && read(fd, &byte, 1) == 1)
			lines += byte == '\n';
		_exit(lines == 200 ? 0 : 1);
	}
	for (int i = 0; i < 200; i++)
		log_warn("a message of some length, number %d", i);
	restore_stderr(saved);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_log_each_level_goes_out_from_its_threshold_on),
		TEST(test_log_each_level_has_its_word),
		TEST(test_log_always_goes_out_at_every_level),
		TEST(test_log_empty_message_is_a_line),
		TEST(test_log_long_message_is_cut_with_its_newline_kept),
		TEST(test_log_control_characters_are_shown_harmless),
		TEST(test_log_choose_form_by_the_variables_and_the_terminal),
		TEST(test_log_set_form_coloured_error_is_red),
		TEST(test_log_set_form_json_long_message_is_cut_and_whole),
		TEST(test_log_set_form_json_cut_character_is_marked),
		TEST(test_log_errno_is_kept),
		TEST(test_log_enabled_spares_what_nobody_reads),
		TEST(test_log_set_form_without_a_writer_holds_for_stderr),
		TEST(test_log_is_lost_where_stderr_takes_nothing),
		TEST(test_log_without_a_writer_goes_to_stderr),
		TEST(test_log_without_a_writer_written_in_parts_goes_out_whole),
		TEST(test_log_without_a_writer_and_without_stderr_is_dropped),
		TEST(test_log_without_a_writer_waits_for_a_full_nonblocking_stderr),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
