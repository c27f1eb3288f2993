/* SPDX-License-Identifier: ISC */
/* The files of a service directory that hold one value, in one line: down-signal and
 * notification-fd. */
#ifndef DINIT_SVVALUE_H
#define DINIT_SVVALUE_H

enum svvalue_kind {
	/* The name or the number of a signal. */
	SVVALUE_SIGNAL,
	/* The number of a descriptor above stderr. */
	SVVALUE_DESCRIPTOR,
};

/* Room for what is wrong with a file. */
#define SVVALUE_PROBLEM_SIZE 256

/* Reads the value that stands in a file, alone; white space around it does not count. Returns it
 * (more than 0), or 0 where there is none; then problem says why, to be read behind the path. */
int svvalue_read(enum svvalue_kind kind, const char *path, char problem[SVVALUE_PROBLEM_SIZE]);

/* Returns what a file of that kind takes, for messages. */
const char *svvalue_takes(enum svvalue_kind kind);

#endif
