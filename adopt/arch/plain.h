/* SPDX-License-Identifier: ISC */
/* Of a CPU on which a stop hides nothing, and the kernel keeps all vector registers over a system
 * call: there is nothing to be done. The contracts of the functions are those of aarch64.h. */
#ifndef DINIT_ARCH_PLAIN_H
#define DINIT_ARCH_PLAIN_H

#include <sys/types.h>

#define ARCH_HIDES_RESTART 0

struct arch_regs;

struct arch_vectors {
	char none;
};

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
