/* SPDX-License-Identifier: ISC */
/* Processes that have lost their parent, under the three policies, and during a teardown. */
#include "rig.h"
#include "streams.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define WARNING " dinit: warning: "
#define ORPHAN "actor/[0-9]+: "
#define LOST WARNING ORPHAN "lost its parent, "
/* What ends the first warning for a program, outside a teardown. */
#define HINT " \\(DINIT_KEEP=[^ ]+ leaves it alone\\)$"
#define TERMED " dinit: info: [^ ]+/[0-9]+: orphan was killed by signal 15 "
#define KILLED " dinit: info: [^ ]+/[0-9]+: orphan was killed by signal 9 "
#define WAIT "exec \"$ACTOR\" wait"
#define BURST 2500

static struct run *start(struct scene *scene, const char *policy, const char *mode,
			 const char *more)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info", mode,
					      scene_format(scene, "DINIT_REPARENTING_POLICY=%s",
							   policy),
					      more) });
}

static struct run *start_text(struct scene *scene, const char *policy)
{
	return start(scene, policy, "DINIT_JSON_STDOUT=0", NULL);
}

static struct run *start_terminate(struct scene *scene)
{
	return start_text(scene, "terminate");
}

/* A service that leaves what the actor does behind, and waits. */
static void make_orphan(struct scene *scene, const char *name, const char *actor)
{
	scene_service(scene, name, scene_format(scene, "\"$ACTOR\" %s; " WAIT, actor));
}

/* The container lives on until it is told to stop; nobody was killed the hard way. */
static void expect_stop(struct run *run)
{
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "killing it");
}

/* The PID that the first such line names in its group. */
static long match_pid(struct run *run, const char *regex)
{
	return strtol(run_match(run, RUN_STDERR, regex, 1), NULL, 10);
}

/* ---- a zombie is always reaped, at once, under every policy; info tells of
 * every process ---- */

static void check_zombies(struct scene *scene, const char *policy, size_t count)
{
	struct run *run;

	scene_service(scene, "web", scene_format(scene, "exec \"$ACTOR\" corpses %zu web", count));
	run = start_text(scene, policy);
	streams_wait_report(scene, "reaped web");
	run_wait_lines(run, RUN_STDERR, " dinit: info: .*exited with status 0$", count);
	expect_stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR,
					 "info: " ORPHAN "orphan.* exited with status 0$"),
			 count);
	run_expect_no_line(run, RUN_STDERR, "lost its parent");
}

static void test_zombies_under_terminate_are_reaped_and_told(struct scene *scene)
{
	check_zombies(scene, "terminate", 20);
}

static void test_zombies_under_adopt_are_reaped_and_told(struct scene *scene)
{
	check_zombies(scene, "adopt", 20);
}

static void test_zombies_under_ignore_are_reaped_and_told(struct scene *scene)
{
	check_zombies(scene, "ignore", 20);
}

/* The actor sees them all gone: none is left. */
static void test_zombies_in_burst_leave_none(struct scene *scene)
{
	check_zombies(scene, "terminate", BURST);
}

/* Another process may have its number where /proc is that of another PID namespace. */
static void test_zombie_with_foreign_proc_has_no_name(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exec \"$ACTOR\" corpses 2 web");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info"),
				       .foreign_proc = true,
			       });
	streams_wait_report(scene, "reaped web");
	run_wait_lines(run, RUN_STDERR, " dinit: info: \\?/[0-9]+: orphan exited with status 0$",
		       2);
	run_expect_line(run, RUN_STDERR,
			WARNING "/proc does not show this PID namespace's processes");
	expect_stop(run);
}

/* A sandbox that covers /proc for all, as unshare without -m does: what it shows has the numbers of
 * the other service's processes. */
static void test_proc_covered_by_another_namespace_harms_nobody(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_need_program("unshare");
	scene_fifo(scene, "go");
	scene_service(scene, "db",
		      "for n in 1 2 3 4 5 6 7 8; do sleep 1000 & all=\"$all $!\"; done; "
		      "trap 'kill $all' TERM; echo up; wait; wait");
	scene_service(scene, "job",
		      "unshare -pf sh -c 'mount -t proc proc /proc; "
		      "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; "
		      "read go <\"$SCENE/go\"; umount /proc'");
	scene_script(scene, "services/job/terminate", "echo >\"$SCENE/go\"");
	run = start_text(scene, "terminate");
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDERR,
		      WARNING "/proc does not show this PID namespace's processes");
	expect_stop(run);
	run_expect_no_line(run, RUN_STDERR, "lost its parent");
}

