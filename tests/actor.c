/* SPDX-License-Identifier: ISC */
/* Plays the services and logging programs of the scenario tests of what dinit does with lines:
 * what a shell script would do too slowly, or without knowing when it has happened. Scripts find
 * it as $ACTOR; what it has to tell the test, and not dinit, it writes to the FIFO $REPORT, a
 * line each.
 *
 * 	count FD KIND N [unfinished]	writes the numbers 1 to N, the last without its newline
 * 					where it says so
 * 	flood FD KIND			writes numbers until it is killed
 * 	stall FD KIND N NAME		the same as count; reports "stalled NAME" once nobody takes
 * 					any more of it, and "written NAME"
 * 	handle FD KIND N NAME		reports "ready NAME", waits for TERM, reports "term NAME
 * 					<nanoseconds>", counts
 * 	until SIGNAL BEFORE AFTER	runs the shell script BEFORE, waits for the signal (TERM or
 * 					USR1), which may have come already, and becomes the script
 * 					AFTER, which ignores it
 * 	gate FILE FD KIND N		the same as count unfinished, when it gets a shared lock on
 * 					the file
 * 	drip FILE			writes the file to stdout, each byte when the one before has
 * 					been read
 * 	split FILE			writes the file to stdout once for each place it can be cut
 * 					at, in two parts, each when the one before has been read; a
 * 					newline goes before the first
 * 	drained				waits until all of stdout has been read
 * 	take N STATUS			copies N lines of stdin to stdout behind "took ", reads no
 * 					byte more, exits
 * 	zombies N NAME			leaves N children of a child behind, reports "reaped NAME"
 * 					when they are gone
 * 	corpses N NAME			the same, but they have ended before they lose their parent;
 * 					waits
 * 	brief N NAME			N times an orphan that lives 3 ms, told to its parent;
 * 					reports "brief NAME quick" if each had been reaped within 9
 * 					ms, else "brief NAME slow"; waits
 * 	chain N NAME			waits as a chain of N processes, each the child of the one
 * 					before; the last one reports "chained NAME"
 * 	leave-chain N NAME		leaves such a chain behind once it is complete
 * 	stopped				leaves a child that has stopped itself; it says "continued"
 * 					should it go on
 * 	vforked				waits for a vfork child, which waits
 * 	stuck FILE			leaves a child behind once a thread of it waits for the
 * 					file's server (deadfs.c) and another one for, or with, the
 * 					lock of its memory
 * 	bare				leaves a child behind that has no memory, and ignores TERM
 * 	moving N MS KIND FD...		writes numbered lines to each descriptor (fd3 1 or
 * 					{"fd":3,"n":1}), one write each, MS apart, until N after 1
 * 					and 2 are replaced; says "moved <last number>"
 * 	ping FIFO			for each line of the FIFO a line "ping <nanoseconds>" to
 * 					stdout
 * 	flags FD NAME			reports "flags NAME <F_GETFL in octal>"
 * 	report WORD...			reports these words
 * 	wait				until a signal ends it
 * 	exit STATUS
 * 	sh SCRIPT			becomes a shell
 *
 * What may stand before a command, in any number:
 * 	orphaned			in a child whose parent has ended
 * 	adopted				once the descriptors 1 and 2 that it was started with have
 * 					been replaced
 * 	discarding			makes 1 and 2 /dev/null, goes on once they have been
 * 					replaced
 * 	deaf				ignores TERM
 * 	as UID				as that user and group
 * 	headless			in a second thread, after the end of the first
 *
 * KIND is json ({"n":1}) or text (1). Time is that of CLOCK_MONOTONIC. */
#include "play.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH_SIZE 65536
/* far longer than a reader that is alive keeps anybody waiting */
#define STALLED_MS 300

static void report(const char *what, const char *name)
{
	const char *path = getenv("REPORT");
	char line[512];
	int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	int len = snprintf(line, sizeof line, "%s%s%s\n", what, name ? " " : "", name ? name : "");

	if (fd < 0)
		play_die("REPORT");
	play_write_all(fd, line, (size_t)len);
	close(fd);
}

/* ---- numbers ---- */

struct batch {
	int fd;
	/* what stands around a number */
	const char *before, *after;
	/* whose stalling is to be reported, once */
	const char *stalls;
	size_t len;
	char bytes[BATCH_SIZE];
};

static struct batch batch;

static void open_batch(const char *fd, const char *kind)
{
	bool json = strcmp(kind, "json") == 0;

	batch.fd = (int)play_number(fd);
	batch.before = json ? "{\"n\":" : "";
	batch.after = json ? "}\n" : "\n";
}

