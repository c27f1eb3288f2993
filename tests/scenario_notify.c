/* SPDX-License-Identifier: ISC */
/* Services that say themselves that they are ready, on the descriptor that their notification-fd
 * names, and NOTIFY_SOCKET, on which dinit says it for all. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WARNING "^[^ ]+Z dinit: warning: "
#define ERROR "^[^ ]+Z dinit: error: "
#define INFO "^[^ ]+Z dinit: info: "
#define POLITE "trap 'echo told; exit 0' TERM; echo up; " SCENE_TRAPPING
#define NEVER "DINIT_CHECK_INTERVAL=100000"

/* Adds a service with a notification-fd; its run has it in $FD, where a shell can write to it by
 * that number. */
static void add(struct scene *scene, const char *name, unsigned number, const char *body)
{
	scene_service(scene, name, scene_format(scene, "FD=%u; %s", number, body));
	scene_file(scene, scene_format(scene, "services/%s/notification-fd", name), 0644,
		   scene_format(scene, "%u\n", number));
}

static struct run *start(struct scene *scene, const char *setting)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						     NEVER, setting ? setting : "SCENE_X=1") });
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- notification-fd ---- */

static void test_notification_makes_ready(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add(scene, "web", 3,
	    "echo waiting; read go <$SCENE/go; printf 'listening' >&3; echo said something\n"
	    "read go <$SCENE/go; echo >&3; exec 3>&-; " POLITE);
	run = start(scene, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: waiting$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDOUT, " web/run: said something$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after ");
	run_expect_line(run, RUN_STDERR, INFO "web: ready after ");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	stop(run);
	run_expect_line(run, RUN_STDOUT, " web/run: told$");
}

/* Whatever number that is, also one that dinit has itself, or the largest. (Shells write to one
 * digit only; what the kernel shows of a process can be opened with every number.) */
static void test_notification_has_every_number(struct scene *scene)
{
	static const unsigned numbers[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 255, 1023 };
	struct run *run;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		add(scene, scene_format(scene, "s%u", numbers[i]), numbers[i],
		    "test -p /proc/$$/fd/$FD && echo >/proc/$$/fd/$FD; " POLITE);
	run = start(scene, NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after ");
	stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDERR, INFO "s[0-9]+: ready after "), 13);
}

/* A process that run has started, and another one after run has closed its own. */
static void test_notification_of_a_child_counts(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add(scene, "web", 4, "(read go <$SCENE/go; echo ready >&4) & exec 4>&-; " POLITE);
	run = start(scene, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_expect_no_line(run, RUN_STDERR, "ready after");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, INFO "web: ready after ");
	stop(run);
}

#define NO_NEWLINE ": its notification-fd was closed without a newline"

/* The end without a newline: it is never ready, and nothing else follows from it. */
static void test_notification_without_a_newline_is_no_failure(struct scene *scene)
{
	struct run *run;

	add(scene, "web", 3, "printf bye >&3; exec 3>&-; " POLITE);
	add(scene, "late", 3, "exec 3>&-; " POLITE);
	scene_service(scene, "other", POLITE);
	run = start(scene, scene_seconds(scene, "DINIT_READY_TIMEOUT", 5000));
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR,
			ERROR "late: not ready after [0-9.]+ s, stopping the container" NO_NEWLINE
			      "$");
	run_expect_line(run, RUN_STDERR, ERROR "web: not ready after [0-9.]+ s" NO_NEWLINE "$");
	run_expect_line(run, RUN_STDERR, ERROR "stopped after .* with status 3: late: not ready");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "/run: told$"), 3);
}

/* What is written there later neither holds the service up nor kills it, and is not logged. */
static void test_notification_pipe_takes_whatever_is_written(struct scene *scene)
{
	struct run *run;

	add(scene, "web", 3,
	    "head -c 1000000 /dev/zero | tr '\\0' x >&3; echo >&3; head -c 1000000 /dev/zero | "
	    "tr '\\0' '\\n' >&3; echo \"wrote $?\"; " POLITE);
	run = start(scene, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: wrote 0$");
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	stop(run);
	assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 3);
	assert_int_equal(run_count_lines(run, RUN_STDERR, INFO "web: ready after "), 1);
}

