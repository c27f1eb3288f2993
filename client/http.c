/* SPDX-License-Identifier: ISC */
/* Owns the connections: how many there are, how long each may take, and what is read and sent.
 * Invariant: nothing here waits for one client, and no client costs memory: a request stays in the
 * kernel until it is whole, and an answer is shared by all who get it. */
#include "client/http.h"

#include "client/answers.h"
#include "client/httprequest.h"
#include "client/listener.h"
#include "client/target.h"
#include "process.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
/* The descriptors that are no connections: three standard ones, the listener, epoll, /proc and a
 * file in it, and two to spare. */
#define OWN_FDS 9

/* From the first byte of a request to the end of its header, and before that, from the start of a
 * connection to its first byte. */
#define REQUEST_MS 5000
/* Between two requests, and while a client takes nothing of its answer. */
#define IDLE_MS 30000
/* How long what a client still sends is thrown away after we have closed our end: otherwise the
 * kernel would reset the connection, and the client might lose the answer. */
#define CLOSING_MS 2000
/* How long a new connection is not yet taken for an idle one: its client is about to ask. */
#define ARRIVAL_MS 250
/* How often deadlines are looked at, and whether dinit still runs. */
#define TICK_MS 250
#define IDLE_TICK_MS 1000

/* The most in one turn: requests of one connection, new connections, and events. */
#define REQUESTS_PER_TURN 16
#define ARRIVALS_PER_TURN 64
#define EVENTS_PER_TURN 64

#define TOKEN_MAX 4096

enum phase {
	PHASE_FREE,
	/* Between two requests, or within one. */
	PHASE_READING,
	PHASE_SENDING,
	/* Our end is closed. */
	PHASE_CLOSING,
};

struct connection {
	int fd;
	enum phase phase;
	/* A part of a request is there; the connection has had an answer. */
	bool begun, answered;
	/* The client has closed its end: nothing more will come. */
	bool half_closed;
	/* Of the answer that is being sent: whether the connection outlives it, and whether it is
	 * without content. */
	bool keep_alive, head;
	struct answer *answer;
	/* How many bytes of it have been sent, with its head. */
	size_t sent;
	/* When its phase began, and when it must have ended. */
	uint64_t since_ms, deadline_ms;
};

struct server {
	int listener_fd, epoll_fd;
	/* The kernel refused a new connection: none is accepted until the next tick. */
	bool full;
	/* dinit has ended. */
	bool gone;
	uint64_t now_ms, tick_ms;
	/* How many connections there may be, and how many there are. */
	size_t most, len;
	struct connection connections[CONNECTIONS_MAX];
	struct answers answers;
	/* What one connection has sent, only while that is looked at. */
	char bytes[HTTPREQUEST_MAX];
};

/* ---- connections ---- */

static void close_connection(struct server *server, struct connection *connection)
{
	if (connection->answer)
		connection->answer->users--;
	close(connection->fd);
	connection->answer = NULL;
	connection->phase = PHASE_FREE;
	server->len--;
}

static void enter(const struct server *server, struct connection *connection, enum phase phase,
		  uint64_t limit_ms)
{
	connection->phase = phase;
	connection->since_ms = server->now_ms;
	connection->deadline_ms = server->now_ms + limit_ms;
}

/* Asks epoll for events of a descriptor. Each event of a connection is told once (EPOLLET). */
static int watch(const struct server *server, int operation, int fd, uint32_t events, size_t place)
{
	struct epoll_event event = { .events = events, .data.u64 = place };

	return epoll_ctl(server->epoll_fd, operation, fd, &event);
}

#define CONNECTION_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* Makes epoll tell the events of the connection again: the others have their turn before it goes
 * on. */
static void come_back(const struct server *server, struct connection *connection)
{
	watch(server, EPOLL_CTL_MOD, connection->fd, CONNECTION_EVENTS,
	      (size_t)(connection - server->connections));
}

/* Returns whether it can be closed without loss: it is between two requests, or has had its last
 * answer. (A new one does not count as idle: beside many that are within a request, it would
 * otherwise be closed for the next that arrives.) */
