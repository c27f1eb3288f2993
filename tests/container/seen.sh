# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# What dinit shows of itself, in every confinement that an engine offers: to its own clients, and to page (tests/page.c), which
# looks at the memory itself.

# start_seen NAME OPTION...: a container with one service, "web", and page at hand.
start_seen() {
	_seen=$1
	shift
	[ -e "$dir/services/web/run" ] ||
		script web/run 'trap "sleep 1; exit 0" TERM; echo "{\"up\":true}"; while :; do sleep 0.1; done'
	start "$_seen" "$dir/services" --volume "$PAGE:/usr/local/bin/page:ro" "$@"
	wait_line "$_seen" out '"up":true'
}

# expect_seen NAME [OPTION...]: a process that the engine starts in there with these options sees what runs, and may not write
# where it looks.
expect_seen() {
	_seen=$1
	shift
	docker exec "$@" "$(container "$_seen")" dinit --status > "$dir/status" || fail "$_seen: $(cat "$dir/status")"
	grep -Eq '^web +ready +[0-9]+ ' "$dir/status" || fail "$_seen: $(cat "$dir/status")"
	docker exec "$@" "$(container "$_seen")" dinit --status --json |
		jq -e '.ready and (.services | map(.name) == ["web"]) and .services[0].state == "ready"' > /dev/null
	docker exec "$@" "$(container "$_seen")" dinit --wait -t 5 web
	docker exec "$@" "$(container "$_seen")" dinit --metrics | grep -q '^dinit_ready 1$'
	expect_equal "$_seen: a writer is" "$(docker exec "$@" "$(container "$_seen")" page write | sort -u)" refused
}

# expect_wakes NAME [OPTION...]: one that waits is woken by the change, and not by the clock.
expect_wakes() {
	_seen=$1
	shift
	# What an earlier call has left there would be found at once.
	: > "$dir/watch"
	docker exec "$@" "$(container "$_seen")" dinit --watch > "$dir/watch" &
	_watch=$!
	eventually 10 grep -q '"service":"web"' "$dir/watch"
	stop "$_seen" 0 5000
	wait $_watch || :
	grep -q '"service":"web","state":"stopping"' "$dir/watch" || fail "not seen: $(cat "$dir/watch")"
}

test_every_user_of_a_container_sees_what_runs() {
	start_seen web
	for user in 0 65534 1000; do
		expect_seen web --user "$user"
	done
	expect_equal pages "$(in_container web page list)" "page of 1, user 0, mode 444, to be removed"
	expect_wakes web --user 1000
}

test_container_of_another_user_is_seen() {
	start_seen web --user 1000:1000
	for user in 0 65534 1000; do
		expect_seen web --user "$user"
	done
	expect_wakes web --user 65534
}

test_everything_taken_away_is_seen() {
	start_seen web --read-only --cap-drop ALL --security-opt no-new-privileges --user 65534
	expect_seen web
	expect_seen web --user 1000
	expect_wakes web
	start_seen root --read-only --cap-drop ALL --security-opt no-new-privileges
	expect_seen root
	expect_wakes root
}

test_container_without_ipc_is_seen() {
	start_seen web --ipc none
	expect_seen web
	expect_wakes web --user 1000
}

# dinit is not PID 1 then, nor an ancestor of who asks.
test_below_docker_init_is_seen() {
	start_seen web --init
	expect_seen web
	expect_seen web --user 1000
	expect_wakes web
}

# Each sees its own; the other's page is that of PID 0.
test_shared_ipc_namespace_shows_only_its_own() {
	start_seen one --ipc shareable
	start_seen two --ipc "container:$(container one)"
	expect_equal pages "$(in_container two page list | cut -d , -f 1 | sort)" "page of 0
page of 1"
	for name in one two; do
		in_container $name dinit --status > "$dir/status" || fail "$(cat "$dir/status")"
		grep -Eq '^web +ready ' "$dir/status" || fail "$(cat "$dir/status")"
		in_container $name dinit --wait -t 5
	done
	docker kill "$(container two)" > /dev/null
	wait_status two 137
	in_container one dinit --status
	eventually 5 only_page_of one 1
	stop one 0 5000
}

