/* SPDX-License-Identifier: ISC */
/* What signals do to dinit. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define INFO LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info")
/* SIGRTMIN+3 and +4, as the kernel counts */
#define SYSTEMD_HALT 37
#define SYSTEMD_POWEROFF 38

/* Ends when it is told to, and says so. */
static struct run *start_polite(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, "up$");
	return run;
}

static void expect_stop(struct scene *scene, int signal)
{
	struct run *run = start_polite(scene);

	run_signal(run, signal);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "told$");
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, "dinit: info: signal %d .*stopping", signal));
	run_expect_line(run, RUN_STDERR, "dinit: info: web/run: sending TERM to PID ");
}

static void test_signal_term_stops_container(struct scene *scene)
{
	expect_stop(scene, SIGTERM);
}

static void test_signal_int_stops_container(struct scene *scene)
{
	expect_stop(scene, SIGINT);
}

static void test_signal_quit_stops_container(struct scene *scene)
{
	expect_stop(scene, SIGQUIT);
}

static void test_signal_pwr_stops_container(struct scene *scene)
{
	expect_stop(scene, SIGPWR);
}

static void test_signal_rtmin_plus_3_stops_container(struct scene *scene)
{
	expect_stop(scene, SYSTEMD_HALT);
}

static void test_signal_rtmin_plus_4_stops_container(struct scene *scene)
{
	expect_stop(scene, SYSTEMD_POWEROFF);
}

/* Each is said, one after the other; then TERM shows that dinit is as it was. As PID 1, dinit knows
 * that they come from outside, and warns. */
static void expect_ignored(struct scene *scene, struct run *run, const int *signals, size_t count)
{
	const char *level = scene->mode == RUN_AS_INIT ? "(info|warning)" : "info";

	for (size_t i = 0; i < count; i++) {
		run_signal(run, signals[i]);
		run_wait_line(run, RUN_STDERR,
			      scene_format(scene, "dinit: %s: signal %d .*ignored", level,
					   signals[i]));
	}
	run_expect_no_line(run, RUN_STDOUT, "told");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "told$");
	run_expect_no_line(run, RUN_STDERR, "error");
}

static void test_signal_hup_stops_subreaper_only(struct scene *scene)
{
	static const int hup[] = { SIGHUP };

	if (scene->mode == RUN_AS_SUBREAPER)
		expect_stop(scene, SIGHUP);
	else
		expect_ignored(scene, start_polite(scene), hup, COUNT(hup));
}

static void test_signals_without_meaning_are_ignored_and_said(struct scene *scene)
{
	static const int signals[] = { SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU,
				       SIGXFSZ, SIGURG,  SIGSTKFLT, 36,      39,    64 };

	expect_ignored(scene, start_polite(scene), signals, COUNT(signals));
}

/* The stop signals of images from httpd, php:apache and haproxy. */
static void expect_inherited_stop(struct scene *scene, int signal)
{
	if (scene->mode == RUN_AS_INIT)
		expect_stop(scene, signal);
	else
		expect_ignored(scene, start_polite(scene), &signal, 1);
}

static void test_signal_winch_from_outside_stops_container(struct scene *scene)
{
	expect_inherited_stop(scene, SIGWINCH);
}

static void test_signal_usr1_from_outside_stops_container(struct scene *scene)
{
	expect_inherited_stop(scene, SIGUSR1);
}

/* A service sends it, and dinit waits for what follows. */
static void test_signals_without_meaning_from_inside_are_no_warning(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "trap 'echo told; exit 0' TERM\n"
		      "for signal in USR1 USR2 WINCH ALRM CONT URG; do kill -$signal $PPID; done\n"
		      "echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_wait_lines(run, RUN_STDERR, "dinit: info: signal [0-9]+ \\(.*\\) ignored$", 6);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "told$");
	run_expect_no_line(run, RUN_STDERR, "warning|error");
}

