/* SPDX-License-Identifier: ISC */
/* What other processes write to dinit's own descriptors 1 and 2 through /proc. A service finds
 * dinit as its $PPID; the test itself, which is no child of dinit's, is what a docker exec is. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* far longer than dinit takes to read a pipe */
#define STALLED_MS 300
/* with libc's own pages */
#define RSS_MAX_KB 6000

/* Says that it is up, then waits for TERM, with which it ends by itself. */
#define UP "echo '{\"up\":1}'; exec sleep 1000"

static const char *own_path(struct run *run, int fd)
{
	return scene_format(run->scene, "/proc/%d/fd/%d", (int)run->pid, fd);
}

/* Opens dinit's descriptor as the `>` of a shell does. */
static int open_own(struct run *run, int fd, int flags)
{
	int own = open(own_path(run, fd), O_WRONLY | O_TRUNC | O_CLOEXEC | flags);

	if (own < 0)
		scene_fail("%s: %s", own_path(run, fd), strerror(errno));
	return own;
}

static void write_own(struct run *run, int fd, const char *text)
{
	int own = open_own(run, fd, 0);

	if (write(own, text, strlen(text)) != (ssize_t)strlen(text))
		scene_fail("%s: %s", own_path(run, fd), strerror(errno));
	close(own);
}

static const char *link_of(struct run *run, int fd)
{
	char to[256];
	ssize_t len = readlink(own_path(run, fd), to, sizeof to - 1);

	if (len < 0)
		scene_fail("%s: %s", own_path(run, fd), strerror(errno));
	to[len] = '\0';
	return scene_format(run->scene, "%s", to);
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* Starts dinit with the one service up, and waits until that is. */
static struct run *start_up(struct scene *scene, const struct run_spec *spec)
{
	struct run *run;

	scene_service(scene, "up", UP);
	run = run_start(scene, spec);
	if (spec->out == RUN_FD_DEFAULT || spec->out == RUN_FD_FILE || spec->out == RUN_FD_SOCKET)
		run_wait_line(run, RUN_STDOUT, "\"up\":1");
	return run;
}

/* ---- how it is labelled ---- */

/* A service whose child writes what a cron job would: text and JSON to 1, text to 2. */
static void make_cron(struct scene *scene)
{
	scene_service(scene, "cron",
		      "D=$PPID\n"
		      "sh -c \"echo backup done > /proc/$D/fd/1\"\n"
		      "sh -c \"echo '{\\\"backup\\\":2}' > /proc/$D/fd/1\"\n"
		      "sh -c \"echo oops > /proc/$D/fd/2\"\n"
		      "exec sleep 1000");
}

#define LABEL_1 "\"service\":\"container\",\"stage\":\"1\",\"logged\":\"[^\"]*\"}$"
#define STAMP "^[-0-9]*T[0-9:.]*Z "

static void test_own_descriptor_with_wrap_gets_objects(struct scene *scene)
{
	struct run *run;

	make_cron(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"backup done\"," LABEL_1);
	run_wait_line(run, RUN_STDOUT, "^\\{\"backup\":2," LABEL_1);
	run_wait_line(run, RUN_STDERR, STAMP "container/2: oops$");
	stop(run);
	streams_expect_objects(run);
}

static void test_own_descriptor_with_json_text_is_a_warning(struct scene *scene)
{
	struct run *run;

	make_cron(scene);
	run = run_start(scene, &(struct run_spec){ 0 });
	run_wait_line(run, RUN_STDOUT, "^\\{\"backup\":2," LABEL_1);
	run_wait_line(run, RUN_STDERR,
		      STAMP "dinit: warning: container/1: not a JSON object: backup done$");
	run_wait_line(run, RUN_STDERR, STAMP "container/2: oops$");
	stop(run);
	streams_expect_objects(run);
}

static void test_own_descriptor_with_text_gets_a_prefix(struct scene *scene)
{
	struct run *run;

	make_cron(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0") });
	run_wait_line(run, RUN_STDOUT, STAMP "container/1: backup done$");
	run_wait_line(run, RUN_STDOUT, STAMP "container/1: \\{\"backup\":2\\}$");
	run_wait_line(run, RUN_STDERR, STAMP "container/2: oops$");
	stop(run);
}

/* Parts that come one by one are one line, and the last line gets its newline. */
static void test_own_descriptor_unfinished_line_is_written_at_the_end(struct scene *scene)
{
	struct run *run =
		start_up(scene,
			 &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });

	write_own(run, 1, "a whole ");
	write_own(run, 1, "line\nhalf");
	stop(run);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"a whole line\"," LABEL_1);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"half\"," LABEL_1);
	streams_expect_objects(run);
}

