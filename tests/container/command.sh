# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# ENTRYPOINT ["dinit"] and a CMD: what worked with another init, or with none, works; and what a command has from services that
# run beside it. `docker run` is called as its user would, with pipes or with a terminal.

# build NAME LINE...: makes an image of these lines of a Dockerfile, after a FROM $image, and of $dir; it is $image then.
build() {
	_tag=$run:$1
	shift
	{
		echo "FROM $image"
		printf '%s\n' "$@"
	} > "$dir/Dockerfile"
	docker build --network none --tag "$_tag" "$dir" > "$dir/built" 2>&1 || { cat "$dir/built"; false; }
	image=$_tag
}

# alone: $image has no /etc/service any more.
alone() {
	if ! docker image inspect "$run:alone" > /dev/null 2>&1; then
		build alone 'RUN rm -r /etc/service' 'ENTRYPOINT ["dinit"]' 'CMD ["echo", "this is CMD"]'
	fi
	image=$run:alone
}

# once OPTIONS [ARGUMENT...]: `docker run` with these options (a list of words) and arguments, to its end. What comes out is in
# $dir/out and $dir/err, its exit status in $status.
once() {
	_options=$1
	shift
	status=0
	# shellcheck disable=SC2086 # a list of words
	docker run --rm --label "dinit-check=$run" --network none $_options "$image" "$@" > "$dir/out" 2> "$dir/err" || status=$?
}

# expect STATUS OUT [ERR]: what once has left, to the byte but for newlines at the end.
expect() {
	expect_equal "stderr" "$(cat "$dir/err")" "${3:-}"
	expect_equal "stdout" "$(cat "$dir/out")" "$2"
	expect_equal "status" "$status" "$1"
}

# expect_words STATUS REGEX: the command was not run; one line on stderr says why.
expect_words() {
	expect_equal "stdout" "$(cat "$dir/out")" ''
	grep -Eq -- "$2" "$dir/err" || fail "not said: $2: $(cat "$dir/err")"
	expect_equal "lines that say why" "$(grep -c 'cannot be started' "$dir/err")" 1
	expect_equal "status" "$status" "$1"
}

# begin NAME OPTIONS [ARGUMENT...]: the same, detached.
begin() {
	_name=$1 _options=$2
	shift 2
	# shellcheck disable=SC2086 # a list of words
	docker run --detach --name "$(container "$_name")" --label "dinit-check=$run" --network none $_options "$image" "$@" \
		> /dev/null
}

# ---- a terminal ----

# at_terminal COMMAND: runs a shell's command on a terminal of 24 lines, with the keys of `press`; $dir/screen gets what it
# prints, and `left_terminal` its status.
at_terminal() {
	[ -p "$dir/keys" ] || mkfifo "$dir/keys"
	TERM=xterm command script --quiet --return --flush --command "stty rows 24 cols 80; exec $1" /dev/null \
		< "$dir/keys" > "$dir/screen" &
	_typist=$!
	exec 7> "$dir/keys"
}

# press KEYS: as printf has them.
press() {
	# shellcheck disable=SC2059 # that is what it is
	printf "$1" >&7
}

# What was printed, without what a terminal takes for itself.
show_screen() {
	tr -d '\r' < "$dir/screen" | sed "s/$(printf '\033')\[[0-9;?]*[A-Za-z]//g"
}

on_screen() {
	show_screen | grep -aEq -- "$1" || { show_screen; false; }
}

# wait_screen REGEX
wait_screen() {
	eventually 10 on_screen "$1" || fail "not on the screen: $1"
}

# left_terminal STATUS: until what ran there has ended. (STATUS is a pattern.)
left_terminal() {
	_status=0
	wait "$_typist" || _status=$?
	exec 7>&-
	# shellcheck disable=SC2254 # a pattern
	case $_status in
	$1) ;;
	*) fail "status at the terminal: $_status, not $1: $(show_screen)" ;;
	esac
}

# resize LINES COLUMNS
resize() {
	_client=$(pgrep -P "$_typist")
	stty -F "$(readlink "/proc/$_client/fd/0")" rows "$1" cols "$2"
}