static void test_proc_that_goes_away_is_not_waited_for(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_service(scene, "web", "mount -t tmpfs none /proc; (sleep 1000 & ); exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene)) });
	run_wait_line(run, RUN_STDERR,
		      WARNING "/proc does not show this PID namespace's processes");
	expect_stop(run);
}

/* It was found before /proc was covered, and falls due while it is. */
static void test_orphan_found_before_proc_was_covered_is_found_again(struct scene *scene)
{
	struct run *run;

	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	scene_service(scene, "web",
		      "(sleep 1000 & ); mount -t tmpfs none /proc; sleep 1.5; "
		      "until umount /proc; do sleep 0.02; done; "
		      "exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene)) });
	run_wait_line(run, RUN_STDERR,
		      WARNING "sleep/[0-9]+: lost its parent, terminating it: sleep 1000");
	expect_stop(run);
}

/* ---- terminate ---- */

static void test_orphan_terminated_command_line_is_escaped(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web",
		    "orphaned wait 'two words' \"$(printf "
		    "'a\\001b\\tc\\nd\\033[1m\\177\\\\e\\303\\251')\"");
	run = start_terminate(scene);
	run_wait_line(run, RUN_STDERR,
		      LOST "terminating it: [^ ]*/actor orphaned wait two words "
			   "a\\\\x01b\\\\x09c\\\\x0ad\\\\x1b\\[1m\\\\x7f\\\\x5ceé" HINT);
	run_wait_line(run, RUN_STDERR, TERMED);
	assert_int_equal(run_count_lines(run, RUN_STDERR, LOST), 1);
	expect_stop(run);
}

/* That of a script is its interpreter's for us, and its own for the kernel. */
static void test_orphan_terminated_is_called_the_same_at_its_end(struct scene *scene)
{
	const char *name;
	struct run *run;

	scene_script(scene, "lost", "\"$ACTOR\" wait; :");
	make_orphan(scene, "web", "orphaned sh 'exec \"$SCENE/lost\"'");
	run = start_terminate(scene);
	run_wait_line(run, RUN_STDERR,
		      WARNING "[a-z]+/[0-9]+: lost its parent, terminating it: .*lost" HINT);
	name = run_match(run, RUN_STDERR,
			 WARNING "([a-z]+/[0-9]+): lost its parent, terminating it: .*lost" HINT,
			 1);
	run_wait_line(run, RUN_STDERR,
		      scene_format(scene, " %s: orphan was killed by signal 15", name));
	expect_stop(run);
}

/* A stopped process acts on TERM only once it is continued. */
static void test_orphan_stopped_is_terminated(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "stopped");
	run = start_terminate(scene);
	run_wait_line(run, RUN_STDERR, LOST "terminating it: ");
	run_wait_line(run, RUN_STDERR, TERMED);
	expect_stop(run);
}

static void test_orphan_deaf_is_killed_after_kill_timeout(struct scene *scene)
{
	struct run *run;
	long ms;

	make_orphan(scene, "web", "deaf orphaned wait");
	run = start(scene, "terminate", "DINIT_JSON_STDOUT=0", "DINIT_KILL_TIMEOUT=0.3");
	run_wait_line(run, RUN_STDERR, KILLED);
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	ms = run_stamp_ms(run, WARNING ORPHAN ".*killing it") - run_stamp_ms(run, LOST);
	assert_true(ms >= 299);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "killing it"), 1);
}

/* It looks like one that is about to end, and would be waited for for ever. */
static void test_orphan_without_memory_is_terminated_and_killed(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "bare");
	run = start(scene, "terminate", "DINIT_JSON_STDOUT=0", "DINIT_KILL_TIMEOUT=0.3");
	run_wait_line(run, RUN_STDERR, LOST "terminating it: \\[actor\\]" HINT);
	run_wait_line(run, RUN_STDERR, KILLED);
	run_expect_no_line(run, RUN_STDERR, "stopping the container");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "killing it"), 1);
}

/* The end of each makes an orphan of the next. */
static void test_orphans_of_orphans_are_terminated_in_waves(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "leave-chain 5 web");
	run = start_terminate(scene);
	run_wait_lines(run, RUN_STDERR, LOST "terminating it: ", 5);
	run_wait_lines(run, RUN_STDERR, TERMED, 5);
	expect_stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR, LOST), 5);
}

