/* SPDX-License-Identifier: ISC */
/* What dinit does where the machine refuses: processes, descriptors, writing, signals. And many
 * services at once. */
#include "harness.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define ERROR "^[^ ]+Z dinit: error: "
#define WARNING "^[^ ]+Z dinit: warning: "

/* Says that it was told to stop, and does. */
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING

/* ---- "the same where a process or a pipe cannot be made" ---- */

/* ctx: how many processes the user may have, dinit included. */
static void limit_processes(void *ctx)
{
	const rlim_t *limit = ctx;

	if (setrlimit(RLIMIT_NPROC, &(struct rlimit){ *limit, *limit }) < 0)
		_exit(126);
}

static void test_process_refused_at_start_ends_with_1(struct scene *scene)
{
	rlim_t limit = 3;
	struct run *run;

	scene_service(scene, "a", "exec sleep 1000");
	scene_service(scene, "b", "exec sleep 1000");
	scene_service(scene, "c", "echo never; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT,
						   .user = scene_user(),
						   .prepare = limit_processes,
						   .prepare_ctx = &limit });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, ERROR "c/run: .*process");
	run_expect_no_line(run, RUN_STDOUT, "never");
}

static void test_process_refused_to_terminate_sends_term(struct scene *scene)
{
	rlim_t limit = 3;
	struct run *run;

	scene_service(scene, "a", "echo up; exec sleep 1000");
	scene_service(scene, "b", "echo up; exec sleep 1000");
	scene_script(scene, "services/a/terminate", "echo never");
	scene_script(scene, "services/b/terminate", "echo never");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT,
						   .user = scene_user(),
						   .prepare = limit_processes,
						   .prepare_ctx = &limit });
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "a/term: .*process");
	run_expect_line(run, RUN_STDERR, WARNING "b/term: .*process");
	run_expect_no_line(run, RUN_STDOUT, "never");
}

static void limit_files(void *ctx)
{
	const rlim_t *limit = ctx;

	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ *limit, *limit }) < 0)
		_exit(126);
}

enum {
	FILES_MIN = 5,
	FILES_MAX = 40
};

/* Whatever the limit, either everything starts, or it is said what does not, and it ends with 1. */
static void test_files_refused_at_start_end_with_1(struct scene *scene)
{
	size_t refused = 0, started = 0;

	scene_service(scene, "a", "exec sleep 1000");
	scene_script(scene, "services/a/log/run", "exec cat");
	scene_service(scene, "b", "exec sleep 1000");
	scene_service(scene, "z", "echo last; exit 0");
	for (rlim_t limit = FILES_MIN; limit < FILES_MAX; limit++) {
		struct run *run = run_start(scene, &(struct run_spec){ .environment = TEXT,
								       .prepare = limit_files,
								       .prepare_ctx = &limit });
		int status = run_wait_exit(run);

		if (status == 0) {
			run_expect_line(run, RUN_STDOUT, " z/run: last$");
			started++;
			continue;
		}
		assert_int_equal(status, 1);
		run_expect_line(run, RUN_STDERR,
				ERROR ".*(Too many open files|No file descriptors available)");
		refused += run_count_lines(run, RUN_STDERR, ERROR "[abz]/(run|log): ");
	}
	assert_true(refused > 0);
	assert_true(started > 0);
}

/* Whatever the limit: where everything could start, everything stops. */
static void test_files_refused_to_terminate_send_term(struct scene *scene)
{
	size_t refused = 0;

	scene_service(scene, "a", POLITE);
	scene_script(scene, "services/a/terminate", "kill -TERM \"$DINIT_PID\"");
	scene_script(scene, "services/a/log/run", "exec cat");
	scene_service(scene, "b", POLITE);
	scene_script(scene, "services/b/terminate", "kill -TERM \"$DINIT_PID\"");
	for (rlim_t limit = FILES_MIN; limit < FILES_MAX; limit++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
									  "DINIT_LOG_LEVEL=info"),
						      .prepare = limit_files,
						      .prepare_ctx = &limit });

		run_wait_line(run, RUN_STDERR, "(error:|b/run: running)");
		if (run_count_lines(run, RUN_STDERR, "error:") == 0) {
			run_wait_lines(run, RUN_STDOUT, "up$", 2);
			run_signal(run, SIGTERM);
			run_expect_exit(run, 0);
			run_expect_line(run, RUN_STDOUT, " a/run: told$");
			run_expect_line(run, RUN_STDOUT, " b/run: told$");
			refused += run_count_lines(run, RUN_STDERR,
						   WARNING "[ab]/term: .*(open files|descriptors)");
		} else {
			run_expect_exit(run, 1);
		}
	}
	assert_true(refused > 0);
}

