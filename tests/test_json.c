/* SPDX-License-Identifier: ISC */
/* Owns: what json.h promises, case by case, and the positions at which a validator that reads in
 * blocks could go wrong. Does not: compare with a second implementation on any input;
 * tests/fuzz/fuzz_json.c does.
 *
 * Invariant: json.c only ever sees buffers of exactly the length it is told, so that the address
 * sanitizer notices a read or a write too far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "rig.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A look ahead reaches 64 bytes and blocks have 8 or 16: enough to move anything over every
 * border of them. */
#define SHIFTS 80

/* Bytes that may hold '\0'. */
struct bytes {
	const char *text;
	size_t len;
};

#define BYTES(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}

/* Values, accepted wherever a value may stand. */
static const struct bytes good_values[] = {
	BYTES("0"),
	BYTES("-0"),
	BYTES("1"),
	BYTES("9"),
	BYTES("-1"),
	BYTES("10"),
	BYTES("1234567890"),
	BYTES("123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
	      "567890"),
	BYTES("0.0"),
	BYTES("-0.0"),
	BYTES("0.1"),
	BYTES("1.0"),
	BYTES("12.50"),
	BYTES("3.14159265358979323846264338327950288"),
	BYTES("0e0"),
	BYTES("0E0"),
	BYTES("1e1"),
	BYTES("1E1"),
	BYTES("1e+1"),
	BYTES("1e-1"),
	BYTES("1E+01"),
	BYTES("-1.5e-007"),
	BYTES("1e999999"),
	BYTES("0e+00"),
	BYTES("0.00000000000000000000000000000000000000000000000000000000000000000001"),
	BYTES("true"),
	BYTES("false"),
	BYTES("null"),
	BYTES("\"\""),
	BYTES("\"a\""),
	BYTES("\" \""),
	BYTES("\"abcdefghijklmnopqrstuvwxyz0123456789\""),
	BYTES("\"{}[]:,\""),
	BYTES("\"}\""),
	BYTES("\"/\""),
	BYTES("\"'\""),
	BYTES("\"\x7f\""),
	BYTES("\"\\\"\""),
	BYTES("\"\\\\\""),
	BYTES("\"\\/\""),
	BYTES("\"\\b\""),
	BYTES("\"\\f\""),
	BYTES("\"\\n\""),
	BYTES("\"\\r\""),
	BYTES("\"\\t\""),
	BYTES("\"\\\\\\\"\""),
	BYTES("\"\\\\\\\\\""),
	BYTES("\"\\\\n\""),
	BYTES("\"\\u0000\""),
	BYTES("\"\\u0041\""),
	BYTES("\"\\uabcd\""),
	BYTES("\"\\uABCD\""),
	BYTES("\"\\uaBcD\""),
	BYTES("\"\\uFFFF\""),
	BYTES("\"\\u00e9t\\u00E9\""),
	BYTES("\"\\ud83d\\ude00\""),
	BYTES("\"\\ud800\""),
	BYTES("\"\\udfff\""),
	BYTES("\"\\udc00\\ud800\""),
	BYTES("\"\\ud800\\ud800\""),
	BYTES("\"\\ud800x\""),
	BYTES("\"\xc2\x80\""),
	BYTES("\"\xdf\xbf\""),
	BYTES("\"\xe0\xa0\x80\""),
	BYTES("\"\xe0\xbf\xbf\""),
	BYTES("\"\xe1\x80\x80\""),
	BYTES("\"\xec\xbf\xbf\""),
	BYTES("\"\xed\x80\x80\""),
	BYTES("\"\xed\x9f\xbf\""),
	BYTES("\"\xee\x80\x80\""),
	BYTES("\"\xef\xbf\xbf\""),
	BYTES("\"\xef\xbb\xbf\""),
	BYTES("\"\xf0\x90\x80\x80\""),
	BYTES("\"\xf0\xbf\xbf\xbf\""),
	BYTES("\"\xf1\x80\x80\x80\""),
	BYTES("\"\xf3\xbf\xbf\xbf\""),
	BYTES("\"\xf4\x80\x80\x80\""),
	BYTES("\"\xf4\x8f\xbf\xbf\""),
	BYTES("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xc3\xa9\""),
	BYTES("[]"),
	BYTES("[ ]"),
	BYTES("{}"),
	BYTES("{ }"),
	BYTES("[1]"),
	BYTES("[1,2,3]"),
	BYTES("[ 1 , \"a\" , null ]"),
	BYTES("[[]]"),
	BYTES("[[[[[[]]]]]]"),
	BYTES("[[],[],[[],{}]]"),
	BYTES("[{}]"),
	BYTES("[{\"a\":1},{\"b\":[2]}]"),
	BYTES("{\"a\":{}}"),
	BYTES("{\"a\":{\"b\":{\"c\":[{\"d\":null}]}}}"),
	BYTES("{\"\":0}"),
	BYTES("{\"a\":1,\"a\":1}"),
	BYTES("{\"a\\\"b\":1,\"\\u0000\":2,\"\xc3\xa9\":3}"),
	BYTES("[\t1\r,\n2 ]"),
	BYTES("{\t\"a\"\n:\r1 ,\t\"b\" : 2\n}"),
};

