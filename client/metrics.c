/* SPDX-License-Identifier: ISC */
/* Owns the metrics: their names, what they mean, and their text form. Adopted processes have none
 * of their own: their names hold PIDs, of which there would be ever more. Invariant: the samples of
 * a metric stand together, below its help and its type; what is unknown has no sample. */
#include "client/metrics.h"

#include "process.h"

#include <inttypes.h>
#include <stdlib.h>

/* What a sample is, once it is clear whose. */
enum metric {
	METRIC_UP,
	METRIC_READY,
	METRIC_START_TIME,
	METRIC_CHECK_FAILURES,
	METRIC_CPU,
	METRIC_MEMORY,
	METRIC_PROCESSES,
};

static void print_head(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP dinit_%s %s\n# TYPE dinit_%s %s\n", name, help, name, type);
}

static void print_number(FILE *to, uint64_t number)
{
	fprintf(to, " %" PRIu64 "\n", number);
}

static void print_ms(FILE *to, uint64_t ms)
{
	fprintf(to, " %" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
}

/* Prints the text as the value of a label, in which a quotation mark and a backslash are escaped.
 * (It holds no control characters.) */
static void print_label(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

/* ---- services ---- */

/* Prints one sample of a service, unless it is unknown. usage may be NULL. */
static void print_sample(FILE *to, const char *name, enum metric metric,
			 const struct view_service *service, const struct usage *usage)
{
	const struct board_entry *entry = &service->entry;

	if ((metric >= METRIC_CPU && (!usage || !usage->known)) ||
	    (metric == METRIC_START_TIME && entry->started.realtime_ms == 0))
		return;
	fprintf(to, "dinit_%s{service=", name);
	print_label(to, service->name);
	fputc('}', to);
	switch (metric) {
	case METRIC_UP: print_number(to, entry->pid > 0); break;
	case METRIC_READY: print_number(to, entry->state == BOARD_READY); break;
	case METRIC_START_TIME: print_ms(to, entry->started.realtime_ms); break;
	case METRIC_CHECK_FAILURES: print_number(to, entry->check_failures_total); break;
	case METRIC_CPU: print_ms(to, usage->cpu_ms); break;
	case METRIC_MEMORY: print_number(to, usage->memory_bytes); break;
	case METRIC_PROCESSES: print_number(to, usage->processes); break;
	}
}

static void print_services(FILE *to, const struct snapshot *snapshot, const struct usage *usages)
{
	static const struct {
		const char *name, *type, *help;
	} metrics[] = {
		[METRIC_UP] = { "service_up", "gauge", "Whether the program of the service runs." },
		[METRIC_READY] = { "service_ready", "gauge", "Whether the service is ready." },
		[METRIC_START_TIME] = { "service_start_time_seconds", "gauge",
					"When its program was started, in seconds since 1970." },
		[METRIC_CHECK_FAILURES] = { "service_check_failures_total", "counter",
					    "Failed checks." },
		[METRIC_CPU] = { "service_cpu_seconds_total", "counter",
				 "Processor time of its processes." },
		[METRIC_MEMORY] = { "service_resident_memory_bytes", "gauge",
				    "Resident memory of its processes." },
		[METRIC_PROCESSES] = { "service_processes", "gauge", "Its processes." },
	};

	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
		print_head(to, metrics[i].name, metrics[i].type, metrics[i].help);
		for (size_t j = 0; j < snapshot->services; j++)
			print_sample(to, metrics[i].name, (enum metric)i, &snapshot->list[j],
				     usages ? &usages[j] : NULL);
	}
}

static void print_streams(FILE *to, const struct snapshot *snapshot, const char *name,
			  const char *help, bool lines)
{
	static const char *const streams[] = { "stdout", "stderr" };

	print_head(to, name, "counter", help);
	for (size_t i = 0; i < snapshot->services; i++) {
		for (size_t j = 0; j < sizeof streams / sizeof *streams; j++) {
			const struct board_stream *stream = &snapshot->list[i].entry.streams[j];

			fprintf(to, "dinit_%s{service=", name);
			print_label(to, snapshot->list[i].name);
			fprintf(to, ",stream=\"%s\"}", streams[j]);
			print_number(to, lines ? stream->lines : stream->bytes);
		}
	}
}

/* ---- dinit itself ---- */

static void print_gauge(FILE *to, const char *name, const char *help, uint64_t number)
{
	print_head(to, name, "gauge", help);
	fprintf(to, "dinit_%s", name);
	print_number(to, number);
}

static void print_whole(FILE *to, const struct board_header *header)
{
	print_head(to, "info", "gauge", "The version of dinit.");
	fputs("dinit_info{version=", to);
	print_label(to, header->dinit_version);
	fputs("} 1\n", to);
	print_head(to, "start_time_seconds", "gauge",
		   "When dinit was started, in seconds since 1970.");
	fputs("dinit_start_time_seconds", to);
	print_ms(to, header->started.realtime_ms);
	print_gauge(to, "ready", "Whether all services are ready, and nothing stops.",
		    header->ready != 0);
	print_gauge(to, "stopping", "Whether the teardown has begun.",
		    header->state >= BOARD_WHOLE_DELAYING);
}

/* Prints what stands before the number of a sample. */
static void begin_sample(FILE *to, const char *name, const char *label, const char *value)
{
	fprintf(to, "dinit_%s{%s=\"%s\"}", name, label, value);
}

static void print_own_streams(FILE *to, const struct board_output outputs[2])
{
	static const char *const streams[] = { "stdout", "stderr" };

	print_head(to, "stream_bytes_total", "counter", "Bytes that dinit has written.");
	for (size_t i = 0; i < 2; i++) {
		begin_sample(to, "stream_bytes_total", "stream", streams[i]);
		print_number(to, outputs[i].bytes);
	}
	print_head(to, "stream_dropped_bytes_total", "counter",
		   "Bytes that dinit has thrown away because nobody took them.");
	for (size_t i = 0; i < 2; i++) {
		begin_sample(to, "stream_dropped_bytes_total", "stream", streams[i]);
		print_number(to, outputs[i].dropped_bytes);
	}
	print_head(to, "stream_stalled_seconds_total", "counter",
		   "How long dinit could not write.");
	for (size_t i = 0; i < 2; i++) {
		begin_sample(to, "stream_stalled_seconds_total", "stream", streams[i]);
		print_ms(to, outputs[i].stalled_ms);
	}
}

static void print_orphans(FILE *to, const struct board_counts *counts)
{
	print_head(to, "orphans_total", "counter",
		   "What was done to processes that had lost their parent.");
	begin_sample(to, "orphans_total", "action", "terminated");
	print_number(to, counts->orphans.terminated);
	begin_sample(to, "orphans_total", "action", "adopted");
	print_number(to, counts->orphans.adopted);
	begin_sample(to, "orphans_total", "action", "killed");
	print_number(to, counts->orphans.killed);
	print_head(to, "zombies_total", "counter",
		   "Processes that had lost their parent and ended before dinit saw them.");
	fputs("dinit_zombies_total", to);
	print_number(to, counts->orphans.zombies);
}

void metrics_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages)
{
	print_whole(to, &snapshot->header);
	print_services(to, snapshot, usages);
	print_streams(to, snapshot, "service_lines_total", "Lines that it has written.", true);
	print_streams(to, snapshot, "service_bytes_total", "Bytes that it has written.", false);
	print_own_streams(to, snapshot->header.counts.outputs);
	print_orphans(to, &snapshot->header.counts);
}

int metrics_run(char *const *arguments, pid_t pid)
{
	static const struct procfs proc = { .root = "/proc" };
	struct snapshot snapshot;
	struct usage *usages;
	char why[VIEW_WHY_SIZE];

	if (*arguments) {
		fprintf(stderr, "dinit: --metrics takes no argument: %s\n", *arguments);
		return PROCESS_STATUS_UNABLE;
	}
	if (view_look(pid, &snapshot, why) < 0)
		return view_fail(why);
	usages = usage_measure(&proc, &snapshot);
	metrics_print(stdout, &snapshot, usages);
	free(usages);
	snapshot_free(&snapshot);
	return PROCESS_STATUS_STOPPED;
}
