/* SPDX-License-Identifier: ISC */
/* One program that dinit starts: its streams, its environment, the watch on its process, why it
 * could not be started, and its end. What an end means is for the caller to decide. */
#ifndef DINIT_PROGRAM_H
#define DINIT_PROGRAM_H

#include "logmux.h"
#include "oom.h"
#include "reaper.h"
#include "signaller.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Room for why a program could not be started, with the terminating NUL. */
#define PROGRAM_REASON_SIZE 512

/* What the programs need from below. */
struct program_means {
	struct reaper *reaper;
	struct logmux *mux;
	struct signaller *signaller;
	struct oom *oom;
	/* /dev/null, for stdin. */
	int null_fd;
	/* The limit that dinit was started with. */
	struct rlimit nofile;
	/* As environ(7). It stays the caller's and must outlive the programs. */
	char *const *environment;
};

/* What all programs have in common. */
struct programs {
	struct program_means means;
	/* The environment without NOTIFY_SOCKET, which is dinit's own; and the same with DINIT_PID,
	 * which is written anew for each program that gets it. */
	char **environment, **environment_with_pid;
	char dinit_pid[sizeof "DINIT_PID=" + 3 * sizeof(pid_t)];
	/* A program was started, whatever has become of it. */
	bool started;
	/* Processes that were started and have not been reaped, those included that could not
	 * become their program. */
	size_t living;
	/* Such processes that run aside, and are not counted above. */
	size_t aside;
	/* How many processes of theirs have been reaped since the beginning. */
	size_t reaped;
};

/* Prepares what all programs have in common; starts nothing. Returns 0, or -1 with errno (memory)
 * and nothing allocated. */
int programs_open(struct programs *programs, const struct program_means *means);

/* Frees what programs_open allocated. No program may be running. */
void programs_close(struct programs *programs);

enum program_state {
	/* It has no process. */
	PROGRAM_IDLE,
	PROGRAM_RUNNING,
	/* Its process could not become the program and is about to end. */
	PROGRAM_FAILING,
};

/* Owned by the caller. It must stay where it is while it is not idle. */
struct program {
	struct programs *all;
	/* Its label, "web" and "run". */
	const char *service, *stage;
	enum program_state state;
	struct reaper_watch watch;
	/* For a program that was started unwaited (struct program_spec): the pipe through which it
	 * comes why it could not be executed; else -1. */
	int report_fd;
	const char *path, *dir;
	/* Why execve(2) failed, where program_start did for that reason; else 0. */
	int exec_error;
	/* As in struct program_spec. */
	bool aside;
	/* The last line of its stdout and of its stderr, where they are kept (struct
	 * program_spec). */
	bool keeps_last;
	struct lastline last[LOGMUX_STREAMS];
	/* Where it is counted what is read of its stdout and stderr (by enum logmux_stream); NULL:
	 * nowhere. program_init makes it NULL. It must outlive what they are read from. */
	struct tally *tallies;
	void (*on_end)(void *ctx, const struct reaper_end *end, const char *failure);
	void *ctx;
};

/* Prepares an idle program. The label's strings must outlive it. on_end is called after its end,
 * when it is idle again and its PID is void. failure is NULL, or the reason why a program that
 * was started unwaited could not be executed (valid during the call). */
void program_init(struct program *program, struct programs *programs, const char *service,
		  const char *stage,
		  void (*on_end)(void *ctx, const struct reaper_end *end, const char *failure),
		  void *ctx);

/* Frees the last lines of a program whose end will not be told any more. */
void program_close(struct program *program);

/* How to start a program. */
struct program_spec {
	/* The path, and the working directory (NULL: dinit's own). Both strings must outlive the
	 * program's end. */
	const char *path, *dir;
	/* As for execve(2); it is needed during the start only. NULL: the path is the only
	 * argument. */
	char *const *argv;
	/* All stay the caller's. stdin_fd 0: /dev/null. stdout_fd and stderr_fd 0: a pipe that the
	 * logmux reads. */
	int stdin_fd, stdout_fd, stderr_fd;
	/* Its stdin is dinit's own, in place of stdin_fd; and that is a terminal (spawn.h). */
	bool own_stdin, on_terminal;
	/* One more, and the number that it has in the program; 0: there is none. */
	int extra_fd, extra_number;
	/* Of the pipe of stdout: the stage that its lines are labelled with, and where its source
	 * is noted (may be NULL). */
	const char *out_stage;
	struct logmux_source **out;
	/* Becomes DINIT_PID in the environment; 0: the environment is as it is. */
	pid_t about_pid;
	/* Do not wait until the program has replaced the new process: its file may be on a
	 * server that is dead. What keeps it from that is told to on_end. */
	bool unwaited;
	/* It says nothing but how a service is: it is not among those that a teardown waits for
	 * (programs.living), and its life is told at level debug only. */
	bool aside;
	/* Keep the last line of each stream: its on_end finds them in reaper_end.last. */
	bool keeps_last;
};

/* Starts an idle program. Returns 0, or -1 with the reason, which holds no colon that is not in a
 * name; on_end is not called then. */
int program_start(struct program *program, const struct program_spec *spec,
		  char reason[PROGRAM_REASON_SIZE]);

/* Forgets a program that is running aside, at the end of dinit: its end will not be told. */
void program_abandon(struct program *program);

/* Returns whether the program was started and has not been reaped. */
bool program_is_running(const struct program *program);

/* Returns the program whose process is pid and has not been reaped, or NULL. */
const struct program *program_find(const struct reaper *reaper, pid_t pid);

/* Sends a signal that is to end the program gently, if it is running; CONT follows, for one that is
 * stopped. */
void program_stop(const struct program *program, int signal);

/* Sends any other signal to the program, which must be running. */
void program_signal(const struct program *program, int signal);

/* Says that the program is still running, and kills it. Returns false, and does neither, where
 * it is not running or has ended and is only not reaped yet. */
bool program_kill(const struct program *program);

/* Writes to reason why no pipe can be made; error is the errno of the attempt. */
void program_explain_pipe(int error, char reason[PROGRAM_REASON_SIZE]);

#endif
