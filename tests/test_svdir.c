/* SPDX-License-Identifier: ISC */
/* svdir.c, over directories made for each test. Owns the directory it makes under /tmp, which is
 * the current directory during a test, and removes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "log.h"
#include "rig.h"
#include "svdir.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOBODY 65534
/* exit status of a child that could not try */
#define SKIPPED 77

/* The failures that are scripted: the n-th allocation from now (0: none), all after it too, and
 * opendir's errno. */
static unsigned failing_allocation;
static bool failing_ever_after;
static int failing_opendir;
/* of the path that ends so, with EIO */
static const char *failing_access;

/* opened in place of any other file, where it is not NULL */
static const char *opened_instead;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);

static bool fails_now(void)
{
	if (failing_allocation == 0)
		return false;
	if (failing_allocation == 1) {
		failing_allocation = failing_ever_after;
		return true;
	}
	failing_allocation--;
	return false;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails_now() ? NULL : __real_strdup(text);
}

/* (The mode of a new file is the third argument wherever there is one.) */
int __wrap_open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
	}
	return __real_open(opened_instead ? opened_instead : path, flags, mode);
}

int __wrap_access(const char *path, int mode)
{
	if (!failing_access ||
	    strcmp(path + strlen(path) - strlen(failing_access), failing_access) != 0)
		return __real_access(path, mode);
	errno = EIO;
	return -1;
}

DIR *__wrap_opendir(const char *path)
{
	if (failing_opendir == 0)
		return __real_opendir(path);
	errno = failing_opendir;
	return NULL;
}

struct problems {
	size_t len;
	char *texts[64];
};

static char base[64];
static struct problems problems;
/* The warning that the last scan found, "" where it found none. */
static char warning[4000];
static struct svdir svdir;

static void on_finding(void *ctx, enum svdir_finding finding, const char *text)
{
	struct problems *found = ctx;

	/* One line, and never without its object. */
	assert_true(*text != '\0' && *text != ' ');
	for (const char *byte = text; *byte; byte++)
		assert_true((unsigned char)*byte >= 0x20 && *byte != 0x7f);
	if (finding == SVDIR_WARNING) {
		assert_string_equal(warning, "");
		assert_true(strlen(text) < sizeof warning);
		strcpy(warning, text);
		return;
	}
	assert_int_equal(finding, SVDIR_PROBLEM);
	assert_true(found->len < COUNT(found->texts));
	found->texts[found->len++] = __real_strdup(text);
}

static void forget(void)
{
	for (size_t i = 0; i < problems.len; i++)
		free(problems.texts[i]);
	problems.len = 0;
	*warning = '\0';
	svdir_free(&svdir);
}

