# shellcheck shell=sh disable=SC2016,SC2154,SC2317 # scripts for others; variables of run, which calls what is in functions
# SPDX-License-Identifier: ISC
# What the engines have in common, beside tests/container/lib.sh: where they run, what they run, and what is expected of it.
# Each engine's file has begin_engine and the scenarios, test_<what>.

# set_apart: a /run and an /etc of its own, in which users may be made and engines leave what they like; and a control group
# tree that crun knows: it refuses one of version 1 with some of version 2 in it.
set_apart() {
	mount --make-rshared / && mount -t tmpfs -o mode=755 none /run && cp -a /etc /run/etc && mount --bind /run/etc /etc || return 1
	mkdir -p /run/lock /run/user
	if grep -qs . /sys/fs/cgroup/unified/cgroup.controllers; then
		umount /sys/fs/cgroup/unified || return 1
	fi
	busybox ip link set lo up
}

# make_root: $root is a system of busybox and dinit, for engines that want a directory.
make_root() {
	root=$work/root
	mkdir "$root" || return 1
	for _dir in bin sbin usr/local/sbin usr/lib etc/service dev proc sys run tmp state; do
		mkdir -p "$root/$_dir"
	done
	cp "$(command -v busybox)" "$root/bin/busybox" && cp "$binary" "$root/usr/local/sbin/dinit" || return 1
	for _applet in sh cat sleep seq touch ps kill test readlink; do
		ln -s busybox "$root/bin/$_applet"
	done
	ln -s ../usr/local/sbin/dinit "$root/sbin/init"
	# systemd-nspawn wants one.
	echo 'ID=example' > "$root/usr/lib/os-release"
	ln -s ../usr/lib/os-release "$root/etc/os-release"
}

# What every engine runs: lines of which one is long, an orphan, and a service that is not ready before /state/good is there.
make_services() {
	dir=$work
	script web/run 'trap "echo told; exit 0" TERM
seq 1 1000
printf "%060000d|\n" 0
(sleep 1000 &)
echo "on stderr" >&2
[ ! -e /state/bad ] || { until [ -e /state/begun ]; do sleep 0.1; done; exit 7; }
echo up
while :; do sleep 0.1; done'
	script db/run 'trap "echo {\\\"state\\\":\\\"flushed\\\"}; exit 5" TERM
echo "socket ${NOTIFY_SOCKET-none}"
touch /state/begun
while :; do sleep 0.1; done'
	script db/check 'test -e /state/good'
	services=$work/services
	chmod -R a+rX "$services"
	seq 1 1000 > "$work/numbers"
}

# make_state: $dir/state, which the containers see as /state.
make_state() {
	mkdir "$dir/state"
	chmod 777 "$dir/state"
}

# ---- engines that run in the foreground: their output is in $dir/out and $dir/err ----

# These have no containers that are to be asked about.
in_the_foreground() {
	output() { cat "$dir/$2"; }
	show() { tail -n 20 "$dir"/out "$dir"/err | cut -c 1-200; }
	remove_containers() { [ ! -e "$dir/pid" ] || kill -KILL "$(cat "$dir/pid")" 2> /dev/null || :; }
}

# readme_command PREFIX: the command line of images/README that begins with it, for $root and with $services and $dir/state.
readme_command() {
	_line=$(awk -v prefix="	$1 " 'more || index($0, prefix) == 1 { more = sub(/ \\$/, ""); print; if (!more) exit }' \
		"$top/images/README" | tr -s '\t\n' ' ')
	[ -n "$_line" ] || fail "images/README has no $1"
	echo "${_line# }" | sed "s|/srv/web|$dir/root|g; s|/run/web|$dir/web|g"
}

# in_own_root: the system of this scenario, $dir/root, with its services.
in_own_root() {
	cp -a "$root" "$dir/root"
	cp -R "$services/." "$dir/root/etc/service"
	mknod -m 666 "$dir/root/dev/null" c 1 3
	chmod 777 "$dir/root/state"
	ln -s root/state "$dir/state"
	export DINIT_JSON_STDOUT=0 DINIT_LOG_LEVEL=info DINIT_CHECK_INTERVAL=1
}

# run_command LINE: in the background, as $_pid. (`exec`, so that this is the engine's own.)
run_command() {
	: > "$dir/out"
	: > "$dir/err"
	sh -c "exec $1" > "$dir/out" 2> "$dir/err" < /dev/null &
	_pid=$!
	echo $_pid > "$dir/pid"
}

# children_of PID
children_of() {
	cat "/proc/$1/task/$1/children"
}

has_child() {
	[ -n "$(children_of "$1")" ]
}

# only_child PID
only_child() {
	eventually 10 has_child "$1"
	children_of "$1" | tr -d ' '
}

# wait_end STATUS: until the engine has ended, with that.
wait_end() {
	_ended=0
	eventually 20 has_ended "$_pid"
	wait "$_pid" || _ended=$?
	expect_equal "exit status" "$_ended" "$1"
}

# A child of this shell that has ended is a zombie before it is waited for.
has_ended() {
	! grep -q '^State:	[^Z]' "/proc/$1/status" 2> /dev/null
}

# inside PID COMMAND...: in the namespaces of that process.
inside() {
	_inside=$1
	shift
	timeout 20 nsenter --target "$_inside" --all --root "$@"
}

# ---- what is expected of any of them ----

# expect_service NAME: it was started, its lines came whole and in order, its orphan is gone.
expect_service() {
	wait_line "$1" out 'Z web/run: up$'
	wait_line "$1" err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 1000'
	wait_line "$1" err 'dinit: info: sleep/[0-9]+: orphan was killed by signal 15'
	wait_line "$1" err 'Z web/run: on stderr$'
	wait_line "$1" out 'Z db/run: socket '
	output "$1" out | sed -nE 's/.*Z web\/run: ([0-9]{1,4})$/\1/p' | cmp - "$work/numbers" || fail "lines are missing"
	expect_equal "length of the long line" "$(output "$1" out | grep -oE 'Z web/run: 0+\|$' | wc -c)" $((60000 + 13))
}

# expect_end NAME SIGNAL: services were told, then all was written out.
expect_end() {
	wait_line "$1" err "dinit: info: stopped after .* with status 0: signal $2 "
	expect_line "$1" out 'Z web/run: told$'
	expect_line "$1" out 'Z db/run: \{"state":"flushed"\}$'
}
