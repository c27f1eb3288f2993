/* SPDX-License-Identifier: ISC */
/* Starts a process from a description, or says at which stage it failed and with which errno. Knows
 * nothing of services. */
#ifndef DINIT_SPAWN_H
#define DINIT_SPAWN_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct spawn_spec {
	/* Absolute, or as seen from the working directory. */
	const char *path;
	/* As for execve(2); NULL: the path is the only argument. */
	char *const *argv;
	/* The working directory; NULL: the one that dinit has. */
	const char *dir;
	char *const *environment;
	/* Those that become stdin, stdout and stderr. They stay open here. */
	int fds[3];
	/* One more that the program gets, and the number that it has there (3 or more; where
	 * something else has it, that is closed there); 0: there is none. */
	int extra_fd, extra_number;
	/* Its stdin is a terminal, and it stays in dinit's session, so that it can use that
	 * terminal: it gets a process group of its own, in the foreground, instead of a session. */
	bool on_terminal;
	/* RLIMIT_NOFILE of the program. */
	const struct rlimit *nofile;
};

/* Where a spawn stopped. */
enum spawn_stage {
	/* There is no pipe for the failure, and no process. */
	SPAWN_PIPE,
	/* There is no process. In the later stages there is one, which ends at once. */
	SPAWN_FORK,
	/* It cannot have a session, or a process group, of its own. */
	SPAWN_SESSION,
	/* Its descriptors or its limit cannot be set. */
	SPAWN_SETUP,
	SPAWN_CHDIR,
	SPAWN_EXEC,
};

struct spawn_failure {
	enum spawn_stage stage;
	/* The errno. */
	int error;
	/* The pid of the process, which must be reaped, or -1. After spawn_read_failure it means
	 * nothing. */
	pid_t pid;
};

/* Starts the program in a session of its own (unless it is on a terminal), with an empty signal
 * mask. The caller sees to it that every signal has its default disposition and is blocked, and
 * that every descriptor which the program shall not have is close-on-exec. Returns its pid, or -1
 * and fills *failure. Returns when the new process has become the program, so it takes as long as
 * execve(2) does. */
pid_t spawn_program(const struct spawn_spec *spec, struct spawn_failure *failure);

/* Starts a program that may be on a dead file server: returns at once, which costs a copy of our
 * page table. Returns its pid with a descriptor for spawn_read_failure, or -1 and fills
 * *failure: there is no process. */
pid_t spawn_program_unwaited(const struct spawn_spec *spec, int *report_fd,
			     struct spawn_failure *failure);

/* Reads what kept the process from becoming the program. Call it when the process has ended,
 * because it blocks before that. Closes report_fd. Returns true and fills *failure if there was
 * a failure. */
bool spawn_read_failure(int report_fd, struct spawn_failure *failure);

#endif
