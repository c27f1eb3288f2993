/* SPDX-License-Identifier: ISC */
/* Owns the state machine of start and teardown, and the exit status. Whoever reads this file from
 * the bottom (main) upwards meets things in the order in which they happen. Invariant: handlers
 * record what happened, and only advance() changes the state. */
#include "base.h"
#include "board.h"
#include "cause.h"
#include "client/beside.h"
#include "client/cli.h"
#include "log.h"
#include "overtime.h"
#include "policy.h"
#include "process.h"
#include "request.h"
#include "services.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum state {
	STATE_STARTING,
	STATE_RUNNING,
	/* The teardown has begun, but the services run on: their prestop programs run, or the delay
	 * is not over that the user has set. */
	STATE_DELAYING,
	/* The command was told to stop, and the services run on until it has ended. */
	STATE_STOPPING_COMMAND,
	/* The services were told to stop, and processes are left. */
	STATE_STOPPING,
	/* No process is left, but lines may be. */
	STATE_DRAINING,
};

struct dinit {
	struct base base;
	struct services services;
	struct board board;
	struct health health;
	struct policy policy;
	struct oom oom;
	struct termlog termlog;
	struct cause cause;
	enum state state;
	/* A signal has come in the teardown: neither DINIT_STOP_DELAY nor the prestop programs are
	 * waited for. */
	bool hurried;
	/* A service that has not been started yet is not started any more. */
	bool start_abandoned;
	/* Whether children are to be reaped in this turn, and whether the last reaping left any. */
	bool children_changed, children_left;
	/* The process of a program has been reaped since orphans were last looked for. */
	bool program_ended;
	/* The last message of all has been written. */
	bool concluded;
	struct requests requests;
	/* What the command is to be sent when it is told to stop: a bit for each signal. */
	unsigned command_signals;
	struct overtime overtime;
	struct loop_timer delay_timer;
};

/* ---- what begins a teardown ---- */

static bool has_cause(const struct dinit *dinit)
{
	return cause_is_there(&dinit->cause);
}

static void on_service_end(void *ctx, const struct service *service, const struct reaper_end *end)
{
	struct dinit *dinit = ctx;

	cause_note_end(&dinit->cause, service, end);
}

static void on_adopted_end(void *ctx, const struct reaper_end *end)
{
	struct dinit *dinit = ctx;

	cause_note_orphan_end(&dinit->cause, end);
}

static bool on_start_failure(void *ctx, const char *cause, int status)
{
	struct dinit *dinit = ctx;

	dinit->start_abandoned = true;
	return cause_note_failure(&dinit->cause, cause, status);
}

/* Notes that a service is past the limits of its readiness. */
static bool on_unhealthy(void *ctx, const char *cause)
{
	struct dinit *dinit = ctx;

	return cause_note_failure(&dinit->cause, cause, PROCESS_STATUS_FAILED);
}

static void on_service_change(void *ctx, const struct service *service)
{
	struct dinit *dinit = ctx;

	health_note_service(&dinit->health, service);
}

/* Tells the command to stop, by each signal that came for it: it may heed only one of those that
 * came at once, or in the delay. */
static void tell_command(struct dinit *dinit)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (dinit->command_signals & 1U << signals[i])
			services_stop_command(&dinit->services, signals[i]);
	dinit->command_signals = 0;
}

/* Notes a signal that stops the container. */
static void note_stop(struct dinit *dinit, const struct signalfd_siginfo *info)
{
	char text[REQUEST_TEXT_SIZE];
	bool inside = request_describe(&dinit->requests, info, text);
	bool delayed = dinit->delay_timer.running || dinit->services.prestopping > 0;

	if (delayed && dinit->state == STATE_DELAYING) {
		log_info("%s: telling the services to stop now", text);
	} else if (has_cause(dinit)) {
		log_info("%s: the container is being stopped already", text);
	} else {
		if (inside)
			log_warn("%s: stopping the container", text);
		else
			log_info("%s: stopping the container", text);
	}
	dinit->command_signals |= 1U << request_choose_command_signal(info);
	if (dinit->state == STATE_STOPPING_COMMAND)
		tell_command(dinit);
	dinit->hurried = has_cause(dinit);
	dinit->start_abandoned = true;
	overtime_limit(&dinit->overtime, "DINIT_GRACE_PERIOD", dinit->base.config.grace_period_ms);
	cause_note_stop(&dinit->cause, text);
}

