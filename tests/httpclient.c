/* SPDX-License-Identifier: ISC */
/* Owns a client's connections and what comes over them; not what an answer has to be. Invariant:
 * every wait has a deadline. */
#include "httpclient.h"

#include "launch.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DEADLINE_MS 20000
#define READ_SIZE 65536

/* ---- the service ---- */

unsigned httpclient_add_service(struct scene *scene)
{
	unsigned port = httpclient_reserve_port();

	scene_add_dinit(scene);
	scene_service(scene, "http",
		      scene_format(scene, "echo \"pid $$\"; exec dinit --http %u", port));
	return port;
}

const char *httpclient_find_pid(struct run *run)
{
	run_wait_line(run, RUN_STDOUT, " http/run: pid ");
	return run_match(run, RUN_STDOUT, " http/run: pid ([0-9]+)$", 1);
}

size_t httpclient_count_connections(struct scene *scene, const char *pid)
{
	const char *path = scene_format(scene, "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	size_t count = 0;

	SCENE_CHECK(dir, path);
	while (readdir(dir))
		count++;
	closedir(dir);
	/* "." and "..", the three standard ones, the listener, and epoll. */
	return count < 7 ? 0 : count - 7;
}

void httpclient_wait_connections_at(struct scene *scene, const char *pid, size_t wanted,
				    const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(DEADLINE_MS);

	while (httpclient_count_connections(scene, pid) != wanted) {
		if (scene_left_ms(until_ms) == 0)
			scene_fail_at(where, "the server has %zu connections, not %zu",
				      httpclient_count_connections(scene, pid), wanted);
		httpclient_pause();
	}
}

/* ---- ports ---- */

static int reserved_fd = -1;

static int open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, no = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	return fd;
}

bool httpclient_has_ipv6(void)
{
	struct sockaddr_in6 local = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = open_socket(AF_INET6);
	bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&local, sizeof local) == 0;

	scene_close_fd(fd);
	return has;
}

unsigned httpclient_reserve_port(void)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .any.sa_family = httpclient_has_ipv6() ? AF_INET6 : AF_INET };
	socklen_t len = sizeof address;

	scene_close_fd(reserved_fd);
	reserved_fd = open_socket(address.any.sa_family);
	SCENE_CHECK(reserved_fd >= 0 && bind(reserved_fd, &address.any, len) == 0 &&
			    getsockname(reserved_fd, &address.any, &len) == 0,
		    "a port");
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
						       : address.v4.sin_port);
}

void httpclient_take_port(void)
{
	SCENE_CHECK(listen(reserved_fd, 1) == 0, "listen");
}

/* ---- connections ---- */

void httpclient_pause(void)
{
	poll(NULL, 0, 10);
}

static int connect_to(const char *address, unsigned port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct timeval limit = { .tv_sec = (time_t)(scene_deadline_ms(DEADLINE_MS) / 1000) };
	bool is_v6 = strchr(address, ':');
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	SCENE_CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0,
		    "socket");
	if (is_v6) {
		SCENE_CHECK(inet_pton(AF_INET6, address, &v6.sin6_addr) == 1, address);
		result = connect(fd, (const struct sockaddr *)&v6, sizeof v6);
	} else {
		SCENE_CHECK(inet_pton(AF_INET, address, &v4.sin_addr) == 1, address);
		result = connect(fd, (const struct sockaddr *)&v4, sizeof v4);
	}
	if (result == 0)
		return fd;
	SCENE_CHECK(errno == ECONNREFUSED, address);
	close(fd);
	return -1;
}

bool httpclient_is_refused(const char *address, unsigned port)
{
	int fd = connect_to(address, port);

	scene_close_fd(fd);
	return fd < 0;
}

struct httpclient *httpclient_open(struct scene *scene, const char *address, unsigned port)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(DEADLINE_MS);
	struct httpclient *client = calloc(1, sizeof *client);

	SCENE_CHECK(client, "calloc");
	client->scene = scene;
	while ((client->fd = connect_to(address, port)) < 0) {
		if (scene_left_ms(until_ms) == 0)
			scene_fail("nobody listens on port %u of %s", port, address);
		httpclient_pause();
	}
	SCENE_CHECK(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	return client;
}

void httpclient_close(struct httpclient *client)
{
	close(client->fd);
	free(client->bytes);
	free(client);
}

void httpclient_reset(struct httpclient *client)
{
	struct linger linger = { .l_onoff = 1 };

	SCENE_CHECK(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0,
		    "SO_LINGER");
	httpclient_close(client);
}

/* ---- sending ---- */

static bool wait_for(struct httpclient *client, short events, uint64_t until_ms)
{
	struct pollfd polled = { .fd = client->fd, .events = events };
	int left = scene_left_ms(until_ms);

	return left > 0 && (poll(&polled, 1, left) > 0 || errno == EINTR);
}