static int setup(void **state)
{
	(void)state;
	strcpy(base, "/tmp/test_svdir.XXXXXX");
	assert_non_null(mkdtemp(base));
	assert_int_equal(chmod(base, 0755), 0);
	assert_int_equal(chdir(base), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	failing_allocation = 0;
	failing_ever_after = false;
	failing_opendir = 0;
	failing_access = NULL;
	opened_instead = NULL;
	forget();
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(tree_remove(base), 0);
	return 0;
}

/* Makes a file of that mode, and the directories above it. */
static void put(const char *name, mode_t mode)
{
	char path[600];
	int fd;

	snprintf(path, sizeof path, "%s", name);
	for (char *slash = path; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void put_text(const char *name, const char *text)
{
	FILE *file;

	put(name, 0755);
	file = fopen(name, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void put_link(const char *target, const char *name)
{
	assert_int_equal(symlink(target, name), 0);
}

static void scan_at(enum svdir_depth depth)
{
	unsigned count;

	forget();
	count = svdir_scan(&svdir, base, depth, on_finding, &problems);
	assert_int_equal(count, problems.len);
}

static void scan(void)
{
	scan_at(SVDIR_FILES);
}

static void scan_contents(void)
{
	scan_at(SVDIR_CONTENTS);
}

/* That the only problem is with base/name, and that its message has the words. */
static void assert_problem(const char *name, const char *words)
{
	char start[200];

	snprintf(start, sizeof start, "%s/%s ", base, name);
	if (problems.len != 1 || strncmp(problems.texts[0], start, strlen(start)) != 0 ||
	    !strstr(problems.texts[0], words))
		fail_msg("%zu problems; first \"%s\"; not \"%s\" with \"%s\"", problems.len,
			 problems.len ? problems.texts[0] : "", start, words);
}

static const struct svdir_entry *find_entry(const char *name)
{
	for (size_t i = 0; i < svdir.len; i++)
		if (strcmp(svdir.entries[i].name, name) == 0)
			return &svdir.entries[i];
	return NULL;
}

static void assert_path(const char *path, const char *name)
{
	char expected[600];

	snprintf(expected, sizeof expected, "%s/%s", base, name);
	assert_non_null(path);
	assert_string_equal(path, expected);
}

/* Runs the check in a child, as nobody where this is root: root may read and enter everything. */
static void run_as_ordinary_user(void (*check)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 &&
		    (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
			_exit(SKIPPED);
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	rig_need(WEXITSTATUS(status) != SKIPPED, RIG_WHY_USER);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child a failed assertion would run on into the next test: this says what there was and
 * ends it. */
static void expect_problems(size_t len, const char *name, const char *words)
{
	char start[200];

	scan();
	snprintf(start, sizeof start, "%s%s%s ", base, *name ? "/" : "", name);
	if (problems.len == len && strncmp(problems.texts[0], start, strlen(start)) == 0 &&
	    strstr(problems.texts[0], words))
		return;
	for (size_t i = 0; i < problems.len; i++)
		print_error("problem: %s\n", problems.texts[i]);
	_exit(1);
}

static void test_svdir_scan_minimal_service_has_only_run(void **state)
{
	(void)state;
	put("web/run", 0755);
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	assert_string_equal(svdir.entries[0].name, "web");
	assert_path(svdir.entries[0].dir, "web");
	assert_path(svdir.entries[0].run, "web/run");
	assert_null(svdir.entries[0].terminate);
	assert_null(svdir.entries[0].log_dir);
	assert_null(svdir.entries[0].log_run);
	assert_null(svdir.entries[0].finish);
	assert_null(svdir.entries[0].prestop);
	assert_null(svdir.entries[0].check);
	assert_int_equal(svdir.entries[0].notification_fd, 0);
	for (int i = 0; i < SVDIR_CONTROLS; i++)
		assert_null(svdir.entries[0].control[i]);
	assert_int_equal(svdir.entries[0].down_signal, SIGTERM);
	assert_false(svdir.entries[0].optional);
	assert_false(svdir.entries[0].down);
}

static void test_svdir_scan_full_service_has_every_part(void **state)
{
	(void)state;
	put("web/run", 0100);
	put("web/terminate", 0755);
	put("web/control/t", 0755);
	put("web/log/run", 0755);
	put("web/down", 0);
	put("web/data/run", 0);
	put("web/finish", 0755);
	put("web/prestop", 0755);
	put("web/check", 0755);
	put("web/control/h", 0755);
	put("web/control/1", 0755);
	put("web/control/2", 0755);
	put_text("web/notification-fd", "4\n");
	put("web/optional", 0);
	put_text("web/down-signal", "QUIT\n");
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	assert_path(svdir.entries[0].run, "web/run");
	assert_path(svdir.entries[0].terminate, "web/terminate");
	assert_path(svdir.entries[0].log_dir, "web/log");
	assert_path(svdir.entries[0].log_run, "web/log/run");
	assert_path(svdir.entries[0].finish, "web/finish");
	assert_path(svdir.entries[0].prestop, "web/prestop");
	assert_path(svdir.entries[0].check, "web/check");
	assert_int_equal(svdir.entries[0].notification_fd, 4);
	assert_path(svdir.entries[0].control[SVDIR_CONTROL_HUP], "web/control/h");
	assert_path(svdir.entries[0].control[SVDIR_CONTROL_USR1], "web/control/1");
	assert_path(svdir.entries[0].control[SVDIR_CONTROL_USR2], "web/control/2");
	assert_int_equal(svdir.entries[0].down_signal, SIGQUIT);
	assert_true(svdir.entries[0].optional);
	assert_true(svdir.entries[0].down);
}

/* What runit and s6 have beside these is the service's own. */
static void test_svdir_scan_other_files_are_ignored(void **state)
{
	static const char *const others[] = {
		"web/control/d",
		"web/control/x",
		"web/control/k",
		"web/control/H",
		"web/control/3",
		"web/h",
		"web/1",
		"web/data/check",
		"web/nosetsid",
		"web/env",
		"web/log/finish",
		"web/log/prestop",
		"web/log/control/h",
		"web/downsignal",
		"web/Optional",
		"web/log/check",
		"web/control/check",
		"web/log/notification-fd",
	};

	(void)state;
	put("web/run", 0755);
	for (size_t i = 0; i < COUNT(others); i++)
		put(others[i], 0);
	put_link("nowhere", "web/control/o");
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	assert_null(svdir.entries[0].finish);
	assert_null(svdir.entries[0].prestop);
	assert_null(svdir.entries[0].check);
	assert_int_equal(svdir.entries[0].notification_fd, 0);
	for (int i = 0; i < SVDIR_CONTROLS; i++)
		assert_null(svdir.entries[0].control[i]);
	assert_int_equal(svdir.entries[0].down_signal, SIGTERM);
	assert_false(svdir.entries[0].optional);
}

/* Only whether the file optional exists matters. */
static void test_svdir_scan_optional_may_be_any_file(void **state)
{
	(void)state;
	put("a/run", 0755);
	put("a/optional", 0);
	put("c/run", 0755);
	assert_int_equal(mkfifo("c/optional", 0), 0);
	put("d/run", 0755);
	put_link("/dev/null", "d/optional");
	put("e/run", 0755);
	/* A directory is the service's own. */
	put("f/run", 0755);
	assert_int_equal(mkdir("f/optional", 0755), 0);
	scan_contents();
	scan();
	assert_int_equal(problems.len, 0);
	for (size_t i = 0; i < svdir.len; i++)
		assert_int_equal(svdir.entries[i].optional, *svdir.entries[i].name < 'e');
}

/* ---- down-signal ---- */

static void put_bytes(const char *name, const char *bytes, size_t len)
{
	FILE *file;

	put(name, 0644);
	file = fopen(name, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void test_svdir_scan_down_signal_is_read(void **state)
{
	static const struct {
		const char *text;
		int signal;
	} cases[] = {
		{ "QUIT\n", SIGQUIT },
		{ "QUIT", SIGQUIT },
		{ "SIGQUIT\r\n", SIGQUIT },
		{ "3\n", SIGQUIT },
		{ "  quit \t\n", SIGQUIT },
		{ "\tQUIT\r", SIGQUIT },
		{ "QUIT\n\n", SIGQUIT },
		{ "INT\n", SIGINT },
		{ "SIGTERM", SIGTERM },
		{ "SIGRTMIN+3\n", 37 },
		{ "37", 37 },
		{ "9\n", SIGKILL },
		{ "WINCH\n", SIGWINCH },
	};

	(void)state;
	put("web/run", 0755);
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_bytes("web/down-signal", cases[i].text, strlen(cases[i].text));
		scan();
		assert_int_equal(problems.len, 0);
		assert_int_equal(svdir.entries[0].down_signal, cases[i].signal);
	}
	/* As a volume of Kubernetes has it. */
	assert_int_equal(rename("web/down-signal", "web/..data"), 0);
	put_link("..data", "web/down-signal");
	scan();
	assert_int_equal(svdir.entries[0].down_signal, SIGWINCH);
}

static void test_svdir_scan_down_signal_that_is_none_is_a_problem(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *shown;
	} cases[] = {
#define CASE(text, shown) { text, sizeof text - 1, shown }
		CASE("", "\"\""),
		CASE("\n", "\"\""),
		CASE(" \r\n", "\"\""),
		CASE("QUITT\n", "\"QUITT\""),
		CASE(" \t QUITT \n", "\"QUITT\""),
		CASE("0\n", "\"0\""),
		CASE("65", "\"65\""),
		CASE("-3", "\"-3\""),
		CASE("QUIT TERM\n", "\"QUIT TERM\""),
		CASE("QUIT\nTERM\n", "\"QUIT\\x0aTERM\""),
		CASE("\nQUIT\n", "\"\\x0aQUIT\""),
		CASE("# stops\nQUIT\n", "\"# stops\\x0aQUIT\""),
		CASE("QUIT\0", "\"QUIT\\x00\""),
		CASE("\0QUIT", "\"\\x00QUIT\""),
		CASE("\xff\xfeQ\0", "\"\\xff\\xfeQ\\x00\""),
#undef CASE
	};

	(void)state;
	put("web/run", 0755);
	put("ok/run", 0755);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char words[200];

		snprintf(words, sizeof words,
			 "/down-signal holds %s: it takes the name of a signal (QUIT, SIGQUIT, "
			 "RTMIN+3) or its number (1 to 64)",
			 cases[i].shown);
		put_bytes("web/down-signal", cases[i].text, cases[i].len);
		scan();
		assert_problem("web/down-signal", words);
		assert_int_equal(svdir.len, 1);
		assert_non_null(find_entry("ok"));
	}
}

/* The name at its beginning does not count: nobody knows what the rest is. */
static void test_svdir_scan_down_signal_that_is_too_long_is_a_problem(void **state)
{
	static char text[100000];
	static const size_t lens[] = { 128, 129, sizeof text };

	(void)state;
	put("web/run", 0755);
	memset(text, ' ', sizeof text);
	memcpy(text, "QUIT\n", 5);
	put_bytes("web/down-signal", text, 127);
	scan();
	assert_int_equal(problems.len, 0);
	for (size_t i = 0; i < COUNT(lens); i++) {
		put_bytes("web/down-signal", text, lens[i]);
		scan();
		assert_problem("web/down-signal", "holds \"QUIT\\x0a   ");
		assert_non_null(strstr(problems.texts[0], "...\": it takes the name of a signal"));
		assert_true(strlen(problems.texts[0]) < 300);
	}
}

static void test_svdir_scan_down_signal_that_is_no_regular_file_is_a_problem(void **state)
{
	static const char words[] = "is no regular file: it takes the name of a signal (QUIT, ";

	(void)state;
	put("web/run", 0755);
	assert_int_equal(mkdir("web/down-signal", 0755), 0);
	scan();
	assert_problem("web/down-signal", words);
	assert_int_equal(rmdir("web/down-signal"), 0);
	/* Nobody writes to it, so that opening it the usual way would last for ever. */
	assert_int_equal(mkfifo("web/down-signal", 0644), 0);
	scan();
	assert_problem("web/down-signal", words);
	unlink("web/down-signal");
	put_link("/dev/zero", "web/down-signal");
	scan();
	assert_problem("web/down-signal", words);
}

/* Each of these takes the file's place after it was looked at. */
static void test_svdir_scan_down_signal_that_is_replaced_does_not_block(void **state)
{
	(void)state;
	put("web/run", 0755);
	assert_int_equal(mkfifo("web/fifo", 0644), 0);
	put_bytes("web/down-signal", "QUIT\n", 5);
	opened_instead = "web/fifo";
	scan();
	assert_problem("web/down-signal", "cannot be read: Illegal seek");
	opened_instead = "web/gone";
	scan();
	assert_problem("web/down-signal", strerror(ENOENT));
	opened_instead = "web";
	scan();
	assert_problem("web/down-signal", strerror(EISDIR));
	opened_instead = NULL;
	scan();
	assert_int_equal(svdir.entries[0].down_signal, SIGQUIT);
}

static void check_unreadable_down_signal(void)
{
	expect_problems(1, "web/down-signal", "cannot be read: Permission denied");
	_exit(0);
}

static void test_svdir_scan_down_signal_without_permission_is_a_problem(void **state)
{
	(void)state;
	put("web/run", 0755);
	put_bytes("web/down-signal", "QUIT\n", 5);
	assert_int_equal(chmod("web/down-signal", 0), 0);
	run_as_ordinary_user(check_unreadable_down_signal);
}

/* ---- notification-fd: as down-signal, but for what it takes ---- */

#define DESCRIPTOR_TAKES "it takes the number of a descriptor (3 to 1023)"

static void test_svdir_scan_notification_fd_is_read(void **state)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{ "3\n", 3 },         { "3", 3 },         { "4\r\n", 4 },
		{ " \t10 \t\n", 10 }, { "1022\n", 1022 }, { "1023", 1023 },
		{ "999", 999 },       { "003\n", 3 },     { "5\n\n", 5 },
	};

	(void)state;
	put("web/run", 0755);
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_bytes("web/notification-fd", cases[i].text, strlen(cases[i].text));
		scan();
		assert_int_equal(problems.len, 0);
		assert_int_equal(svdir.entries[0].notification_fd, cases[i].number);
		assert_int_equal(svdir.entries[0].down_signal, SIGTERM);
	}
	assert_int_equal(rename("web/notification-fd", "web/..data"), 0);
	put_link("..data", "web/notification-fd");
	scan();
	assert_int_equal(svdir.entries[0].notification_fd, 5);
}

static void test_svdir_scan_notification_fd_that_is_none_is_a_problem(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"0\n",
		"1\n",
		"2\n",
		"1024\n",
		"-3",
		"+3",
		"3.0",
		"0x3",
		"three\n",
		"3 4\n",
		"3\n4\n",
		"\n3\n",
		"QUIT\n",
		"4294967299",
		"18446744073709551619\n",
		"99999999999999999999999999999999999999999999999999\n",
	};

	(void)state;
	put("web/run", 0755);
	put("ok/run", 0755);
	for (size_t i = 0; i < COUNT(texts); i++) {
		put_bytes("web/notification-fd", texts[i], strlen(texts[i]));
		scan();
		assert_problem("web/notification-fd", "\": " DESCRIPTOR_TAKES);
		assert_non_null(strstr(problems.texts[0], "/notification-fd holds \""));
		assert_int_equal(svdir.len, 1);
		assert_non_null(find_entry("ok"));
	}
	put_bytes("web/notification-fd", "3\0", 2);
	scan();
	assert_problem("web/notification-fd", "holds \"3\\x00\": " DESCRIPTOR_TAKES);
}

static void test_svdir_scan_notification_fd_that_cannot_be_read_is_a_problem(void **state)
{
	(void)state;
	put("web/run", 0755);
	assert_int_equal(mkdir("web/notification-fd", 0755), 0);
	scan();
	assert_problem("web/notification-fd", "is no regular file: " DESCRIPTOR_TAKES);
	assert_int_equal(rmdir("web/notification-fd"), 0);
	put_bytes("web/notification-fd", "3\n", 2);
	opened_instead = "web/gone";
	scan();
	assert_problem("web/notification-fd", strerror(ENOENT));
}

static void test_svdir_scan_control_t_stands_in_for_terminate(void **state)
{
	(void)state;
	put("web/run", 0755);
	put("web/control/t", 0755);
	scan();
	assert_int_equal(problems.len, 0);
	assert_path(find_entry("web")->terminate, "web/control/t");
}

static void test_svdir_scan_parts_that_are_no_directories_are_ignored(void **state)
{
	(void)state;
	put("a/run", 0755);
	put("a/log", 0644);
	put("a/control", 0644);
	put("b/run", 0755);
	put("b/log/config", 0644);
	put("b/control/x", 0644);
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 2);
	for (size_t i = 0; i < svdir.len; i++) {
		assert_null(svdir.entries[i].log_dir);
		assert_null(svdir.entries[i].log_run);
		assert_null(svdir.entries[i].terminate);
	}
}

static void test_svdir_scan_entries_are_sorted_by_bytes(void **state)
{
	static const char *const sorted[] = { "10", "9",   "B",  "Z", "_",
					      "a",  "a-b", "aa", "b", "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++) {
		char name[20];

		snprintf(name, sizeof name, "%s/run", sorted[(i * 7) % COUNT(sorted)]);
		put(name, 0755);
	}
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, COUNT(sorted));
	for (size_t i = 0; i < COUNT(sorted); i++)
		assert_string_equal(svdir.entries[i].name, sorted[i]);
}

