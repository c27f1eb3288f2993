/* SPDX-License-Identifier: ISC */
/* Where logging programs send lines, as the examples in test-services have it: to a collector over
 * TCP or TLS, which is rsyslog under a dinit of its own (collector), and to files that svlogd
 * rotates (rotate). */
#include "harness.h"
#include "rig.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* what "at once" means for a stop, in milliseconds; less than half of what a collector may take */
#define AT_ONCE_MS 4000
/* Far more than all the pipes on the way hold. */
#define MANY 5000
#define REQUEST "request [0-9]+ answered"

/* Prints many lines at once, and then goes on for ever. */
#define BURST \
	"trap 'echo stopping; exit 0' TERM\n" \
	"n=5000; seq -f 'request %.0f answered' $n\n"
#define FLOW "while :; do n=$((n + 1)); echo \"request $n answered\"; sleep 0.01; done"

/* pattern: glob's, as some names hold the architecture */
static void need_file(struct scene *scene, const char *pattern, const char *package)
{
	glob_t found;
	int failed = glob(pattern, 0, NULL, &found);

	if (!failed)
		globfree(&found);
	scene_need(!failed, scene_format(scene, "no %s here: install %s", pattern, package));
}

/* ---- the collector ---- */

/* A certificate for localhost, of the authority in ca.pem, and another authority. */
static const char make_certificates[] =
	"cd \"$SCENE\"\n"
	"make() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \"$@\"; }\n"
	"make -x509 -keyout ca.key -out ca.pem -subj /CN=authority\n"
	"make -x509 -keyout other.key -out other.pem -subj /CN=other\n"
	"make -keyout key.pem -out request.pem -subj /CN=collector\n"
	"echo subjectAltName=DNS:localhost >names\n"
	"openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial \\\n"
	"	-extfile names -out certificate.pem\n";

/* How rsyslog takes lines, one after the other, and prints those that it could parse: who sent
 * them, and the line. */
static const char rsyslog_form[] =
	"global(workDirectory=\"%s\" net.enableDNS=\"off\" %s)\n"
	"main_queue(queue.workerThreads=\"1\")\n"
	"module(load=\"imtcp\" %s)\n"
	"input(type=\"imtcp\" address=\"127.0.0.1\" port=\"%d\")\n"
	"template(name=\"line\" type=\"string\" string=\"%%programname%%: %%msg%%\\n\")\n"
	"action(type=\"omfile\" file=\"/dev/stdout\" template=\"line\")\n";

static void put_collector(struct scene *scene, int port, bool with_tls)
{
	const char *dinit = scene_add_dinit(scene), *global = "", *module = "";

	need_file(scene, "/usr/sbin/rsyslogd", "rsyslog");
	need_file(scene, "/usr/bin/socat", "socat");
	if (with_tls) {
		need_file(scene, "/usr/bin/openssl", "openssl");
		need_file(scene, "/usr/lib/*/rsyslog/lmnsd_ossl.so", "rsyslog-openssl");
		global = scene_format(scene,
				      "defaultNetstreamDriver=\"ossl\" "
				      "defaultNetstreamDriverCAFile=\"%s/ca.pem\" "
				      "defaultNetstreamDriverCertFile=\"%s/certificate.pem\" "
				      "defaultNetstreamDriverKeyFile=\"%s/key.pem\"",
				      scene->dir, scene->dir, scene->dir);
		module = "streamDriver.name=\"ossl\" streamDriver.mode=\"1\" "
			 "streamDriver.authMode=\"anon\"";
	}
	scene_file(scene, "rsyslog.conf", 0644,
		   scene_format(scene, rsyslog_form, scene->dir, global, module, port));
	scene_script(scene, "collector/syslog/run",
		     scene_format(scene, "%sexec rsyslogd -n -i NONE -f \"$SCENE/rsyslog.conf\"",
				  with_tls ? make_certificates : ""));
	scene_script(scene, "collector/syslog/check",
		     scene_format(scene, "until %s --probe tcp://127.0.0.1:%d; do sleep 0.02; done",
				  dinit, port));
}

