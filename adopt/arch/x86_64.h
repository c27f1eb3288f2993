/* SPDX-License-Identifier: ISC */
/* System calls in another process's registers: x86-64 (the kernel's arch/x86/entry/calling.h,
 * syscall(2)). */
#ifndef DINIT_ARCH_X86_64_H
#define DINIT_ARCH_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define ARCH_TRACES 1
/* syscall */
#define ARCH_CALL_INSN "\x0f\x05"
#define ARCH_CALL_INSN_LEN 2
#define ARCH_CALL_INSN_ALIGN 1

/* Whether a stop within a system call shows the registers with the restart already prepared (see
 * aarch64.h). Here they show the error code that asks for it, and whoever puts them back as they
 * were gets the restart. */
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
	/* No system call that would be restarted on the way back to user mode. */
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

/* Never called, as no restart is hidden. */
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

/* The kernel keeps all vector state over a system call. */
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
