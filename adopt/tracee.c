/* SPDX-License-Identifier: ISC */
/* Owns what is done to one traced thread and puts everything back; not which calls it makes, nor
 * the waiting for it. Invariant: a thread whose registers are ours either stands still, or is on
 * its way to a stop that it cannot miss before it runs another instruction of its own program;
 * and it gets its own registers back in a stop of the kernel's signal path, because only after that
 * does the kernel restart the call that we interrupted. */
#include "tracee.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Room for the auxiliary vector, of which the kernel has some 25 pairs. */
#define AUXV_PAIRS 64
/* The vDSO is read by pages of that size, and has two or three of them. */
#define VDSO_PAGE_SIZE 4096
#define VDSO_PAGES_MAX 8
/* The stop signal of a system call's entry or return under PTRACE_O_TRACESYSGOOD. */
#define SYSCALL_STOP (SIGTRAP | 0x80)
/* The size of the kernel's signal mask, whatever sigset_t is. */
#define SIGNAL_MASK_SIZE 8

/* Requests of ptrace(2) that not every libc has. */
#define GET_RSEQ_CONFIGURATION 0x420f
#define GET_SYSCALL_USER_DISPATCH 0x4211

enum stop {
	/* Interrupted, or stopped with its whole process (SIGSTOP): within the kernel's signal
	 * path. */
	STOP_EVENT,
	/* At the entry or return of a system call. */
	STOP_SYSCALL,
	/* About to take a signal. */
	STOP_SIGNAL,
};

static enum stop classify_stop(int status)
{
	if (status >> 16 != 0)
		return STOP_EVENT;
	return WSTOPSIG(status) == SYSCALL_STOP ? STOP_SYSCALL : STOP_SIGNAL;
}

int tracee_seize(struct tracee *tracee, const struct procfs *proc, pid_t tid)
{
	if (!ARCH_TRACES) {
		errno = ENOTSUP;
		return -1;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(uintptr_t)PTRACE_O_TRACESYSGOOD) < 0)
		return -1;
	memset(tracee, 0, sizeof *tracee);
	tracee->tid = tid;
	tracee->proc = proc;
	tracee->state = TRACEE_STATE_STOPPING;
	/* This fails only where the thread is about to end, which a wait call reports. */
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	return 0;
}

void tracee_forget(struct tracee *tracee)
{
	arch_drop_vectors(&tracee->vectors);
	tracee->state = TRACEE_STATE_LOOSE;
}

static enum tracee_news report_lost(struct tracee *tracee)
{
	tracee_forget(tracee);
	return TRACEE_NEWS_LOST;
}

/* Lets the thread run, with that signal, to the next entry or return of a system call. */
static enum tracee_news proceed_to_syscall(struct tracee *tracee, int signal,
					   enum tracee_state state)
{
	if (ptrace(PTRACE_SYSCALL, tracee->tid, NULL, (void *)(intptr_t)signal) < 0)
		return report_lost(tracee);
	tracee->state = state;
	return TRACEE_NEWS_PENDING;
}

/* Lets the thread run, with that signal, to the next stop of the signal path. The request comes
 * first, as it outlasts the stop that the thread is in: not one instruction is executed. */
static enum tracee_news interrupt_tracee(struct tracee *tracee, int signal, enum tracee_state state)
{
	if (ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_CONT, tracee->tid, NULL, (void *)(intptr_t)signal) < 0)
		return report_lost(tracee);
	tracee->state = state;
	return TRACEE_NEWS_PENDING;
}

static int read_regs(const struct tracee *tracee, struct arch_regs *regs)
{
	struct iovec regset = { .iov_base = regs, .iov_len = sizeof *regs };

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &regset) < 0)
		return -1;
	if (regset.iov_len != sizeof *regs) {
		errno = ENOEXEC;
		return -1;
	}
	return 0;
}

static int write_regs(const struct tracee *tracee, struct arch_regs *regs)
{
	struct iovec regset = { .iov_base = regs, .iov_len = sizeof *regs };

	return ptrace(PTRACE_SETREGSET, tracee->tid, (void *)NT_PRSTATUS, &regset) < 0 ? -1 : 0;
}

