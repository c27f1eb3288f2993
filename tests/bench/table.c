/* SPDX-License-Identifier: ISC */
/* Owns the rows that were printed, the verdicts, and the comparison with an earlier run. */
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 100
#define NAME_SIZE 64
#define WORSE 1.2

struct row {
	char name[NAME_SIZE];
	double value;
	enum table_bar kind;
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

static void remember(const char *name, double value, enum table_bar kind)
{
	if (kind == TABLE_NO_BAR || rows_len == ROWS_MAX)
		return;
	snprintf(rows[rows_len].name, NAME_SIZE, "%s", name);
	rows[rows_len].value = value;
	rows[rows_len].kind = kind;
	rows_len++;
}

void table_row(const char *name, double value, const char *unit, enum table_bar kind, double bar,
	       const char *detail)
{
	char wanted[32] = "";

	if (kind != TABLE_NO_BAR)
		snprintf(wanted, sizeof wanted, "%s %g", kind == TABLE_AT_MOST ? "<=" : ">=", bar);
	printf("  %-52s %9.2f %-3s %-9s %-4s  %s\n", name, value, unit, wanted,
	       verdict(kind, value, bar), detail ? detail : "");
	fflush(stdout);
	remember(name, value, kind);
}

static void save_rows(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		bench_fail(path);
	fputs("# What `make bench` measured, row by row; BENCH_SAVE=1 make bench writes it anew.\n",
	      file);
	for (size_t i = 0; i < rows_len; i++)
		fprintf(file, "%-52s %.3f\n", rows[i].name, rows[i].value);
	if (fclose(file) != 0)
		bench_fail(path);
	printf("\nsaved: %s\n", path);
}

static void compare_row(const char *name, double before)
{
	for (size_t i = 0; i < rows_len; i++) {
		double worse = rows[i].kind == TABLE_AT_MOST ? rows[i].value / before
							     : before / rows[i].value;

		if (strcmp(rows[i].name, name) == 0 && worse > WORSE)
			printf("  %-52s %9.2f     was %.2f: %.0f %% worse\n", name, rows[i].value,
			       before, (worse - 1) * 100);
	}
}

void table_compare(const char *path, bool save)
{
	char line[256];
	FILE *file;

	if (save) {
		save_rows(path);
		return;
	}
	file = fopen(path, "re");
	if (!file)
		return;
	table_title("worse than %s by more than %.0f %%:", path, (WORSE - 1) * 100);
	while (fgets(line, sizeof line, file)) {
		char *space = strrchr(line, ' ');
		double before;
		size_t len;

		if (line[0] == '#' || !space)
			continue;
		before = strtod(space, NULL);
		for (len = (size_t)(space - line); len > 0 && line[len - 1] == ' '; len--)
			;
		line[len] = '\0';
		if (before > 0)
			compare_row(line, before);
	}
	fclose(file);
}

void table_summary(void)
{
	printf("\nbench: %u bars, %u missed\n", bars, missed);
}
