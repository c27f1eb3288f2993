/* SPDX-License-Identifier: ISC */
/* Owns the rows about what looks at a running dinit (the static build), and about checks. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 1000
#define ARGUMENTS_MAX 8
#define DETAIL_SIZE 128

/* Starts a client of that dinit with these arguments, up to NULL; its stdout is /dev/null. */
static pid_t start_client(const struct bench *bench, pid_t pid, const char *const arguments[])
{
	char program[BENCH_PATH_SIZE], option[] = "--pid", pid_text[16], copies[ARGUMENTS_MAX][32];
	char *argv[ARGUMENTS_MAX + 4] = { program };
	size_t count = 1;
	struct proc_fds fds = { { -1, -1, STDERR_FILENO, -1 } };
	const char *const extra[] = { NULL };

	snprintf(program, sizeof program, "%s", bench->dinit_static);
	snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
	for (size_t i = 0; arguments[i] && i < ARGUMENTS_MAX; i++) {
		snprintf(copies[i], sizeof copies[i], "%s", arguments[i]);
		argv[count++] = copies[i];
		if (i > 0)
			continue;
		argv[count++] = option;
		argv[count++] = pid_text;
	}
	return proc_start(argv, &fds, extra);
}

/* Milliseconds that the client takes; *cpu_s: CPU time (may be NULL). */
static double time_client(const struct bench *bench, pid_t pid, const char *const arguments[],
			  double *cpu_s)
{
	uint64_t begun_ns = proc_now_ns();

	return (double)(proc_wait(start_client(bench, pid, arguments), 0, cpu_s) - begun_ns) / 1e6;
}

/* Milliseconds that ps(1) takes for the same processes. */
static double time_ps(void)
{
	char *const argv[] = { (char[]){ "ps" }, (char[]){ "-eo" },
			       (char[]){ "pid,ppid,rss,time,comm" }, NULL };
	struct proc_fds fds = { { -1, -1, -1, -1 } };
	const char *const extra[] = { NULL };
	uint64_t begun_ns = proc_now_ns();

	return (double)(proc_wait(proc_start(argv, &fds, extra), 0, NULL) - begun_ns) / 1e6;
}

static void bench_looks(const struct bench *bench, const char *dir)
{
	size_t rounds = bench->quick ? 5 : 15;
	double status[BENCH_ROUNDS_MAX], json[BENCH_ROUNDS_MAX], metrics[BENCH_ROUNDS_MAX],
		ratio[BENCH_ROUNDS_MAX], cpu[BENCH_ROUNDS_MAX];
	char detail[DETAIL_SIZE];
	struct instance instance = life_start_dinit(bench, dir, "BENCH_LINE=1");

	life_wait_up(&instance, MANY);
	for (size_t i = 0; i < rounds; i++) {
		double ps = time_ps();

		status[i] = time_client(bench, instance.pid, (const char *[]){ "--status", NULL },
					&cpu[i]);
		ratio[i] = status[i] / ps;
		json[i] = time_client(bench, instance.pid,
				      (const char *[]){ "--status", "--json", NULL }, NULL);
		metrics[i] = time_client(bench, instance.pid, (const char *[]){ "--metrics", NULL },
					 NULL);
	}
	life_stop(&instance, NULL);
	snprintf(detail, sizeof detail, "CPU time %.1f ms", table_median(cpu, rounds) * 1e3);
	table_row("1000 services: --status", table_median(status, rounds), "ms", TABLE_AT_MOST, 30,
		  detail);
	table_row("1000 services: --status / ps of them", table_median(ratio, rounds), "x",
		  TABLE_AT_MOST, 1, NULL);
	table_row("1000 services: --status --json", table_median(json, rounds), "ms", TABLE_NO_BAR,
		  0, NULL);
	table_row("1000 services: --metrics", table_median(metrics, rounds), "ms", TABLE_NO_BAR, 0,
		  NULL);
}

/* Waits until the process sleeps on something that is no start of its own any more: its CPU time
 * stands still. */
static void wait_asleep(pid_t pid)
{
	double before, now = proc_cpu_s(pid);

	do {
		before = now;
		proc_sleep_ms(50);
		now = proc_cpu_s(pid);
	} while (now > before || now == 0);
}

