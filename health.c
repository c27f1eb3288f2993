/* SPDX-License-Identifier: ISC */
/* Owns what is known of the readiness of the services and of all together; not their lives
 * (service.h), one run of a check (check.h), nor what dinit does where a service is past its
 * limits. Invariant: each change is shown on the board in the call that makes it, and missing
 * counts the services that keep dinit from being ready. */
#include "health.h"

#include "log.h"
#include "pace.h"
#include "reaper.h"
#include "stamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Room for a name, a reason, and the words around them. */
#define CAUSE_SIZE (CHECK_REASON_SIZE + 512)
/* How often it is looked whether the process of a check that was killed has gone. */
#define GONE_LOOK_MS 100
/* From when on a warning says that a service is not ready yet. */
#define UNREADY_WARN_MS 60000

static uint64_t now_ms(const struct health *health)
{
	return loop_now_ms(health->means.loop);
}

static const struct svdir_entry *find_entry(const struct health *health, size_t place)
{
	return &health->means.svdir->entries[place];
}

/* ---- dinit as a whole ---- */

static void show_whole(struct health *health, enum board_whole whole, bool ready)
{
	struct board_header *header;

	if (whole == health->whole && ready == health->ready)
		return;
	header = board_begin(health->means.board);
	if (whole != health->whole)
		header->since = board_now();
	header->state = health->whole = whole;
	header->ready = health->ready = ready;
	board_end(health->means.board);
}

static void finish_start(struct health *health)
{
	char duration[STAMP_DURATION_SIZE];

	loop_timer_stop(health->means.loop, &health->timer);
	stamp_duration(now_ms(health) - health->began_ms, duration);
	if (health->watched_len > 0)
		log_info("all services are ready after %s", duration);
	show_whole(health, BOARD_WHOLE_RUNNING, true);
	announce_begin(&health->announce, health->means.loop, health->means.config->notify_socket);
}

/* Shows what has become of the whole when a service has changed. */
static void review_whole(struct health *health)
{
	bool all = health->missing == 0;

	switch (health->whole) {
	case BOARD_WHOLE_STARTING:
		if (all && !health->stopped)
			finish_start(health);
		return;
	case BOARD_WHOLE_RUNNING: show_whole(health, BOARD_WHOLE_RUNNING, all); return;
	case BOARD_WHOLE_DELAYING:
	case BOARD_WHOLE_STOPPING:
	case BOARD_WHOLE_GONE:
	case BOARD_WHOLES: return;
	}
}

/* ---- what is shown of a service ---- */

static bool is_missing(const struct health_service *known)
{
	switch (known->state) {
	case BOARD_STARTING:
	case BOARD_UNREADY:
	case BOARD_STOPPING:
	case BOARD_FINISHING:
	case BOARD_ENDED: return !known->done;
	case BOARD_READY:
	case BOARD_DISABLED:
	case BOARD_DOWN:
	case BOARD_SKIPPED:
	case BOARD_STATES: return false;
	}
	return false;
}

/* Returns whether the service was ready, has failed too often in a row since, and is one that the
 * container does not go on without. */
static bool has_failed(const struct health *health, const struct health_service *known,
		       const struct svdir_entry *entry)
{
	uint64_t limit = health->means.config->check_failures;

	return limit > 0 && !entry->optional && known->watched && known->watched->was_ready &&
	       known->watched->failures >= limit;
}

static unsigned choose_flags(const struct health *health, size_t place, bool done)
{
	const struct svdir_entry *entry = find_entry(health, place);

	return (entry->check ? BOARD_FLAG_CHECK : 0U) |
	       (entry->notification_fd ? BOARD_FLAG_NOTIFY : 0U) |
	       (entry->optional ? BOARD_FLAG_OPTIONAL : 0U) |
	       (entry->command ? BOARD_FLAG_COMMAND : 0U) | (done ? BOARD_FLAG_DONE : 0U) |
	       (has_failed(health, &health->list[place], entry) ? BOARD_FLAG_FAILED : 0U);
}

/* Counts the service as what it is from now on, and shows that. */
static void set_state(struct health *health, size_t place, struct board_entry *shown,
		      enum board_state state, bool done)
{
	struct health_service *known = &health->list[place];

	health->missing -= is_missing(known);
	if (known->state != state)
		shown->since = board_now();
	known->state = state;
	known->done = done;
	health->missing += is_missing(known);
	shown->state = state;
	shown->flags = choose_flags(health, place, done);
}

static enum board_state judge(const struct health_watched *watched)
{
	if (!watched || watched->ready)
		return BOARD_READY;
	return watched->was_ready ? BOARD_UNREADY : BOARD_STARTING;
}

