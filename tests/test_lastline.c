/* SPDX-License-Identifier: ISC */
/* lastline.c: bytes in, the last line out. The tests play the splitter: they hand over what a line
 * has begun with in earlier reads. Memory fails when the test says so (--wrap). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lastline.h"

#define STREAM_MAX 4096
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* How many calls succeed before all others fail; -1: all succeed. */
static int memory_until_failure = -1;
static int reallocs;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	reallocs++;
	if (memory_until_failure == 0) {
		errno = ENOMEM;
		return NULL;
	}
	memory_until_failure -= memory_until_failure > 0;
	return __real_realloc(old, size);
}

/* A stream that is read, and what the splitter has kept of it: the line that is not finished. */
struct stream {
	struct lastline last;
	char tail[STREAM_MAX];
	size_t tail_len;
	/* A line so long goes out in pieces, of which the tail holds nothing any more. */
	size_t max_line;
};

static int setup(void **state)
{
	struct stream *stream = calloc(1, sizeof *stream);

	stream->max_line = STREAM_MAX;
	memory_until_failure = -1;
	reallocs = 0;
	*state = stream;
	return 0;
}

static int teardown(void **state)
{
	struct stream *stream = *state;

	memory_until_failure = -1;
	lastline_clear(&stream->last);
	free(stream);
	return 0;
}

static void read_bytes(struct stream *stream, const char *bytes, size_t len)
{
	lastline_note(&stream->last, stream->tail, stream->tail_len, bytes, len);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' || stream->tail_len == stream->max_line)
			stream->tail_len = 0;
		if (bytes[i] != '\n')
			stream->tail[stream->tail_len++] = bytes[i];
	}
}

static void read_text(struct stream *stream, const char *text)
{
	read_bytes(stream, text, strlen(text));
}

static void end_stream(struct stream *stream)
{
	lastline_end(&stream->last, stream->tail, stream->tail_len);
}

/* expected NULL: there is none. */
static void assert_shown(const struct stream *stream, const char *expected)
{
	char text[LASTLINE_MAX + 1] = "unwritten";

	assert_int_equal(lastline_show(&stream->last, text), expected != NULL);
	assert_string_equal(text, expected ? expected : "");
}

/* Returns so many of a character, terminated, in one of two buffers. */
static const char *many(size_t count, char c)
{
	static char buffers[2][STREAM_MAX + 1];
	static int which;
	char *text = buffers[which = !which];

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

/* ---- lines in one read ---- */

static void test_lastline_note_one_read_keeps_the_last_line(void **state)
{
	static const struct {
		const char *bytes, *last;
	} cases[] = {
		{ "one\n", "one" },
		{ "one\ntwo\n", "two" },
		{ "one\ntwo\n\n\n", "two" },
		{ "one\r\ntwo\r\n", "two" },
		{ "one\ntwo\n\r\n\n\r\n", "two" },
		{ "one\n  two\tx \n", "  two?x" },
		{ "one\n \n\t\n", "one" },
		{ "one\n   \r\n \t ", "one" },
		{ " \n\t\n", NULL },
		{ "one\ntw", "one" },
		{ "\n\n\r\n", NULL },
		{ "one", NULL },
		{ "\none\n", "one" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stream *stream = *state;

		read_text(stream, cases[i].bytes);
		assert_shown(stream, cases[i].last);
		lastline_clear(&stream->last);
		stream->tail_len = 0;
	}
}

static void test_lastline_show_without_any_line_is_false(void **state)
{
	struct stream *stream = *state;

	assert_shown(stream, NULL);
	end_stream(stream);
	assert_shown(stream, NULL);
}

static void test_lastline_show_rubbish_is_printable(void **state)
{
	struct stream *stream = *state;

	read_bytes(stream, "\0a\0\xff\xc3\xa4\x80z\x1b[1m\n", 13);
	assert_shown(stream, "?a??\xc3\xa4?z?[1m");
	read_bytes(stream, "\0\0\n", 3);
	assert_shown(stream, "??");
}

/* ---- lines that come in several reads ---- */

static void test_lastline_note_line_that_was_begun_is_whole(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "one\nt");
	read_text(stream, "w");
	assert_shown(stream, "one");
	read_text(stream, "o\n");
	assert_shown(stream, "two");
	read_text(stream, "thr");
	read_text(stream, "ee\n\n\nfo");
	assert_shown(stream, "three");
	read_text(stream, "ur\nfive\n");
	assert_shown(stream, "five");
}

static void test_lastline_note_newline_alone_ends_what_was_begun(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "one\ntwo");
	read_text(stream, "\n");
	assert_shown(stream, "two");
	read_text(stream, "three\r");
	read_text(stream, "\n");
	assert_shown(stream, "three");
	read_text(stream, "\r");
	read_text(stream, "\n\r\n");
	assert_shown(stream, "three");
	read_text(stream, "\n");
	assert_shown(stream, "three");
}

