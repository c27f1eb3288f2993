/* SPDX-License-Identifier: ISC */
/* Owns: what httprequest.h promises, rule by rule. Does not: try bytes that nobody thought of;
 * tests/fuzz/fuzz_httprequest.c does.
 *
 * Invariant: the parser only ever sees buffers of exactly the length it is told, so that a read too
 * far is noticed. A bad request of a table ends with the byte that makes it certain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/httprequest.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A text that may hold NUL. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* The rest of a request that is well formed so far. */
#define REST " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LINE "GET / HTTP/1.1\r\n"
#define OLD "GET / HTTP/1.0\r\n"
#define BEGIN LINE "Host: a\r\n"

/* What is wanted of a good request. */
struct good {
	const char *bytes;
	size_t len;
	const char *path;
	/* NULL: none. */
	const char *token;
	bool head, close;
};

struct bad {
	const char *bytes;
	size_t len;
	int status;
};

static struct httprequest request;
static int status;

/* What was parsed last, kept until the next one, as request points into it. */
static char *buffer;

static enum httprequest_verdict parse(const char *bytes, size_t len)
{
	free(buffer);
	buffer = malloc(len);
	assert_true(buffer || len == 0);
	if (len > 0)
		memcpy(buffer, bytes, len);
	memset(&request, 0x55, sizeof request);
	status = -1;
	return httprequest_parse(&request, buffer, len, &status);
}

static int release(void **state)
{
	(void)state;
	free(buffer);
	buffer = NULL;
	return 0;
}

/* Shows what was parsed, as C would have it, and what came of it. */
static void show(const char *bytes, size_t len)
{
	print_error("%zu bytes: ", len);
	for (size_t i = 0; i < len && i < 200; i++)
		if (bytes[i] >= ' ' && bytes[i] <= '~')
			print_error("%c", bytes[i]);
		else
			print_error("\\x%02x", (unsigned char)bytes[i]);
	print_error("\nstatus %d, len %zu, head %d, keep_alive %d\n", status, request.len,
		    request.head, request.keep_alive);
}

#define insist_on(condition, bytes, len) \
	do { \
		if (!(condition)) \
			show(bytes, len); \
		assert_true(condition); \
	} while (0)

static bool is_text(const char *text, size_t len, const char *wanted)
{
	if (!wanted)
		return !text && len == 0;
	return text && len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

/* Each beginning of the bytes is too short to say anything. */
static void assert_beginnings_wait(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		enum httprequest_verdict verdict = parse(bytes, i);

		insist_on(verdict == HTTPREQUEST_MORE, bytes, i);
	}
}

static void assert_whole(const struct good *good, const char *bytes, size_t len)
{
	enum httprequest_verdict verdict = parse(bytes, len);

	insist_on(verdict == HTTPREQUEST_WHOLE, bytes, len);
	insist_on(request.len == good->len, bytes, len);
	insist_on(is_text(request.path, request.path_len, good->path), bytes, len);
	insist_on(is_text(request.token, request.token_len, good->token), bytes, len);
	insist_on(request.head == good->head, bytes, len);
	insist_on(request.keep_alive == !good->close, bytes, len);
}

/* What follows a request is looked at by no one. */
static const struct {
	const char *bytes;
	size_t len;
} others[] = {
	{ BYTES("\r") },
	{ BYTES("\n") },
	{ BYTES("\r\n\r\n") },
	{ BYTES("HEAD /other HTTP/1.0\r\nConnection: close\r\nAuthorization: Bearer o\r\n\r\n") },
	{ BYTES("\0\xff") },
	{ BYTES(" folded: yes\r\n\r\n") },
	{ BYTES("x: y\r\n") },
};

/* Calls back with the bytes and each of the others behind them. */
static void with_others(const void *wanted, const char *bytes, size_t len,
			void (*look)(const void *wanted, const char *bytes, size_t len))
{
	for (size_t i = 0; i < COUNT(others); i++) {
		char *both = malloc(len + others[i].len);

		assert_non_null(both);
		memcpy(both, bytes, len);
		memcpy(both + len, others[i].bytes, others[i].len);
		look(wanted, both, len + others[i].len);
		free(both);
	}
}

static void look_at_good(const void *wanted, const char *bytes, size_t len)
{
	assert_whole(wanted, bytes, len);
}

static void assert_good(const struct good *good)
{
	assert_beginnings_wait(good->bytes, good->len);
	assert_whole(good, good->bytes, good->len);
	with_others(good, good->bytes, good->len, look_at_good);
}

static void look_at_bad(const void *wanted, const char *bytes, size_t len)
{
	const struct bad *bad = wanted;
	enum httprequest_verdict verdict = parse(bytes, len);

	insist_on(verdict == HTTPREQUEST_BAD, bytes, len);
	insist_on(status == bad->status, bytes, len);
}

static void assert_bad(const char *bytes, size_t len, int wanted)
{
	const struct bad bad = { bytes, len, wanted };

	assert_beginnings_wait(bytes, len);
	look_at_bad(&bad, bytes, len);
	with_others(&bad, bytes, len, look_at_bad);
}

#define assert_each_bad(table) \
	do { \
		for (size_t each = 0; each < COUNT(table); each++) \
			assert_bad((table)[each].bytes, (table)[each].len, (table)[each].status); \
	} while (0)

#define assert_each_good(table) \
	do { \
		for (size_t each = 0; each < COUNT(table); each++) \
			assert_good(&(table)[each]); \
	} while (0)

/* A text made for one case. */
static const char *format(size_t *len, const char *form, ...) __attribute__((format(printf, 2, 3)));