/* The labels are those of both dinits. */
static void test_own_descriptor_of_a_dinit_inside_is_its_own(struct scene *scene)
{
	char binary[4096];
	const char *name = getenv("DINIT_BINARY");
	struct run *run;

	if (!realpath(name && *name ? name : "./dinit", binary))
		scene_fail("dinit: %s", strerror(errno));
	scene_service(scene, "outer",
		      scene_format(scene, "export DINIT_DIR=\"$SCENE/inner\"; exec %s", binary));
	scene_script(scene, "inner/cron/run",
		     "sh -c \"echo inside > /proc/$PPID/fd/1\"; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\"inside\",\"service\":\"container\",\"stage\":\"1\",.*"
		      "\"service\":\"outer\",\"stage\":\"run\",");
	write_own(run, 1, "outside\n");
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"outside\"," LABEL_1);
	stop(run);
	streams_expect_objects(run);
}

/* ---- what dinit was given ---- */

static void test_own_descriptor_both_one_file_are_two_pipes(struct scene *scene)
{
	struct run *run = start_up(scene, &(struct run_spec){ .err = RUN_FD_STDOUT });

	assert_string_not_equal(link_of(run, 1), link_of(run, 2));
	write_own(run, 1, "{\"to\":1}\n");
	write_own(run, 2, "to 2\n");
	run_wait_line(run, RUN_STDOUT, "^\\{\"to\":1," LABEL_1);
	run_wait_line(run, RUN_STDOUT, STAMP "container/2: to 2$");
	stop(run);
}

/* `>` would empty a file. */
static void test_own_descriptor_file_is_not_truncated(struct scene *scene)
{
	struct run *run =
		start_up(scene, &(struct run_spec){ .out = RUN_FD_FILE, .err = RUN_FD_FILE });

	write_own(run, 1, "{\"to\":1}\n");
	write_own(run, 2, "to 2\n");
	stop(run);
	run_expect_line(run, RUN_STDOUT, "\"up\":1");
	run_expect_line(run, RUN_STDOUT, "^\\{\"to\":1," LABEL_1);
	run_expect_line(run, RUN_STDERR, STAMP "container/2: to 2$");
	streams_expect_objects(run);
}

/* A socket cannot be opened through /proc. */
static void test_own_descriptor_socket_can_be_opened(struct scene *scene)
{
	struct run *run =
		start_up(scene, &(struct run_spec){ .out = RUN_FD_SOCKET, .err = RUN_FD_SOCKET });

	write_own(run, 1, "{\"to\":1}\n");
	write_own(run, 2, "to 2\n");
	run_wait_line(run, RUN_STDOUT, "^\\{\"to\":1," LABEL_1);
	run_wait_line(run, RUN_STDERR, STAMP "container/2: to 2$");
	stop(run);
}

/* The text is found on stderr, the rest nowhere. */
static void test_own_descriptor_null_is_a_pipe_as_well(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "cron",
		      "sh -c \"echo text > /proc/$PPID/fd/1\"; echo up >&2; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .out = RUN_FD_NULL });
	run_wait_line(run, RUN_STDERR, "container/1: not a JSON object: text$");
	run_wait_line(run, RUN_STDERR, "cron/run: up$");
	stop(run);
}

static void test_own_descriptor_closed_stays_null(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "cron",
		      "sh -c \"echo text > /proc/$PPID/fd/1\"; echo up >&2; exec sleep 1000");
	run = run_start(scene, &(struct run_spec){ .out = RUN_FD_CLOSED });
	run_wait_line(run, RUN_STDERR, "cron/run: up$");
	assert_string_equal(link_of(run, 1), "/dev/null");
	write_own(run, 2, "to 2\n");
	run_wait_line(run, RUN_STDERR, STAMP "container/2: to 2$");
	stop(run);
	run_expect_no_line(run, RUN_STDERR, "text");
}

