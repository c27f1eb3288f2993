/* SPDX-License-Identifier: ISC */
/* Owns the processes that dinit itself starts, and the pipes between them until the logmux has
 * them; not the teardown they bring about. Invariant: living counts the watches with a pid;
 * while a service or a process of it can write to its stdout, somebody holds the read end. */
#include "service.h"

#include "execfail.h"
#include "log.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* NAME_MAX, a slash, a stage */
#define NAME_SIZE 300
/* so that who has dropped root can still open /dev/stdout, or a logging program /dev/stdin */
#define PIPE_MODE 0666
#define REASON_SIZE 512

/* ---- pipes ---- */

static int make_pipe(int pair[2])
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	/* where it is refused, only these names suffer */
	fchmod(pair[1], PIPE_MODE);
	return 0;
}

/* Makes a pipe whose read end goes to the logmux at once. Returns the write end, or -1 with
 * errno. */
static int open_stream(struct service *service, const char *stage, enum logmux_stream stream,
		       struct logmux_source **handle)
{
	struct logmux_source_spec spec = {
		.service = service->entry->name,
		.stage = stage,
		.stream = stream,
		.handle = handle,
	};
	int pair[2];

	if (make_pipe(pair) < 0)
		return -1;
	spec.fd = pair[0];
	if (logmux_add(service->all->means.mux, &spec) < 0) {
		int error = errno;

		close(pair[0]);
		close(pair[1]);
		errno = error;
		return -1;
	}
	return pair[1];
}

/* The same pipe's read end with a file description of our own, because a logging program has the
 * other one as its stdin, and not blocking is our business alone. Without /proc the description
 * is shared. */
