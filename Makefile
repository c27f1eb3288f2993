# SPDX-License-Identifier: ISC
# The build: make, make static, make run. Tests are in tests/check.mk, make install and packages in
# packaging/packaging.mk; README lists what there is. All that is built lands in build/, but for the
# two binaries.

VERSION = 0.2.0
CC = cc
BUILD = build
OPTIMIZE = -O2
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LINK_HARDEN = -pie -Wl,-z,relro,-z,now,-z,noexecstack
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wwrite-strings -Wcast-qual -Wundef -Wvla -Wformat=2 -Wswitch-enum \
	-Wimplicit-fallthrough -Wconversion
WERROR =
CFLAGS = $(OPTIMIZE) -g $(HARDEN)
LDFLAGS = $(LINK_HARDEN)
STANDARD = -std=gnu11 -D_GNU_SOURCE $(WARN) $(WERROR)
ALL_CFLAGS = $(STANDARD) -DDINIT_VERSION='"$(VERSION)"' $(CFLAGS)

# From the top down: tests/lint looks that each includes only what is below it.
MODULES = dinit client/cli client/http client/listener client/answers client/page \
	client/httprequest client/probe client/target client/sv client/signal client/watch \
	client/wait client/metrics client/beside client/status client/statusjson client/cells \
	client/usage client/pick client/view base cause health check pace announce overtime waited \
	verdict ending firstend services service control command hook start left policy ration \
	listing orphan adopt/adopt adopt/redirect adopt/obstacle adopt/tracee request sender \
	program ownfds filter logmux splitter outputs signaller svdir foreign svvalue termlog death \
	reaper spawn script execfail sink notify process loop fdtable oom procfs log line config \
	tally busy board nearest lastline printable signame names stamp shebang json user bytes
OBJECTS = $(MODULES:%=$(BUILD)/%.o)

# Linked behind all else, also of libc: dinit as PID 1 keeps none of it in memory.
CLIENT = $(filter $(BUILD)/client/%,$(OBJECTS))

# Those that every line goes through (what keeps the last one runs once a read). COLD_CFLAGS are for
# all others.
HOT = splitter line json bytes
COLD_CFLAGS =
$(filter-out $(HOT:%=$(BUILD)/%.o),$(OBJECTS)): ALL_CFLAGS += $(COLD_CFLAGS)

all: dinit

dinit: $(BUILD)/dinit
	@cmp -s $< $@ || cp -f $< $@

$(BUILD)/dinit: $(OBJECTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter-out $(CLIENT),$(OBJECTS)) -lc $(CLIENT)

# The compiler writes beside each object which headers it was made of (x.d).
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -I. -MMD -MP -c -o $@ $<

-include $(wildcard $(addprefix $(BUILD)/,*.d adopt/*.d client/*.d tests/*.d tests/*/*.d bench/*.d))

# make run DINIT_DIR=/path runs the services of another directory; other variables of dinit's are
# given the same way.
run: export DINIT_DIR ?= test-services/demo
run: dinit
	@tests/run ./dinit

clean:
	rm -rf $(BUILD) dinit dinit-static

.PHONY: all run clean

include packaging/packaging.mk tests/check.mk tests/mutants.mk