/* A pipe that polls writable takes a page without blocking (pipe(7), PIPE_BUF). */
static void write_watched(void)
{
	struct pollfd writable = { .fd = batch.fd, .events = POLLOUT };

	for (size_t at = 0; at < batch.len;) {
		size_t len = batch.len - at < 4096 ? batch.len - at : 4096;

		if (batch.stalls && poll(&writable, 1, STALLED_MS) == 0) {
			report("stalled", batch.stalls);
			batch.stalls = NULL;
		}
		play_write_all(batch.fd, batch.bytes + at, len);
		at += len;
	}
	batch.len = 0;
}

static void flush_batch(void)
{
	if (batch.stalls) {
		write_watched();
		return;
	}
	play_write_all(batch.fd, batch.bytes, batch.len);
	batch.len = 0;
}

static char *put_number(char *at, unsigned long n)
{
	char digits[24];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	while (len > 0)
		*at++ = digits[--len];
	return at;
}

static void put_line(unsigned long n)
{
	char *at = batch.bytes + batch.len;

	at = stpcpy(at, batch.before);
	at = put_number(at, n);
	at = stpcpy(at, batch.after);
	batch.len = (size_t)(at - batch.bytes);
	if (batch.len > BATCH_SIZE - 64)
		flush_batch();
}

static void count(unsigned long n, bool unfinished)
{
	for (unsigned long i = 1; i <= n; i++)
		put_line(i);
	if (unfinished && batch.len > 0)
		batch.len--;
	flush_batch();
}

static void flood(void)
{
	for (unsigned long i = 1;; i++)
		put_line(i);
}

static void stall(unsigned long n, const char *name)
{
	batch.stalls = name;
	count(n, false);
	report("written", name);
}

static void handle(unsigned long n, const char *name)
{
	char text[64];
	sigset_t term;
	int signal;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	report("ready", name);
	sigwait(&term, &signal);
	snprintf(text, sizeof text, "term %s %" PRIu64, name, play_now_ns());
	report(text, NULL);
	count(n, false);
}

static void run_script(const char *script, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid == 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	}
	if (pid <= 0 || waitpid(pid, NULL, 0) < 0)
		play_die("a script");
}

static void until(const char *name, const char *before, const char *after)
{
	sigset_t awaited, mask;
	int signal_number = strcmp(name, "USR1") == 0 ? SIGUSR1 : SIGTERM;

	sigemptyset(&awaited);
	sigaddset(&awaited, signal_number);
	sigprocmask(SIG_BLOCK, &awaited, &mask);
	run_script(before, &mask);
	sigwait(&awaited, &signal_number);
	signal(signal_number, SIG_IGN);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	execl("/bin/sh", "sh", "-c", after, (char *)NULL);
	play_die("a script");
}

static void gate(const char *path, unsigned long n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		play_die(path);
	count(n, true);
}

/* ---- bytes at the reader's pace ---- */

static void wait_until_read(void)
{
	int left;

	while (ioctl(STDOUT_FILENO, FIONREAD, &left) == 0 && left > 0)
		sched_yield();
}

static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *bytes;

	if (fd < 0 || fstat(fd, &status) < 0)
		play_die(path);
	*len = (size_t)status.st_size;
	bytes = malloc(*len);
	if (!bytes || read(fd, bytes, *len) != (ssize_t)*len)
		play_die(path);
	close(fd);
	return bytes;
}

static void drip(const char *path)
{
	size_t len;
	char *bytes = read_file(path, &len);

	for (size_t i = 0; i < len; i++) {
		play_write_all(STDOUT_FILENO, bytes + i, 1);
		wait_until_read();
	}
	free(bytes);
}

static void split(const char *path)
{
	size_t len;
	char *bytes = read_file(path, &len);

	for (size_t i = 1; i < len; i++) {
		play_write_all(STDOUT_FILENO, "\n", 1);
		play_write_all(STDOUT_FILENO, bytes, i);
		wait_until_read();
		play_write_all(STDOUT_FILENO, bytes + i, len - i);
		wait_until_read();
	}
	free(bytes);
}

/* ---- the others ---- */

static void take(unsigned long lines)
{
	char byte, before = '\n';

	while (lines > 0 && read(STDIN_FILENO, &byte, 1) == 1) {
		if (before == '\n')
			play_write_all(STDOUT_FILENO, "took ", 5);
		play_write_all(STDOUT_FILENO, &byte, 1);
		before = byte;
		lines -= byte == '\n';
	}
}

