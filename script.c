/* SPDX-License-Identifier: ISC */
/* Owns the search in a script's text; not what a finding means. Invariant: it returns soon, for it
 * reads a regular file only, and of that no more than TEXT_SIZE bytes. */
#include "script.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_SIZE 65536

/* Reads the beginning of a regular file. Returns how many bytes, or -1 where it cannot be read or
 * is another file: a FIFO would block in open(2), a device in read(2). */
static ssize_t read_text(const char *path, char text[TEXT_SIZE])
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	ssize_t len = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		len = pread(fd, text, TEXT_SIZE, 0);
	close(fd);
	return len;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* Returns how much of a line stands before its comment. */
static size_t measure_code(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] == '#' && (i == 0 || is_blank(line[i - 1])))
			return i;
	return len;
}

/* Returns whether the byte can belong to the name of a file, so that what is beside it is only a
 * part of a name. */
static bool is_in_name(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || (unsigned char)byte >= 0x80 || byte == '_' ||
	       byte == '-' || byte == '.' || byte == '+';
}

static bool is_quote(char byte)
{
	return byte == '"' || byte == '\'';
}

/* Returns where the word stands first, or NULL where it does not. (memmem(3) is faster only for
 * longer words than these, and its code is larger than all of this module.) */
static const char *find(const char *code, const char *end, const char *word)
{
	size_t len = strlen(word);

	for (; (code = memchr(code, *word, (size_t)(end - code))); code++)
		if ((size_t)(end - code) >= len && memcmp(code, word, len) == 0)
			return code;
	return NULL;
}

/* Returns whether the code names the directory, in one of the ways of script_find_directory. */
static bool names_directory(const char *code, size_t len, const char *name)
{
	const char *end = code + len, *from = code, *at;

	while ((at = find(from, end, name))) {
		char before = at == code ? ' ' : at[-1];

		from = at + strlen(name);
		if (from == end)
			return false;
		if (!is_in_name(before) &&
		    (*from == '/' || (is_quote(*from) && (is_quote(before) || before == '/'))))
			return true;
	}
	return false;
}

static bool has_word(const char *code, size_t len, const char *word)
{
	return find(code, code + len, word) != NULL;
}

/* Returns the number of the first line whose code holds the word in that way, 0 where there is
 * none. */
static unsigned find_line(const char *path,
			  bool (*holds)(const char *code, size_t len, const char *word),
			  const char *word)
{
	char text[TEXT_SIZE];
	ssize_t len = read_text(path, text);
	const char *line = text, *end, *next;

	if (len < 2 || memcmp(text, "#!", 2) != 0)
		return 0;
	end = text + len;
	for (unsigned number = 1; line < end; line = next, number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		next = newline ? newline + 1 : end;
		if (holds(line, measure_code(line, (size_t)(next - line)), word))
			return number;
	}
	return 0;
}

unsigned script_find_directory(const char *path, const char *name)
{
	return find_line(path, names_directory, name);
}

bool script_has_word(const char *path, const char *word)
{
	return find_line(path, has_word, word) != 0;
}
