/* SPDX-License-Identifier: ISC */
/* sender.c over a /proc that each test makes, with programs of dinit's and other processes in it.
 * Which PID this process has, and whether another one exists, is in the test's hand (--wrap). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "program.h"
#include "sender.h"
#include "tree.h"

/* ---- what is taken ---- */

static pid_t own_pid;
/* What a look whether a process exists fails with; 0: it does not fail. */
static int look_error;

pid_t __wrap_getpid(void);
int __wrap_kill(pid_t pid, int signal);

pid_t __wrap_getpid(void)
{
	return own_pid;
}

int __wrap_kill(pid_t pid, int signal)
{
	assert_true(pid > 1);
	assert_int_equal(signal, 0);
	/* What it is after a call that succeeds means nothing. */
	errno = look_error ? look_error : ESRCH;
	return look_error ? -1 : 0;
}

/* ---- the rig ---- */

struct rig {
	char root[64];
	struct procfs proc;
	struct reaper reaper;
	struct program web, log;
	char text[SENDER_SIZE];
};

static void be_pid(const struct rig *rig, pid_t pid)
{
	char path[80], target[16];

	own_pid = pid;
	snprintf(path, sizeof path, "%s/self", rig->root);
	snprintf(target, sizeof target, "%d", pid);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

/* Puts two programs into the table, web/run with PID 7 and web/log with PID 6. */
static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	strcpy(rig->root, "/tmp/test_sender.XXXXXX");
	assert_non_null(mkdtemp(rig->root));
	rig->proc.root = rig->root;
	look_error = 0;
	be_pid(rig, 1);
	reaper_init(&rig->reaper, NULL, NULL);
	program_init(&rig->web, NULL, "web", "run", NULL, NULL);
	program_init(&rig->log, NULL, "web", "log", NULL, NULL);
	reaper_watch(&rig->reaper, &rig->web.watch, 7);
	reaper_watch(&rig->reaper, &rig->log.watch, 6);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(tree_remove(rig->root), 0);
	free(rig);
	return 0;
}

static void put_file(const struct rig *rig, pid_t pid, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%d", rig->root, pid);
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	snprintf(path, sizeof path, "%s/%d/%s", rig->root, pid, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static void put_process(const struct rig *rig, pid_t pid, const char *name, pid_t parent,
			pid_t session)
{
	char text[256];

	snprintf(text, sizeof text,
		 "%d (%s) S %d 5 %d 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24\n", pid,
		 name, parent, session);
	put_file(rig, pid, "stat", text);
	snprintf(text, sizeof text, "%s\n", name);
	put_file(rig, pid, "comm", text);
}

static bool describe(struct rig *rig, int code, pid_t pid)
{
	struct signalfd_siginfo info = {
		.ssi_signo = SIGTERM,
		.ssi_code = code,
		.ssi_pid = (uint32_t)pid,
	};

	strcpy(rig->text, "untouched");
	return sender_describe(&rig->proc, &rig->reaper, &info, rig->text);
}

static void assert_inside(struct rig *rig, pid_t pid, const char *text)
{
	assert_true(describe(rig, SI_USER, pid));
	assert_string_equal(rig->text, text);
}

static void assert_outside(struct rig *rig, pid_t pid)
{
	assert_false(describe(rig, SI_USER, pid));
}

/* ---- where a signal comes from ---- */

static void test_sender_describe_without_a_sender_is_outside(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 7, "x", 1, 7);
	assert_outside(rig, 0);
	assert_outside(rig, -7);
	assert_string_equal(rig->text, "untouched");
	assert_false(describe(rig, SI_KERNEL, 7));
	assert_false(describe(rig, SI_TIMER, 7));
	assert_string_equal(rig->text, "untouched");
}

static void test_sender_describe_every_call_that_sends_is_known(void **state)
{
	static const int codes[] = { SI_USER, SI_TKILL, SI_QUEUE };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		struct rig *rig = *state;

		assert_true(describe(rig, codes[i], 7));
		assert_string_equal(rig->text, "PID 7 (web/run)");
	}
}

static void test_sender_describe_program_has_its_label(void **state)
{
	struct rig *rig = *state;

	for (own_pid = 1; own_pid < 3; own_pid++) {
		assert_inside(rig, 7, "PID 7 (web/run)");
		assert_inside(rig, 6, "PID 6 (web/log)");
	}
}

static void test_sender_describe_process_in_the_session_of_a_program_is_its(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 12, "kill", 11, 7);
	for (pid_t pid = 1; pid < 3; pid++) {
		be_pid(rig, pid);
		assert_inside(rig, 12, "PID 12 (kill, of web/run)");
	}
}

static void test_sender_describe_descendant_of_a_program_in_another_session_is_its(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 12, "kill", 11, 11);
	put_process(rig, 11, "setsid", 10, 11);
	put_process(rig, 10, "sh", 6, 6);
	for (pid_t pid = 1; pid < 3; pid++) {
		be_pid(rig, pid);
		assert_inside(rig, 12, "PID 12 (kill, of web/log)");
	}
}

