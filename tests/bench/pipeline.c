/* SPDX-License-Identifier: ISC */
/* Owns one run of lines through one program, and what is measured of it. */
#include "pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)

void pipeline_prepare(struct pipeline *pipeline, const struct bench *bench,
		      const struct corpus *corpus, const char *service_dir, size_t write_size,
		      size_t megabytes, unsigned pause_us)
{
	int fd;

	memset(pipeline, 0, sizeof *pipeline);
	pipeline->bench = bench;
	pipeline->corpus = corpus;
	pipeline->pause_us = pause_us;
	pipeline->repeat = (unsigned)(megabytes * 1000000 / corpus->len / (bench->quick ? 2 : 1));
	snprintf(pipeline->writer, sizeof pipeline->writer, "%s/writer", bench->programs);
	snprintf(pipeline->service_dir, sizeof pipeline->service_dir, "%s", service_dir);
	snprintf(pipeline->stamp_path, sizeof pipeline->stamp_path, "%s/stamp", bench->temp);
	snprintf(pipeline->data, sizeof pipeline->data, "BENCH_DATA=%s", corpus->path);
	snprintf(pipeline->stamp, sizeof pipeline->stamp, "BENCH_STAMP=%s", pipeline->stamp_path);
	snprintf(pipeline->write_size, sizeof pipeline->write_size, "BENCH_WRITE=%zu", write_size);
	fd = open(pipeline->stamp_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		bench_fail(pipeline->stamp_path);
	close(fd);
}

static uint64_t read_stamp(const struct pipeline *pipeline)
{
	uint64_t ns;
	int fd = open(pipeline->stamp_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &ns, sizeof ns) != sizeof ns)
		bench_fail(pipeline->stamp_path);
	close(fd);
	return ns;
}

/* Reads to the end, and pauses after each read; returns when the last bytes came. */
static uint64_t read_all(int fd, unsigned pause_us, double *bytes)
{
	static char buffer[READ_SIZE];
	const struct timespec pause = { .tv_nsec = pause_us * 1000L };
	uint64_t last_ns = 0;
	ssize_t n;

	*bytes = 0;
	while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
		last_ns = proc_now_ns();
		*bytes += n > 0 ? (double)n : 0;
		if (pause_us > 0)
			nanosleep(&pause, NULL);
	}
	return last_ns;
}

static pid_t start_writer(const struct pipeline *pipeline, int out_fd)
{
	char path[BENCH_PATH_SIZE];
	char *const argv[] = { path, NULL };
	const struct proc_fds fds = { { -1, out_fd, -1, -1 } };
	const char *const extra[] = { pipeline->data, pipeline->repeat_text, pipeline->write_size,
				      pipeline->stamp, NULL };

	snprintf(path, sizeof path, "%s", pipeline->writer);
	return proc_start(argv, &fds, extra);
}

static pid_t start_dinit(const struct pipeline *pipeline, const struct filter *filter, int out_fd)
{
	char path[BENCH_PATH_SIZE], dir[PIPELINE_VALUE_SIZE], mode[PIPELINE_VALUE_SIZE];
	char *const argv[] = { path, NULL };
	const struct proc_fds fds = { { -1, out_fd, -1, -1 } };
	const char *const extra[] = { pipeline->data,
				      pipeline->repeat_text,
				      pipeline->write_size,
				      pipeline->stamp,
				      dir,
				      mode,
				      NULL };

	snprintf(path, sizeof path, "%s",
		 filter->kind == FILTER_STATIC ? pipeline->bench->dinit_static
					       : pipeline->bench->dinit);
	snprintf(dir, sizeof dir, "DINIT_DIR=%s", pipeline->service_dir);
	snprintf(mode, sizeof mode, "DINIT_JSON_STDOUT=%s", filter->mode);
	return proc_start(argv, &fds, extra);
}

