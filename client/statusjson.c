/* SPDX-License-Identifier: ISC */
/* Owns the JSON form of a snapshot. Invariant: whatever the snapshot holds, what is printed is one
 * object of RFC 8259 in one line. */
#include "client/statusjson.h"

#include "client/cells.h"
#include "json.h"
#include "stamp.h"

#include <inttypes.h>
#include <string.h>

void statusjson_print_text(FILE *to, const char *text)
{
	char quoted[JSON_QUOTE_MAX(VIEW_TEXT_SIZE)];
	size_t len;

	if (*text == '\0') {
		fputs("null", to);
		return;
	}
	len = json_quote(quoted, text, strnlen(text, VIEW_TEXT_SIZE));
	fputc('"', to);
	fwrite(quoted, 1, len, to);
	fputc('"', to);
}

void statusjson_print_time(FILE *to, const struct board_time *time)
{
	struct stamp stamp = { .valid = 0 };

	if (time->realtime_ms == 0) {
		fputs("null", to);
		return;
	}
	stamp_set(&stamp, (int64_t)(time->realtime_ms / 1000), (int32_t)(time->realtime_ms % 1000));
	fprintf(to, "\"%.*s\"", STAMP_LEN, stamp.text);
}

static void print_number(FILE *to, const char *name, uint64_t number)
{
	fprintf(to, ",\"%s\":%" PRIu64, name, number);
}

static void print_seconds(FILE *to, const char *name, uint64_t ms)
{
	fprintf(to, ",\"%s\":%" PRIu64 ".%03" PRIu64, name, ms / 1000, ms % 1000);
}

static void print_bool(FILE *to, const char *name, bool value)
{
	fprintf(to, ",\"%s\":%s", name, value ? "true" : "false");
}

static void print_pid(FILE *to, const char *name, int32_t pid)
{
	if (pid > 0)
		fprintf(to, ",\"%s\":%" PRId32, name, pid);
	else
		fprintf(to, ",\"%s\":null", name);
}

static void print_usage(FILE *to, const struct usage *usage)
{
	if (!usage || !usage->known) {
		fputs(",\"cpu_seconds\":null,\"memory_bytes\":null,\"processes\":null", to);
		return;
	}
	print_seconds(to, "cpu_seconds", usage->cpu_ms);
	print_number(to, "memory_bytes", usage->memory_bytes);
	print_number(to, "processes", usage->processes);
}

static void print_stream(FILE *to, const char *name, const struct board_stream *stream)
{
	fprintf(to, ",\"%s\":{\"lines\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", name, stream->lines,
		stream->bytes);
}

static void print_service(FILE *to, const struct view_service *service, const struct usage *usage)
{
	const struct board_entry *entry = &service->entry;

	fputs("{\"name\":", to);
	statusjson_print_text(to, service->name);
	fprintf(to, ",\"state\":\"%s\"", view_state_word(entry->state));
	print_pid(to, "pid", cells_find_pid(service));
	print_pid(to, "log_pid", entry->log_pid);
	fputs(",\"since\":", to);
	statusjson_print_time(to, &entry->since);
	print_bool(to, "ready", entry->state == BOARD_READY);
	print_bool(to, "command", entry->flags & BOARD_FLAG_COMMAND);
	fputs(",\"reason\":", to);
	statusjson_print_text(to, service->reason);
	if (entry->exit_status >= 0)
		print_number(to, "exit_status", (uint64_t)entry->exit_status);
	else
		fputs(",\"exit_status\":null", to);
	print_usage(to, usage);
	print_number(to, "check_failures", entry->check_failures);
	print_number(to, "check_failures_total", entry->check_failures_total);
	print_stream(to, "stdout", &entry->streams[0]);
	print_stream(to, "stderr", &entry->streams[1]);
	fputc('}', to);
}

/* Prints a list of the services, or of the adopted processes. */
static void print_list(FILE *to, const char *name, const struct snapshot *snapshot,
		       const struct usage *usages, bool adopted)
{
	const char *separator = "";

	fprintf(to, ",\"%s\":[", name);
	for (size_t i = 0; i < snapshot->len; i++) {
		if (snapshot->list[i].adopted != adopted)
			continue;
		fputs(separator, to);
		print_service(to, &snapshot->list[i], usages ? &usages[i] : NULL);
		separator = ",";
	}
	fputc(']', to);
}

static void print_output(FILE *to, const char *name, const struct board_output *output)
{
	fprintf(to, "\"%s\":{\"bytes\":%" PRIu64, name, output->bytes);
	print_number(to, "dropped_bytes", output->dropped_bytes);
	print_seconds(to, "stalled_seconds", output->stalled_ms);
	fputc('}', to);
}

static void print_counts(FILE *to, const struct board_counts *counts)
{
	fputs(",\"streams\":{", to);
	print_output(to, "stdout", &counts->outputs[0]);
	fputc(',', to);
	print_output(to, "stderr", &counts->outputs[1]);
	fprintf(to, "},\"orphans\":{\"terminated\":%" PRIu64, counts->orphans.terminated);
	print_number(to, "adopted", counts->orphans.adopted);
	print_number(to, "killed", counts->orphans.killed);
	fputc('}', to);
	print_number(to, "zombies", counts->orphans.zombies);
}

void statusjson_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages)
{
	const struct board_header *header = &snapshot->header;

	fputs("{\"version\":", to);
	statusjson_print_text(to, header->dinit_version);
	print_pid(to, "pid", header->pid);
	fprintf(to, ",\"state\":\"%s\"", view_whole_word(header->state));
	print_bool(to, "ready", header->ready);
	fputs(",\"since\":", to);
	statusjson_print_time(to, &header->since);
	print_seconds(to, "uptime", view_age_ms(&header->started));
	fputs(",\"cause\":", to);
	statusjson_print_text(to, header->cause);
	print_list(to, "services", snapshot, usages, false);
	print_list(to, "adopted", snapshot, usages, true);
	print_number(to, "adopted_unlisted", header->counts.adopted_unlisted);
	print_counts(to, &header->counts);
	fputs("}\n", to);
}
