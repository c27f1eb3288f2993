/* SPDX-License-Identifier: ISC */
/* A command on a real terminal, as under `docker run -it`: job control, Ctrl-C, sizes, modes, who
 * is in the foreground, hang-up; shells, editors and pagers. */
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What the shell is asked with, and what is not to be left in the tester's home. */
#define USUAL \
	"TERM=xterm", "PS1=ready> ", "HISTFILE=", "INPUTRC=/dev/null", "NO_COLOR=1", \
		"DINIT_JSON_STDOUT=0"
#define TEXT LIST(USUAL)
#define INFO LIST(USUAL, "DINIT_LOG_LEVEL=info")
#define BASH LIST("bash", "--norc")
#define PROMPT "ready> "

/* A program that says that it runs, which is then in the foreground, and goes on until it is
 * stopped. (What is typed is shown, too, but does not look so.) */
#define LASTING "sh -c 'echo on=$((1+1)); exec sleep 1000'"
#define LASTING_UP "on=2\r\n"

static struct terminal start_bash(struct scene *scene)
{
	struct terminal terminal = terminal_start(scene, TEXT, BASH);

	terminal_wait(&terminal, PROMPT);
	return terminal;
}

/* Types a line. */
static void enter(const struct terminal *terminal, const char *line)
{
	terminal_type(terminal, line);
	terminal_type(terminal, "\r");
}

/* Types a line to the shell, waits for what it shows, and for the prompt. */
#define ask(terminal, line, regex) ask_at(terminal, line, regex, SCENE_HERE)
static void ask_at(struct terminal *terminal, const char *line, const char *regex,
		   const char *where)
{
	enter(terminal, line);
	terminal_wait_at(terminal, regex, where);
	terminal_wait_at(terminal, PROMPT, where);
}

/* Lets the shell end with that status, and dinit with it. */
static void leave_bash(const struct terminal *terminal, int status)
{
	struct run *run = terminal->run;

	enter(terminal, scene_format(run->scene, "exit %d", status));
	run_expect_exit(run, status);
	run_expect_no_line(run, RUN_STDOUT, "job control");
}

/* A service whose terminate waits until it is let go, so that one can look at what dinit does when
 * the command has ended. */
static void put_lingering(struct scene *scene)
{
	scene_fifo(scene, "go");
	scene_service(scene, "web", "echo up; exec sleep 1000");
	scene_script(scene, "services/web/terminate",
		     "echo asking; read go <\"$SCENE/go\"; kill \"$DINIT_PID\"");
}

/* Waits until the command has ended and the lingering service is asked to: dinit has taken the
 * foreground back. */
#define expect_front_back(terminal) expect_front_back_at(terminal, SCENE_HERE)
static void expect_front_back_at(struct terminal *terminal, const char *where)
{
	terminal_wait_at(terminal, " web/term: asking\r\n", where);
	if (terminal_front(terminal) != terminal->run->pid)
		scene_fail_at(where, "dinit has not taken the foreground back");
}

/* ---- job control ---- */

static void test_shell_ctrl_c_ends_its_job_alone(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	for (int i = 0; i < 3; i++) {
		enter(&terminal, LASTING);
		terminal_wait(&terminal, LASTING_UP);
		terminal_type(&terminal, CTRL_C);
		terminal_wait(&terminal, PROMPT);
		ask(&terminal, "echo st=$?", "st=130\r\n");
	}
	/* At the prompt it ends nothing. (A shell that has only just shown its prompt may lose it,
	 * and a key.) */
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, "\\^C.*2004h");
	enter(&terminal, " ");
	terminal_wait(&terminal, PROMPT);
	ask(&terminal, "echo alive=$((3+4))", "alive=7\r\n");
	leave_bash(&terminal, 7);
	run_expect_no_line(terminal.run, RUN_STDOUT, " dinit: ");
}

