/* SPDX-License-Identifier: ISC */
/* Owns what it means that a service has come as far as somebody waits for; not the sleep itself
 * (view_wait). Invariant: a service is given up only when nothing that dinit does can bring it
 * there any more. */
#include "client/wait.h"

#include "client/pick.h"
#include "config.h"
#include "execfail.h"
#include "printable.h"
#include "process.h"
#include "procfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As a shell has it, where a command cannot be executed, or found. */
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

/* Room for why a command cannot be executed, with two texts of others' in it. */
#define EXEC_SHOWN_SIZE 256
#define EXEC_WHY_SIZE (2 * EXEC_SHOWN_SIZE + 128)

/* ---- one service ---- */

static enum wait_verdict give_up(char why[VIEW_WHY_SIZE], const char *what, const char *reason)
{
	snprintf(why, VIEW_WHY_SIZE, "%s%s%.180s", what, *reason ? ": " : "", reason);
	return WAIT_HOPELESS;
}

static enum wait_verdict judge_unready(const struct snapshot *snapshot,
				       const struct view_service *service, char why[VIEW_WHY_SIZE])
{
	if (snapshot->header.state >= BOARD_WHOLE_DELAYING)
		return give_up(why, "the container is being stopped", "");
	snprintf(why, VIEW_WHY_SIZE, "%s%s%.180s%s", view_state_word(service->entry.state),
		 *service->reason ? " (" : "", service->reason, *service->reason ? ")" : "");
	return WAIT_PENDING;
}

static enum wait_verdict judge_ready(const struct snapshot *snapshot,
				     const struct view_service *service, char why[VIEW_WHY_SIZE])
{
	if (service->entry.flags & BOARD_FLAG_DONE) {
		/* It is over when its finish is. */
		snprintf(why, VIEW_WHY_SIZE, "its finish runs");
		return service->entry.state == BOARD_FINISHING ? WAIT_PENDING : WAIT_REACHED;
	}
	switch ((enum board_state)service->entry.state) {
	case BOARD_READY:
	case BOARD_DISABLED: return WAIT_REACHED;
	case BOARD_STARTING:
	case BOARD_UNREADY: return judge_unready(snapshot, service, why);
	case BOARD_STOPPING: return give_up(why, "it is being stopped", "");
	case BOARD_DOWN: return give_up(why, "it is down, by a file of that name", "");
	case BOARD_SKIPPED: return give_up(why, "it is skipped (DINIT_SKIP)", "");
	case BOARD_FINISHING:
	case BOARD_ENDED:
	case BOARD_STATES: break;
	}
	return give_up(why, "it has ended", service->reason);
}

/* Judges whether run has ended. One that is not to be started does not run either. */
static enum wait_verdict judge_ended(const struct view_service *service, char why[VIEW_WHY_SIZE])
{
	switch ((enum board_state)service->entry.state) {
	case BOARD_FINISHING:
	case BOARD_DISABLED:
	case BOARD_ENDED:
	case BOARD_DOWN:
	case BOARD_SKIPPED:
	case BOARD_STATES: return WAIT_REACHED;
	case BOARD_STARTING:
	case BOARD_READY:
	case BOARD_UNREADY:
	case BOARD_STOPPING: break;
	}
	snprintf(why, VIEW_WHY_SIZE, "%s, PID %" PRId32, view_state_word(service->entry.state),
		 service->entry.pid);
	return WAIT_PENDING;
}

enum wait_verdict wait_judge(const struct snapshot *snapshot, const struct view_service *service,
			     enum wait_goal goal, char why[VIEW_WHY_SIZE])
{
	switch (goal) {
	case WAIT_READY: return judge_ready(snapshot, service, why);
	case WAIT_ENDED: break;
	}
	return judge_ended(service, why);
}

/* ---- all that is waited for ---- */

/* So many generations of processes are looked at. */
#define OWN_MAX 64

/* How long a dinit is waited for that does not show itself yet, as one whose container has only
 * just been started; and how often it is looked for. */
#define BEGIN_MS 1000
#define BEGIN_PAUSE_MS 20

struct wait {
	enum wait_goal goal;
	/* When it began, and for how long at most; without a limit where limited is false. */
	uint64_t begin_ms, timeout_ms;
	bool limited;
	/* What the names are among. Where there are none, all services but the caller's own are
	 * waited for. */
	char *const *arguments;
	/* NULL: there is none. */
	char *const *command;
	/* PIDs of which one is a program of the caller's own service, if it belongs to one. */
	pid_t own[OWN_MAX];
	size_t own_len;
	/* The first name that has not come as far, and why. */
	char name[VIEW_TEXT_SIZE], why[VIEW_WHY_SIZE];
};

