# shellcheck shell=sh disable=SC2034,SC2154,SC2317 # variables of and for run, which also calls what is in functions
# SPDX-License-Identifier: ISC
# Nothing but namespaces: unshare, with what images/README says about it.

begin_engine() {
	reason="unshare does not run here"
	in_the_foreground
	timeout -k 5 60 unshare --pid --fork --kill-child --root="$root" --mount-proc /usr/local/sbin/dinit --version
}

# begin_unshare [SED]: the command of images/README, changed by that; $_init is dinit.
begin_unshare() {
	in_own_root
	run_command "$(readme_command unshare | sed "${1:-}")"
	_init=$(only_child "$_pid")
}

test_stop_ends_in_order() {
	begin_unshare
	expect_service web
	! inside "$_init" /usr/local/sbin/dinit --status || fail "ready too early"
	touch "$dir/state/good"
	wait_line web err 'dinit: info: all services are ready after'
	inside "$_init" /usr/local/sbin/dinit --status
	kill -TERM "$_pid"
	kill -TERM "$_init"
	# It had waited for that alone.
	wait_end 0
	expect_end web 15
}

# Nobody is left to take the status.
test_killed_unshare_ends_in_order() {
	begin_unshare
	expect_service web
	kill -KILL "$_pid"
	wait_end 137
	eventually 10 has_ended "$_init"
	expect_end web 15
}

test_ordinary_user_ends_in_order() {
	begin_unshare 's/^unshare/setpriv --reuid=65534 --regid=65534 --clear-groups & --map-root-user/'
	expect_service web
	kill -TERM "$_init"
	wait_end 0
	expect_end web 15
}

test_failure_is_the_status() {
	in_own_root
	touch "$dir/state/bad"
	run_command "$(readme_command unshare)"
	wait_end 3
	expect_line web out 'Z db/run: \{"state":"flushed"\}$'
}
