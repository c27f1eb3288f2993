/* SPDX-License-Identifier: ISC */
/* The state machine of service.c is explored: every sequence of events is walked, and after each
 * event it is looked whether what must always hold does. service.c, start.c, hook.c, control.c,
 * program.c and reaper.c are real; the kernel is played here (the linker's --wrap), with processes
 * that only exist as numbers, and so is what command.c does.
 *
 * A state that was seen before is not walked on from again, as the same would follow. With one
 * service all states are seen, and so beside a command where the service has one part more than
 * run; else, and with two, those that so many events lead to (depth). With TEST_QUICK in the
 * environment (tests/mutants), and where tests are brief (rig.h), it is fewer. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "command.h"
#include "log.h"
#include "process.h"
#include "rig.h"
#include "services.h"
#include "spawn.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SERVICES_MAX 2
#define DEPTH_MAX 400
#define SEEN_SIZE (1u << 21)
#define FIRST_PID 100

/* The programs of a service. */
enum kind {
	RUN,
	LOG,
	TERMINATE,
	FINISH,
	PRESTOP,
	CONTROL,
	KINDS,
};

static const char *const kind_names[KINDS] = {
	"run", "log/run", "terminate", "finish", "prestop", "control/h",
};

#define SLOTS (SERVICES_MAX * KINDS)

/* ---- what is explored ---- */

enum life {
	NO_PROCESS,
	ALIVE,
	/* It has ended, and is not reaped. */
	ZOMBIE,
};

/* What there is of one program. Its PID is always the same one. */
struct process {
	enum life life;
	int status;
	/* It ends because it could not execute its program. */
	bool failed;
	/* It was sent the signal that stops it, or KILL. */
	bool told, killed;
};

/* What is known of one service without asking it. */
struct record {
	/* Its run was started, and how it has ended. */
	bool ran, ended;
	int status;
	/* The owner was told of the end of run, of the log, and of a failed start. */
	bool told_run, told_log, told_failure;
	/* Its terminate has succeeded, or the signal was sent. */
	bool stopped;
	/* Its log has ended, and dinit reads what that left. */
	bool log_ended, released;
	/* Its control program was asked for while it ran. */
	bool owed;
	/* The terminal was taken back from it. */
	bool taken;
};

/* All that changes. */
struct world {
	/* This part is compared with states that were seen before, byte for byte... */
	struct process processes[SLOTS];
	struct record records[SERVICES_MAX];
	bool teardown, command_told, stopped, killed;
	struct services services;
	struct service list[SERVICES_MAX + 1];
	/* ...and of these it is compared whether they run, and are to run again. */
	struct program others[SERVICES_MAX * KINDS + 1];
	struct control controls[SERVICES_MAX + 1];
	/* This follows from the rest. */
	struct loop loop;
	struct programs programs;
	struct reaper_watch *watches[SLOTS];
};

static struct world world;
static struct reaper reaper;

static struct world *snapshots;
static struct signaller signaller;
static struct svdir svdir;
static struct svdir_entry entries[SERVICES_MAX];
static char paths[SERVICES_MAX][KINDS][24];
static struct command command;

/* What is being called: only then may that kind of program be started. */
static bool starting, prestopping, stopping;
/* What the command may be sent just now (0: nothing), whether that is passed on only, and how often
 * it was. */
static int command_signal;
static bool passing;
static unsigned sent;
/* The program whose process is being reaped, or -1. */
static int reaping = -1;
/* The spawn that fails: 0 is the next one; -1: none. With a process that ends at once, where there
 * is one. And how many there were. */
static int failing_spawn = -1;
static bool failing_with_process;
static int spawns;
/* In which order zombies are reaped. */
static bool backwards;

/* The events up to here, and which spawn failed in each. */
static struct {
	int event, fail;
} trail[DEPTH_MAX + 1];
static size_t trail_len;
static unsigned long long states, steps;

static void print_event(int event, int fail);

static __attribute__((format(printf, 1, 2))) void fail_after_trail(const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	print_error("after");
	for (size_t i = 0; i < trail_len; i++)
		print_event(trail[i].event, trail[i].fail);
	fail_msg(" %s", text);
}

/* What follows the condition says, as printf(3), what is wrong where it does not hold. */
#define check(condition, ...) ((condition) ? (void)0 : fail_after_trail(__VA_ARGS__))

static int slot_of(size_t service, enum kind kind)
{
	return (int)(service * KINDS + kind);
}

static const char *path_of(int slot)
{
	return paths[slot / KINDS][slot % KINDS];
}

static struct process *process_of(size_t service, enum kind kind)
{
	return &world.processes[slot_of(service, kind)];
}

static bool is_command(size_t service)
{
	return entries[service].command != NULL;
}

static bool has(size_t service, enum kind kind)
{
	return process_of(service, kind)->life != NO_PROCESS;
}

/* ---- the kernel ---- */

