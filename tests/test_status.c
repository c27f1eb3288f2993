/* SPDX-License-Identifier: ISC */
/* status.c over snapshots that the test makes, with what it prints caught in memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/status.h"
#include "client/usage.h"
#include "client/view.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ARGUMENTS_MAX 8
#define SERVICES_MAX 80
#define SECOND 1000ULL

/* ---- what is taken ---- */

/* What is looked at, and what the services use; NULL: there is no memory. */
static struct snapshot shown;
static struct view_service services[SERVICES_MAX];
static struct usage usages[SERVICES_MAX];
static bool nothing_runs, no_usage, calloc_fails;
/* Whether /proc is of no use, whether it does not show dinit, and the state that it shows. */
static bool proc_unusable, hidden;
static char dinit_state;
/* The columns of the terminal; 0: there is none. */
static unsigned short columns;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);
struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot);
uint64_t __wrap_view_age_ms(const struct board_time *time);
bool __wrap_procfs_usable(const struct procfs *proc);
int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);
int __wrap_isatty(int fd);
int __wrap_ioctl(int fd, unsigned long request, struct winsize *size);

void *__wrap_calloc(size_t count, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(count, size);
}

int __wrap_view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	snprintf(why, VIEW_WHY_SIZE, "nothing with PID %d", (int)pid);
	if (nothing_runs)
		return -1;
	*snapshot = shown;
	snapshot->list = __real_calloc(SERVICES_MAX, sizeof *services);
	memcpy(snapshot->list, services, sizeof services);
	return 0;
}

struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot)
{
	struct usage *measured;

	assert_string_equal(proc->root, "/proc");
	if (no_usage)
		return NULL;
	measured = __real_calloc(SERVICES_MAX, sizeof *measured);
	assert_non_null(measured);
	for (size_t i = 0; i < snapshot->len; i++)
		measured[i] = usages[snapshot->list[i].entry.pid];
	return measured;
}

/* The moments of this test are how long ago they were. */
uint64_t __wrap_view_age_ms(const struct board_time *time)
{
	return time->monotonic_ms;
}

bool __wrap_procfs_usable(const struct procfs *proc)
{
	assert_string_equal(proc->root, "/proc");
	return !proc_unusable;
}

int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat)
{
	assert_string_equal(proc->root, "/proc");
	assert_int_equal(pid, 1);
	stat->state = dinit_state;
	return hidden ? -1 : 0;
}

int __wrap_isatty(int fd)
{
	return fd == STDOUT_FILENO && columns > 0;
}

int __wrap_ioctl(int fd, unsigned long request, struct winsize *size)
{
	assert_int_equal(fd, STDOUT_FILENO);
	assert_int_equal(request, TIOCGWINSZ);
	*size = (struct winsize){ .ws_col = columns };
	return 0;
}

/* ---- the rig ---- */

/* What was printed. */
static char *out, *err;

static int setup(void **state)
{
	(void)state;
	memset(services, 0, sizeof services);
	memset(usages, 0, sizeof usages);
	shown = (struct snapshot){
		.header = { .pid = 1,
			    .dinit_version = "0.2.0",
			    .state = BOARD_WHOLE_RUNNING,
			    .ready = true,
			    .started = { .monotonic_ms = 192 * SECOND },
			    .since = { .monotonic_ms = 2 * SECOND } },
	};
	nothing_runs = no_usage = calloc_fails = false;
	proc_unusable = hidden = false;
	dinit_state = 'S';
	columns = 0;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(out);
	free(err);
	out = err = NULL;
	return 0;
}

/* Adds a service with a PID that is its place, which finds its usage. */
static struct view_service *add(const char *name, enum board_state state, const char *reason)
{
	struct view_service *service = &services[shown.len];

	*service = (struct view_service){
		.name = name,
		.reason = reason,
		.entry = { .state = state,
			   .pid = (int32_t)shown.len,
			   .exit_status = -1,
			   .since = { .monotonic_ms = 12 * SECOND } },
	};
	usages[shown.len] = (struct usage){ .known = true };
	shown.len++;
	shown.services++;
	return service;
}

