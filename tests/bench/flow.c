/* SPDX-License-Identifier: ISC */
/* Owns the rows about lines: writer, program under test, reader. The writer and the reader are
 * the same for all. What runs in a pipeline gets the writer's pipe as its stdin; dinit starts
 * the writer itself, as its service. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH (64 * 1024)
#define READ_SIZE (64 * 1024)
#define FILTERS_MAX 10
#define VALUE_SIZE (BENCH_PATH_SIZE + 32)

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
	/* DINIT_JSON_STDOUT */
	const char *mode;
	/* it gets one part in so many of the lines: it is that slow */
	unsigned share;
};

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
					 NULL, 1 };

enum flow_bars {
	BARS_NONE,
	BARS_TEXT,
	BARS_JSON,
	BARS_WALL,
};

struct flow_case {
	/* also the beginning of its rows' names */
	const char *title;
	enum corpus_kind kind;
	size_t line_len;
	size_t write_size;
	/* to be written in a round */
	size_t megabytes;
	enum flow_bars bars;
	/* the first is cat; the floor comes behind a dinit */
	const struct filter *filters[FILTERS_MAX];
};

static const struct flow_case cases[] = {
	{ "text, 100 B",
	  CORPUS_TEXT,
	  100,
	  BATCH,
	  200,
	  BARS_TEXT,
	  { &cat, &sed, &s6_log, &svlogd, &to_text, &static_text, &bare_copy, &static_wrap } },
	{ "JSON, 100 B",
	  CORPUS_JSON,
	  100,
	  BATCH,
	  200,
	  BARS_JSON,
	  { &cat, &s6_log, &to_json, &static_json, &bare_copy } },
	{ "one write a line, 100 B",
	  CORPUS_TEXT,
	  100,
	  100,
	  30,
	  BARS_WALL,
	  { &cat, &s6_log, &to_text, &static_text, &bare_copy } },
	{ "text, 1 kB",
	  CORPUS_TEXT,
	  1000,
	  BATCH,
	  200,
	  BARS_NONE,
	  { &cat, &s6_log, &static_text, &bare_copy } },
	{ "JSON, 1 kB",
	  CORPUS_JSON,
	  1000,
	  BATCH,
	  200,
	  BARS_NONE,
	  { &cat, &s6_log, &static_json, &bare_copy } },
	{ "text, 16 kB",
	  CORPUS_TEXT,
	  16000,
	  BATCH,
	  200,
	  BARS_NONE,
	  { &cat, &s6_log, &static_text, &bare_copy } },
	{ "JSON, 16 kB",
	  CORPUS_JSON,
	  16000,
	  BATCH,
	  200,
	  BARS_NONE,
	  { &cat, &s6_log, &static_json, &bare_copy } },
	{ "JSON log",
	  CORPUS_JSON_LOG,
	  0,
	  BATCH,
	  200,
	  BARS_NONE,
	  { &cat, &s6_log, &static_json, &bare_copy } },
	{ "access log",
	  CORPUS_ACCESS_LOG,
	  0,
	  BATCH,
	  200,
	  BARS_NONE,
	  { &cat, &s6_log, &static_text, &bare_copy, &static_wrap } },
};

/* What one run gave. */
struct flow {
	double lines_per_s;
	/* bytes */
	double out_per_s;
	/* seconds for a byte */
	double cpu_per_out;
	/* bytes */
	double in, out;
};

/* What is known before a run. */
struct setting {
	const struct bench *bench;
	const struct flow_case *of;
	const struct corpus *corpus;
	/* for the floor: what to copy */
	const struct flow *model;
	unsigned repeat;
	char data[VALUE_SIZE], repeat_text[VALUE_SIZE], write_size[VALUE_SIZE], stamp[VALUE_SIZE];
	char stamp_path[BENCH_PATH_SIZE], service_dir[BENCH_PATH_SIZE], writer[BENCH_PATH_SIZE];
};

static uint64_t read_stamp(const struct setting *setting)
{
	uint64_t ns;
	int fd = open(setting->stamp_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &ns, sizeof ns) != sizeof ns)
		bench_fail(setting->stamp_path);
	close(fd);
	return ns;
}