# run_line NAME OPTION...: what a shell at the terminal is to run.
run_line() {
	_name=$1
	shift
	echo "docker run --name $(container "$_name") --label dinit-check=$run --network none $*"
}

# ---- instead of another init ----

test_cmd_of_an_image_is_run() {
	alone
	once ''
	expect 0 'this is CMD'
	once '' sh -c 'echo out; echo err >&2; exit 5'
	expect 5 out err
	# The same in another form of ENTRYPOINT.
	once '--entrypoint /usr/local/sbin/dinit' -- sh -c 'echo "$PWD $PPID"'
	expect 0 '/ 1'
	expect_equal "containers left by --rm" "$(docker ps -aq --filter "label=dinit-check=$run")" ''
}

test_exit_status_is_that_of_the_command() {
	alone
	for code in 1 3 42 115 126 128 255; do
		once '' sh -c "exit $code"
		expect $code ''
	done
	once '' sh -c 'kill -PIPE $$'
	expect 141 ''
	once '' sh -c 'kill -INT $$'
	expect 130 ''
	once '' sh -c 'kill -KILL $$'
	[ $status -eq 137 ] || fail "status $status"
	once '' sh -c 'ulimit -c 0; kill -SEGV $$'
	[ $status -eq 139 ] || fail "status $status"
}

test_arguments_are_passed_on_as_they_are() {
	alone
	_wanted='<>
<a  b>
<-->
<--status>
<$HOME>
<*>
<>'
	once '' printf '<%s>\n' '' 'a  b' -- --status '$HOME' '*' ''
	expect 0 "$_wanted"
	once '' -- printf '<%s>\n' '' 'a  b' -- --status '$HOME' '*' ''
	expect 0 "$_wanted"
	once '' --version
	[ $status -eq 0 ] && grep -q '^dinit ' "$dir/out"
	once '' -- --version
	expect_words 127 'there is no "--version" in PATH'
}

test_command_that_cannot_be_run_leaves_nothing() {
	alone
	once '' nosuch
	expect_words 127 'nosuch/run: cannot be started.*there is no "nosuch" in PATH'
	once '' ''
	expect_words 127 'there is no "" in PATH'
	once '' /nosuch
	expect_words 127 '/nosuch does not exist'
	once '' /etc/passwd
	expect_words 126 '/etc/passwd is not executable'
	once '' /etc
	expect_words 126 'etc/run: cannot be started'

	script web/run 'trap "echo told; exit 0" TERM; until [ -e /nosuch ]; do sleep 0.1; done'
	once "--volume $dir/services:/etc/service --env DINIT_JSON_STDOUT=0" nosuch
	expect_equal status $status 127
	grep -q 'nosuch/run: cannot be started' "$dir/err" || fail "$(cat "$dir/err")"
	expect_equal "containers left" "$(docker ps -aq --filter "label=dinit-check=$run")" ''
}

# The old line and the new one, with all that can be seen of them.
test_one_line_of_a_dockerfile_is_changed() {
	alone
	build new 'ENTRYPOINT ["dinit", "--"]' 'CMD ["sh", "-c", "echo CMD; exit 3"]'
	cp "$dir/Dockerfile" "$dir/new"
	try_everything > "$dir/with-new"
	expect_equal "what was tried" "$(grep -c '^status' "$dir/with-new")" 4
	for line in '["tini", "--"]' '["dumb-init", "--"]' '["catatonit", "--"]'; do
		sed "s/^ENTRYPOINT .*/ENTRYPOINT $line/" "$dir/new" > "$dir/Dockerfile"
		docker build --network none --tag "$run:old" "$dir" > "$dir/built" 2>&1 || { cat "$dir/built"; false; }
		image=$run:old
		try_everything > "$dir/with-old"
		diff "$dir/with-old" "$dir/with-new" || fail "not as with ENTRYPOINT $line"
	done
}

try_everything() {
	once ''
	tell_all
	once '' sh -c 'cat; echo "$# $1 $2" >&2; kill -INT $$' sh '' 'a b'
	tell_all
	echo typed | { once --interactive sh -c 'cat; exit 255' && tell_all; }
	begin stopped '' sh -c 'trap "echo told; exit 21" TERM; echo ready; while :; do sleep 0.1; done'
	wait_line stopped out '^ready$'
	docker stop --time 20 "$(container stopped)" > /dev/null
	echo "status $(inspect stopped '{{.State.ExitCode}}')"
	output stopped out
	docker rm "$(container stopped)" > /dev/null
}