/* What is no value, wherever it stands. */
static const struct bytes bad_values[] = {
	/* numbers */
	BYTES(""),
	BYTES("-"),
	BYTES("+1"),
	BYTES("+"),
	BYTES("--1"),
	BYTES("01"),
	BYTES("00"),
	BYTES("-01"),
	BYTES("-00"),
	BYTES("1."),
	BYTES(".5"),
	BYTES("-.5"),
	BYTES("."),
	BYTES("0."),
	BYTES("1.e1"),
	BYTES("1..2"),
	BYTES("1.2.3"),
	BYTES("1e"),
	BYTES("1E"),
	BYTES("1e+"),
	BYTES("1e-"),
	BYTES("1e+-1"),
	BYTES("e1"),
	BYTES("1e1.5"),
	BYTES("1e1e1"),
	BYTES("0x10"),
	BYTES("1a"),
	BYTES("1_000"),
	BYTES("1 2"),
	BYTES("- 1"),
	BYTES("1 .5"),
	BYTES("1. 5"),
	BYTES("1 e5"),
	BYTES("Infinity"),
	BYTES("-Infinity"),
	BYTES("NaN"),
	BYTES("nan"),
	BYTES("1/2"),
	BYTES("1:"),
	BYTES("1\0"),
	BYTES("1f"),
	BYTES("0e"),
	BYTES("\xd9\xa1"),
	BYTES("1\xc2\xa0"),
	BYTES("\xef\xbc\x91"),
	/* words */
	BYTES("t"),
	BYTES("tru"),
	BYTES("True"),
	BYTES("TRUE"),
	BYTES("truE"),
	BYTES("true1"),
	BYTES("truetrue"),
	BYTES("tr ue"),
	BYTES("f"),
	BYTES("fals"),
	BYTES("False"),
	BYTES("falsey"),
	BYTES("n"),
	BYTES("nul"),
	BYTES("Null"),
	BYTES("nulll"),
	BYTES("nil"),
	BYTES("undefined"),
	BYTES("a"),
	BYTES("true\0"),
	BYTES("nu\0l"),
	/* strings */
	BYTES("\""),
	BYTES("\"\\\""),
	BYTES("\"a"),
	BYTES("a\""),
	BYTES("'a'"),
	BYTES("\"a\"b"),
	BYTES("\"a\"\"b\""),
	BYTES("`a`"),
	BYTES("\"\\a\""),
	BYTES("\"\\v\""),
	BYTES("\"\\0\""),
	BYTES("\"\\x41\""),
	BYTES("\"\\'\""),
	BYTES("\"\\ \""),
	BYTES("\"\\U0041\""),
	BYTES("\"\\\n\""),
	BYTES("\"\\\0\""),
	BYTES("\"\\\xc3\xa9\""),
	BYTES("\"\\\\\\\""),
	BYTES("\\\"a\""),
	BYTES("\"\\N\""),
	BYTES("\"\\u\""),
	BYTES("\"\\u1\""),
	BYTES("\"\\u12\""),
	BYTES("\"\\u123\""),
	BYTES("\"\\u123g\""),
	BYTES("\"\\ug123\""),
	BYTES("\"\\u12 4\""),
	BYTES("\"\\u+123\""),
	BYTES("\"\\u-123\""),
	BYTES("\"\\u12\"4\""),
	BYTES("\"\\u{41}\""),
	BYTES("\"\\u12\0"
	      "4\""),
	BYTES("\"\\u004@\""),
	BYTES("\"\\u004`\""),
	BYTES("\"\\u004G\""),
	BYTES("\"\\u004:\""),
	BYTES("\"\\u004/\""),
	BYTES("\"\\u00\xc3\xa9\""),
	BYTES("\"\\ud800\\u\""),
	BYTES("\"\\ud800\\udg00\""),
	BYTES("\"\\u\\u0041\""),
	BYTES("\"\0\""),
	BYTES("\"\t\""),
	BYTES("\"\n\""),
	BYTES("\"\r\""),
	BYTES("\"\x01\""),
	BYTES("\"\x1f\""),
	BYTES("\"a\x1b[0m\""),
	/* structure */
	BYTES("["),
	BYTES("]"),
	BYTES("{"),
	BYTES("}"),
	BYTES("[1"),
	BYTES("1]"),
	BYTES("[1}"),
	BYTES("{]"),
	BYTES("[}"),
	BYTES("[[]"),
	BYTES("[]]"),
	BYTES("[,]"),
	BYTES("[1,]"),
	BYTES("[,1]"),
	BYTES("[1,,2]"),
	BYTES("[1 2]"),
	BYTES("[1;2]"),
	BYTES("[1:2]"),
	BYTES("[\"a\":1]"),
	BYTES("[][]"),
	BYTES("{}{}"),
	BYTES("[]{}"),
	BYTES("[{]}"),
	BYTES("[{}"),
	BYTES("{[]}"),
	BYTES("{[}"),
	BYTES("{\"a\"}"),
	BYTES("{\"a\":}"),
	BYTES("{\"a\",1}"),
	BYTES("{\"a\" 1}"),
	BYTES("{\"a\"::1}"),
	BYTES("{\"a\":1,}"),
	BYTES("{,}"),
	BYTES("{,\"a\":1}"),
	BYTES("{\"a\":1,,\"b\":2}"),
	BYTES("{\"a\":1 \"b\":2}"),
	BYTES("{\"a\":1;\"b\":2}"),
	BYTES("{a:1}"),
	BYTES("{1:1}"),
	BYTES("{null:1}"),
	BYTES("{'a':1}"),
	BYTES("{\"a\":1:2}"),
	BYTES("{\"a\":1]"),
	BYTES("{:1}"),
	BYTES("{\"a\":1"),
	BYTES("{\"a\":{\"b\":[}]}"),
	BYTES("{\"a\":[{]}}"),
	BYTES("{[]:1}"),
	BYTES("{{}:1}"),
	BYTES("{\"a\"=1}"),
	BYTES("{\"a\":1,\"b\"}"),
	BYTES("{\"a\":1,2}"),
	BYTES("{\"a\n\":1}"),
	BYTES("{\"a\xff\":1}"),
	BYTES("{\"a\\x\":1}"),
	BYTES("[1,\0 2]"),
	BYTES("/**/1"),
	BYTES("1//"),
	BYTES("#1"),
	BYTES("1,"),
	BYTES(",1"),
	BYTES(","),
	BYTES(":"),
	/* what some take for white space */
	BYTES("\v1"),
	BYTES("\f1"),
	BYTES("1\f"),
	BYTES("\x1f"
	      "1"),
	BYTES("\0"),
	BYTES("\x08"
	      "1"),
	BYTES("\x7f"
	      "1"),
	BYTES("\xc2\xa0"
	      "1"),
	BYTES("\xef\xbb\xbf"
	      "1"),
	BYTES("\xe2\x80\x83"
	      "1"),
	BYTES("\x80"),
	BYTES("\xff"),
	BYTES("[\v]"),
	BYTES("{\f}"),
	BYTES("\x0e"
	      "1"),
};

