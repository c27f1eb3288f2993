/* SPDX-License-Identifier: ISC */
/* Whether a dinit that is about to start is a second one, for services that run already. */
#ifndef DINIT_CLIENT_BESIDE_H
#define DINIT_CLIENT_BESIDE_H

#include <stdbool.h>
#include <sys/types.h>

/* Returns the PID of the dinit that is the nearest ancestor of this process, or else PID 1, if from
 * that directory it runs a service that is to be started here, too, as would_start says; else, and
 * where that cannot be found out, 0. */
pid_t beside_find(const char *dir, bool (*would_start)(void *ctx, const char *name), void *ctx);

#endif
