/* SPDX-License-Identifier: ISC */
/* Why a program could not be executed, or will not be, in words: execve(2) says ENOENT or ENOEXEC,
 * and the reason stands in the file's first bytes. Looks only; never runs anything. */
#ifndef DINIT_EXECFAIL_H
#define DINIT_EXECFAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Writes to text (size bytes with the terminating NUL, cut where it does not fit) why executing
 * path failed with the errno error, and in brackets what to do about it where that is known: a
 * missing interpreter, no "#!" line, a carriage return after the interpreter, another
 * architecture's program, a missing dynamic loader, a noexec mount; else strerror(error). The
 * text holds no colon that is not in a path. */
void execfail_explain(const char *path, int error, char *text, size_t size);

/* Tells whether executing path (which has a slash) is certain to fail, by a look at the file and at
 * every other that the kernel would load for it: an interpreter, a dynamic loader. Returns true and
 * writes to text (size bytes with the terminating NUL) why, as above; returns false where nothing
 * is found. A program for another family of machines counts as a failure, although an emulator may
 * be registered for it (binfmt_misc); so does a carriage return behind the interpreter's argument,
 * except of perl and env -S, which overlook it. A relative interpreter is sought where the program
 * is started: in its directory, or for one in control/ in the one above. */
bool execfail_foresee(const char *path, char *text, size_t size);

/* Tells in the same way whether path is a script that has env look for a program which no directory
 * of the environment's PATH has (a script before dinit may set another); or whether this user may
 * not read it, which its interpreter has to where it is a script. */
bool execfail_doubt(const char *path, char *text, size_t size);

#endif
