/* SPDX-License-Identifier: ISC */
/* Real programs, and the examples in test-services that a user reads: each runs as it stands
 * there. */
#include "harness.h"
#include "rig.h"

#include <arpa/inet.h>
#include <glob.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ANSWER_DEADLINE_MS 10000

static struct sockaddr_in local_port(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Sends the request to the port, and fails unless the answer holds the text. */
static void expect_answer(int port, const char *request, const char *text)
{
	struct sockaddr_in address = local_port(port);
	struct pollfd polled = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
				 .events = POLLIN };
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(ANSWER_DEADLINE_MS);
	char answer[4096];
	size_t len = 0;
	ssize_t n = 1;

	assert_true(polled.fd >= 0);
	assert_int_equal(connect(polled.fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(polled.fd, request, strlen(request)), strlen(request));
	do {
		answer[len] = '\0';
		if (scene_now_ms() < until_ms && poll(&polled, 1, 1000) > 0)
			n = read(polled.fd, answer + len, sizeof answer - 1 - len);
		if (n > 0)
			len += (size_t)n;
		answer[len] = '\0';
	} while (!strstr(answer, text) && n > 0 && scene_now_ms() < until_ms);
	close(polled.fd);
	if (!strstr(answer, text))
		scene_fail("port %d answers \"%s\", not \"%s\"", port, answer, text);
}

/* They serve, they log in JSON, and they stop in order. */
static void expect_nginx_and_redis(struct scene *scene, struct run_spec spec)
{
	int web = scene_reserve_port(scene), cache = scene_reserve_port(scene);
	struct run *run;

	scene_need_program("nginx");
	scene_need_program("redis-server");
	scene_example(scene, "nginx-redis");
	spec.environment =
		LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
		     scene_format(scene, "WEB_PORT=%d", web),
		     scene_format(scene, "CACHE_PORT=%d", cache), "DINIT_LOG_LEVEL=info");
	run = run_start(scene, &spec);
	run_wait_line(run, RUN_STDERR, " web/run: .*start worker process ");
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\".*[Rr]eady to accept "
		      "connections.*\",\"service\":\"cache\",\"stage\":\"run\",");
	expect_answer(web, "GET /page HTTP/1.0\r\n\r\n", "\r\n\r\nhello\n");
	expect_answer(cache, "PING\r\n", "+PONG\r\n");
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"client\":\"127.0.0.1\",\"request\":\"GET /page "
		      "HTTP/1.0\",\"status\":200,.*\"service\":\"web\",");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "info: web/term: PID [0-9]+ exited with status 0");
	run_expect_line(run, RUN_STDERR, "info: web/run: PID [0-9]+ exited with status 0");
	run_expect_line(run, RUN_STDERR, "info: cache/run: PID [0-9]+ exited with status 0");
	run_expect_line(run, RUN_STDOUT, "now ready to exit, bye bye.*\"service\":\"cache\"");
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
	run_expect_no_line(run, RUN_STDOUT, "[^}]$");
}

/* As root nginx gives its files to another user, which a user namespace of one user does not
 * have. */
static void need_users(const struct scene *scene)
{
	scene_need(geteuid() == 0 || scene->mode == RUN_AS_SUBREAPER,
		   "nginx needs a second user where it is root: run as root");
}

static void test_nginx_and_redis_serve_log_and_stop(struct scene *scene)
{
	need_users(scene);
	expect_nginx_and_redis(scene, (struct run_spec){ 0 });
}

static void test_nginx_and_redis_of_ordinary_user_serve_log_and_stop(struct scene *scene)
{
	expect_nginx_and_redis(scene, (struct run_spec){ .user = scene_user() });
}

static void test_nginx_dying_stops_redis_in_order(struct scene *scene)
{
	int web = scene_reserve_port(scene);
	struct run *run;

	need_users(scene);
	scene_need_program("nginx");
	scene_need_program("redis-server");
	scene_example(scene, "nginx-redis");
	scene_fifo(scene, "go");
	scene_service(scene, "killer",
		      "read go <\"$SCENE/go\"; kill -KILL \"$(cat \"$SCENE/nginx/pid\")\"; exec "
		      "sleep 1000");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
						    scene_format(scene, "WEB_PORT=%d", web),
						    scene_format(scene, "CACHE_PORT=%d",
								 scene_reserve_port(scene))) });
	run_wait_line(run, RUN_STDERR, " web/run: .*start worker process ");
	run_wait_line(run, RUN_STDOUT, "[Rr]eady to accept connections");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			"dinit: error: web/run: PID [0-9]+ was killed by signal 9");
	run_expect_line(run, RUN_STDOUT, "now ready to exit, bye bye.*\"service\":\"cache\"");
}

/* ---- nginx and the file down-signal ---- */

/* More than the sockets between two processes hold. */
#define PAGE_BYTES (64 << 20)

