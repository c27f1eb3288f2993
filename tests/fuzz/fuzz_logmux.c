/* SPDX-License-Identifier: ISC */
/* Owns: a run of the whole path, bytes into a pipe to lines out of another, through a real
 * logmux, and the proof that each line is there, in order, decorated as its stream demands. What
 * is JSON is said by the judge (judge.h); the model of what is a line, and of what is UTF-8
 * (Unicode 15, table 3-7), is its own. Does not: know how logmux.c goes about it; but with
 * memory failing, lines may come in any pieces.
 *
 * Invariant: nothing waits for anything: writer, loop and readers take turns in one thread, so
 * that a turn in which nobody moves is the end. A difference ends in abort(), with one line on
 * stderr that says what.
 *
 * The input: five bytes (see read_plan), then what both sources write. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge.h"
#include "logmux.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUIET_TURNS 3
#define TURNS_MAX 1000000

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_logmux: %s\n", what);
	abort();
}

/* ---- memory that fails now and then ---- */

static bool failing;
static unsigned fail_each, calls;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool memory_fails(void)
{
	return failing && fail_each && ++calls % fail_each == 0;
}

void *__wrap_malloc(size_t size)
{
	return memory_fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
	if (memory_fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_realloc(old, size);
}

/* ---- UTF-8 ---- */

static bool continues(const uint8_t *p, size_t len, size_t at, uint8_t from, uint8_t to)
{
	return at < len && p[at] >= from && p[at] <= to;
}

/* The length of the character at p (*good), or of the longest beginning of one there (at least
 * 1). */
static size_t character(const uint8_t *p, size_t len, bool *good)
{
	uint8_t from = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	uint8_t to = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	size_t needed = p[0] < 0x80   ? 1
			: p[0] < 0xc2 ? 0
			: p[0] < 0xe0 ? 2
			: p[0] < 0xf0 ? 3
			: p[0] < 0xf5 ? 4
				      : 0;
	size_t n = 1;

	while (n < needed && continues(p, len, n, n == 1 ? from : 0x80, n == 1 ? to : 0xbf))
		n++;
	*good = n == needed;
	return n;
}

/* The text with one U+FFFD for each ill-formed part. */
static size_t tidy(uint8_t *out, const uint8_t *text, size_t len)
{
	size_t put = 0;

	for (size_t at = 0; at < len;) {
		bool good;
		size_t n = character(text + at, len - at, &good);

		memcpy(out + put, good ? (const char *)text + at : "\xef\xbf\xbd", good ? n : 3);
		put += good ? n : 3;
		at += n;
	}
	return put;
}

/* What does not depend on where pieces are cut where memory fails: no '\r', which may end a line
 * in its own piece, and only ASCII where characters cut in two become U+FFFD. out may be text. */
static size_t reduce(uint8_t *out, const uint8_t *text, size_t len, bool ascii)
{
	size_t put = 0;

	for (size_t at = 0; at < len; at++)
		if (text[at] != '\r' && (!ascii || text[at] < 0x80))
			out[put++] = text[at];
	return put;
}

/* ---- JSON ---- */

struct object {
	const uint8_t *at, *end;
	bool empty;
};

static bool is_white(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Whether the line is one object; *object is then without the white space around it. */
static bool is_object(const uint8_t *line, size_t len, struct object *object)
{
	json_t *root = judge_object((const char *)line, len);

	if (!root)
		return false;
	object->empty = json_object_size(root) == 0;
	json_decref(root);
	object->at = line;
	object->end = line + len;
	while (is_white(*object->at))
		object->at++;
	while (is_white(object->end[-1]))
		object->end--;
	return true;
}

/* ---- what is to be done with an input ---- */

struct plan {
	enum config_stdout mode;
	enum config_stderr stderr_mode;
	bool same_file;
	size_t max_line;
	uint32_t random;
	/* The most bytes that a reader takes in a turn. */
	size_t reads;
	const uint8_t *text;
	size_t len;
};

static bool read_plan(struct plan *plan, const uint8_t *data, size_t size)
{
	static const size_t lens[] = { 4, 5, 16, 100, 4096, 65536, 1 << 20, 7 };
	static const enum config_stdout modes[] = {
		CONFIG_STDOUT_TEXT,
		CONFIG_STDOUT_JSON,
		CONFIG_STDOUT_WRAP,
		CONFIG_STDOUT_JSON,
	};

	if (size < 5)
		return false;
	plan->mode = modes[data[0] & 3];
	plan->same_file = data[0] & 4;
	plan->stderr_mode = data[0] & 8 ? CONFIG_STDERR_WRAP : CONFIG_STDERR_TEXT;
	plan->max_line = lens[data[1] & 7];
	fail_each = data[2] & 1 ? 1u + (data[2] >> 1) : 0;
	plan->random = data[3];
	plan->reads = data[4] & 1 ? 1u + data[4] * 16u : 1 << 20;
	plan->text = data + 5;
	plan->len = size - 5;
	return true;
}

static uint32_t random_below(struct plan *plan, uint32_t bound)
{
	plan->random = plan->random * 1664525 + 1013904223;
	return (plan->random >> 8) % bound;
}

/* ---- the run ---- */

struct collected {
	int fd;
	uint8_t *text;
	size_t len;
};

/* Where the outputs are kept, from one run to the next: making it anew would cost more than all
 * else. */
static struct {
	uint8_t *text;
	size_t size;
} kept[2];

struct run {
	struct plan *plan;
	struct loop loop;
	struct outputs sinks;
	struct logmux mux;
	int writers[2];
	size_t written[2];
	/* What dinit is given as stdout and stderr, under their numbers. */
	int given_fds[3];
	struct collected outputs[2];
	int quiet, turns;
};

static bool collect(struct run *run, int which)
{
	struct collected *output = &run->outputs[which];
	ssize_t n;

	if (kept[which].size - output->len < (1 << 20)) {
		kept[which].size += 2 << 20;
		kept[which].text = realloc(kept[which].text, kept[which].size);
		insist(kept[which].text != NULL, "no memory for the fuzzer");
	}
	output->text = kept[which].text;
	n = read(output->fd, output->text + output->len, run->plan->reads);
	if (n <= 0)
		return false;
	output->len += (size_t)n;
	return true;
}

/* The next chunk, of any size but mostly a small one, or the end. */
static bool write_some(struct run *run, int source)
{
	size_t left = run->plan->len - run->written[source];
	size_t chunk = 1 + random_below(run->plan, random_below(run->plan, 4) ? 64 : 100000);
	ssize_t n;

	if (run->writers[source] < 0)
		return false;
	if (left == 0) {
		close(run->writers[source]);
		run->writers[source] = -1;
		return true;
	}
	n = write(run->writers[source], run->plan->text + run->written[source],
		  chunk < left ? chunk : left);
	if (n <= 0)
		return false;
	run->written[source] += (size_t)n;
	return true;
}

static enum loop_verdict on_turn_end(void *ctx)
{
	struct run *run = ctx;
	bool any;

	logmux_read_busy(&run->mux);
	any = logmux_turn(&run->mux) != LOOP_SLEEP;
	failing = false;
	for (int i = 0; i < 2; i++) {
		any |= write_some(run, i);
		any |= collect(run, i);
	}
	failing = true;
	run->quiet = any ? 0 : run->quiet + 1;
	insist(++run->turns < TURNS_MAX, "it spins");
	return run->quiet < QUIET_TURNS ? LOOP_AGAIN : LOOP_STOP;
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	(void)ctx;
	(void)info;
}

/* Returns the end to write to. */
static int open_output(struct collected *output)
{
	int pair[2];

	insist(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0, "cannot make a pipe");
	output->fd = pair[0];
	return pair[1];
}

static void open_run(struct run *run)
{
	struct config config = {
		.stdout_mode = run->plan->mode,
		.stderr_mode = run->plan->stderr_mode,
		.max_line = run->plan->max_line,
	};
	sigset_t none;
	int pair[2];

	run->given_fds[1] = open_output(&run->outputs[0]);
	run->given_fds[2] = open_output(&run->outputs[1]);
	if (run->plan->same_file)
		dup2(run->given_fds[1], run->given_fds[2]);
	sigemptyset(&none);
	insist(loop_open(&run->loop, &none, on_signal, NULL) == 0, "cannot open the loop");
	insist(outputs_open(&run->sinks, &run->loop, &config, run->given_fds) == 0,
	       "cannot open the outputs");
	insist(logmux_open(&run->mux, &run->loop, &run->sinks, &config) == 0,
	       "cannot open the logmux");
	for (int i = 0; i < 2; i++) {
		insist(pipe2(pair, O_CLOEXEC) == 0, "cannot make a pipe");
		fcntl(pair[1], F_SETFL, O_NONBLOCK);
		insist(logmux_add(&run->mux,
				  &(struct logmux_source_spec){ .fd = pair[0],
								.service = i ? "err" : "o\"ut",
								.stage = "run",
								.stream = i ? LOGMUX_STDERR
									    : LOGMUX_STDOUT }) == 0,
		       "cannot add a source");
		run->writers[i] = pair[1];
	}
}

static void close_run(struct run *run)
{
	for (int i = 0; i < 2; i++) {
		close(run->outputs[i].fd);
		close(run->given_fds[1 + i]);
	}
	logmux_close(&run->mux);
	outputs_close(&run->sinks);
	loop_close(&run->loop);
}

/* ---- the proof ---- */

enum kind {
	/* " err/run: ", or a source's own in text mode */
	KIND_TEXT,
	KIND_STRAY,
	/* With fields at its end; payload is what stood before them. */
	KIND_OBJECT,
	/* A stray as such an object: a message of dinit's. */
	KIND_STRAY_OBJECT,
};

struct shown {
	enum kind kind;
	int source;
	const uint8_t *payload;
	size_t len;
	/* How many bytes the fields are. */
	size_t fields_len;
};

/* What stands at the end of an object, by whose it is: the two sources, dinit itself. */
static const char *const fields[] = {
	"\"service\":\"o\\\"ut\",\"stage\":\"run\",\"logged\":\"",
	"\"service\":\"err\",\"stage\":\"run\",\"logged\":\"",
	"\"service\":\"dinit\",\"stage\":\"warning\",\"logged\":\"",
};
static const char *const services[] = { "o\"ut", "err", "dinit" };
static const char *const stages[] = { "run", "run", "warning" };

#define OWNERS (sizeof fields / sizeof *fields)
#define OWNER_DINIT 2
#define STRAY "o\"ut/run: not a JSON object: "
#define STRAY_TEXT " dinit: warning: " STRAY

static bool starts(const uint8_t *line, size_t len, const char *text)
{
	return len >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

static void insist_stamp(const uint8_t *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";

	for (size_t i = 0; i < STAMP_LEN; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		insist(form[i] == '0' ? digit : text[i] == (uint8_t)form[i],
		       "a time stamp is none");
	}
}

static void insist_value(const json_t *root, const char *name, const char *expected, size_t len)
{
	const json_t *value = json_object_get(root, name);

	insist(json_is_string(value) && json_string_length(value) == len,
	       "a field is not what it should be");
	insist(memcmp(json_string_value(value), expected, len) == 0,
	       "a field is not what it should be");
}

/* Whose fields stand at the end of an object. */
static size_t find_owner(const uint8_t *line, size_t len)
{
	for (size_t i = 0; i < OWNERS; i++) {
		size_t fields_len = strlen(fields[i]) + STAMP_LEN + 2;

		if (len > fields_len &&
		    memcmp(line + len - fields_len, fields[i], strlen(fields[i])) == 0)
			return i;
	}
	insist(false, "the fields are not there");
	return 0;
}

/* A line that begins with '{': cut off what logmux added, which is what counts for a reader,
 * too. */
static struct shown take_json(const uint8_t *line, size_t len)
{
	struct shown shown = { .kind = KIND_OBJECT, .payload = line };
	json_t *root = judge_object((const char *)line, len);
	size_t owner;

	insist(root != NULL, "it does not parse");
	owner = find_owner(line, len);
	insist_stamp(line + len - 2 - STAMP_LEN);
	insist_value(root, "service", services[owner], strlen(services[owner]));
	insist_value(root, "stage", stages[owner], strlen(stages[owner]));
	insist_value(root, "logged", (const char *)line + len - 2 - STAMP_LEN, STAMP_LEN);
	if (owner == OWNER_DINIT) {
		shown.kind = KIND_STRAY_OBJECT;
		insist_value(root, "level", "warning", 7);
		insist(json_object_size(root) == 5, "a message has other members");
	} else {
		shown.source = (int)owner;
	}
	json_decref(root);
	shown.fields_len = strlen(fields[owner]) + STAMP_LEN + 2;
	shown.len = len - shown.fields_len;
	return shown;
}

static struct shown take_shown(const uint8_t *line, size_t len)
{
	static const char *const prefixes[] = {
		" o\"ut/run: ",
		" err/run: ",
		STRAY_TEXT,
	};
	struct shown shown = { .kind = KIND_TEXT };

	if (len > 0 && *line == '{')
		return take_json(line, len);
	insist(len > STAMP_LEN, "a line is too short");
	insist_stamp(line);
	for (int i = 0; i < 3; i++) {
		if (!starts(line + STAMP_LEN, len - STAMP_LEN, prefixes[i]))
			continue;
		shown.kind = i == 2 ? KIND_STRAY : KIND_TEXT;
		shown.source = i == 1;
		shown.payload = line + STAMP_LEN + strlen(prefixes[i]);
		shown.len = len - STAMP_LEN - strlen(prefixes[i]);
		return shown;
	}
	insist(false, "a line has no label");
	return shown;
}

/* Not one line of stderr is anything but an object, unless stdout is the same file and text. */
static void insist_json(const struct run *run)
{
	const struct plan *plan = run->plan;
	const struct collected *output = &run->outputs[plan->same_file ? 0 : 1];

	if (plan->stderr_mode == CONFIG_STDERR_TEXT ||
	    (plan->same_file && plan->mode == CONFIG_STDOUT_TEXT))
		return;
	for (size_t at = 0; at < output->len;) {
		const uint8_t *line = output->text + at,
			      *end = memchr(line, '\n', output->len - at);

		insist(end != NULL, "the last line has no end");
		insist(judge_is_object((const char *)line, (size_t)(end - line)),
		       "a line of stderr is no object");
		at += (size_t)(end - line) + 1;
	}
}

/* The next line that a source shows on one of the outputs; the outputs' lines of the other
 * source are stepped over. */
static bool next_shown(const struct collected *output, size_t *at, int source, struct shown *shown)
{
	while (*at < output->len) {
		const uint8_t *line = output->text + *at,
			      *end = memchr(line, '\n', output->len - *at);

		insist(end != NULL, "the last line has no end");
		*shown = take_shown(line, (size_t)(end - line));
		*at += (size_t)(end - line) + 1;
		if (shown->source == source)
			return true;
	}
	return false;
}

/* Whether what is shown is the object, fields added. */
static bool shows_object(const struct shown *shown, const struct object *object)
{
	/* Without the closing bracket. */
	size_t len = (size_t)(object->end - object->at) - 1;

	if (shown->kind != KIND_OBJECT || shown->len < len ||
	    memcmp(shown->payload, object->at, len) != 0)
		return false;
	return object->empty ? shown->len == len
			     : shown->len == len + 1 && shown->payload[len] == ',';
}

/* What of a line or piece is to be compared, and where: bytes as they are, or as JSON shows
 * them. */
struct rest {
	uint8_t *text;
	size_t len, at;
};

/* The message of a wrapped line or a stray: an object of exactly that form, in which nothing is
 * said twice. NULL: it is an object of a source's own. */
static json_t *take_message(const struct shown *shown)
{
	bool stray = shown->kind == KIND_STRAY_OBJECT;
	json_t *root, *message = NULL;

	if (!starts(shown->payload, shown->len,
		    stray ? "{\"level\":\"warning\",\"message\":\"" : "{\"message\":\"") ||
	    memcmp(shown->payload + shown->len - 2, "\",", 2) != 0)
		return NULL;
	root = judge_plain_object((const char *)shown->payload, shown->len + shown->fields_len);
	if (json_object_size(root) == (stray ? 5 : 4))
		message = json_incref(json_object_get(root, "message"));
	json_decref(root);
	return message;
}

/* What a shown line says of a line that is no object, in the form of rest. False: it is an
 * object of a source's own. */
static bool said(const struct shown *shown, uint8_t *out, size_t *len)
{
	bool quoted = shown->kind == KIND_OBJECT || shown->kind == KIND_STRAY_OBJECT;

	if (quoted) {
		json_t *message = take_message(shown);
		const char *text = json_string_value(message);

		if (!message)
			return false;
		*len = json_string_length(message);
		if (shown->kind == KIND_STRAY_OBJECT) {
			insist(starts((const uint8_t *)text, *len, STRAY), "a stray has no label");
			text += strlen(STRAY);
			*len -= strlen(STRAY);
		}
		memcpy(out, text, *len);
		json_decref(message);
	} else {
		*len = shown->len;
		memcpy(out, shown->payload, *len);
	}
	if (fail_each)
		*len = reduce(out, out, *len, quoted);
	return true;
}

struct proof {
	const struct run *run;
	int source;
	const struct collected *out, *err;
	size_t out_at, err_at;
	uint8_t *scratch;
	struct rest rest;
};

/* One more piece of what is left of a line; it must begin it. */
static void prove_piece(struct proof *proof, bool from_out)
{
	struct rest *rest = &proof->rest;
	struct shown shown;
	size_t len;

	insist(from_out ? next_shown(proof->out, &proof->out_at, proof->source, &shown)
			: next_shown(proof->err, &proof->err_at, proof->source, &shown),
	       "a line is missing");
	insist(said(&shown, proof->scratch, &len), "it is neither the object nor a message");
	insist(len > 0 || fail_each, "an empty line is there");
	insist(len <= rest->len - rest->at, "a line is too long");
	insist(memcmp(proof->scratch, rest->text + rest->at, len) == 0, "a line is wrong");
	rest->at += len;
}

static void skip_nothings_of(struct proof *proof, const struct collected *output, size_t *at)
{
	size_t next = *at, len;
	struct shown shown;

	while (next_shown(output, &next, proof->source, &shown) &&
	       said(&shown, proof->scratch, &len) && len == 0)
		*at = next;
}

/* Steps over pieces of which nothing is compared. */
static void skip_nothings(struct proof *proof)
{
	if (!fail_each)
		return;
	skip_nothings_of(proof, proof->out, &proof->out_at);
	skip_nothings_of(proof, proof->err, &proof->err_at);
}

/* What the lines of the source should be. */
static bool should_be_json(const struct proof *proof)
{
	const struct plan *plan = proof->run->plan;

	return proof->source == 0 ? plan->mode != CONFIG_STDOUT_TEXT
				  : plan->stderr_mode == CONFIG_STDERR_WRAP;
}

/* A line that should come as it is, or in pieces. */
static void prove_plain(struct proof *proof, const uint8_t *line, size_t len)
{
	const struct plan *plan = proof->run->plan;
	bool stray = proof->source == 0 && plan->mode == CONFIG_STDOUT_JSON;
	bool wrapped = stray ? plan->stderr_mode == CONFIG_STDERR_WRAP : should_be_json(proof);
	bool from_out = plan->same_file || (proof->source == 0 && !stray);
	size_t least = (len + plan->max_line - 1) / plan->max_line, pieces = 0;
	struct rest *rest = &proof->rest;

	rest->at = 0;
	rest->len = len;
	if (fail_each)
		rest->len = reduce(rest->text, line, len, wrapped);
	else if (wrapped)
		rest->len = tidy(rest->text, line, len);
	else
		memcpy(rest->text, line, len);
	for (; rest->at < rest->len; pieces++)
		prove_piece(proof, from_out);
	insist(fail_each || pieces >= least, "a piece is too long");
	insist(fail_each || wrapped || pieces == least, "a piece is too short");
}

/* Whether the next line that the source shows is that object, which is then behind it. */
static bool prove_object(struct proof *proof, const struct object *object)
{
	bool from_out = proof->run->plan->same_file || proof->source == 0;
	size_t *behind = from_out ? &proof->out_at : &proof->err_at, at = *behind;
	struct shown shown;

	if (!next_shown(from_out ? proof->out : proof->err, &at, proof->source, &shown) ||
	    !shows_object(&shown, object))
		return false;
	*behind = at;
	return true;
}

static void prove_line(struct proof *proof, const uint8_t *line, size_t with_return)
{
	const struct plan *plan = proof->run->plan;
	size_t len =
		with_return > 0 && line[with_return - 1] == '\r' ? with_return - 1 : with_return;
	struct object object;

	if (len == 0)
		return;
	if (should_be_json(proof) && len <= plan->max_line && is_object(line, len, &object)) {
		/* First of all: it may look like a message of which nothing is compared. */
		if (prove_object(proof, &object))
			return;
		skip_nothings(proof);
		if (prove_object(proof, &object))
			return;
		insist(fail_each, "an object is missing");
	}
	skip_nothings(proof);
	prove_plain(proof, line, len);
}

static void prove_source(const struct run *run, int source)
{
	const struct plan *plan = run->plan;
	struct proof proof = {
		.run = run,
		.source = source,
		.out = &run->outputs[0],
		.err = &run->outputs[plan->same_file ? 0 : 1],
		.scratch = malloc(6 * plan->len + 100 + run->outputs[0].len + run->outputs[1].len),
		.rest = { .text = malloc(3 * plan->len + 1) },
	};
	struct shown shown;

	for (size_t at = 0; at < plan->len;) {
		const uint8_t *line = plan->text + at, *end = memchr(line, '\n', plan->len - at);
		size_t len = end ? (size_t)(end - line) : plan->len - at;

		prove_line(&proof, line, len);
		at += len + 1;
	}
	skip_nothings(&proof);
	insist(!next_shown(proof.out, &proof.out_at, source, &shown),
	       "there is a line too many on stdout");
	if (!plan->same_file)
		insist(!next_shown(proof.err, &proof.err_at, source, &shown),
		       "there is a line too many on stderr");
	free(proof.scratch);
	free(proof.rest.text);
}

/* ---- what libFuzzer calls ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan = { .len = 0 };
	struct run *run = calloc(1, sizeof *run);

	insist(run != NULL, "no memory for the fuzzer");
	run->plan = &plan;
	if (read_plan(&plan, data, size) && !judge_is_too_deep((const char *)plan.text, plan.len)) {
		calls = 0;
		open_run(run);
		failing = true;
		insist(loop_run(&run->loop, on_turn_end, run) == 0, "the loop failed");
		outputs_begin_teardown(&run->sinks);
		logmux_begin_drain(&run->mux);
		run->quiet = 0;
		insist(loop_run(&run->loop, on_turn_end, run) == 0, "the loop failed");
		failing = false;
		insist(logmux_is_drained(&run->mux), "it does not come to its end");
		close_run(run);
		insist_json(run);
		prove_source(run, 0);
		prove_source(run, 1);
	}
	free(run);
	return 0;
}
