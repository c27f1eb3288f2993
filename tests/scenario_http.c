/* SPDX-License-Identifier: ISC */
/* dinit --http as a service of a real dinit: what probes, a monitoring system and people get, and
 * what becomes of the process. (Those who mean it no good: scenario_badclients.c.) */
#include "harness.h"
#include "httpclient.h"
#include "launch.h"
#include "rig.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define INFO "DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info"
#define GOES_ON "dinit: info: the services go on for "
#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING
#define ASK "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
/* Nobody's user id. */
#define NOBODY 65534

/* A dinit with a service "http". */
struct site {
	struct scene *scene;
	struct run *run;
	unsigned port;
};

/* As PID 1, what is root in a user namespace may be the only user there. */
static void need_users(struct scene *scene)
{
	scene_need(scene->mode == RUN_AS_SUBREAPER || rig_can_take_user(), RIG_WHY_USER);
}

/* Starts it all; setting: a further variable, or NULL. */
static struct site start(struct scene *scene, const char *setting)
{
	struct site site = { .scene = scene };

	need_users(scene);
	site.port = httpclient_add_service(scene);
	site.run = run_start(scene,
			     &(struct run_spec){
				     .environment = LIST(INFO, setting ? setting : "SCENE_X=1") });
	return site;
}

static void stop(struct site *site)
{
	run_signal(site->run, SIGTERM);
	run_expect_exit(site->run, 0);
}

#define expect(site, path, status, content) expect_at(site, path, status, content, SCENE_HERE)
static void expect_at(struct site *site, const char *path, int status, const char *content,
		      const char *where)
{
	struct httpclient_answer answer =
		httpclient_get_at(site->scene, site->port, path, "", where);

	if (answer.status != status || strcmp(answer.content, content) != 0)
		scene_fail_at(where, "%s is answered with %d, \"%s\"", path, answer.status,
			      answer.content);
}

/* Waits until dinit knows of each service, that of the server as well, that it runs: one that has
 * little time hears of it later than the server answers. */
#define expect_ready(site) expect_ready_at(site, SCENE_HERE)
static void expect_ready_at(struct site *site, const char *where)
{
	httpclient_get_until_at(site->scene, site->port, "/readyz", 200, where);
	expect_at(site, "/readyz", 200, "ok\n", where);
}

static void expect_field(struct scene *scene, const struct httpclient_answer *answer,
			 const char *name, const char *value)
{
	const char *found = httpclient_find(scene, answer, name);

	if (!found || strcmp(found, value) != 0)
		scene_fail("%s: %s, not %s in: %s", name, found ? found : "(none)", value,
			   answer->head);
}

/* ---- what probes are told ---- */

/* A check decides. What is told is never older than the last change: whoever knows of that sees
 * it. */
static void test_http_tells_when_all_are_ready(struct scene *scene)
{
	struct site site;

	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "test -e $SCENE/db");
	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/check", "test -e $SCENE/web");
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	scene_service(scene, "migrate", "exit 115");
	scene_service(scene, "client",
		      "trap 'exit 0' TERM; dinit --wait db; echo \"db $?\"\n"
		      "dinit --wait web; echo \"web $?\"; " SCENE_TRAPPING);
	site = start(scene, NULL);
	run_wait_line(site.run, RUN_STDERR, " migrate/run: .*disabled itself");
	expect(&site, "/livez", 200, "ok\n");
	expect(&site, "/readyz", 503, "db\nweb\n");
	scene_file(scene, "db", 0644, "");
	run_wait_line(site.run, RUN_STDOUT, " client/run: db 0$");
	expect(&site, "/readyz", 503, "web\n");
	expect(&site, "/livez", 200, "ok\n");
	scene_file(scene, "web", 0644, "");
	run_wait_line(site.run, RUN_STDOUT, " client/run: web 0$");
	expect(&site, "/readyz", 200, "ok\n");
	expect(&site, "/livez", 200, "ok\n");
	stop(&site);
	run_expect_no_line(site.run, RUN_STDERR, "warning|error");
}

/* One that was ready, and is not any more. */
static void test_http_tells_who_is_unready(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "test ! -e $SCENE/bad");
	site = start(scene, "DINIT_CHECK_INTERVAL=0.5");
	run_wait_line(site.run, RUN_STDERR, "all services are ready");
	httpclient_get_until(scene, site.port, "/readyz", 200);
	scene_file(scene, "bad", 0644, "");
	run_wait_line(site.run, RUN_STDERR, "db/check: not ready any more");
	answer = httpclient_get_until(scene, site.port, "/readyz", 503);
	assert_string_equal(answer.content, "db\n");
	expect(&site, "/livez", 200, "ok\n");
	stop(&site);
}

/* A failed check too many stops the container; what holds the stop up here is a prestop. */
static void test_http_is_not_live_when_a_service_failed_too_often(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	need_users(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "db", POLITE);
	scene_script(scene, "services/db/check", "test ! -e $SCENE/bad");
	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/prestop", "echo begun; read go <$SCENE/go");
	site.scene = scene;
	site.port = httpclient_add_service(scene);
	site.run =
		run_start(scene,
			  &(struct run_spec){
				  .environment =
					  LIST(INFO,
					       scene_seconds(scene, "DINIT_CHECK_INTERVAL", 1000),
					       "DINIT_CHECK_FAILURES=3", "DINIT_STOP_TIMEOUT=0") });
	run_wait_line(site.run, RUN_STDERR, "all services are ready");
	expect(&site, "/livez", 200, "ok\n");
	scene_file(scene, "bad", 0644, "");
	run_wait_line(site.run, RUN_STDOUT, " web/prestop: begun$");
	answer = httpclient_get_until(scene, site.port, "/livez", 503);
	assert_string_equal(answer.content, "db\n");
	answer = httpclient_get_until(scene, site.port, "/readyz", 503);
	assert_string_equal(answer.content, "db\n");
	scene_let_go(scene, "go");
	run_expect_exit(site.run, 3);
}

