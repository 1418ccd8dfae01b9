# Everything sets itself up in .venv; run again, it only does what changed.
# TORCH_INDEX: where to take torch from, e.g. https://download.pytorch.org/whl/cpu, which saves gigabytes of CUDA.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH_VERSION := 2.13.0
TORCH_INDEX ?=
CORE := CMakeLists.txt pyproject.toml $(wildcard src/lightfuse/core/*.[ch]* src/lightfuse/core/parts/*.h)

.PHONY: demo test check format benchmark web clean

demo: $(VENV)/.installed ## Fuse a made-up pair and show where the pictures are
	@$(BIN)/lightfuse demo -o demo --overwrite

test: $(VENV)/.installed-dev ## Style, types and tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest

format: $(VENV)/.installed-dev ## Put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

benchmark: $(VENV)/.installed-dev ## Speed and memory, as ratios
	$(BIN)/python benchmarks/speed.py

web: $(VENV)/.installed ## The page's WebAssembly core, sample pair and list of files
	$(BIN)/pip install --quiet ziglang==0.17.1
	$(BIN)/python -m tools.web_build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.installed: $(VENV)/bin/python $(CORE)
	$(BIN)/pip install --quiet --editable .
	@touch $@

# Tests of training need torch; its CPU build is chosen by TORCH_INDEX where PyPI's would bring CUDA along.
$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet torch==$(TORCH_VERSION) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .pytest_cache .ruff_cache
