/* SPDX-License-Identifier: ISC */
/* Owns the rows about --http: how many answers a second it gives on one core, compared to nginx on
 * the same core, how long the longest answer takes, and what 256 clients cost. The client is wrk,
 * on another core. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICES 100
#define CLIENTS 256
/* longer than an answer is kept */
#define STALE_MS 300
#define UP_MS 10000

struct server {
	pid_t pid;
	int port;
};

/* The first two that this process may use; one of them twice where there is one. */
struct cores {
	char server[16], client[16];
};

static struct cores choose_cores(void)
{
	struct cores cores = { "", "" };
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		bench_fail("sched_getaffinity");
	for (unsigned i = 0; i < CPU_SETSIZE && !cores.client[0]; i++) {
		if (CPU_ISSET(i, &allowed))
			snprintf(cores.server[0] ? cores.client : cores.server, 16, "%u", i);
	}
	return cores;
}

static const char *core_of_client(const struct cores *cores)
{
	return cores->client[0] ? cores->client : cores->server;
}

/* ---- a client of our own ---- */

static struct sockaddr_in local_port(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* One that was free a moment ago. */
static int find_port(void)
{
	struct sockaddr_in address = local_port(0);
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		bench_fail("no port");
	close(fd);
	return ntohs(address.sin_port);
}

/* Returns a connection, or -1. */
static int connect_to(int port)
{
	struct sockaddr_in address = local_port(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		bench_fail("socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The length of the whole answer, or 0 where that is not there yet. */
static size_t measure_answer(const char *bytes)
{
	static const char name[] = "\r\nContent-Length: ";
	const char *end = strstr(bytes, "\r\n\r\n"), *length = strstr(bytes, name);

	if (!end || !length || length > end)
		return 0;
	return (size_t)(end + 4 - bytes) + strtoul(length + sizeof name - 1, NULL, 10);
}

/* Gets the path over the connection, which stays open, and returns the length of the answer. */
static size_t get(int fd, const char *path)
{
	static char bytes[1 << 20];
	char request[256];
	size_t len = 0, whole = 0;
	ssize_t n;

	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		bench_fail("write");
	while (whole == 0 || len < whole) {
		n = read(fd, bytes + len, sizeof bytes - 1 - len);
		if (n <= 0)
			bench_fail("an answer breaks off");
		len += (size_t)n;
		bytes[len] = '\0';
		whole = measure_answer(bytes);
	}
	if (strncmp(bytes, "HTTP/1.1 200 ", 13) != 0) {
		errno = 0;
		bench_fail(bytes);
	}
	return len;
}

/* ---- servers ---- */

static void wait_open(const struct server *server)
{
	uint64_t until_ns = proc_now_ns() + UP_MS * UINT64_C(1000000);
	int fd;

	while ((fd = connect_to(server->port)) < 0) {
		if (proc_now_ns() > until_ns) {
			errno = 0;
			bench_fail("a server does not listen");
		}
		proc_sleep_ms(10);
	}
	close(fd);
}

/* dinit --http beside that dinit, on that core. */
static struct server start_http(const struct bench *bench, const struct instance *instance,
				const char *core)
{
	struct server server = { .port = find_port() };
	char path[BENCH_PATH_SIZE], cpu[16], address[32], pid[16];
	char *const argv[] = { (char[]){ "taskset" },
			       (char[]){ "-c" },
			       cpu,
			       path,
			       (char[]){ "--http" },
			       address,
			       (char[]){ "--pid" },
			       pid,
			       NULL };
	const char *const extra[] = { NULL };

	snprintf(path, sizeof path, "%s", bench->dinit_static);
	snprintf(cpu, sizeof cpu, "%s", core);
	snprintf(address, sizeof address, "127.0.0.1:%d", server.port);
	snprintf(pid, sizeof pid, "%d", instance->pid);
	server.pid = proc_start(argv, &(struct proc_fds){ { -1, -1, -1, -1 } }, extra);
	wait_open(&server);
	return server;
}

static void write_nginx_conf(const struct bench *bench, const char *path, int port)
{
	FILE *file = fopen(path, "we");

	if (!file)
		bench_fail(path);
	fprintf(file,
		"daemon off;\nmaster_process off;\npid %s/nginx.pid;\nerror_log stderr;\n"
		"events {\n\tworker_connections 1024;\n}\n"
		"http {\n\taccess_log off;\n\tkeepalive_requests 1000000000;\n"
		"\tclient_body_temp_path %s/body;\n\tproxy_temp_path %s/proxy;\n"
		"\tfastcgi_temp_path %s/fastcgi;\n\tuwsgi_temp_path %s/uwsgi;\n"
		"\tscgi_temp_path %s/scgi;\n"
		"\tserver {\n\t\tlisten 127.0.0.1:%d;\n\t\tlocation / {\n"
		"\t\t\treturn 200 \"ok\\n\";\n\t\t}\n\t}\n}\n",
		bench->temp, bench->temp, bench->temp, bench->temp, bench->temp, bench->temp, port);
	if (fclose(file) != 0)
		bench_fail(path);
}

/* nginx, one process, which serves a constant. */
static struct server start_nginx(const struct bench *bench, const char *core)
{
	struct server server = { .port = find_port() };
	char path[BENCH_PATH_SIZE], cpu[16];
	char *const argv[] = { (char[]){ "taskset" },
			       (char[]){ "-c" },
			       cpu,
			       (char[]){ "nginx" },
			       (char[]){ "-e" },
			       (char[]){ "stderr" },
			       (char[]){ "-c" },
			       path,
			       NULL };
	const char *const extra[] = { NULL };

	snprintf(path, sizeof path, "%s/nginx.conf", bench->temp);
	snprintf(cpu, sizeof cpu, "%s", core);
	write_nginx_conf(bench, path, server.port);
	server.pid = proc_start(argv, &(struct proc_fds){ { -1, -1, -1, -1 } }, extra);
	wait_open(&server);
	return server;
}

static void stop_server(const struct server *server)
{
	proc_signal(server->pid, SIGTERM);
	proc_wait(server->pid, SIGTERM, NULL);
}

/* ---- answers a second ---- */

/* What wrk says of the line that begins so; 0 where there is none. */
static double find_number(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtod(at + strlen(name), NULL) : 0;
}

/* Answers a second to 16 clients of wrk. *cpu_us: what one costs the server. */
static double load(struct server *server, const char *core, unsigned seconds, double *cpu_us)
{
	char cpu[16], duration[16], url[64], text[4096];
	char *const argv[] = { (char[]){ "taskset" },
			       (char[]){ "-c" },
			       cpu,
			       (char[]){ "wrk" },
			       (char[]){ "-t1" },
			       (char[]){ "-c16" },
			       duration,
			       url,
			       NULL };
	double cpu_s = proc_cpu_s(server->pid);
	const char *const extra[] = { NULL };
	int output[2];
	ssize_t n;
	pid_t pid;

	snprintf(cpu, sizeof cpu, "%s", core);
	snprintf(duration, sizeof duration, "-d%us", seconds);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/livez", server->port);
	proc_pipe(output);
	pid = proc_start(argv, &(struct proc_fds){ { -1, output[1], -1, -1 } }, extra);
	close(output[1]);
	proc_wait(pid, 0, NULL);
	n = read(output[0], text, sizeof text - 1);
	close(output[0]);
	text[n > 0 ? n : 0] = '\0';
	errno = 0;
	if (find_number(text, "Requests/sec:") <= 0 || strstr(text, "Non-2xx") ||
	    strstr(text, "Socket errors"))
		bench_fail(text);
	*cpu_us = (proc_cpu_s(server->pid) - cpu_s) * 1e6 /
		  (find_number(text, "Requests/sec:") * seconds);
	return find_number(text, "Requests/sec:");
}

static void bench_rate(const struct bench *bench, const struct instance *instance,
		       const struct cores *cores)
{
	size_t rounds = bench->quick ? 3 : 5;
	unsigned seconds = bench->quick ? 2 : 4;
	double ours[BENCH_ROUNDS_MAX], ours_us[BENCH_ROUNDS_MAX], theirs[BENCH_ROUNDS_MAX],
		theirs_us[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
	struct server http = start_http(bench, instance, cores->server),
		      nginx = start_nginx(bench, cores->server);
	char detail[BENCH_DETAIL_SIZE];

	for (size_t i = 0; i < rounds; i++) {
		ours[i] = load(&http, core_of_client(cores), seconds, &ours_us[i]);
		theirs[i] = load(&nginx, core_of_client(cores), seconds, &theirs_us[i]);
		ratio[i] = ours[i] / theirs[i];
	}
	stop_server(&http);
	stop_server(&nginx);
	snprintf(detail, sizeof detail, "%.1f us of CPU each", table_median(ours_us, rounds));
	table_row("/livez on one core: answers", table_median(ours, rounds) / 1e3, "k/s",
		  TABLE_AT_LEAST, 5, detail);
	snprintf(detail, sizeof detail, "nginx %.1f k/s, %.1f us of CPU each",
		 table_median(theirs, rounds) / 1e3, table_median(theirs_us, rounds));
	table_row("/livez on one core: answers / nginx, a constant", table_median(ratio, rounds),
		  "x", TABLE_NO_BAR, 0, detail);
}

/* ---- the longest answer ---- */

/* Each is made anew: what was kept is stale. */
static void bench_answer(const struct bench *bench, const struct server *server, const char *path,
			 enum table_bar kind, double bar_ms)
{
	size_t rounds = bench->quick ? 7 : 15, len = 0;
	double took[BENCH_ROUNDS_MAX];
	char name[64], detail[BENCH_DETAIL_SIZE];
	int fd = connect_to(server->port);

	if (fd < 0)
		bench_fail("connect");
	for (size_t i = 0; i < rounds; i++) {
		uint64_t begun_ns;

		proc_sleep_ms(STALE_MS);
		begun_ns = proc_now_ns();
		len = get(fd, path);
		took[i] = (double)(proc_now_ns() - begun_ns) / 1e6;
	}
	close(fd);
	snprintf(name, sizeof name, "%s of %d services", path, SERVICES);
	snprintf(detail, sizeof detail, "%zu bytes", len);
	table_row(name, table_median(took, rounds), "ms", kind, bar_ms, detail);
}

/* ---- 256 clients ---- */

static void bench_clients(const struct server *server)
{
	static const char *const paths[] = { "/livez", "/readyz", "/metrics", "/status", "/" };
	char detail[BENCH_DETAIL_SIZE];
	int fds[CLIENTS];

	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = connect_to(server->port);
		if (fds[i] < 0)
			bench_fail("connect");
		get(fds[i], paths[i % (sizeof paths / sizeof *paths)]);
	}
	/* All of them are still there. */
	for (size_t i = 0; i < CLIENTS; i++)
		get(fds[i], "/livez");
	snprintf(detail, sizeof detail, "%ld kB resident", proc_status(server->pid, "VmRSS"));
	table_row("memory of --http, 256 clients: PSS", (double)proc_pss_kb(server->pid), "kB",
		  TABLE_AT_MOST, 1536, detail);
	table_row("threads of --http, 256 clients", (double)proc_status(server->pid, "Threads"), "",
		  TABLE_AT_MOST, 1, NULL);
	for (size_t i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

void web_bench(const struct bench *bench)
{
	struct cores cores = choose_cores();
	char dir[BENCH_PATH_SIZE], program[BENCH_PATH_SIZE];
	struct instance instance;
	struct server server;

	snprintf(dir, sizeof dir, "%s/web", bench->temp);
	snprintf(program, sizeof program, "%s/sleeper", bench->programs);
	life_make_services(dir, SERVICES, program);
	table_title("over HTTP: dinit-static --http beside 100 services, medians%s",
		    cores.client[0] ? "" : " (the client shares its core)");
	instance = life_start(bench, dir, NULL);
	life_wait_up(&instance, SERVICES);
	bench_rate(bench, &instance, &cores);
	server = start_http(bench, &instance, cores.server);
	bench_answer(bench, &server, "/metrics", TABLE_AT_MOST, 20);
	bench_answer(bench, &server, "/status", TABLE_NO_BAR, 0);
	bench_answer(bench, &server, "/", TABLE_NO_BAR, 0);
	bench_clients(&server);
	stop_server(&server);
	life_stop(&instance, NULL);
}
