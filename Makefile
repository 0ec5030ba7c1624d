# Two commands do all the set-up on a fresh Debian or Ubuntu with Python and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# What pip does when it installs a wheel; without it each start of the command compiles where writing bytecode is off.
COMPILE := $(BIN)/python -m compileall -q $(wildcard dissectors analyzer replay)
SOURCES := $(shell find dissectors analyzer replay -name '*.py' 2>/dev/null)

.PHONY: demo test soak lint format bench samples docs clean

demo: $(READY)
	$(BIN)/mrfscope analyze samples/tcp-dial-in/capture.pcapng

test: $(READY_DEV)
	sh .ci/debian-packages.sh
	$(BIN)/pytest -n 2 --dist loadfile -m "not soak"

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
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/pip:
	sh .ci/make-venv.sh $(PYTHON) $(VENV)

$(READY): pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --config-settings editable_mode=compat --editable .
	$(COMPILE)
	touch $@

$(READY_DEV): pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --config-settings editable_mode=compat --editable '.[dev]'
	$(COMPILE)
	touch $@ $(READY)
