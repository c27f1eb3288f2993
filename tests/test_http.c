/* SPDX-License-Identifier: ISC */
/* client/http.c with real clients on the loopback, and everything else in the test's hand: the
 * clock, the answers, and what fails. The server has a thread, but never runs beside the test: it
 * gets one turn at a time, from one epoll_wait to the next (turn). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/answers.h"
#include "client/http.h"
#include "client/listener.h"
#include "process.h"
#include "rig.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HTTP_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Any moment. */
#define BEGIN_MS 1000000
#define CONNECTIONS_MAX 256
/* More than any test makes. */
#define CLIENTS_MAX 300
/* So long something may take that is to happen at once. */
#define DEADLINE_SECONDS 20
/* More than the kernel keeps for a connection with small buffers. */
#define BIG_LEN 200000

/* ---- the answers ---- */

#define SMALL_HEAD "HTTP/1.1 200 OK\r\nFor: test\r\n"
#define SMALL_CONTENT "small\n"
#define KEEP_ALIVE "Connection: keep-alive\r\n\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define SMALL SMALL_HEAD KEEP_ALIVE SMALL_CONTENT
#define LAST SMALL_HEAD CLOSE SMALL_CONTENT
#define BIG_HEAD "HTTP/1.1 200 OK\r\nFor: big\r\n"
#define ERROR_HEAD(status) "HTTP/1.1 " #status " Error\r\n" CLOSE
#define ERROR(status) ERROR_HEAD(status) "error " #status "\n"

static char small_content[] = SMALL_CONTENT, big_content[BIG_LEN], error_content[20];
static struct answer small_answer, big_answer, error_answer;
/* There is an answer only while no big one is being sent; there is none at all. */
static bool one_at_a_time, no_answers;
/* What was asked last. */
static char asked_path[100];
static bool nothing_runs, gone;
static unsigned looks, answers_closed;
static const char *token;
static pid_t asked_pid;

int __wrap_answers_open(struct answers *answers, pid_t pid, const char *its_token,
			char why[VIEW_WHY_SIZE]);
void __wrap_answers_close(struct answers *answers);
struct answer *__wrap_answers_find(struct answers *answers, const struct httprequest *request);
struct answer *__wrap_answers_find_error(struct answers *answers, int status);
bool __wrap_view_is_gone(const struct view *view);

/* ---- what is taken ---- */

static uint64_t clock_ms;
/* The next call of each fails with that; 0: it does not. */
static int epoll_create_error, epoll_ctl_error, recv_error, sendmsg_error, listener_error;
static bool calloc_fails, drop_fails;
/* The calls of accept4 fail with that, so often. */
static int accept_error;
static unsigned accept_failures, accepts;
/* The next recv that is no look gets so much less; each gets so much at most (0: what there is). */
static size_t recv_short, recv_most;
/* The next sendmsg sends so much at most, and so do all that follow. 0: as much as it likes. */
static size_t send_first, send_most;
/* What the clients with these descriptors at the server's end take for now; less than 0: all. */
#define FDS_MAX 1024
static ssize_t takes[FDS_MAX];
/* The clock goes on while an answer is sent. */
static uint64_t sending_ms;
/* What is accepted has small buffers. */
static bool small_buffers;
/* The server's ends of connections, with the ports of the clients, and how many were accepted. */
static struct end {
	int fd;
	in_port_t peer;
} ends[CLIENTS_MAX];
static size_t ends_len, accepted;
static int listener_fd, epoll_fd;
static in_port_t port;
static struct rlimit nofile;
static int getrlimit_result;
/* What was done at the beginning, in this order. */
static char steps[200];
static void *memory;
/* How long the server would wait, and how much has happened in its last turn. */
static int timeout_ms, events_len;
/* What a call should not have been given. */
static char wrong[100];

int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int fd, int operation, int other_fd, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int operation, int other_fd, struct epoll_event *event);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __real_close(int fd);
int __wrap_close(int fd);
ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap___recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __real_free(void *address);
void __wrap_free(void *address);
int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit);
void __wrap_process_raise_nofile(struct rlimit *original);
struct board_time __wrap_board_now(void);
int __real_listener_open(const struct target *target, char why[LISTENER_WHY_SIZE]);
int __wrap_listener_open(const struct target *target, char why[LISTENER_WHY_SIZE]);
int __wrap_listener_drop_root(char why[LISTENER_WHY_SIZE]);

static void note_step(const char *step)
{
	size_t len = strlen(steps);

	snprintf(steps + len, sizeof steps - len, "%s ", step);
}

static void note_wrong(const char *what)
{
	snprintf(wrong, sizeof wrong, "%s", what);
}

int __wrap_answers_open(struct answers *answers, pid_t pid, const char *its_token,
			char why[VIEW_WHY_SIZE])
{
	note_step("page");
	answers->token = its_token;
	answers->view = (struct view){ .page = "", .size = 1, .pid = pid };
	token = its_token;
	asked_pid = pid;
	snprintf(why, VIEW_WHY_SIZE, "no dinit runs here");
	return nothing_runs ? -1 : 0;
}

void __wrap_answers_close(struct answers *answers)
{
	if (answers->token != token)
		note_wrong("other answers are closed");
	answers_closed++;
}

struct answer *__wrap_answers_find(struct answers *answers, const struct httprequest *request)
{
	bool big = request->path_len == 4 && memcmp(request->path, "/big", 4) == 0;

	if (answers->token != token)
		note_wrong("others are asked for an answer");
	snprintf(asked_path, sizeof asked_path, "%.*s", (int)request->path_len, request->path);
	if (no_answers || (one_at_a_time && big_answer.users > 0))
		return NULL;
	return big ? &big_answer : &small_answer;
}

struct answer *__wrap_answers_find_error(struct answers *answers, int status)
{
	(void)answers;
	if (no_answers)
		return NULL;
	if (error_answer.users > 0)
		note_wrong("an error is asked for while one is being sent");
	snprintf(error_answer.head, sizeof error_answer.head, "HTTP/1.1 %d Error\r\n", status);
	snprintf(error_content, sizeof error_content, "error %d\n", status);
	error_answer.head_len = strlen(error_answer.head);
	error_answer.content = error_content;
	error_answer.content_len = strlen(error_content);
	return &error_answer;
}

bool __wrap_view_is_gone(const struct view *view)
{
	(void)view;
	looks++;
	return gone;
}

static int take_error(int *error)
{
	errno = *error;
	*error = 0;
	return -1;
}

int __wrap_epoll_create1(int flags)
{
	note_step("epoll");
	if (flags != EPOLL_CLOEXEC)
		note_wrong("epoll is inherited");
	epoll_fd =
		epoll_create_error ? take_error(&epoll_create_error) : __real_epoll_create1(flags);
	return epoll_fd;
}

