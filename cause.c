/* SPDX-License-Identifier: ISC */
/* Owns which cause is the first, and what it puts an end to at once; not the teardown, which begins
 * when all about the cause is known and said. */
#include "cause.h"

/* Ends what is for a container that goes on. */
static void settle(struct cause *cause)
{
	services_note_cause(cause->services);
	health_note_cause(cause->health);
	policy_note_cause(cause->policy);
}

bool cause_is_there(const struct cause *cause)
{
	return cause->verdict.cause != VERDICT_NONE;
}

static void note_later_end(struct cause *cause, const struct reaper_end *end)
{
	reaper_say_end(end);
	cause->followed = true;
}

static void note_command_end(struct cause *cause, const struct service *service,
			     const struct reaper_end *end)
{
	if (cause_is_there(cause))
		note_later_end(cause, end);
	else
		ending_tell_command(&cause->ending, service, end);
	verdict_note_command_end(&cause->verdict, end->status);
	settle(cause);
}

/* An orphan's end has no service. */
static void note_end(struct cause *cause, const struct service *service,
		     const struct reaper_end *end)
{
	if (cause_is_there(cause)) {
		note_later_end(cause, end);
		return;
	}
	ending_tell(&cause->ending, service, end);
	verdict_note_end(&cause->verdict, end->status);
	settle(cause);
}

static void on_end(void *ctx, const struct service *service, const struct reaper_end *end)
{
	if (service_is_command(service))
		note_command_end(ctx, service, end);
	else
		note_end(ctx, service, end);
}

void cause_init(struct cause *cause, const struct ending_means *means,
		enum config_exit_status exit_status, struct services *services,
		struct health *health, const struct procfs *proc)
{
	*cause = (struct cause){
		.verdict.exit_status = exit_status,
		.services = services,
		.health = health,
		.policy = means->policy,
	};
	ending_init(&cause->ending, means);
	firstend_init(&cause->firstend, services, proc, means->loop, on_end, cause);
}

void cause_note_end(struct cause *cause, const struct service *service,
		    const struct reaper_end *end)
{
	firstend_note(&cause->firstend, service, end);
}

void cause_note_orphan_end(struct cause *cause, const struct reaper_end *end)
{
	note_end(cause, NULL, end);
}

bool cause_note_failure(struct cause *cause, const char *words, int status)
{
	bool first = !cause_is_there(cause);

	if (first)
		ending_note(&cause->ending, words);
	verdict_note_failure(&cause->verdict, status);
	settle(cause);
	return first;
}

void cause_note_stop(struct cause *cause, const char *words)
{
	if (!cause_is_there(cause))
		ending_note_stop(&cause->ending, words);
	verdict_note_stop(&cause->verdict);
	settle(cause);
}
