/* SPDX-License-Identifier: ISC */
/* A program that is redirected while it runs, and checks that it does not notice. The first
 * argument says what it is doing at that time. Descriptors: 1 and 2 are what is redirected,
 * READY_FD says that it is where it wants to be, CONTROL_FD ends (or gives a byte) when it may
 * go on, COMPLAINT_FD takes what is wrong. Exits with 0 if nothing was. Uses no stdio and
 * nothing else that could hide an error. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__) && defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
#include <sys/rseq.h>
#define HAS_SEQUENCES 1
#else
#define HAS_SEQUENCES 0
#endif

#include "victim.h"

#define PATTERNS 32
/* how much later than asked for a sleep may end, on a busy or emulated machine */
#define LATE_MS 40000

/* How long a call lasts: one that begins anew whenever it is interrupted would not end before the
 * interruptions do. */
static int sleep_ms;

static _Noreturn void complain(const char *what, long value)
{
	char text[128];
	int len = snprintf(text, sizeof text, "victim: %s (%ld, errno %d)\n", what, value, errno);

	if (write(VICTIM_COMPLAINT_FD, text, (size_t)len) < 0)
		_exit(2);
	_exit(1);
}

#define CHECK(condition, value) \
	do { \
		if (!(condition)) \
			complain(#condition, (long)(value)); \
	} while (0)

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void say_ready(void)
{
	CHECK(write(VICTIM_READY_FD, "r", 1) == 1, 0);
	close(VICTIM_READY_FD);
}

static bool is_told(void)
{
	struct pollfd control = { .fd = VICTIM_CONTROL_FD, .events = POLLIN };

	return poll(&control, 1, 0) > 0;
}

/* A restarted read(2) is the first thing that is checked: it never fails with EINTR. */
static void wait_until_told(void)
{
	char byte;

	CHECK(read(VICTIM_CONTROL_FD, &byte, 1) >= 0, 0);
}

static void print(int fd, const char *word, unsigned long number)
{
	char line[64];
	int len = snprintf(line, sizeof line, "%s %lu\n", word, number);

	CHECK(write(fd, line, (size_t)len) == len, fd);
}

static void say_last_words(void)
{
	print(STDOUT_FILENO, "out", 1);
	print(STDERR_FILENO, "err", 1);
}

static void mode_wait_told(void)
{
	say_ready();
	wait_until_told();
	say_last_words();
}

/* ---- registers ---- */

static unsigned char before[PATTERNS * 32], after[PATTERNS * 32];

#if defined(__x86_64__)
#define LOAD(n) "vmovdqu " #n "*32(%[from]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*32(%[to])\n\t"
#define ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/* Everything in registers, for long enough to be interrupted there; returns whether one has
 * changed. */
__attribute__((target("avx"), noinline)) static bool spin_once(uint64_t rounds)
{
	uint64_t wrong;
	double pi;

	__asm__ volatile(
		ALL(LOAD) "fldpi\n\t"
			  "mov $0x1111111111111111, %%r8\n\tmov $0x2222222222222222, %%r9\n\tmov "
			  "$0x3333333333333333, %%r10\n\t"
			  "mov $0x4444444444444444, %%r11\n\tmov $0x5555555555555555, %%r12\n\tmov "
			  "$0x6666666666666666, %%r13\n\t"
			  "mov $0x7777777777777777, %%r14\n\tmov $0x1234567812345678, %%r15\n\tmov "
			  "$0x0fedcba987654321, %%rdx\n\t"
			  "xor %%eax, %%eax\n\t"
			  "stc\n"
			  "1:\n\t"
			  /* dec leaves the carry flag alone */
			  "jnc 2f\n\t"
			  "dec %[rounds]\n\t"
			  "jnz 1b\n\t"
			  "jmp 3f\n"
			  "2:\n\t"
			  "mov $1, %%eax\n"
			  "3:\n\t"
			  "mov $0x1111111111111111, %%rcx\n\txor %%rcx, %%r8\n\tor %%r8, %%rax\n\t"
			  "mov $0x2222222222222222, %%rcx\n\txor %%rcx, %%r9\n\tor %%r9, %%rax\n\t"
			  "mov $0x3333333333333333, %%rcx\n\txor %%rcx, %%r10\n\tor %%r10, "
			  "%%rax\n\t"
			  "mov $0x4444444444444444, %%rcx\n\txor %%rcx, %%r11\n\tor %%r11, "
			  "%%rax\n\t"
			  "mov $0x5555555555555555, %%rcx\n\txor %%rcx, %%r12\n\tor %%r12, "
			  "%%rax\n\t"
			  "mov $0x6666666666666666, %%rcx\n\txor %%rcx, %%r13\n\tor %%r13, "
			  "%%rax\n\t"
			  "mov $0x7777777777777777, %%rcx\n\txor %%rcx, %%r14\n\tor %%r14, "
			  "%%rax\n\t"
			  "mov $0x1234567812345678, %%rcx\n\txor %%rcx, %%r15\n\tor %%r15, "
			  "%%rax\n\t"
			  "mov $0x0fedcba987654321, %%rcx\n\txor %%rcx, %%rdx\n\tor %%rdx, "
			  "%%rax\n\t"
			  "fstpl %[pi]\n\t" ALL(STORE)
		: "=&a"(wrong), [rounds] "+&b"(rounds), [pi] "=m"(pi)
		: [from] "S"(before), [to] "D"(after)
		: "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
		  "cc", "st", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
		  "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return wrong || !(pi > 3.14159 && pi < 3.1416) || memcmp(before, after, 16 * 32) != 0;
}

static bool can_spin(void)
{
	return __builtin_cpu_supports("avx");
}
#elif defined(__aarch64__)
#define LOAD(n) "ldr q" #n ", [%[from], #" #n "*16]\n\t"
#define STORE(n) "str q" #n ", [%[to], #" #n "*16]\n\t"
/* clang-format finds another form of this each time. */
/* clang-format off */
#define ALL(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) \
	X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) \
	X(30) X(31)
/* clang-format on */
/* HWCAP_SVE is 1 << 22 */
#define SCALABLE 22

__attribute__((noinline)) static bool spin_once(uint64_t rounds)
{
	uint64_t wrong;

	__asm__ volatile(
		ALL(LOAD) "mov x2, #0x1111\n\tmov x3, #0x2222\n\tmov x4, #0x3333\n\tmov x5, "
			  "#0x4444\n\tmov "
			  "x6, #0x5555\n\t"
			  "mov x7, #0x6666\n\tmov x9, #0x7777\n\tmov x10, #0x8888\n\tmov x16, "
			  "#0x9999\n\tmov "
			  "x17, #0xaaaa\n"
			  "1:\n\t"
			  "sub %[rounds], %[rounds], #1\n\t"
			  "cbnz %[rounds], 1b\n\t"
			  "mov x8, #0x1111\n\teor %[wrong], x2, x8\n\t"
			  "mov x8, #0x2222\n\teor x8, x3, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x3333\n\teor x8, x4, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x4444\n\teor x8, x5, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x5555\n\teor x8, x6, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x6666\n\teor x8, x7, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x7777\n\teor x8, x9, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x8888\n\teor x8, x10, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0x9999\n\teor x8, x16, x8\n\torr %[wrong], %[wrong], x8\n\t"
			  "mov x8, #0xaaaa\n\teor x8, x17, x8\n\torr %[wrong], %[wrong], "
			  "x8\n\t" ALL(STORE)
		: [wrong] "=&r"(wrong), [rounds] "+&r"(rounds)
		: [from] "r"(before), [to] "r"(after)
		: "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x16", "x17", "memory",
		  "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",
		  "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22",
		  "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
	return wrong || memcmp(before, after, 32 * 16) != 0;
}

/* The part of the vector registers that a system call of the program's own may discard, and ours
 * must not. */
__attribute__((noinline)) static bool spin_scalable(uint64_t rounds)
{
	uint64_t wrong;

	__asm__ volatile(
		".arch_extension sve\n\t"
		"ptrue p0.b\n\t"
		"ptrue p3.s\n\t"
		"index z0.b, #1, #3\n\tindex z17.b, #1, #3\n\tindex z31.b, #1, #3\n"
		"1:\n\t"
		"sub %[rounds], %[rounds], #1\n\t"
		"cbnz %[rounds], 1b\n\t"
		"ptrue p1.b\n\t"
		"index z1.b, #1, #3\n\t"
		"cmpne p2.b, p1/z, z0.b, z1.b\n\tcntp %[wrong], p1, p2.b\n\t"
		"cmpne p2.b, p1/z, z17.b, z1.b\n\tcntp x2, p1, p2.b\n\tadd %[wrong], %[wrong], "
		"x2\n\t"
		"cmpne p2.b, p1/z, z31.b, z1.b\n\tcntp x2, p1, p2.b\n\tadd %[wrong], %[wrong], "
		"x2\n\t"
		"ptrue p2.s\n\teor p2.b, p1/z, p2.b, p3.b\n\tcntp x2, p1, p2.b\n\tadd %[wrong], "
		"%[wrong], x2\n\t"
		"eor p2.b, p1/z, p0.b, p1.b\n\tcntp x2, p1, p2.b\n\tadd %[wrong], %[wrong], x2\n\t"
		: [wrong] "=&r"(wrong), [rounds] "+&r"(rounds)
		:
		: "x2", "memory", "cc", "v0", "v1", "v17", "v31");
	return wrong;
}

static bool can_spin(void)
{
	return true;
}
#endif

static bool spin(uint64_t rounds)
{
#if defined(__aarch64__)
	if ((getauxval(AT_HWCAP) >> SCALABLE & 1) && spin_scalable(rounds))
		return true;
#endif
	return spin_once(rounds);
}

/* Almost never in a system call. */
static void mode_spin(void)
{
	for (size_t i = 0; i < sizeof before; i++)
		before[i] = (unsigned char)(i * 37 + 11);
	say_ready();
	while (!is_told())
		for (int i = 0; i < 100; i++)
			CHECK(!can_spin() || !spin(20000), i);
	say_last_words();
}

/* ---- restartable sequences (rseq(2)) ---- */

#if HAS_SEQUENCES
/* Turns for ever within a sequence; nothing but its being aborted, as it is when its thread is
 * stopped, leads out of it. */
static void run_sequence(void)
{
	static struct {
		uint32_t version, flags;
		uint64_t start, len, abort;
	} sequence __attribute__((aligned(32)));
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	__asm__ volatile(
		"lea 1f(%%rip), %%rax\n\tmov %%rax, 8(%[sequence])\n\t"
		"lea 2f(%%rip), %%rcx\n\tsub %%rax, %%rcx\n\tmov %%rcx, 16(%[sequence])\n\t"
		"lea 3f(%%rip), %%rax\n\tmov %%rax, 24(%[sequence])\n\t"
		"mov %[sequence], 8(%[area])\n"
		"1:\n\t"
		"pause\n\t"
		"jmp 1b\n"
		"2:\n\t"
		/* the signature that the kernel wants to see there */
		".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n"
		"3:\n\t"
		"movq $0, 8(%[area])\n\t"
		:
		: [sequence] "r"(&sequence), [area] "r"(area)
		: "rax", "rcx", "memory", "cc");
}
#endif

/* Long enough in sequences that it is met in one. */
static void mode_sequence(void)
{
	say_ready();
#if HAS_SEQUENCES
	if (__rseq_size > 0)
		for (int64_t end = now_us() + sleep_ms * 500; now_us() < end;)
			run_sequence();
#endif
	wait_until_told();
	say_last_words();
}

/* ---- interrupted calls ---- */

#define TIMED(call) \
	do { \
		int64_t begun = now_us(), took_ms; \
\
		call; \
		took_ms = (now_us() - begun) / 1000; \
		CHECK(took_ms >= sleep_ms - 1, took_ms); \
		CHECK(took_ms <= sleep_ms + LATE_MS, took_ms); \
	} while (0)

static void mode_nanosleep(void)
{
	struct timespec sleep_time = { .tv_nsec = sleep_ms * 1000000 }, left = { .tv_sec = 77 };

	say_ready();
	TIMED(CHECK(nanosleep(&sleep_time, &left) == 0, 0));
	say_last_words();
}

static void mode_poll(void)
{
	say_ready();
	TIMED(CHECK(poll(NULL, 0, sleep_ms) == 0, 0));
	say_last_words();
}

static void mode_select(void)
{
	struct timeval limit = { .tv_usec = sleep_ms * 1000 };

	say_ready();
	TIMED(CHECK(select(0, NULL, NULL, NULL, &limit) == 0, 0));
	say_last_words();
}

static void mode_epoll(void)
{
	struct epoll_event event;
	int n, fd = epoll_create1(0);

	say_ready();
	do {
		int64_t begun = now_us();

		n = epoll_wait(fd, &event, 1, sleep_ms);
		/* The one call for which the kernel promises nothing (signal(7)). */
		if (n < 0)
			CHECK(errno == EINTR, n);
		else
			CHECK(now_us() - begun >= (sleep_ms - 1) * 1000, n);
	} while (n < 0);
	CHECK(n == 0, n);
	say_last_words();
}

static void mode_futex(void)
{
	struct timespec sleep_time = { .tv_nsec = sleep_ms * 1000000 };
	int word = 5;

	say_ready();
	TIMED(CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &sleep_time, NULL, 0) == -1 &&
			    errno == ETIMEDOUT,
		    0));
	say_last_words();
}