/* Bytes that are not UTF-8, every class of them (Unicode 15, table 3-7). */
static const struct bytes ill_formed[] = {
	/* a continuation without a lead */
	BYTES("\x80"),
	BYTES("\x8f"),
	BYTES("\xa0"),
	BYTES("\xbf"),
	BYTES("\x80\x80"),
	BYTES("\xc3\xa9\xa9"),
	BYTES("\xe2\x82\xac\x80"),
	BYTES("\xf0\x9f\x98\x80\x80"),
	/* never a lead */
	BYTES("\xc0\x80"),
	BYTES("\xc0\xaf"),
	BYTES("\xc1\xbf"),
	BYTES("\xc1\x81"),
	BYTES("\xf5\x80\x80\x80"),
	BYTES("\xf8\x88\x80\x80\x80"),
	BYTES("\xfc\x84\x80\x80\x80\x80"),
	BYTES("\xfe"),
	BYTES("\xff"),
	BYTES("\xff\xbf\xbf\xbf"),
	/* overlong */
	BYTES("\xe0\x80\x80"),
	BYTES("\xe0\x9f\xbf"),
	BYTES("\xf0\x80\x80\x80"),
	BYTES("\xf0\x8f\xbf\xbf"),
	/* surrogates */
	BYTES("\xed\xa0\x80"),
	BYTES("\xed\xaf\xbf"),
	BYTES("\xed\xb0\x80"),
	BYTES("\xed\xbf\xbf"),
	BYTES("\xed\xa0\xbd\xed\xb8\x80"),
	/* above U+10FFFF */
	BYTES("\xf4\x90\x80\x80"),
	BYTES("\xf4\xbf\xbf\xbf"),
	BYTES("\xf7\xbf\xbf\xbf"),
	/* cut short by ASCII or by another lead */
	BYTES("\xc2"),
	BYTES("\xdf"),
	BYTES("\xc2\xc2\x80"),
	BYTES("\xe0"),
	BYTES("\xe0\xa0"),
	BYTES("\xe1\x80"),
	BYTES("\xe1\x80\xe1\x80\x80"),
	BYTES("\xed\x9f"),
	BYTES("\xef\xbf"),
	BYTES("\xf0\x90"),
	BYTES("\xf0\x90\x80"),
	BYTES("\xf1\x80\x80"),
	BYTES("\xf4\x8f\xbf"),
	BYTES("\xf1\x80\x80\xf1\x80\x80\x80"),
	/* a later byte out of range, on either side */
	BYTES("\xc2\x7f"),
	BYTES("\xc2\xc0"),
	BYTES("\xe1\x7f\x80"),
	BYTES("\xe1\xc0\x80"),
	BYTES("\xe1\x80\x7f"),
	BYTES("\xe1\x80\xc0"),
	BYTES("\xf1\x7f\x80\x80"),
	BYTES("\xf1\xc0\x80\x80"),
	BYTES("\xf1\x80\x7f\x80"),
	BYTES("\xf1\x80\xc0\x80"),
	BYTES("\xf1\x80\x80\x7f"),
	BYTES("\xf1\x80\x80\xc0"),
	BYTES("\xf1\x80\x80\xff"),
};

/* Texts that are no object, though some of them hold one. */
static const struct bytes bad_texts[] = {
	BYTES(""),
	BYTES(" "),
	BYTES("\n"),
	BYTES("                                   "),
	BYTES("{"),
	BYTES("}"),
	BYTES("}{"),
	BYTES("{{}"),
	BYTES("{}}"),
	BYTES("[]"),
	BYTES("[{}]"),
	BYTES("[{\"a\":1}]"),
	BYTES("1"),
	BYTES("-1.5"),
	BYTES("\"a\""),
	BYTES("\"{}\""),
	BYTES("true"),
	BYTES("false"),
	BYTES("null"),
	BYTES("{}{}"),
	BYTES("{} {}"),
	BYTES("{},{}"),
	BYTES("{},"),
	BYTES(",{}"),
	BYTES("{}x"),
	BYTES("x{}"),
	BYTES("{}\0"),
	BYTES("\0{}"),
	BYTES("{\0}"),
	BYTES("{}\x80"),
	BYTES("\xef\xbb\xbf{}"),
	BYTES("\xef\xbb\xbf{\"a\":1}"),
	BYTES("{}\xef\xbb\xbf"),
	BYTES("\xc2\xa0{}"),
	BYTES("{}\xc2\xa0"),
	BYTES("\v{}"),
	BYTES("{}\v"),
	BYTES("\f{}"),
	BYTES("{}\f"),
	BYTES("{}]"),
	BYTES("[{}"),
	BYTES("{]"),
	BYTES("[}"),
	BYTES("{[}"),
	BYTES("{\"a\":1}}"),
	BYTES("{\"a\":1}]"),
	BYTES("{\"a\":[1}"),
	BYTES("{\"a\":[1}]"),
	BYTES("{\"a\":1}{\"b\":2}"),
	BYTES("{\"a\":1} x"),
	BYTES("{\"a\":1} }"),
	BYTES("{\"a\":1} // no"),
	BYTES("{\"a\":1} /* no */"),
	BYTES("{\"a\":1};"),
	BYTES("{\"a\":\"}"),
	BYTES("{\"a\":\"\\\"}"),
	BYTES("{\"a}"),
	BYTES("{\"}"),
	BYTES("{\"\\}"),
	BYTES("{\"a\":1,}"),
	BYTES("{,\"a\":1}"),
	BYTES("{,}"),
	BYTES("{:}"),
	BYTES("{1}"),
	BYTES("{\"a\"}"),
	BYTES("{\"a\":}"),
	BYTES("{\"a\" :}"),
	BYTES("{\"a\":t}"),
	BYTES("{\"a\":tru}"),
	BYTES("{\"a\":fals}"),
	BYTES("{\"a\":nul}"),
	BYTES("{\"a\":-}"),
	BYTES("{\"a\":1.}"),
	BYTES("{\"a\":1e}"),
	BYTES("{\"a\":1e+}"),
	BYTES("{\"a\":\"\\u}"),
	BYTES("{\"a\":\"\\u12}"),
	BYTES("{\"a\":\"\\u1234}"),
	BYTES("{\"a\":\"\xc3}"),
	BYTES("{\"a\":\"\xe2\x82}"),
	BYTES("{\"a\":\"\xf0\x9f\x98}"),
	BYTES("{\"a\":[}"),
	BYTES("{\"a\":{}"),
	BYTES("2026-11-22T06:03:40.642Z {\"a\":1}"),
	BYTES("panic: {\"a\":1}"),
	BYTES("(a:1)"),
	BYTES("<a>{}</a>"),
	BYTES("{a}"),
	BYTES("{%d}"),
};

