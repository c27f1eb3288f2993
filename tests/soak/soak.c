/* SPDX-License-Identifier: ISC */
/* The soak: services and a command that do all day what they should not, and others that ask dinit
 * what it shows, while a reader checks every line, stalls now and then, and watches dinit. Usage:
 * driver DINIT PLAYER SERVICES. SOAK_SECONDS: how long (600); four fifths of it with the policy
 * terminate, as PID 1, one with adopt, as a subreaper. Each property is a test; the last line is
 * "N passed, N failed". */
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* medians of less say nothing */
#define SECONDS_MIN 60
#define DAEMONS 40

/* No bar of speed: what only a fault breaks, whoever else uses the machine. */
/* a look may meet one that is open for a moment */
#define FDS_GROWTH 1
#define FDS_ABOVE 8
/* Medians. musl's allocator takes half an hour of these lines to settle, at 180 kB more than it
 * began with. */
#define MEMORY_GROWTH_KB 256
/* two queues, a tail for each stream, a long line wrapped */
#define MEMORY_MAX_KB 4096
#define HTTP_MAX_KB 1536
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

static void judge_memory(const struct watch *watch, const char *name, enum watch_value value,
			 double max_kb)
{
	struct watch_trend trend;

	watch_trend(watch, value, &trend);
	if (watch->sanitized) {
		printf("(%s is that of a sanitizer, and not judged)\n", name);
		return;
	}
	expect(trend.early > 0 && trend.late - trend.early <= MEMORY_GROWTH_KB &&
		       trend.max <= max_kb,
	       "%s is flat: %+.0f kB, at most %.0f kB", name, trend.late - trend.early, trend.max);
}

static void judge_fds(const struct watch *watch, const char *name)
{
	struct watch_trend fds;

	watch_trend(watch, WATCH_FDS, &fds);
	expect(fds.early > 0 && fds.late - fds.early <= FDS_GROWTH &&
		       fds.max <= fds.early + FDS_ABOVE,
	       "%s are flat: %+.0f, at most %.0f", name, fds.late - fds.early, fds.max);
}

static void judge_http(const struct run *run)
{
	if (!run->has_http)
		return;
	judge_fds(&run->http, "descriptors of dinit --http");
	judge_memory(&run->http, "Pss of dinit --http", WATCH_PSS_KB, HTTP_MAX_KB);
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
	judge_fds(&run->watch, "descriptors");
	judge_memory(&run->watch, "Pss", WATCH_PSS_KB, MEMORY_MAX_KB);
	judge_memory(&run->watch, "RssAnon", WATCH_ANON_KB, MEMORY_MAX_KB);
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

static void soak(const char *name, struct run *run)
{
	run_all(run, environ);
	printf("%s: %u s, %.2f GB in %" PRIu64 " lines, %u stalls of the reader\n", name,
	       run->seconds,
	       (double)(run->check.streams[0].total + run->check.streams[1].total) / 1e9,
	       run->check.streams[0].lines + run->check.streams[1].lines, run->stalls_len);
	judge_watched(run);
	judge_http(run);
	judge_beats(run);
	judge_lines(run);
	judge_orphans(run);
	judge_end(run);
	run_free(run);
}

/* A port that nobody uses now. */
static unsigned find_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		fprintf(stderr, "soak: no port: %s\n", strerror(errno));
		exit(1);
	}
	close(fd);
	return ntohs(address.sin_port);
}

static void set(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void set(const char *name, const char *format, ...)
{
	char *value;
	va_list args;

	va_start(args, format);
	if (vasprintf(&value, format, args) < 0 || setenv(name, value, 1) < 0)
		abort();
	va_end(args);
	free(value);
}

/* dinit is started with what is said here, whatever the caller's environment says. */
static void set_environment(const struct run *run, const char *services)
{
	for (char **variable = environ; *variable;) {
		char *name = strndup(*variable, strcspn(*variable, "="));

		if (!name)
			abort();
		if (strncmp(name, "DINIT_", 6) == 0)
			unsetenv(name);
		else
			variable++;
		free(name);
	}
	set("SOAK_PLAYER", "%s", run->player);
	set("SOAK_DINIT", "%s", run->dinit);
	set("SOAK_DAEMONS", "%d", DAEMONS);
	if (run->has_http)
		set("SOAK_PORT", "%u", find_port());
	set("DINIT_DIR", "%s", services);
	set("DINIT_KILL_TIMEOUT", "2");
	set("DINIT_CHECK_INTERVAL", "3");
	set("DINIT_MAX_LINE", "%s", SOAK_MAX_LINE_TEXT);
}

static void soak_both(struct run *common, unsigned seconds)
{
	const char *more = common->has_http ? "" : ",http";
	struct run run = *common;

	set("DINIT_SKIP", "daemons%s", more);
	run.as_init = true;
	run.seconds = seconds - seconds / 5;
	soak("terminate, JSON, PID 1", &run);

	run = *common;
	set("DINIT_SKIP", "orphans%s", more);
	set("DINIT_REPARENTING_POLICY", "adopt");
	set("DINIT_JSON_STDOUT", "wrap");
	run.wrap = true;
	run.seconds = seconds / 5;
	run.daemons = DAEMONS;
	soak("adopt, wrap, subreaper", &run);
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
	struct run run;
	unsigned seconds = wanted && wanted[0] ? (unsigned)strtoul(wanted, NULL, 10) : 600;

	if (argc != 4 || seconds < SECONDS_MIN) {
		fprintf(stderr,
			"usage: driver DINIT PLAYER SERVICES; SOAK_SECONDS is at least %d\n",
			SECONDS_MIN);
		return 1;
	}
	run = (struct run){
		.dinit = absolute(argv[1]),
		.player = absolute(argv[2]),
		/* In a user namespace with only one user it cannot become another. */
		.has_http = geteuid() == 0,
	};
	run_become_root();
	set_environment(&run, absolute(argv[3]));
	soak_both(&run, seconds);
	note_results();
	return failed > 0;
}
