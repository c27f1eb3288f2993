/* SPDX-License-Identifier: ISC */
/* Owns the reading of what the kernel's program loaders read: a #! line, an ELF header. Does not
 * own the attempt: it has failed, and is only explained. The kernel's errno is about one of
 * several files (a script, its interpreter, that one's dynamic loader), so these are followed
 * one after another until one is found that fits. Invariant: nothing in a file is believed, for
 * it is data that anybody wrote: every offset goes to pread(2), which checks it, every loop has
 * a bound, and nothing but a regular file is read, so that it cannot block. */
#include "execfail.h"

#include "printable.h"
#include "shebang.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define HEAD_SIZE SHEBANG_SIZE
/* The kernel gives up after five scripts that are each the interpreter of the one before. */
#define FILES_MAX 6
/* The kernel takes about so many program headers (64 kB of them). */
#define SEGMENTS_MAX 1024
/* Room for as much of a path as is shown. */
#define SHOWN_SIZE 164
/* Room for such a name, and what is wrong with it. */
#define PROBLEM_SIZE (SHOWN_SIZE + 128)

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum role {
	ROLE_PROGRAM,
	ROLE_INTERPRETER,
	ROLE_LOADER,
};

/* One of the files that the kernel has to open to execute the first of them. */
struct file {
	/* The first of them. */
	const char *program;
	const char *path;
	enum role role;
	/* The errno of stat(2). 0: status is filled. */
	int error;
	struct stat status;
	/* head_len bytes, filled up with 0, as the kernel has it. */
	unsigned char head[HEAD_SIZE];
	/* 0 where it cannot be read. */
	size_t head_len;
	/* The file that it needs. "": none. */
	char next[HEAD_SIZE];
	enum role next_role;
	struct shebang shebang;
	/* Where what is wrong with it is explained. */
	char *text;
	size_t size;
};

static const struct machine {
	unsigned number;
	char name[8];
	/* What uname(2) says begins with this on a machine where such a program runs. */
	char uname[8];
	/* What uname(2) says on a 64-bit kernel of the family, where it mostly runs as well. */
	char wider[8];
} machines[] = {
	{ EM_X86_64, "x86_64", "x86_64", "x86_64" },
	{ EM_AARCH64, "aarch64", "aarch64", "aarch64" },
	{ EM_386, "i386", "i", "x86_64" },
	{ EM_ARM, "arm", "arm", "aarch64" },
	{ EM_RISCV, "riscv", "riscv", "riscv64" },
	{ EM_PPC64, "ppc64", "ppc64", "ppc64" },
	{ EM_S390, "s390", "s390", "s390x" },
	{ EM_MIPS, "mips", "mips", "mips64" },
};

/* The machine that dinit itself was built for, as an ELF header has it. */
#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#elif defined(__arm__)
#define OWN_MACHINE EM_ARM
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OWN_MACHINE EM_PPC64
#elif defined(__s390__)
#define OWN_MACHINE EM_S390
#else
#define OWN_MACHINE EM_NONE
#endif

/* ---- reading ---- */

/* Reads a number of size bytes in the byte order of the file. */
static uint64_t get_number(const struct file *file, const unsigned char *bytes, size_t size)
{
	bool big = file->head[EI_DATA] == ELFDATA2MSB;
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | bytes[big ? i : size - 1 - i];
	return number;
}

static bool is_elf(const struct file *file)
{
	return memcmp(file->head, ELFMAG, SELFMAG) == 0;
}

static bool is_64_bit(const struct file *file)
{
	return file->head[EI_CLASS] == ELFCLASS64;
}

static bool is_script(const struct file *file)
{
	return file->head[0] == '#' && file->head[1] == '!';
}

