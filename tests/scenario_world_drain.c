/* SPDX-License-Identifier: ISC */
/* Two containers behind haproxy, as test-services/drain has them: one stops in the midst of
 * requests, and none fails. The load comes from hey, which counts what fails. */
#include "harness.h"
#include "httpclient.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT "DINIT_JSON_STDOUT=0"

/* ---- the scene ---- */

struct drain {
	struct scene *scene;
	int front;
	/* whether a stop is delayed */
	bool delayed;
	struct container {
		int web, http;
		struct run *run;
	} one, two;
	struct run *haproxy;
	/* one connection for many requests, and one for each */
	struct run *loads[2];
};

static void need_programs(void)
{
	scene_need_program("nginx");
	scene_need_program("haproxy");
	scene_need_program("hey");
	scene_need(rig_can_take_user(), RIG_WHY_USER);
}

static void start_container(struct scene *scene, struct container *container, const char *name,
			    const char *delay)
{
	scene_mkdir(scene, name);
	container->run = run_start(
		scene,
		&(struct run_spec){
			.environment = LIST(TEXT, "DINIT_LOG_LEVEL=info",
					    scene_format(scene, "SCRATCH=%s/%s", scene->dir, name),
					    scene_format(scene, "WEB_PORT=%d", container->web),
					    scene_format(scene, "HTTP_LISTEN=127.0.0.1:%d",
							 container->http),
					    scene_format(scene, "DINIT_STOP_DELAY=%s", delay)) });
}

static void start_haproxy(struct drain *drain, const char *interval)
{
	struct scene *scene = drain->scene;

	scene_script(scene, "front/haproxy/run",
		     "exec haproxy -db -f \"$SCENE/services/haproxy.cfg\"");
	drain->haproxy = run_start(
		scene,
		&(struct run_spec){
			.environment =
				LIST(TEXT, scene_format(scene, "DINIT_DIR=%s/front", scene->dir),
				     scene_format(scene, "FRONT=127.0.0.1:%d", drain->front),
				     scene_format(scene, "ONE=127.0.0.1:%d", drain->one.web),
				     scene_format(scene, "ONE_HTTP=%d", drain->one.http),
				     scene_format(scene, "TWO=127.0.0.1:%d", drain->two.web),
				     scene_format(scene, "TWO_HTTP=%d", drain->two.http),
				     scene_format(scene, "CHECK_INTERVAL=%s", interval)) });
	httpclient_get_until(scene, (unsigned)drain->front, "/", 200);
}

/* hey, as a command of its own dinit: INT ends it, and it says what it has seen. */
static struct run *start_load(struct drain *drain, const char *option)
{
	struct scene *scene = drain->scene;

	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST("DINIT_SKIP=*"),
				 .arguments = LIST("hey", "-z", "1h", "-c", "4", "-q", "50",
						   "-cpus", "1", option, "--",
						   scene_format(scene, "http://127.0.0.1:%d/",
								drain->front)) });
}

static size_t count_answers(const struct container *container)
{
	return run_count_lines(container->run, RUN_STDOUT, " web/run: .*\"GET / .*hey/");
}

static void wait_answers(const struct container *container, size_t more)
{
	run_wait_lines(container->run, RUN_STDOUT, " web/run: .*\"GET / .*hey/",
		       count_answers(container) + more);
}

/* Both containers are ready and answer under load. */
static void begin(struct drain *drain, struct scene *scene, const char *delay, const char *interval)
{
	need_programs();
	scene_example(scene, "drain");
	scene_add_dinit(scene);
	drain->scene = scene;
	drain->delayed = strcmp(delay, "0") != 0;
	drain->one.web = scene_reserve_port(scene);
	drain->one.http = scene_reserve_port(scene);
	drain->two.web = scene_reserve_port(scene);
	drain->two.http = scene_reserve_port(scene);
	drain->front = (int)httpclient_reserve_port();
	start_container(scene, &drain->one, "one", delay);
	start_container(scene, &drain->two, "two", delay);
	httpclient_get_until(scene, (unsigned)drain->one.http, "/readyz", 200);
	httpclient_get_until(scene, (unsigned)drain->two.http, "/readyz", 200);
	start_haproxy(drain, interval);
	drain->loads[0] = start_load(drain, "-disable-compression");
	drain->loads[1] = start_load(drain, "-disable-keepalive");
	wait_answers(&drain->one, 50);
	wait_answers(&drain->two, 50);
}

/* Ends the load, and then what had to answer it. */
static void end(struct drain *drain)
{
	for (size_t i = 0; i < COUNT(drain->loads); i++) {
		run_signal(drain->loads[i], SIGINT);
		run_expect_exit(drain->loads[i], 0);
	}
	run_signal(drain->haproxy, SIGTERM);
	run_expect_exit(drain->haproxy, 0);
	run_signal(drain->two.run, SIGTERM);
	if (drain->delayed) {
		/* for haproxy, which is gone */
		run_wait_line(drain->two.run, RUN_STDERR, "info: signal 15 .* received");
		run_signal(drain->two.run, SIGTERM);
	}
	run_expect_exit(drain->two.run, 0);
}

/* Whether each request of that load was answered as it should. */
static bool has_no_failure(struct run *load)
{
	run_expect_line(load, RUN_STDOUT, "^ *\\[200\\]\t[0-9]+ responses$");
	return run_count_lines(load, RUN_STDOUT, "^ *\\[[0-9]+\\]") == 1 &&
	       run_count_lines(load, RUN_STDOUT, "Error distribution") == 0;
}

/* ---- the tests ---- */

static void test_stop_with_delay_fails_no_request(struct scene *scene)
{
	struct drain drain = { 0 };

	begin(&drain, scene, "600", "100ms");
	run_signal(drain.one.run, SIGTERM);
	run_wait_line(drain.haproxy, RUN_STDERR, "web/one is DOWN, reason: .*503");
	/* By then what was sent there before has been answered. */
	wait_answers(&drain.two, 100);
	/* The second signal ends the delay. */
	run_signal(drain.one.run, SIGTERM);
	run_expect_exit(drain.one.run, 0);
	wait_answers(&drain.two, 100);
	end(&drain);
	assert_true(has_no_failure(drain.loads[0]));
	assert_true(has_no_failure(drain.loads[1]));
	run_expect_line(drain.one.run, RUN_STDERR, "info: web/run: sending QUIT to PID ");
	run_expect_no_line(drain.one.run, RUN_STDERR, "dinit: (warning|error)");
}

/* What the delay is good for: haproxy goes on to send requests to what has stopped. */
static void test_stop_without_delay_fails_requests(struct scene *scene)
{
	struct drain drain = { 0 };

	begin(&drain, scene, "0", "1s");
	run_signal(drain.one.run, SIGTERM);
	run_expect_exit(drain.one.run, 0);
	wait_answers(&drain.two, 100);
	end(&drain);
	assert_false(has_no_failure(drain.loads[0]) && has_no_failure(drain.loads[1]));
	run_expect_line(drain.loads[1], RUN_STDOUT, "^ *\\[503\\]\t[0-9]+ responses$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_stop_with_delay_fails_no_request),
		SCENE_AS_INIT(test_stop_without_delay_fails_requests),
	};

	return scene_run_all("world_drain", tests, COUNT(tests));
}
