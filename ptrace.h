/* SPDX-License-Identifier: ISC */
/* System calls made by another process's thread on our behalf (ptrace(2)), so that it does not notice: no register,
 * no byte of memory, no signal and no interrupted call is other than after a short pause, beyond what the kernel
 * itself does to a thread that is stopped (epoll_wait and some others return EINTR, signal(7)).
 *
 * One thread at a time, driven by its stops: nothing here waits. Whoever calls, hands every stop of the thread to
 * ptrace_on_stop and does what the news says. Other threads of the process go on running meanwhile; no text is
 * changed, an existing system call instruction is borrowed. */
#ifndef DINIT_PTRACE_H
#define DINIT_PTRACE_H

#include "procfs.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(PTRACE_PORTABLE)
#include "arch/none.h"
#elif defined(__x86_64__) && defined(__LP64__)
#include "arch/x86_64.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "arch/aarch64.h"
#else
#include "arch/none.h"
#endif

enum ptrace_news {
	PTRACE_NEWS_PENDING,  /* wait for the next stop */
	PTRACE_NEWS_HELD,     /* it stands still: ptrace_call or ptrace_release comes next */
	PTRACE_NEWS_RETURNED, /* so it does after the call, whose outcome is in result */
	PTRACE_NEWS_RELEASED, /* it runs as before and is not traced any more */
	/* It cannot make calls, errno says why, and is released: ENOEXEC a program of another architecture, ENOSYS
	 * no system call instruction found, EPERM its system calls are dispatched by itself, EAGAIN not just now,
	 * or any other. */
	PTRACE_NEWS_REFUSED,
	PTRACE_NEWS_LOST, /* not in a stop any more: it was killed, or vanished in another thread's execve */
};

enum ptrace_state {
	PTRACE_STATE_LOOSE,     /* not traced */
	PTRACE_STATE_STOPPING,  /* seized and interrupted */
	PTRACE_STATE_ENTERING,  /* about to enter a system call of its own, which shows how it has to be restarted */
	PTRACE_STATE_SKIPPING,  /* leaving that call without having made it */
	PTRACE_STATE_STANDING,  /* stopped, in our hands */
	PTRACE_STATE_CALLING,   /* about to enter our call */
	PTRACE_STATE_RETURNING, /* in our call */
	PTRACE_STATE_LEAVING,   /* on its way to the stop where everything is put back */
};

/* Zeroed before first use. */
struct ptrace_thread {
	pid_t tid;
	const struct procfs *proc;
	enum ptrace_state state;
	bool unwanted;         /* to be released at the first stop */
	bool disturbed;        /* its registers are ours: they are put back in a stop on the way to user mode */
	uint64_t insn;         /* where the borrowed system call instruction is */
	uint64_t signal_mask;  /* the thread's own */
	struct arch_regs regs; /* the thread's own */
	struct arch_vectors vectors;
	long result; /* of the last call: as from the kernel, -errno from -4095 to -1 */
};

/* Begins to trace and to stop thread tid, alive and not yet traced. Returns 0, or -1 with errno (EPERM: not allowed, or
 * it has just ended; ESRCH: no such thread; ENOTSUP: not on this architecture). */
int ptrace_seize(struct ptrace_thread *thread, const struct procfs *proc, pid_t tid);

/* What a stop, status as of wait(2), means. */
enum ptrace_news ptrace_on_stop(struct ptrace_thread *thread, int status);

/* Begins a system call in the thread, which stands still. Returns 0, or -1 with errno ESRCH: as PTRACE_NEWS_LOST. */
int ptrace_call(struct ptrace_thread *thread, long number, const uint64_t args[6]);

/* Begins to let the thread go: at once, or with its next stops. It must not be within a call of ours. The news is
 * PENDING, RELEASED or LOST. */
enum ptrace_news ptrace_release(struct ptrace_thread *thread);

/* Forgets a thread that has ended, or is not traced by us any more. */
void ptrace_forget(struct ptrace_thread *thread);

/* Reads one word of the memory of the thread, which stands still. Returns 0, or -1 with errno. */
int ptrace_peek(const struct ptrace_thread *thread, uint64_t address, uint64_t *word);

/* Lets a tracee go that stopped where nothing was expected of it, its registers as they are. */
void ptrace_discard(pid_t tid, int status);

#endif