/* The grandchildren end when go is closed by the last other process that holds it, and then they
 * are nobody's but dinit's. */
static void leave_orphans(const int go[2], size_t n, pid_t *pids)
{
	char byte;

	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			play_die("fork");
		if (pid == 0) {
			close(go[1]);
			_exit(read(go[0], &byte, 1) < 0);
		}
		pids[i] = pid;
	}
	_exit(0);
}

static void zombies(size_t n, const char *name)
{
	pid_t *pids = mmap(NULL, n * sizeof *pids, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	      child;
	int go[2];

	if (pids == MAP_FAILED || pipe(go) < 0)
		play_die("zombies");
	child = fork();
	if (child == 0)
		leave_orphans(go, n, pids);
	if (child < 0 || waitpid(child, NULL, 0) < 0)
		play_die("a child");
	close(go[1]);
	for (size_t i = 0; i < n; i++)
		while (kill(pids[i], 0) == 0)
			sched_yield();
	report("reaped", name);
}

static void ping(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char line[64], byte;

	while (read(fd, &byte, 1) == 1) {
		int len;

		if (byte != '\n')
			continue;
		len = snprintf(line, sizeof line, "ping %" PRIu64 "\n", play_now_ns());
		play_write_all(STDOUT_FILENO, line, (size_t)len);
	}
}

static void flags(const char *fd, const char *name)
{
	char text[128];

	snprintf(text, sizeof text, "flags %s %o", name,
		 (unsigned)fcntl((int)play_number(fd), F_GETFL));
	report(text, NULL);
}

/* ---- orphans ---- */

static void corpses(size_t n, const char *name)
{
	pid_t *pids = mmap(NULL, n * sizeof *pids, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pids == MAP_FAILED)
		play_die("corpses");
	play_leave_behind(1, (unsigned)n, play_end_at_once, true, pids);
	for (size_t i = 0; i < n; i++)
		while (kill(pids[i], 0) == 0)
			sched_yield();
	report("reaped", name);
	pause();
}

/* Goes on in a child that has lost its parent. */
static void become_orphan(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		play_die("fork");
	if (pid > 0)
		_exit(0);
	while (getppid() == parent)
		sched_yield();
}

/* Nobody tells dinit of an orphan; a SIGCHLD makes it look. Where it has just looked it does so
 * only 10 ms later. */
static bool live_briefly(pid_t dinit)
{
	volatile pid_t *orphan = mmap(NULL, sizeof *orphan, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t start;
	pid_t child;

	if (orphan == MAP_FAILED)
		play_die("mmap");
	poll(NULL, 0, 15);
	start = play_now_ns();
	child = fork();
	if (child < 0)
		play_die("fork");
	if (child == 0) {
		become_orphan();
		*orphan = getpid();
		kill(dinit, SIGCHLD);
		poll(NULL, 0, 3);
		_exit(0);
	}
	if (waitpid(child, NULL, 0) < 0)
		play_die("a child");
	while (*orphan == 0 || kill(*orphan, 0) == 0)
		sched_yield();
	return play_now_ns() - start < 9000000;
}

static void brief(size_t n, const char *name)
{
	char text[64];
	bool quick = true;
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (size_t i = 0; i < n && quick; i++)
		quick = live_briefly(getppid());
	snprintf(text, sizeof text, "brief %s %s", name, quick ? "quick" : "slow");
	report(text, NULL);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	pause();
}

/* ready_fd: gets a byte when the chain is complete; -1: nobody waits for that. */
static void chain(unsigned long n, const char *name, int ready_fd)
{
	for (; n > 1; n--) {
		pid_t pid = fork();

		if (pid < 0)
			play_die("fork");
		if (pid > 0)
			pause();
	}
	report("chained", name);
	if (ready_fd >= 0 && write(ready_fd, "r", 1) != 1)
		play_die("write");
	pause();
}

/* It is an orphan only when it is complete: its first process might be terminated before that. */
static void leave_chain(unsigned long n, const char *name)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe(ready) < 0)
		play_die("pipe");
	pid = fork();
	if (pid < 0)
		play_die("fork");
	if (pid == 0)
		chain(n, name, ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		play_die("read");
}

static void leave_stopped(void)
{
	pid_t pid = fork();

	if (pid < 0)
		play_die("fork");
	if (pid == 0) {
		raise(SIGSTOP);
		play_write_all(STDOUT_FILENO, "continued\n", 10);
		pause();
		_exit(0);
	}
	if (waitpid(pid, NULL, WUNTRACED) < 0)
		play_die("a child");
}

static void wait_in_vfork(void)
{
	if (vfork() == 0)
		for (;;)
			pause();
}

/* Each time it takes the lock of the process's memory, and then waits for those who use the
 * mapping. */
static void *change_mapping(void *page)
{
	while (madvise(page, 1, MADV_DONTFORK) == 0 && madvise(page, 1, MADV_DOFORK) == 0)
		;
	play_die("madvise");
	return NULL;
}

/* Who writes to a page that is being written back waits for the end of that; meanwhile it shares
 * the lock of the process's memory (older kernels) or has a lock of the mapping. */
static void *write_twice(void *argument)
{
	const char *path = argument;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_t thread;

	if (fd < 0 || page == MAP_FAILED)
		play_die(path);
	*page = 1;
	if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) < 0)
		play_die("sync_file_range");
	if (pthread_create(&thread, NULL, change_mapping, page) != 0)
		play_die("pthread_create");
	*page = 2;
	return NULL;
}

