/* SPDX-License-Identifier: ISC */
/* Owns the state machine of start and teardown, and the exit status. Whoever reads this file from
 * the bottom (main) upwards meets things in the order in which they happen. Invariant: handlers
 * record what happened, and only advance() changes the state. (on_overtime kills, but leaves the
 * state alone.) */
#include "client/cli.h"
#include "config.h"
#include "ending.h"
#include "log.h"
#include "logmux.h"
#include "loop.h"
#include "outputs.h"
#include "policy.h"
#include "process.h"
#include "procfs.h"
#include "program.h"
#include "reaper.h"
#include "sender.h"
#include "service.h"
#include "signaller.h"
#include "svdir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum state {
	STATE_STARTING,
	STATE_RUNNING,
	/* The services were told to stop, and processes are left. */
	STATE_STOPPING,
	/* No process is left, but lines may be. */
	STATE_DRAINING,
};

/* What began the teardown: a signal (CAUSE_OUTSIDE, even if a process inside has sent it), or what
 * dinit found out itself. Whoever stops the container from outside kills it in the end if it takes
 * too long; a teardown that no signal began is limited by DINIT_STOP_TIMEOUT alone. */
enum cause {
	CAUSE_NONE,
	CAUSE_OUTSIDE,
	CAUSE_INSIDE,
};

/* What was done so far about a teardown that takes too long (on_overtime). */
enum overtime {
	OVERTIME_NONE,
	OVERTIME_SERVICES_KILLED,
	OVERTIME_ALL_KILLED,
	/* What is left cannot be killed, and is left behind. */
	OVERTIME_LEAVE,
};

/* How long each step of the overtime takes: time for a logging program to write what it has
 * read, and for the kernel to end what was killed. */
#define OVERTIME_STEP_MS 2000

/* The stop signal of systemd, SIGRTMIN+3 as the kernel and glibc count (container engines use that
 * number, too); musl's SIGRTMIN is one higher. */
#define SIGNAL_SYSTEMD_STOP (34 + 3)

struct dinit {
	struct config config;
	struct svdir svdir;
	struct loop loop;
	struct reaper reaper;
	struct procfs proc;
	struct outputs outputs;
	struct logmux mux;
	struct signaller signaller;
	struct programs programs;
	struct services services;
	struct policy policy;
	struct ending ending;
	/* Which of the descriptors 0 to 2 were not open at the start. */
	bool closed[3];
	/* At 1 and 2, the descriptors that we write stdout and stderr to: -1 where the one that we
	 * were started with was closed, else what process_copy_standard_fd returned. */
	int output_fds[3];
	/* The limit of open files as it was at the start. */
	struct rlimit nofile;
	int null_fd;
	enum state state;
	enum cause cause;
	/* The exit status, which the first cause has decided. */
	enum process_status status;
	/* A service that has not been started yet is not started any more. */
	bool start_abandoned;
	/* Whether children are to be reaped in this turn, and whether the last reaping left any. */
	bool children_changed, children_left;
	enum overtime overtime;
	struct loop_timer overtime_timer;
};

/* ---- what begins a teardown: the first cause decides ---- */

static bool has_cause(const struct dinit *dinit)
{
	return dinit->cause != CAUSE_NONE;
}

static bool has_deadline(const struct dinit *dinit)
{
	return dinit->cause == CAUSE_INSIDE && dinit->config.stop_timeout_ms > 0;
}

static void begin_teardown(struct dinit *dinit, enum cause cause, enum process_status status)
{
	if (has_cause(dinit))
		return;
	dinit->cause = cause;
	dinit->status = status;
}

/* Notes an end that begins the teardown, if nothing has begun it yet. service is NULL where an
 * adopted orphan has ended. */
static void note_end(struct dinit *dinit, const struct service *service,
		     const struct reaper_end *end)
{
	if (has_cause(dinit)) {
		char how[REAPER_STATUS_SIZE];

		reaper_describe_status(end->status, how);
		log_info("%s/%s: PID %d %s", end->name, end->stage, end->pid, how);
		return;
	}
	ending_tell(&dinit->ending, service, end);
	begin_teardown(dinit, CAUSE_INSIDE,
		       end->status != 0 ? PROCESS_STATUS_FAILED : PROCESS_STATUS_STOPPED);
}

static void on_service_end(void *ctx, const struct service *service, const struct reaper_end *end)
{
	note_end(ctx, service, end);
}

static void on_adopted_end(void *ctx, const struct reaper_end *end)
{
	note_end(ctx, NULL, end);
}

static void on_start_failure(void *ctx, const char *cause)
{
	struct dinit *dinit = ctx;

	(void)cause;
	dinit->start_abandoned = true;
	begin_teardown(dinit, CAUSE_INSIDE, PROCESS_STATUS_UNABLE);
}

