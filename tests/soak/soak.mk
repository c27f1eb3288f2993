# SPDX-License-Identifier: ISC
# Floods, long and broken lines, orphans and zombies for SOAK_SECONDS, while every line is checked
# and dinit's descriptors, memory, zombies and delays are watched. SOAK_BINARY: another dinit than
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

soak: $(SOAK_BINARY) $(BUILD)/soak/driver $(BUILD)/soak/player
	@SOAK_SECONDS=$(SOAK_SECONDS) $(BUILD)/soak/driver $(SOAK_BINARY) $(BUILD)/soak/player \
		tests/soak/services

.PHONY: soak
