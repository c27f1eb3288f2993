/* SPDX-License-Identifier: ISC */
/* The example registration: a web server that is registered in etcd and configured from there, with
 * real ones. etcd mostly runs in a container of its own (another dinit over the same directory),
 * together with somebody who watches the keys. */
#include "harness.h"
#include "httpclient.h"
#include "tree.h"

#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* How long a stop may take that finds no etcd, in milliseconds: what docker stop grants. */
#define STOP_MS 10000
#define KEY "/services/web/one"
#define PUT " watcher/run: PUT$"
#define DELETE " watcher/run: DELETE$"

static void need_programs(void)
{
	scene_need_program("etcd");
	scene_need_program("etcdctl");
	scene_need_program("nginx");
	scene_need_program("jq");
	scene_need(geteuid() == 0, "nginx needs a second user where it is root: run as root");
}

/* ---- two containers ---- */

struct world {
	struct scene *scene;
	/* NAME=VALUE for all */
	const char *scratch, *endpoints, *web_port, *etcd_skip;
	int port;
};

static struct world make_world(struct scene *scene)
{
	struct world world = { .scene = scene, .port = scene_reserve_port(scene) };

	need_programs();
	scene_example(scene, "registration");
	scene_add_dinit(scene);
	scene_service(scene, "watcher",
		      "exec dinit --wait etcd -- etcdctl watch --rev=1 --prefix /services/");
	world.scratch = scene_format(scene, "SCRATCH=%s", scene->dir);
	world.web_port = scene_format(scene, "WEB_PORT=%d", world.port);
	world.endpoints = scene_format(scene, "ETCDCTL_ENDPOINTS=http://127.0.0.1:%d",
				       scene_reserve_port(scene));
	world.etcd_skip = "DINIT_SKIP=web,register,configure";
	return world;
}

/* The container that has etcd. */
static struct run *start_etcd(const struct world *world)
{
	struct run *run =
		run_start(world->scene,
			  &(struct run_spec){ .environment =
						      LIST(world->scratch, world->endpoints,
							   "DINIT_JSON_STDOUT=0",
							   "DINIT_LOG_LEVEL=info", world->etcd_skip,
							   "ETCD_HEARTBEAT_INTERVAL=10",
							   "ETCD_ELECTION_TIMEOUT=100") });

	run_wait_line(run, RUN_STDERR, "info: all services are ready");
	return run;
}

/* So many seconds, or more on a slow machine. */
static unsigned scaled(unsigned seconds)
{
	return (unsigned)((scene_deadline_ms(seconds * 1000U) + 999) / 1000);
}

/* The container that has nginx. skip, ttl, more: NAME=VALUE each. */
static struct run *start_web(const struct world *world, const char *skip, const char *ttl,
			     const char *more)
{
	return run_start(world->scene,
			 &(struct run_spec){
				 .environment = LIST(
					 world->scratch, world->endpoints, world->web_port, skip,
					 ttl, more, "REGISTER_KEY=" KEY,
					 "REGISTER_ADDRESS=192.0.2.1:80", "REGISTER_INTERVAL=0.2",
					 scene_format(world->scene, "ETCDCTL_COMMAND_TIMEOUT=%us",
						      scaled(1)),
					 "CONFIGURE_INTERVAL=1", "DINIT_JSON_STDOUT=0") });
}

#define SKIP_REST "DINIT_SKIP=etcd,watcher,configure"
#define NOTHING_MORE "DINIT_STOP_DELAY="
/* so long that nothing that a test sees comes from it */
#define LONG_TTL "REGISTER_TTL=600"

/* None but this one: a program of a process group that was ended, where it was slower than the
 * shell that had started it. */
static void expect_no_warning(struct run *run)
{
	assert_int_equal(run_count_lines(run, RUN_STDERR, "dinit: (warning|error)"),
			 run_count_lines(run, RUN_STDERR,
					 "warning: [^ ]+/[0-9]+: lost its parent"));
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* Runs etcdctl with a key and a value, as one who administers it. */
static void put(const struct world *world, const char *key, const char *value)
{
	struct run *run =
		run_start(world->scene,
			  &(struct run_spec){ .environment = LIST(world->endpoints, "DINIT_SKIP=*"),
					      .arguments = LIST("etcdctl", "put", key, value) });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "^OK$");
}

/* Asks nginx again and again until it answers with that. */
static void wait_content(const struct world *world, const char *content)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(20000);

	for (;;) {
		struct httpclient_answer answer =
			httpclient_get_until(world->scene, (unsigned)world->port, "/", 200);
		if (strcmp(answer.content, content) == 0)
			return;
		if (scene_now_ms() > until_ms)
			scene_fail("nginx answers \"%s\", not \"%s\"", answer.content, content);
		httpclient_pause();
	}
}

/* ---- registered and withdrawn ---- */