pid_t __wrap_spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure);
pid_t __wrap_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure);
bool __wrap_spawn_read_failure(int report_fd, struct spawn_failure *failure);
int __wrap_pipe2(int pair[2], int flags);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_logmux_add(struct logmux *mux, const struct logmux_source_spec *spec);
void __wrap_logmux_release(struct logmux_source *source, struct logmux_source *after);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_kill(pid_t pid, int signal);
bool __wrap_oom_has_killed(struct oom *oom, uint64_t *limit_bytes);
int __wrap_command_start(struct command *started, struct program *program,
			 char reason[PROGRAM_REASON_SIZE], int *status);
void __wrap_command_take_terminal(const struct command *ended);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

/* What services_open has allocated so far of its three parts, which are in the world. */
static int callocs = -1;

void *__wrap_calloc(size_t count, size_t size)
{
	switch (callocs < 0 ? callocs : callocs++) {
	case 0: return world.list;
	case 1: return world.others;
	case 2: callocs = -1; return world.controls;
	default: return __real_calloc(count, size);
	}
}

int __wrap_pipe2(int pair[2], int flags)
{
	(void)flags;
	pair[0] = 1000;
	pair[1] = 1001;
	return 0;
}

int __wrap_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return 1002;
}

int __wrap_close(int fd)
{
	(void)fd;
	return 0;
}

int __wrap_logmux_add(struct logmux *mux, const struct logmux_source_spec *spec)
{
	(void)mux;
	if (spec->held)
		*spec->handle = (struct logmux_source *)&world;
	return 0;
}

void __wrap_logmux_release(struct logmux_source *source, struct logmux_source *after)
{
	(void)source;
	(void)after;
	check(reaping >= 0 && reaping % KINDS == LOG, "the output is released, but no log ended");
	world.records[reaping / KINDS].released = true;
}

/* Checks that the program may be started now, with what it is given. */
static void check_spawn(size_t service, enum kind kind, const struct spawn_spec *spec)
{
	const struct record *record = &world.records[service];
	bool about_run = spec->environment == world.programs.environment_with_pid;
	char expected[40];

	check(!has(service, kind), "%s is started although it is there", spec->path);
	check(!world.killed, "%s is started although all was killed", spec->path);
	if (about_run) {
		snprintf(expected, sizeof expected, "DINIT_PID=%d",
			 FIRST_PID + slot_of(service, RUN));
		check(has(service, RUN) && strcmp(spec->environment[0], expected) == 0,
		      "%s gets %s", spec->path, spec->environment[0]);
	}
	switch (kind) {
	case RUN:
		for (size_t i = 0; i < service; i++)
			check(world.list[i].state != SERVICE_WAITING, "%s is started before %zu",
			      spec->path, i);
		check(!entries[service].log_run || process_of(service, LOG)->life == ALIVE,
		      "%s is started without its logging program", spec->path);
		__attribute__((fallthrough));
	case LOG: check(starting && !world.teardown, "%s is started", spec->path); break;
	case TERMINATE: check(stopping && about_run, "%s is started", spec->path); break;
	case PRESTOP:
		check(prestopping && !world.teardown && about_run, "%s is started", spec->path);
		break;
	case CONTROL: check(!world.teardown && about_run, "%s is started", spec->path); break;
	case FINISH:
		check(reaping == slot_of(service, RUN) && !about_run, "%s is started", spec->path);
		snprintf(expected, sizeof expected, "%d %d",
			 WIFEXITED(record->status) ? WEXITSTATUS(record->status) : -1,
			 WIFEXITED(record->status) ? 0 : WTERMSIG(record->status));
		check(strncmp(expected, spec->argv[1], strlen(spec->argv[1])) == 0 &&
			      strcmp(strchr(expected, ' ') + 1, spec->argv[2]) == 0,
		      "finish gets %s %s", spec->argv[1], spec->argv[2]);
		break;
	case KINDS: break;
	}
}

/* Makes the process. Returns its PID, or -1 where this spawn is the one that fails: then with the
 * PID of a process that ends at once in *failure, if so. */
static pid_t spawn(const struct spawn_spec *spec, bool waited, struct spawn_failure *failure)
{
	size_t index = (size_t)(spec->path - paths[0][0]) / sizeof paths[0][0];
	struct process *process = &world.processes[index];
	bool fails = spawns++ == failing_spawn;

	check_spawn(index / KINDS, index % KINDS, spec);
	*failure = (struct spawn_failure){ .stage = SPAWN_CHDIR, .error = ENOENT, .pid = -1 };
	if (fails && !(waited && failing_with_process))
		return -1;
	*process = (struct process){ .life = ALIVE };
	if (!fails) {
		world.records[index / KINDS].ran |= index % KINDS == RUN;
		return FIRST_PID + (pid_t)index;
	}
	process->failed = true;
	failure->pid = FIRST_PID + (pid_t)index;
	return -1;
}

pid_t __wrap_spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure)
{
	return spawn(spec, true, failure);
}

pid_t __wrap_spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
				    struct spawn_failure *failure)
{
	pid_t pid = spawn(spec, false, failure);

