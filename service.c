/* SPDX-License-Identifier: ISC */
/* Owns the state of each service, and which of its programs runs when; not the processes
 * (program.h), nor the teardown that an end brings about.
 * Invariant: state says what run does, and changes in one place; while a process can write to the
 * service's stdout, somebody holds the read end. */
#include "service.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What happens to a service. */
enum service_event {
	EVENT_STARTED,
	EVENT_START_FAILED,
	EVENT_RUN_ENDED,
	EVENT_LOG_ENDED,
	EVENT_LOG_GRACE_OVER,
	EVENT_TERMINATE_SUCCEEDED,
	EVENT_TERMINATE_FAILED,
	EVENT_STOP,
};

static void set_state(struct service *service, enum service_state state)
{
	service->state = state;
	if (state == SERVICE_DISABLED)
		service->all->disabled++;
}

/* ---- starting ---- */

/* Opens the read end of a pipe once more: O_NONBLOCK belongs to the open file description
 * (open(2)), and the first one is the stdin of a logging program, which must block. Without /proc
 * both share that one. Returns the descriptor, or -1 with errno. */
static int open_read_end(int fd)
{
	char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
	int own_fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	own_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return own_fd >= 0 ? own_fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Gives the logmux a read end of our own, held as long as the logging program reads. Returns 0, or
 * -1 with errno. */
static int hold_stdout(struct service *service, int fd)
{
	struct logmux_source_spec spec = {
		.fd = open_read_end(fd),
		.service = service->entry->name,
		.stage = "run",
		.stream = LOGMUX_STDOUT,
		.held = true,
		.handle = &service->unlogged,
		.last = &service->run.last[LOGMUX_STDOUT],
	};
	int error;

	if (spec.fd < 0)
		return -1;
	if (logmux_add(service->all->programs->means.mux, &spec) == 0)
		return 0;
	error = errno;
	close(spec.fd);
	errno = error;
	return -1;
}

static int start_logging(struct service *service, int stdin_fd, char reason[PROGRAM_REASON_SIZE])
{
	struct program_spec spec = {
		.path = service->entry->log_run,
		.dir = service->entry->log_dir,
		.stdin_fd = stdin_fd,
		.out_stage = "run",
		.out = &service->logged,
		.keeps_last = true,
	};

	return program_start(service->log, &spec, reason);
}

/* Starts run. stdout_fd is 0 where its lines come to the logmux directly. */
static int start_run(struct service *service, int stdout_fd, char reason[PROGRAM_REASON_SIZE])
{
	struct program_spec spec = {
		.path = service->entry->run,
		.dir = service->entry->dir,
		.stdout_fd = stdout_fd,
		.out_stage = "run",
		.keeps_last = true,
	};

	return program_start(&service->run, &spec, reason);
}

/* Starts the logging program, and then run: if the logging program cannot start, there is no
 * service to be stopped again. Returns 0, or -1 with the reason, and with that one of the two in
 * *failed that did not start. */
static int start_logged(struct service *service, const struct program **failed,
			char reason[PROGRAM_REASON_SIZE])
{
	int pair[2], result = -1;

	*failed = &service->run;
	if (pipe2(pair, O_CLOEXEC) < 0) {
		program_explain_pipe(errno, reason);
		return -1;
	}
	if (hold_stdout(service, pair[0]) < 0) {
		program_explain_pipe(errno, reason);
		goto close_pair;
	}
	*failed = service->log;
	if (start_logging(service, pair[0], reason) < 0)
		goto close_pair;
	*failed = &service->run;
	result = start_run(service, pair[1], reason);

close_pair:
	close(pair[0]);
	close(pair[1]);
	return result;
}

static enum service_event start_service(struct service *service)
{
	const struct program *failed = &service->run;
	char reason[PROGRAM_REASON_SIZE];
	int result = service->entry->log_run ? start_logged(service, &failed, reason)
					     : start_run(service, 0, reason);

	if (result == 0)
		return EVENT_STARTED;
	log_error("%s/%s: cannot be started, stopping the container: %s", failed->service,
		  failed->stage, reason);
	return EVENT_START_FAILED;
}

/* ---- ends ---- */

static bool disabled_itself(const struct reaper_end *end)
{
	return WIFEXITED(end->status) && WEXITSTATUS(end->status) == SERVICE_EXIT_DISABLED;
}

static void say_end(const struct reaper_end *end)
{
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(end->status, how);
	log_info("%s/%s: PID %d %s", end->name, end->stage, end->pid, how);
}

/* Ends the grace of a service that is SERVICE_UNLOGGED: the end of its logging program is logged,
 * and begins no teardown. */
static void settle_log_end(struct service *service)
{
	loop_timer_stop(service->all->loop, &service->log_grace);
	say_end(&service->log_end);
}

static void end_run(struct service *service, const struct reaper_end *end)
{
	struct services *services = service->all;

	if (disabled_itself(end)) {
		log_info("%s/run: PID %d exited with status %d: it has disabled itself", end->name,
			 end->pid, SERVICE_EXIT_DISABLED);
		set_state(service, SERVICE_DISABLED);
		return;
	}
	set_state(service, SERVICE_ENDED);
	services->owner.on_end(services->owner.ctx, service, end);
}

bool service_was_logged(const struct service *service, const struct reaper_end *end)
{
	/* The logging program may have ended right before run, and then log_end says so. */
	return strcmp(end->stage, service->run.stage) == 0 && service->log &&
	       (program_is_running(service->log) || service->log_end.pid > 0);
}

static void on_run_ended(struct service *service, const struct reaper_end *end)
{
	switch (service->state) {
	case SERVICE_UNLOGGED: settle_log_end(service); break;
	case SERVICE_RUNNING:
	case SERVICE_TERMINATING:
	case SERVICE_STOPPING: break;
	case SERVICE_WAITING:
	case SERVICE_DISABLED:
	case SERVICE_ENDED:
	case SERVICE_FAILED: return;
	}
	end_run(service, end);
}

static void on_log_ended(struct service *service, const struct reaper_end *end)
{
	/* What it left unread is ours to read, after the last of its own output. */
	if (service->unlogged)
		logmux_release(service->unlogged, service->logged);
	if (disabled_itself(end)) {
		log_info("%s/log: PID %d exited with status %d: it has disabled itself; "
			 "dinit reads the service's output directly",
			 end->name, end->pid, SERVICE_EXIT_DISABLED);
		return;
	}
	switch (service->state) {
	case SERVICE_RUNNING:
		service->log_end = *end;
		set_state(service, SERVICE_UNLOGGED);
		loop_timer_start(service->all->loop, &service->log_grace, SERVICE_LOG_GRACE_MS);
		return;
	case SERVICE_TERMINATING:
	case SERVICE_STOPPING:
	case SERVICE_DISABLED:
	case SERVICE_ENDED:
	case SERVICE_FAILED: say_end(end); return;
	case SERVICE_WAITING:
	case SERVICE_UNLOGGED: return;
	}
}

static void on_log_grace_over(struct service *service)
{
	struct service_owner *owner = &service->all->owner;

	set_state(service, SERVICE_RUNNING);
	/* Where dinit was late, run may have ended as well, without being reaped yet: then its end
	 * is the cause. */
	if (reaper_is_zombie(service->run.watch.pid))
		say_end(&service->log_end);
	else
		owner->on_end(owner->ctx, service, &service->log_end);
}

/* ---- stopping ---- */

static int start_terminate(struct service *service, char reason[PROGRAM_REASON_SIZE])
{
	struct program_spec spec = {
		.path = service->entry->terminate,
		.dir = service->entry->dir,
		.out_stage = "term",
		.about_pid = service->run.watch.pid,
		.unwaited = true,
	};

	return program_start(service->terminate, &spec, reason);
}

static void send_term(struct service *service)
{
	program_stop(&service->run, SIGTERM);
	set_state(service, SERVICE_STOPPING);
}

static void stop_service(struct service *service)
{
	char reason[PROGRAM_REASON_SIZE];

	if (!service->entry->terminate) {
		send_term(service);
	} else if (start_terminate(service, reason) == 0) {
		set_state(service, SERVICE_TERMINATING);
	} else {
		log_warn("%s/term: cannot be started, sending TERM to the service instead: %s",
			 service->entry->name, reason);
		send_term(service);
	}
}

static void on_stop(struct service *service)
{
	switch (service->state) {
	case SERVICE_UNLOGGED: settle_log_end(service); break;
	case SERVICE_RUNNING: break;
	case SERVICE_WAITING:
	case SERVICE_TERMINATING:
	case SERVICE_STOPPING:
	case SERVICE_DISABLED:
	case SERVICE_ENDED:
	case SERVICE_FAILED: return;
	}
	stop_service(service);
}

/* Notes the end of terminate: where it succeeded it has told run to stop, otherwise TERM does. */
static void on_terminate_ended(struct service *service, bool succeeded)
{
	if (service->state != SERVICE_TERMINATING)
		return;
	if (succeeded)
		set_state(service, SERVICE_STOPPING);
	else
		send_term(service);
}

/* ---- events ---- */

/* Does what follows from an event; everything that happens to a service comes through here. end is
 * that of the process that has ended, else NULL. */
static void handle(struct service *service, enum service_event event, const struct reaper_end *end)
{
	struct service_owner *owner = &service->all->owner;

	switch (event) {
	case EVENT_STARTED: set_state(service, SERVICE_RUNNING); return;
	case EVENT_START_FAILED:
		set_state(service, SERVICE_FAILED);
		owner->on_start_failure(owner->ctx);
		return;
	case EVENT_RUN_ENDED: on_run_ended(service, end); return;
	case EVENT_LOG_ENDED: on_log_ended(service, end); return;
	case EVENT_LOG_GRACE_OVER: on_log_grace_over(service); return;
	case EVENT_TERMINATE_SUCCEEDED: on_terminate_ended(service, true); return;
	case EVENT_TERMINATE_FAILED: on_terminate_ended(service, false); return;
	case EVENT_STOP: on_stop(service); return;
	}
}

static void on_run_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	(void)failure;
	handle(ctx, EVENT_RUN_ENDED, end);
}

