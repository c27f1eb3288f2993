# shellcheck shell=sh disable=SC2016,SC2154 # scripts for others; variables of run
# SPDX-License-Identifier: ISC
# Little of everything: privileges, a writable root, processes, memory, a distribution; or another init, another container's
# processes, a terminal.

# A service that tells what it is allowed.
script_confessing() {
	script web/run 'trap "echo {\\\"state\\\":\\\"stopped\\\"}; exit 0" TERM
caps=$(sed -n "s/^CapEff:[[:space:]]*//p" /proc/self/status)
nnp=$(sed -n "s/^NoNewPrivs:[[:space:]]*//p" /proc/self/status)
writable=$(touch /here 2> /dev/null && echo true || echo false)
echo "{\"uid\":$(id -u),\"caps\":\"$caps\",\"nnp\":$nnp,\"writable\":$writable}" > /dev/stdout
echo "on stderr" > /dev/stderr
while :; do sleep 0.1; done'
}

test_everything_taken_away_works() {
	script_confessing
	start web "$dir/services" --user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges \
		--pids-limit 32 --memory 16m --ulimit nofile=32:32
	wait_line web out '^\{"uid":1000,"caps":"0000000000000000","nnp":1,"writable":false,"service":"web"'
	wait_line web err 'Z web/run: on stderr$'
	stop web 0 3000
	expect_line web out '^\{"state":"stopped",'
	expect_json web
	expect_no_line web err 'dinit: '
}

test_service_that_dropped_root_opens_dev_stdout() {
	script web/run 'exec setpriv --reuid=nobody --regid=nogroup --clear-groups ./body'
	script web/body 'echo "{\"uid\":$(id -u)}" > /dev/stdout; echo "said by $(id -un)" > /dev/stderr; exec sleep 1000'
	start web "$dir/services"
	wait_line web out '^\{"uid":65534,"service":"web"'
	wait_line web err ' web/run: said by nobody$'
	stop web 0 3000
}

# CAP_KILL is dropped: a helper that takes on the service's user sends the signal.
test_service_of_another_user_without_cap_kill_is_stopped() {
	script web/run 'exec setpriv --reuid=nobody --regid=nogroup --clear-groups ./body'
	script web/body 'trap "echo told; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	start web "$dir/services" --env DINIT_JSON_STDOUT=0 --cap-drop ALL --cap-add SETUID --cap-add SETGID
	wait_line web out ' web/run: ready$'
	stop web 0 3000
	expect_line web out ' web/run: told$'
}

test_scratch_image_has_nothing_but_dinit() {
	docker run --rm "$run:scratch" --version | grep -q '^dinit '
	image=$run:scratch
	# There is no service, and nothing to mount one on.
	docker run --name "$(container none)" --label "dinit-check=$run" --network none --read-only --user 1000 "$image" \
		> /dev/null 2>&1 || :
	wait_status none 1
	expect_line none err 'dinit: error: .*/etc/service'
}

# The documented way into an image of one's own.

test_copied_into_another_image_runs() {
	cat > "$dir/Dockerfile" <<-END
		FROM scratch
		COPY --from=$run:rootfs /bin/busybox /bin/sh
		COPY --from=$run:rootfs /bin/busybox /bin/sleep
		COPY --from=$run:scratch /dinit /sbin/dinit
		COPY services/ /etc/service/
		RUN ["/sbin/dinit", "--check"]
		STOPSIGNAL SIGQUIT
		ENTRYPOINT ["/sbin/dinit"]
	END
	script web/run 'echo "{\"up\":true}"; exec sleep 1000'
	docker build --network none --tag "$run:static" "$dir" > "$dir/output" 2>&1 || { cat "$dir/output"; false; }
	docker run --detach --name "$(container web)" --label "dinit-check=$run" --network none --read-only "$run:static" \
		> /dev/null
	wait_line web out '^\{"up":true,"service":"web"'
	stop web 0 3000

	# A broken directory breaks the build, and every problem is named.
	chmod -x "$dir/services/web/run"
	mkdir "$dir/services/empty"
	! docker build --network none --tag "$run:static" "$dir" > "$dir/output" 2>&1 || fail "the build succeeded"
	for problem in 'empty.*run' 'web/run'; do
		grep -q "dinit: error: .*$problem" "$dir/output" || fail "not said: $problem"
	done
}

test_below_docker_init_is_subreaper() {
	script web/run 'trap "echo told; exit 0" TERM; (sleep 3000 > /dev/null 2>&1 &); echo ready; while :; do sleep 0.1; done'
	start web "$dir/services" --init --env DINIT_JSON_STDOUT=0
	wait_line web out ' web/run: ready$'
	wait_line web err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 3000( |$)'
	expect_no_zombie web
	stop web 0 3000
	expect_line web out ' web/run: told$'

	# Where it is not PID 1, HUP means the end, too.
	start other "$dir/services" --init --env DINIT_JSON_STDOUT=0
	wait_line other out ' web/run: ready$'
	docker kill --signal HUP "$(container other)" > /dev/null
	wait_status other 0
}

