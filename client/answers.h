/* SPDX-License-Identifier: ISC */
/* What is answered over HTTP: documents on what runs, and errors. Each is kept for a moment and
 * shared by all who ask for it, so that many who ask cost little more than one. */
#ifndef DINIT_CLIENT_ANSWERS_H
#define DINIT_CLIENT_ANSWERS_H

#include "client/httprequest.h"
#include "client/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How many answers are kept. */
#define ANSWERS_KEPT 8

struct answer {
	/* The status line and the header, without Connection and the empty line at the end. */
	char head[448];
	size_t head_len;
	/* What follows the header, and the stream that writes there (open_memstream(3)). */
	char *content;
	size_t content_len;
	FILE *stream;
	/* How many connections are sending it: it does not change meanwhile. */
	unsigned users;
	/* Its document or error (NULL: none yet), when it was made, and the view_sequence then. */
	const void *what;
	uint64_t made_ms;
	uint32_t sequence;
};

struct answers {
	/* Stays the caller's; NULL: everybody may have everything. */
	const char *token;
	struct view view;
	struct answer kept[ANSWERS_KEPT];
};

/* Opens a view of the dinit with that PID (0: as view_open chooses). Returns 0, or -1 and why
 * not; nothing is to be closed then. */
int answers_open(struct answers *answers, pid_t pid, const char *token, char why[VIEW_WHY_SIZE]);

/* Closes the view, and frees the answers, which nobody sends any more. */
void answers_close(struct answers *answers);

/* Return the answer to a request, or the one for an error, of which status is the number (400, 408,
 * ...). The caller adds itself to users while it sends the answer. NULL: there is no memory, or all
 * answers that are kept are being sent. */
struct answer *answers_find(struct answers *answers, const struct httprequest *request);
struct answer *answers_find_error(struct answers *answers, int status);

#endif
