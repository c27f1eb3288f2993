/* SPDX-License-Identifier: ISC */
/* spawn.c: what a program finds when it is started, and where a spawn stops. The program is this
 * test itself, executed again with TEST_SPAWN_REPORT naming the file it writes down what it
 * found in. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "spawn.h"

#define REPORT "TEST_SPAWN_REPORT="
#define NOBODY 65534

/* ---- what is taken ---- */

/* How many calls of read and of write of the spawn are interrupted first, and how often fork was
 * called. */
static int interrupted_reads, interrupted_writes, forks;
/* What setsid and setpgid fail with; 0: they do not. */
static int session_error;
/* These signals come right before, and then a 0. */
static const int *early_signals;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __real_setsid(void);
pid_t __wrap_setsid(void);
int __real_setpgid(pid_t pid, pid_t group);
int __wrap_setpgid(pid_t pid, pid_t group);

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (interrupted_reads == 0)
		return __real_read(fd, buffer, size);
	interrupted_reads--;
	errno = EINTR;
	return -1;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
	if (interrupted_writes == 0)
		return __real_write(fd, bytes, len);
	interrupted_writes--;
	errno = EINTR;
	return -1;
}

pid_t __wrap_fork(void)
{
	forks++;
	return __real_fork();
}

/* Returns whether the old group may be left. */
static bool may_leave(void)
{
	for (const int *signal = early_signals; signal && *signal; signal++)
		kill(getpid(), *signal);
	errno = session_error;
	return session_error == 0;
}

pid_t __wrap_setsid(void)
{
	return may_leave() ? __real_setsid() : -1;
}

int __wrap_setpgid(pid_t pid, pid_t group)
{
	return may_leave() ? __real_setpgid(pid, group) : -1;
}

/* ---- the program ---- */

static void report_fds(FILE *report)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		struct stat status;

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd != fileno(report) &&
		    fstat(fd, &status) == 0)
			fprintf(report, "fd %d %llu\n", fd, (unsigned long long)status.st_ino);
	}
	closedir(dir);
}

static int be_the_program(int argc, char **argv, const char *path)
{
	FILE *report = fopen(path, "we");
	char cwd[PATH_MAX];
	struct rlimit limit;
	sigset_t mask;
	int blocked = 0;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int signal = 1; signal <= 64; signal++)
		blocked += sigismember(&mask, signal) == 1;
	getrlimit(RLIMIT_NOFILE, &limit);
	fprintf(report, "argc %d\nargv %s\ncwd %s\nblocked %d\n", argc, argv[0],
		getcwd(cwd, sizeof cwd), blocked);
	for (int i = 1; i < argc; i++)
		fprintf(report, "argument %s\n", argv[i]);
	fprintf(report, "nofile %llu %llu\n", (unsigned long long)limit.rlim_cur,
		(unsigned long long)limit.rlim_max);
	fprintf(report, "session %d group %d foreground %d\n", getsid(0) == getpid(),
		getpgrp() == getpid(), tcgetpgrp(STDIN_FILENO) == getpid());
	fprintf(report, "environment %d %s\n", environ[1] == NULL, getenv("OTHER") ? "OTHER" : "");
	report_fds(report);
	fclose(report);
	return 0;
}

/* ---- the rig ---- */

struct rig {
	char self[PATH_MAX], dir[64], report[80], variable[120];
	char *environment[2];
	struct rlimit nofile;
	struct spawn_spec spec;
	int null_fd;
	bool unwaited;
	char text[20000];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);

	assert_true(readlink("/proc/self/exe", rig->self, sizeof rig->self - 1) > 0);
	strcpy(rig->dir, "/tmp/test_spawn.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(chmod(rig->dir, 0777), 0);
	snprintf(rig->report, sizeof rig->report, "%s/report", rig->dir);
	snprintf(rig->variable, sizeof rig->variable, REPORT "%s", rig->report);
	rig->environment[0] = rig->variable;
	getrlimit(RLIMIT_NOFILE, &rig->nofile);
	rig->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	rig->spec = (struct spawn_spec){
		.path = rig->self,
		.dir = rig->dir,
		.environment = rig->environment,
		.fds = { rig->null_fd, rig->null_fd, rig->null_fd },
		.nofile = &rig->nofile,
	};
	*state = rig;
	return 0;
}

