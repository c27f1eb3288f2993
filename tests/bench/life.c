/* SPDX-License-Identifier: ISC */
/* Owns the rows about processes: start and stop, memory, idleness, orphans, and the binary. All
 * of them look at the static build: that is what goes into images. */
#include "bench.h"

#include "orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 1000
#define FEW 10
#define ZOMBIES ORPHANS_MAX
#define LIVE_ORPHANS 1000
/* longer than dinit's timers, and what the kernel does after a start */
#define SETTLE_MS 1500
#define DETAIL_SIZE 128

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

static void make_named(const struct bench *bench, const char *name, unsigned services,
		       const char *program, char dir[BENCH_PATH_SIZE])
{
	char path[BENCH_PATH_SIZE];

	snprintf(dir, BENCH_PATH_SIZE, "%s/%s", bench->temp, name);
	snprintf(path, sizeof path, "%s/%s", bench->programs, program);
	life_make_services(dir, services, path);
}

/* ---- starting and stopping ---- */

static struct instance start_with(char *const argv[], const char *const extra[])
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
	return start_with(argv, extra);
}

static struct instance start_loop(const struct bench *bench, const char *dir, unsigned services)
{
	char path[BENCH_PATH_SIZE], parent[BENCH_PATH_SIZE], count[16];
	char *const argv[] = { path, parent, count, NULL };
	const char *const extra[] = { NULL };

	snprintf(path, sizeof path, "%s/spawnloop", bench->programs);
	snprintf(parent, sizeof parent, "%s", dir);
	snprintf(count, sizeof count, "%u", services);
	return start_with(argv, extra);
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
	uint64_t begun_ns = proc_now_ns();
	double took;

	proc_signal(instance->pid, SIGTERM);
	took = (double)(proc_wait(instance->pid, 0, cpu_s) - begun_ns) / 1e9;
	close(instance->up_fd);
	return took;
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
	char detail[DETAIL_SIZE];

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
		  1.2, detail);
	snprintf(detail, sizeof detail, "%.1f ms beside %.1f ms", table_median(ours_down, rounds),
		 table_median(bare_down, rounds));
	table_row("1000 services: TERM to exit / bare loop", table_median(down, rounds), "x",
		  TABLE_AT_MOST, 1.5, detail);
	table_row("1000 services: CPU time, up and down / bare loop", table_median(cpu, rounds),
		  "x", TABLE_NO_BAR, 0, NULL);
}

static void bench_round_trips(const struct bench *bench, const char *dir)
{
	size_t rounds = bench->quick ? 5 : 9;
	struct round_trip ours[BENCH_ROUNDS_MAX], bare[BENCH_ROUNDS_MAX];
	double with_lines[BENCH_ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++) {
		ours[i] = go_round(life_start(bench, dir, NULL), MANY);
		bare[i] = go_round(start_loop(bench, dir, MANY), MANY);
		with_lines[i] =
			go_round(life_start(bench, dir, "BENCH_LINE=1"), MANY).up / bare[i].up;
	}
	compare_trips(ours, bare, rounds);
	table_row("1000 services: all up and a line each / bare loop",
		  table_median(with_lines, rounds), "x", TABLE_NO_BAR, 0,
		  "the bare loop reads no lines");
}

static void bench_stop(const struct bench *bench, const char *dir)
{
	size_t rounds = bench->quick ? 7 : 15;
	double took[BENCH_ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++)
		took[i] = go_round(life_start(bench, dir, "BENCH_LINE=1"), FEW).down * 1e3;
	table_row("10 services: TERM to exit", table_median(took, rounds), "ms", TABLE_AT_MOST, 10,
		  NULL);
}

/* ---- memory and idleness ---- */

struct idle {
	long switches;
	double cpu_s;
};

static struct idle look_at(const struct instance *instance)
{
	return (struct idle){ proc_status(instance->pid, "voluntary_ctxt_switches"),
			      proc_cpu_s(instance->pid) };
}

