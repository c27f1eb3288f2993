/* SPDX-License-Identifier: ISC */
/* Owns the readers of outlets.h and the memory of what they have got (mmap, so that it is in
 * nobody's account); not who writes. */
#include "outlets.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#define TAKE_SIZE 65536

void wrong(const char *format, ...)
{
	char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_string_equal(text, "");
}

void reader_open(struct reader *reader, int fd)
{
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(pair[1], fd), fd);
	close(pair[1]);
	reader->fd = pair[0];
}

void reader_open_tty(struct reader *reader, int fd)
{
	struct termios modes = { .c_cflag = CS8 };
	int master_fd, slave_fd;

	cfmakeraw(&modes);
	assert_int_equal(openpty(&master_fd, &slave_fd, NULL, &modes, NULL), 0);
	assert_int_equal(fcntl(master_fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(slave_fd, fd), fd);
	close(slave_fd);
	reader->fd = master_fd;
}

void reader_leave(struct reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
}

void reader_close(struct reader *reader)
{
	reader_leave(reader);
	if (reader->text)
		munmap(reader->text, reader->size);
}

static void make_room(struct reader *reader, size_t len)
{
	size_t size = 2 * (reader->size + len + 1);
	void *larger;

	if (reader->size - reader->len > len)
		return;
	larger = reader->text ? mremap(reader->text, reader->size, size, MREMAP_MAYMOVE)
			      : mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(larger != MAP_FAILED);
	reader->text = larger;
	reader->size = size;
}

bool reader_take(struct reader *reader)
{
	bool any = false;
	ssize_t n;

	if (reader->fd < 0 || reader->stalls)
		return false;
	do {
		struct iovec room = { .iov_len = reader->at_most ? reader->at_most : TAKE_SIZE };

		make_room(reader, room.iov_len);
		room.iov_base = reader->text + reader->len;
		n = readv(reader->fd, &room, 1);
		if (n > 0)
			reader->len += (size_t)n;
		reader->text[reader->len] = '\0';
		any |= n > 0;
	} while (n > 0 && reader->at_most == 0);
	return any;
}

void reader_forget(struct reader *reader)
{
	reader->len = 0;
	if (reader->text)
		*reader->text = '\0';
}

/* As memmem(3), which the address sanitizer makes slow. */
static const char *find(const char *at, const char *end, const char *part)
{
	size_t len = strlen(part);

	while (at && (size_t)(end - at) >= len && memcmp(at, part, len) != 0)
		at = memchr(at + 1, *part, (size_t)(end - at - 1));
	return at && (size_t)(end - at) >= len ? at : NULL;
}

size_t reader_count(const struct reader *reader, const char *part)
{
	const char *at = reader->text, *end = reader->text + reader->len;
	size_t n = 0;

	for (; at && (at = find(at, end, part)); at += strlen(part))
		n++;
	return n;
}

void assert_text(const struct reader *reader, const char *expected)
{
	if (strcmp(reader->text ? reader->text : "", expected) != 0)
		wrong("\"%.2000s\" should be \"%s\"", reader->text ? reader->text : "", expected);
	assert_int_equal(reader->len, strlen(expected));
}

void assert_has(const struct reader *reader, const char *part)
{
	if (!reader->text || !strstr(reader->text, part))
		wrong("\"%s\" is not in \"%.2000s\"", part, reader->text ? reader->text : "");
}

const char *next_line(const char **at, size_t *len)
{
	const char *line = *at, *end;

	if (!line || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (!end)
		wrong("the last line is not whole: \"%.200s\"", line);
	*len = (size_t)(end - line);
	*at = end + 1;
	return line;
}

void assert_numbered(const struct reader *reader, size_t count, const char *mark)
{
	const char *at = reader->text, *line;
	size_t seen = 0, len;

	while ((line = next_line(&at, &len))) {
		const char *found = find(line, line + len, mark);

		if (found && strtoul(found + strlen(mark), NULL, 10) != seen++)
			wrong("\"%.200s\" stands where %zu should", line, seen - 1);
	}
	assert_int_equal(seen, count);
}

char *numbered(size_t count, const char *format)
{
	size_t size = count * 40 + 1, at = 0;
	char *text = calloc(1, size);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%zu%s", format, i,
				       *format == '{' ? "}\n" : "\n");
	return text;
}

char *long_line(size_t len, char c, const char *end)
{
	char *line = calloc(1, len + strlen(end) + 1);

	assert_non_null(line);
	memset(line, c, len);
	strcpy(line + len, end);
	return line;
}
