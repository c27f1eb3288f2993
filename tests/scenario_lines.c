/* SPDX-License-Identifier: ISC */
/* What becomes of each line, byte by byte. dinit's own messages are kept out by the log
 * level none, so that every byte on both streams is accounted for. */
#include "streams.h"

#include <stdio.h>
#include <string.h>

/* DINIT_MAX_LINE=4k, the least there is */
#define MAX_LINE 4096

enum mode {
	MODE_TEXT,
	MODE_JSON,
	MODE_WRAP,
};

static const char *const mode_settings[] = { "DINIT_JSON_STDOUT=0", "DINIT_JSON_STDOUT=1",
					     "DINIT_JSON_STDOUT=wrap" };

static struct run *start(struct scene *scene, enum mode mode, const char *more)
{
	return run_start(scene, &(struct run_spec){
					.environment = LIST(STREAMS(scene), "DINIT_LOG_LEVEL=none",
							    mode_settings[mode], more) });
}

/* A service "web" that writes the file lines; how: a shell command, "cat" or the actor's. */
static void make_writer(struct scene *scene, const char *how, const struct bytes *lines)
{
	streams_file(scene, "lines", lines->at, lines->len);
	scene_service(scene, "web", scene_format(scene, "exec %s \"$SCENE/lines\"", how));
}

/* ---- what each mode makes of a line ---- */

enum kind {
	/* it is dropped */
	NOTHING,
	/* a JSON object; out, if any, is what stands before the added fields */
	OBJECT,
	/* none; out, if any, is what remains of the line, message what it is as a JSON string */
	STRAY,
};

struct sample {
	/* with its newline */
	const char *in;
	size_t in_len;
	enum kind kind;
	const char *out;
	const char *message;
};

/* A line of text, of its own length: it may hold NUL. */
#define LINE(text) text "\n", sizeof text

/* All that has an object's form but is none is STRAY; white space around an object goes, that
 * within it stays. */
