/* SPDX-License-Identifier: ISC */
/* Owns the system calls that change users and groups; not who becomes whom. */
#include "user.h"

#include <sys/syscall.h>
#include <unistd.h>

/* Where the first calls of these names took numbers of 16 bits, others take those of today. */
#ifdef SYS_setresuid32
#define SET_USERS SYS_setresuid32
#define SET_GROUP_IDS SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#else
#define SET_USERS SYS_setresuid
#define SET_GROUP_IDS SYS_setresgid
#define SET_GROUPS SYS_setgroups
#endif

int user_set(uid_t real, uid_t effective, uid_t saved)
{
	return (int)syscall(SET_USERS, real, effective, saved);
}

int user_set_group(gid_t real, gid_t effective, gid_t saved)
{
	return (int)syscall(SET_GROUP_IDS, real, effective, saved);
}

int user_leave_groups(void)
{
	return (int)syscall(SET_GROUPS, 0, NULL);
}