/* A signal that dinit has no use for is said once, with what to do about it. */
static void test_signal_without_use_from_outside_is_warned_of_once(struct scene *scene)
{
	static const int signals[] = { SIGHUP, SIGUSR2, SIGALRM };
	struct run *run = start_polite(scene);

	for (size_t i = 0; i < COUNT(signals); i++) {
		for (int sent = 0; sent < 3; sent++) {
			run_signal(run, signals[i]);
			run_wait_lines(run, RUN_STDERR,
				       scene_format(scene, "signal %d \\(.*ignored", signals[i]),
				       (size_t)sent + 1);
		}
		assert_int_equal(run_count_lines(run, RUN_STDERR,
						 scene_format(scene,
							      "warning: signal %d \\(.* set "
							      "STOPSIGNAL SIGTERM in the "
							      "Dockerfile$",
							      signals[i])),
				 1);
	}
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* Those that libcs keep for themselves: 32 and 33 glibc, 34 as well musl. The kernel hands out
 * the last one last. */
static void test_signals_of_libc_are_ignored_and_said(struct scene *scene)
{
	static const int last[] = { 64 };
	struct run *run = start_polite(scene);

	for (int signal = 32; signal <= 34; signal++)
		run_signal(run, signal);
	expect_ignored(scene, run, last, COUNT(last));
	for (int signal = 32; signal <= 34; signal++)
		run_expect_line(run, RUN_STDERR,
				scene_format(scene, "signal %d .*ignored", signal));
}

static void test_signals_of_terminals_do_not_stop_dinit(struct scene *scene)
{
	static const int signals[] = { SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };

	expect_ignored(scene, start_polite(scene), signals, COUNT(signals));
}

static void test_signal_pipe_does_nothing(struct scene *scene)
{
	static const int after[] = { SIGALRM };
	struct run *run = start_polite(scene);

	run_signal(run, SIGPIPE);
	expect_ignored(scene, run, after, COUNT(after));
	run_expect_no_line(run, RUN_STDERR, "signal 13 ");
}

/* Ignored signals from inside are said at info, and not at the level that is usual. */
static void test_signal_ignored_is_silent_at_default_level(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "kill -USR1 $PPID; echo up; exit 115");
	scene_service(scene, "web2", "echo up; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void no_core(void *unused)
{
	(void)unused;
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

/* As PID 1 the kernel keeps them from it, unless it is a fault of its own. */
static void test_signal_of_fault_kills_dinit(struct scene *scene)
{
	static const int faults[] = {
		SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT,
	};
	/* the sanitizer has plans of its own for the others */
	size_t count = scene_is_sanitized() ? 1 : COUNT(faults);

	scene_may_leave(scene);
	scene_service(scene, "web", "echo up; exec sleep 1000");
	for (size_t i = 0; i < count; i++) {
		struct run *run = run_start(scene, &(struct run_spec){ .environment = INFO,
								       .prepare = no_core });

		run_wait_line(run, RUN_STDOUT, "up$");
		run_signal(run, faults[i]);
		run_expect_exit(run, -faults[i]);
	}
}

/* Who holds the lock has ended, whether reaped or not. */
static void wait_until_unlocked(struct scene *scene, const char *path)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(20000);
	int fd = open(scene_path(scene, "%s", path), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0)
		if (scene_now_ms() > until_ms)
			scene_fail("%s: %s", path, strerror(errno));
	close(fd);
}

/* What happens while dinit is stopped is found when it goes on: lines, the end of a service,
 * another signal. */
static void test_stop_and_cont_lose_nothing(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_file(scene, "lock", 0666, "");
	scene_service(scene, "other", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "web",
		      "exec 9<\"$SCENE/lock\"; flock -s 9; echo locked; read go <\"$SCENE/go\"\n"
		      "seq -f 'word %g' 1 4000; exit 7");
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_wait_line(run, RUN_STDOUT, "locked$");
	run_signal(run, SIGSTOP);
	run_signal(run, SIGALRM);
	scene_let_go(scene, "go");
	wait_until_unlocked(scene, "lock");
	run_signal(run, SIGCONT);
	run_expect_exit(run, 3);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: word [0-9]+$"), 4000);
	run_expect_line(run, RUN_STDERR, "error: web/run: PID [0-9]+ exited with status 7");
	run_expect_line(run, RUN_STDERR, "signal 14 .*ignored");
	run_expect_line(run, RUN_STDOUT, "told$");
}

static void test_stop_and_term_and_cont_ends_container(struct scene *scene)
{
	struct run *run = start_polite(scene);

	run_signal(run, SIGSTOP);
	run_signal(run, SIGTERM);
	run_signal(run, SIGCONT);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "told$");
}

/* Many at once, in the middle of everything. */
static void test_signals_in_a_burst_end_container_once(struct scene *scene)
{
	static const int signals[] = { SIGALRM,      SIGTERM, SIGINT,  SIGQUIT, SIGPWR,
				       SYSTEMD_HALT, SIGTERM, SIGUSR2, SIGCONT };
	struct run *run = start_polite(scene);

	for (size_t i = 0; i < COUNT(signals); i++)
		if (run->ended || kill(run->pid, signals[i]) < 0)
			break;
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "told$"), 1);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "web/run: sending TERM"), 1);
}

