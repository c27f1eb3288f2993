/* SPDX-License-Identifier: ISC */
/* log.c: what goes out at which level, in which shape, and to whom. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
	char line[2 * LOG_TEXT_MAX];
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
	return 0;
}

static int teardown(void **state)
{
	log_set_writer(NULL, NULL);
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
		TEST(test_log_errno_is_kept),
		TEST(test_log_enabled_spares_what_nobody_reads),
		TEST(test_log_without_a_writer_goes_to_stderr),
		TEST(test_log_without_a_writer_written_in_parts_goes_out_whole),
		TEST(test_log_without_a_writer_and_without_stderr_is_dropped),
		TEST(test_log_without_a_writer_waits_for_a_full_nonblocking_stderr),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
