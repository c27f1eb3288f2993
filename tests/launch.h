/* SPDX-License-Identifier: ISC */
/* What the parts of the harness share: scene.c, lanes.c, launch.c and harness.c. Tests include
 * harness.h. */
#ifndef TESTS_LAUNCH_H
#define TESTS_LAUNCH_H

#include "harness.h"

#include <errno.h>
#include <string.h>

#define SCENE_CHECK(condition, what) \
	do { \
		if (!(condition)) \
			scene_fail_at(SCENE_HERE, "%s: %s", what, strerror(errno)); \
	} while (0)

#define SCENE_PATH_SIZE 4096

/* What is left of the time until then, in milliseconds: 0 where it is over. */
int scene_left_ms(uint64_t until_ms);

/* Copies the text; the copy lives as long as the scene. */
const char *scene_keep(struct scene *scene, const char *text, size_t len);

/* Copies a file, its permissions as well; fails the test where that cannot be done. */
void scene_copy_file(const char *from, const char *to);

/* Closes it unless it is negative. */
void scene_close_fd(int fd);

/* An entry of dinit's environment for the options of a sanitizer: those of our own, and where its
 * reports go. Descriptor 2 would be lost with the process, which reads it itself. */
const char *scene_sanitizer_options(struct scene *scene, const char *name);

/* Fails the test where a sanitizer of a dinit has reported something, which is shown at its end. */
void scene_expect_no_report(struct scene *scene, const char *where);

/* DINIT_BINARY, or where it is usually. */
const char *launch_binary_name(void);

/* Closes what a stream of a run is read from. */
void run_end_output(struct run_output *output);

/* Adds these bytes to what the run has written. */
void run_add_output(struct run_output *output, const char *bytes, size_t len);

/* "stdout" or "stderr". */
const char *run_stream_name(enum run_stream stream);

#endif
