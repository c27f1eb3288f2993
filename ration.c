/* SPDX-License-Identifier: ISC */
/* Owns the warnings, the counts of those that were written and withheld, and the line that stands
 * for those withheld; not what they are about. Invariant: the timer runs while some of an entry are
 * withheld, and falls due when the minute of the first such entry is over. */
#include "ration.h"

#include "log.h"
#include "procfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the words of make_hint. */
#define HINT_SIZE (PROCFS_NAME_SIZE + 40)

static uint64_t end_of_minute(const struct ration_entry *entry)
{
	return entry->began_ms + RATION_MINUTE_MS;
}

static void begin_minute(struct ration *ration, struct ration_entry *entry, bool exhausted)
{
	entry->began_ms = loop_now_ms(ration->loop);
	entry->written = entry->withheld = 0;
	entry->exhausted = exhausted;
}

static void say_withheld(const struct ration_entry *entry)
{
	if (entry->withheld > 0)
		log_warn("%s: %u more orphan%s terminated within a minute", entry->program,
			 entry->withheld, entry->withheld == 1 ? " was" : "s were");
}

static void arm_timer(struct ration *ration)
{
	uint64_t now = loop_now_ms(ration->loop), next = UINT64_MAX;

	for (size_t i = 0; i < RATION_PROGRAMS; i++) {
		const struct ration_entry *entry = &ration->entries[i];

		if (entry->withheld > 0 && end_of_minute(entry) < next)
			next = end_of_minute(entry);
	}
	if (next == UINT64_MAX)
		loop_timer_stop(ration->loop, &ration->timer);
	else
		loop_timer_start(ration->loop, &ration->timer, next > now ? next - now : 0);
}

static void on_minute_over(void *ctx)
{
	struct ration *ration = ctx;
	uint64_t now = loop_now_ms(ration->loop);

	for (size_t i = 0; i < RATION_PROGRAMS; i++) {
		struct ration_entry *entry = &ration->entries[i];

		if (entry->withheld > 0 && end_of_minute(entry) <= now) {
			say_withheld(entry);
			begin_minute(ration, entry, true);
		}
	}
	arm_timer(ration);
}

static struct ration_entry *find_entry(struct ration *ration, const char *program)
{
	for (size_t i = 0; i < RATION_PROGRAMS; i++)
		if (ration->entries[i].program && strcmp(ration->entries[i].program, program) == 0)
			return &ration->entries[i];
	return NULL;
}

/* Returns an entry that is free, or else the one whose minute began first. */
static struct ration_entry *choose_entry(struct ration *ration)
{
	struct ration_entry *chosen = &ration->entries[0];

	for (size_t i = 0; i < RATION_PROGRAMS && chosen->program; i++)
		if (!ration->entries[i].program || ration->entries[i].began_ms < chosen->began_ms)
			chosen = &ration->entries[i];
	return chosen;
}

/* Returns an entry that begins to count for the program, or NULL where memory is lacking. */
static struct ration_entry *add_entry(struct ration *ration, const char *program)
{
	struct ration_entry *entry = choose_entry(ration);
	char *copy = strdup(program);

	if (!copy)
		return NULL;
	say_withheld(entry);
	free(entry->program);
	entry->program = copy;
	begin_minute(ration, entry, false);
	return entry;
}

/* Takes one more warning from the program's ration. Returns whether it is to be written, and sets
 * *first to whether it is the first one that is counted for the program. */
static bool take(struct ration *ration, const char *program, bool *first)
{
	struct ration_entry *entry = find_entry(ration, program);

	*first = false;
	if (!entry) {
		entry = add_entry(ration, program);
		if (!entry)
			return true;
		*first = true;
	} else if (entry->withheld == 0 && end_of_minute(entry) <= loop_now_ms(ration->loop)) {
		begin_minute(ration, entry, false);
	}
	if (!entry->exhausted && entry->written < RATION_WARNINGS) {
		entry->written++;
		return true;
	}
	if (entry->withheld++ == 0)
		arm_timer(ration);
	return false;
}

/* Puts into words how the program can be left alone, with its name as a pattern, in which no comma
 * may stand. */
static void make_hint(const char *program, char hint[HINT_SIZE])
{
	snprintf(hint, HINT_SIZE, " (DINIT_KEEP=%s leaves it alone)", program);
	for (char *comma = hint; (comma = strchr(comma, ',')); comma++)
		*comma = '?';
}

bool ration_warn(struct ration *ration, const char *program, const char *label, const char *line,
		 bool may_keep)
{
	char hint[HINT_SIZE] = "";
	bool first;

	if (!take(ration, program, &first))
		return false;
	if (first && may_keep)
		make_hint(program, hint);
	log_warn("%s: lost its parent, terminating it: %s%s", label, line, hint);
	return true;
}

void ration_say_rest(struct ration *ration)
{
	for (size_t i = 0; i < RATION_PROGRAMS; i++) {
		say_withheld(&ration->entries[i]);
		ration->entries[i].withheld = 0;
	}
	loop_timer_stop(ration->loop, &ration->timer);
}

void ration_init(struct ration *ration, struct loop *loop)
{
	*ration = (struct ration){ .loop = loop,
				   .timer = { .on_due = on_minute_over, .ctx = ration } };
}

void ration_close(struct ration *ration)
{
	loop_timer_stop(ration->loop, &ration->timer);
	for (size_t i = 0; i < RATION_PROGRAMS; i++)
		free(ration->entries[i].program);
}