/* The service is told to stop, and leaves its children behind one after the other. */
static void check_chain_in_teardown(struct scene *scene, const char *policy)
{
	struct run *run;

	scene_service(scene, "web", "exec \"$ACTOR\" chain 6 web");
	run = start_text(scene, policy);
	streams_wait_report(scene, "chained web");
	expect_stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR, LOST "terminating it: "), 5);
	assert_int_equal(run_count_lines(run, RUN_STDERR, LOST), 5);
}

static void test_orphans_under_terminate_appearing_in_teardown_are_terminated(struct scene *scene)
{
	check_chain_in_teardown(scene, "terminate");
}

static void test_orphans_under_adopt_appearing_in_teardown_are_terminated(struct scene *scene)
{
	check_chain_in_teardown(scene, "adopt");
}

/* No signal tells dinit of an orphan whose parent was the child of another: a look finds it. */
static void test_orphan_of_grandchild_is_found(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web",
		      "sh -c '\"$ACTOR\" orphaned report orphan; \"$ACTOR\" orphaned wait; " WAIT
		      "' & " WAIT);
	run = start_terminate(scene);
	run_wait_line(run, RUN_STDERR, LOST "terminating it: .* orphaned wait" HINT);
	run_wait_line(run, RUN_STDERR, TERMED);
	expect_stop(run);
}

/* ---- the children of a kernel that does not list them ---- */

/* As such a kernel's /proc looks to this process: its only thread has no file "children". */
static void hide_children(void *ctx)
{
	char task[64];

	(void)ctx;
	snprintf(task, sizeof task, "/proc/%d/task/%d", (int)getpid(), (int)getpid());
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", task, "tmpfs", 0, NULL) < 0)
		_exit(126);
}

static struct run *start_unlisted(struct scene *scene, const char *policy)
{
	scene_need(scene->mode == RUN_AS_INIT || rig_can_mount(), RIG_WHY_NAMESPACES);
	return run_start(
		scene,
		&(struct run_spec){
			.environment =
				LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info", "DINIT_JSON_STDOUT=0",
				     scene_format(scene, "DINIT_REPARENTING_POLICY=%s", policy)),
			.prepare = hide_children });
}

static void test_orphan_unlisted_is_found_and_terminated(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "orphaned wait");
	run = start_unlisted(scene, "terminate");
	run_wait_line(run, RUN_STDERR, LOST "terminating it: .* orphaned wait" HINT);
	run_wait_line(run, RUN_STDERR, TERMED);
	expect_stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR, LOST), 1);
}

static void test_orphan_unlisted_is_adopted(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "orphaned adopted exit 7");
	run = start_unlisted(scene, "adopt");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, LOST "adopting it: .* orphaned adopted exit 7$");
}

/* It appears in the teardown, and what it prints when it is told to end is still heard. */
static void test_orphan_unlisted_is_waited_for_in_teardown(struct scene *scene)
{
	static const char *const services[] = { "web" };
	struct run *run;

	scene_service(scene, "web", "\"$ACTOR\" handle 1 text 100 child & " WAIT);
	run = start_unlisted(scene, "terminate");
	streams_wait_report(scene, "ready child");
	expect_stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR,
					 LOST "terminating it: .* handle 1 text 100 child$"),
			 1);
	streams_expect_numbers(run, RUN_STDOUT, services, 1, 100);
}

/* ---- only 10 ms after dinit first saw it ---- */

/* On a busy machine a short life may be longer than that: then it says nothing, and is tried
 * again. */
static void check_brief(struct scene *scene, const char *policy)
{
	struct run *run = NULL;
	const char *how = "slow";

	scene_service(scene, "web", "exec \"$ACTOR\" brief 5 web");
	for (int tries = 0; tries < 20; tries++) {
		run = start_text(scene, policy);
		how = streams_wait_report(scene, "brief web");
		run_signal(run, SIGTERM);
		if (run_wait_exit(run) == 0 && strcmp(how, "quick") == 0)
			break;
	}
	scene_need(strcmp(how, "quick") == 0, "this machine is too slow");
	run_expect_no_line(run, RUN_STDERR, "lost its parent");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "orphan.* exited with status 0$"), 5);
}

static void test_orphan_ending_at_once_is_not_terminated(struct scene *scene)
{
	check_brief(scene, "terminate");
}

static void test_orphan_ending_at_once_is_not_adopted(struct scene *scene)
{
	check_brief(scene, "adopt");
}

/* ---- ignore ---- */

