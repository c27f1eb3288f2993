/* SPDX-License-Identifier: ISC */
/* Owns the names of signals; sends none. Invariant: a name that signame_show writes is one that
 * signame_parse takes for the same signal. */
#include "signame.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The real-time signals as the kernel and glibc count them, and with them kill(1), systemd and
 * container engines: the first is one or two higher in other libraries, which keep some for
 * themselves. */
#define REALTIME_FIRST 34
#define REALTIME_LAST 64

/* "": of none that Linux sends. */
static const char names[][7] = {
	[SIGHUP] = "HUP",       [SIGINT] = "INT",   [SIGQUIT] = "QUIT",   [SIGILL] = "ILL",
	[SIGTRAP] = "TRAP",     [SIGABRT] = "ABRT", [SIGBUS] = "BUS",     [SIGFPE] = "FPE",
	[SIGKILL] = "KILL",     [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV",   [SIGUSR2] = "USR2",
	[SIGPIPE] = "PIPE",     [SIGALRM] = "ALRM", [SIGTERM] = "TERM",   [SIGCHLD] = "CHLD",
	[SIGCONT] = "CONT",     [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",   [SIGTTIN] = "TTIN",
	[SIGTTOU] = "TTOU",     [SIGURG] = "URG",   [SIGXCPU] = "XCPU",   [SIGXFSZ] = "XFSZ",
	[SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO",
	[SIGPWR] = "PWR",       [SIGSYS] = "SYS",
};

#define NAMES (sizeof names / sizeof *names)

static bool is_realtime(int signal)
{
	return signal >= REALTIME_FIRST && signal <= REALTIME_LAST;
}

void signame_show(int signal, char name[SIGNAME_SIZE])
{
	if (signal > 0 && (size_t)signal < NAMES && *names[signal])
		snprintf(name, SIGNAME_SIZE, "%s", names[signal]);
	else if (signal == REALTIME_FIRST)
		snprintf(name, SIGNAME_SIZE, "RTMIN");
	else if (is_realtime(signal))
		snprintf(name, SIGNAME_SIZE, "RTMIN+%d", signal - REALTIME_FIRST);
	else
		snprintf(name, SIGNAME_SIZE, "signal %d", signal);
}

void signame_describe(int signal, char text[SIGNAME_TEXT_SIZE])
{
	char name[SIGNAME_SIZE];

	signame_show(signal, name);
	/* Every libc has other words for a real-time signal, and counts in its own way. */
	snprintf(text, SIGNAME_TEXT_SIZE, "signal %d (%s)", signal,
		 is_realtime(signal) ? name : strsignal(signal));
}

/* Returns the number that the text is, all of it, or -1 where it is none or larger than any
 * signal's. */
static int parse_number(const char *text, size_t len)
{
	int number = 0;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (text[i] - '0');
		if (number > REALTIME_LAST)
			return -1;
	}
	return number;
}

/* Returns the real-time signal that is so far from the one that is called name, in the direction
 * that the sign says, or 0 where the text is no such thing. */
static int parse_realtime(const char *text, size_t len, const char *name, int from, char sign)
{
	size_t name_len = strlen(name);
	int distance;

	if (len < name_len || strncasecmp(text, name, name_len) != 0)
		return 0;
	if (len == name_len)
		return from;
	distance = parse_number(text + name_len + 1, len - name_len - 1);
	if (text[name_len] != sign || distance < 0 || distance > REALTIME_LAST - REALTIME_FIRST)
		return 0;
	return sign == '+' ? from + distance : from - distance;
}

int signame_parse(const char *text, size_t len)
{
	int number = parse_number(text, len);

	/* 0 is the number of no signal. */
	if (number >= 0)
		return number;
	if (len > 3 && strncasecmp(text, "SIG", 3) == 0) {
		text += 3;
		len -= 3;
	}
	for (size_t i = 0; i < NAMES; i++)
		if (len > 0 && strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0)
			return (int)i;
	number = parse_realtime(text, len, "RTMIN", REALTIME_FIRST, '+');
	return number > 0 ? number : parse_realtime(text, len, "RTMAX", REALTIME_LAST, '-');
}
