# shellcheck shell=sh disable=SC2034,SC2154,SC2317,SC2016 # variables of and for run, which also calls what is in functions
# SPDX-License-Identifier: ISC
# podman kube play of images/kubernetes.yaml and kubernetes-exec.yaml, as images/README has it, with their services.

. "$top/tests/engines/podman.sh"

begin_engine() {
	reason="podman kube play does not run here"
	user=podman
	configure_podman crun "$work/podman" || return 1
	remove_containers() { docker pod rm --all --force > /dev/null 2>&1; }
	show() { docker ps -a; docker logs web-pod-0-web 2>&1 | tail -n 20; }
	make_nginx_image || return 1
	# With a network, as the pods have one.
	docker run --rm registry.example/web:1 --version
}

# put DIRECTORY PROGRAM...: each with the libraries that it loads.
put() {
	_into=$1
	shift
	for _program in "$@"; do
		_program=$(command -v "$_program") || return 1
		{ echo "$_program" && ldd "$_program" | grep -o '/[^ ]*'; } | while read -r _file; do
			mkdir -p "$_into${_file%/*}" && cp -L "$_file" "$_into$_file"
		done
	done
}

# make_nginx_image: the image that the manifests name. podman gives an emptyDir the owner of the image's directory, not fsGroup.
make_nginx_image() {
	cp -a "$root" "$work/nginx" && put "$work/nginx" nginx curl && mkdir "$work/nginx/var" &&
		cp -R "$top/test-services/nginx/web" "$top/test-services/http/http" "$work/nginx/etc/service" &&
		chown 1000:1000 "$work/nginx/run" &&
		tar -C "$work/nginx" -cf - . | docker import --change 'ENTRYPOINT ["/usr/local/sbin/dinit"]' \
			--change "ENV PATH=$PATH" - registry.example/web:1
}

# play FILE: images/FILE.
play() {
	readme_command 'sed' | sed "s|kubernetes.yaml|'$top/images/$1'|" > "$dir/command"
	cat "$dir/command"
	# shellcheck source=/dev/null
	. "$dir/command"
}

# container NAME: kube play gives names of its own.
container() {
	echo web-pod-0-web
}

podman() {
	docker "$@"
}

answers() {
	[ "$(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$1")" = "$2" ]
}

test_deployment_is_played() {
	play kubernetes.yaml
	eventually 20 answers 9100/readyz 200
	answers 9100/livez 200
	answers 8080/ 404
	docker healthcheck run web-pod-0-web
	expect_equal health "$(inspect web '{{.State.Health.Status}}')" healthy
	in_container web dinit --status
	end_from_inside web nginx -e stderr -c /etc/service/web/nginx.conf -s stop
	eventually 20 is_restarted
	eventually 20 answers 9100/readyz 200
	docker pod stop -t 60 web-pod-0
	expect_equal status "$(inspect web '{{.State.ExitCode}}')" 0
	expect_json web
}

is_restarted() {
	[ "$(inspect web '{{.RestartCount}}')" -ge 1 ]
}

test_deployment_with_exec_probes_is_played() {
	play kubernetes-exec.yaml
	eventually 20 answers 8080/health 204
	eventually 20 in_container web dinit --status
	answers 8080/ 404
	docker pod stop -t 60 web-pod-0
	expect_equal status "$(inspect web '{{.State.ExitCode}}')" 0
	expect_json web
}