tell_all() {
	echo "status $status"
	cat "$dir/out" "$dir/err"
}

# What s6-overlay's /init and my_init run beside a CMD: services that stay where they are, in directories like runit's.
test_services_of_another_init_run_beside_cmd() {
	script web/run 'trap "exit 0" TERM; touch /run/up; while :; do sleep 0.1; done'
	script web/finish 'echo "finish $1 $2" >&2'
	build services 'RUN rm -r /etc/service' 'COPY services/ /etc/services.d/' 'ENV DINIT_DIR=/etc/services.d' \
		'RUN ["dinit", "--check"]' 'ENTRYPOINT ["dinit"]' \
		'CMD ["sh", "-c", "until [ -e /run/up ]; do sleep 0.1; done; echo CMD >&2; exit 3"]'
	once ''
	expect_equal status $status 3
	grep -q ' sh/run: CMD$' "$dir/err" || fail "$(cat "$dir/err")"
	grep -q ' web/finish: finish 0 0$' "$dir/err" || fail "$(cat "$dir/err")"
	once '--env DINIT_SKIP=*' sh -c 'test ! -e /run/up && echo "no services"'
	expect 0 'no services'
}

# ---- pipes ----

# Nothing in it is like a line. The engine's own pipes are too slow for it, so these are named ones.
test_gigabyte_through_a_command_is_the_same() {
	alone
	head -c 16M /dev/urandom > "$dir/block"
	mkfifo "$dir/sent" "$dir/got"
	gigabyte > "$dir/sent" &
	begin copy "--volume $dir:/pipes --entrypoint sh" -c 'exec dinit cat < /pipes/sent > /pipes/got'
	gigabyte | cmp - "$dir/got" || fail "other bytes"
	wait_status copy 0
	expect_equal stderr "$(output copy err)" ''
	once --interactive cat < "$dir/block"
	cmp "$dir/block" "$dir/out"
}

gigabyte() {
	seq 64 | while read -r _; do
		cat "$dir/block"
	done
}

test_command_reads_pipe_to_its_end() {
	alone
	seq 100000 > "$dir/sent"
	once --interactive sort -n < "$dir/sent"
	expect 0 "$(cat "$dir/sent")"
	echo 'echo $((6 * 7)); exit 5' > "$dir/sent"
	once --interactive bash < "$dir/sent"
	expect 5 42
	# Without --interactive there is nothing to read.
	once '' cat < "$dir/sent"
	expect 0 ''
}

# Beside services its output is lines as theirs, unless it is to go through as it is.
test_pipe_beside_services_goes_through_raw() {
	alone
	script web/run 'echo "I am here" >&2; touch /run/here; exec sleep 1000'
	script web/check 'test -e /run/here'
	printf 'no newline' > "$dir/sent"
	_mount="--volume $dir/services:/etc/service"
	once "--interactive $_mount --env DINIT_COMMAND_OUTPUT=raw" dinit --wait web -- cat < "$dir/sent"
	expect_equal stdout "$(cat "$dir/out")" 'no newline'
	expect_equal status $status 0
	grep -q ' web/run: I am here$' "$dir/err" || fail "$(cat "$dir/err")"
	once "--interactive $_mount" cat < "$dir/sent"
	expect_equal stdout "$(cat "$dir/out")" ''
	grep -q 'cat/run: not a JSON object: no newline$' "$dir/err" || fail "$(cat "$dir/err")"
	once "--interactive $_mount --env DINIT_JSON_STDOUT=wrap" cat < "$dir/sent"
	grep -q '^{"message":"no newline","service":"cat","stage":"run",' "$dir/out" || fail "$(cat "$dir/out")"
}

# ---- terminals ----

