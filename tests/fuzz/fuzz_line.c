/* SPDX-License-Identifier: ISC */
/* Owns: a second, slow and obvious way to cut bytes into lines, the comparison of line.c with
 * it, and the check of every decoration, byte by byte. Does not: know JSON (judge.h does), nor
 * read from anything (fuzz_logmux.c).
 *
 * Invariant: line.c only ever sees buffers of exactly the length it is told; a difference ends
 * in abort().
 *
 * The input: a byte for the longest line, a byte for where the input is split, then the bytes to
 * be cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
	if (!holds)
		abort();
}

/* A copy with nothing beside it. */
static char *exactly(const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	insist(copy != NULL);
	memcpy(copy, bytes, len);
	return copy;
}

/* ---- what a line is ---- */

/* What comes first in the bytes, with all of them at hand: a line or a piece, and what is used
 * up by it. */
static enum line_found cut_obviously(const char *bytes, size_t len, size_t max,
				     struct line_cut *cut)
{
	size_t end = 0;

	if (len == 0)
		return LINE_NONE;
	while (end < len && bytes[end] != '\n')
		end++;
	cut->used = end < len ? end + 1 : end;
	cut->len = end > 0 && bytes[end - 1] == '\r' ? end - 1 : end;
	if (cut->len <= max)
		return LINE_WHOLE;
	cut->len = cut->used = max;
	return LINE_PIECE;
}

/* ---- decorations ---- */

struct fixture {
	struct stamp stamp;
	struct line_label label;
	char *memory;
};

/* Puts a line in that form, with room for exactly what line_put_max says. Returns what it put, of
 * length *put. */
static char *put_line(const struct fixture *fixture, const struct line *line, size_t *put)
{
	size_t max = line_put_max(line, &fixture->label);
	char *out = malloc(max);

	insist(out != NULL);
	*put = line_put(out, line, &fixture->stamp, &fixture->label);
	insist(*put <= max);
	return out;
}

static void check_text(const struct fixture *fixture, const char *text, size_t len)
{
	struct line line = { .text = text, .len = len, .form = LINE_FORM_TEXT };
	size_t put;
	char *out = put_line(fixture, &line, &put);

	insist(put == STAMP_LEN + fixture->label.prefix_len + len + 1);
	insist(memcmp(out, fixture->stamp.text, STAMP_LEN) == 0);
	insist(memcmp(out + STAMP_LEN, fixture->label.prefix, fixture->label.prefix_len) == 0);
	insist(memcmp(out + put - len - 1, text, len) == 0 && out[put - 1] == '\n');
	free(out);
	line.form = LINE_FORM_STRAY;
	out = put_line(fixture, &line, &put);
	insist(memcmp(out + put - len - 1, text, len) == 0 && out[put - 1] == '\n');
	free(out);
}

/* An object, one line of it, that ends in the fields. */
static void check_object(const struct fixture *fixture, const char *out, size_t len)
{
	const struct line_label *label = &fixture->label;
	/* Without the comma before the first. */
	size_t around = label->fields_len - 1 + STAMP_LEN + 3;

	insist(len > around &&
	       memcmp(out + len - around, label->fields + 1, label->fields_len - 1) == 0);
	insist(memcmp(out + len - STAMP_LEN - 3, fixture->stamp.text, STAMP_LEN) == 0);
	insist(memcmp(out + len - 3, "\"}\n", 3) == 0);
	insist(judge_is_too_deep(out, len) || judge_is_object(out, len - 1));
}

/* A message about a line that is no object, as an object. */
static void check_stray(const struct fixture *fixture, struct line line,
			enum line_message_form form)
{
	size_t put;
	char *out;

	line.form = LINE_FORM_STRAY;
	line.stray_form = form;
	out = put_line(fixture, &line, &put);
	insist(memchr(out, '\n', put) == out + put - 1);
	insist(judge_is_object(out, put - 1));
	free(out);
}

/* What JSON says about a line: before the fields stands the line. */
static void check_json(const struct fixture *fixture, const char *text, size_t len)
{
	struct line line = line_make(LINE_RULE_OBJECTS, text, len, true);
	size_t put;
	char *out;

	if (line.form == LINE_FORM_OBJECT) {
		out = put_line(fixture, &line, &put);
		insist(memcmp(out, text + line.object.open, line.object.close - line.object.open) ==
		       0);
		check_object(fixture, out, put);
		free(out);
	}
	line.form = LINE_FORM_WRAPPED;
	out = put_line(fixture, &line, &put);
	insist(memchr(out, '\n', put - 1) == NULL);
	check_object(fixture, out, put);
	free(out);
	check_stray(fixture, line, LINE_MESSAGE_OBJECT);
	check_stray(fixture, line, LINE_MESSAGE_LEVELLED);
}

