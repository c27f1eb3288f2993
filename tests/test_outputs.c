/* SPDX-License-Identifier: ISC */
/* outputs.c with real pipes on descriptors 1 and 2, driven by the real loop, in one thread: which
 * reader takes what is decided turn by turn. The clocks and memory are scripted by the linker's
 * --wrap. */
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "outlets.h"
#include "outputs.h"

/* One to see what is ready, one for what that made ready, one to be sure. */
#define QUIET_TURNS 3
/* More: it spins. */
#define TURNS_MAX 200000
#define SECOND 1795327420
#define STAMP "2026-11-22T06:03:40.642Z"
#define STAMP_5 "2026-11-22T06:03:45.642Z"
#define LEVELLED(text, stamp) \
	"{\"level\":\"warning\",\"message\":\"" text \
	"\",\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"" stamp "\"}\n"
#define STDOUT 0
#define STDERR 1

/* ---- what the kernel and libc are made to say ---- */

/* Of both clocks; the wall clock stands still but for this. */
static int64_t clock_offset_ms;
/* How many calls succeed before one fails; -1: all do. */
static int memory_until_failure = -1;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_REALTIME) {
		*now = (struct timespec){ SECOND + clock_offset_ms / 1000,
					  (642 + clock_offset_ms % 1000) * 1000000 };
		return 0;
	}
	__real_clock_gettime(clock, now);
	now->tv_sec += clock_offset_ms / 1000;
	return 0;
}

void *__wrap_malloc(size_t size)
{
	if (memory_until_failure >= 0 && memory_until_failure-- == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_malloc(size);
}

/* ---- the rig: outputs on descriptors 1 and 2, readers behind them ---- */

struct rig {
	struct loop loop;
	struct config config;
	struct outputs outputs;
	/* Of stdout and stderr. */
	struct reader readers[2];
	int saved[2];
	bool open, ended;
	int quiet, turns;
};

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	sigset_t none;

	clock_offset_ms = 0;
	memory_until_failure = -1;
	log_set_level(CONFIG_LOG_WARN);
	log_set_form(LINE_MESSAGE_TEXT);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		rig->saved[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 3);
		reader_open(&rig->readers[i], STDOUT_FILENO + i);
	}
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	fflush(NULL);
	log_set_writer(NULL, NULL);
	if (rig->open)
		outputs_close(&rig->outputs);
	loop_close(&rig->loop);
	for (int i = 0; i < 2; i++) {
		dup2(rig->saved[i], STDOUT_FILENO + i);
		close(rig->saved[i]);
		reader_close(&rig->readers[i]);
	}
	free(rig);
	return 0;
}

static void open_outputs(struct rig *rig, enum config_stdout mode, bool out_closed, bool err_closed)
{
	const int fds[3] = { -1, out_closed ? -1 : STDOUT_FILENO, err_closed ? -1 : STDERR_FILENO };

	rig->config.stdout_mode = mode;
	assert_int_equal(outputs_open(&rig->outputs, &rig->loop, &rig->config, fds), 0);
	log_set_writer(outputs_write_own, &rig->outputs);
	rig->open = true;
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct rig *rig = ctx;
	bool any;

	for (size_t i = 0; i < rig->outputs.len; i++)
		outputs_flush(&rig->outputs, i);
	outputs_say_news(&rig->outputs, rig->ended);
	any = outputs_can_flush(&rig->outputs);
	for (size_t i = 0; i < rig->outputs.len; i++)
		if (!any && sink_can_flush(outputs_sink(&rig->outputs, i)))
			wrong("output %zu has something to write and would sleep", i);
	for (int i = 0; i < 2; i++)
		any |= reader_take(&rig->readers[i]);
	rig->quiet = any ? 0 : rig->quiet + 1;
	if (++rig->turns > TURNS_MAX)
		wrong("it spins");
	return rig->quiet < QUIET_TURNS ? LOOP_AGAIN : LOOP_STOP;
}

/* Until nothing moves any more. */
static void run(struct rig *rig)
{
	rig->quiet = rig->turns = 0;
	assert_int_equal(loop_run(&rig->loop, on_turn_end, rig), 0);
}

static void move_clock(struct rig *rig, int64_t ms)
{
	clock_offset_ms += ms;
	run(rig);
}

