/* SPDX-License-Identifier: ISC */
/* What dinit counts while it runs, as everybody in the container sees it; and that noise in the
 * page, where that is shown, changes nothing of what dinit does. */
#include "harness.h"
#include "launch.h"
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLITE "trap 'exit 0' TERM; echo up; " SCENE_TRAPPING
#define LINES 3000

/* Adds a service that waits until the test lets it go, runs the commands, and says "over". */
static void add_client(struct scene *scene, const char *commands)
{
	scene_add_dinit(scene);
	scene_fifo(scene, "go");
	scene_service(scene, "client",
		      scene_format(scene,
				   "trap 'exit 0' TERM; echo waiting; read go <\"$SCENE/go\"\n"
				   "%s\n"
				   "echo over; " SCENE_TRAPPING,
				   commands));
}

static void let_client_go(struct scene *scene, struct run *run)
{
	run_wait_line(run, RUN_STDOUT, " client/run: waiting$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " client/run: over$");
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- lines ---- */

/* What run says reaches dinit through its logging program, and counts once. */
static void test_counts_of_a_service_are_those_of_all_its_programs(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "echo one; echo two; echo err >&2; " POLITE);
	scene_script(scene, "services/web/log/run",
		     "trap '' TERM; while read line; do echo \"$line\"; done");
	add_client(scene, "dinit --status --json web | jq -c '.services[0] | [.stdout, .stderr]'");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDERR, " web/run: err$");
	let_client_go(scene, run);
	stop(run);
	run_expect_line(run, RUN_STDOUT,
			"\\[\\{\"lines\":3,\"bytes\":11\\},\\{\"lines\":1,\"bytes\":4\\}\\]$");
}

/* ---- orphans ---- */

static void test_counts_of_orphans_tell_what_was_done_to_them(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "obedient", "(sleep 1000 &); " POLITE);
	/* It has no child, which would be an orphan in its turn. */
	scene_service(scene, "deaf", "( (trap '' TERM; exec sleep 1000) & ); " POLITE);
	add_client(scene, "until dinit --status --json | jq -e '.orphans.killed == 1' >/dev/null; "
			  "do sleep 0.02; done\n"
			  "dinit --status --json | jq -c '.orphans'\n"
			  "dinit --metrics | grep orphans_total{");
	run = run_start(scene,
			&(struct run_spec){
				.environment =
					LIST("DINIT_JSON_STDOUT=0",
					     scene_seconds(scene, "DINIT_KILL_TIMEOUT", 3000)) });
	run_wait_lines(run, RUN_STDERR, ": lost its parent, terminating it", 2);
	run_wait_line(run, RUN_STDERR, ": orphan is still running: killing it");
	let_client_go(scene, run);
	stop(run);
	run_expect_line(run, RUN_STDOUT, "\"terminated\":2,\"adopted\":0,\"killed\":1");
	run_expect_line(run, RUN_STDOUT, " dinit_orphans_total\\{action=\"terminated\"\\} 2$");
	run_expect_line(run, RUN_STDOUT, " dinit_orphans_total\\{action=\"killed\"\\} 1$");
}

/* It has its place as long as it runs. */
static void test_counts_of_an_adopted_process_are_its_own(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_trace_others(), RIG_WHY_TRACED);
	/* One that reads a FIFO would be taken for a filter. */
	scene_service(scene, "web",
		      "(sh -c 'until [ -e $SCENE/write ]; do sleep 0.02; done; echo one; echo two; "
		      "echo err >&2; exec sleep 1000' &)\n" POLITE);
	add_client(scene,
		   "dinit --status --json | jq -c '[.orphans.adopted, (.adopted | length)]'\n"
		   "dinit --status --json | jq -c '.adopted[0] | [.state, .stdout.lines, "
		   ".stdout.bytes, .stderr.lines, .stderr.bytes]'\n"
		   "dinit --status --json | jq -r '.adopted[0].name'");
	run = run_start(scene,
			&(struct run_spec){
				.environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						    "DINIT_REPARENTING_POLICY=adopt") });
	run_wait_line(run, RUN_STDERR, ": lost its parent, adopting it");
	scene_file(scene, "write", 0644, "");
	run_wait_line(run, RUN_STDOUT, " sh/[0-9]+: two$");
	run_wait_line(run, RUN_STDERR, " sh/[0-9]+: err$");
	let_client_go(scene, run);
	stop(run);
	run_expect_line(run, RUN_STDOUT, "\\[1,1\\]$");
	run_expect_line(run, RUN_STDOUT, "\\[\"ready\",2,8,1,4\\]$");
	run_expect_line(run, RUN_STDOUT, " client/run: sh/[0-9]+$");
}

