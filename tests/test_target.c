/* SPDX-License-Identifier: ISC */
/* client/target.c: what is a target, and what is none. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/target.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct target target;

/* Writes an address as HOST:PORT. */
static void describe(const struct target_address *address, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN];

	if (address->socket.any.sa_family == AF_INET) {
		assert_int_equal(address->len, sizeof(struct sockaddr_in));
		inet_ntop(AF_INET, &address->socket.ipv4.sin_addr, host, sizeof host);
		snprintf(text, size, "%s:%u", host, ntohs(address->socket.ipv4.sin_port));
	} else {
		assert_int_equal(address->socket.any.sa_family, AF_INET6);
		assert_int_equal(address->len, sizeof(struct sockaddr_in6));
		inet_ntop(AF_INET6, &address->socket.ipv6.sin6_addr, host, sizeof host);
		snprintf(text, size, "[%s]:%u", host, ntohs(address->socket.ipv6.sin6_port));
	}
}

static void assert_addresses(const char *first, const char *second)
{
	char text[INET6_ADDRSTRLEN + 10];

	assert_int_equal(target.addresses_len, second ? 2 : 1);
	describe(&target.addresses[0], text, sizeof text);
	assert_string_equal(text, first);
	if (second) {
		describe(&target.addresses[1], text, sizeof text);
		assert_string_equal(text, second);
	}
}

