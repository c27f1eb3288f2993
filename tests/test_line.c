/* SPDX-License-Identifier: ISC */
/* line.c: where lines end, at every length around its blocks and with the input split at every
 * byte; and every byte of every decoration. All buffers have exactly the size that the header
 * says, so that the address sanitizer sees one byte too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "line.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BYTES(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}
#define CUTS_MAX 64

/* Bytes that may hold '\0'. */
struct bytes {
	const char *text;
	size_t len;
};

/* What a splitter made of an input: where each line or piece began, its length, and which of the
 * two it is. */
struct cuts {
	size_t count;
	struct {
		size_t at, len;
		enum line_found found;
	} list[CUTS_MAX];
};

static void add_cut(struct cuts *cuts, size_t at, size_t len, enum line_found found)
{
	assert_true(cuts->count < CUTS_MAX);
	cuts->list[cuts->count].at = at;
	cuts->list[cuts->count].len = len;
	cuts->list[cuts->count++].found = found;
}

/* The slow and obvious way: with the whole input at hand, line by line, then piece by piece. */
static void cut_obviously(const char *text, size_t len, size_t max, struct cuts *cuts)
{
	size_t at = 0;

	cuts->count = 0;
	while (at < len) {
		size_t end = at, next;

		while (end < len && text[end] != '\n')
			end++;
		next = end < len ? end + 1 : end;
		if (end > at && text[end - 1] == '\r')
			end--;
		for (; end - at > max; at += max)
			add_cut(cuts, at, max, LINE_PIECE);
		add_cut(cuts, at, end - at, LINE_WHOLE);
		at = next;
	}
}

/* Finds lines in the first `have` bytes, from *at on, in memory of exactly that size; *searched
 * is carried along as a reader of a pipe would. */
static void cut_found(const char *text, size_t have, size_t max, bool at_end, size_t *at,
		      size_t *searched, struct cuts *cuts)
{
	size_t len = have - *at, used = 0;
	char *exact = malloc(len ? len : 1);
	struct line_cut cut;
	enum line_found found;

	assert_non_null(exact);
	memcpy(exact, text + *at, len);
	while ((found = line_find(exact + used, len - used, *searched, max, at_end, &cut)) !=
	       LINE_NONE) {
		assert_true(cut.used > 0 && cut.used <= len - used && cut.len <= cut.used);
		add_cut(cuts, *at + used, cut.len, found);
		used += cut.used;
		*searched = 0;
	}
	*searched = len - used;
	*at += used;
	free(exact);
}

static void assert_cuts_equal(const struct cuts *cuts, const struct cuts *expected)
{
	assert_int_equal(cuts->count, expected->count);
	for (size_t i = 0; i < cuts->count; i++) {
		assert_int_equal(cuts->list[i].at, expected->list[i].at);
		assert_int_equal(cuts->list[i].len, expected->list[i].len);
		assert_int_equal(cuts->list[i].found, expected->list[i].found);
	}
}

/* The input in two parts, split at every offset, is cut as it is in one. */
static void assert_cut_at_every_split(const char *text, size_t len, size_t max,
				      const struct cuts *expected)
{
	for (size_t split = 0; split <= len; split++) {
		struct cuts cuts = { 0 };
		size_t at = 0, searched = 0;

		cut_found(text, split, max, false, &at, &searched, &cuts);
		cut_found(text, len, max, false, &at, &searched, &cuts);
		cut_found(text, len, max, true, &at, &searched, &cuts);
		assert_int_equal(at, len);
		assert_cuts_equal(&cuts, expected);
	}
}

/* Each line or piece of input in order; a piece begins with '+', a line with '='. NULL ends the
 * list. */
