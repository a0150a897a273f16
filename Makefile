# NKDash. `make demo` is all that a newcomer needs; `make -C path/to/nkdash demo` from elsewhere.
# make runs recipes in this folder, so every path is relative and the folder's name may have spaces.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format screenshots packages

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Python of your choice: make setup PYTHON=python3.13
PYTHON ?=

help: ## Show this list.
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 13

setup: $(READY) ## Create .venv with NKDash and its tools, at the versions in constraints.txt.

$(READY): pyproject.toml constraints.txt
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	  for try in python3 python3.14 python3.13 python3.12 python3.11; do \
	    if command -v "$$try" >/dev/null \
	      && "$$try" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      python="$$try"; break; \
	    fi; \
	  done; \
	fi; \
	if [ -z "$$python" ]; then \
	  echo "NKDash needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || true)." >&2; \
	  echo "Install one (Debian: apt-get install python3 python3-venv), or name yours:" >&2; \
	  echo "make setup PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "NKDash needs Python 3.11 or newer; $$python is $$("$$python" --version 2>&1)." >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python lacks the venv module (Debian: apt-get install python3-venv)." >&2; exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version); the first time takes a minute or two."; \
	[ -x $(BIN)/python ] || "$$python" -m venv $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: setup ## Sandbox Odoo, 90 days of sales, dashboard and Dagster, all by themselves.
	@exec $(BIN)/nkdash demo

# One more than cores: many tests wait for processes that they started.
WORKERS ?= $(shell echo $$(( $$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) + 1 )))

test: setup packages ## Run every test.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Debian's programs that tests drive: package and what it brings. As root we can install them; their
# tests skip, loudly, where they are missing, and fail in CI.
PACKAGES := chromium:chromium postgresql:pg_createcluster redis-server:redis-server caddy:caddy wget:wget \
  systemd:systemd-analyze

packages:
	@missing=""; \
	for pair in $(PACKAGES); do \
	  command -v "$${pair#*:}" >/dev/null || missing="$$missing $${pair%%:*}"; \
	done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing for the tests:$$missing"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null \
	      || echo "They could not be installed: tests that need them will be SKIPPED." >&2; \
	  else \
	    echo "Tests that need these Debian packages will be SKIPPED:$$missing" >&2; \
	  fi; \
	fi

lint: setup ## Check style and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## Put the code into the house style.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

screenshots: setup ## Draw the pictures of README and docs anew (needs chromium).
	@$(BIN)/python -m nkdash_tests.dashboard.screenshots
