/* SPDX-License-Identifier: ISC */
/* What docs/migrating says, tried: for each supervisor that people come from, one configuration as
 * it was there and what it is here (test-services/from-*), with the real programs. Each scene is an
 * image of its own: its /etc, /usr, /srv and /run are layers over the machine's, and its network is
 * one in which only the loopback is up. */
#include "harness.h"
#include "rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_DEADLINE_MS 10000

/* ---- images ---- */

/* The layers, and a cron without the machine's own jobs and with ours only at its start: a job that
 * came due in a stop would be an orphan. */
#define LAYERS \
	"mount -t tmpfs none \"$SCENE/image\"\n" \
	"for dir in etc usr srv; do\n" \
	"	upper=$SCENE/image/$dir\n" \
	"	mkdir \"$upper\" \"$upper.work\"\n" \
	"	mount -t overlay -o \"lowerdir=/$dir,upperdir=$upper,workdir=$upper.work\" none " \
	"/$dir\n" \
	"done\n" \
	"mount -t tmpfs -o mode=755 none /run\n"
#define FIRST_LINES \
	LAYERS \
	"mount -t tmpfs none /var/spool/cron\n" \
	"rm -f /etc/cron.d/*\n" \
	": >/etc/crontab\n" \
	"cp \"$SCENE/bin/dinit\" /usr/local/sbin/dinit\n" \
	"cd \"$SCENE/services\"\n" \
	"find . -name jobs -exec sed -i '/^\\*\\/5 /d' {} +\n"

/* What a test that lacks it is told. */
#define WHY_IMAGE \
	"no layers over /usr can be mounted here: run as root with CAP_SYS_ADMIN, for example in " \
	"docker run --privileged"

