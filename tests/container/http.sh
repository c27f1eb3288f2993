# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others, filters of jq; variables of run
# SPDX-License-Identifier: ISC
# dinit --http as a service, in images of all kinds and with all that can be taken away; and what a kubelet, Prometheus or a
# browser gets from it. As these are outside the container, the scenarios enter nothing of it but its network.

# from NAME COMMAND...: runs a program of this machine in the network of the container.
from() {
	_pid=$(inspect "$1" '{{.State.Pid}}')
	shift
	nsenter --target "$_pid" --net timeout 20 "$@"
}

# get NAME PATH [OPTION...]: what curl gets at port 9100, in $dir/body; prints the status.
get() {
	_name=$1 _path=$2
	shift 2
	from "$_name" curl --silent --show-error --globoff --output "$dir/body" --write-out '%{http_code}\n' "$@" \
		"http://${host:-127.0.0.1}:9100$_path"
}

# has_answer NAME PATH STATUS [CONTENT]
has_answer() {
	_got=$(get "$1" "$2") && echo "$2: $_got: $(cat "$dir/body")" && [ "$_got" = "$3" ] &&
		{ [ $# -lt 4 ] || [ "$(cat "$dir/body")" = "$4" ]; }
}

# wait_answer NAME PATH STATUS [CONTENT]
wait_answer() {
	eventually 20 has_answer "$@"
}

# pid_of NAME REGEX: the PID, outside the container, of the process with such a command line.
pid_of() {
	top_has "$1" "$2" | awk '{ print $1 }'
}

# expect_process PID LINE...: these lines are in its status.
expect_process() {
	_status=/proc/$1/status
	shift
	for field in "$@"; do
		grep -qx "$field" "$_status" || fail "not so: $field: $(cat "$_status")"
	done
}

# script_line PATH LINE: a program of one line, for images without a shell.
script_line() {
	mkdir -p "$(dirname "$dir/services/$1")"
	echo "$2" > "$dir/services/$1"
	chmod 755 "$dir/services/$1"
}

# build_scratch: an image of nothing but dinit and two services that are dinit as well; it is $image then.
build_scratch() {
	script_line http/run '#!/dinit --http 9100'
	script_line app/run '#!/dinit --watch --pid 1'
	script_line app/check '#!/dinit --probe http://127.0.0.1:9100/livez'
	printf '%s\n' "FROM $run:scratch" 'COPY services/ /etc/service/' 'RUN ["/dinit", "--check"]' > "$dir/Dockerfile"
	docker build --network none --tag "$run:http" "$dir" > "$dir/built" 2>&1 || { cat "$dir/built"; false; }
	image=$run:http
}

# begin NAME OPTION...: a container of $image with the services that are in it.
begin() {
	_name=$1
	shift
	docker run --detach --name "$(container "$_name")" --label "dinit-check=$run" "$@" "$image" > /dev/null
}

# expect_documents NAME: all there are, each in its form.
expect_documents() {
	expect_equal "/readyz" "$(get "$1" /readyz) $(cat "$dir/body")" '200 ok'
	expect_equal "/livez" "$(get "$1" /livez) $(cat "$dir/body")" '200 ok'
	expect_equal "/status" "$(get "$1" /status) $(jq -c '[.ready, .pid, (.services[].name)]' "$dir/body")" \
		'200 [true,1,"app","http"]'
	expect_equal "/metrics" "$(get "$1" /metrics) $(grep -c '^dinit_service_ready{service="[a-z]*"} 1$' "$dir/body")" '200 2'
	expect_equal "/" "$(get "$1" /) $(head -c 15 "$dir/body")" '200 <!DOCTYPE html>'
	grep -q 'app' "$dir/body" || fail "the page does not name app: $(cat "$dir/body")"
	expect_equal "/nothing" "$(get "$1" /nothing)" 404
	expect_equal "POST" "$(get "$1" /livez --data x=1)" 405
	from "$1" "$binary" --probe http://127.0.0.1:9100/readyz
}

test_scratch_image_with_everything_taken_away_answers() {
	build_scratch
	begin web --network none --read-only --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges --pids-limit 32 \
		--memory 16m --ulimit nofile=32:32
	wait_answer web /readyz 200
	expect_documents web
	expect_process "$(pid_of web ' --http')" 'Uid:	1000	1000	1000	1000' 'CapEff:	0000000000000000' 'Threads:	1'
	stop web 0 3000
	expect_json web
	expect_line web out '"service":"app","state":"ready",.*"stage":"run"'
	expect_no_line web err 'dinit: (warning|error)'
}

test_root_becomes_nobody() {
	build_scratch
	begin web --network none
	wait_answer web /readyz 200
	expect_documents web
	_zeros='0000000000000000'
	expect_process "$(pid_of web ' --http')" 'Uid:	65534	65534	65534	65534' 'Gid:	65534	65534	65534	65534' 'Groups:	 ' \
		"CapPrm:	$_zeros" "CapEff:	$_zeros" 'NoNewPrivs:	1' 'Threads:	1'
	stop web 0 3000
	expect_no_line web err 'dinit: (warning|error)'
}

test_root_that_cannot_become_nobody_is_refused() {
	build_scratch
	begin web --network none --cap-drop ALL
	wait_status web 3
	expect_line web err 'dinit: error: http/run: PID [0-9]+ exited with status 1, stopping the container'
	expect_count web err ' http/run: dinit: .*cannot become user 65534' 1

	# The container goes on where that is optional.
	touch "$dir/services/http/optional"
	script_line web/run '#!/dinit --watch --pid 1'
	begin other --network none --cap-drop ALL --volume "$dir/services:/etc/service:ro" --env DINIT_SKIP=app
	wait_line other err 'http/run: PID [0-9]+ exited with status 1; the service is optional'
	docker exec "$(container other)" /dinit --status web
	stop other 0 3000
}

# outside COMMAND...: where the engine publishes ports: a private one in a network of its own.
outside() {
	if [ -n "$engine_pid" ]; then
		nsenter --target "$engine_pid" --net "$@"
	else
		"$@"
	fi
}

test_published_port_is_answered() {
	build_scratch
	"$top/tests/setup" iproute2
	docker network create --label "dinit-check=$run" "$run" > /dev/null
	outside ip link set lo up
	begin web --network "$run" --publish 9100 --read-only
	_port=$(inspect web '{{(index (index .NetworkSettings.Ports "9100/tcp") 0).HostPort}}')
	_address=$(inspect web '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')
	for url in "http://127.0.0.1:$_port" "http://$_address:9100"; do
		eventually 10 outside curl -sSf --max-time 10 "$url/readyz"
		outside curl -sSf --max-time 10 "$url/status" | jq -e .ready > /dev/null
	done
	stop web 0 3000
	expect_no_line web err 'dinit: (warning|error)'
}

test_container_with_and_without_ipv6_is_answered() {
	build_scratch
	begin without --network none --sysctl net.ipv6.conf.all.disable_ipv6=1
	wait_answer without /readyz 200
	! host='[::1]' get without /readyz || fail "there is IPv6"
	stop without 0 3000

	begin with --network none --sysctl net.ipv6.conf.all.disable_ipv6=0
	host='[::1]' wait_answer with /readyz 200
	host=127.0.0.1 wait_answer with /readyz 200
	stop with 0 3000
}

# The recipe of dinit.8.
test_token_of_one_service_is_seen_by_no_other() {
	script http/run '[ -s env/DINIT_HTTP_TOKEN ] || { echo "no token" >&2; exit 1; }
		exec chpst -e ./env dinit --http 9100'
	script app/run 'env | sed -n "s/^DINIT_HTTP_TOKEN=/seen: /p"; echo done; exec sleep 1000'
	mkdir "$dir/services/http/env"
	echo open-sesame > "$dir/services/http/env/DINIT_HTTP_TOKEN"
	chmod 600 "$dir/services/http/env/DINIT_HTTP_TOKEN"
	start web "$dir/services" --env DINIT_JSON_STDOUT=0
	wait_answer web /readyz 200
	for path in /metrics /status / /nothing; do
		expect_equal "$path without a token" "$(get web $path)" 401
		expect_equal "$path with another" "$(get web $path --header 'Authorization: Bearer open-sesamf')" 401
	done
	expect_equal "/metrics" "$(get web /metrics --header 'Authorization: Bearer open-sesame')" 200
	wait_line web out ' app/run: done$'
	expect_no_line web out ' seen: '
	stop web 0 3000

	# A secret that is missing or empty opens nothing. (In the environment of all it is no secret among services.)
	: > "$dir/services/http/env/DINIT_HTTP_TOKEN"
	start missing "$dir/services"
	wait_status missing 3
	expect_line missing err ' http/run: PID [0-9]+ exited with status 1, .*: no token$'
	script http/run 'exec dinit --http 9100'
	start empty "$dir/services" --env DINIT_HTTP_TOKEN=
	wait_status empty 3
	expect_line empty err ' http/run: dinit: .*DINIT_HTTP_TOKEN'
	start seen "$dir/services" --env DINIT_JSON_STDOUT=0 --env DINIT_HTTP_TOKEN=open-sesame
	wait_line seen out ' app/run: seen: open-sesame$'
	expect_no_line seen err 'dinit: warning'
	stop seen 0 3000
}

# ---- images/kubernetes.yaml ----

# probed PORT PATH: as a kubelet asks: 200 to 399 is good.
probed() {
	from web curl --silent --show-error --fail --max-time 1 "http://127.0.0.1:$1$2"
}

test_kubernetes_manifest_is_probed_and_scraped() {
	mkdir "$dir/services"
	cp -r "$top/test-services/nginx/web" "$top/test-services/http/http" "$dir/services"
	start_manifest web "$dir/services" kubernetes.yaml
	for probe in startupProbe readinessProbe livenessProbe; do
		_port=$(manifest ".$probe.httpGet.port as \$port | .ports[].containerPort | select(. == \$port)")
		eventually 10 probed "$_port" "$(manifest ".$probe.httpGet.path")"
	done
	_annotation='.spec.template.metadata.annotations["prometheus.io/'
	expect_equal scrape "$(yq -er "$_annotation"'scrape"]' "$top/images/$manifest")" true
	from web curl -sSf "http://127.0.0.1:$(yq -er "$_annotation"'port"]' "$top/images/$manifest"
		)$(yq -er "$_annotation"'path"]' "$top/images/$manifest")" > "$dir/metrics"
	grep -qx 'dinit_service_ready{service="web"} 1' "$dir/metrics" || fail "not scraped: $(cat "$dir/metrics")"

	# nginx hangs: nobody should send it requests, and nobody need kill the container.
	_pids=$(pid_of web 'nginx: ')
	# shellcheck disable=SC2086 # a list of words
	kill -STOP $_pids
	wait_answer web /readyz 503 web
	expect_equal "/livez" "$(get web /livez)" 200
	# shellcheck disable=SC2086
	kill -CONT $_pids
	wait_answer web /readyz 200
	stop web 0 3000
}

# But for the probes, and the port and annotations of dinit --http, the two files are the same.
test_kubernetes_manifests_differ_in_probes_alone() {
	for file in kubernetes.yaml kubernetes-exec.yaml; do
		yq -S 'del(.spec.template.metadata.annotations) |
			.spec.template.spec.containers[0] |= (del(.startupProbe, .readinessProbe, .livenessProbe) |
			.ports |= map(select(.name == "http")))' "$top/images/$file" > "$dir/$file"
		grep -q terminationGracePeriodSeconds "$dir/$file"
	done
	diff "$dir/kubernetes.yaml" "$dir/kubernetes-exec.yaml"
}
