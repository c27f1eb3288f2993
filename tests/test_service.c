/* SPDX-License-Identifier: ISC */
/* service.c and program.c with real programs (shell scripts of a directory made for each test)
 * and everything below it, dinit's state machine left out: the tests start, stop and kill, and
 * look at what is told and written. Failing calls are scripted by the linker's --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "log.h"
#include "process.h"
#include "rig.h"
#include "services.h"
#include "spawn.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SERVICES_MAX 4
#define DEADLINE_MS 20000

/* ---- failing calls ---- */

/* So many calls succeed, then one fails; -1: none does. */
static int pipes_until_failure = -1, mallocs_until_failure = -1, callocs_until_failure = -1;
static int spawns_until_failure = -1;

int __real_pipe2(int pair[2], int flags);
int __wrap_pipe2(int pair[2], int flags);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
pid_t __real_spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure);
pid_t __wrap_spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure);
pid_t __real_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure);
pid_t __wrap_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure);

/* Whose terminal was taken back last, and how often one was. */
static const struct command *taken;
static unsigned times_taken;

void __wrap_command_take_terminal(const struct command *command);

void __wrap_command_take_terminal(const struct command *command)
{
	taken = command;
	times_taken++;
}

/* What the last release was to come after. */
static const struct logmux_source *released_after;

void __real_logmux_release(struct logmux_source *source, struct logmux_source *after);
void __wrap_logmux_release(struct logmux_source *source, struct logmux_source *after);

void __wrap_logmux_release(struct logmux_source *source, struct logmux_source *after)
{
	released_after = after;
	__real_logmux_release(source, after);
}

int __wrap_pipe2(int pair[2], int flags)
{
	errno = EMFILE;
	return pipes_until_failure-- == 0 ? -1 : __real_pipe2(pair, flags);
}

void *__wrap_malloc(size_t size)
{
	errno = ENOMEM;
	return mallocs_until_failure-- == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	errno = ENOMEM;
	return callocs_until_failure-- == 0 ? NULL : __real_calloc(count, size);
}

/* Where spawn_program fails. */
static enum spawn_stage failure_stage = SPAWN_FORK;

pid_t __wrap_spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure)
{
	if (spawns_until_failure-- != 0)
		return __real_spawn_program(spec, failure);
	*failure = (struct spawn_failure){ .stage = failure_stage, .error = EAGAIN };
	return -1;
}

pid_t __wrap_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure)
{
	if (spawns_until_failure-- != 0)
		return __real_spawn_program_unwaited(spec, report_fd, failure);
	*failure = (struct spawn_failure){ .stage = SPAWN_FORK, .error = EAGAIN };
	return -1;
}

/* ---- the rig ---- */

struct rig {
	char dir[64];
	struct svdir_entry entries[SERVICES_MAX];
	char paths[SERVICES_MAX][10][160];
	struct svdir svdir;
	struct command command;
	struct loop loop;
	struct reaper reaper;
	struct procfs proc;
	struct outputs outputs;
	struct logmux mux;
	struct signaller signaller;
	struct oom oom;
	struct programs programs;
	struct services services;
	bool open, drains, child, children_left, late;
	struct loop_timer deadline;
	sigset_t signals, old_signals;
	bool (*until)(struct rig *rig);
	const char *awaited;
	int saved[2], readers[2], null_fd, fds;
	char out[2][40000];
	size_t ends, failures, orphans;
	/* Something else stops the container. */
	bool stops_already;
	/* What dinit is to exit with. */
	int failure_status;
	char end_name[32], end_stage[32], cause[300];
	pid_t end_pid;
	int end_status;
	bool end_was_logged;
	/* What the end came with: the last lines of its program. */
	struct lastline *end_last;
};

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct rig *rig = ctx;

	rig->child |= info->ssi_signo == SIGCHLD;
}

static void on_orphan(void *ctx, pid_t pid, int status)
{
	struct rig *rig = ctx;

	(void)pid;
	(void)status;
	rig->orphans++;
}

static void on_end(void *ctx, const struct service *service, const struct reaper_end *end)
{
	struct rig *rig = ctx;

	assert_ptr_equal(service->entry->name, end->name);
	rig->end_was_logged = service_was_logged(service, end);
	rig->ends++;
	snprintf(rig->end_name, sizeof rig->end_name, "%s", end->name);
	snprintf(rig->end_stage, sizeof rig->end_stage, "%s", end->stage);
	rig->end_pid = end->pid;
	rig->end_status = end->status;
	rig->end_last = end->last;
}

static bool on_start_failure(void *ctx, const char *cause, int status)
{
	struct rig *rig = ctx;

	rig->failure_status = status;
	snprintf(rig->cause, sizeof rig->cause, "%s", cause);
	rig->failures++;
	return !rig->stops_already;
}

static void on_late(void *ctx)
{
	struct rig *rig = ctx;

	rig->late = true;
}

/* Descriptors 1 and 2 are dinit's for the time of a test. */
static void take_standard_fds(struct rig *rig)
{
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		int pair[2];

		rig->saved[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 3);
		assert_int_equal(__real_pipe2(pair, O_CLOEXEC), 0);
		assert_int_equal(dup2(pair[1], STDOUT_FILENO + i), STDOUT_FILENO + i);
		close(pair[1]);
		assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
		rig->readers[i] = pair[0];
	}
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	const struct config config = { .stdout_mode = CONFIG_STDOUT_TEXT, .max_line = 4096 };
	static const int fds[3] = { 0, 1, 2 };

	pipes_until_failure = mallocs_until_failure = callocs_until_failure = -1;
	spawns_until_failure = -1;
	times_taken = 0;
	strcpy(rig->dir, "/tmp/test_service.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	rig->svdir.entries = rig->entries;
	log_set_level(CONFIG_LOG_WARN);
	rig->fds = rig_count_fds();
	sigemptyset(&rig->signals);
	sigaddset(&rig->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &rig->signals, &rig->old_signals);
	assert_int_equal(loop_open(&rig->loop, &rig->signals, on_signal, rig), 0);
	rig->deadline = (struct loop_timer){ .on_due = on_late, .ctx = rig };
	reaper_init(&rig->reaper, on_orphan, rig);
	rig->proc.root = "/proc";
	rig->signaller = (struct signaller){ .reaper = &rig->reaper, .proc = &rig->proc };
	rig->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	take_standard_fds(rig);
	assert_int_equal(outputs_open(&rig->outputs, &rig->loop, &config, fds), 0);
	assert_int_equal(logmux_open(&rig->mux, &rig->loop, &rig->outputs, &config), 0);
	log_set_writer(outputs_write_own, &rig->outputs);
	*state = rig;
	return 0;
}

/* What a failed test has left behind is killed; a passed one leaves nothing. */
static int teardown(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; rig->open && i < rig->services.len; i++) {
		struct service *service = &rig->services.list[i];
		const struct program *programs[] = {
			&service->run,      service->log,
			service->terminate, service->finish,
			service->prestop,   service->controls ? &service->controls->program : NULL,
		};

		for (size_t j = 0; j < COUNT(programs); j++)
			if (programs[j] && programs[j]->watch.pid)
				kill(programs[j]->watch.pid, SIGKILL);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	log_set_writer(NULL, NULL);
	logmux_close(&rig->mux);
	outputs_close(&rig->outputs);
	loop_close(&rig->loop);
	for (int i = 0; i < 2; i++) {
		dup2(rig->saved[i], STDOUT_FILENO + i);
		close(rig->saved[i]);
		close(rig->readers[i]);
	}
	close(rig->null_fd);
	if (rig->open)
		services_close(&rig->services);
	command_close(&rig->command);
	programs_close(&rig->programs);
	sigprocmask(SIG_SETMASK, &rig->old_signals, NULL);
	tree_remove(rig->dir);
	free(rig);
	return 0;
}