static const struct sample samples[] = {
	{ LINE("plain words"), STRAY, NULL, "plain words" },
	{ LINE(""), NOTHING, NULL, NULL },
	{ LINE("\r"), NOTHING, NULL, NULL },
	{ LINE("with CR\r"), STRAY, "with CR", "with CR" },
	{ LINE("two CR\r\r"), STRAY, "two CR\r", "two CR\\r" },
	{ LINE("CR\rinside"), STRAY, NULL, "CR\\rinside" },
	{ LINE(" "), STRAY, NULL, " " },
	{ LINE("\ttab \"quoted\" back\\slash / %s $HOME"), STRAY, NULL,
	  "\\ttab \\\"quoted\\\" back\\\\slash / %s $HOME" },
	{ LINE("h\xc3\xa4nd\xe2\x82\xac\xf0\x9f\x98\x80"), STRAY, NULL,
	  "h\xc3\xa4nd\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ LINE("{}"), OBJECT, "{", NULL },
	{ LINE("{\"a\":1}"), OBJECT, "{\"a\":1,", NULL },
	{ LINE("{\"a\":1}\r"), OBJECT, "{\"a\":1,", NULL },
	{ LINE(" \t{\"a\":1}\t "), OBJECT, "{\"a\":1,", NULL },
	{ LINE("{\"a\": [1, -2.5e+3, true, false, null, {}, \"x\\u00e4\\n\"]}"), OBJECT,
	  "{\"a\": [1, -2.5e+3, true, false, null, {}, \"x\\u00e4\\n\"],", NULL },
	{ LINE("{\"service\":\"mine\",\"stage\":7,\"logged\":null}"), OBJECT,
	  "{\"service\":\"mine\",\"stage\":7,\"logged\":null,", NULL },
	{ LINE("{\"\xe2\x82\xac\":\"}\"}"), OBJECT, "{\"\xe2\x82\xac\":\"}\",", NULL },
	{ LINE("{\"a\":1"), STRAY, NULL, "{\\\"a\\\":1" },
	{ LINE("{\"a\":1}}"), STRAY, NULL, "{\\\"a\\\":1}}" },
	{ LINE("{\"a\":1} x"), STRAY, NULL, "{\\\"a\\\":1} x" },
	{ LINE("{\"a\":1}{\"b\":2}"), STRAY, NULL, "{\\\"a\\\":1}{\\\"b\\\":2}" },
	{ LINE("{\"a\":1,}"), STRAY, NULL, "{\\\"a\\\":1,}" },
	{ LINE("{a:1}"), STRAY, NULL, "{a:1}" },
	{ LINE("{\"a\":01}"), STRAY, NULL, "{\\\"a\\\":01}" },
	{ LINE("{\"a\":NaN}"), STRAY, NULL, "{\\\"a\\\":NaN}" },
	{ LINE("[1]"), STRAY, NULL, "[1]" },
	{ LINE("\"text\""), STRAY, NULL, "\\\"text\\\"" },
	{ LINE("{\"a\":\"\\ud8\"}"), STRAY, NULL, "{\\\"a\\\":\\\"\\\\ud8\\\"}" },
	{ LINE("{\"a\":\"tab\tinside\"}"), STRAY, NULL, "{\\\"a\\\":\\\"tab\\tinside\\\"}" },
	{ LINE("\xef\xbb\xbf{\"a\":1}"), STRAY, NULL, "\xef\xbb\xbf{\\\"a\\\":1}" },
	{ LINE("{\"a\":\"\xff\"}"), STRAY, NULL, "{\\\"a\\\":\\\"\xef\xbf\xbd\\\"}" },
	{ LINE("no \xff UTF-8 \xc3"), STRAY, NULL, "no \xef\xbf\xbd UTF-8 \xef\xbf\xbd" },
};

#define SAMPLES (sizeof samples / sizeof *samples)

static void add_fields(struct bytes *out, const char *service)
{
	bytes_add_text(out, "\"service\":\"");
	bytes_add_text(out, service);
	bytes_add_text(out, "\",\"stage\":\"run\",\"logged\":\"TIME\"}\n");
}

/* What goes out for a line (without newline and '\r') that is no object. */
static void add_stray(enum mode mode, const char *line, size_t len, const char *message,
		      struct bytes *out, struct bytes *err)
{
	if (mode == MODE_WRAP) {
		bytes_add_text(out, "{\"message\":\"");
		bytes_add_text(out, message);
		bytes_add_text(out, "\",");
		add_fields(out, "web");
		return;
	}
	bytes_add_text(mode == MODE_TEXT ? out : err, mode == MODE_TEXT
							      ? "TIME web/run: "
							      : "TIME dinit: warning: web/run: "
								"not a JSON object: ");
	bytes_add(mode == MODE_TEXT ? out : err, line, len);
	bytes_add_text(mode == MODE_TEXT ? out : err, "\n");
}

static void add_sample(enum mode mode, const struct sample *sample, struct bytes *out,
		       struct bytes *err)
{
	size_t len = sample->in_len - 1;

	if (sample->kind == NOTHING)
		return;
	if (sample->kind == OBJECT && mode != MODE_TEXT) {
		bytes_add_text(out, sample->out);
		add_fields(out, "web");
		return;
	}
	len -= sample->in[len - 1] == '\r';
	add_stray(mode, sample->in, len, sample->message, out, err);
}

static void gather(enum mode mode, struct bytes *in, struct bytes *out, struct bytes *err)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		if (in)
			bytes_add(in, samples[i].in, samples[i].in_len);
		add_sample(mode, &samples[i], out, err);
	}
}

static void expect_both(struct run *run, const struct bytes *out, const struct bytes *err)
{
	run_expect_exit(run, 0);
	streams_expect(run, RUN_STDERR, err);
	streams_expect(run, RUN_STDOUT, out);
}

/* ---- the three modes, byte by byte ---- */

