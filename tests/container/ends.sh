# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# How everyone learns why a container ended: its exit status and what restarts go by, the file that Kubernetes shows, memory
# that ran out; and stop signals that an image has inherited.

# A service that says when it is told to stop.
script_saying_stop() {
	script "$1/run" 'trap "echo told; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
}

# httpd and php:apache have WINCH, nginx and php-fpm QUIT, haproxy USR1, postgres INT.
test_inherited_stop_signal_ends_in_order() {
	script_saying_stop web
	base=$image
	for signal in SIGWINCH SIGQUIT SIGUSR1 SIGINT; do
		image=$run:$(echo $signal | tr '[:upper:]' '[:lower:]')
		printf 'FROM %s\nSTOPSIGNAL %s\n' "$base" $signal | docker build --network none --tag "$image" - \
			> "$dir/output" 2>&1 || { cat "$dir/output"; false; }
		start $signal "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_LOG_LEVEL=info
		wait_line $signal out ' web/run: ready$'
		# As `docker stop` does without any option: KILL would come after 10 s, with 137.
		began=$(now_ms)
		docker stop "$(container $signal)" > /dev/null
		[ $(($(now_ms) - began)) -lt 9000 ] || fail "docker stop took $(($(now_ms) - began)) ms"
		wait_status $signal 0
		expect_line $signal out ' web/run: told$'
		expect_line $signal err 'dinit: info: signal [0-9]+ \(.*\) received: stopping the container'
	done
}

# A signal inside the container that only an image's old program would have stopped for.
test_same_signal_from_inside_is_ignored() {
	script_saying_stop web
	start web "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_LOG_LEVEL=info
	wait_line web out ' web/run: ready$'
	in_container web sh -c 'kill -WINCH 1; kill -USR1 1'
	wait_line web err 'dinit: info: signal 28 \(.*\) ignored'
	wait_line web err 'dinit: info: signal 10 \(.*\) ignored'
	expect_running web
	stop web 0 3000
}

# ---- the exit status, and restarts ----

test_exit_status_of_the_service_decides_about_restarts() {
	script web/run 'echo life; exit "$WITH"'
	start good "$dir/services" --restart on-failure:2 --env DINIT_EXIT_STATUS=service --env WITH=0
	start bad "$dir/services" --restart on-failure:2 --env DINIT_EXIT_STATUS=service --env WITH=7 \
		--env DINIT_JSON_STDOUT=0
	eventually 20 given_up bad
	wait_status bad 7
	expect_equal "lives of bad" "$(count_lines bad out ' web/run: life$')" 3
	expect_count bad err ' dinit: error: stopped after .* with status 7: web/run: PID [0-9]+ exited with status 7' 3
	wait_status good 0
	expect_equal "restarts of good" "$(inspect good '{{.RestartCount}}')" 0
}

given_up() {
	[ "$(inspect "$1" '{{.RestartCount}}')" = 2 ] && is_state "$1" exited
}

test_exit_status_of_a_killed_service_is_that_of_a_shell() {
	script web/run 'kill -SEGV $$'
	start web "$dir/services" --env DINIT_EXIT_STATUS=service
	wait_status web 139
}

# ---- out of memory ----

LIMIT=', out of memory \(the container.s limit is 64 MiB\), stopping the container'

test_out_of_memory_is_named_with_the_limit() {
	script web/run 'until [ -e /dev/shm/ready ]; do sleep 0.1; done; exec tail /dev/zero'
	script other/run 'trap "echo told; exit 0" TERM; touch /dev/shm/ready; while :; do sleep 0.1; done'
	# Both namespaces of control groups that an engine gives, with as little as can be beside.
	for namespace in private host; do
		start $namespace "$dir/services" --memory 64m --cgroupns $namespace --env DINIT_JSON_STDOUT=0 --read-only \
			--user 1000:1000 --cap-drop ALL --security-opt no-new-privileges
		wait_status $namespace 3 30
		expect_line $namespace err "dinit: error: web/run: PID [0-9]+ was killed by signal 9 \\(.*\\)$LIMIT"
		expect_line $namespace out ' other/run: told$'
	done
}

test_kill_under_a_limit_is_not_taken_for_memory() {
	script web/run 'kill -KILL $$'
	start web "$dir/services" --memory 64m
	wait_status web 3
	expect_line web err 'dinit: error: web/run: PID [0-9]+ was killed by signal 9 \(.*\), stopping the container'
	expect_no_line web err 'out of memory'
}

# ---- a limit of time for a stop from outside ----

test_grace_period_below_that_of_the_engine_ends_in_order() {
	script deaf/run 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	script web/run 'trap "seq 1000; echo told; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	start web "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_GRACE_PERIOD=3
	wait_line web out ' deaf/run: ready$'
	wait_line web out ' web/run: ready$'
	began=$(now_ms)
	docker stop "$(container web)" > /dev/null
	[ $(($(now_ms) - began)) -lt 9000 ] || fail "docker stop took $(($(now_ms) - began)) ms"
	wait_status web 0
	expect_line web err 'dinit: warning: .*DINIT_GRACE_PERIOD.*3 s'
	expect_line web err 'dinit: warning: deaf/run: PID [0-9]+ is still running: killing it'
	expect_count web out ' web/run: [0-9]+$' 1000
	expect_line web out ' web/run: told$'
}

# ---- the file that Kubernetes shows ----

# start_with_log NAME SERVICES OPTION...: as a kubelet makes that file: empty, for everyone, and mounted by itself; here in a
# container that may write nothing else.
start_with_log() {
	_log=$dir/log-$1
	: > "$_log"
	chmod 666 "$_log"
	start "$@" --read-only --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges \
		--env DINIT_JSON_STDOUT=0 --env DINIT_LOG_LEVEL=info
}

# expect_log NAME: the file has the cause, as the last line has it, and no newline.
expect_log() {
	output "$1" err | sed -n 's/.* dinit: [a-z]*: stopped after .* with status [0-9]*: //p' | tr -d '\n' | cmp - "$dir/log-$1"
	[ -s "$dir/log-$1" ] || fail "$1: nothing was written"
}

test_termination_log_has_the_cause() {
	script web/run 'echo "no such database" >&2; exit 7'
	start_with_log failed "$dir/services" --volume "$dir/log-failed:/dev/termination-log"
	wait_status failed 3
	expect_log failed
	grep -qE '^web/run: PID [0-9]+ exited with status 7; its last line was: no such database$' "$dir/log-failed"

	script_saying_stop web
	start_with_log stopped "$dir/services" --volume "$dir/log-stopped:/run/why" --env DINIT_TERMINATION_LOG=/run/why
	wait_line stopped out ' web/run: ready$'
	stop stopped 0 3000
	expect_log stopped
	grep -qE '^signal 15 \(.*\) received$' "$dir/log-stopped"
}

test_termination_log_of_a_service_stays() {
	script web/run 'printf "I know why" > /dev/termination-log; exit 7'
	start_with_log web "$dir/services" --volume "$dir/log-web:/dev/termination-log"
	wait_status web 3
	expect_equal "the file" "$(cat "$dir/log-web")" 'I know why'
	expect_line web err 'dinit: info: /dev/termination-log: the cause of the end is not written there: it is not empty'
}
