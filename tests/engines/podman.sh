# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC2016 # variables of and for run, which also calls what is in functions
# SPDX-License-Identifier: ISC
# podman as root and as an ordinary user, with crun and with runc. It takes docker's options, so `docker` here is podman.

# as COMMAND...: as the one whose podman it is, $user where that is not root.
as() {
	case $engine in
	rootless-*) setpriv --reuid="$user" --regid="$user" --init-groups --reset-env env -C / PATH="$PATH" \
		HOME="$work/$user" XDG_RUNTIME_DIR="/run/user/$user" CONTAINERS_CONF="$CONTAINERS_CONF" \
		CONTAINERS_STORAGE_CONF="$CONTAINERS_STORAGE_CONF" DISABLE_HC_SYSTEMD=true \
		${NOTIFY_SOCKET:+NOTIFY_SOCKET="$NOTIFY_SOCKET"} "$@" ;;
	*) "$@" ;;
	esac
}

docker() {
	as timeout -k 5 $((60 * ${TEST_DEADLINE_FACTOR:-1})) podman "$@"
}

# configure_podman RUNTIME DIRECTORY: in files of its own. The limits that podman would set may be above those of this machine;
# without systemd there are no timers for the checks, and they are run by hand.
configure_podman() {
	mkdir -p "$2" /run/netns
	cat > "$2/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		[engine]
		runtime = "$1"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		[network]
		network_backend = "netavark"
		network_config_dir = "$2/networks"
	END
	cat > "$2/storage.conf" <<-END
		[storage]
		driver = "overlay"
		graphroot = "$2/storage"
		runroot = "/run/$user"
	END
	export CONTAINERS_CONF="$2/containers.conf" CONTAINERS_STORAGE_CONF="$2/storage.conf" DISABLE_HC_SYSTEMD=true
}

# make_user: an ordinary one.
make_user() {
	grep -q "^$user:" /etc/passwd || useradd --no-create-home --home-dir "$work/$user" "$user" || return 1
	mkdir -p "/run/user/$user" "/run/$user" && chown "$user:" "/run/user/$user" "/run/$user" "$work/$user"
}

# make_image: as images/debian/Dockerfile has it, but of that small system.
make_image() {
	tar -C "$root" -cf - . | docker import - localhost/dinit:base &&
		mkdir -p "$work/context" && cp "$binary" "$work/context/dinit-static" &&
		docker build --format docker -f "$top/images/debian/Dockerfile" --build-arg BASE=localhost/dinit:base -t "$image" \
			"$work/context"
}

begin_engine() {
	reason="podman does not run here"
	user=${engine%-*} runtime=${engine#*-}
	configure_podman "$runtime" "$work/$user" || return 1
	[ "$user" = podman ] || make_user || return 1
	docker image exists "$image" || make_image || return 1
	docker run --rm --network none "$image" --version
}

# begin NAME OPTION...: of the services.
begin() {
	make_state
	_begin=$1
	shift
	start "$_begin" "$services" --volume "$dir/state:/state" --env DINIT_JSON_STDOUT=0 --env DINIT_LOG_LEVEL=info \
		--env DINIT_CHECK_INTERVAL=1 "$@"
}

# become_ready NAME
become_ready() {
	! in_container "$1" dinit --status > "$dir/status" || fail "ready too early: $(cat "$dir/status")"
	grep -q 'db .*starting' "$dir/status"
	touch "$dir/state/good"
	wait_line "$1" err 'dinit: info: all services are ready after'
	in_container "$1" dinit --status
}

test_stop_ends_in_order() {
	begin web --health-cmd '["dinit", "--status"]'
	expect_service web
	! docker healthcheck run "$(container web)" || fail "healthy too early"
	become_ready web
	docker healthcheck run "$(container web)"
	is_health web healthy
	stop web 0 5000
	expect_end web 15
}

test_with_an_init_ends_in_order() {
	begin web --init
	expect_service web
	expect_line web err 'dinit 0.* as PID ([2-9]|[1-9][0-9]+)$'
	become_ready web
	stop web 0 5000
	expect_end web 15
}

test_sdnotify_waits_until_all_is_ready() {
	receive notify
	# shellcheck disable=SC2064 # now
	trap "kill $_receiver" EXIT
	chmod 777 "$dir/notify"
	NOTIFY_SOCKET=$dir/notify begin web --sdnotify=container
	expect_service web
	! has_received notify READY=1 || fail "told too early"
	become_ready web
	eventually 10 has_received notify READY=1
	expect_line web out 'Z db/run: socket none$'
	stop web 0 5000
}

# It then mounts /run, and has another stop signal.
test_as_systemd_ends_in_order() {
	begin web --systemd=always
	expect_service web
	stop web 0 5000
	expect_end web 37
	rm -r "$dir/state"
	begin init --systemd=true --entrypoint /sbin/init
	expect_service init
	stop init 0 5000
	expect_end init 37
}

test_failure_is_the_status() {
	make_state
	touch "$dir/state/bad"
	_status=0
	docker run --rm --name "$(container web)" --label "dinit-check=$run" --network none --volume "$services:/etc/service:ro" \
		--volume "$dir/state:/state" --env DINIT_JSON_STDOUT=0 "$image" > "$dir/out" 2> "$dir/err" || _status=$?
	expect_equal status "$_status" 3
	grep -q 'Z db/run: {"state":"flushed"}$' "$dir/out"
	grep -q 'dinit: error: stopped after .* with status 3: web/run: PID [0-9]* exited with status 7' "$dir/err"
}