test_shell_at_a_terminal_has_job_control() {
	alone
	at_terminal "$(run_line shell --rm -it "$image" bash --norc)"
	wait_screen '^bash-[0-9.]+# '
	press 'sleep 1234\n'
	eventually 10 top_has shell 'sleep 1234'
	# Ctrl-Z, and on; then Ctrl-C is for what is in the foreground.
	press '\032'
	wait_screen '^\[1\]\+ +Stopped +sleep 1234'
	press 'fg; echo "ended with $?"\n'
	wait_screen '^sleep 1234'
	press '\003'
	# (Where bash is interrupted the rest of that line is not run.)
	press '\n'
	press 'echo "ended with $?"\n'
	wait_screen '^ended with 130'
	! on_screen 'no job control' > /dev/null || fail "$(show_screen)"
	! on_screen 'dinit: ' > /dev/null || fail "$(show_screen)"

	# (The kernel sends WINCH right before it changes the size.)
	press 'trap "until stty size | grep 111; do :; done" WINCH; stty size\n'
	wait_screen '^24 80'
	resize 33 111
	wait_screen '33 111$'
	press 'exit 7\n'
	left_terminal 7
	! on_screen 'dinit: ' > /dev/null || fail "$(show_screen)"
}

test_keys_end_a_command_as_without_an_init() {
	alone
	at_terminal "$(run_line one --rm -it "$image" sleep 1234)"
	eventually 10 top_has one ' [0-9]+ +sleep 1234$'
	press '\003'
	left_terminal 130
	expect_equal "screen" "$(show_screen)" '^C'

	# Below another init, which has given dinit the terminal.
	at_terminal "$(run_line two --rm --init -it "$image" sleep 1234)"
	eventually 10 top_has two ' [0-9]+ +sleep 1234$'
	press '\034'
	left_terminal 131

	# Ctrl-D at a shell.
	at_terminal "$(run_line three --rm -it "$image" bash --norc)"
	wait_screen '^bash-[0-9.]+# '
	press '\004'
	left_terminal 0
}

# With services beside it the terminal is still its own, and they are stopped when it ends.
test_shell_beside_services_has_the_terminal() {
	alone
	script web/run 'trap "echo told >&2; exit 0" TERM; trap "echo interrupted >&2" INT
while :; do sleep 0.1; done'
	at_terminal "$(run_line shell -it --volume "$dir/services:/etc/service" --env NO_COLOR=1 "$image" bash --norc)"
	wait_screen '^bash-[0-9.]+# '
	press 'sleep 1234\n'
	eventually 10 top_has shell 'sleep 1234'
	press '\003\n'
	press 'echo "ended with $?"; dinit --status; exit 9\n'
	left_terminal 9
	on_screen '^ended with 130'
	on_screen '^bash +ready +[0-9]+ '
	on_screen '^web +ready +[0-9]+ '
	on_screen ' web/run: told$'
	! on_screen 'interrupted' > /dev/null || fail "$(show_screen)"
}

test_terminal_without_keys_shows_everything() {
	alone
	once '--tty' sh -c 'test -t 0 && test -t 1 && seq 5000; stty -a > /dev/null && exit 4'
	tr -d '\r' < "$dir/out" > "$dir/got"
	seq 5000 | cmp - "$dir/got"
	expect_equal status $status 4
}

test_full_screen_program_comes_and_goes() {
	alone
	at_terminal "$(run_line pager --rm -it --env TERM=xterm "$image" sh -c "'seq 100 | more; stty -a | grep -o -- \" echo \"'")"
	wait_screen 'More--'
	press 'q'
	left_terminal 0
	on_screen ' echo $'
}

# ---- detached ----

test_detached_command_is_attached_to_and_left() {
	alone
	begin shell --interactive\ --tty bash --norc
	at_terminal "docker attach $(container shell)"
	press '\n'
	wait_screen '^bash-[0-9.]+# '
	press 'n=$((6 * 7)); echo "n is $n"\n'
	wait_screen '^n is 42'
	press '\020\021'
	left_terminal '[01]'
	expect_running shell
	at_terminal "docker attach $(container shell)"
	press 'echo "still $n"; exit 4\n'
	left_terminal 4
	on_screen '^still 42'
	wait_status shell 4

	# A pipe instead; what has come through it is in the log in any case.
	begin reader --interactive cat
	printf 'through a pipe\n' | docker attach "$(container reader)" > /dev/null &
	_attached=$!
	wait_line reader out '^through a pipe$'
	docker kill --signal TERM "$(container reader)" > /dev/null
	_status=0
	wait $_attached || _status=$?
	expect_equal "status of docker attach" $_status 143
}

