/* SPDX-License-Identifier: ISC */
/* execfail.c: wherever the kernel can be made to fail, it is, and its errno is what is
 * explained. Owns the directory it makes under /tmp, which is the current directory during a
 * test, and removes it. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "execfail.h"
#include "rig.h"
#include "tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* what the caller in dinit has */
#define TEXT_SIZE 512
#define NOBODY 65534
/* exit status of a child that could not try; above every errno */
#define SKIPPED 200

static char base[64];

static int setup(void **state)
{
	(void)state;
	strcpy(base, "/tmp/test_execfail.XXXXXX");
	assert_non_null(mkdtemp(base));
	assert_int_equal(chmod(base, 0755), 0);
	assert_int_equal(chdir(base), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(tree_remove(base), 0);
	return 0;
}

/* base/name, valid until the next but one call. */
static const char *path_of(const char *name)
{
	static char paths[2][400];
	static unsigned next;

	next ^= 1;
	snprintf(paths[next], sizeof paths[next], "%s/%s", base, name);
	return paths[next];
}

static void put_bytes(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text), 0755);
}

/* It tries what it is about to execute beforehand, in its own way, and dies where execve fails
 * all the same. */
static bool is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

/* The errno of executing it in a child, which exits with it; that of a program that does run is
 * 0. */
static int execute(const char *path, int error_under_valgrind)
{
	char *const argv[] = { (char[]){ "x" }, NULL };
	int status;
	pid_t pid;

	if (is_under_valgrind())
		return error_under_valgrind;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execv(path, argv);
		_exit(errno);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* One printable line with an end, and no descriptor left behind. */
static void explain(const char *path, int error, char text[TEXT_SIZE])
{
	int lowest = dup(0), lowest_after;

	close(lowest);
	memset(text, 'x', TEXT_SIZE);
	execfail_explain(path, error, text, TEXT_SIZE);
	lowest_after = dup(0);
	close(lowest_after);
	assert_int_equal(lowest_after, lowest);
	assert_non_null(memchr(text, '\0', TEXT_SIZE));
	assert_true(*text != '\0');
	for (const char *byte = text; *byte; byte++)
		assert_true((unsigned char)*byte >= 0x20 && *byte != 0x7f);
}

static void assert_words(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, text);
}

/* Executing base/name fails with the errno, and the explanation has the words. */
static void assert_explained(const char *name, int error, const char *words)
{
	char text[TEXT_SIZE];
	int got = execute(path_of(name), error);

	if (got != error)
		fail_msg("%s: %s instead of %s", name, strerror(got), strerror(error));
	explain(path_of(name), error, text);
	assert_words(text, words);
}

/* A program that this machine would take, but for what the test changes: a header, PT_INTERP,
 * and that one's path. */
struct image {
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;
	char loader[64];
};

static struct image make_image(const char *loader)
{
	struct image image = { .segment.p_type = PT_INTERP };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, &image.header, sizeof image.header), sizeof image.header);
	close(fd);
	image.header.e_phnum = 1;
	image.header.e_phoff = offsetof(struct image, segment);
	/* What stands behind the fields that are looked at. */
	image.header.e_shoff = 1;
	image.segment.p_vaddr = 1;
	image.segment.p_memsz = 1;
	image.segment.p_offset = offsetof(struct image, loader);
	image.segment.p_filesz = strlen(loader) + 1;
	strcpy(image.loader, loader);
	return image;
}

static void put_image(const char *name, const struct image *image)
{
	put_bytes(name, image, sizeof *image, 0755);
}

static void test_execfail_explain_missing_interpreter_is_named(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{ "#!/nonexistent/sh\n",
		  "needs the interpreter /nonexistent/sh, which does not exist" },
		{ "#!/nonexistent/sh -e\n",
		  "needs the interpreter /nonexistent/sh, which does not exist" },
		{ "#! \t /nonexistent/sh\t-e\n",
		  "needs the interpreter /nonexistent/sh, which does not exist" },
		{ "#!/nonexistent/sh",
		  "needs the interpreter /nonexistent/sh, which does not exist" },
		{ "#!/dev/null/sh\n", "needs the interpreter /dev/null/sh, which does not exist" },
		{ "#!nonexistent\n",
		  "needs the interpreter nonexistent, which is no absolute path" },
		{ "#!/nonexistent/\x1b[m\x7f\x01\n",
		  "needs the interpreter /nonexistent/\\x1b[m\\x7f\\x01, which does not exist" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put("run", cases[i].line);
		assert_explained("run", strstr(cases[i].line, "/dev/null") ? ENOTDIR : ENOENT,
				 strstr(cases[i].line, "/dev/null") ? strerror(ENOTDIR)
								    : cases[i].words);
	}
}

