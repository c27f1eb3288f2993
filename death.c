/* SPDX-License-Identifier: ISC */
/* Owns the words for an end because memory ran out; not the count of these (oom.h). Invariant:
 * where nothing is known of memory, nothing is said of it. */
#include "death.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* The index of MiB among the units. */
#define UNIT_MIB 2

/* Writes a limit in words to text, which has room for size bytes. People set such limits in whole
 * MiB or GiB, so a limit of 1536 MiB stays in MiB. */
static void add_limit(uint64_t limit, char *text, size_t size)
{
	static const char units[][6] = { "bytes", "KiB", "MiB", "GiB" };
	size_t unit = 0;

	while (unit + 1 < sizeof units / sizeof *units && limit >= 1024 &&
	       (unit < UNIT_MIB || limit % 1024 == 0)) {
		limit /= 1024;
		unit++;
	}
	snprintf(text, size, " (the container's limit is %" PRIu64 " %s)", limit, units[unit]);
}

void death_describe(struct oom *oom, int status, char text[DEATH_SIZE])
{
	uint64_t limit;
	size_t len;

	reaper_describe_status(status, text);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !oom_has_killed(oom, &limit))
		return;
	strcat(text, ", out of memory");
	len = strlen(text);
	if (limit > 0)
		add_limit(limit, text + len, DEATH_SIZE - len);
}