static void check_samples(struct scene *scene, enum mode mode, const char *how)
{
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };
	struct run *run;

	gather(mode, &in, &out, &err);
	make_writer(scene, how, &in);
	run = start(scene, mode, NULL);
	expect_both(run, &out, &err);
	if (mode != MODE_TEXT)
		streams_expect_objects(run);
	bytes_free(&in);
	bytes_free(&out);
	bytes_free(&err);
}

static void test_lines_text_mode_get_prefix(struct scene *scene)
{
	check_samples(scene, MODE_TEXT, "cat");
}

static void test_lines_json_mode_get_fields_or_go_to_stderr(struct scene *scene)
{
	check_samples(scene, MODE_JSON, "cat");
}

static void test_lines_wrap_mode_get_fields_or_become_objects(struct scene *scene)
{
	check_samples(scene, MODE_WRAP, "cat");
}

/* The same whether the bytes come together or each alone. */
static void test_lines_text_mode_byte_by_byte_are_the_same(struct scene *scene)
{
	check_samples(scene, MODE_TEXT, "\"$ACTOR\" drip");
}

static void test_lines_json_mode_byte_by_byte_are_the_same(struct scene *scene)
{
	check_samples(scene, MODE_JSON, "\"$ACTOR\" drip");
}

static void test_lines_wrap_mode_byte_by_byte_are_the_same(struct scene *scene)
{
	check_samples(scene, MODE_WRAP, "\"$ACTOR\" drip");
}

/* And wherever they are cut in two. */
static void check_split(struct scene *scene, enum mode mode)
{
	struct bytes in = { 0 }, out = { 0 }, err = { 0 }, many_out = { 0 }, many_err = { 0 };

	gather(mode, &in, &out, &err);
	for (size_t i = 1; i < in.len; i++) {
		bytes_add(&many_out, out.at ? out.at : "", out.len);
		bytes_add(&many_err, err.at ? err.at : "", err.len);
	}
	make_writer(scene, "\"$ACTOR\" split", &in);
	expect_both(start(scene, mode, NULL), &many_out, &many_err);
	bytes_free(&in);
	bytes_free(&out);
	bytes_free(&err);
	bytes_free(&many_out);
	bytes_free(&many_err);
}

static void test_lines_text_mode_split_anywhere_are_the_same(struct scene *scene)
{
	check_split(scene, MODE_TEXT);
}

static void test_lines_json_mode_split_anywhere_are_the_same(struct scene *scene)
{
	check_split(scene, MODE_JSON);
}

static void test_lines_wrap_mode_split_anywhere_are_the_same(struct scene *scene)
{
	check_split(scene, MODE_WRAP);
}

/* stderr is text in every mode, and JSON there is as good as anything else. */
static void test_stderr_any_mode_gets_prefix(struct scene *scene)
{
	struct bytes out = { 0 }, err = { 0 }, in = { 0 };

	gather(MODE_TEXT, &in, &err, NULL);
	streams_file(scene, "lines", in.at, in.len);
	scene_service(scene, "web", "exec cat \"$SCENE/lines\" >&2");
	for (enum mode mode = MODE_TEXT; mode <= MODE_WRAP; mode++)
		expect_both(start(scene, mode, NULL), &out, &err);
	bytes_free(&in);
	bytes_free(&err);
}

/* A NUL is a byte like any other. (jq gives the message of a wrapped line back, whatever
 * way it was escaped.)
 * */
static void test_line_with_control_bytes_is_kept(struct scene *scene)
{
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };
	const struct bytes *messages;
	struct run *run;

	for (int byte = 0; byte < 0x80; byte++) {
		if (byte == '\n')
			continue;
		bytes_add_text(&in, "<");
		bytes_fill(&in, (char)byte, 1);
		bytes_add_text(&in, ">\n");
		add_stray(MODE_TEXT, in.at + in.len - 4, 3, NULL, &out, &err);
	}
	make_writer(scene, "cat", &in);
	expect_both(start(scene, MODE_TEXT, NULL), &out, &err);
	run = start(scene, MODE_WRAP, NULL);
	run_expect_exit(run, 0);
	streams_expect_objects(run);
	messages = streams_jq(run, "-j", ".message + \"\\n\"");
	if (messages->len != in.len || memcmp(messages->at, in.at, in.len) != 0)
		scene_fail("the messages are not the lines: %s", messages->at);
	bytes_free(&in);
	bytes_free(&out);
}

