/* SPDX-License-Identifier: ISC */
/* dinit's own messages: level, format, and a writer that takes each finished line. Until a
 * writer is set they go straight to descriptor 2. The only module with file-scope state: there
 * is one process to speak for. */
#ifndef DINIT_LOG_H
#define DINIT_LOG_H

#include "config.h"

#include <stdbool.h>
#include <stddef.h>

/* the longest message, time stamp and newline included; a longer one is cut */
#define LOG_LINE_SIZE 4096

/* Takes one line, newline included, valid only during the call. */
typedef void log_writer(void *ctx, const char *line, size_t len);

void log_set_level(enum config_log_level level);

/* NULL: descriptor 2 again. */
void log_set_writer(log_writer *writer, void *ctx);

/* Whether messages of this level go out: ask before preparing what is costly to know. */
bool log_enabled(enum config_log_level level);

/* One message each, printf's format without a newline at the end; nothing is formatted below the
 * level. Control characters become question marks. errno is kept. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Goes out at every level: what stops dinit before anything was started (a configuration error). */
void log_always(enum config_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