static void on_log_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	(void)failure;
	handle(ctx, EVENT_LOG_ENDED, end);
}

static void on_log_grace_due(void *ctx)
{
	handle(ctx, EVENT_LOG_GRACE_OVER, NULL);
}

static void on_terminate_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	struct service *service = ctx;
	bool needed = service->state == SERVICE_TERMINATING;
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(end->status, how);
	if (failure)
		log_warn("%s/term: cannot be started%s: %s", end->name,
			 needed ? ", sending TERM to the service instead" : "", failure);
	else if (needed && end->status != 0)
		log_warn("%s/term: PID %d %s: sending TERM to the service instead", end->name,
			 end->pid, how);
	else
		say_end(end);
	handle(service,
	       failure || end->status != 0 ? EVENT_TERMINATE_FAILED : EVENT_TERMINATE_SUCCEEDED,
	       end);
}

bool services_start_next(struct services *services)
{
	struct service *service;

	if (services->stopping || services->started == services->len)
		return false;
	service = &services->list[services->started++];
	handle(service, start_service(service), NULL);
	return true;
}

void services_stop(struct services *services)
{
	services->stopping = true;
	for (size_t i = 0; i < services->started; i++)
		handle(&services->list[i], EVENT_STOP, NULL);
}

bool services_kill(struct services *services, bool with_logs)
{
	bool any = false;

	for (size_t i = 0; i < services->started; i++) {
		const struct service *service = &services->list[i];

		any |= program_kill(&service->run);
		if (service->terminate)
			any |= program_kill(service->terminate);
		if (service->log && with_logs)
			any |= program_kill(service->log);
	}
	return any;
}