/* ---- calls that are refused before anything is started ---- */

#if !defined(SYS_epoll_wait)
#define SYS_epoll_wait SYS_epoll_pwait
#endif

/* A call that fails, as under a seccomp profile: either of the two (-1: none), where its third
 * argument is at least so much. */
struct refusal {
	int call, other, error;
	unsigned from;
	const char *said;
};

static void refuse_call(void *ctx)
{
	const struct refusal *refusal = ctx;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refusal->call, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refusal->other, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, refusal->from, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)refusal->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = COUNT(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(126);
}

/* (A sanitizer that looks for leaks in the end needs some of these calls as well.) */
static void expect_refused(struct scene *scene, struct refusal *refusal)
{
	struct run *run;

	scene_service(scene, "web", "echo never; exec sleep 1000");
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								"LSAN_OPTIONS=detect_leaks=0"),
					    .prepare = refuse_call,
					    .prepare_ctx = refusal });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, scene_format(scene, ERROR "%s$", refusal->said));
	/* The last line repeats the cause, if there was a process. */
	assert_int_equal(run_count_lines(run, RUN_STDERR, "") -
				 run_count_lines(run, RUN_STDERR, ERROR "stopped after "),
			 1);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 0);
}

static void test_call_refused_before_the_start_ends_with_1(struct scene *scene)
{
	struct refusal refusals[] = {
		{ SYS_rt_sigprocmask, -1, EPERM, 0,
		  "signals cannot be blocked: Operation not permitted" },
		{ SYS_epoll_create1, -1, EPERM, 0,
		  "cannot set up the event loop: Operation not permitted" },
		{ SYS_signalfd4, -1, EPERM, 0,
		  "cannot set up the event loop: Operation not permitted" },
		{ SYS_epoll_ctl, -1, EPERM, 0,
		  "cannot set up the event loop: Operation not permitted" },
		/* 3 is /dev/null, 4 and 5 are the loop's own, 6 is stdout. */
		{ SYS_epoll_ctl, -1, ENOSPC, 6,
		  "cannot set up the output: No space left on device" },
		{ SYS_epoll_wait, SYS_epoll_pwait, EPERM, 0,
		  "cannot wait for events: Operation not permitted" },
	};

	for (size_t i = 0; i < COUNT(refusals); i++)
		expect_refused(scene, &refusals[i]);
}

static void test_subreaper_refused_ends_with_1(struct scene *scene)
{
	expect_refused(scene,
		       &(struct refusal){ SYS_prctl, -1, EINVAL, 0,
					  "cannot become a subreaper \\(PR_SET_CHILD_SUBREAPER\\): "
					  "Invalid argument" });
}

/* dinit does without, but the programs cannot get back the limit that nobody could read. */
static void test_limit_of_files_unreadable_ends_with_1(struct scene *scene)
{
	scene_need(!scene_is_sanitized(), "the sanitizers read limits, too");
	expect_refused(scene,
		       &(struct refusal){
			       SYS_prlimit64, -1, EPERM, 0,
			       "web/run: cannot be started, stopping the container: its "
			       "descriptors cannot be set up \\(Operation not permitted\\)" });
}

static void test_session_refused_ends_with_1(struct scene *scene)
{
	expect_refused(scene,
		       &(struct refusal){ SYS_setsid, -1, EPERM, 0,
					  "web/run: cannot be started, stopping the container: it "
					  "cannot have a session or a group of its own "
					  "\\(Operation not permitted\\)" });
}

static void hide_devices(void *ctx)
{
	(void)ctx;
	if (mount("none", "/dev", "tmpfs", 0, NULL) < 0)
		_exit(126);
}

static void test_dev_null_missing_ends_with_1(struct scene *scene)
{
	static const char *const said[] = {
		"/dev/null, the services' stdin, cannot be opened: No such file or directory",
		"/dev/null cannot be opened in place of a closed descriptor: No such file or "
		"directory",
	};

	scene_service(scene, "web", "echo never; exec sleep 1000");
	for (int closed = 0; closed < 2; closed++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){ .environment = TEXT,
						      .in = closed ? RUN_FD_CLOSED : RUN_FD_DEFAULT,
						      .prepare = hide_devices });

		run_expect_exit(run, 1);
		run_expect_line(run, RUN_STDERR, scene_format(scene, ERROR "%s$", said[closed]));
		assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 0);
	}
}

