# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# How a container ends, and what its engine makes of that: stop signals, exit statuses, restarts; and that nothing is lost.

# A service that says when it is told to stop.
script_telling() {
	script "$1/run" 'trap "echo told; exit ${END:-0}" TERM; echo ready; while :; do sleep 0.1; done'
}

test_stop_signals_all_end_in_order() {
	script_telling web
	for signal in SIGTERM SIGINT SIGQUIT SIGPWR SIGRTMIN+3 SIGRTMIN+4; do
		name=$(echo "$signal" | tr -d +)
		start "$name" "$dir/services" --stop-signal "$signal" --env DINIT_JSON_STDOUT=0 --env DINIT_LOG_LEVEL=info
		wait_line "$name" out ' web/run: ready$'
		stop "$name" 0 3000
		expect_line "$name" out ' web/run: told$'
		expect_line "$name" err 'dinit: info: signal [0-9]+ \(.*\) received: stopping the container'
	done
}

test_other_signals_are_ignored_with_a_word() {
	script_telling web
	start web "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: ready$'
	for signal in HUP USR2 HUP; do
		docker kill --signal $signal "$(container web)" > /dev/null
	done
	wait_line web err 'dinit: warning: signal 1 \(.*\) from outside .* is ignored: .*STOPSIGNAL SIGTERM'
	wait_line web err 'dinit: warning: signal 12 \(.*\) from outside .* is ignored: .*STOPSIGNAL SIGTERM'
	expect_no_line web out ' web/run: told$'
	stop web 0 3000
	expect_count web err 'STOPSIGNAL' 2
}

test_stop_while_starting_ends_in_order() {
	script 0/run 'exec sleep 1000'
	for name in $(seq 500); do
		ln -s 0 "$dir/services/$name"
	done
	start web "$dir/services" --env DINIT_LOG_LEVEL=info
	wait_line web err '0/run: running with PID'
	stop web 0 5000
}

test_stopped_service_is_continued() {
	script web/run 'trap "echo told; exit 0" TERM; echo $$ > /run/pid; echo ready; while :; do sleep 0.1; done'
	start web "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: ready$'
	in_container web sh -c 'kill -STOP "$(cat /run/pid)"'
	stop web 0 3000
	expect_line web out ' web/run: told$'
}

test_service_that_ignores_term_is_left_to_the_engine() {
	script web/run 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	start web "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: ready$'
	docker stop --time 1 "$(container web)" > /dev/null
	wait_status web 137
}

test_service_that_ignores_term_is_killed_after_a_failure() {
	script stubborn/run 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	script web/run 'while [ ! -e /run/fail ]; do sleep 0.1; done; exit 9'
	start web "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_STOP_TIMEOUT=1
	wait_line web out ' stubborn/run: ready$'
	end_from_inside web touch /run/fail
	wait_status web 3
	expect_line web err 'dinit: error: web/run: PID [0-9]+ exited with status 9, stopping the container'
	expect_line web err 'dinit: warning: stubborn/run: PID [0-9]+ is still running: killing it'
}

test_statuses_tell_what_happened() {
	script good/run 'exit 0'
	script_telling other
	start good "$dir/services" --env DINIT_JSON_STDOUT=0 --env END=4
	wait_status good 0
	expect_line good err 'dinit: warning: good/run: PID [0-9]+ exited with status 0, stopping the container'

	script good/run 'exit 7'
	start bad "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_status bad 3

	start wrong "$dir/services" --env DINIT_KILL_TIMEOUT=soon
	wait_status wrong 1
	expect_line wrong err 'dinit: error: .*DINIT_KILL_TIMEOUT.*soon'
	expect_equal stdout "$(output wrong out)" ''
}

# A file in the container tells one life from the next.
test_restart_on_failure_only() {
	script web/run 'n=$(cat /lives 2> /dev/null || echo 0)
echo $((n + 1)) > /lives
echo "life $((n + 1))"
[ "$n" -ge 2 ] || exit 7
exit 0'
	start web "$dir/services" --restart on-failure:5 --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: life 3$' 20
	wait_status web 0
	expect_equal restarts "$(inspect web '{{.RestartCount}}')" 2
	expect_count web err 'dinit: error: web/run: PID [0-9]+ exited with status 7, stopping the container' 2
	expect_no_line web out 'life 4'
}

test_stopped_and_started_again_runs() {
	script_telling web
	start web "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: ready$'
	docker restart --time 30 "$(container web)" > /dev/null
	eventually 10 ready_twice
	stop web 0 3000
	expect_count web out ' web/run: told$' 2
}

ready_twice() {
	[ "$(count_lines web out ' web/run: ready$')" = 2 ]
}

test_paused_container_loses_nothing() {
	script web/run 'n=0; while [ $n -lt 50000 ]; do n=$((n + 1)); echo "$n"; done; exec sleep 1000'
	start web "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: 1$'
	docker pause "$(container web)" > /dev/null
	expect_equal state "$(inspect web '{{.State.Status}}')" paused
	docker unpause "$(container web)" > /dev/null
	wait_line web out ' web/run: 50000$' 30
	stop web 0 3000
	output web out | sed 's/.* web\/run: //' > "$dir/got"
	seq 50000 | cmp - "$dir/got"
}

test_lines_of_a_service_that_ends_all_arrive() {
	script web/run 'seq -f "{\"n\":%.0f}" 100000; seq -f "stderr %.0f" 10000 >&2'
	start web "$dir/services"
	wait_status web 0 30
	output web out | jq -r .n > "$dir/got"
	seq 100000 | cmp - "$dir/got"
	output web err | sed -n 's/.*Z web\/run: stderr //p' > "$dir/got"
	seq 10000 | cmp - "$dir/got"
}

test_modes_of_stdout() {
	script web/run 'echo "{\"json\":1}"; echo "say \"text\""; exec sleep 1000'
	start json "$dir/services"
	start text "$dir/services" --env DINIT_JSON_STDOUT=0
	start wrap "$dir/services" --env DINIT_JSON_STDOUT=wrap
	for name in json text wrap; do
		eventually 10 has_line_anywhere $name 'text'
		stop $name 0 3000
	done
	expect_json json
	expect_line json err 'dinit: warning: web/run: .*say "text"'
	expect_line text out '^[0-9-]+T[0-9:.]+Z web/run: \{"json":1\}$'
	expect_line text out '^[0-9-]+T[0-9:.]+Z web/run: say "text"$'
	expect_json wrap
	expect_line wrap out '^\{"message":"say \\"text\\"","service":"web","stage":"run"'
	expect_no_line wrap err .
}

has_line_anywhere() {
	has_line "$1" out "$2" || has_line "$1" err "$2"
}
