/* SPDX-License-Identifier: ISC */
/* Owns the rows about processes: start and stop, memory, what others see, and the binary; idleness
 * and orphans have files of their own. All of them look at the static build: that is what goes
 * into images. */
#include "bench.h"

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 1000
#define FEW 10
/* A stop of few takes a millisecond or two, most of it the kernel's. */
#define STOP_BAR 3

void life_make_services(const char *dir, unsigned services, const char *program)
{
	char path[BENCH_PATH_SIZE + 32];

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		bench_fail(dir);
	for (unsigned i = 0; i < services; i++) {
		snprintf(path, sizeof path, "%s/s%04u", dir, i);
		if (mkdir(path, 0700) < 0)
			bench_fail(path);
		snprintf(path, sizeof path, "%s/s%04u/run", dir, i);
		if (symlink(program, path) < 0)
			bench_fail(path);
	}
}

void life_make_named(const struct bench *bench, const char *name, unsigned services,
		     const char *program, char dir[BENCH_PATH_SIZE])
{
	char path[BENCH_PATH_SIZE];

	snprintf(dir, BENCH_PATH_SIZE, "%s/%s", bench->temp, name);
	snprintf(path, sizeof path, "%s/%s", bench->programs, program);
	life_make_services(dir, services, path);
}

/* ---- starting and stopping ---- */

struct instance life_start_with(char *const argv[], const char *const extra[])
{
	struct instance instance;
	struct proc_fds fds = { { -1, -1, -1, -1 } };
	int up[2];

	proc_pipe(up);
	fds.fd[BENCH_UP_FD] = up[1];
	instance.begun_ns = proc_now_ns();
	instance.pid = proc_start(argv, &fds, extra);
	instance.up_fd = up[0];
	close(up[1]);
	return instance;
}

struct instance life_start(const struct bench *bench, const char *dir, const char *more)
{
	char path[BENCH_PATH_SIZE], variable[BENCH_PATH_SIZE + 16];
	char *const argv[] = { path, NULL };
	const char *const extra[] = { variable, more, NULL };

	snprintf(path, sizeof path, "%s", bench->dinit_static);
	snprintf(variable, sizeof variable, "DINIT_DIR=%s", dir);
	return life_start_with(argv, extra);
}

struct instance life_start_loop(const struct bench *bench, const char *dir, unsigned services,
				const char *more, bool look)
{
	char path[BENCH_PATH_SIZE], parent[BENCH_PATH_SIZE], count[16];
	char *const argv[] = { path, parent, count, look ? (char[]){ "look" } : NULL, NULL };
	const char *const extra[] = { more, NULL };

	snprintf(path, sizeof path, "%s/spawnloop", bench->programs);
	snprintf(parent, sizeof parent, "%s", dir);
	snprintf(count, sizeof count, "%u", services);
	return life_start_with(argv, extra);
}

double life_wait_up(struct instance *instance, unsigned services)
{
	char bytes[MANY];

	while (services > 0) {
		ssize_t n = read(instance->up_fd, bytes,
				 services < sizeof bytes ? services : sizeof bytes);

		if (n == 0) {
			errno = 0;
			bench_fail("a service did not come up");
		}
		if (n < 0 && errno != EINTR)
			bench_fail("read");
		services -= n > 0 ? (unsigned)n : 0;
	}
	return (double)(proc_now_ns() - instance->begun_ns) / 1e9;
}

double life_stop(struct instance *instance, double *cpu_s)
{
	uint64_t begun_ns = proc_now_ns(), ended_ns;
	struct proc_use use;

	proc_signal(instance->pid, SIGTERM);
	ended_ns = proc_wait(instance->pid, 0, &use);
	close(instance->up_fd);
	if (cpu_s)
		*cpu_s = use.cpu_s;
	return (double)(ended_ns - begun_ns) / 1e9;
}

/* ---- 1000 services up and down, beside a bare loop ---- */

struct round_trip {
	double up, down, cpu;
};

static struct round_trip go_round(struct instance instance, unsigned services)
{
	struct round_trip trip;

	trip.up = life_wait_up(&instance, services);
	proc_sleep_ms(50);
	trip.down = life_stop(&instance, &trip.cpu);
	return trip;
}

