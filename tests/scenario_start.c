/* SPDX-License-Identifier: ISC */
/* How programs are started: SPEC 4. */
#include "harness.h"

/* SPEC 4: argv[0] is the absolute path, cwd the directory that holds the file. */
static void test_run_started_has_absolute_path_and_own_directory(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo \"argv0 $0 args $# cwd $(pwd -P)\"");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, scene_format(scene, " web/run: argv0 %s/web/run args 0 cwd %s/web$", scene->services,
						     scene->services));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_run_started_has_absolute_path_and_own_directory),
	};

	return scene_run_all("start", tests, sizeof tests / sizeof *tests);
}
