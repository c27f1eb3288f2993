/* SPDX-License-Identifier: ISC */
/* Owns the form of a request (RFC 9112): where it ends, and what is wrong with it. Does not: read
 * from a client, answer, or know what paths there are.
 *
 * Invariant: what is not wholly understood is an error. Lines are looked at in their order, and the
 * first that is malformed decides, however much follows it. What is well formed, but not
 * supported, is refused when the whole request is there, so that any 400 goes before it. Only whole
 * lines are parsed: behind each is a carriage return or a line feed, at which every loop over its
 * bytes stops. */
#include "client/httprequest.h"

#include <string.h>
#include <strings.h>

/* What is allowed besides letters and digits: in a token (RFC 9110), in the name of a host, in an
 * address between brackets (RFC 3986), in a target, and in a Bearer token (all that is visible). */
#define IN_TOKEN "!#$%&'*+-.^_`|~"
#define IN_HOST "!$%&'()*+,-.;=_~"
#define IN_ADDRESS ":."
#define IN_TARGET "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
#define IN_VISIBLE "#" IN_TARGET

/* Each name ends with NUL, and the list with one more. First come those that are in the enum below;
 * the rest is only told from unknown ones. */
static const char method_names[] = "GET\0HEAD\0OPTIONS\0CONNECT\0POST\0PUT\0DELETE\0TRACE\0PATCH\0";

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_OPTIONS,
	METHOD_CONNECT,
	METHOD_UNKNOWN = 9,
};

static const char field_names[] = "Host\0Content-Length\0Authorization\0Connection\0"
				  "Transfer-Encoding\0";

enum field {
	FIELD_HOST,
	FIELD_CONTENT_LENGTH,
	FIELD_AUTHORIZATION,
	/* From here on they may come more than once. */
	FIELD_CONNECTION,
	FIELD_TRANSFER_ENCODING,
};

static const char option_names[] = "close\0keep-alive\0";

enum option {
	OPTION_CLOSE,
	OPTION_KEEP_ALIVE,
};

struct parser {
	struct httprequest *request;
	/* The request line has been read; it is HTTP/1.0; there is content. */
	bool begun, old, content;
	/* An enum method; which fields and options have come: a bit for each of their enums. */
	unsigned method, fields, options;
};

typedef int compare_names(const char *, const char *, size_t);

/* Returns which of the names the text is, or how many there are where it is none. */
static unsigned find_name(const char *names, const char *text, const char *end,
			  compare_names *compare)
{
	size_t len = (size_t)(end - text);
	unsigned at;

	for (at = 0; *names; names += strlen(names) + 1, at++)
		if (strlen(names) == len && compare(names, text, len) == 0)
			break;
	return at;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Whether it is a letter, a digit, or one of the others. (NUL never comes here.) */
static bool is_one(char byte, const char *others)
{
	char lower = byte | 0x20;

	return (lower >= 'a' && lower <= 'z') || is_digit(byte) || strchr(others, byte);
}

/* Returns the first byte that is none of those; the end of the line is one. */
static const char *skip(const char *text, const char *others)
{
	while (is_one(*text, others))
		text++;
	return text;
}

/* Returns the first control character that is no tab. */
static const char *skip_text(const char *text, const char *end)
{
	while (text < end && ((unsigned char)*text >= ' ' || *text == '\t') && *text != 0x7f)
		text++;
	return text;
}

/* Leaves out the blanks at both ends. */
static void trim(const char **text, const char **end)
{
	while (is_blank(**text))
		++*text;
	while (*text < *end && is_blank((*end)[-1]))
		--*end;
}

/* Whether it is HOST[:PORT], where both may be empty. */
static bool is_host(const char *text, const char *end)
{
	if (*text == '[') {
		text = skip(text + 1, IN_ADDRESS);
		if (*text++ != ']')
			return false;
	} else {
		text = skip(text, IN_HOST);
	}
	if (*text == ':')
		do
			text++;
		while (is_digit(*text));
	return text == end;
}

/* Finds the path in a target that ends with a space. */
static bool parse_target(struct httprequest *request, const char *target, const char *end)
{
	static const char scheme[] = "http://";
	const char *query = memchr(target, '?', (size_t)(end - target)), *path = target;

	if (query)
		end = query;
	if (*target != '/') {
		const char *host = target + sizeof scheme - 1, *host_end;

		if (strncasecmp(target, scheme, sizeof scheme - 1) != 0)
			return false;
		path = memchr(host, '/', (size_t)(end - host));
		host_end = path ? path : end;
		if (host == host_end || *host == ':' || !is_host(host, host_end))
			return false;
		/* An empty path means "/", and there is a slash just before the host. */
		if (!path) {
			path = host - 1;
			end = host;
		}
	}
	request->path = path;
	request->path_len = (size_t)(end - path);
	return true;
}

/* All of these return the status of an error, or 0. */

static int parse_request_line(struct parser *parser, const char *line, const char *end)
{
	const char *method_end = skip(line, IN_TOKEN), *target, *target_end, *version;

	if (*method_end != ' ')
		return 400;
	target = method_end + 1;
	target_end = skip(target, IN_TARGET);
	if (target_end == target || *target_end != ' ')
		return 400;
	version = target_end + 1;
	if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) ||
	    version[6] != '.' || !is_digit(version[7]))
		return 400;
	if (version[5] != '1')
		return 505;
	parser->old = version[7] == '0';
	parser->method = find_name(method_names, line, method_end, strncmp);
	if (!parse_target(parser->request, target, target_end) &&
	    !(parser->method == METHOD_OPTIONS && *target == '*' && target + 1 == target_end) &&
	    !(parser->method == METHOD_CONNECT && is_host(target, target_end)))
		return 400;
	parser->request->head = parser->method == METHOD_HEAD;
	parser->begun = true;
	return 0;
}