/* cmocka's fail_msg would say it on descriptor 2, which the logmux has. */
static __attribute__((format(printf, 1, 2))) void wrong(const char *format, ...)
{
	char text[3000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_string_equal(text, "");
}

/* ---- directories ---- */

static char *put_script(struct rig *rig, size_t service, size_t which, const char *name,
			const char *body)
{
	char path[sizeof rig->paths[service][which]];

	snprintf(path, sizeof path, "%s/%s", rig->entries[service].dir, name);
	if (body)
		rig_write_script(path, body);
	return strcpy(rig->paths[service][which], path);
}

/* A service whose run does this; a body that is NULL makes no file. */
static struct svdir_entry *put_service(struct rig *rig, const char *name, const char *run)
{
	size_t index = rig->svdir.len++;
	struct svdir_entry *entry = &rig->entries[index];
	char *dir = rig->paths[index][0], path[sizeof rig->paths[index][0]];

	assert_true(index < SERVICES_MAX);
	snprintf(path, sizeof path, "%s/%s", rig->dir, name);
	strcpy(dir, path);
	assert_int_equal(mkdir(dir, 0755), 0);
	*entry = (struct svdir_entry){ .name = dir + strlen(rig->dir) + 1,
				       .dir = dir,
				       .down_signal = SIGTERM };
	entry->run = put_script(rig, index, 1, "run", run);
	return entry;
}

static void put_log(struct rig *rig, const char *body)
{
	size_t index = rig->svdir.len - 1;
	struct svdir_entry *entry = &rig->entries[index];
	char *dir = rig->paths[index][2];

	snprintf(dir, sizeof rig->paths[index][2], "%s/log", entry->dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	entry->log_dir = dir;
	entry->log_run = put_script(rig, index, 3, "log/run", body);
}

static void put_terminate(struct rig *rig, const char *body)
{
	size_t index = rig->svdir.len - 1;

	rig->entries[index].terminate = put_script(rig, index, 4, "terminate", body);
}

static void put_finish(struct rig *rig, const char *body)
{
	size_t index = rig->svdir.len - 1;

	rig->entries[index].finish = put_script(rig, index, 5, "finish", body);
}

static void put_prestop(struct rig *rig, const char *body)
{
	size_t index = rig->svdir.len - 1;

	rig->entries[index].prestop = put_script(rig, index, 6, "prestop", body);
}

static void put_control(struct rig *rig, enum svdir_control which, const char *body)
{
	static const char *const names[] = { "control/h", "control/1", "control/2" };
	size_t index = rig->svdir.len - 1;
	char dir[200];

	snprintf(dir, sizeof dir, "%s/control", rig->entries[index].dir);
	mkdir(dir, 0755);
	rig->entries[index].control[which] = put_script(rig, index, 7 + which, names[which], body);
}

/* The command, after the services; its output is labelled. */
static void put_command(struct rig *rig, char *const argv[])
{
	static char name[] = "job";
	static const int fds[3] = { 0, 1, 2 };
	size_t index = rig->svdir.len++;

	assert_true(index < SERVICES_MAX);
	command_init(&rig->command, argv, CONFIG_COMMAND_OUTPUT_LINES, false, fds);
	rig->entries[index] = (struct svdir_entry){ .name = name,
						    .command = &rig->command,
						    .down_signal = SIGTERM };
}

/* A command that does this. */
static void put_shell(struct rig *rig, const char *body)
{
	static char shell[] = "sh", option[] = "-c";
	static char *argv[] = { shell, option, NULL, NULL };
	char *text = rig->paths[rig->svdir.len][0];

	snprintf(text, sizeof rig->paths[0][0], "%s", body);
	assert_true(strlen(body) < sizeof rig->paths[0][0]);
	argv[2] = text;
	put_command(rig, argv);
}

/* A FIFO in the directory of the service, both ends of which the test holds: what waits for a line
 * in it waits until let_run. */
static int put_fifo(struct rig *rig, const char *name)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/%s", rig->entries[rig->svdir.len - 1].dir, name);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void let_run(int fd)
{
	assert_int_equal(write(fd, "go\n", 3), 3);
}

static void open_programs(struct rig *rig)
{
	static char path[] = "PATH=/usr/bin:/bin", other[] = "OTHER=1", pid[] = "DINIT_PID=old",
		    pids[] = "DINIT_PIDS=kept";
	static char *const environment[] = { path, pid, other, pids, NULL };
	struct program_means means = {
		.reaper = &rig->reaper,
		.mux = &rig->mux,
		.signaller = &rig->signaller,
		.oom = &rig->oom,
		.null_fd = rig->null_fd,
		.environment = environment,
	};

	getrlimit(RLIMIT_NOFILE, &means.nofile);
	assert_int_equal(programs_open(&rig->programs, &means), 0);
}

static void open_services(struct rig *rig, const char *skip)
{
	const struct service_owner owner = {
		.on_end = on_end,
		.on_start_failure = on_start_failure,
		.ctx = rig,
	};

	open_programs(rig);
	assert_int_equal(services_open(&rig->services, &rig->svdir, skip, &rig->loop,
				       &rig->programs, &owner),
			 0);
	rig->open = true;
}

/* ---- waiting ---- */

static void read_outputs(struct rig *rig)
{
	for (int i = 0; i < 2; i++) {
		size_t len = strlen(rig->out[i]);
		ssize_t n;

		while ((n = read(rig->readers[i], rig->out[i] + len,
				 sizeof rig->out[i] - 1 - len)) > 0)
			len += (size_t)n;
	}
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct rig *rig = ctx;
	enum loop_verdict verdict;

	logmux_read_busy(&rig->mux);
	if (rig->child)
		rig->children_left = reaper_drain(&rig->reaper);
	rig->child = false;
	verdict = logmux_turn(&rig->mux);
	read_outputs(rig);
	return rig->late || rig->until(rig) ? LOOP_STOP : verdict;
}

static void wait_until(struct rig *rig, bool (*until)(struct rig *rig), const char *what)
{
	rig->until = until;
	rig->awaited = what;
	rig->child = true;
	loop_timer_start(&rig->loop, &rig->deadline, DEADLINE_MS);
	assert_int_equal(loop_run(&rig->loop, on_turn_end, rig), 0);
	loop_timer_stop(&rig->loop, &rig->deadline);
	if (rig->late)
		wrong("waited in vain for %s; stdout \"%.900s\", stderr \"%.900s\"", what,
		      rig->out[0], rig->out[1]);
}

static bool has_line(struct rig *rig)
{
	return strstr(rig->out[0], rig->awaited) || strstr(rig->out[1], rig->awaited);
}

static void wait_for(struct rig *rig, const char *what)
{
	wait_until(rig, has_line, what);
}

static bool has_end(struct rig *rig)
{
	return rig->ends > 0;
}

static bool all_gone(struct rig *rig)
{
	return rig->programs.living == 0 && !rig->children_left && !rig->mux.sources;
}

/* All processes have ended, and what they wrote was read to its end: nothing is left open. */
static void wait_for_all(struct rig *rig)
{
	wait_until(rig, all_gone, "the end of all");
}

static void start_all(struct rig *rig)
{
	while (services_start_next(&rig->services))
		;
}

static void run_all(struct rig *rig)
{
	open_services(rig, "");
	start_all(rig);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		wrong("\"%s\" is not in \"%.2000s\"", part, text);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void assert_end(const struct rig *rig, const char *name, const char *stage, int status)
{
	assert_int_equal(rig->ends, 1);
	assert_string_equal(rig->end_name, name);
	assert_string_equal(rig->end_stage, stage);
	assert_int_equal(rig->end_status, status);
}

/* ---- the list ---- */

static void test_services_open_leaves_out_down_and_skipped(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "a", "exit 115");
	put_service(rig, "b", "exit 115")->down = true;
	put_service(rig, "c", "exit 115");
	put_service(rig, "cc", "exit 115");
	open_services(rig, ",c,,nobody,");
	assert_int_equal(rig->services.len, 2);
	assert_string_equal(rig->services.list[0].entry->name, "a");
	assert_string_equal(rig->services.list[1].entry->name, "cc");
	logmux_turn(&rig->mux);
	read_outputs(rig);
	assert_int_equal(count(rig->out[1], "\n"), 1);
	assert_has(rig->out[1],
		   "warning: DINIT_SKIP names \"nobody\", but there is no such service\n");
}

static void test_services_open_without_memory_fails(void **state)
{
	struct rig *rig = *state;
	const struct service_owner owner = { .ctx = rig };
	char *const environment[] = { NULL };
	const struct program_means means = { .environment = environment };

	put_service(rig, "a", NULL);
	for (int calls = 0; calls < 3; calls++) {
		callocs_until_failure = calls;
		assert_int_equal(services_open(&rig->services, &rig->svdir, "", &rig->loop,
					       &rig->programs, &owner),
				 -1);
		assert_int_equal(errno, ENOMEM);
	}
	mallocs_until_failure = 0;
	assert_int_equal(programs_open(&rig->programs, &means), -1);
	assert_int_equal(errno, ENOMEM);
}

static void test_services_start_next_goes_through_them_once(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "a", "exit 115");
	put_service(rig, "b", "exit 115");
	open_services(rig, "");
	for (size_t i = 0; i < 2; i++) {
		assert_true(services_start_next(&rig->services));
		assert_int_equal(rig->services.started, i + 1);
		assert_int_equal(rig->programs.living, i + 1);
	}
	assert_false(services_start_next(&rig->services));
	wait_for_all(rig);
}

static void test_services_stop_starts_no_more(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "a", "exec sleep 1000");
	put_service(rig, "b", "exec sleep 1000");
	open_services(rig, "");
	assert_true(services_start_next(&rig->services));
	services_stop(&rig->services);
	assert_false(services_start_next(&rig->services));
	wait_for_all(rig);
	assert_int_equal(rig->services.started, 1);
}

/* ---- run ---- */

static void test_service_run_finds_its_directory_and_streams(void **state)
{
	struct rig *rig = *state;
	char line[200];

	put_service(
		rig, "web",
		"echo \"$0 $# $OTHER $DINIT_PID\"; pwd -P; readlink /proc/self/fd/0; echo err >&2\n"
		"stat -Lc 'mode %a' /proc/self/fd/1; ls /proc/self/fd | wc -l; exit 115");
	run_all(rig);
	wait_for_all(rig);
	snprintf(line, sizeof line, " web/run: %s/web/run 0 1 old\n", rig->dir);
	assert_has(rig->out[0], line);
	snprintf(line, sizeof line, " web/run: %s/web\n", rig->dir);
	assert_has(rig->out[0], line);
	assert_has(rig->out[0], " web/run: /dev/null\n");
	assert_has(rig->out[0], " web/run: mode 666\n");
	assert_has(rig->out[1], " web/run: err\n");
}

static void test_service_run_end_is_told_with_its_status(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = { { "exit 0", 0 }, { "exit 7", 7 << 8 }, { "kill -9 $$", SIGKILL } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;
		pid_t pid;

		put_service(rig, "web", cases[i].body);
		run_all(rig);
		pid = rig->services.list[0].run.watch.pid;
		assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
		wait_for_all(rig);
		assert_int_equal(rig->services.list[0].state, SERVICE_ENDED);
		assert_end(rig, "web", "run", cases[i].status);
		assert_int_equal(rig->end_pid, pid);
		assert_false(rig->end_was_logged);
		assert_int_equal(rig->services.disabled, 0);
		teardown(state);
		setup(state);
	}
}

static void test_program_find_knows_programs_until_they_are_reaped(void **state)
{
	struct rig *rig = *state;
	struct reaper_watch other = { .on_exit = NULL };
	const struct service *service;
	pid_t pid;

	put_service(rig, "web", "exec sleep 1000");
	put_log(rig, "exec cat");
	run_all(rig);
	service = &rig->services.list[0];
	pid = service->run.watch.pid;
	assert_ptr_equal(program_find(&rig->reaper, pid), &service->run);
	assert_ptr_equal(program_find(&rig->reaper, service->log->watch.pid), service->log);
	/* whom somebody else watches */
	reaper_watch(&rig->reaper, &other, getpid());
	assert_null(program_find(&rig->reaper, getpid()));
	reaper_unwatch(&rig->reaper, &other);
	assert_null(program_find(&rig->reaper, 0));
	kill(pid, SIGKILL);
	wait_for_all(rig);
	assert_null(program_find(&rig->reaper, pid));
}

static void test_service_run_115_disables_itself(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "echo last words; exit 115");
	run_all(rig);
	wait_for_all(rig);
	assert_int_equal(rig->ends, 0);
	assert_int_equal(rig->services.list[0].state, SERVICE_DISABLED);
	assert_int_equal(rig->services.disabled, 1);
	assert_has(rig->out[0], " web/run: last words\n");
	assert_string_equal(rig->out[1], "");
}

static void assert_cannot_start(struct rig *rig, const char *who, const char *why)
{
	char line[300];

	wait_for_all(rig);
	assert_int_equal(rig->failures, 1);
	assert_int_equal(rig->failure_status, PROCESS_STATUS_UNABLE);
	assert_int_equal(rig->services.list[0].state, SERVICE_FAILED);
	assert_int_equal(count(rig->out[1], "cannot be started"), 1);
	snprintf(line, sizeof line, "%s: cannot be started: %s", who, why);
	if (strchr(line, '\n'))
		*strchr(line, '\n') = '\0';
	assert_has(rig->cause, line);
	snprintf(line, sizeof line,
		 " dinit: error: %s: cannot be started, stopping the container: %s", who, why);
	assert_has(rig->out[1], line);
	assert_int_equal(rig->ends, 0);
	assert_int_equal(rig->orphans, 0);
}

static void test_service_run_that_cannot_be_executed_is_said(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", NULL);
	run_all(rig);
	assert_cannot_start(rig, "web/run", "");
	assert_has(rig->out[1], "/web/run does not exist");
}

static void test_service_that_cannot_be_started_is_not_said_to_stop_what_stops(void **state)
{
	struct rig *rig = *state;

	rig->stops_already = true;
	put_service(rig, "web", NULL);
	run_all(rig);
	wait_for_all(rig);
	assert_int_equal(rig->failures, 1);
	assert_has(rig->out[1], " dinit: error: web/run: cannot be started: ");
	assert_int_equal(count(rig->out[1], "stopping the container"), 0);
}

static void test_service_run_whose_directory_has_gone_is_said(void **state)
{
	struct rig *rig = *state;
	static char gone[] = "/nonexistent";

	put_service(rig, "web", "exit 0")->dir = gone;
	run_all(rig);
	assert_cannot_start(
		rig, "web/run",
		"/nonexistent cannot be its working directory (No such file or directory)\n");
}

static void test_service_run_without_a_process_is_said(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 0");
	spawns_until_failure = 0;
	run_all(rig);
	assert_cannot_start(
		rig, "web/run",
		"no process can be made (Resource temporarily unavailable; raise the limit");
}