	*report_fd = pid;
	return pid;
}

bool __wrap_spawn_read_failure(int report_fd, struct spawn_failure *failure)
{
	*failure = (struct spawn_failure){ .stage = SPAWN_CHDIR, .error = ENOENT, .pid = -1 };
	return world.processes[report_fd - FIRST_PID].failed;
}

/* Returns the next to be reaped of all, or that one if it can be; or -1. */
static int find_zombie(idtype_t type, id_t id)
{
	if (type == P_PID)
		return world.processes[id - FIRST_PID].life == ZOMBIE ? (int)(id - FIRST_PID) : -1;
	for (int i = 0; i < SLOTS; i++) {
		int slot = backwards ? SLOTS - 1 - i : i;

		if (world.processes[slot].life == ZOMBIE)
			return slot;
	}
	return -1;
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int slot = find_zombie(type, id), status;

	(void)options;
	if (slot < 0)
		return 0;
	status = world.processes[slot].status;
	info->si_pid = FIRST_PID + slot;
	info->si_code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
	info->si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	int slot = pid - FIRST_PID;
	struct process *process = &world.processes[slot];
	struct record *record = &world.records[slot / KINDS];

	(void)options;
	check(process->life == ZOMBIE, "PID %d is waited for, which has not ended", pid);
	*status = process->status;
	process->life = NO_PROCESS;
	process->told = process->killed = false;
	reaping = slot;
	if (slot % KINDS == RUN && record->ran) {
		record->ended = true;
		record->status = *status;
	}
	record->log_ended |= slot % KINDS == LOG && !process->failed;
	if (slot % KINDS == TERMINATE && *status == 0 && !process->failed)
		record->stopped = true;
	return pid;
}

/* Checks that the command is sent what it is to be sent, and is not told to stop once more by what
 * stops the services. */
static void check_command_signal(const struct process *process, int signal)
{
	check(signal == command_signal, "the command is sent signal %d", signal);
	check(!process->told || passing || !stopping, "the command is told to stop twice");
	sent++;
}

/* The same for a service. */
static void check_signal(int slot, int signal)
{
	check(signal == entries[slot / KINDS].down_signal && slot % KINDS == RUN,
	      "%s is sent signal %d", path_of(slot), signal);
	check(world.stopped, "%s is told to stop before all are", path_of(slot));
	check(!world.processes[slot].told, "%s is told to stop twice", path_of(slot));
}

int __wrap_kill(pid_t pid, int signal)
{
	int slot = pid - FIRST_PID;
	struct process *process = &world.processes[slot];

	check(process->life != NO_PROCESS, "PID %d is signalled, which is void", pid);
	if (signal == SIGKILL) {
		process->killed = true;
		return 0;
	}
	check(signal != SIGCONT || (process->told && !passing), "%s is continued", path_of(slot));
	if (signal == SIGCONT)
		return 0;
	if (is_command((size_t)slot / KINDS))
		check_command_signal(process, signal);
	else
		check_signal(slot, signal);
	if (passing)
		return 0;
	process->told = true;
	world.records[slot / KINDS].stopped = true;
	return 0;
}

bool __wrap_oom_has_killed(struct oom *oom, uint64_t *limit_bytes)
{
	(void)oom;
	(void)limit_bytes;
	return false;
}

/* ---- what command.c does ---- */

int __wrap_command_start(struct command *started, struct program *program,
			 char reason[PROGRAM_REASON_SIZE], int *status)
{
	size_t index = world.services.started - 1;
	const struct program_spec spec = { .path = paths[index][RUN] };

	check(started == &command && program == &world.list[index].run, "the command is started");
	if (program_start(program, &spec, reason) == 0)
		return 0;
	*status = COMMAND_STATUS_NOT_EXECUTABLE;
	return -1;
}

void __wrap_command_take_terminal(const struct command *ended)
{
	struct record *record = &world.records[reaping / KINDS];

	check(ended == &command && reaping % KINDS == RUN && !record->taken && !record->told_run,
	      "the terminal is taken back");
	record->taken = true;
}

/* ---- the owner ---- */

static void on_end(void *ctx, const struct service *service, const struct reaper_end *end)
{
	size_t index = (size_t)(service - world.list);
	struct record *record = &world.records[index];
	bool of_run = strcmp(end->stage, "run") == 0;

	(void)ctx;
	check(!service->entry->optional, "the end of an optional service is told");
	if (of_run) {
		check(reaping == slot_of(index, RUN) && !record->told_run &&
			      end->status == record->status,
		      "the end of run is told");
		record->told_run = true;
		return;
	}
	check(process_of(index, RUN)->life == ALIVE && !world.stopped && !record->told_log,
	      "the end of log is told");
	check(end->status == process_of(index, LOG)->status, "the end of log is told wrongly");
	record->told_log = true;
}