static struct run *start_collector(struct scene *scene)
{
	struct run *run =
		run_start(scene,
			  &(struct run_spec){
				  .environment = LIST("DINIT_JSON_STDOUT=0", "DINIT_LOG_LEVEL=info",
						      scene_format(scene, "DINIT_DIR=%s/collector",
								   scene->dir)) });

	run_wait_line(run, RUN_STDERR, "info: all services are ready");
	return run;
}

static void stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

/* ---- the service that sends to it ---- */

/* Its output goes to a file, as the tests wait for lines of the collector meanwhile. */
static struct run *start_sender(struct scene *scene, const char *collector)
{
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST("DINIT_JSON_STDOUT=0", "COLLECTOR_RETRY=0",
					      "HOSTNAME=container",
					      scene_format(scene, "COLLECTOR=%s", collector)),
				 .out = RUN_FD_FILE });
}

static const char *tcp(struct scene *scene, int port)
{
	return scene_format(scene, "TCP:127.0.0.1:%d", port);
}

static const char *tls(struct scene *scene, const char *host, int port, const char *authority)
{
	return scene_format(scene, "OPENSSL:%s:%d,cafile=%s/%s", host, port, scene->dir, authority);
}

struct numbers {
	long first, last;
};

/* The numbers of the requests in these lines, each of which is one more than the one before it. */
static struct numbers read_numbers(const char *bytes, const char *before)
{
	struct numbers numbers = { 0 };

	for (const char *at = bytes; (at = strstr(at, before)); at++) {
		char *end;
		long number = strtol(at + strlen(before), &end, 10);

		assert_int_equal(strncmp(end, " answered\n", 10), 0);
		if (numbers.last > 0)
			assert_int_equal(number, numbers.last + 1);
		else
			numbers.first = number;
		numbers.last = number;
	}
	return numbers;
}

static struct numbers read_sent(const struct run *sender)
{
	return read_numbers(sender->outputs[RUN_STDOUT].bytes, " web/run: request ");
}

/* All that it printed is lines of the service's, whole. */
static struct numbers read_received(struct run *collector)
{
	assert_int_equal(run_count_lines(collector, RUN_STDOUT, ""),
			 run_count_lines(collector, RUN_STDOUT,
					 " syslog/run: web: (" REQUEST "|stopping)$"));
	return read_numbers(collector->outputs[RUN_STDOUT].bytes, " syslog/run: web: request ");
}

/* How many lines the logging program says it has not sent. */
static long count_missed(const struct run *sender)
{
	static const char before[] = " web/log: the collector is away: ";
	const char *at = sender->outputs[RUN_STDERR].bytes;
	long count = 0;

	for (; at && (at = strstr(at, before)); at++)
		count += strtol(at + sizeof before - 1, NULL, 10);
	return count;
}

/* ---- it is there ---- */

static void test_collector_example_as_it_stands_sends_and_prints(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *collector, *sender;

	put_collector(scene, port, false);
	scene_example(scene, "collector");
	collector = start_collector(scene);
	sender = start_sender(scene, tcp(scene, port));
	run_wait_line(collector, RUN_STDOUT, " syslog/run: web: request 1 answered$");
	stop(sender);
	run_wait_line(collector, RUN_STDOUT, " syslog/run: web: stopping$");
	run_expect_line(sender, RUN_STDOUT, " web/run: request 1 answered$");
	run_expect_line(sender, RUN_STDOUT, " web/run: stopping$");
	run_expect_no_line(sender, RUN_STDERR, ".");
	stop(collector);
}

