/* SPDX-License-Identifier: ISC */
/* What people are shown of a snapshot, as text: the cells of a service's row, and sentences about
 * dinit as a whole. */
#ifndef DINIT_CLIENT_CELLS_H
#define DINIT_CLIENT_CELLS_H

#include "client/usage.h"
#include "client/view.h"

#include <stdbool.h>
#include <stddef.h>

/* Room for one cell. */
#define CELLS_SIZE 24

/* Room for the sentence about dinit as a whole. */
#define CELLS_WHOLE_SIZE (2 * VIEW_TEXT_SIZE)

/* Room for a few words about it. */
#define CELLS_BRIEF_SIZE 80

/* The columns between NAME and REASON. */
enum cells_column {
	CELLS_STATE,
	CELLS_PID,
	CELLS_FOR,
	CELLS_CPU,
	CELLS_MEMORY,
	CELLS_LINES,
	CELLS_COLUMNS,
};

struct cells {
	char texts[CELLS_COLUMNS][CELLS_SIZE];
};

/* Returns the names of the columns. */
const struct cells *cells_head(void);

/* Returns the PID that is shown of a service: of its run, or of its finish; 0: neither runs. */
int32_t cells_find_pid(const struct view_service *service);

/* Fills the row of a service. A cell without a value is "-". usage may be NULL: it is unknown. */
void cells_fill(struct cells *cells, const struct view_service *service, const struct usage *usage);

/* Writes one sentence about dinit as a whole: why it stops, or, if counted, how many of the
 * services are not ready. */
void cells_describe_whole(char text[CELLS_WHOLE_SIZE], const struct snapshot *snapshot,
			  bool counted);

/* Writes what dinit in that state is doing: "running", "delaying its stop". */
void cells_describe_state(char text[CELLS_BRIEF_SIZE], enum board_whole state);

/* Writes a few words about dinit as a whole: "stopping" and "delaying its stop" in a teardown, else
 * how many of the services are not ready. */
void cells_describe_briefly(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot);

/* Writes that dinit itself is stopped by a signal, so that what is shown is how it was then; ""
 * where it is not, or /proc does not say it. */
void cells_describe_stopped(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot);

/* Writes how many adopted processes have no row, as the page has no place for them; "" where all
 * have one. */
void cells_describe_unlisted(char text[CELLS_BRIEF_SIZE], const struct snapshot *snapshot);

#endif