static void test_execfail_explain_carriage_return_is_told(void **state)
{
	char text[TEXT_SIZE], expected[300];

	(void)state;
	put("run", "#!/bin/sh\r\nexit 0\r\n");
	snprintf(expected, sizeof expected,
		 "the first line of %s ends in a carriage return, a Windows line ending (convert "
		 "it, for example with sed -i 's/\\r$//' %s)",
		 path_of("run"), path_of("run"));
	assert_explained("run", ENOENT, expected);
	put("run", "#! /bin/sh\r");
	assert_explained("run", ENOENT, "carriage return");
	put("run", "#!\r\n");
	assert_explained("run", ENOENT, "carriage return");
	/* Not the reason: the interpreter's name ends before it. */
	put("run", "#!/nonexistent/sh -e\r\n");
	assert_explained("run", ENOENT,
			 "needs the interpreter /nonexistent/sh, which does not exist");
	/* Not the reason either: a file of that name exists, and lacks an interpreter of its
	 * own. */
	put("sh\r", "#!/nonexistent/sh\n");
	snprintf(expected, sizeof expected, "#!%s\n", path_of("sh\r"));
	put("run", expected);
	assert_explained("run", ENOENT,
			 "needs the interpreter /nonexistent/sh, which does not exist");
	explain(path_of("missing"), ENOENT, text);
	assert_words(text, "/missing does not exist");
}

static void test_execfail_explain_interpreters_are_followed(void **state)
{
	char line[200], name[20];

	(void)state;
	put("last", "#!/nonexistent/sh\n");
	snprintf(line, sizeof line, "#!%s -x\n", path_of("last"));
	put("middle", line);
	snprintf(line, sizeof line, "#! %s\n", path_of("middle"));
	put("run", line);
	assert_explained("run", ENOENT,
			 "needs the interpreter /nonexistent/sh, which does not exist");
	put("last", "no line\n");
	snprintf(line, sizeof line, "needs the interpreter %s, which starts with no #! line",
		 path_of("last"));
	assert_explained("run", ENOEXEC, line);
	put_bytes("last", "#!/bin/sh\n", 10, 0644);
	snprintf(line, sizeof line, "needs the interpreter %s, which is not executable",
		 path_of("last"));
	assert_explained("run", EACCES, line);
	/* In a circle, and further than the kernel goes. */
	snprintf(line, sizeof line, "#!%s\n", path_of("run"));
	put("run", line);
	assert_explained("run", ELOOP, "interpreter");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "chain%d", i + 1);
		snprintf(line, sizeof line, "#!%s\n", path_of(name));
		snprintf(name, sizeof name, "chain%d", i);
		put(name, line);
	}
	for (int error = 1; error < 134; error++) {
		char text[TEXT_SIZE];

		explain(path_of("chain0"), error, text);
		assert_words(text, strerror(error));
	}
}

/* Makes chain0 a script that so many others lead to the interpreter /nonexistent/sh. */
static void put_chain(int scripts)
{
	char line[200], name[20];

	for (int i = 0; i < scripts; i++) {
		snprintf(name, sizeof name, "chain%d", i + 1);
		snprintf(line, sizeof line, "#!%s\n",
			 i + 1 < scripts ? path_of(name) : "/nonexistent/sh");
		snprintf(name, sizeof name, "chain%d", i);
		put(name, line);
	}
}

static void test_execfail_interpreters_are_followed_as_far_as_the_kernel_does(void **state)
{
	char text[TEXT_SIZE];

	(void)state;
	put_chain(5);
	explain(path_of("chain0"), ENOENT, text);
	assert_words(text, "needs the interpreter /nonexistent/sh, which does not exist");
	assert_true(execfail_foresee(path_of("chain0"), text, sizeof text));
	put_chain(6);
	explain(path_of("chain0"), ENOENT, text);
	assert_null(strstr(text, "interpreter"));
	assert_false(execfail_foresee(path_of("chain0"), text, sizeof text));
}

/* The name would go on behind the end of the file. */
static void test_execfail_explain_loader_that_is_cut_is_none(void **state)
{
	struct image image = make_image("/nonexistent/ld.so.1");
	char text[TEXT_SIZE];

	(void)state;
	image.segment.p_filesz = 250;
	put_image("run", &image);
	explain(path_of("run"), ENOENT, text);
	assert_null(strstr(text, "loader"));
}

static void test_execfail_explain_missing_loader_is_named(void **state)
{
	struct image image = make_image("/nonexistent/ld.so.1");
	char line[200];

	(void)state;
	put_image("run", &image);
	assert_explained("run", ENOENT,
			 "needs the dynamic loader /nonexistent/ld.so.1, which does not exist");
	/* That of an interpreter. */
	put_image("interpreter", &image);
	snprintf(line, sizeof line, "#!%s\n", path_of("interpreter"));
	put("run", line);
	assert_explained("run", ENOENT,
			 "needs the dynamic loader /nonexistent/ld.so.1, which does not exist");
	/* One that may not be executed. */
	put_bytes("loader", "", 0, 0644);
	image = make_image(path_of("loader"));
	put_image("run", &image);
	snprintf(line, sizeof line, "needs the dynamic loader %s, which is not executable",
		 path_of("loader"));
	assert_explained("run", EACCES, line);
}

