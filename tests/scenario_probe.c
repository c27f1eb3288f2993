/* SPDX-License-Identifier: ISC */
/* dinit --probe against real servers: nginx, redis and Python's http.server, each a service. */
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct run *probe(struct scene *scene, const char *target)
{
	return run_start(scene, &(struct run_spec){ .arguments = LIST("--probe", target) });
}

static void expect_there(struct scene *scene, const char *target)
{
	struct run *run = probe(scene, target);

	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDOUT, ".");
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* That it says why, in one line. */
static void expect_not_there(struct scene *scene, const char *target, const char *why)
{
	struct run *run = probe(scene, target);

	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, scene_format(scene, "^%s \\(%s\\)$", why, target));
	assert_int_equal(run_count_lines(run, RUN_STDERR, "."), 1);
	run_expect_no_line(run, RUN_STDOUT, ".");
}

static void test_probe_of_nginx_and_redis_tells_whether_they_are_there(struct scene *scene)
{
	int web = scene_reserve_port(scene), cache = scene_reserve_port(scene);
	const char *page = scene_format(scene, "http://127.0.0.1:%d/page", web);
	const char *port = scene_format(scene, "tcp://localhost:%d", cache);
	struct run *run;

	scene_need_program("nginx");
	scene_need_program("redis-server");
	scene_need(geteuid() == 0 || scene->mode == RUN_AS_SUBREAPER,
		   "nginx needs a second user where it is root: run as root");
	scene_example(scene, "nginx-redis");
	expect_not_there(scene, page, "Connection refused");
	expect_not_there(scene, port, "Connection refused");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
						    scene_format(scene, "WEB_PORT=%d", web),
						    scene_format(scene, "CACHE_PORT=%d", cache)) });
	run_wait_line(run, RUN_STDERR, " web/run: .*start worker process ");
	run_wait_line(run, RUN_STDOUT, "[Rr]eady to accept connections");
	expect_there(scene, page);
	expect_there(scene, scene_format(scene, "http://localhost:%d", web));
	expect_there(scene, scene_format(scene, "tcp://127.0.0.1:%d", web));
	expect_there(scene, port);
	run_wait_line(run, RUN_STDOUT, "\"request\":\"GET /page HTTP/1.1\",\"status\":200,");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	/* nginx has seen nothing wrong. */
	run_expect_no_line(run, RUN_STDERR, "\\[(error|crit|alert|emerg)\\]");
	expect_not_there(scene, page, "Connection refused");
}

/* Redis answers no HTTP: it closes the connection, or says that it does not understand. */
static void test_probe_of_what_speaks_no_http_fails(struct scene *scene)
{
	const char *path = scene_path(scene, "redis.socket");
	int cache = scene_reserve_port(scene);
	struct run *run;

	scene_need_program("redis-server");
	scene_service(scene, "cache",
		      scene_format(scene, "exec redis-server --save '' --port %d --unixsocket %s",
				   cache, path));
	expect_not_there(scene, scene_format(scene, "unix://%s", path),
			 "No such file or directory");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });
	run_wait_line(run, RUN_STDOUT, "[Rr]eady to accept connections.*redis\\.socket");
	expect_there(scene, scene_format(scene, "unix://%s", path));
	expect_there(scene, scene_format(scene, "file://%s", path));
	expect_not_there(scene, scene_format(scene, "http://127.0.0.1:%d/", cache), ".+");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	expect_not_there(scene, scene_format(scene, "file://%s", path),
			 "No such file or directory");
}

/* It writes its answer in several parts, and would show a traceback where one is refused. */
static void test_probe_of_http_server_leaves_it_content(struct scene *scene)
{
	int web = scene_reserve_port(scene);
	const char *root = scene_format(scene, "http://127.0.0.1:%d/", web);
	struct run *run;

	scene_need_program("python3");
	scene_file(scene, "pages/large", 0644, "");
	assert_int_equal(truncate(scene_path(scene, "pages/large"), 60000), 0);
	scene_service(scene, "web",
		      scene_format(scene,
				   "cd \"$SCENE/pages\" && exec python3 -u -m http.server "
				   "--bind 127.0.0.1 %d",
				   web));
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST("DINIT_JSON_STDOUT=0", "HOME=/root") });
	run_wait_line(run, RUN_STDOUT, "Serving HTTP on ");
	for (int i = 0; i < 5; i++)
		expect_there(scene, root);
	expect_there(scene, scene_format(scene, "%slarge", root));
	expect_not_there(scene, scene_format(scene, "%smissing", root), "status 404 .+");
	run_wait_lines(run, RUN_STDERR, "\"GET /", 7);
	run_signal(run, SIGTERM);
	run_wait_exit(run);
	run_expect_no_line(run, RUN_STDERR, "Traceback|Error");
}

/* Executes a script whose only line is this dinit with a target. Returns its exit status. */
static int execute_script(struct scene *scene, const char *dinit, const char *options)
{
	const char *path = scene_path(scene, "check");
	int status;

	scene_file(scene, "check", 0755,
		   scene_format(scene, "#!%s --probe %s\n# a comment\n", dinit, options));
	status = system(scene_format(scene, "exec %s 2>%s/why", path, scene->dir));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_probe_in_first_line_of_script_needs_no_shell(struct scene *scene)
{
	const char *dinit = scene_add_dinit(scene);
	const char *target = scene_format(scene, "file://%s/ready", scene->dir);

	assert_int_equal(execute_script(scene, dinit, target), 1);
	assert_string_equal(scene_read(scene, "why"),
			    scene_format(scene, "No such file or directory (%s)\n", target));
	scene_file(scene, "ready", 0600, "");
	assert_int_equal(execute_script(scene, dinit, target), 0);
	assert_int_equal(execute_script(scene, dinit, scene_format(scene, "-t 0.5 %s", target)), 0);
	assert_string_equal(scene_read(scene, "why"), "");
	assert_int_equal(execute_script(scene, dinit, "-t"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_probe_of_nginx_and_redis_tells_whether_they_are_there),
		SCENE(test_probe_of_what_speaks_no_http_fails),
		SCENE(test_probe_of_http_server_leaves_it_content),
		SCENE_AS_SUBREAPER(test_probe_in_first_line_of_script_needs_no_shell),
	};

	return scene_run_all("probe", tests, COUNT(tests));
}
