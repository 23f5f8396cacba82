# make run · make check · make test · make lint · make format · make bench · make lock · make audit · make sbom
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000

BIN := .venv/bin
INSTALLED := .venv/.installed
DEVELOPING := .venv/.developing
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# Two at a time; each file stays with one of them, as its tests share what they start.
# Schemathesis makes up its cases while pytest collects them, a dozen seconds for each of the two, and calls them all the
# same, of which pytest-xdist runs one: they run by themselves, and the other tests don't load it.
CONFORMANCE := tests/apidocs/test_conformance.py
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile -p no:schemathesis --ignore $(CONFORMANCE)

.PHONY: install develop run check test lint format bench lock audit sbom
.NOTPARALLEL:

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "notifapp needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "Installing into .venv; the first time takes a minute."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# What only developing needs: linters, type checker, test tools, the peers of the benchmark.
develop: $(DEVELOPING)

$(DEVELOPING): $(INSTALLED) requirements-dev.lock
	@echo "Installing the development tools into .venv."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# NOTIFAPP_DEBUG lets cookies work over plain http. Server and worker run in process groups of their own (set -m): the
# server's child would take Ctrl-C from the terminal and the stop from its parent at once, and sometimes hang on the two.
# Whichever ends first, by Ctrl-C or by itself, takes the other with it.
run: export NOTIFAPP_DEBUG = 1
run: install
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null || \
		{ echo "Port $(PORT) is taken. Try another one: make run PORT=8001" >&2; exit 1; }
	@$(BIN)/flask --app app init
	@$(BIN)/flask --app app demo --url http://127.0.0.1:$(PORT)
	@echo "Stop with Ctrl-C."
	@set -m; $(BIN)/granian --interface rsgi --no-ws --host 127.0.0.1 --port $(PORT) \
		--workers-kill-timeout 1 --log-level warning app:front & web=$$!; \
	$(BIN)/flask --app app worker & worker=$$!; \
	trap : INT TERM HUP; wait -n; kill $$web $$worker 2>/dev/null; wait $$web $$worker 2>/dev/null || true

# For the inner loop, in about a minute: lint, types, and the tests that need neither a browser nor other processes.
check: lint
	$(PYTEST) -q -m "not slow" --database sqlite

test: lint
	$(PYTEST)
	$(BIN)/python -m pytest $(CONFORMANCE)

lint: develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/mypy

format: develop
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: develop
	$(BIN)/python -m bench.run

# Needs uv. The files name no index and no machine, so that they fit wherever they are installed from.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet
lock:
	$(COMPILE) --group build -o requirements.lock
	$(COMPILE) --group dev --constraints requirements.lock -o requirements-dev.lock

# Known vulnerabilities of what the locks name, asked of PyPI's database. --strict: what can't be looked up is a failure.
AUDIT := $(BIN)/pip-audit --disable-pip --strict --progress-spinner off
audit: develop
	$(AUDIT) -r requirements.lock
	$(AUDIT) -r requirements-dev.lock

# A CycloneDX bill of materials of what runs; the same lock gives the same file. Needs no network.
SBOM := sbom.cdx.json
sbom: develop
	$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
		--of JSON -o $(SBOM) requirements.lock