/* A last line without newline is written with one, and its '\r' is dropped as well. */
static void test_last_line_without_newline_is_written_with_one(struct scene *scene)
{
	static const char *const ends[] = { "last", "last\r" };
	struct bytes out = { 0 }, err = { 0 };

	bytes_add_text(&out, "TIME web/run: first\nTIME web/run: last\n");
	for (size_t i = 0; i < 2; i++) {
		scene_file(scene, "lines", 0644, scene_format(scene, "first\n%s", ends[i]));
		scene_service(scene, "web", "exec cat \"$SCENE/lines\"");
		expect_both(start(scene, MODE_TEXT, NULL), &out, &err);
	}
	bytes_free(&out);
}

/* Names are escaped as lines are; in text they stand as they are. */
static void test_service_name_with_quotes_is_escaped(struct scene *scene)
{
	static const char name[] = "we\"b\\ %s\xc3\xa4{}'$";
	struct bytes text = { 0 }, json = { 0 }, none = { 0 };
	const char *services;
	struct run *run;

	scene_service(scene, name, "echo '{\"n\":1}'");
	bytes_add_text(&text, scene_format(scene, "TIME %s/run: {\"n\":1}\n", name));
	bytes_add_text(&json, "{\"n\":1,");
	add_fields(&json, "we\\\"b\\\\ %s\xc3\xa4{}'$");
	expect_both(start(scene, MODE_TEXT, NULL), &text, &none);
	run = start(scene, MODE_JSON, NULL);
	expect_both(run, &json, &none);
	services = streams_jq(run, "-j", ".service")->at;
	if (strcmp(services, name) != 0)
		scene_fail("jq takes the name for %s", services);
	bytes_free(&text);
	bytes_free(&json);
}

/* Times are UTC, RFC 3339, milliseconds, taken when dinit read the line. */
static void test_time_stamp_is_when_line_was_read(struct scene *scene)
{
	const char *stamp, *wall;
	struct run *run;

	scene_service(scene, "web",
		      "TZ=Pacific/Honolulu; export TZ\n"
		      "echo \"before $(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\"; \"$ACTOR\" drained\n"
		      "echo \"after $(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\"");
	run = start(scene, MODE_TEXT, "TZ=Asia/Tokyo");
	run_expect_exit(run, 0);
	stamp = run_match(run, RUN_STDOUT, "^([-0-9T:.]{23}Z) web/run: before ", 1);
	wall = run_match(run, RUN_STDOUT, " before (.*)$", 1);
	assert_true(strcmp(wall, stamp) <= 0);
	wall = run_match(run, RUN_STDOUT, " after (.*)$", 1);
	assert_true(strcmp(stamp, wall) <= 0);
}

/* ---- slow lines ---- */

static void test_partial_line_slow_is_written_whole(struct scene *scene)
{
	struct run *run;

	scene_fifo(scene, "web.go");
	scene_fifo(scene, "other.go");
	scene_service(
		scene, "web",
		"printf par; \"$ACTOR\" drained; echo waiting >&2; read go <\"$SCENE/web.go\"\n"
		"printf tial; \"$ACTOR\" drained; echo waiting >&2; read go <\"$SCENE/web.go\"; "
		"printf '\\n'");
	scene_service(scene, "other",
		      "trap '' TERM; read go <\"$SCENE/other.go\"; echo whole; read go "
		      "<\"$SCENE/other.go\"");
	run = start(scene, MODE_TEXT, NULL);
	run_wait_lines(run, RUN_STDERR, " web/run: waiting$", 1);
	scene_let_go(scene, "web.go");
	scene_let_go(scene, "other.go");
	run_wait_lines(run, RUN_STDERR, " web/run: waiting$", 2);
	run_wait_line(run, RUN_STDOUT, " other/run: whole$");
	run_expect_no_line(run, RUN_STDOUT, "par");
	scene_let_go(scene, "web.go");
	scene_let_go(scene, "other.go");
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT, " web/run: partial$");
	assert_int_equal(run_count_lines(run, RUN_STDOUT, "web/run"), 1);
}