/* Notes the PIDs by which the caller's own service is known: this process descends from one, is in
 * its session, or was started by dinit to stop the service, with DINIT_PID. */
static void find_own(struct wait *wait)
{
	static const struct procfs proc = { .root = "/proc" };
	const char *run = getenv("DINIT_PID");
	struct procfs_stat stat = { .parent = getpid() };

	wait->own[wait->own_len++] = getsid(0);
	wait->own[wait->own_len++] = getppid();
	if (run)
		wait->own[wait->own_len++] = procfs_parse_number(run);
	while (stat.parent > 0 && wait->own_len < OWN_MAX) {
		wait->own[wait->own_len++] = stat.parent;
		if (!procfs_usable(&proc) || procfs_read_stat(&proc, stat.parent, &stat) < 0)
			return;
	}
}

static bool is_own(const struct wait *wait, const struct view_service *service)
{
	const struct board_entry *entry = &service->entry;

	for (size_t i = 0; i < wait->own_len; i++)
		if (wait->own[i] > 0 &&
		    (wait->own[i] == entry->pid || wait->own[i] == entry->log_pid ||
		     wait->own[i] == entry->finish_pid))
			return true;
	return false;
}

/* Returns whether the service is waited for where none was named. */
static bool counts(const struct wait *wait, const struct view_service *service)
{
	return service->entry.state != BOARD_DOWN && service->entry.state != BOARD_SKIPPED &&
	       !is_own(wait, service);
}

/* Judges a service, and keeps why if it is the first that has not come as far, or the first that
 * never will. */
static void judge_one(struct wait *wait, const struct snapshot *snapshot,
		      const struct view_service *service, enum wait_verdict *verdict)
{
	char why[VIEW_WHY_SIZE];
	enum wait_verdict its = wait_judge(snapshot, service, wait->goal, why);

	if (its <= *verdict)
		return;
	*verdict = its;
	snprintf(wait->name, sizeof wait->name, "%s", service->name);
	memcpy(wait->why, why, sizeof wait->why);
}

/* Judges one that was there and is not any more: an adopted process, which has ended. */
static void judge_lost(struct wait *wait, const char *name, enum wait_verdict *verdict)
{
	if (wait->goal == WAIT_ENDED)
		return;
	*verdict = WAIT_HOPELESS;
	snprintf(wait->name, sizeof wait->name, "%s", name);
	snprintf(wait->why, sizeof wait->why, "it has ended");
}

/* Returns the first argument from there on that is a name, or NULL. */
static char *const *find_name(char *const *at)
{
	for (; *at && strcmp(*at, "--") != 0; at++) {
		if (**at != '-')
			return at;
		if (strcmp(*at, "-t") == 0)
			at++;
	}
	return NULL;
}

static enum wait_verdict judge_all(struct wait *wait, const struct snapshot *snapshot)
{
	char *const *name = find_name(wait->arguments);
	enum wait_verdict verdict = WAIT_REACHED;

	for (size_t i = 0; !name && i < snapshot->services; i++)
		if (counts(wait, &snapshot->list[i]))
			judge_one(wait, snapshot, &snapshot->list[i], &verdict);
	for (; name; name = find_name(name + 1)) {
		const struct view_service *service = snapshot_find(snapshot, *name);

		if (service)
			judge_one(wait, snapshot, service, &verdict);
		else
			judge_lost(wait, *name, &verdict);
	}
	return verdict;
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "dinit: %s%s%s\n", what, *what ? ": " : "", why);
	return PROCESS_STATUS_UNABLE;
}

static bool are_all_known(const struct wait *wait, const struct snapshot *snapshot)
{
	for (char *const *name = find_name(wait->arguments); name; name = find_name(name + 1))
		if (!pick_service(snapshot, *name))
			return false;
	return true;
}

/* Judges by what a dinit has left of which there is no snapshot any more, why not. Returns the exit
 * status. */
static int conclude(struct wait *wait, const struct view *view, const char *why)
{
	struct snapshot last;
	enum wait_verdict verdict = WAIT_PENDING;

	if (view_take_last(view, &last) == 0) {
		verdict = judge_all(wait, &last);
		snapshot_free(&last);
	}
	return verdict == WAIT_REACHED ? PROCESS_STATUS_STOPPED : fail(wait->name, why);
}

static int fail_late(const struct wait *wait)
{
	fprintf(stderr, "dinit: %s has not %s within %g s: %s\n", wait->name,
		wait->goal == WAIT_READY ? "become ready" : "ended",
		(double)wait->timeout_ms / 1000, wait->why);
	return PROCESS_STATUS_UNABLE;
}

