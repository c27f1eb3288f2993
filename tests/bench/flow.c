/* SPDX-License-Identifier: ISC */
/* Owns the rows about lines: what is compared in which case, in which order, and the bars. */
#include "pipeline.h"

#include <stdio.h>

#define BATCH (64 * 1024)
#define FILTERS_MAX 10

static char *const cat_argv[] = { (char[]){ "cat" }, NULL };
static char *const sed_argv[] = { (char[]){ "sed" }, (char[]){ "s/^/prefix /" }, NULL };
static char *const s6_argv[] = { (char[]){ "s6-log" }, (char[]){ "-b" }, (char[]){ "T" },
				 (char[]){ "1" }, NULL };

static const struct filter cat = { "cat", FILTER_PIPE, cat_argv, NULL, 1 };
static const struct filter sed = { "sed 's/^/prefix /'", FILTER_PIPE, sed_argv, NULL, 4 };
static const struct filter s6_log = { "s6-log -b T 1", FILTER_PIPE, s6_argv, NULL, 4 };
static const struct filter svlogd = { "svlogd -tt, to a file", FILTER_FILE, NULL, NULL, 16 };
static const struct filter to_text = { "dinit text", FILTER_DINIT, NULL, "0", 1 };
static const struct filter to_json = { "dinit JSON", FILTER_DINIT, NULL, "1", 1 };
static const struct filter static_text = { "dinit-static text", FILTER_STATIC, NULL, "0", 1 };
static const struct filter static_json = { "dinit-static JSON", FILTER_STATIC, NULL, "1", 1 };
static const struct filter static_wrap = { "dinit-static wrap", FILTER_STATIC, NULL, "wrap", 1 };
static const struct filter bare_copy = { "floor: the same bytes in and out", FILTER_FLOOR, NULL,
					 "read", 1 };
static const struct filter bare_loop = { "floor that waits by epoll", FILTER_FLOOR, NULL, "epoll",
					 1 };

/* Of dinit; 0: none. */
struct flow_bars {
	/* lines a second, at least so many times those of s6-log */
	double s6_lines;
	/* CPU time, at most so many times that of the floor */
	double floor_cpu;
	/* wall time for the same lines, and CPU time a byte that goes out, at most so many times
	 * those of cat */
	double cat_wall, cat_cpu;
};

struct flow_case {
	const char *title;
	/* in the names of its rows */
	const char *short_name;
	enum corpus_kind kind;
	size_t line_len;
	size_t write_size;
	/* to be written in a round */
	size_t megabytes;
	/* of the reader, after each read of at most 64 kB: meant to be more than dinit needs */
	unsigned pause_us;
	struct flow_bars bars;
	/* the first is cat; a floor comes behind a dinit */
	const struct filter *filters[FILTERS_MAX];
};

static const struct flow_case cases[] = {
	{
		.title = "text, 100 B",
		.short_name = "100 B",
		.kind = CORPUS_TEXT,
		.line_len = 100,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .s6_lines = 6, .floor_cpu = 1.3 },
		.filters = { &cat, &sed, &s6_log, &svlogd, &to_text, &static_text, &bare_copy,
			     &static_wrap },
	},
	{
		.title = "JSON, 100 B",
		.short_name = "100 B",
		.kind = CORPUS_JSON,
		.line_len = 100,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .s6_lines = 5, .floor_cpu = 1.5 },
		.filters = { &cat, &s6_log, &to_json, &static_json, &bare_copy },
	},
	{
		.title = "one write a line, 100 B",
		.short_name = "one write a line",
		.kind = CORPUS_TEXT,
		.line_len = 100,
		.write_size = 100,
		.megabytes = 30,
		.bars = { .cat_wall = 1.1, .cat_cpu = 1 },
		.filters = { &cat, &s6_log, &to_text, &bare_loop, &static_text, &bare_copy },
	},
	{
		.title = "text, 300 B",
		.short_name = "300 B",
		.kind = CORPUS_TEXT,
		.line_len = 300,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .floor_cpu = 1.5 },
		.filters = { &cat, &s6_log, &static_text, &bare_copy },
	},
	{
		.title = "text, 1 kB",
		.short_name = "1 kB",
		.kind = CORPUS_TEXT,
		.line_len = 1000,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .floor_cpu = 1.5 },
		.filters = { &cat, &s6_log, &static_text, &bare_copy },
	},
	{
		.title = "JSON, 1 kB",
		.short_name = "1 kB",
		.kind = CORPUS_JSON,
		.line_len = 1000,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .floor_cpu = 1.7 },
		.filters = { &cat, &s6_log, &static_json, &bare_copy },
	},
	{
		.title = "text, 16 kB",
		.short_name = "16 kB",
		.kind = CORPUS_TEXT,
		.line_len = 16000,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .floor_cpu = 1.5 },
		.filters = { &cat, &s6_log, &static_text, &bare_copy },
	},
	{
		.title = "JSON, 16 kB",
		.short_name = "16 kB",
		.kind = CORPUS_JSON,
		.line_len = 16000,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .floor_cpu = 1.7 },
		.filters = { &cat, &s6_log, &static_json, &bare_copy },
	},
	{
		.title = "slow reader (200 us after each 64 kB)",
		.short_name = "1 kB, slow reader",
		.kind = CORPUS_TEXT,
		.line_len = 1000,
		.write_size = BATCH,
		.megabytes = 100,
		.pause_us = 200,
		.bars = { .floor_cpu = 2 },
		.filters = { &cat, &static_text, &bare_copy },
	},
	{
		.title = "JSON log",
		.short_name = "log",
		.kind = CORPUS_JSON_LOG,
		.line_len = 0,
		.write_size = BATCH,
		.megabytes = 200,
		.bars = { .floor_cpu = 1.7 },
		.filters = { &cat, &s6_log, &static_json, &bare_copy },
	},
	{
		.title = "access log",
		.short_name = "access log",
		.kind = CORPUS_ACCESS_LOG,
		.line_len = 0,
		.write_size = BATCH,
		.megabytes = 200,
		.filters = { &cat, &s6_log, &static_text, &bare_copy, &static_wrap },
	},
};

