/* SPDX-License-Identifier: ISC */
/* Bad clients of dinit --http, hostile, broken or gone: each gets an error or is closed in time,
 * no other client waits for it, and nothing is left of it. */
#include "harness.h"
#include "httpclient.h"
#include "launch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define INFO "DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info"
#define ASK "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
#define ASK_MUCH "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
/* What the server takes of a request, and how many connections. */
#define REQUEST_MAX 8192
#define CONNECTIONS_MAX 256

/* A dinit with a service "http", and how good clients fare with it. */
struct site {
	struct scene *scene;
	struct run *run;
	unsigned port;
	const char *pid;
	/* How long one waited for an answer at most, and how often it was asked for. */
	uint64_t worst_ms;
	size_t looks;
};

/* Asks as a probe does, and must be answered. */
#define look(site) look_at(site, SCENE_HERE)
static void look_at(struct site *site, const char *where)
{
	uint64_t began_ms = scene_now_ms(), took_ms;
	struct httpclient_answer answer =
		httpclient_get_at(site->scene, site->port, "/livez", "", where);

	took_ms = scene_now_ms() - began_ms;
	site->worst_ms = took_ms > site->worst_ms ? took_ms : site->worst_ms;
	site->looks++;
	if (answer.status != 200)
		scene_fail_at(where, "/livez: %d", answer.status);
}

static struct site start(struct scene *scene)
{
	struct site site = { .scene = scene, .port = httpclient_add_service(scene) };

	site.run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
	site.pid = httpclient_find_pid(site.run);
	httpclient_close(httpclient_open(scene, "127.0.0.1", site.port));
	look(&site);
	site.worst_ms = 0;
	return site;
}

/* All of it went well for others, and nothing is left. */
static void stop(struct site *site)
{
	look(site);
	httpclient_wait_connections(site->scene, site->pid, 0);
	print_message("a probe of %zu waited for %u ms at most\n", site->looks,
		      (unsigned)site->worst_ms);
	run_signal(site->run, SIGTERM);
	run_expect_exit(site->run, 0);
	run_expect_no_line(site->run, RUN_STDERR, "Z http/run: ");
}

static struct httpclient *connect_to(struct site *site)
{
	return httpclient_open(site->scene, "127.0.0.1", site->port);
}

/* Down, so that they only make answers long. */
static void add_many_services(struct scene *scene)
{
	for (int i = 0; i < 400; i++) {
		scene_service(scene, scene_format(scene, "a-service-with-a-name-%03d", i),
			      "exit 1");
		scene_file(scene,
			   scene_format(scene, "services/a-service-with-a-name-%03d/down", i), 0644,
			   "");
	}
}

/* ---- too slow ---- */

/* Takes in what has come. Returns whether the server has closed it, and notes when. */
static bool has_ended(struct httpclient *client, uint64_t *ended_ms)
{
	httpclient_collect(client);
	if (client->ended && *ended_ms == 0)
		*ended_ms = scene_now_ms();
	return client->ended;
}

/* All at once, as each takes its time: one byte a second, half a request, nothing, nothing more, an
 * answer that is not taken. */
