/* SPDX-License-Identifier: ISC */
/* Owns what is known of the readiness of the services and of all together; not their lives
 * (service.h), nor what dinit does where one fails. Invariant: each change is shown on the board in
 * the call that makes it, and missing counts the services that keep dinit from being ready. */
#include "health.h"

#include "reaper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static size_t find_place(const struct health *health, const struct svdir_entry *entry)
{
	return (size_t)(entry - health->means.svdir->entries);
}

/* ---- dinit as a whole ---- */

static void show_whole(struct health *health, enum board_whole whole)
{
	struct board_header *header = board_begin(health->means.board);

	if (whole != health->whole)
		header->since = board_now();
	health->whole = whole;
	header->state = whole;
	header->ready = health->missing == 0 && whole == BOARD_WHOLE_RUNNING;
	board_end(health->means.board);
}

/* Shows what has become of the whole when a service has changed. */
static void review_whole(struct health *health)
{
	if (health->whole == BOARD_WHOLE_STARTING && health->missing == 0)
		show_whole(health, BOARD_WHOLE_RUNNING);
	else
		show_whole(health, health->whole);
}

/* ---- a service ---- */

static bool counts(enum board_state state, const struct svdir_entry *entry)
{
	switch (state) {
	case BOARD_STARTING:
	case BOARD_UNREADY:
	case BOARD_STOPPING: return true;
	case BOARD_FINISHING:
	case BOARD_ENDED: return !entry->optional;
	case BOARD_READY:
	case BOARD_DISABLED:
	case BOARD_DOWN:
	case BOARD_SKIPPED:
	case BOARD_STATES: return false;
	}
	return false;
}

static bool is_done(enum board_state state, const struct svdir_entry *entry)
{
	return state == BOARD_DISABLED || (state == BOARD_ENDED && entry->optional);
}

/* Returns what the board is to show of a service that runs and was not told to stop. */
static enum board_state judge(const struct health_service *known, const struct svdir_entry *entry)
{
	if (!entry->check && entry->notification_fd == 0)
		return BOARD_READY;
	return known->was_ready ? known->state : BOARD_STARTING;
}

static enum board_state choose_state(const struct health_service *known,
				     const struct service *service)
{
	switch (service->state) {
	case SERVICE_WAITING: return BOARD_STARTING;
	case SERVICE_RUNNING:
	case SERVICE_UNLOGGED: return judge(known, service->entry);
	case SERVICE_TERMINATING:
	case SERVICE_STOPPING: return BOARD_STOPPING;
	case SERVICE_FINISHING: return BOARD_FINISHING;
	case SERVICE_DISABLED:
		return WIFEXITED(service->run_status) &&
				       WEXITSTATUS(service->run_status) == SERVICE_EXIT_DISABLED
			       ? BOARD_DISABLED
			       : BOARD_ENDED;
	case SERVICE_ENDED:
	case SERVICE_FAILED: return BOARD_ENDED;
	}
	return BOARD_ENDED;
}

static pid_t find_pid(const struct program *program)
{
	return program && program_is_running(program) ? program->watch.pid : 0;
}

static int count_status(int status)
{
	if (status < 0)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static unsigned choose_flags(const struct svdir_entry *entry, enum board_state state)
{
	return (entry->check ? BOARD_FLAG_CHECK : 0U) |
	       (entry->notification_fd ? BOARD_FLAG_NOTIFY : 0U) |
	       (entry->optional ? BOARD_FLAG_OPTIONAL : 0U) |
	       (is_done(state, entry) ? BOARD_FLAG_DONE : 0U);
}

/* Counts the service as what it is now, in place of what it was. */
static void set_state(struct health *health, size_t place, enum board_state state)
{
	const struct svdir_entry *entry = &health->means.svdir->entries[place];
	struct health_service *known = &health->list[place];

	health->missing -= counts(known->state, entry);
	known->state = state;
	health->missing += counts(known->state, entry);
}

void health_note_service(struct health *health, const struct service *service)
{
	size_t place = find_place(health, service->entry);
	struct health_service *known = &health->list[place];
	enum board_state before = known->state, state = choose_state(known, service);
	struct board_entry *shown = board_begin_entry(health->means.board, place);

	if (state != before)
		shown->since = board_now();
	if (service->state == SERVICE_RUNNING)
		shown->started = board_now();
	shown->state = state;
	shown->flags = choose_flags(service->entry, state);
	shown->pid = find_pid(&service->run);
	shown->log_pid = find_pid(service->log);
	shown->finish_pid = find_pid(service->finish);
	shown->exit_status = count_status(service->run_status);
	if (service->run_status >= 0) {
		char how[REAPER_STATUS_SIZE];

		reaper_describe_status(service->run_status, how);
		board_write_reason(health->means.board, place, how);
	}
	board_end(health->means.board);
	set_state(health, place, state);
	review_whole(health);
}

/* ---- the beginning and the end ---- */

static void show_entry(struct health *health, size_t place, enum board_state state)
{
	const struct svdir_entry *entry = &health->means.svdir->entries[place];
	struct board_entry *shown = board_begin_entry(health->means.board, place);

	health->list[place].state = state;
	health->missing += counts(state, entry);
	shown->state = state;
	shown->flags = choose_flags(entry, state);
	shown->exit_status = -1;
	shown->since = board_now();
	board_write_name(health->means.board, place, entry->name);
	board_end(health->means.board);
}

int health_open(struct health *health, const struct health_means *means,
		void (*on_failure)(void *ctx, const char *cause), void *ctx)
{
	const struct svdir *svdir = means->svdir;

	*health = (struct health){ .means = *means, .on_failure = on_failure, .ctx = ctx };
	health->list = calloc(svdir->len + 1, sizeof *health->list);
	if (!health->list)
		return -1;
	for (size_t i = 0; i < svdir->len; i++) {
		const struct svdir_entry *entry = &svdir->entries[i];
		bool skipped = svdir_is_skipped(entry, means->config->skip);

		show_entry(health, i,
			   entry->down ? BOARD_DOWN
			   : skipped   ? BOARD_SKIPPED
				       : BOARD_STARTING);
	}
	return 0;
}

void health_close(struct health *health)
{
	free(health->list);
	health->list = NULL;
}

void health_begin(struct health *health)
{
	review_whole(health);
}

static void show_cause(struct health *health, const char *cause)
{
	struct board_header *header = board_begin(health->means.board);
	size_t len = strnlen(cause, sizeof header->cause - 1);

	memcpy(header->cause, cause, len);
	header->cause[len] = '\0';
	board_end(health->means.board);
}

void health_begin_teardown(struct health *health, enum board_whole whole, const char *cause)
{
	show_cause(health, cause);
	show_whole(health, whole);
}