static void test_shell_ctrl_z_fg_bg_and_jobs_work(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);
	pid_t shell = terminal_front(&terminal), job;

	assert_int_not_equal(shell, terminal.run->pid);
	enter(&terminal, LASTING);
	terminal_wait(&terminal, LASTING_UP);
	job = terminal_front(&terminal);
	assert_int_not_equal(job, shell);
	terminal_type(&terminal, CTRL_Z);
	terminal_wait(&terminal, "\\[1\\]\\+ +Stopped .*" PROMPT);
	assert_int_equal(terminal_front(&terminal), shell);
	ask(&terminal, "jobs", "\\[1\\]\\+ +Stopped ");
	ask(&terminal, "bg", "\\[1\\]\\+ .* &\r\n");
	ask(&terminal, "jobs", "\\[1\\]\\+ +Running ");
	enter(&terminal, "fg");
	terminal_wait_front(&terminal, job);
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, PROMPT);
	ask(&terminal, "echo st=$?", "st=130\r\n");
	leave_bash(&terminal, 0);
}

static void test_shell_ctrl_d_ends_with_the_last_status(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	ask(&terminal, "(exit 9)", "\r\n");
	terminal_type(&terminal, CTRL_D);
	run_expect_exit(terminal.run, 9);
}

static void test_shell_knows_each_size_of_the_terminal(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	ask(&terminal, "stty size", "24 80\r\n");
	terminal_resize(&terminal, 40, 132);
	ask(&terminal, "stty size", "40 132\r\n");
	/* The kernel sends WINCH right before it changes the size (its pty_resize()). */
	enter(&terminal, "sh -c 'trap \"until stty size | grep 100; do :; done; exit 5\" WINCH; "
			 "echo on=$((1+1)); " SCENE_TRAPPING "'");
	terminal_wait(&terminal, LASTING_UP);
	terminal_resize(&terminal, 30, 100);
	terminal_wait(&terminal, "30 100\r\n.*" PROMPT);
	ask(&terminal, "echo st=$?", "st=5\r\n");
	leave_bash(&terminal, 0);
}

/* As under tini: an interactive shell ignores TERM, and ends on HUP. */
static void test_shell_ends_on_hup_and_not_on_term(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	run_signal(terminal.run, SIGTERM);
	ask(&terminal, "echo st=$?", "st=0\r\n");
	leave_bash(&terminal, 3);
	/* While it waits: one that has only just shown its prompt needs a key to notice. */
	terminal = start_bash(scene);
	enter(&terminal, LASTING);
	terminal_wait(&terminal, LASTING_UP);
	run_signal(terminal.run, SIGHUP);
	run_expect_exit(terminal.run, 129);
}

/* One that runs, and one that is stopped; neither has the terminal, and neither outlives dinit. */
static void test_shell_leaving_jobs_behind_leaves_nothing(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	ask(&terminal, "sleep 1000 &", "\\[1\\] [0-9]+\r\n");
	enter(&terminal, LASTING);
	terminal_wait(&terminal, LASTING_UP);
	terminal_type(&terminal, CTRL_Z);
	terminal_wait(&terminal, "Stopped .*" PROMPT);
	ask(&terminal, "exit 6", "There are stopped jobs");
	leave_bash(&terminal, 6);
}

/* A stopped process in a session that goes on is nobody's, once its shell has been killed. */
static void test_shell_killed_with_a_stopped_job_leaves_nothing(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	enter(&terminal, LASTING);
	terminal_wait(&terminal, LASTING_UP);
	terminal_type(&terminal, CTRL_Z);
	terminal_wait(&terminal, "Stopped .*" PROMPT);
	enter(&terminal, "kill -KILL $$");
	run_expect_exit(terminal.run, 137);
}

/* ---- a command alone ---- */

static void test_command_ctrl_c_ends_it_quietly(struct scene *scene)
{
	struct terminal terminal = terminal_start(scene, LIST("TERM=xterm"), LIST("sleep", "1000"));

	terminal_wait_taken(&terminal);
	terminal_type(&terminal, CTRL_C);
	run_expect_exit(terminal.run, 130);
	terminal_expect(&terminal, "^C");
}