static void test_clients_that_are_slow_are_cut_off(struct scene *scene)
{
	enum {
		DRIP,
		HALF,
		SILENT,
		IDLE,
		OTHERS
	};
	struct httpclient *others[OTHERS], *deaf;
	uint64_t ended_ms[OTHERS] = { 0 }, began_ms, until_ms, byte_ms;
	const char *drip = "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: and so on, and so on\r\n";
	struct site site;
	size_t ended = 0;

	add_many_services(scene);
	site = start(scene);
	for (size_t i = 0; i < OTHERS; i++)
		others[i] = connect_to(&site);
	deaf = connect_to(&site);
	httpclient_say(others[HALF], "GET /livez HTTP/1.1\r\nHo");
	httpclient_say(others[IDLE], ASK);
	assert_int_equal(httpclient_read(others[IDLE]).status, 200);
	for (int i = 0; i < 200; i++)
		httpclient_say(deaf, ASK_MUCH);
	byte_ms = began_ms = scene_now_ms();
	until_ms = began_ms + scene_deadline_ms(60000);
	while (ended < OTHERS || httpclient_count_connections(scene, site.pid) > 0) {
		if (scene_left_ms(until_ms) == 0)
			scene_fail("%zu of %d have ended in time, %zu connections", ended, OTHERS,
				   httpclient_count_connections(scene, site.pid));
		if (ended_ms[DRIP] == 0 && *drip && scene_now_ms() >= byte_ms) {
			httpclient_send(others[DRIP], drip++, 1);
			byte_ms += 1000;
		}
		ended = 0;
		for (size_t i = 0; i < OTHERS; i++)
			ended += has_ended(others[i], &ended_ms[i]);
		look(&site);
		poll(NULL, 0, 50);
	}
	assert_int_equal(httpclient_read(others[DRIP]).status, 408);
	assert_int_equal(httpclient_read(others[HALF]).status, 408);
	for (size_t i = 0; i < OTHERS; i++) {
		assert_true(httpclient_sees_end(others[i]));
		print_message("%zu: closed after %u ms\n", i, (unsigned)(ended_ms[i] - began_ms));
		httpclient_close(others[i]);
	}
	/* The one that had been served was given more time than those that had not. */
	assert_true(ended_ms[IDLE] - began_ms > 20000);
	assert_true(ended_ms[DRIP] < ended_ms[IDLE] && ended_ms[HALF] < ended_ms[IDLE] &&
		    ended_ms[SILENT] < ended_ms[IDLE]);
	httpclient_close(deaf);
	stop(&site);
}

static size_t count_types(const char *metrics)
{
	size_t count = 0;

	while ((metrics = strstr(metrics, "\n# TYPE "))) {
		metrics++;
		count++;
	}
	return count;
}

/* Asks for more different things than a server could remember. */
static void ask_for_everything(struct site *site)
{
	static const char *const lines[] = {
		"GET /readyz HTTP/1.1",
		"GET /status HTTP/1.1",
		"GET / HTTP/1.1",
		"GET /x HTTP/1.1",
		"POST / HTTP/1.1",
		"BREW / HTTP/1.1",
		"nonsense",
		"GET / HTTP/2.0",
		"GET /livez HTTP/1.1",
		"GET /metrics HTTP/1.1",
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct httpclient *client = connect_to(site);

		httpclient_say(client, "%s\r\nHost: x\r\n\r\n", lines[i]);
		httpclient_read(client);
		httpclient_close(client);
		look(site);
	}
}

/* A client that begins to read when the kernel has long had no room for more answers gets all of
 * them. */
static void test_clients_that_read_late_are_served(struct scene *scene)
{
	enum {
		ASKED = 60
	};
	struct httpclient *client;
	struct site site;
	int small = 16384;
	size_t types;

	add_many_services(scene);
	site = start(scene);
	types = count_types(httpclient_get(scene, site.port, "/metrics").content);
	assert_true(types > 10);
	client = connect_to(&site);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (int i = 0; i < ASKED; i++)
		httpclient_say(client, ASK_MUCH "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n" ASK);
	for (int i = 0; i < 3; i++)
		ask_for_everything(&site);
	for (int i = 0; i < ASKED; i++) {
		struct httpclient_answer answer = httpclient_read(client);

		assert_int_equal(answer.status, 200);
		assert_true(answer.content_len > 100000);
		assert_int_equal(count_types(answer.content), types);
		assert_int_equal(answer.content[answer.content_len - 1], '\n');
		assert_int_equal(httpclient_read_head(client).status, 200);
		assert_string_equal(httpclient_read(client).content, "ok\n");
	}
	httpclient_close(client);
	stop(&site);
}

