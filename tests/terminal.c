/* SPDX-License-Identifier: ISC */
/* Owns nothing beyond a call: the terminal is an output of the run (harness.h), which closes it.
 * Invariant: every wait has a deadline. */
#include "terminal.h"

#include "launch.h"

#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_DEADLINE_MS 20000
/* How often the kernel is asked for what it sends no news of. */
#define LOOK_MS 2
#define READ_SIZE 4096

/* The modes that the kernel gives a new terminal. */
#define USUAL_INPUT (ICRNL | IXON)
#define USUAL_OUTPUT (OPOST | ONLCR)
#define USUAL_LOCAL (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN)

static struct run_output *find_output(const struct terminal *terminal)
{
	return &terminal->run->outputs[RUN_STDOUT];
}

/* ---- in the new process ---- */

static void need(bool condition)
{
	if (!condition)
		_exit(126);
}

void terminal_set_modes(void *ctx)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct termios modes;

	(void)ctx;
	need(tcgetattr(STDOUT_FILENO, &modes) == 0);
	modes.c_iflag = USUAL_INPUT;
	modes.c_oflag = USUAL_OUTPUT;
	modes.c_lflag = USUAL_LOCAL;
	need(tcsetattr(STDOUT_FILENO, TCSANOW, &modes) == 0);
	need(ioctl(STDOUT_FILENO, TIOCSWINSZ, &size) == 0);
}

void terminal_add_stdin(void *ctx)
{
	terminal_set_modes(ctx);
	need(dup2(STDOUT_FILENO, STDIN_FILENO) == STDIN_FILENO);
}

void terminal_control(void *ctx)
{
	terminal_add_stdin(ctx);
	need(ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0);
	need(tcgetpgrp(STDIN_FILENO) == getpgrp());
}

struct terminal terminal_start_at(struct scene *scene, const char *const *environment,
				  const char *const *arguments, const char *where)
{
	struct run_spec spec = {
		.environment = environment,
		.arguments = arguments,
		.out = RUN_FD_TTY,
		.err = RUN_FD_STDOUT,
		.prepare = terminal_control,
	};

	return (struct terminal){ .run = run_start_at(scene, &spec, where) };
}

/* ---- keys, size, modes ---- */

void terminal_type(const struct terminal *terminal, const char *keys)
{
	size_t len = strlen(keys);

	SCENE_CHECK(write(find_output(terminal)->fd, keys, len) == (ssize_t)len, "the keys");
}