test_logs_of_a_command_are_whole() {
	alone
	begin pipe '' sh -c 'seq 100000; seq 1000 >&2; printf end; exit 3'
	begin terminal --tty sh -c 'seq 10000; printf end; exit 3'
	wait_status pipe 3 20
	wait_status terminal 3 20
	{ seq 100000; printf end; } > "$dir/wanted"
	output pipe out | cmp - "$dir/wanted"
	seq 1000 > "$dir/wanted"
	output pipe err | cmp - "$dir/wanted"
	{ seq 10000; printf end; } > "$dir/wanted"
	output terminal out | tr -d '\r' | cmp - "$dir/wanted"
}

# ---- signals, and stops ----

test_stop_ends_the_command_before_the_services() {
	script web/run 'trap "echo told >&2; exit 0" TERM; touch /run/up; while :; do sleep 0.1; done'
	_wait='until [ -e /run/up ]; do sleep 0.1; done'
	begin plain "--volume $dir/services:/etc/service --env DINIT_LOG_LEVEL=info" sh -c "$_wait; exec sleep 1000"
	eventually 10 top_has plain ' [0-9]+ +sleep 1000$'
	stop plain 143 3000
	expect_line plain err 'info: stopped after .* with status 143: signal 15 \(.*\) received$'
	expect_no_line plain err 'dinit: (warning|error)'
	expect_line plain err 'info: sh/run: PID [0-9]+ was killed by signal 15'
	expect_line plain err ' web/run: told$'

	# It can still use them.
	begin own "--volume $dir/services:/etc/service --env DINIT_JSON_STDOUT=0" sh -c \
		"trap 'dinit --status web; exit 21' TERM; $_wait; echo ready; while :; do sleep 0.1; done"
	wait_line own out ' sh/run: ready$'
	stop own 21 3000
	expect_line own out ' sh/run: web +ready '
	expect_line own err ' web/run: told$'

	# Its end is that of the services.
	begin over "--volume $dir/services:/etc/service" sh -c "$_wait; exit 6"
	wait_status over 6
	expect_line over err ' web/run: told$'
	# The end of a service is its end.
	script web/run 'exit 7'
	begin failed "--volume $dir/services:/etc/service" sh -c 'trap "echo bye >&2; exit 0" TERM; while :; do sleep 0.1; done'
	wait_status failed 3
}

test_stop_signal_of_an_image_reaches_the_command() {
	alone
	_base=$image
	for signal in WINCH QUIT USR1 INT HUP; do
		image=$_base
		build stopsignal "STOPSIGNAL SIG$signal"
		begin "$signal" '' sh -c "trap 'echo got $signal; exit 21' $signal; echo ready; while :; do sleep 0.1; done"
		wait_line "$signal" out '^ready$'
		stop "$signal" 21 3000
		expect_line "$signal" out "^got $signal\$"
		expect_equal "stderr" "$(output "$signal" err)" ''
	done
	# Those that are for the engine alone come as the usual one.
	for signal in PWR RTMIN+3; do
		begin "${signal%+3}" "--stop-signal SIG$signal" sleep 1000
		eventually 10 top_has "${signal%+3}" ' [0-9]+ +sleep 1000$'
		stop "${signal%+3}" 143 3000
	done
}

test_other_signals_are_passed_on() {
	alone
	begin app '' bash -c 'for s in HUP USR1 USR2 WINCH ALRM CONT RTMIN+5; do trap "echo got $s" $s; done
		trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	wait_line app out '^ready$'
	for signal in HUP USR1 USR2 WINCH ALRM CONT 39 HUP; do
		docker kill --signal $signal "$(container app)" > /dev/null
		case $signal in
		39) signal=RTMIN.5 ;;
		esac
		wait_line app out "^got $signal\$"
	done
	expect_running app
	in_container app sh -c 'kill -USR1 1'
	eventually 10 has_lines app '^got USR1$' 2
	stop app 0 3000
	expect_count app out '^got HUP$' 2
	expect_equal "stderr" "$(output app err)" ''
}