static const struct {
	struct bytes input;
	size_t max;
	const char *lines[8];
} cases[] = {
	{ BYTES(""), 4, { NULL } },
	{ BYTES("\n"), 4, { "=", NULL } },
	{ BYTES("\r\n"), 4, { "=", NULL } },
	{ BYTES("\r"), 4, { "=", NULL } },
	{ BYTES("\r\r\n"), 4, { "=\r", NULL } },
	{ BYTES("a"), 4, { "=a", NULL } },
	{ BYTES("a\n"), 4, { "=a", NULL } },
	{ BYTES("a\r"), 4, { "=a", NULL } },
	{ BYTES("a\rb\n"), 4, { "=a\rb", NULL } },
	{ BYTES("a\n\nb"), 4, { "=a", "=", "=b", NULL } },
	{ BYTES("a\r\nb\r\n"), 4, { "=a", "=b", NULL } },
	{ BYTES("abcd\n"), 4, { "=abcd", NULL } },
	{ BYTES("abcd\r\n"), 4, { "=abcd", NULL } },
	{ BYTES("abcd\r\r\n"), 4, { "+abcd", "=\r", NULL } },
	{ BYTES("abcd"), 4, { "=abcd", NULL } },
	{ BYTES("abcd\r"), 4, { "=abcd", NULL } },
	{ BYTES("abcd\re"), 4, { "+abcd", "=\re", NULL } },
	{ BYTES("abcde"), 4, { "+abcd", "=e", NULL } },
	{ BYTES("abcde\n"), 4, { "+abcd", "=e", NULL } },
	{ BYTES("abcdefgh\n"), 4, { "+abcd", "=efgh", NULL } },
	{ BYTES("abcdefgh\r\n"), 4, { "+abcd", "=efgh", NULL } },
	{ BYTES("abcdefgh\r"), 4, { "+abcd", "=efgh", NULL } },
	{ BYTES("abcdefghi"), 4, { "+abcd", "+efgh", "=i", NULL } },
	{ BYTES("abc\r\r\n"), 4, { "=abc\r", NULL } },
	{ BYTES("abcdef\nx\nabcdef\ny"), 4, { "+abcd", "=ef", "=x", "+abcd", "=ef", "=y", NULL } },
};

static void test_line_find_cases_split_anywhere_cuts_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cuts expected = { 0 };
		size_t at = 0;

		for (const char *const *line = cases[i].lines; *line; line++) {
			size_t len = strlen(*line + 1);
			const char *text = cases[i].input.text;

			assert_memory_equal(text + at, *line + 1, len);
			add_cut(&expected, at, len, **line == '+' ? LINE_PIECE : LINE_WHOLE);
			at += len;
			if (**line == '=')
				at += strspn(text + at, "\r");
			if (**line == '=' && text[at] == '\n')
				at++;
		}
		assert_int_equal(at, cases[i].input.len);
		assert_cut_at_every_split(cases[i].input.text, cases[i].input.len, cases[i].max,
					  &expected);
	}
}

static void test_line_find_every_short_input_cuts_as_the_obvious_way(void **state)
{
	static const char alphabet[] = { 'a', '\r', '\n', '\0' };
	char text[7];

	(void)state;
	for (size_t len = 0; len <= sizeof text; len++) {
		for (size_t number = 0; number < (size_t)1 << 2 * len; number++) {
			for (size_t i = 0; i < len; i++)
				text[i] = alphabet[number >> 2 * i & 3];
			for (size_t max = 1; max <= 3; max++) {
				struct cuts expected;

				cut_obviously(text, len, max, &expected);
				assert_cut_at_every_split(text, len, max, &expected);
			}
		}
	}
}

/* The search goes in blocks of 8 or 16 bytes: a newline in every place of several of them,
 * behind bytes that differ from it in one bit or borrow into it, at every alignment. */
static void test_line_find_newline_anywhere_in_blocks_is_found(void **state)
{
	static const char others[] = { 'a', '\x0b', '\x8a', '\x09', '\0', '\xff', '\x0d' };
	char text[96];

	(void)state;
	for (size_t kind = 0; kind < sizeof others; kind++) {
		for (size_t start = 0; start < 16; start++) {
			for (size_t place = 0; start + place < sizeof text; place++) {
				struct line_cut cut;
				size_t len = sizeof text - start;

				memset(text, others[kind], sizeof text);
				text[start + place] = '\n';
				assert_int_equal(line_find(text + start, len, 0, 4096, false, &cut),
						 LINE_WHOLE);
				assert_int_equal(cut.used, place + 1);
				assert_int_equal(line_find(text + start, len, place, 4096, false,
							   &cut),
						 LINE_WHOLE);
				assert_int_equal(cut.used, place + 1);
				assert_int_equal(line_find(text + start, place, 0, 4096, false,
							   &cut),
						 LINE_NONE);
			}
		}
	}
}

static void test_line_find_two_newlines_finds_the_first(void **state)
{
	char text[64];

	(void)state;
	for (size_t first = 0; first + 1 < sizeof text; first++) {
		struct line_cut cut;

		memset(text, 'a', sizeof text);
		memset(text + first, '\n', sizeof text - first);
		assert_int_equal(line_find(text, sizeof text, 0, 4096, false, &cut), LINE_WHOLE);
		assert_int_equal(cut.len, first);
		assert_int_equal(cut.used, first + 1);
	}
}

