# SPDX-License-Identifier: ISC
# dinit as the first process of a kernel, in an emulated machine: on aarch64, where tests run in
# the guest, too; and on x86-64, the binary that is shipped. An emulated machine is slow, so it runs
# what only it can show:
#   check-boot     all cases of tests/boot/run, and scenario_oom: the guest's control groups of
#                  memory are of version 2
#   check-aarch64  what another processor, and the compiler for it, can make different:
#     adopt        the registers and system calls of a traced thread; what is left to chance is
#                  tried a tenth as often (TEST_SLOW) as on x86-64
#     process      signals by the kernel's own structures
#     spawn        what a vfork child may do to the memory of its parent
#     signaller    system calls by their numbers
#     json, line   code for a processor without SSE2, where a char has no sign
#     cases        bare, status, adopt, daemon: a start and an end as PID 1, many lines, adoption by
#                  the whole program
#   Not there: test_reaper, test_procfs, scenario_orphans and the cases config, signals and orphans.
#   They show what the kernel does, or dinit's own decisions, as they do on x86-64.
# BOOT_SUITES names other test programs for the guest: all, none, or test_json scenario_start ...
# More variables: tests/boot/run.

BOOT_PACKAGES = qemu-system-x86 cpio
AARCH64_PACKAGES = qemu-system-arm cpio gcc-aarch64-linux-gnu libc6-dev-arm64-cross
BOOT = $(BUILD)/boot/$(BOOT_ARCH)
# As a release is made: the test programs are made of the very objects that dinit is made of.
BOOT_CFLAGS = $(STATIC_CFLAGS) -isystem $(BOOT)/root/usr/include
BOOT_BUILD = --no-print-directory BUILD=$(BOOT)/programs CC='$(BOOT_CC)' COLD_CFLAGS=-Os \
	CFLAGS='$(BOOT_CFLAGS)'
BOOT_SUITES ?=
BOOT_ALL = $(UNITS:%=test_%) $(addprefix scenario_,$(filter-out apps,$(OWN_SCENARIOS)))
BOOT_AARCH64 = $(addprefix test_,adopt process spawn signaller json line)
BOOT_WANTED = $(or $(BOOT_SUITES),$(BOOT_DEFAULT))
BOOT_CHOSEN = $(patsubst all,$(BOOT_ALL),$(filter-out none,$(BOOT_WANTED)))
BOOT_TOOLS = actor deadfs guest/victim guest/linewise.so

BOOT_ARM64 = --no-print-directory BOOT_ARCH=arm64 BOOT_CC=aarch64-linux-gnu-gcc \
	BOOT_LIB=aarch64-linux-gnu BOOT_DINIT='$$(BOOT)/programs/dinit' \
	BOOT_DEFAULT='$(BOOT_AARCH64)'

check-aarch64:
	@tests/setup $(AARCH64_PACKAGES)
	@$(MAKE) $(BOOT_ARM64) boot-dinit
	@$(MAKE) $(BOOT_ARM64) boot

check-boot: dinit-static
	@tests/setup $(BOOT_PACKAGES)
	@$(MAKE) --no-print-directory BOOT_ARCH=amd64 BOOT_CC='$(CC)' BOOT_LIB=x86_64-linux-gnu \
		BOOT_DINIT=dinit-static BOOT_DEFAULT=scenario_oom boot

boot-dinit:
	@$(MAKE) $(BOOT_BUILD) STATIC_PIE=-static-pie LDFLAGS='$$(STATIC_LDFLAGS)' \
		$(BOOT)/programs/dinit

boot:
	@tests/boot/system $(BOOT_ARCH) $(BOOT)
	@$(MAKE) $(BOOT_BUILD) LDFLAGS='-L$(BOOT)/root/usr/lib/$(BOOT_LIB)' boot-programs
	@tests/boot/run $(BOOT_ARCH) $(BOOT_DINIT) $(BOOT) \
		$(addprefix $(BOOT)/programs/,$(BOOT_CHOSEN) $(BOOT_TOOLS))

boot-programs: $(addprefix $(BUILD)/,$(BOOT_CHOSEN) $(BOOT_TOOLS))

$(BUILD)/guest/linewise.so: tests/boot/linewise.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# Static: a dynamic one takes an emulated machine long to start.
$(BUILD)/guest/victim: tests/victim.c tests/victim.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -I. -static -pthread -o $@ $<

.PHONY: check-aarch64 check-boot boot boot-dinit boot-programs