/* All readers read on, and no program's line comes any more. */
static void end(struct rig *rig)
{
	rig->readers[STDOUT].stalls = rig->readers[STDERR].stalls = false;
	rig->ended = true;
	run(rig);
}

/* Puts a program's line of len bytes. Returns whether there was room. */
static bool put(struct rig *rig, size_t place, size_t len)
{
	struct sink *sink = outputs_sink(&rig->outputs, place);
	char *room;

	if (!sink_is_open(sink)) {
		outputs_drop(&rig->outputs, place, len);
		return true;
	}
	room = sink_room(sink, len);
	if (!room)
		return false;
	memset(room, 'p', len - 1);
	room[len - 1] = '\n';
	sink_commit(sink, len);
	return true;
}

/* The reader stalls, and lines wait in the queue as far as they may. */
static void fill(struct rig *rig, size_t place)
{
	rig->readers[place].stalls = true;
	for (bool more = true; more;) {
		more = put(rig, place, 1000);
		if (!more)
			run(rig);
		more |= put(rig, place, 1000);
	}
}

static bool is_open(struct rig *rig, size_t place)
{
	return sink_is_open(outputs_sink(&rig->outputs, place));
}

/* ---- opening ---- */

static void test_outputs_open_same_open_file_is_one_output(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
	open_outputs(rig, CONFIG_STDOUT_JSON, false, false);
	assert_int_equal(rig->outputs.len, 1);
	assert_int_equal(outputs_stderr(&rig->outputs), OUTPUTS_STDOUT);
	log_warn("own");
	put(rig, outputs_stderr(&rig->outputs), 2);
	end(rig);
	assert_text(&rig->readers[STDOUT], STAMP " dinit: warning: own\np\n");
}

static void test_outputs_open_two_files_are_two_outputs(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_JSON, false, false);
	assert_int_equal(outputs_stderr(&rig->outputs), STDERR);
	log_warn("own");
	put(rig, OUTPUTS_STDOUT, 2);
	assert_false(outputs_are_empty(&rig->outputs));
	end(rig);
	assert_true(outputs_are_empty(&rig->outputs));
	assert_text(&rig->readers[STDOUT], "p\n");
	assert_text(&rig->readers[STDERR], STAMP " dinit: warning: own\n");
}

/* Returns whether an output writes to the file of that descriptor. */
static bool write_to(const struct rig *rig, int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return outputs_write_to(&rig->outputs, status.st_dev, status.st_ino);
}

static void test_outputs_write_to_what_they_were_opened_on(void **state)
{
	struct rig *rig = *state;
	int other = memfd_create("other", MFD_CLOEXEC), pair[2];

	/* On the same device as those that they write to. */
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	open_outputs(rig, CONFIG_STDOUT_JSON, false, false);
	assert_true(write_to(rig, STDOUT_FILENO));
	assert_true(write_to(rig, STDERR_FILENO));
	assert_false(write_to(rig, other));
	assert_false(write_to(rig, pair[1]));
	close(other);
	close(pair[0]);
	close(pair[1]);
}

static void test_outputs_write_to_a_terminal(void **state)
{
	struct rig *rig = *state;
	struct reader terminal = { .fd = -1 };

	reader_open_tty(&terminal, STDOUT_FILENO);
	open_outputs(rig, CONFIG_STDOUT_JSON, false, false);
	assert_true(write_to(rig, STDOUT_FILENO));
	reader_close(&terminal);
}

/* Anybody may have /dev/null from somewhere else. */
static void test_outputs_write_to_dev_null_is_no_matter(void **state)
{
	struct rig *rig = *state;
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null_fd, STDOUT_FILENO);
	open_outputs(rig, CONFIG_STDOUT_JSON, false, true);
	assert_false(write_to(rig, null_fd));
	close(null_fd);
}

/* A file is written to by that very descriptor, and not by one that is opened for it. */
static void test_outputs_open_writes_to_those_that_are_given(void **state)
{
	struct rig *rig = *state;
	int fds[3] = { -1, memfd_create("stdout", MFD_CLOEXEC),
		       memfd_create("stderr", MFD_CLOEXEC) };
	char text[3] = "";

	assert_int_equal(outputs_open(&rig->outputs, &rig->loop, &rig->config, fds), 0);
	rig->open = true;
	log_set_writer(outputs_write_own, &rig->outputs);
	log_warn("own");
	put(rig, OUTPUTS_STDOUT, 2);
	run(rig);
	assert_int_equal(pread(fds[1], text, sizeof text, 0), 2);
	assert_string_equal(text, "p\n");
	assert_int_equal(lseek(fds[2], 0, SEEK_END), strlen(STAMP " dinit: warning: own\n"));
	assert_text(&rig->readers[STDOUT], "");
	assert_text(&rig->readers[STDERR], "");
	outputs_close(&rig->outputs);
	rig->open = false;
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(close(fds[2]), 0);
}

