/* SPDX-License-Identifier: ISC */
/* Readers of dinit's output that stall, go away, or are slow. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* lines: far more than all queues on the way hold */
#define FLOOD 300000
/* with libc's own pages; what FLOOD becomes is twice as much and more */
#define RSS_MAX_KB 6000
/* less than dinit waits for a console; it takes milliseconds */
#define END_MS 4000
/* for what is measured in milliseconds on a machine that has other things to do */
#define ATTEMPTS 5
/* far less than a stalled reader takes */
#define TERM_MS 1000

static const char *const flood[] = { "flood" };
static const char *const other[] = { "other" };

static const char *stream_name(enum run_stream stream)
{
	return stream == RUN_STDOUT ? "stdout" : "stderr";
}

static int fd_of(enum run_stream stream)
{
	return stream == RUN_STDOUT ? 1 : 2;
}

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000 + (unsigned long long)now.tv_nsec;
}

/* ---- descriptors of the test's own as dinit's ---- */

/* dinit's stdout and stderr; -1: what the spec says. */
struct given {
	int fds[2];
};

static void give(void *ctx)
{
	const struct given *given = ctx;

	for (int i = 0; i < 2; i++)
		if (given->fds[i] >= 0 && dup2(given->fds[i], i + 1) < 0)
			_exit(126);
}

static void check_fd(int fd, const char *what)
{
	if (fd < 0)
		scene_fail("%s: %s", what, strerror(errno));
}

/* A process that reads all that comes; ended by end_drain. */
static pid_t begin_drain(int fd)
{
	char bytes[65536];
	pid_t pid = fork();

	check_fd(pid, "fork");
	if (pid == 0) {
		fcntl(fd, F_SETFL, 0);
		while (read(fd, bytes, sizeof bytes) > 0)
			;
		_exit(0);
	}
	return pid;
}

static void end_drain(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- a reader that stalls stops that stream of the services, and nothing else ---- */

/* A service "flood" for the stalled stream, and "other" that uses the other one and leaves
 * zombies, once it is let go. */
static void make_flood_and_other(struct scene *scene, enum run_stream stalled)
{
	scene_fifo(scene, "go");
	scene_service(scene, "flood",
		      scene_format(scene, "trap '' TERM; exec \"$ACTOR\" stall %d json %d flood",
				   fd_of(stalled), FLOOD));
	scene_service(
		scene, "other",
		scene_format(scene,
			     "trap '' TERM; read go <\"$SCENE/go\"; \"$ACTOR\" zombies 50 other\n"
			     "exec \"$ACTOR\" count %d json 20000",
			     fd_of(!stalled)));
}

static void expect_bounded_memory(const struct run *run)
{
	size_t rss = streams_rss_kb(run);

	if (rss > RSS_MAX_KB)
		scene_fail("dinit uses %zu kB while nobody reads", rss);
}

static void check_stall(struct scene *scene, enum run_stream stalled, struct run_spec *spec)
{
	struct run *run;

	make_flood_and_other(scene, stalled);
	spec->environment = LIST(STREAMS(scene), "DINIT_LOG_LEVEL=error");
	run = run_start(scene, spec);
	run_pause(run, stalled);
	streams_wait_report(scene, "stalled flood");
	expect_bounded_memory(run);
	scene_let_go(scene, "go");
	streams_wait_report(scene, "reaped other");
	run_wait_line(run, !stalled,
		      stalled == RUN_STDERR ? "\"n\":20000," : " other/run: \\{\"n\":20000\\}$");
	expect_bounded_memory(run);
	run_resume(run, stalled);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, stalled, flood, 1, FLOOD);
	streams_expect_numbers(run, !stalled, other, 1, 20000);
}

static void test_stdout_stalled_stops_nothing_else(struct scene *scene)
{
	check_stall(scene, RUN_STDOUT, &(struct run_spec){ 0 });
}

static void test_stderr_stalled_stops_nothing_else(struct scene *scene)
{
	check_stall(scene, RUN_STDERR, &(struct run_spec){ 0 });
}

static void test_stdout_socket_stalled_stops_nothing_else(struct scene *scene)
{
	check_stall(scene, RUN_STDOUT, &(struct run_spec){ .out = RUN_FD_SOCKET });
}

