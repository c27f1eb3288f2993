/* SPDX-License-Identifier: ISC */
/* When the next run of a check is due. All numbers are milliseconds, those that are returned from
 * now on, and an interval is at least one.
 *
 * Until its service is ready, a check is retried soon. After that the checks are spread: each
 * interval since a beginning that they share is divided among them, the one with number n of count
 * is due at n / count of it, and so no part of an interval has more runs than its share. */
#ifndef DINIT_PACE_H
#define DINIT_PACE_H

#include <stddef.h>
#include <stdint.h>

/* How long after a check that failed began the next one begins, until the first that succeeds (or
 * the interval, where that is shorter). */
#define PACE_RETRY_MS 1000

/* Returns in how many milliseconds a check is due whose service was never ready, and whose last run
 * began age_ms ago. */
uint64_t pace_retry(uint64_t interval_ms, uint64_t age_ms);

/* Returns in how many milliseconds a check is due whose service was ready: at its own moment of the
 * interval, number (below count) being its place among the checks. The shared beginning was
 * elapsed_ms ago, and its last run began age_ms ago. One that has taken the whole interval is due
 * at once; one that has taken no time, at its moment, is due at the next. */
uint64_t pace_next(uint64_t interval_ms, size_t number, size_t count, uint64_t elapsed_ms,
		   uint64_t age_ms);

#endif
