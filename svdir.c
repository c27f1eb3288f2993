/* SPDX-License-Identifier: ISC */
/* Owns the rules of what a service directory looks like, and the paths of those that keep them;
 * not what happens to a service, nor whether its programs can be executed, which shows when it
 * is tried. Invariant: an entry in the result has been examined in every part and has no
 * problem; every part that has a problem was reported once. */
#include "svdir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "execfail.h"
#include "foreign.h"
#include "json.h"
#include "log.h"
#include "names.h"
#include "printable.h"
#include "script.h"
#include "svvalue.h"

/* Room for as much of a path as a message shows; two of them fit into a message of log.h. */
#define SHOWN_SIZE 1536

/* Room for why a program cannot be executed. */
#define REASON_SIZE 512

static const char control_files[SVDIR_CONTROLS][10] = {
	[SVDIR_CONTROL_HUP] = "control/h",
	[SVDIR_CONTROL_USR1] = "control/1",
	[SVDIR_CONTROL_USR2] = "control/2",
};

struct scan {
	enum svdir_depth depth;
	void (*on_finding)(void *ctx, enum svdir_finding finding, const char *text);
	void *ctx;
	unsigned problems;
	/* It has been reported, and there is no point in going on. */
	bool out_of_memory;
};

enum found {
	FOUND,
	FOUND_NOTHING,
	/* It has been reported. */
	FOUND_PROBLEM,
};

static void count_and_tell(struct scan *scan, enum svdir_finding finding, const char *text)
{
	if (finding == SVDIR_PROBLEM)
		scan->problems++;
	scan->on_finding(scan->ctx, finding, text);
}

/* Tells one sentence: what it is about, what is wrong with it, and a detail, which can be empty. */
static void tell(struct scan *scan, enum svdir_finding finding, const char *path, const char *wrong,
		 const char *detail)
{
	char shown_path[SHOWN_SIZE], shown_detail[SHOWN_SIZE];
	char text[2 * SHOWN_SIZE + 256];

	printable_copy(shown_path, sizeof shown_path, PRINTABLE_ESCAPED, path, strlen(path));
	printable_copy(shown_detail, sizeof shown_detail, PRINTABLE_ESCAPED, detail,
		       strlen(detail));
	snprintf(text, sizeof text, "%s %s%s", shown_path, wrong, shown_detail);
	count_and_tell(scan, finding, text);
}

static void report(struct scan *scan, const char *path, const char *problem, const char *detail)
{
	tell(scan, SVDIR_PROBLEM, path, problem, detail);
}

static void report_no_memory(struct scan *scan, const char *path)
{
	if (!scan->out_of_memory)
		report(scan, path, "cannot be examined: ", strerror(ENOMEM));
	scan->out_of_memory = true;
}

/* Returns "directory/name", which the caller frees, or NULL (reported) where memory is lacking. */
static char *join_path(struct scan *scan, const char *directory, const char *name)
{
	size_t directory_len = strlen(directory), name_len = strlen(name);
	char *path = malloc(directory_len + name_len + 2);

	if (!path) {
		report_no_memory(scan, *directory ? directory : name);
		return NULL;
	}
	memcpy(path, directory, directory_len);
	if (directory_len > 0 && directory[directory_len - 1] != '/')
		path[directory_len++] = '/';
	memcpy(path + directory_len, name, name_len + 1);
	return path;
}

/* Returns the path in absolute form, which the caller frees, or NULL (reported). Links and ".." in
 * it are kept: what it leads to is what the user said. */
static char *make_absolute(struct scan *scan, const char *dir)
{
	char current[PATH_MAX] = "";
	char *path;
	size_t len;

	if (*dir == '\0') {
		report(scan, "\"\"", "is no path: name the directory that holds the services", "");
		return NULL;
	}
	if (*dir != '/' && !getcwd(current, sizeof current)) {
		report(scan, dir, "cannot be found because the current directory is unknown: ",
		       strerror(errno));
		return NULL;
	}
	while (dir[0] == '.' && dir[1] == '/')
		while (*++dir == '/')
			;
	if (strcmp(dir, ".") == 0)
		dir = "";
	path = join_path(scan, current, dir);
	if (!path)
		return NULL;
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	return path;
}