static const char *format(size_t *len, const char *form, ...)
{
	static char text[2 * HTTPREQUEST_MAX];
	va_list arguments;
	int n;

	va_start(arguments, form);
	n = vsnprintf(text, sizeof text, form, arguments);
	va_end(arguments);
	assert_in_range(n, 0, sizeof text - 1);
	*len = (size_t)n;
	return text;
}

/* A good request that is nothing but that, made by format. */
static void assert_plain(const char *bytes, size_t len)
{
	assert_good(&(struct good){ bytes, len, "/", NULL, false, false });
}

static const struct good whole_requests[] = {
	{ BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "/", NULL, false, false },
	{ BYTES("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), "/", NULL, true, false },
	{ BYTES("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"), "/livez", NULL, false, false },
	{ BYTES("GET / HTTP/1.0\r\n\r\n"), "/", NULL, false, true },
	{ BYTES("HEAD / HTTP/1.0\r\n\r\n"), "/", NULL, true, true },
	{ BYTES("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), "/", NULL, false, true },
	/* Line feeds alone end lines, and the header, too. */
	{ BYTES("GET / HTTP/1.1\nHost: a\n\n"), "/", NULL, false, false },
	{ BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n"), "/", NULL, false, false },
	{ BYTES("GET / HTTP/1.1\nHost: a\r\n\n"), "/", NULL, false, false },
	/* Empty lines go before a request. */
	{ BYTES("\r\nGET / HTTP/1.0\r\n\r\n"), "/", NULL, false, true },
	{ BYTES("\nGET / HTTP/1.0\r\n\r\n"), "/", NULL, false, true },
	{ BYTES("\r\n\n\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"), "/", NULL, false, true },
	/* What others send. */
	{ BYTES("GET /metrics HTTP/1.1\r\nHost: 10.0.0.7:9100\r\nUser-Agent: Prometheus/2.42.0\r\n"
		"Accept: "
		"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n"
		"Accept-Encoding: gzip\r\nAuthorization: Bearer s3cret\r\n"
		"X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"),
	  "/metrics", "s3cret", false, false },
	{ BYTES("GET /readyz HTTP/1.1\r\nHost: 10.244.0.5:9100\r\nUser-Agent: kube-probe/1.29\r\n"
		"Accept: */*\r\nConnection: close\r\n\r\n"),
	  "/readyz", NULL, false, true },
};

static void test_parse_whole_request_takes_it(void **state)
{
	(void)state;
	assert_each_good(whole_requests);
}

static void test_parse_nothing_waits(void **state)
{
	(void)state;
	assert_int_equal(parse("", 0), HTTPREQUEST_MORE);
	assert_int_equal(parse("\r\n\r\n", 4), HTTPREQUEST_MORE);
}

/* ---- the request line ---- */

static const struct bad bad_lines[] = {
	/* HTTP/0.9, and lines with a part too few or too many. */
	{ BYTES("GET /\r\n"), 400 },
	{ BYTES("GET /\n"), 400 },
	{ BYTES("GET / \n"), 400 },
	{ BYTES("GET\n"), 400 },
	{ BYTES("GET \n"), 400 },
	{ BYTES("GET  HTTP/1.1\n"), 400 },
	{ BYTES("GET  / HTTP/1.1\n"), 400 },
	{ BYTES("GET /  HTTP/1.1\n"), 400 },
	{ BYTES("GET / HTTP/1.1 \n"), 400 },
	{ BYTES("GET / / HTTP/1.1\n"), 400 },
	{ BYTES("GET\t/ HTTP/1.1\n"), 400 },
	{ BYTES("GET /\tHTTP/1.1\n"), 400 },
	{ BYTES("GET / HTTP/1.1\t\n"), 400 },
	{ BYTES("GET/ HTTP/1.1\n"), 400 },
	{ BYTES("SSH-2.0-OpenSSH_9.2\r\n"), 400 },
	{ BYTES("HTTP/1.1 200 OK\r\n"), 400 },
	/* Versions that have not their form. */
	{ BYTES("GET / http/1.1\n"), 400 },
	{ BYTES("GET / HTTP1.1\n"), 400 },
	{ BYTES("GET / HTTP\n"), 400 },
	{ BYTES("GET / HTTP/\n"), 400 },
	{ BYTES("GET / HTTP/1\n"), 400 },
	{ BYTES("GET / HTTP/1.\n"), 400 },
	{ BYTES("GET / HTTP/1.12\n"), 400 },
	{ BYTES("GET / HTTP/12.1\n"), 400 },
	{ BYTES("GET / HTTP/1,1\n"), 400 },
	{ BYTES("GET / HTTP/a.1\n"), 400 },
	{ BYTES("GET / HTTP/1.a\n"), 400 },
	{ BYTES("GET / HTTP/1./\n"), 400 },
	{ BYTES("GET / HTTP/:.1\n"), 400 },
	{ BYTES("GET / HTTPS1.1\n"), 400 },
	/* What no line begins with. */
	{ BYTES(" "), 400 },
	{ BYTES("\t"), 400 },
	{ BYTES("\0"), 400 },
	{ BYTES("\x16"), 400 },
	{ BYTES("\x80"), 400 },
	{ BYTES("/"), 400 },
	{ BYTES(":"), 400 },
	{ BYTES("{"), 400 },
	{ BYTES("\r\n "), 400 },
	{ BYTES("\r\n\x16"), 400 },
	{ BYTES("\ra"), 400 },
	{ BYTES("\r\r"), 400 },
	/* The end of a line is one carriage return, and a line feed. */
	{ BYTES("GET / HTTP/1.1\r\r"), 400 },
	{ BYTES("GET / HTTP/1.1\rH"), 400 },
	{ BYTES("GET\0"), 400 },
	{ BYTES("GET /\0"), 400 },
	{ BYTES("GET / HTTP/1.1\0"), 400 },
	{ BYTES("GET /\x7f"), 400 },
	{ BYTES("GET /\x1f"), 400 },
};

static void test_parse_bad_line_gives_400(void **state)
{
	(void)state;
	assert_each_bad(bad_lines);
}

static void test_parse_version_decides(void **state)
{
	(void)state;
	for (int major = 0; major < 10; major++)
		for (int minor = 0; minor < 10; minor++) {
			size_t len;
			const char *bytes = format(&len, "GET / HTTP/%d.%d\r\n", major, minor);

			if (major != 1) {
				assert_bad(bytes, len, 505);
				continue;
			}
			bytes = format(&len, "GET / HTTP/1.%d\r\nHost:\r\n\r\n", minor);
			assert_good(&(struct good){ bytes, len, "/", NULL, false, minor == 0 });
		}
}

/* The version goes before all that it may change, but not before the form of the line. */
static const struct bad other_versions[] = {
	{ BYTES("PRI * HTTP/2.0\r\n"), 505 },  { BYTES("GET x HTTP/2.0\r\n"), 505 },
	{ BYTES("GET x HTTP/0.9\n"), 505 },    { BYTES("POST / HTTP/3.0\n"), 505 },
	{ BYTES("GET /# HTTP/2.0\r\n"), 400 }, { BYTES("GET /  HTTP/2.0\r\n"), 400 },
	{ BYTES("G@T / HTTP/2.0\r\n"), 400 },
};

static void test_parse_other_version_gives_505(void **state)
{
	(void)state;
	assert_each_bad(other_versions);
}

static const struct {
	const char *method;
	int status;
} methods[] = {
	{ "POST", 405 },     { "PUT", 405 },
	{ "DELETE", 405 },   { "OPTIONS", 405 },
	{ "TRACE", 405 },    { "CONNECT", 405 },
	{ "PATCH", 405 },    { "get", 501 },
	{ "Get", 501 },      { "head", 501 },
	{ "post", 501 },     { "GE", 501 },
	{ "GETT", 501 },     { "HEA", 501 },
	{ "HEADE", 501 },    { "PATC", 501 },
	{ "PATCHE", 501 },   { "PROPFIND", 501 },
	{ "M-SEARCH", 501 }, { "!#$%&'*+-.^_`|~09azAZ", 501 },
};

static void test_parse_other_method_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(methods); i++) {
		size_t len;
		const char *bytes = format(&len, "%s /" REST, methods[i].method);

		assert_bad(bytes, len, methods[i].status);
		bytes = format(&len, "%s / HTTP/1.0\n\n", methods[i].method);
		assert_bad(bytes, len, methods[i].status);
	}
}

/* What is malformed gives 400, whatever else there is to say; then the method goes first. */
static const struct bad several_errors[] = {
	{ BYTES("POST / HTTP/1.1\r\n\r\n"), 400 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a\r\nbad\r\n"), 400 },
	{ BYTES("POST x HTTP/1.1\r\n"), 400 },
	{ BYTES("POST * HTTP/1.1\r\n"), 400 },
	{ BYTES("POST /\r\n"), 400 },
	{ BYTES("BREW / HTTP/1.1\r\n\r\n"), 400 },
	{ BYTES("BREW x HTTP/1.1\r\n"), 400 },
	{ BYTES("BREW / HTTP/1.1\r\nHost: a\r\nbad\r\n"), 400 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), 405 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n"), 400 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 405 },
	{ BYTES("BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), 501 },
	{ BYTES("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"), 400 },
	{ BYTES("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ BYTES("GET / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\nHost: a\r\n"), 400 },
	{ BYTES("GET / HTTP/1.1\r\nTransfer-Encoding: x\r\nHost: a\r\n b: c\r\n"), 400 },
};

static void test_parse_several_errors_malformed_goes_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(several_errors); i++) {
		struct bad cut = several_errors[i];

		/* (A blank is one byte earlier than the end of its line.) */
		if (strstr(cut.bytes, "\n "))
			cut.len = (size_t)(strstr(cut.bytes, "\n ") - cut.bytes) + 2;
		assert_bad(cut.bytes, cut.len, cut.status);
	}
}

/* ---- the target ---- */

static const struct {
	const char *target, *path;
} good_targets[] = {
	{ "/", "/" },
	{ "/livez", "/livez" },
	{ "/a/b/", "/a/b/" },
	{ "//a", "//a" },
	{ "/a?b", "/a" },
	{ "/?b", "/" },
	{ "/?", "/" },
	{ "/a?b?c", "/a" },
	{ "/a?b/c", "/a" },
	{ "/a%20b%zz%", "/a%20b%zz%" },
	{ "/a:b@c", "/a:b@c" },
	{ "/http://a/b", "/http://a/b" },
	{ "/*", "/*" },
	{ "http://a/", "/" },
	{ "http://a", "/" },
	{ "http://a?b", "/" },
	{ "http://a?b/c", "/" },
	{ "http://a/b?c", "/b" },
	{ "http://a/b/c", "/b/c" },
	{ "http://a//b", "//b" },
	{ "http://a/?", "/" },
	{ "http://a?", "/" },
	{ "HTTP://a/b", "/b" },
	{ "hTtP://a/b", "/b" },
	{ "http://a:80/b", "/b" },
	{ "http://a:/b", "/b" },
	{ "http://a:80", "/" },
	{ "http://10.0.0.7:9100/b", "/b" },
	{ "http://[::1]/b", "/b" },
	{ "http://[::1]:9100/b", "/b" },
	{ "http://[::1]", "/" },
	{ "http://other.example/b", "/b" },
};

static void test_parse_good_target_gives_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_targets); i++) {
		size_t len;
		const char *bytes = format(&len, "GET %s" REST, good_targets[i].target);

		assert_good(&(struct good){ bytes, len, good_targets[i].path, NULL, false, false });
	}
}

static const char *const bad_targets[] = {
	"*",
	"**",
	"x",
	"livez",
	"?",
	"?/",
	"a/b",
	"#",
	"/#",
	"/a#b",
	"/a?b#c",
	"http://a/#b",
	"http:",
	"http:/",
	"http://",
	"http:///",
	"http:///a",
	"http://?",
	"http://?/a",
	"http://:80",
	"http://:80/",
	"http:/a",
	"http:a",
	"http;//a",
	"xttp://a",
	"httpx://a",
	"https://a/",
	"ftp://a/",
	"http://a:b/",
	"http://a:80:80/",
	"http://a@b/",
	"http://a:b@c/",
	"http://[::1/",
	"http://[::1]a/",
	"http://[::1]]/",
	"http://a]/",
	"http://a[/",
	"http://[g-]/",
	"http://a\\b/",
	"http://a|b",
	"a:80",
	":80",
	"mailto:a@b",
};

static void test_parse_bad_target_gives_400(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_targets); i++) {
		size_t len;
		const char *bytes = format(&len, "GET %s HTTP/1.1\r\n", bad_targets[i]);

		assert_bad(bytes, len, 400);
	}
}

/* Targets that only one method has, which is known, and refused. */
static const struct bad targets_of_methods[] = {
	{ BYTES("OPTIONS *" REST), 405 },
	{ BYTES("OPTIONS /" REST), 405 },
	{ BYTES("OPTIONS http://a" REST), 405 },
	{ BYTES("OPTIONS ** HTTP/1.1\n"), 400 },
	{ BYTES("OPTIONS x HTTP/1.1\n"), 400 },
	{ BYTES("OPTIONS a:80 HTTP/1.1\n"), 400 },
	{ BYTES("CONNECT a:80" REST), 405 },
	{ BYTES("CONNECT [::1]:443" REST), 405 },
	{ BYTES("CONNECT a@b:80 HTTP/1.1\n"), 400 },
	{ BYTES("CONNECT a:b HTTP/1.1\n"), 400 },
	{ BYTES("HEAD * HTTP/1.1\n"), 400 },
	{ BYTES("HEAD a:80 HTTP/1.1\n"), 400 },
	{ BYTES("TRACE a:80 HTTP/1.1\n"), 400 },
	{ BYTES("BREW a:80 HTTP/1.1\n"), 400 },
};

static void test_parse_target_of_method_is_refused(void **state)
{
	(void)state;
	assert_each_bad(targets_of_methods);
}

/* ---- which bytes may stand where ---- */

static const char alphanumerics[] =
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool is_in(int byte, const char *set)
{
	return byte != 0 && (strchr(alphanumerics, byte) || strchr(set, byte));
}

/* RFC 9110, 5.6.2. */
#define TOKEN_SIGNS "!#$%&'*+-.^_`|~"

/* Returns whether all of the text is good with that byte instead of each of its '?'. */
static bool is_good_with(const char *text, int byte)
{
	static char bytes[100];
	size_t len = strlen(text);

	assert_in_range(len, 1, sizeof bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = text[i] == '?' ? (char)byte : text[i];
	switch (parse(bytes, len)) {
	case HTTPREQUEST_WHOLE: return request.len == len;
	case HTTPREQUEST_BAD: return status == 501;
	case HTTPREQUEST_MORE: return false;
	}
	return false;
}

static void test_parse_any_byte_only_where_it_may_be(void **state)
{
	static const struct {
		const char *text, *signs;
	} places[] = {
		{ "? / HTTP/1.0\n\n", TOKEN_SIGNS },
		{ "G? / HTTP/1.0\n\n", TOKEN_SIGNS },
		{ "GET /? HTTP/1.0\n\n", "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~" },
		{ "GET /a?a HTTP/1.0\n\n", "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~" },
		{ "GET http://?/ HTTP/1.0\n\n", "!$%&'()*+,-.;=_~" },
		{ "GET http://a?/ HTTP/1.0\n\n", "/:?!$%&'()*+,-.;=_~" },
		{ "GET / HTTP/1.0\n?: a\n\n", TOKEN_SIGNS },
		{ "GET / HTTP/1.0\na?: a\n\n", TOKEN_SIGNS ":" },
		{ "GET / HTTP/1.0\nHost: a?a\n\n", "!$%&'()*+,-.;=_~" },
		{ "GET / HTTP/1.0\nHost: [?]\n\n", ":." },
		{ "GET / HTTP/1.0\nHost: [a?]\n\n", ":." },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++)
		for (int byte = 0; byte < 256; byte++) {
			bool good = is_good_with(places[i].text, byte);

			insist_on(good == is_in(byte, places[i].signs), buffer,
				  strlen(places[i].text));
		}
}

static void test_parse_any_byte_in_value_but_control(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool may = (byte >= ' ' && byte != 0x7f) || byte == '\t' || byte == '\n';

		assert_int_equal(is_good_with("GET / HTTP/1.0\nx: a?b:\n\n", byte), may);
		/* Just before the end of a line a carriage return belongs to that, and another
		 * line feed ends the header. */
		may = (may && byte != '\n') || byte == '\r';
		assert_int_equal(is_good_with("GET / HTTP/1.0\nx: ?\n\n", byte), may);
		assert_int_equal(is_good_with("GET / HTTP/1.0\nx: a?\n\n", byte), may);
	}
}

static void test_parse_any_byte_in_bearer_token_if_visible(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		size_t len;
		const char *bytes = format(&len, OLD "Authorization: Bearer a%cb\n\n", byte);
		const char token[] = { 'a', (char)byte, 'b', '\0' };

		if (byte > ' ' && byte < 0x7f) {
			assert_good(&(struct good){ bytes, len, "/", token, false, true });
		} else if (byte >= 0x80 || byte == ' ' || byte == '\t') {
			assert_good(&(struct good){ bytes, len, "/", NULL, false, true });
		}
	}
}