/* Runs the programs that a signal asks for. */
static void note_control(struct dinit *dinit, const struct signalfd_siginfo *info,
			 enum svdir_control control)
{
	char text[REQUEST_TEXT_SIZE];
	size_t asked = 0;

	if (!has_cause(dinit))
		asked = services_control(&dinit->services, control);
	if (!log_enabled(CONFIG_LOG_INFO))
		return;
	request_describe(&dinit->requests, info, text);
	if (asked > 0)
		log_info("%s: running control/%c of %zu service%s", text,
			 SVDIR_CONTROL_NAMES[control], asked, asked == 1 ? "" : "s");
	else
		log_info("%s: %s, %s", text,
			 services_find_command(&dinit->services) ? "passed on to the command"
								 : "ignored",
			 has_cause(dinit) ? "the container is being stopped already"
					  : "no service that has a program for it is running");
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct dinit *dinit = ctx;
	enum svdir_control control;

	/* Nothing is said after the last message. */
	if (dinit->concluded)
		return;
	dinit->requests.command_runs = services_find_command(&dinit->services) != NULL;
	switch (request_read(&dinit->requests, info, &control)) {
	case REQUEST_NOTHING: return;
	case REQUEST_CHILDREN:
		dinit->children_changed = true;
		reaper_note_signal(&dinit->base.reaper, (pid_t)info->ssi_pid);
		return;
	case REQUEST_CONTROL: note_control(dinit, info, control); __attribute__((fallthrough));
	case REQUEST_FORWARD:
		services_signal_command(&dinit->services, (int)info->ssi_signo);
		return;
	case REQUEST_STOP: note_stop(dinit, info); return;
	}
}

/* ---- the state machine ---- */

static void show_teardown(struct dinit *dinit, enum board_whole whole)
{
	char cause[BOARD_CAUSE_SIZE];

	ending_copy_bare_cause(&dinit->cause.ending, cause, sizeof cause);
	health_begin_teardown(&dinit->health, whole, cause);
}

/* Returns whether something has happened after which DINIT_STOP_DELAY is not waited for. */
static bool is_undelayed(const struct dinit *dinit)
{
	return dinit->hurried || dinit->cause.followed;
}

/* Begins the teardown: its limits start, but the services are not told to stop yet. */
static void begin_delay(struct dinit *dinit)
{
	uint64_t delay_ms = dinit->cause.verdict.cause == VERDICT_OUTSIDE && !is_undelayed(dinit)
				    ? dinit->base.config.stop_delay_ms
				    : 0;

	dinit->state = STATE_DELAYING;
	if (dinit->cause.verdict.cause == VERDICT_INSIDE)
		overtime_limit(&dinit->overtime, "DINIT_STOP_TIMEOUT",
			       dinit->base.config.stop_timeout_ms);
	overtime_expect(&dinit->overtime);
	services_prestop(&dinit->services);
	show_teardown(dinit, delay_ms > 0 || dinit->services.prestopping > 0
				     ? BOARD_WHOLE_DELAYING
				     : BOARD_WHOLE_STOPPING);
	if (delay_ms == 0) {
		outputs_begin_teardown(&dinit->base.outputs);
		return;
	}
	log_info("the services go on for %g s (DINIT_STOP_DELAY)", (double)delay_ms / 1000);
	loop_timer_start(&dinit->base.loop, &dinit->delay_timer, delay_ms);
}

/* From now on only prestop programs are waited for, which must not wait for a reader for ever. */
static void on_delay_over(void *ctx)
{
	struct dinit *dinit = ctx;

	outputs_begin_teardown(&dinit->base.outputs);
}

/* Ends the delay: the command, which may need the services, is told first. */
static void stop_command(struct dinit *dinit)
{
	dinit->state = STATE_STOPPING_COMMAND;
	show_teardown(dinit, BOARD_WHOLE_STOPPING);
	if (dinit->delay_timer.running)
		outputs_begin_teardown(&dinit->base.outputs);
	loop_timer_stop(&dinit->base.loop, &dinit->delay_timer);
	overtime_expect(&dinit->overtime);
	if (dinit->command_signals == 0)
		dinit->command_signals = 1U << SIGTERM;
	tell_command(dinit);
}