static int open_read_end(int fd)
{
	char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
	int own_fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	own_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return own_fd >= 0 ? own_fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* ---- starting ---- */

static void label(const struct service *service, const char *stage, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s/%s", service->entry->name, stage);
}

static void explain_pipe(int error, char reason[REASON_SIZE])
{
	snprintf(reason, REASON_SIZE, "cannot make a pipe: %s%s", strerror(error),
		 error == EMFILE || error == ENFILE ? "; raise the limit of open files (ulimit -n)"
						    : "");
}

static void explain(const char *path, const char *dir, const struct spawn_failure *failure,
		    char reason[REASON_SIZE])
{
	switch (failure->stage) {
	case SPAWN_PIPE: explain_pipe(failure->error, reason); return;
	case SPAWN_FORK:
		snprintf(reason, REASON_SIZE, "cannot make a process: %s%s",
			 strerror(failure->error),
			 failure->error == EAGAIN
				 ? "; raise the limit of processes (pids limit, ulimit -u)"
				 : "");
		return;
	case SPAWN_SETUP:
		snprintf(reason, REASON_SIZE, "cannot set up its descriptors: %s",
			 strerror(failure->error));
		return;
	case SPAWN_CHDIR:
		snprintf(reason, REASON_SIZE, "cannot change to %s: %s", dir,
			 strerror(failure->error));
		return;
	case SPAWN_EXEC: execfail_explain(path, failure->error, reason, REASON_SIZE); return;
	}
}

/* Starts one program and watches it. Where that fails, reason says why. With a report_fd it is
 * not waited for, and what keeps the process from becoming the program is told there. */
static int start_program(struct service *service, struct reaper_watch *watch, const char *stage,
			 const struct spawn_spec *spec, int *report_fd, char reason[REASON_SIZE])
{
	struct services *services = service->all;
	struct spawn_failure failure;
	char name[NAME_SIZE];
	pid_t pid;

	label(service, stage, name);
	log_info("%s: starting", name);
	pid = report_fd ? spawn_program_unwaited(spec, report_fd, &failure)
			: spawn_program(spec, &failure);
	if (pid < 0) {
		explain(spec->path, spec->dir, &failure, reason);
		if (failure.pid > 0) {
			services->living++;
			reaper_watch(services->means.reaper, &service->failed, failure.pid);
		}
		return -1;
	}
	services->living++;
	reaper_watch(services->means.reaper, watch, pid);
	log_info("%s: running with PID %d", name, pid);
	return 0;
}

/* What a program gets beside its path: descriptors that are -1 become pipes of their own. */
struct streams {
	/* label of its stdout */
	const char *out_stage;
	int stdin_fd;
	int stdout_fd;
	/* its stdout, if a pipe is made for it; may be NULL */
	struct logmux_source **out;
	char *const *environment;
	/* as of start_program */
	int *report_fd;
};

/* Starts the program at path in dir, with pipes to us where streams leaves it open. */
static int start_with_streams(struct service *service, struct reaper_watch *watch,
			      const char *stage, const char *path, const char *dir,
			      const struct streams *streams, char reason[REASON_SIZE])
{
	struct spawn_spec spec = {
		.path = path,
		.dir = dir,
		.environment = streams->environment,
		.fds = { streams->stdin_fd, streams->stdout_fd, -1 },
		.nofile = &service->all->means.nofile,
	};
	int out_fd = -1, err_fd = -1, result = -1;

	if (streams->stdout_fd < 0) {
		out_fd = open_stream(service, streams->out_stage, LOGMUX_STDOUT, streams->out);
		if (out_fd < 0) {
			explain_pipe(errno, reason);
			return -1;
		}
		spec.fds[1] = out_fd;
	}
	err_fd = open_stream(service, stage, LOGMUX_STDERR, NULL);
	if (err_fd < 0) {
		explain_pipe(errno, reason);
		goto close_out;
	}
	spec.fds[2] = err_fd;
	result = start_program(service, watch, stage, &spec, streams->report_fd, reason);
	close(err_fd);
close_out:
	if (out_fd >= 0)
		close(out_fd);
	return result;
}

static int start_logging(struct service *service, int stdin_fd, char reason[REASON_SIZE])
{
	struct streams streams = {
		.out_stage = "run",
		.stdin_fd = stdin_fd,
		.stdout_fd = -1,
		.out = &service->logged,
		.environment = service->all->means.environment,
	};

	return start_with_streams(service, &service->log, "log", service->entry->log_run,
				  service->entry->log_dir, &streams, reason);
}

static int start_run(struct service *service, int stdout_fd, char reason[REASON_SIZE])
{
	struct streams streams = {
		.out_stage = "run",
		.stdin_fd = service->all->means.null_fd,
		.stdout_fd = stdout_fd,
		.environment = service->all->means.environment,
	};

	return start_with_streams(service, &service->run, "run", service->entry->run,
				  service->entry->dir, &streams, reason);
}

/* The logging program first: if it cannot start, there is no service to be stopped again. *stage
 * says which of the two did not start. */
static int start_logged(struct service *service, const char **stage, char reason[REASON_SIZE])
{
	struct logmux_source_spec spec = {
		.service = service->entry->name,
		.stage = "run",
		.stream = LOGMUX_STDOUT,
		.held = true,
		.handle = &service->unlogged,
	};
	int pair[2], result = -1;

	*stage = "run";
	if (make_pipe(pair) < 0) {
		explain_pipe(errno, reason);
		return -1;
	}
	spec.fd = open_read_end(pair[0]);
	if (spec.fd < 0) {
		explain_pipe(errno, reason);
		goto close_pair;
	}
	if (logmux_add(service->all->means.mux, &spec) < 0) {
		explain_pipe(errno, reason);
		close(spec.fd);
		goto close_pair;
	}
	*stage = "log";
	if (start_logging(service, pair[0], reason) < 0)
		goto close_pair;
	*stage = "run";
	result = start_run(service, pair[1], reason);

close_pair:
	close(pair[0]);
	close(pair[1]);
	return result;
}

static void start_service(struct service *service)
{
	char reason[REASON_SIZE];
	const char *stage = "run";
	int result = service->entry->log_run ? start_logged(service, &stage, reason)
					     : start_run(service, -1, reason);

	if (result == 0)
		return;
	log_error("%s/%s: cannot be started: %s: stopping the container", service->entry->name,
		  stage, reason);
	service->all->owner.on_start_failure(service->all->owner.ctx);
}

bool services_start_next(struct services *services)
{
	if (services->stopping || services->started == services->len)
		return false;
	start_service(&services->list[services->started++]);
	return true;
}

/* ---- ends ---- */

static bool disabled_itself(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == SERVICE_EXIT_DISABLED;
}

static void tell_log_end(const struct service *service)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(service->log_status, how);
	log_info("%s/log: PID %d %s", service->entry->name, service->log_pid, how);
}

