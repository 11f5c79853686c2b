# The verbs of this repository. The first two need nothing but make and Python 3.11 or newer.
# `.venv` is made when it is missing and brought up to date when pyproject.toml has changed.
.DEFAULT_GOAL := help
.PHONY: help run test bench check fuzz validate-long clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# The fast engine is compiled in the first run after its sources change: half a minute.
COMPILE = echo "compiling the fast engine (once)" >&2; $(BIN)/hecasim run traces/tiny_dense.yaml > $(VENV)/compiled.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

help: ## every verb with one line about it
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.installed ## the quickstart study: its table, and its files in runs/quickstart
	@$(BIN)/hecasim run quickstart --out runs/quickstart --force

test: $(VENV)/.installed-dev ## the whole test suite, then the benchmarks alone
	@$(BIN)/python -m pytest -q -n $(WORKERS) --benchmark-disable -m "not long and not bench"
	@$(BIN)/python -m pytest -q -p no:xdist -m "bench and not long" tests/bench

bench: $(VENV)/.installed-dev ## the regression benchmarks: stored integers and speeds, then tests/bench
	@$(BIN)/hecasim bench
	@$(BIN)/python -m pytest -p no:xdist -m "bench and not long" tests/bench

check: $(VENV)/.installed-dev ## lint, types, the house tests and test_tiny: under 20 s
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m pytest -q -p no:xdist tests/house tests/test_tiny.py

fuzz: $(VENV)/.installed-dev ## spoilt trace and YAML files, 20,000 of each, all of which must end in a sentence
	@$(BIN)/python tests/fuzz/fuzz_traces.py
	@$(BIN)/python -m tests.sweep.mutations 20000

validate-long: $(VENV)/.installed-dev ## the tests that take minutes
	@$(BIN)/python -m pytest -q -n $(WORKERS) --benchmark-disable -m "long and not bench"
	@$(BIN)/python -m pytest -q -p no:xdist --benchmark-disable -m "long and bench"

clean: ## remove what the verbs above have made, and nothing else
	@rm -rf $(VENV) runs/quickstart dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("hecasim needs Python 3.11 or newer; $(PYTHON) is %d.%d; try make PYTHON=python3.12" % v[:2])'
	@echo "making $(VENV) and installing hecasim into it (once)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.made
	@$(PIP) install -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.made
	@$(PIP) install -e '.[dev]'
	@$(COMPILE)
	@touch $(VENV)/.installed $@