/* ---- lines around DINIT_MAX_LINE ---- */

/* A line of len bytes, an object where the mode wants one, goes out whole up to MAX_LINE, else
 * in pieces of that size. */
static void add_long(enum mode mode, size_t len, struct bytes *in, struct bytes *out,
		     struct bytes *err)
{
	struct bytes line = { 0 };

	bytes_add_text(&line, "{\"a\":\"");
	bytes_fill(&line, 'x', len - 8);
	bytes_add_text(&line, "\"}");
	bytes_add(in, line.at, len);
	if (len <= MAX_LINE && mode != MODE_TEXT) {
		bytes_add(out, line.at, len - 1);
		bytes_add_text(out, ",");
		add_fields(out, "web");
	} else {
		for (size_t at = 0; at < len; at += MAX_LINE) {
			struct bytes message = { 0 };
			size_t piece = len - at < MAX_LINE ? len - at : MAX_LINE;

			for (size_t i = at; i < at + piece; i++) {
				if (line.at[i] == '"')
					bytes_fill(&message, '\\', 1);
				bytes_fill(&message, line.at[i], 1);
			}
			add_stray(mode, line.at + at, piece, message.at, out, err);
			bytes_free(&message);
		}
	}
	bytes_free(&line);
}

/* Waits for one line after the other, so that each has a deadline of its own: but for the last,
 * which may come at the end. */
static void wait_for_all(struct run *run, enum run_stream stream, const struct bytes *bytes)
{
	size_t count = 0;

	for (size_t i = 0; i < bytes->len; i++)
		if (bytes->at[i] == '\n' && ++count > 1)
			run_wait_lines(run, stream, "", count - 1);
}

/* Every length around so many pieces and fewer, each with its newline, with '\r' and newline, and
 * last without any. */
static void check_long(struct scene *scene, enum mode mode, const char *how, size_t most)
{
	static const char *const ends[] = { "\n", "\r\n" };
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };
	struct run *run;

	for (size_t pieces = 1; pieces <= most; pieces++)
		for (size_t more = 0; more <= 4; more++)
			for (size_t end = 0; end < 2; end++) {
				add_long(mode, pieces * MAX_LINE + more - 2, &in, &out, &err);
				bytes_add_text(&in, ends[end]);
			}
	add_long(mode, 2 * MAX_LINE + 1, &in, &out, &err);
	make_writer(scene, how, &in);
	run = start(scene, mode, "DINIT_MAX_LINE=4k");
	wait_for_all(run, RUN_STDOUT, &out);
	wait_for_all(run, RUN_STDERR, &err);
	expect_both(run, &out, &err);
	bytes_free(&in);
	bytes_free(&out);
	bytes_free(&err);
}

static void test_long_lines_text_mode_go_out_in_pieces(struct scene *scene)
{
	check_long(scene, MODE_TEXT, "cat", 3);
}

static void test_long_lines_json_mode_go_out_in_pieces(struct scene *scene)
{
	check_long(scene, MODE_JSON, "cat", 3);
}

static void test_long_lines_wrap_mode_go_out_in_pieces(struct scene *scene)
{
	check_long(scene, MODE_WRAP, "cat", 3);
}

/* A write for each byte: a busy machine takes long for as many as the others have. */
static void test_long_lines_byte_by_byte_go_out_in_pieces(struct scene *scene)
{
	check_long(scene, MODE_JSON, "\"$ACTOR\" drip", 1);
}