/* A 32-bit program in a 64-bit container: the usual way to lack a loader. */
static void test_execfail_explain_missing_32_bit_loader_is_named(void **state)
{
	struct {
		Elf32_Ehdr header;
		Elf32_Phdr segments[3];
		char loader[32];
	} image = {
		.header = { .e_ident = ELFMAG,
			    .e_type = ET_EXEC,
			    .e_machine = EM_386,
			    .e_version = EV_CURRENT,
			    .e_phentsize = sizeof(Elf32_Phdr),
			    .e_shoff = 1,
			    .e_phnum = 3 },
		.segments[0].p_type = PT_LOAD,
		/* The first counts. */
		.segments[1] = { .p_type = PT_INTERP, .p_vaddr = 1, .p_memsz = 1 },
		.segments[2] = { .p_type = PT_INTERP, .p_filesz = 4 },
		.loader = "/nonexistent/ld-linux.so.2",
	};
	char text[TEXT_SIZE];

	(void)state;
	image.header.e_ident[EI_CLASS] = ELFCLASS32;
	image.header.e_ident[EI_DATA] = ELFDATA2LSB;
	image.header.e_phoff = sizeof image.header;
	image.segments[1].p_offset = (Elf32_Off)((char *)image.loader - (char *)&image);
	image.segments[1].p_filesz = sizeof "/nonexistent/ld-linux.so.2";
	put_bytes("run", &image, sizeof image, 0755);
	/* Not executed: not every kernel knows 32-bit programs. */
	explain(path_of("run"), ENOENT, text);
	assert_words(text,
		     "needs the dynamic loader /nonexistent/ld-linux.so.2, which does not exist");
}

static void test_execfail_explain_other_machine_is_named(void **state)
{
	struct image image = make_image("/nonexistent/ld.so.1");
	struct utsname here;
	char expected[200];

	(void)state;
	assert_int_equal(uname(&here), 0);
	snprintf(expected, sizeof expected,
		 "/run is a %zu-bit program for %s, and this machine is %s", 8 * sizeof(long),
		 image.header.e_machine == EM_AARCH64 ? "x86_64" : "aarch64", here.machine);
	image.header.e_machine = image.header.e_machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
	put_image("run", &image);
	assert_explained("run", ENOEXEC, expected);
	image.header.e_machine = 0xfedc;
	put_image("run", &image);
	assert_explained("run", ENOEXEC, "program for machine type 65244, and");
}

static void test_execfail_explain_every_known_machine_is_named(void **state)
{
	static const struct {
		unsigned char class, data;
		unsigned char low, high;
		const char *words;
	} cases[] = {
		{ ELFCLASS32, ELFDATA2LSB, EM_386, 0, "a 32-bit program for i386" },
		{ ELFCLASS32, ELFDATA2LSB, EM_ARM, 0, "a 32-bit program for arm" },
		{ ELFCLASS64, ELFDATA2LSB, EM_RISCV, 0, "a 64-bit program for riscv" },
		{ ELFCLASS64, ELFDATA2LSB, EM_PPC64, 0, "a 64-bit program for ppc64" },
		{ ELFCLASS64, ELFDATA2MSB, 0, EM_S390, "a 64-bit program for s390" },
		{ ELFCLASS32, ELFDATA2MSB, 0, EM_MIPS, "a 32-bit program for mips" },
		/* x32, and a 32-bit userland of aarch64. */
		{ ELFCLASS32, ELFDATA2LSB, EM_X86_64, 0, "a 32-bit program for x86_64" },
		{ ELFCLASS32, ELFDATA2LSB, EM_AARCH64, 0, "a 32-bit program for aarch64" },
	};
	char text[TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char head[64] = { 0x7f,           'E',           'L',       'F',
					   cases[i].class, cases[i].data, EV_CURRENT };
		struct utsname here;

		assert_int_equal(uname(&here), 0);
		/* This machine's own is no other one. */
		if (strstr(cases[i].words, here.machine) && cases[i].class == ELFCLASS64)
			continue;
		head[16] = head[17] = cases[i].data == ELFDATA2LSB ? ET_EXEC : 0;
		head[cases[i].data == ELFDATA2LSB ? 17 : 16] = 0;
		head[cases[i].data == ELFDATA2LSB ? 16 : 17] = ET_EXEC;
		head[18] = cases[i].low;
		head[19] = cases[i].high;
		put_bytes("run", head, sizeof head, 0755);
		explain(path_of("run"), ENOEXEC, text);
		assert_words(text, cases[i].words);
	}
}

static void test_execfail_explain_damaged_program_is_told(void **state)
{
	struct image image = make_image("/nonexistent/ld.so.1");

	(void)state;
	for (size_t len = 4; len < sizeof image.header; len++) {
		put_bytes("run", &image, len, 0755);
		assert_explained("run", ENOEXEC, "/run is an incomplete program");
	}
	put_bytes("run", &image, sizeof image.header, 0755);
	assert_explained("run", ENOEXEC, "may be damaged");
	image.header.e_type = ET_REL;
	put_image("run", &image);
	assert_explained("run", ENOEXEC, "/run is an ELF file but no program");
	image.header.e_type = ET_EXEC;
	image.header.e_phentsize = 1;
	put_image("run", &image);
	assert_explained("run", ENOEXEC, "may be damaged");
}

