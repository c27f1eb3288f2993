/* SPDX-License-Identifier: ISC */
/* A spec in, a process or (stage, errno) out. Knows nothing of services. */
#ifndef DINIT_SPAWN_H
#define DINIT_SPAWN_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct spawn_spec {
	/* absolute; is argv[0], the only argument */
	const char *path;
	/* the working directory */
	const char *dir;
	char *const *environment;
	/* become stdin, stdout, stderr; they stay open here */
	int fds[3];
	/* RLIMIT_NOFILE of the new program */
	const struct rlimit *nofile;
};

/* Where a spawn stopped. */
enum spawn_stage {
	/* for the report; nor is there a process */
	SPAWN_PIPE,
	/* there is no process; in the later stages there is one, which ends at once */
	SPAWN_FORK,
	/* descriptors, limit */
	SPAWN_SETUP,
	SPAWN_CHDIR,
	SPAWN_EXEC,
};

struct spawn_failure {
	enum spawn_stage stage;
	/* errno */
	int error;
	/* of the process, which must be reaped, or -1; not from spawn_read_failure */
	pid_t pid;
};

/* Starts the program with an empty signal mask. The caller has every signal at its default
 * disposition, and every descriptor that the program shall not have close-on-exec. Returns its
 * pid, or -1 and fills *failure. Returns once the program's image has replaced ours, so the time
 * it takes is that of execve(2). */
pid_t spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure);

/* The same for a program that may be on a dead file server: returns at once, which costs a copy
 * of dinit's page table. Returns its pid with a descriptor for spawn_read_failure, or -1 and
 * fills *failure: there is no process. */
pid_t spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
			     struct spawn_failure *failure);

/* To be called once the process has ended, lest it block. Closes report_fd. Returns true and
 * fills *failure if the process has not become the program. */
bool spawn_read_failure(int report_fd, struct spawn_failure *failure);

/* Starts a short-lived child that takes on the user uid and sends the signals (0: none) to the
 * process that pidfd stands for, first, then second. It exits with 0, or with the errno that
 * stopped it. Returns its pid, or -1 with errno. */
pid_t spawn_kill_as(uid_t uid, int pidfd, int first, int second);

/* The same file descriptor as pidfd_open(2); -1 with errno (ENOSYS before Linux 5.3). */
int spawn_open_pidfd(pid_t pid);

#endif