/* Pieces are no JSON, even where the last one looks like it. */
static void test_last_piece_looking_like_object_is_none(struct scene *scene)
{
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };

	bytes_fill(&in, 'x', MAX_LINE);
	add_stray(MODE_JSON, in.at, MAX_LINE, NULL, &out, &err);
	bytes_add_text(&in, "{\"a\":1}\n{\"b\":2}\n");
	add_stray(MODE_JSON, "{\"a\":1}", 7, NULL, &out, &err);
	bytes_add_text(&out, "{\"b\":2,");
	add_fields(&out, "web");
	make_writer(scene, "cat", &in);
	expect_both(start(scene, MODE_JSON, "DINIT_MAX_LINE=4k"), &out, &err);
	bytes_free(&in);
	bytes_free(&out);
	bytes_free(&err);
}

/* Never lost; pieces of wrapped text, put together again, are the line, wherever its
 * characters would be cut.
 * */
static void test_long_line_wrapped_is_whole_put_together(struct scene *scene)
{
	struct bytes in = { 0 };
	const struct bytes *messages;
	struct run *run;

	for (size_t i = 0; i < 3001; i++)
		bytes_add_text(&in, i % 7 ? "\xe2\x82\xac" : "\xf0\x9f\x98\x80");
	make_writer(scene, "cat", &in);
	run = start(scene, MODE_WRAP, "DINIT_MAX_LINE=4k");
	run_expect_exit(run, 0);
	streams_expect_objects(run);
	messages = streams_jq(run, "-j", ".message");
	if (messages->len != in.len || memcmp(messages->at, in.at, in.len) != 0)
		scene_fail("the pieces are not the line, %zu bytes become %zu", in.len,
			   messages->len);
	bytes_free(&in);
}

/* A line as long as DINIT_MAX_LINE allows is whole, and the next one of any length does
 * not kill the service.
 * */
static void test_lines_of_megabytes_are_whole_up_to_limit(struct scene *scene)
{
	const size_t limit = (size_t)3 << 20;
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };

	bytes_fill(&in, 'a', limit);
	add_stray(MODE_TEXT, in.at, limit, NULL, &out, &err);
	bytes_add_text(&in, "\n");
	bytes_fill(&in, 'b', 2 * limit + 1);
	add_stray(MODE_TEXT, in.at + limit + 1, limit, NULL, &out, &err);
	add_stray(MODE_TEXT, in.at + limit + 1, limit, NULL, &out, &err);
	add_stray(MODE_TEXT, "b", 1, NULL, &out, &err);
	bytes_add_text(&in, "\nend\n");
	add_stray(MODE_TEXT, "end", 3, NULL, &out, &err);
	make_writer(scene, "cat", &in);
	expect_both(start(scene, MODE_TEXT, "DINIT_MAX_LINE=3M"), &out, &err);
	bytes_free(&in);
	bytes_free(&out);
}

/* A lone surrogate escape is accepted as the grammar does. (Many parsers refuse it, jq
 * among them.) */
static void test_object_with_lone_surrogate_is_accepted(struct scene *scene)
{
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };

	bytes_add_text(&in, "{\"a\":\"\\ud800\"}\n");
	bytes_add_text(&out, "{\"a\":\"\\ud800\",");
	add_fields(&out, "web");
	make_writer(scene, "cat", &in);
	for (enum mode mode = MODE_JSON; mode <= MODE_WRAP; mode++)
		expect_both(start(scene, mode, NULL), &out, &err);
	bytes_free(&in);
	bytes_free(&out);
}

/* Nesting is no reason to refuse an object, as far as 10,000 levels. */
static void test_object_nested_deeply_is_accepted(struct scene *scene)
{
	const size_t depth = 9999;
	struct bytes in = { 0 }, out = { 0 }, err = { 0 };

	bytes_add_text(&in, "{\"a\":");
	bytes_fill(&in, '[', depth);
	bytes_fill(&in, ']', depth);
	bytes_add(&out, in.at, in.len);
	bytes_add_text(&in, "}\n");
	bytes_add_text(&out, ",");
	add_fields(&out, "web");
	make_writer(scene, "cat", &in);
	expect_both(start(scene, MODE_JSON, NULL), &out, &err);
	bytes_free(&in);
	bytes_free(&out);
}

/* ---- that warning is output, not opinion ---- */

