/* SPDX-License-Identifier: ISC */
/* shebang.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shebang.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct shebang shebang;

/* Reads len bytes, filled up with 0. */
static void read_bytes(const char *bytes, size_t len)
{
	char head[SHEBANG_SIZE] = { 0 };

	memcpy(head, bytes, len);
	shebang_read(head, &shebang);
}

static void test_shebang_read_takes_the_line_apart(void **state)
{
	static const struct {
		const char *head, *interpreter, *argument;
	} cases[] = {
		{ "#!/bin/sh\necho\n", "/bin/sh", "" },
		{ "#!/bin/sh", "/bin/sh", "" },
		{ "#! \t/bin/sh\t -e  -u \t\n", "/bin/sh", "-e  -u" },
		{ "#!/bin/sh -e", "/bin/sh", "-e" },
		{ "#!/bin/sh\r\n", "/bin/sh\r", "" },
		{ "#!/bin/sh \r\n", "/bin/sh", "\r" },
		{ "#!/bin/sh -e\r\n", "/bin/sh", "-e\r" },
		{ "#!\n/bin/sh\n", "", "" },
		{ "#!", "", "" },
		{ "#!   ", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		read_bytes(cases[i].head, strlen(cases[i].head));
		assert_string_equal(shebang.interpreter, cases[i].interpreter);
		assert_string_equal(shebang.argument, cases[i].argument);
	}
	read_bytes("#!/bin/sh\0x\n", 12);
	assert_string_equal(shebang.interpreter, "/bin/sh");
	assert_string_equal(shebang.argument, "");
	read_bytes("#!/bin/sh -e\0x\n", 15);
	assert_string_equal(shebang.argument, "-e");
}

/* The interpreter, or the argument, goes on beyond what is read, or ends just there. */
static void test_shebang_read_what_the_kernel_does_not_read_is_not_known(void **state)
{
	char head[SHEBANG_SIZE];

	(void)state;
	memset(head, 'x', sizeof head);
	memcpy(head, "#!/", 3);
	read_bytes(head, sizeof head);
	assert_string_equal(shebang.interpreter, "");
	head[SHEBANG_SIZE - 1] = '\n';
	read_bytes(head, sizeof head);
	assert_int_equal(strlen(shebang.interpreter), SHEBANG_SIZE - 3);
	head[9] = ' ';
	read_bytes(head, sizeof head);
	assert_string_equal(shebang.interpreter, "/xxxxxx");
	assert_int_equal(strlen(shebang.argument), SHEBANG_SIZE - 11);
	head[SHEBANG_SIZE - 1] = 'x';
	read_bytes(head, sizeof head);
	assert_string_equal(shebang.interpreter, "/xxxxxx");
	assert_string_equal(shebang.argument, "");
	memset(head + 9, ' ', sizeof head - 9);
	read_bytes(head, sizeof head);
	assert_string_equal(shebang.interpreter, "/xxxxxx");
	assert_string_equal(shebang.argument, "");
}

static void set(const char *interpreter, const char *argument)
{
	memset(&shebang, 0, sizeof shebang);
	strcpy(shebang.interpreter, interpreter);
	strcpy(shebang.argument, argument);
}

static void test_shebang_overlooks_return_perl_and_env_do(void **state)
{
	static const struct {
		const char *interpreter, *argument;
		bool overlooks;
	} cases[] = {
		{ "/usr/bin/perl", "-w\r", true },   { "perl5.36", "-w\r", true },
		{ "/usr/bin/env", "-S sh\r", true }, { "/usr/bin/env", "sh\r", false },
		{ "/bin/sh", "-e\r", false },        { "/perl/sh", "-e\r", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set(cases[i].interpreter, cases[i].argument);
		if (shebang_overlooks_return(&shebang) != cases[i].overlooks)
			fail_msg("%s %s", cases[i].interpreter, cases[i].argument);
	}
}

static void test_shebang_find_program_is_what_env_looks_for(void **state)
{
	static const struct {
		const char *interpreter, *argument, *program;
	} cases[] = {
		{ "/usr/bin/env", "bash", "bash" },
		{ "env", "bash", "bash" },
		{ "/usr/bin/env", "bash -x", "bash -x" },
		{ "/usr/bin/env", "-S bash -x", "bash" },
		{ "/usr/bin/env", "-S\t \tbash\t-x", "bash" },
		{ "/usr/bin/env", "-Sbash\r", "bash" },
		{ "/usr/bin/env", "", NULL },
		{ "/usr/bin/env", "-S", NULL },
		{ "/usr/bin/env", "-i bash", NULL },
		{ "/usr/bin/env", "-S -i bash", NULL },
		{ "/usr/bin/env", "A=b", NULL },
		{ "/usr/bin/env", "-S A=b bash", NULL },
		{ "/usr/bin/env", "/bin/bash", NULL },
		{ "/usr/bin/env", "-S $SHELL", NULL },
		{ "/usr/bin/env", "-S 'a b'", NULL },
		{ "/usr/bin/env", "-S \"a b\"", NULL },
		{ "/usr/bin/env", "-S a\\_b", NULL },
		{ "/bin/sh", "bash", NULL },
		{ "/env/sh", "bash", NULL },
		{ "/usr/bin/envdir", "bash", NULL },
	};
	char program[SHEBANG_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set(cases[i].interpreter, cases[i].argument);
		if (shebang_find_program(&shebang, program) != (cases[i].program != NULL))
			fail_msg("%s %s", cases[i].interpreter, cases[i].argument);
		if (cases[i].program)
			assert_string_equal(program, cases[i].program);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shebang_read_takes_the_line_apart),
		cmocka_unit_test(test_shebang_read_what_the_kernel_does_not_read_is_not_known),
		cmocka_unit_test(test_shebang_overlooks_return_perl_and_env_do),
		cmocka_unit_test(test_shebang_find_program_is_what_env_looks_for),
	};

	return cmocka_run_group_tests_name("shebang", tests, NULL, NULL);
}