/* As under tini: nobody is there who would let it go on, but a signal that stops dinit does. */
static void test_command_ctrl_z_stops_it_until_dinit_is_stopped(struct scene *scene)
{
	struct terminal terminal = terminal_start(scene, LIST("TERM=xterm"), LIST("sleep", "1000"));

	terminal_wait_taken(&terminal);
	terminal_type(&terminal, CTRL_Z);
	terminal_wait_stopped(&terminal);
	run_signal(terminal.run, SIGTERM);
	run_expect_exit(terminal.run, 143);
	terminal_expect(&terminal, "^Z");
}

static void test_command_ctrl_z_goes_on_when_dinit_is_told_to(struct scene *scene)
{
	struct terminal terminal = terminal_start(scene, TEXT, LIST("cat"));

	terminal_wait_taken(&terminal);
	terminal_type(&terminal, CTRL_Z);
	terminal_wait_stopped(&terminal);
	run_signal(terminal.run, SIGCONT);
	enter(&terminal, "hello");
	terminal_wait(&terminal, "hello\r\nhello\r\n");
	terminal_type(&terminal, CTRL_D);
	run_expect_exit(terminal.run, 0);
}

static void test_command_reading_is_ended_by_term_to_dinit(struct scene *scene)
{
	struct terminal terminal;

	put_lingering(scene);
	terminal = terminal_start(scene, TEXT, LIST("cat"));
	terminal_wait(&terminal, " web/run: up\r\n");
	terminal_wait_taken(&terminal);
	enter(&terminal, "hello");
	terminal_wait(&terminal, "hello\r\nhello\r\n");
	run_signal(terminal.run, SIGTERM);
	expect_front_back(&terminal);
	scene_let_go(scene, "go");
	run_expect_exit(terminal.run, 143);
}

/* ---- programs that change the terminal ---- */

static void need_program(const char *path, const char *package)
{
	static char why[100];

	snprintf(why, sizeof why, "there is no %s: apt-get install %s", path, package);
	scene_need(access(path, X_OK) == 0, why);
}

static void test_python_ctrl_c_is_its_interrupt(struct scene *scene)
{
	struct terminal terminal;

	need_program("/usr/bin/python3", "python3-minimal");
	terminal = terminal_start(scene, TEXT,
				  LIST("/usr/bin/python3", "-c",
				       "print('on', flush=True)\n"
				       "while True: pass"));
	terminal_wait(&terminal, "on\r\n");
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, "KeyboardInterrupt");
	run_expect_exit(terminal.run, 130);
}

static void test_python_at_its_prompt_works(struct scene *scene)
{
	struct terminal terminal;

	need_program("/usr/bin/python3", "python3-minimal");
	terminal = terminal_start(scene, TEXT, LIST("/usr/bin/python3", "-q"));
	terminal_wait(&terminal, ">>> ");
	enter(&terminal, "print(6 * 7)");
	terminal_wait(&terminal, "42\r\n.*>>> ");
	enter(&terminal, "print('o' + 'n'); exec('while True: pass')");
	terminal_wait(&terminal, "on\r\n");
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, "KeyboardInterrupt\r\n.*>>> ");
	enter(&terminal, "exit(3)");
	run_expect_exit(terminal.run, 3);
}

/* The program draws the file, so that this can be seen, and is left with these keys: then the modes
 * are as they were. */
static void expect_drawn_and_left(struct scene *scene, const char *program, const char *drawn,
				  const char *keys)
{
	struct terminal terminal;

	put_lingering(scene);
	scene_file(scene, "text", 0644, "first of three\nsecond of three\nthird of three\n");
	terminal = terminal_start(scene, TEXT, LIST(program, scene_path(scene, "text")));
	terminal_wait(&terminal, drawn);
	assert_false(terminal_has_usual_modes(&terminal));
	terminal_type(&terminal, keys);
	expect_front_back(&terminal);
	assert_true(terminal_has_usual_modes(&terminal));
	scene_let_go(scene, "go");
	run_expect_exit(terminal.run, 0);
	run_expect_no_line(terminal.run, RUN_STDOUT, "dinit: error");
}

