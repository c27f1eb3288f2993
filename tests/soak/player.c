/* SPDX-License-Identifier: ISC */
/* Plays the services of the soak and their logging programs. Each service ends on TERM, and says
 * last how much it has written.
 *
 * 	write OUT ERR BYTES MS PART	writes lines of the script OUT to stdout and of ERR to
 * 					stderr, each at least so many bytes, in parts of at most
 * 					PART bytes wherever that cuts them; waits about so many
 * 					milliseconds; again
 * 	beat MS				writes a number and the time to both
 * 	zombies N MS			leaves N children of a child, which have ended before they
 * 					lose their parent
 * 	orphans N MS			leaves N children of a child, which have last words when
 * 					they are told to end, and one that ignores it
 * 	daemons N MS			leaves N children of a child, one every MS, which write
 * 					numbered lines to both
 * 	convert				makes {"line":"<line>"} of each line of stdin
 * 	relay BYTES MS			copies stdin to stdout, no more than so many bytes at a
 * 					time, waiting in between
 * 	leave N				copies N lines and not a byte more, and disables itself
 *
 * Time is that of CLOCK_MONOTONIC. */
#include "../play.h"
#include "script.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE (256 * 1024)
#define DAEMON_MS 20
#define DISABLED 115

static unsigned number(const char *text)
{
	return (unsigned)play_number(text);
}

__attribute__((format(printf, 2, 3))) static void say(int fd, const char *format, ...)
{
	char text[128];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	play_write_all(fd, text, (size_t)len);
}

/* TERM is blocked from the beginning to the end, in every process of ours, so that it comes only
 * here. Returns whether it has come within that time. */
static bool told_to_end(unsigned ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return sigtimedwait(&term, NULL, &time) == SIGTERM;
}

static void block_term(void)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
}

/* ---- lines ---- */

struct writer {
	int fd;
	enum script script;
	uint64_t lines, parts;
	size_t part_max, len;
	char buffer[BUFFER_SIZE + 8 * SOAK_MAX_LINE];
};

static void write_parts(struct writer *writer)
{
	for (size_t at = 0; at < writer->len;) {
		size_t part = 1 + script_random(writer->parts++) % writer->part_max;

		if (part > writer->len - at)
			part = writer->len - at;
		play_write_all(writer->fd, writer->buffer + at, part);
		at += part;
	}
	writer->len = 0;
}

static void write_burst(struct writer *writer, size_t burst)
{
	static struct script_line line;

	if (writer->script == SCRIPT_NONE)
		return;
	for (size_t written = 0; written < burst; written += line.len) {
		script_line(writer->script, writer->lines++, &line);
		memcpy(writer->buffer + writer->len, line.bytes, line.len);
		writer->len += line.len;
		if (writer->len >= BUFFER_SIZE)
			write_parts(writer);
	}
	write_parts(writer);
}

static void play_write(char **arguments)
{
	static struct writer out = { .fd = STDOUT_FILENO }, err = { .fd = STDERR_FILENO };
	size_t burst = number(arguments[2]);
	unsigned pause_ms = number(arguments[3]);

	out.script = script_find(arguments[0]);
	err.script = script_find(arguments[1]);
	out.part_max = err.part_max = number(arguments[4]);
	if (out.script == SCRIPT_COUNT || err.script == SCRIPT_COUNT || out.part_max == 0)
		play_die("write");
	for (uint64_t turn = 0;
	     !told_to_end((unsigned)(pause_ms / 2 + script_random(turn) % (pause_ms + 1)));
	     turn++) {
		write_burst(&out, burst);
		write_burst(&err, burst);
	}
	say(STDOUT_FILENO, "{\"end\":%" PRIu64 "}\nend %" PRIu64, out.lines, out.lines);
	if (err.script != SCRIPT_NONE)
		say(STDERR_FILENO, "end %" PRIu64, err.lines);
}

static void play_beat(unsigned ms)
{
	uint64_t n;

	for (n = 0; !told_to_end(ms); n++) {
		say(STDOUT_FILENO, "{\"beat\":%" PRIu64 ",\"ns\":%" PRIu64 "}\n", n, play_now_ns());
		say(STDERR_FILENO, "beat %" PRIu64 " %" PRIu64 "\n", n, play_now_ns());
	}
	say(STDOUT_FILENO, "{\"end\":%" PRIu64 "}", n);
	say(STDERR_FILENO, "end %" PRIu64, n);
}