static void test_stderr_socket_stalled_stops_nothing_else(struct scene *scene)
{
	check_stall(scene, RUN_STDERR, &(struct run_spec){ .err = RUN_FD_SOCKET });
}

static void test_stdout_tty_stalled_stops_nothing_else(struct scene *scene)
{
	check_stall(scene, RUN_STDOUT, &(struct run_spec){ .out = RUN_FD_TTY });
}

static void test_stdout_without_proc_stalled_stops_nothing_else(struct scene *scene)
{
	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	check_stall(scene, RUN_STDOUT, &(struct run_spec){ .no_proc = true });
}

/* Signals go on: how long a service waits for its TERM while the reader of a stream does
 * nothing. */
static double measure_term_ms(struct scene *scene, enum run_stream stalled,
			      const struct run_spec *spec)
{
	struct run *run = run_start(scene, spec);
	unsigned long long sent, got;

	run_pause(run, stalled);
	streams_wait_report(scene, "ready web");
	streams_wait_report(scene, "stalled flood");
	sent = now_ns();
	run_signal(run, SIGTERM);
	got = strtoull(streams_wait_report(scene, "term web"), NULL, 10);
	run_resume(run, stalled);
	run_expect_exit(run, 0);
	return got > sent ? (double)(got - sent) / 1e6 : 0;
}

static void check_term(struct scene *scene, enum run_stream stalled, struct run_spec *spec)
{
	double ms = 1e9;

	spec->environment = LIST(STREAMS(scene), "DINIT_LOG_LEVEL=info");
	scene_service(scene, "flood",
		      scene_format(scene, "exec \"$ACTOR\" stall %d json %d flood", fd_of(stalled),
				   FLOOD));
	scene_service(scene, "web",
		      scene_format(scene, "exec \"$ACTOR\" handle %d json 5 web", fd_of(!stalled)));
	for (int i = 0; i < ATTEMPTS && ms > TERM_MS; i++)
		ms = measure_term_ms(scene, stalled, spec);
	if (ms > (double)scene_deadline_ms(TERM_MS))
		scene_fail("a service got its TERM after %f ms", ms);
}

static void test_stdout_stalled_term_is_acted_on_at_once(struct scene *scene)
{
	check_term(scene, RUN_STDOUT, &(struct run_spec){ 0 });
}

static void test_stderr_stalled_term_is_acted_on_at_once(struct scene *scene)
{
	check_term(scene, RUN_STDERR, &(struct run_spec){ 0 });
}

static void test_stderr_tty_stalled_term_is_acted_on_at_once(struct scene *scene)
{
	check_term(scene, RUN_STDERR, &(struct run_spec){ .err = RUN_FD_TTY });
}

/* It is not dinit's controlling terminal, and so out of reach without /proc: byte by byte. */
static void test_stdout_tty_without_proc_stalled_term_is_acted_on_at_once(struct scene *scene)
{
	scene_need(!scene_is_sanitized(), "the sanitizers need /proc");
	check_term(scene, RUN_STDOUT, &(struct run_spec){ .no_proc = true, .out = RUN_FD_TTY });
}

/* Where stderr stalls, only services whose stdout lines belong there wait. */
static void test_stderr_stalled_stops_services_with_stray_lines_only(struct scene *scene)
{
	static const char *const strays[] = { "flood", "stray" };
	struct run *run;

	scene_fifo(scene, "go");
	scene_service(scene, "flood",
		      scene_format(scene, "trap '' TERM; exec \"$ACTOR\" stall 2 text %d flood",
				   FLOOD));
	scene_service(scene, "stray",
		      scene_format(scene, "trap '' TERM; exec \"$ACTOR\" stall 1 text %d stray",
				   FLOOD));
	scene_service(scene, "other",
		      "trap '' TERM; read go <\"$SCENE/go\"; exec \"$ACTOR\" count 1 json 50000");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_LOG_LEVEL=error") });
	run_pause(run, RUN_STDERR);
	streams_wait_report(scene, "stalled flood");
	streams_wait_report(scene, "stalled stray");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, "\"n\":50000,\"service\":\"other\"");
	expect_bounded_memory(run);
	run_resume(run, RUN_STDERR);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, other, 1, 50000);
	streams_expect_numbers(run, RUN_STDERR, strays, 2, FLOOD);
}

