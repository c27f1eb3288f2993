/* SPDX-License-Identifier: ISC */
/* client/probe.c against servers that this test plays in a child of its own. Owns the directory it
 * makes under /tmp, where its sockets are, and removes it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/probe.h"
#include "rig.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* what waits until its deadline is over has that one, in seconds */
#define SHORT "0.3"

static char base[64];
static pid_t server;
/* what the last probe wrote, and the request that the last server got */
static char said[2000];
static char request[6000];
static int request_fd = -1;
/* the connection looks as if it led to itself */
static bool mirrored;

/* How often each of these calls fails from now on, and with what. Where a call would succeed after
 * that, send takes one byte at a time. */
static int failing_polls, poll_error, failing_sends, send_error, failing_receipts, receipt_error;
static int failing_sockets;

int __real_poll(struct pollfd *polled, nfds_t len, int timeout);
int __wrap_poll(struct pollfd *polled, nfds_t len, int timeout);
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_recv(int fd, void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *len);

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	return mirrored ? getpeername(fd, address, len) : __real_getsockname(fd, address, len);
}

static bool fails_now(int *failing, int error)
{
	if (*failing == 0)
		return false;
	--*failing;
	errno = error;
	return true;
}

int __wrap_poll(struct pollfd *polled, nfds_t len, int timeout)
{
	return fails_now(&failing_polls, poll_error) ? -1 : __real_poll(polled, len, timeout);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	/* (In the server that is a child of the test all is as usual.) */
	if (server == 0)
		return __real_send(fd, bytes, len, flags);
	return fails_now(&failing_sends, send_error) ? -1 : __real_send(fd, bytes, 1, flags);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags)
{
	return fails_now(&failing_receipts, receipt_error) ? -1
							   : __real_recv(fd, bytes, len, flags);
}

int __wrap_socket(int domain, int type, int protocol)
{
	return fails_now(&failing_sockets, EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

static int setup(void **state)
{
	(void)state;
	strcpy(base, "/tmp/test_probe.XXXXXX");
	assert_non_null(mkdtemp(base));
	assert_int_equal(chdir(base), 0);
	return 0;
}

static void end_server(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		assert_int_equal(waitpid(server, NULL, 0), server);
	}
	server = 0;
	if (request_fd >= 0)
		close(request_fd);
	request_fd = -1;
}

static int teardown(void **state)
{
	(void)state;
	mirrored = false;
	failing_polls = failing_sends = failing_receipts = failing_sockets = 0;
	end_server();
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(tree_remove(base), 0);
	return 0;
}

/* Probes with these arguments (up to NULL). Returns the exit status. */
static int probe(const char *first, ...)
{
	const char *arguments[5] = { first };
	FILE *file = tmpfile();
	int saved_fd = dup(2), status;
	va_list list;
	size_t len = 1;

	va_start(list, first);
	while (arguments[len - 1])
		arguments[len++] = va_arg(list, const char *);
	va_end(list);
	assert_non_null(file);
	assert_true(dup2(fileno(file), 2) == 2);
	status = probe_run((char *const *)(uintptr_t)arguments);
	assert_true(dup2(saved_fd, 2) == 2);
	close(saved_fd);
	rewind(file);
	len = fread(said, 1, sizeof said - 1, file);
	said[len] = '\0';
	fclose(file);
	return status;
}

/* That it succeeded, and said nothing. */
#define assert_there(...) \
	do { \
		int there_status = probe(__VA_ARGS__, NULL); \
\
		if (there_status != 0 || *said) \
			fail_msg("status %d: %s", there_status, said); \
	} while (0)

/* That it failed, and said one line with these words. */
#define assert_not_there(words, ...) \
	do { \
		int there_status = probe(__VA_ARGS__, NULL); \
\
		if (there_status != 1 || !strstr(said, words) || \
		    strchr(said, '\n') != said + strlen(said) - 1) \
			fail_msg("status %d: \"%s\", not \"%s\"", there_status, said, words); \
	} while (0)

/* ---- servers ---- */

/* Returns a listening socket on a free port of the loopback address. */
static int listen_tcp(int family, int backlog, unsigned *port)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr *address =
		family == AF_INET ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
	socklen_t len = family == AF_INET ? sizeof ipv4 : sizeof ipv6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, address, len) < 0 || listen(fd, backlog) < 0 ||
	    __real_getsockname(fd, address, &len) < 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
	return fd;
}