static void test_line_find_searched_bytes_are_not_looked_at_again(void **state)
{
	struct line_cut cut;

	(void)state;
	assert_int_equal(line_find("a\nb\nc", 5, 2, 100, false, &cut), LINE_WHOLE);
	assert_int_equal(cut.len, 3);
	assert_int_equal(line_find("a\nb", 3, 3, 100, false, &cut), LINE_NONE);
}

static void test_line_find_too_long_gives_a_piece_as_soon_as_it_is_known(void **state)
{
	struct line_cut cut;

	(void)state;
	assert_int_equal(line_find("abcd", 4, 0, 4, false, &cut), LINE_NONE);
	assert_int_equal(line_find("abcd\r", 5, 0, 4, false, &cut), LINE_NONE);
	assert_int_equal(line_find("abcde", 5, 0, 4, false, &cut), LINE_PIECE);
	assert_int_equal(cut.len, 4);
	assert_int_equal(cut.used, 4);
	assert_int_equal(line_find("abcd\r\r", 6, 0, 4, false, &cut), LINE_PIECE);
}

static void test_line_find_longest_lines_at_their_bound_stay_whole(void **state)
{
	(void)state;
	for (size_t max = 1; max <= 40; max++) {
		for (size_t len = max - 1; len <= 2 * max + 2; len++) {
			for (int end = 0; end < 4; end++) {
				static const char *const ends[] = { "", "\n", "\r\n", "\r" };
				char text[100];
				struct cuts expected;

				memset(text, 'x', len);
				memcpy(text + len, ends[end], strlen(ends[end]));
				cut_obviously(text, len + strlen(ends[end]), max, &expected);
				assert_cut_at_every_split(text, len + strlen(ends[end]), max,
							  &expected);
			}
		}
	}
}

static const struct {
	struct bytes text;
	size_t whole;
} characters[] = {
	{ BYTES(""), 0 },
	{ BYTES("a"), 1 },
	{ BYTES("abcd"), 4 },
	{ BYTES("ab\xc3\xa9"), 4 },
	{ BYTES("abc\xc3"), 3 },
	{ BYTES("ab\xe2\x82\xac"), 5 },
	{ BYTES("ab\xe2\x82"), 2 },
	{ BYTES("abc\xe2"), 3 },
	{ BYTES("ab\xe0\xa0"), 2 },
	{ BYTES("ab\xe2\x80"), 2 },
	{ BYTES("a\xf0\x9f\x98\x80"), 5 },
	{ BYTES("a\xf0\x9f\x98"), 1 },
	{ BYTES("a\xf0\x9f"), 1 },
	{ BYTES("a\xf0"), 1 },
	/* No characters at all: nothing is gained by keeping them together. */
	{ BYTES("a\x80\x80\x80"), 4 },
	{ BYTES("\x80\x80\x80\x80\x80"), 5 },
	{ BYTES("ab\xc3\xa9\xa9"), 5 },
	/* A byte that begins no character is taken for a beginning: it is replaced either way. */
	{ BYTES("abc\xc0"), 3 },
	/* The beginning of one is all there is. */
	{ BYTES("\xf0"), 1 },
	{ BYTES("\xf0\x9f\x98"), 3 },
};

static void test_line_whole_characters_cases_cut_before_the_unfinished_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(characters); i++) {
		size_t len = characters[i].text.len;
		char *exact = malloc(len ? len : 1);

		assert_non_null(exact);
		memcpy(exact, characters[i].text.text, len);
		assert_int_equal(line_whole_characters(exact, len), characters[i].whole);
		free(exact);
	}
}

static void test_line_whole_characters_of_any_bytes_is_never_0_and_cuts_at_most_3(void **state)
{
	static const unsigned char kinds[] = { 'a',  0x80, 0xbf, 0xc0, 0xc3, 0xdf,
					       0xe0, 0xe2, 0xef, 0xf0, 0xf4, 0xff };
	char text[4];

	(void)state;
	for (size_t number = 0; number < COUNT(kinds) * COUNT(kinds) * COUNT(kinds) * COUNT(kinds);
	     number++) {
		size_t rest = number, whole;

		for (size_t i = 0; i < sizeof text; i++, rest /= COUNT(kinds))
			text[i] = (char)kinds[rest % COUNT(kinds)];
		whole = line_whole_characters(text, sizeof text);
		assert_in_range(whole, 1, sizeof text);
	}
}

