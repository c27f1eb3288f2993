/* SPDX-License-Identifier: ISC */
/* Owns what counts as a change between two snapshots, and how it is printed. Invariant: each line
 * is one object of RFC 8259. */
#include "client/watch.h"

#include "client/cells.h"
#include "client/statusjson.h"
#include "process.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* How often we look whether somebody still reads what is printed. */
#define READER_MS 1000

/* ---- what has changed ---- */

/* Returns what was shown of the service before, or NULL. Services keep their places, adopted
 * processes do not. */
static const struct view_service *find_before(const struct snapshot *before, size_t place,
					      const struct view_service *service)
{
	if (!before)
		return NULL;
	if (!service->adopted)
		return place < before->services ? &before->list[place] : NULL;
	return snapshot_find(before, service->name);
}

static bool is_same(const struct view_service *a, const struct view_service *b)
{
	return a->entry.state == b->entry.state && cells_find_pid(a) == cells_find_pid(b) &&
	       strcmp(a->reason, b->reason) == 0;
}

static bool is_same_whole(const struct board_header *a, const struct board_header *b)
{
	return a->state == b->state && !a->ready == !b->ready && strcmp(a->cause, b->cause) == 0;
}

/* ---- lines ---- */

/* Begins a line with the time of what is in it: since when it is so, if that began with this state,
 * else now. */
static void begin_line(FILE *to, const struct board_time *since, bool same_state)
{
	struct board_time now = board_now();

	fputs("{\"time\":", to);
	statusjson_print_time(to, same_state || since->realtime_ms == 0 ? &now : since);
}

static void print_service(FILE *to, const struct view_service *service, const char *state)
{
	int32_t pid = cells_find_pid(service);

	fputs(",\"service\":", to);
	statusjson_print_text(to, service->name);
	fprintf(to, ",\"state\":\"%s\",\"pid\":", state);
	if (pid > 0)
		fprintf(to, "%" PRId32, pid);
	else
		fputs("null", to);
	fputs(",\"reason\":", to);
	statusjson_print_text(to, service->reason);
	fputs("}\n", to);
}

static void print_whole(FILE *to, const struct board_header *header)
{
	fprintf(to, ",\"state\":\"%s\",\"ready\":%s,\"cause\":", view_whole_word(header->state),
		header->ready ? "true" : "false");
	statusjson_print_text(to, header->cause);
	fputs("}\n", to);
}

/* Prints a line for each adopted process that has ended. */
static void print_lost(FILE *to, const struct snapshot *before, const struct snapshot *now)
{
	for (size_t i = before->services; i < before->len; i++) {
		struct view_service lost = before->list[i];

		if (snapshot_find(now, lost.name))
			continue;
		lost.entry.pid = 0;
		begin_line(to, &lost.entry.since, true);
		print_service(to, &lost, view_state_word(BOARD_ENDED));
	}
}

void watch_print(FILE *to, const struct snapshot *before, const struct snapshot *now)
{
	const struct board_header *header = &now->header;

	for (size_t i = 0; i < now->len; i++) {
		const struct view_service *service = &now->list[i];
		const struct view_service *old = find_before(before, i, service);

		if (old && is_same(old, service))
			continue;
		begin_line(to, &service->entry.since,
			   old && old->entry.state == service->entry.state);
		print_service(to, service, view_state_word(service->entry.state));
	}
	if (before)
		print_lost(to, before, now);
	if (before && is_same_whole(&before->header, header))
		return;
	begin_line(to, &header->since, before && before->header.state == header->state);
	print_whole(to, header);
}

/* ---- the watch ---- */

/* Prints what has changed before dinit ended. */
static void print_last(const struct view *view, const struct snapshot *before)
{
	struct snapshot last;

	if (view_take_last(view, &last) < 0)
		return;
	if (last.header.state == BOARD_WHOLE_GONE)
		last.header.state = BOARD_WHOLE_STOPPING;
	watch_print(stdout, before, &last);
	snapshot_free(&last);
}

/* Returns whether what is printed goes to somebody: a pipe, a socket or a terminal has another end.
 */
static bool is_read(void)
{
	struct pollfd polled = { .fd = STDOUT_FILENO };

	return poll(&polled, 1, 0) <= 0;
}

/* Prints each change from the snapshot on, which is the caller's, and replaced meanwhile. Returns
 * the exit status, when dinit has ended, or nobody takes what is printed. */
static int watch(const struct view *view, struct snapshot *snapshot)
{
	char why[VIEW_WHY_SIZE];

	watch_print(stdout, NULL, snapshot);
	while (fflush(stdout) == 0 && !ferror(stdout)) {
		struct snapshot next;

		if (!is_read()) {
			/* As if there had been a line for it. */
			raise(SIGPIPE);
			return view_fail("nobody reads what is printed any more");
		}
		if (view_wait(view, snapshot, READER_MS) == VIEW_NEWS_GONE ||
		    view_take(view, &next, why) < 0) {
			print_last(view, snapshot);
			return view_wait(view, snapshot, 0) == VIEW_NEWS_GONE
				       ? PROCESS_STATUS_STOPPED
				       : view_fail(why);
		}
		watch_print(stdout, snapshot, &next);
		snapshot_free(snapshot);
		*snapshot = next;
	}
	return PROCESS_STATUS_UNABLE;
}

int watch_run(char *const *arguments, pid_t pid)
{
	struct view view;
	struct snapshot snapshot;
	char why[VIEW_WHY_SIZE];
	int status;

	if (arguments[0])
		return -1;
	if (view_open(&view, pid, why) < 0)
		return view_fail(why);
	if (view_take(&view, &snapshot, why) == 0) {
		status = watch(&view, &snapshot);
		snapshot_free(&snapshot);
	} else {
		status = view_fail(why);
	}
	view_close(&view);
	return status;
}
