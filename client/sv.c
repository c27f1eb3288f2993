/* SPDX-License-Identifier: ISC */
/* Owns the words and lines of runit's sv(8); not what stands behind them (wait.h, signal.h).
 * Invariant: nothing is started, restarted or kept down, as dinit does none of that. */
#include "client/sv.h"

#include "client/pick.h"
#include "client/signal.h"
#include "client/wait.h"
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The exit statuses of sv(8). */
#define STATUS_TROUBLES_MAX 99
#define STATUS_ERROR 100

#define TIMEOUT_MS 7000

/* ---- the commands ---- */

enum kind {
	KIND_STATUS,
	/* Sends a signal. */
	KIND_SIGNAL,
	/* Wants the service to run, and cannot do anything for that. */
	KIND_UP,
	/* Waits until the service is as it is meant to be. */
	KIND_CHECK,
	KIND_REFUSED,
};

struct command {
	char word[12];
	/* Its first letter is enough, and then the rest does not matter, as with sv. */
	bool short_form;
	enum kind kind : 8;
	/* What it sends. */
	unsigned char signal;
	/* Its result is waited for and printed without -v, too. */
	bool verbose;
};

static const struct command commands[] = {
	{ "status", true, KIND_STATUS, 0, true },
	{ "check", false, KIND_CHECK, 0, true },
	{ "start", false, KIND_UP, 0, true },
	{ "reload", false, KIND_SIGNAL, SIGHUP, true },
	{ "stop", false, KIND_REFUSED, 0, false },
	{ "shutdown", false, KIND_REFUSED, 0, false },
	{ "try-restart", false, KIND_REFUSED, 0, false },
	{ "restart", true, KIND_REFUSED, 0, false },
	{ "force-stop", true, KIND_REFUSED, 0, false },
	{ "down", true, KIND_REFUSED, 0, false },
	{ "exit", true, KIND_REFUSED, 0, false },
	{ "x", true, KIND_REFUSED, 0, false },
	{ "up", true, KIND_UP, 0, false },
	{ "once", true, KIND_UP, 0, false },
	{ "pause", true, KIND_SIGNAL, SIGSTOP, false },
	{ "cont", true, KIND_SIGNAL, SIGCONT, false },
	{ "hup", true, KIND_SIGNAL, SIGHUP, false },
	{ "alarm", true, KIND_SIGNAL, SIGALRM, false },
	{ "interrupt", true, KIND_SIGNAL, SIGINT, false },
	{ "quit", true, KIND_SIGNAL, SIGQUIT, false },
	{ "1", true, KIND_SIGNAL, SIGUSR1, false },
	{ "2", true, KIND_SIGNAL, SIGUSR2, false },
	{ "term", true, KIND_SIGNAL, SIGTERM, false },
	{ "kill", true, KIND_SIGNAL, SIGKILL, false },
};

#define COMMANDS (sizeof commands / sizeof *commands)

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].word, word) == 0)
			return &commands[i];
	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].short_form && commands[i].word[0] == word[0])
			return &commands[i];
	return NULL;
}

/* ---- lines ---- */

static uint64_t count_seconds(const struct board_time *since)
{
	return since->monotonic_ms == 0 ? 0 : view_age_ms(since) / 1000;
}

/* Prints the state as sv does, under the name that the caller uses. */
static void print_state(const char *name, const struct view_service *service, bool with_log)
{
	const struct board_entry *entry = &service->entry;

	if (entry->state == BOARD_FINISHING)
		printf("finish: %s: (pid %" PRId32 ") %" PRIu64 "s", name, entry->finish_pid,
		       count_seconds(&entry->since));
	else if (entry->pid > 0)
		printf("run: %s: (pid %" PRId32 ") %" PRIu64 "s%s", name, entry->pid,
		       count_seconds(&entry->started),
		       entry->state == BOARD_STOPPING ? ", got TERM" : "");
	else
		printf("down: %s: %" PRIu64 "s%s", name, count_seconds(&entry->since),
		       entry->state == BOARD_DOWN ? "" : ", normally up");
	if (with_log && entry->log_pid > 0)
		printf("; run: log: (pid %" PRId32 ") %" PRIu64 "s", entry->log_pid,
		       count_seconds(entry->log_started.monotonic_ms > 0 ? &entry->log_started
									 : &entry->started));
	if (entry->pid > 0 && entry->flags & (BOARD_FLAG_CHECK | BOARD_FLAG_NOTIFY))
		fputs(entry->state == BOARD_READY ? ", ready" : ", not ready", stdout);
	fputc('\n', stdout);
}

