/* SPDX-License-Identifier: ISC */
/* Owns the table for people, and the judgement that the exit status is; not where that comes from
 * (view.h, usage.h). Invariant: no line is wider than the terminal, or 80 columns where there is
 * none or it is narrower, unless it begins with a word that is. */
#include "client/status.h"

#include "client/pick.h"
#include "client/statusjson.h"
#include "client/usage.h"
#include "client/view.h"
#include "process.h"
#include "procfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH 80
/* Between two columns. */
#define GAP 2
/* What is left for the reasons, however long the names are. */
#define REASON_WIDTH_MIN 16
#define ELLIPSIS "..."
#define ELLIPSIS_WIDTH 3

static const struct procfs proc = { .root = "/proc" };

/* ---- times and amounts ---- */

/* Room for one field of the table. */
#define CELL_SIZE 24

/* Writes a time as "12s", "3m12s", "5h3m" or "3d5h". */
static void write_time(char cell[CELL_SIZE], uint64_t ms)
{
	uint64_t s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;

	if (m == 0)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "s", s);
	else if (h == 0)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "m%" PRIu64 "s", m, s % 60);
	else if (d == 0)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "h%" PRIu64 "m", h, m % 60);
	else
		snprintf(cell, CELL_SIZE, "%" PRIu64 "d%" PRIu64 "h", d, h % 24);
}

/* Writes the time of processors: below a minute with its tenths, "0.4s". */
static void write_cpu_time(char cell[CELL_SIZE], uint64_t ms)
{
	if (ms >= 60000)
		write_time(cell, ms);
	else
		snprintf(cell, CELL_SIZE, "%" PRIu64 ".%" PRIu64 "s", ms / 1000, ms / 100 % 10);
}

/* Writes an amount in at most five characters ("999", "12.3k", "1023M"), where a unit is so many of
 * the one before it. */
static void write_amount(char cell[CELL_SIZE], uint64_t amount, uint64_t unit)
{
	static const char units[] = "kMGTPE";
	uint64_t rest = 0;
	size_t i = 0;

	if (amount < unit) {
		snprintf(cell, CELL_SIZE, "%" PRIu64, amount);
		return;
	}
	for (; amount >= unit; i++) {
		rest = amount % unit;
		amount /= unit;
	}
	if (amount < 100)
		snprintf(cell, CELL_SIZE, "%" PRIu64 ".%" PRIu64 "%c", amount, rest * 10 / unit,
			 units[i - 1]);
	else
		snprintf(cell, CELL_SIZE, "%" PRIu64 "%c", amount, units[i - 1]);
}

/* ---- the table ---- */

/* The columns between NAME and REASON. */
enum column {
	COLUMN_STATE,
	COLUMN_PID,
	COLUMN_FOR,
	COLUMN_CPU,
	COLUMN_MEMORY,
	COLUMN_LINES,
	COLUMNS,
};

struct row {
	char cells[COLUMNS][CELL_SIZE];
};

static const struct row head = { {
	[COLUMN_STATE] = "STATE",
	[COLUMN_PID] = "PID",
	[COLUMN_FOR] = "FOR",
	[COLUMN_CPU] = "CPU",
	[COLUMN_MEMORY] = "MEMORY",
	[COLUMN_LINES] = "LINES",
} };

struct table {
	FILE *to;
	bool coloured;
	size_t name_width, widths[COLUMNS], reason_width;
};

/* Fills the row of a service. usage may be NULL. */
static void fill_row(struct row *row, const struct view_service *service, const struct usage *usage)
{
	const struct board_entry *entry = &service->entry;
	int32_t pid = entry->pid > 0 ? entry->pid : entry->finish_pid;

	for (size_t i = 0; i < COLUMNS; i++)
		strcpy(row->cells[i], "-");
	strcpy(row->cells[COLUMN_STATE], view_state_word(entry->state));
	if (pid > 0)
		snprintf(row->cells[COLUMN_PID], CELL_SIZE, "%" PRId32, pid);
	write_time(row->cells[COLUMN_FOR], view_age_ms(&entry->since));
	if (usage && usage->known && usage->processes > 0) {
		write_cpu_time(row->cells[COLUMN_CPU], usage->cpu_ms);
		write_amount(row->cells[COLUMN_MEMORY], usage->memory_bytes, 1024);
	}
	write_amount(row->cells[COLUMN_LINES], entry->streams[0].lines + entry->streams[1].lines,
		     1000);
}

