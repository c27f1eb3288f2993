/* SPDX-License-Identifier: ISC */
/* script.c, over one file that each test writes anew. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "script.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT_SIZE 65536

static char path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/test_script.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void put_bytes(const char *bytes, size_t len)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static unsigned find_in(const char *text)
{
	put_bytes(text, strlen(text));
	return script_find_directory(path, "supervise");
}

/* The line that follows "#!/bin/sh". */
static unsigned find_in_line(const char *line)
{
	char text[400];

	snprintf(text, sizeof text, "#!/bin/sh\n%s\n", line);
	return find_in(text);
}

static void test_script_find_directory_in_a_path_is_found(void **state)
{
	static const char *const lines[] = {
		"kill -QUIT $(cat supervise/pid)",
		"kill -QUIT `cat ./supervise/pid`",
		"read -r pid < \"$PWD/supervise/pid\"",
		"read pid <supervise/pid",
		"\tkill `cat /etc/service/web/supervise/pid`",
		"kill \"$(cat \"${0%/*}/../supervise/pid\")\"",
		"printf d > /run/runit/supervise/control",
		"[ -p supervise/ok ] || exit",
		"pidfile=supervise/pid",
		"DIR=${1}supervise/pid",
		"open('supervise/pid').read()",
		"os.kill(int(open(os.path.join(here, 'supervise', 'pid')).read()), 15)",
		"pid = Path(\"supervise\") / \"pid\"",
		"cat \"$PWD/supervise\"/pid",
		"(cd '/srv/web/supervise' && cat pid)",
		"resupervise/x supervise/pid",
		"cat supervise/pid # the PID",
		"echo $# supervise/pid",
		"echo ${#a} supervise/pid",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (find_in_line(lines[i]) != 2)
			fail_msg("not found in line 2: %s", lines[i]);
}

static void test_script_find_directory_in_another_name_is_not_found(void **state)
{
	static const char *const lines[] = {
		"",
		"supervis/pid",
		"kill -TERM \"$DINIT_PID\"",
		"sv term .",
		"exec sv down \"$PWD\"",
		"cat s6-supervise/pid",
		"cat unsupervise/pid",
		"cat .supervise/pid",
		"cat my_supervise/pid",
		"cat x+supervise/pid",
		"cat \xc3\xa9supervise/pid",
		"cat \xe2\x80\x80supervise/pid",
		"cat 0supervise/pid 9supervise/ Asupervise/ Zsupervise/ asupervise/ zsupervise/",
		"cat supervise.d/pid",
		"cat supervised/pid",
		"cat supervise",
		"echo \"we supervise\"",
		"echo supervise \"it\"",
		"echo 'supervise it'",
		"cat Supervise/pid",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (find_in_line(lines[i]) != 0)
			fail_msg("found: %s", lines[i]);
}

static void test_script_find_directory_in_a_comment_is_not_found(void **state)
{
	(void)state;
	assert_int_equal(find_in_line("# not supervise/pid"), 0);
	assert_int_equal(find_in_line("\t  # not supervise/pid"), 0);
	assert_int_equal(find_in_line("kill $DINIT_PID # not supervise/pid"), 0);
	assert_int_equal(find_in_line("kill $DINIT_PID\t#supervise/pid"), 0);
	assert_int_equal(find_in_line("kill $DINIT_PID # see \"supervise/\""), 0);
	assert_int_equal(find_in("#!/opt/supervise/sh\n"), 0);
}

static void test_script_find_directory_tells_the_first_line(void **state)
{
	(void)state;
	assert_int_equal(find_in("#!/usr/bin/env python3\n\n# supervise/pid\n\nx = 1\n"
				 "open('supervise/pid')\nopen('supervise/pid')\n"),
			 6);
	assert_int_equal(find_in("#!/bin/sh\n\n\ncat supervise/pid"), 4);
	assert_int_equal(find_in("#!/bin/sh\r\ncat supervise/pid\r\n"), 2);
}

/* Each line for itself: a name does not go on in the next. */
static void test_script_find_directory_stays_within_a_line(void **state)
{
	(void)state;
	assert_int_equal(find_in("#!/bin/sh\ncat supervise"), 0);
	assert_int_equal(find_in("#!/bin/sh\ncat supervise\n/pid\n"), 0);
	assert_int_equal(find_in("#!/bin/sh\ncat x\nsupervise/pid"), 3);
	assert_int_equal(find_in("#!/bin/sh\ncat # supervise\n/pid"), 0);
}

static void test_script_find_directory_in_what_is_no_script_is_not_found(void **state)
{
	static const char elf[] = "\177ELF\2\1\1\0\nsupervise/pid\n";

	(void)state;
	put_bytes(elf, sizeof elf);
	assert_int_equal(script_find_directory(path, "supervise"), 0);
	assert_int_equal(find_in(""), 0);
	assert_int_equal(find_in("#"), 0);
	assert_int_equal(find_in("#!"), 0);
	assert_int_equal(find_in("cat supervise/pid\n"), 0);
	assert_int_equal(find_in("##!/bin/sh\ncat supervise/pid\n"), 0);
	assert_int_equal(script_find_directory("/nonexistent", "supervise"), 0);
	assert_int_equal(script_find_directory("/tmp", "supervise"), 0);
}

/* A NUL does not end the text, as a shell does not end there either. */
static void test_script_find_directory_behind_odd_bytes_is_found(void **state)
{
	static const char bytes[] = "#!/bin/sh\n\0\xff\xfe\ncat \0supervise/pid";

	(void)state;
	put_bytes(bytes, sizeof bytes - 1);
	assert_int_equal(script_find_directory(path, "supervise"), 3);
}

/* A FIFO would make it wait, and so would a terminal. */
static void test_script_find_directory_reads_nothing_but_files(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(script_find_directory(path, "supervise"), 0);
	assert_int_equal(script_find_directory("/dev/zero", "supervise"), 0);
}

/* Fills a script so that the word ends that far behind the limit of what is read. */
static unsigned find_at_the_end(int beyond)
{
	static const char word[] = "\nsupervise/";
	static char text[TEXT_SIZE + 100];
	size_t at = TEXT_SIZE - (sizeof word - 1) + (size_t)beyond;

	memset(text, 'x', sizeof text);
	memcpy(text, "#!/bin/sh\n", 10);
	memcpy(text + at, word, sizeof word - 1);
	put_bytes(text, sizeof text);
	return script_find_directory(path, "supervise");
}

static void test_script_find_directory_looks_at_64_kilobytes(void **state)
{
	(void)state;
	assert_int_equal(find_at_the_end(0), 3);
	assert_int_equal(find_at_the_end(1), 0);
	assert_int_equal(find_at_the_end(50), 0);
}

static bool has(const char *text)
{
	put_bytes(text, strlen(text));
	return script_has_word(path, "DINIT_PID");
}

static void test_script_has_word_outside_of_comments(void **state)
{
	(void)state;
	assert_true(has("#!/bin/sh\nkill \"${DINIT_PID:-$(cat supervise/pid)}\"\n"));
	assert_true(has("#!/usr/bin/python3\nimport os\nos.environ['DINIT_PID']"));
	assert_false(has("#!/bin/sh\n# DINIT_PID\nkill $PID\n"));
	assert_false(has("#!/bin/sh\nkill $DINIT\n_PID\n"));
	assert_false(has("kill $DINIT_PID\n"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_script_find_directory_in_a_path_is_found),
		TEST(test_script_find_directory_in_another_name_is_not_found),
		TEST(test_script_find_directory_in_a_comment_is_not_found),
		TEST(test_script_find_directory_tells_the_first_line),
		TEST(test_script_find_directory_stays_within_a_line),
		TEST(test_script_find_directory_in_what_is_no_script_is_not_found),
		TEST(test_script_find_directory_behind_odd_bytes_is_found),
		TEST(test_script_find_directory_reads_nothing_but_files),
		TEST(test_script_find_directory_looks_at_64_kilobytes),
		TEST(test_script_has_word_outside_of_comments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