/* A label in memory of exactly the size asked for. */
static char *make_label(struct line_label *label, const char *service, const char *stage)
{
	char *memory = malloc(line_label_size(service, stage));

	assert_non_null(memory);
	line_label_make(label, memory, service, stage);
	return memory;
}

static struct stamp a_stamp(void)
{
	struct stamp stamp = { .valid = 0 };

	stamp_set(&stamp, 1795327420, 642);
	return stamp;
}

#define STAMP "2026-11-22T06:03:40.642Z"

static void assert_bytes(const char *out, size_t len, const char *expected)
{
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(out, expected, len);
}

static void test_line_label_make_plain_names_reads_as_specified(void **state)
{
	struct line_label label;
	char *memory = make_label(&label, "web", "run");

	(void)state;
	assert_bytes(label.prefix, label.prefix_len, " web/run: ");
	assert_bytes(label.fields, label.fields_len,
		     ",\"service\":\"web\",\"stage\":\"run\",\"logged\":\"");
	free(memory);
}

static void test_line_label_make_odd_names_escapes_them_in_fields_only(void **state)
{
	struct line_label label;
	char *memory = make_label(&label, "a\"b\\c\xc3\xa9", "\x01\xff");

	(void)state;
	assert_bytes(label.prefix, label.prefix_len, " a\"b\\c\xc3\xa9/\x01\xff: ");
	assert_bytes(label.fields, label.fields_len,
		     ",\"service\":\"a\\\"b\\\\c\xc3\xa9\",\"stage\":\"\\u0001\xef\xbf\xbd\","
		     "\"logged\":\"");
	free(memory);
}

static void test_line_label_make_long_names_stay_within_the_size(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 255; len++) {
		char name[256];
		struct line_label label;
		char *memory;

		memset(name, '\x01', len);
		name[len] = '\0';
		memory = make_label(&label, name, name);
		assert_true(label.fields + label.fields_len <=
			    memory + line_label_size(name, name));
		assert_int_equal(label.prefix_len, 2 * len + 4);
		free(memory);
	}
}

static size_t put_max(enum line_form form, const struct line_label *label, size_t len)
{
	return line_put_max(&(struct line){ .len = len, .form = form }, label);
}

/* Puts a line in that form; one that is an object to LINE_FORM_OBJECT. */
static size_t put_as(char *out, enum line_form form, const struct stamp *stamp,
		     const struct line_label *label, const char *text, size_t len)
{
	struct line line = { .text = text, .len = len, .form = form };

	if (form == LINE_FORM_OBJECT)
		assert_true(json_find_object(text, len, &line.object));
	return line_put(out, &line, stamp, label);
}