has_lines() {
	[ "$(count_lines "$1" out "$2")" -ge "$3" ]
}

is_stopped() {
	states_of "$1" | grep -q '^T'
}

test_stopped_command_is_continued_to_stop() {
	alone
	begin app '' sh -c 'trap "echo told; exit 0" TERM; echo ready; kill -STOP $$; while :; do sleep 0.1; done'
	wait_line app out '^ready$'
	eventually 10 is_stopped app
	stop app 0 3000
	expect_line app out '^told$'
}

# ---- little of everything ----

test_command_with_everything_taken_away_runs() {
	alone
	_taken='--read-only --user 65534 --cap-drop ALL --security-opt no-new-privileges --memory 16m --ulimit nofile=32:32'
	once "$_taken" sh -c 'id -u; touch /here 2> /dev/null || echo refused; exit 9'
	expect 9 '65534
refused'
	# No room is needed but for dinit and the command.
	start_within two 2 "$_taken" sh -c 'echo here; exit 9'
	wait_status two 9
	expect_line two out '^here$'
}

test_command_without_room_for_it_is_an_error() {
	alone
	start_within one 1 '--read-only --user 65534' true
	wait_status one 1
	expect_line one err 'true/run: cannot be started.*pids limit'
}

test_image_with_nothing_but_a_command_runs_it() {
	cat > "$dir/Dockerfile" <<-END
		FROM $run:scratch
		COPY --from=$run:rootfs /bin/busybox /busybox
		CMD ["/busybox", "sh", "-c", "/busybox ls /; exit 8"]
	END
	docker build --network none --tag "$run:only" "$dir" > "$dir/built" 2>&1 || { cat "$dir/built"; false; }
	image=$run:only
	once --read-only
	expect_equal status $status 8
	grep -q '^busybox$' "$dir/out" || fail "$(cat "$dir/out")"
	expect_equal stderr "$(cat "$dir/err")" ''
	once --user\ 65534 /nosuch
	expect_words 127 'cannot be started'
	once '' app
	expect_words 127 'there is no "app" in PATH'
}

test_command_without_proc_runs_and_stops() {
	alone
	set -- --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined --entrypoint sh
	once "$*" -c 'umount -l /proc && exec dinit sh -c "test -e /proc/self || exit 12"'
	expect_equal status $status 12
	grep -q '^[^ ]* dinit: warning: /proc does not show' "$dir/err" || fail "$(cat "$dir/err")"
	begin app "$*" -c 'umount -l /proc && exec dinit sh -c "(sleep 1000 &); echo ready; exec sleep 2000"'
	wait_line app out '^ready$'
	stop app 143 3000
}

test_command_below_docker_init_is_stopped() {
	alone
	begin app --init sh -c 'trap "echo hup" HUP; trap "echo told; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	wait_line app out '^ready$'
	docker kill --signal HUP "$(container app)" > /dev/null
	wait_line app out '^hup$'
	stop app 5 3000
	expect_line app out '^told$'
	expect_equal stderr "$(output app err)" ''
	once --init sh -c 'exit 77'
	expect 77 ''
}

# Zombies are reaped, and orphans are no more than what they are without a command.
test_orphans_of_a_command_are_looked_after() {
	alone
	begin app '' sh -c '(sleep 0.1 &); (sleep 3000 > /dev/null 2>&1 &); (true &); echo ready; exec sleep 1000'
	wait_line app err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 3000( |$)'
	eventually 10 only_command app
	expect_no_zombie app
	stop app 143 3000
	begin kept '--env DINIT_KEEP=sleep' sh -c '(sleep 3000 > /dev/null 2>&1 &); echo ready; exec sleep 1000'
	eventually 10 top_has kept ' sleep 3000$'
	stop kept 143 3000
}

only_command() {
	! top_has "$1" ' sleep 3000$'
}

# ---- what others see ----

