/* SPDX-License-Identifier: ISC */
/* logmux.c with real pipes on all sides, driven by the real loop, in one thread: what is
 * written, and when which reader reads, is decided turn by turn, so that nothing waits for luck.
 * The clocks, memory and epoll_ctl are scripted by the linker's --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "board.h"
#include "log.h"
#include "logmux.h"
#include "outlets.h"
#include "rig.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FEEDERS_MAX 64
/* One to see what is ready, one for what that made ready, one to be sure. */
#define QUIET_TURNS 3
/* More: it spins. */
#define TURNS_MAX 200000
#define SECOND 1795327420
#define STAMP "2026-11-22T06:03:40.642Z"
#define STAMP_5 "2026-11-22T06:03:45.642Z"
#define FIELDS "\"service\":\"web\",\"stage\":\"run\",\"logged\":\"" STAMP "\"}\n"
#define STRAY STAMP " dinit: warning: web/run: not a JSON object: "
#define STRAY_LEVELLED(text) \
	"{\"level\":\"warning\",\"message\":\"web/run: not a JSON object: " text \
	"\",\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"" STAMP "\"}\n"
#define WRAPPED(text) "{\"message\":\"" text "\"," FIELDS

/* ---- what the kernel and libc are made to say ---- */

/* Of both clocks; the wall clock stands still but for this, and the other one, too, if it shall. */
static int64_t clock_offset_ms;
static bool clock_stands;
/* How many calls succeed before some fail; -1: all do. */
static int memory_until_failure = -1;
/* How many calls fail after that. */
static int memory_failures;
static size_t memory_live, memory_peak;
static int epoll_failures;
static int read_failures, read_error;
/* What an earlier call left in errno, before a read that does not fail. */
static int stale_error;
static bool ioctl_fails;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
int __real_ioctl(int fd, unsigned long request, void *value);
int __wrap_ioctl(int fd, unsigned long request, void *value);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_REALTIME || clock_stands) {
		*now = (struct timespec){ SECOND + clock_offset_ms / 1000,
					  (642 + clock_offset_ms % 1000) * 1000000 };
		return 0;
	}
	__real_clock_gettime(clock, now);
	now->tv_sec += clock_offset_ms / 1000;
	return 0;
}

static bool memory_fails(void)
{
	if (memory_until_failure != 0) {
		memory_until_failure -= memory_until_failure > 0;
		return false;
	}
	if (memory_failures == 0)
		return false;
	memory_failures--;
	errno = ENOMEM;
	return true;
}

static void *account(void *memory)
{
	memory_live += malloc_usable_size(memory);
	if (memory_live > memory_peak)
		memory_peak = memory_live;
	return memory;
}

void *__wrap_malloc(size_t size)
{
	return memory_fails() ? NULL : account(__real_malloc(size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (memory_fails())
		return NULL;
	memory_live -= malloc_usable_size(old);
	return account(__real_realloc(old, size));
}

void __wrap_free(void *memory)
{
	memory_live -= malloc_usable_size(memory);
	__real_free(memory);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_ADD && epoll_failures > 0) {
		epoll_failures--;
		errno = ENOSPC;
		return -1;
	}
	return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (read_failures > 0) {
		read_failures--;
		errno = read_error;
		return -1;
	}
	errno = stale_error;
	return __real_read(fd, buffer, size);
}

int __wrap_ioctl(int fd, unsigned long request, void *value)
{
	if (!ioctl_fails)
		return __real_ioctl(fd, request, value);
	errno = ENOTTY;
	return -1;
}

/* ---- the rig: a logmux on descriptors 1 and 2, readers behind them, feeders before it ---- */

/* A program that writes into a source: the next bytes as soon as they fit. */
struct feeder {
	int fd;
	const char *text;
	size_t len, at;
	/* How many bytes it writes a turn; 0: all that fits. */
	size_t at_most;
	/* It keeps the pipe open at the end of the text. */
	bool stays;
	/* It begins again at the end of the text. */
	bool floods;
};

struct rig {
	struct loop loop;
	struct config config;
	struct outputs outputs;
	struct logmux mux;
	struct reader out, err;
	struct feeder feeders[FEEDERS_MAX];
	size_t feeders_len;
	int saved[2];
	bool open, drained;
	enum loop_verdict verdict;
	int quiet, turns, stop_after;
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
	clock_stands = false;
	memory_until_failure = -1;
	memory_failures = epoll_failures = read_failures = 0;
	stale_error = EINTR;
	ioctl_fails = false;
	log_set_level(CONFIG_LOG_WARN);
	log_set_form(LINE_MESSAGE_TEXT);
	fflush(NULL);
	rig->saved[0] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	rig->saved[1] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	reader_open(&rig->out, STDOUT_FILENO);
	reader_open(&rig->err, STDERR_FILENO);
	rig->config = (struct config){ .stdout_mode = CONFIG_STDOUT_TEXT, .max_line = 4096 };
	sigemptyset(&none);
	assert_int_equal(loop_open(&rig->loop, &none, on_signal, NULL), 0);
	*state = rig;
	return 0;
}

static void open_mux(struct rig *rig, enum config_stdout mode)
{
	static const int fds[3] = { 0, 1, 2 };

	rig->config.stdout_mode = mode;
	assert_int_equal(outputs_open(&rig->outputs, &rig->loop, &rig->config, fds), 0);
	assert_int_equal(logmux_open(&rig->mux, &rig->loop, &rig->outputs, &rig->config), 0);
	log_set_writer(outputs_write_own, &rig->outputs);
	rig->open = true;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	fflush(NULL);
	log_set_writer(NULL, NULL);
	if (rig->open) {
		logmux_close(&rig->mux);
		outputs_close(&rig->outputs);
	}
	loop_close(&rig->loop);
	for (int i = 0; i < 2; i++) {
		dup2(rig->saved[i], STDOUT_FILENO + i);
		close(rig->saved[i]);
	}
	for (size_t i = 0; i < rig->feeders_len; i++)
		if (rig->feeders[i].fd >= 0)
			close(rig->feeders[i].fd);
	reader_close(&rig->out);
	reader_close(&rig->err);
	free(rig);
	return 0;
}

static bool feed_some(struct feeder *feeder)
{
	size_t len = feeder->len - feeder->at;
	ssize_t n;

	if (feeder->fd < 0 || (len == 0 && feeder->stays))
		return false;
	if (len == 0) {
		close(feeder->fd);
		feeder->fd = -1;
		return true;
	}
	if (feeder->at_most && feeder->at_most < len)
		len = feeder->at_most;
	n = write(feeder->fd, feeder->text + feeder->at, len);
	if (n <= 0)
		return false;
	feeder->at += (size_t)n;
	if (feeder->floods && feeder->at == feeder->len)
		feeder->at = 0;
	return true;
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct rig *rig = ctx;
	bool more, any;

	logmux_read_busy(&rig->mux);
	rig->verdict = logmux_turn(&rig->mux);
	more = any = rig->verdict != LOOP_SLEEP;
	rig->drained = rig->mux.draining && logmux_is_drained(&rig->mux);
	for (size_t i = 0; i < rig->outputs.len; i++) {
		const struct output *output = &rig->outputs.list[i];

		if (!more && sink_can_flush(&output->sink))
			wrong("%s has something to write and would sleep", output->name);
		if (!more && rig->mux.parkings[i].first && sink_takes_more(&output->sink))
			wrong("sources wait for %s, which has room, and it would sleep",
			      output->name);
	}
	for (size_t i = 0; i < rig->feeders_len; i++)
		any |= feed_some(&rig->feeders[i]);
	any |= reader_take(&rig->out);
	any |= reader_take(&rig->err);
	rig->quiet = any ? 0 : rig->quiet + 1;
	if (++rig->turns > TURNS_MAX)
		wrong("it spins");
	return rig->quiet < QUIET_TURNS && rig->turns != rig->stop_after ? LOOP_AGAIN : LOOP_STOP;
}

/* Until nothing moves any more. */
static void run(struct rig *rig)
{
	rig->quiet = rig->turns = 0;
	assert_int_equal(loop_run(&rig->loop, on_turn_end, rig), 0);
}

static void run_turns(struct rig *rig, int turns)
{
	rig->stop_after = turns;
	run(rig);
	rig->stop_after = 0;
}

static void move_clock(struct rig *rig, int64_t ms)
{
	clock_offset_ms += ms;
	run(rig);
}

/* A source whose writer is a new feeder; the spec's fd is still to be made. */
static struct feeder *add_source(struct rig *rig, const struct logmux_source_spec *what)
{
	struct feeder *feeder = &rig->feeders[rig->feeders_len++];
	struct logmux_source_spec spec = *what;
	int pair[2];

	assert_true(rig->feeders_len <= FEEDERS_MAX);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	spec.fd = pair[0];
	assert_int_equal(logmux_add(&rig->mux, &spec), 0);
	*feeder = (struct feeder){ .fd = pair[1], .stays = true };
	return feeder;
}

static struct feeder *add_held(struct rig *rig, const char *name, enum logmux_stream stream,
			       bool held, struct logmux_source **handle)
{
	return add_source(rig, &(struct logmux_source_spec){ .service = name,
							     .stage = "run",
							     .stream = stream,
							     .held = held,
							     .handle = handle });
}

/* Adds descriptor fd as the stdout of a service. */
static int add_fd(struct rig *rig, int fd)
{
	return logmux_add(&rig->mux, &(struct logmux_source_spec){ .fd = fd,
								   .service = "web",
								   .stage = "run",
								   .stream = LOGMUX_STDOUT });
}

static struct feeder *add(struct rig *rig, enum logmux_stream stream)
{
	return add_held(rig, "web", stream, false, NULL);
}

static void feed_bytes(struct feeder *feeder, const char *text, size_t len)
{
	feeder->text = text;
	feeder->len = len;
	feeder->at = 0;
}

static void feed(struct feeder *feeder, const char *text)
{
	feed_bytes(feeder, text, strlen(text));
}

static void finish(struct feeder *feeder)
{
	feeder->stays = false;
}

/* All writers end, all readers read on: everything must come to its end. */
static void drain(struct rig *rig)
{
	for (size_t i = 0; i < rig->feeders_len; i++)
		finish(&rig->feeders[i]);
	rig->out.stalls = rig->err.stalls = false;
	outputs_begin_teardown(&rig->outputs);
	run(rig);
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	assert_null(rig->mux.sources);
}

/* ---- lines through, in three modes ---- */

static void test_logmux_text_mode_labels_both_streams(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), "one\n{\"a\":1}\n\n\r\ntwo\r\n");
	feed(add(rig, LOGMUX_STDERR), "three\nfo");
	run(rig);
	assert_text(&rig->out,
		    STAMP " web/run: one\n" STAMP " web/run: {\"a\":1}\n" STAMP " web/run: two\n");
	assert_text(&rig->err, STAMP " web/run: three\n");
	drain(rig);
	assert_text(&rig->err, STAMP " web/run: three\n" STAMP " web/run: fo\n");
}

static void test_logmux_json_mode_adds_fields_and_warns_of_what_is_no_object(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_NONE);
	open_mux(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDOUT), "{\"a\":1}\nplain\n {} \r\n[1]\n");
	feed(add(rig, LOGMUX_STDERR), "{\"b\":1}\n");
	drain(rig);
	assert_text(&rig->out, "{\"a\":1," FIELDS "{" FIELDS);
	assert_int_equal(reader_count(&rig->err, STRAY), 2);
	assert_has(&rig->err, STRAY "plain\n");
	assert_has(&rig->err, STRAY "[1]\n");
	assert_has(&rig->err, STAMP " web/run: {\"b\":1}\n");
}

