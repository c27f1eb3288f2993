/* SPDX-License-Identifier: ISC */
/* Whether the kernel has killed a process of this container for want of memory, as its control
 * group (cgroups(7)) counts it. Nothing here waits: the files are the kernel's own, and what cannot
 * be read is not known. */
#ifndef DINIT_OOM_H
#define DINIT_OOM_H

#include "procfs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the path of a control group's directory, '\0' included. One that is longer is taken for
 * one that cannot be seen. */
#define OOM_PATH_SIZE 1024

struct oom_counts {
	/* Processes that were killed for want of memory. */
	uint64_t kills;
	/* How often the control group itself had reached its limit; always 0 in version 1. */
	uint64_t exceeded;
};

struct oom {
	/* The control group whose memory counts for dinit; "" where it cannot be seen. */
	char dir[OOM_PATH_SIZE];
	/* How many bytes of that are the directory where control groups are mounted. */
	size_t root_len;
	/* Version 2 of control groups. */
	bool unified;
	struct oom_counts counts;
};

/* Finds the control group that dinit is in, below cgroup_root ("/sys/fs/cgroup"), and notes its
 * count. Where it is not visible, as it can be with the host's namespace of control groups,
 * oom_has_killed knows nothing. */
void oom_open(struct oom *oom, const struct procfs *proc, const char *cgroup_root);

/* Returns whether the count has grown since oom_open, or since this was last true. The kernel
 * raises the count before it sends KILL, so whoever has reaped the process finds it raised. Where
 * it returns true, *limit_bytes is the limit that was reached: that of the control group, or the
 * smallest one of those around it that are visible; 0 where none is known, as when the whole
 * machine has run out of memory. */
bool oom_has_killed(struct oom *oom, uint64_t *limit_bytes);

#endif