static void on_run_exit(void *ctx, pid_t pid, int status)
{
	struct service *service = ctx;
	struct services *services = service->all;
	struct reaper_end end = {
		.name = service->entry->name, .stage = "run", .pid = pid, .status = status
	};

	services->living--;
	if (service->log_grace.running)
		tell_log_end(service);
	loop_timer_stop(services->means.loop, &service->log_grace);
	if (disabled_itself(status)) {
		service->disabled = true;
		services->disabled++;
		log_info("%s/run: PID %d exited with status %d: it has disabled itself", end.name,
			 pid, SERVICE_EXIT_DISABLED);
		return;
	}
	services->owner.on_end(services->owner.ctx, &end);
}

static void on_log_grace_due(void *ctx)
{
	struct service *service = ctx;
	struct services *services = service->all;
	struct reaper_end end = {
		.name = service->entry->name,
		.stage = "log",
		.pid = service->log_pid,
		.status = service->log_status,
	};

	/* It has ended as well, and is only not reaped yet: where dinit was late, it may be the
	 * cause. */
	if (reaper_is_zombie(service->run.pid)) {
		tell_log_end(service);
		return;
	}
	services->owner.on_end(services->owner.ctx, &end);
}

/* Whatever it left unread is ours to read, after the last of its own output. */
static void on_log_exit(void *ctx, pid_t pid, int status)
{
	struct service *service = ctx;
	struct services *services = service->all;

	services->living--;
	service->log_pid = pid;
	service->log_status = status;
	if (service->unlogged)
		logmux_release(service->unlogged, service->logged);
	if (disabled_itself(status)) {
		log_info("%s/log: PID %d exited with status %d: it has disabled itself, the "
			 "service's output is read "
			 "directly",
			 service->entry->name, pid, SERVICE_EXIT_DISABLED);
	} else if (service->run.pid != 0) {
		loop_timer_start(services->means.loop, &service->log_grace, SERVICE_LOG_GRACE_MS);
	} else {
		tell_log_end(service);
	}
}

/* Why is said already. */
static void on_failed_exit(void *ctx, pid_t pid, int status)
{
	struct service *service = ctx;

	(void)pid;
	(void)status;
	service->all->living--;
}

static void terminate_by_signal(struct service *service)
{
	char name[NAME_SIZE];

	label(service, "run", name);
	signaller_send(service->all->means.signaller, service->run.pid, SIGTERM, name);
}

static void tell_terminate_failure(const struct service *service, const char *reason)
{
	log_warn("%s/term: cannot be started: %s%s", service->entry->name, reason,
		 service->run.pid != 0 ? ": sending TERM to the service instead" : "");
}

static void on_term_exit(void *ctx, pid_t pid, int status)
{
	struct service *service = ctx;
	struct spawn_failure failure;
	char how[REAPER_STATUS_SIZE];

	service->all->living--;
	reaper_describe_status(status, how);
	if (spawn_read_failure(service->term_report_fd, &failure)) {
		char reason[REASON_SIZE];

		explain(service->entry->terminate, service->entry->dir, &failure, reason);
		tell_terminate_failure(service, reason);
	} else if (status == 0 || service->run.pid == 0) {
		log_info("%s/term: PID %d %s", service->entry->name, pid, how);
		return;
	} else {
		log_warn("%s/term: PID %d %s: sending TERM to the service instead",
			 service->entry->name, pid, how);
	}
	if (service->run.pid != 0)
		terminate_by_signal(service);
}

/* ---- stopping ---- */

/* Its start is not waited for: where its file system hangs, the other services are told to stop
 * all the same. */
static int start_terminate(struct service *service, char reason[REASON_SIZE])
{
	struct services *services = service->all;
	struct streams streams = {
		.out_stage = "term",
		.stdin_fd = services->means.null_fd,
		.stdout_fd = -1,
		.environment = services->term_environment,
		.report_fd = &service->term_report_fd,
	};

	snprintf(services->dinit_pid, sizeof services->dinit_pid, "DINIT_PID=%d", service->run.pid);
	return start_with_streams(service, &service->term, "term", service->entry->terminate,
				  service->entry->dir, &streams, reason);
}

static void stop_service(struct service *service)
{
	char reason[REASON_SIZE];

	if (service->run.pid == 0)
		return;
	if (service->entry->terminate && start_terminate(service, reason) == 0)
		return;
	if (service->entry->terminate)
		tell_terminate_failure(service, reason);
	terminate_by_signal(service);
}