/* Signals that wait to be read show as pending; TERM would overtake them. */
static void wait_until_signals_are_read(struct scene *scene, const struct run *run)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(10000);
	const char *path = scene_format(scene, "/proc/%d/status", (int)run->pid);
	char line[256];
	bool pending;

	do {
		FILE *status = fopen(path, "re");

		pending = !status;
		while (status && fgets(line, sizeof line, status))
			pending |= strncmp(line, "ShdPnd:", 7) == 0 &&
				   strtoull(line + 7, NULL, 16) != 0;
		if (status)
			fclose(status);
		if (pending && scene_now_ms() > until_ms)
			scene_fail("dinit does not read its signals");
	} while (pending);
}

/* Returns how many messages dinit says were lost, all told. */
static unsigned long sum_dropped(const struct run *run)
{
	static const char words[] = " dinit message";
	const char *at = run->outputs[RUN_STDERR].bytes, *number;
	unsigned long sum = 0;

	for (; (at = strstr(at, words)); at++) {
		for (number = at; number[-1] != ' '; number--)
			;
		sum += strtoul(number, NULL, 10);
	}
	return sum;
}

/* dinit's own messages wait in a queue of bounded length, and what found no room is
 * counted. */
static void test_own_messages_stalled_stderr_are_counted(struct scene *scene)
{
	const unsigned long sent = 10000;
	unsigned long got, dropped;
	struct run *run;

	scene_service(scene, "web", "exec \"$ACTOR\" handle 1 json 0 web");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_LOG_LEVEL=info") });
	run_pause(run, RUN_STDERR);
	streams_wait_report(scene, "ready web");
	/* No more wait at a time than a small machine allows (RLIMIT_SIGPENDING). */
	for (unsigned long i = 0; i < sent; i++)
		while (sigqueue(run->pid, SIGRTMIN + 10, (union sigval){ 0 }) < 0)
			assert_int_equal(errno, EAGAIN);
	wait_until_signals_are_read(scene, run);
	run_signal(run, SIGTERM);
	streams_wait_report(scene, "term web");
	expect_bounded_memory(run);
	run_resume(run, RUN_STDERR);
	run_expect_exit(run, 0);
	got = run_count_lines(run, RUN_STDERR,
			      scene_format(scene, " dinit: info: signal %d .* ignored$",
					   SIGRTMIN + 10));
	dropped = sum_dropped(run);
	if (got == 0 || got >= sent || got + dropped < sent || got + dropped > sent + 20)
		scene_fail("%lu of %lu messages came, %lu are said to have been dropped", got, sent,
			   dropped);
}

/* ---- dinit never changes flags on the descriptors it was given ---- */

static void make_tty(int pair[2])
{
	struct termios raw;

	pair[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	check_fd(pair[0], "posix_openpt");
	if (grantpt(pair[0]) < 0 || unlockpt(pair[0]) < 0)
		scene_fail("a pseudo terminal: %s", strerror(errno));
	pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	check_fd(pair[1], "a pseudo terminal's other end");
	tcgetattr(pair[1], &raw);
	cfmakeraw(&raw);
	tcsetattr(pair[1], TCSANOW, &raw);
}

/* The test keeps the end that it gives to dinit as both streams' and looks at its flags while
 * dinit runs, while it cannot write, and when it has ended. */
static void check_flags(struct scene *scene, int pair[2])
{
	struct given given = { .fds = { pair[1], pair[1] } };
	int flags = fcntl(pair[1], F_GETFL);
	struct run *run;
	pid_t pid;

	scene_service(scene, "web",
		      scene_format(scene, "exec \"$ACTOR\" stall 1 text %d web", FLOOD));
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST(STREAMS(scene), "DINIT_JSON_STDOUT=0"),
				       .out = RUN_FD_NULL,
				       .err = RUN_FD_NULL,
				       .prepare = give,
				       .prepare_ctx = &given });
	streams_wait_report(scene, "stalled web");
	assert_int_equal(fcntl(pair[1], F_GETFL), flags);
	pid = begin_drain(pair[0]);
	streams_wait_report(scene, "written web");
	run_expect_exit(run, 0);
	assert_int_equal(fcntl(pair[1], F_GETFL), flags);
	end_drain(pid);
	close(pair[0]);
	close(pair[1]);
}

