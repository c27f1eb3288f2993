# shellcheck shell=sh disable=SC2034,SC2154,SC2317 # variables of and for run, which also calls what is in functions
# SPDX-License-Identifier: ISC
# bubblewrap, with what images/README says about it.

begin_engine() {
	reason="bwrap does not run here"
	in_the_foreground
	timeout -k 5 60 bwrap --bind "$root" / --dev /dev --proc /proc --unshare-pid --as-pid-1 /usr/local/sbin/dinit --version
}

# begin_bwrap [SED]: the command of images/README, changed by that; $_child is its child-pid.
begin_bwrap() {
	in_own_root
	run_command "$(readme_command bwrap | sed "${1:-}")"
	eventually 10 grep -q child-pid "$dir/web.json"
	_child=$(sed -n 's/.*"child-pid": \([0-9]*\).*/\1/p' "$dir/web.json")
}

test_stop_ends_in_order() {
	begin_bwrap
	expect_service web
	expect_line web err 'dinit 0.* as PID 1$'
	! inside "$_child" /usr/local/sbin/dinit --status || fail "ready too early"
	touch "$dir/state/good"
	wait_line web err 'dinit: info: all services are ready after'
	inside "$_child" /usr/local/sbin/dinit --status
	kill -TERM "$_child"
	wait_end 0
	expect_end web 15
}

test_below_its_own_init_ends_in_order() {
	begin_bwrap 's/--as-pid-1//'
	expect_service web
	expect_line web err 'dinit 0.* as PID 2$'
	kill -TERM "$(only_child "$_child")"
	wait_end 0
	expect_end web 15
}

test_with_parent_leaves_nothing() {
	begin_bwrap 's/--as-pid-1/& --die-with-parent/'
	expect_service web
	kill -TERM "$_pid"
	wait_end 143
	eventually 10 has_ended "$_child"
}

test_ordinary_user_ends_in_order() {
	begin_bwrap 's/^bwrap/setpriv --reuid=65534 --regid=65534 --clear-groups &/'
	expect_service web
	kill -TERM "$_child"
	wait_end 0
	expect_end web 15
}

test_failure_is_the_status() {
	in_own_root
	touch "$dir/state/bad"
	run_command "$(readme_command bwrap)"
	wait_end 3
	expect_line web out 'Z db/run: \{"state":"flushed"\}$'
}
