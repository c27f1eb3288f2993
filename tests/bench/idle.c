/* SPDX-License-Identifier: ISC */
/* Owns the rows about a dinit to which nothing happens: how often it wakes, what that costs, and
 * what checks cost. */
#include "bench.h"

#include <stdio.h>
#include <unistd.h>

/* A wake-up of few is cold: most of it is what every program pays, and little is much beside it. */
#define FEW_BAR 2.5
#define MANY_BAR 1.5
#define CHECKED 1000
/* It wakes once a second: a window holds more than one of that. */
#define WINDOW_MS 2000
#define WINDOWS_MAX 8

struct idle {
	long switches;
	double cpu_s;
};

static struct idle look_at(const struct instance *instance)
{
	return (struct idle){ proc_status(instance->pid, "voluntary_ctxt_switches"),
			      proc_cpu_s(instance->pid) };
}

/* ---- beside a bare loop that looks at its children once a second, as dinit does ---- */

enum {
	OURS,
	BARE,
	SIDES,
};

/* Both sides with so many services. */
struct pair {
	unsigned services;
	struct instance side[SIDES];
	struct idle seen[SIDES][WINDOWS_MAX + 1];
};

static struct pair start_pair(const struct bench *bench, const char *dir, unsigned services)
{
	struct pair pair = { .services = services };

	pair.side[OURS] = life_start(bench, dir, "BENCH_LINE=1");
	pair.side[BARE] = life_start_loop(bench, dir, services, "BENCH_LINE=1", true);
	for (size_t i = 0; i < SIDES; i++)
		life_wait_up(&pair.side[i], services);
	return pair;
}

static void look_at_pair(struct pair *pair, size_t at)
{
	for (size_t i = 0; i < SIDES; i++)
		pair->seen[i][at] = look_at(&pair->side[i]);
}

static double cpu_ms_a_wake(const struct idle *before, const struct idle *after)
{
	long switches = after->switches - before->switches;

	return (after->cpu_s - before->cpu_s) * 1e3 / (double)(switches > 0 ? switches : 1);
}

static void print_pair(const struct pair *pair, size_t windows, double bar)
{
	double cpu[SIDES][WINDOWS_MAX], ratio[WINDOWS_MAX];
	char name[64], detail[BENCH_DETAIL_SIZE];

	for (size_t at = 0; at < windows; at++) {
		for (size_t i = 0; i < SIDES; i++)
			cpu[i][at] = cpu_ms_a_wake(&pair->seen[i][at], &pair->seen[i][at + 1]);
		ratio[at] = cpu[OURS][at] / cpu[BARE][at];
	}
	snprintf(name, sizeof name, "idle, %u services: wake-ups a second", pair->services);
	table_row(name,
		  (double)(pair->seen[OURS][windows].switches - pair->seen[OURS][0].switches) *
			  1e3 / (double)(windows * WINDOW_MS),
		  "/s", TABLE_AT_MOST, 1.2, NULL);
	snprintf(name, sizeof name, "idle, %u services: CPU a wake-up / bare loop", pair->services);
	snprintf(detail, sizeof detail, "%.2f ms beside %.2f ms", table_median(cpu[OURS], windows),
		 table_median(cpu[BARE], windows));
	table_row(name, table_median(ratio, windows), "x", TABLE_AT_MOST, bar, detail);
}

static void stop_pair(struct pair *pair)
{
	for (size_t i = 0; i < SIDES; i++)
		life_stop(&pair->side[i], NULL);
}

static void compare_idle(const struct bench *bench, const char *few_dir, unsigned few,
			 const char *many_dir, unsigned many)
{
	struct pair pair_of_few = start_pair(bench, few_dir, few),
		    pair_of_many = start_pair(bench, many_dir, many);
	size_t windows = bench->quick ? 3 : 7;

	proc_sleep_ms(BENCH_SETTLE_MS);
	for (size_t at = 0; at <= windows; at++) {
		if (at > 0)
			proc_sleep_ms(WINDOW_MS);
		look_at_pair(&pair_of_few, at);
		look_at_pair(&pair_of_many, at);
	}
	print_pair(&pair_of_few, windows, FEW_BAR);
	print_pair(&pair_of_many, windows, MANY_BAR);
	stop_pair(&pair_of_few);
	stop_pair(&pair_of_many);
}

/* ---- checks ---- */

/* What a check of each of 1000 services costs, every ten seconds. */
static void bench_checks(const struct bench *bench)
{
	char dir[BENCH_PATH_SIZE], path[BENCH_PATH_SIZE + 32];
	struct instance instance;
	unsigned seconds = bench->quick ? 5 : 10;
	struct idle before, after;

	life_make_named(bench, "checked", CHECKED, "sleeper", dir);
	for (unsigned i = 0; i < CHECKED; i++) {
		snprintf(path, sizeof path, "%s/s%04u/check", dir, i);
		if (symlink("/bin/true", path) < 0)
			bench_fail(path);
	}
	instance = life_start(bench, dir, NULL);
	life_wait_up(&instance, CHECKED);
	proc_wait(life_start_client(bench, &instance, "--wait", NULL), 0, NULL);
	before = look_at(&instance);
	proc_sleep_ms(seconds * 1000);
	after = look_at(&instance);
	table_row("1000 checks every 10 s: CPU of dinit",
		  (after.cpu_s - before.cpu_s) / seconds * 1e3, "ms/s", TABLE_NO_BAR, 0, NULL);
	table_row("1000 checks every 10 s: PSS", (double)proc_pss_kb(instance.pid), "kB",
		  TABLE_NO_BAR, 0, NULL);
	life_stop(&instance, NULL);
}

void idle_bench(const struct bench *bench, const char *few_dir, unsigned few, const char *many_dir,
		unsigned many)
{
	compare_idle(bench, few_dir, few, many_dir, many);
	bench_checks(bench);
}
