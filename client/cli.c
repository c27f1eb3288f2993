/* SPDX-License-Identifier: ISC */
/* Owns the arguments, what they are called and what is printed for them; starts no service.
 * Invariant: nothing here runs in a dinit that supervises services. */
#include "client/cli.h"

#include "client/http.h"
#include "client/metrics.h"
#include "client/probe.h"
#include "client/signal.h"
#include "client/status.h"
#include "client/sv.h"
#include "client/wait.h"
#include "client/watch.h"
#include "config.h"
#include "log.h"
#include "printable.h"
#include "process.h"
#include "procfs.h"
#include "svdir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static void on_finding(void *ctx, enum svdir_finding finding, const char *text)
{
	(void)ctx;
	switch (finding) {
	case SVDIR_PROBLEM: log_always(CONFIG_LOG_ERROR, "%s", text); break;
	case SVDIR_WARNING: log_warn("%s", text); break;
	}
}

/* Reports every problem of dir (NULL: of DINIT_DIR), and warns of what is doubtful. Returns the
 * exit status, which follows from the problems, and from whether the warnings could be written. */
static int check(const char *dir)
{
	struct config config;
	struct svdir svdir;
	bool good = process_read_environment(&config, environ) == 0;
	const char *checked = dir ? dir : config.dir;
	char shown[PATH_MAX];

	printable_copy_path(shown, sizeof shown, checked);
	if (svdir_scan(&svdir, checked, SVDIR_CONTENTS, on_finding, NULL) > 0)
		good = false;
	if (good) {
		svdir_warn_of_skip(&svdir, config.skip);
		if (svdir.len == 0)
			log_warn("%s: there is no service in it", shown);
		printf("%s: %zu service%s, no error found\n", shown, svdir.len,
		       svdir.len == 1 ? "" : "s");
	}
	svdir_free(&svdir);
	return good && !log_is_lost() ? PROCESS_STATUS_STOPPED : PROCESS_STATUS_UNABLE;
}

/* ---- the options ---- */

enum action {
	ACTION_CHECK,
	ACTION_STATUS,
	ACTION_WAIT,
	ACTION_WATCH,
	ACTION_SIGNAL,
	ACTION_METRICS,
	ACTION_PROBE,
	ACTION_HTTP,
	ACTION_VERSION,
	ACTION_HELP,
};

/* What the first argument can be. */
struct option {
	char name[12];
	/* What may follow it, and what it does: for people. */
	char operands[48], meaning[76];
	/* --pid N may follow it. */
	bool takes_pid;
	enum action action : 8;
};

static const struct option options[] = {
	{ "--check", "[DIR]", "report every problem of DIR (or DINIT_DIR), start nothing", false,
	  ACTION_CHECK },
	{ "--status", "[--json] [NAME...]", "show what runs; 0 if all is ready", true,
	  ACTION_STATUS },
	{ "--wait", "[-d] [-t SECONDS] [NAME...] [-- COMMAND...]",
	  "wait until services are ready (-d: have ended), then run COMMAND", true, ACTION_WAIT },
	{ "--watch", "", "show every change as a line of JSON", true, ACTION_WATCH },
	{ "--signal", "NAME SIGNAL", "send a signal to a service's run", true, ACTION_SIGNAL },
	{ "--metrics", "", "show numbers for Prometheus", true, ACTION_METRICS },
	{ "--probe", "[-t SECONDS] TARGET",
	  "test tcp://HOST:PORT, unix:///PATH, http://HOST/PATH or file:///PATH", false,
	  ACTION_PROBE },
	{ "--http", "[ADDRESS:]PORT",
	  "answer probes and show what runs over HTTP; ADDRESS: IPv4, [IPv6]", true, ACTION_HTTP },
	{ "--version", "", "", false, ACTION_VERSION },
	{ "--help", "", "", false, ACTION_HELP },
};

#define OPTIONS (sizeof options / sizeof *options)

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

/* ---- what is printed for them ---- */

static void print_variable(void *ctx, const char *name, const char *by_default, const char *meaning)
{
	FILE *to = ctx;

	fprintf(to, "  %-25s %s", name, meaning);
	if (*by_default)
		fprintf(to, " (%s)", by_default);
	fputc('\n', to);
}

/* How wide the column is of what can be written behind "dinit". */
#define SYNOPSIS_WIDTH 21

/* Prints how the option is written, and what it does: on a line of its own where the first is long.
 */
