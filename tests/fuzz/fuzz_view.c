/* SPDX-License-Identifier: ISC */
/* Owns: a page made of any bytes, of which view.c takes a snapshot, and what is printed of that.
 * Does not: change while it is read (test_view does).
 *
 * Invariant: the page is exactly as large as is told, so that a byte behind it is found; what is in
 * a snapshot is bounded and printable, its JSON is JSON to the judge (judge.h), and no line of the
 * table is wider than 80 columns but for one word; a difference ends in abort().
 *
 * The first two bytes choose a size that the input is repeated to, the third whether the header is
 * made sound, so that most inputs get as far as the entries. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/metrics.h"
#include "client/status.h"
#include "client/statusjson.h"
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);
struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot);

/* What status_run looks at. */
static struct view view;

int __wrap_view_look(pid_t pid, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	(void)pid;
	return view_take(&view, snapshot, why);
}

/* (What the garbage says is a PID may be that of anything.) */
struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot)
{
	(void)proc;
	return calloc(snapshot->len + 1, sizeof(struct usage));
}

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_view: %s\n", what);
	abort();
}

static void insist_on_text(const char *text)
{
	insist(strlen(text) < VIEW_TEXT_SIZE, "a text is too long");
	for (; *text; text++)
		insist((unsigned char)*text >= 0x20 && *text != 0x7f, "a text is not printable");
}

static void check_snapshot(const struct snapshot *snapshot)
{
	insist(snapshot->services <= snapshot->len, "there are more services than entries");
	insist_on_text(snapshot->header.cause);
	insist_on_text(snapshot->header.dinit_version);
	for (size_t i = 0; i < snapshot->len; i++) {
		const struct view_service *service = &snapshot->list[i];

		insist_on_text(service->name);
		insist_on_text(service->reason);
		insist(service->entry.state < BOARD_STATES, "a state is none");
		insist(service->entry.pid >= 0 && service->entry.log_pid >= 0 &&
			       service->entry.finish_pid >= 0,
		       "a PID is none");
		insist(snapshot_find(snapshot, service->name) != NULL, "a name is not found");
	}
}

static void check_json(const struct snapshot *snapshot)
{
	char *out;
	size_t len;
	FILE *to = open_memstream(&out, &len);
	json_t *root;

	statusjson_print(to, snapshot, NULL);
	fclose(to);
	root = judge_object(out, len);
	insist(root != NULL, "the JSON is none");
	insist(memchr(out, '\n', len) == out + len - 1, "the JSON is more than a line");
	json_decref(root);
	free(out);
}

static void check_metrics(const struct snapshot *snapshot)
{
	char *out;
	size_t len;
	FILE *to = open_memstream(&out, &len);

	metrics_print(to, snapshot, NULL);
	fclose(to);
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
		insist(strncmp(line, "dinit_", 6) == 0 || *line == '#', "a line is no metric");
	free(out);
}

static void check_table(void)
{
	char *none[] = { NULL }, *out;
	size_t len, columns = 0;
	bool spaces = false;
	FILE *old = stdout;

	stdout = open_memstream(&out, &len);
	status_run(none, 0);
	fclose(stdout);
	stdout = old;
	for (size_t i = 0; i < len; i++) {
		if (out[i] == '\n') {
			/* Without a terminal a reason is whole. */
			insist(columns <= 80 + VIEW_TEXT_SIZE || !spaces, "a line is too wide");
			columns = 0;
			spaces = false;
			continue;
		}
		spaces = spaces || out[i] == ' ';
		columns += (out[i] & 0xc0) != 0x80;
	}
	free(out);
}

static void make_sound(char *page, size_t size, uint8_t how)
{
	struct board_header *header = (struct board_header *)(void *)page;
	size_t entries;

	header->version = BOARD_VERSION;
	header->state %= BOARD_WHOLES;
	if (how % 4 == 0)
		return;
	header->header_size = sizeof *header;
	header->entry_size = sizeof(struct board_entry);
	entries = (size - sizeof *header) / sizeof(struct board_entry);
	header->services = entries > 0 ? header->services % (uint32_t)(entries + 1) : 0;
	header->adopted = (uint32_t)entries - header->services;
	if (how % 4 == 1)
		return;
	for (size_t i = 0; i < entries; i++) {
		struct board_entry *entry = (struct board_entry *)(header + 1) + i;

		entry->state %= BOARD_STATES;
		if (how % 4 == 2)
			continue;
		entry->name_at %= (uint32_t)size;
		entry->name_len %= 64;
		entry->reason_at %= (uint32_t)size;
		entry->reason_len %= 64;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot snapshot;
	char why[VIEW_WHY_SIZE], *page;
	size_t page_size;

	if (size < 4)
		return 0;
	page_size = sizeof(struct board_header) + (data[0] + 256U * data[1]) % 16384;
	page = malloc(page_size);
	insist(page != NULL, "out of memory");
	for (size_t i = 0; i < page_size; i++)
		page[i] = (char)data[3 + i % (size - 3)];
	make_sound(page, page_size, data[2]);
	/* Nobody ends a change that had begun. */
	((struct board_header *)(void *)page)->sequence &= ~1U;
	view = (struct view){ .page = page, .size = page_size, .pid = getpid() };
	if (view_take(&view, &snapshot, why) == 0) {
		check_snapshot(&snapshot);
		check_json(&snapshot);
		check_metrics(&snapshot);
		snapshot_free(&snapshot);
		check_table();
	}
	free(page);
	return 0;
}
