/* SPDX-License-Identifier: ISC */
/* termlog.c over real files of every kind, with real children. What a file system refuses that this
 * machine has not, the test refuses in its place (ld's --wrap). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "rig.h"
#include "termlog.h"
#include "tree.h"

#define PATH_SIZE 4096
#define CAUSE "web/run: PID 7 exited with status 2; its last line was: bind: Address in use"
#define OTHER_USER 65534

/* What the child and the test both see. */
static struct {
	int opens, writes;
	sem_t hangs;
} * shared;

static struct loop loop;
static struct reaper reaper;
static struct termlog termlog;
static char dir[] = "/tmp/test_termlog.XXXXXX", path[PATH_SIZE], said[4096];
static int forks;
static bool fork_fails, write_hangs;
/* What every open or write fails with; 0: it does not. */
static int open_error, write_error;
/* How many writes are interrupted first, and how many bytes one takes at most. */
static int interruptions;
static size_t write_max;
/* Called in the child before the file is opened. */
static void (*before_open)(void);

pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);

pid_t __wrap_fork(void)
{
	forks++;
	errno = EAGAIN;
	return fork_fails ? -1 : __real_fork();
}

/* (What counts the lines that are reached opens files of its own.) */
int __wrap_open(const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (strcmp(name, path) != 0)
		return __real_open(name, flags, mode);
	shared->opens++;
	if (flags & (O_CREAT | O_TRUNC | O_APPEND))
		abort();
	if (before_open)
		before_open();
	errno = open_error;
	return open_error ? -1 : __real_open(name, flags);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
	shared->writes++;
	if (write_hangs) {
		sem_post(&shared->hangs);
		for (;;)
			pause();
	}
	errno = interruptions > 0 ? EINTR : write_error;
	if (interruptions-- > 0 || write_error)
		return -1;
	return __real_write(fd, bytes, len < write_max ? len : write_max);
}

/* ---- the rig ---- */

static void on_orphan(void *ctx, pid_t pid, int status)
{
	(void)ctx;
	fail_msg("orphan %d ended with %d", (int)pid, status);
}