static void run_failing_at(struct rig *rig, enum spawn_stage stage)
{
	put_service(rig, "web", "exit 0");
	open_services(rig, "");
	failure_stage = stage;
	spawns_until_failure = 0;
	start_all(rig);
	failure_stage = SPAWN_FORK;
	logmux_begin_drain(&rig->mux);
}

static void test_service_run_without_a_session_of_its_own_is_said(void **state)
{
	struct rig *rig = *state;

	run_failing_at(rig, SPAWN_SESSION);
	assert_cannot_start(rig, "web/run",
			    "it cannot have a session or a group of its own (Resource ");
}

static void test_service_run_whose_descriptors_cannot_be_set_up_is_said(void **state)
{
	struct rig *rig = *state;

	run_failing_at(rig, SPAWN_SETUP);
	assert_cannot_start(rig, "web/run",
			    "its descriptors cannot be set up (Resource temporarily ");
}

static void test_service_run_without_a_pipe_or_memory_is_said_and_leaves_nothing(void **state)
{
	for (int calls = 0; calls < 4; calls++) {
		struct rig *rig = *state;
		int before;

		put_service(rig, "web", "exit 0");
		open_services(rig, "");
		before = rig_count_fds();
		*(calls < 2 ? &pipes_until_failure : &mallocs_until_failure) = calls % 2;
		start_all(rig);
		assert_cannot_start(
			rig, "web/run",
			calls < 2 ? "no pipe can be made (Too many open files; raise the limit of "
				    "open files, ulimit -n)\n"
				  : "no pipe can be made (Cannot allocate memory)\n");
		assert_int_equal(rig_count_fds(), before);
		teardown(state);
		setup(state);
	}
}

/* ---- logging programs ---- */

static void test_service_log_reads_the_stdout_and_speaks_for_the_service(void **state)
{
	struct rig *rig = *state;
	char line[200];

	put_service(rig, "web", "echo one; echo two; echo err >&2; exit 115");
	put_log(rig, "pwd -P; while read -r line; do echo \"<$line>\"; done; echo log err >&2");
	run_all(rig);
	assert_int_equal(rig->programs.living, 2);
	wait_for_all(rig);
	assert_has(rig->out[0], " web/run: <one>\n");
	assert_has(rig->out[0], " web/run: <two>\n");
	snprintf(line, sizeof line, " web/run: %s/web/log\n", rig->dir);
	assert_has(rig->out[0], line);
	assert_has(rig->out[1], " web/run: err\n");
	assert_has(rig->out[1], " web/log: log err\n");
	assert_int_equal(rig->ends, 0);
	assert_null(rig->services.list[0].logged);
	assert_null(rig->services.list[0].unlogged);
}

static void test_service_log_115_hands_the_rest_to_dinit(void **state)
{
	struct rig *rig = *state;
	int go;

	put_service(rig, "web", "echo one; echo two; read -r go < go; echo three; exit 115");
	put_log(rig, "read -r line; echo \"<$line>\"; head -c 2 >/dev/null; exit 115");
	snprintf(rig->paths[0][4], sizeof rig->paths[0][4], "%s/go", rig->entries[0].dir);
	assert_int_equal(mkfifo(rig->paths[0][4], 0600), 0);
	run_all(rig);
	wait_for(rig, " web/run: o\n");
	go = open(rig->paths[0][4], O_RDWR | O_CLOEXEC);
	assert_int_equal(write(go, "go\n", 3), 3);
	wait_for_all(rig);
	close(go);
	assert_has(rig->out[0], " web/run: three\n");
	assert_true(strstr(rig->out[0], "<one>\n") < strstr(rig->out[0], " web/run: o\n"));
	assert_int_equal(rig->ends, 0);
}

static bool log_gone(struct rig *rig)
{
	return rig->services.list[0].log->watch.pid == 0;
}

static void test_service_log_115_leaves_its_service_running(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_log(rig, "exit 115");
	run_all(rig);
	wait_until(rig, log_gone, "the end of the log");
	assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
	kill(rig->services.list[0].run.watch.pid, SIGKILL);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGKILL);
	assert_false(rig->end_was_logged);
}

static void test_service_was_logged_by_a_log_that_reads_to_the_end(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 7");
	put_log(rig, "cat > log.out");
	run_all(rig);
	wait_for_all(rig);
	assert_end(rig, "web", "run", 7 << 8);
	assert_true(rig->end_was_logged);
}

static void test_service_run_115_with_a_log_disables_only_itself(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 115");
	put_log(rig, "cat");
	log_set_level(CONFIG_LOG_INFO);
	run_all(rig);
	wait_for_all(rig);
	log_set_level(CONFIG_LOG_WARN);
	assert_int_equal(count(rig->out[1], "it has disabled itself"), 1);
}

/* Both have ended before anything was read: what the log wrote comes first all the same. */
static void test_service_log_115_rest_comes_after_the_last_of_its_own(void **state)
{
	struct rig *rig = *state;
	struct service *service;
	siginfo_t info;

	put_service(rig, "web", "echo unread; exit 115");
	put_log(rig, "echo from the log; exit 115");
	run_all(rig);
	service = &rig->services.list[0];
	assert_int_equal(waitid(P_PID, (id_t)service->run.watch.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(waitid(P_PID, (id_t)service->log->watch.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(reaper_drain(&rig->reaper));
	assert_non_null(service->logged);
	assert_ptr_equal(released_after, service->logged);
	wait_for_all(rig);
	assert_has(rig->out[0], " web/run: unread\n");
	assert_true(strstr(rig->out[0], "from the log\n") < strstr(rig->out[0], "unread\n"));
}

static void test_service_log_failing_under_its_service_is_told(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_INFO);
	put_service(rig, "web", "while :; do echo more || exit 9; sleep 0.01; done");
	put_log(rig, "read -r line; exit 5");
	run_all(rig);
	wait_until(rig, has_end, "the end of the log");
	assert_end(rig, "web", "log", 5 << 8);
	assert_false(rig->end_was_logged);
	assert_int_not_equal(rig->services.list[0].run.watch.pid, 0);
	/* and the service neither ends of it, nor is anything lost */
	wait_for(rig, " web/run: more\n");
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(rig->end_status, SIGTERM);
	/* It was told to the owner, who says it. */
	assert_int_equal(count(rig->out[1], " web/log: PID "), 0);
}

static void test_service_log_ending_with_its_service_is_not_told(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 115");
	put_log(rig, "cat; exit 5");
	run_all(rig);
	wait_for_all(rig);
	assert_int_equal(rig->ends, 0);
	assert_false(rig->services.list[0].log_grace.running);
}

/* The process ends and is a zombie; nobody has reaped it. */
static void end(pid_t pid, int signal)
{
	siginfo_t info;

	kill(pid, signal);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* The log has ended and is reaped, the service has ended right after. */
static struct service *end_log_and_service(struct rig *rig)
{
	struct service *service;

	put_service(rig, "web", "exec sleep 1000");
	put_log(rig, "exec sleep 1000");
	run_all(rig);
	service = &rig->services.list[0];
	end(service->log->watch.pid, SIGKILL);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(service->state, SERVICE_UNLOGGED);
	assert_true(service->log_grace.running);
	assert_int_equal(service->log_grace.due_ms - loop_now_ms(&rig->loop), 10);
	end(service->run.watch.pid, SIGTERM);
	return service;
}

static void expect_end_of_service(struct rig *rig)
{
	assert_false(reaper_drain(&rig->reaper));
	assert_false(rig->services.list[0].log_grace.running);
	assert_end(rig, "web", "run", SIGTERM);
	assert_true(rig->end_was_logged);
	wait_for_all(rig);
	assert_int_equal(rig->ends, 1);
}

/* The log ends first, the service right after, before the grace is over: the service is the
 * cause. */
static void test_service_log_grace_is_over_when_the_service_ends(void **state)
{
	end_log_and_service(*state);
	expect_end_of_service(*state);
}

/* The same where dinit comes late: the grace is over before it has reaped the service. */
static void test_service_log_grace_of_a_service_that_is_not_reaped_yet_tells_its_end(void **state)
{
	struct rig *rig = *state;
	struct service *service = end_log_and_service(rig);

	loop_timer_stop(&rig->loop, &service->log_grace);
	service->log_grace.on_due(service->log_grace.ctx);
	assert_int_equal(rig->ends, 0);
	expect_end_of_service(rig);
}

/* The stop comes before the grace is over: nothing is left to be decided. */
static void test_service_log_grace_is_over_when_the_service_is_told_to_stop(void **state)
{
	struct rig *rig = *state;
	struct service *service;

	log_set_level(CONFIG_LOG_INFO);
	put_service(rig, "web", "exec sleep 1000");
	put_log(rig, "exec sleep 1000");
	run_all(rig);
	service = &rig->services.list[0];
	end(service->log->watch.pid, SIGKILL);
	assert_true(reaper_drain(&rig->reaper));
	assert_int_equal(service->state, SERVICE_UNLOGGED);
	services_stop(&rig->services);
	assert_int_equal(service->state, SERVICE_STOPPING);
	assert_false(service->log_grace.running);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGTERM);
	assert_int_equal(count(rig->out[1], " web/log: PID "), 1);
	assert_int_equal(count(rig->out[1], "was killed by signal 9"), 1);
}

/* What it had not read is not lost, however it ended. */
static void test_service_log_that_never_reads_loses_nothing(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web",
		    "i=0; while [ $i -lt 500 ]; do echo \"line $i\"; i=$((i + 1)); done; exit 115");
	put_log(rig, "exec sleep 1000");
	run_all(rig);
	while (rig->services.list[0].run.watch.pid) {
		siginfo_t info;

		assert_int_equal(waitid(P_PID, (id_t)rig->services.list[0].run.watch.pid, &info,
					WEXITED | WNOWAIT),
				 0);
		reaper_drain(&rig->reaper);
	}
	kill(rig->services.list[0].log->watch.pid, SIGKILL);
	wait_for_all(rig);
	assert_int_equal(count(rig->out[0], " web/run: line "), 500);
	assert_int_equal(rig->ends, 0);
}

static void test_service_log_that_cannot_be_executed_is_said(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 0");
	put_log(rig, NULL);
	run_all(rig);
	assert_int_equal(rig->failures, 1);
	assert_int_equal(rig->services.list[0].run.watch.pid, 0);
	logmux_begin_drain(&rig->mux);
	assert_cannot_start(rig, "web/log", "");
}

/* At whatever call it fails: one message, what runs already ends by itself, nothing is left
 * open. */
static void test_service_logged_start_failing_anywhere_is_said_and_leaves_nothing(void **state)
{
	for (int calls = 0; calls < 4 + 4 + 2; calls++) {
		struct rig *rig = *state;
		int before;

		put_service(rig, "web", "exit 0");
		put_log(rig, "cat");
		open_services(rig, "");
		before = rig_count_fds();
		if (calls < 4)
			pipes_until_failure = calls;
		else if (calls < 8)
			mallocs_until_failure = calls - 4;
		else
			spawns_until_failure = calls - 8;
		start_all(rig);
		assert_int_equal(rig->failures, 1);
		assert_int_equal(rig->services.list[0].run.watch.pid, 0);
		logmux_begin_drain(&rig->mux);
		wait_for_all(rig);
		assert_int_equal(count(rig->out[1], "cannot be started"), 1);
		if (calls < 4)
			assert_has(rig->out[1], ": no pipe can be made (Too many open files; raise "
						"the limit of open");
		assert_int_equal(rig->ends, 0);
		assert_int_equal(rig_count_fds(), before);
		teardown(state);
		setup(state);
	}
}

/* ---- last lines ---- */

static void assert_last(struct rig *rig, enum logmux_stream stream, const char *expected)
{
	char text[LASTLINE_MAX + 1];

	assert_non_null(rig->end_last);
	assert_int_equal(lastline_show(&rig->end_last[stream], text), expected != NULL);
	assert_string_equal(text, expected ? expected : "");
}

static void test_service_run_end_comes_with_its_last_lines(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "echo one; echo two; echo err >&2; printf why >&2; exit 2");
	run_all(rig);
	wait_for_all(rig);
	assert_ptr_equal(rig->end_last, rig->services.list[0].run.last);
	assert_last(rig, LOGMUX_STDOUT, "two");
	assert_last(rig, LOGMUX_STDERR, "why");
}

static void test_service_logged_run_end_comes_with_the_last_line_of_stderr(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "echo one; echo why >&2; exit 2");
	put_log(rig, "exec cat");
	run_all(rig);
	wait_for_all(rig);
	assert_string_equal(rig->end_stage, "run");
	assert_last(rig, LOGMUX_STDOUT, NULL);
	assert_last(rig, LOGMUX_STDERR, "why");
}

