/* SPDX-License-Identifier: ISC */
/* Services that the container goes on without: those with a file named optional. */
#include "harness.h"
#include "launch.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT LIST("DINIT_JSON_STDOUT=0")
#define WARNING "^[^ ]+Z dinit: warning: "
#define GOES_ON "the service is optional, the container goes on"

/* Says that it was told to stop, and does. */
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING

static void add_optional(struct scene *scene, const char *name, const char *body)
{
	scene_service(scene, name, body);
	scene_file(scene, scene_format(scene, "services/%s/optional", name), 0644, "");
}

/* The container runs until it is stopped, with this one warning. */
static void expect_to_go_on(struct scene *scene, const char *warning)
{
	struct run *run = run_start(scene, &(struct run_spec){ .environment = TEXT });

	run_wait_line(run, RUN_STDOUT, " other/run: up$");
	run_wait_line(run, RUN_STDERR, WARNING);
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, scene_format(scene, WARNING "%s", warning));
	run_expect_line(run, RUN_STDOUT, " other/run: told$");
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
}

static void test_optional_service_ending_is_a_warning(struct scene *scene)
{
	scene_service(scene, "other", POLITE);
	add_optional(scene, "extra", "exit 0");
	expect_to_go_on(scene, "extra/run: PID [0-9]+ exited with status 0; " GOES_ON "$");
	add_optional(scene, "extra", "exit 2");
	expect_to_go_on(scene, "extra/run: PID [0-9]+ exited with status 2; " GOES_ON "$");
	add_optional(scene, "extra", "kill -KILL $$");
	expect_to_go_on(scene,
			"extra/run: PID [0-9]+ was killed by signal 9 \\(Killed\\); " GOES_ON "$");
}

/* The services after one that cannot be started are started all the same. */
static void test_optional_service_that_cannot_be_started_is_a_warning(struct scene *scene)
{
	scene_service(scene, "other", POLITE);
	add_optional(scene, "extra", "exit 0");
	scene_file(scene, "services/extra/run", 0755, "#!/nonexistent\n");
	expect_to_go_on(scene, "extra/run: cannot be started; " GOES_ON ": .*/nonexistent");
	scene_service(scene, "extra", "exit 0");
	scene_mkdir(scene, "services/extra/log");
	scene_file(scene, "services/extra/log/run", 0755, "#!/nonexistent\n");
	expect_to_go_on(scene, "extra/log: cannot be started; " GOES_ON ": .*/nonexistent");
}

/* --status says why it does not run, as the message did. */
static void test_optional_service_that_cannot_be_started_has_a_reason(struct scene *scene)
{
	struct run *run;

	scene_copy_file(launch_binary_name(), scene_path(scene, "dinit"));
	add_optional(scene, "extra", "exit 0");
	scene_file(scene, "services/extra/run", 0755, "#!/nonexistent\n");
	scene_service(
		scene, "other",
		"trap 'exit 0' TERM; $SCENE/dinit --status --json extra; echo up; " SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " other/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT,
			"\"reason\":\"cannot be started: .* needs the interpreter /nonexistent, ");
}

/* What its logging program left unread is written out, and what it writes after that. */
static void test_optional_service_goes_on_without_its_logging_program(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add_optional(scene, "extra",
		     "trap 'exit 0' TERM; echo one; echo two\n"
		     "read go <\"$SCENE/go\"; echo three; " SCENE_TRAPPING);
	scene_script(scene, "services/extra/log/run", "read line; echo \"<$line>\"; exit 5");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " extra/run: <one>$");
	run_wait_line(run, RUN_STDERR,
		      WARNING "extra/log: PID [0-9]+ exited with status 5; " GOES_ON
			      "; dinit reads the service's output directly$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " extra/run: three$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 1);
}

static void test_optional_services_that_have_all_ended_end_the_container(struct scene *scene)
{
	struct run *run;

	add_optional(scene, "extra", "exit 9");
	scene_script(scene, "services/extra/finish", "echo \"finish $*\"");
	add_optional(scene, "more", "exit 0");
	scene_file(scene, "services/more/run", 0755, "#!/nonexistent\n");
	scene_service(scene, "disabled", "exit 115");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "extra/run: PID [0-9]+ exited with status 9; ");
	run_expect_line(run, RUN_STDERR, WARNING "more/run: cannot be started; ");
	run_expect_line(run, RUN_STDERR, WARNING "all services have disabled themselves");
	run_expect_line(run, RUN_STDOUT, " extra/finish: finish 9 0$");
	assert_int_equal(run_count_lines(run, RUN_STDERR, ""), 3);
}

static void test_optional_service_is_stopped_like_any_other(struct scene *scene)
{
	struct run *run;

	add_optional(scene, "extra", "trap 'echo told; exit 4' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "other", POLITE);
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " extra/run: up$");
	run_wait_line(run, RUN_STDOUT, " other/run: up$");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " extra/run: told$");
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* The end of another service is a cause as ever. */
static void test_optional_service_spares_no_other(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add_optional(scene, "extra", "trap 'echo told; exit 4' TERM; echo up; " SCENE_TRAPPING);
	scene_service(scene, "other", "read go <\"$SCENE/go\"; exit 6");
	run = run_start(scene, &(struct run_spec){ .environment = TEXT });
	run_wait_line(run, RUN_STDOUT, " extra/run: up$");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " extra/run: told$");
	run_expect_no_line(run, RUN_STDERR, "optional");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_optional_service_ending_is_a_warning),
		SCENE(test_optional_service_that_cannot_be_started_is_a_warning),
		SCENE(test_optional_service_that_cannot_be_started_has_a_reason),
		SCENE(test_optional_service_goes_on_without_its_logging_program),
		SCENE(test_optional_services_that_have_all_ended_end_the_container),
		SCENE(test_optional_service_is_stopped_like_any_other),
		SCENE(test_optional_service_spares_no_other),
	};

	return scene_run_all("optional", tests, COUNT(tests));
}