static void test_line_make_chooses_the_form_by_the_rule(void **state)
{
	static const struct {
		enum line_rule rule;
		const char *text;
		bool whole;
		enum line_form form;
	} choices[] = {
		{ LINE_RULE_TEXT, "plain", true, LINE_FORM_TEXT },
		{ LINE_RULE_TEXT, "{}", true, LINE_FORM_TEXT },
		{ LINE_RULE_TEXT, "{}", false, LINE_FORM_TEXT },
		{ LINE_RULE_COLOURED, "plain", true, LINE_FORM_COLOURED },
		{ LINE_RULE_COLOURED, "{}", true, LINE_FORM_COLOURED },
		{ LINE_RULE_COLOURED, "{}", false, LINE_FORM_COLOURED },
		{ LINE_RULE_OBJECTS, "plain", true, LINE_FORM_STRAY },
		{ LINE_RULE_OBJECTS, " {}", true, LINE_FORM_OBJECT },
		{ LINE_RULE_OBJECTS, " {}", false, LINE_FORM_STRAY },
		{ LINE_RULE_WRAP, "plain", true, LINE_FORM_WRAPPED },
		{ LINE_RULE_WRAP, " {}", true, LINE_FORM_OBJECT },
		{ LINE_RULE_WRAP, " {}", false, LINE_FORM_WRAPPED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(choices); i++) {
		const char *text = choices[i].text;
		struct line line = line_make(choices[i].rule, text, strlen(text), choices[i].whole);

		assert_int_equal(line.form, choices[i].form);
		assert_ptr_equal(line.text, text);
		assert_int_equal(line.len, strlen(text));
		if (line.form == LINE_FORM_OBJECT)
			assert_int_equal(line.object.open, 1);
	}
}

static void test_line_put_text_line_is_prefixed(void **state)
{
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run");
	char *out = malloc(put_max(LINE_FORM_TEXT, &label, 5));

	(void)state;
	assert_bytes(out, put_as(out, LINE_FORM_TEXT, &stamp, &label, "hello", 5),
		     STAMP " web/run: hello\n");
	assert_bytes(out, put_as(out, LINE_FORM_TEXT, &stamp, &label, "", 0), STAMP " web/run: \n");
	free(out);
	free(memory);
}

/* ---- colours ---- */

static void test_line_label_make_colour_is_that_of_the_service_on_every_stream(void **state)
{
	static const char *const stages[] = { "run", "log", "term", "finish", "7" };

	(void)state;
	for (size_t i = 0; i < COUNT(stages); i++) {
		struct line_label label, other;
		char *memory = make_label(&label, "web", stages[i]);
		char *other_memory = make_label(&other, "api", stages[i]);

		/* The colour of a service must never change: readers of logs get used to it. */
		assert_string_equal(label.colour, "\033[32m");
		assert_string_equal(other.colour, "\033[95m");
		free(memory);
		free(other_memory);
	}
}

static void test_line_label_make_colours_are_six_and_none_is_a_warning_s(void **state)
{
	static const char *const colours[] = { "\033[32m", "\033[35m", "\033[36m",
					       "\033[94m", "\033[95m", "\033[96m" };
	size_t used[COUNT(colours)] = { 0 };

	(void)state;
	for (int number = 0; number < 600; number++) {
		struct line_label label;
		char name[32], *memory;
		size_t found = 0;

		snprintf(name, sizeof name, "service%d", number);
		memory = make_label(&label, name, "run");
		for (size_t i = 0; i < COUNT(colours); i++) {
			used[i] += strcmp(label.colour, colours[i]) == 0;
			found += strcmp(label.colour, colours[i]) == 0;
		}
		assert_int_equal(found, 1);
		free(memory);
	}
	for (size_t i = 0; i < COUNT(colours); i++)
		assert_in_range(used[i], 50, 200);
}

static void test_line_put_coloured_line_has_its_prefix_in_colour_and_no_more(void **state)
{
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run");
	size_t max = put_max(LINE_FORM_COLOURED, &label, 5), len;
	char *out = malloc(max);

	(void)state;
	len = put_as(out, LINE_FORM_COLOURED, &stamp, &label, "hello", 5);
	assert_bytes(out, len, "\033[32m" STAMP " web/run: \033[0mhello\n");
	assert_true(len <= max);
	free(out);
	free(memory);
}

/* ---- messages ---- */

static const char *const levels[] = {
	[CONFIG_LOG_ERROR] = "error",
	[CONFIG_LOG_WARN] = "warning",
	[CONFIG_LOG_INFO] = "info",
	[CONFIG_LOG_DEBUG] = "debug",
};

/* Puts the message in memory of exactly the size asked for, and compares. */
static void assert_message(enum line_message_form form, const struct line_message *message,
			   const char *expected)
{
	struct stamp stamp = a_stamp();
	size_t max = line_message_max(form, message), len;
	char *out = malloc(max);

	assert_non_null(out);
	len = line_put_message(out, form, message, &stamp);
	assert_true(len <= max);
	assert_bytes(out, len, expected);
	free(out);
}

static void test_line_put_message_of_each_level_in_each_form(void **state)
{
	static const char text[] = "web/run: it \"is\" \xc3\xa9";
	static const char quoted[] = "web/run: it \\\"is\\\" \xc3\xa9";
	static const char *const colours[] = { "", "\033[31m", "\033[33m", "", "" };

	(void)state;
	for (int level = CONFIG_LOG_ERROR; level <= CONFIG_LOG_DEBUG; level++) {
		struct line_message message = {
			.level = (enum config_log_level)level,
			.text = text,
			.len = sizeof text - 1,
		};
		const char *word = levels[level], *colour = colours[level];
		char expected[400];

		assert_string_equal(line_level_word(message.level), word);
		snprintf(expected, sizeof expected, STAMP " dinit: %s: %s\n", word, text);
		assert_message(LINE_MESSAGE_TEXT, &message, expected);
		snprintf(expected, sizeof expected, "%s" STAMP " dinit: %s: %s%s\n", colour, word,
			 text, *colour ? "\033[0m" : "");
		assert_message(LINE_MESSAGE_COLOURED, &message, expected);
		snprintf(expected, sizeof expected,
			 "{\"message\":\"%s\",\"service\":\"dinit\",\"stage\":\"%s\","
			 "\"logged\":\"" STAMP "\"}\n",
			 quoted, word);
		assert_message(LINE_MESSAGE_OBJECT, &message, expected);
		snprintf(expected, sizeof expected,
			 "{\"level\":\"%s\",\"message\":\"%s\",\"service\":\"dinit\","
			 "\"stage\":\"%s\",\"logged\":\"" STAMP "\"}\n",
			 word, quoted, word);
		assert_message(LINE_MESSAGE_LEVELLED, &message, expected);
	}
}

static void test_line_put_message_that_fills_its_room_exactly_as_json(void **state)
{
	struct stamp stamp = a_stamp();

	(void)state;
	for (size_t len = 0; len <= 100; len++) {
		char *text = calloc(len ? len : 1, 1), *out;
		struct line_message message = {
			.level = CONFIG_LOG_WARN,
			.text = text,
			.len = len,
		};
		size_t max = line_message_max(LINE_MESSAGE_LEVELLED, &message);

		out = malloc(max);
		assert_int_equal(line_put_message(out, LINE_MESSAGE_LEVELLED, &message, &stamp),
				 max);
		free(text);
		free(out);
	}
}

static void test_line_put_stray_line_is_a_warning_that_holds_it(void **state)
{
	static const char text[] = "say \"hi\"\t\xff";
	static const struct {
		enum line_message_form form;
		const char *expected;
	} forms[] = {
		{ LINE_MESSAGE_TEXT, STAMP " dinit: warning: w\"eb\xff/run: not a JSON object: say "
					   "\"hi\"\t\xff\n" },
		{ LINE_MESSAGE_COLOURED,
		  "\033[33m" STAMP " dinit: warning: w\"eb\xff/run: not a JSON "
		  "object: say \"hi\"\t\xff\033[0m\n" },
		{ LINE_MESSAGE_LEVELLED,
		  "{\"level\":\"warning\",\"message\":\"w\\\"eb\xef\xbf\xbd/run: not a JSON "
		  "object: "
		  "say \\\"hi\\\"\\t\xef\xbf\xbd\",\"service\":\"dinit\",\"stage\":\"warning\","
		  "\"logged\":\"" STAMP "\"}\n" },
	};
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "w\"eb\xff", "run");

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct line line = line_make(LINE_RULE_OBJECTS, text, sizeof text - 1, true);
		size_t max, len;
		char *out;

		assert_int_equal(line.form, LINE_FORM_STRAY);
		assert_int_equal(line.stray_form, LINE_MESSAGE_TEXT);
		line.stray_form = forms[i].form;
		max = line_put_max(&line, &label);
		out = malloc(max);
		len = line_put(out, &line, &stamp, &label);
		assert_bytes(out, len, forms[i].expected);
		assert_true(len <= max);
		free(out);
	}
	free(memory);
}

