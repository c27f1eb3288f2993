/* SPDX-License-Identifier: ISC */
/* How to make a system call by another thread's registers on x86-64 (syscall(2); the kernel's
 * arch/x86/entry/calling.h). The contracts of the functions are those of aarch64.h. */
#ifndef DINIT_ARCH_X86_64_H
#define DINIT_ARCH_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define ARCH_TRACES 1
/* The instruction "syscall". */
#define ARCH_CALL_INSN "\x0f\x05"
#define ARCH_CALL_INSN_LEN 2
#define ARCH_CALL_INSN_ALIGN 1

/* A stop within an interrupted system call shows the error code that asks for the restart, and
 * whoever puts the registers back as they were gets it: nothing is hidden (see aarch64.h). */
#define ARCH_HIDES_RESTART 0

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

/* Is never called, as no restart is hidden. */
static inline int arch_skip_call(pid_t tid)
{
	(void)tid;
	return -1;
}

static inline void arch_take_restart(struct arch_regs *saved, const struct arch_regs *at_entry)
{
	(void)saved;
	(void)at_entry;
}

/* Nothing, as the kernel keeps all vector registers over a system call. */
struct arch_vectors {
	char none;
};

static inline int arch_save_vectors(pid_t tid, struct arch_vectors *vectors)
{
	(void)tid;
	(void)vectors;
	return 0;
}

static inline void arch_restore_vectors(pid_t tid, struct arch_vectors *vectors)
{
	(void)tid;
	(void)vectors;
}

static inline void arch_drop_vectors(struct arch_vectors *vectors)
{
	(void)vectors;
}

#endif