/* ---- fields ---- */

static const struct good good_fields[] = {
	/* Blanks around a value. */
	{ BYTES(LINE "Host:a\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(LINE "Host: \t a \t \r\n\r\n"), "/", NULL, false, false },
	{ BYTES(LINE "Host:\ta\n\n"), "/", NULL, false, false },
	/* Empty values, also of what is nothing here. */
	{ BYTES(LINE "Host:\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(LINE "Host: \t\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "x:\r\ny: \r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "x::\r\ny: : :\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Connection:\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Authorization:\r\n\r\n"), "/", NULL, false, false },
	/* What is nothing here may come twice. */
	{ BYTES(BEGIN "x: 1\r\nx: 2\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Expect: 100-continue\r\n\r\n"), "/", NULL, false, false },
	/* Names that are nearly one. */
	{ BYTES(BEGIN "Hos: /\r\nHostt: /\r\nXHost: /\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Content-Lengt: 1\r\nContent-Lengthy: 1\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Content_Length: 1\r\nTransfer_Encoding: chunked\r\n\r\n"), "/", NULL, false,
	  false },
	{ BYTES(BEGIN "Transfer-Encodin: 1\r\nTransfer-Encodings: 1\r\n\r\n"), "/", NULL, false,
	  false },
	{ BYTES(BEGIN "Connectio: close\r\nConnections: close\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Proxy-Connection: close\r\n\r\n"), "/", NULL, false, false },
	{ BYTES(BEGIN "Authorizatio: Bearer a\r\nAuthorizations: Bearer a\r\n\r\n"), "/", NULL,
	  false, false },
	/* Bytes beyond ASCII in a value. */
	{ BYTES(BEGIN "x: \xc3\xa9\xff\x80\r\n\r\n"), "/", NULL, false, false },
};

static void test_parse_good_fields_takes_them(void **state)
{
	(void)state;
	assert_each_good(good_fields);
}

static const struct bad bad_fields[] = {
	/* No name, no colon, white space before the colon. */
	{ BYTES(BEGIN ":"), 400 },
	{ BYTES(BEGIN "x\r\n"), 400 },
	{ BYTES(BEGIN "x y: z\r\n"), 400 },
	{ BYTES(BEGIN "x : y\r\n"), 400 },
	{ BYTES(BEGIN "x\t: y\r\n"), 400 },
	{ BYTES(BEGIN "x\xff: y\r\n"), 400 },
	{ BYTES(BEGIN "x(y): z\r\n"), 400 },
	{ BYTES(LINE "Host : a\r\n"), 400 },
	{ BYTES(BEGIN "Content-Length : 0\r\n"), 400 },
	{ BYTES(BEGIN "GET / HTTP/1.1\r\n"), 400 },
	/* A folded line, also as the first, and also where it is empty. */
	{ BYTES(BEGIN "x: y\r\n "), 400 },
	{ BYTES(BEGIN "x: y\r\n\t"), 400 },
	{ BYTES(BEGIN " "), 400 },
	{ BYTES(LINE " "), 400 },
	{ BYTES(LINE "\t"), 400 },
	/* What ends no line, and what is in none. */
	{ BYTES(BEGIN "x: y\rz"), 400 },
	{ BYTES(BEGIN "x: y\r\r"), 400 },
	{ BYTES(BEGIN "\r\r"), 400 },
	{ BYTES(BEGIN "\rx"), 400 },
	{ BYTES(BEGIN "x: \0"), 400 },
	{ BYTES(BEGIN "x: \x01"), 400 },
	{ BYTES(BEGIN "x: \x0b"), 400 },
	{ BYTES(BEGIN "x: \x0c"), 400 },
	{ BYTES(BEGIN "x: \x1b"), 400 },
	{ BYTES(BEGIN "x: \x7f"), 400 },
	{ BYTES(BEGIN "x\0"), 400 },
	{ BYTES(BEGIN "\0"), 400 },
	{ BYTES(BEGIN "\x80"), 400 },
};

static void test_parse_bad_field_gives_400(void **state)
{
	(void)state;
	assert_each_bad(bad_fields);
}

/* ---- Host ---- */

static const char *const good_hosts[] = {
	"",
	"a",
	"a.example",
	"A-b_c~d.e!$&'()*+,;=%2f",
	"10.0.0.7",
	"10.0.0.7:9100",
	"a:",
	"a:80",
	":80",
	"a:0123456789",
	"[::1]",
	"[::1]:9100",
	"[::ffff:10.0.0.7]",
	"[2001:DB8::f]:",
};

static const char *const bad_hosts[] = {
	"a b",    "a\tb",    "a/",      "/",     "a/b",   "a@b",   "@",   "http://a", "a:b",
	"a:80b",  "a:80:80", "a::80",   "::1",   "a:-1",  "a:/",   "a::", "[",        "[::1",
	"[::1]a", "[::1]]",  "[::1]:a", "[a/b]", "[a b]", "]",     "a]",  "a[b]",     "a,b:80,c",
	"a?",     "a#",      "a\\b",    "a\"b",  "<a>",   "a\xff",
};

static void test_parse_host_has_its_form(void **state)
{
	size_t len;
	const char *bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(good_hosts); i++) {
		bytes = format(&len, LINE "Host: %s\r\n\r\n", good_hosts[i]);
		assert_plain(bytes, len);
	}
	for (size_t i = 0; i < COUNT(bad_hosts); i++) {
		bytes = format(&len, LINE "Host: %s\r\n", bad_hosts[i]);
		assert_bad(bytes, len, 400);
		bytes = format(&len, OLD "Host: %s \n", bad_hosts[i]);
		assert_bad(bytes, len, 400);
	}
}

static const struct bad bad_host_counts[] = {
	{ BYTES(LINE "\r\n"), 400 },
	{ BYTES(LINE "x: y\r\n\r\n"), 400 },
	{ BYTES("HEAD / HTTP/1.2\n\n"), 400 },
	{ BYTES("GET http://a/ HTTP/1.1\r\n\r\n"), 400 },
	{ BYTES(LINE "Host: a\r\nHost: a\r\n"), 400 },
	{ BYTES(LINE "Host: a\r\nx: y\r\nhOST: b\r\n"), 400 },
	{ BYTES(LINE "Host:\r\nHost:\r\n"), 400 },
	{ BYTES(OLD "Host: a\r\nHost: a\r\n"), 400 },
};

static void test_parse_host_is_there_once(void **state)
{
	(void)state;
	assert_each_bad(bad_host_counts);
}

/* ---- Connection ---- */

static const struct {
	const char *fields;
	/* Whether HTTP/1.1 and HTTP/1.0 is kept alive. */
	bool kept, old_kept;
} connections[] = {
	{ "", true, false },
	{ "Connection: close\n", false, false },
	{ "Connection: keep-alive\n", true, true },
	{ "Connection: Close\n", false, false },
	{ "Connection: Keep-Alive\n", true, true },
	{ "connection: CLOSE\n", false, false },
	{ "CONNECTION: KEEP-ALIVE\n", true, true },
	{ "Connection:close\n", false, false },
	{ "Connection: \t close \t \n", false, false },
	{ "Connection: keep-alive, close\n", false, false },
	{ "Connection: close, keep-alive\n", false, false },
	{ "Connection: close\nConnection: keep-alive\n", false, false },
	{ "Connection: keep-alive\nConnection: close\n", false, false },
	{ "Connection: keep-alive\nConnection: upgrade\n", true, true },
	{ "Connection: upgrade,keep-alive\n", true, true },
	{ "Connection: upgrade\t,\tkeep-alive\t,x\n", true, true },
	{ "Connection: Upgrade, HTTP2-Settings\n", true, false },
	{ "Connection: te, close, trailers\n", false, false },
	{ "Connection: ,,close\n", false, false },
	{ "Connection: , ,\t, close,\n", false, false },
	{ "Connection: ,\n", true, false },
	{ "Connection: \n", true, false },
	{ "Connection: closed\n", true, false },
	{ "Connection: clos\n", true, false },
	{ "Connection: not-close\n", true, false },
	{ "Connection: clo se\n", true, false },
	{ "Connection: close keep-alive\n", true, false },
	{ "Connection: \"close\"\n", true, false },
	{ "Connection: close;x\n", true, false },
	{ "Connection: keep-aliv\n", true, false },
	{ "Connection: keep-alive-\n", true, false },
	{ "Keep-Alive: timeout=5\n", true, false },
	{ "X: close\n", true, false },
};

static void test_parse_connection_decides_keep_alive(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(connections); i++) {
		size_t len;
		const char *bytes = format(&len, BEGIN "%s\n", connections[i].fields);

		assert_good(&(struct good){ bytes, len, "/", NULL, false, !connections[i].kept });
		bytes = format(&len, OLD "%s\n", connections[i].fields);
		assert_good(
			&(struct good){ bytes, len, "/", NULL, false, !connections[i].old_kept });
	}
}

/* ---- content ---- */

static const char *const no_lengths[] = { "0", "00", "0000000000000000000000000000", " \t0 " };

static const char *const lengths[] = {
	"1",
	"9",
	"10",
	"01",
	"0000010",
	"4294967296",
	"18446744073709551615",
	"18446744073709551616",
	"99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
};

static const char *const bad_lengths[] = {
	"",    " ",    "-1",  "+1",  "-0", "0x0", "0x1", "1.0", "1e3",      "1,1",
	"0,0", "0, 0", "1 1", "0 0", "a",  "0a",  "1a",  "a1",  "\xd9\xa1", "1;",
};

static void test_parse_content_gives_413(void **state)
{
	size_t len;
	const char *bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(no_lengths); i++) {
		bytes = format(&len, BEGIN "Content-Length:%s\r\n\r\n", no_lengths[i]);
		assert_plain(bytes, len);
	}
	for (size_t i = 0; i < COUNT(lengths); i++) {
		bytes = format(&len, BEGIN "content-length: %s\r\n\r\n", lengths[i]);
		assert_bad(bytes, len, 413);
		bytes = format(&len, OLD "CONTENT-LENGTH: %s\r\n\r\n", lengths[i]);
		assert_bad(bytes, len, 413);
	}
	for (size_t i = 0; i < COUNT(bad_lengths); i++) {
		bytes = format(&len, BEGIN "Content-Length: %s\r\n", bad_lengths[i]);
		assert_bad(bytes, len, 400);
	}
}

static const struct bad bad_contents[] = {
	/* Twice, also with the same length. */
	{ BYTES(BEGIN "Content-Length: 0\r\nContent-Length: 0\r\n"), 400 },
	{ BYTES(BEGIN "Content-Length: 5\r\nx: y\r\ncontent-length: 5\r\n"), 400 },
	{ BYTES(BEGIN "Content-Length: 5\r\nContent-Length: 6\r\n"), 400 },
	/* How it is coded. */
	{ BYTES(BEGIN "Transfer-Encoding: chunked\r\n\r\n"), 501 },
	{ BYTES(BEGIN "transfer-encoding: gzip, chunked\r\n\r\n"), 501 },
	{ BYTES(BEGIN "TRANSFER-ENCODING: identity\r\n\r\n"), 501 },
	{ BYTES(BEGIN "Transfer-Encoding:\r\n\r\n"), 501 },
	{ BYTES(BEGIN "Transfer-Encoding: \x80\r\n\r\n"), 501 },
	{ BYTES(BEGIN "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"), 501 },
	{ BYTES("HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 501 },
	{ BYTES(OLD "Transfer-Encoding: chunked\r\n\r\n"), 400 },
	/* Both. */
	{ BYTES(BEGIN "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 400 },
	{ BYTES(BEGIN "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ BYTES(BEGIN "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ BYTES(OLD "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n"),
	  400 },
};

static void test_parse_content_in_doubt_gives_400(void **state)
{
	(void)state;
	assert_each_bad(bad_contents);
}

/* ---- Authorization ---- */

static const struct {
	const char *value, *token;
} credentials[] = {
	{ "Bearer a", "a" },
	{ "Bearer abc", "abc" },
	{ "bearer abc", "abc" },
	{ "BEARER abc", "abc" },
	{ "bEaReR abc", "abc" },
	{ "Bearer    abc", "abc" },
	{ "Bearer abc  \t ", "abc" },
	{ "\t Bearer abc", "abc" },
	{ "Bearer a-._~+/b==", "a-._~+/b==" },
	{ "Bearer ,", "," },
	{ "Bearer Bearer", "Bearer" },
	{ "Bearer \xc3\xa9", NULL },
	{ "Bearer a b", NULL },
	{ "Bearer a\tb", NULL },
	{ "Bearer a=\"b\", c=d", NULL },
	{ "Bearer", NULL },
	{ "Bearer ", NULL },
	{ "Bearer    ", NULL },
	{ "Bearer\t", NULL },
	{ "Bearer\tabc", NULL },
	{ "Bearerabc", NULL },
	{ "Bearer: abc", NULL },
	{ "Bearer, abc", NULL },
	{ "Beare abc", NULL },
	{ "Bearers abc", NULL },
	{ "Basic YTpi", NULL },
	{ "Basic YTpi, Bearer abc", NULL },
	{ "abc", NULL },
	{ "", NULL },
	{ " ", NULL },
};

static void test_parse_authorization_gives_token(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(credentials); i++) {
		size_t len;
		const char *bytes =
			format(&len, BEGIN "Authorization:%s\r\n\r\n", credentials[i].value);

		assert_good(&(struct good){ bytes, len, "/", credentials[i].token, false, false });
		bytes = format(&len, BEGIN "aUTHORIZATION: %s\nx: Bearer other\n\n",
			       credentials[i].value);
		assert_good(&(struct good){ bytes, len, "/", credentials[i].token, false, false });
	}
}

static const struct bad bad_credentials[] = {
	{ BYTES(BEGIN "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n"), 400 },
	{ BYTES(BEGIN "Authorization: Basic a\r\nauthorization: Bearer b\r\n"), 400 },
	{ BYTES(BEGIN "Authorization:\r\nx: y\r\nAuthorization:\r\n"), 400 },
	{ BYTES(OLD "Authorization: Bearer a\nAuthorization: Bearer b\n"), 400 },
};

static void test_parse_authorization_twice_gives_400(void **state)
{
	(void)state;
	assert_each_bad(bad_credentials);
}

/* ---- how long it may be ---- */

/* Fills a static text with one byte, behind the beginning and before the end. */
static const char *fill(const char *begin, char byte, const char *end, size_t len)
{
	static char text[2 * HTTPREQUEST_MAX];

	assert_in_range(len, strlen(begin) + strlen(end), sizeof text);
	memset(text, byte, len);
	memcpy(text, begin, strlen(begin));
	memcpy(text + len - strlen(end), end, strlen(end));
	return text;
}

static void assert_verdict(const char *bytes, size_t len, enum httprequest_verdict wanted,
			   int wanted_status)
{
	enum httprequest_verdict verdict = parse(bytes, len);

	insist_on(verdict == wanted, bytes, len);
	if (wanted == HTTPREQUEST_BAD)
		insist_on(status == wanted_status, bytes, len);
}

static void test_parse_longest_request_is_whole(void **state)
{
	const char *bytes = fill(BEGIN "x: ", 'y', "\r\n\r\n", HTTPREQUEST_MAX);

	(void)state;
	assert_verdict(bytes, HTTPREQUEST_MAX - 1, HTTPREQUEST_MORE, 0);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_WHOLE, 0);
	assert_int_equal(request.len, HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_WHOLE, 0);
	assert_int_equal(request.len, HTTPREQUEST_MAX);

	bytes = fill("GET /", 'y', " HTTP/1.0\r\n\r\n", HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX - 1, HTTPREQUEST_MORE, 0);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_WHOLE, 0);
	assert_int_equal(request.path_len, HTTPREQUEST_MAX - strlen("GET  HTTP/1.0\r\n\r\n"));
}

static void test_parse_too_long_header_gives_431(void **state)
{
	const char *bytes = fill(BEGIN "x: ", 'y', "\r\n\r\n", HTTPREQUEST_MAX + 1);

	(void)state;
	assert_verdict(bytes, HTTPREQUEST_MAX - 1, HTTPREQUEST_MORE, 0);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 431);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_BAD, 431);
	/* What is not looked at any more cannot be malformed. */
	bytes = fill(BEGIN "x: ", 'y', "\1", HTTPREQUEST_MAX + 1);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_BAD, 431);
	bytes = fill(BEGIN "x: ", 'y', "\1", HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 400);
	bytes = fill(BEGIN "x: ", 'y', "\r\1", HTTPREQUEST_MAX + 1);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 431);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_BAD, 431);
	/* Nor does what would be refused go before it. */
	bytes = fill("POST / HTTP/1.1\r\nHost: a\r\nx: ", 'y', "\r\n\r\n", HTTPREQUEST_MAX + 1);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_BAD, 431);
	/* The line ends just before, and where it would have to. */
	bytes = fill("GET /", 'y', " HTTP/1.1\r\n", HTTPREQUEST_MAX - 1);
	assert_verdict(bytes, HTTPREQUEST_MAX - 1, HTTPREQUEST_MORE, 0);
	bytes = fill("GET /", 'y', " HTTP/1.1\r\n", HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 431);
}

