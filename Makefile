# SPDX-License-Identifier: ISC
# make, make static, make run, make check: see README. Everything that is built lands in build/, but for the two binaries.

VERSION = 0.1.0
CC = cc
BUILD = build
OPTIMIZE = -O2
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LINK_HARDEN = -pie -Wl,-z,relro,-z,now,-z,noexecstack
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wwrite-strings -Wcast-qual -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough -Wconversion
WERROR =
CFLAGS = $(OPTIMIZE) -g $(HARDEN)
LDFLAGS = $(LINK_HARDEN)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DDINIT_VERSION='"$(VERSION)"' $(WARN) $(WERROR) $(CFLAGS)

MODULES = dinit client/cli policy service program adopt/adopt adopt/redirect adopt/obstacle adopt/tracee adopt/fdtable logmux splitter outputs sink signaller reaper svdir loop process spawn execfail \
	log line config printable json stamp procfs
OBJECTS = $(MODULES:%=$(BUILD)/%.o)
HEADERS = $(wildcard *.h client/*.h adopt/*.h adopt/arch/*.h)

all: dinit

dinit: $(BUILD)/dinit
	cp -f $(BUILD)/dinit $@

$(BUILD)/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -I. -c -o $@ $<

# One static, stripped binary, small enough to be copied into any image: with musl where it is installed.
STATIC_CC := $(shell command -v musl-gcc || echo $(CC))
STATIC_CFLAGS = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
# musl-gcc does not know -static-pie: what it links with that asks for musl's dynamic linker.
MUSL_DIR := $(shell musl-gcc -v 2>&1 | sed -n 's|^Reading specs from \(.*\)/musl-gcc.specs$$|\1|p')
MUSL_LINK = -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text $(addprefix $(MUSL_DIR)/,rcrt1.o crti.o crtn.o)
STATIC_PIE = $(if $(MUSL_DIR),$(MUSL_LINK),-static-pie)
STATIC_LDFLAGS = $(STATIC_PIE) -s -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack

static: dinit-static

dinit-static:
	$(MAKE) BUILD=$(BUILD)/static CC='$(STATIC_CC)' CFLAGS='$(STATIC_CFLAGS)' LDFLAGS='$(STATIC_LDFLAGS)' \
		$(BUILD)/static/dinit
	cp -f $(BUILD)/static/dinit $@

$(BUILD)/dinit: $(OBJECTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS)

# make run DINIT_DIR=/path runs the services of another directory; other variables of dinit's are given the same way.
run: export DINIT_DIR ?= test-services/demo
run: dinit
	@tests/run ./dinit

# Unit tests: each links its module, the modules below it that the module needs, and cmocka.
UNITS = adopt fdtable json printable config process svdir execfail procfs stamp log line loop spawn reaper signaller sink outputs logmux service policy
unit_adopt = adopt/adopt adopt/redirect adopt/obstacle adopt/tracee adopt/fdtable procfs printable json reaper loop log stamp
unit_adopt_LDFLAGS = -Wl,--wrap=ptrace,--wrap=malloc,--wrap=calloc
unit_fdtable = adopt/fdtable procfs printable json
unit_fdtable_LDFLAGS = -Wl,--wrap=syscall
unit_json = json
unit_printable = printable json
unit_process = process log config stamp printable json
unit_config = config printable json
unit_svdir = svdir execfail log stamp printable json
unit_svdir_LDFLAGS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=scandir,--wrap=access
unit_execfail = execfail printable json
unit_procfs = procfs printable json
unit_procfs_LDFLAGS = -Wl,--wrap=read
unit_stamp = stamp
unit_line = line json stamp
unit_log = log stamp printable json
unit_log_LDFLAGS = -Wl,--wrap=write
unit_loop = loop
unit_loop_LDFLAGS = -Wl,--wrap=clock_gettime,--wrap=epoll_wait,--wrap=epoll_create1,--wrap=signalfd,--wrap=epoll_ctl
unit_reaper = reaper
unit_reaper_LDFLAGS = -Wl,--wrap=waitpid,--wrap=waitid
unit_spawn = spawn
unit_signaller = signaller reaper procfs printable json log stamp
unit_signaller_LDFLAGS = -Wl,--wrap=kill,--wrap=malloc,--wrap=fork,--wrap=setresuid,--wrap=syscall
unit_service = service program svdir signaller spawn execfail logmux splitter outputs sink reaper procfs line printable json loop log stamp
unit_service_LDFLAGS = -Wl,--wrap=pipe2,--wrap=malloc,--wrap=calloc,--wrap=spawn_program,--wrap=spawn_program_unwaited \
	-Wl,--wrap=logmux_release
unit_policy = policy reaper procfs printable json loop log stamp
unit_policy_LDFLAGS = -Wl,--wrap=clock_gettime,--wrap=epoll_wait,--wrap=calloc,--wrap=strdup,--wrap=signaller_send \
	-Wl,--wrap=logmux_add,--wrap=procfs_each_child
unit_sink = sink loop
unit_sink_LDFLAGS = -Wl,--wrap=open,--wrap=epoll_ctl,--wrap=malloc,--wrap=realloc,--wrap=write -lutil
unit_outputs = outputs sink loop log line printable json stamp tests/outlets
unit_outputs_LDFLAGS = -Wl,--wrap=malloc,--wrap=clock_gettime
unit_logmux = logmux splitter outputs sink loop log line printable json stamp tests/outlets
unit_logmux_LDFLAGS = -Wl,--wrap=malloc,--wrap=realloc,--wrap=free,--wrap=clock_gettime,--wrap=epoll_ctl,--wrap=read

.SECONDEXPANSION:
$(BUILD)/test_%: tests/test_%.c $$(addprefix $(BUILD)/,$$(addsuffix .o,$$(unit_$$*)))
	$(CC) $(ALL_CFLAGS) -I. -o $@ $< $(unit_$*:%=$(BUILD)/%.o) $(LDFLAGS) $(unit_$*_LDFLAGS) -lcmocka

# What test_adopt redirects: programs that check that they do not notice. They lie beside it, and are built without
# sanitizers; where the compiler makes no 32-bit programs, that test is skipped.
$(BUILD)/test_adopt: $(BUILD)/victim $(BUILD)/victim32

$(BUILD)/victim: tests/victim.c tests/victim.h
	@mkdir -p $(BUILD)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(WERROR) -O2 -I. -o $@ $< -lpthread

$(BUILD)/victim32: tests/victim32.c tests/victim.h
	@mkdir -p $(BUILD)
	-@$(CC) -m32 -O1 -ffreestanding -nostdlib -static -fno-stack-protector -fno-pie -no-pie -o $@ $< 2> /dev/null || true

# Scenario tests: each runs the whole program, DINIT_BINARY, over directories of services. Beside the harness a program may
# need other objects of tests/: scenario_NAME = object...
SCENARIOS = $(patsubst tests/scenario_%.c,%,$(wildcard tests/scenario_*.c))
$(BUILD)/tests/%.o: tests/%.c $(wildcard tests/*.h)
	@mkdir -p $(BUILD)/tests
	$(CC) $(ALL_CFLAGS) -Itests -I. -c -o $@ $<

$(BUILD)/scenario_%: tests/scenario_%.c $(BUILD)/tests/harness.o \
		$$(addprefix $(BUILD)/tests/,$$(addsuffix .o,$$(scenario_$$*)))
	$(CC) $(ALL_CFLAGS) -Itests -I. -o $@ $(filter %.c %.o,$^) $(LDFLAGS) -lcmocka

.SECONDARY: $(BUILD)/tests/harness.o $(BUILD)/tests/outlets.o

# The scenarios of dinit's streams look at them with streams.c, and have their services played by a program beside them.
STREAM_SCENARIOS = lines complete stall logging orphans deadfs
$(foreach name,$(STREAM_SCENARIOS),$(eval scenario_$(name) = streams))
.SECONDARY: $(BUILD)/tests/streams.o
$(STREAM_SCENARIOS:%=$(BUILD)/scenario_%): | $(BUILD)/actor
$(BUILD)/scenario_deadfs: | $(BUILD)/deadfs
# (Built without sanitizers: they play what is not dinit.)
$(BUILD)/actor $(BUILD)/deadfs: $(BUILD)/%: tests/%.c
	@mkdir -p $(BUILD)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(WERROR) -O2 -I. -o $@ $<

scenarios: $(BUILD)/dinit $(SCENARIOS:%=$(BUILD)/scenario_%)
	@DINIT_BINARY=$${DINIT_BINARY:-$(CURDIR)/$(BUILD)/dinit} tests/suites $(SCENARIOS:%=$(BUILD)/scenario_%)

# What the tests need beside gcc and make, as Debian's packages.
CHECK_PACKAGES = libcmocka-dev jq nginx-light redis-server
ALL_PACKAGES = $(CHECK_PACKAGES) musl-tools clang clang-format clang-tidy cppcheck shellcheck mandoc valgrind \
	libclang-rt-14-dev libjansson-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-riscv64-linux-gnu \
	libc6-dev-riscv64-cross
UNIT_PROGRAMS = $(UNITS:%=$(BUILD)/test_%)
SCENARIO_PROGRAMS = $(SCENARIOS:%=$(BUILD)/scenario_%)

# The tests of the binary as it is built here: the modules one by one, then the whole program.
check: setup
	@$(MAKE) --no-print-directory check-built

setup:
	@tests/setup $(CHECK_PACKAGES)

setup-all:
	@tests/setup $(ALL_PACKAGES)

check-built: $(BUILD)/dinit $(UNIT_PROGRAMS) $(SCENARIO_PROGRAMS)
	@DINIT_BINARY=$(CURDIR)/$(BUILD)/dinit tests/suites $(UNIT_PROGRAMS) $(SCENARIO_PROGRAMS)

units: $(UNIT_PROGRAMS)
	@tests/suites $(UNIT_PROGRAMS)

# The same tests with the address and undefined behaviour sanitizers.
ASAN_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

check-asan: setup
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS='$(ASAN_CFLAGS)' LDFLAGS='$(ASAN_CFLAGS)' check-built

# The whole program as it is shipped, and how large it is.
check-static: setup static $(SCENARIO_PROGRAMS)
	@size=$$(stat -c %s dinit-static); echo "dinit-static: $$size bytes"; test $$size -le 153600
	@DINIT_BINARY=$(CURDIR)/dinit-static tests/suites $(SCENARIO_PROGRAMS)

# Those that start programs are left out: valgrind makes a fork of vfork, and dies of an execve that fails.
VALGRIND_PROGRAMS = $(filter-out %/test_adopt %/test_spawn,$(UNIT_PROGRAMS))

check-valgrind: setup $(VALGRIND_PROGRAMS)
	@TEST_WRAPPER='valgrind --quiet --error-exitcode=99 --leak-check=full --suppressions=tests/valgrind.supp' \
		tests/suites $(VALGRIND_PROGRAMS)

# The code for processors without SSE2, and for those that nothing is traced on, run here.
PORTABLE = $(BUILD)/portable/test_json $(BUILD)/portable/test_line $(BUILD)/portable/test_adopt
PORTABLE_CFLAGS = $(CFLAGS) -DJSON_PORTABLE -DLINE_PORTABLE -DTRACEE_PORTABLE

check-portable: setup
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/portable CFLAGS='$(PORTABLE_CFLAGS)' $(PORTABLE)
	@tests/suites $(PORTABLE)

# Warnings are errors here, for every compiler and processor that dinit is meant for.
check-builds:
	$(MAKE) BUILD=$(BUILD)/clang CC=clang WERROR=-Werror $(BUILD)/clang/dinit
	$(MAKE) BUILD=$(BUILD)/aarch64 CC=aarch64-linux-gnu-gcc WERROR=-Werror $(BUILD)/aarch64/dinit
	$(MAKE) BUILD=$(BUILD)/riscv64 CC=riscv64-linux-gnu-gcc WERROR=-Werror $(BUILD)/riscv64/dinit

lint:
	@CFLAGS_LINT="-std=gnu11 -D_GNU_SOURCE -DDINIT_VERSION=\"x\" -I." tests/lint

# Every bar of speed and size, beside cat, s6-log and a bare loop: BENCH_QUICK=1 for a short one, BENCH_ONLY=flow or life for
# a part, BENCH_SAVE=1 to write the table that later runs are compared to.
BENCH_PACKAGES = s6 runit
BENCH_PARTS = bench table proc corpus flow life
BENCH_HELPERS = writer floor sleeper spawnloop orphans
BENCH_HEADERS = $(wildcard tests/bench/*.h)

$(BUILD)/bench/driver: $(BENCH_PARTS:%=tests/bench/%.c) $(BENCH_HEADERS)
	@mkdir -p $(BUILD)/bench
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(BENCH_PARTS:%=tests/bench/%.c)

$(BENCH_HELPERS:%=$(BUILD)/bench/%): $(BUILD)/bench/%: tests/bench/%.c $(BENCH_HEADERS)
	@mkdir -p $(BUILD)/bench
	$(STATIC_CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(WERROR) -O2 -static -o $@ $<

bench: dinit dinit-static $(BUILD)/bench/driver $(BENCH_HELPERS:%=$(BUILD)/bench/%)
	@tests/setup $(BENCH_PACKAGES)
	@$(BUILD)/bench/driver ./dinit ./dinit-static $(BUILD)/bench tests/bench/ratios.txt

.PHONY: bench

# Images as files for `docker load`, and the scenarios in real containers (tests/container/run; THEMES chooses some of them).
images: dinit-static
	@images/build $(BUILD)/images

check-container: dinit-static
	@tests/container/run dinit-static $(BUILD)/container $(THEMES)

.PHONY: images check-container

# Each system call of dinit's is made to fail once, at each of its occurrences (FAULT_OCCURRENCES: only the first so many).
check-faults: dinit-static
	@tests/setup strace
	@tests/faults/run $(CURDIR)/dinit-static

.PHONY: check-faults

# Floods, long and broken lines, orphans and zombies for SOAK_SECONDS, while every line is checked and dinit's descriptors,
# memory, zombies and delays are watched. SOAK_BINARY: another dinit than the static one, say with sanitizers.
SOAK_SECONDS = 600
SOAK_BINARY = dinit-static
SOAK_PARTS = soak run watch check valid script
SOAK_HEADERS = $(wildcard tests/soak/*.h)

$(BUILD)/soak/driver: $(SOAK_PARTS:%=tests/soak/%.c) $(SOAK_HEADERS)
	@mkdir -p $(BUILD)/soak
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(SOAK_PARTS:%=tests/soak/%.c)

$(BUILD)/soak/player: tests/soak/player.c tests/soak/script.c $(SOAK_HEADERS)
	@mkdir -p $(BUILD)/soak
	$(STATIC_CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(WERROR) -O2 -static -o $@ tests/soak/player.c tests/soak/script.c

soak: $(SOAK_BINARY) $(BUILD)/soak/driver $(BUILD)/soak/player
	@SOAK_SECONDS=$(SOAK_SECONDS) $(BUILD)/soak/driver $(SOAK_BINARY) $(BUILD)/soak/player tests/soak/services

.PHONY: soak

# ---- for packagers ----

PREFIX = /usr/local
DOCDIR = $(PREFIX)/share/doc/dinit
DESTDIR =

install: dinit
	install -D -m 755 dinit $(DESTDIR)$(PREFIX)/sbin/dinit
	install -D -m 644 dinit.8 $(DESTDIR)$(PREFIX)/share/man/man8/dinit.8
	install -d -m 755 $(DESTDIR)$(DOCDIR)
	install -m 644 README NEWS COPYING $(DESTDIR)$(DOCDIR)
	rm -rf $(DESTDIR)$(DOCDIR)/examples
	cp -R test-services $(DESTDIR)$(DOCDIR)/examples
	chmod -R u=rwX,go=rX $(DESTDIR)$(DOCDIR)/examples

# The committed sources; the same commit gives the same bytes.
dist:
	@mkdir -p $(BUILD)
	git -c tar.umask=0022 archive --format=tar --prefix=dinit-$(VERSION)/ -o $(BUILD)/dinit-$(VERSION).tar HEAD
	gzip -n -9 -f $(BUILD)/dinit-$(VERSION).tar
	cd $(BUILD) && sha256sum dinit-$(VERSION).tar.gz

# Static binaries for others, and their checksums; the same sources and tools give the same bytes. Where Debian has no musl for
# a processor its glibc serves (and there is no start file for a static PIE on riscv64).
RELEASE = $(BUILD)/release

RELEASE_PACKAGES = musl-tools gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross

release:
	@case $$($(CC) -dumpmachine) in x86_64-*) ;; *) echo "releases are made on x86-64" >&2; exit 1 ;; esac
	@tests/setup $(RELEASE_PACKAGES)
	@$(MAKE) --no-print-directory release-built

# (A make of its own, for it is at its start that the Makefile looks for musl.)
release-built: static
	mkdir -p $(RELEASE)
	cp dinit-static $(RELEASE)/dinit-$(VERSION)-x86_64
	$(MAKE) BUILD=$(BUILD)/static-aarch64 CC=aarch64-linux-gnu-gcc CFLAGS='$(STATIC_CFLAGS)' STATIC_PIE=-static-pie \
		LDFLAGS='$$(STATIC_LDFLAGS)' $(BUILD)/static-aarch64/dinit
	cp $(BUILD)/static-aarch64/dinit $(RELEASE)/dinit-$(VERSION)-aarch64
	$(MAKE) BUILD=$(BUILD)/static-riscv64 CC=riscv64-linux-gnu-gcc CFLAGS='$(STATIC_CFLAGS)' STATIC_PIE=-static \
		LDFLAGS='$$(STATIC_LDFLAGS)' $(BUILD)/static-riscv64/dinit
	cp $(BUILD)/static-riscv64/dinit $(RELEASE)/dinit-$(VERSION)-riscv64
	cd $(RELEASE) && sha256sum dinit-$(VERSION)-* > SHA256SUMS && cat SHA256SUMS

# Which lines and branches the tests reach, and why they do not reach the others: see tests/coverage. (gcc's own fork and
# exec for programs that count would hide the one from --wrap, and end the counting where the other follows vfork.)
COVERAGE = $(BUILD)/coverage
COVERAGE_CFLAGS = -O0 -g --coverage -fno-builtin

coverage: setup
	@rm -f $(COVERAGE)/*.gcda
	@TEST_COUNTED=1 $(MAKE) --no-print-directory BUILD=$(COVERAGE) CC=gcc CFLAGS='$(COVERAGE_CFLAGS)' LDFLAGS=--coverage \
		check-built; tests=$$?; tests/coverage $(COVERAGE) $(MODULES) && exit $$tests

.PHONY: install dist release release-built coverage

# A Debian package, of the committed sources, in build/deb; and whether it, and all of the above, is what others would want.
DEB = $(BUILD)/deb
DEB_PACKAGES = dpkg-dev debhelper libcmocka-dev

deb: dist
	@tests/setup $(DEB_PACKAGES)
	rm -rf $(DEB)
	mkdir -p $(DEB)/dinit-container-$(VERSION)
	tar -xzf $(BUILD)/dinit-$(VERSION).tar.gz -C $(DEB)/dinit-container-$(VERSION) --strip-components=1
	cd $(DEB)/dinit-container-$(VERSION) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u TEST_RESULTS \
		dpkg-buildpackage -us -uc > ../build.log 2>&1 || { cat ../build.log; exit 1; }
	@ls $(DEB)/*.deb

check-package:
	@tests/package $(BUILD) $(BUILD)/package

.PHONY: deb check-package

# The drawings of docs/, and whether they say what the sources say.
DOCS_PACKAGES = graphviz fonts-liberation

docs:
	@tests/setup $(DOCS_PACKAGES)
	for name in teardown line; do dot -Tsvg -o docs/$$name.svg docs/$$name.dot || exit 1; done

check-docs:
	@tests/setup $(DOCS_PACKAGES)
	@tests/docs

.PHONY: docs check-docs

# Each fuzzer runs FUZZ_SECONDS on a copy of its corpus; what it finds stays in build/fuzz. What is JSON jansson says.
FUZZ_SECONDS = 20
FUZZ_PACKAGES = clang libclang-rt-14-dev libjansson-dev
FUZZ_CFLAGS = -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZERS = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_json = json
fuzz_line = line json stamp
fuzz_logmux = logmux splitter outputs sink loop log line printable json stamp
fuzz_logmux_LDFLAGS = -Wl,--wrap=malloc,--wrap=realloc

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/judge.c $$(addsuffix .c,$$(fuzz_$$*)) $(HEADERS) tests/fuzz/judge.h
	@mkdir -p $(BUILD)/fuzz
	clang $(FUZZ_CFLAGS) $(WARN) $(WERROR) -I. -o $@ $(filter %.c,$^) $(fuzz_$*_LDFLAGS) -ljansson

fuzz:
	@tests/setup $(FUZZ_PACKAGES)
	@$(MAKE) --no-print-directory fuzz-built

fuzz-built: $(FUZZERS:%=$(BUILD)/fuzz/%)
	@cd $(BUILD)/fuzz && for fuzzer in $(FUZZERS); do \
		rm -rf $$fuzzer.corpus && cp -r $(CURDIR)/tests/fuzz/corpus/$${fuzzer#fuzz_} $$fuzzer.corpus && \
		./$$fuzzer -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$$fuzzer. $$fuzzer.corpus > $$fuzzer.log 2>&1 || \
		{ cat $$fuzzer.log; echo "$$fuzzer: failed"; exit 1; }; \
		echo "$$fuzzer: $$(sed -n 's/^Done //p' $$fuzzer.log), nothing found"; \
		[ -z "$$TEST_RESULTS" ] || echo "1 0" >> "$$TEST_RESULTS"; \
	done

.PHONY: fuzz fuzz-built

# dinit as the first process of a kernel, in an emulated machine: on aarch64, where tests run in the guest, too; and on x86-64,
# the binary that is shipped. BOOT_SUITES names the test programs for the guest: all, none, or test_json scenario_start ...;
# by default those that depend on the processor. More variables: tests/boot/run.
BOOT = $(BUILD)/boot/$(BOOT_ARCH)
BOOT_CFLAGS = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -isystem $(BOOT)/root/usr/include
BOOT_SUITES ?=
BOOT_ALL = $(UNITS:%=test_%) $(filter-out scenario_apps,$(SCENARIOS:%=scenario_%))
BOOT_AARCH64 = $(addprefix test_,json line procfs spawn reaper signaller adopt) scenario_orphans
BOOT_CHOSEN = $(patsubst all,$(BOOT_ALL),$(filter-out none,$(or $(BOOT_SUITES),$(BOOT_DEFAULT))))

check-aarch64:
	@tests/setup qemu-system-arm cpio gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@$(MAKE) --no-print-directory boot BOOT_ARCH=arm64 BOOT_CC=aarch64-linux-gnu-gcc BOOT_LIB=aarch64-linux-gnu \
		BOOT_STATIC_CC=aarch64-linux-gnu-gcc BOOT_STATIC_PIE=-static-pie BOOT_DEFAULT='$(BOOT_AARCH64)'

check-boot:
	@tests/setup qemu-system-x86 cpio
	@$(MAKE) --no-print-directory boot BOOT_ARCH=amd64 BOOT_CC='$(CC)' BOOT_LIB=x86_64-linux-gnu \
		BOOT_STATIC_CC='$(STATIC_CC)' BOOT_STATIC_PIE='$(STATIC_PIE)' BOOT_DEFAULT=none

boot:
	@tests/boot/system $(BOOT_ARCH) $(BOOT)
	@$(MAKE) --no-print-directory BUILD=$(BOOT)/static CC='$(BOOT_STATIC_CC)' CFLAGS='$(STATIC_CFLAGS)' \
		STATIC_PIE='$(BOOT_STATIC_PIE)' LDFLAGS='$$(STATIC_LDFLAGS)' $(BOOT)/static/dinit
	@$(MAKE) --no-print-directory BUILD=$(BOOT)/tests CC='$(BOOT_CC)' CFLAGS='$(BOOT_CFLAGS)' \
		LDFLAGS='-L$(BOOT)/root/usr/lib/$(BOOT_LIB)' boot-programs
	@tests/boot/run $(BOOT_ARCH) $(BOOT)/static/dinit $(BOOT) $(BOOT_CHOSEN:%=$(BOOT)/tests/%) \
		$(addprefix $(BOOT)/tests/,actor deadfs guest/victim guest/linewise.so)

boot-programs: $(addprefix $(BUILD)/,$(BOOT_CHOSEN) actor deadfs guest/victim guest/linewise.so)

$(BUILD)/guest/linewise.so: tests/boot/linewise.c
	@mkdir -p $(BUILD)/guest
	$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# Static: a dynamic one takes an emulated machine long to start.
$(BUILD)/guest/victim: tests/victim.c tests/victim.h
	@mkdir -p $(BUILD)/guest
	$(CC) $(ALL_CFLAGS) -Itests -I. -static -pthread -o $@ $<

.PHONY: check-aarch64 check-boot boot boot-programs

clean:
	rm -rf $(BUILD) dinit dinit-static

.PHONY: all static dinit-static run check setup setup-all check-built check-asan check-static check-valgrind check-portable \
	check-builds lint units scenarios clean