/* Returns how many characters the text has. */
static size_t count_chars(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

/* Prints the text in so many columns, with spaces behind it, or cut with an ellipsis. */
static void print_text(FILE *to, const char *text, size_t width)
{
	size_t count = count_chars(text), keep = count;

	if (count > width)
		keep = width > ELLIPSIS_WIDTH ? width - ELLIPSIS_WIDTH : 0;
	for (size_t printed = 0; *text; text++) {
		printed += (*text & 0xc0) != 0x80;
		if (printed > keep)
			break;
		fputc(*text, to);
	}
	if (count > width)
		fputs(ELLIPSIS, to);
	else
		fprintf(to, "%*s", (int)(width - count), "");
}

/* Returns the colour of a state on a terminal (ECMA-48, SGR). */
static const char *choose_colour(enum board_state state)
{
	switch (state) {
	case BOARD_READY: return "\033[32m";
	case BOARD_STARTING:
	case BOARD_STOPPING:
	case BOARD_FINISHING: return "\033[33m";
	case BOARD_UNREADY:
	case BOARD_ENDED: return "\033[31m";
	case BOARD_DISABLED:
	case BOARD_DOWN:
	case BOARD_SKIPPED:
	case BOARD_STATES: break;
	}
	return "\033[2m";
}

static void print_row(const struct table *table, const char *name, const struct row *row,
		      const char *colour, const char *reason)
{
	FILE *to = table->to;

	print_text(to, name, table->name_width);
	fprintf(to, "  %s%-*s%s", colour, (int)table->widths[COLUMN_STATE],
		row->cells[COLUMN_STATE], *colour ? "\033[0m" : "");
	for (size_t i = COLUMN_PID; i < COLUMNS; i++)
		fprintf(to, "  %*s", (int)table->widths[i], row->cells[i]);
	if (*reason) {
		fputs("  ", to);
		print_text(to, reason,
			   count_chars(reason) < table->reason_width ? count_chars(reason)
								     : table->reason_width);
	}
	fputc('\n', to);
}

static void widen(size_t *width, size_t other)
{
	if (other > *width)
		*width = other;
}

static void widen_columns(struct table *table, const struct row *row)
{
	for (size_t i = 0; i < COLUMNS; i++)
		widen(&table->widths[i], strlen(row->cells[i]));
}

/* Decides how wide the columns are, in a line of that width: the reasons get what is left. */
static void lay_out(struct table *table, size_t width, const struct snapshot *snapshot,
		    const struct usage *usages)
{
	size_t taken = GAP, reason_width = strlen("REASON");

	table->name_width = strlen("NAME");
	widen_columns(table, &head);
	for (size_t i = 0; i < snapshot->len; i++) {
		struct row row;

		fill_row(&row, &snapshot->list[i], usages ? &usages[i] : NULL);
		widen_columns(table, &row);
		widen(&table->name_width, count_chars(snapshot->list[i].name));
		widen(&reason_width, count_chars(snapshot->list[i].reason));
	}
	for (size_t i = 0; i < COLUMNS; i++)
		taken += GAP + table->widths[i];
	if (reason_width > REASON_WIDTH_MIN)
		reason_width = REASON_WIDTH_MIN;
	/* (All that is neither a name nor a reason has at most some 60 columns.) */
	if (table->name_width > width - taken - reason_width)
		table->name_width = width - taken - reason_width;
	table->reason_width = width - taken - table->name_width;
}

static void print_table(struct table *table, const struct snapshot *snapshot,
			const struct usage *usages)
{
	print_row(table, "NAME", &head, "", "REASON");
	for (size_t i = 0; i < snapshot->len; i++) {
		const struct view_service *service = &snapshot->list[i];
		struct row row;

		fill_row(&row, service, usages ? &usages[i] : NULL);
		print_row(table, service->name, &row,
			  table->coloured ? choose_colour(service->entry.state) : "",
			  service->reason);
	}
}

/* ---- what stands above it ---- */

/* Prints the text in lines of at most that width, broken at spaces. */
static void print_wrapped(FILE *to, const char *text, size_t width)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " "), chars = 0;

		for (size_t i = 0; i < len; i++)
			chars += (text[i] & 0xc0) != 0x80;
		if (column > 0 && column + 1 + chars > width) {
			fputc('\n', to);
			column = 0;
		} else if (column > 0) {
			fputc(' ', to);
			column++;
		}
		fwrite(text, 1, len, to);
		column += chars;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', to);
}

/* Writes how many services are not ready. */
static void describe_missing(char *text, size_t size, const struct snapshot *snapshot)
{
	size_t missing = 0, counted = 0;

	for (size_t i = 0; i < snapshot->services; i++) {
		uint32_t state = snapshot->list[i].entry.state;

		missing += view_is_missing(&snapshot->list[i]);
		counted += state != BOARD_DOWN && state != BOARD_SKIPPED;
	}
	if (missing == 0)
		snprintf(text, size, "all services are ready");
	else
		snprintf(text, size, "%zu of %zu service%s %s not ready", missing, counted,
			 counted == 1 ? "" : "s", missing == 1 ? "is" : "are");
}