static void check_line(const struct fixture *fixture, const char *bytes, size_t len)
{
	char *line = exactly(bytes, len);
	size_t whole = line_whole_characters(line, len);

	insist(whole <= len && len - whole <= 3 && (whole > 0 || len == 0));
	check_text(fixture, line, len);
	check_json(fixture, line, len);
	free(line);
}

/* What came out of the bytes in one go is what comes out of each of their lines alone. */
static void check_put(const struct fixture *fixture, const struct line_job *job, const char *in,
		      const struct line_taken *taken, const char *out, size_t put)
{
	size_t at = 0, used = taken->used, lines = 0;
	struct line_cut cut;

	for (; cut_obviously(in, used, job->max, &cut) == LINE_WHOLE;
	     in += cut.used, used -= cut.used) {
		struct line line = line_make(job->rule, in, cut.len, true);
		size_t alone_len;
		char *alone;

		insist(in[cut.used - 1] == '\n');
		if (cut.len == 0)
			continue;
		insist(line.form != LINE_FORM_STRAY);
		alone = put_line(fixture, &line, &alone_len);
		insist(alone_len <= put - at && memcmp(out + at, alone, alone_len) == 0);
		at += alone_len;
		free(alone);
		lines++;
	}
	insist(used == 0 && at == put && lines == taken->lines);
}

/* All whole lines in one go, into as little room as the input says. */
static void check_lines(const struct fixture *fixture, const char *bytes, size_t len, size_t max,
			size_t room)
{
	struct line_job job = { .max = max, .stamp = &fixture->stamp, .label = &fixture->label };
	char *in, *out = malloc(room ? room : 1);

	insist(out != NULL);
	while (len > 0 && bytes[len - 1] != '\n')
		len--;
	in = exactly(bytes, len);
	for (int rule = LINE_RULE_TEXT; rule <= LINE_RULE_WRAP; rule++) {
		struct line_taken taken;
		size_t put;

		job.rule = (enum line_rule)rule;
		put = line_put_lines(out, room, &job, in, len, &taken);
		insist(put <= room && taken.used <= len);
		check_put(fixture, &job, in, &taken, out, put);
	}
	free(out);
	free(in);
}

/* ---- splitting ---- */

/* Takes lines from the bytes between *at and end, as a reader that has read so far; each must be
 * the obvious one. */
static void follow(const char *all, size_t len, size_t end, size_t max, size_t *at,
		   size_t *searched)
{
	char *seen = exactly(all + *at, end - *at);
	struct line_cut cut, expected;
	size_t used = 0;
	enum line_found found;

	while ((found = line_find(seen + used, end - *at - used, *searched, max, end == len,
				  &cut)) != LINE_NONE) {
		insist(found == cut_obviously(all + *at + used, len - *at - used, max, &expected));
		insist(cut.len == expected.len && cut.used == expected.used);
		used += cut.used;
		*searched = 0;
	}
	*searched = end - *at - used;
	*at += used;
	free(seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char service[] = "w\"\\\xc3\xa9\xff", stage[] = "run";
	struct fixture fixture = { .memory = malloc(line_label_size(service, stage)) };
	const char *bytes = (const char *)data + 2;
	size_t max, len, split, at = 0, searched = 0;
	struct line_cut cut;

	if (size >= 2) {
		max = 1 + data[0];
		len = size - 2;
		split = len * data[1] / 256;
		line_label_make(&fixture.label, fixture.memory, service, stage);
		stamp_set(&fixture.stamp, 1795327420, 642);
		follow(bytes, len, split, max, &at, &searched);
		follow(bytes, len, len, max, &at, &searched);
		insist(at == len);
		check_lines(&fixture, bytes, len, max, 8 * split);
		for (at = 0; cut_obviously(bytes + at, len - at, 4096, &cut) != LINE_NONE;
		     at += cut.used)
			check_line(&fixture, bytes + at, cut.len);
	}
	free(fixture.memory);
	return 0;
}