static void test_svdir_scan_what_is_no_service_is_skipped(void **state)
{
	(void)state;
	put("README", 0644);
	put("bad\nname", 0755);
	put("bad\xff", 0755);
	put(".git/HEAD", 0644);
	put_link("nowhere", ".dangling");
	put_link("README", "link to a file");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 0);
}

/* DINIT_DIR is itself a service, or COPY has put there what is in its directory. */
static void test_svdir_scan_run_without_a_directory_gets_a_warning(void **state)
{
	char expected[200];

	(void)state;
	snprintf(expected, sizeof expected,
		 "%s/run is not started: it belongs in a directory with the service's name", base);
	put("run", 0755);
	put("log/run", 0755);
	scan();
	assert_string_equal(warning, expected);
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	put("run", 0644);
	scan();
	assert_string_equal(warning, expected);
	/* Where it is asked for, before there is an image, it is more than that. */
	scan_contents();
	assert_string_equal(warning, "");
	assert_int_equal(problems.len, 2);
	assert_string_equal(problems.texts[1], expected);
}

static void test_svdir_scan_service_of_the_name_run_gets_no_warning(void **state)
{
	(void)state;
	put("run/run", 0755);
	put("trial-run", 0755);
	scan();
	assert_string_equal(warning, "");
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	assert_string_equal(svdir.entries[0].name, "run");
}

/* lost+found is nobody's service, whatever it is and whoever may enter it. */
static void test_svdir_scan_lost_and_found_is_skipped(void **state)
{
	(void)state;
	assert_int_equal(mkdir("lost+found", 0700), 0);
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 0);
	put("lost+found/run", 0644);
	put("web/run", 0755);
	scan_contents();
	assert_int_equal(svdir.len, 0);
	put_text("web/run", "#!/bin/sh\n");
	scan_contents();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	assert_int_equal(tree_remove("lost+found"), 0);
	put("lost+found", 0755);
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	unlink("lost+found");
	put_link("nowhere", "lost+found");
	scan();
	assert_int_equal(problems.len, 0);
	unlink("lost+found");
	put_link("web", "lost+found");
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	assert_string_equal(svdir.entries[0].name, "web");
}

static void check_closed_lost_and_found(void)
{
	scan();
	_exit(problems.len == 0 && svdir.len == 1 ? 0 : 1);
}

static void test_svdir_scan_closed_lost_and_found_is_skipped(void **state)
{
	(void)state;
	put("web/run", 0755);
	assert_int_equal(mkdir("lost+found", 0700), 0);
	run_as_ordinary_user(check_closed_lost_and_found);
}

/* Only that whole name is the file system's. */
static void test_svdir_scan_names_like_lost_and_found_are_services(void **state)
{
	(void)state;
	put("lost+found2/run", 0755);
	put("lost/run", 0755);
	put("Lost+Found/run", 0755);
	scan();
	assert_int_equal(svdir.len, 3);
	put("lost+foun/x", 0755);
	scan();
	assert_problem("lost+foun/run", "is missing");
}

/* As a volume of Kubernetes holds it: each file is a link into the version that is current. */
static void test_svdir_scan_volume_of_links_is_a_service(void **state)
{
	(void)state;
	put("web/..2026_11_28/run", 0755);
	put("web/..2026_11_28/terminate", 0755);
	put_link("..2026_11_28", "web/..data");
	put_link("..data/run", "web/run");
	put_link("..data/terminate", "web/terminate");
	put("..2026_11_28/db/run", 0755);
	put("..2026_11_28/note", 0644);
	put_link("..2026_11_28", "..data");
	put_link("..data/db", "db");
	put_link("..data/note", "note");
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 2);
	assert_path(find_entry("web")->terminate, "web/terminate");
	assert_path(find_entry("db")->run, "db/run");
}

static void test_svdir_scan_links_count_as_what_they_lead_to(void **state)
{
	(void)state;
	put(".hidden/web/run", 0755);
	put(".hidden/program", 0755);
	put(".hidden/log/run", 0755);
	put_link(".hidden/web", "web");
	put_link("web", "again");
	put("linked/x", 0);
	put_link("../.hidden/program", "linked/run");
	put_link("run", "linked/terminate");
	put_link("../.hidden/log", "linked/log");
	put_link("/dev/null", "linked/down");
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 3);
	/* The path is that of the link, which is the name users know. */
	assert_path(find_entry("again")->run, "again/run");
	assert_path(find_entry("web")->run, "web/run");
	assert_path(find_entry("linked")->terminate, "linked/terminate");
	assert_path(find_entry("linked")->log_run, "linked/log/run");
	assert_true(find_entry("linked")->down);
	assert_false(find_entry("web")->down);
}

