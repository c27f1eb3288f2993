/* SPDX-License-Identifier: ISC */
/* Owns the limits of time of a teardown, and what happens when they are over; not the teardown
 * itself. Invariant: it begins no teardown and ends none, and kills only after a limit. */
#include "overtime.h"

#include "log.h"
#include "waited.h"

static void on_word_due(void *ctx)
{
	const struct overtime *overtime = ctx;
	char text[WAITED_TEXT_SIZE];

	if (waited_describe(overtime->services, overtime->policy, text))
		log_warn("the teardown still waits for %s", text);
}

void overtime_expect(struct overtime *overtime)
{
	loop_timer_start(overtime->loop, &overtime->word_timer, OVERTIME_WORD_MS);
}

/* ---- limits ---- */

/* Kills services and orphans; logging programs and filters, which end when their input does, only
 * if with_logs. Returns whether there was any. */
static bool kill_what_is_left(struct overtime *overtime, bool with_logs)
{
	bool services = services_kill(overtime->services, with_logs),
	     orphans = policy_kill(overtime->policy, with_logs);

	return services || orphans;
}

/* Says that the limit is over, and what is done about it. */
static void say_over(const struct overtime *overtime, const char *now)
{
	log_warn("the teardown takes longer than %s allows (%g s): %s", overtime->variable,
		 (double)overtime->limit_ms / 1000, now);
}

static void on_limit_due(void *ctx)
{
	struct overtime *overtime = ctx;

	loop_timer_start(overtime->loop, &overtime->limit_timer, OVERTIME_STEP_MS);
	switch (overtime->step) {
	case OVERTIME_NONE:
		overtime->step = OVERTIME_TOLD;
		if (overtime->services->phase < SERVICES_STOPPED &&
		    !services_is_command_last(overtime->services)) {
			say_over(overtime, "telling the services to stop now");
			services_kill_prestops(overtime->services);
			return;
		}
		say_over(overtime, "killing what is left");
		__attribute__((fallthrough));
	case OVERTIME_TOLD:
		overtime->step = OVERTIME_SERVICES_KILLED;
		if (kill_what_is_left(overtime, false))
			return;
		overtime->step = OVERTIME_ALL_KILLED;
		kill_what_is_left(overtime, true);
		return;
	case OVERTIME_SERVICES_KILLED:
		overtime->step = OVERTIME_ALL_KILLED;
		kill_what_is_left(overtime, true);
		return;
	case OVERTIME_ALL_KILLED:
		overtime->step = OVERTIME_LEAVE;
		log_error("what is left cannot be killed: leaving it behind");
		break;
	case OVERTIME_LEAVE: break;
	}
	loop_timer_stop(overtime->loop, &overtime->limit_timer);
}

void overtime_limit(struct overtime *overtime, const char *variable, uint64_t limit_ms)
{
	struct loop_timer *timer = &overtime->limit_timer;

	if (limit_ms == 0 || overtime->ended || overtime->step != OVERTIME_NONE ||
	    (timer->running && timer->due_ms <= loop_now_ms(overtime->loop) + limit_ms))
		return;
	overtime->limit_ms = limit_ms;
	overtime->variable = variable;
	loop_timer_start(overtime->loop, timer, limit_ms);
}

bool overtime_is_over(const struct overtime *overtime)
{
	return overtime->step != OVERTIME_NONE;
}

bool overtime_is_hopeless(const struct overtime *overtime)
{
	return overtime->step == OVERTIME_LEAVE;
}

/* ---- checks that were killed ---- */

static void on_aside_due(void *ctx)
{
	struct overtime *overtime = ctx;

	overtime->abandoned = true;
}

bool overtime_awaits_checks(struct overtime *overtime)
{
	if (overtime->services->programs->aside == 0 || overtime->abandoned)
		return false;
	if (!overtime->aside_timer.running)
		loop_timer_start(overtime->loop, &overtime->aside_timer, OVERTIME_ASIDE_MS);
	return true;
}

/* ---- the whole ---- */

void overtime_init(struct overtime *overtime, struct loop *loop, struct services *services,
		   struct policy *policy)
{
	*overtime = (struct overtime){
		.loop = loop,
		.services = services,
		.policy = policy,
		.limit_timer = { .on_due = on_limit_due, .ctx = overtime },
		.word_timer = { .on_due = on_word_due, .ctx = overtime },
		.aside_timer = { .on_due = on_aside_due, .ctx = overtime },
	};
}

void overtime_end(struct overtime *overtime)
{
	overtime->ended = true;
	loop_timer_stop(overtime->loop, &overtime->limit_timer);
	loop_timer_stop(overtime->loop, &overtime->word_timer);
}