static void test_own_descriptor_terminal_stays(struct scene *scene)
{
	struct run *run = start_up(scene, &(struct run_spec){ .out = RUN_FD_TTY });

	run_wait_line(run, RUN_STDOUT, "\"up\":1");
	assert_int_equal(strncmp(link_of(run, 1), "/dev/pts/", strlen("/dev/pts/")), 0);
	write_own(run, 1, "bare\n");
	write_own(run, 2, "to 2\n");
	run_wait_line(run, RUN_STDOUT, "^bare$");
	run_wait_line(run, RUN_STDERR, STAMP "container/2: to 2$");
	stop(run);
}

static void test_own_descriptor_both_one_terminal_stay(struct scene *scene)
{
	struct run *run =
		start_up(scene, &(struct run_spec){ .out = RUN_FD_TTY, .err = RUN_FD_STDOUT });

	run_wait_line(run, RUN_STDOUT, "\"up\":1");
	write_own(run, 2, "bare\n");
	run_wait_line(run, RUN_STDOUT, "^bare$");
	stop(run);
}

static void test_own_descriptor_of_another_user_is_a_pipe(struct scene *scene)
{
	struct run *run;

	make_cron(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap"),
						   .user = scene_user() });
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"backup done\"," LABEL_1);
	run_wait_line(run, RUN_STDERR, STAMP "container/2: oops$");
	stop(run);
}

/* ---- who has which descriptor ---- */

/* A service has its own pipes, and neither those in place of 1 and 2 nor what was there before. (It
 * stops itself: a program that is being loaded has its libraries open.) */
static void test_own_descriptor_is_not_inherited(struct scene *scene)
{
	struct run *run;
	const char *found;

	scene_service(scene, "up", "exec sh -c 'echo \"{\\\"pid\\\":$$}\"; kill -STOP $$'");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=1") });
	found = run_match(run, RUN_STDOUT,
			  (run_wait_line(run, RUN_STDOUT, "\"pid\""), "\"pid\":([0-9]+)"), 1);
	for (int fd = 0; fd < 100; fd++) {
		char to[64];
		ssize_t len = readlink(scene_format(scene, "/proc/%s/fd/%d", found, fd), to,
				       sizeof to - 1);

		if (len < 0)
			continue;
		to[len] = '\0';
		if (fd > 2 || strcmp(to, link_of(run, 1)) == 0 || strcmp(to, link_of(run, 2)) == 0)
			scene_fail("descriptor %d of the service is %s", fd, to);
	}
	stop(run);
}

/* ---- the teardown ---- */

static void test_own_descriptor_written_in_teardown_is_written_out(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "slow",
		      "D=$PPID\n"
		      "trap 'echo \"{\\\"term\\\":1}\"; read go <\"$SCENE/go\"\n"
		      "sh -c \"echo last > /proc/$D/fd/1; echo least > /proc/$D/fd/2\"\n"
		      "exit 0' TERM\n"
		      "echo '{\"up\":1}'\n" SCENE_TRAPPING);
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });
	run_wait_line(run, RUN_STDOUT, "\"up\":1");
	run_signal(run, SIGTERM);
	run_wait_line(run, RUN_STDOUT, "\"term\":1");
	write_own(run, 1, "late\n");
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"late\"," LABEL_1);
	run_expect_line(run, RUN_STDOUT, "^\\{\"message\":\"last\"," LABEL_1);
	run_expect_line(run, RUN_STDERR, STAMP "container/2: least$");
	streams_expect_objects(run);
}

/* Writes the next number as a line of its own, all or nothing. Returns whether it was taken. */
static bool write_number(int fd, unsigned long number)
{
	char line[32];
	int len = snprintf(line, sizeof line, "%lu\n", number);

	return write(fd, line, (size_t)len) == len;
}