/* ---- the list ---- */

static size_t count_others(const struct svdir *svdir)
{
	size_t count = 0;

	for (size_t i = 0; i < svdir->len; i++) {
		count += svdir->entries[i].log_run ? 1 : 0;
		count += svdir->entries[i].terminate ? 1 : 0;
	}
	return count;
}

/* Adds a service; *other is the next of the programs that are not yet anybody's. */
static void add_service(struct services *services, const struct svdir_entry *entry,
			struct program **other)
{
	struct service *service = &services->list[services->len++];
	struct programs *programs = services->programs;

	service->all = services;
	service->entry = entry;
	program_init(&service->run, programs, entry->name, "run", on_run_exit, service);
	if (entry->log_run) {
		service->log = (*other)++;
		program_init(service->log, programs, entry->name, "log", on_log_exit, service);
	}
	if (entry->terminate) {
		service->terminate = (*other)++;
		program_init(service->terminate, programs, entry->name, "term", on_terminate_exit,
			     service);
	}
	service->log_grace = (struct loop_timer){ .on_due = on_log_grace_due, .ctx = service };
}

/* Returns zeroed memory for so many and one, because calloc(0) may be NULL without having
 * failed. */
static void *allocate_zeroed(size_t count, size_t size)
{
	return calloc(count + 1, size);
}

int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  struct loop *loop, struct programs *programs, const struct service_owner *owner)
{
	struct program *other;

	*services = (struct services){ .loop = loop, .programs = programs, .owner = *owner };
	services->list = allocate_zeroed(svdir->len, sizeof *services->list);
	services->others = allocate_zeroed(count_others(svdir), sizeof *services->others);
	if (!services->list || !services->others) {
		services_close(services);
		errno = ENOMEM;
		return -1;
	}
	other = services->others;
	svdir_warn_of_skip(svdir, skip);
	for (size_t i = 0; i < svdir->len; i++) {
		const struct svdir_entry *entry = &svdir->entries[i];

		if (entry->down || svdir_is_skipped(entry, skip))
			log_info("%s: not to be started (%s)", entry->name,
				 entry->down ? "down" : "DINIT_SKIP");
		else
			add_service(services, entry, &other);
	}
	return 0;
}

void services_close(struct services *services)
{
	for (size_t i = 0; i < services->len; i++) {
		program_close(&services->list[i].run);
		if (services->list[i].log)
			program_close(services->list[i].log);
	}
	free(services->list);
	free(services->others);
	services->list = NULL;
	services->others = NULL;
}
