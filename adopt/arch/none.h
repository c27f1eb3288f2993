/* SPDX-License-Identifier: ISC */
/* A CPU on which we do not know how to make system calls in another process: nothing is traced, and
 * nothing here is called. The contracts of the functions are those of aarch64.h. */
#ifndef DINIT_ARCH_NONE_H
#define DINIT_ARCH_NONE_H

#include "adopt/arch/plain.h"

#include <stdint.h>
#include <sys/syscall.h>

/* 32-bit processors have the one or the other. */
#ifndef SYS_mmap
#define SYS_mmap SYS_mmap2
#endif

#define ARCH_TRACES 0
#define ARCH_CALL_INSN "\0"
#define ARCH_CALL_INSN_LEN 1
#define ARCH_CALL_INSN_ALIGN 1

struct arch_regs {
	char none;
};

static inline uint64_t arch_pc(const struct arch_regs *regs)
{
	return (uint64_t)regs->none;
}

static inline void arch_set_call(struct arch_regs *regs, uint64_t insn, long number,
				 const uint64_t args[6])
{
	regs->none = (char)(insn + (uint64_t)number + args[0]);
}

static inline long arch_result(const struct arch_regs *regs)
{
	return regs->none;
}

#endif
