/* SPDX-License-Identifier: ISC */
/* Owns what is expected of each stream of each service; not the reading. Invariant: a line
 * counts once: as expected, as invalid (its form), as misplaced (its content: lost, twice, out
 * of order, changed), or as a complaint of dinit's. */
#include "check.h"

#include "valid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAMP_FORM "0000-00-00T00:00:00.000Z"
#define STAMP_LEN (sizeof STAMP_FORM - 1)
/* lines of each kind */
#define SHOWN_MAX 10
#define SHOWN_LEN 100
/* so many lines may be lost before what comes is taken for something else */
#define RESUME_MAX 2000

static const struct check_service services[] = {
	{ .name = "broken", .out = SCRIPT_BROKEN, .err = SCRIPT_BROKEN },
	{ .name = "convert", .out = SCRIPT_TEXT, .converted = true },
	{ .name = "drip", .out = SCRIPT_BROKEN },
	{ .name = "json", .out = SCRIPT_OBJECTS, .err = SCRIPT_TEXT },
	{ .name = "leave", .out = SCRIPT_OBJECTS },
	{ .name = "long", .out = SCRIPT_LONG, .err = SCRIPT_LONG },
	/* the command */
	{ .name = "player", .out = SCRIPT_OBJECTS, .err = SCRIPT_TEXT },
	{ .name = "slow", .out = SCRIPT_OBJECTS },
	{ .name = "text", .out = SCRIPT_TEXT, .err = SCRIPT_TEXT },
};

/* A part of a line. */
struct span {
	const char *at;
	size_t len;
};

/* A line of dinit's taken apart. */
struct arrival {
	struct span service, stage;
	/* of an object: without its closing brace */
	struct span content;
	bool on_stderr, stray;
};

#define LITERAL(text) ((struct span){ text, sizeof(text) - 1 })