static char *copy_exactly(const char *text, size_t len)
{
	char *copy = malloc(len);

	assert_true(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

/* The text twice as a line, then an empty object: each line is taken for what json_find_object said
 * that it is, wherever the one before has ended. */
static void assert_lines_are(const char *text, size_t len, bool found,
			     const struct json_object *expected)
{
	size_t size = 2 * (len + 1) + 3;
	char *lines = malloc(size), *last = lines + size - 3;
	struct json_object object = *expected;
	struct json_text taken;

	assert_non_null(lines);
	memcpy(lines, text, len);
	memcpy(lines + len, "\n", 1);
	memcpy(lines + len + 1, lines, len + 1);
	memcpy(last, "{}\n", 3);
	json_begin_lines(&taken, lines, size);
	for (const char *line = lines; line < last; line += len + 1) {
		const char *end = json_take_object_line(&taken, line, &object);

		assert_ptr_equal(end, found ? line + len : NULL);
		assert_int_equal(object.open, expected->open);
		assert_int_equal(object.close, expected->close);
		assert_int_equal(object.empty, expected->empty);
	}
	assert_ptr_equal(json_take_object_line(&taken, last, &object), last + 2);
	free(lines);
}

static bool is_object(const char *text, size_t len)
{
	struct json_object object = { 0 };
	char *copy = copy_exactly(text, len);
	bool found = json_find_object(copy, len, &object);

	if (len == 0 || !memchr(text, '\n', len))
		assert_lines_are(text, len, found, &object);
	free(copy);
	return found;
}

static void print_bytes(const char *text, size_t len)
{
	print_error("in form or not: ");
	for (size_t i = 0; i < len && i < 300; i++)
		print_error(text[i] >= ' ' && text[i] <= '~' ? "%c" : "\\x%02x",
			    (unsigned char)text[i]);
	print_error(" (%zu bytes)\n", len);
}

static void assert_object(const char *text, size_t len, bool expected)
{
	bool found = is_object(text, len);

	if (found != expected)
		print_bytes(text, len);
	assert_int_equal(found, expected);
}

/* A text that tests put together. */
struct builder {
	char text[4096];
	size_t len;
};

static void add(struct builder *b, const char *text, size_t len)
{
	assert_true(len <= sizeof b->text - b->len);
	memcpy(b->text + b->len, text, len);
	b->len += len;
}

static void add_text(struct builder *b, const char *text)
{
	add(b, text, strlen(text));
}

static void add_times(struct builder *b, char byte, size_t times)
{
	while (times-- > 0)
		add(b, &byte, 1);
}

static size_t last_brace(const char *text, size_t len)
{
	while (text[len - 1] != '}')
		len--;
	return len - 1;
}

/* Every beginning of the object at text is refused, until it is complete. */
static void assert_prefixes_refused(const char *text, size_t len, size_t close)
{
	for (size_t n = 0; n <= len; n++)
		assert_object(text, n, n > close);
}

/* Whatever address the text has, and wherever in its buffer it stands. */
static void assert_at_any_alignment(const char *text, size_t len, bool expected)
{
	for (size_t shift = 0; shift < 32; shift++) {
		struct json_object object;
		char *buffer = malloc(shift + len);

		assert_non_null(buffer);
		memset(buffer, '"', shift);
		memcpy(buffer + shift, text, len);
		assert_int_equal(json_find_object(buffer + shift, len, &object), expected);
		free(buffer);
	}
}

/* The value in every surrounding in which a value can stand. */
static void assert_value(const struct bytes *value, bool expected)
{
	static const char *const around[][2] = {
		{ "{\"k\":", "}" },
		{ "{\"k\": ", " }" },
		{ "{\"k\":[", "]}" },
		{ "{\"k\":[0,", ",0]}" },
		{ " {\"a\":[{}],\"k\":", ",\"z\":{}} " },
		{ "{\"a\":{\"b\":", "}}" },
		{ "{\"a\":[[{\"b\":[", "]}]]}" },
		{ "\t{\"a\":\"b\" ,\"k\" :\r", "\n,\"z\":[]}\r\n" },
	};

	for (size_t i = 0; i < COUNT(around); i++) {
		struct builder b = { .len = 0 };

		add_text(&b, around[i][0]);
		add(&b, value->text, value->len);
		add_text(&b, around[i][1]);
		assert_object(b.text, b.len, expected);
		assert_at_any_alignment(b.text, b.len, expected);
		if (expected)
			assert_prefixes_refused(b.text, b.len, last_brace(b.text, b.len));
	}
}

/* The value behind a name of every length, so that it comes to stand at every place of a block
 * and of a look ahead. */
static void assert_value_behind_any_name(const struct bytes *value, bool expected)
{
	for (size_t pad = 0; pad < SHIFTS; pad++) {
		struct builder b = { .len = 0 };

		add_text(&b, "{\"");
		add_times(&b, 'x', pad);
		add_text(&b, "\":");
		add(&b, value->text, value->len);
		add_text(&b, "}");
		assert_object(b.text, b.len, expected);
	}
}

/* The bytes inside a string, with every number of plain bytes before and some behind. */
static void assert_in_string(const char *text, size_t len, bool expected)
{
	static const size_t behind[] = { 0, 1, 7, 8, 15, 16, 17, 63, 64, 65 };

	for (size_t before = 0; before < SHIFTS; before++) {
		for (size_t i = 0; i < COUNT(behind); i++) {
			struct builder b = { .len = 0 };

			add_text(&b, "{\"k\":\"");
			add_times(&b, 'a', before);
			add(&b, text, len);
			add_times(&b, 'z', behind[i]);
			add_text(&b, "\"}");
			assert_object(b.text, b.len, expected);
		}
	}
}

static void test_json_find_object_good_value_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_values); i++) {
		assert_value(&good_values[i], true);
		assert_value_behind_any_name(&good_values[i], true);
	}
}

static void test_json_find_object_bad_value_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_values); i++) {
		/* The only one of them that is a way to say nothing, in an array. */
		bool says_nothing = bad_values[i].len == 0;

		if (!says_nothing)
			assert_value(&bad_values[i], false);
		assert_value_behind_any_name(&bad_values[i], false);
	}
}

static void test_json_find_object_bad_text_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_texts); i++) {
		assert_object(bad_texts[i].text, bad_texts[i].len, false);
		assert_at_any_alignment(bad_texts[i].text, bad_texts[i].len, false);
		for (size_t pad = 0; pad < SHIFTS; pad++) {
			struct builder b = { .len = 0 };

			add_times(&b, ' ', pad);
			add(&b, bad_texts[i].text, bad_texts[i].len);
			assert_object(b.text, b.len, false);
			add_times(&b, ' ', pad);
			assert_object(b.text, b.len, false);
		}
	}
}

static void test_json_find_object_bad_text_leaves_result(void **state)
{
	struct json_object object = { .open = 11, .close = 22, .empty = true };

	(void)state;
	for (size_t i = 0; i < COUNT(bad_texts); i++) {
		assert_false(json_find_object(bad_texts[i].text, bad_texts[i].len, &object));
		assert_int_equal(object.open, 11);
		assert_int_equal(object.close, 22);
		assert_true(object.empty);
	}
}

