# Two commands on a fresh machine: `make run` and `make test`. Everything else is for developers.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench benchmarks bench-peers fault-matrix soak lock sample clean .venv

.venv: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Forewarn needs Python 3.11 or newer; set PYTHON=python3.12, say")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

run: .venv
	$(BIN)/forewarn demo

test: .venv/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=85 $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed-dev
	$(BIN)/python -m bench

# Measures every number the documents name and writes docs/benchmarks.md anew; about ten minutes.
benchmarks: .venv/.installed-dev
	$(BIN)/python -m bench.report

# Ours beside Evidently, NannyML, alibi-detect, whylogs, frouros and river, each in an environment of its own under
# .peers/ (about 5 GB), and on recorded drift; writes docs/benchmarks-peers.md. About 25 minutes after the first time.
bench-peers: .venv/.installed-dev
	nice -n 10 $(BIN)/python -m bench.peers $(ARGS)

# The same faults against Forewarn and, where it is installed, Prometheus Alertmanager; writes docs/fault-matrix.md.
# About ten minutes.
fault-matrix: .venv/.installed-dev
	$(BIN)/python -m tests.faults.matrix $(ARGS)

soak: .venv/.installed-dev
	$(BIN)/python -m pytest -m soak -n 2 --dist worksteal --timeout 3600 $(ARGS)

# The locks hold hashes for every platform and no index; uv is needed only to renew them.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml requirements-build.in -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock

sample: .venv/.installed-dev
	$(BIN)/python -m market.sample.build

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
