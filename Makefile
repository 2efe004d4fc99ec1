# make train   from nothing to a trained, measured model
# make test    the whole default test suite
# make lint    format, lint and types
# make beam    an environment with Apache Beam, for score and encode --engine beam
# make bench   this toolkit beside others (bench-peers installs those; bench-quick: a few small cases; bench-first-run: plain models)
# make lock    pin the tested versions again (needs network)

# The first of these that is Python 3.10 to 3.13; override with `make PYTHON=/path/to/python train`.
CANDIDATES := python3.12 python3.11 python3.13 python3.10 python3 python
IS_FIT := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: train test lint beam bench bench-quick bench-first-run bench-peers lock clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile | head -6

train: $(VENV)/.runtime
	$(BIN)/python run.py train $(ARGS)

test: $(VENV)/.development
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term $(ARGS)

beam: | $(BIN)/python
	@test -x .venv-beam/bin/python || $(BIN)/python -m venv .venv-beam
	.venv-beam/bin/python -m pip install --quiet -r requirements-beam.lock

lint: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(BIN)/python:
	@set -e; for name in $(PYTHON) $(CANDIDATES); do \
	  if "$$name" -c '$(IS_FIT)' >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$("$$name" --version)"; exec "$$name" -m venv $(VENV); \
	  fi; done; \
	echo "No Python 3.10 to 3.13 with the venv module was found. Install one (on Debian: apt install python3-venv)," >&2; \
	echo "or name it: make PYTHON=/path/to/python train" >&2; exit 2

# A stamp holds what was installed: installing again happens only when the pinned set changes.
$(VENV)/.runtime: requirements.lock | $(BIN)/python
	@echo "Installing the pinned requirements (once, about 700 MB; takes a few minutes)"
	$(BIN)/python -m pip install --quiet -r requirements.lock
	@touch $@

$(VENV)/.development: requirements-dev.lock | $(BIN)/python
	@echo "Installing the pinned development requirements (once; takes a few minutes)"
	$(BIN)/python -m pip install --quiet -r requirements-dev.lock
	@touch $@

bench: $(VENV)/.development
	$(BIN)/python benchmarks/bench.py -o benchmarks/results/bench.json $(ARGS)

bench-quick: $(VENV)/.development
	$(BIN)/python benchmarks/bench.py --quick $(ARGS)

bench-first-run: $(VENV)/.development
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target benchmarks/.sets -r benchmarks/requirements-sets.txt
	$(BIN)/python benchmarks/first_run.py -o benchmarks/results/first_run.json $(ARGS)

bench-peers: | $(BIN)/python
	$(BIN)/python -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet -r benchmarks/requirements.txt

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-header --no-annotate requirements.txt -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-header --no-annotate requirements-dev.txt \
	  -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-header --no-annotate requirements-beam.txt -o requirements-beam.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
