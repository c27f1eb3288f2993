/* SPDX-License-Identifier: ISC */
/* Owns the order in which dinit gets ready, and the words for what prevents it; not the work.
 * Invariant: nothing is started here, so a failure may end dinit (with status 1). */
#include "base.h"

#include "log.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int base_fail(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return -1;
}

static void on_finding(void *ctx, enum svdir_finding finding, const char *text)
{
	(void)ctx;
	switch (finding) {
	case SVDIR_PROBLEM: log_error("%s", text); break;
	case SVDIR_WARNING: log_warn("%s", text); break;
	}
}

/* Prepares the process itself. Returns 0 and the signals to be read, or -1 (reported). */
static int prepare_process(struct base *base, sigset_t *signals)
{
	if (process_fill_standard_fds(base->closed) < 0)
		return base_fail("/dev/null cannot be opened in place of a closed descriptor");
	if (process_block_signals(signals) < 0)
		return base_fail("signals cannot be blocked");
	process_reset_dispositions();
	return 0;
}

/* Returns whether our parent was started with the same arguments: the command is a script whose #!
 * line leads to dinit, as "#!/usr/bin/env dinit" does, which would start it again and again. */
static bool is_repetition(const struct procfs *proc)
{
	struct procfs_command own, parent;

	if (!procfs_usable(proc))
		return false;
	procfs_read_command(proc, getpid(), &own);
	procfs_read_command(proc, getppid(), &parent);
	if (strcmp(own.line, parent.line) != 0)
		return false;
	log_error("the #! line of the command leads to dinit, which would start it again and "
		  "again: %s",
		  own.line);
	return true;
}

