/* SPDX-License-Identifier: ISC */
/* The names of signals, as kill(1) has them. */
#ifndef DINIT_SIGNAME_H
#define DINIT_SIGNAME_H

#include <stddef.h>

/* What signame_parse takes, for messages. */
#define SIGNAME_TAKES "the name of a signal (QUIT, SIGQUIT, RTMIN+3) or its number (1 to 64)"

/* Room for a name, and for a description, with the terminating NUL. */
#define SIGNAME_SIZE 24
#define SIGNAME_TEXT_SIZE 64

/* Writes the name of a signal, "TERM" or "RTMIN+3", or "signal 32" where it has none that is the
 * same everywhere. */
void signame_show(int signal, char name[SIGNAME_SIZE]);

/* Writes the number of a signal, and what it means or, of a real-time signal, its name: "signal 15
 * (Terminated)", "signal 37 (RTMIN+3)". */
void signame_describe(int signal, char text[SIGNAME_TEXT_SIZE]);

/* Returns the signal that the text (len bytes, all of them) names: its name, with or without SIG,
 * in upper or lower case; RTMIN, RTMIN+3, RTMAX-2; or its number. Returns 0 where it is none of
 * these. */
int signame_parse(const char *text, size_t len);

#endif
