/* SPDX-License-Identifier: ISC */
/* Owns the state of a service, and which of its programs runs when; not the processes (program.h),
 * the other services (services.h), nor the teardown that an end brings about.
 * Invariant: state says what run and finish do, and changes in one place; while a process can write
 * to the service's stdout, somebody holds the read end. */
#include "service.h"

#include "command.h"
#include "death.h"
#include "hook.h"
#include "log.h"
#include "process.h"
#include "signame.h"
#include "start.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Room for a name, a stage, and why that program cannot be started. */
#define CAUSE_SIZE (PROGRAM_REASON_SIZE + 300)

/* What they say of one whose logging program has ended. */
#define READS_DIRECTLY "; dinit reads the service's output directly"

static void tell_change(const struct service *service)
{
	const struct service_owner *owner = &service->all->owner;

	if (owner->on_change)
		owner->on_change(owner->ctx, service);
}

static void set_state(struct service *service, enum service_state state)
{
	service->state = state;
	if (state == SERVICE_DISABLED)
		service->all->disabled++;
	tell_change(service);
}

/* ---- starting ---- */

static void on_said(void *ctx, bool ready);

static void close_notify(struct service *service)
{
	notify_close(service->notify);
	service->notify = NULL;
}

/* Opens the notification-fd of a service that has one, and sets *fd to what run gets. Returns 0, or
 * -1 with errno. */
static int open_notify(struct service *service, int *fd)
{
	if (service->entry->notification_fd == 0)
		return 0;
	service->notify = notify_open(service->all->loop, on_said, service, fd);
	return service->notify ? 0 : -1;
}

/* Starts run, and the logging program if there is one. Returns 0, or -1 with the reason, with which
 * of the two did not start, and with what dinit is to exit with. */
static int start_programs(struct service *service, const struct program **failed,
			  char reason[PROGRAM_REASON_SIZE], int *status)
{
	struct start start = {
		.entry = service->entry,
		.run = &service->run,
		.log = service->log,
		.logged = &service->logged,
		.unlogged = &service->unlogged,
	};
	int result;

	*failed = start.run;
	*status = PROCESS_STATUS_UNABLE;
	if (service_is_command(service))
		return command_start(service->entry->command, &service->run, reason, status);
	if (open_notify(service, &start.notify_fd) < 0) {
		program_explain_pipe(errno, reason);
		return -1;
	}
	result = start_service(&start, failed, reason);
	if (start.notify_fd)
		close(start.notify_fd);
	if (result < 0)
		close_notify(service);
	return result;
}

static void tell_start_failure(const struct service *service, const struct program *failed,
			       const char *reason, int status)
{
	const struct service_owner *owner = &service->all->owner;
	char cause[CAUSE_SIZE];
	bool first;

	if (service->entry->optional) {
		log_warn("%s/%s: cannot be started%s: %s", failed->service, failed->stage,
			 service->all->has_cause ? "" : "; " SERVICE_GOES_ON, reason);
		return;
	}
	snprintf(cause, sizeof cause, "%s/%s: cannot be started: %s", failed->service,
		 failed->stage, reason);
	first = owner->on_start_failure(owner->ctx, cause, status);
	log_error("%s/%s: cannot be started%s: %s", failed->service, failed->stage,
		  first ? ", stopping the container" : "", reason);
}

/* ---- ends ---- */

static bool disabled_itself(const struct reaper_end *end)
{
	return WIFEXITED(end->status) && WEXITSTATUS(end->status) == SERVICE_EXIT_DISABLED;
}

/* Returns whether run, which ended so, has disabled the service. */
static bool disabled_service(const struct service *service, const struct reaper_end *end)
{
	return disabled_itself(end) && !service_is_command(service);
}

/* Ends the grace of a service that is SERVICE_UNLOGGED: the end of its logging program is logged,
 * and begins no teardown. */
static void settle_log_end(struct service *service)
{
	loop_timer_stop(service->all->loop, &service->log_grace);
	reaper_say_end(&service->log_end);
}

/* Says that a program of an optional service has ended; the text of then, which says what happens
 * now, follows. In a teardown it is said at level info only, as for any other service. */
static void say_optional_end(const struct service *service, const struct reaper_end *end,
			     const char *then)
{
	char how[DEATH_SIZE];

	if (service->all->has_cause) {
		reaper_say_end(end);
		return;
	}
	death_describe(service->all->programs->means.oom, end->status, how);
	log_warn("%s/%s: PID %d %s; " SERVICE_GOES_ON "%s", end->name, end->stage, end->pid, how,
		 then);
}