only_page_of() {
	[ "$(in_container "$1" page list | cut -d , -f 1)" = "page of $2" ]
}

# Both PIDs mean something to both. Each has its own mounts.
test_shared_pid_and_ipc_namespaces_show_the_own() {
	start_seen one --ipc shareable
	start_seen two --ipc "container:$(container one)" --pid "container:$(container one)"
	_pid=$(in_container two dinit --status --json | jq .pid)
	[ "$_pid" -gt 1 ] || fail "PID $_pid is the other's"
	expect_equal "PID seen by the first" "$(in_container one dinit --status --json | jq .pid)" 1
	stop two 0 5000
	in_container one dinit --status
	stop one 0 5000
}

test_shared_pid_namespace_alone_shows_the_own() {
	start_seen one
	start_seen two --pid "container:$(container one)"
	[ "$(in_container two dinit --status --json | jq .pid)" -gt 1 ] || fail "the other's"
	expect_equal "PID seen by the first" "$(in_container one dinit --status --json | jq .pid)" 1
	stop two 0 5000
	stop one 0 5000
}

# logged NAME TEXT: the engine has that of the container's health.
logged() {
	inspect "$1" '{{json .State.Health.Log}}' | grep -q "$2"
}

# The engine asks, and heeds the exit status.
test_healthcheck_turns_healthy_and_unhealthy() {
	mkdir -p "$dir/state" && chmod 777 "$dir/state"
	script web/check 'test -e /state/good || { echo "no good"; exit 1; }'
	start_seen web --volume "$dir/state:/state" --health-cmd 'dinit --status' --health-interval 1s --health-retries 1 \
		--health-start-period 0s --env DINIT_CHECK_INTERVAL=1
	eventually 20 is_health web unhealthy
	eventually 20 logged web 'no good'
	touch "$dir/state/good"
	eventually 20 is_health web healthy
	rm "$dir/state/good"
	eventually 20 is_health web unhealthy
	wait_line web err 'web/check: not ready any more'
	stop web 0 5000
}

# Whoever runs as dinit's own user may allow itself to write there. Readers bear it, and dinit does not notice.
test_garbage_by_the_own_user_disturbs_only_readers() {
	start_seen web
	in_container web page garble 1 1500 > "$dir/garbled" &
	_garbler=$!
	while kill -0 $_garbler 2> /dev/null; do
		for client in '--status' '--status --json' '--metrics' '--wait -t 0.1'; do
			_status=0
			# shellcheck disable=SC2086 # a list of words
			in_container web timeout 20 dinit $client > "$dir/client" 2>&1 || _status=$?
			[ $_status -le 1 ] || fail "$client: status $_status: $(cat "$dir/client")"
		done
	done
	wait $_garbler || fail "nobody wrote: $(cat "$dir/garbled")"
	expect_running web
	stop web 0 5000
	expect_no_line web err 'dinit: (warning|error)'
}

# Anybody can make a page that says it is that of a dinit.
test_forged_page_is_not_believed() {
	start_seen web
	docker exec --detach --user 1000 "$(container web)" page forge
	eventually 20 forged web
	expect_seen web
	stop web 0 5000
}

# dinit is neither PID 1 nor an ancestor of who asks then, but the outermost.
test_forged_page_below_docker_init_is_not_believed() {
	script web/run '(setpriv --reuid=1000 --regid=1000 --clear-groups page forge > /dev/null &)
trap "exit 0" TERM; echo "{\"up\":true}"; while :; do sleep 0.1; done'
	start_seen web --init --env DINIT_KEEP=page
	eventually 20 forged web
	expect_seen web
	stop web 0 5000
}

forged() {
	in_container "$1" page list > "$dir/pages"
	cat "$dir/pages"
	[ "$(grep -c . "$dir/pages")" -eq 2 ]
}

