# The two commands that matter are `make serve` and `make test`; README.md tells their story.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

GRAPHIQL := app/engine/graphiql_assets/index.html
TRY_GRAPHIQL = $(MAKE) --silent --no-print-directory graphiql 2>/dev/null || true
CLIENTS := tests/clients/node_modules/.package-lock.json
TRY_CLIENTS = $(MAKE) --silent --no-print-directory clients 2>/dev/null || true

.PHONY: serve test lint format bench graphiql clients lock clean

serve: .venv/runs  ## Set up, then serve on an embedded PostgreSQL with demo data.
	@$(TRY_GRAPHIQL)
	@$(BIN)/segments serve --demo

test: .venv/tests  ## Set up, then run the whole suite on a real PostgreSQL.
	@$(TRY_GRAPHIQL)
	@$(TRY_CLIENTS)
	@$(BIN)/pytest

lint: .venv/tests  ## What CI demands of the code before it runs the tests.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/tests
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/tests
	@$(BIN)/python -m bench

graphiql: $(GRAPHIQL)  ## Build the page that browsers get, with Node.js 20 or newer or, without it, one from PyPI.

clients: $(CLIENTS)  ## Install the clients from npm that the server is tried with.

lock: .venv/tests  ## Pin every dependency again, by hash, for all platforms.
	@$(BIN)/python -m uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	  --generate-hashes --upgrade --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --group dev --extra tracing --universal --python-version 3.11 --constraint requirements.lock \
	  --generate-hashes --upgrade --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements-dev.lock
	@$(BIN)/python -m uv pip compile --group graphiql --universal --python-version 3.11 \
	  --generate-hashes --upgrade --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements-graphiql.lock

clean:  ## Remove the virtual environment and what was built. Data in .data/ are kept.
	@rm -rf .venv graphiql/node_modules tests/clients/node_modules bench/peers/node_modules app/engine/graphiql_assets

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Segments needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating .venv ..."
	@$(PYTHON) -m venv .venv

.venv/runs: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing what requirements.lock pins ..."
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/tests: requirements-dev.lock .venv/runs
	@echo "Installing what the tests need ..."
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@

$(GRAPHIQL): requirements-graphiql.lock $(wildcard graphiql/*.js* graphiql/*.sh graphiql/src/*) | .venv/bin/python
	@echo "Building GraphiQL ..."
	@sh graphiql/build.sh >.venv/graphiql.log 2>&1 \
	  || { echo "GraphiQL could not be built (.venv/graphiql.log says why); the API works without it."; exit 1; }

$(CLIENTS): tests/clients/package-lock.json | .venv/bin/python
	@echo "Installing the clients that the server is tried with ..."
	@sh graphiql/install.sh tests/clients >.venv/clients.log 2>&1 \
	  || { echo "The clients could not be installed (.venv/clients.log says why); their tests will be skipped."; exit 1; }
