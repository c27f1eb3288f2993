/* SPDX-License-Identifier: ISC */
/* The messages of dinit itself: level, format, and a writer that takes each finished line. Until a
 * writer is set they go straight to descriptor 2. The only module with file-scope state: there
 * is one process to speak for. */
#ifndef DINIT_LOG_H
#define DINIT_LOG_H

#include "config.h"
#include "line.h"

#include <stdbool.h>
#include <stddef.h>

/* The longest message, without its time stamp and level; a longer one is cut. */
#define LOG_TEXT_MAX 4000

/* Takes one line, newline included, which is valid only during the call. */
typedef void log_writer(void *ctx, const char *line, size_t len);

/* Sets the level; until then it is CONFIG_LOG_WARN. */
void log_set_level(enum config_log_level level);

/* Returns the form of messages that go to the descriptor fd, dinit's stderr, by DINIT_JSON_STDERR
 * and by whether it is a terminal that may have colours. */
enum line_message_form log_choose_form(const struct config *config, int fd);

/* Sets the form of messages; until then it is LINE_MESSAGE_TEXT. */
void log_set_form(enum line_message_form form);

/* Sets the writer. NULL: messages go to descriptor 2 again. */
void log_set_writer(log_writer *writer, void *ctx);

/* Returns whether a message could not be written, or not all of it, while there was no writer. */
bool log_is_lost(void);

/* Returns whether messages of this level go out: ask before preparing what is costly to know. */
bool log_enabled(enum config_log_level level);

/* Write one message each, in the format of printf(3) without a newline at the end; nothing is
 * formatted below the level. What cannot be printed becomes "?" (printable.h). errno is kept. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a message at every level: for what stops dinit before anything was started. */
void log_always(enum config_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
