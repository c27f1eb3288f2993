/* SPDX-License-Identifier: ISC */
/* No line that a service wrote is lost, however it ends. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#define MILLION 1000000
#define OTHERS 50
#define MANY 1000

static const char *const web[] = { "web" };

static struct run *start(struct scene *scene, const char *mode, const char *more)
{
	return run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
									"DINIT_LOG_LEVEL=error",
									mode, more) });
}

/* The names s0, s1, … of so many services. */
static const char **make_names(struct scene *scene, size_t count)
{
	const char **names = calloc(count, sizeof *names);

	if (!names)
		scene_fail("no memory");
	for (size_t i = 0; i < count; i++)
		names[i] = scene_format(scene, "s%zu", i);
	return names;
}

/* ---- what a service wrote before it ended is written out before dinit exits ---- */

static void check_million(struct scene *scene, const char *mode, const char *kind, int fd,
			  enum run_stream stream)
{
	struct run *run;

	scene_service(scene, "web",
		      scene_format(scene, "exec \"$ACTOR\" count %d %s %d unfinished", fd, kind,
				   MILLION));
	run = start(scene, mode, NULL);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, stream, web, 1, MILLION);
	assert_int_equal(run->outputs[!stream].len, 0);
}

static void test_million_lines_text_mode_loses_none(struct scene *scene)
{
	check_million(scene, "DINIT_JSON_STDOUT=0", "text", 1, RUN_STDOUT);
}

static void test_million_lines_json_mode_loses_none(struct scene *scene)
{
	check_million(scene, "DINIT_JSON_STDOUT=1", "json", 1, RUN_STDOUT);
}

static void test_million_lines_wrap_mode_loses_none(struct scene *scene)
{
	check_million(scene, "DINIT_JSON_STDOUT=wrap", "text", 1, RUN_STDOUT);
}

static void test_million_lines_stray_loses_none(struct scene *scene)
{
	check_million(scene, "DINIT_JSON_STDOUT=1", "text", 1, RUN_STDERR);
}

static void test_million_lines_stderr_loses_none(struct scene *scene)
{
	check_million(scene, "DINIT_JSON_STDOUT=1", "json", 2, RUN_STDERR);
}

/* All begin at once, and go on until they are done, whatever they are told. */
static void check_million_among_others(struct scene *scene, const char *mode, const char *kind)
{
	static const char before[] =
		"trap '' TERM; \"$ACTOR\" report ready; read go <\"$SCENE/go\"";
	const char **names = make_names(scene, OTHERS);
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      scene_format(scene, "%s; exec \"$ACTOR\" count 1 %s %d unfinished", before,
				   kind, MILLION));
	for (size_t i = 0; i < OTHERS; i++)
		scene_service(
			scene, names[i],
			scene_format(
				scene,
				"%s; \"$ACTOR\" count 2 text 1000; exec \"$ACTOR\" count 1 %s 5000",
				before, kind));
	run = start(scene, mode, NULL);
	for (size_t i = 0; i <= OTHERS; i++)
		streams_wait_report(scene, "ready");
	for (size_t i = 0; i <= OTHERS; i++)
		scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, web, 1, MILLION);
	streams_expect_numbers(run, RUN_STDOUT, names, OTHERS, 5000);
	streams_expect_numbers(run, RUN_STDERR, names, OTHERS, 1000);
	free(names);
}

static void test_million_lines_text_mode_among_others_loses_none(struct scene *scene)
{
	check_million_among_others(scene, "DINIT_JSON_STDOUT=0", "text");
}

static void test_million_lines_json_mode_among_others_loses_none(struct scene *scene)
{
	check_million_among_others(scene, "DINIT_JSON_STDOUT=1", "json");
}

static void test_million_lines_wrap_mode_among_others_loses_none(struct scene *scene)
{
	check_million_among_others(scene, "DINIT_JSON_STDOUT=wrap", "text");
}

/* ---- lines in flight at teardown included ---- */