/* Counts the threads of a process that are in that state (proc(5)). */
static size_t count_threads(pid_t pid, char state)
{
	char path[300], stat[512];
	const struct dirent *entry;
	size_t count = 0;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		play_die(path);
	while ((entry = readdir(tasks))) {
		const char *name_end;
		ssize_t len;
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? 0 : read(fd, stat, sizeof stat - 1);
		close(fd);
		stat[len > 0 ? len : 0] = '\0';
		name_end = strrchr(stat, ')');
		count += name_end && name_end[1] == ' ' && name_end[2] == state;
	}
	closedir(tasks);
	return count;
}

static void leave_stuck(char *path)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid < 0)
		play_die("fork");
	if (pid == 0) {
		if (pthread_create(&thread, NULL, write_twice, path) != 0)
			play_die("pthread_create");
		for (;;)
			pause();
	}
	while (count_threads(pid, 'D') < 2)
		poll(NULL, 0, 1);
}

static int be_bare(void *unused)
{
	(void)unused;
	while (pause() < 0)
		;
	return 0;
}

/* Leaves a child behind that has no memory, and so does not end of itself: it waits within the
 * kernel, while its parent, with which it shares the memory, does away with it and dies of that. */
static void leave_bare(void)
{
	static char stack[65536];
	const struct rlimit none = { 0, 0 };
	pid_t pid;

	/* (A core dump would kill both.) */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGTERM, SIG_IGN);
	pid = clone(be_bare, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
	if (pid < 0)
		play_die("clone");
	while (count_threads(pid, 'S') == 0)
		poll(NULL, 0, 1);
	/* As much as there is on this processor. */
	for (size_t bits = 8 * sizeof(long) - 1; bits >= 30; bits--)
		syscall(SYS_munmap, 0UL, (1UL << bits) - 4096);
	play_die("munmap");
}

/* What descriptors 1 and 2 were. */
static struct stat initial[3];

static void note_descriptors(void)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &initial[fd]) < 0)
			initial[fd].st_ino = 0;
}

static bool is_moved(void)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat now;

		if (fstat(fd, &now) < 0 ||
		    (now.st_dev == initial[fd].st_dev && now.st_ino == initial[fd].st_ino))
			return false;
	}
	return true;
}

static void wait_until_moved(void)
{
	while (!is_moved())
		poll(NULL, 0, 1);
}

static void discard(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		play_die("/dev/null");
	close(fd);
	note_descriptors();
	wait_until_moved();
}

static void keep_writing(unsigned long more, int pause_ms, bool json, char **fds)
{
	unsigned long last = 0;
	char text[64];

	for (unsigned long n = 1; last == 0 || n <= last; n++) {
		for (char **fd = fds; *fd; fd++) {
			bool object = json && (play_number(*fd) & 1);
			int len =
				snprintf(text, sizeof text,
					 object ? "{\"fd\":%s,\"n\":%lu}\n" : "fd%s %lu\n", *fd, n);

			play_write_all((int)play_number(*fd), text, (size_t)len);
		}
		if (last == 0 && is_moved())
			last = n + more;
		if (pause_ms > 0)
			poll(NULL, 0, pause_ms);
	}
	snprintf(text, sizeof text, "moved %lu", last);
	report(text, NULL);
}

static void take_user(uid_t user)
{
	if (setgid(user) < 0 || setuid(user) < 0)
		play_die("setuid");
}

static void report_words(char **words)
{
	char text[256] = "";

	for (; *words; words++) {
		strncat(text, *words, sizeof text - strlen(text) - 1);
		if (words[1])
			strncat(text, " ", sizeof text - strlen(text) - 1);
	}
	report(text, NULL);
}