static void test_http_is_not_ready_in_a_delay(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	scene_service(scene, "web", POLITE);
	site = start(scene, "DINIT_STOP_DELAY=100000");
	run_wait_line(site.run, RUN_STDOUT, " web/run: up$");
	expect_ready(&site);
	run_signal(site.run, SIGTERM);
	run_wait_line(site.run, RUN_STDERR, GOES_ON);
	answer = httpclient_get_until(scene, site.port, "/readyz", 503);
	assert_string_equal(answer.content, "dinit is delaying its stop\n");
	expect(&site, "/livez", 200, "ok\n");
	stop(&site);
}

/* It lives longer than others where its terminate waits. */
static void test_http_is_not_ready_in_a_teardown(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	scene_fifo(scene, "go");
	scene_fifo(scene, "end");
	scene_service(
		scene, "stubborn",
		"trap 'echo told; read go <$SCENE/go; exit 0' TERM; echo up\n" SCENE_TRAPPING);
	scene_script(scene, "services/http/terminate", "read go <$SCENE/end; kill $DINIT_PID");
	site = start(scene, NULL);
	run_wait_line(site.run, RUN_STDOUT, " stubborn/run: up$");
	expect_ready(&site);
	run_signal(site.run, SIGTERM);
	run_wait_line(site.run, RUN_STDOUT, " stubborn/run: told$");
	answer = httpclient_get_until(scene, site.port, "/readyz", 503);
	assert_non_null(strstr(answer.content, "stubborn\n"));
	expect(&site, "/livez", 200, "ok\n");
	answer = httpclient_get(scene, site.port, "/metrics");
	assert_non_null(strstr(answer.content, "\ndinit_stopping 1\n"));
	answer = httpclient_get(scene, site.port, "/status");
	assert_non_null(strstr(answer.content, "\"state\":\"stopping\""));
	scene_let_go(scene, "go");
	scene_let_go(scene, "end");
	run_expect_exit(site.run, 0);
}

/* A dinit that does nothing for a while has not ended. */
static void test_http_dinit_that_is_stopped_is_seen(struct scene *scene)
{
	struct site site = start(scene, NULL);

	expect_ready(&site);
	run_signal(site.run, SIGSTOP);
	expect(&site, "/livez", 200, "ok\n");
	expect(&site, "/readyz", 200, "ok\n");
	run_signal(site.run, SIGCONT);
	stop(&site);
}

static void test_http_line_of_a_script_is_enough(struct scene *scene)
{
	unsigned port = httpclient_reserve_port();
	struct site site = { .scene = scene, .port = port };

	need_users(scene);
	scene_file(scene, "services/http/run", 0755,
		   scene_format(scene, "#!%s --http %u\n", scene_add_dinit(scene), port));
	site.run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
	expect(&site, "/livez", 200, "ok\n");
	stop(&site);
}

static void test_http_works_with_a_read_only_root(struct scene *scene)
{
	struct site site = { .scene = scene };

	need_users(scene);
	site.port = httpclient_add_service(scene);
	site.run = run_start(scene,
			     &(struct run_spec){ .environment = LIST(INFO), .read_only = true });
	expect_ready(&site);
	assert_int_equal(httpclient_get(scene, site.port, "/").status, 200);
	assert_int_equal(httpclient_get(scene, site.port, "/metrics").status, 200);
	stop(&site);
}

/* ---- the documents ---- */

/* Adds a service that runs the commands when it is let go, and says "over". */
static void add_client(struct scene *scene, const char *commands)
{
	scene_fifo(scene, "go");
	scene_service(
		scene, "client",
		scene_format(
			scene,
			"trap 'exit 0' TERM; read go <$SCENE/go; %s; echo over\n" SCENE_TRAPPING,
			commands));
}

static void let_client_go(struct site *site)
{
	scene_let_go(site->scene, "go");
	run_wait_line(site->run, RUN_STDOUT, " client/run: over$");
}

/* The lines of metrics without their values. */
static const char *strip_values(struct scene *scene, const char *metrics)
{
	char *stripped = strdup(metrics), *to = stripped;
	const char *kept;

	assert_non_null(stripped);
	while (*metrics) {
		size_t len = strcspn(metrics, "\n"), wanted = len;

		while (*metrics != '#' && wanted > 0 && metrics[wanted] != ' ')
			wanted--;
		memmove(to, metrics, wanted);
		to += wanted;
		*to++ = '\n';
		metrics += len + (metrics[len] == '\n');
	}
	kept = scene_keep(scene, stripped, (size_t)(to - stripped));
	free(stripped);
	return kept;
}

