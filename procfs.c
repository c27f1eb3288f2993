/* SPDX-License-Identifier: ISC */
/* Owns the reading of /proc: paths below its root, the syntax of its files, and making what a
 * process says about itself (its name, its arguments) harmless to print. Does not own what
 * follows from it: who is an orphan, what is done to it. Invariant: every read is bounded, only
 * positive pids reach a caller (who may signal them), and no control byte that a process chose
 * leaves unescaped. */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "printable.h"

/* How much of a list is read at once: the kernel hands out a page at a time. */
#define CHILDREN_SIZE 4096
/* Room for everything up to start_time, were all its numbers as long as can be. */
#define STAT_SIZE 1024
/* Room for the status of a process in some hundred groups, which stand before what is needed. */
#define STATUS_SIZE 8192
/* Room for the number that comes first in the file syscall. */
#define SYSCALL_SIZE 24
/* How much of the arguments is looked at: as much as a path can be long. */
#define ARGS_SIZE 4096
/* How many threads of one process are looked at. */
#define THREADS_MAX 4096
/* The kernel's PF_EXITING, in the flags of proc(5). */
#define FLAG_EXITING 4

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Returns number with one more digit; saturates, so that a number too large for its type is still
 * too large afterwards. */
static uint64_t append_digit(uint64_t number, char digit)
{
	uint64_t value = (uint64_t)(digit - '0');

	return number > (UINT64_MAX - value) / 10 ? UINT64_MAX : number * 10 + value;
}

/* Reads digits, and moves *at behind them. */
static uint64_t take_number(const char **at)
{
	uint64_t number = 0;

	for (; is_digit(**at); (*at)++)
		number = append_digit(number, **at);
	return number;
}

int procfs_parse_number(const char *text)
{
	const char *end = text;
	uint64_t number = take_number(&end);

	return end > text && *end == '\0' && number <= INT_MAX ? (int)number : -1;
}