/* ---- who sent it ---- */

static void wait_for_file(struct scene *scene, const char *path)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(20000);

	while (!*scene_read(scene, path))
		if (scene_now_ms() > until_ms)
			scene_fail("%s is still empty", path);
}

/* Enters the PID namespace of that process, where the one below is the one that kills. */
static void enter_and_kill(pid_t pid)
{
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	pid_t child;

	if (pid_fd < 0 || setns(pid_fd, CLONE_NEWPID) < 0)
		_exit(2);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_NAME, "visitor");
		kill(1, SIGTERM);
		for (;;)
			pause();
	}
	waitpid(child, NULL, 0);
	_exit(0);
}

#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define STOPPING ": stopping the container$"
/* dinit is the parent of every run and log/run. */
#define STAY "exec sleep 1000"

/* Starts a service `watchdog` that waits for "go" and then does this, beside another one. */
static struct run *start_watchdog(struct scene *scene, const struct run_spec *spec,
				  const char *does)
{
	struct run *run;

	if (!scene->fifos)
		scene_fifo(scene, "go");
	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "watchdog", scene_format(scene, "read go <\"$SCENE/go\"; %s", does));
	run = run_start(scene, spec);
	run_wait_line(run, RUN_STDOUT, "up$");
	return run;
}

/* It stops the container as any signal does, and is said once. */
static void expect_sender(struct run *run, const char *level, int signal, const char *from)
{
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDERR,
			scene_format(run->scene, " dinit: %s: signal %d \\(.*\\) %s" STOPPING,
				     level, signal, from));
	assert_int_equal(run_count_lines(run, RUN_STDERR, STOPPING), 1);
}

static void expect_watchdog_sender(struct scene *scene, const char *does, int signal,
				   const char *from)
{
	struct run *run = start_watchdog(scene, &(struct run_spec){ .environment = TEXT }, does);

	scene_let_go(scene, "go");
	expect_sender(run, "warning", signal, from);
}

static void test_stop_from_a_service_names_it(struct scene *scene)
{
	expect_watchdog_sender(scene, "kill $PPID; " STAY, SIGTERM,
			       "from PID [0-9]+ \\(watchdog/run\\)");
}

static void test_interrupt_from_a_service_names_it(struct scene *scene)
{
	expect_watchdog_sender(scene, "kill -INT $PPID; " STAY, SIGINT,
			       "from PID [0-9]+ \\(watchdog/run\\)");
}

static void test_systemd_stop_from_a_service_names_it(struct scene *scene)
{
	expect_watchdog_sender(scene, "kill -37 $PPID; " STAY, SYSTEMD_HALT,
			       "from PID [0-9]+ \\(watchdog/run\\)");
}

static void test_hangup_from_a_service_names_it_where_it_stops(struct scene *scene)
{
	expect_watchdog_sender(scene, "kill -HUP $PPID; " STAY, SIGHUP,
			       "from PID [0-9]+ \\(watchdog/run\\)");
}

/* It is a zombie before dinit looks at it. */
static void test_stop_from_a_service_that_ends_at_once_names_it(struct scene *scene)
{
	struct run *run = start_watchdog(scene, &(struct run_spec){ .environment = TEXT },
					 "kill $PPID; exit 7");

	scene_let_go(scene, "go");
	expect_sender(run, "warning", SIGTERM, "from PID [0-9]+ \\(watchdog/run\\)");
}