int __wrap_epoll_ctl(int fd, int operation, int other_fd, struct epoll_event *event)
{
	if (epoll_ctl_error && operation == EPOLL_CTL_ADD)
		return take_error(&epoll_ctl_error);
	return __real_epoll_ctl(fd, operation, other_fd, event);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof peer;
	int small = 1, new_fd;

	accepts++;
	if (address || len)
		note_wrong("an address is asked for");
	if (flags != (SOCK_NONBLOCK | SOCK_CLOEXEC))
		note_wrong("a connection blocks, or is inherited");
	if (accept_failures > 0) {
		accept_failures--;
		errno = accept_error;
		return -1;
	}
	new_fd = __real_accept4(fd, (struct sockaddr *)(void *)&peer, &peer_len, flags);
	if (new_fd < 0)
		return new_fd;
	if (small_buffers)
		setsockopt(new_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	if (ends_len == COUNT(ends) || new_fd >= FDS_MAX)
		note_wrong("there are too many connections");
	else
		ends[ends_len++] = (struct end){ new_fd, peer.sin_port };
	accepted++;
	return new_fd;
}

int __wrap_close(int fd)
{
	int result = __real_close(fd);

	if (result < 0)
		note_wrong("what is closed already is closed");
	for (size_t i = 0; i < ends_len; i++)
		if (ends[i].fd == fd)
			ends[i] = ends[--ends_len];
	return result;
}

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
	/* It tells only of what fails. */
	errno = EAGAIN;
	if (recv_error)
		return take_error(&recv_error);
	if (flags == 0 && recv_short > 0) {
		size -= recv_short;
		recv_short = 0;
	}
	if (flags == 0 && recv_most > 0 && size > recv_most)
		size = recv_most;
	return __real_recv(fd, bytes, size, flags);
}

/* What recv is where _FORTIFY_SOURCE has its size checked. */
ssize_t __wrap___recv_chk(int fd, void *bytes, size_t size, size_t room, int flags)
{
	if (size > room)
		note_wrong("there is no room for what is received");
	return __wrap_recv(fd, bytes, size, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr cut = *message;
	struct iovec parts[3];
	size_t most = send_first ? send_first : send_most;
	ssize_t sent;

	if (flags != MSG_NOSIGNAL || message->msg_iovlen != COUNT(parts))
		note_wrong("an answer is sent in another way");
	clock_ms += sending_ms;
	if (sendmsg_error)
		return take_error(&sendmsg_error);
	send_first = 0;
	if (takes[fd] == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (takes[fd] > 0)
		most = (size_t)takes[fd];
	memcpy(parts, message->msg_iov, sizeof parts);
	cut.msg_iov = parts;
	for (size_t i = 0; i < COUNT(parts) && most > 0; i++) {
		if (parts[i].iov_len >= most) {
			parts[i].iov_len = most;
			cut.msg_iovlen = i + 1;
			break;
		}
		most -= parts[i].iov_len;
	}
	sent = __real_sendmsg(fd, &cut, flags);
	if (takes[fd] > 0 && sent > 0)
		takes[fd] -= sent;
	return sent;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *address = calloc_fails ? NULL : __real_calloc(count, size);

	memory = memory ? memory : address;
	return address;
}

void __wrap_free(void *address)
{
	if (address == memory)
		memory = NULL;
	__real_free(address);
}

int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	if (resource != RLIMIT_NOFILE)
		note_wrong("another limit is asked for");
	*limit = nofile;
	return getrlimit_result;
}

void __wrap_process_raise_nofile(struct rlimit *original)
{
	*original = (struct rlimit){ 20, 20 };
	note_step("raise");
}

struct board_time __wrap_board_now(void)
{
	return (struct board_time){ .monotonic_ms = clock_ms, .realtime_ms = 1 };
}

/* The kernel chooses the port. */
int __wrap_listener_open(const struct target *target, char why[LISTENER_WHY_SIZE])
{
	struct target own = *target;
	struct sockaddr_in address;
	socklen_t len = sizeof address;

	note_step("listen");
	port = own.addresses[0].socket.ipv4.sin_port;
	own.addresses[0].socket.ipv4.sin_port = 0;
	snprintf(why, LISTENER_WHY_SIZE, "busy");
	listener_fd =
		listener_error ? take_error(&listener_error) : __real_listener_open(&own, why);
	if (listener_fd >= 0) {
		getsockname(listener_fd, (struct sockaddr *)(void *)&address, &len);
		port = address.sin_port;
	}
	return listener_fd;
}

int __wrap_listener_drop_root(char why[LISTENER_WHY_SIZE])
{
	note_step("drop");
	snprintf(why, LISTENER_WHY_SIZE, "this process stays root");
	return drop_fails ? -1 : 0;
}

/* ---- the server ---- */

static pthread_t thread;
/* There is one; it has returned, with that. */
static bool begun, over;
static int status;
static sem_t to_server, to_test;
static char *arguments[3];
static char *said;
static size_t said_len;

/* Waits for the other side. */
static void await(sem_t *side)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2 * DEADLINE_SECONDS;
	while (sem_timedwait(side, &until) < 0)
		if (errno != EINTR) {
			fprintf(stderr, "test_http: nothing happens any more\n");
			abort();
		}
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	timeout_ms = timeout;
	sem_post(&to_test);
	await(&to_server);
	events_len = __real_epoll_wait(fd, events, max, 0);
	return events_len;
}

static void *run(void *unused)
{
	(void)unused;
	status = http_run(arguments, 7);
	over = true;
	sem_post(&to_test);
	return NULL;
}

/* Begins to run the server, until it waits or has ended. */
static void begin(const char *argument)
{
	static char copy[50];
	FILE *old = stderr;

	snprintf(copy, sizeof copy, "%s", argument);
	arguments[0] = copy;
	over = false;
	free(said);
	stderr = open_memstream(&said, &said_len);
	sem_init(&to_server, 0, 0);
	sem_init(&to_test, 0, 0);
	begun = pthread_create(&thread, NULL, run, NULL) == 0;
	if (begun)
		await(&to_test);
	fclose(stderr);
	stderr = old;
	assert_true(begun);
}

static void serve(void)
{
	begin("127.0.0.1:9100");
	assert_string_equal(said, "");
	assert_false(over);
	assert_string_equal(steps, "page listen drop raise epoll ");
}

/* Lets the server see what has happened, once. */
static void turn(void)
{
	assert_true(begun && !over);
	sem_post(&to_server);
	await(&to_test);
	if (*wrong)
		fail_msg("%s", wrong);
}

static void pass(uint64_t ms)
{
	clock_ms += ms;
	turn();
}

static int clients[CLIENTS_MAX];
static size_t clients_len;
static int fds_before;

/* Ends the server. */
static void end(void)
{
	gone = true;
	while (begun && !over) {
		clock_ms += 1000;
		sem_post(&to_server);
		await(&to_test);
	}
	if (begun)
		pthread_join(thread, NULL);
	begun = false;
}

