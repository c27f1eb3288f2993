# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# Processes that lost their parent, under each policy, as a container engine's defaults for seccomp and capabilities allow it.

# start_daemon POLICY OPTION...: the container "old", in text mode. Its daemon, a shell script, is called sh by the kernel.
start_daemon() {
	_policy=$1
	shift
	start old daemon --env DINIT_JSON_STDOUT=0 --env DINIT_REPARENTING_POLICY="$_policy" "$@"
}

expect_adopted_with_output() {
	wait_line old out ' sh/[0-9]+: legacyd: on stdout$'
	wait_line old err ' sh/[0-9]+: legacyd: on stderr$'
	expect_line old err 'dinit: warning: sh/[0-9]+: lost its parent, adopting it: /bin/sh /.*/legacyd$'
	expect_no_line old err 'cannot be redirected'
	expect_no_zombie old
	# Nothing of it went missing while it was moved: the first line came by the service's pipe.
	expect_count old out ': legacyd: started$' 1
}

# The engine's defaults: a seccomp filter, and capabilities without SYS_PTRACE (19).
expect_default_confinement() {
	in_container "$1" cat /proc/1/status > "$dir/status"
	grep -qx 'Seccomp:[[:space:]]*2' "$dir/status" || fail "$1: no seccomp filter"
	_caps=$(sed -n 's/^CapEff:[[:space:]]*//p' "$dir/status")
	[ $((0x$_caps >> 19 & 1)) -eq 0 ] || fail "$1: has CAP_SYS_PTRACE: $_caps"
}

test_daemon_terminated_ends_container() {
	start_daemon terminate
	wait_status old 0
	expect_line old err 'dinit: warning: sh/[0-9]+: lost its parent, terminating it: /bin/sh /.*/legacyd( |$)'
	expect_line old err 'dinit: warning: all services have disabled themselves'
}

test_daemon_adopted_logs_under_its_name() {
	start_daemon adopt
	expect_adopted_with_output
	expect_default_confinement old
	stop old 0 3000
	expect_line old out ' sh/[0-9]+: legacyd: told to stop$'
}

test_daemon_adopted_failing_ends_container() {
	start_daemon adopt
	expect_adopted_with_output
	end_from_inside old sh -c 'echo 5 > /run/legacyd.end'
	wait_status old 3
	expect_line old err 'dinit: error: sh/[0-9]+: PID [0-9]+ exited with status 5, stopping the container'
}

test_daemon_adopted_ending_well_ends_container_well() {
	start_daemon adopt
	expect_adopted_with_output
	end_from_inside old sh -c 'echo 0 > /run/legacyd.end'
	wait_status old 0
	expect_line old err 'dinit: warning: sh/[0-9]+: PID [0-9]+ exited with status 0, stopping the container'
}

test_daemon_adopted_without_any_capability_is_redirected() {
	start_daemon adopt --cap-drop ALL --security-opt no-new-privileges --read-only
	expect_adopted_with_output
	stop old 0 3000
}

test_daemon_adopted_as_ordinary_user_is_redirected() {
	start_daemon adopt --user 1000:1000
	expect_adopted_with_output
	stop old 0 3000
}

test_daemon_adopted_below_another_init_is_redirected() {
	start_daemon adopt --init
	expect_adopted_with_output
	stop old 0 3000
}

# A daemon that became another user.
script_of_other_user() {
	script old/run 'start-stop-daemon --start --background --no-close --chuid nobody --exec "$PWD/daemon"; exit 115'
	cp "$top/test-services/daemon/legacy/legacyd" "$dir/services/old/daemon"
}

test_daemon_of_another_user_is_adopted_with_a_warning() {
	script_of_other_user
	start old "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_REPARENTING_POLICY=adopt
	wait_line old err 'dinit: warning: sh/[0-9]+: its output cannot be redirected: .*CAP_SYS_PTRACE'
	# By the pipe that it inherited.
	wait_line old out ' old/run: legacyd: on stdout$'
	wait_line old err ' old/run: legacyd: on stderr$'
	stop old 0 3000
	expect_line old out ' old/run: legacyd: told to stop$'
}

test_daemon_of_another_user_with_ptrace_capability_is_redirected() {
	script_of_other_user
	start old "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_REPARENTING_POLICY=adopt --cap-add SYS_PTRACE
	wait_line old out ' sh/[0-9]+: legacyd: on stdout$'
	expect_no_line old err 'cannot be redirected'
	stop old 0 3000
}

test_daemon_ignored_is_left_alone() {
	start_daemon ignore
	wait_line old out ' legacy/run: legacyd: on stdout$'
	expect_running old
	expect_no_line old err 'lost its parent'
	top_has old 'legacyd$' || fail "the daemon is gone"
	stop old 0 3000
	expect_no_line old out 'told to stop'
}

test_cron_with_careless_job_terminated() {
	start cron cron
	wait_line cron out '^\{"message":"the machine is up","service":"cron","stage":"run"'
	wait_line cron err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 1000( |$)'
	eventually 5 without_sleep cron
	expect_running cron
	expect_no_zombie cron
	stop cron 0 3000
}

without_sleep() {
	! top_of "$1" | grep -q 'sleep 1000$'
}

