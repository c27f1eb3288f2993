/* SPDX-License-Identifier: ISC */
/* Owns the two sinks, what is said about them, and the way of dinit's own messages; not the lines
 * of programs, nor what dinit's messages say. Invariant: whatever befalls one sink is said once
 * on the other one, unless that takes nothing either; and no message of dinit's overtakes one
 * that was lost before it without saying so. */
#include "outputs.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WARNING_SIZE 160

size_t outputs_stderr(const struct outputs *outputs)
{
	return outputs->len - 1;
}

enum line_message_form outputs_own_form(const struct outputs *outputs)
{
	return outputs->list[outputs_stderr(outputs)].own_form;
}

/* Returns what text lines are on that output. */
static enum line_rule choose_text(const struct outputs *outputs, size_t output)
{
	return outputs->list[output].coloured ? LINE_RULE_COLOURED : LINE_RULE_TEXT;
}

enum line_rule outputs_stdout_rule(const struct outputs *outputs, const struct config *config)
{
	switch (config->stdout_mode) {
	case CONFIG_STDOUT_TEXT: break;
	case CONFIG_STDOUT_JSON: return LINE_RULE_OBJECTS;
	case CONFIG_STDOUT_WRAP: return LINE_RULE_WRAP;
	}
	return choose_text(outputs, OUTPUTS_STDOUT);
}

enum line_rule outputs_stderr_rule(const struct outputs *outputs, const struct config *config)
{
	switch (config->stderr_mode) {
	case CONFIG_STDERR_TEXT: break;
	case CONFIG_STDERR_WRAP: return LINE_RULE_WRAP;
	}
	return choose_text(outputs, outputs_stderr(outputs));
}

struct sink *outputs_sink(struct outputs *outputs, size_t which)
{
	return &outputs->list[which].sink;
}

void outputs_drop(struct outputs *outputs, size_t which, size_t len)
{
	outputs->list[which].dropped += len;
}

void outputs_flush(struct outputs *outputs, size_t which)
{
	struct output *output = &outputs->list[which];
	size_t queued = sink_len(&output->sink);
	int error = sink_flush(&output->sink);

	if (!error)
		return;
	output->error = error;
	output->dropped += queued;
}

/* ---- dinit's own messages ---- */

/* Finds room for a message of at most max bytes, or returns NULL. Many messages in one turn may
 * need more than the queue: then what the reader takes is written at once. */
static char *find_room_own(struct outputs *outputs, size_t which, size_t max)
{
	struct sink *sink = &outputs->list[which].sink;
	char *room = sink_room_own(sink, max);

	while (!room && sink_can_flush(sink)) {
		outputs_flush(outputs, which);
		room = sink_room_own(sink, max);
	}
	return sink_is_open(sink) ? room : NULL;
}

/* Queues a warning of dinit's own. Returns whether there was room for it. */
static bool put_warning(struct outputs *outputs, size_t which, const char *text)
{
	struct output *output = &outputs->list[which];
	struct line_message message = {
		.level = CONFIG_LOG_WARN,
		.text = text,
		.len = strlen(text),
	};
	char *room = find_room_own(outputs, which, line_message_max(output->own_form, &message));

	if (!room)
		return false;
	stamp_now(&outputs->stamp);
	sink_commit(&output->sink,
		    line_put_message(room, output->own_form, &message, &outputs->stamp));
	return true;
}

static void say_own_lost(struct outputs *outputs)
{
	size_t which = outputs_stderr(outputs);
	char text[WARNING_SIZE];

	if (outputs->own_lost == 0 || !sink_is_open(&outputs->list[which].sink))
		return;
	snprintf(text, sizeof text, "%llu dinit message%s lost: stderr was blocked",
		 (unsigned long long)outputs->own_lost, outputs->own_lost == 1 ? " was" : "s were");
	if (put_warning(outputs, which, text))
		outputs->own_lost = 0;
}

