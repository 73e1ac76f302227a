# Targets are listed by `make`; each has its sentence after "##".
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
# The tests wait more than they work: four at a time, each process with a MongoDB of its own, the longest files first.
TEST := $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder
FUZZ_S ?= 60

.DEFAULT_GOAL := help
.PHONY: help install demo run test test-slow check format fuzz soak bench clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-9s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## Create the virtual environment with pinned versions (the other targets do it themselves)

# All that a user needs, 0.4 GB; the developers' tools take 1 GB more.
$(INSTALLED): pyproject.toml config/constraints.txt $(wildcard multimarket_async/*/*.c)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable . --constraint config/constraints.txt
	@touch $@

$(DEVELOPED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint config/constraints.txt
	@touch $@

demo: $(INSTALLED) ## Deliver 500 orders per channel, follow them into the KPI tables, verify everything
	$(BIN)/python -m multimarket_async demo

run: $(INSTALLED) ## Produce, collect and measure until Ctrl-C
	$(BIN)/python -m multimarket_async run

test: $(DEVELOPED) ## Run the tests, on a real MongoDB
	$(TEST) -m 'not slow'

test-slow: $(DEVELOPED) ## Run the tests that take long: every call fails once, torture, fail-over, browsers, npm
	$(TEST) -m slow

check: $(DEVELOPED) ## What CI demands besides the tests: format, lint, types, import layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(DEVELOPED) ## Format the code and mend what the linter can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

fuzz: $(DEVELOPED) ## Fuzz the order parser for FUZZ_S seconds (default 60)
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]' --constraint config/constraints.txt
	$(BIN)/python tests/fuzz/fuzz_order.py -max_total_time=$(FUZZ_S) -print_final_stats=1

soak: $(DEVELOPED) ## Run under load and faults for SOAK_S seconds (default 600): nothing grows, nothing is lost
	$(BIN)/python tests/soak/soak.py

bench: $(DEVELOPED) ## Measure speed against the targets, a quarter of an hour (ONLY=burst,latency, QUICK=1 to try it)
	$(BIN)/python tests/bench/bench.py $(if $(QUICK),--quick) $(ONLY)

clean: ## Remove everything that was built; the data stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis multimarket_async/*/*.so
	find multimarket_async tests -name __pycache__ -type d -prune -exec rm -rf {} +