static void test_pipe_given_keeps_its_flags(struct scene *scene)
{
	int pair[2];

	check_fd(pipe2(pair, O_CLOEXEC), "pipe");
	check_flags(scene, pair);
}

static void test_socket_given_keeps_its_flags(struct scene *scene)
{
	int pair[2];

	check_fd(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	check_flags(scene, pair);
}

static void test_tty_given_keeps_its_flags(struct scene *scene)
{
	int pair[2];

	make_tty(pair);
	check_flags(scene, pair);
}

/* A file that others write to as well, at the same offset: nothing is overwritten, and
 * its flags stay. */
static void test_file_shared_is_written_in_turn(struct scene *scene)
{
	static const char *const both[] = { "err", "out" };
	const struct run_output *output;
	struct given given;
	struct run *run;
	int fd, flags;

	streams_file(scene, "shared", "before\n", 7);
	fd = open(scene_path(scene, "shared"), O_RDWR | O_CLOEXEC);
	check_fd(fd, "shared");
	lseek(fd, 0, SEEK_END);
	flags = fcntl(fd, F_GETFL);
	given = (struct given){ .fds = { fd, fd } };
	scene_fifo(scene, "go");
	for (int i = 0; i < 2; i++)
		scene_service(
			scene, both[i],
			scene_format(
				scene,
				"trap '' TERM; \"$ACTOR\" report ready; read go <\"$SCENE/go\"\n"
				"exec \"$ACTOR\" count %d text 50000",
				2 - i));
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST(STREAMS(scene), "DINIT_JSON_STDOUT=0"),
				       .out = RUN_FD_NULL,
				       .err = RUN_FD_NULL,
				       .prepare = give,
				       .prepare_ctx = &given });
	for (int i = 0; i < 2; i++)
		streams_wait_report(scene, "ready");
	for (int i = 0; i < 2; i++)
		scene_let_go(scene, "go");
	assert_int_equal(write(fd, "between\n", 8), 8);
	run_expect_exit(run, 0);
	assert_int_equal(write(fd, "after\n", 6), 6);
	assert_int_equal(fcntl(fd, F_GETFL), flags);
	close(fd);
	streams_collect(run, RUN_STDOUT, "shared");
	output = &run->outputs[RUN_STDOUT];
	streams_expect_numbers(run, RUN_STDOUT, both, 2, 50000);
	assert_int_equal(strncmp(output->bytes, "before\n", 7), 0);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "^between$"), 1);
	assert_int_equal(strcmp(output->bytes + output->len - 6, "after\n"), 0);
}

/* ---- stdout and stderr the same open file share one queue ---- */

static void check_same(struct scene *scene, enum run_fd kind)
{
	static const char *const services[] = { "err", "out", "stray" };
	struct run *run;
	size_t lines;

	scene_service(scene, "out", "trap '' TERM; exec \"$ACTOR\" stall 1 json 100000 out");
	scene_service(scene, "err", "trap '' TERM; exec \"$ACTOR\" stall 2 text 100000 err");
	scene_service(scene, "stray", "trap '' TERM; exec \"$ACTOR\" stall 1 text 100000 stray");
	run = run_start(scene, &(struct run_spec){
				       .environment = LIST(STREAMS(scene), "DINIT_LOG_LEVEL=none"),
				       .out = kind,
				       .err = RUN_FD_STDOUT });
	run_pause(run, RUN_STDOUT);
	for (size_t i = 0; i < 3; i++)
		streams_wait_report(scene, scene_format(scene, "stalled %s", services[i]));
	expect_bounded_memory(run);
	run_resume(run, RUN_STDOUT);
	run_expect_exit(run, 0);
	streams_expect_numbers(run, RUN_STDOUT, services, 3, 100000);
	lines = run_count_lines(run, RUN_STDOUT, "");
	assert_int_equal(lines, 300000);
}

static void test_same_pipe_for_both_gets_whole_lines(struct scene *scene)
{
	check_same(scene, RUN_FD_PIPE);
}

static void test_same_socket_for_both_gets_whole_lines(struct scene *scene)
{
	check_same(scene, RUN_FD_SOCKET);
}

/* A socket keeps what it has taken: dinit does not wait for its reader, as it does for a serial
 * console. */