int tracee_peek(const struct tracee *tracee, uint64_t address, uint64_t *word)
{
	long value;

	errno = 0;
	value = ptrace(PTRACE_PEEKDATA, tracee->tid, (void *)(uintptr_t)address, NULL);
	if (value == -1 && errno != 0)
		return -1;
	*word = (uint64_t)value;
	return 0;
}

static int open_tracee_file(const struct tracee *tracee, const char *name)
{
	char path[PROCFS_PATH_SIZE];

	if (procfs_format_path(tracee->proc, tracee->tid, path, "%s", name) < 0)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Returns where the kernel has mapped its own library (vdso(7)), 0 where that is not known. */
static uint64_t find_vdso(const struct tracee *tracee)
{
	Elf64_auxv_t auxv[AUXV_PAIRS];
	ssize_t len;
	int fd = open_tracee_file(tracee, "auxv");

	if (fd < 0)
		return 0;
	len = read(fd, auxv, sizeof auxv);
	close(fd);
	for (ssize_t i = 0; i < len / (ssize_t)sizeof *auxv; i++)
		if (auxv[i].a_type == AT_SYSINFO_EHDR)
			return auxv[i].a_un.a_val;
	return 0;
}

/* Returns the address of the system call instruction in a page mapped at address, 0 for none. */
static uint64_t find_in_page(const char page[VDSO_PAGE_SIZE], uint64_t address)
{
	for (size_t i = 0; i + ARCH_CALL_INSN_LEN <= VDSO_PAGE_SIZE; i += ARCH_CALL_INSN_ALIGN)
		if (memcmp(page + i, ARCH_CALL_INSN, ARCH_CALL_INSN_LEN) == 0)
			return address + i;
	return 0;
}

/* Finds a system call instruction in the vDSO, which has one: what it cannot answer itself, it asks
 * the kernel. Returns 0, or -1. */
static int find_insn(struct tracee *tracee)
{
	char page[VDSO_PAGE_SIZE];
	uint64_t base = find_vdso(tracee);
	int fd = base == 0 ? -1 : open_tracee_file(tracee, "mem");

	tracee->insn = 0;
	for (uint64_t i = 0; fd >= 0 && tracee->insn == 0 && i < VDSO_PAGES_MAX; i++) {
		uint64_t at = base + i * sizeof page;

		if (pread(fd, page, sizeof page, (off_t)at) != (ssize_t)sizeof page)
			break;
		/* The program has mapped something else over what the kernel put there. */
		if (i == 0 && memcmp(page, ELFMAG, SELFMAG) != 0)
			break;
		tracee->insn = find_in_page(page, at);
	}
	if (fd >= 0)
		close(fd);
	return tracee->insn ? 0 : -1;
}

static bool is_insn_at(const struct tracee *tracee, uint64_t address)
{
	uint64_t word, offset = address % sizeof word;

	/* The word is aligned where possible: the page after that of the instruction may not be
	 * there. */
	if (offset + ARCH_CALL_INSN_LEN > sizeof word)
		offset = 0;
	return tracee_peek(tracee, address - offset, &word) == 0 &&
	       memcmp((const char *)&word + offset, ARCH_CALL_INSN, ARCH_CALL_INSN_LEN) == 0;
}

/* Returns whether the thread is within a restartable sequence (rseq(2)), which must be aborted when
 * its thread is stopped: the kernel sees to that when the thread goes on, but not if its registers
 * point somewhere else by then. */
static bool is_in_sequence(const struct tracee *tracee)
{
	struct {
		uint64_t area;
		uint32_t size, signature, flags, unused;
	} rseq;
	uint64_t sequence, start, len;

	/* The fields are, of struct rseq: cpu_id_start, cpu_id, rseq_cs; of struct rseq_cs:
	 * version, flags, start_ip, post_commit_offset. An address of 0 says that there is no such
	 * struct, and reading there fails. */
	return ptrace(GET_RSEQ_CONFIGURATION, tracee->tid, (void *)sizeof rseq, &rseq) >= 0 &&
	       tracee_peek(tracee, rseq.area + 8, &sequence) == 0 &&
	       tracee_peek(tracee, sequence + 8, &start) == 0 &&
	       tracee_peek(tracee, sequence + 16, &len) == 0 &&
	       arch_pc(&tracee->regs) - start < len;
}

/* Returns whether the program has its system calls sent back to it as signals
 * (PR_SET_SYSCALL_USER_DISPATCH of prctl(2)): it would get ours. */
static bool dispatches_itself(const struct tracee *tracee)
{
	struct {
		uint64_t mode, selector, offset, len;
	} dispatch;

	return ptrace(GET_SYSCALL_USER_DISPATCH, tracee->tid, (void *)sizeof dispatch, &dispatch) ==
		       0 &&
	       dispatch.mode != 0;
}

/* Reads what will have to be put back, and whether the thread can make calls. Returns 0, or -1 with
 * errno as of TRACEE_NEWS_REFUSED. */
static int examine_tracee(struct tracee *tracee)
{
	if (read_regs(tracee, &tracee->regs) < 0)
		return -1;
	if (dispatches_itself(tracee)) {
		errno = EPERM;
		return -1;
	}
	if (is_in_sequence(tracee)) {
		errno = EAGAIN;
		return -1;
	}
	if (find_insn(tracee) < 0) {
		uint64_t before =
			arch_pc(&tracee->regs) - (ARCH_HIDES_RESTART ? 0 : ARCH_CALL_INSN_LEN);

		if (!is_insn_at(tracee, before)) {
			errno = ENOSYS;
			return -1;
		}
		tracee->insn = before;
	}
	return arch_save_vectors(tracee->tid, &tracee->vectors);
}

/* Keeps signals pending while the thread makes our calls, as a handler must not run on our
 * registers: only KILL and STOP come through. Should dinit die meanwhile, the thread dies too,
 * rather than run on with our registers. Returns 0, or -1 with errno. */
static int shield_tracee(struct tracee *tracee)
{
	uint64_t all = UINT64_MAX;

	if (ptrace(PTRACE_GETSIGMASK, tracee->tid, (void *)SIGNAL_MASK_SIZE, &tracee->signal_mask) <
	    0)
		return -1;
	if (ptrace(PTRACE_SETOPTIONS, tracee->tid, NULL,
		   (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0)
		return -1;
	return ptrace(PTRACE_SETSIGMASK, tracee->tid, (void *)SIGNAL_MASK_SIZE, &all) < 0 ? -1 : 0;
}

static enum tracee_news detach_tracee(struct tracee *tracee)
{
	if (ptrace(PTRACE_DETACH, tracee->tid, NULL, NULL) < 0)
		return report_lost(tracee);
	tracee_forget(tracee);
	return TRACEE_NEWS_RELEASED;
}

/* Puts everything back, in a stop of the signal path, and lets the thread go. */
static enum tracee_news restore_tracee(struct tracee *tracee)
{
	if (tracee->disturbed && write_regs(tracee, &tracee->regs) < 0)
		return report_lost(tracee);
	arch_restore_vectors(tracee->tid, &tracee->vectors);
	if (ptrace(PTRACE_SETSIGMASK, tracee->tid, (void *)SIGNAL_MASK_SIZE, &tracee->signal_mask) <
	    0)
		return report_lost(tracee);
	return detach_tracee(tracee);
}

static enum tracee_news refuse_tracee(struct tracee *tracee)
{
	int error = errno;

	if (error == ESRCH || detach_tracee(tracee) == TRACEE_NEWS_LOST)
		return report_lost(tracee);
	errno = error;
	return TRACEE_NEWS_REFUSED;
}

/* Takes hold of the thread at its first stop of the signal path. */
static enum tracee_news hold_tracee(struct tracee *tracee)
{
	if (tracee->unwanted)
		return detach_tracee(tracee);
	if (examine_tracee(tracee) < 0 || shield_tracee(tracee) < 0)
		return refuse_tracee(tracee);
	if (ARCH_HIDES_RESTART && is_insn_at(tracee, arch_pc(&tracee->regs)))
		return proceed_to_syscall(tracee, 0, TRACEE_STATE_ENTERING);
	tracee->state = TRACEE_STATE_STANDING;
	return TRACEE_NEWS_HELD;
}

static enum tracee_news on_entered_own_call(struct tracee *tracee)
{
	struct arch_regs at_entry;

	if (read_regs(tracee, &at_entry) < 0 || arch_skip_call(tracee->tid) < 0)
		return report_lost(tracee);
	arch_take_restart(&tracee->regs, &at_entry);
	tracee->disturbed = true;
	return proceed_to_syscall(tracee, 0, TRACEE_STATE_SKIPPING);
}

static enum tracee_news on_call_return(struct tracee *tracee, long error)
{
	struct arch_regs regs;

	if (read_regs(tracee, &regs) < 0)
		return report_lost(tracee);
	tracee->result = error ? error : arch_result(&regs);
	tracee->state = TRACEE_STATE_STANDING;
	return TRACEE_NEWS_RETURNED;
}

static enum tracee_news on_syscall_stop(struct tracee *tracee)
{
	switch (tracee->state) {
	case TRACEE_STATE_ENTERING: return on_entered_own_call(tracee);
	case TRACEE_STATE_SKIPPING: tracee->state = TRACEE_STATE_STANDING; return TRACEE_NEWS_HELD;
	case TRACEE_STATE_CALLING: return proceed_to_syscall(tracee, 0, TRACEE_STATE_RETURNING);
	case TRACEE_STATE_RETURNING: return on_call_return(tracee, 0);
	/* In these states no thread goes on with PTRACE_SYSCALL, which leads to such a stop. */
	case TRACEE_STATE_STOPPING:
	case TRACEE_STATE_LEAVING:
	case TRACEE_STATE_LOOSE:
	case TRACEE_STATE_STANDING: break;
	}
	return TRACEE_NEWS_PENDING;
}

static enum tracee_news on_event_stop(struct tracee *tracee)
{
	switch (tracee->state) {
	case TRACEE_STATE_STOPPING: return hold_tracee(tracee);
	case TRACEE_STATE_LEAVING: return restore_tracee(tracee);
	case TRACEE_STATE_ENTERING:
	case TRACEE_STATE_SKIPPING:
	case TRACEE_STATE_CALLING:
	case TRACEE_STATE_RETURNING:
		/* It was stopped with its process, or continued: our call is still to come. */
		return proceed_to_syscall(tracee, 0, tracee->state);
	case TRACEE_STATE_LOOSE:
	case TRACEE_STATE_STANDING: break;
	}
	return TRACEE_NEWS_PENDING;
}

/* Passes a signal on to the thread. While it makes our calls only two kinds get here: STOP, and the
 * fault of an instruction that is not there any more, which is ours and not the program's. */
static enum tracee_news on_signal_stop(struct tracee *tracee, int signal)
{
	switch (tracee->state) {
	case TRACEE_STATE_STOPPING:
	case TRACEE_STATE_LEAVING: return interrupt_tracee(tracee, signal, tracee->state);
	case TRACEE_STATE_ENTERING:
	case TRACEE_STATE_SKIPPING: return proceed_to_syscall(tracee, signal, tracee->state);
	case TRACEE_STATE_CALLING:
	case TRACEE_STATE_RETURNING:
		if (signal == SIGSTOP)
			return proceed_to_syscall(tracee, signal, tracee->state);
		return on_call_return(tracee, -EFAULT);
	case TRACEE_STATE_LOOSE:
	case TRACEE_STATE_STANDING: break;
	}
	return TRACEE_NEWS_PENDING;
}

enum tracee_news tracee_on_stop(struct tracee *tracee, int status)
{
	switch (classify_stop(status)) {
	case STOP_EVENT: return on_event_stop(tracee);
	case STOP_SYSCALL: return on_syscall_stop(tracee);
	case STOP_SIGNAL: return on_signal_stop(tracee, WSTOPSIG(status));
	}
	return TRACEE_NEWS_PENDING;
}

int tracee_call(struct tracee *tracee, long number, const uint64_t args[6])
{
	struct arch_regs regs = tracee->regs;

	arch_set_call(&regs, tracee->insn, number, args);
	tracee->disturbed = true;
	if (write_regs(tracee, &regs) == 0 &&
	    proceed_to_syscall(tracee, 0, TRACEE_STATE_CALLING) == TRACEE_NEWS_PENDING)
		return 0;
	tracee_forget(tracee);
	errno = ESRCH;
	return -1;
}

enum tracee_news tracee_release(struct tracee *tracee)
{
	tracee->unwanted = true;
	if (tracee->state != TRACEE_STATE_STANDING)
		return TRACEE_NEWS_PENDING;
	return tracee->disturbed ? interrupt_tracee(tracee, 0, TRACEE_STATE_LEAVING)
				 : restore_tracee(tracee);
}