static void report_dangling(struct scan *scan, const char *path)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof target - 1);

	target[len > 0 ? len : 0] = '\0';
	report(scan, path, "is a dangling symbolic link: remove it, or create ", target);
}

static void report_unexamined(struct scan *scan, const char *path, int error)
{
	report(scan, path,
	       error == EACCES ? "cannot be examined because this user may not pass a directory on "
				 "the way: "
			       : "cannot be examined: ",
	       strerror(error));
}

/* Looks for a file. A link that leads nowhere is a mistake, not an absence. Most files that are
 * looked for are absent, which one system call tells. */
static enum found find_file(struct scan *scan, const char *path, struct stat *status)
{
	if (lstat(path, status) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return FOUND_NOTHING;
		report_unexamined(scan, path, errno);
		return FOUND_PROBLEM;
	}
	if (!S_ISLNK(status->st_mode) || stat(path, status) == 0)
		return FOUND;
	if (errno == ENOENT || errno == ENOTDIR)
		report_dangling(scan, path);
	else
		report_unexamined(scan, path, errno);
	return FOUND_PROBLEM;
}

static enum found find_program(struct scan *scan, const char *path)
{
	char reason[REASON_SIZE];
	struct stat status;
	enum found found = find_file(scan, path, &status);

	if (found != FOUND)
		return found;
	if (!S_ISREG(status.st_mode)) {
		report(scan, path,
		       S_ISDIR(status.st_mode) ? "is a directory: put an executable file there"
					       : "is no regular file: put an executable file there",
		       "");
		return FOUND_PROBLEM;
	}
	/* Not faccessat(2) with flags: seccomp profiles older than faccessat2 refuse that. */
	if (access(path, X_OK) < 0)
		execfail_explain(path, errno, reason, sizeof reason);
	else if (scan->depth == SVDIR_FILES || !execfail_foresee(path, reason, sizeof reason)) {
		if (scan->depth != SVDIR_FILES && execfail_doubt(path, reason, sizeof reason))
			count_and_tell(scan, SVDIR_WARNING, reason);
		return FOUND;
	}
	/* The reason names the path itself. */
	count_and_tell(scan, SVDIR_PROBLEM, reason);
	return FOUND_PROBLEM;
}

/* Returns the path of the program, to be freed, or NULL where it is absent or bad (reported). */
static char *find_optional_program(struct scan *scan, const char *directory, const char *name)
{
	char *path = join_path(scan, directory, name);

	if (path && find_program(scan, path) == FOUND)
		return path;
	free(path);
	return NULL;
}

static char *find_run(struct scan *scan, const char *directory)
{
	char *path = join_path(scan, directory, "run");
	enum found found = path ? find_program(scan, path) : FOUND_PROBLEM;

	if (found == FOUND)
		return path;
	if (found == FOUND_NOTHING)
		report(scan, path, foreign_explain_missing_run(directory), "");
	free(path);
	return NULL;
}

static enum found find_part(struct scan *scan, const char *directory, const char *name,
			    struct stat *status)
{
	char *path = join_path(scan, directory, name);
	enum found found = path ? find_file(scan, path, status) : FOUND_PROBLEM;

	free(path);
	return found;
}

static bool has_part(struct scan *scan, const char *directory, const char *name)
{
	struct stat status;

	return find_part(scan, directory, name, &status) == FOUND;
}

/* Returns whether the part is there, and no directory, which would be the service's own. */
static bool has_file(struct scan *scan, const char *directory, const char *name)
{
	struct stat status;

	return find_part(scan, directory, name, &status) == FOUND && !S_ISDIR(status.st_mode);
}

/* Returns whether the directory can be entered. If not, that is reported, in place of a message for
 * each file in it. */