static void print_option(FILE *to, const struct option *option)
{
	int width = fprintf(to, "       dinit %s%s%s", option->name, *option->operands ? " " : "",
			    option->operands) -
		    (int)strlen("       dinit ");

	if (*option->meaning && width > SYNOPSIS_WIDTH) {
		fputs("\n             ", to);
		width = 0;
	}
	if (*option->meaning)
		fprintf(to, "%*s %s", SYNOPSIS_WIDTH - width, "", option->meaning);
	fputc('\n', to);
}

static void print_usage(FILE *to)
{
	fprintf(to, "usage: dinit %-*s run the services of DINIT_DIR, and COMMAND\n",
		SYNOPSIS_WIDTH, "[--] [COMMAND...]");
	for (size_t i = 0; i < OPTIONS; i++)
		print_option(to, &options[i]);
	fputs("\n"
	      "dinit runs /etc/service/NAME/run for every NAME, labels and passes on what they "
	      "print,\n"
	      "looks after orphaned processes, and stops them all, in order, when any service "
	      "ends.\n"
	      "What looks at a running dinit takes --pid N, where there is more than one. Called "
	      "by "
	      "the\n"
	      "name sv, it does what runit's sv does.\n"
	      "\n"
	      "environment (default):\n",
	      to);
	config_describe(print_variable, to);
	fputs("\n"
	      "exit status: 0 stopped by a signal or by a service that exited 0; 3 a service "
	      "failed;\n"
	      "1 dinit could not do its work. Where COMMAND ended: its own. See dinit(8).\n",
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

static void end_with_arguments(char *const *arguments)
{
	for (; *arguments; arguments++)
		fprintf(stderr, " %s", *arguments);
	fputs("\n", stderr);
}

/* The last line says what is wrong: where a service has run this, it is cited as the cause of the
 * end. */
static int refuse_arguments(char *const *arguments)
{
	if (arguments[0][0] != '-') {
		fprintf(stderr, "dinit: the #! line of %s needs an option behind dinit\n",
			arguments[0]);
		return PROCESS_STATUS_UNABLE;
	}
	print_usage(stderr);
	if (strcmp(arguments[0], "--") == 0 && !arguments[1]) {
		fputs("\ndinit: no command follows --\n", stderr);
	} else {
		fputs("\ndinit: unexpected arguments:", stderr);
		end_with_arguments(arguments);
	}
	return PROCESS_STATUS_UNABLE;
}

/* Says what the option takes, and in the last line also what it was given: one that is missing is
 * seen there as well as one that is wrong. */
static int refuse_operands(const struct option *option, char *const *arguments)
{
	fputs("usage:\n", stderr);
	print_option(stderr, option);
	fprintf(stderr, "dinit: %s takes %s, but was given%s", option->name,
		*option->operands ? option->operands : "nothing", *arguments ? ":" : " nothing");
	end_with_arguments(arguments);
	return PROCESS_STATUS_UNABLE;
}

/* ---- doing what they say ---- */

/* No exit status. */
#define USAGE (-1)

static int run_check(char *const *arguments)
{
	if (arguments[0] && (arguments[0][0] == '-' || arguments[1]))
		return USAGE;
	return check(arguments[0]);
}

static int run_version(char *const *arguments)
{
	if (arguments[0])
		return USAGE;
	fputs("dinit " DINIT_VERSION "\n", stdout);
	return PROCESS_STATUS_STOPPED;
}

static int run_help(char *const *arguments)
{
	if (arguments[0])
		return USAGE;
	print_usage(stdout);
	return PROCESS_STATUS_STOPPED;
}

/* Does it, with the arguments behind the option, for the dinit with that PID (0: any). Returns the
 * exit status, or USAGE where the arguments are not what the option takes. */
static int act(enum action action, char *const *arguments, pid_t pid)
{
	switch (action) {
	case ACTION_CHECK: return run_check(arguments);
	case ACTION_STATUS: return status_run(arguments, pid);
	case ACTION_WAIT: return wait_run(arguments, pid);
	case ACTION_WATCH: return watch_run(arguments, pid);
	case ACTION_SIGNAL: return signal_run(arguments, pid);
	case ACTION_METRICS: return metrics_run(arguments, pid);
	case ACTION_PROBE: return probe_run(arguments);
	case ACTION_HTTP: return http_run(arguments, pid);
	case ACTION_VERSION: return run_version(arguments);
	case ACTION_HELP: return run_help(arguments);
	}
	return USAGE;
}

/* ---- taking the arguments apart ---- */

/* Takes "--pid N" out of the arguments, up to a "--". Returns 0 with *pid, 0 where it is not among
 * them, or -1 where N is no PID. */
static int take_pid(char **arguments, pid_t *pid)
{
	*pid = 0;
	while (*arguments && strcmp(*arguments, "--pid") != 0 && strcmp(*arguments, "--") != 0)
		arguments++;
	if (!*arguments || strcmp(*arguments, "--pid") != 0)
		return 0;
	if (!arguments[1])
		return -1;
	*pid = procfs_parse_number(arguments[1]);
	if (*pid <= 0)
		return -1;
	do
		arguments[0] = arguments[2];
	while (*arguments++);
	return 0;
}

#define BLANKS " \t"

/* Returns whether the kernel has made argv of a line "#!/sbin/dinit --probe TARGET" (execve(2)):
 * all that follows the interpreter is one argument, and the path of the script comes next. */
static bool is_from_script(char *const *argv)
{
	return strncmp(argv[1], "--", 2) == 0 && strpbrk(argv[1], BLANKS) && argv[2];
}

/* Returns the arguments as the line of the script means them: the first taken apart at blanks,
 * without the path of the script. To be freed; NULL where there is no memory. */
static char **take_script_apart(char **argv)
{
	size_t len = 0, room = strlen(argv[1]);
	char *words = argv[1] + strcspn(argv[1], BLANKS);
	char **apart;

	while (argv[len])
		len++;
	apart = calloc(len + room, sizeof *apart);
	if (!apart)
		return NULL;
	*words++ = '\0';
	len = 0;
	apart[len++] = argv[1];
	for (char *word; (word = strsep(&words, BLANKS)) != NULL;)
		if (*word)
			apart[len++] = word;
	for (argv += 3; *argv; argv++)
		apart[len++] = *argv;
	return apart;
}

/* Does what the arguments (those after argv[0]) say. */
static int run_option(char **arguments)
{
	const struct option *option = find_option(arguments[0]);
	pid_t pid = 0;
	int status;

	if (strcmp(arguments[0], "--pid") == 0 ||
	    (option && option->takes_pid && take_pid(arguments, &pid) < 0)) {
		fputs("dinit: --pid takes the PID of a running dinit, and comes behind the option: "
		      "dinit --status --pid 1\n",
		      stderr);
		return PROCESS_STATUS_UNABLE;
	}
	if (!option)
		return refuse_arguments(arguments);
	status = act(option->action, arguments + 1, pid);
	return status == USAGE ? refuse_operands(option, arguments + 1) : status;
}

static int run_script(char **argv)
{
	char **apart = take_script_apart(argv);
	int status;

	if (!apart) {
		fputs("dinit: there is no memory\n", stderr);
		return PROCESS_STATUS_UNABLE;
	}
	status = run_option(apart);
	free(apart);
	return status;
}

static bool is_called_sv(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash ? slash + 1 : name, "sv") == 0;
}

/* Returns whether the file is a script, as far as can be seen: one that only root may read is taken
 * for one. */
static bool is_script(const char *path)
{
	char begun[2] = "#!";
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : pread(fd, begun, sizeof begun, 0);

	if (fd >= 0)
		close(fd);
	return len <= 0 || memcmp(begun, "#!", sizeof begun) == 0;
}

/* Returns whether the kernel has started us for a script with a line "#!/sbin/dinit" and no option
 * (execve(2)): the command would be that script, which would start us again, and so on. AT_EXECFN
 * is what was to be executed (getauxval(3)), and that is the script then. (It is also dinit's own
 * path, where that is the command and we were called by our name alone: "dinit /sbin/dinit".) */
static bool is_own_script(const char *name, const char *command)
{
	const char *executed = (const char *)getauxval(AT_EXECFN);

	return executed && strcmp(executed, command) == 0 && strcmp(name, command) != 0 &&
	       is_script(command);
}

bool cli_is_asked(char *const *argv, char *const **command)
{
	bool dashes = argv[1] && strcmp(argv[1], "--") == 0;

	*command = NULL;
	if (is_called_sv(argv[0]) || (argv[1] && argv[1][0] == '-' && !(dashes && argv[2])))
		return true;
	if (!argv[1])
		return false;
	if (is_own_script(argv[0], argv[1 + dashes]))
		return true;
	*command = argv + 1 + dashes;
	return false;
}

int cli_run(char **argv)
{
	if (is_called_sv(argv[0]))
		return finish_output(sv_run(argv));
	if (is_from_script(argv))
		return finish_output(run_script(argv));
	return finish_output(run_option(argv + 1));
}
