# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# The same without docker: LXC, with what images/README says about it.

# make_lxc_container NAME [LINE...]: of the services, a shell, and these lines of configuration more; its console is a file.
make_lxc_container() {
	"$top/tests/setup" lxc
	_lxc=$dir/$1
	mkdir -p "$_lxc/rootfs/bin" "$_lxc/rootfs/usr/local/sbin" "$_lxc/rootfs/etc" "$_lxc/rootfs/dev" "$_lxc/rootfs/proc"
	cp "$binary" "$_lxc/rootfs/usr/local/sbin/dinit"
	docker run --rm --network none --entrypoint cat "$image" /bin/busybox > "$_lxc/rootfs/bin/sh"
	chmod 755 "$_lxc/rootfs/bin/sh"
	ln "$_lxc/rootfs/bin/sh" "$_lxc/rootfs/bin/sleep"
	cp -R "$dir/services" "$_lxc/rootfs/etc/service"
	{
		printf 'lxc.%s\n' "rootfs.path = dir:$_lxc/rootfs" 'net.0.type = empty' 'mount.auto = proc:mixed'
		sed -n 's/^	\(lxc\.[a-z.]* = \)/\1/p' "$top/images/README"
		shift
		printf '%s\n' "$@"
	} | sed "s|/var/log/web.console|$_lxc/console|" > "$_lxc/config"
}

# lxc COMMAND NAME OPTION...: lxc-COMMAND for this scenario's container.
lxc() {
	_command=$1 _name=$2
	shift 2
	timeout -k 5 60 "lxc-$_command" --lxcpath "$dir" --name "$_name" "$@"
}

# stop_lxc_container NAME SIGNAL: with its service's consent.
stop_lxc_container() {
	lxc start "$1" --foreground < /dev/null > "$dir/start" 2>&1 &
	eventually 10 grep -q '"message":"ready"' "$dir/$1/console"
	lxc stop "$1" --timeout 30
	wait $! || fail "$1: $(cat "$dir/start" "$dir/$1/console")"
	for line in "dinit: info: signal $2 " '"message":"told","service":"web"'; do
		grep "$line" "$dir/$1/console" || fail "$1: no line like this: $line: $(cat "$dir/$1/console")"
	done
}

# LXC leaves an empty control group.
remove_lxc_containers() {
	for name in one two; do
		lxc stop $name --kill > /dev/null 2>&1 || :
	done
	find /sys/fs/cgroup -depth -type d -name lxc.pivot -exec rmdir {} + 2> /dev/null || :
}

test_lxc_stop_ends_in_order() {
	script web/run 'trap "echo told; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	trap remove_lxc_containers EXIT
	make_lxc_container one 'lxc.environment = DINIT_LOG_LEVEL=info'
	stop_lxc_container one 37
	make_lxc_container two 'lxc.environment = DINIT_LOG_LEVEL=info' 'lxc.signal.halt = SIGPWR'
	stop_lxc_container two 30
}