static void check_handler(struct scene *scene, const char *mode, const char *kind)
{
	static const char *const services[] = { "api", "db", "web" };
	static const char form[] =
		"exec \"$ACTOR\" until TERM '\"$ACTOR\" report ready %s' '\n"
		"\"$ACTOR\" count 1 %s 20000; \"$ACTOR\" count 2 text 20000 unfinished; exit 5'";
	const size_t count = sizeof services / sizeof *services;
	struct run *run;

	for (size_t i = 0; i < count; i++)
		scene_service(scene, services[i], scene_format(scene, form, services[i], kind));
	run = start(scene, mode, NULL);
	for (size_t i = 0; i < count; i++)
		streams_wait_report(scene, scene_format(scene, "ready %s", services[i]));
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, services, count, 20000);
	streams_expect_numbers(run, RUN_STDERR, services, count, 20000);
	if (strcmp(kind, "json") == 0)
		streams_expect_objects(run);
}

static void test_term_handler_text_mode_lines_arrive(struct scene *scene)
{
	check_handler(scene, "DINIT_JSON_STDOUT=0", "text");
}

static void test_term_handler_json_mode_lines_arrive(struct scene *scene)
{
	check_handler(scene, "DINIT_JSON_STDOUT=1", "json");
}

static void test_term_handler_wrap_mode_lines_arrive(struct scene *scene)
{
	check_handler(scene, "DINIT_JSON_STDOUT=wrap", "text");
}

/* What `terminate` writes, and what the service writes because of it, in any order. */
static void test_terminate_lines_arrive(struct scene *scene)
{
	static const char *const both[] = { "web", "tool" };
	struct run *run;

	scene_service(scene, "web", "exec \"$ACTOR\" handle 1 text 20000 web");
	scene_service(scene, "tool", "exec \"$ACTOR\" wait");
	scene_script(scene, "services/web/terminate",
		     "kill \"$DINIT_PID\"; exec \"$ACTOR\" count 2 text 20000");
	scene_script(scene, "services/tool/terminate",
		     "\"$ACTOR\" count 1 text 20000 unfinished; kill \"$DINIT_PID\"");
	run = start(scene, "DINIT_JSON_STDOUT=0", NULL);
	streams_wait_report(scene, "ready web");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, both, 2, 20000);
	streams_expect_numbers(run, RUN_STDERR, both, 1, 20000);
}

/* ---- even when 1000 services end at once ---- */

/* They wait for a lock that the test gives up when all of them stand in front of it. */
static void check_many(struct scene *scene, const char *mode, const char *kind)
{
	const char **names = make_names(scene, MANY);
	struct rlimit limit;
	struct run *run;
	int fd;

	scene_need(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > 2 * MANY + 100,
		   "1000 services need more descriptors than this machine allows");
	scene_file(scene, "gate", 0666, "");
	fd = open(scene_path(scene, "gate"), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		scene_fail("gate: %s", strerror(errno));
	for (size_t i = 0; i < MANY; i++)
		scene_service(scene, names[i],
			      scene_format(scene,
					   "trap '' TERM; echo up >&2; exec \"$ACTOR\" gate "
					   "\"$SCENE/gate\" 1 %s 30",
					   kind));
	run = start(scene, mode, NULL);
	run_wait_lines(run, RUN_STDERR, "/run: up$", MANY);
	close(fd);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, names, MANY, 30);
	free(names);
}

static void test_thousand_services_ending_at_once_text_mode_lose_none(struct scene *scene)
{
	check_many(scene, "DINIT_JSON_STDOUT=0", "text");
}

static void test_thousand_services_ending_at_once_json_mode_lose_none(struct scene *scene)
{
	check_many(scene, "DINIT_JSON_STDOUT=1", "json");
}

/* All pipes are nearly full when dinit, stopped until then, sees that nobody is left. A file
 * takes at once what it is given, so that nothing waits to be written between the reading of one
 * pipe and the next. */