/* ---- a case: rounds in which each program gets its turn, ratios within a round ---- */

struct results {
	size_t filters, rounds;
	struct flow flows[FILTERS_MAX][BENCH_ROUNDS_MAX];
};

enum measure {
	LINES_PER_S,
	OUT_PER_S,
	CPU_PER_OUT,
	SWITCHES_PER_IN,
};

static double measure_of(const struct flow *flow, enum measure measure)
{
	switch (measure) {
	case LINES_PER_S: return flow->lines_per_s;
	case OUT_PER_S: return flow->out_per_s;
	case CPU_PER_OUT: return flow->cpu_s / flow->out;
	case SWITCHES_PER_IN: return flow->switches / flow->in;
	}
	return 0;
}

static double median_of(const struct results *results, size_t filter, enum measure measure)
{
	double values[BENCH_ROUNDS_MAX];

	for (size_t round = 0; round < results->rounds; round++)
		values[round] = measure_of(&results->flows[filter][round], measure);
	return table_median(values, results->rounds);
}

static double ratio_of(const struct results *results, size_t filter, size_t beside,
		       enum measure measure)
{
	double values[BENCH_ROUNDS_MAX];

	for (size_t round = 0; round < results->rounds; round++)
		values[round] = measure_of(&results->flows[filter][round], measure) /
				measure_of(&results->flows[beside][round], measure);
	return table_median(values, results->rounds);
}

/* FILTERS_MAX where it is not there. */
static size_t find_filter(const struct flow_case *of, const struct filter *filter)
{
	for (size_t i = 0; i < FILTERS_MAX && of->filters[i]; i++)
		if (of->filters[i] == filter)
			return i;
	return FILTERS_MAX;
}

/* ---- the table ---- */

static void print_ratio(double value, bool there)
{
	if (there)
		printf(" %8.2f", value);
	else
		printf(" %8s", "-");
}

static void print_filter(const struct flow_case *of, const struct results *results, size_t i)
{
	size_t s6 = find_filter(of, &s6_log), floor = find_filter(of, &bare_copy);
	bool to_file = of->filters[i]->kind == FILTER_FILE;

	printf("  %-34s %9.2f %9.0f %9.3f %9.2f", of->filters[i]->name,
	       median_of(results, i, LINES_PER_S) / 1e6, median_of(results, i, OUT_PER_S) / 1e6,
	       median_of(results, i, CPU_PER_OUT) * 1e9,
	       median_of(results, i, SWITCHES_PER_IN) * 1e6);
	print_ratio(ratio_of(results, i, s6 == FILTERS_MAX ? 0 : s6, LINES_PER_S),
		    s6 != FILTERS_MAX);
	print_ratio(ratio_of(results, i, 0, CPU_PER_OUT), !to_file);
	print_ratio(ratio_of(results, i, floor == FILTERS_MAX ? 0 : floor, CPU_PER_OUT),
		    floor != FILTERS_MAX && !to_file);
	putchar('\n');
}

static void print_case(const struct flow_case *of, const struct results *results)
{
	printf("  %-34s %9s %9s %9s %9s %8s %8s %8s\n", "", "Mlines/s", "MB/s out", "CPU s/GB",
	       "switches", "/ s6-log", "/ cat", "/ floor");
	printf("  %-34s %9s %9s %9s %9s %8s %8s %8s\n", "", "", "", "out", "/ MB in", "lines/s",
	       "CPU", "CPU");
	for (size_t i = 0; i < results->filters; i++)
		print_filter(of, results, i);
}

/* ---- the bars ---- */

static void print_bar(const struct flow_case *of, size_t filter, const char *what, double value,
		      enum table_bar kind, double bar)
{
	char row[128];

	if (bar <= 0)
		return;
	snprintf(row, sizeof row, "%s, %s: %s", of->filters[filter]->name, of->short_name, what);
	table_row(row, value, "x", kind, bar, NULL);
}

