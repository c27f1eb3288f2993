/* SPDX-License-Identifier: ISC */
/* The driver of `make bench`: every bar of the specification, side by side with what it is
 * compared to, in one run. Usage: bench DINIT DINIT_STATIC PROGRAMS RATIOS COMPILER, where the
 * last is what is said about the compiler of DINIT_STATIC. BENCH_QUICK=1: fewer rounds.
 * BENCH_SAVE=1: writes RATIOS. BENCH_ONLY=flow, life, web, flood, or the name of a case of flow.c:
 * only that. */
#include "bench.h"
#include "../tree.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* a bench that hangs ends */
#define LIMIT_S 900

static char temp[BENCH_PATH_SIZE - 128];
static volatile sig_atomic_t interrupted;

static void clean_up(void)
{
	proc_kill_all();
	if (temp[0])
		tree_remove(temp);
}

_Noreturn void bench_fail(const char *what)
{
	int error = errno;

	fflush(stdout);
	if (interrupted)
		fprintf(stderr, "bench: ended by signal %d\n", (int)interrupted);
	else if (error)
		fprintf(stderr, "bench: %s: %s\n", what, strerror(error));
	else
		fprintf(stderr, "bench: %s\n", what);
	clean_up();
	_exit(1);
}

/* What the driver waits for dies, so that it goes on and fails. */
static void on_signal(int signal)
{
	interrupted = signal;
	proc_kill_all();
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	alarm(LIMIT_S);
}

static void make_temp(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(temp, sizeof temp, "%.200s/dinit-bench.XXXXXX",
		 parent && parent[0] ? parent : "/tmp");
	if (!mkdtemp(temp)) {
		temp[0] = '\0';
		bench_fail("no temporary directory");
	}
}

/* What a row is worth depends on where and when. */
static void say_where(const char *run)
{
	printf("%s\n%s\n", machine_name(), run);
	if (machine_is_busy())
		puts("others are at work here: do not trust a row of wall time");
	fflush(stdout);
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && strcmp(value, "1") == 0;
}

bool bench_is_wanted(const char *part)
{
	const char *only = getenv("BENCH_ONLY");

	return !only || !only[0] || strcmp(only, part) == 0;
}

static char *absolute(const char *path)
{
	char *result = realpath(path, NULL);

	if (!result)
		bench_fail(path);
	return result;
}

int main(int argc, char **argv)
{
	struct bench bench;
	char run[256];

	if (argc != 6) {
		fputs("usage: bench DINIT DINIT_STATIC PROGRAMS RATIOS COMPILER\n", stderr);
		return 1;
	}
	catch_signals();
	make_temp();
	bench = (struct bench){
		.dinit = absolute(argv[1]),
		.dinit_static = absolute(argv[2]),
		.programs = absolute(argv[3]),
		.temp = temp,
		.quick = is_set("BENCH_QUICK"),
	};
	/* What is measured is started with the defaults, whatever the caller's environment says. */
	unsetenv("DINIT_LOG_LEVEL");
	unsetenv("DINIT_REPARENTING_POLICY");
	unsetenv("DINIT_MAX_LINE");
	unsetenv("DINIT_SKIP");
	machine_describe_run(argv[5], run, sizeof run);
	say_where(run);
	if (bench_is_wanted("life"))
		life_bench(&bench);
	if (bench_is_wanted("web"))
		web_bench(&bench);
	if (bench_is_wanted("flood") || bench_is_wanted("flow"))
		flood_bench(&bench);
	flow_bench(&bench);
	if (is_set("BENCH_SAVE"))
		table_save(argv[4], run);
	else
		table_compare(argv[4]);
	table_summary();
	clean_up();
	return 0;
}
