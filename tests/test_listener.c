/* SPDX-License-Identifier: ISC */
/* client/listener.c with real sockets, and in children that are real users; what the kernel may
 * refuse is refused by the test. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/listener.h"
#include "rig.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LISTENER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Somebody who is neither root nor LISTENER_USER. */
#define ORDINARY 1000

/* ---- what is taken ---- */

/* What each call fails with; 0: it does not. no_ipv6 and no_ipv6_address: only for that family. */
static int no_ipv6, no_ipv6_address, bind_error, listen_error, setsockopt_error;
static int groups_error, group_error, user_error;
/* Who this process seems to be, and what it asks to be goes no further; false: who it is. */
static bool plays_user;
static uid_t played_uid, played_euid;
/* What it asked for. */
static char asked[200];
static int asked_backlog;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
uid_t __real_getuid(void);
uid_t __wrap_getuid(void);
uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
int __real_user_leave_groups(void);
int __wrap_user_leave_groups(void);
int __real_user_set_group(gid_t real, gid_t effective, gid_t saved);
int __wrap_user_set_group(gid_t real, gid_t effective, gid_t saved);
int __real_user_set(uid_t real, uid_t effective, uid_t saved);
int __wrap_user_set(uid_t real, uid_t effective, uid_t saved);
int __real_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int fail_with(int error)
{
	errno = error;
	return -1;
}

int __wrap_socket(int family, int type, int protocol)
{
	if (family == AF_INET6 && no_ipv6)
		return fail_with(no_ipv6);
	return __real_socket(family, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	if (address->sa_family == AF_INET6 && no_ipv6_address)
		return fail_with(no_ipv6_address);
	return bind_error ? fail_with(bind_error) : __real_bind(fd, address, len);
}

int __wrap_listen(int fd, int backlog)
{
	asked_backlog = backlog;
	return listen_error ? fail_with(listen_error) : __real_listen(fd, backlog);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (setsockopt_error)
		return fail_with(setsockopt_error);
	return __real_setsockopt(fd, level, name, value, len);
}

uid_t __wrap_getuid(void)
{
	return plays_user ? played_uid : __real_getuid();
}

uid_t __wrap_geteuid(void)
{
	return plays_user ? played_euid : __real_geteuid();
}

/* Notes what was asked for. Returns 0, or fails. */
static int note(const char *what, int a, int b, int c, int error)
{
	size_t len = strlen(asked);

	snprintf(asked + len, sizeof asked - len, "%s %d %d %d\n", what, a, b, c);
	return error ? fail_with(error) : 0;
}

int __wrap_user_leave_groups(void)
{
	if (!plays_user)
		return __real_user_leave_groups();
	return note("groups", 0, 0, 0, groups_error);
}

int __wrap_user_set_group(gid_t real, gid_t effective, gid_t saved)
{
	if (!plays_user)
		return __real_user_set_group(real, effective, saved);
	return note("gid", (int)real, (int)effective, (int)saved, group_error);
}

int __wrap_user_set(uid_t real, uid_t effective, uid_t saved)
{
	if (!plays_user)
		return __real_user_set(real, effective, saved);
	return note("uid", (int)real, (int)effective, (int)saved, user_error);
}

int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	if (!plays_user)
		return __real_prctl(option, a, b, c, d);
	assert_int_equal(option, PR_SET_NO_NEW_PRIVS);
	assert_true(b == 0 && c == 0 && d == 0);
	return note("no new", (int)a, 0, 0, EINVAL);
}

long __wrap_syscall(long number, ...)
{
	const uint32_t *header, *sets;
	va_list list;
	long third;

	va_start(list, number);
	header = va_arg(list, const uint32_t *);
	sets = va_arg(list, const uint32_t *);
	third = va_arg(list, long);
	va_end(list);
	/* Those that change users have three arguments. */
	if (!plays_user)
		return __real_syscall(number, header, sets, third);
	assert_int_equal(number, SYS_capset);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(sets[i], 0);
	return note("capabilities", (int)header[1], 0, 0, EPERM);
}

/* ---- the rig ---- */

