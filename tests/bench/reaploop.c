/* SPDX-License-Identifier: ISC */
/* What dinit's care for orphans is compared to: a bare loop that starts the maker of orphans, whose
 * orphans come to it, and reaps. With BENCH_LIVE in its environment it terminates them first: when
 * the first child has ended, and as long after that as dinit leaves an orphan alone, it sends TERM
 * to all others. On TERM it kills the maker and exits. Usage: reaploop MAKER. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MATURE_US 10000

static void terminate_all_but(pid_t maker)
{
	static char list[64 * 1024];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, list + len, sizeof list - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	for (char *at = list, *end;; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			return;
		if (pid != maker)
			kill(pid, SIGTERM);
	}
}

static bool reap(void)
{
	bool any = false;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		any = true;
	return any;
}

static pid_t start(char *maker)
{
	char *const argv[] = { maker, NULL };
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	return posix_spawn(&pid, maker, NULL, &attributes, argv, environ) == 0 ? pid : -1;
}

int main(int argc, char **argv)
{
	bool live = getenv("BENCH_LIVE") != NULL;
	sigset_t signals;
	pid_t maker;
	int signal;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	maker = argc == 2 ? start(argv[1]) : -1;
	if (maker < 0)
		return 2;
	while (sigwait(&signals, &signal) == 0 && signal != SIGTERM) {
		if (!reap() || !live)
			continue;
		usleep(MATURE_US);
		terminate_all_but(maker);
		live = false;
	}
	kill(maker, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}
