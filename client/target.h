/* SPDX-License-Identifier: ISC */
/* What --probe looks at, and where --http listens, taken apart. Pure: no I/O, no allocation. */
#ifndef DINIT_CLIENT_TARGET_H
#define DINIT_CLIENT_TARGET_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What target_parse takes, for messages. */
#define TARGET_TAKES \
	"tcp://HOST:PORT, unix:///PATH, http://HOST[:PORT]/PATH or file:///PATH, HOST being an " \
	"address (127.0.0.1, [::1]) or localhost"

enum target_kind {
	TARGET_TCP,
	TARGET_UNIX,
	TARGET_HTTP,
	TARGET_FILE,
};

struct target_address {
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
		struct sockaddr_un path;
	} socket;
	socklen_t len;
};

/* The strings point into the text that was parsed. */
struct target {
	enum target_kind kind;
	/* What to connect to, in turn, until one accepts: two for localhost; none for a file. */
	struct target_address addresses[2];
	size_t addresses_len;
	/* HOST[:PORT] of http, as it stands there; not ended by NUL. */
	const char *authority;
	size_t authority_len;
	/* The path of file, or of http. */
	const char *path;
};

/* Fills *target from the text. Returns 0, or -1 where it is no target. */
int target_parse(struct target *target, const char *text);

/* Fills *target from [ADDRESS:]PORT with the addresses to listen on: with ADDRESS that one, without
 * it all of IPv6 (and IPv4), and in case that is not possible, all of IPv4. Returns 0, or -1 where
 * the text is not of that form. */
int target_parse_local(struct target *target, const char *text);

#endif