static bool may_enter(struct scan *scan, const char *directory)
{
	if (access(directory, X_OK) == 0)
		return true;
	report(scan, directory,
	       "cannot be examined because this user may not enter it: ", strerror(errno));
	return false;
}

static void check_name(struct scan *scan, const char *path, const char *name)
{
	size_t len = strlen(name), char_len;

	for (size_t i = 0; i < len; i += char_len) {
		char_len = json_utf8_char(name + i, len - i);
		if (char_len == 0) {
			report(scan, path, "has a name that is not valid UTF-8: rename it", "");
			return;
		}
		if (printable_is_control(name[i])) {
			report(scan, path, "has a control character in its name: rename it", "");
			return;
		}
	}
}

/* Warns of a program that names the directory of runsv(8), which is not there under dinit. mend
 * says what to do about it. */
static void warn_of_supervise(struct scan *scan, const char *program, const char *mend)
{
	unsigned line = script_find_directory(program, "supervise");
	char detail[80];

	if (line == 0)
		return;
	snprintf(detail, sizeof detail, "%s in line %u", mend, line);
	tell(scan, SVDIR_WARNING, program,
	     "names supervise/, and dinit makes no such directory: ", detail);
}

/* Warns in the same way of a program that gets DINIT_PID, unless it names that as well: then it
 * works under both runit and dinit. */
static void warn_of_supervise_pid(struct scan *scan, const char *program)
{
	if (!script_has_word(program, "DINIT_PID"))
		warn_of_supervise(scan, program, "use DINIT_PID, the PID of run,");
}

/* Returns the value of a file of the service: absent where there is no such file, or 0 where it has
 * a problem (reported). */
static int find_value(struct scan *scan, const char *directory, const char *name,
		      enum svvalue_kind kind, int absent)
{
	char *path = join_path(scan, directory, name);
	struct stat status;
	enum found found = path ? find_file(scan, path, &status) : FOUND_PROBLEM;
	char problem[SVVALUE_PROBLEM_SIZE];
	int value = 0;

	if (found == FOUND_NOTHING) {
		value = absent;
	} else if (found == FOUND && !S_ISREG(status.st_mode)) {
		report(scan, path, "is no regular file: it takes ", svvalue_takes(kind));
	} else if (found == FOUND) {
		value = svvalue_read(kind, path, problem);
		if (value == 0)
			report(scan, path, problem, "");
	}
	free(path);
	return value;
}

static void free_entry(struct svdir_entry *entry)
{
	/* The name of a service is a part of dir. */
	if (entry->command)
		free(entry->name);
	free(entry->dir);
	free(entry->run);
	free(entry->terminate);
	free(entry->log_dir);
	free(entry->log_run);
	free(entry->finish);
	free(entry->prestop);
	free(entry->check);
	for (int i = 0; i < SVDIR_CONTROLS; i++)
		free(entry->control[i]);
}

/* Looks for terminate and for what is in control/. The control/t of a service that has a terminate
 * is examined, too, but not kept. */
static void examine_control(struct scan *scan, struct svdir_entry *entry)
{
	char *control = NULL;

	entry->terminate = find_optional_program(scan, entry->dir, "terminate");
	if (has_part(scan, entry->dir, "control")) {
		control = find_optional_program(scan, entry->dir, "control/t");
		for (int i = 0; i < SVDIR_CONTROLS; i++)
			entry->control[i] =
				find_optional_program(scan, entry->dir, control_files[i]);
	}
	if (entry->terminate)
		free(control);
	else
		entry->terminate = control;
}

/* Warns of programs that were written for runit and would not work here. */
static void examine_scripts(struct scan *scan, const struct svdir_entry *entry)
{
	if (entry->terminate)
		warn_of_supervise_pid(scan, entry->terminate);
	for (int i = 0; i < SVDIR_CONTROLS; i++)
		if (entry->control[i])
			warn_of_supervise_pid(scan, entry->control[i]);
	if (entry->check)
		warn_of_supervise_pid(scan, entry->check);
	if (entry->finish)
		warn_of_supervise(scan, entry->finish, "do without it");
}

