# Targets are listed by `make`; each has its sentence after "##".
PYTHON ?= python3
# Hundreds of processes are started by the tests: none of them compiles the modules again.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
AUDIT := build/audit/bin
AUDITED := build/audit/.installed
# The tests wait, the slow ones most of the time: several at once, each process with a MongoDB of its own.
TEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder
FUZZ_S ?= 60

.DEFAULT_GOAL := help
.PHONY: help install demo run test test-slow test-again check format fuzz soak bench audit lock wheel clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## Create the virtual environment with pinned versions (the other targets do it themselves)

# All that a user needs, 0.4 GB; the developers' tools take 1 GB more.
$(INSTALLED): pyproject.toml config/requirements.txt $(wildcard multimarket_async/*/*.c)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement config/requirements.txt
	$(BIN)/python -m pip install --quiet --editable . --no-deps
	@touch $@

$(DEVELOPED): $(INSTALLED) config/constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint config/constraints.txt
	@touch $@

# So many that what a first `run` adds does not dwarf the two years before it.
# In an environment of their own: nothing of ours is imported by them.
$(AUDITED): $(INSTALLED) config/constraints.txt
	$(PYTHON) -m venv build/audit
	$(AUDIT)/python -m pip install --quiet bandit cyclonedx-bom pip-audit pip-licenses uv --constraint config/constraints.txt
	@touch $@

demo: $(INSTALLED) ## Deliver 10,000 orders per channel, follow them into the KPI tables, verify everything
	$(BIN)/python -m multimarket_async demo --orders-per-channel 10000

run: $(INSTALLED) ## Produce, collect and measure until Ctrl-C
	$(BIN)/python -m multimarket_async run

test: $(DEVELOPED) ## Run the tests, on a real MongoDB
	$(TEST) -n 4 -m 'not slow'

test-slow: $(DEVELOPED) ## Run the tests that take long: every call fails once, torture, fail-over, browsers, npm
	$(TEST) -n 6 -m slow

# What is broken fails by itself, too.
test-again: $(DEVELOPED) ## Run the tests that failed once more, one at a time
	$(BIN)/pytest --last-failed --last-failed-no-failures none --maxfail 5

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

audit: $(AUDITED) ## Look for known vulnerabilities, dangerous code and licences that do not fit
	$(AUDIT)/bandit --quiet --recursive multimarket_async -ll --skip B608
	$(AUDIT)/pip-licenses --python $(BIN)/python --partial-match --fail-on 'GPL;SSPL' --format=markdown
	$(AUDIT)/pip-audit --requirement config/requirements.txt --require-hashes --disable-pip

lock: $(AUDITED) ## Write config/requirements.txt: the pins of config/constraints.txt with the digests of their files
	$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --constraint config/constraints.txt --output-file config/requirements.txt pyproject.toml
	$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --constraint config/constraints.txt --extra warehouse --output-file config/requirements-warehouse.txt pyproject.toml
	$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --constraint config/constraints.txt --extra lake --output-file config/requirements-lake.txt pyproject.toml
	$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --constraint config/constraints.txt --extra cassandra --output-file config/requirements-cassandra.txt pyproject.toml
	$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --constraint config/constraints.txt --extra models --output-file config/requirements-models.txt pyproject.toml
	$(AUDIT)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --constraint config/constraints.txt --extra spark --output-file config/requirements-spark.txt pyproject.toml

wheel: $(AUDITED) ## Build dist/*.whl, and dist/sbom.cdx.json: what an installation consists of (CycloneDX)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(AUDIT)/cyclonedx-py requirements --pyproject pyproject.toml --output-file dist/sbom.cdx.json config/requirements.txt

soak: $(DEVELOPED) ## Run under load and faults for SOAK_S seconds (default 600): nothing grows, nothing is lost
	PYTHONPATH=. $(BIN)/python tests/soak/soak.py

bench: $(DEVELOPED) ## Measure speed against the targets, a quarter of an hour (ONLY=burst,latency, QUICK=1 to try it)
	PYTHONPATH=. $(BIN)/python tests/bench/bench.py $(if $(QUICK),--quick) $(ONLY)

clean: ## Remove everything that was built; the data stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis multimarket_async/*/*.so
	find multimarket_async tests -name __pycache__ -type d -prune -exec rm -rf {} +
