# The front door: `make`, `make demo`, `make test`. CMake and Ninja do the work.
BUILD := build
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PREFIX := /usr/local
FLAGS :=# further words for CMake, as FLAGS=-DPARALLM_WERROR=ON
CONFIGURE = cmake --preset release $(FLAGS)
# $(call build,FOLDER,TARGETS): silent where nothing is to be done; else on a terminal one line shows how far it is.
build = ninja -C $(1) -n $(2) | grep -q 'no work to do' || if [ -t 1 ]; then ninja -C $(1) $(2); \
    else echo "building in $(1)/"; ninja -C $(1) --quiet $(2); fi

.PHONY: all demo bench-readme install uninstall test test-full test-asan analyze coverage dist distcheck wheel deps \
    deps-test clean

all: $(BUILD)/build.ninja
	@$(call build,$(BUILD),parallm_cli src/all pages)

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

# Installs the packages that a build, or the tests, need and the machine lacks, and only those.
deps:
	@tools/install-deps.sh

deps-test:
	@tools/install-deps.sh --test

test: deps-test
	@$(CONFIGURE) -DPARALLM_TESTS=ON > /dev/null
	@$(call build,$(BUILD))
	@ctest --test-dir $(BUILD) -L quick -j $(JOBS) --output-on-failure

test-full:
	@tools/install-deps.sh --full
	@$(CONFIGURE) -DPARALLM_TESTS=ON > /dev/null
	@$(call build,$(BUILD))
	@ctest --test-dir $(BUILD) -LE long -j $(JOBS) --output-on-failure

test-asan: deps-test
	@cmake --preset asan $(FLAGS) > /dev/null
	@$(call build,build-asan)
	@ctest --test-dir build-asan -L quick -j $(JOBS) --output-on-failure

# The README's picture and table, measured on this machine. More models and the peers beside them, if there are builds of them:
# make bench-readme MODELS='"Gemma-2B=gemma-2b.gguf"' PEERS='--peer llama.cpp=PATH/llama-batched-bench,-fa,on'
bench-readme: all
	@model=$$(tools/demo-model.sh) && python3 bench/readme.py measure $(BUILD)/parallm "SmolLM2-135M, Q4_1=$$model" $(MODELS) $(PEERS)

# clang-tidy and gcc -fanalyzer; some ten minutes.
analyze: all
	@tools/analyze.py $(BUILD)

# Lines of src/ that the quick tier runs. The invariance tests only repeat, slowly, what others run.
coverage: deps-test
	@cmake -S . -B build-coverage -G Ninja -DCMAKE_BUILD_TYPE=None -DPARALLM_TESTS=ON \
	    -DCMAKE_C_FLAGS="-O1 -g --coverage -fprofile-update=atomic" > /dev/null
	@$(call build,build-coverage)
	@find build-coverage -name '*.gcda' -delete
	@GCOV_ERROR_FILE=/dev/null ctest --test-dir build-coverage -L quick -E '^(invariance|install|pages|symbols)' -j $(JOBS) --output-on-failure --quiet
	@tools/coverage.py build-coverage

# What a release consists of, in dist/: the source as of the last commit (distcheck also builds and tests it elsewhere),
# and a wheel for Python.
dist:
	@tools/dist.sh

distcheck: deps-test
	@tools/dist.sh --check

wheel: deps
	@tools/wheel.sh

clean:
	rm -rf build build-dev build-asan build-tsan build-coverage
