/* SPDX-License-Identifier: ISC */
/* Owns the arguments, what they are called and what is printed for them; starts no service.
 * Invariant: nothing here runs in a dinit that supervises services. */
#include "client/cli.h"
#include "client/metrics.h"
#include "client/status.h"

#include "config.h"
#include "log.h"
#include "process.h"
#include "svdir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void on_finding(void *ctx, enum svdir_finding finding, const char *text)
{
	(void)ctx;
	switch (finding) {
	case SVDIR_PROBLEM: log_always(CONFIG_LOG_ERROR, "%s", text); break;
	case SVDIR_WARNING: log_warn("%s", text); break;
	}
}

/* Reports every problem of dir (NULL: of DINIT_DIR), and warns of what is doubtful. Returns the
 * exit status, which follows from the problems alone. */
static int check(const char *dir, char *const *environment)
{
	struct config config;
	struct svdir svdir;
	bool good = process_read_environment(&config, environment) == 0;
	const char *checked = dir ? dir : config.dir;

	if (svdir_scan(&svdir, checked, SVDIR_CONTENTS, on_finding, NULL) > 0)
		good = false;
	if (good) {
		svdir_warn_of_skip(&svdir, config.skip);
		if (svdir.len == 0)
			log_warn("%s: there is no service in it", checked);
		printf("%s: %zu service%s, no problem found\n", checked, svdir.len,
		       svdir.len == 1 ? "" : "s");
	}
	svdir_free(&svdir);
	return good ? PROCESS_STATUS_STOPPED : PROCESS_STATUS_UNABLE;
}

static void print_variable(void *ctx, const char *name, const char *by_default, const char *meaning)
{
	FILE *to = ctx;

	fprintf(to, "  %-25s %s", name, meaning);
	if (*by_default)
		fprintf(to, " (%s)", by_default);
	fputc('\n', to);
}

static void print_usage(FILE *to)
{
	fputs("usage: dinit                 run the services of DINIT_DIR\n"
	      "       dinit --check [DIR]   report every problem of DIR (or DINIT_DIR), start "
	      "nothing\n"
	      "       dinit --version\n"
	      "       dinit --help\n"
	      "\n"
	      "dinit runs /etc/service/NAME/run for every NAME, labels and passes on what they "
	      "print,\n"
	      "looks after orphaned processes, and stops them all, in order, when any service "
	      "ends.\n"
	      "\n"
	      "environment (default):\n",
	      to);
	config_describe(print_variable, to);
	fputs("\n"
	      "exit status: 0 stopped by a signal or by a service that exited 0; 3 a service "
	      "failed;\n"
	      "1 dinit could not do its work. See dinit(8).\n",
	      to);
}

/* Writes out what was printed. Returns the given status, or that of a failure where it could not be
 * written. */
static int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_always(CONFIG_LOG_ERROR, "stdout cannot be written to: %s", strerror(errno));
	return PROCESS_STATUS_UNABLE;
}

static int refuse_arguments(char *const *arguments)
{
	fputs("dinit: unexpected arguments:", stderr);
	for (; *arguments; arguments++)
		fprintf(stderr, " %s", *arguments);
	fputs("\n\n", stderr);
	print_usage(stderr);
	return PROCESS_STATUS_UNABLE;
}

int cli_run(char *const *arguments, char *const *environment)
{
	const char *operand = arguments[1];

	if (strcmp(arguments[0], "--help") == 0 && !operand) {
		print_usage(stdout);
		return finish_output(PROCESS_STATUS_STOPPED);
	}
	if (strcmp(arguments[0], "--version") == 0 && !operand) {
		puts("dinit " DINIT_VERSION);
		return finish_output(PROCESS_STATUS_STOPPED);
	}
	if (strcmp(arguments[0], "--check") == 0 &&
	    (!operand || (operand[0] != '-' && !arguments[2])))
		return finish_output(check(operand, environment));
	if (strcmp(arguments[0], "--status") == 0)
		return finish_output(status_run(arguments + 1, 0));
	if (strcmp(arguments[0], "--metrics") == 0)
		return finish_output(metrics_run(arguments + 1, 0));
	return refuse_arguments(arguments);
}
