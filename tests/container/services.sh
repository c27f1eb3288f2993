# shellcheck shell=sh disable=SC2016,SC2154 # filters of jq; variables of run
# SPDX-License-Identifier: ISC
# Real programs as services: nginx, PostgreSQL, redis, runit's own tools.

# A client in a container of its own, so that it outlives the server.
client() {
	docker run --rm --name "$(container client)" --label "dinit-check=$run" --network "container:$(container "$1")" \
		--entrypoint curl "$image" --silent --show-error "$2"
}

test_nginx_stopped_finishes_request_in_flight() {
	mkdir "$dir/downloads"
	head -c 98304 /dev/zero > "$dir/downloads/zeros"
	start web nginx --read-only --tmpfs /run --volume "$dir/downloads:/var/www/downloads:ro"
	eventually 10 in_container web curl -sf http://127.0.0.1:8080/health

	client web http://127.0.0.1:8080/downloads/zeros > "$dir/received" &
	eventually 10 test -s "$dir/received"
	[ "$(stat -c %s "$dir/received")" -lt 98304 ] || fail "the request was over before nginx was stopped"
	stop web 0 8000
	wait $! || fail "the client failed"
	cmp "$dir/received" "$dir/downloads/zeros"

	expect_json web
	expect_line web out '"GET /downloads/zeros HTTP/1.1","status":200,"bytes":98304,.*"service":"web","stage":"run"'
	expect_no_line web err 'dinit: (warning|error)'
}

test_nginx_of_kubernetes_manifest_serves() {
	start_manifest web nginx kubernetes-exec.yaml
	_port=$(manifest '.ports[] | select(.name == "http").containerPort')
	for probe in startupProbe readinessProbe; do
		# shellcheck disable=SC2046 # the words of a command
		eventually 10 in_container web $(manifest ".$probe.exec.command | join(\" \")")
	done
	in_container web curl -sf "http://127.0.0.1:$_port/health"
	in_container web cat /proc/1/status > "$dir/status"
	_uid=$(manifest '$pod.securityContext.runAsUser')
	for field in "Uid:	$_uid	" 'CapEff:	0000000000000000' 'NoNewPrivs:	1' 'Seccomp:	2'; do
		grep -q "^$field" "$dir/status" || fail "not so: $field"
	done
	in_container web curl -s "http://127.0.0.1:$_port/nothing" > /dev/null
	stop web 0 3000
	expect_json web
	expect_line web out '"GET /nothing HTTP/1.1","status":404'
	expect_no_line web err 'dinit: (warning|error)'
}

sql() {
	in_container "$1" psql --quiet --tuples-only --no-align --host /run/postgresql --username postgres --command "$2"
}

test_postgresql_stopped_shuts_down_cleanly() {
	volume=$(container data)
	docker volume create --label "dinit-check=$run" "$volume" > /dev/null

	start first postgresql --volume "$volume:/var/lib/postgresql"
	wait_line first out '"message":"database system is ready to accept connections"' 30
	sql first 'create table kept (n int); insert into kept values (42)'
	# A client that would stay.
	in_container first psql --quiet --host /run/postgresql --username postgres --command 'select pg_sleep(1000)' \
		> "$dir/client" 2>&1 &
	eventually 10 clients_sleep first
	stop first 0 5000
	wait $! && fail "the client was not sent away"
	expect_json first
	expect_line first out '"message":"database system is shut down".*"service":"db","stage":"run"'
	# On a busy machine its logger needs longer than 10 ms to end by itself, and is told to.
	expect_no_line first err 'dinit: (error|warning: [^p])'

	start second postgresql --volume "$volume:/var/lib/postgresql"
	wait_line second out '"message":"database system is ready to accept connections"' 20
	expect_line second out '"message":"database system was shut down at '
	expect_no_line second out 'interrupted|recovery|not properly shut down'
	expect_equal "the table's row" "$(sql second 'select n from kept')" 42

	# What it looks like when it is not stopped so well: the lines looked for above do come.
	docker kill "$(container second)" > /dev/null
	wait_status second 137
	start third postgresql --volume "$volume:/var/lib/postgresql"
	wait_line third out '"message":"database system was interrupted' 20
	stop third 0 10000
}

clients_sleep() {
	[ "$(sql "$1" "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")" = 1 ]
}

test_redis_converting_log_gives_json() {
	start cache redis
	wait_line cache out '"level":"notice".*"message":"Ready to accept connections.*"service":"cache","stage":"run"'
	expect_equal set "$(in_container cache redis-cli set greeting hello)" OK
	expect_equal get "$(in_container cache redis-cli get greeting)" hello
	# dinit, the service, its logging program: no shell in between.
	expect_equal "processes below dinit, and all" "$(below_dinit cache) of $(top_of cache | grep -c .)" "2 of 3"
	stop cache 0 3000
	expect_json cache
	# The last line before it ends, through the pipe to the logging program and through dinit.
	expect_line cache out '"message":"Redis is now ready to exit, bye bye\.\.\."'
	expect_no_line cache err 'dinit: (warning|error)'
}

# below_dinit NAME: how many processes are children of the container's first.
below_dinit() {
	top_of "$1" | awk -v init="$(inspect "$1" '{{.State.Pid}}')" '$2 == init { n++ } END { print n + 0 }'
}

test_runit_directory_unchanged_works() {
	start app runit --env DINIT_LOG_LEVEL=info
	eventually 10 in_container app grep -q 'hello world, I am nobody and may open 64 files' /var/log/app/current
	eventually 10 top_has app 'sleep 1000$'
	# stdout is svlogd's affair, which prints nothing.
	expect_equal stdout "$(output app out)" ''
	stop app 0 3000
	docker cp "$(container app):/var/log/app/current" "$dir/current"
	tail -n 1 "$dir/current" | grep -q 'goodbye$' || fail "the last line is not in svlogd's file: $(cat "$dir/current")"
	expect_no_line app err 'dinit: (warning|error)'
}

# The usual advice for cron jobs and `docker exec`. A user other than root may do that as well, as dinit's pipe is its own.
test_exec_writing_to_streams_of_container_is_labelled() {
	script web/run 'echo up; exec sleep 1000'
	for user in 0 1000; do
		start "web$user" "$dir/services" --user "$user:$user" --env DINIT_JSON_STDOUT=wrap
		wait_line "web$user" out '"message":"up"'
		in_container "web$user" sh -c 'echo backup done > /proc/1/fd/1; echo oops > /proc/1/fd/2'
		wait_line "web$user" out '^{"message":"backup done","service":"container","stage":"1",'
		wait_line "web$user" err 'Z container/2: oops$'
		stop "web$user" 0 3000
		expect_json "web$user"
	done
}

# A terminal stays what it is.
test_exec_writing_to_terminal_of_container_is_not_labelled() {
	script web/run 'echo up; exec sleep 1000'
	start web "$dir/services" --tty --env DINIT_JSON_STDOUT=wrap
	wait_line web out '"message":"up"'
	in_container web sh -c 'echo backup done > /proc/1/fd/1'
	wait_line web out '^backup done.?$'
	stop web 0 3000
}