static void test_target_parse_tcp_has_host_and_port(void **state)
{
	static const struct {
		const char *text, *first, *second;
	} cases[] = {
		{ "tcp://127.0.0.1:5432", "127.0.0.1:5432", NULL },
		{ "TCP://10.255.0.9:1", "10.255.0.9:1", NULL },
		{ "tcp://127.0.0.1:9090", "127.0.0.1:9090", NULL },
		{ "tcp://0.0.0.0:65535", "0.0.0.0:65535", NULL },
		{ "tcp://[::1]:80", "[::1]:80", NULL },
		{ "tcp://[2001:db8::2:1]:8080", "[2001:db8::2:1]:8080", NULL },
		{ "tcp://[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", NULL },
		{ "tcp://localhost:5432", "127.0.0.1:5432", "[::1]:5432" },
		{ "tcp://LocalHost:00080", "127.0.0.1:80", "[::1]:80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(target_parse(&target, cases[i].text), 0);
		assert_int_equal(target.kind, TARGET_TCP);
		assert_addresses(cases[i].first, cases[i].second);
	}
}

static void test_target_parse_http_has_a_path(void **state)
{
	static const struct {
		const char *text, *first, *second, *authority, *path;
	} cases[] = {
		{ "http://127.0.0.1", "127.0.0.1:80", NULL, "127.0.0.1", "/" },
		{ "http://127.0.0.1/", "127.0.0.1:80", NULL, "127.0.0.1", "/" },
		{ "http://127.0.0.1:8080/up", "127.0.0.1:8080", NULL, "127.0.0.1:8080", "/up" },
		{ "http://[::1]/a:b", "[::1]:80", NULL, "[::1]", "/a:b" },
		{ "http://[::1]:8080", "[::1]:8080", NULL, "[::1]:8080", "/" },
		{ "HTTP://localhost:3000/health?full=1&x=http://y/]:7", "127.0.0.1:3000",
		  "[::1]:3000", "localhost:3000", "/health?full=1&x=http://y/]:7" },
		{ "http://127.0.0.1//a/%20/\xc3\xa4", "127.0.0.1:80", NULL, "127.0.0.1",
		  "//a/%20/\xc3\xa4" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(target_parse(&target, cases[i].text), 0);
		assert_int_equal(target.kind, TARGET_HTTP);
		assert_addresses(cases[i].first, cases[i].second);
		assert_int_equal(target.authority_len, strlen(cases[i].authority));
		assert_memory_equal(target.authority, cases[i].authority, target.authority_len);
		assert_string_equal(target.path, cases[i].path);
	}
}

static void test_target_parse_paths_are_absolute(void **state)
{
	(void)state;
	assert_int_equal(target_parse(&target, "unix:///run/a socket"), 0);
	assert_int_equal(target.kind, TARGET_UNIX);
	assert_int_equal(target.addresses_len, 1);
	assert_int_equal(target.addresses[0].socket.any.sa_family, AF_UNIX);
	assert_int_equal(target.addresses[0].len, sizeof(struct sockaddr_un));
	assert_string_equal(target.addresses[0].socket.path.sun_path, "/run/a socket");
	assert_int_equal(target_parse(&target, "file:///run/a b#c"), 0);
	assert_int_equal(target.kind, TARGET_FILE);
	assert_int_equal(target.addresses_len, 0);
	assert_string_equal(target.path, "/run/a b#c");
}

/* The longest path that has room in a sockaddr_un with its NUL, and one byte more. */
static void test_target_parse_long_socket_path_is_none(void **state)
{
	char text[200] = "unix:///";
	size_t longest = sizeof target.addresses[0].socket.path.sun_path - 1;

	(void)state;
	memset(text + 8, 'a', longest - 1);
	assert_int_equal(target_parse(&target, text), 0);
	assert_int_equal(strlen(target.addresses[0].socket.path.sun_path), longest);
	strcat(text, "a");
	assert_int_equal(target_parse(&target, text), -1);
}

static const char *const others[] = {
	"",
	"127.0.0.1:80",
	"tcp",
	"tcp:",
	"tcp:/127.0.0.1:80",
	"tcp://",
	"tcp://:80",
	"tcp://127.0.0.1",
	"tcp://127.0.0.1:",
	"tcp://127.0.0.1:0",
	"tcp://127.0.0.1:65536",
	"tcp://127.0.0.1:4294967376",
	"tcp://127.0.0.1:80/",
	"tcp://127.0.0.1:+80",
	"tcp://127.0.0.1:http",
	"tcp://127.0.0.1:80:80",
	"tcp://127.0.0.1 :80",
	"tcp://127.0.0:80",
	"tcp://127.1:80",
	"tcp://256.0.0.1:80",
	"tcp://db:80",
	"tcp://localhost.:80",
	"tcp://localhos:80",
	"tcp://localhost1:80",
	"tcp://::1:80",
	"tcp://[::1]",
	"tcp://[::1]80",
	"tcp://[::1:80",
	"tcp://1::1]:80",
	"tcp://[127.0.0.1]:80",
	"tcp://[localhost]:80",
	"tcp://[]:80",
	"tcp://[",
	"tcp://]:80",
	"tcp://[fe80::1%eth0]:80",
	/* As long as the longest that inet_ntop(3) makes, and one more. */
	"tcp://[0000:0000:0000:0000:0000:ffff:255.255.255.2550]:80",
	"tcp://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
	"tcp://1111111111111111111111111111111111111111111111111111111111111:80",
	"tcp://user@127.0.0.1:80",
	"http://",
	"http:///",
	"http://:80/",
	"http://127.0.0.1:/",
	"http://127.0.0.1:0/",
	"http://127.0.0.1?x",
	"http://127.0.0.1/a b",
	"http://127.0.0.1/a\r\nHost: b",
	"http://127.0.0.1/a\n",
	"http://127.0.0.1/\x7f",
	"http://127.0.0.1/#top",
	"http://user:word@127.0.0.1/",
	"http://example.org/",
	"https://127.0.0.1/",
	"unix://",
	"unix://run/socket",
	"unix:/run/socket",
	"unix://@abstract",
	"file://",
	"file://etc/passwd",
	"file:/etc/passwd",
	"ftp://127.0.0.1/",
	" tcp://127.0.0.1:80",
	"tcp://127.0.0.1:80 ",
};

static void test_target_parse_anything_else_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		if (target_parse(&target, others[i]) == 0)
			fail_msg("\"%s\" is a target", others[i]);
}

/* ---- where to listen ---- */

static void test_target_parse_local_is_a_port_or_an_address_with_one(void **state)
{
	static const struct {
		const char *text, *first, *second;
	} cases[] = {
		/* All of IPv6, and where that is not to be had, all of IPv4. */
		{ "9100", "[::]:9100", "0.0.0.0:9100" },
		{ "1", "[::]:1", "0.0.0.0:1" },
		{ "65535", "[::]:65535", "0.0.0.0:65535" },
		{ "0080", "[::]:80", "0.0.0.0:80" },
		{ "127.0.0.1:9100", "127.0.0.1:9100", NULL },
		{ "0.0.0.0:9100", "0.0.0.0:9100", NULL },
		{ "[::1]:9100", "[::1]:9100", NULL },
		{ "[::]:9100", "[::]:9100", NULL },
		{ "[fd00::2]:1", "[fd00::2]:1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(&target, 0xff, sizeof target);
		assert_int_equal(target_parse_local(&target, cases[i].text), 0);
		assert_int_equal(target.kind, TARGET_TCP);
		assert_addresses(cases[i].first, cases[i].second);
	}
}

static void test_target_parse_local_anything_else_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"00",
		"65536",
		"4294976396",
		"-1",
		"+9100",
		" 9100",
		"9100 ",
		"9100x",
		"http",
		":",
		":9100",
		"*:9100",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		"127.0.0.1:9100:1",
		"::1:9100",
		"[::1]",
		"[::1]9100",
		"[::1]:",
		"[:9100",
		"[",
		"]",
		"[]:9100",
		"[127.0.0.1]:9100",
		"example.org:9100",
		"/run/socket",
		"tcp://127.0.0.1:9100",
		/* Which of the two would it be? */
		"localhost:9100",
		"LOCALHOST:9100",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (target_parse_local(&target, texts[i]) == 0)
			fail_msg("\"%s\" can be listened on", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target_parse_tcp_has_host_and_port),
		cmocka_unit_test(test_target_parse_http_has_a_path),
		cmocka_unit_test(test_target_parse_paths_are_absolute),
		cmocka_unit_test(test_target_parse_long_socket_path_is_none),
		cmocka_unit_test(test_target_parse_anything_else_is_none),
		cmocka_unit_test(test_target_parse_local_is_a_port_or_an_address_with_one),
		cmocka_unit_test(test_target_parse_local_anything_else_is_none),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