/* Looks at everything, even after a problem, so that all are known at once. Where log or control is
 * no directory, no file is found below it. */
static void examine_service(struct scan *scan, struct svdir_entry *entry)
{
	entry->name = strrchr(entry->dir, '/') + 1;
	check_name(scan, entry->dir, entry->name);
	if (!may_enter(scan, entry->dir))
		return;
	entry->run = find_run(scan, entry->dir);
	examine_control(scan, entry);
	entry->finish = find_optional_program(scan, entry->dir, "finish");
	entry->prestop = find_optional_program(scan, entry->dir, "prestop");
	entry->check = find_optional_program(scan, entry->dir, "check");
	entry->notification_fd =
		find_value(scan, entry->dir, "notification-fd", SVVALUE_DESCRIPTOR, 0);
	entry->down_signal = find_value(scan, entry->dir, "down-signal", SVVALUE_SIGNAL, SIGTERM);
	if (scan->depth == SVDIR_CONTENTS)
		examine_scripts(scan, entry);
	if (has_part(scan, entry->dir, "log"))
		entry->log_run = find_optional_program(scan, entry->dir, "log/run");
	if (entry->log_run)
		entry->log_dir = join_path(scan, entry->dir, "log");
	entry->optional = has_file(scan, entry->dir, "optional");
	entry->down = has_part(scan, entry->dir, "down");
}

/* Returns whether the entry is a service without a problem, with all its parts then. */
static bool examine_entry(struct scan *scan, struct svdir_entry *entry)
{
	unsigned problems = scan->problems;
	struct stat status;

	/* What has vanished since its name was read is no entry any more. */
	if (find_file(scan, entry->dir, &status) != FOUND)
		return false;
	if (S_ISDIR(status.st_mode))
		examine_service(scan, entry);
	else if (strcmp(strrchr(entry->dir, '/'), "/run") == 0)
		/* DINIT_DIR is itself a service, or lacks the directory of one. */
		tell(scan, scan->depth == SVDIR_FILES ? SVDIR_WARNING : SVDIR_PROBLEM, entry->dir,
		     "is not started: it belongs in a directory with the service's name", "");
	return S_ISDIR(status.st_mode) && scan->problems == problems;
}

/* Examines all entries, and keeps those that are services without a problem. */
static void examine_entries(struct scan *scan, struct svdir *svdir)
{
	size_t len = svdir->len;

	svdir->len = 0;
	for (size_t i = 0; i < len; i++) {
		struct svdir_entry entry = svdir->entries[i];

		if (!scan->out_of_memory && examine_entry(scan, &entry))
			svdir->entries[svdir->len++] = entry;
		else
			free_entry(&entry);
	}
}

/* lost+found is made by the file system at the top of each volume. */
static bool is_entry(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strcmp(entry->d_name, "lost+found") != 0;
}

/* Adds a name. Returns false where memory is lacking (reported). */
static bool add_entry(struct scan *scan, struct svdir *svdir, const char *base, const char *name)
{
	size_t len = svdir->len;
	char *dir = join_path(scan, base, name);
	struct svdir_entry *entries = svdir->entries;

	/* There is room for the next power of two. */
	if (dir && (len & (len - 1)) == 0)
		entries = realloc(entries, (len > 0 ? 2 * len : 1) * sizeof *entries);
	if (!dir || !entries) {
		free(dir);
		report_no_memory(scan, base);
		return false;
	}
	svdir->entries = entries;
	entries[svdir->len++] = (struct svdir_entry){ .dir = dir };
	return true;
}

/* Sorts the entries by the bytes of their names (Shell's sort; qsort(3) is large). */
static void sort_entries(struct svdir *svdir)
{
	struct svdir_entry *entries = svdir->entries;

	for (size_t gap = svdir->len / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < svdir->len; i++) {
			struct svdir_entry entry = entries[i];
			size_t at = i;

			for (; at >= gap && strcmp(entries[at - gap].dir, entry.dir) > 0; at -= gap)
				entries[at] = entries[at - gap];
			entries[at] = entry;
		}
	}
}

