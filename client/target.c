/* SPDX-License-Identifier: ISC */
/* Owns the form of a target; not what is done with it. Invariant: what is not wholly understood is
 * no target, and nothing in one can end a line of HTTP. */
#include "client/target.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HTTP_PORT 80
#define PORT_MAX 65535

static void add_ipv4(struct target *target, struct in_addr address, in_port_t port)
{
	target->addresses[target->addresses_len++] = (struct target_address){
		.socket.ipv4 = { .sin_family = AF_INET, .sin_addr = address, .sin_port = port },
		.len = sizeof(struct sockaddr_in),
	};
}

static void add_ipv6(struct target *target, struct in6_addr address, in_port_t port)
{
	target->addresses[target->addresses_len++] = (struct target_address){
		.socket.ipv6 = { .sin6_family = AF_INET6, .sin6_addr = address, .sin6_port = port },
		.len = sizeof(struct sockaddr_in6),
	};
}

/* Adds the addresses of a host. Names but localhost are not looked up: that would need a server. */
static int parse_host(struct target *target, const char *host, size_t len, in_port_t port)
{
	static const char localhost[] = "localhost";
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ipv6;
	struct in_addr ipv4;
	/* (An empty one does not begin with a bracket.) */
	bool bracketed = host[0] == '[' && host[len - 1] == ']';

	if (len == sizeof localhost - 1 && strncasecmp(host, localhost, len) == 0) {
		add_ipv4(target, (struct in_addr){ .s_addr = htonl(INADDR_LOOPBACK) }, port);
		add_ipv6(target, in6addr_loopback, port);
		return 0;
	}
	if (bracketed) {
		host++;
		len -= 2;
	}
	if (len >= sizeof text)
		return -1;
	memcpy(text, host, len);
	text[len] = '\0';
	if (bracketed && inet_pton(AF_INET6, text, &ipv6) == 1)
		add_ipv6(target, ipv6, port);
	else if (!bracketed && inet_pton(AF_INET, text, &ipv4) == 1)
		add_ipv4(target, ipv4, port);
	else
		return -1;
	return 0;
}

/* Returns the port, or 0 where the text is none. */
static unsigned parse_port(const char *text, size_t len)
{
	unsigned port = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > PORT_MAX)
			return 0;
	}
	return port;
}

/* Takes HOST:PORT apart; with a default port that is not 0, ":PORT" need not be there. */
static int parse_authority(struct target *target, const char *text, size_t len, unsigned port)
{
	/* The colons of an IPv6 address stand before its bracket. */
	const char *bracket = memchr(text, ']', len), *from = bracket ? bracket : text;
	const char *colon = memchr(from, ':', len - (size_t)(from - text));
	size_t host_len = colon ? (size_t)(colon - text) : len;

	if (colon)
		port = parse_port(colon + 1, len - host_len - 1);
	return port == 0 ? -1 : parse_host(target, text, host_len, htons((in_port_t)port));
}

static int parse_http(struct target *target, const char *text)
{
	target->authority = text;
	target->authority_len = strcspn(text, "/");
	target->path = text + target->authority_len;
	/* A server gets no fragment, and white space would end the line before its time. */
	for (const char *byte = target->path; *byte; byte++)
		if ((unsigned char)*byte <= ' ' || *byte == 0x7f || *byte == '#')
			return -1;
	if (*target->path == '\0')
		target->path = "/";
	return parse_authority(target, target->authority, target->authority_len, HTTP_PORT);
}

static int parse_unix(struct target *target, const char *path)
{
	struct sockaddr_un *address = &target->addresses[0].socket.path;
	size_t len = strlen(path);

	if (*path != '/' || len >= sizeof address->sun_path)
		return -1;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, len);
	target->addresses[0].len = sizeof *address;
	target->addresses_len = 1;
	return 0;
}

static int parse_rest(struct target *target, const char *rest)
{
	switch (target->kind) {
	case TARGET_TCP: return parse_authority(target, rest, strlen(rest), 0);
	case TARGET_UNIX: return parse_unix(target, rest);
	case TARGET_HTTP: return parse_http(target, rest);
	case TARGET_FILE: target->path = rest; return *rest == '/' ? 0 : -1;
	}
	return -1;
}

int target_parse_local(struct target *target, const char *text)
{
	size_t len = strlen(text);
	in_port_t port = htons((in_port_t)parse_port(text, len));

	*target = (struct target){ .kind = TARGET_TCP };
	if (port != 0) {
		add_ipv6(target, in6addr_any, port);
		add_ipv4(target, (struct in_addr){ .s_addr = htonl(INADDR_ANY) }, port);
		return 0;
	}
	/* (localhost stands for two addresses, and a server listens on one.) */
	return parse_authority(target, text, len, 0) == 0 && target->addresses_len == 1 ? 0 : -1;
}

int target_parse(struct target *target, const char *text)
{
	static const char schemes[][8] = {
		[TARGET_TCP] = "tcp://",
		[TARGET_UNIX] = "unix://",
		[TARGET_HTTP] = "http://",
		[TARGET_FILE] = "file://",
	};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t len = strlen(schemes[i]);

		*target = (struct target){ .kind = (enum target_kind)i };
		if (strncasecmp(text, schemes[i], len) == 0)
			return parse_rest(target, text + len);
	}
	return -1;
}
