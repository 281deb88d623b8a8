# Two commands matter to a newcomer: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEER := .venv-peer
# One allocator for training and inference, the one the benchmarks give to every side. Optional.
TCMALLOC := $(firstword $(wildcard /usr/lib/*/libtcmalloc_minimal.so.4))
FAST := $(if $(TCMALLOC),LD_PRELOAD=$(TCMALLOC))
# Threads that wait sleep instead of spinning, which leaves a shared machine to who has work.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test check up bench help format

help:
	@sed -n 's/^\([a-z]*\):.*## /\1  /p' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $$(grep -o '^torch==[^ ]*' constraints.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP)	## the whole loop on a laptop CPU: netlang, demo profile
	@$(FAST) $(BIN)/modelops demo

test: $(STAMP)	## the tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(STAMP)	## style, types, architecture, dead fields
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_fields_are_read.py
	$(BIN)/modelops check

up: $(STAMP)	## Dagster UI and daemon, MLflow UI, under one supervisor; Ctrl-C stops all
	@$(FAST) exec $(BIN)/modelops up

bench: $(STAMP)	## every timing that a document quotes, one JSON line each
	@test -x $(PEER)/bin/python || $(PYTHON) -m venv $(PEER)   # datatrove wants other versions than ours
	$(PEER)/bin/python -m pip install --quiet "datatrove[processing]==0.10.1" pyarrow
	@$(FAST) $(BIN)/python benchmarks/train.py
	@$(FAST) $(BIN)/python benchmarks/evaluate.py
	@$(BIN)/python benchmarks/curate.py --peer-python $(PEER)/bin/python

format: $(STAMP)	## rewrite the layout
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .
