# One target for each thing people do. Only relative paths, so that a path with a space in it works; and
# `python -m`, so that no script's first line has to hold the path. -P: nothing is imported from this directory
# by accident.

PY := .venv/bin/python -P
# What to test: make test T=tests/unit, make test T="tests/unit -k policy"
T :=
# Which machines: make test-machine M=user-systemd; without it all that the present one is not
M :=
# Which of CPython's tests: make test-cpython C="test_os test_io"; without it those that tests/cpython lists
C :=
# Which Debians: make test-languages S=bookworm; without it 12 and 13
S :=

.DEFAULT_GOAL := help
.PHONY: help demo lab test coverage check fuzz bench bench-peers fix clean test-user test-machine test-languages test-cpython test-adapters
.NOTPARALLEL:
export PYTHON T

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: ## run the tour notebook for real, say how each cell ended, write it as a page
	@sh tools/environment.sh demo
	@$(PY) tools/demo.py notebooks/tour.ipynb

lab: ## open JupyterLab on the tour
	@sh tools/environment.sh demo
	@sh tools/lab.sh notebooks/tour.ipynb

test: ## run every test; T=tests/unit for some of them
	@sh tools/environment.sh dev
	@sh tools/test_needs.sh
	@sh tools/test_kernels.sh
	@sh tools/test.sh $(T)

coverage: ## the same tests with branch coverage of all that they start, also inside the sandbox; a report
	@sh tools/environment.sh dev
	@sh tools/test_needs.sh
	@sh tools/test_kernels.sh
	@sh tools/coverage.sh $(T)

check: ## format, lint, types: what CI and pre-commit check
	@sh tools/environment.sh dev
	@sh tools/check.sh

fix: ## let ruff format and fix what it can
	@sh tools/environment.sh dev
	$(PY) -m ruff check --fix-only
	$(PY) -m ruff format

fuzz: ## a million hostile frames for what reads them; some minutes
	@sh tools/environment.sh dev
	FUZZ_FRAMES=1000000 $(PY) -m pytest -q --timeout=1800 tests/unit/guest/test_wire.py tests/unit/execution/test_messages.py

bench: ## what a run costs, beside what one would do instead: one table, build/bench.json; ONLY=start,session ROUNDS=10
	@sh tools/environment.sh dev
	@$(PY) -m benchmarks

bench-peers: ## the same cell in other sandboxes, which are fetched into build/peers
	@sh tools/environment.sh dev
	@sh tools/bench_peers.sh
	@ONLY=peers $(PY) -m benchmarks

test-user: ## as root: demo and tests again, as an ordinary user made for it
	@sh tools/test_user.sh

test-machine: ## as root: the sandbox suite on whole Linux systems of other kinds; M=kind for some
	@sh tools/environment.sh dev
	@sh tools/test_machine.sh $(M)

test-languages: ## as root: every language of the table, on Debians that have all of them; S=suite for one
	@sh tools/environment.sh dev
	@sh tools/test_languages.sh $(S)

test-cpython: ## CPython's own tests inside and outside, on Debian or Ubuntu; C=test_os for some modules
	@sh tools/environment.sh dev
	@sh tools/test_cpython.sh $(C)

test-adapters: ## with the real smolagents, inspect_ai, langchain-core and ipyparallel, which are fetched into build/adapters
	@sh tools/environment.sh dev
	@sh tools/test_adapters.sh

clean: ## remove the environment and everything made
	rm -rf .venv .cache build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
