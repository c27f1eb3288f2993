/* SPDX-License-Identifier: ISC */
/* Owns the list of the services, and what is asked of all of them; not what becomes of each
 * (service.h). Invariant: the phase only advances, and only services that were started are
 * asked for anything. */
#include "services.h"

#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* ---- what is asked of them ---- */

bool services_start_next(struct services *services)
{
	if (services->phase != SERVICES_UP || services->started == services->len)
		return false;
	service_start(&services->list[services->started++]);
	return true;
}

bool services_have_control(const struct services *services, enum svdir_control which)
{
	for (size_t i = 0; i < services->len; i++)
		if (services->list[i].entry->control[which])
			return true;
	return false;
}

size_t services_control(struct services *services, enum svdir_control which)
{
	size_t asked = 0;

	if (services->phase != SERVICES_UP)
		return 0;
	for (size_t i = 0; i < services->started; i++)
		if (service_is_up(&services->list[i]) &&
		    control_ask(services->list[i].controls, which))
			asked++;
	return asked;
}

void services_note_cause(struct services *services)
{
	services->has_cause = true;
	for (size_t i = 0; i < services->started; i++)
		control_forget(services->list[i].controls);
}

bool services_have_ending(const struct services *services, const struct procfs *proc)
{
	struct procfs_stat stat;

	for (size_t i = 0; i < services->started; i++) {
		const struct program *run = &services->list[i].run;

		/* Of one whose first thread alone has ended, that is a zombie. */
		if (program_is_running(run) && procfs_read_stat(proc, run->watch.pid, &stat) == 0 &&
		    stat.ending && (stat.state != 'Z' || reaper_is_zombie(run->watch.pid)))
			return true;
	}
	return false;
}

/* Enters a phase in which no service is started any more, nor a program in a control directory. */
static void enter_phase(struct services *services, enum services_phase phase)
{
	if (services->phase < phase)
		services->phase = phase;
	services_note_cause(services);
}

void services_prestop(struct services *services)
{
	if (services->phase != SERVICES_UP)
		return;
	enter_phase(services, SERVICES_DELAYED);
	for (size_t i = 0; i < services->started; i++)
		if (service_prestop(&services->list[i]))
			services->prestopping++;
}

/* Returns the command, or NULL where there is none. It is the last of the list. */
static struct service *find_command(const struct services *services)
{
	struct service *last = services->len > 0 ? &services->list[services->len - 1] : NULL;

	return last && service_is_command(last) ? last : NULL;
}

bool services_is_command_next(const struct services *services)
{
	return services->started + 1 == services->len && find_command(services);
}

const struct program *services_find_command(const struct services *services)
{
	const struct service *command = find_command(services);

	return command && program_is_running(&command->run) ? &command->run : NULL;
}

bool services_is_command_last(const struct services *services)
{
	return services->phase == SERVICES_COMMAND_STOPPED && services_find_command(services) &&
	       services->programs->living == 1;
}

void services_signal_command(const struct services *services, int signal)
{
	const struct program *command = services_find_command(services);

	if (command)
		program_signal(command, signal);
}

void services_stop_command(struct services *services, int signal)
{
	struct service *command = find_command(services);

	enter_phase(services, SERVICES_COMMAND_STOPPED);
	services->command_signal = signal;
	if (!command)
		return;
	if (service_is_up(command))
		service_stop(command);
	else
		program_stop(&command->run, signal);
}

void services_stop(struct services *services)
{
	enter_phase(services, SERVICES_STOPPED);
	for (size_t i = 0; i < services->started; i++)
		service_stop(&services->list[i]);
}

void services_list_running(const struct services *services,
			   void (*on_program)(void *ctx, const struct program *program), void *ctx)
{
	for (size_t i = 0; i < services->started; i++)
		service_list_running(&services->list[i], on_program, ctx);
}

/* ---- killing ---- */

void services_kill_prestops(struct services *services)
{
	for (size_t i = 0; i < services->started; i++)
		if (services->list[i].prestop)
			program_kill(services->list[i].prestop);
}

struct killing {
	bool with_logs;
	/* Whose programs are looked at. */
	const struct service *service;
	/* There was something to be killed. */
	bool any;
};

static void kill_one(void *ctx, const struct program *program)
{
	struct killing *killing = ctx;

	if (killing->with_logs || program != killing->service->log)
		killing->any |= program_kill(program);
}

bool services_kill(struct services *services, bool with_logs)
{
	struct killing killing = { .with_logs = with_logs };

	if (with_logs)
		enter_phase(services, SERVICES_KILLED);
	for (size_t i = 0; i < services->started; i++) {
		killing.service = &services->list[i];
		service_list_running(killing.service, kill_one, &killing);
	}
	return killing.any;
}

/* ---- the list ---- */

/* Allocates the list and the programs, all zeroed. One more of each, because calloc(0) may be NULL
 * without having failed. Returns 0, or -1 without memory. */
static int allocate(struct services *services, const struct svdir *svdir)
{
	size_t others = 1, controls = 1;

	for (size_t i = 0; i < svdir->len; i++) {
		others += service_count_programs(&svdir->entries[i]);
		controls += control_count(&svdir->entries[i]);
	}
	services->list = calloc(svdir->len + 1, sizeof *services->list);
	services->others = calloc(others, sizeof *services->others);
	services->controls = calloc(controls, sizeof *services->controls);
	return services->list && services->others && services->controls ? 0 : -1;
}

int services_open(struct services *services, const struct svdir *svdir, const char *skip,
		  struct loop *loop, struct programs *programs, const struct service_owner *owner)
{
	struct service_spares spares;

	*services = (struct services){
		.loop = loop,
		.programs = programs,
		.owner = *owner,
		.command_signal = SIGTERM,
	};
	if (allocate(services, svdir) < 0) {
		services_close(services);
		errno = ENOMEM;
		return -1;
	}
	spares = (struct service_spares){ services->others, services->controls };
	svdir_warn_of_skip(svdir, skip);
	for (size_t i = 0; i < svdir->len; i++) {
		const struct svdir_entry *entry = &svdir->entries[i];

		if (entry->down || svdir_is_skipped(entry, skip))
			log_info("%s: not to be started (%s)", entry->name,
				 entry->down ? "down" : "DINIT_SKIP");
		else
			service_init(&services->list[services->len++], services, entry, &spares);
	}
	return 0;
}

void services_show_tallies(struct services *services, const struct svdir *svdir,
			   struct board *board)
{
	for (size_t i = 0; i < services->len; i++) {
		struct service *service = &services->list[i];
		size_t place = (size_t)(service->entry - svdir->entries);
		struct board_stream *shown = board_find_streams(board, place);

		for (size_t stream = 0; stream < LOGMUX_STREAMS; stream++)
			tally_show(&service->tallies[stream], &shown[stream]);
	}
}

void services_close(struct services *services)
{
	for (size_t i = 0; i < services->len; i++)
		service_close(&services->list[i]);
	free(services->list);
	free(services->others);
	free(services->controls);
	services->list = NULL;
	services->others = NULL;
	services->controls = NULL;
}