void services_stop(struct services *services)
{
	services->stopping = true;
	for (size_t i = 0; i < services->started; i++)
		stop_service(&services->list[i]);
}

static bool kill_program(struct service *service, const struct reaper_watch *watch,
			 const char *stage)
{
	char name[NAME_SIZE];

	if (watch->pid == 0 || reaper_is_zombie(watch->pid))
		return false;
	label(service, stage, name);
	log_warn("%s: PID %d is still running: killing it", name, watch->pid);
	signaller_send(service->all->means.signaller, watch->pid, SIGKILL, name);
	return true;
}

bool services_kill(struct services *services, bool with_logs)
{
	bool any = false;

	for (size_t i = 0; i < services->started; i++) {
		struct service *service = &services->list[i];

		any |= kill_program(service, &service->run, "run");
		any |= kill_program(service, &service->term, "term");
		if (with_logs)
			any |= kill_program(service, &service->log, "log");
	}
	return any;
}

/* ---- the list ---- */

/* The next of the names separated by commas, at *at; its length, with *at moved behind it. */
static size_t next_name(const char **at, const char **name)
{
	size_t len;

	while (**at == ',')
		(*at)++;
	*name = *at;
	len = strcspn(*at, ",");
	*at += len;
	return len;
}

static bool is_name(const struct svdir_entry *entry, const char *name, size_t len)
{
	return strlen(entry->name) == len && memcmp(entry->name, name, len) == 0;
}

static bool is_skipped(const struct svdir_entry *entry, const char *skip)
{
	const char *name;
	size_t len;

	while ((len = next_name(&skip, &name)) > 0)
		if (is_name(entry, name, len))
			return true;
	return false;
}

void services_check_skip(const struct svdir *svdir, const char *skip)
{
	const char *name;
	size_t len;

	while ((len = next_name(&skip, &name)) > 0) {
		bool known = false;

		for (size_t i = 0; i < svdir->len && !known; i++)
			known = is_name(&svdir->entries[i], name, len);
		if (!known)
			log_warn("DINIT_SKIP names \"%.*s\", but there is no such service",
				 (int)len, name);
	}
}

static void add_service(struct services *services, const struct svdir_entry *entry)
{
	struct service *service = &services->list[services->len++];

	service->all = services;
	service->entry = entry;
	service->run = (struct reaper_watch){ .on_exit = on_run_exit, .ctx = service };
	service->log = (struct reaper_watch){ .on_exit = on_log_exit, .ctx = service };
	service->term = (struct reaper_watch){ .on_exit = on_term_exit, .ctx = service };
	service->failed = (struct reaper_watch){ .on_exit = on_failed_exit, .ctx = service };
	service->log_grace = (struct loop_timer){ .on_due = on_log_grace_due, .ctx = service };
}

/* The environment with DINIT_PID in place of one that may be there already (a dinit in a dinit). */
static int make_term_environment(struct services *services)
{
	char *const *from = services->means.environment;
	size_t len = 0;

	while (from[len])
		len++;
	services->term_environment = malloc((len + 2) * sizeof *services->term_environment);
	if (!services->term_environment)
		return -1;
	len = 0;
	services->term_environment[len++] = services->dinit_pid;
	for (; *from; from++)
		if (strncmp(*from, "DINIT_PID=", sizeof "DINIT_PID=" - 1) != 0)
			services->term_environment[len++] = *from;
	services->term_environment[len] = NULL;
	return 0;
}

int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  const struct service_means *means, const struct service_owner *owner)
{
	memset(services, 0, sizeof *services);
	services->means = *means;
	services->owner = *owner;
	services->list = calloc(svdir->len ? svdir->len : 1, sizeof *services->list);
	if (!services->list || make_term_environment(services) < 0) {
		services_close(services);
		errno = ENOMEM;
		return -1;
	}
	services_check_skip(svdir, skip);
	for (size_t i = 0; i < svdir->len; i++) {
		const struct svdir_entry *entry = &svdir->entries[i];

		if (entry->down || is_skipped(entry, skip))
			log_info("%s: not to be started (%s)", entry->name,
				 entry->down ? "down" : "DINIT_SKIP");
		else
			add_service(services, entry);
	}
	return 0;
}

void services_close(struct services *services)
{
	free(services->list);
	free(services->term_environment);
	services->list = NULL;
	services->term_environment = NULL;
}