static bool on_start_failure(void *ctx, const char *cause, int status)
{
	size_t index = world.services.started - 1;
	struct record *record = &world.records[index];
	int expected = is_command(index) ? COMMAND_STATUS_NOT_EXECUTABLE : PROCESS_STATUS_UNABLE;

	(void)ctx;
	check(status == expected, "the status is %d", status);
	check(strstr(cause, "cannot be started: ") != NULL, "the cause is \"%s\"", cause);
	check(!entries[index].optional && !record->told_failure, "a failed start is told");
	record->told_failure = true;
	return true;
}

static void on_orphan(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	(void)status;
	check(false, "PID %d has ended, and nobody watches it", pid);
}

/* ---- what always holds ---- */

/* Returns whether its status, as it has ended, says that it is not needed. */
static bool disabled_itself(size_t index)
{
	return !is_command(index) && world.records[index].status == SERVICE_EXIT_DISABLED << 8;
}

static void check_state(size_t index)
{
	const struct service *service = &world.list[index];
	const struct record *record = &world.records[index];
	enum service_state state = service->state;
	bool run = record->ran && has(index, RUN);
	bool running = false, final = false;
	bool told = world.stopped || (is_command(index) && world.command_told);

	switch (state) {
	case SERVICE_WAITING: break;
	case SERVICE_UNLOGGED:
		check(!has(index, LOG) && !record->stopped, "unlogged");
		running = true;
		break;
	case SERVICE_TERMINATING:
		check(has(index, TERMINATE) && world.stopped, "terminating without terminate");
		running = true;
		break;
	case SERVICE_STOPPING:
		check(record->stopped && told, "stopping, but not told to stop");
		running = true;
		break;
	case SERVICE_RUNNING:
		check(!told, "running, though it was told to stop");
		running = true;
		break;
	case SERVICE_FINISHING:
		check(has(index, FINISH) && record->ended, "finishing without finish");
		break;
	case SERVICE_DISABLED:
	case SERVICE_ENDED:
	case SERVICE_FAILED: final = true; break;
	}
	check((state == SERVICE_WAITING) == (index >= world.services.started), "waiting");
	check(running == run, "state %d, and run is%s there", state, run ? "" : " not");
	check(!final || !has(index, FINISH), "state %d, and finish is there", state);
	check((state == SERVICE_UNLOGGED) == service->log_grace.running, "grace");
	if (state == SERVICE_DISABLED)
		check(service->entry->optional || disabled_itself(index), "disabled");
	if (state == SERVICE_ENDED)
		check(!service->entry->optional && !disabled_itself(index), "ended");
}

static void check_told(size_t index)
{
	const struct svdir_entry *entry = &entries[index];
	const struct record *record = &world.records[index];

	check(record->told_run == (record->ended && !disabled_itself(index) && !entry->optional),
	      "the end of run is%s told", record->told_run ? "" : " not");
	check(record->taken == (is_command(index) && record->ended), "the terminal is%s taken back",
	      record->taken ? "" : " not");
	check(record->released == record->log_ended, "the output is%s released",
	      record->released ? "" : " not");
	check(record->told_failure ==
		      (index < world.services.started && !record->ran && !entry->optional),
	      "the failed start is%s told", record->told_failure ? "" : " not");
}

/* Checks what dinit decides by whether the services can be told: the command is found from its
 * start until it is reaped. */
static void check_command(void)
{
	const struct program *found = services_find_command(&world.services), *there = NULL;

	for (size_t i = 0; i < world.services.len; i++)
		if (is_command(i) && world.records[i].ran && has(i, RUN))
			there = &world.list[i].run;
	check(found == there, "the command is%s found", found ? "" : " not");
}

static void check_invariants(void)
{
	size_t living = 0, disabled = 0, prestops = 0;

	for (size_t i = 0; i < SLOTS; i++)
		living += world.processes[i].life != NO_PROCESS;
	for (size_t i = 0; i < world.services.len; i++) {
		check_state(i);
		check_told(i);
		disabled += world.list[i].state == SERVICE_DISABLED;
		prestops += has(i, PRESTOP);
	}
	check_command();
	check(world.programs.living == living, "living is %zu of %zu", world.programs.living,
	      living);
	check(world.services.disabled == disabled, "disabled is %zu", world.services.disabled);
	check(world.services.prestopping == prestops, "prestopping is %zu",
	      world.services.prestopping);
}

/* ---- events ---- */

/* Of the reaper's table only the places of our PIDs are used. */
static void save(struct world *snapshot)
{
	memcpy(world.watches, reaper.buckets + FIRST_PID, sizeof world.watches);
	*snapshot = world;
}

static void restore(const struct world *snapshot)
{
	world = *snapshot;
	memcpy(reaper.buckets + FIRST_PID, world.watches, sizeof world.watches);
}

static void end_process(int slot, int status)
{
	world.processes[slot].life = ZOMBIE;
	world.processes[slot].status = status;
}

/* Reaps what has ended, and checks that a control program which was asked for again has begun
 * again, unless it must not, and that no other has. */
