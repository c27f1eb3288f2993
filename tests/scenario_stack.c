/* SPDX-License-Identifier: ISC */
/* The examples of services that need each other, as they stand in test-services: PostgreSQL, a
 * migration and nginx (stack), and a server that says itself when it is ready (notify). */
#include "harness.h"
#include "rig.h"

#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- PostgreSQL, a migration, nginx ---- */

static void need_stack(struct scene *scene)
{
	glob_t found;
	bool there = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0 &&
		     found.gl_pathc == 1;

	globfree(&found);
	scene_need(there, "there is not exactly one PostgreSQL here: install postgresql");
	scene_need(access("/usr/bin/psql", X_OK) == 0 && access("/usr/sbin/nginx", X_OK) == 0,
		   "no psql or no nginx here: install postgresql and nginx-light");
	scene_need(geteuid() != 0 || getpwnam("postgres"), "there is no user postgres here");
	scene_need(geteuid() == 0 || scene->mode == RUN_AS_SUBREAPER,
		   "nginx and PostgreSQL need a second user where they are root: run as root");
}

/* The example with this dinit behind its #!, and a port that is free. */
static void put_stack(struct scene *scene, int port)
{
	const char *dinit = scene_add_dinit(scene);

	scene_example(scene, "stack");
	scene_file(scene, "services/web/check", 0755,
		   scene_format(scene, "#!%s --probe http://127.0.0.1:%d/\n", dinit, port));
	/* What is started from here looks at the stack as anybody in the container would. */
	scene_service(scene, "observer",
		      "dinit --wait -t 60 && dinit --status && dinit --status --json db && echo "
		      "\"all is ready\"\n"
		      "exec sleep 1000");
}

static struct run *start_stack(struct scene *scene, int port)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
						     scene_format(scene, "WEB_PORT=%d", port),
						     "DINIT_JSON_STDOUT=0", "LC_ALL=C",
						     "DINIT_LOG_LEVEL=info") });
}

static void test_stack_starts_in_order_and_stops_in_reverse(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *run;

	need_stack(scene);
	put_stack(scene, port);
	run = start_stack(scene, port);
	run_wait_line(run, RUN_STDOUT, " observer/run: all is ready$");
	run_expect_line(run, RUN_STDOUT, " migrate/run: .*the database is up to date");
	run_expect_line(run, RUN_STDOUT, " observer/run: db +ready ");
	run_expect_line(run, RUN_STDOUT,
			" observer/run: .*\"reason\":\"[^\"]* - accepting connections\"");
	run_expect_line(run, RUN_STDOUT, " observer/run: migrate +disabled ");
	run_expect_line(run, RUN_STDOUT, " observer/run: web +ready ");
	assert_true(run_stamp_ms(run, "info: migrate/run: .*disabled itself") <=
		    run_stamp_ms(run, " web/run: .*start worker process "));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_true(run_stamp_ms(run, "info: web/run: PID [0-9]+ exited with status 0") <=
		    run_stamp_ms(run, " db/run: .*received fast shutdown request"));
	run_expect_line(run, RUN_STDERR, " db/run: .*database system is shut down$");
	run_expect_line(run, RUN_STDERR, "info: db/run: PID [0-9]+ exited with status 0");
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

/* Nobody who needs the database goes on without the migration. */
static void test_stack_whose_migration_fails_ends(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *run;

	need_stack(scene);
	put_stack(scene, port);
	scene_script(scene, "services/migrate/migrate", "echo 'no such column' >&2; exit 1");
	run = start_stack(scene, port);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			"error: migrate/run: PID [0-9]+ exited with status 1.*no such column");
	run_expect_no_line(run, RUN_STDERR, " web/run: .*start worker process ");
	run_expect_no_line(run, RUN_STDOUT, " observer/run: all is ready$");
	run_expect_line(run, RUN_STDERR, " db/run: .*database system is shut down$");
}

/* ---- a server that says itself when it is ready ---- */

static struct run *start_notifying(struct scene *scene)
{
	scene_need(access("/usr/bin/perl", X_OK) == 0, "no perl here: install perl-base");
	scene_add_dinit(scene);
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST(scene_format(scene, "SCRATCH=%s", scene->dir),
					      "DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info") });
}

static void test_notifying_server_is_waited_for(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "notify");
	run = start_notifying(scene);
	run_wait_line(run, RUN_STDOUT, " app/run: loading$");
	scene_file(scene, "data", 0644, "");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " job/run: done$");
}

/* Without the file the server counts as ready while it loads. */
static void test_server_without_notification_is_not_waited_for(struct scene *scene)
{
	struct run *run;

	scene_example(scene, "notify");
	assert_int_equal(unlink(scene_path(scene, "services/app/notification-fd")), 0);
	run = start_notifying(scene);
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			"error: job/run: PID [0-9]+ exited with status 1.*No such file .*app.sock");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_stack_starts_in_order_and_stops_in_reverse),
		SCENE(test_stack_whose_migration_fails_ends),
		SCENE(test_notifying_server_is_waited_for),
		SCENE(test_server_without_notification_is_not_waited_for),
	};

	return scene_run_all("stack", tests, COUNT(tests));
}
