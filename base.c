/* SPDX-License-Identifier: ISC */
/* Owns the order in which dinit gets ready, and the words for what prevents it; not the work.
 * Invariant: nothing is started here, so a failure may end dinit (with status 1). */
#include "base.h"

#include "log.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int base_fail(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return -1;
}

/* Gets problems only: warnings come of looking into the programs (SVDIR_CONTENTS). */
static void on_scan_problem(void *ctx, enum svdir_finding finding, const char *text)
{
	(void)ctx;
	(void)finding;
	log_error("%s", text);
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

int base_open(struct base *base, char *const *environment, struct oom *oom,
	      const struct base_callbacks *callbacks)
{
	sigset_t signals;

	base->proc.root = "/proc";
	if (prepare_process(base, &signals) < 0 ||
	    process_read_environment(&base->config, environment) < 0)
		return -1;
	if (svdir_scan(&base->svdir, base->config.dir, SVDIR_FILES, on_scan_problem, NULL) > 0 ||
	    open_all(base, &signals, callbacks) < 0)
		goto free_svdir;
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
	close_all(base);
	svdir_free(&base->svdir);
}
