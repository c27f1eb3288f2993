# SPDX-License-Identifier: ISC
# Each fuzzer runs FUZZ_SECONDS on a copy of its corpus; what it finds stays in build/fuzz. What is
# JSON jansson says. All of dinit is compiled, for clang's warnings, which are errors here.

FUZZ_SECONDS = 20
FUZZ_PACKAGES = clang libclang-rt-14-dev libjansson-dev
FUZZ_CFLAGS = -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZERS = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
wrap_fuzz_logmux = malloc realloc
wrap_fuzz_view = view_look usage_measure

$(FUZZERS:%=$(BUILD)/%): $(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/judge.o \
		$(BUILD)/modules.a
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(wrap_fuzz_$*:%=-Wl,--wrap=%) -ljansson

fuzz:
	@tests/setup $(FUZZ_PACKAGES)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang WERROR=-Werror \
		CFLAGS='$(FUZZ_CFLAGS)' fuzz-built

fuzz-built: $(FUZZERS:%=$(BUILD)/%) $(BUILD)/dinit.o
	@cd $(BUILD) && for fuzzer in $(FUZZERS); do \
		corpus=$(CURDIR)/tests/fuzz/corpus/$${fuzzer#fuzz_}; \
		rm -rf $$fuzzer.corpus && cp -r $$corpus $$fuzzer.corpus && \
		./$$fuzzer -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$$fuzzer. \
			$$fuzzer.corpus > $$fuzzer.log 2>&1 || \
		{ cat $$fuzzer.log; echo "$$fuzzer: failed"; exit 1; }; \
		echo "$$fuzzer: $$(sed -n 's/^Done //p' $$fuzzer.log), nothing found"; \
		[ -z "$$TEST_RESULTS" ] || echo "1 0" >> "$$TEST_RESULTS"; \
	done

.PHONY: fuzz fuzz-built