static int setup_unwaited(void **state)
{
	setup(state);
	((struct rig *)*state)->unwaited = true;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	unlink(rig->report);
	rmdir(rig->dir);
	close(rig->null_fd);
	while (waitpid(-1, NULL, 0) > 0)
		;
	free(rig);
	return 0;
}

/* Either way to start a program, with the promises of spawn_program. */
static pid_t start(const struct rig *rig, struct spawn_failure *failure)
{
	siginfo_t info;
	int report_fd;
	pid_t pid;

	if (!rig->unwaited)
		return spawn_program(&rig->spec, failure);
	pid = spawn_program_unwaited(&rig->spec, &report_fd, failure);
	if (pid < 0)
		return -1;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	if (!spawn_read_failure(report_fd, failure))
		return pid;
	failure->pid = pid;
	return -1;
}

/* Reads what the program reported. */
static void read_report(struct rig *rig)
{
	FILE *file = fopen(rig->report, "re");
	size_t len;

	assert_non_null(file);
	len = fread(rig->text, 1, sizeof rig->text - 1, file);
	rig->text[len] = '\0';
	fclose(file);
	unlink(rig->report);
}

/* Runs the program to its end and reads what it reported. */
static void run(struct rig *rig)
{
	struct spawn_failure failure;
	int before = rig_count_fds(), status;
	pid_t pid = start(rig, &failure);

	assert_true(pid > 0);
	assert_int_equal(rig_count_fds(), before);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	read_report(rig);
}

static void assert_reported(const struct rig *rig, const char *line)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof whole, "%s\n", line);
	if (!strstr(rig->text, whole))
		fail_msg("no line \"%s\" in \"%s\"", line, rig->text);
}

/* No process is left but what is reaped here: `zombies` of them, each with the status of one
 * that could not execute. */
static void assert_failure(struct rig *rig, enum spawn_stage stage, int error, int zombies)
{
	struct spawn_failure failure;
	int before = rig_count_fds(), status;

	assert_int_equal(start(rig, &failure), -1);
	assert_int_equal(failure.stage, stage);
	assert_int_equal(failure.error, error);
	assert_int_equal(rig_count_fds(), before);
	assert_int_equal(failure.pid > 0, zombies > 0);
	for (; zombies > 0; zombies--) {
		assert_int_equal(waitpid(failure.pid, &status, 0), failure.pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 127);
	}
	assert_int_equal(waitpid(-1, &status, 0), -1);
}

/* ---- what a program finds ---- */

static void test_spawn_program_gets_path_directory_and_environment(void **state)
{
	struct rig *rig = *state;
	char line[PATH_MAX];

	run(rig);
	assert_reported(rig, "argc 1");
	snprintf(line, sizeof line, "argv %.4000s", rig->self);
	assert_reported(rig, line);
	snprintf(line, sizeof line, "cwd %s", rig->dir);
	assert_reported(rig, line);
	assert_reported(rig, "environment 1 ");
}

static void test_spawn_program_with_arguments_gets_them(void **state)
{
	struct rig *rig = *state;
	char name[] = "name", first[] = "-1", second[] = "two words";
	char *const argv[] = { name, first, second, NULL };

	rig->spec.argv = argv;
	run(rig);
	assert_reported(rig, "argc 3");
	assert_reported(rig, "argv name");
	assert_reported(rig, "argument -1");
	assert_reported(rig, "argument two words");
}

static void test_spawn_program_has_no_signal_blocked(void **state)
{
	struct rig *rig = *state;
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	run(rig);
	sigprocmask(SIG_SETMASK, NULL, &all);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_reported(rig, "blocked 0");
	assert_int_equal(sigismember(&all, SIGTERM), 1);
}

static void test_spawn_program_leads_a_session_and_a_group_of_its_own(void **state)
{
	struct rig *rig = *state;
	pid_t session = getsid(0), group = getpgrp();

	run(rig);
	assert_reported(rig, "session 1 group 1 foreground 0");
	assert_int_equal(getsid(0), session);
	assert_int_equal(getpgrp(), group);
}

