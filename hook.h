/* SPDX-License-Identifier: ISC */
/* The programs that are run for a service at certain moments, and whose failure is a warning and
 * nothing else: its finish and prestop, and those in its control directory. */
#ifndef DINIT_HOOK_H
#define DINIT_HOOK_H

#include "program.h"

#include <stdbool.h>

/* Starts an idle program as spec says, but unwaited, and with its own stage for both of its
 * streams. Returns whether it was started; if not, a warning has said why. */
bool hook_start(struct program *program, const struct program_spec *spec);

/* Says how such a program ended. end and failure are what its on_end got (program.h). */
void hook_say_end(const struct reaper_end *end, const char *failure);

#endif