static int listen_unix(const char *path, int type, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* Takes whole requests, and answers each connection with these bytes, so many at a time. */
static void answer_all(int listen_fd, int to_fd, const char *answer, size_t len, size_t piece)
{
	for (;;) {
		int fd = accept(listen_fd, NULL, NULL);
		char got[sizeof request] = "";
		size_t got_len = 0;

		while (!strstr(got, "\r\n\r\n")) {
			ssize_t more = read(fd, got + got_len, sizeof got - 1 - got_len);

			if (more <= 0)
				_exit(1);
			got_len += (size_t)more;
			got[got_len] = '\0';
		}
		for (size_t at = 0; at < len; at += piece)
			if (send(fd, answer + at, len - at < piece ? len - at : piece,
				 MSG_NOSIGNAL) < 0)
				dprintf(to_fd, "refused ");
		shutdown(fd, SHUT_WR);
		/* The end of the probe: whether it has taken everything. */
		if (read(fd, got + got_len, 1) < 0)
			dprintf(to_fd, "reset ");
		dprintf(to_fd, "%s", got);
		close(fd);
	}
}

static unsigned serve(const char *answer, size_t len, size_t piece)
{
	unsigned port;
	int listen_fd = listen_tcp(AF_INET, 10, &port), fds[2];

	assert_true(listen_fd >= 0);
	assert_int_equal(pipe(fds), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0)
		answer_all(listen_fd, fds[1], answer, len, piece);
	close(listen_fd);
	close(fds[1]);
	request_fd = fds[0];
	return port;
}

static void read_request(void)
{
	size_t len = 0;

	do {
		ssize_t got = read(request_fd, request + len, sizeof request - 1 - len);

		assert_true(got > 0);
		len += (size_t)got;
		request[len] = '\0';
	} while (!strstr(request, "\r\n\r\n"));
}

static const char *name_target(const char *format, unsigned port)
{
	static char text[200];
	const char *mark = strchr(format, '#');

	snprintf(text, sizeof text, "%.*s%u%s", (int)(mark - format), format, port, mark + 1);
	return text;
}

/* ---- tcp ---- */

static void test_probe_run_tcp_that_listens_is_there(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);

	(void)state;
	assert_true(fd >= 0);
	assert_there(name_target("tcp://127.0.0.1:#", port));
	assert_there(name_target("tcp://localhost:#", port));
	assert_there("-t", SHORT, name_target("tcp://localhost:#", port));
	assert_there("-t", "1000000000", name_target("tcp://localhost:#", port));
	close(fd);
}

static void test_probe_run_tcp_that_does_not_listen_is_not_there(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);
	char words[100];

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(words, sizeof words, "%s (tcp://localhost:%u)\n", strerror(ECONNREFUSED), port);
	assert_not_there(words, name_target("tcp://localhost:#", port));
}

/* What listens on ::1 alone is found by localhost as well. */
static void test_probe_run_localhost_is_both_addresses(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET6, 10, &port);

	(void)state;
	rig_need(fd >= 0, "there is no ::1 here: set net.ipv6.conf.lo.disable_ipv6=0");
	assert_there(name_target("tcp://localhost:#", port));
	assert_there(name_target("tcp://[::1]:#", port));
	assert_not_there(strerror(ECONNREFUSED), name_target("tcp://127.0.0.1:#", port));
	close(fd);
}

/* A connection from a port to itself is made where nobody listens. */
static void test_probe_run_tcp_that_leads_to_itself_is_not_there(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);

	(void)state;
	assert_true(fd >= 0);
	mirrored = true;
	assert_not_there(strerror(ECONNREFUSED), name_target("tcp://127.0.0.1:#", port));
	close(fd);
}

/* Fills the queue of a socket that accepts nothing. Returns how many connections that took, of
 * which the last did not come about: on one machine it does so at once, or never. */
static size_t fill_queue(int *fds, size_t max, const struct sockaddr *address, socklen_t len)
{
	for (size_t i = 0; i < max; i++) {
		struct sockaddr_storage peer;
		socklen_t peer_len = sizeof peer;

		fds[i] = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(fds[i], address, len) < 0 &&
		    getpeername(fds[i], (struct sockaddr *)&peer, &peer_len) < 0)
			return i + 1;
	}
	return max;
}