/* As Ctrl-C does, pressed between fork and setsid. */
static void test_spawn_program_signals_of_the_old_group_are_thrown_away(void **state)
{
	static const int signals[] = { SIGINT, SIGTSTP, SIGHUP, SIGTERM, 37, 37, 64, 0 };
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	early_signals = signals;
	run(*state);
	early_signals = NULL;
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_reported(*state, "blocked 0");
}

/* Sources far above the limit: it must come down after they are in place. */
static void test_spawn_program_gets_the_lower_limit(void **state)
{
	struct rig *rig = *state;
	struct rlimit lower = { 20, 21 }, now;
	int high = fcntl(rig->null_fd, F_DUPFD_CLOEXEC, 100);

	for (int i = 0; i < 3; i++)
		rig->spec.fds[i] = high;
	rig->spec.nofile = &lower;
	run(rig);
	assert_reported(rig, "nofile 20 21");
	getrlimit(RLIMIT_NOFILE, &now);
	assert_int_equal(now.rlim_cur, rig->nofile.rlim_cur);
	close(high);
}

/* How many descriptors beyond 2 a program should inherit; and how many it did. */
static int count_heirlooms(void)
{
	int count = 0;

	for (int fd = 3; fd < 1000; fd++) {
		int flags = fcntl(fd, F_GETFD);

		count += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	return count;
}

static int count_inherited(const struct rig *rig)
{
	int count = 0;

	for (const char *at = rig->text; (at = strstr(at, "\nfd ")); at++)
		count += atoi(at + 4) > 2;
	return count;
}

static void test_spawn_program_inherits_only_what_is_not_close_on_exec(void **state)
{
	struct rig *rig = *state;
	int kept = fcntl(rig->null_fd, F_DUPFD, 50),
	    closed = fcntl(rig->null_fd, F_DUPFD_CLOEXEC, 60);

	run(rig);
	assert_non_null(strstr(rig->text, "\nfd 50 "));
	assert_null(strstr(rig->text, "\nfd 60 "));
	assert_int_equal(count_inherited(rig), count_heirlooms());
	close(kept);
	close(closed);
}

/* Five different files, at 0, 1, 2 and twice elsewhere: every one of the 125 ways to hand out
 * three of them. */
static void test_spawn_program_descriptors_arrive_from_wherever_they_are(void **state)
{
	struct rig *rig = *state;
	unsigned long long inodes[5];
	int fds[5] = { 0, 1, 2, 70, 71 }, saved[3];

	fflush(NULL);
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 80);
	for (int i = 0; i < 5; i++) {
		char path[] = "/tmp/test_spawn.file.XXXXXX";
		int fd = mkstemp(path);
		struct stat status;

		assert_true(fd >= 0 && unlink(path) == 0);
		assert_int_equal(fstat(fd, &status), 0);
		inodes[i] = status.st_ino;
		dup3(fd, fds[i], O_CLOEXEC);
		close(fd);
	}
	for (int number = 0; number < 125; number++) {
		int pick[3] = { number % 5, number / 5 % 5, number / 25 };

		for (int i = 0; i < 3; i++)
			rig->spec.fds[i] = fds[pick[i]];
		run(rig);
		for (int i = 0; i < 3; i++) {
			char line[60];

			snprintf(line, sizeof line, "fd %d %llu", i, inodes[pick[i]]);
			assert_reported(rig, line);
		}
		assert_int_equal(count_inherited(rig), count_heirlooms());
	}
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	close(70);
	close(71);
}

/* ---- the extra descriptor ---- */

/* The numbers that the pipe for the failure will have: the lowest that are free. */
static void find_free(int numbers[2])
{
	for (int i = 0; i < 2; i++)
		numbers[i] = fcntl(0, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 2; i++)
		close(numbers[i]);
}

/* The program finds the file there, and nothing else that it did not find before. */
static void assert_extra(struct rig *rig, int from, int number)
{
	struct stat status;
	char line[60];

	/* One more, unless it takes the place of one that the program would have inherited. */
	int expected = count_heirlooms() + (fcntl(number, F_GETFD) != 0);

	assert_int_equal(fstat(from, &status), 0);
	rig->spec.extra_fd = from;
	rig->spec.extra_number = number;
	run(rig);
	snprintf(line, sizeof line, "fd %d %llu", number, (unsigned long long)status.st_ino);
	assert_reported(rig, line);
	assert_int_equal(count_inherited(rig), expected);
	/* Ours is as it was. */
	assert_int_equal(fcntl(from, F_GETFD), FD_CLOEXEC);
}