test_status_shows_the_command() {
	script web/run 'exec sleep 1000'
	begin app "--volume $dir/services:/etc/service" sleep 2000
	eventually 10 top_has app ' [0-9]+ +sleep 2000$'
	in_container app dinit --wait -t 5
	in_container app dinit --status > "$dir/status" || fail "$(cat "$dir/status")"
	grep -Eq '^sleep +ready +[0-9]+ ' "$dir/status" || fail "$(cat "$dir/status")"
	in_container app dinit --status --json > "$dir/status"
	jq -e '.ready and ([.services[].name] | sort == ["sleep", "web"])' "$dir/status" > /dev/null || fail "$(cat "$dir/status")"
	end_from_inside app dinit --signal sleep TERM
	wait_status app 143
}

test_healthcheck_of_a_command_is_that_of_its_services() {
	script web/run 'exec sleep 1000'
	script web/check 'test -e /state/good || { echo "no good"; exit 1; }'
	mkdir -p "$dir/state"
	build healthy 'HEALTHCHECK --interval=1s --retries=1 CMD ["dinit", "--status"]'
	begin app "--volume $dir/services:/etc/service --volume $dir/state:/state --env DINIT_CHECK_INTERVAL=0.2
		--env DINIT_JSON_STDOUT=0" dinit --wait web -- sh -c 'echo begun; exec sleep 1000'
	eventually 20 is_health app unhealthy
	expect_no_line app out 'begun'
	touch "$dir/state/good"
	eventually 20 is_health app healthy
	wait_line app out ' command/run: begun$'
	stop app 143 3000
}

# ---- podman ----

# make_small_root: a system for podman with busybox and dinit, and no /etc.
make_small_root() {
	mkdir -p "$dir/root/bin"
	tar -C "$dir" -xf "$cache/rootfs.tar" ./usr/bin/busybox
	cp "$dir/usr/bin/busybox" "$dir/root/bin"
	cp "$binary" "$dir/root/bin/dinit"
	for _applet in sh cat sleep; do
		ln -s busybox "$dir/root/bin/$_applet"
	done
}

on_podman() {
	# shellcheck disable=SC2086 # a list of words
	timeout 60 $podman "$@"
}

# podman_once OPTIONS [ARGUMENT...]: as once.
podman_once() {
	_options=$1
	shift
	status=0
	# shellcheck disable=SC2086 # lists of words
	on_podman run --rm --network none $podman_limits $_options --rootfs "$dir/root" /bin/dinit "$@" \
		> "$dir/out" 2> "$dir/err" || status=$?
}

# podman_begin NAME OPTIONS [ARGUMENT...]: as begin. What is left of it is removed when the scenario ends.
podman_begin() {
	_name=$(container "$1") _options=$2
	shift 2
	podman_begun="${podman_begun:-} $_name"
	trap '$podman rm -f -t 0 $podman_begun > /dev/null 2>&1 || :; kill ${_receiver:-} 2> /dev/null || :' EXIT
	# shellcheck disable=SC2086 # lists of words
	on_podman run --detach --name "$_name" --network none $podman_limits $_options --rootfs "$dir/root" \
		/bin/dinit "$@" > "$dir/started" 2>&1 || fail "podman: $(cat "$dir/started")"
}

# podman_shows NAME REGEX
podman_shows() {
	on_podman logs "$(container "$1")" > "$dir/logs" 2>&1
	grep -E -- "$2" "$dir/logs" || { cat "$dir/logs"; false; }
}

# podman_status NAME STATUS
podman_status() {
	on_podman wait "$(container "$1")" > "$dir/status"
	expect_equal "status of $1" "$(cat "$dir/status")" "$2"
}

test_podman_runs_a_command() {
	make_small_root
	podman_here || return 0
	echo typed | { podman_once --interactive sh -c 'cat; echo err >&2; exit 6' && expect 6 typed err; }
	podman_once --read-only\ --user\ 65534 /bin/nosuch
	expect_words 127 '/bin/nosuch does not exist'
	podman_begin plain '' sh -c 'trap "echo told; exit 5" TERM; trap "echo hup" HUP; echo ready; while :; do sleep 0.1; done'
	eventually 10 podman_shows plain '^ready'
	on_podman kill --signal HUP "$(container plain)" > /dev/null
	eventually 10 podman_shows plain '^hup'
	on_podman stop --time 20 "$(container plain)" > /dev/null
	podman_status plain 5
	podman_shows plain '^told'
}

