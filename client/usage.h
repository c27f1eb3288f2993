/* SPDX-License-Identifier: ISC */
/* What services use of the machine, as /proc tells it. */
#ifndef DINIT_CLIENT_USAGE_H
#define DINIT_CLIENT_USAGE_H

#include "client/view.h"
#include "procfs.h"

#include <stdbool.h>
#include <stdint.h>

/* What the processes of one service use: its programs, and all that descend from them. */
struct usage {
	/* False where /proc is not to be seen, or does not show them to this user. Where no program
	 * of the service runs it is true, and all else 0. */
	bool known;
	/* Processor time so far, with that of children that were waited for. */
	uint64_t cpu_ms;
	/* Resident; what two of them share counts twice. */
	uint64_t memory_bytes;
	uint32_t processes;
};

/* Measures all services and adopted processes of the snapshot, in one pass over the processes that
 * there are. Returns one struct usage for each entry of snapshot->list, to be freed by the
 * caller, or NULL where there is no memory. */
struct usage *usage_measure(const struct procfs *proc, const struct snapshot *snapshot);

#endif
