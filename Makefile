# make run · make test · make lint · make format · make bench · make lock
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000

BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install run test lint format bench lock
.NOTPARALLEL:

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "notifapp needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "Installing into .venv; the first time takes a minute."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
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
	@set -m; $(BIN)/granian --interface wsgi --no-ws --host 127.0.0.1 --port $(PORT) --blocking-threads 4 \
		--workers-kill-timeout 1 --log-level warning app:app & web=$$!; \
	$(BIN)/flask --app app worker & worker=$$!; \
	trap : INT TERM HUP; wait -n; kill $$web $$worker 2>/dev/null; wait $$web $$worker 2>/dev/null || true

test: lint
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m bench.run

# Needs uv. The file names no index and no machine, so that it fits wherever it is installed from.
lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet -o requirements.lock