static void test_svdir_scan_dangling_link_is_a_problem(void **state)
{
	static const char *const parts[] = {
		"run",      "terminate",   "log",     "log/run",        "control",   "control/t",
		"down",     "finish",      "prestop", "control/h",      "control/1", "control/2",
		"optional", "down-signal", "check",   "notification-fd"
	};
	static const char *const targets[] = { "no\nwhere", "x/../../../gone", "x/beyond a file" };

	(void)state;
	for (size_t i = 0; i < COUNT(parts); i++) {
		for (size_t j = 0; j < COUNT(targets); j++) {
			char name[40], path[80];

			put("web/x", 0644);
			put("web/run", 0755);
			put("ok/run", 0755);
			snprintf(name, sizeof name, "web/%s", parts[i]);
			if (strchr(parts[i], '/')) {
				snprintf(path, sizeof path, "%s-", name);
				put(path, 0644);
			}
			unlink(name);
			put_link(targets[j], name);
			scan();
			assert_problem(name, "dangling symbolic link");
			assert_non_null(strstr(problems.texts[0], j ? targets[j] : "no\\x0awhere"));
			assert_int_equal(svdir.len, 1);
			assert_non_null(find_entry("ok"));
			assert_int_equal(tree_remove("web"), 0);
		}
	}
	put_link("nowhere", "entry");
	scan();
	assert_problem("entry", "dangling symbolic link");
	unlink("entry");
	put_link("z", "entry");
	scan();
	assert_problem("entry", "create z");
	unlink("entry");
	put_link("entry", "entry");
	scan();
	assert_problem("entry", strerror(ELOOP));
}

static void test_svdir_scan_missing_run_is_a_problem(void **state)
{
	(void)state;
	put("web/terminate", 0755);
	scan();
	assert_problem("web/run", "is missing");
	assert_int_equal(svdir.len, 0);
}

/* What is written for s6-rc is told from what was forgotten. */
static void test_svdir_scan_s6_rc_directory_without_run_is_named(void **state)
{
	static const struct {
		const char *files[3], *words;
	} cases[] = {
		{ { "type", "up" }, "is missing: this is an s6-rc oneshot, " },
		{ { "up" }, "is missing: this is an s6-rc oneshot, " },
		{ { "up", "down", "dependencies.d/base" }, "an s6-rc oneshot" },
		{ { "type", "contents.d/web" }, "is missing: this is an s6-rc bundle, " },
		{ { "contents.d/web" }, "an s6-rc bundle" },
		{ { "type", "contents" }, "is missing: this is an s6-rc source directory, " },
		{ { "type" }, "is missing: this is an s6-rc source directory, " },
		{ { "type", "dependencies", "flag-essential" }, "an s6-rc source directory" },
		{ { "contents" }, "is missing: every service needs this executable file" },
		{ { "finish.old", "log/config" },
		  "is missing: every service needs this executable file" },
		{ { "type.txt", "upload" }, "is missing: every service needs" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t j = 0; j < 3 && cases[i].files[j]; j++) {
			char name[60];

			snprintf(name, sizeof name, "web/%s", cases[i].files[j]);
			put(name, 0755);
		}
		scan();
		assert_problem("web/run", cases[i].words);
		scan_contents();
		assert_problem("web/run", cases[i].words);
		assert_int_equal(tree_remove("web"), 0);
	}
}

/* A link that leads nowhere is a sign as well, and no problem of its own. */
static void test_svdir_scan_s6_rc_directory_of_links_is_named(void **state)
{
	(void)state;
	put("web/x", 0644);
	put_link("nowhere", "web/type");
	scan();
	assert_problem("web/run", "an s6-rc source directory");
	put_link("nowhere", "web/up");
	scan();
	assert_problem("web/run", "an s6-rc oneshot");
	put("s6/up", 0644);
	assert_int_equal(tree_remove("web"), 0);
	put_link("s6", "web");
	scan();
	assert_int_equal(problems.len, 2);
	assert_non_null(strstr(problems.texts[1], "/web/run is missing: this is an s6-rc oneshot"));
}

/* The files that s6-rc has beside run are the service's own. */
static void test_svdir_scan_s6_rc_longrun_is_a_service(void **state)
{
	(void)state;
	put_text("web/run", "#!/bin/sh\n");
	put("web/type", 0644);
	put("web/dependencies.d/base", 0644);
	put("web/producer-for", 0644);
	put_text("web/notification-fd", "3\n");
	put_text("web/finish", "#!/bin/sh\n");
	put_text("web/down-signal", "SIGINT\n");
	scan();
	assert_int_equal(problems.len, 0);
	scan_contents();
	assert_int_equal(problems.len, 0);
	assert_string_equal(warning, "");
	assert_path(find_entry("web")->run, "web/run");
}

static void test_svdir_scan_part_that_cannot_be_executed_is_a_problem(void **state)
{
	static const char *const parts[] = { "run",       "terminate", "log/run",   "control/t",
					     "finish",    "prestop",   "control/h", "control/1",
					     "control/2", "check" };

	(void)state;
	for (size_t i = 0; i < COUNT(parts); i++) {
		char name[40], chmod_hint[200];

		snprintf(name, sizeof name, "web/%s", parts[i]);
		snprintf(chmod_hint, sizeof chmod_hint,
			 "is not executable (make it so with chmod +x)");
		put("web/run", 0755);
		put(name, 0644);
		scan();
		assert_problem(name, chmod_hint);
		unlink(name);
		assert_int_equal(mkdir(name, 0755), 0);
		scan();
		assert_problem(name, "is a directory");
		rmdir(name);
		assert_int_equal(mkfifo(name, 0755), 0);
		scan();
		assert_problem(name, "is no regular file");
		unlink(name);
		put_link("/dev/null", name);
		scan();
		assert_problem(name, "is no regular file");
		unlink(name);
	}
}

static void test_svdir_scan_control_t_is_examined_beside_terminate(void **state)
{
	(void)state;
	put("web/run", 0755);
	put("web/terminate", 0755);
	put("web/control/t", 0644);
	scan();
	assert_problem("web/control/t", "chmod +x");
	assert_int_equal(svdir.len, 0);
}

static void test_svdir_scan_service_that_is_down_is_examined(void **state)
{
	(void)state;
	put("web/down", 0644);
	scan();
	assert_problem("web/run", "is missing");
	put("web/run", 0755);
	unlink("web/down");
	assert_int_equal(mkdir("web/down", 0755), 0);
	scan();
	assert_int_equal(problems.len, 0);
	assert_true(svdir.entries[0].down);
}

static void test_svdir_scan_every_problem_is_reported(void **state)
{
	static const char *const objects[] = {
		"a/run",
		"a/terminate",
		"a/control/t",
		"a/control/1",
		"a/finish",
		"a/check",
		"a/notification-fd",
		"a/down-signal",
		"a/log/run",
		"a/optional",
		"a/down",
		"b",
		"c/run",
		"c/log",
		"e\\x01",
		"e\\x01/run",
	};

	(void)state;
	put("a/run", 0644);
	put("a/terminate", 0644);
	put("a/control/t", 0644);
	put("a/control/1", 0644);
	put("a/finish", 0644);
	put("a/check", 0644);
	put("a/notification-fd", 0644);
	put("a/down-signal", 0644);
	put("a/log/run", 0644);
	put_link("nowhere", "a/optional");
	put_link("nowhere", "a/down");
	put_link("nowhere", "b");
	put("c/x", 0755);
	put_link("nowhere", "c/log");
	put("d/run", 0755);
	put("e\x01/x", 0755);
	scan();
	assert_int_equal(problems.len, COUNT(objects));
	for (size_t i = 0; i < COUNT(objects); i++) {
		char start[200];

		snprintf(start, sizeof start, "%s/%s ", base, objects[i]);
		assert_memory_equal(problems.texts[i], start, strlen(start));
	}
	assert_int_equal(svdir.len, 1);
	assert_string_equal(svdir.entries[0].name, "d");
}

