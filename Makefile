# make demo · make test · make check · make bench: each builds .venv itself when it is missing.
# Needs git, make and Python 3.11 or 3.12 (flytekit, which tests and demo use, forbids 3.13). Uses uv when it is there.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
# Most tests wait for something: four at once fit two cores. What shares a process, and what begins first: tests/support/parallel.py.
PARALLEL ?= -n 4 --dist loadfile
STAMP := .venv/.installed
# What only npm carries: an Azure endpoint, and a certified OpenID provider (its version: tests/auth/provider/package.json).
NPM := .venv/npm
PROVIDER := tests/auth/provider/package.json
# What the machine sets to save space would make every task process compile flytekit anew.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo site plots screenshots test test-quick test-full test-long test-upgrade test-airflow test-dagster check format picture bench conformance conformance-flyte2 lowest dist release prepare clean .venv

help:
	@echo "make demo        run a Flyte workflow through Airflow and through Dagster on this machine (KEEP=1 leaves Flyte running)"
	@echo "make test        the suite; parts that PyPI does not carry are skipped by name"
	@echo "make test-quick  what needs no process of Airflow, Dagster or flytekit: for feedback"
	@echo "make test-full   all of make test, every row of its matrices and what npm carries; fails when a part is missing; SHARD=1/4 runs a quarter of the files"
	@echo "make test-long   campaigns of minutes"
	@echo "make test-airflow VERSION=3.1.8  the tests of the Airflow provider on another line; tests/airflow/lines has those there are"
	@echo "make test-dagster VERSION=1.12.22  the tests of the Dagster integration on another line; tests/dagster/lines has those there are"
	@echo "make check       formatting, lint, types, who may import whom"
	@echo "make picture     draws the rooms and their imports into docs/architecture.md"
	@echo "make plots       draws the figures that make bench left in docs/measured/ into docs/images/"
	@echo "make screenshots pictures of the sandbox's console, with a headless Chromium, into docs/images/"
	@echo "make site        the pages under docs/ as a site, into build/site; warnings are errors"
	@echo "make bench       speeds, as ratios against the peer in the same run"
	@echo "make conformance SUITE=DIR  flytekit's own integration suite against the sandbox; DIR is a checkout of flytekit"
	@echo "make conformance-flyte2 SUITE=DIR  examples of the flyte SDK against the sandbox; DIR is its folder examples"
	@echo "make lowest      core and sandbox tests on the lowest versions that pyproject.toml allows"
	@echo "make test-upgrade  the release before launches, defers, ticks and dies; this one goes on; and back"
	@echo "make dist        sdist and wheel, into dist/"
	@echo "make release     dist, each extra in an empty environment on Python 3.11 to 3.13, SBOM, notes; uploads nothing"
	@echo "make prepare VERSION=0.1.0  writes version and date into pyproject.toml and CHANGELOG.md"
	@echo "make .venv       the environment alone"

demo: $(STAMP)
	@$(PY) -m bridge_core.cli demo $(if $(KEEP),--keep)

test: $(STAMP)
	$(PY) -m pytest -q -m "not long and not matrix" $(PARALLEL) $(PYTEST_ARGS)

QUICK := architecture auth conformance console core faults literals sandbox schedules scheduler storage
SLOW := conformance/test_engine_replay.py core/test_real_run.py sandbox/test_flytekit.py sandbox/test_fork.py

test-quick: $(STAMP)
	$(PY) -m pytest -q -m "not long and not full and not matrix" $(PARALLEL) $(QUICK:%=tests/%) $(SLOW:%=--ignore=tests/%) $(PYTEST_ARGS)

test-full: $(STAMP) $(NPM)/.installed
	FLYTE_BRIDGE_FULL=1 $(PY) -m pytest -q -m "not long" $(PARALLEL) $(if $(SHARD),--shard $(SHARD)) $(PYTEST_ARGS)

test-long: $(STAMP)
	$(PY) -m pytest -m long --timeout 3600 $(PYTEST_ARGS)

# Only Airflow's processes run on that line, with what its pins allow; tests and the embedded Flyte stay in .venv.
LINE := .venv-airflow-$(VERSION)

test-airflow: $(STAMP)
	@test -f "tests/airflow/lines/$(VERSION).txt" || { echo "make test-airflow VERSION=…: one of $$(basename -s .txt tests/airflow/lines/*.txt | xargs)" >&2; exit 2; }
	[ -x $(LINE)/bin/python ] || { $(PY) -m venv $(LINE) && \
	  if command -v uv >/dev/null 2>&1; then \
	    uv pip install -q --python $(LINE)/bin/python -r tests/airflow/lines/$(VERSION).txt && uv pip install -q --python $(LINE)/bin/python --no-deps -e .; \
	  else $(LINE)/bin/python -m pip install -q -r tests/airflow/lines/$(VERSION).txt && $(LINE)/bin/python -m pip install -q --no-deps -e .; \
	  fi || { rm -rf $(LINE); exit 1; }; }
	FLYTE_BRIDGE_AIRFLOW=$(abspath $(LINE))/bin/python $(PY) -m pytest -q -m "not long" tests/airflow $(PYTEST_ARGS)

# Tests load definitions in their own process, so all of it runs on that line: constraints.txt, with what the line has otherwise.
DAGSTER_LINE := .venv-dagster-$(VERSION)