static void test_less_is_drawn_and_left(struct scene *scene)
{
	need_program("/usr/bin/less", "less");
	expect_drawn_and_left(scene, "less", "first of three.*third of three.*\\(END\\)", "q");
}

static void test_vi_is_drawn_and_left(struct scene *scene)
{
	need_program("/usr/bin/vi", "vim-tiny");
	expect_drawn_and_left(scene, "vi", "text\" 3L.*first of three.*third of three.*1,1",
			      ":q!\r");
}

/* ---- hang-up ---- */

static void test_hang_up_ends_a_shell_and_its_jobs(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);

	ask(&terminal, "sleep 1000 &", "\\[1\\] [0-9]+\r\n");
	enter(&terminal, LASTING);
	terminal_wait(&terminal, LASTING_UP);
	terminal_hang_up(&terminal);
	run_expect_exit(terminal.run, 129);
}

/* It may see the end of its input first. */
static void test_hang_up_ends_a_shell_at_its_prompt(struct scene *scene)
{
	struct terminal terminal = start_bash(scene);
	int status;

	terminal_hang_up(&terminal);
	status = run_wait_exit(terminal.run);
	assert_true(status == 129 || status == 0);
}

static void test_hang_up_ends_services_as_well(struct scene *scene)
{
	struct terminal terminal;

	scene_service(scene, "web",
		      "trap 'echo told >\"$SCENE/told\"; exit 0' TERM; echo up; " SCENE_TRAPPING);
	terminal = terminal_start(scene, TEXT, LIST("sleep", "1000"));
	terminal_wait(&terminal, " web/run: up\r\n");
	terminal_wait_taken(&terminal);
	terminal_hang_up(&terminal);
	run_expect_exit(terminal.run, 129);
	assert_string_equal(scene_read(scene, "told"), "told\n");
}

/* What is being done is done all the same. */
static void test_hang_up_after_the_command_changes_no_status(struct scene *scene)
{
	struct terminal terminal;

	put_lingering(scene);
	scene_script(scene, "services/web/finish", "echo over >\"$SCENE/over\"");
	terminal = terminal_start(scene, TEXT, LIST("sh", "-c", "exit 5"));
	expect_front_back(&terminal);
	terminal_hang_up(&terminal);
	scene_let_go(scene, "go");
	run_expect_exit(terminal.run, 5);
	assert_string_equal(scene_read(scene, "over"), "over\n");
}

/* ---- who is in the foreground ---- */

static void test_command_ended_ctrl_c_reaches_dinit(struct scene *scene)
{
	struct terminal terminal;

	put_lingering(scene);
	terminal = terminal_start(scene, INFO, LIST("sh", "-c", "exit 5"));
	expect_front_back(&terminal);
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, " dinit: info: signal 2 .*: the container is being stopped");
	scene_let_go(scene, "go");
	run_expect_exit(terminal.run, 5);
}

static void test_command_ended_ctrl_c_ends_the_wait_for_prestop(struct scene *scene)
{
	struct terminal terminal;

	scene_fifo(scene, "go");
	scene_service(scene, "web", "echo up; exec sleep 1000");
	scene_script(scene, "services/web/prestop", "echo before; read go <\"$SCENE/go\"");
	scene_script(scene, "services/web/terminate",
		     "echo asking; echo go >\"$SCENE/go\"; kill \"$DINIT_PID\"");
	terminal = terminal_start(scene, INFO, LIST("sh", "-c", "exit 5"));
	terminal_wait(&terminal, " web/prestop: before\r\n");
	assert_int_equal(terminal_front(&terminal), terminal.run->pid);
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, " dinit: info: signal 2 .*: telling the services to stop now");
	run_expect_exit(terminal.run, 5);
	run_expect_line(terminal.run, RUN_STDOUT, " web/term: asking");
}