static void mode_read(void)
{
	char byte = 0;

	say_ready();
	CHECK(read(VICTIM_CONTROL_FD, &byte, 1) == 1 && byte == 'x', byte);
	say_last_words();
}

static void mode_accept(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t len = sizeof address;
	pid_t child;

	/* An address of the kernel's choosing, in no file system. */
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) == 0, 0);
	CHECK(listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0, 0);
	child = fork();
	if (child == 0) {
		wait_until_told();
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(fd, (struct sockaddr *)&address, len) == 0 ? 0 : 1);
	}
	say_ready();
	CHECK(accept(fd, NULL, NULL) >= 0, 0);
	CHECK(waitpid(child, NULL, 0) == child, 0);
	say_last_words();
}

static void mode_wait(void)
{
	pid_t child = fork();

	if (child == 0) {
		wait_until_told();
		_exit(7);
	}
	say_ready();
	int status = 0;
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, status);
	say_last_words();
}

static volatile sig_atomic_t usr1_count;

static void on_usr1(int signal)
{
	(void)signal;
	usr1_count = usr1_count + 1;
}

/* The signal comes through only while it waits, and ends the waiting: neither may be lost. */
static void mode_sigsuspend(void)
{
	struct sigaction action = { .sa_handler = on_usr1 };
	sigset_t blocked, none, now;

	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK(sigprocmask(SIG_SETMASK, &blocked, NULL) == 0 &&
		      sigaction(SIGUSR1, &action, NULL) == 0,
	      0);
	say_ready();
	CHECK(sigsuspend(&none) == -1 && errno == EINTR, 0);
	CHECK(usr1_count == 1, usr1_count);
	CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) == 1 &&
		      sigismember(&now, SIGTERM) == 0,
	      0);
	say_last_words();
}