test_command_below_catatonit_is_stopped() {
	make_small_root
	podman_here catatonit || return 0
	podman_begin below '--init --interactive --tty' sh -c 'echo "parent $PPID"; exec sleep 1000'
	eventually 10 podman_shows below '^parent [0-9]+'
	! podman_shows below '^parent 1$' || fail "dinit is PID 1"
	on_podman stop --time 20 "$(container below)" > /dev/null
	podman_status below 143
}

test_podman_is_told_when_the_command_is_started() {
	make_small_root
	podman_here python3 || return 0
	receive notify
	NOTIFY_SOCKET=$dir/notify
	export NOTIFY_SOCKET
	podman_begin lost --sdnotify=container /bin/nosuch
	podman_status lost 127
	! has_received notify READY=1 || fail "told that there is no such command"
	podman_begin web --sdnotify=container sh -c 'echo "socket ${NOTIFY_SOCKET-none}"; exec sleep 1000'
	eventually 10 has_received notify READY=1
	eventually 10 podman_shows web '^socket none'
	on_podman stop --time 20 "$(container web)" > /dev/null
	podman_status web 143
}

# ---- PostgreSQL, and a command beside it ----

# with_database: $image has the example, and a database with one table that was made when it was built.
with_database() {
	if ! docker image inspect "$run:psql" > /dev/null 2>&1; then
		cp -R "$top/test-services/command" "$dir/command"
		build psql 'RUN rm -r /etc/service' 'COPY command/ /etc/service/' 'RUN ["dinit", "--check"]' \
			'ENV PGDATA=/var/lib/postgresql/data PGHOST=/run/postgresql PGUSER=postgres' \
			'ENTRYPOINT ["dinit", "dinit", "--wait", "db", "--"]' \
			'RUN ["dinit", "dinit", "--wait", "db", "--", "psql", "-c", "create table number (n int)"]' \
			'CMD ["psql", "-c", "select 6 * 7 as answer"]'
	fi
	image=$run:psql
}

test_psql_is_run_beside_its_database() {
	with_database
	once '--env DINIT_JSON_STDOUT=0'
	grep -q 'Z command/run:  *42$' "$dir/out" || fail "$(cat "$dir/out" "$dir/err")"
	expect_equal status $status 0
	expect_clean_end "$dir/err"
	# Only once was there nothing yet.
	! grep -q 'creating configuration files' "$dir/err" || fail "$(cat "$dir/err")"

	_raw='--interactive --env DINIT_COMMAND_OUTPUT=raw'
	# The status is that of psql; what it reads and writes is not dinit's.
	once "$_raw" psql -c 'select nothing' < /dev/null
	expect_equal status $status 1
	grep -q '^ERROR:  column "nothing" does not exist$' "$dir/err" || fail "$(cat "$dir/err")"
	expect_clean_end "$dir/err"
	seq 100000 > "$dir/sent"
	once "$_raw" psql -q -c '\copy number from stdin' -c '\copy number to stdout' \
		< "$dir/sent"
	cmp "$dir/sent" "$dir/out"
	expect_equal status $status 0
	expect_clean_end "$dir/err"
}

# expect_clean_end FILE: what the database says there.
expect_clean_end() {
	grep -q 'db/run: .*database system is ready to accept connections' "$1" || fail "not ready: $(cat "$1")"
	tail -n 1 "$1" | grep -q 'db/run: .*database system is shut down' || fail "not shut down: $(cat "$1")"
}

test_psql_at_a_terminal_is_interactive() {
	with_database
	at_terminal "$(run_line client -it --env NO_COLOR=1 "$image" psql -P pager=off)"
	wait_screen '^postgres=# '
	press 'select 6 * 7 as answer;\n'
	wait_screen '^ +42$'
	# Ctrl-C ends the query, not the session.
	press 'select pg_sleep(1000);\n'
	eventually 10 is_asleep client
	press '\003'
	wait_screen 'canceling statement due to user request'
	press '\\q\n'
	left_terminal 0
	on_screen 'db/run: .*database system is shut down'
}

is_asleep() {
	in_container "$1" psql -tAc "select wait_event from pg_stat_activity where query like 'select pg_sleep%'" | grep PgSleep
}
