# SPDX-License-Identifier: ISC
# Floods, long and broken lines, orphans and zombies for SOAK_SECONDS, with checks, a command, dinit
# --http and readers of what dinit shows, while every line is checked and the descriptors, memory,
# zombies and delays of dinit are watched. SOAK_BINARY: another dinit than
# the static one, say with sanitizers.

SOAK_SECONDS = 600
SOAK_BINARY = dinit-static
SOAK_PARTS = soak run watch check valid script

$(BUILD)/soak/driver: $(SOAK_PARTS:%=$(BUILD)/tests/soak/%.o)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/soak/player: tests/soak/player.c tests/soak/script.c tests/play.c tests/soak/script.h \
		tests/play.h
	@mkdir -p $(@D)
	$(STATIC_CC) $(STANDARD) -O2 -static -o $@ $(filter %.c,$^)

# What a sanitizer reports goes to a file: dinit reads its own descriptor 2.
SOAK_REPORT = $(BUILD)/soak/sanitizer

soak: $(SOAK_BINARY) $(BUILD)/soak/driver $(BUILD)/soak/player
	@rm -f $(SOAK_REPORT).*
	@ASAN_OPTIONS=$$ASAN_OPTIONS:log_path=$(abspath $(SOAK_REPORT)) \
		UBSAN_OPTIONS=$$UBSAN_OPTIONS:log_path=$(abspath $(SOAK_REPORT)) \
		SOAK_SECONDS=$(SOAK_SECONDS) $(BUILD)/soak/driver $(SOAK_BINARY) $(BUILD)/soak/player \
		tests/soak/services; status=$$?; \
		! cat $(SOAK_REPORT).* 2> /dev/null && exit $$status

.PHONY: soak
