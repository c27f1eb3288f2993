/* SPDX-License-Identifier: ISC */
/* The driver of `make bench`: what its parts offer each other. A failure of the bench itself
 * ends it; a missed bar does not. */
#ifndef DINIT_BENCH_H
#define DINIT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_PATH_SIZE 512
#define BENCH_ROUNDS_MAX 15
/* where a program of the bench says that it is up: dinit passes it through */
#define BENCH_UP_FD 3
/* longer than dinit's timers, and what the kernel does after a start */
#define BENCH_SETTLE_MS 1500
#define BENCH_DETAIL_SIZE 128

struct bench {
	/* the programs under test */
	const char *dinit;
	const char *dinit_static;
	/* directory of the helpers */
	const char *programs;
	/* directory for everything that is written */
	const char *temp;
	bool quick;
};

/* ---- bench.c ---- */

/* Says why and ends the bench with status 1; everything it started is killed, its directory
 * removed. */
_Noreturn void bench_fail(const char *what);

/* Whether this part is to be measured: "flow", "life", "web", "flood", or one case of flow.c. */
bool bench_is_wanted(const char *part);

/* ---- machine.c: where it is measured ---- */

/* One line: the processor, how many of them, and the kernel. Times of two runs can be compared
 * where it is the same. */
const char *machine_name(void);

/* One line: the day, what else runs, and what compiled the static build. */
void machine_describe_run(const char *compiler, char *text, size_t size);

/* Whether so much else runs that a row of wall time means little. */
bool machine_is_busy(void);

/* ---- table.c: what is printed, and the verdicts ---- */

enum table_bar {
	TABLE_AT_MOST,
	TABLE_AT_LEAST,
	/* only for information; less is better */
	TABLE_NO_BAR,
};

/* One row: what was measured, its value, and the bar. detail (may be NULL) is printed behind it. A
 * unit of time ("ms", "k/s") makes it one that depends on the machine, and says so. */
void table_row(const char *name, double value, const char *unit, enum table_bar kind, double bar,
	       const char *detail);

__attribute__((format(printf, 1, 2))) void table_title(const char *format, ...);

/* Compares every row that has a bar with what path holds from an earlier run, and says what got
 * worse by more than a fifth; times only where that run was on such a machine. */
void table_compare(const char *path);

/* Writes the rows that have a bar to path, and where they were measured: run is a line about that
 * beside the name of the machine. */
void table_save(const char *path, const char *run);

/* The last line. */
void table_summary(void);

/* Sorts the values. */
double table_median(double *values, size_t len);

/* ---- proc.c: processes and what /proc says about them ---- */

/* Descriptors 0 to 3 of a process to be started; -1: /dev/null, and nothing at BENCH_UP_FD. */
struct proc_fds {
	int fd[4];
};

/* Starts argv[0] in a process group of its own, with the strings NAME=VALUE of extra (NULL at
 * the end) in its environment. */
pid_t proc_start(char *const argv[], const struct proc_fds *fds, const char *const extra[]);

/* Sends the signal to the process. */
void proc_signal(pid_t pid, int signal);

/* What a process used in its whole life, without its children. */
struct proc_use {
	double cpu_s;
	/* from it to another process and back */
	long switches;
};

/* Waits for its end and reaps it. *use may be NULL. Fails unless it exits with 0 or is ended by
 * `signal`. Returns when it ended. */
uint64_t proc_wait(pid_t pid, int signal, struct proc_use *use);

/* Kills every process group that proc_start made and proc_wait has not seen ended.
 * Async-signal-safe. */
void proc_kill_all(void);

/* user and system, of its own */
double proc_cpu_s(pid_t pid);
/* a number in /proc/PID/status */
long proc_status(pid_t pid, const char *field);
long proc_pss_kb(pid_t pid);
uint64_t proc_now_ns(void);
void proc_sleep_ms(unsigned ms);
/* closed on exec */
void proc_pipe(int pair[2]);

/* ---- corpus.c: the lines that are written ---- */

enum corpus_kind {
	/* words, lines of the same length */
	CORPUS_TEXT,
	/* objects, lines of the same length */
	CORPUS_JSON,
	/* in the manner of a JSON access log */
	CORPUS_JSON_LOG,
	/* nginx's combined format */
	CORPUS_ACCESS_LOG,
};

struct corpus {
	char path[BENCH_PATH_SIZE];
	size_t len, lines;
};

/* Writes about a megabyte of lines (of line_len bytes each, newline included) to a file in the
 * bench's directory. */
void corpus_make(struct corpus *corpus, const struct bench *bench, enum corpus_kind kind,
		 size_t line_len);

/* ---- flow.c: lines through dinit and through others ---- */

void flow_bench(const struct bench *bench);

/* ---- flood.c: a line beside many of another service ---- */

void flood_bench(const struct bench *bench);

/* ---- life.c: processes and memory ---- */

void life_bench(const struct bench *bench);

/* Makes a service directory in which each of the services has program as its run. */
void life_make_services(const char *dir, unsigned services, const char *program);

/* The same, called name in the bench's directory, with one of the bench's programs. */
void life_make_named(const struct bench *bench, const char *name, unsigned services,
		     const char *program, char dir[BENCH_PATH_SIZE]);

/* A dinit, or what it is compared to, with services that say when they are up. */
struct instance {
	pid_t pid;
	int up_fd;
	uint64_t begun_ns;
};

/* Starts argv[0] with a pipe at BENCH_UP_FD and the strings of extra in its environment. */
struct instance life_start_with(char *const argv[], const char *const extra[]);

/* Starts dinit-static; more is one more string for the environment, or NULL. */
struct instance life_start(const struct bench *bench, const char *dir, const char *more);

/* Starts the bare loop with as many of the services of dir; more as above. look: it looks at its
 * children once a second. */
struct instance life_start_loop(const struct bench *bench, const char *dir, unsigned services,
				const char *more, bool look);

/* Starts dinit as a client of the instance, with output to nowhere. argument may be NULL. */
pid_t life_start_client(const struct bench *bench, const struct instance *instance,
			const char *option, const char *argument);

/* Returns the seconds from the start until the last of the services said that it is up. */
double life_wait_up(struct instance *instance, unsigned services);

/* Ends it by TERM. Returns the seconds that takes; *cpu_s (may be NULL): CPU time of its whole
 * life. */
double life_stop(struct instance *instance, double *cpu_s);

/* ---- idle.c: what it costs while nothing happens ---- */

/* The directories have so many services. */
void idle_bench(const struct bench *bench, const char *few_dir, unsigned few, const char *many_dir,
		unsigned many);

/* ---- lost.c: processes that lose their parent ---- */

/* The directory has so many services, and gets one more. */
void lost_bench(const struct bench *bench, const char *many_dir, unsigned many);

/* ---- web.c: what is answered over HTTP ---- */

void web_bench(const struct bench *bench);

#endif
