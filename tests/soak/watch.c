/* SPDX-License-Identifier: ISC */
/* Owns the samples; not what is too much. */
#include "watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* the children's numbers are the longest of what is read */
#define TEXT_SIZE (256 * 1024)
/* the shadow memory alone is larger */
#define SANITIZER_VM_KB (1L << 30)

/* Of /proc/<pid>/<name>. Returns NULL where there is nothing. */
static const char *read_proc(pid_t pid, const char *name)
{
	static char text[TEXT_SIZE];
	char path[80];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return n < 0 ? NULL : text;
}

static long read_field(pid_t pid, const char *file, const char *field)
{
	const char *text = read_proc(pid, file), *at = text ? strstr(text, field) : NULL;

	return at ? strtol(at + strlen(field), NULL, 10) : 0;
}

static long count_fds(pid_t pid)
{
	char path[64];
	long count = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	/* . and .. */
	return count - 2;
}

/* Returns the state; 0: there is no such process. */
static char read_stat(pid_t pid, uint64_t *start_time, double *cpu_s)
{
	const char *text = read_proc(pid, "stat"), *at = text ? strrchr(text, ')') : NULL;
	unsigned long long user, system, start;
	char state;

	if (!at || sscanf(at,
			  ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
			  "%*d %*d %llu",
			  &state, &user, &system, &start) != 4)
		return 0;
	*start_time = start;
	*cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return state;
}

/* ---- zombies ---- */

static void *grow(void *array, size_t len, size_t *size, size_t each)
{
	if (len < *size)
		return array;
	*size = 2 * *size + 64;
	array = realloc(array, *size * each);
	if (!array)
		abort();
	return array;
}

static void note_zombie(struct watch *watch, pid_t pid, uint64_t start_time, uint64_t now_ms)
{
	struct watch_zombie *zombie = watch->zombies, *end = zombie + watch->zombies_len;

	while (zombie < end && (zombie->pid != pid || zombie->start_time != start_time))
		zombie++;
	if (zombie == end) {
		watch->zombies = grow(watch->zombies, watch->zombies_len, &watch->zombies_size,
				      sizeof *watch->zombies);
		zombie = &watch->zombies[watch->zombies_len++];
		*zombie = (struct watch_zombie){ .pid = pid,
						 .start_time = start_time,
						 .first_ms = now_ms };
	}
	zombie->look = watch->look;
	if (now_ms - zombie->first_ms > watch->zombie_oldest_ms)
		watch->zombie_oldest_ms = now_ms - zombie->first_ms;
}

static void forget_reaped(struct watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->zombies_len; i++)
		if (watch->zombies[i].look == watch->look)
			watch->zombies[kept++] = watch->zombies[i];
	watch->zombies_len = kept;
}

/* Returns the PIDs of the children as text, which the caller frees. */
static char *copy_children(const struct watch *watch)
{
	char path[64], *children;
	const char *text;

	snprintf(path, sizeof path, "task/%d/children", (int)watch->pid);
	text = read_proc(watch->pid, path);
	children = strdup(text ? text : "");
	if (!children)
		abort();
	return children;
}

/* Returns how many children there are. */
static long look_at_children(struct watch *watch, uint64_t now_ms)
{
	char *children = copy_children(watch), *at = children, *next;
	long count = 0;

	watch->look++;
	for (;; at = next, count++) {
		pid_t pid = (pid_t)strtol(at, &next, 10);
		uint64_t start_time;
		double cpu_s;

		if (next == at)
			break;
		if (read_stat(pid, &start_time, &cpu_s) == 'Z')
			note_zombie(watch, pid, start_time, now_ms);
	}
	free(children);
	forget_reaped(watch);
	return count;
}

pid_t watch_find_child(const struct watch *watch, const char *argument)
{
	char *children = copy_children(watch), *at = children, *next;
	pid_t found = 0, pid;

	for (; found == 0 && (pid = (pid_t)strtol(at, &next, 10)) > 0; at = next) {
		const char *name = read_proc(pid, "cmdline");

		if (name && strcmp(name + strlen(name) + 1, argument) == 0)
			found = pid;
	}
	free(children);
	return found;
}

