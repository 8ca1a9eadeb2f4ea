# Two commands do everything: `make demo` and `make test`. Both make their own environment in .venv
# and make it anew when pyproject.toml changes. Only pip needs the network.

PYTHONS := python3.13 python3.12 python3.11 python3.14 python3 python
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
FLOORS := .venv-floors
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
JOBS ?= 2

.PHONY: help demo test test-slow test-floors lint types check validate docs clean
help:
	@echo "make demo      simulate, fit β(n,m), print the table, save out/demo.png"
	@echo "make test      the tests except for the slow ones, JOBS=2 at a time"
	@echo "make test-slow the slow ones, which make validate runs too"
	@echo "make test-floors the contract with the lowest versions that are admitted, on Python 3.11"
	@echo "make lint      linter and format check"
	@echo "make types     type checker"
	@echo "make check     linter, type checker and tests, as CI does"
	@echo "make validate  regenerate every table and figure of the docs"
	@echo "make docs      build the documentation into site/"
	@echo "make clean     remove the environment and everything that was built"

# A candidate counts if it runs, is new enough and can make an environment.
$(READY): pyproject.toml
	@found=; for python in $(PYTHONS); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	    >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "jaxkin needs Python 3.11 or newer with the module venv, but none was found." \
	    "Install one, or name it: make PYTHONS=/path/to/python" >&2; exit 1; fi; \
	echo "Making the environment $(VENV) with $$found"; \
	rm -rf $(VENV) && $$found -m venv $(VENV)
	$(PIP) --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(RUN) docs/examples/coagulation.py

# Each process keeps to one core: with several processes that is faster than sharing all of them.
# The examples come first: one process runs them all, and would end last.
test: $(READY)
	XLA_FLAGS="$(XLA_FLAGS) --xla_cpu_multi_thread_eigen=false" $(RUN) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow" tests/test_examples.py tests

test-slow: $(READY)
	XLA_FLAGS="$(XLA_FLAGS) --xla_cpu_multi_thread_eigen=false" $(RUN) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder -m slow

# Wheels of the lowest versions are made for Python 3.11.
$(FLOORS)/.ready: pyproject.toml constraints/floors.txt
	@python3.11 -c 'import venv, ensurepip' || { echo "make test-floors needs Python 3.11." >&2; exit 1; }
	rm -rf $(FLOORS) && python3.11 -m venv $(FLOORS)
	$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints/floors.txt --editable '.[plots,xarray,progress]' pytest beartype
	@touch $@

test-floors: $(FLOORS)/.ready
	XLA_FLAGS="$(XLA_FLAGS) --xla_cpu_multi_thread_eigen=false" $(FLOORS)/bin/python -m pytest -q tests/test_contract.py

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(READY)
	$(RUN) -m mypy

check: lint types test

validate: $(READY) test-slow
	$(RUN) benchmarks/validate.py

$(DOCS_READY): $(READY)
	$(PIP) --editable '.[docs]'
	@touch $@

docs: $(DOCS_READY)
	$(RUN) -m mkdocs build

clean:
	rm -rf $(VENV) $(FLOORS) site out build *.egg-info .pytest_cache .ruff_cache .mypy_cache
