/* SPDX-License-Identifier: ISC */
/* Owns how a value is read from a file of a service directory; not what it is for. Invariant: no
 * file, of whatever type, keeps dinit waiting, and no more of it is read than a value can have. */
#include "svvalue.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "printable.h"
#include "signame.h"

/* More than the text of any value, and room for as much of another text as a message shows. */
#define TEXT_SIZE 128
#define SHOWN_SIZE 64

/* Those below are stdin, stdout and stderr. With the usual limit of 1024 there is none above. */
#define DESCRIPTOR_FIRST 3
#define DESCRIPTOR_LAST 1023

/* Returns the number of a descriptor, or 0 where the text (len bytes) is none. */
static int parse_descriptor(const char *text, size_t len)
{
	int number = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		number = number * 10 + (text[i] - '0');
		if (number > DESCRIPTOR_LAST)
			return 0;
	}
	return number < DESCRIPTOR_FIRST ? 0 : number;
}

static int parse(enum svvalue_kind kind, const char *text, size_t len)
{
	switch (kind) {
	case SVVALUE_SIGNAL: return signame_parse(text, len);
	case SVVALUE_DESCRIPTOR: return parse_descriptor(text, len);
	}
	return 0;
}

const char *svvalue_takes(enum svvalue_kind kind)
{
	switch (kind) {
	case SVVALUE_SIGNAL: return SIGNAME_TAKES;
	case SVVALUE_DESCRIPTOR: return "the number of a descriptor (3 to 1023)";
	}
	return "";
}

/* Returns how much of the text is left without white space at its end. */
static size_t trim_end(const char *text, size_t len)
{
	while (len > 0 && memchr(" \t\r\n", text[len - 1], 4))
		len--;
	return len;
}

static void refuse_value(enum svvalue_kind kind, const char *text, size_t len,
			 char problem[SVVALUE_PROBLEM_SIZE])
{
	char shown[SHOWN_SIZE];

	printable_copy(shown, sizeof shown, PRINTABLE_ESCAPED, text, len);
	snprintf(problem, SVVALUE_PROBLEM_SIZE, "holds \"%s\": it takes %s", shown,
		 svvalue_takes(kind));
}

/* Reads the beginning of a file. Returns how many bytes, or -1 with errno. Without O_NONBLOCK a
 * FIFO that has taken the file's place would keep dinit waiting. */
static ssize_t read_beginning(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t len;
	int error;

	if (fd < 0)
		return -1;
	len = pread(fd, text, size, 0);
	error = errno;
	close(fd);
	errno = error;
	return len;
}

int svvalue_read(enum svvalue_kind kind, const char *path, char problem[SVVALUE_PROBLEM_SIZE])
{
	char text[TEXT_SIZE];
	ssize_t len = read_beginning(path, text, sizeof text);
	size_t start = 0, end;
	int value = 0;

	if (len < 0) {
		snprintf(problem, SVVALUE_PROBLEM_SIZE, "cannot be read: %s", strerror(errno));
		return 0;
	}
	end = (size_t)len;
	/* What fills the buffer may go on. */
	if (end < sizeof text) {
		end = trim_end(text, end);
		while (start < end && (text[start] == ' ' || text[start] == '\t'))
			start++;
		value = parse(kind, text + start, end - start);
	}
	if (value == 0)
		refuse_value(kind, text + start, end - start, problem);
	return value;
}