static int setup(void **state)
{
	(void)state;
	epoll_create_error = epoll_ctl_error = recv_error = sendmsg_error = listener_error = 0;
	accept_error = 0;
	accept_failures = accepts = looks = answers_closed = 0;
	recv_short = recv_most = send_first = send_most = 0;
	for (size_t i = 0; i < COUNT(takes); i++)
		takes[i] = -1;
	sending_ms = 0;
	calloc_fails = drop_fails = small_buffers = false;
	one_at_a_time = no_answers = nothing_runs = gone = false;
	ends_len = accepted = clients_len = 0;
	listener_fd = epoll_fd = -1;
	nofile = (struct rlimit){ 1024, 4096 };
	getrlimit_result = 0;
	*steps = *wrong = *asked_path = '\0';
	clock_ms = BEGIN_MS;
	arguments[1] = NULL;
	setenv("DINIT_HTTP_TOKEN", "secret", 1);
	small_answer = (struct answer){ .head = SMALL_HEAD, .head_len = strlen(SMALL_HEAD) };
	small_answer.content = small_content;
	small_answer.content_len = strlen(small_content);
	big_answer = (struct answer){ .head = BIG_HEAD, .head_len = strlen(BIG_HEAD) };
	big_answer.content = big_content;
	big_answer.content_len = sizeof big_content;
	for (size_t i = 0; i < sizeof big_content; i++)
		big_content[i] = (char)(i * 2654435761U >> 24);
	error_answer = (struct answer){ .users = 0 };
	fds_before = rig_count_fds();
	return 0;
}

/* The connections that the server leaves open its process ends with. */
static void close_all(void)
{
	struct linger reset = { .l_onoff = 1 };

	/* (No port is to be kept for a minute.) */
	for (size_t i = 0; i < clients_len; i++) {
		if (clients[i] < 0)
			continue;
		setsockopt(clients[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(clients[i]);
	}
	while (ends_len > 0)
		close(ends[0].fd);
	clients_len = 0;
	listener_fd = epoll_fd = -1;
	free(memory);
	memory = NULL;
}

static int teardown(void **state)
{
	(void)state;
	end();
	close_all();
	free(said);
	said = NULL;
	return 0;
}

/* ---- clients ---- */

static bool is_late(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - since->tv_sec > DEADLINE_SECONDS;
}

/* Waits a moment for the kernel; fails where that has lasted too long. */
static void rest(struct timespec *since, const char *what)
{
	if (since->tv_sec == 0 && since->tv_nsec == 0)
		clock_gettime(CLOCK_MONOTONIC, since);
	if (is_late(since))
		fail_msg("%s", what);
	poll(NULL, 0, 1);
}

/* Returns the server's end of a client's connection, or -1 where it has closed it. */
static int find_end(int client)
{
	struct sockaddr_in address;
	socklen_t len = sizeof address;

	assert_int_equal(getsockname(client, (struct sockaddr *)(void *)&address, &len), 0);
	for (size_t i = 0; i < ends_len; i++)
		if (ends[i].peer == address.sin_port)
			return ends[i].fd;
	return -1;
}

/* Waits until the descriptor has news. */
static void await_news(int fd, short events)
{
	struct pollfd polled = { .fd = fd, .events = events };

	assert_int_equal(poll(&polled, 1, DEADLINE_SECONDS * 1000), 1);
}

/* Connects, and leaves the server a turn to accept it. */
static int join_later(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = port };
	int small = 1, on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0 && clients_len < COUNT(clients));
	clients[clients_len++] = fd;
	/* What it says is sent, whatever was not acknowledged yet. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (small_buffers)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	assert_int_equal(connect(fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	await_news(listener_fd, POLLIN);
	return fd;
}

static int join(void)
{
	int fd = join_later();

	turn();
	assert_true(find_end(fd) >= 0);
	/* The first news: it can be sent to. */
	turn();
	return fd;
}

static void leave(int client)
{
	for (size_t i = 0; i < clients_len; i++)
		if (clients[i] == client)
			clients[i] = -1;
	close(client);
}

/* Sends, until it has arrived at the server's end, which has no turn meanwhile. */
static void say_bytes(int client, const char *bytes, size_t len)
{
	int end = find_end(client), before = 0, there = 0;
	struct timespec since = { 0 };

	assert_int_equal(ioctl(end, FIONREAD, &before), 0);
	assert_int_equal(send(client, bytes, len, MSG_NOSIGNAL), len);
	while (ioctl(end, FIONREAD, &there) == 0 && there != before + (int)len)
		rest(&since, "what a client sends does not arrive");
}

static void say(int client, const char *text)
{
	say_bytes(client, text, strlen(text));
}

/* Ends what the client sends. */
static void hang_up(int client)
{
	int end = find_end(client);

	assert_int_equal(shutdown(client, SHUT_WR), 0);
	await_news(end, POLLRDHUP);
}

/* Closes the connection, with a reset. */
static void break_off(int client)
{
	struct linger reset = { .l_onoff = 1 };
	int end = find_end(client);

	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	leave(client);
	await_news(end, POLLERR);
}

/* Gets exactly that, while the server has so many turns as it takes. */
static void hear_bytes(int client, const char *expected, size_t len)
{
	static char bytes[65536];
	struct timespec since = { 0 };
	size_t so_far = 0;

	while (so_far < len) {
		ssize_t got = __real_recv(client, bytes,
					  len - so_far < sizeof bytes ? len - so_far : sizeof bytes,
					  MSG_DONTWAIT);

		if (got > 0) {
			assert_memory_equal(bytes, expected + so_far, (size_t)got);
			so_far += (size_t)got;
			continue;
		}
		if (got == 0)
			fail_msg("the end comes after %zu bytes instead of \"%.60s\"", so_far,
				 expected + so_far);
		assert_int_equal(errno, EAGAIN);
		turn();
		rest(&since, expected + so_far);
	}
}

static void hear(int client, const char *expected)
{
	hear_bytes(client, expected, strlen(expected));
}

static void hear_nothing(int client)
{
	char bytes[60] = "";

	turn();
	turn();
	if (__real_recv(client, bytes, sizeof bytes - 1, MSG_DONTWAIT) != -1 || errno != EAGAIN)
		fail_msg("there comes \"%s\"", bytes);
	/* Nothing is told again and again. */
	assert_int_equal(events_len, 0);
}

/* Gets the end of what the server sends, and nothing else. */
static void hear_end(int client)
{
	struct timespec since = { 0 };
	char bytes[60] = "";
	ssize_t got;

	while ((got = __real_recv(client, bytes, sizeof bytes - 1, MSG_DONTWAIT)) < 0) {
		assert_int_equal(errno, EAGAIN);
		turn();
		rest(&since, "there comes no end");
	}
	if (got > 0)
		fail_msg("there comes \"%s\" instead of the end", bytes);
}

