/* SPDX-License-Identifier: ISC */
/* What the tests share, of modules and of the whole program. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <stdbool.h>

/* Ends the test as skipped unless the condition holds. Why is one line: what the machine lacks and,
 * after a colon, what would let the test run. tests/suites counts how often each was given. */
void rig_need(bool condition, const char *why);

/* Reasons that several tests give. */
#define RIG_WHY_NAMESPACES \
	"no namespace can be made here: run as root with CAP_SYS_ADMIN, for example in " \
	"docker run --privileged"
#define RIG_WHY_TRACED "no process can be traced here: run as root with CAP_SYS_PTRACE"
#define RIG_WHY_USER "this process cannot take another user: run as root"

/* Whether this process can mount in a mount namespace of its own, become another user, and trace a
 * process of another user: each is tried in a child, once. */
bool rig_can_mount(void);
bool rig_can_take_user(void);
bool rig_can_trace_others(void);

/* Whether TEST_BRIEF is in the environment (make check-valgrind, some twenty times as slow, and
 * make coverage): what is done very often, or with very much, is done less often, or with less, as
 * what is looked for shows the first time. The other builds do it in full. */
bool rig_is_brief(void);

/* Returns a number that grows with each descriptor of this process. */
int rig_count_fds(void);

/* Writes a script for sh, which may be executed. */
void rig_write_script(const char *path, const char *body);

#endif