static void drain(void)
{
	bool ended[SERVICES_MAX], due[SERVICES_MAX];

	for (size_t i = 0; i < SERVICES_MAX; i++) {
		ended[i] = process_of(i, CONTROL)->life == ZOMBIE;
		due[i] = ended[i] && world.records[i].owed && process_of(i, RUN)->life == ALIVE &&
			 !world.teardown && !world.killed;
	}
	reaper_drain(&reaper);
	reaping = -1;
	for (size_t i = 0; i < SERVICES_MAX; i++) {
		if (!ended[i])
			continue;
		if (due[i])
			check(has(i, CONTROL) || failing_spawn >= 0, "control is not run again");
		else
			check(!has(i, CONTROL) || process_of(i, RUN)->life != ALIVE,
			      "control is run again");
		world.records[i].owed = false;
	}
}

static void fire_grace(size_t index)
{
	struct service *service = &world.list[index];
	const struct record *record = &world.records[index];
	bool alive = process_of(index, RUN)->life == ALIVE;

	loop_timer_stop(&world.loop, &service->log_grace);
	service->log_grace.on_due(service->log_grace.ctx);
	check(record->told_log == (alive && !entries[index].optional), "the end of log is%s told",
	      record->told_log ? "" : " not");
}

/* Tells the command to stop, or once more by another signal. */
static void stop_command(void)
{
	unsigned expected = services_find_command(&world.services) ? 1 : 0;

	command_signal = world.command_told ? SIGINT : SIGTERM;
	sent = 0;
	world.teardown = world.command_told = true;
	services_stop_command(&world.services, command_signal);
	command_signal = 0;
	check(sent == expected, "the command is told to stop %u times", sent);
}

static void signal_command(void)
{
	unsigned expected = services_find_command(&world.services) ? 1 : 0;

	command_signal = SIGUSR1;
	sent = 0;
	passing = true;
	services_signal_command(&world.services, SIGUSR1);
	passing = false;
	command_signal = 0;
	check(sent == expected, "the signal is passed on %u times", sent);
}

/* Tells all to stop. dinit does so when the command is not found any more, or where a limit of time
 * is over: here it may happen whenever. */
static void stop_all(void)
{
	world.teardown = world.stopped = stopping = true;
	command_signal = SIGTERM;
	services_stop(&world.services);
	command_signal = 0;
	stopping = false;
}

static void ask_control(void)
{
	bool there[SERVICES_MAX], up[SERVICES_MAX];

	for (size_t i = 0; i < SERVICES_MAX; i++) {
		there[i] = has(i, CONTROL);
		up[i] = entries[i].control[SVDIR_CONTROL_HUP] && world.records[i].ran &&
			has(i, RUN) && !world.teardown && !world.killed;
	}
	services_control(&world.services, SVDIR_CONTROL_HUP);
	for (size_t i = 0; i < SERVICES_MAX; i++) {
		if (up[i])
			check(has(i, CONTROL) || failing_spawn >= 0, "control is not run");
		world.records[i].owed |= up[i] && there[i];
	}
}

static void kill_all(bool with_logs)
{
	world.killed |= with_logs;
	services_kill(&world.services, with_logs);
	for (int i = 0; i < SLOTS; i++)
		if (world.processes[i].life == ALIVE && (with_logs || i % KINDS != LOG))
			check(world.processes[i].killed || world.processes[i].failed,
			      "%s is not killed", path_of(i));
}

static void kill_prestops(void)
{
	struct process before[SLOTS];

	memcpy(before, world.processes, sizeof before);
	services_kill_prestops(&world.services);
	for (int i = 0; i < SLOTS; i++)
		check(world.processes[i].killed == (before[i].killed || (before[i].life == ALIVE &&
									 i % KINDS == PRESTOP)),
		      "%s is%s killed", path_of(i), world.processes[i].killed ? "" : " not");
}

enum event {
	EVENT_START,
	EVENT_PRESTOP,
	EVENT_STOP,
	EVENT_KILL_PRESTOPS,
	EVENT_KILL,
	EVENT_KILL_ALL,
	EVENT_CONTROL,
	EVENT_STOP_COMMAND,
	EVENT_SIGNAL_COMMAND,
	EVENT_REAP,
	EVENT_REAP_BACKWARDS,
	/* and then for each service */
	EVENT_GRACE,
	/* and for each slot with each of these */
	EVENT_END = EVENT_GRACE + SERVICES_MAX,
};

static const int statuses[] = { 0, 1 << 8, SERVICE_EXIT_DISABLED << 8, SIGKILL };
/* a program that was started unwaited, and could not be executed */
#define ENDINGS (COUNT(statuses) + 1)
#define EVENTS (EVENT_END + SLOTS * (int)ENDINGS)

static bool ends(int event, int *slot, size_t *ending)
{
	*slot = (event - EVENT_END) / (int)ENDINGS;
	*ending = (size_t)(event - EVENT_END) % ENDINGS;
	return event >= EVENT_END;
}