static int open_extra(int number)
{
	char path[] = "/tmp/test_spawn.file.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0 && unlink(path) == 0);
	assert_int_equal(dup3(fd, number, O_CLOEXEC), number);
	close(fd);
	return number;
}

static void test_spawn_program_extra_descriptor_has_its_number(void **state)
{
	static const int numbers[] = { 3, 4, 5, 6, 7, 8, 9, 10, 49, 50, 51, 1023 };
	int from = open_extra(50);

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_extra(*state, from, numbers[i]);
	close(from);
}

/* The pipe through which a failure comes makes way, and works. */
static void test_spawn_program_extra_descriptor_at_a_number_of_the_failure_pipe(void **state)
{
	struct rig *rig = *state;
	int from = open_extra(50), numbers[2];

	find_free(numbers);
	for (int i = 0; i < 2; i++) {
		assert_extra(rig, from, numbers[i]);
		rig->spec.path = "/nonexistent/run";
		assert_failure(rig, SPAWN_EXEC, ENOENT, 1);
		rig->spec.path = rig->self;
	}
	close(from);
}

/* What the program would have inherited there is closed in it, and stays open here. */
static void test_spawn_program_extra_descriptor_replaces_an_inherited_one(void **state)
{
	struct rig *rig = *state;
	int from = open_extra(50), kept = fcntl(rig->null_fd, F_DUPFD, 60);

	assert_extra(rig, from, kept);
	assert_int_equal(fcntl(kept, F_GETFD), 0);
	close(from);
	close(kept);
}

/* A standard one has that number here. */
static void test_spawn_program_extra_descriptor_at_the_number_of_a_standard_one(void **state)
{
	struct rig *rig = *state;
	int from = open_extra(50), out = open_extra(60);
	struct stat status;
	char line[60];

	rig->spec.fds[1] = rig->spec.fds[2] = out;
	assert_extra(rig, from, out);
	assert_int_equal(fstat(out, &status), 0);
	for (int i = 1; i < 3; i++) {
		snprintf(line, sizeof line, "fd %d %llu", i, (unsigned long long)status.st_ino);
		assert_reported(rig, line);
	}
	close(from);
	close(out);
}

/* With a limit that the number is above, which counts for what the program opens itself. */
static void test_spawn_program_extra_descriptor_above_the_programs_limit_is_there(void **state)
{
	struct rig *rig = *state;
	struct rlimit lower = { 20, 21 };
	int from = open_extra(50);

	rig->spec.nofile = &lower;
	assert_extra(rig, from, 100);
	assert_reported(rig, "nofile 20 21");
	close(from);
}

/* ---- on a terminal ---- */

/* What is said by the exit status of a process that plays dinit. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			_exit(__LINE__ % 255 + 1); \
	} while (0)

/* Makes a terminal, and this process the leader of its session. Returns the other end. */
static int lead_terminal(void)
{
	int other_fd, fd;

	CHECK(openpty(&other_fd, &fd, NULL, NULL, NULL) == 0);
	CHECK(__real_setsid() > 0 && ioctl(fd, TIOCSCTTY, 0) == 0);
	CHECK(dup2(fd, STDIN_FILENO) == STDIN_FILENO && close(fd) == 0);
	CHECK(tcgetpgrp(STDIN_FILENO) == getpgrp());
	return other_fd;
}

/* Puts another group into the foreground: a child, which waits. */
static pid_t put_other_foreground(void)
{
	pid_t pid = __real_fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	CHECK(pid > 0 && __real_setpgid(pid, pid) == 0 && tcsetpgrp(STDIN_FILENO, pid) == 0);
	return pid;
}

/* Starts the program on that terminal, and waits for its end. Returns its PID where its group had
 * the foreground, else 0. */
static pid_t start_on_terminal(struct rig *rig)
{
	struct spawn_failure failure;
	pid_t pid, foreground;
	int status;

	rig->spec.fds[0] = STDIN_FILENO;
	rig->spec.on_terminal = true;
	pid = start(rig, &failure);
	CHECK(pid > 0);
	foreground = tcgetpgrp(STDIN_FILENO);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(getsid(0) == getpid());
	return foreground == pid ? pid : 0;
}

