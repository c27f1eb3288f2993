# shellcheck shell=sh
# SPDX-License-Identifier: ISC
# What the services of the guests share. Some run where nothing is mounted: builtins, and busybox by name.

# until_true COMMAND...: looks a hundred times a second; gives up, and the service with it, after a minute.
until_true() {
	deadline=$(($(/bin/busybox date +%s) + 60))
	until "$@"; do
		if [ "$(/bin/busybox date +%s)" -ge $deadline ]; then
			echo "gave up: $*" >&2
			exit 99
		fi
		/bin/busybox sleep 0.01
	done
}

is_gone() {
	! kill -0 "$1" 2> /dev/null
}

# Whether the stdout of that process is another one than ours ($$ is the service itself, in a subshell as well).
is_moved() {
	now=$(readlink "/proc/$1/fd/1") && [ "$now" != "$(readlink "/proc/$$/fd/1")" ]
}