static void test_json_find_object_log_line_accepts(void **state)
{
	static const char *const lines[] = {
		"{\"time\":\"2026-11-22T06:03:40.642Z\",\"level\":\"info\",\"msg\":\"request "
		"served\","
		"\"status\":200,\"ms\":12.5}",
		"{\"ts\": 1763791420.642, \"logger\": \"app\", \"ok\": true, \"n\": [1, 2, null], "
		"\"ctx\": {\"id\": \"00ff\", \"k\": -7}}",
		"{\"msg\":\"\xd0\xa1\xd0\xbe\xd0\xb5\xd0\xb4 \xe6\x8e\xa5\xe7\xb6\x9a "
		"\xf0\x9f\x98\x80\","
		"\"path\":\"C:\\\\x\\ty\",\"q\":\"\\\"a\\\"\"}\r",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		size_t len = strlen(lines[i]);

		assert_prefixes_refused(lines[i], len, last_brace(lines[i], len));
		assert_at_any_alignment(lines[i], len, true);
	}
}

static void test_json_find_object_white_space_around_tells_offsets(void **state)
{
	static const char *const white[] = {
		"",
		" ",
		"\t",
		"\r",
		"\n",
		" \t\r\n",
		"                   ",
		"\r\n\r\n\t\t\t\t\t\t\t\t\t\t\t\t\t",
	};
	static const struct {
		const char *text;
		bool empty;
	} objects[] = {
		{ "{}", true },          { "{ }", true },
		{ "{ \t\r\n}", true },   { "{                                 }", true },
		{ "{\"\":0}", false },   { "{ \"a\" : [ ] }", false },
		{ "{\"a\":{}}", false }, { "{\"a\":\"{ }\"}", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(white) * COUNT(white) * COUNT(objects); i++) {
		const char *before = white[i % COUNT(white)];
		const char *behind = white[i / COUNT(white) % COUNT(white)];
		size_t which = i / COUNT(white) / COUNT(white);
		struct builder b = { .len = 0 };
		struct json_object object;
		char *copy;

		add_text(&b, before);
		add_text(&b, objects[which].text);
		add_text(&b, behind);
		copy = copy_exactly(b.text, b.len);
		assert_true(json_find_object(copy, b.len, &object));
		free(copy);
		assert_int_equal(object.open, strlen(before));
		assert_int_equal(object.close, strlen(before) + strlen(objects[which].text) - 1);
		assert_int_equal(object.empty, objects[which].empty);
	}
}

static void test_json_find_object_byte_between_tokens_is_white_or_refused(void **state)
{
	static const char *const gaps[][2] = {
		{ "", "{\"a\":[1,{}],\"b\":2}" }, { "{", "\"a\":[1,{}],\"b\":2}" },
		{ "{\"a\"", ":[1,{}],\"b\":2}" }, { "{\"a\":", "[1,{}],\"b\":2}" },
		{ "{\"a\":[", "1,{}],\"b\":2}" }, { "{\"a\":[1", ",{}],\"b\":\"2\"}" },
		{ "{\"a\":[1,", "{}],\"b\":2}" }, { "{\"a\":[1,{", "}],\"b\":2}" },
		{ "{\"a\":[1,{}", "],\"b\":2}" }, { "{\"a\":[1,{}]", ",\"b\":2}" },
		{ "{\"a\":[1,{}],", "\"b\":2}" }, { "{\"a\":[1,{}],\"b\":\"2\"", "}" },
		{ "{\"a\":[1,{}],\"b\":2}", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(gaps); i++) {
		for (int byte = 0; byte < 256; byte++) {
			bool white = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
			bool value = byte >= '0' && byte <= '9';
			char between = (char)byte;
			struct builder b = { .len = 0 };

			add_text(&b, gaps[i][0]);
			add(&b, &between, 1);
			add_text(&b, gaps[i][1]);
			/* Two numbers may make one: those are the business of other tests. */
			if (!value && byte != '-')
				assert_object(b.text, b.len, white);
		}
	}
}

static void test_json_find_object_every_byte_in_string_at_every_place(void **state)
{
	(void)state;
	for (int byte = 0; byte < 128; byte++) {
		char text = (char)byte;

		assert_in_string(&text, 1, byte >= ' ' && byte != '"' && byte != '\\');
	}
}

static void test_json_find_object_escapes_in_string_at_every_place_accepts(void **state)
{
	static const struct bytes inside[] = {
		BYTES("\\\""),
		BYTES("\\\\"),
		BYTES("\\n"),
		BYTES("\\u0041"),
		BYTES("\\ud800"),
		BYTES("\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\""),
		BYTES("\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"),
		BYTES("\\\\\\\""),
		BYTES("a\\tb\\tc\\u00e9\xc3\xa9\\/"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(inside); i++)
		assert_in_string(inside[i].text, inside[i].len, true);
}

static void test_json_find_object_bad_escape_at_every_place_refuses(void **state)
{
	static const struct bytes inside[] = {
		BYTES("\\x"),
		BYTES("\\u004"),
		BYTES("\\u00\\u0041"),
		BYTES("\\\\\\"),
		BYTES("\\\""
		      "\""),
		BYTES("\\u004x"),
		BYTES("\\\x01"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(inside); i++)
		assert_in_string(inside[i].text, inside[i].len, false);
}

static void test_json_find_object_utf8_at_every_place_accepts(void **state)
{
	static const struct bytes inside[] = {
		BYTES("\xc3\xa9"),
		BYTES("\xe2\x82\xac"),
		BYTES("\xf0\x9f\x98\x80"),
		BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		BYTES("\xd0\xa1\xd0\xbe\xd0\xb5\xd0\xb4\xd0\xb8\xd0\xbd\xd0\xb5\xd0\xbd\xd0\xb8\xd0"
		      "\xb5 \xd1\x81"),
		BYTES("\xe6\x8e\xa5\xe7\xb6\x9a\xe3\x81\x8c"
		      "\xe7\xa2\xba\xe7\xab\x8b\xe3\x81\x95\xe3\x82\x8c\xe3\x81\xbe\xe3\x81\x97\xe3"
		      "\x81\x9f"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(inside); i++)
		assert_in_string(inside[i].text, inside[i].len, true);
}

static void test_json_find_object_ill_formed_utf8_at_every_place_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ill_formed); i++)
		assert_in_string(ill_formed[i].text, ill_formed[i].len, false);
}

static void test_json_find_object_string_without_end_refuses(void **state)
{
	static const char *const tails[] = {
		"}",     "\\\"}",         "\xc3\xa9}", "\\}",       "\\u004}",
		"\xc3}", "\xf0\x9f\x98}", "\\u0041}",  "\\\\\\\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		for (size_t len = 0; len < 200; len++) {
			struct builder b = { .len = 0 };

			add_text(&b, "{\"k\":\"");
			add_times(&b, 'a', len);
			add_text(&b, tails[i]);
			assert_object(b.text, b.len, false);
		}
	}
}

/* Numbers of every length, with every byte at every place in them: only a digit may stand there, a
 * point or an exponent before the last. */
static void test_json_find_object_long_numbers_are_digits_throughout(void **state)
{
	char text[64];

	(void)state;
	for (size_t digits = 1; digits <= 40; digits++) {
		size_t len = digits + 6;

		memset(text, '7', sizeof text);
		memcpy(text, "{\"n\":", 5);
		text[len - 1] = '}';
		assert_true(is_object(text, len));
		for (size_t at = 5; at < len - 1; at++) {
			for (int byte = 0; byte < 256; byte++) {
				bool inside = at > 5 && at < len - 2;
				bool good =
					(byte >= '0' + (at == 5 && digits > 1) && byte <= '9') ||
					(inside && (byte == '.' || byte == 'e' || byte == 'E')) ||
					((at == 5 || at == len - 2) && strchr(" \t\r\n", byte) &&
					 byte && digits > 1) ||
					(at == 5 && byte == '-' && digits > 1);

				text[at] = (char)byte;
				assert_int_equal(is_object(text, len), good);
			}
			text[at] = '7';
		}
	}
}

static void test_json_find_object_long_text_accepts(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len);
	struct json_object object;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	memcpy(text, "{\"k\":\"", 6);
	memcpy(text + len - 2, "\"}", 2);
	assert_true(json_find_object(text, len, &object));
	assert_int_equal(object.close, len - 1);
	assert_false(json_find_object(text, len - 1, &object));
	text[len / 2] = '\0';
	assert_false(json_find_object(text, len, &object));
	free(text);
}

