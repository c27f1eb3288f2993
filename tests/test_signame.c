/* SPDX-License-Identifier: ISC */
/* signame.c: names and numbers of signals, and what is neither. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signame.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *show(int signal)
{
	static char name[SIGNAME_SIZE];

	signame_show(signal, name);
	return name;
}

static void test_signame_show_names_are_those_of_kill(void **state)
{
	static const struct {
		int signal;
		const char *name;
	} cases[] = {
		{ SIGTERM, "TERM" },   { SIGKILL, "KILL" }, { SIGHUP, "HUP" },  { SIGQUIT, "QUIT" },
		{ SIGWINCH, "WINCH" }, { SIGUSR1, "USR1" }, { SIGSYS, "SYS" },  { 34, "RTMIN" },
		{ 35, "RTMIN+1" },     { 37, "RTMIN+3" },   { 64, "RTMIN+30" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(show(cases[i].signal), cases[i].name);
	/* All but SIGSTKFLT, which no Linux sends, have one. */
	for (int signal = 1; signal < 32; signal++)
		assert_int_equal(strncmp(show(signal), "signal ", 7) == 0, signal == SIGSTKFLT);
}

static void test_signame_show_other_numbers_have_no_name(void **state)
{
	static const int others[] = { -1, 0, SIGSTKFLT, 32, 33, 65, 1000 };
	char expected[SIGNAME_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		snprintf(expected, sizeof expected, "signal %d", others[i]);
		assert_string_equal(show(others[i]), expected);
	}
}

/* The words of libc, but for the real-time signals, which each libc calls something else. */
static void test_signame_describe_has_the_number_and_what_it_is(void **state)
{
	static const struct {
		int signal;
		const char *text;
	} cases[] = {
		{ SIGTERM, "signal 15 (Terminated)" }, { SIGKILL, "signal 9 (Killed)" },
		{ 34, "signal 34 (RTMIN)" },           { 36, "signal 36 (RTMIN+2)" },
		{ 64, "signal 64 (RTMIN+30)" },
	};
	char text[SIGNAME_TEXT_SIZE], expected[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		signame_describe(cases[i].signal, text);
		assert_string_equal(text, cases[i].text);
	}
	for (int signal = 1; signal < 34; signal++) {
		signame_describe(signal, text);
		snprintf(expected, sizeof expected, "signal %d (%s)", signal, strsignal(signal));
		assert_string_equal(text, expected);
	}
}

/* The text is followed by what does not belong to it. */
static int parse(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 3);
	int signal;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memcpy(copy + len, "\n5", 3);
	signal = signame_parse(copy, len);
	free(copy);
	return signal;
}

static void test_signame_parse_names_and_numbers(void **state)
{
	static const struct {
		const char *text;
		int signal;
	} cases[] = {
		{ "QUIT", SIGQUIT },
		{ "SIGQUIT", SIGQUIT },
		{ "quit", SIGQUIT },
		{ "SigWinch", SIGWINCH },
		{ "3", 3 },
		{ "03", 3 },
		{ "0000000000000000000000000000000003", 3 },
		{ "1", 1 },
		{ "9", 9 },
		{ "10", 10 },
		{ "37", 37 },
		{ "64", 64 },
		{ "INT", SIGINT },
		{ "IO", SIGIO },
		{ "RTMIN", 34 },
		{ "RTMIN+0", 34 },
		{ "RTMIN+3", 37 },
		{ "SIGRTMIN+15", 49 },
		{ "rtmin+30", 64 },
		{ "RTMAX", 64 },
		{ "SIGRTMAX-2", 62 },
		{ "RTMAX-30", 34 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(parse(cases[i].text), cases[i].signal);
}

static void test_signame_parse_every_name_is_taken(void **state)
{
	(void)state;
	for (int signal = 1; signal <= 64; signal++)
		if (strncmp(show(signal), "signal ", 7) != 0)
			assert_int_equal(parse(show(signal)), signal);
}

static void test_signame_parse_anything_else_is_none(void **state)
{
	static const char *const others[] = {
		"",
		"0",
		"00",
		"65",
		"100",
		"340",
		"99999999999999999999",
		"4294967299",
		"-3",
		"+3",
		" 3",
		"3 ",
		"3x",
		"0x3",
		"3.0",
		"SIG",
		"SIG3",
		"SIGSIGQUIT",
		"QUI",
		"QUITS",
		"SIGQUITS",
		"Q",
		"SIGNAL",
		"EXIT",
		"S",
		"RTMI",
		"RTMIN3",
		"RTMIN+",
		"RTMIN-3",
		"RTMIN+31",
		"RTMIN+65",
		"RTMIN+100",
		"RTMIN+x",
		"RTMIN++3",
		"RTMAX+1",
		"RTMAX-31",
		"RTMAX-",
		"RTMID",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		if (parse(others[i]) != 0)
			fail_msg("\"%s\" is taken for %d", others[i], parse(others[i]));
	assert_int_equal(signame_parse("QU\0T", 4), 0);
	assert_int_equal(signame_parse("3\0", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signame_show_names_are_those_of_kill),
		cmocka_unit_test(test_signame_show_other_numbers_have_no_name),
		cmocka_unit_test(test_signame_describe_has_the_number_and_what_it_is),
		cmocka_unit_test(test_signame_parse_names_and_numbers),
		cmocka_unit_test(test_signame_parse_every_name_is_taken),
		cmocka_unit_test(test_signame_parse_anything_else_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
