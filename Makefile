# Two commands do all the set-up on a fresh Debian or Ubuntu with Python and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
LOWEST := .venv-lowest

.PHONY: demo test test-lowest soak lint format bench samples docs clean

demo: $(READY)
	@sh .ci/demo.sh $(BIN)

# All tests but the long ones, or those of TESTS.
test: $(READY_DEV)
	@sh .ci/debian-packages.sh
	@$(BIN)/pytest -n 2 --dist loadfile -m "not soak" $(TESTS)

# With the lowest versions that pyproject.toml allows.
test-lowest: $(LOWEST)/.ready
	@sh .ci/debian-packages.sh
	@$(LOWEST)/bin/pytest -n 2 --dist loadfile -m "not soak" $(TESTS)

soak: $(READY_DEV)
	$(BIN)/pytest -m soak

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY_DEV)
	sh .ci/debian-packages.sh
	$(BIN)/python -m benchmarks.run

samples: $(READY_DEV)
	$(BIN)/python -m samples.build

docs: $(READY_DEV)
	$(BIN)/python -m analyzer.conformance docs/conformance.md

clean:
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info

$(BIN)/pip:
	@sh .ci/make-venv.sh $(PYTHON) $(VENV)

$(READY): pyproject.toml | $(BIN)/pip
	@sh .ci/install.sh $(BIN) . $@

$(READY_DEV): pyproject.toml | $(BIN)/pip
	@sh .ci/install.sh $(BIN) '.[dev]' $@
	@cp $@ $(READY)

$(LOWEST)/.ready: pyproject.toml .ci/lowest.py
	@sh .ci/make-venv.sh $(PYTHON) $(LOWEST)
	@$(LOWEST)/bin/python .ci/lowest.py >$(LOWEST)/lowest.txt
	@PIP_CONSTRAINT=$(CURDIR)/$(LOWEST)/lowest.txt sh .ci/install.sh $(LOWEST)/bin '.[dev]' $@
