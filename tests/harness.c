/* SPDX-License-Identifier: ISC */
/* Owns the waiting for a run and for what it writes: lines, its end, its status; not what a test
 * asserts. Invariant: every wait has a deadline. */
#include "launch.h"

#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_DEADLINE_MS 20000
#define EXIT_DEADLINE_MS 30000
#define READ_SIZE 65536

/* ---- collecting what a run writes ---- */

void run_add_output(struct run_output *output, const char *bytes, size_t len)
{
	if (output->len + len + 1 > output->size) {
		output->size = (output->len + len + 1) * 2;
		output->bytes = realloc(output->bytes, output->size);
		SCENE_CHECK(output->bytes, "realloc");
	}
	memcpy(output->bytes + output->len, bytes, len);
	output->len += len;
	output->bytes[output->len] = '\0';
}

void run_end_output(struct run_output *output)
{
	scene_close_fd(output->fd);
	scene_close_fd(output->notify_fd);
	output->fd = output->notify_fd = -1;
}

/* Reads what is there. A file's end is only its end for now; a terminal's is EIO. */
static void collect(struct run_output *output)
{
	char bytes[READ_SIZE];
	ssize_t len;

	if (output->fd < 0 || output->paused)
		return;
	if (output->notify_fd >= 0)
		while (read(output->notify_fd, bytes, sizeof bytes) > 0)
			;
	while ((len = read(output->fd, bytes, sizeof bytes)) > 0)
		run_add_output(output, bytes, (size_t)len);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (output->notify_fd < 0)
		run_end_output(output);
}

static void note_end(struct run *run)
{
	if (!run->ended && waitpid(run->pid, &run->status, WNOHANG) == run->pid) {
		run->ended = true;
		for (int i = 0; i < 2; i++) {
			collect(&run->outputs[i]);
			if (run->outputs[i].notify_fd >= 0)
				run_end_output(&run->outputs[i]);
		}
	}
}

static bool has_ended(const struct run_output *output)
{
	return output->fd < 0 || output->paused;
}

/* Waits until something happens, and takes it in. Returns false where the time is over, or
 * nothing more can happen. */
static bool wait_for_news(struct run *run, uint64_t until_ms)
{
	struct pollfd polled[3] = { { .fd = run->ended ? -1 : run->pid_fd, .events = POLLIN } };
	int timeout = scene_left_ms(until_ms);

	for (int i = 0; i < 2; i++) {
		const struct run_output *output = &run->outputs[i];

		polled[i + 1].fd = output->paused           ? -1
				   : output->notify_fd >= 0 ? output->notify_fd
							    : output->fd;
		polled[i + 1].events = POLLIN;
	}
	if (timeout == 0 ||
	    (run->ended && has_ended(&run->outputs[0]) && has_ended(&run->outputs[1])))
		return false;
	if (poll(polled, 3, timeout) < 0)
		return errno == EINTR;
	for (int i = 0; i < 2; i++)
		if (polled[i + 1].revents)
			collect(&run->outputs[i]);
	if (polled[0].revents)
		note_end(run);
	return true;
}

void run_pause(struct run *run, enum run_stream stream)
{
	run->outputs[stream].paused = true;
}

void run_resume(struct run *run, enum run_stream stream)
{
	run->outputs[stream].paused = false;
}

void run_close(struct run *run, enum run_stream stream)
{
	run_end_output(&run->outputs[stream]);
}

void run_signal(struct run *run, int signal)
{
	SCENE_CHECK(kill(run->pid, signal) == 0, "kill");
}

void run_write(struct run *run, const char *bytes, size_t len)
{
	SCENE_CHECK(write(run->in_fd, bytes, len) == (ssize_t)len, "stdin");
}

void run_end_input(struct run *run)
{
	scene_close_fd(run->in_fd);
	run->in_fd = -1;
}

void scene_wait_process_at(pid_t pid, const char *where)
{
	struct pollfd polled = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(LINE_DEADLINE_MS);
	int ready = 0;

	if (polled.fd < 0)
		return;
	do
		ready = poll(&polled, 1, scene_left_ms(until_ms));
	while (ready < 0 && errno == EINTR);
	close(polled.fd);
	if (ready <= 0)
		scene_fail_at(where, "process %d has not ended in time", (int)pid);
}

void run_kill(struct run *run)
{
	run->scene->may_leave = true;
	if (!run->ended && kill(run->pid, SIGKILL) == 0 &&
	    waitpid(run->pid, &run->status, 0) == run->pid)
		run->ended = true;
	for (int i = 0; i < 2; i++)
		collect(&run->outputs[i]);
}

/* ---- lines ---- */

const char *run_stream_name(enum run_stream stream)
{
	return stream == RUN_STDOUT ? "stdout" : "stderr";
}

static void compile(regex_t *compiled, const char *regex, const char *where)
{
	if (regcomp(compiled, regex, REG_EXTENDED) != 0)
		scene_fail_at(where, "bad regular expression: %s", regex);
}

/* The next whole line at *at, terminated, in a buffer that the next call reuses; NULL where
 * there is none. */