/* Nothing is left of it that would hold the terminal. */
static void test_command_killed_gives_the_foreground_back(struct scene *scene)
{
	struct terminal terminal;

	put_lingering(scene);
	terminal = terminal_start(scene, TEXT, LIST("sh", "-c", "kill -KILL $$"));
	expect_front_back(&terminal);
	scene_let_go(scene, "go");
	run_expect_exit(terminal.run, 137);
}

static void test_command_not_executed_gives_the_foreground_back(struct scene *scene)
{
	static const struct {
		const char *file;
		int status;
	} cases[] = { { "absent", 127 }, { "wrong", 126 } };

	put_lingering(scene);
	scene_file(scene, "wrong", 0755,
		   "\x7f"
		   "ELF but no more\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct terminal terminal =
			terminal_start(scene, TEXT, LIST(scene_path(scene, "%s", cases[i].file)));

		expect_front_back(&terminal);
		scene_let_go(scene, "go");
		run_expect_exit(terminal.run, cases[i].status);
		run_expect_line(terminal.run, RUN_STDOUT, " dinit: error: .*cannot be started");
	}
}

/* An entry point that is a script without exec: dinit is in the script's group. */
static void test_dinit_in_the_group_of_a_script_gives_the_foreground_back(struct scene *scene)
{
	struct terminal terminal;
	pid_t script;

	scene_add_dinit(scene);
	terminal = terminal_start(scene, TEXT,
				  LIST("sh", "-c", "dinit bash --norc; echo after=$?; read line"));
	terminal_wait(&terminal, PROMPT);
	script = terminal_front(&terminal);
	enter(&terminal, LASTING);
	terminal_wait(&terminal, LASTING_UP);
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, PROMPT);
	assert_int_equal(terminal_front(&terminal), script);
	enter(&terminal, "exit 4");
	terminal_wait(&terminal, "after=4\r\n");
	assert_int_not_equal(terminal_front(&terminal), script);
	terminal_type(&terminal, CTRL_C);
	run_expect_exit(terminal.run, 130);
	run_expect_no_line(terminal.run, RUN_STDOUT, "job control");
}

/* ---- dinit as a job of a shell, which another dinit runs ---- */

static void test_dinit_in_the_background_takes_nothing_at_its_end(struct scene *scene)
{
	struct terminal terminal;
	pid_t shell;

	scene_add_dinit(scene);
	put_lingering(scene);
	terminal = terminal_start(scene, LIST(USUAL, "DINIT_SKIP=*"), BASH);
	terminal_wait(&terminal, PROMPT);
	shell = terminal_front(&terminal);
	enter(&terminal, "DINIT_SKIP= dinit true &");
	terminal_wait(&terminal, " web/term: asking\r\n");
	assert_int_equal(terminal_front(&terminal), shell);
	scene_let_go(scene, "go");
	ask(&terminal, "wait; echo st=$?", "st=0\r\n");
	leave_bash(&terminal, 0);
}

static void test_dinit_in_the_background_takes_no_foreground(struct scene *scene)
{
	struct terminal terminal;
	pid_t shell;

	scene_add_dinit(scene);
	terminal = start_bash(scene);
	shell = terminal_front(&terminal);
	/* First one that ends while the shell waits for it in the background. */
	ask(&terminal, "dinit sh -c 'echo on=$((1+1))' & wait; echo st=$?", "on=2\r\n.*st=0\r\n");
	assert_int_equal(terminal_front(&terminal), shell);
	enter(&terminal, "dinit " LASTING " &");
	terminal_wait(&terminal, LASTING_UP);
	assert_int_equal(terminal_front(&terminal), shell);
	ask(&terminal, "kill %1; wait %1; echo st=$?", "st=143\r\n");
	assert_int_equal(terminal_front(&terminal), shell);
	leave_bash(&terminal, 0);
}

static void test_dinit_in_the_foreground_of_a_shell_works(struct scene *scene)
{
	struct terminal terminal;
	pid_t shell;

	scene_add_dinit(scene);
	terminal = start_bash(scene);
	shell = terminal_front(&terminal);
	enter(&terminal, "dinit " LASTING);
	terminal_wait(&terminal, LASTING_UP);
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, PROMPT);
	assert_int_equal(terminal_front(&terminal), shell);
	ask(&terminal, "echo st=$?", "st=130\r\n");
	ask(&terminal, "echo piped | dinit cat | tr a-z A-Z", "PIPED\r\n");
	leave_bash(&terminal, 0);
}