/* Returns how many endings make a difference for that kind of program. */
static bool makes_difference(enum kind kind, size_t ending)
{
	switch (kind) {
	case RUN: return ending < COUNT(statuses);
	case LOG: return ending == 0 || ending == 2;
	case TERMINATE: return ending == 0 || ending == 1 || ending == COUNT(statuses);
	case FINISH: return ending <= 1 || ending == COUNT(statuses);
	case PRESTOP:
	case CONTROL: return ending == 0 || ending == COUNT(statuses);
	case KINDS: break;
	}
	return false;
}

static bool has_zombies(void)
{
	return find_zombie(P_ALL, 0) >= 0;
}

static bool has_command(void)
{
	return is_command(world.services.len - 1);
}

static bool is_possible(int event)
{
	size_t ending;
	int slot;

	if (ends(event, &slot, &ending)) {
		const struct process *process = &world.processes[slot];

		if (process->life != ALIVE)
			return false;
		/* There is one way for it, and one for what is killed. */
		if (process->failed)
			return ending == 1;
		if (process->killed)
			return ending == 3;
		return makes_difference(slot % KINDS, ending);
	}
	switch (event) {
	case EVENT_START: return world.services.started < world.services.len;
	case EVENT_PRESTOP: return !world.stopped;
	case EVENT_STOP: return !world.stopped;
	case EVENT_KILL_PRESTOPS: return world.teardown;
	case EVENT_KILL:
	case EVENT_KILL_ALL: return !world.killed;
	case EVENT_CONTROL: return true;
	case EVENT_STOP_COMMAND: return has_command() && !world.stopped;
	case EVENT_SIGNAL_COMMAND: return has_command();
	case EVENT_REAP: return has_zombies();
	case EVENT_REAP_BACKWARDS: return has_zombies();
	default: return world.list[event - EVENT_GRACE].log_grace.running;
	}
}

static void print_event(int event, int fail)
{
	static const char *const names[] = {
		"start",          "prestop",  "stop",           "kill prestops",
		"kill",           "kill all", "control",        "stop command",
		"signal command", "reap",     "reap backwards",
	};
	size_t ending;
	int slot;

	if (ends(event, &slot, &ending))
		print_error(" %s ends (%zu),", path_of(slot), ending);
	else if (event >= EVENT_GRACE)
		print_error(" grace of %d is over,", event - EVENT_GRACE);
	else if (fail >= 0)
		print_error(" %s (spawn %d fails),", names[event], fail);
	else
		print_error(" %s,", names[event]);
}

static void take_event(int event)
{
	size_t ending;
	int slot;

	if (ends(event, &slot, &ending)) {
		end_process(slot, ending < COUNT(statuses) ? statuses[ending] : 127 << 8);
		world.processes[slot].failed |= ending == COUNT(statuses);
		return;
	}
	switch (event) {
	case EVENT_START:
		starting = true;
		services_start_next(&world.services);
		starting = false;
		return;
	case EVENT_PRESTOP:
		prestopping = true;
		services_prestop(&world.services);
		prestopping = false;
		world.teardown = true;
		return;
	case EVENT_STOP: stop_all(); return;
	case EVENT_KILL_PRESTOPS: kill_prestops(); return;
	case EVENT_KILL: kill_all(false); return;
	case EVENT_KILL_ALL: kill_all(true); return;
	case EVENT_CONTROL: ask_control(); return;
	case EVENT_STOP_COMMAND: stop_command(); return;
	case EVENT_SIGNAL_COMMAND: signal_command(); return;
	case EVENT_REAP:
	case EVENT_REAP_BACKWARDS:
		backwards = event == EVENT_REAP_BACKWARDS;
		drain();
		return;
	default: fire_grace((size_t)(event - EVENT_GRACE)); return;
	}
}

/* ---- ways out ---- */

static void check_over(const char *way)
{
	for (size_t i = 0; i < world.services.started; i++) {
		enum service_state state = world.list[i].state;

		check(state == SERVICE_DISABLED || state == SERVICE_ENDED ||
			      state == SERVICE_FAILED,
		      "(%s) service %zu is left in state %d", way, i, state);
		check(!world.list[i].log_grace.running, "(%s) a timer is left", way);
	}
	check(world.programs.living == 0, "(%s) processes are left", way);
	check(world.services.prestopping == 0, "(%s) prestops are left", way);
}

/* Ends all processes, as far as they are killed or all of them. */
static void end_all(bool killed)
{
	for (int i = 0; i < SLOTS; i++)
		if (world.processes[i].life == ALIVE)
			end_process(i, killed ? SIGKILL : 0);
	drain();
	check_invariants();
}

/* Tells the command to stop, and lets it end by itself: then the services can be told. */
static void leave_command(void)
{
	size_t last = world.services.len - 1;

	if (!world.command_told)
		stop_command();
	check_invariants();
	if (is_command(last) && process_of(last, RUN)->life == ALIVE)
		end_process(slot_of(last, RUN), 0);
	drain();
	check_invariants();
	check(!services_find_command(&world.services), "the command is waited for");
}

/* Stops all, and lets everything end by itself. The first are run, log and the like; then
 * finish. */