/* Those for which the page has no place are counted. */
static void test_counts_of_adopted_processes_that_are_not_listed(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_trace_others(), RIG_WHY_TRACED);
	scene_service(
		scene, "web",
		"(for i in $(seq 66); do setsid sleep 1000 & done); echo up; exec sleep 1000");
	add_client(scene,
		   "until dinit --status --json | jq -e '.orphans.adopted == 66' >/dev/null; "
		   "do sleep 0.02; done\n"
		   "dinit --status --json | jq -c '[(.adopted | length), .adopted_unlisted]'\n"
		   "dinit --status | tail -n 1\n"
		   "dinit --status sleep/1");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST("DINIT_JSON_STDOUT=0",
							   "DINIT_REPARENTING_POLICY=adopt") });
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	let_client_go(scene, run);
	stop(run);
	run_expect_line(run, RUN_STDOUT, " client/run: \\[64,2\\]$");
	run_expect_line(run, RUN_STDOUT, " client/run: 2 more adopted processes are not listed$");
	run_expect_line(run, RUN_STDERR, " there is no service sleep/1, or it is not listed");
}

/* ---- noise in the page ---- */

/* Finds the page of the dinit with that PID; its owner may write to it, once it allows that to
 * itself. Returns where it is, and its size. */
static unsigned char *seize_page(pid_t pid, size_t *size)
{
	struct shm_info info;
	struct shmid_ds about;
	int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);

	for (int place = 0; place <= last; place++) {
		int id = shmctl(place, SHM_STAT, &about);
		void *address;

		if (id < 0 || about.shm_cpid != pid)
			continue;
		about.shm_perm.mode = 0600;
		shmctl(id, IPC_SET, &about);
		address = shmat(id, NULL, 0);
		*size = about.shm_segsz;
		return address == (void *)-1 ? NULL : address;
	}
	errno = ENOENT;
	return NULL;
}

/* Fills the page with noise, again and again, until it is killed. The pauses leave dinit some of
 * the machine. */
static pid_t make_noise(pid_t dinit)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		size_t size;
		unsigned char *bytes = seize_page(dinit, &size);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!bytes || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (uint32_t noise = 1;; poll(NULL, 0, 1))
			for (size_t i = 0; i < size; i++)
				bytes[i] = (unsigned char)((noise = noise * 1664525 + 1013904223) >>
							   24);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		scene_fail("the page cannot be written to");
	close(ready[0]);
	return pid;
}

/* All that happens to services happens meanwhile: they log, are checked, leave orphans, run, end,
 * and are told to stop. */
static void test_noise_while_services_log_and_stop_changes_nothing(struct scene *scene)
{
	struct run *run;
	pid_t noise;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "read go <\"$SCENE/go\"; i=0\n"
		      "while [ $i -lt 3000 ]; do echo \"line $i\"; i=$((i + 1)); done\n" POLITE);
	scene_script(scene, "services/web/check", "echo checked; exit 0");
	scene_service(scene, "orphans",
		      "read go <\"$SCENE/go\"; (sleep 1000 &); (sleep 1000 &); " POLITE);
	scene_service(scene, "migrate", "read go <\"$SCENE/go\"; exit 115");
	scene_service(scene, "last", "trap 'exit 0' TERM; echo begun; " SCENE_TRAPPING);
	scene_script(scene, "services/last/terminate", "echo stopping; kill $DINIT_PID");
	scene_script(scene, "services/last/finish", "echo finished");
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								"DINIT_LOG_LEVEL=info",
								"DINIT_CHECK_INTERVAL=0.05") });
	run_wait_line(run, RUN_STDOUT, " last/run: begun$");
	noise = make_noise(run->pid);
	for (int i = 0; i < 3; i++)
		scene_let_go(scene, "go");
	run_wait_lines(run, RUN_STDOUT, "/run: up$", 2);
	run_wait_lines(run, RUN_STDERR, ": lost its parent, terminating it", 2);
	run_wait_line(run, RUN_STDERR, "migrate/run: .* exited with status 115");
	stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, " web/run: line [0-9]+$"), LINES);
	run_expect_line(run, RUN_STDOUT, " last/term: stopping$");
	run_expect_line(run, RUN_STDOUT, " last/finish: finished$");
	run_expect_no_line(run, RUN_STDERR, "dinit: error");
	assert_int_equal(kill(noise, SIGKILL), 0);
	assert_int_equal(waitpid(noise, NULL, 0), noise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_counts_of_a_service_are_those_of_all_its_programs),
		SCENE(test_counts_of_orphans_tell_what_was_done_to_them),
		SCENE(test_counts_of_an_adopted_process_are_its_own),
		SCENE(test_counts_of_adopted_processes_that_are_not_listed),
		SCENE(test_noise_while_services_log_and_stop_changes_nothing),
	};

	return scene_run_all("counts", tests, sizeof tests / sizeof *tests);
}
