/* SPDX-License-Identifier: ISC */
/* page.c over snapshots that the test makes. Every document is read as a strict reader would: each
 * element ends, attributes are quoted, and no text holds markup. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/page.h"
#include "procfs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SERVICES_MAX 1000
#define DEPTH_MAX 16
#define NAME_MAX_LEN 15
#define SECOND 1000ULL
#define SPECIAL "&<b>\"'</td>"
#define SPECIAL_ESCAPED "&#38;&#60;b&#62;&#34;&#39;&#60;/td&#62;"

/* The state of dinit that /proc shows. */
static char dinit_state;

uint64_t __wrap_view_age_ms(const struct board_time *time);
bool __wrap_procfs_usable(const struct procfs *proc);
int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat);

/* The moments of this test are how long ago they were. */
uint64_t __wrap_view_age_ms(const struct board_time *time)
{
	return time->monotonic_ms;
}

bool __wrap_procfs_usable(const struct procfs *proc)
{
	assert_string_equal(proc->root, "/proc");
	return true;
}

int __wrap_procfs_read_stat(const struct procfs *proc, pid_t pid, struct procfs_stat *stat)
{
	assert_string_equal(proc->root, "/proc");
	assert_int_equal(pid, 1);
	stat->state = dinit_state;
	return 0;
}

/* ---- the rig ---- */

struct rig {
	struct view_service list[SERVICES_MAX];
	struct usage usages[SERVICES_MAX];
	struct snapshot snapshot;
	/* What was printed. */
	char *out;
	size_t len;
};

static int setup(void **state)
{
	struct rig *rig = test_calloc(1, sizeof *rig);

	rig->snapshot = (struct snapshot){
		.header = { .pid = 1,
			    .dinit_version = "0.2.0",
			    .state = BOARD_WHOLE_RUNNING,
			    .started = { .monotonic_ms = 192 * SECOND },
			    .since = { .monotonic_ms = 2 * SECOND } },
		.list = rig->list,
	};
	dinit_state = 'S';
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	free(rig->out);
	test_free(rig);
	return 0;
}

static struct view_service *add(struct rig *rig, const char *name, enum board_state state,
				const char *reason)
{
	struct view_service *service = &rig->list[rig->snapshot.len];

	*service = (struct view_service){
		.name = name,
		.reason = reason,
		.entry = { .state = state, .since = { .monotonic_ms = 12 * SECOND } },
	};
	rig->snapshot.len++;
	rig->snapshot.services++;
	return service;
}

static void add_adopted(struct rig *rig, const char *name)
{
	add(rig, name, BOARD_READY, "")->adopted = true;
	rig->snapshot.services--;
}

/* ---- the reader ---- */

struct reader {
	const char *at;
	/* The elements that have not ended. */
	char open[DEPTH_MAX][NAME_MAX_LEN + 1];
	size_t depth;
};

static void take(struct reader *reader, const char *expected)
{
	assert_memory_equal(reader->at, expected, strlen(expected));
	reader->at += strlen(expected);
}

static void take_name(struct reader *reader, char name[NAME_MAX_LEN + 1])
{
	size_t len = 0;

	while (islower(*reader->at) || *reader->at == '-' || (len > 0 && isdigit(*reader->at))) {
		assert_true(len < NAME_MAX_LEN);
		name[len++] = *reader->at++;
	}
	assert_true(len > 0);
	name[len] = '\0';
}

/* Takes a text up to one of those characters; in it & begins a character's number. */
static void take_text(struct reader *reader, const char *ends)
{
	for (; !strchr(ends, *reader->at); reader->at++) {
		assert_null(strchr("<>\"'", *reader->at));
		if (*reader->at != '&')
			continue;
		take(reader, "&#");
		reader->at += strspn(reader->at, "0123456789");
		assert_int_equal(*reader->at, ';');
	}
}

static void take_start(struct reader *reader)
{
	char name[NAME_MAX_LEN + 1], attribute[NAME_MAX_LEN + 1];

	take(reader, "<");
	take_name(reader, name);
	while (*reader->at == ' ') {
		take(reader, " ");
		take_name(reader, attribute);
		take(reader, "=\"");
		take_text(reader, "\"");
		take(reader, "\"");
	}
	take(reader, ">");
	if (strcmp(name, "meta") == 0 || strcmp(name, "link") == 0)
		return;
	assert_true(reader->depth < DEPTH_MAX);
	strcpy(reader->open[reader->depth++], name);
	if (strcmp(name, "style") == 0)
		reader->at += strcspn(reader->at, "<");
}

static void take_end(struct reader *reader)
{
	char name[NAME_MAX_LEN + 1];

	take(reader, "</");
	take_name(reader, name);
	take(reader, ">");
	assert_true(reader->depth > 0);
	assert_string_equal(name, reader->open[--reader->depth]);
}