static bool is_absent(const char *path)
{
	struct stat status;

	return lstat(path, &status) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static bool is_to_be_started(const struct base *base, const struct svdir_entry *entry)
{
	return !entry->command && !entry->down && !svdir_is_skipped(entry, base->config.skip);
}

static bool has_service(const struct base *base)
{
	for (size_t i = 0; i < base->svdir.len; i++)
		if (is_to_be_started(base, &base->svdir.entries[i]))
			return true;
	return false;
}

bool base_would_start(const struct base *base, const char *name)
{
	for (size_t i = 0; i < base->svdir.len; i++)
		if (strcmp(base->svdir.entries[i].name, name) == 0)
			return is_to_be_started(base, &base->svdir.entries[i]);
	return false;
}

/* Warns where somebody has named a directory that is not there: that may be a mistake, and the
 * command runs without the services. */
static void warn_of_absence(const char *dir)
{
	const char *named = getenv("DINIT_DIR");

	if (named && *named)
		log_warn("DINIT_DIR: %s does not exist: the command runs without services", dir);
}

/* Finds what is to be run: the services of the directory, and the command, with which there need
 * not be such a directory. Returns 0, or -1 (reported). */
static int find_services(struct base *base, char *const *command)
{
	if (command && is_repetition(&base->proc))
		return -1;
	if (command && is_absent(base->config.dir))
		warn_of_absence(base->config.dir);
	else if (svdir_scan(&base->svdir, base->config.dir, SVDIR_FILES, on_finding, NULL) > 0)
		return -1;
	if (!command)
		return 0;
	if (svdir_add_command(&base->svdir, command[0], &base->command) < 0)
		return base_fail("cannot set up the command");
	return 0;
}

static int open_programs(struct base *base, char *const *environment, struct oom *oom)
{
	const struct program_means means = {
		.reaper = &base->reaper,
		.mux = &base->mux,
		.signaller = &base->signaller,
		.oom = oom,
		.null_fd = base->null_fd,
		.nofile = base->nofile,
		.environment = environment,
	};

	return programs_open(&base->programs, &means);
}

static int open_outputs(struct base *base)
{
	ownfds_copy(&base->ownfds, base->closed);
	if (outputs_open(&base->outputs, &base->loop, &base->config, base->ownfds.output_fds) < 0)
		goto close_fds;
	if (logmux_open(&base->mux, &base->loop, &base->outputs, &base->config) == 0)
		return 0;
	outputs_close(&base->outputs);
close_fds:
	ownfds_close(&base->ownfds);
	return base_fail("cannot set up the output");
}

static void close_outputs(struct base *base)
{
	log_set_writer(NULL, NULL);
	logmux_close(&base->mux);
	outputs_close(&base->outputs);
	ownfds_close(&base->ownfds);
}

static int open_all(struct base *base, const sigset_t *signals,
		    const struct base_callbacks *callbacks)
{
	process_raise_nofile(&base->nofile);
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return base_fail("cannot become a subreaper (PR_SET_CHILD_SUBREAPER)");
	base->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (base->null_fd < 0)
		return base_fail("/dev/null, the services' stdin, cannot be opened");
	if (loop_open(&base->loop, signals, callbacks->on_signal, callbacks->signal_ctx) < 0) {
		base_fail("cannot set up the event loop");
		goto close_null;
	}
	if (open_outputs(base) < 0)
		goto close_loop;
	reaper_init(&base->reaper, callbacks->on_orphan, callbacks->orphan_ctx);
	base->signaller = (struct signaller){ .reaper = &base->reaper, .proc = &base->proc };
	return 0;

close_loop:
	loop_close(&base->loop);
close_null:
	close(base->null_fd);
	return -1;
}

static void close_all(struct base *base)
{
	close_outputs(base);
	loop_close(&base->loop);
	close(base->null_fd);
}

int base_open(struct base *base, char *const *command, char *const *environment, struct oom *oom,
	      const struct base_callbacks *callbacks)
{
	sigset_t signals;

	base->proc.root = "/proc";
	if (prepare_process(base, &signals) < 0 ||
	    process_read_environment(&base->config, environment) < 0)
		return -1;
	if (find_services(base, command) < 0 || open_all(base, &signals, callbacks) < 0)
		goto free_svdir;
	if (command)
		command_init(&base->command, command, base->config.command_output,
			     !has_service(base), base->ownfds.output_fds);
	if (open_programs(base, environment, oom) == 0)
		return 0;
	base_fail("cannot set up the services");
	close_all(base);
free_svdir:
	svdir_free(&base->svdir);
	return -1;
}

void base_close(struct base *base)
{
	programs_close(&base->programs);
	command_close(&base->command);
	close_all(base);
	svdir_free(&base->svdir);
}

/* ---- what is said at the start ---- */

void base_say_start(const struct base *base, size_t len)
{
	const struct config *config = &base->config;
	size_t commands = base->command.argv != NULL;

	log_info("dinit " DINIT_VERSION " runs %s%zu of %zu services in %s, as PID %d",
		 commands ? "a command, and " : "", len - commands, base->svdir.len - commands,
		 config->dir, getpid());
	log_debug("stdout mode %s, stderr mode %s, reparenting policy %s, kill timeout %llu ms, "
		  "stop timeout %llu ms, stop delay %llu ms, grace period %llu ms, "
		  "longest line %zu bytes",
		  config_stdout_word(config->stdout_mode), config_stderr_word(config->stderr_mode),
		  config_reparenting_word(config->reparenting),
		  (unsigned long long)config->kill_timeout_ms,
		  (unsigned long long)config->stop_timeout_ms,
		  (unsigned long long)config->stop_delay_ms,
		  (unsigned long long)config->grace_period_ms, config->max_line);
}

void base_warn_of_idleness(const struct base *base)
{
	size_t found = base->svdir.len;

	if (found == 0)
		log_warn("%s: there is no service to run", base->config.dir);
	else if (found == 1)
		log_warn("%s: the only service is down or skipped", base->config.dir);
	else
		log_warn("%s: all %zu services are down or skipped", base->config.dir, found);
}
