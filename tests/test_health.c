/* SPDX-License-Identifier: ISC */
/* health.c with the clock and the checks in the test's hand: which check is begun when, and what
 * follows from what it says. The services are only described; the page is real. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <cmocka.h>

#include "announce.h"
#include "command.h"
#include "health.h"
#include "log.h"
#include "pace.h"

#define SERVICES_MAX 1000
/* No multiple of an interval. */
#define BEGIN_MS 1003217
#define EXITED(status) ((status) << 8)

/* ---- what is taken ---- */

static uint64_t clock_ms;
/* The calloc that fails: 0 is the next one; -1: none. */
static int callocs_until_failure;
/* What a check fails with that cannot be started; NULL: it can. */
static const char *start_failure;
/* How often it was announced that all are ready, and that this is given up. */
static unsigned announced, announce_stops;

/* What the checks do: by the place of their service. */
static struct play {
	struct check *check;
	/* Its process is there. */
	bool running;
	pid_t run_pid;
	uint64_t timeout_ms, began_ms;
	unsigned begun, stopped;
} plays[SERVICES_MAX];
static struct svdir_entry entries[SERVICES_MAX];
static struct config config;
static unsigned closed;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_check_start(struct check *check, pid_t run_pid, uint64_t timeout_ms);
bool __wrap_check_is_running(const struct check *check);
void __wrap_check_stop(struct check *check);
void __wrap_check_close(struct check *check);
void __wrap_announce_begin(struct announce *announce, struct loop *loop, const char *socket_name);
void __wrap_announce_stop(struct announce *announce);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ (time_t)(clock_ms / 1000), (long)(clock_ms % 1000) * 1000000 };
	return 0;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
	(void)timeout_ms;
	return __real_epoll_wait(epoll_fd, events, max, 0);
}

void *__wrap_calloc(size_t count, size_t size)
{
	errno = ENOMEM;
	return callocs_until_failure-- == 0 ? NULL : __real_calloc(count, size);
}

static struct play *play_of(const struct check *check)
{
	return &plays[check->entry - entries];
}

void __wrap_check_start(struct check *check, pid_t run_pid, uint64_t timeout_ms)
{
	struct play *play = play_of(check);

	assert_false(play->running);
	assert_true(run_pid > 0);
	play->check = check;
	play->begun++;
	play->run_pid = run_pid;
	play->timeout_ms = timeout_ms;
	play->began_ms = clock_ms;
	play->running = start_failure == NULL;
	check->unstarted = start_failure != NULL;
	if (start_failure)
		check->on_result(check->ctx, false, start_failure);
}

bool __wrap_check_is_running(const struct check *check)
{
	return play_of(check)->running;
}

void __wrap_check_stop(struct check *check)
{
	play_of(check)->stopped++;
}

void __wrap_check_close(struct check *check)
{
	(void)check;
	closed++;
}

void __wrap_announce_begin(struct announce *announce, struct loop *loop, const char *socket_name)
{
	(void)announce;
	assert_non_null(loop);
	assert_string_equal(socket_name, config.notify_socket);
	announced++;
}

void __wrap_announce_stop(struct announce *announce)
{
	(void)announce;
	announce_stops++;
}

/* ---- the rig ---- */

static char said[20000];
static char cause[1000];
static unsigned failures;
static struct loop loop;
static struct board board;
static struct svdir svdir;
static struct programs programs;
static struct health health;
static struct service services[SERVICES_MAX];
static char names[SERVICES_MAX][12];