static void test_service_run_after_log_115_end_comes_with_what_dinit_read(void **state)
{
	struct rig *rig = *state;
	int go;

	put_service(rig, "web", "read -r go < go; echo one; echo why; exit 2");
	put_log(rig, "exit 115");
	snprintf(rig->paths[0][4], sizeof rig->paths[0][4], "%s/go", rig->entries[0].dir);
	assert_int_equal(mkfifo(rig->paths[0][4], 0600), 0);
	run_all(rig);
	wait_until(rig, log_gone, "the end of the log");
	go = open(rig->paths[0][4], O_RDWR | O_CLOEXEC);
	assert_int_equal(write(go, "go\n", 3), 3);
	wait_for_all(rig);
	close(go);
	assert_string_equal(rig->end_stage, "run");
	assert_last(rig, LOGMUX_STDOUT, "why");
}

static void test_service_log_end_comes_with_its_last_lines(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "echo one; exec sleep 1000");
	put_log(rig, "read -r line; echo \"<$line>\"; echo 'disk full' >&2; exit 1");
	run_all(rig);
	wait_until(rig, has_end, "the end of the log");
	wait_for(rig, "disk full");
	assert_ptr_equal(rig->end_last, rig->services.list[0].log->last);
	assert_last(rig, LOGMUX_STDOUT, "<one>");
	assert_last(rig, LOGMUX_STDERR, "disk full");
	services_stop(&rig->services);
	wait_for_all(rig);
}

static void test_service_terminate_has_no_last_lines(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_terminate(rig, "echo one; echo err >&2; kill -INT $DINIT_PID");
	run_all(rig);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_has(rig->out[1], " web/term: err\n");
	assert_null(rig->services.list[0].terminate->last[LOGMUX_STDOUT].text);
	assert_null(rig->services.list[0].terminate->last[LOGMUX_STDERR].text);
}

/* There is a pipe, but no descriptor for the read end that dinit holds. */
static void test_service_logged_start_without_another_descriptor_is_said(void **state)
{
	struct rig *rig = *state;
	struct rlimit before, limit;
	int pair[2];

	put_service(rig, "web", "exit 0");
	put_log(rig, "cat");
	open_services(rig, "");
	assert_int_equal(__real_pipe2(pair, O_CLOEXEC), 0);
	close(pair[0]);
	close(pair[1]);
	getrlimit(RLIMIT_NOFILE, &before);
	limit = before;
	limit.rlim_cur = (rlim_t)pair[1] + 1;
	setrlimit(RLIMIT_NOFILE, &limit);
	start_all(rig);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(rig->programs.living, 0);
	assert_cannot_start(rig, "web/run",
			    "no pipe can be made (Too many open files; raise the limit of "
			    "open files, ulimit -n)\n");
}

/* ---- stopping ---- */

static void test_services_stop_sends_term(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "a", "exec sleep 1000");
	put_service(rig, "b",
		    "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
	run_all(rig);
	wait_for(rig, " b/run: up\n");
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(rig->ends, 2);
	assert_has(rig->out[0], " b/run: bye\n");
}

/* Its logging program ends because it ends: that is worth no more than a note. */
static void test_services_stop_end_of_a_log_is_only_noted(void **state)
{
	static const char *const terminates[] = { NULL, "kill $DINIT_PID; read -r x < go" };

	for (size_t i = 0; i < COUNT(terminates); i++) {
		struct rig *rig = *state;
		char go[200];
		int fd;

		log_set_level(CONFIG_LOG_INFO);
		put_service(rig, "web", "exec sleep 1000");
		put_log(rig, "exec sleep 1000");
		snprintf(go, sizeof go, "%s/go", rig->entries[0].dir);
		assert_int_equal(mkfifo(go, 0600), 0);
		fd = open(go, O_RDWR | O_CLOEXEC);
		if (terminates[i])
			put_terminate(rig, terminates[i]);
		run_all(rig);
		services_stop(&rig->services);
		end(rig->services.list[0].log->watch.pid, SIGKILL);
		assert_int_equal(write(fd, "go\n", 3), 3);
		wait_for_all(rig);
		close(fd);
		assert_end(rig, "web", "run", SIGTERM);
		assert_int_equal(count(rig->out[1], " web/log: PID "), 1);
		teardown(state);
		setup(state);
	}
}

static void test_services_stop_of_one_that_did_not_start_does_nothing(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 0");
	put_terminate(rig, "exit 0");
	spawns_until_failure = 0;
	run_all(rig);
	assert_int_equal(rig->services.list[0].state, SERVICE_FAILED);
	services_stop(&rig->services);
	assert_int_equal(rig->services.list[0].state, SERVICE_FAILED);
	assert_int_equal(rig->services.list[0].terminate->state, PROGRAM_IDLE);
	wait_for_all(rig);
}

static void test_services_stop_runs_terminate_with_the_pid(void **state)
{
	struct rig *rig = *state;
	char line[100];
	pid_t pid;

	put_service(rig, "web", "exec sleep 1000");
	put_terminate(rig, "echo \"pid $DINIT_PID $OTHER $DINIT_PIDS\"; env | grep -c DINIT_PID=; "
			   "pwd -P; echo err >&2; kill -INT $DINIT_PID");
	run_all(rig);
	pid = rig->services.list[0].run.watch.pid;
	services_stop(&rig->services);
	assert_int_equal(rig->services.list[0].state, SERVICE_TERMINATING);
	assert_int_equal(rig->programs.living, 2);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGINT);
	snprintf(line, sizeof line, " web/term: pid %d 1 kept\n", pid);
	assert_has(rig->out[0], line);
	assert_has(rig->out[0], " web/term: 1\n");
	snprintf(line, sizeof line, " web/term: %s/web\n", rig->dir);
	assert_has(rig->out[0], line);
	assert_has(rig->out[1], " web/term: err\n");
}

static void test_services_stop_failing_terminate_is_said_and_term_sent(void **state)
{
	static const char *const bodies[] = { "exit 1", "kill -9 $$", "exit 115" };

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exec sleep 1000");
		put_terminate(rig, bodies[i]);
		run_all(rig);
		services_stop(&rig->services);
		wait_for_all(rig);
		assert_end(rig, "web", "run", SIGTERM);
		assert_int_equal(count(rig->out[1], ": sending TERM to the service instead\n"), 1);
		assert_has(rig->out[1], " dinit: warning: web/term: PID ");
		teardown(state);
		setup(state);
	}
}

static void test_services_stop_terminate_that_cannot_start_is_said_and_term_sent(void **state)
{
	for (int way = 0; way < 3; way++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exec sleep 1000");
		put_terminate(rig, way == 0 ? NULL : "exit 0");
		run_all(rig);
		if (way == 1)
			pipes_until_failure = 1;
		if (way == 2)
			spawns_until_failure = 0;
		services_stop(&rig->services);
		wait_for_all(rig);
		assert_end(rig, "web", "run", SIGTERM);
		assert_int_equal(count(rig->out[1], "/term: cannot be started, sending TERM to the "
						    "service instead: "),
				 1);
		assert_int_equal(rig->failures, 0);
		teardown(state);
		setup(state);
	}
}

/* There is nobody left to send TERM to. */
static void test_services_stop_terminate_that_cannot_start_of_an_ended_service_is_said(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_terminate(rig, NULL);
	run_all(rig);
	end(rig->services.list[0].run.watch.pid, SIGKILL);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGKILL);
	assert_int_equal(count(rig->out[1], "/term: cannot be started: "), 1);
	assert_int_equal(count(rig->out[1], "sending TERM"), 0);
}

static bool term_gone(struct rig *rig)
{
	return rig->services.list[0].terminate->watch.pid == 0;
}

static void test_services_stop_succeeding_terminate_is_left_to_itself(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_terminate(rig, "exit 0");
	run_all(rig);
	services_stop(&rig->services);
	wait_until(rig, term_gone, "the end of terminate");
	assert_int_equal(rig->services.list[0].state, SERVICE_STOPPING);
	assert_int_equal(rig->programs.living, 1);
	assert_string_equal(rig->out[1], "");
	kill(rig->services.list[0].run.watch.pid, SIGKILL);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGKILL);
}

static void test_services_stop_service_that_has_ended_is_left_alone(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 0");
	put_terminate(rig, "echo never");
	run_all(rig);
	wait_for_all(rig);
	services_stop(&rig->services);
	/* Its PID is void: nothing is sent, and nobody is asked to send it. */
	program_stop(&rig->services.list[0].run, SIGTERM);
	assert_int_equal(rig->programs.living, 0);
	wait_for_all(rig);
	assert_string_equal(rig->out[0], "");
	assert_int_equal(count(rig->out[1], "sending"), 0);
}

static void test_services_stop_sends_the_down_signal(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web",
		    "trap 'echo quit; exit 0' QUIT; trap '' TERM; echo up\n"
		    "while :; do sleep 0.01; done")
		->down_signal = SIGQUIT;
	run_all(rig);
	wait_for(rig, " web/run: up\n");
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_has(rig->out[0], " web/run: quit\n");
	assert_string_equal(rig->out[1], "");
}

/* Where there is a terminate, the down-signal is sent only if that fails; the message names it. */
static void test_services_stop_failing_terminate_sends_the_down_signal(void **state)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
		{ "exit 1", " exited with status 1: sending QUIT to the service instead\n" },
		{ NULL, "/term: cannot be started, sending QUIT to the service instead: " },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exec sleep 1000")->down_signal = SIGQUIT;
		put_terminate(rig, cases[i].body);
		run_all(rig);
		services_stop(&rig->services);
		wait_for_all(rig);
		assert_end(rig, "web", "run", SIGQUIT);
		assert_int_equal(count(rig->out[1], cases[i].message), 1);
		teardown(state);
		setup(state);
	}
}

/* ---- finish ---- */