/* web's own terminate, which is the first that web hears of the stop, sees no key any more. */
static void test_key_is_gone_before_web_is_told_to_stop(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd, *web;

	scene_script(scene, "services/web/terminate",
		     "echo \"keys: $(etcdctl get --keys-only " KEY ").\"\n"
		     "exec nginx -e stderr -c \"$SCRATCH/web/nginx.conf\" -s quit");
	etcd = start_etcd(&world);
	web = start_web(&world, SKIP_REST, LONG_TTL, NOTHING_MORE);
	run_wait_line(etcd, RUN_STDOUT, PUT);
	run_wait_line(etcd, RUN_STDOUT, " watcher/run: 192\\.0\\.2\\.1:80$");
	stop(web);
	run_expect_line(web, RUN_STDOUT, " web/term: keys: \\.$");
	expect_no_warning(web);
	run_wait_line(etcd, RUN_STDOUT, DELETE);
	assert_int_equal(run_count_lines(etcd, RUN_STDOUT, PUT), 1);
	stop(etcd);
}

/* The delay is for those who have not heard yet that the key is gone. */
static void test_key_is_gone_while_web_serves_in_the_delay(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd = start_etcd(&world);
	struct run *web = start_web(&world, SKIP_REST, LONG_TTL, "DINIT_STOP_DELAY=600");

	run_wait_line(etcd, RUN_STDOUT, PUT);
	run_signal(web, SIGTERM);
	run_wait_line(etcd, RUN_STDOUT, DELETE);
	wait_content(&world, "hello\n");
	stop(web);
	assert_int_equal(run_count_lines(etcd, RUN_STDOUT, PUT), 1);
	stop(etcd);
}

/* Another service fails: the key does not wait for the end of its lease. */
static void test_key_is_gone_when_container_crashes(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd, *web;

	scene_fifo(scene, "crash");
	scene_service(scene, "bomb", "read line <\"$SCENE/crash\"; exit 7");
	world.etcd_skip = "DINIT_SKIP=web,register,configure,bomb";
	etcd = start_etcd(&world);
	web = start_web(&world, "DINIT_SKIP=etcd,watcher,configure", LONG_TTL, NOTHING_MORE);
	run_wait_line(etcd, RUN_STDOUT, PUT);
	scene_let_go(scene, "crash");
	run_expect_exit(web, 3);
	run_wait_line(etcd, RUN_STDOUT, DELETE);
	stop(etcd);
}

/* The lease is renewed for longer than it lasts; it is not while the check fails, nor when the
 * container has been killed. */
static void test_key_is_there_while_web_is_good(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd, *web;

	scene_fifo(scene, "go");
	/* One of the container with etcd: its line comes when the first lease would be over. */
	scene_service(scene, "clock",
		      scene_format(scene,
				   "read go <\"$SCENE/go\"; sleep %u; echo over; exec sleep 1000",
				   scaled(7)));
	etcd = start_etcd(&world);
	web = start_web(&world, "DINIT_SKIP=etcd,watcher,configure,clock",
			scene_format(scene, "REGISTER_TTL=%u", scaled(5)),
			scene_format(scene, "DINIT_CHECK_INTERVAL=%u", scaled(2)));
	run_wait_line(etcd, RUN_STDOUT, PUT);
	scene_let_go(scene, "go");
	run_wait_line(etcd, RUN_STDOUT, " clock/run: over$");
	run_expect_no_line(etcd, RUN_STDOUT, DELETE);
	scene_file(scene, "web/maintenance", 0644, "");
	run_wait_line(web, RUN_STDERR, "warning: web/check: not ready any more: .*503");
	run_wait_line(etcd, RUN_STDOUT, DELETE);
	assert_int_equal(unlink(scene_path(scene, "web/maintenance")), 0);
	run_wait_lines(etcd, RUN_STDOUT, PUT, 2);
	run_kill(web);
	run_wait_lines(etcd, RUN_STDOUT, DELETE, 2);
	stop(etcd);
}

/* ---- etcd gone ---- */

static void stop_without_etcd(struct run *web)
{
	uint64_t began_ms = scene_now_ms();

	stop(web);
	assert_true(scene_now_ms() - began_ms < scene_deadline_ms(STOP_MS));
}

