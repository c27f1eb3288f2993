/* SPDX-License-Identifier: ISC */
/* Owns one look at a target, and its deadline; not what follows from it. Invariant: whatever the
 * other side of a connection does, it is over when the deadline is, and no more of an answer is
 * kept than its first line. */
#include "client/probe.h"

#include "board.h"
#include "client/target.h"
#include "config.h"
#include "printable.h"
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MS 3000
/* After so long a socket whose queue is full is tried again. */
#define RETRY_MS 10
/* What else a server sends is taken from it, up to so many bytes and for so long after the last of
 * them: else it would see, and might log, that its answer was refused. */
#define REST_MAX 65536
#define REST_MS 100

#define WHY_SIZE 256
#define SHOWN_SIZE 128
#define REQUEST_SIZE 4096

struct probe {
	struct target target;
	uint64_t timeout_ms, deadline_ms;
	/* Why the target is not there. */
	char why[WHY_SIZE];
};

static uint64_t now_ms(void)
{
	return board_now().monotonic_ms;
}

/* Sets the reason from errno. Returns -1. */
static int explain(struct probe *probe)
{
	if (errno == ETIMEDOUT)
		snprintf(probe->why, sizeof probe->why, "no answer within %g s",
			 (double)probe->timeout_ms / 1000);
	else
		snprintf(probe->why, sizeof probe->why, "%s", strerror(errno));
	return -1;
}

/* Waits until the descriptor (-1: none) is ready, for limit_ms at most. Returns 0, or -1 with
 * errno: ETIMEDOUT where the deadline is over, or the limit before it. */
static int wait_for(const struct probe *probe, int fd, short events, uint64_t limit_ms)
{
	struct pollfd polled = { .fd = fd, .events = events };
	uint64_t until_ms = now_ms() + limit_ms;
	int count;

	if (until_ms > probe->deadline_ms)
		until_ms = probe->deadline_ms;
	do {
		uint64_t now = now_ms();

		count = poll(&polled, 1, until_ms > now ? (int)(until_ms - now) : 0);
	} while (count < 0 && errno == EINTR);
	if (count == 0)
		errno = ETIMEDOUT;
	return count > 0 ? 0 : -1;
}

/* ---- connections ---- */

/* Returns whether the connection leads to itself. A port from which connections are made can be
 * chosen for this one, too: then it is accepted where nobody listens. */
static bool leads_to_itself(int fd)
{
	struct target_address own = { .len = sizeof own.socket }, other = own;

	return getsockname(fd, &own.socket.any, &own.len) == 0 &&
	       getpeername(fd, &other.socket.any, &other.len) == 0 && own.len == other.len &&
	       own.socket.any.sa_family != AF_UNIX &&
	       memcmp(&own.socket, &other.socket, own.len) == 0;
}

/* Waits until the connection stands or has failed. Returns 0, or -1 with errno. */
static int finish_connecting(const struct probe *probe, int fd)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (wait_for(probe, fd, POLLOUT, probe->timeout_ms) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -1;
	errno = error;
	return error ? -1 : 0;
}

