# SPDX-License-Identifier: ISC
# dinit as the first process of a kernel, in an emulated machine: on aarch64, where tests run in the
# guest, too; and on x86-64, the binary that is shipped. BOOT_SUITES names the test programs for the
# guest: all, none, or test_json scenario_start ...; by default those that depend on the processor,
# and scenario_oom: the guest's control groups of memory are of version 2.
# More variables: tests/boot/run.

BOOT_PACKAGES = qemu-system-x86 cpio
AARCH64_PACKAGES = qemu-system-arm cpio gcc-aarch64-linux-gnu libc6-dev-arm64-cross
BOOT = $(BUILD)/boot/$(BOOT_ARCH)
BOOT_CFLAGS = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -isystem $(BOOT)/root/usr/include
BOOT_SUITES ?=
BOOT_ALL = $(UNITS:%=test_%) $(addprefix scenario_,$(filter-out apps,$(OWN_SCENARIOS)))
BOOT_AARCH64 = $(addprefix test_,json line procfs spawn reaper signaller adopt) scenario_orphans
BOOT_WANTED = $(or $(BOOT_SUITES),$(BOOT_DEFAULT))
BOOT_CHOSEN = $(patsubst all,$(BOOT_ALL),$(filter-out none,$(BOOT_WANTED)))
BOOT_TOOLS = actor deadfs guest/victim guest/linewise.so

check-aarch64:
	@tests/setup $(AARCH64_PACKAGES)
	@$(MAKE) --no-print-directory boot BOOT_ARCH=arm64 BOOT_CC=aarch64-linux-gnu-gcc \
		BOOT_LIB=aarch64-linux-gnu BOOT_STATIC_CC=aarch64-linux-gnu-gcc \
		BOOT_STATIC_PIE=-static-pie BOOT_DEFAULT='$(BOOT_AARCH64)'

check-boot:
	@tests/setup $(BOOT_PACKAGES)
	@$(MAKE) --no-print-directory boot BOOT_ARCH=amd64 BOOT_CC='$(CC)' \
		BOOT_LIB=x86_64-linux-gnu BOOT_STATIC_CC='$(STATIC_CC)' \
		BOOT_STATIC_PIE='$(STATIC_PIE)' BOOT_DEFAULT=scenario_oom

boot:
	@tests/boot/system $(BOOT_ARCH) $(BOOT)
	@$(MAKE) --no-print-directory BUILD=$(BOOT)/static CC='$(BOOT_STATIC_CC)' \
		CFLAGS='$(STATIC_CFLAGS)' STATIC_PIE='$(BOOT_STATIC_PIE)' \
		LDFLAGS='$$(STATIC_LDFLAGS)' $(BOOT)/static/dinit
	@$(MAKE) --no-print-directory BUILD=$(BOOT)/tests CC='$(BOOT_CC)' CFLAGS='$(BOOT_CFLAGS)' \
		LDFLAGS='-L$(BOOT)/root/usr/lib/$(BOOT_LIB)' boot-programs
	@tests/boot/run $(BOOT_ARCH) $(BOOT)/static/dinit $(BOOT) \
		$(addprefix $(BOOT)/tests/,$(BOOT_CHOSEN) $(BOOT_TOOLS))

boot-programs: $(addprefix $(BUILD)/,$(BOOT_CHOSEN) $(BOOT_TOOLS))

$(BUILD)/guest/linewise.so: tests/boot/linewise.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# Static: a dynamic one takes an emulated machine long to start.
$(BUILD)/guest/victim: tests/victim.c tests/victim.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -I. -static -pthread -o $@ $<

.PHONY: check-aarch64 check-boot boot boot-programs