static void print_idle(unsigned services, const struct idle *before, const struct idle *after,
		       double seconds)
{
	char name[64];

	snprintf(name, sizeof name, "idle, %u services: wake-ups a second", services);
	table_row(name, (double)(after->switches - before->switches) / seconds, "/s", TABLE_AT_MOST,
		  1.2, NULL);
	snprintf(name, sizeof name, "idle, %u services: CPU", services);
	table_row(name, (after->cpu_s - before->cpu_s) / seconds * 1e3, "ms/s", TABLE_AT_MOST, 1,
		  NULL);
}

static void print_memory(const struct instance *instance, unsigned services, double bar_kb)
{
	char name[64], detail[DETAIL_SIZE];

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
	proc_sleep_ms(SETTLE_MS);
	print_memory(&instance, services, bar_kb);
	life_stop(&instance, NULL);
}

static void bench_idle(const struct bench *bench, const char *few_dir, const char *many_dir)
{
	struct instance few = life_start(bench, few_dir, "BENCH_LINE=1");
	struct instance many = life_start(bench, many_dir, "BENCH_LINE=1");
	struct idle few_before, few_after, many_before, many_after;
	unsigned seconds = bench->quick ? 5 : 10;

	life_wait_up(&few, FEW);
	life_wait_up(&many, MANY);
	proc_sleep_ms(SETTLE_MS);
	few_before = look_at(&few);
	many_before = look_at(&many);
	proc_sleep_ms(seconds * 1000);
	few_after = look_at(&few);
	many_after = look_at(&many);
	print_idle(FEW, &few_before, &few_after, seconds);
	print_idle(MANY, &many_before, &many_after, seconds);
	life_stop(&few, NULL);
	life_stop(&many, NULL);
}

/* ---- what others see ---- */

/* Starts dinit as a client of the instance, with output to nowhere. argument may be NULL. */
static pid_t start_client(const struct bench *bench, const struct instance *instance,
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
	proc_sleep_ms(SETTLE_MS);
	for (size_t i = 0; i < rounds; i++) {
		uint64_t begun_ns = proc_now_ns();
		pid_t client = start_client(bench, &instance, "--status", NULL);

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
	char detail[DETAIL_SIZE];

	for (size_t i = 0; i < rounds; i++) {
		struct instance instance = life_start(bench, few_dir, NULL);
		uint64_t begun_ns;
		pid_t client;

		life_wait_up(&instance, FEW);
		client = start_client(bench, &instance, "--wait", "-d");
		proc_sleep_ms(200);
		begun_ns = proc_now_ns();
		proc_signal(instance.pid, SIGTERM);
		took[i] = (double)(proc_wait(client, 0, &cpu[i]) - begun_ns) / 1e6;
		proc_wait(instance.pid, 0, NULL);
		close(instance.up_fd);
	}
	snprintf(detail, sizeof detail, "%.1f ms of CPU", table_median(cpu, rounds) * 1e3);
	table_row("--wait -d: TERM to its end", table_median(took, rounds), "ms", TABLE_AT_MOST, 20,
		  detail);
}

/* What a check of each of 1000 services costs, every ten seconds. */
static void bench_checks(const struct bench *bench)
{
	char dir[BENCH_PATH_SIZE], path[BENCH_PATH_SIZE + 32];
	struct instance instance;
	unsigned seconds = bench->quick ? 5 : 10;
	struct idle before, after;

	make_named(bench, "checked", MANY, "sleeper", dir);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "%s/s%04u/check", dir, i);
		if (symlink("/bin/true", path) < 0)
			bench_fail(path);
	}
	instance = life_start(bench, dir, NULL);
	life_wait_up(&instance, MANY);
	proc_wait(start_client(bench, &instance, "--wait", NULL), 0, NULL);
	before = look_at(&instance);
	proc_sleep_ms(seconds * 1000);
	after = look_at(&instance);
	table_row("1000 checks every 10 s: CPU of dinit",
		  (after.cpu_s - before.cpu_s) / seconds * 1e3, "ms/s", TABLE_NO_BAR, 0, NULL);
	table_row("1000 checks every 10 s: PSS", (double)proc_pss_kb(instance.pid), "kB",
		  TABLE_NO_BAR, 0, NULL);
	life_stop(&instance, NULL);
}