static void test_orphan_ignored_is_left_alone(struct scene *scene)
{
	struct run *run;
	pid_t orphan;

	scene_may_leave(scene);
	scene_fifo(scene, "go");
	scene_service(
		scene, "web",
		"\"$ACTOR\" deaf orphaned sh '\"$ACTOR\" report pid $$; read go <\"$SCENE/go\"\n"
		"echo still here; " WAIT "'; \"$ACTOR\" corpses 20 web");
	run = start_text(scene, "ignore");
	orphan = (pid_t)atoi(streams_wait_report(scene, "pid"));
	streams_wait_report(scene, "reaped web");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: still here$");
	expect_stop(run);
	run_expect_no_line(run, RUN_STDERR, "lost its parent, ");
	if (scene->mode == RUN_AS_SUBREAPER)
		assert_int_equal(kill(orphan, 0), 0);
}

/* ---- adopt ---- */

/* Which numbers of a descriptor have come, and under which label. */
struct transition {
	unsigned long last, kept, moved;
};

/* [TIME] LABEL: fd<N> <number>, or
 * {"fd":N,"n":<number>,"service":"<service>","stage":"<stage>",...} */
static bool read_line(const char *line, int fd, unsigned long *number, bool *moved)
{
	const char *form = strchr(line, ' '), *at;
	char text[16];

	if (*line == '{') {
		snprintf(text, sizeof text, "{\"fd\":%d,", fd);
		*moved = strstr(line, "\"service\":\"actor\"") != NULL;
		*number =
			strstr(line, "\"n\":") ? strtoul(strstr(line, "\"n\":") + 4, NULL, 10) : 0;
		return strncmp(line, text, strlen(text)) == 0;
	}
	snprintf(text, sizeof text, ": fd%d ", fd);
	at = form ? strstr(form, text) : NULL;
	if (!at)
		return false;
	*moved = strncmp(form, " actor/", 7) == 0;
	*number = strtoul(at + strlen(text), NULL, 10);
	return true;
}

/* Fails unless the numbers 1 to n of that descriptor have come: the first of them as the
 * service's, those from some number on as the adopted process's; between two pipes there is no
 * order. */
static void expect_transition(struct run *run, enum run_stream stream, int fd, unsigned long n,
			      bool to_be_moved)
{
	struct transition seen = { 0 };
	const char *line = run->outputs[stream].bytes;
	unsigned long number, first_moved = 0;
	bool moved;

	for (const char *newline; (newline = strchr(line, '\n')); line = newline + 1) {
		char *copy = strndup(line, (size_t)(newline - line));

		if (read_line(copy, fd, &number, &moved)) {
			unsigned long *last = moved ? &seen.moved : &seen.kept;

			if (moved && first_moved == 0)
				first_moved = number;
			else if (number != *last + 1)
				scene_fail("after %lu of descriptor %d comes %lu: %s", *last, fd,
					   number, copy);
			*last = number;
		}
		free(copy);
	}
	if (!to_be_moved) {
		assert_int_equal(first_moved, 0);
		assert_int_equal(seen.kept, n);
		return;
	}
	assert_int_equal(seen.moved, n);
	assert_int_equal(first_moved, seen.kept + 1);
}

/* Writes to 1, 2, and copies of them, before, while and after it is adopted, and ends. */
static void check_moving(struct scene *scene, const char *mode, const char *kind,
			 const char *pause_ms)
{
	struct run *run;
	unsigned long n;

	scene_service(scene, "web",
		      scene_format(scene,
				   "\"$ACTOR\" orphaned moving 50 %s %s 1 2 3 4 3>&1 4>&2; " WAIT,
				   pause_ms, kind));
	run = start(scene, "adopt", mode, NULL);
	run_expect_exit(run, 0);
	n = strtoul(streams_wait_report(scene, "moved"), NULL, 10);
	run_expect_line(run, RUN_STDERR, LOST "adopting it: .*/actor orphaned moving 50 ");
	run_expect_no_line(run, RUN_STDERR, "cannot be redirected");
	expect_transition(run, RUN_STDOUT, 1, n, true);
	expect_transition(run, RUN_STDERR, 2, n, true);
	expect_transition(run, RUN_STDOUT, 3, n, true);
	expect_transition(run, RUN_STDERR, 4, n, true);
}

static void test_adopted_output_in_text_mode_is_labelled_and_complete(struct scene *scene)
{
	check_moving(scene, "DINIT_JSON_STDOUT=0", "text", "1");
}