/* Prints the page, and reads it. */
static void print(struct rig *rig, const struct usage *usages)
{
	struct reader reader = { .depth = 0 };
	FILE *to;

	free(rig->out);
	to = open_memstream(&rig->out, &rig->len);
	page_print(to, &rig->snapshot, usages);
	fclose(to);
	assert_int_equal(strlen(rig->out), rig->len);
	reader.at = rig->out;
	take(&reader, "<!DOCTYPE html>\n<html lang=\"en\">");
	strcpy(reader.open[reader.depth++], "html");
	while (*reader.at) {
		take_text(&reader, "<");
		if (reader.at[1] == '/')
			take_end(&reader);
		else
			take_start(&reader);
		if (reader.depth == 0)
			take(&reader, "\n");
	}
	assert_int_equal(reader.depth, 0);
}

static bool has(const struct rig *rig, const char *text)
{
	return strstr(rig->out, text);
}

static size_t count(const struct rig *rig, const char *text)
{
	size_t found = 0;

	for (const char *at = rig->out; (at = strstr(at, text)); at += strlen(text))
		found++;
	return found;
}

/* Expects the style to have a colour for the class. */
static void expect_colour(const struct rig *rig, const char *class)
{
	char first[40], later[40];

	snprintf(first, sizeof first, ".%s,", class);
	snprintf(later, sizeof later, ".%s{color:", class);
	assert_true(has(rig, first) || has(rig, later));
}

/* ---- what it says ---- */

static void test_print_sentence_and_columns_stand_above(void **state)
{
	struct rig *rig = *state;

	add(rig, "db", BOARD_READY, "");
	add(rig, "web", BOARD_UNREADY, "");
	print(rig, rig->usages);
	assert_true(has(rig, "<title>dinit: 1 of 2 services is not ready</title>\n"
			     "</head>\n"
			     "<body>\n"
			     "<header class=\"running\">\n"
			     "<h1>1 of 2 services is not ready</h1>\n"
			     "<p role=\"status\">dinit 0.2.0 (PID 1), running for 3m12s</p>\n"
			     "</header>\n"
			     "<table>\n"
			     "<caption>Services and adopted processes</caption>\n"
			     "<thead>\n"
			     "<tr>\n"
			     "<th scope=\"col\">NAME</th>\n"
			     "<th scope=\"col\">STATE</th>\n"
			     "<th scope=\"col\">PID</th>\n"
			     "<th scope=\"col\">FOR</th>\n"
			     "<th scope=\"col\">CPU</th>\n"
			     "<th scope=\"col\">MEMORY</th>\n"
			     "<th scope=\"col\">LINES</th>\n"
			     "<th scope=\"col\">REASON</th>\n"
			     "</tr>\n"
			     "</thead>\n"));
}

static void test_print_rows_say_all_there_is(void **state)
{
	struct rig *rig = *state;
	struct view_service *service = add(rig, "db", BOARD_READY, "");
	const char *body;

	service->entry.pid = 7;
	service->entry.streams[0].lines = 41;
	service->entry.streams[1].lines = 1;
	rig->usages[0] = (struct usage){
		.known = true, .processes = 3, .cpu_ms = 61234, .memory_bytes = 12900000
	};
	add(rig, "web", BOARD_UNREADY, "exited with status 1");
	add_adopted(rig, "cron/99");
	print(rig, rig->usages);
	body = strstr(rig->out, "<tbody>");
	assert_non_null(body);
	assert_string_equal(body, "<tbody>\n"
				  "<tr>\n"
				  "<th scope=\"row\">db</th>\n"
				  "<td class=\"ready\">ready</td>\n"
				  "<td data-label=\"PID\">7</td>\n"
				  "<td data-label=\"FOR\">12s</td>\n"
				  "<td data-label=\"CPU\">1m1s</td>\n"
				  "<td data-label=\"MEMORY\">12.3M</td>\n"
				  "<td data-label=\"LINES\">42</td>\n"
				  "<td></td>\n"
				  "</tr>\n"
				  "<tr>\n"
				  "<th scope=\"row\">web</th>\n"
				  "<td class=\"unready\">unready</td>\n"
				  "<td data-label=\"PID\">-</td>\n"
				  "<td data-label=\"FOR\">12s</td>\n"
				  "<td data-label=\"CPU\">-</td>\n"
				  "<td data-label=\"MEMORY\">-</td>\n"
				  "<td data-label=\"LINES\">0</td>\n"
				  "<td>exited with status 1</td>\n"
				  "</tr>\n"
				  "<tr>\n"
				  "<th scope=\"row\">cron/99</th>\n"
				  "<td class=\"ready\">ready</td>\n"
				  "<td data-label=\"PID\">-</td>\n"
				  "<td data-label=\"FOR\">12s</td>\n"
				  "<td data-label=\"CPU\">-</td>\n"
				  "<td data-label=\"MEMORY\">-</td>\n"
				  "<td data-label=\"LINES\">0</td>\n"
				  "<td></td>\n"
				  "</tr>\n"
				  "</tbody>\n"
				  "</table>\n"
				  "</body>\n"
				  "</html>\n");
}