static void keep(void *ctx, const char *line, size_t len)
{
	size_t had = strlen(said);

	(void)ctx;
	assert_true(had + len < sizeof said);
	memcpy(said + had, line, len);
	said[had + len] = '\0';
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/log", dir);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || sem_init(&shared->hangs, 1, 0) < 0)
		return -1;
	loop = (struct loop){ .now_ms = 1000 };
	reaper_init(&reaper, on_orphan, NULL);
	memset(&termlog, 0xff, sizeof termlog);
	said[0] = '\0';
	forks = open_error = write_error = interruptions = 0;
	fork_fails = write_hangs = false;
	write_max = SIZE_MAX;
	before_open = NULL;
	log_set_level(CONFIG_LOG_INFO);
	log_set_writer(keep, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_set_writer(NULL, NULL);
	if (termlog.watch.pid > 0)
		kill(termlog.watch.pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	munmap(shared, sizeof *shared);
	return tree_remove(dir);
}

static void make_file(const char *content, mode_t mode)
{
	int fd = __real_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(__real_write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void expect_content(const char *content)
{
	char bytes[4096];
	int fd = __real_open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, bytes, sizeof bytes - 1);
	assert_true(len >= 0);
	close(fd);
	bytes[len] = '\0';
	assert_string_equal(bytes, content);
}

/* What was said is one message that ends so; "" is none. */
static void expect_said(const char *text)
{
	const char *level = strstr(said, "dinit: info: "), *end = strchr(said, '\n');

	if (!*text) {
		assert_string_equal(said, "");
		return;
	}
	assert_non_null(level);
	assert_non_null(end);
	assert_int_equal(end[1], '\0');
	assert_memory_equal(level + strlen("dinit: info: "), path, strlen(path));
	level += strlen("dinit: info: ") + strlen(path);
	assert_int_equal(end - level, strlen(text));
	assert_memory_equal(level, text, strlen(text));
	said[0] = '\0';
}

#define NOT_WRITTEN ": the cause of the end is not written there: "

static void expect_refused(const char *why)
{
	char text[1024];

	snprintf(text, sizeof text, NOT_WRITTEN "%s", why);
	expect_said(text);
}

static void begin(void)
{
	termlog_open(&termlog, &loop, &reaper, path);
}

/* Waits for the child, and has it reaped. */
static void end_child(void)
{
	siginfo_t info;

	assert_true(termlog.watch.pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)termlog.watch.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(reaper_drain(&reaper));
	assert_int_equal(termlog.watch.pid, 0);
	assert_false(termlog_is_busy(&termlog));
	assert_null(loop.first);
}

static void write_cause(void)
{
	begin();
	expect_said("");
	termlog_write(&termlog, CAUSE);
	assert_int_equal(forks, 1);
	end_child();
}

/* The file is none that is written: so it is said, and nobody opens it. */
static void expect_not_opened(const char *why)
{
	write_cause();
	assert_int_equal(shared->opens, 0);
	expect_refused(why);
}

/* ---- what is written ---- */

static void test_termlog_write_empty_file_gets_the_cause_alone(void **state)
{
	(void)state;
	make_file("", 0644);
	write_cause();
	expect_said(": the cause of the end is written there");
	expect_content(CAUSE);
	assert_int_equal(shared->writes, 1);
}

static void test_termlog_write_short_and_interrupted_writes_write_all(void **state)
{
	(void)state;
	make_file("", 0666);
	write_max = 3;
	interruptions = 2;
	write_cause();
	expect_said(": the cause of the end is written there");
	expect_content(CAUSE);
}

static void test_termlog_write_second_cause_is_not_written(void **state)
{
	(void)state;
	make_file("", 0644);
	write_cause();
	said[0] = '\0';
	termlog_write(&termlog, "another");
	assert_int_equal(forks, 1);
	assert_false(termlog_is_busy(&termlog));
	expect_content(CAUSE);
	expect_said("");
}

static void test_termlog_write_below_info_says_nothing(void **state)
{
	(void)state;
	log_set_level(CONFIG_LOG_WARN);
	make_file("something", 0644);
	write_cause();
	expect_said("");
}

/* ---- which file ---- */

static void test_termlog_open_absent_file_is_said_and_needs_no_child(void **state)
{
	(void)state;
	begin();
	expect_refused(strerror(ENOENT));
	termlog_write(&termlog, CAUSE);
	assert_int_equal(forks, 0);
	assert_false(termlog_is_busy(&termlog));
	assert_int_equal(access(path, F_OK), -1);
	expect_said("");
}

static void test_termlog_open_usual_file_absent_says_nothing(void **state)
{
	(void)state;
	strcpy(path, "/dev/termination-log");
	rig_need(access(path, F_OK) < 0, "there is a /dev/termination-log: delete it");
	begin();
	termlog_write(&termlog, CAUSE);
	assert_int_equal(forks, 0);
	expect_said("");
}

static void test_termlog_open_path_that_leads_nowhere_is_said(void **state)
{
	(void)state;
	make_file("", 0644);
	strcat(path, "/below");
	begin();
	expect_refused(strerror(ENOTDIR));
	memset(path, 'x', sizeof path - 1);
	path[600] = '\0';
	begin();
	expect_refused(strerror(ENAMETOOLONG));
}

static void test_termlog_write_file_that_vanished_is_not_made(void **state)
{
	(void)state;
	make_file("", 0644);
	begin();
	assert_int_equal(unlink(path), 0);
	termlog_write(&termlog, CAUSE);
	end_child();
	expect_refused(strerror(ENOENT));
	assert_int_equal(access(path, F_OK), -1);
}

static void test_termlog_write_file_that_is_not_empty_stays_as_it_is(void **state)
{
	(void)state;
	make_file("x", 0644);
	expect_not_opened("it is not empty");
	expect_content("x");
}

static void test_termlog_write_fifo_is_not_opened(void **state)
{
	struct pollfd reader = { .events = POLLIN };

	(void)state;
	assert_int_equal(mkfifo(path, 0666), 0);
	expect_not_opened("it is no regular file");
	/* Also where somebody reads it. */
	reader.fd = __real_open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader.fd >= 0);
	forks = 0;
	expect_not_opened("it is no regular file");
	assert_int_equal(poll(&reader, 1, 0), 0);
	close(reader.fd);
}

static void test_termlog_write_device_is_not_opened(void **state)
{
	static const char *const devices[] = { "/dev/null", "/dev/full", "/dev/zero", "/dev/tty" };

	(void)state;
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		strcpy(path, devices[i]);
		forks = 0;
		expect_not_opened("it is no regular file");
	}
}

static void test_termlog_write_symbolic_link_is_not_followed(void **state)
{
	char link[PATH_SIZE];

	(void)state;
	make_file("", 0644);
	strcpy(link, path);
	strcat(path, "-link");
	assert_int_equal(symlink(link, path), 0);
	expect_not_opened("it is no regular file");
	expect_content("");
	/* One that leads nowhere makes nothing there either. */
	assert_int_equal(unlink(link), 0);
	forks = 0;
	expect_not_opened("it is no regular file");
	assert_int_equal(access(link, F_OK), -1);
}

static void test_termlog_write_below_a_linked_directory_is_written(void **state)
{
	(void)state;
	make_file("", 0644);
	snprintf(path, sizeof path, "%s/link", dir);
	assert_int_equal(symlink(".", path), 0);
	strcat(path, "/log");
	write_cause();
	expect_content(CAUSE);
}

static void test_termlog_write_directory_is_not_opened(void **state)
{
	(void)state;
	strcpy(path, dir);
	expect_not_opened("it is no regular file");
}

static void test_termlog_write_socket_is_not_opened(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(strlen(path) < sizeof address.sun_path);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	expect_not_opened("it is no regular file");
}

/* ---- a file that is another one when it is opened ---- */

static void replace_by_link(void)
{
	char other[PATH_SIZE];

	snprintf(other, sizeof other, "%s/other", dir);
	if (rename(path, other) < 0 || symlink(other, path) < 0)
		abort();
}

static void replace_by_fifo(void)
{
	if (unlink(path) < 0 || mkfifo(path, 0666) < 0)
		abort();
}

static void fill_up(void)
{
	if (truncate(path, 3) < 0)
		abort();
}

static void replace_by_device(void)
{
	/* /dev/null */
	if (unlink(path) < 0 || mknod(path, S_IFCHR | 0666, 1 << 8 | 3) < 0)
		_exit(EPERM);
}

static void test_termlog_write_file_is_another_one_when_opened_is_not_written(void **state)
{
	static const struct {
		void (*replace)(void);
		int error;
		const char *why;
	} cases[] = {
		{ replace_by_link, ELOOP, NULL },
		{ replace_by_fifo, ENXIO, NULL },
		{ fill_up, 0, "it is not empty" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unlink(path);
		make_file("", 0644);
		before_open = cases[i].replace;
		forks = 0;
		write_cause();
		assert_int_equal(shared->writes, 0);
		expect_refused(cases[i].why ? cases[i].why : strerror(cases[i].error));
	}
}

static void test_termlog_write_file_is_a_device_when_opened_is_not_written(void **state)
{
	(void)state;
	make_file("", 0644);
	before_open = replace_by_device;
	write_cause();
	rig_need(!strstr(said, strerror(EPERM)), "no device can be made here: run as root");
	assert_int_equal(shared->writes, 0);
	expect_refused("it is no regular file");
}

/* ---- what fails ---- */

static void test_termlog_write_no_permission_is_said(void **state)
{
	(void)state;
	rig_need(geteuid() == 0 && rig_can_take_user(), RIG_WHY_USER);
	make_file("", 0644);
	assert_int_equal(seteuid(OTHER_USER), 0);
	begin();
	termlog_write(&termlog, CAUSE);
	assert_int_equal(seteuid(0), 0);
	end_child();
	expect_refused(strerror(EACCES));
	expect_content("");
}

static void test_termlog_write_other_user_may_write_is_written(void **state)
{
	(void)state;
	rig_need(geteuid() == 0 && rig_can_take_user(), RIG_WHY_USER);
	make_file("", 0666);
	assert_int_equal(seteuid(OTHER_USER), 0);
	begin();
	termlog_write(&termlog, CAUSE);
	assert_int_equal(seteuid(0), 0);
	end_child();
	expect_content(CAUSE);
}

static void test_termlog_write_failing_open_is_said(void **state)
{
	static const int errors[] = { EACCES, EIO,    EINTR, EISDIR, EMFILE, ENFILE,
				      ENOMEM, ENOSPC, EPERM, EROFS,  ESTALE, ETXTBSY };

	(void)state;
	make_file("", 0644);
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		open_error = errors[i];
		forks = 0;
		write_cause();
		expect_refused(strerror(errors[i]));
	}
	expect_content("");
}

static void test_termlog_write_failing_write_is_said(void **state)
{
	static const int errors[] = { EAGAIN, EDQUOT, EFBIG, EIO, ENOSPC, EPERM, ESTALE };

	(void)state;
	make_file("", 0644);
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		write_error = errors[i];
		forks = 0;
		write_cause();
		expect_refused(strerror(errors[i]));
	}
	expect_content("");
}