/* Has the function called by a process that plays dinit: it blocks all signals. */
static void play_dinit(struct rig *rig, void (*play)(struct rig *rig))
{
	sigset_t all;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = __real_fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		play(rig);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void play_in_foreground(struct rig *rig)
{
	int other_fd = lead_terminal();

	CHECK(start_on_terminal(rig) > 0);
	close(other_fd);
}

static void test_spawn_program_on_a_terminal_is_in_the_foreground(void **state)
{
	struct rig *rig = *state;

	play_dinit(rig, play_in_foreground);
	read_report(rig);
	assert_reported(rig, "session 0 group 1 foreground 1");
	assert_reported(rig, "blocked 0");
}

/* As Ctrl-C does, pressed between fork and setpgid. */
static void test_spawn_program_on_a_terminal_signals_of_the_old_group_are_thrown_away(void **state)
{
	static const int signals[] = { SIGINT, SIGTSTP, SIGQUIT, SIGTTOU, SIGTERM, 64, 0 };
	struct rig *rig = *state;

	early_signals = signals;
	play_dinit(rig, play_in_foreground);
	early_signals = NULL;
	read_report(rig);
	assert_reported(rig, "session 0 group 1 foreground 1");
}

/* dinit itself is in the background of a shell. */
static void play_in_background(struct rig *rig)
{
	int other_fd = lead_terminal();
	pid_t other = put_other_foreground();

	CHECK(start_on_terminal(rig) == 0 && tcgetpgrp(STDIN_FILENO) == other);
	CHECK(kill(other, SIGKILL) == 0);
	close(other_fd);
}

static void test_spawn_program_on_a_terminal_takes_it_from_no_other_group(void **state)
{
	struct rig *rig = *state;

	play_dinit(rig, play_in_background);
	read_report(rig);
	assert_reported(rig, "session 0 group 1 foreground 0");
}

/* It is the terminal of another session, or of none. */
static void play_on_foreign_terminal(struct rig *rig)
{
	int other_fd, fd;

	CHECK(openpty(&other_fd, &fd, NULL, NULL, NULL) == 0);
	CHECK(__real_setsid() > 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	CHECK(start_on_terminal(rig) == 0 && tcgetpgrp(STDIN_FILENO) == -1);
}

static void play_on_no_terminal(struct rig *rig)
{
	CHECK(__real_setsid() > 0 && dup2(rig->null_fd, STDIN_FILENO) == STDIN_FILENO);
	CHECK(start_on_terminal(rig) == 0);
}

/* The other end is closed: whoever leads the session has got HUP, and the terminal is nobody's. */
static void play_on_lost_terminal(struct rig *rig)
{
	close(lead_terminal());
	CHECK(start_on_terminal(rig) == 0);
}

static void test_spawn_program_on_a_terminal_that_is_not_ours_starts_all_the_same(void **state)
{
	static void (*const plays[])(struct rig *) = { play_on_foreign_terminal,
						       play_on_no_terminal, play_on_lost_terminal };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		play_dinit(rig, plays[i]);
		read_report(rig);
		assert_reported(rig, "session 0 group 1 foreground 0");
	}
}

/* The process that could not become the program has taken the foreground: the caller takes it
 * back. */
static void play_missing_file(struct rig *rig)
{
	struct spawn_failure failure;
	int other_fd = lead_terminal(), status;

	rig->spec.fds[0] = STDIN_FILENO;
	rig->spec.on_terminal = true;
	rig->spec.path = "/nonexistent/app";
	CHECK(start(rig, &failure) == -1 && failure.pid > 0);
	CHECK(failure.stage == SPAWN_EXEC && failure.error == ENOENT);
	CHECK(tcgetpgrp(STDIN_FILENO) == failure.pid);
	CHECK(waitpid(failure.pid, &status, 0) == failure.pid && WEXITSTATUS(status) == 127);
	CHECK(tcsetpgrp(STDIN_FILENO, getpgrp()) == 0);
	/* what stops before that has not taken it */
	rig->spec.dir = "/nonexistent";
	CHECK(start(rig, &failure) == -1 && failure.stage == SPAWN_CHDIR);
	CHECK(tcgetpgrp(STDIN_FILENO) == getpgrp());
	close(other_fd);
}

static void test_spawn_program_on_a_terminal_missing_file_stops_at_exec(void **state)
{
	play_dinit(*state, play_missing_file);
}

static void test_spawn_program_on_a_terminal_without_a_group_stops_there(void **state)
{
	struct rig *rig = *state;

	rig->spec.on_terminal = true;
	session_error = EPERM;
	assert_failure(rig, SPAWN_SESSION, EPERM, 1);
	session_error = 0;
}

static void test_spawn_program_without_a_directory_has_ours(void **state)
{
	struct rig *rig = *state;
	char before[PATH_MAX], line[PATH_MAX];

	assert_non_null(getcwd(before, sizeof before));
	snprintf(line, sizeof line, "cwd %s", rig->dir);
	assert_int_equal(chdir(rig->dir), 0);
	rig->spec.dir = NULL;
	run(rig);
	assert_int_equal(chdir(before), 0);
	assert_reported(rig, line);
}

/* ---- where it stops ---- */

static void make_file(struct rig *rig, const char *text, mode_t mode)
{
	int fd = open(rig->report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	rig->spec.path = rig->report;
}

static void test_spawn_program_missing_file_stops_at_exec(void **state)
{
	struct rig *rig = *state;

	rig->spec.path = "/nonexistent/run";
	assert_failure(rig, SPAWN_EXEC, ENOENT, 1);
}

static void test_spawn_program_file_that_is_not_executable_stops_at_exec(void **state)
{
	make_file(*state, "#!/bin/sh\n", 0644);
	assert_failure(*state, SPAWN_EXEC, EACCES, 1);
}

static void test_spawn_program_file_without_a_format_stops_at_exec(void **state)
{
	make_file(*state, "exit 0\n", 0755);
	assert_failure(*state, SPAWN_EXEC, ENOEXEC, 1);
}

static void test_spawn_program_without_a_session_of_its_own_stops_there(void **state)
{
	session_error = EPERM;
	assert_failure(*state, SPAWN_SESSION, EPERM, 1);
	session_error = 0;
}

static void test_spawn_program_missing_directory_stops_at_chdir(void **state)
{
	struct rig *rig = *state;

	rig->spec.dir = "/nonexistent";
	assert_failure(rig, SPAWN_CHDIR, ENOENT, 1);
}

static void test_spawn_program_bad_descriptor_stops_at_setup(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct rig *rig = *state;

		rig->spec.fds[i] = 999;
		assert_failure(rig, SPAWN_SETUP, EBADF, 1);
		rig->spec.fds[i] = rig->null_fd;
	}
}

static void test_spawn_program_bad_extra_descriptor_stops_at_setup(void **state)
{
	struct rig *rig = *state;

	rig->spec.extra_fd = 999;
	rig->spec.extra_number = 40;
	assert_failure(rig, SPAWN_SETUP, EBADF, 1);
	rig->spec.extra_number = 999;
	assert_failure(rig, SPAWN_SETUP, EBADF, 1);
}

/* Not even dinit's own limit allows it. */
static void test_spawn_program_extra_number_above_our_limit_stops_at_setup(void **state)
{
	struct rig *rig = *state;
	struct rlimit low = rig->nofile;

	low.rlim_cur = 100;
	rig->spec.extra_fd = rig->null_fd;
	rig->spec.extra_number = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_failure(rig, SPAWN_SETUP, EBADF, 1);
	rig->spec.extra_number = 99;
	run(rig);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rig->nofile), 0);
}

