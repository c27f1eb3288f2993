/* SPDX-License-Identifier: ISC */
/* Owns the words for what begins the teardown; not the teardown, nor the search for what was left
 * behind (left.h), nor the reading of what was said last (logmux.h). Invariant: the cause is told
 * once, and soon; until then ending_cause is "". */
#include "ending.h"

#include "command.h"
#include "death.h"
#include "log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Room for each of the parts that may be added to the message: a name in it has at most 255
 * bytes. */
#define ADDED_SIZE 400

/* ---- parts of the message ---- */

/* Looks for what the service's program has left behind. One that failed has ended for another
 * reason. */
static bool find_left(struct ending *ending)
{
	return ending->pid > 0 && !ending->failed &&
	       left_find(ending->means.policy, ending->pid, &ending->left);
}

/* Puts into words what find_left found. */
static void describe_left(struct ending *ending, char text[ADDED_SIZE])
{
	text[0] = '\0';
	if (find_left(ending))
		snprintf(text, ADDED_SIZE,
			 "; it left %s (PID %d) in the background: keep it in the foreground",
			 ending->left.name, ending->left.pid);
}

/* Puts the last line into words, if all of its stream has been read. Returns false while a line
 * that is later, or the only one, may come. */
static bool describe_last(const struct ending *ending, char text[ADDED_SIZE])
{
	static const enum logmux_stream order[] = { LOGMUX_STDERR, LOGMUX_STDOUT };
	char line[LASTLINE_MAX + 1];

	text[0] = '\0';
	if (!ending->failed || !ending->last)
		return true;
	for (size_t i = 0; i < LOGMUX_STREAMS; i++) {
		struct lastline *last = &ending->last[order[i]];

		if (logmux_end_last(ending->means.mux, last) > ending->ignored_rest)
			return false;
		if (lastline_show(last, line)) {
			snprintf(text, ADDED_SIZE, "; its last line was: %s", line);
			return true;
		}
	}
	return true;
}

/* ---- the message ---- */

static void add(struct ending *ending, const char *text)
{
	size_t len = strlen(ending->cause);

	snprintf(ending->cause + len, sizeof ending->cause - len, "%s", text);
}

/* Writes the message, which is complete now: what the process left behind, and what it said last,
 * each in words or "". */
static void tell_cause(struct ending *ending, const char *left, const char *last)
{
	loop_timer_stop(ending->means.loop, &ending->timer);
	logmux_move_last(ending->means.mux, ending->own_last, NULL);
	add(ending, left);
	add(ending, ending->logged);
	if (ending->quiet && !left[0])
		log_info("%s, stopping the container%s", ending->cause, last);
	else if (ending->failed)
		log_error("%s, stopping the container%s", ending->cause, last);
	else
		log_warn("%s%s stopping the container", ending->cause, left[0] ? ";" : ",");
	ending->bare_len = strlen(ending->cause);
	add(ending, last);
	termlog_write(ending->means.termlog, ending->cause);
}

static void on_waited(void *ctx)
{
	struct ending *ending = ctx;
	char left[ADDED_SIZE], last[ADDED_SIZE];
	bool again = !ending->waited;

	ending->waited = true;
	/* Other processes than filters write lines of their own, if any. */
	if (again && ending->failed && !left_has_filter(ending->means.policy))
		ending->ignored_rest = LOGMUX_REST_OTHERS;
	describe_left(ending, left);
	if (!describe_last(ending, last) && again)
		loop_timer_start(ending->means.loop, &ending->timer,
				 ENDING_LAST_LINE_MS - ENDING_WAIT_MS);
	else
		tell_cause(ending, left, last);
}

void ending_init(struct ending *ending, const struct ending_means *means)
{
	*ending = (struct ending){
		.means = *means,
		.started_ms = loop_now_ms(means->loop),
		.timer = { .on_due = on_waited, .ctx = ending },
	};
}

/* Notes how the process ended, and all of the message that is known at once. */
static void note_how(struct ending *ending, const struct reaper_end *end)
{
	char how[DEATH_SIZE];

	/* Before a teardown dinit itself kills nothing whose end is told here. */
	death_describe(ending->means.oom, end->status, how);
	snprintf(ending->cause, sizeof ending->cause, "%s/%s: PID %d %s", end->name, end->stage,
		 end->pid, how);
	ending->failed = end->status != 0;
	ending->last = end->last;
}

void ending_tell(struct ending *ending, const struct service *service, const struct reaper_end *end)
{
	note_how(ending, end);
	if (service) {
		ending->pid = end->pid;
		if (service_was_logged(service, end))
			snprintf(ending->logged, sizeof ending->logged,
				 " (its output went to %s/log)", end->name);
	} else if (end->last) {
		logmux_move_last(ending->means.mux, end->last, ending->own_last);
		ending->last = ending->own_last;
	}
	if (ending->failed || find_left(ending))
		loop_timer_start(ending->means.loop, &ending->timer, ENDING_WAIT_MS);
	else
		tell_cause(ending, "", "");
}

/* Returns whether the end of the command is as usual: it exited with 0, or it has written to
 * dinit's own stderr why not, or its user has ended it from the keyboard or has closed the pipe. */
static bool is_usual_end(const struct command *command, int status)
{
	if (!command->raw)
		return status == 0;
	if (!WIFSIGNALED(status))
		return true;
	switch (WTERMSIG(status)) {
	case SIGINT:
	case SIGQUIT:
	case SIGPIPE: return true;
	default: return false;
	}
}

void ending_tell_command(struct ending *ending, const struct service *service,
			 const struct reaper_end *end)
{
	ending->quiet = is_usual_end(service->entry->command, end->status);
	ending_tell(ending, service, end);
}

void ending_note_stop(struct ending *ending, const char *cause)
{
	ending->quiet = true;
	ending_note(ending, cause);
}

void ending_note(struct ending *ending, const char *cause)
{
	add(ending, cause);
	ending->bare_len = strlen(ending->cause);
	termlog_write(ending->means.termlog, ending->cause);
}

bool ending_is_told(struct ending *ending)
{
	char last[ADDED_SIZE];

	if (ending->timer.running && ending->failed && describe_last(ending, last))
		tell_cause(ending, "", last);
	return !ending->timer.running;
}

const char *ending_cause(const struct ending *ending)
{
	return ending->timer.running ? "" : ending->cause;
}

void ending_copy_bare_cause(const struct ending *ending, char *text, size_t size)
{
	snprintf(text, size, "%.*s", (int)ending->bare_len, ending_cause(ending));
}

/* ---- the last message ---- */

void ending_say_last(const struct ending *ending, int status)
{
	const struct loop *loop = ending->means.loop;
	const char *cause = ending_cause(ending);
	char took[STAMP_DURATION_SIZE], text[sizeof ending->cause + 100];

	stamp_duration(loop_now_ms(loop) - ending->started_ms, took);
	snprintf(text, sizeof text, "stopped after %s with status %d%s%s", took, status,
		 cause[0] ? ": " : "", cause);
	if (status != 0 && !ending->quiet)
		log_error("%s", text);
	else
		log_info("%s", text);
}
