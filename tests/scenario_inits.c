/* SPDX-License-Identifier: ISC */
/* What the inits of other images do with a command, and what dinit does with it: one table, in
 * which each difference has its reason. Each init is PID 1. */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* SIGRTMIN+3 and +4, as the kernel counts; and the first and the last one that a program can use */
#define SYSTEMD_HALT 37
#define SYSTEMD_POWEROFF 38
#define FIRST_RT 34
#define LAST_RT 64

enum init {
	TINI,
	DUMB_INIT,
	DINIT,
	INITS,
};

/* NULL: the program under test */
static const char *const paths[INITS] = {
	[TINI] = "/usr/bin/tini",
	[DUMB_INIT] = "/usr/bin/dumb-init",
};

static const char *const names[INITS] = {
	[TINI] = "tini",
	[DUMB_INIT] = "dumb-init",
	[DINIT] = "dinit",
};

#define ANYTHING ""

/* How a run ends. */
struct outcome {
	int status;
	/* All of stdout. */
	const char *out;
	/* What a line on stderr matches; NULL: there is none. ANYTHING: whatever there is. */
	const char *err;
};

struct init_case {
	const char *name;
	/* A command with its arguments, and what is to be sent to the init when the command has
	 * written "waiting". */
	const char *const *command;
	int signals[2];
	struct outcome ends[INITS];
	/* Or else: what a command that has a trap for it gets when the init gets the signal; 0:
	 * nothing. */
	int signal;
	int gets[INITS];
	/* Why dinit does not do what both others do; NULL: all do the same. */
	const char *why;
	enum run_fd in, out;
	/* For RUN_FD_PIPE. */
	const char *input;
	size_t input_len;
	/* Besides what prepare_all does. */
	void (*prepare)(void);
};

/* (Debian's tini takes a command's own options for its own where no -- stands before.) */
#define COMMAND(...) .command = LIST("--", __VA_ARGS__)
#define SHELL(...) COMMAND("sh", "-c", __VA_ARGS__)
#define ALL(...) .ends = { [TINI] = __VA_ARGS__, [DUMB_INIT] = __VA_ARGS__, [DINIT] = __VA_ARGS__ }
#define EACH(of_tini, of_dumb_init, of_dinit) \
	.ends = { [TINI] = of_tini, [DUMB_INIT] = of_dumb_init, [DINIT] = of_dinit }
#define END(...) \
	{ \
		__VA_ARGS__ \
	}
#define GETS(of_tini, of_dumb_init, of_dinit) \
	.gets = { [TINI] = (of_tini), [DUMB_INIT] = (of_dumb_init), [DINIT] = (of_dinit) }

/* A shell that exits with the status; that kills itself with the signal. */
#define EXITS(number) \
	{ \
		.name = "exit status " #number, SHELL("exit " #number), ALL({ number, "", NULL }) \
	}
#define DIES(number, err_of_dinit, reason) \
	{ \
		.name = "death by signal " #number, SHELL("kill -" #number " $$"), \
		EACH(END(128 + (number), "", NULL), END(128 + (number), "", NULL), \
		     END(128 + (number), "", err_of_dinit)), \
		.why = reason, \
	}
#define PASSES(number) \
	{ \
		.name = #number, .signal = number, GETS(number, number, number) \
	}
#define UNTRAPPED(number) \
	{ \
		.name = #number " without a trap", SHELL("echo waiting; exec sleep 1000"), \
		.signals = { number }, ALL({ 128 + (number), "waiting\n", NULL }) \
	}

#define KILLED_IS_TOLD "nobody else says it where a signal that is no stop has killed the command"
#define KILLED "error: sh/run: PID [0-9]+ was killed by signal "

