/* SPDX-License-Identifier: ISC */
/* A client of HTTP for scenario tests, good or bad: it can send any bytes, and reads answers, each
 * with a deadline. What it returns lives as long as the scene. */
#ifndef TESTS_HTTPCLIENT_H
#define TESTS_HTTPCLIENT_H

#include "harness.h"

struct httpclient {
	struct scene *scene;
	/* Does not block. */
	int fd;
	/* What has come, and was not taken yet. */
	char *bytes;
	size_t len, size;
	/* The server sends nothing more: it has shut the connection down, or reset it. */
	bool ended, reset;
};

struct httpclient_answer {
	int status;
	/* The status line and the header, without the empty line at the end. */
	const char *head;
	const char *content;
	size_t content_len;
};

/* Adds the service "http", and dinit for it, on a port of its own, and returns that. */
unsigned httpclient_add_service(struct scene *scene);

/* Return the PID of that service, once it runs, and how many connections it has. Only where dinit
 * is a subreaper: in a PID namespace it has another PID. */
const char *httpclient_find_pid(struct run *run);
size_t httpclient_count_connections(struct scene *scene, const char *pid);

/* Waits until it has just so many. */
#define httpclient_wait_connections(scene, pid, wanted) \
	httpclient_wait_connections_at(scene, pid, wanted, SCENE_HERE)
void httpclient_wait_connections_at(struct scene *scene, const char *pid, size_t wanted,
				    const char *where);

/* Returns a port that nobody else gets before the next call: a socket is bound to it, and does not
 * listen. A server that sets SO_REUSEADDR may use it. */
unsigned httpclient_reserve_port(void);

/* Listens on the reserved port, as another server. */
void httpclient_take_port(void);

/* Whether this machine has an address [::1]. */
bool httpclient_has_ipv6(void);

/* Whether a connection to it is refused, because nobody listens there. */
bool httpclient_is_refused(const char *address, unsigned port);

/* Connects to the address, as soon as somebody listens there. To be closed. */
struct httpclient *httpclient_open(struct scene *scene, const char *address, unsigned port);

/* Sends all of it. Returns whether the server took it: false where it has closed or reset the
 * connection. Fails the test where it takes nothing in time. */
bool httpclient_send(struct httpclient *client, const char *bytes, size_t len);

/* The same with what printf's format makes. */
bool httpclient_say(struct httpclient *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Says that nothing more is sent. */
void httpclient_end_sending(struct httpclient *client);

/* Takes what has come so far, without waiting for more. */
void httpclient_collect(struct httpclient *client);

/* Waits for an answer, and takes it; without_content: that to a HEAD. Fails the test where it does
 * not come in time, or is cut short, or is no answer. */
#define httpclient_read(client) httpclient_read_at(client, false, SCENE_HERE)
#define httpclient_read_head(client) httpclient_read_at(client, true, SCENE_HERE)
struct httpclient_answer httpclient_read_at(struct httpclient *client, bool without_content,
					    const char *where);

/* Waits until the server sends nothing more. Returns whether it has shut down in order, and sent
 * nothing that was not taken. */
#define httpclient_sees_end(client) httpclient_sees_end_at(client, SCENE_HERE)
bool httpclient_sees_end_at(struct httpclient *client, const char *where);

/* Closes it; with a reset. */
void httpclient_close(struct httpclient *client);
void httpclient_reset(struct httpclient *client);

/* The value of a field of the answer's header; NULL where there is none. */
const char *httpclient_find(struct scene *scene, const struct httpclient_answer *answer,
			    const char *name);

/* Gets one path of 127.0.0.1 over a connection of its own. header: further lines, each with its
 * "\r\n". */
#define httpclient_get(scene, port, path) httpclient_get_at(scene, port, path, "", SCENE_HERE)
#define httpclient_get_with(scene, port, path, header) \
	httpclient_get_at(scene, port, path, header, SCENE_HERE)
struct httpclient_answer httpclient_get_at(struct scene *scene, unsigned port, const char *path,
					   const char *header, const char *where);

/* Gets the path again and again until the answer has that status, and returns it. */
#define httpclient_get_until(scene, port, path, status) \
	httpclient_get_until_at(scene, port, path, status, SCENE_HERE)
struct httpclient_answer httpclient_get_until_at(struct scene *scene, unsigned port,
						 const char *path, int status, const char *where);

/* Waits a moment before the same is tried again. */
void httpclient_pause(void);

#endif