static bool is_idle(const struct server *server, const struct connection *connection)
{
	return connection->phase == PHASE_CLOSING ||
	       (connection->phase == PHASE_READING && !connection->begun &&
		(connection->answered || server->now_ms - connection->since_ms >= ARRIVAL_MS));
}

/* Returns the connection that is to be closed first: of the idle ones, or, where none is idle, of
 * all, the one that has been in its phase longest. NULL: there is none. */
static struct connection *find_oldest(struct server *server)
{
	struct connection *oldest = NULL;
	bool oldest_idle = false;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &server->connections[i];
		bool idle = is_idle(server, connection);

		if (connection->phase == PHASE_FREE || (oldest_idle && !idle))
			continue;
		if (!oldest || idle > oldest_idle || connection->since_ms < oldest->since_ms) {
			oldest = connection;
			oldest_idle = idle;
		}
	}
	return oldest;
}

/* Closes the connection that has been sending longest, so that another answer can have the place of
 * its one. Returns whether there was one. */
static bool cut_longest_sender(struct server *server)
{
	struct connection *longest = NULL;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->answer && (!longest || connection->since_ms < longest->since_ms))
			longest = connection;
	}
	if (longest)
		close_connection(server, longest);
	return longest;
}

/* ---- closing ---- */

/* Throws away what the client still sends, until its end. */
static void drain(struct server *server, struct connection *connection)
{
	for (unsigned i = 0; i < REQUESTS_PER_TURN; i++) {
		ssize_t len = recv(connection->fd, server->bytes, sizeof server->bytes, 0);

		if (len < 0 && errno == EAGAIN)
			return;
		if (len <= 0) {
			close_connection(server, connection);
			return;
		}
	}
	come_back(server, connection);
}

static void begin_closing(struct server *server, struct connection *connection)
{
	shutdown(connection->fd, SHUT_WR);
	enter(server, connection, PHASE_CLOSING, CLOSING_MS);
	drain(server, connection);
}

/* ---- sending ---- */

/* Sends what is left of the answer. Returns how many bytes were sent, or -1 with errno. */
static ssize_t send_rest(const struct connection *connection)
{
	static char ends[][27] = { "Connection: close\r\n\r\n", "Connection: keep-alive\r\n\r\n" };
	char *end = ends[connection->keep_alive];
	struct answer *answer = connection->answer;
	struct iovec parts[] = {
		{ answer->head, answer->head_len },
		{ end, strlen(end) },
		{ answer->content, connection->head ? 0 : answer->content_len },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = sizeof parts / sizeof *parts };
	size_t skipped = connection->sent;

	for (size_t i = 0; i < sizeof parts / sizeof *parts && skipped > 0; i++) {
		size_t part = skipped < parts[i].iov_len ? skipped : parts[i].iov_len;

		parts[i].iov_base = (char *)parts[i].iov_base + part;
		parts[i].iov_len -= part;
		skipped -= part;
	}
	if (parts[0].iov_len + parts[1].iov_len + parts[2].iov_len == 0)
		return 0;
	return sendmsg(connection->fd, &message, MSG_NOSIGNAL);
}

/* Sends the answer as far as the client takes it. Returns whether the next request can be read. */
static bool send_answer(struct server *server, struct connection *connection)
{
	ssize_t len;

	while ((len = send_rest(connection)) > 0) {
		connection->sent += (size_t)len;
		connection->deadline_ms = server->now_ms + IDLE_MS;
	}
	if (len < 0) {
		if (errno != EAGAIN)
			close_connection(server, connection);
		return false;
	}
	connection->answer->users--;
	connection->answer = NULL;
	if (!connection->keep_alive) {
		begin_closing(server, connection);
		return false;
	}
	enter(server, connection, PHASE_READING, IDLE_MS);
	connection->begun = false;
	connection->answered = true;
	return true;
}

/* Begins to send the answer to a request; where status is not 0, that error. Returns whether the
 * next request can be read. */
