# The front door: `make`, `make demo`, `make test`. CMake and Ninja do the work.
BUILD := build
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PREFIX := /usr/local
CONFIGURE = cmake --preset release

.PHONY: all demo bench-readme install uninstall test test-full test-asan dist distcheck wheel deps clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet parallm_cli parallm pages

$(BUILD)/build.ninja: | deps
	@$(CONFIGURE) > $(BUILD)-configure.log 2>&1 || { cat $(BUILD)-configure.log; exit 1; }
	@mv $(BUILD)-configure.log $(BUILD)/configure.log

# 325 answers at once from a small real model, which is fetched once.
demo: all
	@tools/demo.sh $(BUILD)/parallm

# Under $(DESTDIR)$(PREFIX); what is there may be moved as a whole.
install: all
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(abspath $(PREFIX))"

uninstall: all
	@DESTDIR="$(DESTDIR)" tools/uninstall.sh $(BUILD) "$(abspath $(PREFIX))"

# Installs the packages that a build needs and the machine lacks, and only those.
deps:
	@tools/install-deps.sh

test: deps
	@cmake --preset release -DPARALLM_TESTS=ON > /dev/null
	@ninja -C $(BUILD) --quiet
	@ctest --test-dir $(BUILD) -L quick -j $(JOBS) --output-on-failure

test-full:
	@tools/install-deps.sh --full
	@cmake --preset release -DPARALLM_TESTS=ON > /dev/null
	@ninja -C $(BUILD) --quiet
	@ctest --test-dir $(BUILD) -LE long -j $(JOBS) --output-on-failure

test-asan: deps
	@cmake --preset asan > /dev/null
	@ninja -C build-asan --quiet
	@ctest --test-dir build-asan -L quick -j $(JOBS) --output-on-failure

# The README's picture and table, measured on this machine. More models and the peers beside them, if there are builds of them:
# make bench-readme MODELS='"Gemma-2B=gemma-2b.gguf"' PEERS='--peer llama.cpp=PATH/llama-batched-bench,-fa,on'
bench-readme: all
	@model=$$(tools/demo-model.sh) && python3 bench/readme.py measure $(BUILD)/parallm "SmolLM2-135M, Q4_1=$$model" $(MODELS) $(PEERS)

# What a release consists of, in dist/: the source as of the last commit (distcheck also builds and tests it elsewhere),
# and a wheel for Python.
dist:
	@tools/dist.sh

distcheck: deps
	@tools/dist.sh --check

wheel: deps
	@tools/wheel.sh

clean:
	rm -rf build build-dev build-asan build-tsan
