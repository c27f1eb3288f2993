/* SPDX-License-Identifier: ISC */
/* The notification-fd of a service: a pipe on which its run writes a newline when it is ready. */
#ifndef DINIT_NOTIFY_H
#define DINIT_NOTIFY_H

#include "loop.h"

#include <stdbool.h>

/* The read end of the pipe. */
struct notify;

/* Makes the pipe. on_said is called once: when the first newline has come (ready), or when nobody
 * can write one any more; what else is written is read and ignored. Returns NULL with errno, and
 * nothing open, where that is impossible. Sets *write_fd to the end for the service, which is
 * close-on-exec and the caller's to close. */
struct notify *notify_open(struct loop *loop, void (*on_said)(void *ctx, bool ready), void *ctx,
			   int *write_fd);

/* Closes the pipe. NULL: there is none. */
void notify_close(struct notify *notify);

#endif
