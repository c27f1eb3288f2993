# shellcheck shell=sh disable=SC2016,SC2154,SC2069
# SPDX-License-Identifier: ISC
# What the scenarios of this directory are made of. Each is a shell function test_<what>_<condition>_<outcome>, run in a
# subshell under `set -eu`; the first command that fails fails it. They look at containers only as a user of the engine can:
# logs of both streams, state, exit status, top. Nobody sleeps for luck: wait_* ask again until a deadline.
#
# Of run: $top, $run (a name that is this run's alone), $dir (this scenario's directory, readable for everyone), $image.
# TEST_DEADLINE_FACTOR makes every deadline so many times longer.
# (For shellcheck: run sets those variables, filters are jq's, and `2>&1 >/dev/null` means stderr alone.)

# What the engine keeps beside containers is looked for only where some of it was made.
docker() {
	case $1 in
	volume | network) : > "$work/more" ;;
	esac
	timeout -k 5 $((60 * ${TEST_DEADLINE_FACTOR:-1})) docker "$@"
}

fail() {
	echo "$*"
	exit 1
}

now_ms() {
	date +%s%3N
}

# eventually SECONDS COMMAND...: until the command succeeds. What it prints is shown if it never does.
eventually() {
	_until=$(($(now_ms) + $1 * 1000 * ${TEST_DEADLINE_FACTOR:-1}))
	shift
	until "$@" > "$dir/eventually" 2>&1; do
		if [ "$(now_ms)" -ge $_until ]; then
			echo "never: $*"
			cat "$dir/eventually"
			return 1
		fi
		sleep 0.05
	done
}

# script PATH BODY: writes $dir/services/PATH, a shell script, for services that are not worth an example in test-services/.
script() {
	mkdir -p "$(dirname "$dir/services/$1")"
	printf '#!/bin/sh\n%s\n' "$2" > "$dir/services/$1"
	chmod 755 "$dir/services/$1"
}

# container NAME: what the engine knows it by.
container() {
	echo "$run-$1"
}

