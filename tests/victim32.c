/* SPDX-License-Identifier: ISC */
/* A 32-bit program for a 64-bit x86 machine, without a libc (built with -m32 -nostdlib -static):
 * says that it is ready, waits until it is told, prints its last words. Descriptors as
 * victim.c's. */
#include "victim.h"

static int call(int number, int fd, const void *data, int size)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(fd), "c"(data), "d"(size)
			 : "memory");
	return result;
}

void _start(void);

void _start(void)
{
	char byte;

	call(4, VICTIM_READY_FD, "r", 1);
	call(6, VICTIM_READY_FD, 0, 0);
	call(3, VICTIM_CONTROL_FD, &byte, 1);
	call(4, 1, "out 1\n", 6);
	call(4, 2, "err 1\n", 6);
	call(1, 0, 0, 0);
	__builtin_unreachable();
}