/* Adds an entry for each name in the directory. */
static void read_entries(struct scan *scan, struct svdir *svdir, const char *base)
{
	DIR *directory = opendir(base);
	const struct dirent *entry = NULL;

	while (directory && (errno = 0, entry = readdir(directory)))
		if (is_entry(entry) && !add_entry(scan, svdir, base, entry->d_name))
			break;
	if (!entry && errno != 0)
		report(scan, base, "cannot be read: ", strerror(errno));
	if (directory)
		closedir(directory);
}

static void scan_directory(struct scan *scan, struct svdir *svdir, const char *base)
{
	struct stat status;
	enum found found = find_file(scan, base, &status);

	if (found == FOUND_PROBLEM)
		return;
	if (found == FOUND_NOTHING) {
		report(scan, base,
		       "does not exist: create it with a directory for each service, or set "
		       "DINIT_DIR",
		       "");
		return;
	}
	if (!S_ISDIR(status.st_mode)) {
		report(scan, base, "is no directory: it must hold a directory for each service",
		       "");
		return;
	}
	if (!may_enter(scan, base))
		return;
	read_entries(scan, svdir, base);
	sort_entries(svdir);
	examine_entries(scan, svdir);
}

unsigned svdir_scan(struct svdir *svdir, const char *dir, enum svdir_depth depth,
		    void (*on_finding)(void *ctx, enum svdir_finding finding, const char *text),
		    void *ctx)
{
	struct scan scan = { .depth = depth, .on_finding = on_finding, .ctx = ctx };
	char *base;

	*svdir = (struct svdir){ .entries = NULL };
	base = make_absolute(&scan, dir);
	if (base)
		scan_directory(&scan, svdir, base);
	free(base);
	return scan.problems;
}

static bool has_service(const struct svdir *svdir, const char *name, size_t len)
{
	for (size_t i = 0; i < svdir->len; i++) {
		const struct svdir_entry *entry = &svdir->entries[i];

		if (!entry->command && strlen(entry->name) == len &&
		    memcmp(entry->name, name, len) == 0)
			return true;
	}
	return false;
}

/* Fills name with the name that the command gets. */
static void choose_command_name(const struct svdir *svdir, const char *path,
				char name[NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	printable_copy(name, NAME_MAX + 1, PRINTABLE_MARKED, base, strlen(base));
	if (*name == '\0' || strcmp(name, "dinit") == 0 || has_service(svdir, name, strlen(name)))
		strcpy(name, "command");
	for (unsigned i = 2; has_service(svdir, name, strlen(name)); i++)
		snprintf(name, NAME_MAX + 1, "command%u", i);
}

int svdir_add_command(struct svdir *svdir, const char *path, struct command *command)
{
	struct svdir_entry *entries =
		realloc(svdir->entries, (svdir->len + 1) * sizeof *svdir->entries);
	char name[NAME_MAX + 1];

	if (!entries)
		return -1;
	svdir->entries = entries;
	choose_command_name(svdir, path, name);
	entries[svdir->len] = (struct svdir_entry){
		.name = strdup(name),
		.down_signal = SIGTERM,
		.command = command,
	};
	if (!entries[svdir->len].name)
		return -1;
	svdir->len++;
	return 0;
}

void svdir_free(struct svdir *svdir)
{
	for (size_t i = 0; i < svdir->len; i++)
		free_entry(&svdir->entries[i]);
	free(svdir->entries);
	*svdir = (struct svdir){ .entries = NULL };
}

bool svdir_is_skipped(const struct svdir_entry *entry, const char *skip)
{
	return !entry->command && (names_have(skip, entry->name) || names_have(skip, "*"));
}

void svdir_warn_of_skip(const struct svdir *svdir, const char *skip)
{
	const char *name;
	size_t len;

	while ((len = names_next(&skip, &name)) > 0)
		if (!has_service(svdir, name, len) && !(len == 1 && *name == '*'))
			log_warn("DINIT_SKIP names \"%.*s\", but there is no such service",
				 (int)len, name);
}
