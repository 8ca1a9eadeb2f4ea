# Two commands do everything: `make demo` and `make test`. Both make their own environment in .venv
# and make it anew when pyproject.toml changes.

PYTHONS := python3.13 python3.12 python3.11 python3 python
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
JOBS ?= 2

.PHONY: help demo test lint types check validate docs clean
help:
	@echo "make demo      simulate, fit β(n,m), print the table, save out/demo.png"
	@echo "make test      all tests"
	@echo "make check     tests, linter and type checker, as CI does"
	@echo "make validate  regenerate every table and figure of the docs"
	@echo "make docs      build the documentation into site/"

$(READY): pyproject.toml
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "jaxkin needs Python 3.11 or newer; none was found"; exit 1; fi; \
	rm -rf $(VENV) && $$found -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(RUN) docs/examples/coagulation.py

test: $(READY)
	XLA_FLAGS="$(XLA_FLAGS) --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" \
	$(RUN) -m pytest -q -n $(JOBS)

lint: $(READY)
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .

types: $(READY)
	$(RUN) -m mypy

check: test lint types

docs: $(READY)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(RUN) -m mkdocs build --strict

clean:
	rm -rf $(VENV) site out build *.egg-info
