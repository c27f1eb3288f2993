/* SPDX-License-Identifier: ISC */
/* How to make a system call by another thread's registers on x86-64 (syscall(2); the kernel's
 * arch/x86/entry/calling.h). The contracts of the functions are those of aarch64.h. */
#ifndef DINIT_ARCH_X86_64_H
#define DINIT_ARCH_X86_64_H

/* A stop within an interrupted system call shows the error code that asks for the restart, and
 * whoever puts the registers back as they were gets it: nothing is hidden (see aarch64.h). */
#include "adopt/arch/plain.h"

#include <stdint.h>
#include <sys/user.h>

#define ARCH_TRACES 1
/* The instruction "syscall". */
#define ARCH_CALL_INSN "\x0f\x05"
#define ARCH_CALL_INSN_LEN 2
#define ARCH_CALL_INSN_ALIGN 1

struct arch_regs {
	struct user_regs_struct user;
};

static inline uint64_t arch_pc(const struct arch_regs *regs)
{
	return regs->user.rip;
}

static inline void arch_set_call(struct arch_regs *regs, uint64_t insn, long number,
				 const uint64_t args[6])
{
	regs->user.rip = insn;
	regs->user.rax = (uint64_t)number;
	/* This says that there is no system call to be restarted on the way back to user mode. */
	regs->user.orig_rax = UINT64_MAX;
	regs->user.rdi = args[0];
	regs->user.rsi = args[1];
	regs->user.rdx = args[2];
	regs->user.r10 = args[3];
	regs->user.r8 = args[4];
	regs->user.r9 = args[5];
}

static inline long arch_result(const struct arch_regs *regs)
{
	return (long)regs->user.rax;
}

#endif