static void expect_every_line(struct scene *scene, const char *to)
{
	struct run *collector, *sender;
	struct numbers sent, received;

	scene_example(scene, "collector");
	scene_service(scene, "web", BURST FLOW);
	collector = start_collector(scene);
	sender = start_sender(scene, to);
	run_wait_line(collector, RUN_STDOUT,
		      scene_format(scene, " syslog/run: web: request %d answered$", MANY + 10));
	stop(sender);
	run_wait_line(collector, RUN_STDOUT, " syslog/run: web: stopping$");
	stop(collector);
	sent = read_sent(sender);
	received = read_received(collector);
	assert_int_equal(sent.first, 1);
	assert_int_equal(received.first, 1);
	assert_int_equal(received.last, sent.last);
	run_expect_no_line(sender, RUN_STDERR, ".");
}

static void test_collector_over_tcp_gets_every_line_in_order(struct scene *scene)
{
	int port = scene_reserve_port(scene);

	put_collector(scene, port, false);
	expect_every_line(scene, tcp(scene, port));
}

static void test_collector_over_tls_gets_every_line_in_order(struct scene *scene)
{
	int port = scene_reserve_port(scene);

	put_collector(scene, port, true);
	expect_every_line(scene, tls(scene, "localhost", port, "ca.pem"));
}

/* ---- it is somebody else ---- */

static void expect_refusal(struct scene *scene, const char *host, const char *authority,
			   const char *why)
{
	int port = scene_reserve_port(scene);
	struct run *collector, *sender;

	put_collector(scene, port, true);
	scene_example(scene, "collector");
	scene_service(scene, "web", BURST FLOW);
	collector = start_collector(scene);
	sender = start_sender(scene, tls(scene, host, port, authority));
	run_wait_line(sender, RUN_STDERR, scene_format(scene, " web/log: .*%s", why));
	run_wait_line(sender, RUN_STDOUT,
		      scene_format(scene, " web/run: request %d answered$", MANY + 10));
	stop(sender);
	stop(collector);
	assert_int_equal(count_missed(sender), read_sent(sender).last + 1);
	run_expect_no_line(collector, RUN_STDOUT, "request");
}

static void test_collector_of_unknown_authority_gets_nothing(struct scene *scene)
{
	expect_refusal(scene, "localhost", "other.pem", "certificate verify failed");
}

static void test_collector_of_another_name_gets_nothing(struct scene *scene)
{
	expect_refusal(scene, "127.0.0.1", "ca.pem", "does not match hostname");
}

/* ---- it is away ---- */

static void test_collector_away_at_the_start_holds_up_nothing(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *collector, *sender;
	struct numbers sent, received;

	put_collector(scene, port, false);
	scene_example(scene, "collector");
	scene_service(scene, "web", BURST FLOW);
	sender = start_sender(scene, tcp(scene, port));
	run_wait_line(sender, RUN_STDOUT,
		      scene_format(scene, " web/run: request %d answered$", MANY + 10));
	run_wait_line(sender, RUN_STDERR, " web/log: .*Connection refused");
	run_wait_line(sender, RUN_STDERR, " web/log: the collector is away: [0-9]+ lines not sent");
	collector = start_collector(scene);
	run_wait_lines(collector, RUN_STDOUT, " syslog/run: web: " REQUEST "$", 10);
	stop(sender);
	run_wait_line(collector, RUN_STDOUT, " syslog/run: web: stopping$");
	stop(collector);
	sent = read_sent(sender);
	received = read_received(collector);
	assert_int_equal(received.last, sent.last);
	assert_int_equal(count_missed(sender), received.first - sent.first);
}

static void test_collector_away_until_the_stop_does_not_delay_it(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	uint64_t began_ms;
	struct run *sender;

	need_file(scene, "/usr/bin/socat", "socat");
	scene_example(scene, "collector");
	sender = start_sender(scene, tcp(scene, port));
	run_wait_line(sender, RUN_STDERR, " web/log: .*Connection refused");
	run_wait_line(sender, RUN_STDOUT, " web/run: request 1 answered$");
	began_ms = scene_now_ms();
	stop(sender);
	assert_true(scene_now_ms() - began_ms < scene_deadline_ms(AT_ONCE_MS));
	run_expect_line(sender, RUN_STDOUT, " web/run: stopping$");
	assert_int_equal(count_missed(sender), read_sent(sender).last + 1);
}