static void test_stray_line_any_log_level_is_written(struct scene *scene)
{
	static const char *const levels[] = { "none", "error", "warn", "info", "debug" };
	struct run *run;

	scene_service(scene, "web", "echo one; echo '{}'; echo two");
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		run = run_start(scene, &(struct run_spec){
					       .environment = LIST(scene_format(
						       scene, "DINIT_LOG_LEVEL=%s", levels[i])) });
		run_expect_exit(run, 0);
		run_expect_line(run, RUN_STDERR,
				"^[^ ]* dinit: warning: web/run: not a JSON object: one$");
		run_expect_line(run, RUN_STDERR,
				"^[^ ]* dinit: warning: web/run: not a JSON object: two$");
		assert_int_equal(run_count_lines(run, RUN_STDERR, "not a JSON object"), 2);
		assert_int_equal(run_count_lines(run, RUN_STDOUT, ""), 1);
	}
}

/* Both streams of `terminate` have the stage term. */
static void test_terminate_lines_have_stage_term(struct scene *scene)
{
	struct run *run;

	scene_service(scene, "web", "exec \"$ACTOR\" handle 1 json 0 web");
	scene_script(scene, "services/web/terminate",
		     "echo '{\"last\":1}'; echo words; echo errors >&2; kill \"$DINIT_PID\"");
	run = start(scene, MODE_JSON, NULL);
	streams_wait_report(scene, "ready web");
	run_signal(run, SIGTERM);
	run_expect_exit(run, 0);
	run_expect_line(run, RUN_STDOUT,
			"^\\{\"last\":1,\"service\":\"web\",\"stage\":\"term\",\"logged\":\"[-0-9T:"
			".]*Z\"\\}$");
	run_expect_line(run, RUN_STDERR,
			"^[^ ]* dinit: warning: web/term: not a JSON object: words$");
	run_expect_line(run, RUN_STDERR, "^[^ ]* web/term: errors$");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_lines_text_mode_get_prefix),
		SCENE(test_lines_json_mode_get_fields_or_go_to_stderr),
		SCENE(test_lines_wrap_mode_get_fields_or_become_objects),
		SCENE_AS_INIT(test_lines_text_mode_byte_by_byte_are_the_same),
		SCENE_AS_SUBREAPER(test_lines_json_mode_byte_by_byte_are_the_same),
		SCENE_AS_INIT(test_lines_wrap_mode_byte_by_byte_are_the_same),
		SCENE_AS_SUBREAPER(test_lines_text_mode_split_anywhere_are_the_same),
		SCENE_AS_INIT(test_lines_json_mode_split_anywhere_are_the_same),
		SCENE_AS_SUBREAPER(test_lines_wrap_mode_split_anywhere_are_the_same),
		SCENE(test_stderr_any_mode_gets_prefix),
		SCENE(test_line_with_control_bytes_is_kept),
		SCENE(test_last_line_without_newline_is_written_with_one),
		SCENE(test_service_name_with_quotes_is_escaped),
		SCENE(test_time_stamp_is_when_line_was_read),
		SCENE(test_partial_line_slow_is_written_whole),
		SCENE_AS_INIT(test_long_lines_text_mode_go_out_in_pieces),
		SCENE_AS_SUBREAPER(test_long_lines_json_mode_go_out_in_pieces),
		SCENE_AS_INIT(test_long_lines_wrap_mode_go_out_in_pieces),
		SCENE_AS_SUBREAPER(test_long_lines_byte_by_byte_go_out_in_pieces),
		SCENE(test_last_piece_looking_like_object_is_none),
		SCENE(test_long_line_wrapped_is_whole_put_together),
		SCENE(test_lines_of_megabytes_are_whole_up_to_limit),
		SCENE(test_object_with_lone_surrogate_is_accepted),
		SCENE(test_object_nested_deeply_is_accepted),
		SCENE(test_stray_line_any_log_level_is_written),
		SCENE(test_terminate_lines_have_stage_term),
	};

	return scene_run_all("lines", tests, sizeof tests / sizeof *tests);
}
