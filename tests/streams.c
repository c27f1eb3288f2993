/* SPDX-License-Identifier: ISC */
/* Owns the reports of the actor, and the looks at what a run wrote; not the runs.
 * Invariant: nothing here changes what the harness has collected. */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_DEADLINE_MS 20000
#define STAMP_FORM "0000-00-00T00:00:00.000Z"
#define STAMP_FORM_LEN (sizeof STAMP_FORM - 1)
/* the shadow memory alone is larger */
#define SANITIZER_VM_KB ((size_t)1 << 30)

/* ---- reports ---- */

static struct {
	const struct scene *scene;
	int fd;
	size_t len;
	char text[65536];
} reports = { .fd = -1 };

const char *streams_actor(struct scene *scene)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof "/actor");
	char *slash;

	if (len < 0)
		scene_fail("/proc/self/exe: %s", strerror(errno));
	path[len] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash, "/actor");
	return scene_format(scene, "ACTOR=%s", path);
}

const char *streams_report(struct scene *scene)
{
	const char *path = scene_path(scene, "report");

	if (reports.scene != scene || access(path, F_OK) < 0) {
		if (reports.fd >= 0)
			close(reports.fd);
		if (mkfifo(path, 0600) < 0 || chmod(path, 0666) < 0)
			scene_fail("%s: %s", path, strerror(errno));
		reports.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		reports.scene = scene;
		reports.len = 0;
	}
	return scene_format(scene, "REPORT=%s", path);
}

/* Takes the first line that begins with the words out of what came so far. NULL: none. */
static const char *take_report(struct scene *scene, const char *words)
{
	char *line = reports.text, *end;

	reports.text[reports.len] = '\0';
	for (; (end = strchr(line, '\n')); line = end + 1) {
		size_t len = strlen(words);
		const char *rest;

		if (strncmp(line, words, len) != 0 || (line[len] != ' ' && line[len] != '\n'))
			continue;
		*end = '\0';
		rest = scene_format(scene, "%s", line + len + (line[len] == ' '));
		reports.len -= (size_t)(end + 1 - line);
		memmove(line, end + 1, reports.len - (size_t)(line - reports.text));
		return rest;
	}
	return NULL;
}

const char *streams_wait_report_at(struct scene *scene, const char *words, const char *where)
{
	uint64_t until_ms = scene_now_ms() + scene_deadline_ms(REPORT_DEADLINE_MS);
	struct pollfd polled = { .fd = reports.fd, .events = POLLIN };
	const char *rest;

	while (!(rest = take_report(scene, words))) {
		uint64_t now = scene_now_ms();
		ssize_t len = 0;

		if (now >= until_ms || poll(&polled, 1, (int)(until_ms - now)) == 0)
			scene_fail_at(where, "\"%s\" was not reported in time", words);
		len = read(reports.fd, reports.text + reports.len,
			   sizeof reports.text - 1 - reports.len);
		reports.len += len > 0 ? (size_t)len : 0;
	}
	return rest;
}

/* ---- bytes ---- */

void bytes_add(struct bytes *bytes, const void *more, size_t len)
{
	if (bytes->len + len + 1 > bytes->size) {
		bytes->size = 2 * (bytes->len + len + 1);
		bytes->at = realloc(bytes->at, bytes->size);
		if (!bytes->at)
			scene_fail("no memory for %zu bytes", bytes->size);
	}
	memcpy(bytes->at + bytes->len, more, len);
	bytes->len += len;
	bytes->at[bytes->len] = '\0';
}

void bytes_add_text(struct bytes *bytes, const char *text)
{
	bytes_add(bytes, text, strlen(text));
}

void bytes_fill(struct bytes *bytes, char byte, size_t count)
{
	while (count-- > 0)
		bytes_add(bytes, &byte, 1);
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct bytes){ 0 };
}

