/* SPDX-License-Identifier: ISC */
/* Whether the kernel has killed a process of this container because memory ran out, as its control
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

/* The counts are read again after so many milliseconds. A kill counts as recent for at least that
 * long, and at most for twice as long. */
#define OOM_SAMPLE_MS 10000

struct oom_counts {
	/* Processes that were killed because memory ran out. */
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
	/* Its counts as of the reading before the last one, and as of the last one. */
	struct oom_counts counts, recent;
	/* When the last reading was, as of loop_now_ms(). */
	uint64_t sampled_ms;
};

/* Finds the control group that dinit is in, below cgroup_root ("/sys/fs/cgroup"), and notes its
 * count. Where it is not visible, as it can be with the host's namespace of control groups,
 * oom_has_killed knows nothing. */
void oom_open(struct oom *oom, const struct procfs *proc, const char *cgroup_root);

/* Forgets kills that are no longer recent: a worker that the kernel killed in the morning explains
 * no KILL in the evening. To be called often; reads the counts at most once in OOM_SAMPLE_MS. */
void oom_forget(struct oom *oom, uint64_t now_ms);

/* Returns whether the count of kills has grown: recently, and since this last returned true. The
 * kernel raises it before it sends KILL, so it has grown when the process is reaped. Where this is
 * true, *limit_bytes is the limit that was reached: that of the control group, or the smallest one
 * of those around it that are visible; 0 where none is known, as when the whole machine has run
 * out of memory. */
bool oom_has_killed(struct oom *oom, uint64_t *limit_bytes);

#endif
