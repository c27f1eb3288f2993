/* SPDX-License-Identifier: ISC */
/* Owns the processes that dinit starts, from fork to wait, and their pipes until the logmux has
 * them; not what is started when, nor what an end means. Invariant: living counts the programs
 * that are not idle, but for those that run aside, and a program that is not idle is watched. */
#include "program.h"

#include "execfail.h"
#include "log.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NAME_MAX, a slash, a stage. */
#define NAME_SIZE 300

/* ---- why a program cannot be started ---- */

void program_explain_pipe(int error, char reason[PROGRAM_REASON_SIZE])
{
	const char *mend = error == EMFILE || error == ENFILE
				   ? "; raise the limit of open files, ulimit -n"
				   : "";

	snprintf(reason, PROGRAM_REASON_SIZE, "no pipe can be made (%s%s)", strerror(error), mend);
}

static void explain_fork(int error, char reason[PROGRAM_REASON_SIZE])
{
	const char *mend =
		error == EAGAIN ? "; raise the limit of processes, pids limit or ulimit -u" : "";

	snprintf(reason, PROGRAM_REASON_SIZE, "no process can be made (%s%s)", strerror(error),
		 mend);
}

static void explain(const char *path, const char *dir, const struct spawn_failure *failure,
		    char reason[PROGRAM_REASON_SIZE])
{
	switch (failure->stage) {
	case SPAWN_PIPE: program_explain_pipe(failure->error, reason); return;
	case SPAWN_FORK: explain_fork(failure->error, reason); return;
	case SPAWN_SESSION:
		snprintf(reason, PROGRAM_REASON_SIZE,
			 "it cannot have a session or a group of its own (%s)",
			 strerror(failure->error));
		return;
	case SPAWN_SETUP:
		snprintf(reason, PROGRAM_REASON_SIZE, "its descriptors cannot be set up (%s)",
			 strerror(failure->error));
		return;
	case SPAWN_CHDIR:
		snprintf(reason, PROGRAM_REASON_SIZE, "%s cannot be its working directory (%s)",
			 dir, strerror(failure->error));
		return;
	case SPAWN_EXEC:
		execfail_explain(path, failure->error, reason, PROGRAM_REASON_SIZE);
		return;
	}
}

/* ---- pipes ---- */

/* Makes a pipe whose read end goes to the logmux. Returns the write end, or -1 with errno. */
static int open_stream(struct program *program, const char *stage, enum logmux_stream stream,
		       struct logmux_source **handle)
{
	struct logmux_source_spec spec = {
		.service = program->service,
		.stage = stage,
		.stream = stream,
		.handle = handle,
		.last = program->keeps_last ? &program->last[stream] : NULL,
		.tally = program->tallies ? &program->tallies[stream] : NULL,
	};
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	spec.fd = pair[0];
	if (logmux_add(program->all->means.mux, &spec) < 0) {
		int error = errno;

		close(pair[0]);
		close(pair[1]);
		errno = error;
		return -1;
	}
	return pair[1];
}

static void close_pipes(const int pipes[2])
{
	for (size_t i = 0; i < 2; i++)
		if (pipes[i] >= 0)
			close(pipes[i]);
}

/* ---- start and end ---- */

static void make_name(const struct program *program, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s/%s", program->service, program->stage);
}

static void watch_process(struct program *program, enum program_state state, pid_t pid)
{
	program->state = state;
	program->watch.unwaited = program->aside;
	if (program->aside)
		program->all->aside++;
	else
		program->all->living++;
	reaper_watch(program->all->means.reaper, &program->watch, pid);
}

static int start_process(struct program *program, const struct spawn_spec *spec, bool waited,
			 char reason[PROGRAM_REASON_SIZE])
{
	struct spawn_failure failure;
	char name[NAME_SIZE];
	pid_t pid;

	make_name(program, name);
	if (!program->aside)
		log_info("%s: starting", name);
	program->report_fd = -1;
	pid = waited ? spawn_program(spec, &failure)
		     : spawn_program_unwaited(spec, &program->report_fd, &failure);
	if (pid < 0) {
		if (failure.stage == SPAWN_EXEC)
			program->exec_error = failure.error;
		explain(spec->path, spec->dir, &failure, reason);
		if (failure.pid > 0)
			watch_process(program, PROGRAM_FAILING, failure.pid);
		return -1;
	}
	watch_process(program, PROGRAM_RUNNING, pid);
	program->all->started = true;
	if (program->aside)
		log_debug("%s: running with PID %d", name, pid);
	else
		log_info("%s: running with PID %d", name, pid);
	return 0;
}

static char *const *choose_environment(struct programs *programs, pid_t about_pid)
{
	if (about_pid == 0)
		return programs->environment;
	snprintf(programs->dinit_pid, sizeof programs->dinit_pid, "DINIT_PID=%d", about_pid);
	return programs->environment_with_pid;
}

/* Makes the pipes for those of stdout and stderr that are not given; pipes[] has their write ends,
 * else -1. Returns 0, or -1 with errno and nothing left open. */
static int open_streams(struct program *program, const struct program_spec *spec, int pipes[2])
{
	pipes[0] = pipes[1] = -1;
	if (spec->stdout_fd == 0) {
		pipes[0] = open_stream(program, spec->out_stage, LOGMUX_STDOUT, spec->out);
		if (pipes[0] < 0)
			return -1;
	}
	if (spec->stderr_fd == 0) {
		pipes[1] = open_stream(program, program->stage, LOGMUX_STDERR, NULL);
		if (pipes[1] < 0) {
			int error = errno;

			close_pipes(pipes);
			errno = error;
			return -1;
		}
	}
	return 0;
}