/* The server has closed the connection without a word; with a reset where it has not read all. */
static void expect_closed(int client)
{
	char byte;

	assert_int_equal(find_end(client), -1);
	await_news(client, POLLIN);
	if (__real_recv(client, &byte, 1, 0) != 0)
		assert_int_equal(errno, ECONNRESET);
}

static void expect_open(int client)
{
	assert_true(find_end(client) >= 0);
	hear_nothing(client);
}

/* Returns how many clients have a connection. */
static size_t count_clients(void)
{
	size_t count = 0;

	for (size_t i = 0; i < clients_len; i++)
		count += clients[i] >= 0 && find_end(clients[i]) >= 0;
	assert_int_equal(count, ends_len);
	return count;
}

/* There is room for so many, whatever has been before. */
static void expect_room(size_t most)
{
	while (count_clients() < most) {
		size_t before = count_clients();

		join();
		assert_int_equal(count_clients(), before + 1);
	}
	join();
	assert_int_equal(count_clients(), most);
}

/* All that follows is asked for with these. */
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_BIG "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_LAST "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* The client is answered. */
static void expect_served(int client)
{
	say(client, GET);
	hear(client, SMALL);
}

static void hear_big(int client)
{
	hear(client, BIG_HEAD KEEP_ALIVE);
	hear_bytes(client, big_content, sizeof big_content);
}

/* Asks for more than there is room for. */
static int join_big(void)
{
	int client;

	small_buffers = true;
	client = join();
	small_buffers = false;
	say(client, GET_BIG);
	turn();
	return client;
}

/* ---- the beginning ---- */

static void expect_start_fails(const char *argument, const char *expected)
{
	begin(argument);
	assert_true(over);
	assert_int_equal(status, 1);
	assert_string_equal(said, expected);
	end();
	close_all();
	assert_int_equal(rig_count_fds(), fds_before);
}

static void expect_refused(char *first, char *second)
{
	char *const its_arguments[] = { first, second, NULL };

	assert_int_equal(http_run(its_arguments, 0), -1);
	assert_string_equal(steps, "");
}

static void test_run_arguments_that_are_none_are_refused(void **state)
{
	char address[] = "9100", others[][12] = { "", "0", "localhost:1", "a:1", "1.2.3.4" };

	(void)state;
	expect_refused(NULL, NULL);
	expect_refused(address, address);
	for (size_t i = 0; i < COUNT(others); i++)
		expect_refused(others[i], NULL);
}

#define TOKEN_TAKES "dinit: DINIT_HTTP_TOKEN takes 1 to 4096 visible ASCII characters\n"

static void test_run_token_that_is_none_is_refused_and_not_shown(void **state)
{
	static const char *const others[] = {
		"", " ", "a b", "secret ", " secret", "a\n", "a\x7f", "\x80", "\xc3\xa4", "a\tb",
	};
	char longest[4098];

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		setenv("DINIT_HTTP_TOKEN", others[i], 1);
		expect_start_fails("127.0.0.1:1", TOKEN_TAKES);
	}
	memset(longest, '~', sizeof longest);
	longest[4097] = '\0';
	setenv("DINIT_HTTP_TOKEN", longest, 1);
	expect_start_fails("127.0.0.1:1", TOKEN_TAKES);
	assert_string_equal(steps, "");
	longest[4096] = '\0';
	setenv("DINIT_HTTP_TOKEN", longest, 1);
	serve();
	assert_string_equal(token, longest);
}

static void test_run_token_is_any_visible_ascii(void **state)
{
	(void)state;
	setenv("DINIT_HTTP_TOKEN", "!", 1);
	serve();
	assert_string_equal(token, "!");
	assert_int_equal(asked_pid, 7);
}

static void test_run_without_a_token_has_none(void **state)
{
	(void)state;
	unsetenv("DINIT_HTTP_TOKEN");
	serve();
	assert_null(token);
	expect_served(join());
}

static void test_run_what_fails_at_the_beginning_is_said(void **state)
{
	(void)state;
	calloc_fails = true;
	expect_start_fails("127.0.0.1:9100", "dinit: there is no memory\n");
	assert_string_equal(steps, "");
	calloc_fails = false;
	nothing_runs = true;
	expect_start_fails("127.0.0.1:9100", "dinit: no dinit runs here\n");
	assert_string_equal(steps, "page ");
	nothing_runs = false;
	*steps = '\0';
	listener_error = EADDRINUSE;
	expect_start_fails("127.0.0.1:9100", "dinit: cannot listen on 127.0.0.1:9100: busy\n");
	assert_string_equal(steps, "page listen ");
	assert_int_equal(port, htons(9100));
	drop_fails = true;
	*steps = '\0';
	expect_start_fails("127.0.0.1:9100", "dinit: --http: this process stays root\n");
	assert_string_equal(steps, "page listen drop ");
	drop_fails = false;
	epoll_create_error = EMFILE;
	expect_start_fails("127.0.0.1:9100", "dinit: Too many open files\n");
	epoll_ctl_error = ENOSPC;
	expect_start_fails("127.0.0.1:9100", "dinit: No space left on device\n");
	assert_int_equal(accepts, 0);
}

/* ---- requests ---- */

static void test_get_is_answered_and_the_connection_stays(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	for (unsigned i = 0; i < 40; i++)
		expect_served(client);
	assert_string_equal(asked_path, "/");
	hear_nothing(client);
	assert_int_equal(small_answer.users, 0);
	assert_int_equal(accepted, 1);
}

