/* SPDX-License-Identifier: ISC */
/* Owns the row about a service that prints a line now and then beside one that prints all the time:
 * how long such a line takes through dinit while the reader takes all there is. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_LEN 100
#define READ_SIZE (64 * 1024)
#define TICKS_MAX 2000
#define BAR_MS 5

static void add_service(const struct bench *bench, const char *dir, const char *name,
			const char *program)
{
	char service[BENCH_PATH_SIZE + 16], run[BENCH_PATH_SIZE + 32], path[BENCH_PATH_SIZE];

	snprintf(service, sizeof service, "%s/%s", dir, name);
	snprintf(run, sizeof run, "%s/run", service);
	snprintf(path, sizeof path, "%s/%s", bench->programs, program);
	if (mkdir(service, 0700) < 0 || symlink(path, run) < 0)
		bench_fail(run);
}

/* The writer says there when it began. */
static void make_stamp(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		bench_fail(path);
	close(fd);
}

/* When the ticker ends, dinit does. */
static pid_t start(const struct bench *bench, size_t ticks, int out_fd)
{
	char path[BENCH_PATH_SIZE], dir[BENCH_PATH_SIZE], services[BENCH_PATH_SIZE + 16],
		data[BENCH_PATH_SIZE + 16], stamp_path[BENCH_PATH_SIZE],
		stamp[BENCH_PATH_SIZE + 16], count[32];
	char *const argv[] = { path, NULL };
	const char *const extra[] = {
		services, data, stamp, count, "BENCH_WRITE=65536", "BENCH_REPEAT=1000000000", NULL
	};
	struct corpus corpus;

	corpus_make(&corpus, bench, CORPUS_JSON, LINE_LEN);
	snprintf(path, sizeof path, "%s", bench->dinit_static);
	snprintf(dir, sizeof dir, "%.400s/flood", bench->temp);
	if (mkdir(dir, 0700) < 0)
		bench_fail(dir);
	add_service(bench, dir, "flood", "writer");
	add_service(bench, dir, "ticker", "ticker");
	snprintf(services, sizeof services, "DINIT_DIR=%s", dir);
	snprintf(data, sizeof data, "BENCH_DATA=%s", corpus.path);
	snprintf(stamp_path, sizeof stamp_path, "%s/stamp", bench->temp);
	make_stamp(stamp_path);
	snprintf(stamp, sizeof stamp, "BENCH_STAMP=%s", stamp_path);
	snprintf(count, sizeof count, "BENCH_TICKS=%zu", ticks);
	return proc_start(argv, &(struct proc_fds){ { -1, out_fd, -1, -1 } }, extra);
}

/* Takes the lines of the ticker out of what was read at now_ns: the flood has no @ in it. Returns
 * how many bytes at the end are to be looked at again, with what comes behind them. */
static size_t find_ticks(const char *bytes, size_t len, uint64_t now_ns, double *delays_ms,
			 size_t *found)
{
	const char *end = bytes + len, *at = bytes;

	while ((at = memchr(at, '@', (size_t)(end - at)))) {
		if (!memchr(at, '"', (size_t)(end - at)))
			return (size_t)(end - at);
		if (*found < TICKS_MAX)
			delays_ms[(*found)++] = (double)(now_ns - strtoull(at + 1, NULL, 10)) / 1e6;
		at++;
	}
	return 0;
}

/* Returns how many lines of the ticker came. */
static size_t read_ticks(int fd, double *delays_ms, double *megabytes)
{
	static char buffer[2 * READ_SIZE];
	size_t kept = 0, found = 0;
	ssize_t n;

	*megabytes = 0;
	while ((n = read(fd, buffer + kept, READ_SIZE)) > 0 || (n < 0 && errno == EINTR)) {
		size_t len = kept + (size_t)(n > 0 ? n : 0);

		kept = find_ticks(buffer, len, proc_now_ns(), delays_ms, &found);
		memmove(buffer, buffer + len - kept, kept);
		*megabytes += n > 0 ? (double)n / 1e6 : 0;
	}
	return found;
}

/* The value that so many of a hundred do not exceed. Sorts the values. */
static double percentile(double *values, size_t len, size_t of_100)
{
	table_median(values, len);
	return values[(len * of_100 + 99) / 100 - 1];
}

void flood_bench(const struct bench *bench)
{
	static double delays_ms[TICKS_MAX];
	size_t ticks = bench->quick ? TICKS_MAX / 4 : TICKS_MAX;
	uint64_t begun_ns = proc_now_ns();
	char detail[BENCH_DETAIL_SIZE];
	double megabytes;
	int out[2];
	pid_t pid;

	table_title("a flood from another service: dinit-static, JSON of %d bytes", LINE_LEN);
	proc_pipe(out);
	pid = start(bench, ticks, out[1]);
	close(out[1]);
	if (read_ticks(out[0], delays_ms, &megabytes) != ticks) {
		errno = 0;
		bench_fail("lines of the ticker are missing");
	}
	close(out[0]);
	proc_wait(pid, 0, NULL);
	snprintf(detail, sizeof detail, "half within %.2f ms, beside %.0f MB/s",
		 table_median(delays_ms, ticks),
		 megabytes * 1e9 / (double)(proc_now_ns() - begun_ns));
	table_row("a line beside a flood: 99 of 100 out within", percentile(delays_ms, ticks, 99),
		  "ms", TABLE_AT_MOST, BAR_MS, detail);
}