static void test_adopted_output_in_json_mode_is_labelled_and_complete(struct scene *scene)
{
	check_moving(scene, "DINIT_JSON_STDOUT=1", "json", "1");
	streams_expect_objects(scene->runs);
	run_expect_line(scene->runs, RUN_STDOUT,
			"^\\{\"fd\":3,\"n\":[0-9]+,\"service\":\"actor\",\"stage\":\"[0-9]+\",");
}

static void test_adopted_output_written_without_pause_is_complete(struct scene *scene)
{
	check_moving(scene, "DINIT_JSON_STDOUT=0", "text", "0");
}

/* The service's pipe that it holds only under another number. */
static void test_adopted_other_descriptor_keeps_service_label(struct scene *scene)
{
	struct run *run;
	unsigned long n;

	scene_service(scene, "web",
		      "\"$ACTOR\" orphaned moving 50 1 text 3 1 3>&1 >/dev/null 2>&1; " WAIT);
	run = start_text(scene, "adopt");
	run_expect_exit(run, 0);
	n = strtoul(streams_wait_report(scene, "moved"), NULL, 10);
	expect_transition(run, RUN_STDOUT, 3, n, false);
	run_expect_line(run, RUN_STDOUT, scene_format(scene, " actor/[0-9]+: fd1 %lu$", n));
}

static void check_discarding(struct scene *scene, enum run_stream stream, const char *actor)
{
	static const char *const services[] = { "actor" };
	struct run *run;

	make_orphan(scene, "web", actor);
	run = start_text(scene, "adopt");
	run_expect_exit(run, 0);
	streams_expect_numbers(run, stream, services, 1, 100);
	run_expect_no_line(run, RUN_STDERR, "cannot be redirected");
}

/* Within its first second. */
static void test_adopted_discarding_its_stdout_is_redirected_again(struct scene *scene)
{
	check_discarding(scene, RUN_STDOUT,
			 "orphaned adopted discarding count 1 text 100 unfinished");
}

static void test_adopted_discarding_its_stderr_is_redirected_again(struct scene *scene)
{
	check_discarding(scene, RUN_STDERR,
			 "orphaned adopted discarding count 2 text 100 unfinished");
}

/* ---- the end of an adopted process ends the container as a service's does ---- */

static void check_end(struct scene *scene, const char *how, int status, const char *message)
{
	struct run *run;
	long pid;

	make_orphan(scene, "web", how);
	run = start_text(scene, "adopt");
	run_expect_exit(run, status);
	run_expect_line(run, RUN_STDERR, message);
	pid = match_pid(run, WARNING "actor/([0-9]+): lost its parent, adopting it: ");
	assert_int_equal(match_pid(run, " actor/([0-9]+): PID [0-9]+ .*, stopping the container$"),
			 pid);
	assert_int_equal(match_pid(run, " actor/[0-9]+: PID ([0-9]+) .*, stopping the container$"),
			 pid);
	assert_int_equal(run_count_lines(run, RUN_STDERR, "stopping the container$"), 1);
}

static void test_adopted_ending_ends_container(struct scene *scene)
{
	check_end(scene, "orphaned adopted exit 0", 0,
		  WARNING ORPHAN "PID [0-9]+ exited with status 0, stopping");
}

static void test_adopted_failing_ends_container_as_failed(struct scene *scene)
{
	check_end(scene, "orphaned adopted exit 7", 3,
		  " dinit: error: " ORPHAN "PID [0-9]+ exited with status 7, stopping");
}

static void test_adopted_ending_with_115_ends_container_as_failed(struct scene *scene)
{
	check_end(scene, "orphaned adopted exit 115", 3,
		  " dinit: error: " ORPHAN "PID [0-9]+ exited with status 115, stopping");
}

static void test_adopted_killed_ends_container_as_failed(struct scene *scene)
{
	check_end(scene, "orphaned adopted sh 'kill -KILL $$'", 3,
		  " dinit: error: " ORPHAN "PID [0-9]+ was killed by signal 9 .*, stopping");
}

/* A process whose first thread has ended looks like a zombie, and is alive. */
static void test_adopted_without_first_thread_ends_container_when_it_ends(struct scene *scene)
{
	check_end(scene, "orphaned headless adopted exit 4", 3,
		  " dinit: error: " ORPHAN "PID [0-9]+ exited with status 4, stopping");
}