static void test_http_metrics_are_those_of_the_command(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/log/run", "exec cat");
	add_client(scene, "dinit --metrics >$SCENE/metrics");
	site = start(scene, NULL);
	run_wait_line(site.run, RUN_STDOUT, " web/run: up$");
	let_client_go(&site);
	answer = httpclient_get(scene, site.port, "/metrics");
	assert_int_equal(answer.status, 200);
	expect_field(scene, &answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	scene_file(scene, "got", 0644, answer.content);
	assert_string_equal(strip_values(scene, answer.content),
			    strip_values(scene, scene_read(scene, "metrics")));
	/* Of a process of another user, as it has become 65534. */
	assert_non_null(strstr(answer.content, "dinit_service_up{service=\"web\"} 1\n"));
	assert_non_null(
		strstr(answer.content, "dinit_service_resident_memory_bytes{service=\"web\"} "));
	assert_null(
		strstr(answer.content, "dinit_service_resident_memory_bytes{service=\"web\"} 0\n"));
	stop(&site);
	scene_need(system("command -v promtool >/dev/null") == 0,
		   "there is no promtool: install Debian's prometheus");
	assert_int_equal(system(scene_format(scene, "promtool check metrics <%s/got >%s/said 2>&1",
					     scene->dir, scene->dir)),
			 0);
	assert_string_equal(scene_read(scene, "said"), "");
}

/* All the keys, and what does not change from one moment to the next. */
#define LASTING \
	"jq -cS '[([paths | map(if type == \"number\" then 0 else . end)] | unique), " \
	".version, .pid, .state, .ready, .since, .cause, " \
	"[.services[] | [.name, .state, .pid, .log_pid, .since, .ready, .exit_status]]]'"

static void test_http_status_is_that_of_the_command(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	scene_service(scene, "web", POLITE);
	scene_script(scene, "services/web/log/run", "exec cat");
	scene_service(scene, "off", "exit 1");
	scene_file(scene, "services/off/down", 0644, "");
	add_client(scene, "dinit --status --json >$SCENE/status");
	site = start(scene, NULL);
	run_wait_line(site.run, RUN_STDOUT, " web/run: up$");
	let_client_go(&site);
	answer = httpclient_get(scene, site.port, "/status");
	assert_int_equal(answer.status, 200);
	expect_field(scene, &answer, "Content-Type", "application/json");
	scene_file(scene, "got", 0644, answer.content);
	assert_int_equal(system(scene_format(scene,
					     "cd %s && " LASTING " status >wanted && " LASTING
					     " got >found",
					     scene->dir)),
			 0);
	assert_true(strlen(scene_read(scene, "wanted")) > 500);
	assert_string_equal(scene_read(scene, "found"), scene_read(scene, "wanted"));
	stop(&site);
}

static void test_http_page_names_the_services(struct scene *scene)
{
	struct site site;
	struct httpclient_answer answer;

	scene_service(scene, "web", POLITE);
	site = start(scene, NULL);
	run_wait_line(site.run, RUN_STDOUT, " web/run: up$");
	answer = httpclient_get(scene, site.port, "/");
	assert_int_equal(answer.status, 200);
	expect_field(scene, &answer, "Content-Type", "text/html; charset=utf-8");
	assert_int_equal(strncasecmp(answer.content, "<!doctype html>", 15), 0);
	assert_non_null(strstr(answer.content, ">web<"));
	assert_non_null(strstr(answer.content, ">http<"));
	assert_null(strstr(answer.content, "<script"));
	assert_null(strstr(answer.content, "http:"));
	assert_null(strstr(answer.content, "https:"));
	stop(&site);
}

/* (An answer may be a quarter of a second old.) */
static void test_http_page_says_that_dinit_is_stopped(struct scene *scene)
{
	struct site site = start(scene, NULL);
	const char *said = scene_format(scene, "<p>dinit is stopped by a signal (kill -CONT %d ",
					(int)site.run->pid);
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(20000);

	assert_null(strstr(httpclient_get(scene, site.port, "/").content, said));
	run_signal(site.run, SIGSTOP);
	while (!strstr(httpclient_get(scene, site.port, "/").content, said))
		if (scene_now_ms() > until_ms)
			scene_fail("the page does not say that dinit is stopped");
	run_signal(site.run, SIGCONT);
	stop(&site);
}

/* ---- the protocol ---- */

/* "Sun, 06 Nov 1994 08:49:37 GMT", of today: the day of the week is that of the date. (time(2) may
 * still tell the second before.) */
static void expect_date(const char *text)
{
	struct tm date = { .tm_mday = 0 };
	struct timespec exact;
	char again[64];
	time_t when, now = clock_gettime(CLOCK_REALTIME, &exact) == 0 ? exact.tv_sec : 0;

	if (!text || !strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date))
		scene_fail("no date: %s", text ? text : "(none)");
	when = timegm(&date);
	strftime(again, sizeof again, "%a, %d %b %Y %H:%M:%S GMT", &date);
	assert_string_equal(text, again);
	assert_true(when <= now && when >= now - (time_t)scene_deadline_ms(20000) / 1000);
}

static void test_http_answers_say_what_they_are(struct scene *scene)
{
	static const char *const paths[] = {
		"/livez", "/readyz", "/metrics", "/status", "/", "/x"
	};
	struct site site = start(scene, NULL);

	expect_ready(&site);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct httpclient_answer answer = httpclient_get(scene, site.port, paths[i]);

		assert_int_equal(answer.status, i < 5 ? 200 : 404);
		expect_field(scene, &answer, "Cache-Control", "no-store");
		expect_field(scene, &answer, "X-Content-Type-Options", "nosniff");
		expect_field(scene, &answer, "Connection", "close");
		expect_date(httpclient_find(scene, &answer, "Date"));
	}
	stop(&site);
}