static void test_outputs_are_empty_when_both_are(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	for (size_t place = 0; place < 2; place++) {
		assert_true(outputs_are_empty(&rig->outputs));
		put(rig, place, 2);
		assert_false(outputs_are_empty(&rig->outputs));
		run(rig);
	}
	assert_true(outputs_are_empty(&rig->outputs));
}

static int count_fds(void)
{
	int fds = 0;

	for (int fd = 0; fd < 100; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	return fds;
}

static void test_outputs_open_without_memory_fails_and_leaves_nothing_open(void **state)
{
	static const int fds[3] = { -1, STDOUT_FILENO, STDERR_FILENO };
	struct rig *rig = *state;
	int before = count_fds();

	for (int calls = 0; calls < 2; calls++) {
		memory_until_failure = calls;
		errno = 0;
		assert_int_equal(outputs_open(&rig->outputs, &rig->loop, &rig->config, fds), -1);
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(count_fds(), before);
	}
	memory_until_failure = -1;
	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
}

static void test_outputs_open_with_stdout_closed_says_so_on_stderr(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, true, false);
	assert_false(is_open(rig, STDOUT));
	end(rig);
	assert_text(&rig->readers[STDOUT], "");
	assert_text(&rig->readers[STDERR],
		    STAMP " dinit: warning: stdout cannot be written to, its lines are dropped "
			  "from now on: Bad file descriptor\n");
}

static void test_outputs_open_with_stderr_closed_says_so_on_stdout(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, true);
	log_warn("lost");
	end(rig);
	assert_text(&rig->readers[STDERR], "");
	assert_text(&rig->readers[STDOUT],
		    STAMP " dinit: warning: stderr cannot be written to, its lines are dropped "
			  "from now on: Bad file descriptor\n");
}

/* What stands in for a closed descriptor may happen to be the same file as the other one:
 * /dev/null. */
static void test_outputs_open_with_one_closed_does_not_take_both_for_the_same(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(dup2(STDERR_FILENO, STDOUT_FILENO), STDOUT_FILENO);
	open_outputs(rig, CONFIG_STDOUT_TEXT, true, false);
	assert_int_equal(rig->outputs.len, 2);
	outputs_close(&rig->outputs);
	open_outputs(rig, CONFIG_STDOUT_TEXT, false, true);
	assert_int_equal(rig->outputs.len, 2);
}

/* A warning about lost messages stands among lines with a prefix there, also in a JSON mode. */
static void test_outputs_one_file_for_both_has_text_for_its_own(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
	open_outputs(rig, CONFIG_STDOUT_JSON, false, false);
	assert_int_equal(rig->outputs.len, 1);
	rig->outputs.own_lost = 3;
	end(rig);
	assert_text(&rig->readers[STDOUT],
		    STAMP " dinit: warning: 3 dinit messages were lost: stderr was blocked\n");
}

static void test_outputs_one_file_for_both_with_json_stderr_has_json_for_its_own(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
	rig->config.stderr_mode = CONFIG_STDERR_WRAP;
	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	assert_int_equal(outputs_own_form(&rig->outputs), LINE_MESSAGE_LEVELLED);
	rig->outputs.own_lost = 1;
	end(rig);
	assert_text(&rig->readers[STDOUT],
		    LEVELLED("1 dinit message was lost: stderr was blocked", STAMP));
}

