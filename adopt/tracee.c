/* SPDX-License-Identifier: ISC */
/* Owns what is done to one traced thread and puts everything back; not which calls it makes, nor
 * the waiting for it. Invariant: a thread whose registers are ours either stands still, or is on
 * its way to a stop that it cannot miss before it runs another instruction of its own program;
 * and it gets its own registers back in a stop of the signal path, because only behind that does
 * the kernel restart the call that we interrupted. */
#include "tracee.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* the root and "/PID/auxv" */
#define PATH_SIZE 512
/* the kernel has some 25 pairs */
#define AUXV_WORDS 128
#define VDSO_PAGE_SIZE 4096
/* it has two or three */
#define VDSO_PAGES_MAX 8
/* PTRACE_O_TRACESYSGOOD */
#define SYSCALL_STOP (SIGTRAP | 0x80)
/* the kernel's, whatever sigset_t is */
#define SIGNAL_MASK_SIZE 8

/* Not in every libc that we build with. */
#define GET_RSEQ_CONFIGURATION 0x420f
#define GET_SYSCALL_USER_DISPATCH 0x4211

enum stop {
	/* interrupted, or stopped with its whole process (SIGSTOP): within the kernel's signal
	 * path */
	STOP_EVENT,
	STOP_SYSCALL,
	/* about to take a signal */
	STOP_SIGNAL,
};

static enum stop classify(int status)
{
	if (status >> 16 != 0)
		return STOP_EVENT;
	return WSTOPSIG(status) == SYSCALL_STOP ? STOP_SYSCALL : STOP_SIGNAL;
}

int tracee_seize(struct tracee *thread, const struct procfs *proc, pid_t tid)
{
	if (!ARCH_TRACES) {
		errno = ENOTSUP;
		return -1;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(uintptr_t)PTRACE_O_TRACESYSGOOD) < 0)
		return -1;
	memset(thread, 0, sizeof *thread);
	thread->tid = tid;
	thread->proc = proc;
	thread->state = TRACEE_STATE_STOPPING;
	/* Fails only where the thread is about to end, which wait tells. */
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	return 0;
}

void tracee_forget(struct tracee *thread)
{
	arch_drop_vectors(&thread->vectors);
	thread->state = TRACEE_STATE_LOOSE;
}

static enum tracee_news lost(struct tracee *thread)
{
	tracee_forget(thread);
	return TRACEE_NEWS_LOST;
}

/* Sends it on to the next entry or return of a system call. */
static enum tracee_news proceed(struct tracee *thread, int signal, enum tracee_state state)
{
	if (ptrace(PTRACE_SYSCALL, thread->tid, NULL, (void *)(intptr_t)signal) < 0)
		return lost(thread);
	thread->state = state;
	return TRACEE_NEWS_PENDING;
}

/* Sends it on to the next stop of the signal path. The request comes first: it outlasts the stop
 * that the thread is in, so that not one instruction is executed in between. */
static enum tracee_news interrupt(struct tracee *thread, int signal, enum tracee_state state)
{
	if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_CONT, thread->tid, NULL, (void *)(intptr_t)signal) < 0)
		return lost(thread);
	thread->state = state;
	return TRACEE_NEWS_PENDING;
}

static int read_regs(const struct tracee *thread, struct arch_regs *regs)
{
	struct iovec regset = { .iov_base = regs, .iov_len = sizeof *regs };

	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &regset) < 0)
		return -1;
	if (regset.iov_len != sizeof *regs) {
		errno = ENOEXEC;
		return -1;
	}
	return 0;
}

static int write_regs(const struct tracee *thread, struct arch_regs *regs)
{
	struct iovec regset = { .iov_base = regs, .iov_len = sizeof *regs };

	return ptrace(PTRACE_SETREGSET, thread->tid, (void *)NT_PRSTATUS, &regset) < 0 ? -1 : 0;
}