/* Tells the owner that run has ended, or logs that where it begins no teardown. */
static void tell_run_end(const struct service *service, const struct reaper_end *end)
{
	const struct service_owner *owner = &service->all->owner;

	if (disabled_service(service, end))
		log_info("%s/run: PID %d exited with status %d: it has disabled itself", end->name,
			 end->pid, SERVICE_EXIT_DISABLED);
	else if (service->entry->optional)
		say_optional_end(service, end, "");
	else
		owner->on_end(owner->ctx, service, end);
}

/* Starts finish, with the exit code of run (-1: a signal has ended it) and the low byte of its
 * status, as runit does. Returns whether it was started. */
static bool start_finish(const struct service *service, int status)
{
	char code[sizeof "-2147483648"], low[sizeof "255"];
	char *argv[] = { service->entry->finish, code, low, NULL };
	const struct program_spec spec = {
		.path = service->entry->finish,
		.dir = service->entry->dir,
		.argv = argv,
	};

	snprintf(code, sizeof code, "%d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	snprintf(low, sizeof low, "%d", status & 0xff);
	return hook_start(service->finish, &spec);
}

static void end_run(struct service *service, const struct reaper_end *end)
{
	bool finish = service->finish && service->all->phase != SERVICES_KILLED;

	close_notify(service);
	if (service_is_command(service))
		command_take_terminal(service->entry->command);
	service->run_status = end->status;
	service->outcome = disabled_service(service, end) || service->entry->optional
				   ? SERVICE_DISABLED
				   : SERVICE_ENDED;
	set_state(service, finish ? SERVICE_FINISHING : service->outcome);
	tell_run_end(service, end);
	if (!finish)
		return;
	if (start_finish(service, end->status))
		tell_change(service);
	else
		set_state(service, service->outcome);
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
	case SERVICE_FINISHING:
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
		log_info("%s/log: PID %d exited with status %d: it has disabled "
			 "itself" READS_DIRECTLY,
			 end->name, end->pid, SERVICE_EXIT_DISABLED);
		tell_change(service);
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
	case SERVICE_FINISHING:
	case SERVICE_DISABLED:
	case SERVICE_ENDED:
	case SERVICE_FAILED:
		reaper_say_end(end);
		tell_change(service);
		return;
	case SERVICE_WAITING:
	case SERVICE_UNLOGGED: return;
	}
}

static void on_log_grace_over(void *ctx)
{
	struct service *service = ctx;
	struct service_owner *owner = &service->all->owner;

	set_state(service, SERVICE_RUNNING);
	/* Where dinit was late, run may have ended as well, without being reaped yet: then its end
	 * is the cause. */
	if (reaper_is_zombie(service->run.watch.pid))
		reaper_say_end(&service->log_end);
	else if (service->entry->optional)
		say_optional_end(service, &service->log_end, READS_DIRECTLY);
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

static void send_down_signal(struct service *service)
{
	program_stop(&service->run, service_is_command(service) ? service->all->command_signal
								: service->entry->down_signal);
	set_state(service, SERVICE_STOPPING);
}

/* Warns that terminate cannot be started, and says what is done about it, if anything. */
static void warn_of_terminate(const struct service *service, const char *reason)
{
	char signal[SIGNAME_SIZE];

	signame_show(service->entry->down_signal, signal);
	if (service->state == SERVICE_TERMINATING)
		log_warn("%s/term: cannot be started, sending %s to the service instead: %s",
			 service->entry->name, signal, reason);
	else
		log_warn("%s/term: cannot be started: %s", service->entry->name, reason);
}

static void stop_service(struct service *service)
{
	char reason[PROGRAM_REASON_SIZE];

	if (!service->terminate || service->all->phase == SERVICES_KILLED) {
		send_down_signal(service);
		return;
	}
	set_state(service, SERVICE_TERMINATING);
	if (start_terminate(service, reason) < 0) {
		warn_of_terminate(service, reason);
		send_down_signal(service);
	}
}

void service_stop(struct service *service)
{
	switch (service->state) {
	case SERVICE_UNLOGGED: settle_log_end(service); break;
	case SERVICE_RUNNING: break;
	case SERVICE_WAITING:
	case SERVICE_TERMINATING:
	case SERVICE_STOPPING:
	case SERVICE_FINISHING:
	case SERVICE_DISABLED:
	case SERVICE_ENDED:
	case SERVICE_FAILED: return;
	}
	stop_service(service);
}

/* Notes the end of terminate: where it succeeded it has told run to stop, otherwise the signal
 * does. */
static void on_terminate_ended(struct service *service, bool succeeded)
{
	if (service->state != SERVICE_TERMINATING)
		return;
	if (succeeded)
		set_state(service, SERVICE_STOPPING);
	else
		send_down_signal(service);
}

static void on_finish_ended(struct service *service)
{
	if (service->state == SERVICE_FINISHING)
		set_state(service, service->outcome);
}

/* ---- events ---- */

/* (A run that ends closes it, too; that is told next, and shown in its place.) */
static void on_said(void *ctx, bool ready)
{
	struct service *service = ctx;

	*(ready ? &service->notified : &service->never_notified) = true;
	tell_change(service);
}

static void on_run_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	(void)failure;
	on_run_ended(ctx, end);
}