static void test_probe_run_tcp_that_takes_no_connection_times_out(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned port;
	int fds[20], fd = listen_tcp(AF_INET, 0, &port);
	size_t len;

	(void)state;
	assert_true(fd >= 0);
	address.sin_port = htons((in_port_t)port);
	len = fill_queue(fds, COUNT(fds), (struct sockaddr *)&address, sizeof address);
	assert_true(len < COUNT(fds));
	assert_not_there("no answer within 0.3 s (", "-t", SHORT,
			 name_target("tcp://127.0.0.1:#", port));
	for (size_t i = 0; i < len; i++)
		close(fds[i]);
	close(fd);
}

/* ---- unix ---- */

static const char *name_socket(void)
{
	static char text[100];

	snprintf(text, sizeof text, "unix://%s/socket", base);
	return text;
}

static void test_probe_run_unix_that_listens_is_there(void **state)
{
	int fd;

	(void)state;
	assert_not_there(strerror(ENOENT), name_socket());
	fd = listen_unix("socket", SOCK_STREAM, 10);
	assert_there(name_socket());
	close(fd);
	assert_not_there(strerror(ECONNREFUSED), name_socket());
	unlink("socket");
	fd = listen_unix("socket", SOCK_DGRAM, 0);
	assert_not_there(strerror(EPROTOTYPE), name_socket());
	close(fd);
}

static size_t fill_unix_queue(int *fds, size_t max)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };

	return fill_queue(fds, max, (struct sockaddr *)&address, sizeof address);
}

static void test_probe_run_unix_whose_queue_stays_full_times_out(void **state)
{
	int fds[20], fd = listen_unix("socket", SOCK_STREAM, 0);
	size_t len = fill_unix_queue(fds, COUNT(fds));

	(void)state;
	assert_true(len < COUNT(fds));
	assert_not_there("no answer within 0.3 s (", "-t", SHORT, name_socket());
	for (size_t i = 0; i < len; i++)
		close(fds[i]);
	close(fd);
}

/* The server takes one connection after the probe has begun, so far as anybody can tell. */
static void test_probe_run_unix_whose_queue_has_room_again_is_there(void **state)
{
	int fds[20], fd = listen_unix("socket", SOCK_STREAM, 0);
	size_t len = fill_unix_queue(fds, COUNT(fds));

	(void)state;
	assert_true(len < COUNT(fds));
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		struct timespec before = { .tv_nsec = 50000000 };

		clock_nanosleep(CLOCK_MONOTONIC, 0, &before, NULL);
		for (;;)
			close(accept(fd, NULL, NULL));
	}
	assert_there(name_socket());
	for (size_t i = 0; i < len; i++)
		close(fds[i]);
	close(fd);
}

/* ---- http ---- */