static void test_service_finish_gets_how_run_has_ended(void **state)
{
	static const struct {
		const char *run, *arguments;
		enum service_state state;
		size_t ends;
	} cases[] = {
		{ "exit 0", "0 0", SERVICE_ENDED, 1 },
		{ "exit 7", "7 0", SERVICE_ENDED, 1 },
		{ "exit 255", "255 0", SERVICE_ENDED, 1 },
		{ "exit 115", "115 0", SERVICE_DISABLED, 0 },
		{ "kill -KILL $$", "-1 9", SERVICE_ENDED, 1 },
		{ "kill -TERM $$", "-1 15", SERVICE_ENDED, 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;
		char line[300];

		put_service(rig, "web", cases[i].run);
		put_finish(rig, "echo \"$# $* $DINIT_PID\"; echo \"$0\"; pwd -P; "
				"readlink /proc/self/fd/0; echo err >&2");
		run_all(rig);
		wait_for_all(rig);
		snprintf(line, sizeof line, " web/finish: 2 %s old\n", cases[i].arguments);
		assert_has(rig->out[0], line);
		snprintf(line, sizeof line, " web/finish: %s/web/finish\n", rig->dir);
		assert_has(rig->out[0], line);
		snprintf(line, sizeof line, " web/finish: %s/web\n", rig->dir);
		assert_has(rig->out[0], line);
		assert_has(rig->out[0], " web/finish: /dev/null\n");
		assert_has(rig->out[1], " web/finish: err\n");
		assert_int_equal(count(rig->out[1], "\n"), 1);
		assert_int_equal(rig->ends, cases[i].ends);
		assert_int_equal(rig->services.list[0].state, cases[i].state);
		teardown(state);
		setup(state);
	}
}

/* The owner is told at once, but the service is not disabled, nor over, before finish is. */
static void test_service_is_finishing_until_finish_has_ended(void **state)
{
	static const struct {
		const char *run;
		enum service_state state;
		size_t ends, disabled;
	} cases[] = {
		{ "exit 3", SERVICE_ENDED, 1, 0 },
		{ "exit 115", SERVICE_DISABLED, 0, 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;
		const struct service *service;
		int go;

		put_service(rig, "web", cases[i].run);
		put_finish(rig, "echo begun; read -r x < go");
		go = put_fifo(rig, "go");
		run_all(rig);
		service = &rig->services.list[0];
		wait_for(rig, " web/finish: begun\n");
		assert_int_equal(service->state, SERVICE_FINISHING);
		assert_int_equal(rig->ends, cases[i].ends);
		assert_int_equal(rig->services.disabled, 0);
		assert_int_equal(rig->programs.living, 1);
		services_stop(&rig->services);
		assert_int_equal(service->state, SERVICE_FINISHING);
		let_run(go);
		wait_for_all(rig);
		close(go);
		assert_int_equal(service->state, cases[i].state);
		assert_int_equal(rig->ends, cases[i].ends);
		assert_int_equal(rig->services.disabled, cases[i].disabled);
		teardown(state);
		setup(state);
	}
}

static void test_service_finish_that_fails_is_a_warning_and_nothing_else(void **state)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
		{ "exit 1", " exited with status 1\n" },
		{ "exit 115", " exited with status 115\n" },
		{ "kill -KILL $$", " was killed by signal 9 (Killed)\n" },
		{ NULL, "/web/finish does not exist" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exit 3");
		put_finish(rig, cases[i].body);
		run_all(rig);
		wait_for_all(rig);
		assert_end(rig, "web", "run", 3 << 8);
		assert_int_equal(rig->failures, 0);
		assert_int_equal(rig->services.list[0].state, SERVICE_ENDED);
		assert_has(rig->out[1], cases[i].body ? " dinit: warning: web/finish: PID "
						      : " dinit: warning: web/finish: cannot be "
							"started: ");
		assert_has(rig->out[1], cases[i].message);
		assert_int_equal(count(rig->out[1], "\n"), 1);
		teardown(state);
		setup(state);
	}
}

/* At whatever call the start of finish fails, the service is over. */
static void test_service_finish_that_cannot_begin_is_a_warning(void **state)
{
	for (int way = 0; way < 3; way++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exit 115");
		put_finish(rig, "exit 0");
		run_all(rig);
		if (way < 2)
			pipes_until_failure = way;
		else
			spawns_until_failure = 0;
		wait_for_all(rig);
		assert_int_equal(rig->services.list[0].state, SERVICE_DISABLED);
		assert_int_equal(rig->services.disabled, 1);
		assert_int_equal(count(rig->out[1], " dinit: warning: web/finish: cannot be "
						    "started: no "),
				 1);
		teardown(state);
		setup(state);
	}
}

static void test_services_stop_runs_finish_of_what_ends_then(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_log(rig, "exec cat");
	put_terminate(rig, "kill -INT $DINIT_PID");
	put_finish(rig, "echo \"finished $*\"");
	run_all(rig);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_has(rig->out[0], " web/finish: finished -1 2\n");
	assert_end(rig, "web", "run", SIGINT);
}

/* ---- optional services ---- */

static void assert_optional(const struct rig *rig)
{
	assert_int_equal(rig->ends, 0);
	assert_int_equal(rig->failures, 0);
	assert_int_equal(rig->services.list[0].state, SERVICE_DISABLED);
	assert_int_equal(rig->services.disabled, 1);
}

static void test_service_optional_end_is_a_warning(void **state)
{
	static const struct {
		const char *run, *message;
	} cases[] = {
		{ "exit 0", " exited with status 0; the service is optional, the container goes "
			    "on\n" },
		{ "exit 2", " exited with status 2; the service is optional, the container goes "
			    "on\n" },
		{ "kill -KILL $$", " was killed by signal 9 (Killed); the service is optional, the "
				   "container goes on\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;

		put_service(rig, "web", cases[i].run)->optional = true;
		if (i > 0)
			put_finish(rig, "echo finished");
		run_all(rig);
		wait_for_all(rig);
		assert_optional(rig);
		assert_has(rig->out[1], " dinit: warning: web/run: PID ");
		assert_int_equal(count(rig->out[1], cases[i].message), 1);
		assert_int_equal(count(rig->out[1], "\n"), 1);
		assert_int_equal(count(rig->out[0], " web/finish: finished\n"), i > 0);
		teardown(state);
		setup(state);
	}
}

static void test_service_optional_115_is_no_warning(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 115")->optional = true;
	run_all(rig);
	wait_for_all(rig);
	assert_optional(rig);
	assert_string_equal(rig->out[1], "");
}

static void test_service_optional_that_cannot_be_started_is_a_warning(void **state)
{
	for (int way = 0; way < 3; way++) {
		struct rig *rig = *state;

		put_service(rig, "web", way == 0 ? NULL : "exit 0")->optional = true;
		if (way > 0)
			put_log(rig, way == 1 ? NULL : "cat");
		put_finish(rig, "echo never");
		open_services(rig, "");
		if (way == 2)
			spawns_until_failure = 1;
		start_all(rig);
		logmux_begin_drain(&rig->mux);
		wait_for_all(rig);
		assert_optional(rig);
		assert_has(rig->out[1], way == 1 ? " dinit: warning: web/log: cannot be started; "
						   "the service is optional, the container goes "
						   "on: "
						 : " dinit: warning: web/run: cannot be started; "
						   "the service is optional, the container goes "
						   "on: ");
		assert_int_equal(count(rig->out[1], "\n"), 1);
		assert_string_equal(rig->out[0], "");
		teardown(state);
		setup(state);
	}
}

static void test_service_optional_goes_on_without_its_log(void **state)
{
	struct rig *rig = *state;
	const struct service *service;
	int go;

	put_service(rig, "web", "echo one; read -r x < go; echo two; exit 4")->optional = true;
	put_log(rig, "read -r line; exit 5");
	go = put_fifo(rig, "go");
	run_all(rig);
	service = &rig->services.list[0];
	wait_for(rig, "the container goes on; dinit reads the service's output directly\n");
	assert_has(rig->out[1], " dinit: warning: web/log: PID ");
	assert_int_equal(service->state, SERVICE_RUNNING);
	assert_int_equal(rig->services.disabled, 0);
	let_run(go);
	wait_for_all(rig);
	close(go);
	assert_has(rig->out[0], " web/run: two\n");
	assert_optional(rig);
	assert_int_equal(count(rig->out[1], "\n"), 2);
}

/* The container does not go on. */
static void test_service_optional_that_ends_after_the_cause_gets_no_warning(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 2")->optional = true;
	open_services(rig, "");
	start_all(rig);
	services_note_cause(&rig->services);
	wait_for_all(rig);
	assert_optional(rig);
	assert_int_equal(count(rig->out[1], " dinit: warning: "), 0);
}

static void test_service_optional_that_cannot_be_started_after_the_cause_says_just_that(
	void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", NULL)->optional = true;
	open_services(rig, "");
	services_note_cause(&rig->services);
	start_all(rig);
	wait_for_all(rig);
	assert_optional(rig);
	assert_has(rig->out[1], " dinit: warning: web/run: cannot be started: ");
}

/* In a teardown its end is what was asked for. */
static void test_service_optional_that_is_stopped_gets_no_warning(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_INFO);
	put_service(rig, "web", "exec sleep 1000")->optional = true;
	put_log(rig, "cat; exit 1");
	run_all(rig);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_optional(rig);
	assert_int_equal(count(rig->out[1], " dinit: warning: "), 0);
	assert_int_equal(count(rig->out[1], " dinit: info: web/run: PID "), 1);
}

/* ---- prestop ---- */

static bool prestops_over(struct rig *rig)
{
	return rig->services.prestopping == 0;
}

static void test_services_prestop_runs_it_beside_the_services(void **state)
{
	struct rig *rig = *state;
	char line[300];
	int go;

	put_service(rig, "db", "exec sleep 1000");
	put_service(rig, "web", "exec sleep 1000");
	put_prestop(rig, "echo \"pid $DINIT_PID $#\"; pwd -P; echo err >&2; read -r x < go");
	go = put_fifo(rig, "go");
	put_service(rig, "over", "exit 115");
	put_prestop(rig, "echo never");
	run_all(rig);
	while (rig->services.disabled == 0) {
		siginfo_t info;

		waitid(P_PID, (id_t)rig->services.list[2].run.watch.pid, &info, WEXITED | WNOWAIT);
		reaper_drain(&rig->reaper);
	}
	services_prestop(&rig->services);
	assert_int_equal(rig->services.prestopping, 1);
	assert_false(services_start_next(&rig->services));
	wait_for(rig, " web/prestop: err\n");
	snprintf(line, sizeof line, " web/prestop: pid %d 0\n",
		 rig->services.list[1].run.watch.pid);
	assert_has(rig->out[0], line);
	snprintf(line, sizeof line, " web/prestop: %s/web\n", rig->dir);
	assert_has(rig->out[0], line);
	assert_int_equal(rig->services.list[1].state, SERVICE_RUNNING);
	/* It is not run twice. */
	services_prestop(&rig->services);
	assert_int_equal(rig->services.prestopping, 1);
	let_run(go);
	wait_until(rig, prestops_over, "the end of prestop");
	close(go);
	assert_int_equal(rig->programs.living, 2);
	assert_int_equal(rig->ends, 0);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(rig->ends, 2);
	assert_int_equal(count(rig->out[0], "never"), 0);
}

static void test_services_prestop_that_fails_is_a_warning(void **state)
{
	static const char *const bodies[] = { "exit 3", NULL, "" };

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exec sleep 1000");
		put_prestop(rig, bodies[i]);
		run_all(rig);
		if (i == 2)
			spawns_until_failure = 0;
		services_prestop(&rig->services);
		assert_int_equal(rig->services.prestopping, i < 2);
		wait_until(rig, prestops_over, "the end of prestop");
		services_stop(&rig->services);
		wait_for_all(rig);
		assert_end(rig, "web", "run", SIGTERM);
		assert_has(rig->out[1],
			   i == 0 ? " dinit: warning: web/prestop: PID "
				  : " dinit: warning: web/prestop: cannot be started: ");
		assert_int_equal(count(rig->out[1], "\n"), 1);
		teardown(state);
		setup(state);
	}
}