/* The content of the next answer would be taken for it. */
static void test_http_answer_to_a_head_has_no_content(struct scene *scene)
{
	static const char *const paths[] = {
		"/livez", "/readyz", "/metrics", "/status", "/", "/x"
	};
	struct site site = start(scene, NULL);
	struct httpclient *client = httpclient_open(scene, "127.0.0.1", site.port);

	expect_ready(&site);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct httpclient_answer head, answer;

		httpclient_say(client, "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
		head = httpclient_read_head(client);
		assert_int_equal(head.status, i < 5 ? 200 : 404);
		assert_string_not_equal(httpclient_find(scene, &head, "Content-Length"), "0");
		httpclient_say(client, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
		answer = httpclient_read(client);
		expect_field(scene, &answer, "Content-Type",
			     httpclient_find(scene, &head, "Content-Type"));
		if (i < 2)
			expect_field(scene, &head, "Content-Length", "3");
	}
	httpclient_close(client);
	stop(&site);
}

/* Others than GET and HEAD are refused, and the connection is closed in order. */
static void test_http_other_methods_are_refused(struct scene *scene)
{
	static const struct {
		const char *method;
		int status;
	} cases[] = {
		{ "POST", 405 },  { "PUT", 405 },     { "DELETE", 405 }, { "OPTIONS", 405 },
		{ "TRACE", 405 }, { "CONNECT", 405 }, { "PATCH", 405 },  { "BREW", 501 },
		{ "get", 501 },   { "GETS", 501 },
	};
	struct site site = start(scene, NULL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct httpclient *client = httpclient_open(scene, "127.0.0.1", site.port);
		struct httpclient_answer answer;

		httpclient_say(client, "%s /livez HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].method);
		answer = httpclient_read(client);
		if (answer.status != cases[i].status)
			scene_fail("%s: %d", cases[i].method, answer.status);
		if (answer.status == 405)
			expect_field(scene, &answer, "Allow", "GET, HEAD");
		expect_field(scene, &answer, "Connection", "close");
		assert_true(httpclient_sees_end(client));
		httpclient_close(client);
	}
	stop(&site);
}

static void test_http_query_is_ignored(struct scene *scene)
{
	struct site site = start(scene, NULL);

	expect(&site, "/livez?", 200, "ok\n");
	expect(&site, "/livez?verbose=1&exclude=%20etcd?/", 200, "ok\n");
	assert_int_equal(httpclient_get(scene, site.port, "/?x").status, 200);
	assert_int_equal(httpclient_get(scene, site.port, "/?/livez").status, 200);
	assert_int_equal(httpclient_get(scene, site.port, "/livez/").status, 404);
	assert_int_equal(httpclient_get(scene, site.port, "/livezz").status, 404);
	assert_int_equal(httpclient_get(scene, site.port, "/live").status, 404);
	assert_int_equal(httpclient_get(scene, site.port, "//").status, 404);
	stop(&site);
}

/* A path that is none, and an answer that is no 200, do not end a connection. */
static void test_http_connection_is_kept(struct scene *scene)
{
	struct site site = start(scene, NULL);
	struct httpclient *client = httpclient_open(scene, "127.0.0.1", site.port);
	struct httpclient_answer answer;

	for (int i = 0; i < 5; i++) {
		httpclient_say(client, ASK);
		answer = httpclient_read(client);
		assert_int_equal(answer.status, 200);
		expect_field(scene, &answer, "Connection", "keep-alive");
		httpclient_say(client, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_int_equal(httpclient_read(client).status, 404);
	}
	/* One that comes in pieces. */
	for (const char *byte = ASK; *byte; byte++)
		assert_true(httpclient_send(client, byte, 1));
	assert_int_equal(httpclient_read(client).status, 200);
	httpclient_say(client, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	answer = httpclient_read(client);
	expect_field(scene, &answer, "Connection", "close");
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	stop(&site);
}

static void test_http_old_clients_are_answered_once(struct scene *scene)
{
	struct site site = start(scene, NULL);
	struct httpclient *client = httpclient_open(scene, "127.0.0.1", site.port);
	struct httpclient_answer answer;

	httpclient_say(client, "GET /livez HTTP/1.0\r\n\r\n");
	answer = httpclient_read(client);
	assert_int_equal(answer.status, 200);
	expect_field(scene, &answer, "Connection", "close");
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	stop(&site);
}

/* Requests that come at once are answered one after the other. */
static void test_http_pipeline_is_answered_in_order(struct scene *scene)
{
	static const struct {
		const char *method, *path;
		int status;
	} cases[] = {
		{ "GET", "/livez", 200 },   { "GET", "/nothing", 404 }, { "GET", "/metrics", 200 },
		{ "HEAD", "/status", 200 }, { "GET", "/status", 200 },  { "HEAD", "/x", 404 },
		{ "GET", "/", 200 },        { "GET", "/readyz", 200 },
	};
	struct site site = start(scene, NULL);
	struct httpclient *client = httpclient_open(scene, "127.0.0.1", site.port);
	const char *all = "";

	expect_ready(&site);
	for (size_t i = 0; i < COUNT(cases); i++)
		all = scene_format(scene, "%s%s %s HTTP/1.1\r\nHost: x\r\n\r\n", all,
				   cases[i].method, cases[i].path);
	for (int round = 0; round < 20; round++)
		assert_true(httpclient_say(client, "%s", all));
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct httpclient_answer answer =
				httpclient_read_at(client, cases[i].method[0] == 'H', SCENE_HERE);

			if (answer.status != cases[i].status)
				scene_fail("%d: %s: %d", round, cases[i].path, answer.status);
			if (i == 2)
				assert_non_null(strstr(answer.content, "# TYPE dinit_info"));
			if (i == 4)
				assert_int_equal(answer.content[0], '{');
			if (i == 6)
				assert_int_equal(answer.content[0], '<');
		}
	httpclient_say(client,
		       ASK "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" ASK);
	assert_int_equal(httpclient_read(client).status, 200);
	assert_int_equal(httpclient_read(client).status, 200);
	assert_true(httpclient_sees_end(client));
	httpclient_close(client);
	stop(&site);
}

/* ---- the token ---- */

#define TOKEN "s3cret-Tok.en~+/="

static void test_http_token_is_wanted(struct scene *scene)
{
	static const char *const wrong[] = {
		"",
		"Authorization: Bearer s3cret-Tok.en~+/\r\n",
		"Authorization: Bearer s3cret-Tok.en~+/=x\r\n",
		"Authorization: Bearer s3cret-Tok.en~+/-\r\n",
		"Authorization: Bearer S3cret-Tok.en~+/=\r\n",
		"Authorization: Bearer \r\n",
		"Authorization: Bearer\r\n",
		"Authorization: Basic " TOKEN "\r\n",
		"Authorization: " TOKEN "\r\n",
		"Authorization: Bearer x " TOKEN "\r\n",
		"Authorization: Bearer " TOKEN " x\r\n",
		"X-Authorization: Bearer " TOKEN "\r\n",
		"Cookie: " TOKEN "\r\n",
	};
	static const char *const right[] = {
		"Authorization: Bearer " TOKEN "\r\n",
		"authorization: bearer  " TOKEN " \r\n",
	};
	static const char *const paths[] = { "/metrics", "/status", "/" };
	struct site site = start(scene, "DINIT_HTTP_TOKEN=" TOKEN);
	struct httpclient_answer answer;

	for (size_t path = 0; path < COUNT(paths); path++) {
		for (size_t i = 0; i < COUNT(wrong); i++) {
			answer = httpclient_get_with(scene, site.port, paths[path], wrong[i]);
			if (answer.status != 401)
				scene_fail("%s with %s: %d", paths[path], wrong[i], answer.status);
			expect_field(scene, &answer, "WWW-Authenticate", "Bearer");
			assert_null(strstr(answer.content, "dinit_"));
		}
		for (size_t i = 0; i < COUNT(right); i++) {
			answer = httpclient_get_with(scene, site.port, paths[path], right[i]);
			if (answer.status != 200)
				scene_fail("%s with %s: %d", paths[path], right[i], answer.status);
		}
	}
	assert_int_equal(httpclient_get(scene, site.port, "/x").status, 401);
	assert_int_equal(httpclient_get_with(scene, site.port, "/x", right[0]).status, 404);
	expect(&site, "/livez", 200, "ok\n");
	expect_ready(&site);
	assert_int_equal(httpclient_get_with(scene, site.port, "/livez", wrong[2]).status, 200);
	stop(&site);
	/* It is no variable of dinit's own, and no stray one. */
	run_expect_no_line(site.run, RUN_STDERR, "DINIT_HTTP_TOKEN");
	run_expect_no_line(site.run, RUN_STDERR, "warning");
}

/* An answer to a request that is not allowed does not end the connection. */
static void test_http_token_can_be_given_after_a_refusal(struct scene *scene)
{
	struct site site = start(scene, "DINIT_HTTP_TOKEN=" TOKEN);
	struct httpclient *client = httpclient_open(scene, "127.0.0.1", site.port);

	httpclient_say(client, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(httpclient_read(client).status, 401);
	httpclient_say(client, "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN
			       "\r\n\r\n");
	assert_int_equal(httpclient_read(client).status, 200);
	/* It was for that one. */
	httpclient_say(client, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(httpclient_read(client).status, 401);
	httpclient_close(client);
	stop(&site);
}

/* A token that nobody could give, or that was meant to be another one, is no token. */
static void test_http_odd_token_is_refused(struct scene *scene)
{
	char *longest = malloc(5000);
	const char *tokens[] = { "", "two words", "new\nline", "\303\244hnlich", "tab\t", longest };

	need_users(scene);
	assert_non_null(longest);
	memset(longest, 'q', 4097);
	longest[4097] = '\0';
	httpclient_add_service(scene);
	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct run *run = run_start(
			scene,
			&(struct run_spec){
				.environment = LIST(INFO, scene_format(scene, "DINIT_HTTP_TOKEN=%s",
								       tokens[i])) });

		run_expect_exit(run, 3);
		run_expect_line(run, RUN_STDERR, " http/run: dinit: .*DINIT_HTTP_TOKEN");
		assert_int_equal(run_count_lines(run, RUN_STDERR, "Z http/run: "), 1);
		run_expect_line(run, RUN_STDERR, " http/run: PID [0-9]+ exited with status 1");
		if (*tokens[i])
			assert_null(strstr(run->outputs[RUN_STDERR].bytes, tokens[i]));
	}
	free(longest);
}

/* ---- addresses and arguments ---- */

static void test_http_listens_where_it_is_told(struct scene *scene)
{
	static const struct {
		const char *address;
		bool v4, v6;
	} cases[] = {
		{ "", true, true },
		{ "127.0.0.1:", true, false },
		{ "0.0.0.0:", true, false },
		{ "[::1]:", false, true },
		{ "[::]:", true, true },
		{ "127.0.0.2:", false, false },
		{ "[0:0:0::1]:", false, true },
	};
	bool has_v6 = httpclient_has_ipv6();

	need_users(scene);
	scene_add_dinit(scene);
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned port = httpclient_reserve_port();
		const char *const addresses[] = { "127.0.0.1", "127.0.0.2", "::1" };
		struct run *run;

		if (cases[i].address[0] == '[' && !has_v6)
			continue;
		scene_service(scene, "http",
			      scene_format(scene, "exec dinit --http %s%u", cases[i].address,
					   port));
		run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
		/* The one that is certainly there first. */
		httpclient_close(httpclient_open(scene,
						 cases[i].v4   ? addresses[0]
						 : cases[i].v6 ? addresses[2]
							       : addresses[1],
						 port));
		if (httpclient_is_refused(addresses[0], port) == cases[i].v4)
			scene_fail("%s%u: IPv4", cases[i].address, port);
		if (has_v6 && httpclient_is_refused(addresses[2], port) == cases[i].v6)
			scene_fail("%s%u: IPv6", cases[i].address, port);
		run_signal(run, SIGTERM);
		run_expect_exit(run, 0);
	}
}

/* No dinit is needed for that. */
static void test_http_wrong_arguments_are_refused(struct scene *scene)
{
	static const char *const arguments[] = {
		NULL,
		"",
		"no",
		"0",
		"65536",
		"-1",
		"+80",
		"80x",
		" 80",
		"99999999999999999999",
		":80",
		"localhost:80",
		"[::1]",
		"[::1]80",
		"[::1:80",
		"::1:80",
		"a:b:c",
		"127.0.0.1",
		"127.0.0.1:",
		"127.1:80",
		"[127.0.0.1]:80",
		"256.0.0.1:80",
		"http://127.0.0.1:80",
		"127.0.0.1:80/",
	};

	for (size_t i = 0; i < COUNT(arguments) + 1; i++) {
		const char *first = i < COUNT(arguments) ? arguments[i] : "9100";
		struct run *run =
			run_start(scene, &(struct run_spec){ .arguments = LIST("--http", first,
									       i < COUNT(arguments)
										       ? NULL
										       : "9101") });
		int status = run_wait_exit(run);

		if (status != 1 || run_count_lines(run, RUN_STDERR, "usage:") != 1 ||
		    run_count_lines(run, RUN_STDERR, "\\[ADDRESS:\\]PORT") == 0)
			scene_fail("\"%s\": %d", first ? first : "", status);
		assert_int_equal(run->outputs[RUN_STDOUT].len, 0);
	}
}

static void test_http_port_in_use_is_said(struct scene *scene)
{
	struct run *run;
	unsigned port;

	need_users(scene);
	port = httpclient_add_service(scene);
	httpclient_take_port();
	run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			scene_format(scene, " http/run: dinit: .*%u.*[Aa]ddress.*in use", port));
	assert_int_equal(run_count_lines(run, RUN_STDERR, " http/run: dinit"), 1);
	run_expect_line(run, RUN_STDERR, " http/run: PID [0-9]+ exited with status 1");
}

static void test_http_address_of_another_machine_is_said(struct scene *scene)
{
	struct run *run;

	scene_add_dinit(scene);
	scene_service(scene, "http",
		      scene_format(scene, "exec dinit --http 192.0.2.1:%u",
				   httpclient_reserve_port()));
	run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, " http/run: dinit: .*192\\.0\\.2\\.1.*(assign|available)");
	assert_int_equal(run_count_lines(run, RUN_STDERR, " http/run: dinit"), 1);
}

static void test_http_without_a_dinit_is_refused(struct scene *scene)
{
	struct run *run =
		run_start(scene,
			  &(struct run_spec){
				  .arguments = LIST("--http",
						    scene_format(scene, "%u",
								 httpclient_reserve_port())) });

	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "^dinit: no dinit runs here \\(or it is in .*\\)$");
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
}