static void test_logmux_wrap_mode_turns_lines_into_objects(void **state)
{
	static const char lines[] = "{\"a\":1}\na \"b\" \0\xff\n";
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_WRAP);
	feed_bytes(add(rig, LOGMUX_STDOUT), lines, sizeof lines - 1);
	drain(rig);
	assert_text(&rig->out, "{\"a\":1," FIELDS WRAPPED("a \\\"b\\\" \\u0000\xef\xbf\xbd"));
	assert_text(&rig->err, "");
}

static void test_logmux_bytes_one_at_a_time_make_the_same_lines(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_JSON);
	feeder = add(rig, LOGMUX_STDOUT);
	feed(feeder, "{\"a\":1}\r\n\nplain\n{\"b\":2}");
	feeder->at_most = 1;
	run(rig);
	assert_text(&rig->out, "{\"a\":1," FIELDS);
	drain(rig);
	assert_text(&rig->out, "{\"a\":1," FIELDS "{\"b\":2," FIELDS);
	assert_text(&rig->err, STRAY "plain\n");
}

/* The writes of one read after another: a line split at every byte of a long input. */
static void test_logmux_split_at_every_byte_makes_the_same_lines(void **state)
{
	static const char text[] = "{\"a\":1}\n{}\r\nx\n{\"b\":[]}\n";
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_JSON);
	for (size_t split = 1; split < sizeof text - 1; split++) {
		struct feeder *feeder = add_held(rig, "web", LOGMUX_STDOUT, false, NULL);

		reader_forget(&rig->out);
		reader_forget(&rig->err);
		feed_bytes(feeder, text, split);
		run(rig);
		feed_bytes(feeder, text + split, sizeof text - 1 - split);
		finish(feeder);
		run(rig);
		assert_text(&rig->out, "{\"a\":1," FIELDS "{" FIELDS "{\"b\":[]," FIELDS);
		assert_text(&rig->err, STRAY "x\n");
		rig->feeders_len--;
	}
}

static void test_logmux_line_longer_than_the_limit_goes_out_in_pieces(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(10000, 'x', "\r\nnext\n");
	static const size_t lens[] = { 4096, 4096, 1808 };
	const char *at;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), line);
	drain(rig);
	at = rig->out.text;
	for (size_t i = 0; i < COUNT(lens); i++) {
		assert_memory_equal(at, STAMP " web/run: x", STAMP_LEN + 11);
		at += STAMP_LEN + 10;
		assert_int_equal(strspn(at, "x"), lens[i]);
		at += lens[i];
		assert_int_equal(*at++, '\n');
	}
	assert_string_equal(at, STAMP " web/run: next\n");
	__real_free(line);
}

static void test_logmux_line_at_the_limit_stays_whole(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(4096, 'x', "\r\n");

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), line);
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "\n"), 1);
	assert_int_equal(rig->out.len, STAMP_LEN + 10 + 4096 + 1);
	__real_free(line);
}

/* The last piece of a long line may be an object by itself: it is none, for it is no line. */
static void test_logmux_pieces_in_json_mode_are_no_objects(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(4096, ' ', "{\"a\":1}\n{\"b\":1}\n");

	open_mux(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDOUT), line);
	drain(rig);
	assert_text(&rig->out, "{\"b\":1," FIELDS);
	assert_int_equal(reader_count(&rig->err, STRAY), 2);
	assert_has(&rig->err, STRAY "{\"a\":1}\n");
	__real_free(line);
}

static void test_logmux_pieces_in_wrap_mode_keep_characters_together(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(4095, 'x',
			       "\xe2\x82\xac"
			       "end\n");
	char behind_another[5000];

	snprintf(behind_another, sizeof behind_another, "x\n%s", line);
	open_mux(rig, CONFIG_STDOUT_WRAP);
	feed(add(rig, LOGMUX_STDOUT), line);
	feed(add(rig, LOGMUX_STDOUT), behind_another);
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "\n"), 5);
	assert_int_equal(reader_count(&rig->out, "{\"message\":\"\xe2\x82\xac"
						 "end\","),
			 2);
	__real_free(line);
}

static void test_logmux_line_larger_than_the_queue_goes_out_whole(void **state)
{
	struct rig *rig = *state;
	size_t len = 3 << 20;
	char *line = long_line(len, 'x', "\n");

	rig->config.max_line = 4 << 20;
	open_mux(rig, CONFIG_STDOUT_WRAP);
	feed(add(rig, LOGMUX_STDOUT), line);
	rig->out.at_most = 10000;
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "\n"), 1);
	assert_int_equal(rig->out.len, strlen("{\"message\":\"\",") + len + strlen(FIELDS));
	assert_int_equal(outputs_sink(&rig->outputs, 0)->size, SINK_QUEUE_SIZE);
	__real_free(line);
}

static void test_logmux_same_open_file_shares_one_queue(void **state)
{
	struct rig *rig = *state;
	struct feeder *out, *err;

	assert_int_equal(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
	open_mux(rig, CONFIG_STDOUT_JSON);
	assert_int_equal(rig->outputs.len, 1);
	out = add(rig, LOGMUX_STDOUT);
	err = add(rig, LOGMUX_STDERR);
	feed(out, "{}\nplain\n");
	run(rig);
	feed(err, "error\n");
	run(rig);
	log_warn("own");
	drain(rig);
	assert_text(&rig->out, "{" FIELDS STRAY "plain\n" STAMP " web/run: error\n" STAMP
			       " dinit: warning: own\n");
}

/* ---- stderr as JSON ---- */

static void open_mux_with_json_stderr(struct rig *rig, enum config_stdout mode)
{
	rig->config.stderr_mode = CONFIG_STDERR_WRAP;
	open_mux(rig, mode);
}

static void test_logmux_json_stderr_turns_its_lines_into_objects(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux_with_json_stderr(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDERR);
	feed(feeder, "{\"a\":1}\nplain\n\n {} \r\n\xff\nend");
	feed(add(rig, LOGMUX_STDOUT), "out\n{}\n");
	drain(rig);
	assert_text(&rig->err, "{\"a\":1," FIELDS WRAPPED("plain") "{" FIELDS WRAPPED(
				       "\xef\xbf\xbd") WRAPPED("end"));
	assert_text(&rig->out, STAMP " web/run: out\n" STAMP " web/run: {}\n");
}

static void test_logmux_json_stderr_has_strays_as_messages(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_NONE);
	open_mux_with_json_stderr(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDOUT), "{\"a\":1}\nplain \"\xff\"\n{}\n");
	drain(rig);
	assert_text(&rig->out, "{\"a\":1," FIELDS "{" FIELDS);
	assert_text(&rig->err, STRAY_LEVELLED("plain \\\"\xef\xbf\xbd\\\""));
}

/* Of a line on either stream, whose pieces become strings of JSON on stderr. */
static void check_pieces_with_json_stderr(struct rig *rig, enum logmux_stream stream,
					  const char *last)
{
	char *line = long_line(4095, 'x', "\xe2\x82\xacz\n");

	open_mux_with_json_stderr(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, stream), line);
	drain(rig);
	assert_int_equal(reader_count(&rig->err, "\n"), 2);
	assert_has(&rig->err, last);
	assert_text(&rig->out, "");
	__real_free(line);
}

static void test_logmux_json_stderr_pieces_keep_characters_together(void **state)
{
	check_pieces_with_json_stderr(*state, LOGMUX_STDERR, WRAPPED("\xe2\x82\xacz"));
}

static void test_logmux_json_stderr_pieces_of_strays_keep_characters_together(void **state)
{
	check_pieces_with_json_stderr(*state, LOGMUX_STDOUT, STRAY_LEVELLED("\xe2\x82\xacz"));
}

/* The same bytes in text are cut wherever the piece ends. */
static void test_logmux_pieces_of_strays_in_text_have_all_the_same_length(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(4095, 'x', "\xe2\x82\xacz\n");

	open_mux(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDOUT), line);
	drain(rig);
	assert_has(&rig->err, "x\xe2\n");
	assert_has(&rig->err, STRAY "\x82\xacz\n");
	__real_free(line);
}

static void test_logmux_json_stderr_in_the_same_file_as_text_has_objects_of_its_own(void **state)
{
	struct rig *rig = *state;
	struct feeder *out, *err;

	assert_int_equal(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
	open_mux_with_json_stderr(rig, CONFIG_STDOUT_TEXT);
	out = add(rig, LOGMUX_STDOUT);
	err = add(rig, LOGMUX_STDERR);
	feed(out, "plain\n");
	run(rig);
	feed(err, "error\n");
	drain(rig);
	assert_text(&rig->out, STAMP " web/run: plain\n" WRAPPED("error"));
}

/* ---- colours ---- */

static void open_tty(struct rig *rig, int fd)
{
	struct reader *reader = fd == STDOUT_FILENO ? &rig->out : &rig->err;

	reader_close(reader);
	*reader = (struct reader){ .fd = -1 };
	reader_open_tty(reader, fd);
}

#define GREEN(text) "\033[32m" STAMP " web/run: \033[0m" text

static void test_logmux_terminal_colours_its_text_and_the_other_stays_plain(void **state)
{
	struct rig *rig = *state;

	rig->config.colour = true;
	open_tty(rig, STDERR_FILENO);
	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), "one\ntwo\n");
	feed(add(rig, LOGMUX_STDERR), "one\ntwo");
	drain(rig);
	assert_text(&rig->out, STAMP " web/run: one\n" STAMP " web/run: two\n");
	assert_text(&rig->err, GREEN("one\n") GREEN("two\n"));
}

static void test_logmux_terminal_on_stdout_colours_text_but_no_json(void **state)
{
	struct rig *rig = *state;

	rig->config.colour = true;
	open_tty(rig, STDOUT_FILENO);
	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), "one\n");
	feed(add(rig, LOGMUX_STDERR), "two\n");
	drain(rig);
	assert_text(&rig->out, GREEN("one\n"));
	assert_text(&rig->err, STAMP " web/run: two\n");
	logmux_close(&rig->mux);
	outputs_close(&rig->outputs);
	rig->feeders_len = 0;
	reader_forget(&rig->out);
	open_mux(rig, CONFIG_STDOUT_WRAP);
	feed(add(rig, LOGMUX_STDOUT), "one\n");
	drain(rig);
	assert_text(&rig->out, WRAPPED("one"));
}

static void test_logmux_terminal_has_strays_in_yellow(void **state)
{
	struct rig *rig = *state;

	rig->config.colour = true;
	open_tty(rig, STDERR_FILENO);
	open_mux(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDOUT), "plain\n");
	drain(rig);
	assert_text(&rig->err, "\033[33m" STRAY "plain\033[0m\n");
}

static void test_logmux_terminal_has_pieces_of_the_same_length_too(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(4095, 'x', "\xe2\x82\xacz\n");

	rig->config.colour = true;
	open_tty(rig, STDERR_FILENO);
	open_mux(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDERR), line);
	drain(rig);
	assert_has(&rig->err, "x\xe2\n");
	assert_has(&rig->err, GREEN("\x82\xacz\n"));
	__real_free(line);
}

static void test_logmux_terminal_without_colour_has_plain_text(void **state)
{
	struct rig *rig = *state;

	open_tty(rig, STDERR_FILENO);
	open_mux(rig, CONFIG_STDOUT_JSON);
	feed(add(rig, LOGMUX_STDOUT), "plain\n");
	drain(rig);
	assert_text(&rig->err, STRAY "plain\n");
}

/* ---- back-pressure ---- */

