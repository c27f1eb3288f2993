/* SPDX-License-Identifier: ISC */
/* Owns the one end that is held; not what ends mean. Invariant: it is held only while its timer
 * runs. */
#include "firstend.h"

static void pass_on_held(struct firstend *firstend)
{
	const struct service *held = firstend->held;

	if (!held)
		return;
	firstend->held = NULL;
	loop_timer_stop(firstend->loop, &firstend->timer);
	firstend->on_end(firstend->ctx, held, &firstend->end);
}

static void on_held_long(void *ctx)
{
	pass_on_held(ctx);
}

void firstend_init(struct firstend *firstend, struct services *services, const struct procfs *proc,
		   struct loop *loop,
		   void (*on_end)(void *ctx, const struct service *service,
				  const struct reaper_end *end),
		   void *ctx)
{
	*firstend = (struct firstend){
		.services = services,
		.proc = proc,
		.loop = loop,
		.on_end = on_end,
		.ctx = ctx,
		.timer = { .on_due = on_held_long, .ctx = firstend },
	};
}

/* Returns whether the end says no more than that the service is through. */
static bool is_orderly(const struct service *service, const struct reaper_end *end)
{
	return end->status == 0 && !service_is_command(service);
}

void firstend_note(struct firstend *firstend, const struct service *service,
		   const struct reaper_end *end)
{
	if (!is_orderly(service, end)) {
		firstend->on_end(firstend->ctx, service, end);
		return;
	}
	pass_on_held(firstend);
	if (!firstend->services->has_cause &&
	    services_have_ending(firstend->services, firstend->proc)) {
		firstend->held = service;
		firstend->end = *end;
		loop_timer_start(firstend->loop, &firstend->timer, FIRSTEND_HELD_MS);
	} else {
		firstend->on_end(firstend->ctx, service, end);
	}
}

void firstend_review(struct firstend *firstend)
{
	if (firstend->held && (firstend->services->has_cause ||
			       !services_have_ending(firstend->services, firstend->proc)))
		pass_on_held(firstend);
}