static void test_print_every_state_has_its_word_and_colour(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < BOARD_STATES; i++)
		add(rig, "web", (enum board_state)i, "");
	print(rig, rig->usages);
	for (size_t i = 0; i < BOARD_STATES; i++) {
		const char *word = view_state_word((enum board_state)i);
		char cell[80];

		snprintf(cell, sizeof cell, "<td class=\"%s\">%s</td>", word, word);
		assert_true(has(rig, cell));
		expect_colour(rig, word);
	}
}

static void test_print_title_and_heading_say_how_all_is(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum board_whole state;
		bool ready;
		const char *brief, *class;
	} cases[] = {
		{ BOARD_WHOLE_STARTING, false, "2 of 3 services are not ready", "starting" },
		{ BOARD_WHOLE_RUNNING, false, "2 of 3 services are not ready", "running" },
		/* (It is dinit that says whether it is ready.) */
		{ BOARD_WHOLE_RUNNING, true, "2 of 3 services are not ready", "ready" },
		{ BOARD_WHOLE_DELAYING, false, "delaying its stop", "delaying" },
		{ BOARD_WHOLE_STOPPING, false, "stopping", "stopping" },
	};

	add(rig, "db", BOARD_READY, "");
	add(rig, "web", BOARD_ENDED, "");
	add(rig, "worker", BOARD_STARTING, "");
	add(rig, "off", BOARD_DOWN, "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		char expected[200];

		rig->snapshot.header.state = cases[i].state;
		rig->snapshot.header.ready = cases[i].ready;
		print(rig, rig->usages);
		snprintf(expected, sizeof expected, "<title>dinit: %s</title>", cases[i].brief);
		assert_true(has(rig, expected));
		snprintf(expected, sizeof expected, "<header class=\"%s\">\n<h1>%s</h1>",
			 cases[i].class, cases[i].brief);
		assert_true(has(rig, expected));
		expect_colour(rig, cases[i].class);
	}
}

static void test_print_cause_of_a_teardown_is_said(void **state)
{
	struct rig *rig = *state;

	add(rig, "web", BOARD_STOPPING, "");
	rig->snapshot.header.state = BOARD_WHOLE_DELAYING;
	strcpy(rig->snapshot.header.cause, "signal 15 (Terminated) received");
	print(rig, rig->usages);
	assert_true(has(rig, "<p role=\"status\">dinit 0.2.0 (PID 1), delaying its stop for 2s: "
			     "signal 15 (Terminated) received</p>"));
}

static void test_print_dinit_that_is_stopped_is_said_to_be(void **state)
{
	struct rig *rig = *state;

	add(rig, "web", BOARD_READY, "");
	dinit_state = 'T';
	print(rig, rig->usages);
	assert_true(has(rig, "</h1>\n"
			     "<p>dinit is stopped by a signal (kill -CONT 1 lets it go on)</p>\n"
			     "<p role=\"status\">dinit 0.2.0 (PID 1), running for 3m12s</p>\n"));
}

static void test_print_adopted_that_have_no_row_are_counted(void **state)
{
	struct rig *rig = *state;

	add(rig, "web", BOARD_READY, "");
	rig->snapshot.header.counts.adopted_unlisted = 86;
	print(rig, rig->usages);
	assert_true(has(rig, "</table>\n"
			     "<p>86 more adopted processes are not listed</p>\n"
			     "</body>\n"));
}

static void test_print_without_usage_shows_the_rest(void **state)
{
	struct rig *rig = *state;

	add(rig, "db", BOARD_READY, "");
	add(rig, "web", BOARD_READY, "")->entry.pid = 7;
	print(rig, NULL);
	assert_true(has(rig, "<td data-label=\"PID\">7</td>\n"
			     "<td data-label=\"FOR\">12s</td>\n"
			     "<td data-label=\"CPU\">-</td>\n"
			     "<td data-label=\"MEMORY\">-</td>\n"));
}

static void test_print_nothing_has_no_table(void **state)
{
	struct rig *rig = *state;

	rig->snapshot.header.ready = true;
	print(rig, NULL);
	assert_true(has(rig, "<h1>all services are ready</h1>"));
	assert_false(has(rig, "<table"));
}

