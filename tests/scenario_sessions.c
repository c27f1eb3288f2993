/* SPDX-License-Identifier: ISC */
/* Every program has a session and a process group of its own: what a script sends to its group
 * stays with it, and what a terminal or an outer init sends to dinit's group does not reach it. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define INFO LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info")

/* Says of every signal that it got it, and ends as its terminate asks it to, but only when it has
 * said so. */
#define GENTLE \
	"for name in HUP INT QUIT TERM TSTP CONT WINCH USR2; do\n" \
	"	trap \"echo got $name\" $name\n" \
	"done\n" \
	"trap 'asked=yes' USR1\n" \
	"echo up; until [ \"$asked\" ]; do sleep 0.02; done; echo finished"

static void put_gentle(struct scene *scene)
{
	scene_service(scene, "web", GENTLE);
	scene_script(scene, "services/web/terminate", "echo asking; kill -USR1 \"$DINIT_PID\"");
}

static void expect_gentle_end(struct run *run, int status)
{
	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDOUT, " web/term: asking.?$");
	run_expect_line(run, RUN_STDOUT, " web/run: finished.?$");
	run_expect_no_line(run, RUN_STDOUT, " web/run: got ");
}

/* ---- what a program finds ---- */

/* Its PID, process group, session and controlling terminal. */
#define SHOW_SESSION \
	"read -r pid name state parent group session terminal rest </proc/$$/stat\n" \
	"echo \"ids $pid $group $session $terminal\" >&2\n"

static void expect_own_session(struct run *run, const char *label)
{
	const char *line =
		run_wait_line(run, RUN_STDERR,
			      scene_format(run->scene, " %s: ids [0-9]+ [0-9]+ [0-9]+ 0$", label));
	int pid, group, session;

	assert_int_equal(sscanf(strstr(line, ": ids "), ": ids %d %d %d", &pid, &group, &session),
			 3);
	assert_int_equal(group, pid);
	assert_int_equal(session, pid);
}

static void test_programs_lead_sessions_of_their_own(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", SHOW_SESSION "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/web/log/run", SHOW_SESSION "exec cat");
	scene_script(scene, "services/web/terminate", SHOW_SESSION "kill \"$DINIT_PID\"");
	scene_service(scene, "api", SHOW_SESSION "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	expect_own_session(run, "web/run");
	expect_own_session(run, "web/log");
	expect_own_session(run, "api/run");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_own_session(run, "web/term");
}

/* ---- what a script sends to its group ---- */

/* Runs a service `bad` beside the gentle one, which must be asked by its terminate as ever. */
static void expect_alone(struct scene *scene, const char *bad, const char *how)
{
	struct run *run;

	put_gentle(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "bad", bad);
	run = run_start(scene, &(struct run_spec){ .environment = INFO });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	expect_gentle_end(run, 3);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, " dinit: error: bad/run: PID [0-9]+ %s, stopping",
				     how));
	run_expect_no_line(run, RUN_STDERR, " signal [0-9]+ \\(.*(received|from)");
}

static void test_kill_0_in_a_trap_stays_in_its_service(struct scene *scene)
{
	expect_alone(scene,
		     "trap 'trap - TERM; kill 0' EXIT\n"
		     "sleep 1000 & read go <\"$SCENE/go\"; exit 7",
		     "was killed by signal 15 \\(Terminated\\)");
}

static void test_kill_0_in_the_middle_stays_in_its_service(struct scene *scene)
{
	expect_alone(scene,
		     "trap '' INT; sleep 1000 & sleep 1000 | cat &\n"
		     "read go <\"$SCENE/go\"; kill -KILL 0; echo still there",
		     "was killed by signal 9 \\(Killed\\)");
}

static void test_kill_of_the_own_group_by_number_stays_in_its_service(struct scene *scene)
{
	expect_alone(scene,
		     "trap 'exit 9' HUP; sleep 1000 &\n"
		     "read go <\"$SCENE/go\"; kill -HUP -$$; " SCENE_TRAPPING,
		     "exited with status 9");
}

static void test_kill_0_in_a_subshell_in_the_background_stays_in_its_service(struct scene *scene)
{
	expect_alone(scene, "(read go <\"$SCENE/go\"; kill 0) & wait; wait; exit 8",
		     "was killed by signal 15 \\(Terminated\\)");
}

