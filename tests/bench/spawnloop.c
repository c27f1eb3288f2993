/* SPDX-License-Identifier: ISC */
/* What dinit's start and stop are compared to: a bare loop that starts the same programs, each
 * with two pipes and in its directory, and on TERM signals all of them, waits for all of them,
 * and exits. It reads none of the pipes. Usage: spawnloop DIR COUNT [look], for DIR/s0000/run and
 * so on; with look it asks the kernel for its list of children once a second meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int start(const char *parent, unsigned number, int null_fd,
		 const posix_spawnattr_t *attributes, pid_t *pid)
{
	char dir[512], run[520];
	char *const argv[] = { run, NULL };
	posix_spawn_file_actions_t actions;
	int out[2], err[2], error;

	snprintf(dir, sizeof dir, "%s/s%04u", parent, number);
	snprintf(run, sizeof run, "%s/run", dir);
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 ||
	    posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	posix_spawn_file_actions_adddup2(&actions, null_fd, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, err[1], 2);
	posix_spawn_file_actions_addchdir_np(&actions, dir);
	error = posix_spawn(pid, run, &actions, attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	close(err[1]);
	return error ? -1 : 0;
}

static void look_at_children(void)
{
	static char list[64 * 1024];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

	while (read(fd, list, sizeof list) > 0)
		;
	close(fd);
}

static void wait_for(const sigset_t *signals, bool look)
{
	const struct timespec second = { .tv_sec = 1 };

	while (sigtimedwait(signals, NULL, look ? &second : NULL) < 0)
		if (look && errno == EAGAIN)
			look_at_children();
}

int main(int argc, char **argv)
{
	unsigned count = argc >= 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	pid_t *pids = calloc(count ? count : 1, sizeof *pids);
	posix_spawnattr_t attributes;
	struct rlimit nofile;
	sigset_t none, term;
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	if (!pids || count == 0 || null_fd < 0 || getrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return 2;
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	for (unsigned i = 0; i < count; i++)
		if (start(argv[1], i, null_fd, &attributes, &pids[i]) < 0)
			return 3;
	wait_for(&term, argc == 4);
	for (unsigned i = 0; i < count; i++)
		kill(pids[i], SIGTERM);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}