/* ---- one service ---- */

struct sv {
	struct view view;
	const struct command *command;
	bool verbose;
	uint64_t timeout_ms, until_ms;
};

/* Prints why the command did nothing. Returns 1, the trouble that it is. */
static unsigned fail(const char *name, const char *why)
{
	printf("fail: %s: %s\n", name, why);
	return 1;
}

/* Copies the name of the service whose directory, or whose name, the argument is. */
static void read_name(const char *argument, char name[VIEW_TEXT_SIZE])
{
	char *slash;
	size_t len;

	snprintf(name, VIEW_TEXT_SIZE, "%s", argument);
	len = strlen(name);
	/* (The name of an adopted process has a slash in it.) */
	if (name[0] != '.' && name[0] != '/' && (len == 0 || name[len - 1] != '/'))
		return;
	while (len > 1 && name[len - 1] == '/')
		name[--len] = '\0';
	if (strcmp(name, ".") == 0 && !getcwd(name, VIEW_TEXT_SIZE))
		return;
	slash = strrchr(name, '/');
	if (slash)
		memmove(name, slash + 1, strlen(slash + 1) + 1);
}

/* Takes a snapshot, which is to be freed, and returns the service in it that the argument names, or
 * NULL: nothing is to be freed then, and why has been said. */
static const struct view_service *look(const struct sv *sv, const char *argument,
				       struct snapshot *snapshot)
{
	char name[VIEW_TEXT_SIZE], why[VIEW_WHY_SIZE];
	const struct view_service *service = NULL;

	read_name(argument, name);
	if (view_take(&sv->view, snapshot, why) == 0) {
		service = pick_find(snapshot, name, why);
		if (!service)
			snapshot_free(snapshot);
	}
	if (!service)
		fail(argument, why);
	return service;
}

/* Prints the state behind that word. Returns 0, or 1 with a message. */
static unsigned report(const struct sv *sv, const char *argument, const char *word, bool with_log)
{
	struct snapshot snapshot;
	const struct view_service *service = look(sv, argument, &snapshot);

	if (!service)
		return 1;
	fputs(word, stdout);
	print_state(argument, service, with_log);
	snapshot_free(&snapshot);
	return 0;
}

static unsigned send_signal(const struct sv *sv, const char *argument)
{
	char name[VIEW_TEXT_SIZE], why[VIEW_WHY_SIZE];

	read_name(argument, name);
	if (signal_send(&sv->view, name, sv->command->signal, why) < 0)
		return fail(argument, why);
	return sv->verbose ? report(sv, argument, "ok: ", false) : 0;
}

/* Judges whether the service is as it is meant to be, and prints what sv does: one that is still to
 * become ready is left out unless the time is over. For check, one that is not to be started is as
 * it is meant to be. */
static enum wait_verdict judge(const struct sv *sv, const char *argument,
			       const struct snapshot *snapshot, const struct view_service *service,
			       bool is_late)
{
	char why[VIEW_WHY_SIZE];
	enum wait_verdict verdict = wait_judge(snapshot, service, WAIT_READY, why);

	if (sv->command->kind == KIND_CHECK &&
	    (service->entry.state == BOARD_DOWN || service->entry.state == BOARD_SKIPPED))
		verdict = WAIT_REACHED;
	if (verdict == WAIT_HOPELESS) {
		fail(argument, why);
	} else if (sv->verbose && (verdict == WAIT_REACHED || is_late)) {
		fputs(verdict == WAIT_REACHED ? "ok: " : "timeout: ", stdout);
		print_state(argument, service, false);
	}
	return verdict;
}