int tracee_peek(const struct tracee *thread, uint64_t address, uint64_t *word)
{
	long value;

	errno = 0;
	value = ptrace(PTRACE_PEEKDATA, thread->tid, (void *)(uintptr_t)address, NULL);
	if (value == -1 && errno != 0)
		return -1;
	*word = (uint64_t)value;
	return 0;
}

static int open_file(const struct tracee *thread, const char *name)
{
	char path[PATH_SIZE];
	int len =
		snprintf(path, sizeof path, "%s/%d/%s", thread->proc->root, (int)thread->tid, name);

	if (len < 0 || len >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Where the kernel has mapped its own library (vdso(7)), 0 where it is not known. */
static uint64_t find_vdso(const struct tracee *thread)
{
	uint64_t auxv[AUXV_WORDS], base = 0;
	ssize_t len;
	int fd = open_file(thread, "auxv");

	if (fd < 0)
		return 0;
	len = read(fd, auxv, sizeof auxv);
	close(fd);
	for (ssize_t i = 0; i + 1 < len / (ssize_t)sizeof *auxv; i += 2)
		if (auxv[i] == AT_SYSINFO_EHDR)
			base = auxv[i + 1];
	return base;
}

static uint64_t find_in_page(const char page[VDSO_PAGE_SIZE], uint64_t address)
{
	for (size_t i = 0; i + ARCH_CALL_INSN_LEN <= VDSO_PAGE_SIZE; i += ARCH_CALL_INSN_ALIGN)
		if (memcmp(page + i, ARCH_CALL_INSN, ARCH_CALL_INSN_LEN) == 0)
			return address + i;
	return 0;
}

/* Every vDSO has a system call instruction: what it cannot answer itself, it asks the kernel. */
static int find_insn(struct tracee *thread)
{
	char page[VDSO_PAGE_SIZE];
	uint64_t base = find_vdso(thread);
	int fd = base == 0 ? -1 : open_file(thread, "mem");

	thread->insn = 0;
	for (uint64_t i = 0; fd >= 0 && thread->insn == 0 && i < VDSO_PAGES_MAX; i++) {
		uint64_t at = base + i * sizeof page;

		if (pread(fd, page, sizeof page, (off_t)at) != (ssize_t)sizeof page)
			break;
		/* Not what the kernel put there: the program has mapped something else over it. */
		if (i == 0 && memcmp(page, ELFMAG, SELFMAG) != 0)
			break;
		thread->insn = find_in_page(page, at);
	}
	if (fd >= 0)
		close(fd);
	return thread->insn ? 0 : -1;
}

static bool is_insn_at(const struct tracee *thread, uint64_t address)
{
	uint64_t word, offset = address % sizeof word;

	/* Aligned where possible: beyond the page that the instruction ends in there may be
	 * nothing. */
	if (offset + ARCH_CALL_INSN_LEN > sizeof word)
		offset = 0;
	return tracee_peek(thread, address - offset, &word) == 0 &&
	       memcmp((const char *)&word + offset, ARCH_CALL_INSN, ARCH_CALL_INSN_LEN) == 0;
}

/* A restartable sequence (rseq(2)) must be aborted when its thread is stopped within it. The
 * kernel sees to that when the thread goes on, but not if its registers point somewhere else by
 * then. */
static bool is_in_sequence(const struct tracee *thread)
{
	struct {
		uint64_t area;
		uint32_t size, signature, flags, unused;
	} rseq;
	uint64_t sequence, start, len;

	if (ptrace(GET_RSEQ_CONFIGURATION, thread->tid, (void *)sizeof rseq, &rseq) < 0 ||
	    rseq.area == 0)
		return false;
	/* struct rseq: cpu_id_start, cpu_id, rseq_cs; struct rseq_cs: version, flags, start_ip,
	 * post_commit_offset. */
	if (tracee_peek(thread, rseq.area + 8, &sequence) < 0 || sequence == 0)
		return false;
	if (tracee_peek(thread, sequence + 8, &start) < 0 ||
	    tracee_peek(thread, sequence + 16, &len) < 0)
		return false;
	return arch_pc(&thread->regs) - start < len;
}

/* A program that has its own calls sent back to it as signals (prctl
 * PR_SET_SYSCALL_USER_DISPATCH) would get ours. */
static bool dispatches_itself(const struct tracee *thread)
{
	struct {
		uint64_t mode, selector, offset, len;
	} dispatch;

	return ptrace(GET_SYSCALL_USER_DISPATCH, thread->tid, (void *)sizeof dispatch, &dispatch) ==
		       0 &&
	       dispatch.mode != 0;
}

/* Reads what will have to be put back, and whether the thread is fit for it. Returns 0, or -1
 * with errno. */
static int examine(struct tracee *thread)
{
	if (read_regs(thread, &thread->regs) < 0)
		return -1;
	if (dispatches_itself(thread)) {
		errno = EPERM;
		return -1;
	}
	if (is_in_sequence(thread)) {
		errno = EAGAIN;
		return -1;
	}
	if (find_insn(thread) < 0) {
		uint64_t before =
			arch_pc(&thread->regs) - (ARCH_HIDES_RESTART ? 0 : ARCH_CALL_INSN_LEN);

		if (!is_insn_at(thread, before)) {
			errno = ENOSYS;
			return -1;
		}
		thread->insn = before;
	}
	return arch_save_vectors(thread->tid, &thread->vectors);
}

/* While it makes our calls, signals stay pending: a handler must not run on our registers. Only
 * KILL and STOP come through. Should we die meanwhile, it dies too, rather than run on with our
 * registers. */
static int shield(struct tracee *thread)
{
	uint64_t all = UINT64_MAX;

	if (ptrace(PTRACE_GETSIGMASK, thread->tid, (void *)SIGNAL_MASK_SIZE, &thread->signal_mask) <
	    0)
		return -1;
	if (ptrace(PTRACE_SETOPTIONS, thread->tid, NULL,
		   (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0)
		return -1;
	return ptrace(PTRACE_SETSIGMASK, thread->tid, (void *)SIGNAL_MASK_SIZE, &all) < 0 ? -1 : 0;
}

static enum tracee_news detach(struct tracee *thread)
{
	if (ptrace(PTRACE_DETACH, thread->tid, NULL, NULL) < 0)
		return lost(thread);
	tracee_forget(thread);
	return TRACEE_NEWS_RELEASED;
}

/* In a stop of the signal path. */
static enum tracee_news restore(struct tracee *thread)
{
	if (thread->disturbed && write_regs(thread, &thread->regs) < 0)
		return lost(thread);
	arch_restore_vectors(thread->tid, &thread->vectors);
	if (ptrace(PTRACE_SETSIGMASK, thread->tid, (void *)SIGNAL_MASK_SIZE, &thread->signal_mask) <
	    0)
		return lost(thread);
	return detach(thread);
}

static enum tracee_news refuse(struct tracee *thread)
{
	int error = errno;

	if (error == ESRCH || detach(thread) == TRACEE_NEWS_LOST)
		return lost(thread);
	errno = error;
	return TRACEE_NEWS_REFUSED;
}

/* Its first stop of the signal path. */
static enum tracee_news hold(struct tracee *thread)
{
	if (thread->unwanted)
		return detach(thread);
	if (examine(thread) < 0 || shield(thread) < 0)
		return refuse(thread);
	if (ARCH_HIDES_RESTART && is_insn_at(thread, arch_pc(&thread->regs)))
		return proceed(thread, 0, TRACEE_STATE_ENTERING);
	thread->state = TRACEE_STATE_STANDING;
	return TRACEE_NEWS_HELD;
}

static enum tracee_news on_entered_own_call(struct tracee *thread)
{
	struct arch_regs at_entry;

	if (read_regs(thread, &at_entry) < 0 || arch_skip_call(thread->tid) < 0)
		return lost(thread);
	arch_take_restart(&thread->regs, &at_entry);
	thread->disturbed = true;
	return proceed(thread, 0, TRACEE_STATE_SKIPPING);
}

static enum tracee_news on_returned(struct tracee *thread, long error)
{
	struct arch_regs regs;

	if (read_regs(thread, &regs) < 0)
		return lost(thread);
	thread->result = error ? error : arch_result(&regs);
	thread->state = TRACEE_STATE_STANDING;
	return TRACEE_NEWS_RETURNED;
}

static enum tracee_news on_syscall_stop(struct tracee *thread)
{
	switch (thread->state) {
	case TRACEE_STATE_ENTERING: return on_entered_own_call(thread);
	case TRACEE_STATE_SKIPPING: thread->state = TRACEE_STATE_STANDING; return TRACEE_NEWS_HELD;
	case TRACEE_STATE_CALLING: return proceed(thread, 0, TRACEE_STATE_RETURNING);
	case TRACEE_STATE_RETURNING: return on_returned(thread, 0);
	case TRACEE_STATE_STOPPING:
	case TRACEE_STATE_LEAVING: return interrupt(thread, 0, thread->state);
	case TRACEE_STATE_LOOSE:
	case TRACEE_STATE_STANDING: break;
	}
	return TRACEE_NEWS_PENDING;
}

static enum tracee_news on_event_stop(struct tracee *thread)
{
	switch (thread->state) {
	case TRACEE_STATE_STOPPING: return hold(thread);
	case TRACEE_STATE_LEAVING: return restore(thread);
	case TRACEE_STATE_ENTERING:
	case TRACEE_STATE_SKIPPING:
	case TRACEE_STATE_CALLING:
	case TRACEE_STATE_RETURNING:
		/* Stopped with its process, or continued with it: our call is still to come. */
		return proceed(thread, 0, thread->state);
	case TRACEE_STATE_LOOSE:
	case TRACEE_STATE_STANDING: break;
	}
	return TRACEE_NEWS_PENDING;
}

/* Signals are passed on, one and all. With the shield up only two kinds get here: STOP, and the
 * fault of an instruction that is not there any more, which is ours and not the program's. */
static enum tracee_news on_signal_stop(struct tracee *thread, int signal)
{
	switch (thread->state) {
	case TRACEE_STATE_STOPPING:
	case TRACEE_STATE_LEAVING: return interrupt(thread, signal, thread->state);
	case TRACEE_STATE_ENTERING:
	case TRACEE_STATE_SKIPPING: return proceed(thread, signal, thread->state);
	case TRACEE_STATE_CALLING:
	case TRACEE_STATE_RETURNING:
		if (signal == SIGSTOP)
			return proceed(thread, signal, thread->state);
		return on_returned(thread, -EFAULT);
	case TRACEE_STATE_LOOSE:
	case TRACEE_STATE_STANDING: break;
	}
	return TRACEE_NEWS_PENDING;
}

enum tracee_news tracee_on_stop(struct tracee *thread, int status)
{
	switch (classify(status)) {
	case STOP_EVENT: return on_event_stop(thread);
	case STOP_SYSCALL: return on_syscall_stop(thread);
	case STOP_SIGNAL: return on_signal_stop(thread, WSTOPSIG(status));
	}
	return TRACEE_NEWS_PENDING;
}

int tracee_call(struct tracee *thread, long number, const uint64_t args[6])
{
	struct arch_regs regs = thread->regs;

	arch_set_call(&regs, thread->insn, number, args);
	thread->disturbed = true;
	if (write_regs(thread, &regs) == 0 &&
	    proceed(thread, 0, TRACEE_STATE_CALLING) == TRACEE_NEWS_PENDING)
		return 0;
	tracee_forget(thread);
	errno = ESRCH;
	return -1;
}

enum tracee_news tracee_release(struct tracee *thread)
{
	thread->unwanted = true;
	if (thread->state != TRACEE_STATE_STANDING)
		return TRACEE_NEWS_PENDING;
	return thread->disturbed ? interrupt(thread, 0, TRACEE_STATE_LEAVING) : restore(thread);
}
