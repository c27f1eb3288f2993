/* SPDX-License-Identifier: ISC */
/* Owns the documents, who may have them, and the answers; not the connections over which they are
 * sent. Invariant: an answer that is being sent does not change, and documents that need no token
 * tell nothing of a service but its name. */
#include "client/answers.h"

#include "client/cells.h"
#include "client/metrics.h"
#include "client/page.h"
#include "client/statusjson.h"
#include "client/usage.h"
#include "stamp.h"

#include <stdlib.h>
#include <string.h>

/* How long an answer is kept while no state changes: the numbers in it may be that old. */
#define KEPT_MS 250

#define TEXT "text/plain; charset=utf-8"

/* Without a terminating NUL. */
#define DATE_LEN 29

/* ---- the documents ---- */

struct document {
	const char *path, *type;
	/* Further header fields, each with its end of line. */
	const char *fields;
	/* Nobody needs a token for it. */
	bool open;
	/* Prints it. Returns the status of the answer. */
	int (*print)(FILE *to, const struct snapshot *snapshot);
};

/* Prints the names of the services for which is_one is true, one a line. Returns whether there are
 * any. */
static bool print_names(FILE *to, const struct snapshot *snapshot,
			bool (*is_one)(const struct view_service *service))
{
	bool any = false;

	for (size_t i = 0; i < snapshot->len; i++) {
		if (!is_one(&snapshot->list[i]))
			continue;
		fprintf(to, "%s\n", snapshot->list[i].name);
		any = true;
	}
	return any;
}

static bool has_failed(const struct view_service *service)
{
	return service->entry.flags & BOARD_FLAG_FAILED;
}

static int print_alive(FILE *to, const struct snapshot *snapshot)
{
	if (print_names(to, snapshot, has_failed))
		return 503;
	fputs("ok\n", to);
	return 200;
}

static int print_ready(FILE *to, const struct snapshot *snapshot)
{
	char state[CELLS_BRIEF_SIZE];

	if (snapshot->header.ready) {
		fputs("ok\n", to);
		return 200;
	}
	if (print_names(to, snapshot, view_is_missing))
		return 503;
	cells_describe_state(state, snapshot->header.state);
	fprintf(to, "dinit is %s\n", state);
	return 503;
}

/* Prints a document that also needs the processor time and memory of the services. */
static int print_usage(FILE *to, const struct snapshot *snapshot,
		       void (*print)(FILE *to, const struct snapshot *snapshot,
				     const struct usage *usages))
{
	static const struct procfs proc = { .root = "/proc" };
	struct usage *usages = usage_measure(&proc, snapshot);

	print(to, snapshot, usages);
	free(usages);
	return 200;
}

static int print_metrics(FILE *to, const struct snapshot *snapshot)
{
	return print_usage(to, snapshot, metrics_print);
}

static int print_status(FILE *to, const struct snapshot *snapshot)
{
	return print_usage(to, snapshot, statusjson_print);
}

static int print_page(FILE *to, const struct snapshot *snapshot)
{
	return print_usage(to, snapshot, page_print);
}

static const struct document documents[] = {
	{ "/livez", TEXT, "", true, print_alive },
	{ "/readyz", TEXT, "", true, print_ready },
	/* https://prometheus.io/docs/instrumenting/exposition_formats/ */
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", "", false, print_metrics },
	{ "/status", "application/json", "", false, print_status },
	{ "/", "text/html; charset=utf-8", "Content-Security-Policy: " PAGE_POLICY "\r\n", false,
	  print_page },
};

static const struct document *find_document(const struct httprequest *request)
{
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
		if (strlen(documents[i].path) == request->path_len &&
		    memcmp(documents[i].path, request->path, request->path_len) == 0)
			return &documents[i];
	return NULL;
}

/* ---- the errors ---- */

/* RFC 9110, 15, and RFC 6585, 5. */
static const struct error {
	int status;
	const char *reason, *fields;
} errors[] = {
	{ 400, "Bad Request", "" },     { 401, "Unauthorized", "WWW-Authenticate: Bearer\r\n" },
	{ 404, "Not Found", "" },       { 405, "Method Not Allowed", "Allow: GET, HEAD\r\n" },
	{ 408, "Request Timeout", "" }, { 413, "Content Too Large", "" },
	{ 414, "URI Too Long", "" },    { 431, "Request Header Fields Too Large", "" },
	{ 501, "Not Implemented", "" }, { 505, "HTTP Version Not Supported", "" },
};

static const struct error *find_error(int status)
{
	size_t i = 0;

	while (i + 1 < sizeof errors / sizeof *errors && errors[i].status != status)
		i++;
	return &errors[i];
}

static void print_error(FILE *to, const struct error *error)
{
	fprintf(to, "%d %s\n", error->status, error->reason);
	if (error->status != 404)
		return;
	fputs("There are:", to);
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
		fprintf(to, " %s", documents[i].path);
	fputc('\n', to);
}

/* ---- making answers ---- */

/* Writes the present time as HTTP has it, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). */
static void write_date(char date[DATE_LEN + 1])
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct stamp now = { .valid = 0 };
	const char *text = now.text;

	stamp_now(&now);
	snprintf(date, DATE_LEN + 1, "%.3s, %.2s %.3s %.4s %.8s GMT",
		 days + now.second / 86400 % 7 * 3, text + 8,
		 months + ((text[5] - '0') * 10 + text[6] - '1') * 3, text, text + 11);
}