static void print_bars_of(const struct flow_case *of, const struct results *results, size_t filter)
{
	print_bar(of, filter, "lines/s / s6-log",
		  ratio_of(results, filter, find_filter(of, &s6_log), LINES_PER_S), TABLE_AT_LEAST,
		  of->bars.s6_lines);
	print_bar(of, filter, "CPU / floor",
		  ratio_of(results, filter, find_filter(of, &bare_copy), CPU_PER_OUT),
		  TABLE_AT_MOST, of->bars.floor_cpu);
	print_bar(of, filter, "wall / cat", 1 / ratio_of(results, filter, 0, LINES_PER_S),
		  TABLE_AT_MOST, of->bars.cat_wall);
	print_bar(of, filter, "CPU per byte out / cat", ratio_of(results, filter, 0, CPU_PER_OUT),
		  TABLE_AT_MOST, of->bars.cat_cpu);
}

static bool has_bars(const struct flow_case *of)
{
	return of->bars.s6_lines > 0 || of->bars.floor_cpu > 0 || of->bars.cat_wall > 0 ||
	       of->bars.cat_cpu > 0;
}

static void print_bars(const struct flow_case *of, const struct results *results)
{
	static const struct filter *const barred[] = { &to_text, &static_text, &to_json,
						       &static_json };

	if (!has_bars(of))
		return;
	putchar('\n');
	for (size_t i = 0; i < sizeof barred / sizeof *barred; i++) {
		size_t filter = find_filter(of, barred[i]);

		if (filter != FILTERS_MAX)
			print_bars_of(of, results, filter);
	}
}

/* ---- the rounds ---- */

static size_t rounds_of(const struct bench *bench, const struct flow_case *of)
{
	if (!has_bars(of))
		return bench->quick ? 1 : 5;
	return bench->quick ? 5 : 11;
}

/* The place-th of so many in that round. What runs directly behind a program of its kind is slower
 * than elsewhere; therefore each comes behind each other equally often: 0, 1, n - 1, 2, n - 2 and
 * so on, one further in each round, and, where the number is odd, backwards in every other. */
static size_t whose_turn(size_t place, size_t count, size_t round)
{
	size_t turn = place % 2 ? (place + 1) / 2 : (count - place / 2) % count;

	if (count % 2 && round % 2)
		turn = (count - turn) % count;
	return (turn + round) % count;
}

/* A floor copies as much as the dinit before it in the list, and runs directly behind it. */
static void run_round(struct pipeline *pipeline, const struct flow_case *of,
		      struct results *results, size_t round)
{
	size_t movable[FILTERS_MAX], count = 0;

	for (size_t i = 0; i < results->filters; i++)
		if (of->filters[i]->kind != FILTER_FLOOR)
			movable[count++] = i;
	for (size_t place = 0; place < count; place++) {
		size_t i = movable[whose_turn(place, count, round)];
		struct flow *flow = &results->flows[i][round];

		pipeline_run(pipeline, of->filters[i], NULL, flow);
		if (i + 1 < results->filters && of->filters[i + 1]->kind == FILTER_FLOOR)
			pipeline_run(pipeline, of->filters[i + 1], flow,
				     &results->flows[i + 1][round]);
	}
}

static void run_case(const struct bench *bench, const struct flow_case *of, const char *service_dir)
{
	struct results results = { .rounds = rounds_of(bench, of) };
	struct pipeline pipeline;
	struct corpus corpus;

	corpus_make(&corpus, bench, of->kind, of->line_len);
	pipeline_prepare(&pipeline, bench, &corpus, service_dir, of->write_size, of->megabytes,
			 of->pause_us);
	while (results.filters < FILTERS_MAX && of->filters[results.filters])
		results.filters++;
	for (size_t round = 0; round < results.rounds; round++)
		run_round(&pipeline, of, &results, round);
	table_title("%s: lines of %.0f bytes, %zu bytes a write, median of %zu rounds", of->title,
		    (double)corpus.len / (double)corpus.lines, of->write_size, results.rounds);
	print_case(of, &results);
	print_bars(of, &results);
}

static bool is_wanted(const struct flow_case *of)
{
	return bench_is_wanted("flow") || bench_is_wanted(of->title);
}

static const char about_floor[] =
	"\nThe floor of a table reads and writes as many bytes as the dinit above it, and\n"
	"looks at none: what the kernel takes for the copies, and for waking the reader. The\n"
	"last column says how many times that each program needs.\n"
	"Where a pipe is watched by epoll or the like, each write to it runs the wake-up of "
	"whoever\n"
	"waits, also where the pipe was not empty (the kernel's pipe_write()): the floor that "
	"waits\n"
	"by epoll shows what that takes where each write is one line. dinit does not watch the "
	"pipe\n"
	"of such a writer, but looks once in a moment.";

void flow_bench(const struct bench *bench)
{
	bool explained = false;
	char dir[BENCH_PATH_SIZE], writer[BENCH_PATH_SIZE];

	snprintf(dir, sizeof dir, "%s/flow", bench->temp);
	snprintf(writer, sizeof writer, "%s/writer", bench->programs);
	life_make_services(dir, 1, writer);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (!is_wanted(&cases[i]))
			continue;
		if (!explained)
			puts(about_floor);
		explained = true;
		run_case(bench, &cases[i], dir);
	}
}