/* Sees whether the service is as it is meant to be, and, where that is to be printed, waits for it.
 * Returns 0, or 1 with a message. */
static unsigned check(const struct sv *sv, const char *argument)
{
	for (;;) {
		struct snapshot snapshot;
		const struct view_service *service = look(sv, argument, &snapshot);
		uint64_t now_ms = board_now().monotonic_ms;
		bool is_late = now_ms >= sv->until_ms;
		enum wait_verdict verdict;

		if (!service)
			return 1;
		verdict = judge(sv, argument, &snapshot, service, is_late);
		if (verdict == WAIT_PENDING && sv->verbose && !is_late)
			view_wait(&sv->view, &snapshot, (int64_t)(sv->until_ms - now_ms));
		snapshot_free(&snapshot);
		if (verdict != WAIT_PENDING)
			return verdict == WAIT_HOPELESS;
		if (!sv->verbose || is_late)
			return sv->verbose;
	}
}

static unsigned handle(const struct sv *sv, const char *argument)
{
	switch (sv->command->kind) {
	case KIND_STATUS: return report(sv, argument, "", true);
	case KIND_SIGNAL: return send_signal(sv, argument);
	case KIND_UP:
	case KIND_CHECK: return check(sv, argument);
	case KIND_REFUSED: break;
	}
	return 1;
}

/* ---- all of them ---- */

static int refuse_usage(void)
{
	fputs("usage: sv [-v] [-w sec] command service ...\n", stderr);
	return STATUS_ERROR;
}

/* Says why dinit does not do that. */
static int refuse_command(const struct command *command)
{
	fprintf(stderr,
		"sv: fatal: %s: dinit keeps no service down and starts none again; when one ends, "
		"the container does\n",
		command->word);
	return STATUS_ERROR;
}

static int handle_all(struct sv *sv, char *const *arguments)
{
	char why[VIEW_WHY_SIZE];
	unsigned troubles = 0;
	bool opened = view_open(&sv->view, 0, why) == 0;

	sv->until_ms = board_now().monotonic_ms + sv->timeout_ms;
	for (; *arguments; arguments++)
		troubles += opened ? handle(sv, *arguments) : fail(*arguments, why);
	if (opened)
		view_close(&sv->view);
	return troubles < STATUS_TROUBLES_MAX ? (int)troubles : STATUS_TROUBLES_MAX;
}

/* Reads the options. Returns what stands behind them, or NULL where they make no sense. */
static char *const *read_options(struct sv *sv, char *const *arguments)
{
	for (; *arguments && **arguments == '-'; arguments++) {
		const char *seconds = *arguments + 2;

		if (strcmp(*arguments, "-v") == 0) {
			sv->verbose = true;
			continue;
		}
		if (strncmp(*arguments, "-w", 2) != 0)
			return NULL;
		if (*seconds == '\0')
			seconds = *++arguments;
		if (!seconds || !config_parse_seconds(seconds, &sv->timeout_ms))
			return NULL;
		sv->verbose = true;
	}
	return arguments;
}

int sv_run(char *const *argv)
{
	const char *wait = getenv("SVWAIT");
	struct sv sv = { .timeout_ms = TIMEOUT_MS };
	char *const *arguments;

	if (wait && !config_parse_seconds(wait, &sv.timeout_ms))
		sv.timeout_ms = TIMEOUT_MS;
	arguments = read_options(&sv, argv + 1);
	if (!arguments || !arguments[0] || !arguments[1])
		return refuse_usage();
	sv.command = find_command(arguments[0]);
	if (!sv.command)
		return refuse_usage();
	if (sv.command->kind == KIND_REFUSED)
		return refuse_command(sv.command);
	sv.verbose |= sv.command->verbose;
	return handle_all(&sv, arguments + 1);
}