static int connect_socket(const struct probe *probe, int fd, const struct target_address *address)
{
	/* A unix socket whose queue is full says EAGAIN, and does not wait. */
	while (connect(fd, &address->socket.any, address->len) < 0) {
		if (errno == EINPROGRESS || errno == EINTR)
			return finish_connecting(probe, fd);
		if (errno != EAGAIN || address->socket.any.sa_family != AF_UNIX)
			return -1;
		wait_for(probe, -1, 0, RETRY_MS);
		if (now_ms() >= probe->deadline_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return 0;
}

/* Returns a connected socket, which the caller closes, or -1 with errno. */
static int open_connection(const struct probe *probe, const struct target_address *address)
{
	int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int error;

	if (fd < 0)
		return -1;
	if (connect_socket(probe, fd, address) == 0) {
		if (!leads_to_itself(fd))
			return fd;
		errno = ECONNREFUSED;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Tries the addresses in turn. The first one's failure is the reason that counts. */
static int connect_target(struct probe *probe)
{
	int first_error = 0;

	for (size_t i = 0; i < probe->target.addresses_len; i++) {
		int fd = open_connection(probe, &probe->target.addresses[i]);

		if (fd >= 0)
			return fd;
		if (i == 0)
			first_error = errno;
	}
	errno = first_error;
	return explain(probe);
}

/* ---- HTTP ---- */

static int send_all(const struct probe *probe, int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent >= 0) {
			bytes += sent;
			len -= (size_t)sent;
		} else if ((errno != EAGAIN && errno != EINTR) ||
			   wait_for(probe, fd, POLLOUT, probe->timeout_ms) < 0) {
			return -1;
		}
	}
	return 0;
}

static int send_request(struct probe *probe, int fd)
{
	const struct target *target = &probe->target;
	char request[REQUEST_SIZE];
	int len = snprintf(request, sizeof request,
			   "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: dinit/" DINIT_VERSION
			   "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
			   target->path, (int)target->authority_len, target->authority);

	if ((size_t)len >= sizeof request) {
		snprintf(probe->why, sizeof probe->why, "its path is too long");
		return -1;
	}
	return send_all(probe, fd, request, (size_t)len) < 0 ? explain(probe) : 0;
}

/* Waits for bytes for at most limit_ms, and reads them. Returns how many (0: the end), or -1 with
 * errno. */
static ssize_t receive(const struct probe *probe, int fd, char *bytes, size_t size,
		       uint64_t limit_ms)
{
	ssize_t len;

	do {
		if (wait_for(probe, fd, POLLIN, limit_ms) < 0)
			return -1;
		len = recv(fd, bytes, size, 0);
	} while (len < 0 && (errno == EINTR || errno == EAGAIN));
	return len;
}

static void drain(const struct probe *probe, int fd)
{
	char bytes[4096];
	size_t total = 0;
	ssize_t len;

	do {
		len = receive(probe, fd, bytes, sizeof bytes, REST_MS);
		total += len > 0 ? (size_t)len : 0;
	} while (len > 0 && total < REST_MAX);
}

/* Returns the status that the first line of an answer has, or 0 where it is none of HTTP's. */
static int parse_status(const char *line)
{
	int status = 0, at = 9;

	if (strncmp(line, "HTTP/1.", 7) != 0 || line[7] < '0' || line[7] > '9' || line[8] != ' ')
		return 0;
	for (; at < 13 && line[at] >= '0' && line[at] <= '9'; at++)
		status = status * 10 + line[at] - '0';
	return at == 12 ? status : 0;
}

/* Judges the first line of the answer: 200 to 399 is good. */
static int judge(struct probe *probe, const char *line)
{
	int status = parse_status(line);
	char shown[SHOWN_SIZE];

	if (status >= 200 && status <= 399)
		return 0;
	printable_copy(shown, sizeof shown, PRINTABLE_MARKED, line, strlen(line));
	if (status > 0)
		snprintf(probe->why, sizeof probe->why, "status %s", shown + strlen("HTTP/1.1 "));
	else
		snprintf(probe->why, sizeof probe->why, "the answer is no HTTP: %s", shown);
	return -1;
}

/* Reads until the end of the first line, or as much as is shown of it. */
static int read_answer(struct probe *probe, int fd)
{
	char line[SHOWN_SIZE];
	size_t len = 0;
	ssize_t got;

	do {
		got = receive(probe, fd, line + len, sizeof line - 1 - len, probe->timeout_ms);
		if (got < 0)
			return explain(probe);
		len += (size_t)got;
		line[len] = '\0';
	} while (got > 0 && len < sizeof line - 1 && !strchr(line, '\n'));
	if (len == 0) {
		snprintf(probe->why, sizeof probe->why,
			 "the connection was closed without an answer");
		return -1;
	}
	if (got > 0)
		drain(probe, fd);
	line[strcspn(line, "\r\n")] = '\0';
	return judge(probe, line);
}

/* ---- the whole ---- */

static int look_at_socket(struct probe *probe)
{
	int fd = connect_target(probe);
	int result = 0;

	if (fd < 0)
		return -1;
	if (probe->target.kind == TARGET_HTTP) {
		result = send_request(probe, fd);
		if (result == 0)
			result = read_answer(probe, fd);
	}
	close(fd);
	return result;
}

static int look(struct probe *probe)
{
	struct stat status;

	if (probe->target.kind != TARGET_FILE)
		return look_at_socket(probe);
	return stat(probe->target.path, &status) < 0 ? explain(probe) : 0;
}

static int refuse(const char *what)
{
	fprintf(stderr, "dinit: --probe takes %s\n", what);
	return PROCESS_STATUS_UNABLE;
}

/* Says why the target is not there: first the reason, of which a table shows the beginning. */
static int report(const char *target, const char *why)
{
	char shown[SHOWN_SIZE];

	printable_copy(shown, sizeof shown, PRINTABLE_ESCAPED, target, strlen(target));
	fprintf(stderr, "%s (%s)\n", why, shown);
	return PROCESS_STATUS_UNABLE;
}

int probe_run(char *const *arguments)
{
	struct probe probe = { .timeout_ms = TIMEOUT_MS };

	if (arguments[0] && strcmp(arguments[0], "-t") == 0) {
		if (!arguments[1] || !config_parse_seconds(arguments[1], &probe.timeout_ms) ||
		    probe.timeout_ms == 0)
			return refuse("behind -t more than 0 " CONFIG_SECONDS_TAKE);
		/* What poll(2) takes: 24 days are enough. */
		if (probe.timeout_ms > INT_MAX)
			probe.timeout_ms = INT_MAX;
		arguments += 2;
	}
	if (!arguments[0] || arguments[1])
		return refuse("[-t SECONDS] TARGET");
	if (target_parse(&probe.target, arguments[0]) < 0)
		return report(arguments[0], "this is no target; --probe takes " TARGET_TAKES);
	probe.deadline_ms = now_ms() + probe.timeout_ms;
	return look(&probe) == 0 ? PROCESS_STATUS_STOPPED : report(arguments[0], probe.why);
}
