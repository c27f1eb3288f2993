/* SPDX-License-Identifier: ISC */
/* Owns the arithmetic of when a check is due; no clock, no timer, and nothing of what a check says.
 * Invariant: what is returned is never more than one interval. */
#include "pace.h"

uint64_t pace_retry(uint64_t interval_ms, uint64_t age_ms)
{
	uint64_t pause_ms = PACE_RETRY_MS;

	if (interval_ms < pause_ms)
		pause_ms = interval_ms;
	return age_ms < pause_ms ? pause_ms - age_ms : 0;
}

uint64_t pace_next(uint64_t interval_ms, size_t number, size_t count, uint64_t elapsed_ms,
		   uint64_t age_ms)
{
	uint64_t moment_ms = interval_ms * number / count;
	uint64_t delay_ms = (moment_ms + interval_ms - elapsed_ms % interval_ms) % interval_ms;

	/* It was killed at the end of its time: the next one is due, whatever the moment. */
	if (age_ms >= interval_ms)
		return 0;
	/* One that was begun and is over at that moment is not the next one. */
	return delay_ms == 0 && age_ms == 0 ? interval_ms : delay_ms;
}