static void leave_gently(void)
{
	if (!world.stopped)
		leave_command();
	if (!world.stopped)
		stop_all();
	check_invariants();
	end_all(false);
	end_all(false);
	check_over("stop");
}

/* Kills all: nothing comes after that. */
static void leave_by_force(void)
{
	kill_all(true);
	end_all(true);
	check_over("kill");
}

/* Stops all in its order, but nothing ends, so that one limit of time after the other is over. */
static void leave_late(void)
{
	if (!world.command_told && !world.stopped)
		stop_command();
	kill_prestops();
	if (!world.stopped)
		stop_all();
	check_invariants();
	kill_all(false);
	check_invariants();
	leave_by_force();
}

/* ---- the walk ---- */

/* The states that were seen, by their hash, and how many events were still walked from there. */
static struct {
	uint64_t hash;
	unsigned left;
} * seen;

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccd;
	return hash ^ hash >> 32;
}

/* So many hashes do not wait for each other, which is faster. */
#define LANES 4

static uint64_t hash_world(void)
{
	const unsigned char *bytes = (const unsigned char *)&world;
	uint64_t hash = world.programs.living, lanes[LANES] = { 1, 2, 3, 4 }, words[LANES];
	size_t at = 0;

	for (; at + sizeof words <= offsetof(struct world, others); at += sizeof words) {
		memcpy(words, bytes + at, sizeof words);
		for (size_t i = 0; i < LANES; i++)
			lanes[i] = mix(lanes[i], words[i]);
	}
	memset(words, 0, sizeof words);
	memcpy(words, bytes + at, offsetof(struct world, others) - at);
	for (size_t i = 0; i < LANES; i++)
		hash = mix(hash, mix(lanes[i], words[i]));
	for (size_t i = 0; i < COUNT(world.others); i++)
		hash = mix(hash, world.others[i].state);
	for (size_t i = 0; i < COUNT(world.controls); i++)
		hash = mix(hash, world.controls[i].program.state * 2u + world.controls[i].again);
	return hash ? hash : 1;
}

/* Returns whether the state is new, or was walked on from less far than now. */
static bool is_news(unsigned left, bool *first)
{
	uint64_t hash = hash_world();
	size_t at = hash % SEEN_SIZE;

	while (seen[at].hash != 0 && seen[at].hash != hash)
		at = (at + 1) % SEEN_SIZE;
	*first = seen[at].hash == 0;
	if (!*first && seen[at].left >= left)
		return false;
	states += *first;
	check(states < SEEN_SIZE / 4 * 3, "there are too many states");
	seen[at].hash = hash;
	seen[at].left = left;
	return true;
}

static void walk(size_t depth, unsigned left);

/* Does one event and all that can follow. Returns how many spawns there were in it. */
static int walk_event(size_t depth, unsigned left, int event, int fail, bool with_process)
{
	int count;

	failing_spawn = fail;
	failing_with_process = with_process;
	spawns = 0;
	trail[depth].event = event;
	trail[depth].fail = fail;
	trail_len = depth + 1;
	steps++;
	take_event(event);
	check_invariants();
	count = spawns;
	failing_spawn = -1;
	walk(depth + 1, left - 1);
	restore(&snapshots[depth]);
	return count;
}

static void walk(size_t depth, unsigned left)
{
	bool first;

	if (!is_news(left, &first))
		return;
	check(depth < DEPTH_MAX, "a life has no end");
	save(&snapshots[depth]);
	if (first) {
		leave_gently();
		restore(&snapshots[depth]);
		leave_by_force();
		restore(&snapshots[depth]);
		leave_late();
		restore(&snapshots[depth]);
	}
	for (int event = 0; left > 0 && event < EVENTS; event++) {
		int count;

		if (!is_possible(event))
			continue;
		count = walk_event(depth, left, event, -1, false);
		for (int fail = 0; fail < count; fail++)
			for (int with_process = 0; with_process < 2; with_process++)
				walk_event(depth, left, event, fail, with_process == 1);
	}
}

/* ---- the directory ---- */

/* What a service has, beside run: a bit for each kind. */
#define BIT(kind) (1u << (kind))
#define OPTIONAL BIT(KINDS)
/* It is the command, and has nothing. */
#define COMMAND BIT(KINDS + 1)
#define EVERYTHING (BIT(LOG) | BIT(TERMINATE) | BIT(FINISH) | BIT(PRESTOP) | BIT(CONTROL))

static char *put_path(size_t service, enum kind kind, unsigned parts)
{
	char *path = paths[service][kind];

	snprintf(path, sizeof paths[service][kind], "/%zu/%s", service, kind_names[kind]);
	return parts & BIT(kind) || kind == RUN ? path : NULL;
}