static pid_t start_pipe(const struct pipeline *pipeline, const struct filter *filter,
			const struct flow *model, int in_fd, int out_fd)
{
	char path[BENCH_PATH_SIZE], in[PIPELINE_VALUE_SIZE] = "BENCH_IN=0",
				    out[PIPELINE_VALUE_SIZE] = "BENCH_OUT=0",
				    wait[PIPELINE_VALUE_SIZE] = "BENCH_WAIT=read";
	char *const floor_argv[] = { path, NULL };
	const struct proc_fds fds = { { in_fd, out_fd, -1, -1 } };
	const char *const extra[] = { in, out, wait, NULL };

	if (filter->kind != FILTER_FLOOR)
		return proc_start(filter->argv, &fds, extra);
	snprintf(path, sizeof path, "%s/floor", pipeline->bench->programs);
	snprintf(in, sizeof in, "BENCH_IN=%.0f", model->in);
	snprintf(out, sizeof out, "BENCH_OUT=%.0f", model->out);
	snprintf(wait, sizeof wait, "BENCH_WAIT=%s", filter->mode);
	return proc_start(floor_argv, &fds, extra);
}

/* svlogd does not rotate here: a config file says so. */
static pid_t start_file(const struct pipeline *pipeline, int in_fd, char current[BENCH_PATH_SIZE])
{
	char dir[BENCH_PATH_SIZE - 16], config[BENCH_PATH_SIZE];
	char *const argv[] = { (char[]){ "svlogd" }, (char[]){ "-tt" }, dir, NULL };
	const struct proc_fds fds = { { in_fd, -1, -1, -1 } };
	const char *const extra[] = { NULL };
	FILE *file;

	snprintf(dir, sizeof dir, "%.400s/svlogd", pipeline->bench->temp);
	snprintf(config, sizeof config, "%s/config", dir);
	snprintf(current, BENCH_PATH_SIZE, "%s/current", dir);
	mkdir(dir, 0700);
	unlink(current);
	file = fopen(config, "we");
	if (!file || fputs("s0\nn0\n", file) < 0 || fclose(file) != 0)
		bench_fail(config);
	return proc_start(argv, &fds, extra);
}

static double file_size(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		bench_fail(path);
	return (double)status.st_size;
}

/* One run through one program: sets flow->out and *use, and returns when it ended. */
static uint64_t run_filter(const struct pipeline *pipeline, const struct filter *filter,
			   const struct flow *model, struct flow *flow, struct proc_use *use)
{
	bool is_dinit = filter->kind == FILTER_DINIT || filter->kind == FILTER_STATIC;
	char current[BENCH_PATH_SIZE];
	pid_t pid, writer = 0;
	uint64_t ended_ns;
	int in[2], out[2];

	proc_pipe(in);
	proc_pipe(out);
	/* As dinit would make it: how often a slow reader wakes who writes depends on that. */
	if (pipeline->pause_us > 0)
		fcntl(out[1], F_SETPIPE_SZ, 2 * READ_SIZE);
	if (is_dinit)
		pid = start_dinit(pipeline, filter, out[1]);
	else if (filter->kind == FILTER_FILE)
		pid = start_file(pipeline, in[0], current);
	else
		pid = start_pipe(pipeline, filter, model, in[0], out[1]);
	if (!is_dinit)
		writer = start_writer(pipeline, in[1]);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	ended_ns = read_all(out[0], pipeline->pause_us, &flow->out);
	close(out[0]);
	if (writer)
		proc_wait(writer, 0, NULL);
	if (filter->kind == FILTER_FILE) {
		ended_ns = proc_wait(pid, 0, use);
		flow->out = file_size(current);
	} else {
		proc_wait(pid, 0, use);
	}
	return ended_ns;
}

void pipeline_run(struct pipeline *pipeline, const struct filter *filter, const struct flow *model,
		  struct flow *flow)
{
	unsigned repeat = pipeline->repeat / filter->share;
	struct proc_use use;
	uint64_t ended_ns;
	double wall_s;

	if (repeat == 0)
		repeat = 1;
	snprintf(pipeline->repeat_text, sizeof pipeline->repeat_text, "BENCH_REPEAT=%u", repeat);
	flow->lines = (double)repeat * (double)pipeline->corpus->lines;
	flow->in = (double)repeat * (double)pipeline->corpus->len;
	ended_ns = run_filter(pipeline, filter, model, flow, &use);
	if (flow->out < flow->in) {
		errno = 0;
		bench_fail("less came out than went in");
	}
	wall_s = (double)(ended_ns - read_stamp(pipeline)) / 1e9;
	flow->lines_per_s = flow->lines / wall_s;
	flow->out_per_s = flow->out / wall_s;
	flow->cpu_s = use.cpu_s;
	flow->switches = (double)use.switches;
}
