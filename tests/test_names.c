/* SPDX-License-Identifier: ISC */
/* names.c: a pure module, tested by cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "names.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_names_next_list_gives_each_name_once(void **state)
{
	static const char *const expected[] = { "a", " b c", "d*" };
	const char *at = ",a,, b c,d*,", *name;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++) {
		len = names_next(&at, &name);
		assert_int_equal(len, strlen(expected[i]));
		assert_memory_equal(name, expected[i], len);
	}
	assert_int_equal(names_next(&at, &name), 0);
	assert_int_equal(names_next(&at, &name), 0);
}

static void test_names_have_list_has_only_whole_names(void **state)
{
	(void)state;
	assert_true(names_have("web,db", "web"));
	assert_true(names_have("web,db", "db"));
	assert_true(names_have("a,b", "b"));
	assert_false(names_have("web,db", "we"));
	assert_false(names_have("web,db", "webb"));
	assert_false(names_have("web,db", "wex"));
	assert_false(names_have("web,db", "web,db"));
	assert_false(names_have("w*", "web"));
	assert_false(names_have("", ""));
	assert_false(names_have(",", ""));
}

static void test_names_match_patterns_match_as_in_a_shell(void **state)
{
	static const struct {
		const char *list, *name;
		bool expected;
	} cases[] = {
		{ "epmd", "epmd", true },
		{ "epmd", "epm", false },
		{ "epmd", "epmd2", false },
		{ "a,epmd,b", "epmd", true },
		{ "a,b", "a,b", false },
		{ "", "epmd", false },
		{ "", "", false },
		{ "*", "", true },
		{ "*", "anything at all", true },
		{ "***", "x", true },
		{ "containerd-shim*", "containerd-shim-runc-v2", true },
		{ "containerd-shim*", "containerd", false },
		{ "*shim", "containerd-shim", true },
		{ "*shim", "containerd-shim-runc-v2", false },
		{ "c*r*d", "chrome_crashpad_handler/d", true },
		{ "c*r*d", "chrome", false },
		{ "*a*b", "aab", true },
		{ "*ab", "aab", true },
		{ "*ab*", "xaxabx", true },
		{ "*a", "b", false },
		{ "?", "x", true },
		{ "?", "", false },
		{ "?", "xy", false },
		{ "?", "\xc3\xa4", true },
		{ "??", "\xc3\xa4", false },
		{ "a?c", "abc", true },
		{ "a?c",
		  "a\xe2\x82\xac"
		  "c",
		  true },
		{ "*?c",
		  "a\xe2\x82\xac"
		  "c",
		  true },
		{ "a?b,c", "a,b", true },
		{ "ab*", "ab", true },
		{ "ab?", "ab", false },
		{ "*,x", "q,", true },
		{ "[a]", "a", false },
		{ "[a]", "[a]", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (names_match(cases[i].list, cases[i].name) != cases[i].expected)
			fail_msg("\"%s\" and \"%s\"", cases[i].list, cases[i].name);
}

/* A pattern that could be tried in very many ways. */
static void test_names_match_many_stars_takes_no_longer(void **state)
{
	char name[4096];

	(void)state;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_false(names_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab", name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_next_list_gives_each_name_once),
		cmocka_unit_test(test_names_have_list_has_only_whole_names),
		cmocka_unit_test(test_names_match_patterns_match_as_in_a_shell),
		cmocka_unit_test(test_names_match_many_stars_takes_no_longer),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