/* ---- orphans ---- */

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

/* Milliseconds from the end of their parent until none of them is left, not even as a zombie. */
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

/* The maker is the last of the services, so that the orphans come behind all others in the list
 * of children. */
static double lose_once(const struct bench *bench, const char *dir, const char *which,
			unsigned count, unsigned up)
{
	char path[BENCH_PATH_SIZE], program[BENCH_PATH_SIZE], page[BENCH_PATH_SIZE + 32],
		services[BENCH_PATH_SIZE + 16];
	char *const argv[] = { program, NULL };
	const char *const extra[] = { page, services, which, NULL };
	struct instance instance;
	struct orphans *orphans;
	double took;

	snprintf(path, sizeof path, "%s/orphans", bench->temp);
	snprintf(program, sizeof program, "%s", bench->dinit_static);
	snprintf(page, sizeof page, "BENCH_ORPHANS=%s", path);
	snprintf(services, sizeof services, "DINIT_DIR=%s", dir);
	orphans = share_orphans(path);
	instance = start_with(argv, extra);
	life_wait_up(&instance, up);
	took = wait_gone(orphans, count);
	life_stop(&instance, NULL);
	munmap(orphans, sizeof *orphans);
	return took;
}

static void bench_orphans_of(const struct bench *bench, const char *dir, const char *which,
			     unsigned count, unsigned up, const char *name, enum table_bar kind,
			     double bar_ms)
{
	size_t rounds = bench->quick ? 3 : 5;
	double took[BENCH_ROUNDS_MAX];

	for (size_t i = 0; i < rounds; i++)
		took[i] = lose_once(bench, dir, which, count, up);
	table_row(name, table_median(took, rounds), "ms", kind, bar_ms, NULL);
}

static void bench_orphans(const struct bench *bench, const char *many_dir)
{
	char alone[BENCH_PATH_SIZE], maker[BENCH_PATH_SIZE], last[BENCH_PATH_SIZE + 16],
		run[BENCH_PATH_SIZE + 32];

	make_named(bench, "maker", 1, "orphans", alone);
	snprintf(maker, sizeof maker, "%s/orphans", bench->programs);
	bench_orphans_of(bench, alone, "BENCH_ZOMBIES=10000", ZOMBIES, 0,
			 "10,000 orphaned zombies: the last reaped after", TABLE_AT_MOST, 50);
	bench_orphans_of(bench, alone, "BENCH_LIVE=1000", LIVE_ORPHANS, 0,
			 "1000 live orphans: the last gone after", TABLE_AT_MOST, 300);
	snprintf(last, sizeof last, "%s/z", many_dir);
	snprintf(run, sizeof run, "%s/run", last);
	if (mkdir(last, 0700) < 0 || symlink(maker, run) < 0)
		bench_fail(run);
	bench_orphans_of(bench, many_dir, "BENCH_ZOMBIES=10000", ZOMBIES, MANY,
			 "10,000 orphaned zombies beside 1000 services", TABLE_NO_BAR, 0);
}

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

	make_named(bench, "few", FEW, "sleeper", few);
	make_named(bench, "many", MANY, "sleeper", many);
	table_title("processes: dinit-static, medians");
	bench_size(bench);
	bench_memory(bench, few, FEW, 300);
	bench_memory(bench, many, MANY, 2048);
	bench_idle(bench, few, many);
	bench_round_trips(bench, many);
	bench_stop(bench, few);
	bench_status(bench, many);
	bench_wait(bench, few);
	bench_orphans(bench, many);
	bench_checks(bench);
}
