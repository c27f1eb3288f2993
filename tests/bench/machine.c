/* SPDX-License-Identifier: ISC */
/* Owns what is said about the machine on which it is measured. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE 320

/* As /proc has it; on some processors there is none. */
static void read_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	while (file && fgets(line, sizeof line, file)) {
		const char *colon = strchr(line, ':');

		if (!colon || strncmp(line, "model name", 10) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(model, size, "%s", colon + 1 + strspn(colon + 1, " "));
		break;
	}
	if (file)
		fclose(file);
}

const char *machine_name(void)
{
	static char name[NAME_SIZE];
	struct utsname kernel;
	char model[96];

	if (uname(&kernel) < 0)
		bench_fail("uname");
	snprintf(model, sizeof model, "%s", kernel.machine);
	read_model(model, sizeof model);
	snprintf(name, sizeof name, "%s, %ld CPUs, %s %s", model, sysconf(_SC_NPROCESSORS_ONLN),
		 kernel.sysname, kernel.release);
	return name;
}

static double load_average(void)
{
	double load;

	return getloadavg(&load, 1) == 1 ? load : 0;
}

void machine_describe_run(const char *compiler, char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm today;
	char day[16] = "";

	if (gmtime_r(&now, &today))
		strftime(day, sizeof day, "%Y-%m-%d", &today);
	snprintf(text, size, "%s, load average %.1f, dinit-static by %s", day, load_average(),
		 compiler);
}

/* Rows of wall time need a free CPU for the writer, the program and the reader; rows of CPU time
 * hardly suffer. */
bool machine_is_busy(void)
{
	return load_average() > 1;
}