static void test_socket_that_nobody_reads_yet_does_not_hold_up_the_end(struct scene *scene)
{
	struct run *run;
	struct pollfd polled;

	scene_service(scene, "web", "echo up");
	run = run_start(scene, &(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0"),
						   .out = RUN_FD_SOCKET });
	run_pause(run, RUN_STDOUT);
	run_wait_line(run, RUN_STDERR, " web/run: PID [0-9]+ exited with status 0, stopping");
	polled = (struct pollfd){ .fd = run->pid_fd, .events = POLLIN };
	assert_int_equal(poll(&polled, 1, END_MS), 1);
	run_resume(run, RUN_STDOUT);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: up$");
}

/* ---- a reader that has gone ---- */

#define GONE_LINES 100000

/* It writes to both streams and ends with 0, unless something kills it. */
static void make_talker(struct scene *scene)
{
	scene_fifo(scene, "go");
	scene_service(scene, "web",
		      scene_format(scene,
				   "\"$ACTOR\" report ready; read go <\"$SCENE/go\"\n"
				   "\"$ACTOR\" count 1 json %d && \"$ACTOR\" count 2 json %d && "
				   "exec \"$ACTOR\" report lived",
				   GONE_LINES, GONE_LINES));
}

/* The one warning, whatever it looks like there. */
static void expect_one_warning(struct run *run, enum run_stream gone, const char *mode,
			       const char *why)
{
	bool as_object = gone == RUN_STDERR && strcmp(mode, "DINIT_JSON_STDOUT=0") != 0;
	const char *name = stream_name(gone),
		   *before = as_object ? "^\\{\"message\":\"" : "^[^ ]* dinit: warning: ";
	const char *after = as_object ? "\",\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":"
					"\"[-0-9T:.]*Z\"\\}$"
				      : "";

	run_expect_line(run, !gone,
			scene_format(run->scene, "%s%s.*%s.*%s", before, name, why, after));
	assert_int_equal(run_count_lines(run, !gone,
					 scene_format(run->scene, "%s%s", before, name)),
			 1);
	if (as_object)
		streams_expect_objects(run);
}

static const char *const web[] = { "web" };

static void check_gone(struct scene *scene, enum run_stream gone, const char *mode,
		       struct run_spec *spec, const char *why)
{
	struct run *run;

	make_talker(scene);
	spec->environment = LIST(STREAMS(scene), mode);
	run = run_start(scene, spec);
	streams_wait_report(scene, "ready");
	if (run->outputs[gone].fd >= 0)
		run_close(run, gone);
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	streams_wait_report(scene, "lived");
	streams_expect_numbers(run, !gone, web, 1, GONE_LINES);
	expect_one_warning(run, gone, mode, why);
}

static void test_stdout_reader_gone_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDOUT, "DINIT_JSON_STDOUT=1", &(struct run_spec){ 0 },
		   strerror(EPIPE));
}

static void test_stderr_reader_gone_json_mode_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDERR, "DINIT_JSON_STDOUT=1", &(struct run_spec){ 0 },
		   strerror(EPIPE));
}

static void test_stderr_reader_gone_wrap_mode_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDERR, "DINIT_JSON_STDOUT=wrap", &(struct run_spec){ 0 },
		   strerror(EPIPE));
}

static void test_stderr_reader_gone_text_mode_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDERR, "DINIT_JSON_STDOUT=0", &(struct run_spec){ 0 },
		   strerror(EPIPE));
}

static void test_stdout_socket_reader_gone_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDOUT, "DINIT_JSON_STDOUT=1",
		   &(struct run_spec){ .out = RUN_FD_SOCKET }, strerror(EPIPE));
}

static void test_stdout_terminal_hung_up_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDOUT, "DINIT_JSON_STDOUT=1",
		   &(struct run_spec){ .out = RUN_FD_TTY }, "(Input/output|I/O) error");
}

static void test_stdout_closed_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDOUT, "DINIT_JSON_STDOUT=1",
		   &(struct run_spec){ .out = RUN_FD_CLOSED }, strerror(EBADF));
}

static void test_stderr_closed_services_live_on(struct scene *scene)
{
	check_gone(scene, RUN_STDERR, "DINIT_JSON_STDOUT=1",
		   &(struct run_spec){ .err = RUN_FD_CLOSED }, strerror(EBADF));
}

