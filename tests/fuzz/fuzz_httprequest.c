/* SPDX-License-Identifier: ISC */
/* Owns: what holds for any bytes that httprequest.c gets, and a second look at what it takes for a
 * request, line by line. Does not: say which error is the right one (test_httprequest does).
 *
 * Invariant: httprequest.c only ever sees buffers of exactly the length it is told; a difference
 * ends in abort().
 *
 * A first byte of 0xe0 or more, which begins no request, says that a byte of the rest is repeated,
 * so that the limit is nearly or just reached; the second says which one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/httprequest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that comes of parsing, with offsets instead of pointers. */
struct result {
	enum httprequest_verdict verdict;
	int status;
	size_t len, path, path_len, token, token_len;
	bool has_token, head, keep_alive;
};

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_httprequest: %s\n", what);
	abort();
}

static bool is_visible(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

/* Returns where a text is, which must be in the bytes that a request takes. */
static size_t find(const char *buffer, size_t len, const char *text, size_t text_len)
{
	insist(text >= buffer && text <= buffer + len, "a text is elsewhere");
	insist(text_len <= len - (size_t)(text - buffer), "a text is too long");
	return (size_t)(text - buffer);
}

static struct result parse(const char *bytes, size_t len)
{
	char *buffer = malloc(len);
	struct httprequest request;
	struct result result = { .status = 0 };

	insist(buffer || len == 0, "out of memory");
	if (len > 0)
		memcpy(buffer, bytes, len);
	memset(&request, 0x55, sizeof request);
	result.verdict = httprequest_parse(&request, buffer, len, &result.status);
	insist(result.verdict != HTTPREQUEST_MORE || len < HTTPREQUEST_MAX, "waits for too much");
	if (result.verdict != HTTPREQUEST_BAD)
		result.status = 0;
	if (result.verdict == HTTPREQUEST_WHOLE) {
		insist(request.len <= len && request.len <= HTTPREQUEST_MAX, "takes too much");
		insist(request.path_len > 0 && *request.path == '/', "a path without a slash");
		result.len = request.len;
		result.path = find(buffer, request.len, request.path, request.path_len);
		result.path_len = request.path_len;
		insist(is_visible(request.path, request.path_len), "a path is not visible");
		insist(!memchr(request.path, '?', request.path_len), "a path with a query");
		result.has_token = request.token;
		if (result.has_token)
			result.token = find(buffer, request.len, request.token, request.token_len);
		result.token_len = request.token_len;
		insist(result.has_token == (request.token_len > 0), "an empty token");
		insist(!request.token || is_visible(request.token, request.token_len),
		       "a token is not visible");
		result.head = request.head;
		result.keep_alive = request.keep_alive;
	}
	free(buffer);
	return result;
}

static bool is_same(const struct result *a, const struct result *b)
{
	return a->verdict == b->verdict && a->status == b->status && a->len == b->len &&
	       a->path == b->path && a->path_len == b->path_len && a->token == b->token &&
	       a->token_len == b->token_len && a->has_token == b->has_token && a->head == b->head &&
	       a->keep_alive == b->keep_alive;
}

/* Whether it waits until it knows, after which nothing changes that. (Of many beginnings some are
 * looked at, and of those around the limit all.) */
static void check_beginnings(const char *bytes, size_t len, const struct result *last)
{
	size_t step = 1 + len / 100;
	bool known = false;

	for (size_t i = 0; i < len;
	     i += i < HTTPREQUEST_MAX - step || i > HTTPREQUEST_MAX ? step : 1) {
		struct result result = parse(bytes, i);

		insist(!known || result.verdict != HTTPREQUEST_MORE, "it waits again");
		known = result.verdict != HTTPREQUEST_MORE;
		insist(!known || is_same(&result, last), "more bytes change what is known");
	}
	if (last->verdict == HTTPREQUEST_WHOLE) {
		struct result result = parse(bytes, last->len);

		insist(is_same(&result, last), "it is another one without what follows");
		result = parse(bytes, last->len - 1);
		insist(result.verdict == HTTPREQUEST_MORE, "it is known before its end");
	}
}

/* Returns the next line of a request that was taken, without its end. */
static const char *next_line(const char **at, size_t *len)
{
	const char *line = *at, *feed = strchr(line, '\n');

	insist(feed, "a request ends within a line");
	*at = feed + 1;
	*len = (size_t)(feed - line);
	if (*len > 0 && line[*len - 1] == '\r')
		--*len;
	return line;
}

static void insist_on_text(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		insist(((unsigned char)line[i] >= ' ' && line[i] != 0x7f) || line[i] == '\t',
		       "a control character in a line");
}

/* METHOD TARGET HTTP/1.x. */
static void check_request_line(const char *line, size_t len, const struct result *result)
{
	size_t method_len = strcspn(line, " ");

	insist(method_len == (result->head ? 4 : 3) &&
		       memcmp(line, result->head ? "HEAD" : "GET", method_len) == 0,
	       "another method");
	insist(len >= strlen("GET / HTTP/1.0") && memcmp(line + len - 9, " HTTP/1.", 8) == 0,
	       "another version");
	insist(is_visible(line + method_len + 1, len - 9 - method_len - 1),
	       "more than three words");
	insist(!memchr(line, '#', len), "a fragment");
}

/* What is sure of each request that is taken, seen by other means. */
static void check_whole(const char *bytes, const struct result *result)
{
	char *text = calloc(result->len + 1, 1);
	const char *at = text, *line;
	size_t len, hosts = 0, lengths = 0;
	bool old;

	insist(text, "out of memory");
	memcpy(text, bytes, result->len);
	insist(strlen(text) == result->len, "NUL in a request");
	while (line = next_line(&at, &len), len == 0)
		;
	check_request_line(line, len, result);
	old = line[len - 1] == '0';
	while (line = next_line(&at, &len), len > 0) {
		const char *colon = memchr(line, ':', len);

		insist(colon && colon > line && is_visible(line, (size_t)(colon - line)),
		       "a field without a name");
		insist_on_text(line, len);
		insist(strncasecmp(line, "transfer-encoding:", 18) != 0, "content that is coded");
		hosts += strncasecmp(line, "host:", 5) == 0;
		if (strncasecmp(line, "content-length:", 15) == 0) {
			insist(strspn(line + 15, " \t0") == len - 15, "content");
			lengths++;
		}
		if (len == strlen("connection:close") &&
		    strncasecmp(line, "connection:close", len) == 0)
			insist(!result->keep_alive, "kept, though it would be closed");
	}
	insist(*at == '\0', "an empty line within a request");
	insist(hosts == 1 || (old && hosts == 0), "not one host");
	insist(lengths <= 1, "more than one length");
	free(text);
}

/* Returns the bytes with one of them repeated, for the caller to free. */
static char *stretch(const char *text, size_t size, size_t at, size_t len)
{
	char *bytes = malloc(len);

	insist(bytes, "out of memory");
	memcpy(bytes, text, at);
	memset(bytes + at, text[at], len - size);
	memcpy(bytes + at + len - size, text + at, size - at);
	return bytes;
}

static void check(const char *bytes, size_t len)
{
	for (bool first = true;; first = false) {
		struct result result = parse(bytes, len);
		struct result again = parse(bytes, len);

		insist(is_same(&result, &again), "the same gives another result");
		if (first)
			check_beginnings(bytes, len, &result);
		if (result.verdict != HTTPREQUEST_WHOLE)
			return;
		check_whole(bytes, &result);
		bytes += result.len;
		len -= result.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;

	if (size > 2 && data[0] >= 0xe0 && size < HTTPREQUEST_MAX - 16) {
		size_t len = HTTPREQUEST_MAX - 16 + (data[0] - 0xe0U);
		char *longer = stretch(bytes + 2, size - 2, (size - 2) * data[1] / 256, len);

		check(longer, len);
		free(longer);
	} else {
		check(bytes, size);
	}
	return 0;
}
