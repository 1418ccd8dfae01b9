# Everything sets itself up in .venv; run again, it only does what changed.
# TORCH_INDEX: where to take torch from, e.g. https://download.pytorch.org/whl/cpu, which saves gigabytes of CUDA.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Built with the tools in .venv, at paths that stay, so that only what changed is compiled again.
INSTALL := $(BIN)/pip install --quiet --no-build-isolation --editable
TORCH_VERSION := 2.13.0
TORCH_INDEX ?=
# LOCKED=1: the versions of requirements-dev.lock, checked by their hashes (Python 3.11, Linux on x86-64); `make lock` renews it.
LOCKED ?=
CORE := CMakeLists.txt pyproject.toml $(wildcard src/lightfuse/core/*.[ch]* src/lightfuse/core/*/*.h)

# A process for each core, so one thread for each: more would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

# An editable installation knows the modules that there were: it is made again when files are added, renamed or removed.
MODULES := $(shell find src/lightfuse -name '*.py' | LC_ALL=C sort)

.PHONY: demo check style types quick test format benchmark web lock clean FORCE

demo: $(VENV)/.installed ## Fuse a synthetic pair and show where the pictures are
	@$(BIN)/lightfuse demo -o demo --overwrite

check: $(VENV)/.installed-dev ## Style, types and the quick tests, in under a minute
	@$(MAKE) --no-print-directory -j2 style types quick

test: $(VENV)/.installed-test ## Style, types and all tests
	@$(MAKE) --no-print-directory -j2 style types
	$(PYTEST) -rs

# Side by side where `check` calls them, as types take one core for as long as a third of the tests.
style:
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types:
	$(BIN)/mypy

quick:
	$(PYTEST) -m "not slow"

format: $(VENV)/.installed-dev ## Put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

benchmark: $(VENV)/.installed-dev ## Speed and memory, as ratios
	$(BIN)/python benchmarks/speed.py

web: $(VENV)/.installed-test ## The page's WebAssembly core, sample pair and list of files
	$(BIN)/python -m tools.web_build

lock: $(VENV)/bin/python ## Renew requirements-dev.lock
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/python -m tools.lock

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet scikit-build-core nanobind cmake ninja

$(VENV)/.modules: $(VENV)/bin/python FORCE
	@echo '$(MODULES)' | cmp -s - $@ || echo '$(MODULES)' > $@

$(VENV)/.installed: $(VENV)/bin/python $(VENV)/.modules $(CORE)
	$(INSTALL) .
	@touch $@

# Tests of training need torch; its CPU build is chosen by TORCH_INDEX where PyPI's would bring CUDA along.
$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet torch==$(TORCH_VERSION) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(if $(LOCKED),$(BIN)/pip install --quiet --no-deps --require-hashes --requirement requirements-dev.lock)
	$(INSTALL) '.[dev]' torch==$(TORCH_VERSION)
	@touch $@

# What only the full suite needs: the engines that run exported models, a cross-compiler, a driver of the browser.
$(VENV)/.installed-test: $(VENV)/.installed-dev
	$(INSTALL) '.[test]' torch==$(TORCH_VERSION)
	@touch $@

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .pytest_cache .ruff_cache