/* Waits from the snapshot on, which is the caller's, and replaced meanwhile. Returns the exit
 * status. */
static int wait_on(struct wait *wait, const struct view *view, struct snapshot *snapshot)
{
	uint64_t until_ms = wait->begin_ms + wait->timeout_ms;

	for (;;) {
		enum wait_verdict verdict = judge_all(wait, snapshot);
		uint64_t now_ms = board_now().monotonic_ms;
		struct snapshot next;
		char why[VIEW_WHY_SIZE];

		if (verdict == WAIT_REACHED)
			return PROCESS_STATUS_STOPPED;
		if (verdict == WAIT_HOPELESS)
			return fail(wait->name, wait->why);
		if (wait->limited && now_ms >= until_ms)
			return fail_late(wait);
		if (view_wait(view, snapshot, wait->limited ? (int64_t)(until_ms - now_ms) : -1) ==
		    VIEW_NEWS_GONE)
			return conclude(wait, view, "dinit has ended");
		if (view_take(view, &next, why) < 0)
			return conclude(wait, view, why);
		snapshot_free(snapshot);
		*snapshot = next;
	}
}

/* Attaches the page of a dinit that runs, or, where its services are to become ready, of one that
 * begins to run now. Returns 0, or -1 with wait->why. */
static int open_page(struct wait *wait, struct view *view, pid_t pid)
{
	static const struct timespec pause = { .tv_nsec = BEGIN_PAUSE_MS * 1000000 };
	uint64_t patience_ms = wait->goal == WAIT_READY ? BEGIN_MS : 0;

	if (wait->limited && wait->timeout_ms < patience_ms)
		patience_ms = wait->timeout_ms;
	while (view_open(view, pid, wait->why) < 0) {
		if (board_now().monotonic_ms >= wait->begin_ms + patience_ms)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int look_and_wait(struct wait *wait, pid_t pid)
{
	struct view view;
	struct snapshot snapshot;
	int status = PROCESS_STATUS_UNABLE;

	if (open_page(wait, &view, pid) < 0)
		return view_fail(wait->why);
	if (view_take(&view, &snapshot, wait->why) == 0) {
		if (are_all_known(wait, &snapshot))
			status = wait_on(wait, &view, &snapshot);
		snapshot_free(&snapshot);
	} else {
		view_fail(wait->why);
	}
	view_close(&view);
	return status;
}

/* ---- the arguments ---- */

/* Fills *wait with its arguments. Returns 0, or the exit status where one of them is wrong, which
 * was said, or -1 where they are not what --wait takes. */
static int parse(struct wait *wait)
{
	char *const *at = wait->arguments;

	for (; *at && strcmp(*at, "--") != 0; at++) {
		if (strcmp(*at, "-d") == 0) {
			wait->goal = WAIT_ENDED;
		} else if (strcmp(*at, "-t") == 0) {
			at++;
			if (!*at || !config_parse_seconds(*at, &wait->timeout_ms))
				return view_fail("--wait takes behind -t " CONFIG_SECONDS_TAKE);
			wait->limited = true;
		} else if (**at == '-') {
			return -1;
		}
	}
	if (!*at)
		return 0;
	wait->command = at + 1;
	return *wait->command ? 0 : -1;
}

/* Says why the command could not be executed. (Which file of that name in PATH was tried is not
 * known.) */
static void fail_to_execute(const char *command, int error)
{
	char why[EXEC_WHY_SIZE];

	if (strchr(command, '/')) {
		execfail_explain(command, error, why, sizeof why);
	} else {
		char name[EXEC_SHOWN_SIZE], where[EXEC_SHOWN_SIZE];
		const char *path = getenv("PATH");

		path = path ? path : "which is not set";
		printable_copy(name, sizeof name, PRINTABLE_ESCAPED, command, strlen(command));
		printable_copy(where, sizeof where, PRINTABLE_ESCAPED, path, strlen(path));
		snprintf(why, sizeof why, "\"%s\" cannot be executed from PATH (%s): %s", name,
			 where, strerror(error));
	}
	view_fail(why);
}

/* Executes the command in our place. Returns the exit status where it cannot be. */
static int execute(char *const *command)
{
	int error;

	execvp(*command, command);
	error = errno;
	fail_to_execute(*command, error);
	return error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

int wait_run(char *const *arguments, pid_t pid)
{
	struct wait wait = { .goal = WAIT_READY,
			     .begin_ms = board_now().monotonic_ms,
			     .arguments = arguments };
	int status = parse(&wait);

	if (status != 0)
		return status;
	find_own(&wait);
	status = look_and_wait(&wait, pid);
	if (status == PROCESS_STATUS_STOPPED && wait.command)
		return execute(wait.command);
	return status;
}