static void test_svdir_scan_bad_name_is_a_problem(void **state)
{
	static const struct {
		const char *name, *shown, *words;
	} cases[] = {
		{ "a\nb", "a\\x0ab", "control character" },
		{ "\x01", "\\x01", "control character" },
		{ "\x01\x02", "\\x01\\x02", "control character" },
		{ "tab\t", "tab\\x09", "control character" },
		{ "\x1f", "\\x1f", "control character" },
		{ "del\x7f", "del\\x7f", "control character" },
		{ "caf\xe9", "caf\\xe9", "UTF-8" },
		{ "\xc0\xaf", "\\xc0\\xaf", "UTF-8" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "UTF-8" },
		{ "cut\xe2\x82", "cut\\xe2\\x82", "UTF-8" },
		{ "\xe2\x82\xac\xff\n", "\xe2\x82\xac\\xff\\x0a", "UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char run[40];

		snprintf(run, sizeof run, "%s/run", cases[i].name);
		put(run, 0755);
		scan();
		assert_problem(cases[i].shown, cases[i].words);
		assert_int_equal(svdir.len, 0);
		assert_int_equal(tree_remove(cases[i].name), 0);
	}
}

static void test_svdir_scan_unusual_name_is_accepted(void **state)
{
	static const char *const names[] = { " ",       "a b",         "\"",
					     "\\",      "caf\xc3\xa9", "\xf0\x9f\x90\xa7",
					     "a,b",     "%s%n",        "-rf",
					     "\xc2\x80" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char run[40];

		snprintf(run, sizeof run, "%s/run", names[i]);
		put(run, 0755);
	}
	scan();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_non_null(find_entry(names[i]));
}

static void test_svdir_scan_relative_path_is_made_absolute(void **state)
{
	static const struct {
		const char *in, *dir, *expected;
	} cases[] = {
		{ "", "web", "web" },         { "", "web/", "web" },
		{ "", "web///", "web" },      { "", "./web", "web" },
		{ "", ".//././web/", "web" }, { "web", ".", "web" },
		{ "web", "./", "web" },       { "web", "./.", "web" },
		{ "web", "..", "web/.." },    { "web", "../web", "web/../web" },
		{ "", ".web", ".web" },
	};

	(void)state;
	put("web/svc/run", 0755);
	put(".web/svc/run", 0755);
	put("svc/run", 0755);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct svdir_entry *entry;
		char expected[600];

		snprintf(expected, sizeof expected, "%s/%s", base, cases[i].in);
		assert_int_equal(chdir(expected), 0);
		forget();
		svdir_scan(&svdir, cases[i].dir, SVDIR_FILES, on_finding, &problems);
		entry = find_entry("svc");
		assert_non_null(entry);
		snprintf(expected, sizeof expected, "%s/svc/run", cases[i].expected);
		assert_path(entry->run, expected);
	}
}

static void test_svdir_scan_absolute_path_keeps_its_form(void **state)
{
	char dir[200];

	(void)state;
	put("svc/run", 0755);
	snprintf(dir, sizeof dir, "/./tmp/..//%s///", base);
	assert_int_equal(svdir_scan(&svdir, dir, SVDIR_FILES, on_finding, &problems), 0);
	assert_int_equal(svdir.len, 1);
	snprintf(dir, sizeof dir, "/./tmp/..//%s/svc/run", base);
	assert_string_equal(svdir.entries[0].run, dir);
}

/* Its entries are no services, so their paths are seen in the messages. */
static void test_svdir_scan_root_directory_has_one_slash(void **state)
{
	static const char *const roots[] = { "/", "//", ".", "./" };

	(void)state;
	assert_int_equal(chdir("/"), 0);
	for (size_t i = 0; i < COUNT(roots); i++) {
		forget();
		assert_true(svdir_scan(&svdir, roots[i], SVDIR_FILES, on_finding, &problems) > 0);
		for (size_t j = 0; j < problems.len; j++)
			assert_true(problems.texts[j][0] == '/' && problems.texts[j][1] != '/');
	}
}

static void scan_only(const char *dir, const char *words)
{
	forget();
	assert_int_equal(svdir_scan(&svdir, dir, SVDIR_FILES, on_finding, &problems), 1);
	assert_int_equal(problems.len, 1);
	assert_non_null(strstr(problems.texts[0], words));
	assert_int_equal(svdir.len, 0);
}

static void test_svdir_scan_directory_that_is_none_is_a_problem(void **state)
{
	(void)state;
	put("file", 0755);
	put_link("nowhere", "dangling");
	put_link("loop", "loop");
	scan_only("missing", "/missing does not exist");
	scan_only("missing/deeper", "/missing/deeper does not exist");
	scan_only("file", "/file is no directory");
	scan_only("file/below", "/file/below does not exist");
	scan_only("dangling", "/dangling is a dangling symbolic link");
	scan_only("loop", strerror(ELOOP));
	scan_only("", "\"\" is no path");
}

static void test_svdir_scan_unreadable_entries_are_a_problem(void **state)
{
	(void)state;
	put("web/run", 0755);
	failing_opendir = EIO;
	scan_only(base, strerror(EIO));
	failing_opendir = ENOMEM;
	scan_only(base, strerror(ENOMEM));
}

static void test_svdir_scan_lost_current_directory_is_a_problem(void **state)
{
	(void)state;
	assert_int_equal(mkdir("gone", 0755), 0);
	assert_int_equal(chdir("gone"), 0);
	assert_int_equal(rmdir("../gone"), 0);
	scan_only("services", "current directory is unknown");
}

static void test_svdir_scan_path_too_long_is_a_problem(void **state)
{
	char name[3 * PATH_MAX];

	(void)state;
	memset(name, 'x', 300);
	name[300] = '\0';
	scan_only(name, strerror(ENAMETOOLONG));
	memset(name, '/', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (size_t i = 1; i < sizeof name - 1; i += 2)
		name[i] = i % 3 ? 'x' : '\n';
	scan_only(name, strerror(ENAMETOOLONG));
}

/* The directory's path fits, that of a file in it does not. */
static void test_svdir_scan_file_path_too_long_is_a_problem(void **state)
{
	char path[PATH_MAX], name[256];
	size_t len = strlen(base);

	(void)state;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	strcpy(path, base);
	while (len + 1 + 255 < PATH_MAX - 2) {
		assert_int_equal(mkdir(name, 0755), 0);
		assert_int_equal(chdir(name), 0);
		len += (size_t)sprintf(path + len, "/%s", name);
	}
	assert_int_equal(mkdir("entry", 0755) | mkdir("entry/web", 0755), 0);
	memset(path + len, '/', PATH_MAX - 1 - len);
	memcpy(path + PATH_MAX - 1 - 7, "/entry", 7);
	path[PATH_MAX - 1] = '\0';
	forget();
	assert_int_equal(svdir_scan(&svdir, path, SVDIR_FILES, on_finding, &problems), 1);
	assert_non_null(strstr(problems.texts[0], strerror(ENAMETOOLONG)));
	assert_int_equal(svdir.len, 0);
	assert_int_equal(rmdir("entry/web") | rmdir("entry"), 0);
}

static void check_forbidden(void)
{
	expect_problems(1, "web/run", "not executable for this user");
	_exit(0);
}

static void check_closed_service(void)
{
	expect_problems(1, "web", "may not enter it");
	_exit(0);
}

static void check_closed_log(void)
{
	expect_problems(1, "web/log/run", "may not pass a directory on the way");
	_exit(0);
}

static void check_closed_base(void)
{
	expect_problems(1, "", "may not enter it");
	_exit(0);
}

static void check_unreadable_base(void)
{
	expect_problems(1, "", strerror(EACCES));
	_exit(0);
}

static void test_svdir_scan_no_permission_is_one_problem(void **state)
{
	(void)state;
	put("web/run", 0755);
	put("web/log/run", 0755);
	put("web/terminate", 0755);
	/* Executable for the group: not the one of nobody, and for the owner only the owner's
	 * bits count. */
	assert_int_equal(chmod("web/run", 0650), 0);
	run_as_ordinary_user(check_forbidden);
	assert_int_equal(chmod("web/run", 0755), 0);
	assert_int_equal(chmod("web/log", 0600), 0);
	run_as_ordinary_user(check_closed_log);
	assert_int_equal(chmod("web/log", 0755), 0);
	assert_int_equal(chmod("web", 0644), 0);
	run_as_ordinary_user(check_closed_service);
	assert_int_equal(chmod("web", 0755), 0);
	assert_int_equal(chmod(base, 0644), 0);
	run_as_ordinary_user(check_closed_base);
	assert_int_equal(chmod(base, 0311), 0);
	run_as_ordinary_user(check_unreadable_base);
	assert_int_equal(chmod(base, 0755), 0);
}

static void check_noexec(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("test", base, "tmpfs", MS_NOEXEC, NULL) < 0 || chdir(base) < 0)
		_exit(SKIPPED);
	put("web/run", 0755);
	expect_problems(1, "web/run", "noexec");
	_exit(0);
}