static void test_logmux_stalled_stdout_stops_it_and_nothing_else(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "out ");
	struct feeder *out, *err;
	size_t stopped_at;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	out = add(rig, LOGMUX_STDOUT);
	feed(out, lines);
	run(rig);
	stopped_at = out->at;
	assert_true(stopped_at < out->len / 2);
	assert_true(sink_len(outputs_sink(&rig->outputs, 0)) <= SINK_LINE_WATER);
	err = add(rig, LOGMUX_STDERR);
	feed(err, "flows\n");
	log_warn("flows, too");
	run(rig);
	assert_int_equal(out->at, stopped_at);
	assert_has(&rig->err, STAMP " web/run: flows\n");
	assert_has(&rig->err, " dinit: warning: flows, too\n");
	drain(rig);
	assert_numbered(&rig->out, 100000, " web/run: out ");
	__real_free(lines);
}

static void test_logmux_stalled_stdout_reads_nothing_for_it(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");
	struct feeder *late;
	int unread = 0;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	feed(add(rig, LOGMUX_STDOUT), lines);
	run(rig);
	late = add(rig, LOGMUX_STDOUT);
	feed(late, "late\n");
	run(rig);
	assert_int_equal(ioctl(late->fd, FIONREAD, &unread), 0);
	assert_int_equal(unread, 5);
	drain(rig);
	__real_free(lines);
}

static void test_logmux_stalled_stderr_stops_strays_and_stderr_only(void **state)
{
	struct rig *rig = *state;
	char *objects = numbered(100000, "{\"n\":"), *strays = numbered(100000, "stray ");
	char *text = __real_malloc(1 << 22);
	struct feeder *good, *bad, *mixed;

	open_mux(rig, CONFIG_STDOUT_JSON);
	rig->err.stalls = true;
	bad = add(rig, LOGMUX_STDOUT);
	feed(bad, strays);
	run(rig);
	assert_true(bad->at < bad->len / 2);
	mixed = add_held(rig, "mixed", LOGMUX_STDOUT, false, NULL);
	sprintf(text, "{\"m\":0}\n%s{\"m\":1}\n", strays);
	feed(mixed, text);
	good = add(rig, LOGMUX_STDOUT);
	feed(good, objects);
	run(rig);
	assert_numbered(&rig->out, 100000, "{\"n\":");
	assert_int_equal(reader_count(&rig->out, "{\"m\":"), 1);
	drain(rig);
	assert_numbered(&rig->err, 100000, "web/run: not a JSON object: stray ");
	assert_numbered(&rig->err, 100000, "mixed/run: not a JSON object: stray ");
	assert_numbered(&rig->out, 2, "{\"m\":");
	__real_free(text);
	__real_free(objects);
	__real_free(strays);
}

static void read_slowly(struct rig *rig, enum config_stdout mode, const char *format,
			const char *mark)
{
	char *lines = numbered(100000, format);

	open_mux(rig, mode);
	rig->out.at_most = 777;
	rig->err.at_most = 1234;
	feed(add_held(rig, "a", LOGMUX_STDOUT, false, NULL), lines);
	feed(add_held(rig, "b", LOGMUX_STDERR, false, NULL), lines);
	drain(rig);
	assert_numbered(&rig->out, 100000, mark);
	assert_numbered(&rig->err, 100000, "b/run: ");
	__real_free(lines);
}

static void test_logmux_slow_readers_lose_nothing_in_text_mode(void **state)
{
	read_slowly(*state, CONFIG_STDOUT_TEXT, "", "a/run: ");
}

static void test_logmux_slow_readers_lose_nothing_in_json_mode(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "{\"n\":");

	open_mux(rig, CONFIG_STDOUT_JSON);
	rig->out.at_most = 777;
	feed(add_held(rig, "a", LOGMUX_STDOUT, false, NULL), lines);
	feed(add_held(rig, "b", LOGMUX_STDOUT, false, NULL), "plain\n");
	drain(rig);
	assert_numbered(&rig->out, 100000, "{\"n\":");
	__real_free(lines);
}

static void test_logmux_slow_readers_lose_nothing_in_wrap_mode(void **state)
{
	read_slowly(*state, CONFIG_STDOUT_WRAP, "", "{\"message\":\"");
}

static void test_logmux_stalled_reader_keeps_memory_bounded(void **state)
{
	struct rig *rig = *state;
	/* (Several times as much, together, as is allowed to wait.) */
	char *lines = numbered(rig_is_brief() ? 50000 : 200000, "");
	size_t before;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	before = memory_peak = memory_live;
	for (int i = 0; i < 10; i++)
		feed(add(rig, LOGMUX_STDOUT), lines);
	run(rig);
	/* What one read brought may wait for room in each source. */
	assert_true(memory_peak - before <= 10 * (2 * LOGMUX_READ_SIZE + 4096));
	drain(rig);
	assert_int_equal(memory_live, before);
	__real_free(lines);
}

static void test_logmux_finished_line_gives_its_memory_back(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;
	size_t before;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	run(rig);
	before = memory_live;
	feed(feeder, "begun");
	run(rig);
	assert_true(memory_live > before);
	feed(feeder, " and ended\n");
	run(rig);
	assert_int_equal(memory_live, before);
	drain(rig);
	assert_text(&rig->out, STAMP " web/run: begun and ended\n");
}

static void test_logmux_two_floods_share_a_slow_reader_fairly(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");
	struct feeder *a, *b;
	size_t of_a, of_b;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	a = add_held(rig, "a", LOGMUX_STDOUT, false, NULL);
	b = add_held(rig, "b", LOGMUX_STDOUT, false, NULL);
	feed(a, lines);
	feed(b, lines);
	a->floods = b->floods = true;
	rig->out.at_most = 16384;
	run_turns(rig, 1000);
	of_a = reader_count(&rig->out, " a/run: ");
	of_b = reader_count(&rig->out, " b/run: ");
	assert_true(of_a > 10000 && of_b > 10000);
	assert_in_range(of_a * 100 / of_b, 80, 125);
	a->floods = b->floods = false;
	drain(rig);
	__real_free(lines);
}

static void test_logmux_turn_gives_each_source_that_waits_one_turn(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	for (int i = 0; i < 20; i++) {
		struct feeder *feeder = add(rig, LOGMUX_STDOUT);

		feed(feeder, "one\n");
		assert_true(feed_some(feeder));
	}
	logmux_begin_drain(&rig->mux);
	logmux_turn(&rig->mux);
	assert_true(reader_take(&rig->out));
	assert_int_equal(reader_count(&rig->out, "\n"), 20);
	assert_false(logmux_is_drained(&rig->mux));
	drain(rig);
}

/* Its reader keeps up: then no flood keeps another's line back for more than a few turns. */
static void test_logmux_flood_does_not_delay_anothers_line(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");
	struct feeder *flood, *quiet;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	flood = add_held(rig, "flood", LOGMUX_STDOUT, false, NULL);
	quiet = add_held(rig, "quiet", LOGMUX_STDOUT, false, NULL);
	feed(flood, lines);
	flood->floods = true;
	run_turns(rig, 100);
	feed(quiet, "here\n");
	run_turns(rig, 8);
	assert_has(&rig->out, " quiet/run: here\n");
	flood->floods = false;
	drain(rig);
	__real_free(lines);
}

/* Strays of two sources, one after the other: what the first fills, one write to the pipe behind
 * it empties in part. */
static void fill_stderr(struct rig *rig, const char *lines)
{
	rig->err.stalls = true;
	for (int i = 0; i < 2; i++) {
		feed(add(rig, LOGMUX_STDOUT), lines);
		run(rig);
	}
	assert_true(sink_len(outputs_sink(&rig->outputs, 1)) > SINK_LINE_WATER - 200);
}

static void test_logmux_lines_that_waited_carry_the_time_they_were_read(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(20000, "");
	struct feeder *late;

	open_mux(rig, CONFIG_STDOUT_JSON);
	fill_stderr(rig, lines);
	late = add_held(rig, "late", LOGMUX_STDOUT, false, NULL);
	feed(late, "stray\n");
	run(rig);
	move_clock(rig, 5000);
	feed(late, "later\n");
	feed(add(rig, LOGMUX_STDOUT), "{\"read\":\"later\"}\n");
	run(rig);
	assert_has(&rig->out, STAMP_5);
	drain(rig);
	assert_has(&rig->err, STAMP " dinit: warning: late/run: not a JSON object: stray\n");
	assert_has(&rig->err, STAMP_5 " dinit: warning: late/run: not a JSON object: later\n");
	__real_free(lines);
}

/* Fills the queue of stderr but for so many bytes that lines may use. */
static void leave_room_at_stderr(struct rig *rig, size_t room)
{
	struct sink *sink = outputs_sink(&rig->outputs, outputs_stderr(&rig->outputs));
	size_t len;
	char *at;

	rig->err.stalls = true;
	while ((len = SINK_LINE_WATER - room - sink_len(sink)) > 0) {
		at = sink_room(sink, len);
		assert_non_null(at);
		memset(at, 'f', len - 1);
		at[len - 1] = '\n';
		sink_commit(sink, len);
		run(rig);
	}
}

/* A short line that would fit does not overtake a long one that waits for room. */
static void test_logmux_line_that_waits_is_not_overtaken_by_the_next(void **state)
{
	struct rig *rig = *state;
	char *begun = long_line(1000, 'l', "");
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_JSON);
	feeder = add(rig, LOGMUX_STDOUT);
	feed(feeder, begun);
	run(rig);
	leave_room_at_stderr(rig, 200);
	feed(feeder, "\nshort\n");
	run(rig);
	drain(rig);
	assert_int_equal(reader_count(&rig->err, STRAY "l"), 1);
	assert_true(strstr(rig->err.text, STRAY "short\n") > strstr(rig->err.text, STRAY "l"));
	__real_free(begun);
}

/* Its pipe is at its end, and it must not be forgotten over that. */
static void test_logmux_last_line_without_newline_waits_for_room(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(20000, "");
	struct logmux_source *handle;
	struct feeder *last;

	open_mux(rig, CONFIG_STDOUT_JSON);
	fill_stderr(rig, lines);
	last = add_held(rig, "last", LOGMUX_STDOUT, false, &handle);
	feed(last, "the end");
	finish(last);
	run(rig);
	assert_int_equal(last->fd, -1);
	assert_non_null(handle);
	rig->err.stalls = false;
	run(rig);
	assert_int_equal(reader_count(&rig->err, " last/run: not a JSON object: the end\n"), 1);
	assert_null(handle);
	drain(rig);
	__real_free(lines);
}

static void test_logmux_last_line_without_newline_of_one_byte_goes_out(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), "x");
	run(rig);
	assert_text(&rig->out, "");
	drain(rig);
	assert_text(&rig->out, STAMP " web/run: x\n");
}

/* What it holds is not known, and may be without end: as much is read as a pipe would hold. */
static void test_logmux_drain_of_what_is_no_pipe_ends(void **state)
{
	struct rig *rig = *state;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	open_mux(rig, CONFIG_STDOUT_TEXT);
	assert_int_equal(add_fd(rig, fd), 0);
	drain(rig);
	assert_in_range(rig->out.len, LOGMUX_READ_SIZE, 2 * LOGMUX_READ_SIZE);
}

/* ---- held sources ---- */

static void test_logmux_held_source_is_not_read_before_its_release(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *handle = NULL;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add_held(rig, "web", LOGMUX_STDOUT, true, &handle);
	feed(feeder, "kept\n");
	run(rig);
	assert_text(&rig->out, "");
	assert_non_null(handle);
	logmux_release(handle, NULL);
	run(rig);
	assert_text(&rig->out, STAMP " web/run: kept\n");
	finish(feeder);
	run(rig);
	assert_null(handle);
}

