/* SPDX-License-Identifier: ISC */
/* Owns the meaning of every signal that is read; not what is done about it. Invariant: each
 * signal that is ignored gets a message. */
#include "request.h"

#include "log.h"
#include "signame.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* What systemd(1) halts and powers off for, SIGRTMIN+3 and +4 as the kernel and glibc count; musl's
 * SIGRTMIN is one higher. Container engines send the first of them to stop an init, and machinectl
 * poweroff the other. */
#define SIGNAL_SYSTEMD_HALT (34 + 3)
#define SIGNAL_SYSTEMD_POWEROFF (34 + 4)

/* Returns whether kill(2) was called outside our PID namespace, as `docker stop` and `docker kill`
 * do: such a sender has no PID here (pid_namespaces(7)). What a terminal sends has another code. */
static bool is_from_outside(const struct signalfd_siginfo *info)
{
	return getpid() == 1 && info->ssi_code == SI_USER && info->ssi_pid == 0;
}

/* Finds the program in control/ that is run for a signal. */
static bool find_control(int signal, enum svdir_control *control)
{
	switch (signal) {
	case SIGHUP: *control = SVDIR_CONTROL_HUP; return true;
	case SIGUSR1: *control = SVDIR_CONTROL_USR1; return true;
	case SIGUSR2: *control = SVDIR_CONTROL_USR2; return true;
	default: return false;
	}
}

/* Returns whether a signal for which no program in control/ is run stops the container. An image
 * has the STOPSIGNAL of the one that it was made from: httpd and php:apache have WINCH, haproxy
 * USR1. A command gets these itself. */
static bool stops_container(const struct requests *requests, const struct signalfd_siginfo *info)
{
	switch ((int)info->ssi_signo) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
	case SIGPWR:
	case SIGNAL_SYSTEMD_HALT:
	case SIGNAL_SYSTEMD_POWEROFF: return true;
	case SIGHUP: return getpid() != 1 && !requests->command_runs;
	case SIGWINCH:
	case SIGUSR1: return is_from_outside(info) && !requests->command_runs;
	default: return false;
	}
}

/* Says that the signal is ignored. Whoever sends one from outside may have meant to stop the
 * container; one that goes on after a STOP has not. */
static void say_ignored(struct requests *requests, const struct signalfd_siginfo *info)
{
	int signal = (int)info->ssi_signo;
	uint64_t bit = UINT64_C(1) << (signal - 1);
	char text[SIGNAME_TEXT_SIZE];

	signame_describe(signal, text);
	if (!is_from_outside(info) || signal == SIGCONT || (requests->warned & bit)) {
		log_info("%s ignored", text);
		return;
	}
	requests->warned |= bit;
	log_warn("%s from outside the container is ignored: if it was meant to stop the container, "
		 "set STOPSIGNAL SIGTERM in the Dockerfile",
		 text);
}

/* Returns whether the kernel tells dinit itself, with that signal, of a limit (setrlimit(2)) that
 * it has met: it wrote to a file that may not grow, or has used up its CPU time. */
static bool is_of_own_limit(const struct signalfd_siginfo *info)
{
	switch ((int)info->ssi_signo) {
	case SIGXFSZ: return info->ssi_code == SI_USER && (pid_t)info->ssi_pid == getpid();
	case SIGXCPU: return info->ssi_code == SI_KERNEL;
	default: return false;
	}
}

enum request request_read(struct requests *requests, const struct signalfd_siginfo *info,
			  enum svdir_control *control)
{
	if (info->ssi_signo == SIGCHLD)
		return REQUEST_CHILDREN;
	if (find_control((int)info->ssi_signo, control) && requests->has_control[*control])
		return REQUEST_CONTROL;
	if (stops_container(requests, info))
		return REQUEST_STOP;
	if (requests->command_runs && !is_of_own_limit(info))
		return REQUEST_FORWARD;
	say_ignored(requests, info);
	return REQUEST_NOTHING;
}

int request_choose_command_signal(const struct signalfd_siginfo *info)
{
	switch ((int)info->ssi_signo) {
	case SIGINT:
	case SIGQUIT: return (int)info->ssi_signo;
	default: return SIGTERM;
	}
}

bool request_describe(const struct requests *requests, const struct signalfd_siginfo *info,
		      char text[REQUEST_TEXT_SIZE])
{
	char signal[SIGNAME_TEXT_SIZE], sender[SENDER_SIZE];
	bool inside = sender_describe(requests->proc, requests->reaper, info, sender);

	signame_describe((int)info->ssi_signo, signal);
	if (inside)
		snprintf(text, REQUEST_TEXT_SIZE, "%s from %s", signal, sender);
	else
		snprintf(text, REQUEST_TEXT_SIZE, "%s received", signal);
	return inside;
}