/* What etcd had is lost with it, and it comes back empty. Then it is gone for good. */
static void test_etcd_gone_is_said_and_holds_nothing_up(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd = start_etcd(&world);
	struct run *web = start_web(&world, "DINIT_SKIP=etcd,watcher", LONG_TTL, NOTHING_MORE);

	run_wait_line(etcd, RUN_STDOUT, PUT);
	run_kill(etcd);
	run_wait_line(web, RUN_STDERR, " register/run: cannot register, trying on: .");
	run_wait_line(web, RUN_STDERR, " configure/run: cannot read /config/web, trying on: .");
	wait_content(&world, "hello\n");
	tree_remove(scene_path(scene, "etcd"));
	etcd = start_etcd(&world);
	run_wait_line(etcd, RUN_STDOUT, PUT);
	run_wait_line(web, RUN_STDERR, " register/run: etcd answers again$");
	run_wait_line(web, RUN_STDERR, " configure/run: etcd answers again$");
	put(&world, "/config/web", "location / { return 200 \"again\\n\"; }");
	wait_content(&world, "again\n");
	run_kill(etcd);
	stop_without_etcd(web);
	run_expect_line(web, RUN_STDERR, " register/prestop: cannot withdraw, .*: .");
	run_expect_line(web, RUN_STDERR, "warning: register/prestop: .*status 1");
}

/* It is stopped: it takes connections, and says nothing. */
static void test_etcd_hanging_is_said_and_does_not_hold_the_stop_up(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd, *web;

	scene_fifo(scene, "freeze");
	scene_service(scene, "freezer",
		      "read line <\"$SCENE/freeze\"; dinit --signal etcd STOP; exec sleep 1000");
	etcd = start_etcd(&world);
	web = start_web(&world, "DINIT_SKIP=etcd,watcher,freezer", LONG_TTL, NOTHING_MORE);
	run_wait_line(etcd, RUN_STDOUT, PUT);
	scene_let_go(scene, "freeze");
	run_wait_line(web, RUN_STDERR, " register/run: cannot register, trying on: .");
	run_wait_line(web, RUN_STDERR, " configure/run: cannot read /config/web, trying on: .");
	wait_content(&world, "hello\n");
	stop_without_etcd(web);
	run_expect_line(web, RUN_STDERR, " register/prestop: cannot withdraw, .*: .");
	run_kill(etcd);
}

/* ---- configured ---- */

/* Until configure has looked at a value again that it did not take: it leaves it in a file. */
static void wait_next_look(const struct world *world)
{
	const char *path = scene_path(world->scene, "web/next/new");
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(20000);

	unlink(path);
	while (access(path, F_OK) != 0) {
		if (scene_now_ms() > until_ms)
			scene_fail("%s does not come again", path);
		httpclient_pause();
	}
}

static void test_configuration_is_taken_if_it_is_good(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *etcd = start_etcd(&world), *web;

	put(&world, "/config/web", "location / { return 200 \"first\\n\"; }");
	web = start_web(&world, "DINIT_SKIP=etcd,watcher,register", LONG_TTL, NOTHING_MORE);
	wait_content(&world, "first\n");
	put(&world, "/config/web", "location / { return 200 \"second\\n\"; }");
	wait_content(&world, "second\n");
	put(&world, "/config/web", "location / { retrun 200 \"third\\n\"; }");
	run_wait_line(web, RUN_STDERR, " configure/run: .*unknown directive \"retrun\"");
	run_wait_line(web, RUN_STDERR, " configure/run: the new configuration is bad: not taken$");
	wait_content(&world, "second\n");
	wait_next_look(&world);
	wait_next_look(&world);
	assert_non_null(strstr(scene_read(scene, "web/site.conf"), "second"));
	put(&world, "/config/web", "location / { return 200 \"third\\n\"; }");
	wait_content(&world, "third\n");
	run_wait_lines(web, RUN_STDOUT, "configuration taken", 3);
	stop(web);
	assert_int_equal(run_count_lines(web, RUN_STDERR, "not taken$"), 1);
	expect_no_warning(web);
	stop(etcd);
}

/* ---- all in one container, as one tries it ---- */

static void test_registration_with_its_own_etcd_starts_and_stops(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *run = start_web(&world, "DINIT_SKIP=watcher", "REGISTER_TTL=10", NOTHING_MORE);

	run_wait_line(run, RUN_STDOUT, " register/run: .*\"registered\",\"key\":\"" KEY "\"");
	put(&world, "/config/web", "location / { return 200 \"one\\n\"; }");
	wait_content(&world, "one\n");
	stop(run);
	expect_no_warning(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_key_is_gone_before_web_is_told_to_stop),
		SCENE_AS_INIT(test_key_is_gone_while_web_serves_in_the_delay),
		SCENE_AS_INIT(test_key_is_gone_when_container_crashes),
		SCENE_AS_INIT(test_key_is_there_while_web_is_good),
		SCENE_AS_INIT(test_etcd_gone_is_said_and_holds_nothing_up),
		SCENE_AS_INIT(test_etcd_hanging_is_said_and_does_not_hold_the_stop_up),
		SCENE_AS_INIT(test_configuration_is_taken_if_it_is_good),
		SCENE_AS_INIT(test_registration_with_its_own_etcd_starts_and_stops),
	};

	return scene_run_side_by_side("world_registration", tests, COUNT(tests));
}
