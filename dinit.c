/* SPDX-License-Identifier: ISC */
/* Owns the process: arguments, signals, the teardown's state machine, the exit status. Reads
 * from the bottom (main) upwards in time: prepare, start, run, tear down, leave. Invariant:
 * handlers record what happened; only step() acts on it. */
#include "config.h"
#include "log.h"
#include "logmux.h"
#include "loop.h"
#include "outputs.h"
#include "policy.h"
#include "procfs.h"
#include "reaper.h"
#include "service.h"
#include "signaller.h"
#include "svdir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum exit_status {
	/* torn down from outside, by a service that ended with 0, or nothing to run */
	EXIT_DONE = 0,
	/* dinit could not do its work */
	EXIT_UNABLE = 1,
	/* a service, logging program or adopted process failed */
	EXIT_FAILED = 3,
};

enum state {
	STATE_STARTING,
	STATE_RUNNING,
	/* services were told to stop; processes are left */
	STATE_STOPPING,
	/* no process is left; lines may be */
	STATE_DRAINING,
};

/* What becomes of a teardown that takes too long. */
enum overtime {
	OVERTIME_NONE,
	OVERTIME_SERVICES_KILLED,
	OVERTIME_ALL_KILLED,
	/* what is left cannot be killed: leave it behind */
	OVERTIME_LEAVE,
};

/* How long each step of the overtime takes: time for a logging program to write what it has
 * read, and for the kernel to end what was killed. */
#define OVERTIME_STEP_MS 2000

/* How long a machine's console may take for the last 4 kB (which the kernel queues for a serial
 * line; at 9600 bit/s), and how often it is asked. */
#define CONSOLE_MAX_MS 5000
#define CONSOLE_LOOK_MS 5

/* systemd's stop signal, SIGRTMIN+3 as the kernel and glibc count (container engines use that
 * number, too); musl's SIGRTMIN is one higher. */
#define SIGNAL_SYSTEMD_STOP (34 + 3)
#define KERNEL_SIGNALS 64

struct dinit {
	struct config config;
	struct svdir svdir;
	struct loop loop;
	struct reaper reaper;
	struct procfs proc;
	struct outputs outputs;
	struct logmux mux;
	struct signaller signaller;
	struct services services;
	struct policy policy;
	/* descriptors that were not open at the start */
	bool closed[3];
	/* as it was at the start */
	struct rlimit nofile;
	int null_fd;
	enum state state;
	/* the teardown has a cause, and so an exit status */
	bool torn_down;
	/* nobody outside asked for it: it may take DINIT_STOP_TIMEOUT */
	bool limited;
	/* what is not started yet is not started any more */
	bool cut_short;
	enum exit_status exit_status;
	bool children_changed, children_left;
	enum overtime overtime;
	struct loop_timer overtime_timer;
};

/* ---- what begins a teardown: the first cause decides ---- */

static void begin_teardown(struct dinit *dinit, enum exit_status exit_status, bool from_inside)
{
	if (dinit->torn_down)
		return;
	dinit->torn_down = true;
	dinit->exit_status = exit_status;
	dinit->limited = from_inside && dinit->config.stop_timeout_ms > 0;
}

static void on_end(void *ctx, const struct reaper_end *end)
{
	struct dinit *dinit = ctx;
	char how[REAPER_STATUS_SIZE];

	reaper_describe_status(end->status, how);
	if (dinit->torn_down)
		log_info("%s/%s: PID %d %s", end->name, end->stage, end->pid, how);
	else if (end->status != 0)
		log_error("%s/%s: PID %d %s: stopping the container", end->name, end->stage,
			  end->pid, how);
	else
		log_warn("%s/%s: PID %d %s: stopping the container", end->name, end->stage,
			 end->pid, how);
	begin_teardown(dinit, end->status != 0 ? EXIT_FAILED : EXIT_DONE, true);
}

