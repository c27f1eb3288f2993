/* SPDX-License-Identifier: ISC */
/* What /proc tells about processes (proc(5)), under a root that tests can set. Nothing is kept
 * between two calls. Whatever is read here can be out of date by the time it is used: only the pid
 * of an unreaped child is sure to stay its own. */
#ifndef DINIT_PROCFS_H
#define DINIT_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for a path, '\0' included: of the root and what is below it. */
#define PROCFS_PATH_SIZE 512
/* Room for a program's name, '\0' included. */
#define PROCFS_NAME_SIZE 256
/* Room for a command line in a message, '\0' included; longer ones are cut. */
#define PROCFS_CMDLINE_SIZE 1024

struct procfs {
	/* The path "/proc", or that of a test. */
	const char *root;
};

struct procfs_stat {
	/* One of R S D Z T t X I, as in proc(5). */
	char state;
	pid_t parent;
	/* The pid of the process that leads, or led, its session (setsid(2)); 0 where that is in
	 * another PID namespace, or the number cannot be a pid. */
	pid_t session;
	/* In clock ticks after boot: with the pid it names one process for ever. */
	uint64_t start_time;
	/* It has more than one thread. */
	bool threaded;
	/* It is about to end, or has ended, and nothing can change that; where others of its
	 * threads go on (then it is a zombie all the same), its first one. (gVisor does not
	 * tell.) */
	bool ending;
	/* The time of processors that it has used, and the children that it has waited for, in
	 * clock ticks; and its resident memory in pages. */
	uint64_t cpu_ticks, resident_pages;
};

/* Returns whether the root is a proc file system that shows this process under its own pid (and
 * not that of another PID namespace). */
bool procfs_usable(const struct procfs *proc);

/* Formats the path of a file below the directory of process pid, named as printf(3) does. Returns
 * 0, or -1 with errno ENAMETOOLONG. */
__attribute__((format(printf, 4, 5))) int procfs_format_path(const struct procfs *proc, pid_t pid,
							     char path[PROCFS_PATH_SIZE],
							     const char *format, ...);

/* Returns the number that the text is, or -1 where it is not made of decimal digits alone, or is
 * too large for an int. */
int procfs_parse_number(const char *text);

/* Returns what follows the name in the first line of the text that begins with it, or NULL where no
 * line does. The name is given with what is between it and its value: a colon and a tab, or a
 * space. */
const char *procfs_find_field(const char *text, const char *name);

/* Calls on_child for each child of process parent (for every thread of it), zombies included.
 * Uses task/TID/children, or, where the kernel has none (CONFIG_PROC_CHILDREN; gVisor), stat of
 * every process. on_child must not reap: the kernel finds its place in a long list by counting,
 * and would skip others. Returns 0, or -1 with errno (ENOENT: no such process), in which case
 * on_child may have been called for some. */
int procfs_each_child(const struct procfs *proc, pid_t parent,
		      void (*on_child)(void *ctx, pid_t pid), void *ctx);

/* Calls on_process for each process that is to be seen. Returns 0, or -1 with errno, in which case
 * on_process may have been called for some. */
int procfs_each_process(const struct procfs *proc,
			void (*on_process)(void *ctx, pid_t pid, const struct procfs_stat *stat),
			void *ctx);

/* What decides whether a thread may be traced, and by whom it already is. */
struct procfs_guard {
	/* 0 where there is none. */
	pid_t tracer;
	/* 0 none, 1 strict, 2 filters. */
	unsigned seccomp_mode;
	/* How many; -1 where the kernel does not count them (before 5.9). */
	int seccomp_filters;
};

/* The next three look at 4096 threads of a process at most, and take any further one to be
 * what is asked for. */

/* Returns a thread of the process that has not ended: the first one, or, where that has ended
 * before the others (a zombie in /proc that is alive), one of those; 0 where there is none. */
pid_t procfs_find_thread(const struct procfs *proc, pid_t pid);

/* Returns whether a thread of the process is in an uninterruptible wait (state D). It may hold, or
 * queue for, the lock of its memory: whoever reads or traces it then may wait as long as
 * it does. */
bool procfs_is_uninterruptible(const struct procfs *proc, pid_t pid);

/* Returns whether a thread of the process is within execve(2), as far as we may know
 * (PTRACE_MODE_ATTACH_FSCREDS). The kernel makes a tracer wait for its end, which is as long as
 * the program's file takes to be read. */
bool procfs_is_executing(const struct procfs *proc, pid_t pid);

/* Returns whether ptrace(2) would refuse to trace the thread for lack of permission: the kernel
 * asks for the same before it shows the thread's system call (proc(5), PTRACE_MODE_ATTACH), beside
 * the right to open that file. ptrace itself first waits for the end of an execve(2), which may
 * never come. */
bool procfs_forbids_tracing(const struct procfs *proc, pid_t tid);

/* Reads the guard of a process's first thread or of any thread. Returns 0, or -1 with errno
 * (ENOENT: no such thread). */
int procfs_read_guard(const struct procfs *proc, pid_t tid, struct procfs_guard *guard);

/* Reads the state of a process. Returns 0, or -1 with errno (ENOENT: no such process). */
int procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);

/* Reads the effective user of a process. Returns 0, or -1 with errno. */
int procfs_read_uid(const struct procfs *proc, pid_t pid, uid_t *uid);

/* Reads the kernel's command name (at most 15 bytes) as printable text: control bytes and
 * ill-formed UTF-8 become '?'. It is "?" where it cannot be read. */
void procfs_read_comm(const struct procfs *proc, pid_t pid, char name[PROCFS_NAME_SIZE]);

/* What a process is, in printable text. */
struct procfs_command {
	/* The base name of argv[0], with control bytes and ill-formed UTF-8 as '?'. */
	char program[PROCFS_NAME_SIZE];
	/* The arguments in one line, separated by spaces; control bytes, backslashes and
	 * ill-formed UTF-8 as \xHH; "..." at the end of one that was cut. */
	char line[PROCFS_CMDLINE_SIZE];
};

/* Reads what a process is. The program is the kernel's command name where argv[0] has no base
 * name, or holds white space: a title that the program gave itself, and changes while it runs.
 * Where there are no arguments (a zombie, a kernel thread), or reading them could mean to wait with
 * the process (procfs_is_uninterruptible), both are that name, the line in brackets. */
void procfs_read_command(const struct procfs *proc, pid_t pid, struct procfs_command *command);

#endif