/* Those who ask for much and take none of it: what they are sent is shared, or thrown away. */
static void test_clients_that_never_read_cost_little(struct scene *scene)
{
	enum {
		DEAF = 40
	};
	struct httpclient *deaf[DEAF];
	struct site site;
	uint64_t until_ms;

	add_many_services(scene);
	site = start(scene);
	for (size_t i = 0; i < DEAF; i++) {
		deaf[i] = connect_to(&site);
		for (int j = 0; j < 50; j++)
			httpclient_say(deaf[i], j % 2 ? ASK_MUCH
						      : "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
		look(&site);
		poll(NULL, 0, 50);
	}
	until_ms = scene_now_ms() + 2000;
	while (scene_left_ms(until_ms) > 0) {
		look(&site);
		assert_int_equal(httpclient_get(scene, site.port, "/metrics").status, 200);
		httpclient_pause();
	}
	if (!scene_is_sanitized()) {
		char command[200];

		snprintf(command, sizeof command,
			 "awk '/^Pss:/ { print $2; exit $2 > 6000 }' /proc/%s/smaps_rollup",
			 site.pid);
		assert_int_equal(system(command), 0);
	}
	for (size_t i = 0; i < DEAF; i++)
		httpclient_close(deaf[i]);
	stop(&site);
}

/* ---- too much ---- */

/* Sends it, and a lot of the same after it, as one does who does not look at answers. */
static void expect_flood(struct site *site, const char *begin, const char *more, int status)
{
	struct httpclient *client = connect_to(site);
	uint64_t began_ms = scene_now_ms();
	bool taken = httpclient_say(client, "%s", begin);

	for (size_t len = 0; taken && len < 1000000; len += strlen(more)) {
		taken = httpclient_say(client, "%s", more);
		if (len % 100000 < strlen(more))
			look(site);
	}
	assert_int_equal(httpclient_read(client).status, status);
	/* The rest is read and dropped for 2 s, and then the connection is broken off: how it ends
	 * is left open where this took nearly as long. */
	if (scene_now_ms() - began_ms < 1000) {
		assert_true(taken);
		httpclient_end_sending(client);
		assert_true(httpclient_sees_end(client));
	}
	httpclient_close(client);
}

static void test_clients_that_send_too_much_are_refused(struct scene *scene)
{
	static const char header[] = "X-Header: and so on\r\n";
	struct site site = start(scene);
	char headers[50 * (sizeof header - 1) + 1] = "", longest[1001];

	/* Many at a time: the server takes only what comes in 2 s. */
	for (int i = 0; i < 50; i++)
		strcat(headers, header);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	expect_flood(&site, "GET /livez HTTP/1.1\r\n", headers, 431);
	expect_flood(&site, "GET /livez HTTP/1.1\r\nHost: x\r\nX-", longest, 431);
	expect_flood(&site, "GET /livez HTTP/1.1\r\nHost: x\r\nX: ", longest, 431);
	expect_flood(&site, "GET /", longest, 414);
	expect_flood(&site, "GET /livez?", longest, 414);
	expect_flood(&site, "", longest, 414);
	stop(&site);
}

static void test_clients_may_send_just_so_much(struct scene *scene)
{
	struct site site = start(scene);

	for (size_t len = REQUEST_MAX - 2; len <= REQUEST_MAX + 2; len++) {
		struct httpclient *client = connect_to(&site);
		const char *begin = "GET /livez HTTP/1.1\r\nHost: x\r\nX: ";

		httpclient_say(client, "%s%*d\r\n\r\n", begin, (int)(len - strlen(begin) - 4), 1);
		assert_int_equal(httpclient_read(client).status, len <= REQUEST_MAX ? 200 : 431);
		httpclient_close(client);
	}
	stop(&site);
}

/* The connection that has been idle longest goes, the newest is served. */
static void test_clients_that_are_too_many_lose_the_oldest(struct scene *scene)
{
	enum {
		ALL = 300,
		GONE = ALL - CONNECTIONS_MAX
	};
	struct httpclient *clients[ALL];
	struct site site = start(scene);

	for (size_t i = 0; i < ALL; i++) {
		clients[i] = connect_to(&site);
		httpclient_say(clients[i], ASK);
		assert_int_equal(httpclient_read(clients[i]).status, 200);
	}
	httpclient_wait_connections(scene, site.pid, CONNECTIONS_MAX);
	for (size_t i = 0; i < GONE; i++)
		assert_true(httpclient_sees_end(clients[i]));
	for (size_t i = GONE; i < ALL; i++) {
		httpclient_say(clients[i], ASK);
		assert_int_equal(httpclient_read(clients[i]).status, 200);
	}
	/* And one more, which takes a place. */
	look(&site);
	assert_true(httpclient_sees_end(clients[GONE]));
	for (size_t i = 0; i < ALL; i++)
		httpclient_close(clients[i]);
	stop(&site);
}

/* Connections within a request are left alone, as long as one is between two. */
static void test_clients_that_wait_go_before_those_that_send(struct scene *scene)
{
	struct httpclient *clients[CONNECTIONS_MAX], *idle;
	struct site site = start(scene);

	for (size_t i = 0; i < CONNECTIONS_MAX - 1; i++) {
		clients[i] = connect_to(&site);
		httpclient_say(clients[i], "GET /livez HTTP/1.1\r\nHost: x");
	}
	idle = connect_to(&site);
	httpclient_say(idle, ASK);
	assert_int_equal(httpclient_read(idle).status, 200);
	look(&site);
	assert_true(httpclient_sees_end(idle));
	httpclient_close(idle);
	for (size_t i = 0; i < CONNECTIONS_MAX - 1; i++) {
		httpclient_say(clients[i], "\r\n\r\n");
		assert_int_equal(httpclient_read(clients[i]).status, 200);
		httpclient_close(clients[i]);
	}
	stop(&site);
}

/* A flood of connections that send nothing, or only begin. */
static void test_clients_that_flood_do_not_keep_others_out(struct scene *scene)
{
	struct httpclient *clients[2000];
	struct site site = start(scene);

	for (size_t i = 0; i < COUNT(clients); i++) {
		clients[i] = connect_to(&site);
		if (i % 2)
			httpclient_say(clients[i], "GET");
		if (i >= 900)
			httpclient_close(clients[i - 900]);
		if (i % 20 == 0)
			look(&site);
	}
	for (size_t i = COUNT(clients) - 900; i < COUNT(clients); i++)
		httpclient_close(clients[i]);
	stop(&site);
}

/* Where there may be fewer descriptors, there are fewer connections. */
static void test_clients_find_a_server_with_few_descriptors(struct scene *scene)
{
	struct httpclient *clients[60];
	struct site site = { .scene = scene, .port = httpclient_add_service(scene) };

	scene_service(scene, "http",
		      scene_format(scene, "echo \"pid $$\"; ulimit -n 20; exec dinit --http %u",
				   site.port));
	site.run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
	site.pid = httpclient_find_pid(site.run);
	look(&site);
	for (size_t i = 0; i < COUNT(clients); i++) {
		clients[i] = connect_to(&site);
		httpclient_say(clients[i], ASK ASK_MUCH);
		assert_int_equal(httpclient_read(clients[i]).status, 200);
		assert_int_equal(httpclient_read(clients[i]).status, 200);
	}
	look(&site);
	/* Of a process that can be seen: there is a descriptor left for /proc. */
	assert_non_null(strstr(httpclient_get(scene, site.port, "/metrics").content,
			       "dinit_service_processes{service=\"http\"} 1\n"));
	for (size_t i = 0; i < COUNT(clients); i++)
		httpclient_close(clients[i]);
	stop(&site);
}

/* ---- what is no request ---- */

#define REQUEST(line, header) line "\r\nHost: x\r\n" header "\r\n"
#define BYTES(text) text, sizeof text - 1

static const struct {
	const char *bytes;
	size_t len;
	/* 0: any error. */
	int status;
} nonsense[] = {
	/* Of TLS 1.3: the beginning of a ClientHello. */
	{ BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x0a\x0d\x0a\x00\x13\x02\x13"
		"\x03\x13\x01\r\n\r\n"),
	  0 },
	/* Of HTTP/2 (RFC 9113, 3.4). */
	{ BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0 },
	{ BYTES(REQUEST("GET /livez HTTP/2.0", "")), 505 },
	{ BYTES(REQUEST("GET /livez HTTP/0.9", "")), 505 },
	{ BYTES(REQUEST("GET /livez HTTP/11", "")), 0 },
	{ BYTES("GET /livez\r\n\r\n"), 0 },
	{ BYTES("GET /livez HTTP/1.1\r\n\r\n"), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Host: y\r\n")), 400 },
	{ BYTES(REQUEST("GET livez HTTP/1.1", "")), 400 },
	{ BYTES(REQUEST("GET  /livez HTTP/1.1", "")), 400 },
	{ BYTES(REQUEST("GET /liv ez HTTP/1.1", "")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "No-Colon\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Space : x\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Folded: x\r\n y\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", ": x\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Null: \0\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Bare: x\ry\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Content-Length: 5\r\n") "hello"), 413 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Content-Length: -1\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Content-Length: 0, 5\r\n")), 400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1", "Content-Length: 0\r\nContent-Length: 5\r\n")),
	  400 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1",
			"Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n0\r\n\r\n"),
	  501 },
	{ BYTES(REQUEST("GET /livez HTTP/1.1",
			"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n"),
	  400 },
	{ BYTES("\0\0\0\0\r\n\r\n"), 0 },
	{ BYTES("SSH-2.0-OpenSSH_9.2\r\n"), 0 },
	{ BYTES("{\"jsonrpc\": \"2.0\"}\r\n\r\n"), 0 },
};