static void test_logmux_follower_comes_after_all_its_leader_holds(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *follower, *leader;
	char *lines = numbered(30000, "leader ");
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.at_most = 4096;
	feeder = add_held(rig, "web", LOGMUX_STDOUT, false, &leader);
	feed(add_held(rig, "web", LOGMUX_STDOUT, true, &follower), "follower 0\n");
	feed(feeder, lines);
	run_turns(rig, 3);
	logmux_release(follower, leader);
	finish(feeder);
	run(rig);
	assert_null(leader);
	assert_non_null(follower);
	assert_numbered(&rig->out, 30000, "leader ");
	assert_true(strstr(rig->out.text, "follower 0\n") >
		    strstr(rig->out.text, "leader 29999\n"));
	drain(rig);
	__real_free(lines);
}

/* The logging program has ended, and a child of it lives on with its stdout: what it holds now
 * comes first, no more. */
static void test_logmux_follower_of_a_leader_that_stays_open_starts_all_the_same(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *follower, *leader;
	struct feeder *first, *second;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	first = add_held(rig, "a", LOGMUX_STDOUT, false, &leader);
	second = add_held(rig, "b", LOGMUX_STDOUT, true, &follower);
	feed(second, "follower\n");
	run(rig);
	feed(first, "leader\n");
	assert_true(feed_some(first));
	logmux_release(follower, leader);
	run(rig);
	assert_text(&rig->out, STAMP " a/run: leader\n" STAMP " b/run: follower\n");
	feed(first, "more of leader\n");
	feed(second, "more of follower\n");
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "more of"), 2);
}

static void test_logmux_follower_of_an_idle_leader_starts_at_once(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *follower, *leader;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	add_held(rig, "a", LOGMUX_STDOUT, false, &leader);
	feed(add_held(rig, "b", LOGMUX_STDOUT, true, &follower), "follower\n");
	run(rig);
	logmux_release(follower, leader);
	run(rig);
	assert_text(&rig->out, STAMP " b/run: follower\n");
	drain(rig);
}

static void test_logmux_follower_in_the_drain_still_comes_after_its_leader(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *follower, *leader;
	char *lines = numbered(10000, "");

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.at_most = 4096;
	feed(add_held(rig, "b", LOGMUX_STDOUT, true, &follower), "follower\n");
	feed(add_held(rig, "a", LOGMUX_STDOUT, false, &leader), lines);
	for (int i = 0; i < 2; i++)
		assert_true(feed_some(&rig->feeders[i]));
	logmux_release(follower, leader);
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	assert_numbered(&rig->out, 10000, " a/run: ");
	assert_true(strstr(rig->out.text, "follower\n") > strstr(rig->out.text, " 9999\n"));
	__real_free(lines);
}

/* It waits in line once: there is nobody behind it, nor is it there itself when it has gone. */
static void test_logmux_held_source_alone_in_the_drain_gets_in_line_once(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add_held(rig, "web", LOGMUX_STDOUT, true, NULL);
	feed(feeder, "kept\n");
	assert_true(feed_some(feeder));
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	for (int turns = 0; rig->mux.sources && turns < 2; turns++)
		logmux_turn(&rig->mux);
	assert_null(rig->mux.sources);
	assert_null(rig->mux.parkings[OUTPUTS_STDOUT].first);
	run(rig);
	assert_true(rig->drained);
	assert_text(&rig->out, STAMP " web/run: kept\n");
}

/* A logging program that could not be killed ends while the drain is going on. */
static void test_logmux_release_once_the_drain_has_begun_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *handles[2], *leader;
	char *lines = numbered(10000, "");

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	feed(add_held(rig, "leader", LOGMUX_STDOUT, false, &leader), lines);
	for (int i = 0; i < 2; i++)
		feed(add_held(rig, i ? "b" : "a", LOGMUX_STDOUT, true, &handles[i]), lines);
	run(rig);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig->feeders[i].at, rig->feeders[i].len);
	logmux_begin_drain(&rig->mux);
	run(rig);
	logmux_release(handles[0], NULL);
	logmux_release(handles[1], leader);
	run(rig);
	logmux_release(handles[1], NULL);
	drain(rig);
	assert_numbered(&rig->out, 10000, " a/run: ");
	assert_numbered(&rig->out, 10000, " b/run: ");
	__real_free(lines);
}

/* ---- the end ---- */

static void test_logmux_drain_ends_sources_that_an_orphan_still_holds(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	add_held(rig, "held", LOGMUX_STDOUT, true, NULL);
	feeder = add(rig, LOGMUX_STDOUT);
	feed(feeder, "line\nno newline");
	assert_true(feed_some(feeder));
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	assert_text(&rig->out, STAMP " web/run: line\n" STAMP " web/run: no newline\n");
}

static void test_logmux_drain_ends_though_an_orphan_writes_on_and_on(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");
	struct feeder *feeder;
	size_t written;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	feed(feeder, lines);
	while (feed_some(feeder))
		;
	written = feeder->at;
	feeder->floods = true;
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	run_turns(rig, 1000);
	assert_true(rig->drained);
	assert_true(rig->out.len > written);
	feeder->floods = false;
	feeder->at = feeder->len;
	__real_free(lines);
}

/* An orphan writes on, and less than one read takes. */
static void test_logmux_drain_leaves_what_comes_once_it_has_counted(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	feed(feeder, "before\n");
	assert_true(feed_some(feeder));
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	feed(feeder, "after\n");
	run(rig);
	assert_int_equal(feeder->at, feeder->len);
	assert_true(rig->drained);
	assert_text(&rig->out, STAMP " web/run: before\n");
}

/* Two processes read from one pipe where a logging program could not be killed. */
static void test_logmux_drain_ends_though_another_took_what_was_left(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	run(rig);
	feed(feeder, "line\n");
	assert_true(feed_some(feeder));
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	read_failures = 1 << 30;
	read_error = EAGAIN;
	run(rig);
	assert_true(rig->drained);
}

static void test_logmux_drain_without_fionread_reads_what_stood_in_the_pipe(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(8000, "");
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	feeder->stays = true;
	feed(feeder, lines);
	assert_true(feed_some(feeder));
	assert_int_equal(feeder->at, feeder->len);
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	ioctl_fails = true;
	run(rig);
	assert_true(rig->drained);
	assert_numbered(&rig->out, 8000, " web/run: ");
	__real_free(lines);
}

static void test_logmux_drain_reads_what_stood_in_the_pipes_whole(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(8000, "");
	const int sources = rig_is_brief() ? 10 : 50;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	for (int i = 0; i < sources; i++) {
		char name[16];
		struct feeder *feeder;

		snprintf(name, sizeof name, "s%02d", i);
		feeder = add_held(rig, name, i % 2 ? LOGMUX_STDOUT : LOGMUX_STDERR, i % 3 == 0,
				  NULL);
		feed(feeder, lines);
		assert_true(feed_some(feeder));
		assert_int_equal(feeder->at, feeder->len);
		finish(feeder);
	}
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	for (int i = 0; i < sources; i++) {
		char mark[32];

		snprintf(mark, sizeof mark, " s%02d/run: ", i);
		assert_numbered(i % 2 ? &rig->out : &rig->err, 8000, mark);
	}
	__real_free(lines);
}

static void test_logmux_thousand_sources_ending_at_once_lose_nothing(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	for (int i = 0; i < 1000; i++) {
		char text[32];
		int pair[2];

		snprintf(text, sizeof text, "last words %d\n", i);
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		assert_int_equal(write(pair[1], text, strlen(text)), strlen(text));
		close(pair[1]);
		assert_int_equal(add_fd(rig, pair[0]), 0);
	}
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "last words "), 1000);
	assert_has(&rig->out, "last words 999\n");
}

/* ---- readers that are gone or give nothing ---- */

static void fill_and_teardown(struct rig *rig, const char *lines, enum logmux_stream stream)
{
	struct feeder *feeder = add(rig, stream);

	feed(feeder, lines);
	run(rig);
	assert_true(feeder->at < feeder->len);
	outputs_begin_teardown(&rig->outputs);
}

static void test_logmux_reader_that_takes_nothing_for_five_seconds_is_given_up(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");
	size_t fed;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	fill_and_teardown(rig, lines, LOGMUX_STDOUT);
	fed = rig->feeders[0].at;
	move_clock(rig, OUTPUTS_GIVE_UP_MS - 1000);
	assert_true(sink_is_open(outputs_sink(&rig->outputs, 0)));
	assert_text(&rig->err, "");
	move_clock(rig, 1000);
	assert_false(sink_is_open(outputs_sink(&rig->outputs, 0)));
	assert_text(&rig->err, STAMP_5
		    " dinit: warning: stdout is given up, its lines are dropped from now on: its "
		    "reader took nothing for 5 s during the teardown\n");
	assert_int_equal(rig->feeders[0].at, rig->feeders[0].len);
	assert_true(rig->outputs.list[0].dropped >= rig->feeders[0].len - fed - 100000);
	finish(&rig->feeders[0]);
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	assert_int_equal(reader_count(&rig->err,
				      "bytes were dropped because its reader took nothing\n"),
			 1);
	__real_free(lines);
}

static void test_logmux_reader_that_takes_a_little_is_not_given_up(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	fill_and_teardown(rig, lines, LOGMUX_STDOUT);
	rig->out.at_most = 8192;
	for (int i = 0; i < 10; i++) {
		rig->out.stalls = false;
		run_turns(rig, 2);
		rig->out.stalls = true;
		run(rig);
		move_clock(rig, 4000);
		assert_true(sink_is_open(outputs_sink(&rig->outputs, 0)));
	}
	rig->out.at_most = 0;
	drain(rig);
	assert_numbered(&rig->out, 100000, " web/run: ");
	__real_free(lines);
}

/* The sources are gone, the queue is not: given up only then, and how much was dropped is said
 * all the same. */
static void test_logmux_given_up_after_the_last_source_says_how_much_was_dropped(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(1900, "");
	size_t in_queue;

	open_mux(rig, CONFIG_STDOUT_WRAP);
	rig->out.stalls = true;
	feed(add(rig, LOGMUX_STDOUT), lines);
	finish(&rig->feeders[0]);
	run(rig);
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	run(rig);
	if (rig->mux.sources)
		wrong("too many lines for the test");
	in_queue = sink_len(outputs_sink(&rig->outputs, 0));
	assert_true(in_queue > 0 && !rig->drained);
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_true(rig->drained);
	assert_int_equal(rig->outputs.list[0].dropped, in_queue);
	assert_int_equal(reader_count(&rig->err,
				      " bytes were dropped because its reader took nothing\n"),
			 1);
	__real_free(lines);
}

/* Neither while there is no source, but another may come, nor while one has an unfinished line. */
static void test_logmux_dropped_bytes_are_said_when_no_more_can_come(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(1900, ""), said[100];

	open_mux(rig, CONFIG_STDOUT_WRAP);
	rig->out.stalls = true;
	feed(add(rig, LOGMUX_STDOUT), lines);
	finish(&rig->feeders[0]);
	run(rig);
	assert_null(rig->mux.sources);
	outputs_begin_teardown(&rig->outputs);
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_false(sink_is_open(outputs_sink(&rig->outputs, 0)));
	assert_int_equal(reader_count(&rig->err, " bytes were dropped"), 0);
	feed(add(rig, LOGMUX_STDOUT), "one\nunfinished");
	assert_true(feed_some(&rig->feeders[1]));
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	snprintf(said, sizeof said, " stdout: %llu bytes were dropped",
		 (unsigned long long)rig->outputs.list[0].dropped);
	assert_has(&rig->err, said);
	assert_int_equal(reader_count(&rig->err, " bytes were dropped"), 1);
	__real_free(lines);
}

static void test_logmux_both_readers_stalled_are_both_given_up(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = rig->err.stalls = true;
	feed(add(rig, LOGMUX_STDERR), lines);
	finish(&rig->feeders[0]);
	fill_and_teardown(rig, lines, LOGMUX_STDOUT);
	finish(&rig->feeders[1]);
	logmux_begin_drain(&rig->mux);
	move_clock(rig, OUTPUTS_GIVE_UP_MS);
	assert_true(rig->drained);
	__real_free(lines);
}