static void mode_ppoll(void)
{
	struct sigaction action = { .sa_handler = on_usr1 };
	struct timespec limit = { .tv_sec = 20 };
	sigset_t blocked, none, now;

	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK(sigprocmask(SIG_SETMASK, &blocked, NULL) == 0 &&
		      sigaction(SIGUSR1, &action, NULL) == 0,
	      0);
	say_ready();
	CHECK(ppoll(NULL, 0, &limit, &none) == -1 && errno == EINTR, 0);
	CHECK(usr1_count == 1, usr1_count);
	CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) == 1, 0);
	say_last_words();
}

/* ---- signals ---- */

static volatile sig_atomic_t alarms, queued, queued_wrong;

static void on_alarm(int signal)
{
	(void)signal;
	alarms = alarms + 1;
}

/* Each in order, each with what its sender gave it. */
static void on_queued(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	if (info->si_value.sival_int != queued || info->si_code != SI_QUEUE ||
	    info->si_pid != getppid())
		queued_wrong = 1;
	queued = queued + 1;
}

static void mode_signals(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct sigaction queue = { .sa_sigaction = on_queued, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerval storm = { .it_interval.tv_usec = 300, .it_value.tv_usec = 300 };
	struct itimerval calm = { 0 };
	unsigned long sum = 0;

	CHECK(sigaction(SIGALRM, &action, NULL) == 0 && sigaction(SIGRTMIN, &queue, NULL) == 0, 0);
	CHECK(setitimer(ITIMER_REAL, &storm, NULL) == 0, 0);
	say_ready();
	while (!is_told() || alarms <= 10) {
		CHECK(can_spin() ? !spin(2000) : 1, 0);
		sum += (unsigned long)getppid();
	}
	CHECK(setitimer(ITIMER_REAL, &calm, NULL) == 0, 0);
	CHECK(sum > 0, 0);
	CHECK(!queued_wrong, queued);
	print(STDOUT_FILENO, "queued", (unsigned long)queued);
	say_last_words();
}

static void mode_stopped(void)
{
	say_ready();
	raise(SIGSTOP);
	say_last_words();
}

/* ---- processes ---- */

static void mode_vfork(void)
{
	pid_t child;

	say_ready();
	child = vfork();
	if (child == 0) {
		char byte;

		(void)!read(VICTIM_CONTROL_FD, &byte, 1);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, NULL, 0) == child, child);
	say_last_words();
}