static const char *next_line(const struct run_output *output, size_t *at)
{
	static char *line;
	static size_t size;
	const char *begin = output->bytes + *at, *newline;
	size_t len;

	if (*at >= output->len || !(newline = memchr(begin, '\n', output->len - *at)))
		return NULL;
	len = (size_t)(newline - begin);
	if (len + 1 > size) {
		size = 2 * (len + 1);
		line = realloc(line, size);
		SCENE_CHECK(line, "realloc");
	}
	memcpy(line, begin, len);
	line[len] = '\0';
	*at += len + 1;
	return line;
}

/* The first match at or after *at, which is moved behind it. NULL: none among the whole lines so
 * far. */
static const char *find_match(struct run *run, enum run_stream stream, const regex_t *compiled,
			      size_t group, size_t *at)
{
	regmatch_t matches[10];
	const char *line;

	while ((line = next_line(&run->outputs[stream], at)))
		if (regexec(compiled, line, 10, matches, 0) == 0) {
			if (group == SIZE_MAX)
				return scene_keep(run->scene, line, strlen(line));
			return scene_keep(run->scene, line + matches[group].rm_so,
					  (size_t)(matches[group].rm_eo - matches[group].rm_so));
		}
	return NULL;
}

static const char *wait_for_matches(struct run *run, enum run_stream stream, const char *regex,
				    size_t count, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(LINE_DEADLINE_MS);
	const char *line = NULL;
	size_t found = 0, at = 0;
	bool more = true;
	regex_t compiled;

	compile(&compiled, regex, where);
	while (found < count) {
		line = find_match(run, stream, &compiled, SIZE_MAX, &at);
		if (line)
			found++;
		else if (!more)
			break;
		else
			more = wait_for_news(run, until_ms);
	}
	regfree(&compiled);
	if (found < count)
		scene_fail_at(where, "%zu of %zu lines on %s match \"%s\" %s", found, count,
			      run_stream_name(stream), regex,
			      scene_left_ms(until_ms) ? "and no more can come" : "in time");
	return line;
}

const char *run_wait_line_at(struct run *run, enum run_stream stream, const char *regex,
			     const char *where)
{
	return wait_for_matches(run, stream, regex, 1, where);
}

void run_wait_lines_at(struct run *run, enum run_stream stream, const char *regex, size_t count,
		       const char *where)
{
	wait_for_matches(run, stream, regex, count, where);
}

/* dinit warns of a stop that takes 5 s, as any may on a busy machine. Returns whether the line is
 * that, and the regular expression is not about it. */
static bool is_of_busy_machine(const char *line, const char *regex)
{
	return strstr(line, "the teardown still waits for ") && !strstr(regex, "still waits");
}

size_t run_count_lines(struct run *run, enum run_stream stream, const char *regex)
{
	size_t count = 0, at = 0;
	regmatch_t match;
	regex_t compiled;
	const char *line;

	compile(&compiled, regex, SCENE_HERE);
	while ((line = next_line(&run->outputs[stream], &at)))
		count += !is_of_busy_machine(line, regex) &&
			 regexec(&compiled, line, 1, &match, 0) == 0;
	regfree(&compiled);
	return count;
}

const char *run_match_at(struct run *run, enum run_stream stream, const char *regex, size_t group,
			 const char *where)
{
	const char *text;
	regex_t compiled;
	size_t at = 0;

	/* The line before it may have been waited for on the other stream. */
	collect(&run->outputs[stream]);
	compile(&compiled, regex, where);
	text = find_match(run, stream, &compiled, group, &at);
	regfree(&compiled);
	if (!text)
		scene_fail_at(where, "no line on %s matches \"%s\"", run_stream_name(stream),
			      regex);
	return text;
}

const char *run_expect_line_at(struct run *run, enum run_stream stream, const char *regex,
			       const char *where)
{
	return run_match_at(run, stream, regex, SIZE_MAX, where);
}

int64_t run_stamp_ms(struct run *run, const char *regex)
{
	const char *line = run_expect_line(run, RUN_STDERR, regex);
	struct tm date = { 0 };
	const char *rest = strptime(line, "%Y-%m-%dT%T.", &date);

	assert_non_null(rest);
	return (int64_t)timegm(&date) * 1000 + strtol(rest, NULL, 10);
}

void run_expect_no_line_at(struct run *run, enum run_stream stream, const char *regex,
			   const char *where)
{
	const char *text;
	regex_t compiled;
	size_t at = 0;

	compile(&compiled, regex, where);
	do
		text = find_match(run, stream, &compiled, SIZE_MAX, &at);
	while (text && is_of_busy_machine(text, regex));
	regfree(&compiled);
	if (text)
		scene_fail_at(where, "a line on %s matches \"%s\": %s", run_stream_name(stream),
			      regex, text);
}

/* ---- the end ---- */

int run_wait_exit_at(struct run *run, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(EXIT_DEADLINE_MS);

	while (wait_for_news(run, until_ms))
		;
	if (!run->ended)
		scene_fail_at(where, "dinit has not ended in time");
	for (int i = 0; i < 2; i++)
		if (!has_ended(&run->outputs[i]))
			scene_fail_at(where, "dinit has ended, but somebody still holds its %s",
				      run_stream_name((enum run_stream)i));
	scene_expect_no_report(run->scene, where);
	return WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -WTERMSIG(run->status);
}

void run_expect_exit_at(struct run *run, int status, const char *where)
{
	int got = run_wait_exit_at(run, where);

	if (got != status)
		scene_fail_at(where, "dinit's exit status is %d, not %d", got, status);
}