/* ---- JSON ---- */

static void test_line_put_json_objects_get_the_fields_at_their_end(void **state)
{
#define FIELDS "\"service\":\"web\",\"stage\":\"run\",\"logged\":\"" STAMP "\"}\n"
	static const char *const objects[][2] = {
		{ "{}", "{" FIELDS },
		{ "{ }", "{ " FIELDS },
		{ "\t{\t}\r ", "{\t" FIELDS },
		{ "{\"a\":1}", "{\"a\":1," FIELDS },
		{ "  {\"a\":{}}  ", "{\"a\":{}," FIELDS },
		{ "{\"a\":1 }", "{\"a\":1 ," FIELDS },
		{ "{\"service\":\"me\"}", "{\"service\":\"me\"," FIELDS },
	};
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run");

	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		const char *line = objects[i][0];
		size_t max = put_max(LINE_FORM_OBJECT, &label, strlen(line)), len;
		char *out = malloc(max);

		len = put_as(out, LINE_FORM_OBJECT, &stamp, &label, line, strlen(line));
		assert_bytes(out, len, objects[i][1]);
		assert_true(len <= max);
		free(out);
	}
	free(memory);
}

static void test_line_put_wrapped_line_becomes_a_message(void **state)
{
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run");
	static const char line[] = "say \"hi\"\t\\ \0\xff \xc3\xa9";
	size_t max = put_max(LINE_FORM_WRAPPED, &label, sizeof line - 1), len;
	char *out = malloc(max);

	(void)state;
	len = put_as(out, LINE_FORM_WRAPPED, &stamp, &label, line, sizeof line - 1);
	assert_true(len <= max);
	assert_bytes(out, len,
		     "{\"message\":\"say \\\"hi\\\"\\t\\\\ \\u0000\xef\xbf\xbd \xc3\xa9\","
		     "\"service\":\"web\",\"stage\":\"run\",\"logged\":\"" STAMP "\"}\n");
	free(out);
	free(memory);
}

