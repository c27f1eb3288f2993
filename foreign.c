/* SPDX-License-Identifier: ISC */
/* Owns what is known about directories that were written for another supervisor. Does not read a
 * file: it only looks whether it is there. */
#include "foreign.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

const char *foreign_explain_missing_run(const char *directory)
{
	static const struct {
		char file[12], problem[144];
	} signs[] = {
		{ "up", "is missing: this is an s6-rc oneshot, and dinit runs none (do what its up "
			"does in the entry point's script before exec dinit, or in a run)" },
		{ "contents.d", "is missing: this is an s6-rc bundle, and dinit has none (remove "
				"it; all services start)" },
		{ "type", "is missing: this is an s6-rc source directory, of which only a longrun, "
			  "which has this executable file, is a service here" },
	};
	char path[PATH_MAX];
	struct stat status;

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		snprintf(path, sizeof path, "%s/%s", directory, signs[i].file);
		if (lstat(path, &status) == 0)
			return signs[i].problem;
	}
	return "is missing: every service needs this executable file";
}