test_cron_with_careless_job_adopted() {
	start cron cron --env DINIT_REPARENTING_POLICY=adopt
	wait_line cron err 'dinit: warning: sleep/[0-9]+: lost its parent, adopting it: sleep 1000$'
	expect_running cron
	_pid=$(output cron err | sed -n 's/.* sleep\/\([0-9]*\): lost its parent.*/\1/p')
	end_from_inside cron sh -c "kill -KILL $_pid"
	wait_status cron 3
	expect_line cron err "dinit: error: sleep/$_pid: PID $_pid was killed by signal 9"
}

test_cron_with_careless_job_ignored() {
	start cron cron --env DINIT_REPARENTING_POLICY=ignore
	wait_line cron out '"message":"the machine is up"'
	eventually 5 orphaned_sleep cron
	expect_no_line cron err 'lost its parent'
	stop cron 0 3000
}

# A sleep whose parent is the container's first process.
orphaned_sleep() {
	_init=$(inspect "$1" '{{.State.Pid}}')
	top_of "$1" | awk -v init="$_init" '$2 == init && / sleep 1000$/ { found = 1 } END { exit !found }'
}

# start_cron_in_background POLICY: cron without -f. It forks, and closes what it inherited.
start_cron_in_background() {
	script cron/run 'cron; exit 115'
	start cron "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_REPARENTING_POLICY="$1"
}

test_cron_in_background_terminated_ends_container() {
	start_cron_in_background terminate
	wait_status cron 0
	expect_line cron err 'dinit: warning: cron/[0-9]+: lost its parent, terminating it: cron( |$)'
	expect_line cron err 'dinit: warning: all services have disabled themselves'
}

# dinit does not wait for it, and nobody tells it to stop.
test_cron_in_background_ignored_is_left_alone() {
	start_cron_in_background ignore
	eventually 5 top_has cron 'cron$'
	expect_running cron
	stop cron 0 3000
	expect_no_line cron err 'lost its parent'
}

# Adopted, it gets an output again.
test_cron_in_background_adopted_has_output() {
	start_cron_in_background adopt
	wait_line cron err 'dinit: warning: cron/[0-9]+: lost its parent, adopting it: cron$'
	eventually 5 job_was_heard
	expect_running cron
	stop cron 0 3000
}

job_was_heard() {
	in_container cron sh -c 'echo from a job > /proc/$(cat /run/crond.pid)/fd/1'
	has_line cron out ' cron/[0-9]+: from a job$'
}

# A daemon with threads, whose own stdout is /dev/null once it is in the background.
test_redis_in_background_adopted_logs_under_its_name() {
	script cache/run "redis-server --daemonize yes --save '' --dir /run --pidfile /run/redis.pid; exit 115"
	start cache "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_REPARENTING_POLICY=adopt
	wait_line cache err 'dinit: warning: redis-server/[0-9]+: lost its parent, adopting it: redis-server'
	eventually 10 save_was_heard
	stop cache 0 3000
	expect_line cache out ' redis-server/[0-9]+: .* bye bye'
}

save_was_heard() {
	in_container cache redis-cli save
	has_line cache out ' redis-server/[0-9]+: .* DB saved on disk$'
}

# What `docker exec` leaves behind has no parent in the container: the orphan becomes dinit's all the same.
test_orphan_of_exec_terminated() {
	script web/run 'exec sleep 1000'
	start web "$dir/services"
	eventually 10 top_has web 'sleep 1000$'
	in_container web sh -c 'sleep 2000 > /dev/null 2>&1 &'
	wait_line web err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 2000( |$)'
	expect_running web
	stop web 0 3000
}

# With -d the job itself is what the engine started: its parent is outside, and it is no orphan.
test_job_of_detached_exec_is_left_alone() {
	script web/run 'exec sleep 1000'
	start web "$dir/services"
	eventually 10 top_has web 'sleep 1000$'
	docker exec -d "$(container web)" sleep 2000
	eventually 5 top_has web 'sleep 2000$'
	# When dinit has seen this orphan, it has looked at that job.
	in_container web sh -c 'nohup tail -f /dev/null > /dev/null 2>&1 &'
	wait_line web err 'dinit: warning: tail/[0-9]+: lost its parent, terminating it: '
	top_has web 'sleep 2000$'
	expect_no_line web err ' sleep/'
	stop web 0 3000
}

test_job_of_exec_kept_by_name_is_left_alone() {
	script web/run 'exec sleep 1000'
	start web "$dir/services" --env DINIT_KEEP=sleep
	eventually 10 top_has web 'sleep 1000$'
	in_container web sh -c 'nohup sleep 2000 > /dev/null 2>&1 &'
	in_container web sh -c 'nohup tail -f /dev/null > /dev/null 2>&1 &'
	wait_line web err 'dinit: warning: tail/[0-9]+: lost its parent, terminating it: '
	top_has web 'sleep 2000$'
	expect_no_line web err ' sleep/'
	stop web 0 3000
}

# Zombies by the hundred, without a process that waits for them.
test_zombies_are_reaped() {
	script web/run 'i=0
while [ $i -lt 300 ]; do i=$((i + 1)); (sleep 0.01 &); done
echo "{\"all\":\"orphaned\"}"
exec sleep 1000'
	start web "$dir/services" --env DINIT_REPARENTING_POLICY=ignore
	wait_line web out '"all":"orphaned"'
	eventually 10 has_one_child web
	stop web 0 3000
}

# Of PID 1, dead or alive.
has_one_child() {
	[ "$(states_of "$1" | grep -c ' 1$')" -eq 1 ]
}