static void on_start_failure(void *ctx)
{
	struct dinit *dinit = ctx;

	dinit->cut_short = true;
	begin_teardown(dinit, EXIT_UNABLE, true);
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

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct dinit *dinit = ctx;
	int signal = (int)info->ssi_signo;

	if (signal == SIGCHLD) {
		dinit->children_changed = true;
	} else if (!stops_container(signal)) {
		log_info("signal %d (%s) ignored", signal, strsignal(signal));
	} else {
		log_info("signal %d (%s) received: %s", signal, strsignal(signal),
			 dinit->torn_down ? "the container is being stopped already"
					  : "stopping the container");
		dinit->cut_short = true;
		begin_teardown(dinit, EXIT_DONE, false);
	}
}

static void on_orphan(void *ctx, pid_t pid, int status)
{
	struct dinit *dinit = ctx;
	char name[PROCFS_NAME_SIZE] = "?", how[REAPER_STATUS_SIZE];

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	/* Another PID namespace's /proc has somebody else under that number. */
	if (!dinit->policy.blind)
		procfs_read_comm(&dinit->proc, pid, name);
	reaper_describe_status(status, how);
	log_info("%s/%d: reparented zombie %s", name, pid, how);
}

/* Returns whether there was any. */
static bool kill_all_but_logs(struct dinit *dinit)
{
	bool services = services_kill(&dinit->services, false),
	     orphans = policy_kill(&dinit->policy);

	return services || orphans;
}

static void on_overtime(void *ctx)
{
	struct dinit *dinit = ctx;

	dinit->overtime++;
	loop_timer_start(&dinit->loop, &dinit->overtime_timer, OVERTIME_STEP_MS);
	switch (dinit->overtime) {
	case OVERTIME_NONE:
	case OVERTIME_SERVICES_KILLED:
		log_warn("the teardown takes longer than DINIT_STOP_TIMEOUT allows (%g s): killing "
			 "what is left",
			 (double)dinit->config.stop_timeout_ms / 1000);
		if (!kill_all_but_logs(dinit)) {
			dinit->overtime = OVERTIME_ALL_KILLED;
			services_kill(&dinit->services, true);
		}
		return;
	case OVERTIME_ALL_KILLED: services_kill(&dinit->services, true); return;
	case OVERTIME_LEAVE:
		log_error("what is left cannot be killed: leaving it behind");
		loop_timer_stop(&dinit->loop, &dinit->overtime_timer);
		return;
	}
}

/* ---- the state machine ---- */

static void stop_everything(struct dinit *dinit)
{
	dinit->state = STATE_STOPPING;
	dinit->children_changed = true;
	if (dinit->limited)
		loop_timer_start(&dinit->loop, &dinit->overtime_timer,
				 dinit->config.stop_timeout_ms);
	outputs_begin_teardown(&dinit->outputs);
	services_stop(&dinit->services);
	policy_begin_teardown(&dinit->policy);
}

/* Whether a process runs that dinit has started, or has found. */
static bool is_anybody_left(const struct dinit *dinit)
{
	return dinit->services.living > 0 ||
	       (dinit->children_left && !policy_sees_nobody(&dinit->policy));
}

/* Whether the teardown still has to wait for a process. */
static bool is_waiting(const struct dinit *dinit)
{
	if (dinit->overtime == OVERTIME_LEAVE)
		return false;
	return policy_finds_orphans(&dinit->policy) ? is_anybody_left(dinit)
						    : dinit->services.living > 0;
}

static void check_idleness(struct dinit *dinit)
{
	if (is_anybody_left(dinit) || dinit->services.disabled < dinit->services.len)
		return;
	log_warn("all services have disabled themselves and nothing else is running: stopping the "
		 "container");
	begin_teardown(dinit, EXIT_DONE, true);
}