/* ---- samples ---- */

void watch_begin(struct watch *watch, pid_t pid, uint64_t now_ms)
{
	*watch = (struct watch){ .pid = pid, .begin_ms = now_ms };
}

void watch_look(struct watch *watch, uint64_t now_ms, uint64_t bytes)
{
	struct watch_sample sample = { .at_s = (double)(now_ms - watch->begin_ms) / 1000,
				       .bytes = bytes };
	uint64_t start_time;
	char state = read_stat(watch->pid, &start_time, &sample.cpu_s);

	if (state == 0 || state == 'Z')
		return;
	watch->sanitized |= read_field(watch->pid, "status", "\nVmSize:") > SANITIZER_VM_KB;
	sample.values[WATCH_FDS] = count_fds(watch->pid);
	sample.values[WATCH_PSS_KB] = read_field(watch->pid, "smaps_rollup", "\nPss:");
	sample.values[WATCH_ANON_KB] = read_field(watch->pid, "status", "\nRssAnon:");
	sample.values[WATCH_CHILDREN] = look_at_children(watch, now_ms);
	watch->samples = grow(watch->samples, watch->len, &watch->size, sizeof *watch->samples);
	watch->samples[watch->len++] = sample;
}

static int compare(const void *a, const void *b)
{
	long left = *(const long *)a, right = *(const long *)b;

	return (left > right) - (left < right);
}

/* The samples from the n-th fifth of the time (counted from 0). */
static size_t find_fifth(const struct watch *watch, unsigned n, size_t *len)
{
	double whole = watch->len > 0 ? watch->samples[watch->len - 1].at_s : 0;
	size_t from = 0, to;

	while (from < watch->len && watch->samples[from].at_s < whole * n / 5)
		from++;
	for (to = from; to < watch->len && watch->samples[to].at_s <= whole * (n + 1) / 5; to++)
		;
	*len = to - from;
	return from;
}

static double median_of_fifth(const struct watch *watch, enum watch_value value, unsigned n)
{
	size_t len, from = find_fifth(watch, n, &len);
	long *values = calloc(len + 1, sizeof *values), median;

	if (!values)
		abort();
	for (size_t i = 0; i < len; i++)
		values[i] = watch->samples[from + i].values[value];
	qsort(values, len, sizeof *values, compare);
	median = values[len / 2];
	free(values);
	return (double)median;
}

void watch_trend(const struct watch *watch, enum watch_value value, struct watch_trend *trend)
{
	trend->early = median_of_fifth(watch, value, 1);
	trend->late = median_of_fifth(watch, value, 4);
	trend->max = 0;
	for (size_t i = 0; i < watch->len; i++)
		if ((double)watch->samples[i].values[value] > trend->max)
			trend->max = (double)watch->samples[i].values[value];
}

static void cpu_of_fifth(const struct watch *watch, unsigned n, double *share, double *per_gb)
{
	size_t len, from = find_fifth(watch, n, &len);
	const struct watch_sample *first = watch->samples + from, *last = first + len - 1;

	*share = *per_gb = 0;
	if (len < 2)
		return;
	*share = (last->cpu_s - first->cpu_s) / (last->at_s - first->at_s);
	*per_gb =
		(last->cpu_s - first->cpu_s) / ((double)(last->bytes - first->bytes) / 1e9 + 1e-3);
}

void watch_cpu_trend(const struct watch *watch, struct watch_trend *share,
		     struct watch_trend *per_gb)
{
	*share = *per_gb = (struct watch_trend){ 0 };
	for (unsigned n = 0; n < 5; n++) {
		double s, g;

		cpu_of_fifth(watch, n, &s, &g);
		share->max = s > share->max ? s : share->max;
		per_gb->max = g > per_gb->max ? g : per_gb->max;
	}
	cpu_of_fifth(watch, 1, &share->early, &per_gb->early);
	cpu_of_fifth(watch, 4, &share->late, &per_gb->late);
}

void watch_free(struct watch *watch)
{
	free(watch->samples);
	free(watch->zombies);
}