void outputs_write_own(void *ctx, const char *line, size_t len)
{
	struct outputs *outputs = ctx;
	size_t which = outputs_stderr(outputs);
	struct sink *sink = &outputs->list[which].sink;
	char *room;

	if (!sink_is_open(sink)) {
		outputs_drop(outputs, which, len);
		return;
	}
	say_own_lost(outputs);
	room = outputs->own_lost == 0 ? find_room_own(outputs, which, len) : NULL;
	if (!room) {
		outputs->own_lost++;
		return;
	}
	memcpy(room, line, len);
	sink_commit(sink, len);
}

/* ---- what befell one sink, said on the other one as soon as there is room ---- */

/* Puts a warning about one sink into the other one. Returns whether it is done with: it is said, or
 * there is nowhere to say it. */
static bool warn_about(struct outputs *outputs, const struct output *about, const char *text)
{
	size_t other =
		about == &outputs->list[OUTPUTS_STDOUT] ? outputs_stderr(outputs) : OUTPUTS_STDOUT;
	const struct output *to = &outputs->list[other];

	if (to == about || !sink_is_open(&to->sink) || !log_enabled(CONFIG_LOG_WARN))
		return true;
	return put_warning(outputs, other, text);
}

static bool say_failed(struct outputs *outputs, const struct output *about)
{
	char text[WARNING_SIZE];

	snprintf(text, sizeof text,
		 "%s cannot be written to, its lines are dropped from now on: %s", about->name,
		 strerror(about->error));
	return warn_about(outputs, about, text);
}

static bool say_given_up(struct outputs *outputs, const struct output *about)
{
	char text[WARNING_SIZE];

	snprintf(text, sizeof text,
		 "%s is given up, its lines are dropped from now on: its reader took nothing for "
		 "%d s during the teardown",
		 about->name, OUTPUTS_GIVE_UP_MS / 1000);
	return warn_about(outputs, about, text);
}

static bool say_dropped(struct outputs *outputs, const struct output *about)
{
	char text[WARNING_SIZE];

	snprintf(text, sizeof text, "%s: %llu bytes were dropped because its reader took nothing",
		 about->name, (unsigned long long)about->dropped);
	return warn_about(outputs, about, text);
}

static void say_news_of(struct outputs *outputs, struct output *output, bool ended)
{
	if (output->error && say_failed(outputs, output))
		output->error = 0;
	if (output->given_up_unsaid)
		output->given_up_unsaid = !say_given_up(outputs, output);
	if (output->dropped_unsaid && ended)
		output->dropped_unsaid = !say_dropped(outputs, output);
}

void outputs_say_news(struct outputs *outputs, bool ended)
{
	for (size_t i = 0; i < outputs->len; i++)
		say_news_of(outputs, &outputs->list[i], ended);
	if (ended)
		say_own_lost(outputs);
}

/* ---- giving up ---- */

static void give_up(struct output *output)
{
	output->dropped += sink_len(&output->sink);
	sink_shut(&output->sink);
	output->given_up_unsaid = output->dropped_unsaid = true;
}

/* Gives up each sink whose reader took nothing for OUTPUTS_GIVE_UP_MS, but only if it is blocked:
 * where dinit itself was stopped for so long, the reader may have taken everything, and the write
 * at the end of this turn shows it. */
static void on_give_up_due(void *ctx)
{
	struct outputs *outputs = ctx;
	uint64_t next_ms = OUTPUTS_GIVE_UP_MS;

	for (size_t i = 0; i < outputs->len; i++) {
		struct output *output = &outputs->list[i];
		uint64_t stalled_ms = sink_stalled_ms(&output->sink, outputs->teardown_ms);

		if (stalled_ms >= OUTPUTS_GIVE_UP_MS)
			give_up(output);
		else if (OUTPUTS_GIVE_UP_MS - stalled_ms < next_ms)
			next_ms = OUTPUTS_GIVE_UP_MS - stalled_ms;
	}
	loop_timer_start(outputs->loop, &outputs->give_up_timer, next_ms);
}

