/* SPDX-License-Identifier: ISC */
/* command.c: where a command is found, what it gets for its streams, and what comes of a start that
 * fails. Nothing is started (--wrap), but for what execvp(3) finds. Owns the directory it makes
 * under /tmp, which is the current directory during a test, and removes it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <setjmp.h>
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
#include "process.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* What the command is called, unless a test says otherwise. */
#define NAME "app"

/* ---- what is taken ---- */

static bool malloc_fails;
/* What program_start was given last, and a copy of the path; "" where it was not called. */
static struct program_spec spec;
static char started[1000];
/* It fails, with that errno of execve; else it starts whatever is an executable file. */
static bool start_fails;
static int exec_error;
static bool foreground;
static int questions, takings;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __wrap_program_start(struct program *program, const struct program_spec *how,
			 char reason[PROGRAM_REASON_SIZE]);
bool __wrap_process_has_foreground(void);
void __wrap_process_take_foreground(void);

void *__wrap_malloc(size_t size)
{
	return malloc_fails ? NULL : __real_malloc(size);
}

int __wrap_program_start(struct program *program, const struct program_spec *how,
			 char reason[PROGRAM_REASON_SIZE])
{
	struct stat status;

	spec = *how;
	assert_true(strlen(how->path) < sizeof started);
	strcpy(started, how->path);
	program->exec_error = exec_error;
	if (!start_fails) {
		if (stat(started, &status) < 0)
			program->exec_error = errno;
		else if (!S_ISREG(status.st_mode) || access(started, X_OK) < 0)
			program->exec_error = EACCES;
	}
	snprintf(reason, PROGRAM_REASON_SIZE, "it was not to be");
	return start_fails || program->exec_error ? -1 : 0;
}

bool __wrap_process_has_foreground(void)
{
	questions++;
	return foreground;
}

void __wrap_process_take_foreground(void)
{
	takings++;
}

/* ---- the rig ---- */

struct rig {
	char base[64];
	struct programs programs;
	struct program program;
	char *environment[4];
	char name[400];
	char *argv[3];
	struct command command;
	char reason[PROGRAM_REASON_SIZE];
	int status;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	malloc_fails = start_fails = foreground = false;
	exec_error = questions = takings = 0;
	strcpy(rig->base, "/tmp/test_command.XXXXXX");
	assert_non_null(mkdtemp(rig->base));
	assert_int_equal(chdir(rig->base), 0);
	rig->program = (struct program){ .all = &rig->programs, .stage = "run" };
	rig->programs.means.environment = rig->environment;
	strcpy(rig->name, NAME);
	rig->argv[0] = rig->name;
	rig->argv[1] = rig->base;
	rig->command.argv = rig->argv;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	command_close(&rig->command);
	assert_null(rig->command.path);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(tree_remove(rig->base), 0);
	free(rig);
	return 0;
}