static struct target target;
static char why[LISTENER_WHY_SIZE];
/* What was opened, and how many descriptors there were before. */
static int fds[8];
static size_t fds_len;
static int fds_before;

static int setup(void **state)
{
	(void)state;
	no_ipv6 = no_ipv6_address = bind_error = listen_error = setsockopt_error = 0;
	groups_error = group_error = user_error = 0;
	plays_user = false;
	*asked = *why = '\0';
	fds_len = 0;
	fds_before = rig_count_fds();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (fds_len > 0)
		close(fds[--fds_len]);
	return 0;
}

static int keep(int fd)
{
	assert_true(fd >= 0 && fds_len < COUNT(fds));
	fds[fds_len++] = fd;
	return fd;
}

static void close_all(void)
{
	teardown(NULL);
	assert_int_equal(rig_count_fds(), fds_before);
}

/* Takes the text, with a port that the kernel is to choose. */
static void aim(const char *text)
{
	assert_int_equal(target_parse_local(&target, text), 0);
	/* Both kinds of address have it in the same place. */
	for (size_t i = 0; i < target.addresses_len; i++)
		target.addresses[i].socket.ipv4.sin_port = 0;
}

static int open_listener(const char *text)
{
	int fd;

	aim(text);
	fd = listener_open(&target, why);
	if (fd < 0)
		fail_msg("%s %s", text, why);
	return keep(fd);
}

static struct target_address find_address(int fd)
{
	struct target_address address = { .len = sizeof address.socket };

	assert_int_equal(getsockname(fd, &address.socket.any, &address.len), 0);
	return address;
}

/* The socket listens on that address, and says its port. */
static in_port_t expect_address(int fd, int family, const char *host)
{
	struct target_address address = find_address(fd);
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(address.socket.any.sa_family, family);
	if (family == AF_INET)
		inet_ntop(family, &address.socket.ipv4.sin_addr, text, sizeof text);
	else
		inet_ntop(family, &address.socket.ipv6.sin6_addr, text, sizeof text);
	assert_string_equal(text, host);
	return address.socket.ipv4.sin_port;
}

/* Returns a connection to that address. */
static int connect_to(const char *host, in_port_t port)
{
	struct target_address *address = &target.addresses[0];
	char text[INET6_ADDRSTRLEN + 10];
	int fd;

	snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:1" : "%s:1", host);
	assert_int_equal(target_parse_local(&target, text), 0);
	address->socket.ipv4.sin_port = port;
	fd = keep(socket(address->socket.any.sa_family, SOCK_STREAM, 0));
	assert_int_equal(connect(fd, &address->socket.any, address->len), 0);
	return fd;
}

/* Whoever connects to that address arrives there. */
static void expect_arrival(int fd, const char *host, in_port_t port)
{
	connect_to(host, port);
	keep(accept(fd, NULL, NULL));
}

static void need_ipv6(void)
{
	static const struct sockaddr_in6 loopback = { .sin6_family = AF_INET6,
						      .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = __real_socket(AF_INET6, SOCK_STREAM, 0);
	bool there = fd >= 0 && __real_bind(fd, (const struct sockaddr *)(const void *)&loopback,
					    sizeof loopback) == 0;

	close(fd);
	rig_need(there, "there is no ::1 here: set net.ipv6.conf.lo.disable_ipv6=0");
}

/* ---- listener_open ---- */

static void test_open_port_takes_ipv6_and_ipv4(void **state)
{
	in_port_t port;
	int fd;

	(void)state;
	need_ipv6();
	fd = open_listener("9100");
	port = expect_address(fd, AF_INET6, "::");
	expect_arrival(fd, "::1", port);
	expect_arrival(fd, "127.0.0.1", port);
	close_all();
}

static void test_open_port_without_ipv6_takes_ipv4(void **state)
{
	in_port_t port;
	int fd;

	(void)state;
	no_ipv6 = EAFNOSUPPORT;
	fd = open_listener("9100");
	port = expect_address(fd, AF_INET, "0.0.0.0");
	expect_arrival(fd, "127.0.0.1", port);
	close_all();
	/* The family is there, and no address of it. */
	no_ipv6 = 0;
	no_ipv6_address = EADDRNOTAVAIL;
	expect_address(open_listener("9100"), AF_INET, "0.0.0.0");
	close_all();
}

static void test_open_address_takes_no_other(void **state)
{
	in_port_t port;
	int fd;

	(void)state;
	fd = open_listener("127.0.0.1:9100");
	port = expect_address(fd, AF_INET, "127.0.0.1");
	expect_arrival(fd, "127.0.0.1", port);
	need_ipv6();
	fd = open_listener("[::1]:9100");
	port = expect_address(fd, AF_INET6, "::1");
	expect_arrival(fd, "::1", port);
}

static void test_open_socket_does_not_block_and_is_not_inherited(void **state)
{
	int fd = open_listener("127.0.0.1:9100");

	(void)state;
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
}

static int find_option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
	return value;
}