static void test_execfail_explain_file_without_line_is_told(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "/run is empty" },
		{ "\n", "/run starts with no #! line" },
		{ "echo\n", "/run starts with no #! line" },
		{ "#", "/run starts with no #! line" },
		{ " #!/bin/sh\n", "/run starts with no #! line" },
		{ "\n#!/bin/sh\n", "/run starts with no #! line" },
		{ "\177EL", "/run starts with no #! line" },
		{ "#! \n", "/run names no interpreter after #!" },
		{ "#!\n/bin/sh\n", "/run names no interpreter after #!" },
		{ "#! \t \nexit\n", "/run names no interpreter after #!" },
		{ "\xef\xbb\xbf#!/bin/sh\n", "/run starts with a byte order mark" },
		{ "\xef\xbb\xbf", "/run starts with no #! line" },
	};
	char line[600];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put("run", cases[i].text);
		assert_explained("run", ENOEXEC, cases[i].words);
	}
	put("run", "#!");
	assert_explained("run", EACCES, "/run names no interpreter after #!");
	put("run", "#! \t");
	assert_explained("run", EACCES, "/run names no interpreter after #!");
	memset(line, 'i', sizeof line);
	memcpy(line, "#!/", 3);
	line[sizeof line - 2] = '\n';
	line[sizeof line - 1] = '\0';
	put("run", line);
	assert_explained("run", ENOEXEC, "/run has a #! line whose interpreter is too long");
	memcpy(line, "#! \t /", 6);
	put("run", line);
	assert_explained("run", ENOEXEC, "/run has a #! line whose interpreter is too long");
	line[2] = '\n';
	put("run", line);
	assert_explained("run", ENOEXEC, "/run names no interpreter after #!");
	memset(line + 2, ' ', sizeof line - 4);
	put("run", line);
	assert_explained("run", ENOEXEC, "/run has a #! line whose interpreter is too long");
	/* The longest that the kernel takes. */
	memset(line + 3, 'i', 252);
	line[2] = '/';
	line[255] = '\n';
	put("run", line);
	assert_explained("run", ENOENT, "iii, which does not exist");
	line[255] = 'i';
	line[256] = '\n';
	put("run", line);
	assert_explained("run", ENOEXEC, "/run has a #! line whose interpreter is too long");
}

static void test_execfail_explain_what_is_no_program_is_told(void **state)
{
	char line[200];

	(void)state;
	put_bytes("run", "#!/bin/sh\n", 10, 0644);
	assert_explained("run", EACCES, "/run is not executable (make it so with chmod +x)");
	assert_int_equal(mkdir("directory", 0755), 0);
	assert_explained("directory", EACCES, "/directory is no regular file");
	snprintf(line, sizeof line, "#!%s\n", path_of("directory"));
	put("run", line);
	assert_explained("run", EACCES, "/directory, which is no regular file");
}

/* Opening or reading one of these without care would never return. */
static void test_execfail_explain_special_file_never_blocks(void **state)
{
	static const char *const names[] = { "fifo", "/dev/tty",       "/dev/zero", "/dev/null",
					     ".",    "/proc/self/mem", "" };
	char text[TEXT_SIZE], line[200];

	(void)state;
	assert_int_equal(mkfifo("fifo", 0755), 0);
	snprintf(line, sizeof line, "#!%s\n", path_of("fifo"));
	put("run", line);
	alarm(60);
	for (int error = 1; error < 134; error++) {
		explain(path_of("run"), error, text);
		for (size_t i = 0; i < COUNT(names); i++)
			explain(names[i], error, text);
	}
	alarm(0);
	assert_int_equal(chmod("fifo", 0644), 0);
	assert_explained("fifo", EACCES, "/fifo is no regular file");
	snprintf(line, sizeof line, "needs the interpreter %s, which is no regular file",
		 path_of("fifo"));
	assert_explained("run", EACCES, line);
}

/* No descriptor is left to read it with. */
static void test_execfail_explain_file_that_cannot_be_read_has_the_errors_name(void **state)
{
	struct rlimit limit, none;
	char text[TEXT_SIZE], expected[100];

	(void)state;
	put("run", "#!/nonexistent\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	execfail_explain(path_of("run"), ENOENT, text, sizeof text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	snprintf(expected, sizeof expected, "%s cannot be executed (%s)", path_of("run"),
		 strerror(ENOENT));
	assert_string_equal(text, expected);
}

static void test_execfail_explain_other_error_has_its_name(void **state)
{
	char text[TEXT_SIZE], start[100];

	(void)state;
	put("run", "#!/bin/sh\n");
	snprintf(start, sizeof start, "%s cannot be executed (", path_of("run"));
	for (int error = 1; error < 134; error++) {
		explain(path_of("run"), error, text);
		assert_memory_equal(text, start, strlen(start));
		assert_words(text, strerror(error));
	}
	explain(path_of("run"), E2BIG, text);
	assert_words(text, "environment");
	explain(path_of("run"), ENOMEM, text);
	assert_words(text, "memory limit");
	explain(path_of("run"), EAGAIN, text);
	assert_words(text, "limit of processes");
	explain(path_of("run"), EPERM, text);
	assert_words(text, "capabilities");
	explain(path_of("run"), EACCES, text);
	assert_words(text, "security module");
	explain(path_of("run"), ELIBBAD, text);
	assert_words(text, "dynamic loader");
}

static bool was_opened(int inotify_fd)
{
	struct inotify_event event;

	return read(inotify_fd, &event, sizeof event) > 0;
}

