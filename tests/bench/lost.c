/* SPDX-License-Identifier: ISC */
/* Owns the rows about processes that lose their parent: how long it takes until all are reaped, or
 * terminated and reaped, beside a bare loop that does nothing else. */
#include "bench.h"

#include "orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZOMBIES ORPHANS_MAX
#define ZOMBIES_WANTED "BENCH_ZOMBIES=10000"
#define LIVE 1000
#define LIVE_WANTED "BENCH_LIVE=1000"
#define ZOMBIES_BAR 1.4
/* dinit looks at each before it ends it: its name and command line, and whether it is a filter. */
#define LIVE_BAR 3.5

static struct orphans *share_orphans(const char *path)
{
	struct orphans *orphans;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof *orphans) < 0)
		bench_fail(path);
	orphans = mmap(NULL, sizeof *orphans, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (orphans == MAP_FAILED)
		bench_fail(path);
	close(fd);
	return orphans;
}

/* Returns the milliseconds from the end of their parent until none of them is left, not even as a
 * zombie. */
static double wait_gone(const struct orphans *orphans, unsigned count)
{
	uint64_t limit_ns = proc_now_ns() + 60 * UINT64_C(1000000000);

	for (unsigned gone = 0; gone < count;) {
		if (proc_now_ns() > limit_ns) {
			errno = 0;
			bench_fail("orphans are left after a minute");
		}
		if (atomic_load(&orphans->begun_ns) != 0 && kill(orphans->pids[gone], 0) < 0 &&
		    errno == ESRCH)
			gone++;
		else
			usleep(200);
	}
	return (double)(proc_now_ns() - atomic_load(&orphans->begun_ns)) / 1e6;
}

/* Starts the program with the maker of orphans; up: how many services it has beside. */
static double lose_once(const struct bench *bench, char *const argv[], const char *dir,
			const char *which, unsigned count, unsigned up)
{
	char path[BENCH_PATH_SIZE], page[BENCH_PATH_SIZE + 32], services[BENCH_PATH_SIZE + 16];
	const char *const extra[] = { page, services, which, NULL };
	struct instance instance;
	struct orphans *orphans;
	double took;

	snprintf(path, sizeof path, "%s/orphans", bench->temp);
	snprintf(page, sizeof page, "BENCH_ORPHANS=%s", path);
	snprintf(services, sizeof services, "DINIT_DIR=%s", dir);
	orphans = share_orphans(path);
	instance = life_start_with(argv, extra);
	life_wait_up(&instance, up);
	took = wait_gone(orphans, count);
	life_stop(&instance, NULL);
	munmap(orphans, sizeof *orphans);
	return took;
}

static double lose_in_dinit(const struct bench *bench, const char *dir, const char *which,
			    unsigned count, unsigned up)
{
	char program[BENCH_PATH_SIZE];
	char *const argv[] = { program, NULL };

	snprintf(program, sizeof program, "%s", bench->dinit_static);
	return lose_once(bench, argv, dir, which, count, up);
}

static double lose_in_loop(const struct bench *bench, const char *which, unsigned count)
{
	char program[BENCH_PATH_SIZE], maker[BENCH_PATH_SIZE];
	char *const argv[] = { program, maker, NULL };

	snprintf(program, sizeof program, "%s/reaploop", bench->programs);
	snprintf(maker, sizeof maker, "%s/orphans", bench->programs);
	return lose_once(bench, argv, bench->temp, which, count, 0);
}

static void compare(const struct bench *bench, const char *dir, const char *which, unsigned count,
		    const char *name, double bar)
{
	size_t rounds = bench->quick ? 5 : 9;
	double ours[BENCH_ROUNDS_MAX], bare[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
	char detail[BENCH_DETAIL_SIZE];

	for (size_t i = 0; i < rounds; i++) {
		if (i % 2)
			bare[i] = lose_in_loop(bench, which, count);
		ours[i] = lose_in_dinit(bench, dir, which, count, 0);
		if (i % 2 == 0)
			bare[i] = lose_in_loop(bench, which, count);
		ratio[i] = ours[i] / bare[i];
	}
	snprintf(detail, sizeof detail, "%.1f ms beside %.1f ms", table_median(ours, rounds),
		 table_median(bare, rounds));
	table_row(name, table_median(ratio, rounds), "x", TABLE_AT_MOST, bar, detail);
}

/* The maker is the last of the services, so that the orphans come behind all others in the list
 * of children. */
static void bench_beside_many(const struct bench *bench, const char *many_dir, unsigned many)
{
	size_t rounds = bench->quick ? 3 : 5;
	char maker[BENCH_PATH_SIZE], last[BENCH_PATH_SIZE + 16], run[BENCH_PATH_SIZE + 32];
	double took[BENCH_ROUNDS_MAX];

	snprintf(maker, sizeof maker, "%s/orphans", bench->programs);
	snprintf(last, sizeof last, "%s/z", many_dir);
	snprintf(run, sizeof run, "%s/run", last);
	if (mkdir(last, 0700) < 0 || symlink(maker, run) < 0)
		bench_fail(run);
	for (size_t i = 0; i < rounds; i++)
		took[i] = lose_in_dinit(bench, many_dir, ZOMBIES_WANTED, ZOMBIES, many);
	table_row("10,000 orphaned zombies beside 1000 services", table_median(took, rounds), "ms",
		  TABLE_NO_BAR, 0, NULL);
}

void lost_bench(const struct bench *bench, const char *many_dir, unsigned many)
{
	char alone[BENCH_PATH_SIZE];

	life_make_named(bench, "maker", 1, "orphans", alone);
	compare(bench, alone, ZOMBIES_WANTED, ZOMBIES,
		"10,000 orphaned zombies: all reaped / bare loop", ZOMBIES_BAR);
	compare(bench, alone, LIVE_WANTED, LIVE, "1000 live orphans: all gone / bare loop",
		LIVE_BAR);
	bench_beside_many(bench, many_dir, many);
}