static void test_outputs_modes_and_terminals_choose_forms_and_rules(void **state)
{
	static const struct {
		enum config_stdout stdout_mode;
		enum config_stderr stderr_mode;
		bool out_tty, err_tty;
		enum line_message_form on_stdout, on_stderr;
		enum line_rule of_stdout, of_stderr;
	} choices[] = {
		{ CONFIG_STDOUT_TEXT, CONFIG_STDERR_TEXT, false, false, LINE_MESSAGE_TEXT,
		  LINE_MESSAGE_TEXT, LINE_RULE_TEXT, LINE_RULE_TEXT },
		{ CONFIG_STDOUT_TEXT, CONFIG_STDERR_TEXT, true, false, LINE_MESSAGE_COLOURED,
		  LINE_MESSAGE_TEXT, LINE_RULE_COLOURED, LINE_RULE_TEXT },
		{ CONFIG_STDOUT_TEXT, CONFIG_STDERR_TEXT, false, true, LINE_MESSAGE_TEXT,
		  LINE_MESSAGE_COLOURED, LINE_RULE_TEXT, LINE_RULE_COLOURED },
		{ CONFIG_STDOUT_JSON, CONFIG_STDERR_TEXT, true, true, LINE_MESSAGE_OBJECT,
		  LINE_MESSAGE_COLOURED, LINE_RULE_OBJECTS, LINE_RULE_COLOURED },
		{ CONFIG_STDOUT_WRAP, CONFIG_STDERR_WRAP, true, true, LINE_MESSAGE_OBJECT,
		  LINE_MESSAGE_LEVELLED, LINE_RULE_WRAP, LINE_RULE_WRAP },
		{ CONFIG_STDOUT_TEXT, CONFIG_STDERR_WRAP, true, true, LINE_MESSAGE_COLOURED,
		  LINE_MESSAGE_LEVELLED, LINE_RULE_COLOURED, LINE_RULE_WRAP },
	};
	struct rig *rig = *state;
	int pipes[2] = { fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3),
			 fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) };
	struct reader terminals[2] = { { .fd = -1 }, { .fd = -1 } };
	int ttys[2];

	for (int i = 0; i < 2; i++) {
		reader_open_tty(&terminals[i], STDOUT_FILENO + i);
		ttys[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 3);
	}
	rig->config.colour = true;
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		dup2(choices[i].out_tty ? ttys[0] : pipes[0], STDOUT_FILENO);
		dup2(choices[i].err_tty ? ttys[1] : pipes[1], STDERR_FILENO);
		rig->config.stderr_mode = choices[i].stderr_mode;
		open_outputs(rig, choices[i].stdout_mode, false, false);
		assert_int_equal(rig->outputs.list[STDOUT].own_form, choices[i].on_stdout);
		assert_int_equal(rig->outputs.list[STDERR].own_form, choices[i].on_stderr);
		assert_int_equal(rig->outputs.list[STDOUT].coloured, choices[i].out_tty);
		assert_int_equal(rig->outputs.list[STDERR].coloured, choices[i].err_tty);
		assert_int_equal(outputs_stdout_rule(&rig->outputs, &rig->config),
				 choices[i].of_stdout);
		assert_int_equal(outputs_stderr_rule(&rig->outputs, &rig->config),
				 choices[i].of_stderr);
		outputs_close(&rig->outputs);
		rig->open = false;
	}
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(ttys[i]);
		reader_close(&terminals[i]);
	}
}

static void test_outputs_close_leaves_nothing_open(void **state)
{
	struct rig *rig = *state;
	int before = count_fds();

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	assert_true(count_fds() > before);
	outputs_close(&rig->outputs);
	rig->open = false;
	assert_int_equal(count_fds(), before);
}

/* ---- a write that fails ---- */

static void test_outputs_flush_reader_gone_is_said_once_on_the_other(void **state)
{
	static const char *const names[] = { "stdout", "stderr" };
	struct rig *rig = *state;

	for (size_t gone = 0; gone < 2; gone++) {
		char expected[200];

		open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
		reader_leave(&rig->readers[gone]);
		put(rig, gone, 100);
		run(rig);
		assert_false(is_open(rig, gone));
		put(rig, gone, 100);
		end(rig);
		assert_int_equal(rig->outputs.list[gone].dropped, 200);
		snprintf(expected, sizeof expected,
			 STAMP " dinit: warning: %s cannot be written to, its lines are dropped "
			       "from now on: Broken pipe\n",
			 names[gone]);
		assert_text(&rig->readers[!gone], expected);
		teardown(state);
		setup(state);
		rig = *state;
	}
}

static void test_outputs_say_news_on_stdout_is_json_where_that_is(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_WRAP, false, false);
	reader_leave(&rig->readers[STDERR]);
	log_warn("lost");
	run(rig);
	log_warn("lost as well");
	end(rig);
	assert_text(&rig->readers[STDOUT],
		    "{\"message\":\"stderr cannot be written to, its lines are dropped from now "
		    "on: Broken pipe\","
		    "\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"" STAMP "\"}\n");
}