/* Completes an answer whose content has been printed. Returns it, or NULL where there was no memory
 * for it. */
static struct answer *finish(struct answer *answer, int status, const char *reason,
			     const char *type, const char *fields)
{
	char date[DATE_LEN + 1];

	if (fflush(answer->stream) != 0 || ferror(answer->stream))
		return NULL;
	write_date(date);
	answer->head_len =
		(size_t)snprintf(answer->head, sizeof answer->head,
				 "HTTP/1.1 %d %s\r\n"
				 "Date: %s\r\n"
				 "Content-Type: %s\r\n"
				 "Content-Length: %zu\r\n"
				 "Cache-Control: no-store\r\n"
				 "X-Content-Type-Options: nosniff\r\n"
				 "%s",
				 status, reason, date, type, answer->content_len, fields);
	return answer;
}

static struct answer *make_error(struct answer *answer, const struct error *error)
{
	print_error(answer->stream, error);
	return finish(answer, error->status, error->reason, TEXT, error->fields);
}

/* Where nothing can be seen of dinit, the answer says why. */
static struct answer *make_document(const struct answers *answers, struct answer *answer,
				    const struct document *document)
{
	struct snapshot snapshot;
	char why[VIEW_WHY_SIZE];
	const char *type = TEXT;
	int status = 503;

	if (view_take(&answers->view, &snapshot, why) < 0) {
		fprintf(answer->stream, "%s\n", why);
	} else {
		answer->sequence = snapshot.header.sequence;
		type = document->type;
		status = document->print(answer->stream, &snapshot);
		snapshot_free(&snapshot);
	}
	return finish(answer, status, status == 200 ? "OK" : "Service Unavailable", type,
		      document->fields);
}

/* ---- keeping them ---- */

/* The time and the view_sequence, read once for each request, as both can change meanwhile. */
struct moment {
	uint64_t now_ms;
	uint32_t sequence;
};

static bool is_fresh(const struct answer *answer, const void *what, const struct moment *moment)
{
	return answer->what == what && moment->now_ms - answer->made_ms < KEPT_MS &&
	       answer->sequence == moment->sequence;
}

/* Returns the fresh answer with that document or error, or else one that can be made anew, of those
 * that are not being sent: the one that had it before, which has the room for it, or else the
 * oldest. NULL where there is none. */
static struct answer *choose(struct answers *answers, const void *what, const struct moment *moment)
{
	struct answer *best = NULL;

	for (size_t i = 0; i < ANSWERS_KEPT; i++) {
		struct answer *answer = &answers->kept[i];

		if (is_fresh(answer, what, moment))
			return answer;
		if (answer->users == 0 && (!best || answer->what == what ||
					   (best->what != what && answer->made_ms < best->made_ms)))
			best = answer;
	}
	return best;
}

/* Makes the stream of the answer ready for new content. The stream is the one it has had before, at
 * its beginning, or a new one. Returns whether there is one. */
static bool begin(struct answer *answer)
{
	if (!answer->stream)
		answer->stream = open_memstream(&answer->content, &answer->content_len);
	if (!answer->stream)
		return false;
	rewind(answer->stream);
	return true;
}

/* Returns the answer with the document, or, where that is NULL, with the error. NULL as in
 * answers_find. */
static struct answer *provide(struct answers *answers, const struct document *document,
			      const struct error *error)
{
	const void *what = document ? (const void *)document : error;
	const struct moment moment = { board_now().monotonic_ms, view_sequence(&answers->view) };
	struct answer *answer = choose(answers, what, &moment);

	if (!answer || is_fresh(answer, what, &moment))
		return answer;
	answer->what = NULL;
	if (!begin(answer))
		return NULL;
	answer->sequence = moment.sequence;
	if (!(document ? make_document(answers, answer, document) : make_error(answer, error)))
		return NULL;
	answer->what = what;
	/* (Making it may have taken longer than it is kept.) */
	answer->made_ms = board_now().monotonic_ms;
	return answer;
}

/* ---- what others call ---- */

/* Returns whether the request has the token. How long that takes depends only on what was given,
 * so that nobody can find it out byte by byte. */
static bool has_token(const struct answers *answers, const struct httprequest *request)
{
	size_t len = strlen(answers->token);
	volatile unsigned char differs = len != request->token_len;

	if (!request->token)
		return false;
	for (size_t i = 0; i < request->token_len; i++)
		differs |= (unsigned char)(request->token[i] ^ answers->token[i % len]);
	return !differs;
}

struct answer *answers_find(struct answers *answers, const struct httprequest *request)
{
	const struct document *document = find_document(request);

	if (answers->token && !(document && document->open) && !has_token(answers, request))
		return answers_find_error(answers, 401);
	return document ? provide(answers, document, NULL) : answers_find_error(answers, 404);
}

struct answer *answers_find_error(struct answers *answers, int status)
{
	return provide(answers, NULL, find_error(status));
}

int answers_open(struct answers *answers, pid_t pid, const char *token, char why[VIEW_WHY_SIZE])
{
	memset(answers, 0, sizeof *answers);
	answers->token = token;
	return view_open(&answers->view, pid, why);
}

void answers_close(struct answers *answers)
{
	for (size_t i = 0; i < ANSWERS_KEPT; i++) {
		if (answers->kept[i].stream)
			fclose(answers->kept[i].stream);
		free(answers->kept[i].content);
	}
	view_close(&answers->view);
}
