# Two commands are all a newcomer needs:  make app  and  make test.
# They need make, Python 3.11 or newer and, the first time, a network. Everything goes into .venv in this folder.

PYTHON ?=
PORT ?= 8501
VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help app test test-all lint format hooks docs wheel demo env env-test clean

help: ## Show this list.
	@echo "usage: make TARGET [PYTHON=python3.12] [PORT=8501]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

app: env ## Install what is missing and open the app on http://localhost:8501 with the demo checkpoint.
	@$(VENV_PYTHON) -m upgan app --port $(PORT)

# A failing check does not keep the tests from running: one run shows everything that is wrong.
test: env-test ## Install what is missing, then check style, types and imports and run the tests (without the slow ones).
	@$(VENV_PYTHON) scripts/browser.py || true
	@status=0; \
	$(MAKE) --no-print-directory --no-builtin-rules checks || status=$$?; \
	echo "== pytest"; \
	$(VENV_PYTHON) -m pytest -n 2 --dist loadfile -m "not slow" --durations=10 || status=$$?; \
	exit $$status

test-all: env-test ## The same, the slow tests included.
	@$(VENV_PYTHON) scripts/browser.py || true
	@$(MAKE) --no-print-directory checks
	@$(VENV_PYTHON) -m pytest -n 2 --dist loadfile --durations=10

lint: env-test checks ## Only the checks: style, types, imports.

.PHONY: checks
checks:
	@failed=""; \
	echo "== ruff check";      $(VENV_PYTHON) -m ruff check . || failed="$$failed 'ruff check'"; \
	echo "== ruff format";     $(VENV_PYTHON) -m ruff format --check . || failed="$$failed 'ruff format' (make format mends it)"; \
	echo "== mypy";            $(VENV_PYTHON) -m mypy || failed="$$failed mypy"; \
	echo "== import contracts"; .venv/bin/lint-imports || failed="$$failed 'import contracts'"; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed (see above)"; exit 1; fi

format: env-test ## Rewrite the source in the project's format and mend what ruff can mend.
	@$(VENV_PYTHON) -m ruff check --fix . || true
	@$(VENV_PYTHON) -m ruff format .

hooks: env-test ## Let git run the checks before each commit (pre-commit, installed into .venv).
	@$(VENV_PYTHON) -m pip install --quiet "pre-commit>=4,<5"
	@.venv/bin/pre-commit install

docs: env-test ## Write the pages that come from code and records, and build all of them as a site into site.
	@$(VENV_PYTHON) scripts/reference.py
	@$(VENV_PYTHON) scripts/records.py
	@$(VENV_PYTHON) -m sphinx --fail-on-warning --keep-going --quiet docs site
	@echo "site/index.html"

wheel: env-test ## Build what people install, into dist.
	@rm -rf build dist
	@$(VENV_PYTHON) -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build

demo: env ## Train again what is shipped to be looked at: checkpoints/demo*, results/demo (minutes).
	@$(VENV_PYTHON) scripts/make_demo.py

env: ## Create .venv and install the package.
	@$(BOOTSTRAP)

env-test: ## Create .venv and install the package with what its tests need.
	@$(BOOTSTRAP) --extra test

clean: ## Remove .venv and every cache (not checkpoints, not data).
	rm -rf .venv .bootstrap.lock build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough. Each is run, not looked up: a version manager's shim may exist and still fail.
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python3.14 python)
define BOOTSTRAP
found=""; \
for candidate in $(CANDIDATES); do \
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found="$$candidate"; break; fi; \
done; \
if [ -z "$$found" ]; then \
  for candidate in $(CANDIDATES); do \
    echo "  $$candidate: $$("$$candidate" --version 2>/dev/null || echo "not there, or does not run")" >&2; \
  done; \
  echo "upgan needs Python 3.11 or newer and found none (above: what was tried)." >&2; \
  echo "Install one (https://www.python.org/downloads/, apt, brew, pyenv) and run again," >&2; \
  echo "or name it: make app PYTHON=/path/to/python3.12" >&2; \
  exit 2; \
fi; \
"$$found" scripts/bootstrap.py $(if $(PYTHON),--python-given)
endef