/* Reads to the end; returns when the last bytes came. */
static uint64_t read_all(int fd, double *bytes)
{
	static char buffer[READ_SIZE];
	uint64_t last_ns = 0;
	ssize_t n;

	*bytes = 0;
	while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
		last_ns = proc_now_ns();
		*bytes += n > 0 ? (double)n : 0;
	}
	return last_ns;
}

static pid_t start_writer(const struct setting *setting, int out_fd)
{
	char path[BENCH_PATH_SIZE];
	char *const argv[] = { path, NULL };
	const struct proc_fds fds = { { -1, out_fd, -1, -1 } };
	const char *const extra[] = { setting->data, setting->repeat_text, setting->write_size,
				      setting->stamp, NULL };

	snprintf(path, sizeof path, "%s", setting->writer);
	return proc_start(argv, &fds, extra);
}

static pid_t start_dinit(const struct setting *setting, const struct filter *filter, int out_fd)
{
	char path[BENCH_PATH_SIZE], dir[VALUE_SIZE], mode[VALUE_SIZE];
	char *const argv[] = { path, NULL };
	const struct proc_fds fds = { { -1, out_fd, -1, -1 } };
	const char *const extra[] = {
		setting->data, setting->repeat_text, setting->write_size, setting->stamp, dir, mode,
		NULL
	};

	snprintf(path, sizeof path, "%s",
		 filter->kind == FILTER_STATIC ? setting->bench->dinit_static
					       : setting->bench->dinit);
	snprintf(dir, sizeof dir, "DINIT_DIR=%s", setting->service_dir);
	snprintf(mode, sizeof mode, "DINIT_JSON_STDOUT=%s", filter->mode);
	return proc_start(argv, &fds, extra);
}

static pid_t start_pipe(const struct setting *setting, const struct filter *filter, int in_fd,
			int out_fd)
{
	char path[BENCH_PATH_SIZE], in[VALUE_SIZE] = "BENCH_IN=0", out[VALUE_SIZE] = "BENCH_OUT=0";
	char *const floor_argv[] = { path, NULL };
	const struct proc_fds fds = { { in_fd, out_fd, -1, -1 } };
	const char *const extra[] = { in, out, NULL };

	if (filter->kind != FILTER_FLOOR)
		return proc_start(filter->argv, &fds, extra);
	snprintf(path, sizeof path, "%s/floor", setting->bench->programs);
	snprintf(in, sizeof in, "BENCH_IN=%.0f", setting->model->in);
	snprintf(out, sizeof out, "BENCH_OUT=%.0f", setting->model->out);
	return proc_start(floor_argv, &fds, extra);
}

/* svlogd does not rotate here: a config file says so. */
static pid_t start_file(const struct setting *setting, int in_fd, char current[BENCH_PATH_SIZE])
{
	char dir[BENCH_PATH_SIZE - 16], config[BENCH_PATH_SIZE];
	char *const argv[] = { (char[]){ "svlogd" }, (char[]){ "-tt" }, dir, NULL };
	const struct proc_fds fds = { { in_fd, -1, -1, -1 } };
	const char *const extra[] = { NULL };
	FILE *file;

	snprintf(dir, sizeof dir, "%.400s/svlogd", setting->bench->temp);
	snprintf(config, sizeof config, "%s/config", dir);
	snprintf(current, BENCH_PATH_SIZE, "%s/current", dir);
	mkdir(dir, 0700);
	unlink(current);
	file = fopen(config, "we");
	if (!file || fputs("s0\nn0\n", file) < 0 || fclose(file) != 0)
		bench_fail(config);
	return proc_start(argv, &fds, extra);
}

static double file_size(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		bench_fail(path);
	return (double)status.st_size;
}

/* One run through one program: fills ended_ns, cpu_s, flow->out. */
static void run_filter(const struct setting *setting, const struct filter *filter,
		       struct flow *flow, uint64_t *ended_ns, double *cpu_s)
{
	bool is_dinit = filter->kind == FILTER_DINIT || filter->kind == FILTER_STATIC;
	char current[BENCH_PATH_SIZE];
	pid_t pid, writer = 0;
	int in[2], out[2];

