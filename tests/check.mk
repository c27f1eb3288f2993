# SPDX-License-Identifier: ISC
# The tests: make check, and what .ci/run adds to it.

# What the tests need beside gcc and make, as Debian's packages.
CHECK_PACKAGES = libcmocka-dev jq nginx-light redis-server postgresql dumb-init tini procps runit \
	prometheus bash less vim-tiny python3-minimal etcd-server etcd-client curl haproxy wrk socat \
	openssl rsyslog rsyslog-openssl php-fpm cron python3 supervisor hey
LINT_PACKAGES = clang clang-format clang-tidy cppcheck shellcheck mandoc
HTTP_PACKAGES = curl apache2-utils wrk hey haproxy prometheus tidy chromium jq iproute2
ENGINES_PACKAGES = podman netavark iptables crun runc uidmap catatonit systemd-container \
	bubblewrap busybox-static nginx-light curl jq yq python3
DOCS_PACKAGES = graphviz fonts-liberation
ALL_PACKAGES = $(sort $(CHECK_PACKAGES) $(LINT_PACKAGES) $(DOCS_PACKAGES) \
	$(HTTP_PACKAGES) $(ENGINES_PACKAGES) $(FUZZ_PACKAGES) $(BOOT_PACKAGES) $(AARCH64_PACKAGES) \
	$(RELEASE_PACKAGES) $(DEB_PACKAGES) valgrind strace lintian file qemu-user mmdebstrap)

setup:
	@tests/setup $(CHECK_PACKAGES)

setup-all:
	@tests/setup $(ALL_PACKAGES)

# ---- units: a program for each module; of the others the linker takes what the module needs ----

UNITS = adopt answers bytes fdtable json names signame printable lastline config process svdir \
	script execfail procfs oom stamp log line loop spawn reaper death termlog signaller sink outputs \
	logmux filter sender request service firstend lives ration policy left ending waited overtime \
	announce pace board check cli command health http httprequest listener listing metrics \
	nearest notify page pick probe signal status statusjson sv tally target usage verdict view \
	wait watch shebang ownfds

# The functions whose calls a test takes (ld's --wrap), so that they can be made to fail.
wrap_adopt = ptrace tracee_call malloc calloc clock_gettime epoll_wait
wrap_answers = clock_gettime view_open view_close view_take view_sequence usage_measure \
	open_memstream fflush ferror
wrap_fdtable = syscall
wrap_lastline = realloc
wrap_svdir = malloc calloc realloc strdup opendir access open
wrap_procfs = read
wrap_ownfds = dup2 logmux_add
wrap_log = write
wrap_spawn = fork read write setsid setpgid
wrap_notify = malloc epoll_ctl read
wrap_health = clock_gettime epoll_wait calloc check_start check_is_running check_stop check_close \
	announce_begin announce_stop
wrap_announce = clock_gettime epoll_wait
wrap_check = pipe2 calloc epoll_ctl spawn_program_unwaited read
wrap_loop = clock_gettime epoll_wait ppoll epoll_create1 signalfd epoll_ctl
wrap_reaper = waitpid waitid
wrap_signaller = kill malloc fork user_set syscall
wrap_service = pipe2 malloc calloc spawn_program spawn_program_unwaited logmux_release \
	command_take_terminal
wrap_lives = spawn_program spawn_program_unwaited spawn_read_failure pipe2 open close logmux_add \
	logmux_release waitid waitpid kill calloc oom_has_killed command_start \
	command_take_terminal
wrap_policy = clock_gettime epoll_wait calloc strdup signaller_send signaller_stop logmux_add \
	logmux_move_last logmux_forget_tallies logmux_reads procfs_each_child procfs_read_stat \
	sysinfo
wrap_filter = logmux_reads
wrap_left = logmux_reads program_find
wrap_ration = clock_gettime epoll_wait strdup
wrap_ending = clock_gettime epoll_wait left_find left_has_filter service_was_logged \
	logmux_end_last oom_has_killed termlog_write
wrap_sender = getpid kill
wrap_firstend = clock_gettime epoll_wait services_have_ending
wrap_overtime = clock_gettime epoll_wait services_kill_prestops services_kill policy_kill \
	waited_describe