/* ---- orphans ---- */

static void play_zombies(unsigned count, unsigned ms)
{
	uint64_t zombies = 0;

	for (; !told_to_end(ms); zombies += count)
		play_leave_behind(1, count, play_end_at_once, true, NULL);
	say(STDOUT_FILENO, "{\"zombies\":%" PRIu64 "}", zombies);
}

static void have_last_words(unsigned n)
{
	while (!told_to_end(1000))
		;
	say(STDOUT_FILENO, "{\"last\":%u}\n", n);
}

static void be_deaf(unsigned n)
{
	(void)n;
	for (;;)
		pause();
}

static void play_orphans(unsigned each, unsigned ms)
{
	unsigned rounds = 0;

	for (; !told_to_end(ms); rounds++) {
		play_leave_behind(rounds * each + 1, (rounds + 1) * each, have_last_words, false,
				  NULL);
		play_leave_behind(1, 1, be_deaf, false, NULL);
	}
	/* With its newline, for orphans may write behind it. */
	say(STDOUT_FILENO, "{\"rounds\":%u,\"each\":%u}\n", rounds, each);
}

static void write_on(unsigned daemon)
{
	uint64_t n;

	for (n = 1; !told_to_end(DAEMON_MS); n++) {
		say(STDOUT_FILENO, "{\"daemon\":%u,\"n\":%" PRIu64 "}\n", daemon, n);
		say(STDERR_FILENO, "daemon %u %" PRIu64 "\n", daemon, n);
	}
	say(STDOUT_FILENO, "{\"daemon\":%u,\"n\":%" PRIu64 ",\"end\":true}", daemon, n);
	say(STDERR_FILENO, "daemon %u %" PRIu64 " end", daemon, n);
}

static void play_daemons(unsigned count, unsigned ms)
{
	for (unsigned n = 0; n < count; n++) {
		play_leave_behind(n, n, write_on, false, NULL);
		if (told_to_end(ms))
			return;
	}
	while (!told_to_end(1000))
		;
}

/* ---- logging programs ---- */

static void play_convert(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		fputs("{\"line\":\"", stdout);
		for (ssize_t i = 0; i < len && line[i] != '\n'; i++) {
			if (line[i] == '"' || line[i] == '\\')
				putchar('\\');
			putchar(line[i]);
		}
		fputs("\"}\n", stdout);
	}
	free(line);
}

static void play_relay(size_t at_most, int pause_ms)
{
	static char bytes[BUFFER_SIZE];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, at_most < sizeof bytes ? at_most : sizeof bytes)) >
	       0) {
		play_write_all(STDOUT_FILENO, bytes, (size_t)n);
		poll(NULL, 0, pause_ms);
	}
}

static void play_leave(unsigned lines)
{
	char byte;

	while (lines > 0 && read(STDIN_FILENO, &byte, 1) == 1) {
		play_write_all(STDOUT_FILENO, &byte, 1);
		lines -= byte == '\n';
	}
	exit(DISABLED);
}

static bool is(char **arguments, int given, const char *command, int wanted)
{
	return given == wanted && strcmp(arguments[0], command) == 0;
}

int main(int argc, char **argv)
{
	char **arguments = argv + 1;
	int given = argc - 2;

	block_term();
	if (is(arguments, given, "write", 5))
		play_write(arguments + 1);
	else if (is(arguments, given, "beat", 1))
		play_beat(number(arguments[1]));
	else if (is(arguments, given, "zombies", 2))
		play_zombies(number(arguments[1]), number(arguments[2]));
	else if (is(arguments, given, "orphans", 2))
		play_orphans(number(arguments[1]), number(arguments[2]));
	else if (is(arguments, given, "daemons", 2))
		play_daemons(number(arguments[1]), number(arguments[2]));
	else if (is(arguments, given, "convert", 0))
		play_convert();
	else if (is(arguments, given, "relay", 2))
		play_relay(number(arguments[1]), (int)number(arguments[2]));
	else if (is(arguments, given, "leave", 1))
		play_leave(number(arguments[1]));
	else
		play_die("player");
	return 0;
}