	proc_pipe(in);
	proc_pipe(out);
	if (is_dinit)
		pid = start_dinit(setting, filter, out[1]);
	else if (filter->kind == FILTER_FILE)
		pid = start_file(setting, in[0], current);
	else
		pid = start_pipe(setting, filter, in[0], out[1]);
	if (!is_dinit)
		writer = start_writer(setting, in[1]);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	*ended_ns = read_all(out[0], &flow->out);
	close(out[0]);
	if (writer)
		proc_wait(writer, 0, NULL);
	if (filter->kind == FILTER_FILE) {
		*ended_ns = proc_wait(pid, 0, cpu_s);
		flow->out = file_size(current);
	} else {
		proc_wait(pid, 0, cpu_s);
	}
}

static void run_once(struct setting *setting, const struct filter *filter, struct flow *flow)
{
	unsigned repeat = setting->repeat / filter->share;
	double cpu_s, wall_s, lines;
	uint64_t ended_ns;

	if (repeat == 0)
		repeat = 1;
	snprintf(setting->repeat_text, sizeof setting->repeat_text, "BENCH_REPEAT=%u", repeat);
	lines = (double)repeat * (double)setting->corpus->lines;
	flow->in = (double)repeat * (double)setting->corpus->len;
	run_filter(setting, filter, flow, &ended_ns, &cpu_s);
	if (flow->out < flow->in) {
		errno = 0;
		bench_fail("less came out than went in");
	}
	wall_s = (double)(ended_ns - read_stamp(setting)) / 1e9;
	flow->lines_per_s = lines / wall_s;
	flow->out_per_s = flow->out / wall_s;
	flow->cpu_per_out = cpu_s / flow->out;
}

/* ---- a case: rounds in which each program gets its turn, ratios within a round ---- */

struct results {
	size_t filters, rounds;
	struct flow flows[FILTERS_MAX][BENCH_ROUNDS_MAX];
};

enum measure {
	LINES_PER_S,
	OUT_PER_S,
	CPU_PER_OUT,
};