static void test_clients_that_talk_nonsense_are_refused(struct scene *scene)
{
	struct site site = start(scene);
	uint64_t began_ms = scene_now_ms();

	for (size_t i = 0; i < COUNT(nonsense); i++) {
		struct httpclient *client = connect_to(&site);
		struct httpclient_answer answer;

		httpclient_send(client, nonsense[i].bytes, nonsense[i].len);
		answer = httpclient_read(client);
		if (nonsense[i].status ? answer.status != nonsense[i].status : answer.status < 400)
			scene_fail("%zu: %d, not %d: %s", i, answer.status, nonsense[i].status,
				   nonsense[i].bytes);
		if (!httpclient_sees_end(client))
			scene_fail("%zu: no end in order: %s", i, nonsense[i].bytes);
		httpclient_close(client);
		look(&site);
	}
	/* The end comes with the answer, not when the server loses its patience. */
	assert_true(scene_now_ms() - began_ms < scene_deadline_ms(1000 * COUNT(nonsense)));
	stop(&site);
}

/* What comes before nonsense is answered, what comes after it is not. */
static void test_clients_are_answered_up_to_nonsense(struct scene *scene)
{
	struct site site = start(scene);
	struct httpclient *client = connect_to(&site);

	httpclient_say(client, ASK ASK "nonsense\r\n\r\n" ASK ASK);
	assert_int_equal(httpclient_read(client).status, 200);
	assert_int_equal(httpclient_read(client).status, 200);
	assert_true(httpclient_read(client).status >= 400);
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	stop(&site);
}