int procfs_format_path(const struct procfs *proc, pid_t pid, char path[PROCFS_PATH_SIZE],
		       const char *format, ...)
{
	int len = snprintf(path, PROCFS_PATH_SIZE, "%s/%d/", proc->root, (int)pid), rest = -1;

	if (len >= 0 && len < PROCFS_PATH_SIZE) {
		va_list args;

		va_start(args, format);
		rest = vsnprintf(path + len, (size_t)(PROCFS_PATH_SIZE - len), format, args);
		va_end(args);
	}
	if (rest < 0 || rest >= PROCFS_PATH_SIZE - len) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

static int open_proc_file(const struct procfs *proc, pid_t pid, const char *name)
{
	char path[PROCFS_PATH_SIZE];

	if (procfs_format_path(proc, pid, path, "%s", name) < 0)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_keeping_errno(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

/* Reads like read(2), with one errno for a process that has gone: ENOENT, as when its file cannot
 * be opened, also where it has gone since (ESRCH). */
static ssize_t read_some(int fd, char *buffer, size_t size)
{
	ssize_t len;

	do
		len = read(fd, buffer, size);
	while (len < 0 && errno == EINTR);
	if (len < 0 && errno == ESRCH)
		errno = ENOENT;
	return len;
}

/* Reads the first size bytes of the file, or all where it is shorter. Returns how many, or -1 with
 * errno. */
static ssize_t read_proc_file(const struct procfs *proc, pid_t pid, const char *name, char *buffer,
			      size_t size)
{
	size_t len = 0;
	ssize_t got;
	int fd = open_proc_file(proc, pid, name);

	if (fd < 0)
		return -1;
	do {
		got = read_some(fd, buffer + len, size - len);
		if (got > 0)
			len += (size_t)got;
	} while (got > 0 && len < size);
	close_keeping_errno(fd);
	return got < 0 ? -1 : (ssize_t)len;
}

bool procfs_usable(const struct procfs *proc)
{
	char path[PROCFS_PATH_SIZE], target[16];
	int path_len = snprintf(path, sizeof path, "%s/self", proc->root);
	ssize_t len;

	if (path_len < 0 || path_len >= PROCFS_PATH_SIZE)
		return false;
	len = readlink(path, target, sizeof target - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	return procfs_parse_number(target) == getpid();
}

/* Calls on_child for each number of the list, which can be longer than any buffer (ten thousand
 * zombies are 70 kB): it is taken as it comes, numbers that are split between two reads
 * included. */
static int read_children(int fd, void (*on_child)(void *ctx, pid_t pid), void *ctx)
{
	char buffer[CHILDREN_SIZE];
	uint64_t pid = 0;
	ssize_t len;

	while ((len = read_some(fd, buffer, sizeof buffer)) > 0) {
		for (ssize_t i = 0; i < len; i++) {
			if (is_digit(buffer[i])) {
				pid = append_digit(pid, buffer[i]);
				continue;
			}
			if (pid > 0 && pid <= INT_MAX)
				on_child(ctx, (pid_t)pid);
			pid = 0;
		}
	}
	if (len == 0 && pid > 0 && pid <= INT_MAX)
		on_child(ctx, (pid_t)pid);
	return len < 0 ? -1 : 0;
}

static int list_thread_children(const struct procfs *proc, pid_t parent, pid_t tid,
				void (*on_child)(void *ctx, pid_t pid), void *ctx)
{
	char name[sizeof "task/2147483647/children"];
	int fd, result;

	snprintf(name, sizeof name, "task/%d/children", (int)tid);
	fd = open_proc_file(proc, parent, name);
	if (fd < 0)
		return -1;
	result = read_children(fd, on_child, ctx);
	close_keeping_errno(fd);
	return result;
}

/* Calls on_child for each child in the lists of all threads. Returns 0, or -1 with errno: ENOENT
 * where not a single thread has a list; a thread without one among others has just ended. */
static int list_children(const struct procfs *proc, pid_t parent,
			 void (*on_child)(void *ctx, pid_t pid), void *ctx)
{
	char path[PROCFS_PATH_SIZE];
	const struct dirent *entry;
	bool listed = false;
	DIR *tasks;
	int error;

	if (procfs_format_path(proc, parent, path, "task") < 0)
		return -1;
	tasks = opendir(path);
	if (!tasks)
		return -1;
	while ((errno = 0, entry = readdir(tasks))) {
		pid_t tid = procfs_parse_number(entry->d_name);

		if (tid <= 0)
			continue;
		if (list_thread_children(proc, parent, tid, on_child, ctx) == 0)
			listed = true;
		else if (errno != ENOENT)
			break;
	}
	error = errno;
	closedir(tasks);
	errno = error ? error : ENOENT;
	return listed && error == 0 ? 0 : -1;
}

/* Returns whether an error of one process among all would hold for the next one as well: that ends
 * a scan. Others mean that it has gone since, is hidden from us (hidepid), or is no process. */
static bool is_lasting_error(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

int procfs_each_process(const struct procfs *proc,
			void (*on_process)(void *ctx, pid_t pid, const struct procfs_stat *stat),
			void *ctx)
{
	const struct dirent *entry;
	int error;
	DIR *root = opendir(proc->root);

	if (!root)
		return -1;
	while ((errno = 0, entry = readdir(root))) {
		struct procfs_stat stat;
		pid_t pid = procfs_parse_number(entry->d_name);

		if (pid <= 0)
			continue;
		if (procfs_read_stat(proc, pid, &stat) == 0)
			on_process(ctx, pid, &stat);
		else if (is_lasting_error(errno))
			break;
	}
	error = errno;
	closedir(root);
	errno = error;
	return error ? -1 : 0;
}

/* Whose children are looked for among all processes, and who is told of them. */
struct children {
	pid_t parent;
	void (*on_child)(void *ctx, pid_t pid);
	void *ctx;
};

static void report_child(void *ctx, pid_t pid, const struct procfs_stat *stat)
{
	const struct children *children = ctx;

	if (stat->parent == children->parent)
		children->on_child(children->ctx, pid);
}

int procfs_each_child(const struct procfs *proc, pid_t parent,
		      void (*on_child)(void *ctx, pid_t pid), void *ctx)
{
	struct procfs_stat stat;

	if (list_children(proc, parent, on_child, ctx) == 0)
		return 0;
	if (is_lasting_error(errno))
		return -1;
	/* No lists in this kernel (or none that we may read), or no such process: a process that
	 * lives has a stat. */
	if (procfs_read_stat(proc, parent, &stat) < 0)
		return -1;
	return procfs_each_process(proc, report_child,
				   &(struct children){
					   .parent = parent, .on_child = on_child, .ctx = ctx });
}

/* Moves *at past one number and the space before it. Returns 0, or -1 where there is no number, or
 * the end of the text may have cut it. A minus sign (tpgid, priority) is passed over: no field
 * that is used has one. */
static int parse_field(const char **at, uint64_t *number)
{
	const char *byte = *at;

	if (*byte == ' ')
		byte++;
	if (*byte == '-')
		byte++;
	if (!is_digit(*byte))
		return -1;
	*number = take_number(&byte);
	*at = byte;
	return *byte == '\0' ? -1 : 0;
}

int procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat)
{
	char buffer[STAT_SIZE];
	const char *at;
	uint64_t number;
	ssize_t len = read_proc_file(proc, pid, "stat", buffer, sizeof buffer - 1);

	if (len < 0)
		return -1;
	buffer[len] = '\0';
	/* The name in parentheses may hold parentheses and spaces; nothing after it does. */
	at = memrchr(buffer, ')', (size_t)len);
	if (!at || at[1] != ' ' || at[2] == '\0')
		goto malformed;
	stat->state = at[2];
	at += 3;
	if (parse_field(&at, &number) < 0 || number > INT_MAX)
		goto malformed;
	stat->parent = (pid_t)number;
	stat->cpu_ticks = 0;
	/* From pgrp, the 5th field, to vsize, the 23rd. */
	for (int field = 5; field <= 23; field++) {
		if (parse_field(&at, &number) < 0)
			goto malformed;
		if (field == 6)
			stat->session = number <= INT_MAX ? (pid_t)number : 0;
		else if (field == 9)
			stat->ending = (number & FLAG_EXITING) != 0;
		else if (field >= 14 && field <= 17)
			stat->cpu_ticks += number;
		else if (field == 20)
			stat->threaded = number > 1;
		else if (field == 22)
			stat->start_time = number;
	}
	if (parse_field(&at, &stat->resident_pages) < 0)
		stat->resident_pages = 0;
	return 0;

malformed:
	errno = EPROTO;
	return -1;
}

static bool is_alive(const struct procfs *proc, pid_t tid)
{
	struct procfs_stat stat;

	return procfs_read_stat(proc, tid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X';
}

static bool is_uninterruptible(const struct procfs *proc, pid_t tid)
{
	struct procfs_stat stat;

	return procfs_read_stat(proc, tid, &stat) == 0 && stat.state == 'D';
}

static bool is_executing(const struct procfs *proc, pid_t tid)
{
	char call[SYSCALL_SIZE];
	ssize_t len = read_proc_file(proc, tid, "syscall", call, sizeof call - 1);
	const char *at = call;
	uint64_t number;

	if (len <= 0 || !is_digit(call[0]))
		return false;
	call[len] = '\0';
	number = take_number(&at);
	return number == SYS_execve || number == SYS_execveat;
}

/* Returns a thread of the process for which is_so is true, its first one before all others, or 0
 * where there is none. What stands below the process's own task/ is of one thread, where /proc/TID
 * adds up what all threads have used. Of more than THREADS_MAX, one that was not looked at is
 * returned: it may be so. */
static pid_t find_thread(const struct procfs *proc, pid_t pid,
			 bool (*is_so)(const struct procfs *threads, pid_t tid))
{
	char path[PROCFS_PATH_SIZE];
	const struct procfs threads = { path };
	const struct dirent *entry;
	unsigned looked_at = 1;
	pid_t found = 0;
	DIR *tasks;

	if (procfs_format_path(proc, pid, path, "task") < 0)
		return 0;
	if (is_so(&threads, pid))
		return pid;
	tasks = opendir(path);
	if (!tasks)
		return 0;
	while (found == 0 && (entry = readdir(tasks))) {
		pid_t tid = procfs_parse_number(entry->d_name);

		if (tid > 0 && tid != pid && (looked_at++ == THREADS_MAX || is_so(&threads, tid)))
			found = tid;
	}
	closedir(tasks);
	return found;
}

pid_t procfs_find_thread(const struct procfs *proc, pid_t pid)
{
	return find_thread(proc, pid, is_alive);
}

bool procfs_is_uninterruptible(const struct procfs *proc, pid_t pid)
{
	struct procfs_stat stat;

	if (procfs_read_stat(proc, pid, &stat) < 0)
		return false;
	/* Most processes have one thread. */
	return stat.threaded ? find_thread(proc, pid, is_uninterruptible) != 0 : stat.state == 'D';
}

bool procfs_is_executing(const struct procfs *proc, pid_t pid)
{
	return find_thread(proc, pid, is_executing) != 0;
}

bool procfs_forbids_tracing(const struct procfs *proc, pid_t tid)
{
	char call[SYSCALL_SIZE];

	return read_proc_file(proc, tid, "syscall", call, sizeof call) < 0 &&
	       (errno == EACCES || errno == EPERM);
}

const char *procfs_find_field(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (strncmp(text, name, len) != 0) {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	return text + len;
}

/* Returns the number in the field, or -1 where status has no such field. */
static int find_number(const char *status, const char *name)
{
	const char *at = procfs_find_field(status, name);
	uint64_t number;

	if (!at)
		return -1;
	number = take_number(&at);
	return number <= INT_MAX ? (int)number : INT_MAX;
}

int procfs_read_guard(const struct procfs *proc, pid_t tid, struct procfs_guard *guard)
{
	char status[STATUS_SIZE];
	int number;
	ssize_t len = read_proc_file(proc, tid, "status", status, sizeof status - 1);

	if (len < 0)
		return -1;
	status[len] = '\0';
	number = find_number(status, "TracerPid:\t");
	guard->tracer = number > 0 ? number : 0;
	number = find_number(status, "Seccomp:\t");
	guard->seccomp_mode = number > 0 ? (unsigned)number : 0;
	guard->seccomp_filters = find_number(status, "Seccomp_filters:\t");
	return 0;
}

int procfs_read_uid(const struct procfs *proc, pid_t pid, uid_t *uid)
{
	char path[PROCFS_PATH_SIZE];
	struct stat status;

	/* The directory itself belongs to the effective user, even where what is in it is root's
	 * (not dumpable). */
	if (procfs_format_path(proc, pid, path, "%s", "") < 0 || stat(path, &status) < 0)
		return -1;
	*uid = status.st_uid;
	return 0;
}

void procfs_read_comm(const struct procfs *proc, pid_t pid, char name[PROCFS_NAME_SIZE])
{
	char comm[PROCFS_NAME_SIZE];
	ssize_t len = read_proc_file(proc, pid, "comm", comm, sizeof comm);

	if (len > 0 && comm[len - 1] == '\n')
		len--;
	if (len > 0)
		printable_copy(name, PROCFS_NAME_SIZE, PRINTABLE_MARKED, comm, (size_t)len);
	else
		strcpy(name, "?");
}

/* Copies the base name of argv[0], empty where it has none. */
static void copy_program(char program[PROCFS_NAME_SIZE], const char *args, size_t args_len)
{
	const char *base = args, *slash;
	size_t base_len = strnlen(args, args_len);

	slash = memrchr(args, '/', base_len);
	if (slash) {
		base = slash + 1;
		base_len -= (size_t)(base - args);
	}
	printable_copy(program, PROCFS_NAME_SIZE, PRINTABLE_MARKED, base, base_len);
}

static void separate_arguments(char *args, size_t args_len)
{
	for (size_t i = 0; i < args_len; i++)
		if (args[i] == '\0')
			args[i] = ' ';
}

/* Reads the arguments of a process. Returns their length, 0 where there are none or it is in an
 * uninterruptible wait: they are in its own memory, reading that takes a lock, and a thread of it
 * can hold that, or queue for it, while it waits for a disk or a dead server. */
static size_t read_arguments(const struct procfs *proc, pid_t pid, char args[ARGS_SIZE])
{
	ssize_t len;

	if (procfs_is_uninterruptible(proc, pid))
		return 0;
	len = read_proc_file(proc, pid, "cmdline", args, ARGS_SIZE);
	/* The last argument's NUL, and those of a process that has overwritten its arguments
	 * with a shorter title. */
	while (len > 0 && args[len - 1] == '\0')
		len--;
	return len > 0 ? (size_t)len : 0;
}

/* Returns whether argv[0] holds white space: such a title the program gave itself, and it changes
 * while the program runs. */
static bool is_title(const char *args, size_t args_len)
{
	static const char white_space[] = " \t\n\v\f\r";
	size_t len = strnlen(args, args_len);

	for (size_t i = 0; i < len; i++)
		if (strchr(white_space, args[i]))
			return true;
	return false;
}

void procfs_read_command(const struct procfs *proc, pid_t pid, struct procfs_command *command)
{
	char args[ARGS_SIZE];
	size_t len = read_arguments(proc, pid, args);
	bool titled;

	copy_program(command->program, args, len);
	titled = is_title(args, len);
	separate_arguments(args, len);
	printable_copy(command->line, sizeof command->line, PRINTABLE_ESCAPED, args, len);
	if (command->program[0] == '\0' || titled)
		procfs_read_comm(proc, pid, command->program);
	if (len == 0)
		snprintf(command->line, sizeof command->line, "[%s]", command->program);
}
