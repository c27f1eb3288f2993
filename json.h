/* SPDX-License-Identifier: ISC */
/* JSON as bytes: is this line one object, and how is a string quoted. Pure functions: no I/O, no
 * allocation, no state, no recursion, so that a fuzzer can drive them directly. */
#ifndef DINIT_JSON_H
#define DINIT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays that may be open at the same time. A line nested deeper is not taken for
 * JSON: RFC 8259 section 9 lets a parser set such a limit. */
#define JSON_DEPTH_MAX 10240

/* Where the object stands in the bytes that json_find_object was given. */
struct json_object {
	/* Offset of its first byte, '{'. */
	size_t open;
	/* Offset of its last byte, '}'. */
	size_t close;
	/* It has no members. */
	bool empty;
};

/* Returns whether the len bytes at text are one object of RFC 8259, in valid UTF-8 (RFC 3629), with
 * nothing but white space around it; *object is filled only then. An escaped lone surrogate is
 * accepted, as the grammar does; a byte order mark is not. text needs no terminating NUL; bytes
 * beyond text + len are never read. */
bool json_find_object(const char *text, size_t len, struct json_object *object);

/* How many windows of 64 bytes are looked at in one go. */
#define JSON_WINDOWS 64

/* Lines that are looked at one after the other. What is found out about one goes a little further,
 * and is kept here for the next, so that no byte is looked at twice. All of it is json.c's. */
struct json_text {
	const unsigned char *end;
	/* What counts as white space. */
	uint64_t white;
	/* The windows that were looked at in one go: where the first begins, how many they are, and
	 * the stops of each, with one more that ends a search. */
	const unsigned char *first;
	size_t windows;
	uint64_t stops[JSON_WINDOWS + 1];
	/* Where the parser is: its window, and the stops in it that it has not passed. */
	const unsigned char *window;
	uint64_t left;
};

/* Begins with the len bytes, which must not change meanwhile; if there are any, the last is a
 * newline. */
void json_begin_lines(struct json_text *text, const char *bytes, size_t len);

/* Returns where the line ends that begins at line, its newline, if it is an object, of which
 * json_find_object would say the same; else NULL. Lines may be left out, but none comes before
 * another that has been taken. */
const char *json_take_object_line(struct json_text *text, const char *line,
				  struct json_object *object);

/* The most bytes that json_quote may write for len bytes of input. */
#define JSON_QUOTE_MAX(len) (6 * (len))

/* Writes the len bytes at text to out as the inside of a JSON string (without the quotation
 * marks around it), and returns how many bytes that took: at most JSON_QUOTE_MAX(len), for which
 * out must have room. Quotation marks, backslashes and control characters are escaped; every
 * maximal ill-formed subsequence (Unicode 15, section 3.9) becomes one U+FFFD, written as its
 * three bytes. out and text must not overlap. */
size_t json_quote(char *out, const char *text, size_t len);

/* Returns the length in bytes of the UTF-8 character at the start of text (1 to 4), or 0 where
 * the bytes are no well-formed character (RFC 3629: no surrogates, nothing overlong, nothing
 * above U+10FFFF) or len is 0. */
size_t json_utf8_char(const char *text, size_t len);

#endif