/* Milliseconds from TERM until one that waits for the end of a service has woken and ended, which
 * holds all that dinit and the service take for it; *idle_ms: CPU time that it used in half a second
 * of waiting. */
static double wake_once(const struct bench *bench, const char *dir, double *idle_ms)
{
	struct instance instance = life_start_dinit(bench, dir, "BENCH_LINE=1");
	pid_t waiter;
	uint64_t begun_ns;
	double before_s, took;

	life_wait_up(&instance, 1);
	waiter = start_client(bench, instance.pid,
			      (const char *[]){ "--wait", "-d", "s0000", NULL });
	wait_asleep(waiter);
	before_s = proc_cpu_s(waiter);
	proc_sleep_ms(500);
	*idle_ms = (proc_cpu_s(waiter) - before_s) * 1e3;
	begun_ns = proc_now_ns();
	proc_signal(instance.pid, SIGTERM);
	took = (double)(proc_wait(waiter, 0, NULL) - begun_ns) / 1e6;
	proc_wait(instance.pid, 0, NULL);
	close(instance.up_fd);
	return took;
}

static void bench_wait(const struct bench *bench, const char *dir)
{
	size_t rounds = bench->quick ? 5 : 9;
	double took[BENCH_ROUNDS_MAX], idle[BENCH_ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++)
		took[i] = wake_once(bench, dir, &idle[i]);
	table_row("--wait: TERM to its end", table_median(took, rounds), "ms", TABLE_AT_MOST, 20,
		  NULL);
	table_row("--wait: CPU in half a second of waiting", table_median(idle, rounds), "ms",
		  TABLE_AT_MOST, 0.2, NULL);
}

static void add_checks(const char *dir)
{
	char path[BENCH_PATH_SIZE + 32];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "%s/s%04u/check", dir, i);
		if (symlink("/bin/true", path) < 0)
			bench_fail(path);
	}
}

/* Milliseconds from the start until all services are ready; *cpu: milliseconds of CPU time that
 * dinit takes a second then. */
static double ready_once(const struct bench *bench, const char *dir, double *cpu)
{
	struct instance instance = life_start_dinit(bench, dir, "BENCH_LINE=1");
	unsigned seconds = bench->quick ? 3 : 10;
	double took, before_s;

	life_wait_up(&instance, MANY);
	proc_wait(start_client(bench, instance.pid, (const char *[]){ "--wait", NULL }), 0, NULL);
	took = (double)(proc_now_ns() - instance.begun_ns) / 1e6;
	before_s = proc_cpu_s(instance.pid);
	proc_sleep_ms(seconds * 1000);
	*cpu = (proc_cpu_s(instance.pid) - before_s) * 1e3 / seconds;
	life_stop(&instance, NULL);
	return took;
}

static void bench_checks(const struct bench *bench, const char *plain, const char *checked)
{
	struct instance instance = life_start_dinit(bench, plain, "BENCH_LINE=1");
	double up = life_wait_up(&instance, MANY) * 1e3, cpu, ready;
	char detail[DETAIL_SIZE];

	life_stop(&instance, NULL);
	ready = ready_once(bench, checked, &cpu);
	snprintf(detail, sizeof detail, "%.0f ms beside %.0f ms", ready, up);
	table_row("1000 services, a check each: all ready / all up", ready / up, "x", TABLE_NO_BAR,
		  0, detail);
	table_row("1000 services, a check each 10 s: CPU", cpu, "ms/s", TABLE_NO_BAR, 0, NULL);
}

void seen_bench(const struct bench *bench)
{
	char one[BENCH_PATH_SIZE], many[BENCH_PATH_SIZE], checked[BENCH_PATH_SIZE],
		program[BENCH_PATH_SIZE];

	snprintf(program, sizeof program, "%s/sleeper", bench->programs);
	snprintf(one, sizeof one, "%s/seen-one", bench->temp);
	snprintf(many, sizeof many, "%s/seen-many", bench->temp);
	snprintf(checked, sizeof checked, "%s/seen-checked", bench->temp);
	life_make_services(one, 1, program);
	life_make_services(many, MANY, program);
	life_make_services(checked, MANY, program);
	add_checks(checked);
	table_title("what looks at dinit-static: medians");
	bench_looks(bench, many);
	bench_wait(bench, one);
	bench_checks(bench, many, checked);
}