static void test_execfail_explain_looks_at_no_file_whose_file_system_may_hang(void **state)
{
	static const int errors[] = { EIO, ESTALE, ENOTCONN, ETIMEDOUT, EHOSTDOWN };
	int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char text[TEXT_SIZE];

	(void)state;
	put("run", "no program");
	assert_true(inotify_add_watch(watch_fd, path_of("run"), IN_OPEN) >= 0);
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		explain(path_of("run"), errors[i], text);
		assert_false(was_opened(watch_fd));
	}
	explain(path_of("run"), ENOEXEC, text);
	assert_true(was_opened(watch_fd));
	close(watch_fd);
}

static void test_execfail_explain_file_open_for_writing_is_told(void **state)
{
	int fd, error;
	char text[TEXT_SIZE];

	(void)state;
	put("run", "#!/bin/sh\n");
	fd = open("run", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	error = execute(path_of("run"), ETXTBSY);
	close(fd);
	/* Linux 6.11 allowed it for a while. */
	assert_true(error == ETXTBSY || error == 0);
	explain(path_of("run"), ETXTBSY, text);
	assert_words(text, "open for writing");
}

static void test_execfail_explain_small_buffer_is_cut(void **state)
{
	char text[TEXT_SIZE], whole[TEXT_SIZE];

	(void)state;
	put("run", "#!/bin/sh\r\n");
	explain(path_of("run"), ENOENT, whole);
	for (size_t size = 0; size < sizeof text; size++) {
		memset(text, 'x', sizeof text);
		execfail_explain(path_of("run"), ENOENT, text, size);
		for (size_t i = size; i < sizeof text; i++)
			assert_int_equal(text[i], 'x');
		if (size == 0)
			continue;
		assert_int_equal(strlen(text), size - 1 < strlen(whole) ? size - 1 : strlen(whole));
		assert_memory_equal(text, whole, strlen(text));
	}
}

static void test_execfail_explain_long_path_keeps_its_end_and_the_reason(void **state)
{
	char text[TEXT_SIZE], path[2000] = "";
	size_t len;

	(void)state;
	for (int i = 0; i < 9; i++) {
		len = strlen(path);
		memset(path + len, 'd', 200);
		path[len + 200] = '\0';
		assert_int_equal(mkdir(path, 0755), 0);
		strcat(path, "/");
	}
	strcat(path, "run");
	put(path, "#!/bin/sh\r\n");
	explain(path, ENOENT, text);
	assert_words(text, "the first line of ...ddd");
	assert_words(text, "dd/run ends in a carriage return");
	assert_words(text, "sed -i 's/\\r$//' ...");
	for (int error = 1; error < 134; error += rig_is_brief() ? 12 : 1)
		explain(path, error, text);
	/* About the longest that is shown whole. */
	for (len = 155; len < 170; len++) {
		memset(path, 'p', len);
		path[len] = '\0';
		explain(path, ENOENT, text);
		assert_int_equal(strspn(text, "."), len > 163 ? 3 : 0);
		assert_int_equal(strspn(text + strspn(text, "."), "p"), len > 163 ? 160 : len);
	}
}

/* Every field of the headers with every kind of nonsense. Sanitizers and the alarm say whether
 * it went well. */
static void test_execfail_explain_hostile_program_is_harmless(void **state)
{
	static const unsigned char fills[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct image image = make_image("/nonexistent/ld.so.1");
	char text[TEXT_SIZE];
	unsigned char bytes[sizeof image];

	(void)state;
	alarm(60);
	for (size_t at = EI_CLASS; at < offsetof(struct image, loader); at++) {
		for (size_t i = 0; i < COUNT(fills); i++) {
			for (size_t len = 1; len <= 8 && at + len <= sizeof image; len *= 2) {
				memcpy(bytes, &image, sizeof image);
				memset(bytes + at, fills[i], len);
				put_bytes("run", bytes, sizeof bytes, 0755);
				explain(path_of("run"), ENOENT, text);
				explain(path_of("run"), ENOEXEC, text);
			}
		}
	}
	/* Cut anywhere, and with a loader's name that has no end. */
	memset(image.loader, 'l', sizeof image.loader);
	image.segment.p_filesz = sizeof image.loader;
	for (size_t len = 0; len <= sizeof image; len++) {
		put_bytes("run", &image, len, 0755);
		explain(path_of("run"), ENOEXEC, text);
		explain(path_of("run"), ENOENT, text);
		assert_int_equal(strstr(text, "dynamic loader lll") != NULL, len == sizeof image);
	}
	alarm(0);
}

/* A program may have thousands of headers; the kernel takes 64 kB of them. */
static void test_execfail_explain_loader_is_sought_in_bounds(void **state)
{
	static const size_t places[] = { 0, 1, 500, 1023, 1024, 60000 };
	char text[TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		struct image image = make_image("/nonexistent/ld.so.1");
		int fd;

		image.header.e_phoff = sizeof image;
		image.header.e_phnum = 65535;
		put_image("run", &image);
		fd = open("run", O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, 65535L * (long)sizeof image.segment), 0);
		assert_int_equal(pwrite(fd, &image.segment, sizeof image.segment,
					(off_t)(sizeof image + places[i] * sizeof image.segment)),
				 sizeof image.segment);
		close(fd);
		explain(path_of("run"), ENOENT, text);
		assert_int_equal(strstr(text, "needs the dynamic loader /nonexistent/ld.so.1,") !=
					 NULL,
				 places[i] < 1024);
	}
}

static void test_execfail_explain_loader_with_strange_name_is_harmless(void **state)
{
	struct {
		struct image image;
		char rest[400];
	} file = { .image = make_image("") };
	char text[TEXT_SIZE];

	(void)state;
	memset(file.image.loader, '\n', sizeof file.image.loader);
	memset(file.rest, '\x1b', sizeof file.rest);
	for (size_t len = 0; len < 400; len++) {
		file.image.segment.p_filesz = len;
		put_bytes("run", &file, sizeof file, 0755);
		explain(path_of("run"), ENOENT, text);
		/* As long as the kernel would take it in practice; a longer one is not followed. */
		assert_int_equal(strstr(text, "needs the dynamic loader ") != NULL,
				 len > 0 && len < 256);
	}
}

/* Runs the check in a child, as nobody where this is root: root may execute and reach nearly
 * everything. */
static int run_as_ordinary_user(int (*check)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 &&
		    (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
			_exit(SKIPPED);
		_exit(check());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 0 if executing base/run fails with EACCES and the explanation has the words; says what there
 * was if not. */
static int check_words(const char *words)
{
	char text[TEXT_SIZE];
	int error = execute(path_of("run"), EACCES);

	execfail_explain(path_of("run"), error, text, sizeof text);
	if (error == EACCES && strstr(text, words))
		return 0;
	print_error("%s: \"%s\" is not in \"%s\"\n", strerror(error), words, text);
	return 1;
}

static int check_forbidden(void)
{
	return check_words("/run is not executable for this user");
}

static int check_closed(void)
{
	return check_words("/closed/sh, which cannot be reached");
}

static void test_execfail_explain_no_permission_is_told(void **state)
{
	char line[200];
	int status;

	(void)state;
	put_bytes("run", "#!/bin/sh\n", 10, 0654);
	status = run_as_ordinary_user(check_forbidden);
	rig_need(status != SKIPPED, RIG_WHY_USER);
	assert_int_equal(status, 0);
	assert_int_equal(mkdir("closed", 0755), 0);
	put("closed/sh", "#!/bin/sh\n");
	assert_int_equal(chmod("closed", 0600), 0);
	snprintf(line, sizeof line, "#!%s\n", path_of("closed/sh"));
	put("run", line);
	assert_int_equal(run_as_ordinary_user(check_closed), 0);
	assert_int_equal(chmod("closed", 0755), 0);
}

static int check_noexec(void)
{
	char line[200];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mkdir("noexec", 0755) < 0 ||
	    mount("test", path_of("noexec"), "tmpfs", MS_NOEXEC, NULL) < 0)
		return SKIPPED;
	put("noexec/sh", "#!/bin/sh\n");
	assert_int_equal(symlink("noexec/sh", "run"), 0);
	if (check_words("/run is on a file system that is mounted noexec") != 0)
		return 1;
	unlink("run");
	snprintf(line, sizeof line, "#!%s\n", path_of("noexec/sh"));
	put("run", line);
	return check_words("/noexec/sh, which is on a file system that is mounted noexec");
}

static void test_execfail_explain_noexec_mount_is_told(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(check_noexec());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	rig_need(WEXITSTATUS(status) != SKIPPED, RIG_WHY_NAMESPACES);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what is certain before it is tried ---- */

static void assert_foreseen(const char *name, const char *words)
{
	char text[TEXT_SIZE];

	if (!execfail_foresee(path_of(name), text, sizeof text))
		fail_msg("\"%s\" was not foreseen", words);
	assert_words(text, words);
}

static void assert_not_foreseen(const char *path)
{
	char text[TEXT_SIZE] = "";

	if (execfail_foresee(path, text, sizeof text))
		fail_msg("%s: \"%s\"", path, text);
}

static void test_execfail_foresee_scripts_that_cannot_run_are_told(void **state)
{
	static const struct {
		const char *content, *words;
	} cases[] = {
		{ "#!/nonexistent/sh\n",
		  "run needs the interpreter /nonexistent/sh, which does not" },
		{ "#!/bin/sh\r\necho\r\n", "ends in a carriage return" },
		{ "#!/usr/bin/env bash\r\nexit\r\n", "/run ends in a carriage return, a Windows" },
		{ "#!/bin/sh -e\r\n", "/run ends in a carriage return" },
		{ "#!/bin/sh \r\n", "/run ends in a carriage return" },
		{ "#!/bin/sh -e\r", "/run ends in a carriage return" },
		{ "#!/bin/sh -e\r \t\n", "/run ends in a carriage return" },
		{ "#!/usr/bin/env perl\r\n", "/run ends in a carriage return" },
		{ "#!/nonexistent/envy -S sh\r\n", "/run ends in a carriage return" },
		{ "#!/nonexistent/sh -e\r\n", "/run ends in a carriage return" },
		{ "#!bin/sh\n",
		  "/run needs the interpreter bin/sh, which is no absolute path (write the whole" },
		{ "#!sh -e\n", "/run needs the interpreter sh, which is no absolute path" },
		{ "", "/run is empty" },
		{ "echo\n", "/run starts with no #! line" },
		{ "\xef\xbb\xbf#!/bin/sh\n", "/run starts with a byte order mark" },
		{ "#!\n", "/run names no interpreter" },
		{ "#!/\n", "needs the interpreter /, which is no regular file" },
		{ "#!/dev/null\n", "needs the interpreter /dev/null, which is no regular file" },
	};
	char line[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put("run", cases[i].content);
		assert_foreseen("run", cases[i].words);
	}
	assert_int_equal(mkdir("bin", 0755), 0);
	assert_int_equal(mkdir("log", 0755), 0);
	put("bin/sh", "");
	put("log/run", "#!bin/sh\n");
	assert_foreseen("log/run", "/run needs the interpreter bin/sh, which is no absolute path");
	put("inner", "#!/nonexistent/sh\n");
	snprintf(line, sizeof line, "#!%s\n", path_of("inner"));
	put("run", line);
	assert_foreseen("run", "run needs the interpreter /nonexistent/sh, which does not exist");
	put("inner", "#!/bin/sh -e\r\n");
	assert_foreseen("run", "the first line of /");
	assert_foreseen("run", "/inner ends in a carriage return");
	put_bytes("run", "#!/bin/sh\n", 10, 0644);
	assert_foreseen("run", "/run is not executable");
	assert_foreseen("missing", "/missing does not exist");
}

static void test_execfail_foresee_programs_that_cannot_run_are_told(void **state)
{
	struct image image = make_image("/nonexistent/ld.so.1");

	(void)state;
	put_image("run", &image);
	assert_foreseen("run", "run needs the dynamic loader /nonexistent/ld.so.1, which does not");
	image.segment.p_type = PT_LOAD;
	image.header.e_machine = EM_S390;
	put_image("run", &image);
	assert_foreseen("run", "is a 64-bit program for s390, and this machine is ");
	image.header.e_type = ET_REL;
	put_image("run", &image);
	assert_foreseen("run", "/run is an ELF file but no program");
	put_bytes("run", &image, 20, 0755);
	assert_foreseen("run", "/run is an incomplete program");
}

static bool doubt(const char *name, const char *words)
{
	char text[512] = "";

	return execfail_doubt(path_of(name), text, sizeof text) && strstr(text, words);
}

/* env finds what is in PATH, which are a directory of ours and one that is not there. */
static void test_execfail_doubt_what_env_will_not_find(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{ "#!/usr/bin/env nobash\n",
		  "/run has env look for nobash, which no directory in PATH has (install it, " },
		{ "#! /usr/bin/env  nobash \n", " look for nobash, " },
		{ "#!/usr/bin/env bash -x\n",
		  " look for bash -x, which no directory in PATH has (write env -S, " },
		{ "#!/usr/bin/env -S nobash -x\n", " look for nobash, " },
		{ "#!/usr/bin/env -Snobash\r\n", " look for nobash, " },
		/* It may not be executed. */
		{ "#!/usr/bin/env data\n", " look for data, " },
	};
	static const char *const unknown[] = {
		"bash",         "-S bash -x", "-i nobash", "-S -i nobash",     "A=b nobash",
		"./nobash",     "-S A=b no",  "-S 'no'",   "-S ${NOBASH} run", "-S #no bash",
		"-S bash\\v-x", "",
	};
	char list[4096], line[128], *old = strdup(getenv("PATH"));

	(void)state;
	put("bash", "#!/bin/sh\n");
	put_bytes("data", "", 0, 0644);
	snprintf(list, sizeof list, "/nonexistent:%s", path_of(""));
	setenv("PATH", list, 1);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put("run", cases[i].line);
		if (!doubt("run", cases[i].words))
			fail_msg("%s", cases[i].line);
	}
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		snprintf(line, sizeof line, "#!/usr/bin/env %s\n", unknown[i]);
		put("run", line);
		assert_false(doubt("run", ""));
	}
	put("run", "#!/usr/bin/env nobash\n");
	/* Where a program is that has no place of its own cannot be told. */
	setenv("PATH", "/nonexistent::/bin", 1);
	assert_false(doubt("run", ""));
	setenv("PATH", "/nonexistent:", 1);
	assert_false(doubt("run", ""));
	unsetenv("PATH");
	assert_false(doubt("run", ""));
	setenv("PATH", old, 1);
	free(old);
	/* It is another program that looks for its argument. */
	put("run", "#!/bin/sh nobash\n");
	assert_false(doubt("run", ""));
}