static void test_stop_from_a_logging_program_names_it(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; " SCENE_TRAPPING);
	scene_service(scene, "alarm", "echo fire; " STAY);
	scene_script(scene, "services/alarm/log/run",
		     "read line; kill -QUIT $PPID; while read line; do :; done");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			" dinit: warning: signal 3 \\(Quit\\) from PID [0-9]+ "
			"\\(alarm/log\\)" STOPPING);
}

/* A child of the script that goes on, or is a zombie because the script does not wait for it. */
static void test_stop_from_a_child_of_a_service_names_both(struct scene *scene)
{
	expect_watchdog_sender(scene, "dinit=$PPID; (kill $dinit; " STAY ") & wait", SIGTERM,
			       "from PID [0-9]+ \\((run|sleep), of watchdog/run\\)");
}

static void test_stop_from_a_zombie_of_a_service_names_both(struct scene *scene)
{
	struct run *run = start_watchdog(scene, &(struct run_spec){ .environment = TEXT },
					 "/bin/kill $PPID & " STAY);

	scene_let_go(scene, "go");
	expect_sender(run, "warning", SIGTERM, "from PID [0-9]+ \\((run|kill), of watchdog/run\\)");
}

/* As cron starts its jobs. */
static void test_stop_from_a_session_below_a_service_names_both(struct scene *scene)
{
	expect_watchdog_sender(scene,
			       "dinit=$PPID; export dinit\n"
			       "setsid sh -c 'sh -c \"kill $dinit; sleep 1000; :\"; :' & wait; :",
			       SIGTERM, "from PID [0-9]+ \\(sh, of watchdog/run\\)");
}

/* It has a session of its own, and lost its parent: nothing says whose it was. */
static void test_stop_from_an_orphan_names_it_alone(struct scene *scene)
{
	expect_watchdog_sender(scene,
			       "dinit=$PPID; export dinit\n"
			       "(setsid sh -c 'trap \"\" TERM; parent=\n"
			       "until [ \"$parent\" = $dinit ]; do read -r a b c parent rest "
			       "</proc/$$/stat; done\n"
			       "kill $dinit' &)\n" STAY,
			       SIGTERM, "from PID [0-9]+ \\(sh\\)");
}

/* /bin/kill is gone, and waited for, before dinit looks. */
static void test_stop_from_one_that_has_ended_says_so(struct scene *scene)
{
	struct run *run = start_watchdog(scene, &(struct run_spec){ .environment = INFO },
					 "/bin/kill $PPID; echo sent >\"$SCENE/sent\"; " STAY);

	run_signal(run, SIGSTOP);
	scene_let_go(scene, "go");
	wait_for_file(scene, "sent");
	run_signal(run, SIGCONT);
	if (scene->mode == RUN_AS_INIT)
		expect_sender(run, "warning", SIGTERM, "from PID [0-9]+, which has ended");
	else
		expect_sender(run, "info", SIGTERM, "received");
}

static void test_stops_from_two_services_at_once_name_one(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "one", "read go <\"$SCENE/go\"; kill -INT $PPID; " STAY);
	scene_service(scene, "two", "read go <\"$SCENE/go\"; kill -QUIT $PPID; " STAY);
	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "go");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR,
					 " dinit: warning: signal [23] \\(.*\\) from PID [0-9]+ "
					 "\\((one|two)/run\\)" STOPPING),
			 1);
	assert_int_equal(run_count_lines(run, RUN_STDERR, STOPPING), 1);
}

/* In a teardown there is nothing left to warn of. */
static void test_stop_from_inside_in_a_teardown_is_no_warning(struct scene *scene)
{
	struct run *run;

	scene_script(scene, "services/web/terminate", "kill $PPID; kill \"$DINIT_PID\"");
	run = start_polite(scene);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			" dinit: info: signal 15 .*\\(web/term\\): the container is being stopped "
			"already$");
	run_expect_no_line(run, RUN_STDERR, "warning|error");
}