static void test_termlog_write_no_process_is_said(void **state)
{
	(void)state;
	make_file("", 0644);
	fork_fails = true;
	begin();
	termlog_write(&termlog, CAUSE);
	assert_false(termlog_is_busy(&termlog));
	expect_refused(strerror(EAGAIN));
	/* Nor is it tried again. */
	fork_fails = false;
	termlog_write(&termlog, CAUSE);
	assert_int_equal(forks, 1);
	expect_content("");
}

/* SIGXFSZ is blocked in dinit, as every signal is that means no fault. */
static void test_termlog_write_limit_of_file_sizes_is_said(void **state)
{
	struct rlimit old, low;
	sigset_t signals;

	(void)state;
	make_file("", 0644);
	sigemptyset(&signals);
	sigaddset(&signals, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){ .rlim_cur = 7, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	begin();
	termlog_write(&termlog, CAUSE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	end_child();
	expect_refused(strerror(EFBIG));
	expect_content("web/run");
}

/* Mounts a file system with room for one page on the directory, in a mount namespace of our
 * own. */
static void mount_small(void)
{
	rig_need(rig_can_mount(), RIG_WHY_NAMESPACES);
	forks = 0;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", dir, "tmpfs", 0, "size=4k,mode=0755"), 0);
}

static void test_termlog_write_full_disk_is_said(void **state)
{
	char *name = path + strlen(path) - 3, page[4096] = "";
	int fd;

	(void)state;
	mount_small();
	strcpy(name, "fil");
	make_file("", 0644);
	fd = __real_open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(__real_write(fd, page, sizeof page), sizeof page);
	close(fd);
	strcpy(name, "log");
	make_file("", 0644);
	write_cause();
	expect_refused(strerror(ENOSPC));
	expect_content("");
	assert_int_equal(umount(dir), 0);
}

static void test_termlog_write_read_only_file_system_is_said(void **state)
{
	(void)state;
	mount_small();
	make_file("", 0644);
	assert_int_equal(mount("none", dir, "", MS_REMOUNT | MS_RDONLY, NULL), 0);
	write_cause();
	expect_refused(strerror(EROFS));
	assert_int_equal(umount(dir), 0);
}

/* ---- a child that does not end ---- */

static void hang(void)
{
	make_file("", 0644);
	write_hangs = true;
	begin();
	termlog_write(&termlog, CAUSE);
	while (sem_wait(&shared->hangs) < 0)
		;
	assert_true(reaper_drain(&reaper));
}

static void test_termlog_is_busy_child_hangs_gives_up_after_a_second(void **state)
{
	siginfo_t info;

	(void)state;
	hang();
	/* Nobody has waited so far, however long it took. */
	loop.now_ms += 100000;
	assert_null(loop.first);
	assert_true(termlog_is_busy(&termlog));
	assert_ptr_equal(loop.first, &termlog.timer);
	assert_int_equal(termlog.timer.due_ms, loop.now_ms + TERMLOG_WAIT_MS);
	loop.now_ms += TERMLOG_WAIT_MS - 1;
	assert_true(termlog_is_busy(&termlog));
	assert_int_equal(termlog.timer.due_ms, loop.now_ms + 1);
	expect_said("");
	loop_timer_stop(&loop, &termlog.timer);
	termlog.timer.on_due(termlog.timer.ctx);
	assert_false(termlog_is_busy(&termlog));
	expect_refused("it takes too long, and dinit does not wait for it");
	/* It is killed, and its end is nothing new. */
	assert_int_equal(waitid(P_PID, (id_t)termlog.watch.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_status, SIGKILL);
	assert_false(reaper_drain(&reaper));
	assert_false(termlog_is_busy(&termlog));
	expect_said("");
}

static void test_termlog_is_busy_child_ends_in_time_is_over(void **state)
{
	(void)state;
	hang();
	assert_true(termlog_is_busy(&termlog));
	kill(termlog.watch.pid, SIGKILL);
	end_child();
	assert_non_null(
		strstr(said, NOT_WRITTEN "the process that writes it was killed by signal 9"));
}

static void test_termlog_write_child_is_none_that_a_teardown_waits_for(void **state)
{
	(void)state;
	hang();
	assert_true(reaper_find(&reaper, termlog.watch.pid)->unwaited);
}

static void test_termlog_write_child_that_hangs_holds_nothing_open(void **state)
{
	int ends[2];
	struct pollfd reader = { 0 };

	(void)state;
	rig_need(syscall(SYS_close_range, ~0U, ~0U, 0) == 0,
		 "before Linux 5.9 a child keeps what is open: use a newer kernel");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(dup2(ends[1], STDIN_FILENO), STDIN_FILENO);
	hang();
	close(ends[1]);
	close(STDIN_FILENO);
	reader.fd = ends[0];
	assert_int_equal(poll(&reader, 1, 0), 1);
	assert_true(reader.revents & POLLHUP);
	close(ends[0]);
	assert_int_equal(__real_open("/dev/null", O_RDONLY), STDIN_FILENO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_termlog_write_empty_file_gets_the_cause_alone),
		TEST(test_termlog_write_short_and_interrupted_writes_write_all),
		TEST(test_termlog_write_second_cause_is_not_written),
		TEST(test_termlog_write_below_info_says_nothing),
		TEST(test_termlog_open_absent_file_is_said_and_needs_no_child),
		TEST(test_termlog_open_usual_file_absent_says_nothing),
		TEST(test_termlog_open_path_that_leads_nowhere_is_said),
		TEST(test_termlog_write_file_that_vanished_is_not_made),
		TEST(test_termlog_write_file_that_is_not_empty_stays_as_it_is),
		TEST(test_termlog_write_fifo_is_not_opened),
		TEST(test_termlog_write_device_is_not_opened),
		TEST(test_termlog_write_symbolic_link_is_not_followed),
		TEST(test_termlog_write_below_a_linked_directory_is_written),
		TEST(test_termlog_write_directory_is_not_opened),
		TEST(test_termlog_write_socket_is_not_opened),
		TEST(test_termlog_write_file_is_another_one_when_opened_is_not_written),
		TEST(test_termlog_write_file_is_a_device_when_opened_is_not_written),
		TEST(test_termlog_write_no_permission_is_said),
		TEST(test_termlog_write_other_user_may_write_is_written),
		TEST(test_termlog_write_failing_open_is_said),
		TEST(test_termlog_write_failing_write_is_said),
		TEST(test_termlog_write_no_process_is_said),
		TEST(test_termlog_write_limit_of_file_sizes_is_said),
		TEST(test_termlog_write_full_disk_is_said),
		TEST(test_termlog_write_read_only_file_system_is_said),
		TEST(test_termlog_is_busy_child_hangs_gives_up_after_a_second),
		TEST(test_termlog_is_busy_child_ends_in_time_is_over),
		TEST(test_termlog_write_child_is_none_that_a_teardown_waits_for),
		TEST(test_termlog_write_child_that_hangs_holds_nothing_open),
	};

	return cmocka_run_group_tests_name("termlog", tests, NULL, NULL);
}
