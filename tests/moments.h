/* SPDX-License-Identifier: ISC */
/* A dinit that a test plays to what looks at one: what it shows at one moment after the other, in
 * place of view.h, with a clock that goes on only in waits and sleeps. For test programs that are
 * linked with --wrap for MOMENTS_WRAPPED (tests/check.mk). */
#ifndef TESTS_MOMENTS_H
#define TESTS_MOMENTS_H

#include "client/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOMENTS_MAX 6
#define MOMENTS_SERVICES_MAX 8

/* The time before anything was waited for. */
#define MOMENTS_BEGIN_MS 1000000

struct moments {
	struct snapshot list[MOMENTS_MAX];
	struct view_service services[MOMENTS_MAX][MOMENTS_SERVICES_MAX];
	/* How many there are, and which is shown. */
	size_t len, shown;
	/* When it begins to run; 0: it runs already. */
	uint64_t begins_ms;
	/* No dinit runs; it ends after the moment before the last, which is what is left of it; it
	 * ends before anybody looks at the last moment. */
	bool nothing_runs, ends, ends_when_taken;
	uint64_t now_ms;
	/* How often somebody waited. */
	size_t waits;
	/* And for how long the first time. */
	int64_t timeout_ms;
	/* What is left of it makes no sense. */
	bool leaves_garbage;
	/* The PID that was asked for. */
	pid_t pid;
};

extern struct moments moments;

/* What the last moments_run has printed. */
extern char *moments_out, *moments_err;

/* Setup and teardown of a test. */
int moments_set_up(void **state);
int moments_tear_down(void **state);

/* Adds a moment, at which dinit runs. Returns its header. */
struct board_header *moments_add(void);

/* Adds a service to the last moment, or an adopted process. A PID of 0: it does not run. */
struct view_service *moments_add_service(const char *name, enum board_state state, int32_t pid);
struct view_service *moments_add_adopted(const char *name, int32_t pid);

/* Runs the function with these arguments, separated by spaces, and standard streams that are
 * memory. Returns what it does. */
int moments_run(int (*run)(char *const *arguments, pid_t pid), const char *line);

#endif