/* Each line is in the service's output, in order. What the collector lacks is one piece, not less
 * than what was said; the lines before and after it are whole. */
static void test_collector_killed_and_back_gets_whole_lines(struct scene *scene)
{
	int port = scene_reserve_port(scene);
	struct run *collector, *again, *sender;
	struct numbers before, after, sent;

	put_collector(scene, port, false);
	scene_example(scene, "collector");
	scene_service(scene, "web", BURST FLOW);
	collector = start_collector(scene);
	sender = start_sender(scene, tcp(scene, port));
	run_wait_line(collector, RUN_STDOUT,
		      scene_format(scene, " syslog/run: web: request %d answered$", MANY + 10));
	run_kill(collector);
	run_wait_exit(collector);
	run_wait_line(sender, RUN_STDERR, " web/log: the collector is away: [0-9]+ lines not sent");
	again = start_collector(scene);
	run_wait_lines(again, RUN_STDOUT, " syslog/run: web: " REQUEST "$", 10);
	stop(sender);
	run_wait_line(again, RUN_STDOUT, " syslog/run: web: stopping$");
	stop(again);
	before = read_received(collector);
	after = read_received(again);
	sent = read_sent(sender);
	assert_int_equal(sent.first, 1);
	assert_int_equal(before.first, 1);
	assert_int_equal(after.last, sent.last);
	assert_true(count_missed(sender) > 0);
	assert_true(count_missed(sender) < after.first - before.last);
}

/* ---- svlogd ---- */

/* The example, and a service that says when the file has that line, and when there is a file that
 * was rotated. */
static struct run *start_rotating(struct scene *scene, const char *lines, const char *bytes)
{
	need_file(scene, "/usr/bin/svlogd", "runit");
	scene_example(scene, "rotate");
	scene_add_dinit(scene);
	scene_service(scene, "watcher",
		      "until grep -qs \"request $LINES \" \"$LOG_DIR\"/*; do sleep 0.02; done\n"
		      "echo written\n"
		      "until ls \"$LOG_DIR\"/@* >/dev/null 2>&1; do sleep 0.02; done\n"
		      "echo rotated; exec sleep 1000");
	return run_start(scene,
			 &(struct run_spec){
				 .environment =
					 LIST("DINIT_JSON_STDOUT=0", "LOG_FILES=0",
					      scene_format(scene, "LOG_DIR=%s/log", scene->dir),
					      scene_format(scene, "LINES=%s", lines),
					      scene_format(scene, "LOG_BYTES=%s", bytes)) });
}

/* The files of svlogd, the oldest first: their names are times. */
static glob_t list_rotated(struct scene *scene)
{
	glob_t found;

	assert_int_equal(glob(scene_path(scene, "log/@*.s"), 0, NULL, &found), 0);
	return found;
}

static const char *read_all_files(struct scene *scene)
{
	glob_t found = list_rotated(scene);
	const char *all = "";

	for (size_t i = 0; i < found.gl_pathc; i++)
		all = scene_format(scene, "%s%s", all,
				   scene_read(scene, found.gl_pathv[i] + strlen(scene->dir) + 1));
	globfree(&found);
	return scene_format(scene, "%s%s", all, scene_read(scene, "log/current"));
}

/* svlogd has finished with the file: else it has no x. */
static bool is_finished(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & S_IXUSR;
}