static bool begin_answer(struct server *server, struct connection *connection,
			 const struct httprequest *request, int status)
{
	struct answer *answer;

	do
		answer = status == 0 ? answers_find(&server->answers, request)
				     : answers_find_error(&server->answers, status);
	while (!answer && cut_longest_sender(server));
	if (!answer) {
		close_connection(server, connection);
		return false;
	}
	answer->users++;
	connection->answer = answer;
	connection->sent = 0;
	connection->keep_alive = status == 0 && request->keep_alive;
	connection->head = request->head;
	enter(server, connection, PHASE_SENDING, IDLE_MS);
	return send_answer(server, connection);
}

/* ---- reading ---- */

/* Answers the first request in what has come. That has only been looked at: it is taken from the
 * kernel when the request is whole. Returns whether the next one can be read. */
static bool answer_request(struct server *server, struct connection *connection, size_t len)
{
	struct httprequest request;
	int status = 0;

	switch (httprequest_parse(&request, server->bytes, len, &status)) {
	case HTTPREQUEST_BAD: return begin_answer(server, connection, &request, status);
	case HTTPREQUEST_MORE:
		if (connection->half_closed)
			return begin_answer(server, connection, &request, 400);
		if (!connection->begun)
			enter(server, connection, PHASE_READING, REQUEST_MS);
		connection->begun = true;
		return false;
	case HTTPREQUEST_WHOLE:
		/* (They are in server->bytes already, and come to the same place.) */
		if (recv(connection->fd, server->bytes, request.len, 0) != (ssize_t)request.len) {
			close_connection(server, connection);
			return false;
		}
		return begin_answer(server, connection, &request, 0);
	}
	return false;
}

static void read_requests(struct server *server, struct connection *connection)
{
	for (unsigned i = 0; i < REQUESTS_PER_TURN; i++) {
		ssize_t len = recv(connection->fd, server->bytes, sizeof server->bytes, MSG_PEEK);

		if (len < 0 && errno == EAGAIN)
			return;
		if (len <= 0) {
			close_connection(server, connection);
			return;
		}
		if (!answer_request(server, connection, (size_t)len))
			return;
	}
	come_back(server, connection);
}

static void on_connection(struct server *server, struct connection *connection, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		connection->half_closed = true;
	switch (connection->phase) {
	/* It was closed in this turn. */
	case PHASE_FREE: return;
	case PHASE_CLOSING: drain(server, connection); return;
	case PHASE_SENDING:
		if (!send_answer(server, connection))
			return;
		break;
	case PHASE_READING: break;
	}
	read_requests(server, connection);
}

/* ---- arrivals ---- */

static void add_connection(struct server *server, int fd)
{
	int on = 1;
	size_t place = 0;

	/* Otherwise an answer might wait until the one before it is acknowledged (tcp(7)). */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (server->len >= server->most)
		close_connection(server, find_oldest(server));
	while (server->connections[place].phase != PHASE_FREE)
		place++;
	if (watch(server, EPOLL_CTL_ADD, fd, CONNECTION_EVENTS, place) < 0) {
		close(fd);
		return;
	}
	server->connections[place] = (struct connection){ .fd = fd };
	server->len++;
	enter(server, &server->connections[place], PHASE_READING, REQUEST_MS);
}

/* Stops letting new connections in until the next tick, or begins again. */
static void set_full(struct server *server, bool full)
{
	if (server->full != full)
		watch(server, EPOLL_CTL_MOD, server->listener_fd, full ? 0 : EPOLLIN,
		      CONNECTIONS_MAX);
	server->full = full;
}

static void accept_connections(struct server *server)
{
	for (unsigned i = 0; i < ARRIVALS_PER_TURN; i++) {
		int fd = accept4(server->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			add_connection(server, fd);
			continue;
		}
		/* That one connection has gone (accept(2)). */
		if (errno == ECONNABORTED)
			continue;
		/* Whatever the reason, it may last: there is no room, or it is forbidden. */
		if (errno != EAGAIN)
			set_full(server, true);
		return;
	}
}

/* ---- time ---- */

static void expire(struct server *server, struct connection *connection)
{
	static const struct httprequest unknown;

	if (connection->phase == PHASE_READING && connection->begun)
		begin_answer(server, connection, &unknown, 408);
	else
		close_connection(server, connection);
}