/* Says so where dinit itself stands still: what it shows is how it was then. */
static void print_stopped(FILE *to, pid_t pid)
{
	struct procfs_stat stat;

	if (procfs_usable(&proc) && procfs_read_stat(&proc, pid, &stat) == 0 && stat.state == 'T')
		fprintf(to, "dinit is stopped by a signal (kill -CONT %d lets it go on)\n",
			(int)pid);
}

/* Prints one sentence on dinit as a whole: why it stops, or, where all services are shown, how many
 * are not ready. */
static void print_whole(FILE *to, const struct snapshot *whole, bool all_shown, size_t width)
{
	const struct board_header *header = &whole->header;
	bool stops = header->state >= BOARD_WHOLE_DELAYING;
	char text[2 * VIEW_TEXT_SIZE], missing[80] = "", time[CELL_SIZE];
	const char *more = stops && header->cause[0] ? header->cause : missing;

	if (all_shown)
		describe_missing(missing, sizeof missing, whole);
	write_time(time, view_age_ms(stops ? &header->since : &header->started));
	snprintf(text, sizeof text, "dinit %s (PID %d), %s%s for %s%s%s", header->dinit_version,
		 (int)header->pid, view_whole_word(header->state),
		 header->state == BOARD_WHOLE_DELAYING ? " its stop" : "", time, *more ? ": " : "",
		 more);
	print_wrapped(to, text, width);
}

/* ---- which services ---- */

/* Makes a snapshot of only the services of those names, in that order, of which chosen->list is to
 * be freed. Returns 0, or -1 where there is no such service, or no memory, which was said. */
static int choose(const struct snapshot *whole, char *const *names, struct snapshot *chosen)
{
	size_t len = 0;

	while (names[len])
		len++;
	*chosen = *whole;
	chosen->list = calloc(len, sizeof *chosen->list);
	if (!chosen->list) {
		fputs("dinit: there is no memory\n", stderr);
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		const struct view_service *service = pick_service(whole, names[i]);

		if (!service) {
			free(chosen->list);
			return -1;
		}
		chosen->list[i] = *service;
	}
	chosen->len = len;
	return 0;
}

/* Returns whether all services of the snapshot are ready or done. */
static bool are_good(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->len; i++) {
		const struct view_service *service = &snapshot->list[i];

		if (service->entry.state != BOARD_READY &&
		    !(service->entry.flags & BOARD_FLAG_DONE))
			return false;
	}
	return true;
}

/* ---- all together ---- */

/* Prints the table of the snapshot to stdout, which is the whole one, or a part of it. */
static void print_for_people(const struct snapshot *whole, const struct snapshot *snapshot,
			     const struct usage *usages)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool on_terminal = isatty(STDOUT_FILENO) == 1;
	struct table table = { .to = stdout };
	struct winsize size;
	size_t width = WIDTH;

	table.coloured = on_terminal && (!no_color || !*no_color) && term && *term &&
			 strcmp(term, "dumb") != 0;
	if (on_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > WIDTH)
		width = size.ws_col;
	print_stopped(stdout, whole->header.pid);
	print_whole(stdout, whole, snapshot == whole, width);
	lay_out(&table, width, snapshot, usages);
	print_table(&table, snapshot, usages);
}

/* Prints the services that were chosen (of chosen->list) of the whole snapshot. */
static void print(bool as_json, const struct snapshot *whole, const struct snapshot *chosen)
{
	struct usage *usages = usage_measure(&proc, chosen);

	if (as_json)
		statusjson_print(stdout, chosen, usages);
	else
		print_for_people(whole, chosen, usages);
	free(usages);
}

/* Prints the snapshot, or those of its services that have names. Returns the exit status. */
static int report(bool as_json, const struct snapshot *snapshot, char *const *names)
{
	struct snapshot chosen;
	bool good;

	if (!*names) {
		print(as_json, snapshot, snapshot);
		return snapshot->header.ready ? PROCESS_STATUS_STOPPED : PROCESS_STATUS_UNABLE;
	}
	if (choose(snapshot, names, &chosen) < 0)
		return PROCESS_STATUS_UNABLE;
	print(as_json, snapshot, &chosen);
	good = are_good(&chosen);
	free(chosen.list);
	return good ? PROCESS_STATUS_STOPPED : PROCESS_STATUS_UNABLE;
}

int status_run(char *const *arguments, pid_t pid)
{
	struct snapshot snapshot;
	char why[VIEW_WHY_SIZE];
	bool as_json = *arguments && strcmp(*arguments, "--json") == 0;
	int status;

	if (as_json)
		arguments++;
	if (view_look(pid, &snapshot, why) < 0)
		return view_fail(why);
	status = report(as_json, &snapshot, arguments);
	snapshot_free(&snapshot);
	return status;
}