/* Runs --status with these arguments, separated by spaces, and standard streams that are memory.
 * Returns the exit status. */
static int run(const char *line)
{
	FILE *old_out = stdout, *old_err = stderr;
	char copy[80], *arguments[ARGUMENTS_MAX] = { NULL };
	size_t out_len, err_len, len = 0;
	int status;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		arguments[len++] = word;

	free(out);
	free(err);
	stdout = open_memstream(&out, &out_len);
	stderr = open_memstream(&err, &err_len);
	status = status_run(arguments, 0);
	fclose(stdout);
	fclose(stderr);
	stdout = old_out;
	stderr = old_err;
	return status;
}

/* Expects each line that was printed to have at most that width. */
static void expect_width(size_t width)
{
	size_t chars = 0;

	for (const char *byte = out; *byte; byte++) {
		if (*byte == '\n')
			chars = 0;
		else
			chars += (*byte & 0xc0) != 0x80;
		assert_true(chars <= width);
	}
}

/* ---- the table ---- */

static void test_status_table_is_aligned(void **state)
{
	(void)state;
	add("none", BOARD_DOWN, "");
	add("db", BOARD_READY, "")->entry.streams[0].lines = 41;
	usages[1] = (struct usage){
		.known = true, .processes = 3, .cpu_ms = 61234, .memory_bytes = 12900000
	};
	services[1].entry.streams[1].lines = 1;
	add("webserver", BOARD_UNREADY, "exited with status 1");
	usages[2].known = false;
	services[2].entry.since.monotonic_ms = 3 * 86400 * SECOND + 5 * 3600 * SECOND;
	assert_int_equal(run(""), 0);
	assert_string_equal(
		out, "dinit 0.2.0 (PID 1), running for 3m12s: 1 of 2 services is "
		     "not ready\n"
		     "NAME       STATE    PID   FOR   CPU  MEMORY  LINES  REASON\n"
		     "none       down       -   12s     -       -      0\n"
		     "db         ready      1   12s  1m1s   12.3M     42\n"
		     "webserver  unready    2  3d5h     -       -      0  exited with status 1\n");
	assert_string_equal(err, "");
}

static void test_status_adopted_that_have_no_row_are_counted(void **state)
{
	(void)state;
	add("web", BOARD_READY, "");
	run("");
	assert_null(strstr(out, "listed"));
	shown.header.counts.adopted_unlisted = 1;
	assert_int_equal(run(""), 0);
	assert_non_null(strstr(out, "      0\n1 more adopted process is not listed\n"));
	shown.header.counts.adopted_unlisted = 86;
	run("");
	assert_non_null(strstr(out, "      0\n86 more adopted processes are not listed\n"));
	/* (Of others nothing is said.) */
	run("web");
	assert_null(strstr(out, "listed"));
	run("--json web");
	assert_non_null(strstr(out, ",\"adopted\":[],\"adopted_unlisted\":86,"));
}

static void test_status_pid_of_a_finish_is_shown(void **state)
{
	struct view_service *service = add("web", BOARD_FINISHING, "");

	(void)state;
	service->entry.finish_pid = 77;
	assert_int_equal(run(""), 0);
	assert_non_null(strstr(out, "web   finishing   77  12s"));
}

static void test_status_amounts_are_short(void **state)
{
	static const struct {
		uint64_t lines;
		const char *expected;
	} cases[] = {
		{ 999, "    999\n" },        { 1000, "   1.0k\n" },   { 99999, "  99.9k\n" },
		{ 100000, "   100k\n" },     { 999999, "   999k\n" }, { 1234567, "   1.2M\n" },
		{ UINT64_MAX, "  18.4E\n" },
	};

	(void)state;
	add("web", BOARD_READY, "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].expected);

		services[0].entry.streams[0].lines = cases[i].lines;
		run("");
		assert_true(strlen(out) > len);
		assert_string_equal(out + strlen(out) - len, cases[i].expected);
	}
}