static void on_log_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	(void)failure;
	on_log_ended(ctx, end);
}

static void on_terminate_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	struct service *service = ctx;
	bool failed = failure || end->status != 0;
	char how[REAPER_STATUS_SIZE], signal[SIGNAME_SIZE];

	reaper_describe_status(end->status, how);
	signame_show(service->entry->down_signal, signal);
	if (failure)
		warn_of_terminate(service, failure);
	else if (failed && service->state == SERVICE_TERMINATING)
		log_warn("%s/term: PID %d %s: sending %s to the service instead", end->name,
			 end->pid, how, signal);
	else
		reaper_say_end(end);
	on_terminate_ended(service, !failed);
}

static void on_finish_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	hook_say_end(end, failure);
	on_finish_ended(ctx);
}

static void on_prestop_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	const struct service *service = ctx;

	hook_say_end(end, failure);
	service->all->prestopping--;
}

/* ---- what is asked of a service ---- */

void service_start(struct service *service)
{
	const struct program *failed;
	char reason[PROGRAM_REASON_SIZE];
	int status;

	if (start_programs(service, &failed, reason, &status) == 0) {
		set_state(service, SERVICE_RUNNING);
	} else {
		service->unstarted = reason;
		set_state(service, service->entry->optional ? SERVICE_DISABLED : SERVICE_FAILED);
		service->unstarted = NULL;
		tell_start_failure(service, failed, reason, status);
	}
}

bool service_is_command(const struct service *service)
{
	return service->entry->command != NULL;
}

bool service_is_up(const struct service *service)
{
	return service->state == SERVICE_RUNNING || service->state == SERVICE_UNLOGGED;
}

bool service_prestop(struct service *service)
{
	const struct program_spec spec = {
		.path = service->entry->prestop,
		.dir = service->entry->dir,
		.about_pid = service->run.watch.pid,
	};

	return service->prestop && service_is_up(service) && hook_start(service->prestop, &spec);
}

/* Calls on_program if there is such a program, and it is running. */
static void list_if_running(const struct program *program,
			    void (*on_program)(void *ctx, const struct program *program), void *ctx)
{
	if (program && program_is_running(program))
		on_program(ctx, program);
}

void service_list_running(const struct service *service,
			  void (*on_program)(void *ctx, const struct program *program), void *ctx)
{
	list_if_running(&service->run, on_program, ctx);
	list_if_running(service->terminate, on_program, ctx);
	list_if_running(service->finish, on_program, ctx);
	list_if_running(service->prestop, on_program, ctx);
	list_if_running(service->log, on_program, ctx);
	control_list_running(service->controls, on_program, ctx);
}

/* ---- its programs ---- */

/* Returns one of them, prepared, where the directory has a program of that path; else NULL. */
static struct program *add_program(struct service *service, struct service_spares *spares,
				   const char *path, const char *stage,
				   void (*on_end)(void *ctx, const struct reaper_end *end,
						  const char *failure))
{
	struct program *program;

	if (!path)
		return NULL;
	program = spares->program++;
	program_init(program, service->all->programs, service->entry->name, stage, on_end, service);
	program->tallies = service->tallies;
	return program;
}

void service_init(struct service *service, struct services *all, const struct svdir_entry *entry,
		  struct service_spares *spares)
{
	struct programs *programs = all->programs;

	*service = (struct service){ .all = all, .entry = entry, .run_status = -1 };
	program_init(&service->run, programs, entry->name, "run", on_run_exit, service);
	service->run.tallies = service->tallies;
	service->log = add_program(service, spares, entry->log_run, "log", on_log_exit);
	service->terminate =
		add_program(service, spares, entry->terminate, "term", on_terminate_exit);
	service->finish = add_program(service, spares, entry->finish, "finish", on_finish_exit);
	service->prestop = add_program(service, spares, entry->prestop, "prestop", on_prestop_exit);
	service->controls = control_init(spares->control, entry, programs, &service->run);
	spares->control += control_count(entry);
	service->log_grace = (struct loop_timer){ .on_due = on_log_grace_over, .ctx = service };
}

size_t service_count_programs(const struct svdir_entry *entry)
{
	return (size_t) !!entry->log_run + !!entry->terminate + !!entry->finish + !!entry->prestop;
}

void service_close(struct service *service)
{
	close_notify(service);
	program_close(&service->run);
	if (service->log)
		program_close(service->log);
}