static void lose_stdout(struct rig *rig, enum config_stdout mode)
{
	open_mux(rig, mode);
	reader_leave(&rig->out);
	feed(add(rig, LOGMUX_STDOUT), "{}\n");
	run(rig);
	feed(&rig->feeders[0], "{}\nplain\n");
	drain(rig);
	assert_int_equal(reader_count(&rig->err, "stdout cannot be written to, its lines are "
						 "dropped from now on: Broken pipe"),
			 1);
}

static void test_logmux_stdout_gone_is_said_once_on_stderr(void **state)
{
	struct rig *rig = *state;

	lose_stdout(rig, CONFIG_STDOUT_TEXT);
	assert_text(&rig->err, STAMP " dinit: warning: stdout cannot be written to, its lines are "
				     "dropped from now on: Broken pipe\n");
}

static void test_logmux_stdout_gone_strays_still_reach_stderr(void **state)
{
	struct rig *rig = *state;

	lose_stdout(rig, CONFIG_STDOUT_JSON);
	assert_has(&rig->err, STRAY "plain\n");
}

static void test_logmux_both_gone_sources_are_still_read(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(100000, "");

	open_mux(rig, CONFIG_STDOUT_JSON);
	reader_leave(&rig->out);
	reader_leave(&rig->err);
	feed(add(rig, LOGMUX_STDOUT), lines);
	feed(add(rig, LOGMUX_STDERR), lines);
	run(rig);
	assert_int_equal(rig->feeders[0].at, rig->feeders[0].len);
	assert_int_equal(rig->feeders[1].at, rig->feeders[1].len);
	drain(rig);
	__real_free(lines);
}

static void test_logmux_full_disk_is_said_and_services_go_on(void **state)
{
	struct rig *rig = *state;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char *lines = numbered(100000, "");

	assert_int_equal(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
	close(full);
	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), lines);
	run(rig);
	assert_int_equal(rig->feeders[0].at, rig->feeders[0].len);
	drain(rig);
	assert_int_equal(reader_count(&rig->err, "stdout cannot be written to, its lines are "
						 "dropped from now on: No space left on device"),
			 1);
	__real_free(lines);
}

/* ---- failures ---- */

static void test_logmux_open_without_memory_fails_and_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	size_t before = memory_live;

	/* logmux_open looks at each output, to see whether it may have colours. */
	rig->outputs.len = OUTPUTS_MAX;
	memory_until_failure = 0;
	memory_failures = 1;
	assert_int_equal(logmux_open(&rig->mux, &rig->loop, &rig->outputs, &rig->config), -1);
	assert_int_equal(memory_failures, 0);
	assert_int_equal(memory_live, before);
	memory_until_failure = -1;
	open_mux(rig, CONFIG_STDOUT_TEXT);
}

static void test_logmux_add_without_memory_leaves_the_descriptor_to_the_caller(void **state)
{
	struct rig *rig = *state;
	int pair[2];

	open_mux(rig, CONFIG_STDOUT_TEXT);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	memory_until_failure = 0;
	memory_failures = 1;
	assert_int_equal(add_fd(rig, pair[0]), -1);
	assert_null(rig->mux.sources);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
}

static void test_logmux_add_of_what_is_not_open_fails(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	assert_int_equal(add_fd(rig, -1), -1);
	assert_int_equal(errno, EBADF);
	assert_null(rig->mux.sources);
}

/* It is open, and fstat(2) tells of it, but no more. */
static void test_logmux_add_of_what_cannot_be_made_non_blocking_fails(void **state)
{
	struct rig *rig = *state;
	int fd = open("/dev/null", O_PATH | O_CLOEXEC);

	open_mux(rig, CONFIG_STDOUT_TEXT);
	assert_int_equal(add_fd(rig, fd), -1);
	assert_int_equal(errno, EBADF);
	assert_null(rig->mux.sources);
	assert_int_equal(close(fd), 0);
}

static void test_logmux_reads_the_pipes_of_its_sources_and_no_others(void **state)
{
	struct rig *rig = *state;
	struct stat first, second, other;
	int pair[2];

	open_mux(rig, CONFIG_STDOUT_TEXT);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(fstat(pair[1], &other), 0);
	assert_int_equal(fstat(add(rig, LOGMUX_STDOUT)->fd, &first), 0);
	assert_int_equal(fstat(add(rig, LOGMUX_STDERR)->fd, &second), 0);
	assert_true(logmux_reads(&rig->mux, first.st_dev, first.st_ino));
	assert_true(logmux_reads(&rig->mux, second.st_dev, second.st_ino));
	assert_false(logmux_reads(&rig->mux, other.st_dev, other.st_ino));
	assert_false(logmux_reads(&rig->mux, first.st_dev + 1, first.st_ino));
	drain(rig);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
}

static void test_logmux_epoll_refusing_is_tried_again(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	epoll_failures = 3;
	feed(add(rig, LOGMUX_STDOUT), "one\n");
	run(rig);
	while (epoll_failures > 0)
		move_clock(rig, 1000);
	move_clock(rig, 1000);
	feed(&rig->feeders[0], "two\n");
	run(rig);
	assert_int_equal(reader_count(&rig->out, " web/run: one\n"), 1);
	assert_int_equal(reader_count(&rig->out, " web/run: two\n"), 1);
	drain(rig);
}

static void test_logmux_epoll_refusing_to_the_end_loses_nothing(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *leader, *follower;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	epoll_failures = 1000;
	feed(add_held(rig, "web", LOGMUX_STDOUT, false, &leader), "one\n");
	feed(add_held(rig, "web", LOGMUX_STDOUT, true, &follower), "two\n");
	run(rig);
	logmux_release(follower, leader);
	drain(rig);
	assert_text(&rig->out, STAMP " web/run: one\n" STAMP " web/run: two\n");
}

static void test_logmux_interrupted_read_is_tried_again(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	read_failures = 3;
	read_error = EINTR;
	feed(add(rig, LOGMUX_STDOUT), "one\n");
	run(rig);
	assert_text(&rig->out, STAMP " web/run: one\n");
	drain(rig);
}

static void test_logmux_end_of_a_pipe_is_one_whatever_errno_says(void **state)
{
	static const int errors[] = { EINTR, EAGAIN };
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	for (size_t i = 0; i < COUNT(errors); i++) {
		stale_error = errors[i];
		feed(add(rig, LOGMUX_STDOUT), "one\n");
		finish(&rig->feeders[i]);
		run(rig);
		assert_null(rig->mux.sources);
	}
	assert_text(&rig->out, STAMP " web/run: one\n" STAMP " web/run: one\n");
	drain(rig);
}

static void test_logmux_read_that_fails_ends_its_source(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	read_failures = 1;
	read_error = EIO;
	feed(add(rig, LOGMUX_STDOUT), "one\n");
	run(rig);
	assert_null(rig->mux.sources);
	assert_text(&rig->out, "");
	drain(rig);
}

/* The lines behind each prefix put together again, so that pieces do not count. */
static size_t join(const struct reader *reader, const char *prefix, char *text)
{
	const char *at = reader->text, *line;
	size_t joined = 0, len;

	while ((line = next_line(&at, &len))) {
		size_t before = STAMP_LEN + strlen(prefix);

		assert_memory_equal(line + STAMP_LEN, prefix, strlen(prefix));
		memcpy(text + joined, line + before, len - before);
		joined += len - before;
	}
	return joined;
}

#define HARD_SIZE 700000

/* Lines of many lengths, the longest larger than the sink's queue; without empty ones. */
static size_t make_hard_text(char *text, char *joined)
{
	static const size_t lens[] = { 1, 300, 5, 70000, 20, 300000, 17000, 3, 65536, 100000 };
	size_t at = 0, joined_len = 0;

	for (size_t i = 0; i < COUNT(lens); i++) {
		for (size_t n = 0; n < lens[i]; n++)
			joined[joined_len++] = text[at++] = (char)('a' + (n + i) % 26);
		text[at++] = '\n';
	}
	/* Many short ones: they need more room at the sink than one read may ask for. */
	for (size_t n = 0; n < 20000; n++) {
		joined[joined_len++] = text[at++] = (char)('a' + n % 26);
		text[at++] = '\n';
	}
	assert_true(at < HARD_SIZE);
	return at;
}

/* Returns whether any call failed. */
static bool run_with_failures(void **state, int calls, int failures)
{
	static char text[HARD_SIZE], expected[HARD_SIZE], joined[HARD_SIZE];
	size_t len = make_hard_text(text, expected);
	struct rig *rig = *state;
	struct feeder *a, *b;
	bool failed;

	rig->config.max_line = 1 << 20;
	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->out.at_most = rig->err.at_most = 50000;
	a = add_held(rig, "a", LOGMUX_STDOUT, false, NULL);
	b = add_held(rig, "b", LOGMUX_STDERR, false, NULL);
	feed_bytes(a, text, len);
	feed_bytes(b, text, len);
	a->at_most = 10007;
	memory_until_failure = calls;
	memory_failures = failures;
	drain(rig);
	failed = memory_failures < failures;
	memory_until_failure = -1;
	memory_failures = 0;
	assert_int_equal(join(&rig->out, " a/run: ", joined), strlen(expected));
	assert_memory_equal(joined, expected, strlen(expected));
	assert_int_equal(join(&rig->err, " b/run: ", joined), strlen(expected));
	assert_memory_equal(joined, expected, strlen(expected));
	return failed;
}

static void test_logmux_memory_failing_at_any_call_loses_no_byte(void **state)
{
	static const int lasting[] = { 1, 2, 7, 1 << 30 };
	/* Briefly: four of five calls, each for another time. */
	const size_t step = rig_is_brief() ? COUNT(lasting) + 1 : 1;
	bool failed = true;
	size_t at = 0;

	for (; failed; at += step) {
		failed = run_with_failures(state, (int)(at / COUNT(lasting)),
					   lasting[at % COUNT(lasting)]);
		teardown(state);
		setup(state);
	}
	assert_true(at > 20 * COUNT(lasting));
}

static void test_logmux_unfinished_line_without_memory_goes_out_as_a_piece(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add(rig, LOGMUX_STDOUT), "beg");
	feed(add_held(rig, "other", LOGMUX_STDOUT, false, NULL), "other\n");
	memory_until_failure = 0;
	memory_failures = 1;
	run(rig);
	assert_int_equal(memory_failures, 0);
	assert_int_equal(reader_count(&rig->out, " web/run: beg\n"), 1);
	assert_int_equal(reader_count(&rig->out, " other/run: other\n"), 1);
	feed(&rig->feeders[0], "un\n");
	run(rig);
	assert_int_equal(reader_count(&rig->out, " web/run: un\n"), 1);
	drain(rig);
}

/* Nor is the end of a line kept that has begun before: it goes out without any more input. */
static void test_logmux_begun_line_without_memory_for_its_end_goes_out_at_once(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;
	char end[1000], expected[sizeof end + 3], joined[sizeof expected];

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	feed(feeder, "beg");
	run(rig);
	assert_text(&rig->out, "");
	memset(end, 'e', sizeof end - 1);
	end[sizeof end - 1] = '\n';
	memory_until_failure = 0;
	memory_failures = 1;
	feed_bytes(feeder, end, sizeof end);
	run(rig);
	assert_int_equal(memory_failures, 0);
	snprintf(expected, sizeof expected, "beg%.*s", (int)sizeof end - 1, end);
	assert_int_equal(join(&rig->out, " web/run: ", joined), strlen(expected));
	assert_memory_equal(joined, expected, strlen(expected));
	drain(rig);
}