static void test_probe_run_http_status_decides(void **state)
{
	static const struct {
		const char *answer;
		/* NULL: it is there */
		const char *words;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL },
		{ "HTTP/1.0 204 No Content\r\n\r\n", NULL },
		{ "HTTP/1.1 200\r\n\r\n", NULL },
		{ "HTTP/1.1 200 \r\n\r\n", NULL },
		{ "HTTP/1.1 200\n", NULL },
		{ "HTTP/1.9 200 OK\r\n", NULL },
		{ "HTTP/1.1 200 OK", NULL },
		{ "HTTP/1.1 301 Moved\r\nLocation: /there\r\n\r\n", NULL },
		{ "HTTP/1.1 399 x\r\n", NULL },
		{ "HTTP/1.1 199 x\r\n", "status 199 x (" },
		{ "HTTP/1.1 400 Bad Request\r\n", "status 400 Bad Request (" },
		{ "HTTP/1.1 404 Not Found\r\n\r\nHTTP/1.1 200 OK\r\n", "status 404 Not Found (" },
		{ "HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503 Service Unavailable (" },
		{ "HTTP/1.1 500 \033[31mred\r\n", "status 500 ?[31mred (" },
		{ "HTTP/1.1 001 x\r\n", "status 001 x (" },
		{ "HTTP/1.1 000 OK\r\n", "the answer is no HTTP: HTTP/1.1 000 OK (" },
		{ "HTTP/1.1 2000 OK\r\n", "the answer is no HTTP: " },
		{ "HTTP/1.1 20 OK\r\n", "the answer is no HTTP: " },
		{ "HTTP/1.1  200 OK\r\n", "the answer is no HTTP: " },
		{ "HTTP/1.x 200 OK\r\n", "the answer is no HTTP: " },
		{ "HTTP/2 200\r\n", "the answer is no HTTP: " },
		{ "HTTP/1.", "the answer is no HTTP: HTTP/1. (" },
		{ "http/1.1 200 OK\r\n", "the answer is no HTTP: " },
		{ "\r\n", "the answer is no HTTP:  (" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP: SSH-2.0-OpenSSH_9.2 (" },
		{ "\x15\x03\x01", "the answer is no HTTP: ??? (" },
		{ "", "the connection was closed without an answer (" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		const char *answer = cases[i / 2].answer, *words = cases[i / 2].words;
		unsigned port = serve(answer, strlen(answer), i % 2 ? 1 : 1000);
		const char *target = name_target("http://127.0.0.1:#/up", port);

		if (words)
			assert_not_there(words, target);
		else
			assert_there(target);
		end_server();
	}
}

static void test_probe_run_http_request_names_host_and_path(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
	unsigned port = serve(answer, sizeof answer - 1, 1000);
	char expected[200];

	(void)state;
	assert_there(name_target("http://127.0.0.1:#/a/b?c=%20d", port));
	read_request();
	snprintf(expected, sizeof expected,
		 "GET /a/b?c=%%20d HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: dinit/", port);
	assert_memory_equal(request, expected, strlen(expected));
	assert_non_null(strstr(request, "\r\nConnection: close\r\n"));
	assert_there(name_target("http://localhost:#", port));
	read_request();
	snprintf(expected, sizeof expected, "GET / HTTP/1.1\r\nHost: localhost:%u\r\n", port);
	assert_memory_equal(request, expected, strlen(expected));
}

/* The server can write its answer, and is not told that nobody wanted it. */
static void test_probe_run_http_answer_is_taken(void **state)
{
	static char answer[60000] = "HTTP/1.1 200 OK\r\n\r\n";
	unsigned port;

	(void)state;
	memset(answer + strlen(answer), 'x', sizeof answer - strlen(answer));
	port = serve(answer, sizeof answer, 1000);
	assert_there(name_target("http://127.0.0.1:#/", port));
	read_request();
	assert_memory_equal(request, "GET / ", 6);
}

/* Sends the beginning once, and then bytes for as long as somebody takes them. */
static unsigned serve_for_ever(const char *beginning)
{
	static char bytes[100000];
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port), connection;

	assert_true(fd >= 0);
	memset(bytes, 'x', sizeof bytes);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		connection = accept(fd, NULL, NULL);
		send(connection, beginning, strlen(beginning), MSG_NOSIGNAL);
		while (send(connection, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	close(fd);
	return port;
}

/* Neither a first line nor an answer without end is read until the deadline is over. */
static void test_probe_run_http_endless_answer_ends(void **state)
{
	time_t began = time(NULL);

	(void)state;
	assert_not_there("the answer is no HTTP: xxxx", "-t", "60",
			 name_target("http://127.0.0.1:#/", serve_for_ever("")));
	assert_true(strlen(said) < 300);
	end_server();
	assert_there("-t", "60",
		     name_target("http://127.0.0.1:#/", serve_for_ever("HTTP/1.1 200 OK\r\n\r\n")));
	assert_true(time(NULL) - began < 55);
}

static void test_probe_run_http_without_answer_times_out(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);

	(void)state;
	assert_true(fd >= 0);
	assert_not_there("no answer within 0.3 s (", "-t", SHORT,
			 name_target("http://127.0.0.1:#/", port));
	close(fd);
}

/* A line that comes byte by byte, but never to its end, does not move the deadline. */
static void test_probe_run_http_slow_answer_times_out(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);

	(void)state;
	assert_true(fd >= 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		struct timespec between = { .tv_nsec = 20000000 };
		int connection = accept(fd, NULL, NULL);

		while (send(connection, "H", 1, MSG_NOSIGNAL) == 1)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &between, NULL);
		_exit(0);
	}
	assert_not_there("no answer within 0.3 s (", "-t", SHORT,
			 name_target("http://127.0.0.1:#/", port));
	close(fd);
}

static void test_probe_run_http_path_too_long_is_said(void **state)
{
	static char target[5000] = "http://127.0.0.1:#/";
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);

	(void)state;
	assert_true(fd >= 0);
	snprintf(target, sizeof target, "http://127.0.0.1:%u/", port);
	memset(target + strlen(target), 'x', 4500 - strlen(target));
	assert_not_there("its path is too long (", target);
	close(fd);
}

/* What a signal, or a socket that is not ready after all, interrupts goes on. */
static void test_probe_run_http_interrupted_goes_on(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
	unsigned port = serve(answer, sizeof answer - 1, 3);
	const char *target = name_target("http://127.0.0.1:#/", port);

	(void)state;
	for (int i = 0; i < 2; i++) {
		poll_error = EINTR;
		failing_polls = 3;
		send_error = receipt_error = i ? EINTR : EAGAIN;
		failing_sends = failing_receipts = 2;
		assert_there(target);
		assert_int_equal(failing_polls + failing_sends + failing_receipts, 0);
	}
}

