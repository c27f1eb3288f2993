# SPDX-License-Identifier: ISC
# Every bar of speed and size, beside cat, s6-log, nginx and a bare loop: BENCH_QUICK=1 for a short
# one, BENCH_ONLY=flow, flood, life or web for a part, BENCH_SAVE=1 to write the table that later
# runs are compared to.

# Without musl-tools the static build is one with glibc, and its rows mean nothing.
BENCH_PACKAGES = s6 runit nginx-light wrk musl-tools
BENCH_PARTS = bench machine table proc corpus pipeline flow flood life idle lost web
BENCH_HELPERS = writer floor ticker sleeper spawnloop orphans reaploop

$(BUILD)/bench/driver: $(BENCH_PARTS:%=$(BUILD)/tests/bench/%.o) $(BUILD)/tests/tree.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

$(BENCH_HELPERS:%=$(BUILD)/bench/%): $(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(STATIC_CC) $(TOOL_CFLAGS) -static -o $@ $<

bench:
	@tests/setup $(BENCH_PACKAGES)
	@$(MAKE) --no-print-directory bench-built

bench-built: dinit dinit-static $(BUILD)/bench/driver $(BENCH_HELPERS:%=$(BUILD)/bench/%)
	@$(BUILD)/bench/driver ./dinit ./dinit-static $(BUILD)/bench tests/bench/ratios.txt \
		"$(notdir $(STATIC_CC)), $$($(STATIC_CC) --version | head -n 1)"

.PHONY: bench bench-built