static void stop_everything(struct dinit *dinit)
{
	dinit->state = STATE_STOPPING;
	dinit->children_changed = true;
	overtime_expect(&dinit->overtime);
	services_stop(&dinit->services);
	policy_begin_teardown(&dinit->policy);
}

/* Returns whether a process is left that dinit has started, or an orphan may be left. */
static bool is_anybody_left(const struct dinit *dinit)
{
	return dinit->base.programs.living > 0 || dinit->base.reaper.more ||
	       (dinit->children_left && policy_may_have_orphans(&dinit->policy));
}

/* Returns whether the teardown still has to wait for a process. */
static bool is_waiting(const struct dinit *dinit)
{
	if (overtime_is_hopeless(&dinit->overtime))
		return false;
	return dinit->base.programs.living > 0 || dinit->base.reaper.more ||
	       (dinit->children_left && policy_has_to_wait(&dinit->policy));
}

/* Returns whether the services are still to go on, although the teardown has begun. */
static bool is_delayed(const struct dinit *dinit)
{
	if (overtime_is_over(&dinit->overtime) || !is_anybody_left(dinit))
		return false;
	return (dinit->delay_timer.running && !is_undelayed(dinit)) ||
	       (dinit->services.prestopping > 0 && !dinit->hurried);
}

static void check_idleness(struct dinit *dinit)
{
	static const char cause[] = "all services have disabled themselves, or are optional and "
				    "have ended, and nothing else is running";

	if (is_anybody_left(dinit) || dinit->services.disabled < dinit->services.len)
		return;
	log_warn("%s: stopping the container", cause);
	cause_note_failure(&dinit->cause, cause, PROCESS_STATUS_STOPPED);
}

/* Returns whether the services are still to be told to stop, when the command has ended. */
static bool is_command_waited_for(const struct dinit *dinit)
{
	return services_find_command(&dinit->services) && !overtime_is_over(&dinit->overtime);
}

/* Starts the next service. The command, which may need them all, is not begun when a service has
 * ended that is, or may be, the cause of a teardown. Returns false where there is nothing to be
 * started. */
static bool start_next(struct dinit *dinit)
{
	bool has_ended = has_cause(dinit) || dinit->cause.firstend.held;

	if (dinit->start_abandoned || (has_ended && services_is_command_next(&dinit->services)))
		return false;
	return services_start_next(&dinit->services);
}

/* Starts the next service, or goes on with the teardown as far as it can in this turn. Returns
 * whether there may be more to do at once. */
static bool advance(struct dinit *dinit)
{
	switch (dinit->state) {
	case STATE_STARTING:
		if (!start_next(dinit)) {
			dinit->state = STATE_RUNNING;
			/* The Makefile links what clients need behind all else. */
			process_forget_code((uintptr_t)cli_run);
			dinit->children_changed = true;
		}
		return true;
	case STATE_RUNNING:
		if (!has_cause(dinit))
			check_idleness(dinit);
		if (!has_cause(dinit) || !ending_is_told(&dinit->cause.ending))
			return false;
		begin_delay(dinit);
		__attribute__((fallthrough));
	case STATE_DELAYING:
		if (is_delayed(dinit))
			return false;
		stop_command(dinit);
		__attribute__((fallthrough));
	case STATE_STOPPING_COMMAND:
		if (is_command_waited_for(dinit))
			return false;
		stop_everything(dinit);
		return true;
	case STATE_STOPPING:
		if (is_waiting(dinit))
			return false;
		dinit->state = STATE_DRAINING;
		overtime_end(&dinit->overtime);
		policy_end_teardown(&dinit->policy);
		logmux_begin_drain(&dinit->base.mux);
		return true;
	case STATE_DRAINING: return false;
	}
	return false;
}

