/* SPDX-License-Identifier: ISC */
/* Owns the search for dinit's control group, and the syntax of its files about memory; not the
 * decision whose death that explains. Invariant: it reads files of the kernel's control groups and
 * of /proc only, which never wait, keeps no descriptor, and says nothing of a control group that
 * dinit is not in. */
#include "oom.h"

#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Room for /proc/PID/cgroup: one line for each hierarchy, of which a machine has about a dozen. */
#define CGROUPS_SIZE 8192
/* Room for a file of counts, or of one number. */
#define FILE_SIZE 1024
/* What is at least so large is no limit: version 1 writes the largest number of whole pages. */
#define UNLIMITED (UINT64_C(1) << 62)

/* The types of file systems that control groups have, as in statfs(2): the kernel's headers are not
 * there for every libc. */
#define CGROUP1_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270

/* ---- files ---- */

/* Opens a file of the directory. */
static int open_file(const char *dir, const char *name)
{
	char path[OOM_PATH_SIZE + FILE_SIZE];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Fills the buffer from fd as far as the file goes. Returns how many bytes there are, 0 as well
 * where it cannot be read. */
static size_t fill(int fd, char *buffer, size_t size)
{
	size_t len = 0;
	ssize_t got;

	do {
		got = read(fd, buffer + len, size - len);
		if (got > 0)
			len += (size_t)got;
	} while ((got > 0 && len < size) || (got < 0 && errno == EINTR));
	return len;
}

/* Reads a file of the directory, up to size - 1 bytes, as a string; "" where it cannot be read. */
static void read_file(const char *dir, const char *name, char *text, size_t size)
{
	int fd = open_file(dir, name);
	size_t len = fd >= 0 ? fill(fd, text, size - 1) : 0;

	text[len] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Reads the decimal number that the text begins with, up to a newline. Returns false where there is
 * none, or it is too large. */
static bool parse_count(const char *text, uint64_t *number)
{
	const char *at = text;

	for (*number = 0; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*number > (UINT64_MAX - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return at > text && *at == '\n';
}

/* Finds the line "KEY NUMBER" in the text. The key is given with the space. Returns false where
 * there is none. */
static bool find_number(const char *text, const char *key, uint64_t *number)
{
	const char *at = procfs_find_field(text, key);

	return at && parse_count(at, number);
}

/* ---- one control group ---- */

/* Reads the counts of a control group. Returns false where it has none: they stand only where its
 * memory is accounted for. */
static bool read_counts(bool unified, const char *dir, struct oom_counts *counts)
{
	char text[FILE_SIZE] = "";

	read_file(dir, unified ? "memory.events" : "memory.oom_control", text, sizeof text);
	counts->exceeded = 0;
	return find_number(text, "oom_kill ", &counts->kills) &&
	       (!unified || find_number(text, "oom ", &counts->exceeded));
}

/* Takes the limit of a control group where it is smaller than what is there (0: nothing is). */
static void lower_limit(bool unified, const char *dir, uint64_t *limit)
{
	char text[FILE_SIZE];
	uint64_t own;

	read_file(dir, unified ? "memory.max" : "memory.limit_in_bytes", text, sizeof text);
	if (parse_count(text, &own) && own < UNLIMITED && (*limit == 0 || own < *limit))
		*limit = own;
}

/* Returns whether the process is in the control group, as that says itself. (The lines of a block
 * that ends within a number are looked at in two parts: the number is kept.) */
static bool has_process(const char *dir, pid_t pid)
{
	char block[FILE_SIZE];
	int fd = open_file(dir, "cgroup.procs");
	uint64_t number = 0;
	size_t len;
	bool found = false;

	if (fd < 0)
		return false;
	while (!found && (len = fill(fd, block, sizeof block)) > 0)
		for (size_t i = 0; i < len; i++) {
			if (block[i] != '\n') {
				number = number * 10 + (uint64_t)(block[i] - '0');
				continue;
			}
			found = found || number == (uint64_t)pid;
			number = 0;
		}
	close(fd);
	return found;
}

/* Returns whether the directory is a control group, and not something else in its place, which may
 * be on a file server that never answers. */
static bool is_control_group(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && (fs.f_type == CGROUP1_MAGIC || fs.f_type == CGROUP2_MAGIC);
}

/* ---- which one it is ---- */

/* Makes dir the control group around it. Returns false at the one that is mounted. */
static bool ascend(char *dir, size_t root_len)
{
	char *slash = strrchr(dir + root_len, '/');

	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

/* Looks for the control group below a directory where such are mounted. Its path counts from the
 * root of our namespace of control groups ("" is that itself); as much of its beginning is left out
 * as is not below the mount, for an engine may show a container its own part of the host's. */
static bool find_dir(struct oom *oom, const char *root, const char *path)
{
	const char *below = path;

	oom->root_len = strlen(root);
	for (;;) {
		/* (What is cut here is not found.) */
		snprintf(oom->dir, sizeof oom->dir, "%s%s", root, below);
		if (is_control_group(oom->dir) && has_process(oom->dir, getpid()))
			return true;
		if (*below == '\0')
			return false;
		below += 1 + strcspn(below + 1, "/");
	}
}

/* Looks for it in the hierarchy that accounts for memory. The text is that of /proc/PID/cgroup, a
 * line "NUMBER:CONTROLLERS:PATH" for each hierarchy: that of version 2 has an empty list of
 * controllers, and accounts for memory where none of version 1 does. */
static bool find_group(struct oom *oom, char *text, const char *cgroup_root)
{
	const char *path = NULL;
	char mount[OOM_PATH_SIZE];

	oom->unified = true;
	for (char *line; oom->unified && (line = strsep(&text, "\n"));) {
		const char *controllers = (strsep(&line, ":"), strsep(&line, ":"));

		if (!line || (*controllers != '\0' && !names_have(controllers, "memory")))
			continue;
		oom->unified = *controllers == '\0';
		path = strcmp(line, "/") == 0 ? "" : line;
	}
	snprintf(mount, sizeof mount, "%s/%s", cgroup_root, oom->unified ? "unified" : "memory");
	return path &&
	       ((oom->unified && find_dir(oom, cgroup_root, path)) || find_dir(oom, mount, path));
}

void oom_open(struct oom *oom, const struct procfs *proc, const char *cgroup_root)
{
	char text[CGROUPS_SIZE];
	bool found;

	snprintf(oom->dir, sizeof oom->dir, "%s/%d", proc->root, (int)getpid());
	read_file(oom->dir, "cgroup", text, sizeof text);
	found = find_group(oom, text, cgroup_root);
	/* One whose memory is not accounted for belongs to that of the one around it. */
	while (found && !read_counts(oom->unified, oom->dir, &oom->counts))
		found = ascend(oom->dir, oom->root_len);
	if (!found)
		oom->dir[0] = '\0';
	oom->recent = oom->counts;
	oom->sampled_ms = 0;
}

void oom_forget(struct oom *oom, uint64_t now_ms)
{
	struct oom_counts now;

	if (oom->dir[0] == '\0' || now_ms - oom->sampled_ms < OOM_SAMPLE_MS)
		return;
	oom->sampled_ms = now_ms;
	if (!read_counts(oom->unified, oom->dir, &now))
		return;
	oom->counts = oom->recent;
	oom->recent = now;
}

bool oom_has_killed(struct oom *oom, uint64_t *limit_bytes)
{
	struct oom_counts before = oom->counts, now;
	char dir[OOM_PATH_SIZE];
	bool own;

	*limit_bytes = 0;
	if (oom->dir[0] == '\0' || !read_counts(oom->unified, oom->dir, &now))
		return false;
	oom->counts = oom->recent = now;
	if (now.kills <= before.kills)
		return false;
	/* Version 2 tells whose limit it was: its own, or else that of one around it. */
	own = now.exceeded > before.exceeded;
	strcpy(dir, oom->dir);
	if (own || !oom->unified)
		lower_limit(oom->unified, dir, limit_bytes);
	while (!own && ascend(dir, oom->root_len))
		lower_limit(oom->unified, dir, limit_bytes);
	return true;
}