wrap_waited = services_list_running procfs_read_command
wrap_probe = getsockname poll send recv socket
wrap_death = oom_has_killed
wrap_oom = statfs read getpid
wrap_termlog = fork open write
wrap_request = getpid sender_describe
wrap_sink = open epoll_ctl malloc realloc write fcntl poll syscall
wrap_outputs = malloc clock_gettime
wrap_usage = malloc calloc realloc open
wrap_status = view_look usage_measure view_age_ms isatty ioctl calloc procfs_usable \
	procfs_read_stat
wrap_statusjson = view_age_ms
wrap_page = view_age_ms procfs_usable procfs_read_stat
wrap_metrics = view_look usage_measure
wrap_view = malloc calloc nanosleep clock_gettime syscall
# Those that look at a dinit that the test plays (moments.h).
MOMENTS_WRAPPED = view_open view_take view_take_last view_wait board_now nanosleep
MOMENTS_UNITS = wait watch signal sv
wrap_wait = $(MOMENTS_WRAPPED) execvp getsid getppid getpid procfs_usable procfs_read_stat
wrap_watch = $(MOMENTS_WRAPPED)
wrap_signal = $(MOMENTS_WRAPPED) syscall kill procfs_usable procfs_read_stat
wrap_sv = $(MOMENTS_WRAPPED) signal_send
wrap_cli = status_run metrics_run wait_run watch_run signal_run probe_run http_run sv_run calloc \
	getauxval
wrap_command = malloc program_start process_has_foreground process_take_foreground
wrap_http = answers_open answers_close answers_find answers_find_error view_is_gone board_now \
	listener_open listener_drop_root process_raise_nofile getrlimit calloc free close \
	epoll_create1 epoll_ctl epoll_wait accept4 recv __recv_chk sendmsg
wrap_listener = socket bind listen setsockopt getuid geteuid user_leave_groups user_set_group user_set prctl \
	syscall
wrap_listing = calloc logmux_forget_tallies
wrap_board = shmget shmat shmctl stat syscall
wrap_logmux = malloc realloc free clock_gettime epoll_ctl read ioctl

UNIT_PROGRAMS = $(UNITS:%=$(BUILD)/test_%)

$(BUILD)/modules.a: $(filter-out $(BUILD)/dinit.o,$(OBJECTS))
	@rm -f $@
	$(shell $(CC) -print-prog-name=ar) qcs $@ $^

UNIT_OBJECTS = $(addprefix $(BUILD)/tests/,rig.o tree.o)

$(UNIT_PROGRAMS): $(BUILD)/test_%: $(BUILD)/tests/test_%.o $(UNIT_OBJECTS) $(BUILD)/modules.a
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/modules.a $(LDFLAGS) \
		$(wrap_$*:%=-Wl,--wrap=%) -lcmocka -lutil -lpthread

$(BUILD)/test_outputs $(BUILD)/test_logmux: $(BUILD)/tests/outlets.o
$(MOMENTS_UNITS:%=$(BUILD)/test_%): $(BUILD)/tests/moments.o

# Programs that tests look at, or that play services: they are not what is tested, and are built
# without sanitizers.
TOOL_CFLAGS = $(STANDARD) -O2 -MMD -MP -MF $@.d -MT $@

# What test_adopt redirects, and what checks that it does not notice. (Where the compiler makes no
# 32-bit programs there is no victim32, and its test is skipped.)
$(BUILD)/test_adopt: | $(BUILD)/victim $(BUILD)/victim32

$(BUILD)/victim $(BUILD)/actor $(BUILD)/deadfs: $(BUILD)/%: tests/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) -o $@ $(filter %.c,$^) -lpthread

$(BUILD)/actor: tests/play.c tests/play.h

$(BUILD)/victim32: tests/victim32.c tests/victim.h
	@mkdir -p $(@D)
	-@$(CC) -m32 -O1 -ffreestanding -nostdlib -static -fno-stack-protector -fno-pie -no-pie \
		-o $@ $< 2> /dev/null || true

# ---- scenarios: each runs the whole program, DINIT_BINARY, over directories of services ----

SCENARIOS = $(patsubst tests/scenario_%.c,%,$(wildcard tests/scenario_*.c))
# The examples that stand beside other people's programs (scenario_world_*) are run with one build,
# that of make check: what they try is not dinit's memory.
OWN_SCENARIOS = $(filter-out world_%,$(SCENARIOS))

SCENARIO_PROGRAMS = $(SCENARIOS:%=$(BUILD)/scenario_%)
SCENARIO_OBJECTS = $(addprefix $(BUILD)/tests/,harness.o launch.o scene.o lanes.o rig.o tree.o)

