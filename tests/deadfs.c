/* SPDX-License-Identifier: ISC */
/* Plays a file system whose server does not answer, for the scenario tests of what dinit does
 * beside it: FUSE, as the kernel speaks it over /dev/fuse. All of its names are one file.
 *
 * 	deadfs DIRECTORY read|write SECONDS CONTENT
 *
 * mounts it on the directory, and reports "fs mounted" to the FIFO $REPORT; or "fs <why>" where
 * this machine does not allow that, and ends. The file holds CONTENT, and can be executed. A
 * request to read (or to write) is kept without an answer; the first one is reported as "held".
 * A line on stdin makes it answer all those, and each that comes; then it reports "answered".
 *
 * A process that waits for an answer may not even be killed, and whoever looks at its arguments
 * (ps) can have to wait with it. Its wait is over when our end of /dev/fuse is closed. So we end
 * with the parent, with whoever holds stdin open, and in any case after so many seconds. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

/* far more than a request to write WRITE_MAX takes; the kernel insists on 8 kB */
#define REQUEST_SIZE 65536
#define WRITE_MAX 4096
#define FILE_NODE 2
/* how long the kernel need not ask for a name or its attributes again: for good */
#define VALID_S 3600
#define HELD_MAX 64

/* A request to read or write. */
struct transfer {
	uint64_t unique, offset;
	uint32_t opcode, size;
};

static struct {
	int fd;
	const char *content;
	/* 0: it answers everything */
	uint32_t held_opcode;
	size_t held_count;
	struct transfer held[HELD_MAX];
} server;

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void report(const char *what)
{
	const char *path = getenv("REPORT");
	int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0 || dprintf(fd, "%s\n", what) < 0)
		die("REPORT");
	close(fd);
}

/* ---- mounting ---- */

static void refuse(const char *what)
{
	bool usual = errno == ENOENT || errno == ENXIO || errno == ENODEV || errno == EPERM ||
		     errno == EACCES;
	char text[256];

	if (!usual)
		die(what);
	snprintf(text, sizeof text, "fs %s: %s", what, strerror(errno));
	report(text);
	exit(0);
}

static void mount_on(const char *directory)
{
	char options[128];

	server.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (server.fd < 0)
		refuse("/dev/fuse");
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", server.fd,
		 (unsigned)getuid(), (unsigned)getgid());
	if (mount("deadfs", directory, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		refuse("mounting a FUSE file system");
	report("fs mounted");
}

/* ---- answering ---- */

static void reply(uint64_t unique, int error, const void *payload, size_t len)
{
	struct fuse_out_header header = { .len = (uint32_t)(sizeof header + len),
					  .error = -error,
					  .unique = unique };
	struct iovec parts[] = { { .iov_base = &header, .iov_len = sizeof header },
				 { .iov_base = (void *)(uintptr_t)payload, .iov_len = len } };

	/* ENOENT: nobody waits for it any more. */
	if (writev(server.fd, parts, 2) < 0 && errno != ENOENT)
		die("an answer");
}

static struct fuse_attr attributes(uint64_t node)
{
	bool is_file = node == FILE_NODE;

	return (struct fuse_attr){ .ino = node,
				   .size = is_file ? strlen(server.content) : 0,
				   .mode = (is_file ? S_IFREG : S_IFDIR) | 0755U,
				   .nlink = 1,
				   .uid = getuid(),
				   .gid = getgid() };
}

static void answer_init(uint64_t unique, const struct fuse_init_in *kernel)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
				      .minor = FUSE_KERNEL_MINOR_VERSION };

	if (kernel->minor < init.minor)
		init.minor = kernel->minor;
	init.max_write = WRITE_MAX;
	reply(unique, 0, &init, sizeof init);
}

static void answer_lookup(uint64_t unique)
{
	struct fuse_entry_out entry = { .nodeid = FILE_NODE,
					.entry_valid = VALID_S,
					.attr_valid = VALID_S,
					.attr = attributes(FILE_NODE) };

	reply(unique, 0, &entry, sizeof entry);
}

static void answer_getattr(uint64_t unique, uint64_t node)
{
	struct fuse_attr_out attr = { .attr_valid = VALID_S, .attr = attributes(node) };

	reply(unique, 0, &attr, sizeof attr);
}

static void answer_open(uint64_t unique)
{
	struct fuse_open_out opened = { .fh = 0 };

	reply(unique, 0, &opened, sizeof opened);
}

/* What is written is accepted, and forgotten. */
static void answer_transfer(const struct transfer *transfer)
{
	struct fuse_write_out written = { .size = transfer->size };
	size_t len = strlen(server.content),
	       left = transfer->offset < len ? len - transfer->offset : 0;

	if (transfer->opcode == FUSE_WRITE)
		reply(transfer->unique, 0, &written, sizeof written);
	else
		reply(transfer->unique, 0, server.content + len - left,
		      left < transfer->size ? left : transfer->size);
}

static void take_transfer(const struct transfer *transfer)
{
	if (transfer->opcode != server.held_opcode) {
		answer_transfer(transfer);
		return;
	}
	if (server.held_count == HELD_MAX)
		die("too many requests");
	server.held[server.held_count++] = *transfer;
	if (server.held_count == 1)
		report("held");
}

static void answer_held(void)
{
	server.held_opcode = 0;
	for (size_t i = 0; i < server.held_count; i++)
		answer_transfer(&server.held[i]);
	report("answered");
}

/* ---- requests ---- */

static void answer(const struct fuse_in_header *request)
{
	const void *arguments = request + 1;
	const struct fuse_read_in *reading = arguments;
	const struct fuse_write_in *writing = arguments;

	switch (request->opcode) {
	case FUSE_INIT: answer_init(request->unique, arguments); break;
	case FUSE_LOOKUP: answer_lookup(request->unique); break;
	case FUSE_GETATTR: answer_getattr(request->unique, request->nodeid); break;
	case FUSE_OPEN: answer_open(request->unique); break;
	case FUSE_READ:
		take_transfer(&(struct transfer){ request->unique, reading->offset, FUSE_READ,
						  reading->size });
		break;
	case FUSE_WRITE:
		take_transfer(&(struct transfer){ request->unique, writing->offset, FUSE_WRITE,
						  writing->size });
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE: reply(request->unique, 0, NULL, 0); break;
	/* Nobody waits for an answer to these. */
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: break;
	default: reply(request->unique, ENOSYS, NULL, 0); break;
	}
}

static void take_request(void)
{
	static union {
		struct fuse_in_header header;
		char bytes[REQUEST_SIZE];
	} request;

	/* ENOENT: whoever asked has given up meanwhile. */
	if (read(server.fd, &request, sizeof request) > 0)
		answer(&request.header);
	else if (errno != ENOENT && errno != EINTR)
		die("a request");
}

static void take_word(void)
{
	char word[16];

	if (read(STDIN_FILENO, word, sizeof word) <= 0)
		exit(0);
	answer_held();
}

int main(int argc, char **argv)
{
	struct pollfd polled[] = { { .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

	if (argc != 5) {
		fprintf(stderr, "usage: deadfs DIRECTORY read|write SECONDS CONTENT\n");
		return 98;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned)strtoul(argv[3], NULL, 10));
	server.held_opcode = strcmp(argv[2], "read") == 0 ? FUSE_READ : FUSE_WRITE;
	server.content = argv[4];
	mount_on(argv[1]);
	polled[0].fd = server.fd;
	while (poll(polled, 2, -1) > 0 || errno == EINTR) {
		if (polled[0].revents)
			take_request();
		if (polled[1].revents)
			take_word();
	}
	die("poll");
}