static bool equal(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool is(struct span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

static bool begins(struct span span, struct span with)
{
	return span.len >= with.len && memcmp(span.at, with.at, with.len) == 0;
}

static struct span skip(struct span span, size_t len)
{
	return (struct span){ span.at + len, span.len - len };
}

/* A copy that ends, for sscanf. */
static const char *copy(struct span span, char *memory, size_t size)
{
	size_t len = span.len < size ? span.len : size - 1;

	memcpy(memory, span.at, len);
	memory[len] = '\0';
	return memory;
}

static void show(unsigned long *count, const char *what, struct span line)
{
	if (++*count > SHOWN_MAX)
		return;
	printf("    %s: ", what);
	for (size_t i = 0; i < line.len && i < SHOWN_LEN; i++)
		printf(line.at[i] >= ' ' && line.at[i] < 0x7f ? "%c" : "\\x%02x",
		       (unsigned char)line.at[i]);
	printf(line.len > SHOWN_LEN ? "... (%zu bytes)\n" : "\n", line.len);
	fflush(stdout);
}

/* ---- what a cursor expects ---- */

/* Whether such lines are in the script at all. */
static bool occurs(const struct check *check, const struct check_cursor *cursor)
{
	switch (cursor->script) {
	case SCRIPT_OBJECTS: return !cursor->stray;
	case SCRIPT_TEXT:
		return cursor->on_stderr || cursor->stray || check->wrap ||
		       cursor->service->converted;
	case SCRIPT_BROKEN:
	case SCRIPT_LONG: return true;
	case SCRIPT_NONE:
	case SCRIPT_COUNT: return false;
	}
	return false;
}

static bool is_object(const struct script_line *line)
{
	return line->object && line->text_len <= SOAK_MAX_LINE;
}

static bool arrives_here(const struct check *check, const struct check_cursor *cursor)
{
	if (cursor->line.text_len == 0)
		return false;
	if (cursor->on_stderr || check->wrap || cursor->service->converted)
		return true;
	return is_object(&cursor->line) != cursor->stray;
}

/* Finds the line that must come next. */
static bool know_next(const struct check *check, struct check_cursor *cursor)
{
	while (!cursor->known && occurs(check, cursor)) {
		script_line(cursor->script, cursor->next, &cursor->line);
		cursor->known = arrives_here(check, cursor);
		cursor->next += !cursor->known;
	}
	return cursor->known;
}

/* The part of that line that must come next. */
static struct span expected_piece(const struct check_cursor *cursor)
{
	size_t left = cursor->line.text_len - cursor->at;

	return (struct span){ cursor->line.bytes + cursor->at,
			      left < SOAK_MAX_LINE ? left : SOAK_MAX_LINE };
}

static void pass_piece(struct check_cursor *cursor, size_t len)
{
	cursor->at += len;
	if (cursor->at < cursor->line.text_len)
		return;
	cursor->at = 0;
	cursor->after = ++cursor->next;
	cursor->known = false;
}

/* ---- what arrives ---- */

/* The text of an object {"<name>":"<text>"}, whose closing brace is not part of the content. The
 * memory is that of the next call. */
static bool decode(struct span content, const char *name, struct span *text)
{
	static char decoded[8 * SOAK_MAX_LINE];
	size_t before = strlen(name) + 5;
	char start[32];

	snprintf(start, sizeof start, "{\"%s\":\"", name);
	if (!begins(content, (struct span){ start, before }) ||
	    content.len - before > sizeof decoded)
		return false;
	text->at = decoded;
	return valid_decode(content.at + before, content.len - before, decoded, &text->len) ==
	       content.len - before;
}

/* Whether the text is the expected bytes with every ill-formed one of the script's replaced by
 * U+FFFD. */
static bool equal_replaced(struct span text, struct span expected)
{
	size_t at = 0;

	for (size_t i = 0; i < expected.len; i++) {
		unsigned char byte = (unsigned char)expected.at[i];
		bool ill = byte == 0xff ||
			   (byte == 0xc3 && (i + 1 == expected.len || expected.at[i + 1] == '"'));

		if (ill ? !begins(skip(text, at), LITERAL("\xef\xbf\xbd"))
			: at >= text.len || text.at[at] != expected.at[i])
			return false;
		at += ill ? 3 : 1;
	}
	return at == text.len;
}

static bool is_expected(const struct check *check, const struct check_cursor *cursor,
			const struct arrival *arrival)
{
	struct span piece = expected_piece(cursor), text;

	if (arrival->on_stderr)
		return equal(arrival->content, piece);
	if (cursor->service->converted)
		return decode(arrival->content, "line", &text) && equal(text, piece);
	if (is_object(&cursor->line))
		return equal(arrival->content,
			     (struct span){ cursor->line.bytes + cursor->line.from,
					    cursor->line.to - cursor->line.from - 1 });
	return check->wrap && decode(arrival->content, "message", &text) &&
	       equal_replaced(text, piece);
}

/* The number of lines that a service says it has written: "end N", {"end":N}, and these
 * converted or wrapped. */
static bool read_mark(const struct check *check, const struct check_cursor *cursor,
		      const struct arrival *arrival, uint64_t *number)
{
	struct span mark = arrival->content, text;
	char bytes[64], expected[64];
	const char *close = "";

	if ((cursor->service->converted && decode(mark, "line", &text)) ||
	    (check->wrap && !arrival->on_stderr && decode(mark, "message", &text))) {
		mark = text;
		close = "}";
	}
	copy(mark, bytes, sizeof bytes);
	if (sscanf(bytes, "end %" SCNu64, number) == 1)
		snprintf(expected, sizeof expected, "end %" PRIu64, *number);
	else if (sscanf(bytes, "{\"end\":%" SCNu64, number) == 1)
		snprintf(expected, sizeof expected, "{\"end\":%" PRIu64 "%s", *number, close);
	else
		return false;
	return is(mark, expected);
}

static bool take_mark(const struct check *check, struct check_cursor *cursor,
		      const struct arrival *arrival)
{
	uint64_t number;

	if (!read_mark(check, cursor, arrival, &number) || number < cursor->after || cursor->at > 0)
		return false;
	if (know_next(check, cursor) && number > cursor->next)
		return false;
	cursor->marks++;
	return true;
}

/* After something was lost: goes on with a later line, if that is the one which has come. */
static bool resume(const struct check *check, struct check_cursor *cursor,
		   const struct arrival *arrival)
{
	uint64_t after = cursor->after, next = cursor->next;
	size_t at = cursor->at;

	for (int i = 0; i < RESUME_MAX; i++) {
		pass_piece(cursor, expected_piece(cursor).len);
		know_next(check, cursor);
		if (is_expected(check, cursor, arrival)) {
			pass_piece(cursor, expected_piece(cursor).len);
			return true;
		}
	}
	cursor->after = after;
	cursor->next = next;
	script_line(cursor->script, next, &cursor->line);
	cursor->at = at;
	return false;
}

static void take_scripted(struct check *check, struct check_cursor *cursor,
			  const struct arrival *arrival)
{
	uint64_t next;
	char what[160];

	if (cursor->marks < cursor->marks_due && know_next(check, cursor) &&
	    is_expected(check, cursor, arrival)) {
		pass_piece(cursor, expected_piece(cursor).len);
		return;
	}
	if (cursor->marks < cursor->marks_due && take_mark(check, cursor, arrival))
		return;
	next = cursor->next;
	if (cursor->marks == 0 && cursor->known && resume(check, cursor, arrival))
		snprintf(what, sizeof what,
			 "%s: line %" PRIu64 ", or more up to this, is missing on %s",
			 cursor->service->name, next, arrival->on_stderr ? "stderr" : "stdout");
	else
		snprintf(what, sizeof what,
			 "%s: this is not line %" PRIu64 ", which must come next on %s",
			 cursor->service->name, next, arrival->on_stderr ? "stderr" : "stdout");
	show(&check->misplaced, what, arrival->content);
}

static struct check_cursor *find_cursor(struct check *check, const struct arrival *arrival)
{
	for (size_t i = 0; i < check->count; i++) {
		struct check_cursor *cursor = &check->cursors[(check->guess + i) % check->count];

		if (cursor->on_stderr != (arrival->on_stderr && !arrival->stray) ||
		    cursor->stray != arrival->stray || !is(arrival->service, cursor->service->name))
			continue;
		check->guess = (check->guess + i) % check->count;
		return cursor;
	}
	return NULL;
}

/* ---- the services that write no script ---- */

static bool take_beat(struct check *check, const struct arrival *arrival)
{
	uint64_t number, written_ns;
	char text[64];

	copy(arrival->content, text, sizeof text);
	if (sscanf(text, arrival->on_stderr ? "end %" SCNu64 : "{\"end\":%" SCNu64, &number) == 1) {
		check->beat_marks++;
		return number == check->beats[arrival->on_stderr];
	}
	if (sscanf(text,
		   arrival->on_stderr ? "beat %" SCNu64 " %" SCNu64
				      : "{\"beat\":%" SCNu64 ",\"ns\":%" SCNu64,
		   &number, &written_ns) != 2 ||
	    number != check->beats[arrival->on_stderr])
		return false;
	check->beats[arrival->on_stderr]++;
	check->on_beat(check->ctx, arrival->on_stderr, written_ns);
	return true;
}

/* The last words of orphans come in any order: each of their numbers once makes a known sum. */
static bool take_orphans(struct check *check, const struct arrival *arrival)
{
	uint64_t number, each;
	char text[64];

	copy(arrival->content, text, sizeof text);
	if (sscanf(text, "{\"last\":%" SCNu64, &number) == 1) {
		check->last_words++;
		check->last_words_sum += number;
		return true;
	}
	if (sscanf(text, "{\"rounds\":%" SCNu64 ",\"each\":%" SCNu64, &number, &each) != 2)
		return false;
	check->orphan_rounds = number;
	check->orphans_each = each;
	return true;
}

static bool take_zombies(struct check *check, const struct arrival *arrival)
{
	char text[64];

	return sscanf(copy(arrival->content, text, sizeof text), "{\"zombies\":%" SCNu64,
		      &check->zombies) == 1;
}

/* Of one stream of one daemon; adopted: under its own name. */
static bool take_daemon(struct check *check, const struct arrival *arrival, bool adopted)
{
	struct check_daemon *daemon;
	unsigned number;
	uint64_t line;
	char text[64];

	copy(arrival->content, text, sizeof text);
	if (sscanf(text,
		   arrival->on_stderr ? "daemon %u %" SCNu64 : "{\"daemon\":%u,\"n\":%" SCNu64,
		   &number, &line) != 2 ||
	    number >= CHECK_DAEMONS_MAX)
		return false;
	daemon = &check->daemons[number][arrival->on_stderr];
	daemon->ended |= strstr(text, "end") != NULL;
	if (!adopted)
		return line == ++daemon->before;
	if (daemon->after == 0) {
		daemon->first_after = daemon->after = line;
		return true;
	}
	return line == ++daemon->after;
}

static void take_line(struct check *check, const struct arrival *arrival, struct span line)
{
	bool is_run = is(arrival->stage, "run"), taken = false;
	struct check_cursor *cursor = is_run ? find_cursor(check, arrival) : NULL;

	if (cursor) {
		take_scripted(check, cursor, arrival);
		return;
	}
	if (is_run && !arrival->stray && is(arrival->service, "beat"))
		taken = take_beat(check, arrival);
	else if (is_run && !arrival->on_stderr && is(arrival->service, "orphans"))
		taken = take_orphans(check, arrival);
	else if (is_run && !arrival->on_stderr && is(arrival->service, "zombies"))
		taken = take_zombies(check, arrival);
	else if (!arrival->stray &&
		 (is(arrival->service, "daemons") || is(arrival->service, "player")))
		taken = take_daemon(check, arrival, !is_run);
	if (!taken)
		show(&check->misplaced, "this should not have come", line);
}

/* ---- lines of dinit's ---- */

static bool is_stamp(struct span span)
{
	if (span.len < STAMP_LEN)
		return false;
	for (size_t i = 0; i < STAMP_LEN; i++)
		if (STAMP_FORM[i] == '0' ? span.at[i] < '0' || span.at[i] > '9'
					 : span.at[i] != STAMP_FORM[i])
			return false;
	return true;
}

/* Takes the member ,"<name>":"<value>" off the end of the span. The comma is missing behind a
 * brace. */
static bool take_field(struct span *span, const char *name, struct span *value)
{
	size_t name_len = strlen(name), before = name_len + 3;
	const char *quote;

	if (span->len < before + 3 || span->at[span->len - 1] != '"')
		return false;
	quote = memrchr(span->at, '"', span->len - 1);
	if (!quote || (size_t)(quote - span->at) < before + 1)
		return false;
	*value = (struct span){ quote + 1, (size_t)(span->at + span->len - 1 - quote - 1) };
	quote -= before;
	if (quote[0] != '"' || memcmp(quote + 1, name, name_len) != 0 ||
	    memcmp(quote + 1 + name_len, "\":", 2) != 0)
		return false;
	if (quote[-1] != ',' && (quote[-1] != '{' || quote - 1 != span->at))
		return false;
	span->len = (size_t)(quote - span->at) - (quote[-1] == ',');
	return true;
}

static void take_stdout(struct check *check, struct span line)
{
	struct arrival arrival = { .content = line };
	struct span logged;

	arrival.content.len--;
	if (line.len < 2 || line.at[line.len - 1] != '}' || !valid_object(line.at, line.len) ||
	    !take_field(&arrival.content, "logged", &logged) || logged.len != STAMP_LEN ||
	    !is_stamp(logged) || !take_field(&arrival.content, "stage", &arrival.stage) ||
	    !take_field(&arrival.content, "service", &arrival.service)) {
		show(&check->invalid, "no valid object with dinit's fields on stdout", line);
		return;
	}
	take_line(check, &arrival, line);
}

/* "service/stage: " */
static bool take_label(struct span *span, struct arrival *arrival)
{
	const char *colon = memmem(span->at, span->len, ": ", 2);
	const char *slash = colon ? memchr(span->at, '/', (size_t)(colon - span->at)) : NULL;

	if (!slash)
		return false;
	arrival->service = (struct span){ span->at, (size_t)(slash - span->at) };
	arrival->stage = (struct span){ slash + 1, (size_t)(colon - slash - 1) };
	*span = skip(*span, (size_t)(colon - span->at) + 2);
	return true;
}

/* "player: 57 more orphans were terminated within a minute", in place of as many warnings. */
static bool take_sum(struct check *check, struct span text)
{
	static const struct span form = LITERAL(" more orphan");
	const char *colon = memmem(text.at, text.len, ": ", 2);
	struct span number;
	uint64_t sum = 0;

	if (!colon)
		return false;
	number = skip(text, (size_t)(colon - text.at) + 2);
	while (number.len > 0 && number.at[0] >= '0' && number.at[0] <= '9') {
		sum = 10 * sum + (uint64_t)(number.at[0] - '0');
		number = skip(number, 1);
	}
	if (sum == 0 || !begins(number, form))
		return false;
	check->terminating += sum;
	return true;
}

static void take_message(struct check *check, struct span message, struct span line)
{
	if (begins(message, LITERAL("lost its parent, terminating it: ")))
		check->terminating++;
	else if (begins(message, LITERAL("lost its parent, adopting it: ")))
		check->adopting++;
	else if (is(message, "orphan is still running: killing it"))
		check->killing++;
	else
		show(&check->complaints, "dinit says", line);
}

static void take_stderr(struct check *check, struct span line)
{
	static const struct span own = LITERAL(" dinit: "), warning = LITERAL(" dinit: warning: "),
				 stray = LITERAL("not a JSON object: ");
	struct arrival arrival = { .on_stderr = true };
	struct span rest;
	bool is_warning;

	if (!is_stamp(line) || line.len == STAMP_LEN || line.at[STAMP_LEN] != ' ') {
		show(&check->invalid, "no line of dinit's on stderr", line);
		return;
	}
	rest = skip(line, STAMP_LEN);
	is_warning = begins(rest, warning);
	if (begins(rest, own) && !is_warning) {
		show(&check->complaints, "dinit says", line);
		return;
	}
	rest = skip(rest, is_warning ? warning.len : 1);
	if (is_warning && take_sum(check, rest))
		return;
	if (!take_label(&rest, &arrival)) {
		show(is_warning ? &check->complaints : &check->invalid, "no label on stderr", line);
		return;
	}
	if (is_warning && !begins(rest, stray)) {
		take_message(check, rest, line);
		return;
	}
	arrival.stray = is_warning;
	arrival.content = is_warning ? skip(rest, stray.len) : rest;
	take_line(check, &arrival, line);
}

void check_bytes(struct check *check, bool on_stderr, const char *bytes, size_t len)
{
	struct check_stream *stream = &check->streams[on_stderr];
	const char *from, *newline;

	if (stream->len + len > stream->size) {
		stream->size = 2 * (stream->len + len);
		stream->bytes = realloc(stream->bytes, stream->size);
		if (!stream->bytes)
			abort();
	}
	memcpy(stream->bytes + stream->len, bytes, len);
	/* What was there before holds no newline. */
	newline = memchr(stream->bytes + stream->len, '\n', len);
	stream->len += len;
	stream->total += len;
	for (from = stream->bytes; newline;
	     newline = memchr(from, '\n', stream->len - (size_t)(from - stream->bytes))) {
		struct span line = { from, (size_t)(newline - from) };

		stream->lines++;
		if (on_stderr)
			take_stderr(check, line);
		else
			take_stdout(check, line);
		from = newline + 1;
	}
	stream->len -= (size_t)(from - stream->bytes);
	memmove(stream->bytes, from, stream->len);
}

/* ---- beginning and end ---- */

static void add_cursor(struct check *check, const struct check_service *service, enum script script,
		       bool on_stderr, bool stray)
{
	bool twice = !on_stderr && (check->wrap || service->converted);

	check->cursors[check->count++] = (struct check_cursor){ .service = service,
								.script = script,
								.on_stderr = on_stderr,
								.stray = stray,
								.marks_due = twice ? 2 : 1 };
}

void check_begin(struct check *check, bool wrap,
		 void (*on_beat)(void *ctx, bool on_stderr, uint64_t written_ns), void *ctx)
{
	size_t count = sizeof services / sizeof *services;

	*check = (struct check){ .wrap = wrap, .on_beat = on_beat, .ctx = ctx };
	check->cursors = calloc(3 * count, sizeof *check->cursors);
	if (!check->cursors)
		abort();
	for (const struct check_service *service = services; service < services + count;
	     service++) {
		add_cursor(check, service, service->out, false, false);
		if (!wrap && !service->converted)
			add_cursor(check, service, service->out, false, true);
		if (service->err != SCRIPT_NONE)
			add_cursor(check, service, service->err, true, false);
	}
}

static void complain(struct check *check, const char *what, const char *name)
{
	show(&check->misplaced, what, (struct span){ name, strlen(name) });
}

static void end_daemons(struct check *check, unsigned count)
{
	char name[64];

	for (unsigned i = 0; i < 2 * count; i++) {
		const struct check_daemon *daemon = &check->daemons[i / 2][i % 2];

		snprintf(name, sizeof name, "%u, %s", i / 2, i % 2 ? "stderr" : "stdout");
		if (daemon->after == 0)
			complain(check, "nothing came under the adopted daemon's own name", name);
		else if (daemon->first_after != daemon->before + 1 || !daemon->ended)
			complain(check, "lines are missing of the adopted daemon", name);
	}
}

void check_end(struct check *check, unsigned daemons)
{
	uint64_t orphans = check->orphan_rounds * check->orphans_each;

	for (int i = 0; i < 2; i++)
		if (check->streams[i].len > 0)
			complain(check, "the last line has no newline", i ? "stderr" : "stdout");
	for (size_t i = 0; i < check->count; i++) {
		const struct check_cursor *cursor = &check->cursors[i];

		if (cursor->marks != cursor->marks_due)
			complain(check, "its end has not arrived", cursor->service->name);
	}
	if (check->beat_marks != 2)
		complain(check, "its end has not arrived", "beat");
	if (check->zombies == 0)
		complain(check, "its end has not arrived", "zombies");
	if (daemons == 0 && orphans == 0)
		complain(check, "its end has not arrived", "orphans");
	if (check->last_words != orphans || check->last_words_sum != orphans * (orphans + 1) / 2)
		complain(check, "last words are missing, or there are too many", "orphans");
	end_daemons(check, daemons);
}

void check_free(struct check *check)
{
	for (size_t i = 0; i < check->count; i++)
		free(check->cursors[i].line.bytes);
	free(check->cursors);
	for (int i = 0; i < 2; i++)
		free(check->streams[i].bytes);
}