/* Moves on as far as it can. Returns whether there is something to do at once. */
static bool step(struct dinit *dinit)
{
	switch (dinit->state) {
	case STATE_STARTING:
		if (dinit->cut_short || !services_start_next(&dinit->services)) {
			dinit->state = STATE_RUNNING;
			dinit->children_changed = true;
		}
		return true;
	case STATE_RUNNING:
		if (!dinit->torn_down)
			check_idleness(dinit);
		if (!dinit->torn_down)
			return false;
		stop_everything(dinit);
		return true;
	case STATE_STOPPING:
		if (is_waiting(dinit))
			return false;
		dinit->state = STATE_DRAINING;
		loop_timer_stop(&dinit->loop, &dinit->overtime_timer);
		logmux_begin_drain(&dinit->mux);
		return true;
	case STATE_DRAINING: return false;
	}
	return false;
}

static void reap(struct dinit *dinit)
{
	dinit->children_changed = false;
	dinit->children_left = reaper_drain(&dinit->reaper);
	policy_children_changed(&dinit->policy);
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct dinit *dinit = ctx;
	bool more;

	if (dinit->children_changed)
		reap(dinit);
	more = step(dinit);
	more |= logmux_turn(&dinit->mux);
	if (dinit->state == STATE_DRAINING && logmux_is_drained(&dinit->mux))
		return LOOP_STOP;
	return more ? LOOP_AGAIN : LOOP_SLEEP;
}

/* ---- getting ready: until everything is open, a failure ends dinit with status 1 ---- */

/* Descriptors 0 to 2 that are closed are filled, so that nothing else lands there. */
static int fill_standard_fds(struct dinit *dinit)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		dinit->closed[fd] = true;
		if (open("/dev/null", O_RDWR) < 0)
			return -1;
	}
	return 0;
}

/* All but those that mean a fault, also those that libc keeps for itself, which is why its
 * functions are of no use here. SIGPIPE is not read: EPIPE tells it. */
static int block_signals(sigset_t *read_set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	uint64_t blocked = ~UINT64_C(0);

	memset(read_set, 0xff, sizeof *read_set);
	sigdelset(read_set, SIGPIPE);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		blocked &= ~(UINT64_C(1) << (faults[i] - 1));
		sigdelset(read_set, faults[i]);
	}
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, KERNEL_SIGNALS / 8);
}

/* So that what dinit starts has every signal at its default: it blocks signals, and ignores
 * none. With the kernel's call and its sigaction, which is all zero for SIG_DFL on every CPU,
 * because libc does not touch the signals that it uses itself. */
static void reset_dispositions(void)
{
	static const uint64_t by_default[8];

	for (int signal = 1; signal <= KERNEL_SIGNALS; signal++)
		syscall(SYS_rt_sigaction, signal, by_default, NULL, KERNEL_SIGNALS / 8);
}

static void raise_nofile(struct dinit *dinit)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &dinit->nofile) < 0)
		dinit->nofile = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	raised = (struct rlimit){ dinit->nofile.rlim_max, dinit->nofile.rlim_max };
	setrlimit(RLIMIT_NOFILE, &raised);
}

/* ctx: the config, whose log level is known by the time warnings come. */
static void on_config_problem(void *ctx, enum config_problem problem, const char *text)
{
	const struct config *config = ctx;

	log_set_level((enum log_level)config->log_level);
	if (problem == CONFIG_PROBLEM_ERROR)
		log_always(LOG_LEVEL_ERROR, "%s", text);
	else
		log_warn("%s", text);
}

static void on_svdir_problem(void *ctx, const char *text)
{
	(void)ctx;
	log_error("%s", text);
}

static void on_checked_problem(void *ctx, const char *text)
{
	(void)ctx;
	log_always(LOG_LEVEL_ERROR, "%s", text);
}

static int fail(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return -1;
}

static int open_all(struct dinit *dinit, const sigset_t *signals)
{
	raise_nofile(dinit);
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return fail("cannot become a subreaper (PR_SET_CHILD_SUBREAPER)");
	dinit->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (dinit->null_fd < 0)
		return fail("/dev/null, the services' stdin, cannot be opened");
	if (loop_open(&dinit->loop, signals, on_signal, dinit) < 0)
		return fail("cannot set up the event loop");
	if (outputs_open(&dinit->outputs, &dinit->loop, &dinit->config, dinit->closed) < 0)
		goto close_loop;
	if (logmux_open(&dinit->mux, &dinit->loop, &dinit->outputs, &dinit->config) < 0)
		goto close_outputs;
	reaper_init(&dinit->reaper, on_orphan, dinit);
	dinit->signaller = (struct signaller){ .reaper = &dinit->reaper, .proc = &dinit->proc };
	dinit->overtime_timer = (struct loop_timer){ .on_due = on_overtime, .ctx = dinit };
	return 0;

close_outputs:
	outputs_close(&dinit->outputs);
close_loop:
	loop_close(&dinit->loop);
	return fail("cannot set up the output");
}