static void test_rotation_by_size_keeps_every_line(struct scene *scene)
{
	struct run *run = start_rotating(scene, "2000", "10000");
	struct numbers numbers;
	struct stat status;
	const char *all;
	glob_t found;

	run_wait_line(run, RUN_STDOUT, " watcher/run: written$");
	stop(run);
	found = list_rotated(scene);
	assert_true(found.gl_pathc >= 8);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		assert_true(is_finished(found.gl_pathv[i]));
		assert_int_equal(stat(found.gl_pathv[i], &status), 0);
		assert_true(status.st_size <= 10000);
	}
	globfree(&found);
	assert_true(is_finished(scene_path(scene, "log/current")));
	all = read_all_files(scene);
	numbers = read_numbers(all, " request ");
	assert_int_equal(numbers.first, 1);
	assert_int_equal(numbers.last, 2000);
	assert_string_equal(all + strlen(all) - 10, " stopping\n");
	run_expect_no_line(run, RUN_STDOUT, " app/run: ");
	run_expect_no_line(run, RUN_STDERR, ".");
}

static void test_rotation_on_signal_begins_a_new_file(struct scene *scene)
{
	struct run *run = start_rotating(scene, "1000", "");
	glob_t found;

	run_wait_line(run, RUN_STDOUT, " watcher/run: written$");
	run_signal(run, SIGUSR1);
	run_wait_line(run, RUN_STDOUT, " watcher/run: rotated$");
	stop(run);
	found = list_rotated(scene);
	assert_int_equal(found.gl_pathc, 1);
	globfree(&found);
	assert_int_equal(read_numbers(read_all_files(scene), " request ").last, 1000);
	assert_null(strstr(scene_read(scene, "log/current"), "request"));
	assert_non_null(strstr(scene_read(scene, "log/current"), " stopping\n"));
	run_expect_no_line(run, RUN_STDERR, ".");
}

/* What svlogd has to say has the stage log. It waits, and so does the service. */
static void test_rotation_waits_until_it_can_write(struct scene *scene)
{
	struct run *run;

	scene_mkdir(scene, "log/current");
	run = start_rotating(scene, "3000", "20000");
	run_wait_line(run, RUN_STDERR, " app/log: svlogd: pausing: unable to open current: ");
	assert_int_equal(rmdir(scene_path(scene, "log/current")), 0);
	run_wait_line(run, RUN_STDOUT, " watcher/run: written$");
	stop(run);
	assert_int_equal(read_numbers(read_all_files(scene), " request ").last, 3000);
}

static void test_rotation_without_directory_ends_container(struct scene *scene)
{
	struct run *run;

	scene_file(scene, "log", 0644, "");
	run = start_rotating(scene, "1", "");
	run_expect_exit(run, 3);
	run_expect_line(run, RUN_STDERR, " app/log: mkdir: cannot create directory .*/log");
	run_expect_line(run, RUN_STDERR, "error: app/log: PID [0-9]+ exited with status 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_collector_example_as_it_stands_sends_and_prints),
		SCENE_AS_INIT(test_collector_over_tcp_gets_every_line_in_order),
		SCENE_AS_INIT(test_collector_over_tls_gets_every_line_in_order),
		SCENE_AS_INIT(test_collector_of_unknown_authority_gets_nothing),
		SCENE_AS_INIT(test_collector_of_another_name_gets_nothing),
		SCENE_AS_INIT(test_collector_away_at_the_start_holds_up_nothing),
		SCENE_AS_INIT(test_collector_away_until_the_stop_does_not_delay_it),
		SCENE_AS_INIT(test_collector_killed_and_back_gets_whole_lines),
		SCENE_AS_INIT(test_rotation_by_size_keeps_every_line),
		SCENE_AS_INIT(test_rotation_on_signal_begins_a_new_file),
		SCENE_AS_INIT(test_rotation_waits_until_it_can_write),
		SCENE_AS_INIT(test_rotation_without_directory_ends_container),
	};

	return scene_run_all("world_logs", tests, COUNT(tests));
}
