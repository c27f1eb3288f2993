/* SPDX-License-Identifier: ISC */
/* waited.c over programs and orphans that are only records: no process is started. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "waited.h"

#define PROGRAMS_MAX 64

/* ---- what is taken ---- */

/* The programs that services_list_running finds. */
static struct program programs[PROGRAMS_MAX];
static size_t programs_len;
/* And the command's, after them; NULL: there is none. */
static const struct program *command_run;
/* How often a command line was read. */
static unsigned commands_read;

void __wrap_services_list_running(const struct services *services,
				  void (*on_program)(void *ctx, const struct program *program),
				  void *ctx);
void __wrap_procfs_read_command(const struct procfs *proc, pid_t pid,
				struct procfs_command *command);

void __wrap_services_list_running(const struct services *services,
				  void (*on_program)(void *ctx, const struct program *program),
				  void *ctx)
{
	(void)services;
	for (size_t i = 0; i < programs_len; i++)
		on_program(ctx, &programs[i]);
	if (command_run)
		on_program(ctx, command_run);
}

void __wrap_procfs_read_command(const struct procfs *proc, pid_t pid,
				struct procfs_command *command)
{
	(void)proc;
	commands_read++;
	snprintf(command->program, sizeof command->program, "p%d", pid);
}

/* ---- the rig ---- */

struct rig {
	struct loop loop;
	struct reaper reaper;
	struct services services;
	struct svdir_entry entries[2];
	struct service list[2];
	struct policy policy;
	char text[WAITED_TEXT_SIZE];
};

static const struct procfs proc = { .root = "/proc" };

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	programs_len = 0;
	command_run = NULL;
	commands_read = 0;
	reaper_init(&rig->reaper, NULL, NULL);
	orphans_init(&rig->policy.orphans, &rig->loop, &rig->reaper, &rig->policy, NULL);
	rig->policy.proc = &proc;
	rig->policy.reparenting = CONFIG_REPARENTING_TERMINATE;
	rig->services.phase = SERVICES_STOPPED;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	orphans_forget(&rig->policy.orphans);
	free(rig);
	return 0;
}

static void add_program(const char *service, const char *stage, pid_t pid)
{
	programs[programs_len++] = (struct program){
		.service = service,
		.stage = stage,
		.watch = { .pid = pid },
	};
}

/* A command that runs, behind a service. */
static void add_command(struct rig *rig, const char *name, pid_t pid)
{
	static struct command command;

	rig->entries[1].command = &command;
	for (size_t i = 0; i < 2; i++)
		rig->list[i].entry = &rig->entries[i];
	rig->list[1].run = (struct program){
		.service = name,
		.stage = "run",
		.state = PROGRAM_RUNNING,
		.watch = { .pid = pid },
	};
	rig->services.list = rig->list;
	rig->services.len = 2;
	command_run = &rig->list[1].run;
}

static void add_orphan(struct rig *rig, pid_t pid, enum orphan_state state)
{
	assert_non_null(orphan_add(&rig->policy.orphans, pid, state));
}

static void expect(struct rig *rig, const char *text)
{
	bool any = waited_describe(&rig->services, &rig->policy, rig->text);

	assert_string_equal(rig->text, text);
	assert_int_equal(any, *text != '\0');
}

/* ---- the tests ---- */

static void test_waited_describe_nothing_left_is_false(void **state)
{
	expect(*state, "");
}

/* It cannot be read, but for the first time: descriptors may be lacking. */
static void test_waited_describe_what_cannot_be_found_is_said(void **state)
{
	struct rig *rig = *state;

	rig->policy.others_seen = true;
	rig->policy.look_pending = true;
	expect(rig, "");
	rig->policy.look_pending = false;
	expect(rig, "processes that /proc does not show");
	rig->policy.reparenting = CONFIG_REPARENTING_IGNORE;
	expect(rig, "");
	rig->policy.reparenting = CONFIG_REPARENTING_TERMINATE;
	/* In a delay it is the services that are still there. */
	rig->services.phase = SERVICES_DELAYED;
	expect(rig, "");
	rig->services.phase = SERVICES_STOPPED;
	rig->policy.others_seen = false;
	expect(rig, "");
}

static void test_waited_describe_names_programs_and_orphans(void **state)
{
	struct rig *rig = *state;

	add_program("web", "run", 7);
	expect(rig, "web/run (PID 7)");
	add_program("db", "finish", 8);
	add_orphan(rig, 12, ORPHAN_TERMINATED);
	expect(rig, "web/run (PID 7), db/finish (PID 8), the orphan p12 (PID 12)");
}