static int check_unreadable(void)
{
	char text[TEXT_SIZE];

	return !doubt("run", "/run is not readable for this user, and can run only if it is no ") ||
	       execfail_foresee(path_of("run"), text, sizeof text);
}

/* Its interpreter could not open it. */
static void test_execfail_doubt_what_cannot_be_read(void **state)
{
	int status;

	(void)state;
	put_bytes("run", "#!/bin/sh\n", 10, 0311);
	status = run_as_ordinary_user(check_unreadable);
	rig_need(status != SKIPPED, RIG_WHY_USER);
	assert_int_equal(status, 0);
	/* What is wrong with one that is not there is not a doubt. */
	assert_false(doubt("none", ""));
}

static void test_execfail_foresee_carriage_returns_that_do_no_harm(void **state)
{
	char line[256];

	(void)state;
	/* A carriage return that is none of the first line, or not at its end. */
	put("run", "#!/bin/sh -e\n\r\n");
	assert_not_foreseen(path_of("run"));
	put("run", "#!/bin/sh -\re\n");
	assert_not_foreseen(path_of("run"));
	/* The kernel's argument ends at a NUL. */
	put_bytes("run", "#!/bin/sh -e\0\r\n", 15, 0755);
	assert_not_foreseen(path_of("run"));
	/* These take it for white space. */
	put("run", "#!/usr/bin/env -S sh -e\r\n");
	assert_not_foreseen(path_of("run"));
	put("perl5", "#!/bin/sh\n");
	snprintf(line, sizeof line, "#!%s -w\r\n", path_of("perl5"));
	put("run", line);
	assert_not_foreseen(path_of("run"));
	/* The kernel does not read so far. */
	memset(line, ' ', sizeof line);
	memcpy(line, "#!/bin/sh", 9);
	line[255] = '\r';
	put_bytes("run", line, 256, 0755);
	assert_not_foreseen(path_of("run"));
}

