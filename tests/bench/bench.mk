# SPDX-License-Identifier: ISC
# Every bar of speed and size, beside cat, s6-log, nginx and a bare loop: BENCH_QUICK=1 for a short
# one, BENCH_ONLY=flow, life or web for a part, BENCH_SAVE=1 to write the table that later runs are
# compared to.

BENCH_PACKAGES = s6 runit nginx-light wrk
BENCH_PARTS = bench table proc corpus flow life web
BENCH_HELPERS = writer floor sleeper spawnloop orphans

$(BUILD)/bench/driver: $(BENCH_PARTS:%=$(BUILD)/tests/bench/%.o) $(BUILD)/tests/tree.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

$(BENCH_HELPERS:%=$(BUILD)/bench/%): $(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(STATIC_CC) $(TOOL_CFLAGS) -static -o $@ $<

bench: dinit dinit-static $(BUILD)/bench/driver $(BENCH_HELPERS:%=$(BUILD)/bench/%)
	@tests/setup $(BENCH_PACKAGES)
	@$(BUILD)/bench/driver ./dinit ./dinit-static $(BUILD)/bench tests/bench/ratios.txt

.PHONY: bench
