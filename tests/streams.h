/* SPDX-License-Identifier: ISC */
/* What the scenario tests of dinit's streams share beside the harness: the actor that plays
 * their services, and looks at what dinit wrote that are quick enough for millions of lines. */
#ifndef TESTS_STREAMS_H
#define TESTS_STREAMS_H

#include "harness.h"

/* Every run of these tests has them in its environment: where the actor is ($ACTOR, which stands
 * beside the test program) and where it reports to ($REPORT). Makes the FIFO $SCENE/report.
 * Write LIST(STREAMS(scene), "DINIT_JSON_STDOUT=0"). */
#define STREAMS(scene) streams_actor(scene), streams_report(scene)
const char *streams_actor(struct scene *scene);
const char *streams_report(struct scene *scene);

/* Waits until the actor has reported a line that begins with these words, and returns the rest
 * of it. Lines before it are remembered for other calls. Meanwhile the harness reads nothing of
 * any run. */
#define streams_wait_report(scene, words) streams_wait_report_at(scene, words, SCENE_HERE)
const char *streams_wait_report_at(struct scene *scene, const char *words, const char *where);

/* Writes len bytes, whatever they are, to a file below $SCENE. */
void streams_file(struct scene *scene, const char *path, const char *bytes, size_t len);

/* Bytes that a test puts together. */
struct bytes {
	char *at;
	size_t len, size;
};

void bytes_add(struct bytes *bytes, const void *more, size_t len);
void bytes_add_text(struct bytes *bytes, const char *text);
void bytes_fill(struct bytes *bytes, char byte, size_t count);
void bytes_free(struct bytes *bytes);

/* Replaces every time stamp in what the run wrote so far by "TIME" and fails unless that is
 * exactly the expected bytes. */
#define streams_expect(run, stream, expected) streams_expect_at(run, stream, expected, SCENE_HERE)
void streams_expect_at(struct run *run, enum run_stream stream, const struct bytes *expected,
		       const char *where);

/* What `jq <options> <filter>` makes of what the run wrote to that stream (streams_jq: stdout) so
 * far; fails where jq does. */
#define streams_jq(run, options, filter) streams_jq_on(run, RUN_STDOUT, options, filter)
#define streams_jq_on(run, stream, options, filter) \
	streams_jq_at(run, stream, options, filter, SCENE_HERE)
const struct bytes *streams_jq_at(struct run *run, enum run_stream stream, const char *options,
				  const char *filter, const char *where);

/* Fails unless jq parses each line of that stream (streams_expect_objects: stdout), and makes one
 * object of each. */
#define streams_expect_objects(run) streams_expect_objects_on(run, RUN_STDOUT)
#define streams_expect_objects_on(run, stream) streams_expect_objects_at(run, stream, SCENE_HERE)
void streams_expect_objects_at(struct run *run, enum run_stream stream, const char *where);

/* Fails unless each of these services has written the numbers 1 to n of the actor to that
 * stream, each once and in order, whatever stands between them. Understands every form of a
 * line. */
#define streams_expect_numbers(run, stream, services, count, n) \
	streams_expect_numbers_at(run, stream, services, count, n, SCENE_HERE)
void streams_expect_numbers_at(struct run *run, enum run_stream stream, const char *const *services,
			       size_t count, unsigned long n, const char *where);

/* The same for what one service wrote so far; returns the last number. */
#define streams_last_number(run, stream, service) \
	streams_last_number_at(run, stream, service, SCENE_HERE)
unsigned long streams_last_number_at(struct run *run, enum run_stream stream, const char *service,
				     const char *where);

/* Makes the file below $SCENE what the run wrote to that stream, for where the harness did not
 * read it. */
void streams_collect(struct run *run, enum run_stream stream, const char *path);

/* Resident memory of dinit in kB; 0 where it says nothing, under a sanitizer. */
size_t streams_rss_kb(const struct run *run);

#endif