static void test_lastline_end_takes_what_has_no_newline(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "one\ntw");
	read_text(stream, "o");
	end_stream(stream);
	assert_shown(stream, "two");
}

static void test_lastline_end_takes_no_empty_line(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "one\n\r");
	end_stream(stream);
	assert_shown(stream, "one");
}

static void test_lastline_end_before_the_rest_is_corrected_by_it(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "one\ntw");
	end_stream(stream);
	assert_shown(stream, "tw");
	read_text(stream, "o\n");
	assert_shown(stream, "two");
}

/* ---- long lines ---- */

static void test_lastline_show_long_line_is_cut(void **state)
{
	struct stream *stream = *state;
	char expected[LASTLINE_MAX + 1];

	read_text(stream, many(LASTLINE_MAX, 'a'));
	read_text(stream, "\n");
	assert_shown(stream, many(LASTLINE_MAX, 'a'));
	memset(expected, 'b', LASTLINE_MAX - 3);
	strcpy(expected + LASTLINE_MAX - 3, "...");
	read_text(stream, many(LASTLINE_MAX + 1, 'b'));
	read_text(stream, "\n");
	assert_shown(stream, expected);
}

/* A character of two bytes lies across the end of what is kept. */
static void test_lastline_show_long_line_is_cut_between_characters(void **state)
{
	struct stream *stream = *state;
	char text[LASTLINE_MAX + 1];

	for (int i = 0; i < LASTLINE_MAX; i++)
		read_text(stream, "\xc3\xa4");
	read_text(stream, "\n");
	assert_true(lastline_show(&stream->last, text));
	assert_int_equal(strlen(text), LASTLINE_MAX - 3 - 1 + 3);
	assert_string_equal(text + LASTLINE_MAX - 6, "\xc3\xa4...");
}

/* Its beginning has gone out in pieces before it ends. */
static void test_lastline_note_line_in_pieces_keeps_its_beginning(void **state)
{
	struct stream *stream = *state;
	char expected[LASTLINE_MAX + 1];

	stream->max_line = 1024;
	read_text(stream, "one\nbegin:");
	for (int i = 0; i < 100; i++)
		read_text(stream, many(100, 'x'));
	memcpy(expected, "begin:", 6);
	memset(expected + 6, 'x', LASTLINE_MAX - 9);
	strcpy(expected + LASTLINE_MAX - 3, "...");
	assert_shown(stream, expected);
	read_text(stream, "x\n");
	assert_shown(stream, expected);
	end_stream(stream);
	assert_shown(stream, expected);
	read_text(stream, "\n");
	assert_shown(stream, expected);
	read_text(stream, "short\n");
	assert_shown(stream, "short");
}

static void test_lastline_end_of_a_line_in_pieces_keeps_its_beginning(void **state)
{
	struct stream *stream = *state;
	char text[LASTLINE_MAX + 1];

	stream->max_line = 1024;
	read_text(stream, "one\nbegin:");
	read_text(stream, many(2000, 'x'));
	end_stream(stream);
	end_stream(stream);
	assert_true(lastline_show(&stream->last, text));
	assert_memory_equal(text, "begin:xxx", 9);
}

/* The newline is looked for several bytes at a time, whatever stands beside it. */
static void test_lastline_note_newline_is_found_beside_any_bytes(void **state)
{
	for (size_t letters = 0; letters < 20; letters++) {
		for (size_t others = 1; others < 20; others++) {
			struct stream *stream = *state;
			char bytes[64] = "one\n", expected[64] = "";

			memset(bytes + 4, 'x', letters);
			memset(bytes + 4 + letters, 0xff, others);
			bytes[4 + letters + others] = '\n';
			memset(expected, 'x', letters);
			memset(expected + letters, '?', others);
			read_text(stream, bytes);
			assert_shown(stream, expected);
		}
	}
}

/* ---- any stream ---- */

static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (*random >> 33) % below;
}

/* What the last line of the bytes is, looked for in the simplest way: NULL where there is none. */
static const char *find_last(const char *bytes, size_t len, bool at_end, size_t *line_len)
{
	const char *line = NULL;
	size_t begin = 0;

	for (size_t i = 0; i <= len; i++) {
		size_t end = i;

		if (i == len ? !at_end : bytes[i] != '\n')
			continue;
		while (end > begin && strchr("\r \t", bytes[end - 1]))
			end--;
		if (end > begin) {
			line = bytes + begin;
			*line_len = end - begin;
		}
		begin = i + 1;
	}
	return line;
}

static void assert_last_of(const struct stream *stream, const char *bytes, size_t len, bool at_end)
{
	size_t line_len = 0;
	const char *line = find_last(bytes, len, at_end, &line_len);
	char expected[LASTLINE_MAX + 1] = "";

	if (line_len > LASTLINE_MAX) {
		memcpy(expected, line, LASTLINE_MAX - 3);
		strcpy(expected + LASTLINE_MAX - 3, "...");
	} else if (line) {
		memcpy(expected, line, line_len);
		expected[line_len] = '\0';
	}
	for (char *tab = expected; (tab = strchr(tab, '\t'));)
		*tab = '?';
	assert_shown(stream, line ? expected : NULL);
}

