SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV := uv==0.13.9
PIP_AUDIT := pip-audit==2.10.1
QUICK := -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/journeys tests/trainer tests/serving tests
export TORCH_EXTENSIONS_DIR := $(CURDIR)/.venv/torch_extensions
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Set-up compiles no module, and a process that may not keep what it compiles starts 2 s of a core later, with PyTorch 7 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo serve test test-full faults soak fuzz-api coverage lint bench chromium screenshots translations requirements audit

setup:  ## make .venv with everything; says which PyTorch and why
	@$(PYTHON) tools/setup.py

demo: setup  ## the whole story on this machine: upload, train, deploy, answer (DEMO_EXIT=1 stops at its end)
	@$(BIN)/python -m demo

serve: setup  ## the platform on http://127.0.0.1:$${PORT:-8000}, data under $${LUTHIER_HOME:-var}
	@exec $(BIN)/python manage.py serve

chromium: setup
	@$(BIN)/python tools/chromium.py > .venv/chromium-path.txt

test: chromium  ## every test that fits into minutes, with real servers, a real browser and a real model
	@started=$$(date +%s); $(BIN)/python $(QUICK) -m "not slow" --durations=25; code=$$?; \
	echo "test: $$(( $$(date +%s) - started )) s"; exit $$code

test-full: chromium  ## also the faults at their real times and the walks on the real model
	@LUTHIER_TEST_FULL=1 $(BIN)/python -m pytest --durations=30 -m "not soak"

faults: setup  ## everything that may die, killed at real times; what was seen, resumed and lost, in figures (about 25 minutes)
	@LUTHIER_TEST_REAL_TIMES=1 $(BIN)/python -m pytest -p tests.journeys.figures -m fault

soak: setup  ## 2,000 jobs and 50 real ones of 20 teams under random kills; SOAK_JOBS, SOAK_REAL_JOBS, SOAK_MINUTES, SEED
	@$(BIN)/python -m pytest tests/journeys/soak -m soak

fuzz-api: setup  ## every operation of the served schema, asked what nobody would; FUZZ_SECONDS (120), SEED
	@$(BIN)/pip install -q $(UV)
	@$(BIN)/python tools/fuzz_api.py --seconds $${FUZZ_SECONDS:-120} $${SEED:+--seed $$SEED}

coverage: chromium  ## the same tests with branches counted; fails below the floor in pyproject.toml
	@$(BIN)/coverage erase
	@$(BIN)/coverage run $(QUICK) -m "not slow and not timed"
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

lint: setup  ## ruff, mypy, import-linter, djLint, oxlint, migrations, translations, the client's types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=.:platform $(BIN)/lint-imports
	@$(BIN)/djlint templates --check --lint --quiet
	@$(BIN)/oxlint --deny-warnings
	@LUTHIER_HOME=$$(mktemp -d) $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	@$(BIN)/python tools/translations.py check
	@LUTHIER_HOME=$$(mktemp -d) $(BIN)/python -W ignore tools/client_types.py check

screenshots: chromium  ## every page in both languages, light and dark, phone and desk, held to what each must be; a sheet of all
	@$(BIN)/python tools/screenshots.py

translations: setup  ## bring the message catalogues up to date with the source
	@$(BIN)/python tools/translations.py extract

requirements: setup  ## the newest packages that pyproject.toml allows, with their hashes, into requirements-*.txt
	@$(BIN)/pip install -q $(UV) && $(BIN)/python tools/requirements.py

audit: setup  ## known weaknesses of the packages in requirements-*.txt; asks the network
	@$(BIN)/pip install -q $(UV)
	@for kind in cpu cuda; do sed 's/+cpu / /' requirements-$$kind.txt > .venv/audit.txt; \
	$(BIN)/uv tool run $(PIP_AUDIT) --strict --disable-pip --require-hashes --progress-spinner off -r .venv/audit.txt || exit 1; done

bench: setup  ## every benchmark in its short form
	@for path in $$(grep -l '^if __name__' benchmarks/*.py); do $(BIN)/python -m benchmarks.$$(basename $$path .py) --quick; done