static void close_all(struct dinit *dinit)
{
	log_set_writer(NULL, NULL);
	logmux_close(&dinit->mux);
	outputs_close(&dinit->outputs);
	loop_close(&dinit->loop);
	close(dinit->null_fd);
}

static int prepare_services(struct dinit *dinit, char *const *environment)
{
	struct service_owner owner = { .on_end = on_end,
				       .on_start_failure = on_start_failure,
				       .ctx = dinit };
	struct service_means means = {
		.loop = &dinit->loop,
		.reaper = &dinit->reaper,
		.mux = &dinit->mux,
		.signaller = &dinit->signaller,
		.null_fd = dinit->null_fd,
		.nofile = dinit->nofile,
		.environment = environment,
	};

	if (services_open(&dinit->services, &dinit->svdir, dinit->config.skip, &means, &owner) < 0)
		return fail("cannot set up the services");
	if (dinit->services.len > 0)
		return 0;
	if (dinit->svdir.len == 0)
		log_warn("%s: there is no service to run", dinit->config.dir);
	else
		log_warn("%s: there is no service to run: of %zu all are down or in DINIT_SKIP",
			 dinit->config.dir, dinit->svdir.len);
	begin_teardown(dinit, EXIT_DONE, true);
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

	policy_open(&dinit->policy, &dinit->config, &means, on_end, dinit);
}

static int read_config(struct config *config, char *const *environment)
{
	unsigned errors = config_read(config, environment, on_config_problem, config);

	log_set_level((enum log_level)config->log_level);
	return errors ? -1 : 0;
}

/* ---- what main offers ---- */

static void say_start(const struct dinit *dinit)
{
	const struct config *config = &dinit->config;

	log_info("dinit " DINIT_VERSION " runs %zu of %zu services in %s, as PID %d",
		 dinit->services.len, dinit->svdir.len, config->dir, getpid());
	log_debug("stdout mode %s, reparenting policy %s, kill timeout %llu ms, stop timeout %llu "
		  "ms, longest line %zu "
		  "bytes",
		  config_stdout_word(config->stdout_mode),
		  config_reparenting_word(config->reparenting),
		  (unsigned long long)config->kill_timeout_ms,
		  (unsigned long long)config->stop_timeout_ms, config->max_line);
}

/* From here on nothing ends dinit but the state machine. */
static int supervise(struct dinit *dinit)
{
	int result;

	log_set_writer(outputs_write_own, &dinit->outputs);
	say_start(dinit);
	prepare_policy(dinit);
	result = loop_run(&dinit->loop, on_turn_end, dinit);
	if (result < 0) {
		log_set_writer(NULL, NULL);
		log_error("cannot wait for events: %s", strerror(errno));
	}
	policy_close(&dinit->policy);
	return result == 0 ? (int)dinit->exit_status : EXIT_UNABLE;
}

static int run(char *const *environment)
{
	struct dinit dinit = { .proc = { .root = "/proc" } };
	int status = EXIT_UNABLE;
	sigset_t signals;

	if (fill_standard_fds(&dinit) < 0) {
		fail("/dev/null cannot be opened in place of a closed descriptor");
		return EXIT_UNABLE;
	}
	if (block_signals(&signals) < 0) {
		fail("signals cannot be blocked");
		return EXIT_UNABLE;
	}
	reset_dispositions();
	if (read_config(&dinit.config, environment) < 0)
		return EXIT_UNABLE;
	if (svdir_scan(&dinit.svdir, dinit.config.dir, on_svdir_problem, NULL) > 0 ||
	    open_all(&dinit, &signals) < 0)
		goto free_svdir;
	if (prepare_services(&dinit, environment) == 0) {
		status = supervise(&dinit);
		services_close(&dinit.services);
	}
	close_all(&dinit);
free_svdir:
	svdir_free(&dinit.svdir);
	return status;
}