bool httpclient_send(struct httpclient *client, const char *bytes, size_t len)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(DEADLINE_MS);

	while (len > 0) {
		ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (sent < 0 && !wait_for(client, POLLOUT, until_ms))
			scene_fail("the server takes nothing");
		bytes += sent > 0 ? sent : 0;
		len -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

bool httpclient_say(struct httpclient *client, const char *format, ...)
{
	va_list args;
	char *text;
	int len;
	bool sent;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	SCENE_CHECK(len >= 0, "vasprintf");
	sent = httpclient_send(client, text, (size_t)len);
	free(text);
	return sent;
}

void httpclient_end_sending(struct httpclient *client)
{
	SCENE_CHECK(shutdown(client->fd, SHUT_WR) == 0, "shutdown");
}

/* ---- reading ---- */

void httpclient_collect(struct httpclient *client)
{
	ssize_t len;

	do {
		if (client->len + READ_SIZE + 1 > client->size) {
			client->size = 2 * client->len + READ_SIZE + 1;
			client->bytes = realloc(client->bytes, client->size);
			SCENE_CHECK(client->bytes, "realloc");
		}
		len = recv(client->fd, client->bytes + client->len, READ_SIZE, 0);
		client->len += len > 0 ? (size_t)len : 0;
		client->bytes[client->len] = '\0';
	} while (len > 0 || (len < 0 && errno == EINTR));
	client->reset = client->reset || (len < 0 && errno != EAGAIN);
	client->ended = client->ended || len == 0 || client->reset;
}

/* Waits for more. Returns false where nothing more comes in time, or at all. */
static bool wait_for_more(struct httpclient *client, uint64_t until_ms)
{
	if (client->ended || !wait_for(client, POLLIN, until_ms))
		return false;
	httpclient_collect(client);
	return true;
}

const char *httpclient_find(struct scene *scene, const struct httpclient_answer *answer,
			    const char *name)
{
	size_t name_len = strlen(name);
	const char *line = answer->head;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
			line += name_len + 1;
			line += strspn(line, " \t");
			return scene_keep(scene, line, strcspn(line, "\r\n"));
		}
	}
	return NULL;
}

/* Takes an answer, if it is there as a whole. */
static bool take_answer(struct httpclient *client, struct httpclient_answer *answer,
			bool without_content, const char *where)
{
	const char *end = client->bytes ? strstr(client->bytes, "\r\n\r\n") : NULL, *len;
	int at = 0;
	size_t head_len, whole;

	if (!end)
		return false;
	head_len = (size_t)(end - client->bytes);
	answer->head = scene_keep(client->scene, client->bytes, head_len);
	if (sscanf(answer->head, "HTTP/1.1 %3d %n", &answer->status, &at) != 1 || at != 13)
		scene_fail_at(where, "no answer of HTTP: %s", answer->head);
	len = httpclient_find(client->scene, answer, "Content-Length");
	if (!len)
		scene_fail_at(where, "an answer without Content-Length: %s", answer->head);
	answer->content_len = without_content ? 0 : strtoul(len, NULL, 10);
	whole = head_len + 4 + answer->content_len;
	if (client->len < whole)
		return false;
	answer->content = scene_keep(client->scene, end + 4, answer->content_len);
	client->len -= whole;
	memmove(client->bytes, client->bytes + whole, client->len + 1);
	return true;
}

struct httpclient_answer httpclient_read_at(struct httpclient *client, bool without_content,
					    const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(DEADLINE_MS);
	struct httpclient_answer answer;

	while (!take_answer(client, &answer, without_content, where))
		if (!wait_for_more(client, until_ms))
			scene_fail_at(where, "no whole answer%s: %s",
				      client->reset   ? ", and a reset"
				      : client->ended ? ", and the end"
						      : " in time",
				      client->bytes ? client->bytes : "");
	return answer;
}

bool httpclient_sees_end_at(struct httpclient *client, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(DEADLINE_MS);

	while (wait_for_more(client, until_ms))
		;
	if (!client->ended)
		scene_fail_at(where, "the server has not closed the connection in time");
	return !client->reset && client->len == 0;
}

/* ---- both ---- */

struct httpclient_answer httpclient_get_at(struct scene *scene, unsigned port, const char *path,
					   const char *header, const char *where)
{
	struct httpclient *client = httpclient_open(scene, "127.0.0.1", port);
	struct httpclient_answer answer;

	if (!httpclient_say(client, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
			    path, header))
		scene_fail_at(where, "the server does not take a request");
	answer = httpclient_read_at(client, false, where);
	if (!httpclient_sees_end_at(client, where))
		scene_fail_at(where, "the server does not end in order");
	httpclient_close(client);
	return answer;
}

struct httpclient_answer httpclient_get_until_at(struct scene *scene, unsigned port,
						 const char *path, int status, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(DEADLINE_MS);
	struct httpclient_answer answer = httpclient_get_at(scene, port, path, "", where);

	while (answer.status != status) {
		if (scene_left_ms(until_ms) == 0)
			scene_fail_at(where, "%s is answered with %d, not %d: %s", path,
				      answer.status, status, answer.content);
		httpclient_pause();
		answer = httpclient_get_at(scene, port, path, "", where);
	}
	return answer;
}
