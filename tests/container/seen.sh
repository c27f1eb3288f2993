# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# What dinit shows of itself, to whoever looks in the same container, and to nobody else.

# A service that is ready as long as $dir/state/ready is there, which the container sees as /state/ready.
script_checked() {
	mkdir "$dir/state"
	touch "$dir/state/ready"
	script web/run 'trap "exit 0" TERM; echo "{\"up\":1}"; while :; do sleep 0.1; done'
	script web/check 'test -e /state/ready || { echo "no file"; exit 1; }'
}

start_checked() {
	_name=$1
	shift
	start "$_name" "$dir/services" --volume "$dir/state:/state:ro" --env DINIT_CHECK_INTERVAL=0.5 "$@"
}

# is_ready NAME OPTION...: whether --status in the container says so; the options are those of docker exec.
is_ready() {
	_name=$1
	shift
	docker exec "$@" "$(container "$_name")" dinit --status web
}

is_unready() {
	is_ready "$@" || [ $? -eq 1 ]
	in_container "$1" dinit --status web | grep -qE '^web +unready .* no file$'
}

test_status_is_seen_by_every_user() {
	script_checked
	start_checked web
	eventually 10 is_ready web
	for _user in 0 65534 1000; do
		is_ready web --user $_user | grep -qE '^web +ready ' || fail "user $_user does not see it"
		docker exec --user $_user "$(container web)" dinit --status --json |
			jq -e '.pid == 1 and .ready and .services[0].name == "web" and .services[0].state == "ready"' > /dev/null
		docker exec --user $_user "$(container web)" dinit --wait -t 5 web
		docker exec --user $_user "$(container web)" dinit --metrics | grep -q '^dinit_service_ready{service="web"} 1$'
	done
	rm "$dir/state/ready"
	eventually 10 is_unready web
	stop web 0 3000
}

test_status_is_seen_where_everything_was_taken_away() {
	script_checked
	start_checked web --user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges --ipc none \
		--pids-limit 16
	eventually 10 is_ready web
	start_checked init --init
	eventually 10 is_ready init
	stop web 0 3000
	stop init 0 3000
}

test_page_cannot_be_attached_for_writing() {
	script_checked
	start_checked web
	eventually 10 is_ready web
	for _user in 0 1000; do
		docker exec --user $_user "$(container web)" perl -e '
			open my $list, "<", "/proc/sysvipc/shm" or die; <$list>;
			my $id = (split " ", <$list>)[1];
			shmread($id, my $text, 0, 7) or die "cannot be read: $!";
			$text eq "dinit-b" or die "not the page: $text";
			shmwrite($id, "garbage", 0, 7) and die "written to";
			$!{EACCES} or die "$!";'
	done
	is_ready web > /dev/null
	stop web 0 3000
}

# Each container sees its own dinit, although both share the memory, and even the PIDs.
test_containers_that_share_memory_see_their_own_dinit() {
	script_checked
	start_checked one --ipc shareable
	eventually 10 is_ready one
	start_checked two --ipc "container:$(container one)" --env DINIT_SKIP=nothing
	eventually 10 is_ready two
	start_checked three --ipc "container:$(container one)" --pid "container:$(container one)"
	eventually 10 is_ready three
	expect_equal "pages of this PID namespace, and of others" \
		"$(in_container one awk 'NR > 1 { seen += $5 > 0; others += $5 == 0 } END { print seen, others }' /proc/sysvipc/shm)" "2 1"
	expect_equal "PID of the first" "$(in_container one dinit --status --json | jq .pid)" 1
	expect_equal "PID of the second" "$(in_container two dinit --status --json | jq .pid)" 1
	[ "$(in_container three dinit --status --json | jq .pid)" -gt 1 ]
	stop three 0 3000
	stop two 0 3000
	stop one 0 3000
}

health_is() {
	[ "$(inspect "$1" '{{.State.Health.Status}}')" = "$2" ]
}

test_health_of_the_container_is_that_of_its_services() {
	script_checked
	start_checked web --health-cmd 'dinit --status' --health-interval 1s --health-retries 2 --health-timeout 10s
	eventually 20 health_is web healthy
	rm "$dir/state/ready"
	eventually 20 health_is web unhealthy
	inspect web '{{range .State.Health.Log}}{{.Output}}{{end}}' | grep -q 'no file'
	touch "$dir/state/ready"
	eventually 20 health_is web healthy
	stop web 0 3000
}