static void test_services_ended_with_full_pipes_to_file_lose_none(struct scene *scene)
{
	static const char *const services[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	static const size_t count = sizeof services / sizeof *services;
	struct run *run;

	scene_fifo(scene, "go");
	for (size_t i = 0; i < count; i++)
		scene_service(scene, services[i],
			      "trap '' TERM; \"$ACTOR\" report ready; read go <\"$SCENE/go\"\n"
			      "\"$ACTOR\" count 1 text 10000; exec \"$ACTOR\" report written");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_JSON_STDOUT=0",
								       "DINIT_LOG_LEVEL=error"),
						   .out = RUN_FD_FILE });
	for (size_t i = 0; i < count; i++)
		streams_wait_report(scene, "ready");
	run_signal(run, SIGSTOP);
	for (size_t i = 0; i < count; i++)
		scene_let_go(scene, "go");
	for (size_t i = 0; i < count; i++)
		streams_wait_report(scene, "written");
	run_signal(run, SIGCONT);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, services, count, 10000);
}

/* ---- where a process that dinit does not wait for still holds the pipe, until it is
 * empty ---- */

static void test_orphan_ignored_holding_pipe_is_read_until_empty(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	scene_fifo(scene, "written");
	scene_service(scene, "web",
		      "(trap '' TERM; \"$ACTOR\" count 1 text 5000; \"$ACTOR\" count 2 text 5000; "
		      "echo go "
		      ">\"$SCENE/written\"\n"
		      "exec \"$ACTOR\" wait) & read go <\"$SCENE/written\"");
	run = start(scene, "DINIT_JSON_STDOUT=0", "DINIT_REPARENTING_POLICY=ignore");
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, web, 1, 5000);
	streams_expect_numbers(run, RUN_STDERR, web, 1, 5000);
}

/* Where several write faster than dinit reads, it is never empty: dinit exits all the same, with
 * everything that was there when the service ended. */
static void test_orphan_ignored_flooding_pipe_does_not_keep_dinit(struct scene *scene)
{
	struct run *run;

	scene_may_leave(scene);
	scene_service(scene, "web",
		      "\"$ACTOR\" count 2 text 5000; for i in 1 2 3 4 5 6 7 8; do \"$ACTOR\" flood "
		      "1 text & done\n"
		      "exec \"$ACTOR\" until TERM '\"$ACTOR\" report flooding' 'exit 0'");
	run = start(scene, "DINIT_JSON_STDOUT=0", "DINIT_REPARENTING_POLICY=ignore");
	run_wait_line(run, RUN_STDOUT, " web/run: 1000$");
	streams_wait_report(scene, "flooding");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDERR, web, 1, 5000);
}

/* What an orphan writes while it is being terminated arrives, with the service's label. */
static void test_orphan_terminated_lines_arrive(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "ready");
	scene_service(scene, "web",
		      "\"$ACTOR\" until TERM 'echo go >\"$SCENE/ready\"' 'exec \"$ACTOR\" count 1 "
		      "text 20000' &\n"
		      "read go <\"$SCENE/ready\"");
	run = start(scene, "DINIT_JSON_STDOUT=0", NULL);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, web, 1, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_million_lines_text_mode_loses_none),
		SCENE(test_million_lines_json_mode_loses_none),
		SCENE(test_million_lines_wrap_mode_loses_none),
		SCENE_AS_INIT(test_million_lines_stray_loses_none),
		SCENE_AS_SUBREAPER(test_million_lines_stderr_loses_none),
		SCENE_AS_INIT(test_million_lines_text_mode_among_others_loses_none),
		SCENE_AS_SUBREAPER(test_million_lines_json_mode_among_others_loses_none),
		SCENE_AS_INIT(test_million_lines_wrap_mode_among_others_loses_none),
		SCENE(test_term_handler_text_mode_lines_arrive),
		SCENE(test_term_handler_json_mode_lines_arrive),
		SCENE(test_term_handler_wrap_mode_lines_arrive),
		SCENE(test_terminate_lines_arrive),
		SCENE_AS_INIT(test_thousand_services_ending_at_once_text_mode_lose_none),
		SCENE_AS_SUBREAPER(test_thousand_services_ending_at_once_json_mode_lose_none),
		SCENE(test_services_ended_with_full_pipes_to_file_lose_none),
		SCENE(test_orphan_ignored_holding_pipe_is_read_until_empty),
		SCENE(test_orphan_ignored_flooding_pipe_does_not_keep_dinit),
		SCENE(test_orphan_terminated_lines_arrive),
	};

	return scene_run_all("complete", tests, sizeof tests / sizeof *tests);
}