/* A socket has such a queue too, under the same number (SIOCOUTQ), but loses nothing when we
 * end. */
static bool is_sending(int fd)
{
	int unsent;

	return isatty(fd) && ioctl(fd, TIOCOUTQ, &unsent) == 0 && unsent > 0;
}

/* A machine's console may be a serial line, which sends later what it has taken, and the end of
 * its first process is the end of that machine. (A container's terminal is a pseudo terminal,
 * which has no queue of that kind.) */
static void wait_for_console(void)
{
	if (getpid() != 1)
		return;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		for (int ms = 0; ms < CONSOLE_MAX_MS && is_sending(fd); ms += CONSOLE_LOOK_MS)
			poll(NULL, 0, CONSOLE_LOOK_MS);
}

static int check(const char *dir, char *const *environment)
{
	struct config config;
	struct svdir svdir;
	int unable = read_config(&config, environment) < 0;
	const char *checked = dir ? dir : config.dir;

	if (svdir_scan(&svdir, checked, on_checked_problem, NULL) > 0)
		unable = 1;
	if (!unable) {
		services_check_skip(&svdir, config.skip);
		if (svdir.len == 0)
			log_warn("%s: there is no service in it", checked);
		printf("%s: %zu service%s, no problem found\n", checked, svdir.len,
		       svdir.len == 1 ? "" : "s");
	}
	svdir_free(&svdir);
	return unable ? EXIT_UNABLE : EXIT_DONE;
}

static void print_usage(FILE *to)
{
	fputs("usage: dinit                 run the services of DINIT_DIR\n"
	      "       dinit --check [DIR]   report every problem of DIR (or DINIT_DIR), start "
	      "nothing\n"
	      "       dinit --version\n"
	      "       dinit --help\n"
	      "\n"
	      "dinit runs every executable /etc/service/NAME/run, labels and passes on what they "
	      "print,\n"
	      "looks after orphaned processes, and ends, in order, when any service ends.\n"
	      "\n"
	      "environment (default):\n"
	      "  DINIT_DIR                 where the service directories are (/etc/service)\n"
	      "  DINIT_JSON_STDOUT         1 JSON lines, 0 text, wrap: text becomes JSON (1)\n"
	      "  DINIT_LOG_LEVEL           none, error, warn, info, debug (warn)\n"
	      "  DINIT_REPARENTING_POLICY  adopt, terminate, ignore (terminate)\n"
	      "  DINIT_KILL_TIMEOUT        seconds from TERM to KILL for orphans (30)\n"
	      "  DINIT_STOP_TIMEOUT        seconds for a teardown nobody asked for, 0 no limit "
	      "(60)\n"
	      "  DINIT_SKIP                names of services not to start, separated by commas\n"
	      "  DINIT_MAX_LINE            longest line kept whole, in bytes, k or M (1M)\n"
	      "\n"
	      "exit status: 0 stopped from outside or by a service that exited 0; 3 a service "
	      "failed;\n"
	      "1 dinit could not do its work. See dinit(8).\n",
	      to);
}

static int refuse(char *const *arguments)
{
	fputs("dinit: unexpected arguments:", stderr);
	for (; *arguments; arguments++)
		fprintf(stderr, " %s", *arguments);
	fputs("\n\n", stderr);
	print_usage(stderr);
	return EXIT_UNABLE;
}

int main(int argc, char **argv)
{
	if (argc <= 1) {
		int status = run(environ);

		wait_for_console();
		return status;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_usage(stdout);
		return EXIT_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("dinit " DINIT_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--check") == 0 && (argc == 2 || (argc == 3 && argv[2][0] != '-')))
		return check(argv[2], environ);
	return refuse(argv + 1);
}