static void test_parse_too_long_line_gives_414(void **state)
{
	const char *bytes = fill("GET /", 'y', REST, HTTPREQUEST_MAX + 500);

	(void)state;
	assert_verdict(bytes, HTTPREQUEST_MAX - 1, HTTPREQUEST_MORE, 0);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 414);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_BAD, 414);
	assert_verdict(bytes, HTTPREQUEST_MAX + 500, HTTPREQUEST_BAD, 414);
	/* Its line feed would be the next byte. */
	bytes = fill("GET /", 'y', " HTTP/1.1\r\n", HTTPREQUEST_MAX + 1);
	assert_verdict(bytes, HTTPREQUEST_MAX + 1, HTTPREQUEST_BAD, 414);
	/* Empty lines count, and so does a method. */
	bytes = fill("\r\n", '\n', "\n", HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX - 1, HTTPREQUEST_MORE, 0);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 414);
	bytes = fill("G", 'G', "G", HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_BAD, 414);
	bytes = fill("\n", '\n', LINE "Host: a\r\n\r\n", HTTPREQUEST_MAX);
	assert_verdict(bytes, HTTPREQUEST_MAX, HTTPREQUEST_WHOLE, 0);
}

/* ---- the rest of the contract ---- */

static void test_parse_bad_request_still_says_head(void **state)
{
	(void)state;
	assert_verdict(BYTES("HEAD / HTTP/1.1\r\n\r\n"), HTTPREQUEST_BAD, 400);
	assert_true(request.head);
	assert_verdict(BYTES("HEAD / HTTP/1.1\r\nHost: a\r\nbad\r\n"), HTTPREQUEST_BAD, 400);
	assert_true(request.head);
	assert_verdict(BYTES("HEAD x HTTP/1.1\r\n"), HTTPREQUEST_BAD, 400);
	assert_false(request.head);
	assert_verdict(BYTES("\x16"), HTTPREQUEST_BAD, 400);
	assert_false(request.head);
	assert_verdict(BYTES("POST /" REST), HTTPREQUEST_BAD, 405);
	assert_false(request.head);
}