static void test_connection_does_not_wait_to_send(void **state)
{
	int on = 0;
	socklen_t len = sizeof on;

	(void)state;
	serve();
	assert_int_equal(getsockopt(find_end(join()), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	assert_int_not_equal(on, 0);
}

static void test_get_of_one_who_wants_no_more_is_the_last(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client, GET_LAST);
	hear(client, LAST);
	hear_end(client);
	/* The client has not closed its end. */
	assert_true(find_end(client) >= 0);
	hang_up(client);
	turn();
	assert_int_equal(find_end(client), -1);
	/* What comes behind it is not answered. */
	client = join();
	say(client, GET_LAST GET);
	hear(client, LAST);
	hear_end(client);
	client = join();
	say(client, "GET /old HTTP/1.0\r\n\r\n");
	hear(client, LAST);
	hear_end(client);
	assert_string_equal(asked_path, "/old");
	assert_int_equal(small_answer.users, 0);
}

static void test_head_has_no_content(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client,
	    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(client, SMALL_HEAD KEEP_ALIVE SMALL BIG_HEAD KEEP_ALIVE);
	hear_nothing(client);
	say(client, "HEAD / HTTP/1.0\r\n\r\n");
	hear(client, SMALL_HEAD CLOSE);
	hear_end(client);
}

static void test_request_may_come_in_pieces(void **state)
{
	static const char request[] = GET GET;
	int client;

	(void)state;
	serve();
	client = join();
	for (size_t i = 0; i + 1 < sizeof request; i++) {
		if (i != 0 && i != strlen(GET))
			hear_nothing(client);
		say_bytes(client, request + i, 1);
		if (i + 1 == strlen(GET) || i + 1 == 2 * strlen(GET))
			hear(client, SMALL);
	}
	/* One and a half, and the other half. */
	say(client, GET "GET /2 HTTP/1.1\r\nHo");
	hear(client, SMALL);
	hear_nothing(client);
	assert_string_equal(asked_path, "/");
	say(client, "st: a\r\n\r\n");
	hear(client, SMALL);
	assert_string_equal(asked_path, "/2");
}

/* The longest request that is taken, with one behind it, and one that is a byte longer. */
static void test_request_may_have_as_much_as_is_looked_at(void **state)
{
	static char request[HTTPREQUEST_MAX + 100];
	static const char start[] = "GET /long HTTP/1.1\r\nHost: a\r\nX: ";
	size_t len = HTTPREQUEST_MAX;
	int client;

	(void)state;
	serve();
	memset(request, 'x', sizeof request);
	memcpy(request, start, strlen(start));
	memcpy(request + len - 4, "\r\n\r\n" GET, 4 + strlen(GET));
	client = join();
	say_bytes(client, request, len + strlen(GET));
	hear(client, SMALL SMALL);
	memcpy(request + len - 4, "x\r\n\r\n" GET, 5 + strlen(GET));
	say_bytes(client, request, len + 1 + strlen(GET));
	hear(client, ERROR(431));
	hear_end(client);
}

/* ---- errors ---- */

static void test_request_that_is_bad_gets_an_error_and_the_end(void **state)
{
	static char more[20000];
	int client;

	(void)state;
	serve();
	client = join();
	say(client, GET "nonsense\r\n\r\n" GET);
	hear(client, SMALL ERROR(400));
	hear_end(client);
	/* What it still sends is thrown away, and its connection is not reset. */
	say(client, "m");
	turn();
	assert_true(find_end(client) >= 0);
	say_bytes(client, more, sizeof more);
	turn();
	say(client, "more");
	hear_end(client);
	assert_true(find_end(client) >= 0);
	leave(client);
	turn();
	client = join();
	say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
	hear(client, ERROR(405));
	hear_end(client);
	assert_int_equal(error_answer.users, 0);
}

static void test_head_that_is_bad_gets_an_error_without_content(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client, "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
	hear(client, ERROR_HEAD(413));
	hear_end(client);
	client = join();
	say(client, "HEAD / HTTP/1.1\r\nHost: a\r\n b\r\n");
	hear(client, ERROR_HEAD(400));
	hear_end(client);
	client = join();
	say(client, GET "HEAD / HTTP/1.1\r\n");
	hang_up(client);
	hear(client, SMALL ERROR_HEAD(400));
	expect_closed(client);
}

static void test_client_that_hangs_up_behind_a_request_is_answered(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client, GET GET);
	hang_up(client);
	hear(client, SMALL SMALL);
	expect_closed(client);
	client = join();
	say(client, GET_LAST);
	hang_up(client);
	hear(client, LAST);
	expect_closed(client);
}

static void test_client_that_hangs_up_within_a_request_gets_an_error(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client, GET "GET / HT");
	hang_up(client);
	hear(client, SMALL ERROR(400));
	expect_closed(client);
	/* What is there was looked at before. */
	client = join();
	say(client, "GET / HT");
	turn();
	hang_up(client);
	hear(client, ERROR(400));
	expect_closed(client);
	/* It hangs up while an answer is sent. */
	client = join_big();
	say(client, "GET / HT");
	hang_up(client);
	turn();
	hear_big(client);
	hear(client, ERROR(400));
	expect_closed(client);
}

static void test_client_that_hangs_up_between_requests_is_closed(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	hang_up(client);
	turn();
	expect_closed(client);
	client = join();
	expect_served(client);
	hang_up(client);
	turn();
	expect_closed(client);
}

static void test_client_that_breaks_off_is_forgotten(void **state)
{
	int client, end;

	(void)state;
	nofile.rlim_cur = 9 + 2;
	serve();
	client = join();
	say(client, "GET ");
	turn();
	end = find_end(client);
	break_off(client);
	turn();
	assert_int_equal(fcntl(end, F_GETFD), -1);
	client = join_big();
	assert_int_equal(big_answer.users, 1);
	end = find_end(client);
	break_off(client);
	turn();
	assert_int_equal(fcntl(end, F_GETFD), -1);
	assert_int_equal(big_answer.users, 0);
	expect_served(join());
	expect_room(2);
}

static void test_connection_that_fails_is_closed(void **state)
{
	int client, other;

	(void)state;
	nofile.rlim_cur = 9 + 3;
	serve();
	other = join();
	client = join();
	say(client, GET);
	recv_error = ETIMEDOUT;
	turn();
	assert_int_equal(find_end(client), -1);
	client = join();
	say(client, GET);
	recv_short = 1;
	turn();
	assert_int_equal(find_end(client), -1);
	client = join();
	say(client, GET);
	sendmsg_error = EPIPE;
	turn();
	assert_int_equal(find_end(client), -1);
	assert_int_equal(small_answer.users, 0);
	expect_served(other);
	expect_room(3);
}

/* ---- sending ---- */

