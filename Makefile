# Everything that is done with the project. `make help` lists it; each target does first what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
export PYTHONPATH := $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-all check bench bench-site loop messages screenshots clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/.product ## Make .venv with everything the product needs (CPU or GPU: docs/operator.md)

run: $(VENV)/.product ## Start the whole product on http://127.0.0.1:8000 (Ctrl+C stops it)
	@$(BIN)/tastemaker up

test: $(VENV)/.dev ## Run the usual tests, on a real PostgreSQL, a real broker and in a real browser
	@$(BIN)/python -m pytest

test-slow: $(VENV)/.dev ## Run the tests that take minutes each
	@$(BIN)/python -m pytest -m slow -n 1

test-all: test test-slow ## Run every test

check: $(VENV)/.dev ## Run the gates: format, lint, types, import contracts, templates, migrations, dependencies
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/djlint --lint --quiet templates
	@$(BIN)/python -m scripts.check_migrations
	@$(BIN)/python -m scripts.check_compose
	@$(BIN)/python -m scripts.audit

bench: $(VENV)/.product ## Measure training and sampling against their floors and the paper's scheme
	@$(BIN)/tastemaker bench train
	@$(BIN)/tastemaker bench sample

bench-site: $(VENV)/.dev ## Measure the annotator's site: key presses in a browser, and 200 people at once
	@$(BIN)/tastemaker bench keypress
	@$(BIN)/tastemaker bench site
	@$(BIN)/tastemaker bench next

loop: $(VENV)/.product ## Let a judge run three rounds of the whole loop without anyone watching
	@$(BIN)/tastemaker loop --judge jpeg_compressibility --rounds 3 --pairs 20 --seed 0

messages: $(VENV)/.product ## Collect what the site says into locale/, for translators
	@$(BIN)/python -m scripts.messages

screenshots: $(VENV)/.dev ## Take the pictures in docs/screenshots anew
	@$(BIN)/python -m scripts.screenshots

clean: ## Remove what was built; the data folder stays
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make install PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.product: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what the product needs into $(VENV) (about a minute, 1.4 GB with the CPU build of torch) …"
	@$(PIP) --editable '.[embedded,worker]'
	@touch $@

$(VENV)/.dev: $(VENV)/.product scripts/install_chromium.sh
	@echo "Installing what tests and checks need …"
	@$(PIP) --editable '.[embedded,worker,dev]'
	@sh scripts/install_chromium.sh
	@touch $@
