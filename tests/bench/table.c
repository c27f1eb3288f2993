/* SPDX-License-Identifier: ISC */
/* Owns the rows that were printed, the verdicts, and the comparison with an earlier run. */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 100
#define NAME_SIZE 64
#define WORSE 1.2
/* begins the line that says where the rows were measured */
#define MACHINE "# machine: "

struct row {
	char name[NAME_SIZE];
	double value;
	enum table_bar kind;
	const char *unit;
};

static struct row rows[ROWS_MAX];
static size_t rows_len;
static unsigned bars, missed;

static int compare_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double table_median(double *values, size_t len)
{
	qsort(values, len, sizeof *values, compare_values);
	return len % 2 ? values[len / 2] : (values[len / 2 - 1] + values[len / 2]) / 2;
}

void table_title(const char *format, ...)
{
	va_list args;

	putchar('\n');
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static const char *verdict(enum table_bar kind, double value, double bar)
{
	bool met = false;

	switch (kind) {
	case TABLE_AT_MOST: met = value <= bar; break;
	case TABLE_AT_LEAST: met = value >= bar; break;
	case TABLE_NO_BAR: return "";
	}
	bars++;
	missed += !met;
	return met ? "pass" : "MISS";
}

/* The others are ratios, sizes and counts. */
static bool is_time(const char *unit)
{
	return strcmp(unit, "ms") == 0 || strcmp(unit, "ms/s") == 0 || strcmp(unit, "k/s") == 0;
}

static void remember(const char *name, double value, const char *unit, enum table_bar kind)
{
	if (kind == TABLE_NO_BAR || rows_len == ROWS_MAX)
		return;
	snprintf(rows[rows_len].name, NAME_SIZE, "%s", name);
	rows[rows_len].value = value;
	rows[rows_len].kind = kind;
	rows[rows_len].unit = unit;
	rows_len++;
}

void table_row(const char *name, double value, const char *unit, enum table_bar kind, double bar,
	       const char *detail)
{
	char wanted[32] = "";

	if (kind != TABLE_NO_BAR)
		snprintf(wanted, sizeof wanted, "%s %g", kind == TABLE_AT_MOST ? "<=" : ">=", bar);
	printf("  %-52s %9.2f %-4s %-7s %-4s  %s%s%s\n", name, value, unit, wanted,
	       verdict(kind, value, bar), is_time(unit) ? "absolute" : "",
	       is_time(unit) && detail ? ": " : "", detail ? detail : "");
	fflush(stdout);
	remember(name, value, unit, kind);
}

void table_save(const char *path, const char *run)
{
	FILE *file = fopen(path, "we");

	if (!file)
		bench_fail(path);
	fputs("# What `make bench` measured, row by row; BENCH_SAVE=1 make bench writes it anew.\n"
	      "# Rows in ms or k/s are compared only on such a machine:\n",
	      file);
	fprintf(file, MACHINE "%s\n# %s\n", machine_name(), run);
	for (size_t i = 0; i < rows_len; i++)
		fprintf(file, "%-52s %10.3f%s%s\n", rows[i].name, rows[i].value,
			rows[i].unit[0] ? " " : "", rows[i].unit);
	if (fclose(file) != 0)
		bench_fail(path);
	printf("\nsaved: %s\n", path);
}

/* The row that the line is about, and its value; or NULL. */
static const struct row *find_row(const char *line, double *value)
{
	for (size_t i = 0; i < rows_len; i++) {
		size_t len = strlen(rows[i].name);
		char *end;

		if (strncmp(line, rows[i].name, len) != 0 || line[len] != ' ')
			continue;
		*value = strtod(line + len, &end);
		if (end != line + len)
			return &rows[i];
	}
	return NULL;
}

static void compare_row(const struct row *row, double before)
{
	double worse = row->kind == TABLE_AT_MOST ? row->value / before : before / row->value;

	if (worse > WORSE)
		printf("  %-52s %9.2f     was %.2f: %.0f %% worse\n", row->name, row->value, before,
		       (worse - 1) * 100);
}

void table_compare(const char *path)
{
	bool same_machine = false;
	unsigned left_out = 0;
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	table_title("worse than %s by more than %.0f %%:", path, (WORSE - 1) * 100);
	while (fgets(line, sizeof line, file)) {
		const struct row *row;
		double before;

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, MACHINE, strlen(MACHINE)) == 0)
			same_machine = strcmp(line + strlen(MACHINE), machine_name()) == 0;
		row = find_row(line, &before);
		if (!row || before <= 0)
			continue;
		if (is_time(row->unit) && !same_machine)
			left_out++;
		else
			compare_row(row, before);
	}
	fclose(file);
	if (left_out > 0)
		printf("  not compared, for that was another machine: %u times\n", left_out);
}

void table_summary(void)
{
	printf("\nbench: %u bars, %u missed\n", bars, missed);
}