static void keep(void *ctx, const char *line, size_t len)
{
	size_t so_far = strlen(said);

	(void)ctx;
	assert_true(so_far + len < sizeof said);
	memcpy(said + so_far, line, len);
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

static bool on_failure(void *ctx, const char *text)
{
	assert_ptr_equal(ctx, &failures);
	snprintf(cause, sizeof cause, "%s", text);
	return failures++ == 0;
}

static int setup(void **state)
{
	sigset_t none;

	(void)state;
	clock_ms = BEGIN_MS;
	callocs_until_failure = -1;
	start_failure = NULL;
	announced = announce_stops = failures = closed = 0;
	memset(said, 0, sizeof said);
	memset(cause, 0, sizeof cause);
	memset(plays, 0, sizeof plays);
	memset(entries, 0, sizeof entries);
	memset(services, 0, sizeof services);
	config = (struct config){ .skip = "", .notify_socket = "", .check_interval_ms = 10000 };
	svdir = (struct svdir){ .entries = entries };
	log_set_level(CONFIG_LOG_INFO);
	log_set_writer(keep, NULL);
	sigemptyset(&none);
	assert_int_equal(loop_open(&loop, &none, on_signal, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	health_close(&health);
	board_close(&board);
	loop_close(&loop);
	log_set_writer(NULL, NULL);
	return 0;
}

/* Adds a service; its name is a letter, or two. Returns its place. */
static size_t add(const char *name)
{
	static char dir[] = "/services";
	size_t place = svdir.len++;

	snprintf(names[place], sizeof names[place], "%s", name);
	entries[place].name = names[place];
	entries[place].dir = dir;
	services[place] = (struct service){
		.entry = &entries[place],
		.state = SERVICE_WAITING,
		.run_status = -1,
	};
	return place;
}

static size_t add_checked(const char *name)
{
	static char check[] = "/services/check";
	size_t place = add(name);

	entries[place].check = check;
	return place;
}

static void open_health(void)
{
	struct health_means means = {
		.config = &config,
		.svdir = &svdir,
		.loop = &loop,
		.programs = &programs,
		.board = &board,
	};

	assert_int_equal(board_open(&board, svdir.len, 10000), 0);
	assert_int_equal(health_open(&health, &means, on_failure, &failures), 0);
}

static void note(size_t place, enum service_state state)
{
	services[place].state = state;
	services[place].run.state = state >= SERVICE_RUNNING && state <= SERVICE_STOPPING
					    ? PROGRAM_RUNNING
					    : PROGRAM_IDLE;
	services[place].run.watch.pid = (pid_t)(100 + place);
	health_note_service(&health, &services[place]);
}

/* Prepares health, and starts all services. */
static void start_all(void)
{
	open_health();
	for (size_t i = 0; i < svdir.len; i++)
		note(i, SERVICE_RUNNING);
}

static void end(size_t place, int status, enum service_state state)
{
	services[place].run_status = status;
	note(place, state);
}

static enum loop_verdict stop(void *ctx)
{
	(void)ctx;
	return LOOP_STOP;
}

static void turn(void)
{
	assert_int_equal(loop_run(&loop, stop, NULL), 0);
}

/* Turns until then, one for each timer. */
static void pass(uint64_t ms)
{
	uint64_t until = clock_ms + ms;

	turn();
	while (loop.first && loop.first->due_ms <= until) {
		if (clock_ms < loop.first->due_ms)
			clock_ms = loop.first->due_ms;
		turn();
	}
	clock_ms = until;
	turn();
}

/* The check of that service, which runs, says this. */
static void say(size_t place, bool succeeded, const char *reason)
{
	struct play *play = &plays[place];

	assert_true(play->running);
	play->running = false;
	play->check->on_result(play->check->ctx, succeeded, reason);
}

/* It is ready again, and the next check runs. */
static void say_again(size_t place)
{
	pass(10000);
	say(place, true, "");
	pass(10000);
}

/* The next check of that service begins so much later, to the millisecond. */
static void expect_begin(size_t place, uint64_t ms)
{
	unsigned begun = plays[place].begun;

	if (ms > 0)
		pass(ms - 1);
	if (ms > 0 && plays[place].begun != begun)
		fail_msg("%s begins after %u ms, not %u", names[place],
			 (unsigned)(plays[place].began_ms + ms - 1 - clock_ms), (unsigned)ms);
	pass(ms > 0 ? 1 : 0);
	if (plays[place].begun != begun + 1)
		fail_msg("%s has begun %u times after %u ms", names[place],
			 plays[place].begun - begun, (unsigned)ms);
}

static const struct board_entry *entry_of(size_t place)
{
	return (const struct board_entry *)(board.header + 1) + place;
}

static const char *reason_of(size_t place)
{
	const struct board_entry *entry = entry_of(place);
	const char *reason = (const char *)board.header + entry->reason_at;

	assert_int_equal(entry->reason_len, entry->reason_at ? strlen(reason) : 0);
	return entry->reason_at ? reason : "";
}

/* The page says that of the service. */
static void expect_state(size_t place, enum board_state state)
{
	assert_int_equal(board.header->sequence % 2, 0);
	assert_int_equal(entry_of(place)->state, state);
}

static void expect_whole(enum board_whole whole, bool ready)
{
	assert_int_equal(board.header->sequence % 2, 0);
	assert_int_equal(board.header->state, whole);
	assert_int_equal(board.header->ready, ready);
}

/* So many messages have this text. */
static void expect_said(const char *text, unsigned times)
{
	unsigned found = 0;

	for (const char *at = said; (at = strstr(at, text)); at++)
		found++;
	if (found != times)
		fail_msg("\"%s\" was said %u times, not %u:\n%s", text, found, times, said);
}

/* ---- services without a check ---- */

static void test_health_service_without_a_check_is_ready_while_it_runs(void **state)
{
	size_t a = add("a"), b = add("b");

	(void)state;
	open_health();
	expect_state(a, BOARD_STARTING);
	expect_whole(BOARD_WHOLE_STARTING, false);
	note(a, SERVICE_RUNNING);
	expect_state(a, BOARD_READY);
	expect_whole(BOARD_WHOLE_STARTING, false);
	note(b, SERVICE_RUNNING);
	expect_whole(BOARD_WHOLE_RUNNING, true);
	/* Nobody has asked for a message. */
	assert_string_equal(said, "");
	note(a, SERVICE_UNLOGGED);
	expect_state(a, BOARD_READY);
	end(a, EXITED(2), SERVICE_FINISHING);
	expect_state(a, BOARD_FINISHING);
	expect_whole(BOARD_WHOLE_RUNNING, false);
	end(a, EXITED(2), SERVICE_ENDED);
	expect_state(a, BOARD_ENDED);
	assert_string_equal(reason_of(a), "exited with status 2");
	assert_int_equal(entry_of(a)->exit_status, 2);
	assert_int_equal(entry_of(a)->pid, 0);
}

static void test_health_disabled_and_optional_services_are_no_obstacle(void **state)
{
	size_t a = add("a"), b = add("b"), c = add("c"), d = add("d");

	(void)state;
	entries[b].optional = true;
	entries[c].down = true;
	config.skip = "d";
	open_health();
	expect_state(c, BOARD_DOWN);
	expect_state(d, BOARD_SKIPPED);
	note(a, SERVICE_RUNNING);
	end(a, EXITED(SERVICE_EXIT_DISABLED), SERVICE_DISABLED);
	expect_state(a, BOARD_DISABLED);
	expect_whole(BOARD_WHOLE_STARTING, false);
	/* It could not even be started. */
	note(b, SERVICE_DISABLED);
	services[b].run_status = -1;
	expect_state(b, BOARD_ENDED);
	assert_true(entry_of(b)->flags & BOARD_FLAG_DONE);
	expect_whole(BOARD_WHOLE_RUNNING, true);
}

static void test_health_finish_of_a_service_that_is_done_is_no_obstacle(void **state)
{
	size_t a = add("a");

	(void)state;
	start_all();
	expect_whole(BOARD_WHOLE_RUNNING, true);
	services[a].outcome = SERVICE_DISABLED;
	end(a, EXITED(SERVICE_EXIT_DISABLED), SERVICE_FINISHING);
	expect_state(a, BOARD_FINISHING);
	expect_whole(BOARD_WHOLE_RUNNING, true);
}

/* It is a service like any other, but that it never disables itself. */
static void test_health_command_is_shown_as_what_it_is(void **state)
{
	static struct command command;
	size_t a = add("a"), job = add("job");

	(void)state;
	entries[job].command = &command;
	config.skip = "*";
	open_health();
	expect_state(a, BOARD_SKIPPED);
	assert_int_equal(entry_of(a)->flags, 0);
	expect_state(job, BOARD_STARTING);
	assert_int_equal(entry_of(job)->flags, BOARD_FLAG_COMMAND);
	expect_whole(BOARD_WHOLE_STARTING, false);
	pass(10);
	note(job, SERVICE_RUNNING);
	expect_state(job, BOARD_READY);
	expect_whole(BOARD_WHOLE_RUNNING, true);
	assert_int_equal(entry_of(job)->pid, 100 + job);
	assert_int_equal(entry_of(job)->started.monotonic_ms, BEGIN_MS + 10);
	assert_int_equal(entry_of(job)->exit_status, -1);
	note(job, SERVICE_STOPPING);
	expect_state(job, BOARD_STOPPING);
	end(job, EXITED(SERVICE_EXIT_DISABLED), SERVICE_ENDED);
	expect_state(job, BOARD_ENDED);
	expect_whole(BOARD_WHOLE_RUNNING, false);
	assert_int_equal(entry_of(job)->exit_status, SERVICE_EXIT_DISABLED);
	assert_int_equal(entry_of(job)->flags, BOARD_FLAG_COMMAND);
	assert_string_equal(reason_of(job), "exited with status 115");
}

static void test_health_command_that_cannot_be_started_has_ended(void **state)
{
	static struct command command;
	size_t job = add("job");

	(void)state;
	entries[job].command = &command;
	open_health();
	note(job, SERVICE_FAILED);
	expect_state(job, BOARD_ENDED);
	expect_whole(BOARD_WHOLE_STARTING, false);
	assert_int_equal(entry_of(job)->flags, BOARD_FLAG_COMMAND);
	assert_int_equal(entry_of(job)->started.monotonic_ms, 0);
	assert_int_equal(entry_of(job)->exit_status, -1);
}

/* The page says when the state changed, and not when something else did. */
static void test_health_shows_since_when(void **state)
{
	size_t a = add("a"), b = add_checked("b");
	uint32_t sequence;

	(void)state;
	open_health();
	assert_int_equal(entry_of(a)->since.monotonic_ms, BEGIN_MS);
	assert_int_equal(entry_of(a)->started.monotonic_ms, 0);
	assert_int_equal(entry_of(a)->exit_status, -1);
	assert_int_equal(entry_of(a)->flags, 0);
	pass(10);
	note(a, SERVICE_RUNNING);
	note(b, SERVICE_RUNNING);
	assert_int_equal(board.header->since.monotonic_ms, BEGIN_MS);
	pass(10);
	sequence = board.header->sequence;
	say(b, true, "");
	/* One change of the service, one of the whole. */
	assert_int_equal(board.header->sequence, sequence + 4);
	assert_int_equal(board.header->since.monotonic_ms, BEGIN_MS + 20);
	pass(10);
	sequence = board.header->sequence;
	note(a, SERVICE_UNLOGGED);
	assert_int_equal(board.header->sequence, sequence + 2);
	assert_int_equal(entry_of(a)->since.monotonic_ms, BEGIN_MS + 10);
	assert_int_equal(entry_of(a)->started.monotonic_ms, BEGIN_MS + 10);
	assert_int_equal(entry_of(b)->since.monotonic_ms, BEGIN_MS + 20);
	assert_int_equal(entry_of(b)->started.monotonic_ms, BEGIN_MS + 10);
	assert_int_equal(entry_of(b)->flags, BOARD_FLAG_CHECK);
	assert_int_equal(entry_of(b)->exit_status, -1);
	note(b, SERVICE_RUNNING);
	assert_int_equal(entry_of(b)->started.monotonic_ms, BEGIN_MS + 10);
	note(b, SERVICE_STOPPING);
	assert_int_equal(board.header->since.monotonic_ms, BEGIN_MS + 20);
	assert_int_equal(entry_of(b)->since.monotonic_ms, BEGIN_MS + 30);
	pass(10);
	end(b, SIGKILL, SERVICE_ENDED);
	assert_int_equal(entry_of(b)->exit_status, 128 + SIGKILL);
	assert_int_equal(entry_of(b)->started.monotonic_ms, BEGIN_MS + 10);
	assert_string_equal(reason_of(b), "was killed by signal 9 (Killed)");
	end(a, EXITED(0), SERVICE_ENDED);
	assert_int_equal(entry_of(a)->exit_status, 0);
	assert_string_equal(reason_of(a), "exited with status 0");
}

static void test_health_optional_service_that_ends_has_ended(void **state)
{
	size_t a = add("a"), b = add("b");

	(void)state;
	entries[a].optional = entries[b].optional = true;
	start_all();
	end(a, EXITED(0), SERVICE_DISABLED);
	expect_state(a, BOARD_ENDED);
	assert_int_equal(entry_of(a)->flags, BOARD_FLAG_OPTIONAL | BOARD_FLAG_DONE);
	end(b, SIGTERM, SERVICE_DISABLED);
	expect_state(b, BOARD_ENDED);
	expect_whole(BOARD_WHOLE_RUNNING, true);
}

/* The reason is that of the moment, and stays: the service has none later on. */
static void test_health_shows_why_a_service_cannot_be_started(void **state)
{
	size_t a = add("a"), b = add("b");
	char why[2 * BOARD_REASON_SIZE];

	(void)state;
	entries[a].optional = true;
	open_health();
	services[a].unstarted = "a/run has no interpreter";
	note(a, SERVICE_DISABLED);
	services[a].unstarted = NULL;
	expect_state(a, BOARD_ENDED);
	assert_int_equal(entry_of(a)->exit_status, -1);
	assert_string_equal(reason_of(a), "cannot be started: a/run has no interpreter");
	note(a, SERVICE_DISABLED);
	assert_string_equal(reason_of(a), "cannot be started: a/run has no interpreter");
	memset(why, 'x', sizeof why - 1);
	why[sizeof why - 1] = '\0';
	services[b].unstarted = why;
	note(b, SERVICE_FAILED);
	expect_state(b, BOARD_ENDED);
	assert_memory_equal(reason_of(b), "cannot be started: xxx", 22);
	assert_true(strlen(reason_of(b)) < BOARD_REASON_SIZE);
}

/* ---- notification-fd ---- */

static void test_health_notification_makes_ready(void **state)
{
	size_t a = add("a");

	(void)state;
	entries[a].notification_fd = 3;
	start_all();
	expect_state(a, BOARD_STARTING);
	assert_int_equal(entry_of(a)->flags, BOARD_FLAG_NOTIFY);
	clock_ms += 1300;
	turn();
	services[a].notified = true;
	note(a, SERVICE_RUNNING);
	expect_state(a, BOARD_READY);
	expect_whole(BOARD_WHOLE_RUNNING, true);
	expect_said("info: a: ready after 1.3 s", 1);
	expect_said("info: all services are ready after 1.3 s", 1);
	note(a, SERVICE_RUNNING);
	expect_said("ready after", 2);
	assert_int_equal(plays[a].begun, 0);
}

static void test_health_notification_that_will_not_come_is_the_reason(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	entries[a].notification_fd = 3;
	config.ready_timeout_ms = 5000;
	start_all();
	services[a].never_notified = true;
	note(a, SERVICE_RUNNING);
	expect_state(a, BOARD_STARTING);
	assert_string_equal(reason_of(a), "its notification-fd was closed without a newline");
	pass(5000);
	assert_int_equal(failures, 1);
	expect_said("error: a: not ready after 5 s, stopping the container: its notification-fd "
		    "was closed without a newline\n",
		    1);
	assert_int_equal(plays[a].begun, 0);
}

static void test_health_checks_begin_with_the_notification(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	entries[a].notification_fd = 3;
	start_all();
	pass(30000);
	assert_int_equal(plays[a].begun, 0);
	services[a].notified = true;
	note(a, SERVICE_RUNNING);
	expect_state(a, BOARD_STARTING);
	expect_begin(a, 0);
	say(a, true, "");
	expect_state(a, BOARD_READY);
	expect_said("info: a: ready after 30 s", 1);
}

/* ---- when checks begin ---- */

static void test_health_check_is_begun_at_once_and_then_each_second(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	expect_begin(a, 0);
	assert_int_equal(plays[a].run_pid, 100);
	assert_int_equal(plays[a].timeout_ms, 10000);
	for (unsigned i = 0; i < 5; i++) {
		/* However long one takes. */
		pass(100 * i);
		say(a, false, "exited with status 1");
		expect_begin(a, PACE_RETRY_MS - 100 * i);
	}
	pass(PACE_RETRY_MS + 1);
	say(a, false, "exited with status 1");
	expect_begin(a, 0);
	expect_state(a, BOARD_STARTING);
	assert_int_equal(entry_of(a)->check_failures, 6);
	assert_string_equal(reason_of(a), "exited with status 1");
	/* Nobody was told. */
	assert_string_equal(said, "");
	say(a, true, "fine");
	expect_state(a, BOARD_READY);
	assert_int_equal(entry_of(a)->check_failures, 0);
	assert_int_equal(entry_of(a)->check_failures_total, 6);
	assert_string_equal(reason_of(a), "fine");
}

static void test_health_short_interval_is_that_of_retries_too(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.check_interval_ms = 300;
	start_all();
	expect_begin(a, 0);
	assert_int_equal(plays[a].timeout_ms, 300);
	say(a, false, "no");
	expect_begin(a, 300);
	pass(200);
	say(a, false, "no");
	expect_begin(a, 100);
}

/* The first checks begin when all services have been started, which may need what checks need, and
 * one after the other. */
static void test_health_first_checks_wait_until_all_services_are_started(void **state)
{
	size_t a = add_checked("a"), b = add("b"), c = add_checked("c"), d = add("d");

	(void)state;
	entries[b].optional = entries[d].down = true;
	open_health();
	/* Whatever changes of one that has been started. */
	for (unsigned i = 0; i < 4; i++)
		note(a, SERVICE_RUNNING);
	pass(60000);
	/* It cannot be started. */
	note(b, SERVICE_DISABLED);
	pass(60000);
	assert_int_equal(plays[a].begun, 0);
	note(c, SERVICE_RUNNING);
	expect_begin(a, 0);
	assert_int_equal(plays[c].begun, 0);
	expect_begin(c, 1);
}

/* One that has ended by then gets none. */
static void test_health_first_checks_are_those_of_services_that_run(void **state)
{
	size_t a = add_checked("a"), b = add("b"), c = add("c");

	(void)state;
	entries[c].notification_fd = 3;
	open_health();
	note(a, SERVICE_RUNNING);
	note(c, SERVICE_RUNNING);
	services[c].notified = true;
	note(c, SERVICE_RUNNING);
	end(a, EXITED(SERVICE_EXIT_DISABLED), SERVICE_DISABLED);
	note(b, SERVICE_RUNNING);
	pass(60000);
	assert_int_equal(plays[a].begun, 0);
	assert_int_equal(plays[c].begun, 0);
	expect_whole(BOARD_WHOLE_RUNNING, true);
}

/* The moments of one that is alone are the interval's beginnings since the start. */
static void test_health_check_of_a_ready_service_comes_every_interval(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	expect_begin(a, 0);
	say(a, false, "no");
	expect_begin(a, 1000);
	pass(200);
	say(a, true, "");
	expect_begin(a, 8800);
	for (unsigned i = 0; i < 3; i++) {
		pass(i * 4000);
		/* Also where it fails: once ready, there are no retries. */
		say(a, i == 0, "");
		expect_begin(a, 10000 - i * 4000);
	}
	say(a, true, "");
	expect_begin(a, 10000);
}

/* It takes no time that the clock sees, at the moment itself and right before it. */
static void test_health_check_is_not_begun_twice_at_its_moment(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	expect_begin(a, 0);
	say(a, true, "");
	expect_begin(a, 10000);
	say(a, true, "");
	pass(0);
	assert_int_equal(plays[a].begun, 2);
	start_failure = "cannot be started: no process can be made";
	expect_begin(a, 10000);
	pass(0);
	assert_int_equal(plays[a].begun, 3);
	expect_begin(a, 10000);
	start_failure = NULL;
	expect_begin(a, 10000);
}

/* With other services each has a moment of its own, from the first one that succeeded on. */
static void test_health_checks_are_spread_over_the_interval(void **state)
{
	unsigned most = 0;

	(void)state;
	log_set_level(CONFIG_LOG_WARN);
	for (size_t i = 0; i < SERVICES_MAX; i++) {
		char name[12];

		snprintf(name, sizeof name, "s%03zu", i);
		add_checked(name);
	}
	start_all();
	pass(1001);
	for (size_t i = 0; i < SERVICES_MAX; i++) {
		assert_int_equal(plays[i].begun, 1);
		say(i, true, "");
	}
	for (unsigned second = 0; second < 30; second++) {
		unsigned begun = 0;

		for (unsigned part = 0; part < 10; part++) {
			pass(100);
			for (size_t i = 0; i < SERVICES_MAX; i++) {
				if (!plays[i].running)
					continue;
				begun++;
				say(i, true, "");
			}
		}
		most = begun > most ? begun : most;
		/* The first one's moment is the beginning of a second. */
		assert_in_range(begun, SERVICES_MAX / 10 - 1, SERVICES_MAX / 10 + 1);
	}
	assert_true(most <= SERVICES_MAX / 10 + 1);
	for (size_t i = 0; i < SERVICES_MAX; i++)
		assert_int_equal(plays[i].begun, 4);
}

/* ---- runs that end late ---- */

static void test_health_check_that_took_its_whole_time_is_begun_again_at_once(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	expect_begin(a, 0);
	say(a, true, "");
	expect_begin(a, 10000);
	for (unsigned late = 0; late < 3; late++) {
		pass(10000 + late);
		say(a, false, "took longer than 10 s");
		expect_begin(a, 0);
	}
	pass(10);
	say(a, true, "");
	/* At its moment again: 10 ms and the 3 ms of the late ones have passed of an interval. */
	expect_begin(a, 9987);
}

/* Also at the very end of its time, and elsewhere than at its moment. */
static void test_health_check_that_took_exactly_its_time_is_begun_again_at_once(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	expect_begin(a, 0);
	say(a, false, "no");
	expect_begin(a, 1000);
	pass(10000);
	say(a, true, "");
	expect_begin(a, 0);
	say(a, true, "");
	expect_begin(a, 9000);
}

/* Who has none takes no part of the interval. */
static void test_health_moments_are_those_of_services_with_a_check(void **state)
{
	size_t a = add_checked("a"), b = add("b"), c = add_checked("c");

	(void)state;
	entries[b].notification_fd = 3;
	start_all();
	pass(1);
	say(a, true, "");
	say(c, true, "");
	expect_begin(c, 4999);
	expect_begin(a, 5000);
}

/* It was killed, the result is told, and its process is still there. */
static void test_health_check_whose_process_stays_is_not_begun_twice(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.check_failures = 4;
	start_all();
	expect_begin(a, 0);
	say(a, true, "");
	expect_begin(a, 10000);
	pass(10000);
	plays[a].check->on_result(plays[a].check->ctx, false, "took longer than 10 s");
	expect_state(a, BOARD_UNREADY);
	pass(9899);
	assert_int_equal(plays[a].begun, 2);
	assert_int_equal(entry_of(a)->check_failures, 1);
	/* Every interval is a failure all the same. */
	pass(201);
	assert_int_equal(entry_of(a)->check_failures, 2);
	assert_string_equal(reason_of(a), "the last run was killed and has not ended yet");
	pass(10000);
	assert_int_equal(entry_of(a)->check_failures, 3);
	assert_int_equal(failures, 0);
	pass(10000);
	assert_int_equal(failures, 1);
	/* When it has gone the next one begins soon. */
	plays[a].running = false;
	pass(100);
	assert_int_equal(plays[a].begun, 3);
	say(a, true, "");
	expect_state(a, BOARD_READY);
}

/* ---- not ready any more ---- */

static void test_health_loss_and_return_are_said_once(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	pass(0);
	say(a, true, "");
	expect_whole(BOARD_WHOLE_RUNNING, true);
	expect_said("info: a: ready after 0.0 s", 1);
	expect_said("info: all services are ready after 0.0 s", 1);
	expect_begin(a, 10000);
	say(a, false, "exited with status 1: refused");
	expect_state(a, BOARD_UNREADY);
	expect_whole(BOARD_WHOLE_RUNNING, false);
	expect_said("warning: a/check: not ready any more: exited with status 1: refused\n", 1);
	expect_begin(a, 10000);
	say(a, false, "exited with status 2");
	assert_string_equal(reason_of(a), "exited with status 2");
	expect_begin(a, 10000);
	pass(2000);
	say(a, true, "");
	expect_state(a, BOARD_READY);
	expect_whole(BOARD_WHOLE_RUNNING, true);
	expect_said("not ready any more", 1);
	expect_said("warning: a/check: ready again after 22 s\n", 1);
	expect_said("all services are ready", 1);
	assert_int_equal(entry_of(a)->check_failures_total, 2);
	assert_int_equal(failures, 0);
}

static void test_health_each_failure_is_said_at_debug(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	log_set_level(CONFIG_LOG_DEBUG);
	start_all();
	for (unsigned i = 0; i < 3; i++) {
		expect_begin(a, i ? 1000 : 0);
		say(a, false, "exited with status 1");
	}
	expect_said("debug: a/check: failed: exited with status 1\n", 3);
}

/* At the default level nothing else would tell of it. */
static void test_health_check_that_cannot_be_started_is_one_warning(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	start_failure = "cannot be started: there is no interpreter";
	for (unsigned i = 0; i < 3; i++)
		expect_begin(a, i ? 1000 : 0);
	expect_said("warning: a/check: cannot be started: there is no interpreter\n", 1);
	expect_said("a/check", 1);
	/* Of one that was ready the loss is said, in other words. */
	start_failure = NULL;
	expect_begin(a, 1000);
	say(a, true, "");
	start_failure = "cannot be started: no process can be made";
	expect_begin(a, 7000);
	expect_said("cannot be started", 2);
	expect_said("warning: a/check: not ready any more: cannot be started: no process", 1);
}

/* ---- the limits ---- */

static void test_health_failures_in_a_row_of_a_ready_service_are_limited(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.check_failures = 3;
	start_all();
	pass(0);
	/* Before it is ready none count. */
	for (unsigned i = 0; i < 6; i++) {
		say(a, false, "no");
		expect_begin(a, 1000);
	}
	say(a, true, "");
	/* At 10 s, and then every 10 s. */
	expect_begin(a, 4000);
	for (unsigned i = 0; i < 6; i++) {
		/* Two in a row, three times. */
		say(a, i % 3 == 2, "no");
		expect_begin(a, 10000);
	}
	assert_int_equal(failures, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(failures, 0);
		say(a, false, "exited with status 1: refused");
		if (i < 2)
			expect_begin(a, 10000);
	}
	assert_int_equal(failures, 1);
	assert_string_equal(cause, "a/check: failed 3 times in a row: exited with status 1: "
				   "refused");
	expect_said("error: a/check: failed 3 times in a row, stopping the container: exited "
		    "with status 1: refused\n",
		    1);
	/* The teardown has not begun yet: it is told once. */
	expect_begin(a, 10000);
	say(a, false, "no");
	assert_int_equal(failures, 1);
}

static void expect_failed(size_t place, bool failed)
{
	assert_int_equal(board.header->sequence % 2, 0);
	assert_int_equal(entry_of(place)->flags & BOARD_FLAG_FAILED,
			 failed ? BOARD_FLAG_FAILED : 0);
}

static void test_health_service_past_the_limit_is_shown_as_failed(void **state)
{
	size_t a = add_checked("a"), b = add("b");

	(void)state;
	config.check_failures = 2;
	start_all();
	pass(0);
	/* Failures of one that was never ready are no more than a start that takes long. */
	for (unsigned i = 0; i < 3; i++) {
		expect_failed(a, false);
		say(a, false, "no");
		expect_begin(a, 1000);
	}
	say(a, true, "");
	pass(10000);
	say(a, false, "no");
	expect_failed(a, false);
	pass(10000);
	say(a, false, "no");
	assert_int_equal(failures, 1);
	expect_failed(a, true);
	/* Past it, and with a success not any more. */
	pass(10000);
	say(a, false, "no");
	expect_failed(a, true);
	pass(10000);
	say(a, true, "");
	expect_failed(a, false);
	expect_failed(b, false);
	assert_int_equal(entry_of(a)->flags, BOARD_FLAG_CHECK);
}

static void test_health_failed_service_is_that_until_its_end(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.check_failures = 1;
	start_all();
	pass(0);
	say(a, true, "");
	pass(10000);
	say(a, false, "no");
	expect_failed(a, true);
	health_begin_teardown(&health, BOARD_WHOLE_DELAYING, cause);
	note(a, SERVICE_RUNNING);
	expect_failed(a, true);
	health_begin_teardown(&health, BOARD_WHOLE_STOPPING, cause);
	note(a, SERVICE_STOPPING);
	expect_state(a, BOARD_STOPPING);
	expect_failed(a, true);
	end(a, EXITED(0), SERVICE_ENDED);
	expect_state(a, BOARD_ENDED);
	expect_failed(a, true);
}

static void test_health_service_without_a_limit_is_never_failed(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	pass(0);
	say(a, true, "");
	for (unsigned i = 0; i < 3; i++) {
		pass(10000);
		say(a, false, "no");
		expect_failed(a, false);
	}
	assert_int_equal(entry_of(a)->check_failures, 3);
}

static void test_health_optional_service_is_never_failed(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.check_failures = 1;
	entries[a].optional = true;
	start_all();
	pass(0);
	say(a, true, "");
	pass(10000);
	say(a, false, "no");
	expect_failed(a, false);
	assert_int_equal(entry_of(a)->flags, BOARD_FLAG_CHECK | BOARD_FLAG_OPTIONAL);
}

static void test_health_one_failure_can_be_the_limit(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.check_failures = 1;
	start_all();
	pass(0);
	say(a, true, "");
	expect_begin(a, 10000);
	say(a, false, "");
	assert_int_equal(failures, 1);
	assert_string_equal(cause, "a/check: failed 1 time in a row");
	say_again(a);
	say(a, false, "x");
	assert_string_equal(cause, "a/check: failed 1 time in a row: x");
}

/* What is shown is what the check said itself. */
static void test_health_reason_is_shown_from_what_the_check_said(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	pass(0);
	plays[a].check->said_at = 22;
	say(a, false, "exited with status 1: refused");
	assert_string_equal(reason_of(a), "refused");
}

static void test_health_optional_service_past_the_limit_is_a_warning(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	entries[a].optional = true;
	config.check_failures = 1;
	start_all();
	pass(0);
	say(a, true, "");
	for (unsigned i = 0; i < 3; i++) {
		expect_begin(a, 10000);
		say(a, false, "exited with status 1");
	}
	assert_int_equal(failures, 0);
	expect_said("warning: a/check: failed 1 time in a row; the service is optional, the "
		    "container goes on: exited with status 1\n",
		    1);
	expect_begin(a, 10000);
	say(a, true, "");
	expect_begin(a, 10000);
	say(a, false, "exited with status 1");
	expect_said("failed 1 time in a row", 2);
}

static void test_health_ready_timeout_names_each_late_service(void **state)
{
	size_t a = add_checked("a"), b = add("b"), c = add("c"), d = add_checked("d"),
	       e = add_checked("e");

	(void)state;
	entries[c].notification_fd = 3;
	entries[e].optional = true;
	config.ready_timeout_ms = 5000;
	start_all();
	expect_state(b, BOARD_READY);
	pass(2);
	say(a, false, "exited with status 1: refused");
	say(d, true, "");
	pass(4997);
	say(a, false, "exited with status 1: refused");
	assert_int_equal(failures, 0);
	pass(1);
	assert_int_equal(failures, 2);
	expect_said("error: a: not ready after 5 s, stopping the container: exited with status "
		    "1: refused\n",
		    1);
	expect_said("error: c: not ready after 5 s: it has not written a newline to its "
		    "notification-fd\n",
		    1);
	expect_said("warning: e: not ready after 5 s; the service is optional, the container "
		    "goes on: its check has not ended yet\n",
		    1);
	expect_said("not ready after", 3);
	/* Once only. */
	pass(60000);
	expect_said("not ready after", 3);
}

static void test_health_ready_timeout_names_one_that_was_not_started_yet(void **state)
{
	size_t a = add("a"), b = add_checked("b");

	(void)state;
	config.ready_timeout_ms = 50;
	open_health();
	note(a, SERVICE_RUNNING);
	pass(50);
	expect_state(b, BOARD_STARTING);
	expect_said("error: b: not ready after 0.05 s, stopping the container: it was not started "
		    "yet\n",
		    1);
}

/* As by docker pause: the services were stopped as well. */
static void test_health_ready_timeout_begins_anew_where_dinit_was_stopped(void **state)
{
	(void)state;
	add_checked("a");
	config.ready_timeout_ms = 5000;
	start_all();
	pass(2);
	say(0, false, "exited with status 1");
	clock_ms += 4998 + CHECK_LATE_MS;
	turn();
	assert_int_equal(failures, 0);
	pass(4999);
	assert_int_equal(failures, 0);
	pass(1);
	assert_int_equal(failures, 1);
}

static void test_health_service_that_is_not_ready_for_a_minute_is_warned_of_once(void **state)
{
	(void)state;
	add_checked("a");
	config.check_interval_ms = 1000;
	start_all();
	pass(1);
	for (int second = 0; second < 59; second++) {
		say(0, false, "exited with status 1: no db");
		pass(1000);
	}
	expect_said("not ready", 0);
	say(0, false, "exited with status 1: no db");
	pass(1000);
	for (int second = 0; second < 10; second++) {
		say(0, false, "exited with status 1: no db");
		pass(1000);
	}
	expect_said("warning: a/check: not ready after a minute: exited with status 1: no db\n", 1);
	expect_said("not ready", 1);
}

/* The teardown begins when the cause is told, which can take a moment. */
static void test_health_note_cause_begins_nothing_any_more(void **state)
{
	size_t a = add_checked("a"), b = add("b");

	(void)state;
	entries[b].notification_fd = 3;
	start_all();
	health_note_cause(&health);
	pass(1000);
	assert_int_equal(plays[a].begun, 0);
	entries[a].check = NULL;
	services[b].notified = true;
	note(b, SERVICE_RUNNING);
	end(a, EXITED(115), SERVICE_DISABLED);
	assert_int_equal(announced, 0);
	expect_said("all services", 0);
}

static void test_health_ready_timeout_of_a_millisecond_is_one(void **state)
{
	(void)state;
	add_checked("a");
	config.ready_timeout_ms = 1;
	start_all();
	pass(1);
	assert_int_equal(failures, 1);
}

static void test_health_ready_timeout_counts_until_all_were_ready(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.ready_timeout_ms = 5000;
	start_all();
	pass(4000);
	say(a, true, "");
	/* One that is lost later is another matter. */
	expect_begin(a, 6000);
	say(a, false, "no");
	pass(60000);
	assert_int_equal(failures, 0);
	expect_said("not ready after", 0);
}

/* It is told as it was set. */
static void test_health_ready_timeout_may_be_short(void **state)
{
	(void)state;
	add_checked("a");
	config.ready_timeout_ms = 50;
	start_all();
	pass(50);
	assert_int_equal(failures, 1);
	assert_string_equal(cause, "a: not ready after 0.05 s: its check has not ended yet");
}

/* What has ended by then is not late, and what is never ready for one letter's reason has that. */
static void test_health_ready_timeout_names_none_that_has_ended(void **state)
{
	size_t a = add_checked("a"), b = add_checked("b");

	(void)state;
	config.ready_timeout_ms = 5000;
	start_all();
	end(a, EXITED(SERVICE_EXIT_DISABLED), SERVICE_DISABLED);
	pass(1);
	say(b, false, "x");
	pass(5000);
	assert_int_equal(failures, 1);
	assert_string_equal(cause, "b: not ready after 5 s: x");
	expect_said("not ready after", 1);
}

static void test_health_ready_timeout_of_services_that_are_done_is_nothing(void **state)
{
	size_t a = add_checked("a"), b = add_checked("b");

	(void)state;
	entries[b].down = true;
	config.ready_timeout_ms = 5000;
	open_health();
	note(a, SERVICE_RUNNING);
	pass(0);
	end(a, EXITED(SERVICE_EXIT_DISABLED), SERVICE_DISABLED);
	expect_whole(BOARD_WHOLE_RUNNING, true);
	pass(60000);
	assert_int_equal(failures, 0);
	/* Its check, which was running, was killed, and is not run again. */
	assert_true(plays[a].stopped > 0);
	assert_int_equal(plays[a].begun, 1);
}

/* ---- the end of a service, and of dinit ---- */

static void test_health_result_for_a_service_that_was_told_to_stop_is_nothing(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	pass(0);
	note(a, SERVICE_STOPPING);
	expect_state(a, BOARD_STOPPING);
	assert_int_equal(plays[a].stopped, 1);
	say(a, false, "was killed by signal 9 (Killed)");
	expect_state(a, BOARD_STOPPING);
	assert_string_equal(reason_of(a), "");
	pass(60000);
	assert_int_equal(plays[a].begun, 1);
}

static void test_health_teardown_begins_no_check(void **state)
{
	size_t a = add_checked("a"), b = add_checked("b"), c = add_checked("c");

	(void)state;
	entries[b].notification_fd = 3;
	config.ready_timeout_ms = 5000;
	config.check_failures = 1;
	start_all();
	pass(2);
	say(a, true, "");
	health_begin_teardown(&health, BOARD_WHOLE_DELAYING, "signal 15 (Terminated)");
	expect_whole(BOARD_WHOLE_DELAYING, false);
	assert_string_equal(board.header->cause, "signal 15 (Terminated)");
	assert_int_equal(plays[c].stopped, 1);
	say(c, false, "was killed by signal 9 (Killed)");
	/* The services go on, with DINIT_STOP_DELAY. */
	services[b].notified = true;
	note(b, SERVICE_RUNNING);
	pass(60000);
	assert_int_equal(plays[a].begun, 1);
	assert_int_equal(plays[b].begun, 0);
	assert_int_equal(plays[c].begun, 1);
	assert_int_equal(failures, 0);
	expect_state(a, BOARD_READY);
	note(a, SERVICE_STOPPING);
	expect_state(a, BOARD_STOPPING);
	health_begin_teardown(&health, BOARD_WHOLE_STOPPING, "signal 15 (Terminated)");
	expect_whole(BOARD_WHOLE_STOPPING, false);
	end(a, EXITED(0), SERVICE_ENDED);
	end(b, EXITED(0), SERVICE_ENDED);
	end(c, EXITED(0), SERVICE_ENDED);
	expect_whole(BOARD_WHOLE_STOPPING, false);
	expect_said("not ready", 0);
	expect_said("all services", 0);
}

/* A check that is past the limit in the very turn in which its process was found to stay. */
static void test_health_teardown_that_a_stuck_check_begins_stops_it(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	start_all();
	pass(0);
	say(a, true, "");
	expect_begin(a, 10000);
	pass(10000);
	plays[a].check->on_result(plays[a].check->ctx, false, "took longer than 10 s");
	health_begin_teardown(&health, BOARD_WHOLE_STOPPING, "");
	plays[a].running = false;
	pass(60000);
	assert_int_equal(plays[a].begun, 2);
	assert_null(loop.first);
}

static void test_health_cause_that_is_too_long_is_cut(void **state)
{
	char longest[BOARD_CAUSE_SIZE + 100];

	(void)state;
	add("a");
	start_all();
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	health_begin_teardown(&health, BOARD_WHOLE_STOPPING, longest);
	assert_int_equal(strlen(board.header->cause), BOARD_CAUSE_SIZE - 1);
}

/* ---- NOTIFY_SOCKET ---- */

static void test_health_ready_is_announced_once(void **state)
{
	size_t a = add_checked("a");

	(void)state;
	config.notify_socket = "/run/notify";
	start_all();
	pass(0);
	assert_int_equal(announced, 0);
	say(a, true, "");
	assert_int_equal(announced, 1);
	expect_begin(a, 10000);
	say(a, false, "no");
	expect_begin(a, 10000);
	say(a, true, "");
	assert_int_equal(announced, 1);
	/* A teardown is not announced as ready. */
	assert_int_equal(announce_stops, 0);
	health_begin_teardown(&health, BOARD_WHOLE_STOPPING, "");
	assert_int_equal(announce_stops, 1);
}

/* ---- memory ---- */

static void test_health_open_without_memory_leaves_nothing(void **state)
{
	struct health_means means = {
		.config = &config,
		.svdir = &svdir,
		.loop = &loop,
		.programs = &programs,
		.board = &board,
	};

	(void)state;
	add_checked("a");
	add_checked("b");
	assert_int_equal(board_open(&board, svdir.len, 100), 0);
	for (int i = 0; i < 2; i++) {
		callocs_until_failure = i;
		errno = 0;
		assert_int_equal(health_open(&health, &means, on_failure, &failures), -1);
		assert_int_equal(errno, ENOMEM);
	}
	callocs_until_failure = -1;
	assert_int_equal(closed, 0);
	assert_int_equal(health_open(&health, &means, on_failure, &failures), 0);
	health_close(&health);
	assert_int_equal(closed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_health_service_without_a_check_is_ready_while_it_runs),
		TEST(test_health_disabled_and_optional_services_are_no_obstacle),
		TEST(test_health_finish_of_a_service_that_is_done_is_no_obstacle),
		TEST(test_health_command_is_shown_as_what_it_is),
		TEST(test_health_command_that_cannot_be_started_has_ended),
		TEST(test_health_shows_since_when),
		TEST(test_health_optional_service_that_ends_has_ended),
		TEST(test_health_shows_why_a_service_cannot_be_started),
		TEST(test_health_notification_makes_ready),
		TEST(test_health_notification_that_will_not_come_is_the_reason),
		TEST(test_health_checks_begin_with_the_notification),
		TEST(test_health_check_is_begun_at_once_and_then_each_second),
		TEST(test_health_short_interval_is_that_of_retries_too),
		TEST(test_health_first_checks_wait_until_all_services_are_started),
		TEST(test_health_first_checks_are_those_of_services_that_run),
		TEST(test_health_check_of_a_ready_service_comes_every_interval),
		TEST(test_health_check_is_not_begun_twice_at_its_moment),
		TEST(test_health_checks_are_spread_over_the_interval),
		TEST(test_health_check_that_took_its_whole_time_is_begun_again_at_once),
		TEST(test_health_check_that_took_exactly_its_time_is_begun_again_at_once),
		TEST(test_health_moments_are_those_of_services_with_a_check),
		TEST(test_health_check_whose_process_stays_is_not_begun_twice),
		TEST(test_health_loss_and_return_are_said_once),
		TEST(test_health_each_failure_is_said_at_debug),
		TEST(test_health_check_that_cannot_be_started_is_one_warning),
		TEST(test_health_failures_in_a_row_of_a_ready_service_are_limited),
		TEST(test_health_service_past_the_limit_is_shown_as_failed),
		TEST(test_health_failed_service_is_that_until_its_end),
		TEST(test_health_service_without_a_limit_is_never_failed),
		TEST(test_health_optional_service_is_never_failed),
		TEST(test_health_one_failure_can_be_the_limit),
		TEST(test_health_reason_is_shown_from_what_the_check_said),
		TEST(test_health_optional_service_past_the_limit_is_a_warning),
		TEST(test_health_ready_timeout_names_each_late_service),
		TEST(test_health_ready_timeout_names_one_that_was_not_started_yet),
		TEST(test_health_ready_timeout_begins_anew_where_dinit_was_stopped),
		TEST(test_health_service_that_is_not_ready_for_a_minute_is_warned_of_once),
		TEST(test_health_note_cause_begins_nothing_any_more),
		TEST(test_health_ready_timeout_of_a_millisecond_is_one),
		TEST(test_health_ready_timeout_counts_until_all_were_ready),
		TEST(test_health_ready_timeout_may_be_short),
		TEST(test_health_ready_timeout_names_none_that_has_ended),
		TEST(test_health_ready_timeout_of_services_that_are_done_is_nothing),
		TEST(test_health_result_for_a_service_that_was_told_to_stop_is_nothing),
		TEST(test_health_teardown_begins_no_check),
		TEST(test_health_teardown_that_a_stuck_check_begins_stops_it),
		TEST(test_health_cause_that_is_too_long_is_cut),
		TEST(test_health_ready_is_announced_once),
		TEST(test_health_open_without_memory_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