/* Asks the port for the page, and returns the connection when the answer has begun. */
static int begin_download(int port)
{
	static const char request[] = "GET /page HTTP/1.0\r\n\r\n";
	struct sockaddr_in address = local_port(port);
	struct pollfd polled = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
				 .events = POLLIN };

	assert_true(polled.fd >= 0);
	assert_int_equal(connect(polled.fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(polled.fd, request, sizeof request - 1), sizeof request - 1);
	assert_int_equal(poll(&polled, 1, (int)scene_deadline_ms(ANSWER_DEADLINE_MS)), 1);
	return polled.fd;
}

/* Reads until the other side has closed it, and returns how many bytes there were. */
static size_t finish_download(int fd)
{
	static char bytes[1 << 16];
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	do {
		assert_int_equal(poll(&polled, 1, (int)scene_deadline_ms(ANSWER_DEADLINE_MS)), 1);
		n = read(fd, bytes, sizeof bytes);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	close(fd);
	return len;
}

/* Stops dinit while nginx sends a page, reads on when the worker that sends it has said that word
 * (the master's come before that), and returns how much of the page has come. */
static size_t stop_in_the_midst_of_a_download(struct run *run, int port, const char *word)
{
	char pattern[100];
	int fd = begin_download(port);
	size_t len;

	run_signal(run, SIGTERM);
	snprintf(pattern, sizeof pattern, " web/run: .* [0-9]+#[0-9]+: %s$", word);
	run_wait_line(run, RUN_STDERR, pattern);
	len = finish_download(fd);
	run_expect_exit(run, 0);
	return len;
}

static struct run *start_download_server(struct scene *scene, int port)
{
	struct run *run;

	scene_mkdir(scene, "html");
	scene_file(scene, "html/page", 0644, "");
	assert_int_equal(truncate(scene_path(scene, "html/page"), PAGE_BYTES), 0);
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
						    scene_format(scene, "WEB_PORT=%d", port),
						    "DINIT_LOG_LEVEL=info") });
	run_wait_line(run, RUN_STDERR, " web/run: .*start worker process ");
	return run;
}

static void test_example_down_signal_lets_nginx_finish_a_download(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *run;

	need_users(scene);
	scene_need_program("nginx");
	scene_example(scene, "down-signal");
	run = start_download_server(scene, port);
	assert_true(stop_in_the_midst_of_a_download(run, port, "gracefully shutting down") >
		    PAGE_BYTES);
	run_expect_line(run, RUN_STDERR, "info: web/run: sending QUIT to PID [0-9]+$");
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

/* Without the file nginx gets TERM, and does not finish the page. */
static void test_nginx_without_down_signal_cuts_a_download_off(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *run;

	need_users(scene);
	scene_need_program("nginx");
	scene_example(scene, "down-signal");
	assert_int_equal(unlink(scene_path(scene, "services/web/down-signal")), 0);
	run = start_download_server(scene, port);
	assert_true(stop_in_the_midst_of_a_download(run, port, "exiting") < PAGE_BYTES);
}

static void test_example_disabled_is_what_is_not_wanted(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "disabled");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=info") });
	run_wait_line(run, RUN_STDERR, "metrics/run: .*disabled itself");
	run_wait_line(run, RUN_STDOUT, "app is up.*\"service\":\"app\"");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "no metrics.*\"service\":\"metrics\"");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("METRICS_PORT=1234") });
	run_wait_line(run, RUN_STDOUT, "metrics on port 1234");
	run_wait_line(run, RUN_STDOUT, "app is up");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_example_drop_root_opens_its_streams(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_example(scene, "drop-root");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_wait_line(run, RUN_STDOUT, "^\\{\"uid\":65534,\"service\":\"app\"");
	run_wait_line(run, RUN_STDERR, " app/run: an error line$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

static void test_example_logging_makes_json_of_text(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "logging");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST(scene_format(scene, "LOG_FILE=%s/quiet.log",
								 scene->dir)) });
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\"ready: it says \\\\\"hello\\\\\"\",\"service\":\"app\"");
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"quiet is up\",\"service\":\"quiet\"");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"stopping\",\"service\":\"app\"");
	assert_string_equal(scene_read(scene, "quiet.log"), "{\"message\":\"quiet is up\"}\n");
	run = run_start(scene, &(struct run_spec){ 0 });
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"ready: ");
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"quiet is up\",\"service\":\"quiet\"");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* ---- PostgreSQL, and commands beside it ---- */

static void need_postgresql(struct scene *scene)
{
	glob_t found;
	bool there = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0 &&
		     found.gl_pathc == 1;

	globfree(&found);
	scene_need(there, "there is not exactly one PostgreSQL here: install postgresql");
	scene_need_program("psql");
	scene_need(geteuid() != 0 || getpwnam("postgres"), "there is no user postgres here");
	scene_need(geteuid() == 0 || scene->mode == RUN_AS_SUBREAPER,
		   "PostgreSQL needs a second user where it is root: run as root");
}