static void test_stdout_device_full_services_live_on(struct scene *scene)
{
	struct given given = { .fds = { open("/dev/full", O_WRONLY | O_CLOEXEC), -1 } };
	struct run_spec spec = { .out = RUN_FD_NULL, .prepare = give, .prepare_ctx = &given };

	scene_need(given.fds[0] >= 0, "there is no /dev/full here");
	check_gone(scene, RUN_STDOUT, "DINIT_JSON_STDOUT=1", &spec, strerror(ENOSPC));
	close(given.fds[0]);
}

/* A file system of its own for a file: 64 kB. */
static void give_small_disk(void *ctx)
{
	const char *dir = ctx;
	int fd;

	if (mount("none", dir, "tmpfs", 0, "size=64k") < 0 || chdir(dir) < 0)
		_exit(125);
	fd = open("stderr", O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 2) < 0)
		_exit(124);
	close(fd);
}

static void test_stderr_disk_full_services_live_on(struct scene *scene)
{
	const char *dir = scene_path(scene, "disk");
	struct run_spec spec = { .err = RUN_FD_NULL,
				 .prepare = give_small_disk,
				 .prepare_ctx = (void *)(uintptr_t)dir };

	scene_mkdir(scene, "disk");
	check_gone(scene, RUN_STDERR, "DINIT_JSON_STDOUT=wrap", &spec, strerror(ENOSPC));
}

/* Both have gone, and the service neither stalls nor dies. */
static void check_both_gone(struct scene *scene, enum run_fd kind)
{
	struct run *run;

	make_talker(scene);
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene)),
						   .out = kind,
						   .err = kind });
	streams_wait_report(scene, "ready");
	for (int i = 0; i < 2; i++)
		if (run->outputs[i].fd >= 0)
			run_close(run, (enum run_stream)i);
	scene_let_go(scene, "go");
	run_expect_exit(run, 0);
	streams_wait_report(scene, "lived");
}

static void test_both_readers_gone_services_live_on(struct scene *scene)
{
	check_both_gone(scene, RUN_FD_PIPE);
}

static void test_both_closed_services_live_on(struct scene *scene)
{
	check_both_gone(scene, RUN_FD_CLOSED);
}

/* ---- the five seconds of a teardown ---- */

#define SLOW_MS 7000
#define SLOW_STEP_MS 500

/* A process that reads slowly for longer than five seconds, then all the rest, and keeps it in a
 * file. */
static pid_t begin_slow_drain(struct scene *scene, int fd)
{
	const char *path = scene_path(scene, "slow");
	uint64_t until_ms = scene_now_ms() + SLOW_MS;
	char bytes[16384];
	ssize_t len;
	pid_t pid = fork();
	int to;

	check_fd(pid, "fork");
	if (pid > 0)
		return pid;
	to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while ((len = read(fd, bytes, sizeof bytes)) > 0) {
		if (write(to, bytes, (size_t)len) != len)
			_exit(1);
		if (scene_now_ms() < until_ms)
			poll(NULL, 0, SLOW_STEP_MS);
	}
	_exit(0);
}

static struct run *start_slowly_read(struct scene *scene, pid_t *pid)
{
	int pair[2];
	struct given given;
	struct run *run;

	check_fd(pipe(pair), "pipe");
	given = (struct given){ .fds = { pair[1], -1 } };
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	fcntl(pair[1], F_SETFD, FD_CLOEXEC);
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST(STREAMS(scene),
								"DINIT_JSON_STDOUT=0", "STREAM=1"),
					    .out = RUN_FD_NULL,
					    .prepare = give,
					    .prepare_ctx = &given });
	close(pair[1]);
	*pid = begin_slow_drain(scene, pair[0]);
	close(pair[0]);
	return run;
}

static struct run *start_stalled(struct scene *scene, enum run_stream stalled)
{
	struct run *run =
		run_start(scene, &(struct run_spec){
					 .environment = LIST(STREAMS(scene), "DINIT_JSON_STDOUT=0",
							     stalled == RUN_STDOUT ? "STREAM=1"
										   : "STREAM=2") });

	run_pause(run, stalled);
	return run;
}