/* Each stream's news stand on the other one, in that one's form. */
static void test_outputs_say_news_with_json_stderr_are_messages_there(void **state)
{
	struct rig *rig = *state;

	rig->config.stderr_mode = CONFIG_STDERR_WRAP;
	open_outputs(rig, CONFIG_STDOUT_TEXT, true, false);
	end(rig);
	assert_text(&rig->readers[STDERR],
		    LEVELLED("stdout cannot be written to, its lines are dropped from now on: Bad "
			     "file descriptor",
			     STAMP));
}

static void test_outputs_say_news_with_json_stderr_are_text_on_a_stdout_of_text(void **state)
{
	struct rig *rig = *state;

	rig->config.stderr_mode = CONFIG_STDERR_WRAP;
	open_outputs(rig, CONFIG_STDOUT_TEXT, false, true);
	end(rig);
	assert_text(&rig->readers[STDOUT],
		    STAMP " dinit: warning: stderr cannot be written to, its lines are dropped "
			  "from now on: Bad file descriptor\n");
}

static void test_outputs_say_news_without_room_says_it_later(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	fill(rig, STDERR);
	for (int i = 0; i < 10000; i++)
		log_warn("dinit's own fill what is left of the queue");
	reader_leave(&rig->readers[STDOUT]);
	put(rig, STDOUT, 100);
	run(rig);
	assert_int_not_equal(rig->outputs.list[STDOUT].error, 0);
	end(rig);
	assert_int_equal(reader_count(&rig->readers[STDERR], " stdout cannot be written to"), 1);
}

static void test_outputs_say_news_below_the_log_level_says_nothing(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_ERROR);
	open_outputs(rig, CONFIG_STDOUT_TEXT, true, false);
	end(rig);
	assert_text(&rig->readers[STDERR], "");
	/* What was not to be said then is not said later. */
	log_set_level(CONFIG_LOG_WARN);
	end(rig);
	assert_text(&rig->readers[STDERR], "");
}

static void test_outputs_say_news_with_both_gone_ends(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, true, true);
	log_warn("lost");
	end(rig);
	assert_true(outputs_are_empty(&rig->outputs));
	assert_int_equal(rig->outputs.own_lost, 0);
	assert_true(rig->outputs.list[STDERR].dropped > 0);
	/* There is nobody left to say it to. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig->outputs.list[i].error, 0);
}

/* ---- giving up ---- */

static void stall_and_teardown(struct rig *rig, size_t place)
{
	fill(rig, place);
	outputs_begin_teardown(&rig->outputs);
}

static void test_outputs_reader_that_takes_nothing_for_five_seconds_is_given_up(void **state)
{
	struct rig *rig = *state;
	size_t in_queue;
	char expected[200];

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	stall_and_teardown(rig, STDOUT);
	in_queue = sink_len(outputs_sink(&rig->outputs, STDOUT));
	move_clock(rig, OUTPUTS_GIVE_UP_MS - 1000);
	assert_true(is_open(rig, STDOUT));
	assert_text(&rig->readers[STDERR], "");
	move_clock(rig, 1000);
	assert_false(is_open(rig, STDOUT));
	assert_text(&rig->readers[STDERR],
		    STAMP_5 " dinit: warning: stdout is given up, its lines are dropped from now "
			    "on: its reader took nothing for 5 s during the teardown\n");
	put(rig, STDOUT, 100);
	reader_forget(&rig->readers[STDERR]);
	end(rig);
	snprintf(expected, sizeof expected,
		 STAMP_5 " dinit: warning: stdout: %zu bytes were dropped because its reader took "
			 "nothing\n",
		 in_queue + 100);
	assert_text(&rig->readers[STDERR], expected);
}

static void test_outputs_given_up_stderr_is_said_on_stdout_as_json(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_JSON, false, false);
	stall_and_teardown(rig, STDERR);
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_text(&rig->readers[STDOUT],
		    "{\"message\":\"stderr is given up, its lines are dropped from now on: its "
		    "reader took nothing for 5 s during the teardown\","
		    "\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"" STAMP_5 "\"}\n");
}