/* Runs a command beside the database of the example, whose files stay in the scene. */
static struct run *run_beside_database(struct scene *scene, const char *output,
				       const char *const *arguments)
{
	return run_start(scene,
			 &(struct run_spec){
				 .arguments = arguments,
				 .environment =
					 LIST(scene_format(scene, "PGDATA=%s/data", scene->dir),
					      scene_format(scene, "PGHOST=%s/socket", scene->dir),
					      "PGUSER=postgres", "LC_ALL=C", "DINIT_JSON_STDOUT=0",
					      output, "DINIT_LOG_LEVEL=info") });
}

/* The run has ended with this status, and the database has shut down when the command had ended. */
static void expect_database_was_shut_down(struct run *run, int status)
{
	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDERR, " db/run: .*ready to accept connections$");
	run_expect_line(run, RUN_STDERR, " db/run: .*database system is shut down$");
	run_expect_line(run, RUN_STDERR, "info: db/run: PID [0-9]+ exited with status 0");
	assert_true(
		run_stamp_ms(run, " dinit: [a-z]+: command/run: PID [0-9]+ exited with status ") <=
		run_stamp_ms(run, " db/run: .*received fast shutdown request"));
}

static void test_example_command_is_psql_once_and_its_status(struct scene *scene)
{
	struct run *run;

	need_postgresql(scene);
	scene_add_dinit(scene);
	scene_example(scene, "command");
	run = run_beside_database(scene, "DINIT_COMMAND_OUTPUT=auto",
				  LIST("--", "dinit", "--wait", "-t", "60", "db", "--", "psql",
				       "-tA", "-c", "create table visit as select 6 * 7 as answer",
				       "-c", "select answer from visit"));
	expect_database_was_shut_down(run, 0);
	run_expect_line(run, RUN_STDOUT, " command/run: 42$");
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");

	run = run_beside_database(scene, "DINIT_COMMAND_OUTPUT=auto",
				  LIST("dinit", "--wait", "-t", "60", "db", "--", "psql", "-c",
				       "select nothing"));
	expect_database_was_shut_down(run, 1);
	run_expect_line(run, RUN_STDERR,
			"error: command/run: PID [0-9]+ exited with status 1, stopping the "
			"container; its last line was: ");
	run_expect_line(run, RUN_STDERR,
			" command/run: ERROR:  column \"nothing\" does not exist$");

	/* The dump is all that there is on stdout. */
	run = run_beside_database(scene, "DINIT_COMMAND_OUTPUT=raw",
				  LIST(scene_path(scene, "services/backup")));
	run_wait_exit(run);
	run_expect_line(run, RUN_STDOUT, "^CREATE TABLE public.visit \\($");
	run_expect_line(run, RUN_STDOUT, "^42$");
	run_expect_no_line(run, RUN_STDOUT, "/run: ");
	run_expect_line(run, RUN_STDERR, "status 0: backup/run: PID [0-9]+ exited with status 0$");
	run_expect_line(run, RUN_STDERR, " db/run: .*database system is shut down$");
}

/* A stop from outside ends the command first, which can still use the database. */
static void test_example_command_outlasted_by_its_database(struct scene *scene)
{
	struct run *run;

	need_postgresql(scene);
	scene_add_dinit(scene);
	scene_example(scene, "command");
	scene_script(
		scene, "app",
		"trap 'psql -tAc \"select 6 * 7\"; exit 21' TERM; echo serving; " SCENE_TRAPPING);
	run = run_beside_database(scene, "DINIT_COMMAND_OUTPUT=auto",
				  LIST("dinit", "--wait", "-t", "60", "db", "--",
				       scene_path(scene, "app")));
	run_wait_line(run, RUN_STDOUT, " command/run: serving$");
	run_signal(run, SIGTERM);
	expect_database_was_shut_down(run, 21);
	run_expect_line(run, RUN_STDOUT, " command/run: 42$");
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_nginx_and_redis_serve_log_and_stop),
		SCENE(test_nginx_and_redis_of_ordinary_user_serve_log_and_stop),
		SCENE(test_nginx_dying_stops_redis_in_order),
		SCENE(test_example_down_signal_lets_nginx_finish_a_download),
		SCENE(test_nginx_without_down_signal_cuts_a_download_off),
		SCENE(test_example_disabled_is_what_is_not_wanted),
		SCENE(test_example_drop_root_opens_its_streams),
		SCENE(test_example_logging_makes_json_of_text),
		SCENE(test_example_command_is_psql_once_and_its_status),
		SCENE(test_example_command_outlasted_by_its_database),
	};

	return scene_run_all("apps", tests, COUNT(tests));
}
