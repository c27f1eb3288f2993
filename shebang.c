/* SPDX-License-Identifier: ISC */
/* Owns the parts of a #! line; not whether there are such files. */
#include "shebang.h"

#include <string.h>

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static const char *skip_blanks(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

void shebang_read(const char head[SHEBANG_SIZE], struct shebang *shebang)
{
	char line[SHEBANG_SIZE + 1];
	const char *at, *end;
	size_t len;

	*shebang = (struct shebang){ 0 };
	memcpy(line, head, SHEBANG_SIZE);
	line[SHEBANG_SIZE] = '\0';
	at = skip_blanks(line + strlen("#!"));
	len = strcspn(at, " \t\n");
	if (at + len == line + SHEBANG_SIZE)
		return;
	memcpy(shebang->interpreter, at, len);
	at = skip_blanks(at + len);
	end = at + strcspn(at, "\n");
	if (end == line + SHEBANG_SIZE)
		return;
	while (end > at && is_blank(end[-1]))
		end--;
	memcpy(shebang->argument, at, (size_t)(end - at));
}

static const char *find_name(const struct shebang *shebang)
{
	const char *slash = strrchr(shebang->interpreter, '/');

	return slash ? slash + 1 : shebang->interpreter;
}

bool shebang_overlooks_return(const struct shebang *shebang)
{
	const char *name = find_name(shebang);

	return strncmp(name, "perl", 4) == 0 ||
	       (strcmp(name, "env") == 0 && shebang->argument[0] == '-');
}

bool shebang_find_program(const struct shebang *shebang, char program[SHEBANG_SIZE])
{
	const char *at = shebang->argument, *ends = "";

	if (strncmp(at, "-S", 2) == 0) {
		at = skip_blanks(at + 2);
		ends = " \t\r";
	}
	strcpy(program, at);
	program[strcspn(program, ends)] = '\0';
	return strcmp(find_name(shebang), "env") == 0 && *program && *program != '-' &&
	       program[strcspn(program, "=/\\$'\"#\v\f")] == '\0';
}
