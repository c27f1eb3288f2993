/* SPDX-License-Identifier: ISC */
/* Owns what dinit does to its own process before and after its work; not the work, and no child.
 * Invariant: nothing here but process_forget_code and what is about the foreground is called while
 * services run. */
#include "process.h"

#include "log.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KERNEL_SIGNALS 64

/* How long a serial line may take to send what the kernel has queued for it (up to 4 kB, at 9600
 * bit/s), and how often it is asked. */
#define CONSOLE_MAX_MS 5000
#define CONSOLE_LOOK_MS 5

int process_fill_standard_fds(bool closed[3])
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		closed[fd] = true;
		if (open("/dev/null", O_RDWR) < 0)
			return -1;
	}
	return 0;
}

bool process_has_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void process_take_foreground(void)
{
	tcsetpgrp(STDIN_FILENO, getpgrp());
}

/* Uses the kernel's own call, because libc's functions spare the signals that libc uses itself. */
int process_block_signals(sigset_t *read_set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	uint64_t blocked = ~UINT64_C(0);

	memset(read_set, 0xff, sizeof *read_set);
	sigdelset(read_set, SIGPIPE);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		blocked &= ~(UINT64_C(1) << (faults[i] - 1));
		sigdelset(read_set, faults[i]);
	}
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, KERNEL_SIGNALS / 8);
}

/* Uses the kernel's own call, as above. The kernel's struct sigaction is all zero for SIG_DFL on
 * every CPU. */
void process_reset_dispositions(void)
{
	static const uint64_t by_default[8];

	for (int signal = 1; signal <= KERNEL_SIGNALS; signal++)
		syscall(SYS_rt_sigaction, signal, by_default, NULL, KERNEL_SIGNALS / 8);
}

void process_raise_nofile(struct rlimit *original)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, original) < 0)
		*original = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	raised = (struct rlimit){ original->rlim_max, original->rlim_max };
	prlimit(0, RLIMIT_NOFILE, &raised, NULL);
}

/* Says a problem. All variables have been read, or have their defaults, before the first warning
 * comes. */
static void on_config_problem(void *ctx, enum config_problem problem, const char *text)
{
	const struct config *config = ctx;

	log_set_level(config->log_level);
	if (problem == CONFIG_PROBLEM_ERROR) {
		log_always(CONFIG_LOG_ERROR, "%s", text);
		return;
	}
	log_set_form(log_choose_form(config, STDERR_FILENO));
	log_warn("%s", text);
}

int process_read_environment(struct config *config, char *const *environment)
{
	unsigned errors = config_read(config, environment, on_config_problem, config);

	log_set_level(config->log_level);
	log_set_form(log_choose_form(config, STDERR_FILENO));
	return errors > 0 ? -1 : 0;
}

/* Returns whether fd is a terminal whose line still has something to send. A socket has such a
 * queue too, under the same number (SIOCOUTQ), but loses nothing when we end. A pseudo terminal, as
 * containers have it, has none. */
static bool is_sending(int fd)
{
	int unsent;

	return isatty(fd) && ioctl(fd, TIOCOUTQ, &unsent) == 0 && unsent > 0;
}

void process_wait_for_console(void)
{
	if (getpid() != 1)
		return;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		for (int ms = 0; ms < CONSOLE_MAX_MS && is_sending(fd); ms += CONSOLE_LOOK_MS)
			poll(NULL, 0, CONSOLE_LOOK_MS);
}

void process_forget_code(uintptr_t begin)
{
	/* Where the linker has put the end of the code (end(3)). */
	extern const char etext[];
	uintptr_t page = (uintptr_t)getpagesize(), end = (uintptr_t)etext;

	begin = (begin + page - 1) & -page;
	if (begin < end)
		madvise((void *)begin, end - begin, MADV_DONTNEED);
}
