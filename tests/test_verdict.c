/* SPDX-License-Identifier: ISC */
/* verdict.c: every cause alone, and every three of them one after another, with both settings of
 * DINIT_EXIT_STATUS. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verdict.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EXITED(status) ((status) << 8)
/* With a core dump, as of wait(2). */
#define DUMPED(signal) ((signal) | 0x80)

/* One thing that may begin the teardown, and the status where it is the first, by enum
 * config_exit_status. */
static const struct event {
	enum {
		STOP,
		FAILURE,
		END,
		COMMAND_END,
	} kind;
	/* What it comes with. */
	int value;
	int status[2];
} events[] = {
	{ STOP, 0, { 0, 0 } },
	{ FAILURE, 0, { 0, 0 } },
	{ FAILURE, 1, { 1, 1 } },
	{ FAILURE, 3, { 3, 3 } },
	{ FAILURE, 127, { 127, 127 } },
	{ END, EXITED(0), { 0, 0 } },
	{ END, EXITED(1), { 3, 1 } },
	{ END, EXITED(115), { 3, 115 } },
	{ END, EXITED(255), { 3, 255 } },
	{ END, SIGTERM, { 3, 143 } },
	{ END, SIGKILL, { 3, 137 } },
	{ END, DUMPED(SIGSEGV), { 3, 139 } },
	{ COMMAND_END, EXITED(0), { 0, 0 } },
	{ COMMAND_END, EXITED(1), { 1, 1 } },
	{ COMMAND_END, EXITED(115), { 115, 115 } },
	{ COMMAND_END, EXITED(255), { 255, 255 } },
	{ COMMAND_END, SIGINT, { 130, 130 } },
	{ COMMAND_END, SIGTERM, { 143, 143 } },
	{ COMMAND_END, DUMPED(SIGABRT), { 134, 134 } },
};

static void note(struct verdict *verdict, const struct event *event)
{
	switch (event->kind) {
	case STOP: verdict_note_stop(verdict); return;
	case FAILURE: verdict_note_failure(verdict, event->value); return;
	case END: verdict_note_end(verdict, event->value); return;
	case COMMAND_END: verdict_note_command_end(verdict, event->value); return;
	}
}

static const enum config_exit_status settings[] = {
	CONFIG_EXIT_STATUS_DINIT,
	CONFIG_EXIT_STATUS_SERVICE,
};

static void test_verdict_note_first_cause_has_its_status(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(settings); s++)
		for (size_t i = 0; i < COUNT(events); i++) {
			struct verdict verdict = { .exit_status = settings[s] };

			note(&verdict, &events[i]);
			assert_int_equal(verdict.cause,
					 events[i].kind == STOP ? VERDICT_OUTSIDE : VERDICT_INSIDE);
			assert_int_equal(verdict.status, events[i].status[settings[s]]);
			assert_int_equal(verdict.exit_status, settings[s]);
		}
}

/* Notes three of them in their order. */
static void expect_first_to_decide(enum config_exit_status setting,
				   const struct event *const three[3])
{
	struct verdict verdict = { .exit_status = setting };
	int expected = three[0]->status[setting];

	for (size_t i = 0; i < 3; i++)
		note(&verdict, three[i]);
	for (size_t i = 1; i < 3 && three[0]->kind == STOP; i++)
		if (three[i]->kind == COMMAND_END)
			expected = three[i]->status[setting];
	if (verdict.status != expected ||
	    verdict.cause != (three[0]->kind == STOP ? VERDICT_OUTSIDE : VERDICT_INSIDE))
		fail_msg("%d %d, %d %d, %d %d: %d", three[0]->kind, three[0]->value, three[1]->kind,
			 three[1]->value, three[2]->kind, three[2]->value, verdict.status);
}

/* A service may end with another status in the teardown, dinit may find out more, more signals may
 * come: only the command's end after a signal counts, whatever came between. (It has one end.) */
static void test_verdict_note_later_cause_counts_only_for_a_command_after_a_signal(void **state)
{
	const size_t len = COUNT(events);

	(void)state;
	for (size_t number = 0; number < len * len * len; number++) {
		const struct event *const three[3] = {
			&events[number % len],
			&events[number / len % len],
			&events[number / len / len],
		};
		int commands = 0;

		for (size_t i = 0; i < 3; i++)
			commands += three[i]->kind == COMMAND_END;
		for (size_t s = 0; s < COUNT(settings) && commands <= 1; s++)
			expect_first_to_decide(settings[s], three);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict_note_first_cause_has_its_status),
		cmocka_unit_test(
			test_verdict_note_later_cause_counts_only_for_a_command_after_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
