# shellcheck shell=sh
# SPDX-License-Identifier: ISC
# A container engine for scripts that source this file. engine_start uses a running engine. If there
# is none, it installs Debian's docker.io and starts a private engine in a temporary directory; that
# has no network, so it cannot pull. engine_stop ends a private engine and removes all that it left:
# processes, mounts, control groups, files. Call it from a trap. $top must be the top directory of
# the sources.

: "${top:?}"
engine_dir=
engine_pid=

# The classic builder: it needs no plug-in and no network.
export DOCKER_BUILDKIT=0

engine_answers() {
	command -v docker > /dev/null && timeout 20 docker info > /dev/null 2>&1
}

engine_start() {
	if engine_answers; then
		return 0
	fi
	"$top/tests/setup" docker.io || return 1
	engine_dir=$(mktemp -d "${TMPDIR:-/var/tmp}/dinit-engine.XXXXXX") || return 1
	export DOCKER_HOST="unix://$engine_dir/socket"
	# The engine ends with this shell, however that ends. It chooses its storage driver itself:
	# overlay2 where that works.
	setpriv --pdeathsig TERM unshare --net dockerd --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
		--pidfile "$engine_dir/pid" --host "$DOCKER_HOST" --bridge=none --iptables=false --ip6tables=false \
		--ip-forward=false --ip-masq=false --exec-opt native.cgroupdriver=cgroupfs \
		--cgroup-parent "/${engine_dir##*/}" > "$engine_dir/log" 2>&1 &
	engine_pid=$!
	engine_until=$(($(date +%s) + 30))
	until engine_answers; do
		if ! kill -0 "$engine_pid" 2> /dev/null || [ "$(date +%s)" -ge "$engine_until" ]; then
			echo "the container engine does not start; the end of what it says:" >&2
			tail -n 5 "$engine_dir/log" >&2
			return 1
		fi
		sleep 0.1
	done
}

engine_stop() {
	[ -n "$engine_dir" ] || return 0
	if [ -n "$engine_pid" ]; then
		engine_left=$(timeout 20 docker ps -aq 2> /dev/null)
		# shellcheck disable=SC2086 # a list of words
		[ -z "$engine_left" ] || timeout 60 docker rm -f $engine_left > /dev/null 2>&1
		kill "$engine_pid" 2> /dev/null
		wait "$engine_pid" 2> /dev/null
	fi
	awk -v dir="$engine_dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | while read -r engine_mount; do
		umount "$engine_mount"
	done
	find /sys/fs/cgroup -depth -type d -path "*/${engine_dir##*/}*" -exec rmdir {} + 2> /dev/null
	rm -rf "$engine_dir"
	unset DOCKER_HOST
	engine_dir=
	engine_pid=
}