/* ---- the process ---- */

/* A line of /proc/PID/status, or of another file there: what follows its name. */
static const char *read_field(struct scene *scene, const char *pid, const char *file,
			      const char *name)
{
	char bytes[8192];
	const char *path = scene_format(scene, "/proc/%s/%s", pid, file), *found;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);

	scene_close_fd(fd);
	SCENE_CHECK(len > 0, path);
	bytes[len] = '\0';
	found = strstr(bytes, name);
	if (!found)
		scene_fail("no %s in %s", name, path);
	found += strlen(name);
	found += strspn(found, ":\t ");
	return scene_keep(scene, found, strcspn(found, "\n"));
}

static long read_number(struct scene *scene, const char *pid, const char *file, const char *name)
{
	return strtol(read_field(scene, pid, file, name), NULL, 10);
}

/* In all four senses: real, effective, saved, for files. */
static void expect_user(struct scene *scene, const char *pid, unsigned user)
{
	const char *all = scene_format(scene, "%u\t%u\t%u\t%u", user, user, user, user);

	assert_string_equal(read_field(scene, pid, "status", "\nUid"), all);
	assert_string_equal(read_field(scene, pid, "status", "\nGid"), all);
	assert_int_equal(strspn(read_field(scene, pid, "status", "\nGroups"), " "),
			 strlen(read_field(scene, pid, "status", "\nGroups")));
	assert_string_equal(read_field(scene, pid, "status", "\nCapEff"), "0000000000000000");
	assert_string_equal(read_field(scene, pid, "status", "\nCapPrm"), "0000000000000000");
}

