/* SPDX-License-Identifier: ISC */
/* System calls made by another process's thread on our behalf (ptrace(2)), so that it does not
 * notice: no register, no byte of memory, no signal and no interrupted call is other than after
 * a short pause, beyond what the kernel itself does to a thread that is stopped (epoll_wait and
 * some others return EINTR, signal(7)).
 *
 * One thread at a time, driven by its stops: nothing here waits. Whoever calls, hands every stop
 * of the thread to tracee_on_stop and does what the news says. Other threads of the process go
 * on running meanwhile; no text is changed, an existing system call instruction is borrowed. */
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
	/* wait for the next stop */
	TRACEE_NEWS_PENDING,
	/* it stands still: tracee_call or tracee_release comes next */
	TRACEE_NEWS_HELD,
	/* so it does after the call, whose outcome is in result */
	TRACEE_NEWS_RETURNED,
	/* it runs as before and is not traced any more */
	TRACEE_NEWS_RELEASED,
	/* It cannot make calls, errno says why, and is released: ENOEXEC a program of another
	 * architecture, ENOSYS no system call instruction found, EPERM its system calls are
	 * dispatched by itself, EAGAIN not just now, or any other. */
	TRACEE_NEWS_REFUSED,
	/* not in a stop any more: it was killed, or vanished in another thread's execve */
	TRACEE_NEWS_LOST,
};

enum tracee_state {
	/* not traced */
	TRACEE_STATE_LOOSE,
	/* seized and interrupted */
	TRACEE_STATE_STOPPING,
	/* about to enter a system call of its own, which shows how it has to be restarted */
	TRACEE_STATE_ENTERING,
	/* leaving that call without having made it */
	TRACEE_STATE_SKIPPING,
	/* stopped, in our hands */
	TRACEE_STATE_STANDING,
	/* about to enter our call */
	TRACEE_STATE_CALLING,
	/* in our call */
	TRACEE_STATE_RETURNING,
	/* on its way to the stop where everything is put back */
	TRACEE_STATE_LEAVING,
};

/* Zeroed before first use. */
struct tracee {
	pid_t tid;
	const struct procfs *proc;
	enum tracee_state state;
	/* to be released at the first stop */
	bool unwanted;
	/* its registers are ours: they are put back in a stop on the way to user mode */
	bool disturbed;
	/* where the borrowed system call instruction is */
	uint64_t insn;
	/* the thread's own */
	uint64_t signal_mask;
	/* the thread's own */
	struct arch_regs regs;
	struct arch_vectors vectors;
	/* of the last call: as from the kernel, -errno from -4095 to -1 */
	long result;
};

/* Begins to trace and to stop thread tid, alive and not yet traced. Returns 0, or -1 with errno
 * (EPERM: not allowed, or it has just ended; ESRCH: no such thread; ENOTSUP: not on this
 * architecture). */
int tracee_seize(struct tracee *tracee, const struct procfs *proc, pid_t tid);

/* What a stop, status as of wait(2), means. */
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
