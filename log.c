/* SPDX-License-Identifier: ISC */
/* Owns the level, the form and the writer of dinit's own messages; not where they go, nor what
 * they say. Invariant: the writer is given whole lines only. */
#include "log.h"

#include "printable.h"
#include "stamp.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More than stands around a message in any form. */
#define AROUND_MAX 256

static enum config_log_level threshold = CONFIG_LOG_WARN;
static enum line_message_form own_form = LINE_MESSAGE_TEXT;
static log_writer *write_line;
static void *write_ctx;
static bool lost;
static struct stamp now;
/* The message that is being made, as a line of whatever form. */
static char line[LOG_TEXT_MAX * JSON_QUOTE_MAX(1) + AROUND_MAX];

void log_set_level(enum config_log_level level)
{
	threshold = level;
}

enum line_message_form log_choose_form(const struct config *config, int fd)
{
	if (config->stderr_mode == CONFIG_STDERR_WRAP)
		return LINE_MESSAGE_LEVELLED;
	return config->colour && isatty(fd) ? LINE_MESSAGE_COLOURED : LINE_MESSAGE_TEXT;
}

void log_set_form(enum line_message_form form)
{
	own_form = form;
}

void log_set_writer(log_writer *writer, void *ctx)
{
	write_line = writer;
	write_ctx = ctx;
}

bool log_is_lost(void)
{
	return lost;
}

bool log_enabled(enum config_log_level level)
{
	return level <= threshold;
}

/* Writes to descriptor 2 and waits for its reader, which is allowed only before anything was
 * started and after everything has ended. */
static void write_directly(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };

			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			lost = true;
			return;
		}
	}
}

static __attribute__((format(printf, 2, 0))) void write_message(enum config_log_level level,
								const char *format, va_list args)
{
	struct line_message message = { .level = level };
	char text[LOG_TEXT_MAX + 1];
	int saved = errno, n;
	size_t len;

	n = vsnprintf(text, sizeof text, format, args);
	len = n > 0 ? (size_t)n : 0;
	if (len > LOG_TEXT_MAX)
		len = LOG_TEXT_MAX;
	/* Names and values that others chose may stand in it, and it stays one line. */
	message.len = printable_copy(text, sizeof text, PRINTABLE_MARKED, text, len);
	message.text = text;
	stamp_now(&now);
	len = line_put_message(line, own_form, &message, &now);
	if (write_line)
		write_line(write_ctx, line, len);
	else
		write_directly(line, len);
	errno = saved;
}

#define SAY(level) \
	do { \
		va_list args; \
\
		if (!log_enabled(level)) \
			return; \
		va_start(args, format); \
		write_message(level, format, args); \
		va_end(args); \
	} while (0)

void log_error(const char *format, ...)
{
	SAY(CONFIG_LOG_ERROR);
}

void log_warn(const char *format, ...)
{
	SAY(CONFIG_LOG_WARN);
}

void log_info(const char *format, ...)
{
	SAY(CONFIG_LOG_INFO);
}

void log_debug(const char *format, ...)
{
	SAY(CONFIG_LOG_DEBUG);
}

void log_always(enum config_log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_message(level, format, args);
	va_end(args);
}
