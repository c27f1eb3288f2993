/* SPDX-License-Identifier: ISC */
/* Loaded into the test programs of a guest (LD_PRELOAD): what they print goes out line by line,
 * so that dinit's time stamps say how long each test took, and the console of a guest that hangs
 * says where. */
#include <stdio.h>
#include <stdlib.h>

static __attribute__((constructor)) void print_linewise(void)
{
	/* not for what they start */
	unsetenv("LD_PRELOAD");
	setvbuf(stdout, NULL, _IOLBF, 0);
}