/* The pipe for the failure has that number, and there is none left for it. */
static void test_spawn_program_without_a_descriptor_for_the_failure_pipe_says_so(void **state)
{
	struct rig *rig = *state;
	struct rlimit two = rig->nofile;
	struct spawn_failure failure;
	int status, numbers[2];
	pid_t pid;

	find_free(numbers);
	two.rlim_cur = (rlim_t)numbers[1] + 1;
	rig->spec.extra_fd = rig->null_fd;
	rig->spec.extra_number = numbers[1];
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &two), 0);
	pid = start(rig, &failure);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rig->nofile), 0);
	assert_int_equal(pid, -1);
	assert_int_equal(failure.stage, SPAWN_SETUP);
	assert_int_equal(failure.error, EMFILE);
	assert_true(waitpid(-1, &status, 0) > 0);
}

/* Nor is there one left to move another to, out of the way. */
static void test_spawn_program_without_a_descriptor_to_move_to_stops_at_setup(void **state)
{
	struct rig *rig = *state;
	struct rlimit two = rig->nofile;
	struct spawn_failure failure;
	int status;
	pid_t pid;

	two.rlim_cur = (rlim_t)dup(rig->null_fd);
	close((int)two.rlim_cur);
	/* for the pipe of the report */
	two.rlim_cur += 2;
	rig->spec.fds[1] = STDERR_FILENO;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &two), 0);
	pid = start(rig, &failure);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rig->nofile), 0);
	assert_int_equal(pid, -1);
	assert_int_equal(failure.stage, SPAWN_SETUP);
	assert_int_equal(failure.error, EMFILE);
	assert_true(waitpid(-1, &status, 0) > 0);
}