static bool is(char **arguments, const char *command, size_t count)
{
	size_t given = 0;

	while (arguments[given])
		given++;
	return given > count && strcmp(arguments[0], command) == 0;
}

static int play_numbers(char **arguments)
{
	if (is(arguments, "gate", 4)) {
		open_batch(arguments[2], arguments[3]);
		gate(arguments[1], play_number(arguments[4]));
		return 0;
	}
	if (!is(arguments, arguments[0], 2))
		return -1;
	open_batch(arguments[1], arguments[2]);
	if (is(arguments, "count", 3))
		count(play_number(arguments[3]), arguments[4] != NULL);
	else if (is(arguments, "flood", 2))
		flood();
	else if (is(arguments, "stall", 4))
		stall(play_number(arguments[3]), arguments[4]);
	else if (is(arguments, "handle", 4))
		handle(play_number(arguments[3]), arguments[4]);
	else
		return -1;
	return 0;
}

static int play_others(char **arguments)
{
	if (is(arguments, "drip", 1))
		drip(arguments[1]);
	else if (is(arguments, "split", 1))
		split(arguments[1]);
	else if (is(arguments, "drained", 0))
		wait_until_read();
	else if (is(arguments, "zombies", 2))
		zombies(play_number(arguments[1]), arguments[2]);
	else if (is(arguments, "ping", 1))
		ping(arguments[1]);
	else if (is(arguments, "flags", 2))
		flags(arguments[1], arguments[2]);
	else if (is(arguments, "report", 1))
		report_words(arguments + 1);
	else if (is(arguments, "until", 3))
		until(arguments[1], arguments[2], arguments[3]);
	else if (is(arguments, "wait", 0))
		pause();
	else
		return -1;
	return 0;
}

static int play_orphans(char **arguments)
{
	if (is(arguments, "corpses", 2))
		corpses(play_number(arguments[1]), arguments[2]);
	else if (is(arguments, "brief", 2))
		brief(play_number(arguments[1]), arguments[2]);
	else if (is(arguments, "chain", 2))
		chain(play_number(arguments[1]), arguments[2], -1);
	else if (is(arguments, "leave-chain", 2))
		leave_chain(play_number(arguments[1]), arguments[2]);
	else if (is(arguments, "stopped", 0))
		leave_stopped();
	else if (is(arguments, "vforked", 0))
		wait_in_vfork();
	else if (is(arguments, "bare", 0))
		leave_bare();
	else if (is(arguments, "stuck", 1))
		leave_stuck(arguments[1]);
	else if (is(arguments, "moving", 4))
		keep_writing(play_number(arguments[1]), (int)play_number(arguments[2]),
			     strcmp(arguments[3], "json") == 0, arguments + 4);
	else if (is(arguments, "exit", 1))
		exit((int)play_number(arguments[1]));
	else if (is(arguments, "sh", 1))
		execl("/bin/sh", "sh", "-c", arguments[1], (char *)NULL);
	else
		return -1;
	return 0;
}

static int play(char **arguments);

static void *play_in_thread(void *arguments)
{
	exit(play(arguments));
}

static void leave_head(char **arguments)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, play_in_thread, arguments) != 0)
		play_die("pthread_create");
	pthread_exit(NULL);
}

/* Returns what stands behind the words that say how to play it. */
static char **prepare(char **arguments)
{
	for (;; arguments++) {
		if (is(arguments, "orphaned", 1)) {
			become_orphan();
		} else if (is(arguments, "adopted", 1)) {
			wait_until_moved();
		} else if (is(arguments, "discarding", 1)) {
			discard();
		} else if (is(arguments, "deaf", 1)) {
			signal(SIGTERM, SIG_IGN);
		} else if (is(arguments, "as", 2)) {
			take_user((uid_t)play_number(arguments[1]));
			arguments++;
		} else if (is(arguments, "headless", 1)) {
			leave_head(arguments + 1);
		} else {
			return arguments;
		}
	}
}

static int play(char **arguments)
{
	arguments = prepare(arguments);
	if (is(arguments, "take", 2)) {
		take(play_number(arguments[1]));
		return (int)play_number(arguments[2]);
	}
	if (play_numbers(arguments) == 0 || play_others(arguments) == 0 ||
	    play_orphans(arguments) == 0)
		return 0;
	fprintf(stderr, "actor: what is %s?\n", arguments[0] ? arguments[0] : "that");
	return 98;
}

int main(int argc, char **argv)
{
	note_descriptors();
	return play(argv + (argc > 0));
}