static void compare_trips(const struct round_trip *ours, const struct round_trip *bare,
			  size_t rounds)
{
	double up[BENCH_ROUNDS_MAX], down[BENCH_ROUNDS_MAX], ours_up[BENCH_ROUNDS_MAX],
		bare_up[BENCH_ROUNDS_MAX];
	double ours_down[BENCH_ROUNDS_MAX], bare_down[BENCH_ROUNDS_MAX], cpu[BENCH_ROUNDS_MAX];
	char detail[BENCH_DETAIL_SIZE];

	for (size_t i = 0; i < rounds; i++) {
		up[i] = ours[i].up / bare[i].up;
		down[i] = ours[i].down / bare[i].down;
		ours_up[i] = ours[i].up * 1e3;
		bare_up[i] = bare[i].up * 1e3;
		ours_down[i] = ours[i].down * 1e3;
		bare_down[i] = bare[i].down * 1e3;
		cpu[i] = ours[i].cpu / bare[i].cpu;
	}
	snprintf(detail, sizeof detail, "%.0f ms beside %.0f ms", table_median(ours_up, rounds),
		 table_median(bare_up, rounds));
	table_row("1000 services: all up / bare loop", table_median(up, rounds), "x", TABLE_AT_MOST,
		  1.1, detail);
	snprintf(detail, sizeof detail, "%.1f ms beside %.1f ms", table_median(ours_down, rounds),
		 table_median(bare_down, rounds));
	table_row("1000 services: TERM to exit / bare loop", table_median(down, rounds), "x",
		  TABLE_AT_MOST, 1.2, detail);
	table_row("1000 services: CPU time, up and down / bare loop", table_median(cpu, rounds),
		  "x", TABLE_NO_BAR, 0, NULL);
}

/* In each round the other one goes first. */
static void bench_round_trips(const struct bench *bench, const char *dir)
{
	size_t rounds = bench->quick ? 5 : 9;
	struct round_trip ours[BENCH_ROUNDS_MAX], bare[BENCH_ROUNDS_MAX];
	double with_lines[BENCH_ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++) {
		if (i % 2)
			bare[i] = go_round(life_start_loop(bench, dir, MANY, NULL, false), MANY);
		ours[i] = go_round(life_start(bench, dir, NULL), MANY);
		if (i % 2 == 0)
			bare[i] = go_round(life_start_loop(bench, dir, MANY, NULL, false), MANY);
		with_lines[i] =
			go_round(life_start(bench, dir, "BENCH_LINE=1"), MANY).up / bare[i].up;
	}
	compare_trips(ours, bare, rounds);
	table_row("1000 services: all up and a line each / bare loop",
		  table_median(with_lines, rounds), "x", TABLE_NO_BAR, 0,
		  "the bare loop reads no lines");
}

static double stop_few_ms(struct instance instance)
{
	return go_round(instance, FEW).down * 1e3;
}

