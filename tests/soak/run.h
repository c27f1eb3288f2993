/* SPDX-License-Identifier: ISC */
/* One dinit of the soak: started, read, watched, ended. */
#ifndef SOAK_RUN_H
#define SOAK_RUN_H

#include "check.h"
#include "watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How long heartbeats took to come, in microseconds. */
struct run_latencies {
	uint32_t *values;
	size_t len, size;
};

enum run_way {
	RUN_STDOUT,
	RUN_STDERR,
	/* on one of them, while nobody read the other */
	RUN_BESIDE,
	RUN_WAYS,
};

struct run_stall {
	/* the last one; until then nobody reads the stream */
	uint64_t from_ns, to_ns;
};

struct run {
	/* the program, and the one that is its command */
	const char *dinit, *player;
	/* PID 1 of a PID namespace; else a child subreaper, as the caller is */
	bool as_init;
	/* DINIT_JSON_STDOUT=wrap */
	bool wrap;
	/* dinit --http is among the services */
	bool has_http;
	unsigned seconds;
	/* how many will be adopted */
	unsigned daemons;

	pid_t pid;
	/* its stdout and stderr; -1: the end has come */
	int fds[2];
	uint64_t begin_ns, read_ns, told_ns, ended_ns;
	struct run_stall stalls[2];
	unsigned stalls_len;
	struct run_latencies latencies[RUN_WAYS];
	struct check check;
	struct watch watch;
	/* dinit --http */
	struct watch http;
	/* it ended before it was told to */
	bool early;
	/* it did not end, and was killed */
	bool late;
	/* as of wait(2) */
	int status;
	/* processes that it left behind */
	unsigned left;
};

/* Runs dinit with this environment for so many seconds, then tells it to stop and reads to the
 * end. Ends the program where it cannot. */
void run_all(struct run *run, char *const *environment);

/* Sorts. part: 0.5 for the median. In milliseconds; 0 where there is none. */
double run_latency_ms(struct run_latencies *latencies, double part);

void run_free(struct run *run);

/* Lets an ordinary user make PID namespaces. */
void run_become_root(void);

#endif