/* Its command is in a session of its own, where the key does not reach it. */
static void test_dinit_without_terminal_as_stdin_passes_ctrl_c_on(struct scene *scene)
{
	struct terminal terminal;

	scene_add_dinit(scene);
	terminal = start_bash(scene);
	enter(&terminal, "dinit " LASTING " </dev/null");
	terminal_wait(&terminal, LASTING_UP);
	terminal_type(&terminal, CTRL_C);
	terminal_wait(&terminal, PROMPT);
	ask(&terminal, "echo st=$?", "st=130\r\n");
	leave_bash(&terminal, 0);
}

/* ---- what is written, and where to ---- */

static void test_output_is_raw_and_that_of_services_is_lines(struct scene *scene)
{
	struct terminal terminal;

	scene_service(scene, "web", "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING);
	terminal = terminal_start(scene, TEXT,
				  LIST("sh", "-c",
				       "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && printf 'name? '; "
				       "read name; echo \"is=$name\"; echo err >&2; exit 3"));
	terminal_wait(&terminal, " web/run: up\r\n.*name\\? |name\\? .* web/run: up\r\n");
	enter(&terminal, "joe");
	terminal_wait(&terminal, "joe\r\nis=joe\r\nerr\r\n");
	run_expect_exit(terminal.run, 3);
	run_expect_line(terminal.run, RUN_STDOUT, "^[^ ]+Z web/run: told\r$");
	run_expect_no_line(terminal.run, RUN_STDOUT, " dinit: ");
}

/* TTOU does not stop dinit, which writes from the background. */
static void test_output_of_services_is_not_stopped_by_tostop(struct scene *scene)
{
	struct terminal terminal;

	put_lingering(scene);
	terminal = start_bash(scene);
	ask(&terminal, "stty tostop", "\r\n");
	enter(&terminal, "exit 2");
	terminal_wait(&terminal, " web/term: asking\r\n");
	scene_let_go(scene, "go");
	run_expect_exit(terminal.run, 2);
}

static void test_output_as_lines_leaves_the_terminal_to_the_command(struct scene *scene)
{
	struct terminal terminal;

	terminal = terminal_start(scene, LIST(USUAL, "DINIT_COMMAND_OUTPUT=lines"),
				  LIST("sh", "-c",
				       "[ -t 0 ] && ! [ -t 1 ] && echo yes; exec sleep 1000"));
	terminal_wait(&terminal, "Z sh/run: yes\r\n");
	terminal_wait_taken(&terminal);
	terminal_type(&terminal, CTRL_C);
	run_expect_exit(terminal.run, 130);
	run_expect_line(terminal.run, RUN_STDOUT, " dinit: error: sh/run: .*signal 2");
}

/* Says which of its descriptors are terminals, and whether it leads its session. */
#define SHOW_STREAMS \
	"for fd in 0 1 2; do [ -t $fd ] && printf t || printf n; done; " \
	"read -r pid name state parent group session rest </proc/self/stat; " \
	"[ $session = $$ ] && echo ' leads' || echo ' follows'; " \
	"(: </dev/tty) 2>/dev/null && echo controlled || echo free; exit 4"

/* There is a service, so that it is the terminal that makes the output raw. */
static struct run *run_streams(struct scene *scene, enum run_fd out, enum run_fd err,
			       void (*prepare)(void *ctx))
{
	struct run_spec spec = { .environment = TEXT,
				 .arguments = LIST("sh", "-c", SHOW_STREAMS),
				 .out = out,
				 .err = err,
				 .prepare = prepare };
	struct run *run;

	scene_service(scene, "quiet", "exec sleep 1000");
	run = run_start(scene, &spec);
	run_expect_exit(run, 4);
	return run;
}

static void expect_streams(struct scene *scene, void (*prepare)(void *ctx), const char *shown)
{
	struct terminal terminal = {
		.run = run_streams(scene, RUN_FD_TTY, RUN_FD_STDOUT, prepare),
	};

	terminal_expect(&terminal, shown);
}

static void test_streams_on_a_terminal_that_controls(struct scene *scene)
{
	expect_streams(scene, terminal_control, "ttt follows\r\ncontrolled\r\n");
}

static void test_streams_with_stdout_alone_on_a_terminal(struct scene *scene)
{
	expect_streams(scene, terminal_set_modes, "ntt leads\r\nfree\r\n");
}

/* Nor does it come to control dinit's session. */
static void test_streams_on_a_terminal_that_does_not_control(struct scene *scene)
{
	expect_streams(scene, terminal_add_stdin, "ttt follows\r\nfree\r\n");
}

static void take_stderr_as_stdin(void *ctx)
{
	(void)ctx;
	if (dup2(STDERR_FILENO, STDIN_FILENO) < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		_exit(126);
}

static void test_streams_with_stdout_alone_on_a_pipe(struct scene *scene)
{
	struct terminal terminal = {
		.run = run_streams(scene, RUN_FD_PIPE, RUN_FD_TTY, take_stderr_as_stdin),
	};

	terminal_expect(&terminal, "tnt follows\ncontrolled\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_shell_ctrl_c_ends_its_job_alone),
		SCENE(test_shell_ctrl_z_fg_bg_and_jobs_work),
		SCENE(test_shell_ctrl_d_ends_with_the_last_status),
		SCENE(test_shell_knows_each_size_of_the_terminal),
		SCENE(test_shell_ends_on_hup_and_not_on_term),
		SCENE(test_shell_leaving_jobs_behind_leaves_nothing),
		SCENE(test_shell_killed_with_a_stopped_job_leaves_nothing),
		SCENE(test_command_ctrl_c_ends_it_quietly),
		SCENE(test_command_ctrl_z_stops_it_until_dinit_is_stopped),
		SCENE(test_command_ctrl_z_goes_on_when_dinit_is_told_to),
		SCENE(test_command_reading_is_ended_by_term_to_dinit),
		SCENE(test_python_ctrl_c_is_its_interrupt),
		SCENE(test_python_at_its_prompt_works),
		SCENE(test_less_is_drawn_and_left),
		SCENE(test_vi_is_drawn_and_left),
		SCENE(test_hang_up_ends_a_shell_and_its_jobs),
		SCENE(test_hang_up_ends_a_shell_at_its_prompt),
		SCENE(test_hang_up_ends_services_as_well),
		SCENE(test_hang_up_after_the_command_changes_no_status),
		SCENE(test_command_ended_ctrl_c_reaches_dinit),
		SCENE(test_command_ended_ctrl_c_ends_the_wait_for_prestop),
		SCENE(test_command_killed_gives_the_foreground_back),
		SCENE(test_command_not_executed_gives_the_foreground_back),
		SCENE(test_dinit_in_the_group_of_a_script_gives_the_foreground_back),
		SCENE(test_dinit_in_the_background_takes_no_foreground),
		SCENE(test_dinit_in_the_background_takes_nothing_at_its_end),
		SCENE(test_dinit_in_the_foreground_of_a_shell_works),
		SCENE(test_dinit_without_terminal_as_stdin_passes_ctrl_c_on),
		SCENE(test_output_is_raw_and_that_of_services_is_lines),
		SCENE(test_output_of_services_is_not_stopped_by_tostop),
		SCENE(test_output_as_lines_leaves_the_terminal_to_the_command),
		SCENE(test_streams_on_a_terminal_that_controls),
		SCENE(test_streams_with_stdout_alone_on_a_terminal),
		SCENE(test_streams_on_a_terminal_that_does_not_control),
		SCENE(test_streams_with_stdout_alone_on_a_pipe),
	};

	return scene_run_all("terminal", tests, COUNT(tests));
}