static void bench_stop(const struct bench *bench, const char *dir)
{
	static const char line[] = "BENCH_LINE=1";
	size_t rounds = bench->quick ? 7 : 15;
	double ours[BENCH_ROUNDS_MAX], bare[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
	char detail[BENCH_DETAIL_SIZE];

	for (size_t i = 0; i < rounds; i++) {
		if (i % 2)
			bare[i] = stop_few_ms(life_start_loop(bench, dir, FEW, line, false));
		ours[i] = stop_few_ms(life_start(bench, dir, line));
		if (i % 2 == 0)
			bare[i] = stop_few_ms(life_start_loop(bench, dir, FEW, line, false));
		ratio[i] = ours[i] / bare[i];
	}
	snprintf(detail, sizeof detail, "%.2f ms beside %.2f ms", table_median(ours, rounds),
		 table_median(bare, rounds));
	table_row("10 services: TERM to exit / bare loop", table_median(ratio, rounds), "x",
		  TABLE_AT_MOST, STOP_BAR, detail);
}

/* ---- memory ---- */

static void print_memory(const struct instance *instance, unsigned services, double bar_kb)
{
	char name[64], detail[BENCH_DETAIL_SIZE];

	snprintf(name, sizeof name, "memory, %u services: PSS", services);
	snprintf(detail, sizeof detail, "%ld thread(s), %ld kB resident",
		 proc_status(instance->pid, "Threads"), proc_status(instance->pid, "VmRSS"));
	table_row(name, (double)proc_pss_kb(instance->pid), "kB", TABLE_AT_MOST, bar_kb, detail);
}

/* Alone: pages of the binary that two processes share would be counted by half. */
static void bench_memory(const struct bench *bench, const char *dir, unsigned services,
			 double bar_kb)
{
	struct instance instance = life_start(bench, dir, "BENCH_LINE=1");

	life_wait_up(&instance, services);
	proc_sleep_ms(BENCH_SETTLE_MS);
	print_memory(&instance, services, bar_kb);
	life_stop(&instance, NULL);
}

/* ---- what others see ---- */

pid_t life_start_client(const struct bench *bench, const struct instance *instance,
			const char *option, const char *argument)
{
	char path[BENCH_PATH_SIZE], pid[16], words[2][32];
	char *argv[6] = { path, words[0], (char[]){ "--pid" }, pid, argument ? words[1] : NULL };
	const char *const extra[] = { NULL };

	snprintf(path, sizeof path, "%s", bench->dinit_static);
	snprintf(pid, sizeof pid, "%d", instance->pid);
	snprintf(words[0], sizeof words[0], "%s", option);
	snprintf(words[1], sizeof words[1], "%s", argument ? argument : "");
	return proc_start(argv, &(struct proc_fds){ { -1, -1, -1, -1 } }, extra);
}

static void bench_status(const struct bench *bench, const char *many_dir)
{
	struct instance instance = life_start(bench, many_dir, NULL);
	size_t rounds = bench->quick ? 7 : 15;
	double took[BENCH_ROUNDS_MAX];

	life_wait_up(&instance, MANY);
	proc_sleep_ms(BENCH_SETTLE_MS);
	for (size_t i = 0; i < rounds; i++) {
		uint64_t begun_ns = proc_now_ns();
		pid_t client = life_start_client(bench, &instance, "--status", NULL);

		took[i] = (double)(proc_wait(client, 0, NULL) - begun_ns) / 1e6;
	}
	table_row("--status of 1000 services", table_median(took, rounds), "ms", TABLE_AT_MOST, 30,
		  NULL);
	life_stop(&instance, NULL);
}

/* From TERM until whoever waits for the end of a service has ended as well: dinit's own way to it
 * is in that. */
static void bench_wait(const struct bench *bench, const char *few_dir)
{
	size_t rounds = bench->quick ? 7 : 15;
	double took[BENCH_ROUNDS_MAX], cpu[BENCH_ROUNDS_MAX];
	struct proc_use use;
	char detail[BENCH_DETAIL_SIZE];

	for (size_t i = 0; i < rounds; i++) {
		struct instance instance = life_start(bench, few_dir, NULL);
		uint64_t begun_ns;
		pid_t client;

		life_wait_up(&instance, FEW);
		client = life_start_client(bench, &instance, "--wait", "-d");
		proc_sleep_ms(200);
		begun_ns = proc_now_ns();
		proc_signal(instance.pid, SIGTERM);
		took[i] = (double)(proc_wait(client, 0, &use) - begun_ns) / 1e6;
		cpu[i] = use.cpu_s;
		proc_wait(instance.pid, 0, NULL);
		close(instance.up_fd);
	}
	snprintf(detail, sizeof detail, "%.1f ms of CPU", table_median(cpu, rounds) * 1e3);
	table_row("--wait -d: TERM to its end", table_median(took, rounds), "ms", TABLE_AT_MOST, 20,
		  detail);
}

/* ---- the binary ---- */

/* Whether no program header names an interpreter. */
static bool is_static(const char *path)
{
	_Alignas(ElfW(Ehdr)) unsigned char bytes[4096];
	const ElfW(Ehdr) *header = (const void *)bytes;
	const ElfW(Phdr) * program;
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;

	if (file)
		fclose(file);
	if (len < sizeof *header || header->e_phoff + header->e_phnum * sizeof *program > len)
		bench_fail("not an ELF file of this machine");
	program = (const void *)(bytes + header->e_phoff);
	for (size_t i = 0; i < header->e_phnum; i++)
		if (program[i].p_type == PT_INTERP)
			return false;
	return true;
}

static void bench_size(const struct bench *bench)
{
	struct stat status;

	if (stat(bench->dinit_static, &status) < 0)
		bench_fail(bench->dinit_static);
	table_row("binary, static and stripped", (double)status.st_size / 1e3, "kB", TABLE_AT_MOST,
		  220, NULL);
	table_row("binary: asks for a dynamic linker", is_static(bench->dinit_static) ? 0 : 1, "",
		  TABLE_AT_MOST, 0, NULL);
}

void life_bench(const struct bench *bench)
{
	char few[BENCH_PATH_SIZE], many[BENCH_PATH_SIZE];

	life_make_named(bench, "few", FEW, "sleeper", few);
	life_make_named(bench, "many", MANY, "sleeper", many);
	table_title("processes: dinit-static, medians");
	bench_size(bench);
	bench_memory(bench, few, FEW, 300);
	bench_memory(bench, many, MANY, 2048);
	idle_bench(bench, few, FEW, many, MANY);
	bench_round_trips(bench, many);
	bench_stop(bench, few);
	bench_status(bench, many);
	bench_wait(bench, few);
	lost_bench(bench, many, MANY);
}