/* Reads at an offset; one too large for off_t becomes negative, which pread(2) refuses. */
static bool read_at(int fd, uint64_t offset, void *bytes, size_t size)
{
	return pread(fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

/* Fills next with what the PT_INTERP segment of an ELF file holds. */
static void find_loader(struct file *file, int fd)
{
	bool wide = is_64_bit(file);
	/* The size of the fields that are addresses or sizes. */
	size_t wide_size = wide ? 8 : 4;
	size_t table_at = wide ? offsetof(Elf64_Ehdr, e_phoff) : offsetof(Elf32_Ehdr, e_phoff);
	size_t count_at = wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum);
	size_t offset_at = wide ? offsetof(Elf64_Phdr, p_offset) : offsetof(Elf32_Phdr, p_offset);
	size_t len_at = wide ? offsetof(Elf64_Phdr, p_filesz) : offsetof(Elf32_Phdr, p_filesz);
	size_t size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t table = get_number(file, file->head + table_at, wide_size);
	uint64_t count = get_number(file, file->head + count_at, 2);
	unsigned char segment[sizeof(Elf64_Phdr)];
	uint64_t offset, len;

	for (size_t i = 0; i < count && i < SEGMENTS_MAX; i++) {
		if (!read_at(fd, table + i * size, segment, size))
			return;
		if (get_number(file, segment, 4) != PT_INTERP)
			continue;
		offset = get_number(file, segment + offset_at, wide_size);
		len = get_number(file, segment + len_at, wide_size);
		if (len > sizeof file->next - 1 || !read_at(fd, offset, file->next, (size_t)len))
			len = 0;
		file->next[len] = '\0';
		file->next_role = ROLE_LOADER;
		return;
	}
}

static void find_interpreter(struct file *file)
{
	shebang_read((const char *)file->head, &file->shebang);
	strcpy(file->next, file->shebang.interpreter);
	file->next_role = ROLE_INTERPRETER;
}

/* Reads the head of a regular file. A FIFO would block in open, a device in read. */
static void read_head(struct file *file, const char *program, const char *path, enum role role)
{
	int fd;

	*file = (struct file){
		.program = program,
		.path = path,
		.role = role,
		.text = file->text,
		.size = file->size,
	};
	file->error = stat(path, &file->status) < 0 ? errno : 0;
	if (file->error != 0 || !S_ISREG(file->status.st_mode))
		return;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* It may have been replaced since. */
	if (fstat(fd, &file->status) == 0 && S_ISREG(file->status.st_mode)) {
		ssize_t len = pread(fd, file->head, HEAD_SIZE, 0);

		file->head_len = len > 0 ? (size_t)len : 0;
		if (is_script(file))
			find_interpreter(file);
		else if (is_elf(file))
			find_loader(file, fd);
	}
	close(fd);
}

/* ---- explaining ---- */

/* The functions named explain_* and foresee_* look for causes. They write the first that they find
 * to file->text and return true, or return false where they find none. */

/* Writes "PATH problem" or "PATH needs the interpreter X, which problem". Returns true. */
static bool say_of(const struct file *file, const char *problem)
{
	static const char roles[][16] = {
		[ROLE_INTERPRETER] = "interpreter",
		[ROLE_LOADER] = "dynamic loader",
	};
	char program[SHOWN_SIZE], needed[SHOWN_SIZE];

	printable_copy_path(program, sizeof program, file->program);
	printable_copy_path(needed, sizeof needed, file->path);
	if (file->role == ROLE_PROGRAM)
		snprintf(file->text, file->size, "%s %s", program, problem);
	else
		snprintf(file->text, file->size, "%s needs the %s %s, which %s", program,
			 roles[file->role], needed, problem);
	return true;
}

static bool explain_absence(const struct file *file)
{
	static const char problems[][64] = {
		[ROLE_PROGRAM] = "does not exist",
		[ROLE_INTERPRETER] = "does not exist (install it, or correct the #! line)",
		[ROLE_LOADER] = "does not exist (install its C library, or link statically)",
	};

	if (file->error != ENOENT && file->error != ENOTDIR)
		return false;
	return say_of(file, problems[file->role]);
}

static bool needs_interpreter(const struct file *file)
{
	return *file->next && file->next_role == ROLE_INTERPRETER;
}

static bool say_carriage_return(const struct file *file)
{
	char shown[SHOWN_SIZE];

	printable_copy_path(shown, sizeof shown, file->path);
	snprintf(file->text, file->size,
		 "the first line of %s ends in a carriage return, a Windows line ending (convert "
		 "it, for example with sed -i 's/\\r$//' %s)",
		 shown, shown);
	return true;
}

static bool has_carriage_return(const char *interpreter)
{
	return interpreter[strlen(interpreter) - 1] == '\r';
}

static bool explain_carriage_return(const struct file *file)
{
	if (!needs_interpreter(file) || !has_carriage_return(file->next) ||
	    access(file->next, F_OK) == 0)
		return false;
	return say_carriage_return(file);
}

/* Finds one behind the interpreter's argument, or behind a blank in place of that. The kernel does
 * not mind it, but the interpreter is given it. */
static bool foresee_carriage_return(const struct file *file)
{
	const char *argument = file->shebang.argument;
	size_t len = strlen(argument);

	if (len == 0 || argument[len - 1] != '\r' || shebang_overlooks_return(&file->shebang))
		return false;
	return say_carriage_return(file);
}

/* Returns whether a directory of that list, as PATH is one, has the program; true as well where it
 * cannot be told. */
static bool is_in_path(const char *list, const char *program)
{
	char path[PATH_MAX];

	for (const char *end; list; list = *end ? end + 1 : NULL) {
		end = strchrnul(list, ':');
		snprintf(path, sizeof path, "%.*s/%s", (int)(end - list), list, program);
		if (*list != '/' || access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static bool is_relative(const char *path)
{
	return path[0] != '/';
}

static bool explain_relative(const struct file *file)
{
	char program[SHOWN_SIZE], interpreter[SHOWN_SIZE];

	if (!needs_interpreter(file) || !is_relative(file->next))
		return false;
	snprintf(file->text, file->size,
		 "%s needs the interpreter %s, which is no absolute path (write the whole path "
		 "into the #! line)",
		 printable_copy_path(program, sizeof program, file->program),
		 printable_copy_path(interpreter, sizeof interpreter, file->next));
	return true;
}

/* Returns whether a relative interpreter is there, as seen from where the program is started: its
 * own directory, or the one above for a program in control/. */
static bool is_beside(const struct file *file)
{
	static const char control[] = "/control";
	size_t len = (size_t)(strrchr(file->program, '/') - file->program), tail = strlen(control);
	char path[PATH_MAX];

	if (len >= tail && memcmp(file->program + len - tail, control, tail) == 0)
		len -= tail;
	snprintf(path, sizeof path, "%.*s/%s", (int)len, file->program, file->next);
	return access(path, F_OK) == 0;
}

static bool foresee_relative(const struct file *file)
{
	return explain_relative(file) && !is_beside(file);
}

static bool explain_missing(const struct file *file)
{
	return explain_absence(file) || explain_carriage_return(file) || explain_relative(file);
}

/* Explains a #! line without a name: the errno is ENOEXEC, or EACCES where the file ends there,
 * because the kernel then tries the current directory. */
static bool explain_script(const struct file *file)
{
	if (*file->next)
		return false;
	if (file->head_len < HEAD_SIZE || memchr(file->head, '\n', HEAD_SIZE))
		return say_of(file, "names no interpreter after #!");
	return say_of(file, "has a #! line whose interpreter is too long (253 bytes is the most)");
}

static bool explain_forbidden(const struct file *file)
{
	struct statvfs fs;

	if (file->error == EACCES)
		return say_of(file,
			      "cannot be reached (this user may not pass a directory on the way)");
	if (file->error != 0)
		return false;
	if (!S_ISREG(file->status.st_mode))
		return say_of(file, "is no regular file");
	if (access(file->path, X_OK) == 0)
		return is_script(file) && explain_script(file);
	if (!(file->status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return say_of(file, "is not executable (make it so with chmod +x)");
	if (statvfs(file->path, &fs) == 0 && fs.f_flag & ST_NOEXEC)
		return say_of(
			file,
			"is on a file system that is mounted noexec (mount that with exec, or move "
			"the file)");
	return say_of(file, "is not executable for this user (permit it with chmod a+rx)");
}

static unsigned get_half(const struct file *file, size_t at)
{
	return (unsigned)get_number(file, file->head + at, 2);
}

/* Explains what is wrong with an ELF file on any machine. */
static bool explain_broken_elf(const struct file *file)
{
	unsigned type = get_half(file, offsetof(Elf64_Ehdr, e_type));

	if (file->head_len < (is_64_bit(file) ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return say_of(file, "is an incomplete program (copy it again)");
	if (type != ET_EXEC && type != ET_DYN)
		return say_of(file,
			      "is an ELF file but no program (perhaps an object file that is not "
			      "linked yet)");
	return false;
}

/* Returns the machine that an ELF file is for, or NULL where its number is unknown. */
static const struct machine *find_machine(const struct file *file)
{
	unsigned number = get_half(file, offsetof(Elf64_Ehdr, e_machine));

	for (size_t i = 0; i < COUNT(machines); i++)
		if (machines[i].number == number)
			return &machines[i];
	return NULL;
}

static bool runs_on(const struct machine *machine, const struct utsname *here)
{
	return strncmp(here->machine, machine->uname, strlen(machine->uname)) == 0;
}

static bool say_foreign(const struct file *file, const struct machine *machine,
			const struct utsname *here)
{
	char problem[128], number[24];

	snprintf(number, sizeof number, "machine type %u",
		 get_half(file, offsetof(Elf64_Ehdr, e_machine)));
	snprintf(problem, sizeof problem, "is a %d-bit program for %s, and this machine is %.32s",
		 is_64_bit(file) ? 64 : 32, machine ? machine->name : number, here->machine);
	return say_of(file, problem);
}

/* Explains why the kernel refused an ELF file. */
static bool explain_elf(const struct file *file)
{
	const struct machine *machine = find_machine(file);
	bool as_wide = is_64_bit(file) == (sizeof(long) == 8);
	struct utsname here;

	if (explain_broken_elf(file))
		return true;
	/* uname(2) fails for no other reason than a bad address. */
	uname(&here);
	if (machine && as_wide && runs_on(machine, &here))
		return false;
	return say_foreign(file, machine, &here);
}

/* Explains why the kernel will refuse an ELF file, where that is certain. */
static bool foresee_elf(const struct file *file)
{
	const struct machine *machine = find_machine(file);
	struct utsname here;

	if (explain_broken_elf(file))
		return true;
	/* What we are is taken here, whatever uname(2) says under setarch(8). */
	if (!machine || machine->number == OWN_MACHINE)
		return false;
	uname(&here);
	if (runs_on(machine, &here) || strcmp(here.machine, machine->wider) == 0)
		return false;
	return say_foreign(file, machine, &here);
}

static bool explain_text(const struct file *file)
{
	if (is_script(file))
		return explain_script(file);
	if (memcmp(file->head, "\xef\xbb\xbf#!", 5) == 0)
		return say_of(
			file,
			"starts with a byte order mark (save it without, so that #! comes first)");
	return say_of(file, "starts with no #! line (put one there, such as #!/bin/sh)");
}

/* Explains what is wrong with the content of a file. explain_program does so for an ELF file. */
static bool explain_content(const struct file *file,
			    bool (*explain_program)(const struct file *file))
{
	if (file->error != 0)
		return false;
	if (file->status.st_size == 0)
		return say_of(file, "is empty (it needs a #! line, such as #!/bin/sh)");
	if (file->head_len == 0)
		return false;
	return is_elf(file) ? explain_program(file) : explain_text(file);
}

/* Returns what to do, or the likely cause, where the errno alone says enough; else "". */
static const char *find_hint(int error)
{
	switch (error) {
	case EACCES: return "; a security module or a mount may forbid it";
	case EPERM:
		return "; the file may carry capabilities that this container does not have, or "
		       "seccomp may forbid it";
	case E2BIG: return "; the environment is too large";
	case ETXTBSY: return "; the file is open for writing";
	case ENOMEM: return "; raise the container's memory limit";
	case EAGAIN: return "; raise the limit of processes, pids limit or ulimit -u";
	case ELOOP:
		return "; symbolic links in a circle, or too long a chain of scripts that are "
		       "interpreters";
	case ENOEXEC: return "; the file may be damaged";
	case ELIBBAD: return "; the dynamic loader is damaged, or for another machine";
	default: return "";
	}
}

/* Returns whether the files may tell more than the errno. Otherwise they are left alone, because
 * their file system may not answer any more. */
static bool is_about_a_file(int error)
{
	return error == ENOENT || error == EACCES || error == ENOEXEC;
}

static bool explain_file(const struct file *file, int error)
{
	if (error == ENOENT)
		return explain_missing(file);
	if (error == EACCES)
		return explain_forbidden(file);
	return explain_content(file, explain_elf);
}

void execfail_explain(const char *path, int error, char *text, size_t size)
{
	char name[HEAD_SIZE], shown[SHOWN_SIZE];
	enum role role = ROLE_PROGRAM;
	const char *at = path;
	struct file file = { .text = text, .size = size };

	for (int i = 0; is_about_a_file(error) && i < FILES_MAX; i++) {
		read_head(&file, path, at, role);
		if (explain_file(&file, error))
			return;
		if (*file.next == '\0')
			break;
		at = strcpy(name, file.next);
		role = file.next_role;
	}
	snprintf(text, size, "%s cannot be executed (%s%s)",
		 printable_copy_path(shown, sizeof shown, path), strerror(error), find_hint(error));
}

/* Finds what is certain to go wrong with one file, or as good as certain. */
static bool foresee_file(const struct file *file)
{
	return explain_absence(file) || explain_carriage_return(file) ||
	       foresee_carriage_return(file) || explain_forbidden(file) || foresee_relative(file) ||
	       explain_content(file, foresee_elf);
}

bool execfail_foresee(const char *path, char *text, size_t size)
{
	enum role role = ROLE_PROGRAM;
	const char *at = path;
	char name[HEAD_SIZE];
	struct file file = { .size = size };

	file.text = text;
	for (int i = 0; i < FILES_MAX; i++) {
		read_head(&file, path, at, role);
		if (foresee_file(&file))
			return true;
		if (*file.next == '\0' || is_relative(file.next))
			return false;
		at = strcpy(name, file.next);
		role = file.next_role;
	}
	return false;
}

bool execfail_doubt(const char *path, char *text, size_t size)
{
	struct file file = { .size = size };
	char program[SHEBANG_SIZE], problem[PROBLEM_SIZE], shown[SHOWN_SIZE];
	const char *list = getenv("PATH");

	file.text = text;
	read_head(&file, path, path, ROLE_PROGRAM);
	/* Whether it is a script cannot be read, either. */
	if (file.error == 0 && access(path, R_OK) < 0)
		return say_of(&file, "is not readable for this user, and can run only if it is no "
				     "script (permit it with chmod a+r)");
	if (!list || !shebang_find_program(&file.shebang, program) || is_in_path(list, program))
		return false;
	snprintf(problem, sizeof problem,
		 "has env look for %s, which no directory in PATH has (%s)",
		 printable_copy_path(shown, sizeof shown, program),
		 strchr(program, ' ') ? "write env -S, or correct the #! line"
				      : "install it, or correct the #! line");
	return say_of(&file, problem);
}