/* A piece is no object, whatever it looks like, and nor is what follows it in its line; the newline
 * behind it is no line of its own. */
static void test_logmux_unfinished_object_without_memory_is_a_stray_in_pieces(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_JSON);
	feeder = add(rig, LOGMUX_STDOUT);
	for (int i = 0; i < 2; i++) {
		feed(feeder, "{\"a\":1}");
		memory_until_failure = 0;
		memory_failures = 1;
		run(rig);
		assert_int_equal(memory_failures, 0);
		assert_int_equal(reader_count(&rig->err, "not a JSON object"), i + 1);
		feed(feeder, i == 0 ? "\n" : " {\"b\":2}\n{\"c\":3}\n");
		run(rig);
	}
	assert_int_equal(reader_count(&rig->err, "not a JSON object"), 3);
	assert_int_equal(reader_count(&rig->out, "\n"), 1);
	assert_has(&rig->out, "{\"c\":3,");
	drain(rig);
}

/* What waits in the read buffer for lack of memory keeps the time of its read, and makes nothing
 * spin. */
static void test_logmux_line_without_memory_to_wait_in_keeps_its_time(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(20000, "");
	struct feeder *late, *good;

	open_mux(rig, CONFIG_STDOUT_JSON);
	fill_stderr(rig, lines);
	late = add_held(rig, "late", LOGMUX_STDOUT, false, NULL);
	good = add_held(rig, "good", LOGMUX_STDOUT, false, NULL);
	run(rig);
	move_clock(rig, 5000);
	memory_until_failure = 0;
	memory_failures = 1 << 30;
	feed(late, "stray\n");
	run(rig);
	assert_non_null(rig->mux.stranded);
	feed(good, "{}\n");
	run(rig);
	drain(rig);
	assert_has(&rig->err, STAMP_5 " dinit: warning: late/run: not a JSON object: stray\n");
	assert_int_equal(reader_count(&rig->err, "late/run: not a JSON object"), 1);
	assert_int_equal(reader_count(&rig->out, "\n"), 1);
	__real_free(lines);
}

/* ---- seen by others ---- */

static void test_logmux_output_in_json_modes_parses_with_jq(void **state)
{
	static const char lines[] =
		"{\"a\":\"\xc3\xa9\"}\n\xff\xfe \"quoted\" \\ \x01\x7f\n{}\n"
		" {\"a\":[1,{\"b\":null}]} \r\n{\"a\":1\n\\ud800\n\0\n{\"service\":\"mine\"}\nlast";
	char path[] = "/tmp/test_logmux.XXXXXX", command[100];
	struct rig *rig = *state;
	int fd;

	rig_need(system("command -v jq >/dev/null") == 0, "no jq here: install it");
	open_mux(rig, CONFIG_STDOUT_WRAP);
	feed_bytes(add_held(rig, "we\"b\\", LOGMUX_STDOUT, false, NULL), lines, sizeof lines - 1);
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "\n"), 9);
	fd = mkstemp(path);
	assert_int_equal(write(fd, rig->out.text, rig->out.len), rig->out.len);
	close(fd);
	snprintf(command, sizeof command,
		 "jq -es 'length == 9 and all(.service == \"we\\\"b\\\\\")' %s >/dev/null", path);
	assert_int_equal(system(command), 0);
	unlink(path);
}

/* ---- last lines ---- */

static struct lastline last;

/* A source whose last line is noted there. */
static struct feeder *add_noted_at(struct rig *rig, enum logmux_stream stream, struct lastline *at)
{
	return add_source(rig, &(struct logmux_source_spec){
				       .service = "web",
				       .stage = "run",
				       .stream = stream,
				       .last = at,
			       });
}

static struct feeder *add_noted(struct rig *rig)
{
	last = (struct lastline){ 0 };
	return add_noted_at(rig, LOGMUX_STDERR, &last);
}

/* expected NULL: there is none. */
static void assert_noted(const struct lastline *at, const char *expected)
{
	char text[LASTLINE_MAX + 1];
	bool any = lastline_show(at, text);

	if (any != (expected != NULL) || (any && strcmp(text, expected) != 0))
		wrong("the last line is \"%s\"", any ? text : "");
}

static void assert_last(const char *expected)
{
	assert_noted(&last, expected);
}

static void test_logmux_last_line_is_noted_as_it_is_read(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add_noted(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last(NULL);
	feed(feeder, "one\ntwo\n\r\n\nthr");
	run(rig);
	assert_last("two");
	feed(feeder, "ee\n");
	run(rig);
	assert_last("three");
	feed(feeder, "four");
	run(rig);
	assert_last("three");
	drain(rig);
	assert_last("four");
	assert_text(&rig->err, STAMP " web/run: one\n" STAMP " web/run: two\n" STAMP
				     " web/run: three\n" STAMP " web/run: four\n");
	lastline_clear(&last);
}

/* The pipe stays open where the one that has ended left a child. */
static void test_logmux_end_last_takes_the_unfinished_line_of_an_open_pipe(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add_noted(rig), "one\ntwo");
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("two");
	drain(rig);
	assert_last("two");
	lastline_clear(&last);
}

static void test_logmux_end_last_takes_an_unfinished_line_of_one_byte(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add_noted(rig), "one\nx");
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("x");
	drain(rig);
	lastline_clear(&last);
}

static void test_logmux_end_last_has_a_rest_until_all_is_read(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add_noted(rig);
	feed(feeder, "one\ntw");
	run(rig);
	assert_int_equal(write(feeder->fd, "o\nthree\n", 8), 8);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_UNREAD);
	assert_last("one");
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("three");
	drain(rig);
	lastline_clear(&last);
}

/* What was read is known, although it cannot be written; what was not read is not. */
static void test_logmux_end_last_behind_a_stalled_reader_knows_what_was_read(void **state)
{
	struct rig *rig = *state;
	char *flood = numbered(100000, "flood ");
	struct feeder *feeder, *other;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	rig->err.stalls = true;
	feeder = add_noted(rig);
	feed(feeder, "one\ntwo\nthr");
	run(rig);
	other = add(rig, LOGMUX_STDERR);
	feed(other, flood);
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("thr");
	feed(feeder, "ee\nfour\n");
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_UNREAD);
	drain(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_NONE);
	assert_last("four");
	free(flood);
	lastline_clear(&last);
}

/* The lines of the tail wait for room, and one that is not finished stands behind them. */
static void test_logmux_end_last_looks_behind_the_lines_that_wait(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(4200, "no object ");

	open_mux(rig, CONFIG_STDOUT_JSON);
	rig->err.stalls = true;
	last = (struct lastline){ 0 };
	feed_bytes(add_noted_at(rig, LOGMUX_STDOUT, &last), lines, strlen(lines) - 1);
	run(rig);
	assert_non_null(rig->mux.parkings[OUTPUTS_MAX - 1].first);
	assert_last("no object 4198");
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("no object 4199");
	drain(rig);
	assert_last("no object 4199");
	free(lines);
	lastline_clear(&last);
}

static void test_logmux_end_last_does_not_wait_for_what_a_logging_program_reads(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *held;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	last = (struct lastline){ 0 };
	feed(add_source(rig, &(struct logmux_source_spec){ .service = "web",
							   .stage = "run",
							   .stream = LOGMUX_STDOUT,
							   .held = true,
							   .handle = &held,
							   .last = &last }),
	     "for the logging program\n");
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_NONE);
	assert_last(NULL);
	logmux_release(held, NULL);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_UNREAD);
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("for the logging program");
	drain(rig);
	lastline_clear(&last);
}

/* Two sources of one process are one stream. */
static void test_logmux_end_last_asks_all_sources_of_that_line(void **state)
{
	struct rig *rig = *state;
	struct feeder *first, *second;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	first = add_noted(rig);
	second = add_noted(rig);
	feed(first, "one\n");
	run(rig);
	feed(second, "two\n");
	run(rig);
	assert_last("two");
	assert_int_equal(write(first->fd, "three\n", 6), 6);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_UNREAD);
	run(rig);
	assert_int_equal(write(second->fd, "four\n", 5), 5);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_UNREAD);
	run(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_last("four");
	drain(rig);
	lastline_clear(&last);
}

static void test_logmux_end_last_of_what_cannot_be_asked_is_unread(void **state)
{
	struct rig *rig = *state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct logmux_source_spec spec = {
		.fd = fd, .service = "web", .stage = "run", .held = false, .last = &last
	};

	open_mux(rig, CONFIG_STDOUT_TEXT);
	last = (struct lastline){ 0 };
	assert_int_equal(logmux_add(&rig->mux, &spec), 0);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_UNREAD);
	drain(rig);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_NONE);
	assert_last(NULL);
}

/* What lies behind the places that are moved is another process's. */
static void check_move_last(struct rig *rig, enum logmux_stream stream)
{
	struct lastline from[LOGMUX_STREAMS + 1] = { 0 }, to[LOGMUX_STREAMS + 1] = { 0 };
	struct lastline *behind = &from[LOGMUX_STREAMS];
	struct feeder *feeder, *other;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	other = add_noted_at(rig, stream, behind);
	feeder = add_noted_at(rig, stream, &from[stream]);
	feed(feeder, "one\n");
	feed(other, "other\n");
	run(rig);
	assert_noted(&from[stream], "one");
	logmux_move_last(&rig->mux, from, to);
	assert_noted(&from[stream], NULL);
	assert_noted(&to[stream], "one");
	assert_noted(behind, "other");
	feed(feeder, "three\n");
	feed(other, "another\n");
	run(rig);
	assert_noted(&from[stream], NULL);
	assert_noted(&to[stream], "three");
	assert_noted(behind, "another");
	logmux_move_last(&rig->mux, to, NULL);
	assert_noted(&to[stream], NULL);
	feed(feeder, "four\n");
	run(rig);
	assert_noted(&to[stream], NULL);
	assert_noted(behind, "another");
	drain(rig);
	assert_int_equal(reader_count(stream == LOGMUX_STDOUT ? &rig->out : &rig->err,
				      " web/run: "),
			 5);
	lastline_clear(behind);
}

static void test_logmux_move_last_of_stdout_goes_on_elsewhere_or_nowhere(void **state)
{
	check_move_last(*state, LOGMUX_STDOUT);
}

static void test_logmux_move_last_of_stderr_goes_on_elsewhere_or_nowhere(void **state)
{
	check_move_last(*state, LOGMUX_STDERR);
}

/* Its beginning is gone when it ends. */
static void test_logmux_last_line_in_pieces_is_its_beginning(void **state)
{
	struct rig *rig = *state;
	char *longer = long_line(20000, 'x', "");
	char text[LASTLINE_MAX + 1];
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add_noted(rig);
	feeder->at_most = 1000;
	feed(feeder, "one\nbegin:");
	run(rig);
	feed(feeder, longer);
	run(rig);
	feed(feeder, "\n");
	run(rig);
	assert_true(reader_count(&rig->err, " web/run: ") > 4);
	assert_int_equal(logmux_end_last(&rig->mux, &last), LOGMUX_REST_OTHERS);
	assert_true(lastline_show(&last, text));
	assert_memory_equal(text, "begin:xxx", 9);
	drain(rig);
	free(longer);
	lastline_clear(&last);
}

/* The line before the last one is not taken for it where the last one went out in parts. */
static void test_logmux_last_line_without_memory_is_none(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add_noted(rig);
	feed(feeder, "one\n");
	run(rig);
	assert_last("one");
	memory_until_failure = 0;
	memory_failures = 1000;
	feed(feeder, "two");
	run(rig);
	assert_last(NULL);
	memory_failures = 0;
	memory_until_failure = -1;
	feed(feeder, "\nthree\n");
	run(rig);
	assert_last("three");
	drain(rig);
	lastline_clear(&last);
}