static void test_kill_0_in_log_run_stays_there(struct scene *scene)
{
	struct run *run;

	put_gentle(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "bad", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/bad/log/run",
		     "read line; read go <\"$SCENE/go\"; kill 0; echo still there");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	expect_gentle_end(run, 3);
	run_expect_line(run, RUN_STDERR,
			" dinit: error: bad/log: PID [0-9]+ was killed by signal 15 .*, stopping");
	run_expect_line(run, RUN_STDOUT, " bad/run: told$");
}

/* It kills itself alone, and that is a terminate that has failed. */
static void test_kill_0_in_terminate_stays_there(struct scene *scene)
{
	struct run *run;

	put_gentle(scene);
	scene_service(scene, "bad", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/bad/terminate", "kill 0; echo still there");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	run_signal(run, SIGTERM);
	expect_gentle_end(run, 0);
	run_expect_line(run, RUN_STDERR,
			" bad/term: PID [0-9]+ was killed by signal 15 .*sending TERM");
	run_expect_line(run, RUN_STDOUT, " bad/run: told$");
}

/* As dinit.8 shows it: not one of them is left to become an orphan. */
static void test_terminate_can_signal_the_group_of_its_service(struct scene *scene)
{
	struct run *run;

	put_gentle(scene);
	scene_service(scene, "many",
		      "sleep 1000 & sh -c 'sleep 1000; :' & sleep 1000 | cat &\n"
		      "trap 'wait; exit 0' TERM; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/many/terminate", "kill -TERM -$DINIT_PID");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	run_signal(run, SIGTERM);
	expect_gentle_end(run, 0);
	run_expect_no_line(run, RUN_STDERR, " dinit: ");
}

/* ---- what others send to dinit's group ---- */

static void expect_group_signal_stops(struct scene *scene, int signal)
{
	struct run *run;

	put_gentle(scene);
	scene_service(scene, "plain",
		      "trap 'echo told; exit 0' TERM\n"
		      "trap 'echo got it' INT QUIT HUP; echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/plain/log/run", "exec cat");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	/* dinit leads its group (harness) */
	assert_int_equal(kill(-run->pid, signal), 0);
	expect_gentle_end(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " plain/run: told$"), 1);
	run_expect_no_line(run, RUN_STDOUT, "got it");
}

static void test_signal_to_the_group_of_dinit_reaches_dinit_alone(struct scene *scene)
{
	expect_group_signal_stops(scene, SIGTERM);
}

static void test_interrupt_of_the_group_of_dinit_reaches_dinit_alone(struct scene *scene)
{
	expect_group_signal_stops(scene, SIGINT);
}

static void become_dumb_init(void *ctx)
{
	struct scene *scene = ctx;
	const char *binary = getenv("DINIT_BINARY");

	unsetenv("DINIT_BINARY");
	setenv("DINIT_JSON_STDOUT", "0", 1);
	setenv("DINIT_DIR", scene->services, 1);
	setenv("SCENE", scene->dir, 1);
	execlp("dumb-init", "dumb-init", binary && *binary ? binary : "./dinit", (char *)NULL);
	_exit(126);
}

static bool has_dumb_init(void)
{
	return access("/usr/bin/dumb-init", X_OK) == 0;
}

/* It passes each signal to the whole group of its child. */
static void test_outer_dumb_init_reaches_dinit_alone(struct scene *scene)
{
	struct run *run;

	scene_need(has_dumb_init(), "there is no dumb-init: apt-get install dumb-init");
	put_gentle(scene);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT,
						   .prepare = become_dumb_init,
						   .prepare_ctx = scene });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_signal(run, SIGWINCH);
	run_signal(run, SIGTERM);
	expect_gentle_end(run, 0);
	run_expect_no_line(run, RUN_STDERR, " dinit: ");
}

/* ---- what a terminal sends ---- */

/* Makes the terminal at descriptor 1 the one that controls dinit's session, as docker run -it does,
 * and lets it send signals without throwing away what it is about to show. */
static void take_terminal(void *ctx)
{
	struct termios modes;

	(void)ctx;
	if (ioctl(STDOUT_FILENO, TIOCSCTTY, 0) < 0 || tcgetattr(STDOUT_FILENO, &modes) < 0)
		_exit(126);
	modes.c_lflag |= ISIG | NOFLSH;
	modes.c_cc[VINTR] = 3;
	modes.c_cc[VQUIT] = 28;
	modes.c_cc[VSUSP] = 26;
	if (tcsetattr(STDOUT_FILENO, TCSANOW, &modes) < 0 || tcgetpgrp(STDOUT_FILENO) != getpgrp())
		_exit(126);
}

