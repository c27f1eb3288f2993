/* SPDX-License-Identifier: ISC */
/* System calls that a thread of another process makes on our behalf (ptrace(2)), without noticing
 * more than a short pause: registers, memory, signals and interrupted calls are as they would have
 * been, except for what the kernel itself does to a thread that is stopped (epoll_wait and some
 * others return EINTR, signal(7)).
 *
 * A tracee is one thread, driven by its stops: nothing here waits. The caller passes every stop of
 * the thread to tracee_on_stop and does what the news says. Other threads of the process run on
 * meanwhile: no program text is changed, an existing system call instruction is borrowed. */
#ifndef DINIT_TRACEE_H
#define DINIT_TRACEE_H

#include "procfs.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(TRACEE_PORTABLE)
#include "arch/none.h"
#elif defined(__x86_64__) && defined(__LP64__)
#include "arch/x86_64.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "arch/aarch64.h"
#else
#include "arch/none.h"
#endif

enum tracee_news {
	/* Nothing is to be done until the next stop. */
	TRACEE_NEWS_PENDING,
	/* The thread stands still: tracee_call or tracee_release is to be called. */
	TRACEE_NEWS_HELD,
	/* The same after a call, whose outcome is in result. */
	TRACEE_NEWS_RETURNED,
	/* The thread runs as before and is not traced any more. */
	TRACEE_NEWS_RELEASED,
	/* The thread cannot make calls, and is released. errno says why: ENOEXEC a program of
	 * another architecture, ENOSYS no system call instruction found, EPERM the program
	 * dispatches its own system calls, EAGAIN not just now, or any other. */
	TRACEE_NEWS_REFUSED,
	/* The thread is not in a stop any more: it was killed, or has vanished in the execve of
	 * another thread. */
	TRACEE_NEWS_LOST,
};

enum tracee_state {
	/* Not traced. */
	TRACEE_STATE_LOOSE,
	/* Seized and interrupted. */
	TRACEE_STATE_STOPPING,
	/* About to enter a system call of its own, which shows how it has to be restarted. */
	TRACEE_STATE_ENTERING,
	/* Leaving that call without having made it. */
	TRACEE_STATE_SKIPPING,
	/* Standing still, in our hands. */
	TRACEE_STATE_STANDING,
	/* About to enter our call. */
	TRACEE_STATE_CALLING,
	/* In our call. */
	TRACEE_STATE_RETURNING,
	/* On its way to the stop where everything is put back. */
	TRACEE_STATE_LEAVING,
};

/* One traced thread; zeroed before its first use. */
struct tracee {
	pid_t tid;
	const struct procfs *proc;
	enum tracee_state state;
	/* It is to be released at its first stop. */
	bool unwanted;
	/* Its registers are ours: they are put back in a stop on the way to user mode. */
	bool disturbed;
	/* The address of the system call instruction that is borrowed. */
	uint64_t insn;
	/* The thread's own signal mask and registers. */
	uint64_t signal_mask;
	struct arch_regs regs;
	struct arch_vectors vectors;
	/* The result of the last call as from the kernel: -errno from -4095 to -1. */
	long result;
};

/* Begins to trace and to stop thread tid, alive and not yet traced. Returns 0, or -1 with errno
 * (EPERM: not allowed, or it has just ended; ESRCH: no such thread; ENOTSUP: not on this
 * architecture). */
int tracee_seize(struct tracee *tracee, const struct procfs *proc, pid_t tid);

/* Takes a stop, status as of wait(2), and returns what is to be done. */
enum tracee_news tracee_on_stop(struct tracee *tracee, int status);

/* Begins a system call in the thread, which stands still. Returns 0, or -1 with errno ESRCH: as
 * TRACEE_NEWS_LOST. */
int tracee_call(struct tracee *tracee, long number, const uint64_t args[6]);

/* Begins to let the thread go: at once, or with its next stops. It must not be within a call of
 * ours. The news is PENDING, RELEASED or LOST. */
enum tracee_news tracee_release(struct tracee *tracee);

/* Forgets a thread that has ended, or is not traced by us any more. */
void tracee_forget(struct tracee *tracee);

/* Reads one word of the memory of the thread, which stands still. Returns 0, or -1 with errno. */
int tracee_peek(const struct tracee *tracee, uint64_t address, uint64_t *word);

#endif