/* Becomes a member of groups. */
static void join_groups(void *unused)
{
	const gid_t groups[] = { 0, 4, 65533 };

	(void)unused;
	if (setgroups(COUNT(groups), groups) < 0)
		_exit(126);
}

static void test_http_root_becomes_nobody(struct scene *scene)
{
	struct site site = { .scene = scene };

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	site.port = httpclient_add_service(scene);
	site.run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO),
							.prepare = join_groups });
	expect(&site, "/livez", 200, "ok\n");
	expect_user(scene, httpclient_find_pid(site.run), NOBODY);
	stop(&site);
}

static void test_http_another_user_stays(struct scene *scene)
{
	struct site site = { .scene = scene };

	site.port = httpclient_add_service(scene);
	site.run = run_start(scene,
			     &(struct run_spec){ .environment = LIST(INFO), .user = scene_user() });
	expect_ready(&site);
	expect_user(scene, httpclient_find_pid(site.run), scene_user());
	stop(&site);
}

/* Takes a capability from all that this process becomes. */
static void drop_capability(void *capability)
{
	if (prctl(PR_CAPBSET_DROP, *(const int *)capability, 0, 0, 0) < 0)
		_exit(126);
}

static void test_http_root_that_cannot_change_is_told_what_to_do(struct scene *scene)
{
	static const int capabilities[] = { CAP_SETUID, CAP_SETGID };

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	httpclient_add_service(scene);
	for (size_t i = 0; i < COUNT(capabilities); i++) {
		int capability = capabilities[i];
		struct run *run =
			run_start(scene, &(struct run_spec){ .environment = LIST(INFO),
							     .prepare = drop_capability,
							     .prepare_ctx = &capability });

		run_expect_exit(run, 3);
		run_expect_line(run, RUN_STDERR, " http/run: dinit: .*65534");
		assert_int_equal(run_count_lines(run, RUN_STDERR, " http/run: dinit"), 1);
		run_expect_line(run, RUN_STDERR, " http/run: PID [0-9]+ exited with status 1");
	}
}