static void test_answer_is_exact_wherever_it_is_cut(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	for (size_t cut = 1; cut <= strlen(SMALL); cut++) {
		send_first = cut;
		expect_served(client);
	}
	for (send_most = 1; send_most <= strlen(SMALL) + 1; send_most++) {
		expect_served(client);
		say(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
		hear(client, SMALL_HEAD KEEP_ALIVE);
	}
	send_most = 5;
	say(client, "GET\r\n");
	hear(client, ERROR(400));
	hear_end(client);
}

static void test_answer_that_is_not_taken_waits_and_others_do_not(void **state)
{
	int slow, other;

	(void)state;
	serve();
	other = join();
	slow = join_big();
	assert_int_equal(big_answer.users, 1);
	expect_served(other);
	/* What it asks meanwhile is answered afterwards. */
	say(slow, GET "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n");
	turn();
	expect_served(other);
	hear_big(slow);
	hear(slow, SMALL BIG_HEAD KEEP_ALIVE);
	assert_int_equal(big_answer.users, 0);
	expect_served(slow);
}

static void test_last_answer_that_is_not_taken_at_once_is_whole(void **state)
{
	int slow;

	(void)state;
	serve();
	small_buffers = true;
	slow = join();
	say(slow, "GET /big HTTP/1.0\r\n\r\n");
	turn();
	/* It is a moment since the end of the request. */
	pass(29000);
	assert_true(find_end(slow) >= 0);
	hear(slow, BIG_HEAD CLOSE);
	hear_bytes(slow, big_content, sizeof big_content);
	hear_end(slow);
	assert_int_equal(big_answer.users, 0);
}

/* ---- turns ---- */

/* Says it so often, at once. */
static void say_often(int client, const char *text, unsigned times)
{
	static char bytes[65536];
	size_t len = strlen(text);

	for (unsigned i = 0; i < times; i++)
		memcpy(bytes + i * len, text, len);
	say_bytes(client, bytes, times * len);
}

/* Returns how many bytes have come, at most that many. */
static size_t count_bytes(int client, size_t most)
{
	static char bytes[65536];
	ssize_t got = __real_recv(client, bytes, most < sizeof bytes ? most : sizeof bytes,
				  MSG_PEEK | MSG_DONTWAIT);

	return got > 0 ? (size_t)got : 0;
}

static void test_requests_in_a_row_leave_others_their_turn(void **state)
{
	int eager, other;

	(void)state;
	serve();
	eager = join();
	other = join();
	say_often(eager, GET, 40);
	say(other, GET);
	turn();
	await_news(other, POLLIN);
	assert_int_equal(count_bytes(eager, 65536), 16 * strlen(SMALL));
	assert_int_equal(count_bytes(other, 65536), strlen(SMALL));
	turn();
	assert_int_equal(count_bytes(eager, 65536), 32 * strlen(SMALL));
	for (unsigned i = 0; i < 40; i++)
		hear(eager, SMALL);
	hear_nothing(eager);
}

static void test_what_is_thrown_away_leaves_others_their_turn(void **state)
{
	static char more[20000];
	int eager, other, left = 0;

	(void)state;
	serve();
	eager = join();
	other = join();
	say(eager, "nonsense\r\n");
	say_bytes(eager, more, sizeof more);
	say(other, GET);
	recv_most = 1000;
	turn();
	await_news(other, POLLIN);
	assert_int_equal(count_bytes(other, 65536), strlen(SMALL));
	/* 16 times what comes at a time. */
	assert_int_equal(ioctl(find_end(eager), FIONREAD, &left), 0);
	assert_int_equal(left, 10 + sizeof more - 16000);
	turn();
	assert_int_equal(ioctl(find_end(eager), FIONREAD, &left), 0);
	assert_int_equal(left, 0);
	hear(eager, ERROR(400));
	hear_end(eager);
}

static void test_arrivals_leave_others_their_turn(void **state)
{
	int first;

	(void)state;
	serve();
	first = join();
	for (unsigned i = 0; i < 70; i++)
		join_later();
	say(first, GET);
	turn();
	assert_int_equal(accepted, 1 + 64);
	assert_int_equal(count_bytes(first, 65536), strlen(SMALL));
	turn();
	assert_int_equal(accepted, 1 + 70);
	for (size_t i = 1; i < clients_len; i++)
		expect_served(clients[i]);
}

/* ---- time ---- */

/* Two are in the same state, one a millisecond after the other, and have that long. */
static void expect_limit(int early, int late, uint64_t ms, const char *expected)
{
	clock_ms += ms - 1;
	turn();
	hear(early, expected);
	if (*expected)
		hear_end(early);
	else
		expect_closed(early);
	assert_true(find_end(late) >= 0);
	hear_nothing(late);
	pass(250);
	hear(late, expected);
	if (*expected)
		hear_end(late);
	else
		expect_closed(late);
}

static void test_client_that_says_nothing_has_five_seconds(void **state)
{
	int early, late;

	(void)state;
	serve();
	early = join();
	clock_ms++;
	late = join();
	expect_limit(early, late, 5000, "");
}

static void test_request_has_five_seconds_from_its_first_byte(void **state)
{
	int early, late;

	(void)state;
	serve();
	early = join();
	late = join();
	pass(3000);
	say(early, "G");
	turn();
	clock_ms++;
	say(late, "GET / HTTP/1.1\r\nHost: a\r\n");
	turn();
	/* More of it is no more time. */
	clock_ms += 1000;
	say(early, "E");
	turn();
	expect_limit(early, late, 4000, ERROR(408));
}

static void test_request_behind_others_has_five_seconds(void **state)
{
	int early, late;

	(void)state;
	serve();
	early = join();
	late = join();
	say(early, GET "G");
	hear(early, SMALL);
	clock_ms++;
	expect_served(late);
	say(late, "G");
	turn();
	expect_limit(early, late, 5000, ERROR(408));
}

static void test_client_has_half_a_minute_between_two_requests(void **state)
{
	int early, late;

	(void)state;
	serve();
	early = join();
	late = join();
	pass(4000);
	expect_served(early);
	clock_ms++;
	expect_served(late);
	expect_limit(early, late, 30000, "");
}

/* A request that was begun is not, any more, when it was answered. */
static void test_client_has_half_a_minute_after_a_request_in_pieces(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client, "GET / HTTP/1.1\r\n");
	turn();
	say(client, "Host: a\r\n\r\n");
	hear(client, SMALL);
	pass(29999);
	expect_open(client);
	pass(250);
	expect_closed(client);
}

static void test_client_that_takes_nothing_has_half_a_minute(void **state)
{
	int early, late;

	(void)state;
	serve();
	early = join();
	late = join();
	takes[find_end(early)] = takes[find_end(late)] = 0;
	say(early, GET);
	turn();
	clock_ms++;
	say(late, GET);
	turn();
	assert_int_equal(small_answer.users, 2);
	/* What it sends is nothing that it takes. */
	say(early, GET);
	expect_limit(early, late, 30000, "");
	assert_int_equal(small_answer.users, 0);
}

static void test_client_that_takes_something_has_half_a_minute_more(void **state)
{
	int early, late;

	(void)state;
	serve();
	early = join();
	late = join();
	takes[find_end(early)] = takes[find_end(late)] = 5;
	say(early, GET);
	say(late, GET);
	turn();
	pass(29999);
	takes[find_end(early)] = takes[find_end(late)] = 4;
	say(early, GET);
	turn();
	clock_ms++;
	say(late, GET);
	turn();
	hear(early, "HTTP/1.1 ");
	hear(late, "HTTP/1.1 ");
	expect_limit(early, late, 30000, "");
}

static void test_client_has_two_seconds_to_see_the_end(void **state)
{
	int early, late, gone_early;

	(void)state;
	serve();
	gone_early = join();
	early = join();
	late = join();
	say(gone_early, GET_LAST);
	say(early, GET_LAST);
	hear(early, LAST);
	hear_end(early);
	clock_ms++;
	say(late, "nonsense\r\n\r\n");
	hear(late, ERROR(400));
	hear_end(late);
	leave(gone_early);
	/* What it sends does not make it longer. */
	clock_ms += 1000;
	say(early, "more");
	turn();
	clock_ms += 999;
	turn();
	assert_int_equal(find_end(early), -1);
	assert_true(find_end(late) >= 0);
	pass(250);
	assert_int_equal(find_end(late), -1);
}

static void test_client_without_time_gets_no_error_while_there_is_none(void **state)
{
	int client;

	(void)state;
	serve();
	client = join();
	say(client, "GET");
	turn();
	no_answers = true;
	pass(5000);
	expect_closed(client);
}

