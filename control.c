/* SPDX-License-Identifier: ISC */
/* Owns how often a program in a control directory is run; not which signal asks for it, nor whether
 * its service may still be asked. Invariant: it runs once at a time, and begins only while its
 * service's run is running. */
#include "control.h"

#include "hook.h"

static void start_control(struct control *control)
{
	const struct program_spec spec = {
		.path = control->entry->control[control->which],
		.dir = control->entry->dir,
		.about_pid = control->run->watch.pid,
	};

	hook_start(&control->program, &spec);
}

static void on_control_exit(void *ctx, const struct reaper_end *end, const char *failure)
{
	struct control *control = ctx;
	bool again = control->again;
	char stage[] = "control/?";
	struct reaper_end named = *end;

	stage[sizeof stage - 2] = SVDIR_CONTROL_NAMES[control->which];
	named.stage = stage;
	hook_say_end(&named, failure);
	control->again = false;
	if (again && program_is_running(control->run))
		start_control(control);
}

size_t control_count(const struct svdir_entry *entry)
{
	size_t count = 0;

	for (size_t i = 0; i < SVDIR_CONTROLS; i++)
		count += entry->control[i] ? 1 : 0;
	return count;
}

struct control *control_init(struct control *controls, const struct svdir_entry *entry,
			     struct programs *programs, const struct program *run)
{
	struct control *list = NULL;

	for (size_t i = SVDIR_CONTROLS; i-- > 0;) {
		if (!entry->control[i])
			continue;
		*controls = (struct control){
			.next = list,
			.which = (enum svdir_control)i,
			.entry = entry,
			.run = run,
		};
		program_init(&controls->program, programs, entry->name, "control", on_control_exit,
			     controls);
		controls->program.tallies = run->tallies;
		list = controls++;
	}
	return list;
}

bool control_ask(struct control *list, enum svdir_control which)
{
	while (list && list->which != which)
		list = list->next;
	if (!list)
		return false;
	if (program_is_running(&list->program))
		list->again = true;
	else
		start_control(list);
	return true;
}

void control_forget(struct control *list)
{
	for (; list; list = list->next)
		list->again = false;
}

void control_list_running(const struct control *list,
			  void (*on_program)(void *ctx, const struct program *program), void *ctx)
{
	for (; list; list = list->next)
		if (program_is_running(&list->program))
			on_program(ctx, &list->program);
}