/* ---- where dinit has little: "writes no files, needs no privileges, no writable file system"
 * ---- */

static void test_root_read_only_is_enough(struct scene *scene)
{
	struct run *run;

	scene_need(!getenv("TEST_COUNTED"), "a dinit that counts its lines writes files");
	scene_service(
		scene, "web",
		"touch \"$SCENE/new\" 2>/dev/null && echo writable; echo up; exec sleep 1000");
	scene_script(scene, "services/web/log/run", "exec cat");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT, .read_only = true });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDOUT, "writable");
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void expect_ordinary_life(struct scene *scene, const struct run_spec *spec)
{
	struct run *run;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/log/run", "exec cat");
	scene_script(scene, "services/web/terminate", "kill -TERM \"$DINIT_PID\"");
	scene_service(scene, "orphan", "(exec sleep 1000) & exec sleep 1000");
	run = run_start(scene, spec);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_no_line(run, RUN_STDERR, "error");
}

static void test_ordinary_user_is_enough(struct scene *scene)
{
	expect_ordinary_life(scene,
			     &(struct run_spec){ .environment = TEXT, .user = scene_user() });
}

static void test_user_namespace_is_enough(struct scene *scene)
{
	expect_ordinary_life(scene,
			     &(struct run_spec){ .environment = TEXT, .user_namespace = true });
}

static void drop_capabilities(void *ctx)
{
	for (const int *capability = ctx; *capability >= 0; capability++)
		if (prctl(PR_CAPBSET_DROP, *capability) < 0)
			_exit(126);
}

static void test_root_without_capabilities_is_enough(struct scene *scene)
{
	int all[CAP_LAST_CAP + 2];

	scene_need(geteuid() == 0, "no capability can be dropped here: run as root");
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		all[i] = i;
	all[CAP_LAST_CAP + 1] = -1;
	expect_ordinary_life(scene, &(struct run_spec){ .environment = TEXT,
							.prepare = drop_capabilities,
							.prepare_ctx = all });
}

/* ---- the standard descriptors ---- */

/* What dinit's own three lead to, as the service has written it down: /dev/null where they were
 * closed. */
static void expect_filled(struct scene *scene, int closed)
{
	const char *line = scene_read(scene, "fds");

	for (int fd = 0; fd < 3; fd++) {
		const char *end = strchr(line, '\n');

		assert_non_null(end);
		assert_int_equal(strncmp(line, "/dev/null\n", 10) == 0,
				 fd == 0 || (closed & 1 << fd) != 0);
		line = end + 1;
	}
	assert_int_equal(unlink(scene_path(scene, "fds")), 0);
}

/* Every set of them closed: nothing of dinit's lands in their place, those that are open get
 * what is theirs. */
static void test_standard_descriptors_closed_are_no_obstacle(struct scene *scene)
{
	scene_service(
		scene, "web",
		"readlink /proc/$$/fd/0; echo out; echo err >&2\n"
		"for fd in 0 1 2; do readlink /proc/$PPID/fd/$fd; done >\"$SCENE/fds\"; exit 5");
	for (int closed = 1; closed < 8; closed++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){
					  .environment = TEXT,
					  .in = closed & 1 ? RUN_FD_CLOSED : RUN_FD_DEFAULT,
					  .out = closed & 2 ? RUN_FD_CLOSED : RUN_FD_DEFAULT,
					  .err = closed & 4 ? RUN_FD_CLOSED : RUN_FD_DEFAULT });

		run_expect_exit(run, 3);
		expect_filled(scene, closed);
		if (!(closed & 2)) {
			run_expect_line(run, RUN_STDOUT, " web/run: out$");
			run_expect_line(run, RUN_STDOUT, " web/run: /dev/null$");
		}
		if (!(closed & 4)) {
			run_expect_line(run, RUN_STDERR, " web/run: err$");
			run_expect_line(run, RUN_STDERR,
					ERROR "web/run: PID [0-9]+ exited with status 5");
		}
		/* A stream that is not there is said on the other one. */
		if ((closed & 6) == 2)
			run_expect_line(run, RUN_STDERR, WARNING "stdout .*Bad file descriptor");
		if ((closed & 6) == 4)
			run_expect_line(run, RUN_STDOUT,
					" dinit: warning: stderr .*Bad file descriptor");
	}
}

