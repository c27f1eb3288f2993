/* SPDX-License-Identifier: ISC */
/* Owns the level, the writer and the shape of dinit's own messages; not where they go, nor what
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

static enum config_log_level threshold = CONFIG_LOG_WARN;
static log_writer *write_line;
static void *write_ctx;
static struct stamp now;

void log_set_level(enum config_log_level level)
{
	threshold = level;
}

void log_set_writer(log_writer *writer, void *ctx)
{
	write_line = writer;
	write_ctx = ctx;
}

bool log_enabled(enum config_log_level level)
{
	return level <= threshold;
}

static const char *level_word(enum config_log_level level)
{
	switch (level) {
	case CONFIG_LOG_ERROR: return "error";
	case CONFIG_LOG_WARN: return "warning";
	case CONFIG_LOG_INFO: return "info";
	case CONFIG_LOG_DEBUG: return "debug";
	case CONFIG_LOG_NONE: break;
	}
	return "none";
}

/* Writes to descriptor 2 and waits for its reader, which is allowed only before anything was
 * started and after everything has ended. */
static void write_directly(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n >= 0) {
			line += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };

			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			return;
		}
	}
}

static __attribute__((format(printf, 2, 0))) void write_message(enum config_log_level level,
								const char *format, va_list args)
{
	char line[LOG_LINE_SIZE];
	int saved = errno;
	size_t len;
	int n;

	stamp_now(&now);
	memcpy(line, now.text, STAMP_LEN);
	len = STAMP_LEN;
	len += (size_t)snprintf(line + len, sizeof line - len, " dinit: %s: ", level_word(level));
	n = vsnprintf(line + len, sizeof line - len, format, args);
	if (n > 0)
		len += (size_t)n;
	if (len > sizeof line - 1)
		len = sizeof line - 1;
	/* Names and values that others chose may stand in it, and it stays one line. */
	len = printable_copy(line, sizeof line, PRINTABLE_MARKED, line, len);
	line[len++] = '\n';
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