static void test_sender_describe_orphan_has_its_name_alone(void **state)
{
	struct rig *rig = *state;

	for (pid_t pid = 1; pid < 4; pid += 2) {
		put_process(rig, 12, "kill", 11, 5);
		put_process(rig, 11, "cron", pid, 5);
		be_pid(rig, pid);
		assert_inside(rig, 12, "PID 12 (kill)");
		assert_inside(rig, 11, "PID 11 (cron)");
	}
}

/* As docker exec starts it: its parent is in another PID namespace. */
static void test_sender_describe_process_from_elsewhere_is_inside_for_pid_1_alone(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 12, "bash", 0, 0);
	put_process(rig, 13, "kill", 12, 0);
	assert_inside(rig, 12, "PID 12 (bash)");
	assert_inside(rig, 13, "PID 13 (kill)");
	be_pid(rig, 3);
	assert_outside(rig, 12);
	assert_outside(rig, 13);
}

static void test_sender_describe_ancestor_and_its_other_children_are_outside(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 1, "tini", 0, 1);
	put_process(rig, 2, "sh", 1, 2);
	put_process(rig, 3, "dinit", 2, 2);
	put_process(rig, 12, "kill", 2, 2);
	be_pid(rig, 3);
	assert_outside(rig, 1);
	assert_outside(rig, 2);
	assert_outside(rig, 12);
}

static void test_sender_describe_looks_at_64_ancestors_and_no_more(void **state)
{
	struct rig *rig = *state;

	be_pid(rig, 3);
	for (pid_t pid = 100; pid < 166; pid++)
		put_process(rig, pid, "x", pid == 100 ? 3 : pid - 1, 5);
	assert_inside(rig, 164, "PID 164 (x)");
	assert_outside(rig, 165);
	/* It is its own ancestor: what is read at different times can say so. */
	put_process(rig, 12, "x", 13, 5);
	put_process(rig, 13, "x", 12, 5);
	assert_outside(rig, 12);
}

/* ---- what /proc does not tell ---- */

static void test_sender_describe_sender_that_has_gone_is_said_to_have_ended(void **state)
{
	struct rig *rig = *state;

	look_error = ESRCH;
	assert_inside(rig, 12, "PID 12, which has ended");
	be_pid(rig, 3);
	assert_outside(rig, 12);
}

/* /proc is mounted with hidepid. */
static void test_sender_describe_sender_that_is_hidden_has_no_name(void **state)
{
	struct rig *rig = *state;

	assert_inside(rig, 12, "PID 12");
	look_error = EPERM;
	assert_inside(rig, 12, "PID 12");
}

static void test_sender_describe_ancestor_that_has_gone_ends_the_search(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 12, "kill", 11, 9);
	assert_inside(rig, 12, "PID 12 (kill)");
	be_pid(rig, 3);
	assert_outside(rig, 12);
}

static void test_sender_describe_foreign_proc_names_nobody_but_programs(void **state)
{
	struct rig *rig = *state;

	put_process(rig, 12, "innocent", 7, 7);
	own_pid = 3;
	assert_inside(rig, 7, "PID 7 (web/run)");
	assert_outside(rig, 12);
	be_pid(rig, 8);
	own_pid = 1;
	assert_inside(rig, 12, "PID 12");
	look_error = ESRCH;
	assert_inside(rig, 12, "PID 12, which has ended");
}

static void test_sender_describe_names_are_printable_and_fit(void **state)
{
	struct rig *rig = *state;
	char service[256], text[SENDER_SIZE];

	put_process(rig, 2147483647, "a)\x1b[31m\xff b", 7, 7);
	assert_inside(rig, 2147483647, "PID 2147483647 (a)?[31m? b, of web/run)");
	memset(service, 's', 255);
	service[255] = '\0';
	rig->web.service = service;
	snprintf(text, sizeof text, "PID 2147483647 (a)?[31m? b, of %s/run)", service);
	assert_inside(rig, 2147483647, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_sender_describe_without_a_sender_is_outside),
	TEST(test_sender_describe_every_call_that_sends_is_known),
	TEST(test_sender_describe_program_has_its_label),
	TEST(test_sender_describe_process_in_the_session_of_a_program_is_its),
	TEST(test_sender_describe_descendant_of_a_program_in_another_session_is_its),
	TEST(test_sender_describe_orphan_has_its_name_alone),
	TEST(test_sender_describe_process_from_elsewhere_is_inside_for_pid_1_alone),
	TEST(test_sender_describe_ancestor_and_its_other_children_are_outside),
	TEST(test_sender_describe_looks_at_64_ancestors_and_no_more),
	TEST(test_sender_describe_sender_that_has_gone_is_said_to_have_ended),
	TEST(test_sender_describe_sender_that_is_hidden_has_no_name),
	TEST(test_sender_describe_ancestor_that_has_gone_ends_the_search),
	TEST(test_sender_describe_foreign_proc_names_nobody_but_programs),
	TEST(test_sender_describe_names_are_printable_and_fit),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