/* Descendants that hold the files of 1 and 2 under other numbers; a read end, and standard
 * input, which stay. */
static void mode_children(void)
{
	int i;

	CHECK(dup2(STDOUT_FILENO, 7) == 7 && dup3(STDERR_FILENO, 8, O_CLOEXEC) == 8, 0);
	for (i = 0; i < 3; i++) {
		pid_t child = fork();

		CHECK(child >= 0, i);
		if (child == 0)
			continue;
		wait_until_told();
		print(STDOUT_FILENO, "out", (unsigned long)i);
		print(STDERR_FILENO, "err", (unsigned long)i);
		print(7, "seven", (unsigned long)i);
		print(8, "eight", (unsigned long)i);
		CHECK((fcntl(7, F_GETFD) & FD_CLOEXEC) == 0 &&
			      (fcntl(8, F_GETFD) & FD_CLOEXEC) != 0,
		      i);
		int status;
		CHECK(waitpid(child, &status, 0) == child && status == 0, status);
		return;
	}
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	say_ready();
	wait_until_told();
	print(7, "seven", 9);
	print(8, "eight", 9);
}

/* Has a child that nobody has to wait for. */
static void mode_unwaited(void)
{
	pid_t child;

	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR, 0);
	child = fork();
	CHECK(child >= 0, 0);
	if (child > 0)
		say_ready();
	wait_until_told();
	if (child > 0)
		say_last_words();
}

static void mode_headless(void);

/* A child whose end is of no interest, with or without its first thread. */
static void be_parent(void (*child_mode)(void))
{
	pid_t child = fork();

	CHECK(child >= 0, child);
	if (child == 0) {
		child_mode();
		exit(0);
	}
	close(VICTIM_READY_FD);
	wait_until_told();
	CHECK(waitpid(child, NULL, 0) == child, child);
	say_last_words();
}

