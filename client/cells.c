/* SPDX-License-Identifier: ISC */
/* Owns what people read of a snapshot: the words and numbers of a row, and the sentences about
 * dinit as a whole; not where they are shown (status.h, page.h). Invariant: a cell is never empty,
 * and holds nothing that others chose. */
#include "client/cells.h"

#include "procfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- times and amounts ---- */

/* Writes a time as "12s", "3m12s", "5h3m" or "3d5h". */
static void write_time(char cell[CELLS_SIZE], uint64_t ms)
{
	uint64_t s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;

	if (m == 0)
		snprintf(cell, CELLS_SIZE, "%" PRIu64 "s", s);
	else if (h == 0)
		snprintf(cell, CELLS_SIZE, "%" PRIu64 "m%" PRIu64 "s", m, s % 60);
	else if (d == 0)
		snprintf(cell, CELLS_SIZE, "%" PRIu64 "h%" PRIu64 "m", h, m % 60);
	else
		snprintf(cell, CELLS_SIZE, "%" PRIu64 "d%" PRIu64 "h", d, h % 24);
}

/* Writes the time of processors: below a minute with its tenths, "0.4s". */
static void write_cpu_time(char cell[CELLS_SIZE], uint64_t ms)
{
	if (ms >= 60000)
		write_time(cell, ms);
	else
		snprintf(cell, CELLS_SIZE, "%" PRIu64 ".%" PRIu64 "s", ms / 1000, ms / 100 % 10);
}

/* Writes an amount in at most five characters ("999", "12.3k", "1023M"). Each unit is that many
 * times the one before it (1000, or 1024). */
static void write_amount(char cell[CELLS_SIZE], uint64_t amount, uint64_t unit)
{
	static const char units[] = "kMGTPE";
	uint64_t rest = 0;
	size_t i = 0;

	if (amount < unit) {
		snprintf(cell, CELLS_SIZE, "%" PRIu64, amount);
		return;
	}
	for (; amount >= unit; i++) {
		rest = amount % unit;
		amount /= unit;
	}
	if (amount < 100)
		snprintf(cell, CELLS_SIZE, "%" PRIu64 ".%" PRIu64 "%c", amount, rest * 10 / unit,
			 units[i - 1]);
	else
		snprintf(cell, CELLS_SIZE, "%" PRIu64 "%c", amount, units[i - 1]);
}

/* ---- the row ---- */

const struct cells *cells_head(void)
{
	static const struct cells head = { {
		[CELLS_STATE] = "STATE",
		[CELLS_PID] = "PID",
		[CELLS_FOR] = "FOR",
		[CELLS_CPU] = "CPU",
		[CELLS_MEMORY] = "MEMORY",
		[CELLS_LINES] = "LINES",
	} };

	return &head;
}

int32_t cells_find_pid(const struct view_service *service)
{
	return service->entry.pid > 0 ? service->entry.pid : service->entry.finish_pid;
}

void cells_fill(struct cells *cells, const struct view_service *service, const struct usage *usage)
{
	const struct board_entry *entry = &service->entry;
	int32_t pid = cells_find_pid(service);

	for (size_t i = 0; i < CELLS_COLUMNS; i++)
		strcpy(cells->texts[i], "-");
	strcpy(cells->texts[CELLS_STATE], view_state_word(entry->state));
	if (pid > 0)
		snprintf(cells->texts[CELLS_PID], CELLS_SIZE, "%" PRId32, pid);
	write_time(cells->texts[CELLS_FOR], view_age_ms(&entry->since));
	if (usage && usage->known && usage->processes > 0) {
		write_cpu_time(cells->texts[CELLS_CPU], usage->cpu_ms);
		write_amount(cells->texts[CELLS_MEMORY], usage->memory_bytes, 1024);
	}
	write_amount(cells->texts[CELLS_LINES], entry->streams[0].lines + entry->streams[1].lines,
		     1000);
}

/* ---- the whole ---- */

/* Writes how many services are not ready. */
static void describe_missing(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot)
{
	size_t missing = 0, counted = 0;

	for (size_t i = 0; i < snapshot->services; i++) {
		uint32_t state = snapshot->list[i].entry.state;

		missing += view_is_missing(&snapshot->list[i]);
		counted += state != BOARD_DOWN && state != BOARD_SKIPPED;
	}
	if (missing == 0)
		strcpy(text, "all services are ready");
	else
		snprintf(text, CELLS_BRIEF_SIZE, "%zu of %zu service%s %s not ready", missing,
			 counted, counted == 1 ? "" : "s", missing == 1 ? "is" : "are");
}

void cells_describe_state(char text[CELLS_BRIEF_SIZE], enum board_whole state)
{
	snprintf(text, CELLS_BRIEF_SIZE, "%s%s", view_whole_word(state),
		 state == BOARD_WHOLE_DELAYING ? " its stop" : "");
}

void cells_describe_whole(char text[CELLS_WHOLE_SIZE], const struct snapshot *snapshot,
			  bool counted)
{
	const struct board_header *header = &snapshot->header;
	bool stops = header->state >= BOARD_WHOLE_DELAYING;
	char missing[CELLS_BRIEF_SIZE] = "", state[CELLS_BRIEF_SIZE], time[CELLS_SIZE];
	const char *more = stops && header->cause[0] ? header->cause : missing;

	if (counted)
		describe_missing(missing, snapshot);
	cells_describe_state(state, header->state);
	write_time(time, view_age_ms(stops ? &header->since : &header->started));
	snprintf(text, CELLS_WHOLE_SIZE, "dinit %s (PID %d), %s for %s%s%s", header->dinit_version,
		 (int)header->pid, state, time, *more ? ": " : "", more);
}

void cells_describe_briefly(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot)
{
	if (snapshot->header.state >= BOARD_WHOLE_DELAYING)
		cells_describe_state(text, snapshot->header.state);
	else
		describe_missing(text, snapshot);
}

/* ---- what stands beside the table, where there is a reason ---- */

void cells_describe_stopped(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot)
{
	static const struct procfs proc = { .root = "/proc" };
	pid_t pid = snapshot->header.pid;
	struct procfs_stat stat;

	*text = '\0';
	if (procfs_usable(&proc) && procfs_read_stat(&proc, pid, &stat) == 0 && stat.state == 'T')
		snprintf(text, CELLS_BRIEF_SIZE,
			 "dinit is stopped by a signal (kill -CONT %d lets it go on)", (int)pid);
}

void cells_describe_unlisted(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot)
{
	uint64_t unlisted = snapshot->header.counts.adopted_unlisted;

	*text = '\0';
	if (unlisted > 0)
		snprintf(text, CELLS_BRIEF_SIZE, "%" PRIu64 " more adopted process%s not listed",
			 unlisted, unlisted == 1 ? " is" : "es are");
}