static void test_status_times_are_short(void **state)
{
	static const struct {
		uint64_t ms;
		const char *expected;
	} cases[] = {
		{ 0, " 0s " },
		{ 59999, " 59s " },
		{ 60000, " 1m0s " },
		{ 3600 * SECOND - 1, " 59m59s " },
		{ 3600 * SECOND, " 1h0m " },
		{ 86400 * SECOND - 1, " 23h59m " },
		{ 86400 * SECOND, " 1d0h " },
	};

	(void)state;
	add("web", BOARD_READY, "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		services[0].entry.since.monotonic_ms = cases[i].ms;
		run("");
		assert_non_null(strstr(out, cases[i].expected));
	}
}

static void test_status_processor_times_are_short(void **state)
{
	static const struct {
		uint64_t ms;
		const char *expected;
	} cases[] = {
		{ 0, "  0.0s " },      { 99, "  0.0s " },      { 1234, "  1.2s " },
		{ 59999, "  59.9s " }, { 60000, "  1m0s " },   { 50999, "  50.9s " },
		{ 55000, "  55.0s " }, { 7500000, "  2h5m " },
	};

	(void)state;
	add("web", BOARD_READY, "");
	usages[0].processes = 1;
	for (size_t i = 0; i < COUNT(cases); i++) {
		usages[0].cpu_ms = cases[i].ms;
		run("");
		assert_non_null(strstr(out, cases[i].expected));
	}
}

static char long_text[600];

static const char *make_long(const char *part)
{
	long_text[0] = '\0';
	while (strlen(long_text) + strlen(part) < sizeof long_text)
		strcat(long_text, part);
	return long_text;
}

static void test_status_long_texts_fit_eighty_columns(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	columns = 80;
	add("web", BOARD_UNREADY, make_long("\xc3\xa9t "));
	add("db", BOARD_READY, "");
	run("");
	expect_width(80);
	assert_non_null(strstr(out, "...\n"));
	/* With a long name as well, both are cut. */
	services[1].name = long_text;
	services[1].entry.pid = INT32_MAX % SERVICES_MAX;
	services[1].entry.since.monotonic_ms = UINT64_MAX;
	services[1].entry.streams[0].lines = UINT64_MAX;
	run("");
	expect_width(80);
	assert_non_null(strstr(out, "...  ready"));
}