void streams_file(struct scene *scene, const char *path, const char *bytes, size_t len)
{
	const char *whole = scene_path(scene, "%s", path);
	int fd;

	scene_file(scene, path, 0644, "");
	fd = open(whole, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		scene_fail("%s: %s", whole, strerror(errno));
	close(fd);
}

static void read_bytes(const char *path, struct bytes *bytes)
{
	char buffer[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		scene_fail("%s: %s", path, strerror(errno));
	while ((len = read(fd, buffer, sizeof buffer)) > 0)
		bytes_add(bytes, buffer, (size_t)len);
	close(fd);
}

void streams_collect(struct run *run, enum run_stream stream, const char *path)
{
	struct run_output *output = &run->outputs[stream];
	struct bytes bytes = { 0 };

	read_bytes(scene_path(run->scene, "%s", path), &bytes);
	free(output->bytes);
	output->bytes = bytes.at;
	output->len = bytes.len;
	output->size = bytes.size;
}

/* ---- exactly these bytes ---- */

static bool is_stamp(const char *at, size_t len)
{
	if (len < STAMP_FORM_LEN)
		return false;
	for (size_t i = 0; i < STAMP_FORM_LEN; i++) {
		if (STAMP_FORM[i] == '0' ? at[i] < '0' || at[i] > '9' : at[i] != STAMP_FORM[i])
			return false;
	}
	return true;
}

static void mask_stamps(const struct run_output *output, struct bytes *masked)
{
	for (size_t i = 0; i < output->len;) {
		bool stamp = is_stamp(output->bytes + i, output->len - i);

		if (stamp)
			bytes_add_text(masked, "TIME");
		else
			bytes_add(masked, output->bytes + i, 1);
		i += stamp ? STAMP_FORM_LEN : 1;
	}
}

/* Some bytes from offset at, readable, for a message. */
static const char *excerpt(struct scene *scene, const struct bytes *bytes, size_t at)
{
	char text[4 * 80 + 1], *end = text;

	for (size_t i = at > 30 ? at - 30 : 0; i < bytes->len && i < at + 50; i++) {
		unsigned char byte = (unsigned char)bytes->at[i];

		if (byte >= ' ' && byte < 0x7f)
			*end++ = (char)byte;
		else
			end += sprintf(end, "\\x%02x", byte);
	}
	*end = '\0';
	return scene_format(scene, "%s", text);
}

void streams_expect_at(struct run *run, enum run_stream stream, const struct bytes *expected,
		       const char *where)
{
	struct bytes masked = { 0 };
	size_t at = 0;

	mask_stamps(&run->outputs[stream], &masked);
	while (at < masked.len && at < expected->len && masked.at[at] == expected->at[at])
		at++;
	if (at < masked.len || at < expected->len)
		scene_fail_at(where,
			      "%s differs at byte %zu (of %zu; %zu are expected):\n%s\nis "
			      "expected, it is\n%s",
			      stream == RUN_STDOUT ? "stdout" : "stderr", at, masked.len,
			      expected->len, excerpt(run->scene, expected, at),
			      excerpt(run->scene, &masked, at));
	bytes_free(&masked);
}

/* ---- an independent parser ---- */

const struct bytes *streams_jq_at(struct run *run, enum run_stream stream, const char *options,
				  const char *filter, const char *where)
{
	static struct bytes parsed;
	const struct run_output *output = &run->outputs[stream];
	const char *from = scene_path(run->scene, "jq.input"),
		   *to = scene_path(run->scene, "jq.output");
	int status;

	streams_file(run->scene, "jq.input", output->bytes, output->len);
	status = system(
		scene_format(run->scene, "jq %s '%s' <'%s' >'%s'", options, filter, from, to));
	if (status != 0)
		scene_fail_at(where, "jq %s '%s' fails with status %d", options, filter,
			      WEXITSTATUS(status));
	bytes_free(&parsed);
	bytes_add(&parsed, "", 0);
	read_bytes(to, &parsed);
	return &parsed;
}

static size_t count_newlines(const char *bytes, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += bytes[i] == '\n';
	return count;
}

void streams_expect_objects_at(struct run *run, enum run_stream stream, const char *where)
{
	const struct run_output *output = &run->outputs[stream];
	const struct bytes *parsed =
		streams_jq_at(run, stream, "-c", "if type == \"object\" then . else error end",
			      where);
	size_t got = count_newlines(parsed->at, parsed->len),
	       lines = count_newlines(output->bytes, output->len);

	if (got != lines || lines == 0 || output->bytes[output->len - 1] != '\n')
		scene_fail_at(where, "jq makes %zu objects of the %zu lines on %s", got, lines,
			      stream == RUN_STDOUT ? "stdout" : "stderr");
}

/* ---- numbers ---- */

struct numbered {
	const char *service;
	size_t service_len;
	unsigned long number;
};

/* The text between what is found first and the next `end`. */
static const char *find_between(const char *line, size_t len, const char *begin, char end,
				size_t *found_len)
{
	const char *found = memmem(line, len, begin, strlen(begin)), *stop;

	if (!found)
		return NULL;
	found += strlen(begin);
	stop = memchr(found, end, len - (size_t)(found - line));
	if (!stop)
		return NULL;
	*found_len = (size_t)(stop - found);
	return found;
}

static bool read_number(const char *at, const char *end, unsigned long *number)
{
	*number = 0;
	if (at == end)
		return false;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		*number = *number * 10 + (unsigned long)(*at - '0');
	return at == end;
}

static bool read_object(const char *line, size_t len, struct numbered *found)
{
	size_t number_len;
	const char *number = find_between(line, len, "{\"n\":", ',', &number_len);

	if (!number)
		number = find_between(line, len, "{\"message\":\"", '"', &number_len);
	if (!number || !read_number(number, number + number_len, &found->number))
		return false;
	found->service = find_between(line, len, "\"service\":\"", '"', &found->service_len);
	return found->service;
}

/* TIME service/stage: [more words] number, or TIME dinit: warning: the same, where {"n":1}
 * stands for 1, too. */
static bool read_text(const char *line, size_t len, struct numbered *found)
{
	static const char warning[] = "dinit: warning: ";
	const char *end = line + len, *at = end, *slash;

	if (len < STAMP_FORM_LEN + 1 || !is_stamp(line, len))
		return false;
	line += STAMP_FORM_LEN + 1;
	if (strncmp(line, warning, sizeof warning - 1) == 0)
		line += sizeof warning - 1;
	slash = memchr(line, '/', (size_t)(end - line));
	if (!slash)
		return false;
	end -= end[-1] == '}';
	for (at = end; at > slash && at[-1] >= '0' && at[-1] <= '9'; at--)
		;
	found->service = line;
	found->service_len = (size_t)(slash - line);
	return (at[-1] == ' ' || at[-1] == ':') && read_number(at, end, &found->number);
}

static bool read_numbered(const char *line, size_t len, struct numbered *found)
{
	return len > 0 && *line == '{' ? read_object(line, len, found)
				       : read_text(line, len, found);
}

static size_t find_service(const char *const *services, size_t count, const struct numbered *found,
			   size_t guess)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = (guess + i) % count;

		if (strlen(services[at]) == found->service_len &&
		    memcmp(services[at], found->service, found->service_len) == 0)
			return at;
	}
	return count;
}