static void test_server_looks_often_at_the_clock_only_for_clients(void **state)
{
	int client;

	(void)state;
	serve();
	assert_int_equal(timeout_ms, 0);
	turn();
	assert_int_equal(looks, 1);
	assert_int_equal(timeout_ms, 1000);
	pass(400);
	assert_int_equal(timeout_ms, 600);
	pass(599);
	assert_int_equal(timeout_ms, 1);
	assert_int_equal(looks, 1);
	pass(1);
	assert_int_equal(looks, 2);
	assert_int_equal(timeout_ms, 1000);
	/* It asks for nobody before somebody is there. */
	assert_int_equal(accepts, 0);
	client = join();
	assert_int_equal(accepts, 1 + 1);
	pass(1000);
	assert_int_equal(looks, 3);
	assert_int_equal(timeout_ms, 250);
	pass(249);
	assert_int_equal(looks, 3);
	pass(1);
	assert_int_equal(looks, 4);
	assert_int_equal(accepts, 1 + 1);
	/* What is done takes time as well. */
	sending_ms = 400;
	say(client, GET);
	turn();
	assert_int_equal(timeout_ms, 0);
	sending_ms = 0;
	leave(client);
	hear_nothing(join());
}

static void test_server_ends_with_its_dinit(void **state)
{
	(void)state;
	serve();
	expect_served(join());
	pass(1000);
	gone = true;
	pass(249);
	assert_false(over);
	clock_ms++;
	sem_post(&to_server);
	await(&to_test);
	assert_true(over);
	assert_int_equal(status, 0);
	assert_int_equal(answers_closed, 1);
	assert_null(memory);
}

/* ---- how many there are ---- */

/* As many as there is room for: each a millisecond after the other. */
static void fill(size_t most)
{
	while (clients_len < most) {
		join();
		clock_ms++;
	}
}

static void test_one_more_client_than_there_is_room_for_closes_the_oldest(void **state)
{
	(void)state;
	serve();
	fill(CONNECTIONS_MAX);
	assert_true(find_end(clients[0]) >= 0);
	/* It was the first, and is not the one that has waited longest. */
	expect_served(clients[0]);
	clock_ms++;
	join();
	assert_int_equal(find_end(clients[1]), -1);
	hear_end(clients[1]);
	join();
	assert_int_equal(find_end(clients[2]), -1);
	assert_true(find_end(clients[0]) >= 0);
	for (size_t i = 3; i < clients_len; i++)
		expect_served(clients[i]);
	/* Each of them has its time. */
	assert_int_equal(count_clients(), CONNECTIONS_MAX);
	pass(29000);
	assert_int_equal(count_clients(), CONNECTIONS_MAX);
	pass(1500);
	assert_int_equal(count_clients(), 0);
	expect_served(join());
}

static void test_client_within_a_request_goes_after_those_that_wait(void **state)
{
	(void)state;
	nofile.rlim_cur = 9 + 3;
	serve();
	fill(3);
	say(clients[0], "GET");
	clock_ms++;
	turn();
	say(clients[1], GET_LAST);
	hear(clients[1], LAST);
	clock_ms++;
	say(clients[2], GET);
	hear(clients[2], SMALL);
	clock_ms++;
	/* The first has begun, the second has had its answer. */
	join();
	assert_int_equal(find_end(clients[1]), -1);
	clock_ms++;
	join();
	assert_int_equal(find_end(clients[2]), -1);
	say(clients[3], "GET");
	clock_ms++;
	turn();
	clock_ms++;
	say(clients[4], "GET");
	turn();
	/* All have begun: the first. */
	join();
	assert_int_equal(find_end(clients[0]), -1);
	assert_true(find_end(clients[3]) >= 0 && find_end(clients[4]) >= 0);
	/* Now the youngest is the only one that waits, if it has nothing to ask. */
	clock_ms += 250;
	join();
	assert_int_equal(find_end(clients[5]), -1);
	assert_true(find_end(clients[3]) >= 0 && find_end(clients[4]) >= 0);
}

static void test_client_that_has_just_come_does_not_go_for_the_next(void **state)
{
	(void)state;
	nofile.rlim_cur = 9 + 3;
	serve();
	fill(3);
	for (size_t i = 0; i < 3; i++)
		say(clients[i], "GET");
	turn();
	clock_ms++;
	join();
	assert_int_equal(find_end(clients[0]), -1);
	clock_ms += 249;
	join();
	assert_int_equal(find_end(clients[1]), -1);
	expect_served(clients[3]);
	/* But when it has had its answer. */
	clock_ms++;
	join();
	assert_int_equal(find_end(clients[3]), -1);
	expect_served(clients[4]);
}

static void test_client_that_is_sent_to_gives_its_answer_back_when_it_goes(void **state)
{
	(void)state;
	nofile.rlim_cur = 9 + 1;
	serve();
	join_big();
	assert_int_equal(big_answer.users, 1);
	expect_served(join());
	assert_int_equal(big_answer.users, 0);
}

/* Lets one come after the other until the first is closed. Returns how many there is room for. */
static size_t count_room(void)
{
	serve();
	join();
	while (find_end(clients[0]) >= 0) {
		clock_ms++;
		join();
	}
	return clients_len - 1;
}

static void test_limit_of_open_files_leaves_room_for_fewer(void **state)
{
	static const struct {
		rlim_t limit;
		size_t room;
	} cases[] = {
		{ 0, 1 },     { 9, 1 },     { 10, 1 },
		{ 11, 2 },    { 20, 11 },   { 264, 255 },
		{ 265, 256 }, { 266, 256 }, { RLIM_INFINITY, 256 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		nofile.rlim_cur = cases[i].limit;
		assert_int_equal(count_room(), cases[i].room);
		teardown(NULL);
		setup(NULL);
	}
	getrlimit_result = -1;
	nofile.rlim_cur = 20;
	assert_int_equal(count_room(), 256);
}

static void test_kernel_without_room_is_asked_again_at_the_next_look(void **state)
{
	/* Those of no room, and what a filter of system calls may say. */
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, ENOSYS };
	int client;

	(void)state;
	serve();
	turn();
	for (size_t i = 0; i < COUNT(errors); i++) {
		accept_error = errors[i];
		accept_failures = 2;
		accepts = 0;
		client = join_later();
		turn();
		assert_int_equal(accepts, 1);
		/* It is not woken by the one that waits. */
		for (unsigned j = 0; j < 5; j++) {
			turn();
			assert_int_equal(events_len, 0);
		}
		assert_int_equal(accepts, 1);
		assert_int_equal(find_end(client), -1);
		/* (Where nobody is there it takes longer.) */
		pass(1000);
		turn();
		assert_int_equal(accepts, 2);
		turn();
		assert_int_equal(accepts, 2);
		pass(1000);
		turn();
		assert_true(find_end(client) >= 0);
		expect_served(client);
	}
}

