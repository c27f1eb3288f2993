/* SPDX-License-Identifier: ISC */
/* What /proc says of dinit while it runs. */
#ifndef SOAK_WATCH_H
#define SOAK_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum watch_value {
	WATCH_FDS,
	WATCH_PSS_KB,
	WATCH_ANON_KB,
	WATCH_CHILDREN,
	WATCH_VALUES,
};

struct watch_sample {
	/* since the beginning */
	double at_s;
	double cpu_s;
	/* that dinit has written */
	uint64_t bytes;
	long values[WATCH_VALUES];
};

struct watch_zombie {
	pid_t pid;
	uint64_t start_time, first_ms;
	unsigned look;
};

struct watch {
	pid_t pid;
	/* a sanitizer's memory says nothing of dinit's */
	bool sanitized;
	uint64_t begin_ms;
	struct watch_sample *samples;
	size_t len, size;
	struct watch_zombie *zombies;
	size_t zombies_len, zombies_size;
	unsigned look;
	/* seen twice: at least so old */
	uint64_t zombie_oldest_ms;
};

/* What became of the values between two points of the time; medians. */
struct watch_trend {
	double early, late, max;
};

void watch_begin(struct watch *watch, pid_t pid, uint64_t now_ms);

/* The child whose first argument this is; 0: there is none. */
pid_t watch_find_child(const struct watch *watch, const char *argument);

/* Looks once. Does nothing once the process has ended. */
void watch_look(struct watch *watch, uint64_t now_ms, uint64_t bytes);

/* Medians of the second and the last fifth of the time. */
void watch_trend(const struct watch *watch, enum watch_value value, struct watch_trend *trend);

/* Seconds of CPU a second, and a gigabyte written, in the same fifths. */
void watch_cpu_trend(const struct watch *watch, struct watch_trend *share,
		     struct watch_trend *per_gb);

void watch_free(struct watch *watch);

#endif
