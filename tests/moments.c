/* SPDX-License-Identifier: ISC */
#include "moments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 16
/* More than any test makes. */
#define WAITS_MAX 1000

struct moments moments;
char *moments_out, *moments_err;

/* The standard streams while those are memory. */
static FILE *true_out, *true_err;
static size_t out_len, err_len;

int __wrap_view_open(struct view *view, pid_t pid, char why[VIEW_WHY_SIZE]);
int __wrap_view_take(const struct view *view, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);
int __wrap_view_take_last(const struct view *view, struct snapshot *snapshot);
enum view_news __wrap_view_wait(const struct view *view, const struct snapshot *snapshot,
				int64_t timeout_ms);
struct board_time __wrap_board_now(void);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

int __wrap_view_open(struct view *view, pid_t pid, char why[VIEW_WHY_SIZE])
{
	*view = (struct view){ .pid = 1 };
	moments.pid = pid;
	if (!moments.nothing_runs && moments.now_ms >= moments.begins_ms)
		return 0;
	snprintf(why, VIEW_WHY_SIZE, "no dinit runs here");
	return -1;
}

static void take(struct snapshot *snapshot)
{
	*snapshot = moments.list[moments.shown];
	snapshot->list = calloc(MOMENTS_SERVICES_MAX, sizeof *snapshot->list);
	assert_non_null(snapshot->list);
	memcpy(snapshot->list, moments.services[moments.shown],
	       sizeof moments.services[moments.shown]);
}

int __wrap_view_take(const struct view *view, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	assert_int_equal(view->pid, 1);
	if (moments.ends_when_taken && moments.shown == moments.len - 1) {
		snprintf(why, VIEW_WHY_SIZE, "the dinit with PID 1 has ended");
		return -1;
	}
	take(snapshot);
	return 0;
}

int __wrap_view_take_last(const struct view *view, struct snapshot *snapshot)
{
	assert_int_equal(view->pid, 1);
	if (moments.leaves_garbage)
		return -1;
	moments.shown = moments.len - 1;
	take(snapshot);
	return 0;
}

enum view_news __wrap_view_wait(const struct view *view, const struct snapshot *snapshot,
				int64_t timeout_ms)
{
	assert_int_equal(view->pid, 1);
	assert_non_null(snapshot);
	if (moments.waits++ == 0)
		moments.timeout_ms = timeout_ms;
	moments.now_ms++;
	if (moments.shown + 1 < moments.len - moments.ends) {
		moments.shown++;
		return VIEW_NEWS_CHANGE;
	}
	if (moments.ends || moments.ends_when_taken)
		return VIEW_NEWS_GONE;
	/* It would never end. */
	assert_true(timeout_ms >= 0 && moments.waits < WAITS_MAX);
	moments.now_ms += (uint64_t)timeout_ms;
	return VIEW_NEWS_NONE;
}

struct board_time __wrap_board_now(void)
{
	return (struct board_time){ .monotonic_ms = moments.now_ms, .realtime_ms = moments.now_ms };
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	assert_true(time->tv_sec > 0 || time->tv_nsec >= 1000000);
	moments.now_ms += (uint64_t)time->tv_sec * 1000 + (uint64_t)time->tv_nsec / 1000000;
	return 0;
}

int moments_set_up(void **state)
{
	(void)state;
	memset(&moments, 0, sizeof moments);
	moments.now_ms = MOMENTS_BEGIN_MS;
	return 0;
}

/* Closes the memory that the streams are, and puts the true ones back in their place. */
static void restore_streams(void)
{
	fclose(stdout);
	fclose(stderr);
	stdout = true_out;
	stderr = true_err;
	true_out = true_err = NULL;
}

int moments_tear_down(void **state)
{
	(void)state;
	/* A test has failed within moments_run. */
	if (true_out) {
		restore_streams();
		fprintf(stderr, "%s%s", moments_out, moments_err);
	}
	free(moments_out);
	free(moments_err);
	moments_out = moments_err = NULL;
	return 0;
}

struct board_header *moments_add(void)
{
	struct snapshot *moment = &moments.list[moments.len];

	assert_true(moments.len < MOMENTS_MAX);
	moment->list = moments.services[moments.len++];
	moment->header =
		(struct board_header){ .pid = 1,
				       .state = BOARD_WHOLE_RUNNING,
				       .since = { .monotonic_ms = 1000, .realtime_ms = 1000 } };
	return &moment->header;
}

static struct view_service *add(const char *name, const struct board_entry *entry)
{
	struct snapshot *moment = &moments.list[moments.len - 1];
	struct view_service *service = &moment->list[moment->len++];

	assert_true(moment->len <= MOMENTS_SERVICES_MAX);
	*service = (struct view_service){ .name = name, .reason = "", .entry = *entry };
	service->entry.exit_status = -1;
	service->entry.since = (struct board_time){ .monotonic_ms = MOMENTS_BEGIN_MS - 12000,
						    .realtime_ms = 2000 };
	service->entry.started = service->entry.since;
	return service;
}

struct view_service *moments_add_service(const char *name, enum board_state state, int32_t pid)
{
	moments.list[moments.len - 1].services++;
	return add(name, &(struct board_entry){ .state = state, .pid = pid });
}

struct view_service *moments_add_adopted(const char *name, int32_t pid)
{
	struct view_service *service =
		add(name, &(struct board_entry){
				  .state = BOARD_READY, .pid = pid, .flags = BOARD_FLAG_USED });

	service->adopted = true;
	return service;
}

int moments_run(int (*run)(char *const *arguments, pid_t pid), const char *line)
{
	char copy[160], *arguments[ARGUMENTS_MAX] = { NULL };
	size_t len = 0;
	int status;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		arguments[len++] = word;
	moments_tear_down(NULL);
	true_out = stdout;
	true_err = stderr;
	stdout = open_memstream(&moments_out, &out_len);
	stderr = open_memstream(&moments_err, &err_len);
	status = run(arguments, 7);
	restore_streams();
	return status;
}