/* Makes a directory, unless there is one, and something of that name in it. */
static void put(const char *directory, const char *name, mode_t mode, const char *text)
{
	char path[600];
	int fd;

	assert_true(mkdir(directory, 0755) == 0 || errno == EEXIST);
	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void put_executable(const char *directory)
{
	put(directory, NAME, 0755, "");
}

static void put_directory(const char *directory)
{
	char path[600];

	assert_true(mkdir(directory, 0755) == 0 || errno == EEXIST);
	snprintf(path, sizeof path, "%s/" NAME, directory);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* Starts the command with that PATH (NULL: none). */
static int start(struct rig *rig, const char *search_path)
{
	char *variable = NULL;
	int result;

	if (search_path) {
		variable = __real_malloc(strlen(search_path) + sizeof "PATH=");
		strcpy(variable, "PATH=");
		strcat(variable, search_path);
	}
	rig->environment[0] = (char[]){ "PATHS=/bin" };
	rig->environment[1] = variable;
	*started = '\0';
	*rig->reason = '\0';
	rig->status = -1;
	result = command_start(&rig->command, &rig->program, rig->reason, &rig->status);
	rig->environment[0] = rig->environment[1] = NULL;
	free(variable);
	return result;
}

static void expect_found(struct rig *rig, const char *search_path, const char *path)
{
	if (start(rig, search_path) < 0 || strcmp(started, path) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\" (%s)", search_path, started, path,
			 rig->reason);
	assert_string_equal(rig->command.path, path);
}

/* Nothing is started. */
static void expect_absent(struct rig *rig, const char *search_path)
{
	assert_int_equal(start(rig, search_path), -1);
	assert_string_equal(started, "");
	assert_int_equal(rig->status, 127);
	assert_memory_equal(rig->reason, "there is no \"", 13);
}

/* It is tried, so that the kernel says why not. */
static void expect_refused(struct rig *rig, const char *search_path, const char *path)
{
	assert_int_equal(start(rig, search_path), -1);
	assert_string_equal(started, path);
	assert_int_equal(rig->status, 126);
	assert_string_equal(rig->reason, "it was not to be");
}

/* ---- where it is ---- */

static void test_command_start_first_in_path_is_found(void **state)
{
	struct rig *rig = *state;

	put_executable("a");
	put_executable("b");
	put("c", "other", 0755, "");
	put("c", NAME "s", 0755, "");
	expect_found(rig, "a:b", "a/" NAME);
	expect_found(rig, "b:a", "b/" NAME);
	expect_found(rig, "a", "a/" NAME);
	expect_found(rig, "c:nonexistent:b:a", "b/" NAME);
	expect_found(rig, "b/:a", "b//" NAME);
	expect_found(rig, "/dev/null:a/" NAME ":./a", "./a/" NAME);
	expect_absent(rig, "c");
	assert_string_equal(rig->reason, "there is no \"" NAME "\" in PATH (c)");
	expect_absent(rig, "nonexistent:/dev/null:c");
	assert_string_equal(rig->reason,
			    "there is no \"" NAME "\" in PATH (nonexistent:/dev/null:c)");
}

static void test_command_start_empty_element_is_the_current_directory(void **state)
{
	struct rig *rig = *state;

	put_executable("a");
	expect_absent(rig, "");
	expect_absent(rig, ":");
	expect_found(rig, ":a", "a/" NAME);
	expect_found(rig, "::a::", "a/" NAME);
	put_executable(".");
	expect_found(rig, "", NAME);
	expect_found(rig, ":", NAME);
	expect_found(rig, ":a", NAME);
	expect_found(rig, "a:", "a/" NAME);
	expect_found(rig, "nonexistent:", NAME);
	expect_found(rig, "nonexistent::a", NAME);
}

static void test_command_start_what_cannot_be_executed_is_passed_over(void **state)
{
	struct rig *rig = *state;

	put("plain", NAME, 0644, "");
	put_directory("dir");
	put_executable("a");
	expect_found(rig, "plain:dir:a", "a/" NAME);
	expect_found(rig, "a:plain:dir", "a/" NAME);
	/* the first of them is named, where there is no other */
	expect_refused(rig, "plain:dir", "plain/" NAME);
	expect_refused(rig, "nonexistent:dir:plain:nonexistent", "dir/" NAME);
	put(".", NAME, 0644, "");
	expect_refused(rig, "nonexistent:", NAME);
	expect_refused(rig, ":dir", NAME);
}

static void test_command_start_links_count_as_what_they_lead_to(void **state)
{
	struct rig *rig = *state;

	put_executable("a");
	put("b", "x", 0644, "");
	put("c", "x", 0644, "");
	put("d", "x", 0644, "");
	assert_int_equal(symlink("../a/" NAME, "b/" NAME), 0);
	assert_int_equal(symlink("nonexistent", "c/" NAME), 0);
	assert_int_equal(symlink(NAME, "d/" NAME), 0);
	expect_found(rig, "c:b", "b/" NAME);
	expect_absent(rig, "c");
	/* what leads to itself is there, and is nothing that can be executed */
	expect_found(rig, "d:b", "b/" NAME);
	assert_int_equal(start(rig, "d"), -1);
	assert_string_equal(started, "d/" NAME);
	assert_int_equal(rig->status, 126);
}

/* Where container engines have it. */
static void test_command_start_without_path_there_is_a_default(void **state)
{
	struct rig *rig = *state;

	put_executable(".");
	expect_absent(rig, NULL);
	assert_string_equal(rig->reason,
			    "there is no \"" NAME "\" in PATH (/usr/local/sbin:/usr/local/bin:"
			    "/usr/sbin:/usr/bin:/sbin:/bin)");
	strcpy(rig->name, "sh");
	assert_int_equal(start(rig, NULL), 0);
	assert_int_equal(access(started, X_OK), 0);
	assert_string_equal(started + strlen(started) - 7, "/bin/sh");
}

static void test_command_start_first_path_of_the_environment_counts(void **state)
{
	struct rig *rig = *state;

	put_executable("a");
	put_executable("b");
	rig->environment[0] = (char[]){ "XPATH=a" };
	rig->environment[1] = (char[]){ "PATH=b" };
	rig->environment[2] = (char[]){ "PATH=a" };
	assert_int_equal(command_start(&rig->command, &rig->program, rig->reason, &rig->status), 0);
	assert_string_equal(started, "b/" NAME);
}

/* It is tried as it is, whatever there is in PATH. */
static void test_command_start_name_with_a_slash_is_a_path(void **state)
{
	static const char *const names[] = { "./" NAME, "a/" NAME, "/bin/sh", "a//" NAME };
	struct rig *rig = *state;

	put_executable("a");
	put_executable(".");
	for (size_t i = 0; i < COUNT(names); i++) {
		strcpy(rig->name, names[i]);
		expect_found(rig, "/bin", names[i]);
		expect_found(rig, NULL, names[i]);
	}
	strcpy(rig->name, "b/" NAME);
	assert_int_equal(start(rig, "a:."), -1);
	assert_string_equal(started, "b/" NAME);
	assert_int_equal(rig->status, 127);
	strcpy(rig->name, "a/");
	expect_refused(rig, "a", "a/");
	strcpy(rig->name, "/");
	expect_refused(rig, "a", "/");
}

static void test_command_start_empty_name_is_not_found(void **state)
{
	struct rig *rig = *state;

	*rig->name = '\0';
	expect_absent(rig, "/bin:");
	assert_string_equal(rig->reason, "there is no \"\" in PATH (/bin:)");
	expect_absent(rig, NULL);
}

/* A name that the kernel does not take is not there, and neither is a directory. */
static void test_command_start_what_is_too_long_is_not_there(void **state)
{
	static char search_path[PATH_MAX + 100];
	struct rig *rig = *state;

	put_executable("a");
	memset(search_path, 'd', PATH_MAX);
	expect_absent(rig, search_path);
	strcat(search_path, ":a");
	expect_found(rig, search_path, "a/" NAME);
	memset(rig->name, 'n', 300);
	expect_absent(rig, "a:b");
}

/* A path of as many directories as an environment may have of them. */
static void test_command_start_long_path_is_searched_to_its_end(void **state)
{
	struct rig *rig = *state;
	size_t size = 100000, len = 0;
	char *search_path = __real_malloc(size);

	while (len < size - 40)
		len += (size_t)sprintf(search_path + len, "/nonexistent/%zu:", len);
	expect_absent(rig, search_path);
	assert_true(strlen(rig->reason) < PROGRAM_REASON_SIZE - 1);
	assert_string_equal(rig->reason + strlen(rig->reason) - 4, "...)");
	put_executable("last");
	strcpy(search_path + len, "last");
	expect_found(rig, search_path, "last/" NAME);
	free(search_path);
}

static void test_command_start_hostile_name_is_shown_harmless(void **state)
{
	struct rig *rig = *state;

	strcpy(rig->name, "a\n\x1b[m");
	expect_absent(rig, "/\x7f:\xff");
	assert_string_equal(rig->reason, "there is no \"a\\x0a\\x1b[m\" in PATH (/\\x7f:\\xff)");
	memset(rig->name, '\x01', 255);
	rig->name[255] = '\0';
	expect_absent(rig, "/bin");
	assert_non_null(strstr(rig->reason, "\\x01...\" in PATH (/bin)"));
}

static void test_command_start_without_memory_is_unable(void **state)
{
	struct rig *rig = *state;

	malloc_fails = true;
	assert_int_equal(start(rig, "/bin"), -1);
	malloc_fails = false;
	assert_string_equal(started, "");
	assert_int_equal(rig->status, 1);
	assert_string_equal(rig->reason, strerror(ENOMEM));
}

/* ---- as execvp(3) finds it ---- */

/* What an element of PATH may be. */
enum element {
	ELEMENT_EMPTY,
	ELEMENT_NONEXISTENT,
	ELEMENT_NO_DIRECTORY,
	ELEMENT_WITHOUT,
	ELEMENT_DANGLING,
	ELEMENT_PLAIN,
	ELEMENT_DIRECTORY,
	ELEMENT_EXECUTABLE,
	ELEMENTS,
};

/* Makes the element at that place of PATH, and appends it. An executable file there exits with 1
 * more than the place. */
static void put_element(char *search_path, enum element element, int place)
{
	char directory[40], link[80], text[40];

	snprintf(directory, sizeof directory, "%d.%d", place, element);
	snprintf(link, sizeof link, "%s/" NAME, directory);
	snprintf(text, sizeof text, "#!/bin/sh\nexit %d\n", 1 + place);
	strcat(search_path, place ? ":" : "");
	switch (element) {
	case ELEMENT_EMPTY: return;
	case ELEMENT_NONEXISTENT:
	case ELEMENTS: break;
	case ELEMENT_NO_DIRECTORY: put(".", directory, 0755, ""); break;
	case ELEMENT_WITHOUT: put(directory, NAME "s", 0755, text); break;
	case ELEMENT_DANGLING:
		put(directory, NAME "s", 0755, text);
		assert_true(symlink("nonexistent", link) == 0 || errno == EEXIST);
		break;
	case ELEMENT_PLAIN: put(directory, NAME, 0644, text); break;
	case ELEMENT_DIRECTORY:
		mkdir(directory, 0755);
		mkdir(link, 0755);
		break;
	case ELEMENT_EXECUTABLE: put(directory, NAME, 0755, text); break;
	}
	strcat(search_path, directory);
}

/* Returns with what a child exits that executes it by execvp(3). */
static int execute_by_search(struct rig *rig, const char *search_path)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("PATH", search_path, 1);
		execvp(rig->name, rig->argv);
		_exit(errno == ENOENT || errno == ENOTDIR ? 127 : errno == EACCES ? 126 : 100);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* valgrind dies of an execve that fails. */
static bool is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

/* All PATHs of three elements. */
static void test_command_start_finds_what_execvp_finds(void **state)
{
	struct rig *rig = *state;

	for (int number = 0; number < ELEMENTS * ELEMENTS * ELEMENTS; number++) {
		const int elements[] = { number % ELEMENTS, number / ELEMENTS % ELEMENTS,
					 number / ELEMENTS / ELEMENTS };
		char search_path[200] = "";
		int expected, found;

		for (int i = 0; i < 3; i++)
			put_element(search_path, (enum element)elements[i], i);
		found = start(rig, search_path) < 0 ? rig->status : 1 + atoi(started);
		if (is_under_valgrind())
			continue;
		expected = execute_by_search(rig, search_path);
		if (found != expected)
			fail_msg("%s: %s, %d instead of %d", search_path, started, found, expected);
	}
}

/* ---- how it is started ---- */

static void expect_start(struct rig *rig)
{
	put_executable("a");
	expect_found(rig, "a", "a/" NAME);
	assert_ptr_equal(spec.argv, rig->argv);
	assert_null(spec.dir);
	assert_true(spec.own_stdin);
	assert_int_equal(spec.stdin_fd, 0);
	assert_int_equal(spec.extra_fd, 0);
	assert_int_equal(spec.about_pid, 0);
	assert_ptr_equal(spec.out_stage, rig->program.stage);
	assert_null(spec.out);
	assert_false(spec.unwaited);
	assert_false(spec.aside);
}

static void test_command_start_lines_go_to_pipes(void **state)
{
	struct rig *rig = *state;

	rig->command.output_fds[0] = 11;
	rig->command.output_fds[1] = 12;
	expect_start(rig);
	assert_int_equal(spec.stdout_fd, 0);
	assert_int_equal(spec.stderr_fd, 0);
	assert_true(spec.keeps_last);
	assert_false(spec.on_terminal);
}

static void test_command_start_raw_output_is_dinits_own(void **state)
{
	struct rig *rig = *state;

	rig->command.raw = true;
	rig->command.output_fds[0] = 11;
	rig->command.output_fds[1] = 12;
	expect_start(rig);
	assert_int_equal(spec.stdout_fd, 11);
	assert_int_equal(spec.stderr_fd, 12);
	assert_false(spec.keeps_last);
	assert_false(spec.on_terminal);
}

static void test_command_start_failure_has_the_status_of_a_shell(void **state)
{
	static const struct {
		int error, status;
	} cases[] = {
		/* it was not for want of a file: no process, no pipe */
		{ 0, 1 },         { ENOENT, 127 }, { ENOTDIR, 127 }, { EACCES, 126 },
		{ ENOEXEC, 126 }, { EPERM, 126 },  { ETXTBSY, 126 }, { ELOOP, 126 },
		{ E2BIG, 126 },   { ENOMEM, 126 }, { EIO, 126 },     { ENAMETOOLONG, 126 },
		{ ELIBBAD, 126 }, { EINVAL, 126 },
	};
	struct rig *rig = *state;

	put_executable("a");
	start_fails = true;
	for (size_t i = 0; i < COUNT(cases); i++) {
		exec_error = cases[i].error;
		assert_int_equal(start(rig, "a"), -1);
		assert_int_equal(rig->status, cases[i].status);
		assert_string_equal(rig->reason, "it was not to be");
	}
	/* a command that is started has no status yet */
	start_fails = false;
	exec_error = 0;
	assert_int_equal(start(rig, "a"), 0);
	assert_int_equal(rig->status, -1);
}

/* ---- the terminal ---- */

static void test_command_take_terminal_takes_back_what_it_had(void **state)
{
	struct rig *rig = *state;

	rig->command.on_terminal = foreground = true;
	expect_start(rig);
	assert_true(spec.on_terminal);
	assert_int_equal(questions, 1);
	assert_int_equal(takings, 0);
	/* what counts is what was, not what is: the command's group has it now */
	foreground = false;
	command_take_terminal(&rig->command);
	assert_int_equal(takings, 1);
	assert_int_equal(questions, 1);
}

/* In a shell's background, say. */
static void test_command_take_terminal_leaves_what_others_had(void **state)
{
	struct rig *rig = *state;

	rig->command.on_terminal = true;
	expect_start(rig);
	assert_true(spec.on_terminal);
	foreground = true;
	command_take_terminal(&rig->command);
	start_fails = true;
	foreground = false;
	assert_int_equal(start(rig, "a"), -1);
	assert_int_equal(takings, 0);
}

static void test_command_take_terminal_without_one_does_nothing(void **state)
{
	struct rig *rig = *state;

	foreground = true;
	command_take_terminal(&rig->command);
	expect_start(rig);
	command_take_terminal(&rig->command);
	assert_int_equal(takings, 0);
	assert_int_equal(questions, 0);
}

/* The process that did not become the command had it for a moment. */
static void test_command_start_that_fails_takes_the_terminal_back(void **state)
{
	struct rig *rig = *state;

	put_executable("a");
	rig->command.on_terminal = foreground = start_fails = true;
	exec_error = ENOEXEC;
	assert_int_equal(start(rig, "a"), -1);
	assert_int_equal(takings, 1);
	/* one that is not found never had it */
	expect_absent(rig, "b");
	assert_int_equal(takings, 1);
}

/* ---- what becomes of its output ---- */

enum end {
	END_PIPE,
	END_TERMINAL,
	/* /dev/null at its number, as process.h does it */
	END_CLOSED,
	ENDS,
};

/* The descriptors 0 to 2 as they were, and what stands in for them. */
struct ends {
	int saved[3], pipe[2], pty[2], null_fd;
};

static void open_ends(struct ends *ends)
{
	fflush(NULL);
	for (int fd = 0; fd < 3; fd++)
		ends->saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(pipe(ends->pipe), 0);
	assert_int_equal(openpty(&ends->pty[0], &ends->pty[1], NULL, NULL, NULL), 0);
	ends->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(ends->null_fd >= 0);
}

static void close_ends(struct ends *ends)
{
	for (int fd = 0; fd < 3; fd++) {
		dup2(ends->saved[fd], fd);
		close(ends->saved[fd]);
	}
	for (int i = 0; i < 2; i++) {
		close(ends->pipe[i]);
		close(ends->pty[i]);
	}
	close(ends->null_fd);
}

/* Prepares a command while dinit's descriptors are these; where one of the outputs is a terminal,
 * it is written to at its own number (process.h). */
static struct command prepare(const struct ends *ends, const enum end at[3],
			      enum config_command_output output, bool alone, int output_fds[3])
{
	char *const argv[] = { NULL };
	struct command command;

	memset(&command, 0xff, sizeof command);
	output_fds[0] = -1;
	for (int fd = 0; fd < 3; fd++) {
		const int files[ENDS] = { ends->pipe[fd > 0], ends->pty[1], ends->null_fd };
		const int own[ENDS] = { ends->pipe[1], fd, -1 };

		dup2(files[at[fd]], fd);
		output_fds[fd] = own[at[fd]];
	}
	command_init(&command, argv, output, alone, output_fds);
	for (int fd = 0; fd < 3; fd++)
		dup2(ends->saved[fd], fd);
	if (command.argv != argv)
		command.argv = NULL;
	return command;
}

static void test_command_init_chooses_what_becomes_of_the_output(void **state)
{
	struct ends ends;
	struct command command;
	bool right = true;

	(void)state;
	open_ends(&ends);
	for (int number = 0; number < ENDS * ENDS * ENDS * 3 * 2; number++) {
		const enum end at[3] = { (enum end)(number % ENDS), (enum end)(number / 3 % ENDS),
					 (enum end)(number / 9 % ENDS) };
		enum config_command_output output = (enum config_command_output)(number / 27 % 3);
		bool alone = number / 81, raw;
		int output_fds[3];

		command = prepare(&ends, at, output, alone, output_fds);
		raw = output == CONFIG_COMMAND_OUTPUT_RAW ||
		      (output == CONFIG_COMMAND_OUTPUT_AUTO &&
		       (alone || at[0] == END_TERMINAL || at[1] == END_TERMINAL));
		right = command.raw == raw && command.on_terminal == (at[0] == END_TERMINAL) &&
			command.argv && !command.in_foreground && !command.path;
		for (int fd = 1; fd < 3; fd++)
			right = right && command.output_fds[fd - 1] ==
						 (at[fd] == END_CLOSED ? fd : output_fds[fd]);
		if (!right) {
			close_ends(&ends);
			fail_msg("case %d", number);
		}
	}
	close_ends(&ends);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_command_start_first_in_path_is_found),
		TEST(test_command_start_empty_element_is_the_current_directory),
		TEST(test_command_start_what_cannot_be_executed_is_passed_over),
		TEST(test_command_start_links_count_as_what_they_lead_to),
		TEST(test_command_start_without_path_there_is_a_default),
		TEST(test_command_start_first_path_of_the_environment_counts),
		TEST(test_command_start_name_with_a_slash_is_a_path),
		TEST(test_command_start_empty_name_is_not_found),
		TEST(test_command_start_what_is_too_long_is_not_there),
		TEST(test_command_start_long_path_is_searched_to_its_end),
		TEST(test_command_start_hostile_name_is_shown_harmless),
		TEST(test_command_start_without_memory_is_unable),
		TEST(test_command_start_finds_what_execvp_finds),
		TEST(test_command_start_lines_go_to_pipes),
		TEST(test_command_start_raw_output_is_dinits_own),
		TEST(test_command_start_failure_has_the_status_of_a_shell),
		TEST(test_command_take_terminal_takes_back_what_it_had),
		TEST(test_command_take_terminal_leaves_what_others_had),
		TEST(test_command_take_terminal_without_one_does_nothing),
		TEST(test_command_start_that_fails_takes_the_terminal_back),
		TEST(test_command_init_chooses_what_becomes_of_the_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