/* What is said on stdout in a JSON mode is JSON. */
static void test_stderr_closed_is_said_on_stdout_as_json(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo '{}'; echo lost >&2");
	run = run_start(scene, &(struct run_spec){ .err = RUN_FD_CLOSED });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT,
			"^\\{\"message\":\"stderr .*Bad file "
			"descriptor.*\",\"service\":\"dinit\",\"stage\":\"warning\","
			"\"logged\":\"[^\"]+\"\\}$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 2);
}

static void test_standard_descriptors_of_every_kind_get_their_lines(struct scene *scene)
{
	static const enum run_fd kinds[] = { RUN_FD_PIPE, RUN_FD_FILE, RUN_FD_TTY, RUN_FD_SOCKET,
					     RUN_FD_NULL };

	scene_service(scene, "web", "seq -f 'out %g' 1 1000; seq -f 'err %g' 1 1000 >&2; exit 5");
	for (size_t out = 0; out < COUNT(kinds); out++) {
		for (size_t err = 0; err < COUNT(kinds); err++) {
			struct run *run = run_start(scene, &(struct run_spec){ .environment = TEXT,
									       .out = kinds[out],
									       .err = kinds[err] });

			run_expect_exit(run, 3);
			if (kinds[out] != RUN_FD_NULL)
				assert_int_equal(run_count_lines(run, RUN_STDOUT,
								 "Z web/run: out [0-9]+$"),
						 1000);
			if (kinds[err] != RUN_FD_NULL)
				assert_int_equal(run_count_lines(run, RUN_STDERR,
								 "Z web/run: err [0-9]+$"),
						 1000);
		}
	}
}

static void test_standard_descriptors_that_are_one_get_whole_lines(struct scene *scene)
{
	static const enum run_fd kinds[] = { RUN_FD_PIPE, RUN_FD_FILE, RUN_FD_TTY, RUN_FD_SOCKET };

	/* Both at once, and more than a pipe holds. */
	scene_service(scene, "web",
		      "seq -f 'err %.f' 1 20000 >&2 & seq -f 'out %.f' 1 20000; wait; exit 5");
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct run *run = run_start(scene, &(struct run_spec){ .environment = TEXT,
								       .out = kinds[i],
								       .err = RUN_FD_STDOUT });

		run_expect_exit(run, 3);
		assert_int_equal(run_count_lines(run, RUN_STDOUT, "^[^ ]+Z web/run: out [0-9]+$"),
				 20000);
		assert_int_equal(run_count_lines(run, RUN_STDOUT, "^[^ ]+Z web/run: err [0-9]+$"),
				 20000);
		run_expect_line(run, RUN_STDOUT, ERROR "web/run");
	}
}

/* ---- where a signal is refused ---- */

static int without_kill[] = { CAP_KILL, -1 };

/* The service is another user's, and is stopped, too. */
static void test_signal_refused_is_sent_by_child_that_takes_on_the_user(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_script(scene, "polite", POLITE);
	scene_script(
		scene, "stopped",
		"trap 'echo told; exit 0' TERM\n"
		"(while ! grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; echo up) &\n"
		"kill -STOP $$; " SCENE_TRAPPING);
	scene_service(scene, "web",
		      "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$SCENE/polite\"");
	scene_service(scene, "web2",
		      "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$SCENE/stopped\"");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT,
						   .prepare = drop_capabilities,
						   .prepare_ctx = without_kill });
	run_wait_lines(run, RUN_STDOUT, "up$", 2);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
	run_expect_line(run, RUN_STDOUT, " web2/run: told$");
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* KILL at the end of DINIT_STOP_TIMEOUT, in the same way. */
static void test_kill_refused_is_sent_by_child_that_takes_on_the_user(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_fifo(scene, "go");
	scene_script(scene, "stubborn", "trap '' TERM; echo up; exec sleep 1000");
	scene_service(
		scene, "web",
		"exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$SCENE/stubborn\"");
	scene_service(scene, "trigger", "read go <\"$SCENE/go\"; exit 4");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_STOP_TIMEOUT=0.2"),
						   .prepare = drop_capabilities,
						   .prepare_ctx = without_kill });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, WARNING "web/run: PID [0-9]+ .*killing it");
	run_expect_no_line(run, RUN_STDERR, "cannot send");
}