static void mode_parent(void)
{
	be_parent(mode_wait_told);
}

static void mode_parent_of_headless(void)
{
	be_parent(mode_headless);
}

/* Prints to /dev/null by 2, and has it open under another number. */
static void mode_null_child(void)
{
	struct stat status;

	CHECK(dup2(STDOUT_FILENO, STDERR_FILENO) == STDERR_FILENO, 0);
	CHECK(dup2(STDOUT_FILENO, 7) == 7, 0);
	close(STDOUT_FILENO);
	say_ready();
	wait_until_told();
	print(STDERR_FILENO, "err", 1);
	CHECK(fstat(7, &status) == 0 && S_ISCHR(status.st_mode), 7);
}

static void mode_null_parent(void)
{
	int null_fd = open("/dev/null", O_WRONLY);

	CHECK(dup2(null_fd, STDOUT_FILENO) == STDOUT_FILENO, null_fd);
	close(null_fd);
	be_parent(mode_null_child);
}

/* Takes a new child every few milliseconds, each of which prints a word when it may: none may
 * print to the old file. */
static void mode_forks(void)
{
	pid_t children[64];
	int n = 0, status;

	for (; n < 64 && !is_told(); n++) {
		children[n] = fork();
		if (children[n] == 0) {
			wait_until_told();
			say_last_words();
			_exit(0);
		}
		if (n == 10)
			say_ready();
		poll(NULL, 0, 5);
	}
	wait_until_told();
	while (n-- > 0)
		CHECK(waitpid(children[n], &status, 0) == children[n] && status == 0, status);
	say_last_words();
}

/* Line after line on both streams, with numbers, until it is told to stop. */
static void mode_count(void)
{
	unsigned long number = 0;

	say_ready();
	for (; !is_told(); number++) {
		print(STDOUT_FILENO, "out", number);
		print(STDERR_FILENO, "err", number);
	}
	print(STDOUT_FILENO, "total", number);
	print(STDERR_FILENO, "total", number);
}

/* What a daemon does with its streams, late: when it gets a byte. */
static void mode_replace(void)
{
	int null_fd = open("/dev/null", O_RDWR);

	say_ready();
	wait_until_told();
	CHECK(dup2(null_fd, STDOUT_FILENO) == STDOUT_FILENO &&
		      dup2(null_fd, STDERR_FILENO) == STDERR_FILENO,
	      0);
	wait_until_told();
	/* Another descriptor that happens to be open there is none of the streams. */
	struct stat status;
	CHECK(fstat(null_fd, &status) == 0 && S_ISCHR(status.st_mode), null_fd);
	say_last_words();
}

/* 1 is the end of a pipe of its own that it reads from, 2 is closed. */
static void mode_readonly(void)
{
	char byte = 0;
	int fds[2];

	CHECK(pipe(fds) == 0 && dup2(fds[0], STDOUT_FILENO) == STDOUT_FILENO, 0);
	close(STDERR_FILENO);
	say_ready();
	wait_until_told();
	CHECK(write(fds[1], "b", 1) == 1 && read(STDOUT_FILENO, &byte, 1) == 1 && byte == 'b',
	      byte);
	CHECK(fcntl(STDERR_FILENO, F_GETFD) == -1 && errno == EBADF, 0);
}

/* 1 is closed. */
static void mode_mute(void)
{
	close(STDOUT_FILENO);
	say_ready();
	wait_until_told();
	print(STDERR_FILENO, "err", 1);
}

/* A daemon that has closed its streams: their numbers belong to a file that it keeps data in,
 * and a socket. */
static void mode_at_work(void)
{
	char bytes[4] = "";
	int socket_fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fds) == 0, 0);
	CHECK(dup2(memfd_create("data", 0), STDOUT_FILENO) == STDOUT_FILENO, 0);
	CHECK(dup2(socket_fds[0], STDERR_FILENO) == STDERR_FILENO, 0);
	say_ready();
	wait_until_told();
	CHECK(write(STDOUT_FILENO, "in", 2) == 2 && pread(STDOUT_FILENO, bytes, 2, 0) == 2,
	      bytes[0]);
	CHECK(write(STDERR_FILENO, "to", 2) == 2 && read(socket_fds[1], bytes + 2, 2) == 2,
	      bytes[2]);
	CHECK(memcmp(bytes, "into", 4) == 0, 0);
}

/* Its stdout is a file that it reads by another descriptor, which it also writes to. */
static void mode_reader(void)
{
	char path[64], byte = 0;
	int fd = memfd_create("data", 0), log_fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	log_fd = open(path, O_WRONLY);
	CHECK(log_fd >= 0 && dup2(log_fd, STDOUT_FILENO) == STDOUT_FILENO, log_fd);
	close(log_fd);
	say_ready();
	wait_until_told();
	CHECK(write(fd, "d", 1) == 1 && pread(fd, &byte, 1, 0) == 1 && byte == 'd', byte);
	say_last_words();
}