/* Returns the length of a stream of lines, of which some are empty and some long. */
static size_t make_stream(char bytes[STREAM_MAX], uint64_t *random)
{
	static const uint64_t longest[] = { 1, 5, 150, 210, 600, 2000 };
	size_t len = 0;

	for (uint64_t lines = draw(random, 6); lines > 0; lines--) {
		uint64_t line_len = draw(random, longest[draw(random, 6)]);

		for (; line_len > 0 && len < STREAM_MAX - 3; line_len--)
			bytes[len++] = "abcdefghijklm \t"[draw(random, 15)];
		if (len < STREAM_MAX - 3 && draw(random, 4) == 0)
			bytes[len++] = '\r';
		if (len < STREAM_MAX - 3 && (lines > 1 || draw(random, 2)))
			bytes[len++] = '\n';
	}
	return len;
}

static void test_lastline_note_any_stream_in_any_reads_keeps_its_last_line(void **state)
{
	static const uint64_t longest_read[] = { 2, 20, 300, STREAM_MAX };
	uint64_t random = 1;
	char bytes[STREAM_MAX];

	for (int i = 0; i < 20000; i++) {
		struct stream *stream = *state;
		size_t len = make_stream(bytes, &random), max = longest_read[i % 4];

		stream->max_line = i % 2 ? 512 : STREAM_MAX;
		for (size_t at = 0, some; at < len; at += some) {
			some = 1 + draw(&random, max);
			if (some > len - at)
				some = len - at;
			read_bytes(stream, bytes + at, some);
		}
		end_stream(stream);
		assert_last_of(stream, bytes, len, true);
		lastline_clear(&stream->last);
		stream->tail_len = 0;
	}
}

/* ---- memory ---- */

static void test_lastline_note_takes_as_much_memory_as_is_needed_and_keeps_it(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "\n\n");
	assert_null(stream->last.text);
	for (int i = 0; i < 100; i++)
		read_text(stream, "a line of 22 characters\n");
	assert_int_equal(reallocs, 1);
	assert_int_equal(stream->last.size, 32);
	read_text(stream, many(3000, 'x'));
	assert_in_range(stream->last.size, LASTLINE_MAX + 1, LASTLINE_MAX + 16);
	for (int i = 0; i < 100; i++)
		read_text(stream, "short\nshorter\n");
	assert_int_equal(reallocs, 2);
}

/* Better none than the line before the last. */
static void test_lastline_note_without_memory_has_none(void **state)
{
	struct stream *stream = *state;

	read_text(stream, "one\n");
	memory_until_failure = 0;
	read_text(stream, many(50, 'x'));
	read_text(stream, "\n");
	assert_shown(stream, NULL);
	read_text(stream, many(50, 'y'));
	end_stream(stream);
	assert_shown(stream, NULL);
	stream->tail_len = 0;
	read_text(stream, many(1000, 'z'));
	assert_shown(stream, NULL);
	memory_until_failure = -1;
	read_text(stream, "\ntwo\n");
	assert_shown(stream, "two");
}

static void test_lastline_note_long_line_without_memory_has_none(void **state)
{
	struct stream *stream = *state;

	memory_until_failure = 0;
	read_text(stream, "one\n");
	read_text(stream, many(1000, 'x'));
	assert_shown(stream, NULL);
	assert_false(stream->last.unfinished);
	stream->tail_len = 0;
	read_text(stream, "\n");
	read_text(stream, many(1000, 'x'));
	assert_shown(stream, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lastline_note_one_read_keeps_the_last_line),
		CASE(test_lastline_show_without_any_line_is_false),
		CASE(test_lastline_show_rubbish_is_printable),
		CASE(test_lastline_note_line_that_was_begun_is_whole),
		CASE(test_lastline_note_newline_alone_ends_what_was_begun),
		CASE(test_lastline_end_takes_what_has_no_newline),
		CASE(test_lastline_end_takes_no_empty_line),
		CASE(test_lastline_end_before_the_rest_is_corrected_by_it),
		CASE(test_lastline_show_long_line_is_cut),
		CASE(test_lastline_show_long_line_is_cut_between_characters),
		CASE(test_lastline_note_line_in_pieces_keeps_its_beginning),
		CASE(test_lastline_end_of_a_line_in_pieces_keeps_its_beginning),
		CASE(test_lastline_note_newline_is_found_beside_any_bytes),
		CASE(test_lastline_note_any_stream_in_any_reads_keeps_its_last_line),
		CASE(test_lastline_note_takes_as_much_memory_as_is_needed_and_keeps_it),
		CASE(test_lastline_note_without_memory_has_none),
		CASE(test_lastline_note_long_line_without_memory_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