int program_start(struct program *program, const struct program_spec *spec,
		  char reason[PROGRAM_REASON_SIZE])
{
	const struct program_means *means = &program->all->means;
	struct spawn_spec how = {
		.path = spec->path,
		.argv = spec->argv,
		.dir = spec->dir,
		.environment = choose_environment(program->all, spec->about_pid),
		.extra_fd = spec->extra_fd,
		.extra_number = spec->extra_number,
		.on_terminal = spec->on_terminal,
		.nofile = &means->nofile,
	};
	int pipes[2], result;

	program->path = spec->path;
	program->dir = spec->dir;
	program->exec_error = 0;
	program->keeps_last = spec->keeps_last;
	program->aside = spec->aside;
	if (open_streams(program, spec, pipes) < 0) {
		program_explain_pipe(errno, reason);
		return -1;
	}
	if (!spec->own_stdin)
		how.fds[0] = spec->stdin_fd ? spec->stdin_fd : means->null_fd;
	how.fds[1] = spec->stdout_fd ? spec->stdout_fd : pipes[0];
	how.fds[2] = spec->stderr_fd ? spec->stderr_fd : pipes[1];
	result = start_process(program, &how, !spec->unwaited, reason);
	close_pipes(pipes);
	return result;
}

static void on_process_exit(void *ctx, pid_t pid, int status)
{
	struct program *program = ctx;
	struct reaper_end end = {
		.name = program->service,
		.stage = program->stage,
		.pid = pid,
		.status = status,
		.last = program->keeps_last ? program->last : NULL,
	};
	enum program_state state = program->state;
	struct spawn_failure failure;
	char reason[PROGRAM_REASON_SIZE];
	bool failed;

	if (program->aside) {
		program->all->aside--;
	} else {
		program->all->living--;
		program->all->reaped++;
	}
	program->state = PROGRAM_IDLE;
	/* The failure was told when the start failed. */
	if (state == PROGRAM_FAILING)
		return;
	failed = program->report_fd >= 0 && spawn_read_failure(program->report_fd, &failure);
	if (failed)
		explain(program->path, program->dir, &failure, reason);
	program->on_end(program->ctx, &end, failed ? reason : NULL);
}

const struct program *program_find(const struct reaper *reaper, pid_t pid)
{
	const struct reaper_watch *watch = reaper_find(reaper, pid);

	return watch && watch->on_exit == on_process_exit ? watch->ctx : NULL;
}

void program_init(struct program *program, struct programs *programs, const char *service,
		  const char *stage,
		  void (*on_end)(void *ctx, const struct reaper_end *end, const char *failure),
		  void *ctx)
{
	*program = (struct program){
		.all = programs,
		.service = service,
		.stage = stage,
		.watch = { .on_exit = on_process_exit, .ctx = program },
		.report_fd = -1,
		.on_end = on_end,
		.ctx = ctx,
	};
}

void program_close(struct program *program)
{
	for (size_t i = 0; i < LOGMUX_STREAMS; i++)
		lastline_clear(&program->last[i]);
}

void program_abandon(struct program *program)
{
	if (program->state == PROGRAM_IDLE)
		return;
	program->all->aside--;
	reaper_unwatch(program->all->means.reaper, &program->watch);
	if (program->report_fd >= 0)
		close(program->report_fd);
	program->state = PROGRAM_IDLE;
}

/* ---- signals ---- */

bool program_is_running(const struct program *program)
{
	return program->state == PROGRAM_RUNNING;
}

void program_stop(const struct program *program, int signal)
{
	char name[NAME_SIZE];

	if (!program_is_running(program))
		return;
	make_name(program, name);
	signaller_stop(program->all->means.signaller, program->watch.pid, signal, name);
}

void program_signal(const struct program *program, int signal)
{
	char name[NAME_SIZE];

	make_name(program, name);
	signaller_send(program->all->means.signaller, program->watch.pid, signal, name);
}

bool program_kill(const struct program *program)
{
	char name[NAME_SIZE];

	if (!program_is_running(program) || reaper_is_zombie(program->watch.pid))
		return false;
	make_name(program, name);
	log_warn("%s: PID %d is still running: killing it", name, program->watch.pid);
	signaller_send(program->all->means.signaller, program->watch.pid, SIGKILL, name);
	return true;
}

/* ---- what all have in common ---- */

static bool is_variable(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) == 0 && text[len] == '=';
}

/* Makes both environments. DINIT_PID stands in place of one that may be there already (a dinit in a
 * dinit). */
static int make_environments(struct programs *programs)
{
	char *const *from = programs->means.environment;
	size_t len = 0, with_pid = 0;

	while (from[len])
		len++;
	programs->environment = malloc((2 * len + 3) * sizeof *programs->environment);
	if (!programs->environment)
		return -1;
	programs->environment_with_pid = programs->environment + len + 1;
	programs->environment_with_pid[with_pid++] = programs->dinit_pid;
	len = 0;
	for (; *from; from++) {
		if (is_variable(*from, "NOTIFY_SOCKET"))
			continue;
		programs->environment[len++] = *from;
		if (!is_variable(*from, "DINIT_PID"))
			programs->environment_with_pid[with_pid++] = *from;
	}
	programs->environment[len] = NULL;
	programs->environment_with_pid[with_pid] = NULL;
	return 0;
}

int programs_open(struct programs *programs, const struct program_means *means)
{
	memset(programs, 0, sizeof *programs);
	programs->means = *means;
	return make_environments(programs);
}

void programs_close(struct programs *programs)
{
	free(programs->environment);
	programs->environment = programs->environment_with_pid = NULL;
}