/* With no descriptor left but for the pipe of the report. */
static void test_spawn_program_descriptors_above_2_are_not_moved_first(void **state)
{
	struct rig *rig = *state;
	struct rlimit none_left = rig->nofile;
	struct spawn_failure failure;
	bool opened = fcntl(3, F_GETFD) < 0 && dup2(rig->null_fd, 3) == 3;
	pid_t pid;

	for (int i = 0; i < 3; i++)
		rig->spec.fds[i] = 3;
	none_left.rlim_cur = (rlim_t)dup(rig->null_fd);
	close((int)none_left.rlim_cur);
	none_left.rlim_cur += 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_left), 0);
	pid = start(rig, &failure);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rig->nofile), 0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (opened)
		close(3);
}

/* The pipe of the report takes the place of two of them, and is of no use for that. */
static void test_spawn_program_closed_descriptors_stop_at_setup(void **state)
{
	struct rig *rig = *state;
	struct spawn_failure failure;
	int saved[3], status;
	pid_t pid;

	fflush(NULL);
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		close(fd);
		rig->spec.fds[fd] = fd;
	}
	pid = start(rig, &failure);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	assert_int_equal(pid, -1);
	assert_int_equal(failure.stage, SPAWN_SETUP);
	assert_int_equal(failure.error, EBADF);
	assert_true(waitpid(-1, &status, 0) > 0);
}

static void test_spawn_program_impossible_limit_stops_at_setup(void **state)
{
	struct rig *rig = *state;
	struct rlimit odd = { 21, 20 };

	rig->spec.nofile = &odd;
	assert_failure(rig, SPAWN_SETUP, EINVAL, 1);
}