test-dagster: $(STAMP)
	@test -f "tests/dagster/lines/$(VERSION).txt" || { echo "make test-dagster VERSION=…: one of $$(basename -s .txt tests/dagster/lines/*.txt | xargs)" >&2; exit 2; }
	[ -f $(DAGSTER_LINE)/.installed ] || { $(PY) -m venv $(DAGSTER_LINE) && \
	  awk -F== 'NR==FNR{own[$$1]=1; print; next} !($$1 in own)' tests/dagster/lines/$(VERSION).txt constraints.txt > $(DAGSTER_LINE)/constraints.txt && \
	  if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(DAGSTER_LINE)/bin/python -c $(DAGSTER_LINE)/constraints.txt --build-constraints constraints.txt -e . --group dev; \
	  else $(DAGSTER_LINE)/bin/python -m pip install -q -c constraints.txt pip && \
	    $(DAGSTER_LINE)/bin/python -m pip install -q -c $(DAGSTER_LINE)/constraints.txt --build-constraint constraints.txt -e . --group dev; fi && \
	  touch $(DAGSTER_LINE)/.installed || { rm -rf $(DAGSTER_LINE); exit 1; }; }
	$(DAGSTER_LINE)/bin/python -m pytest -q -m "not long and not matrix" -W "ignore:Support for class-based" tests/dagster $(PYTEST_ARGS)

check: $(STAMP)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: $(STAMP)
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

SITE := .venv-site

$(SITE)/.installed: pyproject.toml constraints.txt | $(STAMP)
	[ -x $(SITE)/bin/python ] || $(PY) -m venv $(SITE)
	if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(SITE)/bin/python -c constraints.txt --group site; \
	else $(SITE)/bin/python -m pip install -q -c constraints.txt pip && $(SITE)/bin/python -m pip install -q -c constraints.txt --group site; fi
	@touch $@

site: $(SITE)/.installed
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict
	@echo "built build/site/index.html"

# Of what `make bench` left in docs/measured/, which is kept with the page.
plots: $(SITE)/.installed
	@$(SITE)/bin/python docs/plots.py

picture: $(STAMP)
	@$(PY) docs/picture.py

screenshots: $(STAMP)
	@PYTHONPATH=tests $(PY) docs/screenshots.py

bench: $(STAMP)
	$(PY) tests/benchmarks/run.py

# SUITE: a checkout of flytekit. CONFORMANCE_PYTHON: an environment with what the suite imports, when .venv lacks some of it.
conformance: $(STAMP)
	@$(or $(CONFORMANCE_PYTHON),$(PY)) tests/conformance/run.py "$(SUITE)" --task-python "$(abspath $(PY))" $(CONFORMANCE_ARGS)

# SUITE: the folder `examples` of a checkout of flyte-sdk.
conformance-flyte2: $(STAMP)
	@$(PY) tests/conformance/flyte2_examples.py "$(SUITE)" $(CONFORMANCE_ARGS)

lowest: $(STAMP)
	$(PY) tests/lowest.py

# One wheel at a time: container files and README install "$(ls dist/*.whl)[…]".
dist: $(STAMP)
	rm -f dist/flyte_bridge-*
	$(PY) -m hatchling build -d dist

# RELEASE_ARGS: --python 3.12 --extra airflow, for instance, for a part of it.
release: $(STAMP)
	$(PY) release $(RELEASE_ARGS)

prepare: $(STAMP)
	$(PY) release/notes.py "$(VERSION)"

# The release before: the last tag. Until there is one, two states that main once had, oldest first: before scheduler states had a
# version, and (for sensors, connectors and other things that came later) the last one before 29 November 2026.
BEFORE := 1b15fcf50bc7d60000ed9931e5a7783e5abd9db7 f9d2e04ee074fcb829820adeac4b636bfd278b7a
UPGRADE_FROM ?= $(shell git describe --tags --abbrev=0 2>/dev/null || echo $(BEFORE))
test-upgrade: $(STAMP)
	FLYTE_BRIDGE_UPGRADE_FROM="$(UPGRADE_FROM)" $(PY) -m pytest -m upgrade $(PYTEST_ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv: $(STAMP)

$(NPM)/.installed: $(PROVIDER) | $(STAMP)
	@command -v npm >/dev/null || { echo "make test-full needs npm, for Azure's emulator and an OpenID provider" >&2; exit 2; }
	provider=$$(node -p "require('./$(PROVIDER)').dependencies['oidc-provider']") && \
	npm install --silent --no-audit --no-fund --no-save --prefix $(NPM) azurite@3.35.0 oidc-provider@$$provider && \
	if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(PY) -c constraints.txt --group full; \
	else $(PY) -m pip install -q -c constraints.txt --group full; fi
	@touch $@

# constraints.txt pins everything that is installed, so that today's environment is tomorrow's.
$(STAMP): pyproject.toml constraints.txt
	@python=""; for candidate in python3.11 python3.12 python3 python; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
	    python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 or 3.12 found (tried python3.11, python3.12, python3, python)." >&2; \
	  echo "Install one, for instance: apt-get install python3.11 python3.11-venv, brew install python@3.12, pyenv install 3.11." >&2; \
	  exit 2; fi; \
	echo "Building .venv with $$($$python --version) (a minute or some)"; \
	if command -v uv >/dev/null 2>&1; then \
	  { [ -x $(PY) ] || uv venv -q --python "$$(command -v $$python)" .venv; } && \
	  uv pip install -q --python $(PY) --compile-bytecode -c constraints.txt --build-constraints constraints.txt -e . --group dev; \
	else \
	  { [ -x $(PY) ] || $$python -m venv .venv; } && \
	  $(PY) -m pip install -q -c constraints.txt pip && \
	  $(PY) -m pip install -q -c constraints.txt --build-constraint constraints.txt -e . --group dev; \
	fi && touch $(STAMP)
