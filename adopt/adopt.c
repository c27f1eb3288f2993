/* SPDX-License-Identifier: ISC */
/* Owns the decision which descriptors of a process and its descendants are moved, and how often
 * it is looked at; not the moving (redirect.h). Invariant: a descriptor is moved only if, with
 * its process standing still, it was an output on one of the files that were found, as outputs,
 * under the adopted process's own 1 and 2. */
#include "adopt.h"

#include "fdtable.h"
#include "log.h"
#include "redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many processes of a tree are looked at: more than any container runs under one parent, and a
 * bound to what a fork bomb costs us. */
#define TREE_MAX 4096
/* How many descriptors of one process are looked at, and of a tree in one look: those that a
 * program has from its start have the lowest numbers. */
#define FDS_MAX 1024
#define TREE_FDS_MAX 16384
/* When the process is looked at again, in milliseconds after its first redirection: soon, because
 * what it prints until then goes elsewhere, and at last when the time in which daemons redirect
 * themselves is over. */
static const unsigned short looks_ms[] = { 20, 80, 200, 400, ADOPT_SETTLE_MS + 20 };
#define LOOKS (sizeof looks_ms / sizeof *looks_ms)
/* How many files can be found: two to begin with, and two more at each look. */
#define FILES_MAX (2 + 2 * (LOOKS + 1))

/* A file that was found under descriptor 1 or 2, and whose copies are moved. */
struct original {
	struct fdtable_file file;
	int stream;
};

struct adopt {
	pid_t pid;
	const struct procfs *proc;
	const struct adopt_hooks *hooks;
	void *ctx;
	struct redirect_group group;
	/* The redirections under way, and those that failed for good. */
	struct redirect *redirects;
	struct loop_timer timer;
	/* How many looks were made since the first redirection. */
	unsigned looks;
	/* The adopted process itself was dealt with once. */
	bool settling;
	/* The caller gave up, or the process has ended. */
	bool cancelled;
	/* A descendant that cannot be redirected was told of. */
	bool descendant_told;
	size_t original_count, pipe_count;
	struct original originals[FILES_MAX];
	/* The pipes that the process was given for its 1 and 2. */
	struct fdtable_file pipes[FILES_MAX];
};

static struct redirect *find_redirect(const struct adopt *adopt, pid_t pid)
{
	struct redirect *redirect = adopt->redirects;

	while (redirect && redirect->pid != pid)
		redirect = redirect->next;
	return redirect;
}

static void drop_redirect(struct adopt *adopt, struct redirect *redirect)
{
	for (struct redirect **at = &adopt->redirects; *at; at = &(*at)->next) {
		if (*at == redirect) {
			*at = redirect->next;
			break;
		}
	}
	free(redirect);
}

static bool is_own_pipe(const struct adopt *adopt, const struct fdtable_file *file)
{
	for (size_t i = 0; i < adopt->pipe_count; i++)
		if (fdtable_same_file(&adopt->pipes[i], file))
			return true;
	return false;
}

/* Returns the stream that descriptor fd, open on that file, is moved to, or 0 where it stays. */
static int stream_of(const struct adopt *adopt, int fd, const struct fdtable_file *file)
{
	int stream = 0;

	for (size_t i = 0; i < adopt->original_count; i++) {
		const struct original *original = &adopt->originals[i];

		if (!fdtable_same_file(&original->file, file))
			continue;
		if (original->stream == fd)
			return fd;
		if (stream == 0)
			stream = original->stream;
	}
	if (fd == STDIN_FILENO || (fd > STDERR_FILENO && fdtable_is_void(file)))
		return 0;
	return stream;
}

/* Reads the flags of a descriptor of thread tid. Returns whether that is something to print to: a
 * pipe, a terminal or another device, a file that is only written. A daemon that closes 1 and 2
 * gets these numbers for what it opens next: its sockets and its data must not be taken away from
 * it. (With the flags of an epoll(7), say, the kernel tells all that it watches.) */
static bool is_output(const struct adopt *adopt, pid_t tid, int fd, const struct fdtable_file *file,
		      int *flags)
{
	if (!S_ISFIFO(file->mode) && !S_ISCHR(file->mode) && !S_ISREG(file->mode))
		return false;
	if (fdtable_read_flags(adopt->proc, tid, fd, flags) < 0 || !fdtable_is_writable(*flags))
		return false;
	return !S_ISREG(file->mode) || (*flags & O_ACCMODE) == O_WRONLY;
}

