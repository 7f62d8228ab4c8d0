# make test    everything the tests need, then the tests
# make test-long  the same, and the tests that take a minute or more each
# make check   format, lint, types
# make bench   the bounds that benchmarks hold
# make demo    a real issue, repaired by the embedded model; SEED=N for a certain seed
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
# Thousands of short programs start in these tests: what they compile is kept for the next.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test test-long check bench demo engine clean

$(VENV)/.installed: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.11, or give another: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	@touch $@

engine:
	@PYTHON=$(PYTHON) .ci/engine

test: $(VENV)/.installed engine
	$(BIN)/python -m tests.prepare
	$(BIN)/python -m pytest -n 4 --dist worksteal --durations 15

test-long: $(VENV)/.installed engine
	$(BIN)/python -m tests.prepare
	$(BIN)/python -m pytest -n 4 --dist worksteal --durations 15 --long

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed engine
	@for file in tests/bench/bench_*.py; do $(BIN)/python -m "tests.bench.$$(basename $$file .py)" || exit 1; done

demo: $(VENV)/.installed engine
	@SEED=$(SEED) tests/demo/run $(BIN)

clean:
	$(BIN)/repair-agent clean --images