void terminal_resize(const struct terminal *terminal, unsigned short lines, unsigned short columns)
{
	const struct winsize size = { .ws_row = lines, .ws_col = columns };

	SCENE_CHECK(ioctl(find_output(terminal)->fd, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
}

void terminal_hang_up(const struct terminal *terminal)
{
	run_close(terminal->run, RUN_STDOUT);
}

bool terminal_has_usual_modes(const struct terminal *terminal)
{
	struct termios modes;

	SCENE_CHECK(tcgetattr(find_output(terminal)->fd, &modes) == 0, "tcgetattr");
	return modes.c_iflag == USUAL_INPUT && modes.c_oflag == USUAL_OUTPUT &&
	       modes.c_lflag == USUAL_LOCAL;
}

/* ---- what is shown ---- */

/* Waits for more to be shown. Returns false where the time is over, or the terminal is closed
 * (EIO), which is left for the harness to be found. */
static bool read_more(struct run_output *output, uint64_t until_ms)
{
	struct pollfd polled = { .fd = output->fd, .events = POLLIN };
	char bytes[READ_SIZE];
	ssize_t len;

	if (output->fd < 0 || poll(&polled, 1, scene_left_ms(until_ms)) == 0)
		return false;
	len = read(output->fd, bytes, sizeof bytes);
	if (len <= 0)
		return len < 0 && (errno == EINTR || errno == EAGAIN);
	run_add_output(output, bytes, (size_t)len);
	return true;
}

const char *terminal_wait_at(struct terminal *terminal, const char *regex, const char *where)
{
	struct run_output *output = find_output(terminal);
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(WAIT_DEADLINE_MS);
	size_t begin = terminal->seen;
	bool found = false, more = true;
	regmatch_t match;
	regex_t compiled;

	if (regcomp(&compiled, regex, REG_EXTENDED) != 0)
		scene_fail_at(where, "bad regular expression: %s", regex);
	while (!found && more) {
		found = output->len > begin &&
			regexec(&compiled, output->bytes + begin, 1, &match, 0) == 0;
		more = found || read_more(output, until_ms);
	}
	regfree(&compiled);
	if (!found)
		scene_fail_at(where, "nothing that matches \"%s\" is shown behind byte %zu%s",
			      regex, begin,
			      scene_left_ms(until_ms) ? ", and the terminal is closed"
						      : " in time");
	terminal->seen = begin + (size_t)match.rm_eo;
	return scene_keep(terminal->run->scene, output->bytes + begin + match.rm_so,
			  (size_t)(match.rm_eo - match.rm_so));
}

void terminal_expect_at(const struct terminal *terminal, const char *text, const char *where)
{
	const struct run_output *output = find_output(terminal);

	if (output->len != strlen(text) || memcmp(output->bytes, text, output->len) != 0)
		scene_fail_at(where, "what is shown is not \"%s\"", text);
}

/* ---- the foreground ---- */

pid_t terminal_front(const struct terminal *terminal)
{
	pid_t group = tcgetpgrp(find_output(terminal)->fd);

	SCENE_CHECK(group >= 0, "tcgetpgrp");
	return group;
}

static bool is_front(const struct terminal *terminal, pid_t group)
{
	return terminal_front(terminal) == group;
}

/* Returns whether two processes execute the same program. */
static bool are_alike(pid_t one, pid_t other)
{
	char path[64];
	struct stat files[2];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "/proc/%d/exe", (int)(i ? other : one));
		if (stat(path, &files[i]) < 0)
			return false;
	}
	return files[0].st_dev == files[1].st_dev && files[0].st_ino == files[1].st_ino;
}

/* A child of dinit takes the terminal before it executes the program. */
static bool is_taken(const struct terminal *terminal, pid_t group)
{
	return !is_front(terminal, group) && !are_alike(terminal_front(terminal), group);
}

/* Returns whether the leader of the group in the foreground is in the state T of proc(5). */
static bool is_stopped(const struct terminal *terminal, pid_t group)
{
	pid_t leader = terminal_front(terminal);
	char path[64], state = '\0';
	FILE *file;

	if (leader == group)
		return false;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)leader);
	file = fopen(path, "re");
	SCENE_CHECK(file, path);
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '\0';
	fclose(file);
	return state == 'T';
}

/* Waits until the condition holds, of which the kernel sends no news. */
static void wait_until(const struct terminal *terminal,
		       bool (*condition)(const struct terminal *terminal, pid_t group), pid_t group,
		       const char *what, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(WAIT_DEADLINE_MS);

	for (; !condition(terminal, group); poll(NULL, 0, LOOK_MS))
		if (scene_left_ms(until_ms) == 0)
			scene_fail_at(where, "group %d is in the foreground: %s",
				      (int)terminal_front(terminal), what);
}

void terminal_wait_front_at(const struct terminal *terminal, pid_t group, const char *where)
{
	wait_until(terminal, is_front, group, "another one should be", where);
}

void terminal_wait_taken_at(const struct terminal *terminal, const char *where)
{
	wait_until(terminal, is_taken, terminal->run->pid, "nobody has taken it from dinit", where);
}

void terminal_wait_stopped_at(const struct terminal *terminal, const char *where)
{
	wait_until(terminal, is_stopped, terminal->run->pid, "its leader has not stopped", where);
}