/* Remembers the files under descriptors 1 and 2 of the process that are not pipes of ours. */
static void note_originals(struct adopt *adopt, pid_t tid)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		struct original original = { .stream = fd };
		int flags;

		if (fdtable_identify(adopt->proc, tid, fd, &original.file) < 0 ||
		    !is_output(adopt, tid, fd, &original.file, &flags))
			continue;
		if (!is_own_pipe(adopt, &original.file) &&
		    stream_of(adopt, fd, &original.file) != fd && adopt->original_count < FILES_MAX)
			adopt->originals[adopt->original_count++] = original;
	}
}

/* Returns whether descriptor fd of thread tid is to be moved; *move says how. */
static bool plan_move(const struct adopt *adopt, pid_t tid, int fd, const struct fdtable_file *file,
		      struct redirect_move *move)
{
	*move = (struct redirect_move){ .fd = fd,
					.file = *file,
					.stream = stream_of(adopt, fd, file) };
	return move->stream != 0 && is_output(adopt, tid, fd, file, &move->flags);
}

struct planning {
	struct adopt *adopt;
	/* NULL where the only question is whether there is anything to be moved. */
	struct redirect *redirect;
	pid_t tid;
	/* How many descriptors are looked at. */
	unsigned left;
	bool found;
};

static bool plan_fd(void *ctx, int fd, const struct fdtable_file *file)
{
	struct planning *planning = ctx;
	struct redirect_move move;

	if (planning->left == 0)
		return false;
	planning->left--;
	if (plan_move(planning->adopt, planning->tid, fd, file, &move)) {
		planning->found = true;
		if (planning->redirect)
			redirect_add_move(planning->redirect, &move);
	}
	return planning->redirect || !planning->found;
}

static void on_redirect_plan(void *ctx, struct redirect *redirect)
{
	struct planning planning = {
		.adopt = ctx, .redirect = redirect, .tid = redirect->tracee.tid, .left = FDS_MAX
	};

	/* The process may have replaced its descriptors 1 and 2 since the look. */
	if (redirect->pid == planning.adopt->pid)
		note_originals(planning.adopt, planning.tid);
	fdtable_each(planning.adopt->proc, planning.tid, plan_fd, &planning);
}

static int on_redirect_pipe(void *ctx, struct redirect *redirect, int stream, int read_fd)
{
	struct adopt *adopt = ctx;

	if (redirect->pid == adopt->pid && adopt->pipe_count < FILES_MAX &&
	    fdtable_identify_own(read_fd, &adopt->pipes[adopt->pipe_count]) == 0)
		adopt->pipe_count++;
	return adopt->hooks->on_pipe(adopt->ctx, stream, read_fd);
}

/* Tells why a process cannot be redirected. One descendant stands for all, which mostly share the
 * cause: the others are told of at level info. */
static void on_redirect_trouble(void *ctx, struct redirect *redirect, const char *why)
{
	struct adopt *adopt = ctx;

	if (redirect->pid != adopt->pid && adopt->descendant_told) {
		log_info("process %d: the output of its descendant %d cannot be redirected: %s",
			 (int)adopt->pid, (int)redirect->pid, why);
		return;
	}
	adopt->descendant_told |= redirect->pid != adopt->pid;
	adopt->hooks->on_trouble(adopt->ctx, redirect->pid, why);
}

static void begin_redirect(struct adopt *adopt, pid_t pid)
{
	struct redirect *redirect = malloc(sizeof *redirect);

	if (!redirect) {
		adopt->hooks->on_trouble(adopt->ctx, pid, strerror(errno));
		return;
	}
	redirect_begin(redirect, &adopt->group, pid);
	redirect->next = adopt->redirects;
	adopt->redirects = redirect;
}

/* The adopted process and its descendants, parents before their children. */
struct tree {
	size_t count;
	/* How many descriptors are still looked at. */
	unsigned fds_left;
	bool overgrown;
	pid_t pids[TREE_MAX];
};

/* Returns whether the process has something to move, or cannot be looked at: then an attempt says
 * why. */
static bool has_something_to_move(struct adopt *adopt, struct tree *tree, pid_t tid)
{
	unsigned max = tree->fds_left < FDS_MAX ? tree->fds_left : FDS_MAX;
	struct planning planning = { .adopt = adopt, .tid = tid, .left = max };
	int result = fdtable_each(adopt->proc, tid, plan_fd, &planning);

	tree->fds_left -= max - planning.left;
	return (result < 0 && errno != ENOENT) || planning.found;
}

static void add_to_tree(void *ctx, pid_t pid)
{
	struct tree *tree = ctx;

	if (tree->count < TREE_MAX)
		tree->pids[tree->count++] = pid;
	else
		tree->overgrown = true;
}