static void test_orphan_without_first_thread_is_terminated(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "orphaned headless wait");
	run = start_terminate(scene);
	run_wait_line(run, RUN_STDERR, TERMED);
	run_expect_line(run, RUN_STDERR, LOST "terminating it: ");
	run_expect_no_line(run, RUN_STDERR, "zombie");
	expect_stop(run);
}

/* ---- during a teardown adopt terminates, too ---- */

static void test_adopted_in_teardown_is_terminated(struct scene *scene)
{
	static const char *const services[] = { "actor" };
	struct run *run;

	make_orphan(scene, "web", "orphaned adopted handle 1 text 100 orphan");
	run = start_text(scene, "adopt");
	streams_wait_report(scene, "ready orphan");
	expect_stop(run);
	streams_expect_numbers(run, RUN_STDOUT, services, 1, 100);
	run_expect_no_line(run, RUN_STDERR, "terminating it");
}

static void test_adopted_deaf_in_teardown_is_killed_after_kill_timeout(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "deaf orphaned adopted sh '\"$ACTOR\" report ready; " WAIT "'");
	run = start(scene, "adopt", "DINIT_JSON_STDOUT=0", "DINIT_KILL_TIMEOUT=0.2");
	streams_wait_report(scene, "ready");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR,
			WARNING "(sh|actor)/[0-9]+: orphan is still running: killing it$");
}

/* ---- dinit never blocks on an adopted process, whatever state it is in ---- */

/* Nor is one that has stopped continued: it would say so. Another one is adopted meanwhile. */
static void check_standing(struct scene *scene, const char *how)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(
		scene, "web",
		scene_format(scene,
			     "\"$ACTOR\" %s; while read go <\"$SCENE/go\"; do echo went; done",
			     how));
	make_orphan(scene, "other", "orphaned adopted handle 1 text 0 other");
	run = start_text(scene, "adopt");
	run_wait_lines(run, RUN_STDERR, LOST "adopting it: ", 2);
	streams_wait_report(scene, "ready other");
	for (size_t i = 1; i <= 3; i++) {
		scene_let_go(scene, "go");
		run_wait_lines(run, RUN_STDOUT, " web/run: went$", i);
	}
	expect_stop(run);
	run_expect_no_line(run, RUN_STDOUT, "continued");
}

static void test_adopted_stopped_delays_nothing(struct scene *scene)
{
	check_standing(scene, "stopped");
}

static void test_adopted_in_vfork_delays_nothing(struct scene *scene)
{
	check_standing(scene, "orphaned vforked");
}

/* ---- where it cannot be redirected a warning says why, and it is adopted without ---- */

static void drop_ptrace(void *ctx)
{
	(void)ctx;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE) < 0)
		_exit(126);
}

static void test_adopted_of_other_user_without_ptrace_is_adopted_without(struct scene *scene)
{
	struct run *run;

	scene_need(rig_can_take_user(), RIG_WHY_USER);
	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      scene_format(scene,
				   "\"$ACTOR\" as %u orphaned sh 'read go <\"$SCENE/go\"; echo "
				   "mine; exit 5'; " WAIT,
				   (unsigned)scene_user()));
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST(STREAMS(scene), "DINIT_JSON_STDOUT=0",
							   "DINIT_REPARENTING_POLICY=adopt"),
				       .prepare = drop_ptrace });
	run_wait_line(run, RUN_STDERR,
		      WARNING
		      "(sh|actor)/[0-9]+: its output cannot be redirected: .*CAP_SYS_PTRACE");
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDOUT, " web/run: mine$");
	run_expect_line(
		run, RUN_STDERR,
		" dinit: error: (sh|actor)/[0-9]+: PID [0-9]+ exited with status 5, stopping");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "cannot be redirected"), 1);
}

/* As a container engine does: the filter is dinit's and that of all it starts. */
static void add_filter(void *ctx)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	(void)ctx;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(126);
}

static void test_adopted_with_dinits_own_seccomp_filters_is_redirected(struct scene *scene)
{
	struct run *run;

	make_orphan(scene, "web", "orphaned adopted exit 0");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST(STREAMS(scene), "DINIT_JSON_STDOUT=0",
							   "DINIT_REPARENTING_POLICY=adopt"),
				       .prepare = add_filter });
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "cannot be redirected");
}

/* ---- what is not dinit's own child is never touched ---- */

static pid_t fork_pausing(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0)
		pause();
	return pid;
}