static double measure_of(const struct flow *flow, enum measure measure)
{
	switch (measure) {
	case LINES_PER_S: return flow->lines_per_s;
	case OUT_PER_S: return flow->out_per_s;
	case CPU_PER_OUT: return flow->cpu_per_out;
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

/* FILTERS_MAX where there is none. */
static size_t find_kind(const struct flow_case *of, enum filter_kind kind)
{
	for (size_t i = 0; i < FILTERS_MAX && of->filters[i]; i++)
		if (of->filters[i]->kind == kind)
			return i;
	return FILTERS_MAX;
}

static size_t find_filter(const struct flow_case *of, const struct filter *filter)
{
	for (size_t i = 0; i < FILTERS_MAX && of->filters[i]; i++)
		if (of->filters[i] == filter)
			return i;
	return FILTERS_MAX;
}

static void print_times(double value, bool there)
{
	if (there)
		printf(" %8.2f", value);
	else
		printf(" %8s", "-");
}

static void print_case(const struct flow_case *of, const struct results *results)
{
	size_t s6 = find_filter(of, &s6_log), floor = find_kind(of, FILTER_FLOOR);

	printf("  %-34s %9s %9s %9s %8s %8s %8s\n", "", "Mlines/s", "MB/s out", "CPU s/GB",
	       "/ s6-log", "/ cat", "/ floor");
	printf("  %-34s %9s %9s %9s %8s %8s %8s\n", "", "", "", "out", "lines/s", "CPU", "CPU");
	for (size_t i = 0; i < results->filters; i++) {
		bool to_file = of->filters[i]->kind == FILTER_FILE;

		printf("  %-34s %9.2f %9.0f %9.3f", of->filters[i]->name,
		       median_of(results, i, LINES_PER_S) / 1e6,
		       median_of(results, i, OUT_PER_S) / 1e6,
		       median_of(results, i, CPU_PER_OUT) * 1e9);
		print_times(ratio_of(results, i, s6 == FILTERS_MAX ? 0 : s6, LINES_PER_S),
			    s6 != FILTERS_MAX);
		print_times(ratio_of(results, i, 0, CPU_PER_OUT), !to_file);
		print_times(ratio_of(results, i, floor == FILTERS_MAX ? 0 : floor, CPU_PER_OUT),
			    floor != FILTERS_MAX && !to_file);
		putchar('\n');
	}
}

static void print_bars_of(const struct flow_case *of, const struct results *results, size_t filter)
{
	size_t s6 = find_filter(of, &s6_log);
	const char *name = of->filters[filter]->name;
	char row[128];

	if (of->bars == BARS_WALL) {
		snprintf(row, sizeof row, "%s, one write a line: wall / cat", name);
		table_row(row, 1 / ratio_of(results, filter, 0, LINES_PER_S), "x", TABLE_AT_MOST,
			  1.4, NULL);
		return;
	}
	snprintf(row, sizeof row, "%s, 100 B: lines/s / s6-log", name);
	table_row(row, ratio_of(results, filter, s6, LINES_PER_S), "x", TABLE_AT_LEAST,
		  of->bars == BARS_TEXT ? 3 : 2.5, NULL);
	snprintf(row, sizeof row, "%s, 100 B: CPU per byte out / cat", name);
	table_row(row, ratio_of(results, filter, 0, CPU_PER_OUT), "x", TABLE_AT_MOST,
		  of->bars == BARS_TEXT ? 1.3 : 1.8, NULL);
}

static void print_bars(const struct flow_case *of, const struct results *results)
{
	static const struct filter *const barred[] = { &to_text, &static_text, &to_json,
						       &static_json };

	if (of->bars == BARS_NONE)
		return;
	putchar('\n');
	for (size_t i = 0; i < sizeof barred / sizeof *barred; i++) {
		size_t filter = find_filter(of, barred[i]);

		if (filter != FILTERS_MAX)
			print_bars_of(of, results, filter);
	}
}

static void prepare(struct setting *setting, const struct bench *bench, const struct flow_case *of,
		    const struct corpus *corpus)
{
	int fd;

	memset(setting, 0, sizeof *setting);
	setting->bench = bench;
	setting->of = of;
	setting->corpus = corpus;
	setting->repeat =
		(unsigned)(of->megabytes * 1000000 / corpus->len / (bench->quick ? 2 : 1));
	snprintf(setting->writer, sizeof setting->writer, "%s/writer", bench->programs);
	snprintf(setting->service_dir, sizeof setting->service_dir, "%s/flow", bench->temp);
	snprintf(setting->stamp_path, sizeof setting->stamp_path, "%s/stamp", bench->temp);
	snprintf(setting->data, sizeof setting->data, "BENCH_DATA=%s", corpus->path);
	snprintf(setting->stamp, sizeof setting->stamp, "BENCH_STAMP=%s", setting->stamp_path);
	snprintf(setting->write_size, sizeof setting->write_size, "BENCH_WRITE=%zu",
		 of->write_size);
	fd = open(setting->stamp_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		bench_fail(setting->stamp_path);
	close(fd);
}

static size_t rounds_of(const struct bench *bench, const struct flow_case *of)
{
	if (of->bars == BARS_NONE)
		return bench->quick ? 1 : 5;
	return bench->quick ? 5 : 11;
}

static void run_case(const struct bench *bench, const struct flow_case *of)
{
	struct results results = { 0 };
	struct corpus corpus;
	struct setting setting;
	double line_len;

	corpus_make(&corpus, bench, of->kind, of->line_len);
	prepare(&setting, bench, of, &corpus);
	line_len = (double)corpus.len / (double)corpus.lines;
	results.rounds = rounds_of(bench, of);
	while (results.filters < FILTERS_MAX && of->filters[results.filters])
		results.filters++;
	for (size_t round = 0; round < results.rounds; round++) {
		for (size_t i = 0; i < results.filters; i++) {
			if (of->filters[i]->kind == FILTER_FLOOR)
				setting.model = &results.flows[i - 1][round];
			run_once(&setting, of->filters[i], &results.flows[i][round]);
		}
	}
	table_title("%s: lines of %.0f bytes, %zu bytes a write, median of %zu rounds", of->title,
		    line_len, of->write_size, results.rounds);
	print_case(of, &results);
	print_bars(of, &results);
}

void flow_bench(const struct bench *bench)
{
	char dir[BENCH_PATH_SIZE], writer[BENCH_PATH_SIZE];

	snprintf(dir, sizeof dir, "%s/flow", bench->temp);
	snprintf(writer, sizeof writer, "%s/writer", bench->programs);
	life_make_services(dir, 1, writer);
	puts("\nThe floor of a table reads and writes as many bytes as the dinit above it, and "
	     "looks at none: what the "
	     "kernel takes\n"
	     "for the copies, and for waking the reader. The last column says how many times that "
	     "each program needs.");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (bench_is_wanted("flow") || bench_is_wanted(cases[i].title))
			run_case(bench, &cases[i]);
}
