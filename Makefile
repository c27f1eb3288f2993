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

MODULES = dinit policy service adopt redirect ptrace fdtable logmux sink signaller reaper svdir loop spawn execfail log line config \
	json stamp procfs
OBJECTS = $(MODULES:%=$(BUILD)/%.o)
HEADERS = $(wildcard *.h arch/*.h)

all: dinit

dinit: $(BUILD)/dinit
	cp $(BUILD)/dinit $@

$(BUILD)/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(BUILD)
	$(CC) $(ALL_CFLAGS) -I. -c -o $@ $<

# One static, stripped binary, small enough to be copied into any image: with musl where it is installed.
STATIC_CC := $(shell command -v musl-gcc || echo $(CC))
STATIC_CFLAGS = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
STATIC_LDFLAGS = -static-pie -s -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack

static: dinit-static

dinit-static:
	$(MAKE) BUILD=$(BUILD)/static CC='$(STATIC_CC)' CFLAGS='$(STATIC_CFLAGS)' LDFLAGS='$(STATIC_LDFLAGS)' \
		$(BUILD)/static/dinit
	cp $(BUILD)/static/dinit $@

$(BUILD)/dinit: $(OBJECTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS)

# make run DINIT_DIR=/path runs the services of another directory; other variables of dinit's are given the same way.
run: export DINIT_DIR ?= test-services/demo
run: dinit
	@tests/run ./dinit

# Unit tests: each links its module, the modules below it that the module needs, and cmocka.
UNITS = json config svdir execfail procfs stamp
unit_json = json
unit_config = config
unit_svdir = svdir json
unit_execfail = execfail
unit_procfs = procfs json
unit_stamp = stamp

.SECONDEXPANSION:
$(BUILD)/test_%: tests/test_%.c $$(addprefix $(BUILD)/,$$(addsuffix .o,$$(unit_$$*)))
	$(CC) $(ALL_CFLAGS) -I. -o $@ $< $(unit_$*:%=$(BUILD)/%.o) $(LDFLAGS) $(unit_$*_LDFLAGS) -lcmocka

# What the tests need beside gcc and make, as Debian's packages.
CHECK_PACKAGES = libcmocka-dev jq nginx-light redis-server
UNIT_PROGRAMS = $(UNITS:%=$(BUILD)/test_%)
SCENARIO_PROGRAMS = $(SCENARIOS:%=$(BUILD)/scenario_%)

check: setup
	@$(MAKE) --no-print-directory check-built

setup:
	@tests/setup $(CHECK_PACKAGES)

check-built: $(BUILD)/dinit $(UNIT_PROGRAMS) $(SCENARIO_PROGRAMS)
	@DINIT_BINARY=$(CURDIR)/$(BUILD)/dinit tests/suites $(UNIT_PROGRAMS) $(SCENARIO_PROGRAMS)

units: $(UNIT_PROGRAMS)
	@tests/suites $(UNIT_PROGRAMS)

# The same tests with the address and undefined behaviour sanitizers.
ASAN_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

check-asan: setup
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS='$(ASAN_CFLAGS)' LDFLAGS='$(ASAN_CFLAGS)' check-built

clean:
	rm -rf $(BUILD) dinit dinit-static

.PHONY: all static dinit-static run check setup check-built check-asan units clean