static void test_parse_pipeline_gives_one_after_the_other(void **state)
{
	static const char pipeline[] =
		"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
		"\r\nHEAD /b?c HTTP/1.1\nHost: b\nAuthorization: Bearer t\n\n"
		"GET http://c HTTP/1.0\r\n\r\n";
	static const char *const paths[] = { "/a", "/b", "/" };
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_verdict(pipeline + at, sizeof pipeline - 1 - at, HTTPREQUEST_WHOLE, 0);
		assert_true(is_text(request.path, request.path_len, paths[i]));
		/* Nothing is remembered. */
		assert_true(is_text(request.token, request.token_len, i == 1 ? "t" : NULL));
		assert_int_equal(request.head, i == 1);
		assert_int_equal(request.keep_alive, i < 2);
		at += request.len;
	}
	assert_int_equal(at, sizeof pipeline - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_whole_request_takes_it),
		cmocka_unit_test(test_parse_nothing_waits),
		cmocka_unit_test(test_parse_bad_line_gives_400),
		cmocka_unit_test(test_parse_version_decides),
		cmocka_unit_test(test_parse_other_version_gives_505),
		cmocka_unit_test(test_parse_other_method_is_refused),
		cmocka_unit_test(test_parse_several_errors_malformed_goes_first),
		cmocka_unit_test(test_parse_good_target_gives_path),
		cmocka_unit_test(test_parse_bad_target_gives_400),
		cmocka_unit_test(test_parse_target_of_method_is_refused),
		cmocka_unit_test(test_parse_any_byte_only_where_it_may_be),
		cmocka_unit_test(test_parse_any_byte_in_value_but_control),
		cmocka_unit_test(test_parse_any_byte_in_bearer_token_if_visible),
		cmocka_unit_test(test_parse_good_fields_takes_them),
		cmocka_unit_test(test_parse_bad_field_gives_400),
		cmocka_unit_test(test_parse_host_has_its_form),
		cmocka_unit_test(test_parse_host_is_there_once),
		cmocka_unit_test(test_parse_connection_decides_keep_alive),
		cmocka_unit_test(test_parse_content_gives_413),
		cmocka_unit_test(test_parse_content_in_doubt_gives_400),
		cmocka_unit_test(test_parse_authorization_gives_token),
		cmocka_unit_test(test_parse_authorization_twice_gives_400),
		cmocka_unit_test(test_parse_longest_request_is_whole),
		cmocka_unit_test(test_parse_too_long_header_gives_431),
		cmocka_unit_test(test_parse_too_long_line_gives_414),
		cmocka_unit_test(test_parse_bad_request_still_says_head),
		cmocka_unit_test(test_parse_pipeline_gives_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