static void test_waited_describe_names_only_orphans_that_are_waited_for(void **state)
{
	static const enum orphan_state not_waited_for[] = { ORPHAN_INHERITED, ORPHAN_KEPT,
							    ORPHAN_IGNORED, ORPHAN_ADOPTED,
							    ORPHAN_REAPED };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof not_waited_for / sizeof *not_waited_for; i++)
		add_orphan(rig, 20 + (pid_t)i, not_waited_for[i]);
	expect(rig, "");
	add_orphan(rig, 1, ORPHAN_FILTER);
	add_orphan(rig, 2, ORPHAN_DYING);
	add_orphan(rig, 3, ORPHAN_TERMINATED);
	add_orphan(rig, 4, ORPHAN_YOUNG);
	add_orphan(rig, 5, ORPHAN_UNSETTLED);
	expect(rig, "the filter p1 (PID 1), the orphan p2 (PID 2), the orphan p3 (PID 3), "
		    "the orphan p4 (PID 4), the orphan p5 (PID 5)");
	rig->policy.reparenting = CONFIG_REPARENTING_ADOPT;
	expect(rig, "the filter p1 (PID 1), the orphan p2 (PID 2), the orphan p3 (PID 3), "
		    "the orphan p4 (PID 4), the orphan p5 (PID 5)");
	rig->policy.reparenting = CONFIG_REPARENTING_IGNORE;
	expect(rig, "the filter p1 (PID 1), the orphan p2 (PID 2)");
}

static void test_waited_describe_names_only_prestops_before_the_stop(void **state)
{
	struct rig *rig = *state;

	rig->services.phase = SERVICES_DELAYED;
	add_program("web", "run", 7);
	add_orphan(rig, 12, ORPHAN_FILTER);
	expect(rig, "");
	add_program("db", "prestop", 8);
	expect(rig, "db/prestop (PID 8)");
}

static void test_waited_describe_names_only_the_command_before_the_services_are_told(void **state)
{
	struct rig *rig = *state;

	rig->services.phase = SERVICES_COMMAND_STOPPED;
	add_program("web", "run", 7);
	add_program("web", "log", 8);
	add_program("db", "prestop", 9);
	add_orphan(rig, 12, ORPHAN_FILTER);
	expect(rig, "");
	add_command(rig, "psql", 10);
	expect(rig, "psql/run (PID 10)");
}

/* The prestops come before it, and all others with it. */
static void test_waited_describe_names_the_command_in_its_turn(void **state)
{
	struct rig *rig = *state;

	add_program("web", "run", 7);
	add_program("db", "prestop", 9);
	add_command(rig, "psql", 10);
	rig->services.phase = SERVICES_DELAYED;
	expect(rig, "db/prestop (PID 9)");
	for (rig->services.phase = SERVICES_STOPPED; rig->services.phase <= SERVICES_KILLED;
	     rig->services.phase++)
		expect(rig, "web/run (PID 7), db/prestop (PID 9), psql/run (PID 10)");
}

/* However many there are, the rest costs nothing but counting. */
static void test_waited_describe_names_twenty_and_counts_the_rest(void **state)
{
	struct rig *rig = *state;
	const char *rest;

	for (pid_t pid = 1; pid <= WAITED_NAMED_MAX; pid++)
		add_orphan(rig, pid, ORPHAN_TERMINATED);
	assert_true(waited_describe(&rig->services, &rig->policy, rig->text));
	assert_null(strstr(rig->text, " more"));
	assert_non_null(strstr(rig->text, " (PID 20)"));
	commands_read = 0;
	for (pid_t pid = 21; pid <= 1020; pid++)
		add_orphan(rig, pid, ORPHAN_TERMINATED);
	assert_true(waited_describe(&rig->services, &rig->policy, rig->text));
	assert_int_equal(commands_read, WAITED_NAMED_MAX);
	rest = strstr(rig->text, " and ");
	assert_non_null(rest);
	assert_string_equal(rest, " and 1000 more");
}

/* The longest names are cut off in the end, and what follows is counted all the same. */
static void test_waited_describe_longest_names_fit(void **state)
{
	struct rig *rig = *state;
	char name[256];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (pid_t pid = 1; pid <= 30; pid++)
		add_program(name, "prestop", pid);
	assert_true(waited_describe(&rig->services, &rig->policy, rig->text));
	assert_true(strlen(rig->text) < WAITED_TEXT_SIZE);
	assert_string_equal(rig->text + strlen(rig->text) - strlen(" and 10 more"), " and 10 more");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_waited_describe_nothing_left_is_false),
		TEST(test_waited_describe_what_cannot_be_found_is_said),
		TEST(test_waited_describe_names_programs_and_orphans),
		TEST(test_waited_describe_names_only_orphans_that_are_waited_for),
		TEST(test_waited_describe_names_only_prestops_before_the_stop),
		TEST(test_waited_describe_names_only_the_command_before_the_services_are_told),
		TEST(test_waited_describe_names_the_command_in_its_turn),
		TEST(test_waited_describe_names_twenty_and_counts_the_rest),
		TEST(test_waited_describe_longest_names_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