/* So many copies of its stdout, under numbers that stay free of others. */
static void mode_copies(int copies)
{
	for (int i = 0; i < copies; i++)
		CHECK(dup2(STDOUT_FILENO, VICTIM_COPIES_FD + i) == VICTIM_COPIES_FD + i, i);
	say_ready();
	wait_until_told();
	for (int i = 0; i < copies; i++)
		print(VICTIM_COPIES_FD + i, "copy", (unsigned long)i);
	say_last_words();
}

/* All numbers from those of the copies on, up to and with that one; the last two are copies of its
 * stdout, and none of the others is anything to print to. */
static void mode_crowded(int last)
{
	struct rlimit limit = { (rlim_t)last + 1, (rlim_t)last + 1 };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		_exit(77);
	/* Whatever the test was started with. */
	for (int fd = VICTIM_CONTROL_FD + 1; fd < VICTIM_COPIES_FD; fd++)
		close(fd);
	for (int fd = VICTIM_COPIES_FD; fd <= last; fd++)
		CHECK(dup2(fd < last - 1 ? STDIN_FILENO : STDOUT_FILENO, fd) == fd, fd);
	say_ready();
	wait_until_told();
	print(last - 1, "copy", 1);
	print(last, "copy", 2);
	say_last_words();
}

/* ---- what it has: descriptors, memory, signals ---- */

struct belongings {
	char fds[512];
	char maps[65536];
	sigset_t mask, pending;
};

