/* SPDX-License-Identifier: ISC */
/* The page that the maker of orphans shares with the driver. */
#ifndef DINIT_BENCH_ORPHANS_H
#define DINIT_BENCH_ORPHANS_H

#include <stdatomic.h>
#include <stdint.h>

#define ORPHANS_MAX 10000

struct orphans {
	/* when their parent ended; 0: not yet */
	_Atomic uint64_t begun_ns;
	int32_t pids[ORPHANS_MAX];
};

#endif
