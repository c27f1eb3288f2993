/* SPDX-License-Identifier: ISC */
/* Owns the table for people, and the judgement that the exit status is; not where that comes from
 * (view.h, usage.h). Invariant: no line is wider than the terminal, or 80 columns where there is
 * none or it is narrower, unless it begins with a word that is; but where there is none, a reason
 * is whole, however long it is. */
#include "client/status.h"

#include "client/cells.h"
#include "client/pick.h"
#include "client/statusjson.h"
#include "client/usage.h"
#include "client/view.h"
#include "process.h"
#include "procfs.h"

#include <inttypes.h>
#include <stdint.h>
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

/* ---- the table ---- */

struct table {
	FILE *to;
	bool coloured;
	size_t name_width, widths[CELLS_COLUMNS], reason_width;
};

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

static void print_row(const struct table *table, const char *name, const struct cells *cells,
		      const char *colour, const char *reason)
{
	FILE *to = table->to;

	print_text(to, name, table->name_width);
	fprintf(to, "  %s%-*s%s", colour, (int)table->widths[CELLS_STATE],
		cells->texts[CELLS_STATE], *colour ? "\033[0m" : "");
	for (size_t i = CELLS_PID; i < CELLS_COLUMNS; i++)
		fprintf(to, "  %*s", (int)table->widths[i], cells->texts[i]);
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

static void widen_columns(struct table *table, const struct cells *cells)
{
	for (size_t i = 0; i < CELLS_COLUMNS; i++)
		widen(&table->widths[i], strlen(cells->texts[i]));
}

/* Decides how wide the columns are, in a line of that width: the reasons get what is left. */
static void lay_out(struct table *table, size_t width, const struct snapshot *snapshot,
		    const struct usage *usages)
{
	size_t taken = GAP, reason_width = strlen("REASON");

	table->name_width = strlen("NAME");
	widen_columns(table, cells_head());
	for (size_t i = 0; i < snapshot->len; i++) {
		struct cells cells;

		cells_fill(&cells, &snapshot->list[i], usages ? &usages[i] : NULL);
		widen_columns(table, &cells);
		widen(&table->name_width, count_chars(snapshot->list[i].name));
		widen(&reason_width, count_chars(snapshot->list[i].reason));
	}
	for (size_t i = 0; i < CELLS_COLUMNS; i++)
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
	print_row(table, "NAME", cells_head(), "", "REASON");
	for (size_t i = 0; i < snapshot->len; i++) {
		const struct view_service *service = &snapshot->list[i];
		struct cells cells;

		cells_fill(&cells, service, usages ? &usages[i] : NULL);
		print_row(table, service->name, &cells,
			  table->coloured ? choose_colour(service->entry.state) : "",
			  service->reason);
	}
}

/* ---- what stands above and below it ---- */

/* Prints the text as a line, if there is one. */
static void print_line(FILE *to, const char *text)
{
	if (*text)
		fprintf(to, "%s\n", text);
}

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
		for (text += len; *text == ' '; text++)
			;
	}
	fputc('\n', to);
}

/* ---- which services ---- */

/* Makes a snapshot of only the services of those names, in that order, each once, of which
 * chosen->list is to be freed. Returns 0, or -1 where there is no such service, or no memory, which
 * was said. */
static int choose(const struct snapshot *whole, char *const *names, struct snapshot *chosen)
{
	size_t len = 0;

	while (names[len])
		len++;
	*chosen = *whole;
	chosen->len = 0;
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
		if (!snapshot_find(chosen, service->name))
			chosen->list[chosen->len++] = *service;
	}
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
	char sentence[CELLS_WHOLE_SIZE], brief[CELLS_BRIEF_SIZE];
	struct winsize size;
	size_t width = WIDTH;

	table.coloured = on_terminal && (!no_color || !*no_color) && term && *term &&
			 strcmp(term, "dumb") != 0;
	if (on_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > WIDTH)
		width = size.ws_col;
	cells_describe_stopped(brief, whole);
	print_line(stdout, brief);
	cells_describe_whole(sentence, whole, snapshot == whole);
	print_wrapped(stdout, sentence, width);
	lay_out(&table, width, snapshot, usages);
	if (!on_terminal)
		table.reason_width = SIZE_MAX;
	print_table(&table, snapshot, usages);
	cells_describe_unlisted(brief, whole);
	if (snapshot == whole)
		print_line(stdout, brief);
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

/* Returns whether one of them looks like an option, and not like the name of an adopted process. As
 * with --wait, no service is asked for by a name that begins so. */
static bool has_option(char *const *names)
{
	for (; *names; names++)
		if (**names == '-' && !strchr(*names, '/'))
			return true;
	return false;
}

int status_run(char *const *arguments, pid_t pid)
{
	struct snapshot snapshot;
	char why[VIEW_WHY_SIZE];
	bool as_json = *arguments && strcmp(*arguments, "--json") == 0;
	int status;

	if (as_json)
		arguments++;
	if (has_option(arguments))
		return -1;
	if (view_look(pid, &snapshot, why) < 0)
		return view_fail(why);
	status = report(as_json, &snapshot, arguments);
	snapshot_free(&snapshot);
	return status;
}