/* Fails where the numbers of a service are not 1, 2, 3, …; last[i] becomes the last of each. */
static void check_numbers(struct run *run, enum run_stream stream, const char *const *services,
			  size_t count, unsigned long *last, const char *where)
{
	const struct run_output *output = &run->outputs[stream];
	const char *line = output->bytes, *end = output->bytes + output->len, *newline;
	struct numbered found;
	size_t at = 0;

	for (; line < end && (newline = memchr(line, '\n', (size_t)(end - line)));
	     line = newline + 1) {
		size_t service;

		if (!read_numbered(line, (size_t)(newline - line), &found))
			continue;
		service = find_service(services, count, &found, at);
		if (service == count)
			continue;
		at = service;
		if (found.number != last[at] + 1)
			scene_fail_at(where, "%s: after %lu of %s comes %lu: %.*s",
				      stream == RUN_STDOUT ? "stdout" : "stderr", last[at],
				      services[at], found.number, (int)(newline - line), line);
		last[at] = found.number;
	}
	if (line != end)
		scene_fail_at(where, "the last line has no newline");
}

void streams_expect_numbers_at(struct run *run, enum run_stream stream, const char *const *services,
			       size_t count, unsigned long n, const char *where)
{
	unsigned long *last = calloc(count, sizeof *last);

	if (!last)
		scene_fail_at(where, "no memory");
	check_numbers(run, stream, services, count, last, where);
	for (size_t i = 0; i < count; i++)
		if (last[i] != n)
			scene_fail_at(where, "%s ends with %lu of %s, not %lu",
				      stream == RUN_STDOUT ? "stdout" : "stderr", last[i],
				      services[i], n);
	free(last);
}

unsigned long streams_last_number_at(struct run *run, enum run_stream stream, const char *service,
				     const char *where)
{
	unsigned long last = 0;

	check_numbers(run, stream, &service, 1, &last, where);
	return last;
}

/* ---- memory ---- */

static size_t status_kb(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

size_t streams_rss_kb(const struct run *run)
{
	struct bytes status = { 0 };
	size_t rss;

	read_bytes(scene_format(run->scene, "/proc/%d/status", (int)run->pid), &status);
	rss = status_kb(status.at, "VmSize:") < SANITIZER_VM_KB ? status_kb(status.at, "VmRSS:")
								: 0;
	bytes_free(&status);
	return rss;
}