test_shared_pid_namespace_touches_only_its_own() {
	script web/run 'echo "{\"up\":true}"; exec sleep 1000'
	start one "$dir/services"
	wait_line one out '"up":true'
	start two "$dir/services" --pid "container:$(container one)"
	wait_line two out '"up":true'

	# What loses its parent in the second goes to PID 1, which is the first's dinit, only if nobody nearer takes it.
	script orphan/run '(sleep 3000 > /dev/null 2>&1 &); exec sleep 2000'
	start three "$dir/services" --pid "container:$(container one)"
	wait_line three err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 3000( |$)'
	in_container one sh -c 'sleep 4000 > /dev/null 2>&1 &'
	wait_line one err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 4000( |$)'
	expect_count one err 'lost its parent' 1
	expect_count two err 'lost its parent' 0
	expect_count three err 'lost its parent' 1

	# The machine's processes are no business of its either.
	start four "$dir/services" --pid host
	wait_line four err 'dinit: warning: sleep/[0-9]+: lost its parent, terminating it: sleep 3000( |$)'
	expect_count four err 'lost its parent' 1

	stop four 0 3000
	stop three 0 3000
	stop two 0 3000
	expect_running one
	stop one 0 3000
}

test_terminal_gets_both_streams_and_interrupts() {
	script web/run 'trap "echo told; exit 0" TERM; trap "echo interrupted" INT
while :; do echo on stdout; echo on stderr >&2; sleep 0.1; done'
	start web "$dir/services" --tty --interactive --env DINIT_JSON_STDOUT=0 --env NO_COLOR=1
	# The engine has one stream for a terminal. Lines are whole.
	wait_line web out ' web/run: on stdout.$'
	wait_line web out ' web/run: on stderr.$'
	! output web out | grep -vE '^[0-9-]{10}T[0-9:.]{12}Z web/run: on std(out|err).$' || fail "not a whole line"

	# Ctrl-C, on a terminal that is attached once it shows something.
	mkfifo "$dir/keys"
	script_command="docker attach $(container web)"
	TERM=dumb command script --quiet --return --command "$script_command" /dev/null < "$dir/keys" > "$dir/screen" &
	exec 3> "$dir/keys"
	eventually 10 grep -q 'on stdout' "$dir/screen"
	printf '\003' >&3
	wait_status web 0
	exec 3>&-
	wait $! || fail "docker attach failed"
	expect_line web out ' web/run: told.$'
	expect_no_line web out 'interrupted'
}

test_pids_limit_too_small_is_an_error() {
	for name in a b c d; do
		script $name/run 'exec sleep 1000'
	done
	start_within web 3 "--volume $dir/services:/etc/service:ro"
	wait_status web 1
	expect_line web err 'dinit: error: c/run: cannot be started, stopping the container: .*Resource temporarily unavailable.*pids limit'
}

test_pids_limit_at_stop_sends_term_instead() {
	script web/run 'exec sleep 1000'
	script web/terminate 'exit 0'
	start_within web 2 "--volume $dir/services:/etc/service:ro --env DINIT_LOG_LEVEL=info"
	wait_line web err 'web/run: running with PID'
	stop web 0 3000
	expect_line web err 'dinit: warning: web/term: .*Resource temporarily unavailable'
}

# The engine gives a container with a terminal a TERM that is no dumb one.
test_terminal_is_coloured() {
	script web/run 'echo here; exit 7'
	start web "$dir/services" --tty --env DINIT_JSON_STDOUT=0
	wait_status web 3
	_escape=$(printf '\033')
	expect_line web out "^$_escape\\[3[0-9]m[0-9-]{10}T[0-9:.]{12}Z web/run: $_escape\\[0mhere.\$"
	expect_line web out "$_escape\\[.*dinit: error: web/run: PID [0-9]+ exited with status 7"
}

# More than the memory that there is, in long lines and in short ones.
test_small_memory_limit_bears_a_flood() {
	script long/run 'head -c 30000000 /dev/zero | tr "\0" x; exit 115'
	script short/run 'yes "{\"n\":1}" | head -n 200000; exit 115'
	start web "$dir/services" --memory 16m --env DINIT_JSON_STDOUT=wrap
	wait_status web 0 60
	expect_equal "bytes of the long line" "$(output web out | tr -cd x | wc -c)" 30000000
	expect_count web out '^\{"n":1,' 200000
}