/* The pipe is run's alone. */
static void test_notification_pipe_is_not_that_of_other_programs(struct scene *scene)
{
#define LOOK "test ! -e /proc/$$/fd/9; echo \"$0 $?\" | sed 's=.*/services/=='"
	struct run *run;

	add(scene, "web", 9, "echo >&9; " POLITE);
	scene_service(scene, "other", LOOK " >&2; " POLITE);
	scene_script(scene, "services/web/log/run", LOOK " >&2; exec cat");
	scene_script(scene, "services/web/check", LOOK " >>$SCENE/checked");
	scene_script(scene, "services/web/terminate", LOOK " >&2; kill $DINIT_PID");
	scene_script(scene, "services/web/finish", LOOK " >&2");
	scene_script(scene, "services/web/prestop", LOOK " >&2");
	scene_script(scene, "services/web/control/h", LOOK " >&2");
	run = start(scene, NULL);
	run_wait_line(run, RUN_STDERR, INFO "all services are ready after ");
	run_wait_line(run, RUN_STDERR, " other/run: other/run 0$");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDERR, "web/control: ");
	stop(run);
	run_expect_line(run, RUN_STDERR, " web/log: web/log/run 0$");
	run_expect_line(run, RUN_STDERR, " web/term: web/terminate 0$");
	run_expect_line(run, RUN_STDERR, " web/finish: web/finish 0$");
	run_expect_line(run, RUN_STDERR, " web/prestop: web/prestop 0$");
	run_expect_line(run, RUN_STDERR, " web/control: web/control/h 0$");
	assert_string_equal(scene_read(scene, "checked"), "web/check 0\n");
}

/* With both, checks begin when the newline has come. */
static void test_notification_comes_before_the_first_check(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "go");
	add(scene, "web", 3, "echo up; read go <$SCENE/go; touch $SCENE/said; echo >&3; " POLITE);
	scene_script(scene, "services/web/check",
		     "test -e $SCENE/said || touch $SCENE/early; exit 0");
	run = start(scene, NULL);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	scene_let_go(scene, "go");
	run_wait_line(run, RUN_STDERR, INFO "web: ready after ");
	stop(run);
	assert_true(access(scene_path(scene, "early"), F_OK) < 0);
}

/* ---- NOTIFY_SOCKET ---- */

/* Makes $SCENE/notify, for datagrams of everybody. Returns the socket. */
static int open_socket(struct scene *scene)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", scene_path(scene, "notify"));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
		       &(struct timeval){ .tv_sec = (time_t)(scene_deadline_ms(20000) / 1000) },
		       sizeof(struct timeval)) < 0)
		scene_fail("no socket: %s", strerror(errno));
	return fd;
}

static const char *setting(struct scene *scene)
{
	return scene_format(scene, "NOTIFY_SOCKET=%s", scene_path(scene, "notify"));
}

/* A datagram comes, or came, and there is no second one. */
static void expect_ready(int fd)
{
	char bytes[100];
	ssize_t n = recv(fd, bytes, sizeof bytes, 0);

	if (n != 7 || memcmp(bytes, "READY=1", 7) != 0)
		scene_fail("%zd bytes came", n);
	assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), -1);
}

static void test_notify_socket_gets_ready_when_all_are(struct scene *scene)
{
	int fd = open_socket(scene);
	struct run *run;
	char byte;

	scene_fifo(scene, "go");
	scene_service(scene, "web", POLITE);
	add(scene, "db", 3, "echo up; read go <$SCENE/go; echo >&3; " POLITE);
	scene_service(scene, "migrate", "exit 115");
	run = start(scene, setting(scene));
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDOUT, " db/run: up$");
	run_wait_line(run, RUN_STDERR, "migrate/run: PID [0-9]+ exited");
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	scene_let_go(scene, "go");
	expect_ready(fd);
	stop(run);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
}

/* Services without any check: as soon as they run. */
static void test_notify_socket_gets_ready_without_checks(struct scene *scene)
{
	int fd = open_socket(scene);
	struct run *run;

	scene_service(scene, "web", POLITE);
	run = start(scene, setting(scene));
	expect_ready(fd);
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	stop(run);
	close(fd);
}