static bool stops_container(int signal)
{
	switch (signal) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
	case SIGPWR:
	case SIGNAL_SYSTEMD_STOP: return true;
	case SIGHUP: return getpid() != 1;
	default: return false;
	}
}

/* Says what a signal that stops the container does now, and who sent it where that is a process
 * inside, of which nobody outside knows. */
static void say_stop(const struct dinit *dinit, const struct signalfd_siginfo *info)
{
	int signal = (int)info->ssi_signo;
	char sender[SENDER_SIZE];

	if (has_cause(dinit))
		log_info("signal %d (%s) received: the container is being stopped already", signal,
			 strsignal(signal));
	else if (sender_describe(&dinit->proc, &dinit->reaper, info, sender))
		log_warn("signal %d (%s) from %s: stopping the container", signal,
			 strsignal(signal), sender);
	else
		log_info("signal %d (%s) received: stopping the container", signal,
			 strsignal(signal));
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct dinit *dinit = ctx;
	int signal = (int)info->ssi_signo;

	if (signal == SIGCHLD) {
		dinit->children_changed = true;
	} else if (!stops_container(signal)) {
		log_info("signal %d (%s) ignored", signal, strsignal(signal));
	} else {
		say_stop(dinit, info);
		dinit->start_abandoned = true;
		begin_teardown(dinit, CAUSE_OUTSIDE, PROCESS_STATUS_STOPPED);
	}
}

/* Kills services and orphans; logging programs and filters, which end when their input does, only
 * if with_logs. Returns whether there was any. */
static bool kill_what_is_left(struct dinit *dinit, bool with_logs)
{
	bool services = services_kill(&dinit->services, with_logs),
	     orphans = policy_kill(&dinit->policy, with_logs);

	return services || orphans;
}

static void on_overtime(void *ctx)
{
	struct dinit *dinit = ctx;

	loop_timer_start(&dinit->loop, &dinit->overtime_timer, OVERTIME_STEP_MS);
	switch (dinit->overtime) {
	case OVERTIME_NONE:
		log_warn("the teardown takes longer than DINIT_STOP_TIMEOUT allows (%g s): "
			 "killing what is left",
			 (double)dinit->config.stop_timeout_ms / 1000);
		dinit->overtime = OVERTIME_SERVICES_KILLED;
		if (kill_what_is_left(dinit, false))
			return;
		dinit->overtime = OVERTIME_ALL_KILLED;
		kill_what_is_left(dinit, true);
		return;
	case OVERTIME_SERVICES_KILLED:
		dinit->overtime = OVERTIME_ALL_KILLED;
		kill_what_is_left(dinit, true);
		return;
	case OVERTIME_ALL_KILLED:
		dinit->overtime = OVERTIME_LEAVE;
		log_error("what is left cannot be killed: leaving it behind");
		break;
	case OVERTIME_LEAVE: break;
	}
	loop_timer_stop(&dinit->loop, &dinit->overtime_timer);
}

/* ---- the state machine ---- */

static void stop_everything(struct dinit *dinit)
{
	dinit->state = STATE_STOPPING;
	dinit->children_changed = true;
	if (has_deadline(dinit))
		loop_timer_start(&dinit->loop, &dinit->overtime_timer,
				 dinit->config.stop_timeout_ms);
	outputs_begin_teardown(&dinit->outputs);
	services_stop(&dinit->services);
	policy_begin_teardown(&dinit->policy);
}

/* Returns whether a process is left that dinit has started, or an orphan may be left. */
static bool is_anybody_left(const struct dinit *dinit)
{
	return dinit->programs.living > 0 ||
	       (dinit->children_left && policy_may_have_orphans(&dinit->policy));
}

/* Returns whether the teardown still has to wait for a process. */
static bool is_waiting(const struct dinit *dinit)
{
	if (dinit->overtime == OVERTIME_LEAVE)
		return false;
	return dinit->programs.living > 0 ||
	       (dinit->children_left && policy_has_to_wait(&dinit->policy));
}

static void check_idleness(struct dinit *dinit)
{
	if (is_anybody_left(dinit) || dinit->services.disabled < dinit->services.len)
		return;
	log_warn("all services have disabled themselves and nothing else is running: stopping the "
		 "container");
	begin_teardown(dinit, CAUSE_INSIDE, PROCESS_STATUS_STOPPED);
}

