/* SPDX-License-Identifier: ISC */
/* A service that prints a line every few milliseconds, BENCH_TICKS of them, and ends. Behind the @
 * of a line stands when it was written, in nanoseconds of the monotonic clock. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define APART_NS 3000000L

int main(void)
{
	const char *value = getenv("BENCH_TICKS");
	const struct timespec apart = { .tv_nsec = APART_NS };

	for (unsigned long left = value ? strtoul(value, NULL, 10) : 0; left > 0; left--) {
		struct timespec now;
		char line[64];
		int len;

		nanosleep(&apart, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		len = snprintf(line, sizeof line, "{\"at\":\"@%lld\"}\n",
			       (long long)now.tv_sec * 1000000000 + now.tv_nsec);
		if (write(STDOUT_FILENO, line, (size_t)len) != len)
			return 3;
	}
	return 0;
}
