/* SPDX-License-Identifier: ISC */
/* The soak: services that do all day what services should not, while a reader checks every line,
 * stalls now and then, and watches dinit. Usage: driver DINIT PLAYER SERVICES. SOAK_SECONDS: how
 * long (600); four fifths of it with the policy terminate, as PID 1, one with adopt, as a
 * subreaper. Each property is a test; the last line is "N passed, N failed". */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* medians of less say nothing */
#define SECONDS_MIN 60
#define DAEMONS 40
#define ENVIRONMENT_MAX 512

/* No bar of speed: what only a fault breaks, whoever else uses the machine. */
/* a look may meet one that is open for a moment */
#define FDS_GROWTH 1
#define FDS_ABOVE 8
/* Medians. musl's allocator takes half an hour of these lines to settle, at 180 kB more than it
 * began with. */
#define MEMORY_GROWTH_KB 256
/* two queues, a tail for each stream, a long line wrapped */
#define MEMORY_MAX_KB 4096
#define ZOMBIE_MS 1000
#define BEAT_MEDIAN_MS 50
#define BEAT_MAX_MS 2000
/* a gigabyte may cost so many times as much, where caches are shared with others */
#define CPU_GROWTH 3
#define END_S 20

static unsigned passed, failed;

__attribute__((format(printf, 2, 3))) static void expect(bool good, const char *format, ...)
{
	va_list args;

	*(good ? &passed : &failed) += 1;
	printf(good ? "ok - " : "not ok - ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static double in_s(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ---- what was watched ---- */

static void print_trend(const char *name, const struct watch_trend *trend, int decimals)
{
	printf("  %-22s %12.*f %12.*f %12.*f\n", name, decimals, trend->early, decimals,
	       trend->late, decimals, trend->max);
}

static void judge_memory(const struct run *run, const char *name, enum watch_value value)
{
	struct watch_trend trend;

	watch_trend(&run->watch, value, &trend);
	if (run->watch.sanitized) {
		printf("(%s is that of a sanitizer, and not judged)\n", name);
		return;
	}
	expect(trend.early > 0 && trend.late - trend.early <= MEMORY_GROWTH_KB &&
		       trend.max <= MEMORY_MAX_KB,
	       "%s is flat: %+.0f kB, at most %.0f kB", name, trend.late - trend.early, trend.max);
}

static void judge_watched(const struct run *run)
{
	struct watch_trend fds, pss, anon, children, share, per_gb;

	watch_trend(&run->watch, WATCH_FDS, &fds);
	watch_trend(&run->watch, WATCH_PSS_KB, &pss);
	watch_trend(&run->watch, WATCH_ANON_KB, &anon);
	watch_trend(&run->watch, WATCH_CHILDREN, &children);
	watch_cpu_trend(&run->watch, &share, &per_gb);
	share = (struct watch_trend){ 100 * share.early, 100 * share.late, 100 * share.max };
	printf("  %-22s %12s %12s %12s\n", "", "second fifth", "last fifth", "most");
	print_trend("descriptors", &fds, 0);
	print_trend("Pss, kB", &pss, 0);
	print_trend("RssAnon, kB", &anon, 0);
	print_trend("children", &children, 0);
	print_trend("CPU, %", &share, 1);
	print_trend("CPU, s/GB", &per_gb, 2);
	expect(fds.early > 0 && fds.late - fds.early <= FDS_GROWTH &&
		       fds.max <= fds.early + FDS_ABOVE,
	       "descriptors are flat: %+.0f, at most %.0f", fds.late - fds.early, fds.max);
	judge_memory(run, "Pss", WATCH_PSS_KB);
	judge_memory(run, "RssAnon", WATCH_ANON_KB);
	expect(per_gb.early > 0 && per_gb.late <= CPU_GROWTH * per_gb.early,
	       "CPU time for what is written is flat");
	expect(children.early > 0 && run->check.zombies > 0 &&
		       run->watch.zombie_oldest_ms <= ZOMBIE_MS,
	       "no zombie grows old: of %" PRIu64 " the oldest seen was %" PRIu64 " ms",
	       run->check.zombies, run->watch.zombie_oldest_ms);
}

static void judge_beats(struct run *run)
{
	static const char *const names[RUN_WAYS] = { "on stdout", "on stderr",
						     "while the other is not read" };

	for (int i = 0; i < RUN_WAYS; i++) {
		struct run_latencies *latencies = &run->latencies[i];
		double median = run_latency_ms(latencies, 0.5), most = run_latency_ms(latencies, 1);

		expect(latencies->len > 0 && median <= BEAT_MEDIAN_MS && most <= BEAT_MAX_MS,
		       "heartbeats %s are in time: %zu, median %.2f ms, 99 %% %.2f ms, at most "
		       "%.2f ms",
		       names[i], latencies->len, median, run_latency_ms(latencies, 0.99), most);
	}
}

/* ---- what arrived ---- */

static void judge_lines(const struct run *run)
{
	const struct check *check = &run->check;

	expect(check->invalid == 0,
	       "every line has its form, and those on stdout are JSON: %lu have not",
	       check->invalid);
	expect(check->misplaced == 0,
	       "what was written has arrived, once and in order: %lu exceptions", check->misplaced);
	expect(check->complaints == 0, "dinit has nothing to complain of: %lu messages",
	       check->complaints);
}

static void judge_orphans(const struct run *run)
{
	const struct check *check = &run->check;
	uint64_t deaf = check->orphan_rounds, polite = deaf * check->orphans_each;

	if (run->daemons > 0)
		expect(check->adopting == run->daemons && check->terminating == 0 &&
			       check->killing == 0,
		       "every daemon was adopted: %" PRIu64 " of %u", check->adopting,
		       run->daemons);
	else
		/* That one is killed is not said where it was not said that it is terminated. */
		expect(deaf > 0 && check->terminating == polite + deaf && check->killing <= deaf &&
			       check->adopting == 0,
		       "every orphan was terminated: %" PRIu64 " of %" PRIu64 ", %" PRIu64
		       " of %" PRIu64 " deaf ones with a message that they are killed",
		       check->terminating, polite + deaf, check->killing, deaf);
}

static void judge_end(const struct run *run)
{
	bool exited = !run->early && !run->late && WIFEXITED(run->status) &&
		      WEXITSTATUS(run->status) == 0;

	expect(exited, "it ends when it is told to, with status 0%s",
	       run->early  ? ": it ended before"
	       : run->late ? ": it had to be killed"
	       : exited    ? ""
			   : ": another status");
	expect(in_s(run->ended_ns - run->told_ns) <= END_S, "it ends in time: %.2f s",
	       in_s(run->ended_ns - run->told_ns));
	if (!run->as_init)
		expect(run->left == 0, "no process is left: %u", run->left);
}

/* ---- the two runs ---- */

static void soak(const char *name, struct run *run, const char *const *variables)
{
	char *environment[ENVIRONMENT_MAX];
	size_t len = 0;

	/* dinit is started with what is said here, whatever the caller's environment says. */
	for (char **variable = environ; *variable && len < ENVIRONMENT_MAX - 16; variable++)
		if (strncmp(*variable, "DINIT_", 6) != 0)
			environment[len++] = *variable;
	for (; *variables; variables++)
		environment[len++] = strdup(*variables);
	environment[len] = NULL;
	run_all(run, environment);
	printf("%s: %u s, %.2f GB in %" PRIu64 " lines, %u stalls of the reader\n", name,
	       run->seconds,
	       (double)(run->check.streams[0].total + run->check.streams[1].total) / 1e9,
	       run->check.streams[0].lines + run->check.streams[1].lines, run->stalls_len);
	judge_watched(run);
	judge_beats(run);
	judge_lines(run);
	judge_orphans(run);
	judge_end(run);
	run_free(run);
}

static const char *assign(const char *name, const char *value)
{
	char *text;

	if (asprintf(&text, "%s=%s", name, value) < 0)
		abort();
	return text;
}

static void soak_both(const char *dinit, const char *player, const char *services, unsigned seconds)
{
	const char *common[] = { assign("DINIT_DIR", services), assign("SOAK_PLAYER", player) };
	char daemons[32];

	snprintf(daemons, sizeof daemons, "SOAK_DAEMONS=%d", DAEMONS);
	soak("terminate, JSON, PID 1",
	     &(struct run){ .dinit = dinit, .as_init = true, .seconds = seconds - seconds / 5 },
	     (const char *const[]){ common[0], common[1], "DINIT_REPARENTING_POLICY=terminate",
				    "DINIT_KILL_TIMEOUT=2", "DINIT_MAX_LINE=" SOAK_MAX_LINE_TEXT,
				    "DINIT_SKIP=daemons", NULL });
	soak("adopt, wrap, subreaper",
	     &(struct run){
		     .dinit = dinit, .wrap = true, .seconds = seconds / 5, .daemons = DAEMONS },
	     (const char *const[]){ common[0], common[1], daemons, "DINIT_REPARENTING_POLICY=adopt",
				    "DINIT_KILL_TIMEOUT=2", "DINIT_MAX_LINE=" SOAK_MAX_LINE_TEXT,
				    "DINIT_JSON_STDOUT=wrap", "DINIT_SKIP=orphans", NULL });
}

static void note_results(void)
{
	const char *path = getenv("TEST_RESULTS");
	FILE *file = path && path[0] ? fopen(path, "a") : NULL;

	if (file) {
		fprintf(file, "%u %u\n", passed, failed);
		fclose(file);
	}
	printf("%u passed, %u failed\n", passed, failed);
}

static char *absolute(const char *path)
{
	char *result = realpath(path, NULL);

	if (!result) {
		fprintf(stderr, "soak: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return result;
}

int main(int argc, char **argv)
{
	const char *wanted = getenv("SOAK_SECONDS");
	unsigned seconds = wanted && wanted[0] ? (unsigned)strtoul(wanted, NULL, 10) : 600;

	if (argc != 4 || seconds < SECONDS_MIN) {
		fprintf(stderr,
			"usage: driver DINIT PLAYER SERVICES; SOAK_SECONDS is at least %d\n",
			SECONDS_MIN);
		return 1;
	}
	run_become_root();
	soak_both(absolute(argv[1]), absolute(argv[2]), absolute(argv[3]), seconds);
	note_results();
	return failed > 0;
}