/* Not even where dinit has to kill what is left. */
static void check_sibling(struct scene *scene, const char *policy)
{
	pid_t sibling = fork_pausing();
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "\"$ACTOR\" deaf orphaned wait; read go <\"$SCENE/go\"; exit 7");
	run = start(scene, policy, "DINIT_JSON_STDOUT=0", "DINIT_STOP_TIMEOUT=0.1");
	run_wait_line(run, RUN_STDERR, LOST);
	scene_let_go(scene, "go");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, WARNING ORPHAN ".*killing it");
	assert_int_equal(run_count_lines(run, RUN_STDERR, "lost its parent"), 1);
	assert_int_equal(waitpid(sibling, NULL, WNOHANG), 0);
	assert_int_equal(kill(sibling, SIGKILL), 0);
	assert_int_equal(waitpid(sibling, NULL, 0), sibling);
}

static void test_sibling_under_terminate_is_not_touched(struct scene *scene)
{
	check_sibling(scene, "terminate");
}

static void test_sibling_under_adopt_is_not_touched(struct scene *scene)
{
	check_sibling(scene, "adopt");
}

/* Starts a process in the PID namespace of that run whose parent is outside, as a container
 * engine's exec does; it writes a byte to fd once it is there. Returns one that ends when it has
 * ended. */
static pid_t enter_namespace(const struct run *run, int fd)
{
	int namespace = open(scene_format(run->scene, "/proc/%d/ns/pid", (int)run->pid),
			     O_RDONLY | O_CLOEXEC);
	pid_t pid = fork(), guest;

	assert_true(namespace >= 0 && pid >= 0);
	if (pid > 0) {
		close(namespace);
		return pid;
	}
	guest = setns(namespace, CLONE_NEWPID) == 0 ? fork() : -1;
	if (guest == 0 && write(fd, "", 1) == 1)
		for (;;)
			pause();
	_exit(guest > 0 && waitpid(guest, NULL, 0) == guest ? 0 : 1);
}

static void check_guest(struct scene *scene, const char *policy)
{
	struct run *run;
	int there[2];
	pid_t guest;
	char byte;

	scene_need(rig_can_mount(), RIG_WHY_NAMESPACES);
	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      "sh -c 'read go <\"$SCENE/go\"; \"$ACTOR\" orphaned wait; " WAIT
		      "' & echo up; " WAIT);
	run = start_text(scene, policy);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	guest = enter_namespace(run, there[1]);
	close(there[1]);
	assert_int_equal(read(there[0], &byte, 1), 1);
	close(there[0]);
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, LOST ".* orphaned wait( |$)");
	assert_int_equal(waitpid(guest, NULL, WNOHANG), 0);
	expect_stop(run);
	run_expect_no_line(run, RUN_STDERR, "scenario_[a-z]*/[0-9]+: ");
	assert_int_equal(waitpid(guest, NULL, 0), guest);
}

static void test_guest_of_namespace_under_terminate_is_not_touched(struct scene *scene)
{
	check_guest(scene, "terminate");
}

static void test_guest_of_namespace_under_adopt_is_not_touched(struct scene *scene)
{
	check_guest(scene, "adopt");
}

/* ---- children from before dinit ---- */

/* In the process that becomes dinit: its child, as of a script that says `something & exec
 * dinit`. At a word it stops dinit. (It holds nothing of dinit's or of the test's open, so that
 * the test sees the end of that.) */
static void leave_child(void *ctx)
{
	const char *const *go = ctx;
	char byte;
	int fd;

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	syscall(SYS_close_range, STDOUT_FILENO, ~0U, 0);
	fd = open(*go, O_RDONLY);
	if (fd >= 0 && read(fd, &byte, 1) == 1)
		kill(getppid(), SIGTERM);
	for (;;)
		pause();
}

static struct run *start_with_child(struct scene *scene, const char *policy)
{
	const char *go = scene_path(scene, "go");

	scene_fifo(scene, "go");
	return run_start(
		scene,
		&(struct run_spec){
			.environment =
				LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info", "DINIT_JSON_STDOUT=0",
				     scene_format(scene, "DINIT_REPARENTING_POLICY=%s", policy)),
			.prepare = leave_child,
			.prepare_ctx = &go });
}

/* By the time an orphan that came later has been dealt with, it would have been, too. Nothing
 * waits for it. */
static void check_child(struct scene *scene, const char *policy, const char *verdict)
{
	struct run *run;

	make_orphan(scene, "mother", "orphaned wait");
	run = start_with_child(scene, policy);
	run_wait_line(run, RUN_STDERR, " was there before dinit, leaving it alone$");
	run_wait_line(run, RUN_STDERR, scene_format(scene, LOST "%s", verdict));
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "signal 15 \\(Terminated\\) (received|from PID [0-9]+ )");
	run_expect_no_line(run, RUN_STDERR, "scenario_[a-z/0-9]+: lost its parent");
}