static void block_usr1(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void ignore_usr1(void)
{
	signal(SIGUSR1, SIG_IGN);
}

static void open_fifth(void)
{
	dup2(STDERR_FILENO, 5);
}

static const struct init_case cases[] = {
	EXITS(0),
	EXITS(1),
	EXITS(2),
	EXITS(115),
	EXITS(126),
	EXITS(127),
	EXITS(128),
	EXITS(143),
	EXITS(255),
	DIES(2, NULL, NULL),
	DIES(13, NULL, NULL),
	DIES(6, KILLED "6", KILLED_IS_TOLD),
	DIES(9, KILLED "9", KILLED_IS_TOLD),
	DIES(11, KILLED "11", KILLED_IS_TOLD),
	DIES(15, KILLED "15", KILLED_IS_TOLD),
	DIES(64, KILLED "64", KILLED_IS_TOLD),

	/* what cannot be executed */
	{
		.name = "missing command",
		COMMAND("no-such-command"),
		EACH(END(127, "", "no-such-command"), END(2, "", "no-such-command"),
		     END(127, "", "there is no \"no-such-command\" in PATH")),
		.why = "127 as tini and every shell",
	},
	{
		.name = "missing file",
		COMMAND("/no/such"),
		EACH(END(127, "", "/no/such"), END(2, "", "/no/such"),
		     END(127, "", "/no/such does not exist")),
		.why = "127 as tini and every shell",
	},
	{
		.name = "empty name",
		COMMAND(""),
		EACH(END(127, "", "No such file"), END(2, "", "No such file"),
		     END(127, "", "there is no \"\" in PATH")),
		.why = "127 as tini and every shell",
	},
	{
		.name = "missing interpreter",
		COMMAND("lost"),
		EACH(END(127, "", "lost"), END(2, "", "lost"),
		     END(127, "", "/no/such/interpreter")),
		.why = "127 as tini and every shell; dinit says what is missing",
	},
	{
		.name = "file that is not executable",
		COMMAND("plain"),
		EACH(END(126, "", "plain"), END(2, "", "plain"), END(126, "", "bin/plain")),
		.why = "126 as tini and every shell",
	},
	{
		.name = "directory",
		COMMAND("/"),
		EACH(END(126, "", "/"), END(2, "", "/"), END(126, "", "/ is no regular file")),
		.why = "126 as tini and every shell",
	},
	{
		.name = "script without #!",
		COMMAND("text"),
		EACH(END(0, "on\n", NULL), END(0, "on\n", NULL), END(126, "", "#!")),
		.why = "the kernel cannot execute it, and dinit does not guess by what it can be",
	},
	{
		.name = "no command",
		.command = (const char *const[]){ NULL },
		EACH(END(1, "", "."), END(1, "", "."), END(0, "", "there is no service to run")),
		.why = "dinit runs the services of DINIT_DIR, and here are none",
	},

	/* arguments, environment, directory, descriptors */
	{
		.name = "arguments",
		COMMAND("printf", "[%s]\n", "", "a  b", "x\ny\n", "-v", "--", ""),
		ALL({ 0, "[]\n[a  b]\n[x\ny\n]\n[-v]\n[--]\n[]\n", NULL }),
	},
	{
		.name = "arguments without --",
		.command = LIST("sh", "-c", "exit 3"),
		EACH(END(1, "", "invalid option -- 'c'"), END(3, "", NULL), END(3, "", NULL)),
		.why = "as dumb-init: what follows the command is the command's",
	},
	{
		.name = "command with a dash",
		COMMAND("-odd"),
		ALL({ 0, "odd\n", NULL }),
	},
	{
		.name = "environment",
		SHELL("echo \"$A\""),
		ALL({ 0, "b  c\nd\n", NULL }),
	},
	{
		.name = "NOTIFY_SOCKET",
		SHELL("echo \"${NOTIFY_SOCKET-unset}\""),
		EACH(END(0, "/no/such/socket\n", NULL), END(0, "/no/such/socket\n", NULL),
		     END(0, "unset\n", NULL)),
		.why = "dinit itself says there when all is ready",
	},
	{
		.name = "working directory",
		SHELL("[ \"$(pwd -P)\" = \"$SCENE\" ] && echo kept"),
		ALL({ 0, "kept\n", NULL }),
	},
	{
		.name = "stdin",
		COMMAND("cat"),
		.in = RUN_FD_PIPE,
		.input = "a\n\nb",
		.input_len = 4,
		ALL({ 0, "a\n\nb", NULL }),
	},
	{
		.name = "stdin with NUL bytes",
		COMMAND("od", "-An", "-tx1"),
		.in = RUN_FD_PIPE,
		.input = "\0\377\r\n",
		.input_len = 4,
		ALL({ 0, " 00 ff 0d 0a\n", NULL }),
	},
	{
		.name = "closed stdin",
		SHELL("readlink /proc/$$/fd/0 || echo closed"),
		.in = RUN_FD_CLOSED,
		EACH(END(1, "", "tcsetpgrp failed"), END(0, "closed\n", NULL),
		     END(0, "/dev/null\n", NULL)),
		.why = "no file that is opened later becomes a standard stream by accident",
	},
	{
		.name = "closed stdout",
		SHELL("if [ /proc/$$/fd/1 -ef /dev/null ]; then echo null >&2; exit; fi; "
		      "[ -e /proc/$$/fd/1 ] || echo closed >&2"),
		.out = RUN_FD_CLOSED,
		EACH(END(0, "", "^closed$"), END(0, "", "^closed$"), END(0, "", "^null$")),
		.why = "no file that is opened later becomes a standard stream by accident",
	},
	{
		.name = "descriptor 5",
		SHELL("[ -e /proc/$$/fd/5 ] && echo passed"),
		.prepare = open_fifth,
		ALL({ 0, "passed\n", NULL }),
	},
	{
		.name = "blocked signal",
		COMMAND("grep", "SigBlk", "/proc/self/status"),
		.prepare = block_usr1,
		EACH(END(0, "SigBlk:\t0000000000000200\n", NULL),
		     END(0, "SigBlk:\t0000000000000000\n", NULL),
		     END(0, "SigBlk:\t0000000000000000\n", NULL)),
		.why = "as dumb-init: a program begins with no signal blocked, as every service",
	},
	{
		.name = "ignored signal",
		COMMAND("grep", "SigIgn", "/proc/self/status"),
		.prepare = ignore_usr1,
		EACH(END(0, "SigIgn:\t0000000000000200\n", NULL),
		     END(0, "SigIgn:\t0000000000000000\n", NULL),
		     END(0, "SigIgn:\t0000000000000000\n", NULL)),
		.why = "as dumb-init: a program begins with no signal ignored, as every service",
	},

	/* where it runs */
	{
		.name = "group and session",
		SHELL("read -r pid name state parent group session rest </proc/$$/stat; "
		      "[ $group = $$ ] && echo own group; [ $session = $$ ] && echo own session; "
		      "exit 0"),
		EACH(END(0, "own group\n", NULL), END(0, "own group\nown session\n", NULL),
		     END(0, "own group\nown session\n", NULL)),
		.why = "as for every service, and as dumb-init; on a terminal as tini",
	},
	{
		.name = "signal and a process that the command has started",
		SHELL("trap 'i=0; while [ $i -lt 50 ] && ! [ -e $SCENE/told ]; do sleep 0.02; "
		      "i=$((i+1)); done; [ -e $SCENE/told ] && echo both; rm -f $SCENE/told; "
		      "kill -USR1 $! 2>/dev/null; wait $!; exit 0' TERM; "
		      "(trap '>$SCENE/told; exit 0' TERM; trap 'exit 0' USR1; echo "
		      "waiting; " SCENE_TRAPPING ") & " SCENE_TRAPPING),
		.signals = { SIGTERM },
		EACH(END(0, "waiting\n", NULL), END(0, "waiting\nboth\n", NULL),
		     END(0, "waiting\n", NULL)),
		.why = "as tini: a shell that waits for its children is told alone",
	},

	/* signals */
	UNTRAPPED(SIGTERM),
	UNTRAPPED(SIGINT),
	UNTRAPPED(SIGQUIT),
	{
		.name = "SIGUSR1 without a trap",
		SHELL("echo waiting; exec sleep 1000"),
		.signals = { SIGUSR1 },
		EACH(END(138, "waiting\n", NULL), END(138, "waiting\n", NULL),
		     END(138, "waiting\n", "was killed by signal 10")),
		.why = KILLED_IS_TOLD,
	},
	{
		.name = "own status after a signal",
		SHELL("trap 'exit 5' TERM; echo waiting; " SCENE_TRAPPING),
		.signals = { SIGTERM },
		ALL({ 5, "waiting\n", NULL }),
	},
	{
		.name = "second signal",
		SHELL("trap '' TERM; trap 'exit 6' INT; echo waiting; " SCENE_TRAPPING),
		.signals = { SIGTERM, SIGINT },
		ALL({ 6, "waiting\n", NULL }),
	},
	PASSES(SIGTERM),
	PASSES(SIGINT),
	PASSES(SIGQUIT),
	PASSES(SIGHUP),
	PASSES(SIGUSR1),
	PASSES(SIGUSR2),
	PASSES(SIGALRM),
	{
		.name = "SIGPIPE",
		.signal = SIGPIPE,
		GETS(SIGPIPE, SIGPIPE, 0),
		.why = "dinit writes to pipes itself, and ignores it",
	},
	PASSES(SIGWINCH),
	PASSES(SIGURG),
	PASSES(SIGIO),
	PASSES(SIGVTALRM),
	PASSES(SIGPROF),
	PASSES(SIGXCPU),
	PASSES(SIGXFSZ),
	PASSES(SIGSTKFLT),
	PASSES(SIGCONT),
	PASSES(FIRST_RT),
	PASSES(LAST_RT),
	{
		.name = "SIGPWR",
		.signal = SIGPWR,
		GETS(SIGPWR, SIGPWR, SIGTERM),
		.why = "it is how lxc-stop stops; programs know TERM",
	},
	{
		.name = "SIGRTMIN+3",
		.signal = SYSTEMD_HALT,
		GETS(SYSTEMD_HALT, SYSTEMD_HALT, SIGTERM),
		.why = "it is how systemd and podman stop an init; programs know TERM",
	},
	{
		.name = "SIGRTMIN+4",
		.signal = SYSTEMD_POWEROFF,
		GETS(SYSTEMD_POWEROFF, SYSTEMD_POWEROFF, SIGTERM),
		.why = "it is how machinectl powers off; programs know TERM",
	},
	{
		.name = "SIGTSTP",
		.signal = SIGTSTP,
		GETS(SIGTSTP, 0, SIGTSTP),
		.why = "as tini: dumb-init stops the command by STOP",
	},
	{
		.name = "SIGTTIN",
		.signal = SIGTTIN,
		GETS(0, 0, SIGTTIN),
		.why = "what dinit has no use for is the command's",
	},
	{
		.name = "SIGTTOU",
		.signal = SIGTTOU,
		GETS(0, 0, SIGTTOU),
		.why = "what dinit has no use for is the command's",
	},
	{
		.name = "SIGABRT",
		.signal = SIGABRT,
		GETS(0, SIGABRT, 0),
		.why = "as tini: a signal that means a fault of dinit's own is not passed on",
	},
	{
		.name = "SIGSEGV",
		.signal = SIGSEGV,
		GETS(0, SIGSEGV, 0),
		.why = "as tini: a signal that means a fault of dinit's own is not passed on",
	},
	{
		.name = "SIGSYS",
		.signal = SIGSYS,
		GETS(0, SIGSYS, 0),
		.why = "as tini: a signal that means a fault of dinit's own is not passed on",
	},

	/* processes that nobody waits for */
	{
		.name = "zombies",
		SHELL("i=0; while [ $i -lt 30 ]; do sh -c 'sh -c : & exit 0'; i=$((i+1)); done; "
		      "i=0; while [ $i -lt 250 ] && [ $(cat /proc/[0-9]*/status 2>/dev/null | "
		      "grep -c '^PPid:.1$') -gt 1 ]; do sleep 0.02; i=$((i+1)); done; "
		      "echo $((i < 250))"),
		ALL({ 0, "1\n", NULL }),
	},
	{
		.name = "orphan",
		SHELL("sh -c 'sleep 1000 & echo $! >$SCENE/pid'; i=0; pid=$(cat $SCENE/pid); "
		      "while [ $i -lt 150 ] && kill -0 $pid 2>/dev/null; do sleep 0.02; "
		      "i=$((i+1)); done; kill -0 $pid 2>/dev/null && echo alive; exit 0"),
		EACH(END(0, "alive\n", NULL), END(0, "alive\n", NULL),
		     END(0, "", "warning: sleep/[0-9]+: lost its parent, terminating it")),
		.why = "what lost its parent is terminated (DINIT_REPARENTING_POLICY, DINIT_KEEP)",
	},
	{
		.name = "process that is left at the end",
		SHELL("(trap 'sleep 1; echo ended; exit 0' TERM; echo >$SCENE/go; " SCENE_TRAPPING
		      ") & read -r line <$SCENE/go; exit 7"),
		EACH(END(7, "", NULL), END(7, "", ANYTHING), END(7, "ended\n", "lost its parent")),
		.why = "dinit tells what is left to end, and waits for it; with the others the "
		       "kernel kills it",
	},
};

/* ---- one case with one init ---- */

static void prepare_all(void *ctx)
{
	const struct init_case *init_case = ctx;
	const struct rlimit none = { 0, 0 };
	static const uint64_t by_default[8];

	/* Whoever runs the tests may have had signals ignored, also some that libc hides. */
	for (int signal = 1; signal <= LAST_RT; signal++)
		syscall(SYS_rt_sigaction, signal, by_default, NULL, sizeof *by_default);
	setrlimit(RLIMIT_CORE, &none);
	if (init_case->prepare)
		init_case->prepare();
}

static struct run *start(struct scene *scene, const struct init_case *init_case, enum init init,
			 const char *const *command)
{
	struct run *run =
		run_start(scene,
			  &(struct run_spec){
				  .program = paths[init],
				  .arguments = command,
				  .environment = LIST("A=b  c\nd", "NOTIFY_SOCKET=/no/such/socket"),
				  .in = init_case->in,
				  .out = init_case->out,
				  .prepare = prepare_all,
				  .prepare_ctx = (void *)(uintptr_t)init_case });

	if (init_case->input) {
		run_write(run, init_case->input, init_case->input_len);
		run_end_input(run);
	}
	return run;
}

static void expect_end(struct run *run, const struct init_case *init_case, enum init init,
		       const struct outcome *expected)
{
	int status = run_wait_exit(run);
	const char *out = run->outputs[RUN_STDOUT].len > 0 ? run->outputs[RUN_STDOUT].bytes : "";

	if (status != expected->status)
		scene_fail("%s: %s: the exit status is %d, not %d", init_case->name, names[init],
			   status, expected->status);
	if (strcmp(out, expected->out) != 0)
		scene_fail("%s: %s: stdout is \"%s\", not \"%s\"", init_case->name, names[init],
			   out, expected->out);
	if (!expected->err && run->outputs[RUN_STDERR].len > 0)
		scene_fail("%s: %s: something is written to stderr", init_case->name, names[init]);
	if (expected->err && *expected->err && run_count_lines(run, RUN_STDERR, expected->err) == 0)
		scene_fail("%s: %s: no line on stderr matches \"%s\"", init_case->name, names[init],
			   expected->err);
}

/* A shell says it where a child of its is killed, as it is by dumb-init. */
static void play(struct scene *scene, const struct init_case *init_case, enum init init)
{
	struct run *run = start(scene, init_case, init, init_case->command);
	struct outcome expected = init_case->ends[init];

	if (init == DUMB_INIT && init_case->signals[0] != 0)
		expected.err = ANYTHING;
	for (size_t i = 0; i < COUNT(init_case->signals) && init_case->signals[i] != 0; i++) {
		run_wait_line(run, RUN_STDOUT, "^waiting$");
		run_signal(run, init_case->signals[i]);
	}
	expect_end(run, init_case, init, &expected);
}

/* The end is asked for by TERM, and what the signal has stopped is continued before. */
static void play_signal(struct scene *scene, const struct init_case *init_case, enum init init)
{
	const char *body = scene_format(
		scene, "trap 'echo got %d' %d; trap 'echo got 15; exit 0' TERM; echo waiting; %s",
		init_case->signal, init_case->signal, SCENE_TRAPPING);
	int got = init_case->gets[init];
	const char *before = got == 0 || got == SIGTERM ? "" : scene_format(scene, "got %d\n", got);
	struct outcome expected = { 0, scene_format(scene, "waiting\n%sgot 15\n", before),
				    init == DUMB_INIT ? ANYTHING : NULL };
	struct run *run = start(scene, init_case, init, LIST("--", "sh", "-c", body));

	run_wait_line(run, RUN_STDOUT, "^waiting$");
	run_signal(run, init_case->signal);
	if (got != 0)
		run_wait_line(run, RUN_STDOUT, scene_format(scene, "^got %d$", got));
	if (got != SIGTERM) {
		if (init_case->signal != SIGCONT)
			run_signal(run, SIGCONT);
		run_signal(run, SIGTERM);
	}
	expect_end(run, init_case, init, &expected);
}

/* ---- the table ---- */

static bool are_equal(const struct init_case *init_case, enum init one, enum init other)
{
	const struct outcome *a = &init_case->ends[one], *b = &init_case->ends[other];

	if (!init_case->command)
		return init_case->gets[one] == init_case->gets[other];
	return a->status == b->status && strcmp(a->out, b->out) == 0 && !a->err == !b->err &&
	       (!a->err || init_case->out != RUN_FD_CLOSED || strcmp(a->err, b->err) == 0);
}

static void test_differences_have_a_reason(struct scene *scene)
{
	(void)scene;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool differs = !are_equal(&cases[i], DINIT, TINI) ||
			       !are_equal(&cases[i], DINIT, DUMB_INIT);

		if (differs != (cases[i].why != NULL))
			scene_fail("%s: %s", cases[i].name,
				   differs ? "there is no reason" : "there is nothing to explain");
	}
}