# Those of dinit's streams look at them with streams.c, and have their services played by actor.
STREAM_SCENARIOS = lines complete stall logging orphans deadfs ownfd jsonstderr lastwords

$(SCENARIO_PROGRAMS): $(BUILD)/scenario_%: $(BUILD)/tests/scenario_%.o $(SCENARIO_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(LDFLAGS) -lcmocka

$(STREAM_SCENARIOS:%=$(BUILD)/scenario_%): $(BUILD)/tests/streams.o | $(BUILD)/actor
$(BUILD)/scenario_terminal: $(BUILD)/tests/terminal.o
HTTP_SCENARIOS = http badclients recipes world_drain world_registration world_webhook
$(HTTP_SCENARIOS:%=$(BUILD)/scenario_%): $(BUILD)/tests/httpclient.o
$(BUILD)/scenario_deadfs: | $(BUILD)/deadfs
$(BUILD)/scenario_board: | $(BUILD)/page

# Static, as it looks at pages in containers, too.
$(BUILD)/page: tests/page.c board.c board.h Makefile
	@mkdir -p $(@D)
	$(STATIC_CC) $(TOOL_CFLAGS) -I. -DDINIT_VERSION='"$(VERSION)"' -static -o $@ \
		$(filter %.c,$^)

# ---- the tests of the binary as it is built here: module by module, then the whole program ----

check: setup check-suites
	@$(MAKE) --no-print-directory check-built

# All that the tests run, and both binaries.
programs: dinit dinit-static $(UNIT_PROGRAMS) $(SCENARIO_PROGRAMS)

# Those that play the scenarios.
PLAYERS = $(SCENARIO_PROGRAMS)

check-built: $(BUILD)/dinit $(UNIT_PROGRAMS) $(PLAYERS)
	@DINIT_BINARY=$${DINIT_BINARY:-$(CURDIR)/$(BUILD)/dinit} \
		tests/suites $(UNIT_PROGRAMS) $(PLAYERS)

# Whether what runs the tests keeps them apart.
check-suites:
	@tests/suites-test

units: $(UNIT_PROGRAMS)
	@tests/suites $(UNIT_PROGRAMS)

scenarios: $(BUILD)/dinit $(SCENARIO_PROGRAMS)
	@DINIT_BINARY=$${DINIT_BINARY:-$(CURDIR)/$(BUILD)/dinit} tests/suites $(SCENARIO_PROGRAMS)

# ---- the same in other builds ----

# What plays the scenarios is not what is tested: it is as make check has it, and only the dinit that
# it starts is of the other build.
OWN_PLAYERS = $(OWN_SCENARIOS:%=$(BUILD)/scenario_%)

# With the address and undefined behaviour sanitizers.
ASAN_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

# dinit reads its own descriptor 2, where a report would be lost with it: the harness names a file
# for reports (log_path). gcc's libubsan heeds that only if both libraries are linked statically.
$(BUILD)/dinit: override LDFLAGS += $(BINARY_LDFLAGS)

check-asan: setup $(OWN_PLAYERS)
	@DINIT_BINARY= TEST_SANITIZED=1 TEST_ONCE=1 $(MAKE) --no-print-directory \
		PLAYERS='$(OWN_PLAYERS)' BUILD=$(BUILD)/asan \
		CFLAGS='$(ASAN_CFLAGS)' LDFLAGS='$(ASAN_CFLAGS)' \
		BINARY_LDFLAGS='-static-libasan -static-libubsan' check-built

# The whole program as it is shipped, and how large it is: at most 220 kB.
check-static: setup check-size $(SCENARIO_PROGRAMS)
	@DINIT_BINARY=$(CURDIR)/dinit-static tests/suites $(SCENARIO_PROGRAMS)

check-size: static
	@size=$$(stat -c %s dinit-static); echo "dinit-static: $$size bytes"; test $$size -le 220000

# Those that start programs are left out: valgrind makes a fork of vfork, and dies of an execve that
# fails. So are test_process and test_ownfds: valgrind has signals and limits of its own.
VALGRIND = valgrind --quiet --error-exitcode=99 --leak-check=full --suppressions=tests/valgrind.supp
VALGRIND_PROGRAMS = $(filter-out %/test_adopt %/test_spawn %/test_process \
	%/test_ownfds,$(UNIT_PROGRAMS))

check-valgrind: setup $(VALGRIND_PROGRAMS)
	@tests/setup valgrind
	@TEST_BRIEF=1 TEST_WRAPPER='$(VALGRIND)' tests/suites $(VALGRIND_PROGRAMS)

# The code for processors without SSE2, and for those that nothing is traced on, run here.
PORTABLE = $(addprefix $(BUILD)/portable/test_,bytes json line adopt)
PORTABLE_CFLAGS = $(CFLAGS) -DJSON_PORTABLE -DBYTES_PORTABLE -DTRACEE_PORTABLE

check-portable: setup
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/portable CFLAGS='$(PORTABLE_CFLAGS)' $(PORTABLE)
	@tests/suites $(PORTABLE)

# Which lines and branches the tests reach, and why they do not reach the others: see
# tests/coverage. (gcc's own fork and exec for programs that count would hide the one from --wrap,
# and end the counting where the other follows vfork.)
#
# These take two thirds of the time of all own scenarios, and reach no line that the units and the
# other scenarios do not reach: check and check-asan run them. One that comes to reach such a line
# is to be taken off the list.
COVERAGE_WITHOUT = apps badclients check complete delay filters jsonstderr keep lastwords lines \
	orphans recipes stack stall
COVERAGE = $(BUILD)/coverage
COVERAGE_CFLAGS = -O0 -g --coverage -fno-builtin

COVERAGE_PLAYERS = $(filter-out $(COVERAGE_WITHOUT:%=$(BUILD)/scenario_%),$(OWN_PLAYERS))

coverage: setup $(COVERAGE_PLAYERS)
	@mkdir -p $(COVERAGE) && find $(COVERAGE) -name '*.gcda' -delete
	@DINIT_BINARY= TEST_COUNTED=1 TEST_BRIEF=1 TEST_ONCE=1 $(MAKE) --no-print-directory \
		PLAYERS='$(COVERAGE_PLAYERS)' BUILD=$(COVERAGE) CC=gcc \
		CFLAGS='$(COVERAGE_CFLAGS)' LDFLAGS=--coverage check-built; \
		tests=$$?; tests/coverage $(COVERAGE) $(MODULES) && exit $$tests

# ---- what is said without running anything, and what takes more than a binary ----

lint: dinit
	@tests/setup $(LINT_PACKAGES)
	@CFLAGS_LINT='-std=gnu11 -D_GNU_SOURCE -DDINIT_VERSION="x" -I.' tests/lint

# Each system call of dinit's is made to fail once, at each of its occurrences that is not a mere
# repetition (tests/faults/run; FAULT_OCCURRENCES: only at the first so many; FAULT_OF_KIND: at so
# many of each kind).
check-faults: dinit-static
	@tests/setup strace
	@tests/faults/run $(CURDIR)/dinit-static

# Scenarios in real containers (tests/container/run; THEMES chooses some of them).
check-container: dinit-static $(BUILD)/page
	@PAGE=$(CURDIR)/$(BUILD)/page tests/container/run dinit-static $(BUILD)/container $(THEMES)

# The same binary under podman, systemd-nspawn, unshare and bwrap (tests/engines/run; ENGINES
# chooses some of them).
check-engines: dinit-static
	@tests/setup $(ENGINES_PACKAGES)
	@tests/engines/run dinit-static $(ENGINES)

# dinit --http asked by clients that others wrote (tests/http/run).
check-http: dinit-static
	@tests/setup $(HTTP_PACKAGES)
	@tests/http/run $(CURDIR)/dinit-static

# Whether what packagers get (packaging/packaging.mk) is what others would want.
check-package:
	@tests/package $(BUILD) $(BUILD)/package

# The drawings of docs/, and whether they say what the sources say.
docs:
	@tests/setup $(DOCS_PACKAGES)
	for name in teardown service line; do dot -Tsvg -o docs/$$name.svg docs/$$name.dot || exit 1; done

check-docs: dinit
	@tests/setup $(DOCS_PACKAGES)
	@tests/docs

.PHONY: setup setup-all programs check check-built check-suites units scenarios check-asan \
	check-static check-size check-valgrind check-portable coverage lint \
	check-faults check-container check-engines check-http check-package docs check-docs

include tests/fuzz/fuzz.mk tests/soak/soak.mk tests/bench/bench.mk tests/boot/boot.mk