static void test_child_from_before_dinit_is_not_terminated(struct scene *scene)
{
	check_child(scene, "terminate", "terminating it");
}

static void test_child_from_before_dinit_is_not_adopted(struct scene *scene)
{
	check_child(scene, "adopt", "adopting it");
}

static void test_child_from_before_dinit_does_not_keep_a_dead_container(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "idle", "exit 115");
	run = start_with_child(scene, "terminate");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, WARNING "all services have disabled themselves");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_zombies_under_terminate_are_reaped_and_told),
		SCENE(test_zombies_under_adopt_are_reaped_and_told),
		SCENE(test_zombies_under_ignore_are_reaped_and_told),
		SCENE(test_zombies_in_burst_leave_none),
		SCENE_AS_INIT(test_zombie_with_foreign_proc_has_no_name),
		SCENE_AS_INIT(test_proc_covered_by_another_namespace_harms_nobody),
		SCENE_AS_INIT(test_proc_that_goes_away_is_not_waited_for),
		SCENE_AS_INIT(test_orphan_found_before_proc_was_covered_is_found_again),
		SCENE(test_orphan_terminated_command_line_is_escaped),
		SCENE(test_orphan_terminated_is_called_the_same_at_its_end),
		SCENE(test_orphan_stopped_is_terminated),
		SCENE(test_orphan_deaf_is_killed_after_kill_timeout),
		SCENE(test_orphan_without_memory_is_terminated_and_killed),
		SCENE(test_orphans_of_orphans_are_terminated_in_waves),
		SCENE(test_orphans_under_terminate_appearing_in_teardown_are_terminated),
		SCENE(test_orphans_under_adopt_appearing_in_teardown_are_terminated),
		SCENE(test_orphan_of_grandchild_is_found),
		SCENE(test_orphan_unlisted_is_found_and_terminated),
		SCENE(test_orphan_unlisted_is_adopted),
		SCENE(test_orphan_unlisted_is_waited_for_in_teardown),
		SCENE(test_orphan_ending_at_once_is_not_terminated),
		SCENE(test_orphan_ending_at_once_is_not_adopted),
		SCENE(test_orphan_ignored_is_left_alone),
		SCENE_AS_INIT(test_child_from_before_dinit_is_not_terminated),
		SCENE_AS_INIT(test_child_from_before_dinit_is_not_adopted),
		SCENE_AS_INIT(test_child_from_before_dinit_does_not_keep_a_dead_container),
		SCENE(test_adopted_output_in_text_mode_is_labelled_and_complete),
		SCENE(test_adopted_output_in_json_mode_is_labelled_and_complete),
		SCENE(test_adopted_output_written_without_pause_is_complete),
		SCENE(test_adopted_other_descriptor_keeps_service_label),
		SCENE(test_adopted_discarding_its_stdout_is_redirected_again),
		SCENE(test_adopted_discarding_its_stderr_is_redirected_again),
		SCENE(test_adopted_ending_ends_container),
		SCENE(test_adopted_failing_ends_container_as_failed),
		SCENE(test_adopted_ending_with_115_ends_container_as_failed),
		SCENE(test_adopted_killed_ends_container_as_failed),
		SCENE(test_adopted_without_first_thread_ends_container_when_it_ends),
		SCENE(test_orphan_without_first_thread_is_terminated),
		SCENE(test_adopted_in_teardown_is_terminated),
		SCENE(test_adopted_deaf_in_teardown_is_killed_after_kill_timeout),
		SCENE(test_adopted_stopped_delays_nothing),
		SCENE(test_adopted_in_vfork_delays_nothing),
		SCENE(test_adopted_of_other_user_without_ptrace_is_adopted_without),
		SCENE(test_adopted_with_dinits_own_seccomp_filters_is_redirected),
		SCENE_AS_SUBREAPER(test_sibling_under_terminate_is_not_touched),
		SCENE_AS_SUBREAPER(test_sibling_under_adopt_is_not_touched),
		SCENE_AS_INIT(test_guest_of_namespace_under_terminate_is_not_touched),
		SCENE_AS_INIT(test_guest_of_namespace_under_adopt_is_not_touched),
	};

	return scene_run_all("orphans", tests, sizeof tests / sizeof *tests);
}