static void reap(struct dinit *dinit)
{
	size_t reaped = dinit->base.programs.reaped;

	dinit->children_left = reaper_drain(&dinit->base.reaper);
	dinit->children_changed = dinit->base.reaper.more;
	dinit->program_ended |= dinit->base.programs.reaped > reaped;
	firstend_review(&dinit->cause.firstend);
	if (dinit->children_changed)
		return;
	policy_children_changed(&dinit->policy, dinit->program_ended);
	dinit->program_ended = false;
}

/* Writes the last message of all, when everything else is written out. Returns whether there is
 * nothing more to do. */
static bool conclude(struct dinit *dinit)
{
	if (dinit->concluded || !dinit->base.programs.started)
		return true;
	dinit->concluded = true;
	ending_say_last(&dinit->cause.ending, dinit->cause.verdict.status);
	return outputs_are_empty(&dinit->base.outputs);
}

/* Shows the counts, which are only stored: it costs no system call. */
static void show_counts(struct dinit *dinit)
{
	struct board_counts *shown = board_find_counts(&dinit->board);

	outputs_show(&dinit->base.outputs, shown->outputs);
	shown->orphans = dinit->policy.counts;
	shown->adopted_unlisted = dinit->policy.listing.unlisted;
}

static void on_dispatched(void *ctx)
{
	struct dinit *dinit = ctx;

	logmux_read_busy(&dinit->base.mux);
	if (dinit->children_changed)
		reap(dinit);
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct dinit *dinit = ctx;
	enum loop_verdict verdict;
	bool more;

	if (!has_cause(dinit))
		oom_forget(&dinit->oom, loop_now_ms(&dinit->base.loop));
	more = advance(dinit);
	verdict = logmux_turn(&dinit->base.mux);
	show_counts(dinit);
	board_wake(&dinit->board);
	if (dinit->state == STATE_DRAINING && logmux_is_drained(&dinit->base.mux) &&
	    !termlog_is_busy(&dinit->termlog) && !overtime_awaits_checks(&dinit->overtime)) {
		if (conclude(dinit))
			return LOOP_STOP;
		more = true;
	}
	return more || dinit->children_changed ? LOOP_AGAIN : verdict;
}

/* ---- getting ready ---- */

static int prepare_services(struct dinit *dinit)
{
	struct service_owner owner = {
		.on_end = on_service_end,
		.on_start_failure = on_start_failure,
		.on_change = on_service_change,
		.ctx = dinit,
	};

	if (services_open(&dinit->services, &dinit->base.svdir, dinit->base.config.skip,
			  &dinit->base.loop, &dinit->base.programs, &owner) < 0)
		return base_fail("cannot set up the services");
	services_show_tallies(&dinit->services, &dinit->base.svdir, &dinit->board);
	if (dinit->services.len == 0)
		base_warn_of_idleness(&dinit->base);
	return 0;
}

/* Makes the page that others see, and fills it; without such memory everything else works. Returns
 * 0, or -1 without memory of our own. */
static int prepare_health(struct dinit *dinit)
{
	const struct svdir *svdir = &dinit->base.svdir;
	struct health_means means = {
		.config = &dinit->base.config,
		.svdir = svdir,
		.loop = &dinit->base.loop,
		.programs = &dinit->base.programs,
		.board = &dinit->board,
	};
	size_t names_size = 0;

	for (size_t i = 0; i < svdir->len; i++)
		names_size += strlen(svdir->entries[i].name) + 1;
	if (board_open(&dinit->board, svdir->len, names_size) < 0)
		log_info("there is no shared memory, so dinit --status has nothing to show: %s",
			 strerror(errno));
	if (health_open(&dinit->health, &means, on_unhealthy, dinit) < 0) {
		board_close(&dinit->board);
		return base_fail("cannot set up the services");
	}
	board_show_directory(&dinit->board, dinit->base.config.dir);
	board_publish(&dinit->board);
	return 0;
}

static void prepare_requests(struct dinit *dinit)
{
	dinit->requests =
		(struct requests){ .proc = &dinit->base.proc, .reaper = &dinit->base.reaper };
	for (enum svdir_control control = 0; control < SVDIR_CONTROLS; control++)
		dinit->requests.has_control[control] =
			services_have_control(&dinit->services, control);
}

