/* SPDX-License-Identifier: ISC */
/* Owns the words for the sender of a signal; not what is done about the signal.
 * Invariant: it only looks, a bounded number of times, and where what it finds is out of date only
 * the words are wrong. */
#include "sender.h"

#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* How many ancestors of a sender are looked at. */
#define ANCESTORS_MAX 64

/* Returns the sender's pid, or 0 where the signal comes from the kernel (a terminal's Ctrl-C) or
 * from outside the PID namespace (pid_namespaces(7)). */
static pid_t pid_of(const struct signalfd_siginfo *info)
{
	bool sent = info->ssi_code == SI_USER || info->ssi_code == SI_TKILL ||
		    info->ssi_code == SI_QUEUE;

	return sent ? (pid_t)info->ssi_pid : 0;
}

/* Goes from parent upwards to dinit. Returns whether it gets there, and notes in *program the first
 * program on the way, if there is one. */
static bool climb(const struct procfs *proc, const struct reaper *reaper, pid_t parent,
		  const struct program **program)
{
	for (int i = 0; i < ANCESTORS_MAX && parent != getpid(); i++) {
		struct procfs_stat stat;

		*program = program_find(reaper, parent);
		/* Its parent is dinit. */
		if (*program)
			return true;
		if (procfs_read_stat(proc, parent, &stat) < 0)
			return false;
		parent = stat.parent;
	}
	return parent == getpid();
}

/* Describes a sender of which /proc says nothing: it was reaped already, or is hidden from us. */
static void describe_unknown(pid_t pid, char text[SENDER_SIZE])
{
	bool ended = kill(pid, 0) < 0 && errno == ESRCH;

	snprintf(text, SENDER_SIZE, "PID %d%s", pid, ended ? ", which has ended" : "");
}

bool sender_describe(const struct procfs *proc, const struct reaper *reaper,
		     const struct signalfd_siginfo *info, char text[SENDER_SIZE])
{
	const struct program *program;
	char name[PROCFS_NAME_SIZE];
	struct procfs_stat stat;
	pid_t pid = pid_of(info);
	bool inside;

	if (pid <= 0)
		return false;
	program = program_find(reaper, pid);
	if (program) {
		snprintf(text, SENDER_SIZE, "PID %d (%s/%s)", pid, program->service,
			 program->stage);
		return true;
	}
	/* First the name: where the state can be read after it, it was still there. */
	procfs_read_comm(proc, pid, name);
	if (!procfs_usable(proc) || procfs_read_stat(proc, pid, &stat) < 0) {
		describe_unknown(pid, text);
		return getpid() == 1;
	}
	program = program_find(reaper, stat.session);
	inside = program || climb(proc, reaper, stat.parent, &program);
	if (program)
		snprintf(text, SENDER_SIZE, "PID %d (%s, of %s/%s)", pid, name, program->service,
			 program->stage);
	else
		snprintf(text, SENDER_SIZE, "PID %d (%s)", pid, name);
	return inside || getpid() == 1;
}