/* How much content there is does not matter: any is refused. */
static int parse_content_length(struct parser *parser, const char *value, const char *end)
{
	const char *digit = value;

	for (; is_digit(*digit); digit++)
		if (*digit != '0')
			parser->content = true;
	return digit == end && digit > value ? 0 : 400;
}

static int parse_authorization(struct httprequest *request, const char *value, const char *end)
{
	const char *token = skip(value, IN_TOKEN);

	if (token == end || *token != ' ' || find_name("Bearer\0", value, token, strncasecmp) != 0)
		return 0;
	trim(&token, &end);
	if (skip(token, IN_VISIBLE) == end) {
		request->token = token;
		request->token_len = (size_t)(end - token);
	}
	return 0;
}

static int parse_connection(struct parser *parser, const char *value, const char *end)
{
	while (value < end) {
		const char *comma = memchr(value, ',', (size_t)(end - value));
		const char *text = value, *text_end = comma ? comma : end;

		value = comma ? comma + 1 : end;
		trim(&text, &text_end);
		parser->options |= 1U << find_name(option_names, text, text_end, strncasecmp);
	}
	return 0;
}

static int parse_field(struct parser *parser, const char *line, const char *end)
{
	const char *value = skip(line, IN_TOKEN);
	unsigned field;

	if (*value != ':')
		return 400;
	field = find_name(field_names, line, value, strncasecmp);
	value++;
	trim(&value, &end);
	if (field < FIELD_CONNECTION && parser->fields & 1U << field)
		return 400;
	parser->fields |= 1U << field;
	switch (field) {
	case FIELD_HOST: return is_host(value, end) ? 0 : 400;
	case FIELD_CONTENT_LENGTH: return parse_content_length(parser, value, end);
	case FIELD_AUTHORIZATION: return parse_authorization(parser->request, value, end);
	case FIELD_CONNECTION: return parse_connection(parser, value, end);
	default: return 0;
	}
}

static int finish(struct parser *parser)
{
	bool host = parser->fields & 1U << FIELD_HOST;
	bool encoded = parser->fields & 1U << FIELD_TRANSFER_ENCODING;
	bool measured = parser->fields & 1U << FIELD_CONTENT_LENGTH;

	if ((!host && !parser->old) || (encoded && (parser->old || measured)))
		return 400;
	parser->request->keep_alive = !(parser->options & 1U << OPTION_CLOSE) &&
				      (!parser->old || parser->options & 1U << OPTION_KEEP_ALIVE);
	if (parser->method > METHOD_HEAD)
		return parser->method < METHOD_UNKNOWN ? 405 : 501;
	return encoded ? 501 : parser->content ? 413 : 0;
}

enum httprequest_verdict httprequest_parse(struct httprequest *request, const char *bytes,
					   size_t len, int *status)
{
	struct parser parser = { .request = request };
	const char *end = bytes + (len < HTTPREQUEST_MAX ? len : HTTPREQUEST_MAX);
	const char *line, *line_end, *next;

	*request = (struct httprequest){ 0 };
	for (line = bytes;; line = next) {
		line_end = skip_text(line, end);
		*status = 400;
		/* No line begins with a blank, nor with what can be in no name. */
		if (line < line_end && !is_one(*line, IN_TOKEN))
			return HTTPREQUEST_BAD;
		next = line_end < end && *line_end == '\r' ? line_end + 1 : line_end;
		if (next == end)
			break;
		if (*next++ != '\n')
			return HTTPREQUEST_BAD;
		/* Empty lines may come before a request. */
		*status = 0;
		if (line < line_end)
			*status = parser.begun ? parse_field(&parser, line, line_end)
					       : parse_request_line(&parser, line, line_end);
		else if (parser.begun)
			*status = finish(&parser);
		if (*status != 0)
			return HTTPREQUEST_BAD;
		request->len = (size_t)(next - bytes);
		if (line == line_end && parser.begun)
			return HTTPREQUEST_WHOLE;
	}
	*status = parser.begun ? 431 : 414;
	return len < HTTPREQUEST_MAX ? HTTPREQUEST_MORE : HTTPREQUEST_BAD;
}