static void prepare_policy(struct dinit *dinit)
{
	struct policy_means means = {
		.loop = &dinit->base.loop,
		.reaper = &dinit->base.reaper,
		.proc = &dinit->base.proc,
		.mux = &dinit->base.mux,
		.signaller = &dinit->base.signaller,
		.board = &dinit->board,
	};

	policy_open(&dinit->policy, &dinit->base.config, &means, on_adopted_end, dinit);
}

/* Prepares what is said, written and limited at the end; the policy must be prepared. */
static void prepare_end(struct dinit *dinit)
{
	struct ending_means means = {
		.loop = &dinit->base.loop,
		.policy = &dinit->policy,
		.mux = &dinit->base.mux,
		.oom = &dinit->oom,
		.termlog = &dinit->termlog,
	};

	oom_open(&dinit->oom, &dinit->base.proc, "/sys/fs/cgroup");
	termlog_open(&dinit->termlog, &dinit->base.loop, &dinit->base.reaper,
		     dinit->base.config.termination_log);
	cause_init(&dinit->cause, &means, dinit->base.config.exit_status, &dinit->services,
		   &dinit->health, &dinit->base.proc);
	if (dinit->services.len == 0)
		verdict_note_failure(&dinit->cause.verdict, PROCESS_STATUS_STOPPED);
	overtime_init(&dinit->overtime, &dinit->base.loop, &dinit->services, &dinit->policy);
}

/* ---- from the beginning to the end ---- */

/* Runs the services to their end. From here on nothing ends dinit but the state machine. */
static int supervise(struct dinit *dinit)
{
	int result;

	log_set_writer(outputs_write_own, &dinit->base.outputs);
	if (!dinit->base.command.raw)
		ownfds_read(&dinit->base.ownfds, &dinit->base.mux);
	base_say_start(&dinit->base, dinit->services.len);
	prepare_policy(dinit);
	prepare_end(dinit);
	prepare_requests(dinit);
	dinit->base.loop.on_dispatched = on_dispatched;
	result = loop_run(&dinit->base.loop, on_turn_end, dinit);
	ownfds_restore(&dinit->base.ownfds);
	if (result < 0) {
		log_set_writer(NULL, NULL);
		log_error("cannot wait for events: %s", strerror(errno));
	}
	policy_close(&dinit->policy);
	return result == 0 ? dinit->cause.verdict.status : PROCESS_STATUS_UNABLE;
}

static bool would_start(void *ctx, const char *name)
{
	return base_would_start(ctx, name);
}

/* Returns whether services that are to be started run already (reported): this dinit was started
 * beside another, as by somebody in a shell of docker exec, or as its command. */
static bool is_second(struct base *base)
{
	pid_t first = getpid() == 1 ? 0 : beside_find(base->config.dir, would_start, base);

	if (first == 0)
		return false;
	log_error("%s: dinit runs these services already, as PID %d: this one would start them "
		  "once more (to ask it something, or to tell it something: dinit --status, "
		  "--signal; dinit --help)",
		  base->config.dir, (int)first);
	return true;
}

static int run_services(char *const *command)
{
	struct dinit dinit = { .delay_timer = { .on_due = on_delay_over, .ctx = &dinit } };
	const struct base_callbacks callbacks = {
		.on_signal = on_signal,
		.signal_ctx = &dinit,
		.on_orphan = policy_on_unwatched_end,
		.orphan_ctx = &dinit.policy,
	};
	int status = PROCESS_STATUS_UNABLE;

	if (base_open(&dinit.base, command, environ, &dinit.oom, &callbacks) < 0)
		return PROCESS_STATUS_UNABLE;
	if (is_second(&dinit.base) || prepare_health(&dinit) < 0)
		goto close_base;
	if (prepare_services(&dinit) == 0) {
		status = supervise(&dinit);
		services_close(&dinit.services);
	}
	health_close(&dinit.health);
	board_close(&dinit.board);
close_base:
	base_close(&dinit.base);
	return status;
}

int main(int argc, char **argv)
{
	char *const *command = NULL;
	int status;

	if (argc > 0 && cli_is_asked(argv, &command))
		return cli_run(argv);
	status = run_services(command);
	process_wait_for_console();
	return status;
}