/* The delay of the teardown: what ends now ends as ever. */
static void test_services_prestop_leaves_ends_what_they_are(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_finish(rig, "echo finished");
	run_all(rig);
	services_prestop(&rig->services);
	kill(rig->services.list[0].run.watch.pid, SIGKILL);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGKILL);
	assert_has(rig->out[0], " web/finish: finished\n");
}

/* ---- control ---- */

static void test_control_count_is_that_of_the_programs(void **state)
{
	static char path[] = "/web/control/h";
	struct svdir_entry entry = { .name = path };

	(void)state;
	assert_int_equal(control_count(&entry), 0);
	entry.control[SVDIR_CONTROL_HUP] = path;
	assert_int_equal(control_count(&entry), 1);
	entry.control[SVDIR_CONTROL_USR2] = path;
	assert_int_equal(control_count(&entry), 2);
	/* What stands behind the list is none of them. */
	entry.down_signal = SIGTERM;
	entry.control[SVDIR_CONTROL_USR1] = path;
	assert_int_equal(control_count(&entry), 3);
}

static void test_services_control_runs_the_program_of_each_running_service(void **state)
{
	struct rig *rig = *state;
	char line[300];

	put_service(rig, "a", "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_HUP, "echo \"hup $DINIT_PID $#\"; pwd -P; echo err >&2");
	put_service(rig, "b", "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_USR1, "echo one");
	put_control(rig, SVDIR_CONTROL_HUP, "echo hup");
	put_service(rig, "c", "exec sleep 1000");
	open_services(rig, "");
	assert_true(services_have_control(&rig->services, SVDIR_CONTROL_HUP));
	assert_true(services_have_control(&rig->services, SVDIR_CONTROL_USR1));
	assert_false(services_have_control(&rig->services, SVDIR_CONTROL_USR2));
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	assert_int_equal(rig->programs.living, 0);
	start_all(rig);
	services_control(&rig->services, SVDIR_CONTROL_USR2);
	assert_int_equal(rig->programs.living, 3);
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	wait_for(rig, " b/control: hup\n");
	wait_for(rig, " a/control: err\n");
	snprintf(line, sizeof line, " a/control: hup %d 0\n", rig->services.list[0].run.watch.pid);
	wait_for(rig, line);
	snprintf(line, sizeof line, " a/control: %s/a\n", rig->dir);
	wait_for(rig, line);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(count(rig->out[0], " b/control: one\n"), 0);
	assert_int_equal(count(rig->out[0], " b/control: hup\n"), 1);
	assert_int_equal(rig->ends, 3);
}

static bool control_ran_twice(struct rig *rig)
{
	return count(rig->out[0], " web/control: begun\n") == 2;
}

static bool controls_over(struct rig *rig)
{
	return !program_is_running(&rig->services.list[0].controls->program);
}

/* The teardown begins when the cause is told, which can take a moment. */
static void test_services_note_cause_forgets_what_control_was_asked_for(void **state)
{
	struct rig *rig = *state;
	int go;

	put_service(rig, "web", "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_HUP, "echo begun; read -r x < go");
	go = put_fifo(rig, "go");
	run_all(rig);
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	wait_for(rig, " web/control: begun\n");
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	services_note_cause(&rig->services);
	let_run(go);
	wait_until(rig, controls_over, "the end of the program");
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(count(rig->out[0], " web/control: begun\n"), 1);
}

/* However often it is asked for while it runs. */
static void test_services_control_while_it_runs_runs_it_once_more(void **state)
{
	struct rig *rig = *state;
	int go;

	put_service(rig, "web", "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_USR2, "echo begun; read -r x < go");
	go = put_fifo(rig, "go");
	run_all(rig);
	services_control(&rig->services, SVDIR_CONTROL_USR2);
	wait_for(rig, " web/control: begun\n");
	for (int i = 0; i < 3; i++)
		services_control(&rig->services, SVDIR_CONTROL_USR2);
	assert_int_equal(rig->programs.living, 2);
	let_run(go);
	wait_until(rig, control_ran_twice, "the second run");
	let_run(go);
	wait_until(rig, controls_over, "the end of the second run");
	assert_int_equal(rig->programs.living, 1);
	close(go);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_true(control_ran_twice(rig));
}

static void test_services_control_begins_nothing_in_a_teardown(void **state)
{
	static void (*const begin[])(struct services * services) = { services_prestop,
								     services_stop };

	for (size_t i = 0; i < COUNT(begin); i++) {
		struct rig *rig = *state;
		int go;

		put_service(rig, "web", "trap '' TERM; echo up; read -r x < end");
		put_control(rig, SVDIR_CONTROL_HUP, "echo begun; read -r x < go");
		put_control(rig, SVDIR_CONTROL_USR1, "echo never");
		go = put_fifo(rig, "go");
		close(put_fifo(rig, "end"));
		run_all(rig);
		wait_for(rig, " web/run: up\n");
		services_control(&rig->services, SVDIR_CONTROL_HUP);
		wait_for(rig, " web/control: begun\n");
		services_control(&rig->services, SVDIR_CONTROL_HUP);
		begin[i](&rig->services);
		services_control(&rig->services, SVDIR_CONTROL_HUP);
		services_control(&rig->services, SVDIR_CONTROL_USR1);
		let_run(go);
		wait_until(rig, controls_over, "the end of the program");
		assert_int_equal(rig->programs.living, 1);
		kill(rig->services.list[0].run.watch.pid, SIGKILL);
		wait_for_all(rig);
		close(go);
		assert_int_equal(count(rig->out[0], " web/control: "), 1);
		teardown(state);
		setup(state);
	}
}

/* The program is about the process of run, and there is none any more. */
static void test_services_control_is_not_run_again_after_the_end_of_run(void **state)
{
	struct rig *rig = *state;
	int go;

	put_service(rig, "web", "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_HUP, "echo begun; read -r x < go");
	go = put_fifo(rig, "go");
	run_all(rig);
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	wait_for(rig, " web/control: begun\n");
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	kill(rig->services.list[0].run.watch.pid, SIGKILL);
	wait_until(rig, has_end, "the end of the service");
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	let_run(go);
	wait_for_all(rig);
	close(go);
	assert_int_equal(count(rig->out[0], " web/control: "), 1);
}

static void test_services_control_that_fails_is_a_warning(void **state)
{
	static const struct {
		const char *body, *warning;
	} cases[] = {
		{ "exit 3", " dinit: warning: web/control/h: PID " },
		{ NULL, " dinit: warning: web/control/h: cannot be started: " },
		{ "", " dinit: warning: web/control: cannot be started: " },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exec sleep 1000");
		put_control(rig, SVDIR_CONTROL_HUP, cases[i].body);
		run_all(rig);
		if (i == 2)
			spawns_until_failure = 0;
		assert_int_equal(services_control(&rig->services, SVDIR_CONTROL_HUP), 1);
		assert_int_equal(services_control(&rig->services, SVDIR_CONTROL_USR1), 0);
		wait_until(rig, controls_over, "the end of the program");
		assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
		services_stop(&rig->services);
		wait_for_all(rig);
		assert_has(rig->out[1], cases[i].warning);
		assert_int_equal(count(rig->out[1], "\n"), 1);
		teardown(state);
		setup(state);
	}
}

/* ---- what runs ---- */

static void on_running(void *ctx, const struct program *program)
{
	char *text = ctx;

	snprintf(text + strlen(text), 200 - strlen(text), "%s/%s ", program->service,
		 program->stage);
}

static void test_services_list_running_names_each_program_that_is_not_reaped(void **state)
{
	struct rig *rig = *state;
	char text[200] = "";

	put_service(rig, "db", "exec sleep 1000");
	put_service(rig, "gone", "exit 115");
	put_finish(rig, "exec sleep 1000");
	/* A log that read would end with run, which is killed first. */
	put_service(rig, "web", "trap '' TERM; echo up >&2; exec sleep 1000");
	put_log(rig, "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_HUP, "exec sleep 1000");
	put_prestop(rig, "exec sleep 1000");
	put_terminate(rig, "exec sleep 1000");
	open_services(rig, "");
	services_list_running(&rig->services, on_running, text);
	assert_string_equal(text, "");
	start_all(rig);
	wait_for(rig, "up\n");
	while (rig->services.list[1].state != SERVICE_FINISHING)
		reaper_drain(&rig->reaper);
	services_control(&rig->services, SVDIR_CONTROL_HUP);
	services_prestop(&rig->services);
	services_stop(&rig->services);
	services_list_running(&rig->services, on_running, text);
	assert_string_equal(text, "db/run gone/finish web/run web/term web/prestop web/log "
				  "web/control ");
	end(rig->services.list[0].run.watch.pid, SIGTERM);
	assert_true(services_kill(&rig->services, true));
	assert_int_equal(count(rig->out[1], "db/run: PID "), 0);
	wait_for_all(rig);
	assert_int_equal(count(rig->out[1], "is still running: killing it\n"), 6);
	text[0] = '\0';
	services_list_running(&rig->services, on_running, text);
	assert_string_equal(text, "");
}

/* ---- killing ---- */

/* After everything was killed, nothing would kill a finish that hangs. */
static void test_services_kill_with_logs_starts_no_finish(void **state)
{
	for (int with_logs = 0; with_logs < 2; with_logs++) {
		struct rig *rig = *state;

		put_service(rig, "web", "exec sleep 1000");
		put_finish(rig, "echo finished");
		run_all(rig);
		services_stop(&rig->services);
		services_kill(&rig->services, with_logs == 1);
		wait_for_all(rig);
		assert_int_equal(rig->services.list[0].state, SERVICE_ENDED);
		assert_int_equal(count(rig->out[0], "finished"), 1 - with_logs);
		teardown(state);
		setup(state);
	}
}

/* The limit of time may be over before the services were told to stop. */
static void test_services_stop_after_the_kill_starts_nothing(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_terminate(rig, "echo never");
	put_prestop(rig, "echo never");
	run_all(rig);
	services_kill(&rig->services, true);
	services_prestop(&rig->services);
	services_stop(&rig->services);
	assert_int_equal(rig->programs.living, 1);
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGKILL);
	assert_string_equal(rig->out[0], "");
}

static void test_services_kill_takes_runs_and_terminates_and_says_so(void **state)
{
	struct rig *rig = *state;
	struct service *service;

	put_service(rig, "web", "trap '' TERM; echo up; while :; do sleep 0.01; done");
	put_log(rig, "trap '' TERM; cat; echo the log is up >&2; exec sleep 1000 3>&1");
	put_terminate(rig, "echo hangs; exec sleep 1000");
	run_all(rig);
	wait_for(rig, " web/run: up\n");
	services_stop(&rig->services);
	wait_for(rig, " web/term: hangs\n");
	service = &rig->services.list[0];
	assert_true(services_kill(&rig->services, false));
	wait_for(rig, "the log is up");
	wait_until(rig, term_gone, "the end of terminate");
	wait_until(rig, has_end, "the end of the service");
	assert_int_equal(service->run.watch.pid, 0);
	assert_int_not_equal(service->log->watch.pid, 0);
	assert_int_equal(count(rig->out[1], "is still running: killing it\n"), 2);
	assert_false(services_kill(&rig->services, false));
	assert_true(services_kill(&rig->services, true));
	wait_for_all(rig);
	assert_int_equal(count(rig->out[1], "is still running: killing it\n"), 3);
	assert_int_equal(rig->ends, 1);
	assert_int_equal(rig->end_status, SIGKILL);
}

static void test_services_kill_takes_every_service(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "db", "exec sleep 1000");
	put_service(rig, "web", "exec sleep 1000");
	run_all(rig);
	assert_true(services_kill(&rig->services, false));
	wait_for_all(rig);
	assert_int_equal(count(rig->out[1], "is still running: killing it\n"), 2);
}

/* It has ended, and is only not reaped yet: where dinit was stopped, say. */
static void test_services_kill_says_nothing_of_who_has_ended(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	run_all(rig);
	end(rig->services.list[0].run.watch.pid, SIGTERM);
	services_stop(&rig->services);
	assert_false(services_kill(&rig->services, true));
	wait_for_all(rig);
	assert_end(rig, "web", "run", SIGTERM);
	assert_int_equal(count(rig->out[1], "killing it"), 0);
}

/* ---- the command ---- */

static void test_services_open_skips_no_command(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 115");
	put_shell(rig, "exit 0");
	open_services(rig, "*,job");
	assert_int_equal(rig->services.len, 1);
	assert_true(service_is_command(&rig->services.list[0]));
	logmux_turn(&rig->mux);
	read_outputs(rig);
	start_all(rig);
	wait_for_all(rig);
	assert_end(rig, "job", "run", 0);
}

static void test_services_find_command_is_there_while_it_runs(void **state)
{
	struct rig *rig = *state;
	struct service *command;

	put_service(rig, "web", "exec sleep 1000");
	put_shell(rig, "exec sleep 1000");
	open_services(rig, "");
	command = &rig->services.list[1];
	assert_false(service_is_command(&rig->services.list[0]));
	assert_true(service_is_command(command));
	assert_null(services_find_command(&rig->services));
	assert_true(services_start_next(&rig->services));
	assert_null(services_find_command(&rig->services));
	assert_true(services_start_next(&rig->services));
	assert_false(services_start_next(&rig->services));
	assert_ptr_equal(services_find_command(&rig->services), &command->run);
	services_stop_command(&rig->services, SIGTERM);
	assert_ptr_equal(services_find_command(&rig->services), &command->run);
	/* Not even while nobody has reaped it: only then is it known how it has ended. */
	end(command->run.watch.pid, SIGKILL);
	assert_ptr_equal(services_find_command(&rig->services), &command->run);
	wait_until(rig, has_end, "the end of the command");
	assert_null(services_find_command(&rig->services));
	services_stop(&rig->services);
	wait_for_all(rig);
}

static void test_services_find_command_without_one_is_nothing(void **state)
{
	struct rig *rig = *state;

	open_services(rig, "");
	assert_null(services_find_command(&rig->services));
	services_stop_command(&rig->services, SIGTERM);
	services_close(&rig->services);
	programs_close(&rig->programs);
	put_service(rig, "web", "exec sleep 1000");
	run_all(rig);
	assert_null(services_find_command(&rig->services));
	services_signal_command(&rig->services, SIGTERM);
	services_stop_command(&rig->services, SIGTERM);
	assert_int_equal(rig->services.phase, SERVICES_COMMAND_STOPPED);
	assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
	services_stop(&rig->services);
	assert_int_equal(rig->services.list[0].state, SERVICE_STOPPING);
	wait_for_all(rig);
}

static void test_services_command_is_a_program_with_its_label_and_last_lines(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 115");
	put_shell(rig, "echo \"$OTHER\"; echo why >&2; readlink /proc/$$/cwd; exit 2");
	run_all(rig);
	wait_for_all(rig);
	assert_end(rig, "job", "run", 2 << 8);
	assert_false(rig->end_was_logged);
	assert_has(rig->out[0], " job/run: 1\n");
	assert_has(rig->out[1], " job/run: why\n");
	assert_last(rig, LOGMUX_STDERR, "why");
}

/* 115 means nothing here. */
static void test_services_command_end_is_told_whatever_its_status(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = { { "exit 0", 0 },
		      { "exit 7", 7 << 8 },
		      { "exit 115", 115 << 8 },
		      { "kill -9 $$", SIGKILL } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;

		put_shell(rig, cases[i].body);
		run_all(rig);
		assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
		assert_int_equal(times_taken, 0);
		wait_for_all(rig);
		assert_end(rig, "job", "run", cases[i].status);
		assert_int_equal(rig->services.list[0].state, SERVICE_ENDED);
		assert_int_equal(rig->services.list[0].run_status, cases[i].status);
		assert_int_equal(rig->services.disabled, 0);
		assert_int_equal(times_taken, 1);
		assert_ptr_equal(taken, &rig->command);
		assert_string_equal(rig->out[1], "");
		teardown(state);
		setup(state);
	}
}

static void test_services_end_of_a_service_takes_no_terminal(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exit 0");
	run_all(rig);
	wait_for_all(rig);
	assert_end(rig, "web", "run", 0);
	assert_int_equal(times_taken, 0);
}

/* A service "web", and a command that says which signals it gets. */
static void open_with_trapping_command(struct rig *rig)
{
	put_service(rig, "web", "exec sleep 1000");
	put_shell(rig, "for s in TERM INT USR1; do trap \"echo got $s\" $s; done\n"
		       "echo up; while :; do sleep 0.01; done");
	open_services(rig, "");
}

static void run_beside_trapping_command(struct rig *rig)
{
	open_with_trapping_command(rig);
	start_all(rig);
	wait_for(rig, " job/run: up\n");
}

static void test_services_stop_command_tells_it_before_the_services(void **state)
{
	struct rig *rig = *state;
	const struct service *web, *command;

	log_set_level(CONFIG_LOG_INFO);
	run_beside_trapping_command(rig);
	web = &rig->services.list[0];
	command = &rig->services.list[1];
	services_stop_command(&rig->services, SIGINT);
	assert_int_equal(rig->services.phase, SERVICES_COMMAND_STOPPED);
	assert_int_equal(command->state, SERVICE_STOPPING);
	assert_int_equal(web->state, SERVICE_RUNNING);
	wait_for(rig, " job/run: got INT\n");
	assert_int_equal(count(rig->out[1], " job/run: sending INT to PID "), 1);
	assert_int_equal(count(rig->out[1], ": sending "), 1);
	/* The service is told, and the command not once more. */
	services_stop(&rig->services);
	assert_int_equal(web->state, SERVICE_STOPPING);
	wait_until(rig, has_end, "the end of the service");
	assert_end(rig, "web", "run", SIGTERM);
	assert_int_equal(count(rig->out[1], " job/run: sending "), 1);
	assert_int_equal(command->state, SERVICE_STOPPING);
	assert_true(services_kill(&rig->services, false));
	wait_for_all(rig);
	assert_int_equal(rig->ends, 2);
	assert_int_equal(rig->end_status, SIGKILL);
}

/* Each time also where it is stopped. */
static void test_services_stop_command_again_sends_the_new_signal(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	run_beside_trapping_command(rig);
	pid = rig->services.list[1].run.watch.pid;
	kill(pid, SIGSTOP);
	services_stop_command(&rig->services, SIGTERM);
	wait_for(rig, " job/run: got TERM\n");
	kill(pid, SIGSTOP);
	services_stop_command(&rig->services, SIGINT);
	wait_for(rig, " job/run: got INT\n");
	assert_int_equal(rig->services.list[1].state, SERVICE_STOPPING);
	assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
	services_stop_command(&rig->services, SIGKILL);
	wait_until(rig, has_end, "the end of the command");
	assert_end(rig, "job", "run", SIGKILL);
	/* Nobody is there any more. */
	services_stop_command(&rig->services, SIGTERM);
	services_signal_command(&rig->services, SIGTERM);
	assert_int_equal(rig->services.list[0].state, SERVICE_RUNNING);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(rig->orphans, 0);
}

/* Where the limit of time was over before the command was told. */
static void test_services_stop_command_after_the_kill_tells_it_once(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_INFO);
	run_beside_trapping_command(rig);
	assert_true(services_kill(&rig->services, true));
	services_stop_command(&rig->services, SIGINT);
	assert_int_equal(rig->services.list[1].state, SERVICE_STOPPING);
	services_stop(&rig->services);
	assert_int_equal(rig->services.phase, SERVICES_KILLED);
	wait_for_all(rig);
	assert_int_equal(count(rig->out[1], " job/run: sending INT to PID "), 1);
	assert_int_equal(count(rig->out[1], " job/run: sending TERM "), 0);
}

/* As where a limit of time is over: whoever was not told yet is told by TERM. */
static void test_services_stop_tells_the_command_too(void **state)
{
	struct rig *rig = *state;

	run_beside_trapping_command(rig);
	services_stop(&rig->services);
	wait_for(rig, " job/run: got TERM\n");
	assert_int_equal(rig->services.list[1].state, SERVICE_STOPPING);
	services_stop_command(&rig->services, SIGKILL);
	wait_for_all(rig);
	assert_int_equal(rig->services.phase, SERVICES_STOPPED);
}

static void test_services_signal_command_passes_it_on_and_stops_nothing(void **state)
{
	struct rig *rig = *state;

	log_set_level(CONFIG_LOG_INFO);
	open_with_trapping_command(rig);
	services_signal_command(&rig->services, SIGUSR1);
	start_all(rig);
	wait_for(rig, " job/run: up\n");
	services_signal_command(&rig->services, SIGUSR1);
	wait_for(rig, " job/run: got USR1\n");
	assert_int_equal(rig->services.phase, SERVICES_UP);
	assert_int_equal(rig->services.list[1].state, SERVICE_RUNNING);
	assert_int_equal(count(rig->out[1], ": sending "), 1);
	/* Also where it was told to stop. */
	services_stop_command(&rig->services, SIGTERM);
	wait_for(rig, " job/run: got TERM\n");
	rig->out[0][0] = '\0';
	services_signal_command(&rig->services, SIGUSR1);
	wait_for(rig, " job/run: got USR1\n");
	services_stop(&rig->services);
	services_signal_command(&rig->services, SIGKILL);
	wait_for_all(rig);
}

static void test_services_stop_command_starts_nothing_more(void **state)
{
	struct rig *rig = *state;
	int go;

	put_service(rig, "web", "exec sleep 1000");
	put_control(rig, SVDIR_CONTROL_HUP, "echo begun; read -r x < go");
	put_prestop(rig, "echo never");
	go = put_fifo(rig, "go");
	put_shell(rig, "echo never");
	open_services(rig, "");
	assert_true(services_start_next(&rig->services));
	assert_int_equal(services_control(&rig->services, SVDIR_CONTROL_HUP), 1);
	wait_for(rig, " web/control: begun\n");
	/* It is to run once more, and is forgotten. */
	assert_int_equal(services_control(&rig->services, SVDIR_CONTROL_HUP), 1);
	services_stop_command(&rig->services, SIGTERM);
	assert_int_equal(rig->services.list[1].state, SERVICE_WAITING);
	assert_false(services_start_next(&rig->services));
	assert_int_equal(services_control(&rig->services, SVDIR_CONTROL_HUP), 0);
	services_prestop(&rig->services);
	assert_int_equal(rig->services.prestopping, 0);
	assert_int_equal(rig->services.phase, SERVICES_COMMAND_STOPPED);
	let_run(go);
	wait_until(rig, controls_over, "the end of control");
	close(go);
	assert_int_equal(rig->programs.living, 1);
	services_stop(&rig->services);
	wait_for_all(rig);
	assert_int_equal(count(rig->out[0], "begun"), 1);
	assert_int_equal(count(rig->out[0], "never"), 0);
}

static bool one_lives(struct rig *rig)
{
	return rig->programs.living == 1;
}

static void test_services_command_is_last_when_no_other_program_lives(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_shell(rig, "trap '' TERM; echo up; exec sleep 1000");
	run_all(rig);
	wait_for(rig, " job/run: up\n");
	services_stop_command(&rig->services, SIGTERM);
	assert_false(services_is_command_last(&rig->services));
	kill(rig->services.list[0].run.watch.pid, SIGKILL);
	wait_until(rig, one_lives, "the end of web");
	assert_true(services_is_command_last(&rig->services));
	services_stop(&rig->services);
	assert_false(services_is_command_last(&rig->services));
	services_kill(&rig->services, false);
	wait_for_all(rig);
}

/* The services run on as usual: the end of one is what it always is, and finish runs. */
static void test_services_stop_command_leaves_ends_what_they_are(void **state)
{
	struct rig *rig = *state;

	put_service(rig, "web", "exec sleep 1000");
	put_finish(rig, "echo finished $2");
	put_service(rig, "off", "read -r x < go; exit 115");
	close(put_fifo(rig, "go"));
	put_shell(rig, "trap '' TERM; echo up; exec sleep 1000");
	run_all(rig);
	wait_for(rig, " job/run: up\n");
	services_stop_command(&rig->services, SIGTERM);
	kill(rig->services.list[0].run.watch.pid, SIGKILL);
	wait_for(rig, " web/finish: finished 9\n");
	assert_end(rig, "web", "run", SIGKILL);
	assert_int_equal(rig->services.list[1].state, SERVICE_RUNNING);
	services_stop(&rig->services);
	services_kill(&rig->services, false);
	wait_for_all(rig);
}

static void test_services_list_running_names_the_command(void **state)
{
	struct rig *rig = *state;
	char text[200] = "";

	put_service(rig, "web", "exec sleep 1000");
	put_shell(rig, "exec sleep 1000");
	run_all(rig);
	services_list_running(&rig->services, on_running, text);
	assert_string_equal(text, "web/run job/run ");
	assert_true(services_kill(&rig->services, false));
	wait_for_all(rig);
	assert_int_equal(rig->ends, 2);
	assert_int_equal(count(rig->out[1], "job/run: PID "), 1);
}

/* It is said once, the owner is told the status that a shell gives it, and nothing is left. */
static void test_services_command_that_cannot_be_started_says_with_which_status(void **state)
{
	static char unknown[] = "there-is-no-such-command", empty[] = "",
		    missing[] = "/dev/null/job", unfit[] = "/dev/null", dir[] = "/",
		    true_path[] = "/bin/true";
	static const struct {
		char *name;
		int *until_failure;
		int status;
		const char *why;
	} cases[] = {
		{ unknown, NULL, 127, "there is no \"there-is-no-such-command\" in PATH (" },
		{ empty, NULL, 127, "there is no \"\" in PATH (" },
		{ missing, NULL, 127, "" },
		{ unfit, NULL, 126, "" },
		{ dir, NULL, 126, "" },
		{ true_path, &spawns_until_failure, 1, "no process can be made (" },
		{ true_path, &pipes_until_failure, 1, "no pipe can be made (" },
		{ true_path, &mallocs_until_failure, 1, "Cannot allocate memory" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *rig = *state;
		char *argv[] = { cases[i].name, NULL };
		char text[200];

		put_service(rig, "web", "exec sleep 1000");
		put_command(rig, argv);
		open_services(rig, "");
		assert_true(services_start_next(&rig->services));
		if (cases[i].until_failure)
			*cases[i].until_failure = 0;
		assert_true(services_start_next(&rig->services));
		assert_int_equal(rig->failures, 1);
		assert_int_equal(rig->failure_status, cases[i].status);
		assert_int_equal(rig->services.list[1].state, SERVICE_FAILED);
		assert_null(services_find_command(&rig->services));
		snprintf(text, sizeof text, "job/run: cannot be started: %s", cases[i].why);
		assert_has(rig->cause, text);
		/* There is nobody to be told, and only the service to be waited for. */
		services_stop_command(&rig->services, SIGTERM);
		assert_int_equal(rig->services.list[1].state, SERVICE_FAILED);
		services_stop(&rig->services);
		wait_for_all(rig);
		assert_end(rig, "web", "run", SIGTERM);
		snprintf(text, sizeof text,
			 " dinit: error: job/run: cannot be started, stopping the container: %s",
			 cases[i].why);
		assert_has(rig->out[1], text);
		assert_int_equal(count(rig->out[1], "\n"), 1);
		assert_int_equal(times_taken, 0);
		assert_int_equal(rig->orphans, 0);
		teardown(state);
		setup(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_services_open_leaves_out_down_and_skipped),
	TEST(test_services_open_without_memory_fails),
	TEST(test_services_start_next_goes_through_them_once),
	TEST(test_services_stop_starts_no_more),
	TEST(test_service_run_finds_its_directory_and_streams),
	TEST(test_service_run_end_is_told_with_its_status),
	TEST(test_program_find_knows_programs_until_they_are_reaped),
	TEST(test_service_run_115_disables_itself),
	TEST(test_service_run_that_cannot_be_executed_is_said),
	TEST(test_service_that_cannot_be_started_is_not_said_to_stop_what_stops),
	TEST(test_service_run_whose_directory_has_gone_is_said),
	TEST(test_service_run_without_a_process_is_said),
	TEST(test_service_run_without_a_session_of_its_own_is_said),
	TEST(test_service_run_whose_descriptors_cannot_be_set_up_is_said),
	TEST(test_service_run_without_a_pipe_or_memory_is_said_and_leaves_nothing),
	TEST(test_service_log_reads_the_stdout_and_speaks_for_the_service),
	TEST(test_service_log_115_hands_the_rest_to_dinit),
	TEST(test_service_log_115_leaves_its_service_running),
	TEST(test_service_was_logged_by_a_log_that_reads_to_the_end),
	TEST(test_service_run_115_with_a_log_disables_only_itself),
	TEST(test_service_log_115_rest_comes_after_the_last_of_its_own),
	TEST(test_service_log_failing_under_its_service_is_told),
	TEST(test_service_log_ending_with_its_service_is_not_told),
	TEST(test_service_log_grace_is_over_when_the_service_ends),
	TEST(test_service_log_grace_of_a_service_that_is_not_reaped_yet_tells_its_end),
	TEST(test_service_log_grace_is_over_when_the_service_is_told_to_stop),
	TEST(test_service_log_that_never_reads_loses_nothing),
	TEST(test_service_log_that_cannot_be_executed_is_said),
	TEST(test_service_logged_start_failing_anywhere_is_said_and_leaves_nothing),
	TEST(test_service_run_end_comes_with_its_last_lines),
	TEST(test_service_logged_run_end_comes_with_the_last_line_of_stderr),
	TEST(test_service_run_after_log_115_end_comes_with_what_dinit_read),
	TEST(test_service_log_end_comes_with_its_last_lines),
	TEST(test_service_terminate_has_no_last_lines),
	TEST(test_service_logged_start_without_another_descriptor_is_said),
	TEST(test_services_stop_sends_term),
	TEST(test_services_stop_end_of_a_log_is_only_noted),
	TEST(test_services_stop_of_one_that_did_not_start_does_nothing),
	TEST(test_services_stop_runs_terminate_with_the_pid),
	TEST(test_services_stop_failing_terminate_is_said_and_term_sent),
	TEST(test_services_stop_terminate_that_cannot_start_is_said_and_term_sent),
	TEST(test_services_stop_terminate_that_cannot_start_of_an_ended_service_is_said),
	TEST(test_services_stop_succeeding_terminate_is_left_to_itself),
	TEST(test_services_stop_service_that_has_ended_is_left_alone),
	TEST(test_services_stop_sends_the_down_signal),
	TEST(test_services_stop_failing_terminate_sends_the_down_signal),
	TEST(test_service_finish_gets_how_run_has_ended),
	TEST(test_service_is_finishing_until_finish_has_ended),
	TEST(test_service_finish_that_fails_is_a_warning_and_nothing_else),
	TEST(test_service_finish_that_cannot_begin_is_a_warning),
	TEST(test_services_stop_runs_finish_of_what_ends_then),
	TEST(test_service_optional_end_is_a_warning),
	TEST(test_service_optional_115_is_no_warning),
	TEST(test_service_optional_that_cannot_be_started_is_a_warning),
	TEST(test_service_optional_goes_on_without_its_log),
	TEST(test_service_optional_that_ends_after_the_cause_gets_no_warning),
	TEST(test_service_optional_that_cannot_be_started_after_the_cause_says_just_that),
	TEST(test_service_optional_that_is_stopped_gets_no_warning),
	TEST(test_services_prestop_runs_it_beside_the_services),
	TEST(test_services_prestop_that_fails_is_a_warning),
	TEST(test_services_prestop_leaves_ends_what_they_are),
	TEST(test_control_count_is_that_of_the_programs),
	TEST(test_services_control_runs_the_program_of_each_running_service),
	TEST(test_services_note_cause_forgets_what_control_was_asked_for),
	TEST(test_services_control_while_it_runs_runs_it_once_more),
	TEST(test_services_control_begins_nothing_in_a_teardown),
	TEST(test_services_control_is_not_run_again_after_the_end_of_run),
	TEST(test_services_control_that_fails_is_a_warning),
	TEST(test_services_list_running_names_each_program_that_is_not_reaped),
	TEST(test_services_kill_with_logs_starts_no_finish),
	TEST(test_services_stop_after_the_kill_starts_nothing),
	TEST(test_services_kill_takes_runs_and_terminates_and_says_so),
	TEST(test_services_kill_takes_every_service),
	TEST(test_services_kill_says_nothing_of_who_has_ended),
	TEST(test_services_open_skips_no_command),
	TEST(test_services_find_command_is_there_while_it_runs),
	TEST(test_services_find_command_without_one_is_nothing),
	TEST(test_services_command_is_a_program_with_its_label_and_last_lines),
	TEST(test_services_command_end_is_told_whatever_its_status),
	TEST(test_services_end_of_a_service_takes_no_terminal),
	TEST(test_services_stop_command_tells_it_before_the_services),
	TEST(test_services_stop_command_again_sends_the_new_signal),
	TEST(test_services_stop_command_after_the_kill_tells_it_once),
	TEST(test_services_stop_tells_the_command_too),
	TEST(test_services_signal_command_passes_it_on_and_stops_nothing),
	TEST(test_services_stop_command_starts_nothing_more),
	TEST(test_services_command_is_last_when_no_other_program_lives),
	TEST(test_services_stop_command_leaves_ends_what_they_are),
	TEST(test_services_list_running_names_the_command),
	TEST(test_services_command_that_cannot_be_started_says_with_which_status),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