static void test_outputs_both_readers_stalled_are_both_given_up(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	fill(rig, STDERR);
	stall_and_teardown(rig, STDOUT);
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_false(is_open(rig, STDOUT));
	assert_false(is_open(rig, STDERR));
	assert_true(outputs_are_empty(&rig->outputs));
}

static void test_outputs_reader_that_stalled_before_the_teardown_gets_its_five_seconds(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	fill(rig, STDOUT);
	move_clock(rig, 60000);
	outputs_begin_teardown(&rig->outputs);
	move_clock(rig, OUTPUTS_GIVE_UP_MS - 1000);
	assert_true(is_open(rig, STDOUT));
	move_clock(rig, 1000);
	assert_false(is_open(rig, STDOUT));
}

/* What it took before the teardown does not count. */
static void check_took_before_the_teardown(struct rig *rig, size_t place)
{
	char byte;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	fill(rig, place);
	assert_int_equal(read(rig->readers[place].fd, &byte, 1), 1);
	outputs_begin_teardown(&rig->outputs);
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_false(is_open(rig, place));
}

static void test_outputs_stdout_that_took_something_before_the_teardown_is_given_up(void **state)
{
	check_took_before_the_teardown(*state, STDOUT);
}

static void test_outputs_stderr_that_took_something_before_the_teardown_is_given_up(void **state)
{
	check_took_before_the_teardown(*state, STDERR);
}

/* So little that the pipe has no room for more: the kernel knows all the same. */
static void test_outputs_reader_that_takes_a_few_bytes_is_not_given_up(void **state)
{
	struct rig *rig = *state;
	char byte;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	stall_and_teardown(rig, STDOUT);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(read(rig->readers[STDOUT].fd, &byte, 1), 1);
		move_clock(rig, OUTPUTS_GIVE_UP_MS);
		assert_true(is_open(rig, STDOUT));
	}
	assert_text(&rig->readers[STDERR], "");
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_false(is_open(rig, STDOUT));
}

static void test_outputs_reader_that_stalls_later_is_given_up_five_seconds_later(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	stall_and_teardown(rig, STDOUT);
	move_clock(rig, 2000);
	rig->readers[STDOUT].stalls = false;
	run(rig);
	fill(rig, STDOUT);
	move_clock(rig, 4000);
	assert_true(is_open(rig, STDOUT));
	move_clock(rig, 1000);
	assert_false(is_open(rig, STDOUT));
}

/* dinit was stopped or starved: by the time it looks, the five seconds are over, and the reader
 * has taken something. */
static void test_outputs_reader_that_took_something_unseen_is_not_given_up(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	stall_and_teardown(rig, STDOUT);
	rig->readers[STDOUT].stalls = false;
	assert_true(reader_take(&rig->readers[STDOUT]));
	rig->readers[STDOUT].stalls = true;
	move_clock(rig, 2 * OUTPUTS_GIVE_UP_MS);
	assert_true(is_open(rig, STDOUT));
	move_clock(rig, OUTPUTS_GIVE_UP_MS - 1000);
	assert_true(is_open(rig, STDOUT));
}

/* ---- dinit's own messages ---- */

/* More than the queue holds, within one turn: what the reader takes is written meanwhile. A pipe
 * takes 64 kB. */
static void test_outputs_write_own_more_than_the_queue_writes_at_once(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(999, 'x', "\n");
	int lines = (SINK_QUEUE_SIZE + 50000) / 1000;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	for (int i = 0; i < lines; i++)
		outputs_write_own(&rig->outputs, line, 1000);
	assert_int_equal(rig->outputs.own_lost, 0);
	end(rig);
	assert_int_equal(reader_count(&rig->readers[STDERR], "x\n"), lines);
	free(line);
}

static void test_outputs_write_own_with_room_waits_for_the_end_of_the_turn(void **state)
{
	struct rig *rig = *state;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	for (int i = 0; i < 3; i++)
		outputs_write_own(&rig->outputs, "x\n", 2);
	assert_false(reader_take(&rig->readers[STDERR]));
	run(rig);
	assert_text(&rig->readers[STDERR], "x\nx\nx\n");
}

