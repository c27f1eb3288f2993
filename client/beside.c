/* SPDX-License-Identifier: ISC */
/* Owns the question whether another dinit runs the same services; not what follows. Invariant: two
 * directories are the same where device and inode are, whatever their paths. */
#include "client/beside.h"

#include "client/view.h"
#include "procfs.h"

#include <sys/stat.h>
#include <unistd.h>

static bool is_above(pid_t pid)
{
	static const struct procfs proc = { .root = "/proc" };
	struct procfs_stat stat = { .parent = getppid() };

	while (stat.parent > 1 && stat.parent != pid)
		if (!procfs_usable(&proc) || procfs_read_stat(&proc, stat.parent, &stat) < 0)
			break;
	return pid == 1 || stat.parent == pid;
}

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
	pid_t pid = 0;

	if (view_look(0, &snapshot, why) < 0)
		return 0;
	if (is_of(&snapshot.header, dir) && is_above(snapshot.header.pid))
		for (size_t i = 0; i < snapshot.services; i++)
			if (runs(&snapshot.list[i]) && would_start(ctx, snapshot.list[i].name))
				pid = snapshot.header.pid;
	snapshot_free(&snapshot);
	return pid;
}