/* Of what is exactly as wide as there is room nothing is cut. */
static void test_status_texts_that_just_fit_are_whole(void **state)
{
	static const char wide[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678";
	size_t room, name_width;
	char *line;

	(void)state;
	setenv("NO_COLOR", "1", 1);
	columns = 80;
	add("web", BOARD_READY, "");
	run("");
	/* What stands before the reason, of which the name column takes four. */
	room = 80 - (size_t)(strstr(out, "REASON") - strstr(out, "NAME"));
	services[0].reason = wide + sizeof wide - 1 - room;
	run("");
	expect_width(80);
	assert_null(strstr(out, "..."));
	services[0].reason = wide + sizeof wide - 2 - room;
	run("");
	expect_width(80);
	assert_non_null(strstr(out, "...\n"));
	/* Sixteen columns are left for reasons. */
	name_width = room + strlen("NAME") - 16;
	services[0].name = wide + sizeof wide - 1 - name_width;
	run("");
	expect_width(80);
	line = strrchr(out, '.') - 15;
	assert_int_equal(strlen(line), 17);
	assert_non_null(strstr(out, services[0].name));
	services[0].name--;
	run("");
	expect_width(80);
	assert_null(strstr(out, services[0].name));
}

/* Whoever reads a file, or what docker exec without -t prints, wants to know the end of it. */
static void test_status_reason_is_whole_where_there_is_no_terminal(void **state)
{
	char line[sizeof long_text + 2];

	(void)state;
	add("web", BOARD_UNREADY, make_long("x"));
	add("db", BOARD_UNREADY, "short");
	run("");
	snprintf(line, sizeof line, " %s\n", long_text);
	assert_non_null(strstr(out, line));
	assert_non_null(strstr(out, " short\n"));
	/* A name still is cut. */
	services[1].name = long_text;
	run("");
	assert_non_null(strstr(out, "...  unready"));
}

static void test_status_wide_terminal_is_used(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	add("web", BOARD_UNREADY, make_long("x"));
	columns = 132;
	run("");
	expect_width(132);
	assert_int_equal(strlen(strstr(out, "\nweb ")), 1 + 132 + 1);
	columns = 20;
	run("");
	expect_width(80);
}

static void test_status_terminal_has_colours(void **state)
{
	static const char *const words[] = { "\033[33mstarting",  "\033[32mready",
					     "\033[31munready",   "\033[33mstopping",
					     "\033[33mfinishing", "\033[2mdisabled",
					     "\033[31mended",     "\033[2mdown",
					     "\033[2mskipped" };

	(void)state;
	columns = 80;
	for (size_t i = 0; i < BOARD_STATES; i++)
		add("web", (enum board_state)i, "");
	run("");
	for (size_t i = 0; i < COUNT(words); i++)
		assert_non_null(strstr(out, words[i]));
	setenv("TERM", "dumb", 1);
	run("");
	assert_null(strchr(out, '\033'));
	unsetenv("TERM");
	run("");
	assert_null(strchr(out, '\033'));
	setenv("TERM", "xterm", 1);
	setenv("NO_COLOR", "1", 1);
	run("");
	assert_null(strchr(out, '\033'));
	setenv("NO_COLOR", "", 1);
	run("");
	assert_non_null(strchr(out, '\033'));
}

static void test_status_without_usage_shows_the_rest(void **state)
{
	(void)state;
	add("web", BOARD_READY, "");
	no_usage = true;
	assert_int_equal(run(""), 0);
	assert_non_null(strstr(out, "web   ready    -  12s    -       -      0\n"));
}

/* ---- the sentence ---- */

static void expect_sentence(const char *sentence)
{
	run("");
	if (strncmp(out, sentence, strlen(sentence)) != 0)
		print_error("%s", out);
	assert_memory_equal(out, sentence, strlen(sentence));
}

static void test_status_sentence_says_how_all_are(void **state)
{
	(void)state;
	add("web", BOARD_READY, "");
	add("skipped", BOARD_SKIPPED, "");
	expect_sentence("dinit 0.2.0 (PID 1), running for 3m12s: all services are ready\n");
	add("db", BOARD_STARTING, "");
	add("mail", BOARD_STARTING, "");
	shown.header.state = BOARD_WHOLE_STARTING;
	expect_sentence("dinit 0.2.0 (PID 1), starting for 3m12s: 2 of 3 services are not "
			"ready\n");
	shown.header.state = BOARD_WHOLE_STOPPING;
	strcpy(shown.header.cause, "db: PID 7 exited with status 2");
	expect_sentence("dinit 0.2.0 (PID 1), stopping for 2s: db: PID 7 exited with status "
			"2\n");
	shown.header.state = BOARD_WHOLE_DELAYING;
	strcpy(shown.header.cause, "signal 15");
	expect_sentence("dinit 0.2.0 (PID 1), delaying its stop for 2s: signal 15\n");
}

static void test_status_sentence_without_a_cause_says_how_all_are(void **state)
{
	(void)state;
	add("web", BOARD_READY, "");
	shown.header.state = BOARD_WHOLE_STOPPING;
	expect_sentence("dinit 0.2.0 (PID 1), stopping for 2s: all services are ready\n");
	shown.header.state = BOARD_WHOLE_RUNNING;
	strcpy(shown.header.cause, "none");
	expect_sentence("dinit 0.2.0 (PID 1), running for 3m12s: all services are ready\n");
}

static void test_status_sentence_says_that_dinit_is_stopped(void **state)
{
	static const char running[] =
		"dinit 0.2.0 (PID 1), running for 3m12s: all services are ready\n";

	(void)state;
	add("web", BOARD_READY, "");
	dinit_state = 't';
	expect_sentence(running);
	dinit_state = 'T';
	expect_sentence("dinit is stopped by a signal (kill -CONT 1 lets it go on)\n"
			"dinit 0.2.0 (PID 1), running for 3m12s: all services are ready\n");
	hidden = true;
	expect_sentence(running);
	hidden = false;
	proc_unusable = true;
	expect_sentence(running);
}

static void test_status_sentence_fills_its_line(void **state)
{
	static const char start[] = "dinit 0.2.0 (PID 1), stopping for 2s: ";
	size_t len = 80 - strlen(start);

	(void)state;
	shown.header.state = BOARD_WHOLE_STOPPING;
	memset(shown.header.cause, 'x', len);
	run("");
	assert_int_equal(strcspn(out, "\n"), 80);
	shown.header.cause[len] = 'x';
	run("");
	assert_int_equal(strcspn(out, "\n"), strlen(start) - 1);
	/* The second line is filled as well. */
	memset(shown.header.cause, 'x', 80);
	shown.header.cause[45] = ' ';
	run("");
	assert_int_equal(strcspn(strchr(out, '\n') + 1, "\n"), 80);
	shown.header.cause[80] = 'x';
	run("");
	assert_int_equal(strcspn(strchr(out, '\n') + 1, "\n"), 45);
}

static void test_status_long_cause_is_broken_at_spaces(void **state)
{
	(void)state;
	shown.header.state = BOARD_WHOLE_STOPPING;
	memcpy(shown.header.cause, make_long("word  "), sizeof long_text);
	run("");
	expect_width(80);
	assert_null(strstr(out, "..."));
	assert_null(strstr(out, " \n"));
	/* A word that is too long is not. */
	memcpy(shown.header.cause, make_long("x"), sizeof long_text);
	run("");
	assert_non_null(strstr(out, long_text));
}

/* ---- the judgement, and names ---- */

static void test_status_all_is_judged_by_dinit(void **state)
{
	(void)state;
	add("web", BOARD_UNREADY, "");
	shown.header.ready = true;
	assert_int_equal(run(""), 0);
	shown.header.ready = false;
	assert_int_equal(run(""), 1);
	assert_int_equal(run("--json"), 1);
}

static void test_status_names_alone_are_shown_and_judged(void **state)
{
	(void)state;
	add("db", BOARD_READY, "");
	add("web", BOARD_UNREADY, "");
	add("migrate", BOARD_DISABLED, "")->entry.flags = BOARD_FLAG_DONE;
	add("off", BOARD_DOWN, "");
	shown.header.ready = false;
	assert_int_equal(run("db"), 0);
	/* (Of others nothing is said.) */
	assert_non_null(strstr(out, "dinit 0.2.0 (PID 1), running for 3m12s\nNAME "));
	assert_non_null(strstr(out, "\ndb "));
	assert_null(strstr(out, "\nweb "));
	assert_int_equal(run("migrate db"), 0);
	assert_true(strstr(out, "\nmigrate ") < strstr(out, "\ndb "));
	assert_int_equal(run("db web"), 1);
	assert_int_equal(run("off"), 1);
	assert_int_equal(run("--json db"), 0);
	assert_non_null(strstr(out, "\"services\":[{\"name\":\"db\","));
	assert_null(strstr(out, "\"web\""));
	shown.header.state = BOARD_WHOLE_STOPPING;
	strcpy(shown.header.cause, "signal 15");
	assert_int_equal(run("db"), 0);
	assert_non_null(strstr(out, "dinit 0.2.0 (PID 1), stopping for 2s: signal 15\n"));
}

static void test_status_name_that_is_given_twice_has_one_row(void **state)
{
	(void)state;
	add("db", BOARD_READY, "");
	add("web", BOARD_READY, "");
	usages[1] = (struct usage){ .known = true, .processes = 3, .memory_bytes = 2048 };
	assert_int_equal(run("web db web web"), 0);
	assert_string_equal(strchr(out, '\n') + 1,
			    "NAME  STATE  PID  FOR   CPU  MEMORY  LINES  REASON\n"
			    "web   ready    1  12s  0.0s    2.0k      0\n"
			    "db    ready    -  12s     -       -      0\n");
	assert_int_equal(run("--json web web"), 0);
	assert_non_null(strstr(out, "\"memory_bytes\":2048,"));
	assert_ptr_equal(strstr(strstr(out, "{\"name\"") + 1, "{\"name\""), NULL);
}

static void test_status_unknown_name_is_told_the_nearest(void **state)
{
	(void)state;
	add("database", BOARD_READY, "");
	add("web", BOARD_READY, "");
	assert_int_equal(run("web databsae"), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "dinit: there is no service databsae; did you mean database?\n");
	assert_int_equal(run("x\ny12345"), 1);
	assert_string_equal(err, "dinit: there is no service x?y12345\n");
	/* The first of those that are as close, and one that is closer. */
	add("alpha1", BOARD_READY, "");
	add("alpha2", BOARD_READY, "");
	assert_int_equal(run("alpha3"), 1);
	assert_string_equal(err, "dinit: there is no service alpha3; did you mean alpha1?\n");
	assert_int_equal(run("alpha22"), 1);
	assert_string_equal(err, "dinit: there is no service alpha22; did you mean alpha2?\n");
}

static void test_status_option_that_is_none_is_no_name(void **state)
{
	(void)state;
	add("web", BOARD_READY, "");
	add("-bash/7", BOARD_READY, "");
	assert_int_equal(run("--jsn"), -1);
	assert_int_equal(run("-j web"), -1);
	assert_int_equal(run("web --json"), -1);
	assert_int_equal(run("--json --json"), -1);
	assert_string_equal(out, "");
	assert_string_equal(err, "");
	assert_int_equal(run("-bash/7"), 0);
	/* That there is no dinit matters less. */
	nothing_runs = true;
	assert_int_equal(run("--jsn"), -1);
}

static void test_status_without_a_dinit_says_so(void **state)
{
	(void)state;
	nothing_runs = true;
	assert_int_equal(run(""), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "dinit: nothing with PID 0\n");
}

static void test_status_without_memory_says_so(void **state)
{
	(void)state;
	add("web", BOARD_READY, "");
	calloc_fails = true;
	assert_int_equal(run("web"), 1);
	assert_string_equal(err, "dinit: there is no memory\n");
}

#define STATUS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATUS_TEST(test_status_table_is_aligned),
		STATUS_TEST(test_status_pid_of_a_finish_is_shown),
		STATUS_TEST(test_status_adopted_that_have_no_row_are_counted),
		STATUS_TEST(test_status_name_that_is_given_twice_has_one_row),
		STATUS_TEST(test_status_amounts_are_short),
		STATUS_TEST(test_status_times_are_short),
		STATUS_TEST(test_status_processor_times_are_short),
		STATUS_TEST(test_status_texts_that_just_fit_are_whole),
		STATUS_TEST(test_status_sentence_without_a_cause_says_how_all_are),
		STATUS_TEST(test_status_sentence_says_that_dinit_is_stopped),
		STATUS_TEST(test_status_sentence_fills_its_line),
		STATUS_TEST(test_status_long_texts_fit_eighty_columns),
		STATUS_TEST(test_status_reason_is_whole_where_there_is_no_terminal),
		STATUS_TEST(test_status_wide_terminal_is_used),
		STATUS_TEST(test_status_terminal_has_colours),
		STATUS_TEST(test_status_without_usage_shows_the_rest),
		STATUS_TEST(test_status_sentence_says_how_all_are),
		STATUS_TEST(test_status_long_cause_is_broken_at_spaces),
		STATUS_TEST(test_status_all_is_judged_by_dinit),
		STATUS_TEST(test_status_names_alone_are_shown_and_judged),
		STATUS_TEST(test_status_unknown_name_is_told_the_nearest),
		STATUS_TEST(test_status_option_that_is_none_is_no_name),
		STATUS_TEST(test_status_without_a_dinit_says_so),
		STATUS_TEST(test_status_without_memory_says_so),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
