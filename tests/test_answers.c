/* SPDX-License-Identifier: ISC */
/* client/answers.c over snapshots that the test makes, and with its clock: what is answered to
 * whom, and how long an answer is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "client/answers.h"
#include "client/metrics.h"
#include "client/page.h"
#include "client/statusjson.h"
#include "client/usage.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ANSWERS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Any moment. */
#define BEGIN_MS 1000000
#define DAY 86400
/* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110. */
#define BEGIN_SECOND 784111777
#define SERVICES_MAX 4

/* ---- what is taken ---- */

static uint64_t clock_ms;
static int64_t clock_second;
/* What dinit shows, and with which sequence. */
static struct snapshot shown;
static struct view_service list[SERVICES_MAX];
static uint32_t sequence;
/* Dinit cannot be seen. */
static bool hidden;
/* Dinit changes something just before the next snapshot, and just after it; or just after the next
 * look at the sequence. */
static bool changes_before, changes_after, changes_after_look;
static unsigned taken, opened, closed;
/* So long it takes to look. */
static uint64_t looking_ms;
/* The next call fails. */
static bool memstream_fails, fflush_fails, ferror_says_so;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_view_open(struct view *view, pid_t pid, char why[VIEW_WHY_SIZE]);
void __wrap_view_close(struct view *view);
int __wrap_view_take(const struct view *view, struct snapshot *snapshot, char why[VIEW_WHY_SIZE]);
uint32_t __wrap_view_sequence(const struct view *view);
struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot);
FILE *__real_open_memstream(char **text, size_t *len);
FILE *__wrap_open_memstream(char **text, size_t *len);
int __real_fflush(FILE *file);
int __wrap_fflush(FILE *file);
int __real_ferror(FILE *file);
int __wrap_ferror(FILE *file);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_REALTIME)
		*now = (struct timespec){ (time_t)clock_second, 999999999 };
	else
		*now = (struct timespec){ (time_t)(clock_ms / 1000),
					  (long)(clock_ms % 1000) * 1000000 };
	return 0;
}

int __wrap_view_open(struct view *view, pid_t pid, char why[VIEW_WHY_SIZE])
{
	snprintf(why, VIEW_WHY_SIZE, "no dinit runs here");
	if (hidden)
		return -1;
	view->pid = pid;
	opened++;
	return 0;
}

void __wrap_view_close(struct view *view)
{
	assert_int_equal(view->pid, 7);
	closed++;
}

int __wrap_view_take(const struct view *view, struct snapshot *snapshot, char why[VIEW_WHY_SIZE])
{
	assert_int_equal(view->pid, 7);
	taken++;
	clock_ms += looking_ms;
	if (hidden) {
		snprintf(why, VIEW_WHY_SIZE, "the dinit with PID 7 sleeps");
		return -1;
	}
	sequence += changes_before ? 2 : 0;
	*snapshot = shown;
	snapshot->header.sequence = sequence;
	snapshot->list = calloc(SERVICES_MAX, sizeof *snapshot->list);
	assert_non_null(snapshot->list);
	memcpy(snapshot->list, list, sizeof list);
	sequence += changes_after ? 2 : 0;
	changes_before = changes_after = false;
	return 0;
}

uint32_t __wrap_view_sequence(const struct view *view)
{
	uint32_t seen = sequence;

	assert_int_equal(view->pid, 7);
	sequence += changes_after_look ? 2 : 0;
	changes_after_look = false;
	return seen;
}

static const struct usage usage = { .known = true, .memory_bytes = 4321, .processes = 3 };

struct usage *__wrap_usage_measure(const struct procfs *proc, const struct snapshot *snapshot)
{
	struct usage *usages = calloc(SERVICES_MAX, sizeof *usages);

	assert_string_equal(proc->root, "/proc");
	assert_int_equal(snapshot->len, shown.len);
	assert_non_null(usages);
	usages[0] = usage;
	return usages;
}

FILE *__wrap_open_memstream(char **text, size_t *len)
{
	bool fails = memstream_fails;

	memstream_fails = false;
	return fails ? NULL : __real_open_memstream(text, len);
}

int __wrap_fflush(FILE *file)
{
	bool fails = fflush_fails;

	fflush_fails = false;
	return fails ? EOF : __real_fflush(file);
}

