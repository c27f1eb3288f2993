/* SPDX-License-Identifier: ISC */
/* Owns nothing beyond a call: what one function makes the caller holds. Invariant: what the machine
 * allows is found out by trying, in a child, and never by the user that the test runs as. */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OTHER_USER 65534

void rig_need(bool condition, const char *why)
{
	if (condition)
		return;
	print_message("[   NOTE   ] skipped: %s\n", why);
	skip();
}

/* Returns whether a child in which the function is called can do what it does. */
static bool works_in_child(bool (*function)(void))
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function() ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

static bool mount_apart(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/tmp", "tmpfs", 0, NULL) == 0;
}

static bool take_other_user(void)
{
	return setgroups(0, NULL) == 0 && setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0;
}

/* Traces a child of its own that has become another user. (The system call itself, for tests take
 * the place of ptrace.) */
static bool trace_other_user(void)
{
	int told[2];
	char byte;
	pid_t pid;
	bool traced;

	if (pipe(told) < 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0) {
		if (take_other_user() && write(told[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(told[1]);
	traced = read(told[0], &byte, 1) == 1 && syscall(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0) == 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return traced;
}

/* Asks in a child where *known is 0, and keeps the answer there: 1 or -1. */
static bool ask_once(int *known, bool (*function)(void))
{
	if (*known == 0)
		*known = works_in_child(function) ? 1 : -1;
	return *known > 0;
}

bool rig_can_mount(void)
{
	static int known;

	return ask_once(&known, mount_apart);
}

bool rig_can_take_user(void)
{
	static int known;

	return ask_once(&known, take_other_user);
}

bool rig_can_trace_others(void)
{
	static int known;

	return ask_once(&known, trace_other_user);
}

bool rig_is_brief(void)
{
	return getenv("TEST_BRIEF") != NULL;
}

int rig_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void rig_write_script(const char *path, const char *body)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", body);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}