/* Else whoever asks on and takes no answer would have megabytes of the kernel's. */
static void test_open_connection_has_small_buffers_that_stay_so(void **state)
{
	static const char bytes[100000];
	struct sockaddr_in address;
	socklen_t address_len = sizeof address;
	int listener = open_listener("127.0.0.1:9100"), client, fd, size;

	(void)state;
	client = keep(socket(AF_INET, SOCK_STREAM, 0));
	assert_int_equal(getsockname(listener, (struct sockaddr *)(void *)&address, &address_len),
			 0);
	assert_int_equal(connect(client, (struct sockaddr *)(void *)&address, address_len), 0);
	fd = keep(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	size = find_option(fd, SO_SNDBUF);
	assert_in_range(size, 8192, 131072);
	assert_in_range(find_option(fd, SO_RCVBUF), 8192, 131072);
	while (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
		recv(client, (char[65536]){ 0 }, 65536, MSG_DONTWAIT);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(find_option(fd, SO_SNDBUF), size);
}

static void test_open_takes_as_many_who_wait_as_the_system_allows(void **state)
{
	(void)state;
	open_listener("127.0.0.1:9100");
	assert_int_equal(asked_backlog, 4096);
}

static void expect_no_listener(const char *expected)
{
	int before = rig_count_fds();

	assert_int_equal(listener_open(&target, why), -1);
	assert_string_equal(why, expected);
	assert_int_equal(rig_count_fds(), before);
}

static void test_open_port_in_use_says_so(void **state)
{
	in_port_t port = expect_address(open_listener("127.0.0.1:9100"), AF_INET, "127.0.0.1");

	(void)state;
	target.addresses[0].socket.ipv4.sin_port = port;
	expect_no_listener("Address already in use");
	/* Neither on all addresses, of whatever family. */
	aim("9100");
	for (size_t i = 0; i < target.addresses_len; i++)
		target.addresses[i].socket.ipv4.sin_port = port;
	expect_no_listener("Address already in use");
}

static void test_open_port_of_a_server_that_has_just_ended_is_free(void **state)
{
	int fd = open_listener("127.0.0.1:9100"), client, server;
	in_port_t port = expect_address(fd, AF_INET, "127.0.0.1");
	char byte;

	(void)state;
	client = connect_to("127.0.0.1", port);
	server = accept(fd, NULL, NULL);
	/* Who closes first keeps the address for a minute. */
	close(server);
	assert_int_equal(read(client, &byte, 1), 0);
	close_all();
	assert_int_equal(target_parse_local(&target, "127.0.0.1:9100"), 0);
	target.addresses[0].socket.ipv4.sin_port = port;
	keep(listener_open(&target, why));
}

static void test_open_what_is_refused_is_said(void **state)
{
	(void)state;
	aim("9100");
	bind_error = EACCES;
	expect_no_listener("Permission denied "
			   "(choose a port from 1024 on)");
	bind_error = EADDRNOTAVAIL;
	expect_no_listener("Cannot assign requested address");
	bind_error = 0;
	listen_error = EOPNOTSUPP;
	expect_no_listener("Operation not supported");
	listen_error = 0;
	setsockopt_error = ENOPROTOOPT;
	expect_no_listener("Protocol not available");
	setsockopt_error = 0;
	/* Of several the last. */
	no_ipv6 = EAFNOSUPPORT;
	bind_error = EADDRINUSE;
	expect_no_listener("Address already in use");
}

/* ---- listener_drop_root ---- */

/* Returns whether the line is in the status of this process. */
static bool has_status(const char *expected)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[200];
	bool found = false;

	while (file && fgets(line, sizeof line, file))
		found |= strcmp(line, expected) == 0;
	if (file)
		fclose(file);
	return found;
}

/* Returns whether the three of them are that, and no groups are left. */
static bool is_user(uid_t expected)
{
	uid_t uids[3];
	gid_t gids[3];

	return getresuid(&uids[0], &uids[1], &uids[2]) == 0 &&
	       getresgid(&gids[0], &gids[1], &gids[2]) == 0 && uids[0] == expected &&
	       uids[1] == expected && uids[2] == expected && gids[0] == expected &&
	       gids[1] == expected && gids[2] == expected;
}

static bool has_no_way_back(void)
{
	static const gid_t group = 0;

	return setuid(0) < 0 && seteuid(0) < 0 && setresuid((uid_t)-1, 0, (uid_t)-1) < 0 &&
	       setgid(0) < 0 && setegid(0) < 0 && setgroups(1, &group) < 0 &&
	       has_status("NoNewPrivs:\t1\n") && has_status("CapPrm:\t0000000000000000\n") &&
	       has_status("CapEff:\t0000000000000000\n");
}

static bool drops_root(void)
{
	static const gid_t groups[] = { 0, 4, 27 };

	return setgroups(COUNT(groups), groups) == 0 && listener_drop_root(why) == 0 &&
	       is_user(LISTENER_USER) && getgroups(0, NULL) == 0 && has_no_way_back();
}

/* As a program with the set-user-ID bit is. */
static bool drops_effective_root(void)
{
	return setresuid(ORDINARY, 0, 0) == 0 && listener_drop_root(why) == 0 &&
	       is_user(LISTENER_USER) && getgroups(0, NULL) == 0 && has_no_way_back();
}

/* Root that acts as somebody else for a while is root, and cannot leave the groups then. */
static bool refuses_hidden_root(void)
{
	return setresuid(0, ORDINARY, 0) == 0 && listener_drop_root(why) == -1;
}

static bool leaves_ordinary_user(void)
{
	static const gid_t groups[] = { ORDINARY, 4 };
	gid_t left[8];

	return setgroups(COUNT(groups), groups) == 0 &&
	       setresgid(ORDINARY, ORDINARY, ORDINARY) == 0 &&
	       setresuid(ORDINARY, ORDINARY, ORDINARY) == 0 && listener_drop_root(why) == 0 &&
	       is_user(ORDINARY) && getgroups(COUNT(left), left) == COUNT(groups) &&
	       has_no_way_back();
}

static void expect_in_child(bool (*function)(void))
{
	int status = 0;
	pid_t pid;

	rig_need(rig_can_take_user(), RIG_WHY_USER);
	pid = fork();
	if (pid == 0)
		_exit(function() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Then setresuid(2) takes no capabilities away. */
static bool drops_root_that_keeps_capabilities(void)
{
	return prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0 &&
	       listener_drop_root(why) == 0 && is_user(LISTENER_USER) && has_no_way_back();
}

static bool leaves_user_no_capabilities(void)
{
	return prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0 &&
	       setresgid(ORDINARY, ORDINARY, ORDINARY) == 0 &&
	       setresuid(ORDINARY, ORDINARY, ORDINARY) == 0 && listener_drop_root(why) == 0 &&
	       is_user(ORDINARY) && has_no_way_back();
}

static void test_drop_root_leaves_nothing_of_root(void **state)
{
	(void)state;
	expect_in_child(drops_root);
}

static void test_drop_root_of_an_effective_user_leaves_nothing_of_root(void **state)
{
	(void)state;
	expect_in_child(drops_effective_root);
}

static void test_drop_root_of_a_real_user_is_not_forgotten(void **state)
{
	(void)state;
	expect_in_child(refuses_hidden_root);
}

static void test_drop_root_ordinary_user_stays_who_it_is(void **state)
{
	(void)state;
	expect_in_child(leaves_ordinary_user);
}

static void test_drop_root_takes_capabilities_that_were_to_stay(void **state)
{
	(void)state;
	expect_in_child(drops_root_that_keeps_capabilities);
	expect_in_child(leaves_user_no_capabilities);
}

static void play_user(uid_t real, uid_t effective)
{
	plays_user = true;
	played_uid = real;
	played_euid = effective;
	*asked = '\0';
}

#define GROUPS "groups 0 0 0\n"
#define GID GROUPS "gid 65534 65534 65534\n"
#define UID GID "uid 65534 65534 65534\n"
#define NO_NEW "capabilities 0 0 0\nno new 1 0 0\n"

/* (Old kernels know no PR_SET_NO_NEW_PRIVS, and a filter may forbid capset(2): that is no
 * obstacle.) */
static void test_drop_root_asks_only_where_it_is_root(void **state)
{
	(void)state;
	play_user(0, 0);
	assert_int_equal(listener_drop_root(why), 0);
	assert_string_equal(asked, UID NO_NEW);
	play_user(ORDINARY, 0);
	assert_int_equal(listener_drop_root(why), 0);
	assert_string_equal(asked, UID NO_NEW);
	play_user(0, ORDINARY);
	assert_int_equal(listener_drop_root(why), 0);
	assert_string_equal(asked, UID NO_NEW);
	play_user(ORDINARY, ORDINARY);
	assert_int_equal(listener_drop_root(why), 0);
	assert_string_equal(asked, NO_NEW);
	play_user(1, 1);
	assert_int_equal(listener_drop_root(why), 0);
	assert_string_equal(asked, NO_NEW);
}

static void expect_still_root(const char *expected, const char *error)
{
	char line[LISTENER_WHY_SIZE];

	play_user(0, 0);
	assert_int_equal(listener_drop_root(why), -1);
	assert_string_equal(asked, expected);
	snprintf(line, sizeof line,
		 "does not answer as root, and cannot become user 65534: %s "
		 "(start it as another user)",
		 error);
	assert_string_equal(why, line);
}

static void test_drop_root_that_is_refused_says_so(void **state)
{
	(void)state;
	groups_error = EPERM;
	expect_still_root(GROUPS, "Operation not permitted");
	groups_error = 0;
	group_error = EINVAL;
	expect_still_root(GID, "Invalid argument");
	group_error = 0;
	user_error = EAGAIN;
	expect_still_root(UID, "Resource temporarily unavailable");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(test_open_port_takes_ipv6_and_ipv4),
		LISTENER_TEST(test_open_port_without_ipv6_takes_ipv4),
		LISTENER_TEST(test_open_address_takes_no_other),
		LISTENER_TEST(test_open_socket_does_not_block_and_is_not_inherited),
		LISTENER_TEST(test_open_connection_has_small_buffers_that_stay_so),
		LISTENER_TEST(test_open_takes_as_many_who_wait_as_the_system_allows),
		LISTENER_TEST(test_open_port_in_use_says_so),
		LISTENER_TEST(test_open_port_of_a_server_that_has_just_ended_is_free),
		LISTENER_TEST(test_open_what_is_refused_is_said),
		LISTENER_TEST(test_drop_root_leaves_nothing_of_root),
		LISTENER_TEST(test_drop_root_of_an_effective_user_leaves_nothing_of_root),
		LISTENER_TEST(test_drop_root_of_a_real_user_is_not_forgotten),
		LISTENER_TEST(test_drop_root_ordinary_user_stays_who_it_is),
		LISTENER_TEST(test_drop_root_takes_capabilities_that_were_to_stay),
		LISTENER_TEST(test_drop_root_asks_only_where_it_is_root),
		LISTENER_TEST(test_drop_root_that_is_refused_says_so),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