/* Becomes the root of its user namespace. */
static void become_root(void *unused)
{
	(void)unused;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(126);
}

/* The only user of a user namespace cannot become another one. */
static void test_http_root_of_a_small_namespace_is_told_so(struct scene *scene)
{
	struct run *run;

	httpclient_add_service(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST(INFO),
						   .user_namespace = true,
						   .prepare = become_root });
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, " http/run: dinit: .*65534");
	run_expect_line(run, RUN_STDERR, " http/run: PID [0-9]+ exited with status 1");
}

/* Starts --http beside a dinit, as a child of the test. */
static struct run *start_beside(struct scene *scene, const struct run *dinit, unsigned port)
{
	return run_start(scene,
			 &(struct run_spec){
				 .arguments =
					 LIST("--http", scene_format(scene, "%u", port), "--pid",
					      scene_format(scene, "%d", (int)dinit->pid)) });
}

static void test_http_ends_with_its_dinit(struct scene *scene)
{
	struct site site = { .scene = scene };
	struct run *dinit, *http;

	for (int killed = 0; killed < 2; killed++) {
		site.port = httpclient_reserve_port();
		scene_service(scene, "web", POLITE);
		dinit = run_start(scene, &(struct run_spec){ .environment = LIST(INFO) });
		run_wait_line(dinit, RUN_STDOUT, " web/run: up$");
		http = start_beside(scene, dinit, site.port);
		expect_ready(&site);
		if (killed) {
			run_kill(dinit);
		} else {
			run_signal(dinit, SIGTERM);
			run_expect_exit(dinit, 0);
		}
		run_expect_exit(http, 0);
		assert_true(httpclient_is_refused("127.0.0.1", site.port));
	}
}

/* Even while somebody is connected, and sends nothing. */
static void test_http_orphan_ends(struct scene *scene)
{
	struct site site = start(scene, NULL);
	struct httpclient *client;
	pid_t http = atoi(httpclient_find_pid(site.run));

	expect(&site, "/livez", 200, "ok\n");
	client = httpclient_open(scene, "127.0.0.1", site.port);
	run_kill(site.run);
	scene_wait_process(http);
	httpclient_sees_end(client);
	httpclient_close(client);
}

/* ---- what it takes ---- */

static void need_plain_memory(void)
{
	scene_need(!scene_is_sanitized(), "the sanitizers need memory of their own");
	scene_need(!getenv("TEST_COUNTED"), "a dinit that counts needs memory of its own");
}