static void tick(struct server *server)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->phase != PHASE_FREE && server->now_ms >= connection->deadline_ms)
			expire(server, connection);
	}
	set_full(server, false);
	server->gone = view_is_gone(&server->answers.view);
	server->tick_ms = server->now_ms + (server->len > 0 ? TICK_MS : IDLE_TICK_MS);
}

static int find_timeout(const struct server *server)
{
	uint64_t now_ms = board_now().monotonic_ms;

	return now_ms < server->tick_ms ? (int)(server->tick_ms - now_ms) : 0;
}

/* ---- the whole ---- */

/* Waits for what happens, once, and does what follows. New connections come last, so that an event
 * of a connection that is closed in this turn is not taken for one of a new connection in the same
 * place. */
static void turn(struct server *server)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int count = epoll_wait(server->epoll_fd, events, EVENTS_PER_TURN, find_timeout(server));
	bool arrivals = false;

	server->now_ms = board_now().monotonic_ms;
	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == CONNECTIONS_MAX)
			arrivals = true;
		else
			on_connection(server, &server->connections[events[i].data.u64],
				      events[i].events);
	}
	if (server->now_ms >= server->tick_ms)
		tick(server);
	if (arrivals && !server->full)
		accept_connections(server);
}

/* Sets how many connections there may be: fewer where few files may be open. */
static void set_most(struct server *server)
{
	struct rlimit limit;

	process_raise_nofile(&limit);
	server->most = CONNECTIONS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < CONNECTIONS_MAX + OWN_FDS)
		server->most = limit.rlim_cur > OWN_FDS ? (size_t)limit.rlim_cur - OWN_FDS : 1;
}

/* Answers until dinit has ended. Returns the exit status. */
static int serve(struct server *server)
{
	int status = PROCESS_STATUS_STOPPED;

	set_most(server);
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return view_fail(strerror(errno));
	if (watch(server, EPOLL_CTL_ADD, server->listener_fd, EPOLLIN, CONNECTIONS_MAX) < 0)
		status = view_fail(strerror(errno));
	else
		while (!server->gone)
			turn(server);
	close(server->epoll_fd);
	return status;
}

/* Says why the server cannot begin. Returns the exit status. */
static int fail(const char *what, const char *object, const char *why)
{
	fprintf(stderr, "dinit: %s%s: %s\n", what, object, why);
	return PROCESS_STATUS_UNABLE;
}

static bool is_token(const char *token)
{
	const char *byte = token;

	while (*byte > ' ' && *byte < 0x7f)
		byte++;
	return *byte == '\0' && byte > token && byte - token <= TOKEN_MAX;
}

/* Opens the view, then the socket, gives up root, and serves. Returns the exit status. */
static int run(struct server *server, const struct target *target, const char *address, pid_t pid,
	       const char *token)
{
	char why[VIEW_WHY_SIZE], own_why[LISTENER_WHY_SIZE];
	int status;

	if (answers_open(&server->answers, pid, token, why) < 0)
		return view_fail(why);
	server->listener_fd = listener_open(target, own_why);
	if (server->listener_fd < 0) {
		status = fail("cannot listen on ", address, own_why);
	} else {
		status = listener_drop_root(own_why) < 0 ? fail("--http", "", own_why)
							 : serve(server);
		close(server->listener_fd);
	}
	answers_close(&server->answers);
	return status;
}

int http_run(char *const *arguments, pid_t pid)
{
	const char *token = getenv("DINIT_HTTP_TOKEN");
	struct server *server;
	struct target target;
	int status;

	if (!arguments[0] || arguments[1] || target_parse_local(&target, arguments[0]) < 0)
		return -1;
	if (token && !is_token(token))
		return view_fail("DINIT_HTTP_TOKEN takes 1 to 4096 visible ASCII characters");
	server = calloc(1, sizeof *server);
	if (!server)
		return view_fail("there is no memory");
	status = run(server, &target, arguments[0], pid, token);
	free(server);
	return status;
}
