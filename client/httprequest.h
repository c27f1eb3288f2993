/* SPDX-License-Identifier: ISC */
/* Parses one request of HTTP/1.1 or 1.0 (RFC 9110, RFC 9112). Pure: no I/O, no allocation,
 * and no memory of what came before: whoever has more of a request gives all of it again. */
#ifndef DINIT_CLIENT_HTTPREQUEST_H
#define DINIT_CLIENT_HTTPREQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* The longest request, in bytes: its line and its header with the empty line at the end. */
#define HTTPREQUEST_MAX 8192

enum httprequest_verdict {
	/* What is there so far is good, but is not all of the request. */
	HTTPREQUEST_MORE,
	/* It is a GET or a HEAD, and whole. */
	HTTPREQUEST_WHOLE,
	/* It gets an error, and the bytes behind it cannot be taken for another request. */
	HTTPREQUEST_BAD,
};

/* The texts point into the bytes that were given, and do not end with NUL. */
struct httprequest {
	/* How many of the bytes are this request: what follows is the next one. */
	size_t len;
	/* What is asked for, without the query: it begins with a slash. */
	const char *path;
	size_t path_len;
	/* What follows "Bearer" in Authorization, visible ASCII; NULL: there is none. */
	const char *token;
	size_t token_len;
	/* It is a HEAD: the answer has no content. */
	bool head;
	/* The client would like to send another one. */
	bool keep_alive;
};

/* Parses the first request in the bytes. HTTPREQUEST_WHOLE: *request is filled.
 * HTTPREQUEST_BAD: *status is that of the error (400, 405, 413, 414, 431, 501 or 505), and of
 * *request only head is filled: false where not even that is known. With HTTPREQUEST_MAX bytes or
 * more it is never HTTPREQUEST_MORE; bytes behind the first HTTPREQUEST_MAX are not looked at. */
enum httprequest_verdict httprequest_parse(struct httprequest *request, const char *bytes,
					   size_t len, int *status);

#endif
