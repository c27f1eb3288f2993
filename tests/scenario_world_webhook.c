/* SPDX-License-Identifier: ISC */
/* The example web-hook: the state of a container, sent to an HTTP server. That runs in a
 * container of its own (another dinit over the same directory), and prints each state that it
 * gets. */
#include "harness.h"
#include "httpclient.h"

#include <regex.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* How long a request may take, in seconds, and the whole stop then, in milliseconds. */
#define PATIENCE "2"
#define STOP_MS 6000

static void need_programs(void)
{
	scene_need_program("curl");
	scene_need_program("jq");
	scene_need_program("nginx");
	scene_need(geteuid() == 0, "nginx needs a second user where it is root: run as root");
}

/* ---- two containers ---- */

struct world {
	struct scene *scene;
	/* NAME=VALUE for all */
	const char *scratch, *port, *url, *receiver_skip;
	unsigned port_number;
};

static struct world make_world(struct scene *scene)
{
	struct world world = { .scene = scene };
	int port = scene_reserve_port(scene);

	need_programs();
	scene_example(scene, "web-hook");
	scene_add_dinit(scene);
	/* An app that is ready, and fails, when the test says so. */
	scene_fifo(scene, "load");
	scene_fifo(scene, "crash");
	scene_service(scene, "app",
		      "read line <\"$SCENE/load\"; touch \"$SCENE/app-is-ready\"\n"
		      "read line <\"$SCENE/crash\"; exit 7");
	world.receiver_skip = "DINIT_SKIP=app,hook";
	world.scratch = scene_format(scene, "SCRATCH=%s", scene->dir);
	world.port = scene_format(scene, "RECEIVER_PORT=%d", port);
	world.port_number = (unsigned)port;
	world.url = scene_format(scene, "HOOK_URL=http://127.0.0.1:%d/state", port);
	return world;
}

/* Starts the server, and waits until it listens. */
static struct run *start_receiver(const struct world *world)
{
	struct run *run =
		run_start(world->scene,
			  &(struct run_spec){ .environment = LIST(world->scratch, world->port,
								  world->receiver_skip,
								  "DINIT_JSON_STDOUT=0") });

	httpclient_close(httpclient_open(world->scene, "127.0.0.1", world->port_number));
	return run;
}

/* The container that says its state. more: NAME=VALUE. */
static struct run *start_container(const struct world *world, const char *more)
{
	return run_start(world->scene,
			 &(struct run_spec){
				 .environment = LIST(world->scratch, world->port, world->url,
						     "HOOK_SECONDS=" PATIENCE,
						     "DINIT_SKIP=receiver", "DINIT_JSON_STDOUT=0",
						     "DINIT_CHECK_INTERVAL=0.5", more) });
}

/* What a state says, as far as it is compared. */
#define STATE(state, ready, cause) \
	"\"state\":\"" state "\",\"since\":.*,\"ready\":" ready ",\"cause\":" cause ","
#define STARTING STATE("starting", "false", "null")
#define RUNNING STATE("running", "true", "null")
#define BY_SIGNAL "\"signal 15 \\(Terminated\\) received\""
#define STOPPING STATE("stopping", "false", BY_SIGNAL)
#define CRASHED STATE("crashed", "false", "\"app/run: PID [0-9]+ exited with status 7\"")

static void wait_state(struct run *receiver, const char *regex)
{
	run_wait_line(receiver, RUN_STDOUT, regex);
}

/* Whether the state that matches was the last. */
static void expect_last(struct run *receiver, const char *regex)
{
	const char *last;
	size_t count;
	regex_t compiled;

	run_wait_line(receiver, RUN_STDOUT, regex);
	count = run_count_lines(receiver, RUN_STDOUT, " receiver/run: ");
	assert_true(count > 0);
	last = receiver->outputs[RUN_STDOUT].bytes;
	while (--count > 0)
		last = strchr(last, '\n') + 1;
	assert_int_equal(regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&compiled, last, 0, NULL, 0) != 0)
		scene_fail("the last state is %s", last);
	regfree(&compiled);
}

static void let_load(struct scene *scene)
{
	scene_let_go(scene, "load");
}

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

/* Stops a container whose server is of no use: in time, and not in silence. */
static void stop_in_vain(struct run *container)
{
	uint64_t began_ms = scene_now_ms();

	stop(container);
	assert_true(scene_now_ms() - began_ms < scene_deadline_ms(STOP_MS));
	run_expect_line(container, RUN_STDERR, " hook/term: the last state was not sent$");
	expect_no_warning(container);
}

/* ---- the server is there ---- */

static void test_states_are_sent_up_to_the_stop(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *receiver = start_receiver(&world);
	struct run *container = start_container(&world, "DINIT_STOP_DELAY=600");

	wait_state(receiver,
		   STARTING ".*\"name\":\"app\",\"state\":\"starting\",\"reason\":\"still loading");
	let_load(scene);
	wait_state(receiver, RUNNING ".*\"name\":\"app\",\"state\":\"ready\"");
	run_signal(container, SIGTERM);
	wait_state(receiver, STATE("delaying", "false", BY_SIGNAL));
	/* The second signal ends the delay. */
	stop(container);
	expect_last(receiver, STOPPING);
	run_expect_no_line(receiver, RUN_STDOUT, "crashed");
	run_expect_no_line(container, RUN_STDERR, " hook/");
	expect_no_warning(container);
	stop(receiver);
}