/* A generator of Marsaglia's (xorshift), so that each run is the same. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Of random bytes: all of them, or some, or parts of requests in any order. */
static size_t make_nonsense(uint32_t *state, char *bytes, size_t size)
{
	static const char *const parts[] = {
		"GET ",
		"/livez",
		" HTTP/1.1",
		"\r\n",
		"Host: x",
		"\r\n\r\n",
		ASK,
		"HEAD / HTTP/1.1",
		"\n",
		"\r",
		":",
		" ",
		"Content-Length: ",
		"99999999999999999999",
		"Connection: close",
		"Authorization: Bearer ",
	};
	size_t len = 0, wanted = 1 + next_random(state) % (size - 100);
	uint32_t kind = next_random(state) % 3;

	while (len < wanted) {
		if (kind == 0 || (kind == 1 && next_random(state) % 8 == 0)) {
			bytes[len++] = (char)next_random(state);
		} else {
			const char *part = parts[next_random(state) % COUNT(parts)];

			memcpy(bytes + len, part, strlen(part));
			len += strlen(part);
		}
	}
	return len;
}

static void test_clients_that_send_anything_are_survived(struct scene *scene)
{
	uint32_t state = 20240229;
	struct site site = start(scene);
	char bytes[3000];
	size_t answers = 0;

	for (int i = 0; i < 1000; i++) {
		struct httpclient *client = connect_to(&site);
		size_t len = make_nonsense(&state, bytes, sizeof bytes);

		httpclient_send(client, bytes, len);
		httpclient_end_sending(client);
		httpclient_sees_end(client);
		if (client->reset)
			scene_fail("%d: a reset", i);
		if (client->len > 0 && strncmp(client->bytes, "HTTP/1.1 ", 9) != 0)
			scene_fail("%d: %s", i, client->bytes);
		answers += client->len > 0;
		httpclient_close(client);
		if (i % 20 == 0)
			look(&site);
	}
	/* Each sent something that is no request at least in its end. */
	assert_true(answers > 900);
	stop(&site);
}

