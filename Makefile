# Two commands for everybody: `make demo` and `make test`. Each does its own set-up.
# tests call the program many times, each time anew: without its cache they compile it each time
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PURE   := facts plan apply model git nostr desired sign report pacing $(notdir $(filter-out %_interop.py,$(wildcard tests/test_*.py)))
STAMP  := $(VENV)/.stamp-$(shell cksum pyproject.toml | cut -d' ' -f1)
BASE   := $(VENV)/.base-$(shell cksum pyproject.toml | cut -d' ' -f1)

.PHONY: help demo test lint format types check quick browser conformance hostile interop long bench clean setup
help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# compiled on all cores, and without what is seldom imported: that halves the time of the first call
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
COMPILE := $(BIN)/python -m compileall -q -j 0 -x '/(ansible|pip|setuptools|mypy)' $(VENV)/lib

$(BASE): pyproject.toml $(VENV)/bin/pip
	$(INSTALL) -e '.[sandbox]'
	@-$(COMPILE)
	@touch $@

$(STAMP): pyproject.toml $(VENV)/bin/pip
	$(INSTALL) -e '.[dev]'
	@-$(COMPILE)
	@touch $(BASE) $@

setup: $(STAMP)  ## the private virtual environment

demo: $(BASE)  ## a fleet of GRASP servers on loopback, reconciled before your eyes
	@$(BIN)/reconcile --report-dir reports sandbox demo

test: lint types check  ## everything that must pass: lint, format, types, tests

lint: $(STAMP)  ## ruff: style and form
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

check: $(STAMP)  ## the tests alone
	$(BIN)/pytest -m 'not long'

quick: $(STAMP)  ## those without servers; `make quick PYTHON=python3.13 VENV=.venv-3.13` for another Python
	$(BIN)/pytest -n 0 -m 'not long' $(addprefix tests/,$(PURE))

conformance: $(STAMP)  ## what every server family does, row by row; AGAINST=FAMILY=URL: what that server does
ifdef AGAINST
	$(BIN)/reconcile conformance $(wordlist 2,2,$(subst =, ,$(AGAINST))) --family $(firstword $(subst =, ,$(AGAINST)))
else
	$(BIN)/pytest tests/conformance --table
endif

hostile: $(STAMP)  ## peers that lie, hang and flood, and kills at random moments (tests/hostile)
	$(BIN)/python -m tests.hostile $(ONLY)

browser: $(STAMP)  ## the HTML page in headless Chromium (Debian: chromium, chromium-driver)
	$(BIN)/pytest -n0 tests/report/browser/check_page.py

interop: $(STAMP)  ## real servers and clients that the environment names (tests/interop/README.md)
	$(BIN)/python -m tests.interop $(ONLY)

long: $(STAMP)  ## the slower suites
	$(BIN)/pytest -m long
	$(BIN)/pytest --hypothesis-profile long -m "not long" $(addprefix tests/,$(PURE)) tests/negentropy

format: $(STAMP)  ## put the code into its form, and the map into docs/architecture.md
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.architecture_map

bench: $(STAMP)  ## time and memory beside programs that do the same; ONLY=NAME: one measure (bench/README.md)
	$(BIN)/python -m bench $(ONLY)

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
