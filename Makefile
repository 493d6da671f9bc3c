# `make` lists what there is.  Everything works from a fresh clone; nothing is done twice.

SHELL := /bin/bash
PYTHON ?= python3
UV ?= uv
SEEDS ?= 40
FACES ?= 2000
HISTORIES ?= 100
BULK_HISTORIES ?= 1000
OFD_ORDERS ?= 20000
PRESS_ORDERS ?= 2000
INTERLEAVINGS ?= 500
SIGNING_KILLS ?= 40
CAMPAIGN ?= 100000
ATTACKS ?= 5000
DRILLS ?= 1000
FUZZ_MINUTES ?= 10
export PYTHON
# A dozen processes start for every drill and every command: each would compile it all anew.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo setup setup-test test lint format bench tour profile soak lock settings-table domain-docs api-docs clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target words; do printf 'make %-15s %s\n' "$$target" "$$words"; done

demo: setup ## Prepare this clone, then show the factory at work
	@$(PY) cli.py demo

setup: ## Prepare .venv and the fonts; does nothing when they are there
	@bash deploy/setup/python.sh run
	@bash deploy/setup/fonts.sh

setup-test: ## Prepare what the tests need beside that
	@bash deploy/setup/python.sh test
	@bash deploy/setup/fonts.sh
	@bash deploy/setup/tools.sh
	@bash deploy/setup/ofd_cli.sh
	@bash deploy/setup/dashboard_types.sh

test: setup-test lint ## Prepare, check types, style and imports, and run all tests
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: setup-test ## Check style, types and the direction of imports
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command as check; check()'

format: setup-test ## Put the code into the one format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: setup-test ## Measure presses, the line, bulk events and the HTTP interface; var/bench/bench.json and .png
	@$(PY) -m bench

tour: setup-test ## Play the pages through in a browser; pictures of them and of the dashboards in var/tour/
	@$(PY) -m tests.tour

profile: setup-test ## Draw where the line spends its time: var/bench/line.svg
	@$(PY) -m bench.profile

soak: setup-test ## Long campaigns: SEEDS=40, FACES=2000, OFD_ORDERS=20000, PRESS_ORDERS=2000, HISTORIES=100, BULK_HISTORIES=1000, INTERLEAVINGS=500, CAMPAIGN=100000, ATTACKS=5000, DRILLS=1000, FUZZ_MINUTES=10; logs in docs/soak/
	@mkdir -p docs/soak
	@set -o pipefail; TEST_FACES_EACH=$(FACES) $(PY) -m pytest tests/factory/test_random_faces.py \
		-v --no-header --durations=5 --timeout=3600 | tee docs/soak/faces.log
	@set -o pipefail; TEST_OFD_ORDERS=$(OFD_ORDERS) $(PY) -m pytest -n 2 --dist worksteal \
		tests/factory/test_random_ofd.py -v --no-header --durations=5 --timeout=14400 \
		| tee docs/soak/ofd.log
	@set -o pipefail; TEST_PRESS_ORDERS=$(PRESS_ORDERS) TEST_OFD_ORDERS=$(PRESS_ORDERS) \
		$(PY) -m pytest -n 2 --dist worksteal \
		tests/factory/test_pdf_press_equality.py tests/factory/test_ofd_press.py \
		-v --no-header --durations=5 --timeout=7200 \
		| tee docs/soak/press.log
	@set -o pipefail; TEST_KILL_SEEDS="$$(seq -s ' ' 1 $(SEEDS))" $(PY) -m pytest \
		tests/jobs/faults/test_kill.py -v --no-header --durations=5 --timeout=3600 \
		| tee docs/soak/kill.log
	@set -o pipefail; RANDOM_HISTORIES=$(HISTORIES) $(PY) -m pytest -n 2 --dist worksteal \
		tests/jobs/test_random_histories.py tests/jobs/test_shuffled_histories.py \
		-v --no-header --durations=5 --timeout=3600 | tee docs/soak/histories.log
	@set -o pipefail; BULK_HISTORIES=$(BULK_HISTORIES) $(PY) -m pytest -n 2 --dist worksteal \
		tests/jobs/test_bulk_machine.py -v -rP --no-header --durations=5 --timeout=7200 \
		| tee docs/soak/bulk-histories.log
	@set -o pipefail; TEST_INTERLEAVINGS=$(INTERLEAVINGS) TEST_SIGNING_KILLS=$(SIGNING_KILLS) \
		TEST_RACES=10 $(PY) -m pytest -n 2 --dist worksteal tests/jobs/test_interleavings.py \
		tests/jobs/test_signing_races.py tests/jobs/faults/test_signing_kill.py \
		-v --no-header --durations=5 --timeout=3600 | tee docs/soak/signing.log
	@set -o pipefail; TEST_ATTACKS=$(ATTACKS) $(PY) -m pytest tests/factory/test_attacks.py \
		-v --no-header --durations=5 --timeout=7200 | tee docs/soak/attacks.log
	@$(PY) -m jobs.drill.campaign docs/soak/drills.log --seeds $(DRILLS)
	@set -o pipefail; $(PY) -m tests.fuzz all --minutes $(FUZZ_MINUTES) | tee docs/soak/fuzz.log
	@set -o pipefail; CAMPAIGN=$(CAMPAIGN) $(PY) -m pytest tests/jobs/faults/test_campaign.py \
		-v -s --no-header --durations=5 | tee docs/soak/campaign.log

lock: ## Renew requirements.lock and requirements-dev.lock (needs uv; UPGRADE=1: to the newest)
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml deploy/setup/build.in -o requirements.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev -c requirements.lock \
		pyproject.toml deploy/setup/build.in -o requirements-dev.lock

settings-table: setup ## Renew the table of settings in README.md
	@sed -i '/^<!-- settings -->/,/^<!-- \/settings -->/{//!d}' README.md
	@$(PY) -m jobs.settings | sed -i '/^<!-- settings -->/r /dev/stdin' README.md

domain-docs: setup ## Renew the tables and diagrams in docs/domain.md
	@$(PY) -m jobs.describing docs/domain.md

api-docs: setup ## Renew docs/openapi.json, what the HTTP interface says of itself
	@$(PY) -m portal.describing docs/openapi.json

clean: ## Remove the environment and all caches; data (var/) stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