/* ---- gone ---- */

/* A client that has closed its end for sending still gets its answers. */
static void test_clients_that_end_sending_are_answered(struct scene *scene)
{
	struct site site;
	struct httpclient *client;

	add_many_services(scene);
	site = start(scene);
	client = connect_to(&site);
	httpclient_say(client, ASK ASK_MUCH ASK_MUCH ASK);
	httpclient_end_sending(client);
	for (int i = 0; i < 4; i++)
		assert_int_equal(httpclient_read(client).status, 200);
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	/* In the middle of a request, and without one. */
	client = connect_to(&site);
	httpclient_say(client, ASK "GET /livez HTTP/1.1\r\nHost");
	httpclient_end_sending(client);
	assert_int_equal(httpclient_read(client).status, 200);
	assert_int_equal(httpclient_read(client).status, 400);
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	client = connect_to(&site);
	httpclient_end_sending(client);
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	stop(&site);
}

static void test_clients_that_reset_leave_nothing(struct scene *scene)
{
	static const char *const requests[] = {
		"",
		"G",
		"GET /livez HTTP/1.1\r\nHost: x\r\n",
		ASK,
		ASK ASK ASK,
		"nonsense\r\n\r\n",
		ASK_MUCH,
		ASK_MUCH ASK_MUCH ASK_MUCH ASK_MUCH ASK_MUCH ASK_MUCH ASK_MUCH ASK_MUCH,
	};
	struct site site;

	add_many_services(scene);
	site = start(scene);
	for (size_t i = 0; i < 100 * COUNT(requests); i++) {
		struct httpclient *client = connect_to(&site);

		httpclient_say(client, "%s", requests[i % COUNT(requests)]);
		/* Some are in the middle of their answer. */
		if (i / COUNT(requests) % 2 && i % COUNT(requests) >= 5)
			while (client->len == 0)
				httpclient_collect(client);
		if (i / COUNT(requests) % 3)
			httpclient_reset(client);
		else
			httpclient_close(client);
		if (i % 10 == 0)
			look(&site);
	}
	stop(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_SUBREAPER(test_clients_that_are_slow_are_cut_off),
		SCENE_AS_SUBREAPER(test_clients_that_read_late_are_served),
		SCENE_AS_SUBREAPER(test_clients_that_never_read_cost_little),
		SCENE_AS_SUBREAPER(test_clients_that_send_too_much_are_refused),
		SCENE_AS_SUBREAPER(test_clients_may_send_just_so_much),
		SCENE_AS_SUBREAPER(test_clients_that_are_too_many_lose_the_oldest),
		SCENE_AS_SUBREAPER(test_clients_that_wait_go_before_those_that_send),
		SCENE_AS_SUBREAPER(test_clients_that_flood_do_not_keep_others_out),
		SCENE_AS_SUBREAPER(test_clients_find_a_server_with_few_descriptors),
		SCENE_AS_SUBREAPER(test_clients_that_talk_nonsense_are_refused),
		SCENE_AS_SUBREAPER(test_clients_are_answered_up_to_nonsense),
		SCENE_AS_SUBREAPER(test_clients_that_send_anything_are_survived),
		SCENE_AS_SUBREAPER(test_clients_that_end_sending_are_answered),
		SCENE_AS_SUBREAPER(test_clients_that_reset_leave_nothing),
	};

	return scene_run_all("badclients", tests, sizeof tests / sizeof *tests);
}