/* As a service that calls sudo: a program with the set-user-ID bit makes another user of it. */
static void make_sudo(struct scene *scene, unsigned owner)
{
	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_service(scene, "copy",
		      scene_format(scene,
				   "cd \"$SCENE\" && cp \"$(command -v setpriv)\" setpriv && chown "
				   "%u setpriv && "
				   "chmod 4755 setpriv",
				   owner));
	run_expect_exit(run_start(scene, &(struct run_spec){ .environment = TEXT }), 0);
	scene_need(access(scene_path(scene, "setpriv"), X_OK) == 0,
		   "no setpriv here: install util-linux");
	scene_file(scene, "services/copy/down", 0644, "");
	scene_service(scene, "web", "exec \"$SCENE/setpriv\" --reuid 65534 \"$SCENE/deaf\"");
	scene_fifo(scene, "go");
}

/* dinit is an ordinary user. */
static void test_signal_refused_altogether_is_warned_about(struct scene *scene)
{
	struct run *run;

	make_sudo(scene, 0);
	scene_script(scene, "deaf", "echo up; read go <\"$SCENE/go\"; echo ended by itself");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT, .user = scene_user() });
	run_wait_line(run, RUN_STDOUT, "up$");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDERR, WARNING "web/run: .*TERM.*PID [0-9]+.*not permitted");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: ended by itself$");
}

static int without_kill_and_setuid[] = { CAP_KILL, CAP_SETUID, -1 };

/* At the end of DINIT_STOP_TIMEOUT dinit says what is left, and exits. */
static void test_kill_refused_altogether_leaves_it_behind(struct scene *scene)
{
	struct run *run;

	make_sudo(scene, 65534);
	scene_may_leave(scene);
	scene_script(scene, "deaf", "echo up; exec sleep 1000");
	scene_service(scene, "trigger", "read go <\"$SCENE/go\"; exit 4");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								       "DINIT_STOP_TIMEOUT=0.2"),
						   .prepare = drop_capabilities,
						   .prepare_ctx = without_kill_and_setuid });
	run_wait_line(run, RUN_STDOUT, "up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			WARNING "web/run: cannot send KILL to PID [0-9]+: Operation not permitted");
	run_expect_line(run, RUN_STDERR, ERROR "what is left cannot be killed: leaving it behind$");
}

/* ---- many ---- */

static void test_services_1000_start_and_stop(struct scene *scene)
{
	enum {
		SERVICES = 1000
	};
	struct rlimit limit;
	struct run *run;

	scene_need(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > 3 * SERVICES,
		   "the limit of files is too low");
	for (int i = 0; i < SERVICES; i++)
		scene_service(scene, scene_format(scene, "s%03d", i), "echo up; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	/* Each hundred has the time of one wait. */
	for (size_t i = 100; i <= SERVICES; i += 100)
		run_wait_lines(run, RUN_STDOUT, "up$", i);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " s[0-9]{3}/run: up$"), SERVICES);
	run_expect_no_line(run, RUN_STDERR, ".");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_process_refused_at_start_ends_with_1),
		SCENE(test_process_refused_to_terminate_sends_term),
		SCENE(test_files_refused_at_start_end_with_1),
		SCENE(test_files_refused_to_terminate_send_term),
		SCENE(test_call_refused_before_the_start_ends_with_1),
		SCENE_AS_SUBREAPER(test_subreaper_refused_ends_with_1),
		SCENE(test_limit_of_files_unreadable_ends_with_1),
		SCENE(test_session_refused_ends_with_1),
		SCENE_AS_INIT(test_dev_null_missing_ends_with_1),
		SCENE_AS_INIT(test_root_read_only_is_enough),
		SCENE(test_ordinary_user_is_enough),
		SCENE_AS_INIT(test_user_namespace_is_enough),
		SCENE(test_root_without_capabilities_is_enough),
		SCENE(test_standard_descriptors_closed_are_no_obstacle),
		SCENE(test_stderr_closed_is_said_on_stdout_as_json),
		SCENE(test_standard_descriptors_of_every_kind_get_their_lines),
		SCENE(test_standard_descriptors_that_are_one_get_whole_lines),
		SCENE(test_signal_refused_is_sent_by_child_that_takes_on_the_user),
		SCENE(test_kill_refused_is_sent_by_child_that_takes_on_the_user),
		SCENE(test_signal_refused_altogether_is_warned_about),
		SCENE(test_kill_refused_altogether_leaves_it_behind),
		SCENE(test_services_1000_start_and_stop),
	};

	return scene_run_all("failures", tests, COUNT(tests));
}