static struct run *start_on_terminal(struct scene *scene)
{
	struct run *run = run_start(scene, &(struct run_spec){ .environment = INFO,
							       .out = RUN_FD_TTY,
							       .prepare = take_terminal });

	run_wait_line(run, RUN_STDOUT, " web/run: up.?$");
	return run;
}

static void press(const struct run *run, char key)
{
	assert_int_equal(write(run->outputs[RUN_STDOUT].fd, &key, 1), 1);
}

static void resize(const struct run *run, unsigned short columns)
{
	const struct winsize size = { .ws_row = 24, .ws_col = columns };

	assert_int_equal(ioctl(run->outputs[RUN_STDOUT].fd, TIOCSWINSZ, &size), 0);
}

/* First what stops nothing, then the key that stops. */
static void expect_key_stops(struct scene *scene, char key, int signal)
{
	struct run *run;

	put_gentle(scene);
	scene_service(scene, "logged",
		      "trap 'echo told; exit 0' TERM\n"
		      "trap 'echo got it' INT QUIT TSTP WINCH HUP\n"
		      "echo up; " SCENE_TRAPPING);
	scene_script(scene, "services/logged/log/run", "exec cat");
	run = start_on_terminal(scene);
	run_wait_line(run, RUN_STDOUT, " logged/run: up.?$");
	resize(run, 99);
	run_wait_line(run, RUN_STDERR, " dinit: info: signal 28 .*ignored$");
	press(run, 26);
	run_wait_line(run, RUN_STDERR, " dinit: info: signal 20 .*ignored$");
	press(run, key);
	expect_gentle_end(run, 0);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, " dinit: info: signal %d .*received: stopping",
				     signal));
	run_expect_line(run, RUN_STDOUT, " logged/run: told.?$");
	run_expect_no_line(run, RUN_STDOUT, "got it");
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

static void test_terminal_ctrl_c_reaches_dinit_alone(struct scene *scene)
{
	expect_key_stops(scene, 3, SIGINT);
}

static void test_terminal_ctrl_backslash_reaches_dinit_alone(struct scene *scene)
{
	expect_key_stops(scene, 28, SIGQUIT);
}

/* Pressed again and again: the services are asked once. */
static void test_terminal_keys_pressed_often_ask_once(struct scene *scene)
{
	struct run *run;

	put_gentle(scene);
	run = start_on_terminal(scene);
	for (int i = 0; i < 20; i++) {
		press(run, 3);
		press(run, 26);
	}
	expect_gentle_end(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/term: asking"), 1);
}

/* Nor does it become theirs where they open it by its name. */
static void test_terminal_of_dinit_is_not_that_of_services(struct scene *scene)
{
	struct run *run;

	put_gentle(scene);
	scene_service(scene, "curious",
		      "if (: </dev/tty) 2>/dev/null; then echo opened >&2; else echo none >&2; fi\n"
		      "name=$(readlink \"/proc/$PPID/fd/1\"); exec 5<>\"$name\"\n" SHOW_SESSION
		      "exec sleep 1000");
	run = start_on_terminal(scene);
	run_wait_line(run, RUN_STDERR, " curious/run: none$");
	expect_own_session(run, "curious/run");
	press(run, 3);
	expect_gentle_end(run, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_programs_lead_sessions_of_their_own),
		SCENE(test_kill_0_in_a_trap_stays_in_its_service),
		SCENE(test_kill_0_in_the_middle_stays_in_its_service),
		SCENE(test_kill_of_the_own_group_by_number_stays_in_its_service),
		SCENE(test_kill_0_in_a_subshell_in_the_background_stays_in_its_service),
		SCENE(test_kill_0_in_log_run_stays_there),
		SCENE(test_kill_0_in_terminate_stays_there),
		SCENE(test_terminate_can_signal_the_group_of_its_service),
		SCENE(test_signal_to_the_group_of_dinit_reaches_dinit_alone),
		SCENE(test_interrupt_of_the_group_of_dinit_reaches_dinit_alone),
		SCENE(test_outer_dumb_init_reaches_dinit_alone),
		SCENE(test_terminal_ctrl_c_reaches_dinit_alone),
		SCENE(test_terminal_ctrl_backslash_reaches_dinit_alone),
		SCENE(test_terminal_keys_pressed_often_ask_once),
		SCENE(test_terminal_of_dinit_is_not_that_of_services),
	};

	return scene_run_all("sessions", tests, COUNT(tests));
}
