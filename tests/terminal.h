/* SPDX-License-Identifier: ISC */
/* A real terminal for scenario tests: dinit is started on it as a container engine does it for
 * `docker run -it`, and the test is who sits in front of it. What is shown is RUN_STDOUT of the
 * run, so that what harness.h offers for that stream holds here, too: run_expect_line (a line ends
 * with \r), run_expect_exit (which also waits until nobody has the terminal open). */
#ifndef TESTS_TERMINAL_H
#define TESTS_TERMINAL_H

#include "harness.h"

struct terminal {
	struct run *run;
	/* So much of what was shown has been waited for. */
	size_t seen;
};

/* Starts dinit with these arguments and these variables on a new terminal of 24 lines and 80
 * columns, in the modes that the kernel gives it: dinit leads a session that the terminal controls,
 * and has it as stdin, stdout and stderr. */
#define terminal_start(scene, environment, arguments) \
	terminal_start_at(scene, environment, arguments, SCENE_HERE)
struct terminal terminal_start_at(struct scene *scene, const char *const *environment,
				  const char *const *arguments, const char *where);

/* What makes descriptor 1 such a terminal (RUN_FD_TTY), for run_spec.prepare: the modes alone; with
 * stdin as well; and with control. Others than terminal_control leave dinit in a session that no
 * terminal controls. */
void terminal_set_modes(void *ctx);
void terminal_add_stdin(void *ctx);
void terminal_control(void *ctx);

/* Writes what the keys send; that of the return key is "\r". */
#define CTRL_C "\003"
#define CTRL_D "\004"
#define CTRL_Z "\032"
void terminal_type(const struct terminal *terminal, const char *keys);

/* Waits until what is shown behind that which was waited for before matches the extended regular
 * expression, in which "." is any character and "$" the end of it all. Returns the match. Fails
 * the test when the terminal is closed, or after 20 s (times the factor). */
#define terminal_wait(terminal, regex) terminal_wait_at(terminal, regex, SCENE_HERE)
const char *terminal_wait_at(struct terminal *terminal, const char *regex, const char *where);

/* Fails unless all that was shown so far is this text, byte for byte. */
#define terminal_expect(terminal, text) terminal_expect_at(terminal, text, SCENE_HERE)
void terminal_expect_at(const struct terminal *terminal, const char *text, const char *where);

void terminal_resize(const struct terminal *terminal, unsigned short lines, unsigned short columns);

/* Hangs up: the connection is lost, nobody will ever read or type again. */
void terminal_hang_up(const struct terminal *terminal);

/* The process group in the foreground, by the PIDs of the test. */
pid_t terminal_front(const struct terminal *terminal);

/* Waits until that group is in the foreground; until any is but that of dinit; until the leader of
 * the one that is has stopped. */
#define terminal_wait_front(terminal, group) terminal_wait_front_at(terminal, group, SCENE_HERE)
#define terminal_wait_taken(terminal) terminal_wait_taken_at(terminal, SCENE_HERE)
#define terminal_wait_stopped(terminal) terminal_wait_stopped_at(terminal, SCENE_HERE)
void terminal_wait_front_at(const struct terminal *terminal, pid_t group, const char *where);
void terminal_wait_taken_at(const struct terminal *terminal, const char *where);
void terminal_wait_stopped_at(const struct terminal *terminal, const char *where);

/* Returns whether the terminal is in the modes in which it was at the start. */
bool terminal_has_usual_modes(const struct terminal *terminal);

#endif