# start NAME SERVICES OPTION...: a container with the services of test-services/SERVICES, or of a directory if that begins
# with a slash, and these options of `docker run`.
start() {
	_name=$1 _services=$2
	shift 2
	case $_services in
	/*) ;;
	*) _services=$top/test-services/$_services ;;
	esac
	docker run --detach --name "$(container "$_name")" --label "dinit-check=$run" --network none \
		--volume "$_services:/etc/service:ro" "$@" "$image" > /dev/null
}

# start_within NAME PIDS OPTIONS [ARGUMENT...]: a container where so few processes may be that the engine's own program, whose
# threads count until it becomes the container's, might not come through: dinit begins once the limit is set. OPTIONS is a list
# of words, for `docker run`.
start_within() {
	_name=$1 _pids=$2 _options=$3
	shift 3
	mkfifo -m 644 "$dir/gate"
	# Open for both, so that nobody waits here for a container that does not read it.
	exec 8<> "$dir/gate"
	# shellcheck disable=SC2086 # a list of words
	docker run --detach --name "$(container "$_name")" --label "dinit-check=$run" --network none $_options \
		--volume "$dir/gate:/gate:ro" --entrypoint /bin/sh "$image" -c 'read -r _ < /gate; exec dinit "$@"' sh "$@" > /dev/null
	docker update --pids-limit "$_pids" "$(container "$_name")" > /dev/null
	echo go >&8
}

# in_container NAME COMMAND...
in_container() {
	_name=$1
	shift
	docker exec "$(container "$_name")" "$@"
}

# end_from_inside NAME COMMAND...: what it does ends the container, which may end before the command.
end_from_inside() {
	_name=$1
	shift
	docker exec --detach "$(container "$_name")" "$@"
}

# output NAME out|err
output() {
	case $2 in
	out) docker logs "$(container "$1")" 2> /dev/null ;;
	err) docker logs "$(container "$1")" 2>&1 > /dev/null ;;
	esac
}

# has_line NAME out|err REGEX (extended)
has_line() {
	output "$1" "$2" | grep -qE -- "$3"
}

count_lines() {
	output "$1" "$2" | grep -cE -- "$3" || :
}

# wait_line NAME out|err REGEX [SECONDS]
wait_line() {
	eventually "${4:-10}" has_line "$1" "$2" "$3" || fail "$1: no line like this on std$2: $3"
}

expect_line() {
	has_line "$1" "$2" "$3" || fail "$1: no line like this on std$2: $3"
}

expect_no_line() {
	! has_line "$1" "$2" "$3" || fail "$1: a line like this on std$2: $3"
}

# expect_count NAME out|err REGEX NUMBER
expect_count() {
	expect_equal "$1: lines like this on std$2: $3" "$(count_lines "$1" "$2" "$3")" "$4"
}

# expect_equal WHAT GOT WANTED
expect_equal() {
	[ "$2" = "$3" ] || fail "$1: \"$2\", not \"$3\""
}

# inspect NAME FORMAT
inspect() {
	docker inspect --format "$2" "$(container "$1")"
}

is_state() {
	[ "$(inspect "$1" '{{.State.Status}}')" = "$2" ]
}

# wait_status NAME STATUS [SECONDS]: until the container has ended, with this exit status.
wait_status() {
	eventually "${3:-10}" is_exited "$1" || fail "$1: does not end: $(inspect "$1" '{{.State.Status}}')"
	_status=$(cat "$dir/eventually")
	[ "$_status" = "exited $2" ] || fail "$1: exit status ${_status#exited }, not $2"
}

# is_exited NAME: prints its exit status, too.
is_exited() {
	inspect "$1" '{{.State.Status}} {{.State.ExitCode}}' | grep '^exited '
}

# is_health NAME healthy|unhealthy
is_health() {
	[ "$(inspect "$1" '{{.State.Health.Status}}')" = "$2" ]
}

expect_running() {
	expect_equal "$1: state" "$(inspect "$1" '{{.State.Status}}')" running
}

# stop NAME STATUS MILLISECONDS: `docker stop`, which takes no longer than that.
stop() {
	_began=$(now_ms)
	docker stop --time 30 "$(container "$1")" > /dev/null
	stop_ms=$(($(now_ms) - _began))
	wait_status "$1" "$2"
	[ $stop_ms -le $(($3 * ${TEST_DEADLINE_FACTOR:-1})) ] || fail "$1: docker stop took $stop_ms ms, more than $3 ms"
}

# expect_json NAME: every line on the container's stdout is a JSON object with dinit's fields.
expect_json() {
	output "$1" out | jq -es 'length > 0 and all(type == "object" and has("service") and has("stage") and has("logged"))' \
		> /dev/null || fail "$1: not JSON with dinit's fields on stdout: $(output "$1" out | head -n 3)"
}

# ---- what is in images/ ----

# manifest FILTER: of the container in images/$manifest, or of its Pod (as $pod), what jq finds.
manifest() {
	yq -er ".spec.template.spec as \$pod | \$pod.containers[0] | $1" "$top/images/$manifest"
}

# start_manifest NAME SERVICES FILE: as a kubelet runs images/FILE, which is $manifest then, as far as this engine has the same
# options: its user, limit, environment and volume, and without all that it takes away.
start_manifest() {
	_name=$1 _services=$2 manifest=$3
	manifest '$pod.securityContext.runAsNonRoot and (.securityContext | .readOnlyRootFilesystem and
		(.allowPrivilegeEscalation | not) and .capabilities == {"drop": ["ALL"]})' > /dev/null
	set -- --read-only --security-opt no-new-privileges --cap-drop ALL \
		--user "$(manifest '$pod.securityContext | "\(.runAsUser):\(.runAsGroup)"')" \
		--memory "$(manifest '.resources.limits.memory | sub("i$"; "")')"
	for variable in $(manifest '.env[] | "\(.name)=\(.value)"'); do
		set -- "$@" --env "$variable"
	done
	# Not --tmpfs, which takes over the mode of the image's directory.
	docker volume create --label "dinit-check=$run" --opt type=tmpfs --opt device=tmpfs \
		--opt o="$(manifest '"mode=2777,gid=\($pod.securityContext.fsGroup)"')" "$(container run)" > /dev/null
	start "$_name" "$_services" "$@" --volume "$(container run):$(manifest '.volumeMounts[].mountPath'):nocopy"
}

# ---- another engine, and what it is told ----

# receive NAME: datagrams to $dir/NAME become lines of $dir/NAME.received, until $_receiver is killed.
receive() {
	python3 -c 'import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
while True:
    print(receiver.recv(4096).decode(), flush=True)' "$dir/$1" > "$dir/$1.received" 2>&1 &
	_receiver=$!
	eventually 10 test -S "$dir/$1"
}

# has_received NAME LINE
has_received() {
	grep -q "^$2\$" "$dir/$1.received"
}

# podman_here [PACKAGE...]: $podman is how podman is called here, $podman_limits are options for its `run` (lists of words both).
# $dir/root is a system that it can run. Where it does not run here, says so as a reason to skip, and returns false.
podman_here() {
	"$top/tests/setup" podman "$@" || { echo "# skipped: podman cannot be installed"; return 1; }
	# (The path of --runroot has 50 characters at most.)
	podman="podman --root $dir/podman --runroot $work/podman --cgroup-manager cgroupfs"
	# The limits of its own would be above those of this machine.
	podman_limits="--ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
	# shellcheck disable=SC2086 # lists of words
	timeout 60 $podman run --rm --network none $podman_limits --rootfs "$dir/root" sh -c : > "$dir/podman.log" 2>&1 ||
		{ echo "# skipped: podman does not run here: $(tail -n 1 "$dir/podman.log")"; return 1; }
}

# top_of NAME: "pid ppid args" of each process, as the engine sees them: not the zombies, for they are in no control group.
top_of() {
	docker top "$(container "$1")" -eo pid,ppid,args | sed 1d
}

# top_has NAME REGEX
top_has() {
	top_of "$1" | grep -E -- "$2"
}

# states_of NAME: "state ppid" of each process, as the container sees them, zombies included.
states_of() {
	in_container "$1" sh -c 'cat /proc/[0-9]*/stat 2> /dev/null || :' | sed 's/.*) \([A-Z]\) \([0-9]*\) .*/\1 \2/'
}

