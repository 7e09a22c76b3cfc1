# The project's commands. `make` alone lists them; README.md says which two you need.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config/demo.yaml
MODEL ?= whisper-base
ROUNDS ?= 200
# What to test: make test TESTS=tests/integration
TESTS ?= tests

# Stamps live inside the virtual environment: removing it removes them.
VENV_READY := $(VENV)/.ready-venv
DEPENDENCIES_READY := $(VENV)/.ready-dependencies
RUN_READY := $(VENV)/.ready-run
DEV_READY := $(VENV)/.ready-dev

PIP := $(BIN)/python -m pip --disable-pip-version-check
say = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.PHONY: help
help: ## List the commands
	@awk 'BEGIN { FS = ":.*## "; print "Commands (make NAME):" } \
	     /^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nAfter `make setup` the command line is $(BIN)/hotline (try: $(BIN)/hotline --help)\n'

# --- use it

.PHONY: setup
setup: $(RUN_READY) model ## Create .venv, install the locked dependencies, fetch the speech model

.PHONY: run
run: setup ## Start the gateway with the demo configuration on http://127.0.0.1:12345
	$(call say,starting the gateway with $(CONFIG); Ctrl-C stops it)
	@exec $(BIN)/hotline serve --config $(CONFIG)

.PHONY: demo
demo: setup ## Let simulated citizens use every channel once; exits 0 when nothing was lost
	$(call say,running the demo)
	@exec $(BIN)/hotline demo --once

# --- check it

.PHONY: test
test: setup $(DEV_READY) peers lint ## Run everything: lint, types, layering and the whole test suite
	$(call say,tests)
	@$(BIN)/python -m pytest $(TESTS)

.PHONY: check
check: $(RUN_READY) lint ## The quick gate: format, lint, types, layering, unit tests but the slow ones (under a minute)
	$(call say,unit tests)
	@$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow" tests/unit

.PHONY: bench
bench: setup $(DEV_READY) peers ## Measure against the yardsticks named in docs/explanation/performance.md
	$(call say,benchmarks)
	@$(BIN)/python -m bench

.PHONY: soak
soak: setup $(DEV_READY) peers ## Kill processes and stores at random for ROUNDS=200 rounds; nothing may be lost
	$(call say,failure harness for $(ROUNDS) rounds)
	@$(BIN)/python -m pytest tests/failure --rounds $(ROUNDS)

.PHONY: fresh
fresh: ## Prove README's commands and the Dockerfile's steps on a bare Debian 12 (needs root)
	@$(or $(PYTHON),python3) -m tools.fresh

# --- keep it

.PHONY: lock
lock: $(DEV_READY) ## Lock the dependencies again (see CONTRIBUTING.md)
	@tools/lock.sh

.PHONY: format
format: $(DEV_READY) ## Write the code in the house format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: clean
clean: ## Remove everything that can be made again (not data/)
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# --- parts of the above

.PHONY: lint
lint: $(RUN_READY) $(DEV_READY)
	$(call say,format)
	@$(BIN)/ruff format --check .
	$(call say,lint)
	@$(BIN)/ruff check .
	$(call say,types)
	@$(BIN)/mypy
	$(call say,layering)
	@$(BIN)/lint-imports --no-logo

.PHONY: peers
peers:
	$(call say,test peers)
	@tools/peers.sh

# The command itself skips a model that is there and whose checksums are right.
.PHONY: model
model: $(RUN_READY)
	$(call say,speech model $(MODEL))
	@$(BIN)/hotline models fetch $(MODEL)

$(VENV_READY):
	$(call say,virtual environment)
	@tools/venv.sh $(VENV)
	@touch $@

$(DEPENDENCIES_READY): $(VENV_READY) requirements/run.txt
	$(call say,dependencies of the gateway (a few minutes the first time))
	@$(PIP) install --no-deps --require-hashes --requirement requirements/run.txt
	@touch $@

$(RUN_READY): $(DEPENDENCIES_READY) pyproject.toml
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_READY): $(DEPENDENCIES_READY) requirements/dev.txt
	$(call say,dependencies of tests and checks)
	@$(PIP) install --no-deps --require-hashes --requirement requirements/dev.txt
	@touch $@