static void expect_all(struct scene *scene, enum init init)
{
	scene_need(!paths[init] || access(paths[init], X_OK) == 0, "no tini or dumb-init here");
	scene_fifo(scene, "go");
	scene_script(scene, "bin/-odd", "echo odd");
	scene_file(scene, "bin/lost", 0755, "#!/no/such/interpreter\n");
	scene_file(scene, "bin/plain", 0644, "#!/bin/sh\n");
	scene_file(scene, "bin/text", 0755, "echo on\n");
	if (chdir(scene->dir) < 0)
		scene_fail("%s: no such directory", scene->dir);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (cases[i].command)
			play(scene, &cases[i], init);
		else
			play_signal(scene, &cases[i], init);
}

static void test_tini_does_what_is_written(struct scene *scene)
{
	expect_all(scene, TINI);
}

static void test_dumb_init_does_what_is_written(struct scene *scene)
{
	expect_all(scene, DUMB_INIT);
}

static void test_dinit_does_what_is_written(struct scene *scene)
{
	expect_all(scene, DINIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_differences_have_a_reason),
		SCENE_AS_INIT(test_tini_does_what_is_written),
		SCENE_AS_INIT(test_dumb_init_does_what_is_written),
		SCENE_AS_INIT(test_dinit_does_what_is_written),
	};

	return scene_run_side_by_side("inits", tests, COUNT(tests));
}