static void test_svdir_scan_noexec_mount_is_named(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		check_noexec();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	rig_need(WEXITSTATUS(status) != SKIPPED, RIG_WHY_NAMESPACES);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_svdir_scan_what_cannot_be_checked_is_a_problem(void **state)
{
	(void)state;
	put("web/run", 0755);
	failing_access = "web/run";
	scan();
	assert_problem("web/run", "cannot be executed (Input/output error)");
	failing_access = "/web";
	scan();
	assert_problem("web",
		       "cannot be examined because this user may not enter it: Input/output error");
	failing_access = base;
	scan();
	assert_int_equal(problems.len, 1);
	assert_int_equal(svdir.len, 0);
}

/* Returns whether the n-th allocation was reached. */
static bool scan_with_failing_allocation(unsigned n)
{
	unsigned count, left;

	forget();
	failing_allocation = n;
	count = svdir_scan(&svdir, base, SVDIR_FILES, on_finding, &problems);
	left = failing_allocation;
	failing_allocation = 0;
	if (count == 0)
		return false;
	assert_int_equal(left, failing_ever_after);
	assert_int_equal(count, 1);
	assert_int_equal(problems.len, 1);
	assert_non_null(strstr(problems.texts[0], base));
	assert_non_null(strstr(problems.texts[0], strerror(ENOMEM)));
	/* What came before the failure is whole, what comes after it is not looked at. */
	assert_true(svdir.len == 0 || (svdir.len == 1 && strcmp(svdir.entries[0].name, "a") == 0));
	return true;
}

static void test_svdir_scan_lack_of_memory_is_one_problem(void **state)
{
	(void)state;
	put("a/run", 0755);
	put("a/terminate", 0755);
	put("b/run", 0755);
	put("b/log/run", 0755);
	put("b/control/t", 0755);
	put("b/control/h", 0755);
	put("b/control/1", 0755);
	put("b/finish", 0755);
	put("b/prestop", 0755);
	put("b/check", 0755);
	put_text("b/notification-fd", "3");
	put_text("b/down-signal", "QUIT");
	for (int i = 0; i < 2; i++) {
		unsigned n = 1;

		failing_ever_after = i;
		while (scan_with_failing_allocation(n))
			n++;
		/* The path itself, the array, and for each service at least its directory and
		 * its run. */
		assert_true(n > 6);
		assert_int_equal(problems.len, 0);
		assert_int_equal(svdir.len, 2);
	}
}

/* What a program needs to be executed is looked at only where that is asked for. */
static void test_svdir_scan_contents_looks_into_every_program(void **state)
{
	static const char *const parts[] = { "run",       "terminate", "log/run",   "control/t",
					     "finish",    "prestop",   "control/h", "control/1",
					     "control/2", "check" };

	(void)state;
	put("web/run", 0755);
	scan();
	assert_int_equal(problems.len, 0);
	for (size_t i = 0; i < COUNT(parts); i++) {
		char name[40];

		snprintf(name, sizeof name, "web/%s", parts[i]);
		put_text("web/run", "#!/bin/sh\n");
		put_text(name, "#!/nonexistent\n");
		scan();
		assert_int_equal(problems.len, 0);
		scan_contents();
		assert_problem(name, "needs the interpreter /nonexistent, which does not exist");
		assert_int_equal(svdir.len, 0);
		put_text(name, "#!/bin/sh\n");
		scan_contents();
		assert_int_equal(problems.len, 0);
		assert_int_equal(svdir.len, 1);
		unlink(name);
	}
}

/* That the last scan warned of base/name, with the words, and found no problem. */
static void assert_warning(const char *name, const char *words)
{
	char start[200];

	snprintf(start, sizeof start, "%s/%s names supervise/", base, name);
	assert_int_equal(problems.len, 0);
	if (strncmp(warning, start, strlen(start)) != 0 || !strstr(warning, words))
		fail_msg("\"%s\" is not \"%s\" with \"%s\"", warning, start, words);
}

static void test_svdir_scan_contents_warns_of_supervise(void **state)
{
	static const struct {
		const char *name, *text, *line;
	} cases[] = {
		{ "web/control/t", "#!/bin/sh\nkill -QUIT $(cat supervise/pid)\n", " in line 2" },
		{ "web/terminate", "#!/bin/sh\n\nread pid <\"$PWD/supervise/pid\"\n",
		  " in line 3" },
		{ "web/terminate",
		  "#!/usr/bin/env python3\nimport os\n\nos.kill(int(open('supervise/pid').read()))",
		  " in line 4" },
		{ "web/control/t", "#!/bin/bash\necho d >/etc/service/web/supervise/control\n",
		  " in line 2" },
		{ "web/control/h", "#!/bin/sh\nkill -USR1 $(cat supervise/pid)\n", " in line 2" },
		{ "web/control/1", "#!/bin/sh\nkill -USR1 $(cat supervise/pid)\n", " in line 2" },
		{ "web/control/2", "#!/bin/sh\n\nkill -USR1 $(cat supervise/pid)\n", " in line 3" },
		{ "web/check", "#!/bin/sh\nkill -0 $(cat supervise/pid)\n", " in line 2" },
	};

	(void)state;
	put_text("web/run", "#!/bin/sh\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_text(cases[i].name, cases[i].text);
		scan_contents();
		assert_warning(cases[i].name, cases[i].line);
		assert_non_null(strstr(warning, "use DINIT_PID, the PID of run"));
		assert_int_equal(svdir.len, 1);
		/* Nothing is read where only files are asked for. */
		scan();
		assert_string_equal(warning, "");
		unlink(cases[i].name);
	}
}

/* It may have another PATH when it runs. */
static void test_svdir_scan_contents_warns_of_what_env_does_not_find(void **state)
{
	char start[200];

	(void)state;
	snprintf(start, sizeof start, "%s/web/run has env look for no such program, ", base);
	put_text("web/run", "#!/usr/bin/env no such program\n");
	scan_contents();
	assert_int_equal(problems.len, 0);
	assert_int_equal(svdir.len, 1);
	if (strncmp(warning, start, strlen(start)) != 0)
		fail_msg("\"%s\" is not \"%s\"", warning, start);
	scan();
	assert_string_equal(warning, "");
}

/* finish gets no DINIT_PID, so there is nothing to use in place of supervise/. */
static void test_svdir_scan_contents_warns_of_supervise_in_finish(void **state)
{
	static const char *const texts[] = {
		"#!/bin/sh\n[ $1 != 100 ] || echo d >supervise/control\n",
		"#!/bin/sh\nkill \"${DINIT_PID:-$(cat supervise/pid)}\"\n",
	};

	(void)state;
	put_text("web/run", "#!/bin/sh\n");
	for (size_t i = 0; i < COUNT(texts); i++) {
		put_text("web/finish", texts[i]);
		scan_contents();
		assert_warning("web/finish", "makes no such directory: do without it in line 2");
		scan();
		assert_string_equal(warning, "");
	}
}

/* A service that is not started, and one beside another's problem, are looked at like any other. */
static void test_svdir_scan_contents_warns_of_every_service(void **state)
{
	(void)state;
	put_text("web/run", "#!/bin/sh\n");
	put("web/down", 0644);
	put_text("web/terminate", "#!/bin/sh\ncat supervise/pid\n");
	scan_contents();
	assert_warning("web/terminate", "in line 2");
	put("db/x", 0644);
	scan_contents();
	assert_problem("db/run", "is missing");
	assert_non_null(strstr(warning, "/web/terminate names supervise/"));
	assert_int_equal(svdir.len, 1);
}

static void test_svdir_scan_contents_does_not_warn_of_what_works(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		/* What others wait for is theirs to know. */
		{ "web/run", "#!/bin/sh\nuntil [ -e ../db/supervise/ok ]; do sleep 1; done\n" },
		{ "web/log/run", "#!/bin/sh\ncat supervise/pid\n" },
		{ "web/finish", "#!/bin/sh\n# no supervise/pid here\n" },
		{ "web/prestop", "#!/bin/sh\n[ ! -e supervise/ok ]\n" },
		{ "web/control/h",
		  "#!/bin/sh\nkill -HUP \"${DINIT_PID:-$(cat supervise/pid)}\"\n" },
		{ "web/check", "#!/bin/sh\nkill -0 \"${DINIT_PID:-$(cat supervise/pid)}\"\n" },
		{ "web/check", "#!/bin/sh\nsv status .\n" },
		{ "web/control/u", "#!/bin/sh\ncat supervise/pid\n" },
		{ "web/terminate", "#!/bin/sh\n# no supervise/pid here\nkill \"$DINIT_PID\"\n" },
		{ "web/terminate", "#!/bin/sh\nkill \"${DINIT_PID:-$(cat supervise/pid)}\"\n" },
		{ "web/terminate", "#!/bin/sh\nsv term .\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_text("web/run", "#!/bin/sh\n");
		put_text(cases[i].name, cases[i].text);
		scan_contents();
		assert_int_equal(problems.len, 0);
		assert_string_equal(warning, "");
		assert_int_equal(tree_remove("web"), 0);
	}
}

/* A control/t that nothing runs, because there is a terminate, is what runit alone needs. */
static void test_svdir_scan_contents_warns_of_the_program_that_is_run(void **state)
{
	(void)state;
	put_text("web/run", "#!/bin/sh\n");
	put_text("web/control/t", "#!/bin/sh\ncat supervise/pid\n");
	put_text("web/terminate", "#!/bin/sh\nkill \"$DINIT_PID\"\n");
	scan_contents();
	assert_string_equal(warning, "");
	put_text("web/terminate", "#!/bin/sh\ncat supervise/pid\n");
	scan_contents();
	assert_warning("web/terminate", "in line 2");
}

static void test_svdir_free_nothing_is_harmless(void **state)
{
	struct svdir nothing = { .entries = NULL };

	(void)state;
	svdir_free(&nothing);
	assert_int_equal(svdir_scan(&nothing, base, SVDIR_FILES, on_finding, &problems), 0);
	assert_int_equal(nothing.len, 0);
	svdir_free(&nothing);
	svdir_free(&nothing);
	assert_null(nothing.entries);
}

static void test_svdir_is_skipped_whole_names_only(void **state)
{
	char name[] = "web";
	const struct svdir_entry entry = { .name = name };

	(void)state;
	assert_true(svdir_is_skipped(&entry, "web"));
	assert_true(svdir_is_skipped(&entry, ",a,,web,"));
	assert_false(svdir_is_skipped(&entry, ""));
	assert_false(svdir_is_skipped(&entry, ",,"));
	assert_false(svdir_is_skipped(&entry, "we,webb,eb"));
}

static char warnings[1000];

static void on_line(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	assert_true(strlen(warnings) + len < sizeof warnings);
	strncat(warnings, line, len);
}

static void test_svdir_warn_of_skip_names_what_is_unknown(void **state)
{
	char db[] = "db", web[] = "web";
	struct svdir_entry entries[] = { { .name = db }, { .name = web } };
	const struct svdir two = { .entries = entries, .len = 2 };

	(void)state;
	log_set_writer(on_line, NULL);
	svdir_warn_of_skip(&two, "web,db");
	assert_string_equal(warnings, "");
	svdir_warn_of_skip(&two, "we,web,\n");
	log_set_writer(NULL, NULL);
	assert_non_null(
		strstr(warnings, " DINIT_SKIP names \"we\", but there is no such service\n"));
	assert_non_null(
		strstr(warnings, " DINIT_SKIP names \"?\", but there is no such service\n"));
	assert_null(strstr(warnings, "\"web\""));
}

/* ---- the command ---- */

/* Only its address counts here. */
static struct command one;

/* Scans, and adds a command found at that path. Returns the name that it gets. */
static const char *add_command(const char *path)
{
	size_t len;

	scan();
	assert_int_equal(problems.len, 0);
	len = svdir.len;
	assert_int_equal(svdir_add_command(&svdir, path, &one), 0);
	assert_int_equal(svdir.len, len + 1);
	return svdir.entries[len].name;
}

static void test_svdir_add_command_is_the_last_entry(void **state)
{
	const struct svdir_entry *entry;

	(void)state;
	put("web/run", 0755);
	put("zoo/run", 0755);
	assert_string_equal(add_command("/usr/bin/psql"), "psql");
	assert_string_equal(svdir.entries[0].name, "web");
	assert_string_equal(svdir.entries[1].name, "zoo");
	assert_null(svdir.entries[0].command);
	assert_null(svdir.entries[1].command);
	assert_path(svdir.entries[1].run, "zoo/run");
	entry = &svdir.entries[2];
	assert_ptr_equal(entry->command, &one);
	assert_int_equal(entry->down_signal, SIGTERM);
	assert_int_equal(entry->notification_fd, 0);
	assert_false(entry->optional);
	assert_false(entry->down);
	assert_true(!entry->dir && !entry->run && !entry->terminate && !entry->log_dir &&
		    !entry->log_run && !entry->finish && !entry->prestop && !entry->check);
	for (int i = 0; i < SVDIR_CONTROLS; i++)
		assert_null(entry->control[i]);
}

static void test_svdir_add_command_has_the_base_name(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{ "sh", "sh" },
		{ "/bin/sh", "sh" },
		{ "./my app", "my app" },
		{ "../a.b-c", "a.b-c" },
		{ "//x", "x" },
		/* dinit's own name stands for dinit itself */
		{ "dinit", "command" },
		{ "/sbin/dinit", "command" },
		{ "dinit2", "dinit2" },
		/* what ends in a slash has none, nor has nothing */
		{ "/bin/", "command" },
		{ "/", "command" },
		{ "", "command" },
		/* what a message and a label can show */
		{ "/bin/\xc3\xa9", "\xc3\xa9" },
		{ "a\nb\x1b[m\x7f", "a?b?[m?" },
		{ "\xff", "?" },
		{ "\xc3", "?" },
		{ "a\\x", "a\\x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(add_command(cases[i].path), cases[i].name);
}

/* Also of services that are not started: what is said of them must not be taken for the
 * command's. */
static void test_svdir_add_command_does_not_have_the_name_of_a_service(void **state)
{
	(void)state;
	put("psql/run", 0755);
	put("psql/down", 0755);
	put("psql2/run", 0755);
	put("?/run", 0755);
	assert_string_equal(add_command("/usr/bin/psql"), "command");
	assert_string_equal(add_command("psq"), "psq");
	assert_string_equal(add_command("psql22"), "psql22");
	assert_string_equal(add_command("Psql"), "Psql");
	assert_string_equal(add_command("/opt/\x01"), "command");
	put("command/run", 0755);
	put("command/down", 0755);
	assert_string_equal(add_command("/usr/bin/psql"), "command2");
	assert_string_equal(add_command("command"), "command2");
	assert_string_equal(add_command(""), "command2");
	assert_string_equal(add_command("sh"), "sh");
	for (int i = 2; i < 12; i++) {
		char run[40];

		snprintf(run, sizeof run, "command%d/run", i);
		put(run, 0755);
	}
	assert_string_equal(add_command("psql"), "command12");
	assert_string_equal(add_command("command3"), "command12");
	assert_string_equal(add_command("command12"), "command12");
}

/* As long as a service's may be, and cut between two characters. */
static void test_svdir_add_command_long_name_is_cut(void **state)
{
	char path[400] = "/bin/", run[300], *name = path + strlen(path);

	(void)state;
	memset(name, 'n', 255);
	assert_string_equal(add_command(path), name);
	/* that of a service, too */
	snprintf(run, sizeof run, "%s/run", name);
	put(run, 0755);
	assert_string_equal(add_command(path), "command");
	memset(name, 'n', 300);
	add_command(path);
	name[252] = '\0';
	strcat(name, "...");
	assert_string_equal(svdir.entries[1].name, name);
	for (int i = 0; i < 100; i++)
		memcpy(name + 3 * i, "\xe2\x82\xac", 3);
	name[300] = '\0';
	add_command(path);
	name[252] = '\0';
	strcat(name, "...");
	assert_string_equal(svdir.entries[1].name, name);
}

static void test_svdir_add_command_needs_no_directory(void **state)
{
	struct svdir alone = { .entries = NULL };

	(void)state;
	assert_int_equal(svdir_add_command(&alone, "/bin/sh", &one), 0);
	assert_int_equal(alone.len, 1);
	assert_string_equal(alone.entries[0].name, "sh");
	assert_ptr_equal(alone.entries[0].command, &one);
	svdir_free(&alone);
	/* nor a service in it */
	assert_string_equal(add_command("/bin/sh"), "sh");
	assert_int_equal(svdir.len, 1);
}

static void test_svdir_add_command_without_memory_leaves_the_services(void **state)
{
	(void)state;
	put("web/run", 0755);
	for (unsigned n = 1; n <= 2; n++) {
		scan();
		failing_allocation = n;
		assert_int_equal(svdir_add_command(&svdir, "sh", &one), -1);
		assert_int_equal(failing_allocation, 0);
		assert_int_equal(svdir.len, 1);
		assert_string_equal(svdir.entries[0].name, "web");
		assert_int_equal(svdir_add_command(&svdir, "sh", &one), 0);
		assert_string_equal(svdir.entries[1].name, "sh");
	}
}

static void test_svdir_is_skipped_star_is_every_service(void **state)
{
	char web[] = "web", star[] = "*";
	const struct svdir_entry service = { .name = web }, odd = { .name = star };

	(void)state;
	assert_true(svdir_is_skipped(&service, "*"));
	assert_true(svdir_is_skipped(&service, "db,*"));
	assert_true(svdir_is_skipped(&service, ",*,db"));
	assert_true(svdir_is_skipped(&odd, "*"));
	/* it is no pattern, and no part of a name */
	assert_false(svdir_is_skipped(&service, "w*"));
	assert_false(svdir_is_skipped(&service, "**"));
	assert_false(svdir_is_skipped(&service, " *"));
	assert_false(svdir_is_skipped(&odd, "web"));
}

static void test_svdir_is_skipped_never_the_command(void **state)
{
	char name[] = "sh";
	const struct svdir_entry entry = { .name = name, .command = &one };

	(void)state;
	assert_false(svdir_is_skipped(&entry, "sh"));
	assert_false(svdir_is_skipped(&entry, "*"));
	assert_false(svdir_is_skipped(&entry, "sh,*"));
}

static void test_svdir_warn_of_skip_knows_the_star_and_no_command(void **state)
{
	char db[] = "db", sh[] = "sh";
	struct svdir_entry entries[] = { { .name = db }, { .name = sh, .command = &one } };
	const struct svdir two = { .entries = entries, .len = 2 }, none = { .entries = NULL };

	(void)state;
	*warnings = '\0';
	log_set_writer(on_line, NULL);
	svdir_warn_of_skip(&two, "*");
	svdir_warn_of_skip(&two, "*,db");
	svdir_warn_of_skip(&none, "*");
	assert_string_equal(warnings, "");
	svdir_warn_of_skip(&two, "db,sh");
	assert_non_null(
		strstr(warnings, " DINIT_SKIP names \"sh\", but there is no such service\n"));
	*warnings = '\0';
	svdir_warn_of_skip(&two, "**");
	log_set_writer(NULL, NULL);
	assert_non_null(strstr(warnings, " DINIT_SKIP names \"**\", but there is no such"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_svdir_scan_minimal_service_has_only_run),
	TEST(test_svdir_scan_full_service_has_every_part),
	TEST(test_svdir_scan_other_files_are_ignored),
	TEST(test_svdir_scan_optional_may_be_any_file),
	TEST(test_svdir_scan_down_signal_is_read),
	TEST(test_svdir_scan_down_signal_that_is_none_is_a_problem),
	TEST(test_svdir_scan_down_signal_that_is_too_long_is_a_problem),
	TEST(test_svdir_scan_down_signal_that_is_no_regular_file_is_a_problem),
	TEST(test_svdir_scan_down_signal_that_is_replaced_does_not_block),
	TEST(test_svdir_scan_down_signal_without_permission_is_a_problem),
	TEST(test_svdir_scan_notification_fd_is_read),
	TEST(test_svdir_scan_notification_fd_that_is_none_is_a_problem),
	TEST(test_svdir_scan_notification_fd_that_cannot_be_read_is_a_problem),
	TEST(test_svdir_scan_control_t_stands_in_for_terminate),
	TEST(test_svdir_scan_parts_that_are_no_directories_are_ignored),
	TEST(test_svdir_scan_entries_are_sorted_by_bytes),
	TEST(test_svdir_scan_what_is_no_service_is_skipped),
	TEST(test_svdir_scan_run_without_a_directory_gets_a_warning),
	TEST(test_svdir_scan_service_of_the_name_run_gets_no_warning),
	TEST(test_svdir_scan_lost_and_found_is_skipped),
	TEST(test_svdir_scan_closed_lost_and_found_is_skipped),
	TEST(test_svdir_scan_names_like_lost_and_found_are_services),
	TEST(test_svdir_scan_volume_of_links_is_a_service),
	TEST(test_svdir_scan_links_count_as_what_they_lead_to),
	TEST(test_svdir_scan_dangling_link_is_a_problem),
	TEST(test_svdir_scan_missing_run_is_a_problem),
	TEST(test_svdir_scan_s6_rc_directory_without_run_is_named),
	TEST(test_svdir_scan_s6_rc_directory_of_links_is_named),
	TEST(test_svdir_scan_s6_rc_longrun_is_a_service),
	TEST(test_svdir_scan_part_that_cannot_be_executed_is_a_problem),
	TEST(test_svdir_scan_control_t_is_examined_beside_terminate),
	TEST(test_svdir_scan_service_that_is_down_is_examined),
	TEST(test_svdir_scan_every_problem_is_reported),
	TEST(test_svdir_scan_bad_name_is_a_problem),
	TEST(test_svdir_scan_unusual_name_is_accepted),
	TEST(test_svdir_scan_relative_path_is_made_absolute),
	TEST(test_svdir_scan_absolute_path_keeps_its_form),
	TEST(test_svdir_scan_root_directory_has_one_slash),
	TEST(test_svdir_scan_directory_that_is_none_is_a_problem),
	TEST(test_svdir_scan_unreadable_entries_are_a_problem),
	TEST(test_svdir_scan_lost_current_directory_is_a_problem),
	TEST(test_svdir_scan_path_too_long_is_a_problem),
	TEST(test_svdir_scan_file_path_too_long_is_a_problem),
	TEST(test_svdir_scan_no_permission_is_one_problem),
	TEST(test_svdir_scan_noexec_mount_is_named),
	TEST(test_svdir_scan_what_cannot_be_checked_is_a_problem),
	TEST(test_svdir_scan_lack_of_memory_is_one_problem),
	TEST(test_svdir_scan_contents_looks_into_every_program),
	TEST(test_svdir_scan_contents_warns_of_supervise),
	TEST(test_svdir_scan_contents_warns_of_what_env_does_not_find),
	TEST(test_svdir_scan_contents_warns_of_supervise_in_finish),
	TEST(test_svdir_scan_contents_warns_of_every_service),
	TEST(test_svdir_scan_contents_does_not_warn_of_what_works),
	TEST(test_svdir_scan_contents_warns_of_the_program_that_is_run),
	TEST(test_svdir_free_nothing_is_harmless),
	TEST(test_svdir_is_skipped_whole_names_only),
	TEST(test_svdir_warn_of_skip_names_what_is_unknown),
	TEST(test_svdir_add_command_is_the_last_entry),
	TEST(test_svdir_add_command_has_the_base_name),
	TEST(test_svdir_add_command_does_not_have_the_name_of_a_service),
	TEST(test_svdir_add_command_long_name_is_cut),
	TEST(test_svdir_add_command_needs_no_directory),
	TEST(test_svdir_add_command_without_memory_leaves_the_services),
	TEST(test_svdir_is_skipped_star_is_every_service),
	TEST(test_svdir_is_skipped_never_the_command),
	TEST(test_svdir_warn_of_skip_knows_the_star_and_no_command),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