/* ---- busy sources ---- */

/* As of busy.c. */
#define BUSY_READS 8
#define BUSY_LITTLE 4096
#define BUSY_MUCH (32 * 1024)

/* Lets a source have that text, and gives the logmux a turn. */
static void give(struct rig *rig, struct feeder *feeder, const char *text)
{
	feed(feeder, text);
	assert_true(feed_some(feeder));
	run_turns(rig, 1);
}

/* The first source is read so often, one line each time, and the clock stands. */
static void give_lines(struct rig *rig, int lines)
{
	for (int i = 0; i < lines; i++) {
		assert_null(rig->mux.parkings[LOGMUX_BUSY].first);
		give(rig, &rig->feeders[0], "line\n");
	}
}

/* Opens the logmux, with a source that is busy. */
static struct feeder *make_busy(struct rig *rig)
{
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	clock_stands = true;
	give_lines(rig, BUSY_READS);
	assert_non_null(rig->mux.parkings[LOGMUX_BUSY].first);
	assert_int_equal(rig->verdict, LOOP_SOON);
	return feeder;
}

static void assert_not_busy(struct rig *rig)
{
	assert_null(rig->mux.parkings[LOGMUX_BUSY].first);
	assert_int_equal(rig->verdict, LOOP_SLEEP);
}

/* Returns so many lines of 64 bytes. */
static const char *lines_of_64(size_t count)
{
	static char text[LOGMUX_READ_SIZE + 1];

	for (size_t i = 0; i < count; i++) {
		memset(text + 64 * i, 'x', 63);
		text[64 * i + 63] = '\n';
	}
	text[64 * count] = '\0';
	return text;
}

static void test_logmux_source_of_many_small_reads_in_a_millisecond_is_busy(void **state)
{
	struct rig *rig = *state;

	make_busy(rig);
	assert_int_equal(reader_count(&rig->out, " web/run: line\n"), BUSY_READS);
	drain(rig);
}

static void test_logmux_source_of_few_reads_a_millisecond_is_not_busy(void **state)
{
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	add(rig, LOGMUX_STDOUT);
	clock_stands = true;
	for (int i = 0; i < 3; i++) {
		give_lines(rig, BUSY_READS - 1);
		assert_not_busy(rig);
		clock_offset_ms++;
	}
	drain(rig);
}

static void test_logmux_source_of_larger_reads_is_not_busy(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feeder = add(rig, LOGMUX_STDOUT);
	clock_stands = true;
	give_lines(rig, BUSY_READS - 1);
	give(rig, feeder, lines_of_64(BUSY_LITTLE / 64 + 1));
	assert_not_busy(rig);
	give_lines(rig, BUSY_READS - 1);
	assert_not_busy(rig);
	give(rig, feeder, lines_of_64(BUSY_LITTLE / 64));
	assert_int_equal(rig->verdict, LOOP_SOON);
	drain(rig);
}

/* It is not watched, which would cost its writer, but read in each turn. */
static void test_logmux_busy_source_is_read_without_being_watched(void **state)
{
	struct rig *rig = *state;
	struct pollfd loop = { .events = POLLIN };
	struct feeder *feeder = make_busy(rig);

	feed(feeder, "another\n");
	assert_true(feed_some(feeder));
	loop.fd = rig->loop.epoll_fd;
	assert_int_equal(poll(&loop, 1, 0), 0);
	logmux_read_busy(&rig->mux);
	logmux_turn(&rig->mux);
	assert_true(reader_take(&rig->out));
	assert_int_equal(reader_count(&rig->out, " web/run: another\n"), 1);
	drain(rig);
}

static void test_logmux_busy_source_is_watched_again_when_it_gives_nothing(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder = make_busy(rig);

	give(rig, feeder, "another\n");
	assert_int_equal(rig->verdict, LOOP_SOON);
	run_turns(rig, 1);
	assert_not_busy(rig);
	give(rig, feeder, "last\n");
	assert_not_busy(rig);
	assert_int_equal(reader_count(&rig->out, " web/run: last\n"), 1);
	drain(rig);
}

/* Its pipe could be full before it is read again, and its writer would wait. */
static void test_logmux_busy_source_is_watched_again_when_it_gives_much(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder = make_busy(rig);

	give(rig, feeder, lines_of_64(BUSY_MUCH / 64 - 1));
	assert_int_equal(rig->verdict, LOOP_SOON);
	give(rig, feeder, lines_of_64(BUSY_MUCH / 64));
	assert_not_busy(rig);
	clock_offset_ms++;
	give_lines(rig, BUSY_READS - 1);
	assert_not_busy(rig);
	give_lines(rig, 1);
	assert_int_equal(rig->verdict, LOOP_SOON);
	drain(rig);
}

static void test_logmux_busy_source_waits_for_a_reader_that_stalls(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(10000, "number ");
	struct feeder *feeder = make_busy(rig);

	reader_forget(&rig->out);
	rig->out.stalls = true;
	feeder->at_most = 2000;
	feed(feeder, lines);
	run(rig);
	assert_int_equal(rig->verdict, LOOP_SLEEP);
	assert_true(feeder->at < feeder->len);
	rig->out.stalls = false;
	run(rig);
	assert_numbered(&rig->out, 10000, " web/run: number ");
	drain(rig);
	__real_free(lines);
}

static void test_logmux_busy_source_that_ends_gives_all_it_has(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder = make_busy(rig);

	feed(feeder, "one\ntwo");
	finish(feeder);
	run(rig);
	assert_null(rig->mux.sources);
	assert_not_busy(rig);
	assert_int_equal(reader_count(&rig->out, " web/run: two\n"), 1);
}

static void test_logmux_busy_source_is_drained(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder = make_busy(rig);

	feed(feeder, "one\ntwo");
	assert_true(feed_some(feeder));
	outputs_begin_teardown(&rig->outputs);
	logmux_begin_drain(&rig->mux);
	run(rig);
	assert_true(rig->drained);
	assert_int_equal(reader_count(&rig->out, " web/run: two\n"), 1);
}

static void test_logmux_follower_of_a_busy_leader_comes_after_it(void **state)
{
	struct rig *rig = *state;
	struct logmux_source *leader = NULL, *held = NULL;
	struct feeder *first, *second;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	first = add_held(rig, "web", LOGMUX_STDOUT, false, &leader);
	second = add_held(rig, "log", LOGMUX_STDOUT, true, &held);
	clock_stands = true;
	give_lines(rig, BUSY_READS);
	assert_int_equal(rig->verdict, LOOP_SOON);
	reader_forget(&rig->out);
	feed(first, "first\n");
	feed(second, "second\n");
	assert_true(feed_some(first) && feed_some(second));
	logmux_release(held, leader);
	run(rig);
	assert_text(&rig->out, STAMP " web/run: first\n" STAMP " log/run: second\n");
	drain(rig);
}

/* ---- counts ---- */

/* Of the streams of a service. */
static struct tally tallies[LOGMUX_STREAMS];

static struct feeder *add_counted_in(struct rig *rig, enum logmux_stream stream,
				     struct tally *tally)
{
	return add_source(rig, &(struct logmux_source_spec){
				       .service = "web",
				       .stage = "run",
				       .stream = stream,
				       .tally = tally,
			       });
}

static struct feeder *add_counted(struct rig *rig, enum logmux_stream stream)
{
	return add_counted_in(rig, stream, &tallies[stream]);
}

/* Opens the logmux, and begins to count anew. */
static void open_counted(struct rig *rig, enum config_stdout mode)
{
	memset(tallies, 0, sizeof tallies);
	open_mux(rig, mode);
}

static void assert_counted(enum logmux_stream stream, size_t lines, size_t bytes)
{
	assert_int_equal(tallies[stream].lines, lines);
	assert_int_equal(tallies[stream].bytes, bytes);
}

static void test_logmux_counts_bytes_as_read_and_lines_that_are_not_empty(void **state)
{
	struct rig *rig = *state;
	struct board_stream shown = { 7, 7 };

	open_counted(rig, CONFIG_STDOUT_TEXT);
	tally_show(&tallies[LOGMUX_STDOUT], &shown);
	feed(add_counted(rig, LOGMUX_STDOUT), "one\n\n\r\ntwo\r\nthr");
	feed(add_counted(rig, LOGMUX_STDERR), "x\n");
	run(rig);
	assert_counted(LOGMUX_STDOUT, 2, 15);
	assert_counted(LOGMUX_STDERR, 1, 2);
	assert_int_equal(shown.lines, 2);
	assert_int_equal(shown.bytes, 15);
	/* The last one has no newline. */
	drain(rig);
	assert_counted(LOGMUX_STDOUT, 3, 15);
	assert_int_equal(shown.lines, 3);
}

static void count_bit_by_bit(struct rig *rig, enum config_stdout mode)
{
	static const char lines[] = "{\"a\":1}\nplain\n\n{}\r\n[1]\n";

	open_counted(rig, mode);
	for (size_t at_most = 0; at_most < 4; at_most++) {
		struct feeder *feeder = add_counted(rig, LOGMUX_STDOUT);

		memset(tallies, 0, sizeof tallies);
		feed(feeder, lines);
		feeder->at_most = at_most;
		finish(feeder);
		run(rig);
		assert_counted(LOGMUX_STDOUT, 4, strlen(lines));
	}
	drain(rig);
}

static void test_logmux_counts_in_text_mode_bit_by_bit(void **state)
{
	count_bit_by_bit(*state, CONFIG_STDOUT_TEXT);
}

static void test_logmux_counts_in_json_mode_strays_where_they_came_from(void **state)
{
	count_bit_by_bit(*state, CONFIG_STDOUT_JSON);
	assert_counted(LOGMUX_STDERR, 0, 0);
}

static void test_logmux_counts_in_wrap_mode_bit_by_bit(void **state)
{
	count_bit_by_bit(*state, CONFIG_STDOUT_WRAP);
}

static void test_logmux_counts_a_line_in_pieces_once(void **state)
{
	struct rig *rig = *state;
	char *line = long_line(10000, 'x', "\nnext\n");

	open_counted(rig, CONFIG_STDOUT_TEXT);
	feed(add_counted(rig, LOGMUX_STDOUT), line);
	drain(rig);
	assert_int_equal(reader_count(&rig->out, "\n"), 4);
	assert_counted(LOGMUX_STDOUT, 2, strlen(line));
	__real_free(line);
}

static void test_logmux_counts_lines_once_that_waited_for_a_stalled_reader(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(50000, "number ");

	open_counted(rig, CONFIG_STDOUT_TEXT);
	rig->out.stalls = true;
	feed(add_counted(rig, LOGMUX_STDOUT), lines);
	run(rig);
	assert_true(tallies[LOGMUX_STDOUT].lines < 50000);
	assert_true(tallies[LOGMUX_STDOUT].bytes < strlen(lines));
	rig->out.stalls = false;
	rig->out.at_most = 3000;
	drain(rig);
	assert_counted(LOGMUX_STDOUT, 50000, strlen(lines));
	__real_free(lines);
}

static void test_logmux_counts_lines_whose_reader_has_gone(void **state)
{
	struct rig *rig = *state;
	struct feeder *feeder;

	open_counted(rig, CONFIG_STDOUT_TEXT);
	reader_leave(&rig->out);
	feeder = add_counted(rig, LOGMUX_STDOUT);
	feed(feeder, "one\n");
	run(rig);
	assert_false(sink_is_open(&rig->outputs.list[0].sink));
	feed(feeder, "two\nthree\n");
	run(rig);
	assert_counted(LOGMUX_STDOUT, 3, 14);
	drain(rig);
}