static void test_line_put_wrapped_worst_line_fills_the_room_exactly(void **state)
{
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run");

	(void)state;
	for (size_t len = 0; len <= 100; len++) {
		size_t max = put_max(LINE_FORM_WRAPPED, &label, len);
		char *line = calloc(len ? len : 1, 1), *out = malloc(max);

		assert_non_null(line);
		assert_int_equal(put_as(out, LINE_FORM_WRAPPED, &stamp, &label, line, len), max);
		free(line);
		free(out);
	}
	free(memory);
}

/* Copies go in blocks, too: every length over several of them, with nothing to spare on either
 * side. */
static void test_line_put_text_lines_of_every_length_are_copied_exactly(void **state)
{
	struct stamp stamp = a_stamp();
	char *memory, *out;
	struct line_label label;

	(void)state;
	for (size_t len = 0; len <= 200; len++) {
		char name[2 * 17] = "", *line = malloc(len ? len : 1);
		size_t put, before;

		memset(name, 'n', len % 33);
		memory = make_label(&label, name, "");
		for (size_t i = 0; i < len; i++)
			line[i] = (char)(i * 7 + 1);
		before = STAMP_LEN + 1 + len % 33 + 3;
		out = malloc(before + len + 1);
		put = put_as(out, LINE_FORM_TEXT, &stamp, &label, line, len);
		assert_int_equal(put, before + len + 1);
		assert_true(put <= put_max(LINE_FORM_TEXT, &label, len));
		assert_memory_equal(out, STAMP " ", STAMP_LEN + 1);
		assert_memory_equal(out + STAMP_LEN + 1, name, len % 33);
		assert_memory_equal(out + before - 3, "/: ", 3);
		assert_memory_equal(out + before, line, len);
		assert_int_equal(out[put - 1], '\n');
		free(line);
		free(out);
		free(memory);
	}
}

/* Returns how much room a line has to have: text as much as it takes with all that ends it in the
 * stream; of all else that is asked before the form is known. */
static size_t room_needed(const struct line_job *job, const struct line_cut *cut)
{
	if (job->rule == LINE_RULE_TEXT)
		return STAMP_LEN + job->label->prefix_len + cut->used;
	return put_max(job->rule == LINE_RULE_WRAP ? LINE_FORM_WRAPPED : LINE_FORM_OBJECT,
		       job->label, cut->len);
}

/* Does what line_put_lines should, line by line. */
static size_t put_singly(char *out, size_t room, const struct line_job *job, const char *bytes,
			 size_t len, struct line_taken *taken)
{
	struct line_cut cut;
	size_t put = 0, *used = &taken->used;

	*taken = (struct line_taken){ 0 };
	/* Which is left to line_put. */
	if (job->rule == LINE_RULE_COLOURED)
		return 0;
	while (line_find(bytes + *used, len - *used, 0, job->max, false, &cut) == LINE_WHOLE) {
		struct line line = line_make(job->rule, bytes + *used, cut.len, true);

		if (room_needed(job, &cut) > room - put)
			break;
		if (cut.len > 0 && line.form == LINE_FORM_STRAY)
			break;
		if (cut.len > 0)
			put += line_put(out + put, &line, job->stamp, job->label);
		taken->lines += cut.len > 0;
		*used += cut.used;
	}
	return put;
}

static const struct bytes mixtures[] = {
	BYTES(""),
	BYTES("\n\r\n\n{}\n"),
	BYTES("a\nb\r\n"),
	BYTES(" {}\n\t{}\nc\n"),
	BYTES("{\"a\":1}\r\n {} \n{\"b\":\"\\n\"}\nrest\n"),
	BYTES("{\"a\":1}\nplain\n{\"a\":2}\n"),
	BYTES("one\ntwo\r\n\x01\"\xff\0\n\xc3\xa9\n"),
	BYTES("short\nsomewhat longer than the limit\nshort\n"),
};