/* It says that it gives up, and how much was dropped: nearly all of what the handler wrote. */
static void expect_given_up(struct run *run, enum run_stream stalled)
{
	const char *name = stream_name(stalled), *dropped;

	run_expect_exit(run, 0);
	run_expect_line(run, !stalled, scene_format(run->scene, " dinit: warning: %s.* 5 s", name));
	dropped = run_match(run, !stalled,
			    scene_format(run->scene,
					 " dinit: warning: %s.* ([0-9]+) bytes were dropped", name),
			    1);
	if (strtoul(dropped, NULL, 10) < 1000000 || strtoul(dropped, NULL, 10) > 3000000)
		scene_fail("%s bytes are said to have been dropped", dropped);
}

/* Three at once, to spare time: nobody reads stdout, nobody reads stderr, and somebody reads
 * stdout slowly. Only he is waited for. */
static void test_teardown_stalled_reader_is_given_up_after_5_s(struct scene *scene)
{
	struct run *slow, *out, *err;
	uint64_t began_ms, took_ms;
	pid_t pid;
	int status;

	scene_service(scene, "web",
		      scene_format(scene, "exec \"$ACTOR\" handle \"$STREAM\" text %d web", FLOOD));
	out = start_stalled(scene, RUN_STDOUT);
	err = start_stalled(scene, RUN_STDERR);
	slow = start_slowly_read(scene, &pid);
	for (int i = 0; i < 3; i++)
		streams_wait_report(scene, "ready web");
	began_ms = scene_now_ms();
	run_signal(out, SIGTERM);
	run_signal(err, SIGTERM);
	run_signal(slow, SIGTERM);
	expect_given_up(out, RUN_STDOUT);
	expect_given_up(err, RUN_STDERR);
	took_ms = scene_now_ms() - began_ms;
	if (took_ms < 4900 || took_ms > scene_deadline_ms(9000))
		scene_fail("the readers were given up after %u ms", (unsigned)took_ms);
	run_expect_exit(slow, 0);
	run_expect_no_line(slow, RUN_STDERR, "stdout");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	streams_collect(slow, RUN_STDOUT, "slow");
	streams_expect_numbers(slow, RUN_STDOUT, web, 1, FLOOD);
}

/* No process is left, only lines: that is for the reader's 5 seconds to end, and nothing is
 * killed. */
static void test_drain_longer_than_stop_timeout_kills_nothing(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "\"$ACTOR\" count 1 text 4000; exit 7");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene),
								       "DINIT_JSON_STDOUT=0",
								       "DINIT_STOP_TIMEOUT=2") });
	run_pause(run, RUN_STDOUT);
	run_wait_line(run, RUN_STDERR, " web/run: PID [0-9]+ exited with status 7, stopping");
	run_wait_line(run, RUN_STDERR, " stdout.* 5 s ");
	run_expect_exit(run, 3);
	run_expect_no_line(run, RUN_STDERR, "killing|killed|leaving");
}

/* ---- one service that floods does not delay another's lines by 20 ms while the reader
 * keeps up ---- */

#define PINGS 100
#define FAIR_MS 20

struct reader {
	int fd;
	size_t len;
	char bytes[65536 + 256];
};

/* Reads until a ping comes. Returns how old it is. */
static double wait_for_ping_ms(struct reader *reader)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(10000);

	while (scene_now_ms() < until_ms) {
		ssize_t len = read(reader->fd, reader->bytes + reader->len, 65536);
		char *ping, *end;

		if (len <= 0)
			scene_fail("dinit's stdout has ended");
		reader->len += (size_t)len;
		ping = memmem(reader->bytes, reader->len, "ping ", 5);
		end = ping ? memchr(ping, '\n', reader->len - (size_t)(ping - reader->bytes))
			   : NULL;
		if (end) {
			reader->len = 0;
			return (double)(now_ns() - strtoull(ping + 5, NULL, 10)) / 1e6;
		}
		if (reader->len > 128) {
			memmove(reader->bytes, reader->bytes + reader->len - 128, 128);
			reader->len = 128;
		}
	}
	scene_fail("a line did not come at all");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure_delay_ms(struct scene *scene, struct reader *reader)
{
	double delays[PINGS];

	for (size_t i = 0; i < PINGS; i++) {
		scene_let_go(scene, "ping");
		delays[i] = wait_for_ping_ms(reader);
	}
	qsort(delays, PINGS, sizeof *delays, compare);
	return delays[PINGS / 2];
}

