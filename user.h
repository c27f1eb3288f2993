/* SPDX-License-Identifier: ISC */
/* The users and groups of this process, changed for the thread that calls only: dinit has no other,
 * and what a library does to reach all threads (nptl(7)) would be in the static binary. */
#ifndef DINIT_USER_H
#define DINIT_USER_H

#include <sys/types.h>

/* Sets the real, the effective and the saved user, as setresuid(2) does; (uid_t)-1 leaves one as it
 * is. Returns 0, or -1 with errno. */
int user_set(uid_t real, uid_t effective, uid_t saved);

/* Sets the real, the effective and the saved group, as setresgid(2) does. Returns 0, or -1 with
 * errno. */
int user_set_group(gid_t real, gid_t effective, gid_t saved);

/* Leaves all supplementary groups. Returns 0, or -1 with errno. */
int user_leave_groups(void);

#endif