static void test_probe_run_http_connection_that_breaks_is_not_there(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
	unsigned port = serve(answer, sizeof answer - 1, 3);
	char target[100];

	(void)state;
	snprintf(target, sizeof target, "http://127.0.0.1:%u/", port);
	failing_sends = 1;
	send_error = EPIPE;
	assert_not_there(strerror(EPIPE), target);
	end_server();
	snprintf(target, sizeof target, "http://127.0.0.1:%u/",
		 serve(answer, sizeof answer - 1, 3));
	failing_receipts = 1;
	receipt_error = ECONNRESET;
	assert_not_there(strerror(ECONNRESET), target);
	failing_polls = 1;
	poll_error = ENOMEM;
	assert_not_there(strerror(ENOMEM), target);
}

static void test_probe_run_without_a_descriptor_says_so(void **state)
{
	unsigned port;
	int fd = listen_tcp(AF_INET, 10, &port);

	(void)state;
	assert_true(fd >= 0);
	failing_sockets = 2;
	assert_not_there(strerror(EMFILE), name_target("tcp://localhost:#", port));
	assert_int_equal(failing_sockets, 0);
	failing_sockets = 1;
	assert_not_there(strerror(EMFILE), name_target("tcp://127.0.0.1:#", port));
	close(fd);
}

/* ---- file ---- */

static void test_probe_run_file_that_exists_is_there(void **state)
{
	char target[100];
	int fd;

	(void)state;
	snprintf(target, sizeof target, "file://%s/ready", base);
	assert_not_there(strerror(ENOENT), target);
	assert_int_equal(symlink("gone", "ready"), 0);
	assert_not_there(strerror(ENOENT), target);
	fd = open("gone", O_WRONLY | O_CREAT | O_CLOEXEC, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_there(target);
	strcat(target, "/x");
	assert_not_there(strerror(ENOTDIR), target);
	assert_there("file:///");
}

/* ---- arguments ---- */

static void test_probe_run_bad_arguments_are_refused(void **state)
{
	(void)state;
	assert_not_there("dinit: --probe takes [-t SECONDS] TARGET\n", NULL);
	assert_not_there("takes [-t SECONDS] TARGET\n", "file:///", "file:///");
	assert_not_there("takes [-t SECONDS] TARGET\n", "-t", "1");
	assert_not_there("dinit: --probe takes behind -t more than 0 seconds", "-t");
	assert_not_there("more than 0 seconds", "-t", "0", "file:///");
	assert_not_there("more than 0 seconds", "-t", "0.0", "file:///");
	assert_not_there("more than 0 seconds", "-t", "-1", "file:///");
	assert_not_there("more than 0 seconds", "-t", "1s", "file:///");
	assert_not_there("this is no target; --probe takes tcp://", "https://127.0.0.1/");
	assert_not_there(" (a\\x0ab)\n", "a\nb");
	assert_not_there("this is no target", "-x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_probe_run_tcp_that_listens_is_there),
		TEST(test_probe_run_tcp_that_does_not_listen_is_not_there),
		TEST(test_probe_run_localhost_is_both_addresses),
		TEST(test_probe_run_tcp_that_leads_to_itself_is_not_there),
		TEST(test_probe_run_tcp_that_takes_no_connection_times_out),
		TEST(test_probe_run_unix_that_listens_is_there),
		TEST(test_probe_run_unix_whose_queue_stays_full_times_out),
		TEST(test_probe_run_unix_whose_queue_has_room_again_is_there),
		TEST(test_probe_run_http_status_decides),
		TEST(test_probe_run_http_request_names_host_and_path),
		TEST(test_probe_run_http_answer_is_taken),
		TEST(test_probe_run_http_endless_answer_ends),
		TEST(test_probe_run_http_without_answer_times_out),
		TEST(test_probe_run_http_slow_answer_times_out),
		TEST(test_probe_run_http_path_too_long_is_said),
		TEST(test_probe_run_http_interrupted_goes_on),
		TEST(test_probe_run_http_connection_that_breaks_is_not_there),
		TEST(test_probe_run_without_a_descriptor_says_so),
		TEST(test_probe_run_file_that_exists_is_there),
		TEST(test_probe_run_bad_arguments_are_refused),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