/* The descriptors' flags, the address space, what is blocked and what is pending. */
static void list_belongings(struct belongings *mine)
{
	size_t len = 0;
	int fd;
	ssize_t n;

	memset(mine, 0, sizeof *mine);
	for (fd = 0; fd < 64; fd++)
		len += (size_t)snprintf(mine->fds + len, sizeof mine->fds - len, "%d.%d ",
					fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
	fd = open("/proc/self/maps", O_RDONLY);
	for (len = 0; (n = read(fd, mine->maps + len, sizeof mine->maps - 1 - len)) > 0;)
		len += (size_t)n;
	close(fd);
	sigprocmask(SIG_SETMASK, NULL, &mine->mask);
	sigpending(&mine->pending);
}

static void mode_belongings(void)
{
	static struct belongings then, now;
	sigset_t some;

	fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
	/* A read end, and a copy on standard input: neither is a copy for writing. */
	CHECK(dup2(STDOUT_FILENO, STDIN_FILENO) == STDIN_FILENO, 0);
	CHECK(open("/proc/self/fd/2", O_RDONLY | O_NONBLOCK) > STDERR_FILENO, 0);
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	sigprocmask(SIG_BLOCK, &some, NULL);
	raise(SIGUSR2);
	list_belongings(&then);
	/* Stays open: it is one of the belongings. */
	CHECK(write(VICTIM_READY_FD, "r", 1) == 1, 0);
	wait_until_told();
	list_belongings(&now);
	if (strcmp(then.fds, now.fds) != 0 || strcmp(then.maps, now.maps) != 0) {
		(void)!write(VICTIM_COMPLAINT_FD, then.fds, strlen(then.fds));
		(void)!write(VICTIM_COMPLAINT_FD, now.fds, strlen(now.fds));
		(void)!write(VICTIM_COMPLAINT_FD, then.maps, strlen(then.maps));
		(void)!write(VICTIM_COMPLAINT_FD, now.maps, strlen(now.maps));
		CHECK(false, 0);
	}
	CHECK(memcmp(&then.mask, &now.mask, sizeof now.mask) == 0, 0);
	CHECK(memcmp(&then.pending, &now.pending, sizeof now.pending) == 0, 0);
	print(STDIN_FILENO, "in", 1);
	say_last_words();
	CHECK((fcntl(STDOUT_FILENO, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == (O_NONBLOCK | O_WRONLY),
	      0);
	CHECK((fcntl(STDERR_FILENO, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == O_WRONLY, 0);
	CHECK(fcntl(STDOUT_FILENO, F_GETFD) == 0 && fcntl(STDERR_FILENO, F_GETFD) == 0, 0);
}

/* ---- threads ---- */

static atomic_bool threads_stop;
static atomic_int threads_sum;

static void *thread_busy(void *ctx)
{
	(void)ctx;
	while (!threads_stop) {
		atomic_fetch_add(&threads_sum, 1);
		CHECK(syscall(SYS_getppid) == getppid(), 0);
	}
	return NULL;
}

static void *thread_sleepy(void *ctx)
{
	struct timespec moment = { .tv_nsec = 3000000 };

	(void)ctx;
	while (!threads_stop)
		CHECK(nanosleep(&moment, NULL) == 0, 0);
	return NULL;
}

/* Opens and closes descriptors all the time: none of them may be taken for another. */
static void *thread_files(void *ctx)
{
	(void)ctx;
	while (!threads_stop) {
		struct stat status;
		int fd = open("/proc/self/comm", O_RDONLY);

		CHECK(fd > 2, fd);
		CHECK(fstat(fd, &status) == 0 && S_ISREG(status.st_mode), fd);
		CHECK(close(fd) == 0, fd);
	}
	return NULL;
}

static void mode_threads(void)
{
	void *(*const bodies[])(void *ctx) = { thread_busy, thread_sleepy, thread_files };
	pthread_t threads[9];
	size_t i;

	for (i = 0; i < 9; i++)
		CHECK(pthread_create(&threads[i], NULL, bodies[i % 3], NULL) == 0, i);
	say_ready();
	wait_until_told();
	threads_stop = true;
	for (i = 0; i < 9; i++)
		CHECK(pthread_join(threads[i], NULL) == 0, i);
	say_last_words();
}

static void *thread_heir(void *last)
{
	struct timespec moment = { .tv_nsec = 1000000 };
	struct pollfd hangup = { .fd = VICTIM_CONTROL_FD };
	char state = 0, line[512], byte = 0;

	/* Until the first thread is a zombie. */
	while (state != 'Z') {
		int fd = open("/proc/self/stat", O_RDONLY);
		ssize_t n = read(fd, line, sizeof line - 1);

		CHECK(n > 0, n);
		line[n] = '\0';
		close(fd);
		state = strrchr(line, ')')[2];
		nanosleep(&moment, NULL);
	}
	if (!last) {
		say_ready();
		(void)!read(VICTIM_CONTROL_FD, &byte, 1);
		return NULL;
	}
	/* Nobody holds its other end any more. */
	while (poll(&hangup, 1, -1) != 1)
		;
	say_last_words();
	exit(0);
}

/* The first thread ends before the others; a byte ends the second. */
static void mode_headless(void)
{
	static char last;
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, thread_heir, NULL) == 0, 0);
	CHECK(pthread_create(&thread, NULL, thread_heir, &last) == 0, 0);
	pthread_exit(NULL);
}

/* A byte ends the first thread. */
static void mode_beheaded(void)
{
	static char last, byte;
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, thread_heir, &last) == 0, 0);
	say_ready();
	CHECK(read(VICTIM_CONTROL_FD, &byte, 1) == 1, byte);
	pthread_exit(NULL);
}

/* ---- without the kernel's library ---- */

/* Where it is mapped: whole, for the kernel does not divide it. */
static void *find_vdso(size_t *len)
{
	static char maps[65536];
	int fd = open("/proc/self/maps", O_RDONLY);
	char *line = maps;
	uintptr_t start, end;
	ssize_t n;

	while ((n = read(fd, line, (size_t)(maps + sizeof maps - 1 - line))) > 0)
		line += n;
	close(fd);
	line = strstr(maps, "[vdso]");
	CHECK(line, 0);
	while (line > maps && line[-1] != '\n')
		line--;
	CHECK(sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2, 0);
	*len = end - start;
	return (void *)start;
}

static atomic_bool computing;

static void *thread_speaking(void *ctx)
{
	(void)ctx;
	while (!computing)
		;
	say_ready();
	wait_until_told();
	threads_stop = true;
	return NULL;
}

/* The first thread makes no system call of its own. */
static void compute_beside(void *(*body)(void *ctx))
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, body, NULL) == 0, 0);
	while (!threads_stop)
		computing = true;
	CHECK(pthread_join(thread, NULL) == 0, 0);
	say_last_words();
}

/* The library is gone. */
static void mode_computing(void)
{
	size_t len;
	void *vdso = find_vdso(&len);

	CHECK(munmap(vdso, len) == 0, 0);
	compute_beside(thread_speaking);
}

static void *thread_unmapping(void *ctx)
{
	char byte;
	size_t len;
	void *vdso = find_vdso(&len);

	(void)ctx;
	while (!computing)
		;
	say_ready();
	CHECK(read(VICTIM_CONTROL_FD, &byte, 1) == 1, 0);
	CHECK(munmap(vdso, len) == 0, 0);
	wait_until_told();
	threads_stop = true;
	return NULL;
}

/* A byte takes the library away. */
static void mode_unmapping(void)
{
	compute_beside(thread_unmapping);
}

