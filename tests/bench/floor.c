/* SPDX-License-Identifier: ISC */
/* The floor: reads its stdin and writes BENCH_OUT bytes for every BENCH_IN bytes to stdout, and
 * looks at none of them. What that costs is the kernel's copying, which any program pays that
 * takes so much in and gives so much out. With BENCH_WAIT=epoll it waits by epoll, as a program
 * does that reads from more than one pipe. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)

static char in[READ_SIZE], out[4 * READ_SIZE];

static int write_all(size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = write(STDOUT_FILENO, out + at, len - at);

		if (n <= 0)
			return -1;
		at += (size_t)n;
	}
	return 0;
}

static int watch_stdin(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	return fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0 ? fd : -1;
}

/* epoll_fd: -1 to wait in read(2). */
static ssize_t take(int epoll_fd)
{
	struct epoll_event event;

	if (epoll_fd >= 0 && epoll_wait(epoll_fd, &event, 1, -1) != 1)
		return -1;
	return read(STDIN_FILENO, in, sizeof in);
}

int main(void)
{
	const char *in_text = getenv("BENCH_IN"), *out_text = getenv("BENCH_OUT"),
		   *wait = getenv("BENCH_WAIT");
	uint64_t per_in = in_text ? strtoull(in_text, NULL, 10) : 0,
		 per_out = out_text ? strtoull(out_text, NULL, 10) : 0;
	uint64_t taken = 0, given = 0;
	int epoll_fd = -1;
	ssize_t n;

	if (per_in == 0)
		return 2;
	if (wait && strcmp(wait, "epoll") == 0 && (epoll_fd = watch_stdin()) < 0)
		return 4;
	while ((n = take(epoll_fd)) > 0) {
		uint64_t due;

		taken += (uint64_t)n;
		due = (uint64_t)((double)taken * (double)per_out / (double)per_in);
		if (due - given > sizeof out)
			return 2;
		if (write_all((size_t)(due - given)) < 0)
			return 3;
		given = due;
	}
	return 0;
}