static int run_shell(const char *scene_dir, const char *script)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("SCENE", scene_dir, 1);
		execl("/bin/sh", "sh", "-euc", script, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static bool can_make_images(struct scene *scene)
{
	static int known = -1;

	if (known < 0)
		known = geteuid() == 0 && rig_can_mount() &&
			run_shell(scene->dir,
				  "exec unshare -mn sh -euc '" LAYERS "' 2>/dev/null") == 0;
	return known;
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		_exit(98);
	close(fd);
}

struct image {
	const char *scene_dir, *lines;
};

/* In dinit's process, before it is dinit; what fails is seen as its exit status. */
static void enter_image(void *ctx)
{
	const struct image *image = ctx;

	if (unshare(CLONE_NEWNET) < 0)
		_exit(97);
	raise_loopback();
	if (run_shell(image->scene_dir, image->lines) < 0)
		_exit(96);
}

/* What is started in an image, and how. */
struct world {
	/* of test-services */
	const char *name;
	/* what the Dockerfile has in it beside COPY and apt-get; the service directories are the
	 * current directory */
	const char *lines;
	/* in place of dinit; below $SCENE where it is relative */
	const char *program;
	const char *const *arguments, *const *environment;
	const char *programs[6];
};

static void need_programs(const char *const *names)
{
	for (; *names; names++)
		scene_need_program(*names);
}

static struct run *start_world(struct scene *scene, const struct world *world)
{
	const char *environment[12] = { "DINIT_JSON_STDOUT=wrap", "DINIT_LOG_LEVEL=info" };
	struct image image = { .scene_dir = scene->dir };
	struct run_spec spec = { .arguments = world->arguments,
				 .environment = environment,
				 .prepare = enter_image,
				 .prepare_ctx = &image };
	size_t count = 2;

	for (const char *const *entry = world->environment; entry && *entry; entry++)
		environment[count++] = *entry;
	image.lines = scene_format(scene, "%s%s\n", FIRST_LINES, world->lines);
	if (world->program)
		spec.program = *world->program == '/' ? world->program
						      : scene_path(scene, "%s", world->program);
	return run_start(scene, &spec);
}

/* Puts the example into the scene, with a service that kills the run of another one when the test
 * lets it. */
static void put_world(struct scene *scene, const struct world *world, const char *killed)
{
	need_programs(world->programs);
	scene_mkdir(scene, "image");
	scene_need(can_make_images(scene), WHY_IMAGE);
	scene_add_dinit(scene);
	scene_example(scene, world->name);
	scene_fifo(scene, "go");
	if (killed)
		scene_service(scene, "killer",
			      scene_format(scene,
					   "read -r go <\"$SCENE/go\"\n"
					   "dinit --signal %s KILL\n"
					   "exec sleep 1000",
					   killed));
}

/* dinit --check of the image finds nothing. */
static void expect_clean_check(struct scene *scene, const struct world *world)
{
	struct world checked = *world;
	struct run *run;

	checked.program = NULL;
	checked.arguments = LIST("--check");
	run = start_world(scene, &checked);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

static void expect_calm_stop(struct run *run)
{
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "dinit: (warning|error)");
}

static void expect_crash(struct run *run, const char *name)
{
	char pattern[128];

	scene_let_go(run->scene, "go");
	run_expect_exit(run, 3);
	snprintf(pattern, sizeof pattern,
		 "dinit: error: %s/run: PID [0-9]+ was killed by signal 9 .*, stopping the "
		 "container",
		 name);
	run_expect_line(run, RUN_STDERR, pattern);
	snprintf(pattern, sizeof pattern,
		 "dinit: error: stopped after .* with status 3: %s/run: ", name);
	run_expect_line(run, RUN_STDERR, pattern);
}

/* ---- nginx with php-fpm ---- */

/* A socket in the network of that run. */
static int socket_of(struct run *run)
{
	const char *path = scene_format(run->scene, "/proc/%d/ns/net", (int)run->pid);
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int its = open(path, O_RDONLY | O_CLOEXEC), fd;

	assert_true(own >= 0 && its >= 0);
	assert_int_equal(setns(its, CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
	close(its);
	assert_true(fd >= 0);
	return fd;
}

/* Asks for / there, and fails unless the answer is 200 with that text. */
static void expect_page(struct run *run, int port, const char *text)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pollfd polled = { .fd = socket_of(run), .events = POLLIN };
	char answer[4096];
	size_t len = 0;
	ssize_t n;

	assert_int_equal(connect(polled.fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(polled.fd, request, sizeof request - 1), sizeof request - 1);
	do {
		assert_int_equal(poll(&polled, 1, (int)scene_deadline_ms(ANSWER_DEADLINE_MS)), 1);
		n = read(polled.fd, answer + len, sizeof answer - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	answer[len] = '\0';
	close(polled.fd);
	if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || !strstr(answer, text))
		scene_fail("port %d answers \"%s\", not \"%s\"", port, answer, text);
}

/* For the originals, in which the application is in /srv/app. */
#define COPY_APPLICATION \
	"mkdir -p /srv/app\n" \
	"cp -r */nginx.conf */www */php-fpm.conf /srv/app\n"

/* Both are up: php-fpm says so on that stream. */
static void wait_for_web(struct run *run, enum run_stream stream)
{
	run_wait_line(run, stream, "ready to handle connections");
	run_wait_line(run, RUN_STDERR, "start worker process [0-9]");
}

static struct run *start_web(struct scene *scene, const struct world *world, enum run_stream stream)
{
	struct run *run;

	put_world(scene, world, NULL);
	run = start_world(scene, world);
	wait_for_web(run, stream);
	return run;
}

/* The end of php-fpm, as soon as that is up. */
static void expect_php_crash(struct scene *scene, const struct world *world, const char *name,
			     enum run_stream stream)
{
	struct run *run;

	put_world(scene, world, name);
	run = start_world(scene, world);
	run_wait_line(run, stream, "ready to handle connections");
	expect_crash(run, name);
}

static const struct world supervisord = {
	.name = "from-supervisord",
	.lines = COPY_APPLICATION,
	.programs = { "nginx", "php-fpm8.2" },
};

static void test_supervisord_original_serves(struct scene *scene)
{
	struct world original = supervisord;
	struct run *run;

	original.program = "/usr/bin/supervisord";
	need_programs(LIST("supervisord"));
	put_world(scene, &original, NULL);
	original.arguments = LIST("-c", scene_path(scene, "services/supervisord.conf"));
	run = start_world(scene, &original);
	wait_for_web(run, RUN_STDOUT);
	expect_page(run, 8080, "hello from production\n");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
}

static void test_supervisord_programs_serve_and_stop(struct scene *scene)
{
	struct run *run = start_web(scene, &supervisord, RUN_STDOUT);

	run_wait_line(run, RUN_STDERR, "info: all services are ready after ");
	expect_page(run, 8080, "\r\n\r\nhello from production\n");
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\"127.0.0.1 .*GET / HTTP/1.0.*\",\"service\":\"nginx\"");
	expect_calm_stop(run);
	run_expect_line(run, RUN_STDERR, "info: php-fpm/run: sending QUIT to PID ");
	expect_clean_check(scene, &supervisord);
}

static void test_supervisord_program_crashing_ends_container(struct scene *scene)
{
	expect_php_crash(scene, &supervisord, "php-fpm", RUN_STDOUT);
}

static const struct world my_init = {
	.name = "from-my-init",
	.lines = "cp -r .my_init.d /etc/my_init.d\n"
		 "cp -r .container_environment /etc/container_environment\n"
		 "ln -s ../sbin/dinit /usr/local/bin/sv",
	.program = "services/entry",
	.programs = { "nginx", "php-fpm8.2", "chpst" },
};

static void test_my_init_services_serve_unchanged_and_stop(struct scene *scene)
{
	struct run *run = start_web(scene, &my_init, RUN_STDOUT);

	expect_page(run, 8080, "\r\n\r\nhello from stage 2\n");
	expect_calm_stop(run);
	expect_clean_check(scene, &my_init);
}

static void test_my_init_service_crashing_ends_container(struct scene *scene)
{
	expect_php_crash(scene, &my_init, "php-fpm", RUN_STDOUT);
}

/* A failing script of my_init.d ends the container before there is a service. */
static void test_my_init_script_failing_starts_nothing(struct scene *scene)
{
	struct run *run;

	put_world(scene, &my_init, NULL);
	scene_script(scene, "services/.my_init.d/20_failing", "echo 'no volume' >&2; exit 5");
	run = start_world(scene, &my_init);
	run_expect_exit(run, 1);
	run_expect_line(run, RUN_STDERR, "^no volume$");
	run_expect_no_line(run, RUN_STDERR, "nginx/run");
}

static const struct world tozd = {
	.name = "from-tozd-dinit",
	.lines = "",
	.environment = LIST("DINIT_JSON_STDOUT=1", "APP_ENV=production"),
	.programs = { "nginx", "php-fpm8.2" },
};

static void test_tozd_services_serve_unchanged_and_stop(struct scene *scene)
{
	struct run *run = start_web(scene, &tozd, RUN_STDERR);

	expect_page(run, 8080, "\r\n\r\nhello from production\n");
	run_wait_line(run, RUN_STDOUT,
		      "^\\{\"message\":\"127.0.0.1 .*GET / HTTP/1.0.*\",\"service\":\"nginx\"");
	run_wait_line(run, RUN_STDERR, "info: warm-up/run: .*disabled itself");
	expect_calm_stop(run);
	expect_clean_check(scene, &tozd);
}

static void test_tozd_service_crashing_ends_container(struct scene *scene)
{
	expect_php_crash(scene, &tozd, "php-fpm", RUN_STDERR);
}

static const struct world foreman = {
	.name = "from-foreman",
	.lines = "",
	.programs = { "nginx", "php-fpm8.2" },
};

static void test_foreman_formation_serves_and_stops(struct scene *scene)
{
	struct run *run = start_web(scene, &foreman, RUN_STDERR);

	expect_page(run, 5000, "\r\n\r\nhello from production by php.1\n");
	expect_page(run, 5000, "\r\n\r\nhello from production by php.2\n");
	expect_calm_stop(run);
	expect_clean_check(scene, &foreman);
}

static void test_foreman_process_crashing_ends_container(struct scene *scene)
{
	expect_php_crash(scene, &foreman, "php.2", RUN_STDERR);
}

/* ---- a worker with cron and redis ---- */

static const struct world s6_overlay = {
	.name = "from-s6-overlay",
	.lines = "cp -r .cont-init.d /etc/cont-init.d\n"
		 "cp with-contenv /usr/bin",
	.program = "services/entry",
	.environment = LIST("CACHE_SIZE=16mb", "FIRST_JOB=first"),
	.programs = { "redis-server", "redis-cli", "cron" },
};

/* What cron has started would be an orphan if cron were stopped now. */
static void add_observer_of_cron(struct scene *scene)
{
	scene_service(scene, "observer",
		      "read -r go <\"$SCENE/go\"\n"
		      "while pgrep -P \"$(cat /run/crond.pid)\" >/dev/null; do sleep 0.02; done\n"
		      "echo 'cron is idle'\n"
		      "exec sleep 1000");
}

static void wait_for_cron(struct run *run)
{
	scene_let_go(run->scene, "go");
	run_wait_line(run, RUN_STDOUT, "\"cron is idle\"");
}

static struct run *start_worker(struct scene *scene, const struct world *world, const char *killed,
				const char *job)
{
	struct run *run;

	put_world(scene, world, killed);
	if (!killed)
		add_observer_of_cron(scene);
	run = start_world(scene, world);
	run_wait_line(run, RUN_STDOUT,
		      scene_format(scene, "^\\{\"message\":\"done: %s\",\"service\":\"worker\",",
				   job));
	return run;
}

/* The end of redis, as soon as that is up. */
static void expect_redis_crash(struct scene *scene, const struct world *world,
			       const char *const *command)
{
	struct world killing = *world;
	struct run *run;

	killing.arguments = command;
	put_world(scene, &killing, "redis");
	run = start_world(scene, &killing);
	run_wait_line(run, RUN_STDOUT, "[Rr]eady to accept connections");
	expect_crash(run, "redis");
}

static void test_s6_overlay_services_work_unchanged_and_stop(struct scene *scene)
{
	struct run *run = start_worker(scene, &s6_overlay, NULL, "first");

	wait_for_cron(run);
	expect_calm_stop(run);
	run_expect_line(run, RUN_STDERR, "info: redis/run: sending INT to PID ");
	run_expect_line(run, RUN_STDERR, "info: redis/run: PID [0-9]+ exited with status 0");
	expect_clean_check(scene, &s6_overlay);
}

static void test_s6_overlay_service_crashing_ends_container(struct scene *scene)
{
	expect_crash(start_worker(scene, &s6_overlay, "cron", "first"), "cron");
}

/* Its terminate has waited for the worker. */
static void expect_redis_last(struct run *run)
{
	assert_true(run_stamp_ms(run, "info: worker/run: PID [0-9]+ exited with status 0") <=
		    run_stamp_ms(run, "info: redis/term: PID [0-9]+ exited with status 0"));
	run_expect_line(run, RUN_STDERR, "info: redis/run: PID [0-9]+ exited with status 0");
}

static const struct world s6_rc = {
	.name = "from-s6-rc",
	.lines = "",
	.programs = { "redis-server", "redis-cli", "cron" },
};

static void test_s6_rc_services_work_in_order_and_stop_in_reverse(struct scene *scene)
{
	struct run *run = start_worker(scene, &s6_rc, NULL, "first");

	run_wait_line(run, RUN_STDOUT, "\"done: warm-up\"");
	wait_for_cron(run);
	expect_calm_stop(run);
	expect_redis_last(run);
	expect_clean_check(scene, &s6_rc);
}

static void test_s6_rc_service_crashing_ends_container(struct scene *scene)
{
	expect_redis_crash(scene, &s6_rc, NULL);
}

static const struct world tini = {
	.name = "from-tini",
	.lines = "cp cron/jobs /etc/cron.d/jobs\n",
	.programs = { "redis-server", "redis-cli", "cron" },
};

/* The entry script as it was, under tini itself and under dinit. */
static void expect_original_entry(struct scene *scene, const char *program)
{
	struct world original = tini;
	struct run *run;

	original.program = program;
	original.environment = LIST("DINIT_REPARENTING_POLICY=ignore", "DINIT_SKIP=*");
	put_world(scene, &original, NULL);
	original.arguments = LIST("--", scene_path(scene, "services/entry.tini"));
	run = start_world(scene, &original);
	run_wait_line(run, RUN_STDOUT, "^done: warm-up$");
	scene_may_leave(scene);
	expect_calm_stop(run);
}

static void test_tini_original_works(struct scene *scene)
{
	need_programs(LIST("tini"));
	expect_original_entry(scene, "/usr/bin/tini");
}

static void test_tini_entry_works_unchanged(struct scene *scene)
{
	expect_original_entry(scene, NULL);
}

static struct run *start_command(struct scene *scene, const char *killed)
{
	struct world world = tini;
	struct run *run;

	put_world(scene, &world, killed);
	if (!killed)
		add_observer_of_cron(scene);
	world.arguments =
		LIST("dinit", "--wait", "redis", "--", scene_path(scene, "services/worker"));
	run = start_world(scene, &world);
	run_wait_line(run, RUN_STDOUT, "^\\{\"message\":\"done: warm-up\",\"service\":\"command\"");
	return run;
}

static void test_tini_daemons_work_as_services_and_stop(struct scene *scene)
{
	struct run *run = start_command(scene, NULL);

	wait_for_cron(run);
	expect_calm_stop(run);
	expect_clean_check(scene, &tini);
}

static void test_tini_daemon_crashing_ends_container(struct scene *scene)
{
	expect_redis_crash(scene, &tini,
			   LIST("dinit", "--wait", "redis", "--",
				scene_path(scene, "services/worker")));
}

/* With the command's own status, as under tini. */
static void test_tini_command_crashing_gives_its_status(struct scene *scene)
{
	struct run *run = start_command(scene, "command");

	scene_let_go(scene, "go");
	run_expect_exit(run, 128 + SIGKILL);
	run_expect_line(run, RUN_STDERR, "error: command/run: PID [0-9]+ was killed by signal 9");
}

static const struct world systemd = {
	.name = "from-systemd",
	.lines = "echo TRACE=yes >/etc/default/worker",
	.programs = { "redis-server", "redis-cli", "cron", "prlimit" },
};

static void test_systemd_units_are_valid(struct scene *scene)
{
	struct world verifying = systemd;
	struct run *run;

	need_programs(LIST("systemd-analyze"));
	verifying.program = "/usr/bin/systemd-analyze";
	put_world(scene, &verifying, NULL);
	verifying.lines = "mkdir -p /srv/app; cp worker/worker /srv/app/worker";
	verifying.arguments = LIST("verify", scene_path(scene, "services/redis.service"),
				   scene_path(scene, "services/worker.service"),
				   scene_path(scene, "services/cron.service"));
	run = start_world(scene, &verifying);
	run_expect_exit(run, 0);
	run_expect_no_line(run, RUN_STDERR, "/services/");
}

static void test_systemd_units_work_as_services_and_stop(struct scene *scene)
{
	struct run *run = start_worker(scene, &systemd, NULL, "warm-up");

	wait_for_cron(run);
	expect_calm_stop(run);
	expect_redis_last(run);
	run_expect_line(run, RUN_STDERR, "info: worker/finish: PID [0-9]+ exited with status 0");
	expect_clean_check(scene, &systemd);
}

static void test_systemd_unit_crashing_ends_container(struct scene *scene)
{
	expect_redis_crash(scene, &systemd, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_AS_INIT(test_supervisord_original_serves),
		SCENE_AS_INIT(test_supervisord_programs_serve_and_stop),
		SCENE_AS_INIT(test_supervisord_program_crashing_ends_container),
		SCENE_AS_INIT(test_s6_overlay_services_work_unchanged_and_stop),
		SCENE_AS_INIT(test_s6_overlay_service_crashing_ends_container),
		SCENE_AS_INIT(test_s6_rc_services_work_in_order_and_stop_in_reverse),
		SCENE_AS_INIT(test_s6_rc_service_crashing_ends_container),
		SCENE_AS_INIT(test_my_init_services_serve_unchanged_and_stop),
		SCENE_AS_INIT(test_my_init_service_crashing_ends_container),
		SCENE_AS_INIT(test_my_init_script_failing_starts_nothing),
		SCENE_AS_INIT(test_tini_original_works),
		SCENE_AS_INIT(test_tini_entry_works_unchanged),
		SCENE_AS_INIT(test_tini_daemons_work_as_services_and_stop),
		SCENE_AS_INIT(test_tini_daemon_crashing_ends_container),
		SCENE_AS_INIT(test_tini_command_crashing_gives_its_status),
		SCENE_AS_INIT(test_tozd_services_serve_unchanged_and_stop),
		SCENE_AS_INIT(test_tozd_service_crashing_ends_container),
		SCENE_AS_INIT(test_systemd_units_are_valid),
		SCENE_AS_INIT(test_systemd_units_work_as_services_and_stop),
		SCENE_AS_INIT(test_systemd_unit_crashing_ends_container),
		SCENE_AS_INIT(test_foreman_formation_serves_and_stops),
		SCENE_AS_INIT(test_foreman_process_crashing_ends_container),
	};

	return scene_run_all("world_migrating", tests, sizeof tests / sizeof *tests);
}
