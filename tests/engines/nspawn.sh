# shellcheck shell=sh disable=SC2034,SC2154,SC2317 # variables of and for run, which also calls what is in functions
# SPDX-License-Identifier: ISC
# systemd-nspawn, with what images/README says about it. There is no systemd here with which it could register.

begin_engine() {
	reason="systemd-nspawn does not run here"
	in_the_foreground
	timeout -k 5 60 systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --console=pipe \
		/usr/local/sbin/dinit --version < /dev/null
}

# begin_nspawn [SED]: the command of images/README, changed by that. $_init is its container's, which is not
# the first that it starts.
begin_nspawn() {
	in_own_root
	run_command "$(nspawn_command "${1:-}")"
	expect_service web
	_init=$(only_child "$_pid")
}

nspawn_command() {
	_environment='--setenv=DINIT_JSON_STDOUT=0 --setenv=DINIT_LOG_LEVEL=info --setenv=DINIT_CHECK_INTERVAL=1'
	readme_command systemd-nspawn | sed "s/^systemd-nspawn/& --quiet --register=no --keep-unit $_environment/; $1"
}

test_stop_ends_in_order() {
	receive notify
	# shellcheck disable=SC2064 # now
	trap "kill $_receiver" EXIT
	export NOTIFY_SOCKET="$dir/notify"
	begin_nspawn
	unset NOTIFY_SOCKET
	! inside "$_init" /usr/local/sbin/dinit --status || fail "ready too early"
	! has_received notify READY=1 || fail "told too early"
	touch "$dir/state/good"
	eventually 10 has_received notify READY=1
	expect_line web out 'Z db/run: socket none$'
	inside "$_init" /usr/local/sbin/dinit --status
	kill -TERM "$_pid"
	wait_end 0
	expect_end web 15
}

test_boot_ends_in_order() {
	begin_nspawn 's/--kill-signal=SIGTERM//; s|/usr/local/sbin/dinit|--boot|'
	kill -TERM "$_pid"
	wait_end 0
	expect_end web 37
}

# As systemd's own tools ask for it, without asking systemd-nspawn.
test_each_stop_signal_ends_in_order() {
	for _signal in TERM INT RTMIN+3 RTMIN+4; do
		begin_nspawn
		kill -s $_signal "$_init"
		wait_end 0
		expect_end web '[0-9]+'
		rm -r "$dir/root" "$dir/state"
	done
}

test_as_pid2_ends_in_order() {
	begin_nspawn 's/--kill-signal=SIGTERM/--as-pid2 --kill-signal=SIGRTMIN+3/'
	expect_line web err 'dinit 0.* as PID 2$'
	kill -TERM "$_pid"
	wait_end 0
	expect_end web '(1|15)'
}

test_failure_is_the_status() {
	in_own_root
	touch "$dir/state/bad"
	run_command "$(nspawn_command '')"
	wait_end 3
	expect_line web out 'Z db/run: \{"state":"flushed"\}$'
}