static void test_outputs_write_own_without_room_is_counted_and_said_later(void **state)
{
	struct rig *rig = *state;
	char expected[200];
	size_t passed;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	rig->readers[STDERR].stalls = true;
	for (int i = 0; i < 10000; i++)
		log_warn("number %d", i);
	run(rig);
	assert_true(sink_len(outputs_sink(&rig->outputs, STDERR)) <= SINK_QUEUE_SIZE);
	rig->readers[STDERR].stalls = false;
	run(rig);
	passed = reader_count(&rig->readers[STDERR], " dinit: warning: number ");
	assert_in_range(passed, 1000, 9999);
	log_warn("the last one");
	run(rig);
	snprintf(expected, sizeof expected,
		 " dinit: warning: %zu dinit messages were lost: stderr was blocked\n" STAMP
		 " dinit: warning: the last one\n",
		 10000 - passed);
	assert_has(&rig->readers[STDERR], expected);
	assert_numbered(&rig->readers[STDERR], passed, "number ");
}

/* A short message that would fit does not overtake those that were lost before it. */
static void test_outputs_write_own_after_a_lost_one_is_lost_too(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(99, 'x', "\n");

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	while (rig->outputs.own_lost == 0)
		outputs_write_own(&rig->outputs, line, 100);
	assert_true(SINK_QUEUE_SIZE - sink_len(outputs_sink(&rig->outputs, STDERR)) > 2);
	outputs_write_own(&rig->outputs, "y\n", 2);
	assert_int_equal(rig->outputs.own_lost, 2);
	end(rig);
	assert_int_equal(reader_count(&rig->readers[STDERR], "y\n"), 0);
	assert_has(&rig->readers[STDERR],
		   " dinit: warning: 2 dinit messages were lost: stderr was blocked\n");
	free(line);
}

static void test_outputs_write_own_lost_is_said_at_the_latest_at_the_end(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(999, 'x', "\n");

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	rig->readers[STDERR].stalls = true;
	while (rig->outputs.own_lost == 0)
		outputs_write_own(&rig->outputs, line, 1000);
	run(rig);
	rig->readers[STDERR].stalls = false;
	run(rig);
	assert_int_equal(reader_count(&rig->readers[STDERR], " lost"), 0);
	end(rig);
	assert_int_equal(reader_count(&rig->readers[STDERR],
				      " 1 dinit message was lost: stderr was blocked\n"),
			 1);
	free(line);
}

/* ---- counts ---- */

static void test_outputs_show_says_what_each_has_written(void **state)
{
	struct rig *rig = *state;
	struct board_output shown[OUTPUTS_MAX] = { { 7, 7, 7 }, { 7, 7, 7 } };

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	put(rig, STDOUT, 100);
	put(rig, STDERR, 20);
	outputs_show(&rig->outputs, shown);
	assert_int_equal(shown[STDOUT].bytes, 0);
	run(rig);
	put(rig, STDOUT, 10);
	run(rig);
	outputs_show(&rig->outputs, shown);
	assert_int_equal(shown[STDOUT].bytes, 110);
	assert_int_equal(shown[STDERR].bytes, 20);
	for (size_t i = 0; i < OUTPUTS_MAX; i++) {
		assert_int_equal(shown[i].dropped_bytes, 0);
		assert_int_equal(shown[i].stalled_ms, 0);
	}
}

static void test_outputs_show_counts_what_is_dropped_and_how_long_it_stalled(void **state)
{
	struct rig *rig = *state;
	struct board_output shown[OUTPUTS_MAX];
	size_t in_queue;

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	stall_and_teardown(rig, STDOUT);
	in_queue = sink_len(outputs_sink(&rig->outputs, STDOUT));
	move_clock(rig, OUTPUTS_GIVE_UP_MS - 1000);
	outputs_show(&rig->outputs, shown);
	assert_int_equal(shown[STDOUT].dropped_bytes, 0);
	assert_in_range(shown[STDOUT].stalled_ms, OUTPUTS_GIVE_UP_MS - 1000, UINT64_MAX);
	move_clock(rig, 1000);
	assert_false(is_open(rig, STDOUT));
	put(rig, STDOUT, 100);
	outputs_show(&rig->outputs, shown);
	assert_int_equal(shown[STDOUT].dropped_bytes, in_queue + 100);
	assert_in_range(shown[STDOUT].stalled_ms, OUTPUTS_GIVE_UP_MS, UINT64_MAX);
	assert_int_equal(shown[STDERR].dropped_bytes, 0);
	assert_int_equal(shown[STDERR].stalled_ms, 0);
}