# ---- other engines tell what they wait for ----

# make_root: a system with dinit for engines that want a directory; the services are $dir/services.
make_root() {
	mkdir "$dir/root"
	tar -C "$dir/root" -xf "$cache/rootfs.tar"
	cp "$binary" "$dir/root/usr/local/sbin/dinit"
	mkdir -p "$dir/root/etc/service"
	script web/run 'trap "exit 0" TERM; [ -z "${NOTIFY_SOCKET+set}" ] && echo "{\"kept\":true}"
until test -e /state/good; do sleep 0.05; done; touch /state/begun; while :; do sleep 0.1; done'
	script web/check 'test -e /state/good'
	mkdir "$dir/state"
}

test_podman_waits_until_all_is_ready() {
	make_root
	podman_here python3 || return 0
	# shellcheck disable=SC2086 # a list of words
	set -- $podman
	receive notify
	# shellcheck disable=SC2064 # now
	trap "kill $_receiver; $* rm -f -t 0 $run-web > /dev/null 2>&1 || :" EXIT
	# shellcheck disable=SC2086 # a list of words
	NOTIFY_SOCKET=$dir/notify timeout 60 "$@" run --detach --name "$run-web" --sdnotify=container --network none $podman_limits \
		--env DINIT_CHECK_INTERVAL=1 --env DINIT_LOG_LEVEL=info --volume "$dir/services:/etc/service:ro" \
		--volume "$dir/state:/state" --rootfs "$dir/root" /usr/local/sbin/dinit > "$dir/started" 2>&1 ||
		fail "podman: $(cat "$dir/started")"
	eventually 10 podman_has_line 'web/run: running with PID' "$@"
	! has_received notify READY=1 || fail "told too early"
	touch "$dir/state/good"
	eventually 10 has_received notify READY=1
	eventually 10 podman_has_line '"kept":true' "$@"
	timeout 60 "$@" exec "$run-web" dinit --status
	timeout 60 "$@" stop -t 10 "$run-web" > /dev/null
	expect_equal status "$("$@" inspect --format '{{.State.ExitCode}}' "$run-web")" 0
}

# podman_has_line REGEX PODMAN...
podman_has_line() {
	_regex=$1
	shift
	"$@" logs "$run-web" 2>&1 | grep -qE "$_regex"
}

test_nspawn_waits_until_all_is_ready() {
	"$top/tests/setup" systemd-container python3 || { echo "# skipped: systemd-nspawn cannot be installed"; return 0; }
	make_root
	set -- systemd-nspawn --quiet --register=no --keep-unit --directory "$dir/root" --pipe
	if ! timeout 60 "$@" /bin/true > "$dir/nspawn.log" 2>&1 < /dev/null; then
		echo "# skipped: systemd-nspawn does not run here: $(tail -n 1 "$dir/nspawn.log")"
		return 0
	fi
	receive notify
	NOTIFY_SOCKET=$dir/notify "$@" --notify-ready=yes --kill-signal=SIGTERM --bind-ro="$dir/services:/etc/service" \
		--bind="$dir/state:/state" --setenv=DINIT_CHECK_INTERVAL=1 --setenv=DINIT_LOG_LEVEL=info \
		/usr/local/sbin/dinit > "$dir/output" 2>&1 < /dev/null &
	_nspawn=$!
	# shellcheck disable=SC2064 # now
	trap "kill $_receiver; kill -9 $_nspawn 2> /dev/null || :" EXIT
	eventually 10 grep -q 'web/run: running with PID' "$dir/output"
	! has_received notify READY=1 || fail "told too early"
	touch "$dir/state/good"
	eventually 10 has_received notify READY=1
	eventually 10 grep -q '"kept":true' "$dir/output"
	kill $_nspawn
	_status=0
	wait $_nspawn || _status=$?
	expect_equal "status ($(tail -n 3 "$dir/output"))" $_status 0
}