int __wrap_ferror(FILE *file)
{
	bool says_so = ferror_says_so;

	ferror_says_so = false;
	return says_so || __real_ferror(file);
}

/* ---- the rig ---- */

static struct answers answers;
static const char *own_token;

static void open_answers(const char *token)
{
	char why[VIEW_WHY_SIZE];

	memset(&answers, 0xff, sizeof answers);
	assert_int_equal(answers_open(&answers, 7, token, why), 0);
}

static int setup(void **state)
{
	(void)state;
	clock_ms = BEGIN_MS;
	clock_second = BEGIN_SECOND;
	sequence = 100;
	hidden = changes_before = changes_after = changes_after_look = false;
	memstream_fails = fflush_fails = ferror_says_so = false;
	taken = opened = closed = 0;
	looking_ms = 0;
	own_token = NULL;
	memset(list, 0, sizeof list);
	shown = (struct snapshot){ .header = { .state = BOARD_WHOLE_RUNNING, .ready = true } };
	open_answers(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	answers_close(&answers);
	assert_int_equal(opened, closed);
	return 0;
}

static struct view_service *add(const char *name, enum board_state state)
{
	struct view_service *service = &list[shown.len++];

	assert_true(shown.len <= SERVICES_MAX);
	*service = (struct view_service){ .name = name, .reason = "", .entry.state = state };
	shown.services++;
	return service;
}

/* Asks for that path, with own_token. */
static struct answer *find(const char *path)
{
	struct httprequest request = { .path = path, .path_len = strlen(path) };

	if (own_token) {
		request.token = own_token;
		request.token_len = strlen(own_token);
	}
	return answers_find(&answers, &request);
}

/* Asks when nothing is fresh any more. */
static struct answer *find_later(const char *path)
{
	clock_ms += 250;
	return find(path);
}

#define TEXT "text/plain; charset=utf-8"

/* The answer is exactly that. */
static void expect(const struct answer *answer, const char *status, const char *type,
		   const char *fields, const char *content)
{
	char head[1000];

	snprintf(head, sizeof head,
		 "HTTP/1.1 %s\r\n"
		 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		 "Content-Type: %s\r\n"
		 "Content-Length: %zu\r\n"
		 "Cache-Control: no-store\r\n"
		 "X-Content-Type-Options: nosniff\r\n"
		 "%s",
		 status, type, strlen(content), fields);
	assert_non_null(answer);
	assert_true(answer->head_len < sizeof answer->head);
	assert_string_equal(answer->head, head);
	assert_int_equal(answer->head_len, strlen(head));
	assert_int_equal(answer->content_len, strlen(content));
	assert_memory_equal(answer->content, content, strlen(content));
	assert_int_equal(answer->users, 0);
}

static void expect_ok(const struct answer *answer)
{
	expect(answer, "200 OK", TEXT, "", "ok\n");
}

static void expect_unavailable(const struct answer *answer, const char *content)
{
	expect(answer, "503 Service Unavailable", TEXT, "", content);
}

static void expect_unauthorized(const struct answer *answer)
{
	expect(answer, "401 Unauthorized", TEXT, "WWW-Authenticate: Bearer\r\n",
	       "401 Unauthorized\n");
}

#define NOT_FOUND "404 Not Found\nThere are: /livez /readyz /metrics /status /\n"

static void expect_not_found(const struct answer *answer)
{
	expect(answer, "404 Not Found", TEXT, "", NOT_FOUND);
}

/* Expects what the function prints of the snapshot. */
static void expect_printed(const char *path, const char *type, const char *fields,
			   void (*print)(FILE *to, const struct snapshot *snapshot,
					 const struct usage *usages))
{
	struct usage usages[SERVICES_MAX] = { usage };
	struct snapshot snapshot = shown;
	size_t len;
	char *text;
	FILE *to = __real_open_memstream(&text, &len);

	assert_non_null(to);
	snapshot.header.sequence = sequence;
	snapshot.list = list;
	print(to, &snapshot, usages);
	fclose(to);
	assert_true(len > 0);
	expect(find(path), "200 OK", type, fields, text);
	free(text);
}

/* ---- the documents ---- */

static void test_find_livez_is_ok_while_no_service_has_failed(void **state)
{
	(void)state;
	expect_ok(find("/livez"));
	shown.header.ready = false;
	add("a", BOARD_UNREADY);
	add("b", BOARD_ENDED);
	expect_ok(find_later("/livez"));
	for (unsigned whole = 0; whole < BOARD_WHOLE_GONE; whole++) {
		shown.header.state = whole;
		expect_ok(find_later("/livez"));
	}
}

static void test_find_livez_names_the_services_that_have_failed(void **state)
{
	(void)state;
	add("a", BOARD_UNREADY);
	add("b", BOARD_UNREADY)->entry.flags = BOARD_FLAG_CHECK | BOARD_FLAG_FAILED;
	add("c", BOARD_READY);
	expect_unavailable(find("/livez"), "b\n");
	list[2].entry.flags = BOARD_FLAG_FAILED;
	expect_unavailable(find_later("/livez"), "b\nc\n");
	list[1].entry.flags = list[2].entry.flags = ~(unsigned)BOARD_FLAG_FAILED;
	expect_ok(find_later("/livez"));
}

static void test_find_readyz_is_ok_when_all_are_ready(void **state)
{
	(void)state;
	expect_ok(find("/readyz"));
	add("a", BOARD_READY);
	add("b", BOARD_DOWN);
	expect_ok(find_later("/readyz"));
	/* dinit decides that, nobody else. */
	add("c", BOARD_STARTING);
	expect_ok(find_later("/readyz"));
}

static void test_find_readyz_names_those_that_are_not(void **state)
{
	(void)state;
	shown.header.ready = false;
	shown.header.state = BOARD_WHOLE_STARTING;
	add("a", BOARD_READY);
	add("b", BOARD_STARTING);
	add("c", BOARD_UNREADY)->entry.flags = BOARD_FLAG_DONE;
	add("d", BOARD_ENDED);
	expect_unavailable(find("/readyz"), "b\nd\n");
}

static void test_find_readyz_says_what_dinit_does_where_none_is_missing(void **state)
{
	(void)state;
	shown.header.ready = false;
	add("a", BOARD_READY);
	shown.header.state = BOARD_WHOLE_DELAYING;
	expect_unavailable(find("/readyz"), "dinit is delaying its stop\n");
	shown.header.state = BOARD_WHOLE_STOPPING;
	expect_unavailable(find_later("/readyz"), "dinit is stopping\n");
	shown.header.state = BOARD_WHOLE_STARTING;
	expect_unavailable(find_later("/readyz"), "dinit is starting\n");
	list[0].entry.state = BOARD_STOPPING;
	shown.header.state = BOARD_WHOLE_STOPPING;
	expect_unavailable(find_later("/readyz"), "a\n");
}

static void test_find_documents_are_what_their_printers_print(void **state)
{
	(void)state;
	add("a", BOARD_READY)->entry.pid = 12;
	add("b\"", BOARD_UNREADY)->reason = "no \"page\"";
	expect_printed("/metrics", "text/plain; version=0.0.4; charset=utf-8", "", metrics_print);
	expect_printed("/status", "application/json", "", statusjson_print);
	expect_printed("/", "text/html; charset=utf-8",
		       "Content-Security-Policy: " PAGE_POLICY "\r\n", page_print);
	/* Only these say what a service uses. */
	assert_non_null(strstr(find("/metrics")->content, "4321"));
	assert_non_null(strstr(find("/status")->content, "4321"));
}

static void test_find_other_paths_are_not_found(void **state)
{
	static const char *const paths[] = {
		"/live", "/livez/", "/livezz", "/LIVEZ", "//", "/status.json", "/metrics%20", "/.",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		expect_not_found(find(paths[i]));
	assert_int_equal(taken, 0);
}

static void test_find_path_ends_with_its_length(void **state)
{
	struct httprequest request = { .path = "/livez?x=/status", .path_len = 6 };

	(void)state;
	expect_ok(answers_find(&answers, &request));
	request.path_len = 1;
	assert_memory_equal(answers_find(&answers, &request)->content, "<!DOCTYPE html>", 15);
}

static void test_find_error_has_reason_and_fields(void **state)
{
	static const struct {
		int status;
		const char *line, *fields;
	} cases[] = {
		{ 400, "400 Bad Request", "" },
		{ 401, "401 Unauthorized", "WWW-Authenticate: Bearer\r\n" },
		{ 405, "405 Method Not Allowed", "Allow: GET, HEAD\r\n" },
		{ 408, "408 Request Timeout", "" },
		{ 413, "413 Content Too Large", "" },
		{ 414, "414 URI Too Long", "" },
		{ 431, "431 Request Header Fields Too Large", "" },
		{ 501, "501 Not Implemented", "" },
		{ 505, "505 HTTP Version Not Supported", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char content[50];

		snprintf(content, sizeof content, "%s\n", cases[i].line);
		expect(answers_find_error(&answers, cases[i].status), cases[i].line, TEXT,
		       cases[i].fields, content);
	}
	expect_not_found(answers_find_error(&answers, 404));
	assert_int_equal(taken, 0);
}

/* ---- the token ---- */

static void use_token(const char *token)
{
	teardown(NULL);
	open_answers(token);
}

static void test_find_with_a_token_wants_it_but_for_probes(void **state)
{
	static const char *const paths[] = { "/metrics", "/status", "/", "/nothing" };
	static const char *const others[] = {
		"secre",   "secret1",      "Secret", "secreT", "s",
		"tercesx", "secretsecret", "",       "terces",
	};

	(void)state;
	use_token("secret");
	for (size_t i = 0; i < COUNT(paths); i++) {
		own_token = NULL;
		expect_unauthorized(find(paths[i]));
		for (size_t j = 0; j < COUNT(others); j++) {
			own_token = others[j];
			expect_unauthorized(find(paths[i]));
		}
	}
	assert_int_equal(taken, 0);
	own_token = NULL;
	expect_ok(find("/livez"));
	expect_ok(find("/readyz"));
	own_token = "wrong";
	expect_ok(find("/livez"));
	expect_ok(find("/readyz"));
	own_token = "secret";
	expect_ok(find("/livez"));
	expect_printed("/metrics", "text/plain; version=0.0.4; charset=utf-8", "", metrics_print);
	expect_printed("/status", "application/json", "", statusjson_print);
	expect_not_found(find("/nothing"));
}

static void test_find_with_a_token_of_one_byte_wants_that(void **state)
{
	(void)state;
	use_token("x");
	own_token = "xx";
	expect_unauthorized(find("/nothing"));
	own_token = "y";
	expect_unauthorized(find("/nothing"));
	own_token = "x";
	expect_not_found(find("/nothing"));
}

/* A difference of 256 bytes is one, too. */
static void test_find_long_token_is_compared_whole(void **state)
{
	char token[4097], other[4097];

	(void)state;
	memset(token, 'a', sizeof token);
	token[4096] = '\0';
	memcpy(other, token, sizeof token);
	use_token(token);
	own_token = other;
	expect_not_found(find("/nothing"));
	for (size_t i = 0; i < 4096; i += 273) {
		other[i] = 'b';
		expect_unauthorized(find("/nothing"));
		other[i] = 'a';
	}
	other[4095] = 'b';
	expect_unauthorized(find("/nothing"));
	other[4096 - 256] = '\0';
	expect_unauthorized(find("/nothing"));
}

static void test_find_without_a_token_is_open_to_everybody(void **state)
{
	(void)state;
	own_token = "any";
	expect_printed("/status", "application/json", "", statusjson_print);
	expect_not_found(find("/nothing"));
}

/* ---- the date ---- */

static void expect_date(int64_t second, const char *date)
{
	const char *at;

	clock_second = second;
	at = strstr(find_later("/livez")->head, "\r\nDate: ");
	assert_non_null(at);
	at += strlen("\r\nDate: ");
	if (strncmp(at, date, strlen(date)) != 0 || strncmp(at + strlen(date), "\r\n", 2) != 0)
		fail_msg("%lld is \"%.40s\", not \"%s\"", (long long)second, at, date);
}

static void test_date_is_that_of_http(void **state)
{
	(void)state;
	expect_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	expect_date(946684799, "Fri, 31 Dec 1999 23:59:59 GMT");
	expect_date(946684800, "Sat, 01 Jan 2000 00:00:00 GMT");
	expect_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
	expect_date(951868800, "Wed, 01 Mar 2000 00:00:00 GMT");
	expect_date(1709251199, "Thu, 29 Feb 2024 23:59:59 GMT");
	expect_date(2147483648, "Tue, 19 Jan 2038 03:14:08 GMT");
	expect_date(4107542399, "Sun, 28 Feb 2100 23:59:59 GMT");
	expect_date(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT");
	expect_date(253402300799, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void test_date_is_right_on_each_day_of_four_years(void **state)
{
	(void)state;
	for (time_t second = 1672531200; second < 1672531200 + 1461 * DAY; second += DAY + 61) {
		struct tm day;
		char date[40];

		assert_non_null(gmtime_r(&second, &day));
		strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &day);
		expect_date(second, date);
	}
}

/* ---- how long they are kept ---- */

static void test_answer_is_shared_for_a_moment(void **state)
{
	const struct answer *answer = find("/status");

	(void)state;
	clock_ms += 249;
	assert_ptr_equal(find("/status"), answer);
	assert_int_equal(taken, 1);
	clock_ms += 1;
	find("/status");
	assert_int_equal(taken, 2);
	find("/status");
	assert_int_equal(taken, 2);
	find("/metrics");
	assert_int_equal(taken, 3);
}

static void test_answer_is_shared_until_something_changes(void **state)
{
	(void)state;
	add("a", BOARD_READY);
	expect_ok(find("/readyz"));
	shown.header.ready = false;
	list[0].entry.state = BOARD_UNREADY;
	expect_ok(find("/readyz"));
	sequence += 2;
	expect_unavailable(find("/readyz"), "a\n");
	assert_int_equal(taken, 2);
	/* It is of the state that was taken, not of that before. */
	changes_before = true;
	find("/livez");
	find("/livez");
	assert_int_equal(taken, 3);
	/* What changes meanwhile is shown to the next. */
	changes_after = true;
	find("/status");
	find("/status");
	assert_int_equal(taken, 5);
	find("/status");
	assert_int_equal(taken, 5);
	/* Also in the middle of a change. */
	sequence++;
	find("/status");
	assert_int_equal(taken, 6);
}

/* As where dinit is stopped in the middle of a change. */
static void test_answer_that_takes_long_is_shared_from_its_end(void **state)
{
	(void)state;
	hidden = true;
	looking_ms = 1000;
	find("/livez");
	clock_ms += 249;
	find("/livez");
	assert_int_equal(taken, 1);
	clock_ms++;
	find("/livez");
	assert_int_equal(taken, 2);
}

static void test_answer_that_is_an_error_is_shared(void **state)
{
	struct answer *answer = answers_find_error(&answers, 408);

	(void)state;
	clock_second++;
	clock_ms += 249;
	assert_ptr_equal(answers_find_error(&answers, 408), answer);
	assert_non_null(strstr(answer->head, ":37 GMT"));
	clock_ms++;
	assert_non_null(strstr(answers_find_error(&answers, 408)->head, ":38 GMT"));
}

static void test_answer_that_is_being_sent_does_not_change(void **state)
{
	struct answer *sent = find("/livez"), *other, before = *sent;

	(void)state;
	sent->users = 2;
	before = *sent;
	add("a", BOARD_READY)->entry.flags = BOARD_FLAG_FAILED;
	other = find_later("/livez");
	assert_ptr_not_equal(other, sent);
	expect_unavailable(other, "a\n");
	other->users = 1;
	for (unsigned i = 0; i < 3 * ANSWERS_KEPT; i++) {
		assert_ptr_not_equal(find_later("/metrics"), sent);
		assert_ptr_not_equal(answers_find_error(&answers, 400), other);
	}
	assert_memory_equal(sent, &before, sizeof before);
	other->users = sent->users = 0;
	expect_ok(sent);
	expect_unavailable(other, "a\n");
}

static void test_answer_that_is_being_sent_does_not_change_at_any_moment(void **state)
{
	struct answer *sent = find("/livez"), *other;

	(void)state;
	sent->users = 1;
	add("a", BOARD_READY)->entry.flags = BOARD_FLAG_FAILED;
	changes_after_look = true;
	/* What was looked at was still so. */
	other = find("/livez");
	assert_int_equal(sent->sequence, 100);
	assert_string_equal(sent->content, "ok\n");
	assert_ptr_equal(other, sent);
	assert_ptr_not_equal(find("/livez"), sent);
	assert_string_equal(sent->content, "ok\n");
	sent->users = 0;
}

static const int statuses[] = { 400, 401, 404, 405, 408, 413, 414, 431, 501, 505 };

/* Asks for as many as are kept, a millisecond after the other, which are being sent by users. */
static void find_all(struct answer *all[ANSWERS_KEPT], unsigned users)
{
	for (size_t i = 0; i < ANSWERS_KEPT; i++) {
		all[i] = answers_find_error(&answers, statuses[i]);
		assert_non_null(all[i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
		all[i]->users = users;
		clock_ms++;
	}
}

static void test_answer_that_is_oldest_makes_room(void **state)
{
	struct answer *all[ANSWERS_KEPT];

	(void)state;
	find_all(all, 0);
	assert_ptr_equal(find("/livez"), all[0]);
	clock_ms++;
	assert_ptr_equal(find("/readyz"), all[1]);
	/* Not one that is being sent. */
	all[2]->users = all[4]->users = 1;
	clock_ms++;
	assert_ptr_equal(find("/metrics"), all[3]);
	clock_ms++;
	assert_ptr_equal(find("/status"), all[5]);
	assert_ptr_equal(answers_find_error(&answers, statuses[7]), all[7]);
}

/* Else each would grow to the largest that there is. */
static void test_answer_that_is_made_again_takes_its_own_room(void **state)
{
	struct answer *metrics = find("/metrics"), *status;

	(void)state;
	clock_ms++;
	status = find("/status");
	for (unsigned i = 0; i < 2 * ANSWERS_KEPT; i++) {
		assert_ptr_equal(find_later("/metrics"), metrics);
		assert_ptr_equal(find_later("/status"), status);
		answers_find_error(&answers, 400);
	}
	/* But not while that is being sent. */
	metrics->users = 1;
	assert_ptr_not_equal(find_later("/metrics"), metrics);
	metrics->users = 0;
}

static void test_answer_is_none_while_all_are_being_sent(void **state)
{
	struct answer *all[ANSWERS_KEPT];

	(void)state;
	find_all(all, 1);
	assert_null(find("/livez"));
	/* What is fresh can be shared, nevertheless. */
	assert_ptr_equal(answers_find_error(&answers, statuses[2]), all[2]);
	clock_ms += 250;
	assert_null(answers_find_error(&answers, statuses[2]));
	assert_null(find("/livez"));
	all[5]->users = 0;
	assert_ptr_equal(find("/livez"), all[5]);
	expect_ok(all[5]);
}

/* Only one can be used, so that what was longer, or shorter, is in it. */
static void test_answer_has_the_length_of_its_own_content(void **state)
{
	struct answer *all[ANSWERS_KEPT], *only;
	static char longer[300000];

	(void)state;
	find_all(all, 1);
	only = all[3];
	only->users = 0;
	memset(longer, 'n', sizeof longer - 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(find_later("/livez"), only);
		expect_ok(only);
		add(longer, BOARD_READY)->entry.flags = BOARD_FLAG_FAILED;
		assert_ptr_equal(find_later("/livez"), only);
		assert_int_equal(only->content_len, sizeof longer);
		assert_memory_equal(only->content, longer, sizeof longer - 1);
		assert_int_equal(only->content[only->content_len - 1], '\n');
		assert_non_null(strstr(only->head, "\r\nContent-Length: 300000\r\n"));
		shown.len = shown.services = 0;
	}
	assert_ptr_equal(find_later("/livez"), only);
	expect_ok(only);
	assert_ptr_equal(find_later("/nothing"), only);
	expect_not_found(only);
	assert_ptr_equal(find_later("/livez"), only);
	expect_ok(only);
}

/* ---- what fails ---- */

static void test_answer_without_memory_is_none_and_the_next_is_whole(void **state)
{
	(void)state;
	memstream_fails = true;
	assert_null(find("/livez"));
	assert_int_equal(taken, 0);
	expect_ok(find("/livez"));
	add("a", BOARD_READY)->entry.flags = BOARD_FLAG_FAILED;
	for (unsigned i = 0; i < 2 * ANSWERS_KEPT; i++) {
		fflush_fails = i % 2;
		ferror_says_so = !fflush_fails;
		assert_null(find_later("/livez"));
		expect_unavailable(find("/livez"), "a\n");
		fflush_fails = true;
		assert_null(answers_find_error(&answers, 404));
		expect_not_found(find("/nothing"));
	}
}

/* What could not be made whole is no answer for the next, nor is what was there before. */
static void test_answer_that_failed_is_not_shared(void **state)
{
	struct answer *all[ANSWERS_KEPT];

	(void)state;
	find_all(all, 1);
	all[0]->users = 0;
	fflush_fails = true;
	assert_null(find("/livez"));
	assert_ptr_equal(answers_find_error(&answers, statuses[0]), all[0]);
	expect(all[0], "400 Bad Request", TEXT, "", "400 Bad Request\n");
}

static void test_document_of_a_dinit_that_cannot_be_seen_says_why(void **state)
{
	static const char *const paths[] = { "/livez", "/readyz", "/metrics", "/status" };

	(void)state;
	hidden = true;
	for (size_t i = 0; i < COUNT(paths); i++) {
		expect_unavailable(find(paths[i]), "the dinit with PID 7 sleeps\n");
		expect_unavailable(find(paths[i]), "the dinit with PID 7 sleeps\n");
	}
	assert_int_equal(taken, COUNT(paths));
	expect(find("/"), "503 Service Unavailable", TEXT,
	       "Content-Security-Policy: " PAGE_POLICY "\r\n", "the dinit with PID 7 sleeps\n");
	expect_not_found(find("/nothing"));
	hidden = false;
	sequence += 2;
	expect_ok(find("/livez"));
}

static void test_open_where_no_dinit_runs_says_why(void **state)
{
	struct answers others;
	char why[VIEW_WHY_SIZE];

	(void)state;
	hidden = true;
	assert_int_equal(answers_open(&others, 7, NULL, why), -1);
	assert_string_equal(why, "no dinit runs here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANSWERS_TEST(test_find_livez_is_ok_while_no_service_has_failed),
		ANSWERS_TEST(test_find_livez_names_the_services_that_have_failed),
		ANSWERS_TEST(test_find_readyz_is_ok_when_all_are_ready),
		ANSWERS_TEST(test_find_readyz_names_those_that_are_not),
		ANSWERS_TEST(test_find_readyz_says_what_dinit_does_where_none_is_missing),
		ANSWERS_TEST(test_find_documents_are_what_their_printers_print),
		ANSWERS_TEST(test_find_other_paths_are_not_found),
		ANSWERS_TEST(test_find_path_ends_with_its_length),
		ANSWERS_TEST(test_find_error_has_reason_and_fields),
		ANSWERS_TEST(test_find_with_a_token_wants_it_but_for_probes),
		ANSWERS_TEST(test_find_with_a_token_of_one_byte_wants_that),
		ANSWERS_TEST(test_find_long_token_is_compared_whole),
		ANSWERS_TEST(test_find_without_a_token_is_open_to_everybody),
		ANSWERS_TEST(test_date_is_that_of_http),
		ANSWERS_TEST(test_date_is_right_on_each_day_of_four_years),
		ANSWERS_TEST(test_answer_is_shared_for_a_moment),
		ANSWERS_TEST(test_answer_is_shared_until_something_changes),
		ANSWERS_TEST(test_answer_that_takes_long_is_shared_from_its_end),
		ANSWERS_TEST(test_answer_that_is_an_error_is_shared),
		ANSWERS_TEST(test_answer_that_is_being_sent_does_not_change),
		ANSWERS_TEST(test_answer_that_is_being_sent_does_not_change_at_any_moment),
		ANSWERS_TEST(test_answer_that_is_oldest_makes_room),
		ANSWERS_TEST(test_answer_that_is_made_again_takes_its_own_room),
		ANSWERS_TEST(test_answer_is_none_while_all_are_being_sent),
		ANSWERS_TEST(test_answer_has_the_length_of_its_own_content),
		ANSWERS_TEST(test_answer_without_memory_is_none_and_the_next_is_whole),
		ANSWERS_TEST(test_answer_that_failed_is_not_shared),
		ANSWERS_TEST(test_document_of_a_dinit_that_cannot_be_seen_says_why),
		ANSWERS_TEST(test_open_where_no_dinit_runs_says_why),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
