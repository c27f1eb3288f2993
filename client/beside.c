/* SPDX-License-Identifier: ISC */
/* Owns the question whether another dinit runs the same services; not what follows. Invariant: two
 * directories are the same where device and inode are, whatever their paths. */
#include "client/beside.h"

#include "client/view.h"

#include <sys/stat.h>

static bool runs(const struct view_service *service)
{
	switch ((enum board_state)service->entry.state) {
	case BOARD_STARTING:
	case BOARD_READY:
	case BOARD_UNREADY:
	case BOARD_STOPPING:
	case BOARD_FINISHING: return true;
	case BOARD_DISABLED:
	case BOARD_ENDED:
	case BOARD_DOWN:
	case BOARD_SKIPPED:
	case BOARD_STATES: break;
	}
	return false;
}

/* Returns whether a service runs there that is to be started here, too. */
static bool is_started(const struct snapshot *snapshot,
		       bool (*would_start)(void *ctx, const char *name), void *ctx)
{
	for (size_t i = 0; i < snapshot->services; i++)
		if (runs(&snapshot->list[i]) && would_start(ctx, snapshot->list[i].name))
			return true;
	return false;
}

static bool is_of(const struct board_header *header, const char *dir)
{
	struct stat status;

	return stat(dir, &status) == 0 && header->dir_device == status.st_dev &&
	       header->dir_inode == status.st_ino;
}

pid_t beside_find(const char *dir, bool (*would_start)(void *ctx, const char *name), void *ctx)
{
	char why[VIEW_WHY_SIZE];
	struct snapshot snapshot;
	struct view view;
	pid_t pid = 0;

	if (view_open(&view, 0, why) < 0)
		return 0;
	if (view.above && view_take(&view, &snapshot, why) == 0) {
		if (is_of(&snapshot.header, dir) && is_started(&snapshot, would_start, ctx))
			pid = view.pid;
		snapshot_free(&snapshot);
	}
	view_close(&view);
	return pid;
}