/* A process that writes numbers until nobody reads them any more. */
static pid_t begin_flood(struct run *run, int fd)
{
	int own = open_own(run, fd, 0);
	pid_t pid = fork();

	if (pid < 0)
		scene_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		for (unsigned long number = 1;; number++)
			write_number(own, number);
	}
	close(own);
	return pid;
}

static void expect_broken_pipe(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

/* It is no process that dinit waits for. */
static void test_own_descriptor_written_without_end_does_not_keep_dinit(struct scene *scene)
{
	struct run *run =
		start_up(scene,
			 &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });
	pid_t out = begin_flood(run, 1), err = begin_flood(run, 2);

	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"1000\"," LABEL_1);
	run_wait_line(run, RUN_STDERR, STAMP "container/2: 1000$");
	stop(run);
	expect_broken_pipe(out);
	expect_broken_pipe(err);
	assert_true(streams_last_number(run, RUN_STDOUT, "container") >= 1000);
	assert_true(streams_last_number(run, RUN_STDERR, "container") >= 1000);
	streams_expect_objects(run);
}

/* ---- back-pressure ---- */

/* Writes numbers to dinit's descriptor until that takes no more. Returns the last one. */
static unsigned long fill_own(struct run *run, int fd)
{
	int own = open_own(run, fd, O_NONBLOCK);
	struct pollfd writable = { .fd = own, .events = POLLOUT };
	unsigned long number = 0;

	while (poll(&writable, 1, STALLED_MS) > 0)
		if (write_number(own, number + 1))
			number++;
	close(own);
	return number;
}

static void check_stall(struct scene *scene, int fd)
{
	enum run_stream stalled = fd == 1 ? RUN_STDOUT : RUN_STDERR,
			other = fd == 1 ? RUN_STDERR : RUN_STDOUT;
	unsigned long last;
	struct run *run;
	size_t rss;

	scene_fifo(scene, "go");
	scene_service(scene, "beat",
		      scene_format(scene,
				   "echo '{\"up\":1}'; read go <\"$SCENE/go\"\n"
				   "echo '{\"beat\":1}' >&%d; exec sleep 1000",
				   other + 1));
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=wrap") });
	run_wait_line(run, RUN_STDOUT, "\"up\":1");
	run_pause(run, stalled);
	last = fill_own(run, fd);
	assert_true(last > 1000);
	rss = streams_rss_kb(run);
	if (rss > RSS_MAX_KB)
		scene_fail("dinit uses %zu kB while nobody reads", rss);
	scene_let_go(scene, "go");
	run_wait_line(run, other, "\"beat\":1");
	write_own(run, fd == 1 ? 2 : 1, "too\n");
	run_wait_line(run, other, "too");
	run_resume(run, stalled);
	run_wait_line(run, stalled, scene_format(scene, "[:\"]+ ?%lu(\"|$)", last));
	stop(run);
	streams_expect_numbers(run, stalled, LIST("container"), 1, last);
	streams_expect_objects(run);
}

static void test_own_descriptor_1_reader_stalls_only_its_writers_wait(struct scene *scene)
{
	check_stall(scene, 1);
}

static void test_own_descriptor_2_reader_stalls_only_its_writers_wait(struct scene *scene)
{
	check_stall(scene, 2);
}

/* ---- where it cannot be done ---- */

/* fcntl(2) with that command and, unless it is 0, that argument fails. */
struct refusal {
	unsigned command, argument;
};

static void refuse(void *ctx)
{
	const struct refusal *refusal = ctx;
	const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refusal->command, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refusal->argument, 0,
			 refusal->argument == 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = sizeof program / sizeof *program,
					   .filter = (struct sock_filter *)(uintptr_t)program };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		_exit(126);
}

/* (A shell copies descriptors in the same way, but for the redirections of its own commands only.)
 */
static void test_own_descriptor_that_cannot_be_copied_stays(struct scene *scene)
{
	struct refusal refusal = { F_DUPFD_CLOEXEC, 10 };
	struct run *run =
		start_up(scene, &(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=info"),
						    .prepare = refuse,
						    .prepare_ctx = &refusal });

	run_expect_line(run, RUN_STDERR,
			"info: descriptor 1 cannot be copied, .*: (Too many open files|No file "
			"descriptors available)$");
	run_expect_line(run, RUN_STDERR, "info: descriptor 2 cannot be copied, ");
	write_own(run, 1, "bare\n");
	run_wait_line(run, RUN_STDOUT, "^bare$");
	stop(run);
}