static void put_entry(size_t service, unsigned parts)
{
	static char dir[] = "/", names[SERVICES_MAX][2] = { "0", "1" };

	if (parts == COMMAND) {
		put_path(service, RUN, 0);
		entries[service] = (struct svdir_entry){ .name = names[service],
							 .down_signal = SIGTERM,
							 .command = &command };
		return;
	}
	entries[service] = (struct svdir_entry){
		.name = names[service],
		.dir = dir,
		.run = put_path(service, RUN, parts),
		.terminate = put_path(service, TERMINATE, parts),
		.log_dir = dir,
		.log_run = put_path(service, LOG, parts),
		.finish = put_path(service, FINISH, parts),
		.prestop = put_path(service, PRESTOP, parts),
		.control = { [SVDIR_CONTROL_HUP] = put_path(service, CONTROL, parts) },
		.down_signal = service == 0 ? SIGTERM : SIGQUIT,
		.optional = parts & OPTIONAL,
	};
}

/* Walks through what can happen to so many services that have these parts; depth: at most so many
 * events. */
static void explore(const unsigned parts[], size_t len, unsigned depth)
{
	static char *const environment[] = { NULL };
	const struct service_owner owner = { .on_end = on_end,
					     .on_start_failure = on_start_failure };
	const struct program_means means = { .reaper = &reaper,
					     .signaller = &signaller,
					     .null_fd = 1003,
					     .environment = environment };

	memset(&world, 0, sizeof world);
	memset(seen, 0, SEEN_SIZE * sizeof *seen);
	states = steps = 0;
	for (size_t i = 0; i < len; i++)
		put_entry(i, parts[i]);
	svdir = (struct svdir){ entries, len };
	reaper_init(&reaper, on_orphan, NULL);
	signaller = (struct signaller){ .reaper = &reaper };
	assert_int_equal(programs_open(&world.programs, &means), 0);
	callocs = 0;
	assert_int_equal(services_open(&world.services, &svdir, "", &world.loop, &world.programs,
				       &owner),
			 0);
	trail_len = 0;
	walk(0, depth);
	print_message("parts %#x %#x: %llu states, %llu events\n", parts[0], len > 1 ? parts[1] : 0,
		      states, steps);
	programs_close(&world.programs);
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(CONFIG_LOG_NONE);
	seen = calloc(SEEN_SIZE, sizeof *seen);
	snapshots = calloc(DEPTH_MAX, sizeof *snapshots);
	return seen && snapshots ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(seen);
	free(snapshots);
	return 0;
}

static bool is_quick(void)
{
	return getenv("TEST_QUICK") != NULL || rig_is_brief();
}

static size_t count_parts(unsigned parts)
{
	size_t count = 0;

	for (int kind = LOG; kind < KINDS; kind++)
		count += (parts & BIT(kind)) != 0;
	return count;
}

static void test_one_service_keeps_its_promises_in_all_of_its_states(void **state)
{
	static const unsigned larger[] = {
		BIT(LOG) | BIT(TERMINATE) | BIT(FINISH) | BIT(PRESTOP),
		BIT(LOG) | BIT(TERMINATE) | BIT(FINISH) | BIT(PRESTOP) | OPTIONAL,
		BIT(LOG) | BIT(TERMINATE) | BIT(FINISH) | BIT(CONTROL),
		BIT(TERMINATE) | BIT(FINISH) | BIT(PRESTOP) | BIT(CONTROL) | OPTIONAL,
	};

	(void)state;
	for (unsigned parts = 0; parts < 2 * OPTIONAL; parts += BIT(LOG))
		if (count_parts(parts) <= 2)
			explore(&parts, 1, DEPTH_MAX);
	for (size_t i = 0; i < COUNT(larger) && !is_quick(); i++)
		explore(&larger[i], 1, DEPTH_MAX);
}

static void test_a_command_keeps_its_promises_beside_a_service_in_all_of_its_states(void **state)
{
	static const unsigned alone[] = { COMMAND };
	static const unsigned beside[] = { 0,           BIT(LOG),     BIT(TERMINATE),
					   BIT(FINISH), BIT(PRESTOP), BIT(CONTROL),
					   OPTIONAL };

	(void)state;
	explore(alone, 1, DEPTH_MAX);
	for (size_t i = 0; i < COUNT(beside); i++) {
		const unsigned pair[] = { beside[i], COMMAND };

		if (i == 0 || !is_quick())
			explore(pair, SERVICES_MAX, DEPTH_MAX);
	}
}

static void test_two_services_keep_their_promises_after_each_sequence_of_events(void **state)
{
	static const unsigned pairs[][SERVICES_MAX] = {
		{ EVERYTHING, EVERYTHING | OPTIONAL },
		{ BIT(LOG) | BIT(FINISH), BIT(TERMINATE) | BIT(PRESTOP) },
		{ EVERYTHING, COMMAND },
	};
	static const unsigned depths[] = { 7, 9, 7 };

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++)
		explore(pairs[i], SERVICES_MAX, depths[i] - (is_quick() ? 3 : 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_service_keeps_its_promises_in_all_of_its_states),
		cmocka_unit_test(
			test_a_command_keeps_its_promises_beside_a_service_in_all_of_its_states),
		cmocka_unit_test(
			test_two_services_keep_their_promises_after_each_sequence_of_events),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
