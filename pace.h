/* SPDX-License-Identifier: ISC */
/* When the next run of a check is due. All times are milliseconds; those that are returned count
 * from now on. An interval is at least one millisecond.
 *
 * Until its service has been ready once, a check is retried soon. After that the checks are spread
 * over the interval, so that they do not all run at once: intervals follow each other since a
 * beginning that all checks share, and in each of them check n of count is due when n / count of
 * the interval is over. */
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

/* Returns in how many milliseconds a check is due whose service has been ready: at its own moment
 * of the interval, where number (below count) is its place among the checks. The shared beginning
 * was elapsed_ms ago, and the last run of the check began age_ms ago. A check whose run has taken
 * the whole interval is due at once. One whose run has begun just now, at its moment, is due at
 * that of the next interval. */
uint64_t pace_next(uint64_t interval_ms, size_t number, size_t count, uint64_t elapsed_ms,
		   uint64_t age_ms);

#endif