/* Nor can the pipes of services, which ends dinit; it says both on what it was started with. */
static void test_own_descriptor_whose_pipe_cannot_be_read_stays(struct scene *scene)
{
	struct refusal refusal = { F_SETFL, 0 };
	struct run *run;

	scene_service(scene, "never", "echo never");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=info"),
						   .prepare = refuse,
						   .prepare_ctx = &refusal });
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR,
			"info: descriptor 1 stays as it is, .*: (Too many open files|No file "
			"descriptors available)$");
	run_expect_line(run, RUN_STDERR, "info: descriptor 2 stays as it is, ");
	run_expect_line(run, RUN_STDERR, "error: never/run: cannot be started");
}

static void limit_descriptors(void *ctx)
{
	const rlim_t *limit = ctx;

	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ *limit, *limit }) < 0)
		_exit(126);
}

/* However few descriptors there are, dinit ends by itself, and says on what it was given why there
 * is nothing more. */
static void test_own_descriptor_few_descriptors_are_no_silence(struct scene *scene)
{
	bool worked = false, failed = false;

	scene_service(scene, "short", "sh -c \"echo own >> /proc/$PPID/fd/1\"; echo up");
	for (rlim_t limit = 5; limit < 30; limit++) {
		struct run *run =
			run_start(scene,
				  &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0"),
						      .prepare = limit_descriptors,
						      .prepare_ctx = &limit });

		if (run_wait_exit(run) == 0) {
			worked = true;
			run_expect_line(run, RUN_STDOUT, "short/run: up$");
			run_expect_line(run, RUN_STDOUT, "^own$|container/1: own$");
		} else {
			failed = true;
			assert_int_equal(WEXITSTATUS(run->status), 1);
			run_expect_line(
				run, RUN_STDERR,
				"error: .*(Too many open files|No file descriptors available)");
		}
	}
	assert_true(worked && failed);
}

/* What is said before the pipes are there, and after, has the same way. */
static void test_own_descriptor_nothing_to_run_is_said(struct scene *scene)
{
	struct run *run =
		run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_LOG_LEVEL=info") });

	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDERR, "warning: .*: there is no service to run$");
	run_expect_line(run, RUN_STDERR, "info: dinit .* runs 0 of 0 services");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_own_descriptor_with_wrap_gets_objects),
		SCENE(test_own_descriptor_with_json_text_is_a_warning),
		SCENE(test_own_descriptor_with_text_gets_a_prefix),
		SCENE(test_own_descriptor_unfinished_line_is_written_at_the_end),
		SCENE(test_own_descriptor_of_a_dinit_inside_is_its_own),
		SCENE(test_own_descriptor_both_one_file_are_two_pipes),
		SCENE(test_own_descriptor_file_is_not_truncated),
		SCENE(test_own_descriptor_socket_can_be_opened),
		SCENE(test_own_descriptor_null_is_a_pipe_as_well),
		SCENE(test_own_descriptor_closed_stays_null),
		SCENE(test_own_descriptor_terminal_stays),
		SCENE(test_own_descriptor_both_one_terminal_stay),
		SCENE(test_own_descriptor_of_another_user_is_a_pipe),
		SCENE_AS_SUBREAPER(test_own_descriptor_is_not_inherited),
		SCENE(test_own_descriptor_written_in_teardown_is_written_out),
		SCENE(test_own_descriptor_written_without_end_does_not_keep_dinit),
		SCENE(test_own_descriptor_1_reader_stalls_only_its_writers_wait),
		SCENE(test_own_descriptor_2_reader_stalls_only_its_writers_wait),
		SCENE(test_own_descriptor_that_cannot_be_copied_stays),
		SCENE(test_own_descriptor_whose_pipe_cannot_be_read_stays),
		SCENE(test_own_descriptor_few_descriptors_are_no_silence),
		SCENE(test_own_descriptor_nothing_to_run_is_said),
	};

	return scene_run_all("ownfd", tests, sizeof tests / sizeof *tests);
}