void outputs_begin_teardown(struct outputs *outputs)
{
	outputs->teardown_ms = loop_now_ms(outputs->loop);
	for (size_t i = 0; i < outputs->len; i++)
		sink_look(&outputs->list[i].sink);
	loop_timer_start(outputs->loop, &outputs->give_up_timer, OUTPUTS_GIVE_UP_MS);
}

/* ---- the whole ---- */

static int open_output(struct outputs *outputs, size_t which, int fd)
{
	struct output *output = &outputs->list[which];

	if (sink_open(&output->sink, outputs->loop, fd) < 0)
		return -1;
	if (fd < 0) {
		sink_shut(&output->sink);
		output->error = EBADF;
	}
	return 0;
}

/* Chooses the form of what dinit says on stdout about stderr. */
static enum line_message_form choose_form_on_stdout(const struct config *config, bool coloured)
{
	if (config->stdout_mode != CONFIG_STDOUT_TEXT)
		return LINE_MESSAGE_OBJECT;
	return coloured ? LINE_MESSAGE_COLOURED : LINE_MESSAGE_TEXT;
}

static void choose_forms(struct outputs *outputs, const struct config *config, const int fds[3])
{
	struct output *list = outputs->list;

	for (size_t i = 0; i < outputs->len; i++)
		list[i].coloured = config->colour && isatty(fds[STDOUT_FILENO + i]);
	list[OUTPUTS_STDOUT].own_form =
		choose_form_on_stdout(config, list[OUTPUTS_STDOUT].coloured);
	list[outputs_stderr(outputs)].own_form = log_choose_form(config, fds[STDERR_FILENO]);
}

int outputs_open(struct outputs *outputs, struct loop *loop, const struct config *config,
		 const int fds[3])
{
	bool same = sink_same_file(fds[STDOUT_FILENO], fds[STDERR_FILENO]);

	*outputs = (struct outputs){
		.loop = loop,
		.list = { { .name = "stdout" }, { .name = "stderr" } },
		.len = same ? 1 : 2,
	};
	outputs->give_up_timer = (struct loop_timer){ .on_due = on_give_up_due, .ctx = outputs };
	for (size_t i = 0; i < outputs->len; i++) {
		if (open_output(outputs, i, fds[STDOUT_FILENO + i]) < 0) {
			int error = errno;

			while (i-- > 0)
				sink_close(&outputs->list[i].sink);
			errno = error;
			return -1;
		}
	}
	choose_forms(outputs, config, fds);
	return 0;
}

void outputs_close(struct outputs *outputs)
{
	loop_timer_stop(outputs->loop, &outputs->give_up_timer);
	for (size_t i = 0; i < outputs->len; i++)
		sink_close(&outputs->list[i].sink);
}

bool outputs_can_flush(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->len; i++)
		if (sink_can_flush(&outputs->list[i].sink))
			return true;
	return false;
}

bool outputs_are_empty(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->len; i++)
		if (sink_is_open(&outputs->list[i].sink) && sink_len(&outputs->list[i].sink) > 0)
			return false;
	return true;
}

void outputs_show(const struct outputs *outputs, struct board_output shown[OUTPUTS_MAX])
{
	for (size_t i = 0; i < outputs->len; i++) {
		const struct output *output = &outputs->list[i];

		shown[i].bytes = output->sink.written;
		shown[i].dropped_bytes = output->dropped;
		shown[i].stalled_ms = sink_total_stall_ms(&output->sink);
	}
}

bool outputs_write_to(const struct outputs *outputs, dev_t device, ino_t inode)
{
	struct stat status;

	for (size_t i = 0; i < outputs->len; i++) {
		int fd = outputs->list[i].sink.fd;

		if (fstat(fd, &status) == 0 && status.st_ino == inode && status.st_dev == device)
			return !S_ISCHR(status.st_mode) || isatty(fd) == 1;
	}
	return false;
}
