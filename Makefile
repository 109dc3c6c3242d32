# Two commands: `make demo` and `make test`. Each makes or reuses .venv. `make demo-preemption`, `make bench`, `make soak`: more.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SKY    := .venv-sky
TRACKERS := .venv-trackers/offline .venv-trackers/neptune .venv-trackers/aim .venv-trackers/bare

.PHONY: demo demo-preemption test soak bench clean

demo: $(VENV)/.demo
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/arena_with_performance_tracking.sh

demo-preemption: $(VENV)/.demo
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/arena_preempted.sh

test: $(VENV)/.dev $(SKY)/.made $(TRACKERS:%=%/.made)
	$(BIN)/python .ci/stages.py

soak: $(VENV)/.dev
	MILEPOST_SOAK=1 $(BIN)/python -m pytest -m soak

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Milepost needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[arena,report,wandb]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[aim,arena,aws,dev,fleet,gpu,postgres,prices,replay,report,wandb]'
	command -v chromium > /dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation; }
	touch $@ $(VENV)/.demo

# SkyPilot wants another click: an environment of its own, made anew when the pin changes.
$(SKY)/.made: tests/launch/skypilot.txt
	$(PYTHON) -m venv --clear $(SKY)
	$(SKY)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# Trackers whose files the tests read, in environments of their own, likewise.
.venv-trackers/%/.made: tests/histories/environments/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

.venv-trackers/bare/.made: tests/histories/environments/bare.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

clean:
	rm -rf $(VENV) $(SKY) .venv-trackers .mypy_cache .ruff_cache .pytest_cache .hypothesis
