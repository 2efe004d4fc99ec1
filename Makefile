# make train   from nothing to a trained, measured model
# make test    the whole default test suite (coverage: with what it covers, at least 90 %)
# make test-quick  the tests of what was changed since the last commit
# make lint    format, lint and types
# make docs    the site of the docs, docs/_build/html/index.html; its lessons are run (needs Python 3.11 or later)
# make beam    an environment with Apache Beam, for score and encode --engine beam
# make uv      uv, by which whatever is installed then is unpacked in a tenth of pip's time
# make onnx    ONNX's converter and runtime beside the rest, for export --format onnx
# make mlflow  MLflow's client beside the rest, for train --track mlflow:URI
# make wandb   Weights & Biases' client beside the rest, for train --track wandb:PROJECT
# make bench   this toolkit beside others (bench-peers installs those; bench-quick: a few small cases; bench-first-run: plain models)
# make sbom    what is installed, as CycloneDX (make audit: what is known to be wrong with it, needs network)
# make lock    pin the tested versions again, with hashes (needs network)

# The first of these that is Python 3.10 to 3.13; override with `make PYTHON=/path/to/python train`.
CANDIDATES := python3.12 python3.11 python3.13 python3.10 python3 python
IS_FIT := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-audit
SBOM_VERSION := 7.5.0
AUDIT_VERSION := 2.10.1
COMPILE := pip compile --quiet --upgrade --generate-hashes --no-strip-extras --universal --python-version 3.10 --no-header --no-annotate
ARGS ?=
# $(call install,PYTHON,LOCK): what a lock pins, its hashes checked; by uv where it is there, in a tenth of pip's time, else by pip.
install = if test -x $(BIN)/uv && $(BIN)/uv pip install --python $(1) --require-hashes -r $(2); then :; \
	  else $(1) -m pip install --require-hashes -r $(2); fi
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled modules are kept whatever the shell says: else every process that a test starts compiles thousands of them again, for two seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: train test test-quick coverage lint docs uv beam onnx mlflow wandb bench bench-quick bench-first-run bench-peers sbom audit lock clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile | head -13

train: $(VENV)/.runtime
	$(BIN)/python run.py train $(ARGS)

test: $(VENV)/.development
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-quick: $(VENV)/.development
	$(BIN)/python -m pytest -n 2 --dist loadfile $$($(BIN)/python tests/changed.py) $(ARGS)

# Tracing every line makes the tests take half as long again.
coverage: $(VENV)/.development
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term $(ARGS)

# Warnings are errors: a link to nowhere, a lesson that fails. All pages are read again: what is left of an old page warns nobody.
docs: .venv-docs/.installed
	.venv-docs/bin/python -m sphinx -W --keep-going -q -E -b html docs docs/_build/html $(ARGS)
	@echo "docs/_build/html/index.html"

.venv-docs/.installed: requirements-docs.lock | $(BIN)/python
	@test -x .venv-docs/bin/python || $(BIN)/python -m venv .venv-docs
	$(call install,.venv-docs/bin/python,requirements-docs.lock)
	@touch $@

uv: | $(BIN)/python
	$(BIN)/python -m pip install --require-hashes -r requirements-uv.lock

beam: | $(BIN)/python
	@test -x .venv-beam/bin/python || $(BIN)/python -m venv .venv-beam
	$(call install,.venv-beam/bin/python,requirements-beam.lock)

onnx: | $(BIN)/python
	$(call install,$(BIN)/python,requirements-onnx.lock)

mlflow: | $(BIN)/python
	$(call install,$(BIN)/python,requirements-mlflow.lock)

wandb: | $(BIN)/python
	$(call install,$(BIN)/python,requirements-wandb.lock)

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

# A stamp holds what was installed: installing again happens only when the pinned set changes. Pip is not quiet: minutes without a
# word look like a hang.
$(VENV)/.runtime: requirements.lock | $(BIN)/python
	@echo "Installing the pinned requirements (once, about 700 MB; takes a few minutes)"
	$(call install,$(BIN)/python,requirements.lock)
	@touch $@

$(VENV)/.development: requirements-dev.lock | $(BIN)/python
	@echo "Installing the pinned development requirements (once; takes a few minutes)"
	$(call install,$(BIN)/python,requirements-dev.lock)
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

lock: uv
	$(BIN)/uv $(COMPILE) requirements-uv.txt -o requirements-uv.lock
	$(BIN)/uv $(COMPILE) requirements.txt -o requirements.lock
	$(BIN)/uv $(COMPILE) requirements-dev.txt -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv $(COMPILE) requirements-beam.txt -o requirements-beam.lock
	$(BIN)/uv $(COMPILE) requirements.txt requirements-onnx.txt -c requirements.lock -o requirements-onnx.lock
	$(BIN)/uv $(COMPILE) requirements.txt requirements-mlflow.txt -c requirements.lock -o requirements-mlflow.lock
	$(BIN)/uv $(COMPILE) requirements.txt requirements-wandb.txt -c requirements.lock -o requirements-wandb.lock
	$(BIN)/uv $(subst 3.10,3.11,$(COMPILE)) requirements-docs.txt -c requirements.lock -o requirements-docs.lock

# What is installed, as a CycloneDX file; and what is known to be wrong with it, as far as the database of PyPI can be reached.
sbom: $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --output-reproducible --of JSON -o sbom.json
	@echo "sbom.json"

audit: $(TOOLS)/.installed
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock || { \
	  echo "Either something is known (a table above), or the database could not be asked (then nothing is known): ask again with a network." >&2; exit 1; }

$(TOOLS)/.installed: | $(BIN)/python
	@test -x $(TOOLS)/bin/python || $(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet cyclonedx-bom==$(SBOM_VERSION) pip-audit==$(AUDIT_VERSION)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
