/* SPDX-License-Identifier: ISC */
/* One run of lines: writer, program under test, reader. The writer and the reader are the same for
 * all. What runs in a pipeline gets the writer's pipe as its stdin; dinit starts the writer itself,
 * as its service. */
#ifndef DINIT_BENCH_PIPELINE_H
#define DINIT_BENCH_PIPELINE_H

#include "bench.h"

#define PIPELINE_VALUE_SIZE (BENCH_PATH_SIZE + 32)

enum filter_kind {
	/* stdin to stdout */
	FILTER_PIPE,
	/* the same, told how much dinit gave out for how much */
	FILTER_FLOOR,
	/* stdin to a file in a directory */
	FILTER_FILE,
	FILTER_DINIT,
	/* dinit, the static build */
	FILTER_STATIC,
};

struct filter {
	const char *name;
	enum filter_kind kind;
	/* of a pipe */
	char *const *argv;
	/* of dinit: DINIT_JSON_STDOUT; of a floor: BENCH_WAIT */
	const char *mode;
	/* it gets one part in so many of the lines: it is that slow */
	unsigned share;
};

/* What one run gave. */
struct flow {
	double lines_per_s;
	/* bytes */
	double out_per_s;
	double cpu_s;
	/* context switches of the program under test */
	double switches;
	double lines;
	/* bytes */
	double in, out;
};

/* What the runs of a case have in common. */
struct pipeline {
	const struct bench *bench;
	const struct corpus *corpus;
	unsigned repeat, pause_us;
	char data[PIPELINE_VALUE_SIZE], repeat_text[PIPELINE_VALUE_SIZE],
		write_size[PIPELINE_VALUE_SIZE], stamp[PIPELINE_VALUE_SIZE];
	char stamp_path[BENCH_PATH_SIZE], service_dir[BENCH_PATH_SIZE], writer[BENCH_PATH_SIZE];
};

/* service_dir: where the writer is the only service. pause_us: for how long the reader of what
 * comes out does something else after each read, if at all: less than a second. */
void pipeline_prepare(struct pipeline *pipeline, const struct bench *bench,
		      const struct corpus *corpus, const char *service_dir, size_t write_size,
		      size_t megabytes, unsigned pause_us);

/* model: for the floor, how much to give out for how much; else it is not looked at. */
void pipeline_run(struct pipeline *pipeline, const struct filter *filter, const struct flow *model,
		  struct flow *flow);

#endif
