/* SPDX-License-Identifier: ISC */
/* What is answered over HTTP: the documents on what runs, and the errors. They are kept for a moment
 * and shared by all who ask for the same, so that many who ask cost little more than one. */
#ifndef DINIT_CLIENT_ANSWERS_H
#define DINIT_CLIENT_ANSWERS_H

#include "client/httprequest.h"
#include "client/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* So many are kept. */
#define ANSWERS_KEPT 8

/* An answer, as all who get it see it. */
struct answer {
	/* The status line and the header, but for Connection and the empty line at the end. */
	char head[512];
	size_t head_len;
	/* The content: what was written to the stream. */
	char *content;
	size_t content_len;
	/* How many connections are being sent it. */
	unsigned users;
	/* What it is, and of which moment; -1: nothing yet. */
	int status;
	const struct document *document;
	uint32_t sequence;
	uint64_t made_ms;
	FILE *stream;
	/* What the stream has said of its memory. */
	size_t stream_len;
};

struct answers {
	struct view view;
	/* Of the last change; there is always one. */
	struct snapshot snapshot;
	/* What Authorization must have; "" if nothing. */
	const char *token;
	struct answer kept[ANSWERS_KEPT];
};

/* Opens the page of the dinit with that PID (0: as view_open chooses). The token stays the caller's.
 * Returns 0, or -1 and why not; nothing is to be closed then. */
int answers_open(struct answers *answers, pid_t pid, const char *token, char why[VIEW_WHY_SIZE]);

/* Returns whether that dinit runs. */
bool answers_has_dinit(const struct answers *answers);

/* Return the answer to a request, or the error with that status, or NULL where all that are kept are
 * being sent, or there is no memory. Whoever begins to send it counts in users, and stops counting
 * when it is sent. */
struct answer *answers_find(struct answers *answers, const struct httprequest *request);
struct answer *answers_find_error(struct answers *answers, int status);

/* Frees what is kept, and closes the page. */
void answers_close(struct answers *answers);

#endif