#define MANY 256

static void test_http_takes_little_with_many_connections(struct scene *scene)
{
	static const char *const paths[] = {
		"/livez", "/readyz", "/metrics", "/status", "/", "/x"
	};
	struct httpclient *clients[MANY];
	struct site site;
	const char *pid;
	long memory;

	need_plain_memory();
	site = start(scene, NULL);
	for (size_t i = 0; i < MANY; i++) {
		clients[i] = httpclient_open(scene, "127.0.0.1", site.port);
		httpclient_say(clients[i], "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
			       paths[i % COUNT(paths)]);
		httpclient_read(clients[i]);
	}
	pid = httpclient_find_pid(site.run);
	assert_int_equal(read_number(scene, pid, "status", "\nThreads"), 1);
	memory = read_number(scene, pid, "smaps_rollup", "\nPss");
	print_message("Pss with %d connections: %ld kB\n", MANY, memory);
	assert_true(memory < 1500);
	/* All of them are still there. */
	for (size_t i = 0; i < MANY; i++) {
		httpclient_say(clients[i], ASK);
		assert_int_equal(httpclient_read(clients[i]).status, 200);
		httpclient_close(clients[i]);
	}
	stop(&site);
}

/* Sends so many requests over a connection, all paths in turn. */
static void send_many(struct site *site, size_t count)
{
	static const char *const paths[] = {
		"/livez", "/readyz", "/metrics", "/status", "/", "/x"
	};
	struct httpclient *client = httpclient_open(site->scene, "127.0.0.1", site->port);

	for (size_t i = 0; i < count; i++) {
		httpclient_say(client, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
			       paths[i % COUNT(paths)]);
		httpclient_read(client);
	}
	httpclient_say(client, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	httpclient_read(client);
	httpclient_sees_end(client);
	httpclient_close(client);
}

static void test_http_keeps_nothing_of_many_requests(struct scene *scene)
{
	struct site site;
	long memory;
	const char *pid;

	need_plain_memory();
	site = start(scene, NULL);
	for (int i = 0; i < 100; i++)
		send_many(&site, 5);
	pid = httpclient_find_pid(site.run);
	memory = read_number(scene, pid, "status", "\nVmRSS");
	for (int i = 0; i < 100; i++)
		send_many(&site, 99);
	httpclient_wait_connections(scene, pid, 0);
	print_message("VmRSS: %ld kB, then %ld kB\n", memory,
		      read_number(scene, pid, "status", "\nVmRSS"));
	assert_true(read_number(scene, pid, "status", "\nVmRSS") <= memory + 32);
	stop(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_http_tells_when_all_are_ready),
		SCENE_AS_SUBREAPER(test_http_tells_who_is_unready),
		SCENE(test_http_is_not_live_when_a_service_failed_too_often),
		SCENE(test_http_is_not_ready_in_a_delay),
		SCENE(test_http_is_not_ready_in_a_teardown),
		SCENE_AS_SUBREAPER(test_http_dinit_that_is_stopped_is_seen),
		SCENE(test_http_line_of_a_script_is_enough),
		SCENE_AS_INIT(test_http_works_with_a_read_only_root),
		SCENE(test_http_metrics_are_those_of_the_command),
		SCENE(test_http_status_is_that_of_the_command),
		SCENE_AS_SUBREAPER(test_http_page_names_the_services),
		SCENE_AS_SUBREAPER(test_http_page_says_that_dinit_is_stopped),
		SCENE_AS_SUBREAPER(test_http_answers_say_what_they_are),
		SCENE_AS_SUBREAPER(test_http_answer_to_a_head_has_no_content),
		SCENE_AS_SUBREAPER(test_http_other_methods_are_refused),
		SCENE_AS_SUBREAPER(test_http_query_is_ignored),
		SCENE_AS_SUBREAPER(test_http_connection_is_kept),
		SCENE_AS_SUBREAPER(test_http_old_clients_are_answered_once),
		SCENE_AS_SUBREAPER(test_http_pipeline_is_answered_in_order),
		SCENE(test_http_token_is_wanted),
		SCENE_AS_SUBREAPER(test_http_token_can_be_given_after_a_refusal),
		SCENE(test_http_odd_token_is_refused),
		SCENE_AS_SUBREAPER(test_http_listens_where_it_is_told),
		SCENE_AS_SUBREAPER(test_http_wrong_arguments_are_refused),
		SCENE(test_http_port_in_use_is_said),
		SCENE_AS_SUBREAPER(test_http_address_of_another_machine_is_said),
		SCENE_AS_INIT(test_http_without_a_dinit_is_refused),
		SCENE_AS_SUBREAPER(test_http_root_becomes_nobody),
		SCENE_AS_SUBREAPER(test_http_another_user_stays),
		SCENE(test_http_root_that_cannot_change_is_told_what_to_do),
		SCENE_AS_INIT(test_http_root_of_a_small_namespace_is_told_so),
		SCENE_AS_SUBREAPER(test_http_ends_with_its_dinit),
		SCENE_AS_SUBREAPER(test_http_orphan_ends),
		SCENE_AS_SUBREAPER(test_http_takes_little_with_many_connections),
		SCENE_AS_SUBREAPER(test_http_keeps_nothing_of_many_requests),
	};

	return scene_run_all("http", tests, sizeof tests / sizeof *tests);
}