static void check_fairness(struct scene *scene, const char *mode, const char *kind)
{
	static struct reader reader;
	double ms = 1e9;
	struct given given;
	struct run *run;
	int pair[2];
	pid_t pid;

	check_fd(pipe2(pair, O_CLOEXEC), "pipe");
	given = (struct given){ .fds = { pair[1], -1 } };
	reader = (struct reader){ .fd = pair[0] };
	scene_fifo(scene, "ping");
	scene_service(scene, "flood", scene_format(scene, "exec \"$ACTOR\" flood 1 %s", kind));
	scene_service(scene, "web", "exec \"$ACTOR\" ping \"$SCENE/ping\"");
	run = run_start(scene, &(struct run_spec){ .environment = LIST(STREAMS(scene), mode),
						   .out = RUN_FD_NULL,
						   .prepare = give,
						   .prepare_ctx = &given });
	close(pair[1]);
	for (int i = 0; i < ATTEMPTS && ms > FAIR_MS; i++)
		ms = measure_delay_ms(scene, &reader);
	run_signal(run, SIGTERM);
	pid = begin_drain(pair[0]);
	run_expect_exit(run, 0);
	end_drain(pid);
	close(pair[0]);
	if (ms > (double)scene_deadline_ms(FAIR_MS))
		scene_fail("beside a flood a line needs %f ms", ms);
}

static void test_flood_text_mode_does_not_delay_others(struct scene *scene)
{
	check_fairness(scene, "DINIT_JSON_STDOUT=0", "text");
}

static void test_flood_wrap_mode_does_not_delay_others(struct scene *scene)
{
	check_fairness(scene, "DINIT_JSON_STDOUT=wrap", "json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_stdout_stalled_stops_nothing_else),
		SCENE(test_stderr_stalled_stops_nothing_else),
		SCENE_AS_INIT(test_stdout_socket_stalled_stops_nothing_else),
		SCENE_AS_SUBREAPER(test_stderr_socket_stalled_stops_nothing_else),
		SCENE_AS_SUBREAPER(test_stdout_tty_stalled_stops_nothing_else),
		SCENE_AS_INIT(test_stdout_without_proc_stalled_stops_nothing_else),
		SCENE(test_stdout_stalled_term_is_acted_on_at_once),
		SCENE(test_stderr_stalled_term_is_acted_on_at_once),
		SCENE_AS_INIT(test_stderr_tty_stalled_term_is_acted_on_at_once),
		SCENE_AS_INIT(test_stdout_tty_without_proc_stalled_term_is_acted_on_at_once),
		SCENE(test_stderr_stalled_stops_services_with_stray_lines_only),
		SCENE(test_own_messages_stalled_stderr_are_counted),
		SCENE(test_pipe_given_keeps_its_flags),
		SCENE(test_socket_given_keeps_its_flags),
		SCENE(test_socket_that_nobody_reads_yet_does_not_hold_up_the_end),
		SCENE(test_tty_given_keeps_its_flags),
		SCENE(test_file_shared_is_written_in_turn),
		SCENE(test_same_pipe_for_both_gets_whole_lines),
		SCENE_AS_SUBREAPER(test_same_socket_for_both_gets_whole_lines),
		SCENE(test_stdout_reader_gone_services_live_on),
		SCENE(test_stderr_reader_gone_json_mode_services_live_on),
		SCENE_AS_INIT(test_stderr_reader_gone_wrap_mode_services_live_on),
		SCENE_AS_SUBREAPER(test_stderr_reader_gone_text_mode_services_live_on),
		SCENE(test_stdout_socket_reader_gone_services_live_on),
		SCENE(test_stdout_terminal_hung_up_services_live_on),
		SCENE(test_stdout_closed_services_live_on),
		SCENE(test_stderr_closed_services_live_on),
		SCENE(test_stdout_device_full_services_live_on),
		SCENE_AS_INIT(test_stderr_disk_full_services_live_on),
		SCENE(test_both_readers_gone_services_live_on),
		SCENE(test_both_closed_services_live_on),
		SCENE(test_teardown_stalled_reader_is_given_up_after_5_s),
		SCENE(test_drain_longer_than_stop_timeout_kills_nothing),
		SCENE_AS_INIT(test_flood_text_mode_does_not_delay_others),
		SCENE_AS_SUBREAPER(test_flood_wrap_mode_does_not_delay_others),
	};

	return scene_run_all("stall", tests, sizeof tests / sizeof *tests);
}
