/* SPDX-License-Identifier: ISC */
/* Writes the file BENCH_DATA BENCH_REPEAT times to stdout, BENCH_WRITE bytes at a time; when it
 * began goes to the file BENCH_STAMP. A run program has no arguments, therefore the environment. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static size_t number(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 10) : 0;
}

static void stamp(void)
{
	struct timespec now;
	uint64_t ns;
	int fd = open(getenv("BENCH_STAMP"), O_WRONLY);

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (fd < 0 || write(fd, &ns, sizeof ns) != sizeof ns)
		exit(3);
	close(fd);
}

static void write_all(const char *bytes, size_t len, size_t at_a_time)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len < at_a_time ? len : at_a_time);

		if (n <= 0)
			exit(3);
		bytes += n;
		len -= (size_t)n;
	}
}

int main(void)
{
	size_t repeat = number("BENCH_REPEAT"), at_a_time = number("BENCH_WRITE");
	struct stat status;
	const char *bytes;
	int fd;

	if (!getenv("BENCH_DATA") || !getenv("BENCH_STAMP") || at_a_time == 0)
		return 2;
	fd = open(getenv("BENCH_DATA"), O_RDONLY);
	if (fd < 0 || fstat(fd, &status) < 0)
		return 2;
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED)
		return 2;
	stamp();
	while (repeat-- > 0)
		write_all(bytes, (size_t)status.st_size, at_a_time);
	return 0;
}