static void test_line_put_lines_makes_of_many_what_is_made_of_each(void **state)
{
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run"), expected[1200];
	struct line_job job = { .max = 20, .stamp = &stamp, .label = &label };

	(void)state;
	for (size_t i = 0; i < COUNT(mixtures); i++) {
		for (size_t number = 0; number < 4 * sizeof expected; number++) {
			size_t len = mixtures[i].len, room = number / 4, put, expected_put;
			struct line_taken taken, expected_taken;
			char *out = malloc(room ? room : 1), *bytes = malloc(len ? len : 1);

			job.rule = (enum line_rule)(number % 4);
			memcpy(bytes, mixtures[i].text, len);
			put = line_put_lines(out, room, &job, bytes, len, &taken);
			expected_put =
				put_singly(expected, room, &job, bytes, len, &expected_taken);
			assert_int_equal(put, expected_put);
			assert_int_equal(taken.used, expected_taken.used);
			assert_int_equal(taken.lines, expected_taken.lines);
			assert_memory_equal(out, expected, put);
			free(bytes);
			free(out);
		}
	}
	free(memory);
}

static void test_line_put_lines_longest_line_is_taken_and_a_longer_one_left(void **state)
{
	struct stamp stamp = a_stamp();
	struct line_label label;
	char *memory = make_label(&label, "web", "run"), out[200];
	struct line_job job = { .max = 4, .stamp = &stamp, .label = &label };
	struct line_taken taken;

	(void)state;
	assert_true(line_put_lines(out, sizeof out, &job, "abcd\r\n", 6, &taken) > 0);
	assert_int_equal(taken.used, 6);
	assert_int_equal(line_put_lines(out, sizeof out, &job, "abcde\n", 6, &taken), 0);
	assert_int_equal(taken.used, 0);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_find_cases_split_anywhere_cuts_the_same),
		cmocka_unit_test(test_line_find_every_short_input_cuts_as_the_obvious_way),
		cmocka_unit_test(test_line_find_newline_anywhere_in_blocks_is_found),
		cmocka_unit_test(test_line_find_two_newlines_finds_the_first),
		cmocka_unit_test(test_line_find_searched_bytes_are_not_looked_at_again),
		cmocka_unit_test(test_line_find_too_long_gives_a_piece_as_soon_as_it_is_known),
		cmocka_unit_test(test_line_find_longest_lines_at_their_bound_stay_whole),
		cmocka_unit_test(test_line_whole_characters_cases_cut_before_the_unfinished_one),
		cmocka_unit_test(
			test_line_whole_characters_of_any_bytes_is_never_0_and_cuts_at_most_3),
		cmocka_unit_test(test_line_label_make_plain_names_reads_as_specified),
		cmocka_unit_test(test_line_label_make_odd_names_escapes_them_in_fields_only),
		cmocka_unit_test(test_line_label_make_long_names_stay_within_the_size),
		cmocka_unit_test(test_line_make_chooses_the_form_by_the_rule),
		cmocka_unit_test(test_line_put_text_line_is_prefixed),
		cmocka_unit_test(
			test_line_label_make_colour_is_that_of_the_service_on_every_stream),
		cmocka_unit_test(test_line_label_make_colours_are_six_and_none_is_a_warning_s),
		cmocka_unit_test(test_line_put_coloured_line_has_its_prefix_in_colour_and_no_more),
		cmocka_unit_test(test_line_put_message_of_each_level_in_each_form),
		cmocka_unit_test(test_line_put_message_that_fills_its_room_exactly_as_json),
		cmocka_unit_test(test_line_put_stray_line_is_a_warning_that_holds_it),
		cmocka_unit_test(test_line_put_json_objects_get_the_fields_at_their_end),
		cmocka_unit_test(test_line_put_wrapped_line_becomes_a_message),
		cmocka_unit_test(test_line_put_wrapped_worst_line_fills_the_room_exactly),
		cmocka_unit_test(test_line_put_text_lines_of_every_length_are_copied_exactly),
		cmocka_unit_test(test_line_put_lines_makes_of_many_what_is_made_of_each),
		cmocka_unit_test(test_line_put_lines_longest_line_is_taken_and_a_longer_one_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