/* As docker exec does it: what enters the container is no descendant of anybody there. */
static void test_stop_from_who_entered_the_container_names_it(struct scene *scene)
{
	struct run *run = start_watchdog(scene, &(struct run_spec){ .environment = TEXT }, STAY);
	pid_t pid = fork();

	if (pid == 0) {
		enter_and_kill(run->pid);
		_exit(1);
	}
	assert_true(pid > 0);
	expect_sender(run, "warning", SIGTERM, "from PID [0-9]+ \\(visitor\\)");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- where /proc tells nothing ---- */

static void expect_bare_sender(struct scene *scene, const struct run_spec *spec)
{
	struct run *run = start_watchdog(scene, spec, "kill $PPID; " STAY);

	scene_let_go(scene, "go");
	expect_sender(run, "warning", SIGTERM, "from PID [0-9]+ \\(watchdog/run\\)");
	run = start_watchdog(scene, spec, "dinit=$PPID; (kill $dinit; " STAY ") & wait");
	scene_let_go(scene, "go");
	expect_sender(run, "warning", SIGTERM, "from PID [0-9]+");
}

static void test_stop_from_inside_without_proc_names_the_pid(struct scene *scene)
{
	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	expect_bare_sender(scene, &(struct run_spec){ .environment = TEXT, .no_proc = true });
}

static void test_stop_from_inside_with_foreign_proc_names_the_pid(struct scene *scene)
{
	expect_bare_sender(scene, &(struct run_spec){ .environment = TEXT, .foreign_proc = true });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_signal_term_stops_container),
		SCENE(test_signal_int_stops_container),
		SCENE(test_signal_quit_stops_container),
		SCENE(test_signal_pwr_stops_container),
		SCENE(test_signal_rtmin_plus_3_stops_container),
		SCENE(test_signal_rtmin_plus_4_stops_container),
		SCENE(test_signal_hup_stops_subreaper_only),
		SCENE(test_signals_without_meaning_are_ignored_and_said),
		SCENE(test_signal_winch_from_outside_stops_container),
		SCENE(test_signal_usr1_from_outside_stops_container),
		SCENE(test_signals_without_meaning_from_inside_are_no_warning),
		SCENE_AS_INIT(test_signal_without_use_from_outside_is_warned_of_once),
		SCENE(test_signals_of_libc_are_ignored_and_said),
		SCENE(test_signals_of_terminals_do_not_stop_dinit),
		SCENE(test_signal_pipe_does_nothing),
		SCENE(test_signal_ignored_is_silent_at_default_level),
		SCENE_AS_SUBREAPER(test_signal_of_fault_kills_dinit),
		SCENE(test_stop_and_cont_lose_nothing),
		SCENE(test_stop_and_term_and_cont_ends_container),
		SCENE(test_signals_in_a_burst_end_container_once),
		SCENE(test_stop_from_a_service_names_it),
		SCENE(test_interrupt_from_a_service_names_it),
		SCENE(test_systemd_stop_from_a_service_names_it),
		SCENE_AS_SUBREAPER(test_hangup_from_a_service_names_it_where_it_stops),
		SCENE(test_stop_from_a_service_that_ends_at_once_names_it),
		SCENE(test_stop_from_a_logging_program_names_it),
		SCENE(test_stop_from_a_child_of_a_service_names_both),
		SCENE(test_stop_from_a_zombie_of_a_service_names_both),
		SCENE(test_stop_from_a_session_below_a_service_names_both),
		SCENE(test_stop_from_an_orphan_names_it_alone),
		SCENE(test_stop_from_one_that_has_ended_says_so),
		SCENE(test_stops_from_two_services_at_once_name_one),
		SCENE(test_stop_from_inside_in_a_teardown_is_no_warning),
		SCENE_AS_INIT(test_stop_from_who_entered_the_container_names_it),
		SCENE_AS_INIT(test_stop_from_inside_without_proc_names_the_pid),
		SCENE_AS_INIT(test_stop_from_inside_with_foreign_proc_names_the_pid),
	};

	return scene_run_all("signals", tests, COUNT(tests));
}