/* Nothing is claimed where it may run after all. */
static void test_execfail_foresee_what_may_run_is_no_problem(void **state)
{
	struct image image = make_image("/nonexistent/ld.so.1");
	struct utsname here;
	char name[20], line[256];
	int before;

	(void)state;
	assert_not_foreseen("/proc/self/exe");
	assert_not_foreseen("/bin/sh");
	/* As setarch(8) has it, uname(2) tells of a narrower machine. */
	before = personality(PER_LINUX32);
	assert_not_foreseen("/proc/self/exe");
	personality((unsigned long)before);
	put("run", "#!/bin/sh\n");
	assert_not_foreseen(path_of("run"));
	/* The working directory is that of the service: where run is, and above control/. */
	assert_int_equal(mkdir("bin", 0755), 0);
	assert_int_equal(mkdir("control", 0755), 0);
	put("bin/sh", "");
	put("run", "#!bin/sh\n");
	put("control/t", "#!bin/sh\n");
	assert_int_equal(chdir("/"), 0);
	assert_not_foreseen(path_of("run"));
	assert_not_foreseen(path_of("control/t"));
	assert_int_equal(chdir(base), 0);
	/* A file of that name may exist. */
	put("sh\r", "#!/bin/sh\n");
	snprintf(line, sizeof line, "#!%s\n", path_of("sh\r"));
	put("run", line);
	assert_not_foreseen(path_of("run"));
	/* An emulation of the narrower machine, and a machine that is not known. */
	assert_int_equal(uname(&here), 0);
	image.segment.p_type = PT_LOAD;
	image.header.e_machine = strcmp(here.machine, "aarch64") == 0 ? EM_ARM : EM_386;
	put_image("run", &image);
	assert_not_foreseen(path_of("run"));
	image.header.e_machine = 0xfedc;
	put_image("run", &image);
	assert_not_foreseen(path_of("run"));
	/* A chain that is longer than the kernel follows is left to it. */
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "chain%d", i + 1);
		snprintf(line, sizeof line, "#!%s\n", path_of(name));
		snprintf(name, sizeof name, "chain%d", i);
		put(name, line);
	}
	assert_not_foreseen(path_of("chain0"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_execfail_explain_missing_interpreter_is_named),
		TEST(test_execfail_explain_carriage_return_is_told),
		TEST(test_execfail_explain_interpreters_are_followed),
		TEST(test_execfail_interpreters_are_followed_as_far_as_the_kernel_does),
		TEST(test_execfail_explain_loader_that_is_cut_is_none),
		TEST(test_execfail_explain_missing_loader_is_named),
		TEST(test_execfail_explain_missing_32_bit_loader_is_named),
		TEST(test_execfail_explain_other_machine_is_named),
		TEST(test_execfail_explain_every_known_machine_is_named),
		TEST(test_execfail_explain_damaged_program_is_told),
		TEST(test_execfail_explain_file_without_line_is_told),
		TEST(test_execfail_explain_what_is_no_program_is_told),
		TEST(test_execfail_explain_special_file_never_blocks),
		TEST(test_execfail_explain_file_that_cannot_be_read_has_the_errors_name),
		TEST(test_execfail_explain_other_error_has_its_name),
		TEST(test_execfail_explain_looks_at_no_file_whose_file_system_may_hang),
		TEST(test_execfail_explain_file_open_for_writing_is_told),
		TEST(test_execfail_explain_small_buffer_is_cut),
		TEST(test_execfail_explain_long_path_keeps_its_end_and_the_reason),
		TEST(test_execfail_explain_hostile_program_is_harmless),
		TEST(test_execfail_explain_loader_is_sought_in_bounds),
		TEST(test_execfail_explain_loader_with_strange_name_is_harmless),
		TEST(test_execfail_explain_no_permission_is_told),
		TEST(test_execfail_explain_noexec_mount_is_told),
		TEST(test_execfail_foresee_scripts_that_cannot_run_are_told),
		TEST(test_execfail_foresee_programs_that_cannot_run_are_told),
		TEST(test_execfail_doubt_what_env_will_not_find),
		TEST(test_execfail_doubt_what_cannot_be_read),
		TEST(test_execfail_foresee_carriage_returns_that_do_no_harm),
		TEST(test_execfail_foresee_what_may_run_is_no_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
