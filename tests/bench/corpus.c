/* SPDX-License-Identifier: ISC */
/* Owns the lines that are written: made up, but the same in every run. */
#include "bench.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CORPUS_SIZE (1024 * 1024)
#define LINE_MAX_SIZE (20 * 1024)

static const char *const words[] = {
	"request", "served", "from",  "cache",    "worker", "connection", "closed", "by",
	"peer",    "in",     "state", "ready",    "queue",  "timeout",    "retry",  "user",
	"session", "opened", "for",   "upstream", "took",   "longer",     "than",   "expected",
};
static const char *const paths[] = { "/",      "/index.html",   "/api/v1/items", "/static/app.js",
				     "/login", "/api/v1/orders" };
static const char *const agents[] = {
	"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
	"curl/8.11.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
	"Gecko) Version/18.1",
};

/* Numerical Recipes' generator: the same numbers everywhere. */
static unsigned next_number(uint32_t *seed, unsigned below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

#define PICK(seed, list) (list)[next_number(seed, sizeof(list) / sizeof *(list))]

/* Words up to exactly len bytes. */
static size_t put_words(char *at, size_t len, uint32_t *seed)
{
	size_t used = 0;

	while (used < len) {
		const char *word = PICK(seed, words);
		size_t room = len - used, word_len = strlen(word);

		memcpy(at + used, word, word_len < room ? word_len : room);
		used += word_len < room ? word_len : room;
		if (used < len)
			at[used++] = ' ';
	}
	at[len - 1] = 'x';
	return used;
}

static size_t put_text(char *at, size_t line_len, uint32_t *seed)
{
	put_words(at, line_len - 1, seed);
	at[line_len - 1] = '\n';
	return line_len;
}

/* Small members, then a message that fills the line. */
static size_t put_json(char *at, size_t line_len, uint32_t *seed)
{
	static const char end[] = "\"}\n";
	size_t len = (size_t)sprintf(at, "{\"t\":\"06:03:%02u\",\"level\":\"info\",\"id\":%u",
				     next_number(seed, 60), 10000 + next_number(seed, 90000));

	if (line_len > 500) {
		const char *comma = "";

		len += (size_t)sprintf(at + len, ",\"items\":[");
		while (len < line_len / 2) {
			len += (size_t)sprintf(
				at + len,
				"%s{\"id\":%u,\"ok\":true,\"name\":\"%s\",\"price\":%u.%02u}",
				comma, next_number(seed, 100000), PICK(seed, words),
				next_number(seed, 100), next_number(seed, 100));
			comma = ",";
		}
		at[len++] = ']';
	}
	len += (size_t)sprintf(at + len, ",\"msg\":\"");
	len += put_words(at + len, line_len - len - strlen(end), seed);
	memcpy(at + len, end, strlen(end));
	return line_len;
}

static size_t put_json_log(char *at, uint32_t *seed)
{
	static const char *const names[] = {
		"Jos\\u00e9 \\\"Pepe\\\" Garc\\u00eda",
		"M\xc3\xbcller",
		"Anna",
		"C:\\\\temp\\\\x",
	};
	static const char *const levels[] = { "info", "info", "info", "warn", "error" };

	return (size_t)sprintf(
		at,
		"{\"ts\":1795327420.%03u,\"l\":\"%s\",\"req\":{\"m\":\"GET\",\"u\":\"%s?q=%u&p=%"
		"u\","
		"\"h\":\"10.%u.%u.%u\",\"ua\":\"%s\"},\"st\":%u,\"b\":%u,\"d\":%u.%03ue-3,"
		"\"user\":\"%s\",\"tags\":[\"%s\",\"%s\"],\"cache\":%s,\"err\":null,\"msg\":\"%s "
		"%s\\n\\t%s %s\"}\n",
		next_number(seed, 1000), PICK(seed, levels), PICK(seed, paths),
		next_number(seed, 10000), next_number(seed, 50), next_number(seed, 256),
		next_number(seed, 256), next_number(seed, 256), PICK(seed, agents),
		200 + next_number(seed, 4) * 100, next_number(seed, 100000), next_number(seed, 500),
		next_number(seed, 1000), PICK(seed, names), PICK(seed, words), PICK(seed, words),
		next_number(seed, 2) ? "true" : "false", PICK(seed, words), PICK(seed, words),
		PICK(seed, words), PICK(seed, words));
}

static size_t put_access_log(char *at, uint32_t *seed)
{
	return (size_t)sprintf(
		at,
		"10.%u.%u.%u - - [22/Nov/2026:06:03:%02u +0000] \"GET %s?q=%u HTTP/1.1\" %u %u "
		"\"https://example.org%s\" \"%s\"\n",
		next_number(seed, 256), next_number(seed, 256), next_number(seed, 256),
		next_number(seed, 60), PICK(seed, paths), next_number(seed, 10000),
		200 + next_number(seed, 4) * 100, next_number(seed, 100000), PICK(seed, paths),
		PICK(seed, agents));
}

static size_t put_line(char *at, enum corpus_kind kind, size_t line_len, uint32_t *seed)
{
	switch (kind) {
	case CORPUS_TEXT: return put_text(at, line_len, seed);
	case CORPUS_JSON: return put_json(at, line_len, seed);
	case CORPUS_JSON_LOG: return put_json_log(at, seed);
	case CORPUS_ACCESS_LOG: return put_access_log(at, seed);
	}
	return 0;
}

void corpus_make(struct corpus *corpus, const struct bench *bench, enum corpus_kind kind,
		 size_t line_len)
{
	char *bytes = malloc(CORPUS_SIZE + LINE_MAX_SIZE);
	uint32_t seed = 2026;
	FILE *file;

	snprintf(corpus->path, sizeof corpus->path, "%s/corpus", bench->temp);
	corpus->len = corpus->lines = 0;
	file = fopen(corpus->path, "we");
	if (!bytes || !file)
		bench_fail(corpus->path);
	while (corpus->len < CORPUS_SIZE) {
		corpus->len += put_line(bytes + corpus->len, kind, line_len, &seed);
		corpus->lines++;
	}
	if (fwrite(bytes, 1, corpus->len, file) != corpus->len || fclose(file) != 0)
		bench_fail(corpus->path);
	free(bytes);
}