static void test_spawn_program_without_a_pipe_says_so(void **state)
{
	struct rig *rig = *state;
	struct rlimit none = { 3, rig->nofile.rlim_max };
	struct spawn_failure failure;
	pid_t pid;

	setrlimit(RLIMIT_NOFILE, &none);
	pid = start(rig, &failure);
	setrlimit(RLIMIT_NOFILE, &rig->nofile);
	assert_int_equal(pid, -1);
	assert_int_equal(failure.stage, SPAWN_PIPE);
	assert_int_equal(failure.error, EMFILE);
	assert_int_equal(failure.pid, -1);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

/* In a process of a user who may have no more processes. */
static void test_spawn_program_without_a_process_stops_at_fork(void **state)
{
	struct rig *rig = *state;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		struct spawn_failure failure = { .stage = SPAWN_EXEC };
		int before;

		if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(10);
		setrlimit(RLIMIT_NPROC, &none);
		before = rig_count_fds();
		if (start(rig, &failure) != -1)
			_exit(11);
		if (failure.stage != SPAWN_FORK || failure.error != EAGAIN || failure.pid != -1)
			_exit(12);
		_exit(rig_count_fds() == before ? 0 : 13);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_spawn_program_interrupted_reports_the_failure(void **state)
{
	struct rig *rig = *state;

	rig->spec.path = "/nonexistent/run";
	interrupted_writes = 1;
	interrupted_reads = 2;
	assert_failure(rig, SPAWN_EXEC, ENOENT, 1);
	assert_int_equal(interrupted_reads, 0);
	/* A child that is a copy counted in its own. */
	interrupted_writes = 0;
}

static void test_spawn_read_failure_after_an_interruption_knows_success(void **state)
{
	interrupted_reads = 1;
	run(*state);
	assert_int_equal(interrupted_reads, 0);
}

static void test_spawn_program_copies_memory_only_where_it_does_not_wait(void **state)
{
	struct rig *rig = *state;
	int before = forks;

	run(rig);
	assert_int_equal(forks - before, rig->unwaited);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_BOTH(name) \
	TEST(name), \
	{ \
#name " (unwaited)", name, setup_unwaited, teardown, NULL \
	}

static const struct CMUnitTest tests[] = {
	TEST_BOTH(test_spawn_program_gets_path_directory_and_environment),
	TEST_BOTH(test_spawn_program_with_arguments_gets_them),
	TEST_BOTH(test_spawn_program_has_no_signal_blocked),
	TEST_BOTH(test_spawn_program_leads_a_session_and_a_group_of_its_own),
	TEST_BOTH(test_spawn_program_signals_of_the_old_group_are_thrown_away),
	TEST_BOTH(test_spawn_program_gets_the_lower_limit),
	TEST_BOTH(test_spawn_program_inherits_only_what_is_not_close_on_exec),
	TEST_BOTH(test_spawn_program_descriptors_arrive_from_wherever_they_are),
	TEST_BOTH(test_spawn_program_extra_descriptor_has_its_number),
	TEST_BOTH(test_spawn_program_extra_descriptor_at_a_number_of_the_failure_pipe),
	TEST_BOTH(test_spawn_program_extra_descriptor_replaces_an_inherited_one),
	TEST_BOTH(test_spawn_program_extra_descriptor_at_the_number_of_a_standard_one),
	TEST_BOTH(test_spawn_program_extra_descriptor_above_the_programs_limit_is_there),
	TEST_BOTH(test_spawn_program_on_a_terminal_is_in_the_foreground),
	TEST_BOTH(test_spawn_program_on_a_terminal_signals_of_the_old_group_are_thrown_away),
	TEST_BOTH(test_spawn_program_on_a_terminal_takes_it_from_no_other_group),
	TEST_BOTH(test_spawn_program_on_a_terminal_that_is_not_ours_starts_all_the_same),
	TEST_BOTH(test_spawn_program_on_a_terminal_missing_file_stops_at_exec),
	TEST_BOTH(test_spawn_program_on_a_terminal_without_a_group_stops_there),
	TEST_BOTH(test_spawn_program_without_a_directory_has_ours),
	TEST_BOTH(test_spawn_program_missing_file_stops_at_exec),
	TEST_BOTH(test_spawn_program_file_that_is_not_executable_stops_at_exec),
	TEST_BOTH(test_spawn_program_file_without_a_format_stops_at_exec),
	TEST_BOTH(test_spawn_program_without_a_session_of_its_own_stops_there),
	TEST_BOTH(test_spawn_program_missing_directory_stops_at_chdir),
	TEST_BOTH(test_spawn_program_bad_descriptor_stops_at_setup),
	TEST_BOTH(test_spawn_program_bad_extra_descriptor_stops_at_setup),
	TEST_BOTH(test_spawn_program_extra_number_above_our_limit_stops_at_setup),
	TEST_BOTH(test_spawn_program_without_a_descriptor_for_the_failure_pipe_says_so),
	TEST_BOTH(test_spawn_program_without_a_descriptor_to_move_to_stops_at_setup),
	TEST_BOTH(test_spawn_program_descriptors_above_2_are_not_moved_first),
	TEST_BOTH(test_spawn_program_closed_descriptors_stop_at_setup),
	TEST_BOTH(test_spawn_program_impossible_limit_stops_at_setup),
	TEST_BOTH(test_spawn_program_without_a_pipe_says_so),
	TEST_BOTH(test_spawn_program_without_a_process_stops_at_fork),
	TEST_BOTH(test_spawn_program_interrupted_reports_the_failure),
	TEST_BOTH(test_spawn_read_failure_after_an_interruption_knows_success),
	TEST_BOTH(test_spawn_program_copies_memory_only_where_it_does_not_wait),
};

int main(int argc, char **argv)
{
	const char *report = getenv("TEST_SPAWN_REPORT");

	return report ? be_the_program(argc, argv, report)
		      : cmocka_run_group_tests(tests, NULL, NULL);
}