/* {"":{"":…}} or {"":[[…]]}, or both in turn, depth containers in all, as many as closes of
 * them closed. */
static bool is_deep_object(size_t depth, size_t closes, const char *kinds)
{
	char *text = malloc(depth * 4 + closes);
	char *p = text;
	size_t n = strlen(kinds);
	bool found;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++) {
		const char *open = kinds[i % n] != '{' ? "[" : i + 1 < depth ? "{\"\":" : "{";

		p = mempcpy(p, open, strlen(open));
	}
	for (size_t i = 0; i < closes; i++)
		*p++ = i < depth && kinds[(depth - 1 - i) % n] == '[' ? ']' : '}';
	found = is_object(text, (size_t)(p - text));
	free(text);
	return found;
}

struct many_lines {
	size_t len, lines;
	/* Where each begins, and the one behind the last; whether it is an object. */
	size_t starts[600];
	bool good[600];
	char bytes[400000];
};

/* Adds a line: the beginning, the middle so many times, and the end. */
static void add_line(struct many_lines *many, const char *begin, const char *middle, size_t times,
		     const char *end, bool good)
{
	char *at = many->bytes + many->len;

	assert_true(many->lines + 1 < COUNT(many->starts));
	assert_true(strlen(begin) + times * strlen(middle) + strlen(end) + 2 <=
		    sizeof many->bytes - many->len);
	at = stpcpy(at, begin);
	while (times-- > 0)
		at = stpcpy(at, middle);
	at = stpcpy(stpcpy(at, end), "\n");
	many->good[many->lines] = good;
	many->len = (size_t)(at - many->bytes);
	many->starts[++many->lines] = many->len;
}

/* Lines of all kinds in one text that is looked at in many goes, each of which ends elsewhere in
 * its line: they are what they are alone, also behind one that is no object or is left out. */
static void test_json_take_object_line_many_lines_are_what_each_is(void **state)
{
	struct many_lines *many = calloc(1, sizeof *many);
	struct json_text text;

	(void)state;
	assert_non_null(many);
	for (size_t i = 0; i < 90; i++) {
		size_t times = i % 15 == 7 ? 2000 + i : i * 7 % 160;

		add_line(many, "{\"a\":\"", "x", times, "\"}", true);
		add_line(many, "{\"a\":\"", "\\n", times, "\",\"b\":[1,{}]}", true);
		add_line(many, "{\"a\":\"", "\xc3\xa9y", times, "\"} ", true);
		add_line(many, "{\"a\":[", "\"b\", ", times, "0 ]}", true);
		add_line(many, "{\"a\":\"", "\\\"", times, "}", false);
		add_line(many, "x", "\"", times, "", false);
	}
	json_begin_lines(&text, many->bytes, many->len);
	for (size_t i = 0; i < many->lines; i++) {
		const char *line = many->bytes + many->starts[i],
			   *newline = many->bytes + many->starts[i + 1] - 1;
		struct json_object object;

		if (i % 11 == 3)
			continue;
		assert_ptr_equal(json_take_object_line(&text, line, &object),
				 many->good[i] ? newline : NULL);
	}
	free(many);
}

static void test_json_find_object_deep_nesting_accepts_to_limit(void **state)
{
	static const char *const kinds[] = {
		"{",
		"{[",
		"{[[",
		"{{[{[[[",
		"{[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		for (size_t depth = 1; depth <= 300; depth++) {
			assert_true(is_deep_object(depth, depth, kinds[i]));
			assert_false(is_deep_object(depth, depth - 1, kinds[i]));
			assert_false(is_deep_object(depth, depth + 1, kinds[i]));
		}
		assert_true(is_deep_object(10000, 10000, kinds[i]));
		assert_true(is_deep_object(JSON_DEPTH_MAX, JSON_DEPTH_MAX, kinds[i]));
		assert_false(is_deep_object(JSON_DEPTH_MAX, JSON_DEPTH_MAX - 1, kinds[i]));
		assert_false(is_deep_object(JSON_DEPTH_MAX + 1, JSON_DEPTH_MAX + 1, kinds[i]));
		assert_false(is_deep_object(100000, 100000, kinds[i]));
	}
}

static void test_json_find_object_mixed_up_closes_refuse(void **state)
{
	enum {
		DEPTH = 200
	};

	(void)state;
	for (size_t wrong = 0; wrong < DEPTH; wrong++) {
		struct builder b = { .len = 0 };
		size_t first;

		for (size_t i = 0; i < DEPTH; i++)
			add_text(&b, i % 3 == 0 ? "{\"\":" : "[");
		add_text(&b, "0");
		first = b.len;
		for (size_t i = DEPTH; i-- > 0;)
			add_text(&b, i % 3 == 0 ? "}" : "]");
		assert_object(b.text, b.len, true);
		b.text[first + wrong] = b.text[first + wrong] == '}' ? ']' : '}';
		assert_object(b.text, b.len, false);
	}
}

