# Two commands matter: `make demo` shows the product, `make test` proves it. Both set up .venv first.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

.PHONY: demo test check lint types install install-dev clean

demo: install  ## run the main job on the embedded model: claims from a story, evidence by CID
	$(BIN)/python -m scripts.demo

test: install-dev lint types  ## the whole test suite
	$(BIN)/python -m pytest -m "not cli and not ipfs and not web"

check: lint types  ## the inner loop: under a minute
	$(BIN)/python -m pytest -q -x -m "not slow and not cli and not ipfs and not postgres and not web"

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

install: $(STAMP)-run
install-dev: $(STAMP)-dev

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP)-run: requirements.txt constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -r requirements.txt -c constraints.txt
	touch $@

$(STAMP)-dev: pyproject.toml requirements.txt constraints.txt | $(STAMP)-run
	$(BIN)/python -m pip install -r requirements-dev.txt -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