/* No program sees the variable: it would tell the engine that dinit is ready, or worse. */
static void test_notify_socket_is_kept_back(struct scene *scene)
{
#define SHOW "echo \"$0 ${NOTIFY_SOCKET-none} ${OTHER-none}\" | sed 's=.*/services/=='"
	int fd = open_socket(scene);
	struct run *run;

	scene_service(scene, "web", SHOW " >&2; " POLITE);
	scene_script(scene, "services/web/log/run", SHOW " >&2; exec cat");
	scene_script(scene, "services/web/check", SHOW " >>$SCENE/checked");
	scene_script(scene, "services/web/terminate", SHOW " >&2; kill $DINIT_PID");
	scene_script(scene, "services/web/finish", SHOW " >&2");
	scene_script(scene, "services/web/prestop", SHOW " >&2");
	scene_script(scene, "services/web/control/h", SHOW " >&2");
	run = run_start(scene,
			&(struct run_spec){ .environment = LIST("DINIT_JSON_STDOUT=0",
								"DINIT_LOG_LEVEL=info", NEVER,
								setting(scene), "OTHER=x") });
	expect_ready(fd);
	run_wait_line(run, RUN_STDERR, " web/run: web/run none x$");
	run_signal(run, SIGHUP);
	run_wait_line(run, RUN_STDERR, "web/control: ");
	stop(run);
	run_expect_line(run, RUN_STDERR, " web/log: web/log/run none x$");
	run_expect_line(run, RUN_STDERR, " web/term: web/terminate none x$");
	run_expect_line(run, RUN_STDERR, " web/finish: web/finish none x$");
	run_expect_line(run, RUN_STDERR, " web/prestop: web/prestop none x$");
	run_expect_line(run, RUN_STDERR, " web/control: web/control/h none x$");
	assert_string_equal(scene_read(scene, "checked"), "web/check none x\n");
	close(fd);
}

/* A socket that is not there, and nonsense: said at info, and all goes on. */
static void test_notify_socket_that_fails_is_said_at_info(struct scene *scene)
{
	const char *const settings[] = { setting(scene), "NOTIFY_SOCKET=vsock:2:1234",
					 "NOTIFY_SOCKET=@" };

	scene_service(scene, "web", POLITE);
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		struct run *run = start(scene, settings[i]);

		run_wait_line(run, RUN_STDOUT, " web/run: up$");
		run_wait_line(run, RUN_STDERR, INFO "READY=1 cannot be sent to NOTIFY_SOCKET: ");
		stop(run);
		run_expect_no_line(run, RUN_STDERR, WARNING);
	}
}

/* A receiver that takes nothing does not hold dinit up: its queue is full before. */
static void test_notify_socket_that_is_full_is_not_waited_for(struct scene *scene)
{
	int fd = open_socket(scene), sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct run *run;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", scene_path(scene, "notify"));
	while (sendto(sender, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address) ==
	       1)
		;
	close(sender);
	scene_service(scene, "web", POLITE);
	run = start(scene, setting(scene));
	run_wait_line(run, RUN_STDOUT, " web/run: up$");
	run_wait_line(run, RUN_STDERR, INFO "READY=1 cannot be sent to NOTIFY_SOCKET: ");
	stop(run);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_notification_makes_ready),
		SCENE(test_notification_has_every_number),
		SCENE(test_notification_of_a_child_counts),
		SCENE(test_notification_without_a_newline_is_no_failure),
		SCENE(test_notification_pipe_takes_whatever_is_written),
		SCENE(test_notification_pipe_is_not_that_of_other_programs),
		SCENE(test_notification_comes_before_the_first_check),
		SCENE(test_notify_socket_gets_ready_when_all_are),
		SCENE(test_notify_socket_gets_ready_without_checks),
		SCENE(test_notify_socket_is_kept_back),
		SCENE(test_notify_socket_that_fails_is_said_at_info),
		SCENE(test_notify_socket_that_is_full_is_not_waited_for),
	};

	return scene_run_side_by_side("notify", tests, sizeof tests / sizeof *tests);
}
