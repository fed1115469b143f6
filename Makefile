# The front door. Meson does the work (meson.build); this names the things one wants done.
#
#   make            build            make test     all tests         make demo   the Bybit theft
#   make bench      measure          make fuzz     fuzz all parsers  make check  style and lint
#   make install    PREFIX, DESTDIR  make format   apply the style   make clean
#   make sim SEEDS=1000 [FIRST=n]    simulated worlds (tests/sim)
#
# Variables: BUILD (folder), CC (at the first build of a folder), MESON_ARGS (-Db_sanitize=...),
# FUZZ_SECONDS, DYEPACK_SHARED (folder of real data for tests that want it).
BUILD ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 10
MESON_ARGS ?=
export DYEPACK_SHARED ?= ../shared
export FUZZ_SECONDS

.DEFAULT_GOAL := all
.PHONY: all demo test sim bench fuzz fuzz-build bench-build check check-format check-tidy \
	check-cppcheck check-house format install clean

# Only the program: `make demo` must not wait for tests to be built.
all:
	@tools/configure $(BUILD) $(MESON_ARGS)
	@ninja -C $(BUILD) dyepack

demo:
	@tools/install-packages build demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)/dyepack demo-out

test:
	@tools/install-packages build test
	@tools/install-nodes
	@tools/configure $(BUILD) $(MESON_ARGS)
	@tools/run-tests $(BUILD) $(TEST_ARGS)

# A seed that fails is named: FIRST=seed SEEDS=1 SIM_ARGS=-v shows what happened in it.
SEEDS ?= 1000
FIRST ?= 1
SIM_ARGS ?=
sim:
	@tools/install-packages build test
	@tools/configure $(BUILD) $(MESON_ARGS)
	@ninja -C $(BUILD) sim
	@$(BUILD)/sim --seeds $(SEEDS) --first $(FIRST) $(SIM_ARGS)

bench-build:
	@tools/configure $(BUILD) $(MESON_ARGS)
	@ninja -C $(BUILD) all benches

# One after another, for two at a time would measure each other.
bench:
	@tools/install-packages build bench
	@$(MAKE) --no-print-directory bench-build
	@tools/run-bench $(BUILD)

fuzz-build:
	@CC=clang tools/configure $(BUILD)-fuzz -Dfuzz=true -Db_sanitize=address,undefined
	@ninja -C $(BUILD)-fuzz fuzzers

fuzz:
	@tools/install-packages build check
	@$(MAKE) --no-print-directory fuzz-build
	@tools/run-fuzz $(BUILD)-fuzz $(FUZZ)

check:
	@tools/install-packages build test check
	@$(MAKE) --no-print-directory -k check-house check-format check-cppcheck check-tidy

check-house:
	@tools/tidy.py

check-format:
	@tools/lint format

check-cppcheck:
	@tools/lint cppcheck

check-tidy:
	@tools/configure $(BUILD) $(MESON_ARGS)
	@tools/lint tidy $(BUILD)

format:
	@tools/lint reformat

# What is installed and nothing else: `meson install` by itself would build every test first.
install:
	@tools/configure $(BUILD) $(MESON_ARGS)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) installed
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-*
