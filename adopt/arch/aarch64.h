/* SPDX-License-Identifier: ISC */
/* How to make a system call by another thread's registers on aarch64 (syscall(2); the kernel's
 * arch/arm64/kernel/signal.c, arch/arm64/kernel/ptrace.c and Documentation/arch/arm64/sve.rst). */
#ifndef DINIT_ARCH_AARCH64_H
#define DINIT_ARCH_AARCH64_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

#define ARCH_TRACES 1
/* The instruction "svc #0". */
#define ARCH_CALL_INSN "\x01\x00\x00\xd4"
#define ARCH_CALL_INSN_LEN 4
#define ARCH_CALL_INSN_ALIGN 4

/* A stop within an interrupted system call shows the registers with the restart already
 * prepared: pc back on the svc, x0 as it was. What is missing is whether the call goes on as
 * restart_syscall (a sleep whose time is partly over): the kernel decides that after the stop,
 * from a value that nobody sees. It shows in x8 when the restarted call is entered. */
#define ARCH_HIDES_RESTART 1

/* The kernel's NT_ARM_SYSTEM_CALL. */
#define ARCH_REGSET_SYSTEM_CALL 0x404
/* The kernel's NT_ARM_SVE. */
#define ARCH_REGSET_SVE 0x405
/* The kernel's NT_ARM_SSVE. */
#define ARCH_REGSET_STREAMING_SVE 0x40b
/* The kernel's SVE_PT_REGS_SVE: the flag of a header with vector registers behind it. */
#define ARCH_SVE_REGS 1
/* PSTATE.BTYPE: the next instruction must be a landing pad. */
#define ARCH_BRANCH_TYPE 0xc00ULL

struct arch_regs {
	struct user_regs_struct user;
};

/* Returns the address of the next instruction. */
static inline uint64_t arch_pc(const struct arch_regs *regs)
{
	return regs->user.pc;
}

/* Sets the registers for a system call by the instruction at insn. */
static inline void arch_set_call(struct arch_regs *regs, uint64_t insn, long number,
				 const uint64_t args[6])
{
	regs->user.pc = insn;
	regs->user.pstate &= ~ARCH_BRANCH_TYPE;
	regs->user.regs[8] = (uint64_t)number;
	for (int i = 0; i < 6; i++)
		regs->user.regs[i] = args[i];
}

/* Returns the result of a system call that has returned: -errno from -4095 to -1. */
static inline long arch_result(const struct arch_regs *regs)
{
	return (long)regs->user.regs[0];
}

/* Lets a system call, at its entry, return without having done anything. Returns 0, or -1 with
 * errno. */
static inline int arch_skip_call(pid_t tid)
{
	int number = -1;
	struct iovec regset = { .iov_base = &number, .iov_len = sizeof number };

	return ptrace(PTRACE_SETREGSET, tid, (void *)ARCH_REGSET_SYSTEM_CALL, &regset) < 0 ? -1 : 0;
}

/* Takes over what a thread that was stopped before a system call goes on with: the number of the
 * call. Its other registers were right all along (and x7 is not, at the entry of a call). */
static inline void arch_take_restart(struct arch_regs *saved, const struct arch_regs *at_entry)
{
	saved->user.regs[8] = at_entry->user.regs[8];
}

/* The vector registers that have to be kept: a system call may discard the part of them that only
 * SVE knows, and leaves streaming mode. */
struct arch_vectors {
	/* 0 where nothing is saved. */
	uintptr_t regset;
	struct iovec data;
};

/* The kernel's struct user_sve_header. */
struct arch_sve_header {
	uint32_t size, max_size;
	uint16_t vl, max_vl, flags, reserved;
};

/* Saves the regset where it is the one in use. Returns 0, or -1 with errno. */
static inline int arch_save_regset(pid_t tid, struct arch_vectors *vectors, uintptr_t regset)
{
	struct arch_sve_header header;
	struct iovec found = { .iov_base = &header, .iov_len = sizeof header };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)regset, &found) < 0)
		return errno == EINVAL || errno == ENODEV || errno == EIO ? 0 : -1;
	if (!(header.flags & ARCH_SVE_REGS) || header.size <= sizeof header)
		return 0;
	vectors->data.iov_base = malloc(header.size);
	if (!vectors->data.iov_base)
		return -1;
	vectors->data.iov_len = header.size;
	if (ptrace(PTRACE_GETREGSET, tid, (void *)regset, &vectors->data) < 0) {
		free(vectors->data.iov_base);
		return -1;
	}
	vectors->regset = regset;
	return 0;
}

/* Saves the vector registers that a system call may discard. Returns 0, or -1 with errno. */
static inline int arch_save_vectors(pid_t tid, struct arch_vectors *vectors)
{
	vectors->regset = 0;
	if (arch_save_regset(tid, vectors, ARCH_REGSET_STREAMING_SVE) < 0)
		return -1;
	return vectors->regset ? 0 : arch_save_regset(tid, vectors, ARCH_REGSET_SVE);
}

/* Frees what was saved, if anything. */
static inline void arch_drop_vectors(struct arch_vectors *vectors)
{
	if (vectors->regset)
		free(vectors->data.iov_base);
	vectors->regset = 0;
}

/* Puts back what was saved, if anything, and frees it. */
static inline void arch_restore_vectors(pid_t tid, struct arch_vectors *vectors)
{
	if (vectors->regset)
		ptrace(PTRACE_SETREGSET, tid, (void *)vectors->regset, &vectors->data);
	arch_drop_vectors(vectors);
}

#endif