static void look_at_tree(struct adopt *adopt)
{
	struct tree *tree = malloc(sizeof *tree);

	if (!tree) {
		adopt->hooks->on_trouble(adopt->ctx, adopt->pid, strerror(errno));
		return;
	}
	tree->count = 0;
	tree->fds_left = TREE_FDS_MAX;
	tree->overgrown = false;
	add_to_tree(tree, adopt->pid);
	for (size_t i = 0; i < tree->count && tree->fds_left > 0; i++) {
		pid_t pid = tree->pids[i], tid = procfs_find_thread(adopt->proc, pid);

		/* The process has ended, or nothing can be read at all: an attempt says why. */
		if (tid == 0)
			tid = pid;
		if (pid == adopt->pid)
			note_originals(adopt, tid);
		if (!find_redirect(adopt, pid) && has_something_to_move(adopt, tree, tid))
			begin_redirect(adopt, pid);
		procfs_each_child(adopt->proc, pid, add_to_tree, tree);
	}
	if (tree->overgrown || tree->fds_left == 0)
		log_info("process %d: only %d of its descendants, and %d of their descriptors, are "
			 "looked at for output to redirect",
			 (int)adopt->pid, TREE_MAX, TREE_FDS_MAX);
	free(tree);
}

static bool is_under_way(const struct adopt *adopt)
{
	for (const struct redirect *redirect = adopt->redirects; redirect;
	     redirect = redirect->next)
		if (!redirect_is_over(redirect))
			return true;
	return false;
}

/* Sets the timer for what comes next, once something has ended: another look, or the end. */
static void schedule_look(struct adopt *adopt)
{
	const struct redirect *own = find_redirect(adopt, adopt->pid);

	if (adopt->cancelled || adopt->looks == LOOKS) {
		if (!is_under_way(adopt))
			loop_timer_start(adopt->group.loop, &adopt->timer, 0);
		return;
	}
	if (!adopt->settling && own && !redirect_is_over(own))
		return;
	adopt->settling = true;
	if (!adopt->timer.running)
		loop_timer_start(adopt->group.loop, &adopt->timer,
				 looks_ms[adopt->looks] -
					 (adopt->looks ? looks_ms[adopt->looks - 1] : 0U));
}

static void on_redirect_end(void *ctx, struct redirect *redirect)
{
	struct adopt *adopt = ctx;

	/* One that failed stays on the list, so that it is not tried, and told of, again. */
	if (!redirect->failed)
		drop_redirect(adopt, redirect);
	schedule_look(adopt);
}

static void end_adoption(struct adopt *adopt)
{
	while (adopt->redirects)
		drop_redirect(adopt, adopt->redirects);
	adopt->hooks->on_end(adopt->ctx);
	free(adopt);
}

static void on_adopt_due(void *ctx)
{
	struct adopt *adopt = ctx;

	if (adopt->cancelled || adopt->looks == LOOKS) {
		if (!is_under_way(adopt))
			end_adoption(adopt);
		return;
	}
	/* (Those numbers are others' then.) */
	if (!procfs_usable(adopt->proc)) {
		adopt_cancel(adopt);
		return;
	}
	if (adopt->settling)
		adopt->looks++;
	look_at_tree(adopt);
	schedule_look(adopt);
}

struct adopt *adopt_begin(struct loop *loop, struct reaper *reaper, const struct procfs *proc,
			  pid_t pid, const struct adopt_hooks *hooks, void *ctx)
{
	struct adopt *adopt = calloc(1, sizeof *adopt);

	if (!adopt)
		return NULL;
	adopt->pid = pid;
	adopt->proc = proc;
	adopt->hooks = hooks;
	adopt->ctx = ctx;
	adopt->group = (struct redirect_group){ .loop = loop,
						.reaper = reaper,
						.proc = proc,
						.watched_pid = pid,
						.on_plan = on_redirect_plan,
						.on_pipe = on_redirect_pipe,
						.on_trouble = on_redirect_trouble,
						.on_end = on_redirect_end,
						.ctx = adopt };
	adopt->timer = (struct loop_timer){ .on_due = on_adopt_due, .ctx = adopt };
	loop_timer_start(loop, &adopt->timer, 0);
	return adopt;
}

void adopt_on_stop(struct adopt *adopt, int status)
{
	struct redirect *redirect = find_redirect(adopt, adopt->pid);

	if (redirect)
		redirect_on_stop(redirect, adopt->pid, status);
	else
		reaper_let_go(adopt->pid, status);
}

void adopt_cancel(struct adopt *adopt)
{
	adopt->cancelled = true;
	for (struct redirect *redirect = adopt->redirects; redirect; redirect = redirect->next)
		redirect_cancel(redirect);
	loop_timer_start(adopt->group.loop, &adopt->timer, 0);
}

void adopt_on_exit(struct adopt *adopt)
{
	struct redirect *redirect = find_redirect(adopt, adopt->pid);

	if (redirect)
		redirect_on_exit(redirect);
	adopt_cancel(adopt);
}