/* ---- whatever others chose ---- */

static void test_print_foreign_texts_are_no_markup(void **state)
{
	struct rig *rig = *state;

	add(rig, "a" SPECIAL, BOARD_ENDED, "b" SPECIAL);
	add_adopted(rig, "c" SPECIAL "/99");
	rig->snapshot.header.state = BOARD_WHOLE_STOPPING;
	strcpy(rig->snapshot.header.dinit_version, "d" SPECIAL);
	strcpy(rig->snapshot.header.cause, "e" SPECIAL);
	print(rig, rig->usages);
	assert_true(has(rig, "<th scope=\"row\">a" SPECIAL_ESCAPED "</th>"));
	assert_true(has(rig, "<td>b" SPECIAL_ESCAPED "</td>"));
	assert_true(has(rig, "<th scope=\"row\">c" SPECIAL_ESCAPED "/99</th>"));
	assert_true(has(rig, ">dinit d" SPECIAL_ESCAPED " (PID 1), stopping for 2s: "
			     "e" SPECIAL_ESCAPED "</p>"));
}

static void test_print_other_characters_are_themselves(void **state)
{
	struct rig *rig = *state;

	add(rig, "w\xc3\xa9\xe2\x82\xac", BOARD_READY, "a;#%s\\");
	print(rig, rig->usages);
	assert_true(has(rig, ">w\xc3\xa9\xe2\x82\xac</th>"));
	assert_true(has(rig, "<td>a;#%s\\</td>"));
}

static void test_print_longest_texts_are_whole(void **state)
{
	struct rig *rig = *state;
	char text[VIEW_TEXT_SIZE];

	memset(text, '"', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	add(rig, text, BOARD_ENDED, text);
	rig->snapshot.header.state = BOARD_WHOLE_STOPPING;
	memcpy(rig->snapshot.header.cause, text, sizeof rig->snapshot.header.cause);
	print(rig, rig->usages);
	assert_int_equal(count(rig, "&#34;"), 3 * (VIEW_TEXT_SIZE - 1));
}

static void test_print_thousand_services_have_rows(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < SERVICES_MAX; i++)
		add(rig, "web", BOARD_READY, "why");
	print(rig, rig->usages);
	assert_int_equal(count(rig, "<th scope=\"row\">web</th>"), SERVICES_MAX);
	assert_int_equal(count(rig, "<td>why</td>"), SERVICES_MAX);
	assert_int_equal(count(rig, "<tr>"), 1 + SERVICES_MAX);
}

/* ---- what a browser does with it ---- */

static void test_print_page_refers_to_no_other(void **state)
{
	struct rig *rig = *state;
	static const char *const refused[] = {
		"//", "url(", "@import", "src=", "<script", "javascript:", " on", "action=",
	};

	add(rig, "web", BOARD_READY, "");
	print(rig, rig->usages);
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_false(has(rig, refused[i]));
	/* The icon that a browser would ask for is said to be empty. */
	assert_int_equal(count(rig, "href="), 1);
	assert_true(has(rig, "<link rel=\"icon\" href=\"data:,\">"));
}

static void test_print_head_says_how_it_is_shown(void **state)
{
	struct rig *rig = *state;

	print(rig, rig->usages);
	assert_true(has(rig, "<meta charset=\"utf-8\">"));
	assert_true(has(rig, "<meta name=\"viewport\" content=\"width=device-width\">"));
	assert_true(has(rig, "<meta http-equiv=\"refresh\" content=\"5\">"));
	assert_true(has(rig, "color-scheme:light dark"));
}

#define PAGE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGE_TEST(test_print_sentence_and_columns_stand_above),
		PAGE_TEST(test_print_rows_say_all_there_is),
		PAGE_TEST(test_print_every_state_has_its_word_and_colour),
		PAGE_TEST(test_print_title_and_heading_say_how_all_is),
		PAGE_TEST(test_print_cause_of_a_teardown_is_said),
		PAGE_TEST(test_print_dinit_that_is_stopped_is_said_to_be),
		PAGE_TEST(test_print_adopted_that_have_no_row_are_counted),
		PAGE_TEST(test_print_without_usage_shows_the_rest),
		PAGE_TEST(test_print_nothing_has_no_table),
		PAGE_TEST(test_print_foreign_texts_are_no_markup),
		PAGE_TEST(test_print_other_characters_are_themselves),
		PAGE_TEST(test_print_longest_texts_are_whole),
		PAGE_TEST(test_print_thousand_services_have_rows),
		PAGE_TEST(test_print_page_refers_to_no_other),
		PAGE_TEST(test_print_head_says_how_it_is_shown),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