/* Something else is in its place. */
static void mode_covered(void)
{
	size_t len;
	void *vdso = find_vdso(&len);

	CHECK(mmap(vdso, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == vdso,
	      0);
	mode_wait_told();
}

/* ---- execve and the end, at any moment ---- */

extern char **environ;

static void run_again(const char *mode, int left)
{
	char number[16], name[16];
	char self[] = "/proc/self/exe";
	char *arguments[] = { self, name, number, NULL };

	snprintf(number, sizeof number, "%d", left);
	snprintf(name, sizeof name, "%s", mode);
	execve(self, arguments, environ);
	complain("execve", left);
}

static void spin_a_while(int times)
{
	for (volatile int i = 0; i < times; i = i + 1)
		;
}

static void mode_exec(int left)
{
	if (left == VICTIM_EXECS)
		say_ready();
	if (left == 0 || is_told()) {
		wait_until_told();
		say_last_words();
		return;
	}
	spin_a_while(left * 7919 % 20000);
	run_again("exec", left - 1);
}

static void *thread_exec(void *left)
{
	run_again("threadexec", *(const int *)left - 1);
	return NULL;
}

/* Another thread than the first one calls execve, which takes the first one away. */
static void mode_thread_exec(int left)
{
	pthread_t thread;

	if (left == VICTIM_EXECS)
		say_ready();
	if (left == 0 || is_told()) {
		wait_until_told();
		say_last_words();
		return;
	}
	CHECK(pthread_create(&thread, NULL, thread_exec, &left) == 0, 0);
	for (;;)
		spin_a_while(1000);
}

static void mode_exit(int times)
{
	say_ready();
	spin_a_while(times);
}

/* ---- who refuses ---- */

static void mode_seccomp(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, 0);
	say_ready();
	wait_until_told();
	say_last_words();
}

/* In strict mode it may only read, write and end (its only thread). */
static void mode_strict(void)
{
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0, 0);
	CHECK(write(VICTIM_READY_FD, "r", 1) == 1, 0);
	wait_until_told();
	say_last_words();
	syscall(SYS_exit, 0);
}

/* Has itself traced by its parent, and gets a signal, which its tracer hears of first. */
static void mode_trace_me(void)
{
	signal(SIGUSR1, on_usr1);
	say_ready();
	wait_until_told();
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, errno);
	CHECK(raise(SIGUSR1) == 0 && usr1_count == 1, usr1_count);
	say_last_words();
}

/* Its system calls may become signals: only those made from within itself, outside libc and
 * vDSO, would not. */
static void mode_dispatch(void)
{
	/* SYSCALL_DISPATCH_FILTER_ALLOW: for now they do not */
	static char selector;
	/* PR_SET_SYSCALL_USER_DISPATCH */
	int on = 1, how = 59;

	if (prctl(how, on, 0, 0, &selector) < 0)
		_exit(77);
	say_ready();
	wait_until_told();
	say_last_words();
}

static void mode_other_user(void)
{
	CHECK(setgid(65534) == 0 && setuid(65534) == 0, 0);
	mode_wait_told();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "spin", mode_spin },
	{ "nanosleep", mode_nanosleep },
	{ "poll", mode_poll },
	{ "select", mode_select },
	{ "epoll", mode_epoll },
	{ "futex", mode_futex },
	{ "read", mode_read },
	{ "accept", mode_accept },
	{ "wait", mode_wait },
	{ "sigsuspend", mode_sigsuspend },
	{ "ppoll", mode_ppoll },
	{ "signals", mode_signals },
	{ "stopped", mode_stopped },
	{ "vfork", mode_vfork },
	{ "children", mode_children },
	{ "unwaited", mode_unwaited },
	{ "forks", mode_forks },
	{ "count", mode_count },
	{ "replace", mode_replace },
	{ "readonly", mode_readonly },
	{ "atwork", mode_at_work },
	{ "reader", mode_reader },
	{ "belongings", mode_belongings },
	{ "threads", mode_threads },
	{ "headless", mode_headless },
	{ "beheaded", mode_beheaded },
	{ "parent", mode_parent },
	{ "nullparent", mode_null_parent },
	{ "headlesschild", mode_parent_of_headless },
	{ "mute", mode_mute },
	{ "computing", mode_computing },
	{ "unmapping", mode_unmapping },
	{ "covered", mode_covered },
	{ "seccomp", mode_seccomp },
	{ "strict", mode_strict },
	{ "dispatch", mode_dispatch },
	{ "sequence", mode_sequence },
	{ "traceme", mode_trace_me },
	{ "told", mode_wait_told },
	{ "otheruser", mode_other_user },
};

int main(int argc, char **argv)
{
	int number = argc > 2 ? atoi(argv[2]) : 0;

	if (argc < 2)
		return 2;
	sleep_ms = number;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run();
			return 0;
		}
	}
	if (strcmp(argv[1], "copies") == 0)
		mode_copies(number);
	else if (strcmp(argv[1], "crowded") == 0)
		mode_crowded(number);
	else if (strcmp(argv[1], "exec") == 0)
		mode_exec(number);
	else if (strcmp(argv[1], "threadexec") == 0)
		mode_thread_exec(number);
	else if (strcmp(argv[1], "exit") == 0)
		mode_exit(number);
	else
		return 2;
	return 0;
}
