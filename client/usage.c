/* SPDX-License-Identifier: ISC */
/* Owns the sum of what the processes of each service use; not what /proc looks like (procfs.h).
 * Invariant: each process is read once and counted at most once, for the service from which it
 * descends most closely. */
#include "client/usage.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/* How many programs a service may have at a time: run, its logging program, its finish. */
#define PROGRAMS 3

/* A process, and of which entry of the snapshot it is, once that is known. */
struct process {
	pid_t pid, parent;
	uint64_t cpu_ticks, resident_pages;
	int32_t owner;
};

#define OWNER_UNKNOWN (-1)
#define OWNER_NONE (-2)

struct processes {
	struct process *list;
	size_t len, size;
	/* There was no memory for one of them. */
	bool failed;
};

/* Adds a process where it belongs by its PID: mostly at the end, as the kernel lists them so. */
static void add_process(void *ctx, pid_t pid, const struct procfs_stat *stat)
{
	struct processes *all = ctx;
	size_t at;

	if (all->len == all->size) {
		size_t size = all->size * 2 + 64;
		struct process *list = realloc(all->list, size * sizeof *list);

		if (!list) {
			all->failed = true;
			return;
		}
		all->list = list;
		all->size = size;
	}
	for (at = all->len++; at > 0 && all->list[at - 1].pid > pid; at--)
		all->list[at] = all->list[at - 1];
	all->list[at] = (struct process){ .pid = pid,
					  .parent = stat->parent,
					  .cpu_ticks = stat->cpu_ticks,
					  .resident_pages = stat->resident_pages,
					  .owner = OWNER_UNKNOWN };
}

static int compare_processes(const void *one, const void *other)
{
	const struct process *first = one, *second = other;

	return (first->pid > second->pid) - (first->pid < second->pid);
}

static struct process *find(const struct processes *all, pid_t pid)
{
	struct process key = { .pid = pid };

	return bsearch(&key, all->list, all->len, sizeof key, compare_processes);
}

/* Marks each process that is a program of a service as that service's. Where one is not found, the
 * usage of the service is unknown. */
static void mark_programs(const struct processes *all, const struct snapshot *snapshot,
			  struct usage *usages)
{
	for (size_t i = 0; i < snapshot->len; i++) {
		const struct board_entry *entry = &snapshot->list[i].entry;
		const pid_t pids[PROGRAMS] = { entry->pid, entry->log_pid, entry->finish_pid };

		usages[i].known = true;
		for (size_t j = 0; j < PROGRAMS; j++) {
			struct process *process = pids[j] > 0 ? find(all, pids[j]) : NULL;

			if (process)
				process->owner = (int32_t)i;
			else if (pids[j] > 0)
				usages[i].known = false;
		}
	}
}

/* Finds out whose descendant the process is, and remembers that for all on the way. */
static int32_t find_owner(const struct processes *all, struct process *process)
{
	struct process *ancestor = process;
	int32_t owner;

	/* (A PID that was given to another process meanwhile could make a circle.) */
	for (size_t steps = 0; ancestor && ancestor->owner == OWNER_UNKNOWN; steps++)
		ancestor = steps < all->len ? find(all, ancestor->parent) : NULL;
	owner = ancestor ? ancestor->owner : OWNER_NONE;
	for (; process && process->owner == OWNER_UNKNOWN; process = find(all, process->parent))
		process->owner = owner;
	return owner;
}

static void add_up(const struct processes *all, struct usage *usages)
{
	uint64_t ticks_per_second = getauxval(AT_CLKTCK);
	uint64_t page_size = (uint64_t)getpagesize();

	for (size_t i = 0; i < all->len; i++) {
		const struct process *process = &all->list[i];
		int32_t owner = find_owner(all, &all->list[i]);

		if (owner < 0)
			continue;
		usages[owner].cpu_ms += process->cpu_ticks * 1000 / ticks_per_second;
		usages[owner].memory_bytes += process->resident_pages * page_size;
		usages[owner].processes++;
	}
}

struct usage *usage_measure(const struct procfs *proc, const struct snapshot *snapshot)
{
	struct processes all = { .list = malloc(sizeof *all.list), .size = 1 };
	struct usage *usages = calloc(snapshot->len + 1, sizeof *usages);

	if (!all.list || !usages) {
		free(all.list);
		free(usages);
		return NULL;
	}
	/* A part of them says nothing. */
	if (procfs_usable(proc) && (procfs_each_process(proc, add_process, &all) < 0 || all.failed))
		all.len = 0;
	mark_programs(&all, snapshot, usages);
	add_up(&all, usages);
	free(all.list);
	return usages;
}