static void test_connection_that_goes_before_it_is_accepted_is_passed_over(void **state)
{
	int client;

	(void)state;
	serve();
	accept_error = ECONNABORTED;
	accept_failures = 3;
	client = join_later();
	turn();
	assert_int_equal(accepts, 3 + 1 + 1);
	expect_served(client);
}

static void test_client_that_cannot_be_watched_is_closed(void **state)
{
	int other, client;

	(void)state;
	nofile.rlim_cur = 9 + 2;
	serve();
	other = join();
	epoll_ctl_error = ENOSPC;
	client = join_later();
	turn();
	expect_closed(client);
	expect_served(other);
	expect_room(2);
}

/* ---- answers that there are none of ---- */

static void test_request_without_an_answer_cuts_the_longest_sender(void **state)
{
	int first, second, other;

	(void)state;
	nofile.rlim_cur = 9 + 4;
	serve();
	other = join();
	first = join_big();
	clock_ms++;
	second = join_big();
	one_at_a_time = true;
	assert_int_equal(big_answer.users, 2);
	/* As long as there is none, one after the other. */
	say(other, GET GET);
	hear(other, SMALL SMALL);
	assert_int_equal(big_answer.users, 0);
	assert_int_equal(find_end(first), -1);
	assert_int_equal(find_end(second), -1);
	/* Only as many as it takes, whichever place they have. */
	first = join_big();
	clock_ms++;
	one_at_a_time = false;
	second = join_big();
	no_answers = true;
	say(other, GET);
	turn();
	expect_closed(other);
	assert_int_equal(big_answer.users, 0);
	assert_int_equal(find_end(first), -1);
	assert_int_equal(find_end(second), -1);
	expect_room(4);
}

static void test_longest_sender_is_the_one_that_began_first(void **state)
{
	int late, early, other;

	(void)state;
	serve();
	other = join();
	small_buffers = true;
	late = join();
	early = join();
	small_buffers = false;
	say(early, GET_BIG);
	turn();
	clock_ms++;
	/* Before that it waited longer. */
	say(late, GET_BIG);
	turn();
	clock_ms++;
	assert_int_equal(big_answer.users, 2);
	big_answer.users = 1;
	one_at_a_time = true;
	say(other, GET);
	turn();
	assert_int_equal(find_end(early), -1);
	assert_true(find_end(late) >= 0);
	big_answer.users++;
	hear_big(late);
}

/* What was told of a connection that is closed in the same turn is not taken for news of the one
 * that gets its place. */
static void test_news_of_a_connection_that_was_cut_are_nobodys(void **state)
{
	int cut, other, next;

	(void)state;
	nofile.rlim_cur = 9 + 4;
	serve();
	cut = join_big();
	other = join();
	one_at_a_time = true;
	next = join_later();
	say(other, GET);
	hang_up(cut);
	turn();
	assert_int_equal(events_len, 3);
	assert_int_equal(find_end(cut), -1);
	hear(other, SMALL);
	assert_true(find_end(next) >= 0);
	/* It has not hung up. */
	say(next, "GET / HTTP/1.1\r\n");
	hear_nothing(next);
	say(next, "Host: a\r\n\r\n");
	hear(next, SMALL);
	expect_room(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_run_arguments_that_are_none_are_refused),
		HTTP_TEST(test_run_token_that_is_none_is_refused_and_not_shown),
		HTTP_TEST(test_run_token_is_any_visible_ascii),
		HTTP_TEST(test_run_without_a_token_has_none),
		HTTP_TEST(test_run_what_fails_at_the_beginning_is_said),
		HTTP_TEST(test_get_is_answered_and_the_connection_stays),
		HTTP_TEST(test_connection_does_not_wait_to_send),
		HTTP_TEST(test_get_of_one_who_wants_no_more_is_the_last),
		HTTP_TEST(test_head_has_no_content),
		HTTP_TEST(test_request_may_come_in_pieces),
		HTTP_TEST(test_request_may_have_as_much_as_is_looked_at),
		HTTP_TEST(test_request_that_is_bad_gets_an_error_and_the_end),
		HTTP_TEST(test_head_that_is_bad_gets_an_error_without_content),
		HTTP_TEST(test_client_that_hangs_up_behind_a_request_is_answered),
		HTTP_TEST(test_client_that_hangs_up_within_a_request_gets_an_error),
		HTTP_TEST(test_client_that_hangs_up_between_requests_is_closed),
		HTTP_TEST(test_client_that_breaks_off_is_forgotten),
		HTTP_TEST(test_connection_that_fails_is_closed),
		HTTP_TEST(test_answer_is_exact_wherever_it_is_cut),
		HTTP_TEST(test_answer_that_is_not_taken_waits_and_others_do_not),
		HTTP_TEST(test_last_answer_that_is_not_taken_at_once_is_whole),
		HTTP_TEST(test_requests_in_a_row_leave_others_their_turn),
		HTTP_TEST(test_what_is_thrown_away_leaves_others_their_turn),
		HTTP_TEST(test_arrivals_leave_others_their_turn),
		HTTP_TEST(test_client_that_says_nothing_has_five_seconds),
		HTTP_TEST(test_request_has_five_seconds_from_its_first_byte),
		HTTP_TEST(test_request_behind_others_has_five_seconds),
		HTTP_TEST(test_client_has_half_a_minute_between_two_requests),
		HTTP_TEST(test_client_has_half_a_minute_after_a_request_in_pieces),
		HTTP_TEST(test_client_that_takes_nothing_has_half_a_minute),
		HTTP_TEST(test_client_that_takes_something_has_half_a_minute_more),
		HTTP_TEST(test_client_has_two_seconds_to_see_the_end),
		HTTP_TEST(test_client_without_time_gets_no_error_while_there_is_none),
		HTTP_TEST(test_server_looks_often_at_the_clock_only_for_clients),
		HTTP_TEST(test_server_ends_with_its_dinit),
		HTTP_TEST(test_one_more_client_than_there_is_room_for_closes_the_oldest),
		HTTP_TEST(test_client_within_a_request_goes_after_those_that_wait),
		HTTP_TEST(test_client_that_has_just_come_does_not_go_for_the_next),
		HTTP_TEST(test_client_that_is_sent_to_gives_its_answer_back_when_it_goes),
		HTTP_TEST(test_limit_of_open_files_leaves_room_for_fewer),
		HTTP_TEST(test_kernel_without_room_is_asked_again_at_the_next_look),
		HTTP_TEST(test_connection_that_goes_before_it_is_accepted_is_passed_over),
		HTTP_TEST(test_client_that_cannot_be_watched_is_closed),
		HTTP_TEST(test_request_without_an_answer_cuts_the_longest_sender),
		HTTP_TEST(test_longest_sender_is_the_one_that_began_first),
		HTTP_TEST(test_news_of_a_connection_that_was_cut_are_nobodys),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