static void test_json_find_object_many_containers_side_by_side_accepts(void **state)
{
	size_t count = 3 * JSON_DEPTH_MAX;
	char *text = malloc(count * 3 + 7);
	char *p;

	(void)state;
	assert_non_null(text);
	p = mempcpy(text, "{\"k\":[", 6);
	for (size_t i = 0; i < count; i++)
		p = mempcpy(p, i % 2 ? "[]," : "{},", 3);
	memcpy(p - 1, "]}", 2);
	assert_object(text, (size_t)(p + 1 - text), true);
	free(text);
}

/* What RFC 3629 says, by arithmetic: the length of the character of that lead byte, if its value
 * needs that length. */
static size_t char_len_by_value(const unsigned char *p, size_t len)
{
	size_t want = p[0] < 0x80       ? 1
		      : p[0] >> 5 == 6  ? 2
		      : p[0] >> 4 == 14 ? 3
		      : p[0] >> 3 == 30 ? 4
					: 0;
	uint32_t value;

	if (want == 0 || len < want)
		return 0;
	if (want == 1)
		return 1;
	value = p[0] & (0x7fu >> want);
	for (size_t i = 1; i < want; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < (want == 2 ? 0x80u : want == 3 ? 0x800u : 0x10000u))
		return 0;
	return value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) ? 0 : want;
}

static void test_json_utf8_char_every_three_bytes_agrees_with_arithmetic(void **state)
{
	unsigned char *p = malloc(3);
	const uint32_t step = rig_is_brief() ? 97 : 1;

	(void)state;
	assert_non_null(p);
	for (uint32_t i = 0; i < 1 << 24; i += step) {
		p[0] = (unsigned char)(i >> 16);
		p[1] = (unsigned char)(i >> 8);
		p[2] = (unsigned char)i;
		if (json_utf8_char((char *)p, 3) != char_len_by_value(p, 3))
			fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
	}
	free(p);
}

static void test_json_utf8_char_every_four_byte_lead_agrees_with_arithmetic(void **state)
{
	static const unsigned char later[] = {
		0x00, '"', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff,
	};
	unsigned char *p = malloc(4);
	size_t n = COUNT(later);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < 65536 * n * n; i++) {
		p[0] = (unsigned char)(i / n / n >> 8);
		p[1] = (unsigned char)(i / n / n);
		p[2] = later[i / n % n];
		p[3] = later[i % n];
		if (json_utf8_char((char *)p, 4) != char_len_by_value(p, 4))
			fail_msg("%02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
	}
	free(p);
}