static void test_outputs_show_counts_what_its_reader_left_behind_as_dropped(void **state)
{
	struct rig *rig = *state;
	struct board_output shown[OUTPUTS_MAX];

	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	put(rig, STDOUT, 10);
	run(rig);
	reader_leave(&rig->readers[STDOUT]);
	put(rig, STDOUT, 100);
	run(rig);
	assert_false(is_open(rig, STDOUT));
	put(rig, STDOUT, 20);
	outputs_show(&rig->outputs, shown);
	assert_int_equal(shown[STDOUT].bytes, 10);
	assert_int_equal(shown[STDOUT].dropped_bytes, 120);
	assert_int_equal(shown[STDERR].dropped_bytes, 0);
}

static void test_outputs_show_one_file_for_both_is_the_first(void **state)
{
	struct rig *rig = *state;
	struct board_output shown[OUTPUTS_MAX] = { 0 };

	assert_int_equal(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
	open_outputs(rig, CONFIG_STDOUT_TEXT, false, false);
	put(rig, OUTPUTS_STDOUT, 10);
	put(rig, outputs_stderr(&rig->outputs), 5);
	run(rig);
	outputs_show(&rig->outputs, shown);
	assert_int_equal(shown[STDOUT].bytes, 15);
	assert_int_equal(shown[STDERR].bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_outputs_open_same_open_file_is_one_output),
	TEST(test_outputs_open_two_files_are_two_outputs),
	TEST(test_outputs_write_to_what_they_were_opened_on),
	TEST(test_outputs_write_to_a_terminal),
	TEST(test_outputs_write_to_dev_null_is_no_matter),
	TEST(test_outputs_open_writes_to_those_that_are_given),
	TEST(test_outputs_are_empty_when_both_are),
	TEST(test_outputs_one_file_for_both_has_text_for_its_own),
	TEST(test_outputs_one_file_for_both_with_json_stderr_has_json_for_its_own),
	TEST(test_outputs_modes_and_terminals_choose_forms_and_rules),
	TEST(test_outputs_close_leaves_nothing_open),
	TEST(test_outputs_open_without_memory_fails_and_leaves_nothing_open),
	TEST(test_outputs_open_with_stdout_closed_says_so_on_stderr),
	TEST(test_outputs_open_with_stderr_closed_says_so_on_stdout),
	TEST(test_outputs_open_with_one_closed_does_not_take_both_for_the_same),
	TEST(test_outputs_flush_reader_gone_is_said_once_on_the_other),
	TEST(test_outputs_say_news_on_stdout_is_json_where_that_is),
	TEST(test_outputs_say_news_with_json_stderr_are_messages_there),
	TEST(test_outputs_say_news_with_json_stderr_are_text_on_a_stdout_of_text),
	TEST(test_outputs_say_news_without_room_says_it_later),
	TEST(test_outputs_say_news_below_the_log_level_says_nothing),
	TEST(test_outputs_say_news_with_both_gone_ends),
	TEST(test_outputs_reader_that_takes_nothing_for_five_seconds_is_given_up),
	TEST(test_outputs_given_up_stderr_is_said_on_stdout_as_json),
	TEST(test_outputs_both_readers_stalled_are_both_given_up),
	TEST(test_outputs_reader_that_stalled_before_the_teardown_gets_its_five_seconds),
	TEST(test_outputs_stdout_that_took_something_before_the_teardown_is_given_up),
	TEST(test_outputs_stderr_that_took_something_before_the_teardown_is_given_up),
	TEST(test_outputs_reader_that_takes_a_few_bytes_is_not_given_up),
	TEST(test_outputs_reader_that_stalls_later_is_given_up_five_seconds_later),
	TEST(test_outputs_reader_that_took_something_unseen_is_not_given_up),
	TEST(test_outputs_write_own_more_than_the_queue_writes_at_once),
	TEST(test_outputs_write_own_with_room_waits_for_the_end_of_the_turn),
	TEST(test_outputs_write_own_without_room_is_counted_and_said_later),
	TEST(test_outputs_write_own_after_a_lost_one_is_lost_too),
	TEST(test_outputs_write_own_lost_is_said_at_the_latest_at_the_end),
	TEST(test_outputs_show_says_what_each_has_written),
	TEST(test_outputs_show_counts_what_is_dropped_and_how_long_it_stalled),
	TEST(test_outputs_show_counts_what_its_reader_left_behind_as_dropped),
	TEST(test_outputs_show_one_file_for_both_is_the_first),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