/* Takes one step, if there is one to be taken. Returns whether there may be another one at once. */
static bool advance(struct dinit *dinit)
{
	switch (dinit->state) {
	case STATE_STARTING:
		if (dinit->start_abandoned || !services_start_next(&dinit->services)) {
			dinit->state = STATE_RUNNING;
			dinit->children_changed = true;
		}
		return true;
	case STATE_RUNNING:
		if (!has_cause(dinit))
			check_idleness(dinit);
		if (!has_cause(dinit) || !ending_is_told(&dinit->ending))
			return false;
		stop_everything(dinit);
		return true;
	case STATE_STOPPING:
		if (is_waiting(dinit))
			return false;
		dinit->state = STATE_DRAINING;
		loop_timer_stop(&dinit->loop, &dinit->overtime_timer);
		policy_end_teardown(&dinit->policy);
		logmux_begin_drain(&dinit->mux);
		return true;
	case STATE_DRAINING: return false;
	}
	return false;
}

static void reap(struct dinit *dinit)
{
	size_t reaped = dinit->programs.reaped;

	dinit->children_changed = false;
	dinit->children_left = reaper_drain(&dinit->reaper);
	policy_children_changed(&dinit->policy, dinit->programs.reaped > reaped);
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct dinit *dinit = ctx;
	bool more;

	if (dinit->children_changed)
		reap(dinit);
	more = advance(dinit);
	more |= logmux_turn(&dinit->mux);
	if (dinit->state == STATE_DRAINING && logmux_is_drained(&dinit->mux))
		return LOOP_STOP;
	return more ? LOOP_AGAIN : LOOP_SLEEP;
}

/* ---- getting ready: until everything is open, a failure ends dinit with status 1 ---- */

/* Gets problems only: warnings come of looking into the programs (SVDIR_CONTENTS). */
static void on_scan_problem(void *ctx, enum svdir_finding finding, const char *text)
{
	(void)ctx;
	(void)finding;
	log_error("%s", text);
}

static int fail(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return -1;
}

static void copy_output_fds(struct dinit *dinit)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		dinit->output_fds[fd] = dinit->closed[fd] ? -1 : process_copy_standard_fd(fd);
}

/* Returns whether there is a copy of our own descriptor fd. */
static bool is_copied(const struct dinit *dinit, int fd)
{
	return dinit->output_fds[fd] > STDERR_FILENO;
}

static void close_output_fds(const struct dinit *dinit)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (is_copied(dinit, fd))
			close(dinit->output_fds[fd]);
}

static int open_all(struct dinit *dinit, const sigset_t *signals)
{
	process_raise_nofile(&dinit->nofile);
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return fail("cannot become a subreaper (PR_SET_CHILD_SUBREAPER)");
	dinit->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (dinit->null_fd < 0)
		return fail("/dev/null, the services' stdin, cannot be opened");
	if (loop_open(&dinit->loop, signals, on_signal, dinit) < 0)
		return fail("cannot set up the event loop");
	copy_output_fds(dinit);
	if (outputs_open(&dinit->outputs, &dinit->loop, &dinit->config, dinit->output_fds) < 0)
		goto close_fds;
	if (logmux_open(&dinit->mux, &dinit->loop, &dinit->outputs, &dinit->config) < 0)
		goto close_outputs;
	reaper_init(&dinit->reaper, policy_on_unwatched_end, &dinit->policy);
	dinit->signaller = (struct signaller){ .reaper = &dinit->reaper, .proc = &dinit->proc };
	dinit->overtime_timer = (struct loop_timer){ .on_due = on_overtime, .ctx = dinit };
	return 0;

close_outputs:
	outputs_close(&dinit->outputs);
close_fds:
	close_output_fds(dinit);
	loop_close(&dinit->loop);
	return fail("cannot set up the output");
}

static void close_all(struct dinit *dinit)
{
	log_set_writer(NULL, NULL);
	logmux_close(&dinit->mux);
	outputs_close(&dinit->outputs);
	close_output_fds(dinit);
	loop_close(&dinit->loop);
	close(dinit->null_fd);
}

static void check_for_services(struct dinit *dinit)
{
	size_t found = dinit->svdir.len;

	if (dinit->services.len > 0)
		return;
	if (found == 0)
		log_warn("%s: there is no service to run", dinit->config.dir);
	else if (found == 1)
		log_warn("%s: the only service is down or skipped", dinit->config.dir);
	else
		log_warn("%s: all %zu services are down or skipped", dinit->config.dir, found);
	begin_teardown(dinit, CAUSE_INSIDE, PROCESS_STATUS_STOPPED);
}

static int prepare_services(struct dinit *dinit, char *const *environment)
{
	struct service_owner owner = {
		.on_end = on_service_end,
		.on_start_failure = on_start_failure,
		.ctx = dinit,
	};
	struct program_means means = {
		.reaper = &dinit->reaper,
		.mux = &dinit->mux,
		.signaller = &dinit->signaller,
		.null_fd = dinit->null_fd,
		.nofile = dinit->nofile,
		.environment = environment,
	};

	if (programs_open(&dinit->programs, &means) < 0)
		return fail("cannot set up the services");
	if (services_open(&dinit->services, &dinit->svdir, dinit->config.skip, &dinit->loop,
			  &dinit->programs, &owner) < 0) {
		programs_close(&dinit->programs);
		return fail("cannot set up the services");
	}
	check_for_services(dinit);
	return 0;
}

