/* SPDX-License-Identifier: ISC */
/* Owns the words for the end that begins the teardown; not the teardown, nor the search for what
 * was left behind (left.h). Invariant: it is told once, and soon. */
#include "ending.h"

#include "log.h"

#include <stdio.h>

/* Room for each of the two parts that may be added to the message: a name in it has at most 255
 * bytes. */
#define ADDED_SIZE 400
/* Room for the message. */
#define TEXT_SIZE 1536

/* Looks for what the service's program has left behind. One that failed has ended for another
 * reason. */
static bool find_left(const struct ending *ending, struct left *left)
{
	return ending->of_service && ending->end.status == 0 &&
	       left_find(ending->policy, ending->end.pid, left);
}

/* Writes the message, with what was left behind (NULL: nothing). */
static void say(const struct ending *ending, const struct left *left)
{
	const struct reaper_end *end = &ending->end;
	char how[REAPER_STATUS_SIZE], left_text[ADDED_SIZE] = "", log_text[ADDED_SIZE] = "";
	char text[TEXT_SIZE];

	reaper_describe_status(end->status, how);
	if (left)
		snprintf(left_text, sizeof left_text,
			 "; it left %s (PID %d) in the background: keep it in the foreground",
			 left->name, left->pid);
	if (ending->logged)
		snprintf(log_text, sizeof log_text, " (its output went to %s/log)", end->name);
	snprintf(text, sizeof text, "%s/%s: PID %d %s%s%s%s stopping the container", end->name,
		 end->stage, end->pid, how, left_text, log_text, left ? ";" : ",");
	if (end->status != 0)
		log_error("%s", text);
	else
		log_warn("%s", text);
}

static void on_waited(void *ctx)
{
	const struct ending *ending = ctx;
	struct left left;

	say(ending, find_left(ending, &left) ? &left : NULL);
}

void ending_init(struct ending *ending, struct loop *loop, struct policy *policy)
{
	*ending = (struct ending){
		.loop = loop,
		.policy = policy,
		.timer = { .on_due = on_waited, .ctx = ending },
	};
}

void ending_tell(struct ending *ending, const struct service *service, const struct reaper_end *end)
{
	struct left left;

	ending->of_service = service != NULL;
	ending->logged = service && service_was_logged(service, end);
	ending->end = *end;
	if (find_left(ending, &left))
		loop_timer_start(ending->loop, &ending->timer, ENDING_WAIT_MS);
	else
		say(ending, NULL);
}

bool ending_is_told(const struct ending *ending)
{
	return !ending->timer.running;
}
