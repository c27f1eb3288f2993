/* SPDX-License-Identifier: ISC */
/* The names of signals, as kill(1) has them. */
#ifndef DINIT_SIGNAME_H
#define DINIT_SIGNAME_H

#include <stddef.h>

/* What signame_parse takes, for messages. */
#define SIGNAME_TAKES "the name of a signal (QUIT, SIGQUIT, RTMIN+3) or its number (1 to 64)"

/* Returns the name of a signal, "TERM", or NULL where it has none that is the same everywhere. */
const char *signame_find(int signal);

/* Returns the signal that the text (len bytes, all of them) names: its name, with or without SIG,
 * in upper or lower case; RTMIN, RTMIN+3, RTMAX-2; or its number. Returns 0 where it is none of
 * these. */
int signame_parse(const char *text, size_t len);

#endif