static void test_crash_is_sent_with_its_cause(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *receiver = start_receiver(&world);
	struct run *container = start_container(&world, "DINIT_STOP_DELAY=");

	let_load(scene);
	wait_state(receiver, RUNNING);
	scene_let_go(scene, "crash");
	run_expect_exit(container, 3);
	expect_last(receiver, CRASHED
		    ".*\"name\":\"app\",\"state\":\"crashed\",\"reason\":\"exited with status 7\"");
	run_expect_no_line(container, RUN_STDERR, " hook/");
	stop(receiver);
}

/* It crashes while the hook is still starting. */
static void test_crash_at_once_is_sent(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *receiver = start_receiver(&world), *container;

	scene_service(scene, "app", "exit 7");
	container = start_container(&world, "DINIT_STOP_DELAY=");
	run_expect_exit(container, 3);
	expect_last(receiver, CRASHED);
	run_expect_no_line(container, RUN_STDERR, " hook/");
	stop(receiver);
}

/* It is over, as the app has done its work: that is no crash. */
static void test_end_with_0_is_no_crash(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *receiver = start_receiver(&world), *container;

	scene_service(scene, "app", "exit 0");
	container = start_container(&world, "DINIT_STOP_DELAY=");
	run_expect_exit(container, 0);
	expect_last(receiver,
		    STATE("stopping", "false", "\"app/run: PID [0-9]+ exited with status 0\""));
	run_expect_no_line(receiver, RUN_STDOUT, "crashed");
	stop(receiver);
}

/* The container goes on: what has crashed is only the service. */
static void test_crash_of_optional_service_is_sent(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *receiver, *container;

	scene_fifo(scene, "crash-extra");
	scene_service(scene, "extra", "read line <\"$SCENE/crash-extra\"; exit 4");
	world.receiver_skip = "DINIT_SKIP=app,hook,extra";
	scene_file(scene, "services/extra/optional", 0644, "");
	receiver = start_receiver(&world);
	container = start_container(&world, "DINIT_STOP_DELAY=");
	let_load(scene);
	wait_state(receiver, RUNNING ".*\"name\":\"extra\",\"state\":\"ready\"");
	scene_let_go(scene, "crash-extra");
	wait_state(
		receiver, RUNNING
		".*\"name\":\"extra\",\"state\":\"crashed\",\"reason\":\"exited with status 4\"");
	stop(container);
	expect_last(receiver, STOPPING);
	stop(receiver);
}

/* ---- the server is gone, or hangs ---- */

/* It comes late, and is gone before the end. Meanwhile the state does not change, as the app has no
 * check here. */
static void test_server_that_was_away_gets_the_state(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *container, *receiver;

	assert_int_equal(unlink(scene_path(scene, "services/app/check")), 0);
	container = start_container(&world, "DINIT_STOP_DELAY=");
	run_wait_line(container, RUN_STDERR,
		      " hook/run: cannot send the state, trying on: curl: .7.");
	receiver = start_receiver(&world);
	run_wait_line(container, RUN_STDERR, " hook/run: the server takes states again$");
	wait_state(receiver, RUNNING);
	assert_int_equal(run_count_lines(container, RUN_STDERR, "cannot send"), 1);
	run_kill(receiver);
	stop_in_vain(container);
}

/* It takes connections, and says nothing. */
static void test_server_that_hangs_does_not_hold_the_stop_up(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *container;

	world.url = scene_format(scene, "HOOK_URL=http://127.0.0.1:%u/state",
				 httpclient_reserve_port());
	httpclient_take_port();
	container = start_container(&world, "DINIT_STOP_DELAY=");
	let_load(scene);
	run_wait_line(container, RUN_STDERR, " hook/run: cannot send the state, .*timed out");
	stop_in_vain(container);
}

/* ---- all in one container, as one tries it ---- */

static void test_receiver_in_the_same_container_gets_the_last_state(struct scene *scene)
{
	struct world world = make_world(scene);
	struct run *run;

	run = run_start(scene, &(struct run_spec){ .environment = LIST(world.scratch, world.port,
								       world.url,
								       "DINIT_JSON_STDOUT=0") });
	let_load(scene);
	wait_state(run, RUNNING);
	scene_let_go(scene, "crash");
	run_expect_exit(run, 3);
	expect_last(run, CRASHED);
	run_expect_no_line(run, RUN_STDERR, " hook/term: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_states_are_sent_up_to_the_stop),
		SCENE_AS_INIT(test_crash_is_sent_with_its_cause),
		SCENE_AS_INIT(test_crash_at_once_is_sent),
		SCENE_AS_INIT(test_end_with_0_is_no_crash),
		SCENE_AS_INIT(test_crash_of_optional_service_is_sent),
		SCENE_AS_INIT(test_server_that_was_away_gets_the_state),
		SCENE_AS_INIT(test_server_that_hangs_does_not_hold_the_stop_up),
		SCENE_AS_INIT(test_receiver_in_the_same_container_gets_the_last_state),
	};

	return scene_run_all("world_webhook", tests, COUNT(tests));
}