# One that is about to be reaped may be seen.
expect_no_zombie() {
	eventually 5 no_zombie "$1" || fail "$1: a zombie"
}

no_zombie() {
	! states_of "$1" | grep Z
}

# show: for the report of a failed scenario.
show() {
	docker ps -a --filter "label=dinit-check=$run" --format '{{.Names}}' | while read -r _name; do
		echo "--- $_name: $(docker inspect --format '{{.State.Status}}, {{.State.ExitCode}} {{.State.Error}}' "$_name")"
		docker logs "$_name" 2> /dev/null | tail -n 20 | sed 's/^/out: /'
		docker logs "$_name" 2>&1 > /dev/null | tail -n 40 | sed 's/^/err: /'
	done
}

remove_containers() {
	_ids=$(docker ps -aq --filter "label=dinit-check=$run")
	# shellcheck disable=SC2086 # a list of words
	[ -z "$_ids" ] || docker rm -fv $_ids > /dev/null
	[ -e "$work/more" ] || return 0
	_ids=$(docker volume ls -q --filter "label=dinit-check=$run")
	# shellcheck disable=SC2086 # a list of words
	[ -z "$_ids" ] || docker volume rm $_ids > /dev/null
	_ids=$(docker network ls -q --filter "label=dinit-check=$run")
	# shellcheck disable=SC2086 # a list of words
	[ -z "$_ids" ] || docker network rm $_ids > /dev/null
	rm -f "$work/more"
}