static void test_logmux_counts_sources_of_one_service_together(void **state)
{
	struct rig *rig = *state;

	open_counted(rig, CONFIG_STDOUT_TEXT);
	feed(add_counted(rig, LOGMUX_STDOUT), "one\n");
	feed(add_counted(rig, LOGMUX_STDOUT), "two\nthree\n");
	drain(rig);
	assert_counted(LOGMUX_STDOUT, 3, 14);
	assert_counted(LOGMUX_STDERR, 0, 0);
}

static void test_logmux_forget_tallies_sources_live_on_uncounted(void **state)
{
	struct tally others[LOGMUX_STREAMS] = { 0 };
	struct rig *rig = *state;
	struct feeder *out, *err;

	open_counted(rig, CONFIG_STDOUT_TEXT);
	out = add_counted(rig, LOGMUX_STDOUT);
	err = add_counted(rig, LOGMUX_STDERR);
	feed(out, "one\n");
	feed(err, "one\n");
	run(rig);
	logmux_forget_tallies(&rig->mux, others);
	feed(out, "two\n");
	run(rig);
	assert_counted(LOGMUX_STDOUT, 2, 8);
	logmux_forget_tallies(&rig->mux, tallies);
	feed(out, "three\n");
	feed(err, "three\n");
	run(rig);
	assert_counted(LOGMUX_STDOUT, 2, 8);
	assert_counted(LOGMUX_STDERR, 1, 4);
	assert_has(&rig->out, "three");
	assert_has(&rig->err, "three");
	drain(rig);
}

/* What lies behind those that are forgotten is another process's. */
static void test_logmux_forget_tallies_others_count_on(void **state)
{
	struct tally forgotten[LOGMUX_STREAMS + 1] = { 0 }, *behind = &forgotten[LOGMUX_STREAMS];
	struct rig *rig = *state;

	open_mux(rig, CONFIG_STDOUT_TEXT);
	feed(add_counted_in(rig, LOGMUX_STDERR, behind), "one\n");
	run(rig);
	logmux_forget_tallies(&rig->mux, forgotten);
	feed(&rig->feeders[0], "two\n");
	run(rig);
	assert_int_equal(behind->lines, 2);
	assert_int_equal(behind->bytes, 8);
	drain(rig);
}

static void test_logmux_counts_each_line_once_whatever_memory_fails(void **state)
{
	struct rig *rig = *state;
	char *lines = numbered(3000, "{\"n\":");

	open_counted(rig, CONFIG_STDOUT_JSON);
	rig->out.at_most = 1000;
	for (int calls = 0; calls < 10; calls++) {
		struct feeder *feeder = add_counted(rig, LOGMUX_STDOUT);

		memset(tallies, 0, sizeof tallies);
		feed(feeder, lines);
		feeder->at_most = 777;
		finish(feeder);
		memory_until_failure = calls;
		memory_failures = 3;
		run(rig);
		memory_until_failure = -1;
		assert_counted(LOGMUX_STDOUT, 3000, strlen(lines));
	}
	drain(rig);
	__real_free(lines);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_logmux_text_mode_labels_both_streams),
	TEST(test_logmux_json_mode_adds_fields_and_warns_of_what_is_no_object),
	TEST(test_logmux_wrap_mode_turns_lines_into_objects),
	TEST(test_logmux_bytes_one_at_a_time_make_the_same_lines),
	TEST(test_logmux_split_at_every_byte_makes_the_same_lines),
	TEST(test_logmux_line_longer_than_the_limit_goes_out_in_pieces),
	TEST(test_logmux_line_at_the_limit_stays_whole),
	TEST(test_logmux_pieces_in_json_mode_are_no_objects),
	TEST(test_logmux_pieces_in_wrap_mode_keep_characters_together),
	TEST(test_logmux_line_larger_than_the_queue_goes_out_whole),
	TEST(test_logmux_same_open_file_shares_one_queue),
	TEST(test_logmux_json_stderr_turns_its_lines_into_objects),
	TEST(test_logmux_json_stderr_has_strays_as_messages),
	TEST(test_logmux_json_stderr_pieces_keep_characters_together),
	TEST(test_logmux_json_stderr_pieces_of_strays_keep_characters_together),
	TEST(test_logmux_pieces_of_strays_in_text_have_all_the_same_length),
	TEST(test_logmux_json_stderr_in_the_same_file_as_text_has_objects_of_its_own),
	TEST(test_logmux_terminal_colours_its_text_and_the_other_stays_plain),
	TEST(test_logmux_terminal_on_stdout_colours_text_but_no_json),
	TEST(test_logmux_terminal_has_strays_in_yellow),
	TEST(test_logmux_terminal_has_pieces_of_the_same_length_too),
	TEST(test_logmux_terminal_without_colour_has_plain_text),
	TEST(test_logmux_stalled_stdout_stops_it_and_nothing_else),
	TEST(test_logmux_stalled_stdout_reads_nothing_for_it),
	TEST(test_logmux_stalled_stderr_stops_strays_and_stderr_only),
	TEST(test_logmux_slow_readers_lose_nothing_in_text_mode),
	TEST(test_logmux_slow_readers_lose_nothing_in_json_mode),
	TEST(test_logmux_slow_readers_lose_nothing_in_wrap_mode),
	TEST(test_logmux_stalled_reader_keeps_memory_bounded),
	TEST(test_logmux_finished_line_gives_its_memory_back),
	TEST(test_logmux_two_floods_share_a_slow_reader_fairly),
	TEST(test_logmux_turn_gives_each_source_that_waits_one_turn),
	TEST(test_logmux_flood_does_not_delay_anothers_line),
	TEST(test_logmux_source_of_many_small_reads_in_a_millisecond_is_busy),
	TEST(test_logmux_source_of_few_reads_a_millisecond_is_not_busy),
	TEST(test_logmux_source_of_larger_reads_is_not_busy),
	TEST(test_logmux_busy_source_is_read_without_being_watched),
	TEST(test_logmux_busy_source_is_watched_again_when_it_gives_nothing),
	TEST(test_logmux_busy_source_is_watched_again_when_it_gives_much),
	TEST(test_logmux_busy_source_waits_for_a_reader_that_stalls),
	TEST(test_logmux_busy_source_that_ends_gives_all_it_has),
	TEST(test_logmux_busy_source_is_drained),
	TEST(test_logmux_follower_of_a_busy_leader_comes_after_it),
	TEST(test_logmux_lines_that_waited_carry_the_time_they_were_read),
	TEST(test_logmux_line_that_waits_is_not_overtaken_by_the_next),
	TEST(test_logmux_last_line_without_newline_waits_for_room),
	TEST(test_logmux_last_line_without_newline_of_one_byte_goes_out),
	TEST(test_logmux_drain_of_what_is_no_pipe_ends),
	TEST(test_logmux_held_source_is_not_read_before_its_release),
	TEST(test_logmux_follower_comes_after_all_its_leader_holds),
	TEST(test_logmux_follower_of_a_leader_that_stays_open_starts_all_the_same),
	TEST(test_logmux_follower_of_an_idle_leader_starts_at_once),
	TEST(test_logmux_follower_in_the_drain_still_comes_after_its_leader),
	TEST(test_logmux_held_source_alone_in_the_drain_gets_in_line_once),
	TEST(test_logmux_release_once_the_drain_has_begun_changes_nothing),
	TEST(test_logmux_drain_ends_sources_that_an_orphan_still_holds),
	TEST(test_logmux_drain_ends_though_an_orphan_writes_on_and_on),
	TEST(test_logmux_drain_leaves_what_comes_once_it_has_counted),
	TEST(test_logmux_drain_ends_though_another_took_what_was_left),
	TEST(test_logmux_drain_without_fionread_reads_what_stood_in_the_pipe),
	TEST(test_logmux_drain_reads_what_stood_in_the_pipes_whole),
	TEST(test_logmux_thousand_sources_ending_at_once_lose_nothing),
	TEST(test_logmux_reader_that_takes_nothing_for_five_seconds_is_given_up),
	TEST(test_logmux_reader_that_takes_a_little_is_not_given_up),
	TEST(test_logmux_given_up_after_the_last_source_says_how_much_was_dropped),
	TEST(test_logmux_dropped_bytes_are_said_when_no_more_can_come),
	TEST(test_logmux_both_readers_stalled_are_both_given_up),
	TEST(test_logmux_stdout_gone_is_said_once_on_stderr),
	TEST(test_logmux_stdout_gone_strays_still_reach_stderr),
	TEST(test_logmux_both_gone_sources_are_still_read),
	TEST(test_logmux_full_disk_is_said_and_services_go_on),
	TEST(test_logmux_open_without_memory_fails_and_leaves_nothing),
	TEST(test_logmux_add_without_memory_leaves_the_descriptor_to_the_caller),
	TEST(test_logmux_add_of_what_is_not_open_fails),
	TEST(test_logmux_add_of_what_cannot_be_made_non_blocking_fails),
	TEST(test_logmux_reads_the_pipes_of_its_sources_and_no_others),
	TEST(test_logmux_epoll_refusing_is_tried_again),
	TEST(test_logmux_epoll_refusing_to_the_end_loses_nothing),
	TEST(test_logmux_interrupted_read_is_tried_again),
	TEST(test_logmux_end_of_a_pipe_is_one_whatever_errno_says),
	TEST(test_logmux_read_that_fails_ends_its_source),
	TEST(test_logmux_memory_failing_at_any_call_loses_no_byte),
	TEST(test_logmux_unfinished_line_without_memory_goes_out_as_a_piece),
	TEST(test_logmux_begun_line_without_memory_for_its_end_goes_out_at_once),
	TEST(test_logmux_unfinished_object_without_memory_is_a_stray_in_pieces),
	TEST(test_logmux_line_without_memory_to_wait_in_keeps_its_time),
	TEST(test_logmux_output_in_json_modes_parses_with_jq),
	TEST(test_logmux_last_line_is_noted_as_it_is_read),
	TEST(test_logmux_end_last_takes_the_unfinished_line_of_an_open_pipe),
	TEST(test_logmux_end_last_takes_an_unfinished_line_of_one_byte),
	TEST(test_logmux_end_last_has_a_rest_until_all_is_read),
	TEST(test_logmux_end_last_behind_a_stalled_reader_knows_what_was_read),
	TEST(test_logmux_end_last_looks_behind_the_lines_that_wait),
	TEST(test_logmux_end_last_does_not_wait_for_what_a_logging_program_reads),
	TEST(test_logmux_end_last_asks_all_sources_of_that_line),
	TEST(test_logmux_end_last_of_what_cannot_be_asked_is_unread),
	TEST(test_logmux_move_last_of_stdout_goes_on_elsewhere_or_nowhere),
	TEST(test_logmux_move_last_of_stderr_goes_on_elsewhere_or_nowhere),
	TEST(test_logmux_last_line_in_pieces_is_its_beginning),
	TEST(test_logmux_last_line_without_memory_is_none),
	TEST(test_logmux_counts_bytes_as_read_and_lines_that_are_not_empty),
	TEST(test_logmux_counts_in_text_mode_bit_by_bit),
	TEST(test_logmux_counts_in_json_mode_strays_where_they_came_from),
	TEST(test_logmux_counts_in_wrap_mode_bit_by_bit),
	TEST(test_logmux_counts_a_line_in_pieces_once),
	TEST(test_logmux_counts_lines_once_that_waited_for_a_stalled_reader),
	TEST(test_logmux_counts_lines_whose_reader_has_gone),
	TEST(test_logmux_counts_sources_of_one_service_together),
	TEST(test_logmux_forget_tallies_sources_live_on_uncounted),
	TEST(test_logmux_forget_tallies_others_count_on),
	TEST(test_logmux_counts_each_line_once_whatever_memory_fails),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