static enum board_state choose_state(const struct health_service *known,
				     const struct service *service)
{
	switch (service->state) {
	case SERVICE_WAITING: return BOARD_STARTING;
	case SERVICE_RUNNING:
	case SERVICE_UNLOGGED: return judge(known->watched);
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

static bool is_done(const struct service *service)
{
	return service->state == SERVICE_DISABLED ||
	       (service->state == SERVICE_FINISHING && service->outcome == SERVICE_DISABLED);
}

static pid_t find_pid(const struct program *program)
{
	return program && program_is_running(program) ? program->watch.pid : 0;
}

/* Shows the PIDs of the service, when they were started, and how its run has ended, if it has, or
 * why it could not be started. */
static void show_programs(struct health *health, size_t place, struct board_entry *shown,
			  const struct service *service)
{
	struct health_service *known = &health->list[place];
	char how[BOARD_REASON_SIZE];

	if (known->waiting && service->state == SERVICE_RUNNING)
		shown->started = shown->log_started = board_now();
	shown->pid = find_pid(&service->run);
	shown->log_pid = find_pid(service->log);
	shown->finish_pid = find_pid(service->finish);
	if (service->unstarted) {
		snprintf(how, sizeof how, "cannot be started: %s", service->unstarted);
		board_write_reason(health->means.board, place, how);
	}
	if (service->run_status < 0)
		return;
	shown->exit_status = reaper_count_status(service->run_status);
	reaper_describe_status(service->run_status, how);
	board_write_reason(health->means.board, place, how);
}

/* ---- readiness ---- */

/* Shows what is known of the readiness of a service that runs. */
static void show_readiness(struct health_watched *watched)
{
	struct health *health = watched->health;
	struct board_entry *shown = board_begin_entry(health->means.board, watched->place);

	shown->check_failures = watched->failures;
	shown->check_failures_total = watched->failures_total;
	board_write_reason(health->means.board, watched->place, watched->reason + watched->said_at);
	set_state(health, watched->place, shown, judge(watched), false);
	board_end(health->means.board);
	review_whole(health);
}

static const char *name_of(const struct health_watched *watched)
{
	return find_entry(watched->health, watched->place)->name;
}

static void note_ready(struct health_watched *watched)
{
	const struct health *health = watched->health;
	char duration[STAMP_DURATION_SIZE];
	bool again = watched->was_ready;

	if (watched->ready)
		return;
	watched->was_ready = watched->ready = true;
	stamp_duration(now_ms(health) - (again ? watched->lost_ms : health->began_ms), duration);
	if (again)
		log_warn("%s/check: ready again after %s", name_of(watched), duration);
	else
		log_info("%s: ready after %s", name_of(watched), duration);
}

static void note_lost(struct health_watched *watched)
{
	if (!watched->ready)
		return;
	watched->ready = false;
	watched->lost_ms = now_ms(watched->health);
	log_warn("%s/check: not ready any more: %s", name_of(watched), watched->reason);
}

/* Says that the service is past a limit, which the words name, and tells the owner, unless the
 * container goes on without the service. */
static void report_limit(struct health_watched *watched, const char *words)
{
	struct health *health = watched->health;
	const char *colon = watched->reason[0] ? ": " : "";
	char cause[CAUSE_SIZE];
	bool first;

	if (find_entry(health, watched->place)->optional) {
		log_warn("%s%s%s%s", words, health->stopped ? "" : "; " SERVICE_GOES_ON, colon,
			 watched->reason);
		return;
	}
	snprintf(cause, sizeof cause, "%s%s%s", words, colon, watched->reason);
	first = health->on_failure(health->ctx, cause);
	log_error("%s%s%s%s", words, first ? ", stopping the container" : "", colon,
		  watched->reason);
}

/* Ends the container where a service that was ready has failed too often in a row. */
static void apply_limit(struct health_watched *watched)
{
	uint64_t limit = watched->health->means.config->check_failures;
	char words[CAUSE_SIZE];

	if (limit == 0 || watched->failures != limit || !watched->was_ready)
		return;
	snprintf(words, sizeof words, "%s/check: failed %lu time%s in a row", name_of(watched),
		 (unsigned long)limit, limit == 1 ? "" : "s");
	report_limit(watched, words);
}

/* ---- checks ---- */

static void plan_check(struct health_watched *watched)
{
	const struct health *health = watched->health;
	uint64_t interval = health->means.config->check_interval_ms, now = now_ms(health);
	uint64_t age = now - watched->began_ms;

	loop_timer_start(health->means.loop, &watched->timer,
			 watched->was_ready ? pace_next(interval, watched->number, health->checks,
							now - health->began_ms, age)
					    : pace_retry(interval, age));
}

/* Says that a check has failed. Of a service that was never ready nothing else would say so: a
 * warning does, after a minute, or at once where the check cannot be started at all, which is not
 * the service's failure but a mistake in its directory, or a limit. */
static void say_failure(struct health_watched *watched)
{
	bool late = now_ms(watched->health) - watched->health->began_ms >= UNREADY_WARN_MS;

	if (watched->was_ready || watched->warned || !(watched->check.unstarted || late)) {
		log_debug("%s/check: failed: %s", name_of(watched), watched->reason);
		return;
	}
	watched->warned = true;
	log_warn("%s/check: %s%s", name_of(watched), late ? "not ready after a minute: " : "",
		 watched->reason);
}

/* said_at is where in the reason begins what the check said itself: that alone is shown. */
static void note_result(struct health_watched *watched, bool succeeded, const char *reason,
			size_t said_at)
{
	snprintf(watched->reason, sizeof watched->reason, "%s", reason);
	watched->said_at = said_at;
	if (succeeded) {
		watched->failures = 0;
		note_ready(watched);
	} else {
		watched->failures++;
		watched->failures_total++;
		say_failure(watched);
		note_lost(watched);
	}
	plan_check(watched);
	show_readiness(watched);
	if (!succeeded)
		apply_limit(watched);
}

static void on_check_result(void *ctx, bool succeeded, const char *reason)
{
	struct health_watched *watched = ctx;

	/* Its service may have ended, or been told to stop, meanwhile. */
	if (watched->run_pid > 0 && !watched->health->stopped)
		note_result(watched, succeeded, reason, watched->check.said_at);
}

/* Runs the check, unless the last run was killed and its process is still there: it may wait in
 * the kernel for something that does not come. */
static void on_check_due(void *ctx)
{
	struct health_watched *watched = ctx;
	struct health *health = watched->health;
	uint64_t interval = health->means.config->check_interval_ms, now = now_ms(health);

	if (health->stopped)
		return;
	if (!check_is_running(&watched->check)) {
		watched->began_ms = now;
		check_start(&watched->check, watched->run_pid, interval);
		return;
	}
	if (now - watched->began_ms >= 2 * interval) {
		watched->began_ms = now - interval;
		note_result(watched, false, "the last run was killed and has not ended yet", 0);
	}
	loop_timer_start(health->means.loop, &watched->timer, GONE_LOOK_MS);
}

static void stop_checking(struct health_watched *watched)
{
	watched->run_pid = 0;
	loop_timer_stop(watched->health->means.loop, &watched->timer);
	if (find_entry(watched->health, watched->place)->check)
		check_stop(&watched->check);
}

/* Shows why it will not be ready: checks do not begin either. */
static void note_never(struct health_watched *watched)
{
	strcpy(watched->reason, "its notification-fd was closed without a newline");
	show_readiness(watched);
}

/* Notes the run of a service that is watched: whether it runs, and has said that it is ready. */
static void watch_run(struct health_watched *watched, const struct service *service)
{
	const struct svdir_entry *entry = service->entry;

	if (!service_is_up(service)) {
		stop_checking(watched);
		return;
	}
	watched->run_pid = service->run.watch.pid;
	if (service->never_notified)
		note_never(watched);
	if (watched->checking || (entry->notification_fd > 0 && !service->notified))
		return;
	watched->checking = true;
	if (!entry->check)
		note_ready(watched);
	else if (watched->health->waiting == 0 && !watched->health->stopped)
		loop_timer_start(watched->health->means.loop, &watched->timer, 0);
}

/* Begins the checks of the services that are running, now that all have been started: one each
 * millisecond, so that other things get their turn in between. */
static void begin_checks(struct health *health)
{
	for (size_t i = 0; i < health->watched_len; i++) {
		struct health_watched *watched = &health->watched[i];

		if (watched->checking && watched->run_pid > 0 &&
		    find_entry(health, watched->place)->check)
			loop_timer_start(health->means.loop, &watched->timer, watched->number);
	}
}

/* Notes that a service has been started, or could not be. */
static void count_start(struct health *health, struct health_service *known)
{
	if (!known->waiting)
		return;
	known->waiting = false;
	if (--health->waiting == 0)
		begin_checks(health);
}

void health_note_service(struct health *health, const struct service *service)
{
	size_t place = (size_t)(service->entry - health->means.svdir->entries);
	struct health_service *known = &health->list[place];
	struct board_entry *shown;

	if (known->watched)
		watch_run(known->watched, service);
	shown = board_begin_entry(health->means.board, place);
	show_programs(health, place, shown, service);
	set_state(health, place, shown, choose_state(known, service), is_done(service));
	board_end(health->means.board);
	count_start(health, known);
	review_whole(health);
}

/* ---- the time until all are ready ---- */

static const char *explain_unready(const struct health_watched *watched)
{
	if (watched->health->list[watched->place].waiting)
		return "it was not started yet";
	return watched->checking ? "its check has not ended yet"
				 : "it has not written a newline to its notification-fd";
}

/* Where dinit itself was stopped so long (docker pause), the services have their time once more. */
static void on_ready_timeout(void *ctx)
{
	struct health *health = ctx;
	char words[CAUSE_SIZE];

	if (health->stopped)
		return;
	if (now_ms(health) - health->timer.due_ms >= CHECK_LATE_MS) {
		loop_timer_start(health->means.loop, &health->timer,
				 health->means.config->ready_timeout_ms);
		return;
	}
	for (size_t i = 0; i < health->watched_len; i++) {
		struct health_watched *watched = &health->watched[i];

		if (watched->was_ready || health->list[watched->place].state != BOARD_STARTING)
			continue;
		if (!watched->reason[0])
			snprintf(watched->reason, sizeof watched->reason, "%s",
				 explain_unready(watched));
		snprintf(words, sizeof words, "%s: not ready after %g s", name_of(watched),
			 (double)health->means.config->ready_timeout_ms / 1000);
		report_limit(watched, words);
	}
}

/* ---- the beginning and the end ---- */

static void show_entry(struct health *health, size_t place)
{
	const struct svdir_entry *entry = find_entry(health, place);
	struct health_service *known = &health->list[place];
	struct board_entry *shown = board_begin_entry(health->means.board, place);

	known->state = BOARD_STARTING;
	if (entry->down)
		known->state = BOARD_DOWN;
	else if (svdir_is_skipped(entry, health->means.config->skip))
		known->state = BOARD_SKIPPED;
	known->waiting = known->state == BOARD_STARTING;
	health->waiting += known->waiting;
	health->missing += is_missing(known);
	shown->state = known->state;
	shown->flags = choose_flags(health, place, false);
	shown->exit_status = -1;
	shown->since = board_now();
	board_write_name(health->means.board, place, entry->name);
	board_end(health->means.board);
}

static bool is_watched(const struct health *health, size_t place)
{
	const struct svdir_entry *entry = find_entry(health, place);

	return health->list[place].state == BOARD_STARTING &&
	       (entry->check || entry->notification_fd > 0);
}

static void watch_entry(struct health *health, size_t place)
{
	const struct svdir_entry *entry = find_entry(health, place);
	struct health_watched *watched = &health->watched[health->watched_len++];

	*watched = (struct health_watched){
		.health = health,
		.place = place,
		.number = health->checks,
		.timer = { .on_due = on_check_due, .ctx = watched },
	};
	health->list[place].watched = watched;
	if (!entry->check)
		return;
	health->checks++;
	check_init(&watched->check, health->means.loop, health->means.programs, entry,
		   on_check_result, watched);
}

int health_open(struct health *health, const struct health_means *means,
		bool (*on_failure)(void *ctx, const char *cause), void *ctx)
{
	size_t len = means->svdir->len, watched = 0;

	*health = (struct health){
		.means = *means,
		.on_failure = on_failure,
		.ctx = ctx,
		.began_ms = loop_now_ms(means->loop),
		.timer = { .on_due = on_ready_timeout, .ctx = health },
	};
	/* One more of each, because calloc(0) may be NULL without having failed. */
	health->list = calloc(len + 1, sizeof *health->list);
	if (!health->list)
		return -1;
	for (size_t i = 0; i < len; i++) {
		show_entry(health, i);
		watched += is_watched(health, i);
	}
	health->watched = calloc(watched + 1, sizeof *health->watched);
	if (!health->watched) {
		free(health->list);
		health->list = NULL;
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; i < len; i++)
		if (is_watched(health, i))
			watch_entry(health, i);
	if (means->config->ready_timeout_ms > 0 && watched > 0)
		loop_timer_start(means->loop, &health->timer, means->config->ready_timeout_ms);
	return 0;
}

void health_close(struct health *health)
{
	for (size_t i = 0; i < health->watched_len; i++)
		if (find_entry(health, health->watched[i].place)->check)
			check_close(&health->watched[i].check);
	free(health->list);
	free(health->watched);
	health->list = NULL;
	health->watched = NULL;
	health->watched_len = 0;
}

static void show_cause(const struct health *health, const char *cause)
{
	struct board_header *header = board_begin(health->means.board);
	size_t len = strnlen(cause, sizeof header->cause - 1);

	memcpy(header->cause, cause, len);
	header->cause[len] = '\0';
	board_end(health->means.board);
}

void health_note_cause(struct health *health)
{
	health->stopped = true;
}

void health_begin_teardown(struct health *health, enum board_whole whole, const char *cause)
{
	health->stopped = true;
	loop_timer_stop(health->means.loop, &health->timer);
	announce_stop(&health->announce);
	for (size_t i = 0; i < health->watched_len; i++)
		stop_checking(&health->watched[i]);
	show_cause(health, cause);
	show_whole(health, whole, false);
}