static void prepare_policy(struct dinit *dinit)
{
	struct policy_means means = {
		.loop = &dinit->loop,
		.reaper = &dinit->reaper,
		.proc = &dinit->proc,
		.mux = &dinit->mux,
		.signaller = &dinit->signaller,
	};

	policy_open(&dinit->policy, &dinit->config, &means, on_adopted_end, dinit);
	ending_init(&dinit->ending, &dinit->loop, &dinit->policy);
}

/* ---- from the beginning to the end ---- */

static void say_start(const struct dinit *dinit)
{
	const struct config *config = &dinit->config;

	log_info("dinit " DINIT_VERSION " runs %zu of %zu services in %s, as PID %d",
		 dinit->services.len, dinit->svdir.len, config->dir, getpid());
	log_debug("stdout mode %s, reparenting policy %s, kill timeout %llu ms, "
		  "stop timeout %llu ms, longest line %zu bytes",
		  config_stdout_word(config->stdout_mode),
		  config_reparenting_word(config->reparenting),
		  (unsigned long long)config->kill_timeout_ms,
		  (unsigned long long)config->stop_timeout_ms, config->max_line);
}

/* Puts a pipe that is read like those of the services in place of our own descriptor fd, stdout or
 * stderr, for what other processes write to it through /proc. */
static void read_own_fd(struct dinit *dinit, int fd)
{
	struct logmux_source_spec spec = {
		.service = "container",
		.stage = fd == STDOUT_FILENO ? "1" : "2",
		.stream = fd == STDOUT_FILENO ? LOGMUX_STDOUT : LOGMUX_STDERR,
	};

	if (!is_copied(dinit, fd))
		return;
	spec.fd = process_replace_standard_fd(fd);
	if (spec.fd >= 0 && logmux_add(&dinit->mux, &spec) == 0)
		return;
	log_info("descriptor %d stays as it is, what other processes write to it is not labelled: "
		 "%s",
		 fd, strerror(errno));
	if (spec.fd >= 0) {
		process_restore_standard_fd(fd, dinit->output_fds[fd]);
		close(spec.fd);
	}
}

/* Puts our own descriptors 1 and 2 back in their place: from here on messages may go straight to
 * descriptor 2 again (log.h). */
static void restore_own_fds(const struct dinit *dinit)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (is_copied(dinit, fd))
			process_restore_standard_fd(fd, dinit->output_fds[fd]);
}

/* Runs the services to their end. From here on nothing ends dinit but the state machine. */
static int supervise(struct dinit *dinit)
{
	int result;

	log_set_writer(outputs_write_own, &dinit->outputs);
	read_own_fd(dinit, STDOUT_FILENO);
	read_own_fd(dinit, STDERR_FILENO);
	say_start(dinit);
	prepare_policy(dinit);
	result = loop_run(&dinit->loop, on_turn_end, dinit);
	restore_own_fds(dinit);
	if (result < 0) {
		log_set_writer(NULL, NULL);
		log_error("cannot wait for events: %s", strerror(errno));
	}
	policy_close(&dinit->policy);
	return result == 0 ? (int)dinit->status : PROCESS_STATUS_UNABLE;
}

static int run_services(char *const *environment)
{
	struct dinit dinit = { .proc = { .root = "/proc" } };
	int status = PROCESS_STATUS_UNABLE;
	sigset_t signals;

	if (process_fill_standard_fds(dinit.closed) < 0) {
		fail("/dev/null cannot be opened in place of a closed descriptor");
		return PROCESS_STATUS_UNABLE;
	}
	if (process_block_signals(&signals) < 0) {
		fail("signals cannot be blocked");
		return PROCESS_STATUS_UNABLE;
	}
	process_reset_dispositions();
	if (process_read_environment(&dinit.config, environment) < 0)
		return PROCESS_STATUS_UNABLE;
	if (svdir_scan(&dinit.svdir, dinit.config.dir, SVDIR_FILES, on_scan_problem, NULL) > 0 ||
	    open_all(&dinit, &signals) < 0)
		goto free_svdir;
	if (prepare_services(&dinit, environment) == 0) {
		status = supervise(&dinit);
		services_close(&dinit.services);
		programs_close(&dinit.programs);
	}
	close_all(&dinit);
free_svdir:
	svdir_free(&dinit.svdir);
	return status;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		return cli_run(argv + 1, environ);
	status = run_services(environ);
	process_wait_for_console();
	return status;
}
