/* SPDX-License-Identifier: ISC */
/* Owns the content of the lines; not who writes them, nor what dinit makes of them. */
#include "script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILLER_LEN 4096

enum script script_find(const char *name)
{
	static const char *const names[SCRIPT_COUNT] = { "none", "objects", "text", "broken",
							 "long" };
	int script = 0;

	while (script < SCRIPT_COUNT && strcmp(names[script], name) != 0)
		script++;
	return (enum script)script;
}

/* splitmix64 */
uint64_t script_random(uint64_t seed)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return seed ^ (seed >> 31);
}

/* ---- putting a line together ---- */

static char *more(struct script_line *line, size_t len)
{
	if (line->len + len > line->size) {
		line->size = 2 * (line->len + len);
		line->bytes = realloc(line->bytes, line->size);
		if (!line->bytes)
			abort();
	}
	line->len += len;
	return line->bytes + line->len - len;
}

static void add(struct script_line *line, const char *bytes, size_t len)
{
	memcpy(more(line, len), bytes, len);
}

#define ADD(line, literal) add(line, literal, sizeof(literal) - 1)

static void add_number(struct script_line *line, uint64_t n)
{
	char text[24];

	add(line, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, n));
}

/* Letters, from a place that differs from line to line, so that bytes of another line do not go
 * unnoticed. */
static void add_filler(struct script_line *line, size_t len, uint64_t random)
{
	static char filler[FILLER_LEN];

	for (size_t i = 0; filler[0] == '\0' && i < FILLER_LEN; i++)
		filler[FILLER_LEN - 1 - i] = (char)('a' + script_random(i) % 26);
	while (len > 0) {
		size_t from = random % (FILLER_LEN / 2),
		       part = FILLER_LEN - from < len ? FILLER_LEN - from : len;

		add(line, filler + from, part);
		len -= part;
	}
}

static void begin_object(struct script_line *line, uint64_t n)
{
	line->object = true;
	line->from = line->len;
	ADD(line, "{\"n\":");
	add_number(line, n);
}

static void end_object(struct script_line *line)
{
	ADD(line, "}");
	line->to = line->len;
}

static void end_line(struct script_line *line, const char *end)
{
	line->text_len = line->len;
	add(line, end, strlen(end));
}

/* ---- scripts ---- */

static void make_object(struct script_line *line, uint64_t n, uint64_t random)
{
	begin_object(line, n);
	ADD(line, ",\"level\":\"info\",\"text\":\"");
	add_filler(line, random % 300, random >> 16);
	if (random >> 61 == 0)
		ADD(line, "\\\"caf\xc3\xa9\\\"\\u00e9\\n");
	ADD(line, "\",\"more\":[1,-2.5e3,null,true,{\"a\":{}}]");
	end_object(line);
	end_line(line, "\n");
}

static void make_text(struct script_line *line, uint64_t n, uint64_t random)
{
	add_number(line, n);
	ADD(line, " ");
	add_filler(line, random % 300, random >> 16);
	end_line(line, "\n");
}

static void make_broken_object(struct script_line *line, uint64_t n, uint64_t random)
{
	switch (random % 6) {
	case 0:
		begin_object(line, n);
		end_object(line);
		end_line(line, "\r\n");
		return;
	case 1:
		ADD(line, " \t");
		begin_object(line, n);
		end_object(line);
		ADD(line, "  ");
		break;
	case 2:
		line->object = true;
		ADD(line, "{");
		end_object(line);
		break;
	case 3:
		begin_object(line, n);
		ADD(line, ",\"half\":\"\\ud800\"");
		end_object(line);
		break;
	case 4:
		begin_object(line, n);
		ADD(line, ",\"service\":\"other\",\"logged\":\"never\"");
		end_object(line);
		break;
	default: make_object(line, n, random >> 8); return;
	}
	end_line(line, "\n");
}

static void make_broken(struct script_line *line, uint64_t n, uint64_t random)
{
	const char *end = random >> 63 ? "\n" : "\r\n";

	if (random & 1) {
		make_broken_object(line, n, random >> 1);
		return;
	}
	if ((random >> 1) % 12 == 0) {
		end_line(line, end);
		return;
	}
	ADD(line, "{\"n\":");
	add_number(line, n);
	switch ((random >> 1) % 12) {
	case 1: ADD(line, ",\"half\":"); break;
	case 2: ADD(line, ",\"nul\":\"\0\"}"); break;
	case 3: ADD(line, ",\"ill-formed\":\"\xff\"}"); break;
	case 4: ADD(line, ",\"ill-formed\":\"\xc3\"}"); break;
	case 5: ADD(line, ",\"tab\":\"\t\"}"); break;
	case 6: ADD(line, "}{}"); break;
	case 7: ADD(line, ",}"); break;
	case 8: ADD(line, ",\"number\":01}"); break;
	case 9: ADD(line, ",\"escape\":\"\\x\"}"); break;
	case 10:
		ADD(line, ",\r");
		/* only this '\r' goes with the newline */
		end = "\r\n";
		break;
	default: ADD(line, "]"); break;
	}
	end_line(line, end);
}

static size_t long_len(uint64_t random)
{
	switch (random % 8) {
	case 0: return SOAK_MAX_LINE - 1;
	case 1: return SOAK_MAX_LINE;
	case 2: return SOAK_MAX_LINE + 1;
	case 3: return SOAK_MAX_LINE + 2;
	case 4: return 2 * SOAK_MAX_LINE;
	case 5: return 2 * SOAK_MAX_LINE + 1;
	case 6: return 100 + (random >> 8) % (4 * SOAK_MAX_LINE);
	default: return 100 + (random >> 8) % 1000;
	}
}

static void make_long(struct script_line *line, uint64_t n, uint64_t random)
{
	size_t len = long_len(random >> 8);

	if (random & 1) {
		begin_object(line, n);
		ADD(line, ",\"text\":\"");
		add_filler(line, len - line->len - 2, random >> 32);
		ADD(line, "\"");
		end_object(line);
	} else {
		add_number(line, n);
		ADD(line, " ");
		add_filler(line, len - line->len, random >> 32);
	}
	end_line(line, random & 2 ? "\n" : "\r\n");
}

void script_line(enum script script, uint64_t n, struct script_line *line)
{
	uint64_t random = script_random(n * SCRIPT_COUNT + script);

	line->len = line->text_len = line->from = line->to = 0;
	line->object = false;
	switch (script) {
	case SCRIPT_OBJECTS: make_object(line, n, random); return;
	case SCRIPT_TEXT: make_text(line, n, random); return;
	case SCRIPT_BROKEN: make_broken(line, n, random); return;
	case SCRIPT_LONG: make_long(line, n, random); return;
	case SCRIPT_NONE:
	case SCRIPT_COUNT: return;
	}
}
