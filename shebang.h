/* SPDX-License-Identifier: ISC */
/* The #! line of a script, as the kernel reads it (execve(2), "Interpreter scripts"). Pure
 * functions: no I/O, no allocation, no state. */
#ifndef DINIT_SHEBANG_H
#define DINIT_SHEBANG_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel reads so much to tell the kind of a file (BINPRM_BUF_SIZE), and of a #! line no
 * more. */
#define SHEBANG_SIZE 256

struct shebang {
	/* What stands between "#!" and the next blank. "": nothing, or it goes on beyond what the
	 * kernel reads. */
	char interpreter[SHEBANG_SIZE];
	/* What stands behind it, without the blanks around it: one argument, whatever is in it. "":
	 * nothing, or the same. */
	char argument[SHEBANG_SIZE];
};

/* Reads the line that head begins with, which has "#!" there and is filled up with 0. */
void shebang_read(const char head[SHEBANG_SIZE], struct shebang *shebang);

/* Returns whether the interpreter takes a carriage return behind its argument for white space: perl
 * does, and env with -S (any option is taken for that one). */
bool shebang_overlooks_return(const struct shebang *shebang);

/* Copies to program the name of what env is to look for in PATH, alone or by -S. Returns false
 * where the interpreter is not env, or what it will do cannot be told from the line: it has other
 * options, an assignment, a path, or what -S takes for more than a word. */
bool shebang_find_program(const struct shebang *shebang, char program[SHEBANG_SIZE]);

#endif