static void test_json_utf8_char_cut_short_returns_zero(void **state)
{
	static const struct bytes chars[] = {
		BYTES("a"),
		BYTES("\xc3\xa9"),
		BYTES("\xe2\x82\xac"),
		BYTES("\xf0\x9f\x98\x80"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(chars); i++) {
		for (size_t len = 0; len <= chars[i].len; len++) {
			char *copy = copy_exactly(chars[i].text, len);

			assert_int_equal(json_utf8_char(copy, len), len == chars[i].len ? len : 0);
			free(copy);
		}
	}
	assert_int_equal(json_utf8_char("\xc3\xa9xyz", 5), 2);
	assert_int_equal(json_utf8_char("\0xyz", 4), 1);
}

/* json_quote into a buffer of exactly the size that it may need. Returns that buffer: free it. */
static char *quote(const char *text, size_t len, size_t *quoted_len)
{
	char *copy = copy_exactly(text, len);
	char *out = malloc(JSON_QUOTE_MAX(len));

	assert_true(out != NULL || len == 0);
	*quoted_len = json_quote(out, copy, len);
	assert_true(*quoted_len <= JSON_QUOTE_MAX(len));
	free(copy);
	return out;
}

static void assert_quoted(const struct bytes *text, const struct bytes *expected)
{
	size_t len;
	char *out = quote(text->text, text->len, &len);

	if (len != expected->len || memcmp(out, expected->text, len) != 0)
		print_bytes(out, len);
	assert_int_equal(len, expected->len);
	assert_memory_equal(out, expected->text, len);
	free(out);
}

/* The same among every number of plain bytes, before and behind. */
static void assert_quoted_anywhere(const struct bytes *text, const struct bytes *expected)
{
	/* (Seven has no divisor in common with any border.) */
	const size_t step = rig_is_brief() ? 7 : 1;

	for (size_t pad = 0; pad < SHIFTS * 40; pad += step) {
		struct builder in = { .len = 0 };
		struct builder out = { .len = 0 };

		add_times(&in, 'a', pad % SHIFTS);
		add(&in, text->text, text->len);
		add_times(&in, 'z', pad / SHIFTS);
		add_times(&out, 'a', pad % SHIFTS);
		add(&out, expected->text, expected->len);
		add_times(&out, 'z', pad / SHIFTS);
		assert_quoted(&(struct bytes){ in.text, in.len },
			      &(struct bytes){ out.text, out.len });
	}
}

static void test_json_quote_each_byte_escapes(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		static const char *const named[128] = {
			['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
			['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t",
		};
		char text = (char)byte;
		char expected[8];

		if (byte >= 128)
			strcpy(expected, "\xef\xbf\xbd");
		else if (named[byte] != NULL)
			strcpy(expected, named[byte]);
		else if (byte < ' ')
			snprintf(expected, sizeof expected, "\\u%04x", (unsigned)byte);
		else
			snprintf(expected, sizeof expected, "%c", byte);
		assert_quoted_anywhere(&(struct bytes){ &text, 1 },
				       &(struct bytes){ expected, strlen(expected) });
	}
}

#define FFFD "\xef\xbf\xbd"

static void test_json_quote_ill_formed_replaces_maximal_subparts(void **state)
{
	static const struct {
		struct bytes text, expected;
	} cases[] = {
		/* The examples of Unicode 15, section 3.9: tables 3-8 to 3-11. */
		{ BYTES("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
		  BYTES(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A") },
		{ BYTES("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"),
		  BYTES(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A") },
		{ BYTES("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"),
		  BYTES(FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B") },
		{ BYTES("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), BYTES(FFFD FFFD FFFD FFFD "A") },
		{ BYTES("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64"),
		  BYTES("a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d") },
		/* Cut short by the end, by an escape, by a character. */
		{ BYTES("\xc3"), BYTES(FFFD) },
		{ BYTES("\xe2\x82"), BYTES(FFFD) },
		{ BYTES("\xf0\x9f\x98"), BYTES(FFFD) },
		{ BYTES("\xf0\x9f"), BYTES(FFFD) },
		{ BYTES("\xf4"), BYTES(FFFD) },
		{ BYTES("\xe0"), BYTES(FFFD) },
		{ BYTES("\xe2\x82\n"), BYTES(FFFD "\\n") },
		{ BYTES("\xe2\x82\xc3\xa9"), BYTES(FFFD "\xc3\xa9") },
		{ BYTES("\xf0\x9f\x98\""), BYTES(FFFD "\\\"") },
		{ BYTES("\xc3\xf0\x9f\x98\x80"), BYTES(FFFD "\xf0\x9f\x98\x80") },
		/* The borders of what may follow each lead. */
		{ BYTES("\xe0\x9f\x80"), BYTES(FFFD FFFD FFFD) },
		{ BYTES("\xe0\xa0\x7f"), BYTES(FFFD "\x7f") },
		{ BYTES("\xed\x9f\xc0"), BYTES(FFFD FFFD) },
		{ BYTES("\xf0\x8f\x80\x80"), BYTES(FFFD FFFD FFFD FFFD) },
		{ BYTES("\xf0\x90\x80\x7f"), BYTES(FFFD "\x7f") },
		{ BYTES("\xf4\x8f\xbf\xc0"), BYTES(FFFD FFFD) },
		{ BYTES("\xf4\x90\x80\x80"), BYTES(FFFD FFFD FFFD FFFD) },
		{ BYTES("\xf5\x80\x80\x80"), BYTES(FFFD FFFD FFFD FFFD) },
		{ BYTES("\xfe\xff"), BYTES(FFFD FFFD) },
		{ BYTES("\xc1\xbf"), BYTES(FFFD FFFD) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_quoted(&cases[i].text, &cases[i].expected);
		assert_quoted_anywhere(&cases[i].text, &cases[i].expected);
	}
}

static void test_json_quote_well_formed_keeps(void **state)
{
	static const struct bytes texts[] = {
		BYTES(""),
		BYTES("a"),
		BYTES("request served in 12 ms"),
		BYTES("/'{}[]:,\x7f"),
		BYTES("\xc2\x80\xdf\xbf"),
		BYTES("\xe0\xa0\x80"),
		BYTES("\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
		BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
		BYTES("\xe2\x80\xa8\xe2\x80\xa9"),
		BYTES("\xef\xbb\xbfz"),
		BYTES("\xef\xbf\xbd"),
		BYTES("\xe6\x8e\xa5\xe7\xb6\x9a \xd0\xa1\xd0\xbe \xf0\x9f\x98\x80!"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_quoted_anywhere(&texts[i], &texts[i]);
}

static void test_json_quote_worst_case_stays_in_bound(void **state)
{
	static const char guard[16] = "guarding the end";

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		for (size_t len = 0; len < SHIFTS; len++) {
			char text[SHIFTS];
			char out[JSON_QUOTE_MAX(SHIFTS) + sizeof guard];

			memset(text, byte, len);
			memcpy(out + JSON_QUOTE_MAX(len), guard, sizeof guard);
			assert_true(json_quote(out, text, len) <= JSON_QUOTE_MAX(len));
			assert_memory_equal(out + JSON_QUOTE_MAX(len), guard, sizeof guard);
		}
	}
}

static void assert_quoted_is_string(const char *text, size_t len)
{
	struct builder b = { .len = 0 };
	size_t quoted_len;
	char *out = quote(text, len, &quoted_len);

	add_text(&b, "{\"m\":\"");
	add(&b, out, quoted_len);
	add_text(&b, "\"}");
	free(out);
	assert_object(b.text, b.len, true);
}

static void test_json_quote_anything_is_a_string(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(ill_formed); i++)
		assert_quoted_is_string(ill_formed[i].text, ill_formed[i].len);
	for (size_t i = 0; i < COUNT(bad_values); i++)
		assert_quoted_is_string(bad_values[i].text, bad_values[i].len);
	for (int byte = 0; byte < 256 * 256; byte++) {
		char text[2] = { (char)(byte >> 8), (char)byte };

		assert_quoted_is_string(text, sizeof text);
	}
	/* Bytes at random, half of them leads and continuations. */
	for (int i = 0; i < (rig_is_brief() ? 5000 : 100000); i++) {
		char text[40];

		for (size_t n = 0; n < sizeof text; n++) {
			seed = seed * 1664525 + 1013904223;
			text[n] = (char)(seed >> 24 | (seed >> 23 & 1) << 7);
		}
		assert_quoted_is_string(text, (size_t)i % sizeof text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_find_object_good_value_accepts),
		cmocka_unit_test(test_json_find_object_bad_value_refuses),
		cmocka_unit_test(test_json_find_object_bad_text_refuses),
		cmocka_unit_test(test_json_find_object_bad_text_leaves_result),
		cmocka_unit_test(test_json_find_object_log_line_accepts),
		cmocka_unit_test(test_json_find_object_white_space_around_tells_offsets),
		cmocka_unit_test(test_json_find_object_byte_between_tokens_is_white_or_refused),
		cmocka_unit_test(test_json_find_object_every_byte_in_string_at_every_place),
		cmocka_unit_test(test_json_find_object_escapes_in_string_at_every_place_accepts),
		cmocka_unit_test(test_json_find_object_bad_escape_at_every_place_refuses),
		cmocka_unit_test(test_json_find_object_utf8_at_every_place_accepts),
		cmocka_unit_test(test_json_find_object_ill_formed_utf8_at_every_place_refuses),
		cmocka_unit_test(test_json_find_object_string_without_end_refuses),
		cmocka_unit_test(test_json_find_object_long_numbers_are_digits_throughout),
		cmocka_unit_test(test_json_find_object_long_text_accepts),
		cmocka_unit_test(test_json_take_object_line_many_lines_are_what_each_is),
		cmocka_unit_test(test_json_find_object_deep_nesting_accepts_to_limit),
		cmocka_unit_test(test_json_find_object_mixed_up_closes_refuse),
		cmocka_unit_test(test_json_find_object_many_containers_side_by_side_accepts),
		cmocka_unit_test(test_json_utf8_char_every_three_bytes_agrees_with_arithmetic),
		cmocka_unit_test(test_json_utf8_char_every_four_byte_lead_agrees_with_arithmetic),
		cmocka_unit_test(test_json_utf8_char_cut_short_returns_zero),
		cmocka_unit_test(test_json_quote_each_byte_escapes),
		cmocka_unit_test(test_json_quote_ill_formed_replaces_maximal_subparts),
		cmocka_unit_test(test_json_quote_well_formed_keeps),
		cmocka_unit_test(test_json_quote_worst_case_stays_in_bound),
		cmocka_unit_test(test_json_quote_anything_is_a_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
